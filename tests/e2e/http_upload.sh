#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement cores family
# default: inline/2/4 channel/1/6
# seconds: 180
#
# curl uploads bodies of all sizes; the server names the length and the SHA-256 of what it got.

. "$(dirname "$0")/lib.sh"
e2e_begin

web
for size in $(body_sizes); do
	pattern_bytes "$size" >"$WORK/body"
	answer=$(peer curl -sS --fail --max-time 120 -H 'Expect:' -T "$WORK/body" "http://$HOST/upload")
	say "$answer"
	grep -qw "$size" <<<"$answer" || fail "the answer to $size bytes does not name the length"
	grep -qiw "$(pattern_sha256 "$size")" <<<"$answer" || fail "$size bytes: wrong SHA-256"
done
finish_clean web
