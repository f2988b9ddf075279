/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/proxy_handshake.h"

#include <errno.h>

unsigned proxy_handshake_places(const struct proxy_handshakes *handshakes, unsigned places)
{
	unsigned left = handshakes->max - handshakes->count;

	return places < left ? places : left;
}

void proxy_handshake_begins(struct proxy_handshakes *handshakes)
{
	handshakes->count++;
}

static enum proxy_handshake_failure failure_of(int error)
{
	switch (error) {
	case -EPROTO:
		return HANDSHAKE_REFUSED;
	case -EKEYREJECTED:
		return HANDSHAKE_REJECTED;
	case -ETIMEDOUT:
		return HANDSHAKE_LATE;
	case -ENOBUFS:
	case -ENOMEM:
		return HANDSHAKE_NO_MEMORY;
	default:
		return HANDSHAKE_LOST;
	}
}

void proxy_handshake_ended(struct proxy_handshakes *handshakes, int result)
{
	handshakes->count--;
	if (result == 0)
		handshakes->done++;
	else
		handshakes->failed[failure_of(result)]++;
}
