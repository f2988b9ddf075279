/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rws-get: what its files share. get.c has the options, the connection and the report,
 * get_exchange.c one request and its response.
 *
 * This program waits with rws_await and its kin, one step after the other, as a client with a
 * single connection may; rws-httpd and rws-echo are the examples for many.
 */
#ifndef RWS_APPS_GET_H
#define RWS_APPS_GET_H

#include <http_parser.h>
#include <rws.h>
#include <stdbool.h>
#include <stdint.h>

#include "apps/app.h"
#include "apps/app_tls.h"
#include "apps/get_output.h"
#include "apps/url.h"

struct get_options {
	const char *output;
	const char *upload;
	uint64_t repeat;
	uint64_t timeout_s;
	uint64_t max_time_s; /* 0: none */
	struct url url;
	struct app_tls_options tls_options;
	struct rws_tls *tls; /* NULL: plain HTTP */
	int upload_fd;       /* -1 without */
	uint64_t upload_length;
};

struct exchange {
	struct app_thread *thread;
	const struct get_options *options;
	rws_socket_t socket;
	rws_channel_t in, out;
	struct get_output output;

	http_parser parser;
	bool complete;    /* the response is */
	bool last;        /* the server will not take another request */
	bool busy;        /* from connect to the last response */
	bool interrupted; /* by a signal */
	bool broken;      /* in the middle of a connect or an exchange */
	int output_error, upload_error;
	uint64_t received, sent; /* bytes of bodies, of all exchanges */
	int64_t begun_ns, next_word_ns;
	int64_t end_ns; /* --max-time is over */
};

/* When to give up unless something moves until then. */
int64_t get_deadline(const struct exchange *exchange);

/* Says which of the two times is over that `what` may take. */
void get_say_late(const struct exchange *exchange, const char *what);

/* Sends a request and receives its response. 0, or a negative errno and said. */
int get_exchange(struct exchange *exchange);

#endif
