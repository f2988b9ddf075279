/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rws-proxy: what its files share.
 *
 *   proxy.c            options, listener, the loop, counters
 *   proxy_pair.c       one client and its backend, spliced
 *   proxy_backend.c    which backend
 *   proxy_handshake.c  how many clients may begin TLS at once
 */
#ifndef RWS_APPS_PROXY_H
#define RWS_APPS_PROXY_H

#include <rws.h>
#include <stdint.h>
#include <sys/queue.h>

#include "apps/app.h"
#include "apps/app_accept.h"
#include "apps/app_tls.h"
#include "apps/proxy_backend.h"
#include "apps/proxy_handshake.h"

struct proxy_options {
	uint64_t port;
	uint64_t connections; /* of clients, at most, each thread */
	uint64_t buffer;      /* bytes, of each socket for each direction */
	uint64_t connect_timeout, fail_timeout;
	uint64_t idle_timeout;                  /* these three in seconds; 0: none */
	uint64_t handshakes, handshake_timeout; /* at once on each thread; seconds */
	struct rws_address backends[PROXY_BACKENDS];
	unsigned backend_count;
	struct app_tls_options tls_options;
	struct rws_tls *tls; /* NULL: clients speak plain TCP */
};

/* One thread's. */
struct proxy_counters {
	uint64_t accepted, finished, reset, refused, idle;
	uint64_t bytes_up, bytes_down;
};

enum pair_state { PAIR_HANDSHAKE, PAIR_CONNECTING, PAIR_SPLICED, PAIR_STATES };

/* Those of the sockets of clients and of backends. */
void proxy_socket_options(const struct proxy_options *from, struct rws_options *options);

TAILQ_HEAD(proxy_pairs, proxy_pair);

/* One thread's. */
struct proxy_server {
	struct app_clients clients; /* first member */
	struct app_thread *thread;
	const struct proxy_options *options;
	struct proxy_backends backends;
	struct proxy_handshakes handshakes;
	struct proxy_pairs pairs[PAIR_STATES]; /* of each state, soonest due first */
	struct proxy_counters counters;
	bool is_refusing; /* and has said so */
};

struct proxy_pair {
	struct proxy_server *server;
	enum pair_state state;
	TAILQ_ENTRY(proxy_pair) link; /* of its state's list */
	int64_t due;                  /* when proxy_pair_due is to look at it */
	rws_socket_t client, backend;
	int backend_index;
	uint64_t tried; /* backends, a bit for each */

	rws_channel_t up, down; /* from the client, and to it */
	unsigned jobs_left;     /* directions of sockets that are not done: 4 to 0 */
	uint64_t moved;         /* bytes into and out of both channels when last looked at */
	int64_t moved_ns;       /* when more of them were seen than before */
};

/* Takes an accepted socket over, as app_accept.h asks for. */
void proxy_pair_open(struct app_clients *clients, void *memory, rws_socket_t client);

void proxy_pair_event(struct proxy_pair *pair, const struct rws_event *event);

/* The time in `due` has come: what it waits for took too long, or it may be idle. */
void proxy_pair_due(struct proxy_pair *pair, int64_t now);

/* Ends and frees it, with RST both ways: a stream that was cut must not look complete. */
void proxy_pair_abort(struct proxy_pair *pair, int cause);

#endif
