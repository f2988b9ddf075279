#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement cores family
# default: channel/1/6 inline/2/4
#
# net_af_packet, then net_af_xdp on one end of a veth pair, the kernel on the other. They have one
# queue for all cores.

. "$(dirname "$0")/lib.sh"
e2e_begin

# serves DRIVER: bodies of all sizes, and echo requests.
serves() {
	local size got
	launch_app "$1" rws-httpd --dev "${1}0,iface=veth1" --addr "$RWS4/24" --addr "$RWS6/64" --port 80 \
		--root "$WORK"
	wait_serving "$1"
	for size in 0 1 1460 $((64 * KIB)) $((16 * MIB)); do
		got=$(peer curl -sS --fail --max-time 60 "http://$HOST/bytes/$size" | sha256sum)
		expect "SHA-256 of $size bytes" "${got%% *}" "$(pattern_sha256 "$size")"
	done
	peer ping -q -n -c 3 -i 0.05 -W 5 "$RWS" >/dev/null || fail "no answer to ping"
	finish_clean "$1"
	expect "the link after the end" "$(ip -n "$NS" -o link show dev veth1 | wc -l)" 1
}

ip -n "$NS" link add veth0 type veth peer name veth1
kernel_end "$NS" veth0 "$KERNEL4/24" "$KERNEL6/64"
# The device sees frames as the kernel made them: without offloads, which only hardware completes.
peer ethtool -K veth0 tx off tso off gso off >/dev/null
peer ethtool -K veth1 gro off >/dev/null
set_sysctl "$NS" ipv6/conf/veth1/disable_ipv6 1
ip -n "$NS" link set dev veth1 up

serves net_af_packet
serves net_af_xdp
