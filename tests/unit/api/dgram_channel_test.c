/* SPDX-License-Identifier: BSD-3-Clause */
/* Connected UDP sockets as byte channels (contract, decision 5), in both placements. */
#include "tests/unit/api/fake.h"

#define CASE(test) BOTH_CASE(test, start, fake_teardown)

static struct fake_end *end;
static rws_socket_t s;
static rws_channel_t in, out;
static char buf[70000];

static rws_socket_t connect_with(const struct rws_options *options)
{
	rws_socket_t c;

	assert_int_equal(rws_udp_connect(sel, &fake_peer, NULL, options, &c), 0);
	end = fake.latest;
	return c;
}

static int start(void **state)
{
	fake_start(placement_of(state), 1);
	s = connect_with(NULL);
	return 0;
}

static void open_both(void)
{
	assert_int_equal(rws_connection(s, &in, &out), 0);
}

/* Datagrams of the peer, NULL ends them. */
static void receive(const char *const *texts)
{
	for (; *texts != NULL; texts++)
		fake_datagram(end, *texts, strlen(*texts), 80);
	fake_turn(sel, 2);
}

static void expect_read(rws_channel_t ch, size_t n, const char *text, int boundary)
{
	memset(buf, 0, sizeof(buf));
	assert_int_equal(rws_read_available(ch, buf, n), strlen(text));
	assert_string_equal(buf, text);
	assert_int_equal(rws_read_boundary(ch), boundary);
}

static void expect_sent(unsigned datagrams, const void *bytes, size_t n)
{
	fake_turn(sel, 2);
	assert_int_equal(end->sends, datagrams);
	assert_int_equal(end->sent_len, n);
	assert_memory_equal(end->sent, bytes, n);
	assert_int_equal(end->last.remote.family, 0);
}

/* ---- Receiving -------------------------------------------------------------------------- */

static void b114_a_read_never_crosses_a_boundary(void **state)
{
	open_both();
	receive((const char *const[]){"one", "three", "x", NULL});
	assert_int_equal(rws_read_boundary(in), 1);
	expect_read(in, 100, "one", 1);
	expect_read(in, 2, "th", 0);
	assert_int_equal(rws_available_for_read(in), 3);
	expect_read(in, 100, "ree", 1);
	expect_read(in, 100, "x", 1);
	assert_int_equal(rws_read_available(in, buf, 100), -EAGAIN);
	fake_turn(sel, 2);
	assert_int_equal(end->datagrams_back, 3);
	assert_int_equal(end->recved, 9);
}

static void b114_an_empty_datagram_is_no_end_of_stream(void **state)
{
	open_both();
	receive((const char *const[]){"", "a", "", "", NULL});
	assert_int_equal(rws_await(s, RWS_EV_READABLE, RWS_NOW), RWS_EV_READABLE);
	assert_int_equal(rws_read_available(in, buf, 100), -ENOMSG);
	assert_int_equal(rws_read_boundary(in), 1);
	expect_read(in, 100, "a", 1);
	assert_int_equal(rws_await_content(in, 1, RWS_NOW), 1);
	assert_int_equal(rws_discard(in, 100), -ENOMSG);
	assert_int_equal(rws_read_available(in, buf, 100), -ENOMSG);
	assert_int_equal(rws_read_available(in, buf, 100), -EAGAIN);
	assert_false(rws_is_closed_for_read(in));
	fake_turn(sel, 2);
	assert_int_equal(end->datagrams_back, 4);
}

static void b114_every_reading_call_stops_at_the_boundary(void **state)
{
	struct iovec iov[4];
	size_t got = 0;
	char a[2], b[8];

	open_both();
	receive((const char *const[]){"abcde", "fghij", "klmno", "pqrst", NULL});
	assert_int_equal(rws_readv(in, (struct iovec[]){{a, 2}, {b, 8}}, 2), 5);
	assert_int_equal(rws_read_fully(in, buf, 8, &got), -ENODATA);
	assert_int_equal(got, 5);
	assert_memory_equal(buf, "fghij", 5);
	got = 0;
	assert_int_equal(rws_read_fully(in, buf, 4, &got), 0);
	assert_int_equal(rws_read_boundary(in), 0);
	assert_int_equal(rws_peek_to(in, 0, buf, 8), 1);
	assert_int_equal(rws_peek_to(in, 1, buf, 8), -ENODATA);
	assert_int_equal(rws_request(in, 0, 2, iov, 4), -ENODATA);
	assert_int_equal(rws_request(in, 0, 1, iov, 4), 1);
	assert_int_equal(iov[0].iov_len, 1);
	assert_int_equal(rws_consumed(in, 2), -EINVAL);
	assert_int_equal(rws_consumed(in, 1), 0);
	assert_int_equal(rws_read_boundary(in), 1);
	assert_int_equal(rws_await_content(in, 100, RWS_NOW), 1); /* all that there will be */
	assert_int_equal(rws_discard(in, 100), 5);
	assert_int_equal(rws_total_bytes_read(in), 20);
}

static void b114_large_datagrams_are_one_read(void **state)
{
	static char data[65507];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i / 7);
	open_both();
	fake_datagram(end, data, sizeof(data), 80);
	fake_datagram(end, data, 1, 80);
	fake_turn(sel, 2);
	assert_int_equal(rws_read_available(in, buf, sizeof(buf)), sizeof(data));
	assert_memory_equal(buf, data, sizeof(data));
	assert_int_equal(rws_read_available(in, buf, sizeof(buf)), 1);
}

static void b114_datagrams_from_before_the_opening_are_read(void **state)
{
	receive((const char *const[]){"early", "", NULL});
	assert_int_equal(rws_open_read_channel(s, &in), 0);
	expect_read(in, 100, "early", 1);
	assert_int_equal(rws_read_available(in, buf, 100), -ENOMSG);
	assert_int_equal(rws_read_available(in, buf, 100), -EAGAIN);
}

static void b114_readable_is_told_again_after_eagain(void **state)
{
	struct rws_event event;

	open_both();
	while (rws_selector_select(sel, &event, 1, RWS_NOW) > 0)
		;
	for (unsigned i = 0; i < 3; i++) {
		receive((const char *const[]){i == 1 ? "" : "abc", NULL});
		assert_int_equal(rws_selector_select(sel, &event, 1, rws_now(sel) + MS), 1);
		assert_int_equal(event.bits, RWS_EV_READABLE);
		assert_int_equal(event.avail, i == 1 ? 0 : 3);
		assert_int_equal(rws_read_available(in, buf, 9), i == 1 ? -ENOMSG : 3);
		assert_int_equal(rws_read_available(in, buf, 9), -EAGAIN);
	}
}

static void b114_receive_and_a_channel_exclude_each_other(void **state)
{
	struct rws_datagram d = {.data = buf, .capacity = 9};
	rws_socket_t other = connect_with(NULL);

	assert_int_equal(rws_open_read_channel(other, &in), 0);
	assert_int_equal(rws_receive(other, &d), -EBUSY);
	assert_int_equal(rws_receive_burst(other, &d, 1), -EBUSY);
	assert_int_equal(rws_receive(s, &d), -EAGAIN);
	assert_int_equal(rws_open_read_channel(s, &in), -EBUSY);
	assert_int_equal(rws_connection(s, &in, &out), -EBUSY);
	assert_int_equal(rws_open_write_channel(s, true, &out), 0); /* and that was not harmed */
}

static void b114_a_cancelled_read_channel_discards_and_sending_goes_on(void **state)
{
	open_both();
	receive((const char *const[]){"one", "two", "three", NULL});
	assert_int_equal(rws_read_available(in, buf, 1), 1);
	assert_int_equal(rws_channel_cancel(in, 0), 1);
	assert_int_equal(rws_read_available(in, buf, 9), -ECANCELED);
	receive((const char *const[]){"four", NULL});
	assert_int_equal(end->datagrams_back, 4);
	assert_int_equal(end->recved, 15);
	assert_int_equal(rws_receive_dropped(s), 0);
	assert_int_equal(rws_write_available(out, "on", 2), 2);
	rws_flush(out);
	expect_sent(1, "on", 2);
}

static void b114_an_error_of_the_network_fails_no_channel(void **state)
{
	open_both();
	fake_error(end, -ECONNREFUSED);
	receive((const char *const[]){"on", NULL});
	assert_int_equal(rws_await(s, RWS_EV_ERROR, RWS_NOW), RWS_EV_ERROR); /* not taken yet */
	expect_read(in, 9, "on", 1);
}

/* ---- Sending ---------------------------------------------------------------------------- */

static void b114_one_flush_is_one_datagram(void **state)
{
	open_both();
	assert_int_equal(rws_write_available(out, "ab", 2), 2);
	assert_int_equal(rws_write_available(out, "cd", 2), 2);
	fake_turn(sel, 2);
	assert_int_equal(end->sends, 0);
	assert_int_equal(rws_flush(out), 0);
	assert_int_equal(rws_write_available(out, "not yet", 7), 7);
	expect_sent(1, "abcd", 4);
	rws_flush(out);
	rws_flush(out); /* nothing was written: no datagram */
	expect_sent(2, "not yet", 7);
}

static void b114_flushed_datagrams_are_not_merged(void **state)
{
	open_both();
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(rws_write_available(out, "0123456789", i), i);
		rws_flush(out);
	}
	expect_sent(5, "0123", 4); /* the first of them without a byte */
}

static void b114_with_auto_flush_each_write_is_one(void **state)
{
	assert_int_equal(rws_open_write_channel(s, true, &out), 0);
	assert_int_equal(rws_write_available(out, "abc", 3), 3);
	assert_int_equal(rws_write_available(out, NULL, 0), 0);
	assert_int_equal(rws_writev(out, (struct iovec[]){{"d", 1}, {"ef", 2}}, 2), 3);
	expect_sent(3, "def", 3);
}

static void b114_an_empty_datagram_is_a_write_of_nothing(void **state)
{
	open_both();
	assert_int_equal(rws_write_available(out, NULL, 0), 0);
	fake_turn(sel, 2);
	assert_int_equal(end->sends, 0);
	rws_flush(out);
	fake_turn(sel, 2);
	assert_int_equal(end->sends, 1);
	assert_int_equal(end->sent_len, 0);
	assert_int_equal(rws_write_available(out, NULL, 0), 0);
	assert_int_equal(rws_write_available(out, "x", 1), 1); /* not empty after all */
	rws_flush(out);
	expect_sent(2, "x", 1);
}

static void b114_an_over_long_write_takes_nothing(void **state)
{
	static char data[RWS_DATAGRAM_MAX + 1];
	struct iovec iov[64];

	open_both();
	assert_int_equal(rws_write_available(out, data, RWS_DATAGRAM_MAX + 1), -EMSGSIZE);
	assert_int_equal(rws_write_available(out, data, 65000), 65000);
	assert_int_equal(rws_write_available(out, data, 508), -EMSGSIZE);
	assert_int_equal(rws_write_request(out, 508, iov, 64), -EMSGSIZE);
	assert_int_equal(rws_await_free_space(out, 508, RWS_NOW), -EMSGSIZE);
	assert_int_equal(rws_write_available(out, data, 507), 507);
	assert_int_equal(rws_write_available(out, data, 1), -EMSGSIZE);
	rws_flush(out);
	expect_sent(1, data, RWS_DATAGRAM_MAX);
	assert_int_equal(rws_write_available(out, data, 1), 1);
}

static void b114_a_grant_becomes_one_datagram(void **state)
{
	struct iovec iov[8];

	open_both();
	assert_int_equal(rws_write_available(out, "ab", 2), 2);
	assert_int_equal(rws_write_request(out, 3000, iov, 8) >= 2, 1);
	rws_flush(out); /* of what is written; the grant is another one's */
	memset(iov[0].iov_base, 'c', iov[0].iov_len);
	assert_int_equal(rws_written(out, 5), 0);
	expect_sent(1, "ab", 2);
	rws_flush(out);
	expect_sent(2, "ccccc", 5);
}

static void b114_the_send_buffer_bounds_what_is_flushed(void **state)
{
	const struct rws_options options = {.send_buffer = 1000};
	struct rws_event event;

	fake.no_ack = true;
	s = connect_with(&options);
	assert_int_equal(rws_open_write_channel(s, true, &out), 0);
	assert_int_equal(rws_write_available(out, buf, 600), 600);
	assert_int_equal(rws_write_available(out, buf, 3000), 3000); /* there was room to begin */
	assert_int_equal(rws_write_available(out, buf, 1), -EAGAIN);
	fake_turn(sel, 2);
	assert_int_equal(end->sends, 1);
	while (rws_selector_select(sel, &event, 1, RWS_NOW) > 0)
		assert_int_equal(event.bits & RWS_EV_WRITABLE, 0);
	fake_ack(end, 600);
	fake_turn(sel, 4);
	assert_int_equal(end->sends, 2);
	fake_ack(end, 3000);
	assert_int_equal(rws_await(s, RWS_EV_WRITABLE, rws_now(sel) + MS), RWS_EV_WRITABLE);
	assert_int_equal(rws_write_available(out, buf, 1), 1);
}

static void b114_short_memory_leaves_a_datagram_whole(void **state)
{
	open_both();
	fake.pool_limit = 2;
	assert_int_equal(rws_write_available(out, buf, 5000), 4096);
	assert_int_equal(rws_write_available(out, buf, 904), -EAGAIN);
	fake_turn(sel, 2);
	assert_int_equal(end->sends, 0);
	fake.pool_limit = 3;
	assert_int_equal(rws_write_available(out, buf + 4096, 904), 904);
	rws_flush(out);
	expect_sent(1, buf, 5000);
}

static void b114_short_memory_parts_no_datagram_with_auto_flush(void **state)
{
	size_t done = 0;

	assert_int_equal(rws_open_write_channel(s, true, &out), 0);
	fake.pool_limit = 2;
	assert_int_equal(rws_write_fully(out, buf, 5000, &done), -EAGAIN);
	assert_int_equal(done, 4096);
	fake_turn(sel, 2);
	assert_int_equal(end->sends, 0);
	fake.pool_limit = 3;
	assert_int_equal(rws_write_fully(out, buf, 5000, &done), 0);
	expect_sent(1, buf, 5000);
}

static void b114_a_full_ring_delays_and_loses_nothing(void **state)
{
	open_both();
	for (unsigned i = 0; i < 3 * fake.slots; i++) {
		assert_int_equal(rws_write_available(out, "x", 1), 1);
		rws_flush(out);
	}
	fake_turn(sel, 8);
	assert_int_equal(end->sends, 3 * fake.slots);
}

static void b114_drained_and_acknowledged_are_told(void **state)
{
	fake.no_ack = true;
	open_both();
	assert_int_equal(rws_write_available(out, "abc", 3), 3);
	rws_flush(out);
	assert_int_equal(rws_await(s, RWS_EV_TX_DRAINED, rws_now(sel) + MS), RWS_EV_TX_DRAINED);
	assert_int_equal(rws_await(s, RWS_EV_TX_ACKED, rws_now(sel) + MS), -ETIMEDOUT);
	fake_ack(end, 3);
	assert_int_equal(rws_await(s, RWS_EV_TX_ACKED, rws_now(sel) + MS), RWS_EV_TX_ACKED);
}

static void b114_send_goes_beside_the_write_channel(void **state)
{
	struct rws_datagram d = {.data = "beside", .length = 6};

	open_both();
	assert_int_equal(rws_send(s, &d), 0);
	expect_sent(1, "beside", 6);
}

/* ---- The end ---------------------------------------------------------------------------- */

static void b114_close_sends_what_was_written(void **state)
{
	rws_job_t context = rws_socket_context(s);

	open_both();
	receive((const char *const[]){"unread", "", NULL});
	assert_int_equal(rws_write_available(out, "one", 3), 3);
	rws_flush(out);
	assert_int_equal(rws_write_available(out, "last", 4), 4);
	rws_close(s);
	assert_int_equal(rws_job_join(context, rws_now(sel) + MS), 0);
	assert_int_equal(rws_job_result(context), 0);
	assert_int_equal(rws_read_available(in, buf, 9), -ECANCELED);
	assert_int_equal(rws_write_available(out, "x", 1), -ESHUTDOWN);
	expect_sent(2, "last", 4);
	assert_int_equal(end->datagrams_back, 2);
	assert_true(end->released);
}

static void b114_close_of_the_write_channel_ends_its_job_only(void **state)
{
	rws_job_t reader;
	rws_channel_t own;

	assert_int_equal(rws_channel_create(sel, 0, false, &own), 0);
	assert_int_equal(rws_attach_for_writing(s, own, &reader), 0);
	assert_int_equal(rws_write_available(own, "last", 4), 4);
	assert_int_equal(rws_channel_close(own, 0), 1);
	assert_int_equal(rws_job_join(reader, rws_now(sel) + MS), 0);
	assert_int_equal(rws_job_result(reader), 0);
	expect_sent(1, "last", 4);
	assert_false(rws_is_closed(s));
	assert_int_equal(rws_open_read_channel(s, &in), 0);
	receive((const char *const[]){"on", NULL});
	expect_read(in, 9, "on", 1);
	assert_int_equal(fake_count(REQ_SHUTDOWN), 0);
}

static void b114_a_failed_write_channel_drops_and_reading_goes_on(void **state)
{
	open_both();
	assert_int_equal(rws_write_available(out, "lost", 4), 4);
	rws_flush(out);
	assert_int_equal(rws_channel_close(out, -EIO), 1);
	receive((const char *const[]){"on", NULL});
	assert_int_equal(end->sends, 0);
	assert_false(rws_is_closed(s));
	expect_read(in, 9, "on", 1);
	assert_int_equal(fake_count(REQ_ABORT), 0);
}

static void b114_a_close_that_cannot_send_lingers(void **state)
{
	const struct rws_options options = {.send_buffer = 4, .linger_ns = 50 * MS};

	fake.no_ack = true;
	s = connect_with(&options);
	assert_int_equal(rws_open_write_channel(s, true, &out), 0);
	assert_int_equal(rws_write_available(out, "abc", 3), 3);
	assert_int_equal(rws_write_available(out, "def", 3), 3);
	rws_close(s);
	assert_int_equal(rws_await_closed(s, fake.now + 40 * MS), -ETIMEDOUT);
	assert_false(rws_is_closed(s));
	assert_int_equal(rws_await_closed(s, fake.now + 20 * MS), -ETIMEDOUT);
	assert_true(rws_is_closed(s));
	assert_int_equal(end->sends, 1);
}

static void b114_abort_drops_both_directions(void **state)
{
	open_both();
	receive((const char *const[]){"unread", NULL});
	assert_int_equal(rws_write_available(out, "lost", 4), 4);
	rws_flush(out);
	assert_int_equal(rws_abort(s, -EIO), 0);
	assert_int_equal(rws_await_closed(s, RWS_NOW), -EIO);
	fake_turn(sel, 3);
	assert_int_equal(end->sends, 0);
	assert_true(end->released);
}

static void b114_dispose_gives_all_buffers_back(void **state)
{
	open_both();
	receive((const char *const[]){"one", "two", NULL});
	assert_int_equal(rws_write_available(out, "begun", 5), 5);
	rws_dispose(s);
	fake_turn(sel, 4);
	assert_true(end->released);
	assert_int_equal(rws_read_available(in, buf, 9), -EBADF);
}

/* ---- Attaching -------------------------------------------------------------------------- */

static void b114_opens_are_once_and_for_connected_sockets(void **state)
{
	rws_socket_t bound;

	assert_int_equal(rws_udp_bind(sel, NULL, NULL, &bound), 0);
	assert_int_equal(rws_open_read_channel(bound, &in), -ENOTCONN);
	assert_int_equal(rws_open_write_channel(bound, true, &out), -ENOTCONN);
	assert_int_equal(rws_connection(bound, &in, &out), -ENOTCONN);
	open_both();
	assert_int_equal(rws_open_read_channel(s, &in), -EALREADY);
	assert_int_equal(rws_open_write_channel(s, true, &out), -EALREADY);
	rws_close(s);
	assert_int_equal(rws_open_read_channel(s, &in), -EALREADY);
}

static void b114_own_channels_keep_the_boundaries(void **state)
{
	rws_channel_t from, to;
	rws_job_t job;

	assert_int_equal(rws_channel_create(sel, 0, false, &from), 0);
	assert_int_equal(rws_channel_create(sel, 0, false, &to), 0);
	assert_int_equal(rws_write_available(to, "before", 6), 6);
	rws_flush(to);
	assert_int_equal(rws_attach_for_reading(s, from, &job), 0);
	assert_int_equal(rws_attach_for_writing(s, to, NULL), 0);
	receive((const char *const[]){"one", "", "two", NULL});
	expect_sent(1, "before", 6);
	assert_int_equal(rws_write_available(to, "after", 5), 5);
	rws_flush(to);
	expect_sent(2, "after", 5);
	expect_read(from, 9, "one", 1);
	assert_int_equal(rws_read_available(from, buf, 9), -ENOMSG);
	expect_read(from, 1, "t", 0);
	expect_read(from, 9, "wo", 1);
	assert_int_equal(rws_job_cancel(job), 0);
	assert_int_equal(rws_read_available(from, buf, 9), -ECANCELED);
	assert_false(rws_is_closed(s));
}

static void b114_what_cannot_be_joined_is_refused(void **state)
{
	struct fake_end *tcp_end;
	rws_socket_t tcp = fake_connect(sel, NULL, &tcp_end), other = connect_with(NULL);
	rws_channel_t ch, full;
	struct iovec iov[1];

	assert_int_equal(rws_channel_create(sel, 0, false, &ch), 0);
	assert_int_equal(rws_attach_for_reading(s, ch, NULL), 0);
	assert_int_equal(rws_attach_for_writing(s, ch, NULL), -EOPNOTSUPP);
	assert_int_equal(rws_attach_for_writing(tcp, ch, NULL), -EOPNOTSUPP);
	assert_int_equal(rws_channel_create(sel, 0, false, &full), 0);
	assert_int_equal(rws_write_request(full, 1, iov, 1), 1);
	assert_int_equal(rws_attach_for_writing(other, full, NULL), -EBUSY);
	assert_int_equal(rws_written(full, 0), 0);
	assert_int_equal(rws_write_available(full, buf, sizeof(buf)), sizeof(buf));
	assert_int_equal(rws_attach_for_writing(s, full, NULL), -EMSGSIZE);
	s = connect_with(NULL);
	assert_int_equal(rws_attach_for_reading(s, full, NULL), -EINVAL);
	assert_int_equal(rws_attach_for_reading(tcp, full, NULL), 0);
	assert_int_equal(rws_attach_for_writing(s, full, NULL), -EOPNOTSUPP);
	assert_int_equal(rws_read_boundary(full), -EOPNOTSUPP);
}

static void not_freed(void *user, void *data)
{
	fail();
}

static void b114_calls_for_streams_are_refused(void **state)
{
	struct rws_buf *kept = NULL;
	size_t length;
	rws_channel_t pipe;

	open_both();
	rws_channel_create(sel, 0, true, &pipe);
	receive((const char *const[]){"line\n", NULL});
	assert_int_equal(rws_read_utf8_line(in, buf, 10, 10, 0, &length), -EOPNOTSUPP);
	assert_int_equal(rws_read_detach(in, 10, 0, &kept), -EOPNOTSUPP);
	assert_int_equal(rws_read_packet(in, 1, &kept), -EOPNOTSUPP);
	assert_int_equal(rws_read_remaining(in, 10, &kept), -EOPNOTSUPP);
	assert_int_equal(rws_write_buf(out, buf, 10, not_freed, NULL), -EOPNOTSUPP);
	assert_int_equal(rws_write_packet(out, NULL), -EOPNOTSUPP);
	assert_int_equal(rws_copy_to(in, pipe, 10, 0, NULL), -EOPNOTSUPP);
	assert_int_equal(rws_copy_to(pipe, out, 10, 0, NULL), -EOPNOTSUPP);
	expect_read(in, 100, "line\n", 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(b114_a_read_never_crosses_a_boundary),
		CASE(b114_an_empty_datagram_is_no_end_of_stream),
		CASE(b114_every_reading_call_stops_at_the_boundary),
		CASE(b114_large_datagrams_are_one_read),
		CASE(b114_datagrams_from_before_the_opening_are_read),
		CASE(b114_readable_is_told_again_after_eagain),
		CASE(b114_receive_and_a_channel_exclude_each_other),
		CASE(b114_a_cancelled_read_channel_discards_and_sending_goes_on),
		CASE(b114_an_error_of_the_network_fails_no_channel),
		CASE(b114_one_flush_is_one_datagram),
		CASE(b114_flushed_datagrams_are_not_merged),
		CASE(b114_with_auto_flush_each_write_is_one),
		CASE(b114_an_empty_datagram_is_a_write_of_nothing),
		CASE(b114_an_over_long_write_takes_nothing),
		CASE(b114_a_grant_becomes_one_datagram),
		CASE(b114_the_send_buffer_bounds_what_is_flushed),
		CASE(b114_short_memory_leaves_a_datagram_whole),
		CASE(b114_short_memory_parts_no_datagram_with_auto_flush),
		CASE(b114_a_full_ring_delays_and_loses_nothing),
		CASE(b114_drained_and_acknowledged_are_told),
		CASE(b114_send_goes_beside_the_write_channel),
		CASE(b114_close_sends_what_was_written),
		CASE(b114_close_of_the_write_channel_ends_its_job_only),
		CASE(b114_a_failed_write_channel_drops_and_reading_goes_on),
		CASE(b114_a_close_that_cannot_send_lingers),
		CASE(b114_abort_drops_both_directions),
		CASE(b114_dispose_gives_all_buffers_back),
		CASE(b114_opens_are_once_and_for_connected_sockets),
		CASE(b114_own_channels_keep_the_boundaries),
		CASE(b114_what_cannot_be_joined_is_refused),
		CASE(b114_calls_for_streams_are_refused),
	};

	return cmocka_run_group_tests_name("dgram channel", tests, NULL, NULL);
}
