/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/base/slab.h"

#define CHUNK_SHARE 32u /* a chunk has at least this part of the objects there are */

static uint32_t alignment_of(uint32_t object_size)
{
	if (object_size % 64 == 0)
		return 64;
	return object_size % 16 == 0 ? 16 : 8;
}

void slab_init(struct slab *slab, struct arena *arena, uint32_t object_size, uint32_t per_chunk)
{
	object_size = (object_size + 7) & ~UINT32_C(7);
	uint32_t align = alignment_of(object_size);
	/* `align` bytes hold the header of a chunk and the way to the first object. */
	size_t bytes = arena_room(align + (size_t)object_size * per_chunk);
	*slab = (struct slab){
		.arena = arena,
		.object_size = object_size,
		.align = align,
		.chunk_bytes = (uint32_t)bytes,
		.limit = UINT32_MAX,
	};
}

static uint8_t *align_up(uint8_t *p, uint32_t align)
{
	return p + (-(uintptr_t)p & (align - 1));
}

static void cut_from(struct slab *slab, struct slab_chunk *chunk, size_t bytes)
{
	slab->next = align_up((uint8_t *)(chunk + 1), slab->align);
	slab->end = (uint8_t *)chunk + bytes;
	POISON(slab->next, (size_t)(slab->end - slab->next));
}

static struct slab_chunk *add_chunk(struct slab *slab)
{
	size_t share = slab->align + (size_t)slab->object_size * (slab->cut / CHUNK_SHARE);
	size_t bytes = share > slab->chunk_bytes ? arena_room(share) : slab->chunk_bytes;
	struct slab_chunk *chunk = arena_alloc(slab->arena, bytes);
	if (chunk == NULL && bytes > slab->chunk_bytes) {
		bytes = slab->chunk_bytes;
		chunk = arena_alloc(slab->arena, bytes);
	}
	if (chunk == NULL)
		return NULL;
	if (slab->keep && slab->chunks == NULL)
		slab->kept = chunk;
	chunk->next = slab->chunks;
	slab->chunks = chunk;
	cut_from(slab, chunk, bytes);
	return chunk;
}

void slab_keep(struct slab *slab)
{
	slab->keep = true;
}

void *slab_cut(struct slab *slab)
{
	if (slab->cut >= slab->limit)
		return NULL;
	if ((size_t)(slab->end - slab->next) < slab->object_size && add_chunk(slab) == NULL)
		return NULL;
	void *object = slab->next;
	slab->next += slab->object_size;
	UNPOISON(object, slab->object_size);
	slab->cut++;
	/* Only here can they be more than ever: one is cut when all others are in use. */
	if (++slab->used > slab->peak)
		slab->peak = slab->used;
	return object;
}

void slab_release(struct slab *slab)
{
	if (slab->chunks == slab->kept)
		return;
	while (slab->chunks != slab->kept) {
		struct slab_chunk *chunk = slab->chunks;
		slab->chunks = chunk->next;
		arena_free(slab->arena, chunk);
	}
	slab->free = NULL;
	slab->next = slab->end = NULL;
	slab->cut = 0;
	if (slab->kept != NULL)
		cut_from(slab, slab->kept, slab->chunk_bytes);
}

void slab_trim(struct slab *slab)
{
	if (slab->used > 0)
		return;
	slab->kept = NULL;
	slab_release(slab);
}

void slab_fini(struct slab *slab)
{
	slab->kept = NULL;
	slab_release(slab);
	slab->used = 0;
}
