/* SPDX-License-Identifier: BSD-3-Clause */
/* The calls that run the loop: select, run_once, and the awaits, which look at levels. */
#include <errno.h>

#include "api/events.h"
#include "api/selector.h"
#include "api/socket.h"

/* ---- The loop --------------------------------------------------------------------------- */

/* One turn with callbacks. */
static void turn(struct rws_selector *sel)
{
	selector_turn(sel);
	if (events_waiting(sel))
		events_dispatch(sel);
}

static int check_loop(const struct rws_selector *sel)
{
	int result = selector_check(sel);

	if (result == 0 && sel->in_callback)
		result = -EDEADLK;
	return result;
}

int rws_selector_run_once(struct rws_selector *sel)
{
	int result = check_loop(sel);

	if (result != 0)
		return result;
	selector_enter(sel);
	turn(sel);
	selector_leave(sel);
	return 0;
}

/* Turns until there are events, the deadline is there, or a posted function ran. */
static int select_events(
	struct rws_selector *sel, struct rws_event *events, unsigned max, int64_t deadline)
{
	sel->interrupted = false;
	for (;;) {
		turn(sel);
		if (sel->close_pending)
			return -ECANCELED;
		unsigned n = events_take(sel, events, max);
		if (n > 0)
			return (int)n;
		if (sel->now >= deadline)
			return 0;
		if (sel->interrupted)
			return -EINTR;
		if (selector_idle(sel, deadline) != 0)
			sel->interrupted = true;
	}
}

int rws_selector_select(
	struct rws_selector *sel, struct rws_event *events, unsigned max, int64_t deadline)
{
	int result = check_loop(sel);

	if (result != 0)
		return result;
	if (max == 0 || max > INT32_MAX)
		return -EINVAL;
	selector_enter(sel);
	result = select_events(sel, events, max, deadline);
	selector_leave(sel);
	return result;
}

/* ---- Levels ----------------------------------------------------------------------------- */

static uint32_t bit_if(bool condition, uint32_t bit)
{
	return condition ? bit : 0;
}

static bool sock_is_readable(const struct sock *s)
{
	switch (s->kind) {
	case SOCK_LISTENER:
		return false;
	case SOCK_UDP:
		if (sock_rx(s) == NULL)
			return dgram_waiting(s) > 0;
		break;
	default:
		break;
	}
	const struct channel *rx = sock_rx(s);
	if (rx == NULL)
		return s->read_channel.readable > 0 || s->fin_received;
	return channel_read_state(rx) >= 0;
}

/* A write could have a buffer: one that found none waits for its turn. */
static bool may_have_buffers(const struct sock *s)
{
	return !s->is_starved && sock_has_share(s);
}

static bool sock_is_writable(const struct sock *s)
{
	switch (s->kind) {
	case SOCK_LISTENER:
		return false;
	case SOCK_UDP:
		if (sock_tx(s) == NULL)
			return !s->closing && s->inflight < s->options->send_buffer &&
				may_have_buffers(s);
		break;
	default:
		break;
	}
	const struct channel *tx = sock_tx(s);
	if (tx == NULL)
		return s->connected && !s->closing && !s->dead;
	return s->connected && channel_write_state(tx) == 0 && may_have_buffers(s);
}

/* Why what was flushed was dropped; 0: it was not. */
static int tx_failure(const struct sock *s)
{
	const struct channel *tx = sock_tx(s);

	return tx != NULL && tx->failed ? tx->cause : 0;
}

/* An error of a datagram is over when it was told. */
uint32_t sock_levels(const struct sock *s)
{
	bool drained = s->connected && sock_is_drained(s) && tx_failure(s) == 0;

	return bit_if(sock_is_readable(s), RWS_EV_READABLE) |
		bit_if(sock_is_writable(s), RWS_EV_WRITABLE) |
		bit_if(s->fin_received, RWS_EV_RX_EOF) | bit_if(drained, RWS_EV_TX_DRAINED) |
		bit_if(drained && s->inflight == 0, RWS_EV_TX_ACKED) |
		bit_if(listener_waiting(s) > 0, RWS_EV_ACCEPTABLE) |
		bit_if(s->connected, RWS_EV_CONNECTED) |
		bit_if(s->reader_job.state == JOB_DONE || s->writer_job.state == JOB_DONE,
			RWS_EV_JOB_DONE) |
		bit_if(s->context.state == JOB_DONE, RWS_EV_CONTEXT_DONE) |
		bit_if(s->error != 0 || (s->pending & RWS_EV_ERROR) != 0, RWS_EV_ERROR);
}

/* Of a read channel's reading or a write channel's writing: why it can never come true. */
static int channel_failure(const struct channel *ch, uint32_t bits)
{
	int result = 0;

	if (ch == NULL)
		return 0;
	if (bits & RWS_EV_READABLE)
		result = channel_read_state(ch);
	if ((bits & RWS_EV_WRITABLE) && result >= 0)
		result = channel_write_state(ch);
	return result == -EAGAIN || result > 0 ? 0 : result;
}

static int sock_look(const struct sock *s, uint32_t bits)
{
	uint32_t levels = sock_levels(s) & bits;

	if (levels != 0)
		return (int)levels;
	int failure = channel_failure(sock_rx(s), bits & RWS_EV_READABLE);
	if (failure == 0)
		failure = channel_failure(sock_tx(s), bits & RWS_EV_WRITABLE);
	if (failure == 0 && (bits & (RWS_EV_TX_DRAINED | RWS_EV_TX_ACKED)))
		failure = tx_failure(s);
	if (failure == 0 && s->context.state == JOB_DONE)
		failure = s->context.result != 0 ? s->context.result : -ECANCELED;
	return failure;
}

static bool sink_may_have_buffers(const struct channel *ch)
{
	const struct sock *sink = channel_sink(ch);

	return sink == NULL || may_have_buffers(sink);
}

static int channel_look(const struct channel *ch, uint32_t bits)
{
	bool writable = channel_write_state(ch) == 0 && sink_may_have_buffers(ch);
	uint32_t levels = bit_if(channel_read_state(ch) >= 0, RWS_EV_READABLE) |
		bit_if(writable, RWS_EV_WRITABLE) | bit_if(ch->closed, RWS_EV_RX_EOF) |
		bit_if(ch->cause != 0, RWS_EV_ERROR);

	if ((levels & bits) != 0)
		return (int)(levels & bits);
	return channel_failure(ch, bits);
}

/* What is true of a handle now: bits, 0 for none yet, or why none can come true. */
static int look(uint64_t handle, uint32_t bits)
{
	struct channel *ch;
	struct copy *copy;
	struct sock *s;
	int result;

	if (handle_kind(handle) == HANDLE_CHANNEL) {
		result = channel_of(handle, &ch);
		return result != 0 ? result : channel_look(ch, bits);
	}
	if (handle_kind(handle) == HANDLE_COPY) {
		result = copy_of(handle, &copy);
		return result != 0                    ? result
			: copy->job.state == JOB_DONE ? (int)(bits & RWS_EV_JOB_DONE)
						      : 0;
	}
	result = sock_of_part(handle, &s);
	if (result != 0)
		return result;
	switch (handle_kind(handle)) {
	case HANDLE_READER_JOB:
		return s->reader_job.state == JOB_DONE ? (int)(bits & RWS_EV_JOB_DONE) : 0;
	case HANDLE_WRITER_JOB:
		return s->writer_job.state == JOB_DONE ? (int)(bits & RWS_EV_JOB_DONE) : 0;
	case HANDLE_CONTEXT:
		return s->context.state == JOB_DONE ? (int)(bits & RWS_EV_JOB_DONE) : 0;
	default:
		return sock_look(s, bits);
	}
}

/* ---- Awaits ----------------------------------------------------------------------------- */

/* A condition on a handle: > 0 it holds, 0 not yet, or why it never will. */
typedef int condition(uint64_t handle, size_t argument);

static int await_on(struct rws_selector *sel, uint64_t handle, condition *holds, size_t argument,
	int64_t deadline)
{
	for (;;) {
		if (sel->close_pending)
			return -ECANCELED;
		int result = holds(handle, argument);
		if (result != 0)
			return result;
		if (deadline <= sel->now)
			return -ETIMEDOUT;
		selector_idle(sel, deadline);
		turn(sel);
	}
}

/* Only a callback can find an await under way: it gets -EBUSY for the same one, else -EDEADLK. */
static int await(
	uint64_t handle, uint32_t bits, condition *holds, size_t argument, int64_t deadline)
{
	struct rws_selector *sel;
	int result = handle_owner_selector(handle, &sel);

	if (result != 0)
		return result;
	if (sel->in_callback)
		return sel->await_handle == handle && (sel->await_bits & bits) ? -EBUSY : -EDEADLK;
	selector_enter(sel);
	timeout_await(handle, bits);
	sel->await_handle = handle;
	sel->await_bits = bits;
	sel->await_readable = 0;
	timeout_awaiting(handle, bits);
	turn(sel);
	result = await_on(sel, handle, holds, argument, deadline);
	sel->await_handle = RWS_NONE;
	selector_leave(sel);
	return result;
}

static int bits_hold(uint64_t handle, size_t bits)
{
	return look(handle, (uint32_t)bits);
}

/* The bits that may become true of a socket that lives. */
static uint32_t possible_of_sock(uint64_t handle)
{
	struct sock *s;

	if (sock_of_part(handle, &s) != 0 || s->kind == SOCK_TCP)
		return ~(uint32_t)RWS_EV_ACCEPTABLE;
	if (s->kind == SOCK_LISTENER)
		return RWS_EV_ACCEPTABLE | RWS_EV_CONTEXT_DONE | RWS_EV_ERROR;
	if (!s->connected) /* UDP, without channels or jobs */
		return RWS_EV_READABLE | RWS_EV_WRITABLE | RWS_EV_CONTEXT_DONE | RWS_EV_ERROR;
	return ~(uint32_t)(RWS_EV_ACCEPTABLE | RWS_EV_RX_EOF); /* datagrams have no end */
}

static uint32_t possible_of(uint64_t handle)
{
	switch (handle_kind(handle)) {
	case HANDLE_SOCKET:
	case HANDLE_READ_CHANNEL:
	case HANDLE_WRITE_CHANNEL:
		return possible_of_sock(handle);
	case HANDLE_CHANNEL:
		return RWS_EV_READABLE | RWS_EV_WRITABLE | RWS_EV_RX_EOF | RWS_EV_ERROR;
	default:
		return RWS_EV_JOB_DONE;
	}
}

int rws_await(uint64_t handle, uint32_t bits, int64_t deadline)
{
	if (bits == 0 || bits >= 1u << SOCK_BITS)
		return -EINVAL;
	int result = look(handle, bits);
	struct rws_selector *sel;
	if (result == 0 && (bits & possible_of(handle)) == 0)
		return -EINVAL;
	/* True already: no turn of the loop, and allowed everywhere but in a callback. */
	if (result != 0 && handle_owner_selector(handle, &sel) == 0 && !sel->in_callback)
		return result;
	return await(handle, bits, bits_hold, bits, deadline);
}

int rws_await_closed(rws_socket_t handle, int64_t deadline)
{
	struct sock *s;
	int result = sock_of(handle, &s);

	if (result != 0)
		return result;
	rws_job_t context = job_handle(s, &s->context);
	result = await(context, RWS_EV_JOB_DONE, bits_hold, RWS_EV_JOB_DONE, deadline);
	return result < 0 ? result : rws_job_result(context);
}

int rws_job_join(rws_job_t job, int64_t deadline)
{
	int result = rws_job_result(job);

	if (result == -EBADF || result == -EXDEV)
		return result;
	result = await(job, RWS_EV_JOB_DONE, bits_hold, RWS_EV_JOB_DONE, deadline);
	return result < 0 ? result : 0;
}

enum { CONTENT_THERE = 1, CONTENT_ENDED = 2 };

/* Once for all that came. */
static void want_more(const struct channel *ch)
{
	struct rws_selector *sel = channel_selector(ch);

	if (ch->readable == sel->await_readable)
		return;
	sel->await_readable = ch->readable;
	channel_want(ch);
}

static int content_holds(uint64_t handle, size_t min)
{
	struct channel *ch;
	int result = channel_of(handle, &ch);

	if (result != 0)
		return result;
	if (ch->failed)
		return ch->cause;
	while (ch->readable < min && channel_pull(ch))
		continue;
	if (ch->readable >= min && ch->readable > 0)
		return CONTENT_THERE;
	if (ch->datagrams && channel_read_state(ch) == 0)
		return CONTENT_THERE; /* no more will be added to it */
	if (!ch->closed) {
		want_more(ch);
		return 0;
	}
	return ch->cause != 0 ? ch->cause : CONTENT_ENDED;
}

int rws_await_content(rws_channel_t handle, size_t min, int64_t deadline)
{
	struct channel *ch;
	int result = channel_of(handle, &ch);

	if (result != 0)
		return result;
	if (min > channel_capacity(ch))
		return -EINVAL;
	result = await(handle, RWS_EV_READABLE, content_holds, min, deadline);
	return result == CONTENT_ENDED ? 0 : result;
}

static int space_holds(uint64_t handle, size_t min)
{
	struct channel *ch;
	int result = channel_of(handle, &ch);

	if (result != 0)
		return result;
	result = channel_write_state(ch);
	if (!ch->closed && min > channel_capacity(ch)) /* it may have shrunk meanwhile */
		return -EINVAL;
	bool room = channel_room(ch) >= min;
	if (result == 0 && room && sink_may_have_buffers(ch))
		return 1;
	if (result == 0 && !room && ch->datagrams)
		return -EMSGSIZE;
	if (!ch->datagrams)
		channel_flush(ch); /* what waits is in the way */
	return result == -EAGAIN ? 0 : result;
}

int rws_await_free_space(rws_channel_t handle, size_t min, int64_t deadline)
{
	struct channel *ch;
	int result = channel_of(handle, &ch);

	if (result != 0)
		return result;
	return await(handle, RWS_EV_WRITABLE, space_holds, min, deadline);
}
