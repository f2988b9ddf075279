/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stacks without a device: each has one interface whose frames go to a queue, by cable to the
 * other stack or into the hands of the test. Every packet buffer is a malloc, so that the
 * sanitizers see each byte, and is counted.
 */
#ifndef RWS_TEST_LAB_H
#define RWS_TEST_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stack/conn.h"
#include "stack/dgram.h"
#include "stack/nif.h"
#include "stack/stack.h"
#include "stack/stack_internal.h"

#define LAB_QUEUE 4096u

struct lab_frame {
	uint16_t length;
	uint8_t bytes[9100];
};

/* One stack with its interface. Frames that it sent wait in `sent` until somebody takes them. */
struct lab_node {
	struct stack *stack;
	struct nif *nif;
	void *arena;
	size_t used_at_start; /* of the arena, when all was set up */
	struct lab_frame *sent[LAB_QUEUE];
	unsigned sent_count;
	enum drop_reason refuse; /* what output says instead of sending */
	unsigned refused;        /* how often it did */
	unsigned outputs;
	unsigned multicast_joins, multicast_leaves;
	uint16_t rx_flags;    /* pkt_flags of what it receives */
	uint16_t tx_offloads; /* what the device says it does; it does nothing */
};

struct lab_config {
	bool secondary;
	uint16_t mtu; /* 0: 1500 */
	uint16_t tx_offloads;
	size_t arena_size; /* 0: 16 MiB */
	uint64_t start_ns; /* of the first: the time when both begin; 0: one second */
	bool no_address;
	bool dhcp, slaac;
	int (*claim_port)(void *steering, uint8_t proto, uint16_t port, bool shared);
	void (*release_port)(void *steering, uint8_t proto, uint16_t port);
	bool (*redirect)(
		void *steering, struct nif *nif, uint8_t proto, uint16_t port, struct pbuf *p);
	void *steering;
	uint8_t syn_cookies; /* enum stack_syn_cookies */
};

struct lab {
	struct lab_node node[2];
	unsigned nodes;
	uint64_t now_ns;
	/* Which frames get lost: asked with each that passes the cable; NULL: none. */
	bool (*lose)(struct lab *lab, unsigned from, const struct lab_frame *frame);
	unsigned passed;
};

/* Node i has 10.0.0.(i+1)/24, fd00::(i+1)/64 and the MAC address 02:00:00:00:00:(i+1). */
void lab_open(struct lab *lab, unsigned nodes, const struct lab_config config[]);

/* Frees the stacks; asserts that every buffer came back and no check of lwIP's failed. */
void lab_close(struct lab *lab);

/* Carries frames back and forth until nobody sends any more. */
void lab_pump(struct lab *lab);

/* Lets time pass in steps of 10 ms, with timers and frames. */
void lab_advance(struct lab *lab, uint64_t ms);

/* A packet buffer of the test with those bytes, with head room as the driver makes it. */
struct pbuf *lab_pbuf(const void *bytes, size_t length);
/* A chain of several with `piece` bytes each. */
struct pbuf *lab_chain(const void *bytes, size_t length, size_t piece);
extern _Thread_local unsigned lab_live_pbufs;

/* Gives a frame to a node as its device would. */
void lab_inject(struct lab *lab, unsigned node, const void *bytes, size_t length);
/* The first frame sent and not taken yet, to be freed by the caller, or NULL. */
struct lab_frame *lab_take(struct lab *lab, unsigned node);
void lab_discard(struct lab *lab, unsigned node);

ip_addr_t lab_ip4(unsigned node);
ip_addr_t lab_ip6(unsigned node);

/* TCP helpers */
struct conn *lab_listen(struct lab *lab, unsigned node, uint16_t port);
/* A connection from node 0 to a listener at node 1; both ends. */
void lab_connect(
	struct lab *lab, struct conn *listener, struct conn **client, struct conn **server);
void lab_send(struct conn *conn, const void *bytes, size_t length);
/* Takes all of rxq, tells the window; returns the bytes copied. */
size_t lab_receive(struct conn *conn, void *bytes, size_t room);
/* A pattern whose every byte depends on its place. */
void lab_pattern(uint8_t *bytes, size_t length, unsigned seed);

#endif
