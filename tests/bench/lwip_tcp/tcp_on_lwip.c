/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stack/tcp/tcp.h on lwIP's TCP: the baseline that ours is compared with. What comes in has passed
 * our ip_input; what goes out takes lwIP's way through IP and ARP.
 *
 * Called from the rest of stack/; calls lwIP.
 */
#include "tests/bench/lwip_tcp/hooks.h"

#include <string.h>

#include "lwip/ip.h"
#include "lwip/priv/tcp_priv.h"
#include "stack/ip_input.h"
#include "stack/nif_internal.h"
#include "tests/bench/lwip_tcp/conn_tcp.h"

#undef tcp_input /* from here on ours */
#include "stack/tcp/tcp.h"

#define NS_PER_MS 1000000ULL

bool tcp_stack_init(struct stack *st)
{
	struct tcp_stack *tcp = arena_calloc(&st->arena, 1, sizeof(*tcp));
	if (tcp == NULL)
		return false;
	TAILQ_INIT(&tcp->conns);
	TAILQ_INIT(&tcp->output);
	TAILQ_INIT(&tcp->orphans);
	st->tcp = tcp;
	st->rx = &tcp->rx;
	return true;
}

void tcp_stack_free(struct stack *st)
{
	conn_tcp_free_all(st);
	arena_free(&st->arena, st->tcp);
	st->tcp = NULL;
}

/* What lwIP's IP would have left for its TCP to see; the IP header itself TCP does not read. */
static void pretend_ip_input(const struct ip_rx *rx)
{
	static struct ip6_hdr some_header;
	struct netif *netif = &rx->nif->netif;
	ip_data.current_netif = ip_data.current_input_netif = netif;
	ip_data.current_iphdr_src = rx->remote;
	ip_data.current_iphdr_dest = rx->local;
	ip_data.current_ip6_header = IP_IS_V6(&rx->local) ? &some_header : NULL;
	if (rx->p->pkt_flags & PKT_L4_CHECKSUM_GOOD)
		netif->chksum_flags &= (u16_t)~NETIF_CHECKSUM_CHECK_TCP;
	else
		netif->chksum_flags |= NETIF_CHECKSUM_CHECK_TCP;
}

void tcp_input(struct stack *st)
{
	const struct ip_rx *rx = st->rx;
	pretend_ip_input(rx);
	lwip_tcp_input(rx->p, &rx->nif->netif);
}

void tcp_input_alone(struct stack *st)
{
	tcp_input(st);
}

void tcp_input_flush(struct stack *st)
{
	(void)st; /* nothing is held back */
}

void tcp_run_timers(struct stack *st)
{
	conn_tcp_timers(st);
}

uint64_t tcp_next_timer(const struct stack *st)
{
	uint64_t ns = conn_tcp_next_timer(st);
	return ns == UINT64_MAX ? ns : ns / NS_PER_MS;
}

void tcp_flush_output(struct stack *st)
{
	conn_tcp_flush(st);
}

void tcp_icmp_error(struct stack *st, const struct flow *flow, uint32_t seq, int error, bool hard)
{
	conn_tcp_icmp_error(st, flow, seq, error, hard);
}

/* lwIP's TCP does no path MTU discovery. */
void tcp_icmp_mtu(struct stack *st, const struct flow *flow, uint32_t seq, uint16_t mtu)
{
	(void)st, (void)flow, (void)seq, (void)mtu;
}

/* Called by lwIP's TCP with each connection; its timer runs all the time here (lwip_timers.c). */
void tcp_timer_needed(void)
{
}

/* A segment arrived; lwIP looks at it next. */
err_t lwip_hook_tcp_segment(struct tcp_pcb *pcb, struct tcp_hdr *header)
{
	if (pcb->state == LISTEN || pcb->callback_arg == NULL)
		return ERR_OK;
	struct conn_tcp *c = pcb->callback_arg;
	if (TCPH_FLAGS(header) & TCP_RST)
		c->conn.stack->counters.tcp_resets_received++;
	conn_send_mark(c);
	return ERR_OK;
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
uint32_t lwip_hook_tcp_isn(
	const ip_addr_t *local, uint16_t local_port, const ip_addr_t *remote, uint16_t remote_port)
{
	struct stack *st = stack_current;
	struct tuple tuple = {.local_port = local_port, .remote_port = remote_port};
	tuple.family = IP_GET_TYPE(remote);
	tuple_address(tuple.local, local);
	tuple_address(tuple.remote, remote);
	uint64_t hash = siphash_2_4(&st->isn_key, &tuple, sizeof(tuple));
	return (uint32_t)(st->now_ns >> 12) + (uint32_t)hash;
}
