/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/steer.h"

#include <errno.h>
#include <netinet/in.h>

#define OWNED_ALONE ((uint64_t)1 << 63)

enum { TABLE_TCP, TABLE_UDP, TABLE_NONE };

static unsigned table_of(uint8_t proto)
{
	return proto == IPPROTO_TCP ? TABLE_TCP : proto == IPPROTO_UDP ? TABLE_UDP : TABLE_NONE;
}

int steer_claim(void *steer_core, uint8_t proto, uint16_t port, bool shared)
{
	struct steer_core *sc = steer_core;
	unsigned table = table_of(proto);
	_Atomic uint64_t *owners = &sc->steer->owners[table][port];
	uint64_t mine = (uint64_t)1 << sc->core;
	uint64_t held = atomic_load_explicit(owners, memory_order_relaxed);
	do {
		if (held != 0 && (!shared || (held & OWNED_ALONE) != 0))
			return -EADDRINUSE;
	} while (!atomic_compare_exchange_weak_explicit(owners, &held,
		held | mine | (shared ? 0 : OWNED_ALONE), memory_order_relaxed,
		memory_order_relaxed));
	return 0;
}

void steer_release(void *steer_core, uint8_t proto, uint16_t port)
{
	struct steer_core *sc = steer_core;
	_Atomic uint64_t *owners = &sc->steer->owners[table_of(proto)][port];
	uint64_t mine = (uint64_t)1 << sc->core;

	/* Held alone there is no other bit to keep. */
	if ((atomic_load_explicit(owners, memory_order_relaxed) & mine) != 0)
		atomic_fetch_and_explicit(owners, ~(mine | OWNED_ALONE), memory_order_relaxed);
}

/* A hash of addresses and ports that is the same in both directions; only spreads load. */
static uint32_t spread(const uint8_t *addresses, unsigned length, uint32_t ports)
{
	uint32_t hash = ports;

	for (unsigned i = 0; i < length; i++)
		hash = hash * 16777619u + addresses[i];
	hash ^= hash >> 15;
	return hash * 0x2c1b3c6du >> 8;
}

static unsigned nth_owner(uint32_t owners, unsigned n)
{
	while (n-- > 0)
		owners &= owners - 1;
	return (unsigned)__builtin_ctz(owners);
}

static uint32_t owners_of(const struct steer *steer, unsigned table, uint16_t port)
{
	uint64_t held = atomic_load_explicit(&steer->owners[table][port], memory_order_relaxed);

	return (uint32_t)(held & ~OWNED_ALONE);
}

/* One of the owners of a local port: the receiver itself where it may be. */
static unsigned owner_of_port(
	const struct steer *steer, unsigned self, unsigned table, uint16_t port, uint32_t hash)
{
	uint32_t owners = owners_of(steer, table, port);

	if (owners == 0)
		return self;
	if (steer->every_core_has_queue && (owners >> self & 1) != 0)
		return self;
	return nth_owner(owners, hash % (unsigned)__builtin_popcount(owners));
}

/* The core itself as a set. */
static uint32_t only(unsigned core)
{
	return (uint32_t)1 << core;
}

/* The owners of a local port: all of them of a datagram to many, the receiver where none is. */
static uint32_t to_owners(const struct steer *steer, unsigned self, bool many, unsigned table,
	uint16_t port, uint32_t hash)
{
	if (!many || table != TABLE_UDP)
		return only(owner_of_port(steer, self, table, port, hash));
	uint32_t owners = owners_of(steer, table, port);
	return owners != 0 ? owners : only(self);
}

static uint16_t be16_at(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* RFC 8200 4.5: a Fragment header with the ports behind it, not those of a later fragment. */
static bool is_first_fragment(const uint8_t *header, unsigned length)
{
	return length >= 8 && (be16_at(header + 2) & 0xfff8) == 0;
}

/*
 * A packet that an ICMP error quotes is one of ours: its source port is the local one. inner: the
 * quoted IP header, of which inner_length bytes are there.
 */
static unsigned steer_quoted(const struct steer *steer, unsigned self, const uint8_t *inner,
	unsigned inner_length, bool ipv6)
{
	unsigned header = ipv6 ? 40 : 20;

	if (inner_length < header)
		return self;
	uint8_t proto = inner[ipv6 ? 6 : 9];
	if (!ipv6) {
		header = (inner[0] & 15u) * 4;
	} else if (proto == IPPROTO_FRAGMENT &&
		is_first_fragment(inner + header, inner_length - header)) {
		proto = inner[header];
		header += 8;
	}
	unsigned table = table_of(proto);
	if (table == TABLE_NONE || header < 20 || inner_length < header + 4)
		return self;
	return owner_of_port(steer, self, table, be16_at(inner + header), 0);
}

/* ICMPv4 destination unreachable, source quench, redirect, time exceeded, parameter problem. */
static bool icmp4_is_error(uint8_t type)
{
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

/* many: the frame was sent to a link-layer address of many. */
static uint32_t steer_ip4(
	const struct steer *steer, unsigned self, const uint8_t *ip, unsigned length, bool many)
{
	if (length < 20)
		return only(self);
	unsigned header = (ip[0] & 15u) * 4;
	uint8_t proto = ip[9];
	uint32_t hash;

	many |= (ip[16] & 0xf0) == 0xe0;
	if ((be16_at(ip + 6) & 0x3fff) != 0) { /* more fragments, or an offset: no ports to go by */
		hash = spread(ip + 12, 8, be16_at(ip + 4));
		return many ? STEER_ALL : only(hash % steer->cores);
	}
	if (proto == IPPROTO_IGMP)
		return STEER_ALL;
	if (header < 20 || length < header + 8)
		return only(self);
	const uint8_t *l4 = ip + header;
	if (proto == IPPROTO_ICMP)
		return only(icmp4_is_error(l4[0])
				? steer_quoted(steer, self, l4 + 8, length - header - 8, false)
				: self);
	unsigned table = table_of(proto);
	if (table == TABLE_NONE)
		return only(self);
	if (proto == IPPROTO_UDP &&
		be16_at(l4 + 2) == 68) /* the DHCP client is on the first core */
		return only(0);
	hash = steer->every_core_has_queue
		? be16_at(l4)
		: spread(ip + 12, 8, be16_at(l4) ^ (uint32_t)be16_at(l4 + 2));
	return to_owners(steer, self, many, table, be16_at(l4 + 2), hash);
}

static uint32_t steer_icmp6(
	const struct steer *steer, unsigned self, const uint8_t *icmp, unsigned length)
{
	uint8_t type = icmp[0];

	if (type >= 130 && type <= 137) /* MLD, router and neighbour discovery, redirect */
		return STEER_ALL;
	if (type < 128) /* RFC 4443 2.1: errors */
		return only(steer_quoted(steer, self, icmp + 8, length - 8, true));
	return only(self);
}

/* RFC 8200 4.1: those before the upper layer's header, but the Fragment header. */
static bool is_extension(uint8_t next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS;
}

static uint32_t steer_ip6(
	const struct steer *steer, unsigned self, const uint8_t *ip, unsigned length, bool many)
{
	if (length < 48)
		return only(self);
	unsigned at = 40;
	uint8_t next = ip[6];

	while (is_extension(next) && length >= at + 8) {
		next = ip[at];
		at += 8u * (ip[at + 1] + 1u);
	}
	if (length < at + 8)
		return only(self);
	const uint8_t *l4 = ip + at;
	many |= ip[24] == 0xff;
	if (next == IPPROTO_FRAGMENT && !many)
		return only(spread(ip + 8, 32, (uint32_t)be16_at(l4 + 4) ^ be16_at(l4 + 6)) %
			steer->cores);
	if (next == IPPROTO_ICMPV6)
		return steer_icmp6(steer, self, l4, length - at);
	unsigned table = table_of(next);
	if (table == TABLE_NONE)
		return many ? STEER_ALL : only(self);
	uint32_t hash = steer->every_core_has_queue
		? be16_at(l4)
		: spread(ip + 8, 32, be16_at(l4) ^ (uint32_t)be16_at(l4 + 2));
	return to_owners(steer, self, many, table, be16_at(l4 + 2), hash);
}

uint32_t steer_frame(
	const struct steer *steer, unsigned self, const uint8_t *frame, unsigned length)
{
	if (length < 14)
		return only(self);
	bool many = (frame[0] & 1) != 0;
	switch (be16_at(frame + 12)) {
	case 0x0800:
		return steer_ip4(steer, self, frame + 14, length - 14, many);
	case 0x86dd:
		return steer_ip6(steer, self, frame + 14, length - 14, many);
	case 0x0806:
		return STEER_ALL;
	default:
		return only(self);
	}
}

uint32_t steer_owners(const struct steer *steer, uint8_t proto, uint16_t port)
{
	unsigned table = table_of(proto);

	return table != TABLE_NONE ? owners_of(steer, table, port) : 0;
}

unsigned steer_port(const struct steer *steer, unsigned self, uint8_t proto, uint16_t port)
{
	uint32_t owners = steer_owners(steer, proto, port);

	if (owners == 0 || (owners >> self & 1) != 0)
		return self;
	return nth_owner(owners, port % (unsigned)__builtin_popcount(owners));
}
