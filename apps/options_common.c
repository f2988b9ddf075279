/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/options_common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CPUS_MAX 1024u

static const char *const placements[] = {"inline", "channel", NULL};
static const char *const idles[] = {"poll", "yield", "sleep", NULL};

static int set_device(struct options *options, const struct option_row *row, const char *value);
static int set_address(struct options *options, const struct option_row *row, const char *value);
static int set_gateway(struct options *options, const struct option_row *row, const char *value);
static int set_dhcp(struct options *options, const struct option_row *row, const char *value);
static int set_slaac(struct options *options, const struct option_row *row, const char *value);
static int set_mtu(struct options *options, const struct option_row *row, const char *value);
static int set_cores(struct options *options, const struct option_row *row, const char *value);
static int set_dns(struct options *options, const struct option_row *row, const char *value);

/* clang-format off */
const struct option_row options_common_rows[] = {
	{.name = "dev", .argument = "DEVARGS", .kind = OPTION_SET, .set = set_device, .repeatable = true,
	 .text = "device: DPDK devargs such as net_tap0,iface=rws0, or a PCI address. The five\n"
		 "                                   options below belong to the --dev before them"},
	{.name = "addr", .argument = "ADDRESS/PREFIX", .kind = OPTION_SET, .set = set_address, .repeatable = true,
	 .text = "IPv4 or IPv6 address of the interface, 10.0.0.2/24 or fd00::2/64"},
	{.name = "gateway", .argument = "ADDRESS", .kind = OPTION_SET, .set = set_gateway, .repeatable = true,
	 .text = "default gateway, at most one of each family"},
	{.name = "dhcp", .kind = OPTION_SET, .set = set_dhcp, .repeatable = true,
	 .text = "IPv4 address and gateway from a DHCP server"},
	{.name = "slaac", .kind = OPTION_SET, .set = set_slaac, .repeatable = true,
	 .text = "IPv6 addresses from router advertisements"},
	{.name = "mtu", .argument = "N", .kind = OPTION_SET, .set = set_mtu, .repeatable = true,
	 .unit = "bytes (IPv6: from 1280)", .min = 576, .max = 9000, .fallback = "the device's, at most 1500",
	 .text = "largest IP packet; a TAP gets it, another interface of the kernel must have it"},
	{.name = "dns", .argument = "ADDRESS", .kind = OPTION_SET, .set = set_dns, .repeatable = true,
	 .fallback = "those that the network names",
	 .text = "name server, at most 3, asked in this order"},
	{.name = "cores", .argument = "LIST", .kind = OPTION_SET, .set = set_cores, .fallback = "0",
	 .text = "CPUs of the stack cores: 0, 0-1 or 2,4"},
	{.name = "placement", .argument = "inline|channel", .kind = OPTION_CHOICE, .choices = placements,
	 .offset = offsetof(struct options, placement), .fallback = "inline",
	 .text = "the program runs on the stack cores, or beside them joined by rings"},
	{.name = "idle", .argument = "poll|yield|sleep", .kind = OPTION_CHOICE, .choices = idles,
	 .offset = offsetof(struct options, idle), .fallback = "poll",
	 .text = "what a stack core with nothing to do does"},
	{.name = "memory", .argument = "N", .kind = OPTION_NUMBER, .unit = "MB", .min = 144, .max = 1048576,
	 .offset = offsetof(struct options, memory_mb), .fallback = "the library's",
	 .text = "packet buffers and rings in all; each stack core after the first adds\n"
		 "                                   80 MB to the least"},
	{.name = "hugepages", .kind = OPTION_FLAG, .offset = offsetof(struct options, hugepages),
	 .text = "take memory from hugepages (most PCI devices need it)"},
	{.name = "quiet", .kind = OPTION_FLAG, .offset = offsetof(struct options, quiet),
	 .text = "no progress and no summary, only errors and the line that says ready"},
	{.name = "stats", .kind = OPTION_FLAG, .offset = offsetof(struct options, stats),
	 .text = "print all counters at exit, not only those of drops"},
	{.name = "help", .kind = OPTION_FLAG, .offset = offsetof(struct options, help), .text = "print this"},
	{.name = "version", .kind = OPTION_FLAG, .offset = offsetof(struct options, version),
	 .text = "print the version"},
	{.name = "man", .kind = OPTION_FLAG, .hidden = true, .offset = offsetof(struct options, man),
	 .text = "print the manual page"},
};
/* clang-format on */

const unsigned options_common_row_count =
	sizeof(options_common_rows) / sizeof(options_common_rows[0]);

/* What stands before the first --dev belongs to the first. */
static struct options_interface *current(struct options *options)
{
	return &options->interfaces[options->interface_count > 0 ? options->interface_count - 1
								 : 0];
}

static int set_device(struct options *options, const struct option_row *row, const char *value)
{
	for (unsigned i = 0; i < options->interface_count; i++) {
		if (strcmp(options->interfaces[i].device, value) == 0)
			return options_reject(
				options, "--dev %s is given twice; give it once", value);
	}
	if (options->interface_count == OPTIONS_INTERFACES)
		return options_reject(
			options, "--dev %s: at most %u devices", value, OPTIONS_INTERFACES);
	options->interface_count++;
	current(options)->device = value;
	return 0;
}

/* 4 or 6, with the address in network order; 0 when it is neither. */
static int parse_ip(const char *text, uint8_t ip[16])
{
	if (inet_pton(AF_INET, text, ip) == 1)
		return 4;
	return inet_pton(AF_INET6, text, ip) == 1 ? 6 : 0;
}

bool options_is_station(int family, const uint8_t ip[16])
{
	static const uint8_t zero[16], loopback6[16] = {[15] = 1};
	static const uint8_t mapped[12] = {
		[10] = 0xff, [11] = 0xff}; /* for IPv4 behind IPv6 sockets */

	if (family == 4)
		return ip[0] != 0 && ip[0] != 127 && ip[0] < 224;
	return ip[0] != 0xff && memcmp(ip, zero, 16) != 0 && memcmp(ip, loopback6, 16) != 0 &&
		memcmp(ip, mapped, sizeof(mapped)) != 0;
}

static bool parse_prefix(const char *text, unsigned long max)
{
	char *end = NULL;
	unsigned long prefix = strtoul(text, &end, 10);

	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && prefix >= 1 && prefix <= max;
}

static int check_address(struct options *options, const char *value)
{
	const char *slash = strchr(value, '/');
	char text[64];
	uint8_t ip[16];
	int family;

	snprintf(text, sizeof(text), "%.*s", slash != NULL ? (int)(slash - value) : 63, value);
	family = parse_ip(text, ip);
	if (family == 0)
		return options_reject(options,
			"--addr %s: not an IP address; write it as 10.0.0.2/24 or fd00::2/64",
			value);
	if (slash == NULL)
		return options_reject(options,
			"--addr %s: the prefix length is missing; write %s/%s", value, value,
			family == 4 ? "24" : "64");
	if (!parse_prefix(slash + 1, family == 4 ? 32 : 128))
		return options_reject(options, "--addr %s: the prefix length is from 1 to %s",
			value, family == 4 ? "32" : "128");
	if (!options_is_station(family, ip))
		return options_reject(options,
			"--addr %s: cannot be the address of an interface; choose a unicast address",
			value);
	return 0;
}

static int set_address(struct options *options, const struct option_row *row, const char *value)
{
	struct options_interface *interface = current(options);

	if (check_address(options, value) < 0)
		return -EINVAL;
	for (unsigned i = 0; i < interface->address_count; i++) {
		if (strcmp(interface->addresses[i], value) == 0)
			return options_reject(
				options, "--addr %s is given twice; give it once", value);
	}
	if (interface->address_count == OPTIONS_ADDRESSES)
		return options_reject(options, "--addr %s: at most %u addresses on an interface",
			value, OPTIONS_ADDRESSES);
	interface->addresses[interface->address_count++] = value;
	return 0;
}

static int set_gateway(struct options *options, const struct option_row *row, const char *value)
{
	struct options_interface *interface = current(options);
	uint8_t ip[16], other[16];
	int family = parse_ip(value, ip);

	if (family == 0 || !options_is_station(family, ip))
		return options_reject(options,
			"--gateway %s: not the address of a gateway; write it as 10.0.0.1 or fd00::1",
			value);
	for (unsigned i = 0; i < interface->gateway_count; i++) {
		if (parse_ip(interface->gateways[i], other) == family)
			return options_reject(options,
				"--gateway %s: the interface has %s already; one of each family",
				value, interface->gateways[i]);
	}
	interface->gateways[interface->gateway_count++] = value;
	return 0;
}

static int set_dhcp(struct options *options, const struct option_row *row, const char *value)
{
	current(options)->dhcp = true;
	return 0;
}

static int set_slaac(struct options *options, const struct option_row *row, const char *value)
{
	current(options)->slaac = true;
	return 0;
}

static int set_mtu(struct options *options, const struct option_row *row, const char *value)
{
	struct options_interface *interface = current(options);

	if (interface->mtu != 0)
		return options_reject(
			options, "--mtu is given twice for one interface; give it once");
	return options_number(options, row, value, &interface->mtu);
}

static int set_dns(struct options *options, const struct option_row *row, const char *value)
{
	uint8_t ip[16];
	int family = parse_ip(value, ip);

	if (family == 0 || !options_is_station(family, ip))
		return options_reject(options,
			"--dns %s: not the address of a name server; write it as 10.0.0.1 or "
			"fd00::1",
			value);
	if (options->dns_count == OPTIONS_DNS)
		return options_reject(
			options, "--dns %s: at most %u name servers", value, OPTIONS_DNS);
	options->dns[options->dns_count++] = value;
	return 0;
}

/* One "2" or "0-3" of the list; marks its CPUs. Returns what follows, NULL when it is not one. */
static const char *parse_cores(const char *at, bool taken[CPUS_MAX])
{
	char *end = NULL;
	unsigned long first, last;

	if (at[0] < '0' || at[0] > '9')
		return NULL;
	first = last = strtoul(at, &end, 10);
	if (end[0] == '-') {
		if (end[1] < '0' || end[1] > '9')
			return NULL;
		last = strtoul(end + 1, &end, 10);
	}
	if (first > last || last >= CPUS_MAX)
		return NULL;
	for (unsigned long cpu = first; cpu <= last; cpu++) {
		if (taken[cpu])
			return NULL;
		taken[cpu] = true;
	}
	return end;
}

static int set_cores(struct options *options, const struct option_row *row, const char *value)
{
	bool taken[CPUS_MAX] = {false};
	const char *at = parse_cores(value, taken);

	while (at != NULL && at[0] == ',')
		at = parse_cores(at + 1, taken);
	if (at == NULL || at[0] != '\0')
		return options_reject(options,
			"--cores %s: give CPU numbers, each once, as 0 or 0-1 or 2,4", value);
	options->cores = value;
	return 0;
}

static bool speaks_ipv6(const struct options_interface *interface)
{
	for (unsigned i = 0; i < interface->address_count; i++) {
		if (strchr(interface->addresses[i], ':') != NULL)
			return true;
	}
	return interface->slaac;
}

static int check_interface(struct options *options, const struct options_interface *interface)
{
	if (interface->address_count == 0 && !interface->dhcp && !interface->slaac)
		return options_reject(options,
			"--dev %s has no address; give --addr ADDRESS/PREFIX, --dhcp or --slaac",
			interface->device);
	/* RFC 8200 5: every IPv6 link carries 1280 bytes. */
	if (interface->mtu != 0 && interface->mtu < 1280 && speaks_ipv6(interface))
		return options_reject(options, "--mtu %llu: IPv6 needs 1280 at least on %s",
			(unsigned long long)interface->mtu, interface->device);
	return 0;
}

int options_common_check(struct options *options)
{
	if (options->interface_count == 0)
		return options_reject(options,
			"--dev is missing; name a device, for example --dev net_tap0,iface=rws0");
	for (unsigned i = 0; i < options->interface_count; i++) {
		if (check_interface(options, &options->interfaces[i]) < 0)
			return -EINVAL;
	}
	return 0;
}
