/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two stacks joined by the wire, in virtual time: what every simulation is made of.
 *
 * Called from tests/sim/experiments.c. Calls stack/ and driver/wire.h.
 *
 * Theory of operation
 * -------------------
 * world_run is an event loop. Each turn moves the clock to the earliest of: the next frame due on
 * the wire, the next timer of either stack, the start of a flow, the end of the run. Then both
 * stacks do what a core does in one turn: receive, timers, output, events. Nothing depends on the
 * machine's clock, so the same configuration gives the same frames at the same times.
 *
 * Flows go from end 0 to end 1. Their bytes are a fixed pattern that the receiver checks: a result
 * is worth nothing when the bytes are wrong. What must not happen (wrong bytes, a connection that
 * fails, memory short, packets lost track of) ends the process with a message.
 */
#ifndef RWS_SIM_WORLD_H
#define RWS_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "driver/wire.h"
#include "stack/conn.h"
#include "stack/stack.h"

#define WORLD_FLOWS_MAX 16u
#define WORLD_MTU       1500u
#define NS_PER_US       1000ULL
#define NS_PER_MS       1000000ULL
#define NS_PER_S        1000000000ULL

struct world;

struct transfer {
	struct world *world;
	struct conn *sender, *receiver; /* NULL: not yet */
	uint64_t start_ns;
	uint64_t bytes;         /* to send, then FIN; UINT64_MAX: without end */
	uint32_t bytes_per_ms;  /* how fast the application writes, 0: as fast as it can */
	uint64_t queued, acked; /* handed to conn_send, acknowledged */
	uint64_t received;      /* in order, and right */
	uint64_t finished_ns;   /* when the FIN came, 0: not yet */
};

struct world_config {
	struct wire_impairment forward, back; /* from end 0, from end 1 */
	uint64_t seed;
	uint8_t congestion; /* enum tcp_cc_kind, of every flow */
	bool ecn;           /* flows ask for it (RFC 3168) */
};

/* The process's packet memory. */
void world_start(void);
void world_stop(void);

/* Both ends on the impaired link, each knowing the other's link address. */
struct world *world_open(const struct world_config *config);
void world_close(struct world *world);

/*
 * Adds a flow that starts that long from now. bytes: 0 for one without end. bytes_per_ms may be set
 * before it starts. Owner: the world.
 */
struct transfer *world_transfer(struct world *world, uint64_t delay_ns, uint64_t bytes);

/* Lets so much virtual time pass. */
void world_run(struct world *world, uint64_t ns);
/* The same, but not longer than until every flow is finished. */
void world_run_until_finished(struct world *world, uint64_t ns);

/* A burst loss: frames with payload in a row, from end 0, in a world with one flow. */
struct world_burst {
	unsigned after;        /* so many pass first */
	unsigned lost;         /* so many are lost then */
	unsigned again;        /* and so many, at first, of those that bring their bytes again */
	uint64_t first_ns;     /* when the first was lost, 0: not yet */
	uint64_t end;          /* offset in the flow's bytes behind the last */
	uint64_t recovered_ns; /* when the receiver had all bytes before `end`, 0: not yet */
};
/* Only the first three count. */
void world_lose_burst(struct world *world, const struct world_burst *burst);
const struct world_burst *world_burst(const struct world *world);

/* What the bottleneck's queue adds to the delay of frames from end 0, since the last reset. */
struct world_delay {
	double mean_ms, p99_ms;
};
void world_delay_reset(struct world *world);
struct world_delay world_delay(const struct world *world);

/* Counters of the sending stack, and of the wire from there. */
struct stack_counters world_sender(const struct world *world);
const struct wire_counters *world_wire(const struct world *world);

#endif
