/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/small_segment.h"

#include <errno.h>
#include <stdlib.h>

struct small_segment {
	struct pbuf p; /* first member */
	uint8_t bytes[SMALL_SEGMENT];
};

int small_segments_init(struct small_segments *table)
{
	*table = (struct small_segments){0};
	table->segments = calloc(SMALL_SEGMENTS_MAX, sizeof(*table->segments));
	return table->segments == NULL ? -ENOMEM : 0;
}

void small_segments_fini(struct small_segments *table)
{
	free(table->segments);
	table->segments = NULL;
}

struct pbuf *small_segment_take(struct small_segments *table)
{
	struct pbuf *p = table->free;

	if (p != NULL)
		table->free = p->next;
	else if (table->touched < SMALL_SEGMENTS_MAX)
		p = &table->segments[table->touched++].p;
	if (p != NULL)
		*p = (struct pbuf){.payload = ((struct small_segment *)p)->bytes,
			.ref = 1,
			.pkt_flags = SEGMENT_SMALL};
	return p;
}

void small_segment_give(struct small_segments *table, struct pbuf *p)
{
	p->next = table->free;
	table->free = p;
}

unsigned small_segment_room(const struct pbuf *p)
{
	const struct small_segment *s = (const struct small_segment *)p;

	return (unsigned)(s->bytes + SMALL_SEGMENT - ((const uint8_t *)p->payload + p->len));
}
