/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/http_path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* O_NONBLOCK: a FIFO below the root must not stop the server. */
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The byte that %XX at text stands for, or -EINVAL. */
static int decode_escape(const char *text, size_t n)
{
	if (n < 3 || hex_digit(text[1]) < 0 || hex_digit(text[2]) < 0)
		return -EINVAL;
	return hex_digit(text[1]) << 4 | hex_digit(text[2]);
}

int http_path_decode(const char *text, size_t n, char *path, size_t size)
{
	size_t length = 0;

	for (size_t i = 0; i < n; i++) {
		int byte = (unsigned char)text[i];

		if (byte == '%') {
			byte = decode_escape(text + i, n - i);
			i += 2;
		}
		if (byte <= 0)
			return -EINVAL;
		if (length + 1 >= size)
			return -ENAMETOOLONG;
		path[length++] = (char)byte;
	}
	path[length] = '\0';
	return (int)length;
}

bool http_path_is_inside(const char *path)
{
	while (*path != '\0') {
		size_t n = strcspn(path, "/");

		if (n == 2 && path[0] == '.' && path[1] == '.')
			return false;
		path += n;
		path += strspn(path, "/");
	}
	return true;
}

/* Opens one component of the path; a symbolic link is refused, since it may lead anywhere. */
static int open_component(int folder, const char *name, size_t n, int flags)
{
	char text[256];
	int fd;

	if (n >= sizeof(text))
		return -ENAMETOOLONG;
	memcpy(text, name, n);
	text[n] = '\0';
	fd = openat(folder, text, flags | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

/* For kernels before 5.6: walks down one component at a time. */
static int open_by_walking(int root_fd, const char *path)
{
	int folder = openat(root_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (folder < 0)
		return -errno;
	for (;;) {
		size_t n = strcspn(path, "/");
		bool last = path[n + strspn(path + n, "/")] == '\0';
		int fd = open_component(
			folder, path, n, last ? OPEN_FLAGS : O_PATH | O_DIRECTORY | O_CLOEXEC);

		close(folder);
		if (fd < 0 || last)
			return fd;
		folder = fd;
		path += n;
		path += strspn(path, "/");
	}
}

int http_path_open(int root_fd, const char *path)
{
	const struct open_how how = {
		.flags = OPEN_FLAGS,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	if (!http_path_is_inside(path))
		return -EXDEV;
	path += strspn(path, "/");
	if (*path == '\0')
		path = ".";
	fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
	if (fd >= 0)
		return (int)fd;
	return errno == ENOSYS ? open_by_walking(root_fd, path) : -errno;
}
