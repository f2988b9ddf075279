/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A stack core and its loop.
 *
 * Called from api/runtime.c (its thread, with RWS_CHANNEL) or api/selector.c (with RWS_INLINE).
 * Calls everything below: driver/port.h, stack/stack.h, api/endpoint.h, api/steer.h, api/chan.h.
 */
#ifndef RWS_CORE_H
#define RWS_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "api/rws.h"
#include "stack/stack.h"

struct chan;
struct core;

/* One turn of the loop. Returns whether there was anything to do. */
bool core_run_once(struct core *core);

/*
 * Nothing to do: yields or sleeps as the runtime was told to, until a frame, a request, a timer or
 * the deadline is due. extra_fd, or -1, wakes it as well.
 */
void core_idle(struct core *core, int64_t deadline, int extra_fd);

/* Wakes the core if it sleeps; any thread, after chan_publish. Costs a load when it is awake. */
void core_wake(struct core *core);

/* Joins a selector's channel pair to the core, or parts them; waits until the core has seen it. */
int core_join(struct core *core, struct chan *chan, struct selector_wake *wake);
void core_part(struct core *core, struct chan *chan);

/* The core's clock: monotonic ns, or the virtual time of a test. */
int64_t core_clock(const struct core *core);

#endif
