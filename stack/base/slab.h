/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A pool of objects of one size, without a header on each.
 *
 * Objects are cut off chunks, which are blocks of the arena, and wait on one list when they are
 * free. slab_alloc and slab_free are O(1). A chunk does not know which of its objects are free, so
 * memory goes back to the arena only when the last object of the slab is freed, by a step a chunk.
 * Chunks grow with the slab, so that these are few: 300 for a million objects.
 */
#ifndef RWS_SLAB_H
#define RWS_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stack/base/arena.h"
#include "stack/base/poison.h"

/* At the start of a chunk; the objects follow at their alignment. */
struct slab_chunk {
	struct slab_chunk *next;
};

struct slab_object {
	struct slab_object *next;
};

struct slab {
	struct slab_object *free;
	uint8_t *next, *end;       /* the uncut rest of the newest chunk */
	struct slab_chunk *chunks; /* the newest first */
	struct slab_chunk *kept;   /* the oldest, with `keep`; or NULL */
	struct arena *arena;
	uint32_t object_size, align;
	uint32_t chunk_bytes; /* of a chunk while there are few */
	uint32_t used, peak;  /* objects handed out: now, and at most so far */
	uint32_t cut;         /* objects cut off the chunks, free or not */
	uint32_t limit;       /* of cut; the owner may lower it before the first slab_alloc */
	bool keep;            /* slab_keep */
};

/*
 * Objects of object_size bytes (rounded up to 8), at least per_chunk of them to a chunk. They are
 * aligned to 64 bytes if the size is a multiple of 64, to 16 if it is one of 16, else to 8. Takes
 * nothing from the arena yet.
 */
void slab_init(struct slab *slab, struct arena *arena, uint32_t object_size, uint32_t per_chunk);

/*
 * From now on, before the first slab_alloc, the first chunk stays when its last object is freed,
 * until slab_trim: for objects that come and go with each packet, where to ask the arena each time
 * would cost more than all the rest.
 */
void slab_keep(struct slab *slab);

/* Hands back a chunk that was kept, if nothing is in it now. For once in a while. */
void slab_trim(struct slab *slab);

/* All memory goes back to the arena, also that of objects which were not freed. */
void slab_fini(struct slab *slab);

/* For slab_alloc: an object when none is on the list, NULL without memory or above the limit. */
void *slab_cut(struct slab *slab);

/* For slab_free: hands all chunks back but the one that is kept. */
void slab_release(struct slab *slab);

/* Not zeroed. NULL when the arena is exhausted or `limit` objects are in use. */
static inline void *slab_alloc(struct slab *slab)
{
	struct slab_object *object = slab->free;
	if (object == NULL)
		return slab_cut(slab);
	UNPOISON(object, slab->object_size);
	slab->free = object->next;
	slab->used++;
	return object;
}

/* p is an object of this slab, in use. */
static inline void slab_free(struct slab *slab, void *p)
{
	struct slab_object *object = p;
	object->next = slab->free;
	slab->free = object;
	POISON(object, slab->object_size);
	if (--slab->used == 0 && slab->chunks != slab->kept)
		slab_release(slab);
}

#endif
