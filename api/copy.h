/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Jobs of rws_copy_to: what becomes readable in one channel goes on in another, buffer by buffer.
 *
 * Called from api/channel*.c and api/socket*.c when something changed for a copy, from
 * api/selector.c once a turn, from api/job.c and the application. Calls api/channel.h.
 *
 * Theory of operation
 * -------------------
 * A copy is the reader of its source and the writer of its destination: nobody else may be
 * meanwhile. It is due when the source has bytes or has ended, or the destination has room or was
 * closed; those that are due run at the beginning of a turn, so that what they move is posted in
 * the same one. One that found no buffer to copy to is starved, and due again when there are some.
 *
 * A channel that fails ends its copies at once, since its memory may be gone in the next turn.
 *
 * The job can be asked until the next copy from the same source starts, or the source is disposed.
 */
#ifndef RWS_COPY_H
#define RWS_COPY_H

#include "api/job.h"
#include "api/slot_list.h"

struct channel;
struct rws_selector;

#define COPIES_MAX 65536u /* of a selector, those that are over included */

struct copy {
	struct slot slot;
	struct rws_selector *sel;
	struct channel *src, *dst; /* NULL when it is over */
	rws_channel_t to;          /* the handle of dst */
	uint64_t left;             /* bytes it may still move */
	void *user;                /* of the event */
	struct job job;
	struct job_callback done;
	struct slot_link run_link; /* of copies_due or copies_starved */
	struct slot_link ready_link, news_link;
	bool close_dst;
	bool is_due, is_starved, is_ready, is_news; /* the lists it is on */
};

int copies_init(struct rws_selector *sel, uint32_t first_generation);

/* The copy of a handle, for the owner's thread: 0, -EBADF, -EXDEV. */
int copy_of(rws_job_t handle, struct copy **copy);
struct copy *copy_of_job(struct job *job);

/* Something changed for the copy that reads, or writes, the channel, if there is one. */
void copy_reader_due(const struct channel *ch);
void copy_writer_due(const struct channel *ch);

/* Runs those that are due; returns whether there were any. */
bool copies_run(struct rws_selector *sel);

/* There are n buffers again. */
void copies_feed(struct rws_selector *sel, unsigned n);

/* The channel failed, or cannot be reached any more: its copies are over. */
void copies_end(struct channel *ch, int cause);

/* What is in the channel will be thrown away: the copy takes what it can, and is over. */
void copy_last_chance(struct channel *ch, int cause);

/* The channel is disposed: so is the job of the last copy from it. */
void copy_forget(struct channel *ch);

void copy_cancel(struct copy *copy);
int copy_on_completion(struct copy *copy, struct job_callback done);

/* events.c: as events_take and dispatching. */
bool copy_take_event(struct rws_selector *sel, struct rws_event *event);
void copies_dispatch(struct rws_selector *sel);

#endif
