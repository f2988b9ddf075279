#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes: placement cores family
# default: inline/1/4 channel/2/6
#
# The server ends, in order or killed, while connections are open, and comes back on the same
# address at once; a client of before learns that its connection is gone. It ends in order as well
# when its terminal does, but not under nohup.

# Under nohup the hangup would be ignored from the beginning.
[ -z "$(trap -p HUP)" ] || exec env --default-signal=HUP "$0" "$@"

. "$(dirname "$0")/lib.sh"
e2e_begin

fetch() {
	local got
	got=$(peer curl -sS --fail --max-time 20 "http://$HOST/bytes/100000" | sha256sum)
	expect "SHA-256 ($1)" "${got%% *}" "$(pattern_sha256 100000)"
}

# A client that keeps its connection open until told to go on.
hold_connection() {
	mkfifo "$WORK/go$1"
	launch "held$1" python3 -B "$E2E/peers/held_connection.py" "$RWS" 80 "$WORK/go$1"
	wait_line 30 "${LOG[held$1]}" '^open$' "${PID[held$1]}" || fail "no connection to hold"
}

# sees_the_end N: the client, told to go on, finds its connection ended or refused.
sees_the_end() {
	say go >"$WORK/go$1"
	wait "${PID[held$1]}" || fail "the client of before did not see the end"
}

web
fetch first
hold_connection 1
finish_clean web drop.conn_closed
web
fetch "after an orderly end"
sees_the_end 1

hold_connection 2
kill -KILL "${PID[web]}"
wait "${PID[web]}" || :
web
fetch "after a kill"
sees_the_end 2
finish_clean web drop.tcp_refused # that client's request, of a connection of before

web
fetch "before the terminal is gone"
kill -HUP "${PID[web]}"
await_exit web 0 45
trap '' HUP # inherited, as from nohup
web
cleanup_on_exit
kill -HUP "${PID[web]}"
fetch "after a hangup that is ignored"
finish_clean web
