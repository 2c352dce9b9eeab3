/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel's iou-zcrx.c takes from a liburing that knows zero-copy receive, for Debian 13's, which is older. Included before
 * that file; the numbers and layouts shared with the kernel come from the kernel's own header.
 */
#ifndef DEVMEM_ZCRX_H
#define DEVMEM_ZCRX_H

#include <linux/io_uring.h>

struct io_uring_zcrx_rq {
	__u32 *khead;
	__u32 *ktail;
	__u32 rq_tail;
	__u32 ring_entries;
	struct io_uring_zcrx_rqe *rqes;
	void *ring_ptr;
};

#define io_uring_register_ifq(ring, reg) io_uring_register((ring)->ring_fd, IORING_REGISTER_ZCRX_IFQ, reg, 1)

#endif
