/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A sequence lock: one thread writes something now and then, any thread copies it without holding
 * up the writer. The count is odd while it is written; a reader copies again when the count was odd,
 * or another one afterwards.
 *
 * The writer's release fence keeps its writes behind the odd count, and its release store before
 * the even one; they pair with the reader's acquire load before the copy and its acquire fence
 * behind it.
 *
 * Called from api/core.c, api/core_groups.c, api/report.c and api/runtime_known.c.
 */
#ifndef RWS_SEQUENCE_LOCK_H
#define RWS_SEQUENCE_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct sequence_lock {
	_Atomic uint32_t count;
};

static inline void sequence_write_begin(struct sequence_lock *lock)
{
	uint32_t count = atomic_load_explicit(&lock->count, memory_order_relaxed);

	atomic_store_explicit(&lock->count, count + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

static inline void sequence_write_end(struct sequence_lock *lock)
{
	uint32_t count = atomic_load_explicit(&lock->count, memory_order_relaxed);

	atomic_store_explicit(&lock->count, count + 1, memory_order_release);
}

/* What sequence_read_failed is given after the copy; and, of a copy that did not fail, its name. */
static inline uint32_t sequence_read_begin(struct sequence_lock *lock)
{
	return atomic_load_explicit(&lock->count, memory_order_acquire);
}

static inline bool sequence_read_failed(struct sequence_lock *lock, uint32_t count)
{
	atomic_thread_fence(memory_order_acquire);
	return (count & 1) != 0 ||
		atomic_load_explicit(&lock->count, memory_order_relaxed) != count;
}

/* Whether a reader that has the copy of that name need not look. */
static inline bool sequence_is(struct sequence_lock *lock, uint32_t count)
{
	return atomic_load_explicit(&lock->count, memory_order_relaxed) == count;
}

#endif
