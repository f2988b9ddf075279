/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/http_range.h"

#include <stdbool.h>
#include <stddef.h>
#include <strings.h>

/* Reads digits at *text and moves behind them. False without any, or when the value overflows. */
static bool parse_position(const char **text, uint64_t *value)
{
	const char *begin = *text;

	*value = 0;
	for (; **text >= '0' && **text <= '9'; (*text)++) {
		uint64_t digit = (uint64_t)(**text - '0');

		if (*value > (UINT64_MAX - digit) / 10)
			return false;
		*value = *value * 10 + digit;
	}
	return *text != begin;
}

/* RFC 9110 14.1.2: "-n" is the last n bytes. */
static enum http_range last_bytes(
	uint64_t wanted, uint64_t length, uint64_t *first, uint64_t *count)
{
	if (wanted == 0 || length == 0)
		return HTTP_RANGE_OUTSIDE;
	*count = wanted < length ? wanted : length;
	*first = length - *count;
	return HTTP_RANGE_PART;
}

enum http_range http_range_parse(
	const char *value, uint64_t length, uint64_t *first, uint64_t *count)
{
	uint64_t last = UINT64_MAX;
	bool has_first;

	if (strncasecmp(value, "bytes=", 6) != 0)
		return HTTP_RANGE_NONE;
	value += 6;
	has_first = parse_position(&value, first);
	if (*value++ != '-')
		return HTTP_RANGE_NONE;
	if (*value != '\0' && !parse_position(&value, &last))
		return HTTP_RANGE_NONE;
	if (*value != '\0' || (!has_first && value[-1] == '-'))
		return HTTP_RANGE_NONE;
	if (!has_first)
		return last_bytes(last, length, first, count);
	if (last < *first)
		return HTTP_RANGE_NONE;
	if (*first >= length)
		return HTTP_RANGE_OUTSIDE;
	*count = (last < length ? last + 1 : length) - *first;
	return HTTP_RANGE_PART;
}
