/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver/rss.h"

#include <string.h>

#include <rte_byteorder.h>
#include <rte_thash.h>

/* The key of the published verification suite of RSS, and on behind byte 40. */
/* clang-format off */
const uint8_t rss_toeplitz_key[RSS_KEY_MAX] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
	0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
	0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
	0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
	0x25, 0x3d,
};
/* clang-format on */

#define WORDS_MAX 9u /* two IPv6 addresses and the ports */

uint32_t rss_hash(const struct frame_flow *flow)
{
	uint8_t tuple[WORDS_MAX * 4];
	uint32_t words[WORDS_MAX];
	unsigned size = flow->address_size;

	memcpy(tuple, flow->source, size);
	memcpy(tuple + size, flow->destination, size);
	size *= 2;
	if (flow->ports != NULL) {
		memcpy(tuple + size, flow->ports, 4);
		size += 4;
	}
	for (unsigned i = 0; i < size / 4; i++) {
		uint32_t word;
		memcpy(&word, tuple + (size_t)i * 4, sizeof(word));
		words[i] = rte_be_to_cpu_32(word);
	}
	return rte_softrss(words, size / 4, rss_toeplitz_key);
}

static const uint8_t *address_bytes(const ip_addr_t *address)
{
	return IP_IS_V6_VAL(*address) ? (const uint8_t *)address->u_addr.ip6.addr
				      : (const uint8_t *)&address->u_addr.ip4.addr;
}

uint32_t rss_hash_tuple(
	const ip_addr_t *remote, uint16_t remote_port, const ip_addr_t *local, uint16_t local_port)
{
	const uint8_t ports[4] = {(uint8_t)(remote_port >> 8), (uint8_t)remote_port,
		(uint8_t)(local_port >> 8), (uint8_t)local_port};
	struct frame_flow flow = {
		.source = address_bytes(remote),
		.destination = address_bytes(local),
		.ports = ports,
		.address_size = IP_IS_V6_VAL(*remote) ? 16 : 4,
	};

	return rss_hash(&flow);
}
