#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# ethtool: rings and split, channels, features, the link, statistics, and what is refused, each under traffic where it matters.
set -u
. "$(dirname "$0")/lib.sh"

ring() { in0 ethtool -g dm0 | awk -v name="$1:" '$0 ~ "^" name { value = $NF } END { print value }'; }
combined() { in0 ethtool -l dm0 | awk '/^Combined:/ { value = $2 } END { print value }'; }
talks() { in0 ping -c1 -W20 192.0.2.2; }
# Nothing counts twice, nothing is left out; the two are not read at once.
alike() { prints "$(stat_sum 0 'rx_queue_[0-9]*_packets')" in0 cat /sys/class/net/dm0/statistics/rx_packets; }

check "a pair" pair_up 4 || tap_end
check_eq "split is off at first" "$(ring 'TCP data split')" off
check "split on" in0 ethtool -G dm0 tcp-data-split on
check_eq "is on" "$(ring 'TCP data split')" on
if kernel_has 6.14; then
	check "hds-thresh 100" in0 python3 "$HERE/dmabuf.py" thresh dm0 100
	check_not "hds-thresh 1025 is refused" in0 python3 "$HERE/dmabuf.py" thresh dm0 1025
	check_not "no binding with hds-thresh 100" in0 python3 "$HERE/dmabuf.py" bind dm0 1 65536 </dev/null
	check "hds-thresh 0" in0 python3 "$HERE/dmabuf.py" thresh dm0 0
fi
check "split auto" in0 ethtool -G dm0 tcp-data-split auto
check_eq "is the driver's choice: off" "$(ring 'TCP data split')" off
check_not "no binding without split" in0 python3 "$HERE/dmabuf.py" bind dm0 1 65536 </dev/null
check "the device works on" talks

check "an RX ring of 256" in0 ethtool -G dm0 rx 256
check_eq "is that" "$(ring RX)" 256
check "an RX ring of 100" in0 ethtool -G dm0 rx 100
check_eq "is the next power of two" "$(ring RX)" 128
check_not "an RX ring of 7 is refused" in0 ethtool -G dm0 rx 7
check_not "of 5000, too" in0 ethtool -G dm0 rx 5000
check_eq "the ring is as it was" "$(ring RX)" 128
check "a TX ring of 64" in0 ethtool -G dm0 tx 64
check_not "a TX ring of 63 is refused" in0 ethtool -G dm0 tx 63
check "the device works on" talks

check_eq "4 channels" "$(combined)" 4
check "1 channel" in0 ethtool -L dm0 combined 1
check_eq "RSS leads to the one queue" "$(in0 ethtool -x dm0 | grep '^ *[0-9]*: ' | cut -d: -f2 | tr -d ' 0\n')" ""
check "the device works on" talks
check "4 channels again" in0 ethtool -L dm0 combined 4
check_not "5 channels are refused" in0 ethtool -L dm0 combined 5
check_not "0 channels are refused" in0 ethtool -L dm0 combined 0
in0 ethtool -X dm0 weight 0 0 0 1
check_not "a queue that the RSS table uses stays" in0 ethtool -L dm0 combined 3
in0 ethtool -X dm0 default
in0 ethtool -N dm0 flow-type udp4 dst-port 9 action 3 loc 7
check_not "a queue that a rule uses stays" in0 ethtool -L dm0 combined 3
in0 ethtool -N dm0 delete 7
check "then it can go" in0 ethtool -L dm0 combined 3
in0 ethtool -L dm0 combined 4

# With RPS, which looks whether a packet's queue exists, and GRO that keeps packets from poll to poll.
in0 sh -c 'for queue in /sys/class/net/dm0/queues/rx-*; do echo 3 >$queue/rps_cpus; done; echo 20000000 >/sys/class/net/dm0/gro_flush_timeout'
head -c 3000000 /dev/urandom >"$WORK/file"
transfer "$WORK/file" 192.0.2.1 &
while kill -0 $! 2>/dev/null; do
	in0 ethtool -L dm0 combined 2 && in0 ethtool -G dm0 rx 32 && in0 ethtool -L dm0 combined 4 && in0 ethtool -G dm0 rx 64
done >"$WORK/changes" 2>&1
wait %1
check_eq "a transfer survives channels and rings that change" $? 0
check_eq "all the changes worked" "$(cat "$WORK/changes")" ""
in0 sh -c 'for queue in /sys/class/net/dm0/queues/rx-*; do echo 0 >$queue/rps_cpus; done; echo 0 >/sys/class/net/dm0/gro_flush_timeout'

check_eq "100 Gb/s" "$(in0 ethtool dm0 | awk '/Speed:/ { print $2 }')" 100000Mb/s
check "link detected" grep -q "Link detected: yes" <(in0 ethtool dm0)
check "packets counted alike by ethtool" wait_for 10 alike
check "a line for each queue in netlink's statistics" test "$(in0 python3 "$HERE/dmabuf.py" qstats dm0 | wc -l)" = 8
total=$(in0 python3 "$HERE/dmabuf.py" qstats dm0 | awk '/^rx/ { sum += $3 } END { print sum }')
check "with packets in them" test "$total" -gt 1000
for feature in tso sg rx tx rxhash ntuple; do
	check "$feature off" in0 ethtool -K dm0 $feature off
	check "the device works on" talks
	in0 ethtool -K dm0 $feature on >/dev/null
done
tap_end
