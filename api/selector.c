/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/selector.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <rte_pause.h>

#include "api/chan.h"
#include "api/events.h"
#include "api/remote.h"
#include "api/socket.h"
#include "driver/pktbuf.h"

#define REAP_BUDGET 8u      /* batches of events from one stack core in a turn */
#define SPIN_NS     20000   /* looks for events this long before it sleeps */
#define STARVED_NS  1000000 /* looks for buffers, or places in a ring, that often */

int selector_check(const struct rws_selector *sel)
{
	return sel->owner == handle_this_thread() ? 0 : -EXDEV;
}

int64_t selector_clock(const struct rws_selector *sel)
{
	struct timespec now;

	if (sel->rws->clock != NULL)
		return sel->rws->clock(sel->rws->clock_user);
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t rws_now(struct rws_selector *sel)
{
	return sel->now;
}

/* ---- Lists ------------------------------------------------------------------------------ */

void selector_dirty(struct sock *s)
{
	if (s->is_dirty)
		return;
	struct lane *lane = sock_lane(s);
	s->is_dirty = true;
	lane->dirty_count++;
	slot_list_append(&lane->dirty, &s->slot);
}

void selector_starve(struct sock *s)
{
	if (s->is_starved)
		return;
	s->is_starved = true;
	sock_shrink_send_buffer(s);
	slot_list_append(&s->sel->starved, &s->slot);
}

struct pbuf *selector_buffer(struct rws_selector *sel)
{
	struct pbuf *p = pktbuf_alloc(sel->pool);

	if (p == NULL) {
		selector_count(&sel->rws->selector_counters[sel->id].no_buffers, 1);
		return NULL;
	}
	sel->buffers_left -= sel->buffers_left > 0;
	p->pkt_flags = 0;
	return p;
}

void selector_sate(struct sock *s)
{
	if (!s->is_starved)
		return;
	slot_list_remove(&s->sel->starved, &s->slot);
	s->is_starved = false;
}

unsigned selector_next_lane(struct rws_selector *sel)
{
	return sel->next_lane++ % sel->lane_count;
}

/* ---- Orphans ---------------------------------------------------------------------------- */

static bool lane_has_room_for_orphans(const struct lane *lane)
{
	return lane->orphan_count + CHAN_BATCH <= LANE_ORPHANS;
}

void lane_orphan(struct lane *lane, struct endpoint *ep)
{
	lane->orphans[lane->orphan_count++] = ep;
}

static bool post_orphan(struct lane *lane, struct endpoint *ep)
{
	struct chan_message abort = {.kind = REQ_ABORT, .ep = ep};
	struct chan_message release = {.kind = REQ_RELEASE, .ep = ep};

	if (!lane->orphan_aborted)
		lane->orphan_aborted = chan_post(lane->chan, &abort);
	if (!lane->orphan_aborted || !chan_post(lane->chan, &release))
		return false;
	lane->orphan_aborted = false;
	return true;
}

static void post_orphans(struct lane *lane)
{
	while (lane->orphan_count > 0 && post_orphan(lane, lane->orphans[lane->orphan_count - 1]))
		lane->orphan_count--;
}

/* ---- One turn --------------------------------------------------------------------------- */

void selector_clean(struct sock *s)
{
	if (!s->is_dirty)
		return;
	struct lane *lane = sock_lane(s);
	slot_list_remove(&lane->dirty, &s->slot);
	lane->dirty_count--;
	s->is_dirty = false;
}

/*
 * Those that are dirty now, as far as the ring takes them: the others stay where they are, and are
 * not looked at. One that found it full goes behind them.
 */
static void post_dirty(struct lane *lane)
{
	struct sock *s;

	for (unsigned n = lane->dirty_count; n > 0 && (s = slot_list_first(&lane->dirty)) != NULL;
		n--) {
		selector_clean(s);
		/* One that said all may be gone by then. */
		if (sock_post(s))
			continue;
		selector_dirty(s);
		if (chan_post_room(lane->chan) == 0)
			return;
	}
}

static bool publish(struct rws_selector *sel)
{
	bool any = false;

	for (unsigned i = 0; i < sel->lane_count; i++) {
		struct lane *lane = &sel->lanes[i];
		post_dirty(lane);
		post_orphans(lane);
		if (!chan_publish(lane->chan))
			continue;
		any = true;
		if (!sel->is_inline)
			core_wake(lane->core);
	}
	return any;
}

static bool reap_lane(struct lane *lane)
{
	struct chan_message messages[CHAN_BATCH];
	unsigned n = 0, batches = 0;

	while (batches < REAP_BUDGET && lane_has_room_for_orphans(lane) &&
		(n = chan_reap(lane->chan, messages, CHAN_BATCH)) > 0) {
		for (unsigned i = 0; i < n; i++)
			socket_event(lane, &messages[i]);
		batches++;
	}
	return batches > 0;
}

static void expire(struct rws_selector *sel)
{
	struct sock *s;

	while ((s = deadline_due(&sel->deadlines, sel->now)) != NULL)
		timeout_due(s);
}

/* A writer that went away with -EAGAIN tries again; or goes to the end while its ring is full. */
static void feed(struct sock *s)
{
	selector_sate(s);
	if (chan_post_room(sock_lane(s)->chan) == 0) {
		selector_starve(s);
		return;
	}
	sock_tell(s, RWS_EV_WRITABLE);
	selector_dirty(s);
}

/* Buffers are back, or a ring has room: as many as there are buffers, once around at most. */
static void feed_starved(struct rws_selector *sel)
{
	uint32_t last = sel->starved.last;
	bool over = slot_list_empty(&sel->starved);

	copies_feed(sel, sel->buffers_left);
	for (uint32_t n = sel->buffers_left; n > 0 && !over; n--) {
		struct sock *s = slot_list_first(&sel->starved);
		over = s->slot.index == last;
		feed(s);
	}
}

void selector_turn(struct rws_selector *sel)
{
	bool busy = false;

	sel->now = selector_clock(sel);
	sel->buffers_left = pktpool_left(sel->pool);
	busy |= remote_run(sel);
	busy |= hosts_run(sel);
	feed_starved(sel);
	busy |= copies_run(sel);
	busy |= publish(sel);
	if (sel->is_inline)
		busy |= core_run_once(sel->lanes[0].core);
	for (unsigned i = 0; i < sel->lane_count; i++)
		busy |= reap_lane(&sel->lanes[i]);
	expire(sel);
	sel->busy = busy;
}

void selector_await(
	struct rws_selector *sel, bool (*is_so)(const struct sock *s), const struct sock *s)
{
	bool before = sel->no_callbacks;

	selector_enter(sel);
	sel->no_callbacks = true;
	while (!is_so(s)) {
		selector_turn(sel);
		if (!is_so(s))
			selector_idle(sel, INT64_MAX);
	}
	sel->no_callbacks = before;
	selector_leave(sel);
}

/* ---- Waiting ---------------------------------------------------------------------------- */

static bool lane_has_posts(const struct lane *lane)
{
	return !slot_list_empty(&lane->dirty) || lane->orphan_count > 0;
}

/* Something to post finds no room: a stack core that makes some tells nobody. */
static bool any_ring_is_full(const struct rws_selector *sel)
{
	for (unsigned i = 0; i < sel->lane_count; i++) {
		const struct lane *lane = &sel->lanes[i];
		if (lane_has_posts(lane) && chan_post_room(lane->chan) == 0)
			return true;
	}
	return false;
}

/* Anything that a turn would do now. */
static bool anything_waits(const struct rws_selector *sel)
{
	if (remote_waiting(sel) || !slot_list_empty(&sel->copies_due) ||
		(!sel->no_callbacks && events_waiting(sel)))
		return true;
	for (unsigned i = 0; i < sel->lane_count; i++) {
		const struct lane *lane = &sel->lanes[i];
		if (chan_events_waiting(lane->chan) ||
			(lane_has_posts(lane) && chan_post_room(lane->chan) > 0))
			return true;
	}
	return false;
}

static void drain_wake_fd(struct rws_selector *sel)
{
	uint64_t count;
	ssize_t ignored = read(sel->wake.fd, &count, sizeof(count));

	(void)ignored;
}

/*
 * Sleeps until somebody writes the descriptor. `sleeping` is stored, then the rings are looked at;
 * the other side fills them, then loads it, with a full fence on both sides: one sees the other.
 */
static int sleep_until(struct rws_selector *sel, int64_t until)
{
	int result = 0;

	atomic_store(&sel->wake.sleeping, true);
	atomic_thread_fence(memory_order_seq_cst);
	if (!anything_waits(sel)) {
		int64_t left = until - selector_clock(sel);
		struct timespec timeout = {left / 1000000000, left % 1000000000};
		struct pollfd fd = {.fd = sel->wake.fd, .events = POLLIN};
		if (left > 0 && ppoll(&fd, 1, until == INT64_MAX ? NULL : &timeout, NULL) < 0)
			result = -EINTR;
	}
	atomic_store(&sel->wake.sleeping, false);
	drain_wake_fd(sel);
	return result;
}

static int64_t wait_until(const struct rws_selector *sel, int64_t deadline)
{
	int64_t until = deadline;
	int64_t next = deadline_next(&sel->deadlines);

	if (next < until)
		until = next;
	if (sel->hosts.due < until)
		until = sel->hosts.due;
	bool starved = !slot_list_empty(&sel->starved) || !slot_list_empty(&sel->copies_starved) ||
		any_ring_is_full(sel);
	if (starved && sel->now + STARVED_NS < until)
		until = sel->now + STARVED_NS;
	return until;
}

/* RWS_INLINE: the stack core knows how to be idle; other threads wake it through our descriptor. */
static int idle_inline(struct rws_selector *sel, int64_t until)
{
	int result = 0;

	if (sel->rws->idle != RWS_IDLE_SLEEP)
		return core_idle(sel->lanes[0].core, until, -1);
	atomic_store(&sel->wake.sleeping, true);
	atomic_thread_fence(memory_order_seq_cst);
	if (!anything_waits(sel))
		result = core_idle(sel->lanes[0].core, until, sel->wake.fd);
	atomic_store(&sel->wake.sleeping, false);
	drain_wake_fd(sel);
	return result;
}

static int idle_channel(struct rws_selector *sel, int64_t until)
{
	switch (sel->rws->idle) {
	case RWS_IDLE_POLL:
		rte_pause();
		return 0;
	case RWS_IDLE_YIELD:
		sched_yield();
		return 0;
	default:
		break;
	}
	if (sel->now < sel->spin_until) {
		rte_pause();
		return 0;
	}
	return sleep_until(sel, until);
}

int selector_idle(struct rws_selector *sel, int64_t deadline)
{
	int64_t until = wait_until(sel, deadline);

	if (sel->busy) {
		sel->spin_until = sel->now + SPIN_NS;
		return 0;
	}
	if (anything_waits(sel))
		return 0;
	if (sel->is_inline)
		return idle_inline(sel, until);
	if (sel->rws->wait == NULL)
		return idle_channel(sel, until);
	sel->rws->wait(sel->rws->clock_user, until);
	return 0;
}

int rws_selector_eventfd(struct rws_selector *sel)
{
	int result = selector_check(sel);

	if (result != 0)
		return result;
	if (sel->is_inline)
		return -ENOTSUP;
	return external_wait_make(&sel->external, sel->wake.fd);
}

void selector_enter(struct rws_selector *sel)
{
	if (sel->loops++ == 0 && sel->external.is_made) {
		atomic_store(&sel->wake.sleeping, false);
		drain_wake_fd(sel);
	}
}

/* Armed for epoll until the loop runs again; what came meanwhile makes it readable at once. */
static void arm_external_wait(struct rws_selector *sel)
{
	int64_t now = selector_clock(sel), until = wait_until(sel, INT64_MAX);
	const uint64_t one = 1;

	atomic_store(&sel->wake.sleeping, true);
	atomic_thread_fence(memory_order_seq_cst);
	if (anything_waits(sel) || !slot_list_empty(&sel->ready) ||
		!slot_list_empty(&sel->copies_ready) || until <= now) {
		ssize_t ignored = write(sel->wake.fd, &one, sizeof(one));
		(void)ignored;
	} else {
		external_wait_arm(&sel->external, now, until);
	}
}

void selector_leave(struct rws_selector *sel)
{
	if (--sel->loops > 0)
		return;
	if (sel->close_pending)
		selector_finish(sel);
	else if (sel->external.is_made)
		arm_external_wait(sel);
}
