/* SPDX-License-Identifier: BSD-3-Clause */
/* A port on an ethdev: what dpdk_port.c sets up and dpdk_rxtx.c uses. */
#ifndef RWS_DPDK_IMPL_H
#define RWS_DPDK_IMPL_H

#include "driver/dpdk_tx_build.h"
#include "driver/port_impl.h"

#define TX_STAGE_MAX 256u

/*
 * How many times in a row a device may refuse the frame at the head of the stage. Some drivers
 * never take a frame they do not like, and nothing behind it would ever leave.
 */
#define TX_REFUSALS_MAX 65536u

/* What is peculiar to a driver and cannot be asked from it. */
enum {
	/* The kernel's interface has the port's MAC address: our station needs another. */
	PMD_SHARES_MAC = 1 << 0,
	/* A receive descriptor is one buffer of one frame, and each costs at every receive. */
	PMD_DESCRIPTOR_PER_SEGMENT = 1 << 1,
	/* The receive descriptor is readable while frames wait; there is nothing to arm. */
	PMD_LEVEL_TRIGGERED = 1 << 2,
	/* Sums segments of odd length wrongly, and writes 0xffff where the sum of TCP is zero. */
	PMD_WRONG_SUMS = 1 << 3,
	/* Says that it takes frames of 1,518 bytes at most, and takes longer ones. */
	PMD_UNDERSTATES_MTU = 1 << 4,
	/* Takes longer frames on receive; ours leave by its descriptor (driver/dpdk_tap.c). */
	PMD_DIRECT_JUMBO = 1 << 5,
	/* Reads what it sends with the CPU: any memory of the process will do. */
	PMD_ANY_MEMORY = 1 << 6,
	/* A frame takes one transmit descriptor, whatever its buffers. */
	PMD_DESCRIPTOR_PER_FRAME = 1 << 7,
	/* Does not give back, when it is closed, the buffers that the kernel's rings hold. */
	PMD_KEEPS_BUFFERS = 1 << 8,
};
uint32_t dpdk_pmd_traits(const char *driver);

struct dpdk_queue {
	struct tx_build build;
	int fd; /* -1 without receive interrupts */
	unsigned staged, refusals;
	unsigned prepared; /* staged ones at the head that rte_eth_tx_prepare has seen */
	struct rte_mbuf *stage[TX_STAGE_MAX];
} __attribute__((aligned(64)));

struct dpdk_port {
	struct port port; /* first */
	uint16_t id;
	unsigned if_index; /* of the kernel's interface that it is one with; 0: none */
	uint32_t traits;
	uint32_t rx_frame_max;
	uint32_t direct_above; /* frames longer than this leave by dpdk_tap_write; 0: none */
	struct dpdk_queue *queues;
};

extern const struct port_ops dpdk_ops;

static inline struct dpdk_port *dpdk_port_of(struct port *port)
{
	return (struct dpdk_port *)port;
}

/* dpdk_rxtx.c */
unsigned dpdk_rx_burst(struct port *port, unsigned queue, struct pbuf **pkts, unsigned n);
enum drop_reason dpdk_tx(struct port *port, unsigned queue, const struct nif_frame *frame);
unsigned dpdk_tx_flush(struct port *port, unsigned queue);
void dpdk_tx_reclaim(struct port *port, unsigned queue);

/* dpdk_tap.c */
bool dpdk_interface_exists(unsigned if_index);
int dpdk_interface_mtu(unsigned if_index);
int dpdk_interface_set_mtu(unsigned if_index, uint16_t mtu);
bool dpdk_tap_write(int fd, const struct rte_mbuf *m);
void dpdk_tap_station_mac(uint8_t mac[6]);

#endif
