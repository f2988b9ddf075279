/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/stack.h"

#include <errno.h>
#include <string.h>

#include "lwip/init.h"
#include "lwip/ip.h"
#include "lwip/ip4_frag.h"
#include "lwip/ip6_frag.h"
#include "stack/ip6_frags.h"
#include "stack/ip_input.h"
#include "stack/lwip/lwip_state.h"
#include "stack/stack_internal.h"
#include "stack/tcp/tcp.h"

#define NS_PER_MS 1000000ULL

__thread struct stack *stack_current __attribute__((tls_model("initial-exec")));

/* Streams of stack_config.secret, one for each use of it. */
enum { STREAM_ISN, STREAM_PORT, STREAM_RANDOM };

/*
 * While no stack is the current one, lwIP's variables are as at the start of the thread: the first
 * stack_init of a thread finds them so, and stack_free leaves them so.
 */
void stack_switch(struct stack *st)
{
	if (stack_current != NULL)
		lwip_state_save(stack_current->lwip_image);
	stack_current = st;
	lwip_state_load(st->lwip_image);
}

/* Set-up */

static struct siphash_key key_of(const uint8_t secret[16], uint64_t stream)
{
	struct siphash_key secret_key = siphash_key(secret);
	struct prng prng;
	prng_init(&prng, &secret_key, stream);
	return prng.key;
}

static void take_config(struct stack *st, const struct stack_config *config)
{
	struct siphash_key secret_key = siphash_key(config->secret);
	prng_init(&st->random, &secret_key, STREAM_RANDOM);
	st->isn_key = key_of(config->secret, STREAM_ISN);
	st->port_key = key_of(config->secret, STREAM_PORT);
	port_table_init(st);
	st->ready_end = &st->ready_first;
	st->primary = config->primary;
	st->claim_port = config->claim_port;
	st->release_port = config->release_port;
	st->claim_group = config->claim_group;
	st->release_group = config->release_group;
	st->share = config->share;
	st->redirect = config->redirect;
	st->steering = config->steering;
	st->syn_cookies = config->syn_cookies;
	stack_set_now(st, config->now_ns);
}

/* struct stack lies at the start of the arena that it manages. */
static struct stack *carve(const struct stack_config *config)
{
	if (config->arena == NULL || config->arena_size < STACK_ARENA_MIN)
		return NULL;
	uintptr_t start = ((uintptr_t)config->arena + 63) & ~(uintptr_t)63;
	uintptr_t end = (uintptr_t)config->arena + config->arena_size;
	struct stack *st = (struct stack *)start;
	memset(st, 0, sizeof(*st));
	arena_init(&st->arena, st + 1, end - (uintptr_t)(st + 1));
	return st;
}

static bool make_images(struct stack *st)
{
	st->lwip_image = arena_alloc(&st->arena, lwip_state_size());
	st->lwip_pristine = arena_alloc(&st->arena, lwip_state_size());
	return st->lwip_image != NULL && st->lwip_pristine != NULL;
}

/* Leaves the stack before in its image, and lwIP's variables as they are at the start. */
static void enter_first(struct stack *st)
{
	struct stack *before = stack_current;
	if (before == NULL) {
		lwip_state_save(st->lwip_pristine);
	} else {
		lwip_state_save(before->lwip_image);
		memcpy(st->lwip_pristine, before->lwip_pristine, lwip_state_size());
		lwip_state_load(st->lwip_pristine);
	}
	stack_current = st;
}

static void on_netif_change(
	struct netif *netif, netif_nsc_reason_t reason, const netif_ext_callback_args_t *args)
{
	dst_cache_changed(&stack_current->dsts);
	if (stack_current->freeing || !(reason & ~(LWIP_NSC_NETIF_REMOVED | LWIP_NSC_LINK_CHANGED)))
		return;
	nif_changed(netif);
	dgram_addresses_changed(stack_current);
}

static void leave_for_good(struct stack *st)
{
	lwip_state_load(st->lwip_pristine);
	stack_current = NULL;
	arena_fini(&st->arena);
}

struct stack *stack_init(const struct stack_config *config)
{
	struct stack *st = carve(config);
	if (st == NULL || !make_images(st))
		return NULL;
	take_config(st, config);
	enter_first(st);
	lwip_init();
	netif_add_ext_callback(&st->address_callback, on_netif_change);
	if (!dst_cache_init(st) || !tcp_stack_init(st) || !dgram_stack_init(st) ||
		!ip6_frags_init(st) || !icmp_errors_init(st) || !transport_init(st)) {
		leave_for_good(st);
		return NULL;
	}
	return st;
}

/* Fragments wait in lists of lwIP's own, which only time empties. */
static void drop_fragments(void)
{
	for (unsigned i = 0; i <= IP_REASS_MAXAGE; i++)
		ip_reass_tmr();
	for (unsigned i = 0; i <= IPV6_REASS_MAXAGE; i++)
		ip6_reass_tmr();
}

void stack_free(struct stack *st)
{
	stack_enter(st);
	st->freeing = true;
	tcp_stack_free(st);
	dgram_stack_free(st);
	ip6_frags_free(st);
	dst_cache_fini(st);
	while (st->nifs != NULL)
		nif_remove(st->nifs);
	drop_fragments();
	transport_fini(st);
	icmp_errors_fini(st);
	leave_for_good(st);
}

/* The turn */

void stack_set_now(struct stack *st, uint64_t now_ns)
{
	if (now_ns < st->now_ns)
		return;
	st->now_ns = now_ns;
	st->now_ms = now_ns / NS_PER_MS;
	if (__builtin_expect(stack_may_be_short(st), 0))
		stack_weigh_memory(st);
}

uint64_t stack_now(const struct stack *st)
{
	return st->now_ns;
}

void stack_input(struct stack *st, struct nif *nif, struct pbuf *const *pkts, unsigned n)
{
	stack_enter(st);
	ip_input_burst(st, nif, pkts, n);
}

void stack_input_ip(struct stack *st, struct nif *nif, struct pbuf *p)
{
	stack_enter(st);
	ip_input_redirected(nif, p);
	tcp_input_flush(st);
}

void stack_run_timers(struct stack *st)
{
	stack_enter(st);
	if (st->timers.next_ms <= st->now_ms) {
		lwip_timers_run(st);
		stack_fold_counters(st);
	}
	tcp_run_timers(st);
	ip6_frags_run(st);
}

uint64_t stack_next_timer(struct stack *st)
{
	uint64_t lwip = st->timers.next_ms < UINT64_MAX / NS_PER_MS ? st->timers.next_ms * NS_PER_MS
								    : UINT64_MAX;
	uint64_t our_ms = tcp_next_timer(st), reass_ms = ip6_frags_next(st);
	if (reass_ms < our_ms)
		our_ms = reass_ms;
	uint64_t ours = our_ms < UINT64_MAX / NS_PER_MS ? our_ms * NS_PER_MS : UINT64_MAX;
	return lwip < ours ? lwip : ours;
}

void stack_flush_output(struct stack *st)
{
	stack_enter(st);
	tcp_flush_output(st);
}

/* The ready list */

struct ready *stack_next_ready(struct stack *st)
{
	struct ready *ready = st->ready_first;
	if (ready == NULL)
		return NULL;
	st->ready_first = ready->next;
	if (st->ready_first == NULL)
		st->ready_end = &st->ready_first;
	ready->next = NULL;
	ready->listed = false;
	return ready;
}

void stack_mark_ready(struct stack *st, struct ready *ready)
{
	stack_list_ready(st, ready);
}

void stack_unmark_ready(struct stack *st, struct ready *ready)
{
	if (!ready->listed)
		return;
	struct ready **at = &st->ready_first;
	while (*at != ready)
		at = &(*at)->next;
	*at = ready->next;
	if (st->ready_end == &ready->next)
		st->ready_end = at;
	ready->listed = false;
}

/* Drops and memory */

void stack_drop(struct stack *st, struct pbuf *p, enum drop_reason reason)
{
	stack_enter(st);
	stack_count_drop(st, reason);
	if (p != NULL)
		pbuf_free(p);
}

void stack_free_pbufs(struct stack *st, struct pbuf *p)
{
	stack_enter(st);
	stack_pbuf_free(p);
}

const struct drop_counters *stack_drops(const struct stack *st)
{
	return &st->drops;
}

int stack_errno(err_t err)
{
	switch (err) {
	case ERR_OK:
		return 0;
	case ERR_RTE:
		return -ENETUNREACH;
	case ERR_USE:
		return -EADDRINUSE;
	case ERR_ISCONN:
		return -EISCONN;
	case ERR_RST:
		return -ECONNRESET;
	case ERR_VAL:
	case ERR_ARG:
		return -EINVAL;
	default:
		return -ENOBUFS;
	}
}
