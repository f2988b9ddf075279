/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "stack/base/flow_hash.h"

#define KEYS    50
#define BUCKETS 4096u
#define LOAD    4u

static struct flow_hash_key key_of(uint64_t stream)
{
	const uint8_t secret[16] = {5};
	struct siphash_key master = siphash_key(secret);
	struct prng prng;
	struct flow_hash_key key;
	prng_init(&prng, &master, stream);
	flow_hash_key_init(&key, &prng);
	return key;
}

/* The NH of RFC 4418 5.2.2 written as its sum: L_i pairs of (M + K), then fold and multiply. */
static void ipv4_hash_is_nh_of_its_words(void **state)
{
	const struct flow_hash_key key = {
		.word = {0xffffffff, 0x10, 0x1000, 0x7},
		.multiplier = (UINT64_C(1) << 32) + 1,
	};
	/* (2 - 1) * (3 + 16) + (0x2000 + 0x1000) * 7 = 0x15013, nothing to fold; times 2^32 + 1 */
	assert_int_equal(flow_hash_v4(&key, 2, 3, 0x2000), 0x15013);
}

static void ipv6_hash_is_nh_of_its_words(void **state)
{
	struct flow_hash_key key = {.multiplier = UINT64_C(1) << 32};
	const uint32_t remote[4] = {1, 2, 3, 4}, local[4] = {10, 100, 1000, 10000};
	uint8_t r[16], l[16];
	memcpy(r, remote, 16);
	memcpy(l, local, 16);
	assert_int_equal(flow_hash_v6(&key, r, l, 5, 7), 35 + 10 + 200 + 3000 + 40000);
	for (unsigned i = 0; i < FLOW_HASH_WORDS; i++)
		key.word[i] = 1;
	assert_int_equal(
		flow_hash_v6(&key, r, l, 5, 7), 6 * 8 + 2 * 11 + 3 * 101 + 4 * 1001 + 5 * 10001);
}

/* Every bit of the input changes about half of the bits of the hash, over keys. */
static void every_bit_of_a_flow_matters(void **state)
{
	for (unsigned bit = 0; bit < 96; bit++) {
		unsigned changed = 0;
		uint32_t low = 0;
		for (unsigned i = 0; i < KEYS; i++) {
			struct flow_hash_key key = key_of(i);
			uint32_t word[3] = {0x0100000a, 0x0200000a, 0x5000c001};
			uint32_t before = flow_hash_v4(&key, word[0], word[1], word[2]);
			word[bit / 32] ^= UINT32_C(1) << bit % 32;
			uint32_t diff = before ^ flow_hash_v4(&key, word[0], word[1], word[2]);
			changed += (unsigned)__builtin_popcount(diff);
			low |= diff;
		}
		assert_in_range(changed, KEYS * 32 * 4 / 10, KEYS * 32 * 6 / 10);
		assert_int_equal(low, 0xffffffff);
	}
}

static void every_byte_of_an_ipv6_flow_matters(void **state)
{
	struct flow_hash_key key = key_of(1);
	uint8_t bytes[40] = {0};
	uint32_t word[2] = {0};
	uint32_t before = flow_hash_v6(&key, bytes, bytes + 16, word[0], word[1]);
	for (unsigned bit = 0; bit < 320; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		memcpy(word, bytes + 32, 8);
		assert_true(before != flow_hash_v6(&key, bytes, bytes + 16, word[0], word[1]));
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

/* Each word has a word of the key to itself: the same words in another order hash differently. */
static void order_of_the_words_matters(void **state)
{
	struct flow_hash_key key = key_of(2);
	uint32_t word[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	uint8_t bytes[32];
	memcpy(bytes, word, 32);
	uint32_t before = flow_hash_v6(&key, bytes, bytes + 16, 9, 10);
	assert_true(before != flow_hash_v6(&key, bytes + 16, bytes, 9, 10));
	assert_true(before != flow_hash_v6(&key, bytes, bytes + 16, 10, 9));
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned j = 0; j < i; j++) {
			uint32_t other[8];
			memcpy(other, word, 32);
			other[i] = word[j];
			other[j] = word[i];
			other[i + 4] = word[j + 4]; /* pairs of remote and local word */
			other[j + 4] = word[i + 4];
			memcpy(bytes, other, 32);
			assert_true(before != flow_hash_v6(&key, bytes, bytes + 16, 9, 10));
		}
	}
}

/* Entries beyond five in their bucket, of 1000: by chance alone about 102 at this load. */
static unsigned overflow_of(const uint16_t load[BUCKETS])
{
	unsigned over = 0;
	for (unsigned i = 0; i < BUCKETS; i++)
		over += load[i] > 5 ? load[i] - 5u : 0;
	return over * 1000 / (BUCKETS * LOAD);
}

/* Flows in rows, as clients and scanners have them, fill buckets as evenly as random ones. */
static void flows_in_rows_spread_over_the_low_bits(void **state)
{
	static uint16_t load[3][BUCKETS];
	unsigned worst[3] = {0}, total[3] = {0};
	for (unsigned i = 0; i < KEYS; i++) {
		struct flow_hash_key key = key_of(i);
		memset(load, 0, sizeof(load));
		for (uint32_t n = 0; n < BUCKETS * LOAD; n++) {
			uint32_t port = __builtin_bswap16((uint16_t)(32768 + n));
			uint32_t address = __builtin_bswap32(0x0a000000 + n);
			uint32_t both = __builtin_bswap16((uint16_t)(49152 + n % 64));
			uint32_t few = __builtin_bswap32(0xc0a80000 + n / 64);
			load[0][flow_hash_v4(&key, 0x0100000a, 0x0200000a, port | 0x50000000) %
				BUCKETS]++;
			load[1][flow_hash_v4(&key, address, 0x0200000a, 0x5000c001) % BUCKETS]++;
			load[2][flow_hash_v4(&key, few, 0x0200000a, both | 0x50000000) % BUCKETS]++;
		}
		for (unsigned j = 0; j < 3; j++) {
			unsigned over = overflow_of(load[j]);
			total[j] += over;
			worst[j] = over > worst[j] ? over : worst[j];
		}
	}
	for (unsigned j = 0; j < 3; j++) {
		assert_true(total[j] / KEYS <= 110);
		assert_true(worst[j] <= 130);
	}
}

/* RFC 4418 5.2: without the key, no two flows can be made to collide more often than by chance. */
static void pairs_of_flows_collide_no_more_than_by_chance(void **state)
{
	const uint32_t delta[] = {1, 0x100, 0x01000000, 0x80000000, 0xffffffff, 0x10001};
	unsigned same = 0, pairs = 0;
	for (unsigned i = 0; i < 2000; i++) {
		struct flow_hash_key key = key_of(i);
		uint32_t hash = flow_hash_v4(&key, 7, 8, 9) % 256;
		for (unsigned d = 0; d < sizeof(delta) / sizeof(delta[0]); d++) {
			same += hash == flow_hash_v4(&key, 7 + delta[d], 8, 9) % 256;
			same += hash == flow_hash_v4(&key, 7, 8 + delta[d], 9) % 256;
			same += hash == flow_hash_v4(&key, 7, 8, 9 + delta[d]) % 256;
			pairs += 3;
		}
	}
	assert_in_range(same, pairs / 256 / 2, pairs / 256 * 3 / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4_hash_is_nh_of_its_words),
		cmocka_unit_test(ipv6_hash_is_nh_of_its_words),
		cmocka_unit_test(every_bit_of_a_flow_matters),
		cmocka_unit_test(every_byte_of_an_ipv6_flow_matters),
		cmocka_unit_test(order_of_the_words_matters),
		cmocka_unit_test(flows_in_rows_spread_over_the_low_bits),
		cmocka_unit_test(pairs_of_flows_collide_no_more_than_by_chance),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
