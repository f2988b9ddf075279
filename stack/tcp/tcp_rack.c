/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RACK-TLP (RFC 8985): losses found by time, and a probe when the tail of a flight stays silent.
 *
 * Called from tcp_scoreboard.c, tcp_recovery.c, tcp_rtx.c; calls tcp_scoreboard.c, tcp_output.c.
 *
 * RACK keeps the time of transmission of the latest segment that is known to have arrived. What was
 * sent before it, by more than a reordering window, and did not arrive, is lost. The window is 0
 * when reordering was never seen and there is reason enough to think of loss, else a quarter of the
 * minimum RTT, or as many quarters as DSACK taught.
 */
#include "stack/tcp/tcp_loss.h"

#define REO_WND_PERSIST  16u /* RFC 8985 6.2.1 step 4: recoveries */
#define REO_WND_MULT_MAX 64u /* bounded by SRTT anyhow */

/* RFC 8985 6.2 step 2: RACK_sent_after. */
static bool sent_after(uint64_t ns1, uint32_t end1, uint64_t ns2, uint32_t end2)
{
	return ns1 > ns2 || (ns1 == ns2 && seq_gt(end1, end2));
}

/*
 * The ACK may be for an earlier transmission: its echo is older than the last one, or it came
 * sooner than any round trip. Of what is SACKED the echo tells nothing: it is that of the last
 * segment in order (RFC 7323 4.3).
 */
static bool is_ambiguous(const struct tcb *tcb, const struct tcp_ack *ack,
	const struct tcp_txseg *txseg, uint32_t end)
{
	if ((txseg->flags & TXSEG_EVER_RETRANS) == 0)
		return false;
	uint32_t sent_ts = (uint32_t)(txseg->sent_ns / 1000000) + tcb->ts_offset;
	if (tcp_has_echo(tcb, ack) && seq_leq(end, tcb->snd_una) &&
		seq_lt(ack->seg->opt.ts_ecr, sent_ts))
		return true;
	return ack->now_ns - txseg->sent_ns < (uint64_t)tcb->min_rtt_us * 1000;
}

void tcp_rack_delivered(
	struct tcb *tcb, const struct tcp_ack *ack, const struct tcp_txseg *txseg, uint32_t end)
{
	struct tcp_send *tx = tcb->tx;
	/* RFC 8985 6.2 step 3 */
	if (seq_gt(end, tx->rack_fack))
		tx->rack_fack = end;
	else if (seq_lt(end, tx->rack_fack) && (txseg->flags & TXSEG_EVER_RETRANS) == 0 &&
		tcb->reo_wnd_mult == 0)
		tcb->reo_wnd_mult = 1;
	/* RFC 8985 6.2 step 2 */
	if (is_ambiguous(tcb, ack, txseg, end))
		return;
	if (!sent_after(txseg->sent_ns, end, tx->rack_sent_ns, tx->rack_end_seq))
		return;
	tx->rack_sent_ns = txseg->sent_ns;
	tx->rack_end_seq = end;
	tx->rack_rtt_ns = ack->now_ns - txseg->sent_ns;
}

/* RFC 8985 6.2 step 4: once a round trip. */
void tcp_rack_dsack(struct tcb *tcb, const struct tcp_ack *ack)
{
	struct tcp_send *tx = tcb->tx;
	if (tx->rack_in_dsack_round && seq_geq(tcb->snd_una, tx->rack_dsack_round))
		tx->rack_in_dsack_round = false;
	if (!ack->has_dsack || tx->rack_in_dsack_round)
		return;
	tx->rack_in_dsack_round = true;
	tx->rack_dsack_round = tcb->snd_nxt;
	if (tcb->reo_wnd_mult < REO_WND_MULT_MAX)
		tcb->reo_wnd_mult++;
	tcb->reo_wnd_persist = REO_WND_PERSIST;
}

void tcp_rack_recovery_ended(struct tcb *tcb)
{
	if (tcb->reo_wnd_persist > 0)
		tcb->reo_wnd_persist--;
	if (tcb->reo_wnd_persist == 0 && tcb->reo_wnd_mult > 1)
		tcb->reo_wnd_mult = 1;
}

static uint64_t reo_wnd_ns(const struct tcb *tcb)
{
	const struct tcp_send *tx = tcb->tx;
	uint32_t mult = tcb->reo_wnd_mult;
	if (mult == 0) {
		/* Segments SACKED are counted as RFC 6675 4 (IsLost) does: each, or by bytes. */
		if (tx->ca_state >= TCP_CA_RECOVERY || tx->sacked_txsegs >= TCP_DUP_THRESH ||
			tx->sacked_out > (TCP_DUP_THRESH - 1) * tcb->snd_mss)
			return 0;
		mult = 1;
	}
	uint64_t us = (uint64_t)mult * tcb->min_rtt_us / 4;
	return (us < tcb->srtt_us ? us : tcb->srtt_us) * 1000;
}

/*
 * The list is in order of transmission, what left in one turn in order of numbers, so that the walk
 * ends at the first that is not lost. The timer is for that one (the RFC waits for the last of those
 * sent before, to save timers); it finds the next.
 */
void tcp_rack_detect_loss(struct tcb *tcb, struct tcp_ack *ack)
{
	struct tcp_send *tx = tcb->tx;
	struct tcp_txseg *t = TAILQ_FIRST(&tx->sent), *next;
	tx->reorder_ms = 0;
	if (!tcp_rack_has_suspects(tx))
		return;
	uint64_t window_ns = reo_wnd_ns(tcb);
	for (; t != NULL &&
		sent_after(tx->rack_sent_ns, tx->rack_end_seq, t->sent_ns, tcp_txseg_end(t));
		t = next) {
		next = TAILQ_NEXT(t, by_time);
		uint64_t lost_ns = t->sent_ns + tx->rack_rtt_ns + window_ns;
		if (lost_ns <= ack->now_ns) {
			tcp_mark_lost(tcb, ack, t);
			continue;
		}
		uint64_t wait_ms = (lost_ns - ack->now_ns + 999999) / 1000000;
		tx->reorder_ms = tcp_now_ms(tcb->conn.stack) + (uint32_t)wait_ms;
		if (tx->reorder_ms == 0)
			tx->reorder_ms = 1;
		return;
	}
}

void tcp_rack_mark_on_rto(struct tcb *tcb, struct tcp_ack *ack)
{
	struct tcp_send *tx = tcb->tx;
	struct tcp_txseg *t, *next;
	uint64_t window_ns = reo_wnd_ns(tcb);
	for (t = TAILQ_FIRST(&tx->sent); t != NULL; t = next) {
		next = TAILQ_NEXT(t, by_time);
		if (t->seq == tcb->snd_una ||
			t->sent_ns + tx->rack_rtt_ns + window_ns <= ack->now_ns)
			tcp_mark_lost(tcb, ack, t);
	}
	tx->reorder_ms = 0;
}

/* Tail loss probe */

/* The last segment in flight, cut off what else its txseg holds. */
static struct tcp_txseg *last_segment(struct tcb *tcb)
{
	struct tcp_txseg *last = TAILQ_LAST(&tcb->tx->inflight, tcp_txseg_list);
	if (last->len <= tcb->snd_mss)
		return last;
	uint32_t front = (last->len - 1) / tcb->snd_mss * tcb->snd_mss;
	if (!tcp_txseg_split(tcb, last, last->seq + front))
		return NULL;
	return TAILQ_NEXT(last, entry);
}

/* Whether the peer's window has room for the next segment. */
static bool window_fits(const struct tcb *tcb)
{
	uint32_t unsent = tcb->snd_end - tcb->snd_nxt;
	uint32_t next = unsent < tcb->snd_mss ? unsent : tcb->snd_mss;
	return seq_leq(tcb->snd_nxt + next, tcb->snd_una + tcb->snd_wnd);
}

/*
 * New bytes if there are, else the last ones again. When neither is possible, there is nothing to
 * judge later, but also no second try before the timeout.
 */
void tcp_tlp_send(struct tcb *tcb)
{
	struct tcp_send *tx = tcb->tx;
	struct tcp_txseg *last;
	tx->tlp_out = true;
	tx->tlp_is_retrans = false;
	bool sent = window_fits(tcb) && tcp_output_probe(tcb, tcb->snd_mss);
	if (!sent && (last = last_segment(tcb)) != NULL)
		sent = tx->tlp_is_retrans = tcp_emit_again(tcb, last) == DROP_NONE;
	tx->tlp_end_seq = tcb->snd_nxt;
	if (sent)
		tcb->conn.stack->counters.tcp_tlps++;
}

bool tcp_tlp_repaired(struct tcb *tcb, const struct tcp_ack *ack)
{
	struct tcp_send *tx = tcb->tx;
	if (seq_lt(ack->seg->ack, tx->tlp_end_seq))
		return false;
	bool both_told = ack->has_dsack && ack->dsack_end == tx->tlp_end_seq;
	bool both_seen =
		ack->duplicate && ack->seg->opt.sack_count == 0; /* by a peer without DSACK */
	bool beyond = seq_gt(ack->seg->ack, tx->tlp_end_seq);
	if (!tx->tlp_is_retrans || both_told || both_seen || beyond)
		tx->tlp_out = false;
	/* One of the two arrived, or we would have been told of both. */
	return tx->tlp_is_retrans && beyond && !both_told;
}
