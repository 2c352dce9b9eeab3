#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A container whose netkit device leases a queue: it binds that queue as its own, by dma-buf and by io_uring.
#
#	┌─────── ns1 ────────┐      ┌───────────── ns0 ──────────────┐      ┌───────── ns2 ─────────┐
#	│ dm1 192.0.2.2      │──────│ dm0, queue 3    nk0 198.51.100.1 │────│ nk1 198.51.100.2, queue 1 │
#	└────────────────────┘      └────────────────────────────────┘      └───────────────────────┘
set -u
. "$(dirname "$0")/lib.sh"

in2() { ip netns exec ns2 "$@"; }
lease() { in2 python3 "$HERE/dmabuf.py" lease nk1 "$(in0 cat /sys/class/net/dm0/ifindex)" "$1" 7; }
bind2() { in2 python3 "$HERE/dmabuf.py" bind nk1 1 1048576 </dev/null; }
listens2() { in2 ss -Htln "sport = :$1" | grep -q .; }
sends() { in1 timeout 60 socat -u "OPEN:$WORK/file" TCP:198.51.100.2:"$1"; }

check "a pair" pair_up 4 || tap_end
if ! kernel_has 7.1; then
	check_not "this kernel leases no queue" in0 python3 "$HERE/dmabuf.py" lease dm0 1 3 7
	tap_end
fi
head -c 1000000 /dev/urandom >"$WORK/file"
in0 ethtool -G dm0 tcp-data-split on
in0 ethtool -X dm0 equal 2
in0 ethtool -N dm0 flow-type tcp4 dst-port 5501 action 3 >/dev/null

ip netns add ns2
trap 'kill $(jobs -p) 2>/dev/null; wait; ip -n ns0 link del nk0 2>/dev/null; ip netns del ns2; pair_down; rm -rf "$WORK"' EXIT
ip -n ns2 netns set ns0 7
check "a netkit pair" ip -n ns0 link add nk0 numrxqueues 2 type netkit peer name nk1 numrxqueues 2 netns ns2
ip -n ns0 addr add 198.51.100.1/24 dev nk0
ip -n ns0 link set nk0 up
ip -n ns2 addr add 198.51.100.2/24 dev nk1
ip -n ns2 link set nk1 up
ip -n ns2 route add default via 198.51.100.1
ip -n ns1 route add 198.51.100.0/24 via 192.0.2.1
in0 sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
check "with a way through" wait_for 10 in1 ping -c1 -W1 198.51.100.2

check_not "a queue that is not there cannot be leased" lease 9
check_eq "queue 3 is leased as queue 1" "$(lease 3)" 1
check_not "but once" lease 3
check_not "its owner cannot bind it" in0 python3 "$HERE/dmabuf.py" bind dm0 3 1048576 </dev/null
check_not "nor do without it" in0 ethtool -L dm0 combined 3
check_eq "4 channels" "$(in0 ethtool -l dm0 | awk '/^Combined:/ { value = $2 } END { print value }')" 4

ip netns exec ns2 timeout 60 python3 "$HERE/dmabuf.py" recv nk1 1 4194304 5501 >"$WORK/rx" &
receiver=$!
check "the container binds a dma-buf" wait_for 20 listens2 5501
check_not "no program can be attached meanwhile" \
	ip -n ns0 link set dm0 xdpdrv obj "$TREE/build/selftests/lo/xdp.bpf.o" program pass_frags
check "the peer sends" sends 5501
wait $receiver
check "exact bytes arrive in the dma-buf" \
	grep -q "bytes 1000000 dmabuf 1000000 linear 0 .* $(sha256sum <"$WORK/file" | cut -d' ' -f1)" "$WORK/rx"
check "by the queue that is leased" stat_above 0 rx_queue_3_split 100

ip netns exec ns2 timeout 60 "$TREE/build/selftests/lo/zcrx" nk1 1 5501 >"$WORK/arrived" &
receiver=$!
check "the container binds by io_uring" wait_for 20 listens2 5501
check "the peer sends" sends 5501
wait $receiver
check "exact bytes arrive" cmp "$WORK/file" "$WORK/arrived"
check "the queue is free afterwards" wait_for 20 bind2

mkfifo "$WORK/hold"
ip netns exec ns2 python3 "$HERE/dmabuf.py" bind nk1 1 1048576 <"$WORK/hold" >"$WORK/held" &
holder=$!
exec 8>"$WORK/hold"
check "bound once more" wait_for 20 grep -q bound "$WORK/held"
check "the netkit pair may go" ip -n ns0 link del nk0
check "then the owner has its queue back" wait_for 20 eval 'in0 python3 "$HERE/dmabuf.py" bind dm0 3 1048576 </dev/null'
exec 8>&-
wait $holder
check "and may do without it" eval 'in0 ethtool -N dm0 delete "$(in0 ethtool -n dm0 | awk "/^Filter:/ { print \$2 }")" && in0 ethtool -L dm0 combined 3'
check "nothing is left bound" wait_for 30 no_bindings
tap_end
