// SPDX-License-Identifier: GPL-2.0-only
/*
 * zcrx DEV QUEUE PORT [BYTES]
 *
 * Receives one connection by io_uring zero-copy into memory of its own that QUEUE
 * of DEV is bound to (BYTES, 4 MiB unless said otherwise), and writes what came to
 * stdout. The buffers go back at once. Linux 6.16.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <linux/types.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ENTRIES			4096	/* of the refill ring, and of the completion ring */
#define AREA_DEFAULT		(4UL << 20)
#define AREA_MASK		(~0ULL << 48)

/* What is used of the io_uring ABI: headers of Linux 6.15 are not everywhere. */
#define SETUP_CQSIZE		(1U << 3)
#define SETUP_CQE32		(1U << 11)
#define SETUP_SINGLE_ISSUER	(1U << 12)
#define SETUP_DEFER_TASKRUN	(1U << 13)
#define OFF_SQES		0x10000000ULL
#define ENTER_GETEVENTS		1U
#define REGISTER_ZCRX_IFQ	32
#define OP_RECV_ZC		58
#define RECV_MULTISHOT		(1U << 1)
#define CQE_F_MORE		(1U << 1)
#define REGION_TYPE_USER	1

struct sqe {
	__u8 opcode, flags;
	__u16 ioprio;
	__s32 fd;
	__u64 off, addr;
	__u32 len, op_flags;
	__u64 user_data;
	__u16 buf_index, personality;
	__u32 zcrx_ifq_idx;
	__u64 rest[2];
};

struct cqe {
	__u64 user_data;
	__s32 res;
	__u32 flags;
	__u64 off, pad;
};

struct params {
	__u32 sq_entries, cq_entries, flags, sq_thread_cpu, sq_thread_idle, features, wq_fd;
	__u32 resv[3];
	struct {
		__u32 head, tail, ring_mask, ring_entries, flags, dropped, array, resv;
		__u64 user_addr;
	} sq_off;
	struct {
		__u32 head, tail, ring_mask, ring_entries, overflow, cqes, flags, resv;
		__u64 user_addr;
	} cq_off;
};

struct region {
	__u64 user_addr, size;
	__u32 flags, id;
	__u64 mmap_offset, resv[4];
};

struct area {
	__u64 addr, len, token;
	__u32 flags, dmabuf_fd;
	__u64 resv[2];
};

struct ifq {
	__u32 ifindex, queue, entries, flags;
	__u64 area, region;
	__u32 off_head, off_tail, off_rqes, resv0;
	__u64 resv1[2];
	__u32 id, rx_buf_len;
	__u64 resv2[3];
};

struct rqe {
	__u64 off;
	__u32 len, pad;
};

static struct {
	int fd;
	__u32 *sq_tail, *sq_array, *cq_head, *cq_tail;
	__u32 sq_mask, cq_mask;
	struct sqe *sqes;
	struct cqe *cqes;
} ring;

/* Memory the NIC receives into, and the ring by which it goes back. */
static struct {
	char *memory;
	__u64 token;
	__u32 id;
	__u32 *head, *tail;
	struct rqe *rqes;
} zc;

static void *map(size_t size, int fd, off_t off)
{
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_POPULATE, fd, off);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

static void ring_open(void)
{
	struct params p = {
		.flags = SETUP_CQSIZE | SETUP_CQE32 | SETUP_SINGLE_ISSUER | SETUP_DEFER_TASKRUN,
		.cq_entries = ENTRIES,
	};
	size_t size, cq_size;
	char *rings;

	ring.fd = syscall(SYS_io_uring_setup, 8, &p);
	if (ring.fd < 0)
		err(1, "io_uring_setup");

	/* Both rings in one mapping, as on every kernel with zero-copy reception. */
	size = p.sq_off.array + p.sq_entries * sizeof(__u32);
	cq_size = p.cq_off.cqes + p.cq_entries * sizeof(struct cqe);
	rings = map(size > cq_size ? size : cq_size, ring.fd, 0);
	ring.sqes = map(p.sq_entries * sizeof(struct sqe), ring.fd, OFF_SQES);
	ring.sq_tail = (__u32 *)(rings + p.sq_off.tail);
	ring.sq_array = (__u32 *)(rings + p.sq_off.array);
	ring.sq_mask = p.sq_entries - 1;
	ring.cq_head = (__u32 *)(rings + p.cq_off.head);
	ring.cq_tail = (__u32 *)(rings + p.cq_off.tail);
	ring.cq_mask = p.cq_entries - 1;
	ring.cqes = (struct cqe *)(rings + p.cq_off.cqes);
}

static void bind_queue(const char *dev, int queue, size_t bytes)
{
	size_t ring_bytes = ENTRIES * sizeof(struct rqe) + getpagesize();
	char *refill = map(ring_bytes, -1, 0);
	struct region region = {
		.user_addr	= (__u64)(unsigned long)refill,
		.size		= ring_bytes,
		.flags		= REGION_TYPE_USER,
	};
	struct area area = { .len = bytes };
	struct ifq ifq = {
		.ifindex	= if_nametoindex(dev),
		.queue		= queue,
		.entries	= ENTRIES,
		.area		= (__u64)(unsigned long)&area,
		.region		= (__u64)(unsigned long)&region,
	};

	zc.memory = map(bytes, -1, 0);
	area.addr = (__u64)(unsigned long)zc.memory;
	if (syscall(SYS_io_uring_register, ring.fd, REGISTER_ZCRX_IFQ, &ifq, 1))
		err(1, "queue %d of %s", queue, dev);

	zc.token = area.token;
	zc.id = ifq.id;
	zc.head = (__u32 *)(refill + ifq.off_head);
	zc.tail = (__u32 *)(refill + ifq.off_tail);
	zc.rqes = (struct rqe *)(refill + ifq.off_rqes);
}

static int accept_one(int port)
{
	struct sockaddr_in6 addr = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	int yes = 1, conn;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 1))
		err(1, "port %d", port);
	conn = accept(fd, NULL, NULL);
	if (conn < 0)
		err(1, "accept");
	return conn;
}

static void submit_receive(int fd)
{
	__u32 tail = *ring.sq_tail, slot = tail & ring.sq_mask;

	ring.sqes[slot] = (struct sqe) {
		.opcode		= OP_RECV_ZC,
		.ioprio		= RECV_MULTISHOT,
		.fd		= fd,
		.zcrx_ifq_idx	= zc.id,
	};
	ring.sq_array[slot] = slot;
	__atomic_store_n(ring.sq_tail, tail + 1, __ATOMIC_RELEASE);
}

/* The kernel takes entries as it needs buffers; there are more entries than pieces in flight. */
static void give_back(__u64 off, __u32 len)
{
	__u32 tail = *zc.tail;

	zc.rqes[tail & (ENTRIES - 1)] = (struct rqe) { (off & ~AREA_MASK) | zc.token, len, 0 };
	__atomic_store_n(zc.tail, tail + 1, __ATOMIC_RELEASE);
}

static void write_all(const char *data, size_t len)
{
	if (fwrite(data, 1, len, stdout) != len)
		err(1, "write");
}

/* What completed; false: the end of the stream. *@again: the kernel wants to be asked anew. */
static bool reap(bool *again)
{
	__u32 head = *ring.cq_head;
	bool more = true;
	struct cqe *cqe;

	for (; head != __atomic_load_n(ring.cq_tail, __ATOMIC_ACQUIRE); head++) {
		cqe = &ring.cqes[head & ring.cq_mask];
		if (cqe->res < 0 && cqe->res != -ENOSPC)
			errx(1, "receive: %s", strerror(-cqe->res));
		if (cqe->res > 0) {
			write_all(zc.memory + (cqe->off & ~AREA_MASK), cqe->res);
			give_back(cqe->off, cqe->res);
		}
		if (!(cqe->flags & CQE_F_MORE)) {
			*again = cqe->res != 0;
			more = cqe->res != 0;
		}
	}
	__atomic_store_n(ring.cq_head, head, __ATOMIC_RELEASE);
	return more;
}

int main(int argc, char **argv)
{
	bool again = true;
	int conn, n;

	if (argc < 4)
		errx(2, "usage: zcrx DEV QUEUE PORT [BYTES]");
	ring_open();
	bind_queue(argv[1], atoi(argv[2]), argc > 4 ? strtoul(argv[4], NULL, 0) : AREA_DEFAULT);
	conn = accept_one(atoi(argv[3]));

	do {
		n = again;
		if (again)
			submit_receive(conn);
		again = false;
		if (syscall(SYS_io_uring_enter, ring.fd, n, 1, ENTER_GETEVENTS, NULL, 0) < 0 &&
		    errno != EINTR)
			err(1, "io_uring_enter");
	} while (reap(&again));
	return fflush(stdout) ? 1 : 0;
}
