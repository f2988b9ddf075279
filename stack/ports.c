/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/ports.h"

#include <errno.h>
#include <string.h>

#include "stack/stack_internal.h"

struct port_entry {
	struct port_entry *next;
	uint32_t users;
	uint16_t port;
	uint8_t proto;
};

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

int port_hold(struct stack *st, uint8_t proto, uint16_t port, bool shared)
{
	struct port_entry **at = find(st, proto, port);
	if (*at != NULL) {
		(*at)->users++;
		return 0;
	}
	struct port_entry *entry = arena_alloc(&st->arena, sizeof(*entry));
	if (entry == NULL)
		return -ENOBUFS;
	int error = claim(st, proto, port, shared);
	if (error != 0) {
		arena_free(&st->arena, entry);
		return error;
	}
	*entry = (struct port_entry){.users = 1, .port = port, .proto = proto};
	*at = entry;
	return 0;
}

void port_release(struct stack *st, uint8_t proto, uint16_t port)
{
	struct port_entry **at = find(st, proto, port);
	struct port_entry *entry = *at;
	if (entry == NULL || --entry->users > 0)
		return;
	*at = entry->next;
	arena_free(&st->arena, entry);
	if (st->release_port != NULL)
		st->release_port(st->steering, proto, port);
}

static void put_address(uint8_t out[16], const ip_addr_t *address)
{
	if (address == NULL)
		return;
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

int port_choose(struct stack *st, uint8_t proto, const ip_addr_t *local, const ip_addr_t *remote,
	uint16_t remote_port)
{
	uint32_t offset = port_offset(st, local, remote, remote_port);
	for (unsigned tries = 0; tries < PORT_DYNAMIC_COUNT; tries++) {
		uint32_t place = (offset + st->ports.next_ephemeral++) % PORT_DYNAMIC_COUNT;
		uint16_t port = (uint16_t)(PORT_DYNAMIC_MIN + place);
		if (port_in_use(st, proto, port))
			continue;
		int error = port_hold(st, proto, port, false);
		if (error == 0)
			return port;
		if (error != -EADDRINUSE)
			return error;
	}
	return -EADDRINUSE;
}
