/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the socket above asks of a connection: bytes, FIN, the end, options (stack/conn.h; listening
 * is in tcp_listen.c, connecting in tcp_connect.c, the receive window in tcp_recv.c).
 */
#include <errno.h>

#include "stack/base/apart.h"
#include "stack/tcp/tcp_internal.h"

#define NS_PER_MS 1000000ULL

/* Send: SEND of RFC 9293 3.10.2 */

static void enqueue(struct tcb *tcb, struct pbuf *p)
{
	if (tcb->sndq == NULL)
		tcb->sndq = p;
	else
		tcb->sndq_last->next = p;
	tcb->sndq_last = p;
	if (tcb->tx != NULL && tcb->tx->next == NULL)
		tcb->tx->next = p; /* next_offset is 0 then */
	tcb->snd_end += p->len;
}

APART void enqueue_all(struct tcb *tcb, struct pbuf *chain)
{
	struct pbuf *p;
	while ((p = stack_take_pbuf(&chain)) != NULL)
		enqueue(tcb, p);
}

uint32_t conn_send_buffer(const struct conn *conn)
{
	const struct tcb *tcb = (const struct tcb *)conn;
	if (stack_is_short(conn->stack))
		return 0;
	uint32_t flight = tcb->cc.cwnd < tcb->snd_wnd_max ? tcb->cc.cwnd : tcb->snd_wnd_max;
	return flight < UINT32_MAX / 2 ? 2 * flight : UINT32_MAX;
}

void conn_send(struct conn *conn, struct pbuf *chain)
{
	struct tcb *tcb = tcb_of(conn);
	stack_enter(conn->stack);
	if (tcb->state == TCP_CLOSED || (tcb->flags & TCB_FIN_QUEUED)) {
		pbuf_free(chain);
		return;
	}
	if (chain->next == NULL && chain->len > 0) /* as mostly, which saves the loop */
		enqueue(tcb, chain);
	else
		enqueue_all(tcb, chain);
	/* tcb_output_later, without its call */
	if ((tcb->flags & TCB_IN_OUTPUT) == 0)
		tcb_output_enter(tcp_of(conn->stack), tcb);
}

/* CLOSE of RFC 9293 3.10.4, as far as the network is concerned. */
void conn_shutdown(struct conn *conn)
{
	struct tcb *tcb = tcb_of(conn);
	stack_enter(conn->stack);
	if (tcb->state == TCP_CLOSED || (tcb->flags & TCB_FIN_QUEUED))
		return;
	tcb->flags |= TCB_FIN_QUEUED;
	tcb->snd_end++;
	tcb->predicted = 0;
	if (tcb->state == TCP_ESTABLISHED)
		tcb->state = TCP_FIN_WAIT_1;
	else if (tcb->state == TCP_CLOSE_WAIT)
		tcb->state = TCP_LAST_ACK;
	tcb_output_later(tcb);
}

/*
 * The peer gets what is queued, then FIN; what it sends meanwhile is discarded, for which there is
 * all room: what the socket above still had does not count any more.
 */
static void orphan(struct tcb *tcb)
{
	struct conn *conn = &tcb->conn;
	conn_shutdown(conn);
	if (conn->rxq != NULL)
		pbuf_free(conn->rxq);
	conn->rxq = conn->rxq_last = NULL;
	conn->rxq_len = 0;
	conn_recved(conn, tcb->rcv_held);
	stack_unmark_ready(conn->stack, &conn->ready);
	tcb->flags |= TCB_RELEASED;
	tcp_timer_set(tcb, TCP_TIMER_KEEP, (uint32_t)(CONN_ORPHAN_NS / NS_PER_MS));
}

void conn_close(struct conn *conn)
{
	struct tcb *tcb = tcb_of(conn);
	stack_enter(conn->stack);
	if (conn->ready.kind == READY_LISTENER) {
		tcp_listener_close((struct tcp_listener *)conn);
	} else if (tcb->state == TCP_CLOSED) {
		tcb_free(tcb);
	} else if (tcb->state == TCP_SYN_SENT) { /* RFC 9293 3.10.4: just delete it */
		tcb->flags |= TCB_RELEASED;
		tcb_close(tcb);
	} else {
		orphan(tcb);
	}
}

void conn_abort(struct conn *conn)
{
	struct tcb *tcb = tcb_of(conn);
	stack_enter(conn->stack);
	if (conn->ready.kind == READY_LISTENER) {
		tcp_listener_close((struct tcp_listener *)conn);
	} else if (tcb->state == TCP_CLOSED) {
		tcb_free(tcb);
	} else {
		tcb->flags |= TCB_RELEASED;
		tcb_reset(tcb);
	}
}

/* Options */

#define DSCP_MASK             0xfcu /* the other two bits are ECN's, which are not asked for */
#define TTL_DEFAULT           64u
#define RCV_BUF_DEFAULT       (1024u * 1024u)
#define KEEP_IDLE_DEFAULT_MS  7200000u /* RFC 9293 3.8.4: no less than two hours */
#define KEEP_INTERVAL_DEFAULT 75000u
#define KEEP_COUNT_DEFAULT    9u
#define RTO_MIN_DEFAULT_MS    200u
#define SYN_RETRIES_DEFAULT   7u /* 191 s; RFC 9293 3.8.3 (MUST-23): at least 3 minutes */

static uint32_t or_default(uint32_t given, uint32_t otherwise)
{
	return given != 0 ? given : otherwise;
}

static uint32_t time_of(uint32_t given_ms, uint32_t otherwise_ms)
{
	uint32_t ms = or_default(given_ms, otherwise_ms);
	return ms < CONN_TIME_MAX_MS ? ms : CONN_TIME_MAX_MS;
}

static uint32_t within(uint32_t value, uint32_t low, uint32_t high)
{
	return value < low ? low : value > high ? high : value;
}

void conn_options_fill(struct conn_options *o)
{
	o->tos &= DSCP_MASK;
	o->ttl = (uint8_t)or_default(o->ttl, TTL_DEFAULT);
	o->backlog = (uint16_t)or_default(o->backlog, 1);
	o->receive_window = within(or_default(o->receive_window, RCV_BUF_DEFAULT),
		CONN_RECEIVE_WINDOW_MIN, CONN_RECEIVE_WINDOW_MAX);
	o->keep_idle_ms = time_of(o->keep_idle_ms, KEEP_IDLE_DEFAULT_MS);
	o->keep_interval_ms = time_of(o->keep_interval_ms, KEEP_INTERVAL_DEFAULT);
	o->user_timeout_ms = time_of(o->user_timeout_ms, 0);
	o->keep_count = within(or_default(o->keep_count, KEEP_COUNT_DEFAULT), 1, UINT8_MAX);
	o->rto_min_ms = (uint16_t)within(or_default(o->rto_min_ms, RTO_MIN_DEFAULT_MS), 1, 60000);
	o->syn_retries = (uint8_t)within(or_default(o->syn_retries, SYN_RETRIES_DEFAULT), 1, 20);
	if (o->congestion >= TCP_CC_COUNT)
		o->congestion = TCP_CC_CUBIC;
}

static void set_flag(struct tcb *tcb, uint32_t flag, bool on)
{
	tcb->flags = on ? tcb->flags | flag : tcb->flags & ~flag;
}

bool tcb_take_options(struct tcb *tcb, const struct conn_options *options)
{
	struct stack *st = tcb->conn.stack;
	struct conn_options filled = *options;
	conn_options_fill(&filled);
	const struct conn_options *held = tcp_options_hold(st, &filled);
	if (held == NULL)
		return false;
	tcp_options_release(st, tcb->options);
	tcb->options = held;
	set_flag(tcb, TCB_NO_DELAY, options->no_delay);
	set_flag(tcb, TCB_NO_DELAYED_ACK, options->no_delayed_ack);
	set_flag(tcb, TCB_KEEP_ALIVE, options->keep_alive);
	set_flag(tcb, TCB_NOT_ALONE,
		filled.user_timeout_ms != 0 || tcp_cc_samples_rates(filled.congestion));
	return true;
}

/* What acts when the port is bound, or in the handshake. */
static bool changes_the_past(const struct conn_options *old, const struct conn_options *new)
{
	return new->receive_window != old->receive_window ||
		new->reuse_address != old->reuse_address || new->reuse_port != old->reuse_port ||
		new->congestion != old->congestion || new->ecn != old->ecn ||
		new->fast_open != old->fast_open;
}

static const struct conn_options *options_of(const struct conn *conn)
{
	return conn->ready.kind == READY_LISTENER ? &((const struct tcp_listener *)conn)->options
						  : ((const struct tcb *)conn)->options;
}

int conn_set_options(struct conn *conn, const struct conn_options *options)
{
	struct tcb *tcb = tcb_of(conn);
	const struct conn_options *old = options_of(conn);
	struct conn_options wanted = *options;
	stack_enter(conn->stack);
	if (wanted.receive_window == 0)
		wanted.receive_window = old->receive_window;
	conn_options_fill(&wanted);
	if (changes_the_past(old, &wanted))
		return -ENOPROTOOPT;
	if (conn->ready.kind == READY_LISTENER) {
		((struct tcp_listener *)conn)->options = wanted;
		return 0;
	}
	if (!tcb_take_options(tcb, &wanted))
		return -ENOBUFS;
	if (tcb->state >= TCP_ESTABLISHED) {
		tcp_keep_alive_start(tcb);
		tcp_timer_clear(tcb, TCP_TIMER_USER); /* the old one may be longer, or gone */
		tcp_rtx_arm(tcb);
	}
	if (tcb->state != TCP_CLOSED)
		tcb_output_later(tcb); /* Nagle may hold bytes that it would not hold now */
	return 0;
}

void conn_get_options(const struct conn *conn, struct conn_options *options)
{
	*options = *options_of(conn);
}
