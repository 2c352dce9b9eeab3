#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Tokens: what devmemcat keeps, returns and misuses on request, and a pool that runs dry and recovers.
. "$(dirname "$0")/devmemcat-lib.bash"

drops() { in0 ethtool -S dm0 | awk -v name="rx_queue_${1}_alloc_fail:" '$1 == name { print $2 }'; }

# token_sum KEY: of the last total in the log.
token_sum() { sed -n "s/^total .*\b$1=\([0-9]*\).*/\1/p" "$WORK/log" | tail -1; }

# settled BYTES: as much had arrived when the last total, asked for with SIGUSR1, was written.
settled()
{
	kill -USR1 "$RX"
	sleep 0.3
	[ "$(awk '/^issue / { sub("size=", "", $5); sum += $5 } /^total / { then = sum } END { print then + 0 }' "$WORK/log")" = "$1" ]
}

dropped_since() { [ "$(drops 3)" != "$1" ]; }

# A sender in the background, with the options given; TX is its pid, $WORK/tx what it says.
tx_start()
{
	ip netns exec ns1 devmemcat "$ADDR" 5201 --interval 0 "$@" >/dev/null 2>"$WORK/tx" </dev/null &
	TX=$!
}

tx_stop()
{
	kill -TERM "$TX"
	wait "$TX"
} 2>/dev/null

send_queue() { in1 ss -Htn state established 'dport = :5201' | awk '{ print $2 }'; }

# The sender waits for room at the other end: what it has sent is not taken there.
is_stopped()
{
	local queued

	queued=$(send_queue)
	[ "${queued:-0}" -gt 0 ] && sleep 1 && [ "$(send_queue)" = "$queued" ]
}

stop_rx()
{
	kill -TERM "$RX"
	rx_wait
}

pair_up 4 || { tap_fail "a pair"; finish; }
before=$(nic_state)

# Leaks: a count drawn anew each run is held to the token, over several connections.
leaked=$((RANDOM % 90 + 10))
rx_start 5201 -k -d -c 3 --leak-count $leaked --token-log "$WORK/log"
tx 5201 --quiet -c 3 --pattern 300K
check "900K have come" wait_for 30 settled $((900 << 10))
check_eq "--leak-count $leaked holds as many" "$(token_sum held)" $leaked
check_eq "the log's lines agree" "$(($(grep -c ^issue "$WORK/log") - $(awk '/^return/ { sub("count=", "", $4); sum += $4 } END { print sum + 0 }' "$WORK/log")))" $leaked
check_eq "the kernel freed what was returned" "$(awk '/^return/ { sub("freed=", "", $5); sum += $5 } END { print sum + 0 }' "$WORK/log")" "$(token_sum returned)"
check "the log names the sockets" grep -q '^open conn=1 cookie=[1-9]' "$WORK/log"
stop_rx
check_eq "a receiver that leaks ends well" $? 0

rx_start 5201 -k -d --leak 10 --token-log "$WORK/log"
tx 5201 --quiet --pattern 1M
check "1M have come" wait_for 30 settled $((1 << 20))
check_eq "--leak 10 holds every tenth" "$(token_sum held)" $(($(token_sum issued) / 10))
stop_rx

rx_start 5201 -k -d --no-return --token-log "$WORK/log"
tx 5201 --quiet --pattern 1M
check "1M have come and nothing goes back" wait_for 30 settled $((1 << 20))
check_eq "--no-return returns none" "$(token_sum returned)" 0
check_eq "and holds the bytes" "$(token_sum bytes)" $((1 << 20))
stop_rx

for option in "--return-batch 100" "--hold 300ms" "--bad-tokens"; do
	# shellcheck disable=SC2086
	rx_start 5201 --verify --expect 1M $option --token-log "$WORK/log"
	tx 5201 --quiet --pattern 1M
	rx_check "$option: all bytes arrive"
	check_eq "$option: no token is held in the end" "$(token_sum held)" 0
done
check "the summary tells how many bad tokens were refused" grep -q ', bad ones: [1-9][0-9]* refused, 0 taken;' "$WORK/rx.5201"
check_not "as JSON does" test "$(json "$WORK/json.5201" tokens bad_refused)" = 0
check "one connection is one" grep -q ' over 1 connection in ' "$WORK/rx.5201"
check "an IPv4 peer is written as one" grep -qE '^open .* local=192\.0\.2\.1:5201 peer=192\.0\.2\.2:[0-9]+$' "$WORK/log"
check "--return-batch names ranges" awk '/^return/ { sub("count=", "", $4); if ($4 > 1) found = 1 } END { exit !found }' "$WORK/log"

rx_start 5201 -s 5000 -d
check "fewer niovs than an RX ring has entries: a note" \
	grep -q -- '--size: 8.0 KiB is 2 niovs, fewer than the 64 entries of an RX ring of dm0: expect drops' "$WORK/rx.5201"
stop_rx
rx_start 5201 -s 256K -d
check_not "as many: none" grep -q 'expect drops' "$WORK/rx.5201"
stop_rx

# All data comes between two looks at the clock, and long after the receiver listens.
rx_start 5201 -d
sleep 1
begin=$(date +%s%N)
ADDR=2001:db8::1 tx 5201 --quiet --pattern 100K
rx_wait
end=$(date +%s%N)
spent=$(json "$WORK/json.5201" seconds)
check "the receiver's time begins with its first connection: $spent s" \
	awk -v spent="$spent" -v limit=$(((end - begin) / 1000)) 'BEGIN { exit !(spent > 0 && spent * 1000000 <= limit) }'
check "and is told to the microsecond" grep -qE '"seconds": [0-9]+\.[0-9]{6},' "$WORK/json.5201"

rx_start 5201 --plain-recv -d
tx 5201 --pattern 100K 2>/dev/null
rx_wait
check_eq "--plain-recv fails" $? 1
check "and says why" grep -q 'MSG_SOCK_DEVMEM only' "$WORK/rx.5201"

rx_start 5201 --rst-after 50K -d
check_not "--rst-after resets the sender" tx 5201 --pattern 10M
rx_wait

rx_start 5201 --no-read -k -d
tx_start --pattern 10M
wait_for 30 is_stopped
tx_stop
check "--no-read stops the sender" grep -q 'the peer did not take' "$WORK/tx"
stop_rx
check_eq "without a token" "$(json "$WORK/json.5201" tokens issued)" 0

# Exhaustion: 1 MiB of niovs, 8 MiB of data.
base=$(drops 3)
rx_start 5201 -s 1M --no-return -k -d --token-log "$WORK/log"
tx_start --pattern 8M
check "a pool whose tokens stay out runs dry" wait_for 30 dropped_since "$base"
tx_stop
kill -KILL "$RX"
rx_wait 2>/dev/null
check "the NIC recovers" wait_for 30 restored "$before"
rx_start 5201 -s 1M --verify --expect 2M
tx 5201 --quiet --pattern 2M
rx_check "and the next receiver gets all of its data"

# It runs dry if half a MiB comes within the time for which tokens are held.
base=$(drops 3)
rx_start 5201 -s 512K --hold 4s --verify --expect 2M
check "a pool whose tokens come back late recovers by itself" tx 5201 --pattern 2M
rx_check "and all data arrives"
check "though it was dry" dropped_since "$base"
check_eq "which the summary tells" "$(json "$WORK/json.5201" drops)" $(($(drops 3) - base))

wait_for 30 restored "$before"
check "the NIC is as before" diff <(echo "$before") <(nic_state)
nothing_stays "in the end"
finish
