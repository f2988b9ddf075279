/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "stack/base/arena.h"

#define SIZE (1u << 20)

struct fixture {
	struct arena arena;
	void *memory;
};

static void open_arena(struct fixture *f)
{
	f->memory = malloc(SIZE);
	assert_non_null(f->memory);
	arena_init(&f->arena, f->memory, SIZE);
}

static void close_arena(struct fixture *f)
{
	assert_int_equal(f->arena.bad_frees, 0);
	arena_fini(&f->arena);
	memset(f->memory, 0, SIZE); /* the caller's again, also for AddressSanitizer */
	free(f->memory);
}

static void blocks_of_every_size_are_aligned_and_apart(void **state)
{
	struct fixture f;
	void *block[300];
	open_arena(&f);
	for (unsigned i = 0; i < 300; i++) {
		size_t size = i * i / 40 + i % 3;
		block[i] = arena_alloc(&f.arena, size);
		assert_non_null(block[i]);
		assert_int_equal((uintptr_t)block[i] % ARENA_ALIGN, 0);
		memset(block[i], (int)i, size);
	}
	for (unsigned i = 0; i < 300; i++) {
		size_t size = i * i / 40 + i % 3;
		for (size_t j = 0; j < size; j++)
			assert_int_equal(((uint8_t *)block[i])[j], (uint8_t)i);
		arena_free(&f.arena, block[i]);
	}
	assert_int_equal(f.arena.used, 0);
	assert_true(f.arena.peak > 300 * 300 / 40);
	close_arena(&f);
}

static void freed_block_is_used_again(void **state)
{
	struct fixture f;
	open_arena(&f);
	void *first = arena_alloc(&f.arena, 1000);
	arena_free(&f.arena, first);
	assert_ptr_equal(arena_alloc(&f.arena, 990), first);
	arena_free(&f.arena, first);
	close_arena(&f);
}

static void exhausted_arena_fails_and_takes_larger_blocks_first(void **state)
{
	struct fixture f;
	open_arena(&f);
	unsigned count = 0;
	void *block[128], *small[3];
	while ((block[count] = arena_alloc(&f.arena, 10000)) != NULL)
		count++;
	assert_in_range(count, 80, 104);
	while (arena_alloc(&f.arena, 16) != NULL)
		;
	assert_int_equal(f.arena.failures, 2);
	assert_true(f.arena.used <= f.arena.size);
	arena_free(&f.arena, block[5]);
	arena_free(&f.arena, block[6]);
	small[0] = arena_alloc(&f.arena, 16);
	small[1] = arena_alloc(&f.arena, 16);
	small[2] = arena_alloc(&f.arena, 16);
	assert_true(small[0] == block[5] || small[0] == block[6]);
	assert_true(small[1] != NULL && small[1] != small[0]);
	assert_null(small[2]);
	arena_free(&f.arena, small[0]);
	assert_non_null(arena_alloc(&f.arena, 10000)); /* still a large one */
	close_arena(&f);
}

static void absurd_sizes_fail(void **state)
{
	struct fixture f;
	open_arena(&f);
	assert_null(arena_alloc(&f.arena, SIZE));
	assert_null(arena_alloc(&f.arena, SIZE_MAX));
	assert_null(arena_alloc(&f.arena, (size_t)1 << 32));
	assert_null(arena_alloc(&f.arena, ((size_t)1 << 32) - 16));
	assert_null(arena_calloc(&f.arena, SIZE_MAX / 2, 3));
	assert_int_equal(f.arena.used, 0);
	close_arena(&f);
}

/* Room is what a block holds: a request for it takes no more of the arena, and one more byte does. */
static void room_of_a_request_is_what_its_block_holds(void **state)
{
	struct fixture f;
	open_arena(&f);
	for (size_t size = 0; size < 20000; size += 1 + size / 50) {
		size_t room = arena_room(size);
		assert_true(room >= size);
		arena_free(&f.arena, arena_alloc(&f.arena, size));
		size_t before = f.arena.used;
		void *a = arena_alloc(&f.arena, size);
		size_t cost = f.arena.used - before;
		void *b = arena_alloc(&f.arena, room);
		assert_int_equal(f.arena.used - before, 2 * cost);
		void *c = arena_alloc(&f.arena, room + 1);
		assert_true(f.arena.used - before > 3 * cost);
		arena_free(&f.arena, a);
		arena_free(&f.arena, b);
		arena_free(&f.arena, c);
	}
	close_arena(&f);
}

static void aligned_array_of_a_power_of_two_costs_a_line_more(void **state)
{
	struct fixture f;
	open_arena(&f);
	for (size_t size = 4096; size <= SIZE / 4; size *= 2) {
		size_t before = f.arena.used;
		assert_non_null(arena_alloc(&f.arena, size + 64 - ARENA_ALIGN));
		assert_int_equal(f.arena.used - before, size + 64);
	}
	close_arena(&f);
}

static void calloc_zeroes_what_was_used(void **state)
{
	struct fixture f;
	open_arena(&f);
	uint8_t *p = arena_alloc(&f.arena, 64);
	memset(p, 0xff, 64);
	arena_free(&f.arena, p);
	uint8_t *q = arena_calloc(&f.arena, 4, 16);
	assert_ptr_equal(p, q);
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(q[i], 0);
	arena_free(&f.arena, q);
	arena_free(&f.arena, NULL);
	close_arena(&f);
}

static void double_free_is_counted_and_harmless(void **state)
{
	struct fixture f;
	open_arena(&f);
	void *p = arena_alloc(&f.arena, 64);
	arena_free(&f.arena, p);
	arena_free(&f.arena, p);
	assert_int_equal(f.arena.bad_frees, 1);
	assert_int_equal(f.arena.used, 0);
	void *a = arena_alloc(&f.arena, 64), *b = arena_alloc(&f.arena, 64);
	assert_ptr_not_equal(a, b);
	f.arena.bad_frees = 0;
	close_arena(&f);
}

static void unaligned_memory_is_used_within_its_bounds(void **state)
{
	uint8_t memory[1003];
	struct arena arena;
	memset(memory, 0xaa, sizeof(memory));
	arena_init(&arena, memory + 1, 1000);
	uint8_t *p;
	while ((p = arena_alloc(&arena, 48)) != NULL) {
		assert_true(p > memory && p + 48 <= memory + 1001);
		memset(p, 0, 48);
	}
	arena_fini(&arena);
	assert_int_equal(memory[0], 0xaa);
	assert_int_equal(memory[1001], 0xaa);
	arena_init(&arena, memory, 3); /* not even one unit */
	assert_null(arena_alloc(&arena, 0));
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_of_every_size_are_aligned_and_apart),
		cmocka_unit_test(freed_block_is_used_again),
		cmocka_unit_test(exhausted_arena_fails_and_takes_larger_blocks_first),
		cmocka_unit_test(absurd_sizes_fail),
		cmocka_unit_test(room_of_a_request_is_what_its_block_holds),
		cmocka_unit_test(aligned_array_of_a_power_of_two_costs_a_line_more),
		cmocka_unit_test(calloc_zeroes_what_was_used),
		cmocka_unit_test(double_free_is_counted_and_harmless),
		cmocka_unit_test(unaligned_memory_is_used_within_its_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
