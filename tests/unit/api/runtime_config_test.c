/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses and gateways that cannot work are refused, and the message says what would. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/runtime.h"

struct setting {
	const char *address, *gateway; /* NULL: none */
	bool dhcp;
	int placement, idle;
	const char *word; /* that the message has; NULL: taken */
};

static int parse(const struct setting *setting, struct rws_error *error)
{
	struct rws_interface interface = {
		.device = "wire",
		.addresses = &setting->address,
		.address_count = setting->address != NULL,
		.gateways = &setting->gateway,
		.gateway_count = setting->gateway != NULL,
		.dhcp = setting->dhcp,
	};
	struct rws_config config;
	int cpus[RUNTIME_CORES_MAX];
	struct rws *rws = calloc(1, sizeof(*rws));

	assert_non_null(rws);
	rws_config_init(&config);
	config.interfaces = &interface;
	config.interface_count = 1;
	config.placement = (enum rws_placement)setting->placement;
	config.idle = (enum rws_idle)setting->idle;
	int code = runtime_parse(&config, rws, cpus, error);
	free(rws);
	return code;
}

static void assert_judged(const struct setting *setting)
{
	struct rws_error error = {0};
	int code = parse(setting, &error);

	if (code != (setting->word != NULL ? -EINVAL : 0))
		fail_msg("%s by %s: %d %s", setting->address, setting->gateway, code, error.text);
	if (setting->word != NULL && strstr(error.text, setting->word) == NULL)
		fail_msg("%s by %s: \"%s\" without \"%s\"", setting->address, setting->gateway,
			error.text, setting->word);
}

/* RFC 1122 3.2.1.3, RFC 3021 */
static void addresses_of_no_station_are_refused(void **state)
{
	static const struct setting settings[] = {
		{"10.9.0.2/24", .word = NULL},
		{"10.9.0.0/24", .word = "10.9.0.1 to 10.9.0.254"},
		{"10.9.0.255/24", .word = "10.9.0.1 to 10.9.0.254"},
		{"10.9.0.255/16", .word = NULL},
		{"10.9.1.0/16", .word = NULL},
		{"10.9.255.255/16", .word = "broadcast"},
		{"192.168.1.4/30", .word = "192.168.1.5 to 192.168.1.6"},
		{"192.168.1.7/30", .word = "192.168.1.5 to 192.168.1.6"},
		{"192.168.1.4/31", .word = NULL},
		{"192.168.1.5/31", .word = NULL},
		{"192.168.1.0/32", .word = NULL},
		{"192.168.1.255/32", .word = NULL},
		{"128.0.0.0/1", .word = "network"},
		{"127.0.0.1/8", .word = "unicast"},
		{"224.0.0.1/8", .word = "unicast"},
		{"255.255.255.255/32", .word = "unicast"},
	};

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		assert_judged(&settings[i]);
}

/* RFC 1122 3.3.1.1 */
static void gateways_that_are_no_neighbours_are_refused(void **state)
{
	static const struct setting settings[] = {
		{"10.9.0.2/24", "10.9.0.1", .word = NULL},
		{"10.9.0.2/24", "10.8.0.1", .word = "network of 10.9.0.2/24"},
		{"10.9.0.2/15", "10.8.0.1", .word = NULL},
		{"10.9.0.2/24", "10.9.0.2", .word = "own address"},
		{"10.9.0.2/24", "10.9.0.0", .word = "network of 10.9.0.2/24"},
		{"10.9.0.2/24", "10.9.0.255", .word = "network of 10.9.0.2/24"},
		{"10.9.0.2/31", "10.9.0.3", .word = NULL},
		{"10.9.0.2/31", "10.9.0.4", .word = "network of 10.9.0.2/31"},
		{"10.9.0.2/32", "10.9.0.1", .word = NULL},
		{"10.9.0.2/32", "10.9.0.2", .word = "own address"},
		{NULL, "10.9.0.1", .dhcp = true, .word = NULL},
		{"fd00::2/64", "10.9.0.1", .word = "without an IPv4 address"},
		{"fd00::2/64", "fd00::1", .word = NULL},
		{"fd00::2/64", "fe80::1", .word = NULL},
		{"10.9.0.2/24", "224.0.0.1", .word = "unicast"},
	};

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		assert_judged(&settings[i]);
}

/* Each on an interface of its own, or both on one. */
static void assert_two(const char *one, const char *other, bool together, const char *word)
{
	const char *addresses[] = {one, other};
	struct rws_interface interfaces[] = {
		{.device = "one", .addresses = addresses, .address_count = together ? 2 : 1},
		{.device = "other", .addresses = addresses + 1, .address_count = 1},
	};
	struct rws_config config;
	struct rws_error error = {0};
	int cpus[RUNTIME_CORES_MAX];
	struct rws *rws = calloc(1, sizeof(*rws));

	assert_non_null(rws);
	rws_config_init(&config);
	config.interfaces = interfaces;
	config.interface_count = together ? 1 : 2;
	assert_int_equal(runtime_parse(&config, rws, cpus, &error), word != NULL ? -EINVAL : 0);
	free(rws);
	if (word != NULL)
		assert_non_null(strstr(error.text, word));
}

static void address_of_two_interfaces_is_refused(void **state)
{
	assert_two("10.9.0.2/24", "10.9.0.3/24", false, NULL);
	assert_two("10.9.0.2/24", "10.9.0.2/24", false, "10.9.0.2 is given twice");
	assert_two("10.9.0.2/24", "10.9.0.2/16", false, "10.9.0.2 is given twice");
	assert_two("fd00::2/64", "FD00:0::2/64", false, "given twice");
	assert_two("fd00::2/64", "fd00::2/80", true, "given twice");
	assert_two("fd00::2/64", "fd00::3/64", true, NULL);
	assert_two("fe80::2/64", "fe80::2/64", false, NULL);
}

static void values_of_no_enumeration_are_refused(void **state)
{
	static const struct setting settings[] = {
		{"10.9.0.2/24", .placement = RWS_CHANNEL, .idle = RWS_IDLE_SLEEP, .word = NULL},
		{"10.9.0.2/24", .placement = RWS_CHANNEL + 1, .word = "placement 2"},
		{"10.9.0.2/24", .placement = -1, .word = "placement"},
		{"10.9.0.2/24", .idle = RWS_IDLE_SLEEP + 1, .word = "idle 3"},
		{"10.9.0.2/24", .idle = -1, .word = "idle"},
	};

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		assert_judged(&settings[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_of_no_station_are_refused),
		cmocka_unit_test(gateways_that_are_no_neighbours_are_refused),
		cmocka_unit_test(address_of_two_interfaces_is_refused),
		cmocka_unit_test(values_of_no_enumeration_are_refused),
	};

	return cmocka_run_group_tests_name("runtime_config", tests, NULL, NULL);
}
