/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 * -------------------
 * The transport leaves room before its header, in which the IP and link headers are written here;
 * with its own they are the header of a struct nif_frame, and the payload follows by reference.
 * Nothing is allocated and no payload is touched, unless the device makes no checksums.
 *
 * A packet that is longer than the path MTU leaves in fragments, each with a header of its own and
 * its part of the payload, by reference again. While the next hop's address is not known, a copy
 * goes to lwIP's ARP or ND, which keep it until they have the answer.
 */
#include "stack/ip_output.h"

#include <string.h>

#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/prot/ip.h"
#include "lwip/prot/ip6.h"
#include "stack/base/apart.h"
#include "stack/base/bytes.h"
#include "stack/base/checksum.h"
#include "stack/dst_internal.h"
#include "stack/gso.h"
#include "stack/nif_internal.h"
#include "stack/stack_internal.h"

#define IP4_HEADER      20u
#define IP6_HEADER      40u
#define FRAGMENT_HEADER 8u /* RFC 8200 4.5 */
#define HEADERS_MAX     (DST_LINK_HEADER + IP6_HEADER + FRAGMENT_HEADER + IP_OUTPUT_L4_MAX)

_Static_assert(IP_OUTPUT_ROOM >= DST_LINK_HEADER + IP6_HEADER, "both headers fit");
_Static_assert(HEADERS_MAX <= NIF_HEADER_MAX + FRAGMENT_HEADER, "devices take as long a header");

/* RFC 791 3.1, in the first half of the third word. */
enum { IP4_DF = 0x4000, IP4_MF = 0x2000 };

/* Where the checksum stands: RFC 9293 3.1, RFC 768. */
static unsigned checksum_offset(uint8_t proto)
{
	return proto == IP_PROTO_TCP ? 16 : 6;
}

/* Headers */

/* RFC 791 3.1. field: identification, flags and offset, in 32 bits. */
INLINE void write_ip4(const struct ip_packet *packet, uint8_t *ip, uint16_t total, uint32_t field)
{
	uint32_t source = ip_2_ip4(packet->local)->addr, remote = ip_2_ip4(packet->remote)->addr;
	uint16_t checksum = 0;
	be32_put(ip, (uint32_t)0x45 << 24 | (uint32_t)packet->tos << 16 | total);
	be32_put(ip + 4, field);
	be32_put(ip + 8, (uint32_t)packet->ttl << 24 | (uint32_t)packet->proto << 16);
	memcpy(ip + 12, &source, 4);
	memcpy(ip + 16, &remote, 4);
	if ((packet->dst->nif->config.tx_offloads & NIF_TX_IP_CHECKSUM) == 0) {
		checksum = checksum_finish(checksum_ip4_header(ip));
		memcpy(ip + 10, &checksum, 2);
	}
}

/*
 * RFC 8200 3. The flow label is that of the ports, by a key of the destination's (RFC 6437 3): the
 * same for all packets of a connection, and not to be guessed from another one.
 */
INLINE void write_ip6(
	const struct ip_packet *packet, uint8_t *ip, uint8_t next_header, uint32_t payload)
{
	uint64_t ports = be32_get(packet->l4);
	uint32_t label = (uint32_t)(ports * packet->dst->label_key >> 12) & 0xfffff;
	be32_put(ip, (uint32_t)6 << 28 | (uint32_t)packet->tos << 20 | label);
	be32_put(ip + 4, payload << 16 | (uint32_t)next_header << 8 | packet->ttl);
	memcpy(ip + 8, ip_2_ip6(packet->local)->addr, 16);
	memcpy(ip + 24, ip_2_ip6(packet->remote)->addr, 16);
}

/* Link and IP header right before l4; returns where they begin. */
INLINE uint8_t *write_headers(const struct ip_packet *packet, uint32_t l4_total, bool ip6)
{
	struct dst *dst = packet->dst;
	uint8_t *ip = packet->l4 - (ip6 ? IP6_HEADER : IP4_HEADER);
	/* With two bytes more, which the IP header then covers. */
	memcpy(ip - DST_LINK_HEADER, dst->link_header, DST_LINK_COPY);
	if (ip6) {
		write_ip6(packet, ip, packet->proto, l4_total);
	} else {
		bool split = dst->may_split && dst_may_split(dst);
		write_ip4(packet, ip, (uint16_t)(IP4_HEADER + l4_total),
			dst->ident << 16 | (packet->dont_fragment && !split ? IP4_DF : 0));
	}
	return ip - DST_LINK_HEADER;
}

/* Checksum */

static uint32_t pseudo_sum(const struct ip_packet *packet, uint32_t l4_total)
{
	if (packet->dst->ip6)
		return checksum_pseudo_v6((const uint8_t *)ip_2_ip6(packet->local)->addr,
			(const uint8_t *)ip_2_ip6(packet->remote)->addr, packet->proto, l4_total);
	return checksum_pseudo_v4(ip_2_ip4(packet->local)->addr, ip_2_ip4(packet->remote)->addr,
		packet->proto, (uint16_t)l4_total);
}

/* RFC 9293 3.1, RFC 768, RFC 8200 8.1: over the pseudo header, the header and the payload. */
static void write_checksum(
	const struct ip_packet *packet, const struct nif_frame *frame, uint32_t l4_total)
{
	uint32_t sum = pseudo_sum(packet, l4_total);
	sum = checksum_add(sum, packet->l4, packet->l4_length);
	sum = checksum_combine(sum, nif_frame_payload_sum(frame), packet->l4_length & 1);
	uint16_t checksum = checksum_finish(sum);
	/* RFC 768: a UDP checksum of zero would say that there is none. */
	if (checksum == 0 && packet->proto == IP_PROTO_UDP)
		checksum = 0xffff;
	memcpy(packet->l4 + checksum_offset(packet->proto), &checksum, sizeof(checksum));
}

static bool device_sums(const struct ip_packet *packet)
{
	uint16_t wanted = packet->proto == IP_PROTO_TCP ? NIF_TX_TCP_CHECKSUM : NIF_TX_UDP_CHECKSUM;
	return (packet->dst->nif->config.tx_offloads & wanted) != 0;
}

/* Through lwIP, while the next hop is not known */

static enum drop_reason drop(struct stack *st, enum drop_reason reason)
{
	stack_count_drop(st, reason);
	return reason;
}

static err_t output_through_lwip(const struct dst *dst, struct pbuf *p)
{
	struct netif *netif = &dst->nif->netif;
	if (dst->ip6)
		return netif->output_ip6 != NULL
			? netif->output_ip6(netif, p, ip_2_ip6(&dst->remote))
			: ERR_RTE;
	return netif->output(netif, p, ip_2_ip4(&dst->remote));
}

static enum drop_reason queue_one(
	struct stack *st, const struct dst *dst, const struct nif_frame *frame)
{
	uint32_t length = frame->header_length + frame->length - DST_LINK_HEADER;
	if (!netif_is_link_up(&dst->nif->netif))
		return drop(st, DROP_LINK_DOWN);
	struct pbuf *p = pbuf_alloc(PBUF_LINK, (uint16_t)length, PBUF_RAM);
	if (p == NULL)
		return drop(st, DROP_NO_MEMORY);
	enum drop_reason reason = DROP_NONE;
	if (nif_frame_copy(frame, DST_LINK_HEADER, p->payload, length) == length) {
		err_t err = output_through_lwip(dst, p);
		if (err != ERR_OK)
			reason = drop(st, err == ERR_RTE ? DROP_NO_ROUTE : DROP_NO_MEMORY);
	} else {
		reason = drop(st, DROP_FRAME_SHORT);
	}
	pbuf_free(p);
	return reason;
}

/*
 * lwIP has room for the longest super-segment; what it gives up, the oldest for what is new or all
 * when no answer comes, it counts (DROP_NO_NEIGHBOUR). A super-segment is taken when its first
 * segment is: others that there is no memory for are lost, and counted, as they could be on the
 * way. TCP would send all of it once more if it were told.
 */
SELDOM enum drop_reason queue_in_lwip(
	struct stack *st, const struct dst *dst, const struct nif_frame *frame)
{
	if (frame->gso_size == 0)
		return queue_one(st, dst, frame);
	struct gso gso;
	gso_start(&gso, frame, dst->nif->config.tx_offloads);
	gso_next(&gso);
	enum drop_reason reason = queue_one(st, dst, &gso.segment);
	while (reason == DROP_NONE && gso_next(&gso))
		(void)queue_one(st, dst, &gso.segment);
	return reason;
}

INLINE enum drop_reason send(
	struct stack *st, struct dst *dst, const struct nif_frame *frame, unsigned segments)
{
	if (__builtin_expect(dst->resolved, 1))
		return nif_send(dst->nif, frame, segments);
	return queue_in_lwip(st, dst, frame);
}

/* Fragments */

/* One fragment while it is made. */
struct fragment {
	uint32_t offset; /* bytes of the transport packet before it */
	uint32_t length; /* bytes of the transport packet in it */
	uint32_t ident;
	bool more;
	uint8_t header[HEADERS_MAX];
};

/* RFC 791 3.2: every fragment but the last is a multiple of 8 bytes. */
static uint32_t fragment_room(const struct dst *dst)
{
	uint32_t headers = dst->ip6 ? IP6_HEADER + FRAGMENT_HEADER : IP4_HEADER;
	return (dst_mtu(dst) - headers) & ~7u;
}

/* Headers up to the transport's; returns their length. */
static unsigned write_fragment_headers(const struct ip_packet *packet, struct fragment *f)
{
	uint8_t *ip = f->header + DST_LINK_HEADER;
	memcpy(f->header, packet->dst->link_header, DST_LINK_HEADER);
	if (!packet->dst->ip6) {
		uint32_t field = f->ident << 16 | (f->more ? (uint32_t)IP4_MF : 0) | f->offset / 8;
		write_ip4(packet, ip, (uint16_t)(IP4_HEADER + f->length), field);
		return DST_LINK_HEADER + IP4_HEADER;
	}
	write_ip6(packet, ip, IP6_NEXTH_FRAGMENT, FRAGMENT_HEADER + f->length);
	/* RFC 8200 4.5: next header, reserved, offset and the flag M, identification. */
	be32_put(ip + IP6_HEADER, (uint32_t)packet->proto << 24 | f->offset | f->more);
	be32_put(ip + IP6_HEADER + 4, f->ident);
	return DST_LINK_HEADER + IP6_HEADER + FRAGMENT_HEADER;
}

/* The first one has the transport header behind the others, and so less of the payload. */
static enum drop_reason send_fragment(
	struct stack *st, const struct ip_packet *packet, struct fragment *f)
{
	unsigned length = write_fragment_headers(packet, f);
	uint32_t l4 = packet->l4_length, before = f->offset > 0 ? f->offset - l4 : 0;
	if (f->offset == 0) {
		memcpy(f->header + length, packet->l4, l4);
		length += l4;
	}
	struct nif_frame frame = {
		.header = f->header,
		.header_length = (uint16_t)length,
		.l2_length = DST_LINK_HEADER,
		.l3_length = packet->dst->ip6 ? IP6_HEADER + FRAGMENT_HEADER : IP4_HEADER,
		.payload = packet->payload,
		.offset = packet->offset + before,
		.length = f->length - (f->offset == 0 ? l4 : 0),
	};
	return send(st, packet->dst, &frame, 1);
}

/* RFC 791 3.2, RFC 8200 4.5. No device sums over fragments: the checksum is made here. */
static enum drop_reason send_in_fragments(
	struct stack *st, const struct ip_packet *packet, uint32_t l4_total)
{
	struct nif_frame whole = {
		.payload = packet->payload, .offset = packet->offset, .length = packet->length};
	uint32_t room = fragment_room(packet->dst);
	struct fragment f = {.ident = packet->dst->ident++};
	enum drop_reason reason = DROP_NONE;
	write_checksum(packet, &whole, l4_total);
	for (; f.offset < l4_total && reason == DROP_NONE; f.offset += f.length) {
		uint32_t left = l4_total - f.offset;
		f.more = left > room;
		f.length = f.more ? room : left;
		reason = send_fragment(st, packet, &f);
	}
	return reason;
}

/* The packet */

/* RFC 791 3.1 counts the header, RFC 8200 3 does not. */
static bool is_lawful(const struct ip_packet *packet, uint32_t l4_total)
{
	return l4_total <= UINT16_MAX - (packet->dst->ip6 ? 0 : IP4_HEADER);
}

/* Whether a super-segment may go: each of its segments fits, and the whole into IP's length. */
static bool may_be_cut(const struct ip_packet *packet, uint32_t l3)
{
	uint32_t headers = l3 + packet->l4_length;
	uint32_t part = packet->length < packet->gso_size ? packet->length : packet->gso_size;
	return headers + part <= packet->dst->mtu &&
		is_lawful(packet, packet->l4_length + packet->length);
}

/* What is longer than the path MTU and no super-segment. */
SELDOM enum drop_reason output_long(
	struct stack *st, const struct ip_packet *packet, uint32_t l4_total)
{
	if (packet->dont_fragment || packet->gso_size != 0 || !is_lawful(packet, l4_total) ||
		packet->l4_length > IP_OUTPUT_L4_MAX)
		return drop(st, DROP_TX_TOO_LONG);
	return send_in_fragments(st, packet, l4_total);
}

/* ip6: dst->ip6, known when this is compiled. */
INLINE enum drop_reason output(struct stack *st, const struct ip_packet *packet, bool ip6)
{
	struct dst *dst = packet->dst;
	uint32_t l3 = ip6 ? IP6_HEADER : IP4_HEADER;
	uint32_t l4_total = packet->l4_length + packet->length;
	if (l3 + l4_total > dst->mtu && (packet->gso_size == 0 || !may_be_cut(packet, l3)))
		return output_long(st, packet, l4_total);

	struct nif_frame frame = {
		.header = write_headers(packet, l4_total, ip6),
		.header_length = (uint16_t)(DST_LINK_HEADER + l3 + packet->l4_length),
		.gso_size = packet->gso_size,
		.l2_length = DST_LINK_HEADER,
		.l3_length = (uint8_t)l3,
		.l4_length = (uint8_t)packet->l4_length,
		.l4_protocol = packet->proto,
		.payload = packet->payload,
		.offset = packet->offset,
		.length = packet->length,
	};
	unsigned segments = nif_frame_segments(&frame);
	dst->ident += segments;
	if (packet->gso_size == 0 && !device_sums(packet))
		write_checksum(packet, &frame, l4_total);
	return send(st, dst, &frame, segments);
}

enum drop_reason ip_output(struct stack *st, const struct ip_packet *packet)
{
	struct dst *dst = packet->dst;
	if (dst->generation != st->dsts.generation || st->now_ms >= dst->check_ms)
		dst_refresh(st, dst);
	return dst->ip6 ? output(st, packet, true) : output(st, packet, false);
}
