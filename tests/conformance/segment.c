/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/conformance/segment.h"

#include <string.h>

#define ETHERNET      14u
#define IPV4_HEADER   20u
#define IPV6_HEADER   40u
#define TCP_HEADER    20u
#define PROTO_ICMP    1u
#define PROTO_TCP     6u
#define PROTO_ICMPV6  58u
#define ETHERTYPE_IP4 0x0800u
#define ETHERTYPE_ARP 0x0806u
#define ETHERTYPE_IP6 0x86ddu

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

uint8_t stream_byte(uint32_t relative_seq)
{
	return (uint8_t)((relative_seq * 2654435761u) >> 13);
}

/* Checksums: RFC 1071, RFC 9293 3.1, RFC 8200 8.1 */

static uint32_t sum_bytes(uint32_t sum, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i + 1 < length; i += 2)
		sum += get16(bytes + i);
	if (length & 1)
		sum += (uint32_t)bytes[length - 1] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static size_t address_length(const struct ends *ends)
{
	return ends->ipv6 ? 16 : 4;
}

/* Over the pseudo header and the upper layer: 0 when a checksum in it is right. */
static uint16_t upper_checksum(
	const struct ends *ends, uint8_t proto, const uint8_t *upper, size_t length)
{
	uint32_t sum = proto + (uint32_t)length;
	for (unsigned i = 0; i < 2; i++)
		sum = sum_bytes(sum, ends->address[i], address_length(ends));
	return fold(sum_bytes(sum, upper, length));
}

/* Writing */

/* What IP is told of a packet. */
struct ip_fields {
	uint8_t proto, tos;
	const uint8_t *options;
	uint8_t options_length;
};

static size_t put_ip4(const struct ends *ends, unsigned from, const struct ip_fields *fields,
	uint8_t *ip, size_t upper)
{
	size_t header = IPV4_HEADER + fields->options_length;
	memset(ip, 0, IPV4_HEADER);
	ip[0] = (uint8_t)(0x40 | header / 4);
	ip[1] = fields->tos;
	put16(ip + 2, (uint32_t)(header + upper));
	put16(ip + 6, 0x4000);
	ip[8] = 64;
	ip[9] = fields->proto;
	memcpy(ip + 12, ends->address[from], 4);
	memcpy(ip + 16, ends->address[1 - from], 4);
	if (fields->options_length > 0)
		memcpy(ip + IPV4_HEADER, fields->options, fields->options_length);
	put16(ip + 10, fold(sum_bytes(0, ip, header)));
	return header;
}

static size_t put_ip6(const struct ends *ends, unsigned from, const struct ip_fields *fields,
	uint8_t *ip, size_t upper)
{
	memset(ip, 0, IPV6_HEADER);
	ip[0] = (uint8_t)(0x60 | fields->tos >> 4);
	ip[1] = (uint8_t)(fields->tos << 4);
	put16(ip + 4, (uint32_t)upper);
	ip[6] = fields->proto;
	ip[7] = 64;
	memcpy(ip + 8, ends->address[from], 16);
	memcpy(ip + 24, ends->address[1 - from], 16);
	return IPV6_HEADER;
}

/* Ethernet and IP in front of `upper` bytes; returns where those begin. */
static size_t put_headers(const struct ends *ends, unsigned from, const struct ip_fields *fields,
	size_t upper, uint8_t *frame)
{
	memcpy(frame, ends->mac[1 - from], 6);
	memcpy(frame + 6, ends->mac[from], 6);
	put16(frame + 12, ends->ipv6 ? ETHERTYPE_IP6 : ETHERTYPE_IP4);
	return ETHERNET +
		(ends->ipv6 ? put_ip6(ends, from, fields, frame + ETHERNET, upper)
			    : put_ip4(ends, from, fields, frame + ETHERNET, upper));
}

void segment_add_option(
	struct segment *segment, uint8_t kind, const void *value, size_t value_length)
{
	bool has_length = kind != OPTION_END && kind != OPTION_NOP;
	size_t need = has_length ? 2 + value_length : 1;
	if (segment->options_length + need > SEGMENT_OPTIONS_MAX)
		return;
	uint8_t *at = segment->options + segment->options_length;
	at[0] = kind;
	if (has_length)
		at[1] = (uint8_t)need;
	if (value_length > 0)
		memcpy(at + 2, value, value_length);
	segment->options_length = (uint8_t)(segment->options_length + need);
}

size_t segment_build(
	const struct segment *segment, const struct ends *ends, unsigned from, uint8_t *frame)
{
	size_t options = (segment->options_length + 3u) & ~3u;
	size_t header = TCP_HEADER + options;
	size_t upper = header + segment->payload_length;
	const struct ip_fields fields = {
		.proto = PROTO_TCP,
		.tos = (uint8_t)(segment->dscp << 2 | segment->ecn),
		.options = segment->ip_options,
		.options_length = segment->ip_options_length,
	};
	size_t at = put_headers(ends, from, &fields, upper, frame);
	uint8_t *tcp = frame + at;
	memset(tcp, 0, header);
	put16(tcp, segment->port[0]);
	put16(tcp + 2, segment->port[1]);
	put32(tcp + 4, segment->seq);
	put32(tcp + 8, segment->ack);
	uint8_t words = segment->data_offset ? segment->data_offset : (uint8_t)(header / 4);
	tcp[12] = (uint8_t)(words << 4 | segment->reserved);
	tcp[13] = segment->flags;
	put16(tcp + 14, segment->window);
	put16(tcp + 18, segment->urgent);
	memcpy(tcp + TCP_HEADER, segment->options, segment->options_length);
	if (segment->payload_length > 0)
		memcpy(tcp + header, segment->payload, segment->payload_length);
	uint16_t checksum = upper_checksum(ends, PROTO_TCP, tcp, upper);
	put16(tcp + 16, segment->bad_checksum ? checksum ^ 0x5555u : checksum);
	return at + upper;
}

size_t icmp_build(const struct ends *ends, uint8_t type, uint8_t code, uint32_t value,
	const uint8_t *quoted, size_t quoted_length, uint8_t *frame)
{
	size_t upper = 8 + quoted_length;
	uint8_t proto = ends->ipv6 ? PROTO_ICMPV6 : PROTO_ICMP;
	size_t at = put_headers(ends, 1, &(struct ip_fields){.proto = proto}, upper, frame);
	uint8_t *icmp = frame + at;
	memset(icmp, 0, 8);
	icmp[0] = type;
	icmp[1] = code;
	put32(icmp + 4, value);
	memcpy(icmp + 8, quoted, quoted_length);
	put16(icmp + 2,
		ends->ipv6 ? upper_checksum(ends, proto, icmp, upper)
			   : fold(sum_bytes(0, icmp, upper)));
	return at + upper;
}

/* Reading */

static const char *read_ip4(struct segment *segment, const struct ends *ends, unsigned from,
	const uint8_t *ip, size_t length)
{
	if (length < IPV4_HEADER || ip[0] != 0x45)
		return "IPv4 header is not one of 20 bytes";
	if (get16(ip + 2) != length)
		return "IPv4 total length is not that of the frame";
	if (fold(sum_bytes(0, ip, IPV4_HEADER)) != 0)
		return "bad IPv4 header checksum";
	if (memcmp(ip + 12, ends->address[from], 4) != 0 ||
		memcmp(ip + 16, ends->address[1 - from], 4) != 0)
		return "IPv4 addresses are not those of the case";
	if (get16(ip + 6) & 0xbfff)
		return "IPv4 fragment";
	segment->dont_fragment = (ip[6] & 0x40) != 0;
	segment->ecn = ip[1] & 3;
	segment->dscp = ip[1] >> 2;
	segment->ttl = ip[8];
	return NULL;
}

static const char *read_ip6(struct segment *segment, const struct ends *ends, unsigned from,
	const uint8_t *ip, size_t length)
{
	if (length < IPV6_HEADER || ip[0] >> 4 != 6)
		return "IPv6 header is too short";
	if (get16(ip + 4) + IPV6_HEADER != length)
		return "IPv6 payload length is not that of the frame";
	if (memcmp(ip + 8, ends->address[from], 16) != 0 ||
		memcmp(ip + 24, ends->address[1 - from], 16) != 0)
		return "IPv6 addresses are not those of the case";
	segment->dont_fragment = true;
	segment->ecn = ip[1] >> 4 & 3;
	segment->dscp = (uint8_t)((ip[0] << 4 | ip[1] >> 4) & 0xff) >> 2;
	segment->ttl = ip[7];
	return NULL;
}

static const char *read_sack(struct segment *segment, const uint8_t *value, size_t length)
{
	if (length == 0 || length % 8 != 0 || length / 8 > SEGMENT_SACK_MAX)
		return "SACK option of a wrong length";
	segment->sacks = (unsigned)(length / 8);
	for (unsigned i = 0; i < segment->sacks; i++) {
		segment->sack[i][0] = get32(value + 8 * i);
		segment->sack[i][1] = get32(value + 8 * i + 4);
	}
	return NULL;
}

static const char *read_option(
	struct segment *segment, uint8_t kind, const uint8_t *value, size_t length)
{
	switch (kind) {
	case OPTION_MSS:
		segment->has_mss = true;
		segment->mss = length == 2 ? get16(value) : 0;
		return length == 2 ? NULL : "MSS option of a wrong length";
	case OPTION_WSCALE:
		segment->has_wscale = true;
		segment->wscale = length == 1 ? value[0] : 0;
		return length == 1 ? NULL : "window scale option of a wrong length";
	case OPTION_SACK_OK:
		segment->has_sack_ok = true;
		return length == 0 ? NULL : "SACK-permitted option of a wrong length";
	case OPTION_SACK:
		return read_sack(segment, value, length);
	case OPTION_TIMESTAMPS:
		if (length != 8)
			return "timestamps option of a wrong length";
		segment->has_timestamps = true;
		segment->ts_value = get32(value);
		segment->ts_echo = get32(value + 4);
		return NULL;
	case OPTION_FAST_OPEN:
		if (length > sizeof(segment->cookie))
			return "Fast Open cookie too long";
		segment->has_fast_open = true;
		segment->cookie_length = (uint8_t)length;
		memcpy(segment->cookie, value, length);
		return NULL;
	default:
		return "option of an unknown kind";
	}
}

static const char *read_options(struct segment *segment)
{
	for (size_t at = 0; at < segment->options_length;) {
		const uint8_t *option = segment->options + at;
		size_t left = segment->options_length - at;
		if (option[0] == OPTION_END)
			return NULL;
		if (option[0] == OPTION_NOP) {
			at++;
			continue;
		}
		if (left < 2 || option[1] < 2 || option[1] > left)
			return "option longer than the header";
		const char *wrong = read_option(segment, option[0], option + 2, option[1] - 2u);
		if (wrong != NULL)
			return wrong;
		at += option[1];
	}
	return NULL;
}

static const char *read_tcp(
	struct segment *segment, const struct ends *ends, const uint8_t *tcp, size_t length)
{
	if (length < TCP_HEADER)
		return "TCP header is too short";
	size_t header = (size_t)(tcp[12] >> 4) * 4;
	if (header < TCP_HEADER || header > length)
		return "TCP data offset is out of range";
	if (upper_checksum(ends, PROTO_TCP, tcp, length) != 0)
		return "bad TCP checksum";
	if (tcp[12] & 0x0f)
		return "reserved bits are not zero";
	segment->port[0] = get16(tcp);
	segment->port[1] = get16(tcp + 2);
	segment->seq = get32(tcp + 4);
	segment->ack = get32(tcp + 8);
	segment->data_offset = tcp[12] >> 4;
	segment->flags = tcp[13];
	segment->window = get16(tcp + 14);
	segment->urgent = get16(tcp + 18);
	segment->options_length = (uint8_t)(header - TCP_HEADER);
	memcpy(segment->options, tcp + TCP_HEADER, segment->options_length);
	segment->payload = tcp + header;
	segment->payload_length = (uint16_t)(length - header);
	return read_options(segment);
}

const char *segment_read(struct segment *segment, const struct ends *ends, unsigned from,
	const uint8_t *frame, size_t length)
{
	memset(segment, 0, sizeof(*segment));
	if (length < ETHERNET)
		return "frame is too short";
	if (memcmp(frame, ends->mac[1 - from], 6) != 0 ||
		memcmp(frame + 6, ends->mac[from], 6) != 0)
		return "MAC addresses are not those of the case";
	const uint8_t *ip = frame + ETHERNET;
	size_t header = ends->ipv6 ? IPV6_HEADER : IPV4_HEADER;
	const char *wrong = ends->ipv6 ? read_ip6(segment, ends, from, ip, length - ETHERNET)
				       : read_ip4(segment, ends, from, ip, length - ETHERNET);
	if (wrong != NULL)
		return wrong;
	return read_tcp(segment, ends, ip + header, length - ETHERNET - header);
}

bool frame_is_tcp(const uint8_t *frame, size_t length)
{
	if (length < ETHERNET + IPV4_HEADER)
		return false;
	uint16_t type = get16(frame + 12);
	if (type == ETHERTYPE_IP6)
		return length >= ETHERNET + IPV6_HEADER && frame[ETHERNET + 6] == PROTO_TCP;
	return type == ETHERTYPE_IP4 && frame[ETHERNET + 9] == PROTO_TCP;
}

/* Neighbours: RFC 826, RFC 4861 7.2.4 */

static size_t answer_arp(const struct ends *ends, const uint8_t *request, uint8_t *frame)
{
	const uint8_t *arp = request + ETHERNET;
	if (get16(arp + 6) != 1 || memcmp(arp + 24, ends->address[1], 4) != 0)
		return 0;
	memcpy(frame, ends->mac[0], 6);
	memcpy(frame + 6, ends->mac[1], 6);
	memcpy(frame + 12, request + 12, 8);
	put16(frame + 20, 2);
	memcpy(frame + 22, ends->mac[1], 6);
	memcpy(frame + 28, ends->address[1], 4);
	memcpy(frame + 32, arp + 8, 10);
	return 42;
}

static size_t answer_solicitation(const struct ends *ends, const uint8_t *request, uint8_t *frame)
{
	const uint8_t *icmp = request + ETHERNET + IPV6_HEADER;
	enum { LENGTH = 32 };
	if (icmp[0] != 135 || memcmp(icmp + 8, ends->address[1], 16) != 0)
		return 0;
	size_t at = put_headers(ends, 1, &(struct ip_fields){.proto = PROTO_ICMPV6}, LENGTH, frame);
	uint8_t *answer = frame + at;
	frame[ETHERNET + 7] = 255;
	memset(answer, 0, LENGTH);
	answer[0] = 136;
	answer[4] = 0x60; /* solicited, override */
	memcpy(answer + 8, ends->address[1], 16);
	answer[24] = 2; /* target link-layer address */
	answer[25] = 1;
	memcpy(answer + 26, ends->mac[1], 6);
	put16(answer + 2, upper_checksum(ends, PROTO_ICMPV6, answer, LENGTH));
	return at + LENGTH;
}

size_t neighbour_answer(
	const struct ends *ends, const uint8_t *request, size_t length, uint8_t *frame)
{
	uint16_t type = length >= ETHERNET ? get16(request + 12) : 0;
	if (type == ETHERTYPE_ARP && length >= 42 && !ends->ipv6)
		return answer_arp(ends, request, frame);
	if (type == ETHERTYPE_IP6 && ends->ipv6 && length >= ETHERNET + IPV6_HEADER + 24 &&
		request[ETHERNET + 6] == PROTO_ICMPV6 &&
		memcmp(request + ETHERNET + 8, ends->address[0], 16) == 0)
		return answer_solicitation(ends, request, frame);
	return 0;
}
