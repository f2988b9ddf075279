/* SPDX-License-Identifier: BSD-3-Clause */
/* Listeners, and connections until they are accepted. */
#include "tests/bench/lwip_tcp/conn_tcp.h"

#include "lwip/prot/ip.h"
#include <errno.h>

#include "lwip/priv/tcp_priv.h"

/* Children */

static void add_child(struct conn_tcp *listener, struct conn_tcp *child)
{
	child->listener = listener;
	listener->children++;
	TAILQ_INSERT_TAIL(&listener->embryos, child, sibling);
}

/* Takes a child off the accept queue. */
static void release_child(struct conn_tcp *listener, struct conn_tcp *child)
{
	TAILQ_REMOVE(&listener->acceptable, child, sibling);
	listener->children--;
	child->listener = NULL;
}

/* Its pcb is gone: an embryo goes with it, one on the accept queue waits for conn_accept. */
void conn_listen_child_gone(struct conn_tcp *child)
{
	if (child->established)
		return;
	TAILQ_REMOVE(&child->listener->embryos, child, sibling);
	child->listener->children--;
	conn_tcp_free(child);
}

/* The handshake of a child is complete. */
static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
	struct conn_tcp *child = arg;
	if (pcb == NULL) { /* lwIP had no memory for one; arg is the listener */
		stack_count_drop(child->conn.stack, DROP_NO_MEMORY);
		return ERR_OK;
	}
	struct conn_tcp *listener = child->listener;
	TAILQ_REMOVE(&listener->embryos, child, sibling);
	TAILQ_INSERT_TAIL(&listener->acceptable, child, sibling);
	conn_tcp_open(child);
	child->established = true;
	child->conn.stack->counters.tcp_accepted++;
	conn_tcp_event(listener, CONN_EV_ACCEPTABLE);
	return ERR_OK;
}

static void take_addresses(struct conn *conn, const struct tcp_pcb *pcb)
{
	conn->local = pcb->local_ip;
	conn->local_port = pcb->local_port;
	conn->remote = pcb->remote_ip;
	conn->remote_port = pcb->remote_port;
}

/* A SYN came; before lwIP answers it. An error makes lwIP forget it without an answer. */
err_t conn_listen_syn(u8_t id, struct tcp_pcb_listen *lwip_listener, struct tcp_pcb *pcb)
{
	struct conn_tcp *listener = lwip_listener->ext_args[id].data;
	struct stack *st = listener->conn.stack;
	pcb->callback_arg = NULL; /* lwIP copied the listener's */
	if (listener->children >= listener->options.backlog) {
		stack_count_drop(st, DROP_ACCEPT_QUEUE_FULL);
		return ERR_MEM;
	}
	struct conn_tcp *child = conn_tcp_new(st, READY_CONN, &listener->options);
	if (child == NULL)
		return ERR_MEM;
	if (port_hold(st, IP_PROTO_TCP, pcb->local_port, listener->options.reuse_port) != 0) {
		conn_tcp_free(child);
		return ERR_MEM;
	}
	child->holds_port = true;
	take_addresses(&child->conn, pcb);
	conn_tcp_attach(child, pcb);
	conn_tcp_apply_options(child);
	conn_tcp_apply_window(child);
	add_child(listener, child);
	return ERR_OK;
}

struct conn *conn_accept(struct conn *conn)
{
	struct conn_tcp *listener = conn_tcp_of(conn), *child;
	stack_enter(conn->stack);
	while ((child = TAILQ_FIRST(&listener->acceptable)) != NULL) {
		release_child(listener, child);
		if (child->conn.ready.error == 0)
			break;
		conn->stack->counters.tcp_died_unaccepted++;
		conn_tcp_free(child);
	}
	if (child == NULL)
		return NULL;
	if (child->conn.ready.events != 0)
		stack_mark_ready(conn->stack, &child->conn.ready);
	return &child->conn;
}

/* Listen and close */

static int bind_listener(
	struct conn_tcp *c, struct tcp_pcb *pcb, const ip_addr_t *local, uint16_t port)
{
	struct stack *st = c->conn.stack;
	if (port == 0) {
		int chosen = port_choose(st, IP_PROTO_TCP, local, NULL, 0);
		if (chosen < 0)
			return chosen;
		port = (uint16_t)chosen;
	} else {
		int error = port_hold(st, IP_PROTO_TCP, port, c->options.reuse_port);
		if (error != 0)
			return error;
	}
	c->holds_port = true;
	c->conn.local = *local;
	c->conn.local_port = port;
	return stack_errno(tcp_bind(pcb, local, port));
}

/* lwIP gives back another pcb, or NULL and keeps the one it got. */
static int start_listen(
	struct conn_tcp *c, struct tcp_pcb *pcb, const ip_addr_t *local, uint16_t port)
{
	if (c->options.reuse_address)
		ip_set_option(pcb, SOF_REUSEADDR);
	int error = bind_listener(c, pcb, local, port);
	if (error != 0) {
		tcp_abandon(pcb, 0);
		return error;
	}
	err_t err;
	struct tcp_pcb *listening = tcp_listen_with_backlog_and_err(pcb, 0, &err);
	if (listening == NULL) {
		tcp_abandon(pcb, 0);
		return stack_errno(err);
	}
	conn_tcp_attach(c, listening);
	conn_tcp_apply_options(c);
	tcp_accept(listening, on_accept);
	return 0;
}

static void undo_listen(struct conn_tcp *c)
{
	if (c->holds_port)
		port_release(c->conn.stack, IP_PROTO_TCP, c->conn.local_port);
	conn_tcp_free(c);
}

int conn_listen(struct stack *st, const ip_addr_t *local, uint16_t port,
	const struct conn_options *options, struct conn **listener)
{
	stack_enter(st);
	ip_addr_t zoned = *local;
	stack_zone(st, &zoned);
	if (!ip_addr_isany(&zoned) && !stack_has_address(st, &zoned))
		return -EADDRNOTAVAIL;
	struct conn_tcp *c = conn_tcp_new(st, READY_LISTENER, options);
	if (c == NULL)
		return -ENOBUFS;
	struct tcp_pcb *pcb = tcp_new_ip_type(IP_GET_TYPE(&zoned));
	int error = pcb != NULL ? start_listen(c, pcb, &zoned, port) : -ENOBUFS;
	if (error != 0) {
		undo_listen(c);
		return error;
	}
	*listener = &c->conn;
	return 0;
}

void conn_listen_close(struct conn_tcp *listener)
{
	struct conn_tcp *child;
	while ((child = TAILQ_FIRST(&listener->embryos)) != NULL) {
		TAILQ_REMOVE(&listener->embryos, child, sibling);
		conn_tcp_abandon(child, true);
	}
	while ((child = TAILQ_FIRST(&listener->acceptable)) != NULL) {
		release_child(listener, child);
		conn_tcp_abandon(child, true);
	}
	listener->released = true;
	tcp_close(listener->pcb); /* cannot fail; ends in conn_tcp_pcb_gone */
}
