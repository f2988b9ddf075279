/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/base/checksum.h"

#include <string.h>

/*
 * RFC 1071 2.C: one's complement sums may be formed in words of any width. Here they are 64 bits
 * wide, and a carry may be added to any of them: it goes on from one to the next. There are four so
 * that an addition need not wait for the one before it.
 */
struct sums {
	uint64_t s0, s1, s2, s3, carries;
};

/* a + b + *carry; *carry becomes the carry out, 0 or 1. */
static inline uint64_t add_carry(uint64_t a, uint64_t b, unsigned char *carry)
{
	unsigned long long sum;
#ifdef __x86_64__
	*carry = __builtin_ia32_addcarryx_u64(*carry, a, b, &sum);
#else
	bool first = __builtin_add_overflow(a, b, &sum);
	*carry = __builtin_add_overflow(sum, *carry, &sum) || first;
#endif
	return sum;
}

static inline uint64_t load(const uint8_t *p)
{
	uint64_t word;
	memcpy(&word, p, sizeof(word));
	return word;
}

/* Part of a chain of carries. */
static inline void add_32_bytes(struct sums *s, const uint8_t *p, unsigned char *carry)
{
	s->s0 = add_carry(s->s0, load(p), carry);
	s->s1 = add_carry(s->s1, load(p + 8), carry);
	s->s2 = add_carry(s->s2, load(p + 16), carry);
	s->s3 = add_carry(s->s3, load(p + 24), carry);
}

static inline uint64_t add_around(uint64_t a, uint64_t b)
{
	uint64_t sum = a + b;
	return sum + (sum < b);
}

/* The sum of the last bytes, up to 7. */
static inline uint64_t sum_rest(const uint8_t *p, size_t length)
{
	uint64_t sum = 0;
	if (length & 4) {
		uint32_t word;
		memcpy(&word, p, sizeof(word));
		sum = word;
		p += sizeof(word);
	}
	if (length & 2) {
		uint16_t word;
		memcpy(&word, p, sizeof(word));
		sum += word;
		p += sizeof(word);
	}
	if (length & 1)
		sum += htole16(*p);
	return sum;
}

static uint32_t fold_64(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	return (uint32_t)(sum + (sum >> 32));
}

uint32_t checksum_add(uint32_t sum, const void *bytes, size_t length)
{
	const uint8_t *p = bytes;
	struct sums s = {.s0 = sum};
	for (; length >= 64; p += 64, length -= 64) {
		unsigned char carry = 0;
		add_32_bytes(&s, p, &carry);
		add_32_bytes(&s, p + 32, &carry);
		s.carries = add_carry(s.carries, 0, &carry);
	}
	if (length & 32) {
		unsigned char carry = 0;
		add_32_bytes(&s, p, &carry);
		s.carries = add_carry(s.carries, 0, &carry);
		p += 32;
	}
	if (length & 16) {
		unsigned char carry = 0;
		s.s0 = add_carry(s.s0, load(p), &carry);
		s.s1 = add_carry(s.s1, load(p + 8), &carry);
		s.carries = add_carry(s.carries, 0, &carry);
		p += 16;
	}
	if (length & 8) {
		s.s2 = add_around(s.s2, load(p));
		p += 8;
	}
	uint64_t total = add_around(add_around(s.s0, s.s1), add_around(s.s2, s.s3));
	total = add_around(total, s.carries);
	return fold_64(add_around(total, sum_rest(p, length)));
}

uint32_t checksum_pseudo_v6(
	const uint8_t source[16], const uint8_t destination[16], uint8_t protocol, uint32_t length)
{
	uint64_t sum = add_around(load(source), load(source + 8));
	sum = add_around(sum, add_around(load(destination), load(destination + 8)));
	return fold_64(add_around(sum, (uint64_t)htobe32(length) + htobe32(protocol)));
}
