/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/deadline.h"

#include <errno.h>
#include <stdlib.h>

#include "api/socket.h"

int deadlines_init(struct deadlines *deadlines, uint32_t capacity)
{
	deadlines->count = 0;
	deadlines->heap = calloc((size_t)capacity + 1, sizeof(struct sock *));
	return deadlines->heap == NULL ? -ENOMEM : 0;
}

void deadlines_fini(struct deadlines *deadlines)
{
	free(deadlines->heap);
	deadlines->heap = NULL;
}

static void put(struct deadlines *deadlines, uint32_t position, struct sock *s)
{
	deadlines->heap[position] = s;
	s->deadline.position = position;
}

static int64_t at(const struct deadlines *deadlines, uint32_t position)
{
	return deadlines->heap[position]->deadline.at;
}

static void sift_up(struct deadlines *deadlines, uint32_t position, struct sock *s)
{
	while (position > 1 && at(deadlines, position / 2) > s->deadline.at) {
		put(deadlines, position, deadlines->heap[position / 2]);
		position /= 2;
	}
	put(deadlines, position, s);
}

static void sift_down(struct deadlines *deadlines, uint32_t position, struct sock *s)
{
	for (uint32_t child = 2 * position; child <= deadlines->count; child = 2 * position) {
		if (child < deadlines->count && at(deadlines, child + 1) < at(deadlines, child))
			child++;
		if (at(deadlines, child) >= s->deadline.at)
			break;
		put(deadlines, position, deadlines->heap[child]);
		position = child;
	}
	put(deadlines, position, s);
}

void deadline_set(struct deadlines *deadlines, struct sock *s, int64_t when)
{
	deadline_clear(deadlines, s);
	s->deadline.at = when;
	sift_up(deadlines, ++deadlines->count, s);
}

void deadline_clear(struct deadlines *deadlines, struct sock *s)
{
	uint32_t position = s->deadline.position;

	if (position == 0)
		return;
	s->deadline.position = 0;
	struct sock *last = deadlines->heap[deadlines->count--];
	if (last == s)
		return;
	if (position > 1 && at(deadlines, position / 2) > last->deadline.at)
		sift_up(deadlines, position, last);
	else
		sift_down(deadlines, position, last);
}

int64_t deadline_next(const struct deadlines *deadlines)
{
	return deadlines->count == 0 ? INT64_MAX : at(deadlines, 1);
}

struct sock *deadline_due(struct deadlines *deadlines, int64_t now)
{
	if (deadline_next(deadlines) > now || deadlines->count == 0)
		return NULL;
	struct sock *s = deadlines->heap[1];
	deadline_clear(deadlines, s);
	return s;
}
