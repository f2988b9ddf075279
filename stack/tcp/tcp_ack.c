/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Acknowledgments: RFC 9293 3.10.7.4 (5th), in the steps that tcp_loss.h tells.
 *
 * Called from tcp_segment.c, calls the files of tcp_loss.h.
 */
#include "stack/tcp/tcp_loss.h"

static enum drop_reason refuse(struct tcb *tcb)
{
	if (tcp_challenge_allowed(tcb->conn.stack)) {
		tcb->flags |= TCB_ACK_NOW;
		tcb_output_later(tcb);
	}
	return DROP_TCP_ACK_RANGE;
}

/*
 * SND.UNA =< SEG.ACK holds: SND.WND is updated if SND.WL1 < SEG.SEQ, or they are the same and
 * SND.WL2 =< SEG.ACK. True if it changed.
 */
static bool update_window(struct tcb *tcb, const struct tcp_seg *seg)
{
	if (seq_gt(tcb->snd_wl1, seg->seq))
		return false;
	uint32_t window = (uint32_t)seg->wnd << tcb->snd_scale;
	tcb->snd_wl1 = seg->seq;
	if (seq_gt(seg->seq, tcb->rcv_nxt)) /* what is predicted would set it back */
		tcb->predicted = 0;
	if (window == tcb->snd_wnd)
		return false;
	/* RFC 9293 3.8.6.1: the waits between probes begin anew when the window opens. */
	if (tcb->snd_wnd == 0)
		tcb->backoff = 0;
	tcb->snd_wnd = window;
	tcb->predicted = 0;
	if (window > tcb->snd_wnd_max)
		tcb->snd_wnd_max = window;
	return true;
}

/*
 * Whether an ACK can be news of what was sent: something is in flight, or a tail loss probe is not
 * judged yet, for which a DSACK may follow after all was acknowledged (RFC 8985 7.4.2).
 */
static bool awaits_news(const struct tcb *tcb)
{
	return tcb->snd_una != tcb->snd_nxt || tcb->tx->tlp_out;
}

/* RFC 5681 2, (b) to (e); (a) is awaits_news. */
static bool is_duplicate(const struct tcb *tcb, const struct tcp_seg *seg, bool window_changed)
{
	return seg->ack == tcb->snd_una && seg->len == 0 && (seg->flags & (TH_SYN | TH_FIN)) == 0 &&
		!window_changed && tcb->snd_wnd != 0;
}

static void free_acked_txsegs(struct tcb *tcb, struct tcp_ack *ack)
{
	struct tcp_txseg *txseg;
	while ((txseg = TAILQ_FIRST(&tcb->tx->inflight)) != NULL &&
		seq_lt(txseg->seq, tcb->snd_una)) {
		if (seq_gt(tcp_txseg_end(txseg), tcb->snd_una)) {
			tcp_txseg_trim(tcb, ack, txseg, tcb->snd_una);
			return;
		}
		tcp_txseg_acked(tcb, ack, txseg);
	}
}

/* bytes: from the start of the queue on. Returns how many of the pbuf behind are among them. */
static uint32_t free_acked_pbufs(struct tcb *tcb, uint32_t bytes)
{
	struct pbuf *p = tcb->sndq;
	uint32_t marks = 0;
	while (p != NULL && bytes >= p->len) {
		struct pbuf *next = p->next;
		bytes -= p->len;
		marks += p->pkt_flags;
		p->next = NULL;
		stack_pbuf_free(p);
		p = next;
	}
	tcb->sndq = p;
	if (p == NULL)
		tcb->sndq_last = NULL;
	tcb->conn.counted += marks / CONN_COUNTED;
	return bytes;
}

/* SND.UNA <- SEG.ACK. What it passes is off the retransmission queue. */
static void advance(struct tcb *tcb, struct tcp_ack *ack)
{
	struct stack *st = tcb->conn.stack;
	struct tcp_send *tx = tcb->tx;
	uint32_t bytes = ack->seg->ack - tcb->snd_una;
	ack->cum_acked = bytes;
	tcb->snd_una = ack->seg->ack;
	free_acked_txsegs(tcb, ack);
	if ((tcb->flags & TCB_FIN_QUEUED) && tcb->snd_una == tcb->snd_end)
		bytes--; /* the FIN */
	tx->first_acked = free_acked_pbufs(tcb, tx->first_acked + bytes);
	if (bytes > 0) {
		tcb->conn.acked += bytes;
		tcb_event(tcb, CONN_EV_SPACE);
	}
	/* RFC 6298 (5.3); not for later partial ACKs of a peer without SACK (RFC 6582 3.2 step 3). */
	tx->pto_base_ms = tx->waiting_ms = tcp_now_ms(st);
	bool partial = tx->ca_state == TCP_CA_RECOVERY && (tcb->flags & TCB_SACK) == 0;
	if (!partial || !tx->partial_acked)
		tx->rto_base_ms = tcp_now_ms(st);
	tx->partial_acked = partial;
	tx->timeouts = 0;
	tcb->soft_error = 0;
	dst_confirm(st, tcb->dst);
}

/* Of a lone segment, and no other news but of the window. */
static bool acknowledges_lone(const struct tcb *tcb, const struct tcp_seg *seg)
{
	return tcp_is_lone(tcb) && seg->ack == tcb->snd_nxt && seg->opt.sack_count == 0;
}

/* What the steps of tcp_loss.h come to then, of which there is no block for sending. */
static void take_lone(struct tcb *tcb, const struct tcp_seg *seg)
{
	struct stack *st = tcb->conn.stack;
	if (update_window(tcb, seg))
		tcb_output_later(tcb);
	uint32_t bytes = seg->ack - tcb->snd_una;
	tcb->snd_una = seg->ack;
	free_acked_pbufs(tcb, bytes);
	tcb->conn.acked += bytes;
	tcb_event(tcb, CONN_EV_SPACE);
	tcb->soft_error = 0;
	dst_confirm(st, tcb->dst);
	uint32_t rtt_us = tcp_rtt_lone(tcb);
	const struct tcp_cc_ack news = {
		.now_ns = st->now_ns,
		.acked = bytes,
		.cum_acked = bytes,
		.rtt_us = rtt_us,
		.min_rtt_us = tcb->min_rtt_us,
		.srtt_us = tcb->srtt_us,
		.snd_una = tcb->snd_una,
		.snd_nxt = tcb->snd_nxt,
	};
	tcb->cc.ops->on_ack(&tcb->cc, &news);
	if (tcb->snd_una == tcb->snd_end)
		tcp_rtx_off(tcb); /* else what is queued is on its way */
}

static void scoreboard(struct tcb *tcb, struct tcp_ack *ack)
{
	if ((tcb->flags & TCB_SACK) == 0)
		tcp_dupack_count(tcb, ack);
	else if (ack->seg->opt.sack_count > 0)
		tcp_sack_blocks(tcb, ack);
}

/*
 * The window opens: what was sent beyond it, probes and what a shrinking window left outside, was
 * thrown away if it is not acknowledged. No congestion did that.
 */
static void resend_probes(struct tcb *tcb)
{
	struct tcp_txseg *txseg;
	while ((txseg = TAILQ_FIRST(&tcb->tx->sent)) != NULL)
		tcp_mark_lost(tcb, NULL, txseg);
	tcb->tx->rto_base_ms = tcp_now_ms(tcb->conn.stack);
}

/* An ACK that came late: only its SACK blocks may be news. */
static bool is_old(const struct tcb *tcb, const struct tcp_seg *seg)
{
	return seq_lt(seg->ack, tcb->snd_una);
}

enum drop_reason tcp_process_ack(struct tcb *tcb, const struct tcp_seg *seg)
{
	/*
	 * RFC 5961 5.2: acceptable in ((SND.UNA - MAX.SND.WND) =< SEG.ACK =< SND.NXT), others are
	 * discarded and an ACK sent back.
	 */
	if (seq_gt(seg->ack, tcb->snd_nxt) || seq_lt(seg->ack, tcb->snd_una - tcb->snd_wnd_max))
		return refuse(tcb);

	if (acknowledges_lone(tcb, seg)) {
		take_lone(tcb, seg);
		return DROP_NONE;
	}
	/* Without memory it is no news: another ACK will tell it again. */
	if (tcp_is_lone(tcb) && tcb_send_state(tcb) == NULL)
		return DROP_NONE;

	struct tcp_ack ack;
	tcp_ack_begin(tcb, &ack, seg);
	bool was_closed = tcb->snd_wnd == 0;
	bool window_changed = !is_old(tcb, seg) && update_window(tcb, seg);
	if (window_changed)
		tcb_output_later(tcb);
	if (tcb->tx == NULL)
		return DROP_NONE;
	/* RFC 9293 3.8.6.1 (MUST-37): whoever answers probes may keep its window closed. */
	if (tcb->rtx_kind == TCP_RTX_PERSIST) {
		tcb->tx->timeouts = 0;
		tcb->tx->waiting_ms = tcp_now_ms(tcb->conn.stack);
	}
	if (awaits_news(tcb)) {
		ack.duplicate = is_duplicate(tcb, seg, window_changed);
		if (seq_gt(seg->ack, tcb->snd_una))
			advance(tcb, &ack);
		scoreboard(tcb, &ack);
		tcp_rtt_ack(tcb, &ack);
		if (ack.cum_acked != 0)
			tcp_pmtu_progress(tcb);
		if (was_closed && tcb->snd_wnd != 0)
			resend_probes(tcb);
		tcp_recover(tcb, &ack);
		tcb_output_later(tcb);
	}
	if (tcb->snd_una == tcb->snd_end)
		tcp_rtx_off(tcb); /* else tcp_output arms it */
	return DROP_NONE;
}
