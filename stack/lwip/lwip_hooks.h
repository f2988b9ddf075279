/* SPDX-License-Identifier: BSD-3-Clause */
/* What lwIP calls of ours; included by its sources through LWIP_HOOK_FILENAME. */
#ifndef RWS_LWIP_HOOKS_H
#define RWS_LWIP_HOOKS_H

#include "lwip/arch.h"
#include "lwip/ip_addr.h"

struct netif;

/* IPv6 gateway set by hand, before those of router advertisements; NULL without. */
const ip6_addr_t *lwip_hook_ip6_gateway(struct netif *netif, const ip6_addr_t *destination);
#define LWIP_HOOK_ND6_GET_GW lwip_hook_ip6_gateway

/*
 * Ours in lwIP (derive.py): a frame was sent by this entry of the ARP cache. Asks for the address
 * again when the entry is about to expire.
 */
void etharp_used(struct netif *netif, int index);

#endif
