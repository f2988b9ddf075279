/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/echo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define EVENTS 64

struct echo_options {
	uint64_t port;
	uint64_t connections;
};

/* One thread's. */
struct echo_server {
	struct app_connections tcp;
	struct echo_udp udp;
};

static struct echo_options own = {.port = 7, .connections = 10000};

static const struct option_row rows[] = {
	APP_PORT_ROW(struct echo_options, "7", "TCP and UDP port"),
	APP_CONNECTIONS_ROW(struct echo_options, 8000000, "10000", "TCP connections"),
};

static int start(struct app_thread *thread)
{
	struct echo_server *server = calloc(1, sizeof(*server));
	uint16_t port = (uint16_t)own.port;
	int result = -ENOMEM;

	if (server != NULL) {
		thread->state = server;
		server->tcp.max = (unsigned)own.connections;
		result = echo_tcp_open(&server->tcp, thread, port);
	}
	if (result == 0)
		result = echo_udp_open(&server->udp, thread, port);
	if (result == 0)
		return APP_OK;
	app_error(thread->app, "port %u: %s", port, app_reason(result));
	return APP_BAD_INPUT;
}

static int serve(struct app_thread *thread)
{
	struct echo_server *server = thread->state;
	struct rws_event events[EVENTS];

	while (!thread->stop) {
		int n = rws_selector_select(thread->selector, events, EVENTS, RWS_FOREVER);

		for (int i = 0; i < n; i++) {
			struct app_connection *connection = app_connection_of(&events[i]);

			if (connection != NULL)
				echo_tcp_event(connection, &events[i]);
			else if (events[i].handle == server->udp.socket)
				echo_udp_run(&server->udp);
		}
		app_connections_turn(&server->tcp);
	}
	return APP_OK;
}

static void finish(struct app_thread *thread)
{
	struct echo_server *server = thread->state;

	if (server == NULL)
		return;
	echo_udp_close(&server->udp);
	app_connections_close(&server->tcp);
	free(server);
}

static void describe(const struct app *app, char *text, size_t size)
{
	snprintf(text, size, "serving echo over TCP and UDP");
}

int main(int argc, char **argv)
{
	static const struct app_program program = {
		.options =
			{
				.program = "rws-echo",
				.summary = "sends back what it gets, over TCP and UDP (RFC 862)",
				.rows = rows,
				.row_count = sizeof(rows) / sizeof(rows[0]),
				.own = &own,
			},
		.start = start,
		.serve = serve,
		.finish = finish,
		.describe = describe,
		.connections = &own.connections,
		.port = &own.port,
	};

	return app_main(&program, argc, argv);
}
