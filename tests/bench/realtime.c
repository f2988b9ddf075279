/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/bench/realtime.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

volatile sig_atomic_t realtime_ended;

static void end(int signal_number)
{
	realtime_ended = 1;
}

void realtime_begin(void)
{
	signal(SIGTERM, end);
}

void realtime_be_prompt(int priority)
{
	struct sched_param param = {.sched_priority = priority};

	prctl(PR_SET_TIMERSLACK, 1UL);
	if (sched_setscheduler(0, SCHED_FIFO, &param) != 0)
		fprintf(stderr, "%s: no real-time priority: %s\n", program_invocation_short_name,
			strerror(errno));
}

void realtime_say_ready(void)
{
	printf("%s: ready\n", program_invocation_short_name);
	fflush(stdout);
}

uint64_t realtime_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}
