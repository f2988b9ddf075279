/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A body of any length that the peer can compute for itself: one block of bytes, repeated. The
 * block's length is a prime, so that no buffer, segment or page size hides a shift.
 *
 * Called from apps/httpd_target.c and apps/httpd_connection.c. Calls nothing of ours.
 */
#ifndef RWS_APPS_PATTERN_H
#define RWS_APPS_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#define PATTERN_BLOCK 65521u
#define PATTERN_TEXT                                                                          \
	"The byte at offset i of /bytes/N is (j * 2654435761 mod 2^32) >> 24 with j = i mod " \
	"65521.\n"                                                                            \
	"In Python: bytes((i % 65521 * 2654435761 & 0xffffffff) >> 24 for i in range(N))\n"

/* Once, before any thread copies. */
void pattern_init(void);

/* The n bytes at offset. */
void pattern_copy(void *to, uint64_t offset, size_t n);

#endif
