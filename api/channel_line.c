/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading lines.
 *
 * A line is looked for among all that is there, and nothing is consumed before it is complete. What
 * was looked at is remembered in channel.scanned, so that a line that comes in many pieces costs
 * each byte once.
 */
#include "api/channel.h"

#include <errno.h>

#include "api/cursor.h"
#include "api/socket.h"

/* What is known of the line at the front of a channel, in bytes. */
struct line {
	size_t length; /* of its text, as far as it is there */
	size_t end;    /* with what ends it; 0: that is not there yet */
};

/* The first byte that ends a line, as an offset; n: none. */
static size_t find_in(const char *bytes, size_t n, bool lone_cr)
{
	size_t at = 0;

	if (!lone_cr) {
		const char *lf = memchr(bytes, '\n', n);
		return lf != NULL ? (size_t)(lf - bytes) : n;
	}
	while (at < n && bytes[at] != '\n' && bytes[at] != '\r')
		at++;
	return at;
}

/* The same for what was not looked at yet of a channel. */
static size_t find_in_channel(const struct channel *ch, bool lone_cr)
{
	struct cursor cursor = cursor_at(ch, ch->scanned);
	size_t at = ch->scanned, n;
	char *bytes;

	while ((n = cursor_next(&cursor, SIZE_MAX, &bytes)) > 0) {
		size_t found = find_in(bytes, n, lone_cr);
		at += found;
		if (found < n)
			break;
	}
	return at;
}

/* The byte at an offset; 0 where there is none. */
static char byte_at(const struct channel *ch, size_t at)
{
	char byte = 0;

	cursor_copy(ch, at, &byte, 1);
	return byte;
}

static struct line ended_by_lf(const struct channel *ch, size_t at)
{
	bool cr = at > 0 && byte_at(ch, at - 1) == '\r';

	return (struct line){cr ? at - 1 : at, at + 1};
}

/* A CR behind which nothing is yet may be the first half of CRLF. */
static struct line ended_by_cr(const struct channel *ch, size_t at)
{
	if (at + 1 == ch->readable && !ch->closed)
		return (struct line){at, 0};
	return (struct line){at, at + 1 + (byte_at(ch, at + 1) == '\n')};
}

/* All that is there is text so far; of a CR at its end that is not certain. */
static struct line not_ended(const struct channel *ch)
{
	size_t n = ch->readable;
	bool cr = n > 0 && byte_at(ch, n - 1) == '\r';

	if (ch->closed && ch->cause == 0)
		return (struct line){n, n};
	return (struct line){cr ? n - 1 : n, 0};
}

static struct line look_for_line(struct channel *ch, bool lone_cr)
{
	if (ch->scanned_lone_cr != lone_cr)
		ch->scanned = 0;
	ch->scanned_lone_cr = lone_cr;
	size_t at = find_in_channel(ch, lone_cr);
	ch->scanned = (uint32_t)at;
	if (at == ch->readable)
		return not_ended(ch);
	return byte_at(ch, at) == '\n' ? ended_by_lf(ch, at) : ended_by_cr(ch, at);
}

/* The rest of the line cannot come any more, or not into this channel. */
static int never_complete(const struct channel *ch)
{
	if (ch->closed)
		return ch->cause;
	return channel_room(ch) == 0 ? -EMSGSIZE : channel_not_yet(ch);
}

int rws_read_utf8_line(
	rws_channel_t handle, char *buf, size_t cap, size_t limit, unsigned flags, size_t *length)
{
	struct channel *ch;
	int state = channel_stream_reader_of(handle, &ch);
	bool lone_cr = (flags & RWS_LINE_LONE_CR) != 0;
	struct line line;

	*length = 0;
	if (state > 0 && (flags & ~RWS_LINE_LONE_CR) != 0)
		return -EINVAL;
	if (state <= 0)
		return state;
	do
		line = look_for_line(ch, lone_cr);
	while (line.end == 0 && channel_pull(ch));
	*length = line.length;
	if (line.length > limit || line.length > cap)
		return -EMSGSIZE;
	if (line.end == 0)
		return never_complete(ch);
	cursor_copy(ch, 0, buf, line.length);
	channel_consume(ch, line.end);
	return 1;
}
