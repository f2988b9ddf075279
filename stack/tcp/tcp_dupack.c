/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Loss detection for peers without SACK: duplicate ACKs (RFC 5681 3.2) and NewReno (RFC 6582).
 *
 * Called from tcp_ack.c and tcp_recovery.c, calls tcp_scoreboard.c.
 *
 * A duplicate ACK says that one segment arrived, not which. tx->sacked_out holds that many bytes,
 * without any txseg being marked, so that the pipe shrinks as it does with SACK: this sends the one
 * or two new segments of limited transmit (RFC 3042), and takes the place of inflating cwnd.
 */
#include "stack/tcp/tcp_loss.h"

/* Never more than what may have arrived: the first segment did not. */
static void set_guess(struct tcb *tcb, uint32_t bytes)
{
	struct tcp_send *tx = tcb->tx;
	uint32_t room = tcb->snd_nxt - tcb->snd_una - tx->lost_out;
	uint32_t first = tx->lost_out == 0 ? tcb->snd_mss : 0;
	room = room > first ? room - first : 0;
	tx->sacked_out = bytes < room ? bytes : room;
}

void tcp_dupack_marked_lost(struct tcb *tcb)
{
	set_guess(tcb, tcb->tx->sacked_out);
}

/* What duplicates told of before is not delivered a second time now. */
static void settle(struct tcb *tcb, struct tcp_ack *ack)
{
	struct tcp_send *tx = tcb->tx;
	uint32_t hole = ack->cum_acked < tcb->snd_mss ? ack->cum_acked : tcb->snd_mss;
	uint32_t known = ack->cum_acked - hole;
	if (known > tx->sacked_out)
		known = tx->sacked_out;
	ack->delivered -= known;
	tcb->delivered -= known;
	if (tx->ca_state == TCP_CA_RECOVERY && seq_lt(tcb->snd_una, tx->recovery_point)) {
		set_guess(tcb, tx->sacked_out - known); /* RFC 6582 3.2 step 3: partial */
		return;
	}
	tx->dup_acks = 0;
	tx->sacked_out = 0;
}

void tcp_dupack_count(struct tcb *tcb, struct tcp_ack *ack)
{
	struct tcp_send *tx = tcb->tx;
	if (ack->cum_acked != 0) {
		settle(tcb, ack);
		return;
	}
	if (!ack->duplicate || tx->ca_state == TCP_CA_LOSS)
		return;
	tx->dup_acks++;
	uint32_t before = tx->sacked_out;
	set_guess(tcb, before + tcb->snd_mss);
	ack->delivered += tx->sacked_out - before;
	tcb->delivered += tx->sacked_out - before;
}

/* The first segment in flight, if it is not LOST already. */
static void mark_first(struct tcb *tcb, struct tcp_ack *ack)
{
	struct tcp_txseg *first = TAILQ_FIRST(&tcb->tx->inflight);
	if (first == NULL || (first->flags & TXSEG_LOST))
		return;
	if (first->len > tcb->snd_mss)
		tcp_txseg_split(tcb, first, first->seq + tcb->snd_mss);
	tcp_mark_lost(tcb, ack, first);
}

void tcp_dupack_detect_loss(struct tcb *tcb, struct tcp_ack *ack)
{
	struct tcp_send *tx = tcb->tx;
	if (tx->ca_state == TCP_CA_LOSS)
		return;
	if (tx->ca_state == TCP_CA_RECOVERY) {
		if (ack->cum_acked != 0) /* RFC 6582 3.2 step 3: a partial ACK shows the next */
			mark_first(tcb, ack);
		return;
	}
	/*
	 * RFC 6582 3.2 step 2: duplicates of the ACK that ended a recovery come from what that sent
	 * without need.
	 */
	if (tx->dup_acks >= TCP_DUP_THRESH &&
		!(tx->recovered && tcb->snd_una == tx->recovery_point))
		mark_first(tcb, ack);
}
