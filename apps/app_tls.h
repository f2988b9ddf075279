/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TLS as the programs use it. Built from app_tls.c, or from app_tls_none.c where librws-tls is not.
 *
 * Called from apps/httpd.c and apps/get.c. Calls rws_tls.h.
 */
#ifndef RWS_APPS_APP_TLS_H
#define RWS_APPS_APP_TLS_H

#include "apps/app.h"

struct rws_tls;

struct app_tls_options {
	const char *certificate, *key; /* files; NULL: none */
	const char *trusted;           /* file; NULL: the system's */
	bool trust_anybody;
};

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
