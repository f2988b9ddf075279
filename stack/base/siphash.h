/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash for what a stranger must not predict,
 * and a generator of random numbers made of it.
 */
#ifndef RWS_SIPHASH_H
#define RWS_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
	uint64_t k0, k1;
};

/* 16 random bytes as a key. */
struct siphash_key siphash_key(const uint8_t bytes[16]);

uint64_t siphash_2_4(const struct siphash_key *key, const void *data, size_t length);

/* Random numbers: the hashes of 0, 1, 2... under a key of its own. */
struct prng {
	struct siphash_key key;
	uint64_t counter;
};

/* Two generators with the same key and another stream give unrelated numbers. */
void prng_init(struct prng *prng, const struct siphash_key *key, uint64_t stream);
uint64_t prng_next(struct prng *prng);

#endif
