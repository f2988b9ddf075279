/* SPDX-License-Identifier: BSD-3-Clause */
/* A stack core with nothing to do that sleeps, in real time: api/core_idle.c. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/core_internal.h"
#include "driver/pktbuf.h"
#include "driver/wire.h"
#include "tests/unit/api/rig.h"

#define MS 1000000LL

/* ---- The kernel's calls, in front of libc's ----------------------------------------------- */

static _Thread_local bool counts; /* not DPDK's threads, which wait as well */
static int refuse_pwait2;         /* an errno, 0: it works */
static unsigned pwait2_calls, wait_calls;
static int shortest_wait; /* ms */
static int64_t asked_ns;  /* of the last epoll_pwait2 */

int epoll_pwait2(int fd, struct epoll_event *events, int max, const struct timespec *timeout,
	const sigset_t *mask)
{
	pwait2_calls++;
	asked_ns = timeout->tv_sec * 1000000000 + timeout->tv_nsec;
	if (refuse_pwait2 == 0)
		return (int)syscall(SYS_epoll_pwait2, fd, events, max, timeout, mask, NULL);
	errno = refuse_pwait2;
	return -1;
}

int epoll_wait(int fd, struct epoll_event *events, int max, int timeout)
{
	if (counts && (wait_calls++ == 0 || timeout < shortest_wait))
		shortest_wait = timeout;
	return (int)syscall(SYS_epoll_pwait, fd, events, max, timeout, NULL, NULL);
}

/* ---- A runtime whose device never gets a frame -------------------------------------------- */

static struct pktpool *pool;
static struct wire *wire;
static struct rws *rws;
static struct rws_selector *sel;
static struct rws_event event;

static int start(void **state)
{
	static const char *const address = "10.0.0.1/24";
	struct pktpool_config buffers = {.name = "idle", .count = 4096, .numa_node = -1};
	struct rws_interface interface = {
		.device = "wire", .addresses = &address, .address_count = 1};
	struct rws_config config;
	struct fault fault;

	counts = true;
	refuse_pwait2 = 0;
	assert_int_equal(pktpool_create(&buffers, &pool, &fault), 0);
	struct wire_config cable = {.seed = 1, .queues = 1, .pool = pool};
	assert_int_equal(wire_create(&cable, &wire, &fault), 0);
	struct port *port = wire_port(wire, 0);
	struct runtime_test test = {.ports = &port};
	rws_config_init(&config);
	config.interfaces = &interface;
	config.interface_count = 1;
	config.placement = RWS_INLINE;
	config.idle = RWS_IDLE_SLEEP;
	config.sockets = 64;
	assert_int_equal(runtime_create(&config, &test, &rws, NULL), 0);
	assert_int_equal(rws_selector_create(rws, 0, &sel), 0);
	do /* until it sleeps; a busy machine may let the deadline pass before that */
		assert_int_equal(rws_selector_select(sel, &event, 1, rws_now(sel) + 5 * MS), 0);
	while (pwait2_calls == 0);
	pwait2_calls = wait_calls = 0;
	return 0;
}

static int over(void **state)
{
	assert_int_equal(rws_selector_close(sel), 0);
	assert_int_equal(rws_destroy(rws), 0);
	wire_free(wire);
	assert_int_equal(pktpool_free(pool), 0);
	return 0;
}

static void an_interrupted_sleep_ends_select(void **state)
{
	int64_t before = rws_now(sel);

	refuse_pwait2 = EINTR;
	assert_int_equal(rws_selector_select(sel, &event, 1, rws_now(sel) + 2000 * MS), -EINTR);
	assert_int_equal(pwait2_calls, 1);
	assert_int_equal(wait_calls, 0);
	assert_true(rws_now(sel) - before < 1000 * MS);
}

static void caught(int number)
{
	(void)number;
}

/* Ticking: one of them finds the thread asleep. */
static void a_signal_ends_select(void **state)
{
	struct sigaction before, action = {.sa_handler = caught};
	struct itimerval tick = {.it_interval.tv_usec = 5000, .it_value.tv_usec = 5000}, off = {0};
	int64_t start_ns = rws_now(sel);

	sigaction(SIGALRM, &action, &before);
	setitimer(ITIMER_REAL, &tick, NULL);
	int result = rws_selector_select(sel, &event, 1, rws_now(sel) + 5000 * MS);
	setitimer(ITIMER_REAL, &off, NULL);
	sigaction(SIGALRM, &before, NULL);
	assert_int_equal(result, -EINTR);
	assert_true(rws_now(sel) - start_ns < 4000 * MS);
}

/* Kernels before 5.11, and sandboxes that refuse what they do not know. */
static void without_epoll_pwait2_it_sleeps_in_milliseconds(void **state)
{
	static const int refusals[] = {ENOSYS, EPERM};

	for (unsigned i = 0; i < 2; i++) {
		pwait2_calls = wait_calls = 0;
		refuse_pwait2 = refusals[i];
		do
			assert_int_equal(
				rws_selector_select(sel, &event, 1, rws_now(sel) + 20 * MS), 0);
		while (wait_calls == 0);
		assert_in_range(wait_calls, 1, 30); /* it does not spin */
		assert_true(shortest_wait >= 1);
	}
}

static void a_deadline_that_has_passed_is_not_slept_for(void **state)
{
	static const int64_t passed[] = {RWS_NOW, 1, -1, INT64_MIN};

	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(core_idle(rws->cores[0], passed[i], -1), 0);
	assert_int_equal(pwait2_calls, 0);
}

/* A selector's ring is full: it is not told when there is room, so it looks. */
static void what_is_still_to_tell_shortens_the_sleep(void **state)
{
	struct core *core = rws->cores[0];

	core->ports[0].has_queue = false; /* no device that cannot wake it */
	refuse_pwait2 = EINTR;            /* does not really sleep */
	assert_int_equal(core_idle(core, RWS_FOREVER, -1), -EINTR);
	int64_t before = asked_ns;
	core->pending = 0;
	assert_int_equal(core_idle(core, RWS_FOREVER, -1), -EINTR);
	core->pending = NO_ENDPOINT;
	core->ports[0].has_queue = true;
	assert_in_range(asked_ns, 1, MS);
	assert_true(before > 5 * MS);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, over)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_interrupted_sleep_ends_select),
		CASE(a_signal_ends_select),
		CASE(without_epoll_pwait2_it_sleeps_in_milliseconds),
		CASE(a_deadline_that_has_passed_is_not_slept_for),
		CASE(what_is_still_to_tell_shortens_the_sleep),
	};

	return cmocka_run_group_tests(tests, rig_group_setup, rig_group_teardown);
}
