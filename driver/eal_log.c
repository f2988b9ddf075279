/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver/eal_log.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <rte_log.h>

#define SAID_MAX 4096

/* Set-up runs on one thread, but DPDK's own threads may log at the same time. */
static pthread_mutex_t said_lock = PTHREAD_MUTEX_INITIALIZER;
static char said[SAID_MAX];
static size_t said_length;

static FILE *capture;
static FILE *own_stdout, *own_stderr;

/* Keeps the beginning: what comes later is mostly what the first error led to. */
static ssize_t capture_write(void *cookie, const char *bytes, size_t size)
{
	(void)cookie;
	pthread_mutex_lock(&said_lock);
	size_t room = sizeof(said) - 1 - said_length;
	size_t kept = size < room ? size : room;
	memcpy(said + said_length, bytes, kept);
	said_length += kept;
	said[said_length] = '\0';
	pthread_mutex_unlock(&said_lock);
	return (ssize_t)size;
}

int eal_log_capture(void)
{
	if (capture != NULL)
		return 0;

	capture = fopencookie(NULL, "w", (cookie_io_functions_t){.write = capture_write});
	if (capture == NULL)
		return -ENOMEM;
	setvbuf(capture, NULL, _IOLBF, 0);
	return -rte_openlog_stream(capture);
}

void eal_log_take_output(void)
{
	own_stdout = stdout;
	own_stderr = stderr;
	stdout = capture;
	stderr = capture;
}

void eal_log_give_output(void)
{
	stdout = own_stdout;
	stderr = own_stderr;
}

void eal_log_clear(void)
{
	pthread_mutex_lock(&said_lock);
	said_length = 0;
	said[0] = '\0';
	pthread_mutex_unlock(&said_lock);
}

/* Last whole line of said that begins behind `after`, NULL when there is none. */
static const char *last_line(const char *after, size_t *length)
{
	const char *last = NULL;

	for (const char *line = after; *line != '\0';) {
		size_t n = strcspn(line, "\n");
		if (n > 0) {
			last = line;
			*length = n;
		}
		line += n + (line[n] == '\n');
	}
	return last;
}

/* Lines that tell of no fault: EAL warns of every size of hugepages that has none free, also when it
 * needs none of it, and net_tap of the signals that rt_signals.h keeps from it. */
static bool is_harmless(const char *line, size_t length)
{
	static const char *const harmless[] = {
		" kB hugepages reported on node ", "All rt-signals are in use"};

	for (unsigned i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
		const char *found = strstr(line, harmless[i]);
		if (found != NULL && found < line + length)
			return true;
	}
	return false;
}

static const char *behind_warnings(const char *line)
{
	for (;;) {
		line += strspn(line, "\n ");
		size_t length = strcspn(line, "\n");
		if (!is_harmless(line, length))
			return line;
		line += length;
	}
}

const char *eal_log_cause(char *text, size_t size)
{
	pthread_mutex_lock(&said_lock);
	const char *first = behind_warnings(said);
	size_t first_length = strcspn(first, "\n");
	size_t last_length = 0;
	const char *last = last_line(first + first_length, &last_length);
	if (last != NULL)
		snprintf(
			text, size, "%.*s; %.*s", (int)first_length, first, (int)last_length, last);
	else
		snprintf(text, size, "%.*s", (int)first_length, first);
	pthread_mutex_unlock(&said_lock);
	return text;
}
