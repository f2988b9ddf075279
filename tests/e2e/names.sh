#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement cores
# default: inline/1/- channel/2/-
# seconds: 240
#
# rws-get connects by name: to a server of its own choice, to the one that DHCP names; a name with a
# dead IPv6 address, one that does not exist, a server that is none.

. "$(dirname "$0")/lib.sh"
e2e_begin

ZONE=("--host-record=both.example,$KERNEL4,$KERNEL6" "--host-record=four.example,$KERNEL4"
	"--host-record=six.example,$KERNEL6" "--host-record=half.example,$KERNEL4,fd77::dead"
	"--cname=alias.example,both.example" --local=/example/)

# dns OPTION...: dnsmasq on rws0, which a program of ours must have made.
dns() {
	launch dnsmasq dnsmasq --no-daemon --conf-file=/dev/null --no-resolv --no-hosts --user=root \
		--interface=rws0 --bind-dynamic "${ZONE[@]}" "$@"
}

# get NAME STATUS URL OPTION...: rws-get to its end, with a page of 1,000 bytes.
get() {
	local name=$1 status=$2 url=$3
	shift 3
	tap_app "$name" rws-get "$url" --timeout 20 "$@" -o "$WORK/body"
	await_exit "$name" "$status" 40
	[ "$status" -ne 0 ] || expect "bytes of $url" "$(wc -c <"$WORK/body")" 1000
	rm -f "$WORK/body"
}

family=6 # both are there
launch server python3 -B "$E2E/peers/http_server.py" 8000
wait_line 10 "${LOG[server]}" '^listening$' "${PID[server]}" || fail "no server"
dns
for name in both four six half alias; do
	get "$name" 0 "http://$name.example:8000/bytes/1000" --dns "$KERNEL4"
done
get over6 0 "http://both.example:8000/bytes/1000" --dns "$KERNEL6"
get second 0 "http://both.example:8000/bytes/1000" --dns 10.77.0.99 --dns "$KERNEL4"
get missing 1 "http://missing.example:8000/" --dns "$KERNEL4"
grep -q 'no such name' "${LOG[missing]}" || fail "it is not told that the name does not exist"
get nobody 1 "http://both.example:8000/" --dns 10.77.0.99
grep -q 'nothing came for' "${LOG[nobody]}" || fail "it is not told that no server answers"
get none 1 "http://both.example:8000/"
grep -q 'give --dns' "${LOG[none]}" || fail "it is not told that there is no server"
stop_process "${PID[dnsmasq]}"

launch_app leased rws-get "http://four.example:8000/bytes/1000" --dev net_tap0,iface=rws0 --dhcp \
	--timeout 30 -o "$WORK/body"
kernel_joins leased rws0 "$KERNEL4/24"
dns --dhcp-range=10.77.0.100,10.77.0.110,255.255.255.0,2m --dhcp-leasefile="$WORK/leases" \
	--dhcp-authoritative
await_exit leased 0 60
expect "bytes with the leased name server" "$(wc -c <"$WORK/body")" 1000
