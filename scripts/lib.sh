# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# What all scripts share: messages, the cleanup stack, namespaces, waiting. Sourced, never run.
# shellcheck disable=SC2034 # what is set here is used by those who source it

RWS_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
RWS_BUILD=${RWS_BUILD:-$RWS_ROOT/build}
RWS_DEPS=$RWS_ROOT/.deps

# clang-format and clang-tidy judge differently from version to version: the one that both Debian 12
# and 13 have.
RWS_CLANG_TOOLS=19

# ---- Messages ------------------------------------------------------------------------------------

say() { printf '%s\n' "$*"; }
step() { printf '== %s\n' "$*"; }
warn() { printf '%s: warning: %s\n' "${0##*/}" "$*" >&2; }

# Ends the script: die STATUS TEXT. Status 2 is for what the caller can mend, 1 for a failure.
die() {
	local status=$1
	shift
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit "$status"
}

# The comment block at the head of the script is its help text.
usage() { sed -n '/^# usage:/,/^[^#]/{/^#/!d;s/^# \{0,1\}//;p}' "$0"; }

is_root() { [ "$(id -u)" -eq 0 ]; }

# ---- Cleanup -------------------------------------------------------------------------------------
#
# What a script makes it hands to cleanup_push at once; the commands run last-in first-out when the
# script ends, whether well, by an error or by a signal.

CLEANUPS=()

cleanup_push() { CLEANUPS+=("$(printf '%q ' "$@")"); }

cleanup_run() {
	local status=$? i
	trap '' INT TERM HUP
	set +e
	for ((i = ${#CLEANUPS[@]} - 1; i >= 0; i--)); do
		eval "${CLEANUPS[i]}"
	done
	CLEANUPS=()
	exit "$status"
}

cleanup_on_exit() {
	trap cleanup_run EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

# A temporary folder below build/, removed at the end; its name is left in the named variable.
make_temp_dir() {
	local -n made=$1
	mkdir -p "$RWS_BUILD/tmp"
	made=$(mktemp -d "$RWS_BUILD/tmp/${0##*/}.XXXXXX")
	cleanup_push rm -rf "$made"
}

# ---- Building ------------------------------------------------------------------------------------

# Where the words go that somebody should read at once, also from a step whose output goes to a log.
SCREEN=1

# alone_in FOLDER COMMAND...: two that build in one folder at once would spoil it for each other. A
# build that outlives its script keeps the others out until it ends.
alone_in() {
	local folder=$1 lock status=0
	shift
	mkdir -p "$folder"
	exec {lock}<"$folder"
	if ! flock --nonblock "$lock"; then
		say "Waiting for another script to end its build in $folder" >&"$SCREEN"
		until flock --nonblock "$lock"; do sleep 0.2; done
	fi
	"$@" || status=$?
	exec {lock}<&-
	return "$status"
}

# ---- Waiting -------------------------------------------------------------------------------------

now_ms() { local t=${EPOCHREALTIME/[.,]/}; printf '%s\n' "${t%???}"; }

# Polls until the command succeeds: wait_until SECONDS COMMAND... ; fails at the deadline.
wait_until() {
	local deadline=$(($(now_ms) + $1 * 1000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(now_ms)" -lt "$deadline" ] || return 1
		sleep 0.05
	done
}

alive() { kill -0 "$1" 2>/dev/null && [ "$(process_state "$1")" != Z ]; }
gone() { ! alive "$1"; }
process_state() { sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null; }

line_or_death() { grep -qE "$2" "$1" || gone "$3"; }

# Waits for a line in a program's output: wait_line SECONDS FILE REGEX PID; fails when the program
# ends without it, or at the deadline.
wait_line() {
	wait_until "$1" line_or_death "$2" "$3" "$4" && grep -qE "$3" "$2"
}

# Ends a process that we started: TERM, then KILL when it does not listen within some seconds.
stop_process() {
	local pid=$1 seconds=${2:-10}
	alive "$pid" || return 0
	kill -TERM "$pid" 2>/dev/null || return 0
	wait_until "$seconds" gone "$pid" && return 0
	warn "process $pid did not end within $seconds s of TERM, killed"
	kill -KILL "$pid" 2>/dev/null
	wait_until 5 gone "$pid"
}

# run_group SECONDS COMMAND...: runs it in a process group of its own and waits, so that a signal to
# this script, or the time running out, ends all of it at once; its own traps clean up.
run_group() {
	local seconds=$1 pid status=0
	shift
	set -m
	"$@" </dev/null &
	pid=$!
	set +m
	cleanup_push stop_group "$pid"
	if ! wait_until "$seconds" gone "$pid"; then
		say "took longer than $seconds s"
		stop_group "$pid"
	fi
	wait "$pid" || status=$?
	unset 'CLEANUPS[-1]'
	return "$status"
}

stop_group() {
	kill -TERM -- "-$1" 2>/dev/null || return 0
	wait_until 30 gone "$1" || kill -KILL -- "-$1"
}

# ---- Namespaces ----------------------------------------------------------------------------------

# A namespace of our own with loopback up, its name left in the named variable; removed at the end
# together with whatever still runs in it.
make_namespace() {
	local -n named=$1
	named=rws-${2:-run}-$$-$RANDOM
	ip netns add "$named" || die 2 "cannot make a network namespace (root, CAP_SYS_ADMIN needed)"
	cleanup_push remove_namespace "$named"
	ip -n "$named" link set lo up
}

remove_namespace() {
	local pid
	for pid in $(ip netns pids "$1" 2>/dev/null); do
		stop_process "$pid" 5
	done
	ip netns delete "$1" 2>/dev/null
}

inside() { ip netns exec "$@"; }

# set_sysctl NAMESPACE ipv6/... VALUE
# shellcheck disable=SC2016 # the inner shell expands
set_sysctl() { inside "$1" sh -c 'echo "$2" >"/proc/sys/net/$1"' sh "$2" "$3"; }

link_exists() { ip -n "$1" link show dev "$2"; }

# The kernel's end of a TAP or veth: kernel_end NAMESPACE LINK ADDRESS... No duplicate address
# detection: the address works at once. The long queue keeps bursts from being lost on the way in.
# All addresses in one go: with the first the other end may begin, and be done and gone.
kernel_end() {
	local ns=$1 link=$2
	shift 2
	set_sysctl "$ns" "ipv6/conf/$link/accept_dad" 0
	set_sysctl "$ns" "ipv6/conf/$link/accept_ra" 0
	ip -n "$ns" link set dev "$link" txqueuelen 10000 up
	printf "address replace %s dev $link\n" "$@" | ip -n "$ns" -batch -
}

# ---- Cores ---------------------------------------------------------------------------------------

# CPUs we may run on, one a line.
allowed_cpus() {
	local part
	for part in $(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status | tr ',' ' '); do
		seq "${part%-*}" "${part#*-}"
	done
}

# The first N of them as a list for --cores; fewer where the machine has fewer.
cpu_list() { allowed_cpus | head -n "$1" | paste -sd, -; }

# How N stack cores behave when idle: poll where CPUs remain for the peer and the application, else
# sleep, so that nobody is starved.
idle_policy() {
	if [ "$(allowed_cpus | wc -l)" -ge $(($1 + 2)) ]; then
		say poll
	else
		say sleep
	fi
}
