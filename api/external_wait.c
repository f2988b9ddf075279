/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/external_wait.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static int watch(int epoll_fd, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

int external_wait_make(struct external_wait *wait, int wake_fd)
{
	if (wait->is_made)
		return wait->fd;
	wait->armed = INT64_MAX;
	wait->is_made = true;
	wait->fd = epoll_create1(EPOLL_CLOEXEC);
	wait->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (wait->fd >= 0 && wait->timer_fd >= 0 && watch(wait->fd, wake_fd) == 0 &&
		watch(wait->fd, wait->timer_fd) == 0)
		return wait->fd;
	int result = -errno;
	external_wait_free(wait);
	return result;
}

void external_wait_free(struct external_wait *wait)
{
	if (!wait->is_made)
		return;
	if (wait->fd >= 0)
		close(wait->fd);
	if (wait->timer_fd >= 0)
		close(wait->timer_fd);
	wait->is_made = false;
}

/* Setting it also takes back that it has rung. */
void external_wait_arm(struct external_wait *wait, int64_t now, int64_t until)
{
	struct itimerspec at = {0};

	if (until == wait->armed)
		return;
	wait->armed = until;
	if (until != INT64_MAX) {
		at.it_value.tv_sec = (until - now) / 1000000000;
		at.it_value.tv_nsec = (until - now) % 1000000000;
	}
	timerfd_settime(wait->timer_fd, 0, &at, NULL);
}
