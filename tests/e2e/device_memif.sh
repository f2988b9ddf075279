#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement family
# default: inline/-/6
#
# net_memif: two programs of ours, shared memory between them, no kernel in the path.

. "$(dirname "$0")/lib.sh"
e2e_begin

memif=socket=$WORK/memif.sock,socket-abstract=no
launch_app web rws-httpd --dev "net_memif0,role=server,$memif" --addr "$RWS4/24" --addr "$RWS6/64" \
	--port 80 --root "$WORK"
wait_until 20 test -S "$WORK/memif.sock" || fail "the server made no socket"
for size in 0 1 $((64 * KIB)) $((64 * MIB)); do
	# Each program is a station of its own with the same addresses: the server must notice.
	launch_app "get$size" rws-get --dev "net_memif0,role=client,$memif" --addr 10.77.0.3/24 \
		--addr fd77::3/64 "http://$HOST/bytes/$size" -o "$WORK/body"
	await_exit "get$size" 0 60
	got=$(sha256sum <"$WORK/body")
	expect "SHA-256 of $size bytes" "${got%% *}" "$(pattern_sha256 "$size")"
done
finish web
