/* SPDX-License-Identifier: BSD-3-Clause */
/* The writer's calls of byte channels: copying and granting. See api/channel.h. */
#include "api/channel.h"

#include <errno.h>
#include <string.h>

#include "api/grant.h"
#include "api/selector.h"
#include "api/socket.h"
#include "driver/pktbuf.h"

int channel_full(struct channel *ch)
{
	struct sock *sink = channel_sink(ch);

	if (!ch->datagrams)
		channel_flush(ch);
	if (sink != NULL)
		sock_arm(sink, RWS_EV_WRITABLE | RWS_EV_TX_DRAINED | RWS_EV_TX_ACKED);
	return -EAGAIN;
}

int channel_short(struct channel *ch)
{
	struct sock *sink = channel_sink(ch);

	if (sink != NULL && sink->held == 0)
		selector_starve(sink);
	return channel_full(ch);
}

int channel_writer_of(rws_channel_t handle, struct channel **ch)
{
	int result = channel_of(handle, ch);

	if (result != 0)
		return result;
	if (channel_source(*ch) != NULL || channel_writing_copy(*ch) != NULL)
		return -EBUSY;
	channel_drop_grant(*ch);
	result = channel_write_state(*ch);
	return result == -EAGAIN ? channel_full(*ch) : result;
}

int channel_stream_writer_of(rws_channel_t handle, struct channel **ch)
{
	int result = channel_of(handle, ch);

	if (result == 0 && (*ch)->datagrams)
		return -EOPNOTSUPP;
	return result != 0 ? result : channel_writer_of(handle, ch);
}

/* Room behind the bytes of the last buffer, if that buffer is the writer's. */
static uint32_t tail_room(const struct channel *ch)
{
	struct pbuf *tail = ch->list.tail;

	if (tail == NULL || (tail->pkt_flags & (SEGMENT_RECEIVED | SEGMENT_LAST)))
		return 0;
	return pktbuf_room(tail);
}

static size_t copy_in(struct channel *ch, const char *bytes, size_t n)
{
	size_t done = 0;

	while (done < n) {
		size_t room = tail_room(ch);
		if (room == 0) {
			struct pbuf *p = channel_buffer(ch);
			if (p == NULL)
				break;
			segments_push(&ch->list, p);
			continue;
		}
		size_t piece = n - done < room ? n - done : room;
		struct pbuf *tail = ch->list.tail;
		memcpy((char *)tail->payload + tail->len, bytes + done, piece);
		tail->len = (u16_t)(tail->len + piece);
		done += piece;
	}
	ch->unflushed += (uint32_t)done;
	ch->total_written += done;
	return done;
}

void channel_flush_if_due(struct channel *ch)
{
	if (ch->auto_flush || (!ch->datagrams && channel_room(ch) == 0))
		channel_flush(ch);
}

/* A write of no bytes to a channel of datagrams begins one, which may stay without any. */
static ssize_t begin_datagram(struct channel *ch)
{
	if (!channel_has_begun(ch)) {
		struct pbuf *p = channel_buffer(ch);
		if (p == NULL)
			return channel_full(ch);
		segments_push(&ch->list, p);
	}
	channel_flush_if_due(ch);
	return 0;
}

ssize_t rws_write_available(rws_channel_t handle, const void *buf, size_t n)
{
	struct iovec iov = {(void *)(uintptr_t)buf, n};

	return rws_writev(handle, &iov, 1);
}

ssize_t rws_writev(rws_channel_t handle, const struct iovec *iov, int count)
{
	struct channel *ch;
	int state = channel_writer_of(handle, &ch);
	size_t wanted = channel_length_of(iov, count), done = 0;

	if (wanted == 0 && state == -EAGAIN && !ch->datagrams)
		return 0;
	if (wanted == 0 && state == 0 && ch->datagrams)
		return begin_datagram(ch);
	if (wanted == 0 || state != 0)
		return state;
	size_t room = channel_room(ch);
	if (ch->datagrams && wanted > room)
		return -EMSGSIZE;
	for (int i = 0; i < count && done < room; i++) {
		size_t piece = iov[i].iov_len < room - done ? iov[i].iov_len : room - done;
		size_t copied = copy_in(ch, iov[i].iov_base, piece);
		done += copied;
		if (copied < piece)
			break;
	}
	if (!ch->datagrams || done == wanted) /* the rest of a datagram is still to come */
		channel_flush_if_due(ch);
	return done > 0 ? (ssize_t)done : channel_full(ch);
}

int rws_write_fully(rws_channel_t handle, const void *buf, size_t n, size_t *done)
{
	do {
		ssize_t piece = rws_write_available(handle, (const char *)buf + *done, n - *done);
		if (piece < 0)
			return (int)piece;
		*done += (size_t)piece;
	} while (*done < n);
	return 0;
}

/* ---- Grants ----------------------------------------------------------------------------- */

/* Lends `bytes` at most, as one more vector; how many. The first min are not to be missed. */
static size_t grant_more(
	struct channel *ch, struct grant *grant, size_t min, size_t bytes, struct iovec *iov)
{
	/* The end of a datagram is not left to where a grant ends: it has buffers of its own. */
	uint32_t room = grant->bytes == 0 && !ch->datagrams ? tail_room(ch) : 0;
	bool in_tail = room > 0;
	struct pbuf *p = ch->list.tail;

	if (!in_tail) {
		p = grant->bytes < min ? channel_buffer_held(ch) : channel_buffer(ch);
		if (p == NULL)
			return 0;
		segments_push(&grant->buffers, p);
		room = pktbuf_room(p);
	}
	size_t n = bytes < room ? bytes : room;
	if (in_tail)
		grant->in_tail = (uint32_t)n;
	*iov = (struct iovec){(char *)p->payload + p->len, n};
	grant->bytes += (uint32_t)n;
	return n;
}

/* Lends min to room bytes in at most n vectors, or fewer; how many vectors. */
static int grant_all(
	struct channel *ch, struct grant *grant, size_t min, size_t room, struct iovec *iov, int n)
{
	int count = 0;

	while (count < n && grant->bytes < room &&
		grant_more(ch, grant, min, room - grant->bytes, &iov[count]) > 0)
		count++;
	return count;
}

int rws_write_request(rws_channel_t handle, size_t min, struct iovec *iov, int n)
{
	struct channel *ch;
	int state = channel_writer_of(handle, &ch);

	if (state == 0 && (min > channel_capacity(ch) || n <= 0))
		return -EINVAL;
	if (state != 0)
		return state;
	size_t room = channel_room(ch);
	if (room < min && ch->datagrams)
		return -EMSGSIZE;
	if (room < min)
		return channel_full(ch);
	if (min > tail_room(ch) && !channel_may_hold(ch, (min - 1) / PKTBUF_DATA_DEFAULT + 1))
		return channel_short(ch);
	struct grant *grant = channel_grant(ch);
	if (grant == NULL)
		return channel_short(ch);
	int count = grant_all(ch, grant, min, room, iov, n);
	if (grant->bytes >= min && count > 0)
		return count;
	/* Either no buffers now, or so many bytes do not fit n vectors ever. */
	channel_drop_grant(ch);
	return count == n ? -EINVAL : channel_short(ch);
}

/* Puts the first n bytes of the grant behind the list. */
static void take_grant(struct channel *ch, struct grant *grant, size_t n)
{
	size_t piece = n < grant->in_tail ? n : grant->in_tail;

	if (piece > 0)
		ch->list.tail->len = (u16_t)(ch->list.tail->len + piece);
	for (size_t left = n - piece; left > 0 && !segments_empty(&grant->buffers); left -= piece) {
		struct pbuf *p = segments_pop(&grant->buffers);
		piece = left < pktbuf_room(p) ? left : pktbuf_room(p);
		p->len = (u16_t)piece;
		segments_push(&ch->list, p);
	}
}

int rws_written(rws_channel_t handle, size_t n)
{
	struct channel *ch;
	int result = channel_of(handle, &ch);

	if (result != 0)
		return result;
	struct grant *grant = channel_granted(ch);
	if (n > (grant != NULL ? grant->bytes : 0))
		return ch->closed ? channel_write_state(ch) : -EINVAL;
	if (grant != NULL)
		take_grant(ch, grant, n);
	channel_drop_grant(ch);
	ch->unflushed += (uint32_t)n;
	ch->total_written += n;
	channel_flush_if_due(ch);
	return 0;
}
