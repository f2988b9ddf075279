/* SPDX-License-Identifier: BSD-3-Clause */
/* What lwIP calls of ours; included by its sources through LWIP_HOOK_FILENAME. */
#ifndef RWS_LWIP_HOOKS_H
#define RWS_LWIP_HOOKS_H

#include "lwip/arch.h"
#include "lwip/ip_addr.h"

struct netif;
struct pbuf;

/* IPv6 gateway set by hand, before those of router advertisements; NULL without. */
const ip6_addr_t *lwip_hook_ip6_gateway(struct netif *netif, const ip6_addr_t *destination);
#define LWIP_HOOK_ND6_GET_GW lwip_hook_ip6_gateway

/*
 * Bits of the longest prefix of an address set by hand that the destination has, 128 for an address
 * of the interface itself; 0: they do not say that it is on the link. See derive.py.
 */
unsigned lwip_hook_ip6_on_link(struct netif *netif, const ip6_addr_t *destination);

/*
 * Ours in lwIP (derive.py): a frame was sent by this entry of the ARP cache. Asks for the address
 * again when the entry is about to expire.
 */
void etharp_used(struct netif *netif, int index);

/*
 * Ours in lwIP, too: ICMPv6 Parameter Problem, code 0, in answer to p, from its IPv6 header on;
 * pointer: offset of the field (RFC 4443 3.4).
 */
void icmp6_wrong_field(
	struct pbuf *p, uint32_t pointer, const ip6_addr_t *source, const ip6_addr_t *destination);

#endif
