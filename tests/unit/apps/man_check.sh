#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# usage: tests/unit/apps/man_check.sh PAGE...
#
# The manual pages are well-formed. They carry no date, so that the same source gives the same page.
# Exit status: 0 well, 1 not, 77 without mandoc.

set -euo pipefail

command -v mandoc >/dev/null || exit 77
failed=0
for page in "$@"; do
	said=$(mandoc -T lint -W warning "$page" | grep -v 'missing date' || :)
	grep -q '^\.SH OPTIONS' "$page" || said+=$'\n'"$page: no options"
	[ -z "$said" ] || { printf '%s\n' "$said" && failed=1; }
done
exit "$failed"
