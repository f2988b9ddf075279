/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A producer and a consumer thread on a channel pair, as application and stack core are: every
 * message comes once, in order and whole, in both directions, through full and empty rings. Run
 * under TSan by scripts/test.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/chan.h"
#include "driver/eal.h"

static unsigned messages = 400000;
static _Atomic unsigned finished;

struct side {
	struct chan *chan;
	bool (*put)(struct chan *chan, const struct chan_message *message);
	bool (*publish)(struct chan *chan);
	unsigned (*take)(struct chan *chan, struct chan_message *out, unsigned n);
	unsigned burst; /* messages taken at once: uneven, so that indices wrap unaligned */
	unsigned refused, empty; /* how often a ring was full or empty */
};

static struct chan_message message_of(unsigned i)
{
	return (struct chan_message){
		.kind = (uint16_t)i,
		.local_scope = (uint8_t)~i,
		.error = (int32_t)i,
		.length = i * 2654435761u,
		.count = ~i,
	};
}

static bool is_message_of(const struct chan_message *m, unsigned i)
{
	return m->kind == (uint16_t)i && m->local_scope == (uint8_t)~i && m->error == (int32_t)i &&
		m->length == i * 2654435761u && m->count == ~i;
}

static void *run_side(void *arg)
{
	struct side *side = arg;
	unsigned sent = 0, received = 0;
	struct chan_message batch[CHAN_BATCH];

	while (sent < messages || received < messages) {
		for (unsigned i = 0; i < side->burst * 3 && sent < messages; i++) {
			struct chan_message m = message_of(sent);
			if (!side->put(side->chan, &m)) {
				side->refused++;
				break;
			}
			sent++;
		}
		side->publish(side->chan);
		unsigned n = side->take(side->chan, batch, side->burst);
		for (unsigned i = 0; i < n; i++, received++)
			if (!is_message_of(&batch[i], received)) {
				fputs("chan_stress: a message was lost, doubled, torn or out of "
				      "order\n",
					stderr);
				exit(1);
			}
		if (n == 0) {
			side->empty++;
			sched_yield();
		}
	}
	atomic_fetch_add(&finished, 1);
	while (atomic_load(&finished) < 2) { /* the other side may still wait for staged ones */
		side->publish(side->chan);
		sched_yield();
	}
	return NULL;
}

int main(void)
{
	struct eal_config eal = {.memory_mb = 64};
	struct fault fault = {.text = ""};
	struct chan *chan;
	pthread_t application;

	const char *wanted = getenv("RWS_STRESS_MESSAGES");

	if (wanted != NULL)
		messages = (unsigned)strtoul(wanted, NULL, 10);
	if (eal_start(&eal, &fault) != 0 || chan_create(&chan, &fault) != 0) {
		fprintf(stderr, "chan_stress: %s\n", fault.text);
		return 1;
	}
	struct side app = {chan, chan_post, chan_publish, chan_reap, .burst = 7};
	struct side core = {chan, chan_emit, chan_flush, chan_fetch, .burst = 31};
	if (pthread_create(&application, NULL, run_side, &app) != 0)
		return 1;
	run_side(&core);
	pthread_join(application, NULL);

	printf("chan_stress: %u messages each way; full %u and %u times, empty %u and %u times\n",
		messages, app.refused, core.refused, app.empty, core.empty);
	chan_free(chan);
	eal_stop();
	return 0;
}
