#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Packed buffers: packets of one and of several connections in one niov, more tokens than niovs, and the switch under traffic.
set -u
. "$(dirname "$0")/lib.sh"

packed() { in0 ethtool --set-priv-flags dm0 rx-packed "$1"; }
packed_is() { in0 ethtool --show-priv-flags dm0 | grep -q "^rx-packed *: $1"; }

check "a pair" pair_up 4 || tap_end
devmem_steer

check "off at first" packed_is off
check "on" packed on
check "is on" packed_is on
check "frames of merged packets" devmem_rx 5201 1000000 3 4194304
check "of four connections in a queue" devmem_connections 4
in0 ethtool -K dm0 rx-gro-hw off
check "IPv4" devmem_rx 5201 1000000 3 4194304
ADDRESS='[2001:db8::1]' check "IPv6" devmem_rx 5201 1000000 3 4194304
check "four connections in a queue" devmem_connections 4
set_mtu 9000
check "MTU 9000" devmem_rx 5201 1000000 3 4194304
set_mtu 1500

mkfifo "$WORK/wait"
head -c 120000 /dev/urandom >"$WORK/sent"
ip netns exec ns0 timeout 120 python3 "$HERE/dmabuf.py" recv dm0 3 262144 5201 --keep 1000000 <>"$WORK/wait" >"$WORK/rx" &
receiver=$!
exec 9<>"$WORK/wait"
wait_for 20 listens 0 5201
in1 timeout 60 socat -u "OPEN:$WORK/sent" TCP:192.0.2.1:5201
check "64 niovs hold what is in more tokens" wait_for 30 grep -q "^bytes 120000 dmabuf 120000" "$WORK/rx"
check "there are more" test "$(sed -n 's/^bytes.* tokens \([0-9]*\).*/\1/p' "$WORK/rx")" -gt 64
echo >&9
wait $receiver

devmem_rx 5201 3000000 3 4194304 >"$WORK/out" &
transfer=$!
while kill -0 $transfer 2>/dev/null; do
	packed off
	packed on
done
wait $transfer
check_eq "it may change under traffic" $? 0
packed off
check "and off" packed_is off
check "a packet a niov again" devmem_rx 5201 1000000 3 4194304
check "no page pool is left" wait_for 30 no_pools 0
check "no binding, either" wait_for 30 no_bindings
tap_end
