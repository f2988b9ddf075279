#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes:
# default: -/-/-
# seconds: 240
#
# What README.md tells to run: scripts/run, whole and when it is disturbed, and the commands to try a
# program by hand, word for word.

. "$(dirname "$0")/lib.sh"
e2e_begin

# run_shows NAME REGEX OPTION...: starts scripts/run, outside of the test's namespace, until it says so.
run_shows() {
	local name=$1 regex=$2
	shift 2
	LOG[$name]=$WORK/$name.log
	"$RWS_ROOT/scripts/run" "$@" >"${LOG[$name]}" 2>&1 </dev/null &
	PID[$name]=$!
	cleanup_push stop_process "${PID[$name]}" 30
	wait_line 60 "${LOG[$name]}" "$regex" "${PID[$name]}" || fail "$name does not say '$regex'"
}

# run_ends NAME STATUS: and its namespace is gone.
run_ends() {
	local status=0
	wait_until 60 gone "${PID[$1]}" || fail "$1 does not end"
	wait "${PID[$1]}" || status=$?
	expect "status of $1" "$status" "$2"
	! ip netns list | grep -q "^rws-run-${PID[$1]}-" || fail "$1 left its namespace behind"
}

# server_of NAME PROGRAM: the process.
server_of() {
	local pid
	for pid in $(ip netns pids "$(ip netns list | sed -n "s/^\(rws-run-${PID[$1]}-[0-9]*\).*/\1/p")"); do
		[ "$(cat "/proc/$pid/comm")" != "$2" ] || say "$pid"
	done
}

# killed NAME PROGRAM: scripts/run notices that it is gone.
killed() {
	run_shows "$1" 'Ctrl-C ends it all'
	kill -KILL "$(server_of "$1" "$2")"
	run_ends "$1" 1
	grep -q "$2 ended by itself, by signal 9" "${LOG[$1]}" || fail "$1 does not say how $2 ended"
}

(cd "$WORK" && ln -s "$RWS_BUILD" build && ln -s "$RWS_ROOT/docs" docs && run_pasted "$RWS_ROOT/README.md" "ip netns add") \
	>"$WORK/said"
grep -qx '# Map' "$WORK/said" || fail "the page's commands fetch no page: $(cat "$WORK/said")"

for words in extra "--once extra" "--once --nonsense"; do
	status=0
	# shellcheck disable=SC2086 # words
	"$RWS_ROOT/scripts/run" $words >"$WORK/said" 2>&1 || status=$?
	expect "status with '$words'" "$status" 2
	grep -q "'${words##* }'" "$WORK/said" || fail "'$words': $(cat "$WORK/said")"
done

# Two at once: while somebody builds the second waits, and says so.
is_locked() { ! flock --nonblock "$RWS_BUILD" true; }
launch building flock --no-fork "$RWS_BUILD" sleep 100
wait_until 10 is_locked
run_shows waiting 'Waiting for another script to end its build' --once
stop_process "${PID[building]}"
run_shows beside 'Starting rws-httpd' --once
run_ends waiting 0
run_ends beside 0

killed without_echo rws-echo
killed without_httpd rws-httpd
