/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/httpd_body.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/pattern.h"

#define VECTORS 16

/* The vectors, cut to `left` bytes. Returns how many are in use. */
static int cut(const struct iovec *room, int count, uint64_t left, struct iovec out[VECTORS])
{
	int n = 0;

	while (n < count && n < VECTORS && left > 0) {
		out[n] = room[n];
		if (out[n].iov_len > left)
			out[n].iov_len = left;
		left -= out[n].iov_len;
		n++;
	}
	return n;
}

static ssize_t fill_from_memory(const struct httpd_body *body, const struct iovec *room, int count)
{
	uint64_t offset = body->offset;

	for (int i = 0; i < count; i++) {
		if (body->kind == BODY_PATTERN)
			pattern_copy(room[i].iov_base, offset, room[i].iov_len);
		else
			memcpy(room[i].iov_base, body->text + offset, room[i].iov_len);
		offset += room[i].iov_len;
	}
	return (ssize_t)(offset - body->offset);
}

ssize_t httpd_body_fill(struct httpd_body *body, const struct iovec *room, int count)
{
	struct iovec vectors[VECTORS];
	int n = cut(room, count, body->left, vectors);
	ssize_t filled;

	if (body->kind == BODY_FILE)
		filled = preadv(body->fd, vectors, n, (off_t)body->offset);
	else
		filled = fill_from_memory(body, vectors, n);
	if (filled <= 0) /* an error, or the file became shorter */
		return -EIO;
	body->offset += (uint64_t)filled;
	body->left -= (uint64_t)filled;
	return filled;
}

void httpd_body_close(struct httpd_body *body)
{
	if (body->kind == BODY_FILE)
		close(body->fd);
	free(body->text);
	*body = (struct httpd_body){.kind = BODY_NONE};
}
