/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/address.h"

#include "tests/unit/api/fake.h"

static struct rws_address parsed(const char *text)
{
	struct rws_address address;

	if (rws_address_parse(text, &address) != 0)
		fail_msg("%s does not parse", text);
	return address;
}

static void assert_round_trip(const char *text, const char *wanted)
{
	struct rws_address address = parsed(text);
	char out[RWS_ADDRESS_TEXT];

	assert_string_equal(rws_address_format(&address, out), wanted);
}

static void addresses_come_back_as_text(void **state)
{
	assert_round_trip("10.0.0.2:80", "10.0.0.2:80");
	assert_round_trip("10.0.0.2", "10.0.0.2:0");
	assert_round_trip("[fd00::2]:80", "[fd00::2]:80");
	assert_round_trip("[FD00:0:0::2]", "[fd00::2]:0");
	assert_round_trip("fd00::2", "[fd00::2]:0");
	assert_round_trip("[fe80::1%2]:443", "[fe80::1%2]:443");
	assert_round_trip("[::]:1", "[::]:1");
	assert_round_trip("*:80", "*:80");
	assert_round_trip(":65535", "*:65535");
	assert_round_trip("0.0.0.0:7", "0.0.0.0:7");
	assert_round_trip("[1111:2222:3333:4444:5555:6666:7777:8888%255]:65535",
		"[1111:2222:3333:4444:5555:6666:7777:8888%255]:65535");
}

static void what_is_no_address_is_einval(void **state)
{
	static const char *const bad[] = {"", "10.0.0.2:", "10.0.0.2:65536", "10.0.0.2:-1",
		"10.0.0.2:8x", "10.0.0:80", "10.0.0.2.3:80", "[fd00::2:80", "[fd00::2]80",
		"[10.0.0.2]:80", "[]:80", "fd00::2%", "[fe80::1%256]:1", "host:80", "[*]:80",
		"10.0.0.2 :80", "[fd00::2]:", "::1%lo",
		"10.0.0.2:80000000000000000000000000000000000000000000000000000000000000000"};
	struct rws_address address = {.port = 7};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (rws_address_parse(bad[i], &address) != -EINVAL)
			fail_msg("%s parses", bad[i]);
		assert_int_equal(address.port, 7);
	}
	assert_int_equal(rws_address_parse(NULL, &address), -EINVAL);
}

static void equal_compares_what_counts(void **state)
{
	struct rws_address a = parsed("10.0.0.2:80"), b = a;

	b.ip[5] = 9; /* no part of an IPv4 address */
	assert_true(rws_address_equal(&a, &b));
	b.ip[3] = 3;
	assert_false(rws_address_equal(&a, &b));
	b = a;
	b.port = 81;
	assert_false(rws_address_equal(&a, &b));
	a = parsed("[fe80::1%1]:80");
	b = parsed("[fe80::1%2]:80");
	assert_false(rws_address_equal(&a, &b));
}

static void ip_form_and_back(void **state)
{
	static const char *const texts[] = {"10.1.2.3:80", "[fd00::5]:1", "[fe80::1%3]:9", "*:53"};
	struct rws_address address, back;
	uint16_t port;
	ip_addr_t ip;

	for (unsigned i = 0; i < 4; i++) {
		address = parsed(texts[i]);
		assert_int_equal(address_to_ip(&address, &ip, &port), 0);
		assert_int_equal(port, address.port);
		address_from_ip(&ip, port, &back);
		assert_true(rws_address_equal(&address, &back));
	}
	address.family = 5;
	assert_int_equal(address_to_ip(&address, &ip, &port), -EAFNOSUPPORT);
}

static void kinds(void **state)
{
	struct rws_address a;

	a = parsed("224.0.0.1:1");
	assert_true(address_is_multicast(&a));
	a = parsed("240.0.0.1:1");
	assert_false(address_is_multicast(&a));
	a = parsed("[ff02::1]:1");
	assert_true(address_is_multicast(&a));
	a = parsed("255.255.255.255:1");
	assert_true(address_is_broadcast(&a));
	a = parsed("0.0.0.0:1");
	assert_true(address_is_any(&a));
	a = parsed("[::]:1");
	assert_true(address_is_any(&a));
	a = parsed("[::1]:1");
	assert_false(address_is_any(&a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_come_back_as_text),
		cmocka_unit_test(what_is_no_address_is_einval),
		cmocka_unit_test(equal_compares_what_counts),
		cmocka_unit_test(ip_form_and_back),
		cmocka_unit_test(kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
