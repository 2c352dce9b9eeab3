/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The numbers of the devmem TCP uAPI, for C libraries and kernel headers older
 * than the running kernel (Debian 12 ships headers of Linux 6.1, devmem TCP
 * came with 6.12).
 *
 * Macros and structures keep the kernel's names and stand back when the
 * system's headers have them.  The preprocessor cannot see enumerators, so the
 * netlink ids carry a prefix of their own, DEVMEM_NL_; their values are
 * append-only in the kernel and the same on every version that has them.
 */
#ifndef _DEVMEM_UAPI_H
#define _DEVMEM_UAPI_H

#include <linux/types.h>
#include <sys/socket.h>

#ifndef SO_DEVMEM_LINEAR
#define DEVMEM_UAPI_OWN_STRUCTS
#define SO_DEVMEM_LINEAR	78
#define SO_DEVMEM_DMABUF	79
#define SO_DEVMEM_DONTNEED	80
#endif

#ifndef SCM_DEVMEM_LINEAR
#define SCM_DEVMEM_LINEAR	SO_DEVMEM_LINEAR
#define SCM_DEVMEM_DMABUF	SO_DEVMEM_DMABUF
#endif

#ifndef MSG_SOCK_DEVMEM
#define MSG_SOCK_DEVMEM		0x2000000
#endif

#ifndef MSG_ZEROCOPY
#define MSG_ZEROCOPY		0x4000000
#endif

/*
 * <linux/uio.h> holds both structures on 6.12 and newer, but it also defines
 * struct iovec, which <sys/socket.h> has defined already: user space cannot
 * include both.  So these are declared unless that header came first.
 */
#if defined(DEVMEM_UAPI_OWN_STRUCTS) || !defined(__LINUX_UIO_H)
/**
 * struct dmabuf_cmsg - payload of SCM_DEVMEM_DMABUF and SCM_DEVMEM_LINEAR
 * @frag_offset: where the fragment starts in the dma-buf
 * @frag_size: bytes in the fragment
 * @frag_token: to be handed back with SO_DEVMEM_DONTNEED
 * @dmabuf_id: binding the fragment belongs to
 * @flags: zero so far
 *
 * For SCM_DEVMEM_LINEAR only @frag_size is meaningful: that many bytes were
 * copied to the iovec of recvmsg().
 */
struct dmabuf_cmsg {
	__u64	frag_offset;
	__u32	frag_size;
	__u32	frag_token;
	__u32	dmabuf_id;
	__u32	flags;
};

/**
 * struct dmabuf_token - a range of tokens handed back with SO_DEVMEM_DONTNEED
 * @token_start: first token
 * @token_count: how many consecutive tokens
 */
struct dmabuf_token {
	__u32	token_start;
	__u32	token_count;
};
#endif
#undef DEVMEM_UAPI_OWN_STRUCTS

/* What one SO_DEVMEM_DONTNEED call takes: ranges, and tokens in all of them. */
#define DEVMEM_DONTNEED_MAX_TOKENS	128
#define DEVMEM_DONTNEED_MAX_FRAGS	1024

/* The generic netlink family "netdev". */
#define DEVMEM_NL_FAMILY		"netdev"
#define DEVMEM_NL_MCGRP_PAGE_POOL	"page-pool"

enum devmem_nl_cmd {
	DEVMEM_NL_CMD_PAGE_POOL_GET		= 5,
	DEVMEM_NL_CMD_PAGE_POOL_ADD_NTF		= 6,
	DEVMEM_NL_CMD_PAGE_POOL_DEL_NTF		= 7,
	DEVMEM_NL_CMD_PAGE_POOL_CHANGE_NTF	= 8,
	DEVMEM_NL_CMD_PAGE_POOL_STATS_GET	= 9,
	DEVMEM_NL_CMD_QUEUE_GET			= 10,
	DEVMEM_NL_CMD_QSTATS_GET		= 12,
	DEVMEM_NL_CMD_BIND_RX			= 13,
	DEVMEM_NL_CMD_BIND_TX			= 15,	/* 6.16 */
	DEVMEM_NL_CMD_QUEUE_CREATE		= 16,	/* 7.1 */
};

/* bind-rx and bind-tx */
enum devmem_nl_dmabuf {
	DEVMEM_NL_DMABUF_IFINDEX		= 1,
	DEVMEM_NL_DMABUF_QUEUES			= 2,
	DEVMEM_NL_DMABUF_FD			= 3,
	DEVMEM_NL_DMABUF_ID			= 4,
	DEVMEM_NL_DMABUF_RX_PAGE_SIZE		= 5,	/* 7.3 */
};

enum devmem_nl_queue_type {
	DEVMEM_NL_QUEUE_TYPE_RX			= 0,
	DEVMEM_NL_QUEUE_TYPE_TX			= 1,
};

/* queue-get */
enum devmem_nl_queue {
	DEVMEM_NL_QUEUE_ID			= 1,
	DEVMEM_NL_QUEUE_IFINDEX			= 2,
	DEVMEM_NL_QUEUE_TYPE			= 3,
	DEVMEM_NL_QUEUE_NAPI_ID			= 4,
	DEVMEM_NL_QUEUE_DMABUF			= 5,
	DEVMEM_NL_QUEUE_IO_URING		= 6,	/* 6.16 */
	DEVMEM_NL_QUEUE_XSK			= 7,	/* 6.16 */
	DEVMEM_NL_QUEUE_LEASE			= 8,	/* 7.1 */
};

/* page-pool-get */
enum devmem_nl_page_pool {
	DEVMEM_NL_PAGE_POOL_ID			= 1,
	DEVMEM_NL_PAGE_POOL_IFINDEX		= 2,
	DEVMEM_NL_PAGE_POOL_NAPI_ID		= 3,
	DEVMEM_NL_PAGE_POOL_INFLIGHT		= 4,
	DEVMEM_NL_PAGE_POOL_INFLIGHT_MEM	= 5,
	DEVMEM_NL_PAGE_POOL_DETACH_TIME		= 6,
	DEVMEM_NL_PAGE_POOL_DMABUF		= 7,
	DEVMEM_NL_PAGE_POOL_IO_URING		= 8,	/* 6.16 */
};

/* page-pool-stats-get */
enum devmem_nl_page_pool_stats {
	DEVMEM_NL_PAGE_POOL_STATS_INFO			= 1,
	DEVMEM_NL_PAGE_POOL_STATS_ALLOC_FAST		= 8,
	DEVMEM_NL_PAGE_POOL_STATS_ALLOC_SLOW		= 9,
	DEVMEM_NL_PAGE_POOL_STATS_ALLOC_SLOW_HIGH_ORDER	= 10,
	DEVMEM_NL_PAGE_POOL_STATS_ALLOC_EMPTY		= 11,
	DEVMEM_NL_PAGE_POOL_STATS_ALLOC_REFILL		= 12,
	DEVMEM_NL_PAGE_POOL_STATS_ALLOC_WAIVE		= 13,
	DEVMEM_NL_PAGE_POOL_STATS_RECYCLE_CACHED	= 14,
	DEVMEM_NL_PAGE_POOL_STATS_RECYCLE_CACHE_FULL	= 15,
	DEVMEM_NL_PAGE_POOL_STATS_RECYCLE_RING		= 16,
	DEVMEM_NL_PAGE_POOL_STATS_RECYCLE_RING_FULL	= 17,
	DEVMEM_NL_PAGE_POOL_STATS_RECYCLE_RELEASED	= 18,
};

enum devmem_nl_qstats_scope {
	DEVMEM_NL_QSTATS_SCOPE_QUEUE		= 1,
};

/* qstats-get */
enum devmem_nl_qstats {
	DEVMEM_NL_QSTATS_IFINDEX		= 1,
	DEVMEM_NL_QSTATS_QUEUE_TYPE		= 2,
	DEVMEM_NL_QSTATS_QUEUE_ID		= 3,
	DEVMEM_NL_QSTATS_SCOPE			= 4,
	DEVMEM_NL_QSTATS_RX_PACKETS		= 8,
	DEVMEM_NL_QSTATS_RX_BYTES		= 9,
	DEVMEM_NL_QSTATS_TX_PACKETS		= 10,
	DEVMEM_NL_QSTATS_TX_BYTES		= 11,
	DEVMEM_NL_QSTATS_RX_ALLOC_FAIL		= 12,
	DEVMEM_NL_QSTATS_RX_HW_DROPS		= 13,
	DEVMEM_NL_QSTATS_RX_HW_DROP_OVERRUNS	= 14,
};

/* The generic netlink family "ethtool", what Linux 6.1 headers lack. */
enum devmem_nl_rings {
	DEVMEM_NL_RINGS_HEADER			= 1,
	DEVMEM_NL_RINGS_TCP_DATA_SPLIT		= 11,
	DEVMEM_NL_RINGS_HDS_THRESH		= 17,	/* 6.14 */
	DEVMEM_NL_RINGS_HDS_THRESH_MAX		= 18,	/* 6.14 */
};

#endif /* _DEVMEM_UAPI_H */
