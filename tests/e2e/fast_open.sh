#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: family
# default: -/-/4 -/-/6
#
# TCP Fast Open between us and the kernel, either side's: the first connection brings a cookie, and
# those after it carry data in their SYN, which arrive once.

. "$(dirname "$0")/lib.sh"
e2e_begin

size=100000

veth_pair
set_sysctl "$NS" ipv4/tcp_fastopen 3

# expect_opened NAME NAME: of the three connections that two programs had, those but the first
# carried data in the SYN, as both ends say.
expect_opened() {
	local name
	for name in "$1" "$2"; do
		expect "Fast Open of three connections, says $name" \
			"$(sed -n 's/^opened:.* sack\( ecn\)\?//p' "${LOG[$name]}" | paste -sd,)" \
			", syn_data, syn_data"
	done
}

# expect_syn_data PORT: of the three SYNs to it in the capture two have data, and all the option.
expect_syn_data() {
	local syns
	stop_process "${PID[tcpdump]}"
	syns=$(tshark -n -r "$WORK/capture" -T fields -e tcp.len -e tcp.option_kind -Y \
		"tcp.flags.syn == 1 && tcp.dstport == $1" 2>/dev/null)
	expect "SYNs with data" "$(grep -cv '^0' <<<"$syns")" 2
	expect "SYNs with the option" "$(grep -cE '[,[:space:]]34(,|$)' <<<"$syns")" 3
}

# What the device sends past the queues of its own end is seen at the other.
capture() {
	launch tcpdump tcpdump -i veth0 -n -s 200 --immediate-mode -U -w "$WORK/capture"
	wait_line 10 "${LOG[tcpdump]}" 'listening on' "${PID[tcpdump]}" || fail "no capture"
}

# The kernel's client
capture
opener ours serve 7 fast_open
wait_line 20 "${LOG[ours]}" '^opener: ready$' "${PID[ours]}" || fail "no server"
launch theirs python3 -B "$E2E/peers/opens.py" fetch "$RWS" 7 "$size" 3 fast_open
await_exit theirs 0 60
finish ours
expect_opened ours theirs
expect_syn_data 7
expect_no_drops ours

# The kernel's server
capture
launch server python3 -B "$E2E/peers/opens.py" serve 7000 fast_open
wait_line 10 "${LOG[server]}" '^listening$' "${PID[server]}" || fail "no server"
opener fetcher fetch "$KERNEL" 7000 "$size" 3 fast_open
await_exit fetcher 0 60
wait_until 10 eval "[ \$(grep -c ^opened '${LOG[server]}') -eq 3 ]" || fail "the kernel's are not over"
expect_opened fetcher server
expect_syn_data 7000
expect_no_drops fetcher
