/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver/pktbuf_region.h"

#include <stdatomic.h>
#include <stdint.h>

#include <rte_mempool.h>
#include <rte_reciprocal.h>
#include <rte_spinlock.h>

#define REGIONS_MAX 64

struct region {
	/* 0 while unused; stored last (release), pairs with the acquire load of find() */
	_Atomic uintptr_t first;
	uint32_t size; /* bytes from the first object to the end of the last */
	uint32_t stride;
	struct rte_reciprocal by_stride;
	const struct rte_mempool *pool;
};

static struct region regions[REGIONS_MAX];
static _Atomic unsigned regions_used; /* high-water mark: entries behind it were never used */
static rte_spinlock_t regions_lock = RTE_SPINLOCK_INITIALIZER; /* writers only: set-up */

/* A run of objects as the walk over a pool meets them. */
struct run {
	uintptr_t first, next;
	uint32_t stride;
	const struct rte_mempool *pool;
	bool full;
};

static bool region_store(const struct run *run)
{
	uintptr_t size = run->next - run->first;
	if (size > UINT32_MAX)
		return false;

	for (unsigned i = 0; i < REGIONS_MAX; i++) {
		struct region *r = &regions[i];
		if (atomic_load_explicit(&r->first, memory_order_relaxed) != 0)
			continue;
		r->size = (uint32_t)size;
		r->stride = run->stride;
		r->by_stride = rte_reciprocal_value(run->stride);
		r->pool = run->pool;
		atomic_store_explicit(&r->first, run->first, memory_order_release);
		if (i >= atomic_load_explicit(&regions_used, memory_order_relaxed))
			atomic_store_explicit(&regions_used, i + 1, memory_order_release);
		return true;
	}
	return false;
}

static void run_take(struct rte_mempool *pool, void *opaque, void *object, unsigned index)
{
	struct run *run = opaque;
	(void)pool;
	(void)index;

	if (run->first != 0 && (uintptr_t)object == run->next) {
		run->next += run->stride;
		return;
	}
	if (run->first != 0 && !region_store(run))
		run->full = true;
	run->first = (uintptr_t)object;
	run->next = run->first + run->stride;
}

bool pktbuf_regions_add(struct rte_mempool *pool)
{
	struct run run = {
		.stride = pool->header_size + pool->elt_size + pool->trailer_size,
		.pool = pool,
	};

	rte_spinlock_lock(&regions_lock);
	rte_mempool_obj_iter(pool, run_take, &run);
	bool stored = run.first != 0 && !run.full && region_store(&run);
	rte_spinlock_unlock(&regions_lock);
	if (!stored)
		pktbuf_regions_remove(pool);
	return stored;
}

void pktbuf_regions_remove(const struct rte_mempool *pool)
{
	rte_spinlock_lock(&regions_lock);
	for (unsigned i = 0; i < REGIONS_MAX; i++) {
		if (regions[i].pool != pool)
			continue;
		atomic_store_explicit(&regions[i].first, 0, memory_order_release);
		regions[i].pool = NULL;
	}
	rte_spinlock_unlock(&regions_lock);
}

struct rte_mbuf *pktbuf_regions_find(const void *address)
{
	unsigned used = atomic_load_explicit(&regions_used, memory_order_acquire);

	for (unsigned i = 0; i < used; i++) {
		const struct region *r = &regions[i];
		uintptr_t first = atomic_load_explicit(&r->first, memory_order_acquire);
		if (first == 0 || (uintptr_t)address - first >= r->size)
			continue;
		uint32_t offset = (uint32_t)((uintptr_t)address - first);
		uint32_t index = rte_reciprocal_divide(offset, r->by_stride);
		return (struct rte_mbuf *)(first + (uintptr_t)index * r->stride);
	}
	return NULL;
}
