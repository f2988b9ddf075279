/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of sockets as the API tells, changes and refuses them, in both placements. */
#include "tests/unit/api/fake.h"

#define CASE(test) BOTH_CASE(test, fake_setup, fake_teardown)
#define SECOND     (1000 * MS)
#define FOR_EVER   INT64_MAX

static const struct rws_address port_7 = {.port = 7};

static struct rws_options told(rws_socket_t s)
{
	struct rws_options options;

	assert_int_equal(rws_get_options(s, &options), 0);
	return options;
}

static rws_socket_t accept_one(
	rws_socket_t server, struct fake_end *listener, struct fake_end **end)
{
	rws_socket_t s;

	*end = fake_accept(listener);
	fake_turn(sel, 2);
	assert_int_equal(rws_accept(server, &s), 0);
	return s;
}

static rws_socket_t bind_udp(const struct rws_options *options, struct fake_end **end)
{
	rws_socket_t s;

	assert_int_equal(rws_udp_bind(sel, &port_7, options, &s), 0);
	*end = fake.latest;
	return s;
}

static rws_socket_t listen_on(const struct rws_options *options, struct fake_end **end)
{
	rws_socket_t s;

	assert_int_equal(rws_tcp_bind(sel, &port_7, options, &s), 0);
	*end = fake.latest;
	return s;
}

/* ---- What is told ----------------------------------------------------------------------- */

static void b106_defaults_are_filled_in(void **state)
{
	struct fake_end *end;
	const struct rws_options o = told(fake_connect(sel, NULL, &end));

	assert_int_equal(o.ttl, 64);
	assert_int_equal(o.send_buffer, 1 << 20);
	assert_int_equal(o.receive_buffer, 1 << 20);
	assert_int_equal(o.linger_ns, 30 * SECOND);
	assert_int_equal(o.keep_idle_ns, 7200 * SECOND);
	assert_int_equal(o.keep_interval_ns, 75 * SECOND);
	assert_int_equal(o.keep_count, 9);
	assert_int_equal(o.user_timeout_ns, 0);
	assert_int_equal(o.socket_timeout_ns, 0);
	assert_int_equal(o.connect_timeout_ns, 0);
	assert_int_equal(o.backlog, 0);
	assert_int_equal(told(listen_on(NULL, &end)).backlog, 511);
}

static void b106_times_are_rounded_up_and_values_clamped(void **state)
{
	struct rws_options asked = {.type_of_service = 0xff,
		.receive_buffer = 7,
		.send_buffer = UINT32_MAX,
		.keep_idle_ns = 1,
		.keep_interval_ns = 2 * MS + 1,
		.keep_count = 256,
		.user_timeout_ns = FOR_EVER,
		.socket_timeout_ns = 1,
		.connect_timeout_ns = FOR_EVER};
	struct fake_end *end;
	const struct rws_options o = told(fake_connect(sel, &asked, &end));

	assert_int_equal(o.type_of_service, 0xfc);
	assert_int_equal(o.receive_buffer, 11680);
	assert_int_equal(o.send_buffer, 1u << 31);
	assert_int_equal(o.keep_idle_ns, MS);
	assert_int_equal(o.keep_interval_ns, 3 * MS);
	assert_int_equal(o.keep_count, 255);
	assert_int_equal(o.user_timeout_ns, 1000000 * SECOND);
	assert_int_equal(o.socket_timeout_ns, 1);
	assert_true(o.connect_timeout_ns == FOR_EVER);
	assert_int_equal(end->setup.conn.keep_idle_ms, 1);
	assert_int_equal(end->setup.conn.keep_interval_ms, 3);
	assert_int_equal(end->setup.conn.keep_count, 255);
	assert_int_equal(end->setup.conn.user_timeout_ms, 1000000000);
}

static void b103_accepted_socket_inherits_all_of_its_listeners_options(void **state)
{
	const struct rws_options asked = {.type_of_service = 16,
		.ttl = 9,
		.delay = true,
		.keep_alive = true,
		.rst_drop = true,
		.send_buffer = 5000,
		.receive_buffer = 60000,
		.linger_ns = 7 * MS,
		.linger_zero = true,
		.keep_idle_ns = 20 * SECOND,
		.keep_interval_ns = 3 * SECOND,
		.keep_count = 4,
		.user_timeout_ns = 50 * SECOND,
		.socket_timeout_ns = 60 * SECOND};
	struct fake_end *listener, *end;
	rws_socket_t server = listen_on(&asked, &listener);
	const struct rws_options o = told(accept_one(server, listener, &end));

	assert_int_equal(o.type_of_service, 16);
	assert_int_equal(o.ttl, 9);
	assert_true(o.delay && o.keep_alive && o.rst_drop && o.linger_zero);
	assert_int_equal(o.send_buffer, 5000);
	assert_int_equal(o.receive_buffer, 60000);
	assert_int_equal(o.linger_ns, 7 * MS);
	assert_int_equal(o.keep_idle_ns, 20 * SECOND);
	assert_int_equal(o.keep_interval_ns, 3 * SECOND);
	assert_int_equal(o.keep_count, 4);
	assert_int_equal(o.user_timeout_ns, 50 * SECOND);
	assert_int_equal(o.socket_timeout_ns, 60 * SECOND);
	assert_int_equal(listener->setup.conn.keep_count, 4);
	assert_int_equal(listener->setup.conn.user_timeout_ms, 50000);
}

/* ---- What is refused -------------------------------------------------------------------- */

static void b106_an_option_of_another_kind_is_refused(void **state)
{
	const struct rws_options of_tcp[] = {{.delay = true}, {.keep_alive = true},
		{.rst_drop = true}, {.linger_zero = true}, {.keep_idle_ns = 1},
		{.keep_interval_ns = 1}, {.keep_count = 1}, {.user_timeout_ns = 1},
		{.socket_timeout_ns = 1}};
	const struct rws_options of_connect[] = {
		{.connect_timeout_ns = 1}, {.local = port_7}, {.local = {.family = RWS_IPV6}}};
	const struct rws_options of_udp[] = {
		{.broadcast = true}, {.multicast_ttl = 2}, {.no_multicast_loop = true}};
	const struct rws_options of_listener = {.backlog = 1};
	rws_socket_t s = 9;

	for (unsigned i = 0; i < sizeof(of_tcp) / sizeof(of_tcp[0]); i++)
		assert_int_equal(rws_udp_bind(sel, &port_7, &of_tcp[i], &s), -ENOPROTOOPT);
	for (unsigned i = 0; i < sizeof(of_connect) / sizeof(of_connect[0]); i++) {
		assert_int_equal(rws_udp_bind(sel, &port_7, &of_connect[i], &s), -ENOPROTOOPT);
		assert_int_equal(rws_tcp_bind(sel, &port_7, &of_connect[i], &s), -ENOPROTOOPT);
	}
	for (unsigned i = 0; i < sizeof(of_udp) / sizeof(of_udp[0]); i++) {
		assert_int_equal(rws_tcp_bind(sel, &port_7, &of_udp[i], &s), -ENOPROTOOPT);
		assert_int_equal(rws_tcp_connect(sel, &fake_peer, &of_udp[i], &s), -ENOPROTOOPT);
	}
	assert_int_equal(rws_tcp_connect(sel, &fake_peer, &of_listener, &s), -ENOPROTOOPT);
	assert_int_equal(rws_udp_connect(sel, &fake_peer, NULL, &of_listener, &s), -ENOPROTOOPT);
	assert_int_equal(s, 9);
	assert_int_equal(fake.logged, 0);
}

static void b106_negative_times_are_einval(void **state)
{
	const struct rws_options bad[] = {{.keep_idle_ns = -1}, {.keep_interval_ns = -1},
		{.user_timeout_ns = -1}, {.socket_timeout_ns = -1}, {.connect_timeout_ns = -1},
		{.linger_ns = -1}};
	rws_socket_t s;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(rws_tcp_connect(sel, &fake_peer, &bad[i], &s), -EINVAL);
}

/* ---- What is changed -------------------------------------------------------------------- */

static void b106_changed_options_are_told_and_with_the_stack(void **state)
{
	struct fake_end *end;
	rws_socket_t s = fake_connect(sel, NULL, &end);
	struct rws_options o = told(s);

	o.type_of_service = 16;
	o.ttl = 3;
	o.delay = o.keep_alive = o.rst_drop = true;
	o.keep_idle_ns = SECOND;
	o.keep_interval_ns = 2 * SECOND;
	o.keep_count = 3;
	o.user_timeout_ns = 4 * SECOND;
	o.linger_ns = 5 * SECOND;
	o.send_buffer = 6000;
	assert_int_equal(rws_set_options(s, &o), 0);
	assert_int_equal(end->setup.conn.tos, 16);
	assert_int_equal(end->setup.conn.ttl, 3);
	assert_false(end->setup.conn.no_delay);
	assert_true(end->setup.conn.keep_alive);
	assert_int_equal(end->setup.conn.keep_idle_ms, 1000);
	assert_int_equal(end->setup.conn.keep_interval_ms, 2000);
	assert_int_equal(end->setup.conn.keep_count, 3);
	assert_int_equal(end->setup.conn.user_timeout_ms, 4000);
	const struct rws_options now = told(s);
	assert_true(now.rst_drop && now.delay && now.keep_alive);
	assert_int_equal(now.linger_ns, 5 * SECOND);
	assert_int_equal(now.send_buffer, 6000);
	assert_int_equal(now.user_timeout_ns, 4 * SECOND);
}

/* Whatever is told of any socket can be set on it again, and changes nothing. */
static void b106_told_options_can_be_set_again(void **state)
{
	struct fake_end *end, *listener;
	const struct rws_options local = {.local = {.family = RWS_IPV4, .port = 8}};
	rws_socket_t server = listen_on(NULL, &listener);
	const rws_socket_t all[] = {server, accept_one(server, listener, &end),
		fake_connect(sel, &local, &end), bind_udp(&(struct rws_options){0}, &end)};

	for (unsigned i = 0; i < 4; i++) {
		struct rws_options before = told(all[i]), after;
		assert_int_equal(rws_set_options(all[i], &before), 0);
		after = told(all[i]);
		assert_memory_equal(&before, &after, sizeof(before));
	}
}

static void b106_what_cannot_change_is_refused_without_effect(void **state)
{
	struct fake_end *end;
	rws_socket_t s = fake_connect(sel, NULL, &end);
	struct rws_options bad[5], before = told(s), after;

	for (unsigned i = 0; i < 5; i++) {
		bad[i] = before;
		bad[i].ttl = 7;
	}
	bad[0].reuse_address = true;
	bad[1].reuse_port = true;
	bad[2].receive_buffer = 100000;
	bad[3].connect_timeout_ns = SECOND;
	bad[4].local.port = 9;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(rws_set_options(s, &bad[i]), -ENOPROTOOPT);
	bad[0] = before;
	bad[0].broadcast = true;
	assert_int_equal(rws_set_options(s, &bad[0]), -ENOPROTOOPT);
	bad[0] = before;
	bad[0].socket_timeout_ns = -1;
	assert_int_equal(rws_set_options(s, &bad[0]), -EINVAL);
	assert_int_equal(rws_set_options(s, NULL), -EINVAL);
	after = told(s);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(fake_count(REQ_OPTIONS), 0);
}

static void b106_stack_that_refuses_leaves_all_as_it_was(void **state)
{
	struct fake_end *end;
	rws_socket_t s = fake_connect(sel, NULL, &end);
	struct rws_options o = told(s);

	fake.options_error = -ENOBUFS;
	o.ttl = 7;
	assert_int_equal(rws_set_options(s, &o), -ENOBUFS);
	assert_int_equal(told(s).ttl, 64);
	fake.options_error = 0;
	assert_int_equal(rws_set_options(s, &o), 0);
	assert_int_equal(told(s).ttl, 7);
}

static void b106_growing_buffer_goes_on_growing(void **state)
{
	struct fake_end *end;
	rws_socket_t s = fake_connect(sel, NULL, &end);
	struct rws_options o = told(s);

	o.keep_alive = true;
	assert_int_equal(rws_set_options(s, &o), 0);
	fake_ack_worth(end, 0, 3 << 20);
	fake_turn(sel, 1);
	assert_int_equal(told(s).send_buffer, 3 << 20);
	o = told(s);
	o.keep_alive = false;
	assert_int_equal(rws_set_options(s, &o), 0);
	assert_int_equal(told(s).send_buffer, 3 << 20);
	o.send_buffer = 1 << 20;
	assert_int_equal(rws_set_options(s, &o), 0);
	fake_ack_worth(end, 0, 4 << 20);
	fake_turn(sel, 1);
	assert_int_equal(told(s).send_buffer, 1 << 20);
}

/* Who waits for room has it at once, not when the peer acknowledges, which may be never. */
static void b106_a_larger_send_buffer_is_room_to_write(void **state)
{
	const struct rws_options small = {.send_buffer = 100};
	struct rws_event event;
	struct fake_end *end;
	rws_socket_t s = fake_connect(sel, &small, &end), udp = bind_udp(&small, &end);
	rws_channel_t out;
	char block[200] = "";
	struct rws_datagram d = {.data = block, .length = sizeof(block), .address = fake_peer};

	fake.no_ack = true;
	assert_int_equal(rws_open_write_channel(s, true, &out), 0);
	assert_int_equal(rws_write_available(out, block, sizeof(block)), 100);
	assert_int_equal(rws_write_available(out, block, sizeof(block)), -EAGAIN);
	assert_int_equal(rws_send(udp, &d), 0);
	assert_int_equal(rws_send(udp, &d), -EAGAIN);
	while (rws_selector_select(sel, &event, 1, RWS_NOW) > 0)
		assert_false(event.bits & RWS_EV_WRITABLE);
	const rws_socket_t both[] = {s, udp};
	for (unsigned i = 0; i < 2; i++) {
		struct rws_options o = told(both[i]);
		o.send_buffer = 1000;
		assert_int_equal(rws_set_options(both[i], &o), 0);
		assert_int_equal(rws_selector_select(sel, &event, 1, RWS_NOW), 1);
		assert_int_equal(event.handle, both[i]);
		assert_true(event.bits & RWS_EV_WRITABLE);
	}
	assert_int_equal(rws_write_available(out, block, sizeof(block)), sizeof(block));
	assert_int_equal(rws_send(udp, &d), 0);
}

static void b106_options_set_before_the_stack_knows_the_socket(void **state)
{
	struct fake_end *listener, *end;
	rws_socket_t server = listen_on(NULL, &listener), s;
	struct rws_options o = {.keep_alive = true};

	assert_int_equal(rws_tcp_connect(sel, &fake_peer, NULL, &s), 0);
	assert_int_equal(rws_set_options(s, &o), 0);
	assert_true(fake.latest->setup.conn.keep_alive);
	end = fake_accept(listener);
	fake_turn(sel, 1);
	assert_int_equal(
		rws_await(server, RWS_EV_ACCEPTABLE, rws_now(sel) + MS), RWS_EV_ACCEPTABLE);
	assert_int_equal(rws_accept(server, &s), 0);
	assert_int_equal(rws_set_options(s, &o), 0);
	assert_true(end->adopted);
	assert_true(end->setup.conn.keep_alive);
}

static void b106_datagram_options_change(void **state)
{
	struct fake_end *end;
	rws_socket_t s = bind_udp(NULL, &end);
	struct rws_options o = told(s);
	struct rws_datagram d = {.data = "x", .length = 1};
	const struct rws_address all = {.family = RWS_IPV4, .port = 9, .ip = {255, 255, 255, 255}};

	d.address = all;
	assert_int_equal(rws_send(s, &d), -EACCES);
	assert_int_equal(o.multicast_ttl, 1);
	o.broadcast = true;
	o.ttl = 5;
	o.multicast_ttl = 6;
	o.no_multicast_loop = true;
	assert_int_equal(rws_set_options(s, &o), 0);
	assert_true(end->setup.dgram.broadcast);
	assert_int_equal(end->setup.dgram.ttl, 5);
	assert_int_equal(end->setup.dgram.multicast_ttl, 6);
	assert_true(end->setup.dgram.no_multicast_loop);
	assert_int_equal(rws_send(s, &d), 0);
	o.keep_alive = true;
	assert_int_equal(rws_set_options(s, &o), -ENOPROTOOPT);
}

static void memberships_are_asked_of_the_stack(void **state)
{
	const struct rws_address group = {.family = RWS_IPV4, .ip = {239, 1, 2, 3}};
	struct fake_end *end, *tcp_end;
	rws_socket_t s = bind_udp(NULL, &end), tcp = fake_connect(sel, NULL, &tcp_end);

	assert_int_equal(rws_multicast_join(s, &group, 3), 0);
	assert_int_equal(end->last.kind, REQ_JOIN);
	assert_int_equal(end->last.count, 3);
	assert_memory_equal(ip_2_ip4(&end->last.address), group.ip, 4);
	fake.options_error = -EADDRNOTAVAIL;
	assert_int_equal(rws_multicast_leave(s, &group, RWS_ALL_INTERFACES), -EADDRNOTAVAIL);
	assert_int_equal(end->last.kind, REQ_LEAVE);
	assert_int_equal(end->last.count, RWS_ALL_INTERFACES);
	assert_int_equal(rws_multicast_join(s, &fake_peer, 0), -EINVAL);
	assert_int_equal(rws_multicast_join(s, NULL, 0), -EINVAL);
	assert_int_equal(rws_multicast_join(tcp, &group, 0), -EINVAL);
	rws_close(s);
	assert_int_equal(rws_multicast_join(s, &group, 0), -ESHUTDOWN);
}

static void b106_closed_socket_is_eshutdown(void **state)
{
	struct fake_end *end;
	rws_socket_t s = fake_connect(sel, NULL, &end), dead = fake_connect(sel, NULL, &end);
	struct rws_options o = told(s);

	rws_close(s);
	assert_int_equal(rws_set_options(s, &o), -ESHUTDOWN);
	fake_error(end, -ECONNRESET);
	fake_turn(sel, 1);
	assert_int_equal(rws_set_options(dead, &o), -ESHUTDOWN);
	rws_dispose(s);
	assert_int_equal(rws_set_options(s, &o), -EBADF);
}

/*
 * A listener is on every core; those that come later have what it has then.
 * Channel only: inline a selector has one core, and so has its listener.
 */
static void b103_changed_listener_options_reach_every_core(void **state)
{
	struct fake_end *listener, *end;
	rws_socket_t server, before, after;

	fake_stop();
	fake_start(placement_of(state), 2);
	server = listen_on(NULL, &listener);
	before = accept_one(server, &fake.ends[0], &end);
	struct rws_options o = told(server);
	o.keep_alive = true;
	o.backlog = 7;
	assert_int_equal(rws_set_options(server, &o), 0);
	assert_int_equal(fake_count(REQ_OPTIONS), 2);
	for (unsigned core = 0; core < 2; core++) {
		assert_true(fake.ends[core].setup.conn.keep_alive);
		assert_true(fake.ends[core].setup.conn.reuse_port);
		assert_int_equal(fake.ends[core].setup.conn.backlog, 7);
	}
	after = accept_one(server, &fake.ends[1], &end);
	assert_false(told(before).keep_alive);
	assert_true(told(after).keep_alive);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(b106_defaults_are_filled_in),
		CASE(b106_times_are_rounded_up_and_values_clamped),
		CASE(b103_accepted_socket_inherits_all_of_its_listeners_options),
		CASE(b106_an_option_of_another_kind_is_refused),
		CASE(b106_negative_times_are_einval),
		CASE(b106_changed_options_are_told_and_with_the_stack),
		CASE(b106_told_options_can_be_set_again),
		CASE(b106_what_cannot_change_is_refused_without_effect),
		CASE(b106_stack_that_refuses_leaves_all_as_it_was),
		CASE(b106_growing_buffer_goes_on_growing),
		CASE(b106_a_larger_send_buffer_is_room_to_write),
		CASE(b106_options_set_before_the_stack_knows_the_socket),
		CASE(b106_datagram_options_change),
		CASE(memberships_are_asked_of_the_stack),
		CASE(b106_closed_socket_is_eshutdown),
		CHANNEL_CASE(
			b103_changed_listener_options_reach_every_core, fake_setup, fake_teardown),
	};

	return cmocka_run_group_tests_name("socket options", tests, NULL, NULL);
}
