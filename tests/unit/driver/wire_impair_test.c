/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver/wire_impair.h"

#include <string.h>

#include "tests/unit/driver/lab.h"

#define FRAMES 100000u

static uint64_t ring[64];

static void start(struct wire_direction *d, uint64_t seed, struct wire_impairment impairment)
{
	wire_direction_init(d, seed, ring, 64);
	d->impairment = impairment;
}

static void a_clean_wire_passes_all_at_once(void **state)
{
	struct wire_direction d;

	(void)state;
	start(&d, 1, (struct wire_impairment){0});
	for (unsigned i = 0; i < 1000; i++) {
		struct wire_fate fate = wire_fate_of(&d, i, 100);
		assert_int_equal(fate.copies, 1);
		assert_int_equal(fate.due, i);
		assert_false(fate.corrupted || fate.reordered || fate.queue_full);
	}
}

static void one_seed_gives_one_history(void **state)
{
	struct wire_impairment bad = {.loss_ppm = 100000,
		.duplicate_ppm = 50000,
		.reorder_ppm = 30000,
		.corrupt_ppm = 20000,
		.jitter_ns = 500};
	struct wire_direction a, b, c;
	unsigned differences = 0;

	(void)state;
	start(&a, 42, bad);
	start(&b, 42, bad);
	start(&c, 43, bad);
	for (unsigned i = 0; i < 10000; i++) {
		struct wire_fate fa = wire_fate_of(&a, i, 100), fb = wire_fate_of(&b, i, 100);
		assert_int_equal(fa.copies, fb.copies);
		assert_int_equal(fa.due, fb.due);
		assert_int_equal(fa.reordered, fb.reordered);
		assert_int_equal(fa.corrupted, fb.corrupted);
		assert_int_equal(fa.corrupt_bit, fb.corrupt_bit);
		differences += fa.copies != wire_fate_of(&c, i, 100).copies;
	}
	assert_true(differences > 100);
}

/* 10 % of 100,000: 10,000 expected, 95 one standard deviation. */
static void probabilities_are_met(void **state)
{
	struct wire_impairment bad = {.loss_ppm = 100000,
		.duplicate_ppm = 100000,
		.reorder_ppm = 100000,
		.corrupt_ppm = 100000};
	struct wire_direction d;
	unsigned lost = 0, doubled = 0, reordered = 0, corrupted = 0;

	(void)state;
	start(&d, 7, bad);
	for (unsigned i = 0; i < FRAMES; i++) {
		struct wire_fate fate = wire_fate_of(&d, i, 100);
		lost += fate.copies == 0;
		doubled += fate.copies == 2;
		reordered += fate.reordered;
		corrupted += fate.corrupted;
		assert_true(fate.corrupt_bit < 800);
	}
	assert_in_range(lost, 9500, 10500);
	assert_in_range(doubled, 8500, 9500); /* of those not lost */
	assert_in_range(reordered, 9500, 10500);
	assert_in_range(corrupted, 9500, 10500);
}

static void certain_and_impossible_are_exact(void **state)
{
	struct wire_direction all, none;

	(void)state;
	start(&all, 3, (struct wire_impairment){.loss_ppm = 1000000});
	start(&none, 3, (struct wire_impairment){.loss_ppm = 0});
	for (unsigned i = 0; i < FRAMES; i++) {
		assert_int_equal(wire_fate_of(&all, i, 60).copies, 0);
		assert_int_equal(wire_fate_of(&none, i, 60).copies, 1);
	}
}

static void jitter_keeps_order_and_bounds(void **state)
{
	struct wire_direction d;
	uint64_t last = 0;

	(void)state;
	start(&d, 9, (struct wire_impairment){.delay_ns = 1000, .jitter_ns = 300});
	for (unsigned i = 0; i < 10000; i++) {
		uint64_t now = (uint64_t)i * 10;
		struct wire_fate fate = wire_fate_of(&d, now, 60);
		assert_true(fate.due >= last);
		assert_in_range(fate.due, now + 1000, now + 1300);
		last = fate.due;
	}
}

static void a_frame_held_back_is_overtaken(void **state)
{
	struct wire_direction d;

	(void)state;
	start(&d, 5, (struct wire_impairment){.reorder_ppm = 1000000, .reorder_ns = 500});
	struct wire_fate held = wire_fate_of(&d, 100, 60);
	d.impairment.reorder_ppm = 0;
	struct wire_fate next = wire_fate_of(&d, 200, 60);
	assert_int_equal(held.due, 600);
	assert_int_equal(next.due, 200);
}

/* 8 Mbit/s: 1,000 bytes take one millisecond. */
static void the_rate_limiter_spaces_frames_and_drops_the_tail(void **state)
{
	struct wire_direction d;
	const uint64_t ms = 1000000;

	(void)state;
	start(&d, 5, (struct wire_impairment){.rate_bits_per_s = 8000000, .queue_frames = 3});
	for (unsigned i = 0; i < 4; i++) /* one being sent, three wait */
		assert_int_equal(wire_fate_of(&d, 0, 1000).due, (i + 1) * ms);
	assert_true(wire_fate_of(&d, 0, 1000).queue_full);
	assert_true(wire_fate_of(&d, ms - 1, 1000).queue_full);
	struct wire_fate fate = wire_fate_of(&d, ms, 1000);
	assert_false(fate.queue_full);
	assert_int_equal(fate.due, 5 * ms);
	/* An idle line starts at once. */
	assert_int_equal(wire_fate_of(&d, 100 * ms, 500).due, 100 * ms + ms / 2);
}

/* RFC 3168 5: a queue that marks does so long before it is full. */
static void a_long_queue_is_told_of(void **state)
{
	struct wire_direction d;
	const uint64_t ms = 1000000;

	(void)state;
	start(&d, 5, (struct wire_impairment){.rate_bits_per_s = 8000000, .mark_frames = 2});
	for (unsigned i = 0; i < 6; i++) /* one being sent, two wait */
		assert_int_equal(wire_fate_of(&d, 0, 1000).congested, i > 2);
	assert_true(wire_fate_of(&d, 3 * ms, 1000).congested);
	assert_false(wire_fate_of(&d, 5 * ms, 1000).congested);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clean_wire_passes_all_at_once),
		cmocka_unit_test(one_seed_gives_one_history),
		cmocka_unit_test(probabilities_are_met),
		cmocka_unit_test(certain_and_impossible_are_exact),
		cmocka_unit_test(jitter_keeps_order_and_bounds),
		cmocka_unit_test(a_frame_held_back_is_overtaken),
		cmocka_unit_test(the_rate_limiter_spaces_frames_and_drops_the_tail),
		cmocka_unit_test(a_long_queue_is_told_of),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
