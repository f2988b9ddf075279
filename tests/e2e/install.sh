#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes:
# default: -/-/-
#
# meson install puts the library where pkg-config finds it, and a program that knows only rws.h and
# rws.pc builds out of tree, with gcc and as C++ would read the header, and works.

. "$(dirname "$0")/lib.sh"
e2e_begin

DESTDIR=$WORK/dest meson install -C "$RWS_BUILD" --no-rebuild --quiet
installed=$(cd "$WORK/dest" && find . -type f -o -type l | sort)
say "$installed"
pc=$(find "$WORK/dest" -name rws.pc)
[ -n "$pc" ] || fail "no rws.pc was installed"
expect "headers installed" "$(grep '\.h$' <<<"$installed" | grep -vc '/rws_tls\.h$')" 1
expect "manual pages installed" "$(grep -c '/man1/rws-.*\.1$' <<<"$installed")" \
	"$(grep -c '/bin/rws-' <<<"$installed")"

export PKG_CONFIG_PATH=${pc%/*} PKG_CONFIG_SYSROOT_DIR=$WORK/dest
mkdir "$WORK/out"
cp "$E2E/half_close_client.c" "$WORK/out/program.c"
read -ra flags <<<"$(pkg-config --cflags --libs rws)"
say "flags: ${flags[*]}"
gcc -Wall -Wextra -Werror -o "$WORK/out/program" "$WORK/out/program.c" "${flags[@]}"
printf '#include <rws.h>\nint main() { return rws_version() == nullptr; }\n' >"$WORK/out/header.cc"
! command -v g++ >/dev/null || g++ -fsyntax-only -Wall -Werror "$WORK/out/header.cc" "${flags[@]}"

library=$(find "$WORK/dest" -name 'librws.so*' -type f)
[ -n "$library" ] || fail "no librws.so was installed"
foreign=$(nm -D --defined-only "$library" | awk '{ print $3 }' | sed 's/@.*//' | grep -v '^rws_' |
	grep -v '^RWS_' || :)
[ -z "$foreign" ] || fail "librws.so shows more than rws_*: $foreign"

launch server python3 -B "$E2E/peers/answer_at_end.py" 7000
wait_line 10 "${LOG[server]}" '^listening$' "${PID[server]}" || fail "no server"
launch client env "LD_LIBRARY_PATH=${library%/*}" "$WORK/out/program" net_tap0,iface=rws0 "$RWS4/24" \
	"$KERNEL4:7000" 100000 inline "$(cpu_list 1)"
kernel_joins client rws0 "$KERNEL4/24"
await_exit client 0 60
