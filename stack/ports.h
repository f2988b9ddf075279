/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Local ports of one stack: which are in use, the choice of a free one, and the claims on them
 * with whoever steers frames to stack cores (stack_config.claim_port).
 *
 * Called from stack/tcp/, stack/dgram.c, and stack/nif.c for what lwIP opens itself. A port is
 * claimed when its first user comes and given back when its last one is gone, TIME_WAIT included.
 */
#ifndef RWS_PORTS_H
#define RWS_PORTS_H

#include <stdbool.h>
#include <stdint.h>

#include "lwip/ip_addr.h"
#include "stack/base/slab.h"

struct flow;
struct stack;
struct port_entry;

#define PORT_BUCKETS 4096u

/* RFC 6335 6: the dynamic ports. */
#define PORT_DYNAMIC_MIN   49152u
#define PORT_DYNAMIC_COUNT 16384u

struct port_table {
	struct slab entries;
	struct port_entry *bucket[PORT_BUCKETS];
	uint16_t next_ephemeral; /* RFC 6056 3.3.3 */
};

void port_table_init(struct stack *st);

/* One more user of a port. 0, -EADDRINUSE (another core's, or reserved) or -ENOBUFS. */
int port_hold(struct stack *st, uint8_t proto, uint16_t port, bool shared);
/* The same for what lwIP opens itself: port_hold then refuses it. */
int port_reserve(struct stack *st, uint8_t proto, uint16_t port);
void port_release(struct stack *st, uint8_t proto, uint16_t port);
bool port_in_use(const struct stack *st, uint8_t proto, uint16_t port);

/*
 * Chooses and holds a port that nobody uses, for a connection to remote, or a socket without
 * (NULL). Returns the port, or -EADDRINUSE, -ENOBUFS.
 */
int port_choose(struct stack *st, uint8_t proto, const ip_addr_t *local, const ip_addr_t *remote,
	uint16_t remote_port);

/*
 * The same for a connection from flow->local to flow->remote and its port. Where the dynamic ports
 * run short it gets one that this stack holds already, if may_share says so of the flow with that
 * local_port: then connections of different peers have the same port.
 */
int port_choose_towards(struct stack *st, uint8_t proto, struct flow *flow,
	bool (*may_share)(struct stack *st, const struct flow *flow));

#endif
