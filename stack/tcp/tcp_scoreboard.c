/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The scoreboard (RFC 6675 4): where each txseg is, and the counts that make up the pipe.
 *
 * Called from the files named in tcp_loss.h, and tcp_loss_sent, tcp_txseg_split from
 * tcp_output.c; calls tcp_rate.c, tcp_rack.c, tcp_recovery.c and congestion control.
 */
#include "stack/base/apart.h"
#include "stack/tcp/tcp_loss.h"

#define UNMARK_LEVELS 32u /* more than 2^31 txsegs there are not */

/* Places and counts */

static void leave_list(struct tcp_send *tx, struct tcp_txseg *txseg)
{
	if (!tcp_txseg_waits(txseg)) {
		TAILQ_REMOVE(&tx->sent, txseg, by_time);
		return;
	}
	if (tx->resend_hint == txseg)
		tx->resend_hint = TAILQ_NEXT(txseg, by_time);
	TAILQ_REMOVE(&tx->to_resend, txseg, by_time);
}

/* The flags that count, for `span` of the numbers of a txseg. */
static void uncount(struct tcp_send *tx, const struct tcp_txseg *txseg, uint32_t span)
{
	if (txseg->flags & TXSEG_SACKED)
		tx->sacked_out -= span;
	if (txseg->flags & TXSEG_LOST)
		tx->lost_out -= span;
	if (txseg->flags & TXSEG_RETRANS)
		tx->retrans_out -= span;
}

static void forget_place(struct tcp_send *tx, const struct tcp_txseg *txseg)
{
	for (unsigned i = 0; i < TCP_SACK_MAX; i++)
		if (tx->sack_places[i] == txseg)
			tx->sack_places[i] = NULL;
}

static inline void txseg_free(struct tcb *tcb, struct tcp_txseg *txseg)
{
	struct tcp_send *tx = tcb->tx;
	if (txseg->flags & (TXSEG_SACKED | TXSEG_LOST | TXSEG_RETRANS))
		uncount(tx, txseg, tcp_txseg_span(txseg));
	if (txseg->flags & TXSEG_SACKED)
		tx->sacked_txsegs -= txseg->sacked;
	else
		leave_list(tx, txseg);
	if (txseg->flags & TXSEG_PLACE)
		forget_place(tx, txseg);
	TAILQ_REMOVE(&tx->inflight, txseg, entry);
	slab_free(&tcp_of(tcb->conn.stack)->txsegs, txseg);
}

void tcp_txseg_free(struct tcb *tcb, struct tcp_txseg *txseg)
{
	txseg_free(tcb, txseg);
}

/* Delivered */

static inline void note_delivery(struct tcb *tcb, struct tcp_ack *ack,
	const struct tcp_txseg *txseg, uint32_t end, bool sack)
{
	uint32_t bytes = seq_min(end, txseg->seq + txseg->len) - txseg->seq;
	if (txseg->flags & TXSEG_EVER_RETRANS) {
		ack->resent = true;
	} else {
		uint64_t *first_ns = sack ? &ack->sack_first_ns : &ack->cum_first_ns;
		if (*first_ns == 0 || txseg->sent_ns < *first_ns)
			*first_ns = txseg->sent_ns;
		if (txseg->sent_ns > ack->last_ns)
			ack->last_ns = txseg->sent_ns;
		if (seq_leq(end, tcb->tx->recovery_point))
			ack->original = true;
	}
	ack->delivered += bytes;
	if (tcb->cc.ops->rate_samples) {
		tcb->delivered += bytes;
		tcp_rate_delivered(tcb, ack, txseg, end);
	}
	tcp_rack_delivered(tcb, ack, txseg, end);
}

void tcp_txseg_acked(struct tcb *tcb, struct tcp_ack *ack, struct tcp_txseg *txseg)
{
	if ((txseg->flags & TXSEG_SACKED) == 0)
		note_delivery(tcb, ack, txseg, tcp_txseg_end(txseg), false);
	txseg_free(tcb, txseg);
}

void tcp_txseg_sacked(struct tcb *tcb, struct tcp_ack *ack, struct tcp_txseg *txseg)
{
	struct tcp_send *tx = tcb->tx;
	note_delivery(tcb, ack, txseg, tcp_txseg_end(txseg), true);
	leave_list(tx, txseg);
	uncount(tx, txseg, tcp_txseg_span(txseg));
	txseg->flags &= (uint8_t)~(TXSEG_LOST | TXSEG_RETRANS);
	txseg->flags |= TXSEG_SACKED;
	tx->sacked_out += tcp_txseg_span(txseg);
	tx->sacked_txsegs++;
	txseg->sacked = 1;
}

/* Where a byte of a txseg lies: `bytes` behind the one at (*p, *offset). */
static void advance(struct pbuf **p, uint32_t *offset, uint32_t bytes)
{
	bytes += *offset;
	while (*p != NULL && bytes >= (*p)->len) {
		bytes -= (*p)->len;
		*p = (*p)->next;
	}
	*offset = *p != NULL ? bytes : 0;
}

void tcp_txseg_trim(struct tcb *tcb, struct tcp_ack *ack, struct tcp_txseg *txseg, uint32_t end)
{
	uint32_t bytes = end - txseg->seq;
	if ((txseg->flags & TXSEG_SACKED) == 0)
		note_delivery(tcb, ack, txseg, end, false);
	uncount(tcb->tx, txseg, bytes);
	advance(&txseg->p, &txseg->offset, bytes);
	txseg->seq += bytes;
	txseg->len -= bytes;
}

bool tcp_txseg_split(struct tcb *tcb, struct tcp_txseg *txseg, uint32_t seq)
{
	struct tcp_send *tx = tcb->tx;
	struct tcp_txseg *rest = slab_alloc(&tcp_of(tcb->conn.stack)->txsegs);
	if (rest == NULL) {
		stack_count_drop(tcb->conn.stack, DROP_NO_MEMORY);
		return false;
	}
	uint32_t bytes = seq - txseg->seq;
	*rest = *txseg;
	rest->seq = seq;
	rest->len -= bytes;
	advance(&rest->p, &rest->offset, bytes);
	txseg->len = bytes;
	txseg->flags &= (uint8_t)~TXSEG_FIN;
	TAILQ_INSERT_AFTER(&tx->inflight, txseg, rest, entry);
	if (rest->len == 0)
		rest->p = NULL;
	if (txseg->flags & TXSEG_SACKED)
		rest->sacked = 0;
	else if (tcp_txseg_waits(txseg))
		TAILQ_INSERT_AFTER(&tx->to_resend, txseg, rest, by_time);
	else
		TAILQ_INSERT_AFTER(&tx->sent, txseg, rest, by_time);
	return true;
}

/* Lost */

/*
 * Between the first of those that wait and the last. Three look for its place in turns, so that it
 * costs what the quickest needs: along the list from where the last one came, as what is marked comes
 * in order of time, which is order of numbers for long stretches; and along all that is in flight,
 * to both sides, for one that waits. The nearer of two sides costs n log n for n, whatever their order.
 */
static void insert_between(struct tcp_send *tx, struct tcp_txseg *txseg)
{
	struct tcp_txseg *left = txseg, *right = txseg, *at = tx->resend_hint, *next;
	if (at == NULL)
		at = TAILQ_FIRST(&tx->to_resend);
	for (;;) {
		left = TAILQ_PREV(left, tcp_txseg_list, entry);
		right = TAILQ_NEXT(right, entry);
		next = TAILQ_NEXT(at, by_time);
		if (tcp_txseg_waits(left)) {
			at = left;
			break;
		}
		if (tcp_txseg_waits(right)) {
			at = TAILQ_PREV(right, tcp_txseg_list, by_time);
			break;
		}
		if (seq_lt(txseg->seq, at->seq))
			at = TAILQ_PREV(at, tcp_txseg_list, by_time);
		else if (seq_lt(next->seq, txseg->seq))
			at = next;
		else
			break;
	}
	TAILQ_INSERT_AFTER(&tx->to_resend, at, txseg, by_time);
	tx->resend_hint = txseg;
}

/* By sequence number. New bytes, which go to the end, are sent in turns with holes. */
static void insert_to_resend(struct tcp_send *tx, struct tcp_txseg *txseg)
{
	struct tcp_txseg *last = TAILQ_LAST(&tx->to_resend, tcp_txseg_list);
	if (last == NULL || seq_lt(last->seq, txseg->seq))
		TAILQ_INSERT_TAIL(&tx->to_resend, txseg, by_time);
	else if (seq_lt(txseg->seq, TAILQ_FIRST(&tx->to_resend)->seq))
		TAILQ_INSERT_HEAD(&tx->to_resend, txseg, by_time);
	else
		insert_between(tx, txseg);
}

static void tell_lost(struct tcb *tcb, struct tcp_ack *ack, const struct tcp_txseg *txseg)
{
	struct tcp_send *tx = tcb->tx;
	ack->lost += txseg->len;
	tx->lost += txseg->len;
	if (tcb->cc.ops->on_lost == NULL)
		return;
	const struct tcp_cc_loss loss = {
		.now_ns = ack->now_ns,
		.delivered = tcb->delivered,
		.seq = txseg->seq,
		.bytes = txseg->len,
		.tx_in_flight = txseg->tx_in_flight,
		.lost = (uint32_t)(tx->lost - txseg->lost),
		.app_limited = (txseg->flags & TXSEG_APP_LIMITED) != 0,
	};
	tcb->cc.ops->on_lost(&tcb->cc, &loss);
}

void tcp_mark_lost(struct tcb *tcb, struct tcp_ack *ack, struct tcp_txseg *txseg)
{
	struct tcp_send *tx = tcb->tx;
	uint32_t span = tcp_txseg_span(txseg);
	TAILQ_REMOVE(&tx->sent, txseg, by_time);
	if (txseg->flags & TXSEG_RETRANS)
		tx->retrans_out -= span;
	if ((txseg->flags & TXSEG_LOST) == 0)
		tx->lost_out += span;
	txseg->flags &= (uint8_t)~TXSEG_RETRANS;
	txseg->flags |= TXSEG_LOST;
	insert_to_resend(tx, txseg);
	if ((tcb->flags & TCB_SACK) == 0)
		tcp_dupack_marked_lost(tcb);
	if (ack != NULL)
		tell_lost(tcb, ack, txseg);
}

/* Merges two lists that are in order of transmission. */
static void merge(struct tcp_txseg_list *into, struct tcp_txseg_list *from)
{
	struct tcp_txseg *txseg, *place = TAILQ_FIRST(into);
	while ((txseg = TAILQ_FIRST(from)) != NULL) {
		TAILQ_REMOVE(from, txseg, by_time);
		while (place != NULL && place->sent_ns <= txseg->sent_ns)
			place = TAILQ_NEXT(place, by_time);
		if (place != NULL)
			TAILQ_INSERT_BEFORE(place, txseg, by_time);
		else
			TAILQ_INSERT_TAIL(into, txseg, by_time);
	}
}

/* Moves from the front what was sent in the order in which it stands, one at least. */
static void take_run(struct tcp_send *tx, struct tcp_txseg_list *run)
{
	struct tcp_txseg *txseg, *next;
	uint64_t last_ns = 0;
	for (txseg = TAILQ_FIRST(&tx->to_resend); txseg != NULL && last_ns <= txseg->sent_ns;
		txseg = next) {
		next = TAILQ_NEXT(txseg, by_time);
		last_ns = txseg->sent_ns;
		TAILQ_REMOVE(&tx->to_resend, txseg, by_time);
		TAILQ_INSERT_TAIL(run, txseg, by_time);
		tx->lost_out -= tcp_txseg_span(txseg);
		txseg->flags &= (uint8_t)~TXSEG_LOST;
	}
}

/*
 * What waits is in order of numbers, which is that of transmission but for what was lost more than
 * once. The runs that are in order are merged, those of 2^i runs with each other, as in a merge
 * sort.
 */
void tcp_unmark_lost(struct tcb *tcb)
{
	struct tcp_send *tx = tcb->tx;
	struct tcp_txseg_list merged[UNMARK_LEVELS], run;
	unsigned levels = 0, i;
	tx->resend_hint = NULL;
	while (!TAILQ_EMPTY(&tx->to_resend)) {
		TAILQ_INIT(&run);
		take_run(tx, &run);
		for (i = 0; i < levels && !TAILQ_EMPTY(&merged[i]); i++)
			merge(&run, &merged[i]);
		if (i == levels) {
			TAILQ_INIT(&merged[levels]);
			levels++;
		}
		TAILQ_CONCAT(&merged[i], &run, by_time);
	}
	for (i = 0; i < levels; i++)
		merge(&tx->sent, &merged[i]);
}

static void forget_sacked(struct tcp_send *tx)
{
	struct tcp_txseg *txseg;
	TAILQ_FOREACH (txseg, &tx->inflight, entry) {
		if ((txseg->flags & TXSEG_SACKED) == 0)
			continue;
		txseg->flags &= (uint8_t)~TXSEG_SACKED;
		txseg->flags |= TXSEG_LOST;
		tx->lost_out += tcp_txseg_span(txseg);
		insert_to_resend(tx, txseg);
	}
	tx->sacked_out = tx->sacked_txsegs = 0;
}

/*
 * RFC 6675 5.1: SACK is remembered across a timeout as long as it holds: a peer that told of the
 * first byte and does not acknowledge it has thrown it away (RFC 2018 8), and maybe the rest.
 */
void tcp_forget_if_reneged(struct tcb *tcb)
{
	struct tcp_send *tx = tcb->tx;
	if (TAILQ_FIRST(&tx->inflight)->flags & TXSEG_SACKED)
		forget_sacked(tx);
}

/* Sent */

static void count_again(struct tcb *tcb, struct tcp_txseg *txseg)
{
	if ((txseg->flags & TXSEG_RETRANS) == 0)
		tcb->tx->retrans_out += tcp_txseg_span(txseg);
	txseg->flags |= TXSEG_RETRANS | TXSEG_EVER_RETRANS;
	if (txseg->retransmissions < UINT8_MAX)
		txseg->retransmissions++;
	uint32_t mss = tcb->snd_mss;
	tcb->conn.stack->counters.tcp_retransmits +=
		txseg->len > mss ? (txseg->len + mss - 1) / mss : 1;
}

void tcp_loss_sent_and_tell(struct tcb *tcb, struct tcp_txseg *txseg, uint32_t pipe, bool again)
{
	const struct tcp_cc_ops *ops = tcb->cc.ops;
	struct tcp_send *tx = tcb->tx;
	/* A block of which nothing was delivered yet is new: there was nothing to send. */
	bool app_limited = tx->app_limited != 0 || tx->rack_sent_ns == 0;
	if (ops->on_sent != NULL)
		ops->on_sent(&tcb->cc, txseg->sent_ns, pipe, app_limited);
	if (again || tx->ca_state != TCP_CA_OPEN)
		tcp_recovery_sent(tcb, txseg, again);
	if (ops->rate_samples)
		tcp_rate_sent(tcb, txseg, pipe);
	tcp_loss_note_sent(tcb, txseg, pipe, again);
}

void tcp_loss_sent_again(struct tcb *tcb, struct tcp_txseg *txseg)
{
	uint32_t pipe = tcp_in_flight(tcb);
	leave_list(tcb->tx, txseg);
	count_again(tcb, txseg);
	tcp_loss_sent_at_last(tcb, txseg);
	tcp_loss_sent_and_tell(tcb, txseg, pipe, true);
}
