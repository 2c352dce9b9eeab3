// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames: where their headers are, how a sender's packet is cut into them, and
 * their checksums.
 */
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/gre.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/ipv6.h>

#include "devmem_lo.h"

/* Unaligned on purpose: an Ethernet header is 14 bytes. x86-64 and arm64 do not mind. */
static const void *dlo_at(const u8 *data, u32 len, u32 off, u32 size)
{
	return off + size <= len ? data + off : NULL;
}

static bool dlo_parse_l4(const u8 *data, u32 len, u32 off, u8 proto, struct dlo_head *h)
{
	const struct tcphdr *th;
	u32 size;

	h->proto = proto;
	if (proto == NEXTHDR_FRAGMENT || proto == NEXTHDR_NONE)
		return true;

	if (proto == IPPROTO_TCP) {
		th = dlo_at(data, len, off, sizeof(*th));
		if (!th || th->doff < sizeof(*th) / 4)
			return false;
		size = th->doff * 4;
	} else if (proto == IPPROTO_UDP) {
		size = sizeof(struct udphdr);
	} else {
		size = sizeof(__be32);	/* what a rule can look at */
	}
	if (!dlo_at(data, len, off, size))
		return false;

	h->l4_raw = off;
	if (proto == IPPROTO_TCP || proto == IPPROTO_UDP) {
		h->l4 = off;
		h->len = off + size;
	}
	return true;
}

static bool dlo_parse_ipv4(const u8 *data, u32 len, u32 off, struct dlo_head *h)
{
	const struct iphdr *iph = dlo_at(data, len, off, sizeof(*iph));

	if (!iph || iph->version != 4 || iph->ihl < 5 || !dlo_at(data, len, off, iph->ihl * 4))
		return false;

	h->l3 = off;
	h->len = off + iph->ihl * 4;
	h->proto = iph->protocol;
	if (ip_is_fragment(iph))
		return true;
	return dlo_parse_l4(data, len, h->len, iph->protocol, h);
}

static bool dlo_parse_ipv6(const u8 *data, u32 len, u32 off, struct dlo_head *h)
{
	const struct ipv6hdr *ip6h = dlo_at(data, len, off, sizeof(*ip6h));
	const struct ipv6_opt_hdr *opt;
	u8 next;

	if (!ip6h || ip6h->version != 6)
		return false;

	h->l3 = off;
	h->len = off + sizeof(*ip6h);
	h->v6 = true;
	for (next = ip6h->nexthdr;
	     next == NEXTHDR_HOP || next == NEXTHDR_ROUTING || next == NEXTHDR_DEST;
	     next = opt->nexthdr) {
		opt = dlo_at(data, len, h->len, sizeof(*opt));
		if (!opt || !dlo_at(data, len, h->len, ipv6_optlen(opt)))
			return false;
		h->len += ipv6_optlen(opt);
	}
	return dlo_parse_l4(data, len, h->len, next, h);
}

/* IP of either version at @off. False: neither, or @data ends within the headers. */
static bool dlo_parse_ip(const u8 *data, u32 len, u32 off, struct dlo_head *h)
{
	memset(h, 0, sizeof(*h));
	return dlo_parse_ipv4(data, len, off, h) || dlo_parse_ipv6(data, len, off, h);
}

/* False: @data ends within the headers. What was understood until there is in @h. */
bool dlo_parse(const u8 *data, u32 len, struct dlo_head *h)
{
	const struct vlan_hdr *vlan;
	__be16 proto;

	memset(h, 0, sizeof(*h));
	if (!dlo_at(data, len, 0, ETH_HLEN))
		return false;

	h->len = ETH_HLEN;
	proto = ((const struct ethhdr *)data)->h_proto;
	while (eth_type_vlan(proto)) {
		vlan = dlo_at(data, len, h->len, sizeof(*vlan));
		if (!vlan)
			return false;
		h->len += sizeof(*vlan);
		proto = vlan->h_vlan_encapsulated_proto;
	}

	if (proto == htons(ETH_P_IP))
		return dlo_parse_ipv4(data, len, h->len, h);
	if (proto == htons(ETH_P_IPV6))
		return dlo_parse_ipv6(data, len, h->len, h);
	return true;
}

/*
 * Parse a sender's packet. *@data is where its headers are: in the packet, or
 * in @copy of DLO_HEAD_MAX bytes if they are not in the linear part.
 */
void dlo_parse_skb(const struct sk_buff *skb, struct dlo_head *h, u8 *copy, const u8 **data)
{
	u32 len = min_t(u32, skb->len, DLO_HEAD_MAX);
	struct dlo_source src;

	*data = skb->data;
	if (dlo_parse(skb->data, min(skb_headlen(skb), len), h) || skb_headlen(skb) >= len)
		return;

	dlo_source_init(&src, skb);
	if (dlo_source_copy(&src, copy, len, NULL))
		return;
	dlo_parse(copy, len, h);
	*data = copy;
}

/* How long the headers of a packet are that is to be cut, a tunnel's among them. */
u32 dlo_gso_hlen(const struct sk_buff *skb)
{
	bool udp = skb_shinfo(skb)->gso_type & SKB_GSO_UDP_L4;

	if (skb->encapsulation)
		return udp ? skb_inner_transport_offset(skb) + sizeof(struct udphdr) :
			     skb_inner_tcp_all_headers(skb);
	return udp ? skb_transport_offset(skb) + sizeof(struct udphdr) :
		     skb_tcp_all_headers(skb);
}

static u32 dlo_csum_field(const struct sk_buff *skb)
{
	return skb_checksum_start_offset(skb) + skb->csum_offset;
}

static void dlo_head_shift(struct dlo_head *h, int by)
{
	h->len += by;
	if (h->l3)
		h->l3 += by;
	if (h->l4)
		h->l4 += by;
	if (h->l4_raw)
		h->l4_raw += by;
}

static void dlo_segment_shift(struct dlo_segmenter *s, int by)
{
	s->shift += by;
	s->hlen += by;
	dlo_head_shift(&s->head, by);
	dlo_head_shift(&s->inner, by);
}

/*
 * The frames of a packet have a VLAN tag if its headers do, or if the stack has
 * left it to the NIC; with @strip, receivers want it beside the packet. If both
 * leave it to the NIC it never gets into the headers.
 */
static void dlo_segment_vlan(struct dlo_segmenter *s, bool strip)
{
	struct vlan_ethhdr *veth = (struct vlan_ethhdr *)s->frame;

	s->vlan_tagged = skb_vlan_tag_present(s->skb);
	s->vlan_tci = skb_vlan_tag_get(s->skb);
	if (strip && !s->vlan_tagged && veth->h_vlan_proto == htons(ETH_P_8021Q) &&
	    s->head.len >= VLAN_ETH_HLEN) {
		s->vlan_tagged = true;
		s->vlan_tci = ntohs(veth->h_vlan_TCI);
		memmove(s->frame + 2 * ETH_ALEN, s->frame + 2 * ETH_ALEN + VLAN_HLEN,
			s->hlen - 2 * ETH_ALEN - VLAN_HLEN);
		dlo_segment_shift(s, -VLAN_HLEN);
	} else if (!strip && s->vlan_tagged) {
		s->vlan_tagged = false;
		memmove(s->frame + 2 * ETH_ALEN + VLAN_HLEN, s->frame + 2 * ETH_ALEN,
			s->hlen - 2 * ETH_ALEN);
		veth->h_vlan_proto = s->skb->vlan_proto;
		veth->h_vlan_TCI = htons(s->vlan_tci);
		dlo_segment_shift(s, VLAN_HLEN);
	}
}

/* Where the checksum of a transport header belongs; 0: it has none. */
static u16 dlo_check_off(const u8 *frame, const struct dlo_head *h)
{
	const u8 *l4 = frame + h->l4_raw;

	switch (h->proto) {
	case IPPROTO_TCP:
		return h->l4_raw + offsetof(struct tcphdr, check);
	case IPPROTO_UDP:
		if (!((const struct udphdr *)l4)->check)
			return 0;
		return h->l4_raw + offsetof(struct udphdr, check);
	case IPPROTO_GRE:
		if (!(((const struct gre_base_hdr *)l4)->flags & GRE_CSUM))
			return 0;
		return h->l4_raw + sizeof(struct gre_base_hdr);
	default:
		return 0;
	}
}

/*
 * The next layer, outwards. Where its checksum belongs the stack has left the
 * pseudo header's sum, and for GRE nothing of worth.
 */
static void dlo_segment_add_layer(struct dlo_segmenter *s, const struct dlo_head *h)
{
	struct dlo_layer *layer = &s->layers[s->n_layers++];
	u32 len = s->skb->len + s->shift - h->l4_raw;
	__sum16 *check;

	layer->l3 = h->l3;
	layer->l4 = h->l4_raw;
	layer->v6 = h->v6;
	layer->proto = h->proto;
	layer->id = ntohs(((const struct iphdr *)(s->frame + h->l3))->id);
	layer->check = dlo_check_off(s->frame, h);
	check = (__sum16 *)(s->frame + layer->check);
	if (h->proto == IPPROTO_GRE && layer->check)
		memset(check, 0, sizeof(__be32));
	else if (layer->check)
		layer->seed = csum_sub(csum_unfold(*check), (__force __wsum)htonl(len));
}

/*
 * A packet to be cut: what changes from frame to frame. False: its headers are
 * not where the stack says.
 */
static bool dlo_segment_layers(struct dlo_segmenter *s)
{
	struct dlo_head inner = s->head;
	bool tunnel = s->skb->encapsulation;
	int off;

	if (tunnel) {
		off = skb_inner_network_offset(s->skb) + s->shift;
		if (!s->head.l4_raw || off < s->head.len ||
		    !dlo_parse_ip(s->frame, s->hlen, off, &inner))
			return false;
		if (dlo_head_is_ip_tunnel(&s->head) && off == s->head.l4_raw)
			s->inner = inner;
	}
	if (!inner.l4 || inner.len != s->hlen)
		return false;

	if (dlo_head_is_tcp(&inner))
		s->tcp = *(const struct tcphdr *)(s->frame + inner.l4);
	s->n_layers = 0;
	dlo_segment_add_layer(s, &inner);
	if (tunnel)
		dlo_segment_add_layer(s, &s->head);
	return true;
}

/* @s->frame has @len bytes of a tunnel: if there is TCP inside, more of them are headers. */
static void dlo_segment_look_inside(struct dlo_segmenter *s, u32 len)
{
	struct dlo_head inner;

	if (!dlo_parse_ip(s->frame, len, s->head.l4_raw, &inner) || !dlo_head_is_tcp(&inner))
		return;
	s->inner = inner;
	s->hlen = max(s->hlen, inner.len);
}

/*
 * The first frame of @skb: its headers in @s->frame, sizes set. The headers
 * reach to the end of what was parsed, @head, or to that of TCP in a tunnel of IP
 * in IP, and over the checksum to be filled in. They may have changed since they
 * were parsed, where user space shares the memory; how long they are has not.
 */
int dlo_segment_first(struct dlo_segmenter *s, const struct sk_buff *skb,
		      const struct dlo_head *head, bool strip)
{
	bool inside = dlo_head_is_ip_tunnel(head) && !skb_is_gso(skb);
	u32 mss = skb_shinfo(skb)->gso_size;
	struct dlo_source src;
	u32 payload, len;

	s->skb = skb;
	s->sent = 0;
	s->shift = 0;
	s->head = *head;
	s->inner = *head;
	s->hlen = head->len;
	if (skb_is_gso(skb) && skb->encapsulation)
		s->hlen = dlo_gso_hlen(skb);
	else if (skb->ip_summed == CHECKSUM_PARTIAL)
		s->hlen = max_t(u32, s->hlen, dlo_csum_field(skb) + sizeof(__sum16));
	if (s->hlen < ETH_HLEN || s->hlen < head->len ||
	    s->hlen > min_t(u32, skb->len, DLO_HEAD_MAX))
		return -EINVAL;

	len = inside ? min_t(u32, skb->len, DLO_HEAD_MAX) : s->hlen;
	dlo_source_init(&src, skb);
	if (dlo_source_copy(&src, s->frame, len, NULL))
		return -EFAULT;
	if (inside)
		dlo_segment_look_inside(s, len);

	payload = skb->len - s->hlen;
	dlo_segment_vlan(s, strip);
	if (skb_is_gso(skb) && !dlo_segment_layers(s))
		return -EINVAL;
	s->payload = mss ? min(mss, payload) : payload;
	s->left = payload - s->payload;
	s->frames = 1;
	return 0;
}

/* The next frame of a packet to be cut; false: there is none. */
bool dlo_segment_next(struct dlo_segmenter *s)
{
	if (!s->left)
		return false;

	s->sent += s->payload;
	s->payload = min_t(u32, skb_shinfo(s->skb)->gso_size, s->left);
	s->left -= s->payload;
	s->frames = 1;
	return true;
}

/* How many frames the packet has, from the current one on. */
u32 dlo_segment_rest(const struct dlo_segmenter *s)
{
	return s->frames + (s->left ? DIV_ROUND_UP(s->left, skb_shinfo(s->skb)->gso_size) : 0);
}

/* The current frame of a TSO packet, and those after it, become a run of up to @frames. */
void dlo_segment_extend(struct dlo_segmenter *s, u32 frames)
{
	u32 mss = skb_shinfo(s->skb)->gso_size;
	u32 more = min((frames - 1) * mss, s->left);

	s->payload += more;
	s->left -= more;
	s->frames = DIV_ROUND_UP(s->payload, mss);
}

/* Bytes from the IP header on, as it says. */
static u32 dlo_ip_len(const u8 *frame, const struct dlo_head *h)
{
	if (h->v6)
		return ntohs(((const struct ipv6hdr *)(frame + h->l3))->payload_len) +
		       sizeof(struct ipv6hdr);
	return ntohs(((const struct iphdr *)(frame + h->l3))->tot_len);
}

/* What differs in the headers of a layer between the frames of one packet; this is the @n-th. */
static void dlo_layer_ip(struct dlo_segmenter *s, const struct dlo_layer *layer, unsigned int n)
{
	u8 *hdr = s->frame + layer->l3;
	u32 len = s->hlen - layer->l3 + s->payload;
	struct iphdr *iph;

	if (layer->v6) {
		((struct ipv6hdr *)hdr)->payload_len = htons(len - sizeof(struct ipv6hdr));
		return;
	}

	iph = (struct iphdr *)hdr;
	iph->tot_len = htons(len);
	iph->id = htons(layer->id + n);
	iph->check = 0;
	iph->check = ip_fast_csum(iph, (layer->l4 - layer->l3) / 4);
}

/* One's complement sum of the pseudo header of a frame, folded and inverted. */
static __sum16 dlo_pseudo(const u8 *frame, const struct dlo_head *h, u32 l4_len, __wsum sum)
{
	const struct ipv6hdr *ip6h = (const struct ipv6hdr *)(frame + h->l3);
	const struct iphdr *iph = (const struct iphdr *)(frame + h->l3);

	if (h->v6)
		return csum_ipv6_magic(&ip6h->saddr, &ip6h->daddr, l4_len, h->proto, sum);
	return csum_tcpudp_magic(iph->saddr, iph->daddr, l4_len, h->proto, sum);
}

static void dlo_layer_udp(struct dlo_segmenter *s, const struct dlo_layer *layer)
{
	struct udphdr *uh = (struct udphdr *)(s->frame + layer->l4);

	uh->len = htons(s->hlen - layer->l4 + s->payload);
	uh->check = 0;
}

static void dlo_layer_tcp(struct dlo_segmenter *s, const struct dlo_layer *layer)
{
	struct tcphdr *th = (struct tcphdr *)(s->frame + layer->l4);

	th->seq = htonl(ntohl(s->tcp.seq) + s->sent);
	th->cwr = s->sent ? 0 : s->tcp.cwr;
	th->fin = s->left ? 0 : s->tcp.fin;
	th->psh = s->left ? 0 : s->tcp.psh;
}

/* Write the headers of the current frame, but for the checksum of its payload. */
void dlo_segment_headers(struct dlo_segmenter *s)
{
	const struct dlo_layer *layer;
	unsigned int n;

	if (!skb_is_gso(s->skb))
		return;

	n = s->sent / skb_shinfo(s->skb)->gso_size;
	for (layer = s->layers; layer < s->layers + s->n_layers; layer++) {
		dlo_layer_ip(s, layer, n);
		if (layer->proto == IPPROTO_TCP)
			dlo_layer_tcp(s, layer);
		else if (layer->proto == IPPROTO_UDP)
			dlo_layer_udp(s, layer);
	}
}

/* tcp_flag_word() of the current frame, whether its headers were written or not. */
__be32 dlo_segment_tcp_flags(const struct dlo_segmenter *s)
{
	if (!skb_is_gso(s->skb))
		return tcp_flag_word((const struct tcphdr *)(s->frame + s->inner.l4));
	return tcp_flag_word(&s->tcp) & ~(s->left ? TCP_FLAG_FIN | TCP_FLAG_PSH : 0);
}

static bool dlo_segment_fills(const struct dlo_segmenter *s, const struct dlo_head *h)
{
	return dlo_ip_len(s->frame, h) == s->hlen + s->payload - h->l3;
}

/*
 * Is the current frame TCP, header and payload and nothing else, or that in an IP
 * tunnel? Padding is no payload.
 */
bool dlo_segment_is_exact(const struct dlo_segmenter *s)
{
	return dlo_head_is_tcp(&s->inner) && s->hlen == s->inner.len &&
	       (skb_is_gso(s->skb) ||
		(dlo_segment_fills(s, &s->inner) &&
		 (!dlo_segment_in_tunnel(s) || dlo_segment_fills(s, &s->head))));
}

/* The checksum of a layer, over all that follows: the layers inside have theirs already. */
static void dlo_layer_checksum(struct dlo_segmenter *s, const struct dlo_layer *layer,
			       __wsum payload)
{
	__sum16 *check = (__sum16 *)(s->frame + layer->check);
	u32 hlen = s->hlen - layer->l4;
	__wsum sum;

	if (!layer->check)
		return;

	*check = 0;
	sum = csum_partial(s->frame + layer->l4, hlen, 0);
	sum = csum_block_add(sum, payload, hlen);
	if (layer->proto != IPPROTO_GRE) {
		sum = csum_add(sum, layer->seed);
		sum = csum_add(sum, (__force __wsum)htonl(hlen + s->payload));
	}
	*check = csum_fold(sum);
	if (!*check && layer->proto == IPPROTO_UDP)
		*check = CSUM_MANGLED_0;
}

/*
 * Finish the headers of the current frame: its payload was read and sums up to
 * @payload. Unless it was cut, the stack has put the pseudo header's sum where
 * the checksum belongs.
 */
void dlo_segment_checksum(struct dlo_segmenter *s, __wsum payload)
{
	const struct sk_buff *skb = s->skb;
	const struct dlo_layer *layer;
	__sum16 *check;
	__wsum sum;
	u32 start;

	if (skb_is_gso(skb)) {
		for (layer = s->layers; layer < s->layers + s->n_layers; layer++)
			dlo_layer_checksum(s, layer, payload);
		return;
	}
	if (skb->ip_summed != CHECKSUM_PARTIAL)
		return;

	start = skb_checksum_start_offset(skb) + s->shift;
	check = (__sum16 *)(s->frame + dlo_csum_field(skb) + s->shift);
	sum = csum_partial(s->frame + start, s->hlen - start, 0);
	sum = csum_block_add(sum, payload, s->hlen - start);
	*check = csum_fold(sum) ?: CSUM_MANGLED_0;
}

/*
 * Verify the checksum of the current frame, as it has arrived, in a tunnel of IP
 * in IP the one inside: its payload sums up to @payload, and if the frame is
 * padded, the padding with it: that is left to the stack. True: right. False: not
 * verified, and if *@bad, wrong.
 */
bool dlo_frame_verify(const struct dlo_segmenter *s, __wsum payload, bool *bad)
{
	const struct dlo_head *h = &s->inner;
	u32 len = s->hlen + s->payload;
	u32 l4_hlen = s->hlen - h->l4;
	__wsum l4;

	*bad = false;
	if (!h->l4 || dlo_ip_len(s->frame, h) < len - h->l3)
		return false;
	if (h->proto == IPPROTO_UDP &&
	    !((const struct udphdr *)(s->frame + h->l4))->check)
		return false;

	l4 = csum_block_add(csum_partial(s->frame + h->l4, l4_hlen, 0), payload, l4_hlen);
	*bad = dlo_ip_len(s->frame, h) != len - h->l3 ||
	       dlo_pseudo(s->frame, h, len - h->l4, l4);
	return !*bad;
}
