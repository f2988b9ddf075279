/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Round-trip time and the retransmission timeout computed from it (RFC 6298).
 *
 * Called from tcp_ack.c, and with the RTT of the handshake from tcb.c.
 *
 * A sample comes from a txseg that was sent once (Karn), measured by our own clock, or else from
 * the timestamp that an ACK echoes (RFC 7323 4), in milliseconds. An ACK gives one, the RFC's gains
 * are made for one a round trip: with them, many samples would forget all variation within a window
 * (RFC 7323 4.2). So RTTVAR moves once a round trip, by the largest deviation seen in it; SRTT
 * follows each sample.
 */
#include "stack/tcp/tcp_loss.h"

#define GRANULARITY_US 1000u   /* G of RFC 6298 */
#define MIN_RTT_MS     300000u /* RFC 8985 6.2.1 step 1: the minimum is over some minutes */

static void take_min(struct tcb *tcb, uint32_t rtt_us)
{
	uint32_t now_ms = tcp_now_ms(tcb->conn.stack);
	if (tcb->min_rtt_us != 0 && rtt_us > tcb->min_rtt_us &&
		now_ms - tcb->min_rtt_ms < MIN_RTT_MS)
		return;
	tcb->min_rtt_us = rtt_us;
	tcb->min_rtt_ms = now_ms;
}

/* Takes one deviation. True: a round trip ended, *largest is the largest in it. */
static bool round_ended(struct tcb *tcb, uint32_t deviation, uint32_t *largest)
{
	struct tcp_send *tx = tcb->tx;
	*largest = deviation;
	if (tx == NULL)
		return true;
	if (tx->rtt_round_dev_us > deviation)
		*largest = tx->rtt_round_dev_us;
	tx->rtt_round_dev_us = *largest;
	if (tx->rtt_round_running && seq_lt(tcb->snd_una, tx->rtt_round_end))
		return false;
	tx->rtt_round_running = true;
	tx->rtt_round_end = tcb->snd_nxt;
	tx->rtt_round_dev_us = 0;
	return true;
}

/* RFC 6298 (2.2), (2.3): alpha is 1/8, beta 1/4. Bad news do not wait for the end of the round. */
static void smooth(struct tcb *tcb, uint32_t rtt_us)
{
	uint32_t srtt = tcb->srtt_us, largest;
	if (srtt == 0) {
		tcb->srtt_us = rtt_us;
		tcb->rttvar_us = rtt_us / 2;
		return;
	}
	uint32_t deviation = rtt_us > srtt ? rtt_us - srtt : srtt - rtt_us;
	bool ended = round_ended(tcb, deviation, &largest);
	if (deviation > tcb->rttvar_us)
		tcb->rttvar_us += (deviation - tcb->rttvar_us) / 4;
	else if (ended && largest < tcb->rttvar_us)
		tcb->rttvar_us -= (tcb->rttvar_us - largest) / 4;
	tcb->srtt_us = (uint32_t)(((uint64_t)srtt * 7 + rtt_us + 4) / 8);
}

/*
 * RFC 6298 (2.3), (2.4). The minimum stands in for K * RTTVAR: its purpose is the peer's delayed
 * ACK, which comes on top of the round trip.
 */
static void update_rto(struct tcb *tcb)
{
	uint64_t margin_us = (uint64_t)4 * tcb->rttvar_us;
	uint64_t least_us = (uint64_t)tcb->options->rto_min_ms * 1000;
	if (margin_us < GRANULARITY_US)
		margin_us = GRANULARITY_US;
	if (margin_us < least_us)
		margin_us = least_us;
	uint64_t rto_ms = (tcb->srtt_us + margin_us + 999) / 1000;
	tcb->rto_ms = rto_ms < TCP_RTO_MAX_MS ? (uint32_t)rto_ms : TCP_RTO_MAX_MS;
}

void tcp_rtt_sample(struct tcb *tcb, uint32_t rtt_us)
{
	take_min(tcb, rtt_us);
	smooth(tcb, rtt_us);
	update_rto(tcb);
}

static uint32_t us_since(uint64_t now_ns, uint64_t sent_ns)
{
	uint64_t us = (now_ns - sent_ns) / 1000;
	return us == 0 ? 1 : us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

uint32_t tcp_rtt_lone(struct tcb *tcb)
{
	uint32_t rtt_us = us_since(tcb->conn.stack->now_ns, tcb->lone_sent_ns);
	tcp_rtt_sample(tcb, rtt_us);
	tcb->backoff = 0;
	return rtt_us;
}

/*
 * RFC 7323 4.1: only if it moved snd_una; and only an echo that makes sense. (Not one beside DSACK:
 * a duplicate called for that ACK, and the echo is of the first arrival, whose ACK was lost.)
 */
static void sample_echo(struct tcb *tcb, const struct tcp_ack *ack)
{
	uint32_t now_ts = tcp_now_ms(tcb->conn.stack) + tcb->ts_offset;
	uint32_t rtt_ms = now_ts - ack->seg->opt.ts_ecr;
	if (rtt_ms > TCP_RTO_MAX_MS)
		return;
	smooth(tcb, rtt_ms == 0 ? GRANULARITY_US : rtt_ms * 1000);
	update_rto(tcb);
	tcb->backoff = 0;
}

void tcp_rtt_ack(struct tcb *tcb, struct tcp_ack *ack)
{
	if (ack->last_ns != 0)
		ack->rtt_us = us_since(ack->now_ns, ack->last_ns);
	/*
	 * RFC 6298 3: the one to time is the earliest, which shows how long ACKs may take. With
	 * bytes among it that were sent again, the others may have arrived long before.
	 */
	uint64_t first_ns = ack->cum_first_ns != 0 ? ack->cum_first_ns : ack->sack_first_ns;
	if (first_ns != 0 && !(ack->resent && ack->cum_acked != 0)) {
		take_min(tcb, ack->rtt_us);
		/* Often it is the latest, too. */
		smooth(tcb,
			first_ns == ack->last_ns ? ack->rtt_us : us_since(ack->now_ns, first_ns));
		update_rto(tcb);
		tcb->backoff = 0; /* RFC 6298 5: a sample of new data ends the backing off */
	} else if (ack->cum_acked != 0 && !ack->has_dsack && tcp_has_echo(tcb, ack)) {
		sample_echo(tcb, ack);
	}
}
