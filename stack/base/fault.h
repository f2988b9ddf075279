/* SPDX-License-Identifier: BSD-3-Clause */
/* A message for a person about something that could not be set up: what was wrong, and what to do. */
#ifndef RWS_FAULT_H
#define RWS_FAULT_H

#include <stddef.h>

struct fault {
	char text[480];
};

/*
 * Writes a message into f, which may be NULL, and returns err, so that a failing step reads
 * `return fault_set(f, -EINVAL, "...", ...)`.
 */
int fault_set(struct fault *f, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
