#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement family
# default: channel/-/6
# seconds: 900
#
# Both ways between the kernel and us over a link that loses 1 % of the frames, brings 5 % late and
# 1 % twice, with jitter, in either direction: every byte arrives, seldom by a timeout, and tshark
# finds no fault in what we sent. 64 MiB each way; 1 GiB with --full.

. "$(dirname "$0")/lib.sh"
e2e_begin

size=$((64 * MIB))
[ "$full" != yes ] || size=$GIB

worse=(delay_us=500 jitter_us=300 loss_ppm=10000 reorder_ppm=50000 reorder_us=500 duplicate_ppm=10000)
impaired_link "$NS" "${worse[@]}" -- "${worse[@]}"
set_sysctl "$NS" ipv6/conf/veth1/disable_ipv6 1

launch_app web rws-httpd --dev net_af_packet0,iface=veth1 --addr "$RWS4/24" --addr "$RWS6/64" \
	--port 80 --root "$WORK"
wait_serving web
# At the kernel's end: a device of DPDK's net_af_packet sends past what would capture at its own.
launch tcpdump tcpdump -i veth0 -s 2048 --immediate-mode -U -B 65536 -c 150000 -w "$WORK/capture" \
	"src host $RWS"
wait_line 10 "${LOG[tcpdump]}" 'listening on' "${PID[tcpdump]}" || fail "no capture"

wanted=$(pattern_sha256 "$size")
got=$(peer curl -sS --fail --max-time 400 "http://$HOST/bytes/$size" | sha256sum)
expect "SHA-256 of $size bytes from us" "${got%% *}" "$wanted"
pattern_bytes "$size" >"$WORK/body"
answer=$(peer curl -sS --fail --max-time 400 -H 'Expect:' -T "$WORK/body" "http://$HOST/upload")
say "$answer"
grep -qiw "$wanted" <<<"$answer" || fail "$size bytes to us: wrong SHA-256"

stop_process "${PID[tcpdump]}"
stop_process "${PID[impair]}"
cat "${LOG[impair]}"
finish web

# Of what we sent, 1 % is lost once, and one in 10,000 twice. A timeout is for the few cases in which
# neither SACK nor a probe tells.
segments=$(counter web tcp.tx_segments) again=$(counter web tcp.retransmits) rtos=$(counter web tcp.timeouts)
say "$segments segments, $again again, $rtos timeouts"
[ "$rtos" -le $((segments / 5000 + 5)) ] || fail "$rtos retransmission timeouts"
[ "$again" -le $((segments / 20)) ] || fail "$again of $segments segments sent again"

captured=$(awk '/packets captured/ { print $1 }' "${LOG[tcpdump]}")
[ "${captured:-0}" -gt $((size / 1500)) ] || [ "${captured:-0}" -eq 150000 ] || fail "only ${captured:-0} packets captured"
# Bodies are not put together: that takes tshark time with the square of their length.
found=$(tshark -n -r "$WORK/capture" -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE \
	-o http.desegment_body:FALSE -Y \
	"_ws.malformed || _ws.expert.severity == error || ip.checksum.status == 0 || tcp.checksum.status == 0" \
	2>"$WORK/tshark.log" | head -n 20) || fail "tshark: $(cat "$WORK/tshark.log")"
[ -z "$found" ] || fail "faults in what we sent: $found"
say "ok: tshark finds no fault in $captured packets"
