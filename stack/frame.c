/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/frame.h"

#include <string.h>

#include "stack/base/bytes.h"

/* Enough for Ethernet, IPv6, a hop-by-hop header of 8 bytes and the type of an ICMPv6 message. */
#define PEEK 64u

/* Offsets from the start of the frame. */
enum {
	ETHERTYPE = 12,
	ARP_OPERATION = FRAME_HEADER + 6,
	ARP_SENDER_IP = FRAME_HEADER + 14,
	ARP_TARGET_IP = FRAME_HEADER + 24,
	ARP_END = FRAME_HEADER + 28,
	IP4_FRAGMENT = FRAME_HEADER + 6,
	IP4_PROTOCOL = FRAME_HEADER + 9,
	IP4_END = FRAME_HEADER + 20,
	IP6_NEXT_HEADER = FRAME_HEADER + 6,
	IP6_SOURCE = FRAME_HEADER + 8,
	IP6_PAYLOAD = FRAME_HEADER + 40,
};

enum { TYPE_IP4 = 0x0800, TYPE_ARP = 0x0806, TYPE_IP6 = 0x86dd };
enum { PROTO_HOP_BY_HOP = 0, PROTO_IGMP = 2, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ICMP6 = 58 };
enum { ICMP6_MLD_FIRST = 130, ICMP6_MLD_LAST = 132, ICMP6_MLD2_REPORT = 143 };
enum { ICMP6_RS = 133, ICMP6_NS = 135, ICMP6_NA = 136 };

/* The first bytes of a frame, zeros behind its end. */
struct peek {
	uint8_t byte[PEEK];
	uint16_t length;
};

static struct peek peek(const struct pbuf *p)
{
	struct peek peek = {.length = 0};
	peek.length = pbuf_copy_partial(p, peek.byte, PEEK, 0);
	return peek;
}

static uint16_t ethertype(const struct peek *frame)
{
	return be16_get(&frame->byte[ETHERTYPE]);
}

unsigned frame_shortest(const struct pbuf *p)
{
	uint8_t bytes[2] = {0};
	pbuf_copy_partial(p, bytes, sizeof(bytes), ETHERTYPE);
	switch (be16_get(bytes)) {
	case TYPE_ARP:
		return ARP_END;
	case TYPE_IP4:
		return IP4_END;
	case TYPE_IP6:
		return IP6_PAYLOAD;
	default:
		return 0;
	}
}

bool frame_is_whole(const struct pbuf *p)
{
	struct peek frame = peek(p);
	if (ethertype(&frame) == TYPE_IP4) /* RFC 791 3.1: neither offset nor More Fragments */
		return (be16_get(&frame.byte[IP4_FRAGMENT]) & 0x3fff) == 0;
	uint8_t next = frame.byte[IP6_NEXT_HEADER];
	return ethertype(&frame) == TYPE_IP6 && (next == PROTO_TCP || next == PROTO_UDP);
}

bool frame_tells_of_neighbours(const struct pbuf *p)
{
	struct peek frame = peek(p);
	uint8_t next = frame.byte[IP6_NEXT_HEADER];
	return ethertype(&frame) == TYPE_ARP ||
		(ethertype(&frame) == TYPE_IP6 && next != PROTO_TCP && next != PROTO_UDP);
}

static bool all_zero(const uint8_t *bytes, size_t length)
{
	static const uint8_t zero[16];
	return memcmp(bytes, zero, length) == 0;
}

/* RFC 5227: a reply, a probe (sender 0.0.0.0) or an announcement (sender asks for itself). */
static bool arp_is_announcement(const struct peek *frame)
{
	const uint8_t *sender = &frame->byte[ARP_SENDER_IP], *target = &frame->byte[ARP_TARGET_IP];
	return be16_get(&frame->byte[ARP_OPERATION]) != 1 || all_zero(sender, 4) ||
		memcmp(sender, target, 4) == 0;
}

static bool icmp6_is_announcement(const struct peek *frame, uint8_t type)
{
	if (type == ICMP6_NS) /* RFC 4862 5.4.2: asked from the unspecified address */
		return all_zero(&frame->byte[IP6_SOURCE], 16);
	return type == ICMP6_RS || type == ICMP6_NA || type == ICMP6_MLD2_REPORT ||
		(type >= ICMP6_MLD_FIRST && type <= ICMP6_MLD_LAST);
}

static bool ip6_is_announcement(const struct peek *frame)
{
	const uint8_t *payload = &frame->byte[IP6_PAYLOAD];
	if (frame->byte[IP6_NEXT_HEADER] == PROTO_ICMP6)
		return icmp6_is_announcement(frame, payload[0]);
	/* RFC 2710 3: MLD comes behind a router alert, 8 bytes. */
	return frame->byte[IP6_NEXT_HEADER] == PROTO_HOP_BY_HOP && payload[0] == PROTO_ICMP6 &&
		payload[1] == 0 && icmp6_is_announcement(frame, payload[8]);
}

bool frame_is_announcement(const struct pbuf *p)
{
	struct peek frame = peek(p);
	switch (ethertype(&frame)) {
	case TYPE_ARP:
		return arp_is_announcement(&frame);
	case TYPE_IP4:
		return frame.byte[IP4_PROTOCOL] == PROTO_IGMP;
	case TYPE_IP6:
		return ip6_is_announcement(&frame);
	default:
		return false;
	}
}
