/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/proxy_handshake.h"

#include <errno.h>

#include "tests/unit/apps/cmocka_all.h"

static void those_under_way_are_bounded(void **state)
{
	struct proxy_handshakes h = {.max = 3};

	assert_int_equal(proxy_handshake_places(&h, 2), 2);
	assert_int_equal(proxy_handshake_places(&h, 100), 3);
	proxy_handshake_begins(&h);
	proxy_handshake_begins(&h);
	assert_int_equal(proxy_handshake_places(&h, 100), 1);
	proxy_handshake_begins(&h);
	assert_int_equal(proxy_handshake_places(&h, 100), 0);
	proxy_handshake_ended(&h, 0);
	proxy_handshake_ended(&h, -EPROTO);
	assert_int_equal(proxy_handshake_places(&h, 100), 2);
	assert_int_equal(proxy_handshake_places(&h, 0), 0);
}

static void failures_are_counted_by_their_reason(void **state)
{
	static const struct {
		int error;
		enum proxy_handshake_failure failure;
	} cases[] = {
		{-EPROTO, HANDSHAKE_REFUSED},
		{-EKEYREJECTED, HANDSHAKE_REJECTED},
		{-ETIMEDOUT, HANDSHAKE_LATE},
		{-ENOBUFS, HANDSHAKE_NO_MEMORY},
		{-ENOMEM, HANDSHAKE_NO_MEMORY},
		{-ECONNRESET, HANDSHAKE_LOST},
		{-ECONNABORTED, HANDSHAKE_LOST},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct proxy_handshakes h = {.max = 1};

		proxy_handshake_begins(&h);
		proxy_handshake_ended(&h, cases[i].error);
		for (unsigned f = 0; f < HANDSHAKE_FAILURES; f++)
			assert_int_equal(h.failed[f], f == cases[i].failure);
		assert_int_equal(h.done, 0);
	}
}

static void those_that_are_done_are_no_failures(void **state)
{
	struct proxy_handshakes h = {.max = 1};

	proxy_handshake_begins(&h);
	proxy_handshake_ended(&h, 0);
	assert_int_equal(h.done, 1);
	for (unsigned f = 0; f < HANDSHAKE_FAILURES; f++)
		assert_int_equal(h.failed[f], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_under_way_are_bounded),
		cmocka_unit_test(failures_are_counted_by_their_reason),
		cmocka_unit_test(those_that_are_done_are_no_failures),
	};

	return cmocka_run_group_tests_name("proxy_handshake", tests, NULL, NULL);
}
