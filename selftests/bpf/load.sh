#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Every BPF object loads on this kernel: the verifier accepts it and CO-RE finds what it names. One that attaches to functions does.
cd "$(dirname "$0")/../.." || exit 1
. selftests/lib/tap.sh

PIN=/sys/fs/bpf/devmem-load

mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf
for object in build/*.bpf.o; do
	check "$(basename "$object") loads on $(uname -r)" bpftool prog loadall "$object" $PIN
	rm -rf $PIN
done

# The snapshot's programs stay loaded, and failures' stay attached, while devmemtop runs.
devmemtop --json --frames 1000 --delay 0.2 >/dev/null &
TOP=$!
attached() { bpftool link show 2>/dev/null | grep -q 'prog.*' && bpftool prog show name dm_alloc_done >/dev/null; }
loaded() { [ "$(bpftool prog show | grep -cE ' name dm_(begin|walk_|scan|end)')" = 7 ]; }
check "all seven programs of a snapshot are there" wait_for 20 loaded
check "the counter of failed allocations is attached" wait_for 20 attached
kill $TOP
check "devmemtop ends" wait_for 10 sh -c "! kill -0 $TOP 2>/dev/null"
# The kernel frees what a process had attached a grace period after its end.
gone() { ! bpftool prog show name dm_scan; }
wait_for 10 gone
check "and leaves no program behind" gone

tap_end
