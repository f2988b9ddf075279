/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Range header of a request (RFC 9110 14.2), for a body of known length.
 *
 * Called from apps/httpd_target.c. Calls nothing of ours.
 */
#ifndef RWS_APPS_HTTP_RANGE_H
#define RWS_APPS_HTTP_RANGE_H

#include <stdint.h>

enum http_range {
	HTTP_RANGE_NONE, /* absent, broken, or several ranges: the whole body answers it as well */
	HTTP_RANGE_PART,
	HTTP_RANGE_OUTSIDE, /* nothing of it is in the body */
};

/* value "" for an absent header. With HTTP_RANGE_PART fills the first byte and the byte count. */
enum http_range http_range_parse(
	const char *value, uint64_t length, uint64_t *first, uint64_t *count);

#endif
