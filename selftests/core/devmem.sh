#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The kernel's own devmem selftest, unmodified, with its own client ncdevmem, on devmem_lo: whatever kernel runs.
set -u
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/../lib/tap.sh"
. "$HERE/../lib/net.sh"

source=$("$TREE/selftests/vm/source") || exit 1
cd "$source" || exit 1
check "devmem.py, its library and ncdevmem.c are the package's" sha256sum --quiet -c "$HERE/devmem.sha256"

# The 16 KiB niovs of check_rx_large_niov need huge pages, more than the test reserves by itself.
echo 160 >/proc/sys/vm/nr_hugepages
check "a pair of devmem_lo in two namespaces" pair_up 4 || tap_end

output=$(mktemp)
# Less than TEST_TIMEOUT, so that a case that hangs is named.
in0 env NETIF=dm0 LOCAL_V4=192.0.2.1 LOCAL_V6=2001:db8::1 REMOTE_V4=192.0.2.2 REMOTE_V6=2001:db8::2 \
	REMOTE_TYPE=netns REMOTE_ARGS=ns1 PYTHONDONTWRITEBYTECODE=1 \
	timeout 600 python3 tools/testing/selftests/drivers/net/hw/devmem.py >"$output" 2>&1
status=$?

# The test has no skip for a kernel without bind-tx (it came with 6.16): the kernel's own answer is taken for one there.
no_bind_tx() { [[ $(uname -r) = 6.12.* ]] && grep -q 'netdev_bind_tx: Operation not supported' "$output"; }

seen=0
while read -r line; do
	case $line in
	"ok "*"# SKIP"*) tap_skip "$(sed 's/^ok [0-9]* //; s/ *# SKIP.*//' <<<"$line")" "${line##*# SKIP }" ;;
	"ok "*) tap_ok "$(sed 's/^ok [0-9]* //' <<<"$line")" ;;
	"not ok "*check_tx*) no_bind_tx && tap_skip "$(sed 's/^not ok [0-9]* //' <<<"$line")" "this kernel has no bind-tx" ||
			     tap_fail "$(sed 's/^not ok [0-9]* //' <<<"$line")" "$(cat "$output")" ;;
	"not ok "*) tap_fail "$(sed 's/^not ok [0-9]* //' <<<"$line")" "$(cat "$output")" ;;
	*) continue ;;
	esac
	seen=$((seen + 1))
done <"$output"
check_eq "devmem.py ran its five cases (exit status $status)" "$seen" 5 || sed 's/^/# /' "$output"

echo 0 >/proc/sys/vm/nr_hugepages
rm -f "$output"
pair_down
tap_end
