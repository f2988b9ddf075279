/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * struct rws_buf: bytes that left a channel in the buffers they came in, for the application to
 * keep.
 *
 * Called from api/selector_life.c and the application. Calls api/channel.h.
 *
 * What the application keeps is not there for others, so there is a bound for each socket and one
 * for all of a selector. Buffers that were received are kept only while their pool is half empty at
 * least; else their bytes are copied to the selector's, see channel_take.
 */
#ifndef RWS_BUF_H
#define RWS_BUF_H

#include "api/handle.h"
#include "api/rws.h"
#include "api/segments.h"

#define DETACHED_MAX        4096u /* buffers of a selector */
#define DETACHED_SOCKET_MAX 1024u /* of them that came from one socket */

struct sock;

struct rws_buf {
	struct slot slot;
	struct rws_selector *sel;
	rws_channel_t channel; /* that it came from */
	struct segments list;
	size_t length;
	struct sock *source; /* whose account it is on, while that has source_generation; or NULL */
	uint32_t source_generation;
	uint32_t count;    /* buffers */
	uint32_t held;     /* bytes that still count against the source's receive window */
	bool holds_source; /* and one of its `lent` is ours, so that it stays until then */
};

/* Frees all there are; the selector closes. */
void buf_free_all(struct rws_selector *sel);

#endif
