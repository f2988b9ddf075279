/* SPDX-License-Identifier: BSD-3-Clause */
/* A socket's life over the wire, contract section 3 A, 30 and 112. */
#include <pthread.h>

#include "api/runtime.h"
#include "tests/unit/api/pair.h"

/* ---- Close ------------------------------------------------------------------------------ */

static void b001_close_with_nothing_open_is_complete_on_return(void **state)
{
	struct pair *t = *state;

	pair_open_p(t);
	assert_int_equal(rws_close(t->s), 0);
	assert_true(rws_is_closed(t->s));
	assert_int_equal(rws_job_result(rws_socket_context(t->s)), 0);
	pair_read_end(t, t->p_in);
	assert_int_equal(t->resets[END_S], 0);
}

static void b002_close_of_both_idle_channels_completes_256_times(void **state)
{
	struct pair *t = *state;

	for (unsigned i = 0; i < 256; i++) {
		pair_open_s(t);
		assert_int_equal(rws_close(t->s), 0);
		assert_int_equal(rws_await_closed(t->s, pair_after(t, 2 * SECOND)), 0);
		assert_int_equal(t->fins[END_S], 1);
		assert_int_equal(t->resets[END_S], 0);
		pair_connect(t);
	}
}

/* Events of s's selector until there are no more. */
static unsigned count_events(struct pair *t, uint32_t bits)
{
	struct rws_event event;
	unsigned count = 0;

	while (rws_selector_select(t->rig->sel[END_S], &event, 1, pair_after(t, 100 * MS)) > 0)
		count += (event.bits & bits) != 0;
	return count;
}

static void b003_a_second_close_says_nothing_more(void **state)
{
	struct pair *t = *state;

	pair_open_s(t);
	assert_int_equal(rws_close(t->s), 0);
	assert_int_equal(rws_close(t->s), 0);
	assert_int_equal(count_events(t, RWS_EV_CONTEXT_DONE), 1);
	assert_int_equal(rws_close(t->s), 0);
	assert_int_equal(count_events(t, RWS_EV_CONTEXT_DONE), 0);
	assert_int_equal(t->fins[END_S], 1);
}

static void close_it(rws_socket_t s)
{
	assert_int_equal(rws_close(s), 0);
}

static void bytes_and_fin_reach_the_peer(struct pair *t, void (*end)(rws_socket_t s))
{
	pair_open(t);
	assert_int_equal(rws_write_available(t->out, "bye", 3), 3);
	pair_write(t->p_out, "unread");
	pair_run(t, MS);
	end(t->s);
	pair_read_text(t, t->p_in, "bye");
	pair_read_end(t, t->p_in);
	assert_int_equal(t->fins[END_S], 1);
	assert_int_equal(t->resets[END_S], 0);
}

static void b004_dispose_looks_like_close_to_the_peer(void **state)
{
	struct pair *t = *state;

	bytes_and_fin_reach_the_peer(t, close_it);
	pair_connect(t);
	bytes_and_fin_reach_the_peer(t, rws_dispose);
}

static void b005_dispose_twice_and_calls_after_it_are_ebadf(void **state)
{
	struct pair *t = *state;
	rws_job_t context = rws_socket_context(t->s);
	struct rws_address address;

	pair_open_s(t);
	for (unsigned i = 0; i < 2; i++) {
		rws_dispose(t->s);
		assert_int_equal(rws_close(t->s), -EBADF);
		assert_int_equal(rws_abort(t->s, -EPROTO), -EBADF);
		assert_int_equal(rws_local_address(t->s, &address), -EBADF);
		assert_int_equal(rws_read_available(t->in, &address, 1), -EBADF);
		assert_int_equal(rws_write_available(t->out, "x", 1), -EBADF);
		assert_int_equal(rws_job_result(context), -EBADF);
		assert_int_equal(rws_await_closed(t->s, pair_after(t, MS)), -EBADF);
		assert_int_equal(rws_socket_context(t->s), RWS_NONE);
		assert_true(rws_is_closed(t->s));
		pair_run(t, 100 * MS);
	}
}

static void b006_an_open_socket_has_an_active_context(void **state)
{
	struct pair *t = *state;
	rws_job_t context = rws_socket_context(t->s);

	assert_false(rws_is_closed(t->s));
	assert_true(rws_job_is_active(context));
	assert_false(rws_job_is_completed(context));
	assert_int_equal(rws_job_result(context), -EINPROGRESS);
	assert_int_equal(rws_job_channel(context), RWS_NONE);
}

/* ---- Waiting for the end ---------------------------------------------------------------- */

static void b007_a_deadline_of_await_closed_leaves_the_socket_usable(void **state)
{
	struct pair *t = *state;
	int64_t deadline = pair_after(t, 10 * MS);

	pair_open(t);
	assert_int_equal(rws_await_closed(t->s, deadline), -ETIMEDOUT);
	assert_true(t->rig->now >= deadline && t->rig->now < deadline + MS);
	pair_write(t->out, "still");
	pair_read_text(t, t->p_in, "still");
}

static void keep_result(void *user, rws_job_t job, int result)
{
	*(int *)user = result;
}

static void b008_all_who_wait_for_the_end_get_the_same_result(void **state)
{
	struct pair *t = *state;
	int told = 1;

	pair_open_s(t);
	assert_int_equal(rws_job_on_completion(rws_socket_context(t->s), keep_result, &told), 0);
	assert_int_equal(rws_abort(t->p, 0), 0);
	assert_int_equal(told, 1);
	assert_int_equal(rws_await_closed(t->s, pair_after(t, SECOND)), -ECONNRESET);
	assert_int_equal(told, -ECONNRESET);
	assert_int_equal(rws_await_closed(t->s, pair_after(t, SECOND)), -ECONNRESET);
	assert_int_equal(rws_job_result(rws_socket_context(t->s)), -ECONNRESET);
}

struct two_closes {
	rws_socket_t s;
	int results[2];
};

static void *close_twice(void *arg)
{
	struct two_closes *closes = arg;

	for (unsigned i = 0; i < 2; i++)
		closes->results[i] = rws_close(closes->s);
	return NULL;
}

static void b009_close_from_another_thread_happens_once_on_the_owner(void **state)
{
	struct pair *t = *state;
	struct two_closes closes = {.s = t->s, .results = {1, 1}};
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, close_twice, &closes), 0);
	pthread_join(thread, NULL);
	assert_int_equal(closes.results[0], 0);
	assert_int_equal(closes.results[1], 0);
	assert_false(rws_is_closed(t->s)); /* only its owner changes it */
	assert_int_equal(count_events(t, RWS_EV_CONTEXT_DONE), 1);
	assert_int_equal(rws_await_closed(t->s, RWS_NOW), 0);
	assert_int_equal(t->fins[END_S], 1);
}

static void close_s(void *user)
{
	close_it(((struct pair *)user)->s);
}

static void b010_a_pending_read_ends_when_the_peer_closes(void **state)
{
	struct pair *t = *state;

	pair_open(t);
	assert_int_equal(rws_read_available(t->p_in, &(char){0}, 1), -EAGAIN);
	assert_int_equal(rws_selector_post(t->rig->sel[END_S], close_s, t), 0);
	pair_read_end(t, t->p_in); /* s closes meanwhile */
	assert_true(rws_is_closed_for_read(t->p_in));
	assert_false(rws_is_closed(t->p));
	close_it(t->p);
	assert_int_equal(rws_await_closed(t->p, pair_after(t, SECOND)), 0);
	assert_int_equal(rws_await_closed(t->s, pair_after(t, SECOND)), 0);
	assert_true(rws_is_closed_for_write(t->p_out));
	assert_true(rws_is_closed_for_read(t->in) && rws_is_closed_for_write(t->out));
	assert_true(rws_is_closed(t->s) && rws_is_closed(t->p));
}

static struct rws_event next_event(struct pair *t)
{
	struct rws_event event = {0};

	assert_int_equal(
		rws_selector_select(t->rig->sel[END_S], &event, 1, pair_after(t, SECOND)), 1);
	return event;
}

static void assert_event(
	const struct rws_event *event, uint64_t handle, uint32_t bits, int32_t result)
{
	assert_int_equal(event->handle, handle);
	assert_int_equal(event->bits, bits);
	assert_int_equal(event->result, result);
}

static void b011_a_close_tells_its_steps_in_order(void **state)
{
	struct pair *t = *state;
	rws_job_t writer = pair_attach_reading(t), reader = pair_attach_writing(t);

	count_events(t, 0);
	assert_int_equal(rws_write_available(t->out, "x", 1), 1);
	close_it(t->s);
	struct rws_event event = next_event(t);
	assert_event(&event, t->s, RWS_EV_TX_DRAINED, 0);
	event = next_event(t);
	assert_int_equal(t->fins[END_S], 1);
	assert_event(&event, reader, RWS_EV_JOB_DONE, 0);
	event = next_event(t);
	assert_event(&event, writer, RWS_EV_JOB_DONE, -ECANCELED);
	event = next_event(t);
	assert_event(&event, t->s, RWS_EV_CONTEXT_DONE, 0);
}

/* ---- Resets ----------------------------------------------------------------------------- */

static void b012_a_reset_alone_completes_the_context(void **state)
{
	struct pair *t = *state;

	pair_open_s(t);
	assert_int_equal(rws_abort(t->p, 0), 0);
	assert_int_equal(rws_await_closed(t->s, pair_after(t, SECOND)), -ECONNRESET);
	assert_int_equal(pair_connections(t, END_S), 0);
	assert_int_equal(rws_close(t->s), 0); /* the handle lives on */
	rws_dispose(t->s);
	assert_int_equal(rws_close(t->s), -EBADF);
}

/* With bytes on their way in both directions. The rig has places for 1,024 sockets. */
static void b012_resets_leak_nothing(void **state)
{
	enum { CYCLES = 20000 };
	struct pair *t = *state;
	uint64_t arena = 0;

	for (unsigned i = 0; i < CYCLES; i++) {
		pair_open(t);
		pair_write(t->out, "on its way");
		pair_write(t->p_out, "unread");
		pair_run(t, MS);
		rws_abort(t->p, 0);
		assert_int_equal(rws_await_closed(t->s, pair_after(t, SECOND)), -ECONNRESET);
		pair_connect(t);
		if (i == 0)
			arena = rig_counter(t->rig, END_S, "memory.arena_used");
	}
	assert_int_equal(pair_connections(t, END_S), 1);
	assert_int_equal(pair_connections(t, END_P), 1);
	assert_int_equal(rig_counter(t->rig, END_S, "memory.arena_used"), arena);
}

static void b013_the_first_error_is_the_contexts(void **state)
{
	struct pair *t = *state;

	pair_open_s(t);
	rws_abort(t->p, 0); /* on its way while s fails by itself */
	assert_int_equal(rws_channel_close(t->out, -EPROTO), 1);
	pair_run(t, 10 * MS);
	assert_int_equal(rws_await_closed(t->s, RWS_NOW), -EPROTO);

	pair_connect(t);
	pair_open_s(t);
	rws_abort(t->p, 0);
	pair_run(t, 10 * MS); /* it is there, then s fails by itself */
	rws_channel_close(t->out, -EPROTO);
	rws_abort(t->s, -EPROTO);
	assert_int_equal(rws_await_closed(t->s, RWS_NOW), -ECONNRESET);
}

/* ---- Selectors -------------------------------------------------------------------------- */

/* From within a wait: it closes the selector as the peer's bytes come. */
static void close_selector(void *user, const struct rws_event *event)
{
	struct pair *t = user;

	assert_int_equal(rws_selector_close(t->rig->sel[END_S]), 3);
}

static int wait_for_the_end(struct pair *t)
{
	return rws_await_closed(t->s, pair_after(t, SECOND));
}

static int wait_for_room(struct pair *t)
{
	return rws_await_free_space(t->out, 1 << 20, pair_after(t, SECOND));
}

static int wait_for_bytes(struct pair *t)
{
	return rws_await_content(t->in, 1000, pair_after(t, SECOND));
}

static int wait_for_the_job(struct pair *t)
{
	return rws_job_join(rws_socket_context(t->s), pair_after(t, SECOND));
}

static int wait_for_events(struct pair *t)
{
	struct rws_event event;
	int n;

	do {
		n = rws_selector_select(t->rig->sel[END_S], &event, 1, pair_after(t, SECOND));
	} while (n > 0);
	return n;
}

/* With a socket that is connected, one that connects in vain, and one of UDP. */
static void selector_closes_within(struct pair *t, int (*wait)(struct pair *t))
{
	struct rws_selector **sel = &t->rig->sel[END_S];
	struct rws_address nobody = rig_address(7, false, 80), any = rig_address(END_S, false, 0);
	rws_socket_t connecting, udp;

	pair_open(t);
	assert_int_equal(rws_tcp_connect(*sel, &nobody, NULL, &connecting), 0);
	assert_int_equal(rws_udp_bind(*sel, &any, NULL, &udp), 0);
	assert_int_equal(rws_write_available(t->out, "unflushed", 9), 9);
	assert_int_equal(rws_on(t->s, RWS_EV_READABLE, close_selector, t), 0);
	pair_write(t->p_out, "now");
	assert_int_equal(wait(t), -ECANCELED);
	*sel = NULL;
	assert_int_equal(rws_close(t->s), -EBADF);
	pair_run(t, MS);
	rws_discard(t->p_in, 9); /* wait_for_room sent them */
	pair_read_error(t, t->p_in, -ECONNRESET);
	assert_int_equal(t->resets[END_S], 1);

	assert_int_equal(rws_selector_create(t->rig->rws[END_S], 0, sel), 0);
	pair_run(t, 3 * SECOND); /* of the stack that begins anew with it, with RWS_INLINE */
	pair_connect(t);
}

static void b014_a_selector_that_closes_ends_every_wait(void **state)
{
	struct pair *t = *state;

	selector_closes_within(t, wait_for_the_end);
	selector_closes_within(t, wait_for_room);
	selector_closes_within(t, wait_for_bytes);
	selector_closes_within(t, wait_for_the_job);
	selector_closes_within(t, wait_for_events);
}

static void close_selector_of(struct pair *t, unsigned end, int alive)
{
	struct rws_selector *sel = t->rig->sel[end];

	t->rig->sel[end] = NULL;
	assert_int_equal(rws_selector_close(sel), alive);
}

#define MANY 120u

/* What they send is with the other end's device, which nobody has asked yet. */
static void send_to_s(struct rig *rig, const rws_channel_t out[MANY])
{
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(rws_write_available(out[i], "x", 1), 1);
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(rws_selector_run_once(rig->sel[END_P]), 0);
		if (rig->placement == RWS_CHANNEL)
			core_run_once(rig->rws[END_P]->cores[0]);
	}
	rig->now += MS;
	wire_set_now(rig->wire, (uint64_t)rig->now);
}

/* Of each connection bytes come up while its end goes down; the tear-down finds every buffer. */
static void b014_selector_close_gives_back_what_comes_meanwhile(void **state)
{
	struct pair *t = *state;
	rws_channel_t out[MANY];

	for (unsigned i = 0; i < MANY; i++) {
		t->s = t->p = RWS_NONE; /* those before stay */
		pair_connect(t);
		assert_int_equal(rws_open_write_channel(t->p, true, &out[i]), 0);
	}
	send_to_s(t->rig, out);
	close_selector_of(t, END_S, MANY + 1);
}

/* The tear-down finds every buffer. */
static void b015_nothing_remains_of_what_was_closed(void **state)
{
	struct pair *t = *state;

	pair_open(t);
	pair_write(t->out, "unread");
	pair_write(t->p_out, "unread");
	pair_run(t, MS);
	close_it(t->server);
	close_it(t->s);
	close_it(t->p);
	pair_run(t, 150 * SECOND); /* TIME-WAIT */
	assert_int_equal(pair_connections(t, END_S), 0);
	assert_int_equal(pair_connections(t, END_P), 0);
	close_selector_of(t, END_S, 1);
	close_selector_of(t, END_P, 2);
	assert_int_equal(rws_close(t->s), -EBADF);
	assert_int_equal(rws_close(t->p), -EBADF);
	assert_int_equal(rws_close(t->server), -EBADF);
	assert_int_equal(rws_read_available(t->in, &(char){0}, 1), -EBADF);
}

/* ---- 30 --------------------------------------------------------------------------------- */

static void *close_in_another_thread(void *socket)
{
	rws_close(*(rws_socket_t *)socket);
	return NULL;
}

/* Either refused, or attached and then closed with the socket. */
static void assert_closed_after(struct pair *t, int attached)
{
	assert_true(attached == 0 || attached == -ESHUTDOWN);
	assert_int_equal(rws_await_closed(t->s, pair_after(t, SECOND)), 0);
	if (attached != 0)
		return;
	assert_int_equal(rws_read_available(t->in, &(char){0}, 1), -ECANCELED);
	assert_int_equal(rws_write_available(t->out, "x", 1), -ESHUTDOWN);
}

static void b030_close_and_attach_may_race(void **state)
{
	struct pair *t = *state;
	pthread_t thread;

	for (unsigned i = 0; i < 64; i++) {
		assert_int_equal(pthread_create(&thread, NULL, close_in_another_thread, &t->s), 0);
		int attached = rws_connection(t->s, &t->in, &t->out);
		if (i % 2 == 0) /* before the thread ends, or after */
			rws_selector_run_once(t->rig->sel[END_S]);
		pthread_join(thread, NULL);
		assert_closed_after(t, attached);
		pair_connect(t);
	}
}

static void b030_attach_before_the_owner_sees_the_close(void **state)
{
	struct pair *t = *state;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, close_in_another_thread, &t->s), 0);
	pthread_join(thread, NULL);
	assert_int_equal(rws_connection(t->s, &t->in, &t->out), 0);
	assert_closed_after(t, 0);
	assert_int_equal(rws_connection(t->s, &t->in, &t->out), -EALREADY);
	pair_connect(t);
	close_it(t->s);
	assert_int_equal(rws_connection(t->s, &t->in, &t->out), -ESHUTDOWN);
	assert_closed_after(t, -ESHUTDOWN);
}

/* ---- 112 -------------------------------------------------------------------------------- */

/* One that was connected, whose peer resets it. */
static rws_socket_t reset_one(struct pair *t)
{
	struct rws_address server;
	rws_socket_t s, peer;

	assert_int_equal(rws_remote_address(t->s, &server), 0);
	assert_int_equal(rws_tcp_connect(t->rig->sel[END_S], &server, NULL, &s), 0);
	assert_int_equal(
		rws_await(t->server, RWS_EV_ACCEPTABLE, pair_after(t, SECOND)), RWS_EV_ACCEPTABLE);
	assert_int_equal(rws_accept(t->server, &peer), 0);
	assert_int_equal(rws_abort(peer, 0), 0);
	rws_dispose(peer);
	return s;
}

static rws_socket_t refused_one(struct pair *t)
{
	struct rws_address nobody = rig_address(END_P, false, 9);
	rws_socket_t s;

	assert_int_equal(rws_tcp_connect(t->rig->sel[END_S], &nobody, NULL, &s), 0);
	return s;
}

static void b112_the_failure_of_one_socket_disturbs_no_other(void **state)
{
	struct pair *t = *state;
	struct rws_event event;
	unsigned failed = 0;

	pair_open(t);
	pair_write(t->out, "before");
	rws_socket_t reset = reset_one(t), refused = refused_one(t);
	while (rws_selector_select(t->rig->sel[END_S], &event, 1, pair_after(t, SECOND)) > 0) {
		failed += (event.bits & RWS_EV_CONTEXT_DONE) != 0;
		assert_true(event.handle != t->s || !(event.bits & RWS_EV_ERROR));
	}
	assert_int_equal(failed, 2);
	assert_int_equal(rws_await_closed(reset, RWS_NOW), -ECONNRESET);
	assert_int_equal(rws_await_closed(refused, RWS_NOW), -ECONNREFUSED);
	pair_write(t->out, " and after");
	pair_read_text(t, t->p_in, "before and after");
	pair_write(t->p_out, "reply");
	pair_read_text(t, t->in, "reply");
	assert_false(rws_is_closed(t->s) || rws_is_closed(t->p) || rws_is_closed(t->server));
	rws_dispose(reset);
	rws_dispose(refused);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR_CASE(b001_close_with_nothing_open_is_complete_on_return),
		PAIR_CASE(b002_close_of_both_idle_channels_completes_256_times),
		PAIR_CASE(b003_a_second_close_says_nothing_more),
		PAIR_CASE(b004_dispose_looks_like_close_to_the_peer),
		PAIR_CASE(b005_dispose_twice_and_calls_after_it_are_ebadf),
		PAIR_CASE(b006_an_open_socket_has_an_active_context),
		PAIR_CASE(b007_a_deadline_of_await_closed_leaves_the_socket_usable),
		PAIR_CASE(b008_all_who_wait_for_the_end_get_the_same_result),
		PAIR_CASE(b009_close_from_another_thread_happens_once_on_the_owner),
		PAIR_CASE(b010_a_pending_read_ends_when_the_peer_closes),
		PAIR_CASE(b011_a_close_tells_its_steps_in_order),
		PAIR_CASE(b012_a_reset_alone_completes_the_context),
		PAIR_CASE(b012_resets_leak_nothing),
		PAIR_CASE(b013_the_first_error_is_the_contexts),
		PAIR_CASE(b014_a_selector_that_closes_ends_every_wait),
		PAIR_CASE(b014_selector_close_gives_back_what_comes_meanwhile),
		PAIR_CASE(b015_nothing_remains_of_what_was_closed),
		PAIR_CASE(b030_close_and_attach_may_race),
		PAIR_CASE(b030_attach_before_the_owner_sees_the_close),
		PAIR_CASE(b112_the_failure_of_one_socket_disturbs_no_other),
	};

	return cmocka_run_group_tests_name("life", tests, rig_group_setup, rig_group_teardown);
}
