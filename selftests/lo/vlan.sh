#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# VLAN tags: in the headers or beside the packet at either end, with TSO and GRO, and past them into device memory.
set -u
. "$(dirname "$0")/lib.sh"

vlan_up()
{
	local n

	for n in 0 1; do
		ip -n ns$n link add link dm$n name dm$n.7 type vlan id 7 || return
		ip -n ns$n addr add 198.51.100.$((n + 1))/24 dev dm$n.7
		ip -n ns$n addr add 2001:db8:7::$((n + 1))/64 dev dm$n.7 nodad
		ip -n ns$n link set dm$n.7 up
	done
	wait_for 10 in0 ping -c1 -W1 198.51.100.2 && wait_for 10 in1 ping -c1 -W1 2001:db8:7::1
}

# offload RX TX: whether dm0 takes tags out, and dm1 puts them in.
offload()
{
	in0 ethtool -K dm0 rx-vlan-offload "$1" && in1 ethtool -K dm1 tx-vlan-offload "$2"
} >/dev/null

check "a pair" pair_up 4 || tap_end
head -c 500000 /dev/urandom >"$WORK/file"
check "a VLAN on it" vlan_up
for rx in on off; do
	for tx in on off; do
		offload $rx $tx
		check "IPv4, taken out by the NIC: $rx, put in: $tx" transfer "$WORK/file" 198.51.100.1
		check "IPv6" transfer "$WORK/file" '[2001:db8:7::1]'
		check "fragments, and no TCP" in1 ping -c1 -W20 -s 4000 198.51.100.1
	done
done
merged=$(stat_sum 0 'rx_queue_[0-9]*_gro_packets')
check "frames were merged" test "$merged" -gt 0
offload on off
in1 ethtool -K dm1 tso off gso off >/dev/null
check "without TSO" transfer "$WORK/file" 198.51.100.1
in1 ethtool -K dm1 tso on gso on >/dev/null
check "and outside the VLAN all is well" transfer "$WORK/file" 192.0.2.1

in0 ethtool -G dm0 tcp-data-split on
in0 ethtool -X dm0 equal 2
in0 ethtool -N dm0 flow-type tcp4 dst-port 5201 action 3 >/dev/null
for rx in on off; do
	offload $rx on
	ADDRESS=198.51.100.1 check "rules see past the tag, into device memory; taken out: $rx" devmem_rx 5201 500000 3 4194304
done
check_eq "no checksum was wrong" "$(stat_sum 0 'rx_queue_[0-9]*_csum_bad')" 0
check "no page pool is left" wait_for 30 no_pools 0
tap_end
