#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement family
# default: inline/-/4 channel/-/6
#
# An MTU of 9000 is used: bodies and datagrams cross in packets of that size; and a small one holds.

. "$(dirname "$0")/lib.sh"
e2e_begin

# exchange MTU
exchange() {
	local size got longest
	ip -n "$NS" link set dev rws0 mtu "$1"
	launch tcpdump tcpdump -i rws0 -n -s 100 --immediate-mode -U -w "$WORK/capture"
	wait_line 10 "${LOG[tcpdump]}" 'listening on' "${PID[tcpdump]}" || fail "no capture"
	for size in 1 $((8 * MIB)); do
		got=$(peer curl -sS --fail --max-time 60 "http://$HOST/bytes/$size" | sha256sum)
		expect "SHA-256 of $size bytes" "${got%% *}" "$(pattern_sha256 "$size")"
	done
	peer ping -q -n -c 3 -i 0.05 -W 5 -s 8900 "$RWS" >/dev/null || fail "no answer to a long ping"
	stop_process "${PID[tcpdump]}"
	longest=$(tshark -n -r "$WORK/capture" -Y "ip.src == $RWS4 || ipv6.src == $RWS6" -T fields \
		-e frame.len 2>/dev/null | sort -n | tail -n 1)
	expect "our longest frame" "$longest" $(($1 + 14))
}

for mtu in 9000 1280; do
	web --mtu "$mtu"
	exchange "$mtu"
	finish_clean web
done
