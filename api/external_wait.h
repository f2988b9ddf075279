/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The descriptor that a program waits for in an epoll of its own: readable when the selector's
 * eventfd is, or when the selector's next deadline has come.
 *
 * Called from api/selector*.c, on the owner's thread.
 */
#ifndef RWS_EXTERNAL_WAIT_H
#define RWS_EXTERNAL_WAIT_H

#include <stdbool.h>
#include <stdint.h>

struct external_wait {
	int fd; /* an epoll of the eventfd and of */
	int timer_fd;
	int64_t armed; /* when the timer rings, selector_clock's time; INT64_MAX: never */
	bool is_made;
};

/* Makes it unless it is there already: its descriptor, or a negative errno. */
int external_wait_make(struct external_wait *wait, int wake_fd);
void external_wait_free(struct external_wait *wait);

/* It is readable from `until` on, which is after now; INT64_MAX: not by itself. */
void external_wait_arm(struct external_wait *wait, int64_t now, int64_t until);

#endif
