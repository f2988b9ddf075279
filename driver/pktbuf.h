/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packet buffers: a DPDK mbuf with a pbuf in its private area, so that one piece of memory is a
 * packet to the device, to the stack and to the application, and nothing is copied between them.
 *
 * Called from driver/dpdk_rxtx.c, driver/wire.c, api/. Calls rte_mempool and rte_mbuf.
 *
 *   mbuf | pbuf_custom | head room | data ...
 *          ^ private area
 *
 * Ownership: a pbuf made here is freed with pbuf_free by whoever holds its last reference; its
 * counts are not atomic, so it must be handed over between threads, never shared. The mbuf
 * underneath has an atomic count of its own: a device that still has to send the bytes holds the
 * mbuf, not the pbuf.
 */
#ifndef RWS_PKTBUF_H
#define RWS_PKTBUF_H

#include <stdbool.h>
#include <stdint.h>

#include "lwip/pbuf.h"
#include "stack/base/fault.h"

struct rte_mbuf;

#define PKTBUF_HEADROOM     128u /* room for all headers below the application's bytes */
#define PKTBUF_DATA_DEFAULT 2048u

/* A pool of buffers; lock-free, usable from every thread. */
struct pktpool;

struct pktpool_config {
	const char *name;   /* unique in the process, at most 20 characters */
	unsigned count;     /* buffers */
	unsigned data_size; /* bytes after the head room, 0 for PKTBUF_DATA_DEFAULT */
	int numa_node;      /* -1 for any */
};

int pktpool_create(const struct pktpool_config *config, struct pktpool **pool, struct fault *fault);

/* Frees the pool; all buffers must be back: returns how many are missing (0 is well). */
unsigned pktpool_free(struct pktpool *pool);

/* Buffers out of the pool now; a walk over the caches, not for the packet path. */
unsigned pktpool_in_use(const struct pktpool *pool);

/* How many this thread could take now: those in other threads' caches are of no use to it. */
unsigned pktpool_left(const struct pktpool *pool);
unsigned pktpool_size(const struct pktpool *pool);

/*
 * Whether some of its buffers may be away for longer, or those of this buffer's pool:
 * as was said last by its owner, at first they may. False of what is of no pool. Any thread.
 */
void pktpool_set_spare(struct pktpool *pool, bool spare);
bool pktpool_is_spare(const struct pktpool *pool);
bool pktbuf_is_spare(const struct pbuf *p);

/*
 * Takes one empty buffer: len and tot_len 0, payload behind the head room, ref 1. NULL when the
 * pool is empty. `pktbuf_room` tells how many bytes may be written at payload + len: of a received
 * buffer none when a driver made it refer to another's bytes.
 */
struct pbuf *pktbuf_alloc(struct pktpool *pool);
unsigned pktbuf_alloc_bulk(struct pktpool *pool, struct pbuf **out, unsigned n);
unsigned pktbuf_room(const struct pbuf *p);

/* Makes the pbuf chain of a received mbuf chain, in place; checks every length against the mbuf. */
struct pbuf *pktbuf_from_mbuf(struct rte_mbuf *m);

/*
 * Memory outside of all pools that packets refer to. `over` is called once, when nothing does any
 * more: by whoever let go last, any thread, a device's among them.
 */
struct pktbuf_loan {
	void (*over)(struct pktbuf_loan *loan);
	uint64_t shared[3]; /* struct rte_mbuf_ext_shared_info */
};

/* It begins with one reference, the caller's, which pktbuf_loan_end lets go. */
void pktbuf_loan_begin(struct pktbuf_loan *loan, void (*over)(struct pktbuf_loan *loan));
void pktbuf_loan_end(struct pktbuf_loan *loan);

/* An empty buffer has these n bytes instead of its own room, and refers to them until it is freed. */
void pktbuf_lend(struct pktbuf_loan *loan, struct pbuf *p, void *bytes, uint16_t n);

/* The mbuf that a pbuf of a pool lies in, its bytes with it, or NULL: they lie elsewhere. */
struct rte_mbuf *pktbuf_mbuf(const struct pbuf *p);

#endif
