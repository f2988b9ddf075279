/* SPDX-License-Identifier: BSD-3-Clause */
/* Listening over the wire, in both placements: contract section 3 H. */
#include "driver/port.h"
#include "tests/unit/api/pair.h"
#include "tests/unit/stack/packets.h"

static void b096_port_0_becomes_a_real_one_that_connects(void **state)
{
	struct pair *t = *state;
	struct rws_address any = {0}, local, remote, target;

	rws_dispose(t->server);
	assert_int_equal(rws_tcp_bind(t->rig->sel[END_P], &any, NULL, &t->server), 0);
	assert_int_equal(rws_local_address(t->server, &local), 0);
	assert_int_not_equal(local.port, 0);
	assert_int_equal(rws_remote_address(t->server, &remote), -ENOTCONN);
	t->port = local.port;
	pair_connect(t);
	target = rig_address(END_P, false, local.port);
	assert_int_equal(rws_remote_address(t->s, &remote), 0);
	assert_true(rws_address_equal(&remote, &target));
	pair_open(t);
	pair_write(t->out, "hello");
	pair_read_text(t, t->p_in, "hello");
	pair_write(t->p_out, "back");
	pair_read_text(t, t->in, "back");
}

/* ---- A flood ---------------------------------------------------------------------------- */

/* A SYN from an address that nobody has. */
static void forge_syn(struct pair *t, const uint8_t to[6], unsigned number)
{
	struct port *port = wire_port(t->rig->wire, END_S);
	const uint8_t from[6] = {2, 0, 0, 0, 0, 77};
	struct packet_shape shape = {.proto = 6,
		.ttl = 64,
		.source_port = (uint16_t)(1024 + number),
		.destination_port = t->port};
	uint8_t frame[128], *tcp = frame + 14 + 20;

	IP_ADDR4(&shape.source, 10, 0, 0, 100 + number % 100);
	IP_ADDR4(&shape.destination, 10, 0, 0, 2);
	size_t length = packet_write(&shape, to, from, NULL, 0, frame);
	put16(tcp + 12, 0x5002); /* and the sum follows: RFC 1624 */
	put16(tcp + 16,
		complement((uint64_t)(0xffff - get16(tcp + 16)) + 0xffff - 0x5010 + 0x5002));
	struct nif_frame out = {.header = frame, .header_length = (uint16_t)length};
	assert_int_equal(port_tx(port, 0, &out), DROP_NONE);
	port_tx_flush(port, 0);
}

static unsigned accept_burst(struct pair *t)
{
	rws_socket_t accepted[32];
	int n = rws_accept_burst(t->server, accepted, 32);

	for (int i = 0; i < n; i++)
		rws_dispose(accepted[i]);
	assert_true(n > 0 || n == -EAGAIN);
	return n > 0 ? (unsigned)n : 0;
}

/* Turns of an application that accepts a burst in each, until p's byte is told. */
static unsigned turns_until_told(struct pair *t, unsigned *accepted)
{
	struct rws_event events[4];
	unsigned turns = 0;

	for (;;) {
		int n = rws_selector_select(t->rig->sel[END_P], events, 4, pair_after(t, MS / 10));
		turns++;
		for (int i = 0; i < n; i++)
			if (events[i].handle == t->p && (events[i].bits & RWS_EV_READABLE))
				return turns;
		*accepted += accept_burst(t);
		assert_true(turns < 100);
	}
}

/* More than two bursts that wait. A SYN from before cookies are sent (RFC 4987) is sent again. */
static void connect_clients(struct pair *t, rws_socket_t *clients, unsigned count)
{
	struct rws_address address = rig_address(END_P, false, t->port);
	struct rws_selector *sel = t->rig->sel[END_S];

	for (unsigned i = 0; i < count; i++)
		assert_int_equal(rws_tcp_connect(sel, &address, NULL, &clients[i]), 0);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(rws_await(clients[i], RWS_EV_CONNECTED, pair_after(t, 3 * SECOND)),
			RWS_EV_CONNECTED);
	pair_run(t, MS);
}

static void b102_bursts_of_accept_are_fair_under_a_flood(void **state)
{
	enum { ROUNDS = 20, SYNS = 200, CLIENTS = 80 };
	struct pair *t = *state;
	rws_socket_t clients[CLIENTS];
	struct port_info info;
	unsigned accepted, burst;

	port_get_info(wire_port(t->rig->wire, END_P), &info);
	pair_open(t);
	for (unsigned round = 0; round < ROUNDS; round++) {
		assert_int_equal(rws_read_available(t->p_in, &(char){0}, 1), -EAGAIN);
		connect_clients(t, clients, CLIENTS);
		for (unsigned i = 0; i < SYNS; i++)
			forge_syn(t, info.mac, round * SYNS + i);
		pair_write(t->out, "x");
		accepted = 0;
		int64_t written = t->rig->now;
		/* Before all bursts were taken, although the SYNs came first. */
		assert_in_range(turns_until_told(t, &accepted), 1, CLIENTS / 32);
		assert_true(t->rig->now - written < MS);
		pair_read_text(t, t->p_in, "x");
		while ((burst = accept_burst(t)) > 0)
			accepted += burst;
		assert_int_equal(accepted, CLIENTS);
		for (unsigned i = 0; i < CLIENTS; i++)
			rws_dispose(clients[i]);
		pair_run(t, MS);
	}
	assert_true(rig_counter(t->rig, END_P, "tcp.syn_cookies_sent") > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR_CASE(b096_port_0_becomes_a_real_one_that_connects),
		PAIR_CASE(b102_bursts_of_accept_are_fair_under_a_flood),
	};

	return cmocka_run_group_tests_name("accept", tests, rig_group_setup, rig_group_teardown);
}
