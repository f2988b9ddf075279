/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP options, from the wire and to it; and the header before them.
 *
 * Called from all of stack/tcp/ that reads or writes headers.
 */
#include <string.h>

#include "stack/base/bytes.h"
#include "stack/tcp/tcp_internal.h"

#define OPTIONS_MAX (TCP_HEADER_MAX - TCP_HEADER)

/* Reading */

static void read_sack(const uint8_t *value, unsigned length, struct tcp_options *options)
{
	unsigned count = length / TCPOLEN_SACK_BLOCK;
	if (count == 0 || length % TCPOLEN_SACK_BLOCK != 0)
		return;
	if (count > TCP_SACK_MAX)
		count = TCP_SACK_MAX;
	for (unsigned i = 0; i < count; i++, value += TCPOLEN_SACK_BLOCK) {
		options->sack[i].start = be32_get(value);
		options->sack[i].end = be32_get(value + 4);
	}
	options->sack_count = (uint8_t)count;
}

/* RFC 7413 4.1.1: 4 to 16 bytes and even, or none. */
static void read_fast_open(const uint8_t *value, unsigned length, struct tcp_options *options)
{
	if (length != 0 && (length < 4 || length > TCP_TFO_MAX || length % 2 != 0))
		return;
	options->has_fast_open = true;
	options->fast_open_length = (uint8_t)length;
	memcpy(options->fast_open, value, length);
}

/*
 * length: of the value, without kind and length. RFC 9293 3.1, MUST-6: an option that is not known is
 * skipped; and so is one of a length that its kind does not have, which makes it another option.
 */
static void read_option(
	uint8_t kind, const uint8_t *value, unsigned length, struct tcp_options *options)
{
	switch (kind) {
	case TCPOPT_MSS:
		if (length != TCPOLEN_MSS - 2)
			break;
		options->has_mss = true;
		options->mss = be16_get(value);
		break;
	case TCPOPT_WSCALE:
		if (length != TCPOLEN_WSCALE - 2)
			break;
		options->has_wscale = true;
		/* RFC 7323 2.3: a shift above 14 counts as 14 */
		options->wscale = *value < TCP_WSCALE_MAX ? *value : TCP_WSCALE_MAX;
		break;
	case TCPOPT_SACK_PERMITTED:
		options->sack_permitted |= length == TCPOLEN_SACK_PERMITTED - 2;
		break;
	case TCPOPT_SACK:
		read_sack(value, length, options);
		break;
	case TCPOPT_TIMESTAMPS:
		if (length == TCPOLEN_TIMESTAMPS - 2)
			tcp_options_take_timestamps(value, options);
		break;
	case TCPOPT_FAST_OPEN:
		read_fast_open(value, length, options);
		break;
	default:
		break;
	}
}

bool tcp_options_parse(const uint8_t *bytes, unsigned length, struct tcp_options *options)
{
	const uint8_t *end = bytes + length;
	options->present = 0;
	while (bytes < end && *bytes != TCPOPT_END) {
		if (*bytes == TCPOPT_NOP) {
			bytes++;
			continue;
		}
		/* RFC 9293 3.1, MUST-7: a length that cannot be, in itself or for what is left */
		if (end - bytes < 2 || bytes[1] < 2 || bytes[1] > end - bytes)
			return false;
		read_option(bytes[0], bytes + 2, bytes[1] - 2u, options);
		bytes += bytes[1];
	}
	return true;
}

/* Writing. Each returns the place behind what it wrote. */

static uint8_t *write_timestamps(uint8_t *at, const struct tcp_header *header)
{
	at[0] = TCPOPT_TIMESTAMPS;
	at[1] = TCPOLEN_TIMESTAMPS;
	be32_put(at + 2, header->ts_val);
	be32_put(at + 6, header->ts_ecr);
	return at + TCPOLEN_TIMESTAMPS;
}

static uint8_t *write_two_nops(uint8_t *at)
{
	at[0] = at[1] = TCPOPT_NOP;
	return at + 2;
}

static uint8_t *write_fast_open(uint8_t *at, const struct tcp_header *header)
{
	at[0] = TCPOPT_FAST_OPEN;
	at[1] = (uint8_t)(2 + header->fast_open_length);
	if (header->fast_open_length > 0)
		memcpy(at + 2, header->fast_open, header->fast_open_length);
	return at + at[1];
}

/* Of as many blocks as there is room for: three beside timestamps (RFC 2018 3). */
static uint8_t *write_sack(uint8_t *at, unsigned room, const struct tcp_header *header)
{
	unsigned count = room < 4 ? 0 : (room - 4) / TCPOLEN_SACK_BLOCK;
	if (count > header->sack_count)
		count = header->sack_count;
	if (count == 0)
		return at;
	at = write_two_nops(at);
	at[0] = TCPOPT_SACK;
	at[1] = (uint8_t)(2 + count * TCPOLEN_SACK_BLOCK);
	at += 2;
	for (unsigned i = 0; i < count; i++, at += TCPOLEN_SACK_BLOCK) {
		be32_put(at, header->sack[i].start);
		be32_put(at + 4, header->sack[i].end);
	}
	return at;
}

static uint8_t *write_options(uint8_t *to, const struct tcp_header *header)
{
	uint8_t *at = to;
	if (header->mss != 0) {
		at[0] = TCPOPT_MSS;
		at[1] = TCPOLEN_MSS;
		be16_put(at + 2, header->mss);
		at += TCPOLEN_MSS;
	}
	if (header->sack_permitted) {
		at[0] = TCPOPT_SACK_PERMITTED;
		at[1] = TCPOLEN_SACK_PERMITTED;
		at += TCPOLEN_SACK_PERMITTED;
	} else if (header->has_ts) {
		at = write_two_nops(at);
	}
	if (header->has_ts)
		at = write_timestamps(at, header);
	if (header->has_wscale) {
		at[0] = TCPOPT_NOP;
		at[1] = TCPOPT_WSCALE;
		at[2] = TCPOLEN_WSCALE;
		at[3] = header->wscale;
		at += 1 + TCPOLEN_WSCALE;
	}
	if (header->has_fast_open)
		at = write_fast_open(at, header);
	if (header->sack_count > 0)
		at = write_sack(at, OPTIONS_MAX - (unsigned)(at - to), header);
	while ((at - to) % 4 != 0)
		*at++ = TCPOPT_NOP;
	return at;
}

unsigned tcp_header_write(uint8_t *to, const struct tcp_header *header)
{
	unsigned length = (unsigned)(write_options(to + TCP_HEADER, header) - to);
	be16_put(to + TCP_AT_SOURCE, header->local_port);
	be16_put(to + TCP_AT_DESTINATION, header->remote_port);
	be32_put(to + TCP_AT_SEQ, header->seq);
	be32_put(to + TCP_AT_ACK, header->ack);
	to[TCP_AT_OFFSET] = (uint8_t)(length / 4 << 4);
	to[TCP_AT_FLAGS] = header->flags;
	be16_put(to + TCP_AT_WINDOW, header->wnd);
	memset(to + TCP_AT_CHECKSUM, 0, 4); /* and the urgent pointer */
	return length;
}
