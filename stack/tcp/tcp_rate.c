/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Delivery rate samples: draft-ietf-ccwg-bbr-06 4.1.2.
 *
 * Called from tcp_scoreboard.c for each txseg sent and delivered, from tcp_ack.c and tcp_output.c.
 *
 * Each txseg remembers how much had been delivered when it was sent. When it is delivered itself,
 * what came in between, over the longer of the times that it took to send and to acknowledge that
 * much, is the rate at which the path delivers. All this is done only for a congestion control that
 * reads the samples.
 */
#include "stack/tcp/tcp_loss.h"

void tcp_rate_sent(struct tcb *tcb, struct tcp_txseg *txseg, uint32_t pipe)
{
	struct tcp_send *tx = tcb->tx;
	/*
	 * Nothing is outstanding (by number, as the pipe is a guess): the interval begins now, and
	 * that it had to is the application's doing.
	 */
	if (txseg->seq == tcb->snd_una && TAILQ_NEXT(txseg, entry) == NULL &&
		(txseg->flags & TXSEG_EVER_RETRANS) == 0) {
		tx->first_sent_ns = tx->delivered_ns = txseg->sent_ns;
		tx->app_limited = tcb->delivered > 0 ? tcb->delivered : 1;
	}
	txseg->first_sent_ns = tx->first_sent_ns;
	txseg->delivered_ns = tx->delivered_ns;
	txseg->delivered = tcb->delivered;
	txseg->lost = tx->lost;
	txseg->tx_in_flight = pipe + tcp_txseg_span(txseg);
	txseg->flags &= (uint8_t)~TXSEG_APP_LIMITED;
	if (tx->app_limited != 0)
		txseg->flags |= TXSEG_APP_LIMITED;
}

void tcp_rate_app_limited(struct tcb *tcb)
{
	struct tcp_send *tx = tcb->tx;
	tx->app_limited = tcb->delivered + tcp_in_flight(tcb);
	if (tx->app_limited == 0)
		tx->app_limited = 1;
}

void tcp_rate_delivered(
	struct tcb *tcb, struct tcp_ack *ack, const struct tcp_txseg *txseg, uint32_t end)
{
	struct tcp_send *tx = tcb->tx;
	tx->delivered_ns = ack->now_ns;
	if (ack->rs_valid &&
		(txseg->sent_ns < ack->rs_sent_ns ||
			(txseg->sent_ns == ack->rs_sent_ns && seq_leq(end, ack->rs_end_seq))))
		return;
	ack->rs_valid = true;
	ack->rs_app_limited = (txseg->flags & TXSEG_APP_LIMITED) != 0;
	ack->rs_sent_ns = txseg->sent_ns;
	ack->rs_end_seq = end;
	ack->rs_send_elapsed_ns = txseg->sent_ns - txseg->first_sent_ns;
	ack->rs_prior_delivered = txseg->delivered;
	ack->rs_prior_ns = txseg->delivered_ns;
	ack->rs_prior_lost = txseg->lost;
	ack->rs_tx_in_flight = txseg->tx_in_flight;
	tx->first_sent_ns = txseg->sent_ns;
}

void tcp_rate_sample(struct tcb *tcb, const struct tcp_ack *ack, struct tcp_cc_ack *sample)
{
	struct tcp_send *tx = tcb->tx;
	if (tx->app_limited != 0 && tcb->delivered > tx->app_limited)
		tx->app_limited = 0;
	sample->delivered = tcb->delivered;
	sample->in_flight = ack->prior_pipe;
	sample->in_flight_now = tcp_in_flight(tcb);
	if (!ack->rs_valid)
		return;
	uint64_t ack_elapsed_ns = ack->now_ns - ack->rs_prior_ns;
	uint64_t interval_ns =
		ack->rs_send_elapsed_ns > ack_elapsed_ns ? ack->rs_send_elapsed_ns : ack_elapsed_ns;
	sample->prior_delivered = ack->rs_prior_delivered;
	sample->rs_delivered = (uint32_t)(tcb->delivered - ack->rs_prior_delivered);
	sample->rs_lost = (uint32_t)(tx->lost - ack->rs_prior_lost);
	sample->tx_in_flight = ack->rs_tx_in_flight;
	sample->rs_app_limited = ack->rs_app_limited;
	/* As with an RTT, the clock's turns are too coarse to tell less. */
	if (interval_ns < 1000)
		interval_ns = 1000;
	/* 4.1.2.3: one that is shorter than any round trip is an artefact of aggregation. */
	if (interval_ns >= (uint64_t)tcb->min_rtt_us * 1000)
		sample->rs_interval_ns = interval_ns;
}
