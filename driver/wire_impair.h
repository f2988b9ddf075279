/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What happens to a frame on its way, and when it arrives: one direction of the wire. Pure: the
 * same seed and the same calls give the same fates.
 *
 *   rate limiter and its queue -> loss -> corruption -> delay, jitter -> reordering, duplication
 */
#ifndef RWS_WIRE_IMPAIR_H
#define RWS_WIRE_IMPAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "driver/wire.h"

struct wire_direction {
	struct wire_impairment impairment;
	uint64_t random;       /* state of the generator */
	uint64_t line_free;    /* when the rate limiter has sent all it holds */
	uint64_t last_arrival; /* of a frame that was not held back: order is kept */
	uint64_t *departures;  /* ring: when each frame in the limiter leaves it */
	uint32_t departures_size, departures_first, departures_count;
};

struct wire_fate {
	unsigned copies; /* 0: lost, 2: duplicated */
	bool queue_full, reordered, corrupted;
	bool congested;       /* to be marked, where its sender understands it */
	uint64_t due;         /* arrival of all copies */
	uint32_t corrupt_bit; /* below 8 * length */
};

/* ring: departures_size entries, owner: caller. */
void wire_direction_init(
	struct wire_direction *direction, uint64_t seed, uint64_t *ring, uint32_t ring_size);

/* Decides what becomes of a frame of `length` bytes that enters at time now. */
struct wire_fate wire_fate_of(struct wire_direction *direction, uint64_t now, unsigned length);

/* The cable was pulled: nothing is in it. */
void wire_direction_clear(struct wire_direction *direction);

#endif
