/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Jobs: what became of a direction of a socket, or of its life. Part of struct sock; no memory of
 * their own.
 *
 * Called from api/socket*.c and the application.
 */
#ifndef RWS_JOB_H
#define RWS_JOB_H

#include <stdbool.h>

#include "api/rws.h"

struct sock;

enum job_state { JOB_NONE, JOB_ACTIVE, JOB_DONE };

struct job {
	uint8_t state; /* enum job_state; NONE: nothing was attached */
	bool cancelled;
	bool news; /* completed and not told yet with RWS_EV_JOB_DONE */
	int result;
	rws_channel_t channel;
	void (*fn)(void *user, rws_job_t job, int result); /* called once, then NULL */
	void *user;
	bool had_fn;
};

void job_start(struct job *job, rws_channel_t channel);

/* Completes it, once; later calls do nothing. The socket's reader_job, writer_job or context. */
void job_complete(struct sock *s, struct job *job, int result, bool cancelled);

/* The handle of a job of the socket. */
rws_job_t job_handle(const struct sock *s, const struct job *job);

#endif
