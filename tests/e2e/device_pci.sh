#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes:
# default: -/-/-
# seconds: 300
#
# PCI devices under vfio, in a guest: QEMU emulates in software a machine with an IOMMU and network
# devices on one hub, of which the guest's kernel has one and rws-httpd another.

. "$(dirname "$0")/lib.sh"
e2e_begin

declare -A EXPECTED DEVICES=([0000:00:05.0]=e1000e [0000:00:06.0]=virtio-net-pci [0000:00:07.0]=vmxnet3)
SIZES=(0 1 1460 $((64 * KIB)) $((4 * MIB)))
PLUGINS=(bus_pci bus_vdev mempool_ring net_e1000 net_virtio net_vmxnet3)
GUEST=$RWS_DEPS/guest-kernel
ROOT=$WORK/root

# Programs, the shared libraries they need and DPDK's plugins. A plugin that another one needs must
# be the same file in both places.
add_programs() {
	local name folder libraries plugins=()
	folder=$(pkg-config --variable=libdir libdpdk)
	for name in "${PLUGINS[@]}"; do
		plugins+=("$folder/librte_$name".so.[0-9][0-9])
	done
	mapfile -t libraries < <(ldd "$(app rws-httpd)" "${plugins[@]}" | grep -o '/[^ ]*' |
		grep -v -e ':$' -e '/librws' | sed 's|^/lib/|/usr/lib/|')
	printf '%s\n' "${plugins[@]}" "${libraries[@]}" "$(gcc -print-file-name=libgcc_s.so.1)" |
		sort -u | xargs cp -L --parents -t "$ROOT"
	cp -L "$RWS_BUILD"/api/librws.so.[0-9] "$RWS_BUILD"/api/tls/librws-tls.so.[0-9] "$ROOT/usr/lib/"
	folder=$(echo "$folder"/dpdk/pmds-*) && mkdir -p "$ROOT$folder"
	for name in "${plugins[@]}"; do
		ln -s "$name" "$ROOT$folder/$(basename "${name%.*}")"
	done
	cp /bin/busybox "$(app rws-httpd)" "$ROOT/bin/"
	ln -s busybox "$ROOT/bin/sh"
}

# The kernel's modules in the order in which they have to be inserted.
add_modules() {
	local module count=100
	mkdir "$ROOT/modules"
	modprobe --dirname "$GUEST" --set-version "$(cat "$GUEST/version")" --show-depends --all \
		virtio_pci virtio_net vfio_iommu_type1 vfio-pci | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' |
		while read -r module; do
			count=$((count + 1))
			case $module in
			*.xz) xz -dc "$module" >"$ROOT/modules/$count.ko" ;;
			*) cp "$module" "$ROOT/modules/$count.ko" ;;
			esac
		done
}

make_initrd() {
	local folder
	mkdir -p "$ROOT"/{usr/bin,usr/lib,usr/lib64,var,dev,proc,sys,run,www}
	for folder in bin lib lib64; do
		ln -s "usr/$folder" "$ROOT/$folder"
	done
	ln -s ../run "$ROOT/var/run"
	add_programs
	add_modules
	cp "$E2E/peers/pci_guest.sh" "$ROOT/init"
	(cd "$ROOT" && find . | cpio --quiet -o -H newc) >"$WORK/initrd"
}

# start_guest: its console goes to WORK/guest.log. Device 4 is the kernel's.
start_guest() {
	local address options=() number=0 devices list
	mapfile -t devices < <(printf '%s\n' "${!DEVICES[@]}" | sort)
	list="${devices[*]}"
	for address in "${devices[@]}"; do
		number=$((number + 1))
		options+=(-netdev "hubport,id=hub$number,hubid=0"
			-device "${DEVICES[$address]},netdev=hub$number,addr=${address:8:2}$(extra "$address")")
	done
	launch guest qemu-system-x86_64 -M q35 -cpu max -smp 2 -m 1024 -nodefaults -no-reboot \
		-display none -serial stdio -device intel-iommu,intremap=on \
		-netdev hubport,id=hub0,hubid=0 -device virtio-net-pci,netdev=hub0,addr=4 "${options[@]}" \
		-kernel "$GUEST/vmlinuz" -initrd "$WORK/initrd" -append "console=ttyS0 quiet panic=-1 no_timer_check \
intel_iommu=on hugepages=192 rws.pci=${list// /,} rws.sizes=$(IFS=, && say "${SIZES[*]}")"
}

# A virtio device passes by the IOMMU unless it is told otherwise.
extra() {
	[ "${DEVICES[$1]}" != virtio-net-pci ] || say ",iommu_platform=on,disable-legacy=on"
}

# judge ADDRESS: what the guest told of one device.
judge() {
	local size address=$1 name=${DEVICES[$1]}
	LOG[$name]=$WORK/$name.log
	sed -n "/^begin $address/,/^end $address/p" "$WORK/console" >"${LOG[$name]}"
	for size in "${SIZES[@]}"; do
		expect "SHA-256 of $size bytes over $name" \
			"$(sed -n "s/^sha256 $address $size //p" "${LOG[$name]}")" "${EXPECTED[$size]}"
	done
	expect "exit status of rws-httpd on $name" "$(sed -n "s/^end $address //p" "${LOG[$name]}")" 0
	! grep -q 'left behind' "${LOG[$name]}" || fail "packet buffers left behind on $name"
	expect_no_drops "$name"
}

[ -f "$GUEST/vmlinuz" ] || fail "no kernel for the guest: run scripts/setup --test"
for size in "${SIZES[@]}"; do
	EXPECTED[$size]=$(pattern_sha256 "$size")
done
make_initrd
start_guest
wait_line 240 "${LOG[guest]}" '^finished' "${PID[guest]}" || fail "the guest did not finish"
tr -d '\r' <"${LOG[guest]}" >"$WORK/console"
for address in "${!DEVICES[@]}"; do
	judge "$address"
done
