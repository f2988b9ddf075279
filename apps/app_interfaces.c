/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/app_interfaces.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* RFC 4291 2.5.6. They come by themselves and nobody asked for them. */
static bool is_link_local(const char *address)
{
	return strncasecmp(address, "fe80:", 5) == 0;
}

static unsigned count_family(const struct rws_interface_info *info, bool ipv6)
{
	unsigned count = 0;

	for (unsigned i = 0; i < info->address_count; i++) {
		const char *address = info->addresses[i];

		if ((strchr(address, ':') != NULL) == ipv6 && !is_link_local(address))
			count++;
	}
	return count;
}

static unsigned count_asked(const struct options_interface *asked, bool ipv6)
{
	unsigned count = 0;

	for (unsigned i = 0; i < asked->address_count; i++) {
		const char *address = asked->addresses[i];

		if ((strchr(address, ':') != NULL) == ipv6 && !is_link_local(address))
			count++;
	}
	return count;
}

/* "fd00::2/64" and "FD00:0::2/64" are the same. */
static bool same_address(const char *one, const char *other)
{
	struct in6_addr ip[2] = {0};
	const char *text[2] = {one, other};

	for (int i = 0; i < 2; i++) {
		char plain[INET6_ADDRSTRLEN];

		snprintf(plain, sizeof(plain), "%.*s", (int)strcspn(text[i], "/"), text[i]);
		if (inet_pton(AF_INET6, plain, &ip[i]) != 1 &&
			inet_pton(AF_INET, plain, &ip[i]) != 1)
			return false;
	}
	return memcmp(&ip[0], &ip[1], sizeof(ip[0])) == 0;
}

static bool is_usable(const struct rws_interface_info *info, const char *address)
{
	for (unsigned i = 0; i < info->address_count; i++) {
		if (same_address(info->addresses[i], address))
			return true;
	}
	return false;
}

/* The first address of --addr that cannot be used, NULL when all can. */
static const char *missing_address(
	const struct options_interface *asked, const struct rws_interface_info *info)
{
	for (unsigned i = 0; i < asked->address_count; i++) {
		if (!is_usable(info, asked->addresses[i]))
			return asked->addresses[i];
	}
	return NULL;
}

static bool interface_ready(const struct options_interface *asked,
	const struct rws_interface_info *info, char *why, size_t size)
{
	const char *address = missing_address(asked, info), *missing = NULL;

	if (info->gone)
		return true; /* there is nothing to wait for */
	if (!info->link_up)
		missing = "its link is down";
	else if (address != NULL)
		missing = "its addresses are being checked for duplicates";
	else if (asked->dhcp && count_family(info, false) == count_asked(asked, false))
		missing = "no answer from a DHCP server yet";
	else if (asked->slaac && count_family(info, true) == count_asked(asked, true))
		missing = "no router advertisement yet";
	if (missing != NULL)
		snprintf(why, size, "%s: %s", asked->device, missing);
	return missing == NULL;
}

bool app_interfaces_ready(const struct app *app, char *why, size_t size)
{
	struct rws_interface_info info;

	for (unsigned i = 0; i < app->options.interface_count; i++) {
		int result = rws_interface_info(app->rws, i, &info);

		if (result < 0) {
			snprintf(why, size, "interface %u: %s", i, app_reason(result));
			return false;
		}
		if (!interface_ready(&app->options.interfaces[i], &info, why, size))
			return false;
	}
	return true;
}

bool app_interfaces_refused(const struct app *app, char *why, size_t size)
{
	struct rws_interface_info info;

	for (unsigned i = 0; i < app->options.interface_count; i++) {
		const struct options_interface *asked = &app->options.interfaces[i];
		const char *address;

		if (rws_interface_info(app->rws, i, &info) < 0 || !info.link_up)
			continue;
		address = missing_address(asked, &info);
		if (address == NULL)
			continue;
		snprintf(why, size,
			"%s: --addr %s is in use by another station on the link; choose another",
			asked->device, address);
		return true;
	}
	return false;
}

bool app_interfaces_left(struct app *app)
{
	struct rws_interface_info info;
	unsigned left = 0;

	for (unsigned i = 0; rws_interface_info(app->rws, i, &info) == 0; i++) {
		left += !info.gone;
		if (!info.gone || (app->gone & 1u << i) != 0)
			continue;
		app->gone |= 1u << i;
		app_error(app, "%s: the device was taken away; start anew when it is back",
			app->options.interfaces[i].device);
	}
	if (left == 0)
		app_error(app, "no device is left");
	return left > 0;
}

/* "10.0.0.2/24" -> "10.0.0.2:80", "fd00::2/64" -> "[fd00::2]:80". */
static void print_endpoint(const char *address, uint64_t port, bool first)
{
	const char *slash = strchr(address, '/');
	int length = slash != NULL ? (int)(slash - address) : (int)strlen(address);
	bool ipv6 = strchr(address, ':') != NULL;

	printf("%s%s%.*s%s:%llu", first ? "" : ", ", ipv6 ? "[" : "", length, address,
		ipv6 ? "]" : "", (unsigned long long)port);
}

static bool is_asked(const struct options_interface *interface, const char *address)
{
	for (unsigned i = 0; i < interface->address_count; i++) {
		if (same_address(interface->addresses[i], address))
			return true;
	}
	return false;
}

static void print_endpoints(const struct app *app)
{
	struct rws_interface_info info;
	bool first = true;

	for (unsigned i = 0; rws_interface_info(app->rws, i, &info) == 0; i++) {
		const struct options_interface *asked = &app->options.interfaces[i];

		for (unsigned j = 0; j < info.address_count; j++) {
			if (is_link_local(info.addresses[j]) && !is_asked(asked, info.addresses[j]))
				continue;
			print_endpoint(info.addresses[j], *app->program->port, first);
			first = false;
		}
	}
}

static void print_drivers(const struct app *app)
{
	struct rws_interface_info info;

	for (unsigned i = 0; rws_interface_info(app->rws, i, &info) == 0; i++)
		printf("%s%s", i == 0 ? "" : ", ", info.driver);
}

void app_print_ready(const struct app *app)
{
	unsigned cores = rws_core_count(app->rws);
	char doing[256];

	if (app->program->describe == NULL)
		return;
	app->program->describe(app, doing, sizeof(doing));
	printf("%s %s: %s on ", app->program->options.program, rws_version(), doing);
	print_endpoints(app);
	printf(" (");
	print_drivers(app);
	printf(", %u stack core%s, %s)\n", cores, cores == 1 ? "" : "s",
		app->options.placement == OPTIONS_INLINE ? "inline" : "channel");
	app_flush_output(app); /* scripts wait for this line */
}
