/* SPDX-License-Identifier: BSD-3-Clause */
/* Called from stack/tcp/tcp_reply.c and stack/lwip/lwip_glue.c. */
#include "stack/reply_rate.h"

#include "stack/stack_internal.h"

/*
 * The limit changes from second to second: from a fixed one, a third party could tell who else was
 * answered (CVE-2016-5696, CVE-2020-25705), and with it guess a connection.
 */
bool reply_rate_allows(struct stack *st, struct reply_rate *rate, uint32_t average)
{
	if (rate->limit == 0 || st->now_ms - rate->since_ms >= 1000) {
		rate->since_ms = st->now_ms;
		rate->limit = average / 2 + (uint32_t)(prng_next(&st->random) % average);
		rate->count = 0;
	}
	if (rate->count == rate->limit)
		return false;
	rate->count++;
	return true;
}
