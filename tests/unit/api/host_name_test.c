/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/host_name.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct host_target target;

static void name_in_capitals_becomes_lower_case(void **state)
{
	assert_int_equal(host_parse("WWW.Example-1.org:8080", &target), 0);
	assert_false(target.is_literal);
	assert_string_equal(target.name, "www.example-1.org");
	assert_int_equal(target.port, 8080);
}

static void dot_of_the_root_is_left_out(void **state)
{
	assert_int_equal(host_parse("example.org.:1", &target), 0);
	assert_string_equal(target.name, "example.org");
	assert_int_equal(host_parse(".:1", &target), -EINVAL);
	assert_int_equal(host_parse("example.org..:1", &target), -EINVAL);
}

static void addresses_pass_as_they_are(void **state)
{
	assert_int_equal(host_parse("10.0.0.1:80", &target), 0);
	assert_true(target.is_literal);
	assert_int_equal(target.address.family, RWS_IPV4);
	assert_int_equal(target.address.port, 80);
	assert_int_equal(host_parse("[fd00::1]:443", &target), 0);
	assert_true(target.is_literal);
	assert_int_equal(target.address.family, RWS_IPV6);
	assert_int_equal(target.address.port, 443);
}

/* RFC 1123 2.1: labels begin with a letter or a digit; what is all digits at the end is no name. */
static void letters_digits_and_inner_hyphens_make_a_name(void **state)
{
	static const char *const good[] = {"a:1", "3com.com:1", "a-b.c0:1", "1.2.3.4.x:1"};
	static const char *const bad[] = {"-a.b:1", "a-.b:1", "a..b:1", ".a:1", "a_b:1", "a b:1",
		"a\n:1", "\xc3\xa4.de:1", "10.0.0.256:1", "10.0.0:1", "a.7:1", "a/b:1", "user@a:1",
		"*:1", ":1", ""};

	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (host_parse(good[i], &target) != 0)
			fail_msg("%s is refused", good[i]);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (host_parse(bad[i], &target) != -EINVAL)
			fail_msg("%s is taken", bad[i]);
	assert_int_equal(host_parse(NULL, &target), -EINVAL);
}

static void port_is_needed(void **state)
{
	static const char *const bad[] = {"a", "a:", "a:0", "a:65536", "a:-1", "a:+1", "a: 1",
		"a:1x", "a:000080", "10.0.0.1", "10.0.0.1:0", "[fd00::1]", "fd00::1"};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (host_parse(bad[i], &target) != -EINVAL)
			fail_msg("%s is taken", bad[i]);
	assert_int_equal(host_parse("a:65535", &target), 0);
	assert_int_equal(target.port, 65535);
}

/* Labels of so many bytes each, parted by dots, with a port. */
static const char *labels(const unsigned *lengths, unsigned count)
{
	static char text[600];
	size_t at = 0;

	for (unsigned i = 0; i < count; i++) {
		memset(text + at, 'a', lengths[i]);
		at += lengths[i];
		text[at++] = '.';
	}
	snprintf(text + at - 1, sizeof(text) - at + 1, ":1");
	return text;
}

/* RFC 1035 2.3.4. */
static void lengths_are_bounded(void **state)
{
	assert_int_equal(host_parse(labels((unsigned[]){63}, 1), &target), 0);
	assert_int_equal(host_parse(labels((unsigned[]){64}, 1), &target), -EINVAL);
	assert_int_equal(host_parse(labels((unsigned[]){63, 63, 63, 61}, 4), &target), 0);
	assert_int_equal(strlen(target.name), HOST_NAME_LENGTH);
	assert_int_equal(host_parse(labels((unsigned[]){63, 63, 63, 62}, 4), &target), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(name_in_capitals_becomes_lower_case),
		cmocka_unit_test(dot_of_the_root_is_left_out),
		cmocka_unit_test(addresses_pass_as_they_are),
		cmocka_unit_test(letters_digits_and_inner_hyphens_make_a_name),
		cmocka_unit_test(port_is_needed),
		cmocka_unit_test(lengths_are_bounded),
	};

	return cmocka_run_group_tests_name("host_name", tests, NULL, NULL);
}
