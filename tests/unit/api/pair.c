/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/api/pair.h"

#define FIRST_PORT 7000

/* ---- The wire --------------------------------------------------------------------------- */

enum { TH_FIN = 1, TH_RST = 4 };

/* Counts the segments over IPv4 that end something. */
static void watch(void *user, unsigned from, uint64_t now_ns, const uint8_t *frame, unsigned length)
{
	struct pair *t = user;
	const uint8_t *ip = frame + 14;
	size_t header = (size_t)(ip[0] & 15) * 4;

	if (length < 14 + 20 + 20 || frame[12] != 8 || frame[13] != 0 || ip[9] != 6)
		return;
	t->fins[from] += (ip[header + 13] & TH_FIN) != 0;
	t->resets[from] += (ip[header + 13] & TH_RST) != 0;
}

/* ---- Set-up ----------------------------------------------------------------------------- */

void pair_listen(struct pair *t)
{
	struct rws_address address = rig_address(END_P, t->ipv6, ++t->port);

	rws_dispose(t->server);
	assert_int_equal(
		rws_tcp_bind(t->rig->sel[END_P], &address, &t->server_options, &t->server), 0);
}

static void drop(struct pair *t)
{
	rws_abort(t->s, 0);
	rws_abort(t->p, 0);
	rws_dispose(t->s);
	rws_dispose(t->p);
	pair_run(t, MS);
	memset(t->fins, 0, sizeof(t->fins));
	memset(t->resets, 0, sizeof(t->resets));
}

void pair_connect(struct pair *t)
{
	struct rws_address address = rig_address(END_P, t->ipv6, t->port);

	drop(t);
	assert_int_equal(rws_tcp_connect(t->rig->sel[END_S], &address, &t->options, &t->s), 0);
	assert_int_equal(
		rws_await(t->s, RWS_EV_CONNECTED, pair_after(t, SECOND)), RWS_EV_CONNECTED);
	assert_int_equal(
		rws_await(t->server, RWS_EV_ACCEPTABLE, pair_after(t, SECOND)), RWS_EV_ACCEPTABLE);
	assert_int_equal(rws_accept(t->server, &t->p), 0);
	t->in = t->out = t->p_in = t->p_out = RWS_NONE;
}

void pair_dispose(struct pair *t)
{
	rws_dispose(t->s);
	rws_dispose(t->p);
	rws_dispose(t->server);
	pair_run(t, SECOND);
}

struct pair pair_beside(const struct pair *t)
{
	struct pair beside = {.rig = t->rig, .port = t->port};

	pair_listen(&beside);
	pair_connect(&beside);
	pair_open(&beside);
	return beside;
}

static int set_up(void **state, int (*rig_set_up)(void **state))
{
	struct pair *t = calloc(1, sizeof(*t));
	void *rig = *state;

	assert_non_null(t);
	rig_set_up(&rig);
	t->rig = rig;
	t->port = FIRST_PORT;
	wire_tap(t->rig->wire, watch, t);
	pair_listen(t);
	pair_connect(t);
	*state = t;
	return 0;
}

int pair_setup(void **state)
{
	return set_up(state, rig_setup);
}

int pair_setup_two_cores(void **state)
{
	return set_up(state, rig_setup_two_cores);
}

int pair_teardown(void **state)
{
	struct pair *t = *state;
	void *rig = t->rig;

	pair_dispose(t);
	wire_tap(t->rig->wire, NULL, NULL);
	free(t);
	return rig_teardown(&rig);
}

/* ---- Opening ---------------------------------------------------------------------------- */

void pair_open_s(struct pair *t)
{
	assert_int_equal(rws_connection(t->s, &t->in, &t->out), 0);
}

void pair_open_p(struct pair *t)
{
	assert_int_equal(rws_connection(t->p, &t->p_in, &t->p_out), 0);
}

void pair_open(struct pair *t)
{
	pair_open_s(t);
	pair_open_p(t);
}

rws_job_t pair_attach_reading(struct pair *t)
{
	rws_job_t job;

	assert_int_equal(rws_channel_create(t->rig->sel[END_S], 0, false, &t->in), 0);
	assert_int_equal(rws_attach_for_reading(t->s, t->in, &job), 0);
	return job;
}

rws_job_t pair_attach_writing(struct pair *t)
{
	rws_job_t job;

	assert_int_equal(rws_channel_create(t->rig->sel[END_S], 0, false, &t->out), 0);
	assert_int_equal(rws_attach_for_writing(t->s, t->out, &job), 0);
	return job;
}

/* ---- Time, bytes ------------------------------------------------------------------------ */

void pair_run(struct pair *t, int64_t ns)
{
	rig_run(t->rig, ns);
}

int64_t pair_after(const struct pair *t, int64_t ns)
{
	return rig_after(t->rig, ns);
}

void pair_write(rws_channel_t out, const char *text)
{
	assert_int_equal(rws_write_available(out, text, strlen(text)), strlen(text));
	assert_int_equal(rws_flush(out), 0);
}

void pair_read(struct pair *t, rws_channel_t in, const void *bytes, size_t n)
{
	uint8_t *got = malloc(n + 1);
	size_t done = 0;
	int result;

	assert_non_null(got);
	while ((result = rws_read_fully(in, got, n, &done)) == -EAGAIN)
		assert_int_equal(rws_await_content(in, 1, pair_after(t, SECOND)), 1);
	assert_int_equal(result, 0);
	assert_memory_equal(got, bytes, n);
	free(got);
}

void pair_read_text(struct pair *t, rws_channel_t in, const char *text)
{
	pair_read(t, in, text, strlen(text));
}

void pair_read_end(struct pair *t, rws_channel_t in)
{
	assert_int_equal(rws_await_content(in, 1, pair_after(t, SECOND)), 0);
	assert_int_equal(rws_read_available(in, &(char){0}, 1), 0);
}

void pair_read_error(struct pair *t, rws_channel_t in, int error)
{
	assert_int_equal(rws_await_content(in, 1, pair_after(t, SECOND)), error);
	assert_int_equal(rws_read_available(in, &(char){0}, 1), error);
}

uint8_t *pair_pattern(size_t n)
{
	uint8_t *bytes = malloc(n + 1);

	assert_non_null(bytes);
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(i * 31 + i / 251);
	return bytes;
}

uint64_t pair_connections(struct pair *t, unsigned end)
{
	pair_run(t, 10 * MS); /* counters are of a moment ago */
	return rig_counter(t->rig, end, "tcp.connections");
}
