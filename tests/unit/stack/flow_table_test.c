/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "stack/base/flow_table.h"
#include "stack/base/siphash.h"

#define SIZE (8u << 20)

/* Entries are never looked into, so numbers do for pointers. */
static void *entry(uintptr_t number)
{
	return (void *)number; // NOLINT(performance-no-int-to-ptr)
}

struct fixture {
	struct arena arena;
	struct flow_table table;
	void *memory;
};

static void open_table_in(struct fixture *f, size_t size)
{
	f->memory = malloc(size);
	assert_non_null(f->memory);
	arena_init(&f->arena, f->memory, size);
	assert_true(flow_table_init(&f->table, &f->arena));
}

static void open_table(struct fixture *f)
{
	open_table_in(f, SIZE);
}

static void close_table(struct fixture *f)
{
	size_t size = f->arena.size;
	flow_table_fini(&f->table);
	assert_int_equal(f->arena.used, 0);
	assert_int_equal(f->arena.bad_frees, 0);
	arena_fini(&f->arena);
	memset(f->memory, 0, size);
	free(f->memory);
}

static unsigned times_found(const struct flow_table *table, uint32_t hash, const void *pointer)
{
	struct flow_cursor at;
	unsigned times = 0;
	for (void *p = flow_table_first(table, hash, &at); p != NULL; p = flow_table_next(&at))
		times += p == pointer;
	return times;
}

static unsigned found_with_hash(const struct flow_table *table, uint32_t hash)
{
	struct flow_cursor at;
	unsigned times = 0;
	for (void *p = flow_table_first(table, hash, &at); p != NULL; p = flow_table_next(&at))
		times++;
	return times;
}

/* Every bucket holds its own hashes only, and chains are as short as can be. */
static void check_buckets(const struct flow_table *table)
{
	uint32_t entries = 0;
	assert_true(table->buckets >= FLOW_FIRST && table->buckets <= table->mask + 1);
	assert_true(table->buckets - 1 > table->mask / 2);
	for (uint32_t i = 0; i < table->buckets; i++) {
		const struct flow_bucket *bucket = flow_bucket_at(table, i);
		assert_int_equal((uintptr_t)bucket % 64, 0);
		for (bool first = true;; first = false) {
			unsigned own = (unsigned)__builtin_popcount(bucket->used % FLOW_LINK);
			bool linked = bucket->used & FLOW_LINK;
			assert_true(first || linked || own >= 2);
			assert_true(!linked || own == 4);
			entries += own;
			for (unsigned j = 0; j < FLOW_PLACES; j++)
				if (bucket->used >> j & 1)
					assert_ptr_equal(flow_bucket_of(table, bucket->hash[j]),
						flow_bucket_at(table, i));
			if (!linked)
				break;
			bucket = bucket->pointer[FLOW_PLACES - 1];
		}
	}
	assert_int_equal(entries, table->count);
}

static void empty_table_finds_nothing(void **state)
{
	struct fixture f;
	struct flow_cursor at;
	open_table(&f);
	assert_null(flow_table_first(&f.table, 0, &at));
	assert_null(flow_table_first(&f.table, 0xffffffff, &at));
	assert_false(flow_table_remove(&f.table, 0, entry(4)));
	assert_false(flow_table_remove(&f.table, 0, NULL));
	assert_false(flow_table_replace(&f.table, 0, entry(4), entry(8)));
	flow_table_prefetch(&f.table, 12345);
	close_table(&f);
}

static void tag_bits_come_back_as_given(void **state)
{
	struct fixture f;
	struct flow_cursor at;
	open_table(&f);
	for (unsigned tag = 0; tag < 4; tag++)
		assert_true(flow_table_insert(&f.table, 77 + tag, entry(0x7ffffffffff0 | tag)));
	for (unsigned tag = 0; tag < 4; tag++) {
		assert_ptr_equal(
			flow_table_first(&f.table, 77 + tag, &at), entry(0x7ffffffffff0 | tag));
		assert_null(flow_table_next(&at));
	}
	close_table(&f);
}

/* Hashes that share a bucket, also at every size of the table, are still told apart. */
static void only_the_whole_hash_matches(void **state)
{
	struct fixture f;
	open_table(&f);
	for (uint32_t high = 0; high < 20; high++)
		assert_true(flow_table_insert(&f.table, high << 20 | 5, entry(4 * high + 4)));
	for (uint32_t high = 0; high < 20; high++) {
		assert_int_equal(found_with_hash(&f.table, high << 20 | 5), 1);
		assert_int_equal(times_found(&f.table, high << 20 | 5, entry(4 * high + 4)), 1);
	}
	assert_int_equal(found_with_hash(&f.table, 20 << 20 | 5), 0);
	close_table(&f);
}

static void entries_of_one_hash_are_all_returned(void **state)
{
	struct fixture f;
	open_table(&f);
	for (unsigned n = 1; n <= 500; n++) {
		assert_true(flow_table_insert(&f.table, 99, entry(4 * n)));
		assert_int_equal(found_with_hash(&f.table, 99), n);
	}
	check_buckets(&f.table);
	for (unsigned n = 1; n <= 500; n++)
		assert_int_equal(times_found(&f.table, 99, entry(4 * n)), 1);
	for (unsigned n = 1; n <= 500; n++) { /* 7 and 503 have no common divisor: any order */
		unsigned which = n * 7 % 503;
		assert_int_equal(flow_table_remove(&f.table, 99, entry(4 * which)), which <= 500);
		check_buckets(&f.table);
	}
	close_table(&f);
}

static void replaced_entry_keeps_its_place_and_hash(void **state)
{
	struct fixture f;
	open_table(&f);
	for (unsigned n = 1; n <= 300; n++)
		assert_true(flow_table_insert(&f.table, n % 30 * 64, entry(4 * n)));
	size_t used = f.arena.used;
	for (unsigned n = 1; n <= 300; n++) {
		assert_true(
			flow_table_replace(&f.table, n % 30 * 64, entry(4 * n), entry(4 * n | 1)));
		assert_false(flow_table_replace(&f.table, n % 30 * 64, entry(4 * n), entry(8)));
		assert_int_equal(times_found(&f.table, n % 30 * 64, entry(4 * n | 1)), 1);
		assert_int_equal(times_found(&f.table, n % 30 * 64, entry(4 * n)), 0);
	}
	assert_int_equal(f.arena.used, used);
	assert_int_equal(f.table.count, 300);
	close_table(&f);
}

static uint32_t scatter(uint32_t n)
{
	return n * 2654435761u;
}

static void grown_table_gives_its_memory_back_when_emptied(void **state)
{
	struct fixture f;
	open_table(&f);
	size_t empty = f.arena.used;
	for (uint32_t n = 1; n <= 100000; n++)
		assert_true(flow_table_insert(&f.table, scatter(n), entry(4 * n)));
	check_buckets(&f.table);
	assert_in_range(f.table.buckets, 39000, 40001);
	assert_true(f.arena.used < 100000 * 35);
	for (uint32_t n = 1; n <= 100000; n++) {
		assert_int_equal(times_found(&f.table, scatter(n), entry(4 * n)), 1);
		assert_true(flow_table_remove(&f.table, scatter(n), entry(4 * n)));
		assert_int_equal(found_with_hash(&f.table, scatter(n)), 0);
		if (n == 50000) /* half of what it can hold: not yet */
			assert_in_range(f.table.buckets, 39000, 40001);
		if (n == 80000)
			assert_in_range(f.table.buckets, 15900, 16001);
	}
	check_buckets(&f.table);
	assert_int_equal(f.table.buckets, FLOW_FIRST);
	assert_int_equal(f.arena.used, empty);
	close_table(&f);
}

/* No insert or removal may do work that grows with the table: one bucket more or less at most. */
static void table_grows_and_shrinks_by_one_bucket_at_a_time(void **state)
{
	struct fixture f;
	open_table(&f);
	for (uint32_t n = 1; n <= 20000; n++) {
		uint32_t before = f.table.buckets;
		assert_true(flow_table_insert(&f.table, scatter(n), entry(4 * n)));
		assert_in_range(f.table.buckets, before, before + 1);
	}
	for (uint32_t n = 1; n <= 20000; n++) {
		uint32_t before = f.table.buckets;
		assert_true(flow_table_remove(&f.table, scatter(n), entry(4 * n)));
		assert_in_range(f.table.buckets, before - 1, before);
	}
	close_table(&f);
}

static void insert_without_memory_leaves_the_table_as_it_was(void **state)
{
	struct fixture f;
	uint32_t n = 0;
	open_table_in(&f, 65536);
	while (flow_table_insert(&f.table, scatter(n + 1), entry(4 * (n + 1))))
		n++;
	assert_true(n > 1500);
	assert_int_equal(f.table.count, n);
	check_buckets(&f.table);
	for (uint32_t i = 1; i <= n; i++)
		assert_int_equal(times_found(&f.table, scatter(i), entry(4 * i)), 1);
	assert_int_equal(found_with_hash(&f.table, scatter(n + 1)), 0);

	while (arena_alloc(&f.arena, 0) != NULL) /* nor may a removal need memory */
		;
	for (uint32_t i = 1; i <= n; i++) {
		assert_true(flow_table_remove(&f.table, scatter(i), entry(4 * i)));
		if (i % 64 == 0)
			check_buckets(&f.table);
	}
	assert_int_equal(f.table.count, 0);
	assert_int_equal(f.table.buckets, FLOW_FIRST);
	flow_table_fini(&f.table);
	arena_fini(&f.arena);
	memset(f.memory, 0, 65536);
	free(f.memory);
}

/* Buckets 0 and 64 hold five each, which is too much for one without memory for a link. */
static void merge_without_memory_waits(void **state)
{
	struct fixture f;
	open_table_in(&f, 65536);
	for (uint32_t i = 0; i < 161; i++) {
		uint32_t hash = i < 5 ? 0 : i < 10 ? 64 : i % 63 + 1;
		assert_true(flow_table_insert(&f.table, hash, entry(4 * i + 4)));
	}
	assert_int_equal(f.table.buckets, FLOW_FIRST + 1);
	assert_int_equal(f.table.overflow.used, 0);
	while (arena_alloc(&f.arena, 0) != NULL)
		;
	for (uint32_t i = 10; i < 161; i++)
		assert_true(flow_table_remove(&f.table, i % 63 + 1, entry(4 * i + 4)));
	check_buckets(&f.table);
	assert_int_equal(f.table.buckets, FLOW_FIRST + 1);
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(times_found(&f.table, i < 5 ? 0 : 64, entry(4 * i + 4)), 1);
	for (uint32_t i = 0; i < 5; i++)
		assert_true(flow_table_remove(&f.table, 0, entry(4 * i + 4)));
	assert_int_equal(f.table.buckets, FLOW_FIRST);
	check_buckets(&f.table);
	assert_int_equal(found_with_hash(&f.table, 64), 5);
	flow_table_fini(&f.table);
	arena_fini(&f.arena);
	memset(f.memory, 0, 65536);
	free(f.memory);
}

static void table_without_memory_is_refused(void **state)
{
	uint8_t memory[1024];
	struct arena arena;
	struct flow_table table;
	arena_init(&arena, memory, sizeof(memory));
	assert_false(flow_table_init(&table, &arena));
	flow_table_fini(&table);
	assert_int_equal(arena.used, 0);
	arena_fini(&arena);
}

#define MODEL 6000u

/* What the table must hold: entry number i with this hash, if present. */
struct model {
	uint32_t hash[MODEL];
	uint8_t tag[MODEL];
	bool present[MODEL];
};

/* Few different low bits now and then, and hashes that are shared. */
static uint32_t random_hash(struct prng *prng)
{
	uint32_t hash = (uint32_t)prng_next(prng);
	switch (hash >> 28) {
	case 0:
		return hash & 0xffff0000; /* all in one bucket */
	case 1:
		return hash & 0xff; /* shared */
	default:
		return hash;
	}
}

static void *model_entry(const struct model *m, uint32_t i)
{
	return entry(((uintptr_t)i + 1) * 4 | m->tag[i]);
}

static void model_step(struct fixture *f, struct model *m, struct prng *prng, bool filling)
{
	uint32_t i = (uint32_t)(prng_next(prng) % MODEL);
	unsigned choice = (unsigned)(prng_next(prng) % 8);
	if (!m->present[i] && (filling || choice == 0)) {
		m->hash[i] = random_hash(prng);
		m->present[i] = true;
		assert_true(flow_table_insert(&f->table, m->hash[i], model_entry(m, i)));
	} else if (m->present[i] && choice == 1) {
		void *old = model_entry(m, i);
		m->tag[i] = (uint8_t)(prng_next(prng) % 4);
		assert_true(flow_table_replace(&f->table, m->hash[i], old, model_entry(m, i)));
	} else if (m->present[i] && (!filling || choice == 0)) {
		m->present[i] = false;
		assert_true(flow_table_remove(&f->table, m->hash[i], model_entry(m, i)));
		assert_false(flow_table_remove(&f->table, m->hash[i], model_entry(m, i)));
	}
	assert_int_equal(times_found(&f->table, m->hash[i], model_entry(m, i)), m->present[i]);
}

static void check_model(const struct fixture *f, const struct model *m)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < MODEL; i++) {
		count += m->present[i];
		assert_int_equal(
			times_found(&f->table, m->hash[i], model_entry(m, i)), m->present[i]);
	}
	assert_int_equal(f->table.count, count);
	check_buckets(&f->table);
}

static void random_use_agrees_with_a_plain_list(void **state)
{
	static struct model model;
	const uint8_t secret[16] = {6};
	struct siphash_key key = siphash_key(secret);
	struct prng prng;
	struct fixture f;
	uint32_t most = 0;
	prng_init(&prng, &key, 0);
	open_table(&f);
	size_t empty = f.arena.used;
	for (unsigned step = 0; step < 1000000; step++) {
		model_step(&f, &model, &prng, step / 50000 % 2 == 0);
		most = f.table.buckets > most ? f.table.buckets : most;
		if (step % 10000 == 0)
			check_model(&f, &model);
	}
	assert_true(most > MODEL / 4);
	for (uint32_t i = 0; i < MODEL; i++)
		if (model.present[i])
			assert_true(
				flow_table_remove(&f.table, model.hash[i], model_entry(&model, i)));
	assert_int_equal(f.arena.used, empty);
	close_table(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_table_finds_nothing),
		cmocka_unit_test(tag_bits_come_back_as_given),
		cmocka_unit_test(only_the_whole_hash_matches),
		cmocka_unit_test(entries_of_one_hash_are_all_returned),
		cmocka_unit_test(replaced_entry_keeps_its_place_and_hash),
		cmocka_unit_test(grown_table_gives_its_memory_back_when_emptied),
		cmocka_unit_test(table_grows_and_shrinks_by_one_bucket_at_a_time),
		cmocka_unit_test(insert_without_memory_leaves_the_table_as_it_was),
		cmocka_unit_test(merge_without_memory_waits),
		cmocka_unit_test(table_without_memory_is_refused),
		cmocka_unit_test(random_use_agrees_with_a_plain_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
