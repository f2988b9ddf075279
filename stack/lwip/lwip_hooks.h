/* SPDX-License-Identifier: BSD-3-Clause */
/* What lwIP calls of ours; included by its sources through LWIP_HOOK_FILENAME. */
#ifndef RWS_LWIP_HOOKS_H
#define RWS_LWIP_HOOKS_H

#include "lwip/arch.h"
#include "lwip/ip_addr.h"

/* RFC 6528 3: ISN = clock + SipHash-2-4(key, connection). */
u32_t lwip_hook_tcp_isn(
	const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote, u16_t remote_port);
#define LWIP_HOOK_TCP_ISN lwip_hook_tcp_isn

#endif
