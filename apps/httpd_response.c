/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/httpd_response.h"

#include <http_parser.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATE_FORMAT "%a, %d %b %Y %H:%M:%S GMT"

void httpd_response_error(struct httpd_response *response, int status)
{
	char *text = NULL;

	httpd_body_close(&response->body);
	response->status = status;
	response->ranges = false;
	if (asprintf(&text, "%d %s\n", status, http_status_str((enum http_status)status)) < 0)
		text = NULL;
	httpd_response_text(response, "text/plain; charset=utf-8", text);
}

void httpd_response_text(struct httpd_response *response, const char *type, char *text)
{
	if (text == NULL)
		response->status = HTTP_STATUS_SERVICE_UNAVAILABLE;
	response->type = type;
	response->body = (struct httpd_body){
		.kind = BODY_TEXT, .text = text, .left = text != NULL ? strlen(text) : 0};
}

struct writer {
	char *text;
	size_t length;
};

/* All lines together are shorter than RESPONSE_HEAD_MAX: each has a bounded argument. */
static void add(struct writer *writer, const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(writer->text + writer->length, RESPONSE_HEAD_MAX - writer->length, format,
		arguments);
	va_end(arguments);
	if (n > 0 && (size_t)n < RESPONSE_HEAD_MAX - writer->length)
		writer->length += (size_t)n;
}

static void add_date(struct writer *writer, const char *name, time_t when)
{
	char text[64];
	struct tm parts;

	gmtime_r(&when, &parts);
	strftime(text, sizeof(text), DATE_FORMAT, &parts);
	add(writer, "%s: %s\r\n", name, text);
}

static void add_range(struct writer *writer, const struct httpd_response *response)
{
	const struct httpd_body *body = &response->body;

	if (response->status == HTTP_STATUS_PARTIAL_CONTENT)
		add(writer, "Content-Range: bytes %llu-%llu/%llu\r\n",
			(unsigned long long)body->offset,
			(unsigned long long)(body->offset + body->left - 1),
			(unsigned long long)response->total);
	else if (response->status == HTTP_STATUS_RANGE_NOT_SATISFIABLE)
		add(writer, "Content-Range: bytes */%llu\r\n", (unsigned long long)response->total);
	else if (response->ranges)
		add(writer, "Accept-Ranges: bytes\r\n");
}

size_t httpd_response_head(const struct httpd_response *response, char text[RESPONSE_HEAD_MAX])
{
	struct writer writer = {.text = text};

	add(&writer, "HTTP/1.1 %d %s\r\nServer: rws-httpd\r\n", response->status,
		http_status_str((enum http_status)response->status));
	add_date(&writer, "Date", time(NULL));
	if (response->status != HTTP_STATUS_NOT_MODIFIED)
		add(&writer, "Content-Length: %llu\r\nContent-Type: %s\r\n",
			(unsigned long long)response->body.left, response->type);
	add_range(&writer, response);
	if (response->modified != 0)
		add_date(&writer, "Last-Modified", response->modified);
	if (response->etag[0] != '\0')
		add(&writer, "ETag: %s\r\n", response->etag);
	if (response->allow != NULL)
		add(&writer, "Allow: %s\r\n", response->allow);
	add(&writer, "Connection: %s\r\n\r\n", response->close ? "close" : "keep-alive");
	return writer.length;
}

/* One that is to come is as good as now. None of before 1970 is told. */
void httpd_response_modified(struct httpd_response *response, time_t when)
{
	time_t now = time(NULL);

	response->modified = when > now ? now : when > 0 ? when : 0;
}

time_t httpd_date_parse(const char *text)
{
	static const char *const formats[] = {
		DATE_FORMAT, "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"};

	for (unsigned i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct tm parts = {0};
		const char *end = strptime(text, formats[i], &parts);

		if (end != NULL && *end == '\0')
			return timegm(&parts);
	}
	return 0;
}
