/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/base/flow_table.h"

#define LINK_PLACE (FLOW_PLACES - 1)
#define LINE       sizeof(struct flow_bucket)

/* Memory for `count` buckets from the given number on, as a segment. */
static bool alloc_segment(struct flow_table *table, uint32_t number, uint32_t count)
{
	void *block = arena_alloc(table->arena, (count + 1) * LINE - ARENA_ALIGN);
	if (block == NULL)
		return false;
	uintptr_t start = ((uintptr_t)block + LINE - 1) & ~(uintptr_t)(LINE - 1);
	unsigned segment = flow_segment_of(number);
	table->base[segment] = start - number * LINE;
	table->block[segment] = block;
	return true;
}

bool flow_table_init(struct flow_table *table, struct arena *arena)
{
	*table = (struct flow_table){
		.buckets = FLOW_FIRST,
		.mask = FLOW_FIRST - 1,
		.arena = arena,
	};
	slab_init(&table->overflow, arena, LINE, 15);
	if (!alloc_segment(table, FLOW_FIRST, FLOW_FIRST))
		return false;
	/* The first four segments are one block: they begin at the same number 0. */
	for (unsigned i = 1; i < 4; i++)
		table->base[i] = table->base[0];
	for (uint32_t i = 0; i < FLOW_FIRST; i++)
		flow_bucket_at(table, i)->used = 0;
	return true;
}

void flow_table_fini(struct flow_table *table)
{
	for (unsigned i = 0; i < FLOW_SEGMENTS; i++)
		arena_free(table->arena, table->block[i]);
	slab_fini(&table->overflow);
	*table = (struct flow_table){.count = 0};
}

static void put(struct flow_bucket *bucket, unsigned place, uint32_t hash, void *pointer)
{
	bucket->hash[place] = hash;
	bucket->pointer[place] = pointer;
	bucket->used |= 1u << place;
}

/* The last entry of a full bucket moves to a new bucket, and makes place for the link to it. */
static struct flow_bucket *add_link(struct flow_table *table, struct flow_bucket *bucket)
{
	struct flow_bucket *more = slab_alloc(&table->overflow);
	if (more == NULL)
		return NULL;
	more->used = 0;
	put(more, 0, bucket->hash[LINK_PLACE], bucket->pointer[LINK_PLACE]);
	bucket->pointer[LINK_PLACE] = more;
	bucket->used ^= 1u << LINK_PLACE | FLOW_LINK;
	return more;
}

/* Puts an entry into the chain that starts here. False without memory for a link. */
static bool push(struct flow_table *table, struct flow_bucket *bucket, uint32_t hash, void *pointer)
{
	while (flow_bucket_link(bucket) != NULL)
		bucket = flow_bucket_link(bucket);
	if (bucket->used == FLOW_LINK - 1)
		bucket = add_link(table, bucket);
	if (bucket == NULL)
		return false;
	put(bucket, (unsigned)__builtin_ctz(~bucket->used), hash, pointer);
	return true;
}

/*
 * Puts all entries of a chain, whose first bucket is given as a copy, to where the table has them
 * now. Its overflow buckets are freed on the way, and the entries never need more than were freed
 * by then, plus, in a merge, the two that were reserved.
 */
static void redistribute(struct flow_table *table, struct flow_bucket from)
{
	for (;;) {
		for (uint32_t left = flow_bucket_used(&from); left != 0; left &= left - 1) {
			unsigned place = (unsigned)__builtin_ctz(left);
			uint32_t hash = from.hash[place];
			(void)push(table, flow_bucket_of(table, hash), hash, from.pointer[place]);
		}
		struct flow_bucket *more = flow_bucket_link(&from);
		if (more == NULL)
			return;
		from = *more;
		slab_free(&table->overflow, more);
	}
}

/* Is there memory for the bucket of this number? */
static bool have_segment(struct flow_table *table, uint32_t number)
{
	return table->block[flow_segment_of(number)] != NULL ||
		alloc_segment(table, number, UINT32_C(1) << flow_segment_shift(number));
}

/* One more bucket, unless there is no memory for its segment. */
static void grow(struct flow_table *table)
{
	uint32_t last = table->buckets;
	if (last == FLOW_MOST || !have_segment(table, last + FLOW_FIRST))
		return;
	table->buckets++;
	if (last > table->mask)
		table->mask = 2 * table->mask + 1;
	flow_bucket_at(table, last)->used = 0;
	struct flow_bucket *split = flow_bucket_at(table, last & table->mask >> 1);
	struct flow_bucket from = *split;
	split->used = 0;
	redistribute(table, from);
}

/* Can a merge of these have two overflow buckets more than both have? That is the most it needs. */
static bool can_merge(
	struct flow_table *table, const struct flow_bucket *a, const struct flow_bucket *b)
{
	if (__builtin_popcount(a->used) + __builtin_popcount(b->used) <= (int)FLOW_PLACES)
		return true;
	void *first = slab_alloc(&table->overflow);
	void *second = slab_alloc(&table->overflow);
	if (first != NULL)
		slab_free(&table->overflow, first);
	if (second != NULL)
		slab_free(&table->overflow, second);
	return second != NULL;
}

/* After the last bucket was given up: its segment goes when it was the first of it. */
static void drop_segment(struct flow_table *table, uint32_t number)
{
	unsigned segment = flow_segment_of(number);
	if (number % (UINT32_C(1) << flow_segment_shift(number)) != 0)
		return;
	arena_free(table->arena, table->block[segment]);
	table->block[segment] = NULL;
}

/* One bucket less, unless there is no memory for a link that the merge would need. */
static void shrink(struct flow_table *table)
{
	uint32_t last = table->buckets - 1;
	struct flow_bucket *gone = flow_bucket_at(table, last);
	if (!can_merge(table, flow_bucket_at(table, last & table->mask >> 1), gone))
		return;
	table->buckets = last;
	if (last - 1 == table->mask >> 1)
		table->mask >>= 1;
	redistribute(table, *gone);
	drop_segment(table, last + FLOW_FIRST);
}

bool flow_table_insert(struct flow_table *table, uint32_t hash, void *pointer)
{
	if (2 * (uint64_t)table->count >= FLOW_PLACES * (uint64_t)table->buckets)
		grow(table);
	if (!push(table, flow_bucket_of(table, hash), hash, pointer))
		return false;
	table->count++;
	return true;
}

/* Where an entry is: its bucket, and the one before in the chain, if any. */
struct place {
	struct flow_bucket *bucket, *before;
	unsigned index;
};

static bool find(
	const struct flow_table *table, uint32_t hash, const void *pointer, struct place *at)
{
	at->before = NULL;
	at->bucket = flow_bucket_of(table, hash);
	while (at->bucket != NULL) {
		uint32_t matches = flow_bucket_matches(at->bucket, hash);
		for (; matches != 0; matches &= matches - 1) {
			at->index = (unsigned)__builtin_ctz(matches);
			if (at->bucket->pointer[at->index] == pointer)
				return true;
		}
		at->before = at->bucket;
		at->bucket = flow_bucket_link(at->bucket);
	}
	return false;
}

/* Entries from the buckets behind fill the hole, so that it moves to the last of the chain. */
static void move_hole_to_end(struct place *hole)
{
	for (;;) {
		struct flow_bucket *more = flow_bucket_link(hole->bucket);
		if (more == NULL)
			return;
		unsigned taken = (unsigned)__builtin_ctz(more->used);
		put(hole->bucket, hole->index, more->hash[taken], more->pointer[taken]);
		*hole = (struct place){.bucket = more, .before = hole->bucket, .index = taken};
	}
}

/* The last entry of an overflow bucket goes into the place of the link to it. */
static void drop_link(struct flow_table *table, const struct place *last)
{
	unsigned left = (unsigned)__builtin_ctz(last->bucket->used);
	last->before->used ^= FLOW_LINK;
	put(last->before, LINK_PLACE, last->bucket->hash[left], last->bucket->pointer[left]);
	slab_free(&table->overflow, last->bucket);
}

bool flow_table_remove(struct flow_table *table, uint32_t hash, const void *pointer)
{
	struct place at;
	if (!find(table, hash, pointer, &at))
		return false;
	move_hole_to_end(&at);
	at.bucket->used ^= 1u << at.index;
	if (at.before != NULL && __builtin_popcount(at.bucket->used) == 1)
		drop_link(table, &at);
	table->count--;
	if (table->buckets > FLOW_FIRST &&
		4 * (uint64_t)table->count < FLOW_PLACES * (uint64_t)table->buckets)
		shrink(table);
	return true;
}

bool flow_table_replace(struct flow_table *table, uint32_t hash, const void *old, void *pointer)
{
	struct place at;
	if (!find(table, hash, old, &at))
		return false;
	at.bucket->pointer[at.index] = pointer;
	return true;
}
