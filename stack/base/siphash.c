/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/base/siphash.h"

struct sip_state {
	uint64_t v0, v1, v2, v3;
};

static uint64_t rotate_left(uint64_t x, unsigned bits)
{
	return (x << bits) | (x >> (64 - bits));
}

static uint64_t little_endian(const uint8_t *bytes, size_t length)
{
	uint64_t word = 0;
	for (size_t i = 0; i < length; i++)
		word |= (uint64_t)bytes[i] << (8 * i);
	return word;
}

static void sip_round(struct sip_state *s)
{
	s->v0 += s->v1;
	s->v1 = rotate_left(s->v1, 13) ^ s->v0;
	s->v0 = rotate_left(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotate_left(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotate_left(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotate_left(s->v1, 17) ^ s->v2;
	s->v2 = rotate_left(s->v2, 32);
}

/* Two rounds a word: the 2 of 2-4. */
static void sip_compress(struct sip_state *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	sip_round(s);
	s->v0 ^= word;
}

/* Four rounds at the end: the 4 of 2-4. */
static uint64_t sip_finalize(struct sip_state *s)
{
	s->v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

struct siphash_key siphash_key(const uint8_t bytes[16])
{
	return (struct siphash_key){little_endian(bytes, 8), little_endian(bytes + 8, 8)};
}

uint64_t siphash_2_4(const struct siphash_key *key, const void *data, size_t length)
{
	struct sip_state s = {
		.v0 = key->k0 ^ 0x736f6d6570736575u,
		.v1 = key->k1 ^ 0x646f72616e646f6du,
		.v2 = key->k0 ^ 0x6c7967656e657261u,
		.v3 = key->k1 ^ 0x7465646279746573u,
	};
	const uint8_t *bytes = data;
	size_t whole = length - length % 8;
	for (size_t i = 0; i < whole; i += 8)
		sip_compress(&s, little_endian(bytes + i, 8));
	sip_compress(&s, little_endian(bytes + whole, length % 8) | (uint64_t)length << 56);
	return sip_finalize(&s);
}

void prng_init(struct prng *prng, const struct siphash_key *key, uint64_t stream)
{
	uint64_t halves[2] = {2 * stream, 2 * stream + 1};
	prng->key.k0 = siphash_2_4(key, &halves[0], sizeof(halves[0]));
	prng->key.k1 = siphash_2_4(key, &halves[1], sizeof(halves[1]));
	prng->counter = 0;
}

uint64_t prng_next(struct prng *prng)
{
	uint64_t counter = prng->counter++;
	return siphash_2_4(&prng->key, &counter, sizeof(counter));
}
