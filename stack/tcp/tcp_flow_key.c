/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/tcp/tcp_flow_key.h"

#include <string.h>

#include "stack/tcp/tcp_internal.h"

static void put_address(uint8_t bytes[16], const ip_addr_t *address)
{
	if (IP_IS_V6(address))
		memcpy(bytes, ip_2_ip6(address)->addr, 16);
	else
		memcpy(bytes, &ip_2_ip4(address)->addr, 4);
}

static uint8_t zone_of(const ip_addr_t *address)
{
	return IP_IS_V6(address) ? ip6_addr_zone(ip_2_ip6(address)) : IP6_NO_ZONE;
}

void tcp_flow_key_set(struct tcp_flow_key *key, const ip_addr_t *local, uint16_t local_port,
	const ip_addr_t *remote, uint16_t remote_port)
{
	memset(key, 0, sizeof(*key));
	put_address(key->local, local);
	put_address(key->remote, remote);
	key->local_port = local_port;
	key->remote_port = remote_port;
	key->zone = zone_of(remote) != IP6_NO_ZONE ? zone_of(remote) : zone_of(local);
	key->is_v6 = IP_IS_V6(remote);
}

void tcp_flow_key_of(struct tcp_flow_key *key, const struct tcp_seg *seg)
{
	tcp_flow_key_set(key, &seg->rx.local, seg->local_port, &seg->rx.remote, seg->remote_port);
}

static void take_address(ip_addr_t *address, const uint8_t bytes[16], uint8_t zone)
{
	ip6_addr_t *ip6 = ip_2_ip6(address);
	IP_SET_TYPE_VAL(*address, IPADDR_TYPE_V6);
	memcpy(ip6->addr, bytes, 16);
	ip6_addr_set_zone(ip6, ip6_addr_has_scope(ip6, IP6_UNKNOWN) ? zone : IP6_NO_ZONE);
}

void tcp_flow_key_addresses(const struct tcp_flow_key *key, ip_addr_t *local, ip_addr_t *remote)
{
	if (key->is_v6) {
		take_address(local, key->local, key->zone);
		take_address(remote, key->remote, key->zone);
		return;
	}
	ip_addr_set_zero_ip4(local);
	ip_addr_set_zero_ip4(remote);
	memcpy(&ip_2_ip4(local)->addr, key->local, 4);
	memcpy(&ip_2_ip4(remote)->addr, key->remote, 4);
}

bool tcp_flow_key_matches(const struct tcp_flow_key *key, const struct tcp_seg *seg)
{
	if (key->remote_port != seg->remote_port || key->local_port != seg->local_port)
		return false;
	struct tcp_flow_key other;
	tcp_flow_key_of(&other, seg);
	return memcmp(key, &other, sizeof(other)) == 0;
}
