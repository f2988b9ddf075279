/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/get_output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/apps/cmocka_all.h"

static char folder[] = "get_output_test.XXXXXX";
static struct get_output output;

static void assert_content(const char *name, const char *content)
{
	char text[64] = "";
	FILE *file = fopen(name, "r");

	if (file == NULL) {
		fail_msg("cannot open it");
		return;
	}
	assert_int_equal(fread(text, 1, sizeof(text) - 1, file), strlen(content));
	assert_string_equal(text, content);
	fclose(file);
}

static void write_text(const char *name, const char *text)
{
	get_output_init(&output, name);
	assert_int_equal(get_output_open(&output), 0);
	assert_int_equal(get_output_add(&output, text, strlen(text)), 0);
	assert_int_equal(get_output_flush(&output), 0);
}

static void file_committed_has_its_name_and_content(void **state)
{
	write_text("one", "content");
	assert_int_equal(access("one", F_OK), -1);
	assert_int_equal(get_output_commit(&output), 0);
	assert_content("one", "content");
	get_output_discard(&output);
	assert_content("one", "content");
	assert_int_equal(unlink("one"), 0);
}

static void file_discarded_leaves_nothing_and_spares_the_old(void **state)
{
	write_text("two", "old");
	assert_int_equal(get_output_commit(&output), 0);
	write_text("two", "newer");
	assert_int_equal(access(output.part, F_OK), 0);
	get_output_discard(&output);
	assert_content("two", "old"); /* teardown's rmdir fails if a part was left behind */
	assert_int_equal(unlink("two"), 0);
}

/* A name of the part that somebody else made. */
static void plant(int number, const char *target)
{
	char name[64];

	snprintf(name, sizeof(name), "four.%d-%d.part", (int)getpid(), number);
	assert_int_equal(target != NULL ? symlink(target, name) : unlink(name), 0);
}

static void file_or_link_that_is_there_is_not_written_to(void **state)
{
	write_text("target", "theirs");
	assert_int_equal(get_output_commit(&output), 0);
	plant(0, "target");
	plant(1, "nowhere");
	write_text("four", "content");
	assert_int_equal(get_output_commit(&output), 0);
	assert_content("four", "content");
	assert_content("target", "theirs");
	assert_int_equal(access("nowhere", F_OK), -1);
	for (int i = 2; i < 8; i++)
		plant(i, "target");
	get_output_init(&output, "four");
	assert_int_equal(get_output_open(&output), -EEXIST);
	get_output_discard(&output);
	assert_content("target", "theirs");
	for (int i = 0; i < 8; i++)
		plant(i, NULL); /* all of them are still there */
	assert_int_equal(unlink("four"), 0);
	assert_int_equal(unlink("target"), 0);
}

static void pieces_beyond_the_table_are_written_in_order(void **state)
{
	char content[OUTPUT_PIECES + 20];
	FILE *file;

	get_output_init(&output, "three");
	assert_int_equal(get_output_open(&output), 0);
	for (int i = 0; i < OUTPUT_PIECES + 10; i++)
		assert_int_equal(get_output_add(&output, i % 2 == 0 ? "a" : "b", 1), 0);
	assert_int_equal(get_output_commit(&output), 0);
	file = fopen("three", "r");
	if (file == NULL) {
		fail_msg("cannot open it");
		return;
	}
	assert_int_equal(fread(content, 1, sizeof(content), file), OUTPUT_PIECES + 10);
	for (int i = 0; i < OUTPUT_PIECES + 10; i++)
		assert_int_equal(content[i], i % 2 == 0 ? 'a' : 'b');
	fclose(file);
	assert_int_equal(unlink("three"), 0);
}

static void device_full_is_told(void **state)
{
	get_output_init(&output, "/dev/full");
	assert_int_equal(get_output_open(&output), 0);
	assert_int_equal(get_output_add(&output, "x", 1), 0);
	assert_int_equal(get_output_commit(&output), -ENOSPC);
	get_output_discard(&output);
	assert_int_equal(access("/dev/full", F_OK), 0);
}

static void folder_missing_is_told(void **state)
{
	get_output_init(&output, "nowhere/file");
	assert_int_equal(get_output_open(&output), -ENOENT);
	get_output_discard(&output);
}

static void body_without_a_name_is_dropped(void **state)
{
	get_output_init(&output, NULL);
	assert_int_equal(get_output_open(&output), 0);
	assert_int_equal(get_output_add(&output, "x", 1), 0);
	assert_int_equal(get_output_commit(&output), 0);
	get_output_discard(&output);
}

static int setup(void **state)
{
	return mkdtemp(folder) != NULL ? chdir(folder) : -1;
}

static int teardown(void **state)
{
	return chdir("..") == 0 ? rmdir(folder) : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(file_committed_has_its_name_and_content),
		cmocka_unit_test(file_discarded_leaves_nothing_and_spares_the_old),
		cmocka_unit_test(file_or_link_that_is_there_is_not_written_to),
		cmocka_unit_test(pieces_beyond_the_table_are_written_in_order),
		cmocka_unit_test(device_full_is_told),
		cmocka_unit_test(folder_missing_is_told),
		cmocka_unit_test(body_without_a_name_is_dropped),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
