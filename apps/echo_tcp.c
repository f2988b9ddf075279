/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 * -------------------
 * Bytes are borrowed from the read channel, written to the write channel and only then consumed:
 * what the peer does not take back fills the send buffer, then the receive window, and then it has
 * to stop sending, and no turn moves more than these hold. At the peer's FIN the write channel is closed, which sends the rest and our FIN;
 * the job of that direction tells when this is done, and the socket goes.
 */
#include "apps/echo.h"

#include <errno.h>
#include <stdlib.h>

#define VIEWS        16
#define ACCEPT_BURST 32u

struct echo_connection {
	LIST_ENTRY(echo_connection) link; /* connections, then ended */
	rws_socket_t socket;
	rws_channel_t in, out;
	bool has_ended;
};

int echo_tcp_open(struct echo_tcp *tcp, struct app_thread *thread, uint16_t port)
{
	struct rws_options options = app_listen_options(thread->app);
	struct rws_address any = {.port = port};

	options.keep_alive = true; /* a peer that vanished must not hold its place for ever */
	return rws_tcp_bind(thread->selector, &any, &options, &tcp->listener);
}

static void end_connection(struct echo_tcp *tcp, struct echo_connection *connection)
{
	if (connection->has_ended)
		return;
	connection->has_ended = true;
	rws_dispose(connection->socket);
	LIST_REMOVE(connection, link);
	LIST_INSERT_HEAD(&tcp->ended, connection, link);
	tcp->connection_count--;
}

/* 0: there may be more; else why not. */
static int echo_step(struct echo_connection *connection)
{
	struct iovec views[VIEWS];
	ssize_t written;
	int n = rws_request(connection->in, 0, 1, views, VIEWS);

	if (n == 0) {
		rws_channel_close(connection->out, 0);
		return -EAGAIN; /* for the end of the writing job */
	}
	if (n < 0)
		return n;
	written = rws_writev(connection->out, views, n);
	if (written < 0)
		return (int)written;
	return rws_consumed(connection->in, (size_t)written);
}

static void echo(struct echo_tcp *tcp, struct echo_connection *connection)
{
	int result = 0;

	while (result == 0)
		result = echo_step(connection);
	rws_flush(connection->out);
	if (result != -EAGAIN)
		end_connection(tcp, connection);
}

static void open_connection(struct echo_tcp *tcp, rws_socket_t socket)
{
	struct echo_connection *connection = calloc(1, sizeof(*connection));

	if (connection == NULL || rws_connection(socket, &connection->in, &connection->out) < 0) {
		free(connection);
		rws_dispose(socket);
		return;
	}
	connection->socket = socket;
	LIST_INSERT_HEAD(&tcp->connections, connection, link);
	tcp->connection_count++;
	rws_set_user(socket, connection);
	echo(tcp, connection);
}

void echo_tcp_accept(struct echo_tcp *tcp)
{
	rws_socket_t sockets[ACCEPT_BURST];
	int n;

	do {
		unsigned places = tcp->connections_max - tcp->connection_count;

		n = rws_accept_burst(
			tcp->listener, sockets, places < ACCEPT_BURST ? places : ACCEPT_BURST);
		for (int i = 0; i < n; i++)
			open_connection(tcp, sockets[i]);
	} while (n > 0);
}

void echo_tcp_event(struct echo_tcp *tcp, const struct rws_event *event)
{
	struct echo_connection *connection = event->user;

	if (connection->has_ended)
		return;
	if ((event->bits & RWS_EV_JOB_DONE) != 0 &&
		rws_job_channel(event->handle) == connection->out)
		end_connection(tcp, connection);
	else
		echo(tcp, connection);
}

void echo_tcp_free_ended(struct echo_tcp *tcp)
{
	struct echo_connection *connection;

	while ((connection = LIST_FIRST(&tcp->ended)) != NULL) {
		LIST_REMOVE(connection, link);
		free(connection);
	}
}

void echo_tcp_close(struct echo_tcp *tcp, int64_t deadline)
{
	struct echo_connection *connection;

	rws_dispose(tcp->listener);
	LIST_FOREACH(connection, &tcp->connections, link)
	rws_close(connection->socket);
	while ((connection = LIST_FIRST(&tcp->connections)) != NULL) {
		rws_await_closed(connection->socket, deadline);
		end_connection(tcp, connection);
	}
	echo_tcp_free_ended(tcp);
}
