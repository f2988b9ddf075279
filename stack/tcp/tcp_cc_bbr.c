/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * BBRv3, as in draft-ietf-ccwg-bbr-06. "bbr-06 5.3.1" in this file is a section of that draft.
 *
 * Called from the TCP core through tcp_bbr, calls tcp_cc_window.c.
 *
 * Theory of operation: BBR keeps a model of the path: max_bw, the largest delivery rate of the last
 * two cycles of probing; min_rtt, the smallest RTT of 10 seconds; and limits learnt from loss, the
 * long-term one (inflight_longterm: what the path could not hold) and short-term ones (bw_shortterm,
 * inflight_shortterm: what it delivers at the moment), which are forgotten before each probe. It
 * paces at bw times a gain and bounds what is in flight by a multiple of bw * min_rtt. States:
 *
 *   Startup -> Drain -> ProbeBW: DOWN -> CRUISE -> REFILL -> UP -> DOWN ...; from any, every 5 s
 *   without a new smallest RTT, ProbeRTT and back.
 *
 * Where this departs from the draft, or goes on where it is silent:
 *   - State to undo to is saved with the first loss of a recovery episode, not with the first of
 *     each round trip in it, or else a later round would save what an earlier one has reduced.
 *   - ECN (3.7 leaves it open but for "as congestion"): an ECN-Echo counts as a loss of this round,
 *     and as too much in flight when it meets a probe or Startup.
 *   - Whether what is in flight reaches inflight_longterm (5.3.3.9) is asked of what was in flight
 *     before the ACK: cwnd is bounded by the same, so that after an ACK it never would.
 *   - The pacing rate is at least one segment per second.
 */
#include "stack/tcp/tcp_cc_bbr.h"

#include "stack/base/arena.h"
#include "stack/tcp/tcp_cc_internal.h"

/* bbr-06 2.5, 2.6: gains in percent. */
#define STARTUP_PACING_GAIN    277
#define DRAIN_PACING_GAIN      50
#define PROBE_DOWN_PACING_GAIN 90
#define PROBE_UP_PACING_GAIN   125
#define UNITY_GAIN             100
#define DEFAULT_CWND_GAIN      200
#define PROBE_UP_CWND_GAIN     225
#define PROBE_RTT_CWND_GAIN    50

/* bbr-06 2.8 and on. */
#define PACING_MARGIN_PERCENT  1
#define LOSS_THRESH_INVERSE    50u /* 2 % */
#define BETA_PERCENT           70u
#define HEADROOM_PERCENT       15u
#define MIN_PIPE_SEGMENTS      4u
#define EXTRA_ACKED_FILTER_LEN 10u
#define FULL_BW_ROUNDS         3u
#define STARTUP_FULL_LOSS_CNT  6u
#define DRAIN_MAX_ROUNDS       3u
#define RENO_ROUNDS            63u
#define MAX_PROBE_UP_ROUNDS    30u

#define MS_NS               1000000ull
#define SECOND_NS           1000000000ull
#define MIN_RTT_FILTER_LEN  (10 * SECOND_NS)
#define PROBE_RTT_INTERVAL  (5 * SECOND_NS)
#define PROBE_RTT_DURATION  (200 * MS_NS)
#define BW_PROBE_WAIT       (2 * SECOND_NS)
#define BW_PROBE_WAIT_EXTRA SECOND_NS

#define INFINITE_BW     UINT64_MAX
#define INFINITE_VOLUME UINT32_MAX
#define INFINITE_RTT    UINT32_MAX

/* 550 Gbit/s: with an RTT of 134 s, the product of both is still below 2^63. */
#define BW_MAX  (1ull << 36)
#define RTT_MAX ((1u << 27) - 1)

/* The rate sample that the model is asked about: an ACK's, or that of a lost segment. */
struct rate_sample {
	uint64_t delivery_rate; /* 0: none */
	uint64_t prior_delivered;
	uint32_t delivered, lost, tx_in_flight;
	uint32_t newly_acked, newly_lost, prior_in_flight, in_flight, rtt_us;
	uint64_t now_ns;
	bool app_limited, has_data, in_recovery;
};

/* ---- The model's numbers ------------------------------------------------------------------ */

uint64_t tcp_bbr_max_bw(const struct tcp_bbr *bbr)
{
	return max_u64(bbr->max_bw_filter[0], bbr->max_bw_filter[1]);
}

static uint32_t min_pipe_cwnd(const struct tcp_cc *cc)
{
	return MIN_PIPE_SEGMENTS * cc->mss;
}

static uint32_t bdp_of(const struct tcp_bbr *bbr, uint64_t bw)
{
	return (uint32_t)min_u64(bw * bbr->min_rtt / 1000000, TCP_CWND_MAX);
}

/* bbr-06 5.6.4.2: BDPMultiple(gain). */
static uint32_t multiple(const struct tcp_cc *cc, uint32_t bdp, uint32_t gain)
{
	if (cc->bbr->min_rtt == INFINITE_RTT)
		return tcp_cc_initial_window(cc->mss);
	return (uint32_t)((uint64_t)bdp * gain / 100);
}

/* bbr-06 5.3.3.8.3. */
static uint32_t target_inflight(const struct tcp_cc *cc)
{
	return min_u32(cc->bbr->bdp, cc->cwnd);
}

/* bbr-06 5.6.4.2, with 5.5.8.1: three quanta, so that sender and receiver may work in lumps. */
static uint32_t quantization_budget(const struct tcp_cc *cc, uint32_t inflight_cap)
{
	inflight_cap = max_u32(inflight_cap, 3 * cc->send_quantum);
	inflight_cap = max_u32(inflight_cap, min_pipe_cwnd(cc));
	if (cc->bbr->state == BBR_PROBE_BW_UP)
		inflight_cap += 2 * cc->mss;
	return inflight_cap;
}

/* bbr-06 5.6.4.2: Inflight(1.0). */
static uint32_t inflight(const struct tcp_cc *cc, uint32_t bdp)
{
	return quantization_budget(cc, multiple(cc, bdp, UNITY_GAIN));
}

/* bbr-06 5.3.3.9: leaves room for others in the buffer or on the link. */
static uint32_t inflight_with_headroom(const struct tcp_cc *cc)
{
	uint32_t longterm = cc->bbr->inflight_longterm;
	if (longterm == INFINITE_VOLUME)
		return INFINITE_VOLUME;
	uint32_t headroom =
		max_u32(cc->mss, (uint32_t)((uint64_t)longterm * HEADROOM_PERCENT / 100));
	return max_u32(longterm > headroom ? longterm - headroom : 0, min_pipe_cwnd(cc));
}

/* splitmix64 (Steele, Lea and Flood, 2014): good enough to spread the probes of flows. */
static uint64_t next_random(struct tcp_bbr *bbr)
{
	uint64_t z = bbr->random += 0x9e3779b97f4a7c15;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
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

/* ---- Entering states ---------------------------------------------------------------------- */

static void set_state(struct tcp_bbr *bbr, enum tcp_bbr_state state)
{
	/* bbr-06 5.6.1: pacing gain, cwnd gain. */
	static const uint16_t gains[][2] = {
		[BBR_STARTUP] = {STARTUP_PACING_GAIN, DEFAULT_CWND_GAIN},
		[BBR_DRAIN] = {DRAIN_PACING_GAIN, DEFAULT_CWND_GAIN},
		[BBR_PROBE_BW_DOWN] = {PROBE_DOWN_PACING_GAIN, DEFAULT_CWND_GAIN},
		[BBR_PROBE_BW_CRUISE] = {UNITY_GAIN, DEFAULT_CWND_GAIN},
		[BBR_PROBE_BW_REFILL] = {UNITY_GAIN, DEFAULT_CWND_GAIN},
		[BBR_PROBE_BW_UP] = {PROBE_UP_PACING_GAIN, PROBE_UP_CWND_GAIN},
		[BBR_PROBE_RTT] = {UNITY_GAIN, PROBE_RTT_CWND_GAIN},
	};
	bbr->state = (uint8_t)state;
	bbr->pacing_gain = gains[state][0];
	bbr->cwnd_gain = gains[state][1];
}

static bool in_probe_bw(const struct tcp_bbr *bbr)
{
	return bbr->state >= BBR_PROBE_BW_DOWN && bbr->state <= BBR_PROBE_BW_UP;
}

/* bbr-06 5.5.10.3: IsProbingBW(). */
static bool is_probing_bw(const struct tcp_bbr *bbr)
{
	return bbr->state == BBR_STARTUP || bbr->state == BBR_PROBE_BW_REFILL ||
		bbr->state == BBR_PROBE_BW_UP;
}

/* bbr-06 5.5.1. */
static void start_round(struct tcp_bbr *bbr)
{
	bbr->next_round_delivered = bbr->delivered;
}

/* bbr-06 5.3.1.2. */
static void reset_full_bw(struct tcp_bbr *bbr, uint64_t full_bw)
{
	bbr->full_bw = full_bw;
	bbr->full_bw_count = 0;
	bbr->full_bw_now = false;
}

/* bbr-06 5.5.10.3. */
static void reset_congestion_signals(struct tcp_bbr *bbr)
{
	bbr->is_loss_in_round = false;
	bbr->bw_latest = 0;
	bbr->inflight_latest = 0;
}

static void reset_short_term_model(struct tcp_bbr *bbr)
{
	bbr->bw_shortterm = INFINITE_BW;
	bbr->inflight_shortterm = INFINITE_VOLUME;
}

/* bbr-06 5.3.3.8.3: PickProbeWait(). */
static void pick_probe_wait(struct tcp_bbr *bbr)
{
	uint64_t random = next_random(bbr);
	bbr->rounds_since_probe_up = random & 1;
	bbr->bw_probe_wait = BW_PROBE_WAIT + (random >> 1) % BW_PROBE_WAIT_EXTRA;
}

/* bbr-06 5.3.3.9 from here on. */
static void start_probe_bw_down(struct tcp_bbr *bbr, uint64_t now_ns)
{
	reset_congestion_signals(bbr);
	bbr->probe_up_acked_per_inc = INFINITE_VOLUME;
	pick_probe_wait(bbr);
	bbr->cycle_stamp = now_ns;
	bbr->ack_phase = BBR_ACKS_PROBE_STOPPING;
	start_round(bbr);
	set_state(bbr, BBR_PROBE_BW_DOWN);
}

static void start_probe_bw_refill(struct tcp_bbr *bbr)
{
	reset_short_term_model(bbr);
	bbr->bw_probe_up_rounds = 0;
	bbr->bw_probe_up_acked = 0;
	bbr->prev_probe_precautionary = false;
	bbr->ack_phase = BBR_ACKS_REFILLING;
	start_round(bbr);
	set_state(bbr, BBR_PROBE_BW_REFILL);
}

static void raise_inflight_longterm_slope(struct tcp_cc *cc)
{
	struct tcp_bbr *bbr = cc->bbr;
	bbr->probe_up_acked_per_inc = max_u32(cc->cwnd >> bbr->bw_probe_up_rounds, cc->mss);
	if (bbr->bw_probe_up_rounds < MAX_PROBE_UP_ROUNDS)
		bbr->bw_probe_up_rounds++;
}

static void start_probe_bw_up(struct tcp_cc *cc, const struct rate_sample *rs)
{
	struct tcp_bbr *bbr = cc->bbr;
	bbr->ack_phase = BBR_ACKS_PROBE_STARTING;
	start_round(bbr);
	reset_full_bw(bbr, rs->delivery_rate);
	set_state(bbr, BBR_PROBE_BW_UP);
	raise_inflight_longterm_slope(cc);
}

static void enter_drain(struct tcp_bbr *bbr)
{
	set_state(bbr, BBR_DRAIN);
	bbr->drain_start_round = bbr->round_count;
}

/* ---- cwnd kept for later, and undo (bbr-06 5.6.4.4, 5.5.11) ------------------------------- */

static void save_cwnd(struct tcp_cc *cc)
{
	struct tcp_bbr *bbr = cc->bbr;
	if (cc->recovering || bbr->state == BBR_PROBE_RTT)
		bbr->prior_cwnd = max_u32(bbr->prior_cwnd, cc->cwnd);
	else
		bbr->prior_cwnd = cc->cwnd;
}

static void restore_cwnd(struct tcp_cc *cc)
{
	cc->cwnd = max_u32(cc->cwnd, cc->bbr->prior_cwnd);
}

static void save_state_upon_loss(struct tcp_cc *cc)
{
	struct tcp_bbr *bbr = cc->bbr;
	save_cwnd(cc);
	if (bbr->undo_saved)
		return;
	bbr->undo_saved = true;
	bbr->undo_state = BBR_NONE;
	bbr->undo_bw_shortterm = bbr->bw_shortterm;
	bbr->undo_inflight_shortterm = bbr->inflight_shortterm;
	bbr->undo_inflight_longterm = bbr->inflight_longterm;
}

static void bbr_on_undo(struct tcp_cc *cc, uint64_t now_ns)
{
	struct tcp_bbr *bbr = cc->bbr;
	cc->recovering = cc->rto_recovery = false;
	restore_cwnd(cc);
	bbr->is_loss_in_round = false;
	reset_full_bw(bbr, 0);
	bbr->bw_shortterm = max_u64(bbr->bw_shortterm, bbr->undo_bw_shortterm);
	bbr->inflight_shortterm = max_u32(bbr->inflight_shortterm, bbr->undo_inflight_shortterm);
	bbr->inflight_longterm = max_u32(bbr->inflight_longterm, bbr->undo_inflight_longterm);
	if (bbr->undo_state == BBR_STARTUP && bbr->state != BBR_STARTUP) {
		bbr->full_bw_reached = false;
		if (bbr->state != BBR_PROBE_RTT)
			set_state(bbr, BBR_STARTUP);
	} else if (bbr->undo_state == BBR_PROBE_BW_UP && bbr->state != BBR_PROBE_BW_UP) {
		if (bbr->state != BBR_PROBE_RTT)
			start_probe_bw_refill(bbr);
	}
	bbr->undo_state = BBR_NONE;
	bbr->undo_saved = false;
}

/* ---- Loss (bbr-06 5.5.10) ----------------------------------------------------------------- */

static void note_loss(struct tcp_cc *cc)
{
	struct tcp_bbr *bbr = cc->bbr;
	if (!bbr->is_loss_in_round) {
		bbr->loss_round_delivered = bbr->delivered;
		save_state_upon_loss(cc);
	}
	bbr->is_loss_in_round = true;
}

/* bbr-06 5.5.10.2: more lost than LossThresh of what was in flight. */
static bool is_inflight_too_high(const struct tcp_cc *cc, const struct rate_sample *rs)
{
	if (rs->lost > 0 && cc->no_sack)
		return true;
	return (uint64_t)rs->lost * LOSS_THRESH_INVERSE > rs->tx_in_flight;
}

static void handle_inflight_too_high(struct tcp_cc *cc, const struct rate_sample *rs)
{
	struct tcp_bbr *bbr = cc->bbr;
	bbr->prev_probe_too_high = true;
	bbr->is_bw_probe_sample = false; /* react once for each probe */
	if (!rs->app_limited)
		bbr->inflight_longterm = max_u32(rs->tx_in_flight,
			(uint32_t)((uint64_t)target_inflight(cc) * BETA_PERCENT / 100));
	if (bbr->state == BBR_PROBE_BW_UP) {
		bbr->undo_state = BBR_PROBE_BW_UP;
		start_probe_bw_down(bbr, rs->now_ns);
	}
}

/*
 * bbr-06 5.5.10.2: how much was in flight when losses crossed LossThresh, as that may have been in
 * the midst of a segment, which is an offload's burst:
 *   lost_prefix = (LossThresh * inflight_prev - lost_prev) / (1 - LossThresh)
 */
static uint32_t inflight_at_loss(const struct tcp_cc_loss *loss)
{
	uint32_t bytes = min_u32(loss->bytes, min_u32(loss->tx_in_flight, loss->lost));
	uint32_t inflight_prev = loss->tx_in_flight - bytes;
	uint64_t lost_prev = (uint64_t)(loss->lost - bytes) * LOSS_THRESH_INVERSE;
	uint32_t lost_prefix = 0;
	if (inflight_prev > lost_prev)
		lost_prefix = (uint32_t)((inflight_prev - lost_prev) / (LOSS_THRESH_INVERSE - 1));
	return inflight_prev + lost_prefix;
}

static void bbr_on_lost(struct tcp_cc *cc, const struct tcp_cc_loss *loss)
{
	struct tcp_bbr *bbr = cc->bbr;
	if ((loss->seq != bbr->loss_end || bbr->loss_ranges == 0) && bbr->loss_ranges < UINT8_MAX)
		bbr->loss_ranges++;
	bbr->loss_end = loss->seq + loss->bytes;

	bbr->delivered = loss->delivered;
	note_loss(cc);
	if (!bbr->is_bw_probe_sample)
		return;
	struct rate_sample rs = {
		.now_ns = loss->now_ns,
		.tx_in_flight = loss->tx_in_flight,
		.lost = loss->lost,
		.app_limited = loss->app_limited,
	};
	if (!is_inflight_too_high(cc, &rs))
		return;
	rs.tx_in_flight = inflight_at_loss(loss);
	handle_inflight_too_high(cc, &rs);
}

/* bbr-06 5.3.1.3: what ends Startup but a plateau; inflight_longterm is a safe level. */
static void leave_startup(struct tcp_cc *cc)
{
	struct tcp_bbr *bbr = cc->bbr;
	bbr->undo_state = BBR_STARTUP;
	bbr->full_bw_now = bbr->full_bw_reached = true;
	bbr->inflight_longterm = max_u32(bbr->bdp, bbr->inflight_latest);
	enter_drain(bbr);
}

static void bbr_on_congestion(struct tcp_cc *cc, uint64_t now_ns, uint32_t in_flight, bool ecn)
{
	struct tcp_bbr *bbr = cc->bbr;
	save_cwnd(cc);
	note_loss(cc);
	cc->recovering = true;
	if (!ecn)
		return;
	if (bbr->state == BBR_STARTUP) {
		leave_startup(cc);
	} else if (bbr->is_bw_probe_sample) {
		struct rate_sample rs = {
			.now_ns = now_ns,
			.tx_in_flight = in_flight,
		};
		handle_inflight_too_high(cc, &rs);
	}
}

static void bbr_on_rto(struct tcp_cc *cc, uint64_t now_ns, uint32_t in_flight)
{
	/* bbr-06 5.6.4.4: one segment. */
	save_cwnd(cc);
	note_loss(cc);
	cc->recovering = cc->rto_recovery = true;
	cc->cwnd = cc->mss;
}

static void bbr_on_recovery_end(struct tcp_cc *cc, uint64_t now_ns, uint32_t in_flight)
{
	cc->recovering = cc->rto_recovery = false;
	cc->bbr->undo_saved = false; /* the next loss is of another episode */
	restore_cwnd(cc);
}

/* ---- The model, with each ACK (bbr-06 5.2.3, in its order) -------------------------------- */

/* bbr-06 5.5.10.3: near the start of ACK processing. */
static void update_latest_delivery_signals(struct tcp_bbr *bbr, const struct rate_sample *rs)
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
static void advance_latest_delivery_signals(struct tcp_bbr *bbr, const struct rate_sample *rs)
{
	if (!bbr->loss_round_start)
		return;
	bbr->bw_latest = rs->delivery_rate;
	bbr->inflight_latest = rs->delivered;
	bbr->loss_ranges = 0;
}

/* bbr-06 5.5.1. */
static void update_round(struct tcp_bbr *bbr, const struct rate_sample *rs)
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
static void update_max_bw(struct tcp_bbr *bbr, const struct rate_sample *rs)
{
	update_round(bbr, rs);
	if (rs->delivery_rate > 0 && (rs->delivery_rate >= tcp_bbr_max_bw(bbr) || !rs->app_limited))
		bbr->max_bw_filter[0] = max_u64(bbr->max_bw_filter[0], rs->delivery_rate);
}

/* bbr-06 5.5.6. A cycle without a sample leaves the filter as it is. */
static void advance_max_bw_filter(struct tcp_bbr *bbr)
{
	if (bbr->max_bw_filter[0] == 0)
		return;
	bbr->max_bw_filter[1] = bbr->max_bw_filter[0];
	bbr->max_bw_filter[0] = 0;
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

static void update_congestion_signals(struct tcp_cc *cc, const struct rate_sample *rs)
{
	struct tcp_bbr *bbr = cc->bbr;
	update_max_bw(bbr, rs);
	if (!bbr->loss_round_start)
		return;
	adapt_lower_bounds(cc);
	bbr->is_loss_in_round = false;
}

/* bbr-06 5.5.9: what came in excess of bw, as lumps of ACKs. */
static void update_ack_aggregation(struct tcp_cc *cc, const struct rate_sample *rs)
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
static void check_full_bw_reached(struct tcp_bbr *bbr, const struct rate_sample *rs)
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

/* bbr-06 5.3.1.3. The loss round ends a round trip or more after the first loss. */
static bool is_startup_loss_high(const struct tcp_cc *cc, const struct rate_sample *rs)
{
	if (!rs->in_recovery)
		return false;
	if (cc->no_sack)
		return rs->newly_lost > 0;
	return cc->bbr->loss_round_start && cc->bbr->loss_ranges >= STARTUP_FULL_LOSS_CNT &&
		is_inflight_too_high(cc, rs);
}

static void check_startup_done(struct tcp_cc *cc, const struct rate_sample *rs)
{
	struct tcp_bbr *bbr = cc->bbr;
	if (bbr->state != BBR_STARTUP)
		return;
	if (is_startup_loss_high(cc, rs))
		leave_startup(cc);
	else if (bbr->full_bw_reached)
		enter_drain(bbr);
}

/* bbr-06 5.3.2. */
static void check_drain_done(struct tcp_cc *cc, const struct rate_sample *rs)
{
	struct tcp_bbr *bbr = cc->bbr;
	if (bbr->state == BBR_DRAIN &&
		(rs->in_flight <= inflight(cc, bbr->bdp) ||
			bbr->round_count > bbr->drain_start_round + DRAIN_MAX_ROUNDS))
		start_probe_bw_down(bbr, rs->now_ns);
}

/* ---- ProbeBW (bbr-06 5.3.3.9) ------------------------------------------------------------- */

static bool is_cwnd_limited(const struct tcp_bbr *bbr)
{
	return bbr->cwnd_limited || bbr->cwnd_limited_last;
}

static void probe_inflight_longterm_upward(struct tcp_cc *cc, const struct rate_sample *rs)
{
	struct tcp_bbr *bbr = cc->bbr;
	if (!is_cwnd_limited(bbr) || cc->cwnd < bbr->inflight_longterm)
		return;
	bbr->bw_probe_up_acked += rs->newly_acked;
	uint32_t steps = bbr->bw_probe_up_acked / bbr->probe_up_acked_per_inc;
	bbr->bw_probe_up_acked -= steps * bbr->probe_up_acked_per_inc;
	bbr->inflight_longterm =
		(uint32_t)min_u64(bbr->inflight_longterm + (uint64_t)steps * cc->mss, TCP_CWND_MAX);
	if (bbr->round_start)
		raise_inflight_longterm_slope(cc);
}

/* The end of a probe's feedback. True: it decided on a state. */
static bool end_probe_feedback(struct tcp_bbr *bbr, const struct rate_sample *rs)
{
	bbr->is_bw_probe_sample = false;
	bbr->ack_phase = BBR_ACKS_INIT;
	if (!in_probe_bw(bbr))
		return false;
	if (!rs->app_limited)
		advance_max_bw_filter(bbr);
	/* bbr-06 5.3.3.6, acceleration: what was done with caution went well. */
	if (!bbr->prev_probe_precautionary || bbr->prev_probe_too_high)
		return false;
	start_probe_bw_refill(bbr);
	return true;
}

static bool adapt_long_term_model(struct tcp_cc *cc, const struct rate_sample *rs)
{
	struct tcp_bbr *bbr = cc->bbr;
	if (bbr->ack_phase == BBR_ACKS_PROBE_STARTING && bbr->round_start)
		bbr->ack_phase = BBR_ACKS_PROBE_FEEDBACK;
	if (bbr->ack_phase == BBR_ACKS_PROBE_STOPPING && bbr->round_start &&
		end_probe_feedback(bbr, rs))
		return true;
	if (is_inflight_too_high(cc, rs) || bbr->inflight_longterm == INFINITE_VOLUME)
		return false;
	bbr->inflight_longterm = max_u32(bbr->inflight_longterm, rs->tx_in_flight);
	if (bbr->state == BBR_PROBE_BW_UP)
		probe_inflight_longterm_upward(cc, rs);
	return false;
}

/* bbr-06 5.3.3.8.3: as often as a Reno flow of this window would, but at least each 63 rounds. */
static bool is_reno_coexistence_probe_time(const struct tcp_cc *cc)
{
	uint32_t rounds = cc->bbr->rounds_since_probe_up;
	return rounds >= RENO_ROUNDS || (uint64_t)rounds * cc->mss >= target_inflight(cc);
}

static bool is_time_to_probe_bw(const struct tcp_cc *cc, const struct rate_sample *rs)
{
	const struct tcp_bbr *bbr = cc->bbr;
	return rs->now_ns > bbr->cycle_stamp + bbr->bw_probe_wait ||
		is_reno_coexistence_probe_time(cc);
}

static bool is_time_to_cruise(const struct tcp_cc *cc, const struct rate_sample *rs)
{
	return rs->in_flight <= inflight_with_headroom(cc) &&
		rs->in_flight <= inflight(cc, bdp_of(cc->bbr, tcp_bbr_max_bw(cc->bbr)));
}

static bool is_time_to_go_down(struct tcp_cc *cc, const struct rate_sample *rs)
{
	struct tcp_bbr *bbr = cc->bbr;
	/* bbr-06 5.3.3.6, deceleration: no further than where it was too much last time. */
	if (bbr->prev_probe_too_high &&
		(uint64_t)rs->prior_in_flight + cc->mss > bbr->inflight_longterm) {
		bbr->prev_probe_precautionary = true;
		return true;
	}
	if (is_cwnd_limited(bbr) && cc->cwnd >= bbr->inflight_longterm) {
		reset_full_bw(bbr, rs->delivery_rate); /* it is inflight_longterm that limits bw */
		return false;
	}
	return bbr->full_bw_now;
}

static void update_probe_bw_cycle_phase(struct tcp_cc *cc, const struct rate_sample *rs)
{
	struct tcp_bbr *bbr = cc->bbr;
	if (!bbr->full_bw_reached || adapt_long_term_model(cc, rs))
		return;
	switch (bbr->state) {
	case BBR_PROBE_BW_DOWN:
		if (is_time_to_probe_bw(cc, rs))
			start_probe_bw_refill(bbr);
		else if (is_time_to_cruise(cc, rs))
			set_state(bbr, BBR_PROBE_BW_CRUISE);
		break;
	case BBR_PROBE_BW_CRUISE:
		if (is_time_to_probe_bw(cc, rs))
			start_probe_bw_refill(bbr);
		break;
	case BBR_PROBE_BW_REFILL:
		if (bbr->round_start) {
			bbr->is_bw_probe_sample = true;
			start_probe_bw_up(cc, rs);
		}
		break;
	case BBR_PROBE_BW_UP:
		if (is_time_to_go_down(cc, rs)) {
			bbr->prev_probe_too_high = false;
			start_probe_bw_down(bbr, rs->now_ns);
		}
		break;
	default:
		break;
	}
}

/* ---- ProbeRTT (bbr-06 5.3.4) -------------------------------------------------------------- */

static void update_min_rtt(struct tcp_bbr *bbr, const struct rate_sample *rs)
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

/* bbr-06 5.6.4.5. */
static uint32_t probe_rtt_cwnd(const struct tcp_cc *cc)
{
	return max_u32(multiple(cc, cc->bbr->bdp, PROBE_RTT_CWND_GAIN), min_pipe_cwnd(cc));
}

static void exit_probe_rtt(struct tcp_bbr *bbr, uint64_t now_ns)
{
	reset_short_term_model(bbr);
	if (bbr->full_bw_reached) {
		start_probe_bw_down(bbr, now_ns);
		set_state(bbr, BBR_PROBE_BW_CRUISE);
	} else {
		set_state(bbr, BBR_STARTUP);
	}
}

static void check_probe_rtt_done(struct tcp_cc *cc, uint64_t now_ns)
{
	struct tcp_bbr *bbr = cc->bbr;
	if (bbr->probe_rtt_done_stamp == 0 || now_ns <= bbr->probe_rtt_done_stamp)
		return;
	bbr->probe_rtt_min_stamp = now_ns; /* the next ProbeRTT is an interval away */
	restore_cwnd(cc);
	exit_probe_rtt(bbr, now_ns);
}

static void handle_probe_rtt(struct tcp_cc *cc, const struct rate_sample *rs)
{
	struct tcp_bbr *bbr = cc->bbr;
	cc->mark_app_limited = true; /* the low rates of ProbeRTT say nothing about the path */
	if (bbr->probe_rtt_done_stamp == 0) {
		if (rs->in_flight > probe_rtt_cwnd(cc))
			return;
		bbr->probe_rtt_done_stamp = rs->now_ns + PROBE_RTT_DURATION;
		bbr->probe_rtt_round_done = false;
		start_round(bbr);
		return;
	}
	if (bbr->round_start)
		bbr->probe_rtt_round_done = true;
	if (bbr->probe_rtt_round_done)
		check_probe_rtt_done(cc, rs->now_ns);
}

static void check_probe_rtt(struct tcp_cc *cc, const struct rate_sample *rs)
{
	struct tcp_bbr *bbr = cc->bbr;
	if (bbr->state != BBR_PROBE_RTT && bbr->probe_rtt_expired && !bbr->idle_restart) {
		save_cwnd(cc);
		set_state(bbr, BBR_PROBE_RTT);
		bbr->probe_rtt_done_stamp = 0;
		bbr->ack_phase = BBR_ACKS_PROBE_STOPPING;
		start_round(bbr);
	}
	if (bbr->state == BBR_PROBE_RTT)
		handle_probe_rtt(cc, rs);
	if (rs->has_data)
		bbr->idle_restart = false;
}

/* ---- Control parameters (bbr-06 5.6) ------------------------------------------------------ */

/* bbr-06 5.6.2. Until the pipe is full once, only upwards. */
static void set_pacing_rate(struct tcp_cc *cc, uint32_t gain)
{
	const struct tcp_bbr *bbr = cc->bbr;
	uint64_t rate = bbr->bw * gain / 100 * (100 - PACING_MARGIN_PERCENT) / 100;
	if (bbr->bw == 0)
		return;
	if (bbr->full_bw_reached || rate > cc->pacing_rate)
		cc->pacing_rate = max_u64(rate, cc->mss);
}

/* bbr-06 5.6.2: InitPacingRate(), again with the first RTT. */
static void init_pacing_rate(struct tcp_cc *cc, uint32_t srtt_us)
{
	uint64_t window = tcp_cc_initial_window(cc->mss);
	uint64_t rtt_us = srtt_us != 0 ? srtt_us : 1000;
	cc->pacing_rate = max_u64(window * STARTUP_PACING_GAIN * 10000 / rtt_us, cc->mss);
	cc->paced_start = srtt_us != 0;
	tcp_cc_set_send_quantum(cc);
}

/* bbr-06 5.6.4.7. */
static uint32_t cwnd_cap_for_model(const struct tcp_cc *cc)
{
	const struct tcp_bbr *bbr = cc->bbr;
	uint32_t cap = INFINITE_VOLUME;
	if (bbr->state == BBR_PROBE_RTT || bbr->state == BBR_PROBE_BW_CRUISE)
		cap = inflight_with_headroom(cc);
	else if (in_probe_bw(bbr))
		cap = bbr->inflight_longterm;
	cap = min_u32(cap, bbr->inflight_shortterm);
	return max_u32(cap, min_pipe_cwnd(cc));
}

/* bbr-06 5.6.4.6. */
static void set_cwnd(struct tcp_cc *cc, const struct rate_sample *rs)
{
	const struct tcp_bbr *bbr = cc->bbr;
	uint32_t max_inflight = multiple(cc, bbr->bdp, bbr->cwnd_gain);
	max_inflight += bbr->extra_acked_filter.best[0].value;
	max_inflight = min_u32(quantization_budget(cc, max_inflight), TCP_CWND_MAX);

	if (bbr->full_bw_reached)
		cc->cwnd = (uint32_t)min_u64((uint64_t)cc->cwnd + rs->newly_acked, max_inflight);
	else if (cc->cwnd < max_inflight || bbr->delivered < tcp_cc_initial_window(cc->mss))
		tcp_cc_grow(cc, rs->newly_acked);
	cc->cwnd = max_u32(cc->cwnd, min_pipe_cwnd(cc));
	if (bbr->state == BBR_PROBE_RTT)
		cc->cwnd = min_u32(cc->cwnd, probe_rtt_cwnd(cc));
	cc->cwnd = min_u32(cc->cwnd, cwnd_cap_for_model(cc));
}

/* ---- Events ------------------------------------------------------------------------------- */

static struct rate_sample rate_sample_of(const struct tcp_cc_ack *ack)
{
	struct rate_sample rs = {
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

static void update_model_and_state(struct tcp_cc *cc, const struct rate_sample *rs)
{
	struct tcp_bbr *bbr = cc->bbr;
	update_latest_delivery_signals(bbr, rs);
	update_congestion_signals(cc, rs);
	update_ack_aggregation(cc, rs);
	check_full_bw_reached(bbr, rs);
	check_startup_done(cc, rs);
	check_drain_done(cc, rs);
	update_probe_bw_cycle_phase(cc, rs);
	update_min_rtt(bbr, rs);
	check_probe_rtt(cc, rs);
	advance_latest_delivery_signals(bbr, rs);
	bbr->bw = min_u64(tcp_bbr_max_bw(bbr), bbr->bw_shortterm);
	if (bbr->min_rtt != INFINITE_RTT)
		bbr->bdp = bdp_of(bbr, bbr->bw);
}

static void bbr_on_ack(struct tcp_cc *cc, const struct tcp_cc_ack *ack)
{
	struct rate_sample rs = rate_sample_of(ack);
	cc->bbr->delivered = ack->delivered;
	/* bbr-06 2.2: all of cwnd; the half that is enough in slow start is not. */
	if (ack->cwnd_limited && (uint64_t)ack->in_flight + cc->mss > cc->cwnd)
		cc->bbr->cwnd_limited = true;
	if (!cc->paced_start && ack->srtt_us != 0)
		init_pacing_rate(cc, ack->srtt_us);
	update_model_and_state(cc, &rs);
	set_pacing_rate(cc, cc->bbr->pacing_gain);
	tcp_cc_set_send_quantum(cc);
	set_cwnd(cc, &rs);
}

/* bbr-06 5.4.1. */
static void bbr_on_sent(struct tcp_cc *cc, uint64_t now_ns, uint32_t in_flight, bool app_limited)
{
	struct tcp_bbr *bbr = cc->bbr;
	if (in_flight != 0 || !app_limited)
		return;
	bbr->idle_restart = true;
	bbr->extra_acked_interval_start = now_ns;
	if (in_probe_bw(bbr))
		set_pacing_rate(cc, UNITY_GAIN);
	else if (bbr->state == BBR_PROBE_RTT)
		check_probe_rtt_done(cc, now_ns);
}

static void bbr_on_idle(struct tcp_cc *cc, uint64_t now_ns, uint64_t idle_ns, uint64_t rto_ns)
{
	/* bbr-06 5.4.2: cwnd is kept, pacing prevents the burst; the rest is bbr_on_sent()'s. */
}

/* bbr-06 5.2.1. */
static bool bbr_init(struct tcp_cc *cc, struct arena *arena, uint64_t now_ns)
{
	struct tcp_bbr *bbr = arena_calloc(arena, 1, sizeof(*bbr));
	if (bbr == NULL)
		return false;
	cc->bbr = bbr;
	bbr->min_rtt = bbr->probe_rtt_min_delay = INFINITE_RTT;
	bbr->min_rtt_stamp = bbr->probe_rtt_min_stamp = now_ns;
	bbr->extra_acked_interval_start = now_ns;
	bbr->inflight_longterm = INFINITE_VOLUME;
	bbr->probe_up_acked_per_inc = INFINITE_VOLUME;
	bbr->undo_state = BBR_NONE;
	bbr->random = now_ns;
	reset_short_term_model(bbr);
	set_state(bbr, BBR_STARTUP);
	init_pacing_rate(cc, 0);
	return true;
}

static void bbr_fini(struct tcp_cc *cc, struct arena *arena)
{
	arena_free(arena, cc->bbr);
	cc->bbr = NULL;
}

const struct tcp_cc_ops tcp_bbr = {
	.name = "bbr",
	.own_recovery = true,
	.rate_samples = true,
	.init = bbr_init,
	.fini = bbr_fini,
	.on_ack = bbr_on_ack,
	.on_lost = bbr_on_lost,
	.on_congestion = bbr_on_congestion,
	.on_rto = bbr_on_rto,
	.on_recovery_end = bbr_on_recovery_end,
	.on_undo = bbr_on_undo,
	.on_sent = bbr_on_sent,
	.on_idle = bbr_on_idle,
	.on_mss = tcp_cc_change_mss,
};
