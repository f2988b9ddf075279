/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the stack cores found out of the network, for connections by name. Any thread.
 *
 * Called from api/lookup.c and api/host.c. Calls runtime_read_known.
 */
#include <string.h>

#include "api/address.h"
#include "api/dns_message.h"
#include "api/runtime.h"

/* ---- Name servers ------------------------------------------------------------------------ */

static unsigned read_dns(struct runtime_interface *interface, ip_addr_t servers[RUNTIME_DNS_MAX])
{
	uint32_t sequence;
	unsigned count;

	do {
		sequence = sequence_read_begin(&interface->known_lock);
		memcpy(servers, interface->known_dns, sizeof(interface->known_dns));
		count = interface->known_dns_count;
	} while (sequence_read_failed(&interface->known_lock, sequence));
	return count;
}

static bool is_among(
	const struct rws_address *servers, unsigned count, const struct rws_address *server)
{
	for (unsigned i = 0; i < count; i++)
		if (rws_address_equal(&servers[i], server))
			return true;
	return false;
}

unsigned runtime_name_servers(struct rws *rws, struct rws_address servers[RUNTIME_DNS_MAX])
{
	ip_addr_t known[RUNTIME_DNS_MAX];
	unsigned count = rws->dns_count;

	memcpy(servers, rws->dns, sizeof(rws->dns));
	for (unsigned i = 0; i < rws->interface_count && rws->dns_count == 0; i++) {
		unsigned found = read_dns(&rws->interfaces[i], known);
		for (unsigned k = 0; k < found && count < RUNTIME_DNS_MAX; k++) {
			address_from_ip(&known[k], DNS_PORT, &servers[count]);
			count += !is_among(servers, count, &servers[count]);
		}
	}
	return count;
}

/* ---- Addresses --------------------------------------------------------------------------- */

/* RFC 4193: fc00::/7, which leads nowhere beyond its site. */
static bool is_local(const uint8_t ip[16])
{
	return (ip[0] & 0xfe) == 0xfc;
}

/*
 * RFC 6724 5 (rules 1, 2 and 5), in short: IPv6 goes first where one of our own addresses is of
 * the destination's kind.
 */
bool runtime_prefers_ipv6(struct rws *rws, const struct rws_address *destination)
{
	struct nif_address known[RUNTIME_ADDRESSES_MAX];
	ip_addr_t gateway;
	unsigned count;

	for (unsigned i = 0; i < rws->interface_count; i++) {
		runtime_read_known(&rws->interfaces[i], known, &count, &gateway);
		for (unsigned k = 0; k < count; k++) {
			struct rws_address own;
			address_from_ip(&known[k].address, 0, &own);
			bool is_link_local = own.ip[0] == 0xfe && (own.ip[1] & 0xc0) == 0x80;
			if (own.family == RWS_IPV6 && known[k].preferred && !is_link_local &&
				is_local(own.ip) == is_local(destination->ip))
				return true;
		}
	}
	return false;
}
