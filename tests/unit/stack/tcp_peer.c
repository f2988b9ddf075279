/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/stack/tcp_peer.h"

#include <stdlib.h>
#include <string.h>

#include "lwip/prot/ip.h"
#include "stack/base/bytes.h"
#include "stack/base/checksum.h"

#define ETHERNET 14u
#define IP4      20u
#define IP6      40u
#define STACK    0u /* the node of the lab */

static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 1};

static void peer_mac(uint8_t mac[6], unsigned peer)
{
	const uint8_t bytes[6] = {2, 0, 0, 0, 1, (uint8_t)peer};
	memcpy(mac, bytes, 6);
}

/* Peers are 10.0.0.x and fd00::x, x from 2 on. */
static ip_addr_t address_of(unsigned peer, bool ip6)
{
	return ip6 ? lab_ip6(peer) : lab_ip4(peer);
}

ip_addr_t peer_address(const struct peer_frame *frame)
{
	return address_of(frame->peer, frame->ip6);
}

/* Frames in */

static unsigned put_ethernet(uint8_t *frame, unsigned peer, uint16_t type)
{
	memcpy(frame, our_mac, 6);
	peer_mac(frame + 6, peer);
	be16_put(frame + 12, type);
	return ETHERNET;
}

static unsigned put_ip4(uint8_t *ip, unsigned peer, uint8_t tos, unsigned length)
{
	ip_addr_t from = lab_ip4(peer), to = lab_ip4(STACK);
	memset(ip, 0, IP4);
	ip[0] = 0x45;
	ip[1] = tos;
	be16_put(ip + 2, (uint16_t)(IP4 + length));
	ip[8] = 64;
	ip[9] = IP_PROTO_TCP;
	memcpy(ip + 12, &ip_2_ip4(&from)->addr, 4);
	memcpy(ip + 16, &ip_2_ip4(&to)->addr, 4);
	uint16_t checksum = checksum_finish(checksum_add(0, ip, IP4));
	memcpy(ip + 10, &checksum, 2);
	return IP4;
}

static unsigned put_ip6(uint8_t *ip, unsigned peer, uint8_t tos, uint8_t next, unsigned length)
{
	ip_addr_t from = lab_ip6(peer), to = lab_ip6(STACK);
	memset(ip, 0, IP6);
	be32_put(ip, (uint32_t)6 << 28 | (uint32_t)tos << 20);
	be16_put(ip + 4, (uint16_t)length);
	ip[6] = next;
	ip[7] = next == IP_PROTO_TCP ? 64 : 255;
	memcpy(ip + 8, ip_2_ip6(&from)->addr, 16);
	memcpy(ip + 24, ip_2_ip6(&to)->addr, 16);
	return IP6;
}

static uint32_t pseudo(const uint8_t *ip, bool ip6, uint8_t proto, unsigned length)
{
	uint32_t from, to;
	if (ip6)
		return checksum_pseudo_v6(ip + 8, ip + 24, proto, length);
	memcpy(&from, ip + 12, 4);
	memcpy(&to, ip + 16, 4);
	return checksum_pseudo_v4(from, to, proto, (uint16_t)length);
}

static struct tcp_header header_of(const struct peer_frame *f)
{
	return (struct tcp_header){
		.local_port = f->port,
		.remote_port = f->to_port != 0 ? f->to_port : 80,
		.seq = f->seq,
		.ack = f->ack,
		.wnd = f->wnd != 0 ? f->wnd : 0xffff,
		.flags = f->flags,
		.mss = f->mss ? (f->mss_value != 0 ? f->mss_value : 1460) : 0,
		.sack_permitted = f->sack,
		.has_ts = f->ts,
		.ts_val = f->ts_val,
		.ts_ecr = f->ts_ecr,
		.has_wscale = f->wscale,
		.wscale = f->scale,
		.has_fast_open = f->fast_open,
		.fast_open = f->cookie,
		.fast_open_length = f->cookie_length,
	};
}

void peer_send(struct lab *lab, const struct peer_frame *f)
{
	uint8_t frame[2000] = {0}, tcp[TCP_HEADER_MAX];
	struct tcp_header header = header_of(f);
	unsigned length = tcp_header_write(tcp, &header) + f->len;
	unsigned at = put_ethernet(frame, f->peer, f->ip6 ? 0x86dd : 0x0800);
	uint8_t *ip = frame + at;
	at += f->ip6 ? put_ip6(ip, f->peer, f->tos, IP_PROTO_TCP, length)
		     : put_ip4(ip, f->peer, f->tos, length);
	memcpy(frame + at, tcp, length - f->len);
	uint16_t checksum = checksum_finish(
		checksum_add(pseudo(ip, f->ip6, IP_PROTO_TCP, length), frame + at, length));
	memcpy(frame + at + TCP_AT_CHECKSUM, &checksum, 2);
	lab_inject(lab, STACK, frame, at + length);
	lab_pump(lab);
}

/* Neighbours */

static void answer_arp(struct lab *lab, const uint8_t *request)
{
	uint8_t frame[42];
	unsigned peer = request[41] - 1u; /* last byte of the address asked for */
	put_ethernet(frame, peer, 0x0806);
	memcpy(frame + 14, request + 14, 6);
	be16_put(frame + 20, 2);
	peer_mac(frame + 22, peer);
	memcpy(frame + 28, request + 38, 4);
	memcpy(frame + 32, request + 22, 10);
	lab_inject(lab, STACK, frame, sizeof(frame));
}

/* RFC 4861 4.4 */
static void answer_nd(struct lab *lab, const uint8_t *request)
{
	enum { LENGTH = 32 };
	uint8_t frame[ETHERNET + IP6 + LENGTH] = {0};
	const uint8_t *target = request + ETHERNET + IP6 + 8;
	unsigned peer = target[15] - 1u;
	unsigned at = put_ethernet(frame, peer, 0x86dd);
	uint8_t *ip = frame + at;
	at += put_ip6(ip, peer, 0, 58, LENGTH);
	memcpy(ip + 24, request + ETHERNET + 8, 16);
	frame[at] = 136;
	frame[at + 4] = 0x60; /* solicited, override */
	memcpy(frame + at + 8, target, 16);
	frame[at + 24] = 2;
	frame[at + 25] = 1;
	peer_mac(frame + at + 26, peer);
	uint16_t checksum =
		checksum_finish(checksum_add(pseudo(ip, true, 58, LENGTH), frame + at, LENGTH));
	memcpy(frame + at + 2, &checksum, 2);
	lab_inject(lab, STACK, frame, sizeof(frame));
}

/* Frames out */

static bool parse_tcp(struct peer_segment *s, const uint8_t *tcp, unsigned length)
{
	assert_true(length >= TCP_HEADER);
	unsigned header = (unsigned)(tcp[TCP_AT_OFFSET] >> 4) * 4;
	assert_in_range(header, TCP_HEADER, length);
	s->from_port = be16_get(tcp);
	s->to_port = be16_get(tcp + 2);
	s->seq = be32_get(tcp + TCP_AT_SEQ);
	s->ack = be32_get(tcp + TCP_AT_ACK);
	s->wnd = be16_get(tcp + TCP_AT_WINDOW);
	s->flags = tcp[TCP_AT_FLAGS];
	s->len = (uint16_t)(length - header);
	assert_true(tcp_options_parse(tcp + TCP_HEADER, header - TCP_HEADER, &s->opt));
	return true;
}

static bool parse_ip4(struct peer_segment *s, const uint8_t *ip)
{
	uint32_t to;
	if (ip[9] != IP_PROTO_TCP)
		return false;
	unsigned length = be16_get(ip + 2) - IP4;
	assert_int_equal(checksum_finish(checksum_add(0, ip, IP4)), 0);
	assert_int_equal(checksum_finish(checksum_add(
				 pseudo(ip, false, IP_PROTO_TCP, length), ip + IP4, length)),
		0);
	memcpy(&to, ip + 16, 4);
	ip_addr_set_ip4_u32(&s->to, to);
	s->tos = ip[1];
	s->ttl = ip[8];
	return parse_tcp(s, ip + IP4, length);
}

static bool parse_ip6(struct lab *lab, struct peer_segment *s, const uint8_t *frame)
{
	const uint8_t *ip = frame + ETHERNET;
	if (ip[6] == 58 && ip[IP6] == 135)
		answer_nd(lab, frame);
	if (ip[6] != IP_PROTO_TCP)
		return false;
	unsigned length = be16_get(ip + 4);
	assert_int_equal(checksum_finish(checksum_add(
				 pseudo(ip, true, IP_PROTO_TCP, length), ip + IP6, length)),
		0);
	IP_SET_TYPE(&s->to, IPADDR_TYPE_V6);
	memcpy(ip_2_ip6(&s->to)->addr, ip + 24, 16);
	s->tos = (uint8_t)(be32_get(ip) >> 20);
	s->ttl = ip[7];
	return parse_tcp(s, ip + IP6, length);
}

bool peer_take(struct lab *lab, struct peer_segment *segment)
{
	struct lab_frame *frame;
	bool found = false;
	lab_pump(lab);
	while (!found && (frame = lab_take(lab, STACK)) != NULL) {
		*segment = (struct peer_segment){0};
		uint16_t type = be16_get(frame->bytes + 12);
		if (type == 0x0806 && be16_get(frame->bytes + 20) == 1)
			answer_arp(lab, frame->bytes);
		else if (type == 0x0800)
			found = parse_ip4(segment, frame->bytes + ETHERNET);
		else if (type == 0x86dd)
			found = parse_ip6(lab, segment, frame->bytes);
		free(frame);
		lab_pump(lab);
	}
	return found;
}

void peer_expect(struct lab *lab, uint8_t flags, struct peer_segment *segment)
{
	struct peer_segment ignored;
	if (segment == NULL)
		segment = &ignored;
	assert_true(peer_take(lab, segment));
	assert_int_equal(segment->flags, flags);
}

void peer_expect_nothing(struct lab *lab)
{
	struct peer_segment segment;
	if (peer_take(lab, &segment))
		fail_msg("a segment with flags 0x%02x", segment.flags);
}
