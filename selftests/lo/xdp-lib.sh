# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the XDP tests share. Not executable: selftests/run takes executable files for tests.

XDP=$TREE/build/selftests/lo/xdp
OBJECT=$XDP.bpf.o

# program NAME DEV [WORDS…]: attaches it in ns0 until program_end, which leaves in $WORK/seen what it saw.
program()
{
	rm -f "$WORK/stdin"
	mkfifo "$WORK/stdin"
	ip netns exec ns0 "$XDP" "$@" <"$WORK/stdin" >"$WORK/seen" &
	program=$!
	exec 8>"$WORK/stdin"
	wait_for 20 grep -q attached "$WORK/seen"
}

program_end() { exec 8>&-; wait $program; }
seen() { awk -v name="$1" '{ for (i = 1; i < NF; i++) if ($i == name) print $(i + 1) }' "$WORK/seen"; }
count() { stat_sum 0 "rx_queue_[0-9]*_xdp_$1"; }

# send7 [ADDRESS]: a datagram to port 7, as `echoes` would; nobody waits for an answer.
send7()
{
	in1 python3 -c 'import socket, sys; socket.socket(type=socket.SOCK_DGRAM).sendto(b"x" * 100, (sys.argv[1], 7))' "${1:-192.0.2.1}"
}

# echo_server NETNS: the datagrams that get to port 7 by way of the stack go back.
echo_server()
{
	ip netns exec "$1" socat UDP-RECVFROM:7,fork,bind=192.0.2.1 PIPE &
	servers="$servers $!"
	wait_for 10 sh -c "ip netns exec $1 ss -Hlun 'sport = :7' | grep -q ."
}

split() { in0 ethtool -G dm0 tcp-data-split "$1"; }

# refused TEXT COMMAND…: COMMAND fails and says TEXT, an extended regular expression.
refused()
{
	local text=$1 output

	shift
	if output=$("$@" 2>&1); then
		echo "succeeded"
		return 1
	fi
	echo "$output"
	grep -qE "$text" <<<"$output"
}

attach() { ip -n ns0 link set dm0 xdpdrv obj "$OBJECT" program "$1"; }
detach() { ip -n ns0 link set dm0 xdpdrv off; }
