#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# TSO, checksums and MTU, by ordinary TCP in readable memory, and what a receiver refuses.
set -u
. "$(dirname "$0")/lib.sh"

features() { in0 ethtool -K dm0 "$@" && in1 ethtool -K dm1 "$@"; } >/dev/null

check "a pair" pair_up 2 || tap_end
head -c 4000000 /dev/urandom >"$WORK/file"
for split in off on; do
	in0 ethtool -G dm0 tcp-data-split $split
	for mtu in 1500 9000; do
		set_mtu $mtu
		check "IPv4, MTU $mtu, split $split" transfer "$WORK/file" 192.0.2.1
		check "IPv6, MTU $mtu, split $split" transfer "$WORK/file" '[2001:db8::1]'
	done
done
set_mtu 1500
check "TSO packets were cut" test "$(stat_sum 1 'tx_queue_[0-9]*_tso_packets')" -gt 100
tso() { stat_sum 1 "tx_queue_[0-9]*_tso_$1"; }
more=$(($(tso wire_packets) - $(tso packets)))
headers=$(($(tso wire_bytes) - $(tso bytes)))
check "into more packets, each with its headers, of IPv4 or IPv6" test $((66 * more <= headers && headers <= 86 * more && more > 1000)) = 1
check "as many frames arrived as were sent" wait_for 10 counted
check_eq "no checksum was wrong" "$(stat_sum 0 'rx_queue_[0-9]*_csum_bad')" 0
check_eq "nothing was dropped" "$(stat_sum 0 'rx_queue_[0-9]*_drops')" 0
check "headers and payload were kept apart" test "$(stat_sum 0 'rx_queue_[0-9]*_split')" -gt 1000
in0 ethtool -G dm0 tcp-data-split off

for feature in tso gso sg tx rx gro; do
	features $feature off
	check "without $feature" transfer "$WORK/file" 192.0.2.1
done
for feature in gro rx tx sg gso tso; do
	features $feature on
done
check "with all of them again" transfer "$WORK/file" '[2001:db8::1]'

bad=$(stat_sum 0 'rx_queue_[0-9]*_csum_bad')
check "a datagram with a wrong checksum" flows badsum
check "is counted" wait_for 5 prints $((bad + 1)) stat_sum 0 'rx_queue_[0-9]*_csum_bad'
check "fragments of a datagram" in1 ping -c2 -W20 -s 20000 192.0.2.1

ip -n ns1 link set dm1 mtu 9000
check_not "a frame longer than the MTU does not arrive" in1 ping -c1 -W1 -M do -s 4000 192.0.2.1
check "it is counted" wait_for 5 eval '[ "$(stat_sum 0 "rx_queue_[0-9]*_oversize")" -gt 0 ]'
set_mtu 1500
check "then all is well" in1 ping -c1 -W20 192.0.2.1
tap_end
