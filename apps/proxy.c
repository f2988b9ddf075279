/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/proxy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S      1000000000LL
#define EVENTS 64

static struct proxy_options own = {
	.port = 80,
	.connections = 4000,
	.buffer = 262144,
	.connect_timeout = 5,
	.fail_timeout = 10,
	.idle_timeout = 600,
};

/* What each thread left when it ended; read once all have. */
static struct proxy_ended {
	struct proxy_counters counters;
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
	{.name = "port",
		.argument = "N",
		.kind = OPTION_NUMBER,
		.min = 1,
		.max = 65535,
		.offset = offsetof(struct proxy_options, port),
		.fallback = "80",
		.text = "TCP port for clients"},
	{.name = "connections",
		.argument = "N",
		.kind = OPTION_NUMBER,
		.min = 1,
		.max = 8192, /* two channels each, of those that a selector may have */
		.offset = offsetof(struct proxy_options, connections),
		.fallback = "4000",
		.text = "clients at once on each thread; others wait in the backlog"},
	{.name = "buffer",
		.argument = "N",
		.kind = OPTION_NUMBER,
		.unit = "bytes",
		.min = 4096,
		.max = UINT64_C(1) << 30,
		.offset = offsetof(struct proxy_options, buffer),
		.fallback = "262144",
		.text = "what may be on the way in each direction of a connection"},
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
};

/* ---- Options ----------------------------------------------------------------------------- */

static bool is_one_host(const struct rws_address *address)
{
	static const uint8_t zeros[16];

	return address->family != 0 && memcmp(address->ip, zeros, sizeof(zeros)) != 0;
}

static int set_backend(struct options *options, const struct option_row *row, const char *value)
{
	struct rws_address address;

	if (rws_address_parse(value, &address) < 0 || !is_one_host(&address) || address.port == 0)
		return options_reject(options,
			"--backend %s: write it as 10.0.0.1:8080 or [fd00::1]:8080", value);
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
	if (own.backend_count == 0) {
		app_error(app,
			"--backend is missing; name a server, for example "
			"--backend 10.0.0.1:8080");
		return APP_BAD_INPUT;
	}
	return APP_OK;
}

static void describe(const struct app *app, char *text, size_t size)
{
	snprintf(text, size, "proxying to %u backend%s", own.backend_count,
		own.backend_count == 1 ? "" : "s");
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
	TAILQ_INIT(&server->connecting);
	TAILQ_INIT(&server->spliced);
	thread->state = server;
}

static int start(struct app_thread *thread)
{
	struct rws_options options = app_listen_options(thread->app);
	struct rws_address any = {.port = (uint16_t)own.port};
	struct proxy_server *server = calloc(1, sizeof(*server));
	int result = -ENOMEM;

	options.keep_alive = true; /* a peer that vanished must not hold its place for ever */
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

static void look_at_due(const struct proxy_pairs *pairs, int64_t now)
{
	struct proxy_pair *pair;

	while ((pair = TAILQ_FIRST(pairs)) != NULL && pair->due <= now)
		proxy_pair_due(pair, now);
}

static int64_t next_deadline(const struct proxy_server *server)
{
	const struct proxy_pair *connecting = TAILQ_FIRST(&server->connecting);
	const struct proxy_pair *spliced = TAILQ_FIRST(&server->spliced);
	int64_t due = RWS_FOREVER;

	if (connecting != NULL)
		due = connecting->due;
	if (spliced != NULL && spliced->due < due)
		due = spliced->due;
	return due;
}

static int serve(struct app_thread *thread)
{
	struct proxy_server *server = thread->state;
	struct rws_event events[EVENTS];

	while (!thread->stop) {
		int n = rws_selector_select(
			thread->selector, events, EVENTS, next_deadline(server));

		for (int i = 0; i < n; i++) {
			if (events[i].user != NULL)
				proxy_pair_event(events[i].user, &events[i]);
		}
		look_at_due(&server->connecting, rws_now(thread->selector));
		look_at_due(&server->spliced, rws_now(thread->selector));
		while (app_accept(&server->clients,
			       (unsigned)own.connections - server->clients.count) > 0)
			continue;
		app_free_ended(&server->clients);
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
	while ((pair = TAILQ_FIRST(&server->connecting)) != NULL ||
		(pair = TAILQ_FIRST(&server->spliced)) != NULL)
		proxy_pair_abort(pair, -ECANCELED);
	app_free_ended(&server->clients);
	ended[thread->index] = (struct proxy_ended){server->counters, server->backends};
	free(server);
}

static void sum_up(const struct app *app, struct proxy_ended *sum)
{
	for (unsigned i = 0; i < app->thread_count; i++) {
		const struct proxy_counters *counters = &ended[i].counters;

		sum->counters.accepted += counters->accepted;
		sum->counters.finished += counters->finished;
		sum->counters.reset += counters->reset;
		sum->counters.refused += counters->refused;
		sum->counters.idle += counters->idle;
		sum->counters.bytes_up += counters->bytes_up;
		sum->counters.bytes_down += counters->bytes_down;
		for (unsigned j = 0; j < own.backend_count; j++) {
			const struct proxy_backend *backend = &ended[i].backends.each[j];

			sum->backends.each[j].connections += backend->connections;
			sum->backends.each[j].failures += backend->failures;
		}
	}
}

static void report_backend(unsigned index, const struct proxy_backend *backend)
{
	char address[RWS_ADDRESS_TEXT], name[32], text[128];

	rws_address_format(&own.backends[index], address);
	snprintf(name, sizeof(name), "proxy.backend%u.connections", index + 1);
	snprintf(text, sizeof(text), "clients joined to %s", address);
	app_print_counter(name, text, backend->connections);
	snprintf(name, sizeof(name), "proxy.backend%u.failures", index + 1);
	snprintf(text, sizeof(text), "attempts to reach %s that failed", address);
	app_print_counter(name, text, backend->failures);
}

static void report(const struct app *app)
{
	struct proxy_ended sum = {0};

	sum_up(app, &sum);
	app_print_counter("proxy.accepted", "clients accepted", sum.counters.accepted);
	app_print_counter("proxy.finished", "both directions ended well", sum.counters.finished);
	app_print_counter("proxy.reset", "ended by a reset of either side", sum.counters.reset);
	app_print_counter("proxy.refused", "reset for want of a backend", sum.counters.refused);
	app_print_counter("proxy.idle", "reset because no byte moved", sum.counters.idle);
	app_print_counter("proxy.bytes_up", "bytes to backends", sum.counters.bytes_up);
	app_print_counter("proxy.bytes_down", "bytes to clients", sum.counters.bytes_down);
	for (unsigned i = 0; i < own.backend_count; i++)
		report_backend(i, &sum.backends.each[i]);
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
					 "With none left the client is reset.\n",
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

	return app_main(&program, argc, argv);
}
