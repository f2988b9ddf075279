#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes:
# default: -/-/-
#
# The programs of docs/guide/ compile against the installed library as the pages show them, and do
# what the pages say.

. "$(dirname "$0")/lib.sh"
e2e_begin

# Blocks that begin with "```c FILE" are the files.
unpack() {
	awk -v folder="$1" '/^```c / { file = folder "/" $2; next } /^```/ { file = ""; next }
		file != "" { print > file }' "$RWS_ROOT"/docs/guide/*.md
}

# build NAME
build() {
	read -ra flags <<<"$(pkg-config --cflags --libs rws-tls)"
	gcc -Wall -Wextra -Werror -o "$WORK/guide/$1" "$WORK/guide/$1.c" "${flags[@]}"
}

# begin NAME ARGUMENT...: builds it, and starts it on a TAP device.
begin() {
	build "$1"
	launch "$1" env "LD_LIBRARY_PATH=$library" "$WORK/guide/$1" net_tap0,iface=rws0 "$RWS4/24" "${@:2}"
}

# program NAME ARGUMENT...: the same, with the kernel at the other end.
program() {
	begin "$@"
	kernel_joins "$1" rws0 "$KERNEL4/24"
}

# talk [udp]: standard input to the program's port, and what it answers.
talk() { peer_python talk "$RWS4" 7 "$@"; }

# knock TIMES: that many connections. The program ends with the last one, which may reset it.
knock() {
	local i
	for ((i = 0; i < $1; i++)); do
		talk </dev/null || :
	done
}

# says NAME LINE: it ends well and has printed the line.
says() {
	await_exit "$1" 0 30
	grep -qx "$2" "${LOG[$1]}" || fail "$1 did not print '$2'"
}

# server NAME LINE: a program that runs until it is stopped, and has printed the line.
server() {
	program "$1" "${@:3}"
	wait_line 20 "${LOG[$1]}" "$2" "${PID[$1]}" || fail "$1 did not start"
}

DESTDIR=$WORK/dest meson install -C "$RWS_BUILD" --no-rebuild --quiet
pc=$(find "$WORK/dest" -name rws.pc)
export PKG_CONFIG_PATH=${pc%/*} PKG_CONFIG_SYSROOT_DIR=$WORK/dest
library=$(dirname "$(find "$WORK/dest" -name 'librws.so*' -type f)")
mkdir "$WORK/guide"
unpack "$WORK/guide"

(cd "$WORK/guide" && LD_LIBRARY_PATH=$library run_pasted "$RWS_ROOT/docs/guide/README.md" "cc echo.c") >"$WORK/said"
grep -qx hello "$WORK/said" || fail "the page's commands give no echo: $(cat "$WORK/said")"

begin interfaces
says interfaces "  $RWS4/24"

program echo
wait_until 20 talk </dev/null || fail "no echo"
pattern_bytes $MIB >"$WORK/sent"
talk <"$WORK/sent" | cmp - "$WORK/sent" || fail "the echo differs"
stop_process "${PID[echo]}"

launch web python3 -B "$E2E/peers/http_server.py" 8000
wait_line 10 "${LOG[web]}" '^listening$' "${PID[web]}" || fail "no server"
program fetch "$KERNEL4:8000"
await_exit fetch 0 30
grep -q '^HTTP/1' "${LOG[fetch]}" || fail "fetch has no answer"

server relay ready "$KERNEL4:8000"
request=$'GET /bytes/100000 HTTP/1.0\r\n\r\n'
expect "bytes through the relay" "$(talk <<<"$request" | tail -c 100000 | sha256sum)" \
	"$(pattern_bytes 100000 | sha256sum)"
stop_process "${PID[relay]}"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=guide.example \
	-addext subjectAltName=DNS:guide.example -keyout "$WORK/key" -out "$WORK/certificate" 2>/dev/null
launch tls openssl s_server -accept 8443 -www -key "$WORK/key" -cert "$WORK/certificate"
wait_line 10 "${LOG[tls]}" '^ACCEPT' "${PID[tls]}" || fail "no TLS server"
program https "$KERNEL4:8443" guide.example "$WORK/certificate"
await_exit https 0 30
grep -q '^TLSv1.3' "${LOG[https]}" || fail "https tells no version"
grep -q '^HTTP/1.0 200' "${LOG[https]}" || fail "https has no answer"
program https "$KERNEL4:8443" other.example "$WORK/certificate"
await_exit https 1 30

server wait ready
knock 3
says wait "3 connections"

program capitals
wait_until 20 talk </dev/null || fail "no capitals"
pattern_bytes $((24 * MIB)) | base64 >"$WORK/sent"
tr a-z A-Z <"$WORK/sent" >"$WORK/wanted"
for i in 1 2 3; do # that take nothing for a while
	talk <"$WORK/sent" | (sleep 2; cmp - "$WORK/wanted") &
	talking[i]=$!
done
for i in 1 2 3; do
	wait "${talking[i]}" || fail "the capitals differ"
done
stop_process "${PID[capitals]}"

server checksum ready
expect "the checksum" "$(printf 'abc' | talk)" $((97 + 98 + 99))
await_exit checksum 0 30

server time ready
expect "the answer to 5 bytes" "$(printf 'hello' | talk udp)" 5
stop_process "${PID[time]}"

server two_cores 'stack cores' "$(cpu_list 2)"
knock 4
await_exit two_cores 0 30

program errors "$KERNEL4:9"
says errors "await: Connection refused"
grep -qx "after dispose: Bad file descriptor" "${LOG[errors]}" || fail "what comes after dispose"
