/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames of the fuzzing targets as seen from outside: where their headers lie, and checksums that
 * hold, so that input gets behind them.
 */
#ifndef RWS_FUZZ_PACKET_H
#define RWS_FUZZ_PACKET_H

#include <stddef.h>
#include <stdint.h>

#define PACKET_ETHERNET 14u

enum {
	PACKET_ICMP = 1,
	PACKET_TCP = 6,
	PACKET_UDP = 17,
	PACKET_ICMP6 = 58,
};

/* What a frame holds above Ethernet, as far as its bytes reach. */
struct packet {
	uint8_t *ip;        /* NULL: neither IPv4 nor IPv6 */
	uint8_t *transport; /* NULL: there is none, or of a fragment */
	size_t length;      /* bytes from transport on, by the header and the frame */
	unsigned ip_header; /* bytes */
	uint8_t protocol;   /* of transport; IPv6 extension headers are not passed */
};
void packet_read(struct packet *packet, uint8_t *frame, size_t length);

/* Writes all checksums that the frame has. */
void packet_mend(uint8_t *frame, size_t length);

/* Ethernet and IPv4 or IPv6 in front of `length` bytes, from host `from`; returns its length. */
size_t packet_headers(uint8_t *frame, unsigned from, int ip6, uint8_t protocol, size_t length);

#endif
