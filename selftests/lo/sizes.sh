#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The smallest and the largest: MTUs, niovs, and datagrams that no queue for TCP payload was made for. All of it arrives, exactly, and
# no niov is lost over it.
set -u
. "$(dirname "$0")/lib.sh"

QUEUE=3
SIZE=8388608	# of dma-bufs

# set_mtu_ipv6 MTU: set_mtu, from and to where there is no IPv6: below 1280 its address goes for good.
set_mtu_ipv6()
{
	local n

	set_mtu "$1" || return
	for n in 0 1; do
		[ "$1" -lt 1280 ] || in$n ip addr replace 2001:db8::$((n + 1))/64 dev dm$n nodad
	done
	[ "$1" -lt 1280 ] || reached
}

# niovs: of each binding, how many are out at applications, unread, and at the NIC.
niovs()
{
	devmemctl bindings --json | python3 -c '
import json, sys
for binding in json.load(sys.stdin)["bindings"]:
    niovs = binding["niovs"]
    print(niovs["held"], niovs["queued"], niovs["other"])'
}

# niovs_are TEXT: of the one binding there is.
niovs_are() { stir_cpus; prints "$1" niovs; }

pings() # ADDRESS SIZE…
{
	local address=$1 size

	shift
	for size; do
		wait_for 20 in1 ping -c1 -W3 -s "$size" "$address" || { echo "$size bytes do not come back"; return 1; }
	done
}

ordinary() { transfer "$WORK/file" 192.0.2.1 && transfer "$WORK/file" '[2001:db8::1]'; }

devmem() # PAGE: into niovs of that size
{
	devmem_rx 5201 400000 $QUEUE $SIZE --page-size "$1" &&
		ADDRESS='[2001:db8::1]' devmem_rx 5201 400000 $QUEUE $SIZE --page-size "$1"
}

# rule WORDS: prints its location.
rule() { in0 ethtool -N dm0 flow-type "$@" | sed -n 's/Added rule with ID //p'; }

check "a pair" pair_up 4 || tap_end
RING=$(in0 ethtool -g dm0 | awk '/^RX:/ { value = $NF } END { print value }')
head -c 400000 /dev/urandom >"$WORK/file"
in0 ethtool -G dm0 tcp-data-split on
in0 ethtool -X dm0 equal 2
for proto in tcp4 tcp6; do
	in0 ethtool -N dm0 flow-type $proto dst-port 5201 action $QUEUE
done >/dev/null

# --- MTUs
for n in 67 9217; do
	check_not "MTU $n is refused" ip -n ns0 link set dm0 mtu $n
done
check_eq "the MTU is as it was" "$(in0 cat /sys/class/net/dm0/mtu)" 1500
check "MTU 68" set_mtu_ipv6 68
# While one end had it and the other not, IPv6 may have had something to say.
check "what was sent before is through" wait_for 10 prints 0 under_way 1
too_long=$(stat_sum 0 'rx_queue_[0-9]*_oversize')
# TCP's segments are never shorter than 48 bytes, options included: here each comes in two fragments, which have no ports to steer by.
location=$(rule ip4 src-ip 192.0.2.2 action $QUEUE)
in1 sysctl -qw net.ipv4.ip_no_pmtu_disc=1
head -c 20000 /dev/urandom >"$WORK/small"
check "IPv4 with MTU 68" transfer "$WORK/small" 192.0.2.1
received=$(stat 0 rx_queue_${QUEUE}_packets)
check_not "by a bound queue: not into device memory" devmem_rx 5201 20000 $QUEUE 1048576
check "in fragments, all by that queue" test $(($(stat 0 rx_queue_${QUEUE}_packets) - received)) -gt 500
check "and exactly, into host memory" \
	grep -q "bytes 20000 dmabuf 0 linear 20000 .* $(sha256sum <"$WORK/sent" | cut -d' ' -f1)" "$WORK/rx"
in1 sysctl -qw net.ipv4.ip_no_pmtu_disc=0
in0 ethtool -N dm0 delete "$location"
for mtu in 1280 9216; do
	check "MTU $mtu" set_mtu_ipv6 $mtu
	check "all arrives with MTU $mtu" ordinary
	check "in device memory, too" devmem 4096
done
check_eq "no frame was too long" "$(stat_sum 0 'rx_queue_[0-9]*_oversize')" "$too_long"

# --- niovs, with jumbo frames
if kernel_has 7.3; then
	echo 16 >/proc/sys/vm/nr_hugepages
	for page in 16384 65536; do
		check "all arrives in niovs of $page bytes" devmem $page
	done
	echo 0 >/proc/sys/vm/nr_hugepages
fi
set_mtu_ipv6 1500
check "no page pool is left" wait_for 30 no_pools 0

# --- On a bound queue, what is not TCP
for flow in "ip4 src-ip 192.0.2.2" "ip6 src-ip 2001:db8::2"; do
	rule $flow action $QUEUE >/dev/null
done
ip netns exec ns0 python3 -c '
import socket
sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
sock.bind(("::", 7))
while True:
    sock.sendto(*sock.recvfrom(65536))' &
echo=$!
check "an echo" wait_for 10 sh -c "ip netns exec ns0 ss -Hlun 'sport = :7' | grep -q ."
for page in 4096 $(kernel_has 7.3 && echo 65536); do
	mtu=1500
	[ $page = 4096 ] || { mtu=9216; echo 16 >/proc/sys/vm/nr_hugepages; }
	check_here "a queue with niovs of $page bytes" hold_binding $QUEUE $SIZE --page-size $page
	# At rest the NIC has as many as its ring takes, if there are so many, and nobody else has any.
	full=$((SIZE / page < RING ? SIZE / page : RING))
	check "its ring is filled" wait_for 30 niovs_are "0 0 $full"
	received=$(stat 0 rx_queue_${QUEUE}_packets)
	split=$(stat 0 rx_queue_${QUEUE}_split)
	failed=$(stat 0 rx_queue_${QUEUE}_alloc_fail)
	set_mtu_ipv6 $mtu
	for address in 192.0.2.1 2001:db8::1; do
		check "datagrams to $address come back, MTU $mtu" echoes $address 0 1 $((mtu - 48)) $((mtu - 27)) 40000
		check "pings, too" pings $address 0 1 $((mtu - 48)) $((mtu - 27)) 40000
	done
	check "all by the bound queue" test $(($(stat 0 rx_queue_${QUEUE}_packets) - received)) -gt 30
	check_eq "none of it in device memory" "$(stat 0 rx_queue_${QUEUE}_split)" "$split"
	check_eq "none of it asked for a niov" "$(stat 0 rx_queue_${QUEUE}_alloc_fail)" "$failed"
	check "no niov is lost" wait_for 30 niovs_are "0 0 $full"
	set_mtu_ipv6 1500
	release_binding
	[ $page = 4096 ] || echo 0 >/proc/sys/vm/nr_hugepages
	check "TCP payload gets into device memory as ever" devmem_rx 5201 200000 $QUEUE 1048576
done
kill $echo
check "no page pool is left" wait_for 30 no_pools 0
check "no binding, either" wait_for 30 no_bindings
tap_end
