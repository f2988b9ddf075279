/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The way in of a received transport packet, past lwIP where nothing is special about it.
 *
 * Called from stack/stack.c and, for what lwIP put together, from stack/lwip/transport.c; calls TCP
 * and UDP, and lwIP for everything else.
 */
#ifndef RWS_IP_INPUT_H
#define RWS_IP_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "lwip/ip_addr.h"
#include "lwip/pbuf.h"
#include "stack/base/drop_reasons.h"

struct nif;
struct stack;

#define IP_INPUT_BURST 64u /* frames between two calls of tcp_input_flush, at most */

/* Bytes of the transport packet that always lie in the first buffer, or all if it has fewer. */
#define IP_INPUT_FLAT 60u

/* A received transport packet. */
struct ip_rx {
	/*
	 * From the transport header on, without what followed the IP packet. The first buffer
	 * holds IP_INPUT_FLAT bytes of it at least, or all; the transport still compares tot_len
	 * with its own header's length. PKT_L4_CHECKSUM_GOOD in pkt_flags: its checksum is right.
	 * Belongs to whoever gets the call.
	 */
	struct pbuf *p;
	ip_addr_t local, remote; /* destination and source; link-local ones with their zone */
	struct nif *nif;         /* that it came in by */
	uint8_t tos, ttl;        /* DSCP and ECN; time to live or hop limit */
	bool to_group;  /* sent to more than one: IP or link-layer multicast or broadcast */
	uint8_t reason; /* enum drop_reason, with IP_FATE_DROP alone */
};

/* What becomes of a frame. */
enum ip_fate {
	IP_FATE_DROP, /* for rx->reason */
	IP_FATE_LWIP, /* lwIP's, untouched */
	IP_FATE_TCP,  /* rx describes a segment or datagram, and p is without its headers */
	IP_FATE_UDP,
	IP_FATE_FRAGMENT, /* of one of them, IPv6; its fragment header stands before p->payload */
};

/*
 * Checks a received frame up to its transport header (RFC 1122 2.4 and 3.2.1, RFC 1812 5.2.2,
 * RFC 8200 3). p stays the caller's. *rx holds with the last three fates.
 */
enum ip_fate ip_judge(struct nif *nif, struct pbuf *p, struct ip_rx *rx);

/* Takes a whole IP packet that another stack redirected (stack_config.redirect). */
void ip_input_redirected(struct nif *nif, struct pbuf *p);

/* Takes n frames that an interface received, each with a reference. */
void ip_input_burst(struct stack *st, struct nif *nif, struct pbuf *const *pkts, unsigned n);

#endif
