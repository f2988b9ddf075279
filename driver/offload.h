/* SPDX-License-Identifier: BSD-3-Clause */
/* What a device is asked to do for us, and how a frame asks for it. Pure functions. */
#ifndef RWS_OFFLOAD_H
#define RWS_OFFLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "driver/frame.h"
#include "driver/port.h"

struct rte_mbuf;

/* What one device offers, of struct rte_eth_dev_info. */
struct offload_offer {
	uint64_t rx, tx;    /* RTE_ETH_RX_OFFLOAD_*, RTE_ETH_TX_OFFLOAD_* */
	uint64_t rss_types; /* RTE_ETH_RSS_* */
	uint16_t rss_key_size, rss_table_size;
};

struct offload_need {
	uint32_t wanted; /* PORT_* */
	bool scatter;    /* frames are longer than a receive buffer */
	uint16_t queues;
};

struct offload_choice {
	uint32_t port;      /* PORT_* that will be in use */
	uint64_t rx, tx;    /* to configure */
	uint64_t rss_types; /* 0 without PORT_RSS */
};

/* Takes what is both wanted and offered. The caller checks PORT_RX_SCATTER where it is needed. */
void offload_negotiate(const struct offload_offer *offer, const struct offload_need *need,
	struct offload_choice *choice);

/*
 * Requests the checksums of a frame from the device: flags and lengths in the mbuf, the checksum
 * field prepared as devices expect it (IPv4: zero, TCP and UDP: the pseudo header's sum). The
 * headers lie at the start of m. offloads are the PORT_TX_* in use.
 */
void offload_request(struct rte_mbuf *m, const struct frame_layout *layout, uint32_t offloads);

/*
 * Requests that the device cuts a super-segment of TCP into segments of `size` bytes of payload
 * and makes all their checksums. Needs PORT_TX_TSO.
 */
void offload_segment(struct rte_mbuf *m, const struct frame_layout *layout, uint16_t size);

/* Writes the checksums itself that offload_request would request; m may be a chain. */
void offload_compute(struct rte_mbuf *m, const struct frame_layout *layout, uint32_t offloads);

/* A device's verdict on a received frame. */
struct offload_verdict {
	uint16_t pkt_flags;    /* PKT_* */
	enum drop_reason drop; /* DROP_NONE, or which checksum is bad */
};
struct offload_verdict offload_verdict(uint64_t rx_flags);

#endif
