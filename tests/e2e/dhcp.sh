#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement cores
# default: inline/1/- channel/2/-
#
# An IPv4 address and gateway from dnsmasq; the page is served on what was leased.

. "$(dirname "$0")/lib.sh"
e2e_begin

launch_app web rws-httpd --dev net_tap0,iface=rws0 --dhcp --port 80 --root "$WORK"
kernel_joins web rws0 "$KERNEL4/24"
launch dnsmasq dnsmasq --no-daemon --conf-file=/dev/null --port=0 --interface=rws0 --bind-interfaces \
	--dhcp-range=10.77.0.100,10.77.0.110,255.255.255.0,2m --dhcp-leasefile="$WORK/leases" \
	--dhcp-authoritative --user=root --log-dhcp
wait_serving web
leased=$(awk '{ print $3 }' "$WORK/leases")
say "leased: $leased"
grep -q "$leased" "${LOG[web]}" || fail "the server does not name the address $leased"
got=$(peer curl -sS --fail --max-time 20 "http://$leased/bytes/100000" | sha256sum)
expect "SHA-256" "${got%% *}" "$(pattern_sha256 100000)"
finish_clean web
