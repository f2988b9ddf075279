/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Blocks of one size for what few sockets have, or have for a while. One thread's; it grows by
 * chunks and keeps them.
 *
 * Called from the set-up calls of api/: a connect, a bind, an attach; not from the packet path.
 */
#ifndef RWS_BLOCK_POOL_H
#define RWS_BLOCK_POOL_H

#include <stddef.h>

struct block_pool {
	size_t size; /* of a block, a multiple of 8 */
	void *free;
	struct block_chunk *chunks;
};

void block_pool_init(struct block_pool *pool, size_t size);
void block_pool_fini(struct block_pool *pool);

/* A block of zeros, or NULL: no memory. */
void *block_take(struct block_pool *pool);
void block_give(struct block_pool *pool, void *block);

#endif
