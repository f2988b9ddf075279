/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP connections between two stacks in one thread, joined by a cable. */
#include "tests/unit/stack/lab.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "stack/tcp/tcp_internal.h"

static void handshake_of_two_stacks_connects_both(void **state)
{
	struct lab lab;
	struct conn *client, *server;
	lab_open(&lab, 2, NULL);
	struct conn *listener = lab_listen(&lab, 1, 80);
	lab_connect(&lab, listener, &client, &server);
	ip_addr_t a = lab_ip4(0), b = lab_ip4(1);
	assert_true(ip_addr_eq(&client->local, &a) && ip_addr_eq(&client->remote, &b));
	assert_true(ip_addr_eq(&server->local, &b) && ip_addr_eq(&server->remote, &a));
	assert_int_equal(server->local_port, 80);
	assert_int_equal(server->remote_port, client->local_port);
	lab_close(&lab);
}

static void data_both_ways_arrives_equal(void **state)
{
	enum { SIZE = 1 << 20 };
	struct lab lab;
	struct conn *client, *server;
	uint8_t *sent = malloc(SIZE), *got = malloc(SIZE);
	lab_pattern(sent, SIZE, 7);
	lab_open(&lab, 2, NULL);
	lab_connect(&lab, lab_listen(&lab, 1, 80), &client, &server);
	lab_send(client, sent, SIZE);
	size_t length = 0;
	for (int i = 0; i < 400 && length < SIZE; i++) {
		lab_advance(&lab, 10);
		length += lab_receive(server, got + length, SIZE - length);
	}
	assert_int_equal(length, SIZE);
	assert_memory_equal(sent, got, SIZE);
	lab_advance(&lab, 1000);
	assert_int_equal(client->acked, SIZE);
	assert_int_equal(lab_live_pbufs, 0);
	lab_close(&lab);
	free(sent);
	free(got);
}

/* A lab with a connection in it. */
struct pair {
	struct lab lab;
	struct conn *listener, *client, *server;
};

static void pair_open(struct pair *pair)
{
	lab_open(&pair->lab, 2, NULL);
	pair->listener = lab_listen(&pair->lab, 1, 80);
	lab_connect(&pair->lab, pair->listener, &pair->client, &pair->server);
}

/* Everything is closed: nothing may be left of it once TIME_WAIT is over. */
static void pair_expect_nothing_left(struct pair *pair)
{
	conn_close(pair->listener);
	lab_advance(&pair->lab, 130000);
	for (unsigned i = 0; i < 2; i++) {
		struct stack_memory memory;
		struct stack_counters counters;
		stack_memory(pair->lab.node[i].stack, &memory);
		stack_get_counters(pair->lab.node[i].stack, &counters);
		assert_int_equal(counters.conns, 0);
		assert_int_equal(memory.used, pair->lab.node[i].used_at_start);
		assert_false(port_in_use(pair->lab.node[i].stack, 6, 80));
	}
	assert_int_equal(lab_live_pbufs, 0);
	lab_close(&pair->lab);
}

static uint64_t drops(const struct lab *lab, unsigned node, enum drop_reason reason)
{
	return stack_drops(lab->node[node].stack)->count[reason];
}

static void client_closes_first_both_end_clean(void **state)
{
	struct pair p;
	uint8_t bytes[8];
	pair_open(&p);
	lab_send(p.client, "hello", 5);
	conn_close(p.client);
	lab_pump(&p.lab);
	assert_int_equal(lab_receive(p.server, bytes, sizeof(bytes)), 5);
	assert_memory_equal(bytes, "hello", 5);
	assert_true(p.server->ready.events & CONN_EV_FIN);
	assert_false(p.server->ready.events & CONN_EV_ERROR);
	conn_shutdown(p.server);
	lab_pump(&p.lab);
	assert_true(p.server->ready.events & CONN_EV_SENT);
	assert_true(p.server->ready.events & CONN_EV_FIN_ACKED);
	assert_int_equal(p.server->ready.error, 0);
	conn_close(p.server);
	pair_expect_nothing_left(&p);
}

static void server_shuts_down_first_client_answers_half_open(void **state)
{
	struct pair p;
	uint8_t bytes[16];
	pair_open(&p);
	lab_send(p.server, "ask", 3);
	conn_shutdown(p.server);
	lab_pump(&p.lab);
	assert_true(p.server->ready.events & CONN_EV_SENT);
	assert_true(p.server->ready.events & CONN_EV_FIN_ACKED);
	assert_true(p.client->ready.events & CONN_EV_FIN);
	assert_int_equal(lab_receive(p.client, bytes, sizeof(bytes)), 3);
	lab_send(p.client, "answer", 6);
	conn_shutdown(p.client);
	lab_pump(&p.lab);
	assert_int_equal(lab_receive(p.server, bytes, sizeof(bytes)), 6);
	assert_true(p.server->ready.events & CONN_EV_FIN);
	assert_true(p.client->ready.events & CONN_EV_FIN_ACKED);
	conn_close(p.server);
	conn_close(p.client);
	pair_expect_nothing_left(&p);
}

static void both_close_at_once_both_end_clean(void **state)
{
	struct pair p;
	pair_open(&p);
	conn_shutdown(p.client);
	conn_shutdown(p.server);
	lab_pump(&p.lab);
	assert_true(p.client->ready.events & CONN_EV_FIN_ACKED);
	assert_true(p.server->ready.events & CONN_EV_FIN_ACKED);
	assert_int_equal(p.client->ready.error | p.server->ready.error, 0);
	conn_close(p.client);
	conn_close(p.server);
	pair_expect_nothing_left(&p);
}

static void close_with_unread_bytes_still_delivers_what_was_queued(void **state)
{
	struct pair p;
	uint8_t bytes[64];
	struct stack_counters counters;
	pair_open(&p);
	lab_send(p.client, "never read", 10);
	lab_pump(&p.lab);
	assert_int_equal(p.server->rxq_len, 10);
	lab_send(p.server, "answer", 6);
	conn_close(p.server);
	lab_pump(&p.lab);
	assert_int_equal(lab_receive(p.client, bytes, sizeof(bytes)), 6);
	assert_true(p.client->ready.events & CONN_EV_FIN);
	assert_int_equal(p.client->ready.error, 0);
	lab_send(p.client, "discarded", 9);
	lab_pump(&p.lab);
	assert_int_equal(drops(&p.lab, 1, DROP_CONN_CLOSED), 1);
	stack_get_counters(p.lab.node[1].stack, &counters);
	assert_int_equal(counters.tcp_resets_sent, 0);
	conn_close(p.client);
	pair_expect_nothing_left(&p);
}

static void abort_resets_peer_that_keeps_what_came(void **state)
{
	struct pair p;
	uint8_t bytes[8];
	pair_open(&p);
	lab_send(p.client, "data", 4);
	lab_pump(&p.lab);
	conn_abort(p.client);
	lab_pump(&p.lab);
	assert_true(p.server->ready.events & CONN_EV_ERROR);
	assert_int_equal(p.server->ready.error, -ECONNRESET);
	assert_int_equal(lab_receive(p.server, bytes, sizeof(bytes)), 4);
	lab_send(p.server, "late", 4); /* taken and freed */
	conn_shutdown(p.server);
	conn_close(p.server);
	pair_expect_nothing_left(&p);
}

static int connect_to(struct lab *lab, const ip_addr_t *to, uint16_t port, struct conn **conn)
{
	struct conn_options options = {0};
	return conn_connect(lab->node[0].stack, IP_ANY_TYPE, 0, to, port, &options, conn);
}

static void connect_to_closed_port_is_refused(void **state)
{
	struct lab lab;
	struct conn *client;
	ip_addr_t to = lab_ip4(1);
	lab_open(&lab, 2, NULL);
	assert_int_equal(connect_to(&lab, &to, 81, &client), 0);
	lab_pump(&lab);
	assert_true(client->ready.events & CONN_EV_ERROR);
	assert_int_equal(client->ready.error, -ECONNREFUSED);
	assert_ptr_equal(stack_next_ready(lab.node[0].stack), &client->ready);
	conn_close(client);
	lab_close(&lab);
}

static void connect_without_answer_times_out(void **state)
{
	struct lab lab;
	struct conn *client;
	ip_addr_t to = IPADDR4_INIT_BYTES(10, 0, 0, 77);
	lab_open(&lab, 2, NULL);
	assert_int_equal(connect_to(&lab, &to, 80, &client), 0);
	lab_advance(&lab, 60000);
	assert_true(client->ready.events & CONN_EV_ERROR);
	assert_int_equal(client->ready.error, -ETIMEDOUT);
	conn_close(client);
	lab_close(&lab);
}

/* RFC 9293 3.9.2.3 MUST-46: no broadcast, no group. RFC 9293 3.9.1.1 MUST-43: a local address. */
static void connect_to_impossible_peers_says_why(void **state)
{
	struct lab lab;
	struct conn *client;
	struct conn_options options = {0};
	lab_open(&lab, 2, NULL);
	struct stack *st = lab.node[0].stack;
	ip_addr_t own = lab_ip4(0), peer = lab_ip4(1), peer6 = lab_ip6(1);
	ip_addr_t far = IPADDR4_INIT_BYTES(192, 0, 2, 1),
		  broadcast = IPADDR4_INIT_BYTES(10, 0, 0, 255);
	ip_addr_t group = IPADDR4_INIT_BYTES(224, 0, 0, 5), other = IPADDR4_INIT_BYTES(10, 0, 0, 9);
	ip_addr_t far6 = IPADDR6_INIT_HOST(0x20010db8, 0, 0, 1);
	assert_int_equal(connect_to(&lab, &far, 80, &client), -ENETUNREACH);
	assert_int_equal(connect_to(&lab, &far6, 80, &client), -ENETUNREACH);
	assert_int_equal(connect_to(&lab, &own, 80, &client), -EINVAL);
	assert_int_equal(connect_to(&lab, &broadcast, 80, &client), -EINVAL);
	assert_int_equal(connect_to(&lab, &group, 80, &client), -EINVAL);
	assert_int_equal(connect_to(&lab, &peer, 0, &client), -EINVAL);
	assert_int_equal(conn_connect(st, &own, 0, &peer6, 80, &options, &client), -EINVAL);
	assert_int_equal(conn_connect(st, &other, 0, &peer, 80, &options, &client), -EADDRNOTAVAIL);
	nif_set_link(lab.node[0].nif, false);
	assert_int_equal(connect_to(&lab, &peer, 80, &client), -ENETUNREACH);
	lab_close(&lab);
}

static void connect_over_ipv6_works(void **state)
{
	struct pair p;
	ip_addr_t to = lab_ip6(1), from = lab_ip6(0);
	uint8_t bytes[8];
	lab_open(&p.lab, 2, NULL);
	p.listener = lab_listen(&p.lab, 1, 80);
	assert_int_equal(connect_to(&p.lab, &to, 80, &p.client), 0);
	lab_pump(&p.lab);
	p.server = conn_accept(p.listener);
	assert_non_null(p.server);
	assert_true(ip_addr_eq(&p.server->remote, &from));
	lab_send(p.client, "six", 3);
	lab_pump(&p.lab);
	assert_int_equal(lab_receive(p.server, bytes, sizeof(bytes)), 3);
	conn_close(p.client);
	conn_close(p.server);
	pair_expect_nothing_left(&p);
}

static void listener_with_full_backlog_drops_syn_and_recovers(void **state)
{
	struct lab lab;
	struct conn *listener, *client[3];
	struct conn_options options = {.backlog = 2};
	ip_addr_t to = lab_ip4(1);
	lab_open(&lab, 2, NULL);
	assert_int_equal(conn_listen(lab.node[1].stack, IP_ANY_TYPE, 80, &options, &listener), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(connect_to(&lab, &to, 80, &client[i]), 0);
	lab_pump(&lab);
	assert_int_equal(drops(&lab, 1, DROP_ACCEPT_QUEUE_FULL), 1);
	assert_true(listener->ready.events & CONN_EV_ACCEPTABLE);
	struct conn *first = conn_accept(listener);
	assert_non_null(first);
	assert_ptr_equal(first->ready.user, NULL);
	lab_advance(&lab, 3000); /* the SYN comes again */
	assert_non_null(conn_accept(listener));
	assert_non_null(conn_accept(listener));
	assert_null(conn_accept(listener));
	for (int i = 0; i < 3; i++)
		assert_true(client[i]->ready.events & CONN_EV_CONNECTED);
	lab_close(&lab);
}

static void connection_reset_before_accept_is_skipped(void **state)
{
	struct lab lab;
	struct conn *client[2];
	struct stack_counters counters;
	ip_addr_t to = lab_ip4(1);
	lab_open(&lab, 2, NULL);
	struct conn *listener = lab_listen(&lab, 1, 80);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(connect_to(&lab, &to, 80, &client[i]), 0);
		lab_pump(&lab);
	}
	conn_abort(client[0]);
	lab_pump(&lab);
	struct conn *server = conn_accept(listener);
	assert_non_null(server);
	assert_int_equal(server->remote_port, client[1]->local_port);
	assert_null(conn_accept(listener));
	stack_get_counters(lab.node[1].stack, &counters);
	assert_int_equal(counters.tcp_died_unaccepted, 1);
	lab_close(&lab);
}

static void data_before_accept_is_told_after_it(void **state)
{
	struct lab lab;
	struct conn *client;
	uint8_t bytes[8];
	ip_addr_t to = lab_ip4(1);
	lab_open(&lab, 2, NULL);
	struct conn *listener = lab_listen(&lab, 1, 80);
	assert_int_equal(connect_to(&lab, &to, 80, &client), 0);
	lab_pump(&lab);
	lab_send(client, "early", 5);
	lab_pump(&lab);
	assert_ptr_equal(stack_next_ready(lab.node[1].stack), &listener->ready);
	assert_null(stack_next_ready(lab.node[1].stack));
	struct conn *server = conn_accept(listener);
	assert_ptr_equal(stack_next_ready(lab.node[1].stack), &server->ready);
	assert_int_equal(server->ready.events, CONN_EV_READABLE);
	assert_int_equal(lab_receive(server, bytes, sizeof(bytes)), 5);
	lab_close(&lab);
}

static void listener_close_resets_those_not_accepted(void **state)
{
	struct pair p;
	struct conn *waiting;
	ip_addr_t to = lab_ip4(1);
	pair_open(&p);
	assert_int_equal(connect_to(&p.lab, &to, 80, &waiting), 0);
	lab_pump(&p.lab);
	conn_close(p.listener);
	lab_pump(&p.lab);
	assert_int_equal(waiting->ready.error, -ECONNRESET);
	assert_int_equal(p.client->ready.error, 0);
	conn_close(waiting);
	lab_send(p.client, "on", 2); /* accepted before: goes on, and keeps its port */
	lab_pump(&p.lab);
	assert_int_equal(p.server->rxq_len, 2);
	assert_true(port_in_use(p.lab.node[1].stack, 6, 80));
	conn_close(p.client);
	conn_close(p.server);
	p.listener = lab_listen(&p.lab, 1, 8080);
	pair_expect_nothing_left(&p);
}

static void reader_that_stops_closes_window_and_reopens_it(void **state)
{
	enum { SIZE = 3 << 20 };
	struct pair p;
	uint8_t *sent = malloc(SIZE), *got = malloc(SIZE);
	size_t length = 0;
	lab_pattern(sent, SIZE, 3);
	pair_open(&p);
	lab_send(p.client, sent, SIZE);
	lab_advance(&p.lab, 20000);
	assert_in_range(p.server->rxq_len, 900000, 1 << 20);
	while (length < SIZE) {
		size_t before = length;
		length += lab_receive(p.server, got + length, SIZE - length);
		for (int i = 0; i < 3000 && p.server->rxq_len == 0 && length < SIZE; i++)
			lab_advance(&p.lab, 10);
		assert_true(length > before || p.server->rxq_len > 0);
	}
	assert_memory_equal(sent, got, SIZE);
	conn_close(p.client);
	conn_close(p.server);
	pair_expect_nothing_left(&p);
	free(sent);
	free(got);
}

static void receive_window_option_bounds_what_waits(void **state)
{
	struct pair p;
	struct conn_options options = {.backlog = 4, .receive_window = 1}, effective;
	static uint8_t sent[200000], got[200000];
	ip_addr_t to = lab_ip4(1);
	lab_open(&p.lab, 2, NULL);
	assert_int_equal(
		conn_listen(p.lab.node[1].stack, IP_ANY_TYPE, 80, &options, &p.listener), 0);
	assert_int_equal(connect_to(&p.lab, &to, 80, &p.client), 0);
	lab_pump(&p.lab);
	p.server = conn_accept(p.listener);
	conn_get_options(p.server, &effective);
	assert_int_equal(effective.receive_window, 8 * 1460);
	lab_send(p.client, sent, sizeof(sent));
	lab_advance(&p.lab, 10000);
	assert_in_range(p.server->rxq_len, 8000, 8 * 1460);
	size_t length = 0;
	for (int i = 0; i < 100 && length < sizeof(sent); i++) { /* reopens at once each time */
		length += lab_receive(p.server, got, sizeof(got));
		lab_advance(&p.lab, 10);
	}
	assert_int_equal(length, sizeof(sent));
	conn_close(p.client);
	conn_close(p.server);
	pair_expect_nothing_left(&p);
}

static bool lose_some(struct lab *lab, unsigned from, const struct lab_frame *frame)
{
	static unsigned count = 0;
	return ++count % 37 == 0;
}

static void data_over_a_lossy_cable_arrives_equal(void **state)
{
	enum { SIZE = 400000 };
	struct pair p;
	uint8_t *sent = malloc(SIZE), *got = malloc(SIZE);
	size_t length = 0;
	struct stack_counters counters;
	lab_pattern(sent, SIZE, 11);
	pair_open(&p);
	p.lab.lose = lose_some;
	lab_send(p.client, sent, SIZE);
	conn_shutdown(p.client);
	for (int i = 0; i < 30000 && (length < SIZE || !(p.server->ready.events & CONN_EV_FIN));
		i++) {
		lab_advance(&p.lab, 10);
		length += lab_receive(p.server, got + length, SIZE - length);
	}
	assert_int_equal(length, SIZE);
	assert_memory_equal(sent, got, SIZE);
	stack_get_counters(p.lab.node[0].stack, &counters);
	assert_true(counters.tcp_retransmits > 0);
	conn_close(p.client);
	conn_close(p.server);
	pair_expect_nothing_left(&p);
	free(sent);
	free(got);
}

static void device_without_room_delays_and_loses_nothing(void **state)
{
	static uint8_t sent[60000], got[60000];
	struct stack_counters counters;
	struct pair p;
	size_t length = 0;
	lab_pattern(sent, sizeof(sent), 5);
	pair_open(&p);
	p.lab.node[0].refuse = DROP_TX_QUEUE_FULL;
	lab_send(p.client, sent, sizeof(sent));
	lab_pump(&p.lab);
	stack_get_counters(p.lab.node[0].stack, &counters);
	assert_true(p.lab.node[0].refused > 0);
	assert_int_equal(counters.tx_busy, p.lab.node[0].refused);
	assert_int_equal(stack_drops(p.lab.node[0].stack)->count[DROP_TX_QUEUE_FULL], 0);
	p.lab.node[0].refuse = DROP_NONE;
	for (int i = 0; i < 3 && length < sizeof(sent); i++) { /* no retransmission timer needed */
		lab_pump(&p.lab);
		length += lab_receive(p.server, got + length, sizeof(got) - length);
	}
	assert_int_equal(length, sizeof(sent));
	assert_memory_equal(sent, got, sizeof(sent));
	conn_close(p.client);
	conn_close(p.server);
	pair_expect_nothing_left(&p);
}

static bool lose_all(struct lab *lab, unsigned from, const struct lab_frame *frame)
{
	return true;
}

static void closed_connection_whose_peer_vanished_ends_by_the_orphan_timer(void **state)
{
	struct pair p;
	pair_open(&p);
	conn_shutdown(p.client);
	lab_pump(&p.lab);
	conn_close(p.client); /* FIN_WAIT_2: lwIP alone would keep it for ever */
	lab_advance(&p.lab, 59000);
	struct stack_counters counters;
	stack_get_counters(p.lab.node[0].stack, &counters);
	assert_int_equal(counters.conns, 1);
	assert_int_equal(p.server->ready.error, 0);
	lab_advance(&p.lab, 2000);
	stack_get_counters(p.lab.node[0].stack, &counters);
	assert_int_equal(counters.conns, 0);
	assert_int_equal(p.server->ready.error, -ECONNRESET);
	conn_close(p.server);
	pair_expect_nothing_left(&p);
}

static void established_peer_that_vanishes_times_out(void **state)
{
	struct pair p;
	pair_open(&p);
	p.lab.lose = lose_all;
	lab_send(p.client, "anybody?", 8);
	for (int i = 0; i < 100 && !(p.client->ready.events & CONN_EV_ERROR); i++)
		lab_advance(&p.lab, 10000);
	assert_int_equal(p.client->ready.error, -ETIMEDOUT);
	assert_int_equal(lab_live_pbufs, 0);
	conn_close(p.client);
	conn_abort(p.server);
	p.lab.lose = NULL;
	pair_expect_nothing_left(&p);
}

static void keep_alive_finds_a_dead_peer(void **state)
{
	struct pair p;
	struct conn_options options;
	pair_open(&p);
	conn_get_options(p.client, &options);
	assert_int_equal(options.keep_idle_ms, 7200000);
	options.keep_alive = true;
	options.keep_idle_ms = 2000;
	options.keep_interval_ms = 1000;
	options.keep_count = 3;
	assert_int_equal(conn_set_options(p.client, &options), 0);
	lab_advance(&p.lab, 20000);
	assert_int_equal(p.client->ready.error, 0);
	p.lab.lose = lose_all;
	lab_advance(&p.lab, 8000);
	assert_int_equal(p.client->ready.error, -ETIMEDOUT);
	conn_close(p.client);
	conn_abort(p.server);
	p.lab.lose = NULL;
	pair_expect_nothing_left(&p);
}

/* The one under way, too, and neither more nor less than it is then. */
static void user_timeout_of_a_live_connection_changes(uint32_t timeout_ms, uint32_t alive_ms)
{
	struct pair p;
	struct conn_options options;
	pair_open(&p);
	conn_get_options(p.client, &options);
	options.user_timeout_ms = 5000;
	assert_int_equal(conn_set_options(p.client, &options), 0);
	p.lab.lose = lose_all;
	lab_send(p.client, "anybody?", 8);
	lab_advance(&p.lab, 3000);
	options.user_timeout_ms = timeout_ms;
	assert_int_equal(conn_set_options(p.client, &options), 0);
	lab_advance(&p.lab, alive_ms - 3000);
	assert_int_equal(p.client->ready.error, 0);
	if (timeout_ms != 0) {
		lab_advance(&p.lab, 2000);
		assert_int_equal(p.client->ready.error, -ETIMEDOUT);
	}
	conn_abort(p.client);
	conn_abort(p.server);
	p.lab.lose = NULL;
	pair_expect_nothing_left(&p);
}

static void user_timeout_of_a_live_connection_is_lengthened(void **state)
{
	user_timeout_of_a_live_connection_changes(20000, 19000);
}

static void user_timeout_of_a_live_connection_is_shortened(void **state)
{
	user_timeout_of_a_live_connection_changes(4000, 3500);
}

static void user_timeout_of_a_live_connection_is_taken_away(void **state)
{
	user_timeout_of_a_live_connection_changes(0, 60000);
}

static void options_are_inherited_and_read_back(void **state)
{
	struct pair p;
	struct conn_options options = {.tos = 0x2e << 2,
		.ttl = 9,
		.no_delay = true,
		.backlog = 3,
		.keep_alive = true,
		.keep_count = 4};
	struct conn_options effective;
	ip_addr_t to = lab_ip4(1);
	lab_open(&p.lab, 2, NULL);
	assert_int_equal(
		conn_listen(p.lab.node[1].stack, IP_ANY_TYPE, 80, &options, &p.listener), 0);
	assert_int_equal(connect_to(&p.lab, &to, 80, &p.client), 0);
	lab_pump(&p.lab);
	p.server = conn_accept(p.listener);
	conn_get_options(p.server, &effective);
	assert_int_equal(effective.tos, 0x2e << 2);
	assert_int_equal(effective.ttl, 9);
	assert_true(effective.no_delay && effective.keep_alive);
	assert_int_equal(effective.keep_count, 4);
	effective.reuse_port = true;
	assert_int_equal(conn_set_options(p.server, &effective), -ENOPROTOOPT);
	conn_send(p.server, lab_pbuf("x", 1));
	stack_flush_output(p.lab.node[1].stack);
	struct lab_frame *frame = lab_take(&p.lab, 1);
	assert_non_null(frame);
	assert_int_equal(frame->bytes[15], 0x2e << 2);
	assert_int_equal(frame->bytes[22], 9);
	free(frame);
	conn_abort(p.server);
	conn_abort(p.client);
	pair_expect_nothing_left(&p);
}

static uint32_t sequence_of(const struct lab_frame *frame)
{
	const uint8_t *tcp = frame->bytes + 14 + 20;
	return (uint32_t)tcp[4] << 24 | (uint32_t)tcp[5] << 16 | (uint32_t)tcp[6] << 8 | tcp[7];
}

static uint32_t syn_sequence(struct lab *lab, const ip_addr_t *to, uint16_t port)
{
	struct conn *client;
	struct conn_options options = {.reuse_address = true};
	assert_int_equal(
		conn_connect(lab->node[0].stack, IP_ANY_TYPE, 50000, to, port, &options, &client),
		0);
	struct lab_frame *frame = lab_take(lab, 0);
	assert_non_null(frame);
	uint32_t sequence = sequence_of(frame);
	free(frame);
	conn_abort(client);
	return sequence;
}

static void initial_sequence_numbers_follow_rfc_6528(void **state)
{
	struct lab lab;
	ip_addr_t to = lab_ip4(1);
	struct conn *client, *server;
	lab_open(&lab, 2, NULL);
	lab_connect(&lab, lab_listen(&lab, 1, 80), &client, &server); /* ARP is known now */
	uint32_t first = syn_sequence(&lab, &to, 80), again = syn_sequence(&lab, &to, 80);
	uint32_t other = syn_sequence(&lab, &to, 81);
	assert_int_equal(first, again); /* time stands still */
	assert_int_not_equal(first, other);
	lab_advance(&lab, 10);
	uint32_t later = syn_sequence(&lab, &to, 80);
	assert_in_range(later - first, 10000000 / 4096 - 1, 10000000 / 4096 + 1);
	lab_close(&lab);
}

/* Steering: counts the claims on each port. */
struct claims {
	int held[65536];
	uint16_t refused;
	unsigned shared, calls;
};

static int claim(void *steering, uint8_t proto, uint16_t port, bool shared)
{
	struct claims *claims = steering;
	claims->calls++;
	if (port == claims->refused || port % 3 == 0)
		return -EADDRINUSE;
	claims->shared += shared;
	claims->held[port]++;
	return 0;
}

static void release(void *steering, uint8_t proto, uint16_t port)
{
	struct claims *claims = steering;
	claims->held[port]--;
}

static void ports_are_claimed_once_and_given_back(void **state)
{
	static struct claims claims[2];
	struct lab_config config[2] = {
		{.claim_port = claim, .release_port = release, .steering = &claims[0]},
		{.claim_port = claim, .release_port = release, .steering = &claims[1]},
	};
	struct pair p;
	struct conn *second;
	struct conn_options shared = {.reuse_port = true, .backlog = 1};
	memset(claims, 0, sizeof(claims));
	claims[1].refused = 83;
	lab_open(&p.lab, 2, config);
	p.listener = lab_listen(&p.lab, 1, 80);
	lab_connect(&p.lab, p.listener, &p.client, &p.server);
	assert_int_equal(claims[1].held[80], 1);
	assert_int_equal(claims[0].held[p.client->local_port], 1);
	assert_in_range(p.client->local_port, 49152, 65535);
	struct stack *st = p.lab.node[1].stack;
	assert_int_equal(conn_listen(st, IP_ANY_TYPE, 83, &shared, &second), -EADDRINUSE);
	assert_int_equal(conn_listen(st, IP_ANY_TYPE, 80, &shared, &second), -EADDRINUSE);
	assert_int_equal(claims[1].held[80], 1);
	assert_int_equal(conn_listen(st, IP_ANY_TYPE, 82, &shared, &second), 0);
	assert_int_equal(claims[1].shared, 1);
	conn_close(second);
	assert_int_equal(claims[1].held[82], 0);
	uint16_t port = p.client->local_port;
	conn_close(p.listener);
	conn_close(p.client);
	conn_close(p.server);
	lab_pump(&p.lab);
	assert_int_equal(claims[0].held[port], 1); /* TIME_WAIT */
	p.listener = lab_listen(&p.lab, 1, 85);
	pair_expect_nothing_left(&p);
	for (unsigned i = 0; i < 65536; i++)
		assert_int_equal(claims[0].held[i] | claims[1].held[i], 0);
}

/* RFC 6056 3.3: each peer sees a sequence of its own, from a start that nobody can foretell. */
static void ephemeral_ports_differ_and_spread(void **state)
{
	struct lab lab;
	struct conn *client[100];
	ip_addr_t to = lab_ip4(1);
	lab_open(&lab, 2, NULL);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(connect_to(&lab, &to, (uint16_t)(80 + i % 2), &client[i]), 0);
		assert_in_range(client[i]->local_port, 49152, 65535);
		for (int j = 0; j < i; j++)
			assert_int_not_equal(client[i]->local_port, client[j]->local_port);
	}
	/* RFC 6056 3.3.3: another destination port starts elsewhere. */
	assert_true(abs(client[0]->local_port - client[1]->local_port) > 2);
	for (int i = 0; i < 100; i++)
		conn_abort(client[i]);
	lab_close(&lab);
}

static void server_in_time_wait_takes_a_new_syn_from_the_same_port(void **state)
{
	struct pair p;
	struct conn_options options = {.reuse_address = true};
	ip_addr_t to = lab_ip4(1);
	lab_open(&p.lab, 2, NULL);
	p.listener = lab_listen(&p.lab, 1, 80);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(conn_connect(p.lab.node[0].stack, IP_ANY_TYPE, 40000, &to, 80,
					 &options, &p.client),
			0);
		lab_pump(&p.lab);
		assert_int_equal(p.client->ready.events & (CONN_EV_CONNECTED | CONN_EV_ERROR),
			CONN_EV_CONNECTED);
		p.server = conn_accept(p.listener);
		assert_non_null(p.server);
		conn_close(p.server); /* first: TIME_WAIT is there */
		lab_pump(&p.lab);
		conn_close(p.client);
		lab_advance(&p.lab, 100);
	}
	pair_expect_nothing_left(&p);
}

static void thousands_of_short_connections_stay_bounded(void **state)
{
	struct pair p;
	struct stack_counters counters;
	lab_open(&p.lab, 2, NULL);
	p.listener = lab_listen(&p.lab, 1, 80);
	for (int i = 0; i < 5000; i++) {
		lab_connect(&p.lab, p.listener, &p.client, &p.server);
		conn_close(p.client);
		conn_close(p.server);
		lab_pump(&p.lab);
		if (i % 100 == 0)
			lab_advance(&p.lab, 110);
	}
	stack_get_counters(p.lab.node[0].stack, &counters);
	assert_in_range(counters.conns, 1, 1024 + 100);
	assert_int_equal(counters.tcp_connected, 5000);
	pair_expect_nothing_left(&p);
}

/* Takes all of a stack's memory. */
struct hog {
	struct hog *next;
};

static struct hog *exhaust(struct stack *st)
{
	struct hog *hogs = NULL, *hog;
	for (size_t size = 1 << 20; size >= sizeof(*hog); size /= 2)
		while ((hog = arena_alloc(&st->arena, size)) != NULL) {
			hog->next = hogs;
			hogs = hog;
		}
	return hogs;
}

static void relieve(struct stack *st, struct hog *hogs)
{
	while (hogs != NULL) {
		struct hog *hog = hogs;
		hogs = hog->next;
		arena_free(&st->arena, hog);
	}
}

/* RFC 6928 2: ten segments at first; the peer's window bounds it too, and short memory. */
static void send_buffer_is_twice_a_flight(void **state)
{
	struct pair p;
	static uint8_t bytes[400000], got[sizeof(bytes)];
	pair_open(&p);
	lab_send(p.client, bytes, 1); /* the server's window comes with the first ACK */
	lab_advance(&p.lab, 100);
	uint32_t first = conn_send_buffer(p.client);
	assert_in_range(first, 2 * 10 * 1448, 2 * 11 * 1448);
	lab_send(p.client, bytes, sizeof(bytes));
	for (int i = 0; i < 100; i++) {
		lab_advance(&p.lab, 10);
		lab_receive(p.server, got, sizeof(got));
	}
	assert_true(conn_send_buffer(p.client) > 4 * first);
	assert_true(conn_send_buffer(p.client) <= 2 * 1024 * 1024);
	struct stack *st = p.lab.node[0].stack;
	struct hog *hogs = exhaust(st);
	assert_int_equal(conn_send_buffer(p.client), 0);
	relieve(st, hogs);
	conn_close(p.client);
	conn_close(p.server);
	pair_expect_nothing_left(&p);
}

static void exhausted_memory_refuses_and_recovers(void **state)
{
	struct pair p;
	struct conn *conn;
	struct conn_options options = {.backlog = 1};
	ip_addr_t to = lab_ip4(1);
	uint8_t bytes[16];
	pair_open(&p);
	struct stack *st[2] = {p.lab.node[0].stack, p.lab.node[1].stack};
	struct hog *hogs[2] = {exhaust(st[0]), exhaust(st[1])};
	assert_int_equal(connect_to(&p.lab, &to, 80, &conn), -ENOBUFS);
	assert_int_equal(conn_listen(st[1], IP_ANY_TYPE, 90, &options, &conn), -ENOBUFS);
	assert_int_equal(conn_listen(st[1], IP_ANY_TYPE, 0, &options, &conn), -ENOBUFS);
	lab_send(p.client, "waits", 5);
	conn_shutdown(p.client);
	lab_advance(&p.lab, 3000);
	assert_int_equal(p.server->rxq_len, 0);
	relieve(st[0], hogs[0]);
	assert_int_equal(connect_to(&p.lab, &to, 80, &conn), 0);
	lab_advance(&p.lab, 1000);
	assert_int_equal(conn->ready.events, 0); /* the server has no memory for a SYN */
	assert_true(drops(&p.lab, 1, DROP_SYN_NO_MEMORY) > 0);
	assert_int_equal(lab_receive(p.server, bytes, sizeof(bytes)), 5);
	relieve(st[1], hogs[1]);
	lab_advance(&p.lab, 3000);
	assert_true(conn->ready.events & CONN_EV_CONNECTED);
	assert_true(p.server->ready.events & CONN_EV_FIN);
	conn_close(conn);
	conn_close(p.client);
	conn_close(p.server);
	conn_close(conn_accept(p.listener));
	pair_expect_nothing_left(&p);
}

/* Memory that fails in the middle of everything: each allocation in turn. */
static void memory_that_fails_anywhere_leaks_nothing(void **state)
{
	for (size_t left = 0; left < 6000; left += 96) {
		struct lab lab;
		struct conn *client = NULL, *server = NULL;
		ip_addr_t to = lab_ip4(1);
		lab_open(&lab, 2, NULL);
		struct conn *listener = lab_listen(&lab, 1, 80);
		for (unsigned i = 0; i < 2; i++) {
			struct stack *st = lab.node[i].stack;
			void *room = arena_alloc(&st->arena, left);
			exhaust(st);
			arena_free(&st->arena, room);
		}
		if (connect_to(&lab, &to, 80, &client) == 0) {
			lab_send(client, "0123456789", 10);
			conn_shutdown(client);
			lab_advance(&lab, 1500);
			server = conn_accept(listener);
		}
		if (server != NULL) {
			lab_send(server, "0123456789", 10);
			conn_close(server);
			lab_advance(&lab, 1500);
		}
		lab_close(&lab);
	}
}

static void stack_free_gives_back_everything_in_flight(void **state)
{
	static uint8_t bytes[100000];
	struct pair p;
	struct conn *waiting, *connecting;
	ip_addr_t to = lab_ip4(1), nobody = IPADDR4_INIT_BYTES(10, 0, 0, 88);
	pair_open(&p);
	assert_int_equal(connect_to(&p.lab, &to, 80, &waiting), 0);
	lab_pump(&p.lab);
	assert_int_equal(connect_to(&p.lab, &nobody, 80, &connecting), 0);
	lab_send(p.client, bytes, sizeof(bytes));
	lab_send(p.server, bytes, 500);
	lab_pump(&p.lab);
	lab_send(p.client, bytes, sizeof(bytes));
	stack_flush_output(p.lab.node[0].stack);
	lab_close(&p.lab); /* asserts */
}

/* Whether they wait in lists or are in the flow table alone, which shrinks meanwhile. */
static void stack_free_finds_every_connection(void **state)
{
	struct pair p;
	pair_open(&p);
	for (unsigned i = 0; i < 2000; i++) {
		struct conn *conn;
		ip_addr_t nobody = lab_ip4(100 + i % 100);
		assert_int_equal(connect_to(&p.lab, &nobody, (uint16_t)(1 + i), &conn), 0);
		lab_send(conn, "0123456789", 10);
		if (i % 1000 == 0)
			lab_pump(&p.lab);
	}
	lab_close(&p.lab); /* asserts that the bytes are given back */
}

/* A thread with two stacks of its own. */
static void *run_pair(void *argument)
{
	enum { SIZE = 300000 };
	struct pair p;
	uint8_t *sent = malloc(SIZE), *got = malloc(SIZE);
	size_t length = 0;
	lab_pattern(sent, SIZE, *(unsigned *)argument);
	pair_open(&p);
	for (int i = 0; i < 200 && length < SIZE; i++) {
		if (i < 10)
			lab_send(p.client, sent + i * SIZE / 10, SIZE / 10);
		lab_advance(&p.lab, 20);
		length += lab_receive(p.server, got + length, SIZE - length);
	}
	assert_int_equal(length, SIZE);
	assert_memory_equal(sent, got, SIZE);
	conn_close(p.client);
	conn_close(p.server);
	pair_expect_nothing_left(&p);
	free(sent);
	free(got);
	return argument;
}

static void threads_share_nothing(void **state)
{
	pthread_t thread[3];
	unsigned seed[3] = {1, 2, 3};
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, run_pair, &seed[i]), 0);
	for (int i = 0; i < 3; i++) {
		void *result = NULL;
		assert_int_equal(pthread_join(thread[i], &result), 0);
		assert_ptr_equal(result, &seed[i]);
	}
}

static void stacks_come_and_go_beside_another(void **state)
{
	struct pair first, second;
	uint8_t bytes[8];
	pair_open(&first);
	pair_open(&second); /* four stacks in this thread */
	lab_send(first.client, "one", 3);
	lab_send(second.client, "two!", 4);
	lab_pump(&second.lab);
	lab_pump(&first.lab);
	assert_int_equal(lab_receive(first.server, bytes, sizeof(bytes)), 3);
	assert_int_equal(lab_receive(second.server, bytes, sizeof(bytes)), 4);
	assert_memory_equal(bytes, "two!", 4);
	lab_advance(&second.lab, 500); /* acknowledged: buffers of the second do not count below */
	conn_close(first.client);
	conn_close(first.server);
	pair_expect_nothing_left(&first);
	lab_send(second.server, "still", 5);
	lab_pump(&second.lab);
	assert_int_equal(lab_receive(second.client, bytes, sizeof(bytes)), 5);
	conn_close(second.client);
	conn_close(second.server);
	pair_expect_nothing_left(&second);
}

static void arena_too_small_gives_no_stack(void **state)
{
	struct stack_config config = {.arena = malloc(STACK_ARENA_MIN)};
	config.arena_size = STACK_ARENA_MIN - 1;
	assert_null(stack_init(&config));
	config.arena_size = STACK_ARENA_MIN;
	struct stack *st = stack_init(&config);
	assert_non_null(st);
	stack_free(st);
	memset(config.arena, 0, STACK_ARENA_MIN);
	free(config.arena);
}

/* RFC 2131 4.4.5: an address whose lease is over is used no more; it may be somebody else's. */
static void connection_is_silent_while_its_address_is_not_ours(void **state)
{
	struct lab lab;
	struct lab_frame *frame;
	struct conn *client, *server;
	ip_addr_t before = lab_ip4(0), now = IPADDR4_INIT_BYTES(10, 0, 0, 77);
	uint8_t bytes[2];
	lab_open(&lab, 2, NULL);
	struct conn *listener = lab_listen(&lab, 1, 80);
	lab_connect(&lab, listener, &client, &server);
	assert_int_equal(nif_add_address(lab.node[0].nif, &now, 24), 0);
	lab_send(client, "x", 1);
	for (unsigned ms = 0; ms < 1000; ms += 10) {
		lab.now_ns += 10000000;
		stack_set_now(lab.node[0].stack, lab.now_ns);
		stack_run_timers(lab.node[0].stack);
		stack_flush_output(lab.node[0].stack);
		while ((frame = lab_take(&lab, 0)) != NULL) {
			assert_false(frame->bytes[12] == 8 && frame->bytes[13] == 0 &&
				memcmp(frame->bytes + 14 + 12, &ip_2_ip4(&before)->addr, 4) == 0);
			free(frame);
		}
	}
	assert_int_equal(nif_add_address(lab.node[0].nif, &before, 24), 0);
	lab_advance(&lab, 5000);
	assert_int_equal(lab_receive(server, bytes, sizeof(bytes)), 1);
	lab_close(&lab);
}

/* RFC 6298 5 (5.4): it left without memory to send it again, which there is later. */
static void lone_segment_is_sent_again_once_there_is_memory(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct pair p;
		uint8_t bytes[8];
		pair_open(&p);
		struct tcp_stack *tcp = tcp_of(p.lab.node[0].stack);
		struct slab *slab = i == 0 ? &tcp->sends : &tcp->txsegs;
		slab->limit = 0;
		p.lab.lose = lose_all;
		lab_send(p.client, "hello", 5);
		lab_advance(&p.lab, 1500);
		assert_true(drops(&p.lab, 0, DROP_NO_MEMORY) > 1);
		assert_int_equal(tcp->sends.used, 0);
		slab->limit = UINT32_MAX;
		p.lab.lose = NULL;
		lab_advance(&p.lab, 110);
		assert_int_equal(lab_receive(p.server, bytes, sizeof(bytes)), 5);
		conn_abort(p.client);
		lab_pump(&p.lab);
		conn_close(p.server);
		pair_expect_nothing_left(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handshake_of_two_stacks_connects_both),
		cmocka_unit_test(data_both_ways_arrives_equal),
		cmocka_unit_test(client_closes_first_both_end_clean),
		cmocka_unit_test(server_shuts_down_first_client_answers_half_open),
		cmocka_unit_test(both_close_at_once_both_end_clean),
		cmocka_unit_test(close_with_unread_bytes_still_delivers_what_was_queued),
		cmocka_unit_test(abort_resets_peer_that_keeps_what_came),
		cmocka_unit_test(connect_to_closed_port_is_refused),
		cmocka_unit_test(connect_without_answer_times_out),
		cmocka_unit_test(connect_to_impossible_peers_says_why),
		cmocka_unit_test(connect_over_ipv6_works),
		cmocka_unit_test(listener_with_full_backlog_drops_syn_and_recovers),
		cmocka_unit_test(connection_reset_before_accept_is_skipped),
		cmocka_unit_test(data_before_accept_is_told_after_it),
		cmocka_unit_test(listener_close_resets_those_not_accepted),
		cmocka_unit_test(reader_that_stops_closes_window_and_reopens_it),
		cmocka_unit_test(receive_window_option_bounds_what_waits),
		cmocka_unit_test(data_over_a_lossy_cable_arrives_equal),
		cmocka_unit_test(device_without_room_delays_and_loses_nothing),
		cmocka_unit_test(closed_connection_whose_peer_vanished_ends_by_the_orphan_timer),
		cmocka_unit_test(established_peer_that_vanishes_times_out),
		cmocka_unit_test(keep_alive_finds_a_dead_peer),
		cmocka_unit_test(user_timeout_of_a_live_connection_is_lengthened),
		cmocka_unit_test(user_timeout_of_a_live_connection_is_shortened),
		cmocka_unit_test(user_timeout_of_a_live_connection_is_taken_away),
		cmocka_unit_test(options_are_inherited_and_read_back),
		cmocka_unit_test(initial_sequence_numbers_follow_rfc_6528),
		cmocka_unit_test(ports_are_claimed_once_and_given_back),
		cmocka_unit_test(ephemeral_ports_differ_and_spread),
		cmocka_unit_test(server_in_time_wait_takes_a_new_syn_from_the_same_port),
		cmocka_unit_test(thousands_of_short_connections_stay_bounded),
		cmocka_unit_test(send_buffer_is_twice_a_flight),
		cmocka_unit_test(exhausted_memory_refuses_and_recovers),
		cmocka_unit_test(memory_that_fails_anywhere_leaks_nothing),
		cmocka_unit_test(stack_free_gives_back_everything_in_flight),
		cmocka_unit_test(stack_free_finds_every_connection),
		cmocka_unit_test(threads_share_nothing),
		cmocka_unit_test(stacks_come_and_go_beside_another),
		cmocka_unit_test(arena_too_small_gives_no_stack),
		cmocka_unit_test(connection_is_silent_while_its_address_is_not_ours),
		cmocka_unit_test(lone_segment_is_sent_again_once_there_is_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
