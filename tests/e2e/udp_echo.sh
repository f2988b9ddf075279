#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement cores family
# default: inline/2/6 channel/1/4
#
# Datagrams of all sizes come back whole, in fragments both ways where they are too long for one
# packet; then 100,000 of them, with every lost one counted by whoever lost it.

. "$(dirname "$0")/lib.sh"
e2e_begin

lost_by_stack() {
	counters <"${LOG[echo]}" |
		awk '/^drop\.|^device\.(rx_missed|rx_errors|rx_no_mbuf|tx_errors) / { sum += $2 }
			END { print sum + 0 }'
}

# On the link, and for want of room in the socket.
lost_by_kernel() {
	ip -n "$NS" -s -j link show dev rws0 | python3 -B -c '
import json, sys
stats = json.load(sys.stdin)[0]["stats64"]
print(stats["rx"]["dropped"] + stats["tx"]["dropped"])'
	peer cat /proc/net/snmp /proc/net/snmp6 | awk '$1 == "Udp:" && seen++ { print $6 }
		$1 == "Udp6RcvbufErrors" { print $2 }'
}

# The longest that IPv4 carries; for IPv6 lwIP counts the bytes of a packet, its header included,
# in 16 bits, where RFC 8200 3 would leave room for 40 more.
longest=65507
[ "$family" = 4 ] || longest=65487

tap_server echo rws-echo --port 7
peer_python udp_echo "$RWS" 7 0 1 1472 1473 9000 "$longest"
peer_python udp_flood "$RWS" 7 100000 200 | tee "$WORK/flood"
by_kernel=$(lost_by_kernel | awk '{ sum += $1 } END { print sum }')
finish echo

lost=$(awk '$1 == "lost" { print $2 }' "$WORK/flood")
counted=$((by_kernel + $(lost_by_stack)))
[ "$lost" -le "$counted" ] || fail "$lost datagrams were lost, only $counted counted"
[ "$lost" -le 1000 ] || fail "$lost of 100,000 datagrams were lost at a moderate rate"
say "ok: $lost datagrams lost, $counted counted"
[ "$lost" -gt 0 ] || expect_no_drops echo
