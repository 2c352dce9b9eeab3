#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# devmemcat where its caller has closed stdin or stdout, where nobody reads what it writes, and where descriptors run out.
. "$(dirname "$0")/devmemcat-lib.bash"

# receiver REDIRECTION [OPTION…]: in the foreground, in ns0.
receiver()
{
	local redirection=$1

	shift
	# shellcheck disable=SC2016
	timeout -k 5 120 ip netns exec ns0 sh -c 'exec devmemcat -l 5201 -i dm0 --interval 0 "$@" '"$redirection" sh "$@" 2>"$WORK/err"
}

is_listening() { wait_for 60 grep -q 'listening on' "$WORK/err"; }

pair_up 4 || { tap_fail "a pair"; finish; }
before=$(nic_state)
ulimit -Sn 256

: >"$WORK/err"
receiver '<&-' -d &
job=$!
check "stdin is closed: it listens" is_listening
check "and gets data" tx 5201 --pattern 100K
wait $job
check_eq "and ends well" $? 0
check "the NIC is as before" unchanged
nothing_stays "stdin is closed"

receiver '>&-'
check "stdout is closed: it says so" matches $? 1 "$WORK/err" 'cannot write to stdout: it is closed'
check "the NIC is as before" unchanged

rx_start 5201 -d
timeout -k 5 60 ip netns exec ns1 sh -c "exec devmemcat $ADDR 5201 --interval 0 <&-" >/dev/null 2>"$WORK/err"
check "a sender whose stdin is closed says so" matches $? 1 "$WORK/err" '.*cannot read stdin: Bad file descriptor'
kill -TERM "$RX" 2>/dev/null
rx_wait

: >"$WORK/err"
{ receiver '' -k; echo $? >"$WORK/status"; } | true &
job=$!
is_listening
tx 5201 -c 2 --pattern 100K >/dev/null 2>&1
wait $job
check "nobody reads stdout: it says so once, and ends despite -k" \
	matches "$(cat "$WORK/status")" 1 "$WORK/err" 'cannot write to stdout: Broken pipe'
check "the NIC is as before" unchanged

# Opens more connections than the receiver can have, and closes them when it has said so.
flood()
{
	in1 python3 -B - "$ADDR" "$WORK/rx.5201" <<'PY'
import socket, sys, time

conns = []
try:
    for _ in range(40):
        conns.append(socket.create_connection((sys.argv[1], 5201), 30))
except OSError:
    pass
for _ in range(900):
    if "cannot accept" in open(sys.argv[2]).read():
        sys.exit(0)
    time.sleep(0.1)
sys.exit("the receiver does not say that it cannot accept more")
PY
}

rx_start 5201 -d -k
check "the soft limit of descriptors is raised to the hard one" awk '/^Max open files/ { exit $4 != $5 }' "/proc/$RX/limits"
check "a low hard limit" prlimit --pid "$RX" --nofile=24:24
check "more connections than descriptors" flood
rx_wait
check "it says so once, and ends with the connections" \
	matches $? 1 "$WORK/rx.5201" 'cannot accept more connections: Too many open files'
check "the NIC is as before" unchanged
nothing_stays "in the end"
finish
