#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# devmemctl and devmemtop, asked wrongly or without the right to look: one line that says why, the right exit status, nothing on stdout.
cd "$(dirname "$0")/../.." || exit 1
. selftests/lib/tap.sh

# refuses STATUS WORDS COMMAND…
refuses()
{
	local status=$1 words=$2 out err got

	shift 2
	out=$(mktemp) err=$(mktemp)
	"$@" >"$out" 2>"$err" </dev/null
	got=$?
	if [ $got = "$status" ] && [ ! -s "$out" ] && [ "$(wc -l <"$err")" = 1 ] && grep -qF -- "$words" "$err"; then
		tap_ok "$* : $status"
	else
		tap_fail "$* : $status" "exit $got, wanted $status and one line with: $words" "stdout: $(cat "$out")" \
			"stderr: $(cat "$err")"
	fi
	rm -f "$out" "$err"
}

helps() # TOOL
{
	"$1" --help | grep -q '^Usage: ' && "$1" --usage | grep -q '^Usage: ' && "$1" --version | grep -qx "$1 [0-9.]*"
}

without() # CAPABILITIES COMMAND…
{
	local caps=$1

	shift
	capsh --drop="$caps" -- -c '"$@"' - "$@"
}

for tool in devmemctl devmemtop devmemcat; do
	check "$tool --help, --usage, --version" helps $tool
done

refuses 2 "no command" devmemctl
refuses 2 "unknown command 'binding'" devmemctl binding
refuses 2 "unknown command ''" devmemctl ""
refuses 2 "takes no argument 'dm0'" devmemctl bindings dm0
refuses 2 "takes no argument 'x'" devmemctl --json sockets x
refuses 2 "--xml" devmemctl bindings --xml
refuses 2 "-Z" devmemctl -Z pools
refuses 2 "--json=yes" devmemctl pools --json=yes

refuses 2 "--delay takes seconds from 0.01 to 86400, not '0'" devmemtop -d 0
refuses 2 "not '-1'" devmemtop --delay=-1
refuses 2 "not '1x'" devmemtop --delay=1x
refuses 2 "not 'nan'" devmemtop --delay=nan
refuses 2 "--frames takes a number" devmemtop -n 0
refuses 2 "not '1e3'" devmemtop --frames=1e3
refuses 2 "--sort knows pinned" devmemtop --sort=size
refuses 2 "--leak-after takes seconds" devmemtop --leak-after=forever
refuses 2 "--width takes a number" devmemtop --width=-5
refuses 2 "takes no argument 'dm0'" devmemtop dm0
refuses 2 "--jsn" devmemtop --jsn

refuses 4 "missing CAP_BPF" without cap_bpf,cap_sys_admin devmemctl bindings
refuses 4 "missing CAP_PERFMON" without cap_perfmon,cap_sys_admin devmemctl sockets --json
refuses 4 "missing CAP_SYSLOG" without cap_syslog devmemctl pools
refuses 4 "missing CAP_BPF, CAP_PERFMON, CAP_SYSLOG" without cap_bpf,cap_perfmon,cap_sys_admin,cap_syslog devmemtop -b -n 1
refuses 4 "missing CAP_BPF" setpriv --reuid=65534 --regid=65534 --clear-groups devmemtop --json

# The capabilities it names are all it takes: root is not asked for.
check "CAP_BPF, CAP_PERFMON and CAP_SYSLOG are enough" setpriv --reuid=65534 --regid=65534 --clear-groups \
	--inh-caps=-all,+bpf,+perfmon,+syslog --ambient-caps=-all,+bpf,+perfmon,+syslog devmemctl bindings --json

if [ -w /dev/full ]; then
	check "no room for the output: exit 1" sh -c 'devmemctl bindings >/dev/full 2>/dev/null; [ $? = 1 ]'
	check "no room for a frame: exit 1" sh -c 'devmemtop -n 1 >/dev/full 2>/dev/null; [ $? = 1 ]'
fi

# Behind a mount that hides it, as on a kernel without BTF.
check "no BTF: exit 4, naming the option and the file" unshare -m sh -c '
	mount -t tmpfs none /sys/kernel/btf || exit 9
	devmemctl bindings 2>/tmp/no-btf; [ $? = 4 ] && grep -q "CONFIG_DEBUG_INFO_BTF" /tmp/no-btf &&
	grep -q "/sys/kernel/btf/vmlinux" /tmp/no-btf'

tap_end
