/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The peer of a stack alone in its lab, as single segments: what a test says is on the wire, and
 * what the stack answers is taken apart. Many peers with addresses and ports of their own can talk
 * to one stack; ARP and ND of all of them are answered here.
 */
#ifndef RWS_TEST_TCP_PEER_H
#define RWS_TEST_TCP_PEER_H

#include "stack/tcp/tcp_internal.h"
#include "tests/unit/stack/lab.h"

/* A segment that the stack sent. */
struct peer_segment {
	ip_addr_t to;
	uint16_t from_port, to_port;
	uint32_t seq, ack;
	uint16_t wnd, len;
	uint8_t flags, tos, ttl;
	struct tcp_options opt;
};

/* A segment to the stack: from the peer with this number, 1 to 200. */
struct peer_frame {
	bool ip6;
	unsigned peer;
	uint8_t flags;
	uint16_t port;    /* of the peer */
	uint16_t to_port; /* 0: 80 */
	uint32_t seq, ack;
	uint16_t wnd; /* 0: 65535 */
	uint16_t len; /* bytes of payload, zeros */
	uint8_t tos;
	bool mss, sack, ts, wscale, fast_open; /* options */
	uint32_t ts_val, ts_ecr;
	uint16_t mss_value; /* 0: 1460 */
	uint8_t scale, cookie_length;
	uint8_t cookie[TCP_TFO_MAX];
};

ip_addr_t peer_address(const struct peer_frame *frame);

void peer_send(struct lab *lab, const struct peer_frame *frame);

/* The next segment that the stack sent; false: none. */
bool peer_take(struct lab *lab, struct peer_segment *segment);

/* Asserts that there is one with exactly these flags, or none. */
void peer_expect(struct lab *lab, uint8_t flags, struct peer_segment *segment);
void peer_expect_nothing(struct lab *lab);

#endif
