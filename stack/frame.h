/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What can be told of an Ethernet frame from its bytes, before lwIP sees it or after.
 *
 * Called from stack/nif.c. Every length is checked against the frame.
 */
#ifndef RWS_FRAME_H
#define RWS_FRAME_H

#include <stdbool.h>

#include "lwip/pbuf.h"

#define FRAME_HEADER 14u

/*
 * Whether its one transport header is followed by its whole payload: neither a fragment nor behind
 * IPv6 extension headers. Only then a device's verdict on the checksum means anything.
 */
bool frame_is_whole(const struct pbuf *p);

/*
 * Bytes that must be there, in one piece, for lwIP to read the header that the EtherType promises
 * (it does not check all of them itself); 0 for an EtherType that it does not read.
 */
unsigned frame_shortest(const struct pbuf *p);

/* Whether lwIP may learn of a neighbour from it: ARP, and IPv6 that is neither TCP nor UDP. */
bool frame_tells_of_neighbours(const struct pbuf *p);

/*
 * Whether a frame to send speaks for the machine rather than for a socket: ARP replies and
 * announcements (RFC 5227), IGMP, MLD (RFC 2710, 3810), router solicitations, neighbour
 * advertisements and duplicate address detection (RFC 4861, 4862).
 */
bool frame_is_announcement(const struct pbuf *p);

#endif
