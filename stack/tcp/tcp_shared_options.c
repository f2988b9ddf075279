/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Options of connections, kept once for all that have the same: those of one listener do, and most
 * that connect. Only the latest block is looked at, so that it costs a compare.
 *
 * Called from tcp_conn.c and tcb.c.
 */
#include <string.h>

#include "stack/tcp/tcp_internal.h"

struct tcp_shared_options {
	struct conn_options options; /* first: what connections point to */
	uint32_t users;
};

static struct tcp_shared_options *block_of(const struct conn_options *options)
{
	return (struct tcp_shared_options *)(uintptr_t)options;
}

/* Byte by byte: padding that differs costs a block of its own, no more. */
static bool are_same(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct conn_options)) == 0;
}

const struct conn_options *tcp_options_hold(struct stack *st, const struct conn_options *options)
{
	struct tcp_stack *tcp = tcp_of(st);
	struct tcp_shared_options *block = tcp->latest;
	if (block == NULL || !are_same(&block->options, options)) {
		block = arena_alloc(&st->arena, sizeof(*block));
		if (block == NULL)
			return NULL;
		block->users = 0;
		memcpy(&block->options, options, sizeof(*options)); /* with what pads it */
		tcp->latest = block;
	}
	block->users++;
	return &block->options;
}

void tcp_options_release(struct stack *st, const struct conn_options *options)
{
	struct tcp_shared_options *block = block_of(options);
	if (options == NULL || --block->users > 0)
		return;
	if (tcp_of(st)->latest == block)
		tcp_of(st)->latest = NULL;
	arena_free(&st->arena, block);
}
