/* SPDX-License-Identifier: BSD-3-Clause */
/* What a socket wants of its stack core, as messages. See the theory of operation in socket.h. */
#include "api/socket.h"

/*
 * Bytes in one REQ_SEND, so that tot_len holds them: this and one more buffer stay below 65,536.
 */
#define SEND_MAX 32768u

static bool post(struct sock *s, struct chan_message *message)
{
	message->ep = s->release_posted ? NULL : s->ep;
	message->sock = s;
	return chan_post(s->lane->chan, message);
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
		message.setup = &s->setup;
	s->open_posted = post(s, &message);
	return s->open_posted;
}

static bool post_recved(struct sock *s)
{
	struct chan_message message = {.kind = REQ_RECVED,
		.length = s->recved,
		.count = s->spent_count,
		.p = s->spent.head};

	if (s->recved == 0 && segments_empty(&s->spent))
		return true;
	if (!post(s, &message))
		return false;
	s->spent = (struct segments){0};
	s->spent_count = 0;
	s->recved = 0;
	return true;
}

/* Takes flushed buffers off the channel, as many as one message and the send buffer allow. */
static void stage(struct sock *s)
{
	struct pbuf *p;

	while (s->staged_bytes < SEND_MAX && s->inflight < s->options.send_buffer &&
		(p = channel_take(s->tx)) != NULL) {
		segments_push(&s->staged, p);
		s->staged_bytes += p->len;
		s->inflight += p->len;
		s->tx_told = s->acked_told = false;
	}
}

static bool post_staged(struct sock *s)
{
	struct chan_message message = {
		.kind = REQ_SEND, .p = s->staged.head, .length = s->staged_bytes};

	segments_set_total(s->staged.head, s->staged_bytes);
	if (!post(s, &message))
		return false;
	s->staged = (struct segments){0};
	s->staged_bytes = 0;
	return true;
}

bool sock_is_drained(const struct sock *s)
{
	return segments_empty(&s->staged) && (s->tx == NULL || s->tx->readable == 0);
}

static bool post_data(struct sock *s)
{
	if (s->tx == NULL || !s->connected || s->dead)
		return true;
	for (;;) {
		if (segments_empty(&s->staged))
			stage(s);
		if (segments_empty(&s->staged))
			break;
		if (!post_staged(s))
			return false;
	}
	if (s->tx->owner != s)
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

	if (!s->want_shutdown || s->shutdown_posted || !s->connected || s->dead ||
		!sock_is_drained(s))
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
	/* What crossed REQ_RELEASE on its way goes back without naming the endpoint. */
	if (s->release_posted) {
		bool told = post_recved(s);
		sock_free_if_over(s);
		return told;
	}
	return post_open(s) && post_recved(s) && post_data(s) && post_shutdown(s) &&
		post_abort(s) && post_release(s);
}
