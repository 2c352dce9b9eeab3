#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The NIC goes away under a live binding and traffic: link deletion (either end), namespace deletion, rmmod. TX bindings are closed
# before: the kernel does not tell one that its device is gone, and closing its netlink socket afterwards uses freed memory
# (net/core/devmem.c clears binding->dev only by way of bound_rxqs, which a TX binding has none of; seen up to Linux 7.3).
#
# Up to 7.3 a socket keeps its tokens for as long as TCP does: one that was closed with data or its FIN unacknowledged stays in
# FIN_WAIT1 or LAST_ACK until TCP gives up, minutes after the peer has gone. tcp_orphan_retries makes that seconds here; an operator
# can do the same.
set -u
cd "$(dirname "$0")" || exit 1
. ../lib/tap.sh
. ../lib/net.sh
. ../lib/devmem.sh

delete_link() { ip -n ns0 link del dm0; }
delete_peer() { ip -n ns1 link del dm1; }
delete_netns() { ip netns del ns1; kill -KILL "$SENDER"; }
remove_module() { rmmod devmem_lo; }

under_load() # NAME FUNCTION
{
	check "$1: a pair" pair_up 4 || tap_end
	in0 sysctl -qw net.ipv4.tcp_orphan_retries=1
	receiver 5201 --discard --num-queues 2 --connections 4 --hold 100ms || { tap_fail "$1: receiver" "$(cat "$RECEIVER_LOG")"; tap_end; }
	sender 5201 --pattern inf --connections 3
	check "$1: traffic flows" wait_for 20 bash -c "devmemctl sockets --json | grep -q '\"tokens\": *[1-9]'"
	check "$1: goes through" timeout 90 bash -c "$(declare -f "$2"); SENDER=$SENDER; $2"
	kill -KILL "$RECEIVER" 2>/dev/null
	kill -KILL "$SENDER" 2>/dev/null
	wait 2>/dev/null
	check_none_left "$1: no binding, page pool or niov stays"
	pair_down
	rm -f "$RECEIVER_LOG"
}

under_load "ip link del" delete_link
under_load "ip link del of the peer" delete_peer
under_load "ip netns del" delete_netns
under_load "rmmod" remove_module
check_not "and the module is gone" test -d /sys/module/devmem_lo
check "it loads again" module_load
check "and unloads" module_unload
tap_end
