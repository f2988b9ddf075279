/* SPDX-License-Identifier: BSD-3-Clause */
/* UDP sockets. Case names carry the contract's numbers. */
#include "tests/unit/api/fake.h"

#define CASE(test) BOTH_CASE(test, bound, fake_teardown)

static struct fake_end *end;
static rws_socket_t s;

static int bound(void **state)
{
	const struct rws_address any = {.port = 53};

	fake_start(placement_of(state), 1);
	assert_int_equal(rws_udp_bind(sel, &any, NULL, &s), 0);
	end = fake.latest;
	return 0;
}

static rws_socket_t connect_udp(void)
{
	rws_socket_t c;

	assert_int_equal(rws_udp_connect(sel, &fake_peer, NULL, NULL, &c), 0);
	end = fake.latest;
	return c;
}

static int send_to(rws_socket_t to, const void *bytes, size_t n, struct rws_address address)
{
	struct rws_datagram d = {.data = (void *)(uintptr_t)bytes, .length = n, .address = address};

	return rws_send(to, &d);
}

static void b113_connected_round_trip(void **state)
{
	rws_socket_t c = connect_udp();
	struct rws_address local, remote;
	char buf[16];
	struct rws_datagram d = {.data = buf, .capacity = sizeof(buf)};

	assert_int_equal(rws_local_address(c, &local), 0);
	assert_int_equal(rws_remote_address(c, &remote), 0);
	assert_true(rws_address_equal(&remote, &fake_peer));
	assert_int_equal(send_to(c, "ping", 4, (struct rws_address){0}), 0);
	fake_turn(sel, 1);
	assert_memory_equal(end->sent, "ping", 4);
	assert_int_equal(end->last.remote.family, 0);
	fake_datagram(end, "pong", 4, 80);
	assert_int_equal(rws_await(c, RWS_EV_READABLE, rws_now(sel) + MS), RWS_EV_READABLE);
	assert_int_equal(rws_receive(c, &d), 0);
	assert_int_equal(d.length, 4);
	assert_false(d.truncated);
	assert_memory_equal(buf, "pong", 4);
	assert_int_equal(d.address.port, 80);
}

/* What was received goes back as it is; what cannot be right is refused at once. */
static void local_addresses_are_looked_at(void **state)
{
	const struct rws_address v6 = {.family = RWS_IPV6, .ip = {0xfd, [15] = 1}};
	char buf[16];
	struct rws_datagram d = {.data = buf, .capacity = sizeof(buf)};

	fake_datagram(end, "ask", 3, 99);
	fake_turn(sel, 1);
	assert_int_equal(rws_receive(s, &d), 0);
	assert_int_equal(d.local.family, RWS_IPV4);
	assert_int_equal(d.local.port, 53);
	assert_memory_equal(d.local.ip, ((uint8_t[]){10, 0, 0, 1}), 4);
	assert_int_equal(rws_send(s, &d), 0);
	fake_turn(sel, 1);
	assert_true(rws_address_equal(&end->last.remote, &d.address));
	assert_memory_equal(end->last.local, d.local.ip, 16);
	/* Those that are only sent to: as none. */
	const struct rws_address many[] = {{.family = RWS_IPV4, .ip = {239, 1, 2, 3}},
		{.family = RWS_IPV4, .ip = {255, 255, 255, 255}}, {.family = RWS_IPV4}, {0}};
	for (unsigned i = 0; i < 4; i++) {
		d.local = many[i];
		assert_int_equal(rws_send(s, &d), 0);
		fake_turn(sel, 1);
		assert_memory_equal(end->last.local, (uint8_t[16]){0}, 16);
	}
	d.local.port = 54;
	assert_int_equal(rws_send(s, &d), -EINVAL);
	d.local = v6;
	assert_int_equal(rws_send(s, &d), -EAFNOSUPPORT);
	d.local.family = 5;
	assert_int_equal(rws_send(s, &d), -EAFNOSUPPORT);
	d.local.family = d.address.family = 5;
	assert_int_equal(rws_send(s, &d), -EAFNOSUPPORT);
}

/* A connected socket has one source. */
static void local_address_of_a_connected_socket_is_its_own(void **state)
{
	rws_socket_t c = connect_udp();
	struct rws_datagram d = {.data = "x", .length = 1};

	assert_int_equal(rws_local_address(c, &d.local), 0);
	assert_int_equal(rws_send(c, &d), 0);
	d.local.port = 0;
	assert_int_equal(rws_send(c, &d), 0);
	d.local.ip[3]++;
	assert_int_equal(rws_send(c, &d), -EADDRNOTAVAIL);
	d.local = (struct rws_address){.family = RWS_IPV6, .ip = {0xfd, [15] = 1}};
	assert_int_equal(rws_send(c, &d), -EAFNOSUPPORT);
}

static void b116_large_datagrams_keep_their_bytes(void **state)
{
	static char data[65507], got[65507];
	struct rws_datagram d = {.data = got, .capacity = sizeof(got)};

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i / 5);
	assert_int_equal(send_to(s, data, sizeof(data), fake_peer), 0);
	fake_turn(sel, 1);
	assert_int_equal(end->sent_len, sizeof(data));
	assert_memory_equal(end->sent, data, sizeof(data));
	fake_datagram(end, data, sizeof(data), 99);
	fake_turn(sel, 1);
	assert_int_equal(rws_receive(s, &d), 0);
	assert_int_equal(d.length, sizeof(data));
	assert_memory_equal(got, data, sizeof(data));
}

static void b117_broadcast_needs_the_option(void **state)
{
	struct rws_address everybody = {.family = RWS_IPV4, .port = 9, .ip = {255, 255, 255, 255}};
	struct rws_options options = {.broadcast = true};
	rws_socket_t b;

	assert_int_equal(send_to(s, "x", 1, everybody), -EACCES);
	assert_int_equal(rws_udp_bind(sel, NULL, &options, &b), 0);
	assert_true(fake.latest->setup.dgram.broadcast);
	assert_int_equal(send_to(b, "x", 1, everybody), 0);
}

static void b118_close_is_complete_at_once(void **state)
{
	char buf[4] = "";
	struct rws_datagram d = {.data = buf, .capacity = 4};

	fake_datagram(end, "x", 1, 5);
	fake_turn(sel, 1);
	assert_int_equal(send_to(s, "last", 4, fake_peer), 0);
	assert_int_equal(rws_close(s), 0);
	assert_true(rws_is_closed(s));
	assert_int_equal(rws_receive(s, &d), -ECANCELED);
	assert_int_equal(send_to(s, "x", 1, fake_peer), -ESHUTDOWN);
	assert_int_equal(rws_close(s), 0);
	fake_turn(sel, 2);
	assert_memory_equal(end->sent, "last", 4);
	assert_true(fake_first(REQ_SEND_TO) < fake_first(REQ_RELEASE));
}

static void b120_zero_length_both_ways(void **state)
{
	char buf[4] = "";
	struct rws_datagram d = {.data = buf, .capacity = 4, .length = 7};

	assert_int_equal(send_to(s, NULL, 0, fake_peer), 0);
	fake_turn(sel, 1);
	assert_int_equal(end->sends, 1);
	assert_int_equal(end->sent_len, 0);
	fake_datagram(end, "", 0, 5);
	fake_turn(sel, 1);
	assert_int_equal(rws_receive(s, &d), 0);
	assert_int_equal(d.length, 0);
	assert_false(d.truncated);
	assert_int_equal(d.address.port, 5);
	assert_int_equal(rws_receive(s, &d), -EAGAIN);
	fake_turn(sel, 1);
	assert_int_equal(end->datagrams_back, 1);
}

static void b121_oversize_is_emsgsize(void **state)
{
	static char data[65508];

	assert_int_equal(send_to(s, data, sizeof(data), fake_peer), -EMSGSIZE);
	assert_int_equal(send_to(s, data, 65507, fake_peer), 0);
}

static void b122_connected_with_another_target_is_eisconn(void **state)
{
	rws_socket_t c = connect_udp();
	struct rws_address other = fake_peer;

	other.ip[3] = 3;
	assert_int_equal(send_to(c, "x", 1, other), -EISCONN);
	assert_int_equal(send_to(c, "x", 1, fake_peer), 0);
	assert_int_equal(send_to(s, "x", 1, (struct rws_address){0}), -EDESTADDRREQ);
	other.port = 0;
	assert_int_equal(send_to(s, "x", 1, other), -EINVAL);
}

static void b124_icmp_error_is_one_event_and_receiving_goes_on(void **state)
{
	struct rws_event events[4];
	char buf[4] = "";
	struct rws_datagram d = {.data = buf, .capacity = 4};

	for (int i = 0; i < 2; i++) {
		fake_error(end, -ECONNREFUSED);
		assert_int_equal(rws_selector_select(sel, events, 4, rws_now(sel) + MS), 1);
		assert_int_equal(events[0].bits, RWS_EV_ERROR);
		assert_int_equal(events[0].result, -ECONNREFUSED);
		assert_int_equal(rws_selector_select(sel, events, 4, RWS_NOW), 0);
	}
	fake_datagram(end, "on", 2, 5);
	fake_turn(sel, 1);
	assert_int_equal(rws_receive(s, &d), 0);
	assert_false(rws_is_closed(s));
}

/* It is what can be awaited, until the event that carries its cause was taken. */
static void b124_icmp_error_ends_an_await(void **state)
{
	struct rws_event event;

	assert_int_equal(rws_await(s, RWS_EV_ERROR, rws_now(sel) + MS), -ETIMEDOUT);
	fake_error(end, -ECONNREFUSED);
	assert_int_equal(
		rws_await(s, RWS_EV_READABLE | RWS_EV_ERROR, rws_now(sel) + MS), RWS_EV_ERROR);
	assert_int_equal(rws_selector_select(sel, &event, 1, RWS_NOW), 1);
	assert_int_equal(event.result, -ECONNREFUSED);
	assert_int_equal(rws_await(s, RWS_EV_ERROR, rws_now(sel) + MS), -ETIMEDOUT);
}

static void b125_overflow_keeps_the_oldest_and_counts(void **state)
{
	uint32_t value;
	struct rws_datagram d = {.data = &value, .capacity = 4};

	for (uint32_t i = 0; i < 1030; i++)
		fake_datagram(end, &i, 4, 5);
	fake_dropped(end, 3);
	fake_turn(sel, 20);
	assert_int_equal(rws_receive_dropped(s), 9);
	for (uint32_t i = 0; i < 1024; i++) {
		assert_int_equal(rws_receive(s, &d), 0);
		assert_int_equal(value, i);
	}
	assert_int_equal(rws_receive(s, &d), -EAGAIN);
	fake_turn(sel, 1);
	assert_int_equal(end->datagrams_back, 1030);
}

static void b126_bursts_with_addresses_and_truncation(void **state)
{
	char buf[64][8];
	struct rws_datagram d[64];

	for (uint16_t i = 0; i < 64; i++) {
		fake_datagram(end, "0123456789", i % 10, (uint16_t)(1000 + i));
		d[i] = (struct rws_datagram){.data = buf[i], .capacity = 4};
	}
	fake_turn(sel, 3);
	assert_int_equal(rws_receive_burst(s, d, 64), 64);
	for (unsigned i = 0; i < 64; i++) {
		assert_int_equal(d[i].address.port, 1000 + i);
		assert_int_equal(d[i].truncated, i % 10 > 4);
		assert_int_equal(d[i].length, i % 10 > 4 ? 4 : i % 10);
	}
	for (unsigned i = 0; i < 64; i++)
		d[i].address = fake_peer;
	d[40].length = RWS_DATAGRAM_MAX + 1;
	assert_int_equal(rws_send_burst(s, d, 64), 40);
	assert_int_equal(rws_send_burst(s, d + 40, 24), -EMSGSIZE);
}

static void i_send_buffer_bounds_what_is_under_way(void **state)
{
	struct rws_options options = {.send_buffer = 1000};
	struct rws_event event;
	static char data[3000];
	rws_socket_t b;

	fake.no_ack = true;
	assert_int_equal(rws_udp_bind(sel, NULL, &options, &b), 0);
	end = fake.latest;
	assert_int_equal(send_to(b, data, 3000, fake_peer), 0);
	assert_int_equal(send_to(b, data, 1, fake_peer), -EAGAIN);
	fake_turn(sel, 1);
	assert_int_equal(rws_selector_select(sel, &event, 1, RWS_NOW), 0);
	fake_ack(end, 3000);
	assert_int_equal(rws_selector_select(sel, &event, 1, rws_now(sel) + MS), 1);
	assert_int_equal(event.handle, b);
	assert_int_equal(event.bits, RWS_EV_WRITABLE);
	assert_int_equal(send_to(b, data, 600, fake_peer), 0);
	assert_int_equal(send_to(b, data, 600, fake_peer), -EAGAIN);
}

static void i_full_ring_is_eagain_and_writable_after(void **state)
{
	struct rws_event event;
	unsigned sent = 0;
	int result;

	while ((result = send_to(s, "x", 1, fake_peer)) == 0)
		sent++;
	assert_int_equal(result, -EAGAIN);
	assert_int_equal(sent, fake.slots);
	assert_int_equal(rws_selector_select(sel, &event, 1, rws_now(sel) + 5 * MS), 1);
	assert_int_equal(event.bits, RWS_EV_WRITABLE);
	assert_int_equal(send_to(s, "x", 1, fake_peer), 0);
}

static void i_a_sender_without_buffers_waits_for_them(void **state)
{
	fake.pool_limit = 0;
	assert_int_equal(send_to(s, "x", 1, fake_peer), -EAGAIN);
	assert_int_equal(rws_await(s, RWS_EV_WRITABLE, rws_now(sel) + 5 * MS), -ETIMEDOUT);
	fake.pool_limit = SELECTOR_BUFFERS;
	assert_int_equal(rws_await(s, RWS_EV_WRITABLE, rws_now(sel) + 5 * MS), RWS_EV_WRITABLE);
	assert_int_equal(send_to(s, "x", 1, fake_peer), 0);
}

static void b127_bind_error_is_returned(void **state)
{
	rws_socket_t b;

	fake.open_error = -EADDRINUSE;
	assert_int_equal(rws_udp_bind(sel, NULL, NULL, &b), -EADDRINUSE);
	assert_int_equal(rws_close(b), -EBADF);
}

static void i_calls_for_tcp_are_refused(void **state)
{
	rws_channel_t ch;
	rws_socket_t tcp = fake_connect(sel, NULL, &end);
	struct rws_datagram d = {0};

	assert_int_equal(rws_receive(tcp, &d), -EINVAL);
	assert_int_equal(rws_send(tcp, &d), -EINVAL);
	assert_int_equal(rws_accept(s, &tcp), -EINVAL);
	assert_int_equal(rws_open_read_channel(s, &ch), -ENOTCONN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(b113_connected_round_trip),
		CASE(local_addresses_are_looked_at),
		CASE(local_address_of_a_connected_socket_is_its_own),
		CASE(b116_large_datagrams_keep_their_bytes),
		CASE(b117_broadcast_needs_the_option),
		CASE(b118_close_is_complete_at_once),
		CASE(b120_zero_length_both_ways),
		CASE(b121_oversize_is_emsgsize),
		CASE(b122_connected_with_another_target_is_eisconn),
		CASE(b124_icmp_error_is_one_event_and_receiving_goes_on),
		CASE(b124_icmp_error_ends_an_await),
		CASE(b125_overflow_keeps_the_oldest_and_counts),
		CASE(b126_bursts_with_addresses_and_truncation),
		CASE(i_send_buffer_bounds_what_is_under_way),
		CASE(i_full_ring_is_eagain_and_writable_after),
		CASE(i_a_sender_without_buffers_waits_for_them),
		CASE(b127_bind_error_is_returned),
		CASE(i_calls_for_tcp_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
