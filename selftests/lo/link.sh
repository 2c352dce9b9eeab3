#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Links: what `ip link add` takes and refuses, both ends going together, namespaces, and rmmod.
set -u
. "$(dirname "$0")/lib.sh"

gone() { ! ip link show "$1" && ! ip link show "$2"; }
gone_in0() { ! in0 ip link show dm0; }
queues() { ls "/sys/class/net/$1/queues" | grep -c "^$2-"; }

check "the module loads" module_load || tap_end
check "a pair with a name for the peer" ip link add dm0 type devmem_lo peer name other
check_eq "4 RX queues unless said otherwise" "$(queues dm0 rx)" 4
check_eq "the peer has as many" "$(queues other tx)" 4
check "the driver names itself" grep -q "driver: devmem_lo" <(ethtool -i dm0)
ip link set dm0 up
check_eq "no carrier before both ends are up" "$(cat /sys/class/net/dm0/carrier)" 0
ip link set other up
check "carrier when both are" wait_for 5 grep -qx 1 /sys/class/net/dm0/carrier
check "deleting an end" ip link del other
check "deletes both" gone dm0 other

check "a pair without a word about the peer" ip link add dm0 type devmem_lo
check "calls it by the next number" ip link show dm1
ip link del dm0
check "queue numbers of each direction" ip link add dm0 numrxqueues 8 numtxqueues 2 type devmem_lo peer name dm1 numrxqueues 1
check_eq "8 RX" "$(queues dm0 rx)" 8
check_eq "2 TX" "$(queues dm0 tx)" 2
check_eq "1 RX of the peer, which said so" "$(queues dm1 rx)" 1
check_eq "2 TX of the peer, which did not" "$(queues dm1 tx)" 2
ip link del dm0
check "64 queues" ip link add dm0 numrxqueues 64 numtxqueues 64 type devmem_lo peer name dm1
check "open" ip link set dm0 up
ip link del dm1

check_not "65 RX queues are refused" ip link add dm0 numrxqueues 65 type devmem_lo
check_not "65 TX queues of the peer, too" ip link add dm0 type devmem_lo peer name dm1 numtxqueues 65
check_not "a multicast address is refused" ip link add dm0 address 01:00:00:00:00:01 type devmem_lo
ip link add taken type dummy 2>/dev/null || ip link add taken type devmem_lo peer name taken1
check_not "a peer name that is taken is refused" ip link add dm0 type devmem_lo peer name taken
check "nothing of the refused is left" gone dm0 dm1
ip link del taken
ip link add dm0 type devmem_lo peer name dm1
check_not "an MTU of 67" ip link set dm0 mtu 67
check "an MTU of 9216" ip link set dm0 mtu 9216
check_not "an MTU of 9217" ip link set dm0 mtu 9217
ip link del dm0

ip netns add ns0
ip netns add ns1
check "a peer in another namespace" ip link add dm0 type devmem_lo peer name dm1 netns ns1
check "is there" in1 ip link show dm1
check "an end that moves" ip link set dm0 netns ns0
ip netns del ns1
check "both go with the peer's namespace" wait_for 20 gone_in0
ip netns del ns0

ip link add dm0 type devmem_lo peer name dm1
parent=$(readlink -f /sys/class/net/dm0/device)
ip link set dm0 up
ip link set dm1 up
check "rmmod with a pair up" module_unload
check "takes it along" gone dm0 dm1
check "the parent stays: a binding may still unmap through it" test -d "$parent"
check "the module loads again" module_load
ip link add dm0 type devmem_lo peer name dm1
check_eq "and adopts the parent" "$(readlink -f /sys/class/net/dm0/device)" "$parent"
ip link del dm0
check "rmmod with no pair" module_unload
tap_end
