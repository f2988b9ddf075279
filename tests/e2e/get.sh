#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement family
# default: inline/-/4 channel/-/6
# seconds: 240
#
# rws-get fetches bodies of all sizes from a server on Linux, and uploads them to it.

. "$(dirname "$0")/lib.sh"
e2e_begin

# get NAME OPERAND...: rws-get to its end.
get() {
	local name=$1
	shift
	tap_app "$name" rws-get "$@"
	await_exit "$name" 0 120
	expect_no_drops "$name"
}

launch server python3 -B "$E2E/peers/http_server.py" 8000
wait_line 10 "${LOG[server]}" '^listening$' "${PID[server]}" || fail "no server"
for size in $(body_sizes); do
	get "get$size" "http://$KERNEL_HOST:8000/bytes/$size" -o "$WORK/body"
	got=$(sha256sum <"$WORK/body")
	expect "SHA-256 of $size bytes" "${got%% *}" "$(pattern_sha256 "$size")"
	rm "$WORK/body"

	# A program that starts and ends for each: small uploads only with --full.
	[ "$full" = yes ] || [ "$size" -ge $((64 * KIB)) ] || continue
	pattern_bytes "$size" >"$WORK/up"
	get "put$size" "http://$KERNEL_HOST:8000/upload" --upload "$WORK/up" -o "$WORK/answer"
	expect "what the server got of $size bytes" "$(cat "$WORK/answer")" \
		"$size $(pattern_sha256 "$size")"
	rm "$WORK/up"
done

# A folder without room: it says so, and nothing is left there.
mkdir "$WORK/small"
mount -t tmpfs -o size=64k tmpfs "$WORK/small"
cleanup_push umount "$WORK/small"
tap_app full rws-get "http://$KERNEL_HOST:8000/bytes/$MIB" --output "$WORK/small/body"
await_exit full 1 30
grep -q 'small/body: No space left' "${LOG[full]}" || fail "a full folder is not told"
expect "files in the full folder" "$(ls "$WORK/small")" ""

tap_app missing rws-get "http://$KERNEL_HOST:8000/nothing" -o "$WORK/none"
await_exit missing 1 30
grep -q 404 "${LOG[missing]}" || fail "the status 404 is not told"

# However busy it is, it ends when its time is over: a byte now and then, all that goes through, up
# as well as down.
truncate -s 100G "$WORK/endless"
for busy in drip "bytes/$((100 * GIB))" "upload --upload $WORK/endless"; do
	read -ra request <<<"http://$KERNEL_HOST:8000/$busy"
	tap_app busy rws-get "${request[@]}" --max-time 4 -o /dev/null
	await_exit busy 1 15
	grep -q 'not done within 4 s; see --max-time' "${LOG[busy]}" || fail "$busy: its end is not explained"
done

# Our own address, and one that is all of the network's.
for nobody in 10.77.0.2 10.77.0.255; do
	launch_app nobody rws-get --dev net_tap0,iface=rws0 --addr "$RWS4/24" "http://$nobody:8000/"
	await_exit nobody 1 30
	grep -qF "$nobody:8000: not one other host" "${LOG[nobody]}" || fail "$nobody is not explained"
done

# A report that cannot be written is told, too; the body is where it was to go.
mapfile -t common < <(common_options)
launch unsaid bash -c 'exec "$@" >/dev/full' bash "$(app rws-get)" "${common[@]}" \
	--dev net_tap0,iface=rws0 --addr "$RWS4/24" "http://$KERNEL4:8000/bytes/10" -o "$WORK/ten"
kernel_joins unsaid rws0 "$KERNEL4/24"
await_exit unsaid 1 30
grep -q 'standard output: No space left' "${LOG[unsaid]}" || fail "a report that is lost is not told"
got=$(sha256sum <"$WORK/ten")
expect "SHA-256 of its body" "${got%% *}" "$(pattern_sha256 10)"

# With input and output closed, nothing that the program opens takes their place and the body.
launch closed bash -c 'exec "$@" <&- >&-' bash "$(app rws-get)" "${common[@]}" \
	--dev net_tap0,iface=rws0 --addr "$RWS4/24" "http://$KERNEL4:8000/bytes/10" -o -
kernel_joins closed rws0 "$KERNEL4/24"
await_exit closed 1 30
grep -q -- '-: Bad file descriptor' "${LOG[closed]}" || fail "a body that is lost is not told"
