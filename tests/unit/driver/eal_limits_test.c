/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver/eal_limits.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/driver/lab.h"

#define MB ((uint64_t)1 << 20)

static const struct eal_limits plenty = {
	UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, 0, 1000, 8 * MB};

static void plenty_is_enough(void **state)
{
	(void)state;
	assert_int_equal(eal_limits_check(&plenty, 256, false, NULL), 0);
}

static void each_limit_is_named_with_its_remedy(void **state)
{
	struct {
		struct eal_limits limits;
		bool hugepages;
		int err;
		const char *says[2];
	} cases[] = {
		{plenty, false, -ENOMEM, {"address space", "ulimit -v"}},
		{plenty, false, -ENOMEM, {"file size", "ulimit -f"}},
		{plenty, false, -ENOMEM, {"control group", "memory.max"}},
		{plenty, false, -ENOMEM, {"machine", "free some"}},
		{plenty, true, -ENOMEM, {"hugepages", "dpdk-hugepages.py"}},
		{plenty, false, -EMFILE, {"files", "ulimit -n"}},
		{plenty, false, -ENOMEM, {"stacks", "ulimit -s"}},
	};

	(void)state;
	cases[0].limits.address_space = 300 * MB;
	cases[1].limits.file_size = 255 * MB;
	cases[2].limits.cgroup = 256 * MB;
	cases[3].limits.machine = 256 * MB;
	cases[4].limits.huge_pages = 255 * MB;
	cases[5].limits.descriptors = 63;
	cases[6].limits.stack = MB / 4 - 1;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fault fault = {""};
		assert_int_equal(
			eal_limits_check(&cases[i].limits, 256, cases[i].hugepages, &fault),
			cases[i].err);
		for (unsigned k = 0; k < 2; k++)
			if (strstr(fault.text, cases[i].says[k]) == NULL)
				fail_msg("'%s' is missing: %s", cases[i].says[k], fault.text);
	}
}

static void this_process_is_read(void **state)
{
	struct eal_limits limits;

	(void)state;
	eal_limits_read(&limits);
	assert_true(limits.machine > MB && limits.machine < UINT64_MAX);
	assert_true(limits.descriptors > 0);
	assert_true(limits.stack > MB / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plenty_is_enough),
		cmocka_unit_test(each_limit_is_named_with_its_remedy),
		cmocka_unit_test(this_process_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
