/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Text that came out of order, and what SACK says of it (RFC 2018, RFC 2883).
 *
 * Called from tcp_recv.c and, for the blocks, tcp_output.c.
 *
 * A connection that misses something has a struct tcp_reass with a list of ranges by sequence
 * number, none of which touch: each stands for a hole before it. Most of what comes continues the
 * last range, so the list is searched from its end. The ranges that changed last are remembered,
 * the latest first, which is the order in which SACK tells of them.
 */
#include "stack/tcp/tcp_internal.h"

#define RANGES_MAX 1024u /* holes; more are a lossier path than any, or an attack */
#define PBUFS_MAX  8192u /* buffers held, however small their bytes */
#define RECENT     TCP_SACK_MAX

struct tcp_range {
	TAILQ_ENTRY(tcp_range) entry;
	uint32_t seq, end;
	struct pbuf *first, *last; /* list of pbufs that stand alone */
	bool fin;                  /* the peer's FIN is at end */
};

struct tcp_reass {
	TAILQ_HEAD(tcp_range_list, tcp_range) ranges;
	unsigned ranges_count, pbufs;
	struct tcp_range *recent[RECENT]; /* latest first; NULL: none */
	struct tcp_sack_block duplicate;  /* DSACK that is to be told */
	bool has_duplicate;
};

/* The block and its parts */

static struct tcp_reass *reass_of(struct tcb *tcb)
{
	if (tcb->reass != NULL)
		return tcb->reass;
	struct tcp_reass *reass = arena_calloc(&tcb->conn.stack->arena, 1, sizeof(*reass));
	if (reass != NULL)
		TAILQ_INIT(&reass->ranges);
	tcb->reass = reass;
	tcb->predicted = 0;
	return reass;
}

static void free_if_empty(struct tcb *tcb)
{
	struct tcp_reass *reass = tcb->reass;
	if (!TAILQ_EMPTY(&reass->ranges) || reass->has_duplicate)
		return;
	arena_free(&tcb->conn.stack->arena, reass);
	tcb->reass = NULL;
}

static void forget_recent(struct tcp_reass *reass, const struct tcp_range *range)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < RECENT; i++)
		if (reass->recent[i] != range)
			reass->recent[kept++] = reass->recent[i];
	while (kept < RECENT)
		reass->recent[kept++] = NULL;
}

static void note_recent(struct tcp_reass *reass, struct tcp_range *range)
{
	forget_recent(reass, range);
	for (unsigned i = RECENT - 1; i > 0; i--)
		reass->recent[i] = reass->recent[i - 1];
	reass->recent[0] = range;
}

/* Takes a range off the list; its bytes stay the caller's. */
static void remove_range(struct tcb *tcb, struct tcp_range *range)
{
	struct tcp_reass *reass = tcb->reass;
	TAILQ_REMOVE(&reass->ranges, range, entry);
	reass->ranges_count--;
	forget_recent(reass, range);
	arena_free(&tcb->conn.stack->arena, range);
}

void tcp_reass_free(struct tcb *tcb)
{
	struct tcp_range *range;
	if (tcb->reass == NULL)
		return;
	while ((range = TAILQ_FIRST(&tcb->reass->ranges)) != NULL) {
		if (range->first != NULL)
			pbuf_free(range->first);
		remove_range(tcb, range);
	}
	tcb->reass->has_duplicate = false;
	free_if_empty(tcb);
}

static unsigned count_pbufs(const struct pbuf *p)
{
	unsigned count = 0;
	for (; p != NULL; p = p->next)
		count++;
	return count;
}

/* Insert */

/* The last range that begins at or before seq; NULL: all are behind it. */
static struct tcp_range *range_before(struct tcp_reass *reass, uint32_t seq)
{
	struct tcp_range *range;
	TAILQ_FOREACH_REVERSE(range, &reass->ranges, tcp_range_list, entry)
	{
		if (seq_leq(range->seq, seq))
			return range;
	}
	return NULL;
}

static struct tcp_range *range_behind(struct tcp_reass *reass, struct tcp_range *before)
{
	return before != NULL ? TAILQ_NEXT(before, entry) : TAILQ_FIRST(&reass->ranges);
}

/* Cuts what the range before already has off the front of the segment. */
static void trim_front(struct tcb *tcb, const struct tcp_range *before, struct tcp_seg *seg)
{
	if (before == NULL || seq_leq(before->end, seg->seq))
		return;
	uint32_t had = before->end - seg->seq;
	if (had > seg->len)
		had = seg->len;
	tcp_reass_note_duplicate(tcb, seg->seq, seg->seq + had);
	tcp_seg_trim_front(seg, had);
}

/* Ranges that the segment covers wholly go; one that it covers in part cuts its end off. */
static void absorb_behind(struct tcb *tcb, struct tcp_range *before, struct tcp_seg *seg)
{
	struct tcp_reass *reass = tcb->reass;
	struct tcp_range *range;
	while ((range = range_behind(reass, before)) != NULL &&
		seq_lt(range->seq, seg->seq + seg->len)) {
		if (seq_gt(range->end, seg->seq + seg->len)) {
			tcp_reass_note_duplicate(tcb, range->seq, seg->seq + seg->len);
			tcp_seg_trim_back(seg, range->seq - seg->seq);
			return;
		}
		tcp_reass_note_duplicate(tcb, range->seq, range->end);
		if (range->fin)
			seg->flags |= TH_FIN;
		reass->pbufs -= count_pbufs(range->first);
		if (range->first != NULL)
			pbuf_free(range->first);
		remove_range(tcb, range);
	}
}

static void append(struct tcp_range *range, struct pbuf *first, struct pbuf *last)
{
	if (first == NULL)
		return;
	if (range->first == NULL)
		range->first = first;
	else
		range->last->next = first;
	range->last = last;
}

static struct tcp_range *new_range(
	struct tcb *tcb, struct tcp_range *before, const struct tcp_seg *seg)
{
	struct tcp_reass *reass = tcb->reass;
	struct tcp_range *range = NULL;
	if (reass->ranges_count < RANGES_MAX)
		range = arena_calloc(&tcb->conn.stack->arena, 1, sizeof(*range));
	if (range == NULL)
		return NULL;
	range->seq = range->end = seg->seq;
	reass->ranges_count++;
	if (before != NULL)
		TAILQ_INSERT_AFTER(&reass->ranges, before, range, entry);
	else
		TAILQ_INSERT_HEAD(&reass->ranges, range, entry);
	return range;
}

/* Joins a range with the one that begins where it ends. */
static void join_behind(struct tcb *tcb, struct tcp_range *range)
{
	struct tcp_range *next = TAILQ_NEXT(range, entry);
	if (next == NULL || next->seq != range->end)
		return;
	append(range, next->first, next->last);
	range->end = next->end;
	range->fin = next->fin;
	remove_range(tcb, next);
}

/* Neither overlaps anything now. */
static enum drop_reason place(struct tcb *tcb, struct tcp_range *before, struct tcp_seg *seg)
{
	struct tcp_reass *reass = tcb->reass;
	struct tcp_range *range = before;
	bool continues = before != NULL && before->end == seg->seq;
	if (!continues)
		range = new_range(tcb, before, seg);
	if (range == NULL)
		return DROP_TCP_REASS_FULL;
	reass->pbufs += count_pbufs(seg->rx.p);
	append(range, seg->rx.p, seg->last);
	range->end += seg->len;
	range->fin |= (seg->flags & TH_FIN) != 0;
	join_behind(tcb, range);
	note_recent(reass, range);
	return DROP_NONE;
}

/* There is one FIN: more of them, bare, would take memory for which no bytes pay. */
static bool has_fin(const struct tcp_reass *reass)
{
	const struct tcp_range *last = TAILQ_LAST(&reass->ranges, tcp_range_list);
	return last != NULL && last->fin;
}

/* What was there before, and told of, stays when there is no room for more (RFC 2018 8). */
static enum drop_reason insert(struct tcb *tcb, struct tcp_seg *seg)
{
	struct tcp_reass *reass = reass_of(tcb);
	if (reass == NULL)
		return DROP_NO_MEMORY;
	if (seg->len == 0 && has_fin(reass))
		return DROP_TCP_DUPLICATE;
	struct tcp_range *before = range_before(reass, seg->seq);
	trim_front(tcb, before, seg);
	if (seg->len == 0 && (seg->flags & TH_FIN) == 0)
		return DROP_NONE; /* all of it was there: told as a duplicate */
	if (reass->pbufs + count_pbufs(seg->rx.p) > PBUFS_MAX ||
		tcp_pins_too_many(tcb, reass->pbufs))
		return DROP_TCP_REASS_FULL;
	if (seg->len > 0)
		absorb_behind(tcb, before, seg);
	return place(tcb, before, seg);
}

enum drop_reason tcp_reass_insert(struct tcb *tcb, struct tcp_seg *seg)
{
	enum drop_reason reason = insert(tcb, seg);
	if (reason == DROP_NONE)
		return DROP_NONE;
	if (seg->rx.p != NULL)
		pbuf_free(seg->rx.p);
	if (tcb->reass != NULL)
		free_if_empty(tcb);
	return reason;
}

/* Deliver */

/* What of a range is not received yet goes to the socket. */
static void take_range(struct tcb *tcb, const struct tcp_range *range, unsigned pbufs)
{
	struct tcp_seg seg = {.seq = range->seq,
		.len = range->end - range->seq,
		.last = range->last,
		.parts = (uint16_t)pbufs};
	seg.rx.p = range->first;
	uint32_t had = tcb->rcv_nxt - range->seq;
	if (had >= seg.len) {
		if (seg.rx.p != NULL)
			pbuf_free(seg.rx.p);
		return;
	}
	tcp_seg_trim_front(&seg, had);
	enum drop_reason reason = tcp_take_text(tcb, &seg);
	if (reason != DROP_NONE)
		stack_count_drop(tcb->conn.stack, reason);
}

bool tcp_reass_deliver(struct tcb *tcb)
{
	struct tcp_reass *reass = tcb->reass;
	struct tcp_range *range;
	bool fin = false;
	while ((range = TAILQ_FIRST(&reass->ranges)) != NULL && seq_leq(range->seq, tcb->rcv_nxt)) {
		unsigned pbufs = count_pbufs(range->first);
		reass->pbufs -= pbufs;
		take_range(tcb, range, pbufs);
		fin = range->fin;
		remove_range(tcb, range);
	}
	free_if_empty(tcb);
	return fin;
}

/* SACK */

void tcp_reass_note_duplicate(struct tcb *tcb, uint32_t start, uint32_t end)
{
	if ((tcb->flags & TCB_SACK) == 0)
		return;
	struct tcp_reass *reass = reass_of(tcb);
	if (reass == NULL)
		return;
	reass->duplicate = (struct tcp_sack_block){start, end};
	reass->has_duplicate = true;
}

unsigned tcp_reass_sack_blocks(struct tcb *tcb, struct tcp_sack_block out[TCP_SACK_MAX])
{
	struct tcp_reass *reass = tcb->reass;
	unsigned count = 0;
	unsigned most = tcb->flags & TCB_TS ? TCP_SACK_MAX - 1 : TCP_SACK_MAX;
	if (reass == NULL || (tcb->flags & TCB_SACK) == 0)
		return 0;
	if (reass->has_duplicate)
		out[count++] = reass->duplicate;
	for (unsigned i = 0; i < RECENT && count < most && reass->recent[i] != NULL; i++) {
		const struct tcp_range *range = reass->recent[i];
		if (range->end != range->seq)
			out[count++] = (struct tcp_sack_block){range->seq, range->end};
	}
	reass->has_duplicate = false;
	free_if_empty(tcb);
	return count;
}
