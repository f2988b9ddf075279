/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cuts a super-segment of TCP into its segments where the device cannot (RFC 9293 3.7.1).
 *
 * Called from the devices in driver/, and from stack/ip_output.c while a neighbour is looked for.
 * The payload is never touched: each segment is a header of its own and a part of the chain.
 *
 *     struct gso gso;
 *     gso_start(&gso, frame, offloads);
 *     while (gso_next(&gso))
 *             ... gso.segment ...
 */
#ifndef RWS_GSO_H
#define RWS_GSO_H

#include <stdbool.h>
#include <stdint.h>

#include "stack/nif.h"

struct gso {
	struct nif_frame segment; /* the current one; points to header below */
	/* What follows is this file's. */
	const struct nif_frame *whole;
	uint16_t offloads; /* NIF_TX_*: checksums that are left to the device */
	uint8_t flags;     /* of the TCP header of the whole, and its sequence number */
	uint32_t seq;
	uint32_t done; /* payload bytes before the next segment */
	unsigned index;
	uint8_t header[NIF_HEADER_MAX];
};

/* whole has a header_length, and one of at most NIF_HEADER_MAX; it must outlive gso. */
void gso_start(struct gso *gso, const struct nif_frame *whole, uint16_t offloads);

/*
 * Makes gso->segment the next one, complete but for the checksums that were left to the device;
 * false when the last one was taken.
 */
bool gso_next(struct gso *gso);

#endif
