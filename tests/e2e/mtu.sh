#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement family
# default: inline/-/4 channel/-/6
#
# An MTU of 9000 is used: bodies and datagrams cross in packets of that size; and a small one holds.
# Both ends of the link have it: the program sets a TAP's, and refuses more than a foreign interface's.

. "$(dirname "$0")/lib.sh"
e2e_begin

kernel_mtu() { ip -n "$NS" -o link show dev "$1" | sed 's/.* mtu \([0-9]*\) .*/\1/'; }

# exchange MTU
exchange() {
	local size got longest
	expect "the kernel's MTU" "$(kernel_mtu rws0)" "$1"
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

# A foreign interface is left as it is, and its MTU is ours if no other is asked for.
veth_pair
ip -n "$NS" link set dev veth1 mtu 1400
status=0
launch_app refused rws-echo --dev net_af_packet0,iface=veth1 --addr "$RWS4/24" --mtu 1500
wait "${PID[refused]}" || status=$?
expect "status with more than the interface's MTU" "$status" 2
grep -q 'has an MTU of 1400: .*ip link set dev veth1 mtu 1500' "${LOG[refused]}" || fail "no remedy is named"
launch_app foreign rws-httpd --dev net_af_packet0,iface=veth1 --addr "$RWS4/24" --root "$WORK"
wait_serving foreign
got=$(peer curl -sS --fail --max-time 60 "http://$RWS4/bytes/$MIB" | sha256sum)
expect "SHA-256 of $MIB bytes" "${got%% *}" "$(pattern_sha256 "$MIB")"
expect "the foreign interface's MTU" "$(kernel_mtu veth1)" 1400
finish_clean foreign
expect "black holes" "$(counter foreign tcp.pmtu_black_holes)" 0
