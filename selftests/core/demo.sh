#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The demonstration says the truth: it catches the leaker when there is one, and nobody when there is none.
set -u
cd "$(dirname "$0")/../.." || exit 1
. selftests/lib/tap.sh
. selftests/lib/net.sh

verdict() # LEAK WANTED: the demonstration's verdict begins like that, and its exit status is 0
{
	local output

	output=$(module_load && DEMO_LEAK=$1 selftests/demo/demo </dev/null) || { echo "$output"; return 1; }
	grep -qE "^VERDICT: $2" <<<"$output" || { echo "$output"; return 1; }
}

check "a leak of 2 % is caught" verdict 2 'devmemtop named ([a-z]+ \(pid [0-9]+\)) .*; \1 is the one'
check "without a leak nobody is named" verdict 0 'no leak: over [0-9]+ frames devmemtop named nobody'
tap_end
