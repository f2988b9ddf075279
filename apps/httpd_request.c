/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/httpd_request.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* What may be ignored counts as absent when it is too long: a Range (RFC 9110 14.2), and conditions
 * without which the whole body is sent. */
static const struct {
	const char *name;
	size_t offset, size;
	bool may_be_ignored;
} kept[] = {
#define KEPT(name, member, may_be_ignored)               \
	{name, offsetof(struct request_headers, member), \
		sizeof(((struct request_headers *)0)->member), may_be_ignored}
	KEPT("host", host, false),
	KEPT("range", range, true),
	KEPT("if-range", if_range, false),
	KEPT("if-none-match", if_none_match, true),
	KEPT("if-modified-since", if_modified_since, true),
	KEPT("expect", expect, false),
	KEPT("transfer-encoding", transfer_encoding, false),
#undef KEPT
};

static int on_begin(http_parser *parser)
{
	struct httpd_request *request = parser->data;

	request->begun = true;
	request->refused = 0;
	request->hosts = 0;
	request->url_length = 0;
	request->field_length = 0;
	request->in_value = false;
	request->too_long = 0;
	memset(&request->headers, 0, sizeof(request->headers));
	return 0;
}

static int on_url(http_parser *parser, const char *data, size_t n)
{
	struct httpd_request *request = parser->data;

	if (n > sizeof(request->url) - request->url_length) {
		request->refused = HTTP_STATUS_URI_TOO_LONG;
		return -1;
	}
	memcpy(request->url + request->url_length, data, n);
	request->url_length += n;
	return 0;
}

/* Names and values may come in pieces. */
static int on_field(http_parser *parser, const char *data, size_t n)
{
	struct httpd_request *request = parser->data;

	/* RFC 9112 5.1: no space in or behind a name; the parser may be built to let it pass. */
	if (memchr(data, ' ', n) != NULL) {
		request->refused = HTTP_STATUS_BAD_REQUEST;
		return -1;
	}
	if (request->in_value)
		request->field_length = 0;
	request->in_value = false;
	if (n < sizeof(request->field) - request->field_length)
		memcpy(request->field + request->field_length, data, n);
	else
		n = sizeof(request->field) - request->field_length; /* full: matches none of ours */
	request->field_length += n;
	return 0;
}

static bool is_field(const struct httpd_request *request, const char *name)
{
	return strlen(name) == request->field_length &&
		strncasecmp(name, request->field, request->field_length) == 0;
}

/* 0, or -1 for a value that does not fit and may not be ignored. Once too long it stays so, in
 * however many pieces or fields it comes. */
static int keep(struct httpd_request *request, unsigned i, const char *data, size_t n)
{
	char *value = (char *)&request->headers + kept[i].offset;
	size_t length = strlen(value);

	if (n >= kept[i].size - length)
		request->too_long |= 1u << i;
	if ((request->too_long & 1u << i) == 0) {
		memcpy(value + length, data, n);
		return 0;
	}
	value[0] = '\0';
	if (kept[i].may_be_ignored)
		return 0;
	request->refused = HTTP_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE;
	return -1;
}

static int on_value(http_parser *parser, const char *data, size_t n)
{
	struct httpd_request *request = parser->data;

	if (!request->in_value && is_field(request, "host"))
		request->hosts++;
	request->in_value = true;
	for (unsigned i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (is_field(request, kept[i].name))
			return keep(request, i, data, n);
	}
	return 0;
}

/* RFC 9112 5.1: white space behind a value is none of it, and the parser leaves it there. */
static void trim(char *value)
{
	size_t length = strlen(value);

	while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t'))
		value[--length] = '\0';
}

static int on_head(http_parser *parser)
{
	struct httpd_request *request = parser->data;

	for (unsigned i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		trim((char *)&request->headers + kept[i].offset);
	/* RFC 9110 10.1.1: a peer that does not know what 100 says. */
	if (parser->http_minor == 0)
		request->headers.expect[0] = '\0';
	request->event = REQUEST_HEAD;
	http_parser_pause(parser, 1);
	return 0;
}

static int on_body(http_parser *parser, const char *data, size_t n)
{
	struct httpd_request *request = parser->data;

	if (request->on_body != NULL)
		request->refused = request->on_body(request->user, data, n);
	return request->refused == 0 ? 0 : -1;
}

static int on_done(http_parser *parser)
{
	struct httpd_request *request = parser->data;

	request->event = REQUEST_DONE;
	request->begun = false;
	http_parser_pause(parser, 1);
	return 0;
}

static const http_parser_settings settings = {
	.on_message_begin = on_begin,
	.on_url = on_url,
	.on_header_field = on_field,
	.on_header_value = on_value,
	.on_headers_complete = on_head,
	.on_body = on_body,
	.on_message_complete = on_done,
};

void httpd_request_limits(void)
{
	http_parser_set_max_header_size(REQUEST_HEAD_MAX);
}

void httpd_request_init(struct httpd_request *request)
{
	http_parser_init(&request->parser, HTTP_REQUEST);
	request->parser.data = request;
}

enum request_event httpd_request_parse(
	struct httpd_request *request, const void *data, size_t n, size_t *used)
{
	http_parser *parser = &request->parser;

	request->event = REQUEST_MORE;
	if (HTTP_PARSER_ERRNO(parser) == HPE_PAUSED)
		http_parser_pause(parser, 0);
	*used = http_parser_execute(parser, &settings, data, n);
	if (HTTP_PARSER_ERRNO(parser) != HPE_OK && HTTP_PARSER_ERRNO(parser) != HPE_PAUSED) {
		request->event = REQUEST_BAD;
		request->bad_byte = *used < n ? ((const char *)data)[*used] : '\0';
	}
	return request->event;
}

int httpd_request_status(const struct httpd_request *request)
{
	if (request->refused != 0)
		return request->refused;
	switch (HTTP_PARSER_ERRNO(&request->parser)) {
	case HPE_HEADER_OVERFLOW:
		return HTTP_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE;
	case HPE_INVALID_METHOD: /* RFC 9110 9.1: a method that is not known; or no method at all */
		return isalpha((unsigned char)request->bad_byte) ? HTTP_STATUS_NOT_IMPLEMENTED
								 : HTTP_STATUS_BAD_REQUEST;
	default:
		return HTTP_STATUS_BAD_REQUEST;
	}
}

bool httpd_request_has_body(const struct httpd_request *request)
{
	const http_parser *parser = &request->parser;

	return (parser->flags & F_CHUNKED) != 0 ||
		(parser->content_length != 0 && parser->content_length != UINT64_MAX);
}

/* RFC 9112 6.1: one of 1.0 with a coding may have come through somebody who does not know of it. */
bool httpd_request_is_last(const struct httpd_request *request)
{
	const http_parser *parser = &request->parser;

	return !http_should_keep_alive(parser) ||
		(parser->http_minor == 0 && request->headers.transfer_encoding[0] != '\0');
}
