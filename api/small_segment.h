/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the bytes of a small received segment lie while packet buffers are short: an idle socket
 * with a byte or two unread would keep 2 KiB of the stack core's for them.
 *
 * Called from api/socket_event.c, on the selector's thread only.
 */
#ifndef RWS_SMALL_SEGMENT_H
#define RWS_SMALL_SEGMENT_H

#include <stdint.h>

#include "api/segments.h"

#define SMALL_SEGMENT      128u   /* bytes, and those of a segment that counts as small */
#define SMALL_SEGMENTS_MAX 65536u /* of a selector at once; others keep their buffer */

/* Memory is touched as they are used. */
struct small_segments {
	struct small_segment *segments;
	uint32_t touched;  /* that were ever used: the first so many */
	struct pbuf *free; /* those of them that are not, linked by next */
};

/* 0 or -ENOMEM. */
int small_segments_init(struct small_segments *table);
void small_segments_fini(struct small_segments *table);

/* An empty one, marked SEGMENT_SMALL; NULL: all are taken. It goes back here, not to pbuf_free. */
struct pbuf *small_segment_take(struct small_segments *table);
void small_segment_give(struct small_segments *table, struct pbuf *p);

/* Bytes that may be written behind those that are in it. */
unsigned small_segment_room(const struct pbuf *p);

#endif
