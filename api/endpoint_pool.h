/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The endpoints of one stack core: a table whose memory is touched as endpoints are used, and a
 * lock-free stack of those that are free again, so that the one used last comes first.
 *
 * Called from api/endpoint.c, api/core_thread.c: taken on any thread, given on the stack core.
 *
 * An endpoint costs its own 32 bytes and nothing beside them; rte_mempool would put 24 before each
 * and a ring's slot beside it, rte_stack 16.
 */
#ifndef RWS_ENDPOINT_POOL_H
#define RWS_ENDPOINT_POOL_H

#include <stdatomic.h>
#include <stdint.h>

struct endpoint;

#define NO_ENDPOINT UINT32_MAX

struct endpoint_pool {
	struct endpoint *memory;
	uint32_t capacity;
	_Atomic uint32_t touched; /* endpoints that were ever used: the first so many */
	/* Index of the first free one below `touched`, and above it how often that changed. */
	_Atomic uint64_t free;
};

/* 0 or -ENOMEM. */
int endpoint_pool_init(struct endpoint_pool *pool, uint32_t capacity);
void endpoint_pool_fini(struct endpoint_pool *pool);

/* One that nobody has, its fields as they were left; NULL when all are taken. */
struct endpoint *endpoint_pool_take(struct endpoint_pool *pool);
void endpoint_pool_give(struct endpoint_pool *pool, struct endpoint *ep);

/* Endpoints have indices, which take half the room of pointers. */
uint32_t endpoint_pool_index(const struct endpoint_pool *pool, const struct endpoint *ep);
struct endpoint *endpoint_pool_at(const struct endpoint_pool *pool, uint32_t index);

#endif
