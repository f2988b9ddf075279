/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Path MTU of a connection: what ICMP says of it (RFC 1191, RFC 8201), and what to do where ICMP is
 * filtered (a black hole: RFC 2923 2.1, RFC 8899 4.3).
 *
 * Called from tcp_rtx.c and tcp_ack.c, and for ICMP from stack/lwip/icmp_errors.c.
 */
#include "stack/tcp/tcp_loss.h"

#define TIMEOUTS_PER_SIZE 2u      /* of full-sized segments, before a smaller size is tried */
#define RETRY_MS          600000u /* RFC 8899 5.1.1 (PMTU_RAISE_TIMER), RFC 4821 7.7 */

/* Sizes of segments that are tried, options included: RFC 4821 7.2 and 7.7. */
static const uint16_t sizes4[] = {1460, 1200, 1024, TCP_MSS_DEFAULT4};
static const uint16_t sizes6[] = {1440, TCP_MSS_DEFAULT6};

static uint16_t smaller_size(const struct tcb *tcb)
{
	bool v6 = IP_IS_V6(&tcb->conn.remote);
	const uint16_t *sizes = v6 ? sizes6 : sizes4;
	unsigned count = v6 ? sizeof(sizes6) / sizeof(*sizes6) : sizeof(sizes4) / sizeof(*sizes4);
	unsigned now = tcb->snd_mss + (tcb->flags & TCB_TS ? TCPOLEN_TIMESTAMPS_PADDED : 0);
	for (unsigned i = 0; i < count; i++)
		if (sizes[i] < now)
			return sizes[i];
	return 0;
}

static bool is_time_to_retry(const struct tcb *tcb)
{
	return tcp_now_ms(tcb->conn.stack) - tcb->black_hole_ms >= RETRY_MS;
}

/*
 * Where smaller segments fail as larger ones did, the path may have been down: full ones are tried
 * as soon as anything gets through, but not again and again.
 */
static void suspect_outage(struct tcb *tcb)
{
	if ((tcb->flags & (TCB_PMTU_BLACK_HOLE | TCB_PMTU_TRIED)) == TCB_PMTU_BLACK_HOLE &&
		tcb->tx->timeouts > TIMEOUTS_PER_SIZE)
		tcb->black_hole_ms = tcp_now_ms(tcb->conn.stack) - RETRY_MS;
}

static void begin_search(struct tcb *tcb)
{
	tcb->flags &= ~(uint32_t)TCB_PMTU_TRIED;
	if (tcb->black_hole_ms != 0 && !is_time_to_retry(tcb))
		tcb->flags |= TCB_PMTU_TRIED;
	tcb->flags |= TCB_PMTU_BLACK_HOLE;
	tcb->black_hole_ms = tcp_now_ms(tcb->conn.stack);
}

void tcp_pmtu_timeout(struct tcb *tcb)
{
	const struct tcp_send *tx = tcb->tx;
	const struct tcp_txseg *first = TAILQ_FIRST(&tx->inflight);
	suspect_outage(tcb);
	if (tx->timeouts == 0 || tx->timeouts % TIMEOUTS_PER_SIZE != 0 || first->len < tcb->snd_mss)
		return;
	uint16_t size = smaller_size(tcb);
	if (size == 0)
		return;
	if ((tcb->flags & TCB_PMTU_BLACK_HOLE) == 0)
		begin_search(tcb);
	tcb->black_hole_mss = size;
	tcb_update_mss(tcb);
	tcb->conn.stack->counters.tcp_pmtu_black_holes++;
}

/*
 * Whether the path has got better, or was not at fault, shows when full segments are sent again; so
 * it does when what ICMP said is forgotten (RFC 1191 6.3, RFC 8201 4).
 */
void tcp_pmtu_try_more(struct tcb *tcb)
{
	if ((tcb->flags & TCB_PMTU_BLACK_HOLE) && is_time_to_retry(tcb)) {
		tcb->flags &= ~(uint32_t)TCB_PMTU_BLACK_HOLE;
		tcb->black_hole_ms = tcp_now_ms(tcb->conn.stack);
		tcb->black_hole_mss = 0;
	}
	tcb_update_mss(tcb);
}

/* ICMP */

/* RFC 5927 4.1: the quoted segment must be one in flight. */
static struct tcb *find_in_flight(struct stack *st, const struct flow *flow, uint32_t seq)
{
	struct tcb *tcb =
		tcp_find(st, &flow->local, flow->local_port, &flow->remote, flow->remote_port);
	return tcb != NULL && seq_between(seq, tcb->snd_una, tcb->snd_nxt) ? tcb : NULL;
}

/*
 * RFC 5927 5.2, RFC 5461 2: a hard error ends a handshake, never an established connection; all
 * others are remembered as the cause of a timeout (RFC 9293 3.9.2.2, MUST-56).
 */
void tcp_icmp_error(struct stack *st, const struct flow *flow, uint32_t seq, int error, bool hard)
{
	struct tcb *tcb = find_in_flight(st, flow, seq);
	if (tcb == NULL)
		return;
	tcb->soft_error = (int16_t)error;
	if (hard && (tcb->state == TCP_SYN_SENT || tcb->state == TCP_SYN_RCVD))
		tcb_fail(tcb, error);
}

/* RFC 1191 5 and 7.1: routers of old do not tell a size. The next plateau is tried. */
static uint16_t plateau_below(uint16_t mtu)
{
	static const uint16_t plateaus[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, 508};
	for (unsigned i = 0; i < sizeof(plateaus) / sizeof(*plateaus); i++)
		if (plateaus[i] < mtu)
			return plateaus[i];
	return mtu;
}

/*
 * RFC 1191 6.5: what was too large was not lost by congestion; it is sent again at once, and
 * congestion control hears of the new size alone.
 */
static void resend_larger(struct tcb *tcb)
{
	struct tcp_txseg *txseg, *next;
	for (txseg = TAILQ_FIRST(&tcb->tx->sent); txseg != NULL; txseg = next) {
		next = TAILQ_NEXT(txseg, by_time);
		if (txseg->len > tcb->snd_mss)
			tcp_mark_lost(tcb, NULL, txseg);
	}
	tcb_output_later(tcb);
}

void tcp_icmp_mtu(struct stack *st, const struct flow *flow, uint32_t seq, uint16_t mtu)
{
	struct tcb *tcb = find_in_flight(st, flow, seq);
	if (tcb == NULL)
		return;
	uint16_t before = tcb->snd_mss;
	if (mtu == 0)
		mtu = plateau_below(dst_mtu(tcb->dst));
	if (mtu < dst_mtu(tcb->dst)) /* RFC 8201 4: never raised by ICMP */
		dst_set_mtu(st, tcb->dst, mtu);
	tcb_update_mss(tcb); /* another connection may have been told before */
	if (tcb->snd_mss < before && tcb->state >= TCP_ESTABLISHED && tcb_send_state(tcb) != NULL)
		resend_larger(tcb);
}
