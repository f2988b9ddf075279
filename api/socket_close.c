/* SPDX-License-Identifier: BSD-3-Clause */
/* How sockets end. See the steps in socket.h. */
#include "api/socket.h"

#include <errno.h>

#include "api/cause.h"

/*
 * The stream came to its end, and all of it is in the channel: that is complete, whatever becomes of
 * the socket, and may be on its way to another one.
 */
static bool is_whole(const struct sock *s)
{
	return s->writer_job.state == JOB_DONE && s->writer_job.result == 0;
}

/*
 * What was received and what still comes is nobody's: it goes back, so the peer can go on. But what
 * is in an echo's channel waits to be sent.
 */
static void stop_receiving(struct sock *s, int cause)
{
	struct channel *rx = sock_rx(s);

	s->rx_discard = true;
	sock_discard_waiting(s);
	if (rx == NULL || is_whole(s) || rx == sock_tx(s))
		return;
	copy_last_chance(rx, cause);
	channel_drop_content(rx);
}

/* Jobs first: a channel tells what is attached to it only while the job is active. */
static void fail_rx(struct sock *s, int cause, int job_result)
{
	struct channel *rx = sock_rx(s);

	if (is_whole(s))
		return;
	job_complete(s, &s->writer_job, job_result, job_result == -ECANCELED);
	if (rx != NULL)
		channel_fail(rx, cause);
}

static void fail_tx(struct sock *s, int cause, int job_result, bool cancelled)
{
	struct channel *tx = sock_tx(s);

	job_complete(s, &s->reader_job, job_result, cancelled);
	s->inflight = 0;
	if (tx != NULL)
		channel_fail(tx, cause);
}

void sock_complete_context(struct sock *s)
{
	if (s->context.state == JOB_DONE)
		return;
	deadline_clear(&s->sel->deadlines, s);
	int result = s->error == 0 && sock_has_timed_out(s) ? -ETIMEDOUT : s->error;
	job_complete(s, &s->context, result, result == -ECANCELED);
	sock_tell(s, RWS_EV_CONTEXT_DONE);
	selector_dirty(s);
}

/* ---- Graceful --------------------------------------------------------------------------- */

void sock_close_step(struct sock *s)
{
	if (!s->closing || s->context.state == JOB_DONE)
		return;
	if (s->reader_job.state == JOB_ACTIVE || (s->linger_for_ack && !s->fin_acked))
		return;
	fail_rx(s, -ECANCELED, -ECANCELED);
	sock_complete_context(s);
}

static bool has_bytes_to_send(const struct channel *tx)
{
	return tx != NULL && (tx->readable > 0 || tx->unflushed > 0);
}

static void close_tcp(struct sock *s, int64_t linger_ns)
{
	struct channel *tx = sock_tx(s);

	if (s->dead) {
		stop_receiving(s, -ECANCELED);
		fail_rx(s, -ECANCELED, -ECANCELED);
		return;
	}
	if (sock_is_truncated(s)) {
		sock_abort(s, -ETIMEDOUT, -ETIMEDOUT);
		return;
	}
	if (s->options->linger_zero || (!s->connected && !has_bytes_to_send(tx))) {
		sock_abort(s, 0, -ECANCELED);
		return;
	}
	if (tx != NULL)
		channel_end(tx, 0);
	stop_receiving(s, -ECANCELED);
	s->want_shutdown = tx != NULL || s->linger_for_ack;
	if (s->want_shutdown)
		timeout_linger(s, linger_ns);
	selector_dirty(s);
	sock_arm(s, RWS_EV_TX_DRAINED | RWS_EV_TX_ACKED);
	sock_close_step(s);
}

/* What was written and not flushed is a datagram, too; the job ends when all are on their way. */
static void close_udp(struct sock *s, int64_t linger_ns)
{
	struct channel *tx = sock_tx(s);

	s->linger_for_ack = false; /* nobody acknowledges */
	stop_receiving(s, -ECANCELED);
	if (tx != NULL)
		channel_end(tx, 0);
	if (s->reader_job.state == JOB_ACTIVE)
		timeout_linger(s, linger_ns);
	selector_dirty(s);
	sock_close_step(s);
}

void sock_close(struct sock *s, int64_t linger_ns)
{
	if (s->closing)
		return;
	s->closing = true;
	switch (s->kind) {
	case SOCK_LISTENER:
		listener_close(s);
		sock_complete_context(s);
		break;
	case SOCK_UDP:
		close_udp(s, linger_ns);
		break;
	default:
		close_tcp(s, linger_ns);
		break;
	}
}

void sock_half_ended(struct sock *s)
{
	if (!s->dead && s->reader_job.state == JOB_DONE && s->writer_job.state == JOB_DONE &&
		sock_has_timed_out(s))
		sock_close(s, s->options->linger_ns);
}

/* ---- At once ---------------------------------------------------------------------------- */

void sock_abort(struct sock *s, int cause, int job_result)
{
	if (s->kind != SOCK_TCP) {
		if (s->error == 0 && s->context.state != JOB_DONE)
			s->error = cause_pack(cause);
		if (s->kind == SOCK_UDP)
			fail_tx(s, job_result, job_result, job_result != -ETIMEDOUT);
		sock_close(s, 0);
		sock_close_step(s); /* of a close that was under way */
		return;
	}
	if (s->dead || s->context.state == JOB_DONE)
		return;
	s->closing = s->dead = s->want_abort = true;
	if (s->error == 0)
		s->error = cause_pack(cause);
	fail_tx(s, job_result, job_result, job_result != -ETIMEDOUT);
	stop_receiving(s, -ECANCELED);
	fail_rx(s, -ECANCELED, -ECANCELED);
	sock_complete_context(s);
	selector_dirty(s);
}

void sock_died(struct sock *s, int error)
{
	if (s->dead)
		return;
	s->dead = true;
	if (s->error == 0)
		s->error = cause_pack(error);
	fail_tx(s, error, error, false);
	struct channel *rx = sock_rx(s);
	if (s->options->rst_drop || s->closing) {
		stop_receiving(s, error);
		fail_rx(s, error, error);
	} else if (rx != NULL) {
		/* Contract, decision 1: what came in order is read first. */
		sock_pump_rx(s);
		channel_end(rx, error);
		job_complete(s, &s->writer_job, error, false);
	}
	sock_tell(s, RWS_EV_ERROR);
	sock_complete_context(s);
	listener_forget(s);
}

/* Of its own channels; after a close there is at most one left, which did not run again. */
static void forget_copies(struct sock *s)
{
	if (s->kind != SOCK_TCP)
		return;
	copies_end(&s->write_channel, -ECANCELED);
	if (s->read_channel.role == CHANNEL_READ)
		copy_forget(&s->read_channel);
}

void sock_dispose(struct sock *s)
{
	if (s->disposed)
		return;
	struct channel *rx = sock_rx(s);
	bool is_ours = rx != NULL && rx->role == CHANNEL_READ; /* and goes with the socket */
	sock_close(s, s->options->linger_ns);
	sock_discard_waiting(s);
	if (is_ours)
		copy_last_chance(rx, -ECANCELED);
	forget_copies(s);
	if (is_ours)
		channel_drop_content(rx);
	s->disposed = true;
	s->rx_discard |= rx == NULL || is_ours;
	slot_retire(&s->sel->socks, &s->slot);
	sock_forget_events(s);
	sock_free_if_over(s);
}
