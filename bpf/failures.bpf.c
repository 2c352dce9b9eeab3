// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which bindings ran dry: counts the niov allocations that failed.
 *
 * The memory provider is asked only when the page pool's own cache and ring
 * are empty, so this costs nothing while niovs recycle, and one map update a
 * failure.  Counts since it was attached; it cannot know of earlier ones.
 *
 * Counts are kept by id.  Those of dead bindings stay, and do no harm until the
 * map is full: the kernel gives an id again only after four billion others.
 */
#include "stock.bpf.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 12);
	__type(key, u64);
	__type(value, u64);
} failures SEC(".maps");

/* For user space: failures of bindings that found no room in the map. */
__u64 missed;

/* Arguments by place, as only they and not their types are stable: pool, gfp. */
SEC("fexit/mp_dmabuf_devmem_alloc_netmems")
int dm_alloc_done(u64 *ctx)
{
	struct page_pool *pool = (void *)ctx[0];
	struct net_devmem_dmabuf_binding *binding;
	u64 netmem = ctx[2], id, zero = 0, *count;

	if (netmem)
		return 0;

	binding = BPF_CORE_READ(pool, mp_priv);
	id = BPF_CORE_READ(binding, id);
	count = bpf_map_lookup_elem(&failures, &id);
	if (!count) {
		/* Another CPU may do the same: whose zero it is does not matter. */
		bpf_map_update_elem(&failures, &id, &zero, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&failures, &id);
	}
	__sync_fetch_and_add(count ?: &missed, 1);
	return 0;
}
