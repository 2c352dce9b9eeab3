#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The list of the kernel's own NIC selftests is complete, and their sources are the package's.
set -u
cd "$(dirname "$0")/../.." || exit 1
. selftests/lib/tap.sh
source=$(selftests/vm/source) || exit 1
list=$PWD/selftests/upstream/tests

none() { local found; found=$("$@"); [ -z "$found" ] || { echo "$found"; return 1; }; }

# Libraries are no tests.
unlisted()
{
	(cd "$source/tools/testing/selftests/drivers/net" && ls -- *.py hw/*.py hw/*.sh) | grep -v '_lib\.' | while read -r test; do
		grep -q "^$test[[:space:]]" "$list" || echo "$test"
	done
}

gone()
{
	grep -oE '^[a-z][a-z0-9_/-]*\.(py|sh)' "$list" | while read -r test; do
		[ -e "$source/tools/testing/selftests/drivers/net/$test" ] || echo "$test"
	done
}

check "every NIC test of the kernel is listed" none unlisted
check "every test that is listed is there" none gone
check "their sources are the package's" bash -c 'cd "$0" && sha256sum --quiet -c "$1"' "$source" "$PWD/selftests/upstream/sources.sha256"
tap_end
