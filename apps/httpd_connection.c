/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 * -------------------
 * A connection is READING (bytes go to the parser as they lie in the receive buffer, and are given
 * back as far as it used them) or SENDING (the response goes into room lent by the send buffer).
 * While it is SENDING it reads nothing, so a peer that pipelines without reading fills its own
 * window and no more. The buffers of the socket bound a turn: room and bytes only come anew when the
 * loop runs.
 *
 * A peer that ends its direction gets what it asked for before: the end is only seen when the
 * next request is looked for.
 */
#include "apps/httpd.h"

#include <errno.h>
#include <nettle/base16.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VIEWS 16

#define FINISHED 1 /* a step's result: all is said, close */

/* ---- Life -------------------------------------------------------------------------------- */

int httpd_connection_begin(struct app_connection *base)
{
	struct httpd_connection *connection = (struct httpd_connection *)base;

	connection->server = base->all->server;
	httpd_request_init(&connection->request);
	return connection->server->options->tls != NULL
		? app_tls_server(connection->server->options->tls, &base->socket)
		: 0;
}

void httpd_connection_end(struct app_connection *base)
{
	struct httpd_connection *connection = (struct httpd_connection *)base;

	httpd_body_close(&connection->response.body);
}

/* ---- Responses --------------------------------------------------------------------------- */

static void start_response(struct httpd_connection *connection)
{
	struct httpd_response *response = &connection->response;

	if (httpd_request_is_last(&connection->request))
		response->close = true;
	connection->head_length = httpd_response_head(response, connection->head);
	connection->head_sent = 0;
	if (connection->request.parser.method == HTTP_HEAD)
		httpd_body_close(&response->body);
	connection->state = CONNECTION_SENDING;
}

/* The rest of the request is not read, so nothing can follow on this connection. */
static void refuse(struct httpd_connection *connection, int status)
{
	httpd_body_close(&connection->response.body);
	connection->response = (struct httpd_response){.close = true};
	httpd_response_error(&connection->response, status);
	start_response(connection);
}

static int take_upload(void *user, const char *data, size_t n)
{
	struct httpd_connection *connection = user;
	struct upload *upload = &connection->upload;

	if (n > connection->server->options->max_body - upload->length)
		return HTTP_STATUS_PAYLOAD_TOO_LARGE;
	sha256_update(&upload->hash, n, (const uint8_t *)data);
	upload->length += n;
	return 0;
}

static void begin_upload(struct httpd_connection *connection)
{
	struct httpd_request *request = &connection->request;

	connection->upload.length = 0;
	sha256_init(&connection->upload.hash);
	request->on_body = take_upload;
	request->user = connection;
	/* RFC 9110 10.1.1: a peer that waits for our word before it sends the body. */
	if (request->headers.expect[0] == '\0' || !httpd_request_has_body(request))
		return;
	connection->head_sent = 0;
	connection->head_length = (size_t)snprintf(
		connection->head, sizeof(connection->head), "HTTP/1.1 100 Continue\r\n\r\n");
}

static void answer_upload(struct httpd_connection *connection)
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	char hex[BASE16_ENCODE_LENGTH(SHA256_DIGEST_SIZE)], *text = NULL;

	sha256_digest(&connection->upload.hash, sizeof(digest), digest);
	base16_encode_update(hex, sizeof(digest), digest);
	if (asprintf(&text, "{\"length\": %llu, \"sha256\": \"%.*s\"}\n",
		    (unsigned long long)connection->upload.length, (int)sizeof(hex), hex) < 0)
		text = NULL;
	connection->response.status = HTTP_STATUS_OK;
	httpd_response_text(&connection->response, "application/json", text);
}

/* ---- Reading ----------------------------------------------------------------------------- */

static void on_head(struct httpd_connection *connection)
{
	struct httpd_request *request = &connection->request;
	struct httpd_response *response = &connection->response;

	request->on_body = NULL;
	httpd_route(connection->server, request, response);
	if (response->status == 0)
		begin_upload(connection);
	else if (response->status >= 400 && httpd_request_has_body(request)) {
		response->close = true;
		start_response(connection);
	}
}

static void on_request(struct httpd_connection *connection, enum request_event event)
{
	switch (event) {
	case REQUEST_MORE:
		return;
	case REQUEST_HEAD:
		on_head(connection);
		return;
	case REQUEST_DONE:
		if (connection->response.status == 0)
			answer_upload(connection);
		start_response(connection);
		return;
	case REQUEST_BAD:
		refuse(connection, httpd_request_status(&connection->request));
		return;
	}
}

static int read_step(struct httpd_connection *connection)
{
	struct httpd_request *request = &connection->request;
	enum request_event event = REQUEST_MORE;
	struct iovec views[VIEWS];
	size_t used = 0;
	int n = rws_request(connection->base.in, 0, 1, views, VIEWS);

	if (n <= 0)
		return n == 0 ? FINISHED : n;
	/* A head that comes in drops does not count as getting on. */
	if (!request->begun || request->on_body != NULL)
		app_connection_touch(&connection->base);
	for (int i = 0; i < n && event == REQUEST_MORE; i++) {
		size_t part;

		event = httpd_request_parse(request, views[i].iov_base, views[i].iov_len, &part);
		used += part;
	}
	rws_consumed(connection->base.in, used);
	on_request(connection, event);
	return 0;
}

/* ---- Sending ----------------------------------------------------------------------------- */

static int send_head(struct httpd_connection *connection)
{
	ssize_t n =
		rws_write_available(connection->base.out, connection->head + connection->head_sent,
			connection->head_length - connection->head_sent);

	if (n < 0)
		return (int)n;
	connection->head_sent += (size_t)n;
	return 0;
}

static int send_body(struct httpd_connection *connection)
{
	struct iovec room[VIEWS];
	ssize_t filled;
	int n = rws_write_request(connection->base.out, 1, room, VIEWS);

	if (n < 0)
		return n;
	filled = httpd_body_fill(&connection->response.body, room, n);
	rws_written(connection->base.out, filled < 0 ? 0 : (size_t)filled);
	if (filled < 0) { /* the length was promised already: only a reset tells the peer */
		rws_abort(connection->base.socket, (int)filled);
		return (int)filled;
	}
	app_connection_touch(&connection->base);
	return 0;
}

static int send_step(struct httpd_connection *connection)
{
	struct httpd_response *response = &connection->response;

	if (response->body.left > 0)
		return send_body(connection);
	httpd_body_close(&response->body);
	if (response->close)
		return FINISHED;
	connection->state = CONNECTION_READING;
	connection->request.on_body = NULL;
	app_connection_touch(&connection->base);
	return 0;
}

/* ---- A turn ------------------------------------------------------------------------------ */

int httpd_connection_step(struct app_connection *base)
{
	struct httpd_connection *connection = (struct httpd_connection *)base;

	if (connection->head_sent < connection->head_length)
		return send_head(connection);
	if (connection->state == CONNECTION_SENDING)
		return send_step(connection);
	return read_step(connection);
}
