/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two runtimes at the ends of a wire, in one thread and in virtual time: what a test does at one
 * end, the other sees, and waiting costs nothing. The ends are 10.0.0.1 (fd00::1) and 10.0.0.2
 * (fd00::2). End 1's addresses are the name servers of end 0; end 1 has none.
 */
#ifndef RWS_TEST_RIG_H
#define RWS_TEST_RIG_H

#include "driver/wire.h"
#include "lwip/pbuf.h"
#include "tests/unit/api/placement.h"

struct rig {
	struct pktpool *pool;
	struct wire *wire, *stub; /* stub: of a second interface that leads nowhere, or NULL */
	struct rws *rws[2];
	struct rws_selector *sel[2];
	struct rws_selector *second; /* of end 1's second stack core; NULL without */
	struct pbuf *held;           /* by rig_use_packets */
	enum rws_placement placement;
	int64_t now;
	unsigned stays; /* turns since a frame is due */
	bool waiting;   /* within rig_wait: for an end that waits itself only time goes on */
};

/* Starts DPDK once for the test program; for cmocka's group set-up and tear-down. */
int rig_group_setup(void **state);
int rig_group_teardown(void **state);

/*
 * A rig with a wire of 50 us each way; cmocka's set-up and tear-down of a case, in the placement
 * that the case is for.
 */
int rig_setup(void **state);
/* The same with two stack cores at end 1, which have one queue between them. */
int rig_setup_two_cores(void **state);
/*
 * As rig_setup, and end 1 has second addresses: fd00::22, and 10.9.0.2 on a second interface
 * that leads nowhere; end 0 reaches that by end 1.
 */
int rig_setup_addresses(void **state);
int rig_teardown(void **state); /* fails when a buffer is missing */

/* Lets both ends run for that long. */
void rig_run(struct rig *rig, int64_t ns);

/* The deadline that is so far away. */
int64_t rig_after(const struct rig *rig, int64_t ns);

/* Writes and flushes all of it, and reads so much; each step may take a minute. */
void rig_write_all(struct rig *rig, rws_channel_t out, const void *bytes, size_t n);
void rig_read_all(struct rig *rig, rws_channel_t in, void *bytes, size_t n);

/* Address of an end: "10.0.0.1" or "fd00::1" with a port. */
struct rws_address rig_address(unsigned end, bool ipv6, uint16_t port);

/* The second address of end 1. */
struct rws_address rig_second_address(bool ipv6, uint16_t port);

/* Takes buffers for received packets off an end, until so many per cent are in use; 0: all back. */
void rig_use_packets(struct rig *rig, unsigned end, unsigned percent);

/* A counter of one end by name. */
uint64_t rig_counter(struct rig *rig, unsigned end, const char *name);

#endif
