/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rws-dns: what a message is answered with.
 *
 * Called from apps/dns_udp.c and apps/dns_tcp.c. Calls apps/dns_zone.h, and ldns, which reads and
 * writes messages.
 */
#ifndef RWS_APPS_DNS_ANSWER_H
#define RWS_APPS_DNS_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apps/dns_zone.h"

#define DNS_MESSAGE_MAX 65535u
/* RFC 6891 6.2.5: what we send by UDP at most, so that no path fragments it (RFC 9715 3.1). */
#define DNS_UDP_MAX 1232u

/* One thread's. */
struct dns_counters {
	uint64_t udp, tcp; /* messages that came */
	uint64_t answered, no_data, no_name, referred;
	uint64_t refused, malformed, not_implemented, failed;
	uint64_t truncated, ignored;
};

/*
 * Answers a message into `out`, DNS_MESSAGE_MAX bytes, or DNS_UDP_MAX without tcp. Returns the
 * length, 0 for what gets no answer: less than a header, and answers of others.
 */
size_t dns_answer(const struct dns_zones *zones, const uint8_t *message, size_t length, bool tcp,
	uint8_t *out, struct dns_counters *counters);

#endif
