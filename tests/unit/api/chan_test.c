/* SPDX-License-Identifier: BSD-3-Clause */
/* Rings that run full: whoever sleeps at the other end is told of what was published. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/chan.h"
#include "api/runtime.h"
#include "tests/unit/api/rig.h"

static struct chan *chan;

static int start(void **state)
{
	struct fault fault = {.text = ""};

	return chan_create(&chan, &fault);
}

static int over(void **state)
{
	chan_free(chan);
	return 0;
}

typedef bool put_fn(struct chan *chan, const struct chan_message *message);
typedef bool publish_fn(struct chan *chan);
typedef unsigned take_fn(struct chan *chan, struct chan_message *out, unsigned n);

/* More than the ring takes; how many were. */
static unsigned put_all(put_fn *put)
{
	struct chan_message message = {.kind = EV_FIN};
	unsigned n = 0;

	while (put(chan, &message))
		n++;
	return n;
}

static void a_full_lane_tells(put_fn *put, publish_fn *publish, take_fn *take)
{
	struct chan_message out[CHAN_BATCH];

	assert_false(publish(chan));
	assert_int_equal(put_all(put), CHAN_SLOTS - 1 + CHAN_BATCH);
	assert_true(publish(chan)); /* nothing goes any more, much went before */
	assert_false(publish(chan));
	assert_int_equal(take(chan, out, CHAN_BATCH), CHAN_BATCH);
	assert_true(publish(chan)); /* those that waited */
	assert_false(publish(chan));
}

static void events_of_a_turn_that_fills_the_ring_are_told(void **state)
{
	a_full_lane_tells(chan_emit, chan_flush, chan_reap);
}

static void requests_that_fill_the_ring_are_told(void **state)
{
	a_full_lane_tells(chan_post, chan_publish, chan_fetch);
}

static void batches_that_went_early_are_told(void **state)
{
	struct chan_message message = {.kind = EV_FIN}, out[CHAN_BATCH];

	for (unsigned i = 0; i < CHAN_BATCH + 1; i++)
		assert_true(chan_emit(chan, &message));
	assert_int_equal(chan_reap(chan, out, CHAN_BATCH), CHAN_BATCH);
	assert_true(chan_flush(chan));
}

/* ---- A stack core and a selector that sleeps -------------------------------------------- */

static void a_selector_that_sleeps_is_woken_when_its_ring_is_full(void **state)
{
	struct rig *rig = *state;
	struct core *core = rig->rws[0]->cores[0];
	struct selector_wake wake = {.sleeping = true, .fd = eventfd(0, EFD_NONBLOCK)};
	eventfd_t count;

	assert_int_equal(start(NULL), 0);
	assert_int_equal(core_join(core, chan, &wake), 0);
	put_all(chan_emit);
	core_run_once(core);
	assert_int_equal(eventfd_read(wake.fd, &count), 0);
	core_run_once(core);
	assert_int_equal(eventfd_read(wake.fd, &count), -1); /* once is enough */
	core_part(core, chan);
	over(NULL);
	close(wake.fd);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, over)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(events_of_a_turn_that_fills_the_ring_are_told),
		CASE(requests_that_fill_the_ring_are_told),
		CASE(batches_that_went_early_are_told),
		cmocka_unit_test_setup_teardown(
			a_selector_that_sleeps_is_woken_when_its_ring_is_full, rig_setup,
			rig_teardown),
	};

	return cmocka_run_group_tests(tests, rig_group_setup, rig_group_teardown);
}
