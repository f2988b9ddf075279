/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Byte channels of the application's own, and socket channels under pressure: contract section 3 F
 * and G, and of E what a peer does not see.
 */
#include "tests/unit/api/fake.h"

#define CASE(test) BOTH_CASE(test, start, fake_teardown)
#define CAPACITY   64u

static rws_channel_t ch;

static int start(void **state)
{
	fake_start(placement_of(state), 1);
	fake.buffer_size = 16;
	assert_int_equal(rws_channel_create(sel, CAPACITY, true, &ch), 0);
	return 0;
}

static ssize_t put(const char *text)
{
	return rws_write_available(ch, text, strlen(text));
}

static int64_t in_ms(int64_t ms)
{
	return rws_now(sel) + ms * MS;
}

static void put_abc(void *user)
{
	put("abc");
}

static void assert_read(const char *text)
{
	char buf[256] = "";

	assert_int_equal(rws_read_available(ch, buf, sizeof(buf) - 1), strlen(text));
	assert_string_equal(buf, text);
}

/* ---- F. Reads --------------------------------------------------------------------------- */

static void b062_reading_takes_what_there_is(void **state)
{
	char buf[8];

	assert_int_equal(rws_read_available(ch, buf, 8), -EAGAIN);
	assert_int_equal(put("abc"), 3);
	assert_int_equal(rws_available_for_read(ch), 3);
	assert_read("abc");
	assert_int_equal(rws_read_available(ch, buf, 8), -EAGAIN);
	assert_int_equal(rws_selector_post(sel, put_abc, NULL), 0);
	assert_int_equal(rws_await_content(ch, 1, in_ms(1)), 1);
	assert_int_equal(rws_read_available(ch, buf, 2), 2);
	assert_read("c");
}

static void b063_a_read_of_nothing_is_not_the_end(void **state)
{
	assert_int_equal(rws_read_available(ch, NULL, 0), 0);
	assert_false(rws_is_closed_for_read(ch));
	assert_int_equal(put("x"), 1);
	assert_read("x");
}

static void b064_closed_and_drained_is_the_end(void **state)
{
	size_t got = 0;
	char byte;

	put("ab");
	assert_int_equal(rws_channel_close(ch, 0), 1);
	assert_false(rws_is_closed_for_read(ch));
	assert_read("ab");
	assert_true(rws_is_closed_for_read(ch));
	assert_int_equal(rws_read_available(ch, &byte, 1), 0);
	assert_int_equal(rws_read_fully(ch, NULL, 0, &got), 0);
	assert_int_equal(rws_read_fully(ch, &byte, 1, &got), -ENODATA);
	assert_int_equal(rws_discard(ch, 1), 0);
	assert_int_equal(rws_closed_cause(ch), 0);
}

static void b065_a_failed_channel_gives_every_read_the_cause(void **state)
{
	struct iovec iov = {NULL, 0};
	struct rws_buf *buf = NULL;
	size_t got = 0;
	char byte;

	put("dropped");
	assert_int_equal(rws_channel_close(ch, -EPROTO), 1);
	assert_true(rws_is_closed_for_read(ch));
	assert_int_equal(rws_read_available(ch, &byte, 1), -EPROTO);
	assert_int_equal(rws_read_available(ch, NULL, 0), -EPROTO);
	assert_int_equal(rws_read_fully(ch, NULL, 0, &got), -EPROTO);
	assert_int_equal(rws_discard(ch, 1), -EPROTO);
	assert_int_equal(rws_peek_to(ch, 0, &byte, 1), -EPROTO);
	assert_int_equal(rws_request(ch, 0, 1, &iov, 1), -EPROTO);
	assert_int_equal(rws_consumed(ch, 0), -EPROTO);
	assert_int_equal(rws_readv(ch, &iov, 1), -EPROTO);
	assert_int_equal(rws_read_utf8_line(ch, &byte, 1, 1, 0, &got), -EPROTO);
	assert_int_equal(rws_read_detach(ch, 0, 0, &buf), -EPROTO);
	assert_int_equal(rws_read_packet(ch, 0, &buf), -EPROTO);
	assert_int_equal(rws_read_remaining(ch, 1, &buf), -EPROTO);
	assert_int_equal(rws_await_content(ch, 0, in_ms(1)), -EPROTO);
	assert_int_equal(fake.buffers_out, 0);
}

static void b066_an_exact_read_cut_short_keeps_the_bytes(void **state)
{
	char buf[8] = "";
	size_t got = 0;

	put("abc");
	assert_int_equal(rws_read_fully(ch, buf, 8, &got), -EAGAIN);
	assert_int_equal(got, 3);
	put("de");
	rws_channel_close(ch, 0);
	assert_int_equal(rws_read_fully(ch, buf, 8, &got), -ENODATA);
	assert_int_equal(got, 5);
	assert_string_equal(buf, "abcde");
}

static void b067_discard(void **state)
{
	put("12345678");
	assert_int_equal(rws_discard(ch, 4), 4);
	assert_int_equal(rws_discard(ch, 8), 4);
	assert_int_equal(rws_discard(ch, 8), -EAGAIN);
}

static void b071_looking_ahead_at_too_little_and_consuming_too_much(void **state)
{
	struct iovec iov[4];

	put("0123456789abcdefXYZ");
	assert_int_equal(rws_request(ch, 0, 20, iov, 4), -EAGAIN);
	assert_int_equal(rws_request(ch, 0, 19, iov, 4), 2);
	assert_int_equal(iov[0].iov_len, 16);
	assert_int_equal(iov[1].iov_len, 3);
	assert_memory_equal(iov[1].iov_base, "XYZ", 3);
	assert_int_equal(rws_request(ch, 17, 1, iov, 4), 1);
	assert_memory_equal(iov[0].iov_base, "YZ", 2);
	assert_int_equal(rws_request(ch, 19, 0, iov, 4), -EAGAIN);
	assert_int_equal(rws_request(ch, 0, 1, iov, 0), -EINVAL);
	assert_int_equal(rws_consumed(ch, 20), -EINVAL);
	assert_int_equal(rws_consumed(ch, 18), 0);
	assert_read("Z");
	rws_channel_close(ch, 0);
	assert_int_equal(rws_request(ch, 0, 1, iov, 4), 0);
}

static void b072_await_content_ends_short_and_leaves_the_bytes(void **state)
{
	put("1234");
	assert_int_equal(rws_await_content(ch, 40, in_ms(1)), -ETIMEDOUT);
	assert_int_equal(rws_await_content(ch, 4, in_ms(1)), 1);
	assert_int_equal(rws_await_content(ch, CAPACITY + 1, in_ms(1)), -EINVAL);
	rws_channel_close(ch, 0);
	assert_int_equal(rws_await_content(ch, 40, in_ms(1)), 0);
	assert_read("1234");
}

static void b078_totals_are_exact_after_many_wraps(void **state)
{
	uint64_t in = 0, out = 0;
	char block[40], got[40];

	for (unsigned i = 0; i < 5000; i++) {
		for (unsigned b = 0; b < sizeof(block); b++)
			block[b] = (char)(in + b);
		ssize_t n = rws_write_available(ch, block, 1 + i % sizeof(block));
		in += n > 0 ? (uint64_t)n : 0;
		n = rws_read_available(ch, got, 1 + i % 37);
		for (ssize_t b = 0; b < n; b++)
			assert_int_equal(got[b], (char)(out + (uint64_t)b));
		out += n > 0 ? (uint64_t)n : 0;
	}
	assert_true(in > 50000);
	assert_int_equal(rws_total_bytes_written(ch), in);
	assert_int_equal(rws_total_bytes_read(ch), out);
	assert_int_equal(rws_available_for_read(ch), in - out);
}

static void peek_copies_without_consuming(void **state)
{
	char buf[4];

	put("0123456789abcdefXYZ");
	assert_int_equal(rws_peek_to(ch, 14, buf, 4), 4);
	assert_memory_equal(buf, "efXY", 4);
	assert_int_equal(rws_peek_to(ch, 18, buf, 4), 1);
	assert_int_equal(rws_peek_to(ch, 19, buf, 4), -EAGAIN);
	assert_int_equal(rws_available_for_read(ch), 19);
}

static void readv_scatters_over_vectors(void **state)
{
	char a[3], b[20];
	struct iovec iov[3] = {{a, 3}, {NULL, 0}, {b, 20}};

	put("0123456789abcdefXYZ");
	assert_int_equal(rws_readv(ch, iov, 3), 19);
	assert_memory_equal(a, "012", 3);
	assert_memory_equal(b, "3456789abcdefXYZ", 16);
}

/* Vectors whose lengths sum up to 0 in a size_t. */
static void vectors_longer_than_all_memory_move_what_there_is(void **state)
{
	char bytes[CAPACITY] = "abcdefgh", got[CAPACITY];
	struct iovec from[2] = {{bytes, 4}, {bytes + 4, SIZE_MAX - 3}};
	struct iovec to[2] = {{got, 4}, {got + 4, SIZE_MAX - 3}};

	assert_int_equal(rws_writev(ch, from, 2), CAPACITY);
	assert_int_equal(rws_writev(ch, from, 2), -EAGAIN);
	assert_int_equal(rws_readv(ch, to, 2), CAPACITY);
	assert_memory_equal(got, bytes, CAPACITY);
	assert_int_equal(rws_readv(ch, to, 2), -EAGAIN);
}

/* ---- G. Writes -------------------------------------------------------------------------- */

static void read_one(void *user)
{
	assert_int_equal(rws_discard(ch, 1), 1);
}

static void cancel(void *user)
{
	assert_int_equal(rws_channel_cancel(ch, 0), 1);
}

static void b059_a_write_of_more_than_fits_waits_for_a_read(void **state)
{
	char data[CAPACITY + 1] = "";
	size_t done = 0;

	assert_int_equal(rws_write_fully(ch, data, sizeof(data), &done), -EAGAIN);
	assert_int_equal(done, CAPACITY);
	assert_int_equal(rws_available_for_write(ch), 0);
	assert_int_equal(rws_await_free_space(ch, 1, in_ms(1)), -ETIMEDOUT);
	assert_int_equal(rws_selector_post(sel, read_one, NULL), 0);
	assert_int_equal(rws_await_free_space(ch, 1, in_ms(1)), 1);
	assert_int_equal(rws_write_fully(ch, data, sizeof(data), &done), 0);
	assert_int_equal(rws_selector_post(sel, cancel, NULL), 0);
	assert_int_equal(rws_await_free_space(ch, 1, in_ms(1)), -ECANCELED);
	assert_int_equal(rws_write_fully(ch, data, 2, &(size_t){0}), -ECANCELED);
}

static void b081_unflushed_bytes_are_invisible(void **state)
{
	rws_channel_t quiet;
	char buf[CAPACITY];

	rws_channel_create(sel, CAPACITY, false, &quiet);
	assert_int_equal(rws_write_available(quiet, "abc", 3), 3);
	assert_int_equal(rws_available_for_read(quiet), 0);
	assert_int_equal(rws_total_bytes_written(quiet), 3);
	assert_int_equal(rws_read_available(quiet, buf, 3), -EAGAIN);
	assert_int_equal(rws_flush(quiet), 0);
	assert_int_equal(rws_read_available(quiet, buf, 2), 2);
	assert_int_equal(rws_write_available(quiet, buf, 63), 63);
	assert_int_equal(rws_available_for_read(quiet), 64);
	rws_discard(quiet, 64);
	assert_int_equal(rws_write_available(quiet, "end", 3), 3);
	assert_int_equal(rws_channel_close(quiet, 0), 1);
	assert_int_equal(rws_read_available(quiet, buf, 8), 3);
}

static void b082_flush_of_a_closed_channel_is_nothing(void **state)
{
	put("abc");
	rws_channel_close(ch, 0);
	assert_int_equal(rws_flush(ch), 0);
	assert_read("abc");
	assert_int_equal(rws_closed_cause(ch), 0);
	assert_int_equal(rws_channel_create(sel, CAPACITY, true, &ch), 0);
	rws_channel_close(ch, -EPROTO);
	assert_int_equal(rws_flush(ch), 0);
	assert_int_equal(rws_closed_cause(ch), -EPROTO);
}

static void every_write_is(int error)
{
	struct iovec iov = {"x", 1};
	size_t done = 0;

	assert_true(rws_is_closed_for_write(ch));
	assert_int_equal(put("x"), error);
	assert_int_equal(rws_writev(ch, &iov, 1), error);
	assert_int_equal(rws_write_fully(ch, "x", 1, &done), error);
	assert_int_equal(rws_write_packet(ch, NULL), error);
	assert_int_equal(rws_write_request(ch, 1, &iov, 1), error);
	assert_int_equal(rws_await_free_space(ch, 1, in_ms(1)), error);
	assert_int_equal(rws_total_bytes_written(ch), 0);
}

static void b083_a_write_after_close_or_failure_says_which(void **state)
{
	rws_channel_close(ch, 0);
	every_write_is(-ESHUTDOWN);
	assert_int_equal(rws_channel_create(sel, 0, true, &ch), 0);
	rws_channel_close(ch, -EPROTO);
	every_write_is(-EPROTO);
}

static void b085_written_beyond_the_grant_is_einval(void **state)
{
	struct iovec iov[1];

	assert_int_equal(rws_written(ch, 1), -EINVAL);
	assert_int_equal(rws_write_request(ch, 4, iov, 1), 1);
	assert_int_equal(iov[0].iov_len, 16);
	assert_int_equal(rws_written(ch, 17), -EINVAL);
	assert_int_equal(rws_written(ch, 0), 0);
	assert_int_equal(fake.buffers_out, 0);
	assert_int_equal(rws_written(ch, 1), -EINVAL);
	assert_int_equal(rws_write_request(ch, CAPACITY + 1, iov, 1), -EINVAL);
	assert_int_equal(rws_write_request(ch, 17, iov, 1), -EINVAL);
}

static void b085_a_write_ends_the_grant(void **state)
{
	struct iovec iov[2];

	assert_int_equal(rws_write_request(ch, 1, iov, 2), 2);
	assert_int_equal(put("x"), 1);
	assert_int_equal(rws_written(ch, 1), -EINVAL);
	assert_read("x");
}

static void grant_survives_the_reader_emptying_the_channel(void **state)
{
	struct iovec iov[1];

	put("abc");
	assert_int_equal(rws_write_request(ch, 1, iov, 1), 1);
	assert_int_equal(iov[0].iov_len, 13);
	assert_read("abc");
	memcpy(iov[0].iov_base, "def", 3);
	assert_int_equal(rws_written(ch, 3), 0);
	assert_read("def");
	put("ghi");
	assert_read("ghi");
}

static void b086_writev_is_one_stream(void **state)
{
	struct iovec iov[64];
	char text[64];

	for (unsigned i = 0; i < 64; i++) {
		text[i] = (char)('0' + i);
		iov[i] = (struct iovec){&text[i], 1};
	}
	assert_int_equal(rws_writev(ch, iov, 64), 64);
	char got[64];
	assert_int_equal(rws_read_available(ch, got, 64), 64);
	assert_memory_equal(got, text, 64);
}

static void b090_only_the_first_close_counts(void **state)
{
	assert_int_equal(rws_channel_close(ch, -EPROTO), 1);
	assert_int_equal(rws_channel_close(ch, -EIO), 0);
	assert_int_equal(rws_channel_close(ch, 0), 0);
	assert_int_equal(rws_closed_cause(ch), -EPROTO);
	assert_int_equal(rws_channel_create(sel, CAPACITY, true, &ch), 0);
	put("abc");
	assert_int_equal(rws_channel_close(ch, 0), 1);
	assert_int_equal(rws_channel_close(ch, -EPROTO), 0);
	assert_int_equal(rws_channel_cancel(ch, 0), 0);
	assert_int_equal(rws_closed_cause(ch), 0);
	assert_read("abc");
}

static void b091_small_writes_at_every_offset_keep_their_order(void **state)
{
	uint32_t written = 0, read = 0, value;

	for (unsigned shift = 0; shift < 16; shift++) {
		char byte = 0;
		assert_int_equal(rws_write_available(ch, &byte, 1), 1);
		assert_int_equal(rws_read_available(ch, &byte, 1), 1);
		for (unsigned i = 0; i < 1000; i++) {
			size_t done = 0;
			while (rws_write_fully(ch, &written, 4, &done) == -EAGAIN) {
				size_t got = 0;
				assert_int_equal(rws_read_fully(ch, &value, 4, &got), 0);
				assert_int_equal(value, read++);
			}
			written++;
		}
		while (rws_available_for_read(ch) >= 4) {
			assert_int_equal(rws_read_fully(ch, &value, 4, &(size_t){0}), 0);
			assert_int_equal(value, read++);
		}
	}
	assert_int_equal(read, written);
}

static void dispose_frees_and_the_handle_is_stale(void **state)
{
	put("abc");
	rws_channel_dispose(ch);
	assert_int_equal(fake.buffers_out, 0);
	assert_int_equal(put("x"), -EBADF);
	rws_channel_dispose(ch);
	rws_channel_t next;
	assert_int_equal(rws_channel_create(sel, 0, true, &next), 0);
	assert_true(next != ch);
	assert_int_equal(put("x"), -EBADF);
}

/* ---- E. Backpressure on sockets --------------------------------------------------------- */

static void open_socket(rws_socket_t *s, struct fake_end **end, rws_channel_t *in,
	rws_channel_t *out, const struct rws_options *options)
{
	*s = fake_connect(sel, options, end);
	assert_int_equal(rws_connection(*s, in, out), 0);
}

/* Writes more of the alphabet into what was lent, at most n bytes; where it is then. */
static size_t spell(const struct iovec *iov, int vectors, size_t at, size_t n)
{
	for (int i = 0; i < vectors; i++)
		for (size_t b = 0; b < iov[i].iov_len && n > 0; b++, n--)
			((char *)iov[i].iov_base)[b] = (char)('a' + at++ % 26);
	return at;
}

static void b084_a_write_session_sends_what_was_written(void **state)
{
	struct fake_end *end;
	rws_channel_t in, out;
	rws_socket_t s;
	struct iovec iov[16];
	size_t at = 0;
	int n;

	open_socket(&s, &end, &in, &out, &(struct rws_options){.send_buffer = 100});
	fake.no_ack = true;
	for (size_t round = 1; round <= 50; round++) {
		n = rws_write_request(out, 1, iov, 16);
		assert_true(n > 1);
		at = spell(iov, n, at, 30);
		assert_int_equal(rws_written(out, 30), 0);
		fake_turn(sel, 2);
		assert_int_equal(end->sent_len, round * 100 - 100); /* not flushed */
		rws_flush(out);
		fake_turn(sel, 2);
		assert_int_equal(end->sent_len, round * 100 - 70);
		n = rws_write_request(out, 70, iov, 16);
		assert_true(n > 1);
		at = spell(iov, n, at, 70);
		assert_int_equal(rws_written(out, 70), 0);
		assert_int_equal(rws_write_request(out, 1, iov, 16), -EAGAIN);
		assert_int_equal(rws_await_free_space(out, 1, in_ms(1)), -ETIMEDOUT);
		fake_ack(end, 100);
		assert_int_equal(rws_await_free_space(out, 100, in_ms(1)), 1);
		assert_int_equal(end->sent_len, round * 100);
	}
	for (size_t i = 0; i < at; i++)
		assert_int_equal(end->sent[i], 'a' + i % 26);
}

/* With room behind them in their buffer, too, into which short segments are copied. */
static void b077_views_stay_while_segments_arrive(void **state)
{
	struct fake_end *end;
	rws_channel_t in, out;
	struct iovec iov[4], again[4];
	rws_socket_t s;

	open_socket(&s, &end, &in, &out, NULL);
	fake.received_room = 16;
	fake_data(end, "abc", 3);
	fake_turn(sel, 1);
	assert_int_equal(rws_request(in, 0, 1, iov, 4), 1);
	for (int i = 0; i < 10; i++) {
		fake_data(end, "more", 4);
		fake_turn(sel, 1);
		assert_int_equal(rws_request(in, 0, 1, again, 1), 1);
		assert_ptr_equal(again[0].iov_base, iov[0].iov_base);
		assert_memory_equal(iov[0].iov_base, "abcmore", i == 0 ? 3 : 7);
	}
	assert_int_equal(rws_consumed(in, 2), 0);
	assert_memory_equal((char *)iov[0].iov_base + 2, "cmore", 5);
	assert_int_equal(rws_consumed(in, 1), 0);
	assert_int_equal(rws_available_for_read(in), 40);
}

static void b056_borrowing_does_not_open_the_window_consuming_does(void **state)
{
	struct fake_end *end;
	rws_channel_t in, out;
	struct iovec iov[2];
	rws_socket_t s;

	open_socket(&s, &end, &in, &out, NULL);
	fake_data(end, "0123456789", 10);
	fake_turn(sel, 1);
	assert_int_equal(rws_request(in, 0, 1, iov, 2), 1);
	fake_turn(sel, 2);
	assert_int_equal(end->recved, 0);
	rws_consumed(in, 4);
	fake_turn(sel, 1);
	assert_int_equal(end->recved, 4);
	assert_int_equal(fake.received_out, 1);
	rws_consumed(in, 6);
	fake_turn(sel, 1);
	assert_int_equal(end->recved, 10);
	assert_int_equal(fake.received_out, 0);
}

static void an_attached_channel_holds_at_most_its_capacity(void **state)
{
	struct fake_end *end;
	rws_socket_t s = fake_connect(sel, NULL, &end);
	char data[200] = "", buf[50];

	assert_int_equal(rws_attach_for_reading(s, ch, NULL), 0);
	fake_data_in(end, data, sizeof(data), 20);
	fake_fin(end);
	fake_turn(sel, 2);
	assert_int_equal(rws_available_for_read(ch), 60);
	assert_int_equal(end->recved, 0);
	size_t got = 0;
	ssize_t n;
	while ((n = rws_read_available(ch, buf, sizeof(buf))) > 0) {
		assert_true(rws_available_for_read(ch) <= CAPACITY);
		got += (size_t)n;
	}
	assert_int_equal(n, 0);
	assert_int_equal(got, 200);
	fake_turn(sel, 1);
	assert_int_equal(end->recved, 200);
}

static void b057_a_blocked_writer_sleeps_until_there_is_room(void **state)
{
	struct fake_end *end;
	rws_channel_t in, out;
	rws_socket_t s;
	struct rws_event event;
	char block[300] = "";

	open_socket(&s, &end, &in, &out, &(struct rws_options){.send_buffer = 200});
	fake.no_ack = true;
	while (rws_selector_select(sel, &event, 1, RWS_NOW) > 0)
		;
	assert_int_equal(rws_write_available(out, block, 300), 200);
	assert_int_equal(rws_write_available(out, block, 300), -EAGAIN);
	fake_turn(sel, 2);
	while (rws_selector_select(sel, &event, 1, RWS_NOW) > 0)
		assert_false(event.bits & RWS_EV_WRITABLE);
	assert_int_equal(end->sent_len, 200);
	assert_int_equal(rws_write_available(out, block, 1), -EAGAIN);
	unsigned waits = fake.waits, logged = fake.logged;
	assert_int_equal(rws_selector_select(sel, &event, 1, in_ms(1000)), 0);
	assert_int_equal(fake.waits, waits + 1); /* it slept all the time, */
	assert_int_equal(fake.logged, logged);   /* and the stack heard nothing */
	fake_ack(end, 100);
	assert_int_equal(rws_selector_select(sel, &event, 1, in_ms(1)), 1);
	assert_true(event.bits & RWS_EV_WRITABLE);
	assert_int_equal(rws_available_for_write(out), 100);
	assert_int_equal(rws_await(s, RWS_EV_TX_ACKED, in_ms(1)), -ETIMEDOUT);
	fake_ack(end, 100);
	assert_int_equal(rws_await(s, RWS_EV_TX_ACKED, in_ms(1)), RWS_EV_TX_ACKED);
}

static void e_no_buffers_is_eagain_and_writable_when_they_are_back(void **state)
{
	struct fake_end *end;
	rws_channel_t in, out;
	rws_socket_t s;
	struct rws_event event;
	char block[64] = "";

	open_socket(&s, &end, &in, &out, NULL);
	while (rws_selector_select(sel, &event, 1, RWS_NOW) > 0)
		;
	fake.pool_limit = 2;
	assert_int_equal(rws_write_available(out, block, 64), 32);
	assert_int_equal(rws_write_available(out, block, 64), -EAGAIN);
	assert_int_equal(rws_selector_select(sel, &event, 1, in_ms(1)), 1);
	while (!(event.bits & RWS_EV_WRITABLE))
		assert_int_equal(rws_selector_select(sel, &event, 1, in_ms(5)), 1);
	assert_int_equal(end->sent_len, 32);
	assert_int_equal(rws_write_available(out, block, 64), 32);
}

/* Else whoever waits for room would find none, and wait again, without a pause. */
static void e_a_writer_without_buffers_waits_for_them(void **state)
{
	struct fake_end *end;
	rws_channel_t in, out;
	rws_socket_t s;
	char block[64] = "";

	open_socket(&s, &end, &in, &out, NULL);
	fake.no_ack = fake.keep_sent = true;
	fake.pool_limit = 2;
	assert_int_equal(rws_write_available(out, block, 64), 32);
	assert_int_equal(rws_write_available(out, block, 64), -EAGAIN);
	assert_int_equal(rws_await(out, RWS_EV_WRITABLE, in_ms(5)), -ETIMEDOUT);
	assert_int_equal(rws_await(s, RWS_EV_WRITABLE, in_ms(5)), -ETIMEDOUT);
	assert_int_equal(rws_await_free_space(out, 1, in_ms(5)), -ETIMEDOUT);
	fake_ack(end, 16);
	assert_int_equal(rws_await_free_space(out, 1, in_ms(5)), 1);
	assert_int_equal(rws_write_available(out, block, 64), 16);
}

/* ---- Auto-tuning of the send buffer ------------------------------------------------------ */

#define MIB (1u << 20)

/* Acknowledges one byte, and says what send buffer is worth having. */
static void tell_worth(rws_channel_t out, struct fake_end *end, uint32_t worth)
{
	assert_int_equal(rws_write_available(out, "x", 1), 1);
	rws_flush(out);
	fake_turn(sel, 2);
	fake_ack_worth(end, 1, worth);
	fake_turn(sel, 2);
}

static void send_buffer_grows_up_to_the_configured_maximum(void **state)
{
	struct fake_end *end;
	rws_channel_t in, out;
	rws_socket_t s;
	struct rws_options options;

	open_socket(&s, &end, &in, &out, NULL);
	fake.no_ack = true;
	assert_int_equal(rws_available_for_write(out), MIB);
	tell_worth(out, end, MIB + MIB / 8); /* not worth the while */
	assert_int_equal(rws_available_for_write(out), MIB);
	tell_worth(out, end, 2 * MIB);
	assert_int_equal(rws_available_for_write(out), 2 * MIB);
	tell_worth(out, end, 0); /* it does not shrink by itself */
	assert_int_equal(rws_available_for_write(out), 2 * MIB);
	tell_worth(out, end, UINT32_MAX);
	assert_int_equal(rws_available_for_write(out), 4 * MIB);
	assert_int_equal(rws_get_options(s, &options), 0);
	assert_int_equal(options.send_buffer, 4 * MIB);
}

static void send_buffer_that_was_set_stays(void **state)
{
	struct fake_end *end;
	rws_channel_t in, out;
	rws_socket_t s;
	struct rws_options options = {.send_buffer = MIB}; /* the same as the default */

	open_socket(&s, &end, &in, &out, &options);
	fake.no_ack = true;
	tell_worth(out, end, 4 * MIB);
	assert_int_equal(rws_available_for_write(out), MIB);
}

static void send_buffers_grow_within_what_all_may_have(void **state)
{
	struct fake_end *end[4];
	rws_channel_t in, out[4];
	rws_socket_t s[4];

	fake.no_ack = true;
	for (unsigned i = 0; i < 4; i++) {
		open_socket(&s[i], &end[i], &in, &out[i], NULL);
		tell_worth(out[i], end[i], 4 * MIB);
	}
	/* 3 MiB more each, 8 MiB in all */
	assert_int_equal(rws_available_for_write(out[1]), 4 * MIB);
	assert_int_equal(rws_available_for_write(out[2]), MIB);
	tell_worth(out[2], end[2], 3 * MIB);
	assert_int_equal(rws_available_for_write(out[2]), 3 * MIB);
	tell_worth(out[3], end[3], 2 * MIB);
	assert_int_equal(rws_available_for_write(out[3]), MIB);
	/* One that ends leaves its part to the others. */
	assert_int_equal(rws_abort(s[0], -ECONNABORTED), 0);
	fake_turn(sel, 4);
	tell_worth(out[3], end[3], 4 * MIB);
	assert_int_equal(rws_available_for_write(out[3]), 4 * MIB);
}

static void send_buffer_shrinks_when_buffers_are_short(void **state)
{
	struct fake_end *end;
	rws_channel_t in, out;
	rws_socket_t s;
	char block[64] = "";

	open_socket(&s, &end, &in, &out, NULL);
	fake.no_ack = true;
	tell_worth(out, end, 2 * MIB);
	fake.pool_limit = 2;
	assert_int_equal(rws_write_available(out, block, 64), 32);
	assert_int_equal(rws_available_for_write(out), MIB - 32);
	fake_turn(sel, 2); /* it waits for buffers: no growth meanwhile */
	fake_ack_worth(end, 0, 2 * MIB);
	fake_turn(sel, 1);
	assert_int_equal(rws_available_for_write(out), MIB - 32);
	fake.pool_limit = SELECTOR_BUFFERS;
	fake_turn(sel, 2);
	tell_worth(out, end, 2 * MIB);
	assert_int_equal(rws_available_for_write(out), 2 * MIB - 32);
}

static rws_channel_t starving;

/* Finds no buffer: its send buffer is what it was at first. */
static void starve(void *user)
{
	char block[64] = "";

	fake.pool_limit = 0;
	rws_write_available(starving, block, sizeof(block));
	assert_int_equal(rws_write_available(starving, block, sizeof(block)), -EAGAIN);
}

/* It was as large when the wait began, and may never be again. */
static void waiting_for_more_than_the_send_buffer_ends_when_that_shrinks(void **state)
{
	struct fake_end *end;
	rws_channel_t in;
	rws_socket_t s;

	open_socket(&s, &end, &in, &starving, NULL);
	fake.no_ack = fake.keep_sent = true;
	assert_int_equal(rws_await_free_space(starving, MIB + 1, in_ms(1)), -EINVAL);
	tell_worth(starving, end, 2 * MIB);
	assert_int_equal(rws_write_available(starving, "x", 1), 1);
	assert_int_equal(rws_await_free_space(starving, 2 * MIB, in_ms(1)), -ETIMEDOUT);
	assert_int_equal(rws_selector_post(sel, starve, NULL), 0);
	assert_int_equal(rws_await_free_space(starving, 2 * MIB, in_ms(1)), -EINVAL);
}

static void e_a_full_ring_loses_nothing(void **state)
{
	struct fake_end *ends[20];
	rws_channel_t in, out[20];
	rws_socket_t s;
	char block[100];

	rws_channel_dispose(ch);
	fake_stop();
	fake_start(placement_of(state), 1);
	assert_int_equal(rws_selector_close(sel), 0);
	fake.slots = 3;
	assert_int_equal(rws_selector_create(&fake.rws, 0, &sel), 0);
	memset(block, 'r', sizeof(block));
	for (unsigned i = 0; i < 20; i++)
		open_socket(&s, &ends[i], &in, &out[i], NULL);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(rws_write_available(out[i], block, sizeof(block)), 100);
		rws_channel_close(out[i], 0);
	}
	fake_turn(sel, 30);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(ends[i]->sent_len, 100);
		assert_true(ends[i]->shut);
	}
}

static void flush_boundary_within_a_buffer_parts_it(void **state)
{
	struct fake_end *end;
	rws_channel_t in, out;
	rws_socket_t s;

	open_socket(&s, &end, &in, &out, NULL);
	rws_write_available(out, "flushed", 7);
	rws_flush(out);
	rws_write_available(out, "later", 5);
	fake_turn(sel, 1);
	assert_int_equal(end->sent_len, 7);
	rws_write_available(out, "!", 1);
	rws_flush(out);
	fake_turn(sel, 1);
	assert_memory_equal(end->sent, "flushedlater!", 13);
}

static void flushed_bytes_leave_while_room_behind_them_is_granted(void **state)
{
	struct fake_end *end;
	rws_channel_t in, out;
	struct iovec iov[1];
	rws_socket_t s;

	open_socket(&s, &end, &in, &out, NULL);
	rws_write_available(out, "abc", 3);
	rws_flush(out);
	assert_int_equal(rws_write_request(out, 1, iov, 1), 1);
	fake_turn(sel, 1);
	assert_int_equal(end->sent_len, 3);
	memcpy(iov[0].iov_base, "def", 3);
	assert_int_equal(rws_written(out, 3), 0);
	rws_flush(out);
	fake_turn(sel, 1);
	assert_int_equal(end->sent_len, 6);
	assert_memory_equal(end->sent, "abcdef", 6);
}

static void large_writes_go_out_in_messages_below_64_kib(void **state)
{
	struct fake_end *end;
	rws_channel_t in, out;
	static char data[500000];
	rws_socket_t s;

	fake.buffer_size = 2048;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i / 3);
	open_socket(&s, &end, &in, &out, NULL);
	assert_int_equal(rws_write_available(out, data, sizeof(data)), sizeof(data));
	rws_flush(out);
	fake_turn(sel, 1);
	assert_int_equal(end->sent_len, sizeof(data));
	assert_memory_equal(end->sent, data, sizeof(data));
	assert_true(end->sends >= 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(b062_reading_takes_what_there_is),
		CASE(b063_a_read_of_nothing_is_not_the_end),
		CASE(b064_closed_and_drained_is_the_end),
		CASE(b065_a_failed_channel_gives_every_read_the_cause),
		CASE(b066_an_exact_read_cut_short_keeps_the_bytes),
		CASE(b067_discard),
		CASE(b071_looking_ahead_at_too_little_and_consuming_too_much),
		CASE(b072_await_content_ends_short_and_leaves_the_bytes),
		CASE(b078_totals_are_exact_after_many_wraps),
		CASE(peek_copies_without_consuming),
		CASE(readv_scatters_over_vectors),
		CASE(vectors_longer_than_all_memory_move_what_there_is),
		CASE(b059_a_write_of_more_than_fits_waits_for_a_read),
		CASE(b081_unflushed_bytes_are_invisible),
		CASE(b082_flush_of_a_closed_channel_is_nothing),
		CASE(b083_a_write_after_close_or_failure_says_which),
		CASE(b085_written_beyond_the_grant_is_einval),
		CASE(b085_a_write_ends_the_grant),
		CASE(grant_survives_the_reader_emptying_the_channel),
		CASE(b086_writev_is_one_stream),
		CASE(b090_only_the_first_close_counts),
		CASE(b091_small_writes_at_every_offset_keep_their_order),
		CASE(dispose_frees_and_the_handle_is_stale),
		CASE(b084_a_write_session_sends_what_was_written),
		CASE(b077_views_stay_while_segments_arrive),
		CASE(b056_borrowing_does_not_open_the_window_consuming_does),
		CASE(an_attached_channel_holds_at_most_its_capacity),
		CASE(b057_a_blocked_writer_sleeps_until_there_is_room),
		CASE(e_no_buffers_is_eagain_and_writable_when_they_are_back),
		CASE(e_a_writer_without_buffers_waits_for_them),
		CASE(send_buffer_grows_up_to_the_configured_maximum),
		CASE(send_buffer_that_was_set_stays),
		CASE(send_buffers_grow_within_what_all_may_have),
		CASE(send_buffer_shrinks_when_buffers_are_short),
		CASE(waiting_for_more_than_the_send_buffer_ends_when_that_shrinks),
		CASE(e_a_full_ring_loses_nothing),
		CASE(flush_boundary_within_a_buffer_parts_it),
		CASE(flushed_bytes_leave_while_room_behind_them_is_granted),
		CASE(large_writes_go_out_in_messages_below_64_kib),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
