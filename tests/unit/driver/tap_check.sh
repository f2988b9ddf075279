#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# By hand, as root: net_tap in a namespace of its own. Checks that the kernel's ARP request and
# pings are seen and answered, and that frames of ours arrive at the kernel.
# usage: tap_check.sh PROGRAM [QUEUES] [MTU] [SECONDS] [sleep]
set -eu
program=$1 queues=${2:-1} mtu=${3:-1500} seconds=${4:-3} mode=${5:-}
ns=driver-tap-$$
trap 'ip netns del "$ns" 2>/dev/null || true' EXIT INT TERM
ip netns add "$ns"
run="ip netns exec $ns"
# shellcheck disable=SC2086
$run "$program" net_tap0,iface=rws0 "$queues" "$mtu" 10.9.0.2 "$seconds" $mode &
pid=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
	sleep 0.2
	$run ip link show rws0 >/dev/null 2>&1 && break
done
sleep 0.5
$run ip addr add 10.9.0.1/24 dev rws0
$run ip link show rws0
$run ping -q -c 5 -i 0.2 -s "$((mtu - 28))" -M "do" 10.9.0.2 || true
$run ping -q -f -w 1 10.9.0.2 || true
wait "$pid"
