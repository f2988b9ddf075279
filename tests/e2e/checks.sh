#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# axes:
# default: -/-/-
#
# The scripts/check_* that we wrote find what they are for. They run in a copy of the tree.

. "$(dirname "$0")/lib.sh"
e2e_begin

declare -A checks # by name, those that were tried

# caught CHECK REGEX FILE TEXT: with that file the check fails and says so.
caught() {
	local check=$1 regex=$2 file=$3 text=$4
	mkdir -p "$(dirname "$tree/$file")"
	[ ! -e "$tree/$file" ] || mv "$tree/$file" "$WORK/kept"
	printf '/* SPDX-License-Identifier: BSD-3-Clause */\n%b\n' "$text" >"$tree/$file"
	! "$tree/scripts/$check" >"$WORK/out" 2>&1 || fail "$check passes $file: $text"
	grep -qE "$regex" "$WORK/out" || fail "$check does not say '$regex': $(cat "$WORK/out")"
	rm "$tree/$file"
	[ ! -e "$WORK/kept" ] || mv "$WORK/kept" "$tree/$file"
	checks[$check]=tried
	say "ok: $check: $regex"
}

tree=$WORK/tree
mkdir "$tree"
for folder in stack driver api apps tests scripts docs .ci .clang-format .deps; do
	[ ! -e "$RWS_ROOT/$folder" ] || cp -rP "$RWS_ROOT/$folder" "$tree/"
done

caught check_includes 'stack/ may not include <rte_mbuf.h>' stack/x.c '#include <rte_mbuf.h>'
caught check_includes 'stack/ may not include <unistd.h>' stack/x.c '#include <unistd.h>'
caught check_includes 'stack/ may not include driver/port.h' stack/x.c '#include "driver/port.h"'
caught check_includes 'stack/base/ may not include stack/conn.h' stack/base/x.c '#include "stack/conn.h"'
caught check_includes 'driver/ may not include api/chan.h' driver/x.c '#include "api/chan.h"'
caught check_includes 'apps/ may not include stack/conn.h' apps/x.c '#include "stack/conn.h"'
caught check_includes 'must be included first' stack/base/fault.c '#include <stdio.h>\n#include "stack/base/fault.h"'
caught check_includes 'spell it from the root' stack/x.c '#include "conn.h"'
caught check_forbidden "'printf'" stack/x.c 'void f(void)\n{\n\tprintf("x");\n}'
caught check_forbidden "'abort'" api/x.c 'void f(void)\n{\n\tabort();\n}'
caught check_forbidden "'malloc'" stack/x.c 'void *f(void)\n{\n\treturn malloc(1);\n}'
caught check_forbidden "finish it" driver/x.c "/* TO""DO: later */"
caught check_format 'not clang-formatted|violations' driver/x.c 'int  f( void );'
caught check_path 'no_such_function' docs/path_of_a_packet.md '`no_such_function()` in stack/base/fault.c'
caught check_path 'stack/x.c:3: no file stack/lwip/gone.c' stack/x.c '/*\n * Calls stack/lwip/gone.c. */'
caught check_path 'stack/x.c:2: no file gone.c' stack/x.c '/* Called from gone.c; calls tcp_*.c. */'
caught check_path 'no file' docs/path_of_a_packet.md '`f()` in stack/no_such_file.c'

for check in "${!checks[@]}"; do
	"$tree/scripts/$check" >"$WORK/out" 2>&1 || fail "$check does not pass the tree: $(cat "$WORK/out")"
	say "ok: $check passes without them"
done
