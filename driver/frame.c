/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver/frame.h"

#include <netinet/in.h>
#include <string.h>

#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd

#define IPV4_HEADER 20u
#define IPV6_HEADER 40u
#define TCP_HEADER  20u
#define UDP_HEADER  8u

static unsigned be16_at(const uint8_t *bytes)
{
	return (unsigned)bytes[0] << 8 | bytes[1];
}

static void parse_l4(
	const uint8_t *l4, unsigned length, uint8_t protocol, struct frame_layout *layout)
{
	unsigned need = 0;

	if (protocol == IPPROTO_UDP)
		need = UDP_HEADER;
	else if (protocol == IPPROTO_TCP && length >= TCP_HEADER)
		need = (unsigned)(l4[12] >> 4) * 4;
	if (need < UDP_HEADER || need > length || (protocol == IPPROTO_TCP && need < TCP_HEADER))
		return;
	layout->l4_protocol = protocol;
	layout->l4_len = (uint16_t)need;
}

/* RFC 791 3.1 */
static void parse_ipv4(
	const uint8_t *ip, unsigned length, unsigned rest, struct frame_layout *layout)
{
	if (length < IPV4_HEADER || ip[0] >> 4 != 4)
		return;
	unsigned header = (unsigned)(ip[0] & 0xf) * 4;
	unsigned total = be16_at(ip + 2);
	if (header < IPV4_HEADER || header > length || total < header || total > rest)
		return;

	layout->network = FRAME_IPV4;
	layout->l3_len = (uint16_t)header;
	layout->ip_len = total;
	layout->fragment = (be16_at(ip + 6) & 0x3fff) != 0; /* MF or an offset */
	unsigned l4_length = (length < total ? length : total) - header;
	if (!layout->fragment)
		parse_l4(ip + header, l4_length, ip[9], layout);
}

/* RFC 8200 3; extension headers are left alone, no device of ours sends TCP or UDP behind them. */
static void parse_ipv6(
	const uint8_t *ip, unsigned length, unsigned rest, struct frame_layout *layout)
{
	if (length < IPV6_HEADER || ip[0] >> 4 != 6)
		return;
	unsigned total = IPV6_HEADER + be16_at(ip + 4);
	if (total > rest)
		return;

	layout->network = FRAME_IPV6;
	layout->l3_len = IPV6_HEADER;
	layout->ip_len = total;
	layout->fragment = ip[6] == IPPROTO_FRAGMENT;
	unsigned l4_length = (length < total ? length : total) - IPV6_HEADER;
	if (!layout->fragment)
		parse_l4(ip + IPV6_HEADER, l4_length, ip[6], layout);
}

void frame_parse(
	const uint8_t *bytes, unsigned length, unsigned frame_length, struct frame_layout *layout)
{
	memset(layout, 0, sizeof(*layout));
	if (length < FRAME_HEADER_MIN || frame_length < length)
		return;

	unsigned l2 = FRAME_HEADER_MIN;
	unsigned type = be16_at(bytes + 12);
	if (type == ETHERTYPE_VLAN && length >= l2 + FRAME_VLAN) {
		type = be16_at(bytes + 16);
		l2 += FRAME_VLAN;
	}
	layout->l2_len = (uint16_t)l2;
	if (type == ETHERTYPE_IPV4)
		parse_ipv4(bytes + l2, length - l2, frame_length - l2, layout);
	else if (type == ETHERTYPE_IPV6)
		parse_ipv6(bytes + l2, length - l2, frame_length - l2, layout);
}

bool frame_flow(const uint8_t *bytes, const struct frame_layout *layout, struct frame_flow *flow)
{
	if (layout->network == FRAME_OTHER)
		return false;

	const uint8_t *ip = bytes + layout->l2_len;
	flow->address_size = layout->network == FRAME_IPV4 ? 4 : 16;
	flow->source = ip + (layout->network == FRAME_IPV4 ? 12 : 8);
	flow->destination = flow->source + flow->address_size;
	flow->ports = layout->l4_protocol != 0 ? ip + layout->l3_len : NULL;
	return true;
}
