/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files say to each other that find out what of our data arrived and what was lost.
 *
 * Theory of operation
 * -------------------
 * Everything sent and not acknowledged is in txsegs, in order of sequence numbers on tx->inflight.
 * Each is in one of these places:
 *
 *   on tx->sent       in the pipe: sent once, or LOST and sent again (RETRANS);
 *   on tx->to_resend  LOST, not sent again yet;
 *   on neither        SACKED: out of the network.
 *
 * An ACK goes through these steps (tcp_ack.c):
 *
 *   tcp_ack.c         acknowledged txsegs and pbufs are freed;
 *   tcp_sack.c        SACK blocks mark txsegs; or tcp_dupack.c counts, of a peer without SACK;
 *   tcp_rate.c, tcp_rack.c   learn of every txseg delivered, from the two steps above;
 *   tcp_rtt.c         takes one RTT sample;
 *   tcp_recovery.c    was the last reduction for nothing? Is recovery over?
 *   tcp_rack.c        marks txsegs LOST by time, or tcp_dupack.c by count;
 *   tcp_recovery.c    is it time to recover? Congestion control is told, PRR sets cwnd;
 *   tcp_rtx.c         arms the timer again.
 *
 * A timer goes through the last three. Nothing is sent from within, but for the probes and the
 * segment that a timeout sends again: tcp_output does the rest, and asks tcp_next_lost.
 */
#ifndef RWS_TCP_LOSS_H
#define RWS_TCP_LOSS_H

#include "stack/tcp/tcp_internal.h"

#define TCP_DUP_THRESH 3u /* RFC 5681 3.2, RFC 6675 2, RFC 8985 6.2.1 */

/* One ACK, or one timer, while it is worked on. */
struct tcp_ack {
	const struct tcp_seg *seg; /* NULL: a timer */
	uint64_t now_ns;
	uint32_t prior_pipe;
	uint32_t cum_acked; /* sequence numbers by which snd_una advanced */
	uint32_t delivered; /* bytes that are newly known to be with the peer */
	uint32_t lost;      /* bytes newly marked LOST by the peer's word or by time */
	uint32_t dsacked;   /* bytes that came twice, by DSACK (RFC 2883) */
	uint32_t dsack_end; /* behind the last of them */
	bool has_dsack;
	bool duplicate; /* as RFC 5681 2 defines it, SACK or not */
	bool sacked;    /* a SACK block told news */
	bool original;  /* delivered: bytes sent once, before the timeout (RFC 5682) */
	bool resent;    /* delivered: bytes sent more than once */

	/* Times of transmission of what was delivered and sent once; 0: none. */
	uint64_t cum_first_ns;  /* the earliest of what snd_una passed */
	uint64_t sack_first_ns; /* the earliest of what SACK told */
	uint64_t last_ns;       /* the latest of both */
	uint32_t rtt_us;        /* of the latest; 0: none */

	/* Rate sample: of the txseg sent last among those delivered (P). */
	bool rs_valid; /* what follows is written */
	bool rs_app_limited;
	uint64_t rs_sent_ns, rs_send_elapsed_ns;
	uint64_t rs_prior_delivered, rs_prior_ns, rs_prior_lost;
	uint32_t rs_end_seq, rs_tx_in_flight;
};

/* Numbers that it takes in sequence space. */
static inline uint32_t tcp_txseg_span(const struct tcp_txseg *txseg)
{
	return tcp_txseg_end(txseg) - txseg->seq;
}

static inline bool tcp_txseg_waits(const struct tcp_txseg *txseg)
{
	return (txseg->flags & (TXSEG_LOST | TXSEG_RETRANS)) == TXSEG_LOST;
}

/* Of our time. Some peers echo zero, whatever they saw; ours is that for a millisecond in 50 days. */
static inline bool tcp_has_echo(const struct tcb *tcb, const struct tcp_ack *ack)
{
	return (tcb->flags & TCB_TS) != 0 && ack->seg != NULL && ack->seg->opt.has_ts &&
		ack->seg->opt.ts_ecr != 0;
}

/* Fills in what is known before; seg may be NULL. */
static inline void tcp_ack_begin(
	const struct tcb *tcb, struct tcp_ack *ack, const struct tcp_seg *seg)
{
	memset(ack, 0, offsetof(struct tcp_ack, rs_app_limited));
	ack->seg = seg;
	ack->now_ns = tcb->conn.stack->now_ns;
	ack->prior_pipe = tcp_in_flight(tcb);
}

/* ---- tcp_scoreboard.c ---- */

/* SACKed as a whole: accounts for it, marks it and takes it out of the pipe. */
void tcp_txseg_sacked(struct tcb *tcb, struct tcp_ack *ack, struct tcp_txseg *txseg);
/* Acknowledged as a whole: accounts for it, if that was not done before, and frees it. */
void tcp_txseg_acked(struct tcb *tcb, struct tcp_ack *ack, struct tcp_txseg *txseg);
/* Takes the acknowledged front off; end lies within. */
void tcp_txseg_trim(struct tcb *tcb, struct tcp_ack *ack, struct tcp_txseg *txseg, uint32_t end);
/* Off all lists, and given back. */
void tcp_txseg_free(struct tcb *tcb, struct tcp_txseg *txseg);
/* Marks one LOST that is in the pipe. ack: told to congestion control, and counted; or NULL. */
void tcp_mark_lost(struct tcb *tcb, struct tcp_ack *ack, struct tcp_txseg *txseg);
/* Those LOST and not sent again yet are in the pipe after all. */
void tcp_unmark_lost(struct tcb *tcb);
/* At a timeout, with something in flight: SACK is forgotten if it does not hold (RFC 2018 8). */
void tcp_forget_if_reneged(struct tcb *tcb);

/* Sent again by now, that copy included. */
void tcp_loss_sent_again(struct tcb *tcb, struct tcp_txseg *txseg);

/*
 * What follows is inline for each segment that tcp_output.c sends for the first time. pipe: what was
 * in flight without it.
 *
 * Whether cwnd is full holds until what is in flight now is acknowledged. In slow start half of cwnd
 * is enough: what is in flight lags behind a window that doubles (RFC 7661 4.3).
 */
static inline void tcp_loss_note_sent(
	struct tcb *tcb, const struct tcp_txseg *txseg, uint32_t pipe, bool again)
{
	const struct tcp_cc *cc = &tcb->cc;
	struct tcp_send *tx = tcb->tx;
	uint32_t now_ms = tcp_now_ms(tcb->conn.stack);
	pipe += tcp_txseg_span(txseg);
	tcb->sent_ms = now_ms;
	if (cc->cwnd < cc->ssthresh ? pipe >= cc->cwnd / 2 : pipe + tcb->snd_mss > cc->cwnd) {
		tx->cwnd_limited = true;
		tx->limited_end = seq_max(tcb->snd_nxt, tcp_txseg_end(txseg));
	}
	if (again)
		return;
	tx->pto_base_ms = now_ms;
	if (txseg->seq == tcb->snd_una)
		tx->rto_base_ms = tx->waiting_ms = now_ms;
}

/* The same, and congestion control, recovery and rate samples are told. */
void tcp_loss_sent_and_tell(struct tcb *tcb, struct tcp_txseg *txseg, uint32_t pipe, bool again);

/* Of all in the pipe it was sent last. */
static inline void tcp_loss_sent_at_last(struct tcb *tcb, struct tcp_txseg *txseg)
{
	TAILQ_INSERT_TAIL(&tcb->tx->sent, txseg, by_time);
	txseg->sent_ns = tcb->conn.stack->now_ns;
}

/* Sent for the first time: it is on tx->inflight, nowhere else, and begins at snd_nxt. */
static inline void tcp_loss_sent(struct tcb *tcb, struct tcp_txseg *txseg)
{
	const struct tcp_cc_ops *ops = tcb->cc.ops;
	uint32_t pipe = tcp_in_flight(tcb);
	tcp_loss_sent_at_last(tcb, txseg);
	if (tcb->tx->ca_state != TCP_CA_OPEN || ops->rate_samples)
		tcp_loss_sent_and_tell(tcb, txseg, pipe, false);
	else
		tcp_loss_note_sent(tcb, txseg, pipe, false);
}

/* ---- tcp_sack.c ---- */

/* Works the SACK option in; counts and skips blocks that cannot be. */
void tcp_sack_blocks(struct tcb *tcb, struct tcp_ack *ack);

/* ---- tcp_dupack.c: peers without SACK ---- */

/* Counts duplicates and guesses what they stand for. */
void tcp_dupack_count(struct tcb *tcb, struct tcp_ack *ack);
/* What is LOST did not arrive: the guess gets smaller. */
void tcp_dupack_marked_lost(struct tcb *tcb);
/* Marks the first segment LOST when it is time. */
void tcp_dupack_detect_loss(struct tcb *tcb, struct tcp_ack *ack);

/* ---- tcp_rack.c ---- */

void tcp_rack_delivered(
	struct tcb *tcb, const struct tcp_ack *ack, const struct tcp_txseg *txseg, uint32_t end);
/* RFC 8985 6.2.1 step 4: what DSACK says of the reordering window. */
void tcp_rack_dsack(struct tcb *tcb, const struct tcp_ack *ack);
void tcp_rack_recovery_ended(struct tcb *tcb);
/*
 * Whether anything in flight was sent before what arrived, or with it: else there is no loss to be
 * found by time. tx->sent is in order of transmission.
 */
static inline bool tcp_rack_has_suspects(const struct tcp_send *tx)
{
	const struct tcp_txseg *first = TAILQ_FIRST(&tx->sent);
	return first != NULL && first->sent_ns <= tx->rack_sent_ns && tx->rack_sent_ns != 0;
}

/* RFC 8985 6.2.1 step 5: marks LOST; sets tx->reorder_ms when some are to be judged later. */
void tcp_rack_detect_loss(struct tcb *tcb, struct tcp_ack *ack);
/* RFC 8985 6.3 */
void tcp_rack_mark_on_rto(struct tcb *tcb, struct tcp_ack *ack);
/* RFC 8985 7.3 */
void tcp_tlp_send(struct tcb *tcb);
/* tx->tlp_out. RFC 8985 7.4: true when the probe repaired a loss, which is to be answered for. */
bool tcp_tlp_repaired(struct tcb *tcb, const struct tcp_ack *ack);

/* ---- tcp_recovery.c ---- */

/* After the scoreboard: undo, end and begin of recovery, congestion control, PRR. */
void tcp_recover(struct tcb *tcb, struct tcp_ack *ack);
/* A retransmission timeout: marks, and CA_LOSS. */
void tcp_recover_timeout(struct tcb *tcb, struct tcp_ack *ack);
/* A txseg was sent, again, or while anything is missing. */
void tcp_recovery_sent(struct tcb *tcb, const struct tcp_txseg *txseg, bool again);

/* ---- tcp_rtt.c ---- */

void tcp_rtt_ack(struct tcb *tcb, struct tcp_ack *ack);
/* The same of an ACK of the lone segment; returns its RTT. */
uint32_t tcp_rtt_lone(struct tcb *tcb);

/* ---- tcp_rtx.c, inline where a lone segment needs it ---- */

#define TCP_MAX_ACK_DELAY_US   200000u /* RFC 8985 7.2: TLP.max_ack_delay, a peer's delayed ACK */
#define TCP_PTO_INITIAL_US     1000000u
#define TCP_PTO_GRANULARITY_US 2000u /* of our timer and the peer's */

/*
 * The time to a tail loss probe; one_segment: no more is in flight.
 *
 * RFC 8985 7.2 has no floor but what timers can tell apart. Linux adds two ticks, which is 2 ms to
 * 8 ms by its configuration. More is not needed where cores are shared: a turn takes a burst of the
 * frames that came before it runs timers, so that our own delay hardly provokes a probe; one that
 * the peer's delay provokes costs a segment, whose DSACK says so, and no window (7.4.2).
 */
static inline uint32_t tcp_pto_ms(const struct tcb *tcb, bool one_segment)
{
	uint64_t us = TCP_PTO_INITIAL_US;
	if (tcb->srtt_us != 0)
		us = 2 * (uint64_t)tcb->srtt_us + TCP_PTO_GRANULARITY_US;
	if (one_segment)
		us += TCP_MAX_ACK_DELAY_US;
	return (uint32_t)((us + 999) / 1000);
}

static inline void tcp_rtx_arm_for(struct tcb *tcb, enum tcp_rtx_kind kind, uint32_t delay_ms)
{
	tcb->rtx_kind = (uint8_t)kind;
	tcp_timer_set(tcb, TCP_TIMER_RTX, delay_ms);
}

/* tcp_rtx_arm for a segment that leaves now, alone, to a peer with SACK. */
static inline void tcp_rtx_arm_alone(struct tcb *tcb, uint32_t rto_ms)
{
	uint32_t pto_ms = tcp_pto_ms(tcb, true);
	tcp_rtx_arm_for(tcb, TCP_RTX_TLP, pto_ms < rto_ms ? pto_ms : rto_ms);
}

/* ---- tcp_rate.c ---- */

/* For congestion control that reads samples: a txseg was sent, pipe was in flight without it. */
void tcp_rate_sent(struct tcb *tcb, struct tcp_txseg *txseg, uint32_t pipe);
/* Bytes of a txseg, up to end, were delivered; for congestion control that reads samples. */
void tcp_rate_delivered(
	struct tcb *tcb, struct tcp_ack *ack, const struct tcp_txseg *txseg, uint32_t end);
/* Puts the sample, if there is one, where congestion control looks for it. */
void tcp_rate_sample(struct tcb *tcb, const struct tcp_ack *ack, struct tcp_cc_ack *sample);

/* ---- tcp_pmtu.c ---- */

/* Before a retransmission timeout is acted on: RFC 8899 4.3, RFC 2923 2.1. */
void tcp_pmtu_timeout(struct tcb *tcb);
/* snd_una advanced, or bytes leave after nothing was in flight. */
void tcp_pmtu_try_more(struct tcb *tcb);
static inline void tcp_pmtu_progress(struct tcb *tcb)
{
	if (tcb->flags & (TCB_PMTU_BLACK_HOLE | TCB_PMTU_REDUCED))
		tcp_pmtu_try_more(tcb);
}

/* ---- for tcp_output.c ---- */

/* Data is to leave behind idle time (RFC 5681 4.1). */
static inline void tcp_tell_idle(struct tcb *tcb, uint32_t rto_ms)
{
	const struct stack *st = tcb->conn.stack;
	uint32_t idle_ms = tcp_now_ms(st) - tcb->sent_ms;
	tcb->cc.ops->on_idle(
		&tcb->cc, st->now_ns, (uint64_t)idle_ms * 1000000, (uint64_t)rto_ms * 1000000);
}

/*
 * Before data is sent with nothing in flight. Where the ACK that left nothing in flight is of this
 * turn, no time was idle.
 */
static inline void tcp_idle_restart(struct tcb *tcb)
{
	if (tcb->tx != NULL && tcb->tx->pto_base_ms == tcp_now_ms(tcb->conn.stack))
		return;
	tcp_pmtu_progress(tcb);
	tcp_tell_idle(tcb, tcp_rto_ms(tcb));
}

#endif
