/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A port: one device with an RX/TX queue pair for each stack core.
 *
 * Called from api/runtime.c (set-up) and api/core.c (bursts). Two kinds stand behind it: every
 * DPDK ethdev (driver/dpdk_port.c), and the in-memory wire (driver/wire.c).
 *
 * A queue belongs to one thread. Set-up and state calls belong to the thread that opened the port
 * while no queue is in use, except where they say otherwise.
 */
#ifndef RWS_PORT_H
#define RWS_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "stack/base/fault.h"
#include "stack/nif.h"

struct port;
struct pktpool;

#define PORT_BURST 32u

struct port_config {
	/*
	 * DPDK devargs: "net_tap0,iface=rws0", "net_af_packet0,iface=veth1", "net_memif0,...",
	 * "net_virtio_user0,...", or a PCI address "0000:01:00.0". Must have been named to
	 * eal_start.
	 */
	const char *device;
	unsigned queues; /* wanted: one per stack core; a device may give fewer */
	uint16_t mtu;    /* 576 to 9000; 0 for the device's own, at most 1500 */
	uint16_t rx_descriptors, tx_descriptors; /* 0 for 1024, bounded by what the device takes */
	struct pktpool *const *pools; /* one per queue: receive buffers and header buffers */
};

/* What was negotiated: wanted, and offered by the device. The rest is done in software. */
enum {
	PORT_RX_IP_CHECKSUM = 1 << 0,
	PORT_RX_L4_CHECKSUM = 1 << 1,
	PORT_RX_SCATTER = 1 << 2,
	PORT_TX_IP_CHECKSUM = 1 << 3,
	PORT_TX_TCP_CHECKSUM = 1 << 4,
	PORT_TX_UDP_CHECKSUM = 1 << 5,
	PORT_TX_MULTI_SEGS = 1 << 6, /* without: frames are copied into one buffer */
	PORT_TX_TSO = 1 << 7,
	PORT_RSS = 1 << 8, /* the device spreads flows over queues by a known Toeplitz key */
};

struct port_info {
	char name[64];
	char driver[32]; /* PMD, or "wire" */
	uint8_t mac[6];  /* our station's address */
	uint16_t mtu;
	uint16_t queues;   /* opened, at most what was wanted */
	uint32_t offloads; /* PORT_* in use */
	int numa_node;     /* -1 unknown */
	bool rx_interrupt; /* port_rx_fd works */
	uint16_t kept; /* buffers of a queue's pool, at most, that port_close does not give back */
};

/* Opens, configures and starts a port. 0, or negative errno with cause and remedy in fault. */
int port_open(const struct port_config *config, struct port **port, struct fault *fault);

/* Stops and closes it, and gives back all buffers but port_info.kept. */
void port_close(struct port *port);

void port_get_info(const struct port *port, struct port_info *info);

/* Link as the device last said; asks the device, not for the packet path. Any thread. */
bool port_link_up(struct port *port);

/* Whether the device was taken away, and will not come back. Asks the system; any thread. */
bool port_is_gone(struct port *port);

/* Receives at most n (at most 64) frames as pbuf chains, with PKT_* verdicts; bad ones are counted. */
unsigned port_rx_burst(struct port *port, unsigned queue, struct pbuf **pkts, unsigned n);

/*
 * Stages one frame. Payload that lies in packet buffers is referenced, other copied; headers always
 * go into a buffer of their own, so that nothing the device has yet to send is ever rewritten.
 * Checksums the device computes are requested from it. A super-segment (gso_size) is cut by the
 * device, or here: either all of it is staged or nothing. A frame that cannot be sent is counted
 * in the queue's drops, but for DROP_TX_QUEUE_FULL (see struct nif_ops).
 */
enum drop_reason port_tx(struct port *port, unsigned queue, const struct nif_frame *frame);

/* NIF_TX_* for the PORT_* in use. */
uint16_t port_nif_offloads(uint32_t offloads);

/* Hands the staged frames to the device; returns how many it did not take, which stay staged. */
unsigned port_tx_flush(struct port *port, unsigned queue);

/* Lets the device give back buffers that it has sent; for an idle loop. */
void port_tx_reclaim(struct port *port, unsigned queue);

/*
 * For sleeping: a descriptor that becomes readable when frames wait in the queue, or -ENOTSUP, also
 * without the queue.
 * arm returns true when it is armed, false when frames wait already.
 */
int port_rx_fd(struct port *port, unsigned queue);
bool port_rx_arm(struct port *port, unsigned queue, bool on);

/* Which queue the device would give a frame of this flow to; -1 when that cannot be told. */
int port_rss_queue(const struct port *port, const ip_addr_t *remote, uint16_t remote_port,
	const ip_addr_t *local, uint16_t local_port);

/* Counters of one queue, since port_open; written by its thread. */
struct port_counters {
	uint64_t rx_frames, rx_bytes, tx_frames, tx_bytes;
	/* Payload copied because it lay outside of packet buffers, or the device takes no chains. */
	uint64_t tx_copied_bytes;
	struct drop_counters drops;
};
const struct port_counters *port_counters(const struct port *port, unsigned queue);

/* What the device itself counted as lost: no descriptor free, errors. Any thread. */
struct port_device_counters {
	uint64_t rx_missed, rx_errors, rx_no_mbuf, tx_errors;
};
void port_device_counters(struct port *port, struct port_device_counters *counters);

#endif
