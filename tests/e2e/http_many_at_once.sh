#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement cores family
# default: inline/2/4 channel/1/6
#
# wrk with 512 connections at once for 10 s: no error of any kind.

. "$(dirname "$0")/lib.sh"
e2e_begin

web
peer wrk -t 2 -c 512 -d 10s --timeout 10s "http://$HOST/index.html" | tee "$WORK/wrk"
! grep -qE 'Socket errors|Non-2xx' "$WORK/wrk" || fail "wrk saw errors"
expect_at_least "requests" "$(awk '/requests in/ { print $1 }' "$WORK/wrk")" 5000
finish_clean web
