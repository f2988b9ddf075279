/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a channel lends to its writer between rws_write_request and rws_written: room behind the
 * bytes of its last buffer, and empty buffers. It has one of these only for that while, so they
 * come from a table of the selector and have small numbers.
 *
 * Called from api/channel.c and api/channel_write.c.
 */
#ifndef RWS_GRANT_H
#define RWS_GRANT_H

#include <stdint.h>

#include "api/segments.h"

#define NO_GRANT   0u
#define GRANTS_MAX UINT16_MAX /* of a selector at once; more have to wait */

struct grant {
	struct segments buffers;
	uint32_t bytes;   /* in all */
	uint32_t in_tail; /* of them behind the bytes of the channel's last buffer */
};

/* Memory is touched as grants are used. */
struct grant_table {
	struct grant *grants; /* from 1 */
	uint16_t touched;     /* that were ever used: the first so many */
	uint16_t free;        /* first of the free ones below, linked by `bytes`; or NO_GRANT */
};

/* 0 or -ENOMEM. */
int grant_table_init(struct grant_table *table);
void grant_table_fini(struct grant_table *table);

/* The number of an empty one, or NO_GRANT: all are taken. */
uint16_t grant_take(struct grant_table *table);
void grant_give(struct grant_table *table, uint16_t number);

#endif
