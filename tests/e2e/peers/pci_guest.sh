#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# The first process of the guest of device_pci.sh, run by busybox. Its second network device, eth0,
# is the kernel's; each of the others, at the PCI addresses in the kernel's command line (pci=...),
# is given to vfio-pci and rws-httpd in turn, and bodies are fetched over eth0. Tells the console:
#
#   begin ADDRESS               followed by what rws-httpd says
#   sha256 ADDRESS SIZE SHA256  of a body
#   end ADDRESS STATUS          of rws-httpd
#   finished

PATH=/bin
SERVER=10.77.0.2

prepare() {
	/bin/busybox mount -t proc proc /proc
	/bin/busybox --install -s /bin
	mount -t sysfs sys /sys
	mount -t devtmpfs dev /dev
	mkdir -p /dev/hugepages
	mount -t hugetlbfs huge /dev/hugepages
	for module in /modules/*; do
		insmod "$module"
	done
	ip link set lo up
	ip link set eth0 up
	ip address add 10.77.0.1/24 dev eth0
}

give_to_vfio() {
	device=/sys/bus/pci/devices/$1
	echo vfio-pci >"$device/driver_override"
	[ ! -e "$device/driver" ] || echo "$1" >"$device/driver/unbind"
	echo "$1" >/sys/bus/pci/drivers_probe
}

# Waits until the server on the device serves, or is no more.
wait_serving() {
	while kill -0 "$1" 2>/dev/null && ! grep -q 'stack core' /log; do
		sleep 0.2
	done
}

try() {
	echo "begin $1"
	give_to_vfio "$1"
	rws-httpd --dev "$1" --hugepages --addr $SERVER/24 --port 80 --root /www --cores 1 \
		--placement inline --idle sleep --stats >/log 2>&1 &
	server=$!
	wait_serving $server
	for size in $SIZES; do
		rm -f /body
		timeout 60 wget -q -O /body "http://$SERVER/bytes/$size"
		echo "sha256 $1 $size $(sha256sum </body | cut -d ' ' -f 1)"
	done
	kill $server
	wait $server
	status=$?
	cat /log
	echo "end $1 $status"
	ip neigh flush dev eth0 >/dev/null
}

prepare
for argument in $(cat /proc/cmdline); do
	case $argument in
	rws.sizes=*) SIZES=$(echo "${argument#*=}" | tr , ' ') ;;
	rws.pci=*) devices=$(echo "${argument#*=}" | tr , ' ') ;;
	esac
done
for address in $devices; do
	try "$address"
done
echo finished
poweroff -f
