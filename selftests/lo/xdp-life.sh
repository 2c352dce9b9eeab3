#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# XDP programs come and go: what is refused, and why; under traffic, on a device that is down, and across reconfiguration.
set -u
. "$(dirname "$0")/lib.sh"
. "$HERE/xdp-lib.sh"

check "a pair" pair_up 2 || tap_end
head -c 2000000 /dev/urandom >"$WORK/file"

# --- What is refused
set_mtu 9000
check "one buffer is too few for MTU 9000" refused 'MTU 9000 .*xdp.frags' attach pass
check "several are not" attach pass_frags
check_eq "hardware GRO is off meanwhile" "$(in0 ethtool -k dm0 | awk '/^rx-gro-hw:/ { print $2 }')" off
check "not even in exchange for one that was" refused 'MTU 9000 .*xdp.frags' ip -n ns0 -force link set dm0 xdpdrv obj "$OBJECT" program pass
check "traffic flows" in1 ping -c1 -W20 192.0.2.1
detach
set_mtu 1500
check "a program of one buffer" attach pass
check "keeps the MTU small" refused '[Mm]tu|MTU' ip -n ns0 link set dm0 mtu 9000
check_not "and the split off" split on
check_not "and queues from being bound" in0 python3 "$HERE/dmabuf.py" bind dm0 1 1048576 </dev/null
detach
split on
check "with split, one buffer is too few" refused 'data-split' attach pass
check "several are not" attach pass_frags
check "but no queue can be bound" refused 'XDP' in0 python3 "$HERE/dmabuf.py" bind dm0 1 1048576 </dev/null
detach
mkfifo "$WORK/hold"
ip netns exec ns0 python3 "$HERE/dmabuf.py" bind dm0 1 1048576 <"$WORK/hold" >"$WORK/held" &
holder=$!
exec 9>"$WORK/hold"
check "a bound queue" wait_for 20 grep -q bound "$WORK/held"
check "takes no program" refused 'memory provider' attach pass_frags
check_not "and the device has none" sh -c 'ip -n ns0 link show dm0 | grep prog'
exec 9>&-
wait $holder
check "once it is free, it does" attach pass_frags
detach
split off

# --- Memory that cannot be had
for fault in $(cd /sys/kernel/debug/devmem_lo 2>/dev/null && echo ring pool); do
	echo "queue=1 times=1" | tee /sys/kernel/debug/devmem_lo/*/$fault >"$WORK/fault"
	check "without a new $fault, no program" refused 'no memory' attach pass
	check_not "the device has none" sh -c 'ip -n ns0 link show dm0 | grep prog'
	check "and traffic flows" transfer "$WORK/file" 192.0.2.1
	check "then there is memory" attach pass
	echo "queue=1 times=1" | tee /sys/kernel/debug/devmem_lo/*/$fault >"$WORK/fault"
	check "a program can always go" detach
	check "and traffic flows" transfer "$WORK/file" 192.0.2.1
	echo "rate=0" | tee /sys/kernel/debug/devmem_lo/*/$fault >"$WORK/fault"
done

# --- Coming and going
transfer "$WORK/file" 192.0.2.1 >"$WORK/out" 2>&1 &
sender=$!
check "20 times attached, replaced and detached" in0 "$XDP" pass dm0 --times 20
wait $sender
check_eq "a transfer meanwhile arrives as it was" $? 0
check "attached to a device that is down" eval 'ip -n ns0 link set dm0 down && attach pass'
ip -n ns0 link set dm0 up
in0 ip addr replace 2001:db8::1/64 dev dm0 nodad
check "it works when the device is up" reached
passed=$(count pass)
check "for the program, too" test "$passed" -gt 0
check "queues come and go under it" eval 'in0 ethtool -L dm0 combined 1 && in0 ethtool -L dm0 combined 2'
check "rings change under it" in0 ethtool -G dm0 rx 128
check "a transfer arrives as it was" transfer "$WORK/file" 192.0.2.1
check "the device may go with its program" pair_down
tap_end
