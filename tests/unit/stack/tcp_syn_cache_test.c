/* SPDX-License-Identifier: BSD-3-Clause */
/* Passive open: SYN cache, backlog, SYN cookies, Fast Open. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/stack/tcp_peer.h"

#define ISN 5000u /* of the peers */

struct fixture {
	struct lab lab;
	struct conn *listener;
};

static struct stack *stack_of(struct fixture *f)
{
	return f->lab.node[0].stack;
}

static struct stack_counters counters_of(struct fixture *f)
{
	struct stack_counters counters;
	stack_get_counters(stack_of(f), &counters);
	return counters;
}

static uint64_t drops(struct fixture *f, enum drop_reason reason)
{
	return stack_drops(stack_of(f))->count[reason];
}

static void open_with(struct fixture *f, const struct conn_options *options, uint8_t cookies)
{
	lab_open(&f->lab, 1, NULL);
	lab_advance(&f->lab, 4000); /* duplicate address detection */
	lab_discard(&f->lab, 0);
	stack_of(f)->syn_cookies = cookies;
	assert_int_equal(conn_listen(stack_of(f), IP_ANY_TYPE, 80, options, &f->listener), 0);
}

static void open_listener(struct fixture *f, uint16_t backlog)
{
	struct conn_options options = {.backlog = backlog};
	open_with(f, &options, STACK_SYN_COOKIES_AUTO);
}

static struct tcp_listener *listener_of(struct fixture *f)
{
	return (struct tcp_listener *)f->listener;
}

static void close_all(struct fixture *f)
{
	struct conn *conn;
	while ((conn = conn_accept(f->listener)) != NULL)
		conn_abort(conn);
	conn_close(f->listener);
	assert_int_equal(counters_of(f).conns, 0);
	assert_int_equal(stack_of(f)->tcp->flows.count, 0);
	lab_close(&f->lab);
}

static struct peer_frame syn(unsigned peer, uint16_t port)
{
	return (struct peer_frame){.peer = peer,
		.port = port,
		.flags = TH_SYN,
		.seq = ISN,
		.mss = true,
		.sack = true,
		.ts = true,
		.ts_val = 100,
		.wscale = true,
		.scale = 7};
}

/* The ACK that completes the handshake. */
static struct peer_frame ack_of(const struct peer_frame *syn, const struct peer_segment *syn_ack)
{
	return (struct peer_frame){.ip6 = syn->ip6,
		.peer = syn->peer,
		.port = syn->port,
		.flags = TH_ACK,
		.seq = syn->seq + 1,
		.ack = syn_ack->seq + 1,
		.ts = syn_ack->opt.has_ts,
		.ts_val = syn->ts_val + 1,
		.ts_ecr = syn_ack->opt.ts_val};
}

static void handshake(struct fixture *f, struct peer_frame *frame)
{
	struct peer_segment answer;
	peer_send(&f->lab, frame);
	peer_expect(&f->lab, TH_SYN | TH_ACK, &answer);
	struct peer_frame ack = ack_of(frame, &answer);
	peer_send(&f->lab, &ack);
}

/* RFC 9293 3.10.7.2 (3rd), RFC 7323 2.2 and 3.2, RFC 2018 2 */
static void syn_is_answered_with_the_options_it_has(void **state)
{
	for (unsigned bits = 0; bits < 16; bits++) {
		struct fixture f;
		struct peer_segment s;
		open_listener(&f, 4);
		struct peer_frame frame = syn(1, 1000);
		frame.ip6 = bits & 1;
		frame.sack = (bits & 2) != 0;
		frame.ts = (bits & 4) != 0;
		frame.wscale = (bits & 8) != 0;
		peer_send(&f.lab, &frame);
		peer_expect(&f.lab, TH_SYN | TH_ACK, &s);
		assert_int_equal(s.ack, ISN + 1);
		assert_int_equal(s.opt.mss, frame.ip6 ? 1440 : 1460); /* RFC 6691 2 */
		assert_int_equal(s.opt.sack_permitted, frame.sack);
		assert_int_equal(s.opt.has_ts, frame.ts);
		assert_true(!frame.ts || s.opt.ts_ecr == 100);
		assert_int_equal(s.opt.has_wscale, frame.wscale);
		assert_true(!frame.wscale || s.opt.wscale == 8);
		assert_int_equal(s.wnd, 0xffff);
		assert_int_equal(s.ttl, 64);
		close_all(&f);
	}
}

/* Nothing but an entry exists before the handshake is complete. */
static void half_open_connection_is_no_connection(void **state)
{
	struct fixture f;
	open_listener(&f, 4);
	struct peer_frame frame = syn(1, 1000);
	peer_send(&f.lab, &frame);
	assert_int_equal(counters_of(&f).conns, 0);
	assert_int_equal(listener_of(&f)->embryos, 1);
	assert_null(conn_accept(f.listener));
	peer_expect(&f.lab, TH_SYN | TH_ACK, NULL);
	close_all(&f);
}

/* RFC 9293 3.10.7.4 (5th) */
static void ack_completes_the_handshake(void **state)
{
	struct fixture f;
	open_listener(&f, 4);
	struct peer_frame frame = syn(1, 1000);
	handshake(&f, &frame);
	peer_expect_nothing(&f.lab);
	assert_true(f.listener->ready.events & CONN_EV_ACCEPTABLE);
	assert_int_equal(listener_of(&f)->embryos, 0);
	assert_int_equal(listener_of(&f)->waiting, 1);
	struct conn *conn = conn_accept(f.listener);
	assert_non_null(conn);
	ip_addr_t from = peer_address(&frame);
	assert_true(ip_addr_eq(&conn->remote, &from));
	assert_int_equal(conn->remote_port, 1000);
	struct tcb *tcb = tcb_of(conn);
	assert_int_equal(tcb->state, TCP_ESTABLISHED);
	assert_int_equal(tcb->snd_scale, 7);
	assert_int_equal(tcb->snd_wnd, 0xffffu << 7);
	assert_int_equal(counters_of(&f).tcp_accepted, 1);
	conn_abort(conn);
	peer_expect(&f.lab, TH_RST | TH_ACK, NULL);
	close_all(&f);
}

/* RFC 9293 3.10.7.4 (7th): text with the ACK of the handshake. */
static void data_with_the_ack_is_received(void **state)
{
	struct fixture f;
	struct peer_segment s;
	open_listener(&f, 4);
	struct peer_frame frame = syn(1, 1000);
	peer_send(&f.lab, &frame);
	peer_expect(&f.lab, TH_SYN | TH_ACK, &s);
	struct peer_frame ack = ack_of(&frame, &s);
	ack.len = 100;
	peer_send(&f.lab, &ack);
	struct conn *conn = conn_accept(f.listener);
	assert_non_null(conn);
	assert_int_equal(conn->rxq_len, 100);
	conn_abort(conn);
	close_all(&f);
}

/* RFC 6298 2.1 and 5.5: 1 s, doubling; five times. */
static void unanswered_syn_ack_is_sent_five_times_again_then_forgotten(void **state)
{
	struct fixture f;
	struct peer_segment first, s;
	open_listener(&f, 4);
	struct peer_frame frame = syn(1, 1000);
	peer_send(&f.lab, &frame);
	peer_expect(&f.lab, TH_SYN | TH_ACK, &first);
	for (unsigned wait = 1000; wait <= 16000; wait *= 2) {
		lab_advance(&f.lab, wait - 20);
		peer_expect_nothing(&f.lab);
		lab_advance(&f.lab, 20);
		peer_expect(&f.lab, TH_SYN | TH_ACK, &s);
		assert_int_equal(s.seq, first.seq);
		assert_int_equal(s.ack, first.ack);
		assert_true(s.opt.has_ts && s.opt.has_wscale && s.opt.sack_permitted);
	}
	assert_int_equal(counters_of(&f).tcp_retransmits, 5);
	lab_advance(&f.lab, 31900);
	assert_int_equal(listener_of(&f)->embryos, 1);
	lab_advance(&f.lab, 200);
	assert_int_equal(listener_of(&f)->embryos, 0);
	peer_expect_nothing(&f.lab);
	close_all(&f);
}

/* RFC 6298 3, RFC 5681 3.1: after a SYN-ACK sent again there is no RTT and a window of one. */
static void ack_of_a_syn_ack_sent_again_starts_slowly(void **state)
{
	struct fixture f;
	struct peer_segment s;
	open_listener(&f, 4);
	struct peer_frame frame = syn(1, 1000);
	peer_send(&f.lab, &frame);
	peer_expect(&f.lab, TH_SYN | TH_ACK, &s);
	lab_advance(&f.lab, 1000);
	peer_expect(&f.lab, TH_SYN | TH_ACK, &s);
	struct peer_frame ack = ack_of(&frame, &s);
	peer_send(&f.lab, &ack);
	struct conn *conn = conn_accept(f.listener);
	assert_non_null(conn);
	assert_int_equal(tcb_of(conn)->srtt_us, 0);
	assert_int_equal(tcb_of(conn)->cc.cwnd, tcb_of(conn)->snd_mss);
	conn_abort(conn);
	close_all(&f);
}

/* RFC 6298 2.2: the handshake gives the first sample. */
static void handshake_gives_a_round_trip_time(void **state)
{
	struct fixture f;
	struct peer_segment s;
	open_listener(&f, 4);
	struct peer_frame frame = syn(1, 1000);
	peer_send(&f.lab, &frame);
	peer_expect(&f.lab, TH_SYN | TH_ACK, &s);
	lab_advance(&f.lab, 70);
	struct peer_frame ack = ack_of(&frame, &s);
	peer_send(&f.lab, &ack);
	struct conn *conn = conn_accept(f.listener);
	assert_non_null(conn);
	assert_in_range(tcb_of(conn)->srtt_us, 70000, 70010);
	conn_abort(conn);
	close_all(&f);
}

/* RFC 9293 3.10.7.4: the same SYN gets the same answer, and there is still one entry. */
static void same_syn_is_answered_again(void **state)
{
	struct fixture f;
	struct peer_segment first, second;
	open_listener(&f, 4);
	struct peer_frame frame = syn(1, 1000);
	peer_send(&f.lab, &frame);
	peer_expect(&f.lab, TH_SYN | TH_ACK, &first);
	frame.ts_val = 900;
	peer_send(&f.lab, &frame);
	peer_expect(&f.lab, TH_SYN | TH_ACK, &second);
	assert_int_equal(first.seq, second.seq);
	assert_int_equal(second.opt.ts_ecr, 900);
	assert_int_equal(listener_of(&f)->embryos, 1);
	close_all(&f);
}

/* RFC 3168 6.1.1 */
static void ecn_setup_syn_is_answered_with_ece_alone(void **state)
{
	struct fixture f;
	struct peer_segment s;
	open_listener(&f, 4);
	struct peer_frame frame = syn(1, 1000);
	frame.flags |= TH_ECE | TH_CWR;
	peer_send(&f.lab, &frame);
	peer_expect(&f.lab, TH_SYN | TH_ACK | TH_ECE, &s);
	assert_int_equal(s.tos & 3, 0); /* a SYN-ACK is not ECN-capable itself */
	struct peer_frame ack = ack_of(&frame, &s);
	peer_send(&f.lab, &ack);
	struct conn *conn = conn_accept(f.listener);
	assert_true(tcb_of(conn)->flags & TCB_ECN);
	conn_abort(conn);
	peer_expect(&f.lab, TH_RST | TH_ACK, NULL);
	/* RFC 3168 6.1.1.1: the peer gives ECN up. */
	frame.port = 1001;
	peer_send(&f.lab, &frame);
	peer_expect(&f.lab, TH_SYN | TH_ACK | TH_ECE, &s);
	frame.flags = TH_SYN;
	peer_send(&f.lab, &frame);
	peer_expect(&f.lab, TH_SYN | TH_ACK, &s);
	close_all(&f);
}

/* RFC 9293 3.10.7.4 (2nd), RFC 5961 3.2 */
static void only_the_exact_reset_ends_a_half_open_connection(void **state)
{
	struct fixture f;
	struct peer_segment s;
	open_listener(&f, 4);
	struct peer_frame frame = syn(1, 1000);
	peer_send(&f.lab, &frame);
	peer_expect(&f.lab, TH_SYN | TH_ACK, NULL);
	struct peer_frame rst = {.peer = 1, .port = 1000, .flags = TH_RST, .seq = ISN + 50};
	peer_send(&f.lab, &rst);
	peer_expect(&f.lab, TH_ACK, &s); /* challenge */
	assert_int_equal(s.ack, ISN + 1);
	rst.seq = ISN - 50;
	peer_send(&f.lab, &rst);
	peer_expect_nothing(&f.lab);
	assert_int_equal(listener_of(&f)->embryos, 1);
	rst.seq = ISN + 1;
	peer_send(&f.lab, &rst);
	peer_expect_nothing(&f.lab);
	assert_int_equal(listener_of(&f)->embryos, 0);
	close_all(&f);
}

/* RFC 9293 3.10.7.4 (5th): an ACK of something else gets <SEQ=SEG.ACK><CTL=RST>. */
static void wrong_ack_is_reset_and_the_entry_stays(void **state)
{
	struct fixture f;
	struct peer_segment s;
	open_listener(&f, 4);
	struct peer_frame frame = syn(1, 1000);
	peer_send(&f.lab, &frame);
	peer_expect(&f.lab, TH_SYN | TH_ACK, &s);
	for (unsigned wrong = 0; wrong < 3; wrong += 2) {
		struct peer_segment rst;
		struct peer_frame ack = ack_of(&frame, &s);
		ack.ack = s.seq + wrong;
		peer_send(&f.lab, &ack);
		peer_expect(&f.lab, TH_RST, &rst);
		assert_int_equal(rst.seq, s.seq + wrong);
	}
	assert_int_equal(listener_of(&f)->embryos, 1);
	struct peer_frame ack = ack_of(&frame, &s);
	peer_send(&f.lab, &ack);
	assert_int_equal(listener_of(&f)->waiting, 1);
	close_all(&f);
}

/* RFC 9293 3.10.7.4 (1st): what lies outside of the window gets an ACK. */
static void segment_outside_of_the_window_is_acknowledged(void **state)
{
	struct fixture f;
	struct peer_segment s, answer;
	open_listener(&f, 4);
	struct peer_frame frame = syn(1, 1000);
	peer_send(&f.lab, &frame);
	peer_expect(&f.lab, TH_SYN | TH_ACK, &s);
	struct peer_frame ack = ack_of(&frame, &s);
	ack.seq = ISN + 70000;
	peer_send(&f.lab, &ack);
	peer_expect(&f.lab, TH_ACK, &answer);
	assert_int_equal(answer.seq, s.seq + 1);
	assert_int_equal(answer.ack, ISN + 1);
	assert_int_equal(drops(&f, DROP_TCP_WINDOW), 1);
	/* A client that restarted: another SYN, far away (RFC 9293 3.5.1, figure 9). */
	frame.seq = ISN + 100000;
	peer_send(&f.lab, &frame);
	peer_expect(&f.lab, TH_ACK, &answer);
	assert_int_equal(answer.ack, ISN + 1);
	close_all(&f);
}

/* RFC 7323 5.3 R1 */
static void ack_with_an_old_timestamp_is_not_taken(void **state)
{
	struct fixture f;
	struct peer_segment s;
	open_listener(&f, 4);
	struct peer_frame frame = syn(1, 1000);
	peer_send(&f.lab, &frame);
	peer_expect(&f.lab, TH_SYN | TH_ACK, &s);
	struct peer_frame ack = ack_of(&frame, &s);
	ack.ts_val = 99;
	peer_send(&f.lab, &ack);
	peer_expect(&f.lab, TH_ACK, NULL);
	assert_int_equal(drops(&f, DROP_TCP_PAWS), 1);
	assert_int_equal(listener_of(&f)->embryos, 1);
	close_all(&f);
}

/* RFC 9293 3.10.7.4 (4th): a SYN in the window; the passive open is back in LISTEN. */
static void other_syn_in_the_window_returns_to_listen(void **state)
{
	struct fixture f;
	open_listener(&f, 4);
	struct peer_frame frame = syn(1, 1000);
	peer_send(&f.lab, &frame);
	peer_expect(&f.lab, TH_SYN | TH_ACK, NULL);
	frame.seq = ISN + 77;
	peer_send(&f.lab, &frame);
	peer_expect_nothing(&f.lab);
	assert_int_equal(listener_of(&f)->embryos, 0);
	peer_send(&f.lab, &frame);
	peer_expect(&f.lab, TH_SYN | TH_ACK, NULL);
	close_all(&f);
}

/* RFC 9293 3.10.7.1 */
static void segment_for_no_listener_is_reset_as_the_rfc_words_it(void **state)
{
	struct fixture f;
	struct peer_segment s;
	open_listener(&f, 4);
	struct peer_frame frame = syn(1, 1000);
	frame.to_port = 81;
	frame.len = 10;
	peer_send(&f.lab, &frame);
	peer_expect(&f.lab, TH_RST | TH_ACK, &s);
	assert_int_equal(s.seq, 0);
	assert_int_equal(s.ack, ISN + 11);
	assert_int_equal(s.wnd, 0);
	frame.flags = TH_ACK | TH_FIN;
	frame.ack = 777;
	peer_send(&f.lab, &frame);
	peer_expect(&f.lab, TH_RST, &s);
	assert_int_equal(s.seq, 777);
	frame.flags = TH_RST;
	peer_send(&f.lab, &frame);
	frame.flags = TH_RST | TH_ACK;
	peer_send(&f.lab, &frame);
	peer_expect_nothing(&f.lab);
	close_all(&f);
}

/* RFC 9293 3.10.7.2 (1st, 2nd, 4th) */
static void listener_resets_an_ack_and_ignores_the_rest(void **state)
{
	struct fixture f;
	struct peer_segment s;
	open_listener(&f, 4);
	struct peer_frame frame = {.peer = 1, .port = 1, .flags = TH_ACK, .seq = 1, .ack = 9};
	peer_send(&f.lab, &frame);
	peer_expect(&f.lab, TH_RST, &s);
	assert_int_equal(s.seq, 9);
	frame.flags = TH_SYN | TH_ACK;
	peer_send(&f.lab, &frame);
	peer_expect(&f.lab, TH_RST, &s);
	const uint8_t ignored[] = {TH_RST, TH_RST | TH_SYN, TH_RST | TH_ACK, 0, TH_FIN, TH_PSH};
	for (unsigned i = 0; i < sizeof(ignored); i++) {
		frame.flags = ignored[i];
		peer_send(&f.lab, &frame);
		peer_expect_nothing(&f.lab);
	}
	close_all(&f);
}

/* RFC 5961 7 in spirit: what strangers provoke has a limit, which they cannot know. */
static void resets_in_a_second_are_limited(void **state)
{
	struct fixture f;
	struct peer_segment s;
	unsigned sent[2] = {0, 0};
	open_listener(&f, 4);
	struct peer_frame frame = {.peer = 1, .port = 1, .flags = TH_ACK, .to_port = 99};
	for (unsigned second = 0; second < 2; second++) {
		for (unsigned i = 0; i < 2000; i++) {
			peer_send(&f.lab, &frame);
			while (peer_take(&f.lab, &s))
				sent[second]++;
		}
		assert_in_range(sent[second], 500, 1500);
		lab_advance(&f.lab, 1000);
	}
	assert_int_not_equal(sent[0], sent[1]);
	assert_int_equal(counters_of(&f).tcp_replies_withheld, 4000 - sent[0] - sent[1]);
	close_all(&f);
}

/* Backlog */

static void fill_with_half_open(struct fixture *f, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct peer_frame frame = syn(1, (uint16_t)(2000 + i));
		peer_send(&f->lab, &frame);
		peer_expect(&f->lab, TH_SYN | TH_ACK, NULL);
	}
}

static void syn_beyond_the_backlog_without_cookies_is_dropped(void **state)
{
	struct fixture f;
	struct conn_options options = {.backlog = 3};
	open_with(&f, &options, STACK_SYN_COOKIES_NEVER);
	fill_with_half_open(&f, 3);
	struct peer_frame frame = syn(1, 1000);
	peer_send(&f.lab, &frame);
	peer_expect_nothing(&f.lab);
	assert_int_equal(drops(&f, DROP_ACCEPT_QUEUE_FULL), 1);
	assert_int_equal(counters_of(&f).tcp_syn_cookies_sent, 0);
	close_all(&f);
}

/*
 * RFC 4987 3.6: half-open connections fill the backlog: cookies go out, at once as later, as long
 * as the accept queue has room for what comes of them.
 */
static void backlog_of_half_open_is_answered_with_cookies(uint64_t after_ms)
{
	struct fixture f;
	open_listener(&f, 3);
	fill_with_half_open(&f, 3);
	lab_advance(&f.lab, after_ms);
	lab_discard(&f.lab, 0);
	for (unsigned i = 0; i < 3; i++) {
		struct peer_frame frame = syn(2, (uint16_t)(3000 + i));
		handshake(&f, &frame);
		assert_int_equal(listener_of(&f)->waiting, i + 1);
	}
	assert_int_equal(counters_of(&f).tcp_syn_cookies_accepted, 3);
	/* The accept queue is full now: no cookies either. */
	struct peer_frame frame = syn(2, 4000);
	peer_send(&f.lab, &frame);
	peer_expect_nothing(&f.lab);
	assert_int_equal(counters_of(&f).tcp_syn_cookies_sent, 3);
	assert_int_equal(drops(&f, DROP_ACCEPT_QUEUE_FULL), 1);
	close_all(&f);
}

static void fresh_backlog_is_answered_with_cookies(void **state)
{
	backlog_of_half_open_is_answered_with_cookies(0);
}

static void stale_backlog_is_answered_with_cookies(void **state)
{
	backlog_of_half_open_is_answered_with_cookies(1000);
}

/* Who answered a cookie need not say so again: it is asked until the accept queue has room. */
static void cookie_that_finds_the_accept_queue_full_is_not_forgotten(void **state)
{
	struct fixture f;
	struct peer_segment kept[2], cookie, again;
	open_listener(&f, 2);
	for (unsigned i = 0; i < 2; i++) {
		struct peer_frame frame = syn(1, (uint16_t)(2000 + i));
		peer_send(&f.lab, &frame);
		peer_expect(&f.lab, TH_SYN | TH_ACK, &kept[i]);
	}
	struct peer_frame late = syn(2, 1000);
	peer_send(&f.lab, &late);
	peer_expect(&f.lab, TH_SYN | TH_ACK, &cookie);
	assert_int_equal(counters_of(&f).tcp_syn_cookies_sent, 1);
	for (unsigned i = 0; i < 2; i++) {
		struct peer_frame frame = syn(1, (uint16_t)(2000 + i)),
				  ack = ack_of(&frame, &kept[i]);
		peer_send(&f.lab, &ack);
	}
	assert_int_equal(listener_of(&f)->waiting, 2);
	struct peer_frame ack = ack_of(&late, &cookie);
	peer_send(&f.lab, &ack);
	peer_expect_nothing(&f.lab);
	assert_int_equal(drops(&f, DROP_ACCEPT_QUEUE_FULL), 1);
	assert_int_equal(listener_of(&f)->embryos, 1);
	/* Asked again, it answers; there is no room yet. */
	for (unsigned i = 0; i < 2; i++) {
		lab_advance(&f.lab, 1000 << i);
		peer_expect(&f.lab, TH_SYN | TH_ACK, &again);
		assert_int_equal(again.seq, cookie.seq);
		assert_int_equal(again.ack, cookie.ack);
		assert_int_equal(again.opt.has_wscale, cookie.opt.has_wscale);
		assert_int_equal(again.opt.sack_permitted, cookie.opt.sack_permitted);
		if (i == 1)
			conn_abort(conn_accept(f.listener));
		lab_discard(&f.lab, 0);
		peer_send(&f.lab, &ack);
		assert_int_equal(listener_of(&f)->embryos, 1 - i);
	}
	assert_int_equal(listener_of(&f)->waiting, 2);
	close_all(&f);
}

/* The ACK that completes a handshake is not taken while the accept queue is full. */
static void full_accept_queue_leaves_the_handshake_open(void **state)
{
	struct fixture f;
	struct peer_segment s;
	open_listener(&f, 2);
	struct peer_frame late = syn(1, 1000), ack;
	peer_send(&f.lab, &late);
	peer_expect(&f.lab, TH_SYN | TH_ACK, &s);
	ack = ack_of(&late, &s);
	lab_advance(&f.lab, 1000); /* it is stale now, so cookies fill the queue */
	peer_expect(&f.lab, TH_SYN | TH_ACK, &s);
	for (unsigned i = 0; i < 2; i++) {
		struct peer_frame frame = syn(2, (uint16_t)(3000 + i));
		handshake(&f, &frame);
	}
	peer_send(&f.lab, &ack);
	peer_expect_nothing(&f.lab);
	assert_int_equal(listener_of(&f)->embryos, 1);
	assert_int_equal(drops(&f, DROP_ACCEPT_QUEUE_FULL), 1);
	conn_abort(conn_accept(f.listener));
	peer_expect(&f.lab, TH_RST | TH_ACK, NULL);
	peer_send(&f.lab, &ack);
	assert_int_equal(listener_of(&f)->embryos, 0);
	assert_int_equal(listener_of(&f)->waiting, 2);
	close_all(&f);
}

/* RFC 9293 3.10.5: nobody is left to wait in vain. */
static void closed_listener_resets_half_open_connections(void **state)
{
	struct fixture f;
	struct peer_segment syn_ack, s;
	struct conn *other;
	struct conn_options options = {.backlog = 4};
	open_listener(&f, 4);
	assert_int_equal(conn_listen(stack_of(&f), IP_ANY_TYPE, 81, &options, &other), 0);
	struct peer_frame frame = syn(1, 1000), second = syn(1, 1000);
	second.to_port = 81;
	peer_send(&f.lab, &frame);
	peer_expect(&f.lab, TH_SYN | TH_ACK, &syn_ack);
	peer_send(&f.lab, &second);
	peer_expect(&f.lab, TH_SYN | TH_ACK, NULL);
	conn_close(f.listener);
	peer_expect(&f.lab, TH_RST | TH_ACK, &s);
	assert_int_equal(s.seq, syn_ack.seq + 1);
	peer_expect_nothing(&f.lab);
	f.listener = other;
	assert_int_equal(listener_of(&f)->embryos, 1);
	close_all(&f);
}

/* The SYN cache as a whole is bounded. */
static void full_cache_is_answered_with_cookies(void **state)
{
	struct fixture f;
	struct conn_options options = {.backlog = 65535};
	open_with(&f, &options, STACK_SYN_COOKIES_AUTO);
	for (unsigned i = 0; i < 5000; i++) {
		struct peer_frame frame = syn(1 + i % 4, (uint16_t)(10000 + i));
		peer_send(&f.lab, &frame);
		peer_expect(&f.lab, TH_SYN | TH_ACK, NULL);
	}
	unsigned kept = listener_of(&f)->embryos;
	assert_in_range(kept, 4000, 4096); /* one for 4 KiB of the arena */
	assert_int_equal(counters_of(&f).tcp_syn_cookies_sent, 5000 - kept);
	/* All are due at once: each once again. */
	lab_advance(&f.lab, 1100);
	assert_int_equal(counters_of(&f).tcp_retransmits, kept);
	lab_discard(&f.lab, 0);
	close_all(&f);
}

/*
 * Takes the arena but for `left` bytes, in two blocks, since the arena does not cut what is free;
 * what was taken goes back with the arena.
 */
static void exhaust(struct stack *st, size_t left)
{
	void *room[2];
	for (unsigned i = 0; i < 2; i++)
		room[i] = arena_alloc(&st->arena, left / 2);
	for (size_t size = 1 << 20; size >= 16; size /= 2)
		while (arena_alloc(&st->arena, size) != NULL)
			;
	for (unsigned i = 0; i < 2; i++)
		arena_free(&st->arena, room[i]);
}

static void syn_is_dropped_while_memory_is_short(void **state)
{
	struct fixture f;
	open_listener(&f, 4);
	exhaust(stack_of(&f), stack_of(&f)->arena.size / 100);
	struct peer_frame frame = syn(1, 1000);
	peer_send(&f.lab, &frame);
	peer_expect_nothing(&f.lab);
	assert_int_equal(drops(&f, DROP_SYN_NO_MEMORY), 1);
	close_all(&f);
}

/* Memory that ends at each of the allocations of the last step in turn. */
static void handshake_waits_for_memory_and_leaks_nothing(void **state)
{
	bool made = false;
	for (size_t left = 16; !made; left *= 2) {
		struct fixture f;
		struct peer_segment s;
		open_listener(&f, 4);
		struct peer_frame frame = syn(1, 1000);
		peer_send(&f.lab, &frame);
		peer_expect(&f.lab, TH_SYN | TH_ACK, &s);
		exhaust(stack_of(&f), left);
		struct peer_frame ack = ack_of(&frame, &s);
		ack.len = 10;
		peer_send(&f.lab, &ack);
		made = listener_of(&f)->waiting == 1;
		assert_int_equal(listener_of(&f)->embryos, !made);
		assert_int_equal(counters_of(&f).conns, made);
		assert_int_equal(stack_of(&f)->tcp->flows.count, 1);
		assert_true(made || drops(&f, DROP_NO_MEMORY) == 1);
		close_all(&f);
	}
}

static unsigned entries_of(struct fixture *f, enum tcp_flow_kind kind)
{
	const struct flow_table *flows = &stack_of(f)->tcp->flows;
	unsigned count = 0;
	for (uint32_t i = 0; i < flows->buckets; i++) {
		const struct flow_bucket *bucket = flow_bucket_at(flows, i);
		for (unsigned place = 0; place < FLOW_PLACES; place++)
			if (bucket->used & 1u << place)
				count += tcp_kind_of(bucket->pointer[place]) == kind;
	}
	return count;
}

/* Whatever comes, in whatever order: what is counted is what is there. */
static void random_segments_leave_the_counts_right(void **state)
{
	struct fixture f;
	struct prng random;
	struct siphash_key key = {3, 4};
	struct peer_segment s = {0};
	struct conn_options options = {.backlog = 8, .fast_open = true};
	open_with(&f, &options, STACK_SYN_COOKIES_AUTO);
	prng_init(&random, &key, 0);
	for (unsigned i = 0; i < 30000; i++) {
		uint64_t r = prng_next(&random);
		struct peer_frame frame = syn(1, (uint16_t)(1000 + r % 12));
		const uint8_t flags[] = {TH_SYN, TH_ACK, TH_ACK | TH_FIN, TH_RST, TH_SYN | TH_ACK,
			TH_SYN | TH_FIN, 0, TH_ACK | TH_PSH};
		frame.flags = flags[r >> 8 & 7];
		frame.seq = ISN + (uint32_t)(r >> 12 & 3) - (r >> 14 & 1);
		frame.ts = (r >> 15 & 7) != 0;
		frame.ts_val = 100 + (uint32_t)(r >> 18 & 1);
		frame.ack = s.seq + (uint32_t)(r >> 19 & 3);
		frame.ts_ecr = s.opt.ts_val;
		frame.len = r >> 24 & 7 ? 0 : 20;
		frame.fast_open = (r >> 27 & 1) != 0;
		frame.cookie_length = r >> 28 & 1 ? 8 : 0;
		memcpy(frame.cookie, s.opt.fast_open, 8);
		peer_send(&f.lab, &frame);
		struct peer_segment taken;
		while (peer_take(&f.lab, &taken))
			if (taken.flags & TH_SYN)
				s = taken;
		if ((r >> 32) % 16 == 0)
			lab_advance(&f.lab, (r >> 40) % 2000);
		struct conn *conn = (r >> 36) % 8 == 0 ? conn_accept(f.listener) : NULL;
		if (conn != NULL && (r >> 39 & 1))
			conn_close(conn);
		else if (conn != NULL)
			conn_abort(conn);
		assert_true(listener_of(&f)->waiting <= 8);
		assert_int_equal(entries_of(&f, TCP_FLOW_SYN), listener_of(&f)->embryos);
		assert_int_equal(entries_of(&f, TCP_FLOW_TCB) + entries_of(&f, TCP_FLOW_TIME_WAIT),
			counters_of(&f).conns);
	}
	assert_true(counters_of(&f).tcp_accepted > 100);
	conn_close(f.listener);
	lab_discard(&f.lab, 0);
	lab_advance(&f.lab, 200000);
	assert_int_equal(counters_of(&f).conns, 0);
	assert_int_equal(stack_of(&f)->tcp->fast_open_pending, 0);
	lab_close(&f.lab);
}

/* Cookies */

static void open_cookies(struct fixture *f)
{
	struct conn_options options = {.backlog = 16};
	open_with(f, &options, STACK_SYN_COOKIES_ALWAYS);
}

/* RFC 4987 3.6: window scale, SACK, ECN and timestamps survive, and the MSS by a table. */
static void cookie_keeps_what_was_negotiated(void **state)
{
	const uint16_t told[] = {65535, 1460, 1459, 1400, 536, 100},
		       kept[] = {8940, 1460, 1440, 1360, 536, 64};
	for (unsigned bits = 0; bits < 32; bits++) {
		struct fixture f;
		struct peer_segment s;
		open_cookies(&f);
		struct peer_frame frame = syn(1, 1000);
		frame.ip6 = bits & 1;
		frame.sack = (bits & 2) != 0;
		frame.ts = (bits & 4) != 0;
		frame.wscale = (bits & 8) != 0;
		frame.scale = 14;
		frame.flags |= bits & 16 ? TH_ECE | TH_CWR : 0;
		frame.mss_value = told[bits % 6];
		size_t used = stack_of(&f)->arena.used;
		peer_send(&f.lab, &frame);
		assert_true(peer_take(&f.lab, &s));
		assert_int_equal(listener_of(&f)->embryos, 0);
		assert_in_range(stack_of(&f)->arena.used, used, used + 1000); /* ARP, ND */
		bool ecn = frame.ts && (bits & 16) != 0;
		assert_int_equal(s.flags, TH_SYN | TH_ACK | (ecn ? TH_ECE : 0));
		assert_int_equal(s.opt.has_ts, frame.ts);
		assert_int_equal(s.opt.has_wscale, frame.ts && frame.wscale);
		assert_int_equal(s.opt.sack_permitted, frame.ts && frame.sack);
		struct peer_frame ack = ack_of(&frame, &s);
		peer_send(&f.lab, &ack);
		struct conn *conn = conn_accept(f.listener);
		assert_non_null(conn);
		struct tcb *tcb = tcb_of(conn);
		assert_int_equal(tcb->peer_mss, kept[bits % 6]);
		assert_int_equal((tcb->flags & TCB_SACK) != 0, frame.ts && frame.sack);
		assert_int_equal((tcb->flags & TCB_TS) != 0, frame.ts);
		assert_int_equal((tcb->flags & TCB_WSCALE) != 0, frame.ts && frame.wscale);
		assert_int_equal(tcb->snd_scale, frame.ts && frame.wscale ? 14 : 0);
		assert_int_equal((tcb->flags & TCB_ECN) != 0, ecn);
		conn_abort(conn);
		close_all(&f);
	}
}

/* A timestamp of a cookie is never ahead of the clock: those that follow must not be smaller. */
static void cookie_timestamp_does_not_run_ahead(void **state)
{
	struct fixture f;
	struct peer_segment s;
	open_cookies(&f);
	struct peer_frame frame = syn(1, 1000);
	for (unsigned i = 0; i < 100; i++) {
		frame.port++;
		peer_send(&f.lab, &frame);
		peer_expect(&f.lab, TH_SYN | TH_ACK, &s);
		ip_addr_t local = lab_ip4(0), remote = peer_address(&frame);
		uint32_t offset = tcp_ts_offset(stack_of(&f), &local, &remote);
		uint32_t age = tcp_now_ms(stack_of(&f)) - (s.opt.ts_val - offset);
		assert_in_range(age, 0, 127);
		lab_advance(&f.lab, 10);
	}
	close_all(&f);
}

/* RFC 4987 3.6: a cookie is good for two to three periods of 64 s. */
static void cookie_gets_too_old(void **state)
{
	const unsigned waits[] = {1000, 64000, 127000, 193000};
	for (unsigned i = 0; i < 4; i++) {
		struct fixture f;
		struct peer_segment s;
		open_cookies(&f);
		struct peer_frame frame = syn(1, 1000), later = syn(2, 1000);
		frame.ts = false;
		peer_send(&f.lab, &frame);
		peer_expect(&f.lab, TH_SYN | TH_ACK, &s);
		struct peer_frame ack = ack_of(&frame, &s);
		lab_advance(&f.lab, waits[i]);
		lab_discard(&f.lab, 0);
		peer_send(&f.lab, &later); /* the listener is one that sends cookies */
		peer_expect(&f.lab, TH_SYN | TH_ACK, NULL);
		peer_send(&f.lab, &ack);
		assert_int_equal(listener_of(&f)->waiting, i < 3);
		if (i == 3)
			peer_expect(&f.lab, TH_RST, NULL);
		close_all(&f);
	}
}

/* A cookie is that of one connection: no other number, port or peer has it. */
static void cookie_of_another_connection_is_reset(void **state)
{
	struct fixture f;
	struct peer_segment s;
	open_cookies(&f);
	struct peer_frame frame = syn(1, 1000);
	frame.ts = false;
	peer_send(&f.lab, &frame);
	peer_expect(&f.lab, TH_SYN | TH_ACK, &s);
	for (unsigned i = 0; i < 4; i++) {
		struct peer_frame ack = ack_of(&frame, &s);
		ack.port += i == 0;
		ack.peer += i == 1;
		ack.seq += i == 2;
		ack.ack += i == 3 ? 100 : 0;
		peer_send(&f.lab, &ack);
		peer_expect(&f.lab, TH_RST, NULL);
	}
	assert_int_equal(listener_of(&f)->waiting, 0);
	struct peer_frame ack = ack_of(&frame, &s);
	ack.len = 10; /* the bare ACK was lost */
	peer_send(&f.lab, &ack);
	assert_int_equal(listener_of(&f)->waiting, 1);
	close_all(&f);
}

/* A flood of ACKs costs no memory; without cookies sent, not even a hash. */
static void flood_of_acks_takes_no_memory(void **state)
{
	struct fixture f;
	open_cookies(&f);
	struct peer_frame frame = syn(1, 1000);
	peer_send(&f.lab, &frame);
	peer_expect(&f.lab, TH_SYN | TH_ACK, NULL);
	lab_discard(&f.lab, 0);
	size_t used = stack_of(&f)->arena.used;
	for (uint32_t i = 0; i < 20000; i++) {
		struct peer_frame ack = {.peer = 1,
			.port = (uint16_t)i,
			.flags = TH_ACK,
			.seq = i * 7919,
			.ack = i * 104729};
		peer_send(&f.lab, &ack);
		lab_discard(&f.lab, 0);
	}
	assert_int_equal(stack_of(&f)->arena.used, used);
	assert_int_equal(listener_of(&f)->waiting, 0);
	close_all(&f);
}

static void no_cookies_where_they_are_not_wanted(void **state)
{
	struct fixture f;
	struct conn_options options = {.backlog = 2};
	open_with(&f, &options, STACK_SYN_COOKIES_NEVER);
	fill_with_half_open(&f, 2);
	lab_advance(&f.lab, 1000);
	lab_discard(&f.lab, 0);
	struct peer_frame frame = syn(2, 1000);
	peer_send(&f.lab, &frame);
	peer_expect_nothing(&f.lab);
	assert_int_equal(drops(&f, DROP_ACCEPT_QUEUE_FULL), 1);
	close_all(&f);
}

/* Listeners */

static void syn_goes_to_the_listener_that_fits_best(void **state)
{
	struct fixture f;
	struct conn *any4, *own;
	struct conn_options shared = {.backlog = 4, .reuse_port = true};
	open_with(&f, &shared, STACK_SYN_COOKIES_AUTO);
	ip_addr_t address = lab_ip4(0);
	assert_int_equal(conn_listen(stack_of(&f), IP4_ADDR_ANY, 80, &shared, &any4), 0);
	assert_int_equal(conn_listen(stack_of(&f), &address, 80, &shared, &own), 0);
	struct peer_frame frame = syn(1, 1000);
	handshake(&f, &frame);
	assert_int_equal(((struct tcp_listener *)own)->waiting, 1);
	conn_close(own);
	peer_expect(&f.lab, TH_RST | TH_ACK, NULL);
	frame.port++;
	handshake(&f, &frame);
	assert_int_equal(((struct tcp_listener *)any4)->waiting, 1);
	frame.port++;
	frame.ip6 = true;
	handshake(&f, &frame);
	assert_int_equal(listener_of(&f)->waiting, 1);
	conn_close(any4);
	close_all(&f);
}

static void listeners_of_one_address_share_if_all_say_so(void **state)
{
	struct fixture f;
	struct conn *second;
	struct conn_options shared = {.backlog = 200, .reuse_port = true}, alone = {.backlog = 4};
	open_with(&f, &shared, STACK_SYN_COOKIES_AUTO);
	assert_int_equal(conn_listen(stack_of(&f), IP_ANY_TYPE, 80, &alone, &second), -EADDRINUSE);
	assert_int_equal(conn_listen(stack_of(&f), IP_ANY_TYPE, 80, &shared, &second), 0);
	for (unsigned i = 0; i < 100; i++) {
		struct peer_frame frame = syn(1, (uint16_t)(1000 + i));
		handshake(&f, &frame);
	}
	unsigned waiting = listener_of(&f)->waiting;
	assert_in_range(waiting, 20, 80);
	assert_int_equal(((struct tcp_listener *)second)->waiting, 100 - waiting);
	conn_close(second);
	close_all(&f);
}

/* Fast Open */

static void open_fast(struct fixture *f)
{
	struct conn_options options = {.backlog = 8, .fast_open = true};
	open_with(f, &options, STACK_SYN_COOKIES_AUTO);
}

static struct peer_frame syn_with_cookie(struct fixture *f, unsigned peer, uint16_t port)
{
	struct peer_segment s;
	struct peer_frame frame = syn(peer, port);
	frame.fast_open = true;
	peer_send(&f->lab, &frame);
	peer_expect(&f->lab, TH_SYN | TH_ACK, &s);
	assert_int_equal(s.opt.fast_open_length, 8);
	struct peer_frame rst = {.peer = peer, .port = port, .flags = TH_RST, .seq = frame.seq + 1};
	peer_send(&f->lab, &rst);
	memcpy(frame.cookie, s.opt.fast_open, 8);
	frame.cookie_length = 8;
	frame.len = 100;
	return frame;
}

/* RFC 7413 4.2.2 */
static void right_cookie_delivers_the_data_of_the_syn(void **state)
{
	struct fixture f;
	struct peer_segment s;
	open_fast(&f);
	struct peer_frame frame = syn_with_cookie(&f, 1, 1000);
	peer_send(&f.lab, &frame);
	peer_expect(&f.lab, TH_SYN | TH_ACK, &s);
	assert_int_equal(s.ack, ISN + 101);
	struct conn *conn = conn_accept(f.listener);
	assert_non_null(conn);
	assert_int_equal(conn->rxq_len, 100);
	assert_int_equal(tcb_of(conn)->state, TCP_SYN_RCVD);
	/* The answer does not wait for the end of the handshake. */
	uint32_t iss = s.seq;
	conn_send(conn, lab_pbuf("answer", 6));
	peer_expect(&f.lab, TH_ACK | TH_PSH, &s);
	assert_int_equal(s.seq, iss + 1);
	assert_int_equal(s.len, 6);
	struct peer_frame ack = ack_of(&frame, &s);
	ack.seq = ISN + 101;
	ack.ack = iss + 7;
	peer_send(&f.lab, &ack);
	assert_int_equal(tcb_of(conn)->state, TCP_ESTABLISHED);
	assert_int_equal(conn->acked, 6);
	assert_int_equal(stack_of(&f)->tcp->fast_open_pending, 0);
	conn_abort(conn);
	close_all(&f);
}

/* RFC 7413 4.2.2: the SYN-ACK tells a new cookie, the data is for later. */
static void wrong_cookie_takes_the_usual_course(void **state)
{
	struct fixture f;
	struct peer_segment s;
	open_fast(&f);
	struct peer_frame frame = syn_with_cookie(&f, 1, 1000);
	frame.cookie[3] ^= 1;
	peer_send(&f.lab, &frame);
	peer_expect(&f.lab, TH_SYN | TH_ACK, &s);
	assert_int_equal(s.ack, ISN + 1);
	assert_int_equal(s.opt.fast_open_length, 8);
	assert_null(conn_accept(f.listener));
	frame.peer = 2; /* nor is a cookie another's */
	frame.cookie[3] ^= 1;
	peer_send(&f.lab, &frame);
	peer_expect(&f.lab, TH_SYN | TH_ACK, &s);
	assert_int_equal(s.ack, ISN + 1);
	close_all(&f);
}

/* RFC 7413 4.1.1: no answer to the option where Fast Open is off, which it is by default. */
static void fast_open_is_off_by_default(void **state)
{
	struct fixture f;
	struct peer_segment s;
	open_listener(&f, 4);
	struct peer_frame frame = syn(1, 1000);
	frame.fast_open = true;
	peer_send(&f.lab, &frame);
	peer_expect(&f.lab, TH_SYN | TH_ACK, &s);
	assert_false(s.opt.has_fast_open);
	close_all(&f);
}

/* RFC 7413 4.2.2: SYN-ACK sent again, the same SYN again, and the end. */
static void unconfirmed_fast_open_sends_its_syn_ack_again(void **state)
{
	struct fixture f;
	struct peer_segment s;
	open_fast(&f);
	struct peer_frame frame = syn_with_cookie(&f, 1, 1000);
	peer_send(&f.lab, &frame);
	peer_expect(&f.lab, TH_SYN | TH_ACK, NULL);
	lab_advance(&f.lab, 1000);
	peer_expect(&f.lab, TH_SYN | TH_ACK, &s);
	assert_int_equal(s.ack, ISN + 101);
	peer_send(&f.lab, &frame);
	peer_expect(&f.lab, TH_SYN | TH_ACK, &s);
	assert_int_equal(s.ack, ISN + 101);
	assert_int_equal(listener_of(&f)->waiting, 1);
	struct peer_frame rst = {.peer = 1, .port = 1000, .flags = TH_RST, .seq = ISN + 101};
	peer_send(&f.lab, &rst);
	assert_int_equal(listener_of(&f)->waiting, 0);
	assert_int_equal(stack_of(&f)->tcp->fast_open_pending, 0);
	close_all(&f);
}

/* RFC 7413 5.1: connections that exist on a cookie alone are limited. */
static void fast_open_beyond_the_limit_takes_the_usual_course(void **state)
{
	struct fixture f;
	struct peer_segment s;
	open_fast(&f);
	struct peer_frame frame = syn_with_cookie(&f, 1, 1000);
	stack_of(&f)->tcp->fast_open_pending = 256;
	peer_send(&f.lab, &frame);
	peer_expect(&f.lab, TH_SYN | TH_ACK, &s);
	assert_int_equal(s.ack, ISN + 1);
	stack_of(&f)->tcp->fast_open_pending = 0;
	close_all(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(syn_is_answered_with_the_options_it_has),
		cmocka_unit_test(half_open_connection_is_no_connection),
		cmocka_unit_test(ack_completes_the_handshake),
		cmocka_unit_test(data_with_the_ack_is_received),
		cmocka_unit_test(unanswered_syn_ack_is_sent_five_times_again_then_forgotten),
		cmocka_unit_test(ack_of_a_syn_ack_sent_again_starts_slowly),
		cmocka_unit_test(handshake_gives_a_round_trip_time),
		cmocka_unit_test(same_syn_is_answered_again),
		cmocka_unit_test(ecn_setup_syn_is_answered_with_ece_alone),
		cmocka_unit_test(only_the_exact_reset_ends_a_half_open_connection),
		cmocka_unit_test(wrong_ack_is_reset_and_the_entry_stays),
		cmocka_unit_test(segment_outside_of_the_window_is_acknowledged),
		cmocka_unit_test(ack_with_an_old_timestamp_is_not_taken),
		cmocka_unit_test(other_syn_in_the_window_returns_to_listen),
		cmocka_unit_test(segment_for_no_listener_is_reset_as_the_rfc_words_it),
		cmocka_unit_test(listener_resets_an_ack_and_ignores_the_rest),
		cmocka_unit_test(resets_in_a_second_are_limited),
		cmocka_unit_test(syn_beyond_the_backlog_without_cookies_is_dropped),
		cmocka_unit_test(fresh_backlog_is_answered_with_cookies),
		cmocka_unit_test(stale_backlog_is_answered_with_cookies),
		cmocka_unit_test(cookie_that_finds_the_accept_queue_full_is_not_forgotten),
		cmocka_unit_test(full_accept_queue_leaves_the_handshake_open),
		cmocka_unit_test(closed_listener_resets_half_open_connections),
		cmocka_unit_test(full_cache_is_answered_with_cookies),
		cmocka_unit_test(syn_is_dropped_while_memory_is_short),
		cmocka_unit_test(handshake_waits_for_memory_and_leaks_nothing),
		cmocka_unit_test(random_segments_leave_the_counts_right),
		cmocka_unit_test(cookie_keeps_what_was_negotiated),
		cmocka_unit_test(cookie_timestamp_does_not_run_ahead),
		cmocka_unit_test(cookie_gets_too_old),
		cmocka_unit_test(cookie_of_another_connection_is_reset),
		cmocka_unit_test(flood_of_acks_takes_no_memory),
		cmocka_unit_test(no_cookies_where_they_are_not_wanted),
		cmocka_unit_test(syn_goes_to_the_listener_that_fits_best),
		cmocka_unit_test(listeners_of_one_address_share_if_all_say_so),
		cmocka_unit_test(right_cookie_delivers_the_data_of_the_syn),
		cmocka_unit_test(wrong_cookie_takes_the_usual_course),
		cmocka_unit_test(fast_open_is_off_by_default),
		cmocka_unit_test(unconfirmed_fast_open_sends_its_syn_ack_again),
		cmocka_unit_test(fast_open_beyond_the_limit_takes_the_usual_course),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
