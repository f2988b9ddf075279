/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sockets whose bytes go through a layer instead of a stack core: the way for a library such as
 * librws-tls to give the application an ordinary socket. Not installed; both sides are of one
 * release.
 *
 * Called from api/tls/ and, by layer_post, from api/socket_post.c. Calls api/socket.h.
 *
 * Theory of operation
 * -------------------
 * To its channels and jobs the upper socket is like any other. Where another one posts messages to
 * its stack core, this one calls `run`, and what the stack core would tell, the layer tells by the
 * calls below: there is no third kind of socket to close, to linger or to wait for.
 *
 * The layer pulls: `run` looks at what is to be sent and how much may be received, does what it can,
 * and is called again whenever the upper socket has news; of its lower side it takes care itself. It
 * ends with `free`, once the socket's context is done and no received buffer is out.
 *
 * All on the selector's thread.
 */
#ifndef RWS_LAYER_H
#define RWS_LAYER_H

#include "api/rws.h"

/* Bytes delivered and not read: beyond them the lower side waits, and with it the peer. */
#define LAYER_HELD_MAX ((size_t)64 * 1024)

struct rws_layer;
struct sock;

struct rws_layer_ops {
	void (*run)(void *user);
	/* The socket needs it no more; the struct rws_layer is gone on return. */
	void (*free)(void *user);
};

/* Whether it may have a layer above it: 0, -EINVAL (of UDP), -ENOTCONN, -EBADF, -EXDEV. */
int rws_layer_check(rws_socket_t lower);

/*
 * A socket above `lower`, which may have one; with its options and addresses, not connected yet. 0,
 * or as rws_layer_check, -ENOBUFS.
 */
int rws_layer_create(rws_socket_t lower, const struct rws_layer_ops *ops, void *user,
	struct rws_layer **layer, rws_socket_t *upper);

/* The user of an upper socket with these ops; NULL: it is none, or its layer has ended. */
void *rws_layer_user(rws_socket_t upper, const struct rws_layer_ops *ops);

/* Bytes to be sent, without a copy: how many vectors. Then: the first n of them were taken. */
int rws_layer_pending(const struct rws_layer *layer, struct iovec *iov, int n);
void rws_layer_taken(struct rws_layer *layer, size_t n);

enum {
	RWS_LAYER_END = 1 << 0,   /* no more bytes to send, and none will come */
	RWS_LAYER_ABORT = 1 << 1, /* the socket was aborted */
	RWS_LAYER_ACK = 1 << 2,   /* the peer is to acknowledge the end (rws_close_linger) */
};
unsigned rws_layer_wants(const struct rws_layer *layer);

/* Bytes that may be delivered now; and delivers at most 65,535, copied. 0 or -ENOBUFS. */
size_t rws_layer_room(const struct rws_layer *layer);
int rws_layer_deliver(struct rws_layer *layer, const void *bytes, size_t n);

/*
 * What a stack core tells, see enum chan_event. From rws_layer_connected on socket_timeout_ns is the
 * upper socket's alone, and renewed by what comes and goes below.
 */
void rws_layer_connected(struct rws_layer *layer);
void rws_layer_received_end(struct rws_layer *layer);
void rws_layer_acked(struct rws_layer *layer);
void rws_layer_ended(struct rws_layer *layer); /* all was sent, the end behind it */
void rws_layer_end_acked(struct rws_layer *layer);
void rws_layer_failed(struct rws_layer *layer, int error);

/* sock_post of an upper socket. */
bool layer_post(struct sock *s);

#endif
