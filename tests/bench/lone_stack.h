/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A stack on one device, driven by the thread of a test program: for what stack/ has options of and
 * the API has not. It naps when there is nothing to do.
 *
 * Called from tests/bench/bulk.c and tests/e2e/opener.c; calls stack/ and driver/ directly. What
 * fails ends the program with a message.
 */
#ifndef RWS_TESTS_LONE_STACK_H
#define RWS_TESTS_LONE_STACK_H

#include "stack/conn.h"
#include "stack/nif.h"

struct lone_stack {
	const char *program; /* what messages begin with */
	/* A listener has a connection: gives it a user, to whom its news is told from then on. */
	void (*accept)(struct lone_stack *lone, struct conn *listener, struct conn *conn);
	void (*news)(struct lone_stack *lone, void *user, uint16_t events);
	struct pktpool *pool;
	struct port *port;
	struct stack *stack;
	struct nif *nif;
	uint64_t now; /* of this turn, ns */
};

/*
 * device as in "net_af_packet0,iface=veth1"; address of either family, in a /24 or /64; cookies: enum
 * stack_syn_cookies. Returns when the address may be used, which with IPv6 takes seconds.
 */
void lone_stack_open(
	struct lone_stack *lone, const char *device, const char *address, uint8_t cookies);

/* One turn, with news of all that is on the ready list. */
void lone_stack_turn(struct lone_stack *lone);

void lone_stack_close(struct lone_stack *lone);

/* A packet of at most 64,000 bytes that stay where they are, for conn_send. */
struct pbuf *lone_stack_chunk(struct lone_stack *lone, const void *bytes, uint32_t length);

__attribute__((noreturn)) void lone_stack_die(const struct lone_stack *lone, const char *what);

#endif
