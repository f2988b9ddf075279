/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the bytes of a response body come from: a file, the pattern of /bytes/N, or a text.
 *
 * Called from apps/httpd_connection.c. Calls apps/pattern.h.
 */
#ifndef RWS_APPS_HTTPD_BODY_H
#define RWS_APPS_HTTPD_BODY_H

#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

enum body_kind { BODY_NONE, BODY_FILE, BODY_PATTERN, BODY_TEXT };

struct httpd_body {
	enum body_kind kind;
	int fd;          /* BODY_FILE, closed by httpd_body_close */
	char *text;      /* BODY_TEXT, freed by httpd_body_close */
	uint64_t offset; /* of the next byte */
	uint64_t left;   /* bytes still to send */
};

/*
 * Fills the vectors, as far as the body goes. Returns how many bytes, at least 1 while any are left;
 * -EIO when the file cannot give what its length promised.
 */
ssize_t httpd_body_fill(struct httpd_body *body, const struct iovec *room, int count);

void httpd_body_close(struct httpd_body *body);

#endif
