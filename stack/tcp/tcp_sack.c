/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Selective acknowledgments (RFC 2018) and duplicate ones (RFC 2883) into the scoreboard.
 *
 * Called from tcp_ack.c, after snd_una was moved; calls tcp_scoreboard.c.
 *
 * A block tells mostly what was told before, and a little more. The search for its first txseg
 * starts from the nearest of three places: the first in flight, the last, and where the last news
 * was; it costs what lies between.
 */
#include "stack/tcp/tcp_loss.h"

#define JOINED_MAX 65536u /* bytes in one txseg */

/*
 * RFC 2883 4: the first block tells of a duplicate when it lies below the cumulative ACK (4.1.1)
 * or within the second block (4.1.2, 4.2.2). RFC 3708 3 and RFC 2883 5: what was never sent, or
 * so long ago that it says nothing, is no duplicate of ours.
 */
static bool take_dsack(struct tcb *tcb, struct tcp_ack *ack)
{
	const struct tcp_sack_block *b = ack->seg->opt.sack;
	bool below = seq_leq(b[0].end, ack->seg->ack);
	bool within = ack->seg->opt.sack_count > 1 && seq_geq(b[0].start, b[1].start) &&
		seq_leq(b[0].end, b[1].end);
	if (!below && !within)
		return false;
	if (seq_geq(b[0].start, b[0].end) || seq_gt(b[0].end, tcb->snd_nxt) ||
		seq_lt(b[0].start, tcb->snd_una - tcb->snd_wnd_max)) {
		tcb->conn.stack->counters.tcp_bad_sacks++;
		return true;
	}
	tcb->conn.stack->counters.tcp_dsacks++;
	ack->has_dsack = true;
	ack->dsacked = b[0].end - b[0].start;
	ack->dsack_end = b[0].end;
	return true;
}

/* Blocks that can be, cut to what is in flight, in ascending order. */
static unsigned collect(struct tcb *tcb, struct tcp_ack *ack, struct tcp_sack_block *out)
{
	const struct tcp_options *opt = &ack->seg->opt;
	unsigned n = 0;
	for (unsigned i = take_dsack(tcb, ack) ? 1 : 0; i < opt->sack_count; i++) {
		struct tcp_sack_block b = opt->sack[i];
		if (seq_geq(b.start, b.end) || seq_gt(b.end, tcb->snd_nxt)) {
			tcb->conn.stack->counters.tcp_bad_sacks++;
			continue;
		}
		if (seq_leq(b.end, tcb->snd_una))
			continue; /* of an ACK that came late */
		b.start = seq_max(b.start, tcb->snd_una);
		unsigned at = n++;
		for (; at > 0 && seq_lt(b.start, out[at - 1].start); at--)
			out[at] = out[at - 1];
		out[at] = b;
	}
	return n;
}

/* The txseg that holds a sequence number in flight. */
static struct tcp_txseg *find(struct tcb *tcb, uint32_t seq)
{
	struct tcp_send *tx = tcb->tx;
	struct tcp_txseg *t = TAILQ_FIRST(&tx->inflight);
	struct tcp_txseg *last = TAILQ_LAST(&tx->inflight, tcp_txseg_list);
	if (seq_geq(seq, last->seq))
		return last;
	uint32_t distance = seq - t->seq;
	if (last->seq - seq < distance) {
		t = last;
		distance = last->seq - seq;
	}
	if (tx->sack_hint != NULL) {
		int32_t behind = seq_diff(seq, tx->sack_hint->seq);
		if ((uint32_t)(behind < 0 ? -behind : behind) < distance)
			t = tx->sack_hint;
	}
	while (seq_lt(seq, t->seq))
		t = TAILQ_PREV(t, tcp_txseg_list, entry);
	while (seq_geq(seq, tcp_txseg_end(t)))
		t = TAILQ_NEXT(t, entry);
	return t;
}

/*
 * Cuts a txseg so that [start, end) is one, as far as it holds whole segments: one that tells of
 * crumbs must not make us keep crumbs. NULL: nothing of it is covered, or there is no memory.
 */
static struct tcp_txseg *cut(struct tcb *tcb, struct tcp_txseg *t, uint32_t start, uint32_t end)
{
	uint32_t mss = tcb->snd_mss;
	if (seq_gt(start, t->seq)) {
		uint32_t skip = (start - t->seq + mss - 1) / mss * mss;
		if (skip >= t->len || !tcp_txseg_split(tcb, t, t->seq + skip))
			return NULL;
		t = TAILQ_NEXT(t, entry);
	}
	if (seq_lt(end, tcp_txseg_end(t))) {
		if (seq_leq(end, t->seq))
			return NULL;
		uint32_t keep = (end - t->seq) / mss * mss;
		if (keep == 0 || !tcp_txseg_split(tcb, t, t->seq + keep))
			return NULL;
	}
	return t;
}

/*
 * Neighbours that both arrived are one from then on, so that what is walked over are holes. Bounded,
 * as they become txsegs to send again if the peer goes back on its word.
 */
static struct tcp_txseg *join_previous(struct tcb *tcb, struct tcp_txseg *t)
{
	struct tcp_send *tx = tcb->tx;
	struct tcp_txseg *previous = TAILQ_PREV(t, tcp_txseg_list, entry);
	if (previous == NULL || (previous->flags & TXSEG_SACKED) == 0 ||
		previous->len + t->len > JOINED_MAX)
		return t;
	previous->len += t->len;
	previous->sacked += t->sacked;
	t->sacked = 0;
	previous->flags |= t->flags;
	/* The counts stay as they are: what tcp_txseg_free takes off of them is added before. */
	tx->sacked_out += tcp_txseg_span(t);
	tcp_txseg_free(tcb, t);
	return previous;
}

static void mark_block(struct tcb *tcb, struct tcp_ack *ack, const struct tcp_sack_block *b)
{
	struct tcp_send *tx = tcb->tx;
	struct tcp_txseg *t = find(tcb, b->start);
	while (t != NULL && seq_lt(t->seq, b->end)) {
		struct tcp_txseg *piece;
		if ((t->flags & TXSEG_SACKED) == 0 &&
			(piece = cut(tcb, t, b->start, b->end)) != NULL) {
			tcp_txseg_sacked(tcb, ack, piece);
			ack->sacked = true;
			t = join_previous(tcb, piece);
			tx->sack_hint = t;
		}
		t = TAILQ_NEXT(t, entry);
	}
}

void tcp_sack_blocks(struct tcb *tcb, struct tcp_ack *ack)
{
	struct tcp_sack_block blocks[TCP_SACK_MAX];
	unsigned n = collect(tcb, ack, blocks);
	for (unsigned i = 0; i < n && !TAILQ_EMPTY(&tcb->tx->inflight); i++)
		mark_block(tcb, ack, &blocks[i]);
}
