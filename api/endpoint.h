/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The stack core's end of a socket: joins a conn or dgram of the stack to the channel pair of the
 * selector that owns the socket.
 *
 * Called from api/core.c, on the stack core; endpoint_alloc from any thread. Calls stack/conn.h,
 * stack/dgram.h, api/chan.h.
 */
#ifndef RWS_ENDPOINT_H
#define RWS_ENDPOINT_H

#include "api/chan.h"
#include "stack/conn.h"
#include "stack/dgram.h"

/* What to open; lives with the application until EV_OPENED. */
struct endpoint_setup {
	ip_addr_t local, remote;
	uint16_t local_port, remote_port;
	struct conn_options conn;
	struct dgram_options dgram;
};

/*
 * Addresses may be read by the application from EV_OPENED, EV_CONNECTED or EV_ACCEPTED on until it
 * sends REQ_RELEASE: they do not change. All else is the stack core's.
 */
struct endpoint {
	ip_addr_t local, remote;
	uint16_t local_port, remote_port;

	struct core *core;
	struct chan *chan;
	struct sock *sock;
	union {
		struct ready *ready; /* NULL when there is none any more */
		struct conn *conn;
		struct dgram *dgram;
	};
	struct endpoint
		*pending_next; /* core's list of those with more to say than the ring took */
	uint16_t pending;      /* events not told yet, CONN_EV_* or DGRAM_EV_* */
	uint8_t kind;          /* enum ready_kind */
	bool listed;           /* on the pending list */
	bool released;         /* REQ_RELEASE came; EV_RELEASED is still to be told */
	int32_t error;
	uint32_t acked;              /* bytes to tell with EV_ACKED */
	uint64_t dropped;            /* datagrams told as lost so far */
	uint32_t rx_bytes, rx_count; /* lent to the application (UDP) */
	uint32_t rx_bytes_max, rx_count_max;
};

/* One from the core's pool, for the connection pair `chan`; NULL when there is none. */
struct endpoint *endpoint_alloc(struct core *core, struct chan *chan);

/* Acts on one request. */
void endpoint_request(struct core *core, const struct chan_message *request);

/* Moves the stack's news into the rings, as far as they take them. Once per turn. */
void endpoint_flush_events(struct core *core);

#endif
