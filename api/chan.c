/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/chan.h"

#include <errno.h>
#include <string.h>

#include <rte_malloc.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

/*
 * One direction. The producer's messages wait in `staged` until they are published in one go, so
 * that the consumer's cache line of the ring index moves once a batch.
 *
 * rte_ring pairs the producer's release store of prod.tail with the consumer's acquire load of it,
 * and the consumer's release store of cons.tail with the producer's acquire load.
 */
struct lane {
	struct rte_ring *ring;
	unsigned staged_count; /* producer's, as is what follows */
	bool untold; /* published something, also between two turns, and nobody was told of it yet */
	struct chan_message staged[CHAN_BATCH];
};

struct chan {
	struct lane requests; /* application to stack core */
	struct lane events;   /* stack core to application */
};

static int lane_init(struct lane *lane, const char *name)
{
	ssize_t size = rte_ring_get_memsize_elem(sizeof(struct chan_message), CHAN_SLOTS);

	lane->ring = rte_zmalloc(name, (size_t)size, RTE_CACHE_LINE_SIZE);
	if (lane->ring == NULL)
		return -ENOMEM;
	return rte_ring_init(lane->ring, name, CHAN_SLOTS, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

int chan_create(struct chan **out, struct fault *fault)
{
	struct chan *chan = rte_zmalloc("chan", sizeof(*chan), RTE_CACHE_LINE_SIZE);

	if (chan == NULL || lane_init(&chan->requests, "requests") != 0 ||
		lane_init(&chan->events, "events") != 0) {
		chan_free(chan);
		return fault_set(fault, -ENOMEM,
			"no memory for the rings between a selector and a stack core; give more with "
			"memory_mb");
	}
	*out = chan;
	return 0;
}

void chan_free(struct chan *chan)
{
	if (chan == NULL)
		return;
	rte_free(chan->requests.ring);
	rte_free(chan->events.ring);
	rte_free(chan);
}

static void lane_push(struct lane *lane)
{
	if (lane->staged_count == 0)
		return;

	unsigned sent = rte_ring_sp_enqueue_burst_elem(
		lane->ring, lane->staged, sizeof(struct chan_message), lane->staged_count, NULL);
	lane->staged_count -= sent;
	lane->untold |= sent > 0;
	if (lane->staged_count > 0)
		memmove(lane->staged, lane->staged + sent,
			lane->staged_count * sizeof(struct chan_message));
}

static bool lane_publish(struct lane *lane)
{
	lane_push(lane);
	bool untold = lane->untold;
	lane->untold = false;
	return untold;
}

static bool lane_put(struct lane *lane, const struct chan_message *message)
{
	if (lane->staged_count == CHAN_BATCH) {
		lane_push(lane);
		if (lane->staged_count == CHAN_BATCH)
			return false;
	}
	lane->staged[lane->staged_count++] = *message;
	return true;
}

static unsigned lane_take(struct lane *lane, struct chan_message *out, unsigned n)
{
	return rte_ring_sc_dequeue_burst_elem(
		lane->ring, out, sizeof(struct chan_message), n, NULL);
}

static unsigned lane_room(const struct lane *lane)
{
	return CHAN_BATCH - lane->staged_count + rte_ring_free_count(lane->ring);
}

bool chan_post(struct chan *chan, const struct chan_message *message)
{
	return lane_put(&chan->requests, message);
}

unsigned chan_post_room(const struct chan *chan)
{
	return lane_room(&chan->requests);
}

bool chan_publish(struct chan *chan)
{
	return lane_publish(&chan->requests);
}

unsigned chan_reap(struct chan *chan, struct chan_message *out, unsigned n)
{
	return lane_take(&chan->events, out, n);
}

bool chan_events_waiting(const struct chan *chan)
{
	return !rte_ring_empty(chan->events.ring);
}

bool chan_emit(struct chan *chan, const struct chan_message *message)
{
	return lane_put(&chan->events, message);
}

bool chan_flush(struct chan *chan)
{
	return lane_publish(&chan->events);
}

unsigned chan_fetch(struct chan *chan, struct chan_message *out, unsigned n)
{
	return lane_take(&chan->requests, out, n);
}

bool chan_requests_waiting(const struct chan *chan)
{
	return !rte_ring_empty(chan->requests.ring);
}

unsigned chan_emit_room(const struct chan *chan)
{
	return lane_room(&chan->events);
}
