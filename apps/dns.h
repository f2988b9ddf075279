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
#include <sys/queue.h>

#include "apps/app.h"
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

TAILQ_HEAD(dns_connections, dns_connection);

/* One thread's. */
struct dns_tcp {
	const struct dns_zones *zones;
	struct dns_counters *counters;
	struct rws_selector *selector;
	rws_socket_t listener;
	unsigned connection_count, connections_max;
	int64_t idle_ns;
	struct dns_connections by_activity; /* longest idle first */
	struct dns_connections ended;       /* freed once their events are behind us */
	uint8_t answer[DNS_MESSAGE_LEN + DNS_MESSAGE_MAX];
};

/* Each returns 0 or a negative errno; close() is also for what was never opened. */
int dns_udp_open(struct dns_udp *udp, struct app_thread *thread, uint16_t port);
void dns_udp_run(struct dns_udp *udp);
void dns_udp_close(struct dns_udp *udp);

int dns_tcp_open(struct dns_tcp *tcp, struct app_thread *thread, uint16_t port);
void dns_tcp_accept(struct dns_tcp *tcp);
void dns_tcp_event(const struct rws_event *event);
int64_t dns_tcp_deadline(const struct dns_tcp *tcp);
void dns_tcp_end_idle(struct dns_tcp *tcp, int64_t now);
void dns_tcp_free_ended(struct dns_tcp *tcp);
void dns_tcp_close(struct dns_tcp *tcp, int64_t deadline);

#endif
