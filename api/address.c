/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static size_t ip_size(uint8_t family)
{
	switch (family) {
	case RWS_IPV4:
		return 4;
	case RWS_IPV6:
		return 16;
	default:
		return 0;
	}
}

/* Decimal digits only, up to max; false for anything else. */
static bool parse_number(const char *text, unsigned long max, unsigned long *value)
{
	unsigned long n = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		n = n * 10 + (unsigned long)(*text - '0');
		if (n > max)
			return false;
	}
	*value = n;
	return true;
}

/*
 * Splits "host:port", "[host]:port", "host" and "::1" (more than one colon without brackets is a
 * bare IPv6 address). *port is NULL when there is none.
 */
static bool split_port(char *text, char **host, char **port)
{
	char *colon;

	*port = NULL;
	*host = text;
	if (*text == '[') {
		char *end = strchr(text, ']');
		if (end == NULL)
			return false;
		*host = text + 1;
		*end = '\0';
		if (end[1] == ':')
			*port = end + 2;
		return end[1] == ':' || end[1] == '\0';
	}
	colon = strchr(text, ':');
	if (colon != NULL && strchr(colon + 1, ':') == NULL) {
		*colon = '\0';
		*port = colon + 1;
	}
	return true;
}

/* RFC 4007 11: "fe80::1%2", with the zone as a number. */
static bool parse_scope(char *host, struct rws_address *address)
{
	char *percent = strchr(host, '%');
	unsigned long scope;

	if (percent == NULL)
		return true;
	if (!parse_number(percent + 1, UINT8_MAX, &scope))
		return false;
	*percent = '\0';
	address->scope = (uint8_t)scope;
	return true;
}

static bool parse_host(char *host, bool bracketed, struct rws_address *address)
{
	if (!bracketed && (*host == '\0' || strcmp(host, "*") == 0))
		return true;
	if (!bracketed && inet_pton(AF_INET, host, address->ip) == 1) {
		address->family = RWS_IPV4;
		return true;
	}
	address->family = RWS_IPV6;
	return parse_scope(host, address) && inet_pton(AF_INET6, host, address->ip) == 1;
}

int rws_address_parse(const char *text, struct rws_address *address)
{
	struct rws_address parsed = {0};
	char copy[RWS_ADDRESS_TEXT];
	char *host, *port;
	unsigned long number = 0;

	size_t length = text != NULL ? strlen(text) : 0;
	if (length == 0 || length >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, length + 1);
	if (!split_port(copy, &host, &port) || !parse_host(host, *text == '[', &parsed))
		return -EINVAL;
	if (port != NULL && !parse_number(port, UINT16_MAX, &number))
		return -EINVAL;
	parsed.port = (uint16_t)number;
	*address = parsed;
	return 0;
}

const char *rws_address_format(const struct rws_address *address, char text[RWS_ADDRESS_TEXT])
{
	char host[INET6_ADDRSTRLEN] = "*";
	char scope[5] = "";

	switch (address->family) {
	case RWS_IPV4:
		inet_ntop(AF_INET, address->ip, host, sizeof(host));
		break;
	case RWS_IPV6:
		inet_ntop(AF_INET6, address->ip, host, sizeof(host));
		if (address->scope != 0)
			snprintf(scope, sizeof(scope), "%%%u", address->scope);
		snprintf(text, RWS_ADDRESS_TEXT, "[%s%s]:%u", host, scope, address->port);
		return text;
	default:
		break;
	}
	snprintf(text, RWS_ADDRESS_TEXT, "%s:%u", host, address->port);
	return text;
}

bool rws_address_equal(const struct rws_address *a, const struct rws_address *b)
{
	return a->family == b->family && a->scope == b->scope && a->port == b->port &&
		memcmp(a->ip, b->ip, ip_size(a->family)) == 0;
}

int address_to_ip(const struct rws_address *address, ip_addr_t *ip, uint16_t *port)
{
	*ip = *IP_ANY_TYPE;
	*port = 0;
	if (address == NULL)
		return 0;
	*port = address->port;
	switch (address->family) {
	case 0:
		return 0;
	case RWS_IPV4:
		ip_addr_set_zero_ip4(ip);
		memcpy(ip_2_ip4(ip), address->ip, 4);
		return 0;
	case RWS_IPV6:
		ip_addr_set_zero_ip6(ip);
		memcpy(ip_2_ip6(ip)->addr, address->ip, 16);
		ip6_addr_set_zone(ip_2_ip6(ip), address->scope);
		return 0;
	default:
		return -EAFNOSUPPORT;
	}
}

void address_from_ip(const ip_addr_t *ip, uint16_t port, struct rws_address *address)
{
	*address = (struct rws_address){.port = port};
	if (IP_IS_V4(ip)) {
		address->family = RWS_IPV4;
		memcpy(address->ip, ip_2_ip4(ip), 4);
	} else if (IP_GET_TYPE(ip) == IPADDR_TYPE_V6) {
		address->family = RWS_IPV6;
		address->scope = ip6_addr_zone(ip_2_ip6(ip));
		memcpy(address->ip, ip_2_ip6(ip)->addr, 16);
	}
}

bool address_is_any(const struct rws_address *address)
{
	static const uint8_t zeros[16];

	return memcmp(address->ip, zeros, ip_size(address->family)) == 0;
}

bool address_is_multicast(const struct rws_address *address)
{
	if (address->family == RWS_IPV4)
		return (address->ip[0] & 0xf0) == 0xe0;
	return address->family == RWS_IPV6 && address->ip[0] == 0xff;
}

bool address_is_broadcast(const struct rws_address *address)
{
	static const uint8_t ones[4] = {0xff, 0xff, 0xff, 0xff};

	return address->family == RWS_IPV4 && memcmp(address->ip, ones, sizeof(ones)) == 0;
}
