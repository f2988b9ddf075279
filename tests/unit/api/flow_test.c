/* SPDX-License-Identifier: BSD-3-Clause */
/* The receive window over the wire, contract section 3 E: s reads slowly, p writes what it can. */
#include "tests/unit/api/pair.h"

#define RECEIVE_BUFFER 40000u
#define SEND_BUFFER    50000u
#define SEGMENT        1448u /* with timestamps (RFC 7323) */

/* ---- What s advertises ------------------------------------------------------------------ */

static struct {
	unsigned shift; /* RFC 7323 2.2 */
	uint32_t size;  /* in the last segment */
	uint32_t edge;  /* its right one, and */
	bool has_edge;
	uint32_t least_step; /* by which it moved at least */
} w;

static uint32_t word(const uint8_t *at, unsigned bytes)
{
	uint32_t value = 0;

	while (bytes-- > 0)
		value = value << 8 | *at++;
	return value;
}

/* The window scale option of a SYN. */
static unsigned shift_of(const uint8_t *tcp)
{
	const uint8_t *at = tcp + 20, *end = tcp + (tcp[12] >> 4) * 4;

	while (at < end && *at != 0) {
		if (*at == 3)
			return at[2];
		at += *at == 1 ? 1 : at[1];
	}
	return 0;
}

static void watch(void *user, unsigned from, uint64_t now_ns, const uint8_t *frame, unsigned length)
{
	const uint8_t *ip = frame + 14, *tcp = ip + 20;

	if (from != END_S || length < 14 + 20 + 20 || frame[12] != 8 || frame[13] != 0 ||
		ip[9] != 6)
		return;
	if (tcp[13] & 2) {
		w.shift = shift_of(tcp);
		w.has_edge = false;
		return;
	}
	w.size = word(tcp + 14, 2) << w.shift;
	uint32_t edge = word(tcp + 8, 4) + w.size;
	if (w.has_edge && edge != w.edge && edge - w.edge < w.least_step)
		w.least_step = edge - w.edge;
	w.edge = edge;
	w.has_edge = true;
}

/* p has written what there was room for, and nothing moves any more; how much that was. */
static size_t fill(struct pair *t)
{
	static const uint8_t block[10000];
	size_t written = 0;
	ssize_t n;

	wire_tap(t->rig->wire, watch, NULL);
	t->options.receive_buffer = RECEIVE_BUFFER;
	t->server_options.send_buffer = SEND_BUFFER;
	pair_listen(t);
	pair_connect(t);
	pair_open(t);
	for (unsigned i = 0; i < 100; i++) {
		while ((n = rws_write_available(t->p_out, block, sizeof(block))) > 0)
			written += (size_t)n;
		assert_int_equal(n, -EAGAIN);
		pair_run(t, 10 * MS);
	}
	return written;
}

/* ---- E. Backpressure -------------------------------------------------------------------- */

static void b054_a_reader_that_stops_closes_the_window(void **state)
{
	struct pair *t = *state;
	size_t written = fill(t), held = rws_available_for_read(t->in);

	assert_int_equal(w.size, 0);
	assert_in_range(held, RECEIVE_BUFFER / 2, RECEIVE_BUFFER);
	assert_int_equal(written, held + SEND_BUFFER);
	assert_int_equal(rws_available_for_write(t->p_out), 0);
	pair_run(t, 20 * SECOND); /* probes of the window carry a byte each */
	assert_in_range(rws_available_for_write(t->p_out), 0, SEGMENT - 1);
	assert_in_range(rws_available_for_read(t->in), held, RECEIVE_BUFFER);
	assert_int_equal(w.size, 0);
}

static void read_slowly(struct pair *t, size_t total)
{
	size_t got = 0;

	while (got < total) {
		ssize_t n = rws_discard(t->in, 100);
		if (n > 0)
			got += (size_t)n;
		pair_run(t, MS);
	}
}

static void b055_a_segment_read_opens_the_window_and_no_less_does(void **state)
{
	struct pair *t = *state;
	size_t written = fill(t);

	assert_int_equal(rws_discard(t->in, SEGMENT - 1), SEGMENT - 1);
	pair_run(t, 100 * MS);
	assert_int_equal(w.size, 0);
	w.least_step = UINT32_MAX;
	uint32_t edge = w.edge;
	assert_int_equal(rws_discard(t->in, 13), 13); /* of 1,460, at the latest */
	pair_run(t, MS);
	assert_true(w.edge - edge >= SEGMENT);
	read_slowly(t, written - 1460);
	/* Both ends of a step are rounded to what the scale can say. */
	assert_true(w.least_step + (2u << w.shift) >= SEGMENT);
	assert_int_equal(rws_total_bytes_read(t->in), written);
}

static void connect_with(struct pair *t, uint32_t size)
{
	struct rws_options options;

	t->options = t->server_options =
		(struct rws_options){.receive_buffer = size, .send_buffer = 2 * size};
	pair_listen(t);
	pair_connect(t);
	pair_open(t);
	assert_int_equal(rws_get_options(t->s, &options), 0);
	assert_int_equal(options.receive_buffer, size);
}

/* To the last byte, and without a probe of the window: those take 200 ms. */
static void await_all(struct pair *t, uint32_t size)
{
	uint8_t *bytes = pair_pattern(size), *got = malloc(size);

	connect_with(t, size);
	rig_write_all(t->rig, t->p_out, bytes, size);
	assert_int_equal(rws_await_content(t->in, size, pair_after(t, 100 * MS)), 1);
	rig_write_all(t->rig, t->out, bytes, size);
	assert_int_equal(rws_await_content(t->p_in, size, pair_after(t, 100 * MS)), 1);
	rig_read_all(t->rig, t->in, got, size);
	assert_memory_equal(got, bytes, size);
	free(got);
	free(bytes);
}

static const uint32_t sizes[] = {11680, 12345, 40000, 65535, 65536, 65537, 100000, 131072, 131073,
	1000001, 1 << 20, 3000000, 4 << 20};

#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static void all_that_a_receive_buffer_holds_can_be_awaited(void **state)
{
	for (size_t i = 0; i < SIZES; i++)
		await_all(*state, sizes[i]);
}

/*
 * The peer has more, and keeps back what is less than a segment until it probes (RFC 9293
 * 3.8.6.2.1); and a reader that took a few bytes makes room for no more than those.
 */
static void a_receive_buffer_can_be_full_again(void **state)
{
	struct pair *t = *state;
	struct iovec iov[1];

	for (size_t i = 0; i < SIZES; i++) {
		uint32_t size = sizes[i];
		uint8_t *bytes = pair_pattern(2 * (size_t)size);
		connect_with(t, size);
		rig_write_all(t->rig, t->p_out, bytes, 2 * (size_t)size);
		assert_int_equal(rws_await_content(t->in, size, pair_after(t, SECOND)), 1);
		assert_int_equal(rws_discard(t->in, 13), 13);
		assert_int_equal(rws_await_content(t->in, size, pair_after(t, SECOND)), 1);
		assert_int_equal(rws_discard(t->in, 1000), 1000);
		pair_run(t, SECOND / 10);
		if (rws_available_for_read(t->in) < size)
			assert_int_equal(rws_request(t->in, 0, size, iov, 1), -EAGAIN);
		pair_run(t, SECOND);
		assert_int_equal(rws_request(t->in, 0, size, iov, 1), 1);
		assert_in_range(rws_available_for_read(t->in), size, size + 255);
		free(bytes);
	}
}

/* What goes on into a channel of the application's counts against the window until it is read. */
static void an_attached_channel_waits_for_no_more_than_the_buffer(void **state)
{
	struct pair *t = *state;
	size_t size = RECEIVE_BUFFER, length;
	uint8_t *bytes = pair_pattern(2 * size);
	struct rws_buf *buf = NULL;

	t->options.receive_buffer = RECEIVE_BUFFER;
	pair_listen(t);
	pair_connect(t);
	pair_open_p(t);
	pair_attach_reading(t);
	memset(bytes, 'x', 2 * size);
	assert_int_equal(rws_await_content(t->in, size + 1, pair_after(t, SECOND)), -EINVAL);
	rig_write_all(t->rig, t->p_out, bytes, 2 * size);
	assert_int_equal(rws_await_content(t->in, size, pair_after(t, SECOND)), 1);
	assert_int_equal(rws_read_packet(t->in, size + 1, &buf), -EINVAL);
	assert_int_equal(rws_read_utf8_line(t->in, (char *)bytes, 2 * size, SIZE_MAX, 0, &length),
		-EMSGSIZE);
	rws_channel_dispose(t->in);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR_CASE(b054_a_reader_that_stops_closes_the_window),
		PAIR_CASE(b055_a_segment_read_opens_the_window_and_no_less_does),
		PAIR_CASE(all_that_a_receive_buffer_holds_can_be_awaited),
		PAIR_CASE(a_receive_buffer_can_be_full_again),
		PAIR_CASE(an_attached_channel_waits_for_no_more_than_the_buffer),
	};

	return cmocka_run_group_tests_name("flow", tests, rig_group_setup, rig_group_teardown);
}
