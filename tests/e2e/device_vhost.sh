#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement family
# default: channel/-/4
#
# net_vhost and net_virtio_user: two programs of ours over a virtio queue in shared memory, neither
# hugepages nor the kernel in the path.

. "$(dirname "$0")/lib.sh"
e2e_begin

socket=$WORK/vhost.sock
launch_app web rws-httpd --dev "net_vhost0,iface=$socket" --addr "$RWS4/24" --addr "$RWS6/64" \
	--port 80 --root "$WORK"
for size in 0 1 $((64 * KIB)) $((4 * MIB)); do
	wait_until 20 test -S "$socket" || fail "the server made no socket"
	# Each program is a station of its own with the same addresses: the server must notice.
	launch_app "get$size" rws-get --dev "net_virtio_user0,path=$socket" --addr 10.77.0.3/24 \
		--addr fd77::3/64 "http://$HOST/bytes/$size" -o "$WORK/body"
	await_exit "get$size" 0 60
	got=$(sha256sum <"$WORK/body")
	expect "SHA-256 of $size bytes" "${got%% *}" "$(pattern_sha256 "$size")"
done
# A client that ends takes the link down, and the last frames to it leave no more.
finish_clean web drop.tx_queue_full drop.link_down
[ ! -e "$socket" ] || fail "the server left its socket behind"
