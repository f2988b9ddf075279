/* SPDX-License-Identifier: BSD-3-Clause */
/* A runtime on a device, through the public API. DPDK starts once in a process: one case. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

#include <rte_lcore.h>

#include "tests/unit/api/placement.h"

/* CPUs that the program may use, before it is confined to one. */
static cpu_set_t allowed;

/* As in a container that has not got CPU 0, where the machine has more than that one. */
static int confine_to_last_cpu(void)
{
	cpu_set_t last;
	int cpu = CPU_SETSIZE - 1;

	assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	while (!CPU_ISSET((size_t)cpu, &allowed))
		cpu--;
	CPU_ZERO(&last);
	CPU_SET((size_t)cpu, &last);
	assert_int_equal(sched_setaffinity(0, sizeof(last), &last), 0);
	return cpu;
}

static sem_t answered, done;
static bool has_place;

/* Takes one of the places that DPDK has for threads. */
static void *take_place(void *unused)
{
	bool has_one = rte_thread_register() == 0;

	has_place = has_one;
	sem_post(&answered);
	while (has_one && sem_wait(&done) != 0)
		continue;
	return NULL;
}

static void *find_no_place(void *rws)
{
	cpu_set_t before, after;
	struct rws_selector *sel;

	sched_setaffinity(0, sizeof(allowed), &allowed);
	sched_getaffinity(0, sizeof(before), &before);
	int result = rws_selector_create(rws, 0, &sel);
	sched_getaffinity(0, sizeof(after), &after);
	return result == -ENOMEM && CPU_EQUAL(&before, &after) ? rws : NULL;
}

/* The thread that was to be a stack core and is not runs where it ran before. */
static void check_thread_without_place(struct rws *rws)
{
	pthread_t thread[RTE_MAX_LCORE + 1];
	unsigned n = 0;
	void *well;

	sem_init(&answered, 0, 0);
	sem_init(&done, 0, 0);
	do {
		assert_int_equal(pthread_create(&thread[n++], NULL, take_place, NULL), 0);
		sem_wait(&answered);
	} while (has_place);
	assert_int_equal(pthread_join(thread[--n], NULL), 0);
	pthread_t last;
	assert_int_equal(pthread_create(&last, NULL, find_no_place, rws), 0);
	assert_int_equal(pthread_join(last, &well), 0);
	for (unsigned i = 0; i < n; i++)
		sem_post(&done);
	while (n > 0)
		assert_int_equal(pthread_join(thread[--n], NULL), 0);
	assert_non_null(well);
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
	check_thread_without_place(rws);
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
