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
	if (s->kind == SOCK_UDP && !s->connected)
		return -ENOTCONN;
	if (had)
		return -EALREADY;
	return s->closing ? -ESHUTDOWN : 0;
}

/* Received datagrams go to one taker: a channel, or rws_receive. */
static int may_attach_rx(const struct sock *s)
{
	int result = may_attach(s, s->had_reader);

	return result == 0 && s->kind == SOCK_UDP && dgram_is_received(s) ? -EBUSY : result;
}

/*
 * Whether the application's own channel can carry datagrams of s, or not: it has either boundaries or
 * none, so it is joined to nothing at its other side.
 */
static int may_carry(const struct sock *s, const struct own_channel *own, bool reading)
{
	size_t held = (size_t)own->channel.readable + own->channel.unflushed;
	bool joined = reading ? own->had_sink : own->had_source;

	if (s->kind != SOCK_UDP)
		return own->channel.datagrams ? -EOPNOTSUPP : 0;
	if (joined)
		return -EOPNOTSUPP;
	if (reading)
		return held > 0 ? -EINVAL : 0;
	if (channel_granted(&own->channel) != NULL) /* room in a buffer that would leave at once */
		return -EBUSY;
	return held > RWS_DATAGRAM_MAX ? -EMSGSIZE : 0;
}

/* ---- Doing it --------------------------------------------------------------------------- */

static void attach_rx(struct sock *s, struct channel *ch)
{
	s->had_reader = true;
	job_start(&s->writer_job);
	timeout_rx_restart(s);
	sock_pump_rx(s);
	if (s->dead && !ch->closed) {
		channel_end(ch, s->error);
		job_complete(s, &s->writer_job, s->error, false);
	}
}

static void attach_tx(struct sock *s, struct channel *ch)
{
	s->had_writer = true;
	s->want_shutdown |= ch->closed;
	job_start(&s->reader_job);
	timeout_tx_restart(s);
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
		result = may_attach_rx(s);
	if (result != 0)
		return result;
	/* What waited in it is there to be read. */
	s->read_channel.role = CHANNEL_READ;
	s->read_channel.datagrams = s->kind == SOCK_UDP;
	s->read_channel.total_written = s->read_channel.readable;
	if (s->read_channel.readable > 0)
		sock_tell(s, RWS_EV_READABLE);
	attach_rx(s, &s->read_channel);
	*out = sock_rx_handle(s);
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
	s->write_channel.role = CHANNEL_WRITE;
	s->write_channel.datagrams = s->kind == SOCK_UDP;
	s->write_channel.auto_flush = auto_flush;
	attach_tx(s, &s->write_channel);
	*out = sock_tx_handle(s);
	return 0;
}

int rws_connection(rws_socket_t handle, rws_channel_t *in, rws_channel_t *out)
{
	struct sock *s;
	int result = sock_of(handle, &s);

	if (result == 0)
		result = may_attach(s, s->had_writer);
	if (result == 0)
		result = may_attach_rx(s);
	if (result != 0)
		return result;
	rws_open_read_channel(handle, in);
	return rws_open_write_channel(handle, false, out);
}

/* The channel of an attach, and whether it may be: -ESHUTDOWN fails the channel, as ktor does. */
static int own_channel(struct sock *s, rws_channel_t handle, bool reading, struct own_channel **own)
{
	struct channel *ch;
	int result = channel_of(handle, &ch);

	if (result != 0)
		return result;
	if (ch->role != CHANNEL_OWN || channel_own(ch)->sel != s->sel)
		return -EINVAL;
	*own = channel_own(ch);
	result = reading ? may_attach_rx(s) : may_attach(s, s->had_writer);
	if (result == 0 && (reading ? (*own)->had_source : (*own)->had_sink))
		result = -EALREADY;
	if (result == 0 && (reading ? channel_writing_copy(ch) : channel_reading_copy(ch)) != NULL)
		result = -EBUSY;
	if (result == -ESHUTDOWN)
		rws_channel_close(handle, -ESHUTDOWN);
	return result == 0 ? may_carry(s, *own, reading) : result;
}

int rws_attach_for_reading(rws_socket_t handle, rws_channel_t channel, rws_job_t *writer_job)
{
	struct own_channel *own;
	struct sock *s;
	int result = sock_of(handle, &s);

	if (result == 0)
		result = own_channel(s, channel, true, &own);
	if (result != 0)
		return result;
	if (own->channel.closed)
		return own->channel.cause != 0 ? own->channel.cause : -ESHUTDOWN;
	struct sock_extra *extra = sock_make_extra(s);
	if (extra == NULL)
		return -ENOMEM;
	/* The caller does not write to it any more: what he wrote comes before what is received. */
	channel_drop_grant(&own->channel);
	channel_flush(&own->channel);
	extra->rx = (struct attached){own, channel};
	own->channel.datagrams = s->kind == SOCK_UDP;
	own->source = s;
	own->had_source = true;
	attach_rx(s, &own->channel);
	if (writer_job != NULL)
		*writer_job = job_handle(s, &s->writer_job);
	return 0;
}

int rws_attach_for_writing(rws_socket_t handle, rws_channel_t channel, rws_job_t *reader_job)
{
	struct own_channel *own;
	struct sock *s;
	int result = sock_of(handle, &s);

	if (result == 0)
		result = own_channel(s, channel, false, &own);
	if (result != 0)
		return result;
	if (own->channel.failed)
		return own->channel.cause;
	struct sock_extra *extra = sock_make_extra(s);
	if (extra == NULL)
		return -ENOMEM;
	extra->tx = (struct attached){own, channel};
	own->sink = s;
	own->had_sink = true;
	own->channel.datagrams = s->kind == SOCK_UDP;
	if (own->channel.datagrams && own->channel.readable > 0)
		channel_flush(&own->channel); /* what was flushed before is the first one */
	attach_tx(s, &own->channel);
	if (reader_job != NULL)
		*reader_job = job_handle(s, &s->reader_job);
	return 0;
}

rws_channel_t sock_rx_handle(const struct sock *s)
{
	if (s->read_channel.role == CHANNEL_READ)
		return handle_make(HANDLE_READ_CHANNEL, s->sel->id, &s->slot);
	return s->extra != NULL ? s->extra->rx.handle : RWS_NONE;
}

rws_channel_t sock_tx_handle(const struct sock *s)
{
	if (s->write_channel.role == CHANNEL_WRITE)
		return handle_make(HANDLE_WRITE_CHANNEL, s->sel->id, &s->slot);
	return s->extra != NULL ? s->extra->tx.handle : RWS_NONE;
}

/* ---- The other side of the channel is done ---------------------------------------------- */

void sock_rx_channel_closed(struct sock *s, int cause)
{
	s->rx_discard = true;
	sock_discard_waiting(s);
	job_complete(s, &s->writer_job, cause, cause != 0);
	sock_half_ended(s);
}

void sock_tx_channel_closed(struct sock *s, int cause)
{
	if (cause != 0 && s->kind == SOCK_UDP) /* no peer would be told */
		job_complete(s, &s->reader_job, cause, true);
	else if (cause != 0)
		sock_abort(s, cause, cause);
	if (cause != 0)
		return;
	s->want_shutdown = true;
	timeout_tx_restart(s);
	sock_arm(s, RWS_EV_TX_DRAINED | RWS_EV_TX_ACKED);
	selector_dirty(s);
}

void sock_cancel_writer_job(struct sock *s)
{
	channel_fail(sock_rx(s), -ECANCELED);
}

void sock_cancel_reader_job(struct sock *s)
{
	if (s->kind == SOCK_UDP)
		channel_fail(sock_tx(s), -ECANCELED);
	else
		sock_abort(s, -ECANCELED, -ECANCELED);
}

void sock_detach_rx(struct sock *s)
{
	struct attached *rx = s->extra != NULL ? &s->extra->rx : NULL;

	if (rx == NULL || rx->own == NULL)
		return;
	rx->own->source = NULL;
	rx->own = NULL;
}

void sock_detach_tx(struct sock *s)
{
	struct attached *tx = s->extra != NULL ? &s->extra->tx : NULL;

	if (tx == NULL || tx->own == NULL)
		return;
	tx->own->sink = NULL;
	tx->own = NULL;
}
