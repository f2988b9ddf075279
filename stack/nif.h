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
	NIF_TX_TSO = 1 << 3, /* cuts super-segments itself; without, software below does */
};

/*
 * One frame to send: a header of its own, and payload by reference. What the stack itself makes
 * says where its headers lie; lwIP's frames are a pbuf chain with everything in it
 * (header_length 0, payload from the Ethernet header on).
 *
 * With gso_size the frame is a super-segment of TCP: it leaves as several, each with a copy of the
 * header that is made right for its place (stack/gso.h). IPv4 and IPv6 lengths in the header are
 * those of the whole, checksum fields are zero. Otherwise the header is complete but for the
 * checksums that the device makes (nif_config.tx_offloads), whose fields are zero.
 */
struct nif_frame {
	const uint8_t *header;  /* from Ethernet on; copied by the device before output returns */
	uint16_t header_length; /* 0: the frame lies in payload as a whole, lwIP's own */
	uint16_t gso_size;      /* payload bytes of each segment that this becomes; 0: as it is */
	/*
	 * Bytes of each header, and IP_PROTO_TCP or IP_PROTO_UDP. 0 where header_length is 0: the
	 * device looks itself. l4_protocol is 0 also where there is no checksum to make (fragments).
	 */
	uint8_t l2_length, l3_length, l4_length, l4_protocol;
	/*
	 * Chain whose bytes [offset, offset + length) follow the header. Stays the caller's; where
	 * its bytes lie in packet buffers they are referenced, else copied. NULL with length 0. Only
	 * the pbufs' own len counts here: a chain may be longer than tot_len can say.
	 */
	struct pbuf *payload;
	uint32_t offset, length;
};

#define NIF_HEADER_MAX       118u /* of a header_length: Ethernet, VLAN, IPv6, TCP with all options */
#define NIF_GSO_SEGMENTS_MAX 128u /* that one super-segment may become */

/* A frame of lwIP's. */
static inline struct nif_frame nif_frame_of(struct pbuf *p)
{
	return (struct nif_frame){.payload = p, .length = p->tot_len};
}

/* Frames on the wire that it becomes, 1 without gso_size. */
static inline unsigned nif_frame_segments(const struct nif_frame *frame)
{
	if (frame->gso_size == 0 || frame->length <= frame->gso_size)
		return 1;
	return (frame->length + frame->gso_size - 1) / frame->gso_size;
}

/*
 * Copies at most n bytes of a frame, header and payload, from offset on. Returns how many there
 * were: fewer than n at its end, or where the chain holds less than the frame claims.
 */
uint32_t nif_frame_copy(const struct nif_frame *frame, uint32_t offset, void *out, uint32_t n);

/* Sum of the payload (stack/base/checksum.h), counted from an even offset. */
uint32_t nif_frame_payload_sum(const struct nif_frame *frame);

struct nif_ops {
	/*
	 * Sends one frame. What the device still needs after the return it has copied or referenced
	 * by its own count. Returns DROP_NONE, or why it could not; nothing was sent then, also of a
	 * super-segment. The device counts the reason, unless drop_reason_is_busy: then the caller
	 * may keep the frame for later, and counts it when it does not.
	 */
	enum drop_reason (*output)(void *device, const struct nif_frame *frame);
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

/* Bytes of IP packet that the link takes, IPv4 or IPv6 (RFC 4861 4.6.4). */
uint16_t nif_mtu(const struct nif *nif, bool ip6);

/*
 * Sets the IPv4 address, replacing the one before, or adds an IPv6 address (at most
 * NIF_IPV6_MAX besides the link-local one; one that is there stays as it is). What begins with
 * prefix bits of it is on the link; 0 to 32, 1 to 128 for IPv6. Returns 0, -EINVAL, or -ENOSPC.
 */
#define NIF_IPV6_MAX 4
int nif_add_address(struct nif *nif, const ip_addr_t *address, unsigned prefix);

/* Takes the IPv4 address and gateway away, as the end of a DHCP lease does. */
void nif_remove_ip4(struct nif *nif);

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
 * The name servers that DHCP and router advertisements named, on whichever interface. Returns how
 * many, at most max.
 */
unsigned nif_dns_servers(const struct nif *nif, ip_addr_t *out, unsigned max);

/*
 * Changes when an address, the gateway or a DNS server changed (DHCP, SLAAC), so that the owner
 * can copy the primary's IPv4 lease to the other stacks.
 */
uint32_t nif_generation(const struct nif *nif);

#endif
