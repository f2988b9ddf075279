/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Timers of a stack core: a hierarchical timing wheel of milliseconds.
 *
 * Theory of operation. A slot of level 0 is one millisecond, a slot of the next level 64 slots of
 * the one below. 64 slots are a window. Each level has room for two: the window in which the
 * present lies, and the next; a timer goes to the lowest level with a window for its due time. A
 * timer beyond the last level waits in its last slot and is looked at again from there.
 *
 * When time comes to a slot of a higher level, its timers move down, to where they belong by then.
 * A slot may hold a great many, so moving starts a window earlier, as soon as the level below has
 * the room, a few timers at each call of wheel_expire. A bit a slot tells which slots hold timers:
 * time jumps from one to the next, however far that is.
 *
 * Arming and cancelling are O(1). A timer of up to 4.6 hours moves at most three times.
 */
#ifndef RWS_WHEEL_H
#define RWS_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WHEEL_LEVELS 4u
#define WHEEL_BITS   6u /* of time, to a level */
#define WHEEL_WINDOW (1u << WHEEL_BITS)
#define WHEEL_SLOTS  (WHEEL_LEVELS * 2 * WHEEL_WINDOW)

/* Part of what is to happen; zeroed before it is first armed. */
struct wheel_timer {
	struct wheel_timer *next, **link; /* link: what points here, NULL: not armed */
	uint64_t due_ms;                  /* valid while armed, and when it is returned */
};
_Static_assert(sizeof(struct wheel_timer) == 24, "TIME_WAIT has 64 bytes in all");

struct wheel {
	uint64_t now_ms;  /* all timers due before have been returned */
	uint64_t next_ms; /* nothing to do before: nothing due, nothing to move */
	uint64_t occupied[WHEEL_SLOTS / 64]; /* bit set: the slot is not empty */
	struct wheel_timer *slot[WHEEL_SLOTS];
};

void wheel_init(struct wheel *wheel, uint64_t now_ms);

static inline bool wheel_armed(const struct wheel_timer *timer)
{
	return timer->link != NULL;
}

/* Also of a timer that is armed. What is due already is returned by the next wheel_expire. */
void wheel_arm(struct wheel *wheel, struct wheel_timer *timer, uint64_t due_ms);

/* Also of a timer that is not armed. */
void wheel_cancel(struct wheel *wheel, struct wheel_timer *timer);

/* For wheel_expire: when there is something to do. */
struct wheel_timer *wheel_run(struct wheel *wheel, uint64_t now_ms);

/*
 * A timer that is due, no more armed; NULL when there is none left. Those due earlier come first,
 * but what was due when it was armed comes next. Any timer may be armed and cancelled between calls.
 * A clock that went back is as one that stands still: what is due waits until it is there again.
 */
static inline struct wheel_timer *wheel_expire(struct wheel *wheel, uint64_t now_ms)
{
	if (now_ms >= wheel->next_ms)
		return wheel_run(wheel, now_ms);
	if (now_ms > wheel->now_ms)
		wheel->now_ms = now_ms;
	return NULL;
}

/*
 * The earliest time at which wheel_expire may return a timer, UINT64_MAX when none is armed. Exact
 * if a timer is due in this window of 64 ms, else no later than the first one is due.
 */
uint64_t wheel_next_ms(const struct wheel *wheel);

#endif
