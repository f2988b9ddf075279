/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/http_range.h"

#include "tests/unit/apps/cmocka_all.h"

static uint64_t first, count;

static void assert_part(const char *value, uint64_t length, uint64_t begin, uint64_t n)
{
	first = count = UINT64_MAX;
	assert_int_equal(http_range_parse(value, length, &first, &count), HTTP_RANGE_PART);
	assert_int_equal(first, begin);
	assert_int_equal(count, n);
}

static void assert_other(const char *value, uint64_t length, enum http_range range)
{
	assert_int_equal(http_range_parse(value, length, &first, &count), range);
}

static void range_within_body_is_a_part(void **state)
{
	assert_part("bytes=0-0", 10, 0, 1);
	assert_part("bytes=0-9", 10, 0, 10);
	assert_part("bytes=3-5", 10, 3, 3);
	assert_part("BYTES=3-5", 10, 3, 3);
}

static void range_past_the_end_is_cut(void **state)
{
	assert_part("bytes=5-99", 10, 5, 5);
	assert_part("bytes=5-18446744073709551615", 10, 5, 5);
}

static void range_without_end_is_the_rest(void **state)
{
	assert_part("bytes=9-", 10, 9, 1);
	assert_part("bytes=0-", UINT64_C(1) << 40, 0, UINT64_C(1) << 40);
}

static void range_without_begin_is_the_last_bytes(void **state)
{
	assert_part("bytes=-1", 10, 9, 1);
	assert_part("bytes=-10", 10, 0, 10);
	assert_part("bytes=-11", 10, 0, 10);
}

static void range_outside_is_told(void **state)
{
	assert_other("bytes=10-", 10, HTTP_RANGE_OUTSIDE);
	assert_other("bytes=10-20", 10, HTTP_RANGE_OUTSIDE);
	assert_other("bytes=-0", 10, HTTP_RANGE_OUTSIDE);
	assert_other("bytes=0-", 0, HTTP_RANGE_OUTSIDE);
	assert_other("bytes=-5", 0, HTTP_RANGE_OUTSIDE);
}

static void range_broken_or_several_means_all(void **state)
{
	static const char *const values[] = {"", "bytes", "bytes=", "bytes=-", "bytes=5",
		"bytes=5-3", "bytes=a-b", "bytes= 1-2", "bytes=1-2 ", "bytes=1-2,4-5", "lines=1-2",
		"bytes=--1", "bytes=1--2", "bytes=0x1-2", "bytes=99999999999999999999-",
		"bytes=0-99999999999999999999", "bytes=-99999999999999999999"};

	for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		assert_other(values[i], 10, HTTP_RANGE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(range_within_body_is_a_part),
		cmocka_unit_test(range_past_the_end_is_cut),
		cmocka_unit_test(range_without_end_is_the_rest),
		cmocka_unit_test(range_without_begin_is_the_last_bytes),
		cmocka_unit_test(range_outside_is_told),
		cmocka_unit_test(range_broken_or_several_means_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
