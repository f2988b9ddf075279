/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connecting by name: one socket, several attempts, of which one becomes its connection (RFC 8305).
 *
 * Called from api/selector.c, api/socket_post.c, api/socket_event.c. Calls api/lookup.h.
 *
 * Theory of operation
 * -------------------
 * The socket that rws_tcp_connect_host gives is an ordinary one without an endpoint. Its struct
 * host, which it has until nothing of all this is left, runs the search and gives each attempt an
 * endpoint of its own: all on the stack core that the socket was given, all of them naming the
 * socket, so that the one that wins only has to be written into it. No byte is moved, no handle
 * changes, and a peer that speaks first finds the socket already there. Attempts as sockets of their
 * own would have to hand over an endpoint that may be receiving.
 *
 * An attempt goes WANTED -> POSTED -> the connection, or LOST -> ABORTED -> RELEASED -> GONE: what
 * api/chan.h asks for at the end of an endpoint. The struct host ends with the last of them, and the
 * socket not before it, because events still name it.
 *
 * When the next attempt begins (RFC 8305 5 and 8): the first one with the first addresses, if they
 * are of the family that goes first; else when both families are known, or after the resolution
 * delay. Each further one when those before failed, or after the attempt delay, of the other
 * family where there is one left.
 */
#ifndef RWS_HOST_H
#define RWS_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "api/block_pool.h"

#define HOSTS_MAX 1024u /* of a selector at once */

struct chan_message;
struct host;
struct rws_selector;
struct sock;

/* A selector's. */
struct hosts {
	struct block_pool pool;
	struct host *first; /* a list in both directions */
	unsigned count;
	int64_t due; /* nothing is before; INT64_MAX for never */
};

void hosts_init(struct hosts *hosts);
void hosts_fini(struct hosts *hosts);

/* Does what is due. Once a turn; returns whether there was anything. */
bool hosts_run(struct rws_selector *sel);

/* The selector closes: no search goes on. Its sockets are aborted next. */
void hosts_stop(struct rws_selector *sel);

/* Says what there is to say of s's attempts, and ends its struct host; false: the ring is full. */
bool host_post(struct sock *s);

/* Acts on a message about an attempt; false: it is about the connection. */
bool host_event(struct sock *s, const struct chan_message *message);

#endif
