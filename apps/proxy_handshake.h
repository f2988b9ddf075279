/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rws-proxy: how many TLS handshakes may be under way, and what became of those before.
 *
 * Called from apps/proxy.c and apps/proxy_pair.c. Calls nothing.
 *
 * A client that shakes hands costs memory and the work of a signature, and may not be one at all. So
 * few of the places for clients are for those; the next ones wait in the backlog.
 */
#ifndef RWS_APPS_PROXY_HANDSHAKE_H
#define RWS_APPS_PROXY_HANDSHAKE_H

#include <stdint.h>

enum proxy_handshake_failure {
	HANDSHAKE_REFUSED,   /* the client does not speak TLS as we do, or ended within it */
	HANDSHAKE_REJECTED,  /* it does not accept our certificate */
	HANDSHAKE_LATE,      /* not done in time */
	HANDSHAKE_NO_MEMORY, /* for want of our own */
	HANDSHAKE_LOST,      /* the connection underneath ended */
	HANDSHAKE_FAILURES
};

/* One thread's. */
struct proxy_handshakes {
	unsigned count, max; /* under way, and at most */
	uint64_t done, failed[HANDSHAKE_FAILURES];
};

/* How many clients may be accepted that will shake hands, of so many places. */
unsigned proxy_handshake_places(const struct proxy_handshakes *handshakes, unsigned places);

void proxy_handshake_begins(struct proxy_handshakes *handshakes);

/* It ended: 0, well; or a negative errno. */
void proxy_handshake_ended(struct proxy_handshakes *handshakes, int result);

#endif
