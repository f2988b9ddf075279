/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/stack/cc_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void open_flow(struct flow *f, enum tcp_cc_kind kind, uint32_t mss)
{
	memset(f, 0, sizeof(*f));
	arena_init(&f->arena, f->memory, sizeof(f->memory));
	f->now_ns = SECOND;
	f->rtt_us = 100000;
	f->una = 0xffffff00u; /* sequence numbers wrap in every test */
	assert_true(tcp_cc_init(&f->cc, kind, &f->arena, mss, f->now_ns));
	f->cc.undo = &f->undo;
}

void close_flow(struct flow *f)
{
	tcp_cc_fini(&f->cc, &f->arena);
	assert_int_equal(f->arena.used, 0);
	assert_int_equal(f->arena.bad_frees, 0);
	arena_fini(&f->arena);
}

struct tcp_cc_ack make_ack(struct flow *f, uint32_t bytes)
{
	f->una += bytes;
	f->delivered += bytes;
	return (struct tcp_cc_ack){
		.now_ns = f->now_ns,
		.acked = bytes,
		.cum_acked = bytes,
		.in_flight = f->cc.cwnd,
		.in_flight_now = f->cc.cwnd - bytes,
		.rtt_us = f->rtt_us,
		.min_rtt_us = f->rtt_us,
		.srtt_us = f->rtt_us,
		.snd_una = f->una,
		.snd_nxt = f->una + f->cc.cwnd,
		.delivered = f->delivered,
		.cwnd_limited = true,
	};
}

void ack(struct flow *f, uint32_t bytes)
{
	struct tcp_cc_ack a = make_ack(f, bytes);
	f->cc.ops->on_ack(&f->cc, &a);
}

void assert_near(double value, double expected, double least)
{
	double allowed = fmax(least, expected / 100);
	if (fabs(value - expected) > allowed)
		fail_msg("%f is not within %f of %f", value, allowed, expected);
}

/* ---- A path -------------------------------------------------------------------------------- */

#define PACKETS 65536u /* in flight at most */

struct packet {
	uint64_t sent_ns, ack_ns; /* ack_ns 0: dropped */
	uint64_t delivered, delivered_ns, first_sent_ns, lost;
	uint32_t tx_in_flight;
	bool app_limited, marked_lost;
};

void open_path(
	struct path *p, enum tcp_cc_kind kind, uint64_t rate, uint64_t rtt_ns, uint64_t buffer)
{
	memset(p, 0, sizeof(*p));
	open_flow(&p->f, kind, MSS);
	p->rate = rate;
	p->rtt_ns = rtt_ns;
	p->buffer = buffer;
	p->packets = calloc(PACKETS, sizeof(*p->packets));
	assert_non_null(p->packets);
	p->random = 1;
	p->app_from_ns = p->f.now_ns;
	p->min_rtt_us = UINT32_MAX;
	p->probe_rtt_min_cwnd = UINT32_MAX;
}

void close_path(struct path *p)
{
	free(p->packets);
	close_flow(&p->f);
}

static struct packet *packet(struct path *p, uint64_t index)
{
	return &p->packets[index % PACKETS];
}

static bool drops(struct path *p)
{
	p->random = p->random * 6364136223846793005u + 1442695040888963407u;
	return (p->random >> 33) % 1000 < p->drop_permille;
}

static uint64_t queue_ns(const struct path *p)
{
	return p->free_ns > p->f.now_ns ? p->free_ns - p->f.now_ns : 0;
}

static void enter_link(struct path *p, struct packet *k)
{
	uint64_t queued = queue_ns(p) * p->rate / SECOND;
	k->ack_ns = 0;
	if (queued + MSS > p->buffer || drops(p))
		return;
	p->free_ns = p->f.now_ns + queue_ns(p) + MSS * SECOND / p->rate;
	k->ack_ns = p->free_ns + p->rtt_ns;
	if (p->aggregate_ns != 0)
		k->ack_ns += p->aggregate_ns - k->ack_ns % p->aggregate_ns;
}

static bool app_has_data(const struct path *p)
{
	if (p->app_paused)
		return false;
	return p->app_rate == 0 ||
		p->app_sent + MSS <= (p->f.now_ns - p->app_from_ns) * p->app_rate / SECOND;
}

static void send_packet(struct path *p)
{
	struct tcp_cc *cc = &p->f.cc;
	struct packet *k = packet(p, p->next++);
	assert_true(p->next - p->next_mark < PACKETS);
	if (cc->ops->on_sent != NULL)
		cc->ops->on_sent(cc, p->f.now_ns, p->in_flight, p->app_limited_until != 0);
	if (p->in_flight == 0)
		p->first_sent_ns = p->delivered_ns = p->f.now_ns;
	p->in_flight += MSS;
	p->app_sent += MSS;
	*k = (struct packet){
		.sent_ns = p->f.now_ns,
		.delivered = p->f.delivered,
		.delivered_ns = p->delivered_ns,
		.first_sent_ns = p->first_sent_ns,
		.lost = p->lost,
		.tx_in_flight = p->in_flight,
		.app_limited = p->app_limited_until != 0,
	};
	enter_link(p, k);
	if (cc->pacing_rate != 0)
		p->pace_ns = p->f.now_ns + MSS * SECOND / cc->pacing_rate;
}

static void mark_lost(struct path *p, uint64_t index)
{
	struct tcp_cc *cc = &p->f.cc;
	struct packet *k = packet(p, index);
	k->marked_lost = true;
	p->lost += MSS;
	p->in_flight -= MSS;
	struct tcp_cc_loss loss = {
		.now_ns = p->f.now_ns,
		.delivered = p->f.delivered,
		.seq = (uint32_t)(index * MSS),
		.bytes = MSS,
		.tx_in_flight = k->tx_in_flight,
		.lost = (uint32_t)(p->lost - k->lost),
		.app_limited = k->app_limited,
	};
	if (cc->ops->on_lost != NULL)
		cc->ops->on_lost(cc, &loss);
}

static void end_recovery(struct path *p)
{
	if (!p->in_recovery || p->next_mark < p->recovery_end)
		return;
	p->in_recovery = false;
	p->f.cc.ops->on_recovery_end(&p->f.cc, p->f.now_ns, p->in_flight);
}

/* One reduction for all that was sent before it and lost. */
static void begin_recovery(struct path *p, uint32_t lost)
{
	struct tcp_cc *cc = &p->f.cc;
	if (p->in_recovery || lost == 0)
		return;
	p->in_recovery = true;
	p->recovery_end = p->next;
	cc->ops->on_congestion(cc, p->f.now_ns, p->in_flight + lost, false);
	if (!cc->ops->own_recovery)
		cc->cwnd = cc->ssthresh;
}

static void sample_rtt(struct path *p, uint32_t rtt_us)
{
	p->srtt_us = p->srtt_us == 0 ? rtt_us : p->srtt_us - p->srtt_us / 8 + rtt_us / 8;
	if (rtt_us < p->min_rtt_us)
		p->min_rtt_us = rtt_us;
}

static void sample_rate(struct path *p, const struct packet *k, struct tcp_cc_ack *a)
{
	uint64_t send_elapsed = k->sent_ns - k->first_sent_ns;
	uint64_t ack_elapsed = p->f.now_ns - k->delivered_ns;
	a->rs_interval_ns = send_elapsed > ack_elapsed ? send_elapsed : ack_elapsed;
	if (a->rs_interval_ns < p->min_rtt_us * 1000ull)
		a->rs_interval_ns = 0;
	a->prior_delivered = k->delivered;
	a->rs_delivered = (uint32_t)(p->f.delivered - k->delivered);
	a->rs_lost = (uint32_t)(p->lost - k->lost);
	a->tx_in_flight = k->tx_in_flight;
	a->rs_app_limited = k->app_limited;
}

static void observe(struct path *p)
{
	if (p->f.cc.ops != &tcp_bbr)
		return;
	uint8_t state = p->f.cc.bbr->state;
	if (state != p->state) {
		p->entered[state]++;
		p->state_changed = true;
	}
	p->state = state;
	p->queue_ns[state] += queue_ns(p);
	p->acks[state]++;
	if (state == BBR_PROBE_RTT && p->f.cc.cwnd < p->probe_rtt_min_cwnd)
		p->probe_rtt_min_cwnd = p->f.cc.cwnd;
}

/* All ACKs of this moment, as one. */
static void receive_ack(struct path *p)
{
	struct tcp_cc *cc = &p->f.cc;
	uint32_t before = p->in_flight, acked = 0, lost = 0;
	uint64_t newest = p->next_ack;
	for (; p->next_ack < p->next; p->next_ack++) {
		const struct packet *k = packet(p, p->next_ack);
		if (k->ack_ns == 0)
			continue;
		if (k->ack_ns > p->f.now_ns)
			break;
		newest = p->next_ack;
		acked += MSS;
	}
	p->in_flight -= acked;
	struct tcp_cc_ack a = make_ack(&p->f, acked);
	end_recovery(p);
	for (; p->next_mark + 3 <= newest; p->next_mark++) {
		const struct packet *k = packet(p, p->next_mark);
		if (k->ack_ns == 0 && !k->marked_lost) {
			mark_lost(p, p->next_mark);
			lost += MSS;
		}
	}
	const struct packet *k = packet(p, newest);
	if (p->app_limited_until != 0 && p->f.delivered > p->app_limited_until)
		p->app_limited_until = 0;
	begin_recovery(p, lost);

	sample_rtt(p, (uint32_t)((p->f.now_ns - k->sent_ns) / 1000));
	sample_rate(p, k, &a);
	p->first_sent_ns = k->sent_ns;
	p->delivered_ns = p->f.now_ns;
	a.lost = lost;
	a.in_flight = before;
	a.in_flight_now = p->in_flight;
	a.rtt_us = (uint32_t)((p->f.now_ns - k->sent_ns) / 1000);
	a.min_rtt_us = p->min_rtt_us;
	a.srtt_us = p->srtt_us;
	a.snd_nxt = a.snd_una + p->in_flight;
	a.cwnd_limited = p->cwnd_limited;
	a.in_recovery = p->in_recovery;
	p->cwnd_limited = false;
	cc->ops->on_ack(cc, &a);
	if (cc->mark_app_limited) {
		p->app_limited_until = p->f.delivered + p->in_flight;
		cc->mark_app_limited = false;
	}
	observe(p);
}

static void time_out(struct path *p)
{
	for (; p->next_mark < p->next; p->next_mark++) {
		const struct packet *k = packet(p, p->next_mark);
		if (k->ack_ns == 0 && !k->marked_lost)
			mark_lost(p, p->next_mark);
	}
	p->in_recovery = true;
	p->recovery_end = p->next;
	p->f.cc.ops->on_rto(&p->f.cc, p->f.now_ns, (uint32_t)(p->lost % UINT32_MAX));
}

static uint64_t next_ack_ns(const struct path *p)
{
	for (uint64_t i = p->next_ack; i < p->next; i++)
		if (p->packets[i % PACKETS].ack_ns != 0)
			return p->packets[i % PACKETS].ack_ns;
	return UINT64_MAX;
}

/* When the next packet may leave; UINT64_MAX: after an ACK. */
static uint64_t next_send_ns(struct path *p)
{
	if (p->in_flight + MSS > p->f.cc.cwnd) {
		p->cwnd_limited = true;
		return UINT64_MAX;
	}
	uint64_t ready_ns = p->pace_ns > p->f.now_ns ? p->pace_ns : p->f.now_ns;
	if (ready_ns > p->f.now_ns || app_has_data(p))
		return ready_ns;
	p->app_limited_until = p->f.delivered + p->in_flight;
	if (p->app_limited_until == 0)
		p->app_limited_until = 1;
	if (p->app_paused)
		return UINT64_MAX;
	return p->app_from_ns + (p->app_sent + MSS) * SECOND / p->app_rate + 1;
}

/* The next event, unless it is later than end_ns. */
static bool run_once(struct path *p, uint64_t end_ns)
{
	uint64_t send_ns = next_send_ns(p), ack_ns = next_ack_ns(p);
	uint64_t at = send_ns < ack_ns ? send_ns : ack_ns;
	bool rto = at == UINT64_MAX && p->in_flight > 0;
	if (rto)
		at = p->f.now_ns + SECOND;
	if (at > end_ns) {
		p->f.now_ns = end_ns;
		return false;
	}
	p->f.now_ns = at;
	if (rto)
		time_out(p);
	else if (at == ack_ns)
		receive_ack(p);
	else if (app_has_data(p))
		send_packet(p);
	return true;
}

void run_for(struct path *p, uint64_t ns)
{
	uint64_t end_ns = p->f.now_ns + ns;
	while (run_once(p, end_ns))
		;
}

void run_to_state(struct path *p, enum tcp_bbr_state wanted, uint64_t ns)
{
	uint64_t end_ns = p->f.now_ns + ns;
	do {
		p->state_changed = false;
		if (!run_once(p, end_ns))
			fail_msg("state %d was not entered, state is %d", wanted, p->state);
	} while (!p->state_changed || p->state != wanted);
}

double utilisation(struct path *p, uint64_t ns)
{
	uint64_t delivered = p->f.delivered;
	run_for(p, ns);
	return (double)(p->f.delivered - delivered) / ((double)p->rate * (double)ns / 1e9);
}
