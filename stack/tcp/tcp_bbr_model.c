/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * BBR's model of the path: bandwidth, round-trip time, aggregation of ACKs, and the bounds that
 * losses teach. Called from tcp_cc_bbr.c, whose theory of operation tells what it is for.
 */
#include "stack/tcp/tcp_bbr_model.h"

/* bbr-06 2.8 and on. */
#define LOSS_THRESH_INVERSE    50u /* 2 % */
#define HEADROOM_PERCENT       15u
#define EXTRA_ACKED_FILTER_LEN 10u
#define FULL_BW_ROUNDS         3u

#define MIN_RTT_FILTER_LEN (10 * SECOND_NS)
#define PROBE_RTT_INTERVAL (5 * SECOND_NS)

/* 550 Gbit/s: with an RTT of 134 s, the product of both is still below 2^63. */
#define BW_MAX  (1ull << 36)
#define RTT_MAX ((1u << 27) - 1)

/* ---- Numbers ------------------------------------------------------------------------------ */

uint64_t tcp_bbr_max_bw(const struct tcp_bbr *bbr)
{
	return max_u64(bbr->max_bw_filter[0], bbr->max_bw_filter[1]);
}

uint32_t tcp_bbr_bdp(const struct tcp_bbr *bbr, uint64_t bw)
{
	return (uint32_t)min_u64(bw * bbr->min_rtt / 1000000, TCP_CWND_MAX);
}

/* bbr-06 5.6.4.2: BDPMultiple(gain). */
uint32_t tcp_bbr_multiple(const struct tcp_cc *cc, uint32_t bdp, uint32_t gain)
{
	if (cc->bbr->min_rtt == INFINITE_RTT)
		return tcp_cc_initial_window(cc->mss);
	return (uint32_t)((uint64_t)bdp * gain / 100);
}

/* bbr-06 5.3.3.8.3. */
uint32_t tcp_bbr_target_inflight(const struct tcp_cc *cc)
{
	return min_u32(cc->bbr->bdp, cc->cwnd);
}

/* bbr-06 5.6.4.2, with 5.5.8.1: three quanta, so that sender and receiver may work in lumps. */
uint32_t tcp_bbr_quantized(const struct tcp_cc *cc, uint32_t inflight_cap)
{
	inflight_cap = max_u32(inflight_cap, 3 * cc->send_quantum);
	inflight_cap = max_u32(inflight_cap, min_pipe_cwnd(cc));
	if (cc->bbr->state == BBR_PROBE_BW_UP)
		inflight_cap += 2 * cc->mss;
	return inflight_cap;
}

/* bbr-06 5.6.4.2: Inflight(1.0). */
uint32_t tcp_bbr_inflight(const struct tcp_cc *cc, uint32_t bdp)
{
	return tcp_bbr_quantized(cc, tcp_bbr_multiple(cc, bdp, UNITY_GAIN));
}

/* bbr-06 5.3.3.9: leaves room for others in the buffer or on the link. */
uint32_t tcp_bbr_with_headroom(const struct tcp_cc *cc)
{
	uint32_t longterm = cc->bbr->inflight_longterm;
	if (longterm == INFINITE_VOLUME)
		return INFINITE_VOLUME;
	uint32_t headroom =
		max_u32(cc->mss, (uint32_t)((uint64_t)longterm * HEADROOM_PERCENT / 100));
	return max_u32(longterm > headroom ? longterm - headroom : 0, min_pipe_cwnd(cc));
}

/* bbr-06 5.5.10.2: more lost than LossThresh of what was in flight. */
bool tcp_bbr_inflight_too_high(const struct tcp_cc *cc, const struct tcp_bbr_sample *rs)
{
	if (rs->lost > 0 && cc->no_sack)
		return true;
	return (uint64_t)rs->lost * LOSS_THRESH_INVERSE > rs->tx_in_flight;
}

/*
 * bbr-06 5.5.10.2: how much was in flight when losses crossed LossThresh, as that may have been in
 * the midst of a segment, which is an offload's burst:
 *   lost_prefix = (LossThresh * inflight_prev - lost_prev) / (1 - LossThresh)
 */
uint32_t tcp_bbr_inflight_at_loss(const struct tcp_cc_loss *loss)
{
	uint32_t bytes = min_u32(loss->bytes, min_u32(loss->tx_in_flight, loss->lost));
	uint32_t inflight_prev = loss->tx_in_flight - bytes;
	uint64_t lost_prev = (uint64_t)(loss->lost - bytes) * LOSS_THRESH_INVERSE;
	uint32_t lost_prefix = 0;
	if (inflight_prev > lost_prev)
		lost_prefix = (uint32_t)((inflight_prev - lost_prev) / (LOSS_THRESH_INVERSE - 1));
	return inflight_prev + lost_prefix;
}

/* The best from one on are this. */
static void set_best(struct tcp_bbr_max *max, unsigned from, uint32_t value, uint32_t round)
{
	for (unsigned i = from; i < 3; i++) {
		max->best[i].value = value;
		max->best[i].round = round;
	}
}

/*
 * A maximum over a window of rounds in constant space, by Kathleen Nichols' algorithm: the second
 * and third best are later than the best, and take its place when it has left the window.
 */
static void update_max(struct tcp_bbr_max *max, uint32_t window, uint32_t value, uint32_t round)
{
	if (value >= max->best[0].value || round - max->best[2].round > window) {
		set_best(max, 0, value, round);
		return;
	}
	if (value >= max->best[1].value)
		set_best(max, 1, value, round);
	else if (value >= max->best[2].value)
		set_best(max, 2, value, round);

	while (round - max->best[0].round > window) {
		max->best[0] = max->best[1];
		max->best[1] = max->best[2];
		set_best(max, 2, value, round);
	}
	/* A part of the window without a second or third best: better this one than none. */
	uint32_t age = round - max->best[0].round;
	if (max->best[1].round == max->best[0].round && age > window / 4)
		set_best(max, 1, value, round);
	else if (max->best[2].round == max->best[1].round && age > window / 2)
		set_best(max, 2, value, round);
}

/* ---- Cycles ------------------------------------------------------------------------------- */

void tcp_bbr_model_init(struct tcp_bbr *bbr, uint64_t now_ns)
{
	bbr->min_rtt = bbr->probe_rtt_min_delay = INFINITE_RTT;
	bbr->min_rtt_stamp = bbr->probe_rtt_min_stamp = now_ns;
	bbr->extra_acked_interval_start = now_ns;
	bbr->inflight_longterm = INFINITE_VOLUME;
	reset_short_term_model(bbr);
}

/* bbr-06 5.5.6. A cycle without a sample leaves the filter as it is. */
void tcp_bbr_next_cycle(struct tcp_bbr *bbr)
{
	if (bbr->max_bw_filter[0] == 0)
		return;
	bbr->max_bw_filter[1] = bbr->max_bw_filter[0];
	bbr->max_bw_filter[0] = 0;
}

/* ---- With each ACK ------------------------------------------------------------------------ */

struct tcp_bbr_sample tcp_bbr_sample_of(const struct tcp_cc_ack *ack)
{
	struct tcp_bbr_sample rs = {
		.now_ns = ack->now_ns,
		.newly_acked = ack->acked,
		.newly_lost = ack->lost,
		.prior_in_flight = ack->in_flight,
		.in_flight = ack->in_flight_now,
		.rtt_us = min_u32(ack->rtt_us, RTT_MAX),
		.in_recovery = ack->in_recovery,
	};
	if (ack->rs_interval_ns == 0)
		return rs;
	/* At most 2^30 * 10^9 < 2^60. */
	uint64_t bytes = min_u32(ack->rs_delivered, TCP_CWND_MAX);
	rs.has_data = true;
	rs.delivery_rate = min_u64(bytes * SECOND_NS / ack->rs_interval_ns, BW_MAX);
	rs.prior_delivered = ack->prior_delivered;
	rs.delivered = ack->rs_delivered;
	rs.lost = ack->rs_lost;
	rs.tx_in_flight = ack->tx_in_flight;
	rs.app_limited = ack->rs_app_limited;
	return rs;
}

/* bbr-06 5.5.10.3: near the start of ACK processing. */
static void update_latest_delivery_signals(struct tcp_bbr *bbr, const struct tcp_bbr_sample *rs)
{
	bbr->loss_round_start = false;
	if (!rs->has_data)
		return;
	bbr->bw_latest = max_u64(bbr->bw_latest, rs->delivery_rate);
	bbr->inflight_latest = max_u32(bbr->inflight_latest, rs->delivered);
	if (rs->prior_delivered >= bbr->loss_round_delivered) {
		bbr->loss_round_delivered = bbr->delivered;
		bbr->loss_round_start = true;
	}
}

/* And near its end. */
static void advance_latest_delivery_signals(struct tcp_bbr *bbr, const struct tcp_bbr_sample *rs)
{
	if (!bbr->loss_round_start)
		return;
	bbr->bw_latest = rs->delivery_rate;
	bbr->inflight_latest = rs->delivered;
	bbr->loss_ranges = 0;
}

/* bbr-06 5.5.1. */
static void update_round(struct tcp_bbr *bbr, const struct tcp_bbr_sample *rs)
{
	bbr->round_start = rs->has_data && rs->prior_delivered >= bbr->next_round_delivered;
	if (!bbr->round_start)
		return;
	start_round(bbr);
	bbr->round_count++;
	bbr->rounds_since_probe_up++;
	bbr->cwnd_limited_last = bbr->cwnd_limited;
	bbr->cwnd_limited = false;
}

/* bbr-06 5.5.5: samples that the application limited count only if they raise the maximum. */
static void update_max_bw(struct tcp_bbr *bbr, const struct tcp_bbr_sample *rs)
{
	update_round(bbr, rs);
	if (rs->delivery_rate > 0 && (rs->delivery_rate >= tcp_bbr_max_bw(bbr) || !rs->app_limited))
		bbr->max_bw_filter[0] = max_u64(bbr->max_bw_filter[0], rs->delivery_rate);
}

/* bbr-06 5.5.10.3: once per round trip, while not probing: towards what was delivered. */
static void adapt_lower_bounds(struct tcp_cc *cc)
{
	struct tcp_bbr *bbr = cc->bbr;
	if (is_probing_bw(bbr) || !bbr->is_loss_in_round)
		return;
	if (bbr->bw_shortterm == INFINITE_BW)
		bbr->bw_shortterm = tcp_bbr_max_bw(bbr);
	if (bbr->inflight_shortterm == INFINITE_VOLUME)
		bbr->inflight_shortterm = cc->cwnd;
	bbr->bw_shortterm = max_u64(bbr->bw_latest, bbr->bw_shortterm * BETA_PERCENT / 100);
	bbr->inflight_shortterm = max_u32(bbr->inflight_latest,
		(uint32_t)((uint64_t)bbr->inflight_shortterm * BETA_PERCENT / 100));
}

static void update_congestion_signals(struct tcp_cc *cc, const struct tcp_bbr_sample *rs)
{
	struct tcp_bbr *bbr = cc->bbr;
	update_max_bw(bbr, rs);
	if (!bbr->loss_round_start)
		return;
	adapt_lower_bounds(cc);
	bbr->is_loss_in_round = false;
}

/* bbr-06 5.5.9: what came in excess of bw, as lumps of ACKs. */
static void update_ack_aggregation(struct tcp_cc *cc, const struct tcp_bbr_sample *rs)
{
	struct tcp_bbr *bbr = cc->bbr;
	if (rs->newly_acked == 0)
		return;
	uint64_t interval_us =
		min_u64((rs->now_ns - bbr->extra_acked_interval_start) / 1000, RTT_MAX);
	uint64_t expected = bbr->bw * interval_us / 1000000;
	if (bbr->extra_acked_delivered <= expected || interval_us == RTT_MAX) {
		bbr->extra_acked_delivered = 0;
		bbr->extra_acked_interval_start = rs->now_ns;
		expected = 0;
	}
	bbr->extra_acked_delivered += rs->newly_acked;
	uint32_t extra = (uint32_t)min_u64(bbr->extra_acked_delivered - expected, cc->cwnd);
	update_max(&bbr->extra_acked_filter, bbr->full_bw_reached ? EXTRA_ACKED_FILTER_LEN : 1,
		extra, bbr->round_count);
}

/* bbr-06 5.3.1.2: three rounds that grew by less than a quarter fill the pipe. */
static void check_full_bw_reached(struct tcp_bbr *bbr, const struct tcp_bbr_sample *rs)
{
	if (bbr->full_bw_now || !bbr->round_start || rs->app_limited)
		return;
	if (rs->delivery_rate >= bbr->full_bw + bbr->full_bw / 4) {
		reset_full_bw(bbr, rs->delivery_rate);
		return;
	}
	bbr->full_bw_count++;
	bbr->full_bw_now = bbr->full_bw_count >= FULL_BW_ROUNDS;
	if (bbr->full_bw_now)
		bbr->full_bw_reached = true;
}

void tcp_bbr_model_begin(struct tcp_cc *cc, const struct tcp_bbr_sample *rs)
{
	update_latest_delivery_signals(cc->bbr, rs);
	update_congestion_signals(cc, rs);
	update_ack_aggregation(cc, rs);
	check_full_bw_reached(cc->bbr, rs);
}

void tcp_bbr_model_rtt(struct tcp_bbr *bbr, const struct tcp_bbr_sample *rs)
{
	bbr->probe_rtt_expired = rs->now_ns > bbr->probe_rtt_min_stamp + PROBE_RTT_INTERVAL;
	if (rs->rtt_us != 0 && (rs->rtt_us < bbr->probe_rtt_min_delay || bbr->probe_rtt_expired)) {
		bbr->probe_rtt_min_delay = rs->rtt_us;
		bbr->probe_rtt_min_stamp = rs->now_ns;
	}
	bool min_rtt_expired = rs->now_ns > bbr->min_rtt_stamp + MIN_RTT_FILTER_LEN;
	if (bbr->probe_rtt_min_delay < bbr->min_rtt || min_rtt_expired) {
		bbr->min_rtt = bbr->probe_rtt_min_delay;
		bbr->min_rtt_stamp = bbr->probe_rtt_min_stamp;
	}
}

void tcp_bbr_model_end(struct tcp_bbr *bbr, const struct tcp_bbr_sample *rs)
{
	advance_latest_delivery_signals(bbr, rs);
	bbr->bw = min_u64(tcp_bbr_max_bw(bbr), bbr->bw_shortterm);
	if (bbr->min_rtt != INFINITE_RTT)
		bbr->bdp = tcp_bbr_bdp(bbr, bbr->bw);
}
