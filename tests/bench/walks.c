/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What recovery costs, in instructions, by the number of holes in what is in flight: a peer chooses
 * both, so that a walk from each hole over the others would be its to make us do.
 *
 * usage: walks HOLES
 *
 * Run under callgrind by scripts/check_cost, as cost.c is: what lies between two calls of toggle()
 * counts. The sender is alone, in tests/unit/stack/loss_lab.c.
 */
#include <stdio.h>
#include <stdlib.h>

#include <valgrind/callgrind.h>

#include "tests/unit/stack/loss_lab.h"

#define SEGMENT 64u /* the least that we send: most segments in a window */
#define AT_ONCE LAB_SENT

static uint32_t holes;

static void fail(const char *what)
{
	fprintf(stderr, "walks: %s\n", what);
	exit(1);
}

static void toggle(void)
{
	CALLGRIND_TOGGLE_COLLECT;
}

/* The name becomes that of the dump; the numbers go with it. */
static void dump(const char *name, unsigned times, unsigned each)
{
	char text[64];
	snprintf(text, sizeof(text), "%s %u %u", name, times, each);
	CALLGRIND_DUMP_STATS_AT(text);
}

/* Two segments for a hole, which is one of them. */
static void send_all(void)
{
	lab.mtu = SEGMENT + 40;
	tcb_update_mss(lab.tcb);
	lab.tcb->cc.cwnd = 1u << 29;
	lab.tcb->snd_scale = 10;
	lab.tcb->snd_wnd = 65535u << 10;
	for (uint32_t left = 2 * holes, n; left > 0; left -= n) {
		n = left < AT_ONCE ? left : AT_ONCE;
		lab_send(n * SEGMENT);
		lab_forget_sent();
	}
	lab_wait(100);
}

static void sack_one(uint32_t index)
{
	struct tcp_seg seg = lab_ack_segment(0);
	uint32_t start = LAB_SEQ + index * SEGMENT;
	seg.opt.sack_count = 1;
	seg.opt.sack[0] = (struct tcp_sack_block){start, start + SEGMENT};
	if (tcp_process_ack(lab.tcb, &seg) != DROP_NONE)
		fail("an ACK was dropped");
}

/* The first of all too; nothing is sent meanwhile. */
static void sack_every_other(void)
{
	send_all();
	lab.tcb->cc.cwnd = SEGMENT;
	for (uint32_t i = 0; i < 2 * holes; i += 2)
		sack_one(i);
}

static void nothing(void)
{
	toggle();
	toggle();
	dump("nothing", 1, 1);
}

static void time_out(const char *name)
{
	struct tcp_ack ack;
	toggle();
	tcp_ack_begin(lab.tcb, &ack, NULL);
	tcp_recover_timeout(lab.tcb, &ack);
	toggle();
	if (lab.tcb->tx->lost_out < holes * SEGMENT)
		fail("a timeout marked too little");
	dump(name, 1, holes);
	lab_close();
}

/* RFC 2018 8: what was SACKed, the first too, comes among the holes that wait to be sent again. */
static void timeout_of_reneged(void)
{
	lab_open(TCB_SACK);
	sack_every_other();
	time_out("timeout_reneged");
}

/* A long recovery has sent holes again and new bytes in turns: both are lost, in that order. */
static void timeout_of_holes_and_new_bytes(void)
{
	lab_open(TCB_SACK);
	send_all();
	for (uint32_t i = 1; i < 2 * holes; i += 2) {
		lab.st.now_ns += 1000;
		sack_one(i);
		lab.tcb->cc.cwnd = 1u << 29;
		lab_add(SEGMENT);
		tcp_output(lab.tcb);
		lab_forget_sent();
	}
	lab.st.now_ns += 1000000000;
	time_out("timeout_mixed");
}

/* Holes of three places in turns: the order of time, when the peer lets them be sent again so. */
static void holes_in_turns(void)
{
	const uint32_t places = 3, each = holes / places;
	struct tcp_txseg *txseg, **lost = malloc(holes * sizeof(struct tcp_txseg *));
	uint32_t count = 0;
	if (lost == NULL)
		fail("no memory");
	lab_open(TCB_SACK);
	lab.tcb->min_rtt_us = lab.tcb->srtt_us = 4000000; /* nothing is lost by time */
	lab.tcb->reo_wnd_mult = 4;
	sack_every_other();
	TAILQ_FOREACH (txseg, &lab.tcb->tx->inflight, entry)
		if ((txseg->flags & TXSEG_SACKED) == 0 && count < holes)
			lost[count++] = txseg;
	toggle();
	for (uint32_t i = 0; i < each; i++)
		for (uint32_t k = 0; k < places; k++)
			tcp_mark_lost(lab.tcb, NULL, lost[k * each + i]);
	toggle();
	if (lab.tcb->tx->lost_out < places * each * SEGMENT)
		fail("too little was marked");
	dump("holes_in_turns", 1, places * each);
	free(lost);
	lab_close();
}

/* What was sent again in one turn is acknowledged one by one: none is looked at for those before. */
static void acks_of_one_turn(void)
{
	unsigned acks = 0;
	lab_open(TCB_SACK);
	sack_every_other();
	for (uint32_t sent = 0; sent <= holes; sent += AT_ONCE / 2) {
		lab.tcb->cc.cwnd += AT_ONCE / 2 * SEGMENT;
		tcp_output(lab.tcb);
		lab_forget_sent();
	}
	lab.st.now_ns += 100000000;
	for (uint32_t i = 2; i < 2 * holes - 20; i += 2, acks++) {
		struct tcp_seg seg = lab_ack_segment(i * SEGMENT);
		toggle();
		enum drop_reason reason = tcp_process_ack(lab.tcb, &seg);
		toggle();
		if (reason != DROP_NONE)
			fail("an ACK was dropped");
	}
	dump("acks_of_one_turn", acks, 1);
	lab_close();
}

/* RFC 2018 4: blocks are told of several times, here three far from each other. */
static void sack_of_far_blocks(void)
{
	const unsigned times = 100;
	struct tcp_seg seg;
	lab_open(TCB_SACK);
	sack_every_other();
	seg = lab_ack_segment(0);
	seg.opt.sack_count = 3;
	for (uint32_t k = 0; k < 3; k++) {
		uint32_t start = LAB_SEQ + (k + 1) * (holes / 4) * 2 * SEGMENT;
		seg.opt.sack[k] = (struct tcp_sack_block){start, start + SEGMENT};
	}
	for (unsigned i = 0; i < 2 * times; i++) {
		if (i >= times)
			toggle();
		enum drop_reason reason = tcp_process_ack(lab.tcb, &seg);
		if (i >= times)
			toggle();
		if (reason != DROP_NONE)
			fail("an ACK was dropped");
	}
	dump("sack_far", times, 1);
	lab_close();
}

int main(int argc, char **argv)
{
	holes = argc == 2 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;
	if (holes == 0)
		fail("usage: walks HOLES");
	CALLGRIND_START_INSTRUMENTATION;
	nothing();
	sack_of_far_blocks();
	timeout_of_reneged();
	timeout_of_holes_and_new_bytes();
	holes_in_turns();
	acks_of_one_turn();
	return 0;
}
