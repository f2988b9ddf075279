/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rws-dns: what its files share.
 *
 *   dns.c         options, the loop, counters
 *   dns_udp.c     messages as datagrams
 *   dns_tcp.c     messages within connections
 *   dns_answer.c  what a message is answered with
 *   dns_zone.c    zone files, and names in them
 */
#ifndef RWS_APPS_DNS_H
#define RWS_APPS_DNS_H

#include <rws.h>
#include <stdint.h>

#include "apps/app.h"
#include "apps/app_connections.h"
#include "apps/dns_answer.h"

#define DNS_DATAGRAMS   64u
#define DNS_MESSAGE_LEN 2u /* RFC 1035 4.2.2: bytes of the length before a message by TCP */

/* One thread's. */
struct dns_udp {
	const struct dns_zones *zones;
	struct dns_counters *counters;
	rws_socket_t socket;
	struct rws_datagram queries[DNS_DATAGRAMS], answers[DNS_DATAGRAMS];
	unsigned first, count; /* answers that are not sent yet */
	uint8_t *memory;
};

/* One thread's. */
struct dns_tcp {
	const struct dns_zones *zones;
	struct dns_counters *counters;
	struct app_connections connections;
	uint8_t answer[DNS_MESSAGE_LEN + DNS_MESSAGE_MAX];
};

/* Each returns 0 or a negative errno; close() is also for what was never opened. */
int dns_udp_open(struct dns_udp *udp, struct app_thread *thread, uint16_t port);
void dns_udp_run(struct dns_udp *udp);
void dns_udp_close(struct dns_udp *udp);

int dns_tcp_open(struct dns_tcp *tcp, struct app_thread *thread, uint16_t port);

#endif
