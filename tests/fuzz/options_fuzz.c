/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP options: the bytes of the input are the options of a header, as far as they fit one. What
 * tcp_options_parse reads is compared with a second reading that shares nothing with it.
 */
#include <string.h>

#include "stack/tcp/tcp_internal.h"
#include "tests/fuzz/fuzz.h"

static uint32_t number(const uint8_t *bytes, unsigned count)
{
	uint32_t value = 0;
	while (count-- > 0)
		value = value << 8 | *bytes++;
	return value;
}

/* RFC 9293 3.1, RFC 2018, RFC 7323, RFC 7413, slowly. at is where an option of `size` bytes lies. */
static void read_one(const uint8_t *at, unsigned size, struct tcp_options *o)
{
	unsigned kind = at[0];
	if (kind == 2 && size == 4) {
		o->has_mss = true;
		o->mss = (uint16_t)number(at + 2, 2);
	} else if (kind == 3 && size == 3) {
		o->has_wscale = true;
		o->wscale = at[2] > 14 ? 14 : at[2];
	} else if (kind == 4 && size == 2) {
		o->sack_permitted = true;
	} else if (kind == 5 && size >= 10 && size % 8 == 2) {
		o->sack_count = (uint8_t)(size / 8 > 4 ? 4 : size / 8);
		for (unsigned i = 0; i < o->sack_count; i++) {
			o->sack[i].start = number(at + 2 + 8 * i, 4);
			o->sack[i].end = number(at + 6 + 8 * i, 4);
		}
	} else if (kind == 8 && size == 10) {
		o->has_ts = true;
		o->ts_val = number(at + 2, 4);
		o->ts_ecr = number(at + 6, 4);
	} else if (kind == 34 && (size == 2 || (size >= 6 && size <= 18 && size % 2 == 0))) {
		o->has_fast_open = true;
		o->fast_open_length = (uint8_t)(size - 2);
		memcpy(o->fast_open, at + 2, size - 2);
	}
}

static bool read_all(const uint8_t *bytes, unsigned length, struct tcp_options *o)
{
	memset(o, 0, sizeof(*o));
	for (unsigned at = 0; at < length && bytes[at] != 0;) {
		if (bytes[at] == 1) {
			at++;
			continue;
		}
		if (at + 1 == length || bytes[at + 1] < 2 || at + bytes[at + 1] > length)
			return false;
		read_one(bytes + at, bytes[at + 1], o);
		at += bytes[at + 1];
	}
	return true;
}

static void compare(const struct tcp_options *ours, const struct tcp_options *other)
{
	CHECK(ours->has_mss == other->has_mss);
	CHECK(!ours->has_mss || ours->mss == other->mss);
	CHECK(ours->has_wscale == other->has_wscale);
	CHECK(!ours->has_wscale || ours->wscale == other->wscale);
	CHECK(ours->has_ts == other->has_ts);
	CHECK(!ours->has_ts || (ours->ts_val == other->ts_val && ours->ts_ecr == other->ts_ecr));
	CHECK(ours->sack_count == other->sack_count);
	for (unsigned i = 0; i < ours->sack_count; i++)
		CHECK(ours->sack[i].start == other->sack[i].start &&
			ours->sack[i].end == other->sack[i].end);
	CHECK(ours->has_fast_open == other->has_fast_open);
	if (ours->has_fast_open) {
		CHECK(ours->fast_open_length == other->fast_open_length);
		CHECK(memcmp(ours->fast_open, other->fast_open, ours->fast_open_length) == 0);
	}
}

/* What was read, written and read again, is the same. */
static void write_and_read(const struct tcp_options *o)
{
	uint8_t bytes[TCP_HEADER_MAX];
	struct tcp_options again;
	const struct tcp_header header = {
		.mss = o->has_mss ? o->mss : 0,
		.sack_permitted = o->sack_permitted,
		.has_ts = o->has_ts,
		.ts_val = o->ts_val,
		.ts_ecr = o->ts_ecr,
		.has_wscale = o->has_wscale,
		.wscale = o->wscale,
	};
	unsigned length = tcp_header_write(bytes, &header);
	CHECK(length <= TCP_HEADER_MAX && length % 4 == 0 &&
		bytes[TCP_AT_OFFSET] >> 4 == length / 4);
	CHECK(tcp_options_parse(bytes + TCP_HEADER, length - TCP_HEADER, &again));
	CHECK(again.mss == o->mss || header.mss == 0);
	CHECK(again.has_ts == o->has_ts && again.has_wscale == o->has_wscale);
	CHECK(!again.has_ts || (again.ts_val == o->ts_val && again.ts_ecr == o->ts_ecr));
	CHECK(!again.has_wscale || again.wscale == o->wscale);
	CHECK(again.sack_permitted == o->sack_permitted);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct tcp_options ours, other;
	unsigned length = size < 40 ? (unsigned)size : 40;
	bool good = tcp_options_parse(bytes, length, &ours);
	CHECK(good == read_all(bytes, length, &other));
	compare(&ours, &other);
	if (good)
		CHECK(ours.sack_permitted == other.sack_permitted);
	write_and_read(&ours);
	return 0;
}
