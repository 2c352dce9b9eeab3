#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# XDP's verdicts on a frame, each by its counter and by what an application sees of it: PASS, DROP, ABORTED, TX.
set -u
. "$(dirname "$0")/lib.sh"
. "$HERE/xdp-lib.sh"

servers=
check "a pair" pair_up 2 || tap_end
head -c 2000000 /dev/urandom >"$WORK/file"
echo_server ns0

# --- PASS, with one buffer and several
check "without a program, port 7 answers" echoes 192.0.2.1 100
check_here "PASS" program pass dm0
check "port 7 answers" echoes 192.0.2.1 1000
check "a transfer arrives as it was" transfer "$WORK/file" 192.0.2.1
program_end
check_eq "the program saw one buffer" "$(seen longest) $(seen linear)" "1042 1042"
check "every frame is counted" test "$(count pass)" -gt 100
check_eq "with its checksum" "$(stat_sum 0 'rx_queue_[0-9]*_csum_bad')" 0

set_mtu 9000
for split in off on; do
	split $split
	check_here "PASS, several buffers, MTU 9000, split $split" program pass dm0 --frags
	check "port 7 answers" echoes 192.0.2.1 8000
	check "IPv4 with split $split arrives as it was" transfer "$WORK/file" 192.0.2.1
	check "IPv6 with split $split arrives as it was" transfer "$WORK/file" '[2001:db8::1]'
	program_end
	check_eq "the program saw the whole frame" "$(seen longest)" 8042
	check "in several buffers" test "$(seen linear)" -lt 4096
done
check "headers were kept apart" test "$(stat_sum 0 'rx_queue_[0-9]*_split')" -gt 100
split off
set_mtu 1500

# --- DROP and what is an error
check_here "DROP" program drop dm0
dropped=$(count drop)
check "a datagram is dropped" send7
check "and counted" wait_for 10 eval '[ $(count drop) -gt '"$dropped"' ]'
check "other traffic passes" in1 ping -c1 -W20 192.0.2.1
program_end
check_eq "nothing that was dropped is the NIC's loss" "$(stat_sum 0 'rx_queue_[0-9]*_drops')" 0
check_here "ABORTED" program abort_ dm0
check "a datagram goes nowhere" send7
check "and is counted" wait_for 10 eval '[ $(count aborted) -gt 0 ]'
program_end
check "without a program, port 7 answers again" echoes 192.0.2.1 100

# --- TX
kill $servers && wait $servers
servers=
check_here "TX" program tx dm0
for size in 0 100 1472; do
	check "$size bytes come back" echoes 192.0.2.1 $size
done
program_end
check "as many as were sent" test "$(count tx)" -ge 3
check "are counted as sent" wait_for 10 prints "$(count tx)" stat_sum 0 'tx_queue_[0-9]*_xdp'
set_mtu 9000
check_here "TX, several buffers" program tx dm0 --frags
check "8000 bytes come back" echoes 192.0.2.1 8000
check "then 10" echoes 192.0.2.1 10
program_end
set_mtu 1500
tap_end
