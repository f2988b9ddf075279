/* SPDX-License-Identifier: BSD-3-Clause */
/* Listening, connecting and addresses over a wire in virtual time, our stack at both ends. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/api/rig.h"

#define PORT   7000
#define SECOND ((int64_t)1000000000)

static int64_t after(struct rig *rig, int64_t ns)
{
	return rig->now + ns;
}

static rws_socket_t listen_at_1(struct rig *rig, const struct rws_options *options)
{
	struct rws_address address = rig_address(1, false, PORT);
	rws_socket_t server;

	assert_int_equal(rws_tcp_bind(rig->sel[1], &address, options, &server), 0);
	return server;
}

/* Starts a connection from end 0 to the listener's port at end 1. */
static rws_socket_t connecting(struct rig *rig)
{
	struct rws_address address = rig_address(1, false, PORT);
	rws_socket_t s;

	assert_int_equal(rws_tcp_connect(rig->sel[0], &address, NULL, &s), 0);
	return s;
}

static rws_socket_t connected(struct rig *rig)
{
	rws_socket_t s = connecting(rig);

	assert_int_equal(rws_await(s, RWS_EV_CONNECTED, after(rig, SECOND)), RWS_EV_CONNECTED);
	return s;
}

static void expect_refused(struct rig *rig)
{
	rws_socket_t s = connecting(rig);

	assert_int_equal(rws_await(s, RWS_EV_CONNECTED, after(rig, SECOND)), -ECONNREFUSED);
	rws_dispose(s);
}

static void b092_refused_connections_leave_nothing_behind(void **state)
{
	struct rig *rig = *state;

	for (unsigned i = 0; i < 100; i++)
		expect_refused(rig);
	rig_run(rig, SECOND);
	assert_int_equal(rig_counter(rig, 0, "tcp.connections"), 0);
}

static void b094_a_cancelled_connect_leaves_no_half_open_connection(void **state)
{
	struct rig *rig = *state;
	rws_socket_t server = listen_at_1(rig, NULL), s = connected(rig), accepted;

	assert_int_equal(rws_accept(server, &accepted), -EAGAIN);
	rig_run(rig, SECOND / 10);
	assert_int_equal(rws_accept(server, &accepted), 0);
	rws_dispose(s);
	rws_dispose(accepted);
	rig_run(rig, 3 * SECOND);
	uint64_t before = rig_counter(rig, 0, "tcp.connections");
	s = connecting(rig);
	rws_selector_run_once(rig->sel[0]); /* the SYN is out */
	assert_int_equal(rws_close(s), 0);
	assert_int_equal(rws_await_closed(s, after(rig, SECOND)), 0);
	rws_dispose(s);
	rig_run(rig, SECOND);
	assert_int_equal(rig_counter(rig, 0, "tcp.connections"), before);
	rig_run(rig, SECOND);
	assert_int_equal(rws_accept(server, &accepted), -EAGAIN);
	rws_dispose(server);
	rig_run(rig, SECOND);
}

static void b095_a_socket_does_not_connect_to_itself(void **state)
{
	struct rig *rig = *state;
	struct rws_address own = rig_address(0, false, PORT);
	struct rws_options options = {.local = own};
	rws_socket_t s;

	assert_int_equal(rws_tcp_connect(rig->sel[0], &own, &options, &s), 0);
	assert_int_equal(rws_await(s, RWS_EV_CONNECTED, after(rig, SECOND)), -EINVAL);
	assert_int_equal(rws_await_closed(s, RWS_NOW), -EINVAL);
	assert_int_equal(rig_counter(rig, 0, "tcp.connections"), 0);
	rws_dispose(s);
	rig_run(rig, SECOND);
}

static void b097_a_port_is_bound_ten_times_in_a_row(void **state)
{
	struct rig *rig = *state;

	for (unsigned i = 0; i < 10; i++) {
		rws_socket_t server = listen_at_1(rig, NULL);
		rws_close(server);
		rws_dispose(server);
	}
	rws_socket_t server = listen_at_1(rig, NULL), s = connected(rig);
	rws_dispose(s);
	rws_dispose(server);
	rig_run(rig, SECOND);
}

/* Those that nobody accepted are reset; the port is closed. */
static void b098_a_closed_listener_resets_who_waits(void **state)
{
	struct rig *rig = *state;
	rws_socket_t server = listen_at_1(rig, NULL), s = connected(rig), accepted;

	rig_run(rig, SECOND / 10);
	assert_int_equal(rws_close(server), 0);
	assert_true(rws_is_closed(server));
	assert_int_equal(rws_accept(server, &accepted), -ECANCELED);
	assert_int_equal(rws_await(server, RWS_EV_ACCEPTABLE, after(rig, SECOND)), -ECANCELED);
	assert_int_equal(rws_await_closed(s, after(rig, SECOND)), -ECONNRESET);
	expect_refused(rig);
	rws_dispose(s);
	rws_dispose(server);
	rig_run(rig, SECOND);
}

static void b098_a_listener_closed_at_once_refuses(void **state)
{
	struct rig *rig = *state;
	rws_socket_t server = listen_at_1(rig, NULL);

	assert_int_equal(rws_close(server), 0);
	expect_refused(rig);
	rws_dispose(server);
	rig_run(rig, SECOND);
}

static void b100_a_peer_that_reset_before_accept_is_skipped(void **state)
{
	struct rig *rig = *state;
	rws_socket_t server = listen_at_1(rig, NULL), dead = connected(rig), alive, accepted;
	struct rws_address local, remote;

	rig_run(rig, SECOND / 10);
	rws_abort(dead, -ECONNABORTED);
	rig_run(rig, SECOND / 10);
	alive = connected(rig);
	rig_run(rig, SECOND / 10);
	assert_int_equal(rws_accept(server, &accepted), 0);
	assert_int_equal(rws_local_address(alive, &local), 0);
	assert_int_equal(rws_remote_address(accepted, &remote), 0);
	assert_true(rws_address_equal(&local, &remote));
	rws_socket_t none;
	assert_int_equal(rws_accept(server, &none), -EAGAIN);
	assert_false(rws_is_closed(server));
	rws_dispose(dead);
	rws_dispose(alive);
	rws_dispose(accepted);
	rws_dispose(server);
	rig_run(rig, SECOND);
}

/* Beyond the backlog: reset, counted; and there is room again once some were accepted. */
static void b101_connections_beyond_the_backlog_are_reset(void **state)
{
	enum { BACKLOG = 4, MORE = 6 };
	struct rig *rig = *state;
	const struct rws_options options = {.backlog = BACKLOG};
	rws_socket_t server = listen_at_1(rig, &options), s[BACKLOG + MORE], accepted[16];
	unsigned alive = 0;

	for (unsigned i = 0; i < BACKLOG + MORE; i++) {
		s[i] = connected(rig);
		rig_run(rig, SECOND / 100);
	}
	rig_run(rig, SECOND);
	for (unsigned i = 0; i < BACKLOG + MORE; i++) {
		alive += !rws_is_closed(s[i]);
		if (rws_is_closed(s[i]))
			assert_int_equal(rws_await_closed(s[i], RWS_NOW), -ECONNRESET);
		rws_dispose(s[i]);
	}
	assert_int_equal(alive, BACKLOG);
	assert_int_equal(rig_counter(rig, 1, "drop.accept_queue_full"), MORE);
	assert_int_equal(rws_accept_burst(server, accepted, 16), BACKLOG);
	for (unsigned i = 0; i < BACKLOG; i++)
		rws_dispose(accepted[i]);
	s[0] = connected(rig);
	assert_int_equal(
		rws_await(server, RWS_EV_ACCEPTABLE, after(rig, SECOND)), RWS_EV_ACCEPTABLE);
	assert_int_equal(rws_accept(server, &accepted[0]), 0);
	rws_dispose(accepted[0]);
	rws_dispose(s[0]);
	rws_dispose(server);
	rig_run(rig, SECOND);
}

static void b104_the_remote_address_is_valid_until_dispose(void **state)
{
	struct rig *rig = *state;
	struct rws_address expected = rig_address(1, false, PORT), address;
	rws_socket_t server = listen_at_1(rig, NULL), s = connecting(rig), accepted;

	assert_int_equal(rws_remote_address(s, &address), -ENOTCONN);
	assert_int_equal(rws_await(s, RWS_EV_CONNECTED, after(rig, SECOND)), RWS_EV_CONNECTED);
	rig_run(rig, SECOND / 10);
	assert_int_equal(rws_accept(server, &accepted), 0);
	rws_abort(accepted, -ECONNABORTED);
	assert_int_equal(rws_await_closed(s, after(rig, SECOND)), -ECONNRESET);
	assert_int_equal(rws_remote_address(s, &address), 0);
	assert_true(rws_address_equal(&address, &expected));
	rws_close(s);
	rig_run(rig, SECOND);
	assert_int_equal(rws_remote_address(s, &address), 0);
	assert_true(rws_address_equal(&address, &expected));
	rws_dispose(s);
	assert_int_equal(rws_remote_address(s, &address), -EBADF);
	assert_int_equal(rws_remote_address(server, &address), -ENOTCONN);
	rws_dispose(accepted);
	rws_dispose(server);
	rig_run(rig, SECOND);
}

static void b105_the_local_address_before_the_stack_chose_it_is_einval(void **state)
{
	struct rig *rig = *state;
	rws_socket_t server = listen_at_1(rig, NULL), s = connecting(rig);
	struct rws_address address, expected = rig_address(0, false, 0);

	assert_int_equal(rws_local_address(s, &address), -EINVAL);
	assert_int_equal(rws_await(s, RWS_EV_CONNECTED, after(rig, SECOND)), RWS_EV_CONNECTED);
	assert_int_equal(rws_local_address(s, &address), 0);
	assert_true(address.port != 0);
	expected.port = address.port;
	assert_true(rws_address_equal(&address, &expected));
	rws_dispose(s);
	rws_dispose(server);
	rig_run(rig, SECOND);
}

/*
 * Inline each core has the port, with channels each core has it for both; when one lets go of it
 * all connections come to the other.
 */
static void b110_closing_one_of_two_listeners_keeps_the_other(void **state)
{
	enum { CONNECTIONS = 16 };
	struct rig *rig = *state;
	struct rws_address address = rig_address(1, false, PORT);
	const struct rws_options options = {.reuse_port = true};
	rws_socket_t kept, closed, s[CONNECTIONS], accepted;

	assert_int_equal(rws_tcp_bind(rig->second, &address, &options, &kept), 0);
	assert_int_equal(rws_tcp_bind(rig->sel[1], &address, &options, &closed), 0);
	rws_dispose(closed);
	rig_run(rig, SECOND / 10);
	for (unsigned i = 0; i < CONNECTIONS; i++)
		s[i] = connected(rig);
	rig_run(rig, SECOND / 10);
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		assert_int_equal(rws_accept(kept, &accepted), 0);
		rws_dispose(accepted);
		rws_dispose(s[i]);
	}
	rws_dispose(kept);
	rig_run(rig, SECOND);
}

#define CASE(test) BOTH_CASE(test, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(b092_refused_connections_leave_nothing_behind),
		CASE(b094_a_cancelled_connect_leaves_no_half_open_connection),
		CASE(b095_a_socket_does_not_connect_to_itself),
		CASE(b097_a_port_is_bound_ten_times_in_a_row),
		CASE(b098_a_closed_listener_resets_who_waits),
		CASE(b098_a_listener_closed_at_once_refuses),
		CASE(b100_a_peer_that_reset_before_accept_is_skipped),
		CASE(b101_connections_beyond_the_backlog_are_reset),
		CASE(b104_the_remote_address_is_valid_until_dispose),
		CASE(b105_the_local_address_before_the_stack_chose_it_is_einval),
		BOTH_CASE(b110_closing_one_of_two_listeners_keeps_the_other, rig_setup_two_cores,
			rig_teardown),
	};

	return cmocka_run_group_tests_name(
		"wire listener", tests, rig_group_setup, rig_group_teardown);
}
