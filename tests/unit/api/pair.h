/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two connected sockets over the rig: s, which the test is about, and its peer p at the other end.
 * The wire is watched for the segments that end a connection. PAIR_CASE runs a test in both
 * placements.
 */
#ifndef RWS_TEST_PAIR_H
#define RWS_TEST_PAIR_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/api/rig.h"

#define MS     ((int64_t)1000000)
#define SECOND (1000 * MS)

enum { END_S, END_P };

struct pair {
	struct rig *rig;
	rws_socket_t server, s, p;
	rws_channel_t in, out, p_in, p_out; /* once opened */
	struct rws_options options;         /* of the next s, and */
	struct rws_options server_options;  /* of the next p: pair_listen */
	uint16_t port;
	bool ipv6;                   /* the next one: pair_listen */
	unsigned fins[2], resets[2]; /* segments of the connection with FIN, with RST, by end */
};

int pair_setup(void **state);
int pair_setup_two_cores(void **state); /* over rig_setup_two_cores */
int pair_teardown(void **state);        /* disposes all, and fails when a buffer is missing */

#define PAIR_CASE(test) BOTH_CASE(test, pair_setup, pair_teardown)

/* Listens anew, with server_options. */
void pair_listen(struct pair *t);

/* s and p anew, those before are gone. Nothing is open. */
void pair_connect(struct pair *t);

/* One more, over the same rig and open; to be ended by pair_dispose. */
struct pair pair_beside(const struct pair *t);
void pair_dispose(struct pair *t);

void pair_open_s(struct pair *t); /* in and out */
void pair_open_p(struct pair *t); /* p_in and p_out */
void pair_open(struct pair *t);   /* all four */

/* Attaches channels of the test's own to s: in and out, and returns the jobs. */
rws_job_t pair_attach_reading(struct pair *t);
rws_job_t pair_attach_writing(struct pair *t);

void pair_run(struct pair *t, int64_t ns);
int64_t pair_after(const struct pair *t, int64_t ns);

/* Writes and flushes text. */
void pair_write(rws_channel_t out, const char *text);

/* Waits for so many bytes at most a second each time, and compares them. */
void pair_read(struct pair *t, rws_channel_t in, const void *bytes, size_t n);
void pair_read_text(struct pair *t, rws_channel_t in, const char *text);

/* The next read is 0, or that error; waits a second for it. */
void pair_read_end(struct pair *t, rws_channel_t in);
void pair_read_error(struct pair *t, rws_channel_t in, int error);

/* So many bytes that differ from place to place, to be freed. */
uint8_t *pair_pattern(size_t n);

/* TCP connections of an end, those in TIME-WAIT included. */
uint64_t pair_connections(struct pair *t, unsigned end);

#endif
