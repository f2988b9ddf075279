#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement cores family
# default: inline/1/4 channel/2/6
#
# tshark reads everything we sent in one capture: no malformed packet, no bad checksum, and on a
# link that loses nothing no retransmission.

. "$(dirname "$0")/lib.sh"
e2e_begin

# judge WHAT FILTER: no packet of ours matches. Checksums are validated in ours alone: the
# kernel's may be seen before they are filled in.
judge() {
	local found
	found=$(tshark -n -r "$WORK/capture" -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE \
		-o udp.check_checksum:TRUE -Y "$ours && ($2)" 2>"$WORK/tshark.log") ||
		fail "tshark: $(cat "$WORK/tshark.log")"
	[ -z "$found" ] || fail "$1 in what we sent: $(head -n 20 <<<"$found")"
	say "ok: no $1"
}

count() { tshark -n -r "$WORK/capture" -Y "$ours && ($1)" 2>/dev/null | wc -l; }

web
launch tcpdump tcpdump -i rws0 -s 2048 --immediate-mode -U -B 65536 -w "$WORK/capture"
wait_line 10 "${LOG[tcpdump]}" 'listening on' "${PID[tcpdump]}" || fail "no capture"
for size in 0 1 1460 65536 4194304; do
	peer curl -sS --fail --max-time 60 -o /dev/null "http://$HOST/bytes/$size"
done
pattern_bytes 4194304 >"$WORK/body"
peer curl -sS --fail --max-time 60 -o /dev/null -H 'Expect:' -T "$WORK/body" "http://$HOST/upload"
for size in 56 1472 8000; do
	peer ping -q -n -c 3 -i 0.05 -W 5 -s "$size" "$RWS" >/dev/null
done
peer_python resets "$RWS" 80 10
peer curl -sS --max-time 5 -o /dev/null "http://$HOST:81/" 2>/dev/null && fail "port 81 answers"
stop_process "${PID[tcpdump]}"
finish web
! grep -E '[1-9][0-9]* packets? dropped by kernel' "${LOG[tcpdump]}" || fail "the capture has holes"

if [ "$family" = 4 ]; then ours="ip.src == $RWS"; else ours="ipv6.src == $RWS"; fi
expect_at_least "TCP packets of ours" "$(count tcp)" 3000
expect_at_least "answers to echo requests" "$(count 'icmp || icmpv6')" 9
judge "malformed packet" "_ws.malformed || _ws.expert.severity == error"
judge "bad checksum" "ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0 ||
	icmp.checksum.status == 0 || icmpv6.checksum.status == 0"
judge "retransmission" "tcp.analysis.retransmission || tcp.analysis.fast_retransmission ||
	tcp.analysis.spurious_retransmission"
judge "segment out of order" "tcp.analysis.out_of_order || tcp.analysis.lost_segment"
expect_no_drops web drop.conn_closed drop.tcp_refused
expect "segments refused, the SYN to port 81" "$(counter web drop.tcp_refused)" 1
