/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Recovery: when congestion control is told to slow down, when it is over, and whether it was for
 * nothing.
 *
 * Called from tcp_ack.c, tcp_rtx.c and tcp_scoreboard.c; calls tcp_rack.c, tcp_dupack.c and the
 * algorithm of tcp_cc.h.
 *
 *   OPEN      nothing is missing
 *   DISORDER  something is, and may have been reordered
 *   CWR       ECN-Echo came: cwnd shrinks for one window (RFC 3168 6.1.2)
 *   RECOVERY  losses are repaired: fast recovery (RFC 6675 5, RFC 6582), PRR (RFC 9937) sets cwnd
 *   LOSS      the retransmission timer expired: slow start (RFC 5681 3.1), with F-RTO (RFC 5682)
 *
 * The last three end when what was in flight at their beginning (recovery_point) is acknowledged.
 * A reduction is undone when it turns out that nothing was lost: all arrives and nothing was sent
 * again, an ACK echoes a time before anything was sent again (Eifel, RFC 3522), all that was sent
 * again came twice (DSACK, RFC 3708), or bytes arrive after a timeout that were not sent again
 * (F-RTO).
 */
#include "stack/base/apart.h"
#include "stack/tcp/tcp_loss.h"

/* PRR (RFC 9937 6.2) */

static void prr_begin(struct tcb *tcb, const struct tcp_ack *ack)
{
	struct tcp_send *tx = tcb->tx;
	tx->prr_delivered = tx->prr_out = 0;
	/* Bytes that were to be delivered when it began, by this ACK or after it. */
	tx->prr_recover_fs = ack->prior_pipe > tcb->snd_mss ? ack->prior_pipe : tcb->snd_mss;
}

static uint32_t prr_send_count(struct tcb *tcb, const struct tcp_ack *ack, uint32_t pipe)
{
	struct tcp_send *tx = tcb->tx;
	uint32_t ssthresh = tcb->cc.ssthresh;
	int64_t count;
	if (pipe > ssthresh) {
		uint64_t share = (uint64_t)tx->prr_delivered * ssthresh + tx->prr_recover_fs - 1;
		count = (int64_t)(share / tx->prr_recover_fs) - tx->prr_out;
	} else {
		count = (int64_t)tx->prr_delivered - tx->prr_out;
		if (count < ack->delivered)
			count = ack->delivered;
		/* safeACK: snd_una moved, and no further loss came to light. */
		if (ack->cum_acked != 0 && ack->lost == 0)
			count += tcb->snd_mss;
		if (count > ssthresh - pipe)
			count = ssthresh - pipe;
	}
	/* One segment leaves at once, whatever the sums say: the fast retransmit. */
	if (tx->prr_out == 0 && count < tcb->snd_mss)
		count = tcb->snd_mss;
	return count > 0 ? (uint32_t)count : 0;
}

static void prr_update(struct tcb *tcb, const struct tcp_ack *ack)
{
	struct tcp_send *tx = tcb->tx;
	if (tcb->cc.ops->own_recovery || (ack->delivered == 0 && tx->prr_delivered != 0))
		return;
	tx->prr_delivered += ack->delivered;
	uint32_t pipe = tcp_in_flight(tcb);
	uint32_t cwnd = pipe + prr_send_count(tcb, ack, pipe);
	tcb->cc.cwnd = cwnd > tcb->snd_mss ? cwnd : tcb->snd_mss;
}

/* Episodes */

static void undo_begin(struct tcb *tcb)
{
	struct tcp_send *tx = tcb->tx;
	tx->undo_possible = true;
	tx->resent = false;
	tx->undo_resent = 0;
	tx->undo_una = tcb->snd_una;
	tx->undo_cwr = (tcb->flags & TCB_CWR) != 0 || tx->cwr_out;
}

static void episode_begin(struct tcb *tcb, enum tcp_ca_state state)
{
	struct tcp_send *tx = tcb->tx;
	tx->ca_state = (uint8_t)state;
	tx->recovery_point = tcb->snd_nxt;
	tx->recovered = false;
	tx->partial_acked = false;
	/* RFC 3168 6.1.2: any reduction is told. */
	if (tcb->flags & TCB_ECN)
		tcb->flags |= TCB_CWR;
}

/*
 * FlightSize (RFC 5681 2), but not above the window that governs: limited transmit does not count
 * (RFC 5681 3.2 step 2), nor what a recovery that just ended left SACKed above snd_una, which may
 * be many windows. In recovery cwnd is what PRR makes of it on the way to ssthresh. just_acked: of
 * what this ACK acknowledged, that which counts.
 */
static uint32_t flight_size(const struct tcb *tcb, uint32_t just_acked)
{
	uint32_t flight = tcb->snd_nxt - tcb->snd_una + just_acked, window = tcb->cc.cwnd;
	uint8_t state = tcb->tx->ca_state;
	if ((state == TCP_CA_CWR || state == TCP_CA_RECOVERY) && window < tcb->cc.ssthresh)
		window = tcb->cc.ssthresh;
	return flight < window ? flight : window;
}

static void reduce(struct tcb *tcb, const struct tcp_ack *ack, bool ecn)
{
	/* Where nothing is missing, by ECN-Echo or a probe, the ACK may be of all that was in flight. */
	uint32_t flight = flight_size(tcb, ack->lost == 0 ? ack->cum_acked : 0);
	tcb->cc.ops->on_congestion(&tcb->cc, ack->now_ns, flight, ecn);
	prr_begin(tcb, ack);
	undo_begin(tcb);
	if (ecn) /* the mark of a router is no guess */
		tcb->tx->undo_possible = false;
}

/* A loss in a window that ECN has reduced already is the same congestion. */
static void enter_recovery(struct tcb *tcb, const struct tcp_ack *ack)
{
	struct tcp_send *tx = tcb->tx;
	if (tx->ca_state != TCP_CA_CWR)
		reduce(tcb, ack, false);
	episode_begin(tcb, TCP_CA_RECOVERY);
	tcb->conn.stack->counters.tcp_fast_recoveries++;
}

static void set_open(struct tcb *tcb)
{
	struct tcp_send *tx = tcb->tx;
	tx->ca_state = tx->sacked_out != 0 ? TCP_CA_DISORDER : TCP_CA_OPEN;
	tx->frto = TCP_FRTO_OFF;
}

static void episode_end(struct tcb *tcb, const struct tcp_ack *ack)
{
	struct tcp_send *tx = tcb->tx;
	if (tx->ca_state >= TCP_CA_RECOVERY) {
		tcp_rack_recovery_ended(tcb);
		tx->recovered = true;
	}
	if ((tcb->flags & TCB_SACK) == 0)
		tx->dup_acks = tx->sacked_out = 0;
	set_open(tcb);
	tcb->cc.ops->on_recovery_end(&tcb->cc, ack->now_ns, tcp_in_flight(tcb));
}

/* CWR goes on until data sent after it is acknowledged: the ACKs before still echo the same mark. */
static bool episode_is_over(const struct tcb *tcb)
{
	const struct tcp_send *tx = tcb->tx;
	if (tx->ca_state == TCP_CA_CWR)
		return seq_gt(tcb->snd_una, tx->recovery_point) || tcb->snd_una == tcb->snd_nxt;
	return tx->ca_state >= TCP_CA_RECOVERY && seq_geq(tcb->snd_una, tx->recovery_point);
}

/* ECN: RFC 3168 6.1.2 */

static bool is_echo(const struct tcb *tcb, const struct tcp_ack *ack)
{
	return (tcb->flags & TCB_ECN) != 0 && ack->seg != NULL && (ack->seg->flags & TH_ECE) != 0;
}

/*
 * "At most once every window of data": the peer echoes a mark until our CWR reaches it. Until that
 * is acknowledged, the last reduction, whatever it was for, answers the mark.
 */
static bool is_answered(const struct tcb *tcb)
{
	return (tcb->flags & TCB_CWR) != 0 || tcb->tx->cwr_out;
}

void tcp_recovery_told(struct tcb *tcb, const struct tcp_txseg *txseg)
{
	tcb->flags &= ~(uint32_t)TCB_CWR;
	tcb->tx->cwr_out = true;
	tcb->tx->cwr_seq = txseg->seq;
}

/* Undo */

/* RFC 3708 3: of what was sent again in this episode, and of nothing else. */
static void count_duplicates(struct tcb *tcb, const struct tcp_ack *ack)
{
	struct tcp_send *tx = tcb->tx;
	uint32_t start = ack->dsack_end - ack->dsacked;
	tx->all_dsacked += ack->dsacked;
	if (!ack->has_dsack || !tx->resent || seq_lt(start, tx->undo_una) ||
		seq_gt(ack->dsack_end, tx->recovery_point))
		return;
	tx->undo_resent -= ack->dsacked < tx->undo_resent ? ack->dsacked : tx->undo_resent;
}

/*
 * RFC 3522 3.2 (4): what was sent again arrived, and the echo is older than that, and than anything
 * that was sent again before and had not arrived: else it may be of an earlier attempt. What is sent
 * again after the episode, a tail loss probe, says nothing of it.
 */
static bool echo_is_older(const struct tcb *tcb, const struct tcp_ack *ack)
{
	const struct tcp_send *tx = tcb->tx;
	return tx->ca_state >= TCP_CA_RECOVERY && ack->cum_acked != 0 && ack->resent &&
		tcp_has_echo(tcb, ack) && seq_lt(ack->seg->opt.ts_ecr, tx->resent_ts);
}

/*
 * RFC 5682 3.1 steps 2 and 3. True: the timeout was spurious. Stays off, and what is LOST is sent
 * again, when there is nothing new to send or no window for it (step 2b).
 */
static bool frto_shows_spurious(struct tcb *tcb, const struct tcp_ack *ack)
{
	struct tcp_send *tx = tcb->tx;
	bool beyond = seq_geq(tcb->snd_una, tx->recovery_point);
	if (tx->frto == TCP_FRTO_WAIT) {
		if (ack->cum_acked == 0)
			return false;
		bool can_send = tcb->snd_end - tcb->snd_nxt >= tcb->snd_mss &&
			seq_leq(tcb->snd_nxt + tcb->snd_mss, tcb->snd_una + tcb->snd_wnd);
		tx->frto = !beyond && can_send ? TCP_FRTO_NEW : TCP_FRTO_OFF;
		return false;
	}
	if (ack->original)
		return true;
	if (beyond || ack->sacked || ack->duplicate || ack->cum_acked != 0)
		tx->frto = TCP_FRTO_OFF;
	/* RFC 5682 2.1 (3a): room for what is lost beside the two new segments. */
	if (ack->duplicate && !tcb->cc.ops->own_recovery && tcb->cc.cwnd < 3u * tcb->snd_mss)
		tcb->cc.cwnd = 3u * tcb->snd_mss;
	return false;
}

/* All that was held for lost arrived, and nothing was sent again: it can only be the originals. */
static bool originals_arrived(const struct tcp_send *tx)
{
	return tx->ca_state >= TCP_CA_RECOVERY && !tx->repairing && tx->lost_out == 0;
}

/* RFC 3708 3: with more duplicates than we made, the network makes them, and they prove nothing. */
static bool network_duplicates(const struct tcp_send *tx)
{
	return tx->all_dsacked > tx->all_resent;
}

static bool is_spurious(struct tcb *tcb, const struct tcp_ack *ack)
{
	struct tcp_send *tx = tcb->tx;
	if (!tx->undo_possible)
		return false;
	if (tx->frto != TCP_FRTO_OFF && frto_shows_spurious(tcb, ack))
		return true;
	if (!tx->resent)
		return originals_arrived(tx);
	return (ack->has_dsack && tx->undo_resent == 0 && !network_duplicates(tx)) ||
		echo_is_older(tcb, ack);
}

static void undo(struct tcb *tcb, const struct tcp_ack *ack)
{
	struct tcp_send *tx = tcb->tx;
	/* What was held for lost by RACK came late: there is reordering. */
	if (tx->ca_state == TCP_CA_RECOVERY && tcb->reo_wnd_mult == 0)
		tcb->reo_wnd_mult = 1;
	tx->undo_possible = false;
	tcp_unmark_lost(tcb);
	set_open(tcb);
	if (!tx->undo_cwr) { /* nothing is reduced that could answer a mark */
		tcb->flags &= ~(uint32_t)TCB_CWR;
		tx->cwr_out = false;
	}
	tcb->cc.ops->on_undo(&tcb->cc, ack->now_ns);
	tcb->conn.stack->counters.tcp_spurious_undone++;
}

/* The steps of an ACK, or of the timer of a reordering window */

static void detect_loss(struct tcb *tcb, struct tcp_ack *ack)
{
	if (tcb->flags & TCB_SACK)
		tcp_rack_detect_loss(tcb, ack);
	else
		tcp_dupack_detect_loss(tcb, ack);
}

static void react(struct tcb *tcb, struct tcp_ack *ack)
{
	struct tcp_send *tx = tcb->tx;
	bool repaired = tx->tlp_out && ack->seg != NULL && tcp_tlp_repaired(tcb, ack);
	if (tx->ca_state >= TCP_CA_RECOVERY)
		return;
	if (ack->lost > 0) {
		enter_recovery(tcb, ack);
	} else if (tx->ca_state == TCP_CA_CWR) {
		return;
	} else if (is_echo(tcb, ack) && !is_answered(tcb)) {
		reduce(tcb, ack, true);
		episode_begin(tcb, TCP_CA_CWR);
	} else if (repaired) {
		/* RFC 8985 7.4.2: a loss that the probe repaired; all has arrived. */
		reduce(tcb, ack, false);
		episode_begin(tcb, TCP_CA_RECOVERY);
		episode_end(tcb, ack);
	} else {
		set_open(tcb);
	}
}

/*
 * An ACK that ends a recovery jumps over what was SACKed in it: for the growth of the window counts
 * what it delivered.
 */
static inline void tell_ack(struct tcb *tcb, struct tcp_ack *ack, bool ends_recovery)
{
	struct tcp_send *tx = tcb->tx;
	if (ack->seg == NULL || (ack->delivered == 0 && ack->lost == 0))
		return;
	/* RFC 3168 6.1.2: an ECN-Echo SHOULD NOT open the window; but that of a timeout is closed. */
	bool may_grow = !is_echo(tcb, ack) || tx->ca_state == TCP_CA_LOSS;
	struct tcp_cc_ack sample = {
		.now_ns = ack->now_ns,
		.acked = ack->delivered,
		.cum_acked = ends_recovery ? ack->delivered : ack->cum_acked,
		.lost = ack->lost,
		.rtt_us = ack->rtt_us,
		.min_rtt_us = tcb->min_rtt_us,
		.srtt_us = tcb->srtt_us,
		.snd_una = tcb->snd_una,
		.snd_nxt = tcb->snd_nxt,
		.cwnd_limited = tx->cwnd_limited && may_grow,
		.in_recovery = tx->ca_state >= TCP_CA_CWR,
	};
	if (tcb->cc.ops->rate_samples)
		tcp_rate_sample(tcb, ack, &sample);
	tcb->cc.ops->on_ack(&tcb->cc, &sample);
	if (seq_gt(tcb->snd_una, tx->limited_end))
		tx->cwnd_limited = false;
	if (tcb->cc.mark_app_limited) {
		tcb->cc.mark_app_limited = false;
		tcp_rate_app_limited(tcb);
	}
}

/*
 * Nothing is missing, nothing was, and the ACK speaks of no duplicate, congestion or second copy:
 * then none of the steps but telling congestion control has anything to do.
 */
static bool is_calm(const struct tcb *tcb, const struct tcp_ack *ack)
{
	const struct tcp_send *tx = tcb->tx;
	return tx->unusual == 0 && (tcb->flags & TCB_SACK) != 0 && tx->sacked_out == 0 &&
		!ack->has_dsack && !ack->resent && ack->seg != NULL &&
		(ack->seg->flags & TH_ECE) == 0 && !tcp_rack_has_suspects(tx);
}

APART void recover(struct tcb *tcb, struct tcp_ack *ack)
{
	struct tcp_send *tx = tcb->tx;
	bool before = tx->ca_state >= TCP_CA_CWR;
	if (seq_gt(tcb->snd_una, tx->cwr_seq))
		tx->cwr_out = false;
	tcp_rack_dsack(tcb, ack);
	count_duplicates(tcb, ack);
	if (is_spurious(tcb, ack))
		undo(tcb, ack);
	else if (episode_is_over(tcb))
		episode_end(tcb, ack);
	if (tx->lost_out == 0 && tx->retrans_out == 0)
		tx->repairing = false;
	detect_loss(tcb, ack);
	react(tcb, ack);
	tell_ack(tcb, ack, before && tx->ca_state < TCP_CA_CWR);
	if (tx->ca_state == TCP_CA_CWR || tx->ca_state == TCP_CA_RECOVERY)
		prr_update(tcb, ack);
}

void tcp_recover(struct tcb *tcb, struct tcp_ack *ack)
{
	if (is_calm(tcb, ack)) {
		tcb->tx->reorder_ms = 0;
		tell_ack(tcb, ack, false);
	} else {
		recover(tcb, ack);
	}
}

/* Timeout */

static void mark_all(struct tcb *tcb, struct tcp_ack *ack)
{
	struct tcp_txseg *txseg;
	tcb->tx->sacked_out = tcb->tx->dup_acks = 0;
	while ((txseg = TAILQ_FIRST(&tcb->tx->sent)) != NULL)
		tcp_mark_lost(tcb, ack, txseg);
}

void tcp_recover_timeout(struct tcb *tcb, struct tcp_ack *ack)
{
	struct tcp_send *tx = tcb->tx;
	uint8_t before = tx->ca_state;
	/* RFC 5681 3.1: once for the timeouts of one segment. */
	bool first = before != TCP_CA_LOSS || tx->timeouts == 0;
	if (tcb->flags & TCB_SACK) {
		tcp_forget_if_reneged(tcb);
		tcp_rack_mark_on_rto(tcb, ack);
	} else {
		mark_all(tcb, ack);
	}
	if (first) {
		tcb->cc.ops->on_rto(&tcb->cc, ack->now_ns, flight_size(tcb, 0));
		undo_begin(tcb);
	} else if (!tcb->cc.ops->own_recovery) {
		tcb->cc.cwnd = tcb->snd_mss;
	}
	/* RFC 5682 3.1 step 1: not when something of this flight was sent again before. */
	tx->frto = first && before < TCP_CA_RECOVERY ? TCP_FRTO_WAIT : TCP_FRTO_OFF;
	tx->tlp_out = false;
	episode_begin(tcb, TCP_CA_LOSS);
}

/* Sent */

void tcp_recovery_sent(struct tcb *tcb, const struct tcp_txseg *txseg, bool again)
{
	struct tcp_send *tx = tcb->tx;
	if (tx->ca_state == TCP_CA_CWR || tx->ca_state == TCP_CA_RECOVERY)
		tx->prr_out += tcp_txseg_span(txseg);
	if (!again)
		return;
	/* RFC 6675 6: in a long recovery the ACK clock may outlast the RTO. */
	if (tx->ca_state == TCP_CA_RECOVERY)
		tx->rto_base_ms = tcp_now_ms(tcb->conn.stack);
	if (!tx->repairing)
		tx->resent_ts = tcp_now_ms(tcb->conn.stack) + tcb->ts_offset;
	tx->repairing = true;
	tx->all_resent += tcp_txseg_span(txseg);
	if (!tx->undo_possible || tx->ca_state < TCP_CA_RECOVERY)
		return;
	tx->resent = true;
	tx->undo_resent += tcp_txseg_span(txseg);
}
