/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Text and FIN of an acceptable segment, the acknowledgments they ask for, and the receive window.
 *
 * Called from tcp_segment.c, tcp_timer.c and tcp_conn.c. Calls tcp_reass.c for what comes out of
 * order.
 */
#include "stack/base/apart.h"
#include "stack/tcp/tcp_window.h"

#define DELAYED_ACK_MS 40u /* RFC 9293 3.8.6.3: less than 0.5 s */
#define ECN_MASK       3u
#define ECN_CE         3u
#define WINDOW_LEAST   4096u /* two segments of Ethernet */
#define PBUFS_LEAST    16u
#define RTT_GUESS_MS   200u

/* Acknowledgments */

static inline void acknowledge_now(struct tcb *tcb)
{
	tcb->flags |= TCB_ACK_NOW;
	tcb_output_later(tcb);
}

/*
 * RFC 9293 3.8.6.3, RFC 5681 4.2: at least each second full-sized segment, at the latest soon; at
 * once where something else asked for it.
 */
INLINE void acknowledge_in_order(struct tcb *tcb)
{
	if (tcb->rcv_nxt - tcb->rcv_acked >= 2u * tcb->rcv_mss ||
		(tcb->flags & (TCB_NO_DELAYED_ACK | TCB_ACK_NOW))) {
		acknowledge_now(tcb);
	} else if ((tcb->flags & TCB_ACK_DELAYED) == 0) {
		tcb->flags |= TCB_ACK_DELAYED;
		tcp_timer_set(tcb, TCP_TIMER_ACK, DELAYED_ACK_MS);
	}
}

/*
 * RFC 5681 4.2: a gap is told at once. A peer without SACK counts how often, so that it gets one for
 * each segment, however many come in a turn.
 */
static void acknowledge_gap(struct tcb *tcb, uint32_t segments)
{
	if (tcb->flags & TCB_SACK) {
		acknowledge_now(tcb);
		return;
	}
	for (; segments > 0; segments--)
		tcp_emit_control(tcb, TH_ACK, tcb->snd_nxt);
}

/*
 * What waited so long is hardly worth two full segments: the path may take smaller ones than it did,
 * each second of which is to be acknowledged, too. The next full one puts right what is too small.
 */
void tcp_delayed_ack_due(struct tcb *tcb)
{
	uint32_t half = (tcb->rcv_nxt - tcb->rcv_acked) / 2;
	if (half >= TCP_MSS_DEFAULT4 && half < tcb->rcv_mss)
		tcb->rcv_mss = (uint16_t)half;
	acknowledge_now(tcb);
}

/* RFC 3168 6.1.3: ECE from the first CE on until the peer says CWR; each CE is told at once. */
static void process_ecn(struct tcb *tcb, const struct tcp_seg *seg)
{
	if ((tcb->flags & TCB_ECN) == 0)
		return;
	if (seg->flags & TH_CWR)
		tcb->flags &= ~(uint32_t)TCB_ECE;
	if ((seg->rx.tos & ECN_MASK) != ECN_CE)
		return;
	tcb->flags |= TCB_ECE | TCB_ACK_NOW;
}

/* Window */

/*
 * Less than rcv_buf, but two segments in any case: whoever reads what comes goes on. What is held
 * already counts, so that those who do not read shrink first.
 */
uint32_t tcp_short_buffer(const struct tcb *tcb)
{
	uint32_t pressure = tcb->conn.stack->pressure;
	uint32_t share = (uint32_t)((uint64_t)tcb->rcv_buf * (STACK_PRESSURE_FULL - pressure) /
		STACK_PRESSURE_FULL);
	uint32_t least = 2u * tcb->rcv_mss > WINDOW_LEAST ? 2u * tcb->rcv_mss : WINDOW_LEAST;
	return share > least ? share : least < tcb->rcv_buf ? least : tcb->rcv_buf;
}

/* One who only receives knows none after a handshake that could not be timed: a long one, then. */
static uint32_t round_trip_ms(const struct tcb *tcb)
{
	return tcb->srtt_us != 0 ? tcb->srtt_us / 1000 : RTT_GUESS_MS;
}

/*
 * Dynamic right-sizing: what arrived within a round trip is what the path carries; twice that lets
 * a sender in slow start double. Only the application's reading makes room for more, so that a
 * reader who stops is bound by what there was.
 */
static void grow_buffer(struct tcb *tcb)
{
	uint32_t passed_ms = tcp_now_ms(tcb->conn.stack) - tcb->rcv_space_ms;
	if ((tcb->flags & TCB_RCV_AUTO) == 0 || passed_ms == 0 || passed_ms <= round_trip_ms(tcb))
		return;
	uint32_t arrived = tcb->rcv_nxt - tcb->rcv_space_seq;
	tcb->rcv_space_seq = tcb->rcv_nxt;
	tcb->rcv_space_ms += passed_ms;
	if (arrived <= tcb->rcv_buf / 2 || stack_is_short(tcb->conn.stack))
		return;
	tcb->rcv_buf = arrived < TCP_RCV_BUF_MAX / 2 ? 2 * arrived : TCP_RCV_BUF_MAX;
}

/* Tells the peer of a window that at least doubled: data brings its own acknowledgments. */
void conn_recved(struct conn *conn, uint32_t bytes)
{
	struct tcb *tcb = tcb_of(conn);
	stack_enter(conn->stack);
	tcb->rcv_held -= bytes < tcb->rcv_held ? bytes : tcb->rcv_held;
	if (tcb->state < TCP_ESTABLISHED || (tcb->flags & TCB_FIN_RECEIVED))
		return;
	grow_buffer(tcb);
	uint32_t told = seq_gt(tcb->rcv_adv, tcb->rcv_nxt) ? tcb->rcv_adv - tcb->rcv_nxt : 0;
	uint32_t now = tcp_receive_window(tcb);
	if (now > told && now >= 2 * told)
		acknowledge_now(tcb);
}

void conn_want(struct conn *conn)
{
	struct tcb *tcb = tcb_of(conn);
	uint32_t room = tcp_receive_room(tcb), window = room + (1u << tcb->rcv_scale) - 1;
	uint32_t most = (uint32_t)UINT16_MAX << tcb->rcv_scale;
	uint32_t edge = tcb->rcv_nxt + (window < most ? window : most);
	stack_enter(conn->stack);
	if (tcb->state < TCP_ESTABLISHED || (tcb->flags & TCB_FIN_RECEIVED) || room == 0 ||
		!seq_gt(edge, tcb->rcv_adv))
		return;
	tcb->rcv_adv = edge;
	acknowledge_now(tcb);
}

/* Text */

static void append(struct tcb *tcb, struct tcp_seg *seg)
{
	struct conn *conn = &tcb->conn;
	if (conn->rxq == NULL) {
		conn->rxq = seg->rx.p;
		tcb->rxq_pbufs = (uint16_t)seg->parts; /* a byte each at least */
	} else {
		uint32_t pbufs = tcb->rxq_pbufs + seg->parts;
		conn->rxq_last->next = seg->rx.p;
		tcb->rxq_pbufs = pbufs < UINT16_MAX ? (uint16_t)pbufs : UINT16_MAX;
	}
	conn->rxq_last = seg->last;
	conn->rxq_len += seg->len;
}

/* Bytes that are next, for a socket that is there. Owns the payload. */
static inline void deliver(struct tcb *tcb, struct tcp_seg *seg)
{
	tcb->rcv_nxt += seg->len;
	tcb->rcv_held += seg->len;
	append(tcb, seg);
	tcb_tell(tcb, CONN_EV_READABLE);
}

bool tcp_pins_too_many(const struct tcb *tcb, uint32_t pbufs)
{
	const struct stack *st = tcb->conn.stack;
	uint64_t mss = tcb->rcv_mss;
	if (st->pressure == 0)
		return false;
	return !stack_may_keep(st, true) || pbufs * mss >= 2ull * tcb->rcv_buf + PBUFS_LEAST * mss;
}

static inline bool is_short(const struct tcb *tcb)
{
	return __builtin_expect(tcb->conn.stack->pressure != 0, 0);
}

APART bool may_take_while_short(const struct tcb *tcb)
{
	if (tcb->rcv_held == 0)
		return stack_may_keep(tcb->conn.stack, false);
	return !tcp_pins_too_many(tcb, tcb->conn.rxq != NULL ? tcb->rxq_pbufs : 0);
}

static inline bool may_take(const struct tcb *tcb)
{
	return !is_short(tcb) || may_take_while_short(tcb);
}

enum drop_reason tcp_take_text(struct tcb *tcb, struct tcp_seg *seg)
{
	if (tcb->flags & TCB_RELEASED) {
		tcb->rcv_nxt += seg->len;
		pbuf_free(seg->rx.p);
		return DROP_CONN_CLOSED;
	}
	deliver(tcb, seg);
	return DROP_NONE;
}

/* RFC 9293 3.10.7.4 (8th): it stands behind all that was received. */
static void take_fin(struct tcb *tcb)
{
	tcb->rcv_nxt++;
	tcb->flags |= TCB_FIN_RECEIVED;
	tcb_event(tcb, CONN_EV_FIN);
	acknowledge_now(tcb);
}

/* What was received before, and what is beyond the window (RFC 9293 3.10.7.4, 1st, end). */
static void trim(struct tcb *tcb, struct tcp_seg *seg)
{
	if (seq_lt(seg->seq, tcb->rcv_nxt)) {
		uint32_t old = tcb->rcv_nxt - seg->seq;
		tcp_reass_note_duplicate(
			tcb, seg->seq, seg->seq + (old < seg->len ? old : seg->len));
		tcp_seg_trim_front(seg, old < seg->len ? old : seg->len);
		acknowledge_now(tcb);
	}
	uint32_t window = tcb->rcv_adv - seg->seq;
	if (seg->len > window) {
		tcp_seg_trim_back(seg, window);
		seg->flags &= (uint8_t)~TH_FIN;
	}
}

static void note_size(struct tcb *tcb, const struct tcp_seg *seg)
{
	if (seg->len <= tcb->rcv_mss) /* then no part of it is larger */
		return;
	uint32_t size = seg->len / seg->parts;
	if (size > tcb->rcv_mss)
		tcb->rcv_mss = (uint16_t)size;
}

APART enum drop_reason refuse(struct tcp_seg *seg)
{
	pbuf_free(seg->rx.p);
	return DROP_TCP_NO_BUFFERS;
}

static enum drop_reason in_order(struct tcb *tcb, struct tcp_seg *seg)
{
	bool fin = (seg->flags & TH_FIN) != 0;
	enum drop_reason reason = DROP_NONE;
	/* What a closed socket gets is not kept, so that no buffers are too few for it. */
	if (seg->len > 0 && (tcb->flags & TCB_RELEASED) == 0 && !may_take(tcb))
		return refuse(seg);
	if (seg->len > 0)
		reason = tcp_take_text(tcb, seg);
	if (tcb->reass != NULL) {
		if (fin) /* nothing is behind it, whoever says so */
			tcp_reass_free(tcb);
		else
			fin = tcp_reass_deliver(tcb);
		acknowledge_now(tcb); /* RFC 5681 4.2: it fills a gap */
	}
	if (fin)
		take_fin(tcb);
	else
		acknowledge_in_order(tcb);
	return reason;
}

INLINE enum drop_reason take_expected(struct tcb *tcb, struct tcp_seg *seg)
{
	deliver(tcb, seg);
	acknowledge_in_order(tcb);
	return DROP_NONE;
}

APART enum drop_reason take_expected_while_short(struct tcb *tcb, struct tcp_seg *seg)
{
	return may_take(tcb) ? take_expected(tcb, seg) : refuse(seg);
}

enum drop_reason tcp_process_expected(struct tcb *tcb, struct tcp_seg *seg)
{
	process_ecn(tcb, seg);
	note_size(tcb, seg);
	if (is_short(tcb))
		return take_expected_while_short(tcb, seg);
	return take_expected(tcb, seg);
}

enum drop_reason tcp_process_text(struct tcb *tcb, struct tcp_seg *seg)
{
	process_ecn(tcb, seg);
	note_size(tcb, seg);
	if (seg->seq != tcb->rcv_nxt || seg->len > tcb->rcv_adv - tcb->rcv_nxt)
		trim(tcb, seg);
	if (seg->len == 0 && (seg->flags & TH_FIN) == 0)
		return DROP_NONE; /* nothing in it was new */
	if (seg->seq == tcb->rcv_nxt)
		return in_order(tcb, seg);
	acknowledge_gap(tcb, seg->parts);
	return tcp_reass_insert(tcb, seg);
}
