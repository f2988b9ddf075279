/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/ports.h"

#include <errno.h>
#include <string.h>

#include "stack/stack_internal.h"

/* Ports that are looked at for one that nobody uses, before one is shared. */
#define TRIES_ALONE 8u

struct port_entry {
	struct port_entry *next;
	uint32_t users;
	uint16_t port;
	uint8_t proto;
	bool reserved; /* for lwIP: sockets of ours do not get it */
};

#define PER_CHUNK 64u

void port_table_init(struct stack *st)
{
	slab_init(&st->ports.entries, &st->arena, sizeof(struct port_entry), PER_CHUNK);
	st->ports.next_ephemeral = (uint16_t)prng_next(&st->random);
}

static struct port_entry **find(const struct stack *st, uint8_t proto, uint16_t port)
{
	struct port_entry *const *at = &st->ports.bucket[(port ^ proto) % PORT_BUCKETS];
	while (*at != NULL && ((*at)->port != port || (*at)->proto != proto))
		at = &(*at)->next;
	return (struct port_entry **)at;
}

static int claim(struct stack *st, uint8_t proto, uint16_t port, bool shared)
{
	return st->claim_port != NULL ? st->claim_port(st->steering, proto, port, shared) : 0;
}

bool port_in_use(const struct stack *st, uint8_t proto, uint16_t port)
{
	return *find(st, proto, port) != NULL;
}

static int hold(struct stack *st, uint8_t proto, uint16_t port, bool shared, bool reserved)
{
	struct port_entry **at = find(st, proto, port);
	if (*at != NULL) {
		if ((*at)->reserved != reserved)
			return -EADDRINUSE;
		(*at)->users++;
		return 0;
	}
	struct port_entry *entry = slab_alloc(&st->ports.entries);
	if (entry == NULL)
		return -ENOBUFS;
	int error = claim(st, proto, port, shared);
	if (error != 0) {
		slab_free(&st->ports.entries, entry);
		return error;
	}
	*entry =
		(struct port_entry){.users = 1, .port = port, .proto = proto, .reserved = reserved};
	*at = entry;
	return 0;
}

int port_hold(struct stack *st, uint8_t proto, uint16_t port, bool shared)
{
	return hold(st, proto, port, shared, false);
}

int port_reserve(struct stack *st, uint8_t proto, uint16_t port)
{
	return hold(st, proto, port, false, true);
}

void port_release(struct stack *st, uint8_t proto, uint16_t port)
{
	struct port_entry **at = find(st, proto, port);
	struct port_entry *entry = *at;
	if (entry == NULL || --entry->users > 0)
		return;
	*at = entry->next;
	slab_free(&st->ports.entries, entry);
	if (st->release_port != NULL)
		st->release_port(st->steering, proto, port);
}

static void put_address(uint8_t out[16], const ip_addr_t *address)
{
	if (IP_IS_V6(address))
		memcpy(out, ip_2_ip6(address)->addr, 16);
	else
		memcpy(out, &ip_2_ip4(address)->addr, 4);
}

/* RFC 6056 3.3.3: F(local IP, remote IP, remote port, secret), so that each peer sees a sequence. */
static uint32_t port_offset(const struct stack *st, const ip_addr_t *local, const ip_addr_t *remote,
	uint16_t remote_port)
{
	uint8_t input[34] = {0};
	put_address(input, local);
	put_address(input + 16, remote);
	memcpy(input + 32, &remote_port, sizeof(remote_port));
	return (uint32_t)siphash_2_4(&st->port_key, input, sizeof(input));
}

int port_choose_towards(struct stack *st, uint8_t proto, struct flow *flow,
	bool (*may_share)(struct stack *st, const struct flow *flow))
{
	uint32_t offset = port_offset(st, &flow->local, &flow->remote, flow->remote_port);
	for (unsigned tries = 0; tries < PORT_DYNAMIC_COUNT; tries++) {
		uint32_t place = (offset + st->ports.next_ephemeral++) % PORT_DYNAMIC_COUNT;
		flow->local_port = (uint16_t)(PORT_DYNAMIC_MIN + place);
		if (port_in_use(st, proto, flow->local_port) &&
			(tries < TRIES_ALONE || may_share == NULL || !may_share(st, flow)))
			continue;
		int error = port_hold(st, proto, flow->local_port, false);
		if (error == 0)
			return flow->local_port;
		if (error != -EADDRINUSE)
			return error;
	}
	return -EADDRINUSE;
}

int port_choose(struct stack *st, uint8_t proto, const ip_addr_t *local, const ip_addr_t *remote,
	uint16_t remote_port)
{
	struct flow flow = {.local = *local, .remote_port = remote_port};
	if (remote != NULL)
		flow.remote = *remote;
	return port_choose_towards(st, proto, &flow, NULL);
}
