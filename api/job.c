/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/job.h"

#include <errno.h>
#include <stddef.h>

#include "api/remote.h"
#include "api/socket.h"

void job_start(struct job *job, rws_channel_t channel)
{
	job->state = JOB_ACTIVE;
	job->channel = channel;
	job->result = -EINPROGRESS;
}

void job_complete(struct sock *s, struct job *job, int result, bool cancelled)
{
	if (job->state != JOB_ACTIVE)
		return;
	job->state = JOB_DONE;
	job->result = result;
	job->cancelled = cancelled;
	job->news = job != &s->context; /* that one is told as RWS_EV_CONTEXT_DONE */
	sock_job_news(s);
}

rws_job_t job_handle(const struct sock *s, const struct job *job)
{
	enum handle_kind kind = job == &s->reader_job ? HANDLE_READER_JOB
		: job == &s->writer_job               ? HANDLE_WRITER_JOB
						      : HANDLE_CONTEXT;

	return handle_make(kind, s->sel->id, &s->slot);
}

/* The job of a handle, for the owner's thread: 0, -EBADF, -EXDEV. */
static int job_of(rws_job_t handle, struct sock **s, struct job **job)
{
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
	if (job == &s->writer_job)
		sock_cancel_writer_job(s);
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

	return job_of(handle, &s, &job) == 0 ? job->channel : RWS_NONE;
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
	if (job->had_fn)
		return -EBUSY;
	job->had_fn = true;
	job->fn = fn;
	job->user = user;
	if (job->state == JOB_DONE)
		sock_job_news(s);
	return 0;
}
