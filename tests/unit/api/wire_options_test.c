/* SPDX-License-Identifier: BSD-3-Clause */
/* Options and limits of time over a wire in virtual time, our stack at both ends. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/api/rig.h"

#define PORT   7000
#define SECOND ((int64_t)1000000000)

static const struct wire_impairment usual = {.delay_ns = 50000};

static int64_t after(struct rig *rig, int64_t ns)
{
	return rig->now + ns;
}

/* A connection from end 0 with options of its own, accepted at end 1 with its listener's. */
struct pair {
	rws_socket_t server, s[2];
	rws_channel_t in[2], out[2];
};

static struct pair connected(
	struct rig *rig, const struct rws_options *active, const struct rws_options *passive)
{
	struct rws_address address = rig_address(1, false, PORT);
	struct pair p;

	assert_int_equal(rws_tcp_bind(rig->sel[1], &address, passive, &p.server), 0);
	assert_int_equal(rws_tcp_connect(rig->sel[0], &address, active, &p.s[0]), 0);
	assert_int_equal(rws_await(p.s[0], RWS_EV_CONNECTED, after(rig, SECOND)), RWS_EV_CONNECTED);
	assert_int_equal(
		rws_await(p.server, RWS_EV_ACCEPTABLE, after(rig, SECOND)), RWS_EV_ACCEPTABLE);
	assert_int_equal(rws_accept(p.server, &p.s[1]), 0);
	for (unsigned end = 0; end < 2; end++)
		assert_int_equal(rws_connection(p.s[end], &p.in[end], &p.out[end]), 0);
	return p;
}

static void dispose(struct rig *rig, struct pair *p)
{
	rws_dispose(p->s[0]);
	rws_dispose(p->s[1]);
	rws_dispose(p->server);
	rig_run(rig, SECOND);
}

static void send_text(struct rig *rig, rws_channel_t out, const char *text)
{
	assert_int_equal(rws_write_available(out, text, strlen(text)), strlen(text));
	rws_flush(out);
	rig_run(rig, SECOND / 100);
}

/* The peer's answer is under way for longer than the connect may take. */
static void b093_late_syn_ack_gets_a_reset(void **state)
{
	struct rig *rig = *state;
	struct wire_impairment slow = {.delay_ns = 2 * (uint64_t)SECOND};
	struct rws_address address = rig_address(1, false, PORT);
	struct rws_options options = {.connect_timeout_ns = SECOND / 2};
	struct pair p = connected(rig, NULL, NULL); /* neighbours know each other from here on */
	rws_socket_t s, accepted;
	int64_t begun = rig->now;

	wire_impair(rig->wire, 1, &slow);
	assert_int_equal(rws_tcp_connect(rig->sel[0], &address, &options, &s), 0);
	assert_int_equal(rws_await(s, RWS_EV_CONNECTED, after(rig, 60 * SECOND)), -ETIMEDOUT);
	assert_in_range(rig->now - begun, SECOND / 2, SECOND * 6 / 10);
	assert_int_equal(rws_await_closed(s, after(rig, SECOND)), -ETIMEDOUT);
	rws_dispose(s);
	uint64_t resets = rig_counter(rig, 0, "tcp.resets_sent");
	rig_run(rig, 3 * SECOND);
	assert_true(rig_counter(rig, 0, "tcp.resets_sent") > resets);
	assert_int_equal(rws_accept(p.server, &accepted), -EAGAIN);
	wire_impair(rig->wire, 1, &usual);
	dispose(rig, &p);
}

/* What the listener had is what the stack does for the accepted one. */
static void b107_keep_alive_that_was_inherited_detects_a_dead_peer(void **state)
{
	struct rig *rig = *state;
	struct rws_options options = {.keep_alive = true,
		.keep_idle_ns = 10 * SECOND,
		.keep_interval_ns = 2 * SECOND,
		.keep_count = 3};
	struct pair p = connected(rig, NULL, &options);

	rig_run(rig, 60 * SECOND); /* probes are answered */
	assert_false(rws_is_closed(p.s[1]));
	wire_set_link(rig->wire, false);
	rig_run(rig, 5 * SECOND); /* whenever the last probe was */
	assert_false(rws_is_closed(p.s[1]));
	assert_int_equal(rws_await_closed(p.s[1], after(rig, 20 * SECOND)), -ETIMEDOUT);
	wire_set_link(rig->wire, true);
	dispose(rig, &p);
}

static void b107_keep_alive_is_switched_on_for_a_live_connection(void **state)
{
	struct rig *rig = *state;
	struct pair p = connected(rig, NULL, NULL);
	struct rws_options options;

	assert_int_equal(rws_get_options(p.s[0], &options), 0);
	options.keep_alive = true;
	options.keep_idle_ns = options.keep_interval_ns = SECOND;
	options.keep_count = 2;
	assert_int_equal(rws_set_options(p.s[0], &options), 0);
	rig_run(rig, 10 * SECOND);
	wire_set_link(rig->wire, false);
	assert_int_equal(rws_await_closed(p.s[0], after(rig, 10 * SECOND)), -ETIMEDOUT);
	wire_set_link(rig->wire, true);
	dispose(rig, &p);
}

/* Also where there are no bytes to write: the user timeout is about those that were sent. */
static void b106_user_timeout_ends_a_connection_that_is_not_acknowledged(void **state)
{
	struct rig *rig = *state;
	struct rws_options options = {.user_timeout_ns = 7 * SECOND};
	struct pair p = connected(rig, &options, NULL);
	int64_t begun;

	wire_set_link(rig->wire, false);
	rig_run(rig, 20 * SECOND);
	assert_false(rws_is_closed(p.s[0]));
	begun = rig->now;
	send_text(rig, p.out[0], "anybody?");
	assert_int_equal(rws_await_closed(p.s[0], after(rig, 60 * SECOND)), -ETIMEDOUT);
	assert_in_range(rig->now - begun, 7 * SECOND - SECOND / 100, 8 * SECOND);
	wire_set_link(rig->wire, true);
	dispose(rig, &p);
}

/* With the default of RFC 9293's R2 it lives through the same. */
static void b106_user_timeout_that_is_taken_away_ends_nothing(void **state)
{
	struct rig *rig = *state;
	struct rws_options options = {.user_timeout_ns = 7 * SECOND};
	struct pair p = connected(rig, &options, NULL);
	char buf[16];

	wire_set_link(rig->wire, false);
	send_text(rig, p.out[0], "anybody?");
	rig_run(rig, 5 * SECOND);
	assert_int_equal(rws_get_options(p.s[0], &options), 0);
	options.user_timeout_ns = 0;
	assert_int_equal(rws_set_options(p.s[0], &options), 0);
	rig_run(rig, 40 * SECOND);
	assert_false(rws_is_closed(p.s[0]));
	wire_set_link(rig->wire, true);
	assert_int_equal(rws_await_content(p.in[1], 8, after(rig, 60 * SECOND)), 1);
	assert_int_equal(rws_read_available(p.in[1], buf, sizeof(buf)), 8);
	dispose(rig, &p);
}

static void b108_silent_peer_ends_reading_and_not_writing(void **state)
{
	struct rig *rig = *state;
	struct rws_options options = {.socket_timeout_ns = SECOND};
	struct pair p = connected(rig, NULL, &options);
	char buf[16];

	assert_int_equal(rws_read_available(p.in[1], buf, sizeof(buf)), -EAGAIN);
	for (unsigned i = 0; i < 3; i++) {
		rig_run(rig, SECOND * 9 / 10);
		send_text(rig, p.out[0], "on");
		assert_int_equal(rws_read_available(p.in[1], buf, sizeof(buf)), 2);
		assert_int_equal(rws_read_available(p.in[1], buf, sizeof(buf)), -EAGAIN);
	}
	rig_run(rig, SECOND * 12 / 10);
	assert_int_equal(rws_read_available(p.in[1], buf, sizeof(buf)), -ETIMEDOUT);
	send_text(rig, p.out[1], "bye");
	assert_int_equal(rws_read_available(p.in[0], buf, sizeof(buf)), 3);
	rws_close(p.s[1]);
	assert_int_equal(rws_await_closed(p.s[1], after(rig, SECOND)), -ETIMEDOUT);
	assert_int_equal(rws_await_content(p.in[0], 1, after(rig, SECOND)), 0); /* FIN, not RST */
	dispose(rig, &p);
}

/* The peer's window is closed: its probes are answered, and no byte moves. */
static void b109_reader_that_stopped_ends_writing(void **state)
{
	struct rig *rig = *state;
	struct rws_options limited = {.socket_timeout_ns = 5 * SECOND, .send_buffer = 100000};
	struct rws_options narrow = {.receive_buffer = 20000};
	struct pair p = connected(rig, &limited, &narrow);
	static const char block[200000];

	assert_true(rws_write_available(p.out[0], block, sizeof(block)) > 0);
	rws_flush(p.out[0]);
	rig_run(rig, SECOND);
	while (rws_write_available(p.out[0], block, sizeof(block)) > 0)
		rig_run(rig, SECOND / 10);
	assert_int_equal(
		rws_await_free_space(p.out[0], 50000, after(rig, 60 * SECOND)), -ETIMEDOUT);
	assert_int_equal(rws_closed_cause(p.out[0]), -ETIMEDOUT);
	assert_int_equal(rws_closed_cause(p.in[0]), -ETIMEDOUT); /* it heard nothing either */
	assert_int_equal(rws_await_closed(p.s[0], after(rig, SECOND)), -ETIMEDOUT);
	assert_int_equal(rws_await_closed(p.s[1], after(rig, SECOND)), -ECONNRESET);
	dispose(rig, &p);
}

#define CASE(test) BOTH_CASE(test, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(b093_late_syn_ack_gets_a_reset),
		CASE(b107_keep_alive_that_was_inherited_detects_a_dead_peer),
		CASE(b107_keep_alive_is_switched_on_for_a_live_connection),
		CASE(b106_user_timeout_ends_a_connection_that_is_not_acknowledged),
		CASE(b106_user_timeout_that_is_taken_away_ends_nothing),
		CASE(b108_silent_peer_ends_reading_and_not_writing),
		CASE(b109_reader_that_stopped_ends_writing),
	};

	return cmocka_run_group_tests_name(
		"wire options", tests, rig_group_setup, rig_group_teardown);
}
