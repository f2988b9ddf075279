/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/deadline.h"

#include <errno.h>
#include <stdlib.h>

#include "api/socket.h"

int deadlines_init(struct deadlines *deadlines, uint32_t capacity)
{
	deadlines->count = 0;
	deadlines->heap = calloc((size_t)capacity + 1, sizeof(struct deadline));
	return deadlines->heap == NULL ? -ENOMEM : 0;
}

void deadlines_fini(struct deadlines *deadlines)
{
	free(deadlines->heap);
	deadlines->heap = NULL;
}

static void put(struct deadlines *deadlines, uint32_t place, struct deadline d)
{
	deadlines->heap[place] = d;
	d.sock->deadline = place;
}

static int64_t at(const struct deadlines *deadlines, uint32_t place)
{
	return deadlines->heap[place].at;
}

static void sift_up(struct deadlines *deadlines, uint32_t place, struct deadline d)
{
	while (place > 1 && at(deadlines, place / 2) > d.at) {
		put(deadlines, place, deadlines->heap[place / 2]);
		place /= 2;
	}
	put(deadlines, place, d);
}

static void sift_down(struct deadlines *deadlines, uint32_t place, struct deadline d)
{
	for (uint32_t child = 2 * place; child <= deadlines->count; child = 2 * place) {
		if (child < deadlines->count && at(deadlines, child + 1) < at(deadlines, child))
			child++;
		if (at(deadlines, child) >= d.at)
			break;
		put(deadlines, place, deadlines->heap[child]);
		place = child;
	}
	put(deadlines, place, d);
}

void deadline_set(struct deadlines *deadlines, struct sock *s, int64_t when)
{
	deadline_clear(deadlines, s);
	sift_up(deadlines, ++deadlines->count, (struct deadline){when, s});
}

void deadline_clear(struct deadlines *deadlines, struct sock *s)
{
	uint32_t place = s->deadline;

	if (place == 0)
		return;
	s->deadline = 0;
	struct deadline last = deadlines->heap[deadlines->count--];
	if (last.sock == s)
		return;
	if (place > 1 && at(deadlines, place / 2) > last.at)
		sift_up(deadlines, place, last);
	else
		sift_down(deadlines, place, last);
}

int64_t deadline_of(const struct deadlines *deadlines, const struct sock *s)
{
	return s->deadline == 0 ? INT64_MAX : at(deadlines, s->deadline);
}

int64_t deadline_next(const struct deadlines *deadlines)
{
	return deadlines->count == 0 ? INT64_MAX : at(deadlines, 1);
}

struct sock *deadline_due(struct deadlines *deadlines, int64_t now)
{
	if (deadline_next(deadlines) > now || deadlines->count == 0)
		return NULL;
	struct sock *s = deadlines->heap[1].sock;
	deadline_clear(deadlines, s);
	return s;
}
