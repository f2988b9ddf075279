/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading, writing and waiting on the channels of a socket, in both placements. */
#include "tests/unit/api/fake.h"

#define CASE(test) BOTH_CASE(test, start, fake_teardown)

static struct fake_end *end;
static rws_socket_t s;
static rws_channel_t in, out;

static int start(void **state)
{
	fake_start(placement_of(state), 1);
	s = fake_connect(sel, &(struct rws_options){.send_buffer = 1000}, &end);
	assert_int_equal(rws_connection(s, &in, &out), 0);
	return 0;
}

static int64_t in_ms(int64_t ms)
{
	return rws_now(sel) + ms * MS;
}

static void assert_sent(const char *text)
{
	fake_turn(sel, 2);
	assert_int_equal(end->sent_len, strlen(text));
	assert_memory_equal(end->sent, text, strlen(text));
}

static void put(rws_channel_t ch, const char *text)
{
	assert_int_equal(rws_write_available(ch, text, strlen(text)), strlen(text));
}

/* ---- E. Backpressure -------------------------------------------------------------------- */

static void b060_segments_of_a_byte_share_a_buffer(void **state)
{
	enum { SOCKETS = 50, BYTES = 500 };
	struct fake_end *ends[SOCKETS];
	rws_channel_t channels[SOCKETS];
	char bytes[BYTES], got[BYTES];
	struct iovec iov[2];

	fake.received_room = 2048;
	for (unsigned i = 0; i < BYTES; i++)
		bytes[i] = (char)(i * 7);
	for (unsigned i = 0; i < SOCKETS; i++) {
		rws_socket_t other = fake_connect(sel, NULL, &ends[i]);
		assert_int_equal(rws_open_read_channel(other, &channels[i]), 0);
		fake_data_in(ends[i], bytes, BYTES - 100, 1);
		fake_turn(sel, 3);
	}
	assert_int_equal(fake.received_out, SOCKETS);
	for (unsigned i = 0; i < SOCKETS; i++) {
		assert_int_equal(rws_request(channels[i], 0, 1, iov, 2), 1);
		fake_data_in(ends[i], bytes + BYTES - 100, 100, 1);
		fake_turn(sel, 3);
		assert_memory_equal(iov[0].iov_base, bytes, BYTES - 100);
		assert_int_equal(ends[i]->recved, 0);
		assert_int_equal(rws_read_available(channels[i], got, BYTES), BYTES);
		assert_memory_equal(got, bytes, BYTES);
		fake_turn(sel, 3);
		assert_int_equal(ends[i]->recved, BYTES);
	}
	assert_int_equal(fake.received_out, 0);
}

/* So the first byte of an idle socket keeps none; what is more than a few bytes does. */
static void b060_small_segments_keep_no_buffer_while_those_are_short(void **state)
{
	enum { SOCKETS = 50, BYTES = 400 };
	struct fake_end *ends[SOCKETS];
	rws_channel_t channels[SOCKETS];
	char bytes[BYTES], got[BYTES];

	fake.short_packets = true;
	fake.received_room = 2048;
	for (unsigned i = 0; i < BYTES; i++)
		bytes[i] = (char)(i * 7);
	for (unsigned i = 0; i < SOCKETS; i++) {
		rws_socket_t other = fake_connect(sel, NULL, &ends[i]);
		assert_int_equal(rws_open_read_channel(other, &channels[i]), 0);
		fake_data_in(ends[i], bytes, 100, 1);
		fake_turn(sel, 3);
	}
	assert_int_equal(fake.received_out, 0);
	assert_int_equal(ends[0]->recved, 0);
	for (unsigned i = 0; i < SOCKETS / 2; i++) {
		assert_int_equal(rws_read_available(channels[i], got, 60), 60);
		fake_turn(sel, 3);
		assert_int_equal(ends[i]->recved, 60);
		fake_data_in(ends[i], bytes + 100, BYTES - 100, 1);
		fake_turn(sel, 3);
		assert_int_equal(fake.received_out, 1);
		assert_int_equal(rws_read_available(channels[i], got + 60, BYTES), BYTES - 60);
		assert_memory_equal(got, bytes, BYTES);
		fake_turn(sel, 3);
		assert_int_equal(ends[i]->recved, BYTES);
		assert_int_equal(fake.received_out, 0);
	}
	/* They go on to another socket as copies; the others go with their sockets. */
	assert_int_equal(rws_copy_to(channels[SOCKETS - 1], out, UINT64_MAX, 0, NULL), 0);
	fake_turn(sel, 3);
	assert_int_equal(end->sent_len, 100);
	assert_memory_equal(end->sent, bytes, 100);
	assert_int_equal(ends[SOCKETS - 1]->recved, 100);
}

static void b060_a_full_buffer_is_not_written_beyond(void **state)
{
	char bytes[40], got[40];

	fake.received_room = 16;
	memset(bytes, 'f', sizeof(bytes));
	fake_data_in(end, bytes, sizeof(bytes), 7);
	fake_turn(sel, 3);
	assert_int_equal(fake.received_out, 3);
	assert_int_equal(rws_read_available(in, got, 40), 40);
	assert_memory_equal(got, bytes, 40);
}

static void b061_a_flood_on_one_socket_starves_no_other(void **state)
{
	struct rws_event events[4];
	struct fake_end *other_end;
	rws_socket_t other = fake_connect(sel, NULL, &other_end);
	unsigned turns = 0;
	int n;

	while (rws_selector_select(sel, events, 4, RWS_NOW) > 0)
		;
	for (unsigned i = 0; i < 1000; i++)
		fake_data(end, "flood", 5);
	fake_data(other_end, "x", 1);
	for (bool told = false; !told; turns++) {
		n = rws_selector_select(sel, events, 4, RWS_NOW);
		for (int i = 0; i < n; i++)
			told |= events[i].handle == other;
		rws_discard(in, 1000);
		assert_true(turns < 8);
	}
}

/* ---- F. Reads --------------------------------------------------------------------------- */

static void b067_discard_adds_up_to_all_there_was(void **state)
{
	uint64_t total = 0;
	ssize_t n;

	fake_data(end, "12345678", 8);
	fake_turn(sel, 2);
	assert_int_equal(rws_discard(in, 4), 4);
	assert_int_equal(rws_discard(in, 8), 4);
	assert_int_equal(rws_discard(in, 8), -EAGAIN);
	for (unsigned i = 0; i < 10; i++)
		fake_data(end, "12345678", 8);
	fake_fin(end);
	fake_turn(sel, 2);
	while ((n = rws_discard(in, SIZE_MAX)) > 0)
		total += (uint64_t)n;
	assert_int_equal(n, 0);
	assert_int_equal(total, 80);
	fake_turn(sel, 2);
	assert_int_equal(end->recved, 88);
}

static void b076_a_wait_that_ends_early_leaves_the_bytes(void **state)
{
	char buf[8];

	fake_data(end, "here", 4);
	assert_int_equal(rws_await_content(in, 10, in_ms(5)), -ETIMEDOUT);
	assert_int_equal(rws_available_for_read(in), 4);
	assert_int_equal(rws_read_available(in, buf, 8), 4);
	assert_memory_equal(buf, "here", 4);
}

/* ---- G. Writes -------------------------------------------------------------------------- */

static void b080_with_auto_flush_each_write_reaches_the_peer(void **state)
{
	struct fake_end *mine;
	rws_socket_t other = fake_connect(sel, NULL, &mine);

	end = mine;
	assert_int_equal(rws_open_write_channel(other, true, &out), 0);
	put(out, "one ");
	assert_sent("one ");
	put(out, "two ");
	assert_sent("one two ");
	assert_int_equal(end->sends, 2);
}

static void b081_nothing_is_sent_before_flush_full_or_close(void **state)
{
	char block[1000];

	put(out, "waits");
	fake_turn(sel, 5);
	assert_int_equal(end->sent_len, 0);
	rws_flush(out);
	assert_sent("waits");
	memset(block, 'f', sizeof(block));
	assert_int_equal(rws_write_available(out, block, 999), 999);
	fake_turn(sel, 5);
	assert_int_equal(end->sent_len, 5);
	assert_int_equal(rws_write_available(out, block, 10), 1);
	fake_turn(sel, 2);
	assert_int_equal(end->sent_len, 1005);
	put(out, "last");
	rws_channel_close(out, 0);
	fake_turn(sel, 3);
	assert_int_equal(end->sent_len, 1009);
	assert_true(end->shut);
}

static rws_channel_t closes;
static int with;

static void close_while_waiting(struct fake *f)
{
	f->now += MS;
	rws_channel_close(closes, with);
}

static void b089_close_wakes_a_writer_with_the_error_and_a_reader_with_the_end(void **state)
{
	rws_channel_t pipe_ch;
	char block[64] = "";

	fake_turn(sel, 2);
	fake.idle = close_while_waiting;
	assert_int_equal(rws_channel_create(sel, 64, true, &pipe_ch), 0);
	assert_int_equal(rws_write_available(pipe_ch, block, 64), 64);
	closes = pipe_ch;
	with = 0;
	assert_int_equal(rws_await_free_space(pipe_ch, 1, in_ms(100)), -ESHUTDOWN);
	assert_int_equal(rws_channel_create(sel, 64, true, &pipe_ch), 0);
	assert_int_equal(rws_write_available(pipe_ch, block, 64), 64);
	closes = pipe_ch;
	with = -EPROTO;
	assert_int_equal(rws_await_free_space(pipe_ch, 1, in_ms(100)), -EPROTO);
	assert_int_equal(rws_channel_create(sel, 64, true, &pipe_ch), 0);
	closes = pipe_ch;
	with = 0;
	assert_int_equal(rws_await_content(pipe_ch, 1, in_ms(100)), 0);
	closes = in;
	with = -EPROTO;
	assert_int_equal(rws_await_content(in, 1, in_ms(100)), -EPROTO);
	fake.idle = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(b060_segments_of_a_byte_share_a_buffer),
		CASE(b060_small_segments_keep_no_buffer_while_those_are_short),
		CASE(b060_a_full_buffer_is_not_written_beyond),
		CASE(b061_a_flood_on_one_socket_starves_no_other),
		CASE(b067_discard_adds_up_to_all_there_was),
		CASE(b076_a_wait_that_ends_early_leaves_the_bytes),
		CASE(b080_with_auto_flush_each_write_reaches_the_peer),
		CASE(b081_nothing_is_sent_before_flush_full_or_close),
		CASE(b089_close_wakes_a_writer_with_the_error_and_a_reader_with_the_end),
	};

	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
