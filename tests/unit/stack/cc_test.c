/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Congestion control rule by rule with made-up ACKs, CUBIC against a model in floating point, and
 * all algorithms with extreme values. BBR itself is in cc_bbr_test.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "tests/unit/stack/cc_path.h"

static void ack_in_recovery(struct flow *f, uint32_t bytes)
{
	struct tcp_cc_ack a = make_ack(f, bytes);
	a.in_recovery = true;
	f->cc.ops->on_ack(&f->cc, &a);
}

static void ack_not_limited(struct flow *f, uint32_t bytes)
{
	struct tcp_cc_ack a = make_ack(f, bytes);
	a.cwnd_limited = false;
	f->cc.ops->on_ack(&f->cc, &a);
}

/* A window's worth of ACKs of one segment each, spread over a round trip. */
static void ack_round(struct flow *f)
{
	uint32_t segments = f->cc.cwnd / f->cc.mss;
	for (uint32_t i = 0; i < segments; i++) {
		f->now_ns += f->rtt_us * 1000ull / segments;
		ack(f, f->cc.mss);
	}
}

static void lose(struct flow *f)
{
	f->cc.ops->on_congestion(&f->cc, f->now_ns, f->cc.cwnd, false);
}

static void recover(struct flow *f)
{
	f->cc.ops->on_recovery_end(&f->cc, f->now_ns, f->cc.cwnd);
}

static void lose_and_recover(struct flow *f)
{
	lose(f);
	recover(f);
}

static const enum tcp_cc_kind window_based[] = {TCP_CC_NEWRENO, TCP_CC_CUBIC};

/* ---- Interface ---------------------------------------------------------------------------- */

/* RFC 6928 2: min (10*MSS, max (2*MSS, 14600)). */
static void init_window_is_that_of_rfc6928(void **state)
{
	static const uint32_t cases[][2] = {{1448, 14480}, {1460, 14600}, {536, 5360},
		{4312, 14600}, {8948, 17896}, {65535, 131070}};
	for (unsigned kind = 0; kind < TCP_CC_COUNT; kind++) {
		for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct flow f;
			open_flow(&f, (enum tcp_cc_kind)kind, cases[i][0]);
			assert_int_equal(f.cc.cwnd, cases[i][1]);
			assert_int_equal(f.cc.ssthresh, UINT32_MAX);
			close_flow(&f);
		}
	}
}

static void init_cubic_is_the_default(void **state)
{
	struct tcp_cc cc;
	assert_true(tcp_cc_init(&cc, 0, NULL, MSS, SECOND));
	assert_string_equal(cc.ops->name, "cubic");
	tcp_cc_fini(&cc, NULL);
	tcp_cc_fini(&cc, NULL);
}

static void init_without_memory_or_kind_fails(void **state)
{
	struct arena arena;
	uint8_t memory[64];
	struct tcp_cc cc;
	arena_init(&arena, memory, sizeof(memory));
	assert_false(tcp_cc_init(&cc, TCP_CC_BBR, &arena, MSS, SECOND));
	assert_false(tcp_cc_init(&cc, TCP_CC_COUNT, &arena, MSS, SECOND));
	arena_fini(&arena);
}

static void names_lead_back_to_kinds(void **state)
{
	assert_int_equal(tcp_cc_by_name("cubic"), TCP_CC_CUBIC);
	assert_int_equal(tcp_cc_by_name("newreno"), TCP_CC_NEWRENO);
	assert_int_equal(tcp_cc_by_name("bbr"), TCP_CC_BBR);
	assert_int_equal(tcp_cc_by_name("vegas"), TCP_CC_COUNT);
}

static void state_of_a_connection_is_small(void **state)
{
	assert_true(sizeof(struct tcp_cc) <= 112);
	assert_true(offsetof(struct tcp_cc, ssthresh) == 4);
	assert_true(sizeof(struct tcp_bbr) <= 320);
}

/* ---- Slow start and the like, of NewReno and CUBIC ----------------------------------------- */

/* RFC 5681 3.1: slow start doubles the window each round trip. */
static void slow_start_round_doubles_cwnd(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct flow f;
		open_flow(&f, window_based[i], MSS);
		ack_round(&f);
		assert_int_equal(f.cc.cwnd, 20 * MSS);
		ack_round(&f);
		assert_int_equal(f.cc.cwnd, 40 * MSS);
		close_flow(&f);
	}
}

/* RFC 9406 4.3: L is 8 in the initial slow start, and infinite if paced. */
static void initial_slow_start_stretch_ack_counts_eight_segments_unless_paced(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct flow f;
		open_flow(&f, window_based[i], MSS);
		ack(&f, 10 * MSS);
		assert_int_equal(f.cc.cwnd, 18 * MSS);
		f.cc.pace = true;
		ack(&f, 18 * MSS);
		assert_int_equal(f.cc.cwnd, 36 * MSS);
		close_flow(&f);
	}
}

/* RFC 3465 2.2, 2.3: later, L is 2, and 1 while a timeout is repaired. */
static void later_slow_start_stretch_ack_counts_two_segments_and_one_after_rto(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct flow f;
		open_flow(&f, window_based[i], MSS);
		f.cc.cwnd = 100 * MSS;
		f.cc.ops->on_rto(&f.cc, f.now_ns, 100 * MSS);
		assert_int_equal(f.cc.cwnd, MSS);
		ack_in_recovery(&f, 8 * MSS);
		assert_int_equal(f.cc.cwnd, 2 * MSS);
		recover(&f);
		assert_int_equal(f.cc.cwnd, 2 * MSS);
		ack(&f, 8 * MSS);
		assert_int_equal(f.cc.cwnd, 4 * MSS);
		close_flow(&f);
	}
}

/* RFC 5681 3.1: slow start ends at ssthresh, not past it. */
static void slow_start_stops_at_ssthresh(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct flow f;
		open_flow(&f, window_based[i], MSS);
		f.cc.cwnd = 7 * MSS;
		f.cc.ops->on_rto(&f.cc, f.now_ns, 7 * MSS);
		recover(&f);
		uint32_t ssthresh = f.cc.ssthresh;
		for (unsigned n = 0; n < 3; n++)
			ack(&f, 2 * MSS);
		assert_in_range(f.cc.cwnd, ssthresh, ssthresh + MSS);
		close_flow(&f);
	}
}

/* RFC 9438 5.8, RFC 7661 4.3: a window that is not used does not grow. */
static void window_not_used_does_not_grow(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct flow f;
		open_flow(&f, window_based[i], MSS);
		ack_not_limited(&f, 10 * MSS);
		assert_int_equal(f.cc.cwnd, 10 * MSS);
		lose_and_recover(&f);
		uint32_t cwnd = f.cc.cwnd;
		for (unsigned n = 0; n < 1000; n++) {
			f.now_ns += 100 * MS;
			ack_not_limited(&f, MSS);
		}
		assert_int_equal(f.cc.cwnd, cwnd);
		close_flow(&f);
	}
}

/* RFC 6937 3: in fast recovery cwnd is PRR's; at the end it is ssthresh. */
static void fast_recovery_leaves_cwnd_to_prr_and_ends_at_ssthresh(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct flow f;
		open_flow(&f, window_based[i], MSS);
		f.cc.cwnd = 100 * MSS;
		lose(&f);
		assert_int_equal(f.cc.cwnd, 100 * MSS);
		f.cc.cwnd = 60 * MSS;
		ack_in_recovery(&f, 5 * MSS);
		assert_int_equal(f.cc.cwnd, 60 * MSS);
		recover(&f);
		assert_int_equal(f.cc.cwnd, f.cc.ssthresh);
		close_flow(&f);
	}
}

/* RFC 5681 3.1 (4): ssthresh is at least two segments. */
static void loss_of_a_tiny_window_leaves_ssthresh_of_two_segments(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct flow f;
		open_flow(&f, window_based[i], MSS);
		f.cc.cwnd = MSS;
		lose_and_recover(&f);
		assert_int_equal(f.cc.ssthresh, 2 * MSS);
		close_flow(&f);
	}
}

/* RFC 3168 6.1.2, RFC 9438 4.6: ECN-Echo reduces down to one segment. */
static void ecn_echo_reduces_cwnd_down_to_one_segment(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct flow f;
		open_flow(&f, window_based[i], MSS);
		f.cc.cwnd = 2 * MSS;
		for (unsigned n = 0; n < 3; n++) {
			f.cc.ops->on_congestion(&f.cc, f.now_ns, f.cc.cwnd, true);
			recover(&f);
		}
		assert_int_equal(f.cc.cwnd, MSS);
		assert_int_equal(f.cc.ssthresh, 2 * MSS);
		close_flow(&f);
	}
}

/* RFC 5681 4.3: the loss of a retransmission counts as a second sign of congestion. */
static void rto_in_fast_recovery_lowers_ssthresh_twice(void **state)
{
	static const uint32_t expected[] = {25, 49};
	for (unsigned i = 0; i < 2; i++) {
		struct flow f;
		open_flow(&f, window_based[i], MSS);
		f.cc.cwnd = 100 * MSS;
		lose(&f);
		f.cc.cwnd = f.cc.ssthresh;
		f.cc.ops->on_rto(&f.cc, f.now_ns, f.cc.ssthresh);
		assert_in_range(f.cc.ssthresh, expected[i] * MSS - 2, expected[i] * MSS);
		assert_int_equal(f.cc.cwnd, MSS);
		/* But what it is undone to is what was before both. */
		f.cc.ops->on_undo(&f.cc, f.now_ns);
		assert_int_equal(f.cc.cwnd, 100 * MSS);
		assert_int_equal(f.cc.ssthresh, UINT32_MAX);
		close_flow(&f);
	}
}

/* RFC 5682 3: of two timeouts only the second was spurious: the first stays. */
static void undo_of_a_second_rto_keeps_the_first(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct flow f;
		open_flow(&f, window_based[i], MSS);
		f.cc.cwnd = 100 * MSS;
		f.cc.ops->on_rto(&f.cc, f.now_ns, 100 * MSS);
		uint32_t ssthresh = f.cc.ssthresh;
		f.cc.cwnd = 10 * MSS;
		f.cc.ops->on_rto(&f.cc, f.now_ns, 20 * MSS);
		assert_int_equal(f.cc.cwnd, MSS);
		f.cc.ops->on_undo(&f.cc, f.now_ns);
		assert_int_equal(f.cc.cwnd, 10 * MSS);
		assert_int_equal(f.cc.ssthresh, ssthresh);
		close_flow(&f);
	}
}

/* RFC 9438 4.9, RFC 5682 3: what was no loss is taken back. */
static void undo_restores_window_and_slow_start(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct flow f;
		open_flow(&f, window_based[i], MSS);
		f.cc.cwnd = 50 * MSS;
		f.cc.ops->on_rto(&f.cc, f.now_ns, 50 * MSS);
		f.cc.ops->on_undo(&f.cc, f.now_ns);
		assert_int_equal(f.cc.cwnd, 50 * MSS);
		assert_int_equal(f.cc.ssthresh, UINT32_MAX);
		ack(&f, MSS);
		assert_int_equal(f.cc.cwnd, 51 * MSS);
		close_flow(&f);
	}
}

/* RFC 9438 4.9.2: not if cwnd has outgrown what would be restored. */
static void undo_after_cwnd_outgrew_it_changes_nothing(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct flow f;
		open_flow(&f, window_based[i], MSS);
		f.cc.cwnd = 50 * MSS;
		lose_and_recover(&f);
		uint32_t ssthresh = f.cc.ssthresh;
		f.cc.cwnd = 60 * MSS;
		f.cc.ops->on_undo(&f.cc, f.now_ns);
		assert_int_equal(f.cc.cwnd, 60 * MSS);
		assert_int_equal(f.cc.ssthresh, ssthresh);
		f.cc.cwnd = 10 * MSS;
		f.cc.ops->on_undo(&f.cc, f.now_ns); /* there is nothing left to undo */
		assert_int_equal(f.cc.cwnd, 10 * MSS);
		close_flow(&f);
	}
}

/* RFC 5681 4.1: after an idle RTO, the restart window; a shorter pause changes nothing. */
static void idle_for_an_rto_restarts_from_the_initial_window(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct flow f;
		open_flow(&f, window_based[i], MSS);
		f.cc.cwnd = 100 * MSS;
		lose_and_recover(&f);
		f.cc.cwnd = 200 * MSS;
		f.cc.ops->on_idle(&f.cc, f.now_ns, 200 * MS, 300 * MS);
		assert_int_equal(f.cc.cwnd, 200 * MSS);
		f.cc.ops->on_idle(&f.cc, f.now_ns, 400 * MS, 300 * MS);
		assert_int_equal(f.cc.cwnd, 10 * MSS);
		/* RFC 7661 4.4.3: three quarters of it by slow start. */
		assert_int_equal(f.cc.ssthresh, 150 * MSS);
		close_flow(&f);
	}
}

/* RFC 5681 3.1: a smaller MSS scales cwnd; one found before anything is sent, the initial window. */
static void mss_change_keeps_segments_and_sets_initial_window(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct flow f;
		open_flow(&f, window_based[i], 536);
		f.cc.ops->on_mss(&f.cc, MSS);
		assert_int_equal(f.cc.cwnd, 10 * MSS);
		f.cc.cwnd = 100 * MSS;
		lose_and_recover(&f);
		uint32_t segments = f.cc.cwnd / MSS;
		f.cc.ops->on_mss(&f.cc, 1000);
		assert_int_equal(f.cc.cwnd / 1000, segments);
		uint32_t cwnd = f.cc.cwnd;
		f.cc.ops->on_mss(&f.cc, MSS);
		assert_int_equal(f.cc.cwnd, cwnd);
		close_flow(&f);
	}
}

static void pacing_rate_is_twice_the_window_in_slow_start_then_a_fifth_above(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct flow f;
		open_flow(&f, window_based[i], MSS);
		ack(&f, MSS);
		assert_int_equal(f.cc.pacing_rate, 0);
		f.cc.pace = true;
		ack(&f, MSS);
		assert_int_equal(f.cc.pacing_rate, f.cc.cwnd * 10 * 2);
		lose_and_recover(&f);
		ack(&f, 1);
		assert_int_equal(f.cc.pacing_rate, f.cc.cwnd * 12);
		assert_int_equal(f.cc.send_quantum, 2 * MSS);
		close_flow(&f);
	}
}

/* ---- NewReno ------------------------------------------------------------------------------ */

/* RFC 5681 3.1 (4): half of FlightSize. */
static void newreno_loss_halves(void **state)
{
	struct flow f;
	open_flow(&f, TCP_CC_NEWRENO, MSS);
	f.cc.cwnd = 100 * MSS;
	lose_and_recover(&f);
	assert_int_equal(f.cc.cwnd, 50 * MSS);
	close_flow(&f);
}

/* RFC 3465 2.1: one segment for each window of bytes, however the ACKs cut them. */
static void newreno_avoidance_adds_a_segment_per_window(void **state)
{
	static const uint32_t pieces[] = {100, MSS, 2 * MSS, 7 * MSS};
	for (unsigned i = 0; i < 4; i++) {
		struct flow f;
		open_flow(&f, TCP_CC_NEWRENO, MSS);
		f.cc.cwnd = 100 * MSS;
		lose_and_recover(&f);
		uint32_t bytes = 0;
		while (bytes < 50 * MSS + 51 * MSS) {
			ack(&f, pieces[i]);
			bytes += pieces[i];
		}
		assert_int_equal(f.cc.cwnd, 52 * MSS);
		close_flow(&f);
	}
}

/* ---- CUBIC -------------------------------------------------------------------------------- */

/* RFC 9438 4.6: beta_cubic is 0.7. */
static void cubic_loss_leaves_seven_tenths(void **state)
{
	struct flow f;
	open_flow(&f, TCP_CC_CUBIC, MSS);
	f.cc.cwnd = 100 * MSS;
	lose_and_recover(&f);
	assert_int_equal(f.cc.cwnd, 70 * MSS);
	close_flow(&f);
}

/* RFC 9438 4.7: with less than last time, W_max is 17/20 of cwnd. */
static void cubic_second_loss_below_w_max_converges_fast(void **state)
{
	struct flow f;
	open_flow(&f, TCP_CC_CUBIC, MSS);
	f.cc.cwnd = 1000 * MSS;
	lose_and_recover(&f);
	assert_int_equal(f.cc.cubic.epoch.w_max, 1000 * MSS);
	ack_round(&f);
	f.cc.cwnd = 800 * MSS;
	lose_and_recover(&f);
	assert_int_equal(f.cc.cubic.epoch.w_max, 680 * MSS);
	ack_round(&f);
	f.cc.cwnd = 700 * MSS; /* above this W_max */
	lose_and_recover(&f);
	assert_int_equal(f.cc.cubic.epoch.w_max, 700 * MSS);
	close_flow(&f);
}

/* RFC 9438, in floating point and in segments: figures 1, 2 and 4, and 4.2 to 4.5. */
struct cubic_model {
	double cwnd, w_max, k, w_est, cwnd_prior, start;
};

static void model_loss(struct cubic_model *m)
{
	m->w_max = m->cwnd < m->w_max ? m->cwnd * (1 + 0.7) / 2 : m->cwnd;
	m->cwnd_prior = m->cwnd;
	m->cwnd *= 0.7;
	m->start = -1;
}

static double model_w(const struct cubic_model *m, double t)
{
	return 0.4 * pow(t - m->k, 3) + m->w_max;
}

static void model_ack(struct cubic_model *m, double now, double rtt, double segments)
{
	if (m->start < 0) {
		m->start = now;
		m->k = cbrt((m->w_max - m->cwnd) / 0.4);
		m->w_est = m->cwnd;
	}
	double t = now - m->start;
	double alpha = m->w_est < m->cwnd_prior ? 3 * 0.3 / 1.7 : 1;
	m->w_est += alpha * segments / m->cwnd;
	if (model_w(m, t) < m->w_est) {
		m->cwnd = fmax(m->cwnd, m->w_est);
		return;
	}
	double target = fmin(fmax(model_w(m, t + rtt), m->cwnd), 1.5 * m->cwnd);
	m->cwnd += (target - m->cwnd) / m->cwnd * segments;
}

/* Minutes of a connection that loses a segment whenever cwnd reaches a capacity, which changes. */
static void follow_model(uint32_t mss, uint32_t rtt_us, double capacity, double seconds)
{
	struct flow f;
	struct cubic_model m = {.cwnd = capacity};
	open_flow(&f, TCP_CC_CUBIC, mss);
	f.rtt_us = rtt_us;
	f.cc.cwnd = (uint32_t)(capacity * mss);
	lose_and_recover(&f);
	model_loss(&m);
	for (double end = 1 + seconds; (double)f.now_ns / 1e9 < end;) {
		uint32_t segments = f.cc.cwnd / mss;
		uint32_t step = segments > 200 ? segments / 100 : 1;
		for (uint32_t i = 0; i < segments; i += step) {
			f.now_ns += rtt_us * 1000ull * step / segments;
			ack(&f, step * mss);
			model_ack(&m, (double)f.now_ns / 1e9, rtt_us / 1e6, step);
		}
		assert_near((double)f.cc.cwnd / mss, m.cwnd, 1);
		/* From a fifth of it to all of it, so that fast convergence comes and goes. */
		double share = 0.6 + 0.4 * cos((double)f.now_ns / 1e9 / 20);
		if (m.cwnd >= capacity * share && m.cwnd > 4) {
			lose_and_recover(&f);
			model_loss(&m);
		}
	}
	close_flow(&f);
}

/* RFC 9438 4: windows over minutes of virtual time. */
static void cubic_window_follows_the_model(void **state)
{
	static const uint32_t rtts[] = {1000, 10000, 100000, 600000};
	static const double seconds[] = {10, 60, 200, 600};
	static const double capacities[] = {20, 300, 5000, 60000};
	static const uint32_t sizes[] = {536, MSS, 8948};
	for (unsigned r = 0; r < 4; r++)
		for (unsigned c = 0; c < 4; c++)
			for (unsigned s = 0; s < 3; s++)
				follow_model(sizes[s], rtts[r], capacities[c], seconds[r]);
}

/* RFC 9438 4.2, 4.4, 4.5: outside the Reno-friendly region cwnd is the curve itself. */
static void cubic_window_is_concave_then_convex_around_w_max(void **state)
{
	struct flow f;
	open_flow(&f, TCP_CC_CUBIC, MSS);
	f.cc.cwnd = 4000 * MSS;
	lose_and_recover(&f);
	double k = cbrt(4000 * 0.3 / 0.4);
	uint64_t start = 0;
	while (f.now_ns < 31 * SECOND) {
		ack_round(&f);
		if (start == 0)
			start = f.cc.cubic.epoch.start_ns;
		double t = (double)(f.now_ns - start) / 1e9;
		assert_near((double)f.cc.cwnd / MSS, 0.4 * pow(t - k, 3) + 4000, 1);
	}
	assert_true(f.cc.cwnd > 4500 * MSS);
	close_flow(&f);
}

/* RFC 9438 4.2: target is at most 1.5 * cwnd, so at most half more in a round trip. */
static void cubic_window_grows_by_half_in_a_round_at_most(void **state)
{
	struct flow f;
	open_flow(&f, TCP_CC_CUBIC, MSS);
	f.cc.cwnd = 20 * MSS;
	lose_and_recover(&f);
	ack(&f, MSS);
	f.now_ns += 1000 * SECOND;
	uint32_t cwnd = f.cc.cwnd;
	ack(&f, cwnd);
	assert_in_range(f.cc.cwnd, cwnd + cwnd / 2 - 1, cwnd + cwnd / 2);
	close_flow(&f);
}

/* RFC 9438 4.3: short RTT, small window: at least Reno with alpha 9/17, then 1. */
static void cubic_reno_friendly_region_grows_as_reno(void **state)
{
	struct flow f;
	open_flow(&f, TCP_CC_CUBIC, MSS);
	f.rtt_us = 1000;
	f.cc.cwnd = 100 * MSS;
	lose_and_recover(&f);
	for (unsigned round = 0; round < 40; round++)
		ack_round(&f);
	assert_near((double)f.cc.cwnd / MSS, 70 + 40 * 9.0 / 17, 0.7);
	while (f.cc.cubic.epoch.w_est < 100 * MSS)
		ack_round(&f);
	uint32_t cwnd = f.cc.cwnd;
	for (unsigned round = 0; round < 10; round++)
		ack_round(&f);
	assert_near((double)(f.cc.cwnd - cwnd) / MSS, 10, 0.3);
	close_flow(&f);
}

/* RFC 9438 4.8: after a timeout K is 0 and W_max the cwnd at which avoidance begins. */
static void cubic_rto_begins_the_curve_at_its_flat_part(void **state)
{
	struct flow f;
	open_flow(&f, TCP_CC_CUBIC, MSS);
	f.cc.cwnd = 1000 * MSS;
	f.cc.ops->on_rto(&f.cc, f.now_ns, 1000 * MSS);
	assert_int_equal(f.cc.ssthresh, 700 * MSS);
	recover(&f);
	while (f.cc.cwnd < f.cc.ssthresh)
		ack_round(&f);
	ack(&f, MSS);
	assert_int_equal(f.cc.cubic.epoch.k, 0);
	assert_near((double)f.cc.cubic.epoch.w_max / MSS, 700, 1);
	close_flow(&f);
}

/* RFC 9438 4.6: little is in flight at the end of a transfer, which used all of cwnd just before. */
static void cubic_end_of_a_flight_reduces_by_what_was_in_use(void **state)
{
	struct flow f;
	open_flow(&f, TCP_CC_CUBIC, MSS);
	f.cc.cwnd = 1000 * MSS;
	ack(&f, MSS); /* slow start, which doubles: half of it was in flight */
	uint32_t used = f.cc.cwnd / 2;
	f.cc.ops->on_congestion(&f.cc, f.now_ns, MSS, false);
	assert_int_equal(f.cc.ssthresh, used * 7 / 10);
	recover(&f);
	ack_round(&f);
	used = f.cc.cwnd;
	f.cc.ops->on_congestion(&f.cc, f.now_ns, MSS, true);
	assert_int_equal(f.cc.ssthresh, used * 7 / 10);
	/* A second sign reduces what the first left. */
	f.cc.ops->on_rto(&f.cc, f.now_ns, 4 * MSS);
	assert_int_equal(f.cc.ssthresh, 4 * MSS * 7 / 10);
	close_flow(&f);
}

/* RFC 9438 4.6, RFC 7661 4.2: what was not used for a second is not known to fit any more. */
static void cubic_unused_window_reduces_by_the_flight_or_the_initial_window(void **state)
{
	static const uint32_t flights[] = {MSS, 10 * MSS, 20 * MSS}, left[] = {7, 7, 14};
	for (unsigned i = 0; i < sizeof(flights) / sizeof(flights[0]); i++) {
		struct flow f;
		open_flow(&f, TCP_CC_CUBIC, MSS);
		f.cc.cwnd = 1000 * MSS;
		ack_not_limited(&f, MSS);
		f.now_ns += SECOND;
		ack_not_limited(&f, MSS);
		f.cc.ops->on_rto(&f.cc, f.now_ns, flights[i]);
		assert_int_equal(f.cc.ssthresh, left[i] * MSS);
		assert_int_equal(f.cc.cwnd, MSS);
		close_flow(&f);
	}
}

/* RFC 9438 4.9.2: all of the curve comes back. */
static void cubic_undo_restores_the_curve(void **state)
{
	struct flow f;
	open_flow(&f, TCP_CC_CUBIC, MSS);
	f.cc.cwnd = 1000 * MSS;
	lose_and_recover(&f);
	for (unsigned round = 0; round < 20; round++)
		ack_round(&f);
	struct tcp_cubic_epoch epoch = f.cc.cubic.epoch;
	uint32_t cwnd = f.cc.cwnd, ssthresh = f.cc.ssthresh;
	lose(&f);
	f.cc.cwnd = f.cc.ssthresh;
	f.cc.ops->on_undo(&f.cc, f.now_ns);
	assert_int_equal(f.cc.cwnd, cwnd);
	assert_int_equal(f.cc.ssthresh, ssthresh);
	assert_memory_equal(&f.cc.cubic.epoch, &epoch, sizeof(epoch));
	close_flow(&f);
}

/* RFC 9438 4.2, 5.8: the clock stands still while the window is not used, and while idle. */
static void cubic_clock_stops_while_application_limited(void **state)
{
	struct flow busy, idle;
	open_flow(&busy, TCP_CC_CUBIC, MSS);
	open_flow(&idle, TCP_CC_CUBIC, MSS);
	busy.cc.cwnd = idle.cc.cwnd = 1000 * MSS;
	lose_and_recover(&busy);
	lose_and_recover(&idle);
	for (unsigned round = 0; round < 30; round++) {
		ack_round(&busy);
		ack_round(&idle);
	}
	for (unsigned n = 0; n <= 600; n++) {
		ack_not_limited(&idle, MSS);
		idle.now_ns += 100 * MS;
	}
	idle.now_ns -= 100 * MS;
	ack(&idle, MSS);
	ack(&busy, MSS);
	assert_int_equal(idle.cc.cwnd, busy.cc.cwnd);
	/* A pause shorter than an RTO is idle time as well. */
	idle.now_ns += 100 * MS;
	idle.cc.ops->on_idle(&idle.cc, idle.now_ns, 100 * MS, 300 * MS);
	ack(&idle, MSS);
	ack(&busy, MSS);
	assert_int_equal(idle.cc.cwnd, busy.cc.cwnd);
	close_flow(&busy);
	close_flow(&idle);
}

/* RFC 9438 4.2, 5.8: idle time counts once, however often the sender tries; nor is t negative. */
static void cubic_idle_time_counts_once(void **state)
{
	struct flow f;
	open_flow(&f, TCP_CC_CUBIC, MSS);
	f.cc.cwnd = 100 * MSS;
	lose_and_recover(&f);
	uint64_t sent_ns = f.now_ns; /* of the last segment, before the ACK that begins the epoch */
	f.now_ns += 100 * MS;
	ack(&f, MSS);
	for (unsigned n = 0; n < 10; n++) {
		f.now_ns += 10 * MS;
		f.cc.ops->on_idle(&f.cc, f.now_ns, f.now_ns - sent_ns, 300 * MS);
	}
	f.now_ns += 90 * MS; /* a round trip that is shorter than the one before */
	uint32_t cwnd = f.cc.cwnd;
	ack(&f, MSS);
	assert_true(f.cc.cubic.epoch.start_ns <= f.now_ns);
	assert_in_range(f.cc.cwnd, cwnd, cwnd + MSS / 10);
	close_flow(&f);
}

/* RFC 9438 4.2: after slow start, as after idleness, a new stage of avoidance begins. */
static void cubic_slow_start_after_idle_begins_another_curve(void **state)
{
	struct flow f;
	open_flow(&f, TCP_CC_CUBIC, MSS);
	f.cc.cwnd = 100 * MSS;
	lose_and_recover(&f);
	ack_round(&f);
	f.now_ns += SECOND;
	f.cc.ops->on_idle(&f.cc, f.now_ns, SECOND, 300 * MS);
	while (f.cc.cwnd < f.cc.ssthresh)
		ack(&f, MSS);
	f.now_ns += MS;
	ack(&f, MSS);
	assert_int_equal(f.cc.cubic.epoch.start_ns, f.now_ns);
	close_flow(&f);
}

/* ---- HyStart++ ---------------------------------------------------------------------------- */

static struct tcp_hystart *hystart_of(struct flow *f)
{
	return f->cc.ops == &tcp_cubic ? &f->cc.cubic.hystart : &f->cc.newreno.hystart;
}

/* RFC 9406 4.2: a clear rise of the RTT, then CSS_ROUNDS rounds, ends slow start. */
static void hystart_rtt_rise_for_five_rounds_ends_slow_start(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct flow f;
		open_flow(&f, window_based[i], MSS);
		ack_round(&f);
		assert_false(hystart_of(&f)->in_css);
		f.rtt_us += 13000; /* an eighth of 100 ms is the threshold */
		ack_round(&f);
		assert_true(hystart_of(&f)->in_css);
		unsigned rounds = 0;
		while (f.cc.ssthresh == UINT32_MAX && rounds < 20) {
			uint32_t cwnd = f.cc.cwnd;
			ack_round(&f);
			rounds++;
			assert_true(f.cc.cwnd <= cwnd + cwnd / 2);
		}
		/* The round in which it began counts, and how rounds and ours lie is free by one. */
		assert_in_range(rounds, 3, 5);
		assert_in_range(f.cc.cwnd, f.cc.ssthresh, f.cc.ssthresh + 10 * MSS);
		close_flow(&f);
	}
}

/* RFC 9406 4.2: CSS grows by a quarter of what slow start would. */
static void hystart_css_grows_by_a_quarter(void **state)
{
	struct flow f;
	open_flow(&f, TCP_CC_CUBIC, MSS);
	ack_round(&f);
	f.rtt_us += 13000;
	ack_round(&f);
	assert_true(f.cc.cubic.hystart.in_css);
	uint32_t cwnd = f.cc.cwnd;
	ack(&f, 4 * MSS);
	assert_int_equal(f.cc.cwnd, cwnd + MSS);
	close_flow(&f);
}

/* RFC 9406 4.2: if the RTT falls below the baseline of CSS, slow start goes on. */
static void hystart_rtt_that_falls_again_resumes_slow_start(void **state)
{
	struct flow f;
	open_flow(&f, TCP_CC_CUBIC, MSS);
	ack_round(&f);
	f.rtt_us += 13000;
	ack_round(&f);
	assert_true(f.cc.cubic.hystart.in_css);
	f.rtt_us -= 13000;
	ack_round(&f);
	ack_round(&f);
	assert_false(f.cc.cubic.hystart.in_css);
	assert_int_equal(f.cc.ssthresh, UINT32_MAX);
	close_flow(&f);
}

/* RFC 9406 4.2: CSS that begins again lasts for all of its rounds again. */
static void hystart_second_css_counts_its_rounds_anew(void **state)
{
	struct flow f;
	open_flow(&f, TCP_CC_CUBIC, MSS);
	ack_round(&f);
	f.rtt_us += 20000;
	for (unsigned round = 0; round < 3; round++)
		ack_round(&f);
	assert_in_range(f.cc.cubic.hystart.css_rounds, 2, 4);
	f.rtt_us -= 20000;
	ack_round(&f);
	ack_round(&f);
	assert_false(f.cc.cubic.hystart.in_css);
	f.rtt_us += 20000;
	while (!f.cc.cubic.hystart.in_css)
		ack(&f, MSS);
	assert_int_equal(f.cc.cubic.hystart.css_rounds, 0);
	close_flow(&f);
}

/* RFC 9406 4.2, 4.3: the threshold is RTT / 8, but from 4 to 16 ms. */
static void hystart_threshold_is_an_eighth_within_bounds(void **state)
{
	static const struct {
		uint32_t rtt, rise;
		bool enters;
	} cases[] = {
		{1000, 3999, false},
		{1000, 4000, true},
		{80000, 9999, false},
		{80000, 10000, true},
		{1000000, 15999, false},
		{1000000, 16000, true},
	};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct flow f;
		open_flow(&f, TCP_CC_CUBIC, MSS);
		f.rtt_us = cases[i].rtt;
		ack_round(&f);
		f.rtt_us += cases[i].rise;
		ack_round(&f);
		assert_int_equal(f.cc.cubic.hystart.in_css, cases[i].enters);
		close_flow(&f);
	}
}

/* RFC 9406 4.2: fewer than N_RTT_SAMPLE samples of a round decide nothing. */
static void hystart_seven_samples_decide_nothing(void **state)
{
	struct flow f;
	open_flow(&f, TCP_CC_CUBIC, MSS);
	ack_round(&f);
	while (f.cc.cubic.hystart.rtt_samples != 0)
		ack(&f, MSS);
	f.rtt_us = 500000;
	for (unsigned i = 0; i < 7; i++)
		ack(&f, 1);
	assert_false(f.cc.cubic.hystart.in_css);
	ack(&f, 1);
	assert_true(f.cc.cubic.hystart.in_css);
	close_flow(&f);
}

/* RFC 9406 4.2: a loss in CSS ends slow start as any loss does. */
static void hystart_loss_in_css_reduces_as_usual(void **state)
{
	struct flow f;
	open_flow(&f, TCP_CC_CUBIC, MSS);
	ack_round(&f);
	f.rtt_us += 13000;
	ack_round(&f);
	assert_true(f.cc.cubic.hystart.in_css);
	uint32_t cwnd = f.cc.cwnd;
	lose_and_recover(&f);
	assert_int_equal(f.cc.cwnd, (uint64_t)cwnd * 7 / 10);
	assert_int_equal(f.cc.cubic.epoch.w_max, cwnd);
	close_flow(&f);
}

/* RFC 9438 4.10: CUBIC that leaves slow start by HyStart++ starts with K = 0, W_max = cwnd. */
static void hystart_exit_begins_cubic_at_w_max(void **state)
{
	struct flow f;
	open_flow(&f, TCP_CC_CUBIC, MSS);
	ack_round(&f);
	f.rtt_us += 13000;
	while (f.cc.ssthresh == UINT32_MAX)
		ack(&f, MSS);
	uint32_t cwnd = f.cc.cwnd;
	ack(&f, MSS);
	assert_int_equal(f.cc.cubic.epoch.k, 0);
	assert_int_equal(f.cc.cubic.epoch.w_max, cwnd);
	assert_int_equal(f.cc.cubic.epoch.cwnd_prior, cwnd);
	close_flow(&f);
}

/* Loss-based control on this model, as a check of the model: it fills the link. */
static void window_based_fill_the_link(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct path p;
		open_path(&p, window_based[i], RATE_100M, RTT_20MS, BDP);
		run_for(&p, 5 * SECOND);
		assert_true(utilisation(&p, 30 * SECOND) > 0.95);
		assert_true(p.lost > 0);
		close_path(&p);
	}
}

/* ---- Extremes ----------------------------------------------------------------------------- */

static uint32_t random_of(uint64_t *random, uint32_t below)
{
	*random = *random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((*random >> 32) * below >> 32);
}

/* A value of any magnitude up to the limit. */
static uint32_t random_magnitude(uint64_t *random, uint32_t limit)
{
	uint32_t value = random_of(random, UINT32_MAX) >> random_of(random, 32);
	return value % limit + 1;
}

static void random_ack(struct flow *f, uint64_t *random)
{
	struct tcp_cc_ack a = make_ack(f, random_magnitude(random, 1u << 30));
	f->now_ns += random_magnitude(random, UINT32_MAX) * 10ull;
	a.now_ns = f->now_ns;
	a.rtt_us = random_magnitude(random, 100000000);
	a.srtt_us = random_magnitude(random, 100000000);
	a.in_flight = random_of(random, 1u << 30);
	a.in_flight_now = random_of(random, 1u << 30);
	a.lost = random_of(random, 4) == 0 ? random_magnitude(random, 1u << 30) : 0;
	a.rs_interval_ns = random_of(random, 3) == 0 ? 0 : random_magnitude(random, UINT32_MAX);
	a.rs_delivered = random_magnitude(random, UINT32_MAX);
	a.rs_lost = random_of(random, 4) == 0 ? random_magnitude(random, 1u << 30) : 0;
	a.prior_delivered = f->delivered > a.rs_delivered ? f->delivered - a.rs_delivered : 0;
	a.tx_in_flight = random_magnitude(random, 1u << 30);
	a.cwnd_limited = random_of(random, 8) != 0;
	a.in_recovery = f->cc.recovering;
	f->cc.ops->on_ack(&f->cc, &a);
}

static void random_event(struct flow *f, uint64_t *random)
{
	struct tcp_cc *cc = &f->cc;
	uint32_t bytes = random_magnitude(random, 1u << 30);
	struct tcp_cc_loss loss = {
		.now_ns = f->now_ns,
		.delivered = f->delivered,
		.seq = random_of(random, UINT32_MAX),
		.bytes = random_magnitude(random, 1u << 16),
		.tx_in_flight = random_of(random, 1u << 30),
		.lost = random_of(random, 1u << 30),
	};
	switch (random_of(random, 200)) {
	case 0:
		cc->ops->on_congestion(cc, f->now_ns, bytes, false);
		break;
	case 1:
		cc->ops->on_congestion(cc, f->now_ns, bytes, true);
		break;
	case 2:
		cc->ops->on_rto(cc, f->now_ns, bytes);
		break;
	case 3:
		cc->ops->on_undo(cc, f->now_ns);
		break;
	case 4:
		cc->ops->on_idle(cc, f->now_ns, bytes * 100ull, 200 * MS);
		break;
	case 5:
		cc->ops->on_mss(cc, random_magnitude(random, 65535));
		break;
	case 6:
		if (cc->ops->on_sent != NULL)
			cc->ops->on_sent(cc, f->now_ns, 0, true);
		break;
	case 7:
		if (cc->ops->on_lost != NULL)
			cc->ops->on_lost(cc, &loss);
		break;
	default:
		if (cc->recovering && random_of(random, 10) == 0)
			cc->ops->on_recovery_end(cc, f->now_ns, bytes);
		random_ack(f, random);
	}
}

/* Whatever is told, within the ranges of the header: no overflow (UBSan), and sane outputs. */
static void extremes_keep_outputs_sane(void **state)
{
	uint64_t random = 7;
	for (unsigned kind = 0; kind < TCP_CC_COUNT; kind++) {
		for (unsigned run = 0; run < 300; run++) {
			struct flow f;
			open_flow(&f, (enum tcp_cc_kind)kind, random_magnitude(&random, 65535));
			f.cc.pace = run % 2 == 0;
			f.cc.no_sack = run % 7 == 0;
			for (unsigned n = 0; n < 2000; n++) {
				random_event(&f, &random);
				assert_in_range(f.cc.cwnd, f.cc.mss, 1u << 30);
				assert_true(f.cc.ssthresh >= 2 * f.cc.mss);
				assert_in_range(f.cc.send_quantum, 2 * f.cc.mss, 2 * 65536);
				if (kind == TCP_CC_BBR)
					assert_true(f.cc.pacing_rate >= 1);
			}
			close_flow(&f);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init_window_is_that_of_rfc6928),
		cmocka_unit_test(init_cubic_is_the_default),
		cmocka_unit_test(init_without_memory_or_kind_fails),
		cmocka_unit_test(names_lead_back_to_kinds),
		cmocka_unit_test(state_of_a_connection_is_small),
		cmocka_unit_test(slow_start_round_doubles_cwnd),
		cmocka_unit_test(initial_slow_start_stretch_ack_counts_eight_segments_unless_paced),
		cmocka_unit_test(
			later_slow_start_stretch_ack_counts_two_segments_and_one_after_rto),
		cmocka_unit_test(slow_start_stops_at_ssthresh),
		cmocka_unit_test(window_not_used_does_not_grow),
		cmocka_unit_test(fast_recovery_leaves_cwnd_to_prr_and_ends_at_ssthresh),
		cmocka_unit_test(loss_of_a_tiny_window_leaves_ssthresh_of_two_segments),
		cmocka_unit_test(ecn_echo_reduces_cwnd_down_to_one_segment),
		cmocka_unit_test(rto_in_fast_recovery_lowers_ssthresh_twice),
		cmocka_unit_test(undo_of_a_second_rto_keeps_the_first),
		cmocka_unit_test(undo_restores_window_and_slow_start),
		cmocka_unit_test(undo_after_cwnd_outgrew_it_changes_nothing),
		cmocka_unit_test(idle_for_an_rto_restarts_from_the_initial_window),
		cmocka_unit_test(mss_change_keeps_segments_and_sets_initial_window),
		cmocka_unit_test(pacing_rate_is_twice_the_window_in_slow_start_then_a_fifth_above),
		cmocka_unit_test(newreno_loss_halves),
		cmocka_unit_test(newreno_avoidance_adds_a_segment_per_window),
		cmocka_unit_test(cubic_loss_leaves_seven_tenths),
		cmocka_unit_test(cubic_second_loss_below_w_max_converges_fast),
		cmocka_unit_test(cubic_window_follows_the_model),
		cmocka_unit_test(cubic_window_is_concave_then_convex_around_w_max),
		cmocka_unit_test(cubic_window_grows_by_half_in_a_round_at_most),
		cmocka_unit_test(cubic_reno_friendly_region_grows_as_reno),
		cmocka_unit_test(cubic_rto_begins_the_curve_at_its_flat_part),
		cmocka_unit_test(cubic_end_of_a_flight_reduces_by_what_was_in_use),
		cmocka_unit_test(cubic_unused_window_reduces_by_the_flight_or_the_initial_window),
		cmocka_unit_test(cubic_undo_restores_the_curve),
		cmocka_unit_test(cubic_clock_stops_while_application_limited),
		cmocka_unit_test(cubic_idle_time_counts_once),
		cmocka_unit_test(cubic_slow_start_after_idle_begins_another_curve),
		cmocka_unit_test(hystart_rtt_rise_for_five_rounds_ends_slow_start),
		cmocka_unit_test(hystart_css_grows_by_a_quarter),
		cmocka_unit_test(hystart_rtt_that_falls_again_resumes_slow_start),
		cmocka_unit_test(hystart_second_css_counts_its_rounds_anew),
		cmocka_unit_test(hystart_threshold_is_an_eighth_within_bounds),
		cmocka_unit_test(hystart_seven_samples_decide_nothing),
		cmocka_unit_test(hystart_loss_in_css_reduces_as_usual),
		cmocka_unit_test(hystart_exit_begins_cubic_at_w_max),
		cmocka_unit_test(window_based_fill_the_link),
		cmocka_unit_test(extremes_keep_outputs_sane),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
