#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement cores family
# default: inline/1/4 inline/2/6 channel/2/4
# seconds: 180
#
# curl fetches bodies of all sizes; every byte is the right one.

. "$(dirname "$0")/lib.sh"
e2e_begin

web
for size in $(body_sizes); do
	got=$(peer curl -sS --fail --max-time 120 "http://$HOST/bytes/$size" | sha256sum)
	expect "SHA-256 of $size bytes" "${got%% *}" "$(pattern_sha256 "$size")"
done
finish_clean web
