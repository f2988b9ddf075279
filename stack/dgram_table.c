/* SPDX-License-Identifier: BSD-3-Clause */
/* Which UDP socket a datagram is for. See stack/dgram_internal.h. */
#include <errno.h>

#include "stack/dgram_internal.h"

static uint32_t hash_of(const struct dgram_table *table, const struct flow *flow)
{
	uint32_t ports = (uint32_t)flow->remote_port << 16 | flow->local_port;
	if (!IP_IS_V6(&flow->remote))
		return flow_hash_v4(&table->key, ip_2_ip4(&flow->remote)->addr,
			ip_2_ip4(&flow->local)->addr, ports);
	return flow_hash_v6(&table->key, (const uint8_t *)ip_2_ip6(&flow->remote)->addr,
		(const uint8_t *)ip_2_ip6(&flow->local)->addr,
		ip6_addr_zone(ip_2_ip6(&flow->remote)), ports);
}

static struct dgram_sockets *bucket_of(struct dgram_table *table, uint16_t port)
{
	return &table->port[port % DGRAM_BUCKETS];
}

static bool is_connected_to(const struct dgram_socket *socket, const struct flow *flow)
{
	const struct dgram *dgram = &socket->dgram;
	return dgram->remote_port == flow->remote_port && dgram->local_port == flow->local_port &&
		ip_addr_eq(&dgram->remote, &flow->remote) &&
		ip_addr_eq(&dgram->local, &flow->local);
}

static struct dgram_socket *find_connected(
	const struct dgram_table *table, const struct flow *flow, uint32_t hash)
{
	struct flow_cursor cursor;
	struct dgram_socket *socket = flow_table_first(&table->connected, hash, &cursor);
	while (socket != NULL && !is_connected_to(socket, flow))
		socket = flow_table_next(&cursor);
	return socket;
}

struct dgram_socket *dgram_find_connected(struct stack *st, const struct flow *flow)
{
	return find_connected(st->dgrams, flow, hash_of(st->dgrams, flow));
}

/* How much of the destination a bound socket names: 0 none of it and not meant, 3 its address. */
static unsigned closeness(const struct dgram_socket *socket, const struct flow *flow)
{
	const ip_addr_t *local = &socket->dgram.local;
	if (socket->dgram.local_port != flow->local_port)
		return 0;
	if (IP_GET_TYPE(local) == IPADDR_TYPE_ANY)
		return 1;
	if (IP_GET_TYPE(local) != IP_GET_TYPE(&flow->local))
		return 0;
	if (ip_addr_isany(local))
		return 2;
	return ip_addr_eq(local, &flow->local) ? 3 : 0;
}

/* Of n sockets that name the same, the one for this sender. */
static struct dgram_socket *nth_closest(
	struct dgram_sockets *bucket, const struct flow *flow, unsigned closest, unsigned n)
{
	struct dgram_socket *socket;
	TAILQ_FOREACH (socket, bucket, port_entry) {
		if (closeness(socket, flow) == closest && n-- == 0)
			return socket;
	}
	return NULL;
}

struct dgram_socket *dgram_find(struct stack *st, const struct flow *flow)
{
	struct dgram_table *table = st->dgrams;
	uint32_t hash = hash_of(table, flow);
	struct dgram_socket *socket = find_connected(table, flow, hash);
	if (socket != NULL)
		return socket;
	struct dgram_sockets *bucket = bucket_of(table, flow->local_port);
	unsigned closest = 0, count = 0;
	struct dgram_socket *candidate = NULL;
	TAILQ_FOREACH (socket, bucket, port_entry) {
		unsigned close = closeness(socket, flow);
		if (close > closest) {
			closest = close;
			candidate = socket;
			count = 0;
		}
		count += close != 0 && close == closest;
	}
	return count > 1 ? nth_closest(bucket, flow, closest, hash % count) : candidate;
}

static bool is_meant(
	const struct dgram_socket *socket, const struct flow *flow, const struct nif *nif)
{
	return closeness(socket, flow) != 0 &&
		(!ip_addr_ismulticast(&flow->local) || dgram_is_member(socket, &flow->local, nif));
}

struct dgram_socket *dgram_find_member(struct stack *st, const struct flow *flow,
	const struct nif *nif, struct dgram_socket *after)
{
	struct dgram_socket *socket = after != NULL
		? TAILQ_NEXT(after, port_entry)
		: TAILQ_FIRST(bucket_of(st->dgrams, flow->local_port));
	while (socket != NULL && !is_meant(socket, flow, nif))
		socket = TAILQ_NEXT(socket, port_entry);
	return socket;
}

/* Whether two bound sockets would both claim the same destinations. */
static bool is_same_place(const struct dgram_socket *a, const struct dgram_socket *b)
{
	const ip_addr_t *x = &a->dgram.local, *y = &b->dgram.local;
	bool any = ip_addr_isany(x) || ip_addr_isany(y);
	bool families = IP_GET_TYPE(x) == IP_GET_TYPE(y) || IP_GET_TYPE(x) == IPADDR_TYPE_ANY ||
		IP_GET_TYPE(y) == IPADDR_TYPE_ANY;
	return a->dgram.local_port == b->dgram.local_port && families && (any || ip_addr_eq(x, y));
}

static bool shares(const struct dgram_socket *socket)
{
	return socket->options.reuse_port || socket->options.reuse_address;
}

static int insert_bound(struct dgram_table *table, struct dgram_socket *socket)
{
	struct dgram_sockets *bucket = bucket_of(table, socket->dgram.local_port);
	struct dgram_socket *other;
	TAILQ_FOREACH (other, bucket, port_entry) {
		if (is_same_place(socket, other) && !(shares(socket) && shares(other)))
			return -EADDRINUSE;
	}
	TAILQ_INSERT_TAIL(bucket, socket, port_entry);
	return 0;
}

static int insert_connected(struct dgram_table *table, struct dgram_socket *socket)
{
	const struct dgram *dgram = &socket->dgram;
	struct flow flow = {dgram->local, dgram->remote, dgram->local_port, dgram->remote_port};
	socket->hash = hash_of(table, &flow);
	if (find_connected(table, &flow, socket->hash) != NULL)
		return -EADDRINUSE;
	return flow_table_insert(&table->connected, socket->hash, socket) ? 0 : -ENOBUFS;
}

int dgram_table_insert(struct dgram_socket *socket)
{
	struct dgram_table *table = socket->dgram.stack->dgrams;
	int error =
		socket->connected ? insert_connected(table, socket) : insert_bound(table, socket);
	socket->listed = error == 0;
	return error;
}

void dgram_table_remove(struct dgram_socket *socket)
{
	struct dgram_table *table = socket->dgram.stack->dgrams;
	if (!socket->listed)
		return;
	if (socket->connected)
		flow_table_remove(&table->connected, socket->hash, socket);
	else
		TAILQ_REMOVE(bucket_of(table, socket->dgram.local_port), socket, port_entry);
	socket->listed = false;
}
