/* SPDX-License-Identifier: BSD-3-Clause */
/* struct nif, for the sources of the fast path and their tests. */
#ifndef RWS_NIF_INTERNAL_H
#define RWS_NIF_INTERNAL_H

#include "lwip/dns.h"
#include "lwip/netif.h"
#include "stack/nif.h"
#include "stack/stack_internal.h"

#define IP6_MTU_MIN 1280u /* RFC 8200 5 */

struct nif {
	struct netif netif;
	struct stack *stack;
	struct nif *next;
	struct nif_config config;
	uint64_t mac;          /* the same as config's, as a number */
	uint32_t frame_max;    /* bytes of the longest frame that is received */
	uint16_t tx_checksums; /* NETIF_CHECKSUM_GEN_*: what the device leaves to us */
	unsigned ip6_added;    /* by nif_add_address */
	/* By place: bits of what nif_add_address added, which are on the link; 0: of no other. */
	uint8_t ip6_prefix[LWIP_IPV6_NUM_ADDRESSES];
	ip6_addr_t gateway6; /* any: none */
	uint8_t ip6_last;    /* place of the address that was last found by ip_judge */
	bool holds_dhcp_port;
	uint32_t generation;
	ip_addr_t dns[DNS_MAX_SERVERS]; /* as nif_generation saw them last */
};

static inline struct nif *nif_of(struct netif *netif)
{
	return (struct nif *)netif->state;
}

/*
 * Gives a frame, of so many segments, to the device and counts it; what does not leave is counted
 * by the device, or here when the link is down, or by the caller when the device has no room
 * (stack_count_unsent). Inline: each frame sent passes here.
 */
static inline enum drop_reason nif_send(
	struct nif *nif, const struct nif_frame *frame, unsigned segments)
{
	struct stack *st = nif->stack;
	if (__builtin_expect(!netif_is_link_up(&nif->netif), 0)) {
		stack_count_drop(st, DROP_LINK_DOWN);
		return DROP_LINK_DOWN;
	}
	enum drop_reason reason = nif->config.ops->output(nif->config.device, frame);
	if (reason != DROP_NONE) {
		st->counters.tx_busy += drop_reason_is_busy(reason);
		return reason;
	}
	st->counters.tx_frames += segments;
	st->counters.tx_bytes += (uint64_t)segments * frame->header_length + frame->length;
	return DROP_NONE;
}

#endif
