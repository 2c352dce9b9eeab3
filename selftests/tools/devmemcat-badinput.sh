#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Bad input to devmemcat: each case ends with its exit status and one line that names the reason, and leaves the NIC as it was
# and nothing bound. The second table's cases fail only after the NIC was changed.
. "$(dirname "$0")/devmemcat-lib.bash"

# MESSAGE is an extended regular expression for the line on stderr, after "devmemcat: ".
#
# ARGUMENTS | EXIT | MESSAGE
cases() { cat <<'TABLE'
 | 2 | give a HOST to send to, or -l to receive
192.0.2.2 1 2 | 2 | HOST and PORT are enough
-l -i dm0 5201 5202 | 2 | -l takes a port and nothing else, not '5202'
-l | 2 | which NIC\? give --interface
-l -i dm0 0 | 2 | PORT: '0' is not a number from 1 to 65535
-l -i dm0 65536 | 2 | PORT: '65536' is not a number
-l -i dm0 http | 2 | PORT: 'http' is not a number
-l -i dm0 -q 1,,2 | 2 | --queues: '1,,2' is not a list such as
-l -i dm0 -q 3-1 | 2 | --queues: '3-1' is not a list
-l -i dm0 -q 1,1 | 2 | --queues: queue 1 is listed twice
-l -i dm0 -q 1 --num-queues 2 | 2 | --queues and --num-queues exclude each other
-l -i dm0 --no-setup | 2 | --no-setup needs --queues
-l -i dm0 --num-queues 0 | 2 | --num-queues: '0' is not a number from 1 to 64
-l -i dm0 -s 1K | 2 | --size: '1K' is not a size from 4.0 KiB
-l -i dm0 -s 12Q | 2 | --size: '12Q' is not a size
-l -i dm0 --huge-pages=3M | 2 | --huge-pages: 3M is not a power of 2
-l -i dm0 --leak 101 | 2 | --leak: '101' is not a percentage
-l -i dm0 --hold soon | 2 | --hold: 'soon' is not a time such as
-l -i dm0 --return-batch 0 | 2 | --return-batch: '0' is not a number
-l -i dm0 --rx-page-size 5000 | 2 | --rx-page-size: 5000 is not a power of 2
-l -i dm0 -d -o x | 2 | --discard and --output exclude each other
-l -i dm0 -o x -d | 2 | --discard and --output exclude each other
-l -i dm0 --verify -o x | 2 | --verify and --output exclude each other
-l -i dm0 --json | 2 | --json and the data would both go to stdout
-l -i dm0 --pattern 1M | 2 | --pattern is for the sender
192.0.2.2 --verify | 2 | --verify is for the receiver \(-l\)
192.0.2.2 --pattern 1M --file x | 2 | --pattern and --file exclude each other
192.0.2.2 -c 2 | 2 | several connections cannot share stdin
192.0.2.2 -D -s 64K -c 2 --pattern 1M | 2 | --size is too small for 2 connections with chunks of 65536
-l -i dm9 | 1 | dm9: there is no such interface in this network namespace
-l -i dm0 -o /nowhere/file | 1 | cannot write to /nowhere/file: No such file
-l -i dm0 -d --token-log /nowhere/log | 1 | cannot write to /nowhere/log: No such file
-l -a 192.0.2.99 -d | 1 | no interface has that local address: give --interface
-l -a no.such.host.invalid -d | 1 | no.such.host.invalid: 
-l -i dm0 -d -s 900G | 5 | --size: 900.0 GiB is more than the [0-9.]+ [MG]iB of memory available
192.0.2.2 -D -s 900G --pattern 1M | 5 | --size: 900.0 GiB is more than the [0-9.]+ [MG]iB of memory available
-l -i dm0 -d --huge-pages=2M -s 64G | 5 | no 64.0 GiB of free huge pages of 2.0 MiB: reserve 32768 with
-l -i dm0 -d -q 4 | 1 | dm0: there is no RX queue 4: it has 4, numbered from 0
-l -i dm0 -d -q 0-3 | 1 | dm0: 4 of its 4 RX queues are free, and one must be left to other traffic: choose at most 3$
-l -i dm0 -d --num-queues 4 | 1 | dm0: 4 of its 4 RX queues are free
-l -i lo -d | [14] | lo: 
-l -i dm0 -d -q 3 --no-setup | 1 | dm0: bind-rx failed: .*tcp-data-split.*: turn it on with ethtool -G dm0 tcp-data-split on
192.0.2.2 5999 --pattern 1M | 1 | cannot connect to 192.0.2.2 port 5999: Connection refused
192.0.2.2 5999 --pattern 1M -i dm9 | 1 | cannot connect to 192.0.2.2 port 5999: No such device
192.0.2.2 --file /nowhere/file | 1 | cannot read /nowhere/file: No such file
TABLE
}

# These fail after the NIC was changed: when the queue is bound, the rule is inserted, the port taken, or data has come.
# The receiver is "-l 5201 -i dm0 ARGUMENTS"; SENDER is what it is sent meanwhile ("-" for nothing).
#
# ARGUMENTS | EXIT | SENDER | MESSAGE
late_cases() { cat <<'TABLE'
-d --rx-page-size 1K | [14] | - | dm0: .*rx-page-size
-d --rx-page-size 16M | [14] | - | dm0: .*rx-page-size
-d -a 192.0.2.99 | 1 | - | cannot listen on 192.0.2.99 port 5201: Cannot assign requested address
-d -a 2001:db8::99 | 1 | - | cannot listen on 2001:db8::99 port 5201: Cannot assign requested address
-d -q 3 BUSYPORT | 1 | - | cannot listen on port 5201: Address already in use
-d -q 3 FULLTABLE | 1 | - | dm0: it refuses a rule that sends TCP port 5201 to queue 3: No space left on device
--verify | 1 | --pattern 100K --seed 1 | connection 1 from .*: byte 0 is 0x.. instead of 0x..: the data is not the pattern with --seed 0
-d --expect 1M | 1 | --pattern 100K | connection 1 from .*: it brought 102400 bytes, 1048576 were expected
-d --expect 50K | 1 | --pattern 100K | connection 1 from .*: it brought 102400 bytes, 51200 were expected
-o /dev/full | 1 | --pattern 100K | cannot write to /dev/full: No space left on device
-o /nowhere/%n | 1 | --pattern 100K | cannot write to /nowhere/1: No such file or directory
-d --plain-recv | 1 | --pattern 100K | connection 1 from .*: the data is in device memory, which recvmsg gives out with MSG_SOCK_DEVMEM only
-d | 1 | --pattern 10M --rst-after 200K | connection 1 from .*: Connection reset by peer
-d --json=/nowhere/json | 1 | --pattern 1K | cannot write the summary to /nowhere/json: No such file or directory
TABLE
}

strip() { sed 's/^ *//; s/ *$//' <<<"$1"; }

bad_case()
{
	local status in="timeout -k 5 60 ip netns exec ns0"

	# A usage error comes before anything is looked at.
	[ "$2" != 2 ] || in=
	# shellcheck disable=SC2086
	$in devmemcat $1 </dev/null >"$WORK/out" 2>"$WORK/err"
	status=$?
	[ $status -ne 124 ] || { echo "it went on"; return 1; }
	matches $status "$2" "$WORK/err" "$3"
}

# What a case's last word asks for; done outside the check, whose output would wait for the helper's end.
prepare_late()
{
	case $1 in
	*BUSYPORT)
		ip netns exec ns0 socat TCP6-LISTEN:5201,ipv6only=0 /dev/null >/dev/null 2>&1 &
		helper=$!
		wait_for 20 in0 sh -c 'ss -ltn | grep -q :5201'
		;;
	*FULLTABLE)
		fill_table
		before=$(nic_state)
		;;
	esac
}

# In one process: as many runs of ethtool would take minutes.
fill_table()
{
	in0 python3 -B - <<'PY'
import array, fcntl, socket, struct

# ETHTOOL_SRXCLSRLINS of a udp4 rule for one port, anywhere, until there is no room.
sock = socket.socket()
for port in range(10000, 12000):
    value = bytearray(52)
    value[10:12] = struct.pack(">H", port)
    mask = bytearray(52)
    mask[10:12] = b"\xff\xff"
    rule = struct.pack("=I", 2) + value + bytes(20) + mask + bytes(20)
    rule += bytes(-len(rule) % 8) + struct.pack("=QII", 1, 0xffffffff, 0)
    nfc = array.array("B", struct.pack("=IIQ", 0x32, 0, 0) + rule + bytes(8))
    request = struct.pack("16sP", b"dm0", nfc.buffer_info()[0]) + bytes(16)
    try:
        fcntl.ioctl(sock, 0x8946, request)
    except OSError:
        break
PY
}

undo_late()
{
	case $1 in
	*BUSYPORT)
		kill "$helper"
		wait "$helper" 2>/dev/null
		;;
	*FULLTABLE)
		in0 ethtool -n dm0 | awk '/^Filter:/ { print $2 }' | while read -r n; do
			in0 ethtool -N dm0 delete "$n"
		done
		before=$pristine
		;;
	esac
}

late_case()
{
	local status args

	args=$(sed 's/ [A-Z]*$//' <<<"$1")
	# Here, and not only where the job begins: what the last case said must not be taken for this one's.
	: >"$WORK/err"
	# shellcheck disable=SC2086
	timeout -k 5 60 ip netns exec ns0 devmemcat -l 5201 -i dm0 --interval 0 $args </dev/null >"$WORK/out" 2>"$WORK/err" &
	if [ "$3" != - ]; then
		wait_for 30 grep -q 'listening on' "$WORK/err"
		# The receiver is where the failure is looked for.
		# shellcheck disable=SC2086
		timeout -k 5 60 ip netns exec ns1 devmemcat 192.0.2.1 --interval 0 $3 </dev/null >/dev/null 2>&1
	fi
	wait $!
	status=$?
	[ $status -ne 124 ] || { echo "it went on"; cat "$WORK/err"; return 1; }
	matches $status "$2" "$WORK/err" "$4" && unchanged
}

pair_up 4 || { tap_fail "a pair"; finish; }
echo 40 >/proc/sys/vm/nr_hugepages
before=$(nic_state)
pristine=$before

n=0
while IFS='|' read -r args status message; do
	args=$(strip "$args")
	check "devmemcat $args" bad_case "$args" "$(strip "$status")" "$(strip "$message")"
	n=$((n + 1))
done < <(cases)
check "all that left the NIC alone" unchanged

while IFS='|' read -r args status sender message; do
	args=$(strip "$args")
	prepare_late "$args"
	check "late: devmemcat $args" late_case "$args" "$(strip "$status")" "$(strip "$sender")" "$(strip "$message")"
	undo_late "$args"
	n=$((n + 1))
done < <(late_cases)
check "at least 25 cases" test $n -ge 25

ip -n ns0 link set dm0 down
check "the link is down" bad_case "-l -i dm0 -d" 1 'dm0: the link is down: turn it on with ip link set dm0 up$'
ip -n ns0 link set dm0 up
in0 ethtool -L dm0 combined 2
check "too many queues where more can be had" bad_case "-l -i dm0 -d --num-queues 2" 1 \
	'dm0: 2 of its 2 RX queues are free, and one must be left to other traffic: choose at most 1, or add some with ethtool -L$'
in0 ethtool -L dm0 combined 1
check "one queue where more can be had" bad_case "-l -i dm0 -d" 1 \
	'dm0: 1 of its 1 RX queues is free, and one must be left to other traffic: add some with ethtool -L$'
in0 ethtool -L dm0 combined 4
rx_start 5205 -d -k -q 2
check "another devmemcat's queue" bad_case "-l -i dm0 -d -q 2" 1 \
	'dm0: RX queue 2 is in use by another devmemcat: choose another with --queues'
kill "$RX"
rx_wait
check "the NIC is as before" unchanged

# Nobody answers: the neighbour is an invention.
interrupted()
{
	local job

	ip -n ns0 neigh replace 192.0.2.77 lladdr 02:00:00:00:00:77 dev dm0
	ip netns exec ns0 devmemcat 192.0.2.77 5999 --pattern 1M 2>"$WORK/err" </dev/null &
	job=$!
	wait_for 30 in0 sh -c 'ss -tn state syn-sent | grep -q 192.0.2.77'
	kill -INT $job
	wait $job
	matches $? 1 "$WORK/err" 'interrupted while connecting to 192.0.2.77 port 5999'
}
check "interrupted while it connects" interrupted

# Without the capability nothing may change, and the line says what is missing.
unprivileged()
{
	timeout -k 5 60 ip netns exec ns0 setpriv --bounding-set=-net_admin --inh-caps=-net_admin -- devmemcat -l -i dm0 -d 2>"$WORK/err" </dev/null
	matches $? 4 "$WORK/err" 'dm0: changing a NIC needs CAP_NET_ADMIN: run as root'
}
check "no CAP_NET_ADMIN" unprivileged
# Nor without access to /dev/udmabuf, for which the namespace is of no matter.
unprivileged_user()
{
	timeout -k 5 60 setpriv --reuid=65534 --regid=65534 --clear-groups -- "$(command -v devmemcat)" "$@" 2>"$WORK/err" </dev/null
	matches $? 4 "$WORK/err" "cannot open /dev/udmabuf: Permission denied: $RIGHTS"
}
RIGHTS='run as root, or with read and write access to it and CAP_NET_ADMIN$'
check "no access to /dev/udmabuf: a receiver" unprivileged_user -l -i lo -d -s 64K
RIGHTS='run as root, or with read and write access to it$'
check "no access to /dev/udmabuf: a sender" unprivileged_user 127.0.0.1 -D -s 64K --pattern 1K
nothing_stays "in the end"
check "the NIC is as before in the end" unchanged
finish
