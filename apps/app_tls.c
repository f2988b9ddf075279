/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/app_tls.h"

#include <rws_tls.h>

int app_tls_create(
	const struct app *app, const struct app_tls_options *options, struct rws_tls **tls)
{
	struct rws_tls_config config;
	struct rws_error error;

	if ((options->certificate == NULL) != (options->key == NULL)) {
		app_error(app, "%s is missing; a certificate and its key go together",
			options->certificate == NULL ? "--cert" : "--key");
		return APP_BAD_INPUT;
	}
	rws_tls_config_init(&config);
	config.certificate_file = options->certificate;
	config.key_file = options->key;
	config.ca_file = options->trusted;
	config.trust_anybody = options->trust_anybody;
	config.alpn = &options->protocol;
	config.alpn_count = options->protocol != NULL;
	if (rws_tls_create(&config, tls, &error) == 0)
		return APP_OK;
	app_error(app, "%s", error.text);
	return APP_BAD_INPUT;
}

void app_tls_destroy(struct rws_tls *tls)
{
	rws_tls_destroy(tls);
}

static int take(rws_socket_t *socket, rws_socket_t upper, int result)
{
	if (result != 0)
		rws_dispose(*socket);
	*socket = result == 0 ? upper : RWS_NONE;
	return result;
}

int app_tls_server(struct rws_tls *tls, rws_socket_t *socket)
{
	rws_socket_t upper = RWS_NONE;
	int result = rws_tls_server(tls, *socket, &upper);

	return take(socket, upper, result);
}

int app_tls_client(struct rws_tls *tls, const char *server_name, rws_socket_t *socket)
{
	rws_socket_t upper = RWS_NONE;
	int result = rws_tls_client(tls, *socket, server_name, &upper);

	return take(socket, upper, result);
}
