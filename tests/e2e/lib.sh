# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# What the end-to-end tests share. A test sources this, calls e2e_begin, and from then on has a
# namespace NS with the Linux kernel as peer, a folder WORK, and the combination it is to run with:
#
#   placement, cores, family   as tests/e2e/run chose them
#   RWS, HOST                  our address, plain and as it stands in a URL
#   KERNEL, KERNEL_HOST        the kernel's
#
# shellcheck disable=SC2034 # what is set here is used by the tests

set -euo pipefail
E2E=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$E2E/../../scripts/lib.sh"

RWS4=10.77.0.2 RWS6=fd77::2 KERNEL4=10.77.0.1 KERNEL6=fd77::1
NS='' WORK=''
declare -A PID LOG

KIB=1024 MIB=$((1024 * 1024)) GIB=$((1024 * 1024 * 1024))

# Drops that are no loss: the kernel multicasts to groups and protocols that we do not join, and we
# announce ourselves before its end is up. Of each a handful.
HARMLESS_DROPS=(drop.not_for_us drop.ethertype drop.ip_refused drop.shutdown drop.link_down)
HARMLESS_COUNT=50
# Copies: every core of several gets what one of them answers. Repetitions: a peer that waits sends
# again what was received, and answers what comes late for a connection that it reset.
NOT_LOST=(drop.tx_suppressed drop.tcp_duplicate drop.tcp_stray_reset)

e2e_begin() {
	placement=${E2E_PLACEMENT:-inline} cores=${E2E_CORES:-1} family=${E2E_FAMILY:-4}
	full=${E2E_FULL:-no}
	[ "$placement" != - ] || placement=inline
	[ "$cores" != - ] || cores=1
	[ "$family" != - ] || family=4
	if [ "$family" = 4 ]; then
		RWS=$RWS4 HOST=$RWS4 KERNEL=$KERNEL4 KERNEL_HOST=$KERNEL4
	else
		RWS=$RWS6 HOST=[$RWS6] KERNEL=$KERNEL6 KERNEL_HOST=[$KERNEL6]
	fi
	cleanup_on_exit
	make_temp_dir WORK
	make_namespace NS "$(basename "$0" .sh | tr -d _)"
	cleanup_push dump_logs
}

# When the test failed, what the programs said is part of its output. (status is cleanup_run's.)
dump_logs() {
	local log
	[ "${status:-0}" -ne 0 ] || return 0
	for log in "$WORK"/*.log; do
		[ ! -s "$log" ] || { say "--- ${log##*/}:" && grep -vE '^[a-z]+\.[a-z_0-9]+ +0 ' "$log" | tail -n 30; }
	done
}

# ---- Expectations --------------------------------------------------------------------------------

fail() {
	say "FAILED: $*"
	exit 1
}

# expect WHAT GOT WANTED
expect() {
	[ "$2" = "$3" ] || fail "$1: got '$2', expected '$3'"
	say "ok: $1 is $3"
}

# expect_at_least WHAT GOT WANTED
expect_at_least() {
	[ "$2" -ge "$3" ] || fail "$1: got $2, expected at least $3"
	say "ok: $1 is $2 (at least $3)"
}

# ---- Programs ------------------------------------------------------------------------------------

peer() { inside "$NS" "$@"; }
peer_python() {
	local script=$1
	shift
	peer python3 -B "$E2E/peers/$script.py" "$@"
}

# launch NAME COMMAND...: starts it in the namespace; its output goes to WORK/NAME.log.
launch() {
	local name=$1
	shift
	LOG[$name]=$WORK/$name.log
	: >"${LOG[$name]}"
	# Not through peer(): the process id must be the program's, not that of a shell around it.
	ip netns exec "$NS" "$@" >>"${LOG[$name]}" 2>&1 </dev/null &
	PID[$name]=$!
	cleanup_push stop_process "${PID[$name]}"
}

app() { say "$RWS_BUILD/apps/$1"; }

# What every program of ours is given here.
common_options() {
	printf '%s\n' --cores "$(cpu_list "$cores")" --placement "$placement" \
		--idle "$(idle_policy "$cores")" --stats
}

# launch_app NAME PROGRAM OPTION...
launch_app() {
	local name=$1 program=$2 common
	shift 2
	mapfile -t common < <(common_options)
	launch "$name" "$(app "$program")" "${common[@]}" "$@"
}

# tap_app NAME PROGRAM OPTION...: on a TAP device rws0 with our addresses, and the kernel's end of it
# configured; the program may still be starting when this returns. An IPv6 address takes two seconds,
# duplicate address detection: tests over IPv4 do without.
tap_app() {
	local name=$1 program=$2 addresses=(--addr "$RWS4/24")
	shift 2
	[ "$family" = 4 ] || addresses+=(--addr "$RWS6/64")
	launch_app "$name" "$program" --dev net_tap0,iface=rws0 "${addresses[@]}" "$@"
	kernel_joins "$name" rws0 "$KERNEL4/24" "$KERNEL6/64"
}

# kernel_joins NAME LINK ADDRESS...: configures the kernel's end as soon as the program made it.
kernel_joins() {
	local name=$1 link=$2
	shift 2
	wait_until 20 made_or_gone "$link" "${PID[$name]}" || fail "$name made no $link within 20 s"
	alive "${PID[$name]}" || fail "$name ended before it made $link"
	kernel_end "$NS" "$link" "$@"
}

# The kernel's end has a link-local address that it may send from. It verifies the one that it made
# when the program raised the interface, before kernel_end could tell it not to.
link_local_ready() { peer ip -6 address show dev "$1" scope link -tentative | grep -q inet6; }

made_or_gone() { link_exists "$NS" "$1" || gone "$2"; }

wait_serving() { wait_line 20 "${LOG[$1]}" ' on .*stack core' "${PID[$1]}" || fail "$1 does not serve"; }

# tap_server NAME PROGRAM OPTION...: as tap_app, and it serves.
tap_server() {
	tap_app "$@"
	wait_serving "$1"
}

# web OPTION...: rws-httpd as "web", with a folder of files.
web() {
	mkdir -p "$WORK/www"
	say "hello" >"$WORK/www/index.html"
	tap_server web rws-httpd --port 80 --root "$WORK/www" "$@"
}

# finish NAME [STATUS]: ends a program of ours and looks at how: its status, what it says of packet
# buffers, and that it removed its runtime folder.
finish() {
	local name=$1
	kill -TERM "${PID[$name]}" 2>/dev/null || :
	await_exit "$name" "${2:-0}" 45
}

# await_exit NAME STATUS SECONDS
await_exit() {
	local name=$1 wanted=$2 status=0
	wait_until "$3" gone "${PID[$name]}" || fail "$name does not end within $3 s"
	wait "${PID[$name]}" || status=$?
	expect "exit status of $name" "$status" "$wanted"
	! grep -q 'left behind' "${LOG[$name]}" || fail "$name left packet buffers behind"
	expect_no_runtime_folder "${PID[$name]}"
}

# Where DPDK keeps what a process shares with others; ours carry the process id.
expect_no_runtime_folder() {
	local left
	left=$(find /var/run/dpdk -maxdepth 1 -name "*$1*" 2>/dev/null) || :
	[ -z "$left" ] || fail "left behind: $left"
}

# run_pasted FILE FIRST: runs the commands that the page shows from the one that begins so, as they
# stand there, each of which has to work. They are alone with what they leave: their names of
# namespaces are no others', nor are their processes.
run_pasted() {
	sed -n "/^    $2/,"'/^[^ ]*$/s/^    //p' "$1" >"$WORK/pasted"
	grep -q 'ip netns exec' "$WORK/pasted" || fail "$1 shows no commands"
	timeout 60 unshare --mount --pid --fork --kill-child --mount-proc bash -ec \
		'mount -t tmpfs none /run; . "$1"; wait' bash "$WORK/pasted"
}

# ---- Impairment ----------------------------------------------------------------------------------

# impaired_link NAMESPACE KEY=VALUE... [-- KEY=VALUE...]: veth0 in NS, with the kernel's addresses,
# and veth1 in the namespace, which may be NS as well, joined by tests/bench/impair.c in a third one.
# The keys are its: first for what comes from veth0, behind "--" for what comes from veth1. The
# random sequence is that of IMPAIR_SEED, 1 without.
impaired_link() {
	local far=$1 middle
	shift
	make_namespace middle middle
	join_ends "$NS" veth0 "$middle" near
	join_ends "$far" veth1 "$middle" far
	kernel_end "$NS" veth0 "$KERNEL4/24" "$KERNEL6/64"
	LOG[impair]=$WORK/impair.log
	ip netns exec "$middle" "$RWS_BUILD/tests/bench/impair" "${IMPAIR_SEED:-1}" near far "$@" \
		>"${LOG[impair]}" 2>&1 </dev/null &
	PID[impair]=$!
	cleanup_push stop_process "${PID[impair]}"
	wait_line 10 "${LOG[impair]}" 'impair: ready' "${PID[impair]}" || fail "no impaired link"
}

# join_ends NAMESPACE LINK NAMESPACE LINK: a cable whose ends carry frames as a wire would, made
# whole by software: without offloads. The second end is nobody's address.
join_ends() {
	ip -n "$1" link add "$2" type veth peer name "$4" netns "$3"
	inside "$1" ethtool -K "$2" tx off tso off gso off gro off >/dev/null
	inside "$3" ethtool -K "$4" tx off tso off gso off gro off >/dev/null
	set_sysctl "$3" "ipv6/conf/$4/disable_ipv6" 1
	ip -n "$1" link set dev "$2" txqueuelen 10000 up
	ip -n "$3" link set dev "$4" txqueuelen 10000 up
}

# ---- Without the API -----------------------------------------------------------------------------

# veth_pair: veth0 in NS, with the kernel's addresses, and veth1 beside it, which is for opener.
veth_pair() {
	join_ends "$NS" veth0 "$NS" veth1
	kernel_end "$NS" veth0 "$KERNEL4/24" "$KERNEL6/64"
}

# opener NAME WORD...: tests/e2e/opener.c on veth1.
opener() {
	local name=$1
	shift
	launch "$name" "$RWS_BUILD/tests/e2e/opener" net_af_packet0,iface=veth1 "$RWS" "$@"
}

# ---- Counters ------------------------------------------------------------------------------------

# "NAME VALUE" lines of what a program printed at its end, or of /stats on standard input.
counters() {
	awk '{ sub(/^[ \t]*counter[ \t]+/, "") } $1 ~ /^[a-z0-9_]+\.[a-z0-9_.]+$/ && $2 ~ /^[0-9]+$/ {
		value[$1] = $2 } END { for (name in value) print name, value[name] }'
}

# counter NAME COUNTER, of a program that has ended.
counter() {
	counters <"${LOG[$1]}" | awk -v name="$2" '$1 == name { print $2; found = 1 }
		END { if (!found) exit 1 }' || fail "$1 printed no counter $2"
}

# kernel_counter NAME: in NS, as nstat spells it.
kernel_counter() { peer nstat -asz "$1" | awk -v name="$1" '$1 == name { print $2 }'; }

# expect_no_drops NAME [ALLOWED...]: of a program that has ended.
expect_no_drops() {
	local name=$1 all bad
	shift
	all=$(counters <"${LOG[$name]}" | grep '^drop\.') || fail "$name printed no drop counters"
	bad=$(awk -v harmless=" ${HARMLESS_DROPS[*]} " -v allowed=" ${NOT_LOST[*]} $* " \
		-v most="$HARMLESS_COUNT" '
		$2 == 0 || index(allowed, " " $1 " ") { next }
		$2 <= most && index(harmless, " " $1 " ") { next }
		{ print }' <<<"$all")
	[ -z "$bad" ] || fail "$name dropped: $bad"
	say "ok: $name dropped nothing"
}

# finish_clean NAME [ALLOWED DROP...]: the end of most tests.
finish_clean() {
	finish "$1"
	expect_no_drops "$@"
}

# ---- Bodies, certificates ------------------------------------------------------------------------

# SHA-256 of /bytes/N, computed without the server.
pattern_sha256() { python3 -B "$E2E/peers/pattern.py" sha256 "$1"; }
pattern_bytes() { python3 -B "$E2E/peers/pattern.py" bytes "$1"; }

# certificate NAME ALTERNATIVE...: WORK/NAME.pem and WORK/NAME.key, signed by itself.
certificate() {
	local name=$1 names
	shift
	names=$(IFS=, && say "$*")
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$name" \
		-addext "subjectAltName=$names" -keyout "$WORK/$name.key" -out "$WORK/$name.pem" 2>/dev/null
}

# The sizes a body is tested with: empty, one byte, one segment, and so on.
body_sizes() {
	local segment=1460
	[ "$family" = 4 ] || segment=1440
	say 0 1 $segment $((64 * KIB)) $((64 * MIB))
	if [ "$full" = yes ] || [ "$placement/$cores" = channel/2 ]; then
		say "$GIB"
	fi
}
