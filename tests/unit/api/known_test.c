/* SPDX-License-Identifier: BSD-3-Clause */
/* What core 0 learns of the network, and when the other stack cores know it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/core_internal.h"
#include "api/runtime.h"
#include "stack/stack_internal.h"
#include "tests/unit/api/rig.h"

#define PORT   7000
#define SECOND ((int64_t)1000000000)

/* DHCP's part: an address comes to the interface of core 0, and to no other's. */
static void lease(struct rig *rig, const char *address)
{
	ip_addr_t ip;

	assert_true(ipaddr_aton(address, &ip));
	rig->rws[1]->interfaces[0].dhcp = true;
	assert_int_equal(nif_add_address(rig->rws[1]->cores[0]->ports[0].nif, &ip, 24), 0);
}

static bool tells(struct rig *rig, const char *address)
{
	struct rws_interface_info info;

	assert_int_equal(rws_interface_info(rig->rws[1], 0, &info), 0);
	for (unsigned i = 0; i < info.address_count; i++)
		if (strcmp(info.addresses[i], address) == 0)
			return true;
	return false;
}

static void what_a_program_was_told_holds_on_every_core(void **state)
{
	struct rig *rig = *state;
	struct rws_address remote = {.family = RWS_IPV4, .ip = {10, 0, 9, 1}, .port = PORT};
	rws_socket_t early, client;

	lease(rig, "10.0.9.2");
	assert_false(tells(rig, "10.0.9.2/24"));
	rws_selector_run_once(rig->second); /* has just done what it does once in a millisecond */
	assert_int_equal(rws_tcp_connect(rig->second, &remote, NULL, &early), 0);
	assert_int_equal(rws_await(early, RWS_EV_CONNECTED, rig_after(rig, 0)), -ENETUNREACH);
	rws_dispose(early);

	rig->now += CORE_PUBLISH_NS;
	rws_selector_run_once(rig->sel[1]);
	assert_true(tells(rig, "10.0.9.2/24"));
	assert_int_equal(rws_tcp_connect(rig->second, &remote, NULL, &client), 0);
	rws_selector_run_once(rig->second);
	assert_int_equal(rws_await(client, RWS_EV_CONNECTED, RWS_NOW), -ETIMEDOUT);
	rws_dispose(client);
	rig_run(rig, SECOND);
}

/* RFC 2131 4.4.5: at the end of the lease, or when it is refused (NAK), core 0 stops to use it. */
static void a_lease_that_ends_ends_on_every_core(void **state)
{
	struct rig *rig = *state;
	struct rws_address remote = {.family = RWS_IPV4, .ip = {10, 0, 9, 1}, .port = PORT};
	ip_addr_t leased = IPADDR4_INIT_BYTES(10, 0, 9, 2);
	struct core *const *cores = rig->rws[1]->cores;
	rws_socket_t client;

	lease(rig, "10.0.9.2");
	rig_run(rig, SECOND);
	for (unsigned i = 0; i < 2; i++) {
		stack_enter(cores[i]->stack);
		assert_true(stack_has_address(cores[i]->stack, &leased));
	}

	nif_remove_ip4(cores[0]->ports[0].nif);
	rig_run(rig, SECOND);
	assert_false(tells(rig, "10.0.9.2/24"));
	for (unsigned i = 0; i < 2; i++) {
		ip_addr_t gateway;
		stack_enter(cores[i]->stack);
		assert_false(stack_has_address(cores[i]->stack, &leased));
		nif_gateway(cores[i]->ports[0].nif, &gateway);
		assert_true(ip_addr_isany(&gateway));
	}
	assert_int_equal(rws_tcp_connect(rig->second, &remote, NULL, &client), 0);
	assert_int_equal(rws_await(client, RWS_EV_CONNECTED, rig_after(rig, 0)), -ENETUNREACH);
	rws_dispose(client);

	lease(rig, "10.0.9.2"); /* and a new one is taken over again */
	rig_run(rig, SECOND);
	stack_enter(cores[1]->stack);
	assert_true(stack_has_address(cores[1]->stack, &leased));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		INLINE_CASE(
			a_lease_that_ends_ends_on_every_core, rig_setup_two_cores, rig_teardown),
		INLINE_CASE(what_a_program_was_told_holds_on_every_core, rig_setup_two_cores,
			rig_teardown),
	};

	return cmocka_run_group_tests_name("known", tests, rig_group_setup, rig_group_teardown);
}
