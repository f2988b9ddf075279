/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/job.h"

#include <errno.h>
#include <stddef.h>

#include "api/cause.h"
#include "api/remote.h"
#include "api/socket.h"

void job_start(struct job *job)
{
	job->state = JOB_ACTIVE;
	job->result = -EINPROGRESS;
}

void job_complete(struct sock *s, struct job *job, int result, bool cancelled)
{
	if (job->state != JOB_ACTIVE)
		return;
	job->state = JOB_DONE;
	job->result = cause_pack(result);
	job->cancelled = cancelled;
	job->news = job != &s->context; /* that one is told as RWS_EV_CONTEXT_DONE */
	sock_list_events(s);
}

enum job_kind job_kind(const struct sock *s, const struct job *job)
{
	return job == &s->reader_job    ? JOB_READER
		: job == &s->writer_job ? JOB_WRITER
					: JOB_CONTEXT;
}

rws_job_t job_handle(const struct sock *s, const struct job *job)
{
	static const enum handle_kind kinds[JOBS] = {
		[JOB_READER] = HANDLE_READER_JOB,
		[JOB_WRITER] = HANDLE_WRITER_JOB,
		[JOB_CONTEXT] = HANDLE_CONTEXT,
	};

	return handle_make(kinds[job_kind(s, job)], s->sel->id, &s->slot);
}

static int job_of_copy(rws_job_t handle, struct job **job)
{
	struct copy *copy;
	int result = copy_of(handle, &copy);

	if (result == 0)
		*job = &copy->job;
	return result;
}

/*
 * The job of a handle, for the owner's thread: 0, -EBADF, -EXDEV. It is of a socket, or with *s NULL
 * a copy's.
 */
static int job_of(rws_job_t handle, struct sock **s, struct job **job)
{
	*s = NULL;
	if (handle_kind(handle) == HANDLE_COPY)
		return job_of_copy(handle, job);
	int result = sock_of_part(handle, s);
	if (result != 0)
		return result;
	switch (handle_kind(handle)) {
	case HANDLE_READER_JOB:
		*job = &(*s)->reader_job;
		break;
	case HANDLE_WRITER_JOB:
		*job = &(*s)->writer_job;
		break;
	case HANDLE_CONTEXT:
		*job = &(*s)->context;
		break;
	default:
		return -EBADF;
	}
	return (*job)->state == JOB_NONE ? -EBADF : 0;
}

static uint32_t remote_cancel_bit(rws_job_t handle)
{
	switch (handle_kind(handle)) {
	case HANDLE_READER_JOB:
		return REMOTE_CANCEL_READER;
	case HANDLE_WRITER_JOB:
		return REMOTE_CANCEL_WRITER;
	case HANDLE_CONTEXT:
		return REMOTE_CANCEL_CONTEXT;
	case HANDLE_COPY:
		return REMOTE_CANCEL_COPY;
	default:
		return 0;
	}
}

int rws_job_cancel(rws_job_t handle)
{
	struct sock *s;
	struct job *job;
	int result = job_of(handle, &s, &job);

	if (result == -EXDEV && remote_cancel_bit(handle) != 0)
		return remote_request(handle, remote_cancel_bit(handle));
	if (result != 0 || job->state == JOB_DONE)
		return result;
	if (s == NULL)
		copy_cancel(copy_of_job(job));
	else if (job == &s->writer_job)
		sock_cancel_writer_job(s);
	else if (job == &s->reader_job)
		sock_cancel_reader_job(s);
	else
		sock_abort(s, -ECANCELED, -ECANCELED);
	return 0;
}

bool rws_job_is_active(rws_job_t handle)
{
	struct sock *s;
	struct job *job;

	return job_of(handle, &s, &job) == 0 && job->state == JOB_ACTIVE;
}

bool rws_job_is_completed(rws_job_t handle)
{
	struct sock *s;
	struct job *job;

	return job_of(handle, &s, &job) == 0 && job->state == JOB_DONE;
}

bool rws_job_is_cancelled(rws_job_t handle)
{
	struct sock *s;
	struct job *job;

	return job_of(handle, &s, &job) == 0 && job->cancelled;
}

int rws_job_result(rws_job_t handle)
{
	struct sock *s;
	struct job *job;
	int result = job_of(handle, &s, &job);

	return result != 0 ? result : job->result;
}

rws_channel_t rws_job_channel(rws_job_t handle)
{
	struct sock *s;
	struct job *job;

	if (job_of(handle, &s, &job) != 0)
		return RWS_NONE;
	if (s == NULL)
		return copy_of_job(job)->to;
	switch (job_kind(s, job)) {
	case JOB_READER:
		return sock_tx_handle(s);
	case JOB_WRITER:
		return sock_rx_handle(s);
	default:
		return RWS_NONE;
	}
}

int rws_job_on_completion(
	rws_job_t handle, void (*fn)(void *user, rws_job_t job, int result), void *user)
{
	struct sock *s;
	struct job *job;
	int result = job_of(handle, &s, &job);

	if (result != 0)
		return result;
	if (fn == NULL)
		return -EINVAL;
	if (s == NULL)
		return copy_on_completion(copy_of_job(job), (struct job_callback){fn, user});
	if (job->had_fn)
		return -EBUSY;
	struct callbacks *callbacks = sock_callbacks(s);
	if (callbacks == NULL)
		return -ENOMEM;
	job->had_fn = true;
	callbacks->done[job_kind(s, job)] = (struct job_callback){fn, user};
	if (job->state == JOB_DONE)
		sock_list_events(s);
	return 0;
}
