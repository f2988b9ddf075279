/* SPDX-License-Identifier: BSD-3-Clause */
/* From the texts of struct rws_config to values, with a message for each that is wrong. */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/address.h"
#include "api/dns_message.h"
#include "api/handle.h"
#include "api/runtime.h"

int runtime_fail(struct rws_error *error, int code, const char *format, ...)
{
	if (error == NULL)
		return code;

	va_list args;
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	error->code = code;
	return code;
}

/* ---- Addresses -------------------------------------------------------------------------- */

static int parse_prefix(const char *text, bool ipv6, uint8_t *prefix)
{
	char *end;
	long bits = strtol(text, &end, 10);

	if (end == text || *end != '\0' || bits < 1 || bits > (ipv6 ? 128 : 32))
		return -EINVAL;
	*prefix = (uint8_t)bits;
	return 0;
}

/* Addresses that can be a station's own: no multicast, broadcast, loopback, unspecified. */
static bool is_station_address(const ip_addr_t *address)
{
	return !ip_addr_isany(address) && !ip_addr_ismulticast(address) &&
		!ip_addr_isloopback(address) &&
		!(IP_IS_V4(address) && ip4_addr_get_u32(ip_2_ip4(address)) == IPADDR_BROADCAST);
}

static uint32_t ip4_number(const ip_addr_t *address)
{
	return lwip_ntohl(ip4_addr_get_u32(ip_2_ip4(address)));
}

static uint32_t ip4_host_mask(uint8_t prefix)
{
	return prefix == 32 ? 0 : UINT32_MAX >> prefix;
}

/*
 * RFC 1122 3.2.1.3: a host part of all zeros or all ones is nobody's. RFC 3021: of two addresses
 * (/31) both are a station's.
 */
static bool is_host4(uint32_t address, uint8_t prefix)
{
	uint32_t mask = ip4_host_mask(prefix), host = address & mask;

	return prefix >= 31 || (host != 0 && host != mask);
}

static const char *ip4_text(uint32_t address, char text[IP4ADDR_STRLEN_MAX])
{
	const ip4_addr_t ip4 = {lwip_htonl(address)};

	return ip4addr_ntoa_r(&ip4, text, IP4ADDR_STRLEN_MAX);
}

static int check_host4(const char *text, const struct nif_address *at, struct rws_error *error)
{
	uint32_t address = ip4_number(&at->address), mask = ip4_host_mask(at->prefix);
	char first[IP4ADDR_STRLEN_MAX], last[IP4ADDR_STRLEN_MAX];

	if (is_host4(address, at->prefix))
		return 0;
	return runtime_fail(error, -EINVAL,
		"\"%s\" is the %s address of its network; give one from %s to %s, or another prefix "
		"length",
		text, (address & mask) == 0 ? "first (network)" : "last (broadcast)",
		ip4_text((address & ~mask) + 1, first), ip4_text((address | mask) - 1, last));
}

static int parse_address(const char *text, struct nif_address *out, struct rws_error *error)
{
	char host[64];
	const char *slash = strchr(text, '/');

	if (slash == NULL)
		return runtime_fail(error, -EINVAL,
			"address \"%s\" has no prefix length; write it as in 10.0.0.2/24 or "
			"fd00::2/64",
			text);
	if ((size_t)(slash - text) >= sizeof(host))
		return runtime_fail(error, -EINVAL, "address \"%s\" is too long", text);
	memcpy(host, text, (size_t)(slash - text));
	host[slash - text] = '\0';
	if (!ipaddr_aton(host, &out->address) || strchr(host, '%') != NULL)
		return runtime_fail(error, -EINVAL, "\"%s\" is not an IPv4 or IPv6 address", host);
	if (!is_station_address(&out->address))
		return runtime_fail(error, -EINVAL,
			"\"%s\" cannot be an interface's own address; give a unicast address",
			host);
	if (parse_prefix(slash + 1, IP_IS_V6(&out->address), &out->prefix) != 0)
		return runtime_fail(error, -EINVAL,
			"\"%s\" is not a prefix length; it is 1 to 32 for IPv4 and 1 to 128 for "
			"IPv6",
			slash + 1);
	return IP_IS_V4_VAL(out->address) ? check_host4(text, out, error) : 0;
}

static int parse_addresses(
	const struct rws_interface *from, struct runtime_interface *to, struct rws_error *error)
{
	unsigned ipv4 = 0;

	if (from->address_count > RUNTIME_ADDRESSES_MAX)
		return runtime_fail(error, -EINVAL, "%s: more than %u addresses", from->device,
			RUNTIME_ADDRESSES_MAX);
	for (unsigned i = 0; i < from->address_count; i++) {
		int code = parse_address(from->addresses[i], &to->addresses[i], error);
		if (code != 0)
			return code;
		ipv4 += IP_IS_V4_VAL(to->addresses[i].address);
	}
	to->address_count = from->address_count;
	if (ipv4 > 1)
		return runtime_fail(error, -EINVAL,
			"%s: more than one IPv4 address; an interface has one", from->device);
	if (ipv4 > 0 && from->dhcp)
		return runtime_fail(error, -EINVAL,
			"%s: an IPv4 address and DHCP exclude each other", from->device);
	if (to->address_count - ipv4 > NIF_IPV6_MAX)
		return runtime_fail(error, -EINVAL, "%s: more than %d IPv6 addresses", from->device,
			NIF_IPV6_MAX);
	if (from->address_count == 0 && !from->dhcp && !from->slaac)
		return runtime_fail(error, -EINVAL,
			"%s has no address; give one (10.0.0.2/24), or ask for DHCP or SLAAC",
			from->device);
	return 0;
}

/*
 * RFC 1122 3.3.1.1: the gateway is a neighbour. Which ones DHCP will bring is not known yet, and
 * /32 is no network: whoever uses it has all neighbours by the gateway.
 */
static int check_gateway4(
	const char *text, const struct runtime_interface *interface, struct rws_error *error)
{
	const struct nif_address *own = interface->addresses;
	const struct nif_address *end = own + interface->address_count;
	uint32_t gateway = ip4_number(&interface->gateways[0]);

	while (own < end && !IP_IS_V4_VAL(own->address))
		own++;
	if (own == end && interface->dhcp)
		return 0;
	if (own == end)
		return runtime_fail(error, -EINVAL,
			"gateway \"%s\" is of no use without an IPv4 address; give one in its network",
			text);
	uint32_t address = ip4_number(&own->address), mask = ip4_host_mask(own->prefix);
	char number[IP4ADDR_STRLEN_MAX];
	if (gateway == address)
		return runtime_fail(error, -EINVAL,
			"gateway \"%s\" is the interface's own address; give that of the router",
			text);
	if (own->prefix == 32 ||
		((gateway & ~mask) == (address & ~mask) && is_host4(gateway, own->prefix)))
		return 0;
	return runtime_fail(error, -EINVAL,
		"gateway \"%s\" is no station in the network of %s/%u; give one that is, or another "
		"prefix length",
		text, ip4_text(address, number), own->prefix);
}

static int parse_gateways(
	const struct rws_interface *from, struct runtime_interface *to, struct rws_error *error)
{
	to->gateways[0] = *IP_ADDR_ANY;
	to->gateways[1] = *IP6_ADDR_ANY;
	for (unsigned i = 0; i < from->gateway_count; i++) {
		ip_addr_t gateway;
		if (!ipaddr_aton(from->gateways[i], &gateway) || !is_station_address(&gateway))
			return runtime_fail(error, -EINVAL,
				"gateway \"%s\" is not a unicast IPv4 or IPv6 address",
				from->gateways[i]);
		ip_addr_t *slot = &to->gateways[IP_IS_V6_VAL(gateway) ? 1 : 0];
		if (!ip_addr_isany(slot))
			return runtime_fail(error, -EINVAL,
				"more than one gateway for the same family: \"%s\"",
				from->gateways[i]);
		*slot = gateway;
		int code = IP_IS_V4_VAL(gateway) ? check_gateway4(from->gateways[i], to, error) : 0;
		if (code != 0)
			return code;
	}
	return 0;
}

static int parse_interface(
	const struct rws_interface *from, struct runtime_interface *to, struct rws_error *error)
{
	if (from->device == NULL || from->device[0] == '\0')
		return runtime_fail(error, -EINVAL,
			"an interface has no device; name one, such as net_tap0,iface=rws0");
	bool any6 = from->slaac;
	for (unsigned i = 0; i < from->address_count; i++)
		any6 |= strchr(from->addresses[i], ':') != NULL;
	uint16_t least = any6 ? 1280 : 576; /* RFC 8200 5, RFC 791 */
	if (from->mtu != 0 && (from->mtu < least || from->mtu > 9000))
		return runtime_fail(error, -EINVAL, "%s: MTU %u is out of range; it is %u to 9000",
			from->device, from->mtu, least);
	to->dhcp = from->dhcp;
	to->slaac = from->slaac;
	int code = parse_addresses(from, to, error);
	return code != 0 ? code : parse_gateways(from, to, error);
}

/* RFC 4007 5: only link-local addresses may be on several interfaces. */
static int check_distinct(
	const struct rws *rws, unsigned index, const ip_addr_t *address, struct rws_error *error)
{
	unsigned uses = 0;
	char text[IPADDR_STRLEN_MAX];

	for (unsigned i = 0; i <= index; i++)
		for (unsigned j = 0; j < rws->interfaces[i].address_count; j++)
			uses += ip_addr_eq(&rws->interfaces[i].addresses[j].address, address);
	if (uses == 1 || ip_addr_islinklocal(address))
		return 0;
	return runtime_fail(error, -EINVAL, "address %s is given twice; one interface has it",
		ipaddr_ntoa_r(address, text, sizeof(text)));
}

static int parse_interfaces(
	const struct rws_config *config, struct rws *rws, struct rws_error *error)
{
	rws->interface_count = config->interface_count;
	for (unsigned i = 0; i < config->interface_count; i++) {
		struct runtime_interface *interface = &rws->interfaces[i];
		int code = parse_interface(&config->interfaces[i], interface, error);
		for (unsigned j = 0; code == 0 && j < interface->address_count; j++)
			code = check_distinct(rws, i, &interface->addresses[j].address, error);
		if (code != 0)
			return code;
	}
	return 0;
}

/* ---- Stack cores ------------------------------------------------------------------------ */

static int add_cpu(long cpu, int cpus[], unsigned *count, struct rws_error *error)
{
	cpu_set_t allowed;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
		return runtime_fail(
			error, -errno, "the allowed CPUs cannot be read: %s", strerror(errno));
	if (cpu >= CPU_SETSIZE || !CPU_ISSET((size_t)cpu, &allowed))
		return runtime_fail(error, -EINVAL,
			"CPU %ld is not there or not allowed for this process; see `nproc` and "
			"`taskset -p $$`",
			cpu);
	for (unsigned i = 0; i < *count; i++)
		if (cpus[i] == cpu)
			return runtime_fail(error, -EINVAL, "CPU %ld is named twice", cpu);
	if (*count == RUNTIME_CORES_MAX)
		return runtime_fail(error, -EINVAL, "more than %u stack cores", RUNTIME_CORES_MAX);
	cpus[(*count)++] = (int)cpu;
	return 0;
}

/* "0", "0-1", "2,4-6" */
static int parse_cores(const char *text, int cpus[], unsigned *count, struct rws_error *error)
{
	const char *at = text != NULL ? text : "0";

	*count = 0;
	for (;;) {
		char *end;
		long first = strtol(at, &end, 10);
		long last = first;
		bool valid = end != at && first >= 0 && first < CPU_SETSIZE;
		if (valid && *end == '-') {
			at = end + 1;
			last = strtol(at, &end, 10);
			valid = end != at && last >= first && last < CPU_SETSIZE;
		}
		if (!valid || (*end != ',' && *end != '\0'))
			return runtime_fail(error, -EINVAL,
				"\"%s\" is not a list of CPUs; write it as in 0, 0-1 or 2,4", text);
		for (long cpu = first; cpu <= last; cpu++) {
			int code = add_cpu(cpu, cpus, count, error);
			if (code != 0)
				return code;
		}
		if (*end == '\0')
			return 0;
		at = end + 1;
	}
}

/* ---- Name servers ----------------------------------------------------------------------- */

static int parse_name_server(const char *text, struct rws_address *server, struct rws_error *error)
{
	ip_addr_t ip;
	uint16_t port;

	if (rws_address_parse(text, server) != 0 || server->family == 0 ||
		address_to_ip(server, &ip, &port) != 0 || !is_station_address(&ip))
		return runtime_fail(error, -EINVAL,
			"name server \"%s\" is not a unicast IPv4 or IPv6 address", text);
	if (server->port == 0)
		server->port = DNS_PORT;
	return 0;
}

static int parse_name_servers(
	const struct rws_config *config, struct rws *rws, struct rws_error *error)
{
	if (config->dns_count > RUNTIME_DNS_MAX)
		return runtime_fail(error, -EINVAL, "%u name servers; name at most %u",
			config->dns_count, RUNTIME_DNS_MAX);
	for (unsigned i = 0; i < config->dns_count; i++) {
		int code = parse_name_server(config->dns[i], &rws->dns[i], error);
		if (code != 0)
			return code;
	}
	rws->dns_count = config->dns_count;
	return 0;
}

int runtime_parse(const struct rws_config *config, struct rws *rws, int cpus[RUNTIME_CORES_MAX],
	struct rws_error *error)
{
	if (config->size != sizeof(*config))
		return runtime_fail(error, -EINVAL,
			"struct rws_config was not made by rws_config_init, or for another release");
	if (config->interface_count < 1 || config->interface_count > RUNTIME_INTERFACES_MAX)
		return runtime_fail(error, -EINVAL,
			"%u interfaces; name 1 to %u devices, such as net_tap0,iface=rws0",
			config->interface_count, RUNTIME_INTERFACES_MAX);
	if (config->sockets > HANDLE_INDEX_MAX)
		return runtime_fail(error, -EINVAL,
			"%u sockets are too many; a selector has at most %u", config->sockets,
			HANDLE_INDEX_MAX);
	if ((unsigned)config->placement > RWS_CHANNEL || (unsigned)config->idle > RWS_IDLE_SLEEP)
		return runtime_fail(error, -EINVAL,
			"placement %u, idle %u: give values of enum rws_placement and rws_idle",
			(unsigned)config->placement, (unsigned)config->idle);
	rws->placement = config->placement;
	rws->idle = config->idle;
	rws->memory_mb = config->memory_mb;
	rws->send_buffer_max = config->send_buffer_max != 0 ? config->send_buffer_max
							    : RUNTIME_SEND_BUFFER_MAX_DEFAULT;
	rws->sockets_max = config->sockets != 0 ? config->sockets : RUNTIME_SOCKETS_DEFAULT;
	int code = parse_interfaces(config, rws, error);
	if (code == 0)
		code = parse_name_servers(config, rws, error);
	if (code != 0)
		return code;
	return parse_cores(config->cores, cpus, &rws->core_count, error);
}
