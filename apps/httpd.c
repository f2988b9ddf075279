/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/httpd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "apps/pattern.h"

#define S         1000000000LL
#define IDLE_NS   (60 * S)
#define LINGER_NS (300 * S) /* for a slow peer to take the end of its last response */
#define EVENTS    64

static struct httpd_options own = {
	.root = ".",
	.connections = 10000,
	.max_body = UINT64_C(1) << 40,
	.tls_options.protocol = "http/1.1",
};

static const struct option_row rows[] = {
	{.name = "root",
		.argument = "DIR",
		.kind = OPTION_TEXT,
		.offset = offsetof(struct httpd_options, root),
		.fallback = ".",
		.text = "folder whose files are served"},
	APP_PORT_ROW(struct httpd_options, "80, with --cert 443", "TCP port"),
	APP_CONNECTIONS_ROW(struct httpd_options, 8000000, "10000", "connections"),
	{.name = "max-body",
		.argument = "N",
		.kind = OPTION_NUMBER,
		.unit = "bytes",
		.max = UINT64_C(1) << 40,
		.offset = offsetof(struct httpd_options, max_body),
		.fallback = "1099511627776",
		.text = "largest upload"},
	APP_TLS_ROWS(struct httpd_options, tls_options),
};

/* ---- Options ----------------------------------------------------------------------------- */

/* A connection has two sockets then, one above the other. */
static int check_tls(struct app *app)
{
	bool secure = own.tls_options.certificate != NULL || own.tls_options.key != NULL;

	if (own.port == 0)
		own.port = secure ? 443 : 80;
	own.sockets = secure ? 2 * own.connections : own.connections;
	return secure ? app_tls_create(app, &own.tls_options, &own.tls) : APP_OK;
}

static int check(struct app *app)
{
	struct rlimit files;
	int result = check_tls(app);

	if (result != APP_OK)
		return result;
	own.root_fd = open(own.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (own.root_fd < 0) {
		app_error(app, "--root %s: %s; name a folder that can be read", own.root,
			app_reason(-errno));
		return APP_BAD_INPUT;
	}
	/* One descriptor for each file being sent. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	httpd_request_limits();
	pattern_init();
	return APP_OK;
}

static void describe(const struct app *app, char *text, size_t size)
{
	snprintf(text, size, "serving %s", own.root);
}

/* ---- A thread ---------------------------------------------------------------------------- */

static void init(struct httpd_server *server, struct app_thread *thread)
{
	*server = (struct httpd_server){
		.thread = thread,
		.options = &own,
		.connections =
			{
				.clients.size = sizeof(struct httpd_connection),
				.server = server,
				.max = (unsigned)own.connections,
				.idle_ns = IDLE_NS,
				.begin = httpd_connection_begin,
				.step = httpd_connection_step,
				.end = httpd_connection_end,
			},
	};
	thread->state = server;
}

static int start(struct app_thread *thread)
{
	struct rws_options options = app_listen_options(thread->app);
	struct httpd_server *server = malloc(sizeof(*server));
	uint16_t port = (uint16_t)own.port;
	int result = -ENOMEM;

	options.linger_ns = LINGER_NS;
	if (server != NULL) {
		init(server, thread);
		result = app_connections_open(&server->connections, thread, port, &options);
	}
	if (result == 0)
		return APP_OK;
	app_error(thread->app, "TCP port %u: %s", port, app_reason(result));
	return APP_BAD_INPUT;
}

static int serve(struct app_thread *thread)
{
	struct httpd_server *server = thread->state;
	struct rws_event events[EVENTS];

	while (!thread->stop) {
		int n = rws_selector_select(thread->selector, events, EVENTS,
			app_connections_deadline(&server->connections));

		for (int i = 0; i < n; i++) {
			struct app_connection *connection = app_connection_of(&events[i]);

			if (connection != NULL)
				app_connection_run(connection);
		}
		app_connections_turn(&server->connections);
	}
	return APP_OK;
}

static void finish(struct app_thread *thread)
{
	struct httpd_server *server = thread->state;

	if (server == NULL)
		return;
	app_connections_close(&server->connections);
	free(server);
}

int main(int argc, char **argv)
{
	static const struct app_program program = {
		.options =
			{
				.program = "rws-httpd",
				.summary = "serves files over HTTP/1.1",
				.rows = rows,
				.row_count = sizeof(rows) / sizeof(rows[0]),
				.own = &own,
				.notes =
					"Besides files:\n"
					"  GET /bytes/N          N bytes, up to 2^40\n"
					"  PUT or POST /upload   answers length and SHA-256 of the body\n"
					"  GET /stats            counters of the stack\n" PATTERN_TEXT
					"A head longer than 16 KiB gets 431, a URL longer than 2 KiB 414. "
					"A Range or a condition on\nthe version too long to be kept is "
					"ignored where HTTP allows that, else it gets 431, too.\n",
			},
		.check = check,
		.start = start,
		.serve = serve,
		.finish = finish,
		.describe = describe,
		.connections = &own.sockets,
		.port = &own.port,
	};

	int status = app_main(&program, argc, argv);
	app_tls_destroy(own.tls);
	return status;
}
