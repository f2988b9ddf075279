/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Selective acknowledgments (RFC 2018) and duplicate ones (RFC 2883) into the scoreboard.
 *
 * Called from tcp_ack.c, after snd_una was moved; calls tcp_scoreboard.c.
 *
 * A block tells mostly what was told before, and a little more. The search for its first txseg
 * starts from the nearest of these places: the first in flight, the last, and where the blocks
 * before ended. It costs what lies between, up to a bound for each ACK, which a peer does not pass
 * that makes up blocks here and there: a block that is further away waits. The search goes on from
 * where it came to when the block is told of again.
 */
#include "stack/tcp/tcp_loss.h"

#define JOINED_MAX (1u << 20) /* bytes in one txseg */
#define SEARCH_MAX 256u       /* txsegs that are walked over for one ACK */

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

static uint32_t distance(const struct tcp_txseg *t, uint32_t seq)
{
	int32_t behind = seq_diff(seq, t->seq);
	return (uint32_t)(behind < 0 ? -behind : behind);
}

static struct tcp_txseg *nearest_place(const struct tcp_send *tx, uint32_t seq)
{
	struct tcp_txseg *best = TAILQ_FIRST(&tx->inflight);
	struct tcp_txseg *last = TAILQ_LAST(&tx->inflight, tcp_txseg_list);
	if (distance(last, seq) < distance(best, seq))
		best = last;
	for (unsigned i = 0; i < TCP_SACK_MAX; i++) {
		struct tcp_txseg *t = tx->sack_places[i];
		if (t != NULL && distance(t, seq) < distance(best, seq))
			best = t;
	}
	return best;
}

/* The txseg that holds a sequence number in flight, or what is met when *steps are used up. */
static struct tcp_txseg *find(const struct tcp_send *tx, uint32_t seq, unsigned *steps)
{
	struct tcp_txseg *t = nearest_place(tx, seq);
	for (; seq_lt(seq, t->seq) && *steps > 0; --*steps)
		t = TAILQ_PREV(t, tcp_txseg_list, entry);
	for (; seq_geq(seq, tcp_txseg_end(t)) && *steps > 0; --*steps)
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
static bool join(struct tcb *tcb, struct tcp_txseg *t, struct tcp_txseg *next)
{
	if (t == NULL || next == NULL || (t->flags & next->flags & TXSEG_SACKED) == 0 ||
		t->len + next->len > JOINED_MAX || t->sacked + next->sacked > UINT16_MAX)
		return false;
	t->len += next->len;
	t->sacked += next->sacked;
	next->sacked = 0;
	t->flags |= next->flags;
	/* The counts stay as they are: what tcp_txseg_free takes off of them is added before. */
	tcb->tx->sacked_out += tcp_txseg_span(next);
	tcp_txseg_free(tcb, next);
	return true;
}

/* With both, or blocks that grow downwards would stay as many as they were told in. */
static struct tcp_txseg *join_neighbours(struct tcb *tcb, struct tcp_txseg *t)
{
	struct tcp_txseg *previous = TAILQ_PREV(t, tcp_txseg_list, entry);
	join(tcb, t, TAILQ_NEXT(t, entry));
	return join(tcb, previous, t) ? previous : t;
}

/* Where the block ends, or where its search ends for now. */
static struct tcp_txseg *mark_block(
	struct tcb *tcb, struct tcp_ack *ack, const struct tcp_sack_block *b, unsigned *steps)
{
	struct tcp_txseg *t = find(tcb->tx, b->start, steps), *last = t, *piece;
	if (seq_geq(b->start, tcp_txseg_end(t)))
		return t;
	for (; t != NULL && seq_lt(t->seq, b->end); t = TAILQ_NEXT(t, entry)) {
		if ((t->flags & TXSEG_SACKED) == 0 &&
			(piece = cut(tcb, t, b->start, b->end)) != NULL) {
			tcp_txseg_sacked(tcb, ack, piece);
			ack->sacked = true;
			t = join_neighbours(tcb, piece);
		}
		last = t;
	}
	return last;
}

void tcp_sack_blocks(struct tcb *tcb, struct tcp_ack *ack)
{
	struct tcp_send *tx = tcb->tx;
	struct tcp_sack_block blocks[TCP_SACK_MAX];
	unsigned n = collect(tcb, ack, blocks), steps = SEARCH_MAX;
	for (unsigned i = 0; i < n && !TAILQ_EMPTY(&tx->inflight); i++) {
		struct tcp_txseg *place = mark_block(tcb, ack, &blocks[i], &steps);
		place->flags |= TXSEG_PLACE;
		tx->sack_places[i] = place;
	}
}
