/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The URLs that rws-get takes: http[s]://HOST[:PORT][/PATH]; the host is a name, an IPv4 or an
 * [IPv6] address.
 *
 * Called from apps/get.c. Calls http_parser.
 */
#ifndef RWS_APPS_URL_H
#define RWS_APPS_URL_H

#include <stdbool.h>
#include <stddef.h>

#define URL_MAX      8192u
#define URL_HOST_MAX 255u

struct url {
	/* With the port, for rws_tcp_connect_host and the Host header. */
	char host[URL_HOST_MAX + sizeof("[]:65535")];
	char name[URL_HOST_MAX + 1]; /* alone, as certificates have it */
	bool is_secure;              /* https */
	char target[URL_MAX];        /* path and query, from "/" on */
};

/* 0, or -EINVAL with a text that says what is wrong with it. */
int url_parse(const char *text, struct url *url, char *error, size_t size);

#endif
