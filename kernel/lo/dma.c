// SPDX-License-Identifier: GPL-2.0-only
/*
 * The DMA engine: the one place that turns DMA addresses into memory.
 *
 * It reaches a dma-buf where DMA addresses are the addresses of RAM: on
 * direct-mapped, unencrypted DMA without bounce buffers. Everywhere else it
 * says that it cannot. Memory of a dma-buf is touched here and nowhere else.
 */
#include <linux/cc_platform.h>
#include <linux/dma-direct.h>
#include <linux/iommu.h>
#include <linux/memremap.h>
#include <linux/swiotlb.h>
#include <net/checksum.h>

#include "devmem_lo.h"

bool dlo_dma_is_direct(void)
{
	return !device_iommu_mapped(dlo_parent) && !is_swiotlb_force_bounce(dlo_parent) &&
	       !cc_platform_has(CC_ATTR_MEM_ENCRYPT);
}

static bool dlo_pfn_is_ram(unsigned long pfn)
{
	return pfn_valid(pfn) && !is_zone_device_page(pfn_to_page(pfn)) &&
	       !PageReserved(pfn_to_page(pfn));
}

/*
 * Where the engine finds @len bytes of @buf at @off. A page is always RAM, and
 * taken as such: ordinary traffic works behind an IOMMU, too. Of a net_iov only
 * its DMA address is known; NULL: not in RAM, or behind an IOMMU.
 */
void *dlo_dma_reach(netmem_ref buf, size_t off, size_t len)
{
	phys_addr_t phys;

	if (!netmem_is_net_iov(buf))
		return netmem_address(buf) + off;
	if (!dlo_dma_is_direct())
		return NULL;

	phys = dma_to_phys(dlo_parent, page_pool_get_dma_addr_netmem(buf) + off);
	if (!dlo_pfn_is_ram(PHYS_PFN(phys)) || !dlo_pfn_is_ram(PHYS_PFN(phys + len - 1)))
		return NULL;
	return phys_to_virt(phys);
}

void dlo_source_init(struct dlo_source *src, const struct sk_buff *skb)
{
	src->skb = skb;
	src->frag = -1;
	src->off = 0;
}

/*
 * The longest run of bytes at the read position, and a step past it of at most
 * @max. NULL: memory the engine cannot reach.
 */
static const void *dlo_source_run(struct dlo_source *src, u32 max, u32 *len)
{
	const struct sk_buff *skb = src->skb;
	const skb_frag_t *frag;
	const void *data;

	while (src->off == (src->frag < 0 ? skb_headlen(skb) :
			    skb_frag_size(&skb_shinfo(skb)->frags[src->frag]))) {
		if (WARN_ON_ONCE(src->frag + 1 >= skb_shinfo(skb)->nr_frags))
			return NULL;
		src->frag++;
		src->off = 0;
	}

	if (src->frag < 0) {
		*len = min(max, skb_headlen(skb) - src->off);
		data = skb->data + src->off;
	} else {
		frag = &skb_shinfo(skb)->frags[src->frag];
		*len = min(max, skb_frag_size(frag) - src->off);
		if (skb_frag_is_net_iov(frag))
			data = dlo_dma_reach(skb_frag_netmem(frag), skb_frag_off(frag) + src->off,
					     *len);
		else
			data = skb_frag_address(frag) + src->off;
	}
	src->off += *len;
	return data;
}

/* Move the read position to @off bytes from the beginning of @skb. */
int dlo_source_seek(struct dlo_source *src, const struct sk_buff *skb, u32 off)
{
	u32 run;

	dlo_source_init(src, skb);
	for (; off; off -= run)
		if (!dlo_source_run(src, off, &run))
			return -EFAULT;
	return 0;
}

/* A sender's large writes consist of whole pages, and architectures copy those fastest. */
static void dlo_copy(void *dst, const void *src, u32 len)
{
	if (len == PAGE_SIZE && PAGE_ALIGNED(dst) && PAGE_ALIGNED(src))
		copy_page(dst, (void *)src);
	else
		memcpy(dst, src, len);
}

/*
 * Copy the next @len bytes to @dst, and sum them up on the way: what was read
 * and what was written cannot differ. Whoever alters @dst later has to sum it
 * up anew. Without @sum nobody wants to know.
 */
int dlo_source_copy(struct dlo_source *src, void *dst, u32 len, struct dlo_sum *sum)
{
	const void *data;
	__wsum part;
	u32 run;

	for (; len; len -= run, dst += run) {
		data = dlo_source_run(src, len, &run);
		if (!data)
			return -EFAULT;

		if (!sum) {
			dlo_copy(dst, data, run);
			continue;
		}
		part = csum_partial_copy_nocheck(data, dst, run);
		sum->sum = csum_block_add(sum->sum, part, sum->len);
		sum->len += run;
	}
	return 0;
}
