/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Causes and results are 0 or negative errno values, of which Linux has 4,095: they are kept in 14
 * bits. Called from api/job.c, api/channel.c and api/socket*.c.
 */
#ifndef RWS_CAUSE_H
#define RWS_CAUSE_H

#include <stdint.h>

#define CAUSE_LEAST (-8192)

/* A number below all of them stays negative. */
static inline int16_t cause_pack(int cause)
{
	return (int16_t)(cause < CAUSE_LEAST ? CAUSE_LEAST : cause);
}

#endif
