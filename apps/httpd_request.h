/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One request at a time, parsed from bytes as they come (http_parser does the grammar).
 *
 * Called from apps/httpd_connection.c. Calls http_parser.
 *
 * The parser stops twice for each request: when the head is complete, so that the server can judge
 * it before any body, and when the whole is, so that the next pipelined request waits its turn.
 * Bodies are handed on as they lie in the receive buffer; only the URL and the headers named below
 * are kept.
 */
#ifndef RWS_APPS_HTTPD_REQUEST_H
#define RWS_APPS_HTTPD_REQUEST_H

#include <http_parser.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REQUEST_URL_MAX  2048u
#define REQUEST_HEAD_MAX (16u * 1024u)

enum request_event {
	REQUEST_MORE, /* all bytes used, the request goes on */
	REQUEST_HEAD, /* the head is complete */
	REQUEST_DONE, /* the request is complete; the bytes left belong to the next */
	REQUEST_BAD,  /* as httpd_request_status says */
};

/* Values of headers, "" when absent. Of values that do not fit those that may be ignored count as
 * absent (range, if_none_match, if_modified_since), the others are REQUEST_BAD with status 431. */
struct request_headers {
	char host[256];
	char range[128], if_range[128];
	char if_none_match[256], if_modified_since[64];
	char expect[32], transfer_encoding[32];
};

/* Takes body bytes. 0, or the HTTP status that refuses them. */
typedef int request_body(void *user, const char *data, size_t n);

struct httpd_request {
	http_parser parser;
	request_body *on_body; /* NULL: bodies are skipped */
	void *user;
	enum request_event event;
	int refused;   /* status by which a callback refused */
	char bad_byte; /* the one that the parser stopped at */
	bool begun;    /* bytes of it have come */
	unsigned hosts;
	size_t url_length;
	char url[REQUEST_URL_MAX];
	char field[32]; /* name of the header being read, "" when too long to be one of ours */
	size_t field_length;
	bool in_value;
	unsigned too_long; /* bit per header that is kept */
	struct request_headers headers;
};

/* Once per process. */
void httpd_request_limits(void);

void httpd_request_init(struct httpd_request *request);

/* Parses at most n bytes and says how many it used. */
enum request_event httpd_request_parse(
	struct httpd_request *request, const void *data, size_t n, size_t *used);

/* Status for REQUEST_BAD. */
int httpd_request_status(const struct httpd_request *request);

/* After REQUEST_HEAD. */
bool httpd_request_has_body(const struct httpd_request *request);

/* Whether no other may follow on its connection. */
bool httpd_request_is_last(const struct httpd_request *request);

#endif
