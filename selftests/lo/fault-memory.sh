#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Faults of memory: what a queue takes for each frame, and what it takes to be bound, restarted, resized and opened. A failure leaves
# everything as it was.
set -u
. "$(dirname "$0")/fault-lib.sh"

bind() { in0 python3 "$HERE/dmabuf.py" bind dm0 "$1" 65536 </dev/null; }
ring() { in0 ethtool -g dm0 | awk '/^RX:/ { value = $NF } END { print value }'; }
combined() { in0 ethtool -l dm0 | awk '/^Combined:/ { value = $2 } END { print value }'; }

# survives SPEC COUNTER: a transfer while the fault strikes, and a counter that grows at least as much.
survives()
{
	local name=${1%%=*} before count

	before=$(hits "$name")
	count=$(stat "${2%%:*}" "${2#*:}")
	fault seed=1 "$1"
	check "$1: every byte arrives as it was sent" verified
	fault clear
	check "$name struck" hits_above "$name" "$before"
	check "$name: $2 counts it" test "$(stat "${2%%:*}" "${2#*:}")" -ge $((count + $(hits "$name") - before))
}

# fails NAME[,WORD…] COMMAND…: the fault strikes once, COMMAND fails; then it works.
fails()
{
	local spec=$1 name=${1%%[=,]*} before

	shift
	before=$(hits "$name")
	fault "$spec,times=1"
	check_not "$spec: $* fails" "$@"
	check_eq "$spec: counted" "$(hits "$name")" $((before + 1))
	fault clear
}

check "a pair" pair_up 4 || tap_end
in0 ethtool -G dm0 tcp-data-split on
in0 ethtool -X dm0 equal 2
in0 ethtool -N dm0 flow-type tcp4 dst-port 5300 action 3 loc 1 >/dev/null

survives skb=5%,queue=3 0:rx_queue_3_alloc_fail
survives niov=always,times=5,queue=3 0:rx_queue_3_alloc_fail
survives unreachable=5%,queue=3 0:rx_queue_3_unreachable
# A TSO packet is what the sender has to hand in again; a frame of it struck.
before=$(stat_sum 1 'tx_queue_[0-9]*_unreachable')
fault seed=1 source=2%
check "source=2%: every byte arrives as it was sent" verified
fault clear
check "source struck" hits_above source 0
check "source: the sender counts packets that could not be read" test "$(stat_sum 1 'tx_queue_[0-9]*_unreachable')" -gt "$before"

for name in ring pool probe; do
	fails $name=always,queue=3 bind 3
	check "$name: the old queue runs on" flows queue tcp4 4000 5300 3
	check "$name: the next binding works" bind 3
done

size=$(ring)
fails pool=always,queue=2 in0 ethtool -G dm0 rx 256
check_eq "the rings stay as they were, also those that had new memory" "$(ring)" "$size"
fails ring=always,queue=0 in0 ethtool -G dm0 rx 256
check "and traffic flows" in0 ping -c1 -W20 192.0.2.2
check "then they may grow" in0 ethtool -G dm0 rx 256

in0 ethtool -N dm0 delete 1
fails channels=always in0 ethtool -L dm0 combined 2
check_eq "the channels stay as they were" "$(combined)" 4
check "traffic flows through the last one" flows rss udp4
check "then they may become fewer" in0 ethtool -L dm0 combined 2
fails channels=always in0 ethtool -L dm0 combined 4
fails pool=always,queue=3 in0 ethtool -L dm0 combined 4
check_eq "the channels stay as they were" "$(combined)" 2
check "traffic flows" in0 ping -c1 -W20 192.0.2.2
check "then they may become more" in0 ethtool -L dm0 combined 4

ip -n ns0 link set dm0 down
fails ring=always,queue=3 ip -n ns0 link set dm0 up
check "a device that could not be opened can be" ip -n ns0 link set dm0 up
in0 ip addr replace 2001:db8::1/64 dev dm0 nodad
check "traffic flows again" reached
check "every byte arrives" verified
check "no page pool is left" wait_for 30 no_pools 0
tap_end
