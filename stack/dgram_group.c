/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memberships of UDP sockets in multicast groups. The stack counts its members of a group on an
 * interface; for the first and the last lwIP speaks IGMP and MLD, if this is the first stack, else
 * the first stack is asked to.
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

static bool is_group_on(
	const struct dgram_group *group, const ip_addr_t *address, const struct nif *nif)
{
	return group->nif == nif && is_same_group(&group->group, address);
}

/* ---- Groups of the stack ---------------------------------------------------------------- */

static err_t tell_lwip(const struct dgram_group *group, bool join)
{
	struct netif *netif = &group->nif->netif;
	const ip_addr_t *address = &group->group;
	if (IP_IS_V6(address))
		return join ? mld6_joingroup_netif(netif, ip_2_ip6(address))
			    : mld6_leavegroup_netif(netif, ip_2_ip6(address));
	return join ? igmp_joingroup_netif(netif, ip_2_ip4(address))
		    : igmp_leavegroup_netif(netif, ip_2_ip4(address));
}

static int tell_first_member(const struct dgram_group *group)
{
	struct stack *st = group->nif->stack;
	if (tell_lwip(group, true) != ERR_OK)
		return -ENOBUFS;
	int error = st->claim_group != NULL
		? st->claim_group(st->steering, group->nif, &group->group)
		: 0;
	if (error != 0)
		tell_lwip(group, false);
	return error;
}

static void tell_last_member(const struct dgram_group *group)
{
	struct stack *st = group->nif->stack;
	tell_lwip(group, false);
	if (st->release_group != NULL)
		st->release_group(st->steering, group->nif, &group->group);
}

static struct dgram_group *find_group(const struct nif *nif, const ip_addr_t *address)
{
	struct dgram_group *group;
	SLIST_FOREACH (group, &nif->stack->dgrams->groups, entry) {
		if (is_group_on(group, address, nif))
			break;
	}
	return group;
}

/* One member more; NULL without memory. */
static struct dgram_group *get_group(struct nif *nif, const ip_addr_t *address)
{
	struct stack *st = nif->stack;
	struct dgram_group *group = find_group(nif, address);
	if (group != NULL) {
		group->members++;
		return group;
	}
	group = arena_calloc(&st->arena, 1, sizeof(*group));
	if (group == NULL)
		return NULL;
	group->nif = nif;
	group->group = *address;
	group->members = 1;
	if (tell_first_member(group) != 0) {
		arena_free(&st->arena, group);
		return NULL;
	}
	SLIST_INSERT_HEAD(&st->dgrams->groups, group, entry);
	return group;
}

static void put_group(struct dgram_group *group)
{
	struct stack *st = group->nif->stack;
	if (--group->members > 0)
		return;
	tell_last_member(group);
	SLIST_REMOVE(&st->dgrams->groups, group, dgram_group, entry);
	arena_free(&st->arena, group);
}

int dgram_hold_group(struct nif *nif, const ip_addr_t *group)
{
	stack_enter(nif->stack);
	if (!ip_addr_ismulticast(group))
		return -EINVAL;
	return get_group(nif, group) != NULL ? 0 : -ENOBUFS;
}

void dgram_release_group(struct nif *nif, const ip_addr_t *group)
{
	stack_enter(nif->stack);
	struct dgram_group *held = find_group(nif, group);
	if (held != NULL)
		put_group(held);
}

/* ---- Memberships of a socket ------------------------------------------------------------ */

static struct dgram_member *find(
	const struct dgram_socket *socket, const ip_addr_t *group, const struct nif *nif)
{
	struct dgram_member *member;
	SLIST_FOREACH (member, &socket->memberships, entry) {
		if (is_group_on(member->group, group, nif))
			break;
	}
	return member;
}

bool dgram_is_member(
	const struct dgram_socket *socket, const ip_addr_t *group, const struct nif *nif)
{
	return find(socket, group, nif) != NULL;
}

static int join_on(struct dgram_socket *socket, const ip_addr_t *group, struct nif *nif)
{
	struct stack *st = socket->dgram.stack;
	if (find(socket, group, nif) != NULL)
		return -EADDRINUSE;
	struct dgram_member *member = socket->membership_count < DGRAM_GROUPS_MAX
		? arena_calloc(&st->arena, 1, sizeof(*member))
		: NULL;
	if (member == NULL)
		return -ENOBUFS;
	member->group = get_group(nif, group);
	if (member->group == NULL) {
		arena_free(&st->arena, member);
		return -ENOBUFS;
	}
	SLIST_INSERT_HEAD(&socket->memberships, member, entry);
	socket->membership_count++;
	return 0;
}

static void leave(struct dgram_socket *socket, struct dgram_member *member)
{
	put_group(member->group);
	SLIST_REMOVE(&socket->memberships, member, dgram_member, entry);
	socket->membership_count--;
	arena_free(&socket->dgram.stack->arena, member);
}

static int leave_on(struct dgram_socket *socket, const ip_addr_t *group, struct nif *nif)
{
	struct dgram_member *member = find(socket, group, nif);
	if (member == NULL)
		return -EADDRNOTAVAIL;
	leave(socket, member);
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
	struct dgram_member *member;
	while ((member = SLIST_FIRST(&socket->memberships)) != NULL)
		leave(socket, member);
}
