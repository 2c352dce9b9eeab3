# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Traffic into device memory, and what of it is left in the kernel; for tests that source tap.sh and net.sh as well.

# receiver PORT [OPTION…]: devmemcat in ns0, in the background; RECEIVER is its pid, RECEIVER_LOG what it says.
receiver()
{
	local port=$1

	shift
	RECEIVER_LOG=$(mktemp)
	ip netns exec ns0 devmemcat -l "$port" -i dm0 "$@" >"$RECEIVER_LOG" 2>&1 </dev/null &
	RECEIVER=$!
	disown
	wait_for 20 grep -q 'listening on' "$RECEIVER_LOG" || { cat "$RECEIVER_LOG"; return 1; }
}

# sender PORT [OPTION…]: devmemcat in ns1, in the background; SENDER is its pid.
sender()
{
	local port=$1

	shift
	ip netns exec ns1 devmemcat 192.0.2.1 "$port" "$@" >/dev/null 2>&1 </dev/null &
	SENDER=$!
	disown
}

# check_none_left TEXT: within 30 s the kernel has let go of every binding, page pool and niov; else what is left, and who holds it.
check_none_left()
{
	local left

	if left=$("$TREE/selftests/lib/leftovers.py" 30 2>&1); then
		tap_ok "$1"
	else
		tap_fail "$1" "$left" "$(devmemctl sockets)" "$(devmemctl pools)"
		return 1
	fi
}
