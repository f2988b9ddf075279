/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/timeout.h"

#include <errno.h>

#include "api/socket.h"

#define RX_BITS (RWS_EV_READABLE | RWS_EV_RX_EOF)
#define TX_BITS (RWS_EV_WRITABLE | RWS_EV_TX_DRAINED | RWS_EV_TX_ACKED)

static bool has_timeout(const struct sock *s)
{
	return s->options->socket_timeout_ns != 0 && s->kind == SOCK_TCP && s->extra != NULL &&
		s->extra->limits.above == RWS_NONE;
}

/* The one whose time it is: s, or the uppermost of the sockets above it. */
static struct sock *timed(struct sock *s)
{
	struct sock *above;

	while (s->extra != NULL && s->extra->limits.above != RWS_NONE &&
		sock_of(s->extra->limits.above, &above) == 0)
		s = above;
	return s;
}

/* ---- Who waits -------------------------------------------------------------------------- */

static bool is_awaited(const struct sock *s, rws_channel_t channel, uint32_t bits)
{
	const struct rws_selector *sel = s->sel;

	return (sel->await_bits & bits) != 0 && sel->await_handle != RWS_NONE &&
		(sel->await_handle == channel || sel->await_handle == sock_handle(s));
}

static bool rx_waits(const struct sock *s)
{
	const struct channel *rx = sock_rx(s);

	if (rx == NULL || rx->closed || !s->connected || s->dead || s->closing)
		return false;
	if (channel_sink(rx) != NULL) /* a job waits for bytes as long as it has room for more */
		return rx->role == CHANNEL_READ || segments_empty(&s->read_channel.list);
	return (s->armed & RWS_EV_READABLE) || is_awaited(s, sock_rx_handle(s), RX_BITS);
}

static bool tx_waits(const struct sock *s)
{
	const struct channel *tx = sock_tx(s);

	if (tx == NULL || !s->connected || s->reader_job.state != JOB_ACTIVE || s->closing)
		return false;
	if (tx->closed || (s->armed & RWS_EV_WRITABLE))
		return true;
	if (channel_source(tx) != NULL)
		return s->inflight > 0 || tx->readable > 0;
	return is_awaited(s, sock_tx_handle(s), TX_BITS);
}

/* ---- The deadline ----------------------------------------------------------------------- */

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t after(int64_t time, int64_t ns)
{
	return ns < INT64_MAX - time ? time + ns : INT64_MAX;
}

/* When one of the directions has waited for too long; INT64_MAX: none does. */
static int64_t next_expiry(const struct sock *s)
{
	int64_t ns = s->options->socket_timeout_ns;
	int64_t next = INT64_MAX;

	if (rx_waits(s))
		next = after(s->extra->limits.rx_since, ns);
	if (tx_waits(s))
		next = earlier(next, after(s->extra->limits.tx_since, ns));
	return next;
}

/* An earlier one stays: it looks again. */
static void schedule(struct sock *s)
{
	int64_t next = next_expiry(s);

	if (next < deadline_of(&s->sel->deadlines, s))
		deadline_set(&s->sel->deadlines, s, next);
}

void timeout_connecting(struct sock *s)
{
	int64_t ns = s->options->connect_timeout_ns;

	if (ns == 0)
		return;
	s->extra->limits.connect_at = after(selector_clock(s->sel), ns);
	deadline_set(&s->sel->deadlines, s, s->extra->limits.connect_at);
}

void timeout_connected(struct sock *s)
{
	if (s->closing)
		return;
	deadline_clear(&s->sel->deadlines, s);
	timeout_restart(s);
}

void timeout_linger(struct sock *s, int64_t ns)
{
	int64_t at = after(selector_clock(s->sel), ns);

	if (s->extra != NULL) {
		s->extra->limits.linger_at = at;
		if (!s->connected && s->extra->limits.connect_at != 0)
			at = earlier(at, s->extra->limits.connect_at);
	}
	deadline_set(&s->sel->deadlines, s, at);
}

/* ---- Waiting and activity --------------------------------------------------------------- */

void timeout_rx_restart(struct sock *s)
{
	s = timed(s);
	if (!has_timeout(s))
		return;
	s->extra->limits.rx_since = selector_clock(s->sel);
	schedule(s);
}

void timeout_tx_restart(struct sock *s)
{
	s = timed(s);
	if (!has_timeout(s))
		return;
	s->extra->limits.tx_since = selector_clock(s->sel);
	schedule(s);
}

void timeout_restart(struct sock *s)
{
	timeout_rx_restart(s);
	timeout_tx_restart(s);
}

void timeout_armed(struct sock *s, uint32_t bits)
{
	if (bits & RWS_EV_READABLE)
		timeout_rx_restart(s);
	if (bits & RWS_EV_WRITABLE)
		timeout_tx_restart(s);
}

/* The socket whose direction it is that an await is for, if that has a timeout. */
static struct sock *awaited(uint64_t handle, bool reading)
{
	struct channel *ch;
	struct sock *s = NULL;

	if (channel_of(handle, &ch) == 0)
		s = reading ? channel_source(ch) : channel_sink(ch);
	else if (sock_of(handle, &s) != 0)
		return NULL;
	return s != NULL && has_timeout(s) ? s : NULL;
}

void timeout_await(uint64_t handle, uint32_t bits)
{
	struct sock *rx = (bits & RX_BITS) != 0 ? awaited(handle, true) : NULL;
	struct sock *tx = (bits & TX_BITS) != 0 ? awaited(handle, false) : NULL;

	if (rx != NULL && !rx_waits(rx))
		timeout_rx_restart(rx);
	if (tx != NULL && !tx_waits(tx))
		timeout_tx_restart(tx);
}

void timeout_awaiting(uint64_t handle, uint32_t bits)
{
	struct sock *rx = (bits & RX_BITS) != 0 ? awaited(handle, true) : NULL;
	struct sock *tx = (bits & TX_BITS) != 0 ? awaited(handle, false) : NULL;

	if (rx != NULL)
		schedule(rx);
	if (tx != NULL && tx != rx)
		schedule(tx);
}

/* ---- Over ------------------------------------------------------------------------------- */

/* No answer came: as if the stack had given up, and it must. A late SYN-ACK gets RST. */
static void connect_due(struct sock *s)
{
	if (s->extra == NULL || s->extra->limits.connect_at == 0)
		return;
	s->want_abort = true;
	sock_died(s, -ETIMEDOUT);
	selector_dirty(s);
}

static void close_due(struct sock *s)
{
	int64_t linger_at = s->extra != NULL ? s->extra->limits.linger_at : 0;

	if (s->connected && linger_at > s->sel->now)
		deadline_set(&s->sel->deadlines, s, linger_at);
	else
		sock_abort(s, -ETIMEDOUT, -ETIMEDOUT);
}

/* What came before stays readable, then the reader gets the cause. */
static void rx_expired(struct sock *s)
{
	s->extra->limits.rx_over = true;
	s->rx_discard = true;
	sock_discard_waiting(s);
	job_complete(s, &s->writer_job, -ETIMEDOUT, false);
	channel_end(sock_rx(s), -ETIMEDOUT);
	sock_tell(s, RWS_EV_READABLE);
	sock_half_ended(s);
}

/* Bytes are missing from here on: a FIN behind them would hide that. */
static void tx_expired(struct sock *s)
{
	s->extra->limits.tx_over = true;
	s->want_shutdown = false;
	job_complete(s, &s->reader_job, -ETIMEDOUT, false);
	channel_fail(sock_tx(s), -ETIMEDOUT);
	sock_tell(s, RWS_EV_WRITABLE);
	sock_half_ended(s);
}

static void direction_due(struct sock *s)
{
	const struct limits *limits = &s->extra->limits;
	int64_t ns = s->options->socket_timeout_ns;

	if (rx_waits(s) && after(limits->rx_since, ns) <= s->sel->now)
		rx_expired(s);
	if (tx_waits(s) && after(limits->tx_since, ns) <= s->sel->now)
		tx_expired(s);
	schedule(s);
}

void timeout_due(struct sock *s)
{
	if (s->context.state == JOB_DONE)
		return;
	if (s->closing)
		close_due(s);
	else if (!s->connected)
		connect_due(s);
	else if (has_timeout(s))
		direction_due(s);
}
