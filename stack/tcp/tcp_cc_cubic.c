/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CUBIC (RFC 9438) with HyStart++ (RFC 9406).
 *
 * Called from the TCP core through tcp_cubic, calls tcp_cc_window.c.
 *
 * Theory of operation: after a reduction cwnd follows a cubic curve in time, which rises fast, is
 * flat around the window at which congestion came (W_max), and then rises again. The curve begins
 * with the first ACK in congestion avoidance (an epoch), and its clock stands still while the
 * sender does not use its window. Beside it runs an estimate of what Reno would have (W_est);
 * cwnd is never below it.
 *
 * Units: windows in bytes, so that the RFC's C of 0.4 segments per cubic second becomes 0.4 * mss
 * bytes; time in ticks of 1024 ns, which are a shift away from nanoseconds and of which 31 bits
 * reach for 36 minutes: past the K of any window up to TCP_CWND_MAX.
 */
#include <stddef.h>

#include "stack/base/apart.h"
#include "stack/tcp/tcp_cc_internal.h"

#define TICK_SHIFT   10
#define TICKS_MAX    ((1u << 31) - 1)
#define USE_HOLDS_NS UINT64_C(1000000000)

typedef unsigned __int128 uint128;

/* RFC 9438 4.6: beta_cubic is 0.7. */
static uint32_t times_beta(uint32_t bytes)
{
	return (uint32_t)((uint64_t)bytes * 7 / 10);
}

/*
 * C * (ticks / tick rate)^3 in bytes: 0.4 * mss * ticks^3 * 2^30 / 10^27. The factor is kept times
 * 2^(32 + 61): 32 bits of the cube are dropped before it is applied and 61 of the product after.
 */
#define CUBE_DROP    32
#define PRODUCT_DROP 61
#define TEN_14       ((uint128)100000000000000)
#define C_FACTOR     ((uint64_t)(((uint128)4 << (30 + CUBE_DROP + PRODUCT_DROP)) / (TEN_14 * TEN_14)))

static uint64_t cube_in_bytes(uint32_t ticks, uint32_t mss)
{
	uint64_t cube = (uint64_t)(((uint128)ticks * ticks * ticks) >> CUBE_DROP);
	return (uint64_t)(((uint128)cube * C_FACTOR * mss) >> PRODUCT_DROP);
}

static uint32_t cube_root(uint128 n)
{
	uint32_t root = 0;
	for (uint32_t bit = 1u << 30; bit != 0; bit >>= 1) {
		uint128 next = root | bit;
		if (next * next * next <= n)
			root |= bit;
	}
	return root;
}

/* RFC 9438 4.2 (figure 2): K = cubic_root((W_max - cwnd_epoch) / C), in ticks. */
static uint32_t time_to_w_max(uint32_t bytes, uint32_t mss)
{
	uint128 per_segment = (TEN_14 * TEN_14 >> 30) / 4; /* 1 / 0.4 * 10^27 / 2^30 */
	return cube_root(per_segment * bytes / mss);
}

/* RFC 9438 4.2 (figure 1): W_cubic(t) = C * (t - K)^3 + W_max, in bytes. */
static uint64_t w_cubic(const struct tcp_cubic_epoch *epoch, uint64_t t_ns, uint32_t mss)
{
	uint32_t t = (uint32_t)min_u64(t_ns >> TICK_SHIFT, TICKS_MAX);
	if (t >= epoch->k)
		return epoch->w_max + cube_in_bytes(t - epoch->k, mss);
	uint64_t below = cube_in_bytes(epoch->k - t, mss);
	return below < epoch->w_max ? epoch->w_max - below : 0;
}

static bool cubic_init(struct tcp_cc *cc, struct arena *arena, uint64_t now_ns)
{
	tcp_hystart_reset(&cc->cubic.hystart);
	return true;
}

static void start_epoch(struct tcp_cc *cc, uint64_t now_ns)
{
	struct tcp_cubic_epoch *epoch = &cc->cubic.epoch;
	epoch->start_ns = now_ns;
	epoch->w_est = cc->cwnd; /* RFC 9438 4.3 */
	if (epoch->w_max > cc->cwnd) {
		epoch->k = time_to_w_max(epoch->w_max - cc->cwnd, cc->mss);
	} else {
		/* RFC 9438 4.8, 4.10: after a timeout, or HyStart++. */
		epoch->k = 0;
		epoch->w_max = cc->cwnd;
	}
	cc->cubic.cwnd_rest = cc->cubic.w_est_rest = 0;
}

/*
 * value += bytes * acked / cwnd. What the division leaves over is kept for the next time, as a
 * single ACK may well be worth less than a byte.
 */
static void grow_by_share(
	uint32_t *value, uint32_t *rest, uint64_t bytes, uint32_t acked, uint32_t cwnd)
{
	uint64_t product = bytes * acked + *rest;
	*value = (uint32_t)min_u64(*value + product / cwnd, TCP_CWND_MAX);
	*rest = (uint32_t)(product % cwnd);
}

/* RFC 9438 4.3 (figure 4): W_est = W_est + alpha_cubic * segments_acked / cwnd. */
static void advance_w_est(struct tcp_cc *cc, uint32_t acked)
{
	struct tcp_cubic *cubic = &cc->cubic;
	/* alpha_cubic = 3 * (1 - 0.7) / (1 + 0.7) = 9 / 17, until Reno has made up for its halving. */
	uint32_t step = cc->mss;
	if (cubic->epoch.w_est < cubic->epoch.cwnd_prior)
		step = (9 * cc->mss + 8) / 17;
	grow_by_share(&cubic->epoch.w_est, &cubic->w_est_rest, step, acked, cc->cwnd);
}

/* Since when the application, or the receiver, limits the flow. */
static void note_use(struct tcp_cubic *cubic, const struct tcp_cc_ack *ack)
{
	if (ack->cwnd_limited)
		cubic->limited_ns = 0;
	else if (cubic->limited_ns == 0)
		cubic->limited_ns = ack->now_ns;
}

/*
 * RFC 9438 4.2: t does not include periods in which cwnd was not updated because the flow was
 * limited so. False: this is one.
 */
static bool clock_runs(struct tcp_cubic *cubic, const struct tcp_cc_ack *ack)
{
	if (ack->cwnd_limited && cubic->limited_ns != 0 && cubic->epoch.start_ns != 0)
		cubic->epoch.start_ns += ack->now_ns - cubic->limited_ns;
	note_use(cubic, ack);
	return ack->cwnd_limited;
}

APART void avoid_congestion(struct tcp_cc *cc, const struct tcp_cc_ack *ack)
{
	struct tcp_cubic *cubic = &cc->cubic;
	if (!clock_runs(cubic, ack) || ack->cum_acked == 0)
		return;
	if (cubic->epoch.start_ns == 0)
		start_epoch(cc, ack->now_ns);
	uint64_t t_ns = ack->now_ns - cubic->epoch.start_ns;
	advance_w_est(cc, ack->cum_acked);

	/* RFC 9438 4.3: the Reno-friendly region. */
	if (w_cubic(&cubic->epoch, t_ns, cc->mss) < cubic->epoch.w_est) {
		cc->cwnd = max_u32(cc->cwnd, cubic->epoch.w_est);
		return;
	}
	/* 4.2: target is the curve one RTT from now, at least cwnd and at most half above it. */
	uint64_t target = w_cubic(&cubic->epoch, t_ns + 1000ull * ack->srtt_us, cc->mss);
	target = max_u64(target, cc->cwnd);
	target = min_u64(target, cc->cwnd + (uint64_t)cc->cwnd / 2);
	/* 4.4 and 4.5, concave and convex: by (target - cwnd) / cwnd for each segment. */
	grow_by_share(&cc->cwnd, &cubic->cwnd_rest, target - cc->cwnd, ack->cum_acked, cc->cwnd);
}

static void initial_slow_start(struct tcp_cc *cc, const struct tcp_cc_ack *ack)
{
	tcp_cc_slow_start(cc, &cc->cubic.hystart, ack);
	/* RFC 9438 4.10: left without a loss; W_max is not known and cwnd_prior is cwnd. */
	if (!tcp_cc_in_initial_slow_start(cc))
		cc->cubic.epoch = (struct tcp_cubic_epoch){.cwnd_prior = cc->cwnd};
}

static void grow(struct tcp_cc *cc, const struct tcp_cc_ack *ack)
{
	if (tcp_cc_in_initial_slow_start(cc)) {
		note_use(&cc->cubic, ack);
		initial_slow_start(cc, ack);
	} else if (tcp_cc_in_slow_start(cc)) {
		cc->cubic.epoch.start_ns = 0; /* a new stage of congestion avoidance will begin */
		note_use(&cc->cubic, ack);
		tcp_cc_slow_start(cc, NULL, ack);
	} else {
		avoid_congestion(cc, ack);
	}
}

static void cubic_on_ack(struct tcp_cc *cc, const struct tcp_cc_ack *ack)
{
	if (!tcp_cc_in_fast_recovery(cc, ack))
		grow(cc, ack);
	tcp_cc_pace(cc, ack->srtt_us);
}

/*
 * RFC 9438 4.6: cwnd may stand for flight_size, which is little at the end of a transfer or of an
 * application that has little to say, where cwnd does not grow beyond what is in flight. In slow start
 * half of it was. What was in flight is forgotten after a second (RFC 7661 4.2), but for the initial
 * window, which nothing has to prove.
 */
static uint32_t window_in_use(const struct tcp_cc *cc, uint64_t now_ns, uint32_t flight_size)
{
	uint64_t limited_ns = cc->cubic.limited_ns;
	uint32_t window = min_u32(cc->cwnd, tcp_cc_initial_window(cc->mss));
	if (cc->recovering) /* cwnd is on its way to ssthresh */
		return flight_size;
	if (limited_ns == 0 || now_ns - limited_ns < USE_HOLDS_NS)
		window = max_u32(window, tcp_cc_in_slow_start(cc) ? cc->cwnd / 2 : cc->cwnd);
	return max_u32(window, flight_size);
}

/* RFC 9438 4.6. */
static void reduce(struct tcp_cc *cc, uint32_t window)
{
	struct tcp_cubic *cubic = &cc->cubic;
	bool initial = tcp_cc_in_initial_slow_start(cc);
	struct tcp_cubic_epoch old = {0};
	if (!initial)
		old = cubic->epoch;
	/* 4.9.2: what a spurious event is undone to. */
	if (tcp_cc_reduce(cc, times_beta(window)))
		cc->undo->epoch = old;

	cubic->epoch = (struct tcp_cubic_epoch){.w_max = cc->cwnd, .cwnd_prior = cc->cwnd};
	/* 4.7, fast convergence: less than last time, so leave room: W_max = cwnd * (1 + beta) / 2. */
	if (cc->cwnd < old.w_max)
		cubic->epoch.w_max = (uint32_t)((uint64_t)cc->cwnd * 17 / 20);
	cubic->limited_ns = 0;
}

static void cubic_on_congestion(struct tcp_cc *cc, uint64_t now_ns, uint32_t in_flight, bool ecn)
{
	uint32_t window = window_in_use(cc, now_ns, in_flight), reduced = times_beta(window);
	reduce(cc, window);
	/* RFC 9438 4.6: a reduction on ECE goes down to 1 MSS, one on loss to ssthresh's 2. */
	if (ecn && reduced < 2 * cc->mss)
		cc->cwnd = min_u32(cc->cwnd, max_u32(reduced, cc->mss));
}

static void cubic_on_rto(struct tcp_cc *cc, uint64_t now_ns, uint32_t in_flight)
{
	reduce(cc, window_in_use(cc, now_ns, in_flight));
	/* RFC 9438 4.8: the next epoch begins with K = 0 and W_max = cwnd. */
	cc->cubic.epoch.w_max = 0;
	tcp_cc_collapse(cc);
}

static void cubic_on_recovery_end(struct tcp_cc *cc, uint64_t now_ns, uint32_t in_flight)
{
	tcp_cc_end_recovery(cc);
}

/* RFC 9438 4.9. */
static void cubic_on_undo(struct tcp_cc *cc, uint64_t now_ns)
{
	struct tcp_cubic *cubic = &cc->cubic;
	if (!tcp_cc_take_back(cc))
		return;
	if (tcp_cc_in_initial_slow_start(cc))
		tcp_hystart_reset(&cubic->hystart);
	else
		cubic->epoch = cc->undo->epoch;
}

/*
 * RFC 9438 5.8: idle time is not the curve's: the clock stands still until cwnd is all used again.
 * Not since before the epoch, which an ACK began that came after the last segment was sent.
 */
static void cubic_on_idle(struct tcp_cc *cc, uint64_t now_ns, uint64_t idle_ns, uint64_t rto_ns)
{
	struct tcp_cubic *cubic = &cc->cubic;
	if (!tcp_cc_in_initial_slow_start(cc) && cubic->epoch.start_ns != 0 &&
		cubic->limited_ns == 0)
		cubic->limited_ns = max_u64(now_ns - idle_ns, cubic->epoch.start_ns);
	tcp_cc_restart_after_idle(cc, idle_ns, rto_ns);
}

static void cubic_on_mss(struct tcp_cc *cc, uint32_t mss)
{
	/* K and C * mss belong together: another curve begins. */
	if (!tcp_cc_in_initial_slow_start(cc))
		cc->cubic.epoch.start_ns = 0;
	tcp_cc_change_mss(cc, mss);
}

const struct tcp_cc_ops tcp_cubic = {
	.name = "cubic",
	.init = cubic_init,
	.on_ack = cubic_on_ack,
	.on_congestion = cubic_on_congestion,
	.on_rto = cubic_on_rto,
	.on_recovery_end = cubic_on_recovery_end,
	.on_undo = cubic_on_undo,
	.on_idle = cubic_on_idle,
	.on_mss = cubic_on_mss,
};
