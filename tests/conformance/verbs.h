/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a line of a script may say.
 *
 * Called from tcp_script.c; calls world.c and the stack.
 */
#ifndef RWS_TEST_VERBS_H
#define RWS_TEST_VERBS_H

#include "tests/conformance/world.h"

/* Runs a line; ends the case's process when it does not come as the line says. */
void verbs_run(struct world *world, const struct script_line *line);

#endif
