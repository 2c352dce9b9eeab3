#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The NIC is as it was after devmemcat, however it ended, alone or beside others; and others keep what they need meanwhile.
. "$(dirname "$0")/devmemcat-lib.bash"

split_is() { in0 ethtool -g dm0 | grep -q "^TCP data split:[[:space:]]*$1"; }
rss_avoids() { ! in0 ethtool -x dm0 | awk '/^ *[0-9]+:/ { for (i = 2; i <= NF; i++) print $i }' | grep -qx "$1"; }
rules() { in0 ethtool -n dm0 | awk '/^Total/ { print $2 }'; }
rules_are() { [ "$(rules)" = "$1" ]; }

# Changed on the way in: a test of what is put back would prove nothing otherwise.
is_changed() { split_is on && rss_avoids 3 && rules_are 2; }

# ended TEXT STATE: all is as STATE says, soon.
ended()
{
	wait_for 30 restored "$2"
	check "$1: the NIC is as before" diff <(echo "$2") <(nic_state)
	nothing_stays "$1"
}

pair_up 4 || { tap_fail "a pair"; finish; }
before=$(nic_state)

rx_start 5201 -d
check "a receiver changes the NIC" is_changed
check_eq "and binds its last queue" "$(bindings | sed 's/[0-9]*$/N/')" "ns0: queue 3 has binding N"
tx 5201 --pattern 100K >/dev/null 2>&1
rx_wait
check "it is as before when devmemcat has ended" restored "$before"
ended "normal end" "$before"

# -v tells each change and each restoration.
verbose_lines()
{
	local line

	while read -r line; do
		grep -qE "^devmemcat: dm0: $line\$" "$WORK/rx.5201" || { echo "no such line: $line"; cat "$WORK/rx.5201"; return 1; }
	done <<-'END'
		tcp-data-split on, hds-thresh 0
		RSS spreads other traffic over queues 0-2
		flow rule [0-9]+: TCP port 5201 over IPv4 to queue 3
		flow rule [0-9]+: TCP port 5201 over IPv6 to queue 3
		2 flow rules removed
		RSS as before
		tcp-data-split as before
	END
}
rx_start 5201 -d -k -v
kill -TERM "$RX"
rx_wait
check "-v tells each change" verbose_lines
ended "with -v" "$before"

# A rule for the same port that was there before decides; devmemcat leaves it and says so, once.
in0 ethtool -N dm0 flow-type tcp4 dst-port 5201 action 1 >/dev/null
ruled=$(nic_state)
rx_start 5201 -d -k
check "a rule of somebody else for the port is told of" \
	grep -qE 'dm0: flow rule [0-9]+, not ours, sends TCP port 5201 over IPv4 to queue 1, and may win: remove it with' "$WORK/rx.5201"
check_eq "once" "$(grep -c 'not ours' "$WORK/rx.5201")" 1
kill -TERM "$RX"
rx_wait
ended "a rule of somebody else" "$ruled"
in0 ethtool -N dm0 delete "$(in0 ethtool -n dm0 | awk '/^Filter:/ { print $2 }')"

for signal in TERM INT HUP KILL; do
	rx_start 5201 -d -k --no-return
	tx 5201 --pattern 100K >/dev/null 2>&1
	kill -$signal "$RX"
	rx_wait 2>/dev/null
	ended "SIG$signal" "$before"
done

# Who kills devmemcat by its name or command line leaves alone what restores the NIC. (By a part of the name it would be this test.)
looks_like() { [ "$(ps -o comm=,args= -p "$(pgrep -x nic-restore)")" = "$1" ]; }
for pattern in '-x devmemcat' '-f devmemcat -l'; do
	rx_start 5201 -d -k
	check "nic-restore does not look like devmemcat" looks_like 'nic-restore     nic-restore dm0'
	{ pkill -KILL "${pattern%% *}" "${pattern#* }"; rx_wait; } 2>/dev/null
	ended "pkill $pattern" "$before"
done

# When nic-restore is killed itself, devmemcat says so, and the commands in its man page repair the NIC.
rx_start 5201 -d -k
pkill -KILL -x nic-restore
kill -TERM "$RX"
rx_wait
check "nic-restore is killed: devmemcat says so" matches $? 1 "$WORK/rx.5201" 'dm0: nic-restore was killed, nothing puts'
check "and the NIC stays changed" is_changed
in0 ethtool -G dm0 tcp-data-split auto
in0 ethtool -X dm0 default
for rule in $(in0 ethtool -n dm0 | awk '/^Filter:/ { print $2 }'); do
	in0 ethtool -N dm0 delete "$rule"
done
ended "nic-restore is killed, ethtool repairs" "$before"

# While the link is down the kernel lists no queues: it cannot be seen whether they are still bound.
rx_start 5201 -d -k --no-return
tx 5201 --pattern 100K >/dev/null 2>&1
ip -n ns0 link set dm0 down
kill -KILL "$RX"
rx_wait 2>/dev/null
wait_for 30 restored "$before"
ip -n ns0 link set dm0 up
ended "SIGKILL while the link is down" "$before"
# A table that somebody set would forbid this.
check "its RSS table still follows the channels" in0 ethtool -L dm0 combined 2
check "and comes back with them" in0 ethtool -L dm0 combined 4
ended "fewer channels, and all again" "$before"

# A state that somebody chose: a split that is on, a table of their own, a rule of their own.
in0 ethtool -G dm0 tcp-data-split on
in0 ethtool -X dm0 weight 1 0 2 1
in0 ethtool -N dm0 flow-type tcp4 dst-port 9 action 1 >/dev/null
chosen=$(nic_state)
rx_start 5201 -d -k
kill -KILL "$RX"
rx_wait 2>/dev/null
ended "SIGKILL with the user's own settings" "$chosen"
in0 ethtool -N dm0 delete "$(in0 ethtool -n dm0 | awk '/^Filter:/ { print $2 }')"
in0 ethtool -X dm0 default
in0 ethtool -G dm0 tcp-data-split off
check "the test's own settings are undone" diff <(echo "$before") <(nic_state)

# Three on one NIC. Whoever ends first takes only what is theirs; the last puts back what the first found.
port=5201
for n in 1 2 3; do
	rx_start $port -d -k
	pid[n]=$RX
	job[n]=$RX_JOB
	queue[n]=$(sed -n 's/.* queue \([0-9]*\),.*/\1/p' "$WORK/rx.$port")
	port=$((port + 1))
done
check_eq "three receivers have three queues" "$(printf '%s\n' "${queue[@]}" | sort -u | grep -c .)" 3
check "and a rule per address family each" rules_are 6
for n in 1 2 3; do
	check "RSS avoids queue ${queue[n]}" rss_avoids "${queue[n]}"
done
for port in 5201 5202 5203; do
	check "the receiver on port $port gets data" tx $port --pattern 100K
done
kill -KILL "${pid[1]}"
wait "${job[1]}" 2>/dev/null
check "after SIGKILL of the first, its rules go" wait_for 30 rules_are 4
check "the split stays on" split_is on
check "RSS still avoids the second's queue" rss_avoids "${queue[2]}"
check "the second still gets data" tx 5202 --pattern 100K
kill -TERM "${pid[3]}"
wait "${job[3]}"
check "after SIGTERM of the third, its rules go" wait_for 30 rules_are 2
check "the split stays on for the second" split_is on
kill -KILL "${pid[2]}"
wait "${job[2]}" 2>/dev/null
ended "three receivers" "$before"

# Many at once come and go: the one that starts a nic-restore may find another's just ending.
churn()
{
	local n

	for n in 1 2 3 4 5 6; do
		timeout 60 ip netns exec ns0 devmemcat -l $((5300 + n % 3)) -i dm0 -d --interval 0 >/dev/null 2>&1 &
		sleep 0.$n
		[ $((n % 2)) = 0 ] || pkill -KILL -x devmemcat
	done
	sleep 1
	pkill -TERM -x devmemcat
	wait
}
churn 2>/dev/null
ended "receivers that come and go" "$before"

rx_start 5201 -d -k
ip -n ns0 link del dm0
rx_wait
check_eq "when the NIC vanishes, the receiver fails" $? 1
check "and says so" grep -q 'dm0: the interface is gone' "$WORK/rx.5201"
wait_for 30 no_devmemcat
check "and no process stays" no_devmemcat
finish
