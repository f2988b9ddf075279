/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/handle.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "api/runtime.h"

/*
 * The selectors of the process, by the id in their handles. `visitors` pairs with `selector`, both
 * sequentially consistent: a visitor raises its count and then loads the pointer, a closing
 * selector clears the pointer and then waits for the count.
 */
static struct entry {
	_Atomic(struct rws_selector *) selector;
	_Atomic uintptr_t owner;
	_Atomic unsigned visitors;
	uint32_t next_generation; /* of the id's next user; written while nobody is registered */
} entries[RUNTIME_SELECTORS_MAX];

/* Its address tells threads apart. Initial exec: every call of the API asks, without a call. */
static _Thread_local char here __attribute__((tls_model("initial-exec")));

uintptr_t handle_this_thread(void)
{
	return (uintptr_t)&here;
}

int handle_register(uint32_t *first_generation)
{
	for (unsigned id = 0; id < RUNTIME_SELECTORS_MAX; id++) {
		uintptr_t nobody = 0;
		if (!atomic_compare_exchange_strong(
			    &entries[id].owner, &nobody, handle_this_thread()))
			continue;
		*first_generation = entries[id].next_generation;
		return (int)id;
	}
	return -ENOSPC;
}

void handle_publish(unsigned id, struct rws_selector *sel)
{
	atomic_store(&entries[id].selector, sel);
}

void handle_unregister(unsigned id, uint32_t next_generation)
{
	struct entry *entry = &entries[id];

	atomic_store(&entry->selector, NULL);
	while (atomic_load(&entry->visitors) != 0)
		sched_yield();
	entry->next_generation = next_generation;
	atomic_store(&entry->owner, 0);
}

int handle_owner_selector(uint64_t handle, struct rws_selector **sel)
{
	unsigned id = handle_selector(handle);

	if (id >= RUNTIME_SELECTORS_MAX)
		return -EBADF;
	struct rws_selector *found =
		atomic_load_explicit(&entries[id].selector, memory_order_relaxed);
	if (found == NULL)
		return -EBADF;
	if (atomic_load_explicit(&entries[id].owner, memory_order_relaxed) != (uintptr_t)&here)
		return -EXDEV;
	*sel = found;
	return 0;
}

struct rws_selector *handle_enter(unsigned id)
{
	if (id >= RUNTIME_SELECTORS_MAX)
		return NULL;
	atomic_fetch_add(&entries[id].visitors, 1);
	struct rws_selector *sel = atomic_load(&entries[id].selector);
	if (sel == NULL)
		handle_leave(id);
	return sel;
}

void handle_leave(unsigned id)
{
	atomic_fetch_sub(&entries[id].visitors, 1);
}

bool handle_enter_selector(const struct rws_selector *sel, unsigned *id)
{
	for (*id = 0; sel != NULL && *id < RUNTIME_SELECTORS_MAX; ++*id) {
		if (atomic_load_explicit(&entries[*id].selector, memory_order_relaxed) != sel)
			continue;
		/* It may close meanwhile: only what was entered stays. */
		const struct rws_selector *entered = handle_enter(*id);
		if (entered == sel)
			return true;
		if (entered != NULL)
			handle_leave(*id);
	}
	return false;
}

/* ---- Slots ------------------------------------------------------------------------------ */

/* While a slot is free, what follows it names the next free one. */
static uint32_t *next_free(struct slot *slot)
{
	return (uint32_t *)(slot + 1);
}

int slot_table_init(
	struct slot_table *table, size_t element, uint32_t capacity, uint32_t first_generation)
{
	*table = (struct slot_table){
		.element = element,
		.capacity = capacity,
		.free = NO_SLOT,
		.first_generation = first_generation & ~1u,
		.last_generation = first_generation & ~1u,
	};
	if (capacity == 0 || capacity > HANDLE_INDEX_MAX ||
		element < sizeof(struct slot) + sizeof(uint32_t))
		return -EINVAL;
	table->memory = calloc(capacity, element);
	return table->memory == NULL ? -ENOMEM : 0;
}

void slot_table_fini(struct slot_table *table)
{
	free(table->memory);
	table->memory = NULL;
}

static struct slot *free_slot(struct slot_table *table)
{
	if (table->free != NO_SLOT) {
		struct slot *slot = slot_at(table, table->free);
		table->free = *next_free(slot);
		return slot;
	}
	if (table->touched == table->capacity)
		return NULL;
	struct slot *slot = slot_at(table, table->touched);
	slot->index = table->touched++;
	atomic_store_explicit(&slot->generation, table->first_generation, memory_order_relaxed);
	return slot;
}

static void next_generation(struct slot_table *table, struct slot *slot)
{
	uint32_t generation = atomic_load_explicit(&slot->generation, memory_order_relaxed) + 1;

	generation &= HANDLE_GENERATION_MAX;
	if (generation > table->last_generation)
		table->last_generation = generation;
	atomic_store_explicit(&slot->generation, generation, memory_order_release);
}

void *slot_take(struct slot_table *table)
{
	struct slot *slot = free_slot(table);

	if (slot == NULL)
		return NULL;
	memset(slot + 1, 0, table->element - sizeof(*slot));
	next_generation(table, slot);
	table->live++;
	return slot;
}

void slot_retire(struct slot_table *table, struct slot *slot)
{
	if (slot_is_live(slot))
		next_generation(table, slot);
}

void slot_give(struct slot_table *table, struct slot *slot)
{
	slot_retire(table, slot);
	*next_free(slot) = table->free;
	table->free = slot->index;
	table->live--;
}
