/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver/eal.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_version.h>

#include "driver/device_check.h"
#include "driver/eal_limits.h"
#include "driver/eal_log.h"
#include "driver/rt_signals.h"

#define DEVICES_MAX     16u
#define ARGUMENTS_MAX   (16 + 2 * DEVICES_MAX)
#define ARGUMENT_LENGTH 512
#define MEMORY_BASE_MB  128u
#define MEMORY_CORE_MB  64u
#define MEMORY_CORES    8u /* beyond that many cores the default grows no further */

/* DPDK cannot be started a second time in a process, neither after a stop nor after a failure. */
static enum { EAL_NEW, EAL_RUNNING, EAL_SPENT } eal_state;

/* Whether eal_thread_enter gave this thread its lcore id; the main thread has one from EAL. */
static _Thread_local bool thread_registered;

/* What EAL changes of the calling process, to be put back. */
struct surroundings {
	cpu_set_t affinity;
	struct rlimit files;
};

struct arguments {
	char text[ARGUMENTS_MAX][ARGUMENT_LENGTH];
	char *list[ARGUMENTS_MAX + 1];
	int count;
};

static void add_argument(struct arguments *args, const char *option, const char *value)
{
	char *text = args->text[args->count];

	snprintf(text, ARGUMENT_LENGTH, "%s%s", option, value);
	args->list[args->count++] = text;
	args->list[args->count] = NULL;
}

/* ---- checks before EAL ---- */

static int check_version(struct fault *fault)
{
	/* "DPDK 22.11.11" */
	const char *number = rte_version() + strcspn(rte_version(), "0123456789");
	char *dot;
	unsigned long year = strtoul(number, &dot, 10);
	unsigned long month = *dot == '.' ? strtoul(dot + 1, NULL, 10) : 0;

	if (year > 22 || (year == 22 && month >= 11))
		return 0;
	return fault_set(fault, -ENOTSUP, "%s is too old: 22.11 or newer is needed", rte_version());
}

static int check_state(struct fault *fault)
{
	if (eal_state == EAL_RUNNING)
		return fault_set(fault, -EALREADY, "DPDK is started already in this process");
	if (eal_state == EAL_SPENT)
		return fault_set(fault, -EALREADY,
			"DPDK can be started only once in a process, also when that failed: start the "
			"program anew");
	return 0;
}

static int check_cpu(int cpu, struct fault *fault)
{
	cpu_set_t allowed;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
		return 0;
	if (cpu >= 0 && cpu < CPU_SETSIZE && CPU_ISSET(cpu, &allowed))
		return 0;
	return fault_set(fault, -EINVAL, "this process may not run on CPU %d ('taskset -cp %d')",
		cpu, (int)getpid());
}

static bool is_same(const char *one, const char *other)
{
	return one[0] != '\0' && strcmp(one, other) == 0;
}

/* DPDK does not mind: frames would go now to the one, now to the other. */
static int check_distinct(
	const struct device_name *one, const struct device_name *other, struct fault *fault)
{
	if (is_same(one->name, other->name))
		return fault_set(fault, -EINVAL, "%s is named twice", one->name);
	if (is_same(one->iface, other->iface))
		return fault_set(fault, -EINVAL,
			"%s and %s both name the interface %s: give each its own", one->name,
			other->name, one->iface);
	if (is_same(one->socket, other->socket))
		return fault_set(fault, -EINVAL,
			"%s and %s both name the socket %s: give each its own", one->name,
			other->name, one->socket);
	return 0;
}

static int parse_devices(
	const struct eal_config *config, struct device_name *devices, struct fault *fault)
{
	if (config->device_count > DEVICES_MAX)
		return fault_set(fault, -EINVAL, "%u devices named, at most %u",
			config->device_count, DEVICES_MAX);
	for (unsigned i = 0; i < config->device_count; i++) {
		int err = device_parse(config->devices[i], &devices[i], fault);
		for (unsigned k = 0; err == 0 && k < i; k++)
			err = check_distinct(&devices[k], &devices[i], fault);
		if (err != 0)
			return err;
	}
	return 0;
}

static int check_devices(
	const struct eal_config *config, const struct device_name *devices, struct fault *fault)
{
	for (unsigned i = 0; i < config->device_count; i++) {
		if (devices[i].pci && !config->hugepages)
			return fault_set(fault, -EINVAL,
				"%s: a PCI device needs hugepages ('dpdk-hugepages.py --setup 1G')",
				devices[i].name);
		int err = device_check(&devices[i], fault);
		if (err != 0)
			return err;
	}
	return 0;
}

static unsigned memory_wanted(const struct eal_config *config)
{
	if (config->memory_mb != 0)
		return config->memory_mb;

	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned counted = cores < 1 ? 1 : (unsigned)cores;
	return MEMORY_BASE_MB + MEMORY_CORE_MB * RTE_MIN(counted, MEMORY_CORES);
}

/* ---- EAL's options ---- */

static void build_arguments(const struct eal_config *config, const struct device_name *devices,
	unsigned memory_mb, struct arguments *args)
{
	char number[32];
	bool any_pci = false;

	add_argument(args, "rws", "");
	snprintf(number, sizeof(number), "0@%d", config->main_cpu);
	add_argument(args, "--lcores=", number);
	snprintf(number, sizeof(number), "%u", memory_mb);
	add_argument(args, "-m", number);
	/*
	 * No file is shared with other processes, so that several may run side by side. EAL does
	 * not take --in-memory together with --no-huge, which makes no files anyway.
	 */
	add_argument(args, config->hugepages ? "--in-memory" : "--no-shconf", "");
	snprintf(number, sizeof(number), "rws-%d", (int)getpid());
	add_argument(args, "--file-prefix=", number);
	add_argument(args, "--no-telemetry", "");
	add_argument(args, "--iova-mode=", "va");
	add_argument(args, "--log-level=", "*:warning");
	if (!config->hugepages)
		add_argument(args, "--no-huge", "");
	for (unsigned i = 0; i < config->device_count; i++) {
		any_pci |= devices[i].pci;
		add_argument(args, devices[i].pci ? "--allow=" : "--vdev=", config->devices[i]);
	}
	if (!any_pci)
		add_argument(args, "--no-pci", "");
}

/* ---- start and stop ---- */

static void surroundings_save(struct surroundings *s)
{
	pthread_getaffinity_np(pthread_self(), sizeof(s->affinity), &s->affinity);
	getrlimit(RLIMIT_NOFILE, &s->files);
}

static void surroundings_restore(const struct surroundings *s)
{
	pthread_setaffinity_np(pthread_self(), sizeof(s->affinity), &s->affinity);
	setrlimit(RLIMIT_NOFILE, &s->files);
}

/* EAL makes its folder also where it puts nothing into it. */
static void remove_runtime_folder(void)
{
	char folder[512];

	snprintf(folder, sizeof(folder), "%s", rte_eal_get_runtime_dir());
	char *slash = strrchr(folder, '/');
	if (slash == NULL || rmdir(folder) != 0)
		return;
	*slash = '\0';
	rmdir(folder);
}

static int run_eal(struct arguments *args, struct fault *fault)
{
	struct surroundings before;
	struct rt_signals signals;
	char cause[300];

	int err = eal_log_capture();
	if (err != 0)
		return fault_set(fault, err, "no memory for DPDK's log");
	surroundings_save(&before);
	rt_signals_hide(&signals);
	eal_log_clear();
	eal_log_take_output();
	eal_state = EAL_SPENT;
	int parsed = rte_eal_init(args->count, args->list);
	int errnum = rte_errno;
	eal_log_give_output();
	rt_signals_show(&signals);
	surroundings_restore(&before);
	remove_runtime_folder();
	if (parsed >= 0)
		return 0;
	return fault_set(fault, errnum > 0 ? -errnum : -EIO, "DPDK did not start: %s",
		eal_log_cause(cause, sizeof(cause)));
}

/* EAL starts also when a virtual device failed: it only says so in its log. */
static int check_probed(
	const struct eal_config *config, const struct device_name *devices, struct fault *fault)
{
	char cause[300];
	uint16_t id;

	for (unsigned i = 0; i < config->device_count; i++)
		if (rte_eth_dev_get_port_by_name(devices[i].name, &id) != 0)
			return fault_set(fault, -ENODEV, "%s: DPDK could not open the device: %s",
				config->devices[i], eal_log_cause(cause, sizeof(cause)));
	return 0;
}

int eal_start(const struct eal_config *config, struct fault *fault)
{
	struct device_name devices[DEVICES_MAX] = {0};
	struct arguments args = {.count = 0};
	struct eal_limits limits;
	unsigned memory_mb = memory_wanted(config);
	int err;

	if ((err = check_version(fault)) != 0 || (err = check_state(fault)) != 0 ||
		(err = check_cpu(config->main_cpu, fault)) != 0 ||
		(err = parse_devices(config, devices, fault)) != 0 ||
		(err = check_devices(config, devices, fault)) != 0)
		return err;
	eal_limits_read(&limits);
	err = eal_limits_check(&limits, memory_mb, config->hugepages, fault);
	if (err != 0)
		return err;

	build_arguments(config, devices, memory_mb, &args);
	err = run_eal(&args, fault);
	if (err != 0)
		return err;
	eal_state = EAL_RUNNING;
	err = check_probed(config, devices, fault);
	if (err != 0)
		eal_stop();
	return err;
}

void eal_stop(void)
{
	if (eal_state != EAL_RUNNING)
		return;

	eal_state = EAL_SPENT;
	rte_eal_cleanup();
	remove_runtime_folder();
}

/* ---- threads ---- */

int eal_thread_enter(void)
{
	if (rte_lcore_id() != LCORE_ID_ANY)
		return 0;
	if (rte_thread_register() != 0)
		return rte_errno > 0 ? -rte_errno : -ENOMEM;
	thread_registered = true;
	return 0;
}

void eal_thread_leave(void)
{
	if (!thread_registered)
		return;
	rte_thread_unregister();
	thread_registered = false;
}
