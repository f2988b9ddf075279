/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Jobs: what became of a direction of a socket, or of its life. Part of struct sock; no memory of
 * their own but for a function to call, see struct callbacks.
 *
 * Called from api/socket*.c and the application.
 */
#ifndef RWS_JOB_H
#define RWS_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "api/rws.h"

struct sock;

enum job_state { JOB_NONE, JOB_ACTIVE, JOB_DONE };

/* A socket's jobs, in the order in which they end: contract, A.11. */
enum job_kind { JOB_READER, JOB_WRITER, JOB_CONTEXT, JOBS };

struct job_callback {
	void (*fn)(void *user, rws_job_t job, int result); /* called once, then NULL */
	void *user;
};

struct job {
	int16_t result;
	uint8_t state : 2; /* enum job_state; NONE: nothing was attached */
	bool cancelled : 1;
	bool news : 1; /* completed and not told yet with RWS_EV_JOB_DONE */
	bool had_fn : 1;
};

void job_start(struct job *job);

/* Completes it, once; later calls do nothing. The socket's reader_job, writer_job or context. */
void job_complete(struct sock *s, struct job *job, int result, bool cancelled);

enum job_kind job_kind(const struct sock *s, const struct job *job);

/* The handle of a job of the socket. */
rws_job_t job_handle(const struct sock *s, const struct job *job);

#endif
