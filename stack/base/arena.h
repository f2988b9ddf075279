/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An allocator inside one given piece of memory: the only memory of a stack core.
 *
 * Blocks come in size classes (steps of 16 bytes up to 512, then four steps an octave, from 2048 on
 * with room to align an array to a cache line). A free
 * block waits on the list of its class; a request takes from there, else cuts a new block off the
 * uncut rest, else takes a free block of the next larger class that has one. All of that is O(1).
 * Blocks are never joined: memory that was once cut into small blocks stays small.
 */
#ifndef RWS_ARENA_H
#define RWS_ARENA_H

#include <stddef.h>
#include <stdint.h>

#define ARENA_CLASSES 128
#define ARENA_ALIGN   16u

struct arena_block;

struct arena {
	uint8_t *next, *end;                     /* the uncut rest */
	struct arena_block *free[ARENA_CLASSES]; /* by class */
	uint64_t has_free[ARENA_CLASSES / 64];   /* bit set: the list is not empty */
	size_t size, used, peak;                 /* bytes, block headers included */
	uint64_t failures;                       /* requests that found nothing */
	uint64_t bad_frees;                      /* of what was not allocated: a bug */
};

void arena_init(struct arena *arena, void *memory, size_t size);

/* The memory is the caller's again; whatever was allocated in it is gone. */
void arena_fini(struct arena *arena);

/* The largest request that takes no more of the arena than one of `size` bytes, up to 1 GiB. */
size_t arena_room(size_t size);

/* Aligned to ARENA_ALIGN; NULL when nothing is left. A size of 0 gives a valid block. */
void *arena_alloc(struct arena *arena, size_t size);

/* The same, zeroed; NULL also when count * size overflows. */
void *arena_calloc(struct arena *arena, size_t count, size_t size);

/* p may be NULL. */
void arena_free(struct arena *arena, void *p);

#endif
