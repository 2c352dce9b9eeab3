# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the tests of faults share. dm0 in ns0 receives and misbehaves; traffic goes to its queue 3, into device memory.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SUMMARY=$WORK/summary

fault() { in0 devmemctl fault dm0 "$@"; }
hits() { stat 0 "fault_$1"; }
hits_above() { stat_above 0 "fault_$1" "$2"; }

# rx_start BYTES [OPTION…]: a receiver that verifies BYTES of the pattern; RX is its job.
rx_start()
{
	local bytes=$1

	shift
	ip netns exec ns0 timeout -k 5 60 devmemcat -l 5201 -i dm0 -q 3 --interval 0 --verify --expect "$bytes" "--json=$SUMMARY" "$@" \
		2>"$WORK/rx" </dev/null &
	RX=$!
	wait_for 20 grep -q 'listening on' "$WORK/rx" || { cat "$WORK/rx"; return 1; }
}

tx() { in1 timeout -k 5 60 devmemcat 192.0.2.1 5201 --interval 0 --pattern "$1" 2>"$WORK/tx"; }

# rx_ends: with the receiver's status, and what it said.
rx_ends()
{
	local status

	wait "$RX"
	status=$?
	cat "$WORK/rx"
	return $status
}

# verified [BYTES]: into device memory, every byte as it was sent.
verified()
{
	local bytes=${1:-300000}

	rx_start "$bytes" || return 1
	tx "$bytes" || { cat "$WORK/tx"; kill "$RX"; }
	rx_ends
}

# A field of the receiver's summary: summary NAME.
summary() { sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" "$SUMMARY"; }

# tcp_count N NAME: of TcpExt in nsN.
tcp_count() { "in$1" nstat -asz "TcpExt$2" | awk -v name="TcpExt$2" '$1 == name { print $2 }'; }
