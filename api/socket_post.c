/* SPDX-License-Identifier: BSD-3-Clause */
/* What a socket wants of its stack core, as messages. See the theory of operation in socket.h. */
#include "api/socket.h"

#include "api/host.h"
#include "api/layer.h"

/*
 * Bytes in one REQ_SEND, so that tot_len holds them: this and one more buffer stay below 65,536.
 */
#define SEND_MAX 32768u

static bool post(struct sock *s, struct chan_message *message)
{
	message->ep = s->release_posted ? NULL : s->ep;
	message->sock = s;
	return chan_post(sock_lane(s)->chan, message);
}

static bool post_open(struct sock *s)
{
	enum chan_request kind = s->kind == SOCK_UDP ? REQ_UDP_OPEN
		: s->opened                          ? REQ_ADOPT
						     : REQ_CONNECT;
	struct chan_message message = {.kind = kind};

	if (s->open_posted)
		return true;
	if (!s->opened)
		message.setup = s->extra->setup;
	s->open_posted = post(s, &message);
	return s->open_posted;
}

static bool post_recved(struct sock *s)
{
	struct chan_message message = {
		.kind = REQ_RECVED, .length = s->recved, .count = dgram_spent(s), .p = s->spent};

	if (s->recved == 0 && s->spent == NULL)
		return true;
	if (!post(s, &message))
		return false;
	dgram_forget_spent(s);
	s->spent = NULL;
	s->recved = 0;
	return true;
}

static bool post_want(struct sock *s)
{
	struct chan_message message = {.kind = REQ_WANT};

	if (!s->wants || s->dead)
		return true;
	s->wants = !post(s, &message);
	return !s->wants;
}

/* Takes flushed buffers off the channel, as many as one message and the send buffer allow. */
static uint32_t take(struct sock *s, struct channel *tx, struct segments *list)
{
	uint32_t bytes = 0;
	struct pbuf *p;

	while (bytes < SEND_MAX && s->inflight < s->send_buffer &&
		(p = channel_take(tx, SIZE_MAX, s)) != NULL) {
		segments_push(list, p);
		bytes += p->len;
		s->inflight += p->len;
		s->tx_told = s->acked_told = false;
	}
	return bytes;
}

/* One message of bytes to send; false: there is none to send, or no buffer to part them with. */
static bool post_bytes(struct sock *s, struct channel *tx)
{
	struct segments list = {0};
	struct chan_message message = {.kind = REQ_SEND, .length = take(s, tx, &list)};

	if (message.length == 0)
		return false;
	message.p = segments_chain(&list, message.length);
	timeout_tx_restart(s);
	return post(s, &message);
}

bool sock_is_drained(const struct sock *s)
{
	const struct channel *tx = sock_tx(s);

	return tx == NULL || !channel_has_flushed(tx);
}

static bool post_data(struct sock *s)
{
	struct channel *tx = sock_tx(s);

	if (tx == NULL || !s->connected || s->dead)
		return true;
	if (s->kind == SOCK_UDP)
		return dgram_post(s, tx);
	while (tx->readable > 0) {
		/* Buffers stay in the channel until there is a place for the message. */
		if (chan_post_room(sock_lane(s)->chan) == 0)
			return false;
		if (!post_bytes(s, tx))
			break;
	}
	if (tx->role == CHANNEL_OWN)
		sock_tell_room(s);
	if (!s->tx_told && sock_is_drained(s)) {
		s->tx_told = true;
		sock_tell(s, RWS_EV_TX_DRAINED);
	}
	return true;
}

static bool post_shutdown(struct sock *s)
{
	struct chan_message message = {.kind = REQ_SHUTDOWN};

	if (s->kind == SOCK_UDP || !s->want_shutdown || s->shutdown_posted || !s->connected ||
		s->dead || !sock_is_drained(s))
		return true;
	s->shutdown_posted = post(s, &message);
	return s->shutdown_posted;
}

static bool post_abort(struct sock *s)
{
	struct chan_message message = {.kind = REQ_ABORT};

	if (!s->want_abort || s->abort_posted)
		return true;
	s->abort_posted = post(s, &message);
	return s->abort_posted;
}

/* Once nothing of the endpoint's is out any more, and nobody waits for what it may still tell. */
static bool post_release(struct sock *s)
{
	struct chan_message message = {.kind = REQ_RELEASE};

	if (s->context.state != JOB_DONE || s->lent != 0)
		return true;
	s->release_posted = post(s, &message);
	return s->release_posted;
}

bool sock_post(struct sock *s)
{
	if (s->kind == SOCK_LISTENER)
		return listener_post(s);
	if (sock_has_layer(s))
		return layer_post(s);
	if (sock_has_host(s) && !host_post(s))
		return false;
	/* What crossed REQ_RELEASE on its way, or came to no connection, names no endpoint. */
	if (s->release_posted || s->ep == NULL) {
		bool told = post_recved(s);
		sock_free_if_over(s);
		return told;
	}
	return post_open(s) && post_recved(s) && post_want(s) && post_data(s) && post_shutdown(s) &&
		post_abort(s) && post_release(s);
}
