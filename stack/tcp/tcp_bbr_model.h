/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * BBR's model of the path, for tcp_bbr_model.c, which keeps it, and tcp_cc_bbr.c, which acts on it.
 * "bbr-06 5.3.1" in these files is a section of draft-ietf-ccwg-bbr-06.
 */
#ifndef RWS_TCP_BBR_MODEL_H
#define RWS_TCP_BBR_MODEL_H

#include "stack/tcp/tcp_cc_bbr.h"
#include "stack/tcp/tcp_cc_internal.h"

/* In percent: bbr-06 2.6, 2.8. */
#define UNITY_GAIN   100
#define BETA_PERCENT 70u

#define MS_NS     1000000ull
#define SECOND_NS 1000000000ull

#define INFINITE_VOLUME UINT32_MAX
#define INFINITE_RTT    UINT32_MAX
#define INFINITE_BW     UINT64_MAX

/* The rate sample that the model is asked about: an ACK's, or that of a lost segment. */
struct tcp_bbr_sample {
	uint64_t delivery_rate; /* 0: none */
	uint64_t prior_delivered;
	uint32_t delivered, lost, tx_in_flight;
	uint32_t newly_acked, newly_lost, prior_in_flight, in_flight, rtt_us;
	uint64_t now_ns;
	bool app_limited, has_data, in_recovery;
};

/* ---- Numbers ------------------------------------------------------------------------------ */

/* bbr-06 2.8: MinPipeCwnd. */
static inline uint32_t min_pipe_cwnd(const struct tcp_cc *cc)
{
	return 4 * cc->mss;
}

/* Of that bandwidth. */
uint32_t tcp_bbr_bdp(const struct tcp_bbr *bbr, uint64_t bw);
/* bbr-06 5.6.4.2: BDPMultiple(gain), Inflight(1.0), QuantizationBudget(). */
uint32_t tcp_bbr_multiple(const struct tcp_cc *cc, uint32_t bdp, uint32_t gain);
uint32_t tcp_bbr_inflight(const struct tcp_cc *cc, uint32_t bdp);
uint32_t tcp_bbr_quantized(const struct tcp_cc *cc, uint32_t inflight_cap);
/* bbr-06 5.3.3.8.3. */
uint32_t tcp_bbr_target_inflight(const struct tcp_cc *cc);
/* bbr-06 5.3.3.9: leaves room for others in the buffer or on the link. */
uint32_t tcp_bbr_with_headroom(const struct tcp_cc *cc);
/* bbr-06 5.5.10.2: more lost than LossThresh of what was in flight; and how much that was. */
bool tcp_bbr_inflight_too_high(const struct tcp_cc *cc, const struct tcp_bbr_sample *rs);
uint32_t tcp_bbr_inflight_at_loss(const struct tcp_cc_loss *loss);

/* ---- Beginnings --------------------------------------------------------------------------- */

static inline bool in_probe_bw(const struct tcp_bbr *bbr)
{
	return bbr->state >= BBR_PROBE_BW_DOWN && bbr->state <= BBR_PROBE_BW_UP;
}

/* bbr-06 5.5.10.3: IsProbingBW(). */
static inline bool is_probing_bw(const struct tcp_bbr *bbr)
{
	return bbr->state == BBR_STARTUP || bbr->state == BBR_PROBE_BW_REFILL ||
		bbr->state == BBR_PROBE_BW_UP;
}

/* bbr-06 5.5.1. */
static inline void start_round(struct tcp_bbr *bbr)
{
	bbr->next_round_delivered = bbr->delivered;
}

/* bbr-06 5.3.1.2. */
static inline void reset_full_bw(struct tcp_bbr *bbr, uint64_t full_bw)
{
	bbr->full_bw = full_bw;
	bbr->full_bw_count = 0;
	bbr->full_bw_now = false;
}

/* bbr-06 5.5.10.3. */
static inline void reset_congestion_signals(struct tcp_bbr *bbr)
{
	bbr->is_loss_in_round = false;
	bbr->bw_latest = 0;
	bbr->inflight_latest = 0;
}

static inline void reset_short_term_model(struct tcp_bbr *bbr)
{
	bbr->bw_shortterm = INFINITE_BW;
	bbr->inflight_shortterm = INFINITE_VOLUME;
}

void tcp_bbr_model_init(struct tcp_bbr *bbr, uint64_t now_ns);
/* A cycle of probing is over. */
void tcp_bbr_next_cycle(struct tcp_bbr *bbr);

/* ---- With each ACK (bbr-06 5.2.3, in its order) ------------------------------------------- */

struct tcp_bbr_sample tcp_bbr_sample_of(const struct tcp_cc_ack *ack);
/* Before the state machine: round, max_bw, lower bounds, aggregation, whether the pipe is full. */
void tcp_bbr_model_begin(struct tcp_cc *cc, const struct tcp_bbr_sample *rs);
/* Before ProbeRTT. */
void tcp_bbr_model_rtt(struct tcp_bbr *bbr, const struct tcp_bbr_sample *rs);
/* After it: what is used from now on. */
void tcp_bbr_model_end(struct tcp_bbr *bbr, const struct tcp_bbr_sample *rs);

#endif
