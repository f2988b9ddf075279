/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A UDP socket (RFC 768) as the socket above sees it. All calls and fields belong to the stack's
 * thread.
 */
#ifndef RWS_DGRAM_H
#define RWS_DGRAM_H

#include "stack/stack.h"

enum {
	DGRAM_EV_READABLE = 1 << 0, /* dgram_next has one */
	DGRAM_EV_ERROR = 1 << 1,    /* ready.error: an ICMP error for a connected socket; goes on */
};

struct dgram {
	struct ready ready; /* first member; kind READY_DGRAM */
	struct stack *stack;
	ip_addr_t local, remote; /* remote: any while not connected */
	uint16_t local_port, remote_port;
	uint32_t rx_bytes, rx_count; /* waiting */
	uint64_t rx_dropped;         /* for want of room; the oldest are kept */
};

#define DGRAM_RECEIVE_BYTES (1024u * 1024u)
#define DGRAM_RECEIVE_COUNT 1024u

struct dgram_options {
	uint8_t tos, ttl;       /* as in struct conn_options */
	uint8_t multicast_ttl;  /* of what goes to a group; 0 for 1 (RFC 1112 6.1, RFC 3493 5.2) */
	bool no_multicast_loop; /* what goes to a group is not for this host's members */
	bool broadcast;         /* may send to broadcast addresses */
	bool reuse_address, reuse_port;
	uint32_t receive_bytes; /* payload that may wait, 0 for DGRAM_RECEIVE_BYTES */
	uint32_t receive_count; /* datagrams that may wait, 0 for DGRAM_RECEIVE_COUNT */
};

#define DGRAM_PAYLOAD_MAX 65507u /* RFC 768 and 791: 65,535 less 20 less 8 */

/*
 * Binds; port 0 picks a free one (RFC 6056). remote may be NULL, else the socket is connected
 * and takes datagrams from that peer only. 0, or -EADDRINUSE, -EADDRNOTAVAIL, -ENETUNREACH,
 * -EINVAL, -ENOBUFS.
 */
int dgram_open(struct stack *st, const ip_addr_t *local, uint16_t local_port,
	const ip_addr_t *remote, uint16_t remote_port, const struct dgram_options *options,
	struct dgram **dgram);

/* One received datagram: the payload chain, owner: the taker, who sent it, and where to. */
struct dgram_rx {
	struct pbuf *payload; /* tot_len may be 0 */
	ip_addr_t from, to;   /* to: an address of ours, a group's or a broadcast one */
	uint16_t from_port;
};
bool dgram_next(struct dgram *dgram, struct dgram_rx *rx);

/*
 * Sends one datagram, fragmented where it must be; owns payload from here on, whatever comes of
 * it. to may be NULL on a connected socket. 0, or -EMSGSIZE, -EACCES (broadcast without the
 * option), -EISCONN (another address than the connected one), -EDESTADDRREQ, -ENETUNREACH,
 * -ENOBUFS. What is sent to an address of this host reaches sockets of this stack only;
 * -ECONNREFUSED when a connected socket's peer would be here and is not.
 */
int dgram_send(struct dgram *dgram, struct pbuf *payload, const ip_addr_t *to, uint16_t to_port);

/*
 * The same from an address of the caller's choice, as RFC 1122 4.1.3.5 has servers answer; any, or
 * one that was received to and cannot be sent from (a group's, a broadcast one): as dgram_send.
 * -EADDRNOTAVAIL for one that is not ours, not the socket's, or not of the zone that `to` is in.
 */
int dgram_send_from(struct dgram *dgram, struct pbuf *payload, const ip_addr_t *from,
	const ip_addr_t *to, uint16_t to_port);

/* Changes tos, ttl, broadcast and what is of multicast; all else is as it was opened. */
void dgram_set_options(struct dgram *dgram, const struct dgram_options *options);

/*
 * Joins or leaves a multicast group (RFC 1112, RFC 3376 and RFC 2710 hosts) on the interface that was
 * added as the nif-th, or on all. The socket gets then what is sent to the group and its port there,
 * until it leaves or is closed. 0, or -EINVAL (no group, no such interface), -EADDRINUSE (a member
 * already, on one of them), -EADDRNOTAVAIL (leaving: no member), -ENOBUFS.
 */
#define DGRAM_ALL_NIFS   UINT32_MAX
#define DGRAM_GROUPS_MAX 32u /* memberships of a socket, each on one interface */
int dgram_membership(struct dgram *dgram, const ip_addr_t *group, uint32_t nif, bool join);

/*
 * The first stack is a member on behalf of another stack's sockets, whom stack_config.claim_group
 * asks for, or no longer. 0, -EINVAL (no group) or -ENOBUFS. release: of one that is held.
 */
int dgram_hold_group(struct nif *nif, const ip_addr_t *group);
void dgram_release_group(struct nif *nif, const ip_addr_t *group);

/*
 * Takes a datagram to that port that another stack of this host sent: to a group on the interface,
 * or to an address of ours (stack_config.share). Owns its payload from here on.
 */
void dgram_input_shared(
	struct stack *st, struct nif *nif, const struct dgram_rx *datagram, uint16_t port);

/* Frees it with all that waits; the pointer is dead on return. */
void dgram_close(struct dgram *dgram);

#endif
