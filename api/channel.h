/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A byte channel: a list of packet buffers between one writer and one reader.
 *
 * Called from api/attach.c, api/socket_*.c and the application. Calls driver/pktbuf.h for buffers,
 * api/socket.h for what is attached.
 *
 * Theory of operation
 * -------------------
 *   [ readable: flushed, unread | unflushed ]  and the grant behind it
 *
 * The writer is the application, or the socket that the channel is attached to for reading (its
 * source: its received pbufs go in as they are). The reader is the application, or the socket that
 * it is attached to for writing (its sink: flushed pbufs go out as they are). Bytes are copied only
 * by the copying calls, and where channel_take says so. Bytes that were consumed are off the
 * buffer: its payload begins behind them.
 *
 * A received pbuf goes back to its stack core through the source when its last byte was consumed;
 * the receive window grows with each byte consumed, or taken. One that is taken does not go back:
 * it is freed to its pool by whoever is done with it, which may be another stack core.
 *
 * `closed` says that no more bytes come in. `cause` is 0, or why; then either the content was
 * dropped (`failed`) or it is read before the cause shows (after a reset).
 *
 * A channel that is joined to a UDP socket keeps the boundaries of datagrams (`datagrams`): what is
 * received is put in one datagram at a time, when all of the one before was consumed, so that no
 * reading call crosses a boundary; what is written ends a datagram with each flush, and the last
 * pbuf of that is marked SEGMENT_LAST. See api/dgram_channel.c.
 *
 * Every TCP socket has two channels of its own within it, opened or not, so a channel holds only
 * what differs from one to the next; whose it is and how much fits in follows from its role. See
 * channel_source and those behind it in api/socket.h.
 */
#ifndef RWS_CHANNEL_H
#define RWS_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "api/handle.h"
#include "api/rws.h"
#include "api/segments.h"

struct copy;
struct grant;
struct sock;

#define CHANNEL_CAPACITY_DEFAULT ((size_t)1024 * 1024)
#define CHANNEL_CAPACITY_MAX     ((size_t)1 << 31)

enum channel_role {
	CHANNEL_UNOPENED, /* a socket's, nothing but a place */
	CHANNEL_READ,     /* a socket's read channel: the socket is its source */
	CHANNEL_WRITE,    /* a socket's write channel: the socket is its sink */
	CHANNEL_OWN,      /* the application's own, struct own_channel */
};

struct channel {
	struct segments list;
	uint64_t total_written;
	uint32_t readable, unflushed; /* bytes on the list */
	union {
		uint32_t dropped; /* is_dropped: written, and thrown away unread */
		uint32_t scanned; /* else: of the readable bytes, those in which no line ends */
	};
	int16_t cause;
	uint8_t role : 2; /* enum channel_role */
	bool closed : 1, failed : 1, auto_flush : 1;
	bool is_dropped : 1;      /* nothing will ever be readable again */
	bool scanned_lone_cr : 1; /* RWS_LINE_LONE_CR held for `scanned` */
	bool datagrams : 1;
	bool within : 1; /* a part of the datagram that it holds was consumed */
	bool empty : 1;  /* the datagram that it holds has no bytes */
};

_Static_assert(sizeof(struct channel) == 32, "every socket has two");

/* What rws_copy_to has to do with a channel. */
struct channel_copies {
	struct copy *out; /* that reads it, or did so last */
	struct copy *in;  /* that writes it */
};

/* What rws_channel_create makes. */
struct own_channel {
	struct slot slot;
	struct channel channel;
	struct rws_selector *sel;
	struct sock *source; /* attached for reading; NULL before, and when it is over */
	struct sock *sink;   /* attached for writing */
	struct channel_copies copies;
	size_t capacity;
	uint16_t grant; /* api/grant.h */
	bool had_source, had_sink;
};

/* The channel of a handle, for the owner's thread: 0, -EBADF, -EXDEV. */
int channel_of(rws_channel_t handle, struct channel **ch);

/* Bytes that the writer may put in now. */
size_t channel_room(const struct channel *ch);

/* Why reading cannot go on: 0 it can, 1 the end of the stream, -EAGAIN, or the cause. */
int channel_read_state(const struct channel *ch);

/*
 * Finds the channel for a reader: 1 there are bytes, 0 the end of the stream, or why not. After
 * -EAGAIN the socket tells READABLE again.
 */
int channel_reader_of(rws_channel_t handle, struct channel **ch);

/* The same for calls that a channel of datagrams does not have: -EOPNOTSUPP. */
int channel_stream_reader_of(rws_channel_t handle, struct channel **ch);

/* Finds the channel for a writer and ends a grant: 0, or why it cannot write. */
int channel_writer_of(rws_channel_t handle, struct channel **ch);
int channel_stream_writer_of(rws_channel_t handle, struct channel **ch);

/* The writer has to wait: what it wrote goes on its way, the socket tells WRITABLE again: -EAGAIN. */
int channel_full(struct channel *ch);

/* The same for want of what it needs at once: no acknowledgment brings that to who holds none. */
int channel_short(struct channel *ch);

/* Behind a write: with auto flush, or when the channel is full. */
void channel_flush_if_due(struct channel *ch);

/* Bytes of all the vectors; SIZE_MAX: so many at least. */
size_t channel_length_of(const struct iovec *iov, int count);

/* What is there is too little for the reader: -EAGAIN, and the socket tells READABLE again. */
int channel_not_yet(const struct channel *ch);

/*
 * The reader waits for more than there is. Where the receive buffer is nearly full, TCP is told: by
 * itself it offers no room that is less than a segment.
 */
void channel_want(const struct channel *ch);

/*
 * The reader needs more at once than there is: takes a buffer in that waits at the source because
 * it is larger than what is left of the capacity. False: none does.
 */
bool channel_pull(struct channel *ch);

/* Why writing cannot: 0 it can, else -EAGAIN, -ESHUTDOWN or the cause. */
int channel_write_state(const struct channel *ch);

/* Bytes that were read from it. */
uint64_t channel_total_read(const struct channel *ch);

/* Takes n readable bytes off; received pbufs go back through the source. */
void channel_consume(struct channel *ch, size_t n);

/* Appends a pbuf with bytes in it, readable at once. */
void channel_put(struct channel *ch, struct pbuf *p);

/*
 * Takes a buffer with the first readable bytes off, at most max of them, for whoever goes on with
 * it: it is the selector's own from here on, also when it was received, and any thread may free it.
 * Bytes are copied only where they cannot go in the buffer that they lie in: a part of one, one
 * that is lent to the writer, or a received one while its core is short of them. NULL when there is
 * nothing, or no buffer to copy to. sink: the socket that sends it and so holds it, or NULL.
 */
struct pbuf *channel_take(struct channel *ch, size_t max, struct sock *sink);

/* Bytes became readable: tells the sink, or the copy that reads it. */
void channel_tell_reader(const struct channel *ch);

/* Written bytes, or a datagram without any, wait for a flush: a datagram was begun. */
bool channel_has_begun(const struct channel *ch);

/* Flushed bytes, or a datagram without any, wait for the sink. */
bool channel_has_flushed(const struct channel *ch);

/* Makes all that was written readable, and tells the reader. */
void channel_flush(struct channel *ch);

/* No more bytes come: cause 0, or what the reader gets behind those that are in; tells a sink. */
void channel_end(struct channel *ch, int cause);

/* Fails it: content dropped, both sides and what is attached get the cause. */
void channel_fail(struct channel *ch, int cause);

/* What is granted to the writer, or NULL. */
struct grant *channel_granted(const struct channel *ch);

/* The same, an empty one if there is none; NULL: no place for it. */
struct grant *channel_grant(struct channel *ch);

/* The writer's grant ends; its buffers go back. */
void channel_drop_grant(struct channel *ch);

/* Gives all buffers back. */
void channel_drop_content(struct channel *ch);

/*
 * An empty buffer of the selector's pool. NULL: there is none, and the sink is listed to be told
 * when there is; or the sink has its share, and goes on when its peer acknowledges some.
 */
struct pbuf *channel_buffer(struct channel *ch);

/* For n of them at once: whether the sink may have them, and then each; NULL: there is none. */
bool channel_may_hold(struct channel *ch, size_t n);
struct pbuf *channel_buffer_held(struct channel *ch);

/* Buffers of channel_buffer that are not needed after all. */
void channel_free(struct channel *ch, struct segments *list);

#endif
