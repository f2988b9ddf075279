/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What lwIP's TCP calls of ours, and one name of its that is ours too. Included before all else in
 * lwIP's sources (-include), so that it names only what needs no header of lwIP's.
 */
#ifndef RWS_LWIP_TCP_HOOKS_H
#define RWS_LWIP_TCP_HOOKS_H

#include <stdint.h>

struct ip_addr;
struct tcp_hdr;
struct tcp_pcb;

#define tcp_input lwip_tcp_input

/* RFC 6528 3: ISN = clock + SipHash-2-4(key, connection). */
uint32_t lwip_hook_tcp_isn(const struct ip_addr *local, uint16_t local_port,
	const struct ip_addr *remote, uint16_t remote_port);
#define LWIP_HOOK_TCP_ISN lwip_hook_tcp_isn

/* Each segment that found its connection or listener, before it is processed; always ERR_OK. */
int8_t lwip_hook_tcp_segment(struct tcp_pcb *pcb, struct tcp_hdr *header);
#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, hdr, optlen, opt1len, opt2, p) \
	lwip_hook_tcp_segment((pcb), (hdr))

#endif
