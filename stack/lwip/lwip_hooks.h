/* SPDX-License-Identifier: BSD-3-Clause */
/* What lwIP calls of ours; included by its sources through LWIP_HOOK_FILENAME. */
#ifndef RWS_LWIP_HOOKS_H
#define RWS_LWIP_HOOKS_H

#include "lwip/arch.h"
#include "lwip/err.h"
#include "lwip/ip_addr.h"

struct netif;
struct pbuf;
struct tcp_hdr;
struct tcp_pcb;

/* RFC 6528 3: ISN = clock + SipHash-2-4(key, connection). */
u32_t lwip_hook_tcp_isn(
	const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote, u16_t remote_port);
#define LWIP_HOOK_TCP_ISN lwip_hook_tcp_isn

/* Each segment that found its connection or listener, before it is processed; always ERR_OK. */
err_t lwip_hook_tcp_segment(struct tcp_pcb *pcb, struct tcp_hdr *header);
#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, hdr, optlen, opt1len, opt2, p) \
	lwip_hook_tcp_segment((pcb), (hdr))

/* IPv6 gateway set by hand, before those of router advertisements; NULL without. */
const ip6_addr_t *lwip_hook_ip6_gateway(struct netif *netif, const ip6_addr_t *destination);
#define LWIP_HOOK_ND6_GET_GW lwip_hook_ip6_gateway

#endif
