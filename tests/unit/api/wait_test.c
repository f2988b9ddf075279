/* SPDX-License-Identifier: BSD-3-Clause */
/* Events, awaits, callbacks and closing selectors. */
#include "tests/unit/api/fake.h"

#define CASE(test) BOTH_CASE(test, start, fake_teardown)

static struct fake_end *end;
static rws_socket_t s;
static rws_channel_t in, out;

static struct rws_event events[16];

static int next_events(void)
{
	return rws_selector_select(sel, events, 16, RWS_NOW);
}

static int start(void **state)
{
	fake_start(placement_of(state), 1);
	s = fake_connect(sel, NULL, &end);
	assert_int_equal(rws_connection(s, &in, &out), 0);
	assert_int_equal(next_events(), 1);
	assert_int_equal(events[0].bits, RWS_EV_CONNECTED);
	return 0;
}

static int64_t in_ms(int64_t ms)
{
	return rws_now(sel) + ms * MS;
}

/* ---- Edges ------------------------------------------------------------------------------ */

static void readable_is_told_again_only_after_eagain(void **state)
{
	char buf[8];

	fake_data(end, "one", 3);
	assert_int_equal(next_events(), 1);
	assert_int_equal(events[0].bits, RWS_EV_READABLE);
	assert_int_equal(events[0].avail, 3);
	fake_data(end, "two", 3);
	assert_int_equal(next_events(), 0);
	assert_int_equal(rws_read_available(in, buf, 6), 6);
	fake_data(end, "three", 5);
	assert_int_equal(next_events(), 0);
	assert_int_equal(rws_read_available(in, buf, 8), 5);
	assert_int_equal(rws_read_available(in, buf, 8), -EAGAIN);
	fake_data(end, "four", 4);
	assert_int_equal(next_events(), 1);
	assert_int_equal(events[0].avail, 4);
}

static void events_of_a_socket_are_merged(void **state)
{
	int mine;

	rws_set_user(s, &mine);
	fake_data(end, "a", 1);
	fake_data(end, "b", 1);
	fake_fin(end);
	assert_int_equal(next_events(), 2);
	assert_int_equal(events[0].handle, s);
	assert_int_equal(events[0].bits, RWS_EV_READABLE | RWS_EV_RX_EOF);
	assert_int_equal(events[0].avail, 2);
	assert_ptr_equal(events[0].user, &mine);
	assert_int_equal(events[1].bits, RWS_EV_JOB_DONE);
}

static void drained_and_acked_are_told_once_and_again_after_eagain(void **state)
{
	fake.no_ack = true;
	rws_write_available(out, "x", 1);
	rws_flush(out);
	assert_int_equal(next_events(), 1);
	assert_int_equal(events[0].bits, RWS_EV_TX_DRAINED);
	fake_ack(end, 1);
	assert_int_equal(next_events(), 1);
	assert_int_equal(events[0].bits, RWS_EV_TX_ACKED);
	rws_write_available(out, "y", 1);
	rws_flush(out);
	fake_turn(sel, 1);
	fake_ack(end, 1);
	assert_int_equal(next_events(), 0);
}

static void small_event_arrays_lose_nothing(void **state)
{
	struct rws_event event;
	unsigned bits = 0, count = 0;

	fake_error(end, -ECONNRESET);
	fake_turn(sel, 1);
	while (rws_selector_select(sel, &event, 1, RWS_NOW) == 1) {
		bits |= event.bits;
		count++;
	}
	assert_int_equal(count, 4);
	assert_int_equal(bits, RWS_EV_ERROR | RWS_EV_JOB_DONE | RWS_EV_CONTEXT_DONE);
}

static void select_returns_0_at_the_deadline(void **state)
{
	int64_t before = fake.now;

	assert_int_equal(rws_selector_select(sel, events, 16, in_ms(25)), 0);
	assert_int_equal(fake.now, before + 25 * MS);
	assert_int_equal(rws_selector_select(sel, events, 0, in_ms(25)), -EINVAL);
}

static void a_deadline_below_0_is_one_that_has_passed(void **state)
{
	static const int64_t passed[] = {RWS_NOW, 1, -1, INT64_MIN};
	int64_t before = fake.now;
	unsigned waits = fake.waits;

	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(rws_selector_select(sel, events, 16, passed[i]), 0);
		assert_int_equal(rws_await(s, RWS_EV_READABLE, passed[i]), -ETIMEDOUT);
		assert_int_equal(rws_await_content(in, 1, passed[i]), -ETIMEDOUT);
		assert_int_equal(rws_await_closed(s, passed[i]), -ETIMEDOUT);
		assert_int_equal(rws_job_join(rws_socket_context(s), passed[i]), -ETIMEDOUT);
	}
	assert_int_equal(fake.now, before);
	assert_int_equal(fake.waits, waits);
}

static void events_behind_a_dispose_have_no_user(void **state)
{
	int mine;

	rws_set_user(s, &mine);
	fake_error(end, -ECONNRESET);
	assert_int_equal(next_events(), 4);
	for (unsigned i = 0; i < 4; i++)
		assert_ptr_equal(rws_user(events[i].handle), &mine);
	rws_dispose(s);
	for (unsigned i = 0; i < 4; i++) {
		assert_ptr_equal(events[i].user, &mine);
		assert_null(rws_user(events[i].handle));
	}
	assert_int_equal(next_events(), 0);
}

static void the_user_of_a_copy_is_that_of_its_event(void **state)
{
	rws_channel_t own;
	rws_job_t job;
	int mine;

	rws_set_user(s, &mine);
	assert_int_equal(rws_channel_create(sel, 0, true, &own), 0);
	assert_int_equal(rws_copy_to(in, own, UINT64_MAX, 0, &job), 0);
	assert_ptr_equal(rws_user(job), &mine);
	rws_job_cancel(job);
	assert_int_equal(next_events(), 1);
	assert_int_equal(events[0].handle, job);
	assert_ptr_equal(events[0].user, &mine);
	rws_dispose(s);
	assert_null(rws_user(job));
}

static void disposed_sockets_tell_nothing(void **state)
{
	fake_data(end, "x", 1);
	fake_turn(sel, 1);
	rws_dispose(s);
	fake_turn(sel, 3);
	assert_int_equal(next_events(), 0);
}

/* ---- Awaits ----------------------------------------------------------------------------- */

static void await_is_a_level(void **state)
{
	fake_data(end, "x", 1);
	assert_int_equal(rws_await(s, RWS_EV_READABLE | RWS_EV_RX_EOF, in_ms(1)), RWS_EV_READABLE);
	assert_int_equal(rws_await(s, RWS_EV_READABLE, RWS_NOW), RWS_EV_READABLE);
	assert_int_equal(rws_await(in, RWS_EV_READABLE, RWS_NOW), RWS_EV_READABLE);
	assert_int_equal(rws_await(s, RWS_EV_WRITABLE, RWS_NOW), RWS_EV_WRITABLE);
	fake_fin(end);
	assert_int_equal(rws_await(s, RWS_EV_RX_EOF, in_ms(1)), RWS_EV_RX_EOF);
	rws_discard(in, 1);
	assert_int_equal(rws_await(s, RWS_EV_READABLE, in_ms(1)), RWS_EV_READABLE);
	assert_int_equal(rws_await(s, 0, in_ms(1)), -EINVAL);
}

static void await_past_the_deadline_has_no_effect(void **state)
{
	assert_int_equal(rws_await(s, RWS_EV_READABLE, in_ms(5)), -ETIMEDOUT);
	assert_int_equal(rws_await(in, RWS_EV_READABLE, in_ms(5)), -ETIMEDOUT);
	fake_data(end, "x", 1);
	assert_int_equal(rws_await(s, RWS_EV_READABLE, in_ms(5)), RWS_EV_READABLE);
}

static void await_of_a_failed_socket_is_the_cause(void **state)
{
	fake_error(end, -ECONNRESET);
	assert_int_equal(rws_await(s, RWS_EV_READABLE, in_ms(5)), -ECONNRESET);
	assert_int_equal(rws_await(s, RWS_EV_WRITABLE, in_ms(5)), -ECONNRESET);
	assert_int_equal(rws_await(out, RWS_EV_WRITABLE, in_ms(5)), -ECONNRESET);
	assert_int_equal(rws_await(s, RWS_EV_ERROR, in_ms(5)), RWS_EV_ERROR);
}

/* Datagrams have no end; without a peer there is nothing that connections have. */
static void b111_await_for_what_udp_never_has_is_an_error(void **state)
{
	const struct rws_address any = {0};
	rws_channel_t from, to;
	rws_socket_t bound, connected;

	assert_int_equal(rws_udp_bind(sel, &any, NULL, &bound), 0);
	assert_int_equal(rws_udp_connect(sel, &fake_peer, NULL, NULL, &connected), 0);
	assert_int_equal(rws_connection(connected, &from, &to), 0);
	assert_int_equal(rws_await(bound, RWS_EV_RX_EOF, RWS_FOREVER), -EINVAL);
	assert_int_equal(rws_await(connected, RWS_EV_RX_EOF, RWS_FOREVER), -EINVAL);
	assert_int_equal(rws_await(from, RWS_EV_RX_EOF, RWS_FOREVER), -EINVAL);
	assert_int_equal(rws_await(bound, RWS_EV_CONNECTED | RWS_EV_TX_DRAINED | RWS_EV_TX_ACKED,
				 RWS_FOREVER),
		-EINVAL);
	assert_int_equal(rws_await(bound, RWS_EV_JOB_DONE, RWS_FOREVER), -EINVAL);
	assert_int_equal(rws_await(bound, RWS_EV_READABLE | RWS_EV_RX_EOF, in_ms(1)), -ETIMEDOUT);
	assert_int_equal(rws_await(bound, RWS_EV_WRITABLE, in_ms(1)), RWS_EV_WRITABLE);
	assert_int_equal(rws_await(connected, RWS_EV_TX_DRAINED, in_ms(1)), RWS_EV_TX_DRAINED);
	assert_int_equal(rws_close(bound), 0);
	assert_int_equal(rws_await(bound, RWS_EV_RX_EOF, RWS_FOREVER), -ECANCELED);
	assert_int_equal(rws_await(bound, RWS_EV_CONTEXT_DONE, in_ms(1)), RWS_EV_CONTEXT_DONE);
}

static void b111_await_on_a_closed_handle_or_for_the_impossible_is_an_error(void **state)
{
	const struct rws_address any = {0};
	rws_job_t context = rws_socket_context(s);
	rws_socket_t server;

	assert_int_equal(rws_tcp_bind(sel, &any, NULL, &server), 0);
	assert_int_equal(rws_await(s, RWS_EV_ACCEPTABLE, RWS_FOREVER), -EINVAL);
	assert_int_equal(rws_await(server, RWS_EV_READABLE, RWS_FOREVER), -EINVAL);
	assert_int_equal(rws_await(server, RWS_EV_CONNECTED, RWS_FOREVER), -EINVAL);
	assert_int_equal(rws_await(in, RWS_EV_ACCEPTABLE, RWS_FOREVER), -EINVAL);
	assert_int_equal(rws_await(context, RWS_EV_READABLE, RWS_FOREVER), -EINVAL);
	rws_close(s);
	assert_int_equal(rws_await_closed(s, in_ms(5)), 0);
	assert_int_equal(rws_await(s, RWS_EV_READABLE, RWS_FOREVER), -ECANCELED);
	assert_int_equal(rws_await(s, RWS_EV_WRITABLE, RWS_FOREVER), -ESHUTDOWN);
	assert_int_equal(rws_await(s, RWS_EV_RX_EOF, RWS_FOREVER), -ECANCELED);
	rws_close(server);
	assert_int_equal(rws_await(server, RWS_EV_ACCEPTABLE, RWS_FOREVER), -ECANCELED);
	rws_dispose(s);
	assert_int_equal(rws_await(s, RWS_EV_READABLE, RWS_FOREVER), -EBADF);
	assert_int_equal(rws_await(in, RWS_EV_READABLE, RWS_FOREVER), -EBADF);
	assert_int_equal(rws_await(context, RWS_EV_JOB_DONE, RWS_FOREVER), -EBADF);
	assert_int_equal(rws_await_closed(s, RWS_FOREVER), -EBADF);
	assert_int_equal(rws_await_content(in, 1, RWS_FOREVER), -EBADF);
	assert_int_equal(rws_await_free_space(out, 1, RWS_FOREVER), -EBADF);
	assert_int_equal(rws_await(RWS_NONE, RWS_EV_READABLE, RWS_FOREVER), -EBADF);
}

static void await_drained_and_acked(void **state)
{
	fake.no_ack = true;
	rws_write_available(out, "x", 1);
	rws_flush(out);
	assert_int_equal(rws_await(s, RWS_EV_TX_DRAINED, in_ms(5)), RWS_EV_TX_DRAINED);
	assert_int_equal(rws_await(s, RWS_EV_TX_ACKED, in_ms(5)), -ETIMEDOUT);
	fake_ack(end, 1);
	assert_int_equal(rws_await(s, RWS_EV_TX_ACKED, in_ms(5)), RWS_EV_TX_ACKED);
}

/* ---- Callbacks -------------------------------------------------------------------------- */

static unsigned calls;
static struct rws_event last;
static int from_callback[6];

static void remember(void *user, const struct rws_event *event)
{
	calls++;
	last = *event;
}

static void callbacks_run_in_the_loop_and_not_in_select_too(void **state)
{
	calls = 0;
	assert_int_equal(rws_on(s, RWS_EV_READABLE, remember, NULL), 0);
	assert_int_equal(rws_on(s, RWS_EV_READABLE | RWS_EV_RX_EOF, remember, NULL), -EBUSY);
	fake_data(end, "abc", 3);
	fake_fin(end);
	assert_int_equal(calls, 0);
	assert_int_equal(next_events(), 2);
	assert_int_equal(calls, 1);
	assert_int_equal(last.handle, s);
	assert_int_equal(last.bits, RWS_EV_READABLE);
	assert_int_equal(last.avail, 3);
	assert_int_equal(events[0].bits, RWS_EV_RX_EOF);
	assert_int_equal(rws_on(s, RWS_EV_READABLE, NULL, NULL), 0);
	assert_int_equal(rws_on(s, RWS_EV_READABLE, remember, NULL), 0);
}

static void acked_callbacks_come_each_time(void **state)
{
	calls = 0;
	rws_on(s, RWS_EV_TX_ACKED, remember, NULL);
	for (unsigned i = 0; i < 3; i++) {
		rws_write_available(out, "x", 1);
		rws_flush(out);
		fake_turn(sel, 3);
	}
	assert_int_equal(calls, 3);
}

static void waits(void *user, const struct rws_event *event)
{
	from_callback[0] = rws_await(s, RWS_EV_RX_EOF, RWS_FOREVER);
	from_callback[1] = rws_selector_run_once(sel);
	from_callback[2] = rws_selector_select(sel, events, 1, RWS_NOW);
	from_callback[3] = rws_job_join(rws_socket_context(s), RWS_FOREVER);
	from_callback[4] = rws_await_closed(s, RWS_FOREVER);
	from_callback[5] = rws_await(s, RWS_EV_CONTEXT_DONE, RWS_FOREVER);
}

static void waiting_in_a_callback_is_edeadlk(void **state)
{
	rws_on(s, RWS_EV_READABLE, waits, NULL);
	fake_data(end, "x", 1);
	fake_turn(sel, 1);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(from_callback[i], -EDEADLK);
}

static void waits_too(void *user, const struct rws_event *event)
{
	from_callback[0] = rws_await_content(in, 1, RWS_FOREVER);
	from_callback[1] = rws_await(in, RWS_EV_READABLE, RWS_FOREVER);
	from_callback[2] = rws_await_free_space(out, 1, RWS_FOREVER);
	fake_data(end, "yz", 2);
}

static void b079_a_second_await_on_a_channel_is_ebusy_and_the_first_goes_on(void **state)
{
	char buf[3];

	rws_on(s, RWS_EV_READABLE, waits_too, NULL);
	fake_data(end, "x", 1);
	assert_int_equal(rws_await_content(in, 3, in_ms(5)), 1);
	assert_int_equal(from_callback[0], -EBUSY);
	assert_int_equal(from_callback[1], -EBUSY);
	assert_int_equal(from_callback[2], -EDEADLK);
	assert_int_equal(rws_read_available(in, buf, 3), 3);
	assert_memory_equal(buf, "xyz", 3);
}

static void dispose_it(void *user, const struct rws_event *event)
{
	calls++;
	rws_dispose(event->handle);
}

static void a_callback_may_dispose_its_socket(void **state)
{
	calls = 0;
	rws_on(s, RWS_EV_READABLE | RWS_EV_RX_EOF | RWS_EV_JOB_DONE, dispose_it, NULL);
	fake_data(end, "x", 1);
	fake_fin(end);
	fake_turn(sel, 4);
	assert_int_equal(calls, 1);
	assert_int_equal(rws_close(s), -EBADF);
}

static void post(void *user)
{
	calls++;
}

static void post_again(void *user)
{
	int *times = user;

	calls++;
	if (--*times > 0)
		rws_selector_post(sel, post_again, times);
}

static void posted_functions_run_once_and_interrupt(void **state)
{
	int times = 3;

	calls = 0;
	assert_int_equal(rws_selector_post(sel, post, NULL), 0);
	assert_int_equal(calls, 0);
	assert_int_equal(rws_selector_select(sel, events, 1, in_ms(1000)), -EINTR);
	assert_int_equal(calls, 1);
	assert_int_equal(rws_selector_select(sel, events, 1, in_ms(5)), 0);
	assert_int_equal(rws_selector_post(sel, post_again, &times), 0);
	for (unsigned i = 2; i <= 4; i++) {
		assert_int_equal(rws_selector_run_once(sel), 0);
		assert_int_equal(calls, i);
	}
	for (unsigned i = 0; i < 1024; i++)
		assert_int_equal(rws_selector_post(sel, post, NULL), 0);
	assert_int_equal(rws_selector_post(sel, post, NULL), -EAGAIN);
	fake_turn(sel, 1);
	assert_int_equal(calls, 4 + 1024);
}

/* ---- Closing selectors ------------------------------------------------------------------ */

static void b014_selector_close_aborts_what_is_alive(void **state)
{
	struct fake_end *other;
	rws_channel_t own;

	fake_connect(sel, NULL, &other);
	rws_socket_t disposed = fake_connect(sel, NULL, &other);
	rws_dispose(disposed);
	rws_channel_create(sel, 0, true, &own);
	rws_write_available(own, "x", 1);
	fake_data(end, "unread", 6);
	fake_turn(sel, 1);
	assert_int_equal(rws_selector_close(sel), 2);
	sel = NULL;
	assert_int_equal(fake_count(REQ_ABORT), 2);
	assert_int_equal(fake_count(REQ_RELEASE), 3);
	assert_int_equal(rws_close(s), -EBADF);
	assert_int_equal(rws_write_available(own, "x", 1), -EBADF);
}

static void b014_selector_close_does_not_wait_for_lingering_sockets(void **state)
{
	int64_t before = fake.now;

	fake.no_sent = true;
	rws_write_available(out, "stuck", 5);
	rws_dispose(s);
	fake_turn(sel, 2);
	assert_int_equal(rws_selector_close(sel), 0);
	sel = NULL;
	assert_true(fake.now - before < 1000 * MS);
	assert_int_equal(fake_count(REQ_ABORT), 1);
	assert_int_equal(fake_count(REQ_RELEASE), 1);
}

/* What the core does not hear of for so long. */
static void hears_after_ten_waits(struct fake *f)
{
	f->now += MS;
	f->mute = f->waits < 10;
}

/* As its idle mode says: nothing that waits meanwhile is a reason for one turn after the other. */
static void a_closing_selector_waits_for_its_core(void **state)
{
	rws_on(s, RWS_EV_READABLE, dispose_it, NULL);
	fake_data(end, "news", 4);
	fake.waits = 0;
	fake.mute = true;
	fake.idle = hears_after_ten_waits;
	assert_int_equal(rws_selector_post(sel, post, NULL), 0);
	calls = 0;
	assert_int_equal(rws_selector_close(sel), 1);
	sel = NULL;
	assert_in_range(fake.waits, 10, 12);
	assert_int_equal(calls, 0);
}

/* Nor are requests that find no room. */
static void a_selector_with_a_full_ring_waits(void **state)
{
	rws_socket_t other;

	fake.mute = true;
	for (unsigned i = 0; i < 2 * fake.slots; i++)
		assert_int_equal(rws_tcp_connect(sel, &fake_peer, NULL, &other), 0);
	fake.waits = 0;
	assert_int_equal(rws_selector_select(sel, events, 1, in_ms(5)), 0);
	assert_in_range(fake.waits, 5, 6);
	fake.idle = hears_after_ten_waits;
	assert_int_equal(rws_selector_close(sel), 2 * fake.slots + 1);
	sel = NULL;
	assert_in_range(fake.waits, 10, 40);
}

static void a_second_selector_for_the_core_is_ebusy(void **state)
{
	struct rws_selector *other;

	assert_int_equal(rws_selector_create(&fake.rws, 0, &other), -EBUSY);
	assert_int_equal(rws_selector_create(&fake.rws, 1, &other), -EINVAL);
	assert_int_equal(rws_selector_eventfd(sel), -ENOTSUP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(readable_is_told_again_only_after_eagain),
		CASE(events_of_a_socket_are_merged),
		CASE(drained_and_acked_are_told_once_and_again_after_eagain),
		CASE(small_event_arrays_lose_nothing),
		CASE(select_returns_0_at_the_deadline),
		CASE(a_deadline_below_0_is_one_that_has_passed),
		CASE(events_behind_a_dispose_have_no_user),
		CASE(the_user_of_a_copy_is_that_of_its_event),
		CASE(disposed_sockets_tell_nothing),
		CASE(await_is_a_level),
		CASE(await_past_the_deadline_has_no_effect),
		CASE(await_of_a_failed_socket_is_the_cause),
		CASE(b111_await_for_what_udp_never_has_is_an_error),
		CASE(b111_await_on_a_closed_handle_or_for_the_impossible_is_an_error),
		CASE(await_drained_and_acked),
		CASE(callbacks_run_in_the_loop_and_not_in_select_too),
		CASE(acked_callbacks_come_each_time),
		CASE(waiting_in_a_callback_is_edeadlk),
		CASE(a_closing_selector_waits_for_its_core),
		CASE(a_selector_with_a_full_ring_waits),
		CASE(b079_a_second_await_on_a_channel_is_ebusy_and_the_first_goes_on),
		CASE(a_callback_may_dispose_its_socket),
		CASE(posted_functions_run_once_and_interrupt),
		CASE(b014_selector_close_aborts_what_is_alive),
		CASE(b014_selector_close_does_not_wait_for_lingering_sockets),
		INLINE_CASE(a_second_selector_for_the_core_is_ebusy, start, fake_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
