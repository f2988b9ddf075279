/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The lines that speak of segments: in, out, icmp.
 *
 * Called from verbs.c; calls world.c and segment.c.
 */
#ifndef RWS_TEST_EXPECT_H
#define RWS_TEST_EXPECT_H

#include "tests/conformance/world.h"

/* The peer's segment that the words describe arrives. */
void verb_in(struct world *world, struct words *words);

/* The stack sends a segment as the words describe it, and it is the next one. */
void verb_out(struct world *world, struct words *words);

/* An ICMP error arrives that quotes a segment of the stack's. */
void verb_icmp(struct world *world, struct words *words);

/* In verbs.c: the next word as a number, which the case fails without. */
int64_t take_number(struct world *world, struct words *words);
int64_t take_number_or(struct world *world, struct words *words, int64_t otherwise);

#endif
