/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames in flight, by the time they are due; of equal times the first in is the first out. */
#ifndef RWS_WIRE_QUEUE_H
#define RWS_WIRE_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

struct pbuf;

struct wire_frame {
	uint64_t due, order; /* order: number of the frame, breaks ties */
	struct pbuf *packet;
	uint16_t to; /* end it goes to */
	uint16_t queue;
};

/* A binary heap over an array of fixed size. */
struct wire_queue {
	struct wire_frame *frames; /* owner: caller */
	unsigned size, count;
	uint64_t next_order;
};

/* False when full. */
bool wire_queue_push(struct wire_queue *q, struct wire_frame frame);

/* The earliest frame; false when there is none. */
bool wire_queue_pop(struct wire_queue *q, struct wire_frame *frame);

/* UINT64_MAX when empty. */
uint64_t wire_queue_next_due(const struct wire_queue *q);

#endif
