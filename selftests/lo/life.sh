#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The end of devices, namespaces and the module at any moment: with traffic, with bindings, with tokens that are out. After each,
# nothing is left of the bindings once the holder of their tokens is gone. LONG repeats it.
#
# Bindings for transmission are closed before their device goes: stock kernels use freed memory otherwise, because only bindings
# with receive queues learn that their device is unregistered (net/core/devmem.c, binding->dev).
set -u
. "$(dirname "$0")/lib.sh"

# busy_up: a pair with traffic in both directions, ordinary and into dma-bufs, and a process that keeps 50 tokens.
busy_up()
{
	local n

	pair_up 4 || return 1
	# A closed socket whose device is gone keeps its tokens until it gives up to send its FIN: have it do so soon.
	in0 sysctl -qw net.ipv4.tcp_orphan_retries=1
	in0 ethtool -G dm0 tcp-data-split on
	in0 ethtool -X dm0 equal 2
	in0 ethtool -N dm0 flow-type tcp4 dst-port 5201 action 2 >/dev/null
	in0 ethtool -N dm0 flow-type tcp4 dst-port 5202 action 3 >/dev/null
	rm -f "$WORK"/keep
	mkfifo "$WORK/keep"
	exec 9<>"$WORK/keep"
	ip netns exec ns0 timeout 120 python3 "$HERE/dmabuf.py" recv dm0 2 8388608 5201 >/dev/null 2>&1 &
	busy=($!)
	ip netns exec ns0 python3 "$HERE/dmabuf.py" recv dm0 3 8388608 5202 --keep 50 <&9 >/dev/null 2>&1 &
	holder=$!
	ip netns exec ns0 timeout 120 socat -u TCP-LISTEN:7000,reuseaddr,fork OPEN:/dev/null >/dev/null 2>&1 &
	busy+=($!)
	ip netns exec ns1 timeout 120 socat -u TCP-LISTEN:7000,reuseaddr,fork OPEN:/dev/null >/dev/null 2>&1 &
	busy+=($!)
	for n in 0:5201 0:5202 0:7000 1:7000; do
		wait_for 20 listens ${n%:*} ${n#*:} || return 1
	done
	for n in 1:192.0.2.1:5201 1:192.0.2.1:5202 1:192.0.2.1:7000 0:192.0.2.2:7000; do
		ip netns exec "ns${n%%:*}" timeout 120 socat -u OPEN:/dev/zero "TCP:${n#*:}" >/dev/null 2>&1 &
		busy+=($!)
	done
	wait_for 30 stat_above 0 rx_queue_2_packets 100 && wait_for 30 stat_above 0 rx_queue_3_packets 60
}

busy_down()
{
	kill "${busy[@]}" 2>/dev/null
	kill -9 $holder 2>/dev/null
	wait "${busy[@]}" $holder 2>/dev/null
	exec 9>&-
}

# holders: names what still keeps a binding, for a test that has failed.
holders()
{
	pools 0 | sed 's/^/# page pool /'
	sed 's/^/# /' /sys/kernel/debug/dma_buf/bufinfo
	ps -eo pid,args | grep '[d]mabuf.py\|[s]ocat' | sed 's/^/# /'
}

after()
{
	check "$1: the holder of tokens lives on" kill -0 $holder
	check "$1: and its binding with it" test "$(bindings)" -ge 1
	busy_down
	check "$1: no binding is left when it is gone" wait_for 30 no_bindings || holders
	check "$1: no page pool, either" wait_for 30 no_pools 0 || pools 0 | sed 's/^/# /'
	pair_down
}

rounds=1
[ -z "${LONG:-}" ] || rounds="1 2 3 4 5"

no_module() { [ ! -d /sys/module/devmem_lo ]; }

for round in $rounds; do
	check_here "a busy pair" busy_up || tap_end
	check "the bound end is deleted" ip -n ns0 link del dm0
	after "bound end deleted"

	check_here "a busy pair" busy_up || tap_end
	check "its peer is deleted" ip -n ns1 link del dm1
	after "peer deleted"
done

check_here "a busy pair" busy_up || tap_end
ip netns del ns1
ip netns del ns0
busy_down
check "namespaces deleted: no binding is left" wait_for 30 no_bindings || holders
pair_down

for round in $rounds; do
	check_here "a busy pair" busy_up || tap_end
	check "rmmod under it" module_unload
	check "the module is gone, the bindings' mappings are not" no_module
	check "another module adopts what they map through" module_load
	after "rmmod"
done

check_here "a busy pair" busy_up || tap_end
for n in 1 2 3; do
	ip -n ns0 link set dm0 down
	ip -n ns1 link set dm1 down
	ip -n ns0 link set dm0 up
	ip -n ns1 link set dm1 up
done
check "traffic flows after three times down and up" wait_for 20 in0 ping -c1 -W1 192.0.2.2
after "down and up"
check "rmmod" module_unload
tap_end
