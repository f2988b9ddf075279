/* SPDX-License-Identifier: BSD-3-Clause */
/* Without OpenSSL there is no TLS, and the program says so. */
#include "apps/app_tls.h"

#include <errno.h>

int app_tls_create(
	const struct app *app, const struct app_tls_options *options, struct rws_tls **tls)
{
	app_error(app, "built without TLS: install libssl-dev and build again");
	return APP_BAD_INPUT;
}

void app_tls_destroy(struct rws_tls *tls)
{
}

int app_tls_server(struct rws_tls *tls, rws_socket_t *socket)
{
	return -ENOTSUP;
}

int app_tls_client(struct rws_tls *tls, const char *server_name, rws_socket_t *socket)
{
	return -ENOTSUP;
}
