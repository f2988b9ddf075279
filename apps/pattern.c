/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/pattern.h"

#include <string.h>

static uint8_t block[PATTERN_BLOCK]; /* constant after pattern_init() */

void pattern_init(void)
{
	for (uint32_t j = 0; j < PATTERN_BLOCK; j++)
		block[j] = (uint8_t)(j * 2654435761u >> 24);
}

void pattern_copy(void *to, uint64_t offset, size_t n)
{
	size_t at = offset % PATTERN_BLOCK;

	while (n > 0) {
		size_t part = PATTERN_BLOCK - at < n ? PATTERN_BLOCK - at : n;

		memcpy(to, block + at, part);
		to = (uint8_t *)to + part;
		n -= part;
		at = 0;
	}
}
