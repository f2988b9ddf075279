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

#include "apps/app.h"
#include "apps/app_connections.h"
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

/* One thread's. */
struct httpd_server {
	struct app_thread *thread;
	const struct httpd_options *options;
	struct app_connections connections;
};

struct upload {
	struct sha256_ctx hash;
	uint64_t length;
};

enum connection_state { CONNECTION_READING, CONNECTION_SENDING };

struct httpd_connection {
	struct app_connection base; /* first member */
	struct httpd_server *server;
	enum connection_state state;

	struct httpd_request request;
	struct upload upload;
	struct httpd_response response;
	size_t head_length, head_sent;
	char head[RESPONSE_HEAD_MAX];
};

/* httpd_connection.c: what app_connections.h asks for. */
int httpd_connection_begin(struct app_connection *base);
int httpd_connection_step(struct app_connection *base);
void httpd_connection_end(struct app_connection *base);

/* httpd_target.c: decides the answer; leaves response->status 0 for an upload to be read first. */
void httpd_route(const struct httpd_server *server, const struct httpd_request *request,
	struct httpd_response *response);

#endif
