/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A keyed hash of a flow's addresses and ports, for the flow table.
 *
 * NH, the first layer of UMAC (RFC 4418 5.2): words of the message are added to words of the key,
 * the sums multiplied in pairs, the products added. Two flows have the same NH with a chance of
 * 2^-32 whoever chose them, as long as he does not know the key. The sum is folded and multiplied
 * by an odd number of the key, so that every bit of the 32 that remain depends on all of it: the
 * flow table takes as many low bits as it has use for.
 */
#ifndef RWS_FLOW_HASH_H
#define RWS_FLOW_HASH_H

#include <stdint.h>
#include <string.h>

#include "stack/base/siphash.h"

#define FLOW_HASH_WORDS 10u

struct flow_hash_key {
	uint32_t word[FLOW_HASH_WORDS];
	uint64_t multiplier; /* odd */
};

static inline void flow_hash_key_init(struct flow_hash_key *key, struct prng *prng)
{
	for (unsigned i = 0; i < FLOW_HASH_WORDS; i++)
		key->word[i] = (uint32_t)prng_next(prng);
	key->multiplier = prng_next(prng) | 1;
}

/* RFC 4418 5.2.2: one pair of words; sums modulo 2^32, the product has 64 bits. */
static inline uint64_t flow_hash_pair(
	const struct flow_hash_key *key, unsigned i, uint32_t a, uint32_t b)
{
	return (uint64_t)(a + key->word[i]) * (b + key->word[i + 1]);
}

static inline uint32_t flow_hash_finish(const struct flow_hash_key *key, uint64_t sum)
{
	return (uint32_t)(((sum ^ sum >> 32) * key->multiplier) >> 32);
}

/*
 * Addresses as they lie in the packet. ports: the 4 bytes at the start of a received TCP or UDP
 * header, so the remote port first.
 */
static inline uint32_t flow_hash_v4(
	const struct flow_hash_key *key, uint32_t remote, uint32_t local, uint32_t ports)
{
	return flow_hash_finish(
		key, flow_hash_pair(key, 0, remote, local) + flow_hash_pair(key, 2, ports, 0));
}

/* The same for IPv6. zone: of a link-local address (RFC 4007), or 0. */
static inline uint32_t flow_hash_v6(const struct flow_hash_key *key, const uint8_t remote[16],
	const uint8_t local[16], uint32_t zone, uint32_t ports)
{
	uint32_t r[4], l[4];
	memcpy(r, remote, sizeof(r));
	memcpy(l, local, sizeof(l));
	uint64_t sum = flow_hash_pair(key, 0, zone, ports);
	for (unsigned i = 0; i < 4; i++)
		sum += flow_hash_pair(key, 2 + 2 * i, r[i], l[i]);
	return flow_hash_finish(key, sum);
}

#endif
