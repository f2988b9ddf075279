/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stack/base/bytes.h"
#include "stack/base/seq.h"

/* Where the circle of numbers is cut must not matter. */
static const uint32_t origins[] = {
	0, 1, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff, 0x12345678};
#define ORIGINS (sizeof(origins) / sizeof(origins[0]))

/* RFC 9293 3.4 */
static void later_number_is_greater_across_the_wrap(void **state)
{
	const uint32_t steps[] = {1, 2, 1000, 0x40000000, 0x7ffffffe, 0x7fffffff};
	for (unsigned i = 0; i < ORIGINS; i++) {
		for (unsigned j = 0; j < sizeof(steps) / sizeof(steps[0]); j++) {
			uint32_t a = origins[i], b = a + steps[j];
			assert_true(seq_lt(a, b) && seq_leq(a, b) && seq_gt(b, a) && seq_geq(b, a));
			assert_false(
				seq_lt(b, a) || seq_leq(b, a) || seq_gt(a, b) || seq_geq(a, b));
			assert_int_equal(seq_max(a, b), b);
			assert_int_equal(seq_max(b, a), b);
			assert_int_equal(seq_min(a, b), a);
			assert_int_equal(seq_min(b, a), a);
			assert_int_equal(seq_diff(b, a), steps[j]);
			assert_int_equal(seq_diff(a, b), -(int32_t)steps[j]);
			assert_true(ms_before(a, b) && !ms_before(b, a));
		}
	}
}

/* RFC 9293 3.4 */
static void number_equals_itself_only(void **state)
{
	for (unsigned i = 0; i < ORIGINS; i++) {
		uint32_t a = origins[i];
		assert_true(seq_leq(a, a) && seq_geq(a, a));
		assert_false(seq_lt(a, a) || seq_gt(a, a) || ms_before(a, a));
		assert_int_equal(seq_diff(a, a), 0);
		assert_int_equal(seq_max(a, a), a);
		assert_int_equal(seq_min(a, a), a);
	}
}

/* RFC 9293 3.4: "low =< x < high" of a window, which may be longer than 2^31. */
static void range_holds_its_low_end_and_not_its_high_end(void **state)
{
	for (unsigned i = 0; i < ORIGINS; i++) {
		uint32_t low = origins[i];
		assert_false(seq_between(low, low, low));
		assert_true(seq_between(low, low, low + 1));
		assert_false(seq_between(low + 1, low, low + 1));
		assert_false(seq_between(low - 1, low, low + 1));
		assert_true(seq_between(low + 99, low, low + 100));
		assert_false(seq_between(low + 100, low, low + 100));
		assert_true(seq_between(low + 0xfffffffd, low, low + 0xfffffffe));
		assert_false(seq_between(low + 0xfffffffe, low, low + 0xfffffffe));
	}
}

static void numbers_lie_big_endian_at_any_address(void **state)
{
	uint8_t bytes[16];
	for (unsigned at = 0; at < 8; at++) {
		memset(bytes, 0xee, sizeof(bytes));
		be16_put(bytes + at + 1, 0x1234);
		be32_put(bytes + at + 3, 0x56789abc);
		const uint8_t expected[] = {0xee, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xee};
		assert_memory_equal(bytes + at, expected, sizeof(expected));
		assert_int_equal(be16_get(bytes + at + 1), 0x1234);
		assert_int_equal(be32_get(bytes + at + 3), 0x56789abc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(later_number_is_greater_across_the_wrap),
		cmocka_unit_test(number_equals_itself_only),
		cmocka_unit_test(range_holds_its_low_end_and_not_its_high_end),
		cmocka_unit_test(numbers_lie_big_endian_at_any_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
