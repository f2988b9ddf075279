/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <http_parser.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "apps/options.h"

#define LABEL_MAX 63u /* RFC 1035 2.3.4 */

static const char no_host[] = "the host is a name or an IP address, 10.0.0.1 or [fd00::1], and the "
			      "port from 1 to 65535";

static bool has(const struct http_parser_url *parts, int field)
{
	return (parts->field_set & 1 << field) != 0;
}

static bool is_scheme(const char *text, const struct http_parser_url *parts, const char *scheme)
{
	size_t n = strlen(scheme);

	return has(parts, UF_SCHEMA) && parts->field_data[UF_SCHEMA].len == n &&
		strncasecmp(text, scheme, n) == 0;
}

static bool take_scheme(const char *text, const struct http_parser_url *parts, struct url *url)
{
	url->is_secure = is_scheme(text, parts, "https");
	return url->is_secure || is_scheme(text, parts, "http");
}

/* RFC 1123 2.1: labels of letters, digits and hyphens within; the last one is no number. */
static bool may_be_name(const char *host)
{
	bool is_number;

	do {
		size_t n = strspn(
			host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");

		if (n == 0 || n > LABEL_MAX || host[0] == '-' || host[n - 1] == '-')
			return false;
		is_number = strspn(host, "0123456789") >= n;
		host += n;
		if (host[0] != '.' && host[0] != '\0')
			return false;
		host += host[0] == '.';
	} while (host[0] != '\0');
	return !is_number;
}

/* What is wrong with the text, NULL when it is a host. */
static const char *check_host(const char *host)
{
	bool ipv6 = strchr(host, ':') != NULL;
	uint8_t ip[16];

	if (inet_pton(ipv6 ? AF_INET6 : AF_INET, host, ip) != 1)
		return !ipv6 && may_be_name(host) ? NULL : no_host;
	return options_is_station(ipv6 ? 6 : 4, ip)
		? NULL
		: "not the address of one server; give a unicast address";
}

static const char *parse_host(
	const char *text, const struct http_parser_url *parts, struct url *url)
{
	char *host = url->name;
	size_t n = parts->field_data[UF_HOST].len;
	unsigned port = has(parts, UF_PORT) ? parts->port : url->is_secure ? 443 : 80;

	if (!has(parts, UF_HOST) || n >= sizeof(url->name) || port == 0)
		return no_host;
	memcpy(host, text + parts->field_data[UF_HOST].off, n);
	host[n] = '\0';
	snprintf(url->host, sizeof(url->host), strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u",
		host, port);
	return check_host(host);
}

/* Path and query; the fragment is not for the server (RFC 9110 7.1). */
static void copy_target(const char *text, const struct http_parser_url *parts, struct url *url)
{
	const char *path = text + parts->field_data[UF_PATH].off;
	const char *query = text + parts->field_data[UF_QUERY].off;

	snprintf(url->target, sizeof(url->target), "%.*s%s%.*s",
		has(parts, UF_PATH) ? parts->field_data[UF_PATH].len : 1,
		has(parts, UF_PATH) ? path : "/", has(parts, UF_QUERY) ? "?" : "",
		has(parts, UF_QUERY) ? parts->field_data[UF_QUERY].len : 0, query);
}

int url_parse(const char *text, struct url *url, char *error, size_t size)
{
	struct http_parser_url parts;
	const char *wrong = NULL;

	http_parser_url_init(&parts);
	if (strlen(text) >= URL_MAX)
		wrong = "longer than 8191 bytes";
	else if (http_parser_parse_url(text, strlen(text), 0, &parts) != 0 ||
		!has(&parts, UF_SCHEMA))
		wrong = "not a URL; write it as http://10.0.0.1:8080/path or http://[fd00::1]/path";
	else if (!take_scheme(text, &parts, url))
		wrong = "only http:// and https:// are spoken here";
	else if (has(&parts, UF_USERINFO))
		wrong = "no user and password, please";
	else
		wrong = parse_host(text, &parts, url);
	if (wrong != NULL) {
		snprintf(error, size, "%.200s: %s", text, wrong);
		return -EINVAL;
	}
	copy_target(text, &parts, url);
	return 0;
}
