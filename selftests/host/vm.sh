#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The VM runner itself: statuses, streams, splats, time-outs, early deaths, and that nothing of it stays behind.
set -u
cd "$(dirname "$0")/../.." || exit 1
. selftests/lib/tap.sh
boot=selftests/vm/boot
output=$(mktemp)

status_of() { "$@" >"$output" 2>&1 </dev/null; echo $?; }

check_eq "a command's exit status is the runner's" "$(status_of $boot debian-7.3 -- 'echo "one  two"; echo three >&2; exit 7')" 7
# Beside what the runner itself says when it had to boot again.
check_eq "its output arrives unchanged, both streams" "$(grep -v '^vm: .*booting again' "$output")" "$(printf 'one  two\nthree')"
check_eq "the tree is writable at its own place" "$(status_of $boot debian-7.3 -- "touch '$PWD/build/vm-was-here'")" 0
check "what a guest wrote there is there" rm build/vm-was-here
check_eq "a WARN in the console log fails the run" \
	"$(status_of $boot debian-7.3 -- 'echo "WARNING: CPU: 0 PID: 1 at net/core/x.c:1 x+0x0/0x0" >/dev/kmsg')" 125
check "and is shown" grep -q 'WARNING: CPU: 0' "$output"
check_eq "VM_TIMEOUT ends a guest that hangs" "$(status_of env VM_TIMEOUT=20 $boot debian-7.3 -- 'sleep 1000')" 124
check_eq "a kernel panic in the command fails the run" \
	"$(status_of $boot debian-7.3 -- 'echo c >/proc/sysrq-trigger; sleep 60')" 125
check_eq "a death before init fails the run" "$(status_of env VM_APPEND=rdinit=/nowhere $boot debian-7.3 -- true)" 125
check "with its last words, and is not taken for the text-poke race" grep -q 'died before init: .*Kernel panic' "$output"
check_eq "an unknown kernel is refused" "$(status_of $boot debian-9.9 -- true)" 1
check "in one line that names the ones there are" grep -qx "kernel: 'debian-9.9' is not a kernel: use one of .*debian-7.3 debug-7.3" "$output"
check_eq "no command and no terminal is refused" "$(status_of $boot debian-7.3)" 1

mkdir "$output.d"
(TMPDIR=$output.d $boot debian-7.3 -- 'echo started; sleep 100' >"$output" 2>/dev/null </dev/null; :) &
wait_for 60 grep -q started "$output"
pkill -KILL -f "boot debian-7.3 -- echo started"
check "nothing runs on when the runner is killed" wait_for 10 bash -c "! pgrep -f '$output.d/devmemkit-v[m]'"
rm -rf "$output.d"
mkdir "$output.d"
check "an ordinary run" env TMPDIR="$output.d" $boot debian-7.3 -- true
check_eq "leaves no socket and no directory" "$(ls "$output.d")" ""
rmdir "$output.d"
rm -f "$output"
tap_end
