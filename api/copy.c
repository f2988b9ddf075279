/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/copy.h"

#include <errno.h>

#include "api/cause.h"
#include "api/selector.h"
#include "api/socket.h"

/* ---- Lists ------------------------------------------------------------------------------ */

int copies_init(struct rws_selector *sel, uint32_t first_generation)
{
	const struct slot_table *table = &sel->copies;

	slot_list_init(&sel->copies_due, table, offsetof(struct copy, run_link));
	slot_list_init(&sel->copies_starved, table, offsetof(struct copy, run_link));
	slot_list_init(&sel->copies_ready, table, offsetof(struct copy, ready_link));
	slot_list_init(&sel->copies_news, table, offsetof(struct copy, news_link));
	return slot_table_init(&sel->copies, sizeof(struct copy), COPIES_MAX, first_generation);
}

static void put_on(struct slot_list *list, struct copy *copy, bool *is_on)
{
	if (!*is_on)
		slot_list_append(list, &copy->slot);
	*is_on = true;
}

static void take_off(struct slot_list *list, struct copy *copy, bool *is_on)
{
	if (*is_on)
		slot_list_remove(list, &copy->slot);
	*is_on = false;
}

static void due(struct copy *copy)
{
	take_off(&copy->sel->copies_starved, copy, &copy->is_starved);
	put_on(&copy->sel->copies_due, copy, &copy->is_due);
}

static void starve(struct copy *copy)
{
	put_on(&copy->sel->copies_starved, copy, &copy->is_starved);
}

void copies_feed(struct rws_selector *sel, unsigned n)
{
	struct copy *copy;

	while (n-- > 0 && (copy = slot_list_first(&sel->copies_starved)) != NULL)
		due(copy);
}

void copy_reader_due(const struct channel *ch)
{
	struct copy *copy = channel_reading_copy(ch);

	if (copy != NULL)
		due(copy);
}

void copy_writer_due(const struct channel *ch)
{
	struct copy *copy = channel_writing_copy(ch);

	if (copy != NULL)
		due(copy);
}

/* ---- The end ---------------------------------------------------------------------------- */

static void tell_completion(struct copy *copy)
{
	put_on(&copy->sel->copies_ready, copy, &copy->is_ready);
	if (copy->done.fn != NULL)
		put_on(&copy->sel->copies_news, copy, &copy->is_news);
}

/* A destination that was closed goes on as whoever closed it wanted. */
static void complete(struct copy *copy, int result, bool cancelled)
{
	struct channel *dst = copy->dst;

	take_off(&copy->sel->copies_due, copy, &copy->is_due);
	take_off(&copy->sel->copies_starved, copy, &copy->is_starved);
	channel_copies(dst)->in = NULL;
	copy->src = copy->dst = NULL;
	copy->job.state = JOB_DONE;
	copy->job.result = cause_pack(result);
	copy->job.cancelled = cancelled;
	tell_completion(copy);
	if (dst->closed)
		return;
	if (result != 0)
		channel_fail(dst, result);
	else if (copy->close_dst)
		channel_end(dst, 0);
}

void copy_cancel(struct copy *copy)
{
	if (copy->job.state == JOB_ACTIVE)
		complete(copy, -ECANCELED, true);
}

void copies_end(struct channel *ch, int cause)
{
	struct copy *reading = channel_reading_copy(ch), *writing = channel_writing_copy(ch);

	if (writing != NULL)
		complete(writing, ch->closed ? channel_write_state(ch) : cause, false);
	if (reading != NULL)
		complete(reading, cause, cause == -ECANCELED);
}

/* ---- Moving ----------------------------------------------------------------------------- */

static bool holds_nothing(const struct channel *ch)
{
	size_t held = (size_t)ch->readable + ch->unflushed;

	return held == 0 && (ch->role != CHANNEL_WRITE || channel_sock(ch)->inflight == 0);
}

/* A buffer that is larger than all of the capacity goes into an empty channel. */
static bool fits(const struct channel *src, const struct channel *dst)
{
	return segments_head(&src->list)->len <= channel_room(dst) || holds_nothing(dst);
}

/* One buffer; false: not now. */
static bool move(struct copy *copy)
{
	struct channel *dst = copy->dst;
	struct sock *sink = channel_sink(dst);

	if (!fits(copy->src, dst))
		return false;
	struct pbuf *p =
		channel_take(copy->src, copy->left < SIZE_MAX ? copy->left : SIZE_MAX, sink);
	if (p == NULL) {
		/* A sink without a share has bytes that are to be acknowledged first. */
		if (sink == NULL || sock_has_share(sink))
			starve(copy);
		return false;
	}
	copy->left -= p->len;
	channel_flush(dst); /* what was written before comes before */
	channel_put(dst, p);
	channel_tell_reader(dst);
	return true;
}

/* Whether it is over, and how: 0, the cause, or -EAGAIN: no. */
static int state_of(const struct copy *copy)
{
	if (copy->dst->closed)
		return channel_write_state(copy->dst);
	if (copy->left == 0)
		return 0;
	int state = channel_read_state(copy->src);
	return state == 0 ? -EAGAIN : state == 1 ? 0 : state;
}

static void run(struct copy *copy)
{
	int state;

	while ((state = state_of(copy)) == -EAGAIN && copy->src->readable > 0 && move(copy))
		continue;
	if (state != -EAGAIN)
		complete(copy, state, false);
}

bool copies_run(struct rws_selector *sel)
{
	unsigned n = slot_list_count(&sel->copies_due);
	bool any = n > 0;
	struct copy *copy;

	while (n-- > 0 && (copy = slot_list_first(&sel->copies_due)) != NULL) {
		take_off(&sel->copies_due, copy, &copy->is_due);
		run(copy);
	}
	return any;
}

void copy_last_chance(struct channel *ch, int cause)
{
	struct copy *copy = channel_reading_copy(ch);

	if (copy == NULL)
		return;
	run(copy);
	if (copy->job.state == JOB_ACTIVE)
		complete(copy, cause, cause == -ECANCELED);
}

/* ---- Beginning -------------------------------------------------------------------------- */

int copy_of(rws_job_t handle, struct copy **copy)
{
	struct rws_selector *sel;

	if (handle_kind(handle) != HANDLE_COPY)
		return -EBADF;
	int result = handle_owner_selector(handle, &sel);
	if (result != 0)
		return result;
	*copy = (struct copy *)slot_find(&sel->copies, handle);
	return *copy == NULL ? -EBADF : 0;
}

struct copy *copy_of_job(struct job *job)
{
	return (struct copy *)((uintptr_t)job - offsetof(struct copy, job));
}

void copy_forget(struct channel *ch)
{
	struct channel_copies *copies = channel_copies(ch);
	struct copy *copy = copies != NULL ? copies->out : NULL;

	if (copy == NULL)
		return;
	/* One that began when the channel had failed already did not run yet. */
	if (copy->job.state == JOB_ACTIVE)
		complete(copy, ch->failed ? ch->cause : -ECANCELED, !ch->failed);
	copies->out = NULL;
	take_off(&copy->sel->copies_ready, copy, &copy->is_ready);
	take_off(&copy->sel->copies_news, copy, &copy->is_news);
	slot_give(&copy->sel->copies, &copy->slot);
}

/* What goes to dst comes to src again, by the copies that there are. */
static bool makes_circle(const struct channel *src, const struct channel *dst)
{
	const struct copy *copy;

	while (dst != src && (copy = channel_reading_copy(dst)) != NULL)
		dst = copy->dst;
	return dst == src;
}

/* Why it cannot be: 0 it can. */
static int check(const struct channel *src, const struct channel *dst, unsigned flags)
{
	if ((flags & ~RWS_COPY_CLOSE) != 0 || channel_selector(src) != channel_selector(dst) ||
		makes_circle(src, dst))
		return -EINVAL;
	if (src->datagrams || dst->datagrams)
		return -EOPNOTSUPP;
	if (channel_sink(src) != NULL || channel_reading_copy(src) != NULL ||
		channel_source(dst) != NULL || channel_writing_copy(dst) != NULL)
		return -EBUSY;
	return dst->closed ? channel_write_state(dst) : 0;
}

/* Where a channel keeps its copies, made on demand; NULL: no memory. */
static struct channel_copies *make_copies(struct channel *ch)
{
	if (ch->role != CHANNEL_OWN && sock_make_extra(channel_sock(ch)) == NULL)
		return NULL;
	return channel_copies(ch);
}

static void *user_of(const struct channel *src, const struct channel *dst)
{
	const struct sock *source = channel_source(src), *sink = channel_sink(dst);

	return source != NULL ? source->user : sink != NULL ? sink->user : NULL;
}

static struct copy *make_copy(struct channel *src, struct channel *dst)
{
	struct channel_copies *out = make_copies(src), *in = make_copies(dst);
	struct rws_selector *sel = channel_selector(src);
	struct copy *copy = out != NULL && in != NULL ? slot_take(&sel->copies) : NULL;

	if (copy == NULL)
		return NULL;
	copy_forget(src);
	copy->sel = sel;
	copy->src = src;
	copy->dst = dst;
	copy->user = user_of(src, dst);
	job_start(&copy->job);
	out->out = copy;
	in->in = copy;
	return copy;
}

int rws_copy_to(
	rws_channel_t from, rws_channel_t to, uint64_t limit, unsigned flags, rws_job_t *job)
{
	struct channel *src, *dst;
	int result = channel_of(from, &src);

	if (result == 0)
		result = channel_of(to, &dst);
	if (result == 0)
		result = check(src, dst, flags);
	if (result != 0)
		return result;
	struct copy *copy = make_copy(src, dst);
	if (copy == NULL)
		return -ENOBUFS;
	channel_drop_grant(dst);
	copy->to = to;
	copy->left = limit;
	copy->close_dst = (flags & RWS_COPY_CLOSE) != 0;
	due(copy);
	if (job != NULL)
		*job = handle_make(HANDLE_COPY, copy->sel->id, &copy->slot);
	return 0;
}

/* ---- Events ----------------------------------------------------------------------------- */

int copy_on_completion(struct copy *copy, struct job_callback done)
{
	if (copy->job.had_fn)
		return -EBUSY;
	copy->job.had_fn = true;
	copy->done = done;
	if (copy->job.state == JOB_DONE)
		put_on(&copy->sel->copies_news, copy, &copy->is_news);
	return 0;
}

bool copy_take_event(struct rws_selector *sel, struct rws_event *event)
{
	struct copy *copy = slot_list_first(&sel->copies_ready);

	if (copy == NULL)
		return false;
	take_off(&sel->copies_ready, copy, &copy->is_ready);
	*event = (struct rws_event){
		.handle = handle_make(HANDLE_COPY, sel->id, &copy->slot),
		.bits = RWS_EV_JOB_DONE,
		.result = copy->job.result,
		.user = copy->user,
	};
	return true;
}

void copies_dispatch(struct rws_selector *sel)
{
	unsigned n = slot_list_count(&sel->copies_news);
	struct copy *copy;

	while (n-- > 0 && (copy = slot_list_first(&sel->copies_news)) != NULL) {
		rws_job_t handle = handle_make(HANDLE_COPY, sel->id, &copy->slot);
		struct job_callback done = copy->done;
		take_off(&sel->copies_news, copy, &copy->is_news);
		done.fn(done.user, handle, copy->job.result);
	}
}
