/* SPDX-License-Identifier: BSD-3-Clause */
/* rws_read_utf8_line, on pipes and on sockets of both placements. */
#include "tests/unit/api/fake.h"

#define CASE(test) BOTH_CASE(test, start, fake_teardown)
#define CAPACITY   64u
#define NO_LIMIT   SIZE_MAX

static rws_channel_t ch;

static int start(void **state)
{
	fake_start(placement_of(state), 1);
	fake.buffer_size = 16;
	assert_int_equal(rws_channel_create(sel, CAPACITY, true, &ch), 0);
	return 0;
}

static void put(const char *text)
{
	assert_int_equal(rws_write_available(ch, text, strlen(text)), strlen(text));
}

static int read_line(unsigned flags, size_t limit, char buf[256])
{
	size_t length;
	int result = rws_read_utf8_line(ch, buf, 255, limit, flags, &length);

	buf[result == 1 ? length : 0] = '\0';
	return result;
}

static void assert_line_of(unsigned flags, const char *text)
{
	char buf[256];

	assert_int_equal(read_line(flags, NO_LIMIT, buf), 1);
	assert_string_equal(buf, text);
}

static void assert_line(const char *text)
{
	assert_line_of(0, text);
}

static void assert_no_line(unsigned flags, int result)
{
	char buf[256];
	size_t before = rws_available_for_read(ch);

	assert_int_equal(read_line(flags, NO_LIMIT, buf), result);
	assert_int_equal(rws_available_for_read(ch), before);
}

/* ---- What ends a line ------------------------------------------------------------------- */

static void b068_lf_and_crlf_end_a_line(void **state)
{
	put("\none\r\n\r\ntwo\rthree\n\r\r\n");
	assert_line("");
	assert_line("one");
	assert_line("");
	assert_line("two\rthree");
	assert_line("\r");
	assert_no_line(0, -EAGAIN);
}

static void b068_lone_cr_ends_a_line_with_the_flag(void **state)
{
	put("\rone\rtwo\r\nthree\nfour\r");
	assert_line_of(RWS_LINE_LONE_CR, "");
	assert_line_of(RWS_LINE_LONE_CR, "one");
	assert_line_of(RWS_LINE_LONE_CR, "two");
	assert_line_of(RWS_LINE_LONE_CR, "three");
	/* An LF may follow the CR. */
	assert_no_line(RWS_LINE_LONE_CR, -EAGAIN);
	put("five\n");
	assert_line_of(RWS_LINE_LONE_CR, "four");
	assert_line_of(RWS_LINE_LONE_CR, "five");
	put("six\r");
	assert_no_line(RWS_LINE_LONE_CR, -EAGAIN);
	rws_channel_close(ch, 0);
	assert_line_of(RWS_LINE_LONE_CR, "six");
	assert_no_line(RWS_LINE_LONE_CR, 0);
}

static void b068_the_flag_may_change_between_calls(void **state)
{
	put("one\rtwo");
	assert_no_line(0, -EAGAIN);
	assert_line_of(RWS_LINE_LONE_CR, "one");
	assert_no_line(RWS_LINE_LONE_CR, -EAGAIN);
	put("\n");
	assert_line("two");
	assert_no_line(2, -EAGAIN);
	put("x\n");
	assert_no_line(2, -EINVAL);
}

static void b068_text_split_at_every_byte_gives_the_same_lines(void **state)
{
	static const char text[] = "\n\r\na\r\nbc\ndef\r\n\n\ngh\rij\r\nlast";
	static const char *const lines[] = {"", "", "a", "bc", "def", "", "", "gh\rij", "last"};
	char buf[256], piece[2] = "";
	unsigned found = 0;
	int result;

	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		piece[0] = text[i];
		put(piece);
		while ((result = read_line(0, NO_LIMIT, buf)) == 1)
			assert_string_equal(buf, lines[found++]);
		assert_int_equal(result, -EAGAIN);
	}
	rws_channel_close(ch, 0);
	assert_int_equal(found, 8);
	assert_line(lines[8]);
	assert_no_line(0, 0);
}

static void b068_the_end_of_the_stream_is_no_empty_line(void **state)
{
	put("\nunterminated");
	rws_channel_close(ch, 0);
	assert_line("");
	assert_line("unterminated");
	assert_no_line(0, 0);
	assert_no_line(0, 0);
}

static void b068_a_line_that_the_peer_did_not_finish_is_the_cause(void **state)
{
	struct fake_end *end;
	rws_socket_t s = fake_connect(sel, NULL, &end);
	char buf[256];

	assert_int_equal(rws_open_read_channel(s, &ch), 0);
	fake_data(end, "whole\nhal", 9);
	fake_error(end, -ECONNRESET);
	fake_turn(sel, 2);
	assert_line("whole");
	assert_no_line(0, -ECONNRESET);
	assert_int_equal(rws_read_available(ch, buf, sizeof(buf)), 3);
}

/* ---- Limits ----------------------------------------------------------------------------- */

static void assert_limit(const char *text, size_t limit, int result)
{
	char buf[256];

	put(text);
	assert_int_equal(read_line(0, limit, buf), result);
	assert_int_equal(rws_available_for_read(ch), result == 1 ? 0 : strlen(text));
	rws_discard(ch, strlen(text));
}

static void b069_the_limit_is_of_the_text_alone(void **state)
{
	assert_limit("abcd\n", 4, 1);
	assert_limit("abcd\r\n", 4, 1);
	assert_limit("abcde\n", 4, -EMSGSIZE);
	assert_limit("abcde\r\n", 4, -EMSGSIZE);
	assert_limit("\n", 0, 1);
	assert_limit("\r\n", 0, 1);
	assert_limit("a\n", 0, -EMSGSIZE);
}

static void b069_a_line_that_grows_too_long_is_told_before_it_ends(void **state)
{
	char buf[256];

	put("abcd");
	assert_int_equal(read_line(0, 4, buf), -EAGAIN);
	put("\r");
	assert_int_equal(read_line(0, 4, buf), -EAGAIN);
	put("e");
	assert_int_equal(read_line(0, 4, buf), -EMSGSIZE);
	assert_int_equal(read_line(0, 6, buf), -EAGAIN);
	put("\n");
	assert_int_equal(read_line(0, 6, buf), 1);
	assert_string_equal(buf, "abcd\re");
}

static void b069_a_small_buffer_loses_nothing(void **state)
{
	char buf[4];
	size_t length;

	put("12345\n");
	assert_int_equal(rws_read_utf8_line(ch, buf, 4, NO_LIMIT, 0, &length), -EMSGSIZE);
	assert_int_equal(length, 5);
	assert_line("12345");
	put("1234\n");
	assert_int_equal(rws_read_utf8_line(ch, buf, 4, NO_LIMIT, 0, &length), 1);
	assert_int_equal(length, 4);
	assert_memory_equal(buf, "1234", 4);
}

static void b069_a_line_that_fills_the_channel_is_too_long(void **state)
{
	char block[CAPACITY];

	memset(block, 'x', sizeof(block));
	assert_int_equal(rws_write_available(ch, block, CAPACITY - 1), CAPACITY - 1);
	assert_no_line(0, -EAGAIN);
	assert_int_equal(rws_write_available(ch, block, 1), 1);
	assert_no_line(0, -EMSGSIZE);
	assert_int_equal(rws_discard(ch, 1), 1);
	assert_int_equal(rws_write_available(ch, "\n", 1), 1);
	assert_int_equal(rws_read_utf8_line(ch, block, CAPACITY, NO_LIMIT, 0, &(size_t){0}), 1);
}

/* ---- Pieces ----------------------------------------------------------------------------- */

static void b070_characters_split_across_segments_come_whole(void **state)
{
	static const char text[] = "\xc3\xa4\xe2\x82\xac\xf0\x9f\x8c\x8d\n";
	struct fake_end *end;
	rws_socket_t s = fake_connect(sel, NULL, &end);

	assert_int_equal(rws_open_read_channel(s, &ch), 0);
	for (size_t segment = 1; segment < sizeof(text); segment++) {
		fake_data_in(end, text, sizeof(text) - 1, segment);
		fake_turn(sel, 2);
		assert_line("\xc3\xa4\xe2\x82\xac\xf0\x9f\x8c\x8d");
	}
	fake_turn(sel, 2);
	assert_int_equal(end->recved, (sizeof(text) - 1) * (sizeof(text) - 1));
}

/* A megabyte in pieces of one byte: each is looked at once, or this takes an hour. */
static void b068_a_line_of_many_pieces_is_looked_at_once(void **state)
{
	enum { LENGTH = 1 << 20 };
	static char buf[LENGTH], got[LENGTH];
	rws_channel_t large;
	size_t length;

	fake.buffer_size = 32768;
	memset(buf, 'u', sizeof(buf));
	assert_int_equal(rws_channel_create(sel, 2 * LENGTH, true, &large), 0);
	for (size_t i = 0; i < LENGTH; i++) {
		assert_int_equal(rws_write_available(large, &buf[i], 1), 1);
		assert_int_equal(
			rws_read_utf8_line(large, got, LENGTH, LENGTH, 0, &length), -EAGAIN);
	}
	assert_int_equal(length, LENGTH);
	assert_int_equal(rws_write_available(large, "\n", 1), 1);
	assert_int_equal(rws_read_utf8_line(large, got, LENGTH, LENGTH, 0, &length), 1);
	assert_memory_equal(got, buf, LENGTH);
}

static void b068_reading_otherwise_between_lines_is_allowed(void **state)
{
	char byte;

	put("abc");
	assert_no_line(0, -EAGAIN);
	assert_int_equal(rws_read_available(ch, &byte, 1), 1);
	put("d\nefg\n");
	assert_line("bcd");
	assert_int_equal(rws_discard(ch, 2), 2);
	assert_line("g");
}

/* ---- More than fits at once into an attached channel --------------------------------------- */

static struct fake_end *attach(void)
{
	struct fake_end *end;
	rws_socket_t s = fake_connect(sel, NULL, &end);

	assert_int_equal(rws_attach_for_reading(s, ch, NULL), 0);
	return end;
}

static void b068_a_line_ends_in_a_segment_that_waits_for_room(void **state)
{
	struct fake_end *end = attach();
	char text[80];

	memset(text, 'w', sizeof(text));
	text[60] = '\n';
	fake_data_in(end, text, 80, 40); /* of 64 bytes' room the first leaves too little */
	fake_turn(sel, 2);
	assert_int_equal(rws_available_for_read(ch), 40);
	text[60] = '\0';
	assert_line(text);
	assert_int_equal(rws_available_for_read(ch), 19);
}

static void b072_await_content_finds_what_waits_for_room(void **state)
{
	struct fake_end *end = attach();
	struct iovec iov[8];
	char byte;

	fake_data_in(end, "0123456789012345678901234567890123456789", 40, 40);
	fake_data_in(end, "0123456789012345678901234567890123456789", 40, 40);
	fake_turn(sel, 2);
	assert_int_equal(rws_available_for_read(ch), 40);
	assert_int_equal(rws_await_content(ch, 60, rws_now(sel) + MS), 1);
	assert_int_equal(rws_request(ch, 0, 80, iov, 8), 2);
	assert_int_equal(rws_discard(ch, 40), 40);
	fake_data_in(end, "0123456789012345678901234567890123456789", 40, 40);
	fake_turn(sel, 2);
	assert_int_equal(rws_peek_to(ch, 50, &byte, 1), 1);
	assert_int_equal(byte, '0');
}

static void peek_beyond_what_a_reset_left_is_the_cause(void **state)
{
	struct fake_end *end = attach();
	char byte;

	fake_data(end, "abc", 3);
	fake_error(end, -ECONNRESET);
	fake_turn(sel, 2);
	assert_int_equal(rws_peek_to(ch, 2, &byte, 1), 1);
	assert_int_equal(rws_peek_to(ch, 3, &byte, 1), -ECONNRESET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(b068_lf_and_crlf_end_a_line),
		CASE(b068_lone_cr_ends_a_line_with_the_flag),
		CASE(b068_the_flag_may_change_between_calls),
		CASE(b068_text_split_at_every_byte_gives_the_same_lines),
		CASE(b068_the_end_of_the_stream_is_no_empty_line),
		CASE(b068_a_line_that_the_peer_did_not_finish_is_the_cause),
		CASE(b069_the_limit_is_of_the_text_alone),
		CASE(b069_a_line_that_grows_too_long_is_told_before_it_ends),
		CASE(b069_a_small_buffer_loses_nothing),
		CASE(b069_a_line_that_fills_the_channel_is_too_long),
		CASE(b070_characters_split_across_segments_come_whole),
		CASE(b068_a_line_of_many_pieces_is_looked_at_once),
		CASE(b068_reading_otherwise_between_lines_is_allowed),
		CASE(b068_a_line_ends_in_a_segment_that_waits_for_room),
		CASE(b072_await_content_finds_what_waits_for_room),
		CASE(peek_beyond_what_a_reset_left_is_the_cause),
	};

	return cmocka_run_group_tests_name("line", tests, NULL, NULL);
}
