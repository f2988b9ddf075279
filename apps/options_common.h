/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rows that every program has, and the checks that need more than one of them.
 *
 * Called from apps/options.c.
 */
#ifndef RWS_APPS_OPTIONS_COMMON_H
#define RWS_APPS_OPTIONS_COMMON_H

#include "apps/options.h"

extern const struct option_row options_common_rows[];
extern const unsigned options_common_row_count;

/* After all options were read. Returns 0, or -EINVAL with options->error. */
int options_common_check(struct options *options);

#endif
