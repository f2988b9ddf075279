/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 * -------------------
 * A burst is received into one block of memory and sent back from it, from the addresses it came to,
 * before the next is received.
 * While the send buffer is full the socket's receive queue fills; what it cannot hold is dropped and
 * counted there.
 */
#include "apps/echo.h"

#include <errno.h>
#include <stdlib.h>

int echo_udp_open(struct echo_udp *udp, struct app_thread *thread, uint16_t port)
{
	struct rws_options options = app_bind_options(thread->app);
	struct rws_address any = {.port = port};

	udp->memory = malloc((size_t)ECHO_DATAGRAMS * RWS_DATAGRAM_MAX);
	if (udp->memory == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < ECHO_DATAGRAMS; i++) {
		udp->datagrams[i].data = udp->memory + (size_t)i * RWS_DATAGRAM_MAX;
		udp->datagrams[i].capacity = RWS_DATAGRAM_MAX;
	}
	return rws_udp_bind(thread->selector, &any, &options, &udp->socket);
}

/* 0 when all were sent back, -EAGAIN while the send buffer is full. */
static int send_back(struct echo_udp *udp)
{
	while (udp->count > 0) {
		int n = rws_send_burst(udp->socket, udp->datagrams + udp->first, udp->count);

		if (n == -EAGAIN)
			return n;
		if (n <= 0)
			n = 1; /* this one cannot be sent, a datagram service lets it go */
		udp->first += (unsigned)n;
		udp->count -= (unsigned)n;
	}
	return 0;
}

void echo_udp_run(struct echo_udp *udp)
{
	while (send_back(udp) == 0) {
		int n = rws_receive_burst(udp->socket, udp->datagrams, ECHO_DATAGRAMS);

		if (n <= 0)
			return;
		udp->first = 0;
		udp->count = (unsigned)n;
	}
}

void echo_udp_close(struct echo_udp *udp)
{
	rws_dispose(udp->socket);
	free(udp->memory);
}
