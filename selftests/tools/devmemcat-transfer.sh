#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Every byte arrives, at its place and through device memory: DMABUF bytes are the payload, LINEAR and host bytes are none.
. "$(dirname "$0")/devmemcat-lib.bash"

SIZE=10M LOSSY=4M LOSSY_TX=4M
[ -z "${LONG:-}" ] || SIZE=100M LOSSY=100M LOSSY_TX=20M
BYTES=$(numfmt --from=iec $SIZE)
TX_BYTES=$(numfmt --from=iec 20M)

# accounted PORT BYTES: the receiver's summary.
accounted()
{
	local summary

	summary=$(<"$WORK/json.$1")
	case $summary in
	*"\"dmabuf_bytes\": $2, \"linear_bytes\": 0, \"host_bytes\": 0,"*"\"held\": 0,"*) ;;
	*)
		echo "$summary"
		return 1
		;;
	esac
}

# A file, whose bytes no program of ours made, compared by another.
file_arrives()
{
	head -c "$BYTES" /dev/urandom >"$WORK/in"
	rx_start 5201 -o "$WORK/out" || return 1
	tx 5201 -f "$WORK/in" || return 1
	rx_wait || { cat "$WORK/rx.5201"; return 1; }
	cmp "$WORK/in" "$WORK/out" && accounted 5201 "$BYTES"
	local ret=$?
	rm -f "$WORK/in" "$WORK/out"
	return $ret
}

# pattern_arrives BYTES [SENDER'S OPTION…]
pattern_arrives()
{
	local bytes=$1

	shift
	rx_start 5201 --verify --expect "$bytes" --seed "$bytes" || return 1
	tx 5201 --pattern "$bytes" --seed "$bytes" "$@" || { cat "$WORK/rx.5201"; return 1; }
	rx_wait || { cat "$WORK/rx.5201"; return 1; }
	accounted 5201 "$bytes"
}

# Device memory at both ends, in both directions, at the same time.
both_ways()
{
	local other back

	rx_start 5201 --verify --expect "$TX_BYTES" || return 1
	timeout -k 5 $LIMIT ip netns exec ns1 devmemcat -l 5202 -i dm1 --interval 0 --verify --expect "$TX_BYTES" \
		"--json=$WORK/json.5202" 2>"$WORK/rx.5202" &
	other=$!
	wait_for 30 grep -q 'listening on' "$WORK/rx.5202" || return 1
	timeout -k 5 $LIMIT ip netns exec ns0 devmemcat 192.0.2.2 5202 -D --interval 0 --pattern "$TX_BYTES" &
	back=$!
	tx 5201 -D --pattern "$TX_BYTES" || return 1
	wait $back || { cat "$WORK/rx.5202"; return 1; }
	rx_wait || { cat "$WORK/rx.5201"; return 1; }
	wait $other || { cat "$WORK/rx.5202"; return 1; }
	accounted 5201 "$TX_BYTES" && accounted 5202 "$TX_BYTES"
}

several()
{
	rx_start 5201 --connections 6 --num-queues 2 --verify --expect 1M || return 1
	tx 5201 --connections 6 --pattern 1M "$@" || { cat "$WORK/rx.5201"; return 1; }
	rx_wait || { cat "$WORK/rx.5201"; return 1; }
	accounted 5201 $((6 << 20))
}

odd_sizes()
{
	local bytes

	for bytes in 0 1 4097; do
		pattern_arrives $bytes || { echo "with $bytes bytes"; return 1; }
	done
}

large_niovs()
{
	echo 40 >/proc/sys/vm/nr_hugepages
	rx_start 5201 --rx-page-size 16K --verify --expect "$BYTES" || return 1
	tx 5201 --pattern "$BYTES" || return 1
	rx_wait || { cat "$WORK/rx.5201"; return 1; }
	accounted 5201 "$BYTES"
}

for mtu in 1500 9000; do
	if ! pair_up 4 $mtu; then
		tap_fail "a pair with MTU $mtu"
		finish
	fi
	for ADDR in 192.0.2.1 2001:db8::1; do
		check "$SIZE arrive at $ADDR, MTU $mtu" file_arrives
		if has_bind_tx; then
			check "20M from a dma-buf arrive at $ADDR, MTU $mtu" pattern_arrives "$TX_BYTES" -D
		else
			tap_skip "20M from a dma-buf arrive at $ADDR, MTU $mtu" "this kernel has no bind-tx"
		fi
	done
	[ $mtu = 9000 ] || pair_down
done

ADDR=192.0.2.1
check "few bytes arrive" odd_sizes
check "six connections over two queues" several
if has_bind_tx; then
	check "dma-bufs at both ends, both ways at once" both_ways
	check "six connections share a dma-buf" several -D
else
	tap_skip "dma-bufs at both ends, both ways at once" "this kernel has no bind-tx"
	tap_skip "six connections share a dma-buf" "this kernel has no bind-tx"
fi
if has_rx_page_size; then
	check "niovs of 16 KiB" large_niovs
else
	tap_skip "niovs of 16 KiB" "this kernel has no rx-page-size"
fi

modprobe sch_netem 2>/dev/null
if in1 tc qdisc add dev dm1 root netem loss 2% delay 1ms reorder 5%; then
	for ADDR in 192.0.2.1 2001:db8::1; do
		check "$LOSSY arrive at $ADDR with 2 % loss and reordering" pattern_arrives "$(numfmt --from=iec $LOSSY)"
		if has_bind_tx; then
			check "$LOSSY_TX from a dma-buf arrive at $ADDR with 2 % loss and reordering" \
				pattern_arrives "$(numfmt --from=iec $LOSSY_TX)" -D
		else
			tap_skip "$LOSSY_TX from a dma-buf arrive at $ADDR with 2 % loss and reordering" "this kernel has no bind-tx"
		fi
	done
else
	tap_fail "netem can be set up"
fi

nothing_stays "in the end"
finish
