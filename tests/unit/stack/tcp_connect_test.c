/* SPDX-License-Identifier: BSD-3-Clause */
/* Active open: SYN_SENT, simultaneous open, local ports, Fast Open's client. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/stack/tcp_peer.h"

#define ISN 5000u

struct fixture {
	struct lab lab;
	struct conn *conn;
	struct peer_segment syn;
	bool ip6;
};

static struct stack *stack_of(struct fixture *f)
{
	return f->lab.node[0].stack;
}

static void open_lab(struct fixture *f, bool ip6)
{
	memset(f, 0, sizeof(*f));
	f->ip6 = ip6;
	lab_open(&f->lab, 1, NULL);
	lab_advance(&f->lab, 4000);
	lab_discard(&f->lab, 0);
	/* ARP and ND are known from here on: a ping of sorts. */
	struct peer_frame frame = {.ip6 = ip6, .peer = 1, .port = 1, .flags = TH_SYN};
	peer_send(&f->lab, &frame);
	peer_expect(&f->lab, TH_RST | TH_ACK, NULL);
}

static int connect_from(struct fixture *f, uint16_t port, const struct conn_options *options)
{
	struct peer_frame peer = {.ip6 = f->ip6, .peer = 1};
	ip_addr_t to = peer_address(&peer);
	return conn_connect(stack_of(f), IP_ANY_TYPE, port, &to, 80, options, &f->conn);
}

static void open_connect(struct fixture *f, const struct conn_options *options)
{
	open_lab(f, false);
	assert_int_equal(connect_from(f, 0, options), 0);
	peer_expect(&f->lab, options->ecn ? TH_SYN | TH_ECE | TH_CWR : TH_SYN, &f->syn);
}

static void open_plain(struct fixture *f)
{
	const struct conn_options options = {0};
	open_connect(f, &options);
}

/* A segment of the peer that answers the SYN. */
static struct peer_frame answer(const struct fixture *f, uint8_t flags)
{
	return (struct peer_frame){.ip6 = f->ip6,
		.peer = 1,
		.port = 80,
		.to_port = f->syn.from_port,
		.flags = flags,
		.seq = ISN,
		.ack = flags & TH_ACK ? f->syn.seq + 1 : 0,
		.mss = true,
		.sack = true,
		.ts = true,
		.ts_val = 900,
		.ts_ecr = flags & TH_ACK ? f->syn.opt.ts_val : 0,
		.wscale = true,
		.scale = 5};
}

static void say(struct fixture *f, const struct peer_frame *frame)
{
	peer_send(&f->lab, frame);
}

static enum tcp_state state_of(const struct fixture *f)
{
	return (enum tcp_state)tcb_of(f->conn)->state;
}

static void close_all(struct fixture *f)
{
	struct stack_counters counters;
	if (f->conn != NULL)
		conn_abort(f->conn);
	stack_get_counters(stack_of(f), &counters);
	assert_int_equal(counters.conns, 0);
	lab_discard(&f->lab, 0);
	lab_close(&f->lab);
}

/* RFC 9293 3.10.1 */
static void syn_offers_all_options(void **state)
{
	struct fixture f;
	open_plain(&f);
	assert_int_equal(f.syn.ack, 0);
	assert_int_equal(f.syn.wnd, 0xffff);
	assert_int_equal(f.syn.opt.mss, 1460);
	assert_true(f.syn.opt.sack_permitted && f.syn.opt.has_ts && f.syn.opt.has_wscale);
	assert_int_equal(f.syn.opt.ts_ecr, 0); /* RFC 7323 3.2 */
	assert_int_equal(f.syn.opt.wscale, 8);
	assert_false(f.syn.opt.has_fast_open);
	assert_int_equal(state_of(&f), TCP_SYN_SENT);
	close_all(&f);
}

/* RFC 9293 3.10.7.3 (4th), RFC 7323 2.2 */
static void syn_ack_establishes_and_is_acknowledged(void **state)
{
	struct fixture f;
	struct peer_segment s;
	open_plain(&f);
	lab_advance(&f.lab, 30);
	struct peer_frame frame = answer(&f, TH_SYN | TH_ACK);
	frame.wnd = 1000;
	say(&f, &frame);
	peer_expect(&f.lab, TH_ACK, &s);
	assert_int_equal(s.seq, f.syn.seq + 1);
	assert_int_equal(s.ack, ISN + 1);
	assert_int_equal(s.opt.ts_ecr, 900);
	struct tcb *tcb = tcb_of(f.conn);
	assert_int_equal(state_of(&f), TCP_ESTABLISHED);
	assert_int_equal(tcb->snd_wnd, 1000); /* a SYN's window is not scaled */
	assert_int_equal(tcb->snd_scale, 5);
	assert_in_range(tcb->srtt_us, 30000, 30010);
	assert_int_equal(f.conn->ready.events, CONN_EV_CONNECTED);
	close_all(&f);
}

/* RFC 7323 2.2 and 3.2, RFC 2018 2: what the answer does not have is off. */
static void option_that_the_answer_lacks_is_off(void **state)
{
	for (unsigned bits = 0; bits < 16; bits++) {
		struct fixture f;
		open_plain(&f);
		struct peer_frame frame = answer(&f, TH_SYN | TH_ACK);
		frame.mss = bits & 1;
		frame.sack = (bits & 2) != 0;
		frame.ts = (bits & 4) != 0;
		frame.wscale = (bits & 8) != 0;
		say(&f, &frame);
		struct tcb *tcb = tcb_of(f.conn);
		assert_int_equal(state_of(&f), TCP_ESTABLISHED);
		assert_int_equal(tcb->peer_mss, frame.mss ? 1460 : 536);
		assert_int_equal((tcb->flags & TCB_SACK) != 0, frame.sack);
		assert_int_equal((tcb->flags & TCB_TS) != 0, frame.ts);
		assert_int_equal((tcb->flags & TCB_WSCALE) != 0, frame.wscale);
		assert_int_equal(tcb->snd_scale, frame.wscale ? 5 : 0);
		assert_int_equal(tcb->rcv_scale, frame.wscale ? RCV_WSCALE : 0);
		close_all(&f);
	}
}

/* RFC 9293 3.10.7.3 (1st): SEG.ACK =< ISS or SEG.ACK > SND.NXT */
static void wrong_ack_is_reset_and_the_handshake_goes_on(void **state)
{
	struct fixture f;
	struct peer_segment s;
	open_plain(&f);
	const uint32_t wrong[] = {f.syn.seq, f.syn.seq + 2, f.syn.seq - 1};
	for (unsigned i = 0; i < 3; i++) {
		struct peer_frame frame = answer(&f, i == 2 ? TH_ACK : TH_SYN | TH_ACK);
		frame.ack = wrong[i];
		say(&f, &frame);
		peer_expect(&f.lab, TH_RST, &s);
		assert_int_equal(s.seq, wrong[i]);
		frame.flags |= TH_RST;
		say(&f, &frame);
		peer_expect_nothing(&f.lab);
		assert_int_equal(state_of(&f), TCP_SYN_SENT);
	}
	close_all(&f);
}

/* RFC 9293 3.10.7.3 (2nd) */
static void reset_counts_only_with_the_right_ack(void **state)
{
	struct fixture f;
	open_plain(&f);
	struct peer_frame frame = answer(&f, TH_RST);
	say(&f, &frame);
	assert_int_equal(state_of(&f), TCP_SYN_SENT);
	frame = answer(&f, TH_RST | TH_ACK);
	say(&f, &frame);
	assert_int_equal(f.conn->ready.error, -ECONNREFUSED);
	close_all(&f);
}

/* RFC 9293 3.10.7.3 (5th): neither SYN nor RST */
static void bare_ack_is_dropped(void **state)
{
	struct fixture f;
	open_plain(&f);
	struct peer_frame frame = answer(&f, TH_ACK);
	say(&f, &frame);
	frame.flags = TH_ACK | TH_FIN;
	say(&f, &frame);
	peer_expect_nothing(&f.lab);
	assert_int_equal(state_of(&f), TCP_SYN_SENT);
	close_all(&f);
}

/* RFC 9293 3.10.7.3 (4th): text and FIN with the SYN-ACK are processed at once. */
static void text_and_fin_with_the_syn_ack_are_received(void **state)
{
	struct fixture f;
	struct peer_segment s;
	open_plain(&f);
	struct peer_frame frame = answer(&f, TH_SYN | TH_ACK | TH_FIN);
	frame.len = 50;
	say(&f, &frame);
	peer_expect(&f.lab, TH_ACK, &s);
	assert_int_equal(s.ack, ISN + 52);
	assert_int_equal(f.conn->rxq_len, 50);
	assert_int_equal(state_of(&f), TCP_CLOSE_WAIT);
	assert_int_equal(f.conn->ready.events, CONN_EV_CONNECTED | CONN_EV_READABLE | CONN_EV_FIN);
	close_all(&f);
}

/*
 * RFC 9293 3.10.7.4 (5th): SND.WL1 follows each segment, also one that says nothing new. One that
 * stayed behind by 2 GiB would come to lie ahead, and no window be taken any more.
 */
static void expected_text_moves_the_place_of_the_window(void **state)
{
	struct fixture f;
	open_plain(&f);
	struct peer_frame frame = answer(&f, TH_SYN | TH_ACK);
	say(&f, &frame);
	peer_expect(&f.lab, TH_ACK, NULL);
	for (unsigned i = 0; i < 3; i++) {
		frame = answer(&f, TH_ACK);
		frame.seq = ISN + 1 + i * 100;
		frame.len = 100;
		say(&f, &frame);
		assert_int_equal(tcb_of(f.conn)->rcv_nxt, frame.seq + 100);
		assert_int_equal(tcb_of(f.conn)->snd_wl1, frame.seq);
	}
	close_all(&f);
}

/* RFC 6298 2.1, 5.5, RFC 9293 3.8.3: doubling from 1 s, as often as told, then the error. */
static void unanswered_syn_is_sent_again_then_given_up(void **state)
{
	struct fixture f;
	struct peer_segment s;
	struct conn_options options = {.syn_retries = 3};
	open_connect(&f, &options);
	for (unsigned wait = 1000; wait <= 4000; wait *= 2) {
		lab_advance(&f.lab, wait - 20);
		peer_expect_nothing(&f.lab);
		lab_advance(&f.lab, 20);
		peer_expect(&f.lab, TH_SYN, &s);
		assert_int_equal(s.seq, f.syn.seq);
	}
	lab_advance(&f.lab, 7900);
	assert_int_equal(f.conn->ready.error, 0);
	lab_advance(&f.lab, 200);
	assert_int_equal(f.conn->ready.error, -ETIMEDOUT);
	peer_expect_nothing(&f.lab);
	close_all(&f);
}

/* RFC 5461 2: the last soft error is the cause. */
static void soft_error_becomes_the_cause_of_the_timeout(void **state)
{
	struct fixture f;
	struct conn_options options = {.syn_retries = 1};
	open_connect(&f, &options);
	tcb_of(f.conn)->soft_error = -EHOSTUNREACH;
	lab_advance(&f.lab, 3100);
	assert_int_equal(f.conn->ready.error, -EHOSTUNREACH);
	close_all(&f);
}

/* RFC 6298 3 and 5.7, RFC 5681 3.1 */
static void answer_to_a_syn_sent_again_starts_slowly(void **state)
{
	struct fixture f;
	open_plain(&f);
	lab_advance(&f.lab, 1000);
	peer_expect(&f.lab, TH_SYN, &f.syn);
	struct peer_frame frame = answer(&f, TH_SYN | TH_ACK);
	say(&f, &frame);
	assert_int_equal(tcb_of(f.conn)->srtt_us, 0);
	assert_int_equal(tcb_of(f.conn)->rto_ms, TCP_RTO_AFTER_SYN_MS);
	assert_int_equal(tcb_of(f.conn)->cc.cwnd, tcb_of(f.conn)->snd_mss);
	close_all(&f);
}

/* RFC 3168 6.1.1 and 6.1.1.1 */
static void ecn_is_offered_once_and_agreed_by_ece_alone(void **state)
{
	const struct conn_options options = {.ecn = true};
	for (unsigned i = 0; i < 4; i++) {
		struct fixture f;
		open_connect(&f, &options);
		if (i == 3) { /* the SYN is lost */
			lab_advance(&f.lab, 1000);
			peer_expect(&f.lab, TH_SYN, &f.syn);
		}
		const uint8_t bits[] = {TH_ECE, 0, TH_ECE | TH_CWR, TH_ECE};
		struct peer_frame frame = answer(&f, TH_SYN | TH_ACK);
		frame.flags |= bits[i];
		say(&f, &frame);
		assert_int_equal(state_of(&f), TCP_ESTABLISHED);
		assert_int_equal((tcb_of(f.conn)->flags & TCB_ECN) != 0, i == 0);
		close_all(&f);
	}
}

/* Simultaneous open: RFC 9293 3.5, figure 7 */

static void cross(struct fixture *f, struct peer_segment *s)
{
	open_plain(f);
	struct peer_frame frame = answer(f, TH_SYN);
	say(f, &frame);
	peer_expect(&f->lab, TH_SYN | TH_ACK, s);
	assert_int_equal(s->seq, f->syn.seq);
	assert_int_equal(s->ack, ISN + 1);
	assert_int_equal(s->opt.ts_ecr, 900);
	assert_int_equal(state_of(f), TCP_SYN_RCVD);
}

static void crossing_syns_establish_by_their_syn_acks(void **state)
{
	struct fixture f;
	struct peer_segment s;
	cross(&f, &s);
	struct peer_frame frame = answer(&f, TH_SYN | TH_ACK);
	frame.wnd = 500;
	say(&f, &frame);
	assert_int_equal(state_of(&f), TCP_ESTABLISHED);
	assert_int_equal(tcb_of(f.conn)->snd_wnd, 500);
	assert_int_equal(f.conn->ready.events, CONN_EV_CONNECTED);
	close_all(&f);
}

static void crossing_syns_establish_by_an_ack(void **state)
{
	struct fixture f;
	struct peer_segment s;
	cross(&f, &s);
	struct peer_frame frame = answer(&f, TH_ACK);
	frame.seq = ISN + 1;
	frame.wnd = 500;
	frame.len = 20;
	say(&f, &frame);
	assert_int_equal(state_of(&f), TCP_ESTABLISHED);
	assert_int_equal(tcb_of(f.conn)->snd_wnd, 500 << 5);
	assert_int_equal(f.conn->rxq_len, 20);
	close_all(&f);
}

/* RFC 9293 3.10.7.4 for SYN-RECEIVED: (1st), (2nd), (4th), (5th), and the SYN again. */
static void syn_received_checks_what_comes(void **state)
{
	struct fixture f;
	struct peer_segment s;
	cross(&f, &s);
	struct peer_frame frame = answer(&f, TH_SYN);
	say(&f, &frame);
	peer_expect(&f.lab, TH_SYN | TH_ACK, NULL); /* ours was lost */
	lab_advance(&f.lab, 1000);
	peer_expect(&f.lab, TH_SYN | TH_ACK, NULL);
	frame = answer(&f, TH_ACK);
	frame.seq = ISN + 200000;
	say(&f, &frame);
	peer_expect(&f.lab, TH_ACK, &s); /* outside of the window */
	frame.seq = ISN + 1;
	frame.ack += 5;
	say(&f, &frame);
	peer_expect(&f.lab, TH_RST, &s);
	assert_int_equal(s.seq, f.syn.seq + 6);
	frame = answer(&f, TH_SYN);
	frame.seq = ISN + 9;
	say(&f, &frame);
	peer_expect(&f.lab, TH_ACK, NULL); /* RFC 5961 4.2 */
	frame = answer(&f, TH_RST);
	frame.seq = ISN + 9;
	say(&f, &frame);
	peer_expect(&f.lab, TH_ACK, NULL); /* RFC 5961 3.2 */
	assert_int_equal(state_of(&f), TCP_SYN_RCVD);
	frame.seq = ISN + 1;
	say(&f, &frame);
	assert_int_equal(f.conn->ready.error, -ECONNREFUSED);
	close_all(&f);
}

/* Ports: RFC 6056 3.3.3 */

static void given_port_in_use_is_refused_without_reuse(void **state)
{
	struct fixture f;
	struct conn_options plain = {0}, reuse = {.reuse_address = true};
	open_lab(&f, false);
	assert_int_equal(connect_from(&f, 5555, &plain), 0);
	struct conn *first = f.conn;
	assert_int_equal(connect_from(&f, 5555, &plain), -EADDRINUSE);
	assert_int_equal(connect_from(&f, 5555, &reuse), -EADDRINUSE); /* the same ends */
	ip_addr_t other = lab_ip4(2);
	struct conn *second;
	assert_int_equal(conn_connect(stack_of(&f), IP_ANY_TYPE, 5555, &other, 80, &plain, &second),
		-EADDRINUSE);
	assert_int_equal(
		conn_connect(stack_of(&f), IP_ANY_TYPE, 5555, &other, 80, &reuse, &second), 0);
	conn_abort(second);
	conn_abort(first);
	f.conn = NULL;
	assert_false(port_in_use(stack_of(&f), 6, 5555));
	close_all(&f);
}

/* More connections than dynamic ports, to many peers. */
static void dynamic_ports_serve_several_peers_when_short(void **state)
{
	enum { PEERS = 3, EACH = 16384, LISTENED = 50000 };
	static struct lab_config config = {.arena_size = (size_t)128 << 20};
	struct lab lab;
	static struct conn *conns[PEERS * (EACH - 1)];
	struct conn_options options = {.backlog = 1};
	struct conn *conn, *listener;
	unsigned count = 0;
	lab_open(&lab, 1, &config);
	struct stack *st = lab.node[0].stack;
	lab.node[0].refuse = DROP_LINK_DOWN; /* nothing leaves: only ports are of interest */
	assert_int_equal(conn_listen(st, IP_ANY_TYPE, LISTENED, &options, &listener), 0);
	for (unsigned peer = 0; peer < PEERS; peer++) {
		ip_addr_t to = lab_ip4(10 + peer);
		for (unsigned i = 0; i < EACH - 1; i++)
			assert_int_equal(conn_connect(st, IP_ANY_TYPE, 0, &to, 80, &options,
						 &conns[count++]),
				0);
		/* All but the listener's are taken towards this peer now. */
		assert_int_equal(
			conn_connect(st, IP_ANY_TYPE, 0, &to, 80, &options, &conn), -EADDRINUSE);
	}
	assert_int_equal(st->tcp->flows.count, PEERS * (EACH - 1));
	while (count-- > 0) {
		assert_int_not_equal(conns[count]->local_port, LISTENED);
		conn_abort(conns[count]);
	}
	assert_false(port_in_use(st, 6, LISTENED + 1));
	conn_close(listener);
	lab_close(&lab);
}

/* Fast Open: RFC 7413 4.1.3 */

/* A first connection, which brings the cookie home. */
static void learn_cookie(struct fixture *f)
{
	const struct conn_options options = {.fast_open = true};
	open_connect(f, &options);
	assert_true(f->syn.opt.has_fast_open); /* asks for one */
	assert_int_equal(f->syn.opt.fast_open_length, 0);
	struct peer_frame frame = answer(f, TH_SYN | TH_ACK);
	frame.fast_open = true;
	frame.cookie_length = 6;
	memcpy(frame.cookie, "cookie", 6);
	say(f, &frame);
	peer_expect(&f->lab, TH_ACK, NULL);
	conn_abort(f->conn);
	peer_expect(&f->lab, TH_RST | TH_ACK, NULL);
	f->conn = NULL;
}

static void connect_fast(struct fixture *f, size_t bytes)
{
	static const uint8_t data[5000];
	const struct conn_options options = {.fast_open = true};
	assert_int_equal(connect_from(f, 0, &options), 0);
	conn_send(f->conn, lab_chain(data, bytes, 1000));
	peer_expect(&f->lab, TH_SYN, &f->syn);
}

static void cookie_comes_back_with_data_in_the_syn(void **state)
{
	struct fixture f;
	struct peer_segment s;
	learn_cookie(&f);
	connect_fast(&f, 300);
	assert_int_equal(f.syn.opt.fast_open_length, 6);
	assert_memory_equal(f.syn.opt.fast_open, "cookie", 6);
	assert_int_equal(f.syn.len, 300);
	struct peer_frame frame = answer(&f, TH_SYN | TH_ACK);
	frame.ack += 300;
	say(&f, &frame);
	peer_expect(&f.lab, TH_ACK, &s);
	assert_int_equal(s.seq, f.syn.seq + 301);
	assert_int_equal(f.conn->acked, 300);
	assert_int_equal(lab_live_pbufs, 0);
	assert_true(f.conn->ready.events & CONN_EV_SPACE);
	conn_send(f.conn, lab_pbuf("more", 4));
	peer_expect(&f.lab, TH_ACK | TH_PSH, &s);
	assert_int_equal(s.seq, f.syn.seq + 301);
	assert_int_equal(s.len, 4);
	close_all(&f);
}

/* RFC 7413 4.2.1: as much as fits into one segment beside the options; the rest follows. */
static void syn_carries_one_segment_at_most(void **state)
{
	struct fixture f;
	struct peer_segment s;
	learn_cookie(&f);
	connect_fast(&f, 3000);
	assert_int_equal(f.syn.len, 1420);
	struct peer_frame frame = answer(&f, TH_SYN | TH_ACK);
	frame.ack += 1420;
	say(&f, &frame);
	assert_true(peer_take(&f.lab, &s));
	assert_int_equal(s.seq, f.syn.seq + 1421);
	assert_int_equal(s.len, 1448);
	close_all(&f);
}

/* RFC 7413 4.2.1: a server that acknowledges the SYN alone, or part of the data. */
static void data_that_was_not_taken_is_sent_again(void **state)
{
	for (uint32_t taken = 0; taken <= 100; taken += 50) {
		struct fixture f;
		struct peer_segment s;
		learn_cookie(&f);
		connect_fast(&f, 300);
		struct peer_frame frame = answer(&f, TH_SYN | TH_ACK);
		frame.ack += taken;
		say(&f, &frame);
		assert_true(peer_take(&f.lab, &s));
		assert_int_equal(s.seq, f.syn.seq + 1 + taken);
		assert_int_equal(s.len, 300 - taken);
		assert_int_equal(f.conn->acked, taken);
		frame = answer(&f, TH_ACK);
		frame.seq++;
		frame.ack += 300;
		frame.ts_ecr = s.opt.ts_val;
		say(&f, &frame);
		assert_int_equal(f.conn->acked, 300);
		close_all(&f);
	}
}

/* RFC 7413 4.1.3.1: the SYN again is a plain one, and the next ones, for a while. */
static void lost_fast_open_syn_is_sent_again_without(void **state)
{
	struct fixture f;
	learn_cookie(&f);
	connect_fast(&f, 300);
	lab_advance(&f.lab, 1000);
	peer_expect(&f.lab, TH_SYN, &f.syn);
	assert_int_equal(f.syn.len, 0);
	assert_false(f.syn.opt.has_fast_open);
	conn_abort(f.conn);
	connect_fast(&f, 300);
	assert_int_equal(f.syn.len, 0);
	assert_false(f.syn.opt.has_fast_open);
	conn_abort(f.conn);
	lab_advance(&f.lab, 601000);
	lab_discard(&f.lab, 0);
	connect_fast(&f, 300);
	assert_true(f.syn.opt.has_fast_open);
	assert_int_equal(f.syn.len, 300);
	close_all(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(syn_offers_all_options),
		cmocka_unit_test(syn_ack_establishes_and_is_acknowledged),
		cmocka_unit_test(option_that_the_answer_lacks_is_off),
		cmocka_unit_test(wrong_ack_is_reset_and_the_handshake_goes_on),
		cmocka_unit_test(reset_counts_only_with_the_right_ack),
		cmocka_unit_test(bare_ack_is_dropped),
		cmocka_unit_test(text_and_fin_with_the_syn_ack_are_received),
		cmocka_unit_test(expected_text_moves_the_place_of_the_window),
		cmocka_unit_test(unanswered_syn_is_sent_again_then_given_up),
		cmocka_unit_test(soft_error_becomes_the_cause_of_the_timeout),
		cmocka_unit_test(answer_to_a_syn_sent_again_starts_slowly),
		cmocka_unit_test(ecn_is_offered_once_and_agreed_by_ece_alone),
		cmocka_unit_test(crossing_syns_establish_by_their_syn_acks),
		cmocka_unit_test(crossing_syns_establish_by_an_ack),
		cmocka_unit_test(syn_received_checks_what_comes),
		cmocka_unit_test(given_port_in_use_is_refused_without_reuse),
		cmocka_unit_test(dynamic_ports_serve_several_peers_when_short),
		cmocka_unit_test(cookie_comes_back_with_data_in_the_syn),
		cmocka_unit_test(syn_carries_one_segment_at_most),
		cmocka_unit_test(data_that_was_not_taken_is_sent_again),
		cmocka_unit_test(lost_fast_open_syn_is_sent_again_without),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
