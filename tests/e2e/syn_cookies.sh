#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: family
# default: -/-/4 -/-/6
#
# SYN cookies between us and the kernel, either side's: 16 MiB go to the other end and back, and both
# ends know the same of window scales, timestamps, SACK and ECN as without a cookie.

. "$(dirname "$0")/lib.sh"
e2e_begin

size=$((16 * MIB))

veth_pair
set_sysctl "$NS" ipv4/tcp_ecn 1

# opened NAME: what the program's last connection settled.
opened() { sed -n 's/^opened: //p' "${LOG[$1]}" | tail -n 1; }

# expect_agreement OURS KERNELS REGEX: both lines of one connection.
expect_agreement() {
	local ours theirs
	ours=$(opened "$1")
	theirs=$(opened "$2" | awk '{ swap = $2; $2 = $3; $3 = swap; print }')
	expect "what we settled" "$ours" "$theirs"
	grep -qE "^$3\$" <<<"$ours" || fail "that is not '$3'"
}

# our_cookies REGEX: the kernel's client; what is settled then.
our_cookies() {
	opener ours serve 7 cookies
	wait_line 20 "${LOG[ours]}" '^opener: ready$' "${PID[ours]}" || fail "no server"
	launch theirs python3 -B "$E2E/peers/opens.py" fetch "$RWS" 7 "$size" 1
	await_exit theirs 0 60
	finish ours
	expect_agreement ours theirs "$1"
	expect "connections that our cookies opened" "$(counter ours tcp.syn_cookies_accepted)" 1
	expect_no_drops ours
}

# The kernel's. It counts in the namespace.
their_cookies() {
	local before
	before=$(kernel_counter TcpExtSyncookiesRecv)
	opener fetcher fetch "$KERNEL" 7000 "$size" 1 ecn
	await_exit fetcher 0 60
	wait_line 10 "${LOG[server]}" '^opened' "${PID[server]}" || fail "the kernel's end is not over"
	expect_agreement fetcher server "$1"
	# Of segments that come close together the kernel may count more than one.
	expect_at_least "segments that brought the kernel a cookie" \
		$(($(kernel_counter TcpExtSyncookiesRecv) - before)) 1
	expect_no_drops fetcher
}

set_sysctl "$NS" ipv4/tcp_syncookies 2
launch server python3 -B "$E2E/peers/opens.py" serve 7000
wait_line 10 "${LOG[server]}" '^listening$' "${PID[server]}" || fail "no server"

everything='wscale [1-9][0-9]* [1-9][0-9]* ts sack ecn'
our_cookies "$everything"
their_cookies "$everything"

# A cookie has room for the MSS alone; without timestamps nothing else is settled.
set_sysctl "$NS" ipv4/tcp_timestamps 0
our_cookies 'wscale 0 0'
their_cookies 'wscale 0 0'
