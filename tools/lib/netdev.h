/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The calls of the kernel's "netdev" netlink family that devmem TCP needs.
 *
 * Each takes a struct dm_nl opened with DEVMEM_NL_FAMILY and returns 0 or a
 * negative errno, with the kernel's text in nl->extack.
 */
#ifndef DEVMEM_LIB_NETDEV_H
#define DEVMEM_LIB_NETDEV_H

#include <stdbool.h>
#include <stdint.h>

#include "nl.h"

/* No binding has id 0. */
#define DM_NETDEV_NO_DMABUF	0

/* One queue as queue-get tells it. */
struct dm_netdev_queue {
	uint32_t	ifindex;
	uint32_t	id;
	uint32_t	type;		/* enum devmem_nl_queue_type */
	uint32_t	napi_id;	/* 0: none */
	uint32_t	dmabuf;		/* binding id or DM_NETDEV_NO_DMABUF */
	bool		io_uring;
	bool		xsk;
	bool		leased;
};

/* One page pool as page-pool-get tells it. */
struct dm_netdev_page_pool {
	uint64_t	id;
	uint32_t	ifindex;	/* 0: the device is gone */
	uint32_t	napi_id;
	uint64_t	inflight;
	uint64_t	inflight_mem;
	uint64_t	detach_time;	/* seconds since boot; 0: attached */
	uint32_t	dmabuf;		/* binding id or DM_NETDEV_NO_DMABUF */
	bool		io_uring;
};

/* One queue's statistics; a counter that the driver does not keep is -1. */
struct dm_netdev_qstats {
	uint32_t	ifindex;
	uint32_t	type;
	uint32_t	id;
	int64_t		rx_packets;
	int64_t		rx_bytes;
	int64_t		tx_packets;
	int64_t		tx_bytes;
	int64_t		rx_alloc_fail;
	int64_t		rx_hw_drops;
};

/* Callbacks return 0 to go on or a negative errno to stop. */
typedef int (*dm_netdev_queue_fn)(const struct dm_netdev_queue *, void *);
typedef int (*dm_netdev_page_pool_fn)(const struct dm_netdev_page_pool *,
				      void *);
typedef int (*dm_netdev_qstats_fn)(const struct dm_netdev_qstats *, void *);

/*
 * Binds dma-buf @fd to RX queues @queues[0..@nqueues).  @rx_page_size 0 leaves
 * the niov size to the kernel.  The binding lasts until @nl is closed.
 */
int dm_netdev_bind_rx(struct dm_nl *nl, uint32_t ifindex,
		      const uint32_t *queues, unsigned int nqueues, int fd,
		      uint32_t rx_page_size, uint32_t *id);
int dm_netdev_bind_tx(struct dm_nl *nl, uint32_t ifindex, int fd, uint32_t *id);

/* @ifindex 0: of every device in the network namespace. */
int dm_netdev_queues(struct dm_nl *nl, uint32_t ifindex, dm_netdev_queue_fn fn,
		     void *data);
int dm_netdev_page_pools(struct dm_nl *nl, dm_netdev_page_pool_fn fn,
			 void *data);
int dm_netdev_qstats(struct dm_nl *nl, uint32_t ifindex, dm_netdev_qstats_fn fn,
		     void *data);

#endif /* DEVMEM_LIB_NETDEV_H */
