/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DPDK's environment (EAL), started once per process. Called from api/runtime.c.
 *
 * Nothing is probed that was not named: with only virtual devices EAL gets --no-pci; with PCI
 * addresses an allow list of exactly those, so that a misread option never takes the machine's
 * own NIC.
 */
#ifndef RWS_EAL_H
#define RWS_EAL_H

#include <stdbool.h>

#include "stack/base/fault.h"

struct eal_config {
	const char *const *devices; /* DPDK devargs or PCI addresses, as in struct port_config */
	unsigned device_count;
	unsigned memory_mb; /* for packet buffers and rings; 0 for a default from the core count */
	bool hugepages;     /* false: ordinary memory, for virtual devices only */
	int main_cpu;       /* CPU that EAL may pin its main thread to while it starts */
};

/*
 * Starts EAL. The calling thread's CPU affinity is as before afterwards. 0, or a negative errno
 * with the cause and the remedy in fault: unknown devargs, missing privileges, no memory, DPDK
 * too old, already started.
 */
int eal_start(const struct eal_config *config, struct fault *fault);

/* Stops EAL and removes what it left in the file system. Idempotent. */
void eal_stop(void);

/* Gives the calling thread a DPDK lcore id, hence mempool caches; 0 or negative errno. */
int eal_thread_enter(void);
void eal_thread_leave(void);

#endif
