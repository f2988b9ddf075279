/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "stack/base/siphash.h"
#include "stack/base/slab.h"

#define SIZE (1u << 18)

struct fixture {
	struct arena arena;
	struct slab slab;
	void *memory;
};

static void open_slab(struct fixture *f, uint32_t object_size, uint32_t per_chunk)
{
	f->memory = malloc(SIZE);
	assert_non_null(f->memory);
	arena_init(&f->arena, f->memory, SIZE);
	slab_init(&f->slab, &f->arena, object_size, per_chunk);
}

static void close_slab(struct fixture *f)
{
	slab_fini(&f->slab);
	assert_int_equal(f->slab.used, 0);
	assert_int_equal(f->arena.used, 0);
	assert_int_equal(f->arena.bad_frees, 0);
	arena_fini(&f->arena);
	memset(f->memory, 0, SIZE);
	free(f->memory);
}

static void objects_of_every_size_are_aligned_and_apart(void **state)
{
	for (uint32_t size = 1; size <= 260; size++) {
		struct fixture f;
		uint8_t *object[50];
		unsigned align = size % 64 == 0 ? 64 : size % 16 == 0 ? 16 : 8;
		open_slab(&f, size, 7);
		for (unsigned i = 0; i < 50; i++) {
			object[i] = slab_alloc(&f.slab);
			assert_non_null(object[i]);
			assert_int_equal((uintptr_t)object[i] % align, 0);
			memset(object[i], (int)i, size);
		}
		for (unsigned i = 0; i < 50; i++)
			for (unsigned j = 0; j < size; j++)
				assert_int_equal(object[i][j], i);
		close_slab(&f);
	}
}

static void freed_object_is_the_next_one_used(void **state)
{
	struct fixture f;
	open_slab(&f, 64, 8);
	void *a = slab_alloc(&f.slab), *b = slab_alloc(&f.slab);
	slab_free(&f.slab, a);
	assert_ptr_equal(slab_alloc(&f.slab), a);
	slab_free(&f.slab, b);
	slab_free(&f.slab, a);
	assert_ptr_not_equal(slab_alloc(&f.slab), NULL);
	close_slab(&f);
}

/* A use after free is found: by AddressSanitizer only. */
static void freed_object_is_poisoned(void **state)
{
#ifdef POISON_WORKS
	struct fixture f;
	open_slab(&f, 64, 8);
	uint8_t *a = slab_alloc(&f.slab);
	assert_non_null(slab_alloc(&f.slab));
	assert_false(__asan_address_is_poisoned(a) || __asan_address_is_poisoned(a + 63));
	slab_free(&f.slab, a);
	assert_true(__asan_address_is_poisoned(a) && __asan_address_is_poisoned(a + 63));
	assert_true(__asan_address_is_poisoned(f.slab.next)); /* nor is the uncut rest for use */
	close_slab(&f);
#else
	skip();
#endif
}

static void last_object_freed_gives_all_memory_back(void **state)
{
	struct fixture f;
	void *object[1000];
	open_slab(&f, 48, 16);
	for (unsigned round = 0; round < 3; round++) {
		assert_int_equal(f.arena.used, 0);
		for (unsigned i = 0; i < 1000; i++) {
			assert_non_null(object[i] = slab_alloc(&f.slab));
			assert_true(f.arena.used >= 48);
		}
		assert_int_equal(f.slab.used, 1000);
		for (unsigned i = 0; i < 1000; i++) {
			assert_true(f.arena.used >= 1000 * 48);
			slab_free(&f.slab, object[(i * 7 + round) % 1000]);
		}
		assert_int_equal(f.slab.used, 0);
	}
	assert_int_equal(f.slab.peak, 1000);
	close_slab(&f);
}

/* Of objects that come and go one at a time: the arena is not asked again. */
static void kept_chunk_stays_until_it_is_trimmed(void **state)
{
	struct fixture f;
	void *object[200];
	open_slab(&f, 64, 16);
	size_t before = f.arena.used;
	slab_keep(&f.slab);
	assert_int_equal(f.arena.used, before);
	slab_free(&f.slab, slab_alloc(&f.slab));
	size_t kept = f.arena.used;
	assert_true(kept >= 16 * 64);
	for (unsigned round = 0; round < 3; round++) {
		void *first = slab_alloc(&f.slab);
		slab_free(&f.slab, first);
		assert_ptr_equal(slab_alloc(&f.slab), first);
		assert_int_equal(f.arena.used, kept);
		for (unsigned i = 0; i < 200; i++) {
			assert_non_null(object[i] = slab_alloc(&f.slab));
			memset(object[i], (int)i, 64);
		}
		assert_true(f.arena.used > kept);
		for (unsigned i = 0; i < 200; i++) {
			assert_int_equal(*(uint8_t *)object[i], i);
			slab_free(&f.slab, object[i]);
		}
		slab_trim(&f.slab); /* not while it is in use */
		assert_true(f.arena.used > kept);
		slab_free(&f.slab, first);
		assert_int_equal(f.arena.used, kept);
	}
	slab_trim(&f.slab);
	assert_int_equal(f.arena.used, before);
	assert_non_null(object[0] = slab_alloc(&f.slab)); /* and takes one again */
	slab_free(&f.slab, object[0]);
	assert_int_equal(f.arena.used, kept);
	close_slab(&f);
}

/* The last slab_free walks over the chunks: they must not be as many as there are objects. */
static void chunks_are_few_and_nearly_full_however_many_objects(void **state)
{
	struct fixture f;
	unsigned chunks = 0;
	open_slab(&f, 8, 16);
	for (unsigned i = 0; i < 20000; i++)
		assert_non_null(slab_alloc(&f.slab));
	for (const struct slab_chunk *chunk = f.slab.chunks; chunk != NULL; chunk = chunk->next)
		chunks++;
	assert_in_range(chunks, 30, 150);
	assert_true(f.arena.used < 20000 * 8 * 110 / 100);
	close_slab(&f);
}

/* What an object costs beside its own bytes, with chunks of a few kilobytes. */
static void objects_of_64_bytes_cost_few_more_than_64(void **state)
{
	struct fixture f;
	open_slab(&f, 64, 100);
	size_t count = 0;
	while (f.arena.used < SIZE / 2 && slab_alloc(&f.slab) != NULL)
		count++;
	while (f.slab.next + 64 <= f.slab.end && slab_alloc(&f.slab) != NULL)
		count++; /* the last chunk to its end */
	assert_true(f.arena.used <= count * 66);
	close_slab(&f);
}

static void exhausted_arena_refuses_until_something_is_freed(void **state)
{
	struct fixture f;
	void *object[SIZE / 128];
	unsigned count = 0;
	open_slab(&f, 128, 10);
	while ((object[count] = slab_alloc(&f.slab)) != NULL)
		count++;
	assert_true(count > SIZE / 128 * 8 / 10);
	assert_int_equal(f.slab.used, count);
	assert_null(slab_alloc(&f.slab));
	assert_true(f.arena.failures > 0);
	assert_null(arena_alloc(&f.arena, f.slab.chunk_bytes)); /* not even for a small chunk */
	slab_free(&f.slab, object[count / 2]);
	assert_ptr_equal(slab_alloc(&f.slab), object[count / 2]);
	assert_null(slab_alloc(&f.slab));
	for (unsigned i = 0; i < count; i++)
		slab_free(&f.slab, object[i]);
	assert_int_equal(f.arena.used, 0);
	assert_non_null(slab_alloc(&f.slab));
	close_slab(&f);
}

static void limit_refuses_the_next_object(void **state)
{
	struct fixture f;
	void *object[25];
	open_slab(&f, 32, 10);
	f.slab.limit = 25;
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 25; i++)
			assert_non_null(object[i] = slab_alloc(&f.slab));
		assert_null(slab_alloc(&f.slab));
		slab_free(&f.slab, object[3]);
		assert_non_null(object[3] = slab_alloc(&f.slab));
		assert_null(slab_alloc(&f.slab));
		for (unsigned i = 0; i < 25; i++)
			slab_free(&f.slab, object[i]);
	}
	close_slab(&f);
}

/* Each object carries its number; a shared or overwritten one shows. */
static void random_use_keeps_objects_apart(void **state)
{
	struct fixture f;
	const uint8_t secret[16] = {4};
	struct siphash_key key = siphash_key(secret);
	struct prng prng;
	uint32_t *object[200] = {NULL};
	uint32_t used = 0, emptied = 0;
	prng_init(&prng, &key, 0);
	open_slab(&f, 40, 9);
	for (unsigned step = 0; step < 200000; step++) {
		bool filling = step / 2000 % 2 == 0;
		unsigned i = (unsigned)(prng_next(&prng) % 200);
		if (object[i] == NULL && (filling || step % 64 == 0)) {
			assert_non_null(object[i] = slab_alloc(&f.slab));
			for (unsigned j = 0; j < 10; j++)
				object[i][j] = i;
			used++;
		} else if (object[i] != NULL && (!filling || step % 64 == 0)) {
			for (unsigned j = 0; j < 10; j++)
				assert_int_equal(object[i][j], i);
			slab_free(&f.slab, object[i]);
			object[i] = NULL;
			emptied += --used == 0;
		}
		assert_int_equal(f.slab.used, used);
		assert_int_equal(f.arena.used == 0, used == 0);
	}
	assert_true(emptied > 0);
	close_slab(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_of_every_size_are_aligned_and_apart),
		cmocka_unit_test(freed_object_is_the_next_one_used),
		cmocka_unit_test(freed_object_is_poisoned),
		cmocka_unit_test(last_object_freed_gives_all_memory_back),
		cmocka_unit_test(kept_chunk_stays_until_it_is_trimmed),
		cmocka_unit_test(chunks_are_few_and_nearly_full_however_many_objects),
		cmocka_unit_test(objects_of_64_bytes_cost_few_more_than_64),
		cmocka_unit_test(exhausted_arena_refuses_until_something_is_freed),
		cmocka_unit_test(limit_refuses_the_next_object),
		cmocka_unit_test(random_use_keeps_objects_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
