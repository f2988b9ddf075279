/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What lwIP asks of its platform: memory, time, random numbers, and where to complain. All of it
 * comes from the stack that is the thread's current one.
 */
#include <string.h>

#include "lwip/sys.h"
#include "stack/lwip/lwip_hooks.h"
#include "stack/stack_internal.h"

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

u32_t sys_now(void)
{
	return (u32_t)stack_current->now_ms;
}
