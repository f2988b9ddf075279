/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/get.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VIEWS        16
#define WORD_NS      2000000000LL /* between words about progress */
#define END_OF_INPUT (-ENODATA)

int64_t get_deadline(const struct exchange *exchange)
{
	int64_t timeout_ns = (int64_t)exchange->options->timeout_s * 1000000000;
	int64_t patience_ns = rws_now(exchange->thread->selector) + timeout_ns;

	return patience_ns < exchange->end_ns ? patience_ns : exchange->end_ns;
}

void get_say_late(const struct exchange *exchange, const char *what)
{
	const struct app *app = exchange->thread->app;

	if (rws_now(exchange->thread->selector) >= exchange->end_ns)
		app_error(app, "%s: not done within %" PRIu64 " s; see --max-time", what,
			exchange->options->max_time_s);
	else
		app_error(app, "%s: nothing came for %" PRIu64 " s; see --timeout", what,
			exchange->options->timeout_s);
}

static void tell_progress(struct exchange *exchange, int64_t now)
{
	exchange->next_word_ns = now + WORD_NS;
	app_progress(exchange->thread->app,
		"%" PRIu64 " bytes received, %" PRIu64 " sent, after %.0f s", exchange->received,
		exchange->sent, (double)(now - exchange->begun_ns) / 1e9);
}

/* Once a step: 0, or -ETIMEDOUT when it is to go no further although something moves. */
static int look_at_clock(struct exchange *exchange)
{
	int64_t now = rws_now(exchange->thread->selector);

	if (now >= exchange->next_word_ns)
		tell_progress(exchange, now);
	return now < exchange->end_ns ? 0 : -ETIMEDOUT;
}

/* ---- The request ------------------------------------------------------------------------- */

static int await_room(struct exchange *exchange)
{
	int result = rws_await_free_space(exchange->out, 1, get_deadline(exchange));

	return result == 0 ? -ESHUTDOWN : result;
}

static int send_text(struct exchange *exchange, const char *text)
{
	size_t done = 0;
	int result;

	while ((result = rws_write_fully(exchange->out, text, strlen(text), &done)) == -EAGAIN) {
		result = await_room(exchange);
		if (result < 0)
			return result;
	}
	return result;
}

static int send_head(struct exchange *exchange)
{
	const struct get_options *options = exchange->options;
	char length[64] = "", *text;
	int result;

	if (options->upload_fd >= 0)
		snprintf(length, sizeof(length), "Content-Length: %" PRIu64 "\r\n",
			options->upload_length);
	if (asprintf(&text,
		    "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: rws-get/%s\r\nAccept: */*\r\n%s\r\n",
		    options->upload_fd >= 0 ? "PUT" : "GET", options->url.target, options->url.host,
		    rws_version(), length) < 0)
		return -ENOMEM;
	result = send_text(exchange, text);
	free(text);
	return result;
}

/* Reads the file into room that the send buffer lends. How many bytes, or why none. */
static ssize_t send_part(struct exchange *exchange, uint64_t offset)
{
	uint64_t left = exchange->options->upload_length - offset;
	struct iovec room;
	ssize_t n = rws_write_request(exchange->out, 1, &room, 1);

	if (n < 0)
		return n;
	n = pread(exchange->options->upload_fd, room.iov_base,
		room.iov_len < left ? room.iov_len : left, (off_t)offset);
	rws_written(exchange->out, n > 0 ? (size_t)n : 0);
	if (n <= 0) /* an error, or the file became shorter than was promised */
		exchange->upload_error = -EIO;
	return n > 0 ? n : exchange->upload_error;
}

static int send_file(struct exchange *exchange)
{
	uint64_t offset = 0;
	int result = 0;

	while (result >= 0 && offset < exchange->options->upload_length) {
		ssize_t n = send_part(exchange, offset);

		if (n > 0) {
			offset += (uint64_t)n;
			exchange->sent += (uint64_t)n;
		} else {
			result = n == -EAGAIN ? await_room(exchange) : (int)n;
		}
		if (result >= 0)
			result = look_at_clock(exchange);
	}
	return result < 0 ? result : 0;
}

static int send_request(struct exchange *exchange)
{
	int result = send_head(exchange);

	if (result == 0 && exchange->options->upload_fd >= 0)
		result = send_file(exchange);
	rws_flush(exchange->out);
	return result;
}

/* ---- The response ------------------------------------------------------------------------ */

static bool is_success(const http_parser *parser)
{
	return parser->status_code / 100 == 2;
}

/* RFC 9110 15.2: answers in between, such as 100 Continue, are not the response. */
static bool is_interim(const http_parser *parser)
{
	return parser->status_code / 100 == 1;
}

static int on_head(http_parser *parser)
{
	struct exchange *exchange = parser->data;

	if (is_success(parser))
		exchange->output_error = get_output_open(&exchange->output);
	return exchange->output_error == 0 ? 0 : -1;
}

static int on_body(http_parser *parser, const char *data, size_t n)
{
	struct exchange *exchange = parser->data;

	exchange->received += n;
	exchange->output_error = get_output_add(&exchange->output, data, n);
	return exchange->output_error;
}

static int on_complete(http_parser *parser)
{
	struct exchange *exchange = parser->data;

	if (is_interim(parser))
		return 0;
	exchange->complete = true;
	exchange->last = !http_should_keep_alive(parser);
	http_parser_pause(parser, 1);
	return 0;
}

static const http_parser_settings settings = {
	.on_headers_complete = on_head,
	.on_body = on_body,
	.on_message_complete = on_complete,
};

static int parse(struct exchange *exchange, const struct iovec *views, int n)
{
	size_t used = 0;

	for (int i = 0; i < n && !exchange->complete; i++) {
		used += http_parser_execute(
			&exchange->parser, &settings, views[i].iov_base, views[i].iov_len);
		if (exchange->output_error != 0)
			return exchange->output_error;
		if (!exchange->complete && HTTP_PARSER_ERRNO(&exchange->parser) != HPE_OK)
			return -EPROTO;
	}
	/* Before the views go: the pieces lie in them. */
	exchange->output_error = get_output_flush(&exchange->output);
	rws_consumed(exchange->in, used);
	return exchange->output_error;
}

/* A body without a length ends with the connection. */
static int parse_end(struct exchange *exchange)
{
	http_parser_execute(&exchange->parser, &settings, NULL, 0);
	return exchange->complete ? 0 : END_OF_INPUT;
}

static int await_content(struct exchange *exchange)
{
	int result = rws_await_content(exchange->in, 1, get_deadline(exchange));

	return result < 0 ? result : 0;
}

static int receive_response(struct exchange *exchange)
{
	struct iovec views[VIEWS];
	int result = 0;

	while (result == 0 && !exchange->complete) {
		int n = rws_request(exchange->in, 0, 1, views, VIEWS);

		if (n > 0)
			result = parse(exchange, views, n);
		else if (n == 0)
			result = parse_end(exchange);
		else
			result = n == -EAGAIN ? await_content(exchange) : n;
		if (result == 0)
			result = look_at_clock(exchange);
	}
	return result;
}

/* ---- Both -------------------------------------------------------------------------------- */

static void explain(const struct exchange *exchange, int result)
{
	const struct app *app = exchange->thread->app;

	if (exchange->interrupted)
		app_error(app, "interrupted");
	else if (exchange->output_error != 0)
		app_error(app, "%s: %s", exchange->options->output, app_reason(result));
	else if (exchange->upload_error != 0)
		app_error(app, "%s: cannot be read to its end", exchange->options->upload);
	else if (result == END_OF_INPUT)
		app_error(app, "the server closed the connection before the response was complete");
	else if (HTTP_PARSER_ERRNO(&exchange->parser) != HPE_OK)
		app_error(app, "not an HTTP response: %s",
			http_errno_description(HTTP_PARSER_ERRNO(&exchange->parser)));
	else if (result == -EPROTO && exchange->options->tls != NULL)
		app_error(app,
			"the connection ended, but not its TLS: the response may be cut short");
	else if (result == -ETIMEDOUT)
		get_say_late(exchange, exchange->options->url.host);
	else
		app_error(app, "%s", app_reason(result));
}

int get_exchange(struct exchange *exchange)
{
	int result;

	http_parser_init(&exchange->parser, HTTP_RESPONSE);
	exchange->parser.data = exchange;
	exchange->complete = false;
	result = send_request(exchange);
	/* A server may answer before it has read all, and close: the answer is what matters. */
	if (result == 0 || result == -EPIPE || result == -ECONNRESET || result == -ESHUTDOWN)
		result = receive_response(exchange);
	if (result == 0)
		result = exchange->output_error = get_output_commit(&exchange->output);
	get_output_discard(&exchange->output);
	if (result < 0)
		explain(exchange, result);
	exchange->broken = result < 0;
	return result;
}
