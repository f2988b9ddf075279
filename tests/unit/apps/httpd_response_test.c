/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/httpd_response.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/unit/apps/cmocka_all.h"

static char head[RESPONSE_HEAD_MAX];

static void assert_has(const char *line)
{
	if (strstr(head, line) == NULL)
		fail_msg("no \"%s\" in:\n%s", line, head);
}

static void make_head(struct httpd_response *response)
{
	size_t n = httpd_response_head(response, head);

	assert_int_equal(strlen(head), n);
	assert_string_equal(head + n - 4, "\r\n\r\n");
	httpd_body_close(&response->body);
}

static void ok_has_length_type_and_date(void **state)
{
	struct httpd_response response = {.status = 200,
		.type = "text/html",
		.ranges = true,
		.total = 7,
		.modified = 784111777,
		.etag = "\"a-b\"",
		.body = {.kind = BODY_PATTERN, .left = 7}};

	make_head(&response);
	assert_has("HTTP/1.1 200 OK\r\n");
	assert_has("\r\nContent-Length: 7\r\n");
	assert_has("\r\nContent-Type: text/html\r\n");
	assert_has("\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
	assert_has("\r\nETag: \"a-b\"\r\n");
	assert_has("\r\nAccept-Ranges: bytes\r\n");
	assert_has("\r\nConnection: keep-alive\r\n");
	assert_has("\r\nDate: ");
}

static void partial_content_says_which_part(void **state)
{
	struct httpd_response response = {.status = 206,
		.type = "x/y",
		.ranges = true,
		.total = 100,
		.close = true,
		.body = {.kind = BODY_PATTERN, .offset = 10, .left = 5}};

	make_head(&response);
	assert_has("206 Partial Content");
	assert_has("\r\nContent-Range: bytes 10-14/100\r\n");
	assert_has("\r\nContent-Length: 5\r\n");
	assert_has("\r\nConnection: close\r\n");
}

static void unsatisfiable_says_the_length(void **state)
{
	struct httpd_response response = {.ranges = true, .total = 100};

	httpd_response_error(&response, 416);
	make_head(&response);
	assert_has("416 Range Not Satisfiable");
	assert_has("\r\nContent-Range: bytes */100\r\n");
}

static void not_modified_has_no_length(void **state)
{
	struct httpd_response response = {.status = 304, .etag = "\"e\""};

	make_head(&response);
	assert_null(strstr(head, "Content-Length"));
	assert_has("\r\nETag: \"e\"\r\n");
}

static void error_names_its_status_in_the_body(void **state)
{
	struct httpd_response response = {.allow = "GET, HEAD"};

	httpd_response_error(&response, 405);
	assert_string_equal(response.body.text, "405 Method Not Allowed\n");
	assert_int_equal(response.body.left, strlen(response.body.text));
	make_head(&response);
	assert_has("\r\nAllow: GET, HEAD\r\n");
}

static void date_is_read_back_and_garbage_is_not(void **state)
{
	assert_int_equal(httpd_date_parse("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
	assert_int_equal(httpd_date_parse("yesterday"), 0);
	assert_int_equal(httpd_date_parse("Sun, 06 Nov 1994 08:49:37 GMT+1"), 0);
	assert_int_equal(httpd_date_parse(""), 0);
}

/* RFC 9110 5.6.7: a recipient takes the obsolete forms as well. */
static void dates_of_obsolete_forms_are_read(void **state)
{
	assert_int_equal(httpd_date_parse("Sunday, 06-Nov-94 08:49:37 GMT"), 784111777);
	assert_int_equal(httpd_date_parse("Sun Nov  6 08:49:37 1994"), 784111777);
	assert_int_equal(httpd_date_parse("Sun Nov 16 08:49:37 1994"), 784111777 + 10 * 86400);
	assert_int_equal(httpd_date_parse("Sun Nov  6 08:49:37 1994 GMT"), 0);
}

/* RFC 9110 8.8.2.1: none is later than the message; one that no calendar has is not told. */
static void times_that_no_file_can_have_are_not_told(void **state)
{
	const time_t past[] = {0, -1, INT64_MIN}, future[] = {time(NULL) + 3600, INT64_MAX};
	struct httpd_response response = {.status = 200, .type = "x/y"};

	for (unsigned i = 0; i < sizeof(past) / sizeof(past[0]); i++) {
		httpd_response_modified(&response, past[i]);
		make_head(&response);
		assert_null(strstr(head, "Last-Modified"));
	}
	for (unsigned i = 0; i < sizeof(future) / sizeof(future[0]); i++) {
		time_t before = time(NULL);

		httpd_response_modified(&response, future[i]);
		assert_in_range(response.modified, before, time(NULL));
		make_head(&response);
		assert_has("\r\nLast-Modified: ");
	}
}

static void body_of_text_is_filled_over_vectors(void **state)
{
	struct httpd_response response = {.status = 200};
	char one[3], two[10];
	struct iovec room[2] = {{one, sizeof(one)}, {two, sizeof(two)}};

	httpd_response_text(&response, "text/plain", strdup("hello"));
	assert_int_equal(httpd_body_fill(&response.body, room, 2), 5);
	assert_memory_equal(one, "hel", 3);
	assert_memory_equal(two, "lo", 2);
	assert_int_equal(response.body.left, 0);
	httpd_body_close(&response.body);
}

static void body_of_a_file_that_shrank_fails(void **state)
{
	FILE *file = tmpfile();
	struct httpd_body body = {.kind = BODY_FILE, .left = 100};
	char bytes[200];
	struct iovec room = {bytes, sizeof(bytes)};

	if (file == NULL) {
		fail_msg("cannot open it");
		return;
	}
	assert_int_equal(fwrite("0123456789", 1, 10, file), 10);
	assert_int_equal(fflush(file), 0);
	body.fd = fileno(file);
	assert_int_equal(httpd_body_fill(&body, &room, 1), 10);
	assert_int_equal(httpd_body_fill(&body, &room, 1), -EIO);
	fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ok_has_length_type_and_date),
		cmocka_unit_test(partial_content_says_which_part),
		cmocka_unit_test(unsatisfiable_says_the_length),
		cmocka_unit_test(not_modified_has_no_length),
		cmocka_unit_test(error_names_its_status_in_the_body),
		cmocka_unit_test(date_is_read_back_and_garbage_is_not),
		cmocka_unit_test(dates_of_obsolete_forms_are_read),
		cmocka_unit_test(times_that_no_file_can_have_are_not_told),
		cmocka_unit_test(body_of_text_is_filled_over_vectors),
		cmocka_unit_test(body_of_a_file_that_shrank_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
