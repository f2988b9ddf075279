/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What other threads may ask of a selector: close, dispose, flush, cancel a job, run a function.
 *
 * Called from the any-thread calls of rws.h and from api/selector.c.
 *
 * Theory of operation
 * -------------------
 * A request is a bit in the slot it is for, together with the generation it is meant for; the slot
 * is pushed once on the selector's stack of slots with requests. So requests are neither lost nor
 * in need of a bounded queue. Functions to run are not state of anything, hence a ring of 1,024.
 *
 * Who pushed wakes the selector if it sleeps, as a stack core does (struct selector_wake).
 */
#ifndef RWS_REMOTE_H
#define RWS_REMOTE_H

#include <stdbool.h>
#include <stdint.h>

struct rws_selector;
struct slot;

enum {
	REMOTE_CLOSE = 1 << 0,
	REMOTE_DISPOSE = 1 << 1,
	REMOTE_FLUSH = 1 << 2,
	REMOTE_CANCEL_READER = 1 << 3,
	REMOTE_CANCEL_WRITER = 1 << 4,
	REMOTE_CANCEL_CONTEXT = 1 << 5,
	REMOTE_CANCEL_COPY = REMOTE_CANCEL_CONTEXT, /* a copy is nothing but a job */
};

#define REMOTE_POSTS 1024u

/* Files a request for the handle's slot, from another thread: 0 or -EBADF. */
int remote_request(uint64_t handle, uint32_t bits);

/*
 * What remote_request does once it has found the slot: adds the bits to those for the same
 * generation. The slot may be another object's by then: it is left alone, and what was asked is
 * over as if the owner had disposed of the first one a moment later. True: the slot was on no list,
 * the caller pushes it.
 */
bool remote_add_bits(struct slot *slot, uint32_t generation, uint32_t bits);

/* Wakes the selector that has the id, if there is one and it sleeps. Any thread. */
void remote_wake(unsigned id);

int remote_init(struct rws_selector *sel);
void remote_fini(struct rws_selector *sel);

/* The owner does what was asked for; returns whether there was anything. Posted functions apart. */
bool remote_run(struct rws_selector *sel);
/* Runs posted functions, as callbacks. */
void remote_run_posts(struct rws_selector *sel);

bool remote_waiting(const struct rws_selector *sel);
bool remote_posts_waiting(const struct rws_selector *sel);

#endif
