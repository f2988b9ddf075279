/* SPDX-License-Identifier: BSD-3-Clause */
/* The whole house over a wire in virtual time: our stack at both ends, through the public API. */
#include "api/selector.h"
#include "api/socket.h"
#include "driver/pktbuf.h"
#include "tests/unit/api/pair.h"

#define PORT 7000

/* ---- TCP -------------------------------------------------------------------------------- */

static void greet(struct pair *t)
{
	pair_write(t->out, "hello");
	pair_read_text(t, t->p_in, "hello");
	pair_write(t->p_out, "world");
	pair_read_text(t, t->in, "world");
}

static void connection_over_ipv4_carries_bytes_both_ways(void **state)
{
	greet(*state);
}

static void connection_over_ipv6_carries_bytes_both_ways(void **state)
{
	struct pair *t = *state;

	t->ipv6 = true;
	pair_listen(t);
	pair_connect(t);
	pair_open(t);
	greet(t);
}

/* What one end writes while the other reads slowly: more than all windows and buffers hold. */
static void transfer(struct pair *t, size_t n)
{
	uint8_t *sent = pair_pattern(n), *got = malloc(n);
	size_t written = 0, read = 0;

	assert_non_null(got);
	while (read < n) {
		ssize_t w = rws_write_available(t->out, sent + written, n - written);
		if (w > 0) {
			written += (size_t)w;
			rws_flush(t->out);
		}
		ssize_t r =
			rws_read_available(t->p_in, got + read, n - read < 4000 ? n - read : 4000);
		if (r > 0)
			read += (size_t)r;
		else
			pair_run(t, MS);
	}
	assert_memory_equal(sent, got, n);
	assert_int_equal(rws_total_bytes_read(t->p_in), n);
	free(sent);
	free(got);
}

static void transfer_of_8_mib_is_byte_equal(void **state)
{
	struct pair *t = *state;

	transfer(t, 8 << 20);
	assert_int_equal(rig_counter(t->rig, 0, "tcp.retransmits"), 0);
	assert_int_equal(rig_counter(t->rig, 0, "tx.copied_bytes"), 0);
}

/* Those of both ends: with 1 MiB in either no more than that would arrive in a round trip. */
static void buffers_grow_with_the_path(void **state)
{
	struct pair *t = *state;
	struct rig *rig = t->rig;
	struct wire_impairment far = {.delay_ns = 50000000};
	struct rws_options options;
	uint8_t block[64 << 10] = {0};
	const unsigned round_trips = 30;

	wire_impair(rig->wire, 0, &far);
	wire_impair(rig->wire, 1, &far);
	pair_connect(t);
	pair_open(t);
	int64_t end = rig_after(rig, round_trips * 2 * far.delay_ns);
	while (rig->now < end) {
		while (rws_write_available(t->out, block, sizeof(block)) > 0)
			rws_flush(t->out);
		while (rws_read_available(t->p_in, block, sizeof(block)) > 0)
			;
		rig_run(rig, 1000000);
	}
	assert_int_equal(rws_get_options(t->s, &options), 0);
	assert_in_range(options.send_buffer, 2 << 20, 4 << 20);
	assert_true(rws_total_bytes_read(t->p_in) > round_trips * (2 << 20));
}

/* First smaller windows, then no new connections, and nobody stalls (stack/memory.c). */
static void short_packet_buffers_stall_nobody(void **state)
{
	struct pair *t = *state;
	struct rig *rig = t->rig;
	struct rws_address address = rig_address(END_P, false, t->port);
	uint8_t block[32 << 10] = {0};
	rws_socket_t late;

	rig_use_packets(rig, 1, 98);
	rig_run(rig, 10000000);
	rig_write_all(rig, t->out, block, sizeof(block));
	rig_read_all(rig, t->p_in, block, sizeof(block)); /* what was offered before is behind it */
	assert_int_equal(rws_tcp_connect(rig->sel[0], &address, NULL, &late), 0);
	assert_int_equal(rws_await(late, RWS_EV_CONNECTED, rig_after(rig, SECOND / 2)), -ETIMEDOUT);
	assert_int_equal(rig_counter(rig, 1, "drop.syn_no_memory"), 1);
	for (unsigned i = 0; i < 64; i++) {
		rig_write_all(rig, t->out, block, sizeof(block));
		rig_read_all(rig, t->p_in, block, sizeof(block));
	}
	rig_use_packets(rig, 1, 0);
	assert_int_equal(
		rws_await(late, RWS_EV_CONNECTED, rig_after(rig, SECOND)), RWS_EV_CONNECTED);
	assert_int_equal(rig_counter(rig, 0, "tcp.timeouts"), 0);
	rws_dispose(late);
}

static void transfer_over_a_lossy_wire_is_byte_equal(void **state)
{
	struct pair *t = *state;
	struct rig *rig = t->rig;
	struct wire_impairment bad = {.delay_ns = 50000,
		.loss_ppm = 10000,
		.reorder_ppm = 10000,
		.reorder_ns = 200000,
		.duplicate_ppm = 10000};

	wire_impair(rig->wire, 0, &bad);
	wire_impair(rig->wire, 1, &bad);
	transfer(t, 1 << 20);
	assert_true(wire_counters(rig->wire, 0)->lost > 0);
}

static void connect_to_a_closed_port_is_refused(void **state)
{
	struct rig *rig = *state;
	struct rws_address address = rig_address(1, false, PORT);
	rws_socket_t s;

	assert_int_equal(rws_tcp_connect(rig->sel[0], &address, NULL, &s), 0);
	assert_int_equal(rws_await(s, RWS_EV_CONNECTED, rig_after(rig, SECOND)), -ECONNREFUSED);
	rws_dispose(s);
}

static void cable_out_does_not_lose_a_connection(void **state)
{
	struct pair *t = *state;
	struct rig *rig = t->rig;
	char bytes[8];

	wire_set_link(rig->wire, false);
	rig_write_all(rig, t->out, "later", 6);
	rig_run(rig, 2 * SECOND);
	assert_int_equal(rws_available_for_read(t->p_in), 0);
	wire_set_link(rig->wire, true);
	rig_read_all(rig, t->p_in, bytes, 6);
	assert_string_equal(bytes, "later");
}

/* ---- Through end 1 and back -------------------------------------------------------------- */

#define MIB ((size_t)1 << 20)

/* Two connections from end 0, joined at end 1: what goes into the one comes out of the other. */
struct relay {
	struct rig *rig;
	rws_channel_t out, in; /* of end 0 */
	struct pair beside;
	rws_job_t job;
};

/* The stack core of a socket. */
static unsigned core_of(rws_socket_t handle)
{
	struct sock *s;

	assert_int_equal(sock_of(handle, &s), 0);
	return sock_lane(s)->id;
}

/* End 1 has a socket on each side; with two stack cores to choose from they are on different ones. */
static struct relay copied(struct pair *t)
{
	struct rig *rig = t->rig;
	struct relay r = {.rig = rig, .out = t->out};
	bool across = rig->placement == RWS_CHANNEL && rws_core_count(rig->rws[END_P]) > 1;

	for (;;) {
		r.beside = pair_beside(t);
		if ((core_of(r.beside.p) != core_of(t->p)) == across)
			break;
		pair_dispose(&r.beside);
	}
	r.in = r.beside.in;
	assert_int_equal(
		rws_copy_to(t->p_in, r.beside.p_out, UINT64_MAX, RWS_COPY_CLOSE, &r.job), 0);
	return r;
}

/* Its bytes are read only while nothing can be written, as fast as that or by a little at a time. */
static void through(struct relay *r, size_t n, size_t most)
{
	uint8_t *sent = pair_pattern(n), *got = malloc(n);
	size_t written = 0, read = 0;

	assert_non_null(got);
	while (read < n) {
		ssize_t w = rws_write_available(r->out, sent + written, n - written);
		if (w > 0) {
			written += (size_t)w;
			rws_flush(r->out);
			rig_run(r->rig, MS);
			continue;
		}
		ssize_t got_now =
			rws_read_available(r->in, got + read, n - read < most ? n - read : most);
		if (got_now > 0)
			read += (size_t)got_now;
		else
			rig_run(r->rig, MS);
	}
	assert_memory_equal(sent, got, n);
	free(sent);
	free(got);
}

static void end_of_relay(struct relay *r)
{
	assert_int_equal(rws_channel_close(r->out, 0), 1);
	assert_int_equal(rws_await_content(r->in, 1, rig_after(r->rig, SECOND)), 0);
	assert_int_equal(rws_job_result(r->job), 0);
	pair_dispose(&r->beside);
}

static void b027_a_copy_carries_megabytes_in_their_buffers(void **state)
{
	struct pair *t = *state;
	struct rig *rig = t->rig;
	struct relay r = copied(t);

	through(&r, 8 * MIB, 100000);
	assert_int_equal(rig_counter(rig, 1, "channel.moved_bytes"), 8 * MIB);
	assert_int_equal(rig_counter(rig, 1, "channel.copied_bytes"), 0);
	assert_int_equal(rig_counter(rig, 0, "tcp.retransmits"), 0);
	end_of_relay(&r);
}

static void b027_a_copy_over_a_lossy_wire_is_byte_equal(void **state)
{
	struct pair *t = *state;
	struct rig *rig = t->rig;
	struct relay r = copied(t);
	struct wire_impairment bad = {.delay_ns = 50000,
		.loss_ppm = 10000,
		.reorder_ppm = 10000,
		.reorder_ns = 200000,
		.duplicate_ppm = 10000};

	wire_impair(rig->wire, 0, &bad);
	wire_impair(rig->wire, 1, &bad);
	through(&r, MIB, 4000);
	assert_int_equal(rig_counter(rig, 1, "channel.copied_bytes"), 0);
	end_of_relay(&r);
}

/* Half of end 1's buffers are in use: those that come are given back, their bytes copied. */
static void b027_a_copy_copies_while_packet_buffers_are_short(void **state)
{
	struct pair *t = *state;
	struct rig *rig = t->rig;
	struct relay r = copied(t);

	rig_use_packets(rig, 1, 60);
	rig_run(rig, 10000000);
	through(&r, MIB, 100000);
	assert_int_equal(rig_counter(rig, 1, "channel.moved_bytes"), 0);
	assert_int_equal(rig_counter(rig, 1, "channel.copied_bytes"), MIB);
	rig_use_packets(rig, 1, 0);
	end_of_relay(&r);
}

static void b027_the_window_of_the_source_follows(void **state)
{
	struct pair *t = *state;
	struct rig *rig = t->rig;
	struct relay r = copied(t);
	static uint8_t block[64 << 10];
	size_t written = 0;
	int64_t last = rig->now;

	while (rig->now < last + 2 * SECOND) {
		ssize_t n = rws_write_available(r.out, block, sizeof(block));
		if (n > 0) {
			written += (size_t)n;
			last = rig->now;
			rws_flush(r.out);
		}
		rig_run(rig, 1000000);
	}
	/* A send buffer and a receive window at each of three places. */
	assert_in_range(written, 2 * MIB, 16 * MIB);
	for (size_t left = written; left > 0;) {
		size_t n = left < sizeof(block) ? left : sizeof(block);
		rig_read_all(rig, r.in, block, n);
		left -= n;
	}
	end_of_relay(&r);
}

/* What was taken from a socket is sent on, and freed, when that socket is long gone. */
static void b027_buffers_outlive_the_socket_that_they_came_from(void **state)
{
	enum { LENGTH = 300000 };
	struct pair *t = *state;
	struct rig *rig = t->rig;
	struct relay r = copied(t);
	uint8_t *sent = pair_pattern(LENGTH), *got = malloc(LENGTH);

	assert_non_null(got);
	rig_write_all(rig, r.out, sent, LENGTH);
	assert_int_equal(rws_channel_close(r.out, 0), 1);
	assert_int_equal(rws_job_join(r.job, rig_after(rig, SECOND)), 0);
	wire_set_link(rig->wire, false);
	rws_dispose(t->s);
	rws_dispose(t->p);
	rig_run(rig, SECOND);
	wire_set_link(rig->wire, true);
	rig_read_all(rig, r.in, got, LENGTH);
	assert_memory_equal(sent, got, LENGTH);
	assert_int_equal(rws_await_content(r.in, 1, rig_after(rig, SECOND)), 0);
	assert_int_equal(rig_counter(rig, 1, "channel.copied_bytes"), 0);
	pair_dispose(&r.beside);
	free(sent);
	free(got);
}

static void b027_a_reset_goes_through_a_copy(void **state)
{
	struct pair *t = *state;
	struct relay r = copied(t);

	through(&r, MIB, 100000);
	assert_int_equal(rws_abort(t->s, 0), 0);
	assert_int_equal(rws_await_content(r.in, 1, rig_after(t->rig, SECOND)), -ECONNRESET);
	assert_int_equal(rws_job_result(r.job), -ECONNRESET);
	pair_dispose(&r.beside);
}

static void b028_an_attached_channel_echoes_megabytes_in_their_buffers(void **state)
{
	struct pair *t = *state;
	rws_channel_t ch;

	pair_connect(t);
	pair_open_s(t);
	struct relay r = {.rig = t->rig, .out = t->out, .in = t->in};
	assert_int_equal(rws_channel_create(t->rig->sel[END_P], 0, false, &ch), 0);
	assert_int_equal(rws_attach_for_reading(t->p, ch, NULL), 0);
	assert_int_equal(rws_attach_for_writing(t->p, ch, NULL), 0);
	through(&r, 4 * MIB, 100000);
	assert_int_equal(rig_counter(t->rig, 1, "channel.moved_bytes"), 4 * MIB);
	assert_int_equal(rig_counter(t->rig, 1, "channel.copied_bytes"), 0);
	assert_int_equal(rws_channel_close(t->out, 0), 1);
	pair_read_end(t, t->in);
}

/* ---- Lines and packets over the wire ------------------------------------------------------ */

static size_t line_length(unsigned i)
{
	return i * 97 % 3001;
}

static void b068_lines_cross_whatever_the_segments(void **state)
{
	enum { LINES = 500 };
	struct pair *t = *state;
	struct rig *rig = t->rig;
	char text[3004], line[3004];
	size_t length;

	for (unsigned i = 0; i < LINES; i++) {
		size_t n = line_length(i);
		memset(text, 'a' + (int)(i % 26), n);
		memcpy(text + n, i % 2 != 0 ? "\r\n" : "\n", 2);
		rig_write_all(rig, t->out, text, n + 1 + i % 2);
	}
	assert_int_equal(rws_channel_close(t->out, 0), 1);
	for (unsigned i = 0; i < LINES; i++) {
		int result;
		while ((result = rws_read_utf8_line(
				t->p_in, line, sizeof(line), 3000, 0, &length)) == -EAGAIN)
			rws_await_content(t->p_in, rws_available_for_read(t->p_in) + 1,
				rig_after(rig, SECOND));
		assert_int_equal(result, 1);
		assert_int_equal(length, line_length(i));
		memset(text, 'a' + (int)(i % 26), length);
		assert_memory_equal(line, text, length);
	}
	assert_int_equal(rws_read_utf8_line(t->p_in, line, sizeof(line), 3000, 0, &length), 0);
}

static void b073_remaining_bytes_outlive_their_connection(void **state)
{
	enum { LENGTH = 262656 };
	struct pair *t = *state;
	struct rig *rig = t->rig;
	uint8_t *sent = pair_pattern(LENGTH);
	struct rws_buf *buf = NULL;
	struct iovec iov[1024];
	size_t at = 0;
	int result;

	rig_write_all(rig, t->out, sent, LENGTH);
	assert_int_equal(rws_channel_close(t->out, 0), 1);
	while ((result = rws_read_remaining(t->p_in, SIZE_MAX, &buf)) == -EAGAIN)
		rig_run(rig, 1000000);
	assert_int_equal(result, 0);
	pair_dispose(t);
	int n = rws_buf_view(buf, 0, iov, 1024);
	for (int i = 0; i < n; at += iov[i++].iov_len)
		assert_memory_equal(iov[i].iov_base, sent + at, iov[i].iov_len);
	assert_int_equal(at, LENGTH);
	assert_int_equal(rig_counter(rig, 1, "channel.copied_bytes"), 0);
	assert_int_equal(rws_buf_free(buf), 0);
	free(sent);
}

/* ---- Writing ------------------------------------------------------------------------------ */

static unsigned memory_freed;

static void free_memory(void *user, void *data)
{
	assert_ptr_equal(user, &memory_freed);
	assert_non_null(data);
	memory_freed++;
}

static void b087_donated_memory_comes_back_with_its_acknowledgment(void **state)
{
	struct pair *t = *state;
	struct rig *rig = t->rig;
	uint8_t *sent = pair_pattern(MIB), *got = malloc(MIB);

	assert_non_null(got);
	memory_freed = 0;
	assert_int_equal(rws_write_buf(t->out, sent, MIB, free_memory, &memory_freed), 0);
	assert_int_equal(rws_flush(t->out), 0);
	rig_read_all(rig, t->p_in, got, MIB);
	assert_memory_equal(sent, got, MIB);
	rig_run(rig, SECOND);
	assert_int_equal(memory_freed, 1);
	assert_int_equal(rws_write_buf(t->out, sent, 50000, free_memory, &memory_freed), 0);
	wire_set_link(rig->wire, false);
	rws_flush(t->out);
	rig_run(rig, SECOND);
	assert_int_equal(memory_freed, 1);
	rws_abort(t->s, -ECONNABORTED);
	rig_run(rig, SECOND / 10);
	assert_int_equal(memory_freed, 2);
	wire_set_link(rig->wire, true);
	free(sent);
	free(got);
}

static void b086_many_fragments_leave_as_full_segments(void **state)
{
	enum { FRAGMENTS = 64, EACH = 1000 };
	struct pair *t = *state;
	struct rig *rig = t->rig;
	uint8_t *sent = pair_pattern(FRAGMENTS * EACH), *got = malloc(FRAGMENTS * EACH);
	struct iovec iov[FRAGMENTS];

	assert_non_null(got);
	rig_run(rig, SECOND / 10);
	uint64_t before = rig_counter(rig, 0, "tcp.tx_segments");
	for (unsigned i = 0; i < FRAGMENTS; i++)
		iov[i] = (struct iovec){sent + i * EACH, EACH};
	assert_int_equal(rws_writev(t->out, iov, FRAGMENTS), FRAGMENTS * EACH);
	rws_flush(t->out);
	rig_read_all(rig, t->p_in, got, FRAGMENTS * EACH);
	assert_memory_equal(sent, got, FRAGMENTS * EACH);
	rig_run(rig, SECOND / 10);
	uint64_t segments = rig_counter(rig, 0, "tcp.tx_segments") - before;
	/* Each burst that the congestion window allows may end with a part of a segment. */
	assert_in_range(segments, FRAGMENTS * EACH / 1460, FRAGMENTS * EACH / 1448 + 6);
	free(sent);
	free(got);
}

static void b088_acked_is_told_when_the_peer_acknowledged(void **state)
{
	struct pair *t = *state;
	struct rig *rig = t->rig;

	wire_set_link(rig->wire, false);
	rig_write_all(rig, t->out, "unheard", 7);
	assert_int_equal(
		rws_await(t->s, RWS_EV_TX_DRAINED, rig_after(rig, SECOND)), RWS_EV_TX_DRAINED);
	assert_int_equal(rws_await(t->s, RWS_EV_TX_ACKED, rig_after(rig, SECOND)), -ETIMEDOUT);
	wire_set_link(rig->wire, true);
	assert_int_equal(
		rws_await(t->s, RWS_EV_TX_ACKED, rig_after(rig, 5 * SECOND)), RWS_EV_TX_ACKED);
	assert_int_equal(rws_available_for_read(t->p_in), 7);
}

/* ---- Backpressure ------------------------------------------------------------------------- */

/* Frames that end 1 sends while nothing but an update of its window is a reason to. */
static uint64_t frames_in(struct rig *rig, int64_t ns)
{
	uint64_t before = wire_counters(rig->wire, 1)->sent;

	rig_run(rig, ns);
	return wire_counters(rig->wire, 1)->sent - before;
}

static void b055_a_window_opens_by_a_segment_and_not_by_less(void **state)
{
	struct pair *t = *state;
	struct rig *rig = t->rig;
	static uint8_t block[64 << 10];

	for (unsigned i = 0; i < 1000; i++) {
		while (rws_write_available(t->out, block, sizeof(block)) > 0)
			continue;
		rig_run(rig, 5000000);
	}
	while (frames_in(rig, 10000000) == 0) /* until a probe was answered */
		continue;
	uint64_t received = rws_total_bytes_written(t->p_in);
	assert_int_equal(rws_discard(t->p_in, 100), 100);
	assert_int_equal(frames_in(rig, 100000000), 0);
	assert_int_equal(rws_discard(t->p_in, 1400), 1400);
	assert_int_equal(frames_in(rig, 10000000), 1);
	assert_int_equal(rws_discard(t->p_in, 1500), 1500);
	rig_run(rig, 100000000);
	assert_in_range(rws_total_bytes_written(t->p_in) - received, 1, 3000);
}

/* More than half of end 1's buffers are in use: sockets with a byte unread take no more of them. */
static void b060_unread_bytes_keep_no_buffers_while_those_are_short(void **state)
{
	enum { PAIRS = 100 };
	struct pair *t = *state, p[PAIRS];
	struct rig *rig = t->rig;
	char byte;

	for (unsigned i = 0; i < PAIRS; i++)
		p[i] = pair_beside(i > 0 ? &p[i - 1] : t);
	rig_use_packets(rig, 1, 60);
	rig_run(rig, SECOND / 10);
	unsigned before = pktpool_in_use(rig->pool); /* of what the wire brings */
	for (unsigned i = 0; i < PAIRS; i++)
		rig_write_all(rig, p[i].out, &(char){(char)i}, 1);
	rig_run(rig, SECOND / 10);
	assert_int_equal(pktpool_in_use(rig->pool), before);
	for (unsigned i = 0; i < PAIRS; i++) {
		rig_read_all(rig, p[i].p_in, &byte, 1);
		assert_int_equal(byte, i);
	}
	rig_use_packets(rig, 1, 0);
	for (unsigned i = 0; i < PAIRS; i++)
		pair_dispose(&p[i]);
}

static void buffers_tell_whether_their_own_pool_is_short(void **state)
{
	struct rig *rig = *state;
	struct pbuf *other = pktbuf_alloc(rig->rws[0]->pools[0]);

	assert_non_null(other);
	rig_use_packets(rig, 1, 60);
	rig_run(rig, 10 * MS);
	assert_false(pktbuf_is_spare(rig->held));
	assert_true(pktbuf_is_spare(other));
	rig_use_packets(rig, 1, 0);
	rig_run(rig, 10 * MS);
	rig_use_packets(rig, 1, 1);
	assert_true(pktbuf_is_spare(rig->held));
	rig_use_packets(rig, 1, 0);
	pbuf_free(other);
}

static void b058_ten_minutes_of_a_closed_window_end_nothing(void **state)
{
	struct pair *t = *state;
	struct rig *rig = t->rig;
	static uint8_t block[64 << 10];
	size_t written = 0;
	ssize_t n;

	for (unsigned i = 0; i < 1000; i++) {
		while ((n = rws_write_available(t->out, block, sizeof(block))) > 0)
			written += (size_t)n;
		rig_run(rig, 5000000);
	}
	rig_run(rig, 600 * SECOND);
	assert_false(rws_is_closed(t->s));
	for (size_t left = written; left > 0;) {
		size_t piece = left < sizeof(block) ? left : sizeof(block);
		rig_read_all(rig, t->p_in, block, piece);
		left -= piece;
	}
	greet(t);
}

/* ---- UDP -------------------------------------------------------------------------------- */

static void datagrams_of_every_size_cross(void **state)
{
	struct rig *rig = *state;
	static const size_t sizes[] = {0, 1, 1472, 1473, 9000, RWS_DATAGRAM_MAX};
	struct rws_address address = rig_address(1, false, PORT);
	rws_socket_t server, client;
	uint8_t *buffer = malloc(RWS_DATAGRAM_MAX);

	assert_non_null(buffer);
	assert_int_equal(rws_udp_bind(rig->sel[1], &address, NULL, &server), 0);
	assert_int_equal(rws_udp_connect(rig->sel[0], &address, NULL, NULL, &client), 0);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t *bytes = pair_pattern(sizes[i]);
		struct rws_datagram out = {.data = bytes, .length = sizes[i]};
		struct rws_datagram in = {.data = buffer, .capacity = RWS_DATAGRAM_MAX};
		assert_int_equal(rws_send(client, &out), 0);
		assert_int_equal(rws_await(server, RWS_EV_READABLE, rig_after(rig, SECOND)),
			RWS_EV_READABLE);
		assert_int_equal(rws_receive(server, &in), 0);
		assert_int_equal(in.length, sizes[i]);
		assert_memory_equal(in.data, bytes, sizes[i]);
		assert_false(in.truncated);
		free(bytes);
	}
	free(buffer);
	rws_dispose(client);
	rws_dispose(server);
	rig_run(rig, SECOND);
}

/* Of two cores with one queue each receives and sends through the ring to the one that has it. */
static void two_cores_share_a_queue(void **state)
{
	enum { CONNECTIONS = 16 };
	struct rig *rig = *state;
	struct rws_address address = rig_address(1, false, PORT);
	struct rws_options options = {.reuse_port = true};
	struct rws_selector *sel[2] = {rig->sel[1], rig->second};
	rws_socket_t server[2], client[CONNECTIONS], accepted;
	unsigned count[2] = {0};

	for (unsigned core = 0; core < 2; core++)
		assert_int_equal(rws_tcp_bind(sel[core], &address, &options, &server[core]), 0);
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		assert_int_equal(rws_tcp_connect(rig->sel[0], &address, NULL, &client[i]), 0);
		assert_int_equal(rws_await(client[i], RWS_EV_CONNECTED, rig_after(rig, SECOND)),
			RWS_EV_CONNECTED);
	}
	rig_run(rig, SECOND / 10);
	for (unsigned core = 0; core < 2; core++)
		while (rws_accept(server[core], &accepted) == 0) {
			count[core]++;
			rws_dispose(accepted);
		}
	assert_int_equal(count[0] + count[1], CONNECTIONS);
	assert_true(count[0] > 0 && count[1] > 0);
	assert_true(rig_counter(rig, 1, "core.forwarded") >= 2 * count[1]); /* in and out */
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		assert_int_equal(rws_await_closed(client[i], RWS_NOW), -ETIMEDOUT);
		rws_dispose(client[i]);
	}
	for (unsigned core = 0; core < 2; core++)
		rws_dispose(server[core]);
	rig_run(rig, SECOND);
}

static void counters_name_the_traffic(void **state)
{
	struct pair *t = *state;

	greet(t);
	pair_run(t, SECOND);
	assert_int_equal(rig_counter(t->rig, 1, "tcp.accepted"), 1);
	assert_int_equal(rig_counter(t->rig, 0, "tcp.connected"), 1);
	assert_true(rig_counter(t->rig, 1, "rx.frames") >= 5);
	assert_int_equal(rig_counter(t->rig, 1, "drop.no_pbuf"), 0);
}

/* Open, over IPv4. */
static int setup(void **state)
{
	pair_setup(state);
	pair_open(*state);
	return 0;
}

static int setup_two_cores(void **state)
{
	pair_setup_two_cores(state);
	pair_open(*state);
	return 0;
}

#define CASE(test)     BOTH_CASE(test, setup, pair_teardown)
#define RIG_CASE(test) BOTH_CASE(test, rig_setup, rig_teardown)
/* Inline, on one stack core, and from one stack core to another. */
#define RELAY_CASE(test)                                                     \
	CASE(test),                                                          \
	{                                                                    \
		#test "_across_cores", test, setup_two_cores, pair_teardown, \
			(void *)(uintptr_t)RWS_CHANNEL                       \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(connection_over_ipv4_carries_bytes_both_ways),
		CASE(connection_over_ipv6_carries_bytes_both_ways),
		CASE(transfer_of_8_mib_is_byte_equal),
		CASE(buffers_grow_with_the_path),
		CASE(short_packet_buffers_stall_nobody),
		CASE(transfer_over_a_lossy_wire_is_byte_equal),
		RIG_CASE(connect_to_a_closed_port_is_refused),
		CASE(cable_out_does_not_lose_a_connection),
		RELAY_CASE(b027_a_copy_carries_megabytes_in_their_buffers),
		RELAY_CASE(b027_a_copy_over_a_lossy_wire_is_byte_equal),
		RELAY_CASE(b027_a_copy_copies_while_packet_buffers_are_short),
		RELAY_CASE(b027_the_window_of_the_source_follows),
		RELAY_CASE(b027_buffers_outlive_the_socket_that_they_came_from),
		RELAY_CASE(b027_a_reset_goes_through_a_copy),
		CASE(b028_an_attached_channel_echoes_megabytes_in_their_buffers),
		CASE(b068_lines_cross_whatever_the_segments),
		CASE(b073_remaining_bytes_outlive_their_connection),
		CASE(b086_many_fragments_leave_as_full_segments),
		CASE(b087_donated_memory_comes_back_with_its_acknowledgment),
		CASE(b088_acked_is_told_when_the_peer_acknowledged),
		CASE(b055_a_window_opens_by_a_segment_and_not_by_less),
		CASE(b060_unread_bytes_keep_no_buffers_while_those_are_short),
		CASE(b058_ten_minutes_of_a_closed_window_end_nothing),
		RIG_CASE(buffers_tell_whether_their_own_pool_is_short),
		RIG_CASE(datagrams_of_every_size_cross),
		CASE(counters_name_the_traffic),
		INLINE_CASE(two_cores_share_a_queue, rig_setup_two_cores, rig_teardown),
	};

	return cmocka_run_group_tests_name("wire", tests, rig_group_setup, rig_group_teardown);
}
