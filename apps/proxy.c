/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/proxy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S      1000000000LL
#define EVENTS 64

static struct proxy_options own = {
	.connections = 4000,
	.buffer = 2097152,
	.connect_timeout = 5,
	.fail_timeout = 10,
	.idle_timeout = 600,
	.handshakes = 1000,
	.handshake_timeout = 10,
};

/* What each thread left when it ended; read once all have. */
static struct proxy_ended {
	struct proxy_counters counters;
	struct proxy_handshakes handshakes;
	struct proxy_backends backends;
} ended[APP_THREADS];

static int set_backend(struct options *options, const struct option_row *row, const char *value);

static const struct option_row rows[] = {
	{.name = "backend",
		.argument = "ADDRESS:PORT",
		.kind = OPTION_SET,
		.set = set_backend,
		.repeatable = true,
		.text = "server that clients are joined to, in turn with the others"},
	APP_PORT_ROW(struct proxy_options, "80, with --cert 443", "TCP port for clients"),
	/* two channels each, of those that a selector may have */
	APP_CONNECTIONS_ROW(struct proxy_options, 8192, "4000", "clients"),
	{.name = "buffer",
		.argument = "N",
		.kind = OPTION_NUMBER,
		.unit = "bytes",
		.min = 16384,
		.max = 8388608, /* a window of the library is no larger */
		.offset = offsetof(struct proxy_options, buffer),
		.fallback = "2097152",
		.text = "what may be received and not sent on, and as much sent and not acknowledged,\n"
			"                                   in each direction of a connection"},
	{.name = "connect-timeout",
		.argument = "N",
		.kind = OPTION_NUMBER,
		.unit = "seconds",
		.min = 1,
		.max = 3600,
		.offset = offsetof(struct proxy_options, connect_timeout),
		.fallback = "5",
		.text = "how long a backend may take to answer before the next one is tried"},
	{.name = "fail-timeout",
		.argument = "N",
		.kind = OPTION_NUMBER,
		.unit = "seconds",
		.min = 1,
		.max = 3600,
		.offset = offsetof(struct proxy_options, fail_timeout),
		.fallback = "10",
		.text = "how long a backend that could not be reached is left out"},
	{.name = "idle-timeout",
		.argument = "N",
		.kind = OPTION_NUMBER,
		.unit = "seconds",
		.max = 86400,
		.offset = offsetof(struct proxy_options, idle_timeout),
		.fallback = "600",
		.text = "connections that move no byte for so long are reset, at most a quarter later;\n"
			"                                   0: never"},
	APP_TLS_ROWS(struct proxy_options, tls_options),
	{.name = "handshakes",
		.argument = "N",
		.kind = OPTION_NUMBER,
		.min = 1,
		.max = 8192,
		.offset = offsetof(struct proxy_options, handshakes),
		.fallback = "1000",
		.text = "TLS handshakes at once on each thread; others wait in the backlog"},
	{.name = "handshake-timeout",
		.argument = "N",
		.kind = OPTION_NUMBER,
		.unit = "seconds",
		.min = 1,
		.max = 3600,
		.offset = offsetof(struct proxy_options, handshake_timeout),
		.fallback = "10",
		.text = "clients whose TLS handshake takes longer are reset"},
};

/* ---- Options ----------------------------------------------------------------------------- */

static int set_backend(struct options *options, const struct option_row *row, const char *value)
{
	struct rws_address address;

	if (rws_address_parse(value, &address) < 0 || address.family == 0 || address.port == 0)
		return options_reject(options,
			"--backend %s: write it as 10.0.0.1:8080 or [fd00::1]:8080", value);
	if (!options_is_station(address.family == RWS_IPV4 ? 4 : 6, address.ip))
		return options_reject(options,
			"--backend %s: not the address of one server; give a unicast address",
			value);
	for (unsigned i = 0; i < own.backend_count; i++) {
		if (rws_address_equal(&own.backends[i], &address))
			return options_reject(
				options, "--backend %s is given twice; give it once", value);
	}
	if (own.backend_count == PROXY_BACKENDS)
		return options_reject(
			options, "--backend %s: at most %u of them", value, PROXY_BACKENDS);
	own.backends[own.backend_count++] = address;
	return 0;
}

static int check(struct app *app)
{
	bool secure = own.tls_options.certificate != NULL || own.tls_options.key != NULL;

	if (own.backend_count == 0) {
		app_error(app,
			"--backend is missing; name a server, for example "
			"--backend 10.0.0.1:8080");
		return APP_BAD_INPUT;
	}
	if (own.port == 0)
		own.port = secure ? 443 : 80;
	return secure ? app_tls_create(app, &own.tls_options, &own.tls) : APP_OK;
}

static void describe(const struct app *app, char *text, size_t size)
{
	snprintf(text, size, "proxying %sto %u backend%s", own.tls != NULL ? "TLS " : "",
		own.backend_count, own.backend_count == 1 ? "" : "s");
}

/* ---- The listener ------------------------------------------------------------------------ */

static void init(struct proxy_server *server, struct app_thread *thread)
{
	server->clients.size = sizeof(struct proxy_pair);
	server->clients.open = proxy_pair_open;
	server->thread = thread;
	server->options = &own;
	server->backends.count = own.backend_count;
	server->backends.fail_timeout_ns = (int64_t)own.fail_timeout * S;
	for (unsigned i = 0; i < own.backend_count; i++)
		server->backends.each[i].address = own.backends[i];
	server->handshakes.max = (unsigned)(own.tls != NULL ? own.handshakes : own.connections);
	for (unsigned i = 0; i < PAIR_STATES; i++)
		TAILQ_INIT(&server->pairs[i]);
	thread->state = server;
}

/*
 * With buffers that grow, a few slow receivers would have half of all packet buffers wait for them,
 * and then bytes of all connections would be copied.
 */
void proxy_socket_options(const struct proxy_options *from, struct rws_options *options)
{
	options->keep_alive = true; /* a peer that vanished must not hold its place for ever */
	options->receive_buffer = options->send_buffer = (uint32_t)from->buffer;
}

static int start(struct app_thread *thread)
{
	struct rws_options options = app_listen_options(thread->app);
	struct rws_address any = {.port = (uint16_t)own.port};
	struct proxy_server *server = calloc(1, sizeof(*server));
	int result = -ENOMEM;

	proxy_socket_options(&own, &options);
	if (server != NULL) {
		init(server, thread);
		result = rws_tcp_bind(thread->selector, &any, &options, &server->clients.listener);
	}
	if (result == 0)
		return APP_OK;
	app_error(thread->app, "TCP port %u: %s", any.port, app_reason(result));
	return APP_BAD_INPUT;
}

/* ---- The loop ---------------------------------------------------------------------------- */

static void look_at_due(struct proxy_server *server, int64_t now)
{
	struct proxy_pair *pair;

	for (unsigned i = 0; i < PAIR_STATES; i++) {
		while ((pair = TAILQ_FIRST(&server->pairs[i])) != NULL && pair->due <= now)
			proxy_pair_due(pair, now);
	}
}

static int64_t next_deadline(const struct proxy_server *server)
{
	int64_t due = RWS_FOREVER;

	for (unsigned i = 0; i < PAIR_STATES; i++) {
		const struct proxy_pair *first = TAILQ_FIRST(&server->pairs[i]);

		if (first != NULL && first->due < due)
			due = first->due;
	}
	return due;
}

/* Connections beyond the limits wait in the backlog until others end. */
static unsigned places(const struct proxy_server *server)
{
	return proxy_handshake_places(
		&server->handshakes, (unsigned)own.connections - server->clients.count);
}

static int serve(struct app_thread *thread)
{
	struct proxy_server *server = thread->state;
	struct rws_event events[EVENTS];

	while (!thread->stop) {
		int n = rws_selector_select(
			thread->selector, events, EVENTS, next_deadline(server));

		for (int i = 0; i < n; i++) {
			struct proxy_pair *pair = rws_user(events[i].handle);

			if (pair != NULL)
				proxy_pair_event(pair, &events[i]);
		}
		look_at_due(server, rws_now(thread->selector));
		while (app_accept(&server->clients, places(server)) > 0)
			continue;
	}
	return APP_OK;
}

/* ---- The end ----------------------------------------------------------------------------- */

static void finish(struct app_thread *thread)
{
	struct proxy_server *server = thread->state;
	struct proxy_pair *pair;

	if (server == NULL)
		return;
	rws_dispose(server->clients.listener);
	for (unsigned i = 0; i < PAIR_STATES; i++) {
		while ((pair = TAILQ_FIRST(&server->pairs[i])) != NULL)
			proxy_pair_abort(pair, -ECANCELED);
	}
	ended[thread->index] =
		(struct proxy_ended){server->counters, server->handshakes, server->backends};
	free(server);
}

static void report_backend(const struct app *app, unsigned index)
{
	size_t at =
		offsetof(struct proxy_ended, backends.each) + index * sizeof(struct proxy_backend);
	char address[RWS_ADDRESS_TEXT], name[2][40], text[2][128];
	const struct app_counter lines[] = {
		{name[0], text[0], at + offsetof(struct proxy_backend, connections)},
		{name[1], text[1], at + offsetof(struct proxy_backend, failures)},
	};

	rws_address_format(&own.backends[index], address);
	snprintf(name[0], sizeof(name[0]), "proxy.backend%u.connections", index + 1);
	snprintf(text[0], sizeof(text[0]), "clients joined to %s", address);
	snprintf(name[1], sizeof(name[1]), "proxy.backend%u.failures", index + 1);
	snprintf(text[1], sizeof(text[1]), "attempts to reach %s that failed", address);
	app_print_sums(app, lines, 2, ended, sizeof(ended[0]));
}

#define COUNTER(name, text, member) {"proxy." name, text, offsetof(struct proxy_ended, member)}

static void report(const struct app *app)
{
	static const struct app_counter lines[] = {
		COUNTER("accepted", "clients accepted", counters.accepted),
		COUNTER("finished", "both directions ended well", counters.finished),
		COUNTER("reset", "ended by a reset of either side", counters.reset),
		COUNTER("refused", "reset for want of a backend", counters.refused),
		COUNTER("idle", "reset because no byte moved", counters.idle),
		COUNTER("bytes_up", "bytes to backends", counters.bytes_up),
		COUNTER("bytes_down", "bytes to clients", counters.bytes_down),
		COUNTER("handshakes", "TLS handshakes done", handshakes.done),
		COUNTER("handshakes_refused", "clients that do not speak TLS as we do",
			handshakes.failed[HANDSHAKE_REFUSED]),
		COUNTER("handshakes_rejected", "clients that reject our certificate",
			handshakes.failed[HANDSHAKE_REJECTED]),
		COUNTER("handshakes_late", "not done in time", handshakes.failed[HANDSHAKE_LATE]),
		COUNTER("handshakes_no_memory", "for want of memory",
			handshakes.failed[HANDSHAKE_NO_MEMORY]),
		COUNTER("handshakes_lost", "clients that went within them",
			handshakes.failed[HANDSHAKE_LOST]),
	};

	app_print_sums(app, lines, sizeof(lines) / sizeof(lines[0]), ended, sizeof(ended[0]));
	for (unsigned i = 0; i < own.backend_count; i++)
		report_backend(app, i);
}

int main(int argc, char **argv)
{
	static const struct app_program program = {
		.options =
			{
				.program = "rws-proxy",
				.summary = "joins TCP clients to backends",
				.rows = rows,
				.row_count = sizeof(rows) / sizeof(rows[0]),
				.own = &own,
				.notes = "A backend that cannot be reached is left out for a while "
					 "and the next one tried.\n"
					 "With none left the client is reset.\n"
					 "With --cert clients speak TLS, and backends plain TCP.\n",
			},
		.check = check,
		.start = start,
		.serve = serve,
		.finish = finish,
		.report = report,
		.describe = describe,
		.connections = &own.connections,
		.port = &own.port,
	};
	int status = app_main(&program, argc, argv);

	app_tls_destroy(own.tls);
	return status;
}
