/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What lwIP asks of its platform: memory, time, random numbers, and where to complain. All of it
 * comes from the stack that is the thread's current one.
 */
#include <string.h>

#include "lwip/sys.h"
#include "stack/lwip/lwip_hooks.h"
#include "stack/stack_internal.h"

#define ICMP_ERRORS_PER_SECOND 1000u /* on average */

void *lwip_arena_alloc(size_t size)
{
	return arena_alloc(&stack_current->arena, size);
}

void *lwip_arena_calloc(size_t count, size_t size)
{
	return arena_calloc(&stack_current->arena, count, size);
}

void lwip_arena_free(void *p)
{
	arena_free(&stack_current->arena, p);
}

void lwip_check_failed(const char *message)
{
	stack_current->failed_checks++;
	stack_current->last_failed_check = message;
}

uint32_t lwip_random(void)
{
	return (uint32_t)prng_next(&stack_current->random);
}

/* RFC 4443 2.4 (f), RFC 1812 4.3.2.8 */
int lwip_may_send_error(void)
{
	struct stack *st = stack_current;
	bool may = reply_rate_allows(st, &st->icmp_errors, ICMP_ERRORS_PER_SECOND);
	if (!may)
		st->counters.icmp_errors_withheld++;
	return may;
}

void lwip_gave_up_waiting(void)
{
	struct stack *st = stack_current;
	stack_count_drop(st, st->freeing ? DROP_SHUTDOWN : DROP_NO_NEIGHBOUR);
}

u32_t sys_now(void)
{
	return (u32_t)stack_current->now_ms;
}
