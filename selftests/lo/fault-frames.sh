#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Faults of frames: each is counted, has its effect, and the bytes arrive as they were sent nevertheless; but for `silent`, which
# only the application can see.
set -u
. "$(dirname "$0")/fault-lib.sh"

# survives SPEC: a transfer while the fault strikes.
survives()
{
	local name=${1%%=*} before

	before=$(hits "$name")
	fault seed=1 "$1"
	check "$1: every byte arrives as it was sent" verified
	fault clear
	check "$name struck" hits_above "$name" "$before" && STRUCK=$(($(hits "$name") - before))
}

# grew TEXT BEFORE NOW BY: a counter.
grew() { check "$1" test "$3" -ge $(($2 + $4)); }

check "a pair" pair_up 4 || tap_end
in0 ethtool -G dm0 tcp-data-split on
check "without a fault, every byte arrives" verified

drops=$(stat_sum 0 "rx_queue_[0-9]*_drops")
survives drop=5%
grew "drop: as many frames are missing" "$drops" "$(stat_sum 0 "rx_queue_[0-9]*_drops")" "$STRUCK"

survives delay=10%,ms=20

before=$(tcp_count 0 TCPOFOQueue)
survives reorder=5%,frames=3
grew "reorder: TCP saw it" "$before" "$(tcp_count 0 TCPOFOQueue)" 1

before=$(tcp_count 0 TCPDSACKOldSent)
survives duplicate=10%
grew "duplicate: TCP saw it" "$before" "$(tcp_count 0 TCPDSACKOldSent)" 1

for name in corrupt checksum; do
	bad=$(stat 0 rx_queue_3_csum_bad)
	drops=$(stat 0 rx_queue_3_csum_drops)
	survives $name=5%,queue=3
	check_eq "$name: the NIC saw each of them" "$(stat 0 rx_queue_3_csum_bad)" $((bad + STRUCK))
	check "$name: and dropped what the stack could not look at" stat_above 0 rx_queue_3_csum_drops "$drops"
done

# The stack hands out the payload in host memory as such; or has merged it with payload in device memory before, and then the
# application is told that it cannot have it. Wrong bytes it never gets.
late_is_seen()
{
	if verified; then
		[ "$(summary linear_bytes)" -ge 7 ]
	else
		cat "$WORK/rx"
		grep -q "the data is in some device's memory, but not in a dma-buf" "$WORK/rx"
	fi
}
fault seed=1 split_late=10%,bytes=7
check "split_late: the application gets payload outside of its dma-buf, or is told why not" late_is_seen
check "split_late struck" hits_above split_late 0
fault clear
check "without it, every byte arrives" verified

# The stack drops what it cannot parse; which counter that is depends on the header that is cut.
survives split_early=always,times=5,bytes=4
check_eq "split_early: the application got nothing else" "$(summary linear_bytes)" 0

fault silent=always,times=1,queue=3
check_not "silent: the application gets wrong bytes" verified
check "silent: and says which" grep -q "^devmemcat: connection 1 .*: byte [0-9]* is .* instead of" "$WORK/rx"
check_eq "silent struck once" "$(hits silent)" 1
fault clear
check "without a fault, every byte arrives again" verified

# A datagram has no TCP to mend it.
check "datagrams: the same seed loses the same ones" python3 "$HERE/fault-lost.py" 42 42
check_eq "another seed loses others" "$(python3 "$HERE/fault-lost.py" 42 43 >"$WORK/lost"; echo $?)" 1
fault drop=always,queue=1
check "a fault of queue 1 leaves queue 3 alone" verified 20000
fault clear
tap_end
