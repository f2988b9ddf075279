/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A stack core and its loop.
 *
 * Called from its own thread (RWS_CHANNEL) or api/selector.c (RWS_INLINE), and from api/runtime.c.
 * Calls everything below: driver/port.h, stack/stack.h, api/endpoint.h, api/steer.h, api/chan.h.
 */
#ifndef RWS_CORE_H
#define RWS_CORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "stack/base/fault.h"
#include "stack/stack.h"

struct chan;
struct core;
struct core_counters;
struct pktpool;
struct rws;

/*
 * How a stack core wakes a selector. The selector stores sleeping (sequentially consistent), then
 * looks at its rings once more; the core publishes events, then loads it (after a full fence): one
 * of them sees the other.
 */
struct selector_wake {
	_Atomic bool sleeping;
	int fd; /* eventfd */
};

/* Makes the state that needs no thread of its own yet; core_start or core_claim comes next. */
int core_create(struct rws *rws, unsigned id, int cpu, struct core **core, struct fault *fault);

/* RWS_CHANNEL: starts its thread, and waits until it is up. */
int core_start(struct core *core, struct fault *fault);

/* Stops the thread, if it has one. When all cores have stopped, each may be freed. */
void core_stop(struct core *core);
void core_free(struct core *core);

/* RWS_INLINE, or tests: the calling thread becomes the stack core, or is it no more. -EBUSY: taken. */
int core_claim(struct core *core, struct fault *fault);
void core_unclaim(struct core *core);

/* One turn of the loop, on the core's thread. Returns whether there was anything to do. */
bool core_run_once(struct core *core);

/*
 * Nothing to do: yields or sleeps as the runtime was told to, until a frame, a request, a timer or
 * the deadline is due. extra_fd, or -1, wakes it as well. 0, or -EINTR: a signal did.
 */
int core_idle(struct core *core, int64_t deadline, int extra_fd);

/* Wakes the core if it sleeps; any thread, after chan_publish. Costs a fence and a load else. */
void core_wake(struct core *core);

/* Joins a selector's channel pair to the core, or parts them; done when it returns. */
int core_join(struct core *core, struct chan *chan, struct selector_wake *wake);
void core_part(struct core *core, struct chan *chan);

/* Monotonic time, ns, or a test's virtual time. */
int64_t core_clock(const struct core *core);

/* Its counters as of a moment ago; any thread. */
void core_counters(const struct core *core, struct core_counters *counters);

struct core_counters {
	struct stack_counters stack;
	struct drop_counters drops; /* of the stack, the driver's queues and the core itself */
	struct stack_memory memory;
	uint64_t forwarded; /* frames handed to another core */
	uint64_t turns, idle_turns;
	uint64_t tx_copied_bytes;
};

#endif
