# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The network most tests use:
#
#	┌─────── ns0 ───────┐                ┌─────── ns1 ───────┐
#	│ dm0 192.0.2.1/24  │── devmem_lo ───│ dm1 192.0.2.2/24  │
#	│     2001:db8::1   │                │     2001:db8::2   │
#	└───────────────────┘                └───────────────────┘

TREE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
MODULE=$TREE/build/modules/$(uname -r)/devmem_lo.ko

in0() { ip netns exec ns0 "$@"; }
in1() { ip netns exec ns1 "$@"; }

# A packet that was read on another CPU than it was received on waits for that CPU's next turn at networking to be freed
# (skb_attempt_defer_free), its niovs with it: give each CPU a turn.
stir_cpus()
{
	local cpu

	for ((cpu = 0; cpu < $(nproc); cpu++)); do
		taskset -c $cpu ping -c1 -W1 127.0.0.1
	done >/dev/null 2>&1
	return 0
}

module_load() { [ -d /sys/module/devmem_lo ] || insmod "$MODULE"; }
module_unload() { rmmod devmem_lo; }

# reached: each end reaches the other, by IPv4 and IPv6. After a link comes up that may take a while: the other end's queues, as the
# core sees them, go and come back in a work item, and so do the routes of IPv6 addresses.
reached()
{
	wait_for 10 in0 ping -c1 -W1 192.0.2.2 && wait_for 10 in1 ping -c1 -W1 2001:db8::1
}

pair_up() # [QUEUES] [MTU]
{
	local queues=${1:-4} mtu=${2:-1500} n dev

	module_load || return 1
	ip netns add ns0 && ip netns add ns1 || return 1
	ip link add dm0 mtu "$mtu" numrxqueues "$queues" numtxqueues "$queues" type devmem_lo peer name dm1 || return 1
	for n in 0 1; do
		dev=dm$n
		ip link set $dev netns ns$n
		ip -n ns$n link set $dev mtu "$mtu"
		ip -n ns$n addr add 192.0.2.$((n + 1))/24 dev $dev
		ip -n ns$n addr add 2001:db8::$((n + 1))/64 dev $dev nodad
		ip -n ns$n link set lo up
		ip -n ns$n link set $dev up
	done
	reached
}

pair_down()
{
	ip -n ns0 link del dm0 2>/dev/null
	ip netns del ns0 2>/dev/null
	ip netns del ns1 2>/dev/null
	return 0
}
