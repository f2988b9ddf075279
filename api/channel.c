/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/channel.h"

#include <errno.h>
#include <string.h>

#include "api/remote.h"
#include "api/selector.h"
#include "api/socket.h"
#include "driver/pktbuf.h"

/* ---- Finding ---------------------------------------------------------------------------- */

static struct channel *channel_of_sock(uint64_t handle, struct sock *s)
{
	struct channel *ch =
		handle_kind(handle) == HANDLE_READ_CHANNEL ? &s->read_channel : &s->write_channel;
	return ch->sel == NULL ? NULL : ch;
}

int channel_of(rws_channel_t handle, struct channel **out)
{
	enum handle_kind kind = handle_kind(handle);
	struct rws_selector *sel;
	struct slot *slot;

	if (kind != HANDLE_READ_CHANNEL && kind != HANDLE_WRITE_CHANNEL && kind != HANDLE_CHANNEL)
		return -EBADF;
	int result = handle_owner_selector(handle, &sel);
	if (result != 0)
		return result;
	slot = slot_find(kind == HANDLE_CHANNEL ? &sel->channels : &sel->socks, handle);
	if (slot == NULL)
		return -EBADF;
	*out = kind == HANDLE_CHANNEL ? &((struct own_channel *)slot)->channel
				      : channel_of_sock(handle, (struct sock *)slot);
	return *out == NULL ? -EBADF : 0;
}

void channel_init(struct channel *ch, struct rws_selector *sel, rws_channel_t handle,
	size_t capacity, bool auto_flush)
{
	*ch = (struct channel){
		.sel = sel,
		.handle = handle,
		.capacity = capacity != 0 ? capacity : CHANNEL_CAPACITY_DEFAULT,
		.auto_flush = auto_flush,
	};
}

/* ---- State ------------------------------------------------------------------------------ */

size_t channel_room(const struct channel *ch)
{
	size_t held = ch->readable + ch->unflushed;

	/* A socket's own write channel: what is not acknowledged yet counts as well. */
	if (ch->sink != NULL && ch->owner == ch->sink)
		held += ch->sink->inflight;
	return held < ch->capacity ? ch->capacity - held : 0;
}

int channel_read_state(const struct channel *ch)
{
	if (ch->failed)
		return ch->cause;
	if (ch->readable > 0)
		return 0;
	if (!ch->closed)
		return -EAGAIN;
	return ch->cause != 0 ? ch->cause : 1;
}

int channel_write_state(const struct channel *ch)
{
	if (ch->closed)
		return ch->cause != 0 ? ch->cause : -ESHUTDOWN;
	return channel_room(ch) == 0 ? -EAGAIN : 0;
}

/* ---- Bytes ------------------------------------------------------------------------------ */

static void give_back(struct channel *ch, struct pbuf *p)
{
	if (p->pkt_flags & SEGMENT_RECEIVED)
		sock_spend(ch->source, p);
	else
		pbuf_free(p);
}

/* An exhausted buffer goes back, but not from under the writer who was granted room in it. */
static void pop_exhausted(struct channel *ch)
{
	struct pbuf *p = ch->list.head;

	if (p == NULL || ch->head_offset < p->len || (p == ch->list.tail && ch->grant_tail > 0))
		return;
	ch->head_offset = 0;
	give_back(ch, segments_pop(&ch->list));
}

static void consume_from_head(struct channel *ch, size_t *left)
{
	struct pbuf *p = ch->list.head;
	size_t n = p->len - ch->head_offset;

	if (n > *left)
		n = *left;
	ch->head_offset += (uint32_t)n;
	*left -= n;
	if (p->pkt_flags & SEGMENT_RECEIVED)
		ch->source->recved += (uint32_t)n;
	pop_exhausted(ch);
}

void channel_consume(struct channel *ch, size_t n)
{
	size_t left = n;

	ch->readable -= n;
	ch->total_read += n;
	while (left > 0)
		consume_from_head(ch, &left);
	if (ch->source != NULL) {
		selector_dirty(ch->source);
		sock_pump_rx(ch->source);
	}
}

void channel_put(struct channel *ch, struct pbuf *p)
{
	ch->readable += p->len;
	ch->total_written += p->len;
	segments_push(&ch->list, p);
}

/* Moves bytes [from, len) of the head to a buffer of their own, so that the head can go. */
static bool part_head(struct channel *ch, size_t from)
{
	struct pbuf *p = ch->list.head;
	struct pbuf *rest = channel_buffer(ch);

	if (rest == NULL)
		return false;
	rest->len = (u16_t)(p->len - from);
	memcpy(rest->payload, (char *)p->payload + from, rest->len);
	p->len = (u16_t)from;
	rest->next = p->next;
	p->next = rest;
	if (ch->list.tail == p)
		ch->list.tail = rest;
	return true;
}

/* The bytes of a buffer that has to stay go on in another one. */
static struct pbuf *take_copy(struct channel *ch, size_t n)
{
	struct pbuf *copy = channel_buffer(ch);

	if (copy == NULL)
		return NULL;
	if (n > pktbuf_room(copy))
		n = pktbuf_room(copy);
	memcpy(copy->payload, (char *)ch->list.head->payload + ch->head_offset, n);
	copy->len = (u16_t)n;
	channel_consume(ch, n);
	return copy;
}

struct pbuf *channel_take(struct channel *ch)
{
	if (ch->readable == 0)
		return NULL;

	pop_exhausted(ch);
	struct pbuf *p = ch->list.head;
	size_t there = p->len - ch->head_offset;
	size_t n = there < ch->readable ? there : ch->readable;
	bool granted = p == ch->list.tail && ch->grant_tail > 0;
	/* A received one belongs to another stack core; a granted one to the writer. */
	if ((p->pkt_flags & SEGMENT_RECEIVED) || granted)
		return take_copy(ch, n);
	if (n < there && !part_head(ch, ch->head_offset + n))
		return NULL;
	segments_pop(&ch->list);
	p->payload = (char *)p->payload + ch->head_offset;
	p->len = (u16_t)n;
	ch->head_offset = 0;
	ch->readable -= n;
	ch->total_read += n;
	return p;
}

struct pbuf *channel_buffer(struct channel *ch)
{
	struct pbuf *p = pktbuf_alloc(ch->sel->pool);

	if (p != NULL)
		p->pkt_flags &= (u16_t)~SEGMENT_RECEIVED;
	else if (ch->sink != NULL)
		selector_starve(ch->sink);
	return p;
}

void channel_drop_grant(struct channel *ch)
{
	segments_free(&ch->grant);
	ch->granted = 0;
	ch->grant_tail = 0;
}

void channel_drop_content(struct channel *ch)
{
	channel_drop_grant(ch);
	while (!segments_empty(&ch->list)) {
		struct pbuf *p = segments_pop(&ch->list);
		if (p->pkt_flags & SEGMENT_RECEIVED)
			ch->source->recved += p->len - ch->head_offset;
		ch->head_offset = 0;
		give_back(ch, p);
	}
	ch->readable = 0;
	ch->unflushed = 0;
	if (ch->source != NULL)
		selector_dirty(ch->source);
}

/* ---- Flush and close -------------------------------------------------------------------- */

void channel_flush(struct channel *ch)
{
	if (ch->unflushed == 0)
		return;
	ch->readable += ch->unflushed;
	ch->unflushed = 0;
	if (ch->sink != NULL)
		selector_dirty(ch->sink);
}

/* What is attached goes on without the channel. One that is done with it already told it. */
static void tell_source(struct channel *ch, int cause)
{
	if (ch->source != NULL && ch->source->writer_job.state == JOB_ACTIVE)
		sock_rx_channel_closed(ch->source, cause);
}

static void tell_sink(struct channel *ch, int cause)
{
	if (ch->sink != NULL && ch->sink->reader_job.state == JOB_ACTIVE)
		sock_tx_channel_closed(ch->sink, cause);
}

void channel_end(struct channel *ch, int cause)
{
	if (ch->closed)
		return;
	channel_flush(ch);
	channel_drop_grant(ch);
	ch->closed = true;
	ch->cause = cause;
	tell_sink(ch, cause);
}

void channel_fail(struct channel *ch, int cause)
{
	if (ch->failed)
		return;
	channel_drop_content(ch);
	if (!ch->closed || ch->cause == 0)
		ch->cause = cause;
	ch->closed = true;
	ch->failed = true;
	tell_source(ch, cause);
	tell_sink(ch, cause);
}

static int close_channel(rws_channel_t handle, int err)
{
	struct channel *ch;
	int result = channel_of(handle, &ch);

	if (result != 0)
		return result;
	if (err > 0)
		return -EINVAL;
	if (ch->closed)
		return 0;
	if (err != 0) {
		channel_fail(ch, err);
	} else {
		channel_end(ch, 0);
		tell_source(ch, 0);
	}
	return 1;
}

int rws_channel_close(rws_channel_t handle, int err)
{
	return close_channel(handle, err);
}

int rws_channel_cancel(rws_channel_t handle, int err)
{
	return close_channel(handle, err != 0 ? err : -ECANCELED);
}

int rws_flush(rws_channel_t handle)
{
	struct channel *ch;
	int result = channel_of(handle, &ch);

	if (result == -EXDEV)
		return remote_request(handle, REMOTE_FLUSH);
	if (result == 0)
		channel_flush(ch);
	return result;
}

/* ---- Channels of the application's own ---------------------------------------------------- */

int rws_channel_create(
	struct rws_selector *sel, size_t capacity, bool auto_flush, rws_channel_t *out)
{
	int result = selector_check(sel);

	if (result != 0)
		return result;
	struct own_channel *own = slot_take(&sel->channels);
	if (own == NULL)
		return -ENOBUFS;
	*out = handle_make(HANDLE_CHANNEL, sel->id, &own->slot);
	channel_init(&own->channel, sel, *out, capacity, auto_flush);
	return 0;
}

void rws_channel_dispose(rws_channel_t handle)
{
	struct channel *ch;

	if (handle_kind(handle) != HANDLE_CHANNEL || channel_of(handle, &ch) != 0)
		return;
	/* Also one that was closed well: a sink that has not got all of it resets. */
	channel_fail(ch, -ECANCELED);
	if (ch->source != NULL)
		sock_detach_rx(ch->source);
	if (ch->sink != NULL)
		sock_detach_tx(ch->sink);
	slot_give(&ch->sel->channels, slot_find(&ch->sel->channels, handle));
}

/* ---- Asking ----------------------------------------------------------------------------- */

size_t rws_available_for_read(rws_channel_t handle)
{
	struct channel *ch;

	return channel_of(handle, &ch) == 0 ? ch->readable : 0;
}

size_t rws_available_for_write(rws_channel_t handle)
{
	struct channel *ch;

	return channel_of(handle, &ch) == 0 && !ch->closed ? channel_room(ch) : 0;
}

bool rws_is_closed_for_read(rws_channel_t handle)
{
	struct channel *ch;

	return channel_of(handle, &ch) != 0 || ch->failed || (ch->closed && ch->readable == 0);
}

bool rws_is_closed_for_write(rws_channel_t handle)
{
	struct channel *ch;

	return channel_of(handle, &ch) != 0 || ch->closed;
}

int rws_closed_cause(rws_channel_t handle)
{
	struct channel *ch;
	int result = channel_of(handle, &ch);

	return result != 0 ? result : ch->cause;
}

uint64_t rws_total_bytes_read(rws_channel_t handle)
{
	struct channel *ch;

	return channel_of(handle, &ch) == 0 ? ch->total_read : 0;
}

uint64_t rws_total_bytes_written(rws_channel_t handle)
{
	struct channel *ch;

	return channel_of(handle, &ch) == 0 ? ch->total_written : 0;
}
