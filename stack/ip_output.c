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
#include "lwip/prot/ip6.h"
#include "stack/gso.h"
#include "stack/ip_output_internal.h"

#define FRAGMENT_HEADER 8u /* RFC 8200 4.5 */
#define HEADERS_MAX     (DST_LINK_HEADER + IP6_HEADER + FRAGMENT_HEADER + IP_OUTPUT_L4_MAX)

_Static_assert(HEADERS_MAX <= NIF_HEADER_MAX + FRAGMENT_HEADER, "devices take as long a header");

/* Where the checksum stands: RFC 9293 3.1, RFC 768. */
static unsigned checksum_offset(uint8_t proto)
{
	return proto == IP_PROTO_TCP ? 16 : 6;
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

void ip_write_checksum(
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
	if (!stack_may_send_from(st, &dst->source)) /* RFC 2131 4.4.5: it may be somebody else's */
		return drop(st, DROP_NO_ROUTE);
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
enum drop_reason ip_output_unresolved(
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
		ip_write_ip4(packet, ip, (uint16_t)(IP4_HEADER + f->length), field);
		return DST_LINK_HEADER + IP4_HEADER;
	}
	ip_write_ip6(packet, ip, IP6_NEXTH_FRAGMENT, FRAGMENT_HEADER + f->length);
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
	return ip_send(st, packet->dst, &frame, 1);
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
	ip_write_checksum(packet, &whole, l4_total);
	for (; f.offset < l4_total && reason == DROP_NONE; f.offset += f.length) {
		uint32_t left = l4_total - f.offset;
		f.more = left > room;
		f.length = f.more ? room : left;
		reason = send_fragment(st, packet, &f);
	}
	return reason;
}

/* The packet */

enum drop_reason ip_output_long(struct stack *st, const struct ip_packet *packet, uint32_t l4_total)
{
	if (packet->dont_fragment || packet->gso_size != 0 || !ip_is_lawful(packet, l4_total) ||
		packet->l4_length > IP_OUTPUT_L4_MAX)
		return drop(st, DROP_TX_TOO_LONG);
	return send_in_fragments(st, packet, l4_total);
}

enum drop_reason ip_output(struct stack *st, const struct ip_packet *packet)
{
	return ip_output_inline(st, packet);
}
