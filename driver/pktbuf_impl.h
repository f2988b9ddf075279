/* SPDX-License-Identifier: BSD-3-Clause */
/* What the other files of driver/ need of a packet pool. */
#ifndef RWS_PKTBUF_IMPL_H
#define RWS_PKTBUF_IMPL_H

#include "driver/pktbuf.h"

struct rte_mempool;

#define PKTPOOL_NAME_SIZE 21 /* with the final zero */

struct rte_mempool *pktpool_mempool(const struct pktpool *pool);

/*
 * The mbufs of a pool alone: for the driver's own headers and references. NULL with the cause in
 * rte_errno and fault.
 */
struct rte_mempool *pktbuf_mempool_create(const struct pktpool_config *config, struct fault *fault);

#endif
