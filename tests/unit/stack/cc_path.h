/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For tests of congestion control: a connection as far as an algorithm sees it, which is told of
 * made-up ACKs, and a model of a path, on which an algorithm runs by itself.
 */
#ifndef RWS_TESTS_CC_PATH_H
#define RWS_TESTS_CC_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "stack/base/arena.h"
#include "stack/tcp/tcp_cc.h"
#include "stack/tcp/tcp_cc_bbr.h"

#define MSS    1448u
#define MS     1000000ull
#define SECOND 1000000000ull

/* ---- A connection -------------------------------------------------------------------------- */

struct flow {
	struct arena arena;
	uint8_t memory[4096];
	struct tcp_cc cc;
	struct tcp_cc_undo undo;
	uint64_t now_ns, delivered;
	uint32_t una;
	uint32_t rtt_us;
};

/* now is 1 s, the RTT 100 ms. */
void open_flow(struct flow *f, enum tcp_cc_kind kind, uint32_t mss);

/* Checks that no memory was leaked. */
void close_flow(struct flow *f);

/* An ACK of bytes, in order, by a sender that uses all of cwnd. */
struct tcp_cc_ack make_ack(struct flow *f, uint32_t bytes);
void ack(struct flow *f, uint32_t bytes);

/* Within 1 %, or within least, which is more. */
void assert_near(double value, double expected, double least);

/* ---- A path -------------------------------------------------------------------------------- */

/*
 * A sender with endless data, or data at a rate, paced and bounded by cwnd; one bottleneck with a
 * queue that drops at its end; a receiver that acknowledges each packet. Nothing is reordered, so
 * that a packet is lost when a third later one is acknowledged. What is lost is not sent again but
 * followed by other data, which is the same to an algorithm.
 */
struct packet;

struct path {
	struct flow f;
	/* The link. */
	uint64_t rate; /* bytes per second */
	uint64_t rtt_ns;
	uint64_t buffer;       /* bytes */
	uint64_t aggregate_ns; /* ACKs arrive in lumps at multiples of this */
	uint32_t drop_permille;
	uint64_t free_ns; /* when the link has sent all that is queued */
	uint64_t random;
	/* The sender. */
	uint64_t app_rate; /* bytes per second, 0: endless */
	uint64_t app_from_ns, app_sent;
	bool app_paused;
	struct packet *packets;
	uint64_t next, next_ack, next_mark; /* of packets: to send, to be acknowledged, to judge */
	uint64_t delivered_ns, first_sent_ns, app_limited_until, lost, pace_ns;
	uint32_t in_flight, srtt_us, min_rtt_us;
	bool cwnd_limited;
	bool in_recovery;
	uint64_t recovery_end;
	/* What happened. */
	unsigned entered[BBR_NONE];
	uint64_t queue_ns[BBR_NONE], acks[BBR_NONE]; /* sum of queueing delays, number of ACKs */
	uint32_t probe_rtt_min_cwnd;
	uint8_t state;
	bool state_changed;
};

void open_path(
	struct path *p, enum tcp_cc_kind kind, uint64_t rate, uint64_t rtt_ns, uint64_t buffer);
void close_path(struct path *p);

void run_for(struct path *p, uint64_t ns);

/* Runs until BBR enters the state; fails if it does not within ns. */
void run_to_state(struct path *p, enum tcp_bbr_state wanted, uint64_t ns);

/* Runs for ns: the share of the link's rate that was delivered in it. */
double utilisation(struct path *p, uint64_t ns);

#define RATE_100M 12500000ull
#define RTT_20MS  (20 * MS)
#define BDP       (RATE_100M / 50) /* of both */

#endif
