/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A segment that is alone in flight leaves without a block for sending (stack/tcp/tcp_output.c), and
 * nothing of that may show: what happens to a sender is done to another one too, which has the block
 * at once, and all that can be seen of both is the same at every step.
 */
#include "tests/unit/stack/loss_lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define RUNS     300u
#define STEPS    400u
#define FLAGS    (TCB_SACK | TCB_TS)
#define MIX_SEED 0x9e3779b97f4a7c15ULL

#define CLOCK_WRAPS_MS (1ULL << 32)
#define JUMBO_MSS      9000u /* of which the initial window is two */

#define USER_TIMEOUT_MS 1500u
#define MEMORY_WAIT_MS  101u /* until it is asked for once more */

/* What shows of a sender. */
struct view {
	uint64_t now_ns, pacing_rate;
	uint32_t snd_una, snd_nxt, snd_end, snd_wnd, cwnd, ssthresh, srtt_us, rttvar_us, rto_ms;
	uint32_t min_rtt_us, due_ms, user_ms, rtx_kind, backoff, acked, events, in_flight, sent;
	int soft_error, failed;
};

static struct view view[STEPS];
static struct lab_sent sent[LAB_SENT];
static uint64_t seed;
static unsigned lone_steps;

static bool may_be_alone;

static void let_alone(bool alone)
{
	lab.tcb->flags |= TCB_NOT_ALONE;
	if (alone)
		lab.tcb->flags &= ~(uint32_t)TCB_NOT_ALONE;
}

/* xorshift64* */
static uint32_t draw(uint32_t below)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (uint32_t)(seed * 0x2545f4914f6cdd1dULL >> 33) % below;
}

static void look(struct view *v)
{
	const struct tcb *tcb = lab.tcb;
	memset(v, 0, sizeof(*v));
	v->now_ns = lab.st.now_ns;
	v->pacing_rate = tcb->cc.pacing_rate;
	v->snd_una = tcb->snd_una;
	v->snd_nxt = tcb->snd_nxt;
	v->snd_end = tcb->snd_end;
	v->snd_wnd = tcb->snd_wnd;
	v->cwnd = tcb->cc.cwnd;
	v->ssthresh = tcb->cc.ssthresh;
	v->srtt_us = tcb->srtt_us;
	v->rttvar_us = tcb->rttvar_us;
	v->rto_ms = tcb->rto_ms;
	v->min_rtt_us = tcb->min_rtt_us;
	v->due_ms = tcb->timer_ms[TCP_TIMER_RTX];
	v->user_ms = tcb->timer_ms[TCP_TIMER_USER];
	v->rtx_kind = tcb->rtx_kind;
	v->backoff = tcb->backoff;
	v->acked = tcb->conn.acked;
	v->events = tcb->conn.ready.events;
	v->in_flight = tcp_in_flight(tcb);
	v->sent = lab.sent_count;
	v->soft_error = tcb->soft_error;
	v->failed = lab.failed;
}

/* An ACK of all, of a part, of nothing new; with SACK, D-SACK or another window now and then. */
static void answer(void)
{
	const struct tcb *tcb = lab.tcb;
	uint32_t una = tcb->snd_una - LAB_SEQ, nxt = tcb->snd_nxt - LAB_SEQ;
	struct tcp_seg seg = lab_ack_segment(draw(10) < 7 ? nxt : una + draw(nxt - una + 1));
	seg.len = draw(8) == 0;
	seg.opt.ts_ecr = (uint32_t)lab.st.now_ms - draw(50);
	if (draw(16) == 0)
		lab.peer_wnd = draw(3) == 0 ? 0 : draw(65536);
	else if (draw(4) == 0)
		lab.peer_wnd = 65535;
	seg.wnd = (uint16_t)lab.peer_wnd;
	if (draw(10) == 0) {
		uint32_t start = tcb->snd_una - LAB_MSS + draw(2 * LAB_MSS);
		seg.opt.sack[seg.opt.sack_count++] =
			(struct tcp_sack_block){start, start + 1 + draw(LAB_MSS)};
	}
	(void)lab_segment(&seg);
}

static void queue(void)
{
	uint32_t mss = lab.tcb->snd_mss;
	uint32_t bytes = draw(4) == 0 ? mss : 1 + draw(draw(6) == 0 ? 3 * mss : mss);
	if (lab.tcb->flags & TCB_FIN_QUEUED)
		return;
	if (draw(4) == 0)
		lab_add(1 + draw(mss));
	lab_send(bytes);
}

/* As conn_set_options and conn_shutdown do. */
static void set_user_timeout(uint32_t ms)
{
	lab.options.user_timeout_ms = ms;
	let_alone(may_be_alone && ms == 0);
	tcp_timer_clear(lab.tcb, TCP_TIMER_USER);
	tcp_rtx_arm(lab.tcb);
}

static void change_options(void)
{
	uint32_t now_ms = lab.options.user_timeout_ms;
	set_user_timeout(draw(10) != 0 ? now_ms : now_ms == 0 ? USER_TIMEOUT_MS : 0);
}

static void shut_down(void)
{
	if ((lab.tcb->flags & TCB_FIN_QUEUED) == 0)
		lab_fin();
}

static void step(void)
{
	switch (draw(8)) {
	case 0:
	case 1:
	case 2:
		queue();
		break;
	case 3:
		lab_wait(1 + draw(draw(10) == 0 ? 2500 : 300));
		break;
	case 4:
		lab.device_full = draw(8) == 0;
		lab.tcb->soft_error = draw(8) == 0 ? -1 : 0;
		lab_output();
		break;
	case 5:
		if (draw(4) == 0)
			change_options();
		else if (draw(100) == 0)
			shut_down();
		break;
	default:
		answer();
		break;
	}
}

static void run(uint64_t n, bool alone)
{
	seed = n * MIX_SEED | 1;
	may_be_alone = alone;
	lab_open(n % 4 != 0 ? FLAGS : TCB_SACK);
	let_alone(alone);
	lab_use(n % 2 != 0 ? TCP_CC_CUBIC : TCP_CC_NEWRENO);
	if (n % 3 == 0)
		lab_begin_at(CLOCK_WRAPS_MS - 5000);
	if (n % 5 == 0)
		lab_use_mss(JUMBO_MSS);
	for (unsigned i = 0; i < STEPS && lab.failed == 0; i++) {
		struct view now;
		step();
		look(&now);
		lone_steps += tcp_is_lone(lab.tcb);
		if (alone)
			assert_memory_equal(&now, &view[i], sizeof(now));
		else
			view[i] = now;
	}
	if (alone)
		assert_memory_equal(lab.sent, sent, lab.sent_count * sizeof(*sent));
	else
		memcpy(sent, lab.sent, sizeof(sent));
	lab_close();
}

/* RFC 9293 3.10.7.4 (5th), RFC 6298, RFC 8985, RFC 5681: whatever comes and goes. */
static void lone_segment_shows_in_nothing(void **state)
{
	lone_steps = 0;
	for (uint64_t n = 1; n <= RUNS; n++) {
		unsigned before = lone_steps;
		run(n, false);
		assert_int_equal(lone_steps, before);
		run(n, true);
	}
	assert_true(lone_steps > RUNS * STEPS / 50);
}

/* It has no block for sending, so none has to be there: an ACK that is no news needs none, either. */
static void lone_segment_needs_no_memory(void **state)
{
	lab_open(FLAGS);
	let_alone(true);
	lab_send(LAB_MSS);
	assert_int_equal(lab.sent_count, 1);
	assert_int_equal(lab.tcp.sends.used, 0);
	assert_int_equal(lab.tcp.txsegs.used, 0);
	lab_ack(LAB_MSS);
	assert_int_equal(lab.tcb->conn.acked, LAB_MSS);
	assert_int_equal(lab.tcb->timer_ms[TCP_TIMER_RTX], 0);
	lab_close();
}

/* RFC 6928, RFC 9293 3.7.1: by ICMP the path takes so little that ten segments are less than it. */
static void lone_segment_of_more_than_leaves_unpaced(void **state)
{
	const struct flow flow = {0};
	lab_open(FLAGS);
	let_alone(true);
	lab_use(TCP_CC_CUBIC);
	lab_send(LAB_MSS);
	assert_true(tcp_is_lone(lab.tcb));
	tcp_icmp_mtu(&lab.st, &flow, LAB_SEQ, 40 + LAB_MSS / 20);
	assert_int_equal(lab.tcb->snd_mss, LAB_MSS / 20);
	assert_false(tcp_is_lone(lab.tcb));
	assert_int_equal(lab.tcb->tx->unpaced, 0);
	lab_close();
}

/* Without memory for the block, whatever asks for it leaves all as it is, and asks again. */
static void wait_for_memory(struct slab *slab, bool more_is_queued)
{
	const struct flow flow = {0};
	lab_open(FLAGS);
	let_alone(true);
	slab->limit = 0;
	lab_send(LAB_MSS);
	if (more_is_queued)
		lab_send(1);
	lab_ack(0);
	lab_ack(LAB_MSS / 2);
	lab_sack(LAB_MSS, 1, (const uint32_t[][2]){{0, LAB_MSS}});
	set_user_timeout(USER_TIMEOUT_MS);
	tcp_icmp_mtu(&lab.st, &flow, LAB_SEQ, 40 + LAB_MSS / 2);
	lab_wait(1000);
	assert_true(tcp_is_lone(lab.tcb));
	assert_int_equal(lab.sent_count, 1);
	assert_int_equal(lab.tcp.sends.used, 0);
	slab->limit = UINT32_MAX;
	lab_wait(MEMORY_WAIT_MS);
	assert_true(lab.sent_count > 1);
	uint32_t due_ms = (uint32_t)(lab.sent[0].ns / 1000000) + USER_TIMEOUT_MS;
	assert_int_equal(lab.tcb->timer_ms[TCP_TIMER_USER], due_ms);
	lab_ack(LAB_MSS + more_is_queued);
	assert_int_equal(lab.tcb->conn.acked, LAB_MSS + more_is_queued);
	lab_close();
}

static void lone_segment_waits_for_memory(void **state)
{
	wait_for_memory(&lab.tcp.sends, false);
	wait_for_memory(&lab.tcp.sends, true);
	wait_for_memory(&lab.tcp.txsegs, false);
	wait_for_memory(&lab.tcp.txsegs, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lone_segment_shows_in_nothing),
		cmocka_unit_test(lone_segment_needs_no_memory),
		cmocka_unit_test(lone_segment_of_more_than_leaves_unpaced),
		cmocka_unit_test(lone_segment_waits_for_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
