/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A response: what is known about it, and the text of its head.
 *
 * Filled by apps/httpd_target.c, sent by apps/httpd_connection.c.
 */
#ifndef RWS_APPS_HTTPD_RESPONSE_H
#define RWS_APPS_HTTPD_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "apps/httpd_body.h"

#define RESPONSE_HEAD_MAX 1024u

struct httpd_response {
	int status;        /* 0: not known yet */
	const char *type;  /* Content-Type */
	const char *allow; /* of a 405 */
	uint64_t total;    /* with ranges: length of the whole, of which body may be a part */
	time_t modified;   /* since 1970, and not to come; 0: has none */
	char etag[48];     /* "" has none */
	bool ranges;       /* parts of it can be asked for */
	bool close;        /* the connection ends with it */
	struct httpd_body body;
};

/* A short text that names the status, as the whole body. */
void httpd_response_error(struct httpd_response *response, int status);

/* A text as the body; takes it over. NULL: there was no memory for it. */
void httpd_response_text(struct httpd_response *response, const char *type, char *text);

/* Status line and headers. Returns the length. */
size_t httpd_response_head(const struct httpd_response *response, char text[RESPONSE_HEAD_MAX]);

/* Takes the time that a file tells, which may be any number: RFC 9110 8.8.2.1. */
void httpd_response_modified(struct httpd_response *response, time_t when);

/* RFC 9110 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT" or one of the two obsolete forms; 0 for a text that
 * is not such a date. */
time_t httpd_date_parse(const char *text);

#endif
