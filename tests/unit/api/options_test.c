/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/options.h"

#include "tests/unit/api/fake.h"

/* ---- Sharing ---------------------------------------------------------------------------- */

static void equal_options_are_one_copy(void **state)
{
	struct options_seen seen = {0};
	struct rws_options same = {.keep_alive = true, .local = fake_peer};

	const struct rws_options *a =
		options_take(&seen, SOCK_TCP, &(struct rws_options){.keep_alive = true});
	const struct rws_options *b = options_take(&seen, SOCK_TCP, &same);
	assert_non_null(a);
	assert_ptr_equal(a, b); /* the local end is the socket's own */
	assert_int_equal(b->local.family, 0);
	options_drop(a);
	options_drop(b);
	options_forget(&seen);
}

static void defaults_are_equal_to_what_they_stand_for(void **state)
{
	struct options_seen seen = {0};
	const struct rws_options *a = options_take(&seen, SOCK_LISTENER, NULL);
	const struct rws_options *b = options_take(&seen, SOCK_LISTENER,
		&(struct rws_options){.ttl = 64, .backlog = 511, .keep_count = 9});

	assert_ptr_equal(a, b);
	assert_int_equal(a->send_buffer, 1 << 20);
	options_drop(a);
	options_drop(b);
	options_forget(&seen);
}

static void options_that_differ_are_two_copies(void **state)
{
	struct options_seen seen = {0};
	const struct rws_options all[] = {
		{.type_of_service = 4},
		{.ttl = 1},
		{.reuse_address = true},
		{.reuse_port = true},
		{.delay = true},
		{.keep_alive = true},
		{.broadcast = true},
		{.rst_drop = true},
		{.backlog = 1},
		{.send_buffer = 1},
		{.receive_buffer = 1},
		{.linger_ns = 1},
		{.linger_zero = true},
		{.keep_idle_ns = 1},
		{.keep_interval_ns = 1},
		{.keep_count = 1},
		{.user_timeout_ns = 1},
		{.socket_timeout_ns = 1},
		{.connect_timeout_ns = 1},
		{.multicast_ttl = 2},
		{.no_multicast_loop = true},
	};
	enum { COUNT = sizeof(all) / sizeof(all[0]) };
	const struct rws_options *taken[COUNT];

	for (unsigned i = 0; i < COUNT; i++) {
		taken[i] = options_take(&seen, SOCK_LISTENER, &all[i]);
		for (unsigned before = 0; before < i; before++)
			assert_ptr_not_equal(taken[i], taken[before]);
	}
	/* Those that are long forgotten are still right for who has them. */
	assert_int_equal(taken[0]->type_of_service, 4);
	assert_int_equal(taken[1]->ttl, 1);
	for (unsigned i = 0; i < COUNT; i++)
		options_drop(taken[i]);
	options_forget(&seen);
}

/* ---- As the API sees them --------------------------------------------------------------- */

static struct fake_end *end;

static struct rws_address local_after(const struct rws_address *asked)
{
	struct rws_options options = {.local = *asked};
	rws_socket_t s = fake_connect(sel, &options, &end);

	assert_int_equal(rws_get_options(s, &options), 0);
	return options.local;
}

/* The connection's own local end is 10.0.0.1 and some port; the options say what was asked for. */
static void local_end_in_the_options_is_what_was_asked_for(void **state)
{
	const struct rws_address asked[] = {
		{0},
		{.family = RWS_IPV4},
		{.family = RWS_IPV4, .port = 7},
		{.family = RWS_IPV4, .ip = {10, 0, 0, 1}},
		{.family = RWS_IPV4, .port = 8, .ip = {10, 0, 0, 1}},
		{.port = 9},
	};

	for (unsigned i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		struct rws_address told = local_after(&asked[i]);
		assert_true(rws_address_equal(&told, &asked[i]));
		assert_int_equal(end->setup.local_port, asked[i].port);
	}
}

static void local_end_is_not_bound_before_the_stack_says_so(void **state)
{
	struct rws_options options = {
		.local = {.family = RWS_IPV4, .port = 8, .ip = {10, 0, 0, 1}}};
	struct rws_address local;
	rws_socket_t s;

	assert_int_equal(rws_tcp_connect(sel, &fake_peer, &options, &s), 0);
	assert_int_equal(rws_local_address(s, &local), -EINVAL);
	assert_int_equal(rws_get_options(s, &options), 0);
	assert_int_equal(options.local.port, 8);
	fake_turn(sel, 2);
	assert_int_equal(rws_local_address(s, &local), 0);
	assert_int_equal(local.port, 8);
}

#define CASE(test) BOTH_CASE(test, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_options_are_one_copy),
		cmocka_unit_test(defaults_are_equal_to_what_they_stand_for),
		cmocka_unit_test(options_that_differ_are_two_copies),
		CASE(local_end_in_the_options_is_what_was_asked_for),
		CASE(local_end_is_not_bound_before_the_stack_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
