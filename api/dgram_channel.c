/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connected UDP socket as byte channels: contract, decision 5. See api/channel.h for how channels
 * keep the boundaries.
 *
 * Called from api/channel*.c, api/socket*.c and api/dgram_socket.c.
 */
#include <errno.h>

#include "api/socket.h"

/* ---- Receiving -------------------------------------------------------------------------- */

/* The pbufs of one datagram; those without bytes go back at once. */
static void put(struct sock *s, struct channel *rx, struct pbuf *chain)
{
	while (chain != NULL) {
		struct pbuf *p = chain;
		chain = p->next;
		s->lent++;
		if (p->len == 0) {
			sock_spend(s, p);
			continue;
		}
		p->pkt_flags |= SEGMENT_RECEIVED;
		channel_put(rx, p);
	}
}

void dgram_pump(struct sock *s)
{
	struct channel *rx = sock_rx(s);

	if (rx == NULL || rx->closed || s->rx_discard || rx->readable > 0 || rx->empty)
		return;
	struct pbuf *chain = dgram_take(s);
	if (chain == NULL)
		return;
	put(s, rx, chain);
	rx->empty = rx->readable == 0;
	sock_tell(s, RWS_EV_READABLE);
}

void dgram_consumed(struct sock *s, struct channel *ch, size_t n)
{
	if (n == 0)
		return;
	ch->within = ch->readable > 0;
	if (ch->within)
		return;
	dgram_done(s);
	dgram_pump(s);
}

int dgram_take_empty(struct channel *ch)
{
	struct sock *s = channel_source(ch);

	ch->empty = false;
	if (s != NULL) {
		dgram_done(s);
		dgram_pump(s);
	}
	return -ENOMSG;
}

void dgram_content_dropped(struct channel *ch)
{
	struct sock *s = channel_source(ch);

	if (s != NULL && (ch->readable > 0 || ch->empty))
		dgram_done(s);
	ch->empty = ch->within = false;
}

int rws_read_boundary(rws_channel_t handle)
{
	struct channel *ch;
	int result = channel_of(handle, &ch);

	if (result != 0)
		return result;
	return ch->datagrams ? !ch->within : -EOPNOTSUPP;
}

/* ---- Sending ---------------------------------------------------------------------------- */

/* Bytes of the first datagram. */
static size_t first_length(const struct channel *tx)
{
	const struct pbuf *p = segments_head(&tx->list);
	size_t length = p->len;

	while ((p->pkt_flags & SEGMENT_LAST) == 0 && p != tx->list.tail) {
		p = p->next;
		length += p->len;
	}
	return length;
}

/* The first datagram off the channel, as a chain. */
static struct pbuf *take_first(struct channel *tx, size_t length)
{
	struct segments list = {0};
	bool last = false;

	while (!last && !segments_empty(&tx->list)) {
		struct pbuf *p = segments_pop(&tx->list);
		last = (p->pkt_flags & SEGMENT_LAST) != 0;
		p->pkt_flags &= (u16_t)~SEGMENT_LAST;
		segments_push(&list, p);
	}
	tx->readable -= (uint32_t)length;
	return segments_chain(&list, length);
}

static void post_first(struct sock *s, struct channel *tx, size_t length)
{
	struct chan_message message = {
		.kind = REQ_SEND_TO, .ep = s->ep, .sock = s, .p = take_first(tx, length)};

	chan_post(sock_lane(s)->chan, &message);
	s->inflight += (uint32_t)length;
	s->tx_told = s->acked_told = false;
}

static void tell_acked(struct sock *s)
{
	if (s->inflight > 0 || s->acked_told || !sock_is_drained(s))
		return;
	s->acked_told = true;
	sock_tell(s, RWS_EV_TX_ACKED);
}

/* All that was flushed is on its way. */
static void drained(struct sock *s)
{
	if (!s->tx_told) {
		s->tx_told = true;
		sock_tell(s, RWS_EV_TX_DRAINED);
	}
	tell_acked(s);
	if (!s->want_shutdown)
		return;
	job_complete(s, &s->reader_job, 0, false);
	sock_close_step(s);
}

/* Posts what the send buffer has room for; false: the ring had none. */
static bool post_all(struct sock *s, struct channel *tx)
{
	while (channel_has_flushed(tx)) {
		size_t length = first_length(tx);
		if (s->inflight > 0 && s->inflight + length > s->options->send_buffer)
			return true; /* until EV_ACKED */
		if (chan_post_room(sock_lane(s)->chan) == 0)
			return false;
		post_first(s, tx, length);
	}
	drained(s);
	return true;
}

bool dgram_post(struct sock *s, struct channel *tx)
{
	bool told = post_all(s, tx);

	if (tx->role == CHANNEL_OWN && channel_write_state(tx) == 0)
		sock_tell(s, RWS_EV_WRITABLE);
	return told;
}

void dgram_acked(struct sock *s)
{
	const struct channel *tx = sock_tx(s);

	sock_tell_room(s);
	if (tx == NULL)
		return;
	if (channel_has_flushed(tx))
		selector_dirty(s);
	tell_acked(s);
}
