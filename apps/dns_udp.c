/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 * -------------------
 * A burst of messages is received and answered into a burst of answers, which is sent before the next
 * one is received. While the send buffer is full the socket's receive queue fills; what it cannot
 * hold is dropped and counted there, as a DNS server may: clients ask again.
 */
#include "apps/dns.h"

#include <errno.h>
#include <stdlib.h>

#define QUERY_MAX 4096u /* a longer one is cut, and malformed */

int dns_udp_open(struct dns_udp *udp, struct app_thread *thread, uint16_t port)
{
	struct rws_options options = app_bind_options(thread->app);
	struct rws_address any = {.port = port};

	udp->memory = malloc((size_t)DNS_DATAGRAMS * (QUERY_MAX + DNS_UDP_MAX));
	if (udp->memory == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < DNS_DATAGRAMS; i++) {
		udp->queries[i].data = udp->memory + (size_t)i * QUERY_MAX;
		udp->queries[i].capacity = QUERY_MAX;
		udp->answers[i].data =
			udp->memory + (size_t)DNS_DATAGRAMS * QUERY_MAX + (size_t)i * DNS_UDP_MAX;
	}
	return rws_udp_bind(thread->selector, &any, &options, &udp->socket);
}

/* 0 when all were sent, -EAGAIN while the send buffer is full. */
static int send_answers(struct dns_udp *udp)
{
	while (udp->count > 0) {
		int n = rws_send_burst(udp->socket, udp->answers + udp->first, udp->count);

		if (n == -EAGAIN)
			return n;
		if (n <= 0)
			n = 1; /* this one cannot be sent, a datagram service lets it go */
		udp->first += (unsigned)n;
		udp->count -= (unsigned)n;
	}
	return 0;
}

static void answer(struct dns_udp *udp, const struct rws_datagram *query)
{
	struct rws_datagram *reply = &udp->answers[udp->count];

	udp->counters->udp++;
	reply->length = dns_answer(
		udp->zones, query->data, query->length, false, reply->data, udp->counters);
	reply->address = query->address;
	reply->local = query->local; /* RFC 1122 4.1.3.5: from the address that was asked */
	if (reply->length > 0)
		udp->count++;
}

void dns_udp_run(struct dns_udp *udp)
{
	while (send_answers(udp) == 0) {
		int n = rws_receive_burst(udp->socket, udp->queries, DNS_DATAGRAMS);

		if (n <= 0)
			return;
		udp->first = 0;
		for (int i = 0; i < n; i++)
			answer(udp, &udp->queries[i]);
	}
}

void dns_udp_close(struct dns_udp *udp)
{
	rws_dispose(udp->socket);
	free(udp->memory);
}
