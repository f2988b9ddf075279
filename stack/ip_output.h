/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The way out of a transport packet: IP header, link header, checksum, fragments where it must be.
 *
 * Called from stack/tcp/ and stack/dgram.c; calls nif_ops.output, or lwIP's ARP and ND while the
 * next hop is not known.
 */
#ifndef RWS_IP_OUTPUT_H
#define RWS_IP_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "lwip/ip_addr.h"
#include "lwip/pbuf.h"
#include "stack/base/drop_reasons.h"

struct dst;
struct stack;

#define IP_OUTPUT_ROOM   64u /* bytes of room that must lie before l4 */
#define IP_OUTPUT_L4_MAX 60u /* bytes of the longest transport header, TCP's with all options */

struct ip_packet {
	struct dst *dst;                 /* held by the caller */
	const ip_addr_t *local, *remote; /* of the family of dst; local is no any */
	/*
	 * Transport header, its checksum field zero; written to here: the checksum. The
	 * IP_OUTPUT_ROOM bytes before it are written, too, and worth nothing afterwards.
	 */
	uint8_t *l4;
	uint16_t l4_length; /* bytes, at most IP_OUTPUT_L4_MAX */
	uint8_t proto;      /* IP_PROTO_TCP or IP_PROTO_UDP */
	uint8_t tos;        /* DSCP and ECN: RFC 2474, RFC 3168 */
	uint8_t ttl;        /* or hop limit, not 0 */
	/*
	 * Never in fragments: IPv4 says so to routers (DF, RFC 1191). A packet longer than the path
	 * MTU is then refused with DROP_TX_TOO_LONG.
	 */
	bool dont_fragment;
	/*
	 * 0, or payload bytes of each segment of a TCP super-segment (struct nif_frame). Each must
	 * fit into the path MTU, the whole into 65,535 bytes.
	 */
	uint16_t gso_size;
	/* Bytes [offset, offset + length) of this chain follow; stays the caller's. May be NULL. */
	struct pbuf *payload;
	uint32_t offset, length;
};

/*
 * The stack must be the thread's current one (stack_enter), as it is within each of its functions.
 *
 * Sends one packet, or as many fragments as it takes. DROP_NONE when the device has it, or lwIP
 * keeps it for the answer of ARP or ND, of a super-segment its beginning at least; otherwise
 * nothing was sent (or not all fragments), the reason was counted, and the caller may try again.
 */
enum drop_reason ip_output(struct stack *st, const struct ip_packet *packet);

#endif
