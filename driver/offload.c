/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver/offload.h"

#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <rte_udp.h>

/* Tuples with ports, or queues could not be told from a flow's ports. */
#define RSS_NEEDED (RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP)
#define RSS_WANTED                                                                  \
	(RSS_NEEDED | RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV6_UDP | \
		RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_FRAG_IPV4 |       \
		RTE_ETH_RSS_FRAG_IPV6)

struct rule {
	uint32_t port;
	uint64_t device; /* all of these bits */
};

static const struct rule rx_rules[] = {
	{PORT_RX_IP_CHECKSUM, RTE_ETH_RX_OFFLOAD_IPV4_CKSUM},
	{PORT_RX_L4_CHECKSUM, RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM},
	{PORT_RX_SCATTER, RTE_ETH_RX_OFFLOAD_SCATTER},
};

static const struct rule tx_rules[] = {
	{PORT_TX_IP_CHECKSUM, RTE_ETH_TX_OFFLOAD_IPV4_CKSUM},
	{PORT_TX_TCP_CHECKSUM, RTE_ETH_TX_OFFLOAD_TCP_CKSUM},
	{PORT_TX_UDP_CHECKSUM, RTE_ETH_TX_OFFLOAD_UDP_CKSUM},
	{PORT_TX_MULTI_SEGS, RTE_ETH_TX_OFFLOAD_MULTI_SEGS},
	/* A segmented frame needs its checksums made, and is always a chain. */
	{PORT_TX_TSO,
		RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_IPV4_CKSUM |
			RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_MULTI_SEGS},
};

static uint32_t apply(const struct rule *rules, size_t count, uint32_t wanted, uint64_t offered,
	uint64_t *configured)
{
	uint32_t taken = 0;

	for (size_t i = 0; i < count; i++) {
		if ((wanted & rules[i].port) == 0 || (offered & rules[i].device) != rules[i].device)
			continue;
		taken |= rules[i].port;
		*configured |= rules[i].device;
	}
	return taken;
}

static bool rss_is_usable(const struct offload_offer *offer)
{
	bool key = offer->rss_key_size == 40 || offer->rss_key_size == 52;
	bool table = offer->rss_table_size != 0 &&
		(offer->rss_table_size & (offer->rss_table_size - 1)) == 0;

	return key && table && (offer->rss_types & RSS_NEEDED) == RSS_NEEDED;
}

void offload_negotiate(const struct offload_offer *offer, const struct offload_need *need,
	struct offload_choice *choice)
{
	uint32_t wanted = need->wanted;

	/* Scatter costs receive speed on most devices: only where a frame does not fit otherwise. */
	if (!need->scatter)
		wanted &= ~(uint32_t)PORT_RX_SCATTER;
	*choice = (struct offload_choice){0};
	choice->port = apply(rx_rules, RTE_DIM(rx_rules), wanted, offer->rx, &choice->rx) |
		apply(tx_rules, RTE_DIM(tx_rules), wanted, offer->tx, &choice->tx);
	if ((wanted & PORT_RSS) != 0 && need->queues > 1 && rss_is_usable(offer)) {
		choice->port |= PORT_RSS;
		choice->rss_types = offer->rss_types & RSS_WANTED;
	}
}

/* The checksum of layout's L4 header that the device is to make, 0 for none. */
static uint64_t l4_flag(const struct frame_layout *layout, uint32_t offloads)
{
	if (layout->l4_protocol == IPPROTO_TCP && (offloads & PORT_TX_TCP_CHECKSUM) != 0)
		return RTE_MBUF_F_TX_TCP_CKSUM;
	if (layout->l4_protocol == IPPROTO_UDP && (offloads & PORT_TX_UDP_CHECKSUM) != 0)
		return RTE_MBUF_F_TX_UDP_CKSUM;
	return 0;
}

static void *l3_header(const struct rte_mbuf *m, const struct frame_layout *layout)
{
	return rte_pktmbuf_mtod_offset(m, void *, layout->l2_len);
}

/* Headers lie at any alignment. */
static void put_l4_checksum(struct rte_mbuf *m, const struct frame_layout *layout, uint16_t sum)
{
	size_t field = layout->l4_protocol == IPPROTO_TCP
		? offsetof(struct rte_tcp_hdr, cksum)
		: offsetof(struct rte_udp_hdr, dgram_cksum);

	memcpy((uint8_t *)l3_header(m, layout) + layout->l3_len + field, &sum, sizeof(sum));
}

static uint16_t pseudo_header_sum(
	const struct rte_mbuf *m, const struct frame_layout *layout, uint64_t flags)
{
	const void *ip = l3_header(m, layout);

	return layout->network == FRAME_IPV4 ? rte_ipv4_phdr_cksum(ip, flags)
					     : rte_ipv6_phdr_cksum(ip, flags);
}

void offload_request(struct rte_mbuf *m, const struct frame_layout *layout, uint32_t offloads)
{
	bool ipv4 = layout->network == FRAME_IPV4;
	uint64_t l4 = l4_flag(layout, offloads);
	uint64_t ip = ipv4 && (offloads & PORT_TX_IP_CHECKSUM) != 0 ? RTE_MBUF_F_TX_IP_CKSUM : 0;

	if (layout->network == FRAME_OTHER || (l4 | ip) == 0)
		return;
	m->ol_flags |= l4 | ip | (ipv4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6);
	m->l2_len = layout->l2_len;
	m->l3_len = layout->l3_len;
	m->l4_len = layout->l4_len;
	if (ip != 0)
		((struct rte_ipv4_hdr *)l3_header(m, layout))->hdr_checksum = 0;
	if (l4 != 0)
		put_l4_checksum(m, layout, pseudo_header_sum(m, layout, m->ol_flags));
}

/* As DPDK has it, the pseudo header's sum goes without the length, which differs by segment. */
void offload_segment(struct rte_mbuf *m, const struct frame_layout *layout, uint16_t size)
{
	m->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
	m->tso_segsz = size;
	offload_request(m, layout, PORT_TX_IP_CHECKSUM | PORT_TX_TCP_CHECKSUM);
}

/*
 * Sum over `length` bytes of a chain from offset on. RFC 1071 2(B): behind an odd number of bytes
 * the sum of the rest counts with its bytes swapped. (rte_raw_cksum_mbuf loses carries there.)
 */
static uint32_t sum_chain(const struct rte_mbuf *m, uint32_t offset, uint32_t length)
{
	uint32_t sum = 0, done = 0;

	for (; m != NULL && done < length; m = m->next) {
		if (offset >= m->data_len) {
			offset -= m->data_len;
			continue;
		}
		uint32_t part = RTE_MIN(m->data_len - offset, length - done);
		uint16_t here = rte_raw_cksum(rte_pktmbuf_mtod_offset(m, void *, offset), part);
		sum += done % 2 != 0 ? rte_bswap16(here) : here;
		done += part;
		offset = 0;
	}
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* RFC 9293 3.1, RFC 768: over the pseudo header, the header and the payload. */
static void compute_l4(struct rte_mbuf *m, const struct frame_layout *layout)
{
	put_l4_checksum(m, layout, 0);
	uint32_t total = pseudo_header_sum(m, layout, 0) +
		sum_chain(m, (uint32_t)layout->l2_len + layout->l3_len,
			layout->ip_len - layout->l3_len);
	uint16_t sum = (uint16_t)~fold(total);
	/* RFC 768: a UDP checksum of zero would say that there is none. */
	if (sum == 0 && layout->l4_protocol == IPPROTO_UDP)
		sum = 0xffff;
	put_l4_checksum(m, layout, sum);
}

void offload_compute(struct rte_mbuf *m, const struct frame_layout *layout, uint32_t offloads)
{
	bool ipv4 = layout->network == FRAME_IPV4;
	uint64_t l4 = l4_flag(layout, offloads);

	if (ipv4 && (offloads & PORT_TX_IP_CHECKSUM) != 0) {
		struct rte_ipv4_hdr *ip = l3_header(m, layout);
		ip->hdr_checksum = 0;
		ip->hdr_checksum = rte_ipv4_cksum(ip);
	}
	if (l4 != 0)
		compute_l4(m, layout);
}

struct offload_verdict offload_verdict(uint64_t rx_flags)
{
	uint64_t ip = rx_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;
	uint64_t l4 = rx_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
	struct offload_verdict verdict = {.drop = DROP_NONE};

	if (ip == RTE_MBUF_F_RX_IP_CKSUM_BAD)
		verdict.drop = DROP_IP_CHECKSUM;
	else if (l4 == RTE_MBUF_F_RX_L4_CKSUM_BAD)
		verdict.drop = DROP_L4_CHECKSUM;
	/* NONE: never computed, for the frame crossed no wire; the device vouches for the bytes. */
	if (ip == RTE_MBUF_F_RX_IP_CKSUM_GOOD || ip == RTE_MBUF_F_RX_IP_CKSUM_NONE)
		verdict.pkt_flags |= PKT_IP_CHECKSUM_GOOD;
	if (l4 == RTE_MBUF_F_RX_L4_CKSUM_GOOD || l4 == RTE_MBUF_F_RX_L4_CKSUM_NONE)
		verdict.pkt_flags |= PKT_L4_CHECKSUM_GOOD;
	return verdict;
}
