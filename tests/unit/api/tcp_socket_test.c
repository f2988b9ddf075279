/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP sockets: life, attach, jobs, half close, reset. Case names carry the contract's numbers. */
#include "tests/unit/api/fake.h"

#define CASE(name) cmocka_unit_test_setup_teardown(name, connected, over)

static struct rws_selector *sel;
static struct fake_end *end;
static rws_socket_t s;
static rws_channel_t in, out;

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

/* ---- A. Lifetime ------------------------------------------------------------------------ */

static void a001_close_with_nothing_open_is_complete_on_return(void **state)
{
	assert_int_equal(rws_close(s), 0);
	assert_true(rws_is_closed(s));
	assert_int_equal(rws_job_result(rws_socket_context(s)), 0);
	fake_turn(sel, 2);
	assert_int_equal(fake_count(REQ_RELEASE), 1);
	assert_int_equal(fake_count(REQ_ABORT), 0);
}

static void a002_close_of_both_idle_channels_completes_256_times(void **state)
{
	for (unsigned i = 0; i < 256; i++) {
		open_both();
		assert_int_equal(rws_close(s), 0);
		assert_int_equal(rws_await_closed(s, in_ms(2000)), 0);
		rws_dispose(s);
		s = fake_connect(sel, NULL, &end);
	}
	fake_turn(sel, 2);
	assert_int_equal(fake_count(REQ_SHUTDOWN), 256);
	assert_int_equal(fake_count(REQ_RELEASE), 256);
}

static void a003_second_close_says_nothing_more(void **state)
{
	struct rws_event events[8];

	open_both();
	assert_int_equal(rws_close(s), 0);
	assert_int_equal(rws_close(s), 0);
	assert_int_equal(rws_await_closed(s, in_ms(100)), 0);
	assert_int_equal(rws_close(s), 0);
	while (rws_selector_select(sel, events, 8, RWS_NOW) > 0)
		;
	assert_int_equal(rws_close(s), 0);
	assert_int_equal(rws_selector_select(sel, events, 8, RWS_NOW), 0);
	assert_int_equal(fake_count(REQ_SHUTDOWN), 1);
}

static void a004_dispose_closes_gracefully(void **state)
{
	open_both();
	assert_int_equal(rws_write_available(out, "bye", 3), 3);
	rws_dispose(s);
	fake_turn(sel, 4);
	assert_sent("bye");
	assert_true(fake_first(REQ_SEND) < fake_first(REQ_SHUTDOWN));
	assert_true(fake_first(REQ_SHUTDOWN) < fake_first(REQ_RELEASE));
	assert_int_equal(fake_count(REQ_ABORT), 0);
}

static void a005_dispose_twice_and_calls_after_it_are_ebadf(void **state)
{
	rws_job_t context = rws_socket_context(s);
	struct rws_address address;

	open_both();
	rws_dispose(s);
	rws_dispose(s);
	assert_int_equal(rws_close(s), -EBADF);
	assert_int_equal(rws_local_address(s, &address), -EBADF);
	assert_int_equal(rws_read_available(in, &address, 1), -EBADF);
	assert_int_equal(rws_write_available(out, "x", 1), -EBADF);
	assert_int_equal(rws_job_result(context), -EBADF);
	assert_int_equal(rws_await(s, RWS_EV_READABLE, in_ms(1)), -EBADF);
	assert_int_equal(rws_socket_context(s), RWS_NONE);
	assert_true(rws_is_closed(s));
}

static void a006_open_socket_has_an_active_context(void **state)
{
	assert_false(rws_is_closed(s));
	assert_true(rws_job_is_active(rws_socket_context(s)));
	assert_int_equal(rws_job_result(rws_socket_context(s)), -EINPROGRESS);
	assert_int_equal(rws_job_channel(rws_socket_context(s)), RWS_NONE);
}

static void a007_await_closed_with_a_deadline_leaves_the_socket_usable(void **state)
{
	open_both();
	int64_t before = fake.now;
	assert_int_equal(rws_await_closed(s, in_ms(10)), -ETIMEDOUT);
	assert_true(fake.now >= before + 10 * MS);
	write_flushed(out, "still");
	fake_turn(sel, 1);
	assert_sent("still");
}

static void a011_close_tells_in_order(void **state)
{
	struct rws_event events[8];
	rws_job_t reader, writer;
	rws_channel_t rx, tx;

	assert_int_equal(rws_channel_create(sel, 0, false, &rx), 0);
	assert_int_equal(rws_channel_create(sel, 0, false, &tx), 0);
	assert_int_equal(rws_attach_for_reading(s, rx, &writer), 0);
	assert_int_equal(rws_attach_for_writing(s, tx, &reader), 0);
	while (rws_selector_select(sel, events, 8, RWS_NOW) > 0)
		;
	assert_int_equal(rws_write_available(tx, "x", 1), 1);
	fake.no_ack = true;
	rws_close(s);
	unsigned n = 0;
	while (!rws_is_closed(s))
		fake_turn(sel, 1);
	n = (unsigned)rws_selector_select(sel, events, 8, in_ms(10));
	assert_int_equal(n, 4);
	assert_int_equal(events[0].handle, s);
	assert_int_equal(events[0].bits, RWS_EV_TX_DRAINED);
	assert_int_equal(events[1].handle, reader);
	assert_int_equal(events[1].bits, RWS_EV_JOB_DONE);
	assert_int_equal(events[1].result, 0);
	assert_int_equal(events[2].handle, writer);
	assert_int_equal(events[2].result, -ECANCELED);
	assert_int_equal(events[3].handle, s);
	assert_int_equal(events[3].bits, RWS_EV_CONTEXT_DONE);
	assert_int_equal(events[3].result, 0);
}

static void a011_nothing_completes_before_the_fin_was_sent(void **state)
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

static void a012_reset_alone_completes_the_context(void **state)
{
	open_both();
	fake_error(end, -ECONNRESET);
	fake_turn(sel, 3);
	assert_true(rws_is_closed(s));
	assert_int_equal(rws_await_closed(s, RWS_NOW), -ECONNRESET);
	assert_int_equal(fake_count(REQ_RELEASE), 1);
	assert_int_equal(rws_close(s), 0);
	rws_dispose(s);
	fake_turn(sel, 1);
	assert_int_equal(rws_close(s), -EBADF);
}

static void a012_resets_leak_nothing(void **state)
{
	for (unsigned i = 0; i < 5000; i++) {
		open_both();
		fake_data(end, "abc", 3);
		assert_int_equal(rws_write_available(out, "x", 1), 1);
		fake_error(end, -ECONNRESET);
		fake_turn(sel, 1);
		rws_dispose(s);
		s = fake_connect(sel, NULL, &end);
	}
}

static void a013_the_first_error_is_the_contexts(void **state)
{
	open_both();
	rws_abort(s, -EPROTO);
	fake_error(end, -ECONNRESET);
	fake_turn(sel, 2);
	assert_int_equal(rws_job_result(rws_socket_context(s)), -EPROTO);
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

/* ---- C. Jobs ---------------------------------------------------------------------------- */

static rws_job_t attach_reading(rws_channel_t *ch)
{
	rws_job_t job;

	rws_channel_create(sel, 0, false, ch);
	assert_int_equal(rws_attach_for_reading(s, *ch, &job), 0);
	return job;
}

static rws_job_t attach_writing(rws_channel_t *ch)
{
	rws_job_t job;

	rws_channel_create(sel, 0, true, ch);
	assert_int_equal(rws_attach_for_writing(s, *ch, &job), 0);
	return job;
}

static void c032_cancelled_writer_job_leaves_sending_alive(void **state)
{
	rws_job_t job = attach_reading(&in);

	attach_writing(&out);
	fake_data(end, "lost", 4);
	fake_turn(sel, 1);
	assert_int_equal(rws_job_cancel(job), 0);
	assert_true(rws_job_is_cancelled(job));
	assert_int_equal(rws_job_result(job), -ECANCELED);
	assert_int_equal(rws_read_available(in, &(char){0}, 1), -ECANCELED);
	assert_int_equal(rws_write_available(out, "on", 2), 2);
	fake_data(end, "more", 4);
	fake_turn(sel, 2);
	assert_sent("on");
	assert_int_equal(end->recved, 8);
	assert_false(rws_is_closed(s));
}

static void c033_cancelled_reader_job_drops_bytes_and_resets(void **state)
{
	rws_job_t job = attach_writing(&out);

	assert_int_equal(rws_write_available(out, "dropped", 7), 7);
	assert_int_equal(rws_job_cancel(job), 0);
	fake_turn(sel, 2);
	assert_int_equal(rws_job_result(job), -ECANCELED);
	assert_int_equal(end->sent_len, 0);
	assert_int_equal(fake_count(REQ_ABORT), 1);
	assert_int_equal(rws_write_available(out, "x", 1), -ECANCELED);
	assert_true(rws_is_closed(s));
}

static void c034_writer_job_ends_at_fin_with_unread_bytes(void **state)
{
	rws_job_t job = attach_reading(&in);

	fake_data(end, "unread", 6);
	fake_fin(end);
	assert_int_equal(rws_job_join(job, in_ms(10)), 0);
	assert_int_equal(rws_job_result(job), 0);
	assert_read(in, "unread");
}

static void c035_reader_job_ends_when_all_and_fin_were_sent(void **state)
{
	rws_job_t job = attach_writing(&out);

	fake.no_sent = true;
	rws_write_available(out, "abc", 3);
	rws_channel_close(out, 0);
	assert_int_equal(rws_job_join(job, in_ms(10)), -ETIMEDOUT);
	assert_sent("abc");
	fake_sent(end);
	assert_int_equal(rws_job_join(job, in_ms(10)), 0);
}

static void c036_job_result_is_the_cause_of_a_reset(void **state)
{
	rws_job_t job = attach_reading(&in);

	fake_error(end, -ECONNRESET);
	fake_turn(sel, 1);
	assert_int_equal(rws_job_result(job), -ECONNRESET);
	assert_false(rws_job_is_cancelled(job));
	assert_true(rws_job_is_completed(job));
}

static void c037_closing_a_channel_ends_its_job(void **state)
{
	rws_job_t writer = attach_reading(&in);
	rws_job_t reader = attach_writing(&out);

	assert_int_equal(rws_channel_close(in, -EPROTO), 1);
	assert_true(rws_job_is_cancelled(writer));
	assert_int_equal(rws_channel_close(out, 0), 1);
	assert_int_equal(rws_job_join(reader, in_ms(10)), 0);
	assert_int_equal(rws_job_result(reader), 0);
}

static unsigned completions;

static void completed(void *user, rws_job_t job, int result)
{
	completions++;
	*(int *)user = result;
}

static void c038_on_completion_after_the_fact_fires_once_from_the_loop(void **state)
{
	rws_job_t job = attach_reading(&in);
	int result = 1;

	completions = 0;
	fake_fin(end);
	fake_turn(sel, 1);
	assert_int_equal(rws_job_on_completion(job, completed, &result), 0);
	assert_int_equal(completions, 0);
	fake_turn(sel, 3);
	assert_int_equal(completions, 1);
	assert_int_equal(result, 0);
	assert_int_equal(rws_job_on_completion(job, completed, &result), -EBUSY);
}

/* ---- D. Half close, FIN, RST ------------------------------------------------------------ */

static void d039_half_close_still_reads(void **state)
{
	open_both();
	rws_write_available(out, "Hello\n", 6);
	assert_int_equal(rws_channel_close(out, 0), 1);
	fake_turn(sel, 2);
	assert_sent("Hello\n");
	assert_true(end->shut);
	fake_data(end, "reply", 5);
	fake_turn(sel, 1);
	assert_read(in, "reply");
	assert_false(rws_is_closed(s));
}

static void d041_slow_reader_gets_all_then_eof_for_ever(void **state)
{
	char data[100000];
	size_t got = 0;
	char byte[997];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7);
	open_both();
	fake_data(end, data, sizeof(data));
	fake_fin(end);
	fake_turn(sel, 1);
	while (got < sizeof(data)) {
		ssize_t n = rws_read_available(in, byte, sizeof(byte));
		assert_true(n > 0);
		assert_memory_equal(byte, data + got, (size_t)n);
		got += (size_t)n;
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(rws_read_available(in, byte, 1), 0);
	assert_int_equal(rws_total_bytes_read(in), sizeof(data));
	fake_turn(sel, 1);
	assert_int_equal(end->recved, sizeof(data));
}

static void d042_writing_goes_on_after_the_peers_fin(void **state)
{
	open_both();
	fake_fin(end);
	fake_turn(sel, 1);
	for (unsigned i = 0; i < 1000; i++) {
		char block[1000] = "";
		size_t done = 0;
		while (rws_write_fully(out, block, sizeof(block), &done) == -EAGAIN)
			fake_turn(sel, 1);
	}
	rws_flush(out);
	fake_turn(sel, 2);
	assert_int_equal(end->sent_len, 1000000);
}

static void d043_reset_with_unread_bytes_delivers_them_first(void **state)
{
	open_both();
	fake_data(end, "last", 4);
	fake_error(end, -ECONNRESET);
	fake_turn(sel, 2);
	assert_int_equal(rws_closed_cause(in), -ECONNRESET);
	assert_int_equal(fake_count(REQ_RELEASE), 0);
	assert_read(in, "last");
	assert_int_equal(rws_read_available(in, &(char){0}, 1), -ECONNRESET);
	fake_turn(sel, 1);
	assert_int_equal(fake_count(REQ_RELEASE), 1);
}

static void d043_reset_with_rst_drop_drops_them(void **state)
{
	s = fake_connect(sel, &(struct rws_options){.rst_drop = true}, &end);
	open_both();
	fake_data(end, "last", 4);
	fake_error(end, -ECONNRESET);
	fake_turn(sel, 2);
	assert_int_equal(rws_closed_cause(in), -ECONNRESET);
	assert_int_equal(rws_read_available(in, &(char){0}, 1), -ECONNRESET);
}

static void d043_reset_before_open_still_delivers(void **state)
{
	fake_data(end, "last", 4);
	fake_error(end, -ECONNRESET);
	fake_turn(sel, 2);
	open_both();
	assert_read(in, "last");
	assert_int_equal(rws_read_available(in, &(char){0}, 1), -ECONNRESET);
	assert_int_equal(rws_write_available(out, "x", 1), -ECONNRESET);
}

static void d044_unread_bytes_do_not_stop_a_close_from_sending(void **state)
{
	open_both();
	fake_data(end, "unread", 6);
	fake_turn(sel, 1);
	write_flushed(out, "pending");
	rws_close(s);
	fake_data(end, "still coming", 12);
	assert_int_equal(rws_await_closed(s, in_ms(10)), 0);
	fake_turn(sel, 2);
	assert_sent("pending");
	assert_true(end->shut);
	assert_int_equal(fake_count(REQ_ABORT), 0);
	assert_int_equal(end->recved, 18);
}

static void d045_unflushed_bytes_are_sent_by_close(void **state)
{
	open_both();
	assert_int_equal(rws_write_available(out, "tail", 4), 4);
	rws_close(s);
	assert_int_equal(rws_await_closed(s, in_ms(10)), 0);
	assert_sent("tail");
}

static void d046_close_of_the_channel_with_a_cause_resets(void **state)
{
	open_both();
	assert_int_equal(rws_write_available(out, "tail", 4), 4);
	assert_int_equal(rws_channel_close(out, -EPROTO), 1);
	fake_turn(sel, 2);
	assert_int_equal(end->sent_len, 0);
	assert_int_equal(fake_count(REQ_ABORT), 1);
	assert_int_equal(rws_job_result(rws_socket_context(s)), -EPROTO);
}

static void d047_close_against_a_zero_window_times_out(void **state)
{
	open_both();
	fake.no_sent = true;
	write_flushed(out, "stuck");
	rws_close(s);
	int64_t before = fake.now;
	assert_int_equal(rws_await_closed(s, in_ms(60000)), -ETIMEDOUT);
	assert_true(fake.now - before >= 30000 * MS && fake.now - before < 31000 * MS);
	fake_turn(sel, 2);
	assert_int_equal(fake_count(REQ_ABORT), 1);
	assert_int_equal(fake_count(REQ_RELEASE), 1);
}

static void d047_close_linger_has_its_own_bound(void **state)
{
	open_both();
	fake.no_sent = true;
	assert_int_equal(rws_close_linger(s, 50 * MS), 0);
	int64_t before = fake.now;
	assert_int_equal(rws_await_closed(s, in_ms(60000)), -ETIMEDOUT);
	assert_true(fake.now - before >= 50 * MS && fake.now - before < 60 * MS);
}

static void d047_close_linger_waits_for_the_ack_of_fin(void **state)
{
	open_both();
	fake.no_sent = true;
	rws_close_linger(s, 1000 * MS);
	fake_turn(sel, 2);
	fake_sent(end);
	assert_int_equal(rws_await_closed(s, in_ms(10)), -ETIMEDOUT);
	fake_fin_acked(end);
	assert_int_equal(rws_await_closed(s, in_ms(10)), 0);
}

static void d048_linger_zero_resets(void **state)
{
	s = fake_connect(sel, &(struct rws_options){.linger_zero = true}, &end);
	open_both();
	write_flushed(out, "x");
	rws_close(s);
	assert_int_equal(rws_await_closed(s, RWS_NOW), 0);
	fake_turn(sel, 2);
	assert_int_equal(fake_count(REQ_ABORT), 1);
	assert_int_equal(fake_count(REQ_SHUTDOWN), 0);
}

static void d049_cancelled_read_channel_discards_what_comes(void **state)
{
	char block[1460] = "";

	open_both();
	assert_int_equal(rws_channel_cancel(in, 0), 1);
	for (unsigned i = 0; i < 100; i++) {
		fake_data(end, block, sizeof(block));
		fake_turn(sel, 1);
	}
	fake_turn(sel, 1);
	assert_int_equal(end->recved, 146000);
	assert_int_equal(fake.received_out, 0);
	write_flushed(out, "alive");
	fake_turn(sel, 1);
	assert_sent("alive");
}

static void d050_abort_resets_with_the_cause(void **state)
{
	rws_job_t writer = attach_reading(&in);
	rws_job_t reader = attach_writing(&out);

	assert_int_equal(rws_abort(s, -EPROTO), 0);
	assert_int_equal(rws_job_result(rws_socket_context(s)), -EPROTO);
	assert_int_equal(rws_job_result(writer), -ECANCELED);
	assert_int_equal(rws_job_result(reader), -ECANCELED);
	fake_turn(sel, 2);
	assert_true(fake_first(REQ_ABORT) < fake_first(REQ_RELEASE));
}

static void d051_write_after_a_reset_is_the_cause(void **state)
{
	struct rws_event event;

	open_both();
	while (rws_selector_select(sel, &event, 1, RWS_NOW) > 0)
		;
	fake_error(end, -ECONNRESET);
	assert_int_equal(rws_selector_select(sel, &event, 1, in_ms(10)), 1);
	assert_true(event.bits & RWS_EV_ERROR);
	assert_int_equal(event.result, -ECONNRESET);
	assert_int_equal(rws_write_available(out, "x", 1), -ECONNRESET);
}

static void d053_two_fins_without_close_leave_it_open(void **state)
{
	open_both();
	fake_fin(end);
	rws_channel_close(out, 0);
	fake_turn(sel, 3);
	assert_false(rws_is_closed(s));
	rws_dispose(s);
	fake_turn(sel, 2);
	assert_int_equal(fake_count(REQ_RELEASE), 1);
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
		CASE(a001_close_with_nothing_open_is_complete_on_return),
		CASE(a002_close_of_both_idle_channels_completes_256_times),
		CASE(a003_second_close_says_nothing_more),
		CASE(a004_dispose_closes_gracefully),
		CASE(a005_dispose_twice_and_calls_after_it_are_ebadf),
		CASE(a006_open_socket_has_an_active_context),
		CASE(a007_await_closed_with_a_deadline_leaves_the_socket_usable),
		CASE(a011_close_tells_in_order),
		CASE(a011_nothing_completes_before_the_fin_was_sent),
		CASE(a012_reset_alone_completes_the_context),
		CASE(a012_resets_leak_nothing),
		CASE(a013_the_first_error_is_the_contexts),
		CASE(b016_open_read_channel_reads_what_the_peer_sent),
		CASE(b017_auto_flushed_bytes_and_fin_reach_the_peer),
		CASE(b018_open_read_channel_twice_is_ealready),
		CASE(b019_open_write_channel_twice_is_ealready),
		CASE(b020_second_attach_leaves_the_second_channel_alone),
		CASE(b021_attach_after_the_end_is_still_ealready),
		CASE(b022_attach_to_a_closed_socket_fails_the_channel),
		CASE(b023_attach_for_reading_gives_a_writer_job),
		CASE(b024_bytes_written_before_attach_are_sent),
		CASE(b025_data_before_open_is_delivered_in_order),
		CASE(b026_close_completes_with_one_direction_open),
		CASE(b027_channel_between_two_sockets_carries_bytes_and_fin),
		CASE(b027_a_reset_of_the_source_resets_the_sink),
		CASE(b028_channel_attached_both_ways_echoes),
		CASE(b031_connection_opens_both_or_none),
		CASE(c032_cancelled_writer_job_leaves_sending_alive),
		CASE(c033_cancelled_reader_job_drops_bytes_and_resets),
		CASE(c034_writer_job_ends_at_fin_with_unread_bytes),
		CASE(c035_reader_job_ends_when_all_and_fin_were_sent),
		CASE(c036_job_result_is_the_cause_of_a_reset),
		CASE(c037_closing_a_channel_ends_its_job),
		CASE(c038_on_completion_after_the_fact_fires_once_from_the_loop),
		CASE(d039_half_close_still_reads),
		CASE(d041_slow_reader_gets_all_then_eof_for_ever),
		CASE(d042_writing_goes_on_after_the_peers_fin),
		CASE(d043_reset_with_unread_bytes_delivers_them_first),
		CASE(d043_reset_with_rst_drop_drops_them),
		CASE(d043_reset_before_open_still_delivers),
		CASE(d044_unread_bytes_do_not_stop_a_close_from_sending),
		CASE(d045_unflushed_bytes_are_sent_by_close),
		CASE(d046_close_of_the_channel_with_a_cause_resets),
		CASE(d047_close_against_a_zero_window_times_out),
		CASE(d047_close_linger_has_its_own_bound),
		CASE(d047_close_linger_waits_for_the_ack_of_fin),
		CASE(d048_linger_zero_resets),
		CASE(d049_cancelled_read_channel_discards_what_comes),
		CASE(d050_abort_resets_with_the_cause),
		CASE(d051_write_after_a_reset_is_the_cause),
		CASE(d053_two_fins_without_close_leave_it_open),
		CASE(released_socket_gives_crossing_data_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
