#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement cores family
# default: inline/2/4 channel/1/6
# seconds: 400
#
# rws-proxy between clients and servers on Linux: bodies of all sizes both ways, a crowd, backends that
# die and come back, and how either side's end reaches the other.

. "$(dirname "$0")/lib.sh"
e2e_begin

# backend NAME PORT [SCRIPT]: an HTTP server to be proxied to.
backend() {
	launch "$1" python3 -B "$E2E/peers/${3:-http_crowd}.py" "$2"
	wait_line 30 "${LOG[$1]}" '^listening$' "${PID[$1]}" || fail "$1 does not listen"
}

fetch() { peer curl -sS --fail --max-time 60 "$@"; }

said() { grep -qF "$1" "${LOG[proxy]}"; }

expect_said() { wait_until 10 said "$1" || fail "the proxy never said '$1'" && say "ok: it says '$1'"; }

to_backends() { printf '%s\n' --backend "$KERNEL_HOST:8001" --backend "$KERNEL_HOST:8002"; }

# refused REGEX OPTION...: the command line cannot work, and the message matches.
refused() {
	local regex=$1 status=0
	shift
	timeout 20 "$(app rws-proxy)" --dev net_tap0,iface=rws0 --addr "$RWS4/24" "$@" \
		2>"$WORK/said" || status=$?
	expect "status with '$*'" "$status" 2
	grep -qE "$regex" "$WORK/said" || fail "'$*': it says $(cat "$WORK/said")"
}

bodies() {
	local size got
	for size in $(body_sizes); do
		got=$(fetch "http://$HOST/bytes/$size" | sha256sum)
		expect "SHA-256 of $size bytes down" "${got%% *}" "$(pattern_sha256 "$size")"
		pattern_bytes "$size" >"$WORK/up"
		expect "what the server got of $size bytes" "$(fetch -T "$WORK/up" "http://$HOST/upload")" \
			"$size $(pattern_sha256 "$size")"
		rm "$WORK/up"
	done
}

crowd() {
	local seconds=10
	[ "$full" = no ] || seconds=60
	peer wrk -t 2 -c 512 -d "${seconds}s" --timeout 10s "http://$HOST/bytes/1000" | tee "$WORK/wrk"
	! grep -qE 'Socket errors|Non-2xx' "$WORK/wrk" || fail "wrk saw errors"
	expect_at_least "requests" "$(awk '/requests in/ { print $1 }' "$WORK/wrk")" 5000
}

# Each thread of the proxy has to find out by itself: several requests.
requests() {
	local i
	for i in 1 2 3 4 5 6 7 8; do
		fetch "http://$HOST/bytes/1000" | cmp - "$WORK/thousand" || fail "request $i"
	done
	say "ok: 8 requests"
}

one_dies_and_comes_back() {
	pattern_bytes 1000 >"$WORK/thousand"
	requests
	stop_process "${PID[first]}"
	requests
	expect_said "backend $KERNEL_HOST:8001: connection refused"
	backend first 8001
	sleep 1.1
	requests
	expect_said "backend $KERNEL_HOST:8001 is back"
}

all_die() {
	local status=0
	stop_process "${PID[first]}"
	stop_process "${PID[second]}"
	peer curl -sS --max-time 20 -o /dev/null "http://$HOST/bytes/1" || status=$?
	case $status in # the reset may come before curl has looked at its connection
	7 | 55 | 56) say "ok: curl was reset" ;;
	*) fail "curl's status is $status, a reset would be 7, 55 or 56" ;;
	esac
	expect_said "no backend left"
	backend first 8001
	sleep 1.1
	fetch "http://$HOST/bytes/1000" | cmp - "$WORK/thousand" || fail "request after all were back"
}

refused 'backend is missing'
refused 'write it as' --backend 10.0.0.1
refused 'write it as' --backend '*:80'
refused 'write it as' --backend 0.0.0.0:80
refused 'given twice' --backend 10.0.0.1:80 --backend 10.0.0.1:80

backend first 8001 http_server
backend second 8002 http_server
mapfile -t backends < <(to_backends)
tap_server proxy rws-proxy --port 80 "${backends[@]}" --fail-timeout 1
bodies
stop_process "${PID[first]}"
stop_process "${PID[second]}"
backend first 8001
backend second 8002
crowd
one_dies_and_comes_back
all_die
# Segments on the way when a reset crosses them are of no connection when they come.
finish_clean proxy drop.conn_closed drop.tcp_refused
expect_at_least "clients accepted" "$(counter proxy proxy.accepted)" 530
expect_at_least "clients of the first" "$(counter proxy proxy.backend1.connections)" 200
expect_at_least "clients of the second" "$(counter proxy proxy.backend2.connections)" 200
expect_at_least "failures of the first" "$(counter proxy proxy.backend1.failures)" 1
expect_at_least "clients refused" "$(counter proxy proxy.refused)" 1

threads=1
[ "$placement" = channel ] || threads=$cores
tap_server ends rws-proxy --port 80 --backend "$KERNEL_HOST:8003" --idle-timeout 2 --connections 4
peer_python proxy_ends "$RWS" 80 8003 $((4 * threads))
finish_clean ends drop.conn_closed drop.tcp_refused
expect "connections reset for want of bytes" "$(counter ends proxy.idle)" 1
