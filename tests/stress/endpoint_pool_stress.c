/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads that take endpoints and give them back, as applications and a stack core do: none is
 * ever two threads' at once, none is lost, and what one thread wrote into it the next one sees. Run
 * under TSan by scripts/test. A first one that went and came back while a thread was interrupted
 * between its look and its exchange is rare: RWS_STRESS_MESSAGES=100000000 gives it time.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/endpoint.h"
#include "api/endpoint_pool.h"

#define THREADS  3u
#define CAPACITY 6u /* few: the same ones change hands all the time, and run out */
#define HELD     3u /* by a thread at most */

static struct endpoint_pool pool;
static _Atomic unsigned owners[CAPACITY];
static unsigned rounds = 2000000;

static void wrong(const char *what)
{
	fprintf(stderr, "endpoint_pool_stress: %s\n", what);
	exit(1);
}

/* Takes one, which must be nobody's; NULL when all are out. */
static struct endpoint *take(unsigned self)
{
	struct endpoint *ep = endpoint_pool_take(&pool);
	unsigned nobody = 0;

	if (ep == NULL)
		return NULL;
	_Atomic unsigned *owner = &owners[endpoint_pool_index(&pool, ep)];
	if (!atomic_compare_exchange_strong_explicit(
		    owner, &nobody, self, memory_order_relaxed, memory_order_relaxed))
		wrong("two threads have one endpoint");
	ep->error = (int16_t)self; /* a plain field: TSan tells when the hand-over does not hold */
	return ep;
}

static void give(struct endpoint *ep, unsigned self)
{
	if (ep->error != (int16_t)self)
		wrong("another thread wrote into an endpoint");
	atomic_store_explicit(&owners[endpoint_pool_index(&pool, ep)], 0, memory_order_relaxed);
	endpoint_pool_give(&pool, ep);
}

static void *run(void *arg)
{
	unsigned self = *(unsigned *)arg, count = 0, random = self;
	struct endpoint *held[HELD];

	for (unsigned i = 0; i < rounds; i++) {
		random = random * 1664525u + 1013904223u;
		struct endpoint *ep = random >> 31 && count < HELD ? take(self) : NULL;
		if (ep != NULL)
			held[count++] = ep;
		else if (count > 0)
			give(held[--count], self);
	}
	while (count > 0)
		give(held[--count], self);
	return NULL;
}

int main(void)
{
	const char *wanted = getenv("RWS_STRESS_MESSAGES");
	unsigned names[THREADS], left = 0;
	pthread_t threads[THREADS];

	if (wanted != NULL)
		rounds = (unsigned)strtoul(wanted, NULL, 10);
	if (endpoint_pool_init(&pool, CAPACITY) != 0)
		return 1;
	for (unsigned i = 0; i < THREADS; i++) {
		names[i] = i + 1;
		if (pthread_create(&threads[i], NULL, run, &names[i]) != 0)
			return 1;
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	while (endpoint_pool_take(&pool) != NULL)
		left++;
	if (left != CAPACITY)
		wrong("an endpoint is lost");
	printf("endpoint_pool_stress: %u threads, %u steps each, %u endpoints\n", THREADS, rounds,
		CAPACITY);
	endpoint_pool_fini(&pool);
	return 0;
}
