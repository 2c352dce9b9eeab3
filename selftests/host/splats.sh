#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The list of what must not stand in a console log: each kind of report is matched, ordinary lines are not.
set -u
cd "$(dirname "$0")/../.." || exit 1
. selftests/lib/tap.sh

matches() { grep -qE -f <(grep -v '^#' selftests/vm/splats) <<<"$1"; }

while IFS= read -r line; do
	check "matched: $line" matches "[    1.234567] $line"
done <<'EOF'
------------[ cut here ]------------
WARNING: CPU: 1 PID: 412 at net/core/page_pool.c:1211 page_pool_destroy+0x1/0x2
WARNING: net/core/devmem.c:45 at net_devmem_x+0x1/0x2, CPU#0: ip/123
WARNING: possible circular locking dependency detected
WARNING: inconsistent lock state
WARNING: suspicious RCU usage
WARNING: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected
WARNING: ip/412 still has locks held!
WARNING: lock held when returning to user space!
WARNING: bad unlock balance detected!
WARNING: held lock freed!
BUG: MAX_LOCKDEP_CHAINS too low!
turning off the locking correctness validator.
BUG: Invalid wait context
BUG: using smp_processor_id() in preemptible [00000000] code: ip/412
BUG kmalloc-64 (Tainted: G           O     ): Poison overwritten
ODEBUG: Out of memory. ODEBUG disabled
ref_tracker: reference already released.
BUG: kernel NULL pointer dereference, address: 0000000000000000
BUG: KASAN: slab-use-after-free in devmem_x+0x10/0x20
BUG: sleeping function called from invalid context at mm/slab.h:1
BUG: unable to handle page fault for address: ffffffffffffff00
Oops: 0000 [#1] PREEMPT SMP NOPTI
Oops: general protection fault, probably for non-canonical address
Kernel panic - not syncing: Fatal exception
refcount_t: underflow; use-after-free.
UBSAN: array-index-out-of-bounds in x.c:1:2
INFO: task ip:123 blocked for more than 120 seconds.
rcu: INFO: rcu_preempt self-detected stall on CPU
watchdog: BUG: soft lockup - CPU#0 stuck for 26s!
unregister_netdevice: waiting for dm0 to become free. Usage count = 2
kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)
kmemleak: Kernel memory leak detector disabled
EOF

while IFS= read -r line; do
	check_not "not matched: $line" matches "[    1.234567] $line"
done <<'EOF'
devmem_lo: loading out-of-tree module taints kernel.
Linux version 7.3.4+deb13-cloud-amd64 (debian-kernel@lists.debian.org)
ACPI: bus type PCI registered
Debug: sleeping is allowed
dm0: entered promiscuous mode
kmemleak: Kernel memory leak detector initialized (mem pool available: 39000)
Lock dependency validator: Copyright (c) 2006 Red Hat, Inc., Ingo Molnar
random: crng init done
EOF
tap_end
