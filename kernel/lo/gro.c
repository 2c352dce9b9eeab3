// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hardware GRO: consecutive frames of a TCP connection become one packet that
 * can be cut into the very same frames again, so that it may be forwarded.
 *
 * A queue has a table of packets that grow, one of a connection at most. Such a
 * packet ends when a frame of its connection comes that does not continue it,
 * or must be its last; when the queue has received all there was, is not polled
 * at once for more, or was DLO_GRO_POLLS times; when its place is needed for a
 * younger one; and when a frame finds no buffer. So frames of one connection
 * stay in order, and of what ends together the oldest goes first.
 *
 * What may not be merged is what the stack's own GRO would not merge, and a few
 * more: frames in tunnels other than IP in IP. All that is here is the queue's
 * NAPI's, but for dlo_gro_detach().
 */
#include <linux/hash.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/unaligned.h>
#include <net/busy_poll.h>
#include <net/ip6_checksum.h>
#include <net/tcp.h>

#include "devmem_lo.h"

#define DLO_GRO_POLLS		16	/* of at least a budget of frames each */
#define DLO_GRO_FLAGS_LAST	(TCP_FLAG_FIN | TCP_FLAG_PSH)
#define DLO_GRO_FLAGS_NEVER	(TCP_FLAG_URG | TCP_FLAG_RST | TCP_FLAG_SYN |	\
				 (DLO_GSO_ACCECN ? 0 : TCP_FLAG_CWR))

static const struct iphdr *dlo_gro_iph(const u8 *frame, const struct dlo_head *h)
{
	return (const struct iphdr *)(frame + h->l3);
}

static const struct ipv6hdr *dlo_gro_ip6h(const u8 *frame, const struct dlo_head *h)
{
	return (const struct ipv6hdr *)(frame + h->l3);
}

static const struct tcphdr *dlo_gro_th(const u8 *frame, const struct dlo_head *h)
{
	return (const struct tcphdr *)(frame + h->l4);
}

/* --- The table ---------------------------------------------------------- */

void dlo_gro_init(struct dlo_rxq *rxq)
{
	struct dlo_gro_table *table = &rxq->gro;
	unsigned int i;

	INIT_LIST_HEAD(&table->growing);
	INIT_LIST_HEAD(&table->unused);
	for (i = 0; i < DLO_GRO_CONTEXTS; i++)
		list_add_tail(&table->contexts[i].list, &table->unused);
}

static struct dlo_gro *dlo_gro_oldest(struct dlo_gro_table *table)
{
	return list_first_entry_or_null(&table->growing, struct dlo_gro, list);
}

/* Of the connection: of its addresses as far as they tend to differ, and its ports. */
static u32 dlo_gro_hash(const u8 *frame, const struct dlo_head *h)
{
	u32 ports = get_unaligned((const u32 *)(frame + h->l4));
	const struct ipv6hdr *ip6h = dlo_gro_ip6h(frame, h);
	const struct iphdr *iph = dlo_gro_iph(frame, h);

	if (h->v6)
		return hash_32((__force u32)ip6h->saddr.s6_addr32[3] ^
			       (__force u32)ip6h->daddr.s6_addr32[3] ^ ports, 32);
	return hash_32((__force u32)iph->saddr ^ (__force u32)iph->daddr ^ ports, 32);
}

static struct hlist_head *dlo_gro_bucket(struct dlo_gro_table *table, u32 hash)
{
	return &table->buckets[hash >> (32 - DLO_GRO_BITS)];
}

/* Is the frame of the connection of @gro? */
static bool dlo_gro_same_flow(const struct dlo_gro *gro, const struct dlo_segmenter *seg)
{
	const struct dlo_head *ha = &gro->inner, *hb = &seg->inner;
	const u8 *a = gro->skb->data, *b = seg->frame;

	if (ha->v6 != hb->v6 || memcmp(a + ha->l4, b + hb->l4, 2 * sizeof(__be16)))
		return false;
	if (ha->v6)
		return !memcmp(&dlo_gro_ip6h(a, ha)->saddr, &dlo_gro_ip6h(b, hb)->saddr,
			       2 * sizeof(struct in6_addr));
	return !memcmp(&dlo_gro_iph(a, ha)->saddr, &dlo_gro_iph(b, hb)->saddr, 2 * sizeof(__be32));
}

/* Of a frame in which no TCP was found: a fragment, and what is too deep inside. */
static bool dlo_gro_may_be_tcp(const struct dlo_segmenter *seg)
{
	return seg->head.l3 && (!seg->head.l4_raw || dlo_head_is_ip_tunnel(&seg->head));
}

/*
 * The growing packet of the current frame's connection, or NULL. A frame that
 * may be of any connection, being a fragment for one, lets all packets go first.
 */
struct dlo_gro *dlo_gro_find(struct dlo_rx *rx)
{
	const struct dlo_segmenter *seg = &rx->seg;
	struct dlo_gro_table *table = &rx->rxq->gro;
	struct dlo_gro *gro;
	u32 hash;

	if (list_empty(&table->growing))
		return NULL;
	if (!dlo_head_is_tcp(&seg->inner)) {
		if (dlo_gro_may_be_tcp(seg))
			dlo_gro_flush_all(rx);
		return NULL;
	}

	hash = dlo_gro_hash(seg->frame, &seg->inner);
	hlist_for_each_entry(gro, dlo_gro_bucket(table, hash), bucket)
		if (gro->hash == hash && dlo_gro_same_flow(gro, seg))
			return gro;
	return NULL;
}

/* --- What may be merged ------------------------------------------------- */

/* The headers of a layer, up to @end: right, and without IPv4 options. */
static bool dlo_gro_layer_suits(const u8 *frame, const struct dlo_head *h, u16 end)
{
	return h->v6 || (end - h->l3 == sizeof(struct iphdr) &&
			 !ip_fast_csum(frame + h->l3, sizeof(struct iphdr) / 4));
}

/*
 * May the frame be merged with others, going by its headers? Faults are for
 * single frames; with split on, nothing of a tunnel goes where only what was
 * split belongs.
 */
static bool dlo_gro_suits(const struct dlo_rx *rx)
{
	const struct dlo_segmenter *seg = &rx->seg;
	const struct dlo_head *inner = &seg->inner;
	__be32 flags;

	if (!(rx->priv->dev->features & NETIF_F_GRO_HW) || dlo_faults_in(rx->rxq) ||
	    !seg->payload || !dlo_segment_is_exact(seg) ||
	    !dlo_gro_layer_suits(seg->frame, inner, inner->l4))
		return false;
	if (dlo_segment_in_tunnel(seg) &&
	    (dlo_hds_on(rx->priv) || !dlo_gro_layer_suits(seg->frame, &seg->head, inner->l3)))
		return false;

	flags = tcp_flag_word(dlo_gro_th(seg->frame, inner));
	return (flags & (TCP_FLAG_ACK | DLO_GRO_FLAGS_NEVER)) == TCP_FLAG_ACK;
}

/* What cuts a packet in whose layer @n all identifications are the same; 0: nothing does. */
static u32 dlo_gro_fixed_type(const struct dlo_gro *gro, unsigned int n)
{
	const struct dlo_head *h = n == DLO_GRO_OUTER ? &gro->head : &gro->inner;

	return dlo_gso_fixed_id(gro->inner.l3 != gro->head.l3, n == DLO_GRO_OUTER,
				dlo_gro_iph(gro->skb->data, h)->frag_off & htons(IP_DF));
}

/* Identifications count frames, or are all the same: the second frame decides. */
static bool dlo_gro_id_continues(const struct dlo_gro *gro, unsigned int n, u16 id)
{
	u16 step = id - gro->ip_id[n];

	if (gro->segs > 1)
		return step == !gro->fixed[n];
	return step == 1 || (!step && dlo_gro_fixed_type(gro, n));
}

/* Does layer @n, whose headers reach from @h->l3 to @end, continue that of the growing packet? */
static bool dlo_gro_layer_continues(const struct dlo_gro *gro, const u8 *frame,
				    const struct dlo_head *h, u16 end, unsigned int n)
{
	const struct ipv6hdr *a6 = dlo_gro_ip6h(gro->skb->data, h), *b6 = dlo_gro_ip6h(frame, h);
	const struct iphdr *a4 = dlo_gro_iph(gro->skb->data, h), *b4 = dlo_gro_iph(frame, h);

	if (h->v6)
		return !memcmp(a6, b6, offsetof(struct ipv6hdr, payload_len)) &&
		       !memcmp(&a6->nexthdr, &b6->nexthdr,
			       end - h->l3 - offsetof(struct ipv6hdr, nexthdr));
	return a4->tos == b4->tos && a4->frag_off == b4->frag_off && a4->ttl == b4->ttl &&
	       a4->saddr == b4->saddr && a4->daddr == b4->daddr &&
	       dlo_gro_id_continues(gro, n, ntohs(b4->id));
}

static bool dlo_gro_tcp_continues(const struct dlo_gro *gro, const struct dlo_segmenter *seg)
{
	const struct tcphdr *ta = dlo_gro_th(gro->skb->data, &seg->inner);
	const struct tcphdr *tb = dlo_gro_th(seg->frame, &seg->inner);

	return ntohl(tb->seq) == gro->seq && ta->ack_seq == tb->ack_seq &&
	       !((tcp_flag_word(ta) ^ tcp_flag_word(tb)) & ~DLO_GRO_FLAGS_LAST) &&
	       !memcmp(ta + 1, tb + 1, seg->hlen - seg->inner.l4 - sizeof(*ta));
}

static bool dlo_gro_same_vlan(const struct sk_buff *skb, const struct dlo_segmenter *seg)
{
	return seg->vlan_tagged == skb_vlan_tag_present(skb) &&
	       (!seg->vlan_tagged || seg->vlan_tci == skb_vlan_tag_get(skb));
}

/* The open buffer that @gro goes on in. */
struct dlo_part *dlo_gro_part(const struct dlo_rx *rx, struct dlo_gro *gro)
{
	return rx->rxq->mem.packed ? &rx->rxq->mem.part : &gro->part;
}

/* How much may be added to @gro. */
static u32 dlo_gro_room(const struct dlo_rx *rx, struct dlo_gro *gro)
{
	const struct dlo_part *part = dlo_gro_part(rx, gro);
	const struct sk_buff *skb = gro->skb;
	u32 frags = MAX_SKB_FRAGS - skb_shinfo(skb)->nr_frags;

	if (part->buf && !dlo_part_continues(part, skb)) {
		if (!frags)
			return 0;
		frags--;
	}
	return min(U16_MAX - (skb->len - gro->head.l3),
		   dlo_part_room(&rx->rxq->mem, part, frags));
}

/*
 * How many frames, from the current one on, follow another of the same packet
 * that is already part of the growing one, rx->gro? Their headers need not be
 * looked at, and what they bring can land at once. There are buffers posted for
 * all of them, as far as there are for the first: a dry pool drops single frames.
 */
u32 dlo_gro_following(struct dlo_rx *rx)
{
	const struct dlo_segmenter *seg = &rx->seg;
	struct dlo_rxq_mem *mem = &rx->rxq->mem;
	struct dlo_gro *gro = rx->gro;
	u32 len = seg->payload + seg->left;
	u32 room, posted;

	if (!gro)
		return 0;

	room = dlo_gro_room(rx, gro);
	if (seg->payload > room)
		return 0;
	posted = dlo_rxq_posted(mem, min(len, room) / mem->buf_size + 1);
	room = min(room, dlo_part_room(mem, dlo_gro_part(rx, gro), posted));
	return len <= room ? DIV_ROUND_UP(len, gro->mss) : max(room / gro->mss, 1);
}

/* Does the current frame, whose headers are complete, continue the packet of its connection? */
bool dlo_gro_continues(const struct dlo_rx *rx, struct dlo_gro *gro)
{
	const struct dlo_head *head = &gro->head, *inner = &gro->inner;
	const struct dlo_segmenter *seg = &rx->seg;

	return seg->payload <= gro->mss && seg->payload <= dlo_gro_room(rx, gro) &&
	       gro->split == dlo_hds_on(rx->priv) &&
	       dlo_gro_suits(rx) && dlo_gro_same_vlan(gro->skb, seg) &&
	       !memcmp(head, &seg->head, sizeof(*head)) &&
	       !memcmp(inner, &seg->inner, sizeof(*inner)) &&
	       !memcmp(gro->skb->data, seg->frame, head->l3) &&
	       (!dlo_segment_in_tunnel(seg) ||
		dlo_gro_layer_continues(gro, seg->frame, head, inner->l3, DLO_GRO_OUTER)) &&
	       dlo_gro_layer_continues(gro, seg->frame, inner, inner->l4, DLO_GRO_OWN) &&
	       dlo_gro_tcp_continues(gro, seg);
}

/* May the current frame be the first of a growing packet? With split on, only what is split. */
bool dlo_gro_may_begin(const struct dlo_rx *rx, bool split)
{
	const struct dlo_segmenter *seg = &rx->seg;

	return dlo_gro_suits(rx) && split == dlo_hds_on(rx->priv) &&
	       !(tcp_flag_word(dlo_gro_th(seg->frame, &seg->inner)) & DLO_GRO_FLAGS_LAST);
}

/* --- Growing ------------------------------------------------------------ */

static void dlo_gro_set_id(struct dlo_gro *gro, const u8 *frame, const struct dlo_head *h,
			   unsigned int n)
{
	u16 id;

	if (h->v6)
		return;
	id = ntohs(dlo_gro_iph(frame, h)->id);
	gro->fixed[n] = gro->segs && id == gro->ip_id[n];
	gro->ip_id[n] = id;
}

/*
 * The current frame, whose headers are complete, has become part of @gro. Do the
 * others of the same packet follow it unseen? Not if they differ from it in CWR,
 * nor if identifications do not count frames.
 */
static void dlo_gro_add_headers(struct dlo_rx *rx, struct dlo_gro *gro)
{
	const struct dlo_segmenter *seg = &rx->seg;
	__be32 flags = tcp_flag_word(dlo_gro_th(seg->frame, &seg->inner));

	dlo_gro_set_id(gro, seg->frame, &seg->inner, DLO_GRO_OWN);
	if (dlo_segment_in_tunnel(seg))
		dlo_gro_set_id(gro, seg->frame, &seg->head, DLO_GRO_OUTER);
	rx->gro = flags & TCP_FLAG_CWR || gro->fixed[DLO_GRO_OWN] || gro->fixed[DLO_GRO_OUTER] ?
		  NULL : gro;
}

/* @skb is the current frame, and may grow. It takes the oldest one's place if there is no other. */
struct dlo_gro *dlo_gro_begin(struct dlo_rx *rx, struct sk_buff *skb, bool split)
{
	const struct dlo_segmenter *seg = &rx->seg;
	struct dlo_gro_table *table = &rx->rxq->gro;
	struct dlo_gro *gro;

	if (list_empty(&table->unused))
		dlo_gro_flush(rx, dlo_gro_oldest(table));
	gro = list_first_entry(&table->unused, struct dlo_gro, list);

	gro->hash = dlo_gro_hash(seg->frame, &seg->inner);
	gro->skb = skb;
	gro->head = seg->head;
	gro->inner = seg->inner;
	gro->split = split;
	gro->fixed[DLO_GRO_OUTER] = false;
	gro->fixed[DLO_GRO_OWN] = false;
	gro->segs = 0;
	gro->mss = seg->payload;
	gro->seq = ntohl(dlo_gro_th(seg->frame, &seg->inner)->seq) + seg->payload;
	gro->born = table->polls;
	dlo_gro_add_headers(rx, gro);
	gro->segs = 1;

	list_move_tail(&gro->list, &table->growing);
	hlist_add_head(&gro->bucket, dlo_gro_bucket(table, gro->hash));
	return gro;
}

/*
 * What is current has become part of the packet, as one that was looked at or
 * that follows such a one. A short frame, and one that says so, ends it.
 */
void dlo_gro_advance(struct dlo_rx *rx, struct dlo_gro *gro, bool follows)
{
	const struct dlo_segmenter *seg = &rx->seg;
	struct tcphdr *th;
	__be32 last;

	if (follows) {
		gro->ip_id[DLO_GRO_OWN] += seg->frames;
		gro->ip_id[DLO_GRO_OUTER] += seg->frames;
	} else {
		dlo_gro_add_headers(rx, gro);
	}
	gro->seq += seg->payload;
	gro->segs += seg->frames;

	last = dlo_segment_tcp_flags(seg) & DLO_GRO_FLAGS_LAST;
	if (!last && seg->payload == seg->frames * gro->mss)
		return;
	th = (struct tcphdr *)(gro->skb->data + gro->inner.l4);
	tcp_flag_word(th) |= last;
	dlo_gro_flush(rx, gro);
}

/* --- The end ------------------------------------------------------------ */

static void dlo_gro_finish_layer(struct sk_buff *skb, const struct dlo_head *h)
{
	struct ipv6hdr *ip6h = (struct ipv6hdr *)(skb->data + h->l3);
	struct iphdr *iph = (struct iphdr *)(skb->data + h->l3);

	if (h->v6) {
		ip6h->payload_len = htons(skb->len - h->l3 - sizeof(*ip6h));
	} else {
		iph->tot_len = htons(skb->len - h->l3);
		iph->check = 0;
		iph->check = ip_fast_csum(iph, iph->ihl);
	}
}

/* What the stack has to know of a tunnel; returns what it is to be cut by. */
static u32 dlo_gro_finish_tunnel(const struct dlo_gro *gro)
{
	const struct dlo_head *inner = &gro->inner;
	struct sk_buff *skb = gro->skb;

	dlo_gro_finish_layer(skb, &gro->head);
	skb->encapsulation = 1;
	skb_set_inner_protocol(skb, htons(inner->v6 ? ETH_P_IPV6 : ETH_P_IP));
	skb_set_inner_mac_header(skb, inner->l3);
	skb_set_inner_network_header(skb, inner->l3);
	skb_set_inner_transport_header(skb, inner->l4);
	return (gro->head.v6 ? SKB_GSO_IPXIP6 : SKB_GSO_IPXIP4) |
	       (gro->fixed[DLO_GRO_OUTER] ? dlo_gro_fixed_type(gro, DLO_GRO_OUTER) : 0);
}

/* The headers of the whole, and what is to be known to cut it again. */
static void dlo_gro_finish(const struct dlo_gro *gro)
{
	const struct dlo_head *h = &gro->inner;
	struct sk_buff *skb = gro->skb;
	const struct ipv6hdr *ip6h = dlo_gro_ip6h(skb->data, h);
	const struct iphdr *iph = dlo_gro_iph(skb->data, h);
	struct tcphdr *th = (struct tcphdr *)(skb->data + h->l4);
	u32 type = h->v6 ? SKB_GSO_TCPV6 : SKB_GSO_TCPV4;
	u32 len = skb->len - h->l4;

	dlo_gro_finish_layer(skb, h);
	if (h->v6)
		th->check = ~tcp_v6_check(len, &ip6h->saddr, &ip6h->daddr, 0);
	else
		th->check = ~tcp_v4_check(len, iph->saddr, iph->daddr, 0);
	if (gro->fixed[DLO_GRO_OWN])
		type |= dlo_gro_fixed_type(gro, DLO_GRO_OWN);
	if (h->l3 != gro->head.l3)
		type |= dlo_gro_finish_tunnel(gro);
	if (th->cwr)
		type |= DLO_GSO_ACCECN;

	skb_shinfo(skb)->gso_type = type;
	skb_shinfo(skb)->gso_size = gro->mss;
	skb_shinfo(skb)->gso_segs = gro->segs;
	skb_set_transport_header(skb, gro->head.l4_raw);
	skb->csum_start = (unsigned char *)th - skb->head;
	skb->csum_offset = offsetof(struct tcphdr, check);
	skb->ip_summed = CHECKSUM_PARTIAL;
}

/* The packet is complete, counted, and the caller's. */
static struct sk_buff *dlo_gro_end(struct dlo_priv *priv, struct dlo_rxq *rxq, struct dlo_gro *gro)
{
	struct dlo_rx_counters *stats = &rxq->stats;
	struct sk_buff *skb = gro->skb;
	u32 bytes;

	hlist_del(&gro->bucket);
	list_move(&gro->list, &rxq->gro.unused);
	dlo_part_close(&rxq->mem, &gro->part);
	bytes = skb->len + (gro->segs - 1) * gro->inner.len;
	if (gro->segs > 1) {
		dlo_count_add(stats, DLO_RX_CSUM_UNNECESSARY, gro->segs - 1);
		if (gro->split)
			dlo_count_add(stats, DLO_RX_SPLIT, gro->segs - 1);
		dlo_count(stats, DLO_RX_GRO_PACKETS);
		dlo_count_add(stats, DLO_RX_GRO_BYTES, skb->len);
		dlo_count_add(stats, DLO_RX_GRO_WIRE_PACKETS, gro->segs);
		dlo_count_add(stats, DLO_RX_GRO_WIRE_BYTES, bytes);
		dlo_gro_finish(gro);
	}
	dlo_rx_account(priv, rxq, skb, gro->segs, bytes);
	return skb;
}

void dlo_gro_flush(struct dlo_rx *rx, struct dlo_gro *gro)
{
	if (rx->gro == gro)
		rx->gro = NULL;
	dlo_rx_pass(rx, dlo_gro_end(rx->priv, rx->rxq, gro));
}

void dlo_gro_flush_all(struct dlo_rx *rx)
{
	struct dlo_gro *gro;

	while ((gro = dlo_gro_oldest(&rx->rxq->gro)))
		dlo_gro_flush(rx, gro);
}

/* Does a poll that leaves something to receive have another right behind it? */
static bool dlo_gro_polls_on(struct napi_struct *napi)
{
	return !napi_disable_pending(napi) &&
	       (!napi_prefer_busy_poll(napi) ||
		test_bit(NAPI_STATE_IN_BUSY_POLL, &napi->state));
}

/*
 * A poll ends. With @more to receive there may be another at once, and packets go
 * on growing until then, but none for long: frames can come for ever.
 */
void dlo_gro_polled(struct dlo_rx *rx, bool more)
{
	struct dlo_gro_table *table = &rx->rxq->gro;
	struct dlo_gro *gro;

	if (!more || !dlo_gro_polls_on(rx->napi)) {
		dlo_gro_flush_all(rx);
		return;
	}
	table->polls++;
	while ((gro = dlo_gro_oldest(table)) && table->polls - gro->born >= DLO_GRO_POLLS)
		dlo_gro_flush(rx, gro);
}

/*
 * The NAPI was disabled between two polls, and may be deleted before there is
 * another: what grew goes up now, around the stack's GRO, which would keep it.
 */
void dlo_gro_detach(struct dlo_priv *priv, struct dlo_rxq *rxq)
{
	struct napi_struct *napi = &priv->vectors[rxq - priv->rxqs].napi;
	struct sk_buff *skb;
	struct dlo_gro *gro;

	local_bh_disable();
	while ((gro = dlo_gro_oldest(&rxq->gro))) {
		skb = dlo_gro_end(priv, rxq, gro);
		skb_mark_napi_id(skb, napi);
		netif_receive_skb(skb);
	}
	local_bh_enable();
}
