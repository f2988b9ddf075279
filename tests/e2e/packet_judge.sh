#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement cores family
# default: inline/1/4 channel/2/6
#
# tshark reads everything we sent in one capture: no malformed packet, no bad checksum, and on a
# link that loses nothing no retransmission.

. "$(dirname "$0")/lib.sh"
e2e_begin

# What none of our packets may be. Checksums are validated in ours alone: the kernel's may be seen
# before they are filled in.
declare -A FAULTS=(
	["malformed packet"]="_ws.malformed || _ws.expert.severity == error"
	["bad checksum"]="ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0 ||
		icmp.checksum.status == 0 || icmpv6.checksum.status == 0"
	["retransmission"]="tcp.analysis.retransmission || tcp.analysis.fast_retransmission ||
		tcp.analysis.spurious_retransmission"
	["segment out of order"]="tcp.analysis.out_of_order || tcp.analysis.lost_segment"
)

# ours FILTER OPTION...: tshark reads those of our packets that match.
ours() {
	local filter=$1
	shift
	tshark -n -r "$WORK/capture" -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE \
		-o udp.check_checksum:TRUE -Y "$from_us && ($filter)" "$@" 2>"$WORK/tshark.log" ||
		fail "tshark: $(cat "$WORK/tshark.log")"
}

# All faults are looked for in one pass: tshark takes seconds for each.
judge() {
	local what any='' found
	for what in "${!FAULTS[@]}"; do
		any+="${any:+ || }${FAULTS[$what]}"
	done
	found=$(ours "$any")
	[ -n "$found" ] || { say "ok: no ${!FAULTS[*]}" && return; }
	for what in "${!FAULTS[@]}"; do
		say "$what: $(ours "${FAULTS[$what]}" | head -n 20)"
	done
	fail "faults in what we sent"
}

# Sets tcp and echo: how many segments and how many answers to pings we sent.
count() {
	read -r tcp echo < <(ours frame -T fields -e tcp.stream -e icmp.type -e icmpv6.type |
		awk -F '\t' '{ tcp += $1 != ""; echo += $2 != "" || $3 != "" } END { print tcp + 0, echo + 0 }')
}

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

if [ "$family" = 4 ]; then from_us="ip.src == $RWS"; else from_us="ipv6.src == $RWS"; fi
count
expect_at_least "TCP packets of ours" "$tcp" 3000
expect_at_least "answers to echo requests" "$echo" 9
judge
expect_no_drops web drop.conn_closed drop.tcp_refused
expect "segments refused, the SYN to port 81" "$(counter web drop.tcp_refused)" 1
