#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# io_uring zero-copy reception: exact bytes, by the queue that is bound; what is refused meanwhile; what is left afterwards.
set -u
. "$(dirname "$0")/lib.sh"

ZCRX=$TREE/build/selftests/lo/zcrx

# receiver PORT: a zero-copy receiver in ns0 on queue 3, into $WORK/arrived.
receiver()
{
	ip netns exec ns0 timeout 120 "$ZCRX" dm0 3 "$1" >"$WORK/arrived" 2>"$WORK/error" &
	receiver=$!
	wait_for 20 listens 0 "$1"
}

# zc_rx ADDRESS: the file arrives as it was.
zc_rx()
{
	receiver 5401 && in1 timeout 60 socat -u "OPEN:$WORK/file" "TCP:$1:5401"
	wait $receiver && cmp "$WORK/file" "$WORK/arrived" && return
	cat "$WORK/error"
	return 1
}

bind3() { in0 python3 "$HERE/dmabuf.py" bind dm0 3 1048576 </dev/null; }

check "a pair" pair_up 4 || tap_end
head -c 2000000 /dev/urandom >"$WORK/file"
in0 ethtool -X dm0 equal 2
for proto in tcp4 tcp6; do
	in0 ethtool -N dm0 flow-type $proto dst-port 5401 action 3
done >/dev/null

if ! kernel_has 6.16; then
	check_not "this kernel refuses" in0 "$ZCRX" dm0 3 5401
	tap_end
fi
check_not "without split a queue is refused" in0 "$ZCRX" dm0 3 5401
in0 ethtool -G dm0 tcp-data-split on
check "IPv4" zc_rx 192.0.2.1
check "IPv6" zc_rx '[2001:db8::1]'
check "headers and payload were kept apart" stat_above 0 rx_queue_3_split 1000
ip -n ns0 link set dm0 mtu 9000
ip -n ns1 link set dm1 mtu 9000
check "MTU 9000" zc_rx 192.0.2.1
ip -n ns0 link set dm0 mtu 1500
ip -n ns1 link set dm1 mtu 1500
check_eq "nothing was dropped" "$(stat 0 rx_queue_3_drops)" 0

check_here "a bound queue" receiver 5401
check_not "takes no dma-buf" bind3
check_not "takes no XDP program" ip -n ns0 link set dm0 xdpdrv obj "$TREE/build/selftests/lo/xdp.bpf.o" program pass_frags
check_not "keeps the split on" in0 ethtool -G dm0 tcp-data-split off
check_not "stays" in0 ethtool -L dm0 combined 3
check "rings may change under it" in0 ethtool -G dm0 rx 128
check "the device may be down for a while" in0 bash -c 'ip link set dm0 down && ip link set dm0 up'
check "the other queues work" wait_for 10 in1 ping -c1 -W1 192.0.2.1
check "and then it receives" in1 timeout 60 socat -u "OPEN:$WORK/file" TCP:192.0.2.1:5401
wait $receiver
check "what was sent" cmp "$WORK/file" "$WORK/arrived"
check "afterwards the queue is free" wait_for 20 bind3
check "for ordinary traffic" flows queue tcp4 4000 5401 3
tap_end
