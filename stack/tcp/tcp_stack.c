/* SPDX-License-Identifier: BSD-3-Clause */
/* The TCP of one stack: set up and taken down. */
#include <string.h>

#include "stack/tcp/tcp_internal.h"

#define TCBS_PER_CHUNK   64u
#define SENDS_PER_CHUNK  64u
#define TXSEGS_PER_CHUNK 128u

/* Streams of st->random would change what others draw: keys come from it in order. */
static struct siphash_key fresh_key(struct stack *st)
{
	uint64_t k0 = prng_next(&st->random);
	return (struct siphash_key){k0, prng_next(&st->random)};
}

bool tcp_stack_init(struct stack *st)
{
	struct tcp_stack *tcp = arena_calloc(&st->arena, 1, sizeof(*tcp));
	if (tcp == NULL)
		return false;
	st->tcp = tcp;
	st->rx = &tcp->burst[0].rx;
	TAILQ_INIT(&tcp->apart);
	TAILQ_INIT(&tcp->output);
	wheel_init(&tcp->wheel, st->now_ms);
	slab_init(&tcp->tcbs, &st->arena, sizeof(struct tcb), TCBS_PER_CHUNK);
	slab_init(&tcp->sends, &st->arena, sizeof(struct tcp_send), SENDS_PER_CHUNK);
	slab_init(&tcp->txsegs, &st->arena, sizeof(struct tcp_txseg), TXSEGS_PER_CHUNK);
	flow_hash_key_init(&tcp->flow_key, &st->random);
	tcp->cookie_key = fresh_key(st);
	tcp->ts_key = fresh_key(st);
	tcp->fast_open_key = fresh_key(st);
	/* Of an idle stack, whose connections have nothing to send, they go with every segment. */
	slab_keep(&tcp->sends);
	slab_keep(&tcp->txsegs);
	return flow_table_init(&tcp->flows, &st->arena) && tcp_syn_cache_init(st) &&
		tcp_time_wait_init(st);
}

static void free_connection(struct tcb *tcb)
{
	tcb->flags |= TCB_RELEASED;
	if (tcb->state == TCP_CLOSED)
		tcb_free(tcb);
	else
		tcb_reset(tcb);
}

/* One in this bucket of the flow table, or NULL. */
static struct tcb *find_in_bucket(const struct flow_table *flows, uint32_t i)
{
	const struct flow_bucket *bucket = flow_bucket_at(flows, i);
	for (; bucket != NULL; bucket = flow_bucket_link(bucket))
		for (uint32_t left = flow_bucket_used(bucket); left != 0; left &= left - 1) {
			void *entry = bucket->pointer[__builtin_ctz(left)];
			if (tcp_kind_of(entry) == TCP_FLOW_TCB)
				return entry;
		}
	return NULL;
}

/* From the last bucket on: when the table shrinks, entries move to lower ones alone. */
static void free_hashed(const struct flow_table *flows)
{
	struct tcb *tcb;
	for (uint32_t i = flows->buckets; i-- > 0;)
		while (i < flows->buckets && (tcb = find_in_bucket(flows, i)) != NULL)
			free_connection(tcb);
}

static void free_connections(struct tcp_stack *tcp)
{
	struct tcb *tcb;
	while ((tcb = TAILQ_FIRST(&tcp->output)) != NULL)
		tcb_output_leave(tcp, tcb);
	free_hashed(&tcp->flows);
	while ((tcb = TAILQ_FIRST(&tcp->apart)) != NULL)
		free_connection(tcb);
}

static void free_listeners(struct tcp_stack *tcp)
{
	for (unsigned i = 0; i < TCP_LISTEN_BUCKETS; i++)
		while (tcp->listeners[i] != NULL)
			tcp_listener_close(tcp->listeners[i]);
}

void tcp_stack_free(struct stack *st)
{
	struct tcp_stack *tcp = tcp_of(st);
	free_listeners(tcp);
	free_connections(tcp);
	tcp_syn_cache_free(st);
	tcp_time_wait_free(st);
	tcp_fast_open_free(st);
	flow_table_fini(&tcp->flows);
	slab_fini(&tcp->txsegs);
	slab_fini(&tcp->sends);
	slab_fini(&tcp->tcbs);
	arena_free(&st->arena, tcp);
	st->tcp = NULL;
}
