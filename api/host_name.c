/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/host_name.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_MAX 63u /* RFC 1035 2.3.4 */

/* Not isalnum and its kin: they follow the locale. */
static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return c >= 'a' && c <= 'z';
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* One label up to its dot or the end; its length, 0 when it is none. */
static size_t label_length(const char *at)
{
	size_t n = 0;

	while (is_letter(at[n]) || is_digit(at[n]) || at[n] == '-')
		n++;
	if (n == 0 || n > LABEL_MAX || at[0] == '-' || at[n - 1] == '-')
		return 0;
	return at[n] == '.' || at[n] == '\0' ? n : 0;
}

/* RFC 1123 2.1: what ends in a number is, or was meant as, an address. */
static bool is_number(const char *label)
{
	return label[strspn(label, "0123456789")] == '\0';
}

static bool is_host_name(const char *name)
{
	for (;;) {
		size_t n = label_length(name);
		if (n == 0)
			return false;
		if (name[n] == '\0')
			return !is_number(name);
		name += n + 1;
	}
}

/* The name in lower case, without the dot of the root. */
static bool copy_name(char *name, const char *text, size_t n)
{
	if (n > 0 && text[n - 1] == '.')
		n--;
	if (n == 0 || n > HOST_NAME_LENGTH)
		return false;
	for (size_t i = 0; i < n; i++)
		name[i] = lower(text[i]);
	name[n] = '\0';
	return is_host_name(name);
}

static bool parse_port(const char *text, uint16_t *port)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 5 || text[digits] != '\0')
		return false;
	long number = strtol(text, NULL, 10);
	*port = (uint16_t)number;
	return number >= 1 && number <= UINT16_MAX;
}

int host_parse(const char *text, struct host_target *target)
{
	*target = (struct host_target){0};
	if (text == NULL)
		return -EINVAL;
	if (rws_address_parse(text, &target->address) == 0 && target->address.family != 0) {
		target->is_literal = true;
		target->port = target->address.port;
		return target->port != 0 ? 0 : -EINVAL;
	}
	const char *colon = strrchr(text, ':');
	if (colon == NULL || !parse_port(colon + 1, &target->port) ||
		!copy_name(target->name, text, (size_t)(colon - text)))
		return -EINVAL;
	return 0;
}
