/* SPDX-License-Identifier: BSD-3-Clause */
/* A runtime on a device, through the public API. DPDK starts once in a process: one case. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/api/placement.h"

/* As in a container that has not got CPU 0, where the machine has more than that one. */
static int confine_to_last_cpu(void)
{
	cpu_set_t allowed, last;
	int cpu = CPU_SETSIZE - 1;

	assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	while (!CPU_ISSET((size_t)cpu, &allowed))
		cpu--;
	CPU_ZERO(&last);
	CPU_SET((size_t)cpu, &last);
	assert_int_equal(sched_setaffinity(0, sizeof(last), &last), 0);
	return cpu;
}

static void runs_where_cpu_0_is_not_allowed_and_once_in_a_process(void **state)
{
	const char *const address = "10.0.0.2/24";
	struct rws_interface nic = {
		.device = "net_ring0", .addresses = &address, .address_count = 1};
	struct rws_config config;
	struct rws_error error = {.text = ""};
	struct rws_selector *sel;
	struct rws *rws, *second;
	char cpu[16];

	rws_config_init(&config);
	config.interfaces = &nic;
	config.interface_count = 1;
	snprintf(cpu, sizeof(cpu), "%d", confine_to_last_cpu());
	config.cores = cpu;
	if (rws_create(&config, &rws, &error) != 0)
		fail_msg("%s", error.text);
	assert_int_equal(rws_create(&config, &second, &error), -EALREADY);
	assert_int_equal(rws_selector_create(rws, 0, &sel), 0);
	assert_int_equal(rws_selector_run_once(sel), 0);
	assert_int_equal(rws_destroy(rws), -EBUSY);
	assert_int_equal(rws_selector_close(sel), 0);
	assert_int_equal(rws_destroy(rws), 0);
	assert_int_equal(rws_create(&config, &second, &error), -EALREADY);
	assert_non_null(strstr(error.text, "once"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_where_cpu_0_is_not_allowed_and_once_in_a_process),
	};

	return cmocka_run_group_tests_name("runtime", tests, NULL, NULL);
}
