/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/nif.h"

#include <errno.h>
#include <string.h>

#include "lwip/dhcp.h"
#include "lwip/dns.h"
#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/igmp.h"
#include "lwip/mld6.h"
#include "lwip/nd6.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/iana.h"
#include "netif/ethernet.h"
#include "stack/frame.h"
#include "stack/lwip/lwip_hooks.h"
#include "stack/nif_internal.h"
#include "stack/stack_internal.h"

#define VLAN_TAG   4u
#define IP6_PREFIX 64u /* RFC 4291 2.5.1, 2.5.6: of link-local and SLAAC's addresses */
#define LINK_LOCAL 0   /* its place among the IPv6 addresses */
#define TX_CHECKSUMS                                                               \
	(NETIF_CHECKSUM_GEN_IP | NETIF_CHECKSUM_GEN_UDP | NETIF_CHECKSUM_GEN_TCP | \
		NETIF_CHECKSUM_GEN_ICMP | NETIF_CHECKSUM_GEN_ICMP6)

/* Receive */

/* What lwIP must still verify of a frame that the device had a look at. */
static uint16_t rx_checksums(const struct pbuf *p)
{
	uint16_t checks = NETIF_CHECKSUM_CHECK_ICMP | NETIF_CHECKSUM_CHECK_ICMP6;
	if ((p->pkt_flags & PKT_IP_CHECKSUM_GOOD) == 0)
		checks |= NETIF_CHECKSUM_CHECK_IP;
	if ((p->pkt_flags & PKT_L4_CHECKSUM_GOOD) == 0 || !frame_is_whole(p))
		checks |= NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP;
	return checks;
}

void nif_input(struct nif *nif, struct pbuf *p)
{
	/* ARP and ND are among what is neither TCP nor UDP: see stack/dst.c. */
	if (frame_tells_of_neighbours(p))
		dst_cache_changed(&nif->stack->dsts);
	nif->netif.chksum_flags = nif->tx_checksums | rx_checksums(p);
	ethernet_input(p, &nif->netif);
}

/* Its IP header was verified where it came in. */
void nif_input_ip(struct nif *nif, struct pbuf *p)
{
	nif->netif.chksum_flags = nif->tx_checksums | NETIF_CHECKSUM_CHECK_ICMP |
		NETIF_CHECKSUM_CHECK_ICMP6 | NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP;
	ip_input(p, &nif->netif);
}

/* Transmit */

/* lwIP's link output; p stays lwIP's. An error keeps a TCP segment queued. */
static err_t nif_output(struct netif *netif, struct pbuf *p)
{
	struct nif *nif = nif_of(netif);
	struct nif_frame frame = nif_frame_of(p);
	if (p->tot_len > nif->config.mtu + FRAME_HEADER) {
		stack_count_drop(nif->stack, DROP_TX_TOO_LONG);
		return ERR_MEM;
	}
	if (!nif->stack->primary && netif_is_link_up(netif) && frame_is_announcement(p)) {
		stack_count_drop(nif->stack, DROP_TX_SUPPRESSED);
		return ERR_OK;
	}
	enum drop_reason reason = nif_send(nif, &frame, 1);
	stack_count_unsent(nif->stack, reason);
	return reason == DROP_NONE ? ERR_OK : ERR_MEM;
}

void nif_software_udp_checksum(struct stack *st, bool on)
{
	for (struct nif *nif = st->nifs; nif != NULL; nif = nif->next) {
		uint16_t added = on ? NETIF_CHECKSUM_GEN_UDP : 0;
		nif->netif.chksum_flags = (uint16_t)((nif->netif.chksum_flags & ~TX_CHECKSUMS) |
			nif->tx_checksums | added);
	}
}

/* Multicast groups, as MAC addresses (RFC 1112 6.4, RFC 2464 7) */

static err_t multicast(
	struct netif *netif, const uint8_t mac[6], enum netif_mac_filter_action action)
{
	const struct nif_config *config = &nif_of(netif)->config;
	if (config->ops->multicast != NULL)
		config->ops->multicast(config->device, mac, action == NETIF_ADD_MAC_FILTER);
	return ERR_OK;
}

static err_t igmp_filter(
	struct netif *netif, const ip4_addr_t *group, enum netif_mac_filter_action action)
{
	uint8_t mac[6] = {LL_IP4_MULTICAST_ADDR_0, LL_IP4_MULTICAST_ADDR_1, LL_IP4_MULTICAST_ADDR_2,
		ip4_addr2(group) & 0x7f, ip4_addr3(group), ip4_addr4(group)};
	return multicast(netif, mac, action);
}

static err_t mld_filter(
	struct netif *netif, const ip6_addr_t *group, enum netif_mac_filter_action action)
{
	uint8_t mac[6] = {LL_IP6_MULTICAST_ADDR_0, LL_IP6_MULTICAST_ADDR_1};
	memcpy(mac + 2, &group->addr[3], 4);
	return multicast(netif, mac, action);
}

/* Set-up */

static uint16_t software_checksums(uint16_t offloads)
{
	uint16_t checksums = TX_CHECKSUMS;
	if (offloads & NIF_TX_IP_CHECKSUM)
		checksums &= (uint16_t)~NETIF_CHECKSUM_GEN_IP;
	if (offloads & NIF_TX_TCP_CHECKSUM)
		checksums &= (uint16_t)~NETIF_CHECKSUM_GEN_TCP;
	if (offloads & NIF_TX_UDP_CHECKSUM)
		checksums &= (uint16_t)~NETIF_CHECKSUM_GEN_UDP;
	return checksums;
}

static bool has_ip6(const struct nif *nif)
{
	return nif->config.mtu >= IP6_MTU_MIN;
}

/* lwIP's netif_init_fn. */
static err_t netif_fill(struct netif *netif)
{
	struct nif *nif = nif_of(netif);
	netif->name[0] = 'r';
	netif->name[1] = 'w';
	netif->mtu = nif->config.mtu;
	netif->hwaddr_len = ETH_HWADDR_LEN;
	memcpy(netif->hwaddr, nif->config.mac, ETH_HWADDR_LEN);
	netif->flags =
		NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_IGMP;
	netif->output = etharp_output;
	netif->linkoutput = nif_output;
	netif->chksum_flags = (uint16_t)(nif->tx_checksums | ~TX_CHECKSUMS);
	netif_set_igmp_mac_filter(netif, igmp_filter);
	netif->ip6_autoconfig_enabled = nif->config.slaac && has_ip6(nif);
	if (has_ip6(nif)) {
		netif->flags |= NETIF_FLAG_MLD6;
		netif->output_ip6 = ethip6_output;
		netif_set_mld_mac_filter(netif, mld_filter);
	}
	return ERR_OK;
}

/*
 * RFC 4862 5.4: the first stack makes sure that nobody else has the address; the others, who keep
 * silent, use it at once.
 */
static void start_ip6_address(struct nif *nif, s8_t index)
{
	if (!nif->stack->primary)
		netif_ip6_addr_set_state(&nif->netif, index, IP6_ADDR_PREFERRED);
}

/* RFC 2131 4.1: its port is reserved, so that frames for it are steered to this core. */
static bool start_dhcp(struct nif *nif)
{
	nif->holds_dhcp_port =
		port_reserve(nif->stack, IP_PROTO_UDP, LWIP_IANA_PORT_DHCP_CLIENT) == 0;
	return nif->holds_dhcp_port && dhcp_start(&nif->netif) == ERR_OK;
}

static bool start(struct nif *nif)
{
	if (netif_add(&nif->netif, NULL, NULL, NULL, nif, netif_fill, ethernet_input) == NULL)
		return false;
	if (netif_default == NULL)
		netif_set_default(&nif->netif);
	netif_set_up(&nif->netif);
	if (has_ip6(nif)) {
		netif_create_ip6_linklocal_address(&nif->netif, 1);
		start_ip6_address(nif, LINK_LOCAL);
	}
	bool wants_dhcp = nif->config.dhcp && nif->stack->primary;
	return !wants_dhcp || start_dhcp(nif);
}

static void append(struct stack *st, struct nif *nif)
{
	struct nif **at = &st->nifs;
	while (*at != NULL)
		at = &(*at)->next;
	*at = nif;
}

struct nif *nif_add(struct stack *st, const struct nif_config *config)
{
	stack_enter(st);
	struct nif *nif = arena_calloc(&st->arena, 1, sizeof(*nif));
	if (nif == NULL)
		return NULL;
	nif->stack = st;
	nif->config = *config;
	for (unsigned i = 0; i < sizeof(config->mac); i++)
		nif->mac = nif->mac << 8 | config->mac[i];
	nif->frame_max = config->mtu + FRAME_HEADER + VLAN_TAG;
	nif->tx_checksums = software_checksums(config->tx_offloads);
	append(st, nif);
	if (!start(nif)) {
		nif_remove(nif);
		return NULL;
	}
	return nif;
}

void nif_remove(struct nif *nif)
{
	struct stack *st = nif->stack;
	if (netif_dhcp_data(&nif->netif) != NULL) {
		dhcp_release_and_stop(&nif->netif);
		dhcp_cleanup(&nif->netif);
	}
	if (nif->holds_dhcp_port)
		port_release(st, IP_PROTO_UDP, LWIP_IANA_PORT_DHCP_CLIENT);
	netif_remove(&nif->netif);
	struct nif **at = &st->nifs;
	while (*at != nif)
		at = &(*at)->next;
	*at = nif->next;
	arena_free(&st->arena, nif);
}

void nif_set_link(struct nif *nif, bool up)
{
	stack_enter(nif->stack);
	if (up)
		netif_set_link_up(&nif->netif); /* announces the addresses */
	else
		netif_set_link_down(&nif->netif);
}

uint16_t nif_mtu(const struct nif *nif, bool ip6)
{
	return ip6 ? netif_mtu6(&nif->netif) : nif->netif.mtu;
}

/* Addresses */

static int set_ip4(struct nif *nif, const ip4_addr_t *address, unsigned prefix)
{
	if (prefix > 32 || ip4_addr_isany(address) || ip4_addr_ismulticast(address))
		return -EINVAL;
	ip4_addr_t mask = {.addr = prefix == 0 ? 0 : lwip_htonl(~(uint32_t)0 << (32 - prefix))};
	ip4_addr_t gateway = *netif_ip4_gw(&nif->netif);
	netif_set_addr(&nif->netif, address, &mask, &gateway);
	return 0;
}

static int add_ip6(struct nif *nif, const ip6_addr_t *address, unsigned prefix)
{
	if (!has_ip6(nif) || prefix < 1 || prefix > 128 || ip6_addr_isany(address) ||
		ip6_addr_ismulticast(address))
		return -EINVAL;
	if (netif_get_ip6_addr_match(&nif->netif, address) >= 0)
		return 0;
	s8_t index;
	if (nif->ip6_added == NIF_IPV6_MAX ||
		netif_add_ip6_address(&nif->netif, address, &index) != ERR_OK)
		return -ENOSPC;
	nif->ip6_added++;
	nif->ip6_prefix[index] = (uint8_t)prefix;
	start_ip6_address(nif, index);
	return 0;
}

int nif_add_address(struct nif *nif, const ip_addr_t *address, unsigned prefix)
{
	stack_enter(nif->stack);
	if (IP_IS_V6(address))
		return add_ip6(nif, ip_2_ip6(address), prefix);
	return set_ip4(nif, ip_2_ip4(address), prefix);
}

void nif_remove_ip4(struct nif *nif)
{
	stack_enter(nif->stack);
	netif_set_addr(&nif->netif, NULL, NULL, NULL);
}

int nif_set_gateway(struct nif *nif, const ip_addr_t *gateway)
{
	stack_enter(nif->stack);
	if (ip_addr_ismulticast(gateway))
		return -EINVAL;
	netif_set_default(&nif->netif);
	nif->generation++;
	dst_cache_changed(&nif->stack->dsts);
	if (IP_IS_V4(gateway)) {
		netif_set_gw(&nif->netif, ip_2_ip4(gateway));
		return 0;
	}
	if (!has_ip6(nif))
		return -EINVAL;
	nif->gateway6 = *ip_2_ip6(gateway);
	ip6_addr_assign_zone(&nif->gateway6, IP6_UNICAST, &nif->netif);
	nd6_clear_destination_cache(); /* where next hops are kept */
	return 0;
}

const ip6_addr_t *lwip_hook_ip6_gateway(struct netif *netif, const ip6_addr_t *destination)
{
	const struct nif *nif = nif_of(netif);
	return ip6_addr_isany_val(nif->gateway6) ? NULL : &nif->gateway6;
}

static bool begin_equally(const ip6_addr_t *a, const ip6_addr_t *b, unsigned bits)
{
	unsigned words = bits / 32, rest = bits % 32;
	if (memcmp(a->addr, b->addr, words * sizeof(a->addr[0])) != 0)
		return false;
	uint32_t mask = rest == 0 ? 0 : lwip_htonl(~(uint32_t)0 << (32 - rest));
	return mask == 0 || ((a->addr[words] ^ b->addr[words]) & mask) == 0;
}

/* RFC 5942 4: an address that nobody gave a prefix for says of itself alone that it is here. */
unsigned lwip_hook_ip6_on_link(struct netif *netif, const ip6_addr_t *destination)
{
	unsigned longest = 0;
	for (unsigned i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
		unsigned bits = nif_of(netif)->ip6_prefix[i];
		if (!ip6_addr_isvalid(netif_ip6_addr_state(netif, i)))
			continue;
		if (ip6_addr_zoneless_eq(destination, netif_ip6_addr(netif, i)))
			return 128;
		if (bits > longest && begin_equally(destination, netif_ip6_addr(netif, i), bits))
			longest = bits;
	}
	return longest;
}

static uint8_t mask_bits(const ip4_addr_t *mask)
{
	return (uint8_t)__builtin_popcount(mask->addr);
}

unsigned nif_addresses(const struct nif *nif, struct nif_address *out, unsigned max)
{
	const struct netif *netif = &nif->netif;
	unsigned count = 0;
	if (count < max && !ip4_addr_isany_val(*netif_ip4_addr(netif)))
		out[count++] = (struct nif_address){
			*netif_ip_addr4(netif), mask_bits(netif_ip4_netmask(netif)), true};
	for (unsigned i = 0; i < LWIP_IPV6_NUM_ADDRESSES && count < max; i++) {
		uint8_t state = netif_ip6_addr_state(netif, i);
		uint8_t prefix = nif->ip6_prefix[i] != 0 ? nif->ip6_prefix[i] : IP6_PREFIX;
		if (ip6_addr_isvalid(state))
			out[count++] = (struct nif_address){
				*netif_ip_addr6(netif, i), prefix, ip6_addr_ispreferred(state)};
	}
	return count;
}

void nif_gateway(const struct nif *nif, ip_addr_t *out)
{
	ip_addr_copy_from_ip4(*out, *netif_ip4_gw(&nif->netif));
}

unsigned nif_dns_servers(const struct nif *nif, ip_addr_t *out, unsigned max)
{
	unsigned count = 0;
	stack_enter(nif->stack);
	for (uint8_t i = 0; i < DNS_MAX_SERVERS && count < max; i++)
		if (!ip_addr_isany(dns_getserver(i)))
			out[count++] = *dns_getserver(i);
	return count;
}

void nif_changed(struct netif *netif)
{
	nif_of(netif)->generation++;
}

/* lwIP tells of no change to its DNS servers: they are compared with those seen last. */
static bool dns_changed(struct nif *nif)
{
	bool changed = false;
	for (uint8_t i = 0; i < DNS_MAX_SERVERS; i++) {
		const ip_addr_t *now = dns_getserver(i);
		changed |= !ip_addr_eq(now, &nif->dns[i]);
		nif->dns[i] = *now;
	}
	return changed;
}

uint32_t nif_generation(const struct nif *nif)
{
	struct nif *mutable = (struct nif *)(uintptr_t)nif;
	stack_enter(nif->stack);
	if (dns_changed(mutable))
		mutable->generation++;
	return nif->generation;
}
