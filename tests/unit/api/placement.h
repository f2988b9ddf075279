/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cases in one placement, or in both. scripts/check_contract reads these names where the cases are
 * listed. A test with a number of the contract in its name that is for one placement only says why at
 * the end of the comment above it: "Inline only: ..." or "Channel only: ...".
 */
#ifndef RWS_TESTS_PLACEMENT_H
#define RWS_TESTS_PLACEMENT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those before it. */
#include <cmocka.h>

#include "api/rws.h"

#define BOTH_CASE(test, setup, teardown) \
	INLINE_CASE(test, setup, teardown), CHANNEL_CASE(test, setup, teardown)
#define INLINE_CASE(test, setup, teardown) \
	{#test "_inline", test, setup, teardown, (void *)(uintptr_t)RWS_INLINE}
#define CHANNEL_CASE(test, setup, teardown) \
	{#test "_channel", test, setup, teardown, (void *)(uintptr_t)RWS_CHANNEL}

/* For the set-up of such a case; RWS_INLINE for others, whose state is still NULL. */
static inline enum rws_placement placement_of(void **state)
{
	return (enum rws_placement)(uintptr_t)*state;
}

#endif
