/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handles: numbers that lead to a selector and to a slot of one of its tables, or to nothing.
 *
 * Called from all of the application's side of api/. Calls nothing of ours.
 *
 *   63..60 kind | 59..52 selector | 51..28 index | 27..0 generation
 *
 * A slot's generation is odd while its object can be reached and moves on when the object is
 * disposed, so an old handle finds nothing. A socket's jobs and channels are reached through the
 * socket's slot and share its generation.
 *
 * Other threads reach a selector only between handle_enter and handle_leave; a selector that closes
 * waits for them. They read nothing of a slot but its atomics.
 */
#ifndef RWS_HANDLE_H
#define RWS_HANDLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/rws.h"

enum handle_kind {
	HANDLE_NONE,
	HANDLE_SOCKET,
	HANDLE_CONTEXT,       /* the socket's life as a job */
	HANDLE_READER_JOB,    /* reads the write channel */
	HANDLE_WRITER_JOB,    /* writes the read channel */
	HANDLE_READ_CHANNEL,  /* of rws_open_read_channel */
	HANDLE_WRITE_CHANNEL, /* of rws_open_write_channel */
	HANDLE_CHANNEL,       /* of rws_channel_create: a table of its own */
	HANDLE_COPY,          /* job of rws_copy_to: a table of its own */
	HANDLE_KINDS,
};

#define HANDLE_INDEX_MAX      ((1u << 24) - 1)
#define HANDLE_GENERATION_MAX ((1u << 28) - 1)

static inline enum handle_kind handle_kind(uint64_t handle)
{
	return (enum handle_kind)(handle >> 60);
}

static inline unsigned handle_selector(uint64_t handle)
{
	return (unsigned)(handle >> 52) & 0xff;
}

static inline uint32_t handle_index(uint64_t handle)
{
	return (uint32_t)(handle >> 28) & HANDLE_INDEX_MAX;
}

static inline uint32_t handle_generation(uint64_t handle)
{
	return (uint32_t)handle & HANDLE_GENERATION_MAX;
}

#define NO_SLOT UINT32_MAX

/* First member of whatever a handle leads to. */
struct slot {
	_Atomic uint32_t generation; /* written by the owner, read by any thread */
	uint32_t index;
	/* Requests of other threads, api/remote.c: what is asked, and the next slot with any. */
	_Atomic uint32_t remote;
	uint32_t remote_next;
};

struct slot_table {
	char *memory;
	size_t element; /* bytes each, struct slot first */
	uint32_t capacity;
	uint32_t touched; /* slots that were ever used: the first so many */
	uint32_t free;    /* first of the free ones below `touched`, or NO_SLOT */
	uint32_t live;    /* slots taken */
	uint32_t first_generation;
	uint32_t last_generation; /* highest there was */
};

/*
 * Elements are larger than struct slot by four bytes at least. 0, -ENOMEM or -EINVAL. Memory is
 * touched as slots are used.
 */
int slot_table_init(
	struct slot_table *table, size_t element, uint32_t capacity, uint32_t first_generation);
void slot_table_fini(struct slot_table *table);

/* A slot with a new generation and all else of its element zero; NULL when all are taken. */
void *slot_take(struct slot_table *table);

/* Old handles lead nowhere from here on; the memory stays taken until slot_give. */
void slot_retire(struct slot_table *table, struct slot *slot);
void slot_give(struct slot_table *table, struct slot *slot);

static inline struct slot *slot_at(const struct slot_table *table, uint32_t index)
{
	return (struct slot *)(void *)(table->memory + (size_t)index * table->element);
}

/* The slot the handle names, also from other threads; NULL when there is none any more. */
static inline struct slot *slot_find(const struct slot_table *table, uint64_t handle)
{
	uint32_t index = handle_index(handle);
	uint32_t generation = handle_generation(handle);

	if (index >= table->capacity || (generation & 1) == 0)
		return NULL;
	struct slot *slot = slot_at(table, index);
	/* Acquire pairs with the release in next_generation. */
	if (atomic_load_explicit(&slot->generation, memory_order_acquire) != generation)
		return NULL;
	return slot;
}

static inline bool slot_is_live(const struct slot *slot)
{
	return (atomic_load_explicit(&slot->generation, memory_order_relaxed) & 1) != 0;
}

static inline uint64_t handle_make(
	enum handle_kind kind, unsigned selector, const struct slot *slot)
{
	uint32_t generation = atomic_load_explicit(&slot->generation, memory_order_relaxed);

	return (uint64_t)kind << 60 | (uint64_t)selector << 52 | (uint64_t)slot->index << 28 |
		generation;
}

/* A number of the calling thread's own. */
uintptr_t handle_this_thread(void);

/*
 * Gives out an id, owned by the calling thread; -ENOSPC when all are taken. *first_generation is
 * where its slots' generations start.
 */
int handle_register(uint32_t *first_generation);

/* From here on handles with the id lead to the selector, which has its tables. */
void handle_publish(unsigned id, struct rws_selector *sel);

/* No thread finds it any more on return. next_generation: where the id's next user starts. */
void handle_unregister(unsigned id, uint32_t next_generation);

/* The selector of a handle, for its owner: 0, -EBADF there is none, -EXDEV another's. */
int handle_owner_selector(uint64_t handle, struct rws_selector **sel);

/* The same for any thread: NULL when there is none, else handle_leave must follow. */
struct rws_selector *handle_enter(unsigned id);
void handle_leave(unsigned id);

/* The same by its address, which may be that of one that is gone: then false. *id is to be left. */
bool handle_enter_selector(const struct rws_selector *sel, unsigned *id);

#endif
