/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The dma-buf that data is received into or sent from, and its binding.
 */
#ifndef DEVMEMCAT_DMABUF_H
#define DEVMEMCAT_DMABUF_H

#include <stdint.h>

#include "nl.h"
#include "options.h"
#include "report.h"
#include "udmabuf.h"

/**
 * struct dmabuf - a udmabuf, bound to a device or not
 * @mem: the buffer
 * @netdev: the netlink socket that the binding lives and dies with
 * @id: of the binding, 0 while there is none
 */
struct dmabuf {
	struct dm_udmabuf	mem;
	struct dm_nl		netdev;
	uint32_t		id;
};

/* Each says what is wrong and returns the exit status it deserves. */
enum dm_exit dmabuf_alloc(struct dmabuf *buf, const struct options *opt);
enum dm_exit dmabuf_bind_rx(struct dmabuf *buf, uint32_t ifindex,
			    const char *ifname, const uint32_t *queues,
			    unsigned int nqueues, uint32_t rx_page_size);
/* A line for the user when there are fewer niovs than the rings can hold. */
void dmabuf_note_rings(const struct dmabuf *buf, uint32_t ifindex,
		       const char *ifname, unsigned int nqueues,
		       uint32_t rx_page_size);
enum dm_exit dmabuf_bind_tx(struct dmabuf *buf, uint32_t ifindex,
			    const char *ifname);
void dmabuf_unbind(struct dmabuf *buf);
void dmabuf_free(struct dmabuf *buf);

#endif /* DEVMEMCAT_DMABUF_H */
