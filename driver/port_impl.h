/* SPDX-License-Identifier: BSD-3-Clause */
/* What stands behind driver/port.h: the part common to both kinds of port, and their operations. */
#ifndef RWS_PORT_IMPL_H
#define RWS_PORT_IMPL_H

#include "driver/port.h"

#define PORT_QUEUES_MAX 64u

struct port_ops {
	void (*close)(struct port *port);
	bool (*link_up)(struct port *port);
	bool (*is_gone)(struct port *port);
	unsigned (*rx_burst)(struct port *port, unsigned queue, struct pbuf **pkts, unsigned n);
	enum drop_reason (*tx)(struct port *port, unsigned queue, const struct nif_frame *frame);
	unsigned (*tx_flush)(struct port *port, unsigned queue);
	void (*tx_reclaim)(struct port *port, unsigned queue);
	int (*rx_fd)(struct port *port, unsigned queue);
	bool (*rx_arm)(struct port *port, unsigned queue, bool on);
	void (*device_counters)(struct port *port, struct port_device_counters *counters);
};

/* First member of both kinds of port. */
struct port {
	const struct port_ops *ops;
	struct port_info info;
	/* One per queue, each on cache lines of its own; written by the queue's thread. */
	struct port_counters *counters[PORT_QUEUES_MAX];
	/* With PORT_RSS: the device gives queue rss_queue[hash & rss_mask]. */
	uint16_t rss_mask;
	uint16_t rss_queue[512];
};

/* port_open for everything that DPDK drives. */
int dpdk_port_open(const struct port_config *config, struct port **port, struct fault *fault);

/* Counts a frame that was not sent and returns why. */
enum drop_reason port_tx_drop(struct port *port, unsigned queue, enum drop_reason reason);

#endif
