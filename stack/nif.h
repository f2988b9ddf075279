/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A network interface of one stack: the stack's side of one device port.
 *
 * Called from api/runtime.c for set-up; calls lwIP's netif, and the device through nif_ops.
 */
#ifndef RWS_NIF_H
#define RWS_NIF_H

#include <stdbool.h>
#include <stdint.h>

#include "stack/stack.h"

/*
 * What a device said of a received packet, in pbuf.pkt_flags. Without a GOOD flag the stack
 * verifies in software. A device's BAD verdict never gets here: the driver drops the frame.
 */
enum {
	PKT_IP_CHECKSUM_GOOD = 1 << 0,
	PKT_L4_CHECKSUM_GOOD = 1 << 1,
};

/* What the device does on transmit, so that the stack need not. */
enum {
	NIF_TX_IP_CHECKSUM = 1 << 0,  /* IPv4 header */
	NIF_TX_TCP_CHECKSUM = 1 << 1, /* the stack leaves the field to the driver */
	NIF_TX_UDP_CHECKSUM = 1 << 2,
};

struct nif_ops {
	/*
	 * Sends one frame, a pbuf chain that starts with the Ethernet header. p stays the caller's:
	 * what the device still needs after the return it must have copied or referenced by its
	 * own count. Returns DROP_NONE or why it could not, which the device counts.
	 */
	enum drop_reason (*output)(void *device, struct pbuf *p);
	/*
	 * Receives frames for the multicast group's MAC address, or no longer. May be NULL: the
	 * device then passes all multicast.
	 */
	void (*multicast)(void *device, const uint8_t mac[6], bool join);
};

struct nif_config {
	const struct nif_ops *ops;
	void *device; /* first argument of the ops */
	uint8_t mac[6];
	uint16_t mtu;         /* bytes of IP packet, 576 (1280 for IPv6) to 9000 */
	uint16_t tx_offloads; /* NIF_TX_* */
	bool dhcp;  /* ask a DHCP server for the IPv4 address (RFC 2131); primary stack only */
	bool slaac; /* take IPv6 prefixes from router advertisements (RFC 4862) */
};

/* Adds an interface, link down; NULL without memory. It lives until stack_free. */
struct nif *nif_add(struct stack *st, const struct nif_config *config);

void nif_set_link(struct nif *nif, bool up);

/*
 * Sets the IPv4 address, replacing the one before, or adds an IPv6 address (at most
 * NIF_IPV6_MAX besides the link-local one). prefix in bits, for IPv6 always 64 (RFC 4291 2.5.4;
 * lwIP knows no other). Returns 0, -EINVAL, or -ENOSPC.
 */
#define NIF_IPV6_MAX 4
int nif_add_address(struct nif *nif, const ip_addr_t *address, unsigned prefix);

/* Default gateway; IPv6 gateways besides come from router advertisements. 0 or -EINVAL. */
int nif_set_gateway(struct nif *nif, const ip_addr_t *gateway);

/* The addresses in use now (not tentative ones), prefix in bits. Returns how many, at most max. */
struct nif_address {
	ip_addr_t address;
	uint8_t prefix;
	bool preferred; /* false: deprecated, not for new connections (RFC 4862 5.5.4) */
};
unsigned nif_addresses(const struct nif *nif, struct nif_address *out, unsigned max);

/* IPv4 default gateway in use, any (0.0.0.0) without. */
void nif_gateway(const struct nif *nif, ip_addr_t *out);

/*
 * Changes when an address, the gateway or a DNS server changed (DHCP, SLAAC), so that the owner
 * can copy the primary's IPv4 lease to the other stacks.
 */
uint32_t nif_generation(const struct nif *nif);

#endif
