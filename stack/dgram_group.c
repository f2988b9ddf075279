/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memberships of UDP sockets in multicast groups. lwIP counts how many there are of a group on an
 * interface, and speaks IGMP and MLD for the first and the last.
 *
 * Called from the socket above and from dgram*.c; calls lwIP's IGMP and MLD.
 */
#include <errno.h>

#include "lwip/igmp.h"
#include "lwip/mld6.h"
#include "stack/dgram_internal.h"
#include "stack/nif_internal.h"

static bool is_same_group(const ip_addr_t *a, const ip_addr_t *b)
{
	if (IP_GET_TYPE(a) != IP_GET_TYPE(b))
		return false;
	return IP_IS_V6(a) ? ip6_addr_zoneless_eq(ip_2_ip6(a), ip_2_ip6(b))
			   : ip4_addr_eq(ip_2_ip4(a), ip_2_ip4(b));
}

static struct dgram_group *find(
	const struct dgram_socket *socket, const ip_addr_t *group, const struct nif *nif)
{
	struct dgram_group *at;
	SLIST_FOREACH (at, &socket->groups, entry) {
		if (at->nif == nif && is_same_group(&at->group, group))
			return at;
	}
	return NULL;
}

bool dgram_is_member(
	const struct dgram_socket *socket, const ip_addr_t *group, const struct nif *nif)
{
	return find(socket, group, nif) != NULL;
}

static err_t tell_lwip(const struct dgram_group *member, bool join)
{
	struct netif *netif = &member->nif->netif;
	const ip_addr_t *group = &member->group;
	if (IP_IS_V6(group))
		return join ? mld6_joingroup_netif(netif, ip_2_ip6(group))
			    : mld6_leavegroup_netif(netif, ip_2_ip6(group));
	return join ? igmp_joingroup_netif(netif, ip_2_ip4(group))
		    : igmp_leavegroup_netif(netif, ip_2_ip4(group));
}

static int join_on(struct dgram_socket *socket, const ip_addr_t *group, struct nif *nif)
{
	struct stack *st = socket->dgram.stack;
	if (find(socket, group, nif) != NULL)
		return -EADDRINUSE;
	struct dgram_group *member = socket->group_count < DGRAM_GROUPS_MAX
		? arena_calloc(&st->arena, 1, sizeof(*member))
		: NULL;
	if (member == NULL)
		return -ENOBUFS;
	member->nif = nif;
	member->group = *group;
	if (tell_lwip(member, true) != ERR_OK) {
		arena_free(&st->arena, member);
		return -ENOBUFS;
	}
	SLIST_INSERT_HEAD(&socket->groups, member, entry);
	socket->group_count++;
	return 0;
}

static int leave_on(struct dgram_socket *socket, const ip_addr_t *group, struct nif *nif)
{
	struct dgram_group *member = find(socket, group, nif);
	if (member == NULL)
		return -EADDRNOTAVAIL;
	tell_lwip(member, false);
	SLIST_REMOVE(&socket->groups, member, dgram_group, entry);
	socket->group_count--;
	arena_free(&socket->dgram.stack->arena, member);
	return 0;
}

static int on_one(struct dgram_socket *socket, const ip_addr_t *group, uint32_t index, bool join)
{
	struct nif *nif = socket->dgram.stack->nifs;
	for (; nif != NULL && index > 0; index--)
		nif = nif->next;
	if (nif == NULL)
		return -EINVAL;
	return join ? join_on(socket, group, nif) : leave_on(socket, group, nif);
}

/* On all of them or, at an error, on none. */
static int join_everywhere(struct dgram_socket *socket, const ip_addr_t *group)
{
	for (struct nif *nif = socket->dgram.stack->nifs; nif != NULL; nif = nif->next) {
		int error = join_on(socket, group, nif);
		if (error == 0)
			continue;
		for (struct nif *undo = socket->dgram.stack->nifs; undo != nif; undo = undo->next)
			leave_on(socket, group, undo);
		return error;
	}
	return 0;
}

static int leave_everywhere(struct dgram_socket *socket, const ip_addr_t *group)
{
	int error = -EADDRNOTAVAIL;
	for (struct nif *nif = socket->dgram.stack->nifs; nif != NULL; nif = nif->next) {
		if (leave_on(socket, group, nif) == 0)
			error = 0;
	}
	return error;
}

int dgram_membership(struct dgram *dgram, const ip_addr_t *group, uint32_t nif, bool join)
{
	struct dgram_socket *socket = dgram_socket_of(dgram);
	ip_addr_t zoneless = *group;
	stack_enter(dgram->stack);
	if (!ip_addr_ismulticast(group))
		return -EINVAL;
	if (IP_IS_V6(group))
		ip6_addr_clear_zone(ip_2_ip6(&zoneless));
	if (nif != DGRAM_ALL_NIFS)
		return on_one(socket, &zoneless, nif, join);
	return join ? join_everywhere(socket, &zoneless) : leave_everywhere(socket, &zoneless);
}

void dgram_leave_all(struct dgram_socket *socket)
{
	struct dgram_group *member;
	while ((member = SLIST_FIRST(&socket->groups)) != NULL)
		leave_on(socket, &member->group, member->nif);
}
