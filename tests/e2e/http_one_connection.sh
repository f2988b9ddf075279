#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement cores family
# default: inline/1/4 channel/2/6
#
# 1,000 requests on one connection, one after the other; then 1,000 pipelined ones.

. "$(dirname "$0")/lib.sh"
e2e_begin

web
for _ in $(seq 1000); do
	printf 'url = "http://%s/bytes/100"\noutput = "/dev/null"\n' "$HOST"
done >"$WORK/curl.conf"
peer curl -sS --fail --globoff --max-time 60 -K "$WORK/curl.conf" \
	-w '%{http_code} %{num_connects} %{size_download}\n' >"$WORK/answers"
expect "answers" "$(grep -c '^200 [01] 100$' "$WORK/answers")" 1000
expect "connections made" "$(awk '{ made += $2 } END { print made }' "$WORK/answers")" 1
peer_python pipelined "$RWS" 80 1000
finish_clean web
