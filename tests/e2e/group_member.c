/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Members of a multicast group on every stack core, which count what they hear.
 *
 * Called from tests/e2e/multicast.sh.
 *
 * A thread for each core has one socket on the port, or a thread for all of them as many sockets as
 * there are cores, on ports from that one on: a socket's port says then which core it lives on.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "apps/app.h"

#define MEMBERS APP_THREADS

struct group_options {
	uint64_t port;
	const char *group;
};

/* One thread's. */
struct members {
	rws_socket_t socket[MEMBERS];
	unsigned first, count; /* of all members */
};

static struct group_options own = {.port = 7};
static struct rws_address group;
static uint64_t heard[MEMBERS]; /* by each; read once the threads have ended */

static const struct option_row rows[] = {
	{.name = "port",
		.argument = "N",
		.kind = OPTION_NUMBER,
		.min = 1,
		.max = 60000,
		.offset = offsetof(struct group_options, port),
		.fallback = "7",
		.text = "UDP port"},
	{.name = "group",
		.argument = "ADDRESS",
		.kind = OPTION_TEXT,
		.offset = offsetof(struct group_options, group),
		.text = "whom to listen to"},
};

static int check(struct app *app)
{
	if (own.group != NULL && rws_address_parse(own.group, &group) == 0)
		return APP_OK;
	app_error(app, "--group is missing or no address");
	return APP_BAD_INPUT;
}

static int open_member(struct app_thread *thread, unsigned offset, rws_socket_t *s)
{
	struct rws_options options = app_bind_options(thread->app);
	struct rws_address any = {.port = (uint16_t)(own.port + offset)};
	int result = rws_udp_bind(thread->selector, &any, &options, s);

	return result != 0 ? result : rws_multicast_join(*s, &group, RWS_ALL_INTERFACES);
}

static int start(struct app_thread *thread)
{
	struct members *members = calloc(1, sizeof(*members));
	bool alone = thread->app->thread_count == 1;
	int result = members == NULL ? -ENOMEM : 0;

	thread->state = members;
	if (result == 0) {
		members->first = thread->index;
		members->count = alone ? rws_core_count(thread->app->rws) : 1;
	}
	for (unsigned i = 0; result == 0 && i < members->count; i++)
		result = open_member(thread, i, &members->socket[i]);
	if (result == 0)
		return APP_OK;
	app_error(thread->app, "%s: %s", own.group, app_reason(result));
	return APP_FAILED;
}

static void listen_to_all(struct members *members)
{
	static _Thread_local char bytes[RWS_DATAGRAM_MAX];

	for (unsigned i = 0; i < members->count; i++) {
		struct rws_datagram d = {.data = bytes, .capacity = sizeof(bytes)};
		while (rws_receive(members->socket[i], &d) == 0)
			heard[members->first + i]++;
	}
}

static int serve(struct app_thread *thread)
{
	struct rws_event event;

	while (!thread->stop) {
		listen_to_all(thread->state);
		rws_selector_select(thread->selector, &event, 1, RWS_FOREVER);
	}
	return APP_OK;
}

static void finish(struct app_thread *thread)
{
	struct members *members = thread->state;

	if (members == NULL)
		return;
	listen_to_all(members);
	for (unsigned i = 0; i < members->count; i++)
		rws_dispose(members->socket[i]);
	free(members);
}

static void report(const struct app *app)
{
	for (unsigned i = 0; i < rws_core_count(app->rws); i++)
		fprintf(stderr, "member.%u %llu  datagrams that it heard\n", i,
			(unsigned long long)heard[i]);
}

static void describe(const struct app *app, char *text, size_t size)
{
	snprintf(text, size, "listening to %s", own.group);
}

int main(int argc, char **argv)
{
	static const struct app_program program = {
		.options =
			{
				.program = "group_member",
				.summary = "counts what is sent to a multicast group",
				.rows = rows,
				.row_count = sizeof(rows) / sizeof(rows[0]),
				.own = &own,
			},
		.check = check,
		.start = start,
		.serve = serve,
		.finish = finish,
		.report = report,
		.describe = describe,
		.port = &own.port,
	};

	return app_main(&program, argc, argv);
}
