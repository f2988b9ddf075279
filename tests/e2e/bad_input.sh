#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement
# default: inline/-/-
#
# What cannot work ends with status 2, says what is wrong, and leaves nothing behind.

. "$(dirname "$0")/lib.sh"
e2e_begin

# leftovers: what a program that failed to start could have left.
leftovers() {
	ip -n "$NS" -o link show | grep -v ' lo: ' || :
	ip netns pids "$NS"
}

# refused WHAT REGEX COMMAND...: status 2 within 20 s, and the message matches.
refused() {
	local what=$1 regex=$2 status=0 before after pid
	shift 2
	before=$(leftovers)
	launch case timeout -k 5 20 "$@"
	pid=${PID[case]}
	wait "$pid" || status=$?
	sed 's/^/    /' "${LOG[case]}"
	expect "status ($what)" "$status" 2
	grep -qiE "$regex" "${LOG[case]}" || fail "$what: the message does not match '$regex'"
	[ "$(grep -c . "${LOG[case]}")" -le 5 ] || fail "$what: more than a message"
	after=$(leftovers)
	[ "$before" = "$after" ] || fail "$what left behind: $after"
	expect_runtime_folders "$what"
}

# No runtime folder whose process is gone, other than those that were there before.
stale_folders() {
	local folder pid
	for folder in /var/run/dpdk/*; do
		pid=${folder##*[!0-9]}
		[ -z "$pid" ] || [ -e "/proc/$pid" ] || say "$folder"
	done
}

expect_runtime_folders() {
	local now
	now=$(stale_folders)
	[ -z "$(comm -13 <(sort <<<"$stale_before") <(sort <<<"$now"))" ] ||
		fail "$1 left a runtime folder behind: $now"
}

# A command line that works, but for what the case says, one word a line.
httpd() {
	printf '%s\n' "$(app rws-httpd)" --idle sleep "$@"
	[[ " $* " == *' --root '* ]] || printf '%s\n' --root "$WORK"
	[[ " $* " == *' --placement '* ]] || printf '%s\n' --placement "$placement"
}

# refused_httpd WHAT REGEX OPTION...
refused_httpd() {
	local what=$1 regex=$2 command
	shift 2
	mapfile -t command < <(httpd "$@")
	refused "$what" "$regex" "${command[@]}"
}

stale_before=$(stale_folders)
tap=(--dev 'net_tap0,iface=rws0')
address=(--addr 10.77.0.2/24)

refused_httpd "no device" 'dev' "${address[@]}"
refused_httpd "unknown option" 'nonsense' "${tap[@]}" "${address[@]}" --nonsense
refused_httpd "unknown device" 'net_nonsense0' --dev net_nonsense0 "${address[@]}"
refused_httpd "unknown devargs" 'net_tap0|nonsense' --dev net_tap0,nonsense=1 "${address[@]}"
refused_httpd "interface that does not exist" 'nosuch' --dev net_af_packet0,iface=nosuch "${address[@]}"
refused_httpd "memif without its server" 'net_memif0: the device did not start: memif.*nobody' \
	--dev "net_memif0,socket=$WORK/nobody" "${address[@]}"
refused_httpd "PCI device that does not exist" '0000:7f:1f.7' --dev 0000:7f:1f.7 "${address[@]}"
refused_httpd "address without prefix" 'prefix' "${tap[@]}" --addr 10.77.0.2
refused_httpd "prefix that is too long" 'prefix' "${tap[@]}" --addr 10.77.0.2/33
refused_httpd "not an address" 'address' "${tap[@]}" --addr 10.77.0/24
refused_httpd "address of a network" '10\.77\.0\.1 to 10\.77\.0\.254' "${tap[@]}" --addr 10.77.0.0/24
refused_httpd "broadcast address" '10\.77\.0\.1 to 10\.77\.0\.254' "${tap[@]}" --addr 10.77.0.255/24
refused_httpd "gateway in no network" 'network of 10\.77\.0\.2/24' "${tap[@]}" "${address[@]}" \
	--gateway 10.78.0.1
refused_httpd "no address" 'address' "${tap[@]}"
refused_httpd "core that does not exist" 'core|cpu' "${tap[@]}" "${address[@]}" --cores 1000
refused_httpd "list of cores that is none" 'cores' "${tap[@]}" "${address[@]}" --cores 0-
refused_httpd "placement" 'placement' "${tap[@]}" "${address[@]}" --placement nowhere
refused_httpd "MTU" 'mtu' "${tap[@]}" "${address[@]}" --mtu 100
refused_httpd "port" 'port' "${tap[@]}" "${address[@]}" --port 70000
refused_httpd "root that does not exist" '/no/such/folder' "${tap[@]}" "${address[@]}" --root /no/such/folder
refused_httpd "memory limit too small" 'memory' "${tap[@]}" "${address[@]}" --memory 143
[ "$(allowed_cpus | wc -l)" -lt 2 ] || refused_httpd "memory limit too small for two cores" \
	'2 stack cores need at least 224' "${tap[@]}" "${address[@]}" --cores "$(cpu_list 2)" --memory 223

mapfile -t command < <(httpd "${tap[@]}" "${address[@]}")
refused "no free core" 'core|cpu' taskset -c "$(cpu_list 1)" "${command[@]}" \
	--cores "$(allowed_cpus | tail -n 1)0"
refused "address space limit" 'memory' prlimit --as=$((256 * MIB)) "${command[@]}"
refused "stack limit" 'ulimit -s' prlimit --stack=$((64 * KIB)) "${command[@]}"
printf '$ORIGIN example.\n@ 60 SOA ns x 1 2 3 4 5\n@ 60 NS ns\n' >"$WORK/zone"
refused "stack limit for a zone" 'ulimit -s' prlimit --stack=$((64 * KIB)) "$(app rws-dns)" "${tap[@]}" \
	"${address[@]}" --zone "$WORK/zone"
refused "missing privileges" 'root|privilege|permi|CAP_' \
	setpriv --bounding-set=-all --inh-caps=-all "${command[@]}"

# The kernel has our address already: seen by duplicate address detection on a link between us.
ip -n "$NS" link add veth0 type veth peer name veth1
kernel_end "$NS" veth0 "$KERNEL4/24" fd77::2/64
ip -n "$NS" link set dev veth1 up
refused_httpd "address in use" 'fd77::2|in use|duplicate|address' --dev net_af_packet0,iface=veth1 \
	"${address[@]}" --addr fd77::2/64

# Buffers that a packet socket cannot chain.
ip -n "$NS" link set dev veth0 mtu 9000
ip -n "$NS" link set dev veth1 mtu 9000
refused_httpd "MTU beyond a buffer" 'MTU of 20[0-9]+ at most' --dev net_af_packet0,iface=veth1 "${address[@]}" \
	--mtu 9000

# The DHCP client of the stack has UDP port 68 (RFC 2131 4.1).
refused "port in use" 'port 68: already in use' "$(app rws-echo)" "${tap[@]}" --dhcp --idle sleep \
	--placement "$placement" --port 68
