/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages of the DNS (RFC 1035) as a stub resolver has them: a question for the addresses of a
 * host, and what is in the answer to it. No state, no memory: bytes in, values out.
 *
 * Called from api/lookup.c.
 *
 * An answer comes from the network: every offset is checked against the length, and a name follows
 * only pointers that lead backwards, so that reading it ends.
 */
#ifndef RWS_DNS_MESSAGE_H
#define RWS_DNS_MESSAGE_H

#include "api/host_name.h"

#define DNS_PORT 53u

/* Header, name, type and class, and the OPT record that says how much we take (RFC 6891). */
#define DNS_QUERY_MAX  (12u + HOST_NAME_LENGTH + 2u + 4u + 11u)
#define DNS_ANSWER_MAX 1232u /* an answer that fits into any IPv6 link's MTU */

#define DNS_ADDRESSES_MAX 8u /* of each family; what an answer has beyond them is left out */

struct dns_question {
	uint16_t id;
	uint8_t family;   /* RWS_IPV6 asks for AAAA (RFC 3596), RWS_IPV4 for A */
	const char *name; /* as of host_parse */
};

/* Writes the query; returns its length. */
size_t dns_query(const struct dns_question *question, uint8_t out[DNS_QUERY_MAX]);

/* Addresses that a connection may go to, in the order of the answer; ports are 0. */
struct dns_addresses {
	struct rws_address address[DNS_ADDRESSES_MAX];
	unsigned count;
};

/*
 * Reads a message of n bytes.
 *   0           an answer; *addresses has at least one
 *   -ENXIO      an answer: the name has no such address, or there is no such name
 *   -EREMOTEIO  the server did not answer the question: it failed, or refused
 *   -EBADMSG    not an answer to the question, malformed, or cut short: to be ignored
 */
int dns_answer(const struct dns_question *question, const uint8_t *message, size_t n,
	struct dns_addresses *addresses);

#endif
