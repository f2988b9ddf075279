/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "stack/base/siphash.h"
#include "stack/base/wheel.h"

#define HOUR UINT64_C(3600000)

static void timer_fires_at_its_time_and_once(void **state)
{
	const uint64_t starts[] = {0, 1, 63, 64, 4095, 4096, 0xffffff, 0xffffffff, 123456789012};
	const uint64_t delays[] = {0, 1, 2, 62, 63, 64, 65, 127, 128, 129, 200, 4095, 4096, 8191,
		8192, 60000, 262143, 262144, 524288, HOUR, 5 * HOUR, 100 * HOUR, 2000 * HOUR};
	for (unsigned i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		for (unsigned j = 0; j < sizeof(delays) / sizeof(delays[0]); j++) {
			struct wheel wheel;
			struct wheel_timer timer = {.link = NULL};
			uint64_t due = starts[i] + delays[j];
			wheel_init(&wheel, starts[i]);
			assert_false(wheel_armed(&timer));
			wheel_arm(&wheel, &timer, due);
			assert_true(wheel_armed(&timer));
			if (delays[j] > 0)
				assert_null(wheel_expire(&wheel, due - 1));
			assert_true(wheel_armed(&timer));
			assert_ptr_equal(wheel_expire(&wheel, due), &timer);
			assert_false(wheel_armed(&timer));
			assert_int_equal(timer.due_ms, due);
			assert_null(wheel_expire(&wheel, due));
			assert_null(wheel_expire(&wheel, due + 10000 * HOUR));
		}
	}
}

static void timer_fires_at_its_time_when_every_millisecond_is_polled(void **state)
{
	for (uint64_t delay = 1; delay < 20000; delay += 1 + delay / 7) {
		struct wheel wheel;
		struct wheel_timer timer = {.link = NULL};
		wheel_init(&wheel, 1000);
		wheel_arm(&wheel, &timer, 1000 + delay);
		for (uint64_t now = 1000; now < 1000 + delay; now++)
			assert_null(wheel_expire(&wheel, now));
		assert_ptr_equal(wheel_expire(&wheel, 1000 + delay), &timer);
	}
}

static void sleeper_who_trusts_the_next_time_is_woken_in_time(void **state)
{
	const uint64_t delays[] = {1, 63, 64, 200, 5000, 60000, 300000, 2 * HOUR, 50 * HOUR};
	for (unsigned j = 0; j < sizeof(delays) / sizeof(delays[0]); j++) {
		struct wheel wheel;
		struct wheel_timer timer = {.link = NULL}, *fired = NULL;
		uint64_t now = 777;
		unsigned wakes = 0;
		wheel_init(&wheel, now);
		assert_true(wheel_next_ms(&wheel) == UINT64_MAX);
		wheel_arm(&wheel, &timer, now + delays[j]);
		for (; fired == NULL; wakes++) {
			assert_true(wheel_next_ms(&wheel) > now);
			now = wheel_next_ms(&wheel);
			fired = wheel_expire(&wheel, now);
		}
		assert_int_equal(now, 777 + delays[j]);
		assert_true(wakes <= 20);
		assert_true(wheel_next_ms(&wheel) == UINT64_MAX);
	}
}

static void timer_armed_again_fires_at_the_new_time_only(void **state)
{
	struct wheel wheel;
	struct wheel_timer timer = {.link = NULL};
	wheel_init(&wheel, 0);
	wheel_arm(&wheel, &timer, 10);
	wheel_arm(&wheel, &timer, 5000);
	assert_null(wheel_expire(&wheel, 4999));
	wheel_arm(&wheel, &timer, 5001);
	assert_null(wheel_expire(&wheel, 5000));
	assert_ptr_equal(wheel_expire(&wheel, 5001), &timer);
	assert_null(wheel_expire(&wheel, 10000));
}

static void cancelled_timer_does_not_fire(void **state)
{
	struct wheel wheel;
	struct wheel_timer timer[3] = {{.link = NULL}};
	wheel_init(&wheel, 0);
	for (unsigned i = 0; i < 3; i++) { /* alone, first, middle and last of its slot */
		for (unsigned j = 0; j < 3; j++)
			wheel_arm(&wheel, &timer[j], 70);
		wheel_cancel(&wheel, &timer[i]);
		assert_false(wheel_armed(&timer[i]));
		wheel_cancel(&wheel, &timer[i]);
		for (unsigned j = 0; j < 3; j++)
			assert_int_equal(wheel_armed(&timer[j]), j != i);
		wheel_cancel(&wheel, &timer[(i + 1) % 3]);
		wheel_cancel(&wheel, &timer[(i + 2) % 3]);
		assert_true(wheel_next_ms(&wheel) == UINT64_MAX);
	}
	assert_null(wheel_expire(&wheel, 100));
}

static void overdue_timer_fires_at_the_next_call(void **state)
{
	struct wheel wheel;
	struct wheel_timer timer = {.link = NULL};
	wheel_init(&wheel, 1000);
	wheel_arm(&wheel, &timer, 3);
	assert_true(wheel_next_ms(&wheel) <= 1000);
	assert_ptr_equal(wheel_expire(&wheel, 1000), &timer);
	assert_null(wheel_expire(&wheel, 100000));
	wheel_arm(&wheel, &timer, 99999);
	assert_ptr_equal(wheel_expire(&wheel, 100000), &timer);
	assert_int_equal(timer.due_ms, 99999);
}

static void clock_that_goes_back_stands_still(void **state)
{
	struct wheel wheel;
	struct wheel_timer timer = {.link = NULL};
	wheel_init(&wheel, 10000);
	assert_null(wheel_expire(&wheel, 9000));
	wheel_arm(&wheel, &timer, 10100);
	assert_null(wheel_expire(&wheel, 10099));
	assert_null(wheel_expire(&wheel, 1));
	assert_int_equal(wheel_next_ms(&wheel), 10100);
	wheel_arm(&wheel, &timer, 10000);
	assert_null(wheel_expire(&wheel, 10050));
	assert_ptr_equal(wheel_expire(&wheel, 10099), &timer);
	assert_null(wheel_expire(&wheel, 1));
	wheel_arm(&wheel, &timer, 10100);
	assert_int_equal(wheel_next_ms(&wheel), 10100);
	assert_null(wheel_expire(&wheel, 10099));
	assert_ptr_equal(wheel_expire(&wheel, 10100), &timer);
}

/* The core polls all the time: between timers wheel_expire must not look at the levels. */
static void poll_has_nothing_to_do_until_a_timer_is_near(void **state)
{
	struct wheel wheel;
	struct wheel_timer timer = {.link = NULL};
	wheel_init(&wheel, 1000);
	assert_null(wheel_expire(&wheel, 1000));
	assert_true(wheel.next_ms == UINT64_MAX);
	wheel_arm(&wheel, &timer, 61000);
	unsigned busy = 0;
	for (uint64_t now = 1000; now < 61000; now++) {
		assert_null(wheel_expire(&wheel, now));
		busy += wheel.next_ms <= now;
	}
	assert_in_range(busy, 0, 3);
	assert_ptr_equal(wheel_expire(&wheel, 61000), &timer);
	assert_null(wheel_expire(&wheel, 61000));
	assert_true(wheel.next_ms == UINT64_MAX);
}

/* A step for each millisecond would not come to an end. */
static void hours_pass_in_a_few_steps(void **state)
{
	struct wheel wheel;
	struct wheel_timer timer = {.link = NULL};
	uint64_t now = 0;
	wheel_init(&wheel, now);
	for (unsigned i = 0; i < 100000; i++) {
		wheel_arm(&wheel, &timer, now + 2 * HOUR + i);
		now += 2 * HOUR + i;
		assert_ptr_equal(wheel_expire(&wheel, now), &timer);
		now += 7 * HOUR;
		assert_null(wheel_expire(&wheel, now));
	}
}

/* Timers of one slot of four seconds, polled: when its time comes they have moved, in small lots. */
static void crowded_slot_is_empty_when_its_time_comes(void **state)
{
	static struct wheel wheel;
	static struct wheel_timer timer[50000];
	const unsigned slot = 2 * 128 + 15; /* level 2, number 15: ms 61440 to 65535 */
	unsigned fired = 0, crowded = 0;
	memset(timer, 0, sizeof(timer));
	wheel_init(&wheel, 0);
	for (unsigned i = 0; i < 50000; i++)
		wheel_arm(&wheel, &timer[i], 61440 + i % 4096);
	assert_non_null(wheel.slot[slot]);
	for (uint64_t now = 0; now <= 66000; now++) {
		if (now == 61439)
			assert_null(wheel.slot[slot]);
		for (struct wheel_timer *t; (t = wheel_expire(&wheel, now)) != NULL; fired++)
			assert_int_equal(t->due_ms, now);
		crowded += wheel.slot[slot] != NULL;
	}
	assert_int_equal(fired, 50000);
	assert_true(crowded > 61440 - 4096); /* not before it was time to start, either */
}

#define TIMERS 500u

/* What the wheel must do: timer i is armed, and due. */
struct model {
	struct wheel wheel;
	struct wheel_timer timer[TIMERS];
	uint64_t due[TIMERS];
	uint64_t
		turn[TIMERS]; /* due, or when it was armed if that was later: fires in this order */
	bool armed[TIMERS];
	uint64_t now;
	struct prng prng;
};

static uint64_t any(struct model *m, uint64_t limit)
{
	return prng_next(&m->prng) % limit;
}

/* From none to weeks, small ones more often. */
static uint64_t any_span(struct model *m)
{
	const uint64_t limits[] = {2, 2, 70, 70, 300, 5000, 70000, 300000, 3 * HOUR, 3000 * HOUR};
	return any(m, limits[any(m, sizeof(limits) / sizeof(limits[0]))]);
}

static void change_any_timer(struct model *m)
{
	uint64_t i = any(m, TIMERS);
	assert_int_equal(wheel_armed(&m->timer[i]), m->armed[i]);
	if (any(m, 3) == 0) {
		wheel_cancel(&m->wheel, &m->timer[i]);
		m->armed[i] = false;
		return;
	}
	m->due[i] = m->now + any_span(m);
	if (any(m, 10) == 0 && m->now > 100)
		m->due[i] = m->now - any(m, 100);
	m->turn[i] = m->due[i] > m->now ? m->due[i] : m->now;
	wheel_arm(&m->wheel, &m->timer[i], m->due[i]);
	m->armed[i] = true;
}

static uint64_t first_due(const struct model *m)
{
	uint64_t first = UINT64_MAX;
	for (unsigned i = 0; i < TIMERS; i++)
		if (m->armed[i] && m->due[i] < first)
			first = m->due[i];
	return first;
}

static void check_next(const struct model *m)
{
	uint64_t first = first_due(m), next = wheel_next_ms(&m->wheel);
	assert_int_equal(first == UINT64_MAX, next == UINT64_MAX);
	if (first > m->now)
		assert_true(next <= first);
	if (first / 64 == m->now / 64 && first >= m->now)
		assert_int_equal(next, first);
}

/* Until nothing is due; now and then a timer is changed in between. */
static void run_model(struct model *m)
{
	struct wheel_timer *t;
	bool changed = false;
	uint64_t last = 0;
	while ((t = wheel_expire(&m->wheel, m->now)) != NULL) {
		size_t i = (size_t)(t - m->timer);
		assert_true(i < TIMERS && m->armed[i] && !wheel_armed(t));
		assert_int_equal(t->due_ms, m->due[i]);
		assert_true(m->due[i] <= m->now);
		m->armed[i] = false;
		assert_true(changed || m->turn[i] >= last);
		last = m->turn[i];
		if (any(m, 4) == 0) {
			change_any_timer(m);
			changed = true;
		}
	}
	assert_true(first_due(m) > m->now);
}

static unsigned seed;
#define SEEDS 20u

static int tell_seed_of_a_failure(void **state)
{
	if (seed < SEEDS)
		print_message("with seed %u\n", seed);
	return 0;
}

static void random_use_agrees_with_a_plain_list(void **state)
{
	const uint8_t secret[16] = {7};
	struct siphash_key key = siphash_key(secret);
	for (seed = 0; seed < SEEDS; seed++) {
		static struct model model;
		struct model *m = &model;
		memset(m, 0, sizeof(*m));
		prng_init(&m->prng, &key, seed);
		m->now = any(m, UINT64_C(1) << 40);
		wheel_init(&m->wheel, m->now);
		for (unsigned step = 0; step < 10000; step++) {
			for (uint64_t n = any(m, step / 1000 % 2 == 0 ? 20 : 2); n > 0; n--)
				change_any_timer(m);
			check_next(m);
			m->now += any_span(m);
			if (any(m, 20) == 0 && first_due(m) != UINT64_MAX && first_due(m) > m->now)
				m->now = first_due(m) - any(m, 2);
			run_model(m);
			check_next(m);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timer_fires_at_its_time_and_once),
		cmocka_unit_test(timer_fires_at_its_time_when_every_millisecond_is_polled),
		cmocka_unit_test(sleeper_who_trusts_the_next_time_is_woken_in_time),
		cmocka_unit_test(timer_armed_again_fires_at_the_new_time_only),
		cmocka_unit_test(cancelled_timer_does_not_fire),
		cmocka_unit_test(overdue_timer_fires_at_the_next_call),
		cmocka_unit_test(clock_that_goes_back_stands_still),
		cmocka_unit_test(poll_has_nothing_to_do_until_a_timer_is_near),
		cmocka_unit_test(hours_pass_in_a_few_steps),
		cmocka_unit_test(crowded_slot_is_empty_when_its_time_comes),
		cmocka_unit_test_teardown(
			random_use_agrees_with_a_plain_list, tell_seed_of_a_failure),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
