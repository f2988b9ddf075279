/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP headers and options: what is read, what is refused, what is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "stack/base/bytes.h"
#include "stack/tcp/tcp_internal.h"

/* Parses a copy that ends where the options end, so that the sanitizers see each byte too many. */
static bool parse(const void *bytes, unsigned length, struct tcp_options *options)
{
	uint8_t *copy = malloc(length > 0 ? length : 1);
	assert_non_null(copy);
	memcpy(copy, bytes, length);
	memset(options, 0xa5, sizeof(*options));
	bool right = tcp_options_parse(copy, length, options);
	free(copy);
	return right;
}

#define PARSE(options, ...) \
	parse((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), options)

static bool nothing_in(const struct tcp_options *o)
{
	return !o->has_mss && !o->has_wscale && !o->has_ts && !o->sack_permitted &&
		!o->has_fast_open && o->sack_count == 0 && o->fast_open_length == 0;
}

/* RFC 9293 3.1 (MUST-4, MUST-5) */
static void header_without_options_says_nothing(void **state)
{
	struct tcp_options o;
	assert_true(parse("", 0, &o));
	assert_true(nothing_in(&o));
	assert_true(PARSE(&o, 1, 1, 1, 1));
	assert_true(nothing_in(&o));
}

/* RFC 9293 3.2: a SYN as most peers send it. */
static void syn_with_all_options_is_understood(void **state)
{
	struct tcp_options o;
	assert_true(PARSE(&o, 2, 4, 0x05, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7));
	assert_true(o.has_mss && o.sack_permitted && o.has_ts && o.has_wscale);
	assert_int_equal(o.mss, 1460);
	assert_int_equal(o.ts_val, 0x01020304);
	assert_int_equal(o.ts_ecr, 0x05060708);
	assert_int_equal(o.wscale, 7);
	assert_false(o.has_fast_open);
}

/* RFC 7323 appendix A: the layout of nearly every segment. */
static void timestamps_alone_are_understood(void **state)
{
	struct tcp_options o;
	assert_true(PARSE(&o, 1, 1, 8, 10, 0xff, 2, 3, 4, 5, 6, 7, 8));
	assert_true(o.has_ts && !o.has_mss && o.sack_count == 0);
	assert_int_equal(o.ts_val, 0xff020304);
	assert_int_equal(o.ts_ecr, 0x05060708);
}

/* RFC 9293 3.1 (MUST-5): options may begin at any byte. */
static void options_need_no_alignment(void **state)
{
	struct tcp_options o;
	assert_true(PARSE(&o, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 3, 3, 9));
	assert_int_equal(o.ts_val, 1);
	assert_int_equal(o.ts_ecr, 2);
	assert_int_equal(o.wscale, 9);
}

/* RFC 9293 3.1 (MUST-6) */
static void unknown_option_is_skipped_by_its_length(void **state)
{
	struct tcp_options o;
	assert_true(PARSE(&o, 254, 6, 2, 4, 9, 9, 253, 2, 2, 4, 0x02, 0x18));
	assert_true(o.has_mss);
	assert_int_equal(o.mss, 536);
}

/* RFC 9293 3.2: nothing is read behind the end of the list. */
static void end_of_list_ends_it(void **state)
{
	struct tcp_options o;
	assert_true(PARSE(&o, 3, 3, 2, 0, 2, 4, 5, 0xb4));
	assert_true(o.has_wscale && !o.has_mss);
}

/* RFC 9293 3.1 (MUST-7): lengths of 0, of 1, and beyond the header. */
static void impossible_length_is_refused(void **state)
{
	struct tcp_options o;
	assert_false(PARSE(&o, 2, 0, 5, 0xb4));
	assert_false(PARSE(&o, 2, 1, 5, 0xb4));
	assert_false(PARSE(&o, 254, 1));
	assert_false(PARSE(&o, 254, 5, 0, 0));
	assert_false(PARSE(&o, 2, 4, 5));
	assert_false(PARSE(&o, 1, 1, 1, 2));
	assert_false(PARSE(&o, 254));
}

/* RFC 9293 3.1 (MUST-6, MUST-7): a known kind with the length of no such option is skipped. */
static void known_option_of_wrong_length_is_skipped(void **state)
{
	struct tcp_options o;
	assert_true(PARSE(&o, 2, 3, 5, 3, 3, 7));
	assert_true(!o.has_mss && o.has_wscale);
	assert_true(PARSE(&o, 2, 5, 5, 0xb4, 0, 3, 3, 7));
	assert_true(!o.has_mss && o.has_wscale);
	assert_true(PARSE(&o, 3, 2, 4, 2));
	assert_true(!o.has_wscale && o.sack_permitted);
	assert_true(PARSE(&o, 3, 4, 1, 1, 4, 2));
	assert_true(!o.has_wscale && o.sack_permitted);
	assert_true(PARSE(&o, 4, 3, 0, 3, 3, 7));
	assert_true(!o.sack_permitted && o.has_wscale);
	assert_true(PARSE(&o, 8, 9, 0, 0, 0, 1, 0, 0, 0, 4, 2));
	assert_true(!o.has_ts && o.sack_permitted);
	assert_true(PARSE(&o, 5, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2));
	assert_true(o.sack_count == 0 && o.has_ts);
	assert_true(PARSE(&o, 5, 9, 0, 0, 0, 1, 0, 0, 0, 4, 2));
	assert_true(o.sack_count == 0 && o.sack_permitted);
}

/* RFC 7323 2.3 */
static void window_scale_above_14_counts_as_14(void **state)
{
	struct tcp_options o;
	assert_true(PARSE(&o, 3, 3, 255, 1));
	assert_int_equal(o.wscale, 14);
	assert_true(PARSE(&o, 3, 3, 14, 1));
	assert_int_equal(o.wscale, 14);
	assert_true(PARSE(&o, 3, 3, 0, 1));
	assert_true(o.has_wscale);
	assert_int_equal(o.wscale, 0);
}

/* RFC 2018 3 */
static void sack_blocks_are_read_in_order(void **state)
{
	uint8_t bytes[40] = {1, 1, 5, 34};
	struct tcp_options o;
	for (unsigned i = 0; i < 8; i++)
		be32_put(bytes + 4 + 4 * i, 0xfffffff0 + 8 * i);
	assert_true(parse(bytes, 36, &o));
	assert_int_equal(o.sack_count, 4);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(o.sack[i].start, (uint32_t)(0xfffffff0 + 16 * i));
		assert_int_equal(o.sack[i].end, (uint32_t)(0xfffffff8 + 16 * i));
	}
}

/* RFC 7413 4.1.1: a cookie of 4 to 16 bytes, even; none asks for one. */
static void fast_open_option_of_a_wrong_length_is_none(void **state)
{
	struct tcp_options o;
	assert_true(PARSE(&o, 34, 2, 1, 1));
	assert_true(o.has_fast_open);
	assert_int_equal(o.fast_open_length, 0);
	assert_true(PARSE(&o, 34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1));
	assert_true(o.has_fast_open);
	assert_int_equal(o.fast_open_length, 8);
	assert_memory_equal(o.fast_open, ((const uint8_t[]){1, 2, 3, 4, 5, 6, 7, 8}), 8);
	assert_true(PARSE(&o, 34, 4, 1, 2)); /* too short */
	assert_false(o.has_fast_open);
	assert_true(PARSE(&o, 34, 7, 1, 2, 3, 4, 5, 1)); /* odd */
	assert_false(o.has_fast_open);
	uint8_t bytes[20] = {34, 20};
	assert_true(parse(bytes, sizeof(bytes), &o)); /* too long */
	assert_false(o.has_fast_open);
}

/* RFC 9293 3.1 (MUST-7): whatever the bytes, none outside is read, and the counts hold. */
static void random_bytes_are_read_within_bounds(void **state)
{
	struct prng random;
	struct siphash_key key = {1, 2};
	prng_init(&random, &key, 0);
	unsigned right = 0;
	for (unsigned i = 0; i < 200000; i++) {
		uint8_t bytes[40];
		struct tcp_options o;
		for (unsigned j = 0; j < sizeof(bytes); j++) {
			uint64_t r = prng_next(&random);
			bytes[j] = (uint8_t)(r & 1 ? r >> 8 : r >> 8 & 15);
		}
		right += parse(bytes, (unsigned)(prng_next(&random) % 11 * 4), &o);
		assert_true(o.sack_count <= TCP_SACK_MAX);
		assert_true(o.fast_open_length <= TCP_TFO_MAX);
		assert_true(!o.has_wscale || o.wscale <= TCP_WSCALE_MAX);
	}
	assert_in_range(right, 10000, 190000);
}

/* Writing */

static unsigned put(const struct tcp_header *header, uint8_t bytes[TCP_HEADER_MAX])
{
	memset(bytes, 0xee, TCP_HEADER_MAX);
	unsigned length = tcp_header_write(bytes, header);
	assert_int_equal(length % 4, 0);
	assert_in_range(length, TCP_HEADER, TCP_HEADER_MAX);
	assert_int_equal(bytes[TCP_AT_OFFSET] >> 4, length / 4);
	assert_int_equal(bytes[TCP_AT_OFFSET] & 15, 0); /* RFC 9293 3.1: reserved bits are zero */
	return length;
}

/* RFC 9293 3.1 */
static void fixed_part_stands_where_the_figure_has_it(void **state)
{
	uint8_t bytes[TCP_HEADER_MAX];
	const struct tcp_header header = {.local_port = 0x0102,
		.remote_port = 0x0304,
		.seq = 0x05060708,
		.ack = 0x090a0b0c,
		.wnd = 0x0e0f,
		.flags = TH_ACK | TH_PSH};
	const uint8_t right[TCP_HEADER] = {
		1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x50, 0x18, 14, 15, 0, 0, 0, 0};
	assert_int_equal(put(&header, bytes), TCP_HEADER);
	assert_memory_equal(bytes, right, TCP_HEADER);
}

/* RFC 9293 3.7.1, RFC 2018 2, RFC 7323 2.2 and 3.2: in the order of most hosts. */
static void syn_options_come_in_the_usual_order(void **state)
{
	uint8_t bytes[TCP_HEADER_MAX];
	const struct tcp_header header = {.flags = TH_SYN,
		.mss = 1460,
		.sack_permitted = true,
		.has_ts = true,
		.ts_val = 0x01020304,
		.ts_ecr = 0,
		.has_wscale = true,
		.wscale = 8};
	const uint8_t right[20] = {
		2, 4, 0x05, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 8};
	assert_int_equal(put(&header, bytes), 40);
	assert_memory_equal(bytes + 20, right, sizeof(right));
}

/* RFC 7323 appendix A */
static void timestamps_alone_are_aligned_by_nops(void **state)
{
	uint8_t bytes[TCP_HEADER_MAX];
	const struct tcp_header header = {.has_ts = true, .ts_val = 1, .ts_ecr = 2};
	const uint8_t right[12] = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};
	assert_int_equal(put(&header, bytes), 32);
	assert_memory_equal(bytes + 20, right, sizeof(right));
}

/* RFC 2018 3: three blocks beside timestamps, four without. */
static void as_many_sack_blocks_as_fit_are_written(void **state)
{
	uint8_t bytes[TCP_HEADER_MAX];
	struct tcp_sack_block blocks[4] = {{1, 2}, {3, 4}, {5, 6}, {7, 8}};
	struct tcp_header header = {.has_ts = true, .sack_count = 4, .sack = blocks};
	struct tcp_options o;
	assert_int_equal(put(&header, bytes), 60);
	assert_true(parse(bytes + 20, 40, &o));
	assert_int_equal(o.sack_count, 3);
	header.has_ts = false;
	assert_int_equal(put(&header, bytes), 56);
	assert_true(parse(bytes + 20, 36, &o));
	assert_int_equal(o.sack_count, 4);
	assert_int_equal(o.sack[3].end, 8);
}

/* What is written is read as it was, for every combination that a header has room for. */
static void what_is_written_is_read(void **state)
{
	static const uint8_t cookie[TCP_TFO_MAX] = {9, 8, 7, 6, 5, 4, 3, 2, 1};
	for (unsigned bits = 0; bits < 32; bits++) {
		uint8_t bytes[TCP_HEADER_MAX];
		struct tcp_options o;
		const struct tcp_header header = {
			.mss = bits & 1 ? 1440 : 0,
			.sack_permitted = (bits & 2) != 0,
			.has_ts = (bits & 4) != 0,
			.ts_val = 77,
			.ts_ecr = 78,
			.has_wscale = (bits & 8) != 0,
			.wscale = 5,
			.has_fast_open = (bits & 16) != 0,
			.fast_open_length = 8,
			.fast_open = cookie,
		};
		unsigned length = put(&header, bytes);
		assert_true(parse(bytes + TCP_HEADER, length - TCP_HEADER, &o));
		assert_int_equal(o.has_mss, (bits & 1) != 0);
		assert_int_equal(o.sack_permitted, header.sack_permitted);
		assert_int_equal(o.has_ts, header.has_ts);
		assert_int_equal(o.has_wscale, header.has_wscale);
		assert_int_equal(o.has_fast_open, header.has_fast_open);
		assert_int_equal(o.fast_open_length, header.has_fast_open ? 8 : 0);
		assert_true(!o.has_fast_open || memcmp(o.fast_open, cookie, 8) == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_without_options_says_nothing),
		cmocka_unit_test(syn_with_all_options_is_understood),
		cmocka_unit_test(timestamps_alone_are_understood),
		cmocka_unit_test(options_need_no_alignment),
		cmocka_unit_test(unknown_option_is_skipped_by_its_length),
		cmocka_unit_test(end_of_list_ends_it),
		cmocka_unit_test(impossible_length_is_refused),
		cmocka_unit_test(known_option_of_wrong_length_is_skipped),
		cmocka_unit_test(window_scale_above_14_counts_as_14),
		cmocka_unit_test(sack_blocks_are_read_in_order),
		cmocka_unit_test(fast_open_option_of_a_wrong_length_is_none),
		cmocka_unit_test(random_bytes_are_read_within_bounds),
		cmocka_unit_test(fixed_part_stands_where_the_figure_has_it),
		cmocka_unit_test(syn_options_come_in_the_usual_order),
		cmocka_unit_test(timestamps_alone_are_aligned_by_nops),
		cmocka_unit_test(as_many_sack_blocks_as_fit_are_written),
		cmocka_unit_test(what_is_written_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
