/* SPDX-License-Identifier: BSD-3-Clause */
/* What the stack core tells of a socket. */
#include "api/socket.h"

#include <errno.h>

#include "api/address.h"

/* ---- Receiving -------------------------------------------------------------------------- */

void sock_spend(struct sock *s, struct pbuf *p)
{
	p->pkt_flags &= (u16_t)~SEGMENT_RECEIVED;
	segments_push(&s->spent, p);
	s->lent--;
	selector_dirty(s);
}

void sock_discard(struct sock *s, struct segments *list)
{
	while (!segments_empty(list)) {
		struct pbuf *p = segments_pop(list);
		s->recved += p->len;
		sock_spend(s, p);
	}
}

/* Takes a received chain in, one pbuf after the other. */
static void receive(struct sock *s, struct pbuf *chain)
{
	while (chain != NULL) {
		struct pbuf *p = chain;
		chain = p->next;
		p->pkt_flags |= SEGMENT_RECEIVED;
		s->lent++;
		s->rxq_bytes += p->len;
		segments_push(&s->rxq, p);
	}
}

/* The socket's own channel takes all: the receive window bounds it already. */
static bool rx_has_room(const struct sock *s, const struct pbuf *p)
{
	const struct channel *ch = s->rx;

	return ch->owner == s || ch->readable == 0 || p->len <= channel_room(ch);
}

/* The peer's end of stream stands behind all that it sent. */
static void end_rx(struct sock *s)
{
	channel_end(s->rx, s->dead ? s->error : 0);
	job_complete(s, &s->writer_job, s->dead ? s->error : 0, false);
}

void sock_pump_rx(struct sock *s)
{
	bool any = false;

	if (s->rx == NULL || s->rx_discard)
		return;
	while (!segments_empty(&s->rxq) && rx_has_room(s, s->rxq.head)) {
		struct pbuf *p = segments_pop(&s->rxq);
		s->rxq_bytes -= p->len;
		channel_put(s->rx, p);
		any = true;
	}
	if (any) {
		sock_tell(s, RWS_EV_READABLE);
		if (s->rx->sink != NULL)
			selector_dirty(s->rx->sink);
	}
	if (segments_empty(&s->rxq) && (s->fin_received || s->dead) && !s->rx->closed)
		end_rx(s);
}

static void data(struct sock *s, struct pbuf *chain)
{
	receive(s, chain);
	if (s->rx_discard || s->release_posted) {
		s->rxq_bytes = 0;
		sock_discard(s, &s->rxq);
	} else if (s->rx != NULL) {
		sock_pump_rx(s);
	} else {
		sock_tell(s, RWS_EV_READABLE);
	}
}

static void fin(struct sock *s)
{
	s->fin_received = true;
	sock_pump_rx(s);
	sock_tell(s, RWS_EV_RX_EOF);
}

/* ---- Sending ---------------------------------------------------------------------------- */

/* Room worth waking a writer for: a quarter of it all. */
void sock_tell_room(struct sock *s)
{
	if (s->tx != NULL && !s->tx->closed && channel_room(s->tx) >= s->tx->capacity / 4)
		sock_tell(s, RWS_EV_WRITABLE);
}

static void acked(struct sock *s, uint32_t bytes)
{
	s->inflight -= bytes < s->inflight ? bytes : s->inflight;
	if (s->kind == SOCK_UDP) {
		if (s->inflight <= (size_t)s->options.send_buffer / 4 * 3)
			sock_tell(s, RWS_EV_WRITABLE);
		return;
	}
	if (s->tx == NULL)
		return;
	if (s->tx->readable > 0)
		selector_dirty(s);
	sock_tell_room(s);
	if (s->inflight == 0 && !s->acked_told && sock_is_drained(s)) {
		s->acked_told = true;
		sock_tell(s, RWS_EV_TX_ACKED);
	}
}

static void sent(struct sock *s)
{
	s->sent = true;
	job_complete(s, &s->reader_job, 0, false);
	sock_close_step(s);
}

/* ---- Life ------------------------------------------------------------------------------- */

static void take_addresses(struct sock *s)
{
	if (s->release_posted) /* the endpoint may be another's by now */
		return;
	address_from_ip(&s->ep->local, s->ep->local_port, &s->local);
	address_from_ip(&s->ep->remote, s->ep->remote_port, &s->remote);
}

static void opened(struct sock *s, int error)
{
	s->opened = true;
	s->open_error = error;
	if (error != 0)
		sock_died(s, error);
	else
		take_addresses(s);
}

static void connected(struct sock *s)
{
	if (s->dead)
		return;
	s->connected = true;
	take_addresses(s);
	sock_tell(s, RWS_EV_CONNECTED);
	selector_dirty(s);
}

/* UDP: an ICMP error or a refused datagram; it goes on. */
static void failed(struct sock *s, int error)
{
	if (s->kind == SOCK_UDP) {
		s->event_result = error;
		s->armed |= RWS_EV_ERROR;
		sock_tell(s, RWS_EV_ERROR);
		return;
	}
	sock_died(s, error);
}

static void released(struct lane *lane, struct sock *s)
{
	if (s->kind == SOCK_LISTENER) {
		listener_released(lane, s);
		return;
	}
	s->released = true;
	s->ep = NULL;
	sock_free_if_over(s);
}

void socket_event(struct lane *lane, const struct chan_message *message)
{
	struct sock *s = message->sock;

	switch (message->kind) {
	case EV_OPENED:
		if (s->kind == SOCK_LISTENER)
			listener_opened(lane, s, message->error);
		else
			opened(s, message->error);
		break;
	case EV_CONNECTED:
		connected(s);
		break;
	case EV_ACCEPTED:
		listener_accepted(lane, s, message->ep);
		break;
	case EV_DATA:
		data(s, message->p);
		break;
	case EV_FIN:
		fin(s);
		break;
	case EV_ACKED:
		acked(s, message->length);
		break;
	case EV_SENT:
		sent(s);
		break;
	case EV_FIN_ACKED:
		s->fin_acked = true;
		sock_close_step(s);
		break;
	case EV_ERROR:
		failed(s, message->error);
		break;
	case EV_DATAGRAM:
		dgram_received(s, message);
		break;
	case EV_DROPPED:
		dgram_dropped(s, message->length);
		break;
	case EV_RELEASED:
		released(lane, s);
		break;
	default:
		break;
	}
}
