/* SPDX-License-Identifier: BSD-3-Clause */
/* connect_timeout_ns and socket_timeout_ns, in both placements. */
#include "tests/unit/api/fake.h"

#define CASE(test) BOTH_CASE(test, fake_setup, fake_teardown)

static struct fake_end *end;

/* Lets time pass in steps of at most a millisecond, as a loop that has other things to do. */
static void pass(int64_t ns)
{
	for (int64_t until = fake.now + ns; fake.now < until; fake.now += MS)
		fake_turn(sel, 2);
	fake_turn(sel, 3);
}

/* ---- Connecting ------------------------------------------------------------------------- */

static rws_socket_t connecting(int64_t timeout)
{
	struct rws_options options = {.connect_timeout_ns = timeout};
	rws_socket_t s;

	fake.no_connect = true;
	assert_int_equal(rws_tcp_connect(sel, &fake_peer, &options, &s), 0);
	end = fake.latest;
	fake_turn(sel, 3);
	return s;
}

static void b093_connect_timeout_is_an_error_event_and_a_reset(void **state)
{
	rws_socket_t s = connecting(100 * MS);
	struct rws_event events[4];

	assert_int_equal(rws_selector_select(sel, events, 4, fake.now + 99 * MS), 0);
	assert_int_equal(rws_selector_select(sel, events, 4, fake.now + 10 * MS), 2);
	assert_int_equal(events[0].bits, RWS_EV_ERROR);
	assert_int_equal(events[0].result, -ETIMEDOUT);
	assert_int_equal(events[1].bits, RWS_EV_CONTEXT_DONE);
	assert_int_equal(events[1].result, -ETIMEDOUT);
	fake_connected(end); /* it crosses */
	fake_turn(sel, 4);
	assert_true(end->aborted);
	assert_int_equal(rws_await(s, RWS_EV_CONNECTED, RWS_NOW), -ETIMEDOUT);
	assert_int_equal(rws_await_closed(s, RWS_NOW), -ETIMEDOUT);
}

static void b093_connect_timeout_does_not_outlive_the_handshake(void **state)
{
	rws_socket_t s = connecting(100 * MS);

	pass(50 * MS);
	fake_connected(end);
	pass(500 * MS);
	assert_false(rws_is_closed(s));
	assert_int_equal(rws_await(s, RWS_EV_CONNECTED, RWS_NOW), RWS_EV_CONNECTED);
}

/* The close waits for the handshake because of the byte, but not longer than either of them. */
static void b093_a_close_meanwhile_does_not_lengthen_it(void **state)
{
	rws_socket_t s = connecting(100 * MS);
	rws_channel_t out;

	assert_int_equal(rws_open_write_channel(s, true, &out), 0);
	assert_int_equal(rws_write_available(out, "x", 1), 1);
	rws_close(s);
	pass(99 * MS);
	assert_false(rws_is_closed(s));
	pass(3 * MS);
	assert_int_equal(rws_await_closed(s, RWS_NOW), -ETIMEDOUT);
}

static void b093_a_close_meanwhile_lingers_as_long_as_it_may(void **state)
{
	rws_socket_t s = connecting(100 * MS);
	rws_channel_t out;

	fake.no_sent = true;
	assert_int_equal(rws_open_write_channel(s, true, &out), 0);
	assert_int_equal(rws_write_available(out, "x", 1), 1);
	rws_close_linger(s, 300 * MS);
	fake_connected(end);
	pass(250 * MS);
	assert_false(rws_is_closed(s));
	pass(60 * MS);
	assert_int_equal(rws_await_closed(s, RWS_NOW), -ETIMEDOUT);
}

/* ---- Reading ---------------------------------------------------------------------------- */

static const struct rws_options limited = {.socket_timeout_ns = 100 * MS};

static rws_socket_t connected(rws_channel_t *in, rws_channel_t *out)
{
	rws_socket_t s = fake_connect(sel, &limited, &end);

	assert_int_equal(rws_connection(s, in, out), 0);
	return s;
}

static void b108_an_idle_wait_to_read_fails_that_direction_only(void **state)
{
	struct rws_event events[4];
	rws_channel_t in, out;
	rws_socket_t s = connected(&in, &out);
	char buf[8];

	assert_int_equal(rws_read_available(in, buf, 8), -EAGAIN);
	assert_true(rws_selector_select(sel, events, 4, fake.now) >= 0); /* connected, drained */
	assert_int_equal(rws_selector_select(sel, events, 4, fake.now + 99 * MS), 0);
	assert_int_equal(rws_selector_select(sel, events, 4, fake.now + 10 * MS), 2);
	assert_int_equal(events[0].bits, RWS_EV_READABLE);
	assert_int_equal(events[1].bits, RWS_EV_JOB_DONE);
	assert_int_equal(events[1].result, -ETIMEDOUT);
	assert_int_equal(rws_read_available(in, buf, 8), -ETIMEDOUT);
	assert_int_equal(rws_closed_cause(in), -ETIMEDOUT);
	assert_false(rws_is_closed(s));
	assert_int_equal(rws_write_available(out, "on", 2), 2);
	rws_flush(out);
	fake_turn(sel, 2);
	assert_memory_equal(end->sent, "on", 2);
	fake_data(end, "late", 4); /* nobody's, but the window stays open */
	fake_turn(sel, 3);
	assert_int_equal(end->recved, 4);
	assert_int_equal(rws_read_available(in, buf, 8), -ETIMEDOUT);
}

static void b108_bytes_that_arrive_renew_the_wait(void **state)
{
	rws_channel_t in, out;
	char buf[8];

	connected(&in, &out);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(rws_read_available(in, buf, 8), -EAGAIN);
		pass(90 * MS);
		fake_data(end, "x", 1);
		fake_turn(sel, 2);
		assert_int_equal(rws_read_available(in, buf, 8), 1);
	}
	assert_int_equal(rws_read_available(in, buf, 8), -EAGAIN);
	pass(102 * MS);
	assert_int_equal(rws_read_available(in, buf, 8), -ETIMEDOUT);
}

static void b108_asking_again_does_not_renew_the_wait(void **state)
{
	rws_channel_t in, out;
	char buf[8];

	connected(&in, &out);
	for (unsigned i = 0; i < 9; i++) {
		assert_int_equal(rws_read_available(in, buf, 8), -EAGAIN);
		pass(10 * MS);
	}
	pass(12 * MS);
	assert_int_equal(rws_read_available(in, buf, 8), -ETIMEDOUT);
}

static void b108_time_in_which_nobody_waits_does_not_count(void **state)
{
	rws_channel_t in, out;
	char buf[8];

	connected(&in, &out);
	pass(90 * MS);
	fake_data(end, "x", 1);
	pass(500 * MS); /* told, and the reader has other things to do */
	assert_int_equal(rws_read_available(in, buf, 8), 1);
	pass(500 * MS);
	assert_int_equal(rws_read_available(in, buf, 8), -EAGAIN);
	pass(90 * MS);
	assert_int_equal(rws_read_available(in, buf, 8), -EAGAIN);
	pass(12 * MS);
	assert_int_equal(rws_read_available(in, buf, 8), -ETIMEDOUT);
}

/* The thread was away for longer than the timeout; what came meanwhile counts. */
static void b108_a_loop_that_stood_still_blames_nobody(void **state)
{
	rws_channel_t in, out;
	char buf[8];

	connected(&in, &out);
	fake_turn(sel, 3);
	fake.now += 500 * MS;
	fake_data(end, "x", 1);
	fake_turn(sel, 2);
	assert_int_equal(rws_read_available(in, buf, 8), 1);
}

static void b108_an_await_counts_and_leaves_what_is_there(void **state)
{
	rws_channel_t in, out;
	char buf[8];

	connected(&in, &out);
	fake_data(end, "abc", 3);
	fake_turn(sel, 2);
	pass(300 * MS);
	int64_t begun = fake.now;
	assert_int_equal(rws_await_content(in, 4, fake.now + 1000 * MS), -ETIMEDOUT);
	assert_true(fake.now >= begun + 100 * MS && fake.now < begun + 110 * MS);
	assert_int_equal(rws_closed_cause(in), -ETIMEDOUT);
	assert_int_equal(rws_read_available(in, buf, 8), 3);
	assert_int_equal(rws_read_available(in, buf, 8), -ETIMEDOUT);
}

static void b108_without_a_read_channel_nothing_is_counted(void **state)
{
	rws_socket_t s = fake_connect(sel, &limited, &end);
	rws_channel_t in;

	pass(500 * MS);
	assert_int_equal(rws_open_read_channel(s, &in), 0);
	pass(90 * MS);
	assert_int_equal(rws_closed_cause(in), 0);
	pass(12 * MS);
	assert_int_equal(rws_closed_cause(in), -ETIMEDOUT);
}

/* A job that moves bytes on waits as a reader does. */
static void b108_a_channel_between_two_sockets_fails_with_its_source(void **state)
{
	rws_channel_t between;
	rws_job_t reader, writer;
	rws_socket_t a = fake_connect(sel, &limited, &end);
	struct fake_end *far;
	rws_socket_t b = fake_connect(sel, NULL, &far);

	assert_int_equal(rws_channel_create(sel, 0, true, &between), 0);
	assert_int_equal(rws_attach_for_reading(a, between, &writer), 0);
	assert_int_equal(rws_attach_for_writing(b, between, &reader), 0);
	pass(90 * MS);
	fake_data(end, "x", 1);
	pass(90 * MS);
	assert_true(rws_job_is_active(writer));
	pass(12 * MS);
	assert_int_equal(rws_job_result(writer), -ETIMEDOUT);
	assert_int_equal(rws_job_result(reader), -ETIMEDOUT);
	fake_turn(sel, 2);
	assert_true(far->aborted); /* the far peer sees that something is missing */
}

/* The failed half fails the context once the other one is over, too. */
static void b108_both_halves_over_close_the_socket(void **state)
{
	rws_channel_t in, out;
	rws_socket_t s = connected(&in, &out);

	pass(102 * MS);
	assert_int_equal(rws_closed_cause(in), -ETIMEDOUT);
	assert_false(rws_is_closed(s));
	rws_channel_close(out, 0);
	fake_turn(sel, 4);
	assert_int_equal(rws_await_closed(s, RWS_NOW), -ETIMEDOUT);
	assert_true(end->shut && !end->aborted);
}

static void b108_close_after_it_ends_well_on_the_wire(void **state)
{
	rws_channel_t in, out;
	rws_socket_t s = connected(&in, &out);

	pass(102 * MS);
	rws_close(s);
	assert_int_equal(rws_await_closed(s, fake.now + 10 * MS), -ETIMEDOUT);
	fake_turn(sel, 2);
	assert_true(end->shut && !end->aborted);
}

static void b108_a_changed_timeout_holds_from_then_on(void **state)
{
	struct rws_options options;
	rws_channel_t in;
	rws_socket_t s = fake_connect(sel, NULL, &end);

	assert_int_equal(rws_open_read_channel(s, &in), 0);
	pass(500 * MS);
	assert_int_equal(rws_get_options(s, &options), 0);
	options.socket_timeout_ns = 100 * MS;
	assert_int_equal(rws_set_options(s, &options), 0);
	pass(90 * MS);
	assert_int_equal(rws_closed_cause(in), 0);
	options.socket_timeout_ns = 0;
	assert_int_equal(rws_set_options(s, &options), 0);
	pass(500 * MS);
	assert_int_equal(rws_closed_cause(in), 0);
}

static void b108_accepted_sockets_have_their_listeners(void **state)
{
	const struct rws_address any = {.port = 7};
	rws_socket_t server, s;
	rws_channel_t in;

	assert_int_equal(rws_tcp_bind(sel, &any, &limited, &server), 0);
	end = fake_accept(fake.latest);
	fake_turn(sel, 2);
	assert_int_equal(rws_accept(server, &s), 0);
	assert_int_equal(rws_open_read_channel(s, &in), 0);
	pass(102 * MS);
	assert_int_equal(rws_closed_cause(in), -ETIMEDOUT);
}

/* ---- Writing ---------------------------------------------------------------------------- */

static const struct rws_options small = {.socket_timeout_ns = 100 * MS, .send_buffer = 1000};
static const char bytes[5000];

/* A socket whose send buffer is full, and whose peer acknowledges nothing. */
static rws_socket_t blocked(rws_channel_t *out)
{
	fake.no_ack = true;
	rws_socket_t s = fake_connect(sel, &small, &end);
	assert_int_equal(rws_open_write_channel(s, true, out), 0);
	assert_int_equal(rws_write_available(*out, bytes, 2000), 1000);
	fake_turn(sel, 2);
	return s;
}

static void b109_a_blocked_peer_fails_the_writing_direction(void **state)
{
	rws_channel_t in, out;
	rws_socket_t s = blocked(&out);
	char buf[4];

	pass(300 * MS); /* nobody waits yet */
	assert_int_equal(rws_write_available(out, bytes, 1), -EAGAIN);
	pass(99 * MS);
	assert_int_equal(rws_write_available(out, bytes, 1), -EAGAIN);
	pass(3 * MS);
	assert_int_equal(rws_write_available(out, bytes, 1), -ETIMEDOUT);
	assert_false(rws_is_closed(s));
	assert_int_equal(rws_open_read_channel(s, &in), 0);
	fake_data(end, "on", 2);
	fake_turn(sel, 2);
	assert_int_equal(rws_read_available(in, buf, 4), 2);
	assert_false(end->aborted || end->shut);
	rws_close(s);
	fake_turn(sel, 3);
	assert_true(end->aborted && !end->shut); /* bytes are missing, so no FIN */
	assert_int_equal(rws_await_closed(s, RWS_NOW), -ETIMEDOUT);
}

/* The limit is taken away; that it was passed stays so. */
static void b109_an_expired_write_resets_without_the_timeout(void **state)
{
	rws_channel_t out;
	rws_socket_t s = blocked(&out);
	struct rws_options options;

	assert_int_equal(rws_write_available(out, bytes, 1), -EAGAIN);
	pass(110 * MS);
	assert_int_equal(rws_write_available(out, bytes, 1), -ETIMEDOUT);
	assert_int_equal(rws_get_options(s, &options), 0);
	options.socket_timeout_ns = 0;
	assert_int_equal(rws_set_options(s, &options), 0);
	rws_close(s);
	fake_turn(sel, 3);
	assert_true(end->aborted && !end->shut);
	assert_int_equal(rws_await_closed(s, RWS_NOW), -ETIMEDOUT);
}

static void b109_both_halves_over_close_the_socket(void **state)
{
	rws_channel_t in, out;
	rws_socket_t s = blocked(&out);

	assert_int_equal(rws_open_read_channel(s, &in), 0);
	assert_int_equal(rws_write_available(out, bytes, 1), -EAGAIN);
	pass(90 * MS);
	fake_data(end, "x", 1);
	pass(12 * MS);
	assert_int_equal(rws_closed_cause(out), -ETIMEDOUT);
	assert_int_equal(rws_closed_cause(in), 0);
	assert_false(rws_is_closed(s));
	assert_int_equal(rws_channel_cancel(in, 0), 1); /* the reader gives up by itself */
	fake_turn(sel, 3);
	assert_int_equal(rws_await_closed(s, RWS_NOW), -ETIMEDOUT);
	assert_true(end->aborted && !end->shut);
}

static void b109_acknowledged_bytes_renew_the_wait(void **state)
{
	rws_channel_t out;

	blocked(&out);
	assert_int_equal(rws_write_available(out, bytes, 1), -EAGAIN);
	for (unsigned i = 0; i < 5; i++) {
		pass(90 * MS);
		fake_ack(end, 2); /* too little to tell a writer of */
	}
	pass(90 * MS);
	assert_int_equal(rws_closed_cause(out), 0);
	pass(12 * MS);
	assert_int_equal(rws_closed_cause(out), -ETIMEDOUT);
}

/* One byte at a time is what probes of a closed window carry. */
static void b109_a_closed_window_that_is_probed_is_blocked(void **state)
{
	rws_channel_t out;

	blocked(&out);
	assert_int_equal(rws_write_available(out, bytes, 1), -EAGAIN);
	for (unsigned i = 0; i < 9; i++) {
		pass(10 * MS);
		fake_ack(end, 1);
	}
	assert_int_equal(rws_closed_cause(out), 0);
	pass(12 * MS);
	assert_int_equal(rws_closed_cause(out), -ETIMEDOUT);
}

static void b109_await_of_acknowledgement_counts(void **state)
{
	rws_channel_t out;
	rws_socket_t s = blocked(&out);
	int64_t begun = fake.now;

	assert_int_equal(rws_await(s, RWS_EV_TX_ACKED, fake.now + 1000 * MS), -ETIMEDOUT);
	assert_true(fake.now >= begun + 100 * MS && fake.now < begun + 110 * MS);
	assert_int_equal(rws_closed_cause(out), -ETIMEDOUT);
}

static void b109_the_end_of_a_channel_waits_to_be_sent(void **state)
{
	rws_channel_t out;
	rws_job_t job;
	rws_socket_t s;

	fake.no_ack = fake.no_sent = true;
	s = fake_connect(sel, &small, &end);
	assert_int_equal(rws_channel_create(sel, 0, true, &out), 0);
	assert_int_equal(rws_attach_for_writing(s, out, &job), 0);
	assert_int_equal(rws_write_available(out, bytes, 5000), 5000);
	rws_channel_close(out, 0);
	pass(90 * MS);
	fake_ack(end, 2);
	pass(90 * MS);
	assert_true(rws_job_is_active(job));
	pass(12 * MS);
	assert_int_equal(rws_job_result(job), -ETIMEDOUT);
	fake_ack(end, 2046);
	fake_turn(sel, 3);
	assert_false(end->shut);
}

/* The first limit of a socket that has had no use for a place to keep one. */
static void b108_timeout_of_a_socket_that_had_none(void **state)
{
	rws_socket_t s = fake_connect(sel, NULL, &end);
	struct rws_options options;
	rws_channel_t in;
	char byte;

	assert_int_equal(rws_get_options(s, &options), 0);
	options.socket_timeout_ns = 100 * MS;
	assert_int_equal(rws_set_options(s, &options), 0);
	assert_int_equal(rws_open_read_channel(s, &in), 0);
	assert_int_equal(rws_read_available(in, &byte, 1), -EAGAIN);
	pass(110 * MS);
	assert_int_equal(rws_read_available(in, &byte, 1), -ETIMEDOUT);
}

/* A handler took longer than the close may: what it wrote goes out all the same. */
static void linger_counts_from_the_close_on(void **state)
{
	const struct rws_options options = {.linger_ns = 100 * MS};
	rws_socket_t s = fake_connect(sel, &options, &end);
	rws_channel_t out;

	assert_int_equal(rws_open_write_channel(s, true, &out), 0);
	fake_turn(sel, 3);
	fake.now += 200 * MS;
	assert_int_equal(rws_write_available(out, "answer", 6), 6);
	rws_dispose(s);
	fake_turn(sel, 4);
	assert_false(end->aborted);
	assert_true(end->shut);
	assert_memory_equal(end->sent, "answer", 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(b093_connect_timeout_is_an_error_event_and_a_reset),
		CASE(b093_connect_timeout_does_not_outlive_the_handshake),
		CASE(b093_a_close_meanwhile_does_not_lengthen_it),
		CASE(b093_a_close_meanwhile_lingers_as_long_as_it_may),
		CASE(b108_an_idle_wait_to_read_fails_that_direction_only),
		CASE(b108_bytes_that_arrive_renew_the_wait),
		CASE(b108_asking_again_does_not_renew_the_wait),
		CASE(b108_time_in_which_nobody_waits_does_not_count),
		CASE(b108_a_loop_that_stood_still_blames_nobody),
		CASE(b108_an_await_counts_and_leaves_what_is_there),
		CASE(b108_without_a_read_channel_nothing_is_counted),
		CASE(b108_a_channel_between_two_sockets_fails_with_its_source),
		CASE(b108_both_halves_over_close_the_socket),
		CASE(b108_close_after_it_ends_well_on_the_wire),
		CASE(b108_a_changed_timeout_holds_from_then_on),
		CASE(b108_accepted_sockets_have_their_listeners),
		CASE(b109_a_blocked_peer_fails_the_writing_direction),
		CASE(b109_an_expired_write_resets_without_the_timeout),
		CASE(b109_both_halves_over_close_the_socket),
		CASE(b109_acknowledged_bytes_renew_the_wait),
		CASE(b109_a_closed_window_that_is_probed_is_blocked),
		CASE(b109_await_of_acknowledgement_counts),
		CASE(b109_the_end_of_a_channel_waits_to_be_sent),
		CASE(b108_timeout_of_a_socket_that_had_none),
		CASE(linger_counts_from_the_close_on),
	};

	return cmocka_run_group_tests_name("timeout", tests, NULL, NULL);
}
