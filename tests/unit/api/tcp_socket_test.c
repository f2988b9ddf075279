/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP sockets: life, attach, jobs, close. Case names carry the contract's numbers. */
#include "tests/unit/api/fake.h"

static struct rws_selector *sel;
static struct fake_end *end;
static rws_socket_t s;

static int connected(void **state)
{
	sel = fake_start(RWS_INLINE, 1);
	s = fake_connect(sel, NULL, &end);
	return 0;
}

static int over(void **state)
{
	fake_stop(sel);
	return 0;
}

static void a001_close_with_nothing_open_is_complete_on_return(void **state)
{
	assert_int_equal(rws_close(s), 0);
	assert_true(rws_is_closed(s));
	assert_int_equal(rws_job_result(rws_socket_context(s)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a001_close_with_nothing_open_is_complete_on_return, connected, over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
