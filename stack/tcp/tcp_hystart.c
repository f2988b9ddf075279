/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * HyStart++ (RFC 9406): leaves the initial slow start when the RTT rises, before loss does it.
 *
 * Called from tcp_cc_slow_start() for each ACK. Theory of operation (4.2): a round lasts until what
 * was sent when it began is acknowledged. When the smallest RTT of a round lies clearly above that
 * of the round before, a queue builds: Conservative Slow Start (CSS) goes on at a quarter of the
 * speed for some rounds, to see whether that was jitter. If the RTT falls again, slow start goes
 * on; else congestion avoidance begins.
 */
#include "stack/tcp/tcp_cc_internal.h"

#include "stack/base/seq.h"

/* RFC 9406 4.3. */
#define MIN_RTT_THRESH_US  4000u
#define MAX_RTT_THRESH_US  16000u
#define MIN_RTT_DIVISOR    8u
#define N_RTT_SAMPLE       8u
#define CSS_GROWTH_DIVISOR 4u
#define CSS_ROUNDS         5u
#define L_NOT_PACED        8u

#define RTT_NONE UINT32_MAX

static void start_round(struct tcp_hystart *h, uint32_t snd_nxt)
{
	h->window_end = snd_nxt;
	h->started = true;
	h->last_round_min_rtt = h->current_round_min_rtt;
	h->current_round_min_rtt = RTT_NONE;
	h->rtt_samples = 0;
}

void tcp_hystart_reset(struct tcp_hystart *h)
{
	*h = (struct tcp_hystart){
		.last_round_min_rtt = RTT_NONE,
		.current_round_min_rtt = RTT_NONE,
		.css_baseline_min_rtt = RTT_NONE,
	};
}

static void sample_rtt(struct tcp_hystart *h, uint32_t rtt_us)
{
	if (rtt_us == 0)
		return;
	h->current_round_min_rtt = min_u32(h->current_round_min_rtt, rtt_us);
	if (h->rtt_samples < N_RTT_SAMPLE)
		h->rtt_samples++;
}

/* RFC 9406 4.2: the smallest RTT of this round exceeds that of the last by the threshold. */
static bool rtt_rose(const struct tcp_hystart *h)
{
	if (h->last_round_min_rtt == RTT_NONE)
		return false;
	uint32_t threshold = min_u32(h->last_round_min_rtt / MIN_RTT_DIVISOR, MAX_RTT_THRESH_US);
	threshold = max_u32(threshold, MIN_RTT_THRESH_US);
	return h->current_round_min_rtt >= (uint64_t)h->last_round_min_rtt + threshold;
}

static void judge_rtt(struct tcp_hystart *h)
{
	if (h->rtt_samples < N_RTT_SAMPLE)
		return;
	if (!h->in_css && rtt_rose(h)) {
		h->css_baseline_min_rtt = h->current_round_min_rtt;
		h->css_rounds = 0;
		h->in_css = true;
	} else if (h->in_css && h->current_round_min_rtt < h->css_baseline_min_rtt) {
		h->css_baseline_min_rtt = RTT_NONE; /* it was jitter */
		h->in_css = false;
	}
}

bool tcp_hystart_on_ack(struct tcp_hystart *h, const struct tcp_cc_ack *ack, uint32_t mss,
	bool paced, uint32_t *growth)
{
	if (!h->started)
		start_round(h, ack->snd_nxt);

	/* RFC 9406 4.3: L is infinite for a paced sender, else 8. */
	*growth = paced ? ack->cum_acked : min_u32(ack->cum_acked, L_NOT_PACED * mss);
	if (h->in_css)
		*growth /= CSS_GROWTH_DIVISOR;

	sample_rtt(h, ack->rtt_us);
	judge_rtt(h);

	if (seq_lt(ack->snd_una, h->window_end))
		return false;
	start_round(h, ack->snd_nxt);
	/* The round in which CSS began counts, even if it was part of one only. */
	return h->in_css && ++h->css_rounds >= CSS_ROUNDS;
}
