/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A channel pair between one selector and one stack core: two single-producer single-consumer
 * rings of fixed messages, requests down and events up.
 *
 * Called from api/selector.c and api/socket*.c on the application's side, from api/core.c and
 * api/endpoint.c on the stack core's. Calls rte_ring.
 *
 * Theory of operation
 * -------------------
 * The same rings serve both placements: with RWS_INLINE producer and consumer are one thread.
 *
 * No message is ever lost for want of room, and neither side blocks: what there is to say is state
 * of the socket (or of the connection) that says it, and a full ring leaves that on the sender's
 * dirty list until the next turn. Bytes are bounded by credits: towards the application by the
 * receive window, towards the stack by the socket's send buffer.
 *
 * A message names both ends: `ep` is the stack core's struct endpoint, `sock` the application's
 * struct sock; each side follows only its own pointer; to the application `ep` of an event is a name
 * that tells the endpoints of one sock apart (api/host.h). They meet and part in this order, which the
 * rings keep:
 *
 *   application opens:  REQ_CONNECT, REQ_LISTEN or REQ_UDP_OPEN (ep, sock) -> EV_OPENED (sock)
 *   stack accepts:      EV_ACCEPTED (listener's sock, new ep) -> REQ_ADOPT (ep, sock)
 *   the end:            REQ_RELEASE (ep): the application never names ep again
 *                       -> EV_RELEASED (sock): the stack core never names sock again
 *
 * Between ADOPT (or OPENED) and RELEASE any request and event may come; after EV_ERROR requests are
 * still allowed and do nothing. The stack core frees the endpoint at RELEASE, the application its
 * sock at RELEASED. A REQ_RELEASE on a live connection is conn_close: send all, FIN, linger in
 * the stack.
 */
#ifndef RWS_CHAN_H
#define RWS_CHAN_H

#include <stdbool.h>
#include <stdint.h>

#include "api/rws.h"
#include "lwip/ip_addr.h"
#include "lwip/pbuf.h"
#include "stack/base/fault.h"

struct core;
struct endpoint;
struct sock;

enum chan_request {
	REQ_CONNECT,  /* ep, sock, setup */
	REQ_LISTEN,   /* ep, sock, setup */
	REQ_UDP_OPEN, /* ep, sock, setup */
	REQ_ADOPT,    /* ep, sock: an accepted connection has its socket; its events begin */
	REQ_SEND,     /* ep, p: TCP payload chain to send; tot_len need not be set beyond 65,535 */
	REQ_SEND_TO, /* ep, p, remote, local: one datagram; remote of family 0: the connected peer */
	/*
	 * ep, length: bytes consumed, p: chain to free, may be NULL. Without ep: only p, which
	 * crossed REQ_RELEASE on its way up.
	 */
	REQ_RECVED,
	REQ_WANT,     /* ep: the application waits for more bytes than it has */
	REQ_SHUTDOWN, /* ep: FIN behind all that was sent */
	REQ_ABORT,    /* ep: RST; REQ_RELEASE still follows */
	REQ_RELEASE,  /* ep */
	REQ_OPTIONS,  /* ep, setup: new options of an open one; answered by EV_OPTIONS */
	REQ_JOIN,     /* ep, address, count: group and interface; answered by EV_OPTIONS */
	REQ_LEAVE,    /* the same */
};

enum chan_event {
	EV_OPENED, /* sock, error; the local address of ep's connection is valid when error is 0 */
	EV_CONNECTED, /* sock */
	EV_ACCEPTED,  /* sock of the listener; ep, both addresses of its connection are valid */
	EV_DATA,      /* sock, p, length: in-order payload chain; the application owns it */
	EV_FIN,       /* sock: behind all EV_DATA */
	/*
	 * sock, length: bytes acknowledged, buffers: those with CONN_COUNTED that are free with them,
	 * count: conn_send_buffer; for UDP length: payload bytes given to the device.
	 */
	EV_ACKED,
	EV_SENT,      /* sock: after REQ_SHUTDOWN all bytes and the FIN were sent */
	EV_FIN_ACKED, /* sock: and acknowledged */
	EV_ERROR,    /* sock, error: TCP: dead, EV_DATA before it holds; UDP: ICMP error, goes on */
	EV_DATAGRAM, /* sock, p, remote, local: the application owns p */
	EV_DROPPED,  /* sock, length: datagrams lost since the last one for want of room */
	EV_RELEASED, /* sock */
	EV_OPTIONS, /* sock, error: the answer to REQ_OPTIONS, JOIN and LEAVE, unless EV_RELEASED comes instead */
};

struct chan_message {
	uint16_t kind;       /* enum chan_request or enum chan_event */
	uint8_t local_scope; /* with local, as in struct rws_address */
	union {
		/* REQ_SEND_TO and EV_DATAGRAM, whose length is p->tot_len: the ends, of one family. */
		struct {
			struct rws_address remote;
			uint8_t local[16]; /* as in struct rws_address; zeros: the stack chooses */
		};
		struct {
			union {
				int32_t error;    /* negative errno or 0 */
				uint32_t buffers; /* EV_ACKED */
			};
			uint32_t length;
			uint32_t
				count; /* REQ_RECVED: datagrams consumed; EV_ACKED; REQ_JOIN, REQ_LEAVE */
			ip_addr_t address;
		};
	};
	struct endpoint *ep;
	struct sock *sock;
	union {
		struct pbuf *p;
		const struct endpoint_setup *setup; /* sender's until EV_OPENED or EV_OPTIONS */
	};
};

_Static_assert(sizeof(struct chan_message) <= 64, "one message is one cache line");

#define CHAN_SLOTS 4096u /* messages in each direction, a power of two */
#define CHAN_BATCH 32u

struct chan;

/* One pair, for one selector and one core. memory: rings come from rte_malloc. */
int chan_create(struct chan **chan, struct fault *fault);
void chan_free(struct chan *chan);

/*
 * Application's side. Messages are seen by the core at chan_publish, at the latest when 32 wait.
 * chan_publish returns whether any were since it was called last: then the core is to be woken.
 */
bool chan_post(
	struct chan *chan, const struct chan_message *message); /* false: full, try next turn */
unsigned chan_post_room(const struct chan *chan); /* chan_post takes at least that many */
bool chan_publish(struct chan *chan);
unsigned chan_reap(struct chan *chan, struct chan_message *out, unsigned n);
bool chan_events_waiting(const struct chan *chan);

/* Stack core's side, the same the other way round. */
bool chan_emit(struct chan *chan, const struct chan_message *message);
bool chan_flush(struct chan *chan);
unsigned chan_fetch(struct chan *chan, struct chan_message *out, unsigned n);
bool chan_requests_waiting(const struct chan *chan);
unsigned chan_emit_room(const struct chan *chan); /* chan_emit takes at least that many */

#endif
