/* SPDX-License-Identifier: BSD-3-Clause */
/* The checksum of a received transport packet (RFC 9293 3.1, RFC 768, RFC 8200 8.1). */
#ifndef RWS_IP_CHECKSUM_H
#define RWS_IP_CHECKSUM_H

#include <stdbool.h>
#include <stdint.h>

struct ip_rx;

/* Whether it is right, pseudo header included; where the device did not say so already. */
bool ip_rx_checksum_right(const struct ip_rx *rx, uint8_t proto);

#endif
