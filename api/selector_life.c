/* SPDX-License-Identifier: BSD-3-Clause */
/* Creating and closing selectors. */
#include "api/selector.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "api/buf.h"
#include "api/chan.h"
#include "api/donation.h"
#include "api/remote.h"
#include "api/socket.h"
#include "driver/pktbuf.h"

#define CHANNELS_MIN  16384u             /* of rws_channel_create there may be at least */
#define CLOSE_NS      (5 * 1000000000LL) /* how long a close waits for the stack cores */
#define CLOSE_STEP_NS 1000000

/* ---- Creating --------------------------------------------------------------------------- */

/*
 * TCP may still hold buffers of a selector that is closed, until they are acknowledged. So pools
 * belong to the runtime, which frees them last; the id's next selector uses the same one.
 */
static int make_pool(struct rws_selector *sel)
{
	struct pktpool **pool = &sel->rws->tx_pools[sel->id];
	struct pktpool_config config = {.count = SELECTOR_BUFFERS, .numa_node = -1};
	char name[20];
	int result = 0;

	if (*pool == NULL) {
		snprintf(name, sizeof(name), "tx_%u", sel->id);
		config.name = name;
		result = pktpool_create(&config, pool, NULL);
	}
	sel->pool = *pool;
	sel->send_growth_left = SELECTOR_BUFFERS / 2 * PKTBUF_DATA_DEFAULT;
	return result;
}

static int join_core(struct rws_selector *sel, unsigned core)
{
	struct lane *lane = &sel->lanes[sel->lane_count];

	*lane = (struct lane){.core = sel->rws->cores[core], .id = core};
	slot_list_init(&lane->dirty, &sel->socks, offsetof(struct sock, dirty_link));
	int result = chan_create(&lane->chan, NULL);
	if (result != 0)
		return result;
	sel->lane_count++;
	result = core_join(lane->core, lane->chan, &sel->wake);
	lane->joined = result == 0;
	return result;
}

static int join_cores(struct rws_selector *sel, unsigned core)
{
	unsigned count = sel->is_inline ? 1 : sel->rws->core_count;
	int result = 0;

	sel->lanes = calloc(count, sizeof(*sel->lanes));
	if (sel->lanes == NULL)
		return -ENOMEM;
	if (sel->is_inline) {
		result = core_claim(sel->rws->cores[core], NULL);
		if (result != 0)
			return result;
		sel->claimed = sel->rws->cores[core];
		return join_core(sel, core);
	}
	for (unsigned i = 0; i < count && result == 0; i++)
		result = join_core(sel, i);
	return result;
}

static int make_tables(struct rws_selector *sel)
{
	uint32_t generation = sel->first_generation;
	uint32_t sockets = sel->rws->sockets_max;
	/* A relay has as many channels as sockets. */
	uint32_t channels = sockets > CHANNELS_MIN ? sockets : CHANNELS_MIN;
	int result = slot_table_init(&sel->socks, sizeof(struct sock), sockets, generation);

	if (result == 0)
		result = slot_table_init(
			&sel->channels, sizeof(struct own_channel), channels, generation);
	if (result == 0)
		result = slot_table_init(
			&sel->bufs, sizeof(struct rws_buf), DETACHED_MAX, generation);
	if (result == 0)
		result = copies_init(sel, generation);
	if (result == 0)
		result = deadlines_init(&sel->deadlines, sockets);
	if (result == 0)
		result = grant_table_init(&sel->grants);
	if (result == 0)
		result = small_segments_init(&sel->small);
	return result;
}

static void init_lists(struct rws_selector *sel)
{
	slot_list_init(&sel->starved, &sel->socks, offsetof(struct sock, starved_link));
	slot_list_init(&sel->ready, &sel->socks, offsetof(struct sock, event_link));
	slot_list_init(&sel->news, &sel->socks, offsetof(struct sock, event_link));
	block_pool_init(&sel->setups, sizeof(struct endpoint_setup));
	block_pool_init(&sel->extras, sizeof(struct sock_extra));
	hosts_init(&sel->hosts);
}

/* The generation that the id's next selector starts with: above all there were. */
static uint32_t next_generation(const struct rws_selector *sel)
{
	const struct slot_table *const tables[] = {&sel->socks, &sel->channels, &sel->copies};
	uint32_t last = sel->first_generation; /* of one that came to nothing there were none */

	for (unsigned i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		last = tables[i]->last_generation > last ? tables[i]->last_generation : last;
	return (last + 1) & HANDLE_GENERATION_MAX;
}

static void free_all(struct rws_selector *sel)
{
	for (unsigned i = 0; i < sel->lane_count; i++) {
		if (sel->lanes[i].joined)
			core_part(sel->lanes[i].core, sel->lanes[i].chan);
		chan_free(sel->lanes[i].chan);
	}
	if (sel->claimed != NULL)
		core_unclaim(sel->claimed);
	handle_unregister(sel->id, next_generation(sel));
	atomic_fetch_sub(&sel->rws->selector_count, 1);
	free(sel->lanes);
	slot_table_fini(&sel->socks);
	slot_table_fini(&sel->channels);
	slot_table_fini(&sel->bufs);
	slot_table_fini(&sel->copies);
	deadlines_fini(&sel->deadlines);
	options_forget(&sel->options);
	block_pool_fini(&sel->setups);
	block_pool_fini(&sel->extras);
	hosts_fini(&sel->hosts);
	grant_table_fini(&sel->grants);
	small_segments_fini(&sel->small);
	remote_fini(sel);
	external_wait_free(&sel->external);
	if (sel->wake.fd >= 0)
		close(sel->wake.fd);
	free(sel);
}

static int set_up(struct rws_selector *sel, unsigned core)
{
	sel->wake.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (sel->wake.fd < 0)
		return -errno;
	int result = remote_init(sel);
	if (result == 0)
		result = make_tables(sel);
	if (result == 0)
		result = make_pool(sel);
	if (result == 0)
		result = join_cores(sel, core);
	sel->now = selector_clock(sel);
	return result;
}

int rws_selector_create(struct rws *rws, unsigned core, struct rws_selector **out)
{
	if (rws == NULL || out == NULL || (rws->placement == RWS_INLINE && core >= rws->core_count))
		return -EINVAL;
	struct rws_selector *sel = calloc(1, sizeof(*sel));
	if (sel == NULL)
		return -ENOMEM;
	sel->rws = rws;
	sel->owner = handle_this_thread();
	sel->is_inline = rws->placement == RWS_INLINE;
	sel->wake.fd = -1;
	init_lists(sel);
	int id = handle_register(&sel->first_generation);
	if (id < 0) {
		free(sel);
		return id;
	}
	sel->id = (unsigned)id;
	atomic_fetch_add(&rws->selector_count, 1);
	int result = set_up(sel, core);
	if (result != 0) {
		free_all(sel);
		return result;
	}
	handle_publish(sel->id, sel);
	*out = sel;
	return 0;
}

/* ---- Closing ---------------------------------------------------------------------------- */

/*
 * Aborts and disposes all that is alive, and what lingers after its dispose; how many could still
 * be named.
 */
static int abort_all(struct rws_selector *sel)
{
	int alive = 0;

	hosts_stop(sel); /* with sockets that are not the application's */
	for (uint32_t i = 0; i < sel->socks.touched; i++) {
		struct sock *s = (struct sock *)slot_at(&sel->socks, i);
		if (s->context.state == JOB_NONE) /* a free slot */
			continue;
		alive += slot_is_live(&s->slot) && !s->is_queued;
		sock_abort(s, -ECANCELED, -ECANCELED);
		sock_dispose(s);
	}
	return alive;
}

static void drop_channels(struct rws_selector *sel)
{
	for (uint32_t i = 0; i < sel->channels.touched; i++) {
		const struct slot *slot = slot_at(&sel->channels, i);
		if (slot_is_live(slot))
			rws_channel_dispose(handle_make(HANDLE_CHANNEL, sel->id, slot));
	}
}

static bool anything_left(const struct rws_selector *sel)
{
	if (sel->socks.live > 0)
		return true;
	for (unsigned i = 0; i < sel->lane_count; i++) {
		if (sel->lanes[i].orphan_count > 0)
			return true;
	}
	return false;
}

/* Until the stack cores let go of all sockets; they do so within a turn unless they hang. */
static void drain(struct rws_selector *sel)
{
	int64_t until = selector_clock(sel) + CLOSE_NS;

	while (anything_left(sel)) {
		selector_turn(sel);
		if (sel->now >= until)
			break;
		if (anything_left(sel))
			selector_idle(sel, sel->now + CLOSE_STEP_NS);
	}
	/* The last requests, whose answers nobody waits for. */
	selector_turn(sel);
}

void selector_finish(struct rws_selector *sel)
{
	sel->in_callback = sel->no_callbacks = true; /* nothing is called back any more */
	abort_all(sel);
	buf_free_all(sel);
	drop_channels(sel);
	drain(sel);
	donations_run(sel);
	free_all(sel);
}

int rws_selector_close(struct rws_selector *sel)
{
	int result = selector_check(sel);

	if (result != 0)
		return result;
	int alive = abort_all(sel);
	if (sel->loops > 0)
		sel->close_pending = true;
	else
		selector_finish(sel);
	return alive;
}
