/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The URLs that rws-get takes: http://ADDRESS[:PORT][/PATH], with an IPv4 or [IPv6] address.
 *
 * Called from apps/get.c. Calls http_parser.
 */
#ifndef RWS_APPS_URL_H
#define RWS_APPS_URL_H

#include <rws.h>
#include <stddef.h>

#define URL_MAX 8192u

struct url {
	struct rws_address address;
	char host[80];        /* for the Host header */
	char target[URL_MAX]; /* path and query, from "/" on */
};

/* 0, or -EINVAL with a text that says what is wrong with it. */
int url_parse(const char *text, struct url *url, char *error, size_t size);

#endif
