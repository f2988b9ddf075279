/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Attaching channels to TCP sockets, contract section 3 B. The other sections are tested over the
 * wire: life_test.c, job_test.c, half_close_test.c.
 */
#include "tests/unit/api/fake.h"

#define CASE(test) BOTH_CASE(test, connected, fake_teardown)

static struct fake_end *end;
static rws_socket_t s;
static rws_channel_t in, out;

static int connected(void **state)
{
	fake_start(placement_of(state), 1);
	s = fake_connect(sel, NULL, &end);
	return 0;
}

static void open_both(void)
{
	assert_int_equal(rws_connection(s, &in, &out), 0);
}

static void write_flushed(rws_channel_t ch, const char *text)
{
	assert_int_equal(rws_write_available(ch, text, strlen(text)), strlen(text));
	assert_int_equal(rws_flush(ch), 0);
}

static void assert_read(rws_channel_t ch, const char *text)
{
	char buf[256] = "";

	assert_int_equal(rws_read_available(ch, buf, sizeof(buf) - 1), strlen(text));
	assert_string_equal(buf, text);
}

static void assert_sent(const char *text)
{
	assert_int_equal(end->sent_len, strlen(text));
	assert_memory_equal(end->sent, text, strlen(text));
}

static int64_t in_ms(int64_t ms)
{
	return rws_now(sel) + ms * MS;
}

/* ---- B. Attach and open ----------------------------------------------------------------- */

static void b016_open_read_channel_reads_what_the_peer_sent(void **state)
{
	char buf[3];
	size_t got = 0;

	assert_int_equal(rws_open_read_channel(s, &in), 0);
	fake_data(end, "123", 3);
	assert_int_equal(rws_await(s, RWS_EV_READABLE, in_ms(10)), RWS_EV_READABLE);
	assert_int_equal(rws_read_fully(in, buf, 3, &got), 0);
	assert_memory_equal(buf, "123", 3);
}

static void b017_auto_flushed_bytes_and_fin_reach_the_peer(void **state)
{
	assert_int_equal(rws_open_write_channel(s, true, &out), 0);
	assert_int_equal(rws_write_available(out, "123", 3), 3);
	rws_close(s);
	assert_int_equal(rws_await_closed(s, in_ms(10)), 0);
	assert_sent("123");
	assert_true(end->shut);
}

static void b018_open_read_channel_twice_is_ealready(void **state)
{
	rws_channel_t second = 77;

	assert_int_equal(rws_open_read_channel(s, &in), 0);
	assert_int_equal(rws_open_read_channel(s, &second), -EALREADY);
	assert_int_equal(second, 77);
	fake_data(end, "abc", 3);
	fake_turn(sel, 2);
	assert_read(in, "abc");
	assert_int_equal(fake_count(REQ_SHUTDOWN), 0);
}

static void b019_open_write_channel_twice_is_ealready(void **state)
{
	rws_channel_t second;

	assert_int_equal(rws_open_write_channel(s, false, &out), 0);
	assert_int_equal(rws_open_write_channel(s, true, &second), -EALREADY);
	write_flushed(out, "next");
	fake_turn(sel, 2);
	assert_sent("next");
	assert_false(end->shut);
}

static void b020_second_attach_leaves_the_second_channel_alone(void **state)
{
	rws_channel_t a, b;

	rws_channel_create(sel, 0, true, &a);
	rws_channel_create(sel, 0, true, &b);
	assert_int_equal(rws_attach_for_reading(s, a, NULL), 0);
	assert_int_equal(rws_attach_for_reading(s, b, NULL), -EALREADY);
	assert_false(rws_is_closed_for_write(b));
	assert_int_equal(rws_write_available(b, "x", 1), 1);
	assert_read(b, "x");
}

static void b021_attach_after_the_end_is_still_ealready(void **state)
{
	rws_channel_t second;

	assert_int_equal(rws_open_read_channel(s, &in), 0);
	fake_fin(end);
	fake_turn(sel, 1);
	assert_int_equal(rws_read_available(in, &(char){0}, 1), 0);
	assert_int_equal(rws_open_read_channel(s, &second), -EALREADY);
}

static void b022_attach_to_a_closed_socket_fails_the_channel(void **state)
{
	rws_channel_t ch;
	rws_job_t job = 5;

	rws_channel_create(sel, 0, true, &ch);
	rws_close(s);
	assert_int_equal(rws_open_read_channel(s, &in), -ESHUTDOWN);
	assert_int_equal(rws_open_write_channel(s, false, &out), -ESHUTDOWN);
	assert_int_equal(rws_attach_for_reading(s, ch, &job), -ESHUTDOWN);
	assert_int_equal(job, 5);
	assert_int_equal(rws_closed_cause(ch), -ESHUTDOWN);
	assert_int_equal(rws_write_available(ch, "x", 1), -ESHUTDOWN);
}

/* A channel with "x" in it and room for four more lent, then attached, and "abc" received. */
static rws_channel_t attached_within_a_write(void)
{
	struct iovec room;
	rws_channel_t ch;

	assert_int_equal(rws_channel_create(sel, 0, false, &ch), 0);
	assert_int_equal(rws_write_available(ch, "x", 1), 1);
	assert_int_equal(rws_write_request(ch, 4, &room, 1), 1);
	assert_int_equal(rws_attach_for_reading(s, ch, NULL), 0);
	fake_data(end, "abc", 3);
	fake_turn(sel, 2);
	return ch;
}

static void what_was_written_before_an_attach_comes_first(void **state)
{
	rws_channel_t ch = attached_within_a_write();
	char bytes[8] = "";

	assert_int_equal(rws_read_available(ch, bytes, sizeof(bytes)), 4);
	assert_string_equal(bytes, "xabc");
}

static void an_attach_takes_lent_room_back(void **state)
{
	rws_channel_t ch = attached_within_a_write();

	assert_int_equal(rws_written(ch, 4), -EINVAL);
	rws_flush(ch);
	assert_int_equal(rws_available_for_read(ch), 4);
}

static void b023_attach_for_reading_gives_a_writer_job(void **state)
{
	rws_channel_t ch;
	rws_job_t job;

	rws_channel_create(sel, 0, false, &ch);
	assert_int_equal(rws_attach_for_reading(s, ch, &job), 0);
	assert_int_equal(rws_job_channel(job), ch);
	fake_data(end, "moved", 5);
	fake_turn(sel, 1);
	assert_int_equal(end->recved, 0);
	assert_read(ch, "moved");
	fake_turn(sel, 1);
	assert_int_equal(end->recved, 5);
}

static void b024_bytes_written_before_attach_are_sent(void **state)
{
	rws_channel_t ch;
	rws_job_t job;

	rws_channel_create(sel, 0, true, &ch);
	assert_int_equal(rws_write_available(ch, "early", 5), 5);
	assert_int_equal(rws_attach_for_writing(s, ch, &job), 0);
	fake_turn(sel, 1);
	assert_sent("early");
	assert_int_equal(rws_channel_close(ch, 0), 1);
	assert_int_equal(rws_job_join(job, in_ms(10)), 0);
	assert_int_equal(rws_job_result(job), 0);
	assert_true(end->shut);
	assert_false(rws_is_closed(s));
}

static void b025_data_before_open_is_delivered_in_order(void **state)
{
	fake_data(end, "one ", 4);
	fake_data(end, "two", 3);
	fake_fin(end);
	fake_turn(sel, 1);
	assert_int_equal(rws_open_read_channel(s, &in), 0);
	assert_read(in, "one two");
	assert_int_equal(rws_read_available(in, &(char){0}, 1), 0);
}

static void b026_close_completes_with_one_direction_open(void **state)
{
	assert_int_equal(rws_open_read_channel(s, &in), 0);
	rws_close(s);
	assert_true(rws_is_closed(s));
	s = fake_connect(sel, NULL, &end);
	assert_int_equal(rws_open_write_channel(s, false, &out), 0);
	rws_close(s);
	assert_int_equal(rws_await_closed(s, in_ms(10)), 0);
}

static void b027_channel_between_two_sockets_carries_bytes_and_fin(void **state)
{
	struct fake_end *end_b;
	rws_socket_t b = fake_connect(sel, NULL, &end_b);
	rws_channel_t ch;

	rws_channel_create(sel, 8, false, &ch);
	assert_int_equal(rws_attach_for_reading(s, ch, NULL), 0);
	assert_int_equal(rws_attach_for_writing(b, ch, NULL), 0);
	fake_data_in(end, "0123456789abcdef", 16, 4);
	fake_fin(end);
	fake_turn(sel, 8);
	assert_int_equal(end_b->sent_len, 16);
	assert_memory_equal(end_b->sent, "0123456789abcdef", 16);
	assert_int_equal(end->recved, 16);
	assert_true(end_b->shut);
	assert_false(rws_is_closed(b));
	assert_int_equal(rws_read_available(ch, &(char){0}, 1), -EBUSY);
}

static void b027_a_reset_of_the_source_resets_the_sink(void **state)
{
	struct fake_end *end_b;
	rws_socket_t b = fake_connect(sel, NULL, &end_b);
	rws_channel_t ch;

	rws_channel_create(sel, 0, false, &ch);
	rws_attach_for_reading(s, ch, NULL);
	rws_attach_for_writing(b, ch, NULL);
	fake_error(end, -ECONNRESET);
	fake_turn(sel, 3);
	assert_int_equal(rws_job_result(rws_socket_context(b)), -ECONNRESET);
	assert_int_equal(fake_count(REQ_ABORT), 1);
}

static void b028_channel_attached_both_ways_echoes(void **state)
{
	rws_channel_t ch;

	rws_channel_create(sel, 0, false, &ch);
	assert_int_equal(rws_attach_for_reading(s, ch, NULL), 0);
	assert_int_equal(rws_attach_for_writing(s, ch, NULL), 0);
	fake_data(end, "echo", 4);
	fake_turn(sel, 3);
	assert_sent("echo");
	fake_fin(end);
	fake_turn(sel, 3);
	assert_true(end->shut);
	rws_close(s);
	assert_int_equal(rws_await_closed(s, in_ms(10)), 0);
	assert_int_equal(fake_count(REQ_ABORT), 0);
}

static void b031_connection_opens_both_or_none(void **state)
{
	rws_channel_t in2 = 1, out2 = 2;

	open_both();
	assert_int_equal(rws_connection(s, &in2, &out2), -EALREADY);
	assert_int_equal(in2, 1);
	s = fake_connect(sel, NULL, &end);
	assert_int_equal(rws_open_write_channel(s, false, &out), 0);
	assert_int_equal(rws_connection(s, &in2, &out2), -EALREADY);
	assert_int_equal(rws_open_read_channel(s, &in), 0);
}

/* ---- Ending ----------------------------------------------------------------------------- */

static void nothing_completes_before_the_fin_was_sent(void **state)
{
	open_both();
	fake.no_sent = true;
	rws_close(s);
	fake_turn(sel, 3);
	assert_true(end->shut);
	assert_false(rws_is_closed(s));
	assert_int_equal(rws_read_available(in, &(char){0}, 1), -EAGAIN);
	fake_sent(end);
	fake_turn(sel, 1);
	assert_true(rws_is_closed(s));
	assert_int_equal(rws_read_available(in, &(char){0}, 1), -ECANCELED);
	assert_int_equal(rws_write_available(out, "x", 1), -ESHUTDOWN);
}

static void released_socket_gives_crossing_data_back(void **state)
{
	assert_int_equal(rws_open_read_channel(s, &in), 0);
	fake_data(end, "before", 6);
	rws_dispose(s);
	fake_data(end, "crossing", 8);
	fake_turn(sel, 3);
	assert_int_equal(fake.received_out, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(b016_open_read_channel_reads_what_the_peer_sent),
		CASE(b017_auto_flushed_bytes_and_fin_reach_the_peer),
		CASE(b018_open_read_channel_twice_is_ealready),
		CASE(b019_open_write_channel_twice_is_ealready),
		CASE(b020_second_attach_leaves_the_second_channel_alone),
		CASE(b021_attach_after_the_end_is_still_ealready),
		CASE(b022_attach_to_a_closed_socket_fails_the_channel),
		CASE(what_was_written_before_an_attach_comes_first),
		CASE(an_attach_takes_lent_room_back),
		CASE(b023_attach_for_reading_gives_a_writer_job),
		CASE(b024_bytes_written_before_attach_are_sent),
		CASE(b025_data_before_open_is_delivered_in_order),
		CASE(b026_close_completes_with_one_direction_open),
		CASE(b027_channel_between_two_sockets_carries_bytes_and_fin),
		CASE(b027_a_reset_of_the_source_resets_the_sink),
		CASE(b028_channel_attached_both_ways_echoes),
		CASE(b031_connection_opens_both_or_none),
		CASE(nothing_completes_before_the_fin_was_sent),
		CASE(released_socket_gives_crossing_data_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
