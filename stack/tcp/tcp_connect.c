/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Active open: conn_connect, and the states SYN_SENT and SYN_RCVD of a control block.
 *
 * Called from the socket above, tcp_segment.c, tcp_output.c and tcp_timer.c. Calls ports.c and
 * dst.
 *
 * Theory of operation. snd_nxt is iss until the SYN has left, so that tcp_syn_output knows whether
 * it is still to be sent; TCB_ACK_NOW in these states asks for one more. The flags of what was
 * negotiated are those that our SYN offers while in SYN_SENT, and what both said from SYN_RCVD on.
 * SYN_RCVD is that of a simultaneous open, or of Fast Open's server (tcp_fast_open.c); others live
 * in the SYN cache.
 */
#include "lwip/prot/ip.h"
#include <errno.h>

#include "stack/tcp/tcp_handshake.h"

#define SYN_RETRIES_ALONE 4u /* half a minute */
#define SYN_BACKOFF_MAX   6u /* 64 s: RFC 6298 2.5 wants no bound below 60 s */

/* Ports */

/* Whatever the flow table has with these ends, tagged, or NULL. */
static void *find_flow(const struct stack *st, const struct flow *flow)
{
	struct tcp_seg key = {.local_port = flow->local_port, .remote_port = flow->remote_port};
	key.rx.local = flow->local;
	key.rx.remote = flow->remote;
	key.hash = tcp_flow_hash(
		st->tcp, &flow->local, flow->local_port, &flow->remote, flow->remote_port);
	return tcp_lookup(st->tcp, &key);
}

/* Whether a connection may have these ends. One in TIME_WAIT makes room if it may (RFC 6191). */
static bool is_free(struct stack *st, const struct flow *flow)
{
	void *tagged = find_flow(st, flow);
	if (tagged == NULL)
		return true;
	if (tcp_kind_of(tagged) != TCP_FLOW_TIME_WAIT)
		return false;
	uint32_t iss =
		tcp_isn(st, &flow->local, flow->local_port, &flow->remote, flow->remote_port);
	return tcp_time_wait_recycle(st, tcp_untagged(tagged), iss);
}

/* For port_choose_towards: whether a port that others use may serve this connection, too. */
static bool may_share(struct stack *st, const struct flow *flow)
{
	return !tcp_port_is_listened(st, flow->local_port) && is_free(st, flow);
}

/* The port that the socket above named. */
static int take_given(struct tcb *tcb, uint16_t port)
{
	struct stack *st = tcb->conn.stack;
	struct flow flow = {.local = tcb->conn.local,
		.remote = tcb->conn.remote,
		.local_port = port,
		.remote_port = tcb->conn.remote_port};
	if (!is_free(st, &flow))
		return -EADDRINUSE;
	if (port_in_use(st, IP_PROTO_TCP, port) && !tcb->options->reuse_address &&
		!tcb->options->reuse_port)
		return -EADDRINUSE;
	int error = port_hold(st, IP_PROTO_TCP, port, tcb->options->reuse_port);
	return error != 0 ? error : port;
}

static int take_chosen(struct tcb *tcb)
{
	struct flow flow = {.local = tcb->conn.local,
		.remote = tcb->conn.remote,
		.remote_port = tcb->conn.remote_port};
	return port_choose_towards(tcb->conn.stack, IP_PROTO_TCP, &flow, may_share);
}

static int take_port(struct tcb *tcb, uint16_t wanted)
{
	int port = wanted != 0 ? take_given(tcb, wanted) : take_chosen(tcb);
	if (port < 0)
		return port;
	tcb->conn.local_port = (uint16_t)port;
	tcb->flags |= TCB_HOLDS_PORT;
	return 0;
}

/* OPEN, active: RFC 9293 3.10.1 */

/* RFC 9293 3.9.2.3 (MUST-46): the peer must be one host, and another one. */
static int check_ends(
	struct stack *st, const ip_addr_t *local, const ip_addr_t *remote, uint16_t remote_port)
{
	if (!IP_IS_ANY_TYPE_VAL(*local) && IP_GET_TYPE(local) != IP_GET_TYPE(remote))
		return -EINVAL;
	if (remote_port == 0 || !tcp_is_unicast(st, remote) || stack_has_address(st, remote))
		return -EINVAL;
	if (!ip_addr_isany(local) && !stack_has_address(st, local))
		return -EADDRNOTAVAIL;
	return 0;
}

void tcp_syn_send(struct tcb *tcb)
{
	uint32_t text;
	if (tcp_emit_syn(tcb, &text) != DROP_NONE) {
		tcb_output_later(tcb);
		return;
	}
	tcb->flags &= ~(uint32_t)(TCB_ACK_NOW | TCB_ACK_DELAYED);
	tcp_timer_clear(tcb, TCP_TIMER_ACK);
	tcb->rcv_acked = tcb->rcv_nxt;
	if (tcb->snd_nxt == tcb->iss)
		tcb->snd_nxt = tcb->iss + 1 + text;
}

static void start_handshake(struct tcb *tcb)
{
	struct stack *st = tcb->conn.stack;
	const struct conn *conn = &tcb->conn;
	tcb->iss = tcp_isn(st, &conn->local, conn->local_port, &conn->remote, conn->remote_port);
	tcb->ts_offset = tcp_ts_offset(st, &conn->local, &conn->remote);
	tcb->snd_una = tcb->snd_nxt = tcb->iss;
	tcb->snd_end = tcb->iss + 1;
	tcb->flags |= TCB_TS | TCB_SACK | TCB_WSCALE;
	if (tcb->options->ecn)
		tcb->flags |= TCB_ECN;
	tcb->rcv_scale = RCV_WSCALE;
	tcb->syn_sent_us = (uint32_t)(st->now_ns / 1000);
	tcb->state = TCP_SYN_SENT;
	tcb->rtx_kind = TCP_RTX_SYN;
	tcp_timer_set(tcb, TCP_TIMER_RTX, TCP_RTO_INITIAL_MS);
	if (tcb->options->user_timeout_ms != 0)
		tcp_timer_set(tcb, TCP_TIMER_USER, tcb->options->user_timeout_ms);
	if (!tcp_fast_open_start(tcb))
		tcp_syn_send(tcb);
}

static int open_active(struct tcb *tcb, uint16_t local_port)
{
	int error = take_port(tcb, local_port);
	if (error != 0)
		return error;
	if (!tcb_hash(tcb))
		return -ENOBUFS;
	start_handshake(tcb);
	return 0;
}

int conn_connect(struct stack *st, const ip_addr_t *local, uint16_t local_port,
	const ip_addr_t *remote, uint16_t remote_port, const struct conn_options *options,
	struct conn **conn)
{
	stack_enter(st);
	ip_addr_t source, zoned = *remote;
	struct dst *dst;
	stack_zone(st, &zoned);
	int error = check_ends(st, local, &zoned, remote_port);
	if (error == 0)
		error = dst_get(st, local, &zoned, &source, &dst);
	if (error != 0)
		return error;
	struct tcb *tcb = tcb_new(st, options);
	if (tcb == NULL) {
		stack_count_drop(st, DROP_NO_MEMORY);
		dst_put(st, dst);
		return -ENOBUFS;
	}
	tcb->dst = dst;
	tcb->conn.local = source;
	tcb->conn.remote = zoned;
	tcb->conn.remote_port = remote_port;
	error = open_active(tcb, local_port);
	if (error != 0) {
		tcb->flags |= TCB_RELEASED;
		tcb_close(tcb);
		return error;
	}
	*conn = &tcb->conn;
	return 0;
}

/* SYN and SYN-ACK out */

void tcp_syn_ecn(const struct tcb *tcb, struct tcp_header *header)
{
	/* RFC 3168 6.1.1: an ECN-setup SYN has ECE and CWR, an ECN-setup SYN-ACK ECE alone */
	if (tcb->flags & TCB_ECN)
		header->flags |= header->flags & TH_ACK ? TH_ECE : TH_ECE | TH_CWR;
}

void tcp_syn_output(struct tcb *tcb)
{
	if (tcb->snd_nxt == tcb->iss || (tcb->flags & TCB_ACK_NOW))
		tcp_syn_send(tcb);
}

/*
 * A next hop that answers neither ARP nor ND is not there. RFC 9293 3.8.3 (MUST-23) has patience
 * with networks that lose; ours is the one that nothing was sent to.
 */
static bool is_alone(const struct tcb *tcb)
{
	return tcb->backoff >= SYN_RETRIES_ALONE && !dst_is_resolved(tcb->dst);
}

void tcp_syn_timeout(struct tcb *tcb)
{
	struct stack *st = tcb->conn.stack;
	if (tcb->backoff >= tcb->options->syn_retries || is_alone(tcb)) {
		tcb_fail(tcb, tcb->soft_error != 0 ? tcb->soft_error : -ETIMEDOUT);
		return;
	}
	tcp_fast_open_timeout(tcb);
	/* RFC 3168 6.1.1.1: a middlebox may drop such SYNs */
	if (tcb->state == TCP_SYN_SENT)
		tcb->flags &= ~(uint32_t)TCB_ECN;
	tcb->backoff++; /* RFC 6298 5.5 */
	unsigned doublings = tcb->backoff < SYN_BACKOFF_MAX ? tcb->backoff : SYN_BACKOFF_MAX;
	tcp_timer_set(tcb, TCP_TIMER_RTX, TCP_RTO_INITIAL_MS << doublings);
	tcp_syn_send(tcb);
	st->counters.tcp_retransmits++;
}

/* The end of the handshake */

/* What the peer's SYN says; what it does not agree to is off. */
static void take_syn(struct tcb *tcb, const struct tcp_seg *seg)
{
	const struct tcp_options *opt = &seg->opt;
	/* RFC 3168 6.1.1: to our SYN, ECE alone agrees; a SYN of its own asks with both. */
	uint8_t agrees = seg->flags & TH_ACK ? TH_ECE : TH_ECE | TH_CWR;
	uint32_t flags = 0;
	if (opt->has_ts)
		flags |= TCB_TS;
	if (opt->sack_permitted)
		flags |= TCB_SACK;
	if (opt->has_wscale)
		flags |= TCB_WSCALE;
	if ((seg->flags & (TH_ECE | TH_CWR)) == agrees)
		flags |= TCB_ECN;
	tcb->flags &= flags | ~(uint32_t)TCP_NEGOTIATED;
	tcb->snd_scale = opt->has_wscale ? opt->wscale & 15 : 0;
	tcb->rcv_scale = opt->has_wscale ? RCV_WSCALE : 0;
	tcb->peer_mss = opt->has_mss ? (opt->mss != 0 ? opt->mss : 1) : 0;
	tcb->ts_recent = opt->has_ts ? opt->ts_val : 0;
	tcb->rcv_nxt = tcb->rcv_acked = seg->seq + 1; /* IRS is one less */
	tcb->rcv_adv = tcb->rcv_nxt + tcp_syn_window(tcb->options);
}

/* Enters ESTABLISHED. False: the tcb is gone. */
static bool establish(struct tcb *tcb, uint32_t snd_wnd)
{
	struct stack *st = tcb->conn.stack;
	struct tcp_handshake hs = {
		.local = tcb->conn.local,
		.remote = tcb->conn.remote,
		.local_port = tcb->conn.local_port,
		.remote_port = tcb->conn.remote_port,
		.iss = tcb->iss,
		.irs = tcb->rcv_nxt - 1,
		.ts_offset = tcb->ts_offset,
		.ts_recent = tcb->ts_recent,
		.snd_wnd = snd_wnd,
		.peer_mss = tcb->peer_mss,
		.snd_scale = tcb->snd_scale,
		.rcv_scale = tcb->rcv_scale,
		.flags = tcb->flags & TCP_NEGOTIATED,
		.rcv_wnd = tcp_syn_window(tcb->options),
		.syn_retransmitted = tcb->backoff > 0,
	};
	if (tcb->backoff == 0) /* RFC 6298 3 */
		hs.rtt_us = (uint32_t)(st->now_ns / 1000) - tcb->syn_sent_us;
	tcp_timer_clear(tcb, TCP_TIMER_USER);
	tcb->syn_sent_us = 0; /* shares its place, see struct tcb */
	if (!tcb_establish(tcb, &hs)) {
		stack_count_drop(st, DROP_NO_MEMORY);
		tcb_fail(tcb, -ENOBUFS);
		return false;
	}
	st->counters.tcp_connected++;
	tcb_event(tcb, CONN_EV_CONNECTED);
	return true;
}

/* SYN_SENT: RFC 9293 3.10.7.3 */

/* 4th: both ends opened. Text and FIN are not acknowledged, so they come again. */
static enum drop_reason open_simultaneously(struct tcb *tcb, struct tcp_seg *seg)
{
	take_syn(tcb, seg);
	tcb->state = TCP_SYN_RCVD;
	tcb->flags |= TCB_ACK_NOW;
	tcb_output_later(tcb);
	return tcp_refuse(seg, DROP_NONE);
}

static void take_off_syn(struct tcp_seg *seg)
{
	seg->seq++;
	seg->flags &= (uint8_t)~(TH_SYN | TH_ECE | TH_CWR);
}

/*
 * Text and FIN of a segment whose SYN and ACK were processed. Its window, which was not scaled, is
 * rounded down to one that is.
 */
static enum drop_reason process_rest(struct tcb *tcb, struct tcp_seg *seg)
{
	if (seg->len == 0 && (seg->flags & TH_FIN) == 0)
		return tcp_refuse(seg, DROP_NONE);
	seg->wnd = (uint16_t)(seg->wnd >> tcb->snd_scale);
	return tcp_segment_arrives(tcb, seg);
}

/* 4th: our SYN is acknowledged. */
static enum drop_reason take_syn_ack(struct tcb *tcb, struct tcp_seg *seg)
{
	take_syn(tcb, seg);
	tcp_fast_open_learn(tcb, seg);
	/* RFC 7323 2.2: the window of a SYN is not scaled */
	if (!establish(tcb, seg->wnd))
		return tcp_refuse(seg, DROP_NONE);
	tcp_fast_open_acked(tcb, seg->ack - tcb->snd_una);
	tcb->flags |= TCB_ACK_NOW;
	tcb_output_later(tcb);
	take_off_syn(seg);
	return process_rest(tcb, seg);
}

enum drop_reason tcp_syn_sent_segment(struct tcb *tcb, struct tcp_seg *seg)
{
	struct stack *st = tcb->conn.stack;
	bool acks = (seg->flags & TH_ACK) != 0;
	/* 1st: SEG.ACK =< ISS or SEG.ACK > SND.NXT */
	if (acks && (seq_leq(seg->ack, tcb->iss) || seq_gt(seg->ack, tcb->snd_nxt))) {
		tcp_reply_reset(st, seg);
		return tcp_refuse(seg, DROP_TCP_REFUSED);
	}
	if (seg->flags & TH_RST) { /* 2nd */
		if (!acks)
			return tcp_refuse(seg, DROP_TCP_REFUSED);
		tcb_fail(tcb, -ECONNREFUSED);
		return tcp_refuse(seg, DROP_NONE);
	}
	if ((seg->flags & TH_SYN) == 0) /* 5th */
		return tcp_refuse(seg, DROP_TCP_REFUSED);
	return acks ? take_syn_ack(tcb, seg) : open_simultaneously(tcb, seg);
}

/* SYN_RCVD: RFC 9293 3.10.7.4 for that state */

static void challenge(struct tcb *tcb)
{
	if (tcp_challenge_allowed(tcb->conn.stack))
		tcp_emit_control(tcb, TH_ACK, tcb->snd_nxt);
}

/* RFC 7323 5.3 R1, then 1st. DROP_NONE: go on. */
static enum drop_reason check_sequence(struct tcb *tcb, const struct tcp_seg *seg)
{
	enum drop_reason reason = DROP_NONE;
	if ((tcb->flags & TCB_TS) && (seg->flags & TH_RST) == 0 &&
		tcp_is_from_the_past(seg, tcb->ts_recent))
		reason = DROP_TCP_PAWS;
	if (reason == DROP_NONE &&
		!tcp_is_acceptable(seg, tcb->rcv_nxt, tcb->rcv_adv - tcb->rcv_nxt))
		reason = DROP_TCP_WINDOW;
	if (reason != DROP_NONE && (seg->flags & TH_RST) == 0)
		challenge(tcb);
	return reason;
}

/* 2nd, by RFC 5961 3.2. An active open is refused; the passive one goes as it came. */
static enum drop_reason process_reset(struct tcb *tcb, const struct tcp_seg *seg)
{
	if (seg->seq != tcb->rcv_nxt) {
		challenge(tcb);
		return DROP_TCP_CHALLENGED;
	}
	tcb_fail(tcb, tcb->flags & TCB_PASSIVE ? -ECONNRESET : -ECONNREFUSED);
	return DROP_NONE;
}

/* What a cookie opened is established now: all is as it shall be but the state. */
static void confirm(struct tcb *tcb)
{
	tcp_fast_open_forget(tcb);
	tcb->state = tcb->flags & TCB_FIN_QUEUED ? TCP_FIN_WAIT_1 : TCP_ESTABLISHED;
	tcb->backoff = 0;
	tcp_timer_clear(tcb, TCP_TIMER_RTX);
	tcp_rtx_arm(tcb);
	tcb_output_later(tcb);
}

/* 5th: SND.UNA < SEG.ACK =< SND.NXT, and on as in ESTABLISHED. RFC 7323 2.2: a SYN has no scale. */
static enum drop_reason process_ack(struct tcb *tcb, struct tcp_seg *seg, bool had_syn)
{
	if (seq_leq(seg->ack, tcb->iss) || seq_gt(seg->ack, tcb->snd_nxt)) {
		tcp_reply_reset(tcb->conn.stack, seg);
		return tcp_refuse(seg, DROP_TCP_REFUSED);
	}
	if (tcp_is_fast_open_server(tcb))
		confirm(tcb);
	else if (!establish(tcb, (uint32_t)seg->wnd << (had_syn ? 0 : tcb->snd_scale)))
		return tcp_refuse(seg, DROP_NONE);
	return had_syn ? process_rest(tcb, seg) : tcp_segment_arrives(tcb, seg);
}

enum drop_reason tcp_syn_rcvd_segment(struct tcb *tcb, struct tcp_seg *seg)
{
	/* Of Fast Open, rcv_nxt counts the data that came with the SYN; snd_wl1 is still IRS. */
	uint32_t irs = tcp_is_fast_open_server(tcb) ? tcb->snd_wl1 : tcb->rcv_nxt - 1;
	bool again = (seg->flags & TH_SYN) && seg->seq == irs;
	if (again && (seg->flags & (TH_ACK | TH_RST)) == 0) {
		/* The peer's SYN once more: our SYN-ACK was lost. */
		tcb->flags |= TCB_ACK_NOW;
		tcb_output_later(tcb);
		return tcp_refuse(seg, DROP_NONE);
	}
	if (again) /* the peer's SYN-ACK: its SYN is known (RFC 9293 3.5, figure 7) */
		take_off_syn(seg);
	enum drop_reason reason = check_sequence(tcb, seg);
	if (reason != DROP_NONE)
		return tcp_refuse(seg, reason);
	if (seg->flags & TH_RST)
		return tcp_refuse(seg, process_reset(tcb, seg));
	if (seg->flags & TH_SYN) { /* 4th, by RFC 5961 4.2 */
		challenge(tcb);
		return tcp_refuse(seg, DROP_TCP_CHALLENGED);
	}
	if ((seg->flags & TH_ACK) == 0) /* 5th */
		return tcp_refuse(seg, DROP_TCP_NO_ACK);
	return process_ack(tcb, seg, again);
}
