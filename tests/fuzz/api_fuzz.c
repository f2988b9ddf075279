/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sequences of API calls, right and wrong ones, at both ends of a wire in virtual time: stale and
 * invented handles, calls out of order, from callbacks, with sizes of nothing and far too much.
 *
 * Theory of operation
 * -------------------
 * Two runtimes live as long as the process (tests/unit/api/rig.h). Handles that calls gave go into a
 * table, and stay there after their end: any later call may pick them. Checked: every result is a
 * count or one of the errors that rws.h knows; what was asked for is not exceeded; at the end, with
 * everything disposed, no packet buffer is missing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "driver/pktbuf.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/api/rig.h"

#include "api/cause.h"
#include "api/runtime.h"

#define HANDLES   64u /* remembered; the oldest is forgotten */
#define BYTES_MAX 70000u
#define KEPT      4u
#define STEPS_MAX 400u
#define MS        1000000LL

struct world {
	struct rig *rig;
	struct input *in;
	uint64_t handles[HANDLES];
	unsigned handle_count;
	struct rws_selector *sel; /* of the end whose turn it is */
	unsigned end;
	bool in_callback;
	unsigned callbacks;           /* that may still call */
	struct rws_buf *kept[KEPT];   /* NULL: none */
	unsigned donated, given_back; /* buffers of rws_write_buf */
};

static struct world world;
static uint8_t bytes[BYTES_MAX];
static uint8_t gift[BYTES_MAX]; /* lent to the stack: nobody writes to it */

static void step(struct world *w);

/* ---- Input ------------------------------------------------------------------------------- */

static void keep(struct world *w, uint64_t handle)
{
	w->handles[w->handle_count++ % HANDLES] = handle;
}

/* Mostly a handle of before, of whichever kind; now and then an invented one. */
static uint64_t pick(struct world *w)
{
	uint8_t choice = input_u8(w->in);
	unsigned known = w->handle_count < HANDLES ? w->handle_count : HANDLES;
	if (choice == 255 || known == 0)
		return (uint64_t)input_u32(w->in) << 32 | input_u32(w->in);
	return w->handles[(w->handle_count - 1 - choice % known) % HANDLES];
}

static size_t length(struct world *w)
{
	static const size_t sizes[] = {0, 1, 2, 7, 100, 1448, 1460, 4096, 65507, BYTES_MAX};
	return sizes[input_u8(w->in) % 10];
}

/* As length, and beyond all bounds. */
static size_t any_length(struct world *w)
{
	uint8_t choice = input_u8(w->in);
	return choice == 255 ? SIZE_MAX : choice == 254 ? (size_t)1 << 40 : choice * 300u;
}

static int64_t deadline(struct world *w)
{
	return rws_now(w->sel) + input_u8(w->in) % 4 * MS;
}

static struct rws_address address(struct world *w)
{
	static const uint16_t ports[] = {7, 8, 9, 0};
	uint8_t choice = input_u8(w->in);
	unsigned end = choice & 64 ? w->end : 1 - w->end;
	struct rws_address a = rig_address(end, choice & 32, ports[choice % 4]);
	if (choice & 128)
		a = (struct rws_address){.port = ports[choice % 4]};
	return a;
}

static struct rws_options options(struct world *w)
{
	uint8_t a = input_u8(w->in), b = input_u8(w->in);
	return (struct rws_options){
		.delay = a & 1,
		.keep_alive = a & 2,
		.rst_drop = a & 4,
		.linger_zero = a & 8,
		.reuse_address = a & 16,
		.reuse_port = a & 32,
		.broadcast = a & 64,
		.backlog = b & 3,
		.send_buffer = b & 4 ? 4096 : 0,
		.receive_buffer = b & 8 ? 4096 : 0,
		.linger_ns = b & 16 ? MS : 0,
	};
}

/* ---- Results ----------------------------------------------------------------------------- */

/* What rws.h says that calls may answer, and the causes that call_end gives. */
static bool is_known(int64_t result)
{
	static const int errors[] = {EAGAIN, EBADF, EXDEV, EALREADY, ESHUTDOWN, EBUSY, EPIPE,
		ECONNRESET, ECANCELED, ENODATA, EMSGSIZE, EISCONN, EINVAL, ENOTCONN, ETIMEDOUT,
		ENOPROTOOPT, EACCES, ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EDEADLK, ENOBUFS,
		EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, EOPNOTSUPP, ENOTSUP, EDESTADDRREQ,
		ECONNABORTED, EINPROGRESS, EINTR, EPROTO, ENOMEM, ENOSPC, EIO, ENOMSG,
		-CAUSE_LEAST};
	for (unsigned i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (result == -errors[i])
			return true;
	return result >= 0;
}

static int64_t check(int64_t result)
{
	CHECK(is_known(result));
	return result;
}

/* A count of at most so many. */
static void check_count(int64_t result, size_t most)
{
	CHECK(check(result) <= 0 || (uint64_t)result <= most);
}

/* ---- Calls ------------------------------------------------------------------------------- */

static void call_make(struct world *w, unsigned op)
{
	struct rws_address a = address(w), b = address(w);
	struct rws_options o = options(w);
	uint64_t handle = RWS_NONE;
	int result = 0;
	switch (op % 6) {
	case 0:
	case 1:
		result = rws_tcp_connect(w->sel, &a, &o, &handle);
		break;
	case 2:
		result = rws_tcp_bind(w->sel, &a, &o, &handle);
		break;
	case 3:
		result = rws_udp_bind(w->sel, &a, &o, &handle);
		break;
	case 4:
		result = rws_udp_connect(w->sel, &a, &b, NULL, &handle);
		break;
	default:
		result = rws_channel_create(w->sel, any_length(w) % (1u << 20), op & 8, &handle);
		break;
	}
	if (check(result) == 0)
		keep(w, handle);
}

static void call_open(struct world *w, unsigned op)
{
	uint64_t s = pick(w), one = RWS_NONE, other = RWS_NONE;
	int result = 0;
	switch (op % 6) {
	case 0:
		result = rws_accept(s, &one);
		break;
	case 1:
		result = rws_open_read_channel(s, &one);
		break;
	case 2:
		result = rws_open_write_channel(s, op & 8, &one);
		break;
	case 3:
		result = rws_connection(s, &one, &other);
		break;
	case 4:
		result = rws_attach_for_reading(s, pick(w), &one);
		break;
	default:
		result = rws_attach_for_writing(s, pick(w), &one);
		break;
	}
	if (check(result) < 0)
		return;
	keep(w, one);
	if (other != RWS_NONE)
		keep(w, other);
	keep(w, rws_socket_context(s));
}

static void call_read(struct world *w, unsigned op)
{
	uint64_t ch = pick(w);
	size_t n = length(w), got = op & 8 ? n / 2 : 0;
	struct iovec iov[4] = {{bytes, n / 2}, {bytes + n / 2, n - n / 2}};
	switch (op % 7) {
	case 0:
		check_count(rws_read_available(ch, bytes, n), n);
		break;
	case 1:
		check_count(rws_readv(ch, iov, 2), n);
		break;
	case 2:
		check(rws_read_fully(ch, bytes, n, &got));
		CHECK(got <= n);
		break;
	case 3:
		check(rws_discard(ch, any_length(w)));
		break;
	case 4:
		check_count(rws_peek_to(ch, any_length(w), bytes, n), n);
		break;
	case 5:
		check_count(rws_request(ch, any_length(w), any_length(w), iov, 4), 4);
		break;
	default:
		check(rws_consumed(ch, any_length(w)));
		break;
	}
}

static void call_write(struct world *w, unsigned op)
{
	uint64_t ch = pick(w);
	size_t n = length(w), done = op & 8 ? n / 2 : 0;
	struct iovec iov[4] = {{bytes, n / 2}, {bytes + n / 2, n - n / 2}};
	int count;
	switch (op % 6) {
	case 0:
		check_count(rws_write_available(ch, bytes, n), n);
		break;
	case 1:
		check_count(rws_writev(ch, iov, 2), n);
		break;
	case 2:
		check(rws_write_fully(ch, bytes, n, &done));
		CHECK(done <= n);
		break;
	case 3:
		count = rws_write_request(ch, any_length(w), iov, 4);
		check_count(count, 4);
		for (int i = 0; i < count; i++)
			memset(iov[i].iov_base, 'w', iov[i].iov_len);
		break;
	case 4:
		check(rws_written(ch, any_length(w)));
		break;
	default:
		check(rws_flush(ch));
		break;
	}
}

static void given_back(void *user, void *data)
{
	struct world *w = user;
	CHECK(data == gift);
	w->given_back++;
}

/* Whole lines, and buffers that are kept, sent on or donated. */
static void call_whole(struct world *w, unsigned op)
{
	uint64_t ch = pick(w), other = pick(w), job = RWS_NONE;
	struct rws_buf **kept = &w->kept[input_u8(w->in) % KEPT];
	size_t n = length(w), line;
	int result = 0;
	if (op % 8 < 3 && *kept != NULL) {
		CHECK(rws_buf_free(*kept) == 0);
		*kept = NULL;
	}
	switch (op % 8) {
	case 0:
		check_count(rws_read_detach(ch, n, op >> 3 & 1, kept), n);
		break;
	case 1:
		check(rws_read_packet(ch, any_length(w), kept));
		break;
	case 2:
		check(rws_read_utf8_line(ch, (char *)bytes, n, any_length(w), op >> 3 & 1, &line));
		break;
	case 3:
		check(rws_read_remaining(ch, n, kept));
		break;
	case 4:
		if (check(rws_write_packet(ch, *kept)) == 0)
			*kept = NULL;
		break;
	case 5:
		if (check(rws_write_buf(ch, gift, n, given_back, w)) == 0)
			w->donated++;
		break;
	case 6:
		result = rws_copy_to(ch, other, any_length(w), op >> 3 & 1, &job);
		if (check(result) == 0)
			keep(w, job);
		break;
	default:
		check(rws_read_boundary(ch));
		break;
	}
	CHECK(rws_buf_length(*kept) <= 1u << 30);
}

static void call_end(struct world *w, unsigned op)
{
	static const int causes[] = {0, -ECONNRESET, -EIO, 5, -ECANCELED, INT32_MIN};
	uint64_t handle = pick(w);
	int cause = causes[input_u8(w->in) % 6];
	switch (op % 9) {
	case 0:
		check(rws_close(handle));
		break;
	case 1:
		check(rws_close_linger(handle, input_u8(w->in) * MS - 5 * MS));
		break;
	case 2:
		check(rws_abort(handle, cause));
		break;
	case 3:
		rws_dispose(handle);
		break;
	case 4:
		check(rws_channel_close(handle, cause));
		break;
	case 5:
		check(rws_channel_cancel(handle, cause));
		break;
	case 6:
		rws_channel_dispose(handle);
		break;
	case 7:
		check(rws_job_cancel(handle));
		break;
	default:
		check(rws_await_closed(handle, deadline(w)));
		break;
	}
}

static void call_ask(struct world *w)
{
	uint64_t handle = pick(w);
	struct rws_address a;
	struct rws_options o;
	check(rws_local_address(handle, &a));
	check(rws_remote_address(handle, &a));
	if (check(rws_get_options(handle, &o)) == 0 && input_u8(w->in) & 1) {
		struct rws_options wanted = options(w);
		o.delay = wanted.delay;
		o.linger_ns = wanted.linger_ns;
		o.send_buffer = wanted.send_buffer;
		o.keep_alive = wanted.keep_alive;
		check(rws_set_options(handle, &o));
	}
	check(rws_job_result(handle));
	check(rws_closed_cause(handle));
	rws_is_closed(handle);
	rws_job_is_active(handle);
	rws_job_is_completed(handle);
	rws_job_is_cancelled(handle);
	rws_job_channel(handle);
	rws_is_closed_for_read(handle);
	rws_is_closed_for_write(handle);
	CHECK(rws_available_for_read(handle) <= 1u << 30);
	rws_available_for_write(handle);
	CHECK(rws_total_bytes_read(handle) <= rws_total_bytes_written(handle) ||
		rws_total_bytes_written(handle) == 0);
	rws_receive_dropped(handle);
	rws_user(handle);
}

static void call_datagram(struct world *w, unsigned op)
{
	uint64_t s = pick(w);
	struct rws_datagram d[4];
	for (unsigned i = 0; i < 4; i++)
		d[i] = (struct rws_datagram){.data = bytes,
			.length = length(w),
			.capacity = length(w),
			.address = address(w)};
	if (op & 8)
		d[0].address.family = 0;
	if (op & 16)
		d[0].local = address(w);
	if (op & 1)
		check_count(rws_send_burst(s, d, op & 4), 4);
	else if (op & 32)
		check(rws_multicast_join(s, &d[0].address, op & 64 ? 0 : RWS_ALL_INTERFACES));
	else
		check_count(rws_receive_burst(s, d, op & 4), 4);
	CHECK(op & 1 || d[0].length <= BYTES_MAX);
}

static void call_wait(struct world *w, unsigned op)
{
	struct rws_event events[8];
	uint64_t handle = pick(w);
	switch (op % 5) {
	case 0:
		check_count(rws_selector_select(w->sel, events, op & 7, deadline(w)), 8);
		break;
	case 1:
		check(rws_await(handle, input_u16(w->in), deadline(w)));
		break;
	case 2:
		check(rws_await_content(handle, any_length(w), deadline(w)));
		break;
	case 3:
		check(rws_await_free_space(handle, any_length(w), deadline(w)));
		break;
	default:
		check(rws_job_join(handle, deadline(w)));
		break;
	}
}

/* ---- Callbacks --------------------------------------------------------------------------- */

/* Calls from within one, the next steps of the input among them. */
static void called(struct world *w)
{
	if (w->callbacks == 0 || w->in_callback || input_is_empty(w->in))
		return;
	w->callbacks--;
	w->in_callback = true;
	check(rws_selector_run_once(w->sel)); /* this end's loop, or the other's */
	step(w);
	w->in_callback = false;
}

static void on_event(void *user, const struct rws_event *event)
{
	called(user);
}

static void on_completion(void *user, rws_job_t job, int result)
{
	check(result);
	called(user);
}

static void on_post(void *user)
{
	called(user);
}

static void call_register(struct world *w, unsigned op)
{
	uint64_t handle = pick(w);
	switch (op % 4) {
	case 0:
		check(rws_on(handle, input_u16(w->in), op & 8 ? NULL : on_event, w));
		break;
	case 1:
		check(rws_job_on_completion(handle, on_completion, w));
		break;
	case 2:
		check(rws_selector_post(w->sel, on_post, w));
		break;
	default:
		check(rws_set_user(handle, w));
		break;
	}
}

/* ---- A run ------------------------------------------------------------------------------- */

static void step(struct world *w)
{
	uint8_t what = input_u8(w->in);
	unsigned op = input_u8(w->in);
	if (!w->in_callback) {
		w->end = what >> 7;
		w->sel = w->rig->sel[w->end];
	}
	switch (what % 11) {
	case 0:
		call_make(w, op);
		break;
	case 1:
	case 2:
		call_open(w, op);
		break;
	case 3:
		call_read(w, op);
		break;
	case 4:
		call_write(w, op);
		break;
	case 5:
		call_end(w, op);
		break;
	case 6:
		call_ask(w);
		break;
	case 7:
		call_datagram(w, op);
		break;
	case 8:
		call_register(w, op);
		break;
	case 9:
		call_whole(w, op);
		break;
	default:
		if (!w->in_callback && op & 16)
			rig_run(w->rig, (int64_t)input_pause((uint8_t)(op % 13)));
		else
			call_wait(w, op);
		break;
	}
}

/* Both ends anew: a selector that closes ends whatever lives on it. */
static void close_all(struct world *w)
{
	w->callbacks = 0;
	for (unsigned i = 0; i < KEPT; i++)
		if (w->kept[i] != NULL) {
			CHECK(rws_buf_free(w->kept[i]) == 0);
			w->kept[i] = NULL;
		}
	for (unsigned end = 0; end < 2; end++) {
		struct rws_selector *sel = w->rig->sel[end];
		w->rig->sel[end] = NULL;
		CHECK(rws_selector_close(sel) >= 0);
	}
	for (unsigned end = 0; end < 2; end++)
		CHECK(rws_selector_create(w->rig->rws[end], 0, &w->rig->sel[end]) == 0);
	rig_run(w->rig, 200 * MS);
	CHECK(w->given_back == w->donated);
	CHECK(pktpool_in_use(w->rig->pool) == 0);
	for (unsigned end = 0; end < 2; end++)
		CHECK(pktpool_in_use(w->rig->rws[end]->pools[0]) == 0);
}

static void end_rig(void)
{
	void *rig = world.rig;
	rig_teardown(&rig);
	rig_group_teardown(NULL);
}

static void begin_rig(void)
{
	void *rig = NULL;
	CHECK(rig_group_setup(NULL) == 0 && rig_setup(&rig) == 0);
	world.rig = rig;
	atexit(end_rig);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct input in = {input, input + size};
	if (world.rig == NULL)
		begin_rig();
	world.in = &in;
	world.handle_count = 0;
	world.callbacks = 20;
	world.donated = world.given_back = 0;
	for (unsigned i = 0; i < STEPS_MAX && !input_is_empty(&in); i++)
		step(&world);
	close_all(&world);
	return 0;
}
