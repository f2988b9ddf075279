/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where rws-get puts a body. A file appears under its name only when it is whole: until then it is
 * NAME.PID-0.part beside it, and it is removed when anything fails.
 *
 * Called from apps/get_exchange.c. Calls nothing of ours.
 */
#ifndef RWS_APPS_GET_OUTPUT_H
#define RWS_APPS_GET_OUTPUT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#define OUTPUT_PIECES 64

struct get_output {
	const char *name; /* NULL: drop the body; "-": standard output */
	char part[PATH_MAX + 32];
	int fd; /* -1: closed */
	int piece_count;
	struct iovec pieces[OUTPUT_PIECES];
};

void get_output_init(struct get_output *output, const char *name);

/* Each returns 0 or a negative errno. */
int get_output_open(struct get_output *output);

/* The bytes must stay until get_output_flush, which writes all pieces at once. */
int get_output_add(struct get_output *output, const void *data, size_t n);
int get_output_flush(struct get_output *output);

/* It is whole: gives it its name. */
int get_output_commit(struct get_output *output);

/* Removes what there is; does nothing after commit. */
void get_output_discard(struct get_output *output);

#endif
