/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The wire: two ports joined in memory, in virtual time, with settable impairments. The same
 * seed and the same calls give the same frames at the same times.
 *
 * Called from tests. Frames are copied from one end to the other, as a cable would do.
 */
#ifndef RWS_WIRE_H
#define RWS_WIRE_H

#include "driver/port.h"

struct wire;

/* One direction. Probabilities in parts per million of frames. */
struct wire_impairment {
	uint64_t delay_ns;        /* propagation */
	uint64_t jitter_ns;       /* added, uniform in [0, jitter_ns]; order is kept */
	uint64_t rate_bits_per_s; /* 0: no limit; counts frame bytes */
	uint32_t queue_frames;    /* waiting for the rate limiter, 0 for 1000; tail drop */
	uint32_t mark_frames; /* so many of them: more are marked where they can be (RFC 3168) */
	uint32_t loss_ppm;
	uint32_t duplicate_ppm;
	uint32_t reorder_ppm; /* the frame is held back by reorder_ns, others overtake it */
	uint64_t reorder_ns;
	uint32_t corrupt_ppm; /* one bit flipped */
};

struct wire_config {
	uint64_t seed;
	uint16_t mtu;         /* 0 for 1500 */
	unsigned queues;      /* of each end, 1 to 8; flows are spread by a hash of their tuple */
	uint32_t offloads;    /* PORT_* that both ends pretend to have */
	struct pktpool *pool; /* buffers of both ends */
	unsigned frames;      /* in flight at most, both directions together; 0 for 4096 */
};

int wire_create(const struct wire_config *config, struct wire **wire, struct fault *fault);
void wire_free(struct wire *wire);

/* The two ends, 0 and 1; owned by the wire. */
struct port *wire_port(struct wire *wire, unsigned end);

/* What end `from` sends passes through this; may change at any time. */
void wire_impair(struct wire *wire, unsigned from, const struct wire_impairment *impairment);

/* Cable in or out; both ends see the link change, frames in flight are lost. */
void wire_set_link(struct wire *wire, bool up);

/* Virtual time in ns; frames due by then can be received. Never goes back. */
void wire_set_now(struct wire *wire, uint64_t now_ns);

/* When the next frame becomes due, UINT64_MAX when none is in flight. */
uint64_t wire_next_due(const struct wire *wire);

/* How long a frame that end `from` sent now would wait for the rate limiter; 0: not at all. */
uint64_t wire_backlog_ns(const struct wire *wire, unsigned from);

/* Sees every frame as it enters the wire, before impairments; NULL for nobody. */
void wire_tap(struct wire *wire,
	void (*tap)(
		void *user, unsigned from, uint64_t now_ns, const uint8_t *frame, unsigned length),
	void *user);

struct wire_counters {
	uint64_t sent, delivered, lost, duplicated, reordered, corrupted, queue_full, marked;
};
const struct wire_counters *wire_counters(const struct wire *wire, unsigned from);

#endif
