/* SPDX-License-Identifier: BSD-3-Clause */
/* The destination cache from within: for stack/dst.c, stack/ip_output.c and their tests. */
#ifndef RWS_DST_INTERNAL_H
#define RWS_DST_INTERNAL_H

#include <stdbool.h>
#include <sys/queue.h>

#include "stack/base/flow_hash.h"
#include "stack/base/flow_table.h"
#include "stack/base/slab.h"
#include "stack/dst.h"

#define DST_LINK_HEADER 14u   /* Ethernet, untagged */
#define DST_LINK_COPY   16u   /* bytes that are copied of it, in one go */
#define DST_UNUSED_MAX  1024u /* entries kept that nobody holds */
#define DST_CHECK_MS    1000u /* how long the link header is used without a look at lwIP's cache */
#define DST_TICK_SHIFT  10    /* ticks of 1,024 ms, for what lasts long */

struct dst {
	/* One cache line that every packet needs. */
	uint8_t link_header[DST_LINK_COPY]; /* with what pads it */
	uint32_t generation;                /* of the cache, when this was looked up last */
	uint32_t ident;    /* IPv4 and fragment identification of the next packet */
	uint64_t check_ms; /* when to look it up again; 0 while the next hop is not known */
	struct nif *nif;
	uint32_t label_key; /* odd; spreads connections over flow labels */
	uint32_t refs;
	uint32_t pmtu_until; /* tick at which pmtu is forgotten */
	bool ip6 : 1;
	bool resolved : 1;     /* link_header is right */
	bool is_default : 1;   /* source is the one that is chosen for remote */
	bool may_split : 1;    /* the path takes less than DST_MTU_MIN4: routers may fragment */
	uint16_t confirm_tick; /* when dst_confirm told lwIP last, modulo 2^16 */
	uint16_t mtu;          /* dst_mtu, when it was looked up last */
	uint16_t pmtu;         /* 0: none known, the interface's */
	uint32_t hash;

	TAILQ_ENTRY(dst) unused; /* while refs is 0 */
	ip_addr_t remote, source;
};
_Static_assert(sizeof(struct dst) == 128, "two cache lines, one of them hot");

TAILQ_HEAD(dst_list, dst);

/* All destinations of a stack. */
struct dst_cache {
	struct flow_table table; /* by remote */
	struct flow_hash_key key;
	struct slab slab;
	struct dst_list unused; /* the one that waits longest first */
	unsigned unused_count;
	uint32_t generation; /* changes with whatever may make a link header wrong */
};

bool dst_cache_init(struct stack *st);
void dst_cache_fini(struct stack *st);

/* Something changed of which lwIP's routing, ARP or ND knows: every entry is looked up again. */
static inline void dst_cache_changed(struct dst_cache *cache)
{
	cache->generation++;
}

/* The path takes less than the least that is believed: routers may fragment (RFC 1191 3). */
bool dst_may_split(const struct dst *dst);

/* What dst_set_mtu does, where there is an entry of the two and its path MTU is larger now. */
void dst_lower_mtu(
	struct stack *st, const ip_addr_t *source, const ip_addr_t *remote, uint16_t mtu);

/* Looks the route and the next hop up again; dst->resolved tells what came of it. */
void dst_refresh(struct stack *st, struct dst *dst);

#endif
