#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement family
# default: inline/-/4 channel/-/6
#
# Half close both ways: the kernel ends its direction first and still gets everything back; we end
# ours first and still read all that the kernel sends.

. "$(dirname "$0")/lib.sh"
e2e_begin

tap_server echo rws-echo --port 7
peer_python half_close "$RWS" 7
finish_clean echo

launch server python3 -B "$E2E/peers/answer_at_end.py" 7000
wait_line 10 "${LOG[server]}" '^listening$' "${PID[server]}" || fail "no server"
prefix=24
[ "$family" = 4 ] || prefix=64
for length in 0 1 100000 $((20 * MIB)); do
	launch "client$length" "$RWS_BUILD/tests/e2e/half_close_client" net_tap0,iface=rws0 \
		"$RWS/$prefix" "$KERNEL_HOST:7000" "$length" "$placement" "$(cpu_list 1)"
	kernel_joins "client$length" rws0 "$KERNEL4/24" "$KERNEL6/64"
	await_exit "client$length" 0 60
done
