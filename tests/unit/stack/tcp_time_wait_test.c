/* SPDX-License-Identifier: BSD-3-Clause */
/* TIME_WAIT: what ends it, what does not, what takes its place, and how many there may be. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/stack/tcp_peer.h"

#define ISN 5000u

struct fixture {
	struct lab lab;
	struct conn *listener;
	struct peer_frame syn; /* of the connection that is in TIME_WAIT */
	uint32_t seq, ack;     /* SEG.SEQ and SEG.ACK of what the peer sends next */
	uint32_t ts_ecr;
};

static struct stack *stack_of(struct fixture *f)
{
	return f->lab.node[0].stack;
}

static uint64_t conns(struct fixture *f)
{
	struct stack_counters counters;
	stack_get_counters(stack_of(f), &counters);
	return counters.conns;
}

static uint64_t drops(struct fixture *f, enum drop_reason reason)
{
	return stack_drops(stack_of(f))->count[reason];
}

static void open_lab(struct fixture *f, bool ip6, bool ts)
{
	struct conn_options options = {.backlog = 4};
	memset(f, 0, sizeof(*f));
	lab_open(&f->lab, 1, NULL);
	lab_advance(&f->lab, 4000);
	lab_discard(&f->lab, 0);
	assert_int_equal(conn_listen(stack_of(f), IP_ANY_TYPE, 80, &options, &f->listener), 0);
	f->syn = (struct peer_frame){.ip6 = ip6,
		.peer = 1,
		.port = 1000,
		.flags = TH_SYN,
		.seq = ISN,
		.ts = ts,
		.ts_val = 100};
}

static struct peer_frame segment(const struct fixture *f, uint8_t flags)
{
	return (struct peer_frame){.ip6 = f->syn.ip6,
		.peer = 1,
		.port = 1000,
		.flags = flags,
		.seq = f->seq,
		.ack = f->ack,
		.ts = f->syn.ts,
		.ts_val = 200,
		.ts_ecr = f->ts_ecr};
}

static void say(struct fixture *f, uint8_t flags)
{
	struct peer_frame frame = segment(f, flags);
	peer_send(&f->lab, &frame);
}

/* The stack closes first. Afterwards seq and ack are those behind both FINs. */
static void enter(struct fixture *f)
{
	struct peer_segment s;
	peer_send(&f->lab, &f->syn);
	peer_expect(&f->lab, TH_SYN | TH_ACK, &s);
	f->seq = ISN + 1;
	f->ack = s.seq + 1;
	f->ts_ecr = s.opt.ts_val;
	say(f, TH_ACK);
	struct conn *conn = conn_accept(f->listener);
	assert_non_null(conn);
	conn_close(conn);
	peer_expect(&f->lab, TH_FIN | TH_ACK | TH_PSH, &s);
	f->ack = s.seq + 1;
	say(f, TH_FIN | TH_ACK);
	f->seq++;
	peer_expect(&f->lab, TH_ACK, &s);
	assert_int_equal(s.ack, f->seq);
	assert_int_equal(conns(f), 1);
	assert_int_equal(stack_of(f)->tcp->tcbs.used, 0);
}

static void close_all(struct fixture *f)
{
	conn_close(f->listener);
	lab_close(&f->lab);
}

/* RFC 9293 3.10.7.4, 3.10.8: 2 MSL, and the port is held so long. */
static void time_wait_lasts_two_msl(void **state)
{
	for (unsigned ip6 = 0; ip6 < 2; ip6++) {
		struct fixture f;
		open_lab(&f, ip6, true);
		enter(&f);
		conn_close(f.listener);
		lab_advance(&f.lab, 59900);
		assert_int_equal(conns(&f), 1);
		assert_true(port_in_use(stack_of(&f), 6, 80));
		lab_advance(&f.lab, 200);
		assert_int_equal(conns(&f), 0);
		assert_false(port_in_use(stack_of(&f), 6, 80));
		assert_int_equal(stack_of(&f)->tcp->flows.count, 0);
		lab_close(&f.lab);
	}
}

/* RFC 9293 3.10.7.4 (8th): the FIN again is acknowledged, and the time begins anew. */
static void fin_again_is_acknowledged_and_restarts_the_time(void **state)
{
	for (unsigned bits = 0; bits < 4; bits++) {
		struct fixture f;
		struct peer_segment s;
		open_lab(&f, bits & 1, (bits & 2) != 0);
		enter(&f);
		lab_advance(&f.lab, 50000);
		f.seq--;
		say(&f, TH_FIN | TH_ACK);
		f.seq++;
		peer_expect(&f.lab, TH_ACK, &s);
		assert_int_equal(s.seq, f.ack);
		assert_int_equal(s.ack, f.seq);
		assert_int_equal(s.opt.has_ts, (bits & 2) != 0);
		lab_advance(&f.lab, 59900);
		assert_int_equal(conns(&f), 1);
		lab_advance(&f.lab, 200);
		assert_int_equal(conns(&f), 0);
		close_all(&f);
	}
}

/* RFC 1337: a RST does not end it. */
static void reset_does_not_end_it(void **state)
{
	struct fixture f;
	open_lab(&f, false, true);
	enter(&f);
	say(&f, TH_RST);
	say(&f, TH_RST | TH_ACK);
	peer_expect_nothing(&f.lab);
	assert_int_equal(drops(&f, DROP_TCP_STRAY_RESET), 2);
	assert_int_equal(conns(&f), 1);
	close_all(&f);
}

/* RFC 9293 3.10.7.4 (1st, 5th) */
static void other_segments_get_an_ack_or_nothing(void **state)
{
	struct fixture f;
	struct peer_segment s;
	open_lab(&f, false, true);
	enter(&f);
	say(&f, TH_ACK); /* as expected */
	peer_expect_nothing(&f.lab);
	say(&f, TH_FIN); /* without ACK */
	peer_expect_nothing(&f.lab);
	assert_int_equal(drops(&f, DROP_TCP_NO_ACK), 1);
	f.seq -= 100;
	say(&f, TH_ACK); /* before the window */
	peer_expect(&f.lab, TH_ACK, &s);
	assert_int_equal(s.ack, f.seq + 100);
	f.seq += 100;
	struct peer_frame late = segment(&f, TH_ACK);
	late.ts_val = 99; /* RFC 7323 5.3 R1 */
	peer_send(&f.lab, &late);
	peer_expect(&f.lab, TH_ACK, &s);
	assert_int_equal(drops(&f, DROP_TCP_PAWS), 1);
	late.ts = false; /* RFC 7323 3.2 */
	peer_send(&f.lab, &late);
	peer_expect_nothing(&f.lab);
	assert_int_equal(conns(&f), 1);
	close_all(&f);
}

/* RFC 6191 2: each row of its rules. */
static void syn_opens_the_next_connection_if_it_cannot_be_old(void **state)
{
	const struct {
		bool ts_before, ts_now;
		int32_t ts_step, seq_step;
		bool taken;
	} rows[] = {
		{true, true, 1, -5000, true},
		{true, true, 0, 1, true},
		{true, true, 0, 0, false},
		{true, true, -1, 1, false},
		{true, false, 0, 1, true},
		{true, false, 0, -1, false},
		{false, true, 0, -5000, true},
		{false, false, 0, 1, true},
		{false, false, 0, -1, false},
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture f;
		struct peer_segment s;
		open_lab(&f, i & 1, rows[i].ts_before);
		enter(&f);
		struct peer_frame syn = f.syn;
		syn.ts = rows[i].ts_now;
		syn.ts_val = 200 + (uint32_t)rows[i].ts_step;
		syn.seq = f.seq + (uint32_t)rows[i].seq_step;
		peer_send(&f.lab, &syn);
		if (rows[i].taken) {
			peer_expect(&f.lab, TH_SYN | TH_ACK, &s);
			assert_int_equal(s.ack, syn.seq + 1);
			assert_true(seq_gt(s.seq, f.ack)); /* beyond all that was sent before */
			assert_int_equal(conns(&f), 0);
		} else { /* RFC 9293 3.10.7.4 (4th), RFC 5961 4.2 */
			peer_expect(&f.lab, TH_ACK, &s);
			assert_int_equal(s.seq, f.ack);
			assert_int_equal(conns(&f), 1);
		}
		close_all(&f);
	}
}

/* RFC 9293 3.10.7.4 (4th): nobody listens, so that nothing new can begin. */
static void syn_without_a_listener_is_challenged(void **state)
{
	struct fixture f;
	open_lab(&f, false, true);
	enter(&f);
	conn_close(f.listener);
	struct peer_frame syn = f.syn;
	syn.ts_val = 500;
	peer_send(&f.lab, &syn);
	peer_expect(&f.lab, TH_ACK, NULL);
	assert_int_equal(conns(&f), 1);
	lab_close(&f.lab);
}

/* RFC 9293 3.6.1: the connection that takes its place begins beyond a number far ahead, too. */
static void next_connection_begins_beyond_the_last(void **state)
{
	struct fixture f;
	struct peer_segment s;
	open_lab(&f, false, true);
	enter(&f);
	/* As if 2^30 bytes had been sent in no time: the clock of RFC 6528 lags behind. */
	struct flow_cursor at;
	ip_addr_t local = lab_ip4(0), remote = peer_address(&f.syn);
	uint32_t hash = tcp_flow_hash(stack_of(&f)->tcp, &local, 80, &remote, 1000);
	uint8_t *entry = tcp_untagged(flow_table_first(&stack_of(&f)->tcp->flows, hash, &at));
	uint32_t snd_nxt = f.ack + (1u << 30), found = 0;
	for (unsigned i = 0; i + 4 <= 64; i += 4) {
		memcpy(&found, entry + i, 4);
		if (found == f.ack)
			memcpy(entry + i, &snd_nxt, 4);
	}
	struct peer_frame syn = f.syn;
	syn.ts_val = 500;
	peer_send(&f.lab, &syn);
	peer_expect(&f.lab, TH_SYN | TH_ACK, &s);
	assert_true(seq_gt(s.seq, snd_nxt));
	close_all(&f);
}

/* RFC 6191, RFC 7323 5.8: our own connect may follow when the clocks have moved on. */
static void connect_takes_the_place_after_a_second(void **state)
{
	struct fixture f;
	struct peer_segment s;
	struct conn *conn;
	struct conn_options options = {.reuse_address = true};
	open_lab(&f, false, true);
	enter(&f);
	ip_addr_t remote = peer_address(&f.syn);
	assert_int_equal(
		conn_connect(stack_of(&f), IP_ANY_TYPE, 80, &remote, 1000, &options, &conn),
		-EADDRINUSE);
	lab_advance(&f.lab, 1100);
	assert_int_equal(
		conn_connect(stack_of(&f), IP_ANY_TYPE, 80, &remote, 1000, &options, &conn), 0);
	peer_expect(&f.lab, TH_SYN, &s);
	assert_true(seq_gt(s.seq, f.ack));
	assert_int_equal(conns(&f), 1);
	conn_abort(conn);
	close_all(&f);
}

/* Without timestamps nothing tells the connections apart. */
static void connect_waits_for_the_end_without_timestamps(void **state)
{
	struct fixture f;
	struct conn *conn;
	struct conn_options options = {.reuse_address = true};
	open_lab(&f, false, false);
	enter(&f);
	ip_addr_t remote = peer_address(&f.syn);
	lab_advance(&f.lab, 59000);
	assert_int_equal(
		conn_connect(stack_of(&f), IP_ANY_TYPE, 80, &remote, 1000, &options, &conn),
		-EADDRINUSE);
	lab_advance(&f.lab, 1100);
	assert_int_equal(
		conn_connect(stack_of(&f), IP_ANY_TYPE, 80, &remote, 1000, &options, &conn), 0);
	conn_abort(conn);
	close_all(&f);
}

/* reuse_address: bind although a connection in TIME_WAIT has the address. */
static void listener_needs_reuse_address_while_it_lasts(void **state)
{
	struct fixture f;
	struct conn_options plain = {.backlog = 1}, reuse = {.backlog = 1, .reuse_address = true};
	open_lab(&f, false, true);
	enter(&f);
	conn_close(f.listener);
	assert_int_equal(
		conn_listen(stack_of(&f), IP_ANY_TYPE, 80, &plain, &f.listener), -EADDRINUSE);
	assert_int_equal(conn_listen(stack_of(&f), IP_ANY_TYPE, 80, &reuse, &f.listener), 0);
	close_all(&f);
}

/* Beyond the bound, the oldest goes. */
static void number_is_bounded(void **state)
{
	struct fixture f;
	open_lab(&f, false, true);
	for (unsigned i = 0; i < 1500; i++) {
		struct peer_segment s;
		struct peer_frame frame = f.syn;
		frame.port = (uint16_t)(2000 + i);
		peer_send(&f.lab, &frame);
		peer_expect(&f.lab, TH_SYN | TH_ACK, &s);
		frame.flags = TH_ACK;
		frame.seq++;
		frame.ack = s.seq + 1;
		frame.ts_ecr = s.opt.ts_val;
		peer_send(&f.lab, &frame);
		conn_close(conn_accept(f.listener));
		peer_expect(&f.lab, TH_FIN | TH_ACK | TH_PSH, &s);
		frame.flags = TH_FIN | TH_ACK;
		frame.ack++;
		peer_send(&f.lab, &frame);
		peer_expect(&f.lab, TH_ACK, &s);
	}
	assert_int_equal(conns(&f), 1024);
	assert_int_equal(stack_of(&f)->tcp->flows.count, 1024);
	lab_advance(&f.lab, 60100);
	assert_int_equal(conns(&f), 0);
	close_all(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_wait_lasts_two_msl),
		cmocka_unit_test(fin_again_is_acknowledged_and_restarts_the_time),
		cmocka_unit_test(reset_does_not_end_it),
		cmocka_unit_test(other_segments_get_an_ack_or_nothing),
		cmocka_unit_test(syn_opens_the_next_connection_if_it_cannot_be_old),
		cmocka_unit_test(syn_without_a_listener_is_challenged),
		cmocka_unit_test(next_connection_begins_beyond_the_last),
		cmocka_unit_test(connect_takes_the_place_after_a_second),
		cmocka_unit_test(connect_waits_for_the_end_without_timestamps),
		cmocka_unit_test(listener_needs_reuse_address_while_it_lasts),
		cmocka_unit_test(number_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
