/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers that a stranger can provoke, counted by the second: RFC 5961 7, RFC 4443 2.4 (f). */
#ifndef RWS_REPLY_RATE_H
#define RWS_REPLY_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct stack;

struct reply_rate {
	uint64_t since_ms;
	uint32_t count, limit; /* in that second; limit 0: it never began */
};

/* Whether one more may be given; average: in a second, at least 2. The caller counts if not. */
bool reply_rate_allows(struct stack *st, struct reply_rate *rate, uint32_t average);

#endif
