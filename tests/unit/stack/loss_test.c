/* SPDX-License-Identifier: BSD-3-Clause */
/* Acknowledgments, loss recovery and the retransmission timer of stack/tcp/, sender alone. */
#include "tests/unit/stack/loss_lab.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stack/tcp/tcp_cc_bbr.h"

#define BLOCKS(...)           \
	(const uint32_t[][2]) \
	{                     \
		__VA_ARGS__   \
	}
#define COUNTERS (&lab.st.counters)

static int open_sack(void **state)
{
	lab_open(TCB_SACK);
	return 0;
}

static int open_plain(void **state)
{
	lab_open(0);
	return 0;
}

static int open_timestamps(void **state)
{
	lab_open(TCB_SACK | TCB_TS);
	return 0;
}

static int open_ecn(void **state)
{
	lab_open(TCB_SACK | TCB_ECN);
	return 0;
}

static int close_lab(void **state)
{
	lab_close();
	return 0;
}

/* Sends n segments, and a round trip passes. */
static void send_and_wait(unsigned n)
{
	lab_send(n * LAB_MSS);
	assert_int_equal(lab.sent_count, n);
	lab_wait(100);
	lab_forget_sent();
}

static uint8_t ca_state(void)
{
	return lab.tcb->tx->ca_state;
}

/* Acknowledgment */

/* RFC 9293 3.10.7.4 (5th) */
static void established_ack_of_all_frees_all(void **state)
{
	send_and_wait(5);
	lab_ack(5000);
	assert_int_equal(lab.tcb->conn.acked, 5000);
	assert_int_equal(lab.tcb->snd_una, LAB_SEQ + 5000);
	assert_null(lab.tcb->tx);
	assert_null(lab.tcb->sndq);
	assert_int_equal(lab.tcb->timer_ms[TCP_TIMER_RTX], 0);
}

/* RFC 9293 3.10.7.4 (5th): a peer may acknowledge in the middle of what we sent. */
static void established_ack_inside_segment_keeps_rest(void **state)
{
	send_and_wait(3);
	lab_ack(1);
	lab_ack(1500);
	assert_int_equal(lab.tcb->conn.acked, 1500);
	assert_int_equal(TAILQ_FIRST(&lab.tcb->tx->inflight)->seq, LAB_SEQ + 1500);
	assert_int_equal(tcp_in_flight(lab.tcb), 1500);
	lab_ack(3000);
}

/* RFC 9293 3.10.7.4 (5th): "If the ACK acks something not yet sent, send an ACK, drop". */
static void established_ack_of_unsent_is_refused(void **state)
{
	send_and_wait(1);
	struct tcp_seg seg = lab_ack_segment(1001);
	lab_forget_sent();
	assert_int_equal(lab_segment(&seg), DROP_TCP_ACK_RANGE);
	assert_int_equal(lab.tcb->snd_una, LAB_SEQ);
	assert_int_equal(lab.sent_count, 1); /* the ACK */
}

/* RFC 5961 5.2 */
static void established_ack_older_than_largest_window_is_refused(void **state)
{
	send_and_wait(1);
	lab_ack(1000);
	lab_send(1000);
	struct tcp_seg seg = lab_ack_segment(1000 - 65535 - 1);
	assert_int_equal(lab_segment(&seg), DROP_TCP_ACK_RANGE);
	seg = lab_ack_segment(1000 - 65535);
	assert_int_equal(lab_segment(&seg), DROP_NONE);
}

/* RFC 9293 3.10.7.4 (5th): the window is that of the latest segment, by SND.WL1 and SND.WL2. */
static void established_window_of_older_segment_is_ignored(void **state)
{
	send_and_wait(2);
	struct tcp_seg seg = lab_ack_segment(1000);
	seg.seq = 100;
	seg.wnd = 5000;
	lab_segment(&seg);
	assert_int_equal(lab.tcb->snd_wnd, 5000);
	seg = lab_ack_segment(1000);
	seg.seq = 99;
	seg.wnd = 4000;
	lab_segment(&seg);
	assert_int_equal(lab.tcb->snd_wnd, 5000);
	seg.seq = 100;
	seg.wnd = 6000;
	lab_segment(&seg);
	assert_int_equal(lab.tcb->snd_wnd, 6000);
}

/* RFC 9293 3.4: FIN takes a sequence number, and no byte. */
static void fin_wait_ack_of_fin_counts_no_byte(void **state)
{
	lab_send(1000);
	lab_fin();
	lab_wait(100);
	lab_ack(1001);
	assert_int_equal(lab.tcb->conn.acked, 1000);
	assert_int_equal(lab.tcb->snd_una, lab.tcb->snd_end);
}

/* RTT */

/* RFC 6298 (2.2), (2.3) */
static void first_sample_sets_srtt_and_variance(void **state)
{
	assert_int_equal(lab.tcb->srtt_us, 100000);
	assert_int_equal(lab.tcb->rttvar_us, 50000);
	assert_int_equal(lab.tcb->rto_ms, 300);
	send_and_wait(1);
	lab_wait(8);
	lab_ack(1000);
	assert_int_equal(lab.tcb->srtt_us, 101000);
	assert_int_equal(lab.tcb->rttvar_us, 50000 - (50000 - 8000) / 4);
}

/* RFC 6298 (2.4): the minimum is there for what the peer's delayed ACK adds. */
static void timeout_keeps_minimum_above_rtt(void **state)
{
	for (unsigned i = 1; i < 60; i++) {
		lab_send(1000);
		lab_wait(100);
		lab_ack(i * 1000);
	}
	assert_true(lab.tcb->rttvar_us < 1000);
	assert_int_equal(lab.tcb->rto_ms, 300);
}

/* RFC 6298 3: Karn's algorithm. */
static void ack_of_segment_sent_again_gives_no_sample(void **state)
{
	lab_send(1000);
	lab_wait(1000);
	assert_true(COUNTERS->tcp_retransmits > 0);
	uint32_t srtt_us = lab.tcb->srtt_us;
	lab_ack(1000);
	assert_int_equal(lab.tcb->srtt_us, srtt_us);
	assert_true(lab.tcb->backoff > 0);
	lab_send(1000); /* and the timeout stays backed off until new data give one */
	lab_wait(100);
	lab_ack(2000);
	assert_int_equal(lab.tcb->backoff, 0);
}

/* RFC 7323 4: the echo says which transmission it answers. */
static void ack_with_echo_gives_sample_after_resending(void **state)
{
	lab_send(1000);
	lab_wait(1000);
	lab.peer_ts_ecr = (uint32_t)lab.st.now_ms - 60;
	lab_ack(1000);
	assert_in_range(lab.tcb->srtt_us, 95000 - 1, 95000 + 1);
	assert_int_equal(lab.tcb->backoff, 0);
}

/* RFC 7323 4.3: the echo of a duplicate's ACK is that of the first arrival. */
static void ack_with_dsack_and_echo_gives_no_sample(void **state)
{
	lab.peer_ts_ecr = (uint32_t)lab.st.now_ms;
	lab_send(1000);
	lab_wait(5000);
	uint32_t srtt_us = lab.tcb->srtt_us;
	lab_sack(1000, 1, BLOCKS({0, 1000}));
	assert_int_equal(lab.tcb->srtt_us, srtt_us);
}

/* RFC 7323 4.2: many samples a round trip do not forget how much they vary. */
static void variance_outlives_window_of_equal_samples(void **state)
{
	lab.tcb->cc.cwnd = 60 * LAB_MSS;
	lab_send(50 * LAB_MSS);
	lab_wait(100);
	for (unsigned i = 1; i < 50; i++)
		lab_ack(i * 1000);
	assert_true(lab.tcb->rttvar_us >= 50000 * 3 / 4);
}

/* SACK, RACK */

/* RFC 8985 6.2 step 4: without reordering, three SACKed segments are enough. */
static void three_sacked_start_recovery(void **state)
{
	send_and_wait(10);
	lab_sack(0, 1, BLOCKS({1000, 2000}));
	assert_int_equal(ca_state(), TCP_CA_DISORDER);
	lab_sack(0, 1, BLOCKS({1000, 3000}));
	assert_int_equal(lab.sent_count, 0);
	lab_sack(0, 1, BLOCKS({1000, 4000}));
	assert_int_equal(ca_state(), TCP_CA_RECOVERY);
	assert_int_equal(lab.sent_count, 1);
	assert_int_equal(lab_offset(0), 0);
	assert_int_equal(lab.tcb->cc.ssthresh, 5000);
	assert_int_equal(COUNTERS->tcp_fast_recoveries, 1);
}

/* RFC 6675 5 (A): recovery ends at RecoveryPoint, and cwnd is ssthresh then (RFC 9937). */
static void recovery_ends_at_recovery_point(void **state)
{
	send_and_wait(10);
	lab_sack(0, 1, BLOCKS({1000, 4000}));
	lab_sack(0, 1, BLOCKS({1000, 10000}));
	assert_int_equal(lab.sent_count, 1);
	lab_wait(100);
	lab_send(1000);
	lab_ack(10000);
	assert_int_equal(ca_state(), TCP_CA_OPEN);
	assert_int_equal(lab.tcb->cc.cwnd, 5000);
}

/*
 * RFC 5681 3.1: the half is of whole segments, and grows by one with each window acknowledged; the
 * ACK that ends the recovery counts with what it delivered, not with all that it jumps over.
 */
static void window_grows_within_round_trip_of_recovery(void **state)
{
	lab.tcb->cc.cwnd = 13 * LAB_MSS;
	send_and_wait(13);
	lab_send(20 * LAB_MSS);
	lab_sack(0, 1, BLOCKS({1000, 4000}));
	lab_sack(0, 1, BLOCKS({1000, 13000}));
	assert_int_equal(lab.tcb->cc.ssthresh, 6 * LAB_MSS);
	lab_wait(100);
	lab_ack(13000);
	assert_int_equal(ca_state(), TCP_CA_OPEN);
	assert_int_equal(lab.tcb->cc.cwnd, 6 * LAB_MSS);
	lab_wait(100);
	lab_ack(17000);
	assert_int_equal(lab.tcb->cc.cwnd, 6 * LAB_MSS);
	lab_ack(18000);
	assert_int_equal(lab.tcb->cc.cwnd, 7 * LAB_MSS);
}

/* RFC 9937 6.2: as many leave as half of what arrives, on the way to ssthresh. */
static void recovery_sends_in_proportion(void **state)
{
	send_and_wait(10);
	lab_send(20 * LAB_MSS);
	lab_sack(0, 1, BLOCKS({1000, 4000})); /* the lost one again */
	assert_int_equal(lab.sent_count, 1);
	for (uint32_t end = 5000; end <= 10000; end += 1000)
		lab_sack(0, 1, BLOCKS({1000, end}));
	assert_in_range(lab.sent_count, 4, 5);
	assert_in_range(tcp_in_flight(lab.tcb), 4000, 5000);
}

/* RFC 8985 6.2 step 5: one SACKed segment is no proof; the reordering window is. */
static void one_sacked_waits_for_reordering_window(void **state)
{
	send_and_wait(3);
	lab_sack(0, 1, BLOCKS({1000, 2000}));
	assert_int_equal(lab.tcb->rtx_kind, TCP_RTX_REORDER);
	lab_wait(24);
	assert_int_equal(lab.sent_count, 0);
	lab_wait(1); /* min_rtt / 4 */
	assert_int_equal(lab.sent_count, 1);
	assert_int_equal(lab_offset(0), 0);
	assert_int_equal(ca_state(), TCP_CA_RECOVERY);
}

/* RFC 8985 6.2 step 3: what was reordered once is waited for. */
static void reordering_seen_delays_recovery(void **state)
{
	send_and_wait(10);
	lab_sack(0, 1, BLOCKS({1000, 2000}));
	lab_ack(2000); /* the first came late, not lost */
	assert_int_equal(lab.tcb->reo_wnd_mult, 1);
	lab_sack(2000, 1, BLOCKS({3000, 8000}));
	assert_int_equal(lab.sent_count, 0);
	assert_int_equal(lab.tcb->rtx_kind, TCP_RTX_REORDER);
	lab_wait(25);
	assert_int_equal(lab.sent_count, 1);
}

/* RFC 8985 6.2 step 4: DSACK widens the window, once a round trip. */
static void dsack_widens_reordering_window(void **state)
{
	send_and_wait(10);
	lab_ack(2000);
	lab_sack(2000, 1, BLOCKS({0, 1000}));
	assert_int_equal(lab.tcb->reo_wnd_mult, 1);
	lab_sack(2000, 1, BLOCKS({1000, 2000}));
	assert_int_equal(lab.tcb->reo_wnd_mult, 1);
	lab_ack(10000);
	lab_send(1000);
	lab_sack(10000, 1, BLOCKS({9000, 10000}));
	assert_int_equal(lab.tcb->reo_wnd_mult, 2);
	assert_int_equal(COUNTERS->tcp_dsacks, 3);
}

/* RFC 8985 6.2.1 step 4: for 16 recoveries, however idle the connection is between them. */
static void widened_reordering_window_outlives_idle_time(void **state)
{
	send_and_wait(10);
	lab_ack(2000);
	lab_sack(2000, 1, BLOCKS({0, 1000}));
	lab_ack(10000);
	lab_send(1000);
	lab_sack(10000, 1, BLOCKS({9000, 10000}));
	assert_int_equal(lab.tcb->reo_wnd_mult, 2);
	lab_ack(11000);
	for (uint32_t recovery = 1, at = 11000; recovery <= 16; recovery++, at += 4000) {
		assert_null(lab.tcb->tx);
		assert_int_equal(lab.tcb->reo_wnd_mult, 2);
		lab.tcb->cc.cwnd = 10 * LAB_MSS;
		lab_send(4 * LAB_MSS);
		lab_wait(100);
		lab_sack(at, 1, BLOCKS({at + 1000, at + 4000}));
		lab_wait(100);
		assert_int_equal(ca_state(), TCP_CA_RECOVERY);
		lab_ack(at + 4000);
	}
	assert_int_equal(lab.tcb->reo_wnd_mult, 1);
}

/* RFC 8985 6.2: a retransmission is found lost by what was sent after it. */
static void lost_retransmission_is_sent_again(void **state)
{
	lab_send(10 * LAB_MSS);
	lab_wait(100);
	lab_send(5 * LAB_MSS);
	lab_forget_sent();
	lab_sack(0, 1, BLOCKS({1000, 5000}));
	assert_int_equal(lab_offset(0), 0);
	lab_wait(1);
	lab_sack(0, 1, BLOCKS({1000, 10000}));
	unsigned sent = lab.sent_count;
	assert_true(sent > 1);
	uint32_t newest = lab_offset(sent - 1) + 1000;
	lab_wait(100);
	lab_sack(0, 1, BLOCKS({1000, newest}));
	assert_true(lab.sent_count > sent);
	assert_int_equal(lab_offset(sent), 0);
	assert_int_equal(COUNTERS->tcp_rtos, 0);
}

/* RFC 2018 4, RFC 2883: what cannot be is skipped and counted. */
static void impossible_blocks_are_ignored(void **state)
{
	send_and_wait(3);
	lab_sack(0, 3, BLOCKS({1000, 3001}, {2000, 2000}, {3000, 1000}));
	assert_int_equal(lab.tcb->tx->sacked_out, 0);
	assert_int_equal(COUNTERS->tcp_bad_sacks, 3);
	assert_int_equal(COUNTERS->tcp_dsacks, 0);
}

/* RFC 2018 3: a block counts for the whole segments in it. */
static void block_cuts_super_segment_at_segments(void **state)
{
	lab.tcb->cc.cwnd = 40 * LAB_MSS;
	send_and_wait(40);
	assert_ptr_equal(TAILQ_NEXT(TAILQ_FIRST(&lab.tcb->tx->inflight), entry), NULL);
	lab_sack(0, 1, BLOCKS({1500, 4500}));
	assert_int_equal(lab.tcb->tx->sacked_out, 2000);
	lab_sack(0, 2, BLOCKS({10000, 11000}, {1500, 4500}));
	assert_int_equal(lab.tcb->tx->sacked_out, 3000);
	/* crumbs of a segment are nothing */
	lab_sack(0, 1, BLOCKS({20001, 20999}));
	assert_int_equal(lab.tcb->tx->sacked_out, 3000);
}

/* Neighbours that arrived are one txseg, however they were told. */
static void sacked_neighbours_are_joined(void **state)
{
	lab.tcb->cc.cwnd = 40 * LAB_MSS;
	lab.tcb->reo_wnd_mult = 1; /* nothing is lost at once */
	for (unsigned i = 0; i < 20; i++)
		lab_send(LAB_MSS);
	lab_wait(100);
	for (uint32_t at = 1000; at < 20000; at += 2000)
		lab_sack(0, 1, BLOCKS({at, at + 1000}));
	lab_sack(0, 1, BLOCKS({1000, 20000}));
	struct tcp_txseg *first = TAILQ_FIRST(&lab.tcb->tx->inflight);
	struct tcp_txseg *second = TAILQ_NEXT(first, entry);
	assert_int_equal(second->flags & TXSEG_SACKED, TXSEG_SACKED);
	assert_int_equal(lab.tcb->tx->sacked_txsegs, 19);
	assert_int_equal(lab.tcb->tx->sacked_out, 19000);
	assert_true(lab.tcp.txsegs.used < 12);
}

/* n is a multiple of 8000. Then a round trip passes. */
static void send_tiny(uint32_t mss, uint32_t n)
{
	lab.mtu = (uint16_t)(mss + 40);
	tcb_update_mss(lab.tcb);
	lab.tcb->cc.cwnd = 1u << 29;
	lab.tcb->snd_scale = 10;
	lab.tcb->snd_wnd = 65535u << 10;
	for (uint32_t i = 0; i < n; i += 8000) {
		lab_send(8000 * mss);
		lab_forget_sent();
	}
	lab_wait(100);
}

/* Every other one of many tiny segments is SACKed, the first too; the others are lost. */
static void sack_every_other(uint32_t mss, uint32_t n)
{
	for (uint32_t i = 0; i < n; i += 8) {
		struct tcp_seg seg = lab_ack_segment(0);
		seg.opt.sack_count = 4;
		for (uint32_t k = 0; k < 4; k++) {
			uint32_t start = LAB_SEQ + (i + 2 * k) * mss;
			seg.opt.sack[k] = (struct tcp_sack_block){start, start + mss};
		}
		assert_int_equal(tcp_process_ack(lab.tcb, &seg), DROP_NONE);
	}
}

/*
 * RFC 2018 4: a receiver tells of each block several times. One that is far from those of the ACKs
 * before is not looked for through all that is in flight, but a part of the way each time; those
 * that were found are at hand, however far apart they are.
 */
static void search_for_a_block_goes_on_with_the_next_ack(void **state)
{
	const uint32_t mss = 64, n = 24000;
	lab.tcb->min_rtt_us = lab.tcb->srtt_us = 4000000; /* nothing is lost yet */
	lab.tcb->reo_wnd_mult = 4;
	send_tiny(mss, n);
	lab.tcb->cc.cwnd = mss;
	sack_every_other(mss, n);
	uint32_t sacked = lab.tcb->tx->sacked_out;
	assert_int_equal(sacked, n / 2 * mss);

	const uint32_t blocks[][2] = {
		{6001 * mss, 6002 * mss}, {12001 * mss, 12002 * mss}, {18001 * mss, 18002 * mss}};
	lab_sack(0, 3, blocks);
	assert_int_equal(lab.tcb->tx->sacked_out, sacked);
	for (unsigned i = 0; i < n / 256; i++)
		lab_sack(0, 3, blocks);
	assert_int_equal(lab.tcb->tx->sacked_out, sacked + 3 * mss);
	lab_sack(0, 3,
		BLOCKS({6001 * mss, 6004 * mss}, {12001 * mss, 12004 * mss},
			{18001 * mss, 18004 * mss}));
	assert_int_equal(lab.tcb->tx->sacked_out, sacked + 6 * mss);
}

/* Also when they are told from the top down. */
static void sacked_neighbours_are_joined_downwards(void **state)
{
	lab.tcb->cc.cwnd = 40 * LAB_MSS;
	lab.tcb->reo_wnd_mult = 1;
	for (unsigned i = 0; i < 20; i++)
		lab_send(LAB_MSS);
	lab_wait(100);
	for (uint32_t at = 19000; at > 0; at -= 1000)
		lab_sack(0, 1, BLOCKS({at, at + 1000}));
	assert_int_equal(lab.tcb->tx->sacked_txsegs, 19);
	assert_int_equal(lab.tcp.txsegs.used, 2);
}

/* RFC 8985 7 */

/* RFC 8985 7.2: two round trips, and the peer's delayed ACK if one segment is in flight. */
static void tail_is_probed_after_two_round_trips(void **state)
{
	lab_send(3 * LAB_MSS);
	lab_forget_sent();
	assert_int_equal(lab.tcb->rtx_kind, TCP_RTX_TLP);
	lab_wait(201);
	assert_int_equal(lab.sent_count, 0);
	lab_wait(1);
	assert_int_equal(lab.sent_count, 1);
	assert_int_equal(lab_offset(0), 2000);
	assert_int_equal(lab.tcb->rtx_kind, TCP_RTX_RTO);
	assert_int_equal(COUNTERS->tcp_tlps, 1);
}

/* RFC 8985 7.3: new data serve as well. */
static void tail_probe_prefers_new_data(void **state)
{
	lab_send(20 * LAB_MSS);
	lab_forget_sent();
	lab_wait(202);
	assert_int_equal(lab.sent_count, 1);
	assert_int_equal(lab_offset(0), 10000);
	assert_int_equal(COUNTERS->tcp_retransmits, 0);
}

/* RFC 8985 7.4.2: the probe repaired the only loss, for which cwnd pays. */
static void repaired_tail_reduces_window(void **state)
{
	lab_send(3 * LAB_MSS);
	lab_wait(202);
	lab_ack(2000);
	lab_send(LAB_MSS);
	uint32_t cwnd = lab.tcb->cc.cwnd;
	lab_ack(3000); /* equal to TLP.end_seq: a DSACK may follow */
	assert_true(lab.tcb->cc.cwnd >= cwnd);
	lab_ack(4000);
	lab_send(LAB_MSS);
	assert_int_equal(lab.tcb->cc.ssthresh, 2 * LAB_MSS);
	assert_int_equal(lab.tcb->cc.cwnd, 2 * LAB_MSS);
	assert_int_equal(ca_state(), TCP_CA_OPEN);
}

/* RFC 5681 3.2: by half of what was in flight, though the ACK that tells is of all of it. */
static void repaired_tail_halves_what_was_in_flight(void **state)
{
	lab_send(3 * LAB_MSS);
	lab_wait(202);
	lab_ack(3000);
	lab_send(8 * LAB_MSS);
	lab_wait(100);
	lab_ack(11000);
	assert_int_equal(lab.tcb->cc.ssthresh, 4 * LAB_MSS);
	assert_int_equal(lab.tcb->cc.cwnd, 5 * LAB_MSS); /* with the segment that the ACK adds */
}

/* RFC 8985 7.4.1 case 1: both arrived. */
static void needless_tail_probe_changes_nothing(void **state)
{
	lab_send(3 * LAB_MSS);
	lab_wait(202);
	lab_send(20 * LAB_MSS);
	lab_ack(3000);
	lab_sack(3000, 1, BLOCKS({2000, 3000}));
	lab_ack(6000);
	assert_int_equal(lab.tcb->cc.ssthresh, UINT32_MAX);
}

/* RFC 8985 7.4.2: also when the probe's ACK leaves nothing to send, and what follows comes later. */
static void repaired_tail_of_all_reduces_window(void **state)
{
	lab_send(3 * LAB_MSS);
	lab_wait(202);
	lab_ack(3000);
	lab_wait(100);
	lab_send(3 * LAB_MSS);
	lab_wait(50);
	lab_ack(5000);
	assert_true(lab.tcb->cc.ssthresh < UINT32_MAX);
	assert_int_equal(ca_state(), TCP_CA_OPEN);
	lab_ack(6000);
	assert_null(lab.tcb->tx);
}

/* RFC 8985 7.4.1 cases 1 and 2 with nothing left to send: the peer tells of the second copy. */
static void needless_tail_probe_of_all_changes_nothing(void **state)
{
	uint32_t at = 0;
	for (unsigned dsack = 0; dsack < 2; dsack++, at += 6000) {
		lab_send(3 * LAB_MSS);
		lab_wait(402);
		assert_int_equal(COUNTERS->tcp_tlps, dsack + 1);
		lab_ack(at + 3000);
		lab_sack(at + 3000, dsack, BLOCKS({at + 2000, at + 3000}));
		assert_null(lab.tcb->tx);
		lab_send(3 * LAB_MSS);
		lab_wait(50);
		lab_ack(at + 6000);
		assert_int_equal(lab.tcb->cc.ssthresh, UINT32_MAX);
	}
}

/* Retransmission timeout */

/* RFC 6298 (5.4) to (5.6), RFC 5681 3.1 */
static void timeout_sends_first_segment_and_backs_off(void **state)
{
	lab.tcb->flags &= ~(uint32_t)TCB_SACK; /* no tail probe before it */
	lab_send(5 * LAB_MSS);
	lab_forget_sent();
	lab_wait(299);
	assert_int_equal(lab.sent_count, 0);
	lab_wait(1);
	assert_int_equal(lab.sent_count, 1);
	assert_int_equal(lab_offset(0), 0);
	assert_int_equal(lab.tcb->cc.cwnd, LAB_MSS);
	assert_int_equal(lab.tcb->cc.ssthresh, 2000);
	assert_int_equal(tcp_in_flight(lab.tcb), LAB_MSS);
	lab_wait(599);
	assert_int_equal(lab.sent_count, 1);
	lab_wait(1);
	assert_int_equal(lab.sent_count, 2);
	/* RFC 5681 3.1: a second timeout of the same segment leaves ssthresh. */
	assert_int_equal(lab.tcb->cc.ssthresh, 2000);
}

/* RFC 6298 (5.3): an ACK of new data starts the timer anew. */
static void ack_restarts_timeout(void **state)
{
	lab.tcb->flags &= ~(uint32_t)TCB_SACK;
	lab_send(5 * LAB_MSS);
	lab_forget_sent();
	lab_wait(200);
	lab_ack(1000);
	lab_wait(lab.tcb->rto_ms - 1);
	assert_int_equal(lab.sent_count, 0);
	lab_wait(1);
	assert_int_equal(lab.sent_count, 1);
	assert_int_equal(lab_offset(0), 1000);
}

/* RFC 6298 (5.1): sending more does not put it off. */
static void sending_does_not_postpone_timeout(void **state)
{
	lab.tcb->flags &= ~(uint32_t)TCB_SACK;
	lab_send(LAB_MSS);
	lab_wait(200);
	lab_send(LAB_MSS);
	lab_forget_sent();
	lab_wait(100);
	assert_int_equal(lab.sent_count, 1);
	assert_int_equal(lab_offset(0), 0);
}

/* RFC 8985 6.3: what was sent just before the timeout may still arrive. */
static void timeout_spares_what_was_sent_lately(void **state)
{
	lab_send(2 * LAB_MSS);
	lab_wait(250);
	lab_send(LAB_MSS);
	lab_forget_sent();
	lab_wait(600); /* tail probe, then the timeout */
	assert_true(COUNTERS->tcp_rtos >= 1);
	lab_ack(3000);
}

/* RFC 9293 3.8.3 (MUST-23): R2 is at least 100 seconds. */
static void silent_peer_is_given_up_after_r2(void **state)
{
	lab_send(LAB_MSS);
	lab_wait(100000);
	assert_int_equal(lab.failed, 0);
	lab_wait(900000);
	assert_int_equal(lab.failed, -ETIMEDOUT);
	assert_in_range(COUNTERS->tcp_rtos, 15, 20);
}

/* RFC 5482 */
static void silent_peer_is_given_up_after_user_timeout(void **state)
{
	lab.options.user_timeout_ms = 5000;
	lab_send(LAB_MSS);
	lab_wait(4999);
	assert_int_equal(lab.failed, 0);
	lab_wait(1);
	assert_int_equal(lab.failed, -ETIMEDOUT);
}

/* RFC 5482 3: after a stall of ours the ACK is there before the timers run, and counts. */
static void ack_of_the_same_turn_puts_user_timeout_off(void **state)
{
	lab.options.user_timeout_ms = 5000;
	lab_send(3 * LAB_MSS);
	lab.st.now_ns += 6000000000;
	lab.st.now_ms += 6000;
	struct tcp_seg seg = lab_ack_segment(1000);
	assert_int_equal(tcp_process_ack(lab.tcb, &seg), DROP_NONE);
	assert_true(lab.tcb->timer_ms[TCP_TIMER_USER] <= lab.st.now_ms);
	tcp_user_timeout(lab.tcb);
	assert_int_equal(lab.failed, 0);
	lab_output();
	lab_wait(4900);
	assert_int_equal(lab.failed, 0);
	lab_wait(200);
	assert_int_equal(lab.failed, -ETIMEDOUT);
}

/* RFC 5461: the cause that ICMP told is the error. */
static void soft_error_is_cause_of_failure(void **state)
{
	struct flow flow = {0};
	lab.options.user_timeout_ms = 5000;
	lab_send(LAB_MSS);
	tcp_icmp_error(&lab.st, &flow, LAB_SEQ + 1000, -EHOSTUNREACH, true);
	assert_int_equal(lab.tcb->soft_error, 0); /* RFC 5927 4.1: not in flight */
	tcp_icmp_error(&lab.st, &flow, LAB_SEQ, -EHOSTUNREACH, true);
	assert_int_equal(lab.failed, 0);
	lab_wait(5000);
	assert_int_equal(lab.failed, -EHOSTUNREACH);
}

/* RFC 2018 8: a peer that does not acknowledge what it told of has thrown it away. */
static void reneging_peer_gets_all_again(void **state)
{
	send_and_wait(5);
	lab_sack(0, 1, BLOCKS({1000, 5000}));
	lab_ack(1000); /* and yet */
	assert_int_equal(lab.tcb->tx->sacked_out, 4000);
	lab_wait(2000);
	assert_int_equal(lab.tcb->tx->sacked_out, 0);
	lab_ack(3000);
	lab_ack(5000);
}

/* Peers without SACK */

/*
 * RFC 2018 8: what was SACKed comes among what waits to be sent again. tests/bench/walks.c counts what
 * it costs.
 */
static void timeout_among_many_holes_forgets_what_was_sacked(void **state)
{
	const uint32_t mss = 64, n = 24000;
	struct tcp_ack ack;
	send_tiny(mss, n);
	lab.tcb->cc.cwnd = mss;
	sack_every_other(mss, n);
	assert_true(lab.tcb->tx->lost_out > n / 2 * mss - 10 * mss);
	lab_check();
	tcp_ack_begin(lab.tcb, &ack, NULL);
	tcp_recover_timeout(lab.tcb, &ack);
	assert_int_equal(lab.tcb->tx->sacked_out, 0);
	lab_check();
}

/*
 * A long recovery sends holes again and new bytes in turns; a timeout takes both for lost in that
 * order, so that each is far from the one before.
 */
static void timeout_of_holes_and_new_bytes_takes_all_for_lost(void **state)
{
	const uint32_t mss = 64, n = 24000;
	struct tcp_ack ack;
	send_tiny(mss, n);
	for (uint32_t i = 1; i < n; i += 2) {
		struct tcp_seg seg = lab_ack_segment(0);
		seg.opt.sack_count = 1;
		seg.opt.sack[0].start = LAB_SEQ + i * mss;
		seg.opt.sack[0].end = LAB_SEQ + (i + 1) * mss;
		lab.st.now_ns += 1000;
		assert_int_equal(tcp_process_ack(lab.tcb, &seg), DROP_NONE);
		lab.tcb->cc.cwnd = 1u << 29;
		lab_add(mss);
		tcp_output(lab.tcb);
		lab_forget_sent();
	}
	assert_int_equal(lab.tcb->tx->retrans_out, n / 2 * mss);
	lab.st.now_ns += 1000000000;
	tcp_ack_begin(lab.tcb, &ack, NULL);
	tcp_recover_timeout(lab.tcb, &ack);
	assert_int_equal(lab.tcb->tx->lost_out, n * mss);
	lab_check();
}

/*
 * Holes of several places in turns: a peer can bring this order about, who lets them be sent again in
 * it. lab_check looks whether each is at its place.
 */
static void holes_that_are_lost_in_any_order_find_their_place(void **state)
{
	const uint32_t mss = 64, n = 24000;
	for (unsigned places = 2; places <= 6; places++) {
		lab_close();
		lab_open(TCB_SACK);
		lab.tcb->min_rtt_us = lab.tcb->srtt_us = 4000000; /* nothing is lost by time */
		lab.tcb->reo_wnd_mult = 4;
		send_tiny(mss, n);
		lab.tcb->cc.cwnd = mss;
		sack_every_other(mss, n);
		static struct tcp_txseg *holes[12000];
		struct tcp_txseg *t = TAILQ_FIRST(&lab.tcb->tx->inflight);
		uint32_t count = 0;
		for (; t != NULL; t = TAILQ_NEXT(t, entry))
			if ((t->flags & TXSEG_SACKED) == 0)
				holes[count++] = t;
		for (uint32_t i = 0; i < count / places; i++)
			for (unsigned k = 0; k < places; k++)
				tcp_mark_lost(lab.tcb, NULL, holes[k * (count / places) + i]);
		lab_check();
	}
}

/* RFC 5681 3.2 */
static void three_duplicates_start_recovery(void **state)
{
	send_and_wait(10);
	lab_ack(0);
	lab_ack(0);
	assert_int_equal(lab.sent_count, 0);
	lab_ack(0);
	assert_int_equal(lab.sent_count, 1);
	assert_int_equal(lab_offset(0), 0);
	assert_int_equal(ca_state(), TCP_CA_RECOVERY);
}

/* RFC 3042: the first two duplicates let a new segment out each. */
static void two_duplicates_send_two_new(void **state)
{
	lab_send(20 * LAB_MSS);
	lab_wait(100);
	lab_forget_sent();
	lab_ack(0);
	assert_int_equal(lab.sent_count, 1);
	lab_ack(0);
	assert_int_equal(lab.sent_count, 2);
	assert_int_equal(lab_offset(0), 10000);
	assert_int_equal(lab_offset(1), 11000);
}

/* RFC 5681 2: with data, or another window, it is no duplicate. */
static void ack_with_data_is_no_duplicate(void **state)
{
	send_and_wait(10);
	for (unsigned i = 0; i < 4; i++) {
		struct tcp_seg seg = lab_ack_segment(0);
		seg.len = 100;
		lab_segment(&seg);
	}
	for (unsigned i = 0; i < 4; i++) {
		lab.peer_wnd -= 100;
		lab_ack(0);
	}
	assert_int_equal(lab.sent_count, 0);
	assert_int_equal(ca_state(), TCP_CA_OPEN);
}

/* RFC 6582 3.2 step 3: a partial ACK shows the next loss. */
static void partial_ack_sends_next(void **state)
{
	send_and_wait(10);
	for (unsigned i = 0; i < 7; i++)
		lab_ack(0);
	unsigned sent = lab.sent_count;
	lab_wait(100);
	lab_ack(4000);
	assert_int_equal(ca_state(), TCP_CA_RECOVERY);
	assert_int_equal(lab_offset(sent), 4000);
	lab_wait(100);
	lab_ack(10000);
	lab_send(1000);
	assert_int_equal(ca_state(), TCP_CA_OPEN);
	assert_int_equal(COUNTERS->tcp_fast_recoveries, 1);
}

/* RFC 6582 3.2 step 2: duplicates at "recover" come from what recovery sent. */
static void duplicates_after_recovery_start_no_other(void **state)
{
	lab_send(10 * LAB_MSS);
	lab_wait(100);
	for (unsigned i = 0; i < 4; i++)
		lab_ack(0);
	lab_send(10 * LAB_MSS);
	lab_wait(100);
	lab_ack(10000);
	for (unsigned i = 0; i < 4; i++)
		lab_ack(10000);
	assert_int_equal(COUNTERS->tcp_fast_recoveries, 1);
}

/* Undo */

/* RFC 3522: the ACK echoes a time before anything was sent again. */
static void older_echo_undoes_timeout(void **state)
{
	uint32_t sent_ms = (uint32_t)lab.st.now_ms;
	lab_send(8 * LAB_MSS);
	lab_wait(600);
	assert_int_equal(COUNTERS->tcp_rtos, 1);
	assert_int_equal(lab.tcb->cc.cwnd, LAB_MSS);
	lab.peer_ts_ecr = sent_ms;
	lab_ack(1000);
	assert_int_equal(COUNTERS->tcp_spurious_undone, 1);
	assert_true(lab.tcb->cc.cwnd >= 10 * LAB_MSS);
	assert_int_equal(lab.tcb->tx->lost_out, 0);
	lab_ack(8000);
}

/*
 * RFC 8985 6.2: RACK looks at those in the pipe in order of transmission, also after an undo: what
 * was sent again before that and lost again goes behind what was sent once. lab_check checks it.
 */
static void undo_keeps_order_of_transmission(void **state)
{
	uint32_t sent_ms = (uint32_t)lab.st.now_ms;
	lab_send(20 * LAB_MSS);
	lab_wait(100);
	lab_sack(0, 1, BLOCKS({3000, 9000}));
	lab_wait(600);
	assert_int_equal(COUNTERS->tcp_rtos, 1);
	lab.peer_ts_ecr = sent_ms;
	lab_ack(1000);
	assert_int_equal(COUNTERS->tcp_spurious_undone, 1);
	assert_int_equal(lab.tcb->tx->lost_out, 0);
}

/* Whatever order they have. */
static void undo_puts_any_order_right(void **state)
{
	lab.tcb->cc.cwnd = 40 * LAB_MSS;
	for (unsigned i = 0; i < 40; i++)
		lab_send(LAB_MSS);
	lab_wait(100);
	unsigned n = 0;
	struct tcp_txseg *txseg, *next;
	for (txseg = TAILQ_FIRST(&lab.tcb->tx->sent); txseg != NULL; txseg = next) {
		next = TAILQ_NEXT(txseg, by_time);
		txseg->sent_ns = lab.st.now_ns - (n * 7 % 13) * 1000;
		if (n++ % 5 != 0)
			tcp_mark_lost(lab.tcb, NULL, txseg);
		else
			txseg->sent_ns = lab.st.now_ns - 20000 + n * 500;
	}
	tcp_unmark_lost(lab.tcb);
	assert_int_equal(lab.tcb->tx->lost_out, 0);
	lab_check();
	lab_ack(40000);
}

/* RFC 3522: an echo of an earlier attempt is not one of the original. */
static void echo_of_earlier_attempt_undoes_nothing(void **state)
{
	lab_send(40 * LAB_MSS);
	lab_wait(100);
	lab_sack(0, 1, BLOCKS({1000, 10000})); /* the first again, and new ones */
	assert_true(lab.tcb->snd_nxt - LAB_SEQ >= 14000);
	lab_wait(100);
	lab_sack(0, 2, BLOCKS({11000, 14000}, {1000, 10000})); /* both it and a new one are lost */
	uint32_t resent_ms = (uint32_t)lab.st.now_ms;
	uint32_t end = lab.tcb->snd_nxt - LAB_SEQ;
	assert_true(end >= 16000);
	lab_wait(100);
	lab.peer_ts_ecr = resent_ms;
	lab_sack(10000, 1, BLOCKS({11000, 14000})); /* the end of that recovery */
	lab_wait(10);
	lab_sack(10000, 2, BLOCKS({15000, end}, {11000, 14000})); /* the next one begins */
	assert_int_equal(COUNTERS->tcp_fast_recoveries, 2);
	lab_sack(14000, 1, BLOCKS({15000, end}));
	assert_int_equal(COUNTERS->tcp_spurious_undone, 0);
}

/*
 * RFC 3522 3.2: the echo is older than what was sent again for the loss. A tail loss probe is not,
 * and that its original arrived says nothing of a loss that was repaired before.
 */
static void echo_older_than_a_tail_probe_undoes_nothing(void **state)
{
	lab_send(14 * LAB_MSS);
	lab_wait(100);
	lab_sack(0, 1, BLOCKS({1000, 10000}));
	assert_int_equal(COUNTERS->tcp_fast_recoveries, 1);
	lab.peer_ts_ecr = (uint32_t)lab.st.now_ms;
	lab_wait(100);
	lab_ack(10000);
	uint32_t ssthresh = lab.tcb->cc.ssthresh;
	assert_true(ssthresh < 10 * LAB_MSS);
	uint32_t sent_ms = (uint32_t)lab.st.now_ms;
	lab_send(LAB_MSS);
	lab_ack(14000);
	lab_wait(420);
	assert_int_equal(COUNTERS->tcp_tlps, 1);
	lab.peer_ts_ecr = sent_ms; /* late, but the original's */
	lab_send(1);
	lab_ack(15000);
	assert_int_equal(COUNTERS->tcp_spurious_undone, 0);
	assert_int_equal(lab.tcb->cc.ssthresh, ssthresh);
	lab_ack(15001);
}

/* There are peers that echo nothing but zeros: that is no time before anything was sent again. */
static void echo_of_zero_undoes_nothing(void **state)
{
	lab_send(20 * LAB_MSS);
	lab_wait(100);
	lab_sack(0, 1, BLOCKS({1000, 10000}));
	assert_int_equal(COUNTERS->tcp_fast_recoveries, 1);
	lab_wait(100);
	lab.peer_ts_ecr = 0;
	lab_ack(10000);
	assert_int_equal(COUNTERS->tcp_spurious_undone, 0);
	assert_true(lab.tcb->cc.ssthresh < 10 * LAB_MSS);
}

/* RFC 3522 4: what was held for lost arrives, and only its original can have. */
static void arrival_of_what_was_not_sent_again_undoes_recovery(void **state)
{
	send_and_wait(10);
	lab.device_full = true;
	lab_sack(0, 1, BLOCKS({1000, 4000}));
	assert_int_equal(ca_state(), TCP_CA_RECOVERY);
	assert_int_equal(COUNTERS->tcp_spurious_undone, 0);
	lab.device_full = false;
	lab_ack(4000);
	assert_int_equal(COUNTERS->tcp_spurious_undone, 1);
	assert_int_equal(ca_state(), TCP_CA_OPEN);
	assert_int_equal(lab.tcb->cc.ssthresh, UINT32_MAX);
	lab_ack(10000);
}

/* RFC 3708: all that was sent again came twice. */
static void dsack_of_all_undoes_recovery(void **state)
{
	send_and_wait(10);
	lab_sack(0, 1, BLOCKS({1000, 4000}));
	assert_int_equal(lab.sent_count, 1);
	uint32_t cwnd = lab.tcb->cc.cwnd;
	lab_ack(4000);
	lab_sack(4000, 1, BLOCKS({0, 1000}));
	assert_int_equal(COUNTERS->tcp_spurious_undone, 1);
	assert_true(lab.tcb->cc.cwnd > cwnd);
	assert_int_equal(lab.tcb->cc.ssthresh, UINT32_MAX);
}

/* RFC 3708 3: a network that duplicates proves nothing. */
static void dsack_of_what_was_sent_once_makes_dsack_worthless(void **state)
{
	lab_send(20 * LAB_MSS);
	lab_wait(100);
	lab_ack(2000);
	lab_sack(2000, 1, BLOCKS({0, 1000}));
	lab_wait(100);
	lab_sack(2000, 1, BLOCKS({3000, 10000}));
	lab_wait(50); /* the reordering window */
	assert_int_equal(ca_state(), TCP_CA_RECOVERY);
	lab_wait(100);
	lab_ack(10000);
	lab_sack(10000, 1, BLOCKS({2000, 3000}));
	assert_int_equal(COUNTERS->tcp_spurious_undone, 0);
}

/* RFC 5682 3.1: data that were not sent again arrive after the timeout. */
static void frto_finds_spurious_timeout(void **state)
{
	lab_send(30 * LAB_MSS); /* ten leave */
	lab_forget_sent();
	lab_wait(201);
	lab_wait(400);
	assert_int_equal(COUNTERS->tcp_rtos, 1);
	assert_int_equal(lab.tcb->tx->frto, TCP_FRTO_WAIT);
	lab_forget_sent();
	lab_ack(1000); /* step 2: new data leave, not lost ones */
	assert_int_equal(lab.tcb->tx->frto, TCP_FRTO_NEW);
	assert_true(lab.sent_count >= 1 && lab.sent_count <= 2);
	assert_true(lab_offset(0) >= 10000);
	lab_ack(2000); /* step 3b */
	assert_int_equal(COUNTERS->tcp_spurious_undone, 1);
	assert_true(lab.tcb->cc.cwnd >= 10 * LAB_MSS);
}

/* RFC 5682 3.1 step 3a: only the new data arrive: the loss was real. */
static void frto_finds_real_loss(void **state)
{
	lab_send(30 * LAB_MSS);
	lab_wait(601);
	assert_int_equal(COUNTERS->tcp_rtos, 1);
	lab_ack(1000);
	assert_int_equal(lab.tcb->tx->frto, TCP_FRTO_NEW);
	lab_forget_sent();
	uint32_t end = lab.tcb->snd_nxt - LAB_SEQ;
	lab_sack(1000, 1, BLOCKS({end - 1000, end}));
	assert_int_equal(lab.tcb->tx->frto, TCP_FRTO_OFF);
	assert_int_equal(lab_offset(0), 1000);
	assert_int_equal(COUNTERS->tcp_spurious_undone, 0);
}

/* ECN */

static void ack_ece(uint32_t offset)
{
	struct tcp_seg seg = lab_ack_segment(offset);
	seg.flags |= TH_ECE;
	lab_segment(&seg);
}

/* RFC 3168 6.1.2: once a window; CWR on the next new data. */
static void ecn_echo_reduces_once_a_window(void **state)
{
	lab_send(40 * LAB_MSS);
	lab_wait(100);
	lab_forget_sent();
	ack_ece(1000);
	assert_int_equal(ca_state(), TCP_CA_CWR);
	uint32_t ssthresh = lab.tcb->cc.ssthresh;
	assert_int_equal(ssthresh, 5000);
	unsigned cwr = 0;
	for (uint32_t ack = 2000; ack <= 10000; ack += 1000)
		ack_ece(ack);
	assert_int_equal(lab.tcb->cc.ssthresh, ssthresh);
	for (unsigned i = 0; i < lab.sent_count; i++)
		cwr += (lab.sent[i].flags & TH_CWR) != 0;
	assert_int_equal(cwr, 1);
	lab_wait(100);
	lab_ack(11000);
	assert_int_equal(ca_state(), TCP_CA_OPEN);
	assert_int_equal(lab.tcb->cc.cwnd / LAB_MSS, 5);
}

/* RFC 3168 6.1.2: as much as after a loss, though this ACK leaves nothing in flight. */
static void ecn_echo_of_all_that_was_sent_halves_the_window(void **state)
{
	send_and_wait(10);
	ack_ece(10000);
	assert_int_equal(lab.tcb->cc.ssthresh, 5000);
	assert_int_equal(lab.tcb->cc.cwnd, 5000);
}

/* How often the algorithm is told to reduce. */
static const struct tcp_cc_ops *counted;
static struct tcp_cc_ops counting;
static unsigned reductions;

static void count_congestion(struct tcp_cc *cc, uint64_t now_ns, uint32_t in_flight, bool ecn)
{
	reductions++;
	counted->on_congestion(cc, now_ns, in_flight, ecn);
}

static void count_rto(struct tcp_cc *cc, uint64_t now_ns, uint32_t in_flight)
{
	reductions++;
	counted->on_rto(cc, now_ns, in_flight);
}

static void with_each_algorithm(void (*test)(void))
{
	for (unsigned kind = 0; kind < TCP_CC_COUNT; kind++) {
		lab_close();
		lab_open(TCB_SACK | TCB_ECN);
		lab_use((enum tcp_cc_kind)kind);
		counted = lab.tcb->cc.ops;
		counting = *counted;
		counting.on_congestion = count_congestion;
		counting.on_rto = count_rto;
		lab.tcb->cc.ops = &counting;
		reductions = 0;
		test();
	}
}

/* The first segment with CWR since lab_forget_sent, an offset; there is one. */
static uint32_t cwr_offset(void)
{
	for (unsigned i = 0; i < lab.sent_count; i++)
		if (lab.sent[i].flags & TH_CWR)
			return lab_offset(i);
	fail();
	return 0;
}

/* The echo of the same marks goes on until CWR arrives, which the next data carry. */
static void echo_until_all_is_acknowledged(void)
{
	lab_send(10 * LAB_MSS);
	lab_wait(100);
	ack_ece(5000);
	ack_ece(10000);
	assert_int_equal(reductions, 1);
	lab_forget_sent();
	lab_send(4 * LAB_MSS);
	lab_wait(100);
	assert_int_equal(cwr_offset(), 10000);
	ack_ece(10000);
	assert_int_equal(reductions, 1);
	lab_ack(lab.tcb->snd_nxt - LAB_SEQ);
	lab_send(4 * LAB_MSS);
	lab_wait(100);
	ack_ece(15000);
	assert_int_equal(reductions, 2);
}

static void ecn_echo_with_nothing_left_reduces_once(void **state)
{
	with_each_algorithm(echo_until_all_is_acknowledged);
}

/* The ACK that ends a recovery tells of marks from before it. */
static void echo_behind_recovery(void)
{
	lab_send(40 * LAB_MSS);
	lab_wait(100);
	lab_sack(0, 1, BLOCKS({1000, 4000}));
	assert_int_equal(ca_state(), TCP_CA_RECOVERY);
	uint32_t point = lab.tcb->tx->recovery_point - LAB_SEQ;
	lab_sack(0, 1, BLOCKS({1000, point}));
	lab_wait(100);
	assert_int_equal(cwr_offset(), point);
	ack_ece(point);
	assert_true(ca_state() < TCP_CA_CWR);
	assert_int_equal(reductions, 1);
	lab_wait(10);
	ack_ece(point + 1000); /* marked behind CWR */
	assert_int_equal(reductions, 2);
}

static void ecn_echo_behind_a_recovery_is_of_its_window(void **state)
{
	with_each_algorithm(echo_behind_recovery);
}

/* Else sequence numbers that came round again would have marks taken for answered. */
static void cwr_is_out_until_it_is_acknowledged(void **state)
{
	lab_send(40 * LAB_MSS);
	lab_wait(100);
	lab_sack(0, 1, BLOCKS({1000, 4000}));
	uint32_t point = lab.tcb->tx->recovery_point - LAB_SEQ;
	lab_sack(0, 1, BLOCKS({1000, point}));
	lab_wait(100);
	lab_ack(point);
	assert_int_equal(ca_state(), TCP_CA_OPEN);
	assert_true(lab.tcb->tx->cwr_out);
	lab_ack(lab.tcb->snd_nxt - LAB_SEQ);
	assert_false(lab.tcb->tx->cwr_out);
}

static void echo_behind_timeout(void)
{
	lab_send(3 * LAB_MSS);
	lab_wait(700);
	assert_int_equal(ca_state(), TCP_CA_LOSS);
	assert_int_equal(reductions, 1);
	ack_ece(3000);
	assert_int_equal(reductions, 1);
	lab_send(10 * LAB_MSS);
	lab_wait(100);
	ack_ece(3000);
	assert_int_equal(reductions, 1);
}

static void ecn_echo_behind_a_timeout_is_of_its_window(void **state)
{
	with_each_algorithm(echo_behind_timeout);
}

/* A recovery that was for nothing answers no mark. */
static void echo_after_undo(void)
{
	lab_send(10 * LAB_MSS);
	lab_wait(100);
	lab.device_full = true;
	lab_sack(0, 1, BLOCKS({1000, 4000}));
	assert_int_equal(reductions, 1);
	lab.device_full = false;
	lab_ack(4000);
	assert_int_equal(COUNTERS->tcp_spurious_undone, 1);
	ack_ece(5000);
	assert_int_equal(reductions, 2);
	COUNTERS->tcp_spurious_undone = 0;
}

static void ecn_echo_after_an_undone_recovery_reduces(void **state)
{
	with_each_algorithm(echo_after_undo);
}

/* RFC 3168 6.1.2: "SHOULD NOT increase the congestion window". */
static void ecn_echo_does_not_open_the_window(void **state)
{
	lab_send(40 * LAB_MSS);
	lab_wait(100);
	lab_sack(0, 1, BLOCKS({1000, 4000}));
	lab_sack(0, 1, BLOCKS({1000, 10000}));
	lab_wait(100);
	lab_ack(10000);
	assert_int_equal(ca_state(), TCP_CA_OPEN);
	uint32_t cwnd = lab.tcb->cc.cwnd;
	lab.tcb->cc.ssthresh = UINT32_MAX; /* slow start would grow with each */
	lab.tcb->tx->cwr_seq += 20 * LAB_MSS;
	ack_ece(12000);
	assert_int_equal(lab.tcb->cc.cwnd, cwnd);
	lab_ack(13000);
	assert_true(lab.tcb->cc.cwnd > cwnd);
}

/* Zero window */

/* RFC 9293 3.8.6.1 (MUST-36, SHLD-29, SHLD-30) */
static void closed_window_is_probed_at_doubling_intervals(void **state)
{
	lab.peer_wnd = 0;
	lab.tcb->snd_wnd = 0;
	lab_send(5 * LAB_MSS);
	assert_int_equal(lab.sent_count, 0);
	assert_int_equal(lab.tcb->rtx_kind, TCP_RTX_PERSIST);
	lab_wait(300);
	assert_int_equal(lab.sent_count, 1);
	assert_int_equal(lab.sent[0].len, 1);
	lab_ack(0);
	lab_wait(599);
	assert_int_equal(lab.sent_count, 1);
	lab_wait(1);
	assert_int_equal(lab.sent_count, 2);
	assert_int_equal(lab_offset(1), 0);
	assert_int_equal(lab.tcb->cc.cwnd, 10 * LAB_MSS);
	assert_int_equal(COUNTERS->tcp_rtos, 0);
	lab.peer_wnd = 65535;
	lab_forget_sent();
	lab_ack(1);
	assert_int_equal(lab.sent_count, 5);
	assert_int_equal(lab.tcb->backoff, 0);
}

/* RFC 9293 3.8.6.1: what probed the closed window is sent again when it opens, at once. */
static void opening_window_without_probe_sends_all(void **state)
{
	lab.peer_wnd = 0;
	lab.tcb->snd_wnd = 0;
	lab_send(5 * LAB_MSS);
	for (unsigned i = 0; i < 5; i++) {
		lab_wait(2000);
		lab_ack(0);
	}
	lab_forget_sent();
	lab.peer_wnd = 65535;
	lab_ack(0);
	assert_int_equal(lab_offset(0), 0);
	assert_int_equal(lab.tcb->snd_nxt, lab.tcb->snd_end);
	lab_wait(100);
	lab_ack(5000);
	assert_int_equal(COUNTERS->tcp_rtos, 0);
	assert_int_equal(lab.tcb->cc.ssthresh, UINT32_MAX);
}

/* RFC 9293 3.8.6.1 (MUST-37): as long as it answers, it may stay closed. */
static void answering_peer_may_keep_window_closed(void **state)
{
	lab.peer_wnd = 0;
	lab.tcb->snd_wnd = 0;
	lab_send(LAB_MSS);
	for (unsigned i = 0; i < 120; i++) {
		lab_wait(60000);
		lab_ack(0);
	}
	assert_int_equal(lab.failed, 0);
	lab_wait(2000000); /* but not be silent */
	assert_int_equal(lab.failed, -ETIMEDOUT);
}

/* RFC 9293 3.8.6.1 is about windows: what pacing keeps back waits for the pacer's timer alone. */
static void paced_data_are_no_closed_window(void **state)
{
	lab_send(LAB_MSS);
	lab.tcb->tx->unpaced = 0;
	lab.tcb->cc.pacing_rate = LAB_MSS; /* a segment a second */
	lab.tcb->cc.send_quantum = 2 * LAB_MSS;
	lab.tcb->tx->pace_ns = lab.tcb->conn.stack->now_ns; /* nothing is late */
	lab_send(4 * LAB_MSS);
	lab_wait(100);
	lab_ack(3000);
	assert_int_equal(lab.tcb->snd_una, lab.tcb->snd_nxt);
	assert_int_not_equal(lab.tcb->timer_ms[TCP_TIMER_PACE], 0);
	assert_int_equal(lab.tcb->timer_ms[TCP_TIMER_RTX], 0);
	lab_forget_sent();
	lab_wait(1800);
	assert_int_equal(lab.sent_count, 0);
	lab_wait(200);
	assert_int_equal(lab.sent_count, 2);
	assert_int_not_equal(lab.tcb->timer_ms[TCP_TIMER_RTX], 0);
	assert_int_equal(lab.tcb->tx->timeouts, 0);
	/* A window that closes meanwhile is probed all the same. */
	lab.peer_wnd = 0;
	lab_ack(5000);
	assert_int_equal(lab.tcb->snd_una, lab.tcb->snd_end);
	lab_send(LAB_MSS);
	assert_int_equal(lab.tcb->rtx_kind, TCP_RTX_PERSIST);
	assert_int_not_equal(lab.tcb->timer_ms[TCP_TIMER_RTX], 0);
}

/* RFC 9293 3.8.6.2.1: what a small window has room for is sent in the end. */
static void small_window_is_used_after_a_while(void **state)
{
	lab.peer_wnd = 500;
	lab.tcb->snd_wnd = 500;
	lab_send(5 * LAB_MSS);
	assert_int_equal(lab.sent_count, 0);
	lab_wait(300);
	assert_int_equal(lab.sent_count, 1);
	assert_int_equal(lab.sent[0].len, 500);
}

/* RFC 9293 3.8.6 (SHLD-15): a window that shrank over what is in flight is probed. */
static void shrunk_window_is_no_congestion(void **state)
{
	send_and_wait(5);
	lab.peer_wnd = 0;
	lab_ack(0);
	lab_wait(3000);
	assert_int_equal(COUNTERS->tcp_rtos, 0);
	assert_true(lab.sent_count >= 2);
	assert_int_equal(lab.sent[0].len, 1);
	lab.peer_wnd = 65535;
	lab_ack(5000);
}

/* Path MTU */

/* RFC 2923 2.1, RFC 8899 4.3: full segments vanish, and no ICMP tells why. */
static void black_hole_makes_segments_smaller(void **state)
{
	lab_send(5 * LAB_MSS);
	lab_wait(5000);
	assert_int_equal(lab.tcb->snd_mss, TCP_MSS_DEFAULT4);
	assert_int_equal(COUNTERS->tcp_pmtu_black_holes, 1);
	assert_int_equal(lab.sent[lab.sent_count - 1].len, TCP_MSS_DEFAULT4);
	lab_ack(536);
	lab_wait(600001); /* RFC 8899: and larger ones are tried again */
	lab_ack(1072);
	assert_int_equal(lab.tcb->snd_mss, LAB_MSS);
}

/* No device takes more than NIF_GSO_SEGMENTS_MAX segments as one, however small they are. */
static void tiny_segments_leave_in_several_packets(void **state)
{
	lab.mtu = 64 + 40;
	tcb_update_mss(lab.tcb);
	lab.tcb->cc.cwnd = 1u << 20;
	lab_send(40000);
	assert_int_equal(lab.tcb->snd_nxt, lab.tcb->snd_end);
	assert_int_equal(lab.sent_count, 40000 / 64);
	lab_ack(40000);
}

/* RFC 1191 6.5: not lost by congestion, sent again at once. */
static void packet_too_big_sends_smaller_ones(void **state)
{
	struct flow flow = {0};
	lab_send(4 * LAB_MSS);
	lab_forget_sent();
	tcp_icmp_mtu(&lab.st, &flow, LAB_SEQ + 4000, 840);
	assert_int_equal(lab.tcb->snd_mss, LAB_MSS); /* RFC 5927 7.2: not in flight */
	tcp_icmp_mtu(&lab.st, &flow, LAB_SEQ, 840);
	assert_int_equal(lab.tcb->snd_mss, 800);
	lab_output();
	assert_int_equal(lab.sent_count, 5);
	assert_int_equal(lab.sent[0].len, 800);
	assert_int_equal(lab.tcb->cc.ssthresh, UINT32_MAX);
	assert_int_equal(ca_state(), TCP_CA_OPEN);
	tcp_icmp_mtu(&lab.st, &flow, LAB_SEQ, 1040); /* never up */
	assert_int_equal(lab.tcb->snd_mss, 800);
}

/* A device that is full */

static void timeout_with_full_device_sends_later(void **state)
{
	lab_send(3 * LAB_MSS);
	lab.device_full = true;
	lab_wait(1000);
	lab_forget_sent();
	lab.device_full = false;
	lab_wait(1);
	assert_true(lab.sent_count >= 1);
	assert_int_equal(lab_offset(0), 0);
}

/* A whole transfer to a peer behind a bad path, checked after each step */

#define PACKETS_MAX 4096u
struct path {
	uint32_t loss, reorder, dup, ack_loss; /* per mille */
	uint32_t stall; /* per mille of milliseconds: the device is full, or the window shut */
	uint32_t bytes;
	bool sack;
	uint64_t seed;
};

struct model {
	struct path path;
	struct {
		uint64_t at_ms;
		uint32_t seq, len, ts;
	} data[PACKETS_MAX], acks[PACKETS_MAX];
	unsigned data_count, ack_count, taken;
	uint8_t *have;
	uint32_t next, dsack[2], latest;
};

static uint32_t draw(struct model *m)
{
	m->path.seed = m->path.seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(m->path.seed >> 33) % 1000;
}

static void put(struct model *m, const struct lab_sent *s)
{
	unsigned copies = draw(m) < m->path.loss ? 0 : draw(m) < m->path.dup ? 2 : 1;
	while (copies-- > 0) {
		assert_true(m->data_count < PACKETS_MAX);
		uint64_t delay = 20 + (draw(m) < m->path.reorder ? draw(m) % 15 : 0);
		m->data[m->data_count].at_ms = lab.st.now_ms + delay;
		m->data[m->data_count].seq = s->seq - LAB_SEQ;
		m->data[m->data_count].len = s->len;
		m->data[m->data_count++].ts = (uint32_t)(s->ns / 1000000);
	}
}

static void answer(struct model *m)
{
	uint32_t blocks[4][2], n = 0;
	if (draw(m) < m->path.ack_loss)
		return;
	if (m->dsack[1] != m->dsack[0]) {
		blocks[n][0] = m->dsack[0];
		blocks[n++][1] = m->dsack[1];
		m->dsack[0] = m->dsack[1] = 0;
	}
	/* The block of the latest first, then others from the left. */
	uint32_t at = m->latest;
	for (unsigned tries = 0; m->path.sack && n < 4 && at < m->path.bytes; tries++) {
		uint32_t start = at, end = at;
		while (start > m->next && m->have[start - 1])
			start--;
		while (end < m->path.bytes && m->have[end])
			end++;
		if (end > start && start > m->next && (tries == 0 || start != blocks[0][0])) {
			blocks[n][0] = start;
			blocks[n++][1] = end;
		}
		at = tries == 0 ? m->next : end;
		while (at < m->path.bytes && !m->have[at])
			at++;
	}
	lab_sack(m->next, m->path.sack ? n : 0, (const uint32_t(*)[2])blocks);
}

static void receive(struct model *m, uint32_t seq, uint32_t len)
{
	assert_true(seq + len <= m->path.bytes);
	bool old = true;
	for (uint32_t i = seq; i < seq + len; i++) {
		old = old && m->have[i];
		m->have[i] = 1;
	}
	m->latest = seq;
	if (old && m->path.sack) {
		m->dsack[0] = seq;
		m->dsack[1] = seq + len;
	}
	while (m->next < m->path.bytes && m->have[m->next])
		m->next++;
	answer(m);
}

static void run_model(struct path path)
{
	struct model *m = test_calloc(1, sizeof(*m));
	m->path = path;
	m->have = test_calloc(1, path.bytes);
	lab_send(path.bytes);
	for (unsigned ms = 0; lab.tcb->snd_una != lab.tcb->snd_end; ms++) {
		assert_true(ms < 3000000);
		for (; m->taken < lab.sent_count; m->taken++)
			if (lab.sent[m->taken].len > 0)
				put(m, &lab.sent[m->taken]);
		if (draw(m) < path.stall)
			lab.device_full = !lab.device_full;
		if (draw(m) < path.stall)
			lab.peer_wnd = lab.peer_wnd == 0 ? 65535 : 0;
		if (path.stall > 0 && ms % 500 == 499)
			lab_ack(m->next); /* the window update */
		lab_wait(1);
		assert_int_equal(lab.failed, 0);
		for (unsigned i = 0; i < m->data_count;) {
			if (m->data[i].at_ms > lab.st.now_ms) {
				i++;
				continue;
			}
			lab.peer_ts_ecr = m->data[i].ts;
			uint32_t seq = m->data[i].seq, len = m->data[i].len;
			memmove(&m->data[i], &m->data[i + 1],
				(--m->data_count - i) * sizeof(m->data[0]));
			receive(m, seq, len);
		}
	}
	assert_int_equal(m->next, path.bytes);
	test_free(m->have);
	test_free(m);
}

/* RFC 8985, RFC 6675: losses are repaired without the timer where SACK suffices. */
static void transfer_with_loss_completes_without_timeouts(void **state)
{
	run_model((struct path){.loss = 10, .bytes = 2000000, .sack = true, .seed = 1});
	assert_int_equal(COUNTERS->tcp_rtos, 0);
	assert_true(COUNTERS->tcp_fast_recoveries > 0);
	assert_true(COUNTERS->tcp_retransmits < 2000 * 2 / 100);
}

static void transfer_with_all_impairments_completes(void **state)
{
	for (uint64_t seed = 1; seed < 30; seed++) {
		lab_close();
		lab_open(seed % 4 < 2 ? TCB_SACK | TCB_TS : TCB_SACK);
		lab.tcb->cc.cwnd = 10 * LAB_MSS;
		run_model((struct path){.loss = 50,
			.reorder = 200,
			.dup = 50,
			.ack_loss = 100,
			.bytes = 300000,
			.sack = true,
			.seed = seed});
	}
}

/* Whatever the algorithm, and with a device and a peer that stop at times. */
static void transfer_with_stalls_completes(void **state)
{
	for (uint64_t seed = 1; seed < 60; seed++) {
		lab_close();
		lab_open((seed % 4 < 2 ? TCB_SACK : 0) | (seed % 8 < 4 ? TCB_TS : 0));
		lab_use(seed % TCP_CC_COUNT);
		run_model((struct path){.loss = 20,
			.reorder = 50,
			.dup = 20,
			.ack_loss = 20,
			.stall = 10,
			.bytes = 300000,
			.sack = seed % 4 < 2,
			.seed = seed});
	}
}

static void transfer_without_sack_completes(void **state)
{
	for (uint64_t seed = 1; seed < 30; seed++) {
		lab_close();
		lab_open(seed % 4 < 2 ? TCB_TS : 0);
		run_model((struct path){.loss = 30,
			.reorder = 50,
			.dup = 20,
			.ack_loss = 50,
			.bytes = 300000,
			.seed = seed});
	}
}

/* Any number near what is in flight, now and then far from it. */
static uint32_t near_flight(struct model *m)
{
	const struct tcb *tcb = lab.tcb;
	uint32_t span = tcb->snd_nxt - tcb->snd_una + 4 * LAB_MSS;
	uint32_t seq = tcb->snd_una - 2 * LAB_MSS + (draw(m) * 1000 + draw(m)) % span;
	if (draw(m) < 500)
		seq = LAB_SEQ + (seq - LAB_SEQ) / LAB_MSS * LAB_MSS;
	return draw(m) < 20 ? seq + (draw(m) << 22) : seq;
}

static struct tcp_seg hostile_segment(struct model *m)
{
	struct tcp_seg seg = lab_ack_segment(0);
	seg.ack = draw(m) < 700 ? lab.tcb->snd_una : near_flight(m);
	seg.seq = draw(m) < 900 ? 1 : draw(m);
	seg.wnd = draw(m) < 800 ? 65535 : draw(m) < 500 ? 0 : (uint16_t)(draw(m) * draw(m) % 3000);
	seg.flags |= draw(m) < 50 ? TH_ECE : 0;
	seg.len = draw(m) < 50;
	seg.opt.ts_ecr = (uint32_t)lab.st.now_ms - draw(m) % 300;
	seg.opt.sack_count = (uint8_t)(draw(m) % (TCP_SACK_MAX + 1));
	for (unsigned i = 0; i < seg.opt.sack_count; i++) {
		uint32_t start = near_flight(m);
		seg.opt.sack[i] = (struct tcp_sack_block){
			start, draw(m) < 700 ? start + draw(m) % 9 * LAB_MSS : near_flight(m)};
	}
	return seg;
}

/* RFC 5961, RFC 2018: whatever a peer says, lists and counts agree, and the truth still helps. */
static void hostile_acks_break_nothing(void **state)
{
	const uint32_t kinds[] = {TCB_SACK, TCB_SACK | TCB_TS | TCB_ECN, TCB_TS, 0};
	for (uint64_t seed = 1; seed < 120; seed++) {
		struct model m = {.path.seed = seed};
		lab_close();
		lab_open(kinds[seed % 4]);
		lab_use(seed / 4 % TCP_CC_COUNT);
		for (unsigned i = 0; i < 400 && lab.failed == 0; i++) {
			if (lab.tcb->snd_end - lab.tcb->snd_una < 300000)
				lab_send(1 + draw(&m) * 20);
			struct tcp_seg seg = hostile_segment(&m);
			lab_segment(&seg);
			lab_wait(draw(&m) < 50 ? 3 * draw(&m) : draw(&m) % 20);
			lab_forget_sent();
		}
		for (unsigned i = 0; i < 400 && lab.tcb->snd_una != lab.tcb->snd_end; i++) {
			struct tcp_seg seg = lab_ack_segment(lab.tcb->snd_nxt - LAB_SEQ);
			seg.seq = 1000; /* not older than any before: its window counts */
			lab_segment(&seg);
			lab_wait(500);
			lab_forget_sent();
		}
		assert_int_equal(lab.tcb->snd_una, lab.tcb->snd_end);
	}
}

/* RFC 8985 6.2: reordering alone is no loss, once it is known. */
static void transfer_with_reordering_is_hardly_sent_twice(void **state)
{
	run_model((struct path){.reorder = 100, .bytes = 2000000, .sack = true, .seed = 3});
	assert_int_equal(COUNTERS->tcp_rtos, 0);
	assert_true(COUNTERS->tcp_retransmits < 2000 / 50);
}

/*
 * RFC 5681 3.2 step 2, RFC 9438 4.6: what a recovery left SACKed above snd_una is not in flight: a
 * loss right behind it halves the window, not the sum.
 */
static void recovery_right_after_recovery_reduces_from_cwnd(void **state)
{
	lab_send(40 * LAB_MSS);
	lab_wait(100);
	for (uint32_t end = 4000; end <= 10000; end += LAB_MSS)
		lab_sack(0, 1, BLOCKS({1000, end}));
	assert_int_equal(lab.tcb->cc.ssthresh, 5 * LAB_MSS);
	/* The eleventh is lost as well; many that were sent in this recovery arrive. */
	for (uint32_t end = 12000; end <= 24000; end += LAB_MSS) {
		lab_wait(10);
		lab_sack(0, 2, BLOCKS({11000, end}, {1000, 10000}));
	}
	lab_sack(10000, 1, BLOCKS({11000, 24000}));
	assert_int_equal(ca_state(), TCP_CA_DISORDER);
	assert_int_equal(lab.tcb->cc.cwnd, 5 * LAB_MSS);
	lab_wait(100);
	lab_sack(10000, 2, BLOCKS({25000, 28000}, {11000, 24000}));
	assert_int_equal(ca_state(), TCP_CA_RECOVERY);
	assert_int_equal(lab.tcb->cc.ssthresh, 2 * LAB_MSS);
	lab_check();
}

/*
 * RFC 8985 6.2 step 2, RFC 7323 4.3: the echo of an ACK that SACKs the probe is that of the last
 * segment in order. It does not make the probe's arrival doubtful: no timeout is needed.
 */
static void tail_loss_shows_by_the_sack_of_the_probe(void **state)
{
	send_and_wait(5);
	lab.peer_ts_ecr = lab.tcb->ts_offset + tcp_now_ms(&lab.st) - 100;
	lab_ack(1000);
	lab_wait(300);
	assert_int_equal(COUNTERS->tcp_tlps, 1);
	assert_int_equal(lab_offset(0), 4000);
	lab_wait(100);
	lab_forget_sent();
	lab_sack(1000, 1, BLOCKS({4000, 5000}));
	assert_int_equal(ca_state(), TCP_CA_RECOVERY);
	assert_int_equal(lab_offset(0), 1000);
	assert_int_equal(COUNTERS->tcp_rtos, 0);
}

/* RFC 9438 4.2: cwnd is all used though each ACK is of all that was in flight. The clock runs. */
static void flights_acknowledged_as_a_whole_are_no_idle_time(void **state)
{
	lab_use(TCP_CC_CUBIC);
	lab_send(60 * LAB_MSS);
	lab_wait(100);
	lab_sack(0, 1, BLOCKS({1000, 10000}));
	for (unsigned round = 0; round < 2; round++) {
		lab_wait(100);
		lab_ack(lab.tcb->snd_nxt - LAB_SEQ);
	}
	assert_int_equal(ca_state(), TCP_CA_OPEN);
	uint64_t start_ns = lab.tcb->cc.cubic.epoch.start_ns;
	assert_int_not_equal(start_ns, 0);
	for (unsigned round = 0; round < 3; round++) {
		lab_wait(100);
		lab_ack(lab.tcb->snd_nxt - LAB_SEQ);
	}
	assert_true(lab.tcb->snd_nxt - LAB_SEQ < 60000);
	assert_int_equal(lab.tcb->cc.cubic.epoch.start_ns, start_ns);
}

#define SACK(f)  cmocka_unit_test_setup_teardown(f, open_sack, close_lab)
#define PLAIN(f) cmocka_unit_test_setup_teardown(f, open_plain, close_lab)
#define TS(f)    cmocka_unit_test_setup_teardown(f, open_timestamps, close_lab)
#define ECN(f)   cmocka_unit_test_setup_teardown(f, open_ecn, close_lab)
/*
 * bbr-06 4.1.2.3: one segment at a time over a path without a delay that the clock shows. Each is
 * a sample all the same, or the bandwidth of slower times would stay for ever.
 */
static void delivery_within_tick_of_clock_is_sample(void **state)
{
	lab_use(TCP_CC_BBR);
	send_and_wait(1);
	lab_ack(1000);
	uint64_t slow = tcp_bbr_max_bw(lab.tcb->cc.bbr);
	assert_int_equal(slow, 10 * LAB_MSS); /* a segment in 100 ms */
	lab_send(LAB_MSS);
	lab_ack(2000);
	assert_true(tcp_bbr_max_bw(lab.tcb->cc.bbr) > slow);
}

/* bbr-06 5.4.1: what is sent after idle time is no time for ProbeRTT. */
static void bbr_sends_after_idle_time_without_probe_rtt(void **state)
{
	lab_use(TCP_CC_BBR);
	for (uint32_t sent = 1; sent <= 5; sent++) {
		lab_send(LAB_MSS);
		lab_wait(100);
		lab_ack(sent * LAB_MSS);
	}
	lab_wait(7000);
	lab_send(20 * LAB_MSS);
	lab_wait(100);
	lab_ack(lab.tcb->snd_nxt - LAB_SEQ);
	assert_int_not_equal(lab.tcb->cc.bbr->state, BBR_PROBE_RTT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SACK(established_ack_of_all_frees_all),
		SACK(established_ack_inside_segment_keeps_rest),
		SACK(established_ack_of_unsent_is_refused),
		SACK(established_ack_older_than_largest_window_is_refused),
		SACK(established_window_of_older_segment_is_ignored),
		SACK(fin_wait_ack_of_fin_counts_no_byte),
		SACK(first_sample_sets_srtt_and_variance),
		SACK(timeout_keeps_minimum_above_rtt),
		SACK(ack_of_segment_sent_again_gives_no_sample),
		TS(ack_with_echo_gives_sample_after_resending),
		TS(ack_with_dsack_and_echo_gives_no_sample),
		SACK(variance_outlives_window_of_equal_samples),
		SACK(three_sacked_start_recovery),
		SACK(recovery_ends_at_recovery_point),
		SACK(window_grows_within_round_trip_of_recovery),
		SACK(recovery_sends_in_proportion),
		SACK(recovery_right_after_recovery_reduces_from_cwnd),
		TS(tail_loss_shows_by_the_sack_of_the_probe),
		SACK(one_sacked_waits_for_reordering_window),
		SACK(reordering_seen_delays_recovery),
		SACK(dsack_widens_reordering_window),
		SACK(widened_reordering_window_outlives_idle_time),
		SACK(lost_retransmission_is_sent_again),
		SACK(impossible_blocks_are_ignored),
		SACK(block_cuts_super_segment_at_segments),
		SACK(sacked_neighbours_are_joined),
		SACK(sacked_neighbours_are_joined_downwards),
		SACK(search_for_a_block_goes_on_with_the_next_ack),
		SACK(tail_is_probed_after_two_round_trips),
		SACK(tail_probe_prefers_new_data),
		SACK(repaired_tail_reduces_window),
		SACK(repaired_tail_halves_what_was_in_flight),
		SACK(needless_tail_probe_changes_nothing),
		SACK(repaired_tail_of_all_reduces_window),
		SACK(needless_tail_probe_of_all_changes_nothing),
		SACK(timeout_sends_first_segment_and_backs_off),
		SACK(ack_restarts_timeout),
		SACK(sending_does_not_postpone_timeout),
		SACK(timeout_spares_what_was_sent_lately),
		SACK(silent_peer_is_given_up_after_r2),
		SACK(silent_peer_is_given_up_after_user_timeout),
		SACK(ack_of_the_same_turn_puts_user_timeout_off),
		SACK(soft_error_is_cause_of_failure),
		SACK(reneging_peer_gets_all_again),
		SACK(timeout_among_many_holes_forgets_what_was_sacked),
		SACK(timeout_of_holes_and_new_bytes_takes_all_for_lost),
		SACK(holes_that_are_lost_in_any_order_find_their_place),
		PLAIN(three_duplicates_start_recovery),
		PLAIN(two_duplicates_send_two_new),
		PLAIN(ack_with_data_is_no_duplicate),
		PLAIN(partial_ack_sends_next),
		PLAIN(duplicates_after_recovery_start_no_other),
		TS(older_echo_undoes_timeout),
		TS(undo_keeps_order_of_transmission),
		SACK(undo_puts_any_order_right),
		TS(echo_of_earlier_attempt_undoes_nothing),
		TS(echo_older_than_a_tail_probe_undoes_nothing),
		TS(echo_of_zero_undoes_nothing),
		SACK(arrival_of_what_was_not_sent_again_undoes_recovery),
		SACK(dsack_of_all_undoes_recovery),
		SACK(dsack_of_what_was_sent_once_makes_dsack_worthless),
		SACK(frto_finds_spurious_timeout),
		SACK(frto_finds_real_loss),
		ECN(ecn_echo_reduces_once_a_window),
		ECN(ecn_echo_of_all_that_was_sent_halves_the_window),
		ECN(ecn_echo_with_nothing_left_reduces_once),
		ECN(ecn_echo_behind_a_recovery_is_of_its_window),
		ECN(ecn_echo_behind_a_timeout_is_of_its_window),
		ECN(cwr_is_out_until_it_is_acknowledged),
		ECN(ecn_echo_after_an_undone_recovery_reduces),
		ECN(ecn_echo_does_not_open_the_window),
		SACK(closed_window_is_probed_at_doubling_intervals),
		SACK(opening_window_without_probe_sends_all),
		SACK(answering_peer_may_keep_window_closed),
		SACK(paced_data_are_no_closed_window),
		SACK(small_window_is_used_after_a_while),
		SACK(shrunk_window_is_no_congestion),
		SACK(black_hole_makes_segments_smaller),
		SACK(tiny_segments_leave_in_several_packets),
		SACK(packet_too_big_sends_smaller_ones),
		SACK(timeout_with_full_device_sends_later),
		SACK(transfer_with_loss_completes_without_timeouts),
		SACK(transfer_with_all_impairments_completes),
		SACK(transfer_with_stalls_completes),
		PLAIN(transfer_without_sack_completes),
		SACK(hostile_acks_break_nothing),
		SACK(transfer_with_reordering_is_hardly_sent_twice),
		SACK(flights_acknowledged_as_a_whole_are_no_idle_time),
		SACK(delivery_within_tick_of_clock_is_sample),
		SACK(bbr_sends_after_idle_time_without_probe_rtt),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
