#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement cores family
# default: inline/2/4 channel/2/6
#
# A member of a multicast group on each stack core hears every datagram once, whole ones and
# fragments, whichever core the device gives them to; and nothing of another group.

. "$(dirname "$0")/lib.sh"
e2e_begin

group=239.1.2.3 other=239.1.2.4
[ "$family" = 4 ] || group=ff15::1234 other=ff15::1235

app() { say "$RWS_BUILD/tests/e2e/$1"; }

# Members of their own threads share a port; those of one thread have one each, by core.
ports=(7)
[ "$placement" = inline ] || mapfile -t ports < <(seq 7 $((6 + cores)))

tap_server members group_member --group "$group" --port 7
for port in "${ports[@]}"; do
	peer_python group_send rws0 "$other" "$port" 10 100
	peer_python group_send rws0 "$group" "$port" 200 100
	peer_python group_send rws0 "$group" "$port" 20 5000
done
sleep 0.3
finish_clean members
for ((i = 0; i < cores; i++)); do
	expect "what member $i heard" "$(counter members "member.$i")" 220
done
