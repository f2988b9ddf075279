/* SPDX-License-Identifier: BSD-3-Clause */
/* Half close, FIN, RST and unread data over the wire, contract section 3 D. */
#include "api/runtime.h"
#include "driver/pktbuf.h"
#include "tests/unit/api/pair.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

/* ---- Half close ------------------------------------------------------------------------- */

static void b039_a_reply_is_read_after_the_half_close(void **state)
{
	struct pair *t = *state;

	pair_open(t);
	pair_write(t->out, "Hello\n");
	assert_int_equal(rws_channel_close(t->out, 0), 1);
	pair_read_text(t, t->p_in, "Hello\n");
	pair_read_end(t, t->p_in);
	pair_run(t, SECOND);
	pair_write(t->p_out, "reply");
	pair_read_text(t, t->in, "reply");
	assert_false(rws_is_closed(t->s) || rws_is_closed(t->p));
}

/* Writes n bytes, half closes, and reads them all back at once with it. */
static void echo(struct pair *t, const uint8_t *bytes, uint8_t *back, size_t n)
{
	size_t written = 0, read = 0;

	for (;;) {
		if (written < n) {
			ssize_t w = rws_write_available(t->out, bytes + written, n - written);
			assert_true(w > 0 || w == -EAGAIN);
			written += w > 0 ? (size_t)w : 0;
		} else {
			rws_channel_close(t->out, 0);
		}
		ssize_t r = rws_read_available(t->in, back + read, n + 1 - read);
		if (r == 0)
			break;
		assert_true(r > 0 || r == -EAGAIN);
		if (r > 0)
			read += (size_t)r;
		else
			pair_run(t, MS);
	}
	assert_int_equal(read, n);
}

static void echo_of(struct pair *t, size_t n)
{
	uint8_t *bytes = pair_pattern(n), *back = malloc(n + 1);
	rws_channel_t ch;

	assert_non_null(back);
	pair_connect(t);
	pair_open_s(t);
	assert_int_equal(rws_channel_create(t->rig->sel[END_P], 64 * KIB, false, &ch), 0);
	assert_int_equal(rws_attach_for_reading(t->p, ch, NULL), 0);
	assert_int_equal(rws_attach_for_writing(t->p, ch, NULL), 0);
	echo(t, bytes, back, n);
	assert_memory_equal(back, bytes, n);
	rws_channel_dispose(ch);
	free(bytes);
	free(back);
}

static void b040_an_echo_of_any_size_is_equal(void **state)
{
	static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 40960, 41280, 8 * MIB};
	struct pair *t = *state;

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		echo_of(t, sizes[i]);
	assert_int_equal(t->resets[END_S] + t->resets[END_P], 0);
}

static void b041_a_slow_reader_gets_all_and_then_the_end_for_ever(void **state)
{
	enum { SIZE = 100000, PIECE = 1000 };
	struct pair *t = *state;
	uint8_t *bytes = pair_pattern(SIZE);

	pair_open(t);
	assert_int_equal(rws_write_available(t->p_out, bytes, SIZE), SIZE);
	assert_int_equal(rws_channel_close(t->p_out, 0), 1);
	for (size_t at = 0; at < SIZE; at += PIECE) {
		pair_read(t, t->in, bytes + at, PIECE);
		pair_run(t, 10 * MS);
	}
	for (unsigned i = 0; i < 3; i++)
		pair_read_end(t, t->in);
	assert_int_equal(rws_total_bytes_read(t->in), SIZE);
	free(bytes);
}

static void b042_writing_goes_on_after_the_peers_fin(void **state)
{
	enum { SIZE = 1000000 };
	struct pair *t = *state;
	uint8_t *bytes = pair_pattern(SIZE);

	pair_open(t);
	assert_int_equal(rws_channel_close(t->p_out, 0), 1);
	pair_read_end(t, t->in);
	assert_int_equal(rws_write_available(t->out, bytes, SIZE), SIZE);
	assert_int_equal(rws_flush(t->out), 0);
	pair_read(t, t->p_in, bytes, SIZE);
	free(bytes);
}

/* ---- Unread bytes ----------------------------------------------------------------------- */

static void reset_with_unread_bytes(struct pair *t)
{
	pair_open(t);
	pair_write(t->p_out, "last");
	pair_run(t, 10 * MS);
	assert_int_equal(rws_closed_cause(t->in), 0);
	assert_int_equal(rws_abort(t->p, 0), 0);
	pair_run(t, 10 * MS);
	assert_int_equal(rws_closed_cause(t->in), -ECONNRESET);
}

static void b043_a_reset_comes_behind_unread_bytes(void **state)
{
	struct pair *t = *state;

	reset_with_unread_bytes(t);
	pair_read_text(t, t->in, "last");
	pair_read_error(t, t->in, -ECONNRESET);
}

static void b043_a_reset_drops_unread_bytes_with_the_option(void **state)
{
	struct pair *t = *state;

	t->options.rst_drop = true;
	pair_connect(t);
	reset_with_unread_bytes(t);
	pair_read_error(t, t->in, -ECONNRESET);
	assert_int_equal(rws_total_bytes_read(t->in), 0);
}

static void b043_a_reset_before_open_comes_behind_what_was_received(void **state)
{
	struct pair *t = *state;

	pair_open_p(t);
	pair_write(t->p_out, "last");
	pair_run(t, 10 * MS);
	assert_int_equal(rws_abort(t->p, 0), 0);
	pair_run(t, 10 * MS);
	pair_open_s(t);
	pair_read_text(t, t->in, "last");
	pair_read_error(t, t->in, -ECONNRESET);
	assert_int_equal(rws_write_available(t->out, "x", 1), -ECONNRESET);
}

/* More than the peer takes at once, so that most of it is sent after the close. */
static void b044_unread_bytes_do_not_keep_a_close_from_sending(void **state)
{
	struct pair *t = *state;
	uint8_t *bytes = pair_pattern(MIB);

	t->server_options.receive_buffer = 64 << 10;
	pair_listen(t);
	pair_connect(t);
	pair_open(t);
	pair_write(t->p_out, "unread");
	pair_run(t, MS);
	assert_int_equal(rws_available_for_read(t->in), 6);
	assert_int_equal(rws_write_available(t->out, bytes, MIB), MIB);
	assert_int_equal(rws_close(t->s), 0);
	pair_write(t->p_out, "still coming");
	pair_read(t, t->p_in, bytes, MIB);
	pair_read_end(t, t->p_in);
	assert_int_equal(rws_await_closed(t->s, pair_after(t, SECOND)), 0);
	assert_int_equal(t->resets[END_S], 0);
	free(bytes);
}

/* The peer writes all of its own before it reads. */
static void b044_a_closing_socket_takes_what_still_comes(void **state)
{
	enum { BLOCKS = 256 };
	struct pair *t = *state;
	uint8_t *bytes = pair_pattern(MIB);

	t->server_options.receive_buffer = 64 << 10;
	pair_listen(t);
	pair_connect(t);
	pair_open(t);
	assert_int_equal(rws_write_available(t->out, bytes, MIB), MIB);
	assert_int_equal(rws_close(t->s), 0);
	for (unsigned i = 0; i < BLOCKS; i++) {
		assert_int_equal(rws_write_available(t->p_out, bytes, 64 * KIB), 64 * KIB);
		assert_int_equal(rws_flush(t->p_out), 0);
		assert_int_equal(
			rws_await(t->p, RWS_EV_TX_ACKED, pair_after(t, SECOND)), RWS_EV_TX_ACKED);
	}
	pair_read(t, t->p_in, bytes, MIB);
	pair_read_end(t, t->p_in);
	assert_int_equal(t->resets[END_S], 0);
	free(bytes);
}

static void b045_unflushed_bytes_are_delivered_by_a_close(void **state)
{
	struct pair *t = *state;

	pair_open(t);
	assert_int_equal(rws_write_available(t->out, "tail", 4), 4);
	pair_run(t, 10 * MS);
	assert_int_equal(rws_available_for_read(t->p_in), 0);
	assert_int_equal(rws_close(t->s), 0);
	pair_read_text(t, t->p_in, "tail");
	pair_read_end(t, t->p_in);
}

static void b046_unflushed_bytes_are_dropped_by_a_close_with_a_cause(void **state)
{
	struct pair *t = *state;

	pair_open(t);
	assert_int_equal(rws_write_available(t->out, "tail", 4), 4);
	assert_int_equal(rws_channel_close(t->out, -EPROTO), 1);
	pair_read_error(t, t->p_in, -ECONNRESET);
	assert_int_equal(rws_total_bytes_read(t->p_in), 0);
	assert_int_equal(t->resets[END_S], 1);
	assert_int_equal(t->fins[END_S], 0);
	assert_int_equal(rws_await_closed(t->s, RWS_NOW), -EPROTO);
}

/* ---- Closes that do not go well --------------------------------------------------------- */

/* Bytes for a peer that does not read are left over when its window is full. */
static void stuck(struct pair *t)
{
	uint8_t *bytes = pair_pattern(MIB);

	t->server_options.receive_buffer = 64 << 10;
	pair_listen(t);
	pair_connect(t);
	pair_open(t);
	assert_int_equal(rws_write_available(t->out, bytes, MIB), MIB);
	assert_int_equal(rws_flush(t->out), 0);
	pair_run(t, SECOND);
	free(bytes);
}

static void closes_in_vain(struct pair *t, int64_t linger)
{
	int64_t before = t->rig->now;

	assert_int_equal(rws_await_closed(t->s, pair_after(t, 100 * SECOND)), -ETIMEDOUT);
	assert_in_range(t->rig->now - before, linger - 10 * MS, linger + 10 * MS);
	pair_run(t, 10 * MS);
	assert_int_equal(t->resets[END_S], 1);
	assert_int_equal(t->fins[END_S], 0);
	assert_int_equal(rws_await_closed(t->p, pair_after(t, SECOND)), -ECONNRESET);
	assert_int_equal(pair_connections(t, END_S), 0);
}

static void b047_a_close_at_a_zero_window_is_a_reset_after_30_s(void **state)
{
	struct pair *t = *state;

	stuck(t);
	assert_int_equal(rws_close(t->s), 0);
	closes_in_vain(t, 30 * SECOND);
}

static void b047_the_bound_is_an_option(void **state)
{
	struct pair *t = *state;

	t->options.linger_ns = 2 * SECOND;
	stuck(t);
	assert_int_equal(rws_close(t->s), 0);
	closes_in_vain(t, 2 * SECOND);
}

static void b047_close_linger_has_its_own_bound(void **state)
{
	struct pair *t = *state;

	stuck(t);
	assert_int_equal(rws_close_linger(t->s, 50 * MS), 0);
	closes_in_vain(t, 50 * MS);
}

/* The ACK of the FIN is 100 ms away. */
static void close_far_away(struct pair *t)
{
	struct wire_impairment far = {.delay_ns = 50 * MS};

	wire_impair(t->rig->wire, END_S, &far);
	wire_impair(t->rig->wire, END_P, &far);
	pair_open(t);
	assert_int_equal(rws_close_linger(t->s, SECOND), 0);
}

static void b047_close_linger_waits_for_the_ack_of_the_fin(void **state)
{
	struct pair *t = *state;

	close_far_away(t);
	assert_int_equal(rws_await_closed(t->s, pair_after(t, 90 * MS)), -ETIMEDOUT);
	assert_int_equal(t->fins[END_S], 1);
	assert_int_equal(rws_await_closed(t->s, pair_after(t, 50 * MS)), 0);
}

/* A close that is said twice is one: the second one takes nothing back. */
static void b047_close_linger_twice_still_waits_for_the_ack(void **state)
{
	struct pair *t = *state;

	close_far_away(t);
	assert_int_equal(rws_close_linger(t->s, SECOND), 0);
	assert_int_equal(rws_await_closed(t->s, pair_after(t, 90 * MS)), -ETIMEDOUT);
	assert_int_equal(rws_await_closed(t->s, pair_after(t, 50 * MS)), 0);
}

static void b048_linger_zero_resets_and_leaves_no_time_wait(void **state)
{
	struct pair *t = *state;

	t->options.linger_zero = true;
	pair_connect(t);
	pair_open(t);
	pair_write(t->out, "x");
	assert_int_equal(rws_close(t->s), 0);
	assert_int_equal(rws_await_closed(t->s, RWS_NOW), 0);
	assert_int_equal(rws_await_closed(t->p, pair_after(t, SECOND)), -ECONNRESET);
	assert_int_equal(t->resets[END_S], 1);
	assert_int_equal(t->fins[END_S], 0);
	assert_int_equal(pair_connections(t, END_S), 0);
}

/* 16 MiB, many times what the windows and buffers hold. */
static void b049_a_cancelled_read_channel_takes_what_comes_in_bounded_memory(void **state)
{
	enum { BLOCK = 64 << 10, BLOCKS = 256, HELD = 64 };
	struct pair *t = *state;
	uint8_t *block = pair_pattern(BLOCK);
	const struct pktpool *pool = t->rig->rws[END_S]->pools[0];

	pair_open(t);
	assert_int_equal(rws_channel_cancel(t->in, 0), 1);
	for (unsigned i = 0; i < BLOCKS; i++) {
		assert_int_equal(rws_write_available(t->p_out, block, BLOCK), BLOCK);
		assert_int_equal(rws_flush(t->p_out), 0);
		assert_int_equal(
			rws_await(t->p, RWS_EV_TX_ACKED, pair_after(t, SECOND)), RWS_EV_TX_ACKED);
		assert_true(pktpool_in_use(pool) < HELD);
	}
	pair_write(t->out, "alive");
	pair_read_text(t, t->p_in, "alive");
	assert_int_equal(t->fins[END_S] + t->resets[END_S], 0);
	free(block);
}

static void b050_an_abort_resets_with_its_cause(void **state)
{
	struct pair *t = *state;
	rws_job_t writer = pair_attach_reading(t), reader = pair_attach_writing(t);

	pair_open_p(t);
	assert_int_equal(rws_abort(t->s, -EPROTO), 0);
	assert_int_equal(rws_await_closed(t->s, pair_after(t, SECOND)), -EPROTO);
	assert_int_equal(rws_job_result(writer), -ECANCELED);
	assert_int_equal(rws_job_result(reader), -ECANCELED);
	pair_read_error(t, t->p_in, -ECONNRESET);
	assert_int_equal(t->resets[END_S], 1);
	assert_int_equal(t->fins[END_S], 0);
}

/* All bits that s was told of. */
static uint32_t told(struct pair *t, int *error)
{
	struct rws_event event;
	uint32_t bits = 0;

	while (rws_selector_select(t->rig->sel[END_S], &event, 1, pair_after(t, 100 * MS)) > 0) {
		bits |= event.bits;
		if (event.bits & RWS_EV_ERROR)
			*error = event.result;
	}
	return bits;
}

static void b051_a_write_after_a_reset_is_the_cause_and_no_event_is_lost(void **state)
{
	struct pair *t = *state;
	int error = 0;

	pair_open(t);
	told(t, &error);
	assert_int_equal(error, 0);
	rws_abort(t->p, 0);
	pair_run(t, 10 * MS);
	assert_int_equal(rws_write_available(t->out, "x", 1), -ECONNRESET);
	assert_int_equal(rws_flush(t->out), 0);
	uint32_t bits = told(t, &error);
	assert_true((bits & RWS_EV_ERROR) && (bits & RWS_EV_CONTEXT_DONE));
	assert_int_equal(error, -ECONNRESET);
}

static void b052_both_may_close_at_the_same_time(void **state)
{
	struct pair *t = *state;

	pair_open(t);
	assert_int_equal(rws_close(t->s), 0);
	assert_int_equal(rws_close(t->p), 0);
	assert_int_equal(rws_await_closed(t->s, pair_after(t, SECOND)), 0);
	assert_int_equal(rws_await_closed(t->p, pair_after(t, SECOND)), 0);
	pair_run(t, SECOND);
	assert_int_equal(t->fins[END_S], 1);
	assert_int_equal(t->fins[END_P], 1);
	assert_int_equal(t->resets[END_S] + t->resets[END_P], 0);
}

static void b053_two_fins_do_not_close_a_socket(void **state)
{
	struct pair *t = *state;

	pair_open(t);
	assert_int_equal(rws_channel_close(t->out, 0), 1);
	assert_int_equal(rws_channel_close(t->p_out, 0), 1);
	pair_read_end(t, t->in);
	pair_read_end(t, t->p_in);
	pair_run(t, 150 * SECOND); /* TIME-WAIT */
	assert_false(rws_is_closed(t->s) || rws_is_closed(t->p));
	rws_dispose(t->s);
	rws_dispose(t->p);
	pair_run(t, 10 * MS);
	assert_int_equal(rws_close(t->s), -EBADF);
	assert_int_equal(pair_connections(t, END_S), 0);
	assert_int_equal(t->resets[END_S] + t->resets[END_P], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR_CASE(b039_a_reply_is_read_after_the_half_close),
		PAIR_CASE(b040_an_echo_of_any_size_is_equal),
		PAIR_CASE(b041_a_slow_reader_gets_all_and_then_the_end_for_ever),
		PAIR_CASE(b042_writing_goes_on_after_the_peers_fin),
		PAIR_CASE(b043_a_reset_comes_behind_unread_bytes),
		PAIR_CASE(b043_a_reset_drops_unread_bytes_with_the_option),
		PAIR_CASE(b043_a_reset_before_open_comes_behind_what_was_received),
		PAIR_CASE(b044_unread_bytes_do_not_keep_a_close_from_sending),
		PAIR_CASE(b044_a_closing_socket_takes_what_still_comes),
		PAIR_CASE(b045_unflushed_bytes_are_delivered_by_a_close),
		PAIR_CASE(b046_unflushed_bytes_are_dropped_by_a_close_with_a_cause),
		PAIR_CASE(b047_a_close_at_a_zero_window_is_a_reset_after_30_s),
		PAIR_CASE(b047_the_bound_is_an_option),
		PAIR_CASE(b047_close_linger_has_its_own_bound),
		PAIR_CASE(b047_close_linger_waits_for_the_ack_of_the_fin),
		PAIR_CASE(b047_close_linger_twice_still_waits_for_the_ack),
		PAIR_CASE(b048_linger_zero_resets_and_leaves_no_time_wait),
		PAIR_CASE(b049_a_cancelled_read_channel_takes_what_comes_in_bounded_memory),
		PAIR_CASE(b050_an_abort_resets_with_its_cause),
		PAIR_CASE(b051_a_write_after_a_reset_is_the_cause_and_no_event_is_lost),
		PAIR_CASE(b052_both_may_close_at_the_same_time),
		PAIR_CASE(b053_two_fins_do_not_close_a_socket),
	};

	return cmocka_run_group_tests_name(
		"half close", tests, rig_group_setup, rig_group_teardown);
}
