/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver/port.h"

#include <errno.h>
#include <string.h>

#include "driver/port_impl.h"
#include "driver/rss.h"

int port_open(const struct port_config *config, struct port **port, struct fault *fault)
{
	*port = NULL;
	if (config->queues == 0 || config->queues > PORT_QUEUES_MAX)
		return fault_set(fault, -EINVAL, "%s: %u queues wanted, not 1 to %u",
			config->device, config->queues, PORT_QUEUES_MAX);
	if (config->mtu != 0 && (config->mtu < 576 || config->mtu > 9000))
		return fault_set(fault, -EINVAL, "%s: an MTU of %u is not between 576 and 9000",
			config->device, config->mtu);
	return dpdk_port_open(config, port, fault);
}

void port_close(struct port *port)
{
	if (port != NULL)
		port->ops->close(port);
}

void port_get_info(const struct port *port, struct port_info *info)
{
	*info = port->info;
}

bool port_link_up(struct port *port)
{
	return port->ops->link_up(port);
}

bool port_is_gone(struct port *port)
{
	return port->ops->is_gone(port);
}

unsigned port_rx_burst(struct port *port, unsigned queue, struct pbuf **pkts, unsigned n)
{
	return port->ops->rx_burst(port, queue, pkts, n);
}

enum drop_reason port_tx(struct port *port, unsigned queue, const struct nif_frame *frame)
{
	return port->ops->tx(port, queue, frame);
}

uint16_t port_nif_offloads(uint32_t offloads)
{
	uint16_t nif = 0;

	if (offloads & PORT_TX_IP_CHECKSUM)
		nif |= NIF_TX_IP_CHECKSUM;
	if (offloads & PORT_TX_TCP_CHECKSUM)
		nif |= NIF_TX_TCP_CHECKSUM;
	if (offloads & PORT_TX_UDP_CHECKSUM)
		nif |= NIF_TX_UDP_CHECKSUM;
	if (offloads & PORT_TX_TSO)
		nif |= NIF_TX_TSO;
	return nif;
}

enum drop_reason port_tx_drop(struct port *port, unsigned queue, enum drop_reason reason)
{
	port->counters[queue]->drops.count[reason]++;
	return reason;
}

unsigned port_tx_flush(struct port *port, unsigned queue)
{
	return port->ops->tx_flush(port, queue);
}

void port_tx_reclaim(struct port *port, unsigned queue)
{
	port->ops->tx_reclaim(port, queue);
}

int port_rx_fd(struct port *port, unsigned queue)
{
	return queue < port->info.queues ? port->ops->rx_fd(port, queue) : -ENOTSUP;
}

bool port_rx_arm(struct port *port, unsigned queue, bool on)
{
	return port->ops->rx_arm(port, queue, on);
}

int port_rss_queue(const struct port *port, const ip_addr_t *remote, uint16_t remote_port,
	const ip_addr_t *local, uint16_t local_port)
{
	if (port->info.queues == 1)
		return 0;
	if ((port->info.offloads & PORT_RSS) == 0)
		return -1;

	uint32_t hash = rss_hash_tuple(remote, remote_port, local, local_port);
	return port->rss_queue[hash & port->rss_mask];
}

const struct port_counters *port_counters(const struct port *port, unsigned queue)
{
	return port->counters[queue];
}

void port_device_counters(struct port *port, struct port_device_counters *counters)
{
	memset(counters, 0, sizeof(*counters));
	port->ops->device_counters(port, counters);
}
