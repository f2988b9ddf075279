/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A byte channel: a list of packet buffers between one writer and one reader.
 *
 * Called from api/attach.c, api/socket_*.c and the application. Calls driver/pktbuf.h for buffers,
 * api/socket.h for what is attached.
 *
 * Theory of operation
 * -------------------
 *   [ head_offset consumed | readable: flushed, unread | unflushed ]  and the grant behind it
 *
 * The writer is the application, or the socket that the channel is attached to for reading
 * (`source`: its received pbufs go in as they are). The reader is the application, or the socket
 * that it is attached to for writing (`sink`: flushed pbufs go out as they are). Bytes are copied
 * only by the copying calls, and where a flush boundary lies within a buffer.
 *
 * A received pbuf goes back to its stack core through `source` when its last byte was consumed;
 * the receive window grows with each byte consumed.
 *
 * `closed` says that no more bytes come in. `cause` is 0, or why; then either the content was
 * dropped (`failed`) or it is read before the cause shows (after a reset).
 */
#ifndef RWS_CHANNEL_H
#define RWS_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "api/handle.h"
#include "api/rws.h"
#include "api/segments.h"

struct sock;

#define CHANNEL_CAPACITY_DEFAULT ((size_t)1024 * 1024)

struct channel {
	struct rws_selector *sel; /* NULL: was not opened */
	rws_channel_t handle;
	struct sock *owner;  /* the socket it is part of; NULL: made by rws_channel_create */
	struct sock *source; /* attached for reading; NULL before, and when it is over */
	struct sock *sink;   /* attached for writing */
	bool had_source, had_sink;

	struct segments list;
	uint32_t head_offset;
	size_t readable, unflushed, capacity;
	uint64_t total_read, total_written;

	struct segments grant; /* empty buffers lent to the writer, beside the tail's room */
	size_t granted;
	uint32_t grant_tail; /* bytes of it in the tail's room */

	int cause;
	bool closed, failed, auto_flush;
};

/* What rws_channel_create makes. */
struct own_channel {
	struct slot slot;
	struct channel channel;
};

/* The channel of a handle, for the owner's thread: 0, -EBADF, -EXDEV. */
int channel_of(rws_channel_t handle, struct channel **ch);

void channel_init(struct channel *ch, struct rws_selector *sel, rws_channel_t handle,
	size_t capacity, bool auto_flush);

/* Bytes that the writer may put in now. */
size_t channel_room(const struct channel *ch);

/* Why reading cannot go on: 0 it can, 1 the end of the stream, -EAGAIN, or the cause. */
int channel_read_state(const struct channel *ch);

/* Why writing cannot: 0 it can, else -EAGAIN, -ESHUTDOWN or the cause. */
int channel_write_state(const struct channel *ch);

/* Takes n readable bytes off; received pbufs go back through the source. */
void channel_consume(struct channel *ch, size_t n);

/* Appends a pbuf with bytes in it, readable at once. */
void channel_put(struct channel *ch, struct pbuf *p);

/*
 * Takes the first pbuf off for the sink, if all of its bytes are readable (or can be parted from
 * those that are not): NULL when there is nothing, or no buffer to part them with.
 */
struct pbuf *channel_take(struct channel *ch);

/* Makes all that was written readable, and tells the sink. */
void channel_flush(struct channel *ch);

/* No more bytes come: cause 0, or what the reader gets behind those that are in; tells a sink. */
void channel_end(struct channel *ch, int cause);

/* Fails it: content dropped, both sides and what is attached get the cause. */
void channel_fail(struct channel *ch, int cause);

/* The writer's grant ends; its buffers go back. */
void channel_drop_grant(struct channel *ch);

/* Gives all buffers back. */
void channel_drop_content(struct channel *ch);

/* An empty buffer of the selector's pool; NULL: the sink is listed to be told when there is. */
struct pbuf *channel_buffer(struct channel *ch);

#endif
