/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver/rss.h"

#include <arpa/inet.h>

#include "tests/unit/driver/lab.h"

static ip_addr_t address(const char *text)
{
	ip_addr_t a = {0};

	if (inet_pton(AF_INET, text, &ip_2_ip4(&a)->addr) == 1)
		IP_SET_TYPE(&a, IPADDR_TYPE_V4);
	else if (inet_pton(AF_INET6, text, ip_2_ip6(&a)->addr) == 1)
		IP_SET_TYPE(&a, IPADDR_TYPE_V6);
	else
		fail_msg("not an address: %s", text);
	return a;
}

/* The published verification suite of RSS with this key. */
static void published_tuples_hash_as_published(void **state)
{
	static const struct {
		const char *remote, *local;
		uint16_t remote_port, local_port;
		uint32_t hash;
	} cases[] = {
		{"66.9.149.187", "161.142.100.80", 2794, 1766, 0x51ccc178},
		{"199.92.111.2", "65.69.140.83", 14230, 4739, 0xc626b0ea},
		{"24.19.198.95", "12.22.207.184", 12898, 38024, 0x5c2b394a},
		{"3ffe:2501:200:1fff::7", "3ffe:2501:200:3::1", 2794, 1766, 0x40207d3d},
		{"3ffe:501:8::260:97ff:fe40:efab", "ff02::1", 14230, 4739, 0xdde51bbf},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ip_addr_t remote = address(cases[i].remote), local = address(cases[i].local);
		assert_int_equal(
			rss_hash_tuple(&remote, cases[i].remote_port, &local, cases[i].local_port),
			cases[i].hash);
	}
}

static void a_frame_hashes_as_its_tuple(void **state)
{
	struct lab_frame what = {.tcp = true, .payload = 1, .source_port = 4711};
	uint8_t bytes[128];
	unsigned ip, l4;
	unsigned length = lab_frame(&what, bytes, sizeof(bytes), &ip, &l4);
	struct frame_layout layout;
	struct frame_flow flow;
	ip_addr_t remote = address("10.0.0.1"), local = address("10.0.0.2");

	(void)state;
	frame_parse(bytes, length, length, &layout);
	assert_true(frame_flow(bytes, &layout, &flow));
	assert_int_equal(rss_hash(&flow), rss_hash_tuple(&remote, 4711, &local, 80));
	assert_int_not_equal(rss_hash(&flow), rss_hash_tuple(&remote, 4712, &local, 80));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_tuples_hash_as_published),
		cmocka_unit_test(a_frame_hashes_as_its_tuple),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
