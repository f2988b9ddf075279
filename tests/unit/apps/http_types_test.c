/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/http_types.h"

#include "tests/unit/apps/cmocka_all.h"

static void ending_known_gives_its_type(void **state)
{
	assert_string_equal(http_type("/index.html"), "text/html; charset=utf-8");
	assert_string_equal(http_type("/a/b.PNG"), "image/png");
	assert_string_equal(http_type("x.tar.gz"), "application/gzip");
	assert_string_equal(http_type("/data.json"), "application/json");
	assert_string_equal(http_type("/m.wasm"), "application/wasm");
}

static void ending_unknown_gives_octet_stream(void **state)
{
	assert_string_equal(http_type("/README"), "application/octet-stream");
	assert_string_equal(http_type("/a.html/b"), "application/octet-stream");
	assert_string_equal(http_type("/a."), "application/octet-stream");
	assert_string_equal(http_type("/a.htmlx"), "application/octet-stream");
	assert_string_equal(http_type(""), "application/octet-stream");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ending_known_gives_its_type),
		cmocka_unit_test(ending_unknown_gives_octet_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
