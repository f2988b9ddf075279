/* SPDX-License-Identifier: BSD-3-Clause */
/* Byte channels of the application's own, and socket channels under pressure. */
#include "tests/unit/api/fake.h"

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, over)
#define CAPACITY   64u

static struct rws_selector *sel;
static rws_channel_t ch;

static int start(void **state)
{
	sel = fake_start(RWS_INLINE, 1);
	fake.buffer_size = 16;
	assert_int_equal(rws_channel_create(sel, CAPACITY, true, &ch), 0);
	return 0;
}

static int over(void **state)
{
	fake_stop(sel);
	return 0;
}

static ssize_t put(const char *text)
{
	return rws_write_available(ch, text, strlen(text));
}

static void assert_read(const char *text)
{
	char buf[256] = "";

	assert_int_equal(rws_read_available(ch, buf, sizeof(buf) - 1), strlen(text));
	assert_string_equal(buf, text);
}

/* ---- F. Reads --------------------------------------------------------------------------- */

static void f062_empty_is_eagain_and_then_what_is_there(void **state)
{
	char buf[8];

	assert_int_equal(rws_read_available(ch, buf, 8), -EAGAIN);
	assert_int_equal(put("abc"), 3);
	assert_int_equal(rws_available_for_read(ch), 3);
	assert_read("abc");
	assert_int_equal(rws_read_available(ch, buf, 8), -EAGAIN);
}

static void f063_read_of_nothing_is_not_the_end(void **state)
{
	assert_int_equal(rws_read_available(ch, NULL, 0), 0);
	assert_false(rws_is_closed_for_read(ch));
	assert_int_equal(put("x"), 1);
	assert_read("x");
}

static void f064_closed_and_drained_is_the_end(void **state)
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

static void f065_failed_channel_gives_every_read_the_cause(void **state)
{
	struct iovec iov;
	size_t got = 0;
	char byte;

	put("dropped");
	assert_int_equal(rws_channel_close(ch, -EPROTO), 1);
	assert_int_equal(rws_read_available(ch, &byte, 1), -EPROTO);
	assert_int_equal(rws_read_available(ch, NULL, 0), -EPROTO);
	assert_int_equal(rws_read_fully(ch, NULL, 0, &got), -EPROTO);
	assert_int_equal(rws_discard(ch, 1), -EPROTO);
	assert_int_equal(rws_peek_to(ch, 0, &byte, 1), -EPROTO);
	assert_int_equal(rws_request(ch, 0, 1, &iov, 1), -EPROTO);
	assert_int_equal(rws_consumed(ch, 0), -EPROTO);
	assert_int_equal(fake.buffers_out, 0);
}

static void f066_read_fully_short_at_the_end_keeps_the_bytes(void **state)
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

static void f067_discard(void **state)
{
	put("12345678");
	assert_int_equal(rws_discard(ch, 4), 4);
	assert_int_equal(rws_discard(ch, 8), 4);
	assert_int_equal(rws_discard(ch, 8), -EAGAIN);
}

static void f071_request_and_consumed(void **state)
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
	assert_int_equal(rws_consumed(ch, 20), -EINVAL);
	assert_int_equal(rws_consumed(ch, 18), 0);
	assert_read("Z");
	rws_channel_close(ch, 0);
	assert_int_equal(rws_request(ch, 0, 1, iov, 4), 0);
}

static void f072_await_content_ends_short_and_leaves_the_bytes(void **state)
{
	put("1234");
	assert_int_equal(rws_await_content(ch, 40, rws_now(sel) + MS), -ETIMEDOUT);
	assert_int_equal(rws_await_content(ch, 4, rws_now(sel) + MS), 1);
	assert_int_equal(rws_await_content(ch, CAPACITY + 1, rws_now(sel) + MS), -EINVAL);
	rws_channel_close(ch, 0);
	assert_int_equal(rws_await_content(ch, 40, rws_now(sel) + MS), 0);
	assert_read("1234");
}

static void f077_views_stay_while_bytes_arrive(void **state)
{
	struct iovec iov[4];

	put("abc");
	assert_int_equal(rws_request(ch, 0, 1, iov, 4), 1);
	for (int i = 0; i < 10; i++)
		put("more");
	assert_memory_equal(iov[0].iov_base, "abc", 3);
	assert_int_equal(rws_consumed(ch, 3), 0);
	assert_int_equal(rws_available_for_read(ch), 40);
}

static void f078_totals_are_exact_after_many_wraps(void **state)
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

/* ---- G. Writes -------------------------------------------------------------------------- */

static void g059_full_channel_is_eagain_until_one_read(void **state)
{
	char data[CAPACITY + 1] = "";
	size_t done = 0;

	assert_int_equal(rws_write_fully(ch, data, sizeof(data), &done), -EAGAIN);
	assert_int_equal(done, CAPACITY);
	assert_int_equal(rws_available_for_write(ch), 0);
	assert_int_equal(rws_await_free_space(ch, 1, rws_now(sel) + MS), -ETIMEDOUT);
	assert_int_equal(rws_discard(ch, 1), 1);
	assert_int_equal(rws_await_free_space(ch, 1, rws_now(sel) + MS), 1);
	assert_int_equal(rws_write_fully(ch, data, sizeof(data), &done), 0);
	rws_channel_cancel(ch, 0);
	assert_int_equal(rws_write_fully(ch, data, 2, &(size_t){0}), -ECANCELED);
}

static void g081_unflushed_bytes_are_invisible(void **state)
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

static void g082_flush_of_a_closed_channel_is_nothing(void **state)
{
	rws_channel_close(ch, 0);
	assert_int_equal(rws_flush(ch), 0);
}

static void g083_write_after_close(void **state)
{
	rws_channel_close(ch, 0);
	assert_int_equal(put("x"), -ESHUTDOWN);
	assert_true(rws_is_closed_for_write(ch));
	rws_channel_create(sel, 0, true, &ch);
	rws_channel_close(ch, -EPROTO);
	assert_int_equal(put("x"), -EPROTO);
}

static size_t fill(const struct iovec *iov, int n, char with)
{
	size_t total = 0;

	for (int i = 0; i < n; i++) {
		memset(iov[i].iov_base, with, iov[i].iov_len);
		total += iov[i].iov_len;
	}
	return total;
}

static void g084_write_session_fills_the_channel(void **state)
{
	struct iovec iov[8];
	char buf[CAPACITY];

	put("abc");
	int n = rws_write_request(ch, 1, iov, 8);
	assert_true(n > 1);
	assert_int_equal(fill(iov, n, 'g'), CAPACITY - 3);
	assert_int_equal(rws_written(ch, 30), 0);
	assert_int_equal(rws_available_for_read(ch), 33);
	n = rws_write_request(ch, 1, iov, 8);
	assert_int_equal(fill(iov, n, 'h'), CAPACITY - 33);
	assert_int_equal(rws_written(ch, CAPACITY - 33), 0);
	assert_int_equal(rws_write_request(ch, 1, iov, 8), -EAGAIN);
	assert_int_equal(rws_read_available(ch, buf, sizeof(buf)), CAPACITY);
	assert_memory_equal(buf, "abcg", 4);
	for (unsigned i = 3; i < CAPACITY; i++)
		assert_int_equal(buf[i], i < 33 ? 'g' : 'h');
}

static void g085_written_beyond_the_grant_is_einval(void **state)
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

static void g085_a_write_ends_the_grant(void **state)
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

static void g086_writev_is_one_stream(void **state)
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

static void g090_close_with_a_cause_is_told_once(void **state)
{
	assert_int_equal(rws_channel_close(ch, -EPROTO), 1);
	assert_int_equal(rws_channel_close(ch, -EIO), 0);
	assert_int_equal(rws_channel_close(ch, 0), 0);
	assert_int_equal(rws_closed_cause(ch), -EPROTO);
}

static void g091_small_writes_at_every_offset_keep_their_order(void **state)
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

static void e056_borrowing_does_not_open_the_window_consuming_does(void **state)
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

static void e054_an_attached_channel_holds_at_most_its_capacity(void **state)
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

static void e057_writer_is_told_when_there_is_room_again(void **state)
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
	while (rws_selector_select(sel, &event, 1, RWS_NOW) > 0)
		assert_false(event.bits & RWS_EV_WRITABLE);
	assert_int_equal(end->sent_len, 200);
	assert_int_equal(rws_write_available(out, block, 1), -EAGAIN);
	fake_ack(end, 100);
	assert_int_equal(rws_selector_select(sel, &event, 1, rws_now(sel) + MS), 1);
	assert_true(event.bits & RWS_EV_WRITABLE);
	assert_int_equal(rws_available_for_write(out), 100);
	assert_int_equal(rws_await(s, RWS_EV_TX_ACKED, rws_now(sel) + MS), -ETIMEDOUT);
	fake_ack(end, 100);
	assert_int_equal(rws_await(s, RWS_EV_TX_ACKED, rws_now(sel) + MS), RWS_EV_TX_ACKED);
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
	assert_int_equal(rws_selector_select(sel, &event, 1, rws_now(sel) + MS), 1);
	while (!(event.bits & RWS_EV_WRITABLE))
		assert_int_equal(rws_selector_select(sel, &event, 1, rws_now(sel) + 5 * MS), 1);
	assert_int_equal(end->sent_len, 32);
	assert_int_equal(rws_write_available(out, block, 64), 32);
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
	fake.pool_limit = 4096;
	fake_turn(sel, 2);
	tell_worth(out, end, 2 * MIB);
	assert_int_equal(rws_available_for_write(out), 2 * MIB - 32);
}

static void e_a_full_ring_loses_nothing(void **state)
{
	struct fake_end *ends[20];
	rws_channel_t in, out[20];
	rws_socket_t s;
	char block[100];

	rws_channel_dispose(ch);
	fake_stop(sel);
	sel = fake_start(RWS_INLINE, 1);
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
		CASE(f062_empty_is_eagain_and_then_what_is_there),
		CASE(f063_read_of_nothing_is_not_the_end),
		CASE(f064_closed_and_drained_is_the_end),
		CASE(f065_failed_channel_gives_every_read_the_cause),
		CASE(f066_read_fully_short_at_the_end_keeps_the_bytes),
		CASE(f067_discard),
		CASE(f071_request_and_consumed),
		CASE(f072_await_content_ends_short_and_leaves_the_bytes),
		CASE(f077_views_stay_while_bytes_arrive),
		CASE(f078_totals_are_exact_after_many_wraps),
		CASE(peek_copies_without_consuming),
		CASE(readv_scatters_over_vectors),
		CASE(g059_full_channel_is_eagain_until_one_read),
		CASE(g081_unflushed_bytes_are_invisible),
		CASE(g082_flush_of_a_closed_channel_is_nothing),
		CASE(g083_write_after_close),
		CASE(g084_write_session_fills_the_channel),
		CASE(g085_written_beyond_the_grant_is_einval),
		CASE(g085_a_write_ends_the_grant),
		CASE(grant_survives_the_reader_emptying_the_channel),
		CASE(g086_writev_is_one_stream),
		CASE(g090_close_with_a_cause_is_told_once),
		CASE(g091_small_writes_at_every_offset_keep_their_order),
		CASE(dispose_frees_and_the_handle_is_stale),
		CASE(e056_borrowing_does_not_open_the_window_consuming_does),
		CASE(e054_an_attached_channel_holds_at_most_its_capacity),
		CASE(e057_writer_is_told_when_there_is_room_again),
		CASE(e_no_buffers_is_eagain_and_writable_when_they_are_back),
		CASE(send_buffer_grows_up_to_the_configured_maximum),
		CASE(send_buffer_that_was_set_stays),
		CASE(send_buffers_grow_within_what_all_may_have),
		CASE(send_buffer_shrinks_when_buffers_are_short),
		CASE(e_a_full_ring_loses_nothing),
		CASE(flush_boundary_within_a_buffer_parts_it),
		CASE(flushed_bytes_leave_while_room_behind_them_is_granted),
		CASE(large_writes_go_out_in_messages_below_64_kib),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
