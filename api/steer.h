/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which stack core a received frame belongs to.
 *
 * Called from api/core.c for each received frame while there is more than one stack core, and
 * from the stacks when a port is claimed or given back. Calls nothing.
 *
 * Theory of operation
 * -------------------
 * A device spreads flows over its queues by a hash that may not be ours to choose (TAP), and some
 * have fewer queues than we have cores. So every core looks at the destination port of what it
 * receives: a table, one word for each protocol and port, holds a bit for each core on which a
 * socket has that port. A frame for a port that its receiver does not hold goes to a core that
 * does, over a ring. Where all cores hold it (a listener) it stays where the device put it, and so
 * do the frames of its connections. A datagram to many (a group, a broadcast address) goes to each
 * core that holds its port, and its fragments, which do not tell that, to every core.
 *
 * The table is written when sockets open and close and read for each frame. It is, with the rings'
 * indices, the only memory that several stack cores write.
 */
#ifndef RWS_STEER_H
#define RWS_STEER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define STEER_PORTS     65536u
#define STEER_CORES_MAX 32u

#define STEER_ALL UINT32_MAX /* every core gets it: ARP, neighbour discovery, ... */

struct steer {
	unsigned cores;
	bool every_core_has_queue; /* else frames are spread by our own hash */
	/*
	 * Bit c: core c has a socket on the port; bit 63: it has it for itself alone. Written with
	 * compare-and-swap in steer_claim and steer_release; relaxed loads for each frame suffice: a
	 * frame that comes in before the claim is seen is handled as if it had come in before it.
	 */
	_Atomic uint64_t owners[2][STEER_PORTS]; /* TCP, UDP */
};

/* One core's view; what stack_config.steering points to. */
struct steer_core {
	struct steer *steer;
	unsigned core;
};

/*
 * See stack_config.claim_port and release_port. A core claims a port once, with its first socket
 * there, and gives it back with the last.
 */
int steer_claim(void *steer_core, uint8_t proto, uint16_t port, bool shared);
void steer_release(void *steer_core, uint8_t proto, uint16_t port);

/*
 * The cores that a frame belongs to, a bit for each: `self` when it may stay, or STEER_ALL. frame:
 * the first length bytes of it, contiguous, from the Ethernet header on; a frame too short to tell
 * stays.
 */
uint32_t steer_frame(
	const struct steer *steer, unsigned self, const uint8_t *frame, unsigned length);

/* The cores with a socket on a local port, a bit for each. */
uint32_t steer_owners(const struct steer *steer, uint8_t proto, uint16_t port);

/* The core that a packet for a local port belongs to, `self` when it may stay. */
unsigned steer_port(const struct steer *steer, unsigned self, uint8_t proto, uint16_t port);

#endif
