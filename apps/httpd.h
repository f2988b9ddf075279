/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rws-httpd: what its files share.
 *
 *   httpd.c             options, listener, the loop, idle time
 *   httpd_connection.c  one connection: read a request, send a response, again
 *   httpd_request.c     the request as it is parsed
 *   httpd_target.c      what a request is answered with
 *   httpd_response.c    the head of the response
 *   httpd_body.c        the bytes of its body
 */
#ifndef RWS_APPS_HTTPD_H
#define RWS_APPS_HTTPD_H

#include <nettle/sha2.h>
#include <rws.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "apps/app.h"
#include "apps/app_tls.h"
#include "apps/httpd_request.h"
#include "apps/httpd_response.h"

struct httpd_options {
	const char *root;
	uint64_t port;
	uint64_t connections; /* at most, each thread */
	uint64_t max_body;    /* bytes of an upload */
	int root_fd;
	struct app_tls_options tls_options;
	struct rws_tls *tls; /* NULL: plain HTTP */
	uint64_t sockets;    /* that the connections need, each thread's */
};

TAILQ_HEAD(connection_list, httpd_connection);

/* One thread's. */
struct httpd_server {
	struct app_thread *thread;
	const struct httpd_options *options;
	rws_socket_t listener;
	unsigned connection_count;
	struct connection_list by_activity; /* longest idle first */
	struct connection_list ended;       /* freed once their events are behind us */
};

struct upload {
	struct sha256_ctx hash;
	uint64_t length;
};

enum connection_state { CONNECTION_READING, CONNECTION_SENDING, CONNECTION_ENDED };

struct httpd_connection {
	struct httpd_server *server;
	enum connection_state state;
	TAILQ_ENTRY(httpd_connection) activity_link; /* by_activity, then ended */
	int64_t active_ns;                           /* when it last got on */
	size_t room_empty; /* room of the write channel when nothing is under way in it */
	size_t room_seen;  /* and when it last got on */

	rws_socket_t socket;
	rws_channel_t in, out;

	struct httpd_request request;
	struct upload upload;
	struct httpd_response response;
	size_t head_length, head_sent;
	char head[RESPONSE_HEAD_MAX];
};

/* httpd_connection.c: takes an accepted socket over; -ENOMEM disposes it. */
int httpd_connection_open(struct httpd_server *server, rws_socket_t socket);

/* Goes on until it has to wait or ends. */
void httpd_connection_run(struct httpd_connection *connection);

/* It got on: its idle time begins anew. */
void httpd_connection_touch(struct httpd_connection *connection);

/* Ends it. The library sends what was written, then FIN. */
void httpd_connection_end(struct httpd_connection *connection);

/* httpd_target.c: decides the answer; leaves response->status 0 for an upload to be read first. */
void httpd_route(const struct httpd_server *server, const struct httpd_request *request,
	struct httpd_response *response);

#endif
