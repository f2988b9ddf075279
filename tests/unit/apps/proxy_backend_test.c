/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/proxy_backend.h"

#include <string.h>

#include "tests/unit/apps/cmocka_all.h"

#define TIMEOUT 1000

static struct proxy_backends backends;

static int start(void **state)
{
	memset(&backends, 0, sizeof(backends));
	backends.count = 3;
	backends.fail_timeout_ns = TIMEOUT;
	return 0;
}

/* What a client that comes at `now` gets first. */
static int first(int64_t now)
{
	uint64_t tried = 0;

	return proxy_backend_choose(&backends, now, &tried);
}

static void backends_take_turns(void **state)
{
	for (int i = 0; i < 7; i++)
		assert_int_equal(first(0), i % 3);
}

static void client_tries_each_once(void **state)
{
	uint64_t tried = 0;

	assert_int_equal(proxy_backend_choose(&backends, 0, &tried), 0);
	assert_int_equal(proxy_backend_choose(&backends, 0, &tried), 1);
	assert_int_equal(proxy_backend_choose(&backends, 0, &tried), 2);
	assert_int_equal(proxy_backend_choose(&backends, 0, &tried), -1);
	assert_int_equal(tried, 7);
}

static void one_that_failed_is_left_out(void **state)
{
	assert_true(proxy_backend_failed(&backends, 1, 100));
	assert_false(proxy_backend_failed(&backends, 1, 100)); /* known by now */
	assert_int_equal(first(100), 0);
	assert_int_equal(first(100), 2);
	assert_int_equal(first(100 + TIMEOUT - 1), 0);
	assert_int_equal(backends.each[1].failures, 2);
}

static void one_client_tries_it_again(void **state)
{
	proxy_backend_failed(&backends, 0, 100);
	backends.turn = 0;
	assert_int_equal(first(100 + TIMEOUT), 0);
	backends.turn = 0;
	assert_int_equal(first(100 + TIMEOUT), 1);
	/* That one never came to an end: after the same time, the next one. */
	backends.turn = 0;
	assert_int_equal(first(100 + 2 * TIMEOUT), 0);
}

static void one_that_was_connected_is_back(void **state)
{
	assert_false(proxy_backend_connected(&backends, 0)); /* was never gone */
	proxy_backend_failed(&backends, 0, 100);
	assert_true(proxy_backend_connected(&backends, 0));
	backends.turn = 0;
	assert_int_equal(first(100), 0);
	assert_int_equal(backends.each[0].connections, 2);
}

static void all_failed_leaves_none(void **state)
{
	for (int i = 0; i < 3; i++)
		proxy_backend_failed(&backends, i, 100);
	assert_int_equal(first(100), -1);
	assert_true(first(100 + TIMEOUT) >= 0);
}

static void sets_have_room_for_all(void **state)
{
	uint64_t tried = 0;

	backends.count = PROXY_BACKENDS;
	for (unsigned i = 0; i < PROXY_BACKENDS; i++)
		assert_int_equal(proxy_backend_choose(&backends, 0, &tried), (int)i);
	assert_int_equal(proxy_backend_choose(&backends, 0, &tried), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(backends_take_turns, start),
		cmocka_unit_test_setup(client_tries_each_once, start),
		cmocka_unit_test_setup(one_that_failed_is_left_out, start),
		cmocka_unit_test_setup(one_client_tries_it_again, start),
		cmocka_unit_test_setup(one_that_was_connected_is_back, start),
		cmocka_unit_test_setup(all_failed_leaves_none, start),
		cmocka_unit_test_setup(sets_have_room_for_all, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
