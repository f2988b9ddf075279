/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The layout of a selector: the application's side of all its sockets. Internal to api/.
 *
 * Called from all of the application's side of api/.
 *
 * Theory of operation
 * -------------------
 * One turn (selector_turn) is the same in both placements:
 *
 *   what other threads asked for    remote_run
 *   what goes on to another channel copies_run
 *   what sockets have to say        sock_post -> chan_publish
 *   the stack core itself           core_run_once, with RWS_INLINE only
 *   what stack cores have to say    reap_lane -> socket_event
 *   what took too long              expire -> timeout_due; last, so that what came counts
 *
 * Then callbacks (events_dispatch). Nothing but an API call or a turn changes a socket, and both
 * run on the owner's thread: there are no locks. What other threads touch is said in api/handle.h
 * and api/remote.h.
 *
 * Lists of sockets, each socket at most once on each:
 *   dirty    something to post that is not yet posted; also after a full ring; one list a lane
 *   starved  a write found no buffer or a full ring; told WRITABLE in turn when there is room again
 *   ready    events for rws_selector_select
 *   news     events or completions that callbacks wait for
 *
 * What a TCP socket holds of the pool comes back when its peer reads, which may be never. So the
 * fewer buffers are left, the fewer one may hold (selector_share): any number while others hold next
 * to none, two of the last half. With two a connection goes on, each time that its peer acknowledges
 * some; and 2,000 whose peers do not read leave some to the next one. What is held by who came
 * first is not taken back. Buffers of datagrams come back without the peer's help.
 */
#ifndef RWS_SELECTOR_H
#define RWS_SELECTOR_H

#include <stdatomic.h>

#include "api/block_pool.h"
#include "api/core.h"
#include "api/deadline.h"
#include "api/external_wait.h"
#include "api/grant.h"
#include "api/handle.h"
#include "api/host.h"
#include "api/options.h"
#include "api/runtime.h"
#include "api/rws.h"
#include "api/slot_list.h"
#include "api/small_segment.h"

struct chan;
struct endpoint;
struct rte_ring;
struct sock;

#define SELECTOR_BUFFERS 8192u                  /* of each selector, for bytes on their way out */
#define SELECTOR_RESERVE (SELECTOR_BUFFERS / 2) /* of them for sockets that hold next to none */

/* Accepted connections that nobody took in (no socket, full queue), to be reset. */
#define LANE_ORPHANS 256u

/* The way to one stack core. */
struct lane {
	struct core *core;
	struct chan *chan;
	unsigned id; /* index of the core */
	bool joined;
	struct slot_list dirty;
	unsigned dirty_count;
	unsigned orphan_count;
	struct endpoint *orphans[LANE_ORPHANS];
	bool orphan_aborted; /* REQ_ABORT of the first one was posted, REQ_RELEASE not yet */
};

struct rws_selector {
	struct rws *rws;
	uintptr_t owner; /* thread */
	unsigned id;
	uint32_t first_generation; /* that its handles started with */
	bool is_inline;
	struct core *claimed; /* with RWS_INLINE, the core that this thread is */
	int64_t now;

	struct lane *lanes;
	unsigned lane_count;
	unsigned next_lane; /* round robin of connections */

	struct pktpool *pool;      /* transmit buffers */
	uint32_t buffers_left;     /* in it when the turn began, without those taken since */
	uint32_t send_growth_left; /* bytes that send buffers may still grow by, all together */
	struct slot_table socks, channels, bufs;
	uint32_t detached; /* buffers in all of `bufs` */
	struct deadlines deadlines;
	struct hosts hosts; /* connections by name under way */
	struct options_seen options;
	struct block_pool setups, extras; /* struct endpoint_setup, struct sock_extra */
	struct grant_table grants;
	struct small_segments small;

	struct slot_list starved, ready, news;
	struct slot_table copies; /* api/copy.h */
	struct slot_list copies_due, copies_starved, copies_ready, copies_news;

	bool in_callback;
	bool no_callbacks;  /* turns for one thing only: what waits for a callback waits on */
	bool interrupted;   /* rws_selector_post ran something */
	bool busy;          /* the last turn did something: another one before sleeping */
	bool close_pending; /* closed from a callback: wait for the loop to unwind */
	unsigned loops;     /* loops of the application's thread in the selector, nested */
	uint64_t await_handle;
	uint32_t await_bits;
	uint32_t await_readable; /* bytes that there were when more were last wanted */

	/* Other threads. */
	_Atomic uint32_t remote; /* first slot with requests, api/remote.c */
	struct rte_ring *posts;  /* of struct remote_post */

	struct selector_wake wake;
	struct external_wait external; /* made by rws_selector_eventfd */
	int64_t spin_until;            /* of the wait under way */
};

/* 0, or -EXDEV when the calling thread is not the owner. */
int selector_check(const struct rws_selector *sel);

/* One turn without callbacks; *busy of it in sel->busy. */
void selector_turn(struct rws_selector *sel);

/* Turns without callbacks until something is true of s; it must come true by itself. */
void selector_await(
	struct rws_selector *sel, bool (*is_so)(const struct sock *s), const struct sock *s);

/* Nothing to do: waits until something may have come, or the deadline. 0, or -EINTR: a signal. */
int selector_idle(struct rws_selector *sel, int64_t deadline);

/* The socket has something to post. */
void selector_dirty(struct sock *s);
void selector_clean(struct sock *s);

/* The socket shall be told WRITABLE when there are buffers or ring slots again. */
void selector_starve(struct sock *s);
void selector_sate(struct sock *s);

/* A buffer of the pool; NULL: there is none, which is counted. */
struct pbuf *selector_buffer(struct rws_selector *sel);

/* Buffers that one socket may hold now, while it holds so many. */
static inline uint32_t selector_share(const struct rws_selector *selector, uint32_t held)
{
	uint32_t left = selector->buffers_left;
	uint32_t spare = left > SELECTOR_RESERVE ? left - SELECTOR_RESERVE : 0;

	if (left + held > SELECTOR_BUFFERS - SELECTOR_BUFFERS / 16) /* the others' */
		return SELECTOR_BUFFERS;
	return 2 + spare * spare / (SELECTOR_RESERVE / 2);
}

/* The next lane to connect through. */
unsigned selector_next_lane(struct rws_selector *sel);

/* Remembers an endpoint to be reset and released; there is room for a batch of events always. */
void lane_orphan(struct lane *lane, struct endpoint *ep);

int64_t selector_clock(const struct rws_selector *sel);

/* Adds to one of struct selector_counters. */
static inline void selector_count(_Atomic uint64_t *counter, uint64_t n)
{
	n += atomic_load_explicit(counter, memory_order_relaxed);
	atomic_store_explicit(counter, n, memory_order_relaxed);
}

/* The loop was entered and is left: a close from within a callback happens at the last one. */
void selector_enter(struct rws_selector *sel);
void selector_leave(struct rws_selector *sel);

/* Closes it for good: sel is gone on return. selector_life.c */
void selector_finish(struct rws_selector *sel);

#endif
