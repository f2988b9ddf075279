/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is done as memory runs out.
 *
 * Called from stack/stack.c, once a turn, and from stack/tcp/ and api/core.c.
 *
 * Theory of operation
 * -------------------
 * There are two memories: the arena, where the state is, and the pool that received packets lie in,
 * of which its owner tells. As either fills,
 *
 *   first   buffers grow no more, and connections offer smaller windows, the smaller the less
 *           there is, down to WINDOW_LEAST (stack/tcp/tcp_recv.c);
 *   then    SYNs are refused (stack/tcp/tcp_listen.c);
 *   always  the rest is for the connections that exist: whose reader keeps up goes on, if slowly;
 *   last    the few that are left are for readers who have none, then for what is heard and not
 *           kept (stack_may_keep).
 *
 * What was offered is not taken back (RFC 9293 3.8.6.2.1, SHLD-14), so that memory may go on to
 * fill by what peers were promised. That is why packets count from half of their pool on, and what
 * comes at the end is not kept: the peer sends it again. State hardly depends on windows, and many
 * idle connections are no reason for small ones: the arena counts from seven eighths on.
 */
#include "stack/stack_internal.h"

/* In parts of 256, as where pressure begins. */
enum { ARENA_FULL = 240, PACKETS_FULL = 224, PACKETS_REFUSE = 240 };
#define ARENA_RESERVE 64u /* this part of the arena is not for new connections */

static uint32_t part_of_256(uint64_t used, uint64_t size)
{
	return size == 0 ? 0 : (uint32_t)(used * 256 / size);
}

static uint32_t pressure_of(uint32_t used, uint32_t begin, uint32_t full)
{
	if (used <= begin)
		return 0;
	return used >= full ? STACK_PRESSURE_FULL
			    : (used - begin) * STACK_PRESSURE_FULL / (full - begin);
}

static uint32_t pressure(const struct stack *st)
{
	uint32_t arena = part_of_256(st->arena.used, st->arena.size);
	uint32_t by_arena = pressure_of(arena, STACK_ARENA_BEGIN, ARENA_FULL);
	uint32_t by_packets = pressure_of(st->packets_used, STACK_PACKETS_BEGIN, PACKETS_FULL);
	return by_arena > by_packets ? by_arena : by_packets;
}

void stack_weigh_memory(struct stack *st)
{
	st->pressure = (uint16_t)pressure(st);
}

void stack_tell_packets(struct stack *st, unsigned in_use, unsigned size)
{
	st->packets_used = (uint16_t)part_of_256(in_use, size);
}

bool stack_is_short(const struct stack *st)
{
	return pressure(st) > 0;
}

bool stack_refuses_connections(const struct stack *st)
{
	return st->arena.size - st->arena.used < st->arena.size / ARENA_RESERVE ||
		st->packets_used >= PACKETS_REFUSE;
}

void stack_memory(const struct stack *st, struct stack_memory *memory)
{
	*memory = (struct stack_memory){st->arena.size, st->arena.used, st->arena.peak};
}
