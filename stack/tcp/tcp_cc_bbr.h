/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The state of BBRv3, for tcp_cc_bbr.c, tcp_bbr_model.c and tests. Names are those of draft-ietf-ccwg-bbr-06 2.
 *
 * Units: bytes; bandwidths in bytes per second; RTTs in microseconds; other times in nanoseconds.
 * Infinity is the largest value of the type.
 */
#ifndef RWS_TCP_CC_BBR_H
#define RWS_TCP_CC_BBR_H

#include "stack/tcp/tcp_cc.h"

enum tcp_bbr_state {
	BBR_STARTUP,
	BBR_DRAIN,
	BBR_PROBE_BW_DOWN,
	BBR_PROBE_BW_CRUISE,
	BBR_PROBE_BW_REFILL,
	BBR_PROBE_BW_UP,
	BBR_PROBE_RTT,
	BBR_NONE, /* undo_state: nothing to return to */
};

/* bbr-06 2.14: what the ACKs of now tell about bandwidth probing. */
enum tcp_bbr_ack_phase {
	BBR_ACKS_INIT,
	BBR_ACKS_REFILLING,
	BBR_ACKS_PROBE_STARTING,
	BBR_ACKS_PROBE_FEEDBACK,
	BBR_ACKS_PROBE_STOPPING,
};

/* The largest value of a window of rounds: the best, and the best after each of the former. */
struct tcp_bbr_max {
	struct {
		uint32_t value, round;
	} best[3];
};

struct tcp_bbr {
	uint8_t state;                      /* enum tcp_bbr_state */
	uint8_t undo_state;                 /* the same */
	uint8_t ack_phase;                  /* enum tcp_bbr_ack_phase */
	uint8_t full_bw_count;              /* rounds without growth */
	uint8_t bw_probe_up_rounds;         /* in ProbeBW_UP */
	uint8_t loss_ranges;                /* discontiguous, in this loss round */
	uint16_t pacing_gain, cwnd_gain;    /* percent */
	bool round_start, loss_round_start; /* this ACK begins one */
	bool is_loss_in_round;              /* in this loss round */
	bool full_bw_now, full_bw_reached;  /* since we last looked; ever */
	bool is_bw_probe_sample;            /* ACKs are of data sent to probe */
	bool prev_probe_too_high, prev_probe_precautionary;
	bool idle_restart;
	bool probe_rtt_expired, probe_rtt_round_done;
	bool cwnd_limited, cwnd_limited_last; /* in this round trip, in the one before */

	/* Rounds. */
	uint64_t delivered; /* C.delivered, as told last */
	uint64_t next_round_delivered, loss_round_delivered;
	uint32_t round_count;
	uint32_t rounds_since_probe_up;
	uint32_t drain_start_round;

	/* Bandwidth. */
	uint64_t bw;               /* what is used: min(max_bw, bw_shortterm) */
	uint64_t max_bw_filter[2]; /* this ProbeBW cycle, the one before */
	uint64_t bw_shortterm, bw_latest;
	uint64_t full_bw;

	/* Volume. */
	uint32_t bdp; /* bw * min_rtt; 0: not known yet */
	uint32_t inflight_longterm, inflight_shortterm, inflight_latest;
	uint32_t prior_cwnd;
	uint32_t probe_up_acked_per_inc, bw_probe_up_acked;
	uint32_t loss_end; /* sequence number after the segment last marked lost */

	/* Aggregation of ACKs. */
	uint64_t extra_acked_interval_start;
	uint64_t extra_acked_delivered;
	struct tcp_bbr_max extra_acked_filter;

	/* Round-trip times. */
	uint32_t min_rtt, probe_rtt_min_delay;
	uint64_t min_rtt_stamp, probe_rtt_min_stamp;
	uint64_t probe_rtt_done_stamp; /* 0: not yet known */

	/* ProbeBW. */
	uint64_t cycle_stamp, bw_probe_wait;
	uint64_t random;

	/* Undo. undo_saved: the rest is what was before this recovery. */
	bool undo_saved;
	uint64_t undo_bw_shortterm;
	uint32_t undo_inflight_shortterm, undo_inflight_longterm;
};

/* BBR.max_bw. */
uint64_t tcp_bbr_max_bw(const struct tcp_bbr *bbr);

#endif
