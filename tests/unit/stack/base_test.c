/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stack/base/drop_reasons.h"
#include "stack/base/siphash.h"

/* Of the reference implementation: key 00 01 .. 0f, input 00 01 .. (length - 1), little endian. */
static const struct {
	size_t length;
	uint64_t hash;
} vectors[] = {
	{0, 0x726fdb47dd0e0e31}, {1, 0x74f839c593dc67fd}, {2, 0x0d6c8009d9a94f5a},
	{3, 0x85676696d7fb7e2d}, {4, 0xcf2794e0277187b7}, {5, 0x18765564cd99a68d},
	{6, 0xcbc9466e58fee3ce}, {7, 0xab0200f58b01d137}, {8, 0x93f5f5799a932462},
	{15, 0xa129ca6149be45e5}, /* the one of the paper's appendix A */
};

static void reference_vectors_give_reference_hashes(void **state)
{
	uint8_t key_bytes[16], input[16];
	for (uint8_t i = 0; i < 16; i++)
		key_bytes[i] = input[i] = i;
	struct siphash_key key = siphash_key(key_bytes);
	for (unsigned i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		assert_true(siphash_2_4(&key, input, vectors[i].length) == vectors[i].hash);
}

static void generators_of_one_key_differ_by_stream_and_step(void **state)
{
	const uint8_t secret[16] = {1};
	struct siphash_key key = siphash_key(secret);
	struct prng a, b, again;
	prng_init(&a, &key, 0);
	prng_init(&b, &key, 1);
	prng_init(&again, &key, 0);
	uint64_t first = prng_next(&a);
	assert_true(first == prng_next(&again));
	assert_true(first != prng_next(&a));
	assert_true(first != prng_next(&b));
}

static void bits_of_the_generator_are_balanced(void **state)
{
	const uint8_t secret[16] = {2};
	struct siphash_key key = siphash_key(secret);
	struct prng prng;
	unsigned ones[64] = {0};
	prng_init(&prng, &key, 7);
	for (unsigned i = 0; i < 10000; i++) {
		uint64_t number = prng_next(&prng);
		for (unsigned bit = 0; bit < 64; bit++)
			ones[bit] += number >> bit & 1;
	}
	for (unsigned bit = 0; bit < 64; bit++)
		assert_in_range(ones[bit], 4750, 5250); /* five standard deviations */
}

static void drop_reasons_have_name_and_text(void **state)
{
	assert_string_equal(drop_reason_name(DROP_UDP_QUEUE_FULL), "UDP_QUEUE_FULL");
	assert_string_equal(
		drop_reason_text(DROP_FRAME_SHORT), "frame shorter than its own headers");
	assert_string_equal(drop_reason_name(DROP_REASON_COUNT), "UNKNOWN");
	assert_string_equal(drop_reason_text((enum drop_reason) - 1), "unknown");
	for (int i = 0; i < DROP_REASON_COUNT; i++) {
		assert_true(drop_reason_name((enum drop_reason)i)[0] >= 'A');
		assert_true(drop_reason_text((enum drop_reason)i)[0] != '\0');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reference_vectors_give_reference_hashes),
		cmocka_unit_test(generators_of_one_key_differ_by_stream_and_step),
		cmocka_unit_test(bits_of_the_generator_are_balanced),
		cmocka_unit_test(drop_reasons_have_name_and_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
