/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * BBRv3, as in draft-ietf-ccwg-bbr-06: its state machine, and what follows for pacing and cwnd.
 *
 * Called from the TCP core through tcp_bbr, calls tcp_bbr_model.c and tcp_cc_window.c.
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
#include "stack/tcp/tcp_bbr_model.h"

/* bbr-06 2.5, 2.6: gains in percent. */
#define STARTUP_PACING_GAIN    277
#define DRAIN_PACING_GAIN      50
#define PROBE_DOWN_PACING_GAIN 90
#define PROBE_UP_PACING_GAIN   125
#define DEFAULT_CWND_GAIN      200
#define PROBE_UP_CWND_GAIN     225
#define PROBE_RTT_CWND_GAIN    50

/* bbr-06 2.8 and on. */
#define PACING_MARGIN_PERCENT 1
#define STARTUP_FULL_LOSS_CNT 6u
#define DRAIN_MAX_ROUNDS      3u
#define RENO_ROUNDS           63u
#define MAX_PROBE_UP_ROUNDS   30u

#define PROBE_RTT_DURATION  (200 * MS_NS)
#define BW_PROBE_WAIT       (2 * SECOND_NS)
#define BW_PROBE_WAIT_EXTRA SECOND_NS

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

/* splitmix64 (Steele, Lea and Flood, 2014): good enough to spread the probes of flows. */
static uint64_t next_random(struct tcp_bbr *bbr)
{
	uint64_t z = bbr->random += 0x9e3779b97f4a7c15;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
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

static void start_probe_bw_up(struct tcp_cc *cc, const struct tcp_bbr_sample *rs)
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

static void handle_inflight_too_high(struct tcp_cc *cc, const struct tcp_bbr_sample *rs)
{
	struct tcp_bbr *bbr = cc->bbr;
	bbr->prev_probe_too_high = true;
	bbr->is_bw_probe_sample = false; /* react once for each probe */
	if (!rs->app_limited)
		bbr->inflight_longterm = max_u32(rs->tx_in_flight,
			(uint32_t)((uint64_t)tcp_bbr_target_inflight(cc) * BETA_PERCENT / 100));
	if (bbr->state == BBR_PROBE_BW_UP) {
		bbr->undo_state = BBR_PROBE_BW_UP;
		start_probe_bw_down(bbr, rs->now_ns);
	}
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
	struct tcp_bbr_sample rs = {
		.now_ns = loss->now_ns,
		.tx_in_flight = loss->tx_in_flight,
		.lost = loss->lost,
		.app_limited = loss->app_limited,
	};
	if (!tcp_bbr_inflight_too_high(cc, &rs))
		return;
	rs.tx_in_flight = tcp_bbr_inflight_at_loss(loss);
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
		struct tcp_bbr_sample rs = {
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

/* ---- Startup, Drain (bbr-06 5.3.1, 5.3.2) -------------------------------------------------- */

/* bbr-06 5.3.1.3. The loss round ends a round trip or more after the first loss. */
static bool is_startup_loss_high(const struct tcp_cc *cc, const struct tcp_bbr_sample *rs)
{
	if (!rs->in_recovery)
		return false;
	if (cc->no_sack)
		return rs->newly_lost > 0;
	return cc->bbr->loss_round_start && cc->bbr->loss_ranges >= STARTUP_FULL_LOSS_CNT &&
		tcp_bbr_inflight_too_high(cc, rs);
}

static void check_startup_done(struct tcp_cc *cc, const struct tcp_bbr_sample *rs)
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
static void check_drain_done(struct tcp_cc *cc, const struct tcp_bbr_sample *rs)
{
	struct tcp_bbr *bbr = cc->bbr;
	if (bbr->state == BBR_DRAIN &&
		(rs->in_flight <= tcp_bbr_inflight(cc, bbr->bdp) ||
			bbr->round_count > bbr->drain_start_round + DRAIN_MAX_ROUNDS))
		start_probe_bw_down(bbr, rs->now_ns);
}

/* ---- ProbeBW (bbr-06 5.3.3.9) ------------------------------------------------------------- */

static bool is_cwnd_limited(const struct tcp_bbr *bbr)
{
	return bbr->cwnd_limited || bbr->cwnd_limited_last;
}

static void probe_inflight_longterm_upward(struct tcp_cc *cc, const struct tcp_bbr_sample *rs)
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
static bool end_probe_feedback(struct tcp_bbr *bbr, const struct tcp_bbr_sample *rs)
{
	bbr->is_bw_probe_sample = false;
	bbr->ack_phase = BBR_ACKS_INIT;
	if (!in_probe_bw(bbr))
		return false;
	if (!rs->app_limited)
		tcp_bbr_next_cycle(bbr);
	/* bbr-06 5.3.3.6, acceleration: what was done with caution went well. */
	if (!bbr->prev_probe_precautionary || bbr->prev_probe_too_high)
		return false;
	start_probe_bw_refill(bbr);
	return true;
}

static bool adapt_long_term_model(struct tcp_cc *cc, const struct tcp_bbr_sample *rs)
{
	struct tcp_bbr *bbr = cc->bbr;
	if (bbr->ack_phase == BBR_ACKS_PROBE_STARTING && bbr->round_start)
		bbr->ack_phase = BBR_ACKS_PROBE_FEEDBACK;
	if (bbr->ack_phase == BBR_ACKS_PROBE_STOPPING && bbr->round_start &&
		end_probe_feedback(bbr, rs))
		return true;
	if (tcp_bbr_inflight_too_high(cc, rs) || bbr->inflight_longterm == INFINITE_VOLUME)
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
	return rounds >= RENO_ROUNDS || (uint64_t)rounds * cc->mss >= tcp_bbr_target_inflight(cc);
}

static bool is_time_to_probe_bw(const struct tcp_cc *cc, const struct tcp_bbr_sample *rs)
{
	const struct tcp_bbr *bbr = cc->bbr;
	return rs->now_ns > bbr->cycle_stamp + bbr->bw_probe_wait ||
		is_reno_coexistence_probe_time(cc);
}

static bool is_time_to_cruise(const struct tcp_cc *cc, const struct tcp_bbr_sample *rs)
{
	return rs->in_flight <= tcp_bbr_with_headroom(cc) &&
		rs->in_flight <=
		tcp_bbr_inflight(cc, tcp_bbr_bdp(cc->bbr, tcp_bbr_max_bw(cc->bbr)));
}

static bool is_time_to_go_down(struct tcp_cc *cc, const struct tcp_bbr_sample *rs)
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

static void update_probe_bw_cycle_phase(struct tcp_cc *cc, const struct tcp_bbr_sample *rs)
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

/* bbr-06 5.6.4.5. */
static uint32_t probe_rtt_cwnd(const struct tcp_cc *cc)
{
	return max_u32(tcp_bbr_multiple(cc, cc->bbr->bdp, PROBE_RTT_CWND_GAIN), min_pipe_cwnd(cc));
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

static void handle_probe_rtt(struct tcp_cc *cc, const struct tcp_bbr_sample *rs)
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

static void check_probe_rtt(struct tcp_cc *cc, const struct tcp_bbr_sample *rs)
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
		cap = tcp_bbr_with_headroom(cc);
	else if (in_probe_bw(bbr))
		cap = bbr->inflight_longterm;
	cap = min_u32(cap, bbr->inflight_shortterm);
	return max_u32(cap, min_pipe_cwnd(cc));
}

/* bbr-06 5.6.4.6. */
static void set_cwnd(struct tcp_cc *cc, const struct tcp_bbr_sample *rs)
{
	const struct tcp_bbr *bbr = cc->bbr;
	uint32_t max_inflight = tcp_bbr_multiple(cc, bbr->bdp, bbr->cwnd_gain);
	max_inflight += bbr->extra_acked_filter.best[0].value;
	max_inflight = min_u32(tcp_bbr_quantized(cc, max_inflight), TCP_CWND_MAX);

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

static void update_model_and_state(struct tcp_cc *cc, const struct tcp_bbr_sample *rs)
{
	tcp_bbr_model_begin(cc, rs);
	check_startup_done(cc, rs);
	check_drain_done(cc, rs);
	update_probe_bw_cycle_phase(cc, rs);
	tcp_bbr_model_rtt(cc->bbr, rs);
	check_probe_rtt(cc, rs);
	tcp_bbr_model_end(cc->bbr, rs);
}

static void bbr_on_ack(struct tcp_cc *cc, const struct tcp_cc_ack *ack)
{
	struct tcp_bbr_sample rs = tcp_bbr_sample_of(ack);
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
	tcp_bbr_model_init(bbr, now_ns);
	bbr->probe_up_acked_per_inc = INFINITE_VOLUME;
	bbr->undo_state = BBR_NONE;
	bbr->random = now_ns;
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
