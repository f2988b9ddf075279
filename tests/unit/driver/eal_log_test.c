/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver/eal_log.h"

#include <string.h>

#include <rte_log.h>

#include "tests/unit/driver/lab.h"

static void said(const char *line)
{
	rte_log(RTE_LOG_ERR, RTE_LOGTYPE_EAL, "EAL: %s\n", line);
}

static void cause_is_the_first_line_and_the_last(void **state)
{
	char text[200];

	(void)state;
	eal_log_clear();
	assert_string_equal(eal_log_cause(text, sizeof(text)), "");
	said("no such socket");
	assert_string_equal(eal_log_cause(text, sizeof(text)), "EAL: no such socket");
	said("in between");
	said("bus failed");
	assert_string_equal(
		eal_log_cause(text, sizeof(text)), "EAL: no such socket; EAL: bus failed");
}

static void hugepages_of_a_size_that_is_not_used_are_no_cause(void **state)
{
	char text[200];

	(void)state;
	eal_log_clear();
	said("No free 1048576 kB hugepages reported on node 0");
	said("No free 1048576 kB hugepages reported on node 1");
	assert_string_equal(eal_log_cause(text, sizeof(text)), "");
	said("failed to select IOMMU type");
	said("bus failed");
	assert_string_equal(eal_log_cause(text, sizeof(text)),
		"EAL: failed to select IOMMU type; EAL: bus failed");
}

static void signals_kept_from_net_tap_are_no_cause(void **state)
{
	char text[200];

	(void)state;
	eal_log_clear();
	said("tun_alloc(): All rt-signals are in use\n");
	said("qdisc kind is unknown");
	said("bus failed");
	assert_string_equal(
		eal_log_cause(text, sizeof(text)), "EAL: qdisc kind is unknown; EAL: bus failed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cause_is_the_first_line_and_the_last),
		cmocka_unit_test(hugepages_of_a_size_that_is_not_used_are_no_cause),
		cmocka_unit_test(signals_kept_from_net_tap_are_no_cause),
	};
	if (eal_log_capture() != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
