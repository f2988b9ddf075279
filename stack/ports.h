/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Local ports of one stack: which are in use, the choice of a free one, and the claims on them
 * with whoever steers frames to stack cores (stack_config.claim_port).
 *
 * Called from stack/lwip/conn_*.c and dgram_udp.c. A port is claimed when its first user comes and
 * given back when its last one is gone, TIME_WAIT included.
 */
#ifndef RWS_PORTS_H
#define RWS_PORTS_H

#include <stdbool.h>
#include <stdint.h>

#include "lwip/ip_addr.h"

struct stack;
struct port_entry;

#define PORT_BUCKETS 1024u

/* RFC 6335 6: the dynamic ports. */
#define PORT_DYNAMIC_MIN   49152u
#define PORT_DYNAMIC_COUNT 16384u

struct port_table {
	struct port_entry *bucket[PORT_BUCKETS];
	uint16_t next_ephemeral; /* RFC 6056 3.3.3 */
};

/* One more user of a port. 0, -EADDRINUSE (another core's) or -ENOBUFS. */
int port_hold(struct stack *st, uint8_t proto, uint16_t port, bool shared);
void port_release(struct stack *st, uint8_t proto, uint16_t port);
bool port_in_use(const struct stack *st, uint8_t proto, uint16_t port);

/*
 * Chooses and holds a port that nobody uses, for a connection to remote, or a socket without
 * (NULL). Returns the port, or -EADDRINUSE, -ENOBUFS.
 */
int port_choose(struct stack *st, uint8_t proto, const ip_addr_t *local, const ip_addr_t *remote,
	uint16_t remote_port);

#endif
