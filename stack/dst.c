/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 * -------------------
 * An entry stands for a source and a remote address. Whoever leaves the source open gets the entry
 * whose source is the one that routing would choose, so that there is one path MTU to an address,
 * not one to each way of asking. Entries are found by a keyed hash of the remote address. Those
 * that nobody holds wait in a list and are taken from its head when there are too many, or when
 * memory is short.
 *
 * ARP and ND are lwIP's. The link header here is a copy of what its caches say, good for
 * DST_CHECK_MS and as long as the cache's generation stands still. That changes with
 *
 *   - each ARP packet, and each IPv6 packet that is not TCP or UDP, before lwIP sees it: ND
 *     messages are among them (stack/ip_input.c),
 *   - each change of an address, a gateway or the link (stack/nif.c).
 *
 * What lwIP's timers do to its caches is seen within DST_CHECK_MS. The look-up is also what tells
 * lwIP that an entry is in use: an ARP entry is asked for again before it expires (RFC 1122
 * 2.3.2.1), a STALE neighbour goes to DELAY and is probed (RFC 4861 7.3.3). While the next hop is
 * not known, packets go through lwIP, which keeps copies until it answers (stack/ip_output.c).
 */
#include "stack/dst.h"

#include <errno.h>
#include <string.h>

#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/nd6.h"
#include "lwip/prot/ethernet.h"
#include "stack/dst_internal.h"
#include "stack/lwip/lwip_hooks.h"
#include "stack/nif_internal.h"
#include "stack/stack_internal.h"

#define PER_CHUNK 32u

/* The cache */

bool dst_cache_init(struct stack *st)
{
	struct dst_cache *cache = &st->dsts;
	slab_init(&cache->slab, &st->arena, sizeof(struct dst), PER_CHUNK);
	TAILQ_INIT(&cache->unused);
	flow_hash_key_init(&cache->key, &st->random);
	/* One that nobody gets: the slab keeps its first chunk for as long as the stack lives. */
	return slab_alloc(&cache->slab) != NULL && flow_table_init(&cache->table, &st->arena);
}

void dst_cache_fini(struct stack *st)
{
	flow_table_fini(&st->dsts.table);
	slab_fini(&st->dsts.slab);
}

static uint32_t hash_of(const struct dst_cache *cache, const ip_addr_t *remote)
{
	static const uint8_t any[16];
	if (IP_IS_V4(remote))
		return flow_hash_v4(&cache->key, ip_2_ip4(remote)->addr, 0, 0);
	const ip6_addr_t *ip6 = ip_2_ip6(remote);
	return flow_hash_v6(&cache->key, (const uint8_t *)ip6->addr, any, ip6_addr_zone(ip6), 0);
}

/* source NULL: the entry with the default one. */
static struct dst *find(const struct dst_cache *cache, uint32_t hash, const ip_addr_t *source,
	const ip_addr_t *remote)
{
	struct flow_cursor at;
	struct dst *dst = flow_table_first(&cache->table, hash, &at);
	for (; dst != NULL; dst = flow_table_next(&at)) {
		if (ip_addr_eq(&dst->remote, remote) &&
			(source != NULL ? ip_addr_eq(&dst->source, source) : dst->is_default))
			return dst;
	}
	return NULL;
}

static void take_off_unused(struct dst_cache *cache, struct dst *dst)
{
	TAILQ_REMOVE(&cache->unused, dst, unused);
	cache->unused_count--;
}

/* Frees the entry that nobody held for the longest time; false without one. */
static bool recycle(struct dst_cache *cache)
{
	struct dst *dst = TAILQ_FIRST(&cache->unused);
	if (dst == NULL)
		return false;
	take_off_unused(cache, dst);
	flow_table_remove(&cache->table, dst->hash, dst);
	slab_free(&cache->slab, dst);
	return true;
}

static struct dst *add(struct stack *st, uint32_t hash)
{
	struct dst_cache *cache = &st->dsts;
	struct dst *dst = slab_alloc(&cache->slab);
	if (dst == NULL && recycle(cache))
		dst = slab_alloc(&cache->slab);
	if (dst != NULL && !flow_table_insert(&cache->table, hash, dst)) {
		slab_free(&cache->slab, dst);
		dst = NULL;
	}
	if (dst == NULL)
		return NULL;
	uint64_t random = prng_next(&st->random);
	memset(dst, 0, sizeof(*dst));
	dst->hash = hash;
	/* RFC 6864 4.3, RFC 7739 5.1: where it starts cannot be told from elsewhere. */
	dst->ident = (uint32_t)random;
	dst->label_key = (uint32_t)(random >> 32) | 1;
	return dst;
}

/* The next hop */

static void write_link_header(struct dst *dst, const uint8_t mac[6])
{
	memcpy(dst->link_header, mac, 6);
	memcpy(dst->link_header + 6, dst->nif->config.mac, 6);
	dst->link_header[12] = dst->ip6 ? 0x86 : 0x08;
	dst->link_header[13] = dst->ip6 ? 0xdd : 0x00;
}

/* RFC 894, RFC 1112 6.4; false while ARP does not know. */
static bool resolve4(struct dst *dst)
{
	struct netif *netif = &dst->nif->netif;
	const ip4_addr_t *remote = ip_2_ip4(&dst->remote), *next = remote, *found;
	if (ip4_addr_isbroadcast(remote, netif)) {
		write_link_header(dst, (const uint8_t[6]){0xff, 0xff, 0xff, 0xff, 0xff, 0xff});
		return true;
	}
	if (ip4_addr_ismulticast(remote)) {
		const uint8_t group[6] = {LL_IP4_MULTICAST_ADDR_0, LL_IP4_MULTICAST_ADDR_1,
			LL_IP4_MULTICAST_ADDR_2, ip4_addr2(remote) & 0x7f, ip4_addr3(remote),
			ip4_addr4(remote)};
		write_link_header(dst, group);
		return true;
	}
	/* RFC 1122 3.3.1.1; RFC 3927 2.7: link-local addresses are never behind a router. */
	if (!ip4_addr_net_eq(remote, netif_ip4_addr(netif), netif_ip4_netmask(netif)) &&
		!ip4_addr_islinklocal(remote))
		next = netif_ip4_gw(netif);
	struct eth_addr *mac;
	ssize_t entry = etharp_find_addr(netif, next, &mac, &found);
	if (entry < 0)
		return false;
	write_link_header(dst, mac->addr);
	etharp_used(netif, (int)entry);
	return true;
}

/* RFC 2464 7, RFC 4861 7.2 and 7.3.3; false while ND does not know. */
static bool resolve6(struct dst *dst)
{
	const ip6_addr_t *remote = ip_2_ip6(&dst->remote);
	if (ip6_addr_ismulticast(remote)) {
		uint8_t group[6] = {LL_IP6_MULTICAST_ADDR_0, LL_IP6_MULTICAST_ADDR_1};
		memcpy(group + 2, &remote->addr[3], 4);
		write_link_header(dst, group);
		return true;
	}
	const uint8_t *mac = NULL;
	if (nd6_get_next_hop_addr_or_queue(&dst->nif->netif, NULL, remote, &mac) != ERR_OK ||
		mac == NULL)
		return false;
	write_link_header(dst, mac);
	return true;
}

static uint32_t tick_of(const struct stack *st)
{
	return (uint32_t)(st->now_ms >> DST_TICK_SHIFT);
}

static uint16_t interface_mtu(const struct dst *dst)
{
	return dst->ip6 ? netif_mtu6(&dst->nif->netif) : dst->nif->netif.mtu;
}

/*
 * The interface, and whether the source is still the one that would be chosen; false: no route, or
 * the source is no address of ours any more, or not yet.
 */
static bool route(const struct stack *st, struct dst *dst)
{
	ip_addr_t source;
	const ip_addr_t *any = dst->ip6 ? IP6_ADDR_ANY : IP4_ADDR_ANY;
	struct netif *netif = NULL;
	if (dst->is_default) {
		netif = stack_route(any, &dst->remote, &source);
		dst->is_default = netif != NULL && ip_addr_eq(&source, &dst->source);
	}
	if (!dst->is_default)
		netif = stack_route(&dst->source, &dst->remote, &source);
	if (netif == NULL)
		return false;
	dst->nif = nif_of(netif);
	return stack_may_send_from(st, &dst->source);
}

void dst_refresh(struct stack *st, struct dst *dst)
{
	bool known = route(st, dst) && (dst->ip6 ? resolve6(dst) : resolve4(dst));
	dst->mtu = dst_mtu(dst);
	dst->resolved = known;
	dst->generation = st->dsts.generation;
	dst->check_ms = known ? st->now_ms + DST_CHECK_MS : 0;
	/* What is larger must not be refused when the path MTU is forgotten. */
	uint64_t mtu_ms = (uint64_t)dst->pmtu_until << DST_TICK_SHIFT;
	if (dst->mtu < interface_mtu(dst) && dst->check_ms > mtu_ms)
		dst->check_ms = mtu_ms;
}

/* Holding */

static struct dst *make(struct stack *st, uint32_t hash, struct netif *netif,
	const ip_addr_t *source, const ip_addr_t *remote)
{
	struct dst *dst = add(st, hash);
	if (dst == NULL)
		return NULL;
	dst->nif = nif_of(netif);
	dst->source = *source;
	dst->remote = *remote;
	dst->ip6 = IP_IS_V6(remote);
	TAILQ_INSERT_TAIL(&st->dsts.unused, dst, unused);
	st->dsts.unused_count++;
	return dst;
}

/* Finds out which source there is, then looks for the entry of the two. */
static int find_by_route(struct stack *st, uint32_t hash, const ip_addr_t *local,
	const ip_addr_t *remote, struct dst **out)
{
	ip_addr_t source;
	struct netif *netif = stack_route(local, remote, &source);
	if (netif == NULL)
		return -ENETUNREACH;
	*out = find(&st->dsts, hash, &source, remote);
	if (*out == NULL)
		*out = make(st, hash, netif, &source, remote);
	if (*out == NULL)
		return -ENOBUFS;
	if (ip_addr_isany(local))
		(*out)->is_default = true;
	return 0;
}

int dst_get(struct stack *st, const ip_addr_t *local, const ip_addr_t *remote, ip_addr_t *source,
	struct dst **out)
{
	stack_enter(st);
	bool any = ip_addr_isany(local);
	if (any)
		local = IP_IS_V6(remote) ? IP6_ADDR_ANY : IP4_ADDR_ANY;
	if (IP_IS_V6(local) != IP_IS_V6(remote) || ip_addr_isany(remote))
		return -ENETUNREACH;
	uint32_t hash = hash_of(&st->dsts, remote);
	struct dst *dst = find(&st->dsts, hash, any ? NULL : local, remote);
	/* An older one may have lost its route, or its place as the default. */
	if (dst == NULL || dst->generation != st->dsts.generation) {
		int error = find_by_route(st, hash, local, remote, &dst);
		if (error != 0)
			return error;
	}
	dst_hold(dst);
	if (dst->refs == 1)
		take_off_unused(&st->dsts, dst);
	if (source != NULL)
		*source = dst->source;
	*out = dst;
	return 0;
}

void dst_hold(struct dst *dst)
{
	dst->refs++;
}

void dst_put(struct stack *st, struct dst *dst)
{
	struct dst_cache *cache = &st->dsts;
	if (dst == NULL || --dst->refs > 0)
		return;
	TAILQ_INSERT_TAIL(&cache->unused, dst, unused);
	if (++cache->unused_count > DST_UNUSED_MAX)
		recycle(cache);
}

struct nif *dst_nif(const struct dst *dst)
{
	return dst->nif;
}

/* The path MTU */

static bool pmtu_is_old(const struct dst *dst)
{
	return (int32_t)(tick_of(dst->nif->stack) - dst->pmtu_until) >= 0;
}

uint16_t dst_mtu(const struct dst *dst)
{
	uint16_t mtu = interface_mtu(dst);
	if (__builtin_expect(dst->pmtu == 0, 1) || dst->pmtu >= mtu || pmtu_is_old(dst))
		return mtu;
	return dst->pmtu;
}

bool dst_is_resolved(const struct dst *dst)
{
	return dst->resolved;
}

bool dst_may_split(const struct dst *dst)
{
	return dst->may_split && !pmtu_is_old(dst);
}

void dst_set_mtu(struct stack *st, struct dst *dst, uint16_t mtu)
{
	uint16_t least = dst->ip6 ? DST_MTU_MIN6 : DST_MTU_MIN4;
	dst->may_split = !dst->ip6 && mtu < least;
	if (mtu < least)
		mtu = least;
	dst->pmtu = mtu;
	dst->check_ms = 0; /* for dst->mtu */
	dst->pmtu_until = tick_of(st) + (uint32_t)(DST_MTU_AGE_NS / 1000000u >> DST_TICK_SHIFT);
}

void dst_lower_mtu(struct stack *st, const ip_addr_t *source, const ip_addr_t *remote, uint16_t mtu)
{
	struct dst *dst = find(&st->dsts, hash_of(&st->dsts, remote), source, remote);
	if (dst != NULL && mtu < dst_mtu(dst)) /* RFC 8201 4: never raised by ICMP */
		dst_set_mtu(st, dst, mtu);
}

/* IPv4 has nothing of the kind: an ARP entry is confirmed by ARP. */
void dst_confirm(struct stack *st, struct dst *dst)
{
	uint16_t tick = (uint16_t)tick_of(st);
	if (!dst->ip6 || dst->confirm_tick == tick)
		return;
	dst->confirm_tick = tick;
	nd6_reachability_hint(ip_2_ip6(&dst->remote));
}
