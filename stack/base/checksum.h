/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Internet checksum (RFC 1071).
 *
 * A sum is that of the 16-bit words as this machine loads them (RFC 1071 2.B: the byte order does
 * not matter), kept in 32 bits with carries added in again. So a finished checksum is stored into
 * the packet, and a stored one is read, by memcpy, never through be16_get or be16_put.
 *
 *     uint32_t sum = checksum_pseudo_v4(src, dst, 6, length);
 *     uint16_t checksum = checksum_finish(checksum_add(sum, segment, length));
 *
 * A received packet, its checksum field included, is whole when checksum_finish() gives 0.
 */
#ifndef RWS_CHECKSUM_H
#define RWS_CHECKSUM_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * The sum with the bytes added, which may lie at any address. They count as starting at an even
 * offset; an odd length is padded with a zero byte. Start with a sum of 0.
 */
uint32_t checksum_add(uint32_t sum, const void *bytes, size_t length);

/* The sum in 16 bits: 0 only when nothing but zeros was summed. */
static inline uint16_t checksum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)(sum + (sum >> 16));
}

/* What goes into the packet. RFC 768: for UDP the caller turns 0 into 0xffff. */
static inline uint16_t checksum_finish(uint32_t sum)
{
	return (uint16_t)~checksum_fold(sum);
}

/* The sum of an IPv4 header without options: 20 bytes. */
static inline uint32_t checksum_ip4_header(const void *header)
{
	uint32_t word[5];
	memcpy(word, header, sizeof(word));
	uint64_t sum = (uint64_t)word[0] + word[1] + word[2] + word[3] + word[4];
	return (uint32_t)((sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32));
}

/*
 * The sum of both, where piece was summed from 0 and its bytes start at an odd offset if
 * odd_offset: then each of its bytes was in the other half of a word (RFC 1071 2.B).
 */
static inline uint32_t checksum_combine(uint32_t sum, uint32_t piece, bool odd_offset)
{
	if (odd_offset)
		piece = __builtin_bswap16(checksum_fold(piece));
	sum += piece;
	return sum + (sum < piece);
}

/*
 * RFC 9293 3.1, RFC 768: the pseudo-header of IPv4. Addresses as they lie in the packet, the
 * length of the TCP segment or UDP datagram in host order.
 */
static inline uint32_t checksum_pseudo_v4(
	uint32_t source, uint32_t destination, uint8_t protocol, uint16_t length)
{
	uint64_t sum = (uint64_t)source + destination + htobe32((uint32_t)length + protocol);
	sum = (sum & 0xffffffff) + (sum >> 32);
	return (uint32_t)(sum + (sum >> 32));
}

/* RFC 8200 8.1: the same of IPv6; the length is that of the upper-layer packet. */
uint32_t checksum_pseudo_v6(
	const uint8_t source[16], const uint8_t destination[16], uint8_t protocol, uint32_t length);

#endif
