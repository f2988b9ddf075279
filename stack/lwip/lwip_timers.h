/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lwIP's cyclic timers (ARP every second, and so on), without its timer list:
 * that one allocates when it arms a timer again, and a timer that finds no memory is gone for good.
 *
 * Called from stack/stack.c.
 */
#ifndef RWS_LWIP_TIMERS_H
#define RWS_LWIP_TIMERS_H

#include <stdint.h>

#define LWIP_TIMERS_MAX 12

struct lwip_timers {
	uint64_t due_ms[LWIP_TIMERS_MAX];
	uint64_t next_ms; /* the first of them */
};

struct stack;

/* Runs the handlers that are due, each once. */
void lwip_timers_run(struct stack *st);

#endif
