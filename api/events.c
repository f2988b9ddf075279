/* SPDX-License-Identifier: BSD-3-Clause */
/* Events of sockets: gathering them, callbacks, and handing them to rws_selector_select. */
#include "api/events.h"

#include <errno.h>
#include <stdlib.h>

#include "api/donation.h"
#include "api/socket.h"

/* One socket's news in this order, which is also the order of a close: contract, A.11. */
enum { PART_SOCKET, PART_READER_JOB, PART_WRITER_JOB, PART_CONTEXT, PARTS };

/* ---- Gathering -------------------------------------------------------------------------- */

static bool is_due(const struct callbacks *callbacks, enum job_kind kind, const struct job *job)
{
	return callbacks->done[kind].fn != NULL && job->state == JOB_DONE;
}

static bool wants_callback(const struct sock *s)
{
	const struct callbacks *callbacks = s->extra != NULL ? s->extra->callbacks : NULL;
	uint32_t bits = s->pending;

	if (callbacks == NULL)
		return false;
	if (s->reader_job.news || s->writer_job.news)
		bits |= RWS_EV_JOB_DONE;
	return (bits & callbacks->bits) != 0 || is_due(callbacks, JOB_READER, &s->reader_job) ||
		is_due(callbacks, JOB_WRITER, &s->writer_job) ||
		is_due(callbacks, JOB_CONTEXT, &s->context);
}

static bool has_news(const struct sock *s)
{
	return s->pending != 0 || s->reader_job.news || s->writer_job.news;
}

static void unlist(struct sock *s)
{
	if (s->is_ready)
		slot_list_remove(&s->sel->ready, &s->slot);
	if (s->is_news)
		slot_list_remove(&s->sel->news, &s->slot);
	s->is_ready = s->is_news = false;
}

/* A socket that waits to be accepted, or is disposed, has nobody to tell. */
void sock_list_events(struct sock *s)
{
	if (s->disposed || s->is_queued || s->is_news)
		return;
	if (wants_callback(s)) {
		unlist(s);
		s->is_news = true;
		slot_list_append(&s->sel->news, &s->slot);
	} else if (has_news(s) && !s->is_ready) {
		s->is_ready = true;
		slot_list_append(&s->sel->ready, &s->slot);
	}
}

void sock_tell(struct sock *s, uint32_t bits)
{
	bits &= s->armed;
	if (bits == 0)
		return;
	s->armed &= (uint16_t)~bits;
	s->pending |= (uint16_t)bits;
	sock_list_events(s);
}

void sock_arm(struct sock *s, uint32_t bits)
{
	uint32_t fresh = bits & ~(uint32_t)s->armed;

	s->armed |= (uint16_t)bits;
	if (fresh & (RWS_EV_READABLE | RWS_EV_WRITABLE))
		timeout_armed(s, fresh);
}

void sock_forget_events(struct sock *s)
{
	unlist(s);
	s->pending = 0;
	s->reader_job.news = s->writer_job.news = false;
}

/* ---- Telling ---------------------------------------------------------------------------- */

static uint64_t available(const struct sock *s)
{
	switch (s->kind) {
	case SOCK_LISTENER:
		return listener_waiting(s);
	case SOCK_UDP:
		if (sock_rx(s) == NULL)
			return dgram_waiting(s);
		break;
	default:
		break;
	}
	const struct channel *rx = sock_rx(s);
	return rx != NULL ? rx->readable : s->read_channel.readable;
}

static void fill_socket(struct sock *s, uint32_t bits, struct rws_event *event)
{
	*event = (struct rws_event){
		.handle = sock_handle(s),
		.bits = bits,
		.avail = available(s),
		.user = s->user,
	};
	if (bits & RWS_EV_CONTEXT_DONE)
		event->result = s->context.result;
	else if (bits & RWS_EV_ERROR)
		event->result = s->kind == SOCK_UDP ? dgram_error(s) : s->error;
}

static bool take_bits(struct sock *s, uint32_t mask, struct rws_event *event)
{
	uint32_t bits = s->pending & mask;

	if (bits == 0)
		return false;
	s->pending &= (uint16_t)~bits;
	fill_socket(s, bits, event);
	return true;
}

static bool take_job(struct sock *s, struct job *job, struct rws_event *event)
{
	if (!job->news)
		return false;
	job->news = false;
	*event = (struct rws_event){
		.handle = job_handle(s, job),
		.bits = RWS_EV_JOB_DONE,
		.result = job->result,
		.user = s->user,
	};
	return true;
}

static bool take_part(struct sock *s, unsigned part, struct rws_event *event)
{
	switch (part) {
	case PART_SOCKET:
		return take_bits(s, ~(uint32_t)RWS_EV_CONTEXT_DONE, event);
	case PART_READER_JOB:
		return take_job(s, &s->reader_job, event);
	case PART_WRITER_JOB:
		return take_job(s, &s->writer_job, event);
	default:
		return take_bits(s, RWS_EV_CONTEXT_DONE, event);
	}
}

unsigned events_take(struct rws_selector *sel, struct rws_event *events, unsigned max)
{
	unsigned count = 0;
	struct sock *s;

	while (count < max && (s = slot_list_first(&sel->ready)) != NULL) {
		for (unsigned part = 0; part < PARTS && count < max; part++)
			count += take_part(s, part, &events[count]);
		if (!has_news(s))
			unlist(s);
	}
	while (count < max && copy_take_event(sel, &events[count]))
		count++;
	return count;
}

/* ---- Callbacks -------------------------------------------------------------------------- */

/* A callback may do anything to the socket, also dispose it: true if it is still this one. */
static bool is_same(const struct sock *s, uint32_t generation)
{
	return atomic_load_explicit(&s->slot.generation, memory_order_relaxed) == generation;
}

static void call_bit(struct sock *s, unsigned bit, struct rws_event *event)
{
	const struct callbacks *callbacks = s->extra->callbacks;
	rws_callback *fn = callbacks->fn[bit];
	void *user = callbacks->user[bit];

	/* Acknowledged and drained are told each time to who asked for them. */
	s->armed |= (uint16_t)((1u << bit) & (RWS_EV_TX_DRAINED | RWS_EV_TX_ACKED));
	fn(user, event);
}

static bool has_callback(const struct sock *s, uint32_t bit)
{
	return s->extra != NULL && s->extra->callbacks != NULL &&
		(s->extra->callbacks->bits & bit) != 0;
}

/* What is to be called when the job is done; once. */
static struct job_callback take_done(struct sock *s, const struct job *job)
{
	struct job_callback done = {0};

	if (job->had_fn) {
		struct job_callback *kept = &s->extra->callbacks->done[job_kind(s, job)];
		done = *kept;
		kept->fn = NULL;
	}
	return done;
}

static bool dispatch_bits(struct sock *s, uint32_t generation, uint32_t mask)
{
	struct rws_event event;

	for (unsigned bit = 0; bit < SOCK_BITS; bit++) {
		if ((mask & (1u << bit)) == 0 || !has_callback(s, 1u << bit) ||
			!take_bits(s, 1u << bit, &event))
			continue;
		call_bit(s, bit, &event);
		if (!is_same(s, generation))
			return false;
	}
	return true;
}

static bool dispatch_job(struct sock *s, uint32_t generation, struct job *job)
{
	struct rws_event event;

	if (job->state != JOB_DONE)
		return true;
	struct job_callback done = take_done(s, job);
	if (has_callback(s, RWS_EV_JOB_DONE) && take_job(s, job, &event))
		call_bit(s, (unsigned)__builtin_ctz(RWS_EV_JOB_DONE), &event);
	if (!is_same(s, generation))
		return false;
	if (done.fn != NULL)
		done.fn(done.user, job_handle(s, job), job->result);
	return is_same(s, generation);
}

static void dispatch(struct sock *s)
{
	uint32_t generation = atomic_load_explicit(&s->slot.generation, memory_order_relaxed);

	unlist(s);
	if (dispatch_bits(s, generation, ~(uint32_t)RWS_EV_CONTEXT_DONE) &&
		dispatch_job(s, generation, &s->reader_job) &&
		dispatch_job(s, generation, &s->writer_job) &&
		dispatch_bits(s, generation, RWS_EV_CONTEXT_DONE) &&
		dispatch_job(s, generation, &s->context))
		sock_list_events(s);
}

bool events_waiting(const struct rws_selector *sel)
{
	return !slot_list_empty(&sel->news) || !slot_list_empty(&sel->copies_news) ||
		donations_waiting(sel) || remote_posts_waiting(sel);
}

void events_dispatch(struct rws_selector *sel)
{
	struct sock *s;
	unsigned n = slot_list_count(&sel->news);

	sel->in_callback = true;
	remote_run_posts(sel);
	donations_run(sel);
	/* Those that are there now; what callbacks bring about waits for the next turn. */
	while (n-- > 0 && (s = slot_list_first(&sel->news)) != NULL)
		dispatch(s);
	copies_dispatch(sel);
	sel->in_callback = false;
}

struct callbacks *sock_callbacks(struct sock *s)
{
	struct sock_extra *extra = sock_make_extra(s);

	if (extra != NULL && extra->callbacks == NULL)
		extra->callbacks = calloc(1, sizeof(*extra->callbacks));
	return extra != NULL ? extra->callbacks : NULL;
}

static void set_callback(struct callbacks *callbacks, unsigned bit, rws_callback *fn, void *user)
{
	callbacks->fn[bit] = fn;
	callbacks->user[bit] = user;
	if (fn != NULL)
		callbacks->bits |= 1u << bit;
	else
		callbacks->bits &= ~(1u << bit);
}

int rws_on(uint64_t handle, uint32_t bits, rws_callback *fn, void *user)
{
	struct sock *s;
	int result = sock_of_part(handle, &s);

	if (result != 0)
		return result;
	if (bits == 0 || bits >= 1u << SOCK_BITS)
		return -EINVAL;
	struct callbacks *callbacks = sock_callbacks(s);
	if (callbacks == NULL)
		return -ENOMEM;
	if (fn != NULL && (callbacks->bits & bits) != 0)
		return -EBUSY;
	for (unsigned bit = 0; bit < SOCK_BITS; bit++) {
		if (bits & (1u << bit))
			set_callback(callbacks, bit, fn, user);
	}
	sock_list_events(s);
	return 0;
}
