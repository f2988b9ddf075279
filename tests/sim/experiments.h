/* SPDX-License-Identifier: BSD-3-Clause */
/* The simulations: each prints one table as CSV. */
#ifndef RWS_SIM_EXPERIMENTS_H
#define RWS_SIM_EXPERIMENTS_H

#include <stdbool.h>
#include <stdio.h>

struct experiment {
	const char *name;
	void (*run)(FILE *csv, unsigned seed);
};

extern const struct experiment experiments[];
extern const unsigned experiment_count;

#endif
