/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rws-echo: what its files share. echo.c has the options and the loop, echo_tcp.c and echo_udp.c
 * one service each.
 */
#ifndef RWS_APPS_ECHO_H
#define RWS_APPS_ECHO_H

#include <rws.h>
#include <stdint.h>

#include "apps/app.h"
#include "apps/app_connections.h"

#define ECHO_DATAGRAMS 64u

/* One thread's. */
struct echo_udp {
	rws_socket_t socket;
	struct rws_datagram datagrams[ECHO_DATAGRAMS];
	unsigned first, count; /* those received and not yet sent back */
	uint8_t *memory;
};

/* Each returns 0 or a negative errno; close() is also for what was never opened. */
int echo_tcp_open(struct app_connections *tcp, struct app_thread *thread, uint16_t port);
void echo_tcp_event(struct app_connection *connection, const struct rws_event *event);

int echo_udp_open(struct echo_udp *udp, struct app_thread *thread, uint16_t port);
void echo_udp_run(struct echo_udp *udp);
void echo_udp_close(struct echo_udp *udp);

#endif
