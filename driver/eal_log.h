/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What DPDK says while something is set up. It never reaches the terminal: it is kept, and the
 * line that names the cause goes into the fault text.
 */
#ifndef RWS_EAL_LOG_H
#define RWS_EAL_LOG_H

#include <stddef.h>

/* Directs DPDK's log here for the life of the process; 0 or negative errno. */
int eal_log_capture(void);

/* Also what DPDK writes to the standard streams itself, while EAL starts. */
void eal_log_take_output(void);
void eal_log_give_output(void);

/* Forgets what was said so far. */
void eal_log_clear(void);

/*
 * The first and the last line said since eal_log_clear: the first is the driver's, nearest to the
 * cause, the last what it led to. Returns text, "" when nothing was said.
 */
const char *eal_log_cause(char *text, size_t size);

#endif
