/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 * -------------------
 * RFC 7766: a client sends as many messages as it likes on a connection, without waiting; they are
 * answered one after the other. A message is read into the connection's own memory, answered into
 * memory of the thread, and the answer written. What the send buffer has no room for is kept, and
 * nothing is read until it is gone, so a client that does not take its answers fills its own window
 * and no more.
 *
 * A connection ends with the client's end of stream, at a message that cannot be one, or when nothing
 * got on for the idle time: bytes of a message that is not complete do not count as getting on.
 */
#include "apps/dns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define QUERY_MAX    4096u
#define HEADER_LEN   12u
#define ACCEPT_BURST 32u

struct dns_connection {
	struct dns_tcp *tcp;
	TAILQ_ENTRY(dns_connection) link; /* by_activity, then ended */
	rws_socket_t socket;
	rws_channel_t in, out;
	bool has_ended;
	int64_t active_ns; /* when it last got on */
	size_t room_empty; /* room of the write channel when nothing is under way in it */
	size_t room_seen;  /* and when it last got on */
	size_t got;        /* bytes of the length, or of the query behind it */
	size_t wanted;     /* length of the query; 0: not known yet */
	uint8_t *rest;     /* of an answer there was no room for; NULL: none */
	size_t rest_length, rest_sent;
	uint8_t length[DNS_MESSAGE_LEN];
	uint8_t query[QUERY_MAX];
};

int dns_tcp_open(struct dns_tcp *tcp, struct app_thread *thread, uint16_t port)
{
	struct rws_options options = app_listen_options(thread->app);
	struct rws_address any = {.port = port};

	tcp->selector = thread->selector;
	TAILQ_INIT(&tcp->by_activity);
	TAILQ_INIT(&tcp->ended);
	return rws_tcp_bind(thread->selector, &any, &options, &tcp->listener);
}

/* ---- Life of a connection ---------------------------------------------------------------- */

static void touch(struct dns_connection *connection)
{
	struct dns_tcp *tcp = connection->tcp;

	connection->active_ns = rws_now(tcp->selector);
	connection->room_seen = rws_available_for_write(connection->out);
	TAILQ_REMOVE(&tcp->by_activity, connection, link);
	TAILQ_INSERT_TAIL(&tcp->by_activity, connection, link);
}

static void end_connection(struct dns_connection *connection)
{
	struct dns_tcp *tcp = connection->tcp;

	if (connection->has_ended)
		return;
	connection->has_ended = true;
	free(connection->rest);
	rws_dispose(connection->socket);
	TAILQ_REMOVE(&tcp->by_activity, connection, link);
	TAILQ_INSERT_TAIL(&tcp->ended, connection, link);
	tcp->connection_count--;
}

/* ---- Answers ----------------------------------------------------------------------------- */

static int keep_rest(struct dns_connection *connection, const uint8_t *bytes, size_t n)
{
	if (n == 0)
		return 0;
	connection->rest = malloc(n);
	if (connection->rest == NULL)
		return -ENOMEM;
	memcpy(connection->rest, bytes, n);
	connection->rest_length = n;
	connection->rest_sent = 0;
	return 0;
}

/* 0: nothing is left of it; else why it could not be written. */
static int send_rest(struct dns_connection *connection)
{
	int result = rws_write_fully(
		connection->out, connection->rest, connection->rest_length, &connection->rest_sent);

	if (result < 0)
		return result;
	free(connection->rest);
	connection->rest = NULL;
	touch(connection);
	return 0;
}

static int answer(struct dns_connection *connection)
{
	struct dns_tcp *tcp = connection->tcp;
	size_t length = dns_answer(tcp->zones, connection->query, connection->wanted, true,
		tcp->answer + DNS_MESSAGE_LEN, tcp->counters);
	size_t sent = 0;
	int result;

	tcp->counters->tcp++;
	touch(connection);
	if (length == 0)
		return 0;
	tcp->answer[0] = (uint8_t)(length >> 8);
	tcp->answer[1] = (uint8_t)length;
	length += DNS_MESSAGE_LEN;
	result = rws_write_fully(connection->out, tcp->answer, length, &sent);
	return result == -EAGAIN ? keep_rest(connection, tcp->answer + sent, length - sent)
				 : result;
}

/* ---- Queries ----------------------------------------------------------------------------- */

static int read_length(struct dns_connection *connection)
{
	int result = rws_read_fully(
		connection->in, connection->length, DNS_MESSAGE_LEN, &connection->got);

	if (result < 0)
		return result;
	connection->got = 0;
	connection->wanted = (size_t)connection->length[0] << 8 | connection->length[1];
	return connection->wanted < HEADER_LEN || connection->wanted > QUERY_MAX ? -EBADMSG : 0;
}

static int read_query(struct dns_connection *connection)
{
	int result = rws_read_fully(
		connection->in, connection->query, connection->wanted, &connection->got);

	if (result < 0)
		return result;
	result = answer(connection);
	connection->got = connection->wanted = 0;
	return result;
}

/* 0: there may be more to do; else why not. */
static int step(struct dns_connection *connection)
{
	if (connection->rest != NULL)
		return send_rest(connection);
	return connection->wanted == 0 ? read_length(connection) : read_query(connection);
}

static void run(struct dns_connection *connection)
{
	int result = 0;

	while (result == 0)
		result = step(connection);
	rws_flush(connection->out);
	if (result != -EAGAIN)
		end_connection(connection);
}

void dns_tcp_event(const struct rws_event *event)
{
	struct dns_connection *connection = event->user;

	if (!connection->has_ended)
		run(connection);
}

/* ---- All of them ------------------------------------------------------------------------- */

static void open_connection(struct dns_tcp *tcp, rws_socket_t socket)
{
	struct dns_connection *connection = calloc(1, sizeof(*connection));

	if (connection == NULL || rws_connection(socket, &connection->in, &connection->out) < 0) {
		free(connection);
		rws_dispose(socket);
		return;
	}
	connection->tcp = tcp;
	connection->socket = socket;
	connection->room_empty = rws_available_for_write(connection->out);
	TAILQ_INSERT_TAIL(&tcp->by_activity, connection, link);
	touch(connection);
	tcp->connection_count++;
	rws_set_user(socket, connection);
	run(connection);
}

/* Connections beyond the limit wait in the backlog until others end. */
void dns_tcp_accept(struct dns_tcp *tcp)
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

int64_t dns_tcp_deadline(const struct dns_tcp *tcp)
{
	const struct dns_connection *oldest = TAILQ_FIRST(&tcp->by_activity);

	return oldest != NULL ? oldest->active_ns + tcp->idle_ns : RWS_FOREVER;
}

/* A client that still takes answers is not idle, however slow it is. */
static bool takes_answers(const struct dns_connection *connection)
{
	size_t room = rws_available_for_write(connection->out);

	return room != connection->room_empty && room != connection->room_seen;
}

void dns_tcp_end_idle(struct dns_tcp *tcp, int64_t now)
{
	struct dns_connection *connection;

	while ((connection = TAILQ_FIRST(&tcp->by_activity)) != NULL &&
		now - connection->active_ns >= tcp->idle_ns) {
		if (takes_answers(connection))
			touch(connection);
		else
			end_connection(connection);
	}
}

void dns_tcp_free_ended(struct dns_tcp *tcp)
{
	struct dns_connection *connection;

	while ((connection = TAILQ_FIRST(&tcp->ended)) != NULL) {
		TAILQ_REMOVE(&tcp->ended, connection, link);
		free(connection);
	}
}

void dns_tcp_close(struct dns_tcp *tcp, int64_t deadline)
{
	struct dns_connection *connection;

	if (tcp->selector == NULL)
		return;
	rws_dispose(tcp->listener);
	TAILQ_FOREACH (connection, &tcp->by_activity, link)
		rws_close(connection->socket);
	while ((connection = TAILQ_FIRST(&tcp->by_activity)) != NULL) {
		rws_await_closed(connection->socket, deadline);
		end_connection(connection);
	}
	dns_tcp_free_ended(tcp);
}
