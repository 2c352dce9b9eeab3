#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Hardware GRO: what is merged, what is not, that it can be cut again, and that bytes are what they were.
set -u
. "$(dirname "$0")/lib.sh"

gro() { in0 ethtool -K dm0 rx-gro-hw "$1"; }
gro_is() { in0 ethtool -k dm0 | grep -q "^rx-gro-hw: $1"; }
merged() { stat_sum 0 'rx_queue_[0-9]*_gro_packets'; }
wire() { stat_sum 0 'rx_queue_[0-9]*_gro_wire_packets'; }

# grows COMMAND…: it succeeds, and frames were merged meanwhile, at least two into one.
grows()
{
	local packets frames

	packets=$(merged) frames=$(wire)
	"$@" || return
	packets=$(($(merged) - packets)) frames=$(($(wire) - frames))
	echo "$frames frames in $packets packets"
	[ $packets -gt 0 ] && [ $frames -ge $((2 * packets)) ]
}

check "a pair" pair_up 4 || tap_end
head -c 1000000 /dev/urandom >"$WORK/file"
check "it is on" gro_is on
for mtu in 1500 9000; do
	set_mtu $mtu
	check "IPv4, MTU $mtu" grows transfer "$WORK/file" 192.0.2.1
	check "IPv6, MTU $mtu" grows transfer "$WORK/file" '[2001:db8::1]'
done
set_mtu 1500
check "every frame is counted" wait_for 10 counted
in0 ethtool -G dm0 rx 8
check "with fewer buffers posted than a packet fills" grows transfer "$WORK/file" 192.0.2.1
check "and every frame is" wait_for 10 counted
in0 ethtool -G dm0 rx 64
in1 ethtool -K dm1 tso off gso off >/dev/null
check "frames that the stack has cut" grows transfer "$WORK/file" 192.0.2.1
in1 ethtool -K dm1 tso on gso on >/dev/null
in0 ethtool -K dm0 gro off
check "without the stack's GRO" grows transfer "$WORK/file" 192.0.2.1
check_eq "no checksum was wrong" "$(stat_sum 0 'rx_queue_[0-9]*_csum_bad')" 0
check "frames made by hand" python3 "$HERE/handmade.py"
check_eq "one checksum was" "$(stat_sum 0 'rx_queue_[0-9]*_csum_bad')" 1
in0 ethtool --set-priv-flags dm0 rx-packed on
check "frames made by hand, packed" python3 "$HERE/handmade.py"
in0 ethtool --set-priv-flags dm0 rx-packed off
check_eq "one checksum more was" "$(stat_sum 0 'rx_queue_[0-9]*_csum_bad')" 2
check_eq "nothing was dropped" "$(stat_sum 0 'rx_queue_[0-9]*_drops')" 0
in0 ethtool -K dm0 gro on

before=$(merged)
gro off
check "off" transfer "$WORK/file" 192.0.2.1
check_eq "nothing is merged then" "$(merged)" "$before"
gro on
in0 ethtool -K dm0 rx off >/dev/null
check "it goes with the receive checksum" gro_is off
in0 ethtool -K dm0 rx on >/dev/null
check "and comes back with it" gro_is on

in0 ethtool -G dm0 tcp-data-split on
check "with split" grows transfer "$WORK/file" 192.0.2.1
devmem_steer
check "IPv4 into device memory" grows devmem_rx 5201 1000000 3 4194304
ADDRESS='[2001:db8::1]' check "IPv6 into device memory" grows devmem_rx 5201 1000000 3 4194304
check "with niovs to spare for two packets" grows devmem_rx 5201 1000000 3 262144
check "four connections in a queue" grows devmem_connections 4
check "with niovs to spare for two packets of all" grows devmem_connections 4 -s 256K

# ns0 forwards: what was merged is cut again, by the other end's TSO or by the stack.
ip netns add ns2
ip link add dm2 numrxqueues 2 numtxqueues 2 type devmem_lo peer name dm3
ip link set dm2 netns ns0
ip link set dm3 netns ns2
ip -n ns0 addr add 198.51.100.1/24 dev dm2
ip -n ns2 addr add 198.51.100.2/24 dev dm3
ip -n ns0 link set dm2 up
ip -n ns2 link set dm3 up
in0 sysctl -qw net.ipv4.ip_forward=1
in0 ethtool -G dm0 tcp-data-split off
ip -n ns1 route add 198.51.100.0/24 via 192.0.2.1
ip -n ns2 route add 192.0.2.0/24 via 198.51.100.1
forward()
{
	local server

	ip netns exec ns2 timeout 60 socat -u TCP-LISTEN:7000,reuseaddr "OPEN:$WORK/arrived,creat,trunc" &
	server=$!
	wait_for 10 listens 2 7000
	in1 timeout 60 socat -u -b 262144 "OPEN:$WORK/file" TCP:198.51.100.2:7000
	wait $server && cmp "$WORK/file" "$WORK/arrived"
}
in2() { ip netns exec ns2 "$@"; }
check "a way through" wait_for 10 in1 ping -c1 -W1 198.51.100.2
check "forwarded" grows forward
in0 ethtool -K dm2 tso off gso off >/dev/null
check "forwarded, and cut by the stack" grows forward
ip -n ns0 link del dm2
ip netns del ns2
check_eq "and no other checksum was wrong" "$(stat_sum 0 'rx_queue_[0-9]*_csum_bad')" 2
tap_end
