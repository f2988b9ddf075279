/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/base/arena.h"

#include <stdbool.h>
#include <string.h>

#include "stack/base/poison.h"

enum { BLOCK_FREE = 0x66726565, BLOCK_USED = 0x75736564 };

struct arena_block {
	struct arena_block *next; /* free list */
	uint32_t class;
	uint32_t state;
};
_Static_assert(sizeof(struct arena_block) == ARENA_ALIGN, "payload must stay aligned");

#define SMALL_MAX     512u /* blocks up to here are in steps of ARENA_ALIGN */
#define SMALL_CLASSES (SMALL_MAX / ARENA_ALIGN)
#define BLOCK_MAX     ((size_t)1 << 32)

/*
 * Classes above LARGE_MIN are LARGE_EXTRA bytes larger than their step: room for the header and for
 * aligning the payload to a cache line, so that an array of a power of two does not take the next.
 */
#define LARGE_MIN   2048u
#define LARGE_EXTRA 64u

static unsigned highest_bit(size_t n)
{
	return 63u - (unsigned)__builtin_clzll(n);
}

/* Class of a block of n bytes, header included. */
static unsigned class_of(size_t n)
{
	if (n <= SMALL_MAX)
		return (unsigned)((n + ARENA_ALIGN - 1) / ARENA_ALIGN) - 1;
	if (n > LARGE_MIN)
		n = n > LARGE_MIN + LARGE_EXTRA ? n - LARGE_EXTRA : LARGE_MIN + 1;
	unsigned octave = highest_bit(n - 1);
	return SMALL_CLASSES + (octave - 9) * 4 + (unsigned)((n - 1) >> (octave - 2)) - 4;
}

static size_t class_size(unsigned class)
{
	if (class < SMALL_CLASSES)
		return (class + 1) * (size_t)ARENA_ALIGN;
	unsigned octave = (class - SMALL_CLASSES) / 4 + 9;
	size_t size = ((size_t)(class - SMALL_CLASSES) % 4 + 5) << (octave - 2);
	return size > LARGE_MIN ? size + LARGE_EXTRA : size;
}

static size_t payload_size(const struct arena_block *block)
{
	return class_size(block->class) - sizeof(*block);
}

static void list_push(struct arena *arena, struct arena_block *block)
{
	block->next = arena->free[block->class];
	arena->free[block->class] = block;
	arena->has_free[block->class / 64] |= (uint64_t)1 << (block->class % 64);
}

static struct arena_block *list_pop(struct arena *arena, unsigned class)
{
	struct arena_block *block = arena->free[class];
	arena->free[class] = block->next;
	if (block->next == NULL)
		arena->has_free[class / 64] &= ~((uint64_t)1 << (class % 64));
	return block;
}

static bool list_empty(const struct arena *arena, unsigned class)
{
	return arena->free[class] == NULL;
}

/* A block off the uncut rest, or NULL. */
static struct arena_block *cut(struct arena *arena, unsigned class)
{
	size_t size = class_size(class);
	if ((size_t)(arena->end - arena->next) < size)
		return NULL;

	struct arena_block *block = (struct arena_block *)(void *)arena->next;
	arena->next += size;
	UNPOISON(block, sizeof(*block));
	block->class = class;
	return block;
}

/* A free block of a larger class, or NULL. */
static struct arena_block *take_larger(struct arena *arena, unsigned class)
{
	for (unsigned word = (class + 1) / 64; word < ARENA_CLASSES / 64; word++) {
		uint64_t bits = arena->has_free[word];
		if (word == (class + 1) / 64)
			bits &= ~(uint64_t)0 << ((class + 1) % 64);
		if (bits != 0)
			return list_pop(arena, word * 64 + (unsigned)__builtin_ctzll(bits));
	}
	return NULL;
}

size_t arena_room(size_t size)
{
	return class_size(class_of(size + sizeof(struct arena_block))) - sizeof(struct arena_block);
}

void arena_init(struct arena *arena, void *memory, size_t size)
{
	memset(arena, 0, sizeof(*arena));
	uintptr_t start = ((uintptr_t)memory + ARENA_ALIGN - 1) & ~(uintptr_t)(ARENA_ALIGN - 1);
	uintptr_t end = ((uintptr_t)memory + size) & ~(uintptr_t)(ARENA_ALIGN - 1);
	arena->next = (uint8_t *)start;
	arena->end = end > start ? (uint8_t *)end : arena->next;
	arena->size = (size_t)(arena->end - arena->next);
	POISON(arena->next, arena->size);
}

void arena_fini(struct arena *arena)
{
	UNPOISON(arena->end - arena->size, arena->size);
	memset(arena, 0, sizeof(*arena));
}

void *arena_alloc(struct arena *arena, size_t size)
{
	struct arena_block *block = NULL;
	if (size <= BLOCK_MAX - sizeof(*block)) {
		unsigned class = class_of(size + sizeof(*block));
		block = list_empty(arena, class) ? cut(arena, class) : list_pop(arena, class);
		if (block == NULL)
			block = take_larger(arena, class);
	}
	if (block == NULL) {
		arena->failures++;
		return NULL;
	}
	block->state = BLOCK_USED;
	arena->used += class_size(block->class);
	if (arena->used > arena->peak)
		arena->peak = arena->used;
	UNPOISON(block + 1, size);
	return block + 1;
}

void *arena_calloc(struct arena *arena, size_t count, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(count, size, &bytes))
		return NULL;
	void *p = arena_alloc(arena, bytes);
	if (p != NULL)
		memset(p, 0, bytes);
	return p;
}

void arena_free(struct arena *arena, void *p)
{
	if (p == NULL)
		return;
	struct arena_block *block = (struct arena_block *)p - 1;
	if (block->state != BLOCK_USED) {
		arena->bad_frees++;
		return;
	}
	block->state = BLOCK_FREE;
	arena->used -= class_size(block->class);
	POISON(p, payload_size(block));
	list_push(arena, block);
}
