/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From the path of a URL to an open file below a folder, and nowhere else.
 *
 * Called from apps/httpd_target.c. Calls nothing of ours.
 */
#ifndef RWS_APPS_HTTP_PATH_H
#define RWS_APPS_HTTP_PATH_H

#include <stdbool.h>
#include <stddef.h>

/*
 * RFC 3986 2.1: decodes %XX of the n bytes at text into a string. Returns its length, -EINVAL for
 * a broken escape or a NUL, -ENAMETOOLONG when it does not fit.
 */
int http_path_decode(const char *text, size_t n, char *path, size_t size);

/* No component of the path is "..". */
bool http_path_is_inside(const char *path);

/*
 * Opens path (decoded; leading slashes do not count) for reading below the folder root_fd. Neither
 * ".." nor a symbolic link leads out of it. Returns a descriptor or a negative errno, -EXDEV for a way out.
 */
int http_path_open(int root_fd, const char *path);

#endif
