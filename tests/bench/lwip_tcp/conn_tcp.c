/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/bench/lwip_tcp/conn_tcp.h"

#include "lwip/prot/ip.h"
#include <errno.h>

#include "lwip/priv/tcp_priv.h"
#include "tests/bench/lwip_tcp/hooks.h"

#define TIME_WAIT_MAX     1024u /* beyond, the oldest go: bounds lwIP's walks over them */
#define TIME_WAIT_TRIM_MS 100u
#define EXT_ARG           0
#define POLL_INTERVAL     1 /* of 500 ms */

/* Events to the socket above */

void conn_tcp_event(struct conn_tcp *c, uint16_t events)
{
	if (c->released)
		return;
	c->conn.ready.events |= events;
	if (c->listener == NULL)
		stack_mark_ready(c->conn.stack, &c->conn.ready);
}

/* All of a received chain behind rxq; pbufs that held only headers are given back. */
static void rxq_append(struct conn *conn, struct pbuf *chain)
{
	struct pbuf *p;
	while ((p = stack_take_pbuf(&chain)) != NULL) {
		conn->rxq_len += p->len;
		if (conn->rxq == NULL)
			conn->rxq = p;
		else
			conn->rxq_last->next = p;
		conn->rxq_last = p;
	}
}

static void rxq_free(struct conn *conn)
{
	if (conn->rxq != NULL)
		pbuf_free(conn->rxq);
	conn->rxq = conn->rxq_last = NULL;
	conn->rxq_len = 0;
}

/* lwIP's callbacks. None of them aborts the connection it is called for. */

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
	struct conn_tcp *c = arg;
	if (p == NULL) {
		conn_tcp_event(c, CONN_EV_FIN);
	} else if (c->released) {
		tcp_recved(pcb, p->tot_len);
		stack_drop(c->conn.stack, p, DROP_CONN_CLOSED);
	} else {
		rxq_append(&c->conn, p);
		conn_tcp_event(c, CONN_EV_READABLE);
	}
	return ERR_OK;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t bytes)
{
	conn_send_acked(arg, bytes);
	return ERR_OK;
}

/* Tries again what failed for want of memory, and looks after a FIN that timers sent. */
static err_t on_poll(void *arg, struct tcp_pcb *pcb)
{
	struct conn_tcp *c = arg;
	if (c->tx_next != NULL || c->shutdown)
		conn_send_mark(c);
	return ERR_OK;
}

static int cause_of(const struct conn_tcp *c, err_t err)
{
	if (err == ERR_RST)
		return c->established ? -ECONNRESET : -ECONNREFUSED;
	if (c->conn.stack->tcp->abort_cause != 0)
		return c->conn.stack->tcp->abort_cause;
	return c->soft_error != 0 ? c->soft_error : -ETIMEDOUT;
}

/* The connection is dead, its pcb already freed or about to be. */
static void on_error(void *arg, err_t err)
{
	struct conn_tcp *c = arg;
	if (err == ERR_CLSD) { /* LAST_ACK: our FIN is acknowledged, all is well */
		c->fin_sent = c->fin_acked = true;
		conn_tcp_event(c, CONN_EV_SENT | CONN_EV_FIN_ACKED);
		return;
	}
	c->conn.ready.error = cause_of(c, err);
	conn_tcp_event(c, CONN_EV_ERROR);
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
	struct conn_tcp *c = arg;
	c->established = true;
	conn_tcp_apply_window(c);
	c->conn.stack->counters.tcp_connected++;
	conn_tcp_event(c, CONN_EV_CONNECTED);
	conn_send_mark(c);
	return ERR_OK;
}

/* lwIP frees the pcb. The one place where it and the connection part. */
static void conn_tcp_pcb_gone(u8_t id, void *data)
{
	struct conn_tcp *c = data;
	struct stack *st = c->conn.stack;
	if (c->pcb != NULL && c->pcb->state == TIME_WAIT)
		conn_send_check_fin(c);
	c->pcb = NULL;
	conn_send_unmark(c);
	conn_send_free(c);
	if (c->is_orphan)
		TAILQ_REMOVE(&st->tcp->orphans, c, orphan_entry);
	c->is_orphan = false;
	if (c->holds_port)
		port_release(st, IP_PROTO_TCP, c->conn.local_port);
	c->holds_port = false;
	if (c->conn.ready.kind == READY_CONN)
		st->counters.conns--;
	if (c->listener != NULL)
		conn_listen_child_gone(c);
	else if (c->released)
		conn_tcp_free(c);
}

/* Life */

struct conn_tcp *conn_tcp_new(
	struct stack *st, enum ready_kind kind, const struct conn_options *options)
{
	struct conn_tcp *c = arena_calloc(&st->arena, 1, sizeof(*c));
	if (c == NULL) {
		stack_count_drop(st, DROP_NO_MEMORY);
		return NULL;
	}
	c->conn.stack = st;
	c->conn.ready.kind = kind;
	c->options = *options;
	conn_options_fill(&c->options);
	TAILQ_INIT(&c->embryos);
	TAILQ_INIT(&c->acceptable);
	TAILQ_INSERT_TAIL(&st->tcp->conns, c, entry);
	return c;
}

void conn_tcp_free(struct conn_tcp *c)
{
	struct stack *st = c->conn.stack;
	stack_unmark_ready(st, &c->conn.ready);
	rxq_free(&c->conn);
	TAILQ_REMOVE(&st->tcp->conns, c, entry);
	arena_free(&st->arena, c);
}

void conn_tcp_attach(struct conn_tcp *c, struct tcp_pcb *pcb)
{
	static const struct tcp_ext_arg_callbacks callbacks = {
		.destroy = conn_tcp_pcb_gone,
		.passive_open = conn_listen_syn,
	};
	c->pcb = pcb;
	tcp_ext_arg_set_callbacks(pcb, EXT_ARG, &callbacks);
	tcp_ext_arg_set(pcb, EXT_ARG, c);
	tcp_arg(pcb, c);
	if (c->conn.ready.kind == READY_CONN)
		c->conn.stack->counters.conns++;
}

void conn_tcp_open(struct conn_tcp *c)
{
	tcp_recv(c->pcb, on_recv);
	tcp_sent(c->pcb, on_sent);
	tcp_err(c->pcb, on_error);
	tcp_poll(c->pcb, on_poll, POLL_INTERVAL);
}

void conn_tcp_abandon(struct conn_tcp *c, bool reset)
{
	c->released = true;
	c->listener = NULL;
	if (c->pcb == NULL) {
		conn_tcp_free(c);
		return;
	}
	if (c->pcb->state != TIME_WAIT)
		tcp_err(c->pcb, NULL);
	tcp_abandon(c->pcb, reset); /* ends in conn_tcp_pcb_gone */
}

/* Connect */

/* RFC 9293 3.9.1.1 and RFC 1122 4.2.3.10: the peer must be one host, and another one. */
static int check_remote(
	struct stack *st, const ip_addr_t *local, const ip_addr_t *remote, uint16_t remote_port)
{
	if (IP_GET_TYPE(local) != IPADDR_TYPE_ANY && IP_GET_TYPE(local) != IP_GET_TYPE(remote))
		return -EINVAL;
	if (remote_port == 0 || ip_addr_isany(remote) || ip_addr_ismulticast(remote) ||
		stack_is_broadcast(st, remote) || stack_has_address(st, remote))
		return -EINVAL;
	if (!ip_addr_isany(local) && !stack_has_address(st, local))
		return -EADDRNOTAVAIL;
	return 0;
}

/* Binds to a port that we chose: nobody has it, so that lwIP need not look through its lists. */
static int bind_chosen(struct conn_tcp *c, const ip_addr_t *source)
{
	int port = port_choose(
		c->conn.stack, IP_PROTO_TCP, source, &c->conn.remote, c->conn.remote_port);
	if (port < 0)
		return port;
	c->holds_port = true;
	c->conn.local_port = (uint16_t)port;
	c->pcb->local_ip = *source;
	c->pcb->local_port = (uint16_t)port;
	return 0;
}

static int bind_given(struct conn_tcp *c, const ip_addr_t *source, uint16_t port)
{
	int error = stack_errno(tcp_bind(c->pcb, source, port));
	if (error != 0)
		return error;
	error = port_hold(c->conn.stack, IP_PROTO_TCP, port, c->options.reuse_port);
	if (error != 0)
		return error;
	c->holds_port = true;
	c->conn.local_port = port;
	return 0;
}

static int start_connect(struct conn_tcp *c, const ip_addr_t *source, uint16_t local_port)
{
	int error = local_port == 0 ? bind_chosen(c, source) : bind_given(c, source, local_port);
	if (error != 0)
		return error;
	c->conn.local = *source;
	return stack_errno(tcp_connect(c->pcb, &c->conn.remote, c->conn.remote_port, on_connected));
}

int conn_connect(struct stack *st, const ip_addr_t *local, uint16_t local_port,
	const ip_addr_t *remote, uint16_t remote_port, const struct conn_options *options,
	struct conn **conn)
{
	stack_enter(st);
	ip_addr_t source, zoned = *remote;
	stack_zone(st, &zoned);
	ip_addr_t wanted = *local;
	if (ip_addr_isany(local))
		wanted = IP_IS_V6(remote) ? *IP6_ADDR_ANY : *IP4_ADDR_ANY;
	int error = check_remote(st, local, &zoned, remote_port);
	if (error != 0)
		return error;
	if (stack_route(&wanted, &zoned, &source) == NULL)
		return -ENETUNREACH;

	struct conn_tcp *c = conn_tcp_new(st, READY_CONN, options);
	if (c == NULL)
		return -ENOBUFS;
	struct tcp_pcb *pcb = tcp_new_ip_type(IP_GET_TYPE(remote));
	if (pcb == NULL) {
		conn_tcp_free(c);
		return -ENOBUFS;
	}
	conn_tcp_attach(c, pcb);
	conn_tcp_apply_options(c);
	conn_tcp_open(c);
	c->conn.remote = zoned;
	c->conn.remote_port = remote_port;
	error = start_connect(c, &source, local_port);
	if (error != 0) {
		conn_tcp_abandon(c, false);
		return error;
	}
	*conn = &c->conn;
	return 0;
}

/* Receive window and the end */

void conn_recved(struct conn *conn, uint32_t bytes)
{
	struct conn_tcp *c = conn_tcp_of(conn);
	stack_enter(conn->stack);
	while (bytes > 0 && c->pcb != NULL && c->pcb->state != TIME_WAIT) {
		uint16_t part = bytes < 0xffff ? (uint16_t)bytes : 0xffff;
		tcp_recved(c->pcb, part);
		bytes -= part;
	}
}

void conn_shutdown(struct conn *conn)
{
	struct conn_tcp *c = conn_tcp_of(conn);
	stack_enter(conn->stack);
	c->shutdown = true;
	if (c->pcb != NULL)
		conn_send_mark(c);
}

/* The peer gets what is queued, then FIN; what it sends meanwhile is discarded. */
static void orphan(struct conn_tcp *c)
{
	struct stack *st = c->conn.stack;
	conn_shutdown(&c->conn);
	conn_recved(&c->conn, c->conn.rxq_len);
	rxq_free(&c->conn);
	stack_unmark_ready(st, &c->conn.ready);
	c->released = true;
	if (c->pcb->state == TIME_WAIT)
		return;
	tcp_err(c->pcb, NULL);
	c->orphan_deadline = st->now_ns + CONN_ORPHAN_NS;
	c->is_orphan = true;
	TAILQ_INSERT_TAIL(&st->tcp->orphans, c, orphan_entry);
}

void conn_close(struct conn *conn)
{
	struct conn_tcp *c = conn_tcp_of(conn);
	stack_enter(conn->stack);
	if (conn->ready.kind == READY_LISTENER)
		conn_listen_close(c);
	else if (c->pcb == NULL || c->pcb->state == SYN_SENT) /* RFC 9293 3.10.4: just delete it */
		conn_tcp_abandon(c, false);
	else
		orphan(c);
}

void conn_abort(struct conn *conn)
{
	struct conn_tcp *c = conn_tcp_of(conn);
	stack_enter(conn->stack);
	if (conn->ready.kind == READY_LISTENER)
		conn_listen_close(c);
	else /* RFC 9293 3.10.5: a SYN that nobody answered is no reason for a RST */
		conn_tcp_abandon(c, c->pcb != NULL && c->pcb->state != SYN_SENT);
}

/* For tcp_on_lwip.c */

/* Newest first in lwIP's list: what is behind the first TIME_WAIT_MAX is the oldest. */
static void trim_time_wait(void)
{
	struct tcp_pcb *pcb = tcp_tw_pcbs;
	for (unsigned i = 0; pcb != NULL && i < TIME_WAIT_MAX; i++)
		pcb = pcb->next;
	while (pcb != NULL) {
		struct tcp_pcb *next = pcb->next;
		tcp_abort(pcb); /* sends nothing in TIME_WAIT */
		pcb = next;
	}
}

void conn_tcp_timers(struct stack *st)
{
	struct conn_tcp *c;
	while ((c = TAILQ_FIRST(&st->tcp->orphans)) != NULL && c->orphan_deadline <= st->now_ns)
		conn_tcp_abandon(c, true);
	if (st->now_ms >= st->tcp->trim_ms) {
		st->tcp->trim_ms = st->now_ms + TIME_WAIT_TRIM_MS;
		trim_time_wait();
	}
}

uint64_t conn_tcp_next_timer(const struct stack *st)
{
	const struct conn_tcp *c = TAILQ_FIRST(&st->tcp->orphans);
	return c != NULL ? c->orphan_deadline : UINT64_MAX;
}

void conn_tcp_free_all(struct stack *st)
{
	struct conn_tcp *c;
	while ((c = TAILQ_FIRST(&st->tcp->conns)) != NULL)
		if (c->conn.ready.kind == READY_LISTENER)
			conn_listen_close(c);
		else
			conn_tcp_abandon(c, true);
}

static struct conn_tcp *find_active(const struct flow *flow)
{
	struct tcp_pcb *pcb = tcp_active_pcbs;
	while (pcb != NULL &&
		(pcb->local_port != flow->local_port || pcb->remote_port != flow->remote_port ||
			!ip_addr_eq(&pcb->local_ip, &flow->local) ||
			!ip_addr_eq(&pcb->remote_ip, &flow->remote)))
		pcb = pcb->next;
	return pcb != NULL ? pcb->callback_arg : NULL;
}

/*
 * RFC 5927 4.1: only for bytes in flight. RFC 5927 5.2 and RFC 5461 2: a hard error ends a
 * handshake, never an established connection; all others are remembered as the cause of a timeout.
 */
void conn_tcp_icmp_error(
	struct stack *st, const struct flow *flow, uint32_t seq, int error, bool hard)
{
	struct conn_tcp *c = find_active(flow);
	if (c == NULL || !TCP_SEQ_BETWEEN(seq, c->pcb->lastack, c->pcb->snd_nxt))
		return;
	c->soft_error = error;
	if (!hard || c->pcb->state != SYN_SENT)
		return;
	st->tcp->abort_cause = error;
	tcp_abandon(c->pcb, 0);
	st->tcp->abort_cause = 0;
}
