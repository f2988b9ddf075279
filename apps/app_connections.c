/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/app_connections.h"

#include <errno.h>

#define GOODBYE_NS 1000000000LL

/* ---- One --------------------------------------------------------------------------------- */

void app_connection_touch(struct app_connection *connection)
{
	struct app_connections *all = connection->all;

	connection->active_ns = rws_now(all->selector);
	connection->room_seen = rws_available_for_write(connection->out);
	TAILQ_REMOVE(&all->by_activity, connection, link);
	TAILQ_INSERT_TAIL(&all->by_activity, connection, link);
}

void app_connection_end(struct app_connection *connection)
{
	struct app_connections *all = connection->all;

	if (all->end != NULL)
		all->end(connection);
	rws_dispose(connection->socket);
	TAILQ_REMOVE(&all->by_activity, connection, link);
	app_client_ended(&all->clients, connection);
}

struct app_connection *app_connection_of(const struct rws_event *event)
{
	return rws_user(event->handle);
}

void app_connection_run(struct app_connection *connection)
{
	int result = 0;

	while (result == 0)
		result = connection->all->step(connection);
	rws_flush(connection->out);
	if (result != -EAGAIN)
		app_connection_end(connection);
}

static int begin(struct app_connection *connection)
{
	struct app_connections *all = connection->all;
	int result = all->begin != NULL ? all->begin(connection) : 0;

	if (result == 0)
		result = rws_connection(connection->socket, &connection->in, &connection->out);
	return result;
}

static void open_connection(struct app_clients *clients, void *client, rws_socket_t socket)
{
	struct app_connections *all = (struct app_connections *)clients;
	struct app_connection *connection = client;

	connection->all = all;
	connection->socket = socket;
	TAILQ_INSERT_TAIL(&all->by_activity, connection, link);
	if (begin(connection) != 0) {
		app_connection_end(connection);
		return;
	}
	connection->room_empty = rws_available_for_write(connection->out);
	app_connection_touch(connection);
	rws_set_user(connection->socket, connection);
	app_connection_run(connection);
}

/* ---- All of them ------------------------------------------------------------------------- */

int app_connections_open(struct app_connections *all, struct app_thread *thread, uint16_t port,
	const struct rws_options *options)
{
	struct rws_address any = {.port = port};

	all->clients.open = open_connection;
	all->selector = thread->selector;
	TAILQ_INIT(&all->by_activity);
	return rws_tcp_bind(thread->selector, &any, options, &all->clients.listener);
}

int64_t app_connections_deadline(const struct app_connections *all)
{
	const struct app_connection *oldest = TAILQ_FIRST(&all->by_activity);

	return oldest != NULL && all->idle_ns > 0 ? oldest->active_ns + all->idle_ns : RWS_FOREVER;
}

static bool takes_bytes(const struct app_connection *connection)
{
	size_t room = rws_available_for_write(connection->out);

	return room != connection->room_empty && room != connection->room_seen;
}

static void end_idle(struct app_connections *all, int64_t now)
{
	while (now >= app_connections_deadline(all)) {
		struct app_connection *connection = TAILQ_FIRST(&all->by_activity);

		if (takes_bytes(connection))
			app_connection_touch(connection);
		else
			app_connection_end(connection);
	}
}

void app_connections_turn(struct app_connections *all)
{
	end_idle(all, rws_now(all->selector));
	while (app_accept(&all->clients, all->max - all->clients.count) > 0)
		continue;
}

void app_connections_close(struct app_connections *all)
{
	struct app_connection *connection;

	if (all->selector == NULL)
		return;
	int64_t deadline = rws_now(all->selector) + GOODBYE_NS;
	rws_dispose(all->clients.listener);
	TAILQ_FOREACH (connection, &all->by_activity, link)
		rws_close(connection->socket);
	while ((connection = TAILQ_FIRST(&all->by_activity)) != NULL) {
		rws_await_closed(connection->socket, deadline);
		app_connection_end(connection);
	}
}
