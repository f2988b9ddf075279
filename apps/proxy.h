/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rws-proxy: what its files share.
 *
 *   proxy.c          options, listener, the loop, counters
 *   proxy_pair.c     one client and its backend, spliced
 *   proxy_backend.c  which backend
 */
#ifndef RWS_APPS_PROXY_H
#define RWS_APPS_PROXY_H

#include <rws.h>
#include <stdint.h>
#include <sys/queue.h>

#include "apps/app.h"
#include "apps/app_accept.h"
#include "apps/proxy_backend.h"

struct proxy_options {
	uint64_t port;
	uint64_t connections; /* of clients, at most, each thread */
	uint64_t buffer;      /* bytes on the way, each direction of a connection */
	uint64_t connect_timeout, fail_timeout;
	uint64_t idle_timeout; /* these three in seconds; 0: none */
	struct rws_address backends[PROXY_BACKENDS];
	unsigned backend_count;
};

/* One thread's. */
struct proxy_counters {
	uint64_t accepted, finished, reset, refused, idle;
	uint64_t bytes_up, bytes_down;
};

TAILQ_HEAD(proxy_pairs, proxy_pair);

/* One thread's. */
struct proxy_server {
	struct app_clients clients; /* first member */
	struct app_thread *thread;
	const struct proxy_options *options;
	struct proxy_backends backends;
	struct proxy_pairs connecting, spliced; /* soonest due first */
	struct proxy_counters counters;
	bool is_refusing; /* and has said so */
};

enum pair_state { PAIR_CONNECTING, PAIR_SPLICED, PAIR_ENDED };

struct proxy_pair {
	struct app_client base; /* first member */
	struct proxy_server *server;
	enum pair_state state;
	TAILQ_ENTRY(proxy_pair) link; /* connecting or spliced */
	int64_t due;                  /* when proxy_pair_due is to look at it */
	rws_socket_t client, backend;
	int backend_index;
	uint64_t tried; /* backends, a bit for each */

	rws_channel_t up, down; /* from the client, and to it */
	unsigned jobs_left;     /* directions of sockets that are not done: 4 to 0 */
	uint64_t moved;         /* bytes into and out of both channels when last looked at */
	int64_t moved_ns;       /* when more of them were seen than before */
};

/* Takes an accepted socket over and looks for a backend, as app_accept.h asks for. */
void proxy_pair_open(struct app_clients *clients, struct app_client *base, rws_socket_t client);

void proxy_pair_event(struct proxy_pair *pair, const struct rws_event *event);

/* The time in `due` has come: connecting took too long, or it may be idle. */
void proxy_pair_due(struct proxy_pair *pair, int64_t now);

/* Ends it with RST both ways: a stream that was cut must not look complete. */
void proxy_pair_abort(struct proxy_pair *pair, int cause);

#endif
