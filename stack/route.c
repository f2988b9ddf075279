/* SPDX-License-Identifier: BSD-3-Clause */
/* Which addresses are ours, and by which interface another one is reached. */
#include "lwip/ip.h"
#include "lwip/nd6.h"
#include "stack/lwip/lwip_hooks.h"
#include "stack/stack_internal.h"

/* RFC 1122 3.3.1.1: neither on the link nor behind a gateway. lwIP finds out at each packet. */
static bool leads_nowhere4(const struct netif *netif, const ip4_addr_t *remote)
{
	return ip4_addr_isany_val(*netif_ip4_gw(netif)) &&
		!ip4_addr_net_eq(remote, netif_ip4_addr(netif), netif_ip4_netmask(netif)) &&
		!ip4_addr_ismulticast(remote) && !ip4_addr_isbroadcast(remote, netif);
}

static bool is_on_link6(struct netif *netif, const ip6_addr_t *remote)
{
	return ip6_addr_islinklocal(remote) || ip6_addr_ismulticast(remote) ||
		lwip_hook_ip6_on_link(netif, remote) != 0;
}

/*
 * RFC 4861 5.2, RFC 4943: what is not known to be on the link is not looked for there. lwIP finds
 * out at each packet; nd6_find_route knows the prefixes and routers that were advertised.
 */
static bool leads_nowhere6(struct netif *netif, const ip6_addr_t *remote)
{
	return !is_on_link6(netif, remote) && lwip_hook_ip6_gateway(netif, remote) == NULL &&
		nd6_find_route(remote) != netif;
}

struct netif *stack_route(const ip_addr_t *local, const ip_addr_t *remote, ip_addr_t *source)
{
	struct netif *netif = ip_route(local, remote);
	if (netif == NULL)
		return NULL;
	if (IP_IS_V4(remote) ? leads_nowhere4(netif, ip_2_ip4(remote))
			     : leads_nowhere6(netif, ip_2_ip6(remote)))
		return NULL;
	const ip_addr_t *found =
		ip_addr_isany(local) ? ip_netif_get_local_ip(netif, remote) : local;
	if (found == NULL)
		return NULL;
	*source = *found;
	return netif;
}

static bool has_address(const ip_addr_t *address, bool valid)
{
	struct netif *netif;
	NETIF_FOREACH(netif)
	{
		if (IP_IS_V4(address) && ip4_addr_eq(ip_2_ip4(address), netif_ip4_addr(netif)))
			return true;
		s8_t i =
			IP_IS_V6(address) ? netif_get_ip6_addr_match(netif, ip_2_ip6(address)) : -1;
		if (i >= 0 && (!valid || ip6_addr_isvalid(netif_ip6_addr_state(netif, i))))
			return true;
	}
	return false;
}

bool stack_has_address(const struct stack *st, const ip_addr_t *address)
{
	return has_address(address, false);
}

bool stack_may_send_from(const struct stack *st, const ip_addr_t *address)
{
	return has_address(address, true);
}

bool stack_is_broadcast(const struct stack *st, const ip_addr_t *address)
{
	struct netif *netif;
	if (!IP_IS_V4(address))
		return false;
	NETIF_FOREACH(netif)
	{
		if (ip4_addr_isbroadcast(ip_2_ip4(address), netif))
			return true;
	}
	return ip_2_ip4(address)->addr == IPADDR_BROADCAST;
}

void stack_zone(const struct stack *st, ip_addr_t *address)
{
	if (IP_IS_V6(address) && netif_default != NULL &&
		ip6_addr_lacks_zone(ip_2_ip6(address), IP6_UNKNOWN))
		ip6_addr_assign_zone(ip_2_ip6(address), IP6_UNKNOWN, netif_default);
}
