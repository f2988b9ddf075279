/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/channel.h"

#include <errno.h>
#include <string.h>

#include "api/cause.h"
#include "api/grant.h"
#include "api/remote.h"
#include "api/selector.h"
#include "api/socket.h"
#include "driver/pktbuf.h"

/* ---- Finding ---------------------------------------------------------------------------- */

static struct channel *channel_of_sock(uint64_t handle, struct sock *s)
{
	struct channel *ch =
		handle_kind(handle) == HANDLE_READ_CHANNEL ? &s->read_channel : &s->write_channel;
	return s->kind != SOCK_LISTENER && ch->role != CHANNEL_UNOPENED ? ch : NULL;
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

/* ---- State ------------------------------------------------------------------------------ */

/* A datagram that was begun may be as long as any; the next one waits for room. */
static size_t datagram_room(const struct channel *ch, size_t flushed, size_t capacity)
{
	return channel_has_begun(ch) || flushed < capacity ? RWS_DATAGRAM_MAX - ch->unflushed : 0;
}

size_t channel_room(const struct channel *ch)
{
	size_t held = (size_t)ch->readable + ch->unflushed;
	size_t capacity = channel_capacity(ch);

	/* A socket's own write channel: what is not acknowledged yet counts as well. */
	if (ch->role == CHANNEL_WRITE)
		held += channel_sock(ch)->inflight;
	if (ch->datagrams)
		return datagram_room(ch, held - ch->unflushed, capacity);
	return held < capacity ? capacity - held : 0;
}

uint64_t channel_total_read(const struct channel *ch)
{
	uint32_t dropped = ch->is_dropped ? ch->dropped : 0;

	return ch->total_written - ch->readable - ch->unflushed - dropped;
}

int channel_read_state(const struct channel *ch)
{
	if (ch->failed)
		return ch->cause;
	if (ch->readable > 0 || ch->empty)
		return 0;
	if (!ch->closed)
		return -EAGAIN;
	return ch->cause != 0 ? ch->cause : 1;
}

int channel_write_state(const struct channel *ch)
{
	if (ch->closed)
		return ch->cause != 0 ? ch->cause : -ESHUTDOWN;
	if (channel_room(ch) > 0)
		return 0;
	return ch->datagrams && channel_has_begun(ch) ? -EMSGSIZE : -EAGAIN;
}

bool channel_has_begun(const struct channel *ch)
{
	return ch->list.tail != NULL && (ch->list.tail->pkt_flags & SEGMENT_LAST) == 0;
}

bool channel_has_flushed(const struct channel *ch)
{
	const struct pbuf *head = segments_head(&ch->list);

	return ch->readable > 0 || (head != NULL && (head->pkt_flags & SEGMENT_LAST));
}

/* ---- Bytes ------------------------------------------------------------------------------ */

size_t channel_length_of(const struct iovec *iov, int count)
{
	size_t sum = 0;

	for (int i = 0; i < count; i++)
		sum = iov[i].iov_len < SIZE_MAX - sum ? sum + iov[i].iov_len : SIZE_MAX;
	return sum;
}

static void give_back(struct channel *ch, struct pbuf *p)
{
	if (p->pkt_flags & SEGMENT_RECEIVED) {
		sock_spend(channel_source(ch), p);
	} else {
		sock_drop_buffer(channel_sink(ch), p);
		pbuf_free(p);
	}
}

void channel_free(struct channel *ch, struct segments *list)
{
	while (!segments_empty(list))
		give_back(ch, segments_pop(list));
}

/* Where the number of the channel's grant is; NULL: nobody but a socket writes to it. */
static inline uint16_t *grant_number(const struct channel *ch)
{
	return ch->role == CHANNEL_WRITE  ? &channel_sock(ch)->grant
		: ch->role == CHANNEL_OWN ? &channel_own(ch)->grant
					  : NULL;
}

static inline struct grant *find_grant(const struct channel *ch)
{
	const uint16_t *number = grant_number(ch);

	if (number == NULL || *number == NO_GRANT)
		return NULL;
	return &channel_selector(ch)->grants.grants[*number];
}

struct grant *channel_granted(const struct channel *ch)
{
	return find_grant(ch);
}

/* The writer was granted room behind the bytes of p. */
static bool is_granted(const struct channel *ch, const struct pbuf *p)
{
	const struct grant *grant = p == ch->list.tail ? find_grant(ch) : NULL;

	return grant != NULL && grant->in_tail > 0;
}

/* An exhausted buffer goes back, but not from under the writer who was granted room in it. */
static void pop_exhausted(struct channel *ch)
{
	struct pbuf *p = segments_head(&ch->list);

	if (p != NULL && p->len == 0 && !is_granted(ch, p))
		give_back(ch, segments_pop(&ch->list));
}

static size_t consume_from_head(struct channel *ch, struct sock *source, size_t left)
{
	struct pbuf *p = segments_head(&ch->list);
	size_t n = p->len < left ? p->len : left;

	ch->scanned = 0;
	p->payload = (char *)p->payload + n;
	p->len = (u16_t)(p->len - n);
	if (p->pkt_flags & SEGMENT_RECEIVED)
		source->recved += (uint32_t)n;
	pop_exhausted(ch);
	return n;
}

/* There is room: for a source, or for the copy that writes it. */
static void tell_room(const struct channel *ch)
{
	struct sock *source = channel_source(ch);

	copy_writer_due(ch);
	if (source == NULL)
		return;
	selector_dirty(source);
	if (ch->role == CHANNEL_OWN)
		sock_pump_rx(source);
}

void channel_consume(struct channel *ch, size_t n)
{
	struct sock *source = channel_source(ch);
	size_t left = n;

	ch->readable -= (uint32_t)n;
	while (left > 0)
		left -= consume_from_head(ch, source, left);
	if (ch->datagrams && source != NULL) {
		selector_dirty(source);
		dgram_consumed(source, ch, n);
	} else {
		tell_room(ch);
	}
}

void channel_put(struct channel *ch, struct pbuf *p)
{
	ch->readable += p->len;
	ch->total_written += p->len;
	segments_push(&ch->list, p);
}

static struct selector_counters *counters_of(const struct channel *ch)
{
	const struct rws_selector *sel = channel_selector(ch);

	return &sel->rws->selector_counters[sel->id];
}

/* A buffer that sink (or NULL) holds from here on, or waits for. */
static struct pbuf *buffer_for(struct channel *ch, struct sock *sink)
{
	struct pbuf *p = selector_buffer(channel_selector(ch));

	if (p != NULL)
		sock_hold_buffer(sink, p);
	else if (sink != NULL)
		selector_starve(sink);
	return p;
}

/* Whether sink (or NULL) may hold n more; else it has what its peer is to acknowledge. */
static bool may_hold(struct channel *ch, struct sock *sink, size_t n)
{
	if (sink == NULL || sock_may_hold(sink, n))
		return true;
	selector_count(&counters_of(ch)->over_share, 1);
	sock_shrink_send_buffer(sink);
	return false;
}

/*
 * Moves bytes [from, len) of the head to a buffer of their own, so that the head can go. Whatever
 * the share: what is to be acknowledged has to go first.
 */
static bool part_head(struct channel *ch, size_t from)
{
	struct pbuf *p = segments_head(&ch->list);
	struct pbuf *rest = buffer_for(ch, channel_sink(ch));

	if (rest == NULL)
		return false;
	rest->len = (u16_t)(p->len - from);
	memcpy(rest->payload, (char *)p->payload + from, rest->len);
	p->len = (u16_t)from;
	segments_insert(&ch->list, p, rest);
	return true;
}

/* The bytes of a buffer that has to stay go on in another one. */
static struct pbuf *take_copy(struct channel *ch, size_t n, struct sock *sink)
{
	struct pbuf *copy = buffer_for(ch, sink);

	if (copy == NULL)
		return NULL;
	if (n > pktbuf_room(copy))
		n = pktbuf_room(copy);
	memcpy(copy->payload, segments_head(&ch->list)->payload, n);
	copy->len = (u16_t)n;
	channel_consume(ch, n);
	selector_count(&counters_of(ch)->copied_bytes, n);
	return copy;
}

/* A received buffer may be away for long if its memory is of a pool, of which there is enough. */
static bool may_adopt(const struct pbuf *p)
{
	return (p->pkt_flags & SEGMENT_SMALL) == 0 && pktbuf_mbuf(p) != NULL && pktbuf_is_spare(p);
}

/* The source's account of it is closed as if its bytes had been consumed. */
static void adopt(struct channel *ch, struct pbuf *p)
{
	struct sock *source = channel_source(ch);

	p->pkt_flags = 0;
	source->lent--;
	source->recved += p->len;
	selector_count(&counters_of(ch)->moved_bytes, p->len);
}

struct pbuf *channel_take(struct channel *ch, size_t max, struct sock *sink)
{
	if (ch->readable == 0)
		return NULL;

	pop_exhausted(ch);
	struct pbuf *p = segments_head(&ch->list);
	bool received = (p->pkt_flags & SEGMENT_RECEIVED) != 0;
	size_t n = p->len < ch->readable ? p->len : ch->readable;
	if ((n > max || (received && !may_adopt(p))) && !may_hold(ch, sink, 1))
		return NULL;
	if (n > max)
		return take_copy(ch, max, sink);
	if (is_granted(ch, p) || (received && !may_adopt(p)))
		return take_copy(ch, n, sink);
	if (n < p->len && !part_head(ch, n))
		return NULL;
	segments_pop(&ch->list);
	ch->readable -= (uint32_t)n;
	ch->scanned = 0;
	if (received) {
		adopt(ch, p);
	} else {
		sock_drop_buffer(channel_sink(ch), p);
		sock_hold_buffer(sink, p);
	}
	tell_room(ch);
	return p;
}

struct pbuf *channel_buffer(struct channel *ch)
{
	struct sock *sink = channel_sink(ch);

	return may_hold(ch, sink, 1) ? buffer_for(ch, sink) : NULL;
}

bool channel_may_hold(struct channel *ch, size_t n)
{
	return may_hold(ch, channel_sink(ch), n);
}

struct pbuf *channel_buffer_held(struct channel *ch)
{
	return buffer_for(ch, channel_sink(ch));
}

void channel_drop_content(struct channel *ch)
{
	struct sock *source = channel_source(ch);

	channel_drop_grant(ch);
	if (ch->datagrams)
		dgram_content_dropped(ch);
	while (!segments_empty(&ch->list)) {
		struct pbuf *p = segments_pop(&ch->list);
		if (p->pkt_flags & SEGMENT_RECEIVED)
			source->recved += p->len;
		give_back(ch, p);
	}
	ch->dropped = (ch->is_dropped ? ch->dropped : 0) + ch->readable + ch->unflushed;
	ch->is_dropped = true;
	ch->readable = 0;
	ch->unflushed = 0;
	if (source != NULL)
		selector_dirty(source);
}

/* ---- Grants ----------------------------------------------------------------------------- */

struct grant *channel_grant(struct channel *ch)
{
	uint16_t *number = grant_number(ch);

	if (*number == NO_GRANT)
		*number = grant_take(&channel_selector(ch)->grants);
	return channel_granted(ch);
}

void channel_drop_grant(struct channel *ch)
{
	uint16_t *number = grant_number(ch);
	struct grant *grant = find_grant(ch);

	if (grant == NULL)
		return;
	channel_free(ch, &grant->buffers);
	grant_give(&channel_selector(ch)->grants, *number);
	*number = NO_GRANT;
}

/* ---- Flush and close -------------------------------------------------------------------- */

void channel_tell_reader(const struct channel *ch)
{
	struct sock *sink = channel_sink(ch);

	if (sink != NULL)
		selector_dirty(sink);
	else
		copy_reader_due(ch);
}

/* Each flush ends a datagram: the one that was begun. */
static bool end_datagram(struct channel *ch)
{
	if (!ch->datagrams || channel_source(ch) != NULL || !channel_has_begun(ch))
		return false;
	ch->list.tail->pkt_flags |= SEGMENT_LAST;
	return true;
}

void channel_flush(struct channel *ch)
{
	if (!end_datagram(ch) && ch->unflushed == 0)
		return;
	ch->readable += ch->unflushed;
	ch->unflushed = 0;
	channel_tell_reader(ch);
}

/* What is attached goes on without the channel. One that is done with it already told it. */
static void tell_source(struct channel *ch, int cause)
{
	struct sock *source = channel_source(ch);

	if (source != NULL && source->writer_job.state == JOB_ACTIVE)
		sock_rx_channel_closed(source, cause);
}

static void tell_sink(struct channel *ch, int cause)
{
	struct sock *sink = channel_sink(ch);

	if (sink != NULL && sink->reader_job.state == JOB_ACTIVE)
		sock_tx_channel_closed(sink, cause);
}

void channel_end(struct channel *ch, int cause)
{
	if (ch->closed)
		return;
	channel_flush(ch);
	channel_drop_grant(ch);
	ch->closed = true;
	ch->cause = cause_pack(cause);
	copy_reader_due(ch);
	copy_writer_due(ch);
	tell_sink(ch, cause);
}

void channel_fail(struct channel *ch, int cause)
{
	if (ch->failed)
		return;
	channel_drop_content(ch);
	if (!ch->closed || ch->cause == 0)
		ch->cause = cause_pack(cause);
	ch->closed = true;
	ch->failed = true;
	copies_end(ch, cause);
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
	bool reads = handle_kind(handle) == HANDLE_READ_CHANNEL; /* there is nothing to flush */

	if (result == -EXDEV)
		return remote_request(handle, reads ? 0 : REMOTE_FLUSH);
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
	own->channel.role = CHANNEL_OWN;
	own->channel.auto_flush = auto_flush;
	own->sel = sel;
	own->capacity = capacity == 0             ? CHANNEL_CAPACITY_DEFAULT
		: capacity > CHANNEL_CAPACITY_MAX ? CHANNEL_CAPACITY_MAX
						  : capacity;
	*out = handle_make(HANDLE_CHANNEL, sel->id, &own->slot);
	return 0;
}

void rws_channel_dispose(rws_channel_t handle)
{
	struct channel *ch;

	if (handle_kind(handle) != HANDLE_CHANNEL || channel_of(handle, &ch) != 0)
		return;
	/* Also one that was closed well: a sink that has not got all of it resets. */
	channel_fail(ch, -ECANCELED);
	struct own_channel *own = channel_own(ch);
	if (own->source != NULL)
		sock_detach_rx(own->source);
	if (own->sink != NULL)
		sock_detach_tx(own->sink);
	copy_forget(ch);
	slot_give(&own->sel->channels, &own->slot);
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

	return channel_of(handle, &ch) != 0 || ch->failed ||
		(ch->closed && ch->readable == 0 && !ch->empty);
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

	return channel_of(handle, &ch) == 0 ? channel_total_read(ch) : 0;
}

uint64_t rws_total_bytes_written(rws_channel_t handle)
{
	struct channel *ch;

	return channel_of(handle, &ch) == 0 ? ch->total_written : 0;
}
