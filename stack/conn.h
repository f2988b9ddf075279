/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A TCP connection or listener as the socket above sees it. This is the boundary that stays when
 * the TCP underneath changes.
 *
 *   events up:   connected, acceptable, readable, FIN, space, sent, error, closed
 *   calls down:  listen, connect, accept, send, recved, shutdown, close, abort, options
 *
 * All calls and fields belong to the stack's thread.
 */
#ifndef RWS_CONN_H
#define RWS_CONN_H

#include "stack/stack.h"

enum {
	CONN_EV_CONNECTED = 1 << 0,  /* the handshake of conn_connect is complete */
	CONN_EV_ACCEPTABLE = 1 << 1, /* listener: conn_accept has one */
	CONN_EV_READABLE = 1 << 2,   /* bytes on rxq */
	CONN_EV_FIN = 1 << 3,        /* the peer's FIN came; it stands behind all of rxq */
	CONN_EV_SPACE = 1 << 4,      /* the peer acknowledged `acked` bytes */
	CONN_EV_SENT = 1 << 5,       /* after conn_shutdown: all bytes and the FIN were sent once */
	CONN_EV_FIN_ACKED = 1 << 6,  /* after conn_shutdown: the peer acknowledged the FIN */
	CONN_EV_ERROR = 1 << 7, /* dead with ready.error as cause; what rxq holds came in order */
};

/* What pbuf.pkt_flags is of those that `counted` counts when they are given back; of others 0. */
#define CONN_COUNTED 0x1000u

struct conn {
	struct ready ready; /* first member; kind READY_CONN or READY_LISTENER */
	struct stack *stack;
	/*
	 * In-order payload without headers. The consumer takes all of it by setting rxq and
	 * rxq_last to NULL and rxq_len (bytes) to 0, and owns the chain then.
	 */
	struct pbuf *rxq, *rxq_last;
	uint32_t rxq_len;
	uint32_t acked; /* bytes acknowledged since the consumer last set it to 0 */
	uint16_t local_port, remote_port; /* host order; as local and remote */
	ip_addr_t local, remote;          /* valid from accept or connect on */
	uint32_t counted; /* pbufs with CONN_COUNTED that went with what `acked` tells of */
};

#define CONN_RECEIVE_WINDOW_MIN (8u * 1460u)
#define CONN_RECEIVE_WINDOW_MAX (8u * 1024u * 1024u)
#define CONN_TIME_MAX_MS        1000000000u /* longer times become that: the clock has 32 bits */

struct conn_options {
	uint8_t tos;        /* IPv4 ToS, IPv6 traffic class (RFC 2474), without ECN */
	uint8_t ttl;        /* time to live, hop limit; 0 for the default of 64 */
	bool no_delay;      /* no Nagle (RFC 9293 3.7.4) */
	bool keep_alive;    /* RFC 9293 3.8.4 */
	bool reuse_address; /* bind although a connection in TIME_WAIT has the address */
	bool reuse_port;    /* several listeners, one a core, on one address */
	uint16_t backlog;   /* listener: connections waiting to be accepted, 1 to 65535 */
	/* Bytes, within the two below; 0: 1 MiB, growing with what arrives in a round trip. */
	uint32_t receive_window;
	uint32_t keep_idle_ms, keep_interval_ms, keep_count; /* 0 for 2 h, 75 s, 9 */
	/* RFC 5482: unacknowledged bytes wait so long; 0: RFC 9293's R2. */
	uint32_t user_timeout_ms;
	uint16_t rto_min_ms; /* 1 to 60000; 0 for 200 */
	uint8_t syn_retries; /* SYNs sent again before giving up, 1 to 20; 0 for 7 */
	uint8_t congestion;  /* enum tcp_cc_kind; 0 for CUBIC */
	bool no_delayed_ack; /* acknowledge at once (RFC 9293 3.8.6.3 permits) */
	bool ecn;            /* offer ECN when connecting (RFC 3168); accepted always */
	bool fast_open;      /* RFC 7413: listener: take data in SYNs; connect: send it */
};

/*
 * Listens on a local address (any: IP_ANY_TYPE, both families) and port; 0 picks a free one. 0,
 * or -EADDRINUSE, -EADDRNOTAVAIL (no such address here), -ENOBUFS.
 */
int conn_listen(struct stack *st, const ip_addr_t *local, uint16_t port,
	const struct conn_options *options, struct conn **listener);

/*
 * Takes one established connection of a listener, or NULL. Until then its bytes wait on rxq. A
 * connection that died before it was taken is skipped and counted by the stack.
 */
struct conn *conn_accept(struct conn *listener);

/*
 * Starts the handshake. local may be any, local_port 0 (chosen as RFC 6056 has it). Ends with
 * CONN_EV_CONNECTED or CONN_EV_ERROR. 0, or -EADDRINUSE, -EADDRNOTAVAIL, -ENETUNREACH, -EINVAL
 * (families differ, multicast, broadcast, the local end itself), -ENOBUFS.
 */
int conn_connect(struct stack *st, const ip_addr_t *local, uint16_t local_port,
	const ip_addr_t *remote, uint16_t remote_port, const struct conn_options *options,
	struct conn **conn);

/*
 * Queues a chain, of one pbuf at least, behind what is queued; owns it from here on and gives each pbuf back when its
 * last byte was acknowledged, or with the connection. The caller bounds what is unacknowledged;
 * this takes all. The bytes must not change meanwhile. Sent at the latest by
 * stack_flush_output. Ignored (and the chain freed) after conn_shutdown or an error.
 */
void conn_send(struct conn *conn, struct pbuf *chain);

/*
 * Bytes that are worth having unacknowledged or queued: two flights of what the congestion window
 * and the peer's largest one allow, one to be repaired and one of new bytes meanwhile. 0 while
 * memory is short.
 */
uint32_t conn_send_buffer(const struct conn *conn);

/* The consumer is done with that many received bytes: the receive window grows by them. */
void conn_recved(struct conn *conn, uint32_t bytes);

/*
 * The consumer waits for more than it has got: all that there is room for is offered, be it less than
 * is worth a segment. Where windows are told in units (RFC 7323 2.2), that is less than one too much,
 * so that it is no byte too little.
 */
void conn_want(struct conn *conn);

/* FIN behind all that is queued (RFC 9293 3.10.4). Receiving goes on. Idempotent. */
void conn_shutdown(struct conn *conn);

/*
 * The socket above is done with it: no more events, `ready.user` is forgotten and the pointer is
 * dead on return. A connection sends what is queued, then FIN, discards what comes, and ends in
 * TIME_WAIT by itself, or by RST when the peer does not finish within CONN_ORPHAN_NS. A listener
 * resets those that nobody accepted.
 */
#define CONN_ORPHAN_NS (60ULL * 1000000000ULL)
void conn_close(struct conn *conn);

/* RST now, queued bytes dropped; the pointer is dead on return (RFC 9293 3.10.5). */
void conn_abort(struct conn *conn);

/* Options as they are in effect. conn_set_options returns 0, -ENOPROTOOPT or -ENOBUFS. */
int conn_set_options(struct conn *conn, const struct conn_options *options);
void conn_get_options(const struct conn *conn, struct conn_options *options);

#endif
