/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * UDP sockets: opened, closed, and what waits in them. See stack/dgram_internal.h.
 *
 * Called from the socket above; calls dgram_table.c and dgram_group.c.
 */
#include "stack/dgram.h"

#include <errno.h>

#include "lwip/prot/ip.h"
#include "stack/dgram_internal.h"

#define RECEIVED_PER_CHUNK 64u

/* Set-up of a stack's UDP */

bool dgram_stack_init(struct stack *st)
{
	struct dgram_table *table = arena_calloc(&st->arena, 1, sizeof(*table));
	if (table == NULL)
		return false;
	TAILQ_INIT(&table->all);
	for (unsigned i = 0; i < DGRAM_BUCKETS; i++)
		TAILQ_INIT(&table->port[i]);
	flow_hash_key_init(&table->key, &st->random);
	slab_init(&table->received, &st->arena, sizeof(struct dgram_received), RECEIVED_PER_CHUNK);
	st->dgrams = table;
	return flow_table_init(&table->connected, &st->arena);
}

void dgram_stack_free(struct stack *st)
{
	struct dgram_table *table = st->dgrams;
	while (!TAILQ_EMPTY(&table->all))
		dgram_close(&TAILQ_FIRST(&table->all)->dgram);
	flow_table_fini(&table->connected);
	slab_fini(&table->received);
	arena_free(&st->arena, table);
	st->dgrams = NULL;
}

void dgram_addresses_changed(struct stack *st)
{
	struct dgram_socket *socket;
	TAILQ_FOREACH (socket, &st->dgrams->all, entry)
		dgram_forget_dst(socket);
}

/* Receive */

void dgram_event(struct dgram_socket *socket, uint16_t events)
{
	socket->dgram.ready.events |= events;
	stack_mark_ready(socket->dgram.stack, &socket->dgram.ready);
}

static bool has_room(const struct dgram_socket *socket, uint32_t bytes)
{
	return stack_may_keep(socket->dgram.stack, socket->dgram.rx_count > 0) &&
		socket->dgram.rx_count < socket->options.receive_count &&
		bytes <= socket->options.receive_bytes - socket->dgram.rx_bytes;
}

static void lose(struct dgram_socket *socket, struct pbuf *p, enum drop_reason reason)
{
	socket->dgram.rx_dropped++;
	dgram_event(socket, 0); /* the count is news */
	stack_drop(socket->dgram.stack, p, reason);
}

void dgram_receive(struct dgram_socket *socket, struct pbuf *p, const struct flow *flow)
{
	if (!has_room(socket, p->tot_len)) {
		lose(socket, p, DROP_UDP_QUEUE_FULL);
		return;
	}
	struct dgram_received *received = slab_alloc(&socket->dgram.stack->dgrams->received);
	if (received == NULL) {
		lose(socket, p, DROP_NO_MEMORY);
		return;
	}
	received->rx = (struct dgram_rx){p, flow->remote, flow->local, flow->remote_port};
	STAILQ_INSERT_TAIL(&socket->queue, received, entry);
	socket->dgram.rx_count++;
	socket->dgram.rx_bytes += p->tot_len;
	dgram_event(socket, DGRAM_EV_READABLE);
}

bool dgram_give_copy(struct dgram_socket *socket, struct pbuf *p, const struct flow *flow)
{
	struct pbuf *copy = pbuf_clone(PBUF_RAW, PBUF_RAM, p);
	if (copy == NULL) {
		stack_count_drop(socket->dgram.stack, DROP_NO_MEMORY);
		return false;
	}
	dgram_receive(socket, copy, flow);
	return true;
}

bool dgram_next(struct dgram *dgram, struct dgram_rx *rx)
{
	struct dgram_socket *socket = dgram_socket_of(dgram);
	struct dgram_received *first = STAILQ_FIRST(&socket->queue);
	if (first == NULL)
		return false;
	STAILQ_REMOVE_HEAD(&socket->queue, entry);
	*rx = first->rx;
	dgram->rx_count--;
	dgram->rx_bytes -= rx->payload->tot_len;
	slab_free(&dgram->stack->dgrams->received, first);
	return true;
}

/* Open */

static void fill_defaults(struct dgram_options *options)
{
	if (options->ttl == 0)
		options->ttl = DGRAM_TTL;
	if (options->multicast_ttl == 0)
		options->multicast_ttl = DGRAM_MULTICAST_TTL;
	if (options->receive_bytes == 0)
		options->receive_bytes = DGRAM_RECEIVE_BYTES;
	if (options->receive_count == 0)
		options->receive_count = DGRAM_RECEIVE_COUNT;
}

static int hold_port(struct dgram_socket *socket, uint16_t port)
{
	struct dgram *dgram = &socket->dgram;
	struct stack *st = dgram->stack;
	const ip_addr_t *remote = socket->connected ? &dgram->remote : NULL;
	int chosen = port == 0
		? port_choose(st, IP_PROTO_UDP, &dgram->local, remote, dgram->remote_port)
		: port_hold(st, IP_PROTO_UDP, port, socket->options.reuse_port);
	if (chosen < 0)
		return chosen;
	socket->holds_port = true;
	dgram->local_port = port == 0 ? (uint16_t)chosen : port;
	return 0;
}

/* RFC 1122 4.1.3.5: the local address of a connected socket is that of the route. */
static int check_ends(struct stack *st, ip_addr_t *local, const ip_addr_t *remote)
{
	if (!ip_addr_isany(local) && !ip_addr_ismulticast(local) && !stack_has_address(st, local))
		return -EADDRNOTAVAIL;
	if (remote == NULL)
		return 0;
	if (ip_addr_isany(remote) ||
		(IP_GET_TYPE(local) != IPADDR_TYPE_ANY &&
			IP_GET_TYPE(local) != IP_GET_TYPE(remote)))
		return -EINVAL;
	ip_addr_t wanted = *local;
	if (ip_addr_isany(local))
		wanted = IP_IS_V6(remote) ? *IP6_ADDR_ANY : *IP4_ADDR_ANY;
	return stack_route(&wanted, remote, local) != NULL ? 0 : -ENETUNREACH;
}

static struct dgram_socket *new_socket(struct stack *st, const struct dgram_options *options)
{
	struct dgram_socket *socket = arena_calloc(&st->arena, 1, sizeof(*socket));
	if (socket == NULL) {
		stack_count_drop(st, DROP_NO_MEMORY);
		return NULL;
	}
	socket->dgram.ready.kind = READY_DGRAM;
	socket->dgram.stack = st;
	socket->options = *options;
	fill_defaults(&socket->options);
	STAILQ_INIT(&socket->queue);
	TAILQ_INSERT_TAIL(&st->dgrams->all, socket, entry);
	return socket;
}

int dgram_open(struct stack *st, const ip_addr_t *local, uint16_t local_port,
	const ip_addr_t *remote, uint16_t remote_port, const struct dgram_options *options,
	struct dgram **dgram)
{
	stack_enter(st);
	ip_addr_t from = *local, to = remote != NULL ? *remote : *IP_ANY_TYPE;
	stack_zone(st, &from);
	stack_zone(st, &to);
	int error = check_ends(st, &from, remote != NULL ? &to : NULL);
	if (error != 0)
		return error;
	struct dgram_socket *socket = new_socket(st, options);
	if (socket == NULL)
		return -ENOBUFS;
	socket->connected = remote != NULL;
	socket->dgram.local = from;
	socket->dgram.remote = to;
	socket->dgram.remote_port = remote != NULL ? remote_port : 0;
	error = hold_port(socket, local_port);
	if (error == 0)
		error = dgram_table_insert(socket);
	if (error != 0) {
		dgram_close(&socket->dgram);
		return error;
	}
	*dgram = &socket->dgram;
	return 0;
}

void dgram_close(struct dgram *dgram)
{
	struct dgram_socket *socket = dgram_socket_of(dgram);
	struct stack *st = dgram->stack;
	struct dgram_rx rx;
	stack_enter(st);
	while (dgram_next(dgram, &rx))
		pbuf_free(rx.payload);
	dgram_leave_all(socket);
	dgram_table_remove(socket);
	dgram_forget_dst(socket);
	if (socket->holds_port)
		port_release(st, IP_PROTO_UDP, dgram->local_port);
	stack_unmark_ready(st, &dgram->ready);
	TAILQ_REMOVE(&st->dgrams->all, socket, entry);
	arena_free(&st->arena, socket);
}

void dgram_set_options(struct dgram *dgram, const struct dgram_options *options)
{
	struct dgram_options *own = &dgram_socket_of(dgram)->options;
	own->tos = options->tos;
	own->ttl = options->ttl != 0 ? options->ttl : DGRAM_TTL;
	own->broadcast = options->broadcast;
	own->multicast_ttl =
		options->multicast_ttl != 0 ? options->multicast_ttl : DGRAM_MULTICAST_TTL;
	own->no_multicast_loop = options->no_multicast_loop;
}
