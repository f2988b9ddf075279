/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NewReno: RFC 5681 with Appropriate Byte Counting (RFC 3465) and HyStart++ (RFC 9406).
 *
 * Called from the TCP core through tcp_newreno, calls tcp_cc_window.c. Fast recovery itself, with
 * RFC 6582's partial ACKs or SACK, is the core's.
 */
#include "stack/tcp/tcp_cc_internal.h"

static bool newreno_init(struct tcp_cc *cc, struct arena *arena, uint64_t now_ns)
{
	tcp_hystart_reset(&cc->newreno.hystart);
	return true;
}

/* RFC 3465 2.1: one segment more whenever a window's worth was acknowledged. */
static void avoid_congestion(struct tcp_cc *cc, const struct tcp_cc_ack *ack)
{
	struct tcp_newreno *reno = &cc->newreno;
	if (!ack->cwnd_limited)
		return;
	reno->bytes_acked += ack->cum_acked;
	if (reno->bytes_acked < cc->cwnd)
		return;
	reno->bytes_acked -= cc->cwnd;
	tcp_cc_grow(cc, cc->mss);
}

static void newreno_on_ack(struct tcp_cc *cc, const struct tcp_cc_ack *ack)
{
	if (!tcp_cc_in_fast_recovery(cc, ack)) {
		if (tcp_cc_in_slow_start(cc))
			tcp_cc_slow_start(cc, &cc->newreno.hystart, ack);
		else
			avoid_congestion(cc, ack);
	}
	tcp_cc_pace(cc, ack->srtt_us);
}

static void reduce(struct tcp_cc *cc, uint32_t flight_size)
{
	/*
	 * RFC 5681 3.1 (4): ssthresh = max (FlightSize / 2, 2*SMSS), in whole segments: a part of one
	 * never leaves, but would have to be acknowledged before the window grows.
	 */
	tcp_cc_reduce(cc, flight_size / 2 / cc->mss * cc->mss);
	cc->newreno.bytes_acked = 0;
}

static void newreno_on_congestion(struct tcp_cc *cc, uint64_t now_ns, uint32_t in_flight, bool ecn)
{
	/* RFC 3168 6.1.2: to ECN-Echo as to a loss, but down to one segment. */
	reduce(cc, in_flight);
	if (ecn && in_flight / 2 < 2 * cc->mss)
		cc->cwnd = min_u32(cc->cwnd, max_u32(in_flight / 2, cc->mss));
}

static void newreno_on_rto(struct tcp_cc *cc, uint64_t now_ns, uint32_t in_flight)
{
	/* RFC 5681 4.3: a timeout in fast recovery is a second sign: ssthresh is lowered twice. */
	reduce(cc, in_flight);
	tcp_cc_collapse(cc);
}

static void newreno_on_recovery_end(struct tcp_cc *cc, uint64_t now_ns, uint32_t in_flight)
{
	tcp_cc_end_recovery(cc);
}

static void newreno_on_undo(struct tcp_cc *cc, uint64_t now_ns)
{
	if (tcp_cc_take_back(cc) && tcp_cc_in_initial_slow_start(cc))
		tcp_hystart_reset(&cc->newreno.hystart);
}

static void newreno_on_idle(struct tcp_cc *cc, uint64_t now_ns, uint64_t idle_ns, uint64_t rto_ns)
{
	tcp_cc_restart_after_idle(cc, idle_ns, rto_ns);
}

const struct tcp_cc_ops tcp_newreno = {
	.name = "newreno",
	.init = newreno_init,
	.on_ack = newreno_on_ack,
	.on_congestion = newreno_on_congestion,
	.on_rto = newreno_on_rto,
	.on_recovery_end = newreno_on_recovery_end,
	.on_undo = newreno_on_undo,
	.on_idle = newreno_on_idle,
	.on_mss = tcp_cc_change_mss,
};
