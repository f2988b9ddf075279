/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TLS as the programs use it. Built from app_tls.c, or from app_tls_none.c where librws-tls is not.
 *
 * Called from apps/get.c, apps/httpd.c and apps/proxy.c. Calls rws_tls.h.
 */
#ifndef RWS_APPS_APP_TLS_H
#define RWS_APPS_APP_TLS_H

#include "apps/app.h"

struct rws_tls;

struct app_tls_options {
	const char *certificate, *key; /* files; NULL: none */
	const char *trusted;           /* file; NULL: the system's */
	bool trust_anybody;
	const char *protocol; /* to agree on, RFC 7301; NULL: none */
};

/* Rows of a server's options: the struct app_tls_options `member` of its struct `type`. */
#define APP_TLS_ROWS(type, member)                                                            \
	{.name = "cert",                                                                      \
		.argument = "FILE",                                                           \
		.kind = OPTION_TEXT,                                                          \
		.offset = offsetof(type, member.certificate),                                 \
		.text = "certificates in PEM, ours first: clients speak TLS; --port is then " \
			"443"},                                                               \
		{.name = "key",                                                               \
			.argument = "FILE",                                                   \
			.kind = OPTION_TEXT,                                                  \
			.offset = offsetof(type, member.key),                                 \
			.text = "key of --cert in PEM"}

/* APP_OK, or APP_BAD_INPUT and said. */
int app_tls_create(
	const struct app *app, const struct app_tls_options *options, struct rws_tls **tls);

/* tls may be NULL. */
void app_tls_destroy(struct rws_tls *tls);

/*
 * Begins TLS on a connected socket: *socket is the one above it from then on. 0, or a negative errno
 * with the socket disposed and *socket RWS_NONE.
 */
int app_tls_server(struct rws_tls *tls, rws_socket_t *socket);
int app_tls_client(struct rws_tls *tls, const char *server_name, rws_socket_t *socket);

#endif
