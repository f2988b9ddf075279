/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every program does around its own work: options, a runtime, threads with a selector each,
 * signals, the line that says ready, and an orderly end.
 *
 * Called from the main() of each program. Calls rws.h and apps/options.h.
 *
 * Theory of operation
 * -------------------
 * main's thread is the control thread: it waits for the interfaces, for signals and for the end,
 * and never touches a socket. The other threads own a selector each: with inline placement one for
 * each stack core (the thread is the core), with channel placement a single one.
 *
 *   thread:   create selector -> start() -> serve() until thread->stop -> finish() -> close selector
 *   control:  all started? -> addresses usable? -> ready line -> wait -> post stop -> join -> destroy
 *
 * Threads serve only after all have started: with several cores a connection may arrive at any of
 * them. Only the posted stop sets thread->stop, so it needs no lock and wakes a sleeping selector.
 */
#ifndef RWS_APPS_APP_H
#define RWS_APPS_APP_H

#include <pthread.h>
#include <rws.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "apps/options.h"

#define APP_THREADS 64u

/* Rows of servers: what is a text, such as "TCP port". */
#define APP_PORT_ROW(type, usual, what)         \
	{.name = "port",                        \
		.argument = "N",                \
		.kind = OPTION_NUMBER,          \
		.min = 1,                       \
		.max = 65535,                   \
		.offset = offsetof(type, port), \
		.fallback = usual,              \
		.text = what}

#define APP_CONNECTIONS_ROW(type, most, usual, what)   \
	{.name = "connections",                        \
		.argument = "N",                       \
		.kind = OPTION_NUMBER,                 \
		.min = 1,                              \
		.max = most,                           \
		.offset = offsetof(type, connections), \
		.fallback = usual,                     \
		.text = what " at once on each thread; others wait in the backlog"}

enum { APP_OK = 0, APP_FAILED = 1, APP_BAD_INPUT = 2 }; /* exit codes */

struct app;

struct app_thread {
	struct app *app;
	unsigned index;
	struct rws_selector *selector;
	bool stop;   /* owner: the thread; leave serve() */
	int status;  /* APP_*; owner: the thread until it is joined */
	void *state; /* the program's */
	pthread_t id;
};

struct app_program {
	struct option_spec options;

	/* Checks the program's own options before anything starts. APP_OK, or APP_BAD_INPUT and said. */
	int (*check)(struct app *app);

	/* Opens what the thread serves. APP_OK, or an exit code and said. */
	int (*start)(struct app_thread *thread);

	/* Runs until thread->stop, or until there is no more to do. Returns an exit code. */
	int (*serve)(struct app_thread *thread);

	/* Runs in the thread's loop at SIGINT, SIGTERM or SIGHUP. May be NULL. */
	void (*interrupt)(struct app_thread *thread);

	/* Closes what start() opened; also after a start() that failed. */
	void (*finish)(struct app_thread *thread);

	/* Prints the program's own counters by app_print_sums, with --stats; all threads ended. */
	void (*report)(const struct app *app);

	/* What the ready line says is done, "serving /srv/www"; NULL for programs without one. */
	void (*describe)(const struct app *app, char *text, size_t size);
	const uint64_t *port;        /* for the ready line */
	const uint64_t *connections; /* at once on each thread; NULL: few */
};

struct app {
	const struct app_program *program;
	struct options options;
	struct rws *rws;
	struct app_thread threads[APP_THREADS];
	unsigned thread_count;
	int status;    /* APP_*, of the control thread's own work */
	unsigned gone; /* bit per interface: told that its device was taken away */
	pthread_t control;
	atomic_uint started;     /* threads past start(); release, pairs with control's acquire */
	atomic_bool ready;       /* addresses are usable */
	atomic_bool ended;       /* a thread failed or has no more to do */
	atomic_bool stop_posted; /* control will not touch a selector again */
};

/* The whole of main(). Returns the exit code. */
int app_main(const struct app_program *program, int argc, char **argv);

/* "rws-httpd: ..." on stderr. */
void app_error(const struct app *app, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The same, but not with --quiet. */
void app_progress(const struct app *app, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Whether all that was printed to stdout got there: APP_OK, or APP_FAILED and said. */
int app_flush_output(const struct app *app);

/* Runs the loop until the interfaces are usable: 0, -ETIMEDOUT, or -ECANCELED when it is to stop. */
int app_await_ready(struct app_thread *thread, int64_t deadline);

/* A line of --stats: what each thread counts, an uint64_t at the offset. */
struct app_counter {
	const char *name, *text;
	size_t offset;
};

/* Prints the sums over the threads; `each` is the first one's, of `size` bytes. */
void app_print_sums(const struct app *app, const struct app_counter *rows, unsigned count,
	const void *each, size_t size);

/* Text of a negative errno. */
const char *app_reason(int result);

/* The same of rws_tcp_connect and rws_tcp_connect_host. */
const char *app_connect_reason(int result);

/* Options of a server's socket, UDP and listening; several threads share its address. */
struct rws_options app_bind_options(const struct app *app);
struct rws_options app_listen_options(const struct app *app);

#endif
