#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Bound queues: exact bytes, what is refused meanwhile, restarts that fail, a pool that runs dry, memory out of reach.
set -u
. "$(dirname "$0")/lib.sh"

fault() { in0 devmemctl fault dm0 "$@"; }
bind() { in0 python3 "$HERE/dmabuf.py" bind dm0 "$1" "${2:-1048576}" "${@:3}" </dev/null; }

check "a pair" pair_up 4 || tap_end
head -c 1000000 /dev/urandom >"$WORK/file"
devmem_steer

check "IPv4 into a dma-buf" devmem_rx 5201 2000000 3 4194304
ADDRESS='[2001:db8::1]' check "IPv6 into a dma-buf" devmem_rx 5201 2000000 3 4194304
ip -n ns0 link set dm0 mtu 9000
ip -n ns1 link set dm1 mtu 9000
check "IPv4 with MTU 9000" devmem_rx 5202 2000000 2 4194304
ADDRESS='[2001:db8::1]' check "IPv6 with MTU 9000" devmem_rx 5202 2000000 2 4194304
ip -n ns0 link set dm0 mtu 1500
ip -n ns1 link set dm1 mtu 1500
if kernel_has 7.3; then
	echo 8 >/proc/sys/vm/nr_hugepages
	check "rx-page-size 16384: several packets in a niov" devmem_rx 5201 2000000 3 4194304 --page-size 16384
	check_not "rx-page-size 2097152 is refused" bind 3 4194304 --page-size 2097152
	check "and the queue works on" devmem_rx 5201 100000 3 1048576
	echo 0 >/proc/sys/vm/nr_hugepages
fi
if kernel_has 6.16; then
	in1 ethtool -G dm1 tcp-data-split on
	ip netns exec ns1 timeout 60 socat -u TCP-LISTEN:5301,reuseaddr "OPEN:$WORK/arrived,creat,trunc" &
	receiver=$!
	wait_for 10 listens 1 5301
	check "sending from a dma-buf" in0 timeout 60 python3 "$HERE/dmabuf.py" send dm0 3000000 192.0.2.2 5301
	wait $receiver
	check_eq "3000000 bytes arrived" "$(wc -c <"$WORK/arrived")" 3000000
fi

check_here "a binding to queues 2 and 3" hold_binding 2,3 1048576
check_not "no second one to queue 3" bind 3
check_not "split stays on" in0 ethtool -G dm0 tcp-data-split off
check_not "split auto is refused, too" in0 ethtool -G dm0 tcp-data-split auto
in0 ethtool -N dm0 flow-type udp4 dst-port 9 action 0 >/dev/null
check_not "queue 3 stays" in0 ethtool -L dm0 combined 3
check_eq "4 channels" "$(in0 ethtool -l dm0 | awk '/^Combined:/ { value = $2 } END { print value }')" 4
check "a ring may change size" in0 ethtool -G dm0 rx 32
check "ordinary traffic passes by" in0 ping -c1 -W20 192.0.2.2
check "what is not TCP is readable on a bound queue" flows queue udp4 2000 2001 \
	"$(in0 ethtool -N dm0 flow-type udp4 dst-port 2001 action 3 >/dev/null && echo 3)"
check "down and up with a binding" in0 bash -c 'ip link set dm0 down && ip link set dm0 up'
check_eq "the binding is still there" "$(bindings)" 1
check_eq "with a page pool for each queue" "$(pools 0 | wc -l)" 2
release_binding
in0 ethtool -G dm0 rx 64
check "no page pool is left of it" wait_for 30 no_pools 0
check "no mapping, either" wait_for 30 no_bindings
check_here "a binding again" hold_binding 2 1048576
ip -n ns0 link set dm0 down
check_here "that is closed while the device is down" release_binding
check "the device comes up again" ip -n ns0 link set dm0 up
in0 ip addr replace 2001:db8::1/64 dev dm0 nodad
check "traffic flows" reached
check "and ordinary traffic flows through the queue" flows queue tcp4 4000 5202 2
check "no page pool is left of that one, either" wait_for 30 no_pools 0

fault probe
check_not "memory out of reach is refused when it is bound" bind 3
check "the old queue runs on" flows queue tcp4 4000 5201 3
fault clear
check "memory within reach is not" bind 3
before=$(stat 0 rx_queue_3_drops)
mkfifo "$WORK/wait"
ip netns exec ns0 timeout 60 python3 "$HERE/dmabuf.py" recv dm0 3 1048576 5201 >"$WORK/rx" &
receiver=$!
wait_for 20 listens 0 5201
fault seed=1 unreachable=5%
head -c 300000 /dev/urandom >"$WORK/sent"
ip netns exec ns1 timeout 60 socat -u "OPEN:$WORK/sent" TCP:192.0.2.1:5201 &
sender=$!
check "memory that goes out of reach drops and counts" wait_for 30 stat_above 0 rx_queue_3_unreachable 0
fault clear
wait $receiver $sender
check "and the bytes are complete when it is back" \
	grep -q "bytes 300000 dmabuf 300000 .* $(sha256sum <"$WORK/sent" | cut -d' ' -f1)" "$WORK/rx"
check "drops count them" stat_above 0 rx_queue_3_drops "$before"

failed=$(stat 0 rx_queue_3_alloc_fail)
ip netns exec ns0 timeout 120 python3 "$HERE/dmabuf.py" recv dm0 3 262144 5201 --keep 1000000 <>"$WORK/wait" >"$WORK/rx" &
receiver=$!
exec 9<>"$WORK/wait"
wait_for 20 listens 0 5201
ip netns exec ns1 timeout 120 socat -u "OPEN:$WORK/file" TCP:192.0.2.1:5201 &
sender=$!
check "a pool whose tokens stay out runs dry" wait_for 30 stat_above 0 rx_queue_3_alloc_fail "$failed"
check "netlink's statistics say so" test "$(in0 python3 "$HERE/dmabuf.py" qstats dm0 | awk '/^rx 3 / { print $5 }')" -gt "$failed"
check "the other queues work" in0 ping -c2 -W20 192.0.2.2
echo >&9
wait $receiver $sender
check "it recovers when they come back" \
	grep -q "bytes 1000000 dmabuf 1000000 .* $(sha256sum <"$WORK/file" | cut -d' ' -f1)" "$WORK/rx"
check "no page pool is left" wait_for 30 no_pools 0

transfer "$WORK/file" 192.0.2.1 >"$WORK/out" 2>&1 &
sender=$!
while kill -0 $sender 2>/dev/null; do
	bind 2,3 >/dev/null || echo failed
done >"$WORK/binds" 2>&1
wait $sender
check_eq "a transfer survives other queues' restarts" $? 0
check_eq "every restart worked" "$(cat "$WORK/binds")" ""
tap_end
