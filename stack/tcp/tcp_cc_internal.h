/* SPDX-License-Identifier: BSD-3-Clause */
/* What the congestion control algorithms share. For tcp_cc*.c and tcp_hystart.c. */
#ifndef RWS_TCP_CC_INTERNAL_H
#define RWS_TCP_CC_INTERNAL_H

#include "stack/tcp/tcp_cc.h"

/* RFC 7323 2.3: no send window is larger, so neither need cwnd be. */
#define TCP_CWND_MAX (1u << 30)

static inline uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static inline uint32_t max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* ---- tcp_cc_window.c ---------------------------------------------------------------------- */

/* RFC 6928 2 (1): bytes, for an MSS of 1 to 65535. */
uint32_t tcp_cc_initial_window(uint32_t mss);

/* cwnd + bytes, bounded. */
void tcp_cc_grow(struct tcp_cc *cc, uint32_t bytes);

/* Before the first loss of the connection: slow start is HyStart++'s. */
static inline bool tcp_cc_in_initial_slow_start(const struct tcp_cc *cc)
{
	return cc->ssthresh == UINT32_MAX;
}

static inline bool tcp_cc_in_slow_start(const struct tcp_cc *cc)
{
	return cc->cwnd < cc->ssthresh;
}

/* cwnd is PRR's for now. */
static inline bool tcp_cc_in_fast_recovery(const struct tcp_cc *cc, const struct tcp_cc_ack *ack)
{
	return ack->in_recovery && !cc->rto_recovery;
}

/* What an ACK does to cwnd in slow start; h is used in the initial one only. */
void tcp_cc_slow_start(struct tcp_cc *cc, struct tcp_hystart *h, const struct tcp_cc_ack *ack);

/* Sets pacing_rate and send_quantum of a window-based algorithm. */
void tcp_cc_pace(struct tcp_cc *cc, uint32_t srtt_us);

/* send_quantum for a pacing rate: bbr-06 5.6.3, what leaves in a millisecond. */
static inline void tcp_cc_set_send_quantum(struct tcp_cc *cc)
{
	/* From 2 segments to 64 KiB. */
	uint64_t quantum = cc->pacing_rate == 0 ? 65536 : cc->pacing_rate / 1000;
	cc->send_quantum = max_u32((uint32_t)min_u64(quantum, 65536), 2 * cc->mss);
}

/*
 * Begins a reduction to ssthresh, at least 2 MSS. cc->undo keeps what was before it; but if a
 * timeout ends fast recovery, what was before that. True if it was written.
 */
bool tcp_cc_reduce(struct tcp_cc *cc, uint32_t ssthresh);

/* The rest of a timeout: one segment, slow start. */
void tcp_cc_collapse(struct tcp_cc *cc);

/* Recovery is over: leaves cwnd where recovery should have brought it. */
void tcp_cc_end_recovery(struct tcp_cc *cc);

/* Takes a reduction back. False: there is nothing to take back, or cwnd outgrew it since. */
bool tcp_cc_take_back(struct tcp_cc *cc);

/* RFC 5681 4.1. */
void tcp_cc_restart_after_idle(struct tcp_cc *cc, uint64_t idle_ns, uint64_t rto_ns);

/* RFC 5681 3.1: another MSS. */
void tcp_cc_change_mss(struct tcp_cc *cc, uint32_t mss);

/* ---- tcp_hystart.c ------------------------------------------------------------------------ */

void tcp_hystart_reset(struct tcp_hystart *h);

/*
 * One ACK in slow start or CSS. *growth: bytes that cwnd may grow by for it, if it was all used;
 * paced: bursts are pacing's to prevent. True: slow start is over.
 */
bool tcp_hystart_on_ack(struct tcp_hystart *h, const struct tcp_cc_ack *ack, uint32_t mss,
	bool paced, uint32_t *growth);

#endif
