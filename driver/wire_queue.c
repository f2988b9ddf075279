/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver/wire_queue.h"

static bool is_before(const struct wire_frame *a, const struct wire_frame *b)
{
	return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void swap(struct wire_frame *a, struct wire_frame *b)
{
	struct wire_frame t = *a;
	*a = *b;
	*b = t;
}

bool wire_queue_push(struct wire_queue *q, struct wire_frame frame)
{
	if (q->count == q->size)
		return false;

	unsigned at = q->count++;
	frame.order = q->next_order++;
	q->frames[at] = frame;
	for (unsigned up; at > 0 && is_before(&q->frames[at], &q->frames[up = (at - 1) / 2]);
		at = up)
		swap(&q->frames[at], &q->frames[up]);
	return true;
}

bool wire_queue_pop(struct wire_queue *q, struct wire_frame *frame)
{
	if (q->count == 0)
		return false;

	*frame = q->frames[0];
	q->frames[0] = q->frames[--q->count];
	for (unsigned at = 0;;) {
		unsigned least = at;
		for (unsigned child = 2 * at + 1; child <= 2 * at + 2 && child < q->count; child++)
			if (is_before(&q->frames[child], &q->frames[least]))
				least = child;
		if (least == at)
			return true;
		swap(&q->frames[at], &q->frames[least]);
		at = least;
	}
}

uint64_t wire_queue_next_due(const struct wire_queue *q)
{
	return q->count > 0 ? q->frames[0].due : UINT64_MAX;
}
