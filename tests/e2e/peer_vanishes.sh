#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement cores family
# default: inline/1/4 channel/2/6
#
# The link goes down in the middle of a body: after two seconds it comes back and the body arrives
# whole; then it goes down for good, and the server still ends in order and holds nothing.

. "$(dirname "$0")/lib.sh"
e2e_begin

# start_download FILE: slow enough that the link can go down in its middle.
start_download() {
	ip netns exec "$NS" curl -sS --fail --max-time 90 --limit-rate 20M -o "$1" "http://$HOST/bytes/$((64 * MIB))" \
		2>"$WORK/curl.log" &
	download=$!
	cleanup_push stop_process "$download"
	wait_until 10 has_bytes "$1" 4000000 || fail "the download does not begin"
}

has_bytes() { [ "$(stat -c %s "$1")" -ge "$2" ]; }

link_down() { ip -n "$NS" link set dev rws0 down; }

# The kernel forgets its IPv6 addresses and routes with the link.
link_up() { kernel_end "$NS" rws0 "$KERNEL4/24" "$KERNEL6/64"; }

web
start_download "$WORK/body"
link_down
sleep 2 # the outage itself, not a wait for something
link_up
wait "$download" || fail "curl ended with status $? after the outage"
got=$(sha256sum <"$WORK/body")
expect "SHA-256 across the outage" "${got%% *}" "$(pattern_sha256 $((64 * MIB)))"

start_download "$WORK/body2"
link_down
finish web
