/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the machine and the process's limits leave for DPDK, looked at before EAL starts: EAL
 * answers some shortages with abort(), the kernel others with SIGBUS or SIGKILL.
 */
#ifndef RWS_EAL_LIMITS_H
#define RWS_EAL_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "stack/base/fault.h"

/* Bytes available by each account, UINT64_MAX where there is no limit or it cannot be read. */
struct eal_limits {
	uint64_t address_space; /* RLIMIT_AS less what is mapped */
	uint64_t file_size;     /* RLIMIT_FSIZE: memory without hugepages is a memory file */
	uint64_t cgroup;        /* the tightest memory.max of the control group */
	uint64_t machine;       /* MemAvailable */
	uint64_t huge_pages;    /* bytes of free hugepages of all sizes */
	uint64_t descriptors;   /* RLIMIT_NOFILE less those open */
	uint64_t stack;         /* RLIMIT_STACK: the main thread's, and what others get */
};

void eal_limits_read(struct eal_limits *limits);

/* Whether they allow memory_mb; 0, -ENOMEM or -EMFILE with cause and remedy. */
int eal_limits_check(
	const struct eal_limits *limits, unsigned memory_mb, bool hugepages, struct fault *fault);

#endif
