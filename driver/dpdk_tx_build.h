/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Makes the mbuf chain of a frame to send from a pbuf chain, which stays untouched.
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
	bool even_segments;        /* the device sums odd segments wrongly */
	uint32_t frame_max;        /* bytes */
};

/*
 * DROP_NONE with the chain in *out, ready to send, or the reason why not. Adds the payload bytes
 * that were copied for want of a packet buffer or of PORT_TX_MULTI_SEGS to *copied.
 */
enum drop_reason tx_build_frame(const struct tx_build *build, const struct pbuf *p,
	struct rte_mbuf **out, uint64_t *copied);

#endif
