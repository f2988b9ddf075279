/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A segment of a connection: SEGMENT ARRIVES of RFC 9293 3.10.7.
 *
 * Called from tcp_input.c and, with the segment that ends a handshake, tcp_syn_cache.c. Calls
 * tcp_ack.c and tcp_recv.c.
 *
 * take_expected takes what is expected next of an established connection: data in order, or an
 * acknowledgment, with nothing else to look at. All other segments go through the checks of the
 * RFC one by one, in its order.
 */
#include <errno.h>

#include "stack/base/apart.h"
#include "stack/tcp/tcp_internal.h"

#define PAWS_IDLE_MS   (24ull * 24 * 3600 * 1000) /* RFC 7323 5.5: 24 days */
#define BARE_ANSWER_MS 500u                       /* see answer_refused */

static void free_payload(struct tcp_seg *seg)
{
	if (seg->rx.p != NULL)
		pbuf_free(seg->rx.p);
	seg->rx.p = seg->last = NULL;
}

static enum drop_reason refuse(struct tcp_seg *seg, enum drop_reason reason)
{
	free_payload(seg);
	return reason;
}

static void acknowledge(struct tcb *tcb)
{
	tcb->flags |= TCB_ACK_NOW;
	tcb_output_later(tcb);
}

static void challenge(struct tcb *tcb)
{
	if (tcp_challenge_allowed(tcb->conn.stack))
		acknowledge(tcb);
}

/*
 * RFC 9293 3.10.7.4 (1st), RFC 7323 5.3 (R1): a segment that is not acceptable is answered with an
 * ACK. Nothing in a bare one waits for that, yet paths that reorder bring many, and two ends whose
 * views differ would answer each other for ever. One in a while is answered, of each connection:
 * its keepalive and window probes are bare too, and must not go short for what others receive.
 */
static void answer_refused(struct tcb *tcb, const struct tcp_seg *seg)
{
	uint32_t now_ms = tcp_now_ms(tcb->conn.stack) | 1; /* never 0 */
	if (seg->flags & TH_SYN) {                         /* RFC 5961 4.2 */
		challenge(tcb);
		return;
	}
	if (tcp_seg_len(seg) == 0) {
		if (tcb->answered_ms != 0 && now_ms - tcb->answered_ms < BARE_ANSWER_MS) {
			tcb->conn.stack->counters.tcp_replies_withheld++;
			return;
		}
		tcb->answered_ms = now_ms;
	}
	acknowledge(tcb);
}

/* Sequence numbers and timestamps */

static uint32_t window_now(const struct tcb *tcb)
{
	return seq_gt(tcb->rcv_adv, tcb->rcv_nxt) ? tcb->rcv_adv - tcb->rcv_nxt : 0;
}

/*
 * A peer that has used the window acknowledges from its right edge, whatever was lost on the way;
 * and lwIP, which counts the byte of a probe as sent, from behind that one. So they reset, too: the
 * challenge makes it an exact one, where else nothing would tell that the peer is gone.
 */
bool tcp_is_acceptable(const struct tcp_seg *seg, uint32_t rcv_nxt, uint32_t window)
{
	uint32_t first = seg->seq - rcv_nxt, length = tcp_seg_len(seg);
	if (length == 0)
		return first <= (window > 0 ? window : 1);
	return first < window || first + length - 1 < window;
}

/*
 * Bare, and from behind what we acknowledged last: no further have the numbers of uIP come then, and
 * what it acknowledges it does not say again.
 */
static bool is_from_acknowledged(const struct tcb *tcb, const struct tcp_seg *seg)
{
	return tcp_seg_len(seg) == 0 && seq_between(seg->seq, tcb->rcv_acked, tcb->rcv_nxt);
}

/* RFC 7323 5.3 R1: older than what was seen, and what was seen is not out of date (5.5). */
static bool fails_paws(const struct tcb *tcb, const struct tcp_seg *seg)
{
	return tcp_is_from_the_past(seg, tcb->ts_recent) &&
		tcb->conn.stack->now_ms - tcb->last_rcv_ms < PAWS_IDLE_MS;
}

/* RFC 7323 4.3 (2), 5.3 R3; where timestamps were negotiated, if there is one. */
static void take_timestamp(struct tcb *tcb, const struct tcp_seg *seg)
{
	if (seg->opt.has_ts && seq_leq(seg->seq, tcb->rcv_acked))
		tcb->ts_recent = seg->opt.ts_val;
}

/* All of its payload was received before: worth a DSACK (RFC 2883 4). */
static void note_old(struct tcb *tcb, const struct tcp_seg *seg)
{
	if (seg->len > 0 && seq_lt(seg->seq, tcb->rcv_nxt))
		tcp_reass_note_duplicate(tcb, seg->seq, seq_min(seg->seq + seg->len, tcb->rcv_nxt));
}

/*
 * Before 1st: RFC 7323 5.3 R1. DROP_NONE: go on. By its 3.2 a segment without a timestamp SHOULD be
 * dropped where they were agreed upon. But there are peers whose keepalives have none, and some
 * that send none at all once they are connected: as Linux and FreeBSD do, we take what they send.
 */
static enum drop_reason check_timestamp(struct tcb *tcb, const struct tcp_seg *seg)
{
	if ((tcb->flags & TCB_TS) == 0 || (seg->flags & TH_RST) || !fails_paws(tcb, seg))
		return DROP_NONE;
	note_old(tcb, seg);
	answer_refused(tcb, seg);
	return DROP_TCP_PAWS;
}

/* All of it lies before what is expected next: sent again, or a keepalive's probe. */
static bool is_old(const struct tcb *tcb, const struct tcp_seg *seg)
{
	return seq_lt(seg->seq, tcb->rcv_nxt) && seq_leq(seg->seq + tcp_seg_len(seg), tcb->rcv_nxt);
}

/*
 * macOS may send FIN for a program that ends, then RST with the number of the FIN. RFC 5961 3.2 would
 * drop it as outside of the window; taken it is, as by Linux, when the FIN was received: there is
 * nobody any more who would answer a challenge.
 */
static bool resets_after_fin(const struct tcb *tcb, const struct tcp_seg *seg)
{
	return (seg->flags & TH_RST) && (tcb->flags & TCB_FIN_RECEIVED) &&
		seg->seq == tcb->rcv_nxt - 1;
}

/*
 * Bare, and from the byte before the one expected. As a keepalive it asks for an ACK; but it may be from
 * the edge of our window, by a peer whose probe we have taken beyond it: where the probes of two ends
 * cross, nothing else tells either that its own arrived. So it is answered, and its ACK counts.
 */
static bool is_from_byte_before(const struct tcb *tcb, const struct tcp_seg *seg)
{
	return tcp_seg_len(seg) == 0 && seg->seq == tcb->rcv_nxt - 1 && (seg->flags & TH_RST) == 0;
}

/*
 * 1st. With a window of zero nothing but a bare ACK is acceptable; yet the ACK and RST of a segment
 * at the window's edge are taken (MUST-66), without its text. And so is a bare FIN, which takes no
 * room: there are peers that send it again and again, without waiting, until it is acknowledged.
 */
static enum drop_reason check_sequence(struct tcb *tcb, struct tcp_seg *seg)
{
	if (tcp_is_acceptable(seg, tcb->rcv_nxt, window_now(tcb)) ||
		is_from_acknowledged(tcb, seg) || resets_after_fin(tcb, seg))
		return DROP_NONE;
	if (window_now(tcb) == 0 && seg->seq == tcb->rcv_nxt && (seg->flags & TH_SYN) == 0) {
		if (seg->len > 0) {
			tcp_seg_trim_back(seg, 0);
			seg->flags &= (uint8_t)~TH_FIN;
		}
		acknowledge(tcb);
		return DROP_NONE;
	}
	if ((seg->flags & TH_RST) == 0) {
		note_old(tcb, seg);
		answer_refused(tcb, seg);
	}
	if (is_from_byte_before(tcb, seg))
		return DROP_NONE;
	return is_old(tcb, seg) ? DROP_TCP_DUPLICATE : DROP_TCP_WINDOW;
}

/* 2nd, by RFC 5961 3.2: only the exact number resets. The tcb may be gone afterwards. */
static enum drop_reason process_reset(struct tcb *tcb, const struct tcp_seg *seg)
{
	if (seg->seq != tcb->rcv_nxt && !resets_after_fin(tcb, seg)) {
		challenge(tcb);
		return DROP_TCP_CHALLENGED;
	}
	tcb_fail(tcb, -ECONNRESET);
	return DROP_NONE;
}

/* The states after our FIN */

static bool fin_is_acked(const struct tcb *tcb)
{
	return (tcb->flags & TCB_FIN_QUEUED) && tcb->snd_una == tcb->snd_end;
}

/*
 * 5th, continued: what the acknowledgment of our FIN does. False: the tcb is gone.
 */
static bool advance_close(struct tcb *tcb)
{
	if (!fin_is_acked(tcb) || (tcb->flags & TCB_FIN_ACKED))
		return true;
	tcb->flags |= TCB_FIN_ACKED;
	tcb_event(tcb, CONN_EV_FIN_ACKED);
	switch (tcb->state) {
	case TCP_FIN_WAIT_1:
		tcb->state = TCP_FIN_WAIT_2;
		return true;
	case TCP_CLOSING:
		tcb_enter_time_wait(tcb);
		return false;
	case TCP_LAST_ACK:
		tcb_close(tcb);
		return false;
	default:
		return true;
	}
}

/* 8th: the peer's FIN was reached. False: the tcb is gone. */
static bool process_fin(struct tcb *tcb)
{
	if ((tcb->flags & TCB_FIN_RECEIVED) == 0)
		return true;
	switch (tcb->state) {
	case TCP_ESTABLISHED:
		tcb->state = TCP_CLOSE_WAIT;
		tcb->predicted = 0;
		return true;
	case TCP_FIN_WAIT_1:
		tcb->state = TCP_CLOSING;
		return true;
	case TCP_FIN_WAIT_2:
		/* Before the tcb goes: the ACK that the peer waits for. */
		tcp_emit_control(tcb, TH_ACK, tcb->snd_nxt);
		tcb_enter_time_wait(tcb);
		return false;
	default:
		return true;
	}
}

static bool takes_text(const struct tcb *tcb)
{
	return tcb->state == TCP_ESTABLISHED || tcb->state == TCP_FIN_WAIT_1 ||
		tcb->state == TCP_FIN_WAIT_2;
}

/* 7th and 8th. */
static enum drop_reason process_text_and_fin(struct tcb *tcb, struct tcp_seg *seg)
{
	if (!takes_text(tcb)) {
		/* A FIN that came before, sent again: our ACK was lost. */
		if (seg->len > 0 || (seg->flags & TH_FIN))
			acknowledge(tcb);
		free_payload(seg);
		return DROP_NONE;
	}
	enum drop_reason reason = DROP_NONE;
	if (seg->len > 0 || (seg->flags & TH_FIN))
		reason = tcp_process_text(tcb, seg);
	else
		free_payload(seg);
	process_fin(tcb);
	return reason;
}

APART enum drop_reason slow_path(struct tcb *tcb, struct tcp_seg *seg)
{
	enum drop_reason reason = check_timestamp(tcb, seg);
	if (reason != DROP_NONE)
		return refuse(seg, reason);
	reason = check_sequence(tcb, seg);
	if (reason != DROP_NONE)
		return refuse(seg, reason);
	tcb->last_rcv_ms = tcb->conn.stack->now_ms;
	if (seg->flags & TH_RST)
		return refuse(seg, process_reset(tcb, seg));
	/* 4th, by RFC 5961 4.2: no SYN is right in these states, wherever it lies */
	if (seg->flags & TH_SYN) {
		challenge(tcb);
		return refuse(seg, DROP_TCP_CHALLENGED);
	}
	/* 5th: "if the ACK bit is off, drop the segment and return" */
	if ((seg->flags & TH_ACK) == 0)
		return refuse(seg, DROP_TCP_NO_ACK);
	if (tcb->flags & TCB_TS)
		take_timestamp(tcb, seg);
	reason = tcp_process_ack(tcb, seg);
	if (reason != DROP_NONE)
		return refuse(seg, reason);
	if (!advance_close(tcb))
		return refuse(seg, DROP_NONE);
	/* 6th: urgent data is delivered in line, which RFC 6093 5 recommends. */
	return process_text_and_fin(tcb, seg);
}

/*
 * Established, the next byte expected, no control bit but ACK and PSH, time not running backwards,
 * within the window, and no hole to fill.
 */
static bool is_expected(const struct tcb *tcb, const struct tcp_seg *seg)
{
	return tcb->state == TCP_ESTABLISHED && seg->seq == tcb->rcv_nxt &&
		(seg->flags & ~TH_PSH) == TH_ACK && tcb->reass == NULL &&
		seg->len <= window_now(tcb) && seg->opt.has_ts == ((tcb->flags & TCB_TS) != 0) &&
		(!seg->opt.has_ts || seq_geq(seg->opt.ts_val, tcb->ts_recent));
}

static bool repeats_window(const struct tcb *tcb, const struct tcp_seg *seg)
{
	return seg->wnd != 0 && (uint32_t)seg->wnd << tcb->snd_scale == tcb->snd_wnd;
}

APART enum drop_reason take_news(struct tcb *tcb, struct tcp_seg *seg)
{
	enum drop_reason reason = tcp_process_ack(tcb, seg);
	if (reason != DROP_NONE)
		return refuse(seg, reason);
	return seg->len > 0 ? tcp_process_expected(tcb, seg) : DROP_NONE;
}

/*
 * An ACK with data may repeat what is known: no news of our data, window or losses in it. That a
 * window is closed still answers a probe (RFC 9293 3.8.6.1, MUST-37).
 */
INLINE enum drop_reason take_expected(struct tcb *tcb, struct tcp_seg *seg, bool predicted)
{
	tcb->last_rcv_ms = tcb->conn.stack->now_ms;
	take_timestamp(tcb, seg);
	if (seg->ack != tcb->snd_una || seg->len == 0 ||
		(!predicted && (seg->opt.sack_count > 0 || !repeats_window(tcb, seg))))
		return take_news(tcb, seg);
	/* or 2 GiB on all windows would seem old */
	tcb->snd_wl1 = predicted ? seg->seq : seq_max(tcb->snd_wl1, seg->seq);
	return tcp_process_expected(tcb, seg);
}

/*
 * Header prediction: is_expected, of a segment whose header repeats that of one for which it held.
 * State, flags, options and window are the same then, and SND.WL1 is not beyond it. When one of these
 * changes or a hole appears, nothing is predicted until one was expected again.
 */
INLINE bool is_predicted(const struct tcb *tcb, const struct tcp_seg *seg)
{
	return seg->plain == tcb->predicted && seg->seq == tcb->rcv_nxt &&
		seq_leq(seg->seq + seg->len, tcb->rcv_adv) &&
		(!seg->opt.has_ts || seq_geq(seg->opt.ts_val, tcb->ts_recent));
}

/* Of one that was expected. */
static void predict(struct tcb *tcb, const struct tcp_seg *seg)
{
	bool repeatable = seg->plain != TCP_NOT_PLAIN && repeats_window(tcb, seg) &&
		seq_leq(tcb->snd_wl1, tcb->rcv_nxt);
	tcb->predicted = repeatable ? seg->plain : 0;
}

APART enum drop_reason arrives(struct tcb *tcb, struct tcp_seg *seg)
{
	if (is_expected(tcb, seg)) {
		enum drop_reason reason = take_expected(tcb, seg, false);
		predict(tcb, seg);
		return reason;
	}
	if (tcb->state == TCP_SYN_SENT)
		return tcp_syn_sent_segment(tcb, seg);
	if (tcb->state == TCP_SYN_RCVD)
		return tcp_syn_rcvd_segment(tcb, seg);
	return slow_path(tcb, seg);
}

enum drop_reason tcp_segment_arrives(struct tcb *tcb, struct tcp_seg *seg)
{
	return is_predicted(tcb, seg) ? take_expected(tcb, seg, true) : arrives(tcb, seg);
}
