#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# kill -9 of a receiver at random moments, with traffic, held tokens and unread data: the kernel lets go of everything.
set -u
cd "$(dirname "$0")" || exit 1
. ../lib/tap.sh
. ../lib/net.sh
. ../lib/devmem.sh

rounds=4
[ -z "${LONG:-}" ] || rounds=20
SEED=${SEED:-$RANDOM}
RANDOM=$SEED
echo "# SEED=$SEED"

modes=("" "--hold 200ms" "--no-return" "--leak 20" "--no-read")

# nic-restore puts it back once the kernel has unbound the queues: soon after the last binding has gone.
as_it_was() { ! in0 ethtool -n dm0 | grep -q '^Filter:' && ! in0 ethtool -g dm0 | grep -q 'split:.*on$'; }

check "a pair" pair_up 4 || tap_end
for ((round = 1; round <= rounds; round++)); do
	mode=${modes[RANDOM % ${#modes[@]}]}
	ms=$((RANDOM % 1500))
	# shellcheck disable=SC2086
	receiver 5201 --discard --num-queues 2 --connections 4 $mode || { tap_fail "receiver started" "$(cat "$RECEIVER_LOG")"; break; }
	sender 5201 --pattern inf --connections 3
	sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
	kill -KILL "$RECEIVER"
	check_none_left "round $round: killed after $ms ms${mode:+ with $mode}: no binding, page pool or niov stays"
	kill -KILL "$SENDER" 2>/dev/null
	wait 2>/dev/null
	wait_for 30 as_it_was
	check "the NIC is as it was: no rule, no split" as_it_was
	rm -f "$RECEIVER_LOG"
done
check "the NIC still works" in1 ping -c1 -w30 192.0.2.1
pair_down
tap_end
