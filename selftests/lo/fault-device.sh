#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Faults of the device: a queue that stalls, a link that flaps, a device that vanishes, under traffic and while it is bound.
set -u
. "$(dirname "$0")/fault-lib.sh"

gone() { ! ip -n ns0 link show dm0; }
# How often the link was lost so far: a busy machine may not look while it is down.
losses() { ip netns exec "ns$1" cat "/sys/class/net/dm$1/carrier_down_count"; }
lost_again() { [ "$(losses "$1")" -gt "$2" ]; }
carrier() { [ "$(ip netns exec "ns$1" cat "/sys/class/net/dm$1/carrier")" = "$2" ]; }

# endless_tx: a sender until it is killed; TX is its job.
endless_tx()
{
	ip netns exec ns1 timeout 60 devmemcat 192.0.2.1 5201 --interval 0 --pattern inf >/dev/null 2>&1 </dev/null &
	TX=$!
}

check "a pair" pair_up 4 || tap_end
in0 sysctl -qw net.ipv4.tcp_orphan_retries=1

fault stall=always,queue=3
check_here "a receiver on a queue that is stalled" rx_start 300000
tx 300000 &
TX=$!
check "the sender's packets wait" wait_for 20 hits_above stall 0
check "the other queues work" in0 ping -c1 -W20 192.0.2.2
check "nothing arrives" kill -0 "$RX"
fault stall=off
check_here "after the stall, every byte arrives" rx_ends
wait $TX
check "a stall now and then" fault stall=50%
check_here "a receiver" rx_start 300000
check "does not hold the sender up for ever" tx 300000
check_here "nor lose a byte" rx_ends
check "stalled again" fault stall=always
ip -n ns1 link set dm1 down
ip -n ns1 link set dm1 up
ip -n ns0 link set dm0 down
check "a stalled device can be closed" wait_for 5 carrier 1 0
ip -n ns0 link set dm0 up
fault clear
in0 ip addr replace 2001:db8::1/64 dev dm0 nodad
check "and works again" wait_for 10 in0 ping -c1 -W1 192.0.2.2

check_here "a receiver" rx_start 300000
before=("$(losses 0)" "$(losses 1)")
check "the link flaps" fault flap=ms=1500
check "it is down, here" wait_for 5 lost_again 0 "${before[0]}"
check "and there" wait_for 5 lost_again 1 "${before[1]}"
check_eq "counted" "$(hits flap)" 1
check "a transfer waits for it" tx 300000
check_here "and every byte arrives" rx_ends
check "the link is back" wait_for 10 carrier 0 1
fault flap=ms=60000
ip -n ns0 link set dm0 down
ip -n ns0 link set dm0 up
check "a device that is closed and opened has its link at once" wait_for 5 carrier 0 1

fault delay=always,ms=10000
kept_back() { in1 ping -c1 -W1 192.0.2.1; hits_above delay 0; }
check "frames are kept back" wait_for 20 kept_back
ip -n ns0 link set dm0 down
check "a device closes over them" ip -n ns0 link set dm0 up
fault clear
check "and works" wait_for 10 in0 ping -c1 -W1 192.0.2.2

check_here "a receiver again" rx_start 100000000
received=$(stat 0 rx_queue_3_packets)
endless_tx
check "and traffic" wait_for 20 stat_above 0 rx_queue_3_packets $((received + 500))
# Asked by several at once: only the first matters.
vanish() { for _ in 1 2 3 4; do (echo >"$VANISH") 2>/dev/null & done; wait $!; }
VANISH=$(dirname "$(grep -lw dm0 /sys/kernel/debug/devmem_lo/*/device)")/vanish
check "the device vanishes under it" test -e "$VANISH"
vanish
check "it is gone" wait_for 20 gone
check "its peer is not, without a link" wait_for 5 carrier 1 0
check_not "the peer cannot be opened again" bash -c 'ip -n ns1 link set dm1 down && ip -n ns1 link set dm1 up'
kill "$RX" $TX 2>/dev/null
wait "$RX" $TX 2>/dev/null
check "no page pool is left" wait_for 30 no_pools 0
check "no binding, either" wait_for 30 no_bindings
ip -n ns1 link del dm1

ip netns del ns0
ip netns del ns1
check "a pair again" pair_up 4 || tap_end
fault drop=1% delay=1% vanish
check "rmmod while it vanishes" module_unload
check "loads again" module_load
tap_end
