/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver/eal.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <rte_lcore.h>

#include "tests/unit/driver/lab.h"

#define SIGNALS 65 /* Linux has 64 */

static const char *const lab_devices[] = {LAB_DEVICE};

static struct eal_config good_config(void)
{
	return (struct eal_config){.devices = lab_devices,
		.device_count = 1,
		.memory_mb = 32,
		.main_cpu = sched_getcpu()};
}

/* Runs first: what is refused beforehand leaves the process fit to start. */
static void refused_starts_can_be_repeated(void **state)
{
	static const char *const twice[] = {"net_null0", "net_null0,copy=1"};
	static const char *const pci[] = {"0000:01:00.0"};
	static const char *const wrong[] = {"--no-huge"};
	struct eal_config config = good_config();
	struct fault fault = {""};

	(void)state;
	config.devices = wrong;
	assert_int_equal(eal_start(&config, &fault), -EINVAL);
	config.devices = pci;
	assert_int_equal(eal_start(&config, &fault), -EINVAL);
	assert_non_null(strstr(fault.text, "hugepages"));
	config.devices = twice;
	config.device_count = 2;
	assert_int_equal(eal_start(&config, &fault), -EINVAL);
	assert_non_null(strstr(fault.text, "twice"));
	config = good_config();
	config.main_cpu = 1000;
	assert_int_equal(eal_start(&config, &fault), -EINVAL);
	assert_non_null(strstr(fault.text, "CPU 1000"));
	config = good_config();
	config.memory_mb = 1u << 30;
	assert_int_equal(eal_start(&config, &fault), -ENOMEM);
	assert_non_null(strstr(fault.text, "memory limit too small"));
	eal_stop(); /* not started: nothing happens */
}

/* Nothing is asked of the machine: it need not have the devices. */
static void a_device_under_two_names_is_refused(void **state)
{
	static const struct {
		const char *devices[2], *says;
	} cases[] = {
		{{"net_tap0,iface=rws0", "net_tap1,iface=rws0"}, "net_tap0 and net_tap1"},
		{{"net_af_packet0,iface=nosuch9", "net_af_xdp0,iface=nosuch9"},
			"interface nosuch9"},
		{{"net_vhost0,iface=/run/nosuch9", "net_vhost1,iface=/run/nosuch9"},
			"socket /run/nosuch9"},
		{{"0000:7f:1f.7", "7f:1f.7,arg=1"}, "0000:7f:1f.7 is named twice"},
	};
	struct eal_config config = good_config();
	struct fault fault;

	(void)state;
	config.device_count = 2;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		config.devices = cases[i].devices;
		config.hugepages = true;
		assert_int_equal(eal_start(&config, &fault), -EINVAL);
		if (strstr(fault.text, cases[i].says) == NULL)
			fail_msg("'%s' is missing: %s", cases[i].says, fault.text);
	}
}

static void starting_leaves_the_process_as_it_was(void **state)
{
	struct eal_config config = good_config();
	struct fault fault = {""};
	cpu_set_t before, after;
	struct rlimit files, files_after;
	static struct sigaction signals[2][SIGNALS];

	(void)state;
	sched_getaffinity(0, sizeof(before), &before);
	getrlimit(RLIMIT_NOFILE, &files);
	for (int s = 1; s < SIGNALS; s++)
		sigaction(s, NULL, &signals[0][s]);
	FILE *out = stdout, *err = stderr;
	if (eal_start(&config, &fault) != 0)
		fail_msg("%s", fault.text);
	sched_getaffinity(0, sizeof(after), &after);
	getrlimit(RLIMIT_NOFILE, &files_after);
	assert_true(CPU_EQUAL(&before, &after));
	assert_int_equal(files.rlim_cur, files_after.rlim_cur);
	for (int s = 1; s < SIGNALS; s++) {
		sigaction(s, NULL, &signals[1][s]);
		assert_ptr_equal(signals[0][s].sa_handler, signals[1][s].sa_handler);
	}
	assert_ptr_equal(out, stdout);
	assert_ptr_equal(err, stderr);
}

static void a_second_start_is_refused(void **state)
{
	struct eal_config config = good_config();
	struct fault fault = {""};

	(void)state;
	assert_int_equal(eal_start(&config, &fault), -EALREADY);
	assert_non_null(strstr(fault.text, "already"));
}

static void *enter_and_leave(void *result)
{
	unsigned *id = result;

	id[0] = rte_lcore_id();
	if (eal_thread_enter() != 0)
		return NULL;
	id[1] = rte_lcore_id();
	eal_thread_enter(); /* a second time is no harm */
	eal_thread_leave();
	id[2] = rte_lcore_id();
	return result;
}

static void a_thread_has_an_lcore_while_it_is_entered(void **state)
{
	unsigned id[3] = {0};
	unsigned own = rte_lcore_id();
	pthread_t thread;
	void *result;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, enter_and_leave, id), 0);
	pthread_join(thread, &result);
	assert_non_null(result);
	assert_int_equal(id[0], LCORE_ID_ANY);
	assert_int_not_equal(id[1], LCORE_ID_ANY);
	assert_int_not_equal(id[1], own);
	assert_int_equal(id[2], LCORE_ID_ANY);
	/* The thread that started EAL keeps the lcore it has from it. */
	assert_int_equal(eal_thread_enter(), 0);
	eal_thread_leave();
	assert_int_equal(rte_lcore_id(), own);
}

static void a_stopped_eal_says_that_it_cannot_start_again(void **state)
{
	struct eal_config config = good_config();
	struct fault fault = {""};
	char folder[64];

	(void)state;
	eal_stop();
	eal_stop();
	assert_int_equal(eal_start(&config, &fault), -EALREADY);
	assert_non_null(strstr(fault.text, "only once"));
	snprintf(folder, sizeof(folder), "/var/run/dpdk/rws-%d", (int)getpid());
	assert_int_not_equal(access(folder, F_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused_starts_can_be_repeated),
		cmocka_unit_test(a_device_under_two_names_is_refused),
		cmocka_unit_test(starting_leaves_the_process_as_it_was),
		cmocka_unit_test(a_second_start_is_refused),
		cmocka_unit_test(a_thread_has_an_lcore_while_it_is_entered),
		cmocka_unit_test(a_stopped_eal_says_that_it_cannot_start_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
