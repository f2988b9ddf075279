/* SPDX-License-Identifier: BSD-3-Clause */
/* rws_write_buf, in both placements. */
#include "tests/unit/api/fake.h"

#include "api/donation.h"
#include "api/selector.h"

#define CASE(test) BOTH_CASE(test, start, fake_teardown)
#define LARGE      100000u

static struct fake_end *end;
static rws_socket_t s;
static rws_channel_t out;
static char memory[LARGE];
static unsigned freed;

static int start(void **state)
{
	fake_start(placement_of(state), 1);
	s = fake_connect(sel, NULL, &end);
	assert_int_equal(rws_open_write_channel(s, true, &out), 0);
	fake.no_ack = fake.keep_sent = true;
	freed = 0;
	for (unsigned i = 0; i < LARGE; i++)
		memory[i] = (char)(i * 7 + i / 251);
	return 0;
}

static void free_it(void *user, void *data)
{
	assert_ptr_equal(user, &freed);
	assert_ptr_equal(data, memory);
	assert_int_equal(rws_await(s, RWS_EV_READABLE, RWS_NOW), -EDEADLK); /* from the loop */
	freed++;
}

static int give(rws_channel_t ch, size_t n)
{
	return rws_write_buf(ch, memory, n, free_it, &freed);
}

static void b087_memory_is_sent_as_it_is_and_freed_after_the_ack(void **state)
{
	assert_int_equal(rws_write_available(out, "before", 6), 6);
	assert_int_equal(give(out, LARGE), 0);
	assert_int_equal(rws_write_available(out, "after", 5), 5);
	fake_turn(sel, 3);
	assert_int_equal(end->sent_len, LARGE + 11);
	assert_memory_equal(end->sent + 6, memory, LARGE);
	assert_memory_equal(end->sent + 6 + LARGE, "after", 5);
	assert_int_equal(rws_total_bytes_written(out), LARGE + 11);
	fake_ack(end, 6);
	fake_ack(end, LARGE - 1);
	fake_turn(sel, 3);
	assert_int_equal(freed, 0);
	fake_ack(end, 6);
	fake_turn(sel, 3);
	assert_int_equal(freed, 1);
	assert_int_equal(fake.buffers_out, 0);
}

static void b087_memory_is_freed_once_on_abort(void **state)
{
	assert_int_equal(give(out, LARGE), 0);
	fake_turn(sel, 2);
	assert_int_equal(freed, 0);
	rws_abort(s, -EPROTO);
	assert_int_equal(freed, 0);
	fake_turn(sel, 3);
	assert_int_equal(freed, 1);
	fake_turn(sel, 3);
	assert_int_equal(freed, 1);
}

static void b087_memory_is_freed_when_its_channel_fails_before_it_left(void **state)
{
	rws_channel_t quiet;

	assert_int_equal(rws_channel_create(sel, 0, false, &quiet), 0);
	assert_int_equal(give(quiet, LARGE), 0);
	rws_channel_cancel(quiet, 0);
	assert_int_equal(freed, 0);
	fake_turn(sel, 1);
	assert_int_equal(freed, 1);
	assert_int_equal(give(quiet, LARGE), -ECANCELED);
	fake_turn(sel, 1);
	assert_int_equal(freed, 1);
}

static void memory_is_freed_when_a_pipe_was_read(void **state)
{
	rws_channel_t quiet;
	static char got[LARGE];
	size_t read = 0;

	assert_int_equal(rws_channel_create(sel, 0, true, &quiet), 0);
	assert_int_equal(give(quiet, LARGE), 0);
	assert_int_equal(rws_read_fully(quiet, got, LARGE, &read), 0);
	assert_memory_equal(got, memory, LARGE);
	fake_turn(sel, 1);
	assert_int_equal(freed, 1);
}

static void memory_crosses_a_copy_with_a_limit(void **state)
{
	rws_channel_t quiet;
	rws_job_t job;

	assert_int_equal(rws_channel_create(sel, 0, true, &quiet), 0);
	assert_int_equal(give(quiet, LARGE), 0);
	assert_int_equal(rws_copy_to(quiet, out, 40000, 0, &job), 0);
	fake_turn(sel, 3);
	assert_int_equal(rws_job_result(job), 0);
	assert_int_equal(end->sent_len, 40000);
	assert_memory_equal(end->sent, memory, 40000);
	assert_int_equal(rws_discard(quiet, LARGE), LARGE - 40000);
	fake_ack(end, 40000);
	fake_turn(sel, 3);
	assert_int_equal(freed, 1);
}

static void what_is_refused_stays_the_callers(void **state)
{
	rws_channel_t small;

	assert_int_equal(rws_channel_create(sel, 1000, true, &small), 0);
	assert_int_equal(give(small, 0), -EINVAL);
	assert_int_equal(give(small, 1001), -EINVAL);
	assert_int_equal(rws_write_buf(small, memory, 10, NULL, NULL), -EINVAL);
	assert_int_equal(rws_write_available(small, "x", 1), 1);
	assert_int_equal(give(small, 1000), -EAGAIN);
	fake.pool_limit = fake.buffers_out;
	assert_int_equal(give(out, 10), -EAGAIN);
	fake.pool_limit += 3;
	assert_int_equal(give(out, LARGE), -EAGAIN);
	fake_turn(sel, 2);
	assert_int_equal(fake.buffers_out, 1);
	rws_channel_close(small, 0);
	assert_int_equal(give(small, 10), -ESHUTDOWN);
	assert_int_equal(give(RWS_NONE, 10), -EBADF);
	assert_int_equal(freed, 0);
}

/* There would never be buffers for all of it. */
static void more_than_buffers_can_say_is_refused(void **state)
{
	const size_t most = (size_t)64 << 20;
	rws_channel_t large;

	assert_int_equal(rws_channel_create(sel, 2 * most, false, &large), 0);
	assert_int_equal(give(large, most + 1), -EINVAL);
	fake.pool_limit = SELECTOR_BUFFERS;
	assert_int_equal(give(large, most), 0);
	rws_channel_dispose(large);
	fake_turn(sel, 2);
	assert_int_equal(freed, 1);
}

static void free_late(void *user, void *data)
{
	freed++;
}

static void memory_may_come_back_after_its_selector_closed(void **state)
{
	struct rws_selector *first = sel;

	assert_int_equal(rws_write_buf(out, memory, LARGE, free_late, NULL), 0);
	fake_turn(first, 2);
	struct pbuf *held = end->kept;
	end->kept = NULL;
	assert_int_equal(rws_selector_close(first), 1);
	assert_int_equal(freed, 0);
	pbuf_free(held);
	assert_int_equal(freed, 0);
	donations_finish(&fake.rws);
	assert_int_equal(freed, 1);
	sel = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(b087_memory_is_sent_as_it_is_and_freed_after_the_ack),
		CASE(b087_memory_is_freed_once_on_abort),
		CASE(b087_memory_is_freed_when_its_channel_fails_before_it_left),
		CASE(memory_is_freed_when_a_pipe_was_read),
		CASE(memory_crosses_a_copy_with_a_limit),
		CASE(what_is_refused_stays_the_callers),
		CASE(more_than_buffers_can_say_is_refused),
		CASE(memory_may_come_back_after_its_selector_closed),
	};

	return cmocka_run_group_tests_name("donation", tests, NULL, NULL);
}
