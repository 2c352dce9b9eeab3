# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# devmemcat in the pair of net.sh: receivers on dm0 in ns0, senders in ns1. Sources tap.sh and net.sh.

. "$(dirname "${BASH_SOURCE[0]}")/../lib/tap.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/net.sh"

WORK=$(mktemp -d)
# Seconds one devmemcat may take.
LIMIT=240
[ -z "${LONG:-}" ] || LIMIT=900
KERNEL_MINOR=$(uname -r | awk -F. '{ print $1 * 100 + $2 }')

has_bind_tx() { [ "$KERNEL_MINOR" -ge 616 ]; }
has_rx_page_size() { [ "$KERNEL_MINOR" -ge 703 ]; }

# All that devmemcat changes on a NIC, of device $2 in namespace $1 (dm0 in ns0).
nic_state()
{
	local ns=${1:-ns0} dev=${2:-dm0}

	ip netns exec "$ns" ethtool -g "$dev"
	ip netns exec "$ns" ethtool -l "$dev"
	ip netns exec "$ns" ethtool -x "$dev"
	ip netns exec "$ns" ethtool -n "$dev"
	ip netns exec "$ns" ethtool -k "$dev" | grep ntuple
} 2>&1

# Bindings that the queues of both ends still have.
bindings()
{
	python3 -B - <<'PY'
import os, socket, struct

NETLINK_GENERIC = 16

# queue-get of the netdev family, by hand: an attribute 5 is a binding.
def attr(kind, data):
    return struct.pack("HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)

def attrs(data):
    while len(data) >= 4:
        size, kind = struct.unpack_from("HH", data)
        yield kind & 0x3fff, data[4:size]
        data = data[(size + 3) & ~3:]

def talk(sock, family, flags, command, payload):
    body = struct.pack("BBH", command, 1, 0) + payload
    sock.send(struct.pack("IHHII", 16 + len(body), family, flags, 1, 0) + body)
    while True:
        data = sock.recv(65536)
        while data:
            size, kind = struct.unpack_from("IH", data)
            if kind in (2, 3):
                return
            yield data[20:size]
            data = data[(size + 3) & ~3:]

for ns in "ns0", "ns1":
    if not os.path.exists("/run/netns/" + ns):
        continue
    with open("/run/netns/" + ns) as file:
        os.setns(file.fileno())
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
    family = None
    for message in talk(sock, 16, 5, 3, attr(2, b"netdev\0")):
        family = dict(attrs(message)).get(1)
    for message in talk(sock, struct.unpack("H", family)[0], 0x301, 10, b""):
        queue = dict(attrs(message))
        if 5 in queue:
            print("%s: queue %d has binding %d" % (ns, struct.unpack("I", queue[1])[0], struct.unpack("I", queue[5])[0]))
PY
}

no_bindings()
{
	local seen

	seen=$(bindings) || return 1
	[ -z "$seen" ] || { echo "$seen"; return 1; }
}

no_devmemcat()
{
	local pid

	for pid in $(pgrep -x 'devmemcat|nic-restore'); do
		ps -o pid,ppid,stat,wchan:20,comm,args -p "$pid"
		ls -l "/proc/$pid/fd"
	done 2>/dev/null | grep . && return 1
	return 0
}

# nothing_stays TEXT: checks that neither a binding nor a process is left.
nothing_stays()
{
	wait_for 30 no_bindings
	check "$1: nothing stays bound" no_bindings
	wait_for 30 no_devmemcat
	check "$1: no process stays" no_devmemcat
}

# rx_start PORT [OPTION…]: a receiver in the background; RX is its pid, $WORK/rx.PORT what it says on stderr.
rx_start()
{
	local port=$1

	shift
	# Here, and not only where the job begins: what the last receiver on that port said must not be taken for this one's.
	: >"$WORK/rx.$port"
	timeout -k 5 $LIMIT ip netns exec ns0 devmemcat -l "$port" -i dm0 --interval 0 "--json=$WORK/json.$port" "$@" \
		>"$WORK/stdout.$port" 2>"$WORK/rx.$port" </dev/null &
	RX_JOB=$!
	if ! wait_for 30 grep -q 'listening on' "$WORK/rx.$port"; then
		echo "the receiver did not start: $(cat "$WORK/rx.$port")"
		return 1
	fi
	# timeout's child: what a signal must reach.
	RX=$(pgrep -P $RX_JOB)
}

rx_wait() { wait "$RX_JOB"; }

# rx_check TEXT: the receiver ends well. (check would look for it in a shell that is not its parent.)
rx_check()
{
	local status

	rx_wait
	status=$?
	if [ $status = 0 ]; then
		tap_ok "$1"
	else
		tap_fail "$1" "exit $status" "$(cat "$WORK/rx.5201")"
	fi
}

# tx PORT [OPTION…]: a sender to $ADDR, in the foreground.
ADDR=192.0.2.1
tx()
{
	local port=$1

	shift
	timeout -k 5 $LIMIT ip netns exec ns1 devmemcat "$ADDR" "$port" --interval 0 "$@"
}

# A field of a JSON summary: json FILE KEY…
json() { python3 -c 'import json, sys
value = json.load(open(sys.argv[1]))
for key in sys.argv[2:]:
    value = value[key]
print(value)' "$@"; }

restored() { [ "$(nic_state)" = "$1" ]; }

# matches STATUS EXIT FILE MESSAGE: the exit status, and one line that says why.
matches()
{
	local line said=0 found=

	[[ $1 =~ ^$2$ ]] || { echo "exit $1, not $2:"; cat "$3"; return 1; }
	while read -r line; do
		# What is said beside the reason is about a run that got going.
		[[ $line =~ ^devmemcat:\ (listening|received|sent)\  ]] && continue
		said=$((said + 1))
		[[ $line =~ ^devmemcat:\ $4 ]] && found=1
	done <"$3"
	[ -n "$found" ] || { echo "no such line: $4"; cat "$3"; return 1; }
	[ $said = 1 ] || { echo "not one line:"; cat "$3"; return 1; }
}

# The NIC is as $before says, soon, and nothing is bound.
unchanged()
{
	wait_for 20 restored "$before" || { diff <(echo "$before") <(nic_state); return 1; }
	wait_for 20 no_bindings || no_bindings
}

finish()
{
	pair_down
	rm -rf "$WORK"
	tap_end
}
