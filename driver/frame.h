/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the headers of an Ethernet frame lie; pure, every length checked. For devices only: what
 * is legal above the lengths is the stack's business.
 */
#ifndef RWS_FRAME_H
#define RWS_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#define FRAME_HEADER_MIN 14u
#define FRAME_VLAN       4u
/* The longest headers that frame_parse looks at: Ethernet, VLAN, IPv4 and TCP with options. */
#define FRAME_HEADERS_MAX 138u

enum frame_network { FRAME_OTHER, FRAME_IPV4, FRAME_IPV6 };

struct frame_layout {
	uint8_t network;     /* enum frame_network */
	uint8_t l4_protocol; /* IPPROTO_TCP or IPPROTO_UDP when its header lies in the bytes, else 0 */
	bool fragment;       /* then l4_protocol is 0 */
	uint16_t l2_len, l3_len, l4_len;
	uint32_t ip_len; /* by the IP header: header and payload; never more than the frame holds */
};

/*
 * Parses the first `length` bytes of a frame that is `frame_length` long. An untruncated IP packet
 * is needed for FRAME_IPV4 and FRAME_IPV6; everything else is FRAME_OTHER.
 */
void frame_parse(
	const uint8_t *bytes, unsigned length, unsigned frame_length, struct frame_layout *layout);

/* The pieces of a flow's tuple, in network order as they stand in the frame. */
struct frame_flow {
	const uint8_t *source, *destination; /* addresses, 4 or 16 bytes */
	const uint8_t *ports;                /* source and destination port; NULL without */
	uint8_t address_size;
};

/* False for what is not IP. */
bool frame_flow(const uint8_t *bytes, const struct frame_layout *layout, struct frame_flow *flow);

#endif
