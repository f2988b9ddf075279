/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Order of TCP sequence numbers, and of millisecond clocks of 32 bits.
 *
 * RFC 9293 3.4: all arithmetic is modulo 2^32, and "less than" means less by up to 2^31 - 1. Two
 * numbers exactly 2^31 apart have no order: each counts as before the other.
 */
#ifndef RWS_SEQ_H
#define RWS_SEQ_H

#include <stdbool.h>
#include <stdint.h>

/* How far a lies after b; negative when before. */
static inline int32_t seq_diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

static inline bool seq_lt(uint32_t a, uint32_t b)
{
	return seq_diff(a, b) < 0;
}

static inline bool seq_leq(uint32_t a, uint32_t b)
{
	return seq_diff(a, b) <= 0;
}

static inline bool seq_gt(uint32_t a, uint32_t b)
{
	return seq_diff(b, a) < 0;
}

static inline bool seq_geq(uint32_t a, uint32_t b)
{
	return seq_diff(b, a) <= 0;
}

/* low =< x < high; a range of any length below 2^32, empty when low == high. */
static inline bool seq_between(uint32_t x, uint32_t low, uint32_t high)
{
	return x - low < high - low;
}

static inline uint32_t seq_max(uint32_t a, uint32_t b)
{
	return seq_lt(a, b) ? b : a;
}

static inline uint32_t seq_min(uint32_t a, uint32_t b)
{
	return seq_lt(a, b) ? a : b;
}

/* Times of a clock that wraps after 49 days, less than 24 days apart. */
static inline bool ms_before(uint32_t a, uint32_t b)
{
	return seq_lt(a, b);
}

/*
 * Whether a time has come that was at most `most` ms ahead when it was set, be that weeks ago, as it
 * is when the machine slept.
 */
static inline bool ms_has_come(uint32_t due, uint32_t now, uint32_t most)
{
	return due - now - 1 >= most;
}

#endif
