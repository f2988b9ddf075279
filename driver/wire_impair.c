/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver/wire_impair.h"

#include <string.h>

#define QUEUE_DEFAULT 1000u
#define NS_PER_S      1000000000ULL
#define PPM           1000000u

/* SplitMix64: one add and three mixing steps, of full period. */
static uint64_t next_random(struct wire_direction *d)
{
	uint64_t z = d->random += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* Uniform in [0, bound), bound not 0. */
static uint64_t random_below(struct wire_direction *d, uint64_t bound)
{
	return (uint64_t)(((__uint128_t)next_random(d) * bound) >> 64);
}

static bool chance(struct wire_direction *d, uint32_t ppm)
{
	return random_below(d, PPM) < ppm;
}

static void forget_departed(struct wire_direction *d, uint64_t now)
{
	while (d->departures_count > 0 && d->departures[d->departures_first] <= now) {
		d->departures_first = (d->departures_first + 1) % d->departures_size;
		d->departures_count--;
	}
}

/* When the frame has left the rate limiter; false when its queue is full. */
static bool pass_limiter(struct wire_direction *d, uint64_t now, unsigned length,
	uint64_t *departure, bool *congested)
{
	const struct wire_impairment *i = &d->impairment;
	uint32_t limit = i->queue_frames != 0 ? i->queue_frames : QUEUE_DEFAULT;

	if (i->rate_bits_per_s == 0) {
		*departure = now;
		return true;
	}
	forget_departed(d, now);
	/* The one being sent does not wait. */
	if (d->departures_count > limit || d->departures_count == d->departures_size)
		return false;

	*congested = i->mark_frames != 0 && d->departures_count > i->mark_frames;
	uint64_t start = d->line_free > now ? d->line_free : now;
	*departure = start + (uint64_t)((__uint128_t)length * 8 * NS_PER_S / i->rate_bits_per_s);
	d->line_free = *departure;
	d->departures[(d->departures_first + d->departures_count) % d->departures_size] =
		*departure;
	d->departures_count++;
	return true;
}

void wire_direction_init(
	struct wire_direction *direction, uint64_t seed, uint64_t *ring, uint32_t ring_size)
{
	memset(direction, 0, sizeof(*direction));
	direction->random = seed;
	direction->departures = ring;
	direction->departures_size = ring_size;
}

struct wire_fate wire_fate_of(struct wire_direction *d, uint64_t now, unsigned length)
{
	const struct wire_impairment *i = &d->impairment;
	struct wire_fate fate = {.copies = 1};
	uint64_t departure = now;

	/* Every frame draws the same number of times, so that one setting leaves the rest alone. */
	bool lost = chance(d, i->loss_ppm);
	bool duplicated = chance(d, i->duplicate_ppm);
	fate.reordered = chance(d, i->reorder_ppm);
	fate.corrupted = chance(d, i->corrupt_ppm);
	fate.corrupt_bit = (uint32_t)random_below(d, (uint64_t)length * 8);
	uint64_t jitter = random_below(d, i->jitter_ns + 1);

	fate.queue_full = !pass_limiter(d, now, length, &departure, &fate.congested);
	if (fate.queue_full || lost) {
		fate.copies = 0;
		return fate;
	}
	fate.copies = duplicated ? 2 : 1;
	fate.due = departure + i->delay_ns + jitter;
	if (fate.due < d->last_arrival)
		fate.due = d->last_arrival;
	if (fate.reordered)
		fate.due += i->reorder_ns;
	else
		d->last_arrival = fate.due;
	return fate;
}

void wire_direction_clear(struct wire_direction *d)
{
	d->line_free = 0;
	d->last_arrival = 0;
	d->departures_count = 0;
}
