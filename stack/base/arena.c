/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/base/arena.h"

#include <stdbool.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISONS 1
#endif
#endif

/* Under AddressSanitizer a use after free inside the arena is found as one of the heap would be. */
#ifdef ARENA_POISONS
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, size)   ((void)(p), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(p, size) ((void)(p), (void)(size))
#endif

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

static unsigned highest_bit(size_t n)
{
	return 63u - (unsigned)__builtin_clzll(n);
}

/* Class of a block of n bytes, header included. */
static unsigned class_of(size_t n)
{
	if (n <= SMALL_MAX)
		return (unsigned)((n + ARENA_ALIGN - 1) / ARENA_ALIGN) - 1;
	unsigned octave = highest_bit(n - 1);
	return SMALL_CLASSES + (octave - 9) * 4 + (unsigned)((n - 1) >> (octave - 2)) - 4;
}

static size_t class_size(unsigned class)
{
	if (class < SMALL_CLASSES)
		return (class + 1) * (size_t)ARENA_ALIGN;
	unsigned octave = (class - SMALL_CLASSES) / 4 + 9;
	return ((size_t)(class - SMALL_CLASSES) % 4 + 5) << (octave - 2);
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
	ASAN_UNPOISON_MEMORY_REGION(block, sizeof(*block));
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

void arena_init(struct arena *arena, void *memory, size_t size)
{
	memset(arena, 0, sizeof(*arena));
	uintptr_t start = ((uintptr_t)memory + ARENA_ALIGN - 1) & ~(uintptr_t)(ARENA_ALIGN - 1);
	uintptr_t end = ((uintptr_t)memory + size) & ~(uintptr_t)(ARENA_ALIGN - 1);
	arena->next = (uint8_t *)start;
	arena->end = end > start ? (uint8_t *)end : arena->next;
	arena->size = (size_t)(arena->end - arena->next);
	ASAN_POISON_MEMORY_REGION(arena->next, arena->size);
}

void arena_fini(struct arena *arena)
{
	ASAN_UNPOISON_MEMORY_REGION(arena->end - arena->size, arena->size);
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
	ASAN_UNPOISON_MEMORY_REGION(block + 1, size);
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
	ASAN_POISON_MEMORY_REGION(p, payload_size(block));
	list_push(arena, block);
}
