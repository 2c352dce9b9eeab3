#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The rules a machine can check: licence lines, checkpatch --strict from the pinned kernel, no path or host of one machine, man pages
# that parse, `make help` that lists every target.
set -u
cd "$(dirname "$0")/../.." || exit 1
. selftests/lib/tap.sh
source=$(selftests/vm/source 2>/dev/null)

files() { git ls-files -- "$@" 2>/dev/null || find . -path ./build -prune -o -type f -print; }

none() { local found; found=$("$@"); [ -z "$found" ] || { echo "$found"; return 1; }; }

no_spdx()
{
	local f

	files kernel bpf tools include selftests packaging Makefile | grep -vE '\.(sha256|md|txt|json)$|/(skips|smoke|splats)$' | while read -r f; do
		[ ! -s "$f" ] || head -3 "$f" | grep -q SPDX-License-Identifier || echo "$f"
	done
}

wrong_licence()
{
	grep -L 'GPL-2.0-only$\|GPL-2.0-only \*/$' $(files 'kernel/*.c' 'kernel/*.h' 'bpf/*.c' 'bpf/*.h')
	grep -L 'GPL-2.0-only OR BSD-2-Clause' $(files 'tools/*.c' 'tools/*.h' 'include/*.h')
}

checkpatch() # IGNORED-TYPES PATTERN…
{
	local ignored=$1

	shift
	perl "$source/scripts/checkpatch.pl" --no-tree --strict --terse --no-summary --max-line-length=100 --show-types \
		--ignore "$ignored" -f $(files "$@") 2>&1 | head -40
	rm -f .checkpatch-camelcase.*
}

check "every file has its SPDX line" none no_spdx
check "every file has the licence of its place" none wrong_licence
# Outside a kernel tree there is no MAINTAINERS file, and the tools have types and loops of their own.
check "checkpatch --strict: kernel" none checkpatch FILE_PATH_CHANGES 'kernel/*.c' 'kernel/*.h' ':!*/compat.h'
# Comparing kernel versions is what compat.h is for.
check "checkpatch --strict: compat.h" none checkpatch \
	FILE_PATH_CHANGES,LINUX_VERSION_CODE,CONSTANT_COMPARISON,MACRO_ARG_UNUSED kernel/lo/compat.h
check "checkpatch --strict: bpf, tools, include" none checkpatch \
	FILE_PATH_CHANGES,NEW_TYPEDEFS,PREFER_KERNEL_TYPES,PREFER_DEFINED_ATTRIBUTE_MACRO,PREFER_FALLTHROUGH,VOLATILE,CAMELCASE,SPLIT_STRING,BIT_MACRO,ARRAY_SIZE,EMBEDDED_FUNCTION_NAME,AVOID_EXTERNS \
	'bpf/*.c' 'bpf/*.h' 'tools/*.c' 'tools/*.h' 'include/*.h'
check "no path of one machine" none git grep -nIE '(^|[^.A-Za-z0-9])/(work|farm)/' -- .
check "no unfinished mark" none git grep -nIwE 'TODO|FIXME|XXX|HACK' -- '*.c' '*.h' '*.sh' '*.py' Makefile ':!selftests/host/style.sh'

undocumented()
{
	local target

	for target in $(sed -n 's/^\.PHONY: //p' Makefile); do
		case $target in deps-auto | help | tools) continue ;; esac
		make -s help | grep -q "^$target " || echo "$target"
	done
}
check "make help lists every target" none undocumented
for target in demo check bench vm module install clean cache-list cache-prune deps check-all check-host check-vm; do
	check "there is a target $target" grep -q "^$target:" Makefile
done
for page in tools/man/*.[18]; do
	if command -v mandoc >/dev/null; then
		check "mandoc -T lint $page" none sh -c "mandoc -T lint -W warning $page"
	fi
done
tap_end
