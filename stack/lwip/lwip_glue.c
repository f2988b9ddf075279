/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What lwIP asks of its platform: memory, time, random numbers, and where to complain. All of it
 * comes from the stack that is the thread's current one.
 */
#include <string.h>

#include "lwip/sys.h"
#include "lwip/tcp.h"
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

/* What identifies a connection, without padding: input of a hash. */
struct tuple {
	uint8_t local[16], remote[16];
	uint16_t local_port, remote_port;
	uint8_t family, zero[3];
};

static void tuple_address(uint8_t out[16], const ip_addr_t *address)
{
	if (IP_IS_V6(address))
		memcpy(out, ip_2_ip6(address)->addr, 16);
	else
		memcpy(out, &ip_2_ip4(address)->addr, 4);
}

/* RFC 6528 3: the clock M ticks every 4 us (4.096 here), F is a keyed hash of the connection. */
u32_t lwip_hook_tcp_isn(
	const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote, u16_t remote_port)
{
	struct stack *st = stack_current;
	struct tuple tuple = {.local_port = local_port, .remote_port = remote_port};
	tuple.family = IP_GET_TYPE(remote);
	tuple_address(tuple.local, local);
	tuple_address(tuple.remote, remote);
	uint64_t hash = siphash_2_4(&st->isn_key, &tuple, sizeof(tuple));
	return (u32_t)(st->now_ns >> 12) + (u32_t)hash;
}
