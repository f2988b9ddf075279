/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver/frame.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/driver/lab.h"

static void whole_frames_have_their_headers_found(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 8; kind++) {
		struct lab_frame what = {
			.ipv6 = kind & 1, .tcp = kind & 2, .vlan = kind & 4, .payload = 30};
		uint8_t bytes[256];
		unsigned ip, l4;
		unsigned length = lab_frame(&what, bytes, sizeof(bytes), &ip, &l4);
		struct frame_layout layout;

		frame_parse(bytes, length, length, &layout);
		assert_int_equal(layout.network, what.ipv6 ? FRAME_IPV6 : FRAME_IPV4);
		assert_int_equal(layout.l4_protocol, what.tcp ? IPPROTO_TCP : IPPROTO_UDP);
		assert_int_equal(layout.l2_len, ip);
		assert_int_equal(layout.l2_len + layout.l3_len, l4);
		assert_int_equal(layout.l4_len, what.tcp ? 20 : 8);
		assert_int_equal(layout.ip_len, length - ip);
		assert_false(layout.fragment);
	}
}

/* Each length in memory of exactly that size: valgrind and ASan see a read beyond. */
static void truncated_frames_never_claim_more_than_they_hold(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 8; kind++) {
		struct lab_frame what = {
			.ipv6 = kind & 1, .tcp = kind & 2, .vlan = kind & 4, .payload = 5};
		uint8_t bytes[256];
		unsigned ip, l4;
		unsigned length = lab_frame(&what, bytes, sizeof(bytes), &ip, &l4);

		for (unsigned n = 0; n < length; n++) {
			uint8_t *exact = malloc(n != 0 ? n : 1);
			struct frame_layout layout;
			memcpy(exact, bytes, n);
			frame_parse(exact, n, n, &layout);
			/* The IP packet is cut short, so it is nothing that we know. */
			assert_int_equal(layout.network, FRAME_OTHER);
			assert_int_equal(layout.l4_protocol, 0);
			free(exact);
		}
	}
}

static void headers_in_front_of_a_longer_frame_are_enough(void **state)
{
	struct lab_frame what = {.tcp = true, .payload = 1000};
	uint8_t bytes[1200];
	unsigned ip, l4;
	unsigned length = lab_frame(&what, bytes, sizeof(bytes), &ip, &l4);
	struct frame_layout layout;

	(void)state;
	frame_parse(bytes, l4 + 20, length, &layout);
	assert_int_equal(layout.l4_protocol, IPPROTO_TCP);
	frame_parse(bytes, l4 + 19, length, &layout);
	assert_int_equal(layout.network, FRAME_IPV4);
	assert_int_equal(layout.l4_protocol, 0);
}

static void wrong_header_lengths_are_refused(void **state)
{
	struct lab_frame what = {.tcp = true, .payload = 4};
	uint8_t bytes[128];
	unsigned ip, l4;
	unsigned length = lab_frame(&what, bytes, sizeof(bytes), &ip, &l4);
	struct frame_layout layout;

	(void)state;
	bytes[ip] = 0x44; /* IPv4 header of 16 bytes */
	frame_parse(bytes, length, length, &layout);
	assert_int_equal(layout.network, FRAME_OTHER);
	bytes[ip] = 0x4f; /* of 60, as long as the whole packet and more */
	frame_parse(bytes, length, length, &layout);
	assert_int_equal(layout.network, FRAME_OTHER);
	bytes[ip] = 0x45;
	bytes[l4 + 12] = 4 << 4; /* TCP header of 16 bytes */
	frame_parse(bytes, length, length, &layout);
	assert_int_equal(layout.l4_protocol, 0);
	bytes[l4 + 12] = 15 << 4; /* of 60, beyond the packet */
	frame_parse(bytes, length, length, &layout);
	assert_int_equal(layout.l4_protocol, 0);
}

static void fragments_have_no_ports(void **state)
{
	struct lab_frame what = {.payload = 40};
	uint8_t bytes[128];
	unsigned ip, l4;
	unsigned length = lab_frame(&what, bytes, sizeof(bytes), &ip, &l4);
	struct frame_layout layout;
	struct frame_flow flow;

	(void)state;
	bytes[ip + 6] = 0x20; /* more fragments */
	frame_parse(bytes, length, length, &layout);
	assert_true(layout.fragment);
	assert_int_equal(layout.l4_protocol, 0);
	assert_true(frame_flow(bytes, &layout, &flow));
	assert_null(flow.ports);
	bytes[ip + 6] = 0;
	bytes[ip + 7] = 1; /* an offset */
	frame_parse(bytes, length, length, &layout);
	assert_true(layout.fragment);
	bytes[ip + 7] = 0;
	bytes[ip + 6] = 0x40; /* do not fragment */
	frame_parse(bytes, length, length, &layout);
	assert_false(layout.fragment);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_frames_have_their_headers_found),
		cmocka_unit_test(truncated_frames_never_claim_more_than_they_hold),
		cmocka_unit_test(headers_in_front_of_a_longer_frame_are_enough),
		cmocka_unit_test(wrong_header_lengths_are_refused),
		cmocka_unit_test(fragments_have_no_ports),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
