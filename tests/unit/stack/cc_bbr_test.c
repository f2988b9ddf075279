/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * BBRv3 over a model of a path. The cases of draft-ietf-ccwg-bbr-06, appendix A, are marked with
 * their number, and in brackets the section that they are about.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "tests/unit/stack/cc_path.h"

static double mean_queue_ms(const struct path *p, enum tcp_bbr_state in)
{
	return p->acks[in] == 0 ? 0 : (double)p->queue_ns[in] / (double)p->acks[in] / 1e6;
}

/* An ACK that begins a round trip, of a segment at a delivery rate. */
static struct tcp_cc_ack make_round(struct path *p, uint64_t rate)
{
	p->f.now_ns += p->rtt_ns;
	struct tcp_cc_ack a = make_ack(&p->f, MSS);
	a.prior_delivered = p->f.delivered - MSS;
	a.rs_delivered = (uint32_t)(rate * p->rtt_ns / SECOND);
	a.rs_interval_ns = p->rtt_ns;
	a.rtt_us = (uint32_t)(p->rtt_ns / 1000);
	a.tx_in_flight = MSS;
	return a;
}

static void lose_segments(struct path *p, uint32_t seq, uint32_t count)
{
	struct tcp_cc_loss loss = {
		.now_ns = p->f.now_ns,
		.delivered = p->f.delivered,
		.bytes = MSS,
		.tx_in_flight = 100 * MSS,
	};
	for (uint32_t i = 0; i < count; i++) {
		loss.seq = seq + i * MSS;
		loss.lost = (i + 1) * MSS;
		p->f.cc.ops->on_lost(&p->f.cc, &loss);
	}
}

/* bbr-06 A.1, A.3 (5.3.1.2, 5.3.2): plateau, Drain, ProbeBW. */
static void bbr_startup_ends_at_the_plateau_and_drains(void **state)
{
	struct path p;
	open_path(&p, TCP_CC_BBR, RATE_100M, RTT_20MS, 10 * BDP);
	assert_int_equal(p.f.cc.bbr->state, BBR_STARTUP);
	run_to_state(&p, BBR_DRAIN, SECOND);
	assert_true(p.f.cc.bbr->full_bw_reached);
	assert_int_equal(p.f.cc.bbr->pacing_gain, 50);
	assert_near((double)tcp_bbr_max_bw(p.f.cc.bbr), RATE_100M, RATE_100M * 0.02);
	run_to_state(&p, BBR_PROBE_BW_CRUISE, SECOND); /* DOWN has nothing left to do */
	assert_true(p.in_flight <= p.f.cc.bbr->bdp + 3 * p.f.cc.send_quantum);
	assert_int_equal(p.lost, 0);
	close_path(&p);
}

/* Over rates and RTTs: within 5 % of the bandwidth, with next to no queue while cruising. */
static void bbr_converges_to_bandwidth_and_keeps_the_queue_short(void **state)
{
	static const struct {
		uint64_t rate, rtt_ns;
	} cases[] = {
		{RATE_100M / 10, 40 * MS},
		{RATE_100M, RTT_20MS},
		{RATE_100M, 100 * MS},
		{RATE_100M * 10, 5 * MS},
		{RATE_100M * 10, 50 * MS},
	};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct path p;
		uint64_t bdp = cases[i].rate * cases[i].rtt_ns / SECOND;
		open_path(&p, TCP_CC_BBR, cases[i].rate, cases[i].rtt_ns, 8 * bdp);
		run_for(&p, 3 * SECOND);
		memset(p.queue_ns, 0, sizeof(p.queue_ns));
		memset(p.acks, 0, sizeof(p.acks));
		assert_true(utilisation(&p, 20 * SECOND) > 0.95);
		assert_near((double)tcp_bbr_max_bw(p.f.cc.bbr), (double)cases[i].rate,
			(double)cases[i].rate * 0.02);
		assert_true(mean_queue_ms(&p, BBR_PROBE_BW_CRUISE) <
			(double)cases[i].rtt_ns / 1e6 / 10);
		assert_int_equal(p.lost, 0);
		assert_true(p.entered[BBR_PROBE_BW_UP] > 3);
		close_path(&p);
	}
}

/* bbr-06 A.5 to A.9 (5.3.3): the cycle goes through its states in order. */
static void bbr_probe_bw_cycles_down_cruise_refill_up(void **state)
{
	struct path p;
	open_path(&p, TCP_CC_BBR, RATE_100M, RTT_20MS, 8 * BDP);
	run_to_state(&p, BBR_PROBE_BW_CRUISE, 2 * SECOND);
	for (unsigned i = 0; i < 3; i++) {
		run_to_state(&p, BBR_PROBE_BW_REFILL, 4 * SECOND);
		assert_int_equal(p.f.cc.bbr->pacing_gain, 100);
		assert_true(p.f.cc.bbr->bw_shortterm == UINT64_MAX);
		run_to_state(&p, BBR_PROBE_BW_UP, SECOND);
		assert_int_equal(p.f.cc.bbr->pacing_gain, 125);
		assert_int_equal(p.f.cc.bbr->cwnd_gain, 225);
		run_to_state(&p, BBR_PROBE_BW_DOWN, SECOND);
		assert_int_equal(p.f.cc.bbr->pacing_gain, 90);
		run_to_state(&p, BBR_PROBE_BW_CRUISE, SECOND);
		assert_int_equal(p.f.cc.bbr->pacing_gain, 100);
	}
	close_path(&p);
}

/* bbr-06 A.10 (5.3.4): every 5 s, for 200 ms, down to half the BDP; then back to ProbeBW. */
static void bbr_probe_rtt_comes_every_five_seconds(void **state)
{
	struct path p;
	open_path(&p, TCP_CC_BBR, RATE_100M, RTT_20MS, 8 * BDP);
	run_to_state(&p, BBR_PROBE_RTT, 6 * SECOND);
	assert_int_equal(p.f.cc.bbr->cwnd_gain, 50);
	assert_true(p.app_limited_until > p.f.delivered); /* its samples are not of the path */
	uint64_t start_ns = p.f.now_ns;
	uint32_t cwnd = p.f.cc.bbr->prior_cwnd;
	run_to_state(&p, BBR_PROBE_BW_CRUISE, SECOND);
	assert_in_range(p.f.now_ns - start_ns, 200 * MS, 300 * MS);
	assert_in_range(p.probe_rtt_min_cwnd, BDP * 4 / 10, BDP * 6 / 10);
	assert_true(p.f.cc.cwnd >= cwnd - cwnd / 5);
	assert_in_range(p.f.cc.bbr->min_rtt, 20000, 20500);
	run_to_state(&p, BBR_PROBE_RTT, 6 * SECOND);
	assert_in_range(p.f.now_ns - start_ns, 5 * SECOND, 5500 * MS);
	close_path(&p);
}

/* bbr-06 5.3.4.1: ProbeRTT lasts for a round trip if that is longer than 200 ms. */
static void bbr_probe_rtt_lasts_for_a_long_round_trip(void **state)
{
	struct path p;
	open_path(&p, TCP_CC_BBR, RATE_100M, 800 * MS, 80 * BDP);
	run_to_state(&p, BBR_PROBE_BW_UP, 60 * SECOND);
	run_to_state(&p, BBR_PROBE_RTT, 30 * SECOND);
	while (p.f.cc.bbr->probe_rtt_done_stamp == 0)
		run_for(&p, MS);
	uint64_t low_ns = p.f.now_ns;
	run_to_state(&p, BBR_PROBE_BW_CRUISE, 3 * SECOND);
	assert_in_range(p.f.now_ns - low_ns, 790 * MS, 900 * MS);
	close_path(&p);
}

/* bbr-06 5.5.7.2: a longer path is noticed when the smallest RTT is 10 s old. */
static void bbr_min_rtt_expires_after_ten_seconds(void **state)
{
	struct path p;
	open_path(&p, TCP_CC_BBR, RATE_100M, RTT_20MS, 8 * BDP);
	run_for(&p, 4 * SECOND);
	assert_in_range(p.f.cc.bbr->min_rtt, 20000, 20500);
	p.rtt_ns = 60 * MS;
	run_for(&p, 16 * SECOND);
	assert_in_range(p.f.cc.bbr->min_rtt, 60000, 61000);
	assert_true(utilisation(&p, 5 * SECOND) > 0.95);
	close_path(&p);
}

/* bbr-06 A.21 (5.5.10.2): loss above 2 % in a probe lowers inflight_longterm and ends it. */
static void bbr_loss_in_a_probe_sets_inflight_longterm(void **state)
{
	struct path p;
	open_path(&p, TCP_CC_BBR, RATE_100M, RTT_20MS, BDP / 10);
	assert_int_equal(p.f.cc.bbr->inflight_longterm, UINT32_MAX);
	run_for(&p, 5 * SECOND);
	assert_in_range(p.f.cc.bbr->inflight_longterm, BDP / 2, BDP * 13 / 10);
	assert_true(p.f.cc.cwnd <= p.f.cc.bbr->inflight_longterm);
	uint64_t lost = p.lost, delivered = p.f.delivered;
	assert_true(utilisation(&p, 20 * SECOND) > 0.85);
	assert_true((double)(p.lost - lost) < 0.02 * (double)(p.f.delivered - delivered));
	close_path(&p);
}

/*
 * bbr-06 3.1, 5.5.10.3: random loss of 1 % is below the threshold of probes. Between them it slows
 * BBR by that much each round, up to 63 rounds; NewReno is left with 12 segments per RTT.
 */
static void bbr_one_percent_random_loss_keeps_half_of_the_bandwidth(void **state)
{
	static const enum tcp_cc_kind kinds[] = {TCP_CC_BBR, TCP_CC_NEWRENO};
	double share[2];
	for (unsigned i = 0; i < 2; i++) {
		struct path p;
		open_path(&p, kinds[i], RATE_100M, RTT_20MS, 4 * BDP);
		p.drop_permille = 10;
		run_for(&p, 5 * SECOND);
		share[i] = utilisation(&p, 60 * SECOND);
		close_path(&p);
	}
	assert_true(share[0] > 0.5);
	assert_true(share[0] > 5 * share[1]);
}

/* bbr-06 5.5.10.2: how much was in flight when losses crossed 2 %, within a burst of segments. */
static void bbr_inflight_longterm_is_what_was_in_flight_at_the_threshold(void **state)
{
	struct path p;
	open_path(&p, TCP_CC_BBR, RATE_100M, RTT_20MS, 8 * BDP);
	run_to_state(&p, BBR_PROBE_BW_UP, 6 * SECOND);
	struct tcp_cc_loss loss = {
		.now_ns = p.f.now_ns,
		.delivered = p.f.delivered,
		.bytes = 30 * MSS,
		.tx_in_flight = 1000 * MSS,
		.lost = 40 * MSS,
	};
	p.f.cc.ops->on_lost(&p.f.cc, &loss);
	/* (0.02 * 970 - 10) / 0.98 of the 30 */
	assert_near(p.f.cc.bbr->inflight_longterm, (970 + 9.4 / 0.98) * MSS, 2);
	close_path(&p);
}

/* bbr-06 5.3.3.1, 5.6.4.7: DOWN ends with, and CRUISE keeps, 15 % below inflight_longterm. */
static void bbr_cruise_leaves_headroom_below_inflight_longterm(void **state)
{
	struct path p;
	open_path(&p, TCP_CC_BBR, RATE_100M, RTT_20MS, 8 * BDP);
	run_to_state(&p, BBR_PROBE_BW_DOWN, 6 * SECOND);
	p.f.cc.bbr->inflight_longterm = BDP;
	run_to_state(&p, BBR_PROBE_BW_CRUISE, SECOND);
	uint32_t longterm = p.f.cc.bbr->inflight_longterm;
	assert_true(longterm < 2 * BDP);
	assert_true(p.in_flight <= longterm / 100.0 * 85);
	assert_near(p.f.cc.cwnd, longterm / 100.0 * 85, 1);
	close_path(&p);
}

/*
 * bbr-06 5.3.3.6: after a probe that went too high the next one stops at inflight_longterm; if that
 * goes well, another follows after a round trip.
 */
static void bbr_probe_after_high_loss_is_precautionary(void **state)
{
	struct path p;
	open_path(&p, TCP_CC_BBR, RATE_100M, RTT_20MS, 8 * BDP);
	run_to_state(&p, BBR_PROBE_BW_UP, 6 * SECOND);
	lose_segments(&p, 0, 3);
	struct tcp_bbr *bbr = p.f.cc.bbr;
	assert_int_equal(bbr->state, BBR_PROBE_BW_DOWN);
	assert_true(bbr->prev_probe_too_high);
	run_to_state(&p, BBR_PROBE_BW_UP, 6 * SECOND);
	run_to_state(&p, BBR_PROBE_BW_DOWN, 5 * RTT_20MS);
	assert_true(bbr->prev_probe_precautionary);
	assert_true(p.in_flight + 2 * MSS > bbr->inflight_longterm);
	run_to_state(&p, BBR_PROBE_BW_REFILL, 3 * RTT_20MS);
	assert_false(bbr->prev_probe_precautionary);
	run_to_state(&p, BBR_PROBE_BW_UP, 3 * RTT_20MS);
	run_for(&p, 2 * RTT_20MS);
	assert_int_equal(bbr->state, BBR_PROBE_BW_UP);
	close_path(&p);
}

/* bbr-06 A.15 (5.3.3.5): in UP inflight_longterm grows by 1, 2, 4, 8... segments a round trip. */
static void bbr_inflight_longterm_grows_faster_each_round_of_a_probe(void **state)
{
	struct path p;
	open_path(&p, TCP_CC_BBR, RATE_100M, RTT_20MS, 8 * BDP);
	run_to_state(&p, BBR_PROBE_BW_UP, 6 * SECOND);
	struct tcp_cc *cc = &p.f.cc;
	cc->bbr->inflight_longterm = cc->cwnd = 128 * MSS;
	cc->bbr->probe_up_acked_per_inc = cc->cwnd;
	for (uint32_t growth = 2; growth <= 16; growth *= 2) {
		uint32_t before = cc->bbr->inflight_longterm;
		struct tcp_cc_ack a;
		for (uint32_t acked = 0; acked < before; acked += MSS) {
			a = make_round(&p, RATE_100M);
			p.f.now_ns -= p.rtt_ns * 127 / 128;
			a.prior_delivered = acked == 0 ? a.prior_delivered : 0;
			cc->ops->on_ack(cc, &a);
			assert_int_equal(cc->bbr->state, BBR_PROBE_BW_UP);
		}
		assert_near((double)(cc->bbr->inflight_longterm - before) / MSS, growth, 1);
	}
	close_path(&p);
}

/* bbr-06 5.5.10.3: a round with loss lowers the short-term limits to 0.7, or to what came. */
static void bbr_loss_while_cruising_lowers_the_short_term_limits(void **state)
{
	struct path p;
	open_path(&p, TCP_CC_BBR, RATE_100M, RTT_20MS, 8 * BDP);
	run_to_state(&p, BBR_PROBE_BW_CRUISE, 2 * SECOND);
	struct tcp_cc *cc = &p.f.cc;
	struct tcp_bbr *bbr = cc->bbr;
	uint32_t cwnd = cc->cwnd;
	uint64_t max_bw = tcp_bbr_max_bw(bbr);
	bbr->bw_latest = 0;
	bbr->inflight_latest = 0;
	lose_segments(&p, 0, 1);
	struct tcp_cc_ack a = make_round(&p, RATE_100M / 10);
	cc->ops->on_ack(cc, &a);
	assert_near((double)bbr->bw_shortterm, 0.7 * (double)max_bw, 1);
	assert_near(bbr->inflight_shortterm, 0.7 * cwnd, 1);
	assert_true(cc->cwnd <= bbr->inflight_shortterm);
	assert_int_equal(bbr->bw, bbr->bw_shortterm);
	/* The next such round delivers more than 0.7 of that. */
	lose_segments(&p, 0, 1);
	a = make_round(&p, max_bw / 2);
	cc->ops->on_ack(cc, &a);
	assert_near((double)bbr->bw_shortterm, (double)max_bw / 2, 1);
	close_path(&p);
}

/* bbr-06 A.22 (5.5.4): a sample that the application limited counts only if it is the largest. */
static void bbr_application_limited_sample_counts_only_as_maximum(void **state)
{
	struct path p;
	open_path(&p, TCP_CC_BBR, RATE_100M, RTT_20MS, 8 * BDP);
	run_to_state(&p, BBR_PROBE_BW_CRUISE, 2 * SECOND);
	struct tcp_bbr *bbr = p.f.cc.bbr;
	bbr->max_bw_filter[0] = 0;
	bbr->max_bw_filter[1] = RATE_100M;
	struct tcp_cc_ack a = make_round(&p, RATE_100M / 2);
	a.rs_app_limited = true;
	p.f.cc.ops->on_ack(&p.f.cc, &a);
	assert_int_equal(bbr->max_bw_filter[0], 0);
	a = make_round(&p, RATE_100M * 2);
	a.rs_app_limited = true;
	p.f.cc.ops->on_ack(&p.f.cc, &a);
	assert_near((double)bbr->max_bw_filter[0], RATE_100M * 2.0, 1);
	close_path(&p);
}

/* bbr-06 2.12: extra_acked remembers 10 round trips. */
static void bbr_extra_acked_is_forgotten_after_ten_rounds(void **state)
{
	struct path p;
	open_path(&p, TCP_CC_BBR, RATE_100M, RTT_20MS, 8 * BDP);
	run_to_state(&p, BBR_PROBE_BW_CRUISE, 2 * SECOND);
	struct tcp_bbr *bbr = p.f.cc.bbr;
	for (unsigned i = 0; i < 3; i++) {
		bbr->extra_acked_filter.best[i].value = 100 * MSS;
		bbr->extra_acked_filter.best[i].round = bbr->round_count;
	}
	uint32_t round = bbr->round_count;
	while (bbr->round_count < round + 10)
		run_for(&p, MS);
	assert_int_equal(bbr->extra_acked_filter.best[0].value, 100 * MSS);
	while (bbr->round_count < round + 12)
		run_for(&p, MS);
	assert_true(bbr->extra_acked_filter.best[0].value < 20 * MSS);
	close_path(&p);
}

/* bbr-06 5.3.1.3: a single burst of losses does not end Startup, six ranges do. */
static void bbr_startup_ends_on_six_ranges_lost_not_on_one(void **state)
{
	for (unsigned ranges = 1; ranges <= 6; ranges += 5) {
		struct path p;
		open_path(&p, TCP_CC_BBR, RATE_100M, RTT_20MS, 8 * BDP);
		run_for(&p, 60 * MS);
		for (unsigned i = 0; i < ranges; i++)
			lose_segments(&p, i * 100 * MSS, 12 / ranges);
		p.f.cc.ops->on_congestion(&p.f.cc, p.f.now_ns, p.in_flight, false);
		struct tcp_cc_ack a = make_round(&p, RATE_100M);
		a.in_recovery = true;
		a.tx_in_flight = 100 * MSS;
		a.rs_lost = 12 * MSS;
		p.f.cc.ops->on_ack(&p.f.cc, &a);
		assert_int_equal(p.f.cc.bbr->full_bw_reached, ranges == 6);
		close_path(&p);
	}
}

/* bbr-06 A.2 (5.3.1.3): high loss ends Startup, also when the application is slow. */
static void bbr_startup_ends_on_high_loss_when_application_limited(void **state)
{
	struct path p;
	open_path(&p, TCP_CC_BBR, RATE_100M, RTT_20MS, 4 * BDP);
	p.app_rate = RATE_100M / 4;
	run_for(&p, SECOND);
	assert_int_equal(p.state, BBR_STARTUP);
	p.drop_permille = 200;
	run_to_state(&p, BBR_PROBE_BW_CRUISE, SECOND); /* there was nothing to drain */
	assert_true(p.f.cc.bbr->full_bw_now);
	assert_true(p.f.cc.bbr->inflight_longterm != UINT32_MAX);
	close_path(&p);
}

/* bbr-06 A.7: an application-limited flow without loss stays in Startup. */
static void bbr_application_limited_stays_in_startup(void **state)
{
	struct path p;
	open_path(&p, TCP_CC_BBR, RATE_100M, RTT_20MS, 4 * BDP);
	p.app_rate = RATE_100M / 4;
	run_for(&p, 4 * SECOND);
	assert_int_equal(p.state, BBR_STARTUP);
	assert_false(p.f.cc.bbr->full_bw_reached);
	close_path(&p);
}

/* bbr-06 A.20: ProbeRTT in Startup leads back to Startup. */
static void bbr_probe_rtt_in_startup_returns_to_startup(void **state)
{
	struct path p;
	open_path(&p, TCP_CC_BBR, RATE_100M, RTT_20MS, 4 * BDP);
	p.app_rate = RATE_100M / 4;
	run_to_state(&p, BBR_PROBE_RTT, 6 * SECOND);
	run_to_state(&p, BBR_STARTUP, SECOND);
	close_path(&p);
}

/* bbr-06 A.4 (5.3.2): Drain ends after three rounds even if the queue does not go. */
static void bbr_drain_ends_after_three_rounds(void **state)
{
	struct path p;
	open_path(&p, TCP_CC_BBR, RATE_100M, RTT_20MS, 10 * BDP);
	run_to_state(&p, BBR_DRAIN, SECOND);
	for (unsigned round = 0; round < 4; round++) {
		assert_int_equal(p.f.cc.bbr->state, BBR_DRAIN);
		p.f.now_ns += 100 * MS;
		struct tcp_cc_ack a = make_ack(&p.f, MSS);
		a.in_flight_now = 4 * BDP;
		a.prior_delivered = p.f.delivered - MSS;
		a.rs_delivered = MSS;
		a.rs_interval_ns = 100 * MS;
		p.f.cc.ops->on_ack(&p.f.cc, &a);
	}
	assert_int_equal(p.f.cc.bbr->state, BBR_PROBE_BW_DOWN);
	close_path(&p);
}

/* bbr-06 A.11 (5.4.1): idle time makes ProbeRTT superfluous, and restarts at bw. */
static void bbr_idle_restart_skips_probe_rtt(void **state)
{
	struct path p;
	open_path(&p, TCP_CC_BBR, RATE_100M, RTT_20MS, 8 * BDP);
	run_to_state(&p, BBR_PROBE_BW_CRUISE, 2 * SECOND);
	p.app_paused = true;
	run_for(&p, 6 * SECOND);
	assert_int_equal(p.in_flight, 0);
	p.app_paused = false;
	run_for(&p, 1);
	assert_true(p.f.cc.bbr->idle_restart);
	assert_near((double)p.f.cc.pacing_rate, (double)p.f.cc.bbr->bw * 0.99, 1);
	run_for(&p, SECOND);
	assert_false(p.f.cc.bbr->idle_restart);
	assert_int_equal(p.entered[BBR_PROBE_RTT], 0);
	assert_true(utilisation(&p, SECOND) > 0.9);
	close_path(&p);
}

/* bbr-06 A.14 (5.6.4.3): four segments at least, whatever the BDP. */
static void bbr_sub_packet_bdp_keeps_four_segments(void **state)
{
	struct path p;
	open_path(&p, TCP_CC_BBR, 64000 / 8, 10 * MS, 100 * MSS);
	run_for(&p, 60 * SECOND);
	assert_true(p.f.cc.cwnd >= 4 * MSS);
	assert_true(utilisation(&p, 60 * SECOND) > 0.9);
	assert_near((double)tcp_bbr_max_bw(p.f.cc.bbr), 8000, 800);
	close_path(&p);
}

/* bbr-06 5.6.4.2: three quanta at least, whatever the BDP, and in UP two segments more. */
static void bbr_cwnd_covers_three_quanta_and_two_segments_more_in_up(void **state)
{
	struct path p;
	open_path(&p, TCP_CC_BBR, RATE_100M, 50000, BDP);
	run_to_state(&p, BBR_PROBE_BW_REFILL, 6 * SECOND);
	run_for(&p, MS);
	assert_int_equal(p.f.cc.bbr->state, BBR_PROBE_BW_REFILL);
	assert_int_equal(p.f.cc.cwnd, 3 * p.f.cc.send_quantum);
	run_to_state(&p, BBR_PROBE_BW_UP, SECOND);
	run_for(&p, MS);
	assert_int_equal(p.f.cc.bbr->state, BBR_PROBE_BW_UP);
	assert_int_equal(p.f.cc.cwnd, 3 * p.f.cc.send_quantum + 2 * MSS);
	close_path(&p);
}

/* bbr-06 A.15 (5.3.3.5): ten times the bandwidth is found in a few probes. */
static void bbr_finds_ten_times_the_bandwidth(void **state)
{
	struct path p;
	open_path(&p, TCP_CC_BBR, RATE_100M / 10, RTT_20MS, 2 * BDP);
	run_for(&p, 4 * SECOND);
	p.rate = RATE_100M;
	run_for(&p, 8 * SECOND);
	assert_true(utilisation(&p, 5 * SECOND) > 0.9);
	close_path(&p);
}

/* bbr-06 A.16 (5.5.10.3, 5.5.6): with a tenth, at once by loss, then for good as max_bw expires. */
static void bbr_adapts_to_a_tenth_of_the_bandwidth(void **state)
{
	struct path p;
	open_path(&p, TCP_CC_BBR, RATE_100M, RTT_20MS, BDP / 10);
	run_for(&p, 4 * SECOND);
	p.rate /= 10;
	for (unsigned i = 0; i < 100 && p.f.cc.bbr->bw > RATE_100M / 5; i++)
		run_for(&p, RTT_20MS);
	assert_true(p.f.cc.bbr->bw <= RATE_100M / 5);
	run_for(&p, 15 * SECOND);
	assert_near((double)tcp_bbr_max_bw(p.f.cc.bbr), RATE_100M / 10.0, RATE_100M / 100.0);
	assert_true(utilisation(&p, 5 * SECOND) > 0.9);
	close_path(&p);
}

/* bbr-06 A.12, A.13 (5.5.9): ACKs that come in lumps are made up for by extra_acked. */
static void bbr_aggregated_acks_do_not_stall_it(void **state)
{
	struct path p;
	open_path(&p, TCP_CC_BBR, RATE_100M, 10 * MS, 8 * BDP);
	p.aggregate_ns = 15 * MS;
	run_for(&p, 3 * SECOND);
	assert_true(p.f.cc.bbr->extra_acked_filter.best[0].value > BDP / 4);
	assert_true(utilisation(&p, 10 * SECOND) > 0.93);
	close_path(&p);
}

/* A path on which nothing arrives for a while: RTO, one segment, and back. */
static void bbr_blackout_ends_in_rto_and_recovers(void **state)
{
	struct path p;
	open_path(&p, TCP_CC_BBR, RATE_100M, RTT_20MS, 4 * BDP);
	run_for(&p, 2 * SECOND);
	p.drop_permille = 1000;
	run_for(&p, 1500 * MS);
	assert_true(p.f.cc.rto_recovery);
	assert_int_equal(p.f.cc.cwnd, MSS);
	p.drop_permille = 0;
	run_for(&p, 5 * SECOND);
	assert_false(p.f.cc.recovering);
	assert_true(utilisation(&p, 5 * SECOND) > 0.9);
	close_path(&p);
}

/* bbr-06 A.18 (5.5.11): a spurious recovery in ProbeBW_UP restores the limits and probes again. */
static void bbr_undo_of_a_probe_restores_it(void **state)
{
	struct path p;
	open_path(&p, TCP_CC_BBR, RATE_100M, RTT_20MS, 8 * BDP);
	run_to_state(&p, BBR_PROBE_BW_UP, 6 * SECOND);
	run_for(&p, 5 * MS);
	struct tcp_cc *cc = &p.f.cc;
	uint32_t cwnd = cc->cwnd;
	struct tcp_cc_loss loss = {
		.now_ns = p.f.now_ns,
		.delivered = p.f.delivered,
		.bytes = MSS,
		.tx_in_flight = 100 * MSS,
		.lost = 10 * MSS,
	};
	cc->ops->on_lost(cc, &loss);
	assert_int_equal(cc->bbr->state, BBR_PROBE_BW_DOWN);
	assert_true(cc->bbr->inflight_longterm < UINT32_MAX);
	cc->ops->on_congestion(cc, p.f.now_ns, p.in_flight, false);
	cc->cwnd /= 2;
	cc->ops->on_undo(cc, p.f.now_ns);
	assert_int_equal(cc->bbr->state, BBR_PROBE_BW_REFILL);
	assert_int_equal(cc->bbr->inflight_longterm, UINT32_MAX);
	assert_int_equal(cc->cwnd, cwnd);
	assert_false(cc->recovering);
	close_path(&p);
}

/* bbr-06 A.19 (5.5.11): a spurious RTO restores cwnd and the limits. */
static void bbr_undo_of_an_rto_restores_the_window(void **state)
{
	struct path p;
	open_path(&p, TCP_CC_BBR, RATE_100M, RTT_20MS, 8 * BDP);
	run_to_state(&p, BBR_PROBE_BW_CRUISE, 2 * SECOND);
	uint32_t cwnd = p.f.cc.cwnd;
	p.f.cc.ops->on_rto(&p.f.cc, p.f.now_ns, p.in_flight);
	assert_int_equal(p.f.cc.cwnd, MSS);
	p.f.cc.ops->on_undo(&p.f.cc, p.f.now_ns);
	assert_int_equal(p.f.cc.cwnd, cwnd);
	assert_int_equal(p.f.cc.bbr->state, BBR_PROBE_BW_CRUISE);
	close_path(&p);
}

/* bbr-06 5.3.1.3: without SACK any loss in fast recovery ends Startup; an undo resumes it. */
static void bbr_startup_without_sack_ends_on_any_loss_and_undo_resumes(void **state)
{
	struct path p;
	open_path(&p, TCP_CC_BBR, RATE_100M, RTT_20MS, 4 * BDP);
	run_for(&p, 60 * MS);
	assert_int_equal(p.f.cc.bbr->state, BBR_STARTUP);
	p.f.cc.no_sack = true;
	struct tcp_cc_ack a = make_ack(&p.f, MSS);
	a.lost = MSS;
	a.in_recovery = true;
	p.f.cc.ops->on_congestion(&p.f.cc, p.f.now_ns, p.in_flight, false);
	p.f.cc.ops->on_ack(&p.f.cc, &a);
	assert_int_equal(p.f.cc.bbr->state, BBR_DRAIN);
	p.f.cc.ops->on_undo(&p.f.cc, p.f.now_ns);
	assert_int_equal(p.f.cc.bbr->state, BBR_STARTUP);
	assert_false(p.f.cc.bbr->full_bw_reached);
	close_path(&p);
}

/* bbr-06 3.7: an ECN-Echo is congestion: it ends Startup, and a probe. */
static void bbr_ecn_echo_ends_startup_and_probe(void **state)
{
	struct path p;
	open_path(&p, TCP_CC_BBR, RATE_100M, RTT_20MS, 4 * BDP);
	run_for(&p, 60 * MS);
	p.f.cc.ops->on_congestion(&p.f.cc, p.f.now_ns, p.in_flight, true);
	assert_int_equal(p.f.cc.bbr->state, BBR_DRAIN);
	p.f.cc.ops->on_recovery_end(&p.f.cc, p.f.now_ns, p.in_flight);
	run_to_state(&p, BBR_PROBE_BW_UP, 6 * SECOND);
	p.f.cc.ops->on_congestion(&p.f.cc, p.f.now_ns, p.in_flight, true);
	assert_int_equal(p.f.cc.bbr->state, BBR_PROBE_BW_DOWN);
	close_path(&p);
}

/* bbr-06 5.6.2: the initial rate is that of the initial window in the first RTT. */
static void bbr_first_rtt_sets_the_initial_pacing_rate(void **state)
{
	struct flow f;
	open_flow(&f, TCP_CC_BBR, MSS);
	assert_int_equal(f.cc.pacing_rate, 14480000ull * 277 / 100);
	ack(&f, 0); /* the ACK of the handshake, with an RTT of 100 ms */
	assert_int_equal(f.cc.pacing_rate, 144800ull * 277 / 100);
	assert_int_equal(f.cc.bbr->min_rtt, 100000);
	close_flow(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bbr_startup_ends_at_the_plateau_and_drains),
		cmocka_unit_test(bbr_converges_to_bandwidth_and_keeps_the_queue_short),
		cmocka_unit_test(bbr_probe_bw_cycles_down_cruise_refill_up),
		cmocka_unit_test(bbr_probe_rtt_comes_every_five_seconds),
		cmocka_unit_test(bbr_probe_rtt_lasts_for_a_long_round_trip),
		cmocka_unit_test(bbr_min_rtt_expires_after_ten_seconds),
		cmocka_unit_test(bbr_loss_in_a_probe_sets_inflight_longterm),
		cmocka_unit_test(bbr_one_percent_random_loss_keeps_half_of_the_bandwidth),
		cmocka_unit_test(bbr_inflight_longterm_is_what_was_in_flight_at_the_threshold),
		cmocka_unit_test(bbr_cruise_leaves_headroom_below_inflight_longterm),
		cmocka_unit_test(bbr_probe_after_high_loss_is_precautionary),
		cmocka_unit_test(bbr_inflight_longterm_grows_faster_each_round_of_a_probe),
		cmocka_unit_test(bbr_loss_while_cruising_lowers_the_short_term_limits),
		cmocka_unit_test(bbr_application_limited_sample_counts_only_as_maximum),
		cmocka_unit_test(bbr_extra_acked_is_forgotten_after_ten_rounds),
		cmocka_unit_test(bbr_startup_ends_on_six_ranges_lost_not_on_one),
		cmocka_unit_test(bbr_startup_ends_on_high_loss_when_application_limited),
		cmocka_unit_test(bbr_application_limited_stays_in_startup),
		cmocka_unit_test(bbr_probe_rtt_in_startup_returns_to_startup),
		cmocka_unit_test(bbr_drain_ends_after_three_rounds),
		cmocka_unit_test(bbr_idle_restart_skips_probe_rtt),
		cmocka_unit_test(bbr_sub_packet_bdp_keeps_four_segments),
		cmocka_unit_test(bbr_cwnd_covers_three_quanta_and_two_segments_more_in_up),
		cmocka_unit_test(bbr_finds_ten_times_the_bandwidth),
		cmocka_unit_test(bbr_adapts_to_a_tenth_of_the_bandwidth),
		cmocka_unit_test(bbr_aggregated_acks_do_not_stall_it),
		cmocka_unit_test(bbr_blackout_ends_in_rto_and_recovers),
		cmocka_unit_test(bbr_undo_of_a_probe_restores_it),
		cmocka_unit_test(bbr_undo_of_an_rto_restores_the_window),
		cmocka_unit_test(bbr_startup_without_sack_ends_on_any_loss_and_undo_resumes),
		cmocka_unit_test(bbr_ecn_echo_ends_startup_and_probe),
		cmocka_unit_test(bbr_first_rtt_sets_the_initial_pacing_rate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
