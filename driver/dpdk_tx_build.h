/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Makes the mbuf chain of a frame to send; the pbufs of its payload stay untouched.
 *
 *   header mbuf (fresh, holds a copy of all headers) -> references to packet buffers, copies
 */
#ifndef RWS_DPDK_TX_BUILD_H
#define RWS_DPDK_TX_BUILD_H

#include <stdbool.h>
#include <stdint.h>

#include "driver/port.h"

struct rte_mbuf;
struct rte_mempool;

/* Bytes of a buffer for headers: frames that fit are copied whole. */
#define TX_SMALL_DATA 384u
/* Parts shorter than this are copied: cheaper than one more descriptor. */
#define TX_REFERENCE_MIN 256u

struct tx_build {
	struct rte_mempool *small; /* header buffers and references */
	struct rte_mempool *large; /* for what is copied and longer */
	uint32_t offloads;         /* PORT_TX_* in use */
	uint16_t segments_max;     /* of one frame that the device takes */
	uint16_t gso_segments_max; /* of one that it cuts */
	bool sum_here;             /* the device sums TCP and UDP wrongly */
	bool any_memory;           /* it sends from outside of DPDK's memory as well */
	uint32_t frame_max;        /* bytes */
};

/*
 * DROP_NONE with the chain in *out, ready to send, or the reason why not. Adds the payload bytes
 * that were copied for want of a packet buffer that the device reaches, or of PORT_TX_MULTI_SEGS,
 * to *copied. A frame with a
 * gso_size is for a device with PORT_TX_TSO; DROP_TX_TOO_LONG also tells of too many pieces.
 */
enum drop_reason tx_build_frame(const struct tx_build *build, const struct nif_frame *frame,
	struct rte_mbuf **out, uint64_t *copied);

/*
 * The same for a super-segment that the device does not cut: its segments, at most
 * NIF_GSO_SEGMENTS_MAX, in out; *count says how many. All, or none with the reason.
 */
enum drop_reason tx_build_segments(const struct tx_build *build, const struct nif_frame *frame,
	struct rte_mbuf **out, unsigned *count, uint64_t *copied);

#endif
