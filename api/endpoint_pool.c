/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/endpoint_pool.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "api/endpoint.h"

int endpoint_pool_init(struct endpoint_pool *pool, uint32_t capacity)
{
	pool->memory = calloc(capacity, sizeof(*pool->memory));
	pool->capacity = capacity;
	atomic_init(&pool->touched, 0);
	atomic_init(&pool->free, NO_ENDPOINT);
	return pool->memory == NULL ? -ENOMEM : 0;
}

void endpoint_pool_fini(struct endpoint_pool *pool)
{
	free(pool->memory);
	pool->memory = NULL;
}

uint32_t endpoint_pool_index(const struct endpoint_pool *pool, const struct endpoint *ep)
{
	return (uint32_t)(ep - pool->memory);
}

struct endpoint *endpoint_pool_at(const struct endpoint_pool *pool, uint32_t index)
{
	return &pool->memory[index];
}

/* The next value of `free`: another first one, and a count that makes an old value fail. */
static uint64_t with_first(uint64_t word, uint32_t first)
{
	return ((word >> 32) + 1) << 32 | first;
}

static struct endpoint *take_untouched(struct endpoint_pool *pool)
{
	uint32_t touched = atomic_load_explicit(&pool->touched, memory_order_relaxed);

	do {
		if (touched == pool->capacity)
			return NULL;
	} while (!atomic_compare_exchange_weak_explicit(
		&pool->touched, &touched, touched + 1, memory_order_relaxed, memory_order_relaxed));
	return &pool->memory[touched];
}

/*
 * Acquire pairs with the release in endpoint_pool_give. `next` may be read of one that another
 * thread takes meanwhile; then the count has moved on and the exchange fails.
 */
struct endpoint *endpoint_pool_take(struct endpoint_pool *pool)
{
	uint64_t word = atomic_load_explicit(&pool->free, memory_order_acquire);
	struct endpoint *ep;
	uint32_t next;

	do {
		if ((uint32_t)word == NO_ENDPOINT)
			return take_untouched(pool);
		ep = &pool->memory[(uint32_t)word];
		next = atomic_load_explicit(&ep->next, memory_order_relaxed);
	} while (!atomic_compare_exchange_weak_explicit(&pool->free, &word, with_first(word, next),
		memory_order_acquire, memory_order_acquire));
	return ep;
}

void endpoint_pool_give(struct endpoint_pool *pool, struct endpoint *ep)
{
	uint32_t index = endpoint_pool_index(pool, ep);
	uint64_t word = atomic_load_explicit(&pool->free, memory_order_relaxed);

	do {
		atomic_store_explicit(&ep->next, (uint32_t)word, memory_order_relaxed);
	} while (!atomic_compare_exchange_weak_explicit(&pool->free, &word, with_first(word, index),
		memory_order_release, memory_order_relaxed));
}
