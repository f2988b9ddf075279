/* SPDX-License-Identifier: BSD-3-Clause */
/* Joins channels to the two directions of a socket. */
#include "api/socket.h"

#include <errno.h>

/* ---- Whether ---------------------------------------------------------------------------- */

/* The direction is checked before anything is touched: a refused attach has no effect. */
static int may_attach(const struct sock *s, bool had)
{
	if (s->kind == SOCK_LISTENER)
		return -EINVAL;
	if (s->kind == SOCK_UDP)
		return -EOPNOTSUPP;
	if (had)
		return -EALREADY;
	return s->closing ? -ESHUTDOWN : 0;
}

/* ---- Doing it --------------------------------------------------------------------------- */

static void attach_rx(struct sock *s, struct channel *ch)
{
	s->had_reader = true;
	s->rx = ch;
	ch->source = s;
	ch->had_source = true;
	job_start(&s->writer_job, ch->handle);
	sock_pump_rx(s);
	if (s->dead && !ch->closed) {
		channel_end(ch, s->error);
		job_complete(s, &s->writer_job, s->error, false);
	}
}

static void attach_tx(struct sock *s, struct channel *ch)
{
	s->had_writer = true;
	s->tx = ch;
	ch->sink = s;
	ch->had_sink = true;
	s->want_shutdown |= ch->closed;
	job_start(&s->reader_job, ch->handle);
	if (s->dead) {
		channel_fail(ch, s->error);
		job_complete(s, &s->reader_job, s->error, false);
	}
	selector_dirty(s);
}

int rws_open_read_channel(rws_socket_t handle, rws_channel_t *out)
{
	struct sock *s;
	int result = sock_of(handle, &s);

	if (result == 0)
		result = may_attach(s, s->had_reader);
	if (result != 0)
		return result;
	*out = handle_make(HANDLE_READ_CHANNEL, s->sel->id, &s->slot);
	channel_init(&s->read_channel, s->sel, *out, s->options.receive_buffer, false);
	s->read_channel.owner = s;
	attach_rx(s, &s->read_channel);
	return 0;
}

int rws_open_write_channel(rws_socket_t handle, bool auto_flush, rws_channel_t *out)
{
	struct sock *s;
	int result = sock_of(handle, &s);

	if (result == 0)
		result = may_attach(s, s->had_writer);
	if (result != 0)
		return result;
	*out = handle_make(HANDLE_WRITE_CHANNEL, s->sel->id, &s->slot);
	channel_init(&s->write_channel, s->sel, *out, s->options.send_buffer, auto_flush);
	s->write_channel.owner = s;
	attach_tx(s, &s->write_channel);
	return 0;
}

int rws_connection(rws_socket_t handle, rws_channel_t *in, rws_channel_t *out)
{
	struct sock *s;
	int result = sock_of(handle, &s);

	if (result == 0)
		result = may_attach(s, s->had_reader || s->had_writer);
	if (result != 0)
		return result;
	rws_open_read_channel(handle, in);
	return rws_open_write_channel(handle, false, out);
}

/* The channel of an attach, and whether it may be: -ESHUTDOWN fails the channel, as ktor does. */
static int user_channel(struct sock *s, rws_channel_t handle, bool reading, struct channel **ch)
{
	int result = channel_of(handle, ch);

	if (result != 0)
		return result;
	if ((*ch)->owner != NULL || (*ch)->sel != s->sel)
		return -EINVAL;
	result = may_attach(s, reading ? s->had_reader : s->had_writer);
	if (result == 0 && (reading ? (*ch)->had_source : (*ch)->had_sink))
		result = -EALREADY;
	if (result == -ESHUTDOWN)
		rws_channel_close(handle, -ESHUTDOWN);
	return result;
}

int rws_attach_for_reading(rws_socket_t handle, rws_channel_t channel, rws_job_t *writer_job)
{
	struct channel *ch;
	struct sock *s;
	int result = sock_of(handle, &s);

	if (result == 0)
		result = user_channel(s, channel, true, &ch);
	if (result != 0)
		return result;
	if (ch->closed)
		return ch->cause != 0 ? ch->cause : -ESHUTDOWN;
	attach_rx(s, ch);
	if (writer_job != NULL)
		*writer_job = job_handle(s, &s->writer_job);
	return 0;
}

int rws_attach_for_writing(rws_socket_t handle, rws_channel_t channel, rws_job_t *reader_job)
{
	struct channel *ch;
	struct sock *s;
	int result = sock_of(handle, &s);

	if (result == 0)
		result = user_channel(s, channel, false, &ch);
	if (result != 0)
		return result;
	if (ch->failed)
		return ch->cause;
	attach_tx(s, ch);
	if (reader_job != NULL)
		*reader_job = job_handle(s, &s->reader_job);
	return 0;
}

/* ---- The other side of the channel is done ---------------------------------------------- */

void sock_rx_channel_closed(struct sock *s, int cause)
{
	s->rx_discard = true;
	s->rxq_bytes = 0;
	sock_discard(s, &s->rxq);
	job_complete(s, &s->writer_job, cause, cause != 0);
}

void sock_tx_channel_closed(struct sock *s, int cause)
{
	if (cause != 0) {
		sock_abort(s, cause, cause);
		return;
	}
	s->want_shutdown = true;
	sock_arm(s, RWS_EV_TX_DRAINED | RWS_EV_TX_ACKED);
	selector_dirty(s);
}

void sock_cancel_writer_job(struct sock *s)
{
	channel_fail(s->rx, -ECANCELED);
}

void sock_detach_rx(struct sock *s)
{
	if (s->rx != NULL)
		s->rx->source = NULL;
	s->rx = NULL;
}

void sock_detach_tx(struct sock *s)
{
	if (s->tx != NULL)
		s->tx->sink = NULL;
	s->tx = NULL;
}
