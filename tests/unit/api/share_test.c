/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The transmit buffers of a selector over the wire: peers that do not read keep what was written to
 * them, and leave enough for one that does. Contract section 3 E.
 */
#include "tests/unit/api/pair.h"

#define CROWD  1000u
#define BLOCK  16384u
#define ANSWER ((size_t)2 << 20)

static uint8_t block[BLOCK];

/* ---- Who does not read ------------------------------------------------------------------ */

struct absent {
	rws_socket_t s, p;
	rws_channel_t out;
};

/* Writes to one of them; how much went in, or -EAGAIN. */
typedef ssize_t writer(rws_channel_t out);

static ssize_t in_blocks(rws_channel_t out)
{
	return rws_write_available(out, block, sizeof(block));
}

static ssize_t in_bits(rws_channel_t out)
{
	ssize_t n = rws_write_available(out, block, 100);

	rws_flush(out);
	return n;
}

static ssize_t by_grants(rws_channel_t out)
{
	struct iovec iov[4];
	int n = rws_write_request(out, 1, iov, 4);
	size_t bytes = 0;

	if (n < 0)
		return n;
	for (int i = 0; i < n; i++)
		bytes += iov[i].iov_len;
	assert_int_equal(rws_written(out, bytes), 0);
	return (ssize_t)bytes;
}

static void forget(void *user, void *data)
{
	(void)user;
	(void)data;
}

static ssize_t by_donations(rws_channel_t out)
{
	int result = rws_write_buf(out, block, 1000, forget, NULL);

	return result == 0 ? 1000 : result;
}

static void connect_absent(struct pair *t, struct absent *a)
{
	struct rws_options narrow = {.receive_buffer = 11680};
	struct rws_address server = rig_address(END_P, false, t->port);
	int64_t soon = rig_after(t->rig, SECOND);

	assert_int_equal(rws_tcp_connect(t->rig->sel[END_S], &server, &narrow, &a->s), 0);
	assert_int_equal(rws_await(t->server, RWS_EV_ACCEPTABLE, soon), RWS_EV_ACCEPTABLE);
	assert_int_equal(rws_accept(t->server, &a->p), 0);
	assert_int_equal(rws_open_write_channel(a->p, false, &a->out), 0);
}

/* Writes to all of them what they take, as long as any takes something. */
static void fill(struct pair *t, const struct absent *crowd, writer *write)
{
	size_t done;

	do {
		done = 0;
		for (unsigned i = 0; i < CROWD; i++) {
			ssize_t n;
			while ((n = write(crowd[i].out)) > 0)
				done += (size_t)n;
			assert_int_equal(n, -EAGAIN);
		}
		pair_run(t, SECOND / 10);
	} while (done > 0);
}

/* ---- Who reads -------------------------------------------------------------------------- */

/* All of the answer comes, within that time. */
static void is_answered(struct pair *t, int64_t within)
{
	uint8_t *answer = pair_pattern(ANSWER), *got = malloc(ANSWER);
	int64_t end = pair_after(t, within);
	size_t written = 0, read = 0;
	ssize_t n;

	pair_connect(t);
	pair_open(t);
	while (read < ANSWER && t->rig->now < end) {
		n = rws_write_available(t->p_out, answer + written, ANSWER - written);
		written += n > 0 ? (size_t)n : 0;
		rws_flush(t->p_out);
		pair_run(t, MS / 10);
		while ((n = rws_read_available(t->in, got + read, ANSWER - read)) > 0)
			read += (size_t)n;
	}
	assert_int_equal(read, ANSWER);
	assert_memory_equal(got, answer, ANSWER);
	free(got);
	free(answer);
}

static void leaves_enough(struct pair *t, writer *write)
{
	struct absent *crowd = calloc(CROWD, sizeof(*crowd));

	for (unsigned i = 0; i < CROWD; i++)
		connect_absent(t, &crowd[i]);
	fill(t, crowd, write);
	assert_true(rig_counter(t->rig, END_P, "channel.over_share") >= CROWD);
	assert_int_equal(rig_counter(t->rig, END_P, "channel.no_buffers"), 0);
	is_answered(t, 10 * SECOND);
	for (unsigned i = 0; i < CROWD; i++) {
		rws_abort(crowd[i].p, -ECANCELED);
		rws_dispose(crowd[i].p);
		rws_dispose(crowd[i].s);
	}
	free(crowd);
}

static void b061_peers_that_do_not_read_leave_buffers(void **state)
{
	leaves_enough(*state, in_blocks);
}

static void b061_small_writes_to_them_leave_buffers(void **state)
{
	leaves_enough(*state, in_bits);
}

static void b061_grants_for_them_leave_buffers(void **state)
{
	leaves_enough(*state, by_grants);
}

static void b061_donations_to_them_leave_buffers(void **state)
{
	leaves_enough(*state, by_donations);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR_CASE(b061_peers_that_do_not_read_leave_buffers),
		PAIR_CASE(b061_small_writes_to_them_leave_buffers),
		PAIR_CASE(b061_grants_for_them_leave_buffers),
		PAIR_CASE(b061_donations_to_them_leave_buffers),
	};

	return cmocka_run_group_tests_name("share", tests, rig_group_setup, rig_group_teardown);
}
