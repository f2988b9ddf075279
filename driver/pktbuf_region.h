/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where packet buffers lie in memory: finds the buffer that an address belongs to.
 *
 * A region is a run of pool objects at equal distances. Regions are written when a pool is
 * created and freed, which is set-up; readers on every core take no lock.
 */
#ifndef RWS_PKTBUF_REGION_H
#define RWS_PKTBUF_REGION_H

#include <stdbool.h>

struct rte_mbuf;
struct rte_mempool;

/* Registers all objects of a pool of mbufs; false when the table is full or has no pattern. */
bool pktbuf_regions_add(struct rte_mempool *pool);

/* Forgets the pool; nobody may look its addresses up any more. */
void pktbuf_regions_remove(const struct rte_mempool *pool);

/* The mbuf that the address lies within, its headers included, or NULL. */
struct rte_mbuf *pktbuf_regions_find(const void *address);

#endif
