#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes:
# default: -/-/-
#
# scripts/setup tells what is wrong with the machine or with what it fetched, with status 2, and
# leaves nothing behind. It runs in a copy of the tree.

. "$(dirname "$0")/lib.sh"
e2e_begin

# refused WHAT REGEX COMMAND...
refused() {
	local what=$1 regex=$2 status=0
	shift 2
	env -u RWS_BUILD "$@" >"$WORK/out" 2>&1 </dev/null || status=$?
	sed 's/^/    /' "$WORK/out"
	expect "status ($what)" "$status" 2
	grep -qE "$regex" "$WORK/out" || fail "$what: the message does not match '$regex'"
	[ ! -e "$tree/.deps" ] && [ ! -e "$tree/build" ] || fail "$what left something behind"
}

# fake PROGRAM TEXT: stands before the real one in PATH.
fake() {
	mkdir -p "$WORK/bin"
	printf '#!/bin/sh\n%s\n' "$2" >"$WORK/bin/$1"
	chmod +x "$WORK/bin/$1"
}

with_fakes() { env "PATH=$WORK/bin:$PATH" "$@"; }

tree=$WORK/tree
mkdir "$tree"
cp -r "$RWS_ROOT"/scripts "$RWS_ROOT"/meson* "$tree"

say "not lwIP" >"$WORK/wrong.tar.xz"
refused "lwIP of another checksum" 'fails its checksum' \
	"$tree/scripts/setup" --lwip-tarball "$WORK/wrong.tar.xz"
refused "lwIP tarball that is not there" 'cannot read' \
	"$tree/scripts/setup" --lwip-tarball "$WORK/nothing"
refused "unknown option" 'nonsense' "$tree/scripts/setup" --nonsense

fake pkg-config 'echo 21.11.0'
refused "old DPDK" 'DPDK 21.11.0 is too old' env "PATH=$WORK/bin:$PATH" "$tree/scripts/setup"
rm "$WORK/bin/pkg-config"

fake df 'echo Filesystem; echo "none 100 99 1 99% /"'
refused "full disk" 'MB free' env "PATH=$WORK/bin:$PATH" "$tree/scripts/setup"
rm "$WORK/bin/df"

# The folder of the build alone, and one that is not there yet.
mkdir "$WORK/small"
mount -t tmpfs -o size=64k tmpfs "$WORK/small"
cleanup_push umount "$WORK/small"
refused "full disk of the build" 'small has [01] MB free, .* for the build' \
	env "RWS_BUILD=$WORK/small/not/yet" "$tree/scripts/setup"
expect "files in the folder of the build" "$(ls "$WORK/small")" ""

fake dpkg-query 'exit 0'
fake id 'echo 1000'
refused "packages missing and not root" 'missing packages' \
	env "PATH=$WORK/bin:$PATH" "$tree/scripts/setup"
rm "$WORK/bin/dpkg-query" "$WORK/bin/id"

mkdir -p "$tree/.deps/lwip-2.2.1"
say "changed" >"$tree/.deps/lwip-2.2.1/file"
status=0
env -u RWS_BUILD "$tree/scripts/setup" >"$WORK/out" 2>&1 || status=$?
expect "status (lwIP tree that was changed)" "$status" 2
grep -q 'fails its checksum' "$WORK/out" || fail "a changed tree is not told"
