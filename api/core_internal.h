/* SPDX-License-Identifier: BSD-3-Clause */
/* The layout of a stack core, for api/core*.c and api/endpoint.c only. */
#ifndef RWS_CORE_INTERNAL_H
#define RWS_CORE_INTERNAL_H

#include <pthread.h>
#include <semaphore.h>

#include "api/core.h"
#include "api/endpoint_pool.h"
#include "api/runtime.h"
#include "api/steer.h"

struct rte_ring;

#define CORE_PUBLISH_NS 1000000   /* how often counters are published */
#define CORE_LINK_NS    100000000 /* how often core 0 asks devices for their link */

/*
 * A core may have as many connections as a selector has sockets, and so many at least. Its arena
 * has room for them and for what does not grow with them. All of it is touched as it is used.
 */
#define CORE_CONNECTIONS_MIN  65536u
#define CORE_ARENA_CONNECTION ((size_t)1024)
#define CORE_ARENA_BASE       ((size_t)32 << 20)

/* One interface as this core sees it. */
struct core_port {
	struct core *core;
	struct port *port;
	struct nif *nif;
	unsigned queue;
	unsigned sender; /* the core that sends for this one while it has no queue */
	bool has_queue;
	bool link_up;
	bool dirty;              /* frames staged in this turn */
	uint32_t known_sequence; /* last copied from struct runtime_interface */
};

/* A multicast group that sockets of a core are members of. */
struct core_group {
	ip_addr_t group;
	uint8_t interface;
	bool used;
};

#define CORE_GROUPS 256u /* of each core but the first, on all interfaces together */

struct core_groups {
	struct sequence_lock lock; /* its core writes, core 0 reads */
	struct core_group slot[CORE_GROUPS];
};

/* A call that another thread makes on this core; lives on the caller's stack until done. */
struct core_call {
	void (*fn)(struct core *core, struct core_call *call);
	struct chan *chan;
	struct selector_wake *wake;
	int result;
	sem_t done;
};

struct core {
	/* The packet path; this core's alone. */
	struct stack *stack;
	struct core_port ports[RUNTIME_INTERFACES_MAX];
	unsigned port_count;
	unsigned id;
	int64_t now;
	struct chan *chans[RUNTIME_SELECTORS_MAX];
	struct selector_wake *wakes[RUNTIME_SELECTORS_MAX];
	unsigned chan_count;
	uint32_t pending, pending_last; /* endpoints with more to tell than the rings took */
	struct pktpool *pool;
	struct rte_ring
		*from[RUNTIME_CORES_MAX]; /* frames that other cores received for this one */
	struct core_counters counters;
	int64_t next_publish, next_link;
	unsigned idle_turns;
	uint32_t groups_seen; /* core 0: rws.groups_changed when it looked last */

	/* Written by others. */
	_Alignas(64) struct endpoint_pool endpoints;
	_Alignas(64) _Atomic bool sleeping; /* as in struct selector_wake */
	_Atomic bool taken;                 /* RWS_INLINE: a selector has it */
	_Atomic bool stop;
	struct rte_ring *calls; /* struct core_call *, from any thread */

	/* Read by core 0: see core_groups.c; `held`, what it found there last, is core 0's alone. */
	_Alignas(64) struct core_groups groups;
	struct core_group held[CORE_GROUPS];

	/* Read by others: a copy of `counters`, each word stored and loaded relaxed. */
	_Alignas(64) struct core_counters published;

	/* Set-up. */
	_Alignas(64) struct rws *rws;
	int cpu;
	pthread_t thread;
	bool thread_started, claimed;
	cpu_set_t affinity_before; /* of the claiming thread */
	struct fault fault;        /* why core_enter failed, for core_start */
	int enter_result;
	sem_t entered;
	int wake_fd, epoll_fd;
	void *arena;
	size_t arena_size;
	struct steer_core steering;
};

/* core.c; the other parts of struct core are in core_thread.c (life) and core_idle.c. */
void core_tell_waiters(struct core *core);

/* nif_ops.output of an interface without a queue for this core. */
enum drop_reason core_output_elsewhere(struct core_port *cp, const struct nif_frame *frame);

/* The index of one of the core's interfaces. */
uint8_t core_interface_of(const struct core *core, const struct nif *nif);

/* stack_config.redirect, where there is more than one core. */
bool core_redirect(void *steering, struct nif *nif, uint8_t proto, uint16_t port, struct pbuf *p);

/* stack_config.share, likewise. */
bool core_share(void *steering, struct nif *nif, const struct dgram_rx *datagram, uint16_t port);

/* core_groups.c: stack_config.claim_group and release_group of all cores but the first. */
int core_claim_group(void *steering, struct nif *nif, const ip_addr_t *group);
void core_release_group(void *steering, struct nif *nif, const ip_addr_t *group);

/* Core 0: another core's list changed since core_follow_groups looked. */
bool core_groups_changed(const struct core *core);

/* Core 0 joins and leaves what the other cores' lists say; a load while nothing changed. */
void core_follow_groups(struct core *core);

/* Core 0's stack is gone, the next one has joined nothing yet. */
void core_forget_groups(struct core *core);

/* On the core's thread: builds its stack; and takes it down. core_thread.c */
int core_enter(struct core *core, struct fault *fault);
void core_leave(struct core *core);

#endif
