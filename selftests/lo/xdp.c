// SPDX-License-Identifier: GPL-2.0-only
/*
 * xdp PROGRAM DEV [--frags] [--to DEV] [--queues N] [--times N]
 *
 * Attaches PROGRAM of xdp.bpf.o to DEV, natively, until the end of stdin, and
 * prints what the program saw. --frags: as a program for several buffers; --to:
 * where `device` sends frames; --queues: opens an AF_XDP socket in copy mode for
 * each of N queues, whence `xsk` sends each datagram back. With --times N,
 * instead: attaches, replaces and detaches N times.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "xdp.h"

#ifndef XDP_USE_SG
#define XDP_USE_SG		(1 << 4)	/* Linux 6.6 */
#endif
#ifndef BPF_F_XDP_HAS_FRAGS
#define BPF_F_XDP_HAS_FRAGS	(1U << 5)
#endif
#ifndef BPF_F_XDP_DEV_BOUND_ONLY
#define BPF_F_XDP_DEV_BOUND_ONLY (1U << 6)	/* Linux 6.3 */
#endif

#define QUEUES_MAX	16
#define CHUNK		4096
#define CHUNKS		256	/* of a socket; as many entries in each of its rings */

struct ring {
	__u32 *producer, *consumer;
	void *desc;
};

/* struct xsk - a socket with memory of its own; every chunk is in one ring at a time */
struct xsk {
	int fd;
	char *memory;
	struct ring rx, tx, fill, completion;
};

static struct {
	const char *program;
	int ifindex;
	bool frags;
	int to;
	int queues;
	int times;
} opt;

static struct bpf_object *object;
static struct xsk sockets[QUEUES_MAX];

#define check(ok, ...)						\
	do {							\
		if (!(ok))					\
			err(1, __VA_ARGS__);		\
	} while (0)

/* --- AF_XDP ------------------------------------------------------------- */

static void ring_map(struct ring *r, int fd, const struct xdp_ring_offset *off, size_t size,
		     off_t pgoff)
{
	char *map = mmap(NULL, off->desc + CHUNKS * size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_POPULATE, fd, pgoff);

	check(map != MAP_FAILED, "mmap of a ring");
	r->producer = (__u32 *)(map + off->producer);
	r->consumer = (__u32 *)(map + off->consumer);
	r->desc = map + off->desc;
}

/* Where the next entry of ours goes: there is room, as there are no more chunks than entries. */
static __u32 ring_slot(const struct ring *r)
{
	return *r->producer & (CHUNKS - 1);
}

static void ring_push(struct ring *r)
{
	__atomic_store_n(r->producer, *r->producer + 1, __ATOMIC_RELEASE);
}

static bool ring_pop(struct ring *r, __u32 *slot)
{
	__u32 consumer = *r->consumer;

	if (__atomic_load_n(r->producer, __ATOMIC_ACQUIRE) == consumer)
		return false;
	*slot = consumer & (CHUNKS - 1);
	return true;
}

static void ring_popped(struct ring *r)
{
	__atomic_store_n(r->consumer, *r->consumer + 1, __ATOMIC_RELEASE);
}

static void fill(struct xsk *x, __u64 addr)
{
	((__u64 *)x->fill.desc)[ring_slot(&x->fill)] = addr & ~(__u64)(CHUNK - 1);
	ring_push(&x->fill);
}

static void xsk_set(int fd, int option, const void *value, socklen_t size)
{
	check(!setsockopt(fd, SOL_XDP, option, value, size), "XDP socket option %d", option);
}

static void xsk_open(struct xsk *x, int queue)
{
	struct sockaddr_xdp addr = {
		.sxdp_family	= AF_XDP,
		.sxdp_flags	= XDP_COPY | (opt.frags ? XDP_USE_SG : 0),
		.sxdp_ifindex	= opt.ifindex,
		.sxdp_queue_id	= queue,
	};
	struct xdp_umem_reg umem = { .len = CHUNKS * CHUNK, .chunk_size = CHUNK };
	struct xdp_mmap_offsets off;
	socklen_t size = sizeof(off);
	int entries = CHUNKS;
	int i;

	x->fd = socket(AF_XDP, SOCK_RAW, 0);
	check(x->fd >= 0, "AF_XDP socket");
	x->memory = mmap(NULL, umem.len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	check(x->memory != MAP_FAILED, "mmap");
	umem.addr = (__u64)(unsigned long)x->memory;

	xsk_set(x->fd, XDP_UMEM_REG, &umem, sizeof(umem));
	xsk_set(x->fd, XDP_UMEM_FILL_RING, &entries, sizeof(entries));
	xsk_set(x->fd, XDP_UMEM_COMPLETION_RING, &entries, sizeof(entries));
	xsk_set(x->fd, XDP_RX_RING, &entries, sizeof(entries));
	xsk_set(x->fd, XDP_TX_RING, &entries, sizeof(entries));
	check(!getsockopt(x->fd, SOL_XDP, XDP_MMAP_OFFSETS, &off, &size), "XDP_MMAP_OFFSETS");

	ring_map(&x->rx, x->fd, &off.rx, sizeof(struct xdp_desc), XDP_PGOFF_RX_RING);
	ring_map(&x->tx, x->fd, &off.tx, sizeof(struct xdp_desc), XDP_PGOFF_TX_RING);
	ring_map(&x->fill, x->fd, &off.fr, sizeof(__u64), XDP_UMEM_PGOFF_FILL_RING);
	ring_map(&x->completion, x->fd, &off.cr, sizeof(__u64), XDP_UMEM_PGOFF_COMPLETION_RING);
	for (i = 0; i < CHUNKS; i++)
		fill(x, (__u64)i * CHUNK);
	check(!bind(x->fd, (struct sockaddr *)&addr, sizeof(addr)), "bind to queue %d", queue);
}

/* Both checksums stay right. */
static void turn_round(char *frame)
{
	struct ether_header *eth = (struct ether_header *)frame;
	struct iphdr *ip = (struct iphdr *)(eth + 1);
	struct udphdr *udp = (struct udphdr *)(ip + 1);
	unsigned char mac[ETH_ALEN];
	__u32 address = ip->daddr;
	__u16 port = udp->dest;

	memcpy(mac, eth->ether_dhost, ETH_ALEN);
	memcpy(eth->ether_dhost, eth->ether_shost, ETH_ALEN);
	memcpy(eth->ether_shost, mac, ETH_ALEN);
	ip->daddr = ip->saddr;
	ip->saddr = address;
	udp->dest = udp->source;
	udp->source = port;
}

/* A frame of several buffers is several descriptors in a row: only the first has the headers. */
static void xsk_echo(struct xsk *x)
{
	static bool continued;
	struct xdp_desc *d;
	__u32 slot;

	while (ring_pop(&x->completion, &slot)) {
		fill(x, ((__u64 *)x->completion.desc)[slot]);
		ring_popped(&x->completion);
	}
	while (ring_pop(&x->rx, &slot)) {
		d = (struct xdp_desc *)x->rx.desc + slot;
		if (!continued)
			turn_round(x->memory + d->addr);
		continued = d->options & 1;	/* XDP_PKT_CONTD */
		((struct xdp_desc *)x->tx.desc)[ring_slot(&x->tx)] = *d;
		ring_push(&x->tx);
		ring_popped(&x->rx);
	}
	if (sendto(x->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0)
		check(errno == EAGAIN || errno == EBUSY || errno == ENOBUFS, "sendto");
}

/* --- Programs ----------------------------------------------------------- */

static void map_set(const char *name, __u32 key, __u32 value)
{
	int fd = bpf_object__find_map_fd_by_name(object, name);

	check(fd >= 0 && !bpf_map_update_elem(fd, &key, &value, 0), "map %s", name);
}

static struct bpf_program *load(const char *path)
{
	struct bpf_program *p, *chosen = NULL;
	__u32 flags = opt.frags ? BPF_F_XDP_HAS_FRAGS : 0;

	object = bpf_object__open_file(path, NULL);
	check(object, "%s", path);
	bpf_object__for_each_program(p, object) {
		bool wanted = !strcmp(bpf_program__name(p), opt.program);

		bpf_program__set_autoload(p, wanted || opt.times);
		if (wanted)
			chosen = p;
	}
	check(chosen, "no program %s", opt.program);

	if (!strcmp(opt.program, "meta")) {
		flags |= BPF_F_XDP_DEV_BOUND_ONLY;
		bpf_program__set_ifindex(chosen, opt.ifindex);
	} else if (opt.times) {
		bpf_program__set_autoload(bpf_object__find_program_by_name(object, "meta"), false);
	}
	if (flags)
		bpf_program__set_flags(chosen, flags);
	check(!bpf_object__load(object), "load");
	return chosen;
}

static void attach_times(int fd)
{
	int other = bpf_program__fd(bpf_object__find_program_by_name(object, "tx"));
	int i;

	for (i = 0; i < opt.times; i++) {
		check(!bpf_xdp_attach(opt.ifindex, fd, XDP_FLAGS_DRV_MODE, NULL), "attach");
		check(!bpf_xdp_attach(opt.ifindex, other, XDP_FLAGS_DRV_MODE, NULL), "replace");
		check(!bpf_xdp_detach(opt.ifindex, XDP_FLAGS_DRV_MODE, NULL), "detach");
	}
}

static void serve_sockets(void)
{
	struct pollfd fds[QUEUES_MAX + 1] = { { .fd = STDIN_FILENO, .events = POLLIN } };
	int i;

	for (i = 0; i < opt.queues; i++)
		fds[i + 1] = (struct pollfd) { .fd = sockets[i].fd, .events = POLLIN };
	while (poll(fds, opt.queues + 1, -1) > 0 && !fds[0].revents)
		for (i = 0; i < opt.queues; i++)
			if (fds[i + 1].revents)
				xsk_echo(&sockets[i]);
}

static void print_seen(void)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, ".bss");
	const struct seen *seen;
	size_t size;

	if (!map)
		map = bpf_object__find_map_by_name(object, "xdp.bss");
	check(map, "no .bss");
	seen = bpf_map__initial_value(map, &size);
	check(seen && size >= sizeof(*seen), "what was seen");
	printf("packets %llu longest %llu linear %llu errors %llu ", seen->packets, seen->longest,
	       seen->longest_linear, seen->errors);
	printf("hash %#llx type %#llx time %llu vlan %#llx\n", seen->hash, seen->hash_type,
	       seen->timestamp, seen->vlan);
}

static void run(const char *path)
{
	struct bpf_program *program = load(path);
	int fd = bpf_program__fd(program);
	struct bpf_link *link;
	int i;

	if (opt.times) {
		attach_times(fd);
		return;
	}
	if (opt.to)
		map_set("devices", 0, opt.to);
	if (!strcmp(opt.program, "cpu"))
		map_set("cpus", 0, 512);

	link = bpf_program__attach_xdp(program, opt.ifindex);
	check(link, "attach");
	for (i = 0; i < opt.queues; i++) {
		xsk_open(&sockets[i], i);
		map_set("sockets", i, sockets[i].fd);
	}
	puts("attached");
	fflush(stdout);
	serve_sockets();
	bpf_link__destroy(link);
	print_seen();
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "frags",	no_argument,		NULL, 'f' },
		{ "to",		required_argument,	NULL, 't' },
		{ "queues",	required_argument,	NULL, 'q' },
		{ "times",	required_argument,	NULL, 'n' },
		{ }
	};
	char path[4096];
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			opt.frags = true;
			break;
		case 't':
			opt.to = if_nametoindex(optarg);
			break;
		case 'q':
			opt.queues = atoi(optarg);
			break;
		case 'n':
			opt.times = atoi(optarg);
			break;
		default:
			return 2;
		}
	}
	if (argc - optind != 2 || opt.queues > QUEUES_MAX)
		errx(2, "usage: xdp PROGRAM DEV [--frags] [--to DEV] [--queues N] [--times N]");

	opt.program = argv[optind];
	opt.ifindex = if_nametoindex(argv[optind + 1]);
	check(opt.ifindex, "%s", argv[optind + 1]);
	snprintf(path, sizeof(path), "%s.bpf.o", argv[0]);
	run(path);
	return 0;
}
