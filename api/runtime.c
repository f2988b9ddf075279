/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/runtime.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "api/donation.h"
#include "driver/eal.h"
#include "driver/pktbuf.h"
#include "driver/port.h"

/*
 * Receive buffers of a core. Where the caller bounds the memory they get half of it; the rest is
 * for transmit buffers and rings.
 */
#define RX_BUFFERS_DEFAULT   16384u
#define RX_BUFFER_BYTES      2560u /* with all headers, rounded up */
#define MEMORY_MIN_MB(cores) (64u + 80u * (cores))

/* One runtime on devices at a time: DPDK's environment is the process's. */
static _Atomic bool runtime_exists;

const char *rws_version(void)
{
	return RWS_VERSION;
}

void rws_config_init(struct rws_config *config)
{
	*config = (struct rws_config){.size = sizeof(*config)};
}

unsigned rws_core_count(const struct rws *rws)
{
	return rws->core_count;
}

/* ---- Devices ---------------------------------------------------------------------------- */

static int start_eal(
	const struct rws_config *config, struct rws *rws, const int cpus[], struct fault *fault)
{
	const char *devices[RUNTIME_INTERFACES_MAX];
	struct eal_config eal = {
		.devices = devices,
		.device_count = config->interface_count,
		.memory_mb = config->memory_mb,
		.hugepages = config->hugepages,
		.main_cpu = cpus[0],
	};

	for (unsigned i = 0; i < config->interface_count; i++)
		devices[i] = config->interfaces[i].device;
	int error = eal_start(&eal, fault);
	rws->owns_eal = error == 0;
	return error;
}

static unsigned rx_buffers(const struct rws *rws)
{
	uint64_t half = ((uint64_t)rws->memory_mb << 20) / 2;
	uint64_t count = half / rws->core_count / RX_BUFFER_BYTES;

	return rws->memory_mb == 0 || count > RX_BUFFERS_DEFAULT ? RX_BUFFERS_DEFAULT
								 : (unsigned)count;
}

static int make_pools(struct rws *rws, struct fault *fault)
{
	for (unsigned c = 0; c < rws->core_count; c++) {
		char name[20];
		static _Atomic unsigned serial;
		snprintf(name, sizeof(name), "rx_%u", atomic_fetch_add(&serial, 1));
		struct pktpool_config config = {
			.name = name, .count = rx_buffers(rws), .numa_node = -1};
		int error = pktpool_create(&config, &rws->pools[c], fault);
		if (error != 0)
			return error;
	}
	return 0;
}

static int open_ports(const struct rws_config *config, struct rws *rws, struct fault *fault)
{
	rws->owns_ports = true;
	for (unsigned i = 0; i < rws->interface_count; i++) {
		struct port_config port = {
			.device = config->interfaces[i].device,
			.queues = rws->core_count,
			.mtu = config->interfaces[i].mtu,
			.pools = rws->pools,
		};
		int error = port_open(&port, &rws->interfaces[i].port, fault);
		if (error != 0)
			return error;
	}
	return 0;
}

static int make_steering(struct rws *rws, struct fault *fault)
{
	rws->steer = calloc(1, sizeof(*rws->steer));
	if (rws->steer == NULL)
		return fault_set(fault, -ENOMEM, "no memory");
	rws->steer->cores = rws->core_count;
	rws->steer->every_core_has_queue = true;
	for (unsigned i = 0; i < rws->interface_count; i++) {
		struct port_info info;
		port_get_info(rws->interfaces[i].port, &info);
		if (info.queues < rws->core_count)
			rws->steer->every_core_has_queue = false;
	}
	return 0;
}

/* ---- Cores ------------------------------------------------------------------------------ */

static int make_cores(struct rws *rws, const int cpus[], struct fault *fault)
{
	for (unsigned c = 0; c < rws->core_count; c++) {
		int error = core_create(rws, c, cpus[c], &rws->cores[c], fault);
		if (error != 0)
			return error;
	}
	if (rws->placement == RWS_INLINE)
		return 0;
	for (unsigned c = 0; c < rws->core_count; c++) {
		/* Virtual time has one thread: the test's, which runs these cores as well. */
		int error = rws->wait != NULL ? core_claim(rws->cores[c], fault)
					      : core_start(rws->cores[c], fault);
		if (error != 0)
			return error;
	}
	return 0;
}

/* kept: adds how many buffers of each core's pool their drivers may keep. */
static void close_ports(struct rws *rws, unsigned kept[])
{
	struct port_info info;

	for (unsigned i = 0; i < rws->interface_count && rws->owns_ports; i++) {
		if (rws->interfaces[i].port == NULL)
			continue;
		port_get_info(rws->interfaces[i].port, &info);
		for (unsigned q = 0; q < info.queues; q++)
			kept[q] += info.kept;
		port_close(rws->interfaces[i].port);
	}
}

static void free_pool(struct rws *rws, struct pktpool *pool, unsigned kept)
{
	unsigned missing = pktpool_free(pool);

	if (missing > kept)
		rws->missing += missing - kept;
}

static void free_all(struct rws *rws)
{
	unsigned kept[RUNTIME_CORES_MAX] = {0};

	for (unsigned c = 0; c < rws->core_count; c++)
		core_stop(rws->cores[c]);
	for (unsigned c = 0; c < rws->core_count; c++)
		core_free(rws->cores[c]);
	close_ports(rws, kept);
	donations_finish(rws);
	for (unsigned c = 0; c < rws->core_count; c++)
		free_pool(rws, rws->pools[c], kept[c]);
	for (unsigned id = 0; id < RUNTIME_SELECTORS_MAX; id++)
		free_pool(rws, rws->tx_pools[id], 0);
	free(rws->steer);
	if (rws->owns_eal)
		eal_stop();
}

/* ---- Create and destroy ----------------------------------------------------------------- */

static int bring_up(const struct rws_config *config, const struct runtime_test *test,
	struct rws *rws, const int cpus[], struct fault *fault)
{
	int error = 0;

	if (rws->memory_mb != 0 && rws->memory_mb < MEMORY_MIN_MB(rws->core_count))
		return fault_set(fault, -ENOMEM,
			"memory limit too small: %u MB given, %u stack cores need at least %u",
			rws->memory_mb, rws->core_count, MEMORY_MIN_MB(rws->core_count));
	if (getrandom(rws->secret, sizeof(rws->secret), 0) != sizeof(rws->secret))
		return fault_set(fault, -errno, "the kernel gives no random numbers");
	if (test != NULL) {
		rws->clock = test->clock;
		rws->wait = test->wait;
		rws->clock_user = test->user;
		for (unsigned i = 0; i < rws->interface_count; i++)
			rws->interfaces[i].port = test->ports[i];
	} else {
		error = start_eal(config, rws, cpus, fault);
	}
	if (error == 0)
		error = make_pools(rws, fault);
	if (error == 0 && test == NULL)
		error = open_ports(config, rws, fault);
	if (error == 0)
		error = make_steering(rws, fault);
	if (error == 0)
		error = make_cores(rws, cpus, fault);
	return error;
}

int runtime_create(const struct rws_config *config, const struct runtime_test *test,
	struct rws **out, struct rws_error *error)
{
	struct rws *rws = calloc(1, sizeof(*rws));
	struct fault fault = {.text = ""};
	int cpus[RUNTIME_CORES_MAX];

	if (rws == NULL)
		return runtime_fail(error, -ENOMEM, "no memory");
	int code = runtime_parse(config, rws, cpus, error);
	if (code != 0) {
		free(rws);
		return code;
	}
	code = bring_up(config, test, rws, cpus, &fault);
	if (code != 0) {
		free_all(rws);
		free(rws);
		return runtime_fail(error, code, "%s", fault.text);
	}
	*out = rws;
	return 0;
}

int rws_create(const struct rws_config *config, struct rws **out, struct rws_error *error)
{
	bool exists = false;

	if (config == NULL || out == NULL)
		return runtime_fail(
			error, -EINVAL, "rws_create needs a configuration and a result");
	if (!atomic_compare_exchange_strong(&runtime_exists, &exists, true))
		return runtime_fail(
			error, -EALREADY, "this process has a runtime already; use that one");
	int code = runtime_create(config, NULL, out, error);
	if (code != 0)
		atomic_store(&runtime_exists, false);
	return code;
}

int rws_destroy(struct rws *rws)
{
	if (atomic_load(&rws->selector_count) > 0)
		return -EBUSY;
	bool on_devices = rws->owns_eal;
	free_all(rws);
	int missing = (int)rws->missing;
	free(rws);
	if (on_devices)
		atomic_store(&runtime_exists, false);
	return missing;
}
