/* SPDX-License-Identifier: BSD-3-Clause */
/* How sockets end. See the steps in socket.h. */
#include "api/socket.h"

#include <errno.h>

static void discard_rxq(struct sock *s)
{
	s->rxq_bytes = 0;
	sock_discard(s, &s->rxq);
}

/* What was received and what still comes is nobody's: it goes back, so the peer can go on. */
static void stop_receiving(struct sock *s)
{
	s->rx_discard = true;
	discard_rxq(s);
	if (s->rx != NULL)
		channel_drop_content(s->rx);
}

/* Jobs first: a channel tells what is attached to it only while the job is active. */
static void fail_rx(struct sock *s, int cause, int job_result)
{
	job_complete(s, &s->writer_job, job_result, job_result == -ECANCELED);
	if (s->rx != NULL)
		channel_fail(s->rx, cause);
}

static void fail_tx(struct sock *s, int cause, int job_result, bool cancelled)
{
	job_complete(s, &s->reader_job, job_result, cancelled);
	segments_free(&s->staged);
	s->staged_bytes = 0;
	s->inflight = 0;
	if (s->tx != NULL)
		channel_fail(s->tx, cause);
}

void sock_complete_context(struct sock *s)
{
	if (s->context.state == JOB_DONE)
		return;
	deadline_clear(&s->sel->deadlines, s);
	job_complete(s, &s->context, s->error, s->error == -ECANCELED);
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

static bool has_bytes_to_send(const struct sock *s)
{
	return s->tx != NULL && (s->tx->readable > 0 || s->tx->unflushed > 0);
}

static void close_tcp(struct sock *s, int64_t linger_ns)
{
	if (s->dead) {
		stop_receiving(s);
		fail_rx(s, -ECANCELED, -ECANCELED);
		return;
	}
	if (s->options.linger_zero || (!s->connected && !has_bytes_to_send(s))) {
		sock_abort(s, 0, -ECANCELED);
		return;
	}
	stop_receiving(s);
	if (s->tx != NULL)
		channel_end(s->tx, 0);
	s->want_shutdown = s->tx != NULL || s->linger_for_ack;
	if (s->want_shutdown)
		deadline_set(&s->sel->deadlines, s, s->sel->now + linger_ns);
	selector_dirty(s);
	sock_arm(s, RWS_EV_TX_DRAINED | RWS_EV_TX_ACKED);
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
		dgram_drop_all(s);
		sock_complete_context(s);
		break;
	default:
		close_tcp(s, linger_ns);
		break;
	}
}

void sock_linger_expired(struct sock *s)
{
	if (s->context.state != JOB_DONE)
		sock_abort(s, -ETIMEDOUT, -ETIMEDOUT);
}

/* ---- At once ---------------------------------------------------------------------------- */

void sock_abort(struct sock *s, int cause, int job_result)
{
	if (s->kind != SOCK_TCP) {
		if (s->error == 0 && s->context.state != JOB_DONE)
			s->error = cause;
		sock_close(s, 0);
		return;
	}
	if (s->dead || s->context.state == JOB_DONE)
		return;
	s->closing = s->dead = s->want_abort = true;
	if (s->error == 0)
		s->error = cause;
	fail_tx(s, job_result, job_result, job_result != -ETIMEDOUT);
	stop_receiving(s);
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
		s->error = error;
	fail_tx(s, error, error, false);
	if (s->options.rst_drop || s->closing) {
		stop_receiving(s);
		fail_rx(s, error, error);
	} else if (s->rx != NULL) {
		/* Contract, decision 1: what came in order is read first. */
		sock_pump_rx(s);
		channel_end(s->rx, error);
		job_complete(s, &s->writer_job, error, false);
	}
	s->event_result = error;
	sock_tell(s, RWS_EV_ERROR);
	sock_complete_context(s);
	listener_forget(s);
}

void sock_dispose(struct sock *s)
{
	if (s->disposed)
		return;
	sock_close(s, s->options.linger_ns);
	discard_rxq(s);
	if (s->rx == &s->read_channel)
		channel_drop_content(s->rx);
	s->disposed = true;
	s->rx_discard |= s->rx == NULL || s->rx == &s->read_channel;
	slot_retire(&s->sel->socks, &s->slot);
	sock_forget_events(s);
	sock_free_if_over(s);
}
