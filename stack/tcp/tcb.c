/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Life of a transmission control block: made, established, closed, freed.
 *
 * Called from all of stack/tcp/.
 *
 * A tcb has two owners, the network side and the socket above. tcb_close ends the first (state
 * TCP_CLOSED, out of the flow table, nothing queued), conn_close and conn_abort the second
 * (TCB_RELEASED). Whoever comes last frees it; one that nobody accepted yet has no second owner.
 */
#include "lwip/prot/ip.h"
#include <errno.h>
#include <string.h>

#include "stack/tcp/tcp_internal.h"

#define IP4_HEADER  20u
#define IP6_HEADER  40u
#define CACHE_LINE  64u
#define SND_MSS_MIN 64u /* smaller ones are an attack on our memory and time */

struct tcb *tcb_new(struct stack *st, const struct conn_options *options)
{
	struct tcp_stack *tcp = tcp_of(st);
	struct tcb *tcb = slab_alloc(&tcp->tcbs);
	if (tcb == NULL)
		return NULL;
	memset(tcb, 0, sizeof(*tcb));
	tcb->conn.stack = st;
	tcb->conn.ready.kind = READY_CONN;
	tcb->state = TCP_CLOSED;
	if (options->receive_window == 0)
		tcb->flags |= TCB_RCV_AUTO;
	if (!tcb_take_options(tcb, options)) {
		slab_free(&tcp->tcbs, tcb);
		return NULL;
	}
	tcb->rcv_buf = tcb->options->receive_window;
	tcb->rto_ms = TCP_RTO_INITIAL_MS;
	TAILQ_INSERT_TAIL(&tcp->apart, tcb, entry);
	return tcb;
}

static void rxq_free(struct conn *conn)
{
	if (conn->rxq != NULL)
		pbuf_free(conn->rxq);
	conn->rxq = conn->rxq_last = NULL;
	conn->rxq_len = 0;
}

void tcb_free(struct tcb *tcb)
{
	struct stack *st = tcb->conn.stack;
	struct tcp_stack *tcp = tcp_of(st);
	stack_unmark_ready(st, &tcb->conn.ready);
	rxq_free(&tcb->conn);
	tcb_output_forget(tcb);
	TAILQ_REMOVE(&tcp->apart, tcb, entry);
	tcp_options_release(st, tcb->options);
	slab_free(&tcp->tcbs, tcb);
}

/* Flow table */

/* Computed again where it is needed, at the beginning and the end, rather than kept. */
uint32_t tcb_hash_of(const struct tcb *tcb)
{
	const struct conn *conn = &tcb->conn;
	return tcp_flow_hash(tcp_of(conn->stack), &conn->local, conn->local_port, &conn->remote,
		conn->remote_port);
}

void tcb_mark_hashed(struct tcb *tcb)
{
	if ((tcb->flags & TCB_IN_OUTPUT) == 0)
		TAILQ_REMOVE(&tcp_of(tcb->conn.stack)->apart, tcb, entry);
	tcb->flags |= TCB_HASHED;
}

void tcb_mark_unhashed(struct tcb *tcb)
{
	if ((tcb->flags & TCB_IN_OUTPUT) == 0)
		TAILQ_INSERT_TAIL(&tcp_of(tcb->conn.stack)->apart, tcb, entry);
	tcb->flags &= ~(uint32_t)TCB_HASHED;
}

bool tcb_hash(struct tcb *tcb)
{
	struct stack *st = tcb->conn.stack;
	if (!flow_table_insert(&tcp_of(st)->flows, tcb_hash_of(tcb), tcb))
		return false;
	tcb_mark_hashed(tcb);
	st->counters.conns++;
	return true;
}

void tcb_unhash(struct tcb *tcb)
{
	struct stack *st = tcb->conn.stack;
	if ((tcb->flags & TCB_HASHED) == 0)
		return;
	flow_table_remove(&tcp_of(st)->flows, tcb_hash_of(tcb), tcb);
	tcb_mark_unhashed(tcb);
	st->counters.conns--;
}

/* Sending */

/* Line by line, which are stores: for all of it there is an instruction, which takes longer. */
static inline void clear(struct tcp_send *tx)
{
	_Static_assert(sizeof(*tx) % CACHE_LINE == 0, "whole lines");
#pragma GCC unroll 8
	for (size_t at = 0; at < sizeof(*tx); at += CACHE_LINE)
		memset((uint8_t *)tx + at, 0, CACHE_LINE);
}

struct tcp_send *tcb_new_send_state(struct tcb *tcb)
{
	bool is_lone = tcp_is_lone(tcb);
	struct tcp_send *tx = slab_alloc(&tcp_of(tcb->conn.stack)->sends);
	if (tx == NULL) {
		stack_count_drop(tcb->conn.stack, DROP_NO_MEMORY);
		return NULL;
	}
	clear(tx);
	tx->next = tcb->sndq;
	tx->unpaced = TCP_UNPACED_SEGMENTS * tcb->snd_mss;
	tx->delivered_ns = tx->first_sent_ns = tcb->conn.stack->now_ns;
	tcb->tx = tx;
	tcb->cc.undo = &tx->cc_undo;
	tcp_loss_init(tcb);
	if (is_lone && !tcp_enlist_lone(tcb)) {
		tcb_free_send_state(tcb);
		return NULL;
	}
	return tx;
}

void tcb_free_send_state(struct tcb *tcb)
{
	struct tcp_stack *tcp = tcp_of(tcb->conn.stack);
	struct tcp_send *tx = tcb->tx;
	struct tcp_txseg *txseg;
	if (tx == NULL)
		return;
	while ((txseg = TAILQ_FIRST(&tx->inflight)) != NULL) {
		TAILQ_REMOVE(&tx->inflight, txseg, entry);
		slab_free(&tcp->txsegs, txseg);
	}
	slab_free(&tcp->sends, tx);
	tcb->tx = NULL;
	tcb->cc.undo = NULL;
}

static void sndq_free(struct tcb *tcb)
{
	if (tcb->sndq != NULL)
		pbuf_free(tcb->sndq);
	tcb->sndq = tcb->sndq_last = NULL;
}

void tcb_output_enlist(struct tcb *tcb)
{
	tcb_output_enter(tcp_of(tcb->conn.stack), tcb);
}

void tcb_output_forget(struct tcb *tcb)
{
	if (tcb->flags & TCB_IN_OUTPUT)
		tcb_output_leave(tcp_of(tcb->conn.stack), tcb);
}

/* RFC 6691 2: the peer's MSS and the path's, less the options of every segment. */
void tcb_update_mss(struct tcb *tcb)
{
	bool ip6 = IP_IS_V6(&tcb->conn.remote);
	uint32_t headers = (ip6 ? IP6_HEADER : IP4_HEADER) + TCP_HEADER;
	uint32_t mtu = dst_mtu(tcb->dst), mss = mtu - headers;
	tcb->flags &= ~(uint32_t)TCB_PMTU_REDUCED;
	if (mtu < nif_mtu(dst_nif(tcb->dst), ip6))
		tcb->flags |= TCB_PMTU_REDUCED;
	if (mss > tcb->peer_mss)
		mss = tcb->peer_mss;
	if (tcb->black_hole_mss != 0 && mss > tcb->black_hole_mss)
		mss = tcb->black_hole_mss;
	uint32_t options = tcb->flags & TCB_TS ? TCPOLEN_TIMESTAMPS_PADDED : 0;
	mss = mss > SND_MSS_MIN + options ? mss - options : SND_MSS_MIN;
	if (tcb->snd_mss == mss)
		return;
	tcb->snd_mss = (uint16_t)mss;
	if (tcb->cc.ops != NULL)
		tcb->cc.ops->on_mss(&tcb->cc, mss);
}

/* Established */

static void take_addresses(struct tcb *tcb, const struct tcp_handshake *hs)
{
	tcb->conn.local = hs->local;
	tcb->conn.remote = hs->remote;
	tcb->conn.local_port = hs->local_port;
	tcb->conn.remote_port = hs->remote_port;
}

static uint16_t default_mss(const struct tcb *tcb)
{
	return IP_IS_V6(&tcb->conn.remote) ? TCP_MSS_DEFAULT6 : TCP_MSS_DEFAULT4;
}

bool tcb_establish(struct tcb *tcb, const struct tcp_handshake *hs)
{
	struct stack *st = tcb->conn.stack;
	take_addresses(tcb, hs);
	tcb->flags |= hs->flags;
	tcb->iss = hs->iss;
	tcb->snd_una = tcb->snd_nxt = hs->iss + 1;
	if (hs->flags & TCB_PASSIVE)
		tcb->snd_end = tcb->snd_una;
	tcb->snd_wnd = tcb->snd_wnd_max = hs->snd_wnd;
	tcb->snd_wl1 = hs->irs;
	tcb->snd_scale = hs->snd_scale & 15;
	tcb->rcv_scale = hs->rcv_scale & 15;
	tcb->rcv_nxt = tcb->rcv_acked = tcb->rcv_space_seq = hs->irs + 1;
	tcb->rcv_adv = tcb->rcv_nxt + hs->rcv_wnd;
	tcb->rcv_mss = default_mss(tcb) - (tcb->flags & TCB_TS ? TCPOLEN_TIMESTAMPS_PADDED : 0);
	tcb->ts_recent = hs->ts_recent;
	tcb->ts_offset = hs->ts_offset;
	tcb->last_rcv_ms = st->now_ms;
	tcb->rcv_space_ms = tcb->sent_ms = tcp_now_ms(st);
	tcb->peer_mss = hs->peer_mss != 0 ? hs->peer_mss : default_mss(tcb);
	tcb->backoff = 0;
	tcb_update_mss(tcb);
	if (!tcp_cc_init(&tcb->cc, tcb->options->congestion, &st->arena, tcb->snd_mss, st->now_ns))
		return false;
	tcb->cc.pace = true;
	tcb->cc.undo = tcb->tx != NULL ? &tcb->tx->cc_undo : NULL;
	tcb->cc.no_sack = (tcb->flags & TCB_SACK) == 0;
	if (hs->syn_retransmitted) /* RFC 5681 3.1: the loss of a SYN is a sign of congestion */
		tcb->cc.cwnd = tcb->snd_mss;
	if (hs->rtt_us != 0)
		tcp_rtt_sample(tcb, hs->rtt_us);
	else if (hs->syn_retransmitted)
		tcb->rto_ms = TCP_RTO_AFTER_SYN_MS;
	tcb->state = TCP_ESTABLISHED;
	if (tcb->flags & TCB_FIN_QUEUED) /* RFC 9293 3.10.4: queued in SYN_SENT or SYN_RCVD */
		tcb->state = TCP_FIN_WAIT_1;
	tcp_timer_clear(tcb, TCP_TIMER_RTX);
	tcp_keep_alive_start(tcb);
	tcb_output_later(tcb);
	return true;
}

/* The end */

static void leave_network(struct tcb *tcb)
{
	struct stack *st = tcb->conn.stack;
	tcp_fast_open_forget(tcb);
	wheel_cancel(&tcp_of(st)->wheel, &tcb->wheel);
	memset(tcb->timer_ms, 0, sizeof(tcb->timer_ms));
	tcb_output_forget(tcb);
	tcb_unhash(tcb);
	tcb_free_send_state(tcb);
	sndq_free(tcb);
	tcp_reass_free(tcb);
	tcp_cc_fini(&tcb->cc, &st->arena);
	dst_put(st, tcb->dst);
	tcb->dst = NULL;
	if (tcb->flags & TCB_HOLDS_PORT)
		port_release(st, IP_PROTO_TCP, tcb->conn.local_port);
	tcb->flags &= ~(uint32_t)TCB_HOLDS_PORT;
	tcb->state = TCP_CLOSED;
}

void tcb_close(struct tcb *tcb)
{
	struct stack *st = tcb->conn.stack;
	bool unaccepted = (tcb->flags & TCB_UNACCEPTED) != 0;
	if (unaccepted) {
		tcp_listener_forget(tcb);
		st->counters.tcp_died_unaccepted++;
	}
	leave_network(tcb);
	if (unaccepted || (tcb->flags & TCB_RELEASED))
		tcb_free(tcb);
}

void tcb_fail(struct tcb *tcb, int error)
{
	tcb->conn.ready.error = error;
	tcb_event(tcb, CONN_EV_ERROR);
	tcb_close(tcb);
}

/* RFC 9293 3.10.5: in the states that have a peer who expects more. */
static bool wants_reset(const struct tcb *tcb)
{
	switch (tcb->state) {
	case TCP_SYN_RCVD:
	case TCP_ESTABLISHED:
	case TCP_FIN_WAIT_1:
	case TCP_FIN_WAIT_2:
	case TCP_CLOSE_WAIT:
		return true;
	default:
		return false;
	}
}

static void send_reset(struct tcb *tcb)
{
	tcp_emit_control(tcb, TH_RST | TH_ACK, tcb->snd_nxt);
	tcb->conn.stack->counters.tcp_resets_sent++;
}

void tcb_reset(struct tcb *tcb)
{
	if (wants_reset(tcb))
		send_reset(tcb);
	tcb_close(tcb);
}

void tcb_abandon(struct tcb *tcb)
{
	send_reset(tcb);
	tcb_close(tcb);
}

void tcb_enter_time_wait(struct tcb *tcb)
{
	if (!tcp_time_wait_enter(tcb))
		stack_count_drop(tcb->conn.stack, DROP_NO_MEMORY);
	tcb_close(tcb);
}
