/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connections that are made, used and ended by calls in random order, against a model of the
 * contract that says of each result whether it may be.
 *
 *   api_model_test [SEED [CYCLES]]     100,000 connections without
 *
 * The model of one direction: what its writer wrote is what its reader reads, in order; the end
 * comes when the writer has ended it and all was read; an error comes only after somebody's abort.
 * Of a socket: its context is 0 when nobody aborted, the aborter's is its cause, and the other's is
 * the reset, unless it had ended before. When all is over no buffer is missing.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/api/rig.h"

#define PAIRS   8u
#define MOST    20000u /* bytes of one call */
#define PORT    7
#define CAUSE   (-EIO)
#define MS      1000000LL
#define PATIENT (120 * 1000 * MS) /* for an end: more than linger and orphan time */

struct half {
	rws_socket_t s;
	rws_channel_t in, out;
	uint64_t written, read;
	bool ended;   /* its writing, by itself and orderly */
	bool closed;  /* by itself, orderly or not */
	bool aborted; /* by itself */
};

struct pair {
	struct half half[2];
	uint32_t id;
	bool live;
};

static uint64_t seed = 1, random_state;
static unsigned long cycles = 100000, done;
static struct rig *rig;
static rws_socket_t server;
static struct pair pairs[PAIRS];
static uint8_t bytes[MOST];

/* splitmix64 (Steele, Lea and Flood, 2014). */
static uint32_t random_below(uint32_t n)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return (uint32_t)((z ^ (z >> 31)) >> 32) % n;
}

/* The model's word, with what makes the run repeatable. */
static void expect(bool holds, const char *what, const struct pair *pair, int64_t result)
{
	if (!holds)
		fail_msg("seed %" PRIu64 ", connection %lu (%u): %s, result %" PRId64, seed, done,
			pair->id, what, result);
}

static uint8_t byte_at(const struct pair *pair, unsigned end, uint64_t offset)
{
	return (uint8_t)((offset * 2654435761u + pair->id * 97 + end * 13) >> 9);
}

/* ---- Beginning --------------------------------------------------------------------------- */

static void begin(struct pair *pair)
{
	struct rws_address to = rig_address(1, random_below(2), PORT);
	struct half *client = &pair->half[0], *accepted = &pair->half[1];
	static uint32_t made;
	made++;
	*pair = (struct pair){.id = made, .live = true};
	expect(rws_tcp_connect(rig->sel[0], &to, NULL, &client->s) == 0, "connect", pair, 0);
	int result = rws_await(client->s, RWS_EV_CONNECTED, rig->now + PATIENT);
	expect(result == RWS_EV_CONNECTED, "connected", pair, result);
	result = rws_await(server, RWS_EV_ACCEPTABLE, rig->now + PATIENT);
	expect(result == RWS_EV_ACCEPTABLE, "acceptable", pair, result);
	result = rws_accept(server, &accepted->s);
	expect(result == 0, "accept", pair, result);
	for (unsigned end = 0; end < 2; end++) {
		struct half *h = &pair->half[end];
		result = rws_connection(h->s, &h->in, &h->out);
		expect(result == 0, "connection", pair, result);
	}
}

/* ---- Use --------------------------------------------------------------------------------- */

static void write_some(struct pair *pair, unsigned end)
{
	struct half *h = &pair->half[end];
	uint32_t n = random_below(MOST) + 1;
	for (uint32_t i = 0; i < n; i++)
		bytes[i] = byte_at(pair, end, h->written + i);
	ssize_t result = rws_write_available(h->out, bytes, n);
	if (h->closed || h->ended) {
		expect(result < 0 && result != -EAGAIN, "write after the end", pair, result);
	} else if (result < 0 && result != -EAGAIN) {
		expect(pair->half[1 - end].aborted, "write", pair, result);
	} else {
		expect(result != 0 && result <= (ssize_t)n, "written", pair, result);
		h->written += result > 0 ? (uint64_t)result : 0;
	}
	if (random_below(2))
		rws_flush(h->out);
}

/* False: no more comes. */
static bool read_some(struct pair *pair, unsigned end)
{
	struct half *h = &pair->half[end], *other = &pair->half[1 - end];
	ssize_t result = rws_read_available(h->in, bytes, random_below(MOST) + 1);
	if (result > 0) {
		/* After its own close only of a stream that is whole. */
		expect(!h->closed || other->ended, "read after close", pair, result);
		expect(h->read + (uint64_t)result <= other->written, "read too much", pair, result);
		for (ssize_t i = 0; i < result; i++)
			expect(bytes[i] == byte_at(pair, 1 - end, h->read + (uint64_t)i), "byte",
				pair, i);
		h->read += (uint64_t)result;
	} else if (result == 0) {
		expect(other->ended, "end", pair, result);
		expect(h->read == other->written, "end before all", pair, result);
	} else if (result != -EAGAIN) {
		expect(h->closed || other->aborted, "read", pair, result);
	}
	return result > 0 || result == -EAGAIN;
}

static void end_writing(struct pair *pair, unsigned end)
{
	struct half *h = &pair->half[end];
	int result = rws_channel_close(h->out, 0);
	bool first = !h->ended && !h->closed && !pair->half[1 - end].aborted;
	expect(first ? result == 1 : result >= 0, "end of writing", pair, result);
	h->ended = true;
}

static void close_half(struct pair *pair, unsigned end, bool abort)
{
	struct half *h = &pair->half[end];
	bool over = rws_is_closed(h->s); /* then there is nothing to abort */
	int result = abort ? rws_abort(h->s, CAUSE) : rws_close(h->s);
	expect(result == 0, "close", pair, result);
	if (abort && over)
		return;
	h->aborted |= abort;
	h->ended |= !h->aborted;
	h->closed = true;
}

/* ---- End --------------------------------------------------------------------------------- */

/* Both read to the end, and have all. */
static void drain(struct pair *pair)
{
	int64_t deadline = rig->now + PATIENT;
	bool more[2] = {true, true};
	end_writing(pair, 0);
	end_writing(pair, 1);
	while (more[0] || more[1]) {
		expect(rig->now < deadline, "no end of the streams", pair, 0);
		for (unsigned end = 0; end < 2; end++)
			more[end] = more[end] && read_some(pair, end);
		rig_run(rig, MS);
	}
}

static void check_context(struct pair *pair, unsigned end)
{
	struct half *h = &pair->half[end], *other = &pair->half[1 - end];
	int result = rws_await_closed(h->s, rig->now + PATIENT);
	expect(result != -ETIMEDOUT, "no end", pair, result);
	if (h->aborted)
		expect(result == CAUSE || (other->aborted && result == -ECONNRESET), "abort", pair,
			result);
	else if (other->aborted)
		expect(result == -ECONNRESET || result == 0, "reset", pair, result);
	else
		expect(result == 0, "context", pair, result);
}

static void finish(struct pair *pair)
{
	bool untouched = !pair->half[0].closed && !pair->half[1].closed;
	if (untouched && random_below(2))
		drain(pair);
	for (unsigned end = 0; end < 2; end++)
		if (!pair->half[end].closed)
			close_half(pair, end, random_below(4) == 0);
	for (unsigned end = 0; end < 2; end++)
		check_context(pair, end);
	for (unsigned end = 0; end < 2; end++) {
		rws_dispose(pair->half[end].s);
		expect(rws_close(pair->half[end].s) == -EBADF, "disposed", pair, 0);
	}
	pair->live = false;
	done++;
}

/* ---- The run ----------------------------------------------------------------------------- */

static void step(void)
{
	struct pair *pair = &pairs[random_below(PAIRS)];
	unsigned end = random_below(2), what = random_below(100);
	if (!pair->live) {
		begin(pair);
	} else if (what < 30) {
		write_some(pair, end);
	} else if (what < 60) {
		read_some(pair, end);
	} else if (what < 80) {
		rig_run(rig, random_below(3) * MS);
	} else if (what < 85) {
		end_writing(pair, end);
	} else if (what < 88) {
		close_half(pair, end, false);
	} else if (what < 90) {
		close_half(pair, end, true);
	} else {
		finish(pair);
	}
}

static void connections_keep_to_the_model(void **state)
{
	struct rws_address any = {.port = PORT};
	rig = *state;
	random_state = seed;
	done = 0;
	assert_int_equal(rws_tcp_bind(rig->sel[1], &any, NULL, &server), 0);
	while (done < cycles)
		step();
	for (unsigned i = 0; i < PAIRS; i++)
		if (pairs[i].live)
			finish(&pairs[i]);
	rws_dispose(server);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		BOTH_CASE(connections_keep_to_the_model, rig_setup, rig_teardown),
	};
	if (argc > 1)
		seed = strtoull(argv[1], NULL, 0);
	if (argc > 2)
		cycles = strtoul(argv[2], NULL, 0);
	return cmocka_run_group_tests(tests, rig_group_setup, rig_group_teardown);
}
