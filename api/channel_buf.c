/* SPDX-License-Identifier: BSD-3-Clause */
/* The calls of byte channels that keep the buffers, or give them back. See api/buf.h. */
#include "api/buf.h"

#include <errno.h>

#include "api/channel.h"
#include "api/selector.h"
#include "api/socket.h"

static uint32_t generation_of(const struct sock *s)
{
	return atomic_load_explicit(&s->slot.generation, memory_order_relaxed);
}

/* Where the buffers of its source are counted; NULL: it has none, or that is disposed. */
static uint32_t *account_of(const struct rws_buf *buf)
{
	const struct sock *source = buf->source;

	if (source == NULL || generation_of(source) != buf->source_generation)
		return NULL;
	return &source->extra->detached;
}

static int make_buf(rws_channel_t handle, const struct channel *ch, struct rws_buf **out)
{
	struct rws_selector *sel = channel_selector(ch);
	struct sock *source = channel_source(ch);

	if (source != NULL && sock_make_extra(source) == NULL)
		return -ENOMEM;
	struct rws_buf *buf = slot_take(&sel->bufs);
	if (buf == NULL)
		return -ENOBUFS;
	buf->sel = sel;
	buf->channel = handle;
	buf->source = source;
	buf->source_generation = source != NULL ? generation_of(source) : 0;
	*out = buf;
	return 0;
}

/* Counts n buffers more, or less. */
static void count_buffers(struct rws_buf *buf, int n)
{
	uint32_t *account = account_of(buf);

	buf->count += (uint32_t)n;
	buf->sel->detached += (uint32_t)n;
	if (account != NULL)
		*account += (uint32_t)n;
}

static bool may_keep_more(const struct rws_buf *buf)
{
	const uint32_t *account = account_of(buf);

	return buf->sel->detached < DETACHED_MAX &&
		(account == NULL || *account < DETACHED_SOCKET_MAX);
}

/* Moves the first max readable bytes, or all there are; -ENOBUFS when that stopped earlier. */
static int fill(struct rws_buf *buf, struct channel *ch, size_t max)
{
	while (max > 0 && ch->readable > 0) {
		struct pbuf *p = may_keep_more(buf) ? channel_take(ch, max, NULL) : NULL;
		if (p == NULL)
			return -ENOBUFS;
		segments_push(&buf->list, p);
		buf->length += p->len;
		max -= p->len;
		count_buffers(buf, 1);
	}
	return 0;
}

static void free_buf(struct rws_buf *buf)
{
	struct sock *source = buf->source;

	segments_free(&buf->list);
	count_buffers(buf, -(int)buf->count);
	if (buf->holds_source) {
		source->recved += buf->held;
		source->lent--;
		selector_dirty(source);
	}
	slot_give(&buf->sel->bufs, &buf->slot);
}

/* What was taken is in the channel again. */
static void put_back(struct rws_buf *buf, struct channel *ch)
{
	ch->readable += (uint32_t)buf->length;
	segments_prepend(&ch->list, &buf->list);
	free_buf(buf);
}

/* The window does not grow by what was just taken before it is freed. */
static void hold_window(struct rws_buf *buf, uint32_t recved_before)
{
	struct sock *source = buf->source;

	buf->held = source->recved - recved_before;
	source->recved = recved_before;
	source->lent++;
	buf->holds_source = true;
}

/* Of no bytes wanted a reader is told of a failure and of nothing else. */
static int read_nothing(int state)
{
	return state == -EAGAIN || state >= 0 ? 0 : state;
}

ssize_t rws_read_detach(rws_channel_t handle, size_t max, unsigned flags, struct rws_buf **out)
{
	struct channel *ch;
	struct rws_buf *buf;
	int state = channel_stream_reader_of(handle, &ch);

	*out = NULL;
	if (state > 0 && (flags & ~RWS_BUF_HOLDS_WINDOW) != 0)
		return -EINVAL;
	if (max == 0)
		return read_nothing(state);
	if (state <= 0)
		return state;
	int result = make_buf(handle, ch, &buf);
	if (result != 0)
		return result;
	uint32_t recved = buf->source != NULL ? buf->source->recved : 0;
	result = fill(buf, ch, max);
	if (buf->length == 0) {
		free_buf(buf);
		return result;
	}
	if ((flags & RWS_BUF_HOLDS_WINDOW) && buf->source != NULL)
		hold_window(buf, recved);
	*out = buf;
	return (ssize_t)buf->length;
}

/* There are fewer than n bytes. */
static int too_few(const struct channel *ch)
{
	if (!ch->closed)
		return channel_not_yet(ch);
	return ch->cause != 0 ? ch->cause : -ENODATA;
}

int rws_read_packet(rws_channel_t handle, size_t n, struct rws_buf **out)
{
	struct channel *ch;
	struct rws_buf *buf;
	int state = channel_stream_reader_of(handle, &ch);

	*out = NULL;
	if (n == 0)
		return read_nothing(state);
	if (state < 0)
		return state;
	if (n > channel_capacity(ch))
		return -EINVAL;
	while (ch->readable < n && channel_pull(ch))
		continue;
	if (ch->readable < n)
		return too_few(ch);
	int result = make_buf(handle, ch, &buf);
	if (result != 0)
		return result;
	result = fill(buf, ch, n);
	if (result != 0)
		put_back(buf, ch);
	else
		*out = buf;
	return result;
}

int rws_read_remaining(rws_channel_t handle, size_t limit, struct rws_buf **buf)
{
	struct channel *ch;

	if (*buf != NULL && (*buf)->channel != handle)
		return -EINVAL;
	if (limit == 0)
		return read_nothing(channel_stream_reader_of(handle, &ch));
	for (;;) {
		size_t length = rws_buf_length(*buf);
		if (length >= limit)
			return 0;
		int state = channel_stream_reader_of(handle, &ch);
		if (state <= 0)
			return state;
		int result = *buf != NULL ? 0 : make_buf(handle, ch, buf);
		if (result == 0)
			result = fill(*buf, ch, limit - length);
		if (*buf != NULL && (*buf)->length == 0) {
			free_buf(*buf);
			*buf = NULL;
		}
		if (result != 0)
			return result;
	}
}

/* The buffers become the channel's as they are. */
int rws_write_packet(rws_channel_t handle, struct rws_buf *buf)
{
	struct channel *ch;
	int state = channel_stream_writer_of(handle, &ch);

	if (state != 0 || buf == NULL)
		return state;
	if (channel_selector(ch) != buf->sel || buf->length > channel_capacity(ch))
		return -EINVAL;
	if (channel_room(ch) < buf->length)
		return channel_full(ch);
	while (!segments_empty(&buf->list))
		segments_push(&ch->list, segments_pop(&buf->list));
	ch->unflushed += (uint32_t)buf->length;
	ch->total_written += buf->length;
	free_buf(buf);
	channel_flush_if_due(ch);
	return 0;
}

/* ---- What was detached ------------------------------------------------------------------ */

size_t rws_buf_length(const struct rws_buf *buf)
{
	return buf != NULL ? buf->length : 0;
}

int rws_buf_view(const struct rws_buf *buf, size_t skip, struct iovec *iov, int n)
{
	int count = 0;

	if (buf == NULL || skip >= buf->length)
		return 0;
	const struct pbuf *p = segments_head(&buf->list);
	for (size_t left = buf->length; left > 0 && count < n; p = p->next) {
		left -= p->len;
		if (skip < p->len)
			iov[count++] = (struct iovec){(char *)p->payload + skip, p->len - skip};
		skip -= skip < p->len ? skip : p->len;
	}
	return count;
}

int rws_buf_free(struct rws_buf *buf)
{
	int result = buf != NULL ? selector_check(buf->sel) : 0;

	if (buf != NULL && result == 0)
		free_buf(buf);
	return result;
}

void buf_free_all(struct rws_selector *sel)
{
	for (uint32_t i = 0; i < sel->bufs.touched; i++) {
		struct slot *slot = slot_at(&sel->bufs, i);
		if (slot_is_live(slot))
			free_buf((struct rws_buf *)slot);
	}
}
