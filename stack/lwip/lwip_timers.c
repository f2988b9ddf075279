/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/lwip/lwip_timers.h"

#include "lwip/timeouts.h"
#include "stack/stack_internal.h"

static unsigned timer_count(void)
{
	unsigned count = (unsigned)lwip_num_cyclic_timers;
	return count < LWIP_TIMERS_MAX ? count : LWIP_TIMERS_MAX;
}

static void find_next(struct lwip_timers *timers)
{
	timers->next_ms = UINT64_MAX;
	for (unsigned i = 0; i < timer_count(); i++)
		if (timers->due_ms[i] < timers->next_ms)
			timers->next_ms = timers->due_ms[i];
}

/* Called by lwip_init. */
void sys_timeouts_init(void)
{
	struct stack *st = stack_current;
	for (unsigned i = 0; i < timer_count(); i++)
		st->timers.due_ms[i] = st->now_ms + lwip_cyclic_timers[i].interval_ms;
	find_next(&st->timers);
}

/*
 * When a timer runs again. One that is late keeps its rhythm; one that is late by more than its
 * interval, as after a suspend, does not run for each time that it missed.
 */
static uint64_t next_due(uint64_t due, uint64_t interval, uint64_t now)
{
	return due + interval > now ? due + interval : now + interval;
}

void lwip_timers_run(struct stack *st)
{
	struct lwip_timers *timers = &st->timers;
	for (unsigned i = 0; i < timer_count(); i++) {
		if (timers->due_ms[i] > st->now_ms)
			continue;
		timers->due_ms[i] =
			next_due(timers->due_ms[i], lwip_cyclic_timers[i].interval_ms, st->now_ms);
		lwip_cyclic_timers[i].handler();
	}
	find_next(timers);
}
