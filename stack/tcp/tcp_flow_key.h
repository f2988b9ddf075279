/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Addresses and ports of a connection in 38 bytes without padding: for what is kept of very many
 * of them, and as input of a keyed hash.
 */
#ifndef RWS_TCP_FLOW_KEY_H
#define RWS_TCP_FLOW_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "lwip/ip_addr.h"

struct tcp_seg;

struct tcp_flow_key {
	uint8_t local[16], remote[16]; /* IPv4: the first four bytes, the others are zero */
	uint16_t local_port, remote_port;
	uint8_t zone; /* of link-local addresses (RFC 4007 6), 0 without */
	uint8_t is_v6;
};
_Static_assert(sizeof(struct tcp_flow_key) == 38, "no padding: it is hashed");

void tcp_flow_key_set(struct tcp_flow_key *key, const ip_addr_t *local, uint16_t local_port,
	const ip_addr_t *remote, uint16_t remote_port);

/* Of the connection that a received segment belongs to. */
void tcp_flow_key_of(struct tcp_flow_key *key, const struct tcp_seg *seg);

void tcp_flow_key_addresses(const struct tcp_flow_key *key, ip_addr_t *local, ip_addr_t *remote);

bool tcp_flow_key_matches(const struct tcp_flow_key *key, const struct tcp_seg *seg);

#endif
