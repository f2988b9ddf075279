/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dns.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define S      1000000000LL
#define EVENTS 64

struct dns_options {
	uint64_t port, connections;
	uint64_t idle_timeout; /* seconds */
	const char *files[DNS_ZONES];
	unsigned file_count;
};

/* One thread's. */
struct dns_server {
	struct dns_udp udp;
	struct dns_tcp tcp;
	struct dns_counters counters;
};

static struct dns_options own = {.port = 53, .connections = 1000, .idle_timeout = 10};

static struct dns_zones zones;

static struct dns_counters ended[APP_THREADS]; /* what each thread left; read once all have ended */

static int set_zone(struct options *options, const struct option_row *row, const char *value);

static const struct option_row rows[] = {
	{.name = "zone",
		.argument = "FILE",
		.kind = OPTION_SET,
		.set = set_zone,
		.repeatable = true,
		.text = "zone file (RFC 1035 5) of a zone to answer for"},
	APP_PORT_ROW(struct dns_options, "53", "UDP and TCP port"),
	APP_CONNECTIONS_ROW(struct dns_options, 1000000, "1000", "TCP connections"),
	{.name = "idle-timeout",
		.argument = "N",
		.kind = OPTION_NUMBER,
		.unit = "seconds",
		.min = 1,
		.max = 86400,
		.offset = offsetof(struct dns_options, idle_timeout),
		.fallback = "10",
		.text = "TCP connections without a message for so long are closed"},
};

/* ---- Options ----------------------------------------------------------------------------- */

static int set_zone(struct options *options, const struct option_row *row, const char *value)
{
	if (own.file_count == DNS_ZONES)
		return options_reject(options, "--zone %s: at most %u of them", value, DNS_ZONES);
	own.files[own.file_count++] = value;
	return 0;
}

static int check(struct app *app)
{
	char error[512];

	if (own.file_count == 0) {
		app_error(app, "--zone is missing; name a zone file");
		return APP_BAD_INPUT;
	}
	for (unsigned i = 0; i < own.file_count; i++) {
		if (dns_zones_load(&zones, own.files[i], error, sizeof(error)) == 0)
			continue;
		app_error(app, "%s", error);
		dns_zones_free(&zones);
		return APP_BAD_INPUT;
	}
	return APP_OK;
}

static void describe(const struct app *app, char *text, size_t size)
{
	snprintf(text, size, "answering for %u zone%s", zones.count, zones.count == 1 ? "" : "s");
}

/* ---- A thread ---------------------------------------------------------------------------- */

static struct dns_server *make_server(void)
{
	struct dns_server *server = calloc(1, sizeof(*server));

	if (server == NULL)
		return NULL;
	server->udp.zones = server->tcp.zones = &zones;
	server->udp.counters = server->tcp.counters = &server->counters;
	server->tcp.connections.max = (unsigned)own.connections;
	server->tcp.connections.idle_ns = (int64_t)own.idle_timeout * S;
	return server;
}

static int start(struct app_thread *thread)
{
	struct dns_server *server = make_server();
	uint16_t port = (uint16_t)own.port;
	int result = -ENOMEM;

	thread->state = server;
	if (server != NULL)
		result = dns_tcp_open(&server->tcp, thread, port);
	if (result == 0)
		result = dns_udp_open(&server->udp, thread, port);
	if (result == 0)
		return APP_OK;
	app_error(thread->app, "port %u: %s", port, app_reason(result));
	return APP_BAD_INPUT;
}

static int serve(struct app_thread *thread)
{
	struct dns_server *server = thread->state;
	struct rws_event events[EVENTS];

	while (!thread->stop) {
		int n = rws_selector_select(thread->selector, events, EVENTS,
			app_connections_deadline(&server->tcp.connections));

		for (int i = 0; i < n; i++) {
			struct app_connection *connection = app_connection_of(&events[i]);

			if (connection != NULL)
				app_connection_run(connection);
			else if (events[i].handle == server->udp.socket)
				dns_udp_run(&server->udp);
		}
		app_connections_turn(&server->tcp.connections);
	}
	return APP_OK;
}

static void finish(struct app_thread *thread)
{
	struct dns_server *server = thread->state;

	if (server == NULL)
		return;
	dns_udp_close(&server->udp);
	app_connections_close(&server->tcp.connections);
	ended[thread->index] = server->counters;
	free(server);
}

/* ---- Counters ---------------------------------------------------------------------------- */

static void report(const struct app *app)
{
	static const struct app_counter lines[] = {
		{"dns.udp", "messages by UDP", offsetof(struct dns_counters, udp)},
		{"dns.tcp", "messages by TCP", offsetof(struct dns_counters, tcp)},
		{"dns.answered", "answered with records", offsetof(struct dns_counters, answered)},
		{"dns.no_data", "the name has none of the type",
			offsetof(struct dns_counters, no_data)},
		{"dns.no_name", "no such name (NXDOMAIN)", offsetof(struct dns_counters, no_name)},
		{"dns.referred", "to the servers of a zone below",
			offsetof(struct dns_counters, referred)},
		{"dns.refused", "not within our zones (REFUSED)",
			offsetof(struct dns_counters, refused)},
		{"dns.malformed", "not a question (FORMERR)",
			offsetof(struct dns_counters, malformed)},
		{"dns.not_implemented", "opcodes, types, versions of EDNS (NOTIMP, BADVERS)",
			offsetof(struct dns_counters, not_implemented)},
		{"dns.failed", "for want of memory, or too long (SERVFAIL)",
			offsetof(struct dns_counters, failed)},
		{"dns.truncated", "too long for UDP (TC)",
			offsetof(struct dns_counters, truncated)},
		{"dns.ignored", "no message, or an answer itself",
			offsetof(struct dns_counters, ignored)},
	};

	app_print_sums(app, lines, sizeof(lines) / sizeof(lines[0]), ended, sizeof(ended[0]));
}

int main(int argc, char **argv)
{
	static const struct app_program program = {
		.options =
			{
				.program = "rws-dns",
				.summary = "answers DNS queries for its zones, over UDP and TCP",
				.rows = rows,
				.row_count = sizeof(rows) / sizeof(rows[0]),
				.own = &own,
				.notes = "It is authoritative only: it answers for no other zones, "
					 "transfers none and signs nothing.\n",
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

	dns_zones_free(&zones);
	return status;
}
