/* SPDX-License-Identifier: BSD-3-Clause */
/* The reader's calls of byte channels: copying and borrowing. See api/channel.h. */
#include "api/channel.h"

#include <errno.h>

#include "api/cursor.h"
#include "api/socket.h"

#define NEARLY_FULL 16384u /* less room than that: more than a segment, and a unit of windows */

/* Bytes received of the socket whose bytes go into ch. */
static size_t received(const struct channel *ch, const struct sock *source)
{
	return ch->readable + (ch->role == CHANNEL_OWN ? source->read_channel.readable : 0);
}

void channel_want(const struct channel *ch)
{
	struct sock *source = channel_source(ch);

	if (source == NULL || source->kind != SOCK_TCP || sock_has_layer(source) ||
		ch->readable == 0 ||
		received(ch, source) + NEARLY_FULL < source->options->receive_buffer)
		return;
	source->wants = true;
	selector_dirty(source);
}

int channel_not_yet(const struct channel *ch)
{
	struct sock *source = channel_source(ch);

	if (source != NULL)
		sock_arm(source, RWS_EV_READABLE);
	channel_want(ch);
	return -EAGAIN;
}

int channel_reader_of(rws_channel_t handle, struct channel **ch)
{
	int result = channel_of(handle, ch);

	if (result != 0)
		return result;
	if (channel_sink(*ch) != NULL || channel_reading_copy(*ch) != NULL)
		return -EBUSY;
	if ((*ch)->empty)
		return dgram_take_empty(*ch);
	result = channel_read_state(*ch);
	if (result == -EAGAIN)
		return channel_not_yet(*ch);
	return result == 0 ? 1 : result == 1 ? 0 : result;
}

int channel_stream_reader_of(rws_channel_t handle, struct channel **ch)
{
	int result = channel_of(handle, ch);

	if (result == 0 && (*ch)->datagrams)
		return -EOPNOTSUPP;
	return result != 0 ? result : channel_reader_of(handle, ch);
}

bool channel_pull(struct channel *ch)
{
	struct sock *source = channel_source(ch);

	return source != NULL && !ch->datagrams && sock_pull_rx(source);
}

/* A read of no bytes tells of a failure and of nothing else. */
static ssize_t read_nothing(int state)
{
	return state == -EAGAIN || state >= 0 ? 0 : state;
}

ssize_t rws_read_available(rws_channel_t handle, void *buf, size_t n)
{
	struct iovec iov = {buf, n};

	return rws_readv(handle, &iov, 1);
}

ssize_t rws_readv(rws_channel_t handle, const struct iovec *iov, int count)
{
	struct channel *ch;
	int state = channel_reader_of(handle, &ch);
	size_t wanted = channel_length_of(iov, count), done = 0;

	if (wanted == 0)
		return read_nothing(state);
	if (state <= 0)
		return state;
	for (int i = 0; i < count && done < ch->readable; i++)
		done += cursor_copy(ch, done, iov[i].iov_base, iov[i].iov_len);
	channel_consume(ch, done);
	return (ssize_t)done;
}

int rws_read_fully(rws_channel_t handle, void *buf, size_t n, size_t *got)
{
	while (*got < n) {
		ssize_t piece = rws_read_available(handle, (char *)buf + *got, n - *got);
		if (piece == 0)
			return -ENODATA;
		if (piece < 0)
			return (int)piece;
		*got += (size_t)piece;
		if (*got < n && rws_read_boundary(handle) == 1)
			return -ENODATA;
	}
	return n == 0 ? (int)rws_read_available(handle, buf, 0) : 0;
}

ssize_t rws_discard(rws_channel_t handle, size_t max)
{
	struct channel *ch;
	int state = channel_reader_of(handle, &ch);

	if (max == 0)
		return read_nothing(state);
	if (state <= 0)
		return state;
	if (max > ch->readable)
		max = ch->readable;
	channel_consume(ch, max);
	return (ssize_t)max;
}

ssize_t rws_peek_to(rws_channel_t handle, size_t off, void *buf, size_t n)
{
	struct channel *ch;
	int state = channel_reader_of(handle, &ch);

	if (n == 0)
		return read_nothing(state);
	if (state <= 0)
		return state;
	while (off >= ch->readable && channel_pull(ch))
		continue;
	if (off >= ch->readable && ch->datagrams)
		return -ENODATA;
	if (off >= ch->readable)
		return ch->closed ? ch->cause : channel_not_yet(ch);
	return (ssize_t)cursor_copy(ch, off, buf, n);
}

int rws_request(rws_channel_t handle, size_t skip, size_t at_least, struct iovec *iov, int n)
{
	struct channel *ch;
	int state = channel_reader_of(handle, &ch);
	int count = 0;
	char *bytes;

	if (state <= 0)
		return state;
	if (n <= 0) /* no vectors would be 0, which is the end */
		return -EINVAL;
	while ((ch->readable < skip || ch->readable - skip < at_least) && channel_pull(ch))
		continue;
	size_t there = ch->readable > skip ? ch->readable - skip : 0;
	if (there == 0 || there < at_least) {
		if (ch->datagrams)
			return -ENODATA;
		if (ch->closed)
			return ch->cause;
		return channel_not_yet(ch);
	}
	struct cursor cursor = cursor_at(ch, skip);
	while (count < n && (iov[count].iov_len = cursor_next(&cursor, SIZE_MAX, &bytes)) > 0)
		iov[count++].iov_base = bytes;
	return count;
}

int rws_consumed(rws_channel_t handle, size_t n)
{
	struct channel *ch;
	int result = channel_of(handle, &ch);

	if (result != 0)
		return result;
	if (channel_sink(ch) != NULL || channel_reading_copy(ch) != NULL)
		return -EBUSY;
	if (ch->failed)
		return ch->cause;
	if (n > ch->readable)
		return -EINVAL;
	channel_consume(ch, n);
	return 0;
}
