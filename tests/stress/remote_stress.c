/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads that ask something of a selector's sockets while their slots change hands: a request that
 * was taken happens, whatever others ask late of the socket before. That a thread is late enough is
 * rare: RWS_STRESS_MESSAGES=10000000 gives it time, else it is a few seconds. Against the scripted
 * stack core. Run under TSan by scripts/test.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/unit/api/fake.h"

#define LATE_THREADS 2u
#define RUN_S        5
#define PATIENCE_S   20 /* whoever lists the slot for all may have lost its CPU */

static unsigned rounds = 20000;
static _Atomic uint64_t socket_now, disposed;
static _Atomic bool over;

/* Asks of whatever socket there is; as often as not it is the one before by then. */
static void *ask(void *unused)
{
	while (!atomic_load_explicit(&over, memory_order_relaxed)) {
		for (unsigned i = 0; i < 8; i++)
			rws_close(atomic_load_explicit(&socket_now, memory_order_relaxed));
		sched_yield();
	}
	return unused;
}

static void *dispose_all(void *unused)
{
	uint64_t last = RWS_NONE;

	while (!atomic_load_explicit(&over, memory_order_relaxed)) {
		uint64_t s = atomic_load_explicit(&socket_now, memory_order_relaxed);
		if (s == last) {
			sched_yield();
			continue;
		}
		rws_dispose(s);
		last = s;
		atomic_store(&disposed, s);
	}
	return unused;
}

/* A socket that another thread disposes of. */
static bool one_round(void)
{
	struct rws_address any = {.port = 0}, local;
	rws_socket_t s;

	if (rws_udp_bind(sel, &any, NULL, &s) != 0)
		return false;
	atomic_store(&socket_now, s);
	while (atomic_load(&disposed) != s) {
		fake_turn(sel, 1);
		sched_yield();
	}
	time_t until = time(NULL) + PATIENCE_S;
	while (rws_local_address(s, &local) != -EBADF && time(NULL) < until) {
		fake_turn(sel, 1);
		sched_yield();
	}
	fake.logged = 0;
	return rws_local_address(s, &local) == -EBADF;
}

int main(void)
{
	const char *wanted = getenv("RWS_STRESS_MESSAGES");
	pthread_t late[LATE_THREADS], disposer;
	time_t until = time(NULL) + RUN_S;
	unsigned done = 0;

	fake_start(RWS_INLINE, 1);
	if (wanted != NULL)
		rounds = (unsigned)strtoul(wanted, NULL, 10);
	for (unsigned i = 0; i < LATE_THREADS; i++)
		if (pthread_create(&late[i], NULL, ask, NULL) != 0)
			return 1;
	if (pthread_create(&disposer, NULL, dispose_all, NULL) != 0)
		return 1;
	for (; done < rounds && (wanted != NULL || time(NULL) < until); done++)
		if (!one_round()) {
			fprintf(stderr, "remote_stress: the dispose of round %u is lost\n", done);
			exit(1);
		}
	atomic_store(&over, true);
	for (unsigned i = 0; i < LATE_THREADS; i++)
		pthread_join(late[i], NULL);
	pthread_join(disposer, NULL);
	printf("remote_stress: %u sockets\n", done);
	fake_stop();
	return 0;
}
