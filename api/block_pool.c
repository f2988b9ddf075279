/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/block_pool.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_BLOCKS 64u

struct block_chunk {
	struct block_chunk *next;
	char blocks[];
};

/* A free block starts with the address of the next one. */
static void push(struct block_pool *pool, void *block)
{
	memcpy(block, &pool->free, sizeof(pool->free));
	pool->free = block;
}

void block_pool_init(struct block_pool *pool, size_t size)
{
	*pool = (struct block_pool){.size = (size + 7) & ~(size_t)7};
}

void block_pool_fini(struct block_pool *pool)
{
	while (pool->chunks != NULL) {
		struct block_chunk *chunk = pool->chunks;
		pool->chunks = chunk->next;
		free(chunk);
	}
	pool->free = NULL;
}

static void grow(struct block_pool *pool)
{
	struct block_chunk *chunk = malloc(sizeof(*chunk) + CHUNK_BLOCKS * pool->size);

	if (chunk == NULL)
		return;
	chunk->next = pool->chunks;
	pool->chunks = chunk;
	for (unsigned i = CHUNK_BLOCKS; i-- > 0;)
		push(pool, chunk->blocks + i * pool->size);
}

void *block_take(struct block_pool *pool)
{
	if (pool->free == NULL)
		grow(pool);
	void *block = pool->free;
	if (block == NULL)
		return NULL;
	memcpy(&pool->free, block, sizeof(pool->free));
	memset(block, 0, pool->size);
	return block;
}

void block_give(struct block_pool *pool, void *block)
{
	push(pool, block);
}
