/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Simulations of our TCP in virtual time.
 *
 *   sim EXPERIMENT [SEED]   prints its table as CSV; the same seed gives the same bytes
 *   sim --list              names the experiments
 *
 * Called from tests/sim/check. Exit status: 0, 1 when a simulation broke, 2 for wrong arguments.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/experiments.h"
#include "tests/sim/world.h"

static int list(void)
{
	for (unsigned i = 0; i < experiment_count; i++)
		puts(experiments[i].name);
	return 0;
}

static int run(const struct experiment *experiment, unsigned seed)
{
	world_start();
	experiment->run(stdout, seed);
	world_stop();
	return fflush(stdout) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--list") == 0)
		return list();
	for (unsigned i = 0; argc >= 2 && i < experiment_count; i++)
		if (strcmp(argv[1], experiments[i].name) == 0)
			return run(&experiments[i], argc > 2 ? (unsigned)atoi(argv[2]) : 1);
	fprintf(stderr, "usage: sim EXPERIMENT [SEED] | sim --list\n");
	return 2;
}
