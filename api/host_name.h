/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Texts that name the other end of a connection: "example.org:80", "10.0.0.1:80", "[fd00::1]:80".
 *
 * Called from api/host.c. Calls rws_address_parse.
 */
#ifndef RWS_HOST_NAME_H
#define RWS_HOST_NAME_H

#include "api/rws.h"

#define HOST_NAME_LENGTH 253u /* RFC 1035 2.3.4: 255 bytes on the wire, lengths included */

struct host_target {
	bool is_literal;
	struct rws_address address;      /* is_literal: all of it */
	char name[HOST_NAME_LENGTH + 1]; /* otherwise: lower case, without the last dot */
	uint16_t port;                   /* host order, never 0 */
};

/*
 * 0, or -EINVAL: neither an address nor a host name of RFC 1123 2.1 (labels of letters, digits and
 * inner hyphens, 1 to 63 bytes each, 253 in all, the last one not of digits alone), or no port.
 */
int host_parse(const char *text, struct host_target *target);

#endif
