#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# usage: tests/unit/apps/output_check.sh PROGRAM...
#
# What was asked for and cannot be written is no success: each program says so and ends with 1.

set -euo pipefail

failed=0

# expect WHAT GOT WANTED
expect() {
	[ "$2" = "$3" ] || { printf '%s: got "%s", expected "%s"\n' "$@" && failed=1; }
}

for program in "$@"; do
	name=${program##*/}
	for option in --help --version --man; do
		status=0
		said=$("$program" "$option" 2>&1 >/dev/full) || status=$?
		expect "$name $option" "$status $said" \
			"1 $name: standard output: No space left on device"
		status=0
		said=$("$program" "$option" 2>&1 >&-) || status=$?
		expect "$name $option, closed" "$status $said" \
			"1 $name: standard output: Bad file descriptor"
		status=0
		said=$("$program" "$option" 2>&1 >/dev/null) || status=$?
		expect "$name $option, dropped" "$status $said" "0 "
	done
done
exit "$failed"
