/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The way out of a packet that fits, in one piece with what makes it: for stack/ip_output.c, and for
 * stack/tcp/tcp_output.c, which sends every segment with payload by it.
 *
 * What a caller knows when it is compiled (the protocol, a length) is no longer looked at here, and
 * the packet need not lie in memory: what is rare takes a copy of it.
 */
#ifndef RWS_IP_OUTPUT_INTERNAL_H
#define RWS_IP_OUTPUT_INTERNAL_H

#include <string.h>

#include "lwip/prot/ip.h"
#include "stack/base/apart.h"
#include "stack/base/bytes.h"
#include "stack/base/checksum.h"
#include "stack/dst_internal.h"
#include "stack/ip_output.h"
#include "stack/nif_internal.h"
#include "stack/stack_internal.h"

#define IP4_HEADER 20u
#define IP6_HEADER 40u

_Static_assert(IP_OUTPUT_ROOM >= DST_LINK_HEADER + IP6_HEADER, "both headers fit");

/* RFC 791 3.1, in the first half of the third word. */
enum { IP4_DF = 0x4000, IP4_MF = 0x2000 };

/* What is rare: stack/ip_output.c. */

/* What is longer than the path MTU and no super-segment. */
__attribute__((cold)) enum drop_reason ip_output_long(
	struct stack *st, const struct ip_packet *packet, uint32_t l4_total);

/* While the next hop is not known. */
__attribute__((cold)) enum drop_reason ip_output_unresolved(
	struct stack *st, const struct dst *dst, const struct nif_frame *frame);

/* RFC 9293 3.1, RFC 768, RFC 8200 8.1: over the pseudo header, the header and the payload. */
void ip_write_checksum(
	const struct ip_packet *packet, const struct nif_frame *frame, uint32_t l4_total);

/* Headers */

/* RFC 791 3.1. field: identification, flags and offset, in 32 bits. */
INLINE void ip_write_ip4(
	const struct ip_packet *packet, uint8_t *ip, uint16_t total, uint32_t field)
{
	uint32_t source = ip_2_ip4(packet->local)->addr, remote = ip_2_ip4(packet->remote)->addr;
	be32_put(ip, (uint32_t)0x45 << 24 | (uint32_t)packet->tos << 16 | total);
	be32_put(ip + 4, field);
	be32_put(ip + 8, (uint32_t)packet->ttl << 24 | (uint32_t)packet->proto << 16);
	memcpy(ip + 12, &source, 4);
	memcpy(ip + 16, &remote, 4);
	if ((packet->dst->nif->config.tx_offloads & NIF_TX_IP_CHECKSUM) == 0) {
		uint16_t checksum = checksum_finish(checksum_ip4_header(ip));
		memcpy(ip + 10, &checksum, 2);
	}
}

/*
 * RFC 8200 3. The flow label is that of the ports, by a key of the destination's (RFC 6437 3): the
 * same for all packets of a connection, and not to be guessed from another one.
 */
INLINE void ip_write_ip6(
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
INLINE uint8_t *ip_write_headers(const struct ip_packet *packet, uint32_t l4_total, bool ip6)
{
	struct dst *dst = packet->dst;
	uint8_t *ip = packet->l4 - (ip6 ? IP6_HEADER : IP4_HEADER);
	/* With two bytes more, which the IP header then covers. */
	memcpy(ip - DST_LINK_HEADER, dst->link_header, DST_LINK_COPY);
	if (ip6) {
		ip_write_ip6(packet, ip, packet->proto, l4_total);
	} else {
		bool split = dst->may_split && dst_may_split(dst);
		ip_write_ip4(packet, ip, (uint16_t)(IP4_HEADER + l4_total),
			dst->ident << 16 | (packet->dont_fragment && !split ? IP4_DF : 0));
	}
	return ip - DST_LINK_HEADER;
}

/* The packet */

/* A copy in memory. By field, or the compiler keeps each of them there for it all the way. */
INLINE struct ip_packet ip_packet_copy(const struct ip_packet *packet)
{
	return (struct ip_packet){
		.dst = packet->dst,
		.local = packet->local,
		.remote = packet->remote,
		.l4 = packet->l4,
		.l4_length = packet->l4_length,
		.proto = packet->proto,
		.tos = packet->tos,
		.ttl = packet->ttl,
		.dont_fragment = packet->dont_fragment,
		.gso_size = packet->gso_size,
		.payload = packet->payload,
		.offset = packet->offset,
		.length = packet->length,
	};
}

INLINE bool ip_device_sums(const struct ip_packet *packet)
{
	uint16_t wanted = packet->proto == IP_PROTO_TCP ? NIF_TX_TCP_CHECKSUM : NIF_TX_UDP_CHECKSUM;
	return (packet->dst->nif->config.tx_offloads & wanted) != 0;
}

/* RFC 791 3.1 counts the header, RFC 8200 3 does not. */
INLINE bool ip_is_lawful(const struct ip_packet *packet, uint32_t l4_total)
{
	return l4_total <= UINT16_MAX - (packet->dst->ip6 ? 0 : IP4_HEADER);
}

/* Whether a super-segment may go: each of its segments fits, and the whole into IP's length. */
INLINE bool ip_may_be_cut(const struct ip_packet *packet, uint32_t l3)
{
	uint32_t headers = l3 + packet->l4_length;
	uint32_t part = packet->length < packet->gso_size ? packet->length : packet->gso_size;
	return headers + part <= packet->dst->mtu &&
		ip_is_lawful(packet, packet->l4_length + packet->length);
}

INLINE enum drop_reason ip_send(
	struct stack *st, struct dst *dst, const struct nif_frame *frame, unsigned segments)
{
	if (__builtin_expect(dst->resolved, 1))
		return nif_send(dst->nif, frame, segments);
	return ip_output_unresolved(st, dst, frame);
}

/* ip6: dst->ip6, known when this is compiled. */
INLINE enum drop_reason ip_output_as(struct stack *st, const struct ip_packet *packet, bool ip6)
{
	struct dst *dst = packet->dst;
	uint32_t l3 = ip6 ? IP6_HEADER : IP4_HEADER;
	uint32_t l4_total = packet->l4_length + packet->length;
	if (l3 + l4_total > dst->mtu && (packet->gso_size == 0 || !ip_may_be_cut(packet, l3))) {
		struct ip_packet copy = ip_packet_copy(packet);
		return ip_output_long(st, &copy, l4_total);
	}

	struct nif_frame frame = {
		.header = ip_write_headers(packet, l4_total, ip6),
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
	if (packet->gso_size == 0 && !ip_device_sums(packet)) {
		struct ip_packet copy = ip_packet_copy(packet);
		ip_write_checksum(&copy, &frame, l4_total);
	}
	return ip_send(st, dst, &frame, segments);
}

/* ip_output. */
INLINE enum drop_reason ip_output_inline(struct stack *st, const struct ip_packet *packet)
{
	struct dst *dst = packet->dst;
	if (dst->generation != st->dsts.generation || st->now_ms >= dst->check_ms)
		dst_refresh(st, dst);
	return dst->ip6 ? ip_output_as(st, packet, true) : ip_output_as(st, packet, false);
}

#endif
