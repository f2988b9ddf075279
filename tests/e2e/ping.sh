#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement cores family
# default: inline/1/6 channel/2/4
#
# Echo requests of one packet and of several fragments are all answered, with their bytes.

. "$(dirname "$0")/lib.sh"
e2e_begin

web
for size in 56 1472 8000; do
	peer ping -n -c 20 -i 0.02 -W 5 -s "$size" "$RWS" >"$WORK/ping" || cat "$WORK/ping"
	expect "answers to $size bytes" "$(sed -n 's/.* \([0-9]*\) received.*/\1/p' "$WORK/ping")" 20
	! grep -q 'wrong data\|DUP' "$WORK/ping" || fail "$(grep 'wrong data\|DUP' "$WORK/ping")"
done
finish_clean web
