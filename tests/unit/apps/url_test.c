/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/url.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/apps/cmocka_all.h"

static struct url url;
static char error[320];

static int parse(const char *text)
{
	memset(&url, 0, sizeof(url));
	return url_parse(text, &url, error, sizeof(error));
}

static void refused(const char *text, const char *word)
{
	assert_int_equal(parse(text), -EINVAL);
	if (strstr(error, word) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", error, word);
}

static void ipv4_without_port_and_path_gets_both(void **state)
{
	assert_int_equal(parse("http://10.0.0.1"), 0);
	assert_string_equal(url.target, "/");
	assert_string_equal(url.host, "10.0.0.1:80");
}

static void ipv6_literal_is_understood(void **state)
{
	assert_int_equal(parse("http://[fd00::1]:8080/a/b?c=d"), 0);
	assert_string_equal(url.target, "/a/b?c=d");
	assert_string_equal(url.host, "[fd00::1]:8080");
}

static void fragment_is_kept_from_the_server(void **state)
{
	assert_int_equal(parse("http://10.0.0.1/a#b"), 0);
	assert_string_equal(url.target, "/a");
	assert_int_equal(parse("http://10.0.0.1?q=1#b"), 0);
	assert_string_equal(url.target, "/?q=1");
}

static void scheme_in_capitals_is_the_same(void **state)
{
	assert_int_equal(parse("HTTP://10.0.0.1:65535/"), 0);
	assert_string_equal(url.host, "10.0.0.1:65535");
}

static void other_schemes_are_refused(void **state)
{
	refused("ftp://10.0.0.1/", "http://");
	refused("10.0.0.1/", "not a URL");
	refused("/path", "not a URL");
	refused("", "not a URL");
	refused("http://", "not a URL");
}

static void https_has_a_port_of_its_own(void **state)
{
	assert_int_equal(parse("https://www.example.org/a"), 0);
	assert_true(url.is_secure);
	assert_string_equal(url.host, "www.example.org:443");
	assert_string_equal(url.name, "www.example.org");
	assert_int_equal(parse("https://[fd00::1]:8443/"), 0);
	assert_string_equal(url.host, "[fd00::1]:8443");
	assert_string_equal(url.name, "fd00::1");
	assert_int_equal(parse("http://www.example.org/a"), 0);
	assert_false(url.is_secure);
}

static void names_are_taken(void **state)
{
	assert_int_equal(parse("http://www.example.org/a"), 0);
	assert_string_equal(url.host, "www.example.org:80");
	assert_int_equal(parse("http://localhost.:8000"), 0);
	assert_string_equal(url.host, "localhost.:8000");
	assert_int_equal(parse("http://1.2--3.c4"), 0);
	assert_string_equal(url.host, "1.2--3.c4:80");
}

static void hosts_that_are_neither_name_nor_address_are_refused(void **state)
{
	refused("http://example_org/", "name");
	refused("http://a..b/", "name");
	refused("http://.a/", "name");
	refused("http://-a/", "name");
	refused("http://a.b-/", "name");
	refused("http://a1234567890123456789012345678901234567890123456789012345678901234.b/",
		"name");
	refused("http://10.0.0.256/", "IP address");
	refused("http://10.0.0/", "IP address");
	refused("http://user:word@10.0.0.1/", "password");
}

static void addresses_of_no_single_host_are_refused(void **state)
{
	static const char *const none[] = {"http://0.0.0.0/", "http://127.0.0.1/",
		"http://224.0.0.1/", "http://255.255.255.255/", "https://[::]/", "https://[::1]/",
		"https://[ff02::1]/", "http://[::ffff:10.0.0.1]/"};

	for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		refused(none[i], "unicast");
}

static void ports_out_of_range_are_refused(void **state)
{
	refused("http://10.0.0.1:0/", "port");
	refused("http://10.0.0.1:65536/", "URL");
	refused("http://10.0.0.1:http/", "URL");
}

static void text_too_long_is_refused(void **state)
{
	static char text[URL_MAX + 100];

	memset(text, 'a', sizeof(text) - 1);
	memcpy(text, "http://10.0.0.1/", 16);
	refused(text, "longer");
	text[URL_MAX - 1] = '\0';
	assert_int_equal(parse(text), 0);
	assert_int_equal(strlen(url.target), URL_MAX - 1 - 15);
}

static void control_characters_are_refused(void **state)
{
	refused("http://10.0.0.1/a b", "not a URL");
	refused("http://10.0.0.1/a\r\nX: y", "not a URL");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4_without_port_and_path_gets_both),
		cmocka_unit_test(ipv6_literal_is_understood),
		cmocka_unit_test(fragment_is_kept_from_the_server),
		cmocka_unit_test(scheme_in_capitals_is_the_same),
		cmocka_unit_test(other_schemes_are_refused),
		cmocka_unit_test(https_has_a_port_of_its_own),
		cmocka_unit_test(names_are_taken),
		cmocka_unit_test(hosts_that_are_neither_name_nor_address_are_refused),
		cmocka_unit_test(addresses_of_no_single_host_are_refused),
		cmocka_unit_test(ports_out_of_range_are_refused),
		cmocka_unit_test(text_too_long_is_refused),
		cmocka_unit_test(control_characters_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
