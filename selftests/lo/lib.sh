# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the tests of this suite share. Not executable: selftests/run takes executable files for tests.

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$HERE/../lib/tap.sh"
. "$HERE/../lib/net.sh"

WORK=$(mktemp -d)
[ -e /sys/kernel/debug/dma_buf ] || mount -t debugfs none /sys/kernel/debug
trap 'kill $(jobs -p) 2>/dev/null; wait; pair_down; rm -rf "$WORK"' EXIT

flows() { python3 "$HERE/flows.py" "$@"; }

# check_here TEXT COMMAND…: as check, but in this shell: for a function that starts processes and remembers them.
check_here()
{
	local text=$1

	shift
	if "$@" >"$WORK/check" 2>&1; then
		tap_ok "$text"
	else
		tap_fail "$text" "exit $? of: $*" "$(cat "$WORK/check")"
		return 1
	fi
}

# stat N NAME: a counter of dmN.
stat() { "in$1" ethtool -S "dm$1" | awk -v name="$2:" '$1 == name { print $2 }'; }

# stat_sum N PATTERN: of all queues of dmN.
stat_sum() { "in$1" ethtool -S "dm$1" | awk -v pattern="^$2:$" '$1 ~ pattern { sum += $2 } END { print sum + 0 }'; }

stat_above() { local now; now=$(stat "$1" "$2"); echo "$2: $now, wanted: more than $3"; [ "$now" -gt "$3" ]; }

# counted: all frames that dm1 has sent dm0 has received, and dropped none. To be waited for: the ends are not read at once.
counted()
{
	local what sent got

	for what in packets bytes; do
		sent=$(stat_sum 1 "tx_queue_[0-9]*_$what") got=$(stat_sum 0 "rx_queue_[0-9]*_$what")
		[ "$sent" = "$got" ] || { echo "$what: $sent sent, $got received"; return 1; }
	done
	prints 0 stat_sum 0 'rx_queue_[0-9]*_drops'
}

# under_way N: bytes that dmN has sent and the other end has neither received nor lost.
under_way()
{
	"in$1" sh -c "cat /sys/class/net/dm$1/queues/tx-*/byte_queue_limits/inflight" | awk '{ sum += $1 } END { print sum }'
}

listens() { "in$1" ss -Htln "sport = :$2" | grep -q .; }

set_mtu() { ip -n ns0 link set dm0 mtu "$1" && ip -n ns1 link set dm1 mtu "$1"; }

# echoes ADDRESS SIZE…: datagrams from ns1 to port 7 come back as they were. A busy machine may lose some.
echoes()
{
	in1 python3 - "$@" <<-'END'
		import os, socket, sys
		address, sizes = sys.argv[1], [int(word) for word in sys.argv[2:]]
		sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
		sock.settimeout(3)
		for size in sizes:
		    for attempt in range(8):
		        sent = os.urandom(size)
		        sock.sendto(sent, (address, 7))
		        try:
		            while sock.recv(65536) != sent:
		                pass
		            break
		        except TimeoutError:
		            pass
		    else:
		        sys.exit(f"{size} bytes do not come back")
	END
}

# transfer FILE ADDRESS: sends FILE from ns1 to ADDRESS in ns0 over ordinary TCP; succeeds if it arrives as it was. It is
# written in large pieces: socat's own 8 KiB are less than a jumbo frame, and each would be pushed in a frame of its own.
transfer()
{
	local file=$1 address=$2 server

	ip netns exec ns0 timeout 60 socat -u TCP6-LISTEN:7000,reuseaddr,ipv6only=0 "OPEN:$WORK/arrived,creat,trunc" &
	server=$!
	wait_for 10 listens 0 7000
	in1 timeout 60 socat -u -b 262144 "OPEN:$file" "TCP:$address:7000"
	wait $server && cmp "$file" "$WORK/arrived"
}

# devmem_rx PORT BYTES QUEUE SIZE [WORDS…]: receives in ns0 into a dma-buf of SIZE what ns1 sends, byte-exact, nothing of it linear.
devmem_rx()
{
	local port=$1 bytes=$2 queue=$3 size=$4 receiver

	shift 4
	head -c "$bytes" /dev/urandom >"$WORK/sent"
	ip netns exec ns0 timeout 60 python3 "$HERE/dmabuf.py" recv dm0 "$queue" "$size" "$port" "$@" >"$WORK/rx" &
	receiver=$!
	wait_for 20 listens 0 "$port" || return 1
	in1 timeout 60 socat -u -b 262144 "OPEN:$WORK/sent" "TCP:${ADDRESS:-192.0.2.1}:$port"
	wait $receiver || return 1
	cat "$WORK/rx"
	grep -q "bytes $bytes dmabuf $bytes linear 0 .* sha256 $(sha256sum <"$WORK/sent" | cut -d' ' -f1)" "$WORK/rx"
}

# devmem_connections N [OPTIONS…]: receives from as many at once on queue 2, which devmem_steer has prepared, and verifies all.
devmem_connections()
{
	local connections=$1 receiver

	shift
	ip netns exec ns0 timeout 60 devmemcat -l 5202 -i dm0 -q 2 --no-setup -c "$connections" --verify --expect 300000 --quiet "$@" &
	receiver=$!
	wait_for 20 listens 0 5202 || return
	in1 timeout 60 devmemcat 192.0.2.1 5202 -c "$connections" --pattern 300000 --quiet && wait $receiver
}

# Device memory for dm0: split on, TCP port 5201 to queue 3, 5202 to queue 2, and what else comes to the others.
devmem_steer()
{
	local proto

	in0 ethtool -G dm0 tcp-data-split on
	in0 ethtool -X dm0 equal 2
	for proto in tcp4 tcp6; do
		in0 ethtool -N dm0 flow-type $proto dst-port 5201 action 3
		in0 ethtool -N dm0 flow-type $proto dst-port 5202 action 2
	done
} >/dev/null

# hold_binding QUEUES SIZE [WORDS…]: binds queues of dm0, in ns0, until release_binding.
hold_binding()
{
	mkfifo "$WORK/hold"
	ip netns exec ns0 python3 "$HERE/dmabuf.py" bind dm0 "$@" <"$WORK/hold" >"$WORK/held" &
	holder=$!
	exec 8>"$WORK/hold"
	wait_for 20 grep -q bound "$WORK/held"
}

release_binding()
{
	exec 8>&-
	wait $holder
	rm -f "$WORK/hold"
}

# Page pools of dma-bufs in a namespace: those of its devices, and of devices that went before it.
pools() { "in$1" python3 "$HERE/dmabuf.py" pools; }
no_pools() { local all; stir_cpus; all=$(pools "$1") && [ -z "$all" ] || { echo "$all"; return 1; }; }

# Bindings anywhere, of devices that are gone and of processes in whatever namespace: each is an attachment of the parent device.
bindings() { grep -cw devmem_lo /sys/kernel/debug/dma_buf/bufinfo; }
no_bindings() { stir_cpus; prints 0 bindings; }

# kernel_has VERSION: the running kernel is not older.
kernel_has() { printf '%s\n' "$1" "$(uname -r)" | sort -VC; }
