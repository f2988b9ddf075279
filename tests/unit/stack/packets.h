/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets as a test writes and reads them by itself, byte by byte: RFC 791, 8200, 768, 9293, 1071.
 * Nothing here uses what the stack does it with.
 */
#ifndef RWS_TEST_PACKETS_H
#define RWS_TEST_PACKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lwip/ip_addr.h"

static inline void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

static inline unsigned get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static inline uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

/* One's complement sum of big-endian words, not folded. */
uint64_t sum_bytes(uint64_t sum, const uint8_t *bytes, size_t length);

/* Folded and complemented: what goes into a header. */
uint16_t complement(uint64_t sum);

/* What stands in a packet before its payload. */
struct packet_shape {
	ip_addr_t source, destination;
	uint8_t proto; /* 6 or 17 */
	uint8_t tos, ttl;
	uint16_t source_port, destination_port;
	bool dont_fragment;
	uint16_t id;
	uint32_t label; /* IPv6 */
};

/*
 * Writes a whole Ethernet frame with right lengths and checksums, TCP with a header of 20 bytes
 * and ACK set; returns its length. ip and l4 tell where the headers are.
 */
size_t packet_write(const struct packet_shape *shape, const uint8_t to[6], const uint8_t from[6],
	const void *payload, size_t length, uint8_t *out);

/* Right sum of an IPv4 header, and of the transport packet behind an IP header. */
bool packet_ip_sum_right(const uint8_t *ip);
bool packet_l4_sum_right(const uint8_t *ip, const uint8_t *l4, size_t length, uint8_t proto);

#endif
