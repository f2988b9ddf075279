/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a program needs that runs beside others in real time until SIGTERM.
 *
 * Called from tests/bench/bulk.c, tests/bench/impair.c and tests/bench/lone_stack.c.
 */
#ifndef RWS_BENCH_REALTIME_H
#define RWS_BENCH_REALTIME_H

#include <signal.h>
#include <stdint.h>

#define NS_PER_S 1000000000ULL

extern volatile sig_atomic_t realtime_ended; /* since realtime_begin: SIGTERM came */

void realtime_begin(void);

/* Does not wait for a CPU, above others of a lower priority; says so where it may not. */
void realtime_be_prompt(int priority);

/* "NAME: ready" on standard output. */
void realtime_say_ready(void);

/* Monotonic, ns. */
uint64_t realtime_now(void);

#endif
