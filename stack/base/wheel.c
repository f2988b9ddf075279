/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/base/wheel.h"

#include <string.h>

#define MOVES_AHEAD 16u /* timers moved down from a slot in one call, before it is time to */

void wheel_init(struct wheel *wheel, uint64_t now_ms)
{
	memset(wheel, 0, sizeof(*wheel));
	wheel->now_ms = now_ms;
	wheel->next_ms = UINT64_MAX;
}

/* Slots of a level are numbered from the start of time on; two windows of them exist. */
static uint64_t number_of(uint64_t ms, unsigned level)
{
	return ms >> (level * WHEEL_BITS);
}

static uint64_t time_of(uint64_t number, unsigned level)
{
	return number << (level * WHEEL_BITS);
}

static unsigned index_of(uint64_t number, unsigned level)
{
	return 2 * WHEEL_WINDOW * level + (unsigned)number % (2 * WHEEL_WINDOW);
}

/* Is there a slot of the level for this time: in its present window or the next? */
static bool has_room(const struct wheel *wheel, uint64_t ms, unsigned level)
{
	return number_of(ms, level + 1) - number_of(wheel->now_ms, level + 1) <= 1;
}

/* The last moment for which there is a slot. */
static uint64_t horizon(const struct wheel *wheel)
{
	return time_of(number_of(wheel->now_ms, WHEEL_LEVELS) + 2, WHEEL_LEVELS) - 1;
}

static void put(struct wheel *wheel, struct wheel_timer *timer, unsigned index)
{
	struct wheel_timer **slot = &wheel->slot[index];
	timer->next = *slot;
	timer->link = slot;
	if (timer->next != NULL)
		timer->next->link = &timer->next;
	*slot = timer;
	wheel->occupied[index / 64] |= UINT64_C(1) << index % 64;
}

/* When is there something to do about a slot: return its timers, or begin to move them down? */
static uint64_t attention_time(uint64_t number, unsigned level)
{
	return level == 0 ? number : time_of(number - 1, level);
}

/* Into the slot of the lowest level with a window for it. */
static void place(struct wheel *wheel, struct wheel_timer *timer)
{
	uint64_t ms = timer->due_ms > wheel->now_ms ? timer->due_ms : wheel->now_ms;
	unsigned level = 0;
	while (level < WHEEL_LEVELS && !has_room(wheel, ms, level))
		level++;
	if (level == WHEEL_LEVELS) {
		ms = horizon(wheel);
		level--;
	}
	uint64_t number = number_of(ms, level), attention = attention_time(number, level);
	put(wheel, timer, index_of(number, level));
	if (attention < wheel->next_ms)
		wheel->next_ms = attention;
}

void wheel_arm(struct wheel *wheel, struct wheel_timer *timer, uint64_t due_ms)
{
	wheel_cancel(wheel, timer);
	timer->due_ms = due_ms;
	place(wheel, timer);
}

void wheel_cancel(struct wheel *wheel, struct wheel_timer *timer)
{
	struct wheel_timer **link = timer->link;
	if (link == NULL)
		return;
	*link = timer->next;
	timer->link = NULL;
	if (timer->next != NULL) {
		timer->next->link = link;
		return;
	}
	/* The last of its list: if also the first, then the link is the slot, which is empty now. */
	uintptr_t offset = (uintptr_t)link - (uintptr_t)wheel->slot;
	size_t index = offset / sizeof(wheel->slot[0]);
	if (offset < sizeof(wheel->slot))
		wheel->occupied[index / 64] &= ~(UINT64_C(1) << index % 64);
}

/* The number of the first slot of a level that holds timers, UINT64_MAX without. */
static uint64_t first_slot(const struct wheel *wheel, unsigned level)
{
	uint64_t now = number_of(wheel->now_ms, level);
	unsigned window = index_of(now, level) / WHEEL_WINDOW, at = now % WHEEL_WINDOW;
	uint64_t bits = wheel->occupied[window] >> at;
	if (bits != 0)
		return now + (unsigned)__builtin_ctzll(bits);
	bits = wheel->occupied[window ^ 1];
	if (bits != 0)
		return now - at + WHEEL_WINDOW + (unsigned)__builtin_ctzll(bits);
	return UINT64_MAX;
}

/* Moves timers down, from the head of a slot, at most `count` of them. */
static void move_down(struct wheel *wheel, unsigned index, unsigned count)
{
	for (; count > 0 && wheel->slot[index] != NULL; count--) {
		struct wheel_timer *timer = wheel->slot[index];
		wheel_cancel(wheel, timer);
		place(wheel, timer);
	}
}

struct earliest {
	uint64_t ms, number; /* when the slot begins */
	unsigned level;
};

/* The first slot of all levels; of those that begin at the same time, that of the highest level. */
static struct earliest earliest_slot(const struct wheel *wheel)
{
	struct earliest found = {.ms = UINT64_MAX};
	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		uint64_t number = first_slot(wheel, level);
		if (number != UINT64_MAX && time_of(number, level) <= found.ms)
			found = (struct earliest){time_of(number, level), number, level};
	}
	return found;
}

uint64_t wheel_next_ms(const struct wheel *wheel)
{
	return earliest_slot(wheel).ms;
}

/* A share of the timers that will have to move down in the next window. */
static void move_ahead(struct wheel *wheel)
{
	for (unsigned level = 1; level < WHEEL_LEVELS; level++) {
		uint64_t next = number_of(wheel->now_ms, level) + 1;
		move_down(wheel, index_of(next, level), MOVES_AHEAD);
	}
}

static void find_next(struct wheel *wheel)
{
	wheel->next_ms = UINT64_MAX;
	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		uint64_t number = first_slot(wheel, level);
		if (number != UINT64_MAX && attention_time(number, level) < wheel->next_ms)
			wheel->next_ms = attention_time(number, level);
	}
}

/* The first timer that is due by then, after all that must move down until it is. */
static struct wheel_timer *find_due(struct wheel *wheel, uint64_t now_ms)
{
	struct earliest slot = earliest_slot(wheel);
	for (; slot.ms <= now_ms; slot = earliest_slot(wheel)) {
		unsigned index = index_of(slot.number, slot.level);
		wheel->now_ms = slot.ms;
		if (slot.level == 0)
			return wheel->slot[index];
		move_down(wheel, index, UINT32_MAX);
	}
	return NULL;
}

struct wheel_timer *wheel_run(struct wheel *wheel, uint64_t now_ms)
{
	/* No slot of a higher level begins before this one ends, so it may be emptied first. */
	struct wheel_timer *due = wheel->slot[index_of(wheel->now_ms, 0)];
	if (due == NULL)
		due = find_due(wheel, now_ms);
	if (due != NULL) {
		wheel_cancel(wheel, due);
		return due;
	}
	if (now_ms > wheel->now_ms)
		wheel->now_ms = now_ms;
	move_ahead(wheel);
	find_next(wheel);
	return NULL;
}
