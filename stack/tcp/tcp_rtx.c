/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The retransmission timer: one, for whichever of four things comes first.
 *
 * Called from tcp_output.c, tcp_ack.c and tcp_timer.c; calls tcp_recovery.c, tcp_rack.c and
 * tcp_output.c.
 *
 *   REORDER  a reordering window ends (RFC 8985 6.2): some may be lost then
 *   TLP      the tail of a flight was silent for two round trips (RFC 8985 7)
 *   RTO      nothing was acknowledged for a retransmission timeout (RFC 6298)
 *   PERSIST  the peer's window is closed, or too small for what is queued (RFC 9293 3.8.6.1)
 *
 * What a deadline counts from is kept (rto_base_ms, pto_base_ms), so that arming anew after each
 * ACK and each burst moves nothing that should stay.
 */
#include <errno.h>

#include "stack/base/apart.h"
#include "stack/tcp/tcp_loss.h"

#define R2_TIMEOUTS    15u     /* RFC 9293 3.8.3, RFC 1122 4.2.3.5 */
#define R2_MIN_MS      100000u /* at least 100 seconds */
#define PERSIST_MAX_MS 60000u
#define NO_MEMORY_MS   100u /* until there may be some again */

static uint32_t left_ms(uint32_t due_ms, uint32_t now_ms)
{
	int32_t left = seq_diff(due_ms, now_ms);
	return left > 0 ? (uint32_t)left : 1;
}

/* RFC 8985 7.2: whether a probe may be scheduled, and after how long. */
static bool tlp_allowed(const struct tcb *tcb)
{
	const struct tcp_send *tx = tcb->tx;
	return (tcb->flags & TCB_SACK) != 0 && tx->sacked_out == 0 && tx->timeouts == 0 &&
		(tx->unusual == 0 ||
			(!tx->tlp_out &&
				(tx->ca_state == TCP_CA_OPEN || tx->ca_state == TCP_CA_CWR)));
}

/* What comes first while something is in flight, and when. */
INLINE enum tcp_rtx_kind next_deadline(const struct tcb *tcb, uint32_t *due_ms)
{
	const struct tcp_send *tx = tcb->tx;
	enum tcp_rtx_kind kind = TCP_RTX_RTO;
	*due_ms = tx->rto_base_ms + tcp_rto_ms(tcb);
	if (tlp_allowed(tcb)) {
		/* RFC 8985 7.2: not later than the RTO would be, which then follows it. */
		uint32_t pto_due_ms =
			tx->pto_base_ms + tcp_pto_ms(tcb, tcp_in_flight(tcb) <= tcb->snd_mss);
		if (ms_before(pto_due_ms, *due_ms))
			*due_ms = pto_due_ms;
		kind = TCP_RTX_TLP;
	}
	if (tx->reorder_ms != 0 && ms_before(tx->reorder_ms, *due_ms)) {
		*due_ms = tx->reorder_ms;
		kind = TCP_RTX_REORDER;
	}
	return kind;
}

static void arm_in_flight(struct tcb *tcb)
{
	uint32_t due_ms, now_ms = tcp_now_ms(tcb->conn.stack);
	enum tcp_rtx_kind kind = next_deadline(tcb, &due_ms);
	tcp_rtx_arm_for(tcb, kind, left_ms(due_ms, now_ms));
}

/*
 * RFC 9293 3.8.6.1: first after an RTO, then at doubling intervals (SHLD-29, SHLD-30). Where the
 * window is open and pacing keeps all back, its timer goes on, and there is nothing to probe.
 */
APART void arm_persist(struct tcb *tcb)
{
	bool paced = tcb->snd_wnd != 0 && tcb->timer_ms[TCP_TIMER_PACE] != 0;
	if (tcb->rtx_kind == TCP_RTX_PERSIST && tcb->timer_ms[TCP_TIMER_RTX] != 0 && !paced)
		return;
	if (tcb->rtx_kind != TCP_RTX_PERSIST) {
		tcb->tx->waiting_ms = tcp_now_ms(tcb->conn.stack);
		tcb->tx->timeouts = tcb->backoff = 0;
	}
	if (paced) {
		tcb->rtx_kind = TCP_RTX_PERSIST;
		tcp_timer_clear(tcb, TCP_TIMER_RTX);
		return;
	}
	uint32_t delay_ms = tcp_rto_ms(tcb);
	tcp_rtx_arm_for(
		tcb, TCP_RTX_PERSIST, delay_ms < PERSIST_MAX_MS ? delay_ms : PERSIST_MAX_MS);
}

SELDOM void arm_user_timeout(struct tcb *tcb)
{
	uint32_t end_ms = tcb->tx->waiting_ms + tcb->options->user_timeout_ms;
	tcp_timer_set(tcb, TCP_TIMER_USER, left_ms(end_ms, tcp_now_ms(tcb->conn.stack)));
}

void tcp_rtx_arm(struct tcb *tcb)
{
	if (tcb->state <= TCP_SYN_RCVD)
		return;
	if (tcb->snd_una == tcb->snd_end) {
		tcp_rtx_off(tcb);
		return;
	}
	if (tcb_send_state(tcb) == NULL) /* a lone segment's stays as it is */
		return;
	bool persist = tcb->snd_una == tcb->snd_nxt || tcb->snd_wnd == 0;
	if (persist)
		arm_persist(tcb);
	if (tcb->options->user_timeout_ms != 0)
		arm_user_timeout(tcb);
	if (!persist)
		arm_in_flight(tcb);
}

/* Timeouts */

/*
 * RFC 9293 3.8.3: R2, in timeouts and in time, where the user has no limit of his own (RFC 5482). A
 * peer that answers probes of its closed window is not given up: tcp_ack.c sets timeouts to 0.
 */
static bool is_time_to_give_up(const struct tcb *tcb)
{
	const struct tcp_send *tx = tcb->tx;
	uint32_t waited_ms = tcp_now_ms(tcb->conn.stack) - tx->waiting_ms;
	return tcb->options->user_timeout_ms == 0 && tx->timeouts >= R2_TIMEOUTS &&
		waited_ms >= R2_MIN_MS;
}

static void give_up(struct tcb *tcb)
{
	tcb_fail(tcb, tcb->soft_error != 0 ? tcb->soft_error : -ETIMEDOUT);
}

/* As with is_due, an ACK of this turn may have put it off. */
void tcp_user_timeout(struct tcb *tcb)
{
	bool synchronised = tcb->state > TCP_SYN_RCVD;
	if (synchronised && tcb->tx != NULL &&
		tcp_now_ms(tcb->conn.stack) - tcb->tx->waiting_ms < tcb->options->user_timeout_ms)
		tcp_rtx_arm(tcb);
	else
		give_up(tcb);
}

static void count_timeout(struct tcb *tcb)
{
	if (tcb->tx->timeouts < UINT8_MAX)
		tcb->tx->timeouts++;
	if (tcb->backoff < UINT8_MAX)
		tcb->backoff++;
}

/* RFC 6298 (5.4): the earliest segment, at once, whatever cwnd says. */
static void resend_first(struct tcb *tcb)
{
	struct tcp_txseg *first = TAILQ_FIRST(&tcb->tx->to_resend);
	if (first == NULL)
		return;
	if (first->len > tcb->snd_mss)
		tcp_txseg_split(tcb, first, first->seq + tcb->snd_mss);
	tcp_emit_again(tcb, first);
}

static void rto_expired(struct tcb *tcb)
{
	struct tcp_ack ack;
	if (is_time_to_give_up(tcb)) {
		give_up(tcb);
		return;
	}
	tcb->conn.stack->counters.tcp_rtos++;
	tcp_ack_begin(tcb, &ack, NULL);
	tcp_pmtu_timeout(tcb);
	tcp_recover_timeout(tcb, &ack);
	count_timeout(tcb);                                 /* (5.5) */
	tcb->tx->rto_base_ms = tcp_now_ms(tcb->conn.stack); /* (5.6) */
	resend_first(tcb);
	tcb_output_later(tcb);
	tcp_rtx_arm(tcb);
}

static void reordering_window_ended(struct tcb *tcb)
{
	struct tcp_ack ack;
	tcp_ack_begin(tcb, &ack, NULL);
	tcp_recover(tcb, &ack);
	tcb_output_later(tcb);
	tcp_rtx_arm(tcb);
}

static void probe_tail(struct tcb *tcb)
{
	tcp_tlp_send(tcb);
	/* RFC 8985 7.3: the RTO is armed anew, with the probe as its start. */
	tcb->tx->rto_base_ms = tcp_now_ms(tcb->conn.stack);
	tcp_rtx_arm(tcb);
}

/*
 * With nothing in flight: what the window has room for, though sillily little (RFC 9293 3.8.6.2.1:
 * the override timeout), or one byte beyond it (3.8.6.1, MUST-36). Else that byte again.
 */
static void send_window_probe(struct tcb *tcb)
{
	struct tcp_send *tx = tcb->tx;
	struct tcp_txseg *first = TAILQ_FIRST(&tx->inflight);
	uint32_t room = tcb->snd_wnd < tcb->snd_mss ? tcb->snd_wnd : tcb->snd_mss;
	if (first == NULL) {
		tcp_output_probe(tcb, room > 0 ? room : 1);
		return;
	}
	tcp_forget_if_reneged(tcb);
	if (first->len > 1)
		tcp_txseg_split(tcb, first, first->seq + 1);
	tcp_emit_again(tcb, first);
}

static void persist_expired(struct tcb *tcb)
{
	if (tcb->tx->timeouts > 0 && is_time_to_give_up(tcb)) {
		give_up(tcb);
		return;
	}
	count_timeout(tcb);
	send_window_probe(tcb);
	tcp_rtx_arm(tcb);
}

/*
 * An ACK of this turn may have put it off: tcp_ack.c leaves arming to tcp_output, which comes later
 * in the turn than the timers.
 */
static bool is_due(const struct tcb *tcb)
{
	uint32_t due_ms;
	if (tcb->rtx_kind == TCP_RTX_PERSIST)
		return tcb->snd_wnd == 0 || tcb->snd_una == tcb->snd_nxt;
	return tcb->snd_una != tcb->snd_nxt && next_deadline(tcb, &due_ms) == tcb->rtx_kind &&
		ms_has_come(due_ms, tcp_now_ms(tcb->conn.stack), TCP_RTO_MAX_MS);
}

void tcp_rtx_timeout(struct tcb *tcb)
{
	if (tcb->snd_una == tcb->snd_end)
		return;
	if (tcb_send_state(tcb) == NULL) {
		tcp_timer_set(tcb, TCP_TIMER_RTX, NO_MEMORY_MS);
		return;
	}
	if (!is_due(tcb)) {
		tcp_rtx_arm(tcb);
		return;
	}
	switch (tcb->rtx_kind) {
	case TCP_RTX_RTO:
		rto_expired(tcb);
		break;
	case TCP_RTX_TLP:
		probe_tail(tcb);
		break;
	case TCP_RTX_REORDER:
		reordering_window_ended(tcb);
		break;
	case TCP_RTX_PERSIST:
		persist_expired(tcb);
		break;
	default:
		break;
	}
}
