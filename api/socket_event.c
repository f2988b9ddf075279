/* SPDX-License-Identifier: BSD-3-Clause */
/* What the stack core tells of a socket. */
#include "api/socket.h"

#include <errno.h>
#include <string.h>

#include "api/address.h"
#include "api/host.h"
#include "driver/pktbuf.h"

#define GROWTH_STEP 4u /* a send buffer grows by a quarter at least */

/* ---- Receiving -------------------------------------------------------------------------- */

/* To the chain of those that go back. */
static void send_back(struct sock *s, struct pbuf *p)
{
	p->next = s->spent;
	s->spent = p;
	selector_dirty(s);
}

void sock_spend(struct sock *s, struct pbuf *p)
{
	p->pkt_flags &= (u16_t)~SEGMENT_RECEIVED;
	s->lent--;
	if (p->pkt_flags & SEGMENT_SMALL) {
		small_segment_give(&s->sel->small, p);
		selector_dirty(s);
	} else {
		send_back(s, p);
	}
}

void sock_return(struct sock *s, struct pbuf *chain)
{
	while (chain != NULL) {
		struct pbuf *p = chain;
		chain = p->next;
		send_back(s, p);
	}
}

/* The place where received bytes wait that are in no channel of the application's yet. */
static struct channel *waiting(struct sock *s)
{
	bool unopened = s->kind == SOCK_TCP && s->read_channel.role == CHANNEL_UNOPENED;

	return unopened ? &s->read_channel : NULL;
}

void sock_discard_waiting(struct sock *s)
{
	struct channel *ch = waiting(s);

	if (s->kind == SOCK_UDP)
		dgram_drop_all(s);
	if (ch == NULL)
		return;
	ch->readable = 0;
	while (!segments_empty(&ch->list)) {
		struct pbuf *p = segments_pop(&ch->list);
		s->recved += p->len;
		sock_spend(s, p);
	}
}

static unsigned room_in(const struct pbuf *p)
{
	if ((p->pkt_flags & SEGMENT_RECEIVED) == 0)
		return 0;
	return p->pkt_flags & SEGMENT_SMALL ? small_segment_room(p) : pktbuf_room(p);
}

/*
 * A small segment goes into what is left of the last buffer, if that is one of the stack core's: it
 * would keep 2 KiB for a few bytes, and to hand it on costs more than to copy it.
 */
static bool gather(struct sock *s, struct pbuf *p)
{
	struct channel *ch = &s->read_channel;
	struct pbuf *tail = ch->list.tail;

	if (p->len > SMALL_SEGMENT || tail == NULL || room_in(tail) < p->len)
		return false;
	memcpy((char *)tail->payload + tail->len, p->payload, p->len);
	tail->len = (u16_t)(tail->len + p->len);
	ch->readable += p->len;
	ch->total_written += p->len;
	send_back(s, p);
	return true;
}

/* The first of an idle socket keeps its buffer, unless those are short: then its bytes move. */
static struct pbuf *spare(struct sock *s, struct pbuf *p)
{
	if (p->len > SMALL_SEGMENT || !segments_empty(&s->read_channel.list) || pktbuf_is_spare(p))
		return p;
	struct pbuf *small = small_segment_take(&s->sel->small);
	if (small == NULL)
		return p;
	memcpy(small->payload, p->payload, p->len);
	small->len = p->len;
	send_back(s, p);
	return small;
}

/* Takes a received chain in, one pbuf after the other: into the read channel, opened or not. */
static void receive(struct sock *s, struct pbuf *chain)
{
	while (chain != NULL) {
		struct pbuf *p = chain;
		chain = p->next;
		if (gather(s, p))
			continue;
		p = spare(s, p);
		p->pkt_flags |= SEGMENT_RECEIVED;
		s->lent++;
		channel_put(&s->read_channel, p);
	}
}

/* A received chain goes back at once: nobody wants the bytes. */
static void refuse(struct sock *s, struct pbuf *chain)
{
	while (chain != NULL) {
		struct pbuf *p = chain;
		chain = p->next;
		s->recved += p->len;
		send_back(s, p);
	}
}

/* The peer's end of stream stands behind all that it sent. */
static void end_rx(struct sock *s, struct channel *rx)
{
	int cause = s->dead ? s->error : 0;

	channel_end(rx, cause);
	job_complete(s, &s->writer_job, cause, false);
	sock_half_ended(s);
}

static void move_first(struct channel *from, struct channel *to)
{
	from->readable -= segments_head(&from->list)->len;
	channel_put(to, segments_pop(&from->list));
}

/* From where it waits into the application's own channel, as far as that has room. */
static void move_waiting(struct sock *s, struct channel *from, struct channel *to)
{
	struct pbuf *p;
	bool any = false;

	while ((p = segments_head(&from->list)) != NULL &&
		(to->readable == 0 || p->len <= channel_room(to))) {
		move_first(from, to);
		any = true;
	}
	if (!any)
		return;
	sock_tell(s, RWS_EV_READABLE);
	channel_tell_reader(to);
}

void sock_pump_rx(struct sock *s)
{
	struct channel *rx = sock_rx(s);
	struct channel *from = waiting(s);

	if (s->kind == SOCK_UDP) {
		dgram_pump(s);
		return;
	}
	if (rx == NULL || s->rx_discard)
		return;
	if (from != NULL)
		move_waiting(s, from, rx);
	if ((from == NULL || segments_empty(&from->list)) && (s->fin_received || s->dead) &&
		!rx->closed)
		end_rx(s, rx);
}

bool sock_pull_rx(struct sock *s)
{
	struct channel *rx = sock_rx(s), *from = waiting(s);

	if (rx == NULL || from == NULL || s->rx_discard || segments_empty(&from->list) ||
		channel_room(rx) == 0)
		return false;
	move_first(from, rx);
	sock_pump_rx(s);
	return true;
}

static void data(struct sock *s, struct pbuf *chain)
{
	timeout_rx_restart(s);
	if (s->rx_discard || s->release_posted) {
		refuse(s, chain);
		return;
	}
	receive(s, chain);
	if (waiting(s) != NULL && sock_rx(s) != NULL)
		sock_pump_rx(s);
	else if (channel_reading_copy(&s->read_channel) != NULL)
		copy_reader_due(&s->read_channel);
	else
		sock_tell(s, RWS_EV_READABLE);
}

static void fin(struct sock *s)
{
	s->fin_received = true;
	sock_pump_rx(s);
	sock_tell(s, RWS_EV_RX_EOF);
}

/* ---- Sending ---------------------------------------------------------------------------- */

/* Room worth waking a writer for: a quarter of it all, and a buffer. */
static bool has_room(const struct sock *s, const struct channel *tx)
{
	if (s->kind == SOCK_UDP) /* also without a channel */
		return s->inflight <= (size_t)s->send_buffer / 4 * 3;
	return tx != NULL && !tx->closed && sock_has_share(s) &&
		channel_room(tx) >= channel_capacity(tx) / 4;
}

void sock_tell_room(struct sock *s)
{
	const struct channel *tx = sock_tx(s);

	if (tx != NULL)
		copy_writer_due(tx);
	if ((s->armed & RWS_EV_WRITABLE) && has_room(s, tx)) /* else nobody waits for it */
		sock_tell(s, RWS_EV_WRITABLE);
}

/*
 * Auto-tuning: grows with the congestion window. By steps worth the while, within what all of the
 * selector's sockets may have beyond their options, and not while one of them waits for buffers.
 */
static void grow_send_buffer(struct sock *s, uint32_t worth)
{
	struct rws_selector *sel = s->sel;

	if (worth > sel->rws->send_buffer_max)
		worth = sel->rws->send_buffer_max;
	if (worth < s->send_buffer + s->send_buffer / GROWTH_STEP ||
		!options_send_buffer_grows(s->options))
		return;
	uint32_t growth = worth - s->send_buffer;
	if (growth > sel->send_growth_left || sel->buffers_left <= SELECTOR_RESERVE ||
		!slot_list_empty(&sel->starved))
		return;
	sel->send_growth_left -= growth;
	s->send_buffer = worth;
}

void sock_shrink_send_buffer(struct sock *s)
{
	s->sel->send_growth_left += s->send_buffer - s->options->send_buffer;
	s->send_buffer = s->options->send_buffer;
}

static void acked(struct sock *s, const struct chan_message *message)
{
	uint32_t bytes = message->length;
	const struct channel *tx = sock_tx(s);

	s->inflight -= bytes < s->inflight ? bytes : s->inflight;
	s->held -= message->buffers < s->held ? message->buffers : s->held;
	if (bytes > 1 || s->inflight == 0) /* a probe of a closed window may take a byte along */
		timeout_tx_restart(s);
	if (s->kind == SOCK_UDP) {
		dgram_acked(s);
		return;
	}
	grow_send_buffer(s, message->count);
	if (tx == NULL)
		return;
	if (tx->readable > 0)
		selector_dirty(s);
	sock_tell_room(s);
	if (s->inflight == 0 && !s->acked_told && sock_is_drained(s)) {
		s->acked_told = true;
		sock_tell(s, RWS_EV_TX_ACKED);
	}
}

static void sent(struct sock *s)
{
	job_complete(s, &s->reader_job, 0, false);
	sock_half_ended(s);
	sock_close_step(s);
}

/* ---- Life ------------------------------------------------------------------------------- */

/* The local end; the other one is what the socket was opened to. */
static void take_local(struct sock *s)
{
	if (s->abort_posted || s->release_posted) /* the connection may be no more */
		return;
	if (s->kind == SOCK_UDP)
		address_from_ip(&s->ep->dgram->local, s->ep->dgram->local_port, &s->local);
	else
		address_from_ip(&s->ep->conn->local, s->ep->conn->local_port, &s->local);
	s->is_bound = true;
}

static void opened(struct sock *s, int error)
{
	s->opened = true;
	sock_drop_setup(s);
	if (error != 0)
		sock_died(s, error);
	else
		take_local(s);
}

static void connected(struct sock *s)
{
	if (s->dead)
		return;
	s->connected = true;
	timeout_connected(s);
	sock_tell(s, RWS_EV_CONNECTED);
	selector_dirty(s);
}

void sock_take_connection(struct sock *s, struct endpoint *ep, const struct rws_address *remote)
{
	s->ep = ep;
	s->remote = *remote;
	s->open_posted = s->opened = true;
	take_local(s);
	connected(s);
}

static void failed(struct sock *s, int error)
{
	if (s->kind == SOCK_UDP)
		dgram_failed(s, error);
	else
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
	sock_shrink_send_buffer(s);
	sock_free_if_over(s);
}

void socket_event(struct lane *lane, const struct chan_message *message)
{
	struct sock *s = message->sock;

	if (sock_has_host(s) && host_event(s, message))
		return;
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
		acked(s, message);
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
	case EV_OPTIONS:
		sock_options_answered(s, message->error);
		break;
	case EV_RELEASED:
		released(lane, s);
		break;
	default:
		break;
	}
}
