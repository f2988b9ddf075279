/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The stack core's end of a socket: joins a conn or dgram of the stack to the channel pair of the
 * selector that owns the socket.
 *
 * Called from api/core.c, on the stack core; endpoint_alloc from any thread. Calls stack/conn.h,
 * stack/dgram.h, api/chan.h, api/endpoint_pool.h.
 */
#ifndef RWS_ENDPOINT_H
#define RWS_ENDPOINT_H

#include <stdatomic.h>

#include "api/chan.h"
#include "stack/conn.h"
#include "stack/dgram.h"

/*
 * What the stack core keeps for a UDP socket beside its endpoint. Memory: the application's, which
 * does not look at it, until EV_RELEASED.
 */
struct dgram_account {
	struct endpoint *ep;
	uint32_t acked;              /* bytes to tell with EV_ACKED */
	uint32_t rx_bytes, rx_count; /* lent to the application */
	uint32_t rx_bytes_max, rx_count_max;
	uint64_t dropped; /* datagrams told as lost so far */
};

/* What to open; lives with the application until EV_OPENED. */
struct endpoint_setup {
	ip_addr_t local, remote;
	uint16_t local_port, remote_port;
	struct conn_options conn;
	struct dgram_options dgram;
	struct dgram_account *account; /* REQ_UDP_OPEN */
};

/*
 * Through conn or dgram the application may read the addresses of an open one from EV_OPENED or
 * EV_ACCEPTED on until it sends REQ_ABORT or REQ_RELEASE: they do not change. All else is the stack
 * core's.
 */
struct endpoint {
	struct chan *chan;
	struct sock *sock;
	union {
		struct ready *ready; /* NULL when there is none any more */
		struct conn *conn;
		struct dgram *dgram;
	};
	/* On the core's list of those with more to say than the ring took, or the list of free ones. */
	_Atomic uint32_t next;
	int16_t error;         /* EV_OPENED's or EV_OPTIONS's */
	uint16_t pending : 14; /* events not told yet, CONN_EV_* or DGRAM_EV_* */
	uint16_t listed : 1;   /* on the core's list */
	uint16_t released : 1; /* REQ_RELEASE came; EV_RELEASED is still to be told */
};

_Static_assert(sizeof(struct endpoint) == 32, "two in a cache line");

/* One from the core's pool, for the connection pair `chan`; NULL when there is none. */
struct endpoint *endpoint_alloc(struct core *core, struct chan *chan);

/* Acts on one request. */
void endpoint_request(struct core *core, const struct chan_message *request);

/* Moves the stack's news into the rings, as far as they take them. Once per turn. */
void endpoint_flush_events(struct core *core);

#endif
