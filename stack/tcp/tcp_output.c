/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What leaves a connection: lost bytes again, new bytes, acknowledgments.
 *
 * Called once a turn for each connection on the output list (tcp_flush_output), and for single
 * segments from wherever one must leave at once. Calls ip_output.
 *
 * tcp_output decides how much may leave: the peer's window, the congestion window, pacing, Nagle.
 * emit sends one range of the send queue, first or again, as one packet, which is a super-segment
 * where it is longer than the MSS. The payload is referenced, never copied or changed; the header is
 * made anew each time. What is sent for the first time leaves in one piece of code, from send_all to
 * the device: that is the way of most (scripts/check_cost).
 */
#include "lwip/prot/ip.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include <string.h>

#include "stack/base/apart.h"
#include "stack/base/bytes.h"
#include "stack/ip_output_internal.h"
#include "stack/tcp/tcp_loss.h"
#include "stack/tcp/tcp_window.h"

#define SUPER_SEGMENT_MAX 64000u     /* bytes of payload: with all headers below 65,536 */
#define PACE_SLACK_NS     1000000ULL /* a timer's tick: what may leave ahead of its time */
#define NS_PER_S          1000000000ULL
#define NS_PER_MS         1000000ULL
#define ECN_ECT0          2u

/* A header while it is made, with room for what goes before it. */
struct room {
	uint8_t before[IP_OUTPUT_ROOM];
	uint8_t l4[TCP_HEADER_MAX];
};

/* Header */

INLINE uint8_t *put_timestamps(const struct tcb *tcb, uint8_t *at)
{
	be32_put(at, TCPOPT_TIMESTAMPS_ALONE);
	be32_put(at + 4, tcp_now_ms(tcb->conn.stack) + tcb->ts_offset);
	be32_put(at + 8, tcb->ts_recent);
	return at + TCPOLEN_TIMESTAMPS_PADDED;
}

/* RFC 2018 3; without payload there is always room for what tcp_reass_sack_blocks gives. */
static uint8_t *put_sack(struct tcb *tcb, uint8_t *at)
{
	struct tcp_sack_block blocks[TCP_SACK_MAX];
	unsigned count = tcp_reass_sack_blocks(tcb, blocks);
	if (count == 0)
		return at;
	be32_put(at,
		TCPOPT_NOP << 24 | TCPOPT_NOP << 16 | TCPOPT_SACK << 8 |
			(2 + count * TCPOLEN_SACK_BLOCK));
	at += 4;
	for (unsigned i = 0; i < count; i++, at += TCPOLEN_SACK_BLOCK) {
		be32_put(at, blocks[i].start);
		be32_put(at + 4, blocks[i].end);
	}
	return at;
}

/* The fixed part; flags and options are in place. */
INLINE void put_fixed(struct tcb *tcb, uint8_t *l4, uint32_t seq, uint8_t flags)
{
	be16_put(l4 + TCP_AT_SOURCE, tcb->conn.local_port);
	be16_put(l4 + TCP_AT_DESTINATION, tcb->conn.remote_port);
	be32_put(l4 + TCP_AT_SEQ, seq);
	be32_put(l4 + TCP_AT_ACK, flags & TH_ACK ? tcb->rcv_nxt : 0);
	l4[TCP_AT_FLAGS] = flags;
	be16_put(l4 + TCP_AT_WINDOW, tcp_window_field(tcb));
	be32_put(l4 + TCP_AT_CHECKSUM, 0); /* and no urgent pointer */
}

INLINE struct ip_packet packet_of(const struct tcb *tcb, struct room *room)
{
	return (struct ip_packet){
		.dst = tcb->dst,
		.local = &tcb->conn.local,
		.remote = &tcb->conn.remote,
		.l4 = room->l4,
		.proto = IP_PROTO_TCP,
		.tos = tcb->options->tos,
		.ttl = tcb->options->ttl,
		.dont_fragment = true, /* RFC 1191 */
	};
}

INLINE void end_header(struct ip_packet *packet, const uint8_t *end)
{
	unsigned length = (unsigned)(end - packet->l4);
	packet->l4[TCP_AT_OFFSET] = (uint8_t)(length / 4 << 4);
	packet->l4_length = (uint16_t)length;
}

/* An acknowledgment of all that was received has left. */
static void acknowledged(struct tcb *tcb)
{
	tcb->rcv_acked = tcb->rcv_nxt;
	tcb->flags &= ~(uint32_t)(TCB_ACK_NOW | TCB_ACK_DELAYED);
	tcp_timer_clear(tcb, TCP_TIMER_ACK);
}

/* So has that of a segment with payload, but for SACK, which then has to follow (RFC 2018 4). */
static void acknowledged_by_text(struct tcb *tcb)
{
	bool owes_sack =
		tcb->reass != NULL && (tcb->flags & TCB_SACK) && (tcb->flags & TCB_ACK_NOW);
	acknowledged(tcb);
	if (owes_sack)
		tcb->flags |= TCB_ACK_NOW;
}

static uint8_t ecn_flags(const struct tcb *tcb)
{
	return tcb->flags & TCB_ECE ? TH_ECE : 0;
}

/* Payload */

static uint8_t data_flags(const struct tcb *tcb, const struct tcp_txseg *txseg, bool again)
{
	uint8_t flags = TH_ACK | ecn_flags(tcb);
	if (txseg->flags & TXSEG_FIN)
		flags |= TH_FIN | TH_PSH;
	else if (txseg->seq + txseg->len ==
		tcb->snd_end) /* RFC 9293 3.9.1.2: nothing is held back */
		flags |= TH_PSH;
	if ((tcb->flags & TCB_CWR) && !again)
		flags |= TH_CWR;
	return flags;
}

/* RFC 3168 6.1.5, 6.1.6: what is sent again carries no ECT, nor does a window probe. */
static uint8_t ect(const struct tcb *tcb, const struct tcp_txseg *txseg)
{
	bool probe = seq_gt(txseg->seq + txseg->len, tcb->snd_una + tcb->snd_wnd);
	return !probe && txseg->len > 0 ? ECN_ECT0 : 0;
}

/*
 * Bytes of the send queue as one packet. st is the tcb's, which the caller has at hand. From flags on:
 * what it knows of them when this is compiled costs nothing.
 */
INLINE enum drop_reason emit_text(struct stack *st, struct tcb *tcb, const struct tcp_txseg *text,
	uint8_t flags, uint8_t ecn, uint16_t gso_size, bool timestamps)
{
	struct room room;
	struct ip_packet packet = packet_of(tcb, &room);
	uint8_t *end = room.l4 + TCP_HEADER;
	put_fixed(tcb, room.l4, text->seq, flags);
	if (timestamps)
		end = put_timestamps(tcb, end);
	end_header(&packet, end);
	packet.payload = text->p;
	packet.offset = text->offset;
	packet.length = text->len;
	packet.gso_size = gso_size;
	packet.tos |= ecn;
	enum drop_reason reason = ip_output_inline(st, &packet);
	if (reason != DROP_NONE) {
		/* Another connection learnt of a smaller path MTU. */
		if (reason == DROP_TX_TOO_LONG)
			tcb_update_mss(tcb);
		return reason;
	}
	st->counters.tcp_tx_segments += gso_size != 0 ? (text->len + gso_size - 1) / gso_size : 1;
	return DROP_NONE;
}

/* again: known when this is compiled. */
INLINE enum drop_reason emit(struct tcb *tcb, struct tcp_txseg *txseg, bool again)
{
	uint8_t flags = data_flags(tcb, txseg, again);
	uint8_t ecn = (tcb->flags & TCB_ECN) && !again ? ect(tcb, txseg) : 0;
	uint16_t gso_size = txseg->len > tcb->snd_mss ? tcb->snd_mss : 0;
	bool timestamps = (tcb->flags & TCB_TS) != 0;
	enum drop_reason reason =
		emit_text(tcb->conn.stack, tcb, txseg, flags, ecn, gso_size, timestamps);
	if (reason != DROP_NONE)
		return reason;
	acknowledged_by_text(tcb);
	if (flags & TH_CWR)
		tcp_recovery_told(tcb, txseg);
	if (again)
		tcp_loss_sent_again(tcb, txseg);
	else
		tcp_loss_sent(tcb, txseg);
	return DROP_NONE;
}

enum drop_reason tcp_emit_again(struct tcb *tcb, struct tcp_txseg *txseg)
{
	return emit(tcb, txseg, true);
}

/* Without payload */

/*
 * A probe that the peer has no room for leaves snd_nxt beyond its window: what stands there is not
 * heard (RFC 9293 3.10.7.4, 1st). But a window that was rounded down (RFC 7323 2.4) is what it was, and
 * the peer may have all: then what stands below snd_nxt is not heard either, and where both ends filled
 * the other's window at once, neither would hear anything any more.
 */
static uint32_t within_window(const struct tcb *tcb, uint32_t seq)
{
	uint32_t edge = tcb->snd_una + tcb->snd_wnd, beyond = seq - edge;
	bool rounded = beyond >> tcb->snd_scale == 0 && (tcb->snd_wnd != 0 || beyond > 1);
	return tcb->state >= TCP_ESTABLISHED && seq_gt(seq, edge) && !rounded ? edge : seq;
}

static enum drop_reason emit_control(struct tcb *tcb, uint8_t flags, uint32_t seq)
{
	struct room room;
	struct ip_packet packet = packet_of(tcb, &room);
	uint8_t *end = room.l4 + TCP_HEADER;
	put_fixed(tcb, room.l4, within_window(tcb, seq), flags | ecn_flags(tcb));
	if (tcb->flags & TCB_TS)
		end = put_timestamps(tcb, end);
	if ((flags & TH_RST) == 0)
		end = put_sack(tcb, end);
	end_header(&packet, end);
	enum drop_reason reason = ip_output(tcb->conn.stack, &packet);
	if (reason != DROP_NONE)
		return reason;
	acknowledged(tcb);
	tcb->conn.stack->counters.tcp_tx_segments++;
	return DROP_NONE;
}

void tcp_emit_control(struct tcb *tcb, uint8_t flags, uint32_t seq)
{
	stack_count_unsent(tcb->conn.stack, emit_control(tcb, flags, seq));
}

/* RFC 9293 3.7.1 (MUST-14, MUST-67): what the interface takes, whatever the path does. */
uint16_t tcp_announced_mss(const struct dst *dst, const ip_addr_t *remote)
{
	bool ip6 = IP_IS_V6(remote);
	unsigned headers = (ip6 ? IP6_HLEN : IP_HLEN) + TCP_HEADER;
	return (uint16_t)(nif_mtu(dst_nif(dst), ip6) - headers);
}

/* Bytes that a Fast Open SYN carries (RFC 7413 4.1.2): what is queued and fits into one segment. */
static uint32_t syn_payload(const struct tcb *tcb, const struct tcp_header *header)
{
	uint32_t queued = tcb->snd_end - (tcb->iss + 1), most = tcb->snd_mss;
	if (header->fast_open_length == 0 || tcb->sndq == NULL || tcb->backoff > 0)
		return 0;
	if (tcb->flags & TCB_FIN_QUEUED)
		queued--;
	return queued < most ? queued : most;
}

enum drop_reason tcp_emit_syn(struct tcb *tcb, uint32_t *text)
{
	struct room room;
	struct ip_packet packet = packet_of(tcb, &room);
	bool answer = tcb->state == TCP_SYN_RCVD; /* simultaneous open, or Fast Open's server */
	struct tcp_header header = {
		.local_port = tcb->conn.local_port,
		.remote_port = tcb->conn.remote_port,
		.seq = tcb->iss,
		.ack = answer ? tcb->rcv_nxt : 0,
		.wnd = tcp_syn_window(tcb->options),
		.flags = answer ? TH_SYN | TH_ACK : TH_SYN,
		.mss = tcp_announced_mss(tcb->dst, &tcb->conn.remote),
		.sack_permitted = !answer || (tcb->flags & TCB_SACK),
		.has_ts = !answer || (tcb->flags & TCB_TS),
		.has_wscale = !answer || (tcb->flags & TCB_WSCALE),
		.wscale = tcb->rcv_scale,
		.ts_val = tcp_now_ms(tcb->conn.stack) + tcb->ts_offset,
		.ts_ecr = answer ? tcb->ts_recent : 0,
	};
	tcp_syn_ecn(tcb, &header);
	tcp_syn_fast_open(tcb, &header);
	packet.l4_length = (uint16_t)tcp_header_write(packet.l4, &header);
	packet.payload = answer ? NULL : tcb->sndq;
	packet.length = answer ? 0 : syn_payload(tcb, &header);
	enum drop_reason reason = ip_output(tcb->conn.stack, &packet);
	if (reason != DROP_NONE)
		return reason;
	*text = packet.length;
	tcb->rcv_adv = tcb->rcv_nxt + header.wnd;
	tcb->conn.stack->counters.tcp_tx_segments++;
	return DROP_NONE;
}

/* How much may leave */

/* Sequence numbers that the peer's window still takes. */
static uint32_t usable_window(const struct tcb *tcb)
{
	uint32_t edge = tcb->snd_una + tcb->snd_wnd;
	return seq_gt(edge, tcb->snd_nxt) ? edge - tcb->snd_nxt : 0;
}

static uint32_t congestion_room(const struct tcb *tcb)
{
	uint32_t in_flight = tcp_in_flight(tcb), window = tcb->cc.cwnd;
	return window > in_flight ? window - in_flight : 0;
}

/* Bytes not sent yet, our FIN not counted. */
static uint32_t unsent(const struct tcb *tcb)
{
	uint32_t queued = tcb->snd_end - tcb->snd_nxt;
	return queued > 0 && (tcb->flags & TCB_FIN_QUEUED) ? queued - 1 : queued;
}

/* Pacing: what leaves within a tick leaves at once, then the timer has a say. */
static bool may_send_now(struct tcb *tcb)
{
	if (tcb->cc.pacing_rate == 0 || tcb->tx->unpaced > 0)
		return true;
	uint64_t now = tcb->conn.stack->now_ns, at = tcb->tx->pace_ns;
	if (at <= now + PACE_SLACK_NS)
		return true;
	tcp_timer_set(tcb, TCP_TIMER_PACE, (uint32_t)((at - now) / NS_PER_MS));
	return false;
}

/*
 * What left later than it might have, for want of room, lets what follows leave the sooner, by the
 * time of a segment at most. Else the second segment of an ACK that widens the window holds up those
 * behind it, and a window that is full makes a round trip longer than it is.
 */
static void pace(struct tcb *tcb, uint32_t bytes)
{
	uint64_t now = tcb->conn.stack->now_ns, rate = tcb->cc.pacing_rate;
	struct tcp_send *tx = tcb->tx;
	tx->unpaced -= bytes < tx->unpaced ? bytes : tx->unpaced;
	if (rate == 0 || tx->unpaced > 0)
		return;
	uint64_t late_ns = tcb->snd_mss * NS_PER_S / rate;
	if (tx->pace_ns + late_ns < now)
		tx->pace_ns = now - late_ns;
	tx->pace_ns += bytes * NS_PER_S / rate;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Largest packet: whole segments, of what the congestion control wants to leave at once. */
static uint32_t packet_limit(const struct tcb *tcb)
{
	uint32_t mss = tcb->snd_mss, limit = least(SUPER_SEGMENT_MAX, NIF_GSO_SEGMENTS_MAX * mss);
	if (tcb->cc.pacing_rate != 0 && tcb->tx->unpaced == 0 && tcb->cc.send_quantum < limit)
		limit = tcb->cc.send_quantum;
	if (limit < 2 * mss)
		limit = 2 * mss;
	return limit - limit % mss;
}

/* Again */

/* False: the device took no more, or there is no memory: the next turn goes on. */
APART bool send_lost(struct tcb *tcb)
{
	struct tcp_txseg *txseg;
	while ((txseg = tcp_next_lost(tcb)) != NULL) {
		uint32_t room = congestion_room(tcb), limit = packet_limit(tcb);
		if ((room < tcb->snd_mss && room < txseg->len) || !may_send_now(tcb))
			return true;
		room -= room % tcb->snd_mss;
		if (limit > room && room > 0)
			limit = room;
		if (txseg->len > limit && !tcp_txseg_split(tcb, txseg, txseg->seq + limit))
			return false;
		if (tcp_emit_again(tcb, txseg) != DROP_NONE)
			return false;
		pace(tcb, txseg->len);
	}
	return true;
}

/* What else a turn may ask for: an ACK that no text carried, another turn. */
APART void finish(struct tcb *tcb)
{
	if ((tcb->flags & TCB_ACK_NOW) && emit_control(tcb, TH_ACK, tcb->snd_nxt) != DROP_NONE)
		tcb->flags |= TCB_BLOCKED;
	if (tcb->flags & TCB_BLOCKED)
		tcb_output_later(tcb);
}

/* For the first time */

/*
 * RFC 9293 3.8.6.2.1, sender's avoidance of the silly window syndrome, and 3.7.4, Nagle: of what
 * may leave, how much is worth a packet now. left: bytes not sent yet.
 */
static uint32_t worth_sending(const struct tcb *tcb, uint32_t left, uint32_t may)
{
	uint32_t mss = tcb->snd_mss;
	if (mss == 0) /* no handshake yet */
		return 0;
	bool all = may >= left;
	bool prompt =
		(tcb->flags & (TCB_NO_DELAY | TCB_FIN_QUEUED)) != 0 || tcb->snd_una == tcb->snd_nxt;
	if (all && (prompt || left % mss == 0))
		return left;
	if (all) /* its last, small part waits */
		may = left;
	if (may >= mss)
		return may - may % mss;
	/* Not a full segment, and not all: the window is small, not the data. */
	return !all && may >= tcb->snd_wnd_max / 2 ? may : 0;
}

/* Whether our FIN goes with what ends at `end`. */
static bool fin_follows(const struct tcb *tcb, uint32_t end)
{
	return (tcb->flags & TCB_FIN_QUEUED) && end + 1 == tcb->snd_end &&
		seq_lt(end, tcb->snd_una + tcb->snd_wnd);
}

static struct tcp_txseg *new_txseg(struct tcb *tcb, uint32_t seq, uint32_t length, bool fin)
{
	struct tcp_send *tx = tcb->tx;
	struct tcp_txseg *txseg = slab_alloc(&tcp_of(tcb->conn.stack)->txsegs);
	if (txseg == NULL) {
		stack_count_drop(tcb->conn.stack, DROP_NO_MEMORY);
		return NULL;
	}
	/* Lists and times are written when it is sent. */
	txseg->seq = seq;
	txseg->len = length;
	txseg->p = length > 0 ? tx->next : NULL;
	txseg->offset = tx->next_offset;
	txseg->flags = fin ? TXSEG_FIN : 0;
	txseg->retransmissions = 0;
	txseg->sacked = 0;
	return txseg;
}

/* snd_nxt and the place in the queue move behind what was sent. */
INLINE void advance(struct tcb *tcb, const struct tcp_txseg *txseg)
{
	struct tcp_send *tx = tcb->tx;
	uint32_t left = txseg->len + tx->next_offset;
	while (tx->next != NULL && left >= tx->next->len) {
		left -= tx->next->len;
		tx->next = tx->next->next;
	}
	tx->next_offset = left;
	tcb->snd_nxt = tcp_txseg_end(txseg);
	if (txseg->flags & TXSEG_FIN && (tcb->flags & TCB_FIN_SENT) == 0) {
		tcb->flags |= TCB_FIN_SENT;
		tcb_event(tcb, CONN_EV_SENT);
	}
}

/* One packet of new bytes. False: the device took none, or no memory. */
INLINE bool send_some(struct tcb *tcb, uint32_t length, bool fin)
{
	struct tcp_txseg *txseg = new_txseg(tcb, tcb->snd_nxt, length, fin);
	if (txseg == NULL)
		return false;
	TAILQ_INSERT_TAIL(&tcb->tx->inflight, txseg, entry);
	if (emit(tcb, txseg, false) != DROP_NONE) {
		TAILQ_REMOVE(&tcb->tx->inflight, txseg, entry);
		slab_free(&tcp_of(tcb->conn.stack)->txsegs, txseg);
		return false;
	}
	advance(tcb, txseg);
	pace(tcb, txseg->len);
	return true;
}

INLINE bool send_new(struct tcb *tcb)
{
	while (tcb->snd_nxt != tcb->snd_end) {
		uint32_t left = unsent(tcb), length = 0;
		if (left > 0) {
			uint32_t room = congestion_room(tcb), window = usable_window(tcb);
			length = worth_sending(tcb, left, least(room, window));
			if (length == 0 || !may_send_now(tcb))
				return true;
			if (length > tcb->snd_mss)
				length = least(length, packet_limit(tcb));
		}
		bool fin = fin_follows(tcb, tcb->snd_nxt + length);
		/* RFC 5681 says nothing of a bare FIN: it may leave though cwnd is full. */
		if (length == 0 && !fin)
			return true;
		if (!send_some(tcb, length, fin))
			return false;
	}
	return true;
}

bool tcp_output_probe(struct tcb *tcb, uint32_t max)
{
	uint32_t length = least(unsent(tcb), max);
	if (length == 0 && tcb->snd_nxt == tcb->snd_end)
		return false;
	return send_some(tcb, length, length == 0 || fin_follows(tcb, tcb->snd_nxt + length));
}

/* The window is not full for want of data: samples of the delivery rate are too low from now on. */
static void note_app_limited(struct tcb *tcb)
{
	if (unsent(tcb) == 0 && TAILQ_EMPTY(&tcb->tx->to_resend) &&
		tcp_in_flight(tcb) < tcb->cc.cwnd)
		tcp_rate_app_limited(tcb);
}

/* New bytes once all that is lost was sent again. */
static bool send_all(struct tcb *tcb)
{
	if (tcp_next_lost(tcb) != NULL) {
		if (!send_lost(tcb))
			return false;
		if (tcp_next_lost(tcb) != NULL)
			return true;
	}
	return send_new(tcb);
}

static void send_text(struct tcb *tcb)
{
	if (tcb->snd_una == tcb->snd_nxt)
		tcp_idle_restart(tcb);
	if (tcb_send_state(tcb) == NULL) {
		tcb->flags |= TCB_BLOCKED;
		return;
	}
	if (!send_all(tcb))
		tcb->flags |= TCB_BLOCKED;
	if (tcb->cc.ops->rate_samples)
		note_app_limited(tcb);
	tcp_rtx_arm(tcb);
}

/* Before ESTABLISHED. True: text may leave all the same (RFC 7413 4.2.2). */
APART bool output_early(struct tcb *tcb)
{
	if (tcb->state == TCP_CLOSED)
		return false;
	tcp_syn_output(tcb);
	return tcp_is_fast_open_server(tcb);
}

APART void output(struct tcb *tcb)
{
	if (tcb->state < TCP_ESTABLISHED && !output_early(tcb))
		return;
	tcb->flags &= ~(uint32_t)TCB_BLOCKED;
	if (tcb->tx == NULL) {
		if (tcb->snd_nxt != tcb->snd_end)
			send_text(tcb);
	} else if (tcb->snd_una != tcb->snd_end) {
		send_text(tcb);
	} else if (tcb->sndq == NULL && !tcb->tx->tlp_out) {
		tcb_free_send_state(tcb);
	}
	if (tcb->flags & (TCB_ACK_NOW | TCB_BLOCKED))
		finish(tcb);
}

/* Alone */

/* What decides of a lone segment: SACK, and nothing else of it. */
#define LONE_FLAGS                                                                      \
	(TCB_SACK | TCB_ECN | TCB_FIN_QUEUED | TCB_PMTU_BLACK_HOLE | TCB_PMTU_REDUCED | \
		TCB_BLOCKED | TCB_UNACCEPTED | TCB_NOT_ALONE)

/*
 * All that is queued may leave as one segment, with nothing in flight, and nothing of it is to be
 * remembered but its time. That pacing and Nagle have nothing against it follows.
 */
INLINE bool may_go_alone(const struct tcb *tcb)
{
	const struct pbuf *p = tcb->sndq;
	return tcb->state == TCP_ESTABLISHED && tcb->tx == NULL &&
		(tcb->flags & LONE_FLAGS) == TCB_SACK && tcb->snd_una == tcb->snd_nxt &&
		tcb->reass == NULL && p != NULL && p == tcb->sndq_last && p->len <= tcb->snd_mss &&
		p->len <= tcb->snd_wnd;
}

/* It would not be remembered that a segment was half of cwnd: see tcp_loss_note_sent. */
INLINE bool fills_cwnd(const struct tcb *tcb)
{
	return tcb->cc.cwnd / 2 <= tcb->snd_mss;
}

/* timestamps: known when this is compiled. */
INLINE enum drop_reason emit_alone(struct stack *st, struct tcb *tcb, bool timestamps)
{
	const struct tcp_txseg text = {.p = tcb->sndq, .seq = tcb->snd_nxt, .len = tcb->sndq->len};
	return emit_text(st, tcb, &text, TH_ACK | TH_PSH, 0, 0, timestamps);
}

/* It did not leave: blocked, the next turn takes the usual way. */
SELDOM void block_alone(struct tcb *tcb)
{
	tcb->flags |= TCB_BLOCKED;
	tcp_rtx_arm(tcb);
	finish(tcb);
}

APART void send_alone(struct tcb *tcb)
{
	struct stack *st = tcb->conn.stack;
	uint32_t rto_ms = tcp_rto_ms(tcb);
	tcp_tell_idle(tcb, rto_ms);
	if (fills_cwnd(tcb)) {
		output(tcb);
		return;
	}
	enum drop_reason reason =
		tcb->flags & TCB_TS ? emit_alone(st, tcb, true) : emit_alone(st, tcb, false);
	if (reason != DROP_NONE) {
		block_alone(tcb);
		return;
	}
	acknowledged(tcb);
	tcb->snd_nxt = tcb->snd_end;
	tcb->sent_ms = tcp_now_ms(st);
	tcb->lone_sent_ns = st->now_ns;
	tcp_rtx_arm_alone(tcb, rto_ms);
}

/* As send_some would have left it. */
bool tcp_enlist_lone(struct tcb *tcb)
{
	struct tcp_send *tx = tcb->tx;
	uint32_t length = tcb->snd_nxt - tcb->snd_una;
	struct tcp_txseg *txseg = new_txseg(tcb, tcb->snd_una, length, false);
	if (txseg == NULL)
		return false;
	txseg->sent_ns = tcb->lone_sent_ns;
	TAILQ_INSERT_TAIL(&tx->inflight, txseg, entry);
	TAILQ_INSERT_TAIL(&tx->sent, txseg, by_time);
	advance(tcb, txseg);
	pace(tcb, length);
	tx->rto_base_ms = tx->pto_base_ms = tx->waiting_ms = tcb->sent_ms;
	return true;
}

INLINE void output_one(struct tcb *tcb)
{
	if (may_go_alone(tcb))
		send_alone(tcb);
	else
		output(tcb);
}

void tcp_output(struct tcb *tcb)
{
	output_one(tcb);
}

/* Those on the list now; what goes on it meanwhile is for the next turn. */
void tcp_flush_output(struct stack *st)
{
	struct tcp_stack *tcp = tcp_of(st);
	struct tcb *tcb;
	for (unsigned n = tcp->output_count; n > 0 && (tcb = TAILQ_FIRST(&tcp->output)) != NULL;
		n--) {
		tcb_output_leave(tcp, tcb);
		output_one(tcb);
	}
}
