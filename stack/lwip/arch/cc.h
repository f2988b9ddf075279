/* SPDX-License-Identifier: BSD-3-Clause */
/* lwIP's view of the compiler and the platform. Included by every lwIP header. */
#ifndef RWS_LWIP_ARCH_CC_H
#define RWS_LWIP_ARCH_CC_H

#include <endian.h> /* BYTE_ORDER and its values */
#include <stdint.h>
#include <stdlib.h>

/* The stack must survive any input: a failed check in lwIP is counted, never an abort. */
void lwip_check_failed(const char *message);
#define LWIP_PLATFORM_ASSERT(message) lwip_check_failed(message)
#define LWIP_PLATFORM_DIAG(message)   ((void)0)

/*
 * Every variable of lwIP belongs to one stack core; stack/lwip/derive.py puts this in front of each.
 * Initial-exec: an offset from the thread pointer that the loader fixes, no call per access.
 */
#define LWIP_CORE_LOCAL __thread __attribute__((tls_model("initial-exec")))

/* Keyed generator of the current stack (stack/lwip/lwip_glue.c), not the C library's. */
uint32_t lwip_random(void);
#define LWIP_RAND() lwip_random()

/* Whether one more ICMP or ICMPv6 error may be sent in this second; counts (stack/lwip/derive.py). */
int lwip_may_send_error(void);

/* A packet that waited for its next hop's address was given up; counts (derive.py). */
void lwip_gave_up_waiting(void);

#define lwip_htons(x) __builtin_bswap16(x)
#define lwip_htonl(x) __builtin_bswap32(x)
#define LWIP_DONT_PROVIDE_BYTEORDER_FUNCTIONS

#endif
