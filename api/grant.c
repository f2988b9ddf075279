/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/grant.h"

#include <errno.h>
#include <stdlib.h>

int grant_table_init(struct grant_table *table)
{
	*table = (struct grant_table){.free = NO_GRANT};
	table->grants = calloc(GRANTS_MAX + 1u, sizeof(*table->grants));
	return table->grants == NULL ? -ENOMEM : 0;
}

void grant_table_fini(struct grant_table *table)
{
	free(table->grants);
	table->grants = NULL;
}

uint16_t grant_take(struct grant_table *table)
{
	uint16_t number = table->free;

	if (number != NO_GRANT)
		table->free = (uint16_t)table->grants[number].bytes;
	else if (table->touched < GRANTS_MAX)
		number = ++table->touched;
	if (number != NO_GRANT)
		table->grants[number] = (struct grant){0};
	return number;
}

void grant_give(struct grant_table *table, uint16_t number)
{
	table->grants[number].bytes = table->free;
	table->free = number;
}
