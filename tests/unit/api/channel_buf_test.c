/* SPDX-License-Identifier: BSD-3-Clause */
/* What leaves a channel in its buffers: rws_read_detach, _packet, _remaining; in both placements. */
#include "tests/unit/api/fake.h"

#include <stdlib.h>

#include "api/buf.h"

#define CASE(test) BOTH_CASE(test, start, fake_teardown)
#define CAPACITY   64u

static struct fake_end *end;
static rws_socket_t s;
static rws_channel_t in, pipe_ch;
static struct rws_buf *buf;

static int start(void **state)
{
	fake_start(placement_of(state), 1);
	fake.buffer_size = 16;
	s = fake_connect(sel, NULL, &end);
	assert_int_equal(rws_open_read_channel(s, &in), 0);
	assert_int_equal(rws_channel_create(sel, CAPACITY, true, &pipe_ch), 0);
	buf = NULL;
	return 0;
}

static void receive_in(const char *text, size_t segment)
{
	fake_data_in(end, text, strlen(text), segment);
	fake_turn(sel, 2);
}

static void put(const char *text)
{
	assert_int_equal(rws_write_available(pipe_ch, text, strlen(text)), strlen(text));
}

static void assert_content(const struct rws_buf *b, const char *text)
{
	struct iovec iov[64];
	char all[1024];
	size_t length = 0;
	int n = rws_buf_view(b, 0, iov, 64);

	for (int i = 0; i < n; i++) {
		memcpy(all + length, iov[i].iov_base, iov[i].iov_len);
		length += iov[i].iov_len;
	}
	assert_int_equal(length, strlen(text));
	assert_int_equal(rws_buf_length(b), length);
	assert_memory_equal(all, text, length);
}

static void free_buf(void)
{
	assert_int_equal(rws_buf_free(buf), 0);
	buf = NULL;
	fake_turn(sel, 2);
}

/* ---- Detach ----------------------------------------------------------------------------- */

static void detached_bytes_are_those_that_were_borrowed(void **state)
{
	struct iovec before[4], after[4];

	receive_in("0123456789", 4);
	assert_int_equal(rws_request(in, 0, 10, before, 4), 3);
	assert_int_equal(rws_read_detach(in, SIZE_MAX, 0, &buf), 10);
	assert_content(buf, "0123456789");
	assert_int_equal(rws_buf_view(buf, 0, after, 4), 3);
	for (unsigned i = 0; i < 3; i++)
		assert_ptr_equal(before[i].iov_base, after[i].iov_base);
	assert_int_equal(rws_available_for_read(in), 0);
	assert_int_equal(rws_total_bytes_read(in), 10);
	assert_int_equal(rws_buf_view(buf, 5, after, 4), 2);
	assert_memory_equal(after[0].iov_base, "567", 3);
	assert_int_equal(rws_buf_view(buf, 10, after, 4), 0);
	free_buf();
	assert_int_equal(fake.received_out, 0);
}

static void detached_bytes_open_the_window_at_once(void **state)
{
	receive_in("0123456789", 4);
	assert_int_equal(rws_read_detach(in, 8, 0, &buf), 8);
	fake_turn(sel, 2);
	assert_int_equal(end->recved, 8);
	free_buf();
	assert_int_equal(end->recved, 8);
}

static void detached_bytes_hold_the_window_with_the_flag(void **state)
{
	receive_in("0123456789", 4);
	assert_int_equal(rws_read_detach(in, 6, RWS_BUF_HOLDS_WINDOW, &buf), 6);
	fake_turn(sel, 2);
	assert_int_equal(end->recved, 0);
	rws_discard(in, 4);
	fake_turn(sel, 2);
	assert_int_equal(end->recved, 4);
	free_buf();
	assert_int_equal(end->recved, 10);
	assert_int_equal(rws_read_detach(in, 6, 2, &buf), -EAGAIN);
	receive_in("x", 1);
	assert_int_equal(rws_read_detach(in, 6, 2, &buf), -EINVAL);
}

static void a_part_of_a_buffer_is_copied(void **state)
{
	receive_in("0123456789", 10);
	assert_int_equal(rws_read_detach(in, 3, 0, &buf), 3);
	assert_content(buf, "012");
	assert_int_equal(fake.buffers_out, 1);
	free_buf();
	assert_int_equal(rws_read_detach(in, 100, 0, &buf), 7);
	assert_content(buf, "3456789");
	assert_int_equal(fake.buffers_out, 0);
	free_buf();
}

static void detach_of_nothing_tells_as_a_read_does(void **state)
{
	assert_int_equal(rws_read_detach(pipe_ch, 5, 0, &buf), -EAGAIN);
	assert_int_equal(rws_read_detach(pipe_ch, 0, 0, &buf), 0);
	rws_channel_close(pipe_ch, 0);
	assert_int_equal(rws_read_detach(pipe_ch, 5, 0, &buf), 0);
	assert_null(buf);
	fake_error(end, -ECONNRESET);
	fake_turn(sel, 2);
	assert_int_equal(rws_read_detach(in, 5, 0, &buf), -ECONNRESET);
	assert_null(buf);
	assert_int_equal(rws_buf_free(NULL), 0);
	assert_int_equal(rws_buf_length(NULL), 0);
	assert_int_equal(rws_read_detach(RWS_NONE, 5, 0, &buf), -EBADF);
}

static void short_packet_buffers_are_not_kept(void **state)
{
	receive_in("0123456789", 10);
	fake.short_packets = true;
	assert_int_equal(rws_read_detach(in, 100, 0, &buf), 10);
	assert_content(buf, "0123456789");
	fake_turn(sel, 2);
	assert_int_equal(fake.received_out, 0);
	assert_int_equal(fake.buffers_out, 1);
	free_buf();
	receive_in("0123456789", 10);
	fake.pool_limit = 0;
	assert_int_equal(rws_read_detach(in, 100, 0, &buf), -ENOBUFS);
	assert_null(buf);
	assert_int_equal(rws_available_for_read(in), 10);
}

static void buffers_that_are_no_mbufs_are_copied(void **state)
{
	receive_in("0123456789", 5);
	fake.no_mbufs = true;
	assert_int_equal(rws_read_detach(in, 100, 0, &buf), 10);
	assert_content(buf, "0123456789");
	fake_turn(sel, 2);
	assert_int_equal(fake.received_out, 0);
	free_buf();
}

static void a_socket_lends_so_many_buffers_and_no_more(void **state)
{
	static char block[DETACHED_SOCKET_MAX + 1];
	struct rws_buf *more;

	fake_data_in(end, block, sizeof(block), 1);
	fake_turn(sel, 2);
	assert_int_equal(rws_read_detach(in, SIZE_MAX, 0, &buf), DETACHED_SOCKET_MAX);
	assert_int_equal(rws_read_detach(in, SIZE_MAX, 0, &more), -ENOBUFS);
	assert_int_equal(rws_read_packet(in, 1, &more), -ENOBUFS);
	assert_int_equal(rws_available_for_read(in), 1);
	free_buf();
	assert_int_equal(rws_read_packet(in, 1, &more), 0);
	assert_int_equal(rws_buf_free(more), 0);
}

static void a_selector_lends_so_many_buffers_and_no_more(void **state)
{
	struct rws_buf *bufs[DETACHED_MAX], *more;
	unsigned n = 0;

	fake.pool_limit = DETACHED_MAX + 16;
	for (; n < DETACHED_MAX; n++) {
		put("x");
		assert_int_equal(rws_read_detach(pipe_ch, 1, 0, &bufs[n]), 1);
	}
	put("x");
	assert_int_equal(rws_read_detach(pipe_ch, 1, 0, &more), -ENOBUFS);
	receive_in("y", 1);
	assert_int_equal(rws_read_detach(in, 1, 0, &more), -ENOBUFS);
	assert_int_equal(rws_buf_free(bufs[0]), 0);
	assert_int_equal(rws_read_detach(in, 1, 0, &bufs[0]), 1);
	/* What is not freed is when the selector closes. */
}

/* ---- Longer than its socket ------------------------------------------------------------- */

static void a_buf_outlives_its_socket(void **state)
{
	receive_in("0123456789", 4);
	assert_int_equal(rws_read_detach(in, SIZE_MAX, 0, &buf), 10);
	fake_error(end, -ECONNRESET);
	fake_turn(sel, 2);
	rws_dispose(s);
	fake_turn(sel, 4);
	assert_int_equal(fake_count(REQ_RELEASE), 1);
	assert_content(buf, "0123456789");
	/* Another socket in the same place is not credited. */
	s = fake_connect(sel, NULL, &end);
	assert_int_equal(rws_open_read_channel(s, &in), 0);
	free_buf();
	assert_int_equal(fake.received_out, 0);
}

static void a_buf_that_holds_the_window_keeps_its_socket(void **state)
{
	receive_in("0123456789", 4);
	assert_int_equal(rws_read_detach(in, SIZE_MAX, RWS_BUF_HOLDS_WINDOW, &buf), 10);
	rws_dispose(s);
	fake_turn(sel, 4);
	assert_int_equal(fake_count(REQ_RELEASE), 0);
	free_buf();
	fake_turn(sel, 2);
	assert_int_equal(fake_count(REQ_RELEASE), 1);
	assert_int_equal(end->recved, 10);
}

static void closing_the_selector_frees_what_is_kept(void **state)
{
	receive_in("0123456789", 4);
	assert_int_equal(rws_read_detach(in, 5, RWS_BUF_HOLDS_WINDOW, &buf), 5);
	assert_int_equal(rws_read_detach(in, 5, 0, &buf), 5);
	put("abc");
	assert_int_equal(rws_read_detach(pipe_ch, 5, 0, &buf), 3);
}

/* ---- Packets ---------------------------------------------------------------------------- */

static void a_packet_is_all_or_nothing(void **state)
{
	put("0123");
	assert_int_equal(rws_read_packet(pipe_ch, 6, &buf), -EAGAIN);
	assert_null(buf);
	put("456789");
	assert_int_equal(rws_read_packet(pipe_ch, 6, &buf), 0);
	assert_content(buf, "012345");
	free_buf();
	assert_int_equal(rws_read_packet(pipe_ch, 0, &buf), 0);
	assert_null(buf);
	assert_int_equal(rws_read_packet(pipe_ch, CAPACITY + 1, &buf), -EINVAL);
	rws_channel_close(pipe_ch, 0);
	assert_int_equal(rws_read_packet(pipe_ch, 5, &buf), -ENODATA);
	assert_int_equal(rws_available_for_read(pipe_ch), 4);
	assert_int_equal(rws_read_packet(pipe_ch, 4, &buf), 0);
	assert_content(buf, "6789");
	free_buf();
	assert_int_equal(rws_read_packet(pipe_ch, 1, &buf), -ENODATA);
	assert_null(buf);
}

static void a_packet_is_written_in_its_buffers(void **state)
{
	struct iovec before[4], after[4];
	rws_channel_t out;

	assert_int_equal(rws_open_write_channel(s, false, &out), 0);
	receive_in("0123456789", 4);
	assert_int_equal(rws_read_detach(in, 10, RWS_BUF_HOLDS_WINDOW, &buf), 10);
	assert_int_equal(rws_buf_view(buf, 0, before, 4), 3);
	put("first ");
	assert_int_equal(rws_write_packet(pipe_ch, buf), 0);
	fake_turn(sel, 2);
	assert_int_equal(end->recved, 10);
	put(" last");
	assert_int_equal(rws_request(pipe_ch, 6, 15, after, 4), 4);
	for (unsigned i = 0; i < 3; i++)
		assert_ptr_equal(before[i].iov_base, after[i].iov_base);
	assert_int_equal(rws_read_packet(pipe_ch, 21, &buf), 0);
	assert_content(buf, "first 0123456789 last");
	assert_int_equal(rws_write_packet(out, buf), 0);
	rws_channel_close(out, 0);
	fake_turn(sel, 3);
	assert_int_equal(end->sent_len, 21);
	assert_memory_equal(end->sent, "first 0123456789 last", 21);
	assert_int_equal(fake.buffers_out + fake.received_out, 0);
}

static void a_packet_that_cannot_be_written_stays_the_callers(void **state)
{
	rws_channel_t small;

	receive_in("0123456789", 4);
	assert_int_equal(rws_read_packet(in, 10, &buf), 0);
	assert_int_equal(rws_channel_create(sel, 9, true, &small), 0);
	assert_int_equal(rws_write_packet(small, buf), -EINVAL);
	for (unsigned i = 0; i < 6; i++)
		put("123456789");
	put("1");
	assert_int_equal(rws_write_packet(pipe_ch, buf), -EAGAIN);
	assert_int_equal(rws_discard(pipe_ch, 1), 1);
	assert_int_equal(rws_write_packet(pipe_ch, buf), 0);
	assert_int_equal(rws_write_packet(pipe_ch, NULL), -EAGAIN);
	rws_channel_close(pipe_ch, 0);
	assert_int_equal(rws_write_packet(pipe_ch, NULL), -ESHUTDOWN);
	buf = NULL;
}

static void a_packet_that_finds_no_buffers_leaves_its_bytes(void **state)
{
	receive_in("0123456789", 4);
	fake.pool_limit = 0;
	assert_int_equal(rws_read_packet(in, 9, &buf), -ENOBUFS);
	assert_int_equal(rws_available_for_read(in), 10);
	assert_int_equal(rws_total_bytes_read(in), 0);
	fake.pool_limit = 10;
	assert_int_equal(rws_read_packet(in, 9, &buf), 0);
	assert_content(buf, "012345678");
	free_buf();
	assert_int_equal(rws_discard(in, 5), 1);
	fake_turn(sel, 2);
	assert_int_equal(end->recved, 10);
}

static void b073_read_remaining_of_more_than_the_channel_holds(void **state)
{
	enum { LENGTH = 262656 };
	static char sent[LENGTH], got[LENGTH];
	rws_channel_t small;
	struct iovec iov[256];
	size_t done = 0, length = 0;

	fake.buffer_size = 2048;
	for (size_t i = 0; i < LENGTH; i++)
		sent[i] = (char)(i * 7 + i / 251);
	assert_int_equal(rws_channel_create(sel, 4096, true, &small), 0);
	while (done < LENGTH) {
		ssize_t n = rws_write_available(small, sent + done, LENGTH - done);
		if (n > 0)
			done += (size_t)n;
		assert_int_equal(rws_read_remaining(small, SIZE_MAX, &buf), -EAGAIN);
	}
	rws_channel_close(small, 0);
	assert_int_equal(rws_read_remaining(small, SIZE_MAX, &buf), 0);
	int n = rws_buf_view(buf, 0, iov, 256);
	for (int i = 0; i < n; i++) {
		memcpy(got + length, iov[i].iov_base, iov[i].iov_len);
		length += iov[i].iov_len;
	}
	assert_int_equal(length, LENGTH);
	assert_memory_equal(sent, got, LENGTH);
	free_buf();
}

/* It has nothing to give back to the socket, whose place for that may be gone. */
static void b073_read_remaining_that_gets_nothing_keeps_nothing(void **state)
{
	struct rws_options options;

	receive_in("0123456789", 10);
	fake.short_packets = true;
	fake.pool_limit = 0;
	assert_int_equal(rws_read_remaining(in, SIZE_MAX, &buf), -ENOBUFS);
	assert_null(buf);
	fake.pool_limit = 16;
	assert_int_equal(rws_read_remaining(in, SIZE_MAX, &buf), -EAGAIN);
	assert_content(buf, "0123456789");
	receive_in("more", 4);
	fake.pool_limit = 0;
	assert_int_equal(rws_read_remaining(in, SIZE_MAX, &buf), -ENOBUFS);
	assert_content(buf, "0123456789");
	assert_int_equal(rws_get_options(s, &options), 0);
	assert_int_equal(rws_set_options(s, &options), 0);
	free_buf();
}

static void b073_read_remaining_stops_at_the_limit_and_at_failures(void **state)
{
	struct rws_buf *other = NULL;

	put("0123456789");
	assert_int_equal(rws_read_remaining(pipe_ch, 12, &buf), -EAGAIN);
	put("abcdef");
	assert_int_equal(rws_read_remaining(pipe_ch, 12, &buf), 0);
	assert_content(buf, "0123456789ab");
	assert_int_equal(rws_read_remaining(in, 20, &buf), -EINVAL);
	free_buf();
	receive_in("lost", 4);
	assert_int_equal(rws_read_remaining(in, 20, &other), -EAGAIN);
	fake_error(end, -ECONNRESET);
	fake_turn(sel, 2);
	assert_int_equal(rws_read_remaining(in, 20, &other), -ECONNRESET);
	assert_content(other, "lost");
	assert_int_equal(rws_buf_free(other), 0);
	rws_discard(pipe_ch, 4);
	rws_channel_close(pipe_ch, 0);
	assert_int_equal(rws_read_remaining(pipe_ch, 20, &buf), 0);
	assert_null(buf);
}

static void b073_a_failure_behind_the_limit_is_not_seen(void **state)
{
	receive_in("whole", 5);
	fake_error(end, -ECONNRESET);
	fake_turn(sel, 2);
	assert_int_equal(rws_read_remaining(in, 5, &buf), 0);
	assert_content(buf, "whole");
	assert_int_equal(rws_read_remaining(in, 5, &buf), 0);
	assert_int_equal(rws_read_remaining(in, 6, &buf), -ECONNRESET);
	free_buf();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(detached_bytes_are_those_that_were_borrowed),
		CASE(detached_bytes_open_the_window_at_once),
		CASE(detached_bytes_hold_the_window_with_the_flag),
		CASE(a_part_of_a_buffer_is_copied),
		CASE(detach_of_nothing_tells_as_a_read_does),
		CASE(short_packet_buffers_are_not_kept),
		CASE(buffers_that_are_no_mbufs_are_copied),
		CASE(a_socket_lends_so_many_buffers_and_no_more),
		CASE(a_selector_lends_so_many_buffers_and_no_more),
		CASE(a_buf_outlives_its_socket),
		CASE(a_buf_that_holds_the_window_keeps_its_socket),
		CASE(closing_the_selector_frees_what_is_kept),
		CASE(a_packet_is_all_or_nothing),
		CASE(a_packet_is_written_in_its_buffers),
		CASE(a_packet_that_cannot_be_written_stays_the_callers),
		CASE(a_packet_that_finds_no_buffers_leaves_its_bytes),
		CASE(b073_read_remaining_of_more_than_the_channel_holds),
		CASE(b073_read_remaining_that_gets_nothing_keeps_nothing),
		CASE(b073_read_remaining_stops_at_the_limit_and_at_failures),
		CASE(b073_a_failure_behind_the_limit_is_not_seen),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
