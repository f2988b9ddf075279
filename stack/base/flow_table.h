/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A hash table from 32-bit hashes, which the caller computed, to pointers.
 *
 * Theory of operation. Linear hashing: the table grows and shrinks by one bucket at a time. With N
 * buckets and n the largest power of two below N, a hash belongs to the bucket of its number modulo
 * 2n if there is one, else modulo n. To grow is to split a bucket: each of its entries stays or
 * goes to the new last one. To shrink is to merge the last bucket back. An insert splits at most
 * one bucket (when more than half of the places are taken), a removal merges at most one (when
 * under a quarter is). So an operation costs the length of one chain, of two when it splits or
 * merges, and at most one block of the arena, however large the table; there is never a second one.
 *
 * A bucket is a cache line with five places. One with more entries keeps four and a link to an
 * overflow bucket; a chain is as short as its entries allow.
 *
 * Buckets lie in segments, four to each doubling, so that what is allocated and not yet used is a
 * quarter at most. The segment of a bucket follows from the position of the highest bit of its
 * number.
 *
 * An entry is any pointer. Bits of it may serve the caller as a tag; they are returned as given.
 */
#ifndef RWS_FLOW_TABLE_H
#define RWS_FLOW_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "stack/base/apart.h"
#include "stack/base/arena.h"
#include "stack/base/slab.h"

#define FLOW_PLACES   5u
#define FLOW_LINK     (1u << FLOW_PLACES) /* in `used`: the last pointer is a link */
#define FLOW_FIRST    64u                 /* buckets of an empty table */
#define FLOW_SEGMENTS 80u
#define FLOW_MOST     ((1u << 26) - FLOW_FIRST) /* buckets in all segments; then chains grow */

struct flow_bucket {
	uint32_t hash[FLOW_PLACES];
	uint32_t used; /* bit i: place i holds an entry; FLOW_LINK */
	void *pointer[FLOW_PLACES];
};
_Static_assert(sizeof(struct flow_bucket) == 64, "a bucket is a cache line");

struct flow_table {
	uint32_t buckets; /* N */
	uint32_t mask;    /* 2n - 1, where n < N <= 2n */
	/* Of a segment: where number 0 would be if it went down so far, see flow_bucket_at. */
	uintptr_t base[FLOW_SEGMENTS];
	void *block[FLOW_SEGMENTS]; /* of the arena, in which the segment lies */
	struct slab overflow;
	struct arena *arena;
	uint32_t count; /* entries */
};

/* Where a lookup stands. Void after any change of the table but flow_table_replace. */
struct flow_cursor {
	const struct flow_bucket *bucket;
	uint32_t hash;
	uint32_t matches; /* places of the bucket with this hash that were not yet returned */
};

/* False when the arena has no memory for the first 4 KiB. */
__attribute__((warn_unused_result)) bool flow_table_init(
	struct flow_table *table, struct arena *arena);

/* All memory goes back; entries that are left are forgotten. */
void flow_table_fini(struct flow_table *table);

/* False without memory; the table is then as before. Whether the entry is there is not looked at. */
__attribute__((warn_unused_result)) bool flow_table_insert(
	struct flow_table *table, uint32_t hash, void *pointer);

/* False when there is no such entry. */
bool flow_table_remove(struct flow_table *table, uint32_t hash, const void *pointer);

/* Puts another pointer into the place of an entry. False when there is no such entry. */
bool flow_table_replace(struct flow_table *table, uint32_t hash, const void *old, void *pointer);

/*
 * Segments go by the highest three bits of a bucket's number plus FLOW_FIRST. All of them that
 * agree in these bits and in their position are one segment, of 2^shift buckets.
 */
static inline uint32_t flow_segment_shift(uint32_t number)
{
	return ((uint32_t)__builtin_clz(number) ^ 31) - 2; /* the position of the highest, less 2 */
}

static inline uint32_t flow_segment_of(uint32_t number)
{
	uint32_t shift = flow_segment_shift(number);
	return 4 * shift + (number >> shift) - 20; /* the first number is 64: 4 * 4 + 4 - 20 */
}

static inline struct flow_bucket *flow_bucket_at(const struct flow_table *table, uint32_t bucket)
{
	uint32_t number = bucket + FLOW_FIRST;
	uintptr_t offset = (uintptr_t)number * sizeof(struct flow_bucket);
	return (struct flow_bucket *)(table->base[flow_segment_of(number)] + offset);
}

static inline struct flow_bucket *flow_bucket_of(const struct flow_table *table, uint32_t hash)
{
	uint32_t i = hash & table->mask;
	/* By a shift, as a branch would be mispredicted half of the time. */
	return flow_bucket_at(table, i & table->mask >> (i >= table->buckets));
}

/* The bucket that goes on with the entries of this one, or NULL. */
static inline struct flow_bucket *flow_bucket_link(const struct flow_bucket *bucket)
{
	return bucket->used & FLOW_LINK ? bucket->pointer[FLOW_PLACES - 1] : NULL;
}

/* The places of a bucket that hold an entry, as bits. */
static inline uint32_t flow_bucket_used(const struct flow_bucket *bucket)
{
	return bucket->used % FLOW_LINK;
}

/* Which of the first four hashes are this one, as bits. */
static inline uint32_t flow_match_four(const uint32_t hashes[4], uint32_t hash)
{
#ifdef __SSE2__
	typedef uint32_t four_words __attribute__((vector_size(16)));
	typedef float four_floats __attribute__((vector_size(16)));
	four_words loaded;
	memcpy(&loaded, hashes, sizeof(loaded));
	return (uint32_t)__builtin_ia32_movmskps((four_floats)(loaded == hash));
#else
	uint32_t matches = 0;
	for (unsigned i = 0; i < 4; i++)
		matches |= (uint32_t)(hashes[i] == hash) << i;
	return matches;
#endif
}

/* Places of the bucket that hold an entry of this hash, as bits. */
static inline uint32_t flow_bucket_matches(const struct flow_bucket *bucket, uint32_t hash)
{
	uint32_t matches = flow_match_four(bucket->hash, hash);
	matches |= (uint32_t)(bucket->hash[4] == hash) << 4;
	return matches & bucket->used;
}

/*
 * For a burst: all hashes are prefetched before the first is looked up. Inline in any case: gcc 12
 * takes a function that only prefetches for one without effect, and leaves out the call.
 */
INLINE void flow_table_prefetch(const struct flow_table *table, uint32_t hash)
{
	__builtin_prefetch(flow_bucket_of(table, hash));
}

/* The next entry with the hash of the cursor, or NULL. */
static inline void *flow_table_next(struct flow_cursor *at)
{
	while (at->matches == 0) {
		if ((at->bucket->used & FLOW_LINK) == 0)
			return NULL;
		at->bucket = at->bucket->pointer[FLOW_PLACES - 1];
		at->matches = flow_bucket_matches(at->bucket, at->hash);
	}
	unsigned place = (unsigned)__builtin_ctz(at->matches);
	at->matches &= at->matches - 1;
	return at->bucket->pointer[place];
}

/* The first entry with this hash, or NULL. All that have it are returned; the caller compares. */
static inline void *flow_table_first(
	const struct flow_table *table, uint32_t hash, struct flow_cursor *at)
{
	at->bucket = flow_bucket_of(table, hash);
	at->hash = hash;
	at->matches = flow_bucket_matches(at->bucket, hash);
	return flow_table_next(at);
}

#endif
