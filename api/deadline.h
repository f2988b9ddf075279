/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Points in time that sockets wait for (api/timeout.h): a binary heap, at most one entry a
 * socket, so adding never fails.
 *
 * Called from api/timeout.c, api/socket*.c and api/selector.c.
 */
#ifndef RWS_DEADLINE_H
#define RWS_DEADLINE_H

#include <stdint.h>

struct sock;

struct deadline {
	int64_t at;
	struct sock *sock; /* whose `deadline` is the place in the heap; 0: not in it */
};

struct deadlines {
	struct deadline *heap; /* from 1 */
	uint32_t count;
};

/* 0 or -ENOMEM; memory is touched as it is used. */
int deadlines_init(struct deadlines *deadlines, uint32_t capacity);
void deadlines_fini(struct deadlines *deadlines);

/* Sets or moves the socket's deadline. */
void deadline_set(struct deadlines *deadlines, struct sock *s, int64_t at);
void deadline_clear(struct deadlines *deadlines, struct sock *s);

/* The socket's, INT64_MAX for none. */
int64_t deadline_of(const struct deadlines *deadlines, const struct sock *s);

/* The earliest, INT64_MAX for none. */
int64_t deadline_next(const struct deadlines *deadlines);

/* Takes a socket whose deadline is not after now, or NULL. */
struct sock *deadline_due(struct deadlines *deadlines, int64_t now);

#endif
