#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Steering as applications see it: sockets' flows at the queues where RSS and rules lead, and devmem TCP by way of an RSS context.
# What there is to configure is tested frame by frame in rss.py and ntuple.py.
set -u
. "$(dirname "$0")/lib.sh"

rule() { in0 ethtool -N dm0 flow-type "$@"; }

check "a pair with 8 queues" pair_up 8 || tap_end
for proto in tcp4 udp6; do
	check "RSS of $proto" flows rss $proto
done
check "another key" in0 ethtool -X dm0 hkey "$(head -c 52 /dev/urandom | od -An -v -tx1 | tr -d '\n' | sed 's/^ //; s/ /:/g')"
check "RSS of tcp6 with it" flows rss tcp6
check "another table" in0 ethtool -X dm0 weight 1 0 2 0 3 0 1 0
check "udp4 by addresses only" in0 ethtool -N dm0 rx-flow-hash udp4 sd
check "RSS of udp4 is that" flows rss udp4 2
check "RSS of tcp4 is not" flows rss tcp4 4
check_not "another hash function is refused" in0 ethtool -X dm0 hfunc xor
in0 ethtool -X dm0 equal 1

check "a rule for a port" rule tcp4 dst-port 5201 action 5 loc 10
check "leads there" flows queue tcp4 1111 5201 5
check "only that port" flows queue tcp4 1111 5202 0
check "a rule that drops" rule tcp4 dst-port 5203 action -1 loc 1
check "drops" flows queue tcp4 1112 5203 -
check "and counts" stat_above 0 rx_queue_0_discarded 0

check "a context" in0 ethtool -X dm0 context new start 6 equal 2
check "a rule for it" rule tcp6 dst-port 5204 context 1 loc 2
check "split on" in0 ethtool -G dm0 tcp-data-split on
before=$(($(stat 0 rx_queue_6_split) + $(stat 0 rx_queue_7_split)))
ADDRESS=[2001:db8::1] check "devmem TCP by way of the context" devmem_rx 5204 300000 6,7 1048576
check "at its queues" test $(($(stat 0 rx_queue_6_split) + $(stat 0 rx_queue_7_split))) -gt "$before"
check_not "while a rule leads to it the context stays" in0 ethtool -X dm0 context 1 delete
in0 ethtool -N dm0 delete 2
check "then it goes" in0 ethtool -X dm0 context 1 delete
check "no rules without ntuple" in0 ethtool -K dm0 ntuple off
check "RSS decides again" flows queue tcp4 1111 5201 0
check "nothing is left bound" wait_for 20 no_bindings
tap_end
