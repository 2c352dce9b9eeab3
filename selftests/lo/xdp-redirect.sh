#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# XDP REDIRECT to another pair and back, to another CPU, to a socket; and what kfuncs tell a program.
set -u
. "$(dirname "$0")/lib.sh"
. "$HERE/xdp-lib.sh"

servers=
check "a pair" pair_up 2 || tap_end
head -c 2000000 /dev/urandom >"$WORK/file"

# --- REDIRECT: to another pair and back, to another CPU, to a socket
ip netns add ns2
ip link add dm2 netns ns0 numrxqueues 2 numtxqueues 2 type devmem_lo peer name dm3 netns ns2
ip -n ns2 link set dm3 address "$(in0 cat /sys/class/net/dm0/address)"
ip -n ns2 addr add 192.0.2.1/24 dev dm3
ip -n ns2 neigh add 192.0.2.2 lladdr "$(in1 cat /sys/class/net/dm1/address)" dev dm3
ip -n ns0 link set dm2 up
ip -n ns2 link set dm3 up
echo_server ns2
mkfifo "$WORK/back"
ip netns exec ns0 "$XDP" device dm2 --frags --to dm0 <"$WORK/back" >"$WORK/seen2" &
back=$!
exec 9>"$WORK/back"
check "REDIRECT from the other pair" wait_for 20 grep -q attached "$WORK/seen2"
check_here "REDIRECT to the other pair" program device dm0 --frags --to dm2
check "its far end answers" echoes 192.0.2.1 1000
for dev in dm0 dm2; do ip -n ns0 link set $dev mtu 9000; done
ip -n ns1 link set dm1 mtu 9000
ip -n ns2 link set dm3 mtu 9000
check "also to 8000 bytes" echoes 192.0.2.1 8000
check "both ways are counted" test "$(count redirect)" -ge 2
went_out() { [ "$(in0 ethtool -S dm2 | awk '/tx_queue_[0-9]*_xdp:/ { sum += $2 } END { print sum }')" -ge 2 ]; }
check "and so is what went out to the other device" wait_for 10 went_out
ip -n ns2 link set dm3 down
check "where there is no link, a frame is lost" send7
ip -n ns2 link set dm3 up
ip -n ns2 neigh replace 192.0.2.2 lladdr "$(in1 cat /sys/class/net/dm1/address)" dev dm3
check "and then it works again" echoes 192.0.2.1 1000
program_end
exec 9>&-
wait $back
kill $servers && wait $servers
servers=
ip -n ns0 link del dm2
ip netns del ns2
set_mtu 1500

redirected=$(count redirect)
check_here "REDIRECT to another CPU" program cpu dm0
check "a transfer arrives as it was" transfer "$WORK/file" 192.0.2.1
program_end
set_mtu 9000
split on
check_here "the same, several buffers, with split on" program cpu dm0 --frags
check "a transfer arrives as it was" transfer "$WORK/file" 192.0.2.1
program_end
split off
check "all by the other CPU" test "$(count redirect)" -gt $((redirected + 100))

set_mtu 1500
check_here "REDIRECT to a socket, by copy" program xsk dm0 --queues 2
check "it answers" echoes 192.0.2.1 1000
check "other traffic passes" in1 ping -c1 -W20 192.0.2.1
program_end
set_mtu 9000
check_here "the same, several buffers" program xsk dm0 --queues 2 --frags
check "it answers" echoes 192.0.2.1 8000
program_end
set_mtu 1500

# --- What kfuncs say

# unheard: datagrams that got through to ns0's stack, which had nobody to give them to.
unheard() { in0 nstat -asz UdpNoPorts | awk '$1 == "UdpNoPorts" { print $2 }'; }

check_here "a program that asks for hash, time and tag" program meta dm0
before=$(date +%s)
unheard=$(unheard)
check "gets a datagram" send7
check "which goes on" wait_for 10 prints $((unheard + 1)) unheard
program_end
check_eq "it saw it, and no kfunc failed" "$(seen packets) $(seen errors)" "1 0"
check_not "the hash is one" test "$(seen hash)" = 0
check_eq "of addresses and ports, IPv4 and UDP" "$(seen type)" 0x29
check "the time is now" test $(($(seen time) / 1000000000 - before)) -le 60 -a $(($(seen time) / 1000000000)) -ge "$before"
check_eq "there was no tag" "$(seen vlan)" 0

for n in 0 1; do
	ip -n ns$n link add link dm$n name dm$n.7 type vlan id 7
	ip -n ns$n addr add 198.51.100.$((n + 1))/24 dev dm$n.7
	ip -n ns$n link set dm$n.7 up
done
check "a VLAN" wait_for 10 in1 ping -c1 -W1 198.51.100.1
check_here "its tags are beside the frames" program meta dm0
unheard=$(unheard)
check "gets a datagram" send7 198.51.100.1
check "which goes on with its tag" wait_for 10 prints $((unheard + 1)) unheard
program_end
check_eq "and knows it" "$(seen packets) $(seen vlan)" "1 0x81000007"
tap_end
