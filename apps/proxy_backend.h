/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rws-proxy: which backend a client gets, and which ones are left out for a while.
 *
 * Called from apps/proxy.c and apps/proxy_pair.c. Calls nothing; the time is an argument.
 *
 * Theory of operation
 * -------------------
 * Backends take turns. One that could not be connected to is left out for some time; then a single
 * client tries it, and the others go on without it until that one was connected. So a backend that
 * swallows what is sent to it costs one client its patience now and then, not all of them.
 */
#ifndef RWS_APPS_PROXY_BACKEND_H
#define RWS_APPS_PROXY_BACKEND_H

#include <rws.h>
#include <stdbool.h>
#include <stdint.h>

#define PROXY_BACKENDS 64u /* bits of a set of them */

struct proxy_backend {
	struct rws_address address;
	bool is_out;
	int64_t out_until; /* ns; while is_out */
	uint64_t connections, failures;
};

struct proxy_backends {
	struct proxy_backend each[PROXY_BACKENDS];
	unsigned count;
	unsigned turn;           /* who is next */
	int64_t fail_timeout_ns; /* how long one that failed is left out */
};

/*
 * The next one whose turn it is, that is not left out and not in `*tried` (a bit for each), which
 * then has it as well. Its index, or -1.
 */
int proxy_backend_choose(struct proxy_backends *backends, int64_t now, uint64_t *tried);

/* It could not be connected to. True: it is left out from now on, and was not before. */
bool proxy_backend_failed(struct proxy_backends *backends, int index, int64_t now);

/* It was connected to. True: it is back. */
bool proxy_backend_connected(struct proxy_backends *backends, int index);

#endif
