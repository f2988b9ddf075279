#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement cores
# default: inline/2/- channel/1/-
#
# An IPv6 address from the router advertisements of dnsmasq, beside one of the link that was asked for;
# the page is served on it.

. "$(dirname "$0")/lib.sh"
e2e_begin

launch_app web rws-httpd --dev net_tap0,iface=rws0 --slaac --addr fe80::77/64 --port 80 --root "$WORK"
kernel_joins web rws0 fd78::1/64
# Without it dnsmasq advertises from the other address, which we must refuse (RFC 4861 6.1.2).
wait_until 10 link_local_ready rws0 || fail "the kernel has no link-local address on rws0"
launch dnsmasq dnsmasq --no-daemon --conf-file=/dev/null --port=0 --interface=rws0 --bind-interfaces \
	--enable-ra --dhcp-range=fd78::,ra-only,64,10m --dhcp-leasefile="$WORK/leases" --user=root \
	--log-dhcp
wait_serving web
address=$(grep "stack core" "${LOG[web]}" | grep -oi 'fd78:[0-9a-f:]*' | head -n 1)
[ -n "$address" ] || fail "the server names no address of the advertised prefix"
grep -q 'on .*\[fe80::77\]:80' "${LOG[web]}" || fail "an address of the link that was asked for is not named"
got=$(peer curl -sS --fail --max-time 20 "http://[$address]/bytes/100000" | sha256sum)
expect "SHA-256 from $address" "${got%% *}" "$(pattern_sha256 100000)"
finish_clean web
