/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * UDP sockets (RFC 768) on the inside; for stack/dgram*.c and their tests.
 *
 * Theory of operation
 * -------------------
 * A connected socket is found by the keyed hash of both its ends, in a flow table of its own; all
 * others by their port, in buckets. Of those on one port the one that names the most of the
 * destination is meant: its address, its family, none (RFC 1122 4.1.3.5 in spirit); several that
 * name the same (reuse_port) share the datagrams by the hash of the sender's end, so that one
 * sender's always meet the same socket. A broadcast goes to all on its port, what is sent to a
 * multicast group to those of them that joined it on the interface.
 *
 * A datagram for no socket is not ours to refuse: lwIP has sockets too (DHCP, DNS), and answers
 * with port unreachable.
 */
#ifndef RWS_DGRAM_INTERNAL_H
#define RWS_DGRAM_INTERNAL_H

#include <sys/queue.h>

#include "stack/base/flow_hash.h"
#include "stack/base/flow_table.h"
#include "stack/base/slab.h"
#include "stack/dgram.h"
#include "stack/dst.h"
#include "stack/ip_input.h"
#include "stack/stack_internal.h"

#define DGRAM_BUCKETS       256u
#define DGRAM_TTL           64u
#define DGRAM_MULTICAST_TTL 1u
#define UDP_HEADER          8u

/* One that waits. */
struct dgram_received {
	STAILQ_ENTRY(dgram_received) entry;
	struct dgram_rx rx;
};

/* A group that the stack is a member of on one interface. */
struct dgram_group {
	SLIST_ENTRY(dgram_group) entry; /* dgrams.groups */
	struct nif *nif;
	ip_addr_t group;  /* without zone */
	uint32_t members; /* sockets of this stack, and other stacks that this one speaks for */
};

/* A socket's membership. */
struct dgram_member {
	SLIST_ENTRY(dgram_member) entry;
	struct dgram_group *group;
};

struct dgram_socket {
	struct dgram dgram; /* first member */
	SLIST_HEAD(, dgram_member) memberships;
	uint32_t membership_count;
	STAILQ_HEAD(, dgram_received) queue;
	struct dgram_options options;
	bool connected, holds_port, listed;
	uint32_t hash;                   /* of a connected one */
	struct dst *dst;                 /* where the last datagram went; held; NULL at first */
	ip_addr_t dst_remote;            /* whom dst leads to */
	ip_addr_t dst_asked, dst_source; /* from which address: any if routing was to choose, so */
	TAILQ_ENTRY(dgram_socket) entry; /* dgrams.all */
	TAILQ_ENTRY(dgram_socket) port_entry; /* its bucket, when not connected */
};
TAILQ_HEAD(dgram_sockets, dgram_socket);

/* st->dgrams */
struct dgram_table {
	struct flow_table connected;
	struct flow_hash_key key;
	struct dgram_sockets all, port[DGRAM_BUCKETS];
	struct slab received; /* struct dgram_received */
	SLIST_HEAD(, dgram_group) groups;
};

static inline struct dgram_socket *dgram_socket_of(struct dgram *dgram)
{
	return (struct dgram_socket *)dgram;
}

/* dgram_table.c */

/* Makes a bound or connected socket known. 0, -EADDRINUSE or -ENOBUFS. */
int dgram_table_insert(struct dgram_socket *socket);
void dgram_table_remove(struct dgram_socket *socket);

/* The connected socket with these ends, or NULL. */
struct dgram_socket *dgram_find_connected(struct stack *st, const struct flow *flow);

/* The one socket that a datagram is for, or NULL. */
struct dgram_socket *dgram_find(struct stack *st, const struct flow *flow);

/*
 * The next bound socket behind `after` (NULL: the first) that a datagram to a group, or a broadcast
 * one, is for that came by nif.
 */
struct dgram_socket *dgram_find_member(struct stack *st, const struct flow *flow,
	const struct nif *nif, struct dgram_socket *after);

/* dgram_group.c */

/* Whether it joined the group there. */
bool dgram_is_member(
	const struct dgram_socket *socket, const ip_addr_t *group, const struct nif *nif);
void dgram_leave_all(struct dgram_socket *socket);

/* dgram.c */
void dgram_event(struct dgram_socket *socket, uint16_t events);
/* Queues a payload, or drops and counts it. Owns p. */
void dgram_receive(struct dgram_socket *socket, struct pbuf *p, const struct flow *flow);

/* The same with a copy, which the socket keeps; false: no memory, counted. */
bool dgram_give_copy(struct dgram_socket *socket, struct pbuf *p, const struct flow *flow);

/* dgram_output.c */
void dgram_forget_dst(struct dgram_socket *socket);

#endif
