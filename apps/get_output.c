/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/get_output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PART_NAMES 8 /* to find one that nothing has */

void get_output_init(struct get_output *output, const char *name)
{
	output->name = name;
	output->part[0] = '\0';
	output->fd = -1;
	output->piece_count = 0;
}

/* A device or a pipe has no part: it is written as it is. */
static bool is_special(const char *name)
{
	struct stat status;

	return stat(name, &status) == 0 && !S_ISREG(status.st_mode);
}

/* Never what is there already: the folder may be one where others, too, make files and links. */
static int create_part(struct get_output *output, int number)
{
	int n = snprintf(output->part, sizeof(output->part), "%s.%d-%d.part", output->name,
		(int)getpid(), number);

	if ((size_t)n >= sizeof(output->part))
		return -ENAMETOOLONG;
	output->fd = open(output->part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	return output->fd < 0 ? -errno : 0;
}

static int open_part(struct get_output *output)
{
	int result = -EEXIST;

	for (int i = 0; i < PART_NAMES && result == -EEXIST; i++)
		result = create_part(output, i);
	if (result < 0)
		output->part[0] = '\0'; /* not ours to remove */
	return result;
}

int get_output_open(struct get_output *output)
{
	if (output->name == NULL)
		return 0;
	if (strcmp(output->name, "-") != 0 && !is_special(output->name))
		return open_part(output);
	output->fd = strcmp(output->name, "-") == 0 ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
						    : open(output->name, O_WRONLY | O_CLOEXEC);
	return output->fd < 0 ? -errno : 0;
}

int get_output_add(struct get_output *output, const void *data, size_t n)
{
	int result = 0;

	if (output->fd < 0)
		return 0;
	if (output->piece_count == OUTPUT_PIECES)
		result = get_output_flush(output);
	output->pieces[output->piece_count++] =
		(struct iovec){.iov_base = (void *)(uintptr_t)data, .iov_len = n};
	return result;
}

/* Drops the first n bytes of the pieces. */
static void skip(struct iovec **pieces, int *count, size_t n)
{
	while (*count > 0 && n >= (*pieces)->iov_len) {
		n -= (*pieces)->iov_len;
		(*pieces)++;
		(*count)--;
	}
	if (*count > 0) {
		(*pieces)->iov_base = (char *)(*pieces)->iov_base + n;
		(*pieces)->iov_len -= n;
	}
}

int get_output_flush(struct get_output *output)
{
	struct iovec *pieces = output->pieces;
	int count = output->piece_count;

	output->piece_count = 0;
	while (count > 0) {
		ssize_t n = writev(output->fd, pieces, count);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		skip(&pieces, &count, (size_t)n);
	}
	return 0;
}

/* Some file systems tell of a full disk only at close. */
static int close_output(struct get_output *output)
{
	int fd = output->fd;

	output->fd = -1;
	return fd >= 0 && close(fd) < 0 ? -errno : 0;
}

int get_output_commit(struct get_output *output)
{
	int result = get_output_flush(output);

	if (result == 0)
		result = close_output(output);
	if (result == 0 && output->part[0] != '\0' && rename(output->part, output->name) < 0)
		result = -errno;
	if (result == 0)
		output->part[0] = '\0';
	return result;
}

void get_output_discard(struct get_output *output)
{
	close_output(output);
	output->piece_count = 0;
	if (output->part[0] != '\0')
		unlink(output->part);
	output->part[0] = '\0';
}
