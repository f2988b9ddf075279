/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What NewReno and CUBIC have in common: slow start, the frame of a reduction, the restart after
 * idle time, and pacing. Called from tcp_cc_newreno.c and tcp_cc_cubic.c, calls tcp_hystart.c.
 */
#include "stack/tcp/tcp_cc_internal.h"

#include <stddef.h>

uint32_t tcp_cc_initial_window(uint32_t mss)
{
	/* RFC 6928 2 (1): min (10*MSS, max (2*MSS, 14600)). */
	return min_u32(10 * mss, max_u32(2 * mss, 14600));
}

void tcp_cc_grow(struct tcp_cc *cc, uint32_t bytes)
{
	cc->cwnd = (uint32_t)min_u64((uint64_t)cc->cwnd + bytes, TCP_CWND_MAX);
}

/*
 * RFC 3465 2.2: at most L segments for one ACK. 2.3: L is 1 while what a timeout held for lost is
 * sent again, as an ACK may then cover much that left the network long ago; else 2, to bound
 * bursts. A paced sender has none to bound.
 */
static uint32_t slow_start_limit(const struct tcp_cc *cc)
{
	if (cc->rto_recovery)
		return cc->mss;
	return cc->pace ? UINT32_MAX : 2 * cc->mss;
}

void tcp_cc_slow_start(struct tcp_cc *cc, struct tcp_hystart *h, const struct tcp_cc_ack *ack)
{
	uint32_t growth;
	bool done = false;
	if (tcp_cc_in_initial_slow_start(cc)) {
		done = tcp_hystart_on_ack(h, ack, cc->mss, cc->pace, &growth);
	} else {
		growth = min_u32(ack->cum_acked, slow_start_limit(cc));
		growth = min_u32(growth, cc->ssthresh - cc->cwnd);
	}
	if (ack->cwnd_limited)
		tcp_cc_grow(cc, growth);
	if (done)
		cc->ssthresh = cc->cwnd;
}

/*
 * In slow start the window doubles each round trip, so that the rate must be twice that of the
 * window to let it. In congestion avoidance a margin of a fifth lets the window, which grows, and
 * not the pacer govern, and makes up for ACKs that come in lumps.
 */
void tcp_cc_pace(struct tcp_cc *cc, uint32_t srtt_us)
{
	if (!cc->pace || srtt_us == 0)
		return;
	uint64_t percent = tcp_cc_in_slow_start(cc) ? 200 : 120;
	cc->pacing_rate = max_u64(cc->cwnd * percent * 10000 / srtt_us, cc->mss);
	tcp_cc_set_send_quantum(cc);
}

bool tcp_cc_reduce(struct tcp_cc *cc, uint32_t ssthresh)
{
	bool first = cc->undo != NULL && (!cc->recovering || cc->rto_recovery);
	if (first)
		*cc->undo = (struct tcp_cc_undo){.cwnd = cc->cwnd, .ssthresh = cc->ssthresh};
	cc->recovering = true;
	cc->ssthresh = max_u32(ssthresh, 2 * cc->mss);
	return first;
}

void tcp_cc_collapse(struct tcp_cc *cc)
{
	cc->cwnd = cc->mss; /* RFC 5681 3.1: the loss window */
	cc->rto_recovery = true;
}

void tcp_cc_end_recovery(struct tcp_cc *cc)
{
	/*
	 * RFC 6937 3: PRR ends with cwnd at ssthresh. Not above it at the floor of ssthresh, under
	 * which ECN may have brought cwnd (RFC 3168 6.1.2), nor after a timeout, where slow start did.
	 */
	if (!cc->rto_recovery && (cc->ssthresh > 2 * cc->mss || cc->cwnd > cc->ssthresh))
		cc->cwnd = cc->ssthresh;
	cc->recovering = cc->rto_recovery = false;
}

bool tcp_cc_take_back(struct tcp_cc *cc)
{
	struct tcp_cc_undo *undo = cc->undo;
	bool undone = undo != NULL && cc->cwnd < undo->cwnd;
	if (undone) {
		cc->cwnd = undo->cwnd;
		cc->ssthresh = max_u32(undo->ssthresh, 2 * cc->mss); /* the MSS may have changed */
	}
	if (undo != NULL)
		undo->cwnd = 0;
	cc->recovering = cc->rto_recovery = false;
	return undone;
}

void tcp_cc_restart_after_idle(struct tcp_cc *cc, uint64_t idle_ns, uint64_t rto_ns)
{
	/* RFC 5681 4.1: after more than an RTO, cwnd is at most the restart window, min(IW, cwnd). */
	if (idle_ns <= rto_ns)
		return;
	uint32_t restart = tcp_cc_initial_window(cc->mss);
	if (cc->cwnd <= restart)
		return;
	/* RFC 7661 4.4.3: ssthresh remembers most of it, so that slow start brings it back. */
	if (!tcp_cc_in_initial_slow_start(cc))
		cc->ssthresh = max_u32(cc->ssthresh, cc->cwnd - cc->cwnd / 4);
	cc->cwnd = restart;
}

void tcp_cc_change_mss(struct tcp_cc *cc, uint32_t mss)
{
	/*
	 * RFC 5681 3.1: found too large, cwnd is reduced by the ratio of the sizes, so that it is no
	 * more segments than before. Found larger, it stays, but for the initial window.
	 */
	if (cc->cwnd == tcp_cc_initial_window(cc->mss))
		cc->cwnd = tcp_cc_initial_window(mss);
	else if (mss < cc->mss)
		cc->cwnd = (uint32_t)((uint64_t)cc->cwnd * mss / cc->mss);
	cc->mss = mss;
	cc->cwnd = max_u32(cc->cwnd, mss);
	if (!tcp_cc_in_initial_slow_start(cc))
		cc->ssthresh = max_u32(cc->ssthresh, 2 * mss);
	tcp_cc_set_send_quantum(cc);
}
