// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hardware GRO: consecutive frames of one TCP connection become one packet that
 * can be cut into the very same frames again, so that it may be forwarded.
 *
 * A queue has one packet growing at a time (dlo_rx.gro), which ends with
 * the poll, or when a frame comes that does not continue it. What may not be
 * merged is what the stack's own GRO would not merge, and a few more: frames
 * with IP options or extension headers.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <net/ip6_checksum.h>
#include <net/tcp.h>

#include "devmem_lo.h"

#define DLO_GRO_FLAGS_LAST	(TCP_FLAG_FIN | TCP_FLAG_PSH)
#define DLO_GRO_FLAGS_NEVER	(TCP_FLAG_CWR | TCP_FLAG_URG | TCP_FLAG_RST | TCP_FLAG_SYN)

static const struct tcphdr *dlo_gro_th(const u8 *frame, const struct dlo_head *h)
{
	return (const struct tcphdr *)(frame + h->l4);
}

/* May the frame be merged with others, going by its headers? Faults are for single frames. */
static bool dlo_gro_suits(const struct dlo_rx *rx)
{
	const struct dlo_segmenter *seg = &rx->seg;
	const struct dlo_head *h = &seg->head;
	__be32 flags;

	if (!(rx->priv->dev->features & NETIF_F_GRO_HW) || dlo_faults_in(rx->rxq) ||
	    !seg->payload || !dlo_segment_is_exact(seg) ||
	    h->l4 - h->l3 != (h->v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)))
		return false;

	flags = tcp_flag_word(dlo_gro_th(seg->frame, h));
	return (flags & (TCP_FLAG_ACK | DLO_GRO_FLAGS_NEVER)) == TCP_FLAG_ACK;
}

static bool dlo_gro_same_ip(const u8 *a, const u8 *b, const struct dlo_head *h, u16 id)
{
	const struct ipv6hdr *a6 = (const struct ipv6hdr *)(a + h->l3);
	const struct ipv6hdr *b6 = (const struct ipv6hdr *)(b + h->l3);
	const struct iphdr *a4 = (const struct iphdr *)(a + h->l3);
	const struct iphdr *b4 = (const struct iphdr *)(b + h->l3);

	if (memcmp(a, b, h->l3))
		return false;
	if (h->v6)
		return !memcmp(a6, b6, offsetof(struct ipv6hdr, payload_len)) &&
		       !memcmp(&a6->nexthdr, &b6->nexthdr,
			       sizeof(*a6) - offsetof(struct ipv6hdr, nexthdr));
	return a4->tos == b4->tos && ntohs(b4->id) == id && a4->frag_off == b4->frag_off &&
	       a4->ttl == b4->ttl && a4->saddr == b4->saddr && a4->daddr == b4->daddr;
}

static bool dlo_gro_same_tcp(const u8 *a, const u8 *b, const struct dlo_head *h, u32 seq)
{
	const struct tcphdr *ta = dlo_gro_th(a, h);
	const struct tcphdr *tb = dlo_gro_th(b, h);

	return ta->source == tb->source && ta->dest == tb->dest && ntohl(tb->seq) == seq &&
	       ta->ack_seq == tb->ack_seq &&
	       !((tcp_flag_word(ta) ^ tcp_flag_word(tb)) & ~DLO_GRO_FLAGS_LAST) &&
	       !memcmp(ta + 1, tb + 1, h->len - h->l4 - sizeof(*ta));
}

/*
 * How much may be added to the growing packet. If there is an open buffer, the
 * packet's last fragment is in it.
 */
static u32 dlo_gro_room(const struct dlo_rx *rx)
{
	const struct sk_buff *skb = rx->gro.skb;

	return min(U16_MAX - (skb->len - rx->gro.head.l3),
		   dlo_part_room(&rx->rxq->mem, MAX_SKB_FRAGS - skb_shinfo(skb)->nr_frags));
}

/*
 * How many frames, from the current one on, follow another of the same packet
 * that is already part of the growing one? Their headers need not be looked at,
 * and what they bring can land at once. There are buffers posted for all of
 * them, as far as there are for the first: a dry pool drops single frames.
 */
u32 dlo_gro_following(struct dlo_rx *rx)
{
	const struct dlo_segmenter *seg = &rx->seg;
	const struct dlo_gro *gro = &rx->gro;
	u32 len = seg->payload + seg->left;
	u32 room, posted;

	if (!gro->skb || !seg->sent || gro->tx != seg->skb)
		return 0;

	room = dlo_gro_room(rx);
	if (seg->payload > room)
		return 0;
	posted = dlo_rxq_posted(&rx->rxq->mem, min(len, room) / rx->rxq->mem.buf_size + 1);
	room = min(room, dlo_part_room(&rx->rxq->mem, posted));
	return len <= room ? DIV_ROUND_UP(len, gro->mss) : max(room / gro->mss, 1);
}

/* Does the current frame, whose headers are complete, continue the growing packet? */
bool dlo_gro_continues(const struct dlo_rx *rx)
{
	const struct dlo_segmenter *seg = &rx->seg;
	const struct dlo_gro *gro = &rx->gro;

	return gro->skb && !memcmp(&gro->head, &seg->head, sizeof(gro->head)) &&
	       seg->vlan_tagged == skb_vlan_tag_present(gro->skb) &&
	       (!seg->vlan_tagged || seg->vlan_tci == skb_vlan_tag_get(gro->skb)) &&
	       dlo_gro_suits(rx) && seg->payload <= gro->mss && seg->payload <= dlo_gro_room(rx) &&
	       dlo_gro_same_ip(gro->skb->data, seg->frame, &seg->head, gro->ip_id) &&
	       dlo_gro_same_tcp(gro->skb->data, seg->frame, &seg->head, gro->seq);
}

/* May the current frame be the first of a growing packet? */
bool dlo_gro_may_begin(const struct dlo_rx *rx)
{
	const struct tcphdr *th = dlo_gro_th(rx->seg.frame, &rx->seg.head);

	return dlo_gro_suits(rx) && !(tcp_flag_word(th) & DLO_GRO_FLAGS_LAST);
}

/* @skb is the current frame, and may grow. */
void dlo_gro_begin(struct dlo_rx *rx, struct sk_buff *skb, bool split)
{
	const struct dlo_segmenter *seg = &rx->seg;
	const struct dlo_head *h = &seg->head;

	rx->gro = (struct dlo_gro) {
		.skb	= skb,
		.tx	= seg->skb,
		.head	= *h,
		.split	= split,
		.segs	= 1,
		.mss	= seg->payload,
		.seq	= ntohl(dlo_gro_th(seg->frame, h)->seq) + seg->payload,
	};
	if (!h->v6)
		rx->gro.ip_id = ntohs(((const struct iphdr *)(seg->frame + h->l3))->id) + 1;
}

/* What is current has become part of the packet. A short frame, and one that says so, ends it. */
void dlo_gro_advance(struct dlo_rx *rx)
{
	const struct dlo_segmenter *seg = &rx->seg;
	struct dlo_gro *gro = &rx->gro;
	struct tcphdr *th;
	__be32 last;

	gro->tx = seg->skb;
	gro->seq += seg->payload;
	gro->ip_id += seg->frames;
	gro->segs += seg->frames;

	last = dlo_segment_tcp_flags(seg) & DLO_GRO_FLAGS_LAST;
	if (!last && seg->payload == seg->frames * gro->mss)
		return;
	th = (struct tcphdr *)(gro->skb->data + gro->head.l4);
	tcp_flag_word(th) |= last;
	dlo_gro_flush(rx);
}

/* The headers of the whole, and what is to be known to cut it again. */
static void dlo_gro_finish(const struct dlo_gro *gro)
{
	struct skb_shared_info *shinfo = skb_shinfo(gro->skb);
	const struct dlo_head *h = &gro->head;
	struct sk_buff *skb = gro->skb;
	struct ipv6hdr *ip6h = (struct ipv6hdr *)(skb->data + h->l3);
	struct tcphdr *th = (struct tcphdr *)(skb->data + h->l4);
	struct iphdr *iph = (struct iphdr *)(skb->data + h->l3);
	u32 len = skb->len - h->l4;

	if (h->v6) {
		ip6h->payload_len = htons(len);
		th->check = ~tcp_v6_check(len, &ip6h->saddr, &ip6h->daddr, 0);
		shinfo->gso_type = SKB_GSO_TCPV6;
	} else {
		iph->tot_len = htons(skb->len - h->l3);
		iph->check = 0;
		iph->check = ip_fast_csum(iph, iph->ihl);
		th->check = ~tcp_v4_check(len, iph->saddr, iph->daddr, 0);
		shinfo->gso_type = SKB_GSO_TCPV4;
	}
	shinfo->gso_size = gro->mss;
	shinfo->gso_segs = gro->segs;
	skb->csum_start = (unsigned char *)th - skb->head;
	skb->csum_offset = offsetof(struct tcphdr, check);
	skb->ip_summed = CHECKSUM_PARTIAL;
}

/* The packet is complete, if there is one. */
void dlo_gro_flush(struct dlo_rx *rx)
{
	struct dlo_rx_counters *stats = &rx->rxq->stats;
	struct dlo_gro gro = rx->gro;
	u32 bytes;

	if (!gro.skb)
		return;

	rx->gro.skb = NULL;
	dlo_part_release(&rx->rxq->mem);
	bytes = gro.skb->len + (gro.segs - 1) * gro.head.len;
	if (gro.segs > 1) {
		dlo_count_add(stats, DLO_RX_CSUM_UNNECESSARY, gro.segs - 1);
		if (gro.split)
			dlo_count_add(stats, DLO_RX_SPLIT, gro.segs - 1);
		dlo_count(stats, DLO_RX_GRO_PACKETS);
		dlo_count_add(stats, DLO_RX_GRO_BYTES, gro.skb->len);
		dlo_count_add(stats, DLO_RX_GRO_WIRE_PACKETS, gro.segs);
		dlo_count_add(stats, DLO_RX_GRO_WIRE_BYTES, bytes);
		dlo_gro_finish(&gro);
	}
	dlo_rx_deliver(rx, gro.skb, gro.segs, bytes);
}
