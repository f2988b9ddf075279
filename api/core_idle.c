/* SPDX-License-Identifier: BSD-3-Clause */
/* What a stack core does with nothing to do, and how it is woken. */
#include <errno.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <rte_pause.h>
#include <rte_ring.h>

#include "api/chan.h"
#include "api/core_internal.h"
#include "driver/port.h"

#define IDLE_SPINS   64        /* turns without work before a core yields or sleeps */
#define IDLE_POLL_NS 50000     /* sleep at most, while a device cannot wake us */
#define IDLE_FULL_NS 1000000   /* sleep at most, while a ring to a selector is full */
#define IDLE_MAX_NS  100000000 /* sleep at most in any case: links and counters */

void core_wake(struct core *core)
{
	/* Pairs with the fence in sleep_until: either it sees what we published or we see it asleep. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&core->sleeping, memory_order_relaxed))
		eventfd_write(core->wake_fd, 1);
}

static bool anything_waiting(const struct core *core)
{
	if (!rte_ring_empty(core->calls) || atomic_load_explicit(&core->stop, memory_order_relaxed))
		return true;
	if (core->id == 0 && core_groups_changed(core))
		return true;
	for (unsigned c = 0; c < core->chan_count; c++)
		if (chan_requests_waiting(core->chans[c]))
			return true;
	for (unsigned from = 0; from < core->rws->core_count; from++)
		if (from != core->id && !rte_ring_empty(core->from[from]))
			return true;
	return false;
}

/* Lets the devices wake us; returns whether all that cannot have nothing for us now. */
static bool arm_devices(struct core *core, bool on, bool *all_can)
{
	bool armed = true;

	*all_can = true;
	for (unsigned i = 0; i < core->port_count; i++) {
		struct core_port *cp = &core->ports[i];
		if (!cp->has_queue)
			continue;
		if (port_rx_fd(cp->port, cp->queue) < 0)
			*all_can = false;
		else if (!port_rx_arm(cp->port, cp->queue, on))
			armed = false;
	}
	return armed;
}

/* As epoll_wait, in nanoseconds; in whole milliseconds at least where the kernel has no other. */
static int epoll_wait_ns(int epoll_fd, struct epoll_event *events, int max, int64_t ns)
{
	struct timespec timeout = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
	int n = epoll_pwait2(epoll_fd, events, max, &timeout, NULL);

	if (n >= 0 || errno == EINTR)
		return n;
	return epoll_wait(epoll_fd, events, max, (int)((ns + 999999) / 1000000));
}

/* 0, or -EINTR. */
static int wait_for_descriptors(struct core *core, int64_t ns, int extra_fd)
{
	struct epoll_event events[8];
	eventfd_t value;

	if (extra_fd >= 0)
		epoll_ctl(core->epoll_fd, EPOLL_CTL_ADD, extra_fd,
			&(struct epoll_event){.events = EPOLLIN, .data.fd = extra_fd});
	int n = epoll_wait_ns(core->epoll_fd, events, 8, ns);
	int result = n < 0 ? -EINTR : 0;
	for (int i = 0; i < n; i++) {
		/* A device that is gone, such as a TAP that was deleted, would be ready for ever. */
		bool is_gone = (events[i].events & (EPOLLERR | EPOLLHUP)) != 0;
		if (events[i].data.fd == core->wake_fd)
			eventfd_read(core->wake_fd, &value);
		else if (is_gone)
			epoll_ctl(core->epoll_fd, EPOLL_CTL_DEL, events[i].data.fd, NULL);
	}
	if (extra_fd >= 0)
		epoll_ctl(core->epoll_fd, EPOLL_CTL_DEL, extra_fd, NULL);
	return result;
}

/* A selector that makes room in its ring tells nobody. */
static int64_t longest_sleep(const struct core *core, bool devices_wake)
{
	if (!devices_wake)
		return IDLE_POLL_NS;
	return core->pending != NO_ENDPOINT ? IDLE_FULL_NS : IDLE_MAX_NS;
}

static int sleep_until(struct core *core, int64_t until, int extra_fd)
{
	bool devices_wake;
	int result = 0;

	atomic_store_explicit(&core->sleeping, true, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst); /* pairs with core_wake */
	if (arm_devices(core, true, &devices_wake) && !anything_waiting(core)) {
		int64_t ns = until - core_clock(core);
		int64_t most = longest_sleep(core, devices_wake);
		if (ns > 0)
			result = wait_for_descriptors(core, ns < most ? ns : most, extra_fd);
	}
	arm_devices(core, false, &devices_wake);
	atomic_store_explicit(&core->sleeping, false, memory_order_relaxed);
	return result;
}

/* The earlier one; of a deadline below 0 the beginning of time. */
static int64_t next_due(const struct core *core, int64_t deadline)
{
	uint64_t timer = stack_next_timer(core->stack);

	if (deadline < 0)
		return 0;
	return timer < (uint64_t)deadline ? (int64_t)timer : deadline;
}

int core_idle(struct core *core, int64_t deadline, int extra_fd)
{
	struct rws *rws = core->rws;
	int64_t until = next_due(core, deadline);

	core->counters.idle_turns++;
	if (rws->wait != NULL) {
		rws->wait(rws->clock_user, until);
		return 0;
	}
	if (rws->idle == RWS_IDLE_POLL || core->idle_turns < IDLE_SPINS) {
		rte_pause();
		return 0;
	}
	if (rws->idle == RWS_IDLE_SLEEP)
		return sleep_until(core, until, extra_fd);
	sched_yield();
	return 0;
}
