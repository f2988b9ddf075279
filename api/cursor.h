/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A position in a channel, to walk over its readable bytes without consuming them.
 *
 * Called from api/channel_read.c and api/channel_line.c.
 */
#ifndef RWS_CURSOR_H
#define RWS_CURSOR_H

#include <string.h>

#include "api/channel.h"

struct cursor {
	struct pbuf *p;
	size_t offset; /* in p */
	size_t left;   /* readable bytes from here on */
};

static inline struct cursor cursor_at(const struct channel *ch, size_t skip)
{
	struct cursor cursor = {segments_head(&ch->list), 0, ch->readable};

	if (skip > cursor.left)
		skip = cursor.left;
	cursor.left -= skip;
	while (skip > 0) {
		size_t n = cursor.p->len - cursor.offset;
		if (skip < n) {
			cursor.offset += skip;
			break;
		}
		skip -= n;
		cursor.p = cursor.p->next;
		cursor.offset = 0;
	}
	return cursor;
}

/* The next contiguous piece of at most max bytes; its length, 0 at the end. */
static inline size_t cursor_next(struct cursor *cursor, size_t max, char **bytes)
{
	if (cursor->left == 0 || cursor->p == NULL)
		return 0;
	while (cursor->p->len == cursor->offset) {
		cursor->p = cursor->p->next;
		cursor->offset = 0;
	}

	size_t n = cursor->p->len - cursor->offset;
	if (n > cursor->left)
		n = cursor->left;
	if (n > max)
		n = max;
	*bytes = (char *)cursor->p->payload + cursor->offset;
	cursor->offset += n;
	cursor->left -= n;
	return n;
}

/* Copies up to n bytes behind the first `skip` ones; how many. */
static inline size_t cursor_copy(const struct channel *ch, size_t skip, void *buf, size_t n)
{
	struct cursor cursor = cursor_at(ch, skip);
	size_t done = 0, piece;
	char *bytes;

	while (done < n && (piece = cursor_next(&cursor, n - done, &bytes)) > 0) {
		memcpy((char *)buf + done, bytes, piece);
		done += piece;
	}
	return done;
}

#endif
