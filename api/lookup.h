/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One search for the addresses of a host: both questions, AAAA and A, to one name server after the
 * other.
 *
 * Called from api/host.c. Calls api/dns_message.h and a UDP socket of its own.
 *
 * Theory of operation
 * -------------------
 * Not lwIP's resolver: that one keeps a single address of a name, does not tell a name that does not
 * exist from a server that is silent, cannot forget a question, takes an answer from any port of
 * the server, and opens its ports past the table by which frames reach their stack core. lwIP only
 * keeps the servers that DHCP and router advertisements name.
 *
 * Each round asks one server by a UDP socket that is connected to it: the stack core drops what
 * comes from another address or port. Local port and both ids are random, new for each server (RFC
 * 5452 9.2). What is no answer to the question is ignored, an answer that was cut short as well.
 * A server is asked again after 1 s and given up after 2 s more, or at once when it says that it
 * cannot answer, or ICMP says that it is not there. What has no answer after the last server failed.
 *
 * The socket is one of the selector's like those of the application, which never learns of it: it
 * has callbacks of ours for all of its events.
 */
#ifndef RWS_LOOKUP_H
#define RWS_LOOKUP_H

#include "api/dns_message.h"
#include "api/runtime.h"

enum { LOOKUP_IPV6, LOOKUP_IPV4, LOOKUP_FAMILIES };

enum lookup_state {
	LOOKUP_UNASKED, /* of a family that is not wanted, or stopped */
	LOOKUP_ASKED,
	LOOKUP_REFUSED, /* by the server that is asked now */
	LOOKUP_DONE,    /* addresses, or an error for good */
};

struct lookup_query {
	enum lookup_state state;
	uint16_t id;
	int error; /* -ENXIO, -EREMOTEIO, -ETIMEDOUT or of the network; 0 with addresses */
	struct dns_addresses addresses;
};

struct lookup {
	struct rws_selector *sel;
	const char *name;
	/* Called from the loop when there may be news: calls lookup_run, may call lookup_stop. */
	void (*changed)(void *user);
	void *user;
	struct rws_address servers[RUNTIME_DNS_MAX];
	unsigned server_count;
	unsigned server;     /* asked now */
	unsigned sent;       /* times that it was asked */
	unsigned opened;     /* sockets for it: a port may be taken */
	rws_socket_t socket; /* RWS_NONE: none */
	int64_t due;         /* when it is asked again or given up; INT64_MAX: it is over */
	struct lookup_query query[LOOKUP_FAMILIES];
};

/*
 * Begins. sel, name, changed and user are set by the caller and stay; family 0 for both. 0, or
 * -EDESTADDRREQ: no name server is known.
 */
int lookup_start(struct lookup *lookup, uint8_t family);

/* Ends it; what is not done never will be. */
void lookup_stop(struct lookup *lookup);

/* Does what is due. */
void lookup_run(struct lookup *lookup, int64_t now);

static inline bool lookup_is_over(const struct lookup *lookup)
{
	return lookup->due == INT64_MAX;
}

#endif
