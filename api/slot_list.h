/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lists of the slots of one table, linked in both directions by index: eight bytes a list and
 * slot.
 *
 * Called from api/selector.c, api/events.c, api/listener.c.
 */
#ifndef RWS_SLOT_LIST_H
#define RWS_SLOT_LIST_H

#include <stddef.h>

#include "api/handle.h"

/* Means something only while its slot is on the list. */
struct slot_link {
	uint32_t next, prev; /* NO_SLOT at the ends */
};

struct slot_list {
	const struct slot_table *table;
	size_t link; /* offset of the list's struct slot_link in an element */
	uint32_t first, last;
};

static inline void slot_list_init(
	struct slot_list *list, const struct slot_table *table, size_t link)
{
	*list = (struct slot_list){table, link, NO_SLOT, NO_SLOT};
}

static inline bool slot_list_empty(const struct slot_list *list)
{
	return list->first == NO_SLOT;
}

static inline struct slot_link *slot_list_link(const struct slot_list *list, uint32_t index)
{
	return (struct slot_link *)(void *)((char *)slot_at(list->table, index) + list->link);
}

/* The first one, or NULL. */
static inline void *slot_list_first(const struct slot_list *list)
{
	return slot_list_empty(list) ? NULL : slot_at(list->table, list->first);
}

static inline unsigned slot_list_count(const struct slot_list *list)
{
	unsigned n = 0;

	for (uint32_t i = list->first; i != NO_SLOT; i = slot_list_link(list, i)->next)
		n++;
	return n;
}

static inline void slot_list_append(struct slot_list *list, const struct slot *slot)
{
	*slot_list_link(list, slot->index) = (struct slot_link){NO_SLOT, list->last};
	if (slot_list_empty(list))
		list->first = slot->index;
	else
		slot_list_link(list, list->last)->next = slot->index;
	list->last = slot->index;
}

static inline void slot_list_remove(struct slot_list *list, const struct slot *slot)
{
	struct slot_link link = *slot_list_link(list, slot->index);

	if (link.prev == NO_SLOT)
		list->first = link.next;
	else
		slot_list_link(list, link.prev)->next = link.next;
	if (link.next == NO_SLOT)
		list->last = link.prev;
	else
		slot_list_link(list, link.next)->prev = link.prev;
}

#endif
