/* SPDX-License-Identifier: BSD-3-Clause */
/* Sets up a port on an ethdev: asks what it can, negotiates, configures, starts. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_mempool.h>

#include "driver/device_check.h"
#include "driver/dpdk_impl.h"
#include "driver/eal_log.h"
#include "driver/frame.h"
#include "driver/offload.h"
#include "driver/pktbuf_impl.h"
#include "driver/rss.h"
#include "driver/rt_signals.h"

#define DESCRIPTORS_DEFAULT 1024u
#define MTU_MIN             576 /* RFC 791 */
#define POOL_DATA_MIN       512u
#define SEGMENTS_MAX        40u
#define GSO_SEGMENTS_MAX    128u

/* PMD_KEEPS_BUFFERS: of a queue 2,048 to be filled, and as many sent and not asked for. */
#define KEPT_MAX 4096u

/* Everything that the negotiation knows; gone when the port runs. */
struct setup {
	const struct port_config *config;
	struct device_name name;
	struct rte_eth_dev_info info;
	struct offload_choice choice;
	uint16_t mtu;        /* that we use */
	uint16_t device_mtu; /* that ethdev is told */
	uint16_t queues, rx_descriptors, tx_descriptors;
	uint32_t data_size; /* of the smallest receive buffer */
	bool interrupts;
	struct fault *fault;
};

static int setup_fault(const struct setup *s, int err, const char *what)
{
	char cause[300];

	eal_log_cause(cause, sizeof(cause));
	/* Some drivers return -1 where they mean no errno, and it is none of privileges. */
	if (err == -1 && cause[0] != '\0')
		return fault_set(s->fault, -EIO, "%s: %s: %s", s->name.name, what, cause);
	return fault_set(s->fault, err, "%s: %s: %s%s%s", s->name.name, what, strerror(-err),
		cause[0] != '\0' ? ": " : "", cause);
}

/* ---- what is peculiar to a driver ---- */

uint32_t dpdk_pmd_traits(const char *driver)
{
	static const struct {
		const char *driver;
		uint32_t traits;
	} known[] = {
		{"net_tap",
			PMD_SHARES_MAC | PMD_DESCRIPTOR_PER_SEGMENT | PMD_LEVEL_TRIGGERED |
				PMD_WRONG_SUMS | PMD_DIRECT_JUMBO | PMD_ANY_MEMORY},
		{"net_af_packet", PMD_UNDERSTATES_MTU | PMD_ANY_MEMORY},
		{"net_af_xdp", PMD_KEEPS_BUFFERS},
		{"net_memif", PMD_UNDERSTATES_MTU},
		{"net_ring", PMD_DESCRIPTOR_PER_FRAME},
		{"net_virtio", PMD_DESCRIPTOR_PER_FRAME},
		{"net_virtio_user", PMD_DESCRIPTOR_PER_FRAME},
	};

	for (size_t i = 0; i < RTE_DIM(known); i++)
		if (strcmp(driver, known[i].driver) == 0)
			return known[i].traits;
	return 0;
}

/* ---- negotiation ---- */

static int read_device(struct setup *s, struct dpdk_port *d)
{
	int err = device_parse(s->config->device, &s->name, s->fault);
	if (err != 0)
		return err;
	if (rte_eth_dev_get_port_by_name(s->name.name, &d->id) != 0)
		return fault_set(s->fault, -ENODEV, "%s: not a device that DPDK was started with",
			s->config->device);
	if (rte_eth_dev_is_valid_port(d->id) == 0 ||
		(err = rte_eth_dev_info_get(d->id, &s->info)) != 0)
		return setup_fault(s, err != 0 ? err : -ENODEV, "the device does not answer");
	d->traits = dpdk_pmd_traits(s->info.driver_name);
	d->if_index = s->name.pci ? 0 : s->info.if_index;
	return 0;
}

static int read_pools(struct setup *s)
{
	s->data_size = UINT32_MAX;
	for (unsigned i = 0; i < s->config->queues; i++) {
		if (s->config->pools == NULL || s->config->pools[i] == NULL)
			return fault_set(s->fault, -EINVAL, "%s: queue %u has no packet pool",
				s->name.name, i);
		uint32_t size = rte_pktmbuf_data_room_size(pktpool_mempool(s->config->pools[i])) -
			PKTBUF_HEADROOM;
		s->data_size = RTE_MIN(s->data_size, size);
	}
	uint32_t least = s->info.min_rx_bufsize;
	if (least < POOL_DATA_MIN)
		least = POOL_DATA_MIN;
	if (s->data_size < least)
		return fault_set(s->fault, -EINVAL,
			"%s: packet buffers of %u bytes, the device needs %u", s->name.name,
			s->data_size, least);
	return 0;
}

static uint32_t frame_max(uint16_t mtu)
{
	return mtu + FRAME_HEADER_MIN + FRAME_VLAN;
}

/* The longest packet for which ethdev accepts the frame, its checksum included. */
static uint16_t ethdev_mtu_max(const struct rte_eth_dev_info *info)
{
	uint32_t overhead = info->max_mtu != UINT16_MAX && info->max_rx_pktlen > info->max_mtu
		? info->max_rx_pktlen - info->max_mtu
		: RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;
	uint32_t by_frame = info->max_rx_pktlen > overhead ? info->max_rx_pktlen - overhead : 0;

	return (uint16_t)RTE_MIN(by_frame, (uint32_t)info->max_mtu);
}

/* The link's own, but none that is too small for us: that is refused later on. */
static uint16_t usual_mtu(const struct dpdk_port *d)
{
	int kernels = dpdk_interface_mtu(d->if_index);
	uint16_t own = RTE_ETHER_MTU;

	if (kernels > 0)
		return (uint16_t)RTE_MIN(RTE_MAX(kernels, MTU_MIN), RTE_ETHER_MTU);
	rte_eth_dev_get_mtu(d->id, &own);
	return RTE_MIN(own, (uint16_t)RTE_ETHER_MTU);
}

static int choose_mtu(struct setup *s, struct dpdk_port *d)
{
	uint16_t most = ethdev_mtu_max(&s->info);

	s->mtu = s->config->mtu != 0 ? s->config->mtu : usual_mtu(d);
	if (s->mtu < s->info.min_mtu)
		return fault_set(s->fault, -EINVAL, "%s: the device takes no MTU below %u",
			s->name.name, s->info.min_mtu);
	if (s->mtu <= most) {
		s->device_mtu = s->mtu;
		return 0;
	}
	if ((d->traits & (PMD_UNDERSTATES_MTU | PMD_DIRECT_JUMBO)) == 0)
		return fault_set(s->fault, -EINVAL, "%s: the device takes an MTU of at most %u",
			s->name.name, most);
	s->device_mtu = RTE_MIN(most, (uint16_t)RTE_ETHER_MTU);
	return 0;
}

/* An interface that belongs to the machine is not changed: it must have the MTU already. */
static int check_interface_mtu(const struct setup *s, const struct dpdk_port *d)
{
	int mtu = dpdk_interface_mtu(d->if_index);
	char frame[16] = "2048";

	if (mtu > 0 && mtu < s->mtu)
		return fault_set(s->fault, -EINVAL,
			"%s: the interface has an MTU of %d: 'ip link set dev %s mtu %u'",
			s->name.name, mtu, s->name.iface, s->mtu);
	if (strcmp(s->info.driver_name, "net_af_packet") != 0)
		return 0;
	/* The kernel puts a header of at most 128 bytes before each frame of its ring. */
	device_argument(s->config->device, "framesz", frame, sizeof(frame));
	if (strtoul(frame, NULL, 10) < frame_max(s->mtu) + 128u)
		return fault_set(s->fault, -EINVAL,
			"%s: an MTU of %u needs longer ring frames: "
			"%s,iface=%s,blocksz=65536,framesz=16384,framecnt=1024",
			s->name.name, s->mtu, s->name.name, s->name.iface);
	return 0;
}

static int choose_offloads(struct setup *s, const struct dpdk_port *d)
{
	const struct offload_offer offer = {
		.rx = s->info.rx_offload_capa,
		.tx = s->info.tx_offload_capa,
		/* The table of net_tap is a program in the kernel: it cannot be told. */
		.rss_types = s->info.flow_type_rss_offloads,
		.rss_key_size = s->info.hash_key_size,
		.rss_table_size = s->info.reta_size,
	};
	struct offload_need need = {
		.wanted = PORT_RX_IP_CHECKSUM | PORT_RX_L4_CHECKSUM | PORT_RX_SCATTER |
			PORT_TX_IP_CHECKSUM | PORT_TX_TCP_CHECKSUM | PORT_TX_UDP_CHECKSUM |
			PORT_TX_MULTI_SEGS | PORT_TX_TSO | PORT_RSS,
		.scatter = frame_max(s->mtu) > s->data_size,
		.queues = s->queues,
	};

	/* It cuts in software, and sums what it cut as wrongly as the rest: ours is as fast. */
	if ((d->traits & PMD_WRONG_SUMS) != 0)
		need.wanted &= ~(uint32_t)PORT_TX_TSO;
	/* What passes by the PMD gets no checksum from it. */
	if (s->device_mtu != s->mtu && (d->traits & PMD_DIRECT_JUMBO) != 0)
		need.wanted &= ~(uint32_t)(PORT_TX_IP_CHECKSUM | PORT_TX_TCP_CHECKSUM |
			PORT_TX_UDP_CHECKSUM);
	offload_negotiate(&offer, &need, &s->choice);
	/* memif chains buffers by itself and does not speak of it. */
	if (need.scatter && (s->choice.port & PORT_RX_SCATTER) == 0 &&
		strcmp(s->info.driver_name, "net_memif") != 0)
		return fault_set(s->fault, -EINVAL,
			"%s: frames of %u bytes do not fit into packet buffers of %u, and the device "
			"cannot spread them: give an MTU of %u at most",
			s->name.name, frame_max(s->mtu), s->data_size,
			s->data_size - (frame_max(s->mtu) - s->mtu));
	return 0;
}

static uint16_t bounded_descriptors(uint16_t wanted, const struct rte_eth_desc_lim *limit)
{
	uint32_t n = wanted != 0 ? wanted : DESCRIPTORS_DEFAULT;
	uint32_t align = limit->nb_align != 0 ? limit->nb_align : 1;

	if (limit->nb_max != 0)
		n = RTE_MIN(n, (uint32_t)limit->nb_max);
	n = RTE_MAX(n, (uint32_t)limit->nb_min);
	return (uint16_t)(n / align * align != 0 ? n / align * align : align);
}

static void choose_queues(struct setup *s, const struct dpdk_port *d)
{
	unsigned most = RTE_MIN(s->info.max_rx_queues, s->info.max_tx_queues);

	s->queues = (uint16_t)RTE_MIN(s->config->queues, most);
	s->rx_descriptors = bounded_descriptors(s->config->rx_descriptors, &s->info.rx_desc_lim);
	s->tx_descriptors = bounded_descriptors(s->config->tx_descriptors, &s->info.tx_desc_lim);
	if ((d->traits & PMD_DESCRIPTOR_PER_SEGMENT) != 0)
		s->rx_descriptors = (uint16_t)(frame_max(s->mtu) / s->data_size + 1);
}

/* ---- configuration ---- */

static void build_conf(const struct setup *s, struct rte_eth_conf *conf)
{
	*conf = (struct rte_eth_conf){
		.rxmode = {.mtu = s->device_mtu, .offloads = s->choice.rx},
		.txmode = {.offloads = s->choice.tx},
		.intr_conf = {.rxq = s->interrupts},
	};
	if ((s->choice.port & PORT_RSS) == 0)
		return;
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	conf->rx_adv_conf.rss_conf = (struct rte_eth_rss_conf){
		.rss_key = (uint8_t *)(uintptr_t)rss_toeplitz_key,
		.rss_key_len = s->info.hash_key_size,
		.rss_hf = s->choice.rss_types,
	};
}

static int setup_queues(const struct setup *s, const struct dpdk_port *d)
{
	struct rte_eth_rxconf rxconf = s->info.default_rxconf;
	struct rte_eth_txconf txconf = s->info.default_txconf;
	unsigned node = (unsigned)rte_eth_dev_socket_id(d->id);

	rxconf.offloads = s->choice.rx;
	txconf.offloads = s->choice.tx;
	for (uint16_t q = 0; q < s->queues; q++) {
		int err = rte_eth_rx_queue_setup(d->id, q, s->rx_descriptors, node, &rxconf,
			pktpool_mempool(s->config->pools[q]));
		if (err == 0)
			err = rte_eth_tx_queue_setup(d->id, q, s->tx_descriptors, node, &txconf);
		if (err != 0)
			return err;
	}
	return 0;
}

static int configure_and_start(const struct setup *s, const struct dpdk_port *d)
{
	struct rte_eth_conf conf;
	struct rt_signals signals;

	build_conf(s, &conf);
	int err = rte_eth_dev_configure(d->id, s->queues, s->queues, &conf);
	if (err != 0)
		return err;
	rt_signals_hide(&signals);
	err = setup_queues(s, d);
	rt_signals_show(&signals);
	return err != 0 ? err : rte_eth_dev_start(d->id);
}

/* With receive interrupts where the device has them, else without. */
static int start_device(struct setup *s, const struct dpdk_port *d)
{
	/* Not only DPDK: libbpf and libxdp below net_af_xdp print, too. */
	eal_log_take_output();
	s->interrupts = true;
	int err = configure_and_start(s, d);
	if (err != 0) {
		eal_log_clear();
		s->interrupts = false;
		err = configure_and_start(s, d);
	}
	eal_log_give_output();
	return err != 0 ? setup_fault(s, err, "the device did not start") : 0;
}

static int open_interrupts(const struct setup *s, struct dpdk_port *d)
{
	bool all = s->interrupts;

	for (uint16_t q = 0; q < s->queues; q++) {
		int fd = all ? rte_eth_dev_rx_intr_ctl_q_get_fd(d->id, q) : -1;
		bool arms = (d->traits & PMD_LEVEL_TRIGGERED) != 0 ||
			(fd >= 0 && rte_eth_dev_rx_intr_disable(d->id, q) == 0);
		d->queues[q].fd = fd >= 0 && arms ? fd : -1;
		all = all && d->queues[q].fd >= 0;
	}
	d->port.info.rx_interrupt = all;
	return 0;
}

/* Frames that ethdev does not know of leave by the descriptor. */
static int open_direct_jumbo(const struct setup *s, struct dpdk_port *d)
{
	if (s->device_mtu == s->mtu)
		return 0;
	if (d->queues[0].fd < 0)
		return fault_set(s->fault, -EINVAL, "%s: an MTU of at most %u is possible",
			s->name.name, s->device_mtu);
	d->direct_above = frame_max(s->device_mtu);
	return 0;
}

/* Both ends of a link have one MTU. The kernel's end of a TAP is ours to set; the PMD does not. */
static int match_interface_mtu(const struct setup *s, struct dpdk_port *d)
{
	if ((d->traits & PMD_DIRECT_JUMBO) == 0)
		return check_interface_mtu(s, d);
	int err = dpdk_interface_set_mtu(d->if_index, s->mtu);
	return err != 0 ? setup_fault(s, err, "the interface does not take the MTU")
			: open_direct_jumbo(s, d);
}

/* A table entry for each of the hash's last bits, queues in turn. */
static void spread_flows(const struct setup *s, struct dpdk_port *d)
{
	struct rte_eth_rss_reta_entry64 table[RTE_DIM(d->port.rss_queue) / 64];
	uint16_t size = s->info.reta_size;

	if ((s->choice.port & PORT_RSS) == 0)
		return;
	bool told = size <= RTE_DIM(d->port.rss_queue) && size >= 64;
	for (uint16_t i = 0; told && i < size; i++) {
		d->port.rss_queue[i] = i % s->queues;
		table[i / 64].mask = UINT64_MAX;
		table[i / 64].reta[i % 64] = i % s->queues;
	}
	if (told && rte_eth_dev_rss_reta_update(d->id, table, size) == 0)
		d->port.rss_mask = (uint16_t)(size - 1);
	else
		d->port.info.offloads &= ~(uint32_t)PORT_RSS;
}

/* The stack filters groups itself: let the device pass all of them. */
static void open_multicast(const struct dpdk_port *d)
{
	if (rte_eth_allmulticast_enable(d->id) != 0)
		(void)rte_eth_promiscuous_enable(d->id);
}

/* ---- our side of the queues ---- */

/*
 * Small buffers for each descriptor and each place of the stage. A frame is a header buffer and
 * seldom more than three references. Where it takes one descriptor, a full ring may hold more:
 * virtio takes up to seven so, longer chains by a descriptor for each buffer. It gives none back
 * before its ring is nearly full, so were there too few for that, no frame would ever leave again.
 */
static unsigned small_buffers_each(const struct dpdk_port *d)
{
	return (d->traits & PMD_DESCRIPTOR_PER_FRAME) != 0 ? 8 : 4;
}

static int make_tx_pool(const struct setup *s, struct dpdk_port *d, uint16_t q)
{
	char name[PKTPOOL_NAME_SIZE];
	struct pktpool_config config = {
		.name = name,
		.count = small_buffers_each(d) * (s->tx_descriptors + TX_STAGE_MAX),
		.data_size = TX_SMALL_DATA,
		.numa_node = rte_eth_dev_socket_id(d->id),
	};

	snprintf(name, sizeof(name), "tx-%u-%u", d->id, q);
	d->queues[q].build.small = pktbuf_mempool_create(&config, s->fault);
	return d->queues[q].build.small != NULL ? 0 : -rte_errno;
}

/* 0: the device knows no limit. */
static uint16_t at_most(uint16_t device, uint16_t ours)
{
	return device != 0 ? RTE_MIN(device, ours) : ours;
}

static void open_tx_build(const struct setup *s, struct dpdk_port *d, uint16_t q)
{
	struct tx_build *build = &d->queues[q].build;
	const struct rte_eth_desc_lim *limit = &s->info.tx_desc_lim;

	build->large = pktpool_mempool(s->config->pools[q]);
	build->offloads = d->port.info.offloads;
	build->segments_max = at_most(limit->nb_mtu_seg_max, SEGMENTS_MAX);
	build->gso_segments_max = at_most(limit->nb_seg_max, GSO_SEGMENTS_MAX);
	if ((build->offloads & PORT_TX_MULTI_SEGS) == 0)
		build->segments_max = 1;
	build->any_memory = (d->traits & PMD_ANY_MEMORY) != 0;
	build->sum_here = (d->traits & PMD_WRONG_SUMS) != 0;
	build->frame_max = frame_max(s->mtu);
}

static int make_queues(const struct setup *s, struct dpdk_port *d)
{
	d->queues = rte_zmalloc("port", s->queues * sizeof(*d->queues), 64);
	if (d->queues == NULL)
		return fault_set(s->fault, -ENOMEM, "%s: no memory for its queues", s->name.name);
	for (uint16_t q = 0; q < s->queues; q++) {
		d->port.info.queues = (uint16_t)(q + 1);
		d->queues[q].fd = -1;
		d->port.counters[q] = rte_zmalloc("port", sizeof(struct port_counters), 64);
		if (d->port.counters[q] == NULL)
			return fault_set(
				s->fault, -ENOMEM, "%s: no memory for its counters", s->name.name);
		int err = make_tx_pool(s, d, q);
		if (err != 0)
			return err;
	}
	return 0;
}

static void fill_info(const struct setup *s, struct dpdk_port *d)
{
	struct port_info *info = &d->port.info;
	struct rte_ether_addr mac;

	snprintf(info->name, sizeof(info->name), "%s", s->name.name);
	snprintf(info->driver, sizeof(info->driver), "%s", s->info.driver_name);
	if (rte_eth_macaddr_get(d->id, &mac) == 0)
		memcpy(info->mac, mac.addr_bytes, sizeof(info->mac));
	if ((d->traits & PMD_SHARES_MAC) != 0)
		dpdk_tap_station_mac(info->mac);
	info->mtu = s->mtu;
	info->numa_node = rte_eth_dev_socket_id(d->id);
	if ((d->traits & PMD_KEEPS_BUFFERS) != 0)
		info->kept = KEPT_MAX;
	d->rx_frame_max = frame_max(s->mtu);
}

/* ---- open and close ---- */

static void dpdk_close(struct port *port)
{
	struct dpdk_port *d = dpdk_port_of(port);

	for (unsigned q = 0; q < port->info.queues; q++)
		for (unsigned i = 0; i < d->queues[q].staged; i++)
			rte_pktmbuf_free(d->queues[q].stage[i]);
	eal_log_take_output(); /* as in start_device */
	/* On a machine's own interface the kernel would stay in that mode. */
	(void)rte_eth_promiscuous_disable(d->id);
	(void)rte_eth_dev_stop(d->id);
	(void)rte_eth_dev_close(d->id);
	eal_log_give_output();
	for (unsigned q = 0; q < port->info.queues; q++) {
		rte_mempool_free(d->queues[q].build.small);
		rte_free(port->counters[q]);
	}
	rte_free(d->queues);
	rte_free(d);
}

static int negotiate(struct setup *s, struct dpdk_port *d)
{
	int err;

	if ((err = read_device(s, d)) != 0 || (err = read_pools(s)) != 0 ||
		(err = choose_mtu(s, d)) != 0)
		return err;
	choose_queues(s, d);
	return choose_offloads(s, d);
}

static int bring_up(struct setup *s, struct dpdk_port *d)
{
	int err = make_queues(s, d);
	if (err != 0)
		return err;
	fill_info(s, d);
	d->port.info.offloads = s->choice.port;
	err = start_device(s, d);
	if (err != 0)
		return err;
	spread_flows(s, d);
	for (uint16_t q = 0; q < s->queues; q++)
		open_tx_build(s, d, q);
	open_multicast(d);
	open_interrupts(s, d);
	return match_interface_mtu(s, d);
}

int dpdk_port_open(const struct port_config *config, struct port **port, struct fault *fault)
{
	struct setup s = {.config = config, .fault = fault};
	struct dpdk_port *d = rte_zmalloc("port", sizeof(*d), 64);

	if (d == NULL)
		return fault_set(fault, -ENOMEM, "%s: no memory", config->device);
	d->port.ops = &dpdk_ops;
	eal_log_clear();
	int err = negotiate(&s, d);
	if (err != 0) {
		rte_free(d);
		return err;
	}
	err = bring_up(&s, d);
	if (err != 0) {
		dpdk_close(&d->port);
		return err;
	}
	*port = &d->port;
	return 0;
}

/* ---- state ---- */

static bool dpdk_is_gone(struct port *port)
{
	unsigned if_index = dpdk_port_of(port)->if_index;

	return if_index != 0 && !dpdk_interface_exists(if_index);
}

/* The PMD may not have noticed that its interface is gone. */
static bool dpdk_link_up(struct port *port)
{
	struct rte_eth_link link;

	return rte_eth_link_get_nowait(dpdk_port_of(port)->id, &link) == 0 &&
		link.link_status == RTE_ETH_LINK_UP && !dpdk_is_gone(port);
}

static int dpdk_rx_fd(struct port *port, unsigned queue)
{
	int fd = dpdk_port_of(port)->queues[queue].fd;

	return fd >= 0 ? fd : -ENOTSUP;
}

static bool dpdk_rx_arm(struct port *port, unsigned queue, bool on)
{
	struct dpdk_port *d = dpdk_port_of(port);

	if ((d->traits & PMD_LEVEL_TRIGGERED) != 0)
		return true;
	if (!on)
		return rte_eth_dev_rx_intr_disable(d->id, (uint16_t)queue) == 0;
	if (rte_eth_dev_rx_intr_enable(d->id, (uint16_t)queue) != 0)
		return false;
	/* A frame that came before the interrupt was enabled may not raise it. */
	return rte_eth_rx_descriptor_status(d->id, (uint16_t)queue, 0) != RTE_ETH_RX_DESC_DONE;
}

static void dpdk_device_counters(struct port *port, struct port_device_counters *counters)
{
	struct rte_eth_stats stats;

	if (rte_eth_stats_get(dpdk_port_of(port)->id, &stats) != 0)
		return;
	counters->rx_missed = stats.imissed;
	counters->rx_errors = stats.ierrors;
	counters->rx_no_mbuf = stats.rx_nombuf;
	counters->tx_errors = stats.oerrors;
}

const struct port_ops dpdk_ops = {
	.close = dpdk_close,
	.link_up = dpdk_link_up,
	.is_gone = dpdk_is_gone,
	.rx_burst = dpdk_rx_burst,
	.tx = dpdk_tx,
	.tx_flush = dpdk_tx_flush,
	.tx_reclaim = dpdk_tx_reclaim,
	.rx_fd = dpdk_rx_fd,
	.rx_arm = dpdk_rx_arm,
	.device_counters = dpdk_device_counters,
};
