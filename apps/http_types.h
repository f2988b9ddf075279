/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Content types by the ending of a file's name.
 *
 * Called from apps/httpd_target.c. Calls nothing of ours.
 */
#ifndef RWS_APPS_HTTP_TYPES_H
#define RWS_APPS_HTTP_TYPES_H

/* Never NULL: "application/octet-stream" for what is not in the table. */
const char *http_type(const char *path);

#endif
