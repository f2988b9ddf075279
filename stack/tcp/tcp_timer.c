/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The timers of a connection, on one entry of the timing wheel.
 *
 * Called from stack/tcp/; calls whoever set the timer.
 *
 * The entry is due at the earliest of the deadlines, or before: a deadline that moves away, as the
 * retransmission timer's does with each ACK, leaves the entry where it is, and finds nothing due
 * when it comes up. So setting a timer costs a store and a compare.
 */
#include <errno.h>

#include "stack/tcp/tcp_internal.h"

#define TRIM_MS 1000u /* how long memory is kept for what may come next */

_Static_assert(TRIM_MS <= TCP_QUEUE_WAIT_MIN_MS, "see run_queues");

/* Keepalive (RFC 9293 3.8.4, RFC 1122 4.2.3.6) */

static bool keeps_alive(const struct tcb *tcb)
{
	return (tcb->flags & TCB_KEEP_ALIVE) != 0 && tcb->state >= TCP_ESTABLISHED;
}

void tcp_keep_alive_start(struct tcb *tcb)
{
	if (tcb->flags & TCB_RELEASED)
		return; /* the timer is the orphan's */
	tcb->keep_probes = 0;
	if (keeps_alive(tcb))
		tcp_timer_set(tcb, TCP_TIMER_KEEP, tcb->options->keep_idle_ms);
	else
		tcp_timer_clear(tcb, TCP_TIMER_KEEP);
}

static void keep_alive_due(struct tcb *tcb)
{
	const struct conn_options *options = tcb->options;
	uint64_t silent = tcb->conn.stack->now_ms - tcb->last_rcv_ms;
	if (!keeps_alive(tcb))
		return;
	if (silent < (uint64_t)options->keep_idle_ms + options->keep_interval_ms)
		tcb->keep_probes = 0; /* the last one, if there was any, was answered */
	if (silent < options->keep_idle_ms) {
		tcp_timer_set(tcb, TCP_TIMER_KEEP, options->keep_idle_ms - (uint32_t)silent);
		return;
	}
	if (tcb->keep_probes >= options->keep_count) {
		tcb_fail(tcb, tcb->soft_error != 0 ? tcb->soft_error : -ETIMEDOUT);
		return;
	}
	/* With bytes in flight the retransmission timer finds out. */
	if (tcb->snd_una == tcb->snd_nxt) {
		tcb->keep_probes++;
		/* RFC 1122 4.2.3.6: SEG.SEQ = SND.NXT-1, no garbage byte */
		tcp_emit_control(tcb, TH_ACK, tcb->snd_nxt - 1);
	}
	tcp_timer_set(tcb, TCP_TIMER_KEEP, options->keep_interval_ms);
}

static void keep_due(struct tcb *tcb)
{
	if (tcb->flags & TCB_RELEASED)
		tcb_abandon(tcb); /* CONN_ORPHAN_NS is over */
	else
		keep_alive_due(tcb);
}

/* Dispatch */

static void rtx_due(struct tcb *tcb)
{
	if (tcb->state <= TCP_SYN_RCVD)
		tcp_syn_timeout(tcb);
	else
		tcp_rtx_timeout(tcb);
}

/* Ends with the one call that may free the tcb. */
static void fire(struct tcb *tcb, enum tcp_timer timer)
{
	switch (timer) {
	case TCP_TIMER_RTX:
		rtx_due(tcb);
		break;
	case TCP_TIMER_ACK:
		tcp_delayed_ack_due(tcb);
		break;
	case TCP_TIMER_KEEP:
		keep_due(tcb);
		break;
	case TCP_TIMER_USER:
		tcp_user_timeout(tcb);
		break;
	case TCP_TIMER_PACE:
		tcb_output_later(tcb);
		break;
	case TCP_TIMER_COUNT:
		break;
	}
}

/* Arms the wheel for the earliest deadline. */
static void rearm(struct tcb *tcb, uint64_t now_ms)
{
	int32_t earliest = INT32_MAX;
	for (unsigned i = 0; i < TCP_TIMER_COUNT; i++) {
		int32_t left = seq_diff(tcb->timer_ms[i], (uint32_t)now_ms);
		if (tcb->timer_ms[i] != 0 && left < earliest)
			earliest = left;
	}
	if (earliest != INT32_MAX)
		wheel_arm(&tcp_of(tcb->conn.stack)->wheel, &tcb->wheel,
			now_ms + (uint64_t)(earliest > 0 ? earliest : 0));
}

static void all_are_due(struct tcb *tcb, uint64_t now_ms)
{
	for (unsigned i = 0; i < TCP_TIMER_COUNT; i++)
		if (tcb->timer_ms[i] != 0)
			tcb->timer_ms[i] = (uint32_t)now_ms != 0 ? (uint32_t)now_ms : UINT32_MAX;
}

/*
 * One timer that is due; the others come with the next turn of the loop in tcp_run_timers. When the
 * entry of the wheel comes up so late, the machine slept: 32 bits do not tell what is long over from
 * what is to come, but nothing was so far away.
 */
static void expire(struct tcb *tcb, uint64_t now_ms)
{
	enum tcp_timer due = TCP_TIMER_COUNT;
	if (now_ms - tcb->wheel.due_ms > CONN_TIME_MAX_MS)
		all_are_due(tcb, now_ms);
	for (unsigned i = 0; i < TCP_TIMER_COUNT && due == TCP_TIMER_COUNT; i++)
		if (tcb->timer_ms[i] != 0 && seq_leq(tcb->timer_ms[i], (uint32_t)now_ms))
			due = (enum tcp_timer)i;
	if (due != TCP_TIMER_COUNT)
		tcb->timer_ms[due] = 0;
	rearm(tcb, now_ms);
	fire(tcb, due);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t next_in_queues(const struct stack *st)
{
	return earlier(tcp_syn_cache_next(st), tcp_time_wait_next(st));
}

/*
 * Those who wait in queues, all of one queue equally long, and the trimming of memory. What comes
 * into a queue waits longer than it is until the next trimming, so the time of the next run, which
 * is never later than that, holds meanwhile.
 */
static void run_queues(struct stack *st)
{
	struct tcp_stack *tcp = tcp_of(st);
	tcp_syn_cache_run(st);
	tcp_time_wait_run(st);
	if (st->now_ms >= tcp->trim_ms) {
		tcp->trim_ms = st->now_ms + TRIM_MS;
		slab_trim(&tcp->sends);
		slab_trim(&tcp->txsegs);
	}
	tcp->queues_ms = earlier(tcp->trim_ms, next_in_queues(st));
}

static void run_wheel(struct stack *st)
{
	struct wheel *wheel = &tcp_of(st)->wheel;
	struct wheel_timer *timer;
	while ((timer = wheel_expire(wheel, st->now_ms)) != NULL) {
		uint8_t *bytes = (uint8_t *)timer;
		expire((struct tcb *)(void *)(bytes - offsetof(struct tcb, wheel)), st->now_ms);
	}
}

void tcp_run_timers(struct stack *st)
{
	run_wheel(st);
	if (st->now_ms >= tcp_of(st)->queues_ms)
		run_queues(st);
}

uint64_t tcp_next_timer(const struct stack *st)
{
	return earlier(wheel_next_ms(&st->tcp->wheel), next_in_queues(st));
}
