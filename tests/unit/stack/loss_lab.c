/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/stack/loss_lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stack/base/bytes.h"
#include "stack/ip_output_internal.h"
#include "stack/tcp/tcp_window.h"

#define ARENA_BYTES (4u << 20)
#define PBUF_BYTES  50000u

struct lab lab;
static void *arena_memory;
static uint8_t payload[PBUF_BYTES];

/* The device, and the way there, on which nothing is special */

static enum drop_reason output(void *device, const struct nif_frame *frame)
{
	const uint8_t *l4 = frame->header + frame->l2_length + frame->l3_length;
	uint32_t size = frame->gso_size != 0 ? frame->gso_size : frame->length, at = 0;
	if (lab.device_full)
		return DROP_TX_QUEUE_FULL;
	if (size + 40u > lab.mtu || frame->length > NIF_GSO_SEGMENTS_MAX * size)
		return DROP_TX_TOO_LONG;
	do {
		uint32_t left = frame->length - at;
		assert_true(lab.sent_count < LAB_SENT);
		lab.sent[lab.sent_count++] = (struct lab_sent){
			.seq = be32_get(l4 + TCP_AT_SEQ) + at,
			.len = left < size ? left : size,
			.ns = lab.st.now_ns,
			.flags = l4[TCP_AT_FLAGS],
		};
		at += size;
	} while (at < frame->length);
	return DROP_NONE;
}

static void make_device(void)
{
	static const struct nif_ops ops = {.output = output};
	lab.nif.stack = &lab.st;
	lab.nif.config.ops = &ops;
	lab.nif.config.tx_offloads = NIF_TX_IP_CHECKSUM | NIF_TX_TCP_CHECKSUM;
	lab.nif.netif.flags = NETIF_FLAG_LINK_UP;
	lab.dst.nif = &lab.nif;
	lab.dst.mtu = UINT16_MAX; /* the device knows better */
	lab.dst.check_ms = UINT64_MAX;
	lab.dst.resolved = true;
}

enum drop_reason ip_output(struct stack *st, const struct ip_packet *packet)
{
	return ip_output_inline(st, packet);
}

void dst_refresh(struct stack *st, struct dst *dst)
{
	fail();
}

bool dst_may_split(const struct dst *dst)
{
	return false;
}

enum drop_reason ip_output_long(struct stack *st, const struct ip_packet *packet, uint32_t l4_total)
{
	fail();
	return DROP_TX_TOO_LONG;
}

enum drop_reason ip_output_unresolved(
	struct stack *st, const struct dst *dst, const struct nif_frame *frame)
{
	fail();
	return DROP_NO_NEIGHBOUR;
}

void ip_write_checksum(
	const struct ip_packet *packet, const struct nif_frame *frame, uint32_t l4_total)
{
	fail();
}

/* What else the sender calls, and is not part of it */

u8_t pbuf_free(struct pbuf *p)
{
	while (p != NULL) {
		struct pbuf *next = p->next;
		free(p);
		p = next;
	}
	return 1;
}

uint16_t dst_mtu(const struct dst *dst)
{
	return lab.mtu;
}

void dst_set_mtu(struct stack *st, struct dst *dst, uint16_t mtu)
{
	lab.mtu = mtu;
}

void dst_confirm(struct stack *st, struct dst *dst)
{
}

struct nif *dst_nif(const struct dst *dst)
{
	return NULL;
}

uint16_t nif_mtu(const struct nif *nif, bool ip6)
{
	return lab.mtu;
}

void tcb_fail(struct tcb *tcb, int error)
{
	lab.failed = error;
	tcp_timer_clear(tcb, TCP_TIMER_RTX);
}

void tcb_output_enlist(struct tcb *tcb)
{
	tcb->flags |= TCB_IN_OUTPUT;
}

void tcb_output_forget(struct tcb *tcb)
{
	tcb->flags &= ~(uint32_t)TCB_IN_OUTPUT;
}

struct tcp_send *tcb_new_send_state(struct tcb *tcb)
{
	bool is_lone = tcp_is_lone(tcb);
	tcb->tx = slab_alloc(&lab.tcp.sends);
	if (tcb->tx == NULL)
		return NULL;
	memset(tcb->tx, 0, sizeof(*tcb->tx));
	tcb->tx->next = tcb->sndq;
	tcp_loss_init(tcb);
	tcb->tx->unpaced = TCP_UNPACED_SEGMENTS * tcb->snd_mss;
	tcb->cc.undo = &tcb->tx->cc_undo;
	if (is_lone && !tcp_enlist_lone(tcb))
		tcb_free_send_state(tcb);
	return tcb->tx;
}

void tcb_free_send_state(struct tcb *tcb)
{
	struct tcp_txseg *txseg;
	if (tcb->tx == NULL)
		return;
	while ((txseg = TAILQ_FIRST(&tcb->tx->inflight)) != NULL)
		tcp_txseg_free(tcb, txseg);
	slab_free(&lab.tcp.sends, tcb->tx);
	tcb->tx = NULL;
	tcb->cc.undo = NULL;
}

void tcb_update_mss(struct tcb *tcb)
{
	uint16_t mss = (uint16_t)(lab.mtu - 40);
	if (tcb->black_hole_mss != 0 && mss > tcb->black_hole_mss)
		mss = tcb->black_hole_mss;
	tcb->snd_mss = mss;
	tcb->cc.ops->on_mss(&tcb->cc, mss);
}

bool tcp_challenge_allowed(struct stack *st)
{
	return true;
}

unsigned tcp_reass_sack_blocks(struct tcb *tcb, struct tcp_sack_block out[TCP_SACK_MAX])
{
	return 0;
}

uint32_t tcp_short_buffer(const struct tcb *tcb)
{
	return tcb->rcv_buf;
}

unsigned tcp_header_write(uint8_t *to, const struct tcp_header *header)
{
	return 0;
}

void tcp_syn_ecn(const struct tcb *tcb, struct tcp_header *header)
{
}

void tcp_syn_fast_open(struct tcb *tcb, struct tcp_header *header)
{
}

void tcp_syn_output(struct tcb *tcb)
{
}

struct tcb *tcp_find(const struct stack *st, const ip_addr_t *local, uint16_t local_port,
	const ip_addr_t *remote, uint16_t remote_port)
{
	return lab.tcb;
}

/* Life */

static void set_now(uint64_t ns)
{
	lab.st.now_ns = ns;
	lab.st.now_ms = ns / 1000000;
}

void lab_begin_at(uint64_t ms)
{
	set_now(ms * 1000000);
	wheel_init(&lab.tcp.wheel, ms);
	lab.tcb->sent_ms = lab.tcb->min_rtt_ms = (uint32_t)ms;
}

void lab_open(uint32_t flags)
{
	memset(&lab, 0, sizeof(lab));
	arena_memory = malloc(ARENA_BYTES);
	arena_init(&lab.st.arena, arena_memory, ARENA_BYTES);
	lab.st.tcp = &lab.tcp;
	make_device();
	lab.st.ready_end = &lab.st.ready_first;
	lab.mtu = LAB_MSS + 40;
	slab_init(&lab.tcp.sends, &lab.st.arena, sizeof(struct tcp_send), 4);
	slab_init(&lab.tcp.txsegs, &lab.st.arena, sizeof(struct tcp_txseg), 64);
	set_now(1000000000);
	wheel_init(&lab.tcp.wheel, lab.st.now_ms);

	struct tcb *tcb = lab.tcb = calloc(1, sizeof(*tcb));
	tcb->conn.stack = &lab.st;
	tcb->dst = &lab.dst;
	tcb->state = TCP_ESTABLISHED;
	tcb->flags = flags | TCB_NO_DELAY | TCB_NOT_ALONE;
	tcb->snd_una = tcb->snd_nxt = tcb->snd_end = LAB_SEQ;
	tcb->snd_mss = LAB_MSS;
	lab.options = (struct conn_options){.rto_min_ms = 200, .ttl = 64};
	tcb->options = &lab.options;
	tcb->snd_wnd = tcb->snd_wnd_max = lab.peer_wnd = 65535;
	tcb->sent_ms = (uint32_t)lab.st.now_ms;
	assert_true(tcp_cc_init(&tcb->cc, TCP_CC_NEWRENO, &lab.st.arena, LAB_MSS, lab.st.now_ns));
	tcb->cc.cwnd = 10 * LAB_MSS;
	tcp_rtt_sample(tcb, 100000);
}

void lab_use(enum tcp_cc_kind kind)
{
	struct tcb *tcb = lab.tcb;
	tcp_cc_fini(&tcb->cc, &lab.st.arena);
	assert_true(tcp_cc_init(&tcb->cc, kind, &lab.st.arena, LAB_MSS, lab.st.now_ns));
	tcb->cc.pace = true;
	tcb->cc.no_sack = (tcb->flags & TCB_SACK) == 0;
}

void lab_use_mss(uint16_t mss)
{
	lab.mtu = mss + 40;
	tcb_update_mss(lab.tcb);
}

void lab_close(void)
{
	struct tcb *tcb = lab.tcb;
	tcb_free_send_state(tcb);
	pbuf_free(tcb->sndq);
	tcp_cc_fini(&tcb->cc, &lab.st.arena);
	assert_int_equal(lab.tcp.txsegs.used, 0);
	slab_fini(&lab.tcp.sends);
	slab_fini(&lab.tcp.txsegs);
	arena_fini(&lab.st.arena);
	free(tcb);
	free(arena_memory);
}

/* The application */

void lab_add(uint32_t bytes)
{
	struct tcb *tcb = lab.tcb;
	struct pbuf *p = calloc(1, sizeof(*p));
	p->payload = payload;
	p->len = p->tot_len = (u16_t)bytes;
	if (tcb->sndq == NULL)
		tcb->sndq = p;
	else
		tcb->sndq_last->next = p;
	tcb->sndq_last = p;
	if (tcb->tx != NULL && tcb->tx->next == NULL)
		tcb->tx->next = p;
	tcb->snd_end += bytes;
}

void lab_send(uint32_t bytes)
{
	for (; bytes > PBUF_BYTES; bytes -= PBUF_BYTES)
		lab_add(PBUF_BYTES);
	lab_add(bytes);
	lab_output();
}

void lab_fin(void)
{
	lab.tcb->flags |= TCB_FIN_QUEUED;
	lab.tcb->snd_end++;
	lab.tcb->state = TCP_FIN_WAIT_1;
	lab_output();
}

/* The network */

struct tcp_seg lab_ack_segment(uint32_t offset)
{
	struct tcp_seg seg = {
		.seq = 1,
		.ack = LAB_SEQ + offset,
		.wnd = (uint16_t)lab.peer_wnd,
		.flags = TH_ACK,
	};
	if (lab.tcb->flags & TCB_TS) {
		seg.opt.has_ts = true;
		seg.opt.ts_ecr = lab.peer_ts_ecr;
	}
	return seg;
}

enum drop_reason lab_segment(struct tcp_seg *seg)
{
	enum drop_reason reason = tcp_process_ack(lab.tcb, seg);
	lab_check();
	lab_output();
	return reason;
}

void lab_ack(uint32_t offset)
{
	lab_sack(offset, 0, NULL);
}

void lab_sack(uint32_t offset, unsigned n, const uint32_t blocks[][2])
{
	struct tcp_seg seg = lab_ack_segment(offset);
	seg.opt.sack_count = (uint8_t)n;
	for (unsigned i = 0; i < n; i++)
		seg.opt.sack[i] =
			(struct tcp_sack_block){LAB_SEQ + blocks[i][0], LAB_SEQ + blocks[i][1]};
	assert_int_equal(lab_segment(&seg), DROP_NONE);
}

static void run_timer(struct tcb *tcb, enum tcp_timer timer)
{
	if (tcb->timer_ms[timer] == 0 || seq_gt(tcb->timer_ms[timer], (uint32_t)lab.st.now_ms))
		return;
	tcb->timer_ms[timer] = 0;
	if (timer == TCP_TIMER_RTX)
		tcp_rtx_timeout(tcb);
	else if (timer == TCP_TIMER_USER)
		tcp_user_timeout(tcb);
	else
		tcb_output_later(tcb);
}

/* Milliseconds to the next timer, at most `most`. */
static uint32_t next_step(const struct tcb *tcb, uint32_t most)
{
	for (unsigned i = 0; i < TCP_TIMER_COUNT; i++) {
		int32_t left = seq_diff(tcb->timer_ms[i], (uint32_t)lab.st.now_ms);
		if (tcb->timer_ms[i] != 0 && (left < 1 || (uint32_t)left < most))
			most = left < 1 ? 1 : (uint32_t)left;
	}
	return (tcb->flags & TCB_IN_OUTPUT) ? 1 : most;
}

void lab_wait(uint32_t ms)
{
	while (ms > 0 && lab.failed == 0) {
		uint32_t step = next_step(lab.tcb, ms);
		ms -= step;
		set_now(lab.st.now_ns + step * 1000000ULL);
		run_timer(lab.tcb, TCP_TIMER_RTX);
		run_timer(lab.tcb, TCP_TIMER_USER);
		run_timer(lab.tcb, TCP_TIMER_PACE);
		if (lab.failed == 0)
			lab_output();
	}
}

void lab_output(void)
{
	for (int i = 0; i < 2; i++) { /* what is on the list once more waits for the next turn */
		tcb_output_forget(lab.tcb);
		tcp_output(lab.tcb);
	}
	lab_check();
}

void lab_forget_sent(void)
{
	lab.sent_count = 0;
}

uint32_t lab_offset(unsigned i)
{
	assert_true(i < lab.sent_count);
	return lab.sent[i].seq - LAB_SEQ;
}

/* Invariants */

static void check_counts(const struct tcb *tcb)
{
	const struct tcp_send *tx = tcb->tx;
	const struct tcp_txseg *t;
	uint32_t seq = tcb->snd_una, sacked = 0, lost = 0, retrans = 0, segments = 0;
	TAILQ_FOREACH (t, &tx->inflight, entry) {
		uint32_t span = tcp_txseg_span(t);
		assert_int_equal(t->seq, seq);
		assert_true(span > 0);
		seq += span;
		if (t->flags & TXSEG_SACKED) {
			assert_int_equal(t->flags & (TXSEG_LOST | TXSEG_RETRANS), 0);
			sacked += span;
			segments += t->sacked;
		}
		lost += t->flags & TXSEG_LOST ? span : 0;
		retrans += t->flags & TXSEG_RETRANS ? span : 0;
	}
	assert_int_equal(seq, tcb->snd_nxt);
	assert_int_equal(tx->lost_out, lost);
	assert_int_equal(tx->retrans_out, retrans);
	if (tcb->flags & TCB_SACK) {
		assert_int_equal(tx->sacked_out, sacked);
		assert_int_equal(tx->sacked_txsegs, segments);
	}
	assert_true(tx->sacked_out + tx->lost_out <= tcb->snd_nxt - tcb->snd_una);
}

static void check_lists(const struct tcb *tcb)
{
	const struct tcp_send *tx = tcb->tx;
	const struct tcp_txseg *t, *before = NULL;
	unsigned listed = 0, expected = 0;
	TAILQ_FOREACH (t, &tx->sent, by_time) {
		assert_false(tcp_txseg_waits(t));
		assert_true(before == NULL || before->sent_ns <= t->sent_ns);
		before = t;
		listed++;
	}
	before = NULL;
	TAILQ_FOREACH (t, &tx->to_resend, by_time) {
		assert_true(tcp_txseg_waits(t));
		assert_true(before == NULL || seq_lt(before->seq, t->seq));
		before = t;
		listed++;
	}
	TAILQ_FOREACH (t, &tx->inflight, entry)
		expected += (t->flags & TXSEG_SACKED) == 0;
	assert_int_equal(listed, expected);
}

/* Each txseg knows where its first byte lies. */
static void check_places(const struct tcb *tcb)
{
	const struct tcp_txseg *t;
	const struct pbuf *p = tcb->sndq;
	uint32_t offset = tcb->tx->first_acked;
	TAILQ_FOREACH (t, &tcb->tx->inflight, entry) {
		if (t->len == 0)
			continue;
		assert_ptr_equal(t->p, p);
		assert_int_equal(t->offset, offset);
		offset += t->len;
		for (; p != NULL && offset >= p->len; p = p->next)
			offset -= p->len;
	}
}

void lab_check(void)
{
	if (lab.tcb->tx == NULL || lab.failed != 0)
		return;
	check_counts(lab.tcb);
	check_lists(lab.tcb);
	check_places(lab.tcb);
	assert_true(lab.tcb->cc.cwnd >= lab.tcb->snd_mss);
}
