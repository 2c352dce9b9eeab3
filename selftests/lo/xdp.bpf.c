// SPDX-License-Identifier: GPL-2.0-only
/*
 * The programs of xdp.sh, one for each thing a frame can come to. Traffic to or
 * from UDP port 7 is theirs; what else the link carries, they let pass.
 */
#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "xdp.h"

#define PORT	7

struct headers {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
} __attribute__((packed));

struct seen seen;

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

/* The headers of a datagram from or to port 7 over IPv4, else NULL. */
static struct headers *port7(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct headers *h = data;
	__u64 len;

	if ((void *)(h + 1) > end || h->eth.h_proto != bpf_htons(ETH_P_IP) ||
	    h->ip.protocol != IPPROTO_UDP ||
	    (h->udp.dest != bpf_htons(PORT) && h->udp.source != bpf_htons(PORT)))
		return NULL;

	len = bpf_xdp_get_buff_len(ctx);
	if (len > seen.longest) {
		seen.longest = len;
		seen.longest_linear = end - data;
	}
	__sync_fetch_and_add(&seen.packets, 1);
	return h;
}

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	port7(ctx);
	return XDP_PASS;
}

SEC("xdp.frags")
int pass_frags(struct xdp_md *ctx)
{
	port7(ctx);
	return XDP_PASS;
}

SEC("xdp")
int drop(struct xdp_md *ctx)
{
	return port7(ctx) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int abort_(struct xdp_md *ctx)
{
	return port7(ctx) ? XDP_ABORTED : XDP_PASS;
}

/* Back to where it came from: both checksums stay as they are. */
SEC("xdp")
int tx(struct xdp_md *ctx)
{
	struct headers *h = port7(ctx);
	__u8 mac[ETH_ALEN];
	__be32 address;
	__be16 port;

	if (!h)
		return XDP_PASS;

	__builtin_memcpy(mac, h->eth.h_dest, ETH_ALEN);
	__builtin_memcpy(h->eth.h_dest, h->eth.h_source, ETH_ALEN);
	__builtin_memcpy(h->eth.h_source, mac, ETH_ALEN);
	address = h->ip.daddr;
	h->ip.daddr = h->ip.saddr;
	h->ip.saddr = address;
	port = h->udp.dest;
	h->udp.dest = h->udp.source;
	h->udp.source = port;
	return XDP_TX;
}

SEC("xdp")
int device(struct xdp_md *ctx)
{
	return port7(ctx) ? bpf_redirect_map(&devices, 0, 0) : XDP_PASS;
}

/* Everything: TCP's own checks look at what another CPU makes of the frames. */
SEC("xdp")
int cpu(struct xdp_md *ctx)
{
	return bpf_redirect_map(&cpus, 0, 0);
}

SEC("xdp")
int xsk(struct xdp_md *ctx)
{
	return port7(ctx) ? bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_PASS) : XDP_PASS;
}

/* The kernel's, by name and kind: its values are numbers for xdp.sh. */
enum xdp_rss_hash_type { XDP_RSS_TYPE_NONE };

extern int bpf_xdp_metadata_rx_hash(const struct xdp_md *ctx, __u32 *hash,
				    enum xdp_rss_hash_type *rss_type) __ksym;
extern int bpf_xdp_metadata_rx_timestamp(const struct xdp_md *ctx, __u64 *timestamp) __ksym;
extern int bpf_xdp_metadata_rx_vlan_tag(const struct xdp_md *ctx, __be16 *proto, __u16 *tci) __ksym;

/* A program that calls these is loaded for one device: not by default. */
SEC("?xdp")
int meta(struct xdp_md *ctx)
{
	enum xdp_rss_hash_type type = 0;
	__u32 value = 0;
	__be16 proto = 0;
	__u64 when = 0;
	__u16 tci = 0;

	if (!port7(ctx))
		return XDP_PASS;
	if (bpf_xdp_metadata_rx_hash(ctx, &value, &type) ||
	    bpf_xdp_metadata_rx_timestamp(ctx, &when))
		seen.errors++;
	seen.hash = value;
	seen.hash_type = type;
	seen.timestamp = when;
	seen.vlan = 0;
	if (!bpf_xdp_metadata_rx_vlan_tag(ctx, &proto, &tci))
		seen.vlan = (__u32)bpf_ntohs(proto) << 16 | tci;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
