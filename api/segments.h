/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lists of pbufs as byte sequences: linked by pbuf.next, each of ref 1, lengths in pbuf.len only
 * (tot_len means nothing in here; it ends at 65,535).
 *
 * Called from api/channel*.c and api/socket*.c.
 */
#ifndef RWS_SEGMENTS_H
#define RWS_SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "lwip/pbuf.h"

/*
 * Bit in pbuf.pkt_flags, above PKT_*: the stack core's, lent until it goes back with REQ_RECVED.
 * Without it the buffer is of the selector's own pool.
 */
#define SEGMENT_RECEIVED 0x8000u

struct segments {
	struct pbuf *head, *tail;
};

static inline bool segments_empty(const struct segments *list)
{
	return list->head == NULL;
}

/* Appends one pbuf; its own next is overwritten. */
static inline void segments_push(struct segments *list, struct pbuf *p)
{
	p->next = NULL;
	if (list->head == NULL)
		list->head = p;
	else
		list->tail->next = p;
	list->tail = p;
}

static inline struct pbuf *segments_pop(struct segments *list)
{
	struct pbuf *p = list->head;

	list->head = p->next;
	if (list->head == NULL)
		list->tail = NULL;
	p->next = NULL;
	return p;
}

/* Moves all of `from` behind `to`. */
static inline void segments_append(struct segments *to, struct segments *from)
{
	if (from->head == NULL)
		return;
	if (to->head == NULL)
		to->head = from->head;
	else
		to->tail->next = from->head;
	to->tail = from->tail;
	*from = (struct segments){0};
}

/* Frees pbufs of the selector's own pool, one by one. */
static inline void segments_free(struct segments *list)
{
	while (list->head != NULL)
		pbuf_free(segments_pop(list));
}

/* Sets tot_len of a list of at most 65,535 bytes, as the stack wants it. */
static inline void segments_set_total(struct pbuf *p, size_t bytes)
{
	for (; p != NULL; p = p->next) {
		p->tot_len = (u16_t)bytes;
		bytes -= p->len;
	}
}

#endif
