/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of a connection, from struct conn_options to lwIP's pcb. */
#include "tests/bench/lwip_tcp/conn_tcp.h"

#include <errno.h>

#include "lwip/priv/tcp_priv.h"

/* lwIP tells the peer of a larger window from TCP_WND_UPDATE_THRESHOLD on: below it would stall. */
#define RECEIVE_WINDOW_MIN (2 * TCP_WND_UPDATE_THRESHOLD)

void conn_options_fill(struct conn_options *options)
{
	if (options->ttl == 0)
		options->ttl = TCP_TTL;
	if (options->backlog == 0)
		options->backlog = 1;
	if (options->receive_window == 0 || options->receive_window > TCP_WND)
		options->receive_window = TCP_WND;
	if (options->receive_window < RECEIVE_WINDOW_MIN)
		options->receive_window = RECEIVE_WINDOW_MIN;
	if (options->keep_idle_ms == 0)
		options->keep_idle_ms = TCP_KEEPIDLE_DEFAULT;
	if (options->keep_interval_ms == 0)
		options->keep_interval_ms = TCP_KEEPINTVL_DEFAULT;
	if (options->keep_count == 0)
		options->keep_count = TCP_KEEPCNT_DEFAULT;
}

static void apply_keep_alive(struct tcp_pcb *pcb, const struct conn_options *options)
{
	if (options->keep_alive)
		ip_set_option(pcb, SOF_KEEPALIVE);
	else
		ip_reset_option(pcb, SOF_KEEPALIVE);
	pcb->keep_idle = options->keep_idle_ms;
	pcb->keep_intvl = options->keep_interval_ms;
	pcb->keep_cnt = options->keep_count;
}

void conn_tcp_apply_options(struct conn_tcp *c)
{
	struct tcp_pcb *pcb = c->pcb;
	pcb->tos = c->options.tos;
	pcb->ttl = c->options.ttl;
	if (c->options.reuse_address)
		ip_set_option(pcb, SOF_REUSEADDR);
	if (c->conn.ready.kind == READY_LISTENER)
		return; /* it is shorter than a connection's: those that it accepts get the rest */
	if (c->options.no_delay)
		tcp_nagle_disable(pcb);
	else
		tcp_nagle_enable(pcb);
	apply_keep_alive(pcb, &c->options);
}

/* A smaller window than lwIP's is what lwIP believes to be taken up for ever. */
void conn_tcp_apply_window(struct conn_tcp *c)
{
	uint32_t window = c->options.receive_window;
	if (c->pcb->rcv_wnd > window)
		c->pcb->rcv_wnd = c->pcb->rcv_ann_wnd = window;
}

int conn_set_options(struct conn *conn, const struct conn_options *options)
{
	struct conn_tcp *c = conn_tcp_of(conn);
	struct conn_options wanted = *options;
	stack_enter(conn->stack);
	if (wanted.receive_window == 0)
		wanted.receive_window = c->options.receive_window;
	conn_options_fill(&wanted);
	if (wanted.receive_window != c->options.receive_window ||
		wanted.reuse_address != c->options.reuse_address ||
		wanted.reuse_port != c->options.reuse_port)
		return -ENOPROTOOPT; /* they act when the port is bound, or the handshake */
	c->options = wanted;
	if (c->pcb != NULL)
		conn_tcp_apply_options(c);
	return 0;
}

void conn_get_options(const struct conn *conn, struct conn_options *options)
{
	*options = ((const struct conn_tcp *)conn)->options;
}
