/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/http_path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/apps/cmocka_all.h"

/* A folder "root" with a file, a folder and links, beside a file "secret" that must stay hidden. */
static char base[] = "http_path_test.XXXXXX";
static int root_fd = -1;

static char *decode(const char *text)
{
	static char path[64];

	memset(path, 0x5a, sizeof(path));
	return http_path_decode(text, strlen(text), path, sizeof(path)) < 0 ? NULL : path;
}

static void decode_plain_and_escaped_gives_bytes(void **state)
{
	assert_string_equal(decode("/a/b.html"), "/a/b.html");
	assert_string_equal(decode("/a%20b"), "/a b");
	assert_string_equal(decode("%2e%2E%2f"), "../");
	assert_string_equal(decode("/%c3%a4"), "/\xc3\xa4");
	assert_string_equal(decode("/a+b"), "/a+b");
	assert_string_equal(decode("/%2541"), "/%41"); /* once only */
	assert_string_equal(decode(""), "");
}

static void decode_broken_escape_is_refused(void **state)
{
	assert_null(decode("/%"));
	assert_null(decode("/%4"));
	assert_null(decode("/%4g"));
	assert_null(decode("/%zz"));
	assert_null(decode("/%-1"));
}

static void decode_nul_is_refused(void **state)
{
	char path[16];

	assert_null(decode("/a%00b"));
	assert_int_equal(http_path_decode("/\0b", 3, path, sizeof(path)), -EINVAL);
}

static void decode_reads_no_further_than_n(void **state)
{
	char path[16];

	assert_int_equal(http_path_decode("/%41", 3, path, sizeof(path)), -EINVAL);
	assert_int_equal(http_path_decode("/abc", 2, path, sizeof(path)), 2);
	assert_string_equal(path, "/a");
}

static void decode_too_long_is_refused(void **state)
{
	char path[4];

	assert_int_equal(http_path_decode("/ab", 3, path, sizeof(path)), 3);
	assert_int_equal(http_path_decode("/abc", 4, path, sizeof(path)), -ENAMETOOLONG);
}

static void dot_dot_is_not_inside(void **state)
{
	assert_false(http_path_is_inside(".."));
	assert_false(http_path_is_inside("/.."));
	assert_false(http_path_is_inside("/a/../b"));
	assert_false(http_path_is_inside("/a//.."));
	assert_false(http_path_is_inside("a/.."));
}

static void other_dots_are_inside(void **state)
{
	assert_true(http_path_is_inside("/"));
	assert_true(http_path_is_inside(""));
	assert_true(http_path_is_inside("/..."));
	assert_true(http_path_is_inside("/..a/b.."));
	assert_true(http_path_is_inside("/./a"));
}

static void assert_opens(const char *path, const char *content)
{
	char text[32] = "";
	int fd = http_path_open(root_fd, path);

	assert_true(fd >= 0);
	assert_int_equal(read(fd, text, sizeof(text) - 1), (ssize_t)strlen(content));
	assert_string_equal(text, content);
	close(fd);
}

static void file_below_the_root_opens(void **state)
{
	assert_opens("/file", "public");
	assert_opens("file", "public");
	assert_opens("///file", "public");
	assert_opens("/folder/file", "inner");
	assert_opens("/folder//./file", "inner");
	assert_opens("/good_link", "public");
}

static void root_itself_opens_as_a_folder(void **state)
{
	struct stat status;
	int fd = http_path_open(root_fd, "/");

	if (fd < 0) {
		fail_msg("%d", fd);
		return;
	}
	assert_int_equal(fstat(fd, &status), 0);
	assert_true(S_ISDIR(status.st_mode));
	close(fd);
}

static void way_out_of_the_root_is_refused(void **state)
{
	assert_int_equal(http_path_open(root_fd, "/../secret"), -EXDEV);
	assert_int_equal(http_path_open(root_fd, "/folder/../../secret"), -EXDEV);
	assert_int_equal(http_path_open(root_fd, "/bad_link"), -EXDEV);
	assert_int_equal(http_path_open(root_fd, "/absolute_link"), -EXDEV);
	assert_int_equal(http_path_open(root_fd, "/folder_link/secret"), -EXDEV);
}

static void file_that_is_missing_is_told(void **state)
{
	assert_int_equal(http_path_open(root_fd, "/nothing"), -ENOENT);
	assert_int_equal(http_path_open(root_fd, "/file/under"), -ENOTDIR);
}

static void put(const char *name, const char *content)
{
	FILE *file = fopen(name, "w");

	if (file == NULL) {
		fail_msg("cannot open it");
		return;
	}
	assert_true(fputs(content, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
	char here[PATH_MAX], secret[PATH_MAX + 8];

	assert_non_null(mkdtemp(base));
	assert_int_equal(chdir(base), 0);
	put("secret", "hidden");
	assert_int_equal(mkdir("root", 0755), 0);
	assert_int_equal(mkdir("root/folder", 0755), 0);
	put("root/file", "public");
	put("root/folder/file", "inner");
	assert_non_null(getcwd(here, sizeof(here)));
	snprintf(secret, sizeof(secret), "%s/secret", here);
	assert_int_equal(symlink("file", "root/good_link"), 0);
	assert_int_equal(symlink("../secret", "root/bad_link"), 0);
	assert_int_equal(symlink(secret, "root/absolute_link"), 0);
	assert_int_equal(symlink("..", "root/folder_link"), 0);
	root_fd = open("root", O_RDONLY | O_DIRECTORY);
	return root_fd >= 0 ? 0 : -1;
}

static int teardown(void **state)
{
	static const char *const names[] = {"root/folder/file", "root/folder", "root/file",
		"root/good_link", "root/bad_link", "root/absolute_link", "root/folder_link", "root",
		"secret"};

	close(root_fd);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		remove(names[i]);
	return chdir("..") == 0 ? rmdir(base) : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decode_plain_and_escaped_gives_bytes),
		cmocka_unit_test(decode_broken_escape_is_refused),
		cmocka_unit_test(decode_nul_is_refused),
		cmocka_unit_test(decode_reads_no_further_than_n),
		cmocka_unit_test(decode_too_long_is_refused),
		cmocka_unit_test(dot_dot_is_not_inside),
		cmocka_unit_test(other_dots_are_inside),
		cmocka_unit_test(file_below_the_root_opens),
		cmocka_unit_test(root_itself_opens_as_a_folder),
		cmocka_unit_test(way_out_of_the_root_is_refused),
		cmocka_unit_test(file_that_is_missing_is_told),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
