/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/httpd_request.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/apps/cmocka_all.h"

static struct httpd_request request;
static char body[64];

static int take_body(void *user, const char *data, size_t n)
{
	strncat(body, data, n);
	return strlen(body) > 20 ? HTTP_STATUS_PAYLOAD_TOO_LARGE : 0;
}

/* Feeds text from *at on, in pieces of at most `piece` bytes, until something happens. */
static enum request_event feed(const char *text, size_t piece, size_t *at)
{
	enum request_event event = REQUEST_MORE;

	while (event == REQUEST_MORE && text[*at] != '\0') {
		size_t left = strlen(text + *at), used;

		event = httpd_request_parse(
			&request, text + *at, left < piece ? left : piece, &used);
		*at += used;
	}
	return event;
}

static enum request_event feed_all(const char *text)
{
	size_t at = 0;
	enum request_event event = feed(text, SIZE_MAX, &at);

	while (event == REQUEST_HEAD)
		event = feed(text, SIZE_MAX, &at);
	return event;
}

static void request_in_pieces_of_any_size_is_the_same(void **state)
{
	static const char text[] = "GET /path?q HTTP/1.1\r\nHost: ten\r\nRaNgE:  bytes=0-1\r\n"
				   "Another-header-with-a-name-longer-than-kept: x\r\n\r\n";

	for (size_t piece = 1; piece <= sizeof(text); piece++) {
		size_t at = 0;

		httpd_request_init(&request);
		assert_int_equal(feed(text, piece, &at), REQUEST_HEAD);
		assert_int_equal(request.url_length, 7);
		assert_memory_equal(request.url, "/path?q", 7);
		assert_string_equal(request.headers.host, "ten");
		assert_string_equal(request.headers.range, "bytes=0-1");
		assert_string_equal(request.headers.expect, "");
		assert_int_equal(request.hosts, 1);
		assert_false(httpd_request_has_body(&request));
		assert_int_equal(feed(text, piece, &at), REQUEST_DONE);
		assert_int_equal(at, sizeof(text) - 1);
		assert_false(request.begun);
	}
}

static void pipelined_requests_come_one_at_a_time(void **state)
{
	static const char text[] = "GET /1 HTTP/1.1\r\nHost: a\r\nRange: bytes=1-\r\n\r\n"
				   "GET /2 HTTP/1.1\r\nHost: b\r\n\r\n";
	size_t at = 0;

	assert_int_equal(feed(text, SIZE_MAX, &at), REQUEST_HEAD);
	assert_int_equal(feed(text, SIZE_MAX, &at), REQUEST_DONE);
	assert_memory_equal(request.url, "/1", 2);
	assert_int_equal(text[at], 'G');
	assert_int_equal(feed(text, SIZE_MAX, &at), REQUEST_HEAD);
	assert_memory_equal(request.url, "/2", 2);
	assert_string_equal(request.headers.host, "b");
	assert_string_equal(request.headers.range, "");
	assert_int_equal(feed(text, SIZE_MAX, &at), REQUEST_DONE);
	assert_int_equal(at, sizeof(text) - 1);
}

static void body_with_length_is_handed_on(void **state)
{
	request.on_body = take_body;
	assert_int_equal(feed_all("PUT /u HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"),
		REQUEST_DONE);
	assert_string_equal(body, "hello");
}

static void body_in_chunks_is_joined(void **state)
{
	request.on_body = take_body;
	assert_int_equal(feed_all("PUT /u HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
				  "3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: t\r\n\r\n"),
		REQUEST_DONE);
	assert_string_equal(body, "hello");
}

static void body_refused_gives_its_status(void **state)
{
	request.on_body = take_body;
	assert_int_equal(feed_all("PUT /u HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\n"
				  "123456789012345678901234567890"),
		REQUEST_BAD);
	assert_int_equal(httpd_request_status(&request), HTTP_STATUS_PAYLOAD_TOO_LARGE);
}

static void body_announced_is_known_at_the_head(void **state)
{
	static const char text[] = "PUT /u HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
	size_t at = 0;

	assert_int_equal(feed(text, SIZE_MAX, &at), REQUEST_HEAD);
	assert_true(httpd_request_has_body(&request));
	assert_string_equal(body, "");
}

static void assert_bad(const char *text, int status)
{
	httpd_request_init(&request);
	assert_int_equal(feed_all(text), REQUEST_BAD);
	assert_int_equal(httpd_request_status(&request), status);
}

static void garbage_is_a_bad_request(void **state)
{
	assert_bad("\x16\x03\x01\x02", 400); /* a TLS hello */
	assert_bad("GET\r\n\r\n", 400);
	assert_bad("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400);
	assert_bad("PUT / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400);
	assert_bad("PUT / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400);
	assert_bad("PUT / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 400);
	assert_bad(
		"PUT / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
	assert_bad("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400);
}

static void method_unknown_is_not_implemented(void **state)
{
	assert_bad("BREW / HTTP/1.1\r\n\r\n", 501);
	assert_bad("GETX / HTTP/1.1\r\n\r\n", 501);
}

static char long_text[2 * REQUEST_HEAD_MAX];

static void url_too_long_is_told(void **state)
{
	snprintf(long_text, sizeof(long_text), "GET /%0*d HTTP/1.1\r\n\r\n", (int)REQUEST_URL_MAX,
		0);
	assert_bad(long_text, 414);
}

static void head_too_long_is_told(void **state)
{
	snprintf(long_text, sizeof(long_text), "GET / HTTP/1.1\r\nX: %0*d\r\n\r\n",
		(int)REQUEST_HEAD_MAX, 0);
	assert_bad(long_text, 431);
}

/* However the bytes fall into segments. */
static void assert_long_value(const char *text, enum request_event event)
{
	for (size_t piece = 1; piece <= strlen(text); piece++) {
		size_t at = 0;

		httpd_request_init(&request);
		assert_int_equal(feed(text, piece, &at), event);
		assert_string_equal(request.headers.range, "");
		assert_string_equal(request.headers.if_none_match, "");
		assert_string_equal(request.headers.if_modified_since, "");
		if (event == REQUEST_BAD)
			assert_int_equal(httpd_request_status(&request), 431);
	}
}

/* Values of 300 letters, and behind each what would be one that fits. */
#define LONG_THEN(name, rest)                                                                 \
	(snprintf(long_text, sizeof(long_text),                                               \
		 "GET / HTTP/1.1\r\nHost: a\r\n" name ": %0300d" rest "\r\nX: y\r\n\r\n", 0), \
		long_text)

static void value_too_long_counts_as_absent(void **state)
{
	assert_long_value(LONG_THEN("Range", "bytes=0-3"), REQUEST_HEAD);
	assert_long_value(LONG_THEN("Range", "\r\nRange: bytes=0-3"), REQUEST_HEAD);
	assert_long_value(LONG_THEN("If-None-Match", "*"), REQUEST_HEAD);
	assert_long_value(LONG_THEN("If-Modified-Since", "x"), REQUEST_HEAD);
}

/* RFC 6585 5 */
static void value_too_long_that_matters_is_told(void **state)
{
	assert_long_value(LONG_THEN("If-Range", "x"), REQUEST_BAD);
	assert_long_value(LONG_THEN("Expect", "100-continue"), REQUEST_BAD);
	assert_long_value(LONG_THEN("Transfer-Encoding", "chunked"), REQUEST_BAD);
	assert_long_value(LONG_THEN("Host", "a"), REQUEST_BAD);
}

static void value_too_long_is_forgotten_with_its_request(void **state)
{
	size_t at = 0;

	LONG_THEN("Range", "");
	assert_int_equal(feed_all(long_text), REQUEST_DONE);
	assert_int_equal(feed("GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=0-3\r\n\r\n", 5, &at),
		REQUEST_HEAD);
	assert_string_equal(request.headers.range, "bytes=0-3");
}

static void two_hosts_are_counted(void **state)
{
	assert_int_equal(feed_all("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), REQUEST_DONE);
	assert_int_equal(request.hosts, 2);
}

/* RFC 9112 5.1 */
static void white_space_behind_a_value_is_none_of_it(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost:  a \t \r\nRange: bytes=0-3\t\r\n"
				   "If-None-Match:  \r\nTransfer-Encoding: chunked \r\n\r\n";

	for (size_t piece = 1; piece <= sizeof(text); piece++) {
		size_t at = 0;

		httpd_request_init(&request);
		assert_int_equal(feed(text, piece, &at), REQUEST_HEAD);
		assert_string_equal(request.headers.host, "a");
		assert_string_equal(request.headers.range, "bytes=0-3");
		assert_string_equal(request.headers.if_none_match, "");
		assert_string_equal(request.headers.transfer_encoding, "chunked");
	}
}

/* Whether the request whose head this is, without its last line end, is the last. */
static bool is_last(const char *head)
{
	size_t at = 0;

	snprintf(long_text, sizeof(long_text), "%s\r\n", head);
	httpd_request_init(&request);
	assert_int_equal(feed(long_text, SIZE_MAX, &at), REQUEST_HEAD);
	return httpd_request_is_last(&request);
}

/* RFC 9112 6.1, 9.3 */
static void last_request_is_known(void **state)
{
	assert_false(is_last("GET / HTTP/1.1\r\n"));
	assert_true(is_last("GET / HTTP/1.1\r\nConnection: close\r\n"));
	assert_false(is_last("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"));
	assert_true(is_last("GET / HTTP/1.0\r\n"));
	assert_false(is_last("GET / HTTP/1.0\r\nConnection: keep-alive\r\n"));
	assert_true(is_last("PUT / HTTP/1.0\r\nConnection: keep-alive\r\n"
			    "Transfer-Encoding: chunked\r\n"));
}

/* RFC 9110 10.1.1 */
static void expectation_of_an_older_peer_is_ignored(void **state)
{
	is_last("PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n");
	assert_string_equal(request.headers.expect, "100-continue");
	is_last("PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n");
	assert_string_equal(request.headers.expect, "");
}

static int setup(void **state)
{
	memset(&request, 0, sizeof(request));
	body[0] = '\0';
	httpd_request_limits();
	httpd_request_init(&request);
	return 0;
}

#define CASE(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(request_in_pieces_of_any_size_is_the_same),
		CASE(pipelined_requests_come_one_at_a_time),
		CASE(body_with_length_is_handed_on),
		CASE(body_in_chunks_is_joined),
		CASE(body_refused_gives_its_status),
		CASE(body_announced_is_known_at_the_head),
		CASE(garbage_is_a_bad_request),
		CASE(method_unknown_is_not_implemented),
		CASE(url_too_long_is_told),
		CASE(head_too_long_is_told),
		CASE(value_too_long_counts_as_absent),
		CASE(value_too_long_that_matters_is_told),
		CASE(value_too_long_is_forgotten_with_its_request),
		CASE(two_hosts_are_counted),
		CASE(white_space_behind_a_value_is_none_of_it),
		CASE(last_request_is_known),
		CASE(expectation_of_an_older_peer_is_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
