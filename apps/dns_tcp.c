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

#define QUERY_MAX  4096u
#define HEADER_LEN 12u

struct dns_connection {
	struct app_connection base; /* first member */
	struct dns_tcp *tcp;
	size_t got;    /* bytes of the length, or of the query behind it */
	size_t wanted; /* length of the query; 0: not known yet */
	uint8_t *rest; /* of an answer there was no room for; NULL: none */
	size_t rest_length, rest_sent;
	uint8_t length[DNS_MESSAGE_LEN];
	uint8_t query[QUERY_MAX];
};

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
	int result = rws_write_fully(connection->base.out, connection->rest,
		connection->rest_length, &connection->rest_sent);

	if (result < 0)
		return result;
	free(connection->rest);
	connection->rest = NULL;
	app_connection_touch(&connection->base);
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
	app_connection_touch(&connection->base);
	if (length == 0)
		return 0;
	tcp->answer[0] = (uint8_t)(length >> 8);
	tcp->answer[1] = (uint8_t)length;
	length += DNS_MESSAGE_LEN;
	result = rws_write_fully(connection->base.out, tcp->answer, length, &sent);
	return result == -EAGAIN ? keep_rest(connection, tcp->answer + sent, length - sent)
				 : result;
}

/* ---- Queries ----------------------------------------------------------------------------- */

static int read_length(struct dns_connection *connection)
{
	int result = rws_read_fully(
		connection->base.in, connection->length, DNS_MESSAGE_LEN, &connection->got);

	if (result < 0)
		return result;
	connection->got = 0;
	connection->wanted = (size_t)connection->length[0] << 8 | connection->length[1];
	return connection->wanted < HEADER_LEN || connection->wanted > QUERY_MAX ? -EBADMSG : 0;
}

static int read_query(struct dns_connection *connection)
{
	int result = rws_read_fully(
		connection->base.in, connection->query, connection->wanted, &connection->got);

	if (result < 0)
		return result;
	result = answer(connection);
	connection->got = connection->wanted = 0;
	return result;
}

/* ---- What app_connections.h asks for ----------------------------------------------------- */

static int begin(struct app_connection *base)
{
	((struct dns_connection *)base)->tcp = base->all->server;
	return 0;
}

/* 0: there may be more to do; else why not. */
static int step(struct app_connection *base)
{
	struct dns_connection *connection = (struct dns_connection *)base;

	if (connection->rest != NULL)
		return send_rest(connection);
	return connection->wanted == 0 ? read_length(connection) : read_query(connection);
}

static void end(struct app_connection *base)
{
	free(((struct dns_connection *)base)->rest);
}

int dns_tcp_open(struct dns_tcp *tcp, struct app_thread *thread, uint16_t port)
{
	struct app_connections *connections = &tcp->connections;
	struct rws_options options = app_listen_options(thread->app);

	connections->clients.size = sizeof(struct dns_connection);
	connections->server = tcp;
	connections->begin = begin;
	connections->step = step;
	connections->end = end;
	return app_connections_open(connections, thread, port, &options);
}
