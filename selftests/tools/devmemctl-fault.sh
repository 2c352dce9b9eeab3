#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# devmemctl fault: what it sets, lists, clears and refuses, and which device it means.
set -u
cd "$(dirname "$0")/../.." || exit 1
. selftests/lib/tap.sh
. selftests/lib/net.sh

# row NAME: of the list. What it hit is the last column, and not asked for here: the link is never quite silent.
row() { in0 devmemctl fault dm0 | awk -v name="$1" '$1 == name { $1 = ""; print substr($0, 2) }'; }

# refuses STATUS WORDS ARGUMENT…
refuses()
{
	local status=$1 words=$2 out got

	shift 2
	out=$(in0 devmemctl fault "$@" 2>&1 >/dev/null)
	got=$?
	if [ $got = "$status" ] && [ "$(wc -l <<<"$out")" = 1 ] && grep -qF -- "$words" <<<"$out"; then
		tap_ok "fault $* : $status"
	else
		tap_fail "fault $* : $status" "exit $got, wanted $status and one line with: $words" "$out"
	fi
}

check "a pair" pair_up 2 || tap_end
check_eq "nothing is asked for" "$(row drop)" "off all all - 0"
check "several in one go" in0 devmemctl fault dm0 seed=42 drop=1%,queue=1,times=7 delay=1/8,ms=30 reorder stall=off
check_eq "drop" "$(row drop | cut -d' ' -f1-2)" "1% 1"
check_eq "delay" "$(row delay | cut -d' ' -f1-5)" "12.5% all all 30 ms"
check_eq "reorder" "$(row reorder | cut -d' ' -f1-5)" "always all all 3 frames"
check_eq "the seed" "$(in0 devmemctl fault dm0 | head -1)" "dm0: seed 42"
check "as JSON" python3 - "$(in0 devmemctl fault dm0 --json)" <<'PY'
import json, sys
device = json.loads(sys.argv[1])
faults = {fault["fault"]: fault for fault in device["faults"]}
assert (device["device"], device["seed"]) == ("dm0", 42), device
drop = faults["drop"]
assert (drop["rate"], drop["queue"], drop["times"] + drop["hits"]) == (0.01, 1, 7), drop
assert faults["delay"]["rate"] == 0.125 and faults["delay"]["ms"] == 30 and faults["delay"]["queue"] is None
assert faults["flap"]["rate"] is None and faults["flap"]["ms"] == 500
PY
check_eq "the other end is another device" "$(in1 devmemctl fault dm1 | awk '$1 == "drop" { print $2 }')" off
ip -n ns0 link set dm0 down
ip -n ns0 link set dm0 name other
check_eq "a new name, the same device" "$(in0 devmemctl fault other | awk '$1 == "drop" { print $2 }')" "1%"
ip -n ns0 link set other name dm0 up
check "clear" in0 devmemctl fault dm0 clear
check_eq "drop is off" "$(row drop | cut -d' ' -f1)" off
check_eq "reorder, too" "$(row reorder | cut -d' ' -f1)" off

refuses 1 "no device 'dm9' in this network namespace" dm9
refuses 1 "lo is no devmem_lo device" lo
refuses 2 "knows no fault 'dorp'" dm0 dorp=1%
refuses 2 "knows no fault ''" dm0 ''
refuses 2 "not '101%'" dm0 drop=101%
refuses 2 "not '0%'" dm0 drop=0%
refuses 2 "not '5'" dm0 drop=5
refuses 2 "not '1/0'" dm0 drop=1/0
refuses 2 "not 'nan%'" dm0 drop=nan%
refuses 2 "lacks a value" dm0 drop=
refuses 2 "fault drop knows no 'ms=3'" dm0 drop=1%,ms=3
refuses 2 "fault drop knows no 'hits=3'" dm0 drop=hits=3
refuses 2 "cannot do 'drop=queue=2'" dm0 drop=queue=2
refuses 2 "cannot do 'drop=queue=x'" dm0 drop=queue=x
refuses 2 "cannot do 'drop=times=0'" dm0 drop=times=0
refuses 2 "cannot do 'delay=ms=10001'" dm0 delay=ms=10001
refuses 2 "takes no rate" dm0 flap=5%
refuses 2 "seed takes a number" dm0 seed=-1
refuses 2 "--json is for listing" dm0 drop --json
refuses 2 "of which device?"
refuses 2 "not 'bogus'" dm0 drop delay=bogus
check_eq "of two that are asked for, one wrongly, none is" "$(row drop | cut -d' ' -f1)" off
check "not root: exit 4, naming the capability" sh -c '
	ip netns exec ns0 setpriv --reuid=65534 --regid=65534 --clear-groups devmemctl fault dm0 2>/tmp/fault.err
	[ $? = 4 ] && grep -q CAP_SYS_ADMIN /tmp/fault.err'
rm -f /tmp/fault.err
pair_down
tap_end
