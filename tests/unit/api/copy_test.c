/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes that go on from one channel to another: rws_copy_to, and channels attached to two sockets;
 * in both placements. With RWS_CHANNEL the two sockets are on different stack cores.
 */
#include <pthread.h>

#include "tests/unit/api/fake.h"

#define CASE(test) BOTH_CASE(test, start, fake_teardown)

static struct fake_end *end_a, *end_b;
static rws_socket_t a, b;
static rws_channel_t from, to, back; /* of a, of b, of b's other direction */
static rws_job_t job;

static int start(void **state)
{
	enum rws_placement placement = placement_of(state);

	fake_start(placement, placement == RWS_INLINE ? 1 : 2);
	a = fake_connect(sel, NULL, &end_a);
	b = fake_connect(sel, NULL, &end_b);
	assert_int_equal(end_a->ep.chan == end_b->ep.chan, placement == RWS_INLINE);
	assert_int_equal(rws_open_read_channel(a, &from), 0);
	assert_int_equal(rws_connection(b, &back, &to), 0);
	return 0;
}

static void copy(uint64_t limit, unsigned flags)
{
	assert_int_equal(rws_copy_to(from, to, limit, flags, &job), 0);
	assert_true(rws_job_is_active(job));
}

static void receive(const char *text)
{
	fake_data_in(end_a, text, strlen(text), 4);
	fake_turn(sel, 4);
}

static void assert_sent(const char *text)
{
	assert_int_equal(end_b->sent_len, strlen(text));
	assert_memory_equal(end_b->sent, text, strlen(text));
}

static uint64_t moved(void)
{
	return atomic_load(&fake.rws.selector_counters[0].moved_bytes);
}

static uint64_t copied(void)
{
	return atomic_load(&fake.rws.selector_counters[0].copied_bytes);
}

/* ---- What a copy does ------------------------------------------------------------------- */

static void bytes_go_on_in_their_buffers(void **state)
{
	receive("early ");
	copy(UINT64_MAX, 0);
	receive("and late");
	assert_sent("early and late");
	assert_int_equal(end_a->recved, 14);
	assert_int_equal(moved(), 14);
	assert_int_equal(copied(), 0);
	assert_int_equal(fake.received_out, 0);
	assert_int_equal(rws_total_bytes_read(from), 14);
	assert_int_equal(rws_total_bytes_written(to), 14);
}

static void what_was_written_before_comes_first(void **state)
{
	assert_int_equal(rws_write_available(to, "header ", 7), 7);
	copy(UINT64_MAX, 0);
	receive("body");
	assert_sent("header body");
}

static void b074_a_normal_end_leaves_the_destination_open(void **state)
{
	copy(UINT64_MAX, 0);
	receive("all");
	fake_fin(end_a);
	fake_turn(sel, 3);
	assert_int_equal(rws_job_result(job), 0);
	assert_false(rws_job_is_cancelled(job));
	assert_false(rws_is_closed_for_write(to));
	assert_int_equal(rws_write_available(to, "more", 4), 4);
	rws_flush(to);
	fake_turn(sel, 2);
	assert_sent("allmore");
	assert_false(end_b->shut);
}

static void b074_the_flag_closes_the_destination(void **state)
{
	copy(UINT64_MAX, RWS_COPY_CLOSE);
	receive("all");
	fake_fin(end_a);
	fake_turn(sel, 4);
	assert_int_equal(rws_job_result(job), 0);
	assert_sent("all");
	assert_true(end_b->shut);
	assert_int_equal(fake_count(REQ_ABORT), 0);
}

static void b074_the_limit_is_exact(void **state)
{
	char buf[8];

	receive("0123456789");
	copy(6, 0);
	fake_turn(sel, 4);
	assert_int_equal(rws_job_result(job), 0);
	assert_sent("012345");
	assert_int_equal(copied(), 2);
	assert_int_equal(rws_read_available(from, buf, 8), 4);
	assert_memory_equal(buf, "6789", 4);
	assert_int_equal(rws_copy_to(from, to, 0, RWS_COPY_CLOSE, &job), 0);
	fake_turn(sel, 4);
	assert_int_equal(rws_job_result(job), 0);
	assert_true(end_b->shut);
}

static void b074_a_failed_source_closes_the_destination_with_the_cause(void **state)
{
	copy(UINT64_MAX, RWS_COPY_CLOSE);
	receive("before");
	fake_data(end_a, "it", 2);
	fake_error(end_a, -ECONNRESET);
	fake_turn(sel, 4);
	assert_int_equal(rws_job_result(job), -ECONNRESET);
	assert_int_equal(rws_closed_cause(to), -ECONNRESET);
	assert_true(end_b->aborted);
	assert_int_equal(rws_job_result(rws_socket_context(b)), -ECONNRESET);
}

static void b074_a_destination_that_dies_leaves_the_source(void **state)
{
	char buf[8];

	copy(UINT64_MAX, 0);
	fake_error(end_b, -ECONNRESET);
	fake_turn(sel, 2);
	assert_int_equal(rws_job_result(job), -ECONNRESET);
	receive("kept");
	assert_int_equal(rws_read_available(from, buf, 8), 4);
	assert_false(rws_is_closed(a));
	assert_int_equal(rws_copy_to(from, to, UINT64_MAX, 0, &job), -ECONNRESET);
}

static void b074_a_destination_that_was_closed_is_eshutdown(void **state)
{
	copy(UINT64_MAX, 0);
	receive("sent");
	assert_int_equal(rws_channel_close(to, 0), 1);
	fake_turn(sel, 3);
	assert_int_equal(rws_job_result(job), -ESHUTDOWN);
	assert_sent("sent");
	assert_true(end_b->shut);
	assert_int_equal(fake_count(REQ_ABORT), 0);
	assert_int_equal(rws_copy_to(from, to, UINT64_MAX, 0, &job), -ESHUTDOWN);
}

static void b075_source_and_destination_must_differ(void **state)
{
	rws_channel_t pipe_ch;

	assert_int_equal(rws_channel_create(sel, 0, true, &pipe_ch), 0);
	assert_int_equal(rws_copy_to(pipe_ch, pipe_ch, UINT64_MAX, 0, &job), -EINVAL);
	assert_int_equal(rws_copy_to(from, to, UINT64_MAX, 2, &job), -EINVAL);
	assert_int_equal(rws_copy_to(RWS_NONE, to, UINT64_MAX, 0, &job), -EBADF);
	assert_int_equal(rws_copy_to(from, from, UINT64_MAX, 0, &job), -EINVAL);
}

/* Bytes in it would go round for ever, and the selector would never rest. */
static void b075_a_circle_of_copies_is_refused(void **state)
{
	struct rws_event event;
	rws_channel_t one, two, three;

	assert_int_equal(rws_channel_create(sel, 0, true, &one), 0);
	assert_int_equal(rws_channel_create(sel, 0, true, &two), 0);
	assert_int_equal(rws_channel_create(sel, 0, true, &three), 0);
	assert_int_equal(rws_write_available(one, "round", 5), 5);
	assert_int_equal(rws_copy_to(two, three, UINT64_MAX, 0, NULL), 0);
	assert_int_equal(rws_copy_to(one, two, UINT64_MAX, 0, NULL), 0);
	assert_int_equal(rws_copy_to(three, one, UINT64_MAX, 0, &job), -EINVAL);
	assert_int_equal(rws_copy_to(three, to, UINT64_MAX, 0, &job), 0);
	fake_turn(sel, 4);
	while (rws_selector_select(sel, &event, 1, RWS_NOW) > 0)
		;
	assert_int_equal(rws_selector_select(sel, &event, 1, rws_now(sel) + 5 * MS), 0);
	assert_sent("round");
}

/* A copy that is over is no part of one. */
static void b075_two_copies_one_after_the_other_are_no_circle(void **state)
{
	rws_channel_t one, two;

	assert_int_equal(rws_channel_create(sel, 0, true, &one), 0);
	assert_int_equal(rws_channel_create(sel, 0, true, &two), 0);
	assert_int_equal(rws_write_available(one, "there", 5), 5);
	assert_int_equal(rws_copy_to(one, two, 5, 0, NULL), 0);
	fake_turn(sel, 2);
	assert_int_equal(rws_copy_to(two, one, UINT64_MAX, 0, NULL), 0);
	fake_turn(sel, 2);
	assert_int_equal(rws_available_for_read(one), 5);
}

static void nobody_else_reads_or_writes_meanwhile(void **state)
{
	rws_channel_t pipe_ch;
	struct iovec iov;
	char byte;

	assert_int_equal(rws_channel_create(sel, 0, true, &pipe_ch), 0);
	copy(UINT64_MAX, 0);
	assert_int_equal(rws_read_available(from, &byte, 1), -EBUSY);
	assert_int_equal(rws_consumed(from, 0), -EBUSY);
	assert_int_equal(rws_write_available(to, "x", 1), -EBUSY);
	assert_int_equal(rws_write_request(to, 1, &iov, 1), -EBUSY);
	assert_int_equal(rws_copy_to(from, pipe_ch, UINT64_MAX, 0, NULL), -EBUSY);
	assert_int_equal(rws_copy_to(back, to, UINT64_MAX, 0, NULL), -EBUSY);
	assert_int_equal(rws_copy_to(to, pipe_ch, UINT64_MAX, 0, NULL), -EBUSY);
	assert_int_equal(rws_copy_to(pipe_ch, from, UINT64_MAX, 0, NULL), -EBUSY);
	assert_int_equal(rws_copy_to(back, pipe_ch, UINT64_MAX, 0, NULL), 0);
	assert_int_equal(rws_attach_for_reading(a, pipe_ch, NULL), -EALREADY);
}

static void a_channel_that_is_copied_is_not_attached(void **state)
{
	rws_channel_t src, dst;
	rws_socket_t c = fake_connect(sel, NULL, &end_a);

	assert_int_equal(rws_channel_create(sel, 0, true, &src), 0);
	assert_int_equal(rws_channel_create(sel, 0, true, &dst), 0);
	assert_int_equal(rws_copy_to(src, dst, UINT64_MAX, 0, NULL), 0);
	assert_int_equal(rws_attach_for_writing(c, src, NULL), -EBUSY);
	assert_int_equal(rws_attach_for_reading(c, dst, NULL), -EBUSY);
	assert_int_equal(rws_attach_for_reading(c, src, NULL), 0);
	assert_int_equal(rws_attach_for_writing(c, dst, NULL), 0);
	fake_data(end_a, "round", 5);
	fake_turn(sel, 4);
	assert_int_equal(end_a->sent_len, 5);
	assert_int_equal(end_a->recved, 5);
}

/* ---- Its job ---------------------------------------------------------------------------- */

static void a_cancelled_job_closes_the_destination(void **state)
{
	char buf[8];

	copy(UINT64_MAX, 0);
	assert_int_equal(rws_job_channel(job), to);
	assert_int_equal(rws_job_result(job), -EINPROGRESS);
	assert_int_equal(rws_job_cancel(job), 0);
	assert_true(rws_job_is_cancelled(job));
	assert_true(rws_job_is_completed(job));
	assert_int_equal(rws_job_result(job), -ECANCELED);
	assert_int_equal(rws_closed_cause(to), -ECANCELED);
	assert_int_equal(rws_job_cancel(job), 0);
	fake_turn(sel, 2);
	assert_true(end_b->aborted);
	receive("kept");
	assert_int_equal(rws_read_available(from, buf, 8), 4);
}

static struct {
	unsigned calls;
	rws_job_t job;
	int result;
} told;

static void on_done(void *user, rws_job_t done, int result)
{
	assert_ptr_equal(user, &told);
	told.calls++;
	told.job = done;
	told.result = result;
}

static void the_job_tells_events_callbacks_and_joins(void **state)
{
	struct rws_event events[8];
	int mine, n;

	memset(&told, 0, sizeof(told));
	rws_set_user(a, &mine);
	copy(4, 0);
	assert_int_equal(rws_job_on_completion(job, on_done, &told), 0);
	assert_int_equal(rws_job_on_completion(job, on_done, &told), -EBUSY);
	assert_int_equal(rws_job_join(job, rws_now(sel) + MS), -ETIMEDOUT);
	while (rws_selector_select(sel, events, 8, RWS_NOW) > 0)
		;
	fake_data(end_a, "done", 4);
	assert_int_equal(rws_job_join(job, rws_now(sel) + 10 * MS), 0);
	assert_int_equal(rws_await(job, RWS_EV_JOB_DONE, RWS_NOW), RWS_EV_JOB_DONE);
	fake_turn(sel, 1);
	assert_int_equal(told.calls, 1);
	assert_int_equal(told.job, job);
	assert_int_equal(told.result, 0);
	bool found = false;
	while ((n = rws_selector_select(sel, events, 8, RWS_NOW)) > 0) {
		for (int i = 0; i < n; i++) {
			if (events[i].handle != job)
				continue;
			assert_false(found);
			assert_int_equal(events[i].bits, RWS_EV_JOB_DONE);
			assert_ptr_equal(events[i].user, &mine);
			found = true;
		}
	}
	assert_true(found);
}

static void a_completion_asked_for_late_is_told_once(void **state)
{
	memset(&told, 0, sizeof(told));
	copy(0, 0);
	fake_turn(sel, 2);
	assert_true(rws_job_is_completed(job));
	assert_int_equal(rws_job_on_completion(job, on_done, &told), 0);
	assert_int_equal(told.calls, 0);
	fake_turn(sel, 2);
	assert_int_equal(told.calls, 1);
}

static void *cancel_it(void *result)
{
	((int *)result)[0] = rws_job_result(job);
	((int *)result)[1] = rws_job_cancel(job);
	return NULL;
}

static void another_thread_may_cancel_the_job(void **state)
{
	int results[2];
	pthread_t thread;

	copy(UINT64_MAX, 0);
	assert_int_equal(pthread_create(&thread, NULL, cancel_it, results), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(results[0], -EXDEV);
	assert_int_equal(results[1], 0);
	assert_true(rws_job_is_active(job));
	fake_turn(sel, 1);
	assert_int_equal(rws_job_result(job), -ECANCELED);
}

static void the_jobs_handle_ends_with_the_next_copy_or_its_source(void **state)
{
	copy(0, 0);
	fake_turn(sel, 1);
	rws_job_t first = job;
	assert_int_equal(rws_job_result(first), 0);
	copy(0, 0);
	assert_int_equal(rws_job_result(first), -EBADF);
	assert_int_equal(rws_job_cancel(first), -EBADF);
	fake_turn(sel, 1);
	assert_int_equal(rws_job_result(job), 0);
	rws_dispose(a);
	assert_int_equal(rws_job_result(job), -EBADF);
	fake_turn(sel, 3);
}

/* ---- Ends of sockets and channels -------------------------------------------------------- */

static void closing_the_source_cancels_and_truncation_shows(void **state)
{
	copy(UINT64_MAX, RWS_COPY_CLOSE);
	receive("some");
	rws_close(a);
	assert_int_equal(rws_job_result(job), -ECANCELED);
	fake_turn(sel, 3);
	assert_sent("some");
	assert_true(end_b->aborted);
	assert_false(end_b->shut);
}

static void disposing_a_source_that_ended_completes_the_copy(void **state)
{
	copy(UINT64_MAX, RWS_COPY_CLOSE);
	fake_data(end_a, "last", 4);
	fake_fin(end_a);
	fake_turn(sel, 1);
	rws_dispose(a);
	fake_turn(sel, 4);
	assert_sent("last");
	assert_true(end_b->shut);
	assert_false(end_b->aborted);
}

static void disposing_the_destination_ends_the_copy(void **state)
{
	copy(UINT64_MAX, 0);
	receive("sent");
	rws_dispose(b);
	assert_int_equal(rws_job_result(job), -ESHUTDOWN);
	fake_turn(sel, 4);
	assert_sent("sent");
	assert_true(end_b->shut);
	assert_false(end_b->aborted);
	assert_false(rws_is_closed_for_read(from));
}

static void disposed_pipes_end_their_copies(void **state)
{
	rws_channel_t one, two, three;
	rws_job_t second;

	assert_int_equal(rws_channel_create(sel, 0, true, &one), 0);
	assert_int_equal(rws_channel_create(sel, 0, true, &two), 0);
	assert_int_equal(rws_channel_create(sel, 0, true, &three), 0);
	assert_int_equal(rws_copy_to(one, two, UINT64_MAX, 0, &job), 0);
	assert_int_equal(rws_copy_to(two, three, UINT64_MAX, 0, &second), 0);
	assert_int_equal(rws_write_available(one, "through", 7), 7);
	fake_turn(sel, 3);
	assert_int_equal(rws_available_for_read(three), 7);
	rws_channel_dispose(two);
	assert_int_equal(rws_job_result(job), -ECANCELED);
	assert_int_equal(rws_job_result(second), -EBADF);
	assert_int_equal(rws_closed_cause(three), -ECANCELED);
	assert_false(rws_is_closed_for_write(one));
	assert_int_equal(fake.buffers_out, 0);
}

static void closing_the_selector_ends_all_copies(void **state)
{
	rws_channel_t one;

	assert_int_equal(rws_channel_create(sel, 0, true, &one), 0);
	copy(UINT64_MAX, 0);
	assert_int_equal(rws_copy_to(back, one, UINT64_MAX, 0, NULL), 0);
	fake_data(end_a, "on its way", 10);
	fake_turn(sel, 1);
}

/* ---- Backpressure ----------------------------------------------------------------------- */

static void b027_the_window_of_the_source_follows_the_destination(void **state)
{
	char block[100] = "";
	struct rws_options options = {.send_buffer = 50};

	b = fake_connect(sel, &options, &end_b);
	assert_int_equal(rws_open_write_channel(b, false, &to), 0);
	fake.no_ack = true;
	copy(UINT64_MAX, 0);
	fake_data_in(end_a, block, sizeof(block), 20);
	fake_turn(sel, 4);
	assert_int_equal(end_b->sent_len, 40);
	assert_int_equal(end_a->recved, 40);
	fake_ack(end_b, 20);
	fake_turn(sel, 4);
	assert_int_equal(end_b->sent_len, 60);
	assert_int_equal(end_a->recved, 60);
	fake_ack(end_b, 40);
	fake_turn(sel, 4);
	assert_int_equal(end_a->recved, 100);
	assert_int_equal(copied(), 0);
}

static void a_buffer_larger_than_the_destination_goes_into_an_empty_one(void **state)
{
	struct rws_options options = {.send_buffer = 50};
	char block[200] = "";

	b = fake_connect(sel, &options, &end_b);
	assert_int_equal(rws_open_write_channel(b, false, &to), 0);
	copy(UINT64_MAX, 0);
	fake_data_in(end_a, block, sizeof(block), 100);
	fake_turn(sel, 6);
	assert_int_equal(end_b->sent_len, 200);
}

static void a_copy_without_buffers_goes_on_when_there_are_some(void **state)
{
	copy(UINT64_MAX, 0);
	fake.short_packets = true;
	fake.pool_limit = 0;
	receive("waits");
	assert_int_equal(end_b->sent_len, 0);
	fake.pool_limit = 16;
	struct rws_event events[8];
	while (end_b->sent_len < 5)
		rws_selector_select(sel, events, 8, rws_now(sel) + 5 * MS);
	assert_sent("waits");
	fake_turn(sel, 2);
	assert_int_equal(copied(), 5);
	assert_int_equal(moved(), 0);
	assert_int_equal(fake.received_out, 0);
}

static void buffers_that_are_no_mbufs_are_copied(void **state)
{
	fake.no_mbufs = true;
	copy(UINT64_MAX, 0);
	receive("through lwIP");
	assert_sent("through lwIP");
	assert_int_equal(copied(), 12);
}

/* ---- Channels attached to two sockets ----------------------------------------------------- */

static void b027_an_attached_channel_hands_buffers_on(void **state)
{
	rws_socket_t c, d;
	rws_channel_t ch;

	c = fake_connect(sel, NULL, &end_a);
	d = fake_connect(sel, NULL, &end_b);
	assert_int_equal(rws_channel_create(sel, 8, false, &ch), 0);
	assert_int_equal(rws_attach_for_reading(c, ch, NULL), 0);
	assert_int_equal(rws_attach_for_writing(d, ch, NULL), 0);
	fake_data_in(end_a, "0123456789abcdef", 16, 4);
	fake_fin(end_a);
	fake_turn(sel, 8);
	assert_sent("0123456789abcdef");
	assert_int_equal(end_a->recved, 16);
	assert_true(end_b->shut);
	assert_int_equal(moved(), 16);
	assert_int_equal(copied(), 0);
	assert_int_equal(fake.buffers_out, 0);
}

static void b027_the_window_follows_through_an_attached_channel(void **state)
{
	struct rws_options options = {.send_buffer = 8};
	rws_socket_t c, d;
	rws_channel_t ch;

	c = fake_connect(sel, NULL, &end_a);
	d = fake_connect(sel, &options, &end_b);
	fake.no_ack = true;
	assert_int_equal(rws_channel_create(sel, 8, false, &ch), 0);
	assert_int_equal(rws_attach_for_reading(c, ch, NULL), 0);
	assert_int_equal(rws_attach_for_writing(d, ch, NULL), 0);
	fake_data_in(end_a, "0123456789abcdefghij", 20, 4);
	fake_turn(sel, 8);
	assert_int_equal(end_b->sent_len, 8);
	assert_int_equal(end_a->recved, 8);
	fake_ack(end_b, 8);
	fake_turn(sel, 8);
	assert_int_equal(end_b->sent_len, 16);
	assert_int_equal(end_a->recved, 16);
}

static void b028_an_echo_hands_buffers_on(void **state)
{
	rws_channel_t ch;
	rws_socket_t c = fake_connect(sel, NULL, &end_b);

	assert_int_equal(rws_channel_create(sel, 0, false, &ch), 0);
	assert_int_equal(rws_attach_for_reading(c, ch, NULL), 0);
	assert_int_equal(rws_attach_for_writing(c, ch, NULL), 0);
	fake_data(end_b, "echo", 4);
	fake_turn(sel, 4);
	assert_sent("echo");
	assert_int_equal(end_b->recved, 4);
	assert_int_equal(moved(), 4);
	fake_fin(end_b);
	fake_turn(sel, 4);
	assert_true(end_b->shut);
}

/* What waits to be sent was written, and is not unread for having been received. */
static void b028_an_echo_that_is_closed_sends_what_it_has(void **state)
{
	const struct rws_options small = {.send_buffer = 10};
	rws_channel_t ch;
	rws_socket_t c = fake_connect(sel, &small, &end_b);

	fake.no_ack = true;
	assert_int_equal(rws_channel_create(sel, 0, false, &ch), 0);
	assert_int_equal(rws_attach_for_reading(c, ch, NULL), 0);
	assert_int_equal(rws_attach_for_writing(c, ch, NULL), 0);
	fake_data_in(end_b, "echo, but slowly", 16, 5);
	fake_turn(sel, 4);
	assert_sent("echo, but ");
	rws_close(c);
	fake_turn(sel, 4);
	assert_false(end_b->shut);
	fake_ack(end_b, 10);
	fake_turn(sel, 4);
	assert_sent("echo, but slowly");
	assert_true(end_b->shut);
	assert_int_equal(rws_await_closed(c, rws_now(sel) + MS), 0);
	rws_channel_dispose(ch);
}

static void b028_a_socket_is_copied_to_itself_and_closed(void **state)
{
	end_a = end_b;
	assert_int_equal(rws_copy_to(back, to, UINT64_MAX, RWS_COPY_CLOSE, &job), 0);
	receive("echo");
	assert_sent("echo");
	rws_close(b);
	fake_turn(sel, 4);
	assert_int_equal(rws_job_result(job), -ESHUTDOWN);
	assert_true(end_b->shut);
	assert_false(end_b->aborted);
	assert_int_equal(rws_await_closed(b, rws_now(sel) + MS), 0);
}

static void a_failed_source_that_is_disposed_at_once_ends_the_copy(void **state)
{
	rws_channel_t one;

	assert_int_equal(rws_channel_create(sel, 0, true, &one), 0);
	rws_channel_close(one, -EPROTO);
	assert_int_equal(rws_copy_to(one, to, UINT64_MAX, 0, &job), 0);
	rws_channel_dispose(one);
	assert_int_equal(rws_closed_cause(to), -EPROTO);
	assert_int_equal(rws_job_result(job), -EBADF);
	fake_turn(sel, 2);
	rws_channel_cancel(from, 0);
	assert_int_equal(rws_copy_to(from, to, UINT64_MAX, 0, &job), -EPROTO);
	assert_int_equal(rws_copy_to(from, rws_job_channel(job), UINT64_MAX, 0, NULL), -EBADF);
}

/* ---- All together ------------------------------------------------------------------------- */

static void a_proxy_carries_both_directions_and_their_ends(void **state)
{
	rws_channel_t a_out;
	rws_job_t there, there_too;

	assert_int_equal(rws_open_write_channel(a, false, &a_out), 0);
	assert_int_equal(rws_copy_to(from, to, UINT64_MAX, RWS_COPY_CLOSE, &there), 0);
	assert_int_equal(rws_copy_to(back, a_out, UINT64_MAX, RWS_COPY_CLOSE, &there_too), 0);
	fake_data(end_a, "question", 8);
	fake_fin(end_a);
	fake_turn(sel, 4);
	assert_sent("question");
	assert_true(end_b->shut);
	assert_true(rws_job_is_active(there_too));
	fake_data(end_b, "answer", 6);
	fake_fin(end_b);
	fake_turn(sel, 4);
	assert_int_equal(end_a->sent_len, 6);
	assert_true(end_a->shut);
	assert_int_equal(rws_job_result(there), 0);
	assert_int_equal(rws_job_result(there_too), 0);
	assert_int_equal(fake_count(REQ_ABORT), 0);
}

static void a_proxy_ends_both_sides_when_one_is_aborted(void **state)
{
	rws_channel_t a_out;

	assert_int_equal(rws_open_write_channel(a, false, &a_out), 0);
	assert_int_equal(rws_copy_to(from, to, UINT64_MAX, RWS_COPY_CLOSE, NULL), 0);
	assert_int_equal(rws_copy_to(back, a_out, UINT64_MAX, RWS_COPY_CLOSE, NULL), 0);
	fake_data(end_a, "question", 8);
	fake_turn(sel, 1);
	rws_abort(a, -EPROTO);
	fake_turn(sel, 3);
	assert_true(end_a->aborted);
	assert_true(end_b->aborted);
	assert_int_equal(rws_job_result(rws_socket_context(b)), -ECANCELED);
}

static uint32_t random_state;

static unsigned below(unsigned n)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (random_state >> 8) % n;
}

enum { PLACES = 5 };

/* A socket with its channels, or a pipe: in and out are the same then. */
static struct place {
	rws_socket_t s;
	struct fake_end *end;
	rws_channel_t in, out;
	struct rws_buf *buf;
} places[PLACES];

static void renew(struct place *p)
{
	rws_dispose(p->s);
	rws_channel_dispose(p->out);
	fake_turn(sel, 1);
	p->s = RWS_NONE;
	p->end = NULL;
	if (below(3) == 0) {
		assert_int_equal(rws_channel_create(sel, 1 + below(300), true, &p->out), 0);
		p->in = p->out;
		return;
	}
	p->s = fake_connect(sel, &(struct rws_options){.send_buffer = 1 + below(300)}, &p->end);
	if (below(4) != 0) {
		assert_int_equal(rws_connection(p->s, &p->in, &p->out), 0);
		return;
	}
	assert_int_equal(rws_channel_create(sel, 1 + below(300), false, &p->out), 0);
	p->in = p->out;
	if (below(2) == 0)
		rws_attach_for_reading(p->s, p->out, NULL);
	if (below(2) == 0)
		rws_attach_for_writing(p->s, p->out, NULL);
}

/* What the peer does; nothing more behind its end. */
static void act_as_peer(struct place *p)
{
	static char bytes[100];

	if (p->end == NULL || rws_is_closed(p->s))
		return;
	if (below(20) == 0) {
		fake_error(p->end, -ECONNRESET);
		p->end = NULL;
	} else if (below(20) == 0) {
		fake_fin(p->end);
		p->end = NULL;
	} else {
		fake_data_in(p->end, bytes, 1 + below(100), 1 + below(40));
	}
}

static void act(struct place *p, const struct place *other)
{
	char bytes[64] = "";
	size_t length;

	switch (below(12)) {
	case 0:
	case 1:
		act_as_peer(p);
		break;
	case 2:
	case 3: /* not around in a circle of pipes, which would never rest */
		if (p->s != RWS_NONE || p < other)
			rws_copy_to(p->in, other->out, below(2) == 0 ? below(200) : UINT64_MAX,
				below(2), &job);
		break;
	case 4:
		rws_write_available(p->out, bytes, below(64));
		break;
	case 5:
		rws_read_available(p->in, bytes, below(64));
		break;
	case 6:
		rws_read_utf8_line(p->in, bytes, sizeof(bytes), 10, below(2), &length);
		break;
	case 7:
		if (p->buf == NULL)
			rws_read_detach(p->in, below(100), below(2), &p->buf);
		else if (below(2) == 0 && rws_write_packet(other->out, p->buf) == 0)
			p->buf = NULL;
		break;
	case 8:
		assert_int_equal(rws_buf_free(p->buf), 0);
		p->buf = NULL;
		break;
	case 9:
		if (below(8) == 0)
			rws_channel_close(p->out, below(2) == 0 ? 0 : -EPROTO);
		break;
	case 10:
		if (below(8) == 0)
			rws_job_cancel(job);
		break;
	default:
		if (below(8) == 0)
			renew(p);
		break;
	}
}

static void whatever_ends_when_nothing_is_lost(void **state)
{
	random_state = 1;
	for (unsigned i = 0; i < PLACES; i++)
		renew(&places[i]);
	for (unsigned i = 0; i < 20000; i++) {
		struct place *place = &places[below(PLACES)];
		act(place, &places[below(PLACES)]);
		fake.short_packets = below(3) == 0;
		fake.no_mbufs = below(10) == 0;
		fake.pool_limit = below(5) == 0 ? 2 : SELECTOR_BUFFERS;
		if (below(3) == 0)
			fake_turn(sel, 1);
		fake.logged = 0;
	}
	fake.pool_limit = SELECTOR_BUFFERS;
	for (unsigned i = 0; i < PLACES; i++) {
		assert_int_equal(rws_buf_free(places[i].buf), 0);
		places[i] = (struct place){0};
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(bytes_go_on_in_their_buffers),
		CASE(what_was_written_before_comes_first),
		CASE(b074_a_normal_end_leaves_the_destination_open),
		CASE(b074_the_flag_closes_the_destination),
		CASE(b074_the_limit_is_exact),
		CASE(b074_a_failed_source_closes_the_destination_with_the_cause),
		CASE(b074_a_destination_that_dies_leaves_the_source),
		CASE(b074_a_destination_that_was_closed_is_eshutdown),
		CASE(b075_source_and_destination_must_differ),
		CASE(b075_a_circle_of_copies_is_refused),
		CASE(b075_two_copies_one_after_the_other_are_no_circle),
		CASE(nobody_else_reads_or_writes_meanwhile),
		CASE(a_channel_that_is_copied_is_not_attached),
		CASE(a_cancelled_job_closes_the_destination),
		CASE(the_job_tells_events_callbacks_and_joins),
		CASE(a_completion_asked_for_late_is_told_once),
		CASE(another_thread_may_cancel_the_job),
		CASE(the_jobs_handle_ends_with_the_next_copy_or_its_source),
		CASE(closing_the_source_cancels_and_truncation_shows),
		CASE(disposing_a_source_that_ended_completes_the_copy),
		CASE(disposing_the_destination_ends_the_copy),
		CASE(disposed_pipes_end_their_copies),
		CASE(closing_the_selector_ends_all_copies),
		CASE(b027_the_window_of_the_source_follows_the_destination),
		CASE(a_buffer_larger_than_the_destination_goes_into_an_empty_one),
		CASE(a_copy_without_buffers_goes_on_when_there_are_some),
		CASE(buffers_that_are_no_mbufs_are_copied),
		CASE(b027_an_attached_channel_hands_buffers_on),
		CASE(b027_the_window_follows_through_an_attached_channel),
		CASE(b028_an_echo_hands_buffers_on),
		CASE(b028_an_echo_that_is_closed_sends_what_it_has),
		CASE(b028_a_socket_is_copied_to_itself_and_closed),
		CASE(a_failed_source_that_is_disposed_at_once_ends_the_copy),
		CASE(a_proxy_carries_both_directions_and_their_ends),
		CASE(a_proxy_ends_both_sides_when_one_is_aborted),
		CASE(whatever_ends_when_nothing_is_lost),
	};

	return cmocka_run_group_tests_name("copy", tests, NULL, NULL);
}
