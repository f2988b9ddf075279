/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lists of pbufs as byte sequences: each of ref 1, lengths in pbuf.len only (tot_len means nothing
 * in here; it ends at 65,535).
 *
 * Called from api/channel*.c and api/socket*.c.
 *
 * A list is a ring linked by pbuf.next and known by its last pbuf, whose next is the first: one
 * pointer reaches both ends.
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

/* Bit as above: the last one of a datagram, in channels that have such (api/channel.h). */
#define SEGMENT_LAST 0x4000u

/* Bit beside SEGMENT_RECEIVED: it is not the stack core's own any more, see api/small_segment.h. */
#define SEGMENT_SMALL 0x2000u

struct segments {
	struct pbuf *tail; /* NULL: empty */
};

static inline bool segments_empty(const struct segments *list)
{
	return list->tail == NULL;
}

static inline struct pbuf *segments_head(const struct segments *list)
{
	return list->tail != NULL ? list->tail->next : NULL;
}

/* Puts one pbuf behind `at` on its list. */
static inline void segments_insert(struct segments *list, struct pbuf *at, struct pbuf *p)
{
	p->next = at->next;
	at->next = p;
	if (list->tail == at)
		list->tail = p;
}

/* Appends one pbuf; its own next is overwritten. */
static inline void segments_push(struct segments *list, struct pbuf *p)
{
	if (list->tail == NULL) {
		p->next = p;
		list->tail = p;
	} else {
		segments_insert(list, list->tail, p);
	}
}

/* Puts all of `first` before the list, which has them from then on. */
static inline void segments_prepend(struct segments *list, struct segments *first)
{
	struct pbuf *head = segments_head(list);

	if (first->tail == NULL)
		return;
	if (head == NULL) {
		*list = *first;
	} else {
		list->tail->next = first->tail->next;
		first->tail->next = head;
	}
	first->tail = NULL;
}

static inline struct pbuf *segments_pop(struct segments *list)
{
	struct pbuf *p = list->tail->next;

	if (p == list->tail)
		list->tail = NULL;
	else
		list->tail->next = p->next;
	p->next = NULL;
	return p;
}

/* Takes all of it as a chain that ends with NULL, of at most 65,535 bytes, as the stack wants it. */
static inline struct pbuf *segments_chain(struct segments *list, size_t bytes)
{
	struct pbuf *head = segments_head(list);

	if (head == NULL)
		return NULL;
	list->tail->next = NULL;
	list->tail = NULL;
	for (struct pbuf *p = head; p != NULL; p = p->next) {
		p->tot_len = (u16_t)bytes;
		bytes -= p->len;
	}
	return head;
}

/* Frees pbufs of the selector's own pool, one by one. */
static inline void segments_free(struct segments *list)
{
	while (!segments_empty(list))
		pbuf_free(segments_pop(list));
}

#endif
