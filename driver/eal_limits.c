/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver/eal_limits.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Measured with DPDK 22.11: all of its drivers loaded, three control threads with their stacks. */
#define EAL_ADDRESS_SPACE ((uint64_t)192 << 20)
/* EAL reserves addresses for all memory that might ever be plugged in, when it has hugepages. */
#define EAL_ADDRESS_SPACE_HUGE ((uint64_t)512 << 30)
/* What EAL touches besides the memory asked for. */
#define EAL_RESIDENT ((uint64_t)48 << 20)
/* Interrupt, alarm, memory and device descriptors of EAL and a few ports. */
#define EAL_DESCRIPTORS 64u
/* DPDK 22.11 starts with 96 KB and not with 64; what comes then is to have room as well. */
#define EAL_STACK ((uint64_t)256 << 10)

static bool read_text(const char *path, char *text, size_t size)
{
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return false;

	size_t n = fread(text, 1, size - 1, f);
	fclose(f);
	text[n] = '\0';
	return n > 0;
}

static uint64_t read_number(const char *path)
{
	char text[64];

	if (!read_text(path, text, sizeof(text)) || !isdigit((unsigned char)text[0]))
		return UINT64_MAX; /* "max": no limit */
	return strtoull(text, NULL, 10);
}

static uint64_t less(uint64_t limit, uint64_t used)
{
	if (limit == UINT64_MAX)
		return UINT64_MAX;
	return limit > used ? limit - used : 0;
}

static uint64_t soft_limit(int resource)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return limit.rlim_cur;
}

static uint64_t address_space_left(void)
{
	uint64_t pages = read_number("/proc/self/statm");
	uint64_t mapped = pages == UINT64_MAX ? 0 : pages * (uint64_t)sysconf(_SC_PAGESIZE);

	return less(soft_limit(RLIMIT_AS), mapped);
}

static uint64_t group_left(const char *folder, const char *limit, const char *usage)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", folder, limit);
	uint64_t most = read_number(path);
	snprintf(path, sizeof(path), "%s/%s", folder, usage);
	uint64_t used = read_number(path);
	return used == UINT64_MAX ? UINT64_MAX : less(most, used);
}

/* The limit of every ancestor counts. Where the hierarchy is not mounted nothing is found. */
static uint64_t walk_groups(char *folder, size_t root, const char *limit, const char *usage)
{
	uint64_t left = UINT64_MAX;

	for (;;) {
		uint64_t here = group_left(folder, limit, usage);
		left = here < left ? here : left;
		char *slash = strrchr(folder + root, '/');
		if (slash == NULL)
			return left;
		*slash = '\0';
	}
}

static uint64_t cgroup_left(void)
{
	char groups[2048], folder[400], *rest;
	uint64_t left = UINT64_MAX;

	if (!read_text("/proc/self/cgroup", groups, sizeof(groups)))
		return UINT64_MAX;
	for (char *line = strtok_r(groups, "\n", &rest); line != NULL;
		line = strtok_r(NULL, "\n", &rest)) {
		bool unified = strncmp(line, "0::", 3) == 0;
		const char *path = unified ? line + 3 : strstr(line, ":memory:");
		if (path == NULL)
			continue;
		const char *root = unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
		path += unified ? 0 : strlen(":memory:");
		snprintf(folder, sizeof(folder), "%s%s", root, path);
		uint64_t here = walk_groups(folder, strlen(root),
			unified ? "memory.max" : "memory.limit_in_bytes",
			unified ? "memory.current" : "memory.usage_in_bytes");
		left = here < left ? here : left;
	}
	return left;
}

static uint64_t machine_left(void)
{
	static const char name[] = "MemAvailable:";
	char text[4096];

	if (!read_text("/proc/meminfo", text, sizeof(text)))
		return UINT64_MAX;
	const char *line = strstr(text, name);
	return line != NULL ? strtoull(line + strlen(name), NULL, 10) << 10 : UINT64_MAX;
}

static uint64_t huge_pages_left(void)
{
	static const char prefix[] = "hugepages-"; /* "hugepages-2048kB" */
	DIR *dir = opendir("/sys/kernel/mm/hugepages");
	uint64_t left = 0;

	if (dir == NULL)
		return 0;
	for (struct dirent *e; (e = readdir(dir)) != NULL;) {
		char path[320];
		if (strncmp(e->d_name, prefix, strlen(prefix)) != 0)
			continue;
		uint64_t kib = strtoull(e->d_name + strlen(prefix), NULL, 10);
		snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/%s/free_hugepages",
			e->d_name);
		uint64_t pages = read_number(path);
		left += pages == UINT64_MAX ? 0 : pages * (kib << 10);
	}
	closedir(dir);
	return left;
}

/* The kernel gives out the lowest free number, so this is an upper bound of those open. */
static uint64_t descriptors_left(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;

	close(fd);
	return less(soft_limit(RLIMIT_NOFILE), (uint64_t)fd);
}

void eal_limits_read(struct eal_limits *limits)
{
	limits->address_space = address_space_left();
	limits->file_size = soft_limit(RLIMIT_FSIZE);
	limits->cgroup = cgroup_left();
	limits->machine = machine_left();
	limits->huge_pages = huge_pages_left();
	limits->descriptors = descriptors_left();
	limits->stack = soft_limit(RLIMIT_STACK);
}

static int too_small(
	struct fault *fault, const char *what, uint64_t wanted, uint64_t left, const char *remedy)
{
	return fault_set(fault, -ENOMEM,
		"memory limit too small: %" PRIu64 " MB needed, %s leaves %" PRIu64 " MB: %s",
		(wanted + (1 << 20) - 1) >> 20, what, left >> 20, remedy);
}

int eal_limits_check(
	const struct eal_limits *limits, unsigned memory_mb, bool hugepages, struct fault *fault)
{
	uint64_t wanted = (uint64_t)memory_mb << 20;
	uint64_t addresses = wanted + (hugepages ? EAL_ADDRESS_SPACE_HUGE : EAL_ADDRESS_SPACE);
	uint64_t resident = EAL_RESIDENT + (hugepages ? 0 : wanted);

	if (limits->descriptors < EAL_DESCRIPTORS)
		return fault_set(fault, -EMFILE,
			"only %" PRIu64 " more files may be opened, DPDK needs %u: raise it with "
			"'ulimit -n 1024'",
			limits->descriptors, EAL_DESCRIPTORS);
	if (limits->stack < EAL_STACK)
		return fault_set(fault, -ENOMEM,
			"stacks of threads may have %" PRIu64 " KB, DPDK needs %" PRIu64
			": raise it with 'ulimit -s 8192'",
			limits->stack >> 10, EAL_STACK >> 10);
	if (limits->address_space < addresses)
		return too_small(fault, "the address space limit (RLIMIT_AS)", addresses,
			limits->address_space, "raise it with 'ulimit -v unlimited'");
	if (!hugepages && limits->file_size < wanted)
		return too_small(fault, "the file size limit (RLIMIT_FSIZE)", wanted,
			limits->file_size, "raise it with 'ulimit -f unlimited'");
	if (limits->cgroup < resident)
		return too_small(fault, "the control group", resident, limits->cgroup,
			"raise its memory.max, or ask for less");
	if (limits->machine < resident)
		return too_small(fault, "the machine", resident, limits->machine,
			"free some, or ask for less");
	if (hugepages && limits->huge_pages < wanted)
		return too_small(fault, "the pool of hugepages", wanted, limits->huge_pages,
			"reserve more with 'dpdk-hugepages.py --setup 1G', or go without");
	return 0;
}
