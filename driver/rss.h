/* SPDX-License-Identifier: BSD-3-Clause */
/* Receive side scaling: the key we give to devices, and what a device makes of a flow with it. */
#ifndef RWS_RSS_H
#define RWS_RSS_H

#include <stdint.h>

#include "driver/frame.h"
#include "lwip/ip_addr.h"

#define RSS_KEY_MAX 52u

/* Devices take 40 or 52 bytes; both begin alike, and hash IPv4 and IPv6 tuples alike. */
extern const uint8_t rss_toeplitz_key[RSS_KEY_MAX];

/* Toeplitz hash of addresses and, where ports is not NULL, ports; all in network order. */
uint32_t rss_hash(const struct frame_flow *flow);

/* The same for a flow towards us, ports in host order; remote and local of one family. */
uint32_t rss_hash_tuple(
	const ip_addr_t *remote, uint16_t remote_port, const ip_addr_t *local, uint16_t local_port);

#endif
