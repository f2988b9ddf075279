/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Addresses between the API's form and the stack's.
 *
 * Called from api/socket*.c and api/runtime.c.
 */
#ifndef RWS_ADDRESS_H
#define RWS_ADDRESS_H

#include <stdbool.h>

#include "api/rws.h"
#include "lwip/ip_addr.h"

/* 0, or -EAFNOSUPPORT for a family that is none of ours. NULL: any address, port 0. */
int address_to_ip(const struct rws_address *address, ip_addr_t *ip, uint16_t *port);

void address_from_ip(const ip_addr_t *ip, uint16_t port, struct rws_address *address);

/* No address in particular: family 0, 0.0.0.0 or ::. */
bool address_is_any(const struct rws_address *address);

/* A group: 224.0.0.0/4 (RFC 5771), ff00::/8 (RFC 4291 2.7). */
bool address_is_multicast(const struct rws_address *address);

/* 255.255.255.255 (RFC 919 7); a subnet's broadcast address only the stack knows. */
bool address_is_broadcast(const struct rws_address *address);

#endif
