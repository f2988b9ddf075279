#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement
# default: inline/-/- channel/-/-
#
# A second instance beside a running one serves as well; one that wants the same TAP device says
# why not, and the first goes on.

. "$(dirname "$0")/lib.sh"
e2e_begin

web
launch_app echo rws-echo --dev net_tap0,iface=rws1 --addr 10.77.1.2/24 --port 7
kernel_joins echo rws1 10.77.1.1/24
wait_serving echo
peer_python udp_echo 10.77.1.2 7 1 1000 9000

status=0
launch_app third rws-httpd --dev net_tap0,iface=rws0 --addr 10.77.2.2/24 --port 80 --root "$WORK"
wait_until 20 gone "${PID[third]}" || fail "a second owner of rws0 does not end"
wait "${PID[third]}" || status=$?
cat "${LOG[third]}"
expect "status of a second owner of rws0" "$status" 2
grep -q rws0 "${LOG[third]}" || fail "the message does not name rws0"

got=$(peer curl -sS --fail --max-time 20 "http://$RWS4/bytes/1000000" | sha256sum)
expect "SHA-256 from the first" "${got%% *}" "$(pattern_sha256 1000000)"
peer_python udp_echo 10.77.1.2 7 1
finish_clean echo
finish_clean web
