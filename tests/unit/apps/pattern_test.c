/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/pattern.h"

#include "tests/unit/apps/cmocka_all.h"

static uint8_t expected(uint64_t i)
{
	return (uint8_t)((uint64_t)(i % 65521 * 2654435761u & 0xffffffffu) >> 24);
}

static void copy_at_any_offset_gives_the_documented_bytes(void **state)
{
	static const uint64_t offsets[] = {0, 1, 65519, 65520, 65521, 65522, 131041,
		(UINT64_C(1) << 40) - 5, UINT64_C(4294967295)};
	uint8_t bytes[200];

	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		pattern_copy(bytes, offsets[i], sizeof(bytes));
		for (size_t j = 0; j < sizeof(bytes); j++)
			assert_int_equal(bytes[j], expected(offsets[i] + j));
	}
}

static void copy_longer_than_a_block_repeats_it(void **state)
{
	static uint8_t bytes[3 * PATTERN_BLOCK];

	pattern_copy(bytes, 7, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++) {
		if (bytes[i] != expected(7 + i))
			fail_msg("byte %zu is %u", i, bytes[i]);
	}
}

static void copy_of_nothing_writes_nothing(void **state)
{
	uint8_t byte = 0x5a;

	pattern_copy(&byte, 65521, 0);
	assert_int_equal(byte, 0x5a);
}

static int setup(void **state)
{
	pattern_init();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copy_at_any_offset_gives_the_documented_bytes),
		cmocka_unit_test(copy_longer_than_a_block_repeats_it),
		cmocka_unit_test(copy_of_nothing_writes_nothing),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
