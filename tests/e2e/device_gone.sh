#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement cores
# default: inline/1/- channel/2/-
#
# A device that is taken away is told of once and keeps no sleeping core awake, and the others go on;
# without any the program ends.

. "$(dirname "$0")/lib.sh"
e2e_begin

# said_gone NAME TIMES DEVICE
said_gone() { [ "$(grep -c "$3: the device was taken away" "${LOG[$1]}")" -eq "$2" ]; }

# ticks NAME: of CPU time that the program has used.
ticks() { awk '{ print $14 + $15 }' "/proc/${PID[$1]}/stat"; }

# used NAME: ticks of CPU time within two seconds, which are what is looked at.
used() {
	local before
	before=$(ticks "$1")
	sleep 2
	say $(($(ticks "$1") - before))
}

tap=net_tap0,iface=rws0
packet=net_af_packet0,iface=veth1
veth_pair
launch_app echo rws-echo --port 7 --memory 400 --dev "$tap" --addr 10.77.1.2/24 \
	--dev "$packet" --addr "$RWS4/24"
kernel_joins echo rws0 10.77.1.1/24
wait_serving echo
peer_python udp_echo 10.77.1.2 7 1 1000
peer_python udp_echo "$RWS4" 7 1 1000

before=$(used echo)
ip -n "$NS" link delete rws0
wait_until 5 said_gone echo 1 "$tap" || fail "it is not told that a TAP is gone"
peer_python udp_echo "$RWS4" 7 1 1000
said_gone echo 0 "$packet" || fail "a device that is there is called gone"

after=$(used echo)
say "it used $after ticks of $(getconf CLK_TCK) a second within 2 s without the device, $before with it"
[ "$after" -lt $((before + $(getconf CLK_TCK) / 5)) ] || fail "it is kept awake"

ip -n "$NS" link delete veth1
await_exit echo 1 10
for device in "$tap" "$packet"; do
	said_gone echo 1 "$device" || fail "$device is not told of once"
done
grep -q 'no device is left' "${LOG[echo]}" || fail "its end is not explained"
expect "devices counted as gone" "$(counter echo device.gone)" 2

# Also while it waits for what it needs to begin.
launch_app early rws-echo --dev "$tap" --dhcp
wait_line 20 "${LOG[early]}" 'waiting: ' "${PID[early]}" || fail "it does not wait"
ip -n "$NS" link delete rws0
await_exit early 1 10
said_gone early 1 "$tap" || fail "it is not told that the device is gone"
