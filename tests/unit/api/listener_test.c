/* SPDX-License-Identifier: BSD-3-Clause */
/* Listening, accepting and connecting. Case names carry the contract's numbers. */
#include "tests/unit/api/fake.h"

#define CASE(test) BOTH_CASE(test, fake_setup, fake_teardown)

static const struct rws_address port_7 = {.port = 7};

static rws_socket_t listen_with(const struct rws_options *options, struct fake_end **end)
{
	rws_socket_t server;

	assert_int_equal(rws_tcp_bind(sel, &port_7, options, &server), 0);
	*end = fake.latest;
	return server;
}

static void accepted_connection_works(void **state)
{
	struct fake_end *listener, *end;
	rws_socket_t server = listen_with(NULL, &listener), s;
	struct rws_address remote;
	struct rws_event event;
	rws_channel_t in, out;

	assert_int_equal(rws_accept(server, &s), -EAGAIN);
	end = fake_accept(listener);
	assert_int_equal(rws_selector_select(sel, &event, 1, rws_now(sel) + MS), 1);
	assert_int_equal(event.handle, server);
	assert_int_equal(event.bits, RWS_EV_ACCEPTABLE);
	assert_int_equal(event.avail, 1);
	assert_int_equal(rws_accept(server, &s), 0);
	assert_int_equal(rws_accept(server, &s), -EAGAIN);
	assert_int_equal(rws_remote_address(s, &remote), 0);
	assert_int_equal(remote.port, 5000);
	assert_int_equal(rws_connection(s, &in, &out), 0);
	rws_write_available(out, "hi", 2);
	rws_close(s);
	assert_int_equal(rws_await_closed(s, rws_now(sel) + MS), 0);
	assert_memory_equal(end->sent, "hi", 2);
	assert_true(end->adopted && end->shut);
}

static void h_data_before_accept_is_told_after_it(void **state)
{
	struct fake_end *listener, *end;
	rws_socket_t server = listen_with(NULL, &listener), s;
	struct rws_event event;
	rws_channel_t in;
	char buf[8];

	end = fake_accept(listener);
	fake_turn(sel, 2);
	fake_data(end, "early", 5);
	fake_turn(sel, 1);
	assert_int_equal(rws_selector_select(sel, &event, 1, RWS_NOW), 1);
	assert_int_equal(event.handle, server);
	assert_int_equal(rws_selector_select(sel, &event, 1, RWS_NOW), 0);
	assert_int_equal(rws_accept(server, &s), 0);
	assert_int_equal(rws_selector_select(sel, &event, 1, RWS_NOW), 1);
	assert_int_equal(event.handle, s);
	assert_int_equal(event.bits, RWS_EV_READABLE);
	assert_int_equal(event.avail, 5);
	rws_open_read_channel(s, &in);
	assert_int_equal(rws_read_available(in, buf, 8), 5);
}

static void b097_bind_and_close_ten_times(void **state)
{
	struct fake_end *listener;

	for (unsigned i = 0; i < 10; i++) {
		rws_socket_t server = listen_with(NULL, &listener);
		assert_int_equal(rws_close(server), 0);
		assert_true(rws_is_closed(server));
		rws_dispose(server);
		fake_turn(sel, 2);
	}
	assert_int_equal(fake_count(REQ_RELEASE), 10);
}

static void b098_close_with_waiting_connections_resets_them(void **state)
{
	struct fake_end *listener;
	rws_socket_t server = listen_with(NULL, &listener), s;

	for (unsigned i = 0; i < 3; i++)
		fake_accept(listener);
	fake_turn(sel, 2);
	assert_int_equal(rws_close(server), 0);
	assert_int_equal(rws_accept(server, &s), -ECANCELED);
	assert_int_equal(rws_await(server, RWS_EV_ACCEPTABLE, rws_now(sel) + MS), -ECANCELED);
	fake_accept(listener);
	fake_turn(sel, 4);
	assert_int_equal(fake_count(REQ_ABORT), 4);
	assert_int_equal(fake_count(REQ_RELEASE), 5);
}

static void b099_an_accept_that_waited_in_vain_leaves_the_listener(void **state)
{
	struct fake_end *listener;
	rws_socket_t server = listen_with(NULL, &listener), s;

	assert_int_equal(rws_accept(server, &s), -EAGAIN);
	assert_int_equal(rws_await(server, RWS_EV_ACCEPTABLE, rws_now(sel) + 10 * MS), -ETIMEDOUT);
	assert_false(rws_is_closed(server));
	fake_accept(listener);
	assert_int_equal(
		rws_await(server, RWS_EV_ACCEPTABLE, rws_now(sel) + 10 * MS), RWS_EV_ACCEPTABLE);
	assert_int_equal(rws_accept(server, &s), 0);
}

static void b100_a_dead_peer_is_skipped(void **state)
{
	struct fake_end *listener, *dead;
	rws_socket_t server = listen_with(NULL, &listener), s;
	struct rws_address remote;

	dead = fake_accept(listener);
	fake_turn(sel, 2);
	struct fake_end *alive = fake_accept(listener);
	alive->conn.remote_port = 6000;
	fake_data(dead, "x", 1);
	fake_error(dead, -ECONNRESET);
	fake_turn(sel, 2);
	assert_int_equal(rws_accept(server, &s), 0);
	assert_int_equal(rws_remote_address(s, &remote), 0);
	assert_int_equal(remote.port, 6000);
	assert_int_equal(rws_accept(server, &s), -EAGAIN);
	assert_false(rws_is_closed(server));
}

static void b101_backlog_overflow_is_reset_and_recovers(void **state)
{
	struct fake_end *listener;
	rws_socket_t server = listen_with(&(struct rws_options){.backlog = 4}, &listener);
	rws_socket_t s[8];

	for (unsigned i = 0; i < 700; i++)
		fake_accept(listener);
	fake_turn(sel, 30);
	assert_int_equal(fake_count(REQ_ABORT), 696);
	assert_int_equal(atomic_load(&fake.rws.accept_overflows), 696);
	assert_int_equal(rws_accept_burst(server, s, 8), 4);
	fake_accept(listener);
	fake_turn(sel, 2);
	assert_int_equal(rws_accept_burst(server, s, 8), 1);
}

static void b103_accepted_socket_inherits_the_options(void **state)
{
	struct fake_end *listener;
	struct rws_options options = {.keep_alive = true,
		.delay = true,
		.type_of_service = 16,
		.send_buffer = 5000,
		.receive_buffer = 60000,
		.linger_ns = 7 * MS};
	rws_socket_t server = listen_with(&options, &listener), s;

	fake_accept(listener);
	fake_turn(sel, 2);
	assert_int_equal(rws_accept(server, &s), 0);
	assert_int_equal(rws_get_options(s, &options), 0);
	assert_true(options.keep_alive && options.delay);
	assert_int_equal(options.type_of_service, 16);
	assert_int_equal(options.send_buffer, 5000);
	assert_int_equal(options.receive_buffer, 60000);
	assert_int_equal(options.linger_ns, 7 * MS);
}

static void h_listen_error_is_returned_and_leaves_nothing(void **state)
{
	rws_socket_t server;

	fake.open_error = -EADDRINUSE;
	assert_int_equal(rws_tcp_bind(sel, &port_7, NULL, &server), -EADDRINUSE);
	assert_int_equal(rws_close(server), -EBADF);
	fake_turn(sel, 2);
	assert_int_equal(fake_count(REQ_RELEASE), 1);
}

/* Channel only: inline a selector has one core, and so has its listener. */
static void b110_with_two_cores_both_listen_on_the_port_that_the_first_picked(void **state)
{
	struct rws_address any = {0}, local;
	rws_socket_t server, s[2];

	fake_stop();
	fake_start(placement_of(state), 2);
	assert_int_equal(rws_tcp_bind(sel, &any, NULL, &server), 0);
	assert_int_equal(fake_count(REQ_LISTEN), 2);
	assert_int_equal(fake.ends[0].asked_port, 0);
	assert_int_equal(fake.ends[1].asked_port, 40000);
	assert_ptr_not_equal(fake.ends[0].ep.chan, fake.ends[1].ep.chan);
	assert_int_equal(rws_local_address(server, &local), 0);
	assert_int_equal(local.port, 40000);
	fake_accept(&fake.ends[0]);
	fake_accept(&fake.ends[1]);
	fake_turn(sel, 2);
	assert_int_equal(rws_accept_burst(server, s, 2), 2);
	rws_dispose(server);
}

static void h_second_core_in_use_closes_the_first(void **state)
{
	rws_socket_t server;

	fake_stop();
	fake_start(placement_of(state), 2);
	fake.fail_second_listen = true;
	assert_int_equal(rws_tcp_bind(sel, &port_7, NULL, &server), -EADDRINUSE);
	assert_int_equal(rws_close(server), -EBADF);
}

/* ---- Connecting ------------------------------------------------------------------------- */

static void b092_refused_connection_is_an_error_event(void **state)
{
	struct rws_event events[4];
	rws_socket_t s;

	fake.no_connect = true;
	assert_int_equal(rws_tcp_connect(sel, &fake_peer, NULL, &s), 0);
	fake_turn(sel, 2);
	fake_error(fake.latest, -ECONNREFUSED);
	assert_int_equal(rws_selector_select(sel, events, 4, rws_now(sel) + MS), 2);
	assert_int_equal(events[0].bits, RWS_EV_ERROR);
	assert_int_equal(events[0].result, -ECONNREFUSED);
	assert_int_equal(events[1].bits, RWS_EV_CONTEXT_DONE);
	assert_int_equal(events[1].result, -ECONNREFUSED);
	assert_int_equal(rws_await(s, RWS_EV_CONNECTED, rws_now(sel) + MS), -ECONNREFUSED);
}

static void b092_no_route_is_an_error_event(void **state)
{
	rws_socket_t s;

	fake.open_error = -ENETUNREACH;
	assert_int_equal(rws_tcp_connect(sel, &fake_peer, NULL, &s), 0);
	assert_int_equal(rws_await(s, RWS_EV_CONNECTED, rws_now(sel) + MS), -ENETUNREACH);
	assert_true(rws_is_closed(s));
}

static void b093_connect_deadline_leaves_the_attempt(void **state)
{
	rws_socket_t s;
	struct rws_address remote;

	fake.no_connect = true;
	assert_int_equal(rws_tcp_connect(sel, &fake_peer, NULL, &s), 0);
	assert_int_equal(rws_await(s, RWS_EV_CONNECTED, rws_now(sel) + MS), -ETIMEDOUT);
	assert_int_equal(rws_remote_address(s, &remote), -ENOTCONN);
	fake_connected(fake.latest);
	assert_int_equal(rws_await(s, RWS_EV_CONNECTED, rws_now(sel) + MS), RWS_EV_CONNECTED);
}

static void b094_close_while_connecting_resets(void **state)
{
	rws_socket_t s;

	fake.no_connect = true;
	assert_int_equal(rws_tcp_connect(sel, &fake_peer, NULL, &s), 0);
	fake_turn(sel, 1);
	assert_int_equal(rws_close(s), 0);
	assert_int_equal(rws_await_closed(s, RWS_NOW), 0);
	fake_turn(sel, 2);
	assert_int_equal(fake_count(REQ_ABORT), 1);
	assert_int_equal(fake_count(REQ_RELEASE), 1);
}

static void b094_dispose_before_the_request_left_is_safe(void **state)
{
	rws_socket_t s;

	assert_int_equal(rws_tcp_connect(sel, &fake_peer, NULL, &s), 0);
	rws_dispose(s);
	fake_turn(sel, 3);
	assert_int_equal(fake_count(REQ_CONNECT), 1);
	assert_int_equal(fake_count(REQ_RELEASE), 1);
}

static void h_bytes_written_while_connecting_are_sent_then(void **state)
{
	rws_channel_t in, out;
	rws_socket_t s;

	fake.no_connect = true;
	assert_int_equal(rws_tcp_connect(sel, &fake_peer, NULL, &s), 0);
	assert_int_equal(rws_connection(s, &in, &out), 0);
	assert_int_equal(rws_write_available(out, "early", 5), 5);
	rws_close(s);
	fake_turn(sel, 3);
	assert_int_equal(fake_count(REQ_SEND), 0);
	fake_connected(fake.latest);
	assert_int_equal(rws_await_closed(s, rws_now(sel) + MS), 0);
	assert_memory_equal(fake.latest->sent, "early", 5);
}

static void h_bad_remotes_fail_at_once(void **state)
{
	struct rws_address remote = fake_peer;
	struct rws_options options = {.local = {.family = RWS_IPV6}};
	rws_socket_t s = 9;

	assert_int_equal(rws_tcp_connect(sel, NULL, NULL, &s), -EINVAL);
	remote.port = 0;
	assert_int_equal(rws_tcp_connect(sel, &remote, NULL, &s), -EINVAL);
	remote = fake_peer;
	remote.family = 9;
	assert_int_equal(rws_tcp_connect(sel, &remote, NULL, &s), -EAFNOSUPPORT);
	remote = fake_peer;
	remote.ip[0] = 224;
	assert_int_equal(rws_tcp_connect(sel, &remote, NULL, &s), -EINVAL);
	memset(remote.ip, 0, 4);
	assert_int_equal(rws_tcp_connect(sel, &remote, NULL, &s), -EINVAL);
	assert_int_equal(rws_tcp_connect(sel, &fake_peer, &options, &s), -EINVAL);
	assert_int_equal(s, 9);
	assert_int_equal(fake.logged, 0);
}

static void b104_addresses_are_valid_until_dispose(void **state)
{
	struct fake_end *end;
	rws_socket_t s = fake_connect(sel, NULL, &end);
	struct rws_address address;

	fake_error(end, -ECONNRESET);
	fake_turn(sel, 3);
	assert_int_equal(rws_remote_address(s, &address), 0);
	assert_true(rws_address_equal(&address, &fake_peer));
	assert_int_equal(rws_local_address(s, &address), 0);
	assert_int_equal(address.port, 40000);
	rws_dispose(s);
	assert_int_equal(rws_remote_address(s, &address), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(accepted_connection_works),
		CASE(h_data_before_accept_is_told_after_it),
		CASE(b097_bind_and_close_ten_times),
		CASE(b098_close_with_waiting_connections_resets_them),
		CASE(b099_an_accept_that_waited_in_vain_leaves_the_listener),
		CASE(b100_a_dead_peer_is_skipped),
		CASE(b101_backlog_overflow_is_reset_and_recovers),
		CASE(b103_accepted_socket_inherits_the_options),
		CASE(h_listen_error_is_returned_and_leaves_nothing),
		CHANNEL_CASE(b110_with_two_cores_both_listen_on_the_port_that_the_first_picked,
			fake_setup, fake_teardown),
		CHANNEL_CASE(h_second_core_in_use_closes_the_first, fake_setup, fake_teardown),
		CASE(b092_refused_connection_is_an_error_event),
		CASE(b092_no_route_is_an_error_event),
		CASE(b093_connect_deadline_leaves_the_attempt),
		CASE(b094_close_while_connecting_resets),
		CASE(b094_dispose_before_the_request_left_is_safe),
		CASE(h_bytes_written_while_connecting_are_sent_then),
		CASE(h_bad_remotes_fail_at_once),
		CASE(b104_addresses_are_valid_until_dispose),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
