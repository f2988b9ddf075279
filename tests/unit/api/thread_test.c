/* SPDX-License-Identifier: BSD-3-Clause */
/* What other threads may do to a selector's sockets, and what not. */
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "api/remote.h"
#include "api/selector.h"
#include "tests/unit/api/fake.h"

#define CASE(test) BOTH_CASE(test, start, fake_teardown)

static struct fake_end *end;
static rws_socket_t s;
static rws_channel_t in, out;

static int start(void **state)
{
	fake_start(placement_of(state), 1);
	s = fake_connect(sel, NULL, &end);
	assert_int_equal(rws_connection(s, &in, &out), 0);
	return 0;
}

static void in_another_thread(void *(*fn)(void *))
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, fn, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static int results[16];

static void *call_all(void *unused)
{
	struct rws_address address;
	struct rws_event event;
	struct iovec iov;
	rws_channel_t ch;
	rws_socket_t other;
	int n = 0;

	results[n++] = (int)rws_read_available(in, &address, 1);
	results[n++] = (int)rws_write_available(out, "x", 1);
	results[n++] = rws_request(in, 0, 1, &iov, 1);
	results[n++] = rws_await(s, RWS_EV_READABLE, RWS_NOW);
	results[n++] = rws_remote_address(s, &address);
	results[n++] = rws_tcp_connect(sel, &fake_peer, NULL, &other);
	results[n++] = rws_tcp_bind(sel, &fake_peer, NULL, &other);
	results[n++] = rws_selector_run_once(sel);
	results[n++] = rws_selector_select(sel, &event, 1, RWS_NOW);
	results[n++] = rws_channel_create(sel, 0, true, &ch);
	results[n++] = rws_abort(s, -EPROTO);
	results[n++] = rws_on(s, RWS_EV_READABLE, NULL, NULL);
	results[n++] = rws_job_result(rws_socket_context(s));
	results[n++] = rws_selector_close(sel);
	return NULL;
}

static void b029_other_threads_get_exdev(void **state)
{
	in_another_thread(call_all);
	for (int i = 0; i < 12; i++)
		assert_int_equal(results[i], -EXDEV);
	assert_int_equal(results[12], -EBADF); /* of RWS_NONE */
	assert_int_equal(results[13], -EXDEV);
	assert_false(rws_is_closed(s));
}

static void *close_it(void *unused)
{
	results[0] = rws_close(s);
	results[1] = rws_close(s);
	return NULL;
}

static void *flush_and_dispose(void *unused)
{
	results[0] = rws_flush(out);
	rws_dispose(s);
	return NULL;
}

static void dispose_from_another_thread(void **state)
{
	rws_write_available(out, "kept", 4);
	in_another_thread(flush_and_dispose);
	assert_int_equal(results[0], 0);
	assert_false(rws_is_closed(s));
	fake_turn(sel, 4);
	assert_int_equal(rws_close(s), -EBADF);
	assert_memory_equal(end->sent, "kept", 4);
	in_another_thread(close_it);
	assert_int_equal(results[0], -EBADF);
}

static void *flush_it(void *unused)
{
	results[0] = rws_flush(out);
	return NULL;
}

static void g_flush_from_another_thread(void **state)
{
	rws_write_available(out, "abc", 3);
	fake_turn(sel, 1);
	assert_int_equal(end->sent_len, 0);
	in_another_thread(flush_it);
	fake_turn(sel, 1);
	assert_int_equal(end->sent_len, 3);
	assert_int_equal(rws_channel_create(sel, 0, false, &out), 0);
	rws_write_available(out, "abc", 3);
	in_another_thread(flush_it);
	fake_turn(sel, 1);
	assert_int_equal(rws_available_for_read(out), 3);
}

static void *flush_the_other(void *unused)
{
	results[0] = rws_flush(in);
	return NULL;
}

/* What waits in the read channel has nothing to do with what waits to be sent. */
static void g_flush_of_a_read_channel_sends_nothing(void **state)
{
	rws_write_available(out, "abc", 3);
	assert_int_equal(rws_flush(in), 0);
	in_another_thread(flush_the_other);
	assert_int_equal(results[0], 0);
	fake_turn(sel, 1);
	assert_int_equal(end->sent_len, 0);
}

static rws_job_t job;

static void *cancel_it(void *unused)
{
	results[0] = rws_job_cancel(job);
	return NULL;
}

static void b032_cancel_from_another_thread(void **state)
{
	rws_channel_t ch;

	s = fake_connect(sel, NULL, &end);
	rws_channel_create(sel, 0, true, &ch);
	assert_int_equal(rws_attach_for_reading(s, ch, &job), 0);
	in_another_thread(cancel_it);
	assert_int_equal(results[0], 0);
	assert_true(rws_job_is_active(job));
	fake_turn(sel, 1);
	assert_true(rws_job_is_cancelled(job));
	assert_false(rws_is_closed(s));
}

static void requests_for_a_slots_old_channel_do_not_hit_the_new_one(void **state)
{
	assert_int_equal(rws_channel_create(sel, 0, false, &out), 0);
	in_another_thread(flush_it);
	assert_int_equal(results[0], 0);
	rws_channel_dispose(out); /* before the owner looked */
	assert_int_equal(rws_channel_create(sel, 0, false, &out), 0);
	assert_int_equal(rws_write_available(out, "abc", 3), 3);
	fake_turn(sel, 1);
	assert_int_equal(rws_available_for_read(out), 0);
}

static void a_request_for_the_new_one_replaces_the_old_ones(void **state)
{
	assert_int_equal(rws_channel_create(sel, 0, false, &out), 0);
	in_another_thread(flush_it);
	rws_channel_dispose(out); /* before the owner looked */
	assert_int_equal(rws_channel_create(sel, 0, false, &out), 0);
	assert_int_equal(rws_write_available(out, "abc", 3), 3);
	in_another_thread(flush_it);
	fake_turn(sel, 1);
	assert_int_equal(rws_available_for_read(out), 3);
}

static void *dispose_it(void *unused)
{
	rws_dispose(s);
	return NULL;
}

/* A thread found the slot, and then had no CPU until it was the next socket's. */
static void a_late_request_for_the_old_one_leaves_the_new_ones_alone(void **state)
{
	struct slot *slot = slot_find(&sel->socks, s);
	uint32_t generation = handle_generation(s);

	rws_dispose(s);
	fake_turn(sel, 3);
	s = fake_connect(sel, NULL, &end);
	assert_ptr_equal(slot_find(&sel->socks, s), slot);
	in_another_thread(dispose_it);
	assert_false(remote_add_bits(slot, generation, REMOTE_FLUSH));
	fake_turn(sel, 3);
	assert_int_equal(rws_close(s), -EBADF);
}

/* The owner waits for its stack core's answer: the socket stays until it has that. */
static void dispose_while_the_owner_sets_options(void **state)
{
	struct rws_options options;

	s = fake_connect(sel, NULL, &end);
	assert_int_equal(rws_get_options(s, &options), 0);
	options.ttl = 7;
	in_another_thread(dispose_it);
	assert_int_equal(rws_set_options(s, &options), 0);
	assert_int_equal(rws_close(s), -EBADF);
}

static void dispose_while_the_owner_joins_a_group(void **state)
{
	const struct rws_address any = {.family = RWS_IPV4, .port = 7},
				 group = {.family = RWS_IPV4, .ip = {224, 1, 2, 3}};

	assert_int_equal(rws_udp_bind(sel, &any, NULL, &s), 0);
	in_another_thread(dispose_it);
	assert_int_equal(rws_multicast_join(s, &group, RWS_ALL_INTERFACES), 0);
	assert_int_equal(rws_close(s), -EBADF);
}

static int posted;

static void count_up(void *user)
{
	posted++;
}

static void *post_many(void *unused)
{
	for (unsigned i = 0; i < 2000; i++) {
		while (rws_selector_post(sel, count_up, NULL) == -EAGAIN)
			sched_yield();
	}
	return NULL;
}

static void posts_of_two_threads_all_run(void **state)
{
	pthread_t a, b;

	posted = 0;
	pthread_create(&a, NULL, post_many, NULL);
	pthread_create(&b, NULL, post_many, NULL);
	while (posted < 4000)
		fake_turn(sel, 1);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	assert_int_equal(posted, 4000);
}

static void *post_until_refused(void *unused)
{
	do
		results[0] = rws_selector_post(sel, count_up, NULL);
	while (results[0] == 0 || results[0] == -EAGAIN);
	return NULL;
}

static void posts_to_a_selector_that_was_closed_are_ebadf(void **state)
{
	assert_int_equal(rws_selector_post(NULL, count_up, NULL), -EBADF);
	assert_int_equal(rws_selector_post(sel, NULL, NULL), -EINVAL);
	assert_int_equal(rws_selector_close(sel), 1);
	assert_int_equal(rws_selector_post(sel, count_up, NULL), -EBADF);
	sel = NULL;
}

static void posts_race_the_close(void **state)
{
	pthread_t a;

	posted = 0;
	pthread_create(&a, NULL, post_until_refused, NULL);
	while (posted < 1000)
		fake_turn(sel, 1);
	assert_int_equal(rws_selector_close(sel), 1);
	pthread_join(a, NULL);
	assert_int_equal(results[0], -EBADF);
	sel = NULL;
}

static _Atomic bool stop;

static void *close_until_stopped(void *unused)
{
	while (!stop)
		if (rws_close(s) != -EBADF)
			results[0]++;
	return NULL;
}

/* The next selector has the id in the handle, from before it has its tables. */
static void old_handles_are_ebadf_while_selectors_come_and_go(void **state)
{
	pthread_t a;

	assert_int_equal(rws_selector_close(sel), 1);
	results[0] = 0;
	stop = false;
	pthread_create(&a, NULL, close_until_stopped, NULL);
	for (unsigned i = 0; i < 500; i++) {
		assert_int_equal(rws_selector_create(&fake.rws, 0, &sel), 0);
		assert_int_equal(rws_selector_close(sel), 0);
	}
	stop = true;
	pthread_join(a, NULL);
	assert_int_equal(results[0], 0);
	sel = NULL;
}

static rws_socket_t many[500];

static void *close_many(void *unused)
{
	for (unsigned i = 0; i < 500; i++) {
		rws_close(many[i]);
		rws_dispose(many[i]);
	}
	return NULL;
}

static void closes_racing_the_owner_all_happen(void **state)
{
	pthread_t a, b;

	for (unsigned i = 0; i < 500; i++)
		many[i] = fake_connect(sel, NULL, &end);
	pthread_create(&a, NULL, close_many, NULL);
	pthread_create(&b, NULL, close_many, NULL);
	for (unsigned i = 0; i < 500; i += 3)
		rws_close(many[i]);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	fake_turn(sel, 4);
	assert_int_equal(fake_count(REQ_RELEASE), 500);
	for (unsigned i = 0; i < 500; i++)
		assert_int_equal(rws_close(many[i]), -EBADF);
}

/* ---- The descriptor --------------------------------------------------------------------- */

static bool readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static void eventfd_is_armed_while_the_loop_is_not_running(void **state)
{
	struct rws_event event;

	fake_stop();
	fake_start(placement_of(state), 1);
	s = fake_connect(sel, NULL, &end);
	int fd = rws_selector_eventfd(sel);
	assert_true(fd >= 0);
	while (rws_selector_select(sel, &event, 1, RWS_NOW) > 0)
		;
	assert_false(readable(fd));
	in_another_thread(close_it);
	assert_true(readable(fd));
	assert_int_equal(rws_selector_select(sel, &event, 1, RWS_NOW), 1);
	assert_int_equal(event.bits, RWS_EV_CONTEXT_DONE);
	fake_turn(sel, 2);
	while (rws_selector_select(sel, &event, 1, RWS_NOW) > 0)
		;
	assert_false(readable(fd));
}

static void eventfd_tells_of_what_is_left(void **state)
{
	struct rws_event event;

	fake_stop();
	fake_start(placement_of(state), 1);
	s = fake_connect(sel, NULL, &end);
	struct fake_end *other;
	rws_socket_t t = fake_connect(sel, NULL, &other);
	int fd = rws_selector_eventfd(sel);
	while (rws_selector_select(sel, &event, 1, RWS_NOW) > 0)
		;
	fake_data(end, "a", 1);
	fake_data(other, "b", 1);
	assert_int_equal(rws_selector_select(sel, &event, 1, RWS_NOW), 1);
	assert_true(readable(fd));
	assert_int_equal(rws_selector_select(sel, &event, 1, RWS_NOW), 1);
	assert_int_equal(event.handle, t);
}

/* Sleeps as a program does in an epoll of its own; the limit is in the way of no failure only. */
static bool becomes_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 10000) == 1;
}

/* The descriptor of the selector, which has told all it had to tell. */
static int quiet_eventfd(void)
{
	struct rws_event event;
	int fd = rws_selector_eventfd(sel);

	assert_true(fd >= 0);
	fake_turn(sel, 4);
	while (rws_selector_select(sel, &event, 1, RWS_NOW) > 0)
		;
	return fd;
}

static void eventfd_tells_that_a_connect_took_too_long(void **state)
{
	struct rws_options options = {.connect_timeout_ns = 20 * MS};
	struct rws_event event;
	rws_socket_t slow;

	fake.no_connect = true;
	assert_int_equal(rws_tcp_connect(sel, &fake_peer, &options, &slow), 0);
	int fd = quiet_eventfd();
	assert_true(becomes_readable(fd));
	fake.now += 20 * MS;
	assert_int_equal(rws_selector_select(sel, &event, 1, RWS_NOW), 1);
	assert_int_equal(event.handle, slow);
	assert_int_equal(event.result, -ETIMEDOUT);
	assert_false(readable(quiet_eventfd()));
}

static void eventfd_tells_that_a_close_took_too_long(void **state)
{
	fake.no_ack = fake.no_sent = true;
	assert_int_equal(rws_write_available(out, "x", 1), 1);
	assert_int_equal(rws_close_linger(s, 20 * MS), 0);
	int fd = quiet_eventfd();
	assert_true(becomes_readable(fd));
	fake.now += 20 * MS;
	assert_int_equal(rws_selector_run_once(sel), 0);
	assert_int_equal(rws_job_result(rws_socket_context(s)), -ETIMEDOUT);
	assert_false(readable(quiet_eventfd()));
}

/* One that is gone is not told. */
static void eventfd_tells_of_the_next_limit_only(void **state)
{
	struct rws_options options = {.connect_timeout_ns = 20 * MS};
	rws_socket_t slow;

	fake.no_connect = true;
	assert_int_equal(rws_tcp_connect(sel, &fake_peer, &options, &slow), 0);
	int fd = quiet_eventfd();
	rws_dispose(slow);
	quiet_eventfd();
	usleep(30000);
	assert_false(readable(fd));
	assert_int_equal(rws_selector_eventfd(sel), fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(b029_other_threads_get_exdev),
		CASE(dispose_from_another_thread),
		CASE(g_flush_from_another_thread),
		CASE(g_flush_of_a_read_channel_sends_nothing),
		CASE(b032_cancel_from_another_thread),
		CASE(requests_for_a_slots_old_channel_do_not_hit_the_new_one),
		CASE(a_request_for_the_new_one_replaces_the_old_ones),
		CASE(a_late_request_for_the_old_one_leaves_the_new_ones_alone),
		CASE(dispose_while_the_owner_sets_options),
		CASE(dispose_while_the_owner_joins_a_group),
		CASE(posts_of_two_threads_all_run),
		CASE(posts_to_a_selector_that_was_closed_are_ebadf),
		CASE(posts_race_the_close),
		CASE(old_handles_are_ebadf_while_selectors_come_and_go),
		CASE(closes_racing_the_owner_all_happen),
		CHANNEL_CASE(eventfd_is_armed_while_the_loop_is_not_running, start, fake_teardown),
		CHANNEL_CASE(eventfd_tells_of_what_is_left, start, fake_teardown),
		CHANNEL_CASE(eventfd_tells_that_a_connect_took_too_long, start, fake_teardown),
		CHANNEL_CASE(eventfd_tells_that_a_close_took_too_long, start, fake_teardown),
		CHANNEL_CASE(eventfd_tells_of_the_next_limit_only, start, fake_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
