/* SPDX-License-Identifier: BSD-3-Clause */
/* Datagrams over a wire in virtual time, our stack at both ends. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/api/rig.h"

#define PORT   7000
#define SECOND ((int64_t)1000000000)

static int64_t after(struct rig *rig, int64_t ns)
{
	return rig->now + ns;
}

static rws_socket_t bind_at(struct rig *rig, unsigned end, bool ipv6, uint16_t port)
{
	struct rws_address address = rig_address(end, ipv6, port);
	rws_socket_t s;

	assert_int_equal(rws_udp_bind(rig->sel[end], &address, NULL, &s), 0);
	return s;
}

/* Two sockets connected to each other. */
struct pair {
	rws_socket_t s[2];
	rws_channel_t in[2], out[2];
};

static struct pair connected(struct rig *rig, bool ipv6)
{
	struct pair p;

	for (unsigned end = 0; end < 2; end++) {
		struct rws_address local = rig_address(end, ipv6, PORT);
		struct rws_address remote = rig_address(1 - end, ipv6, PORT);
		assert_int_equal(
			rws_udp_connect(rig->sel[end], &remote, &local, NULL, &p.s[end]), 0);
		assert_int_equal(rws_connection(p.s[end], &p.in[end], &p.out[end]), 0);
	}
	return p;
}

static void dispose(struct rig *rig, rws_socket_t a, rws_socket_t b)
{
	rws_dispose(a);
	rws_dispose(b);
	rig_run(rig, SECOND);
}

static uint8_t *pattern(size_t n)
{
	uint8_t *bytes = malloc(n > 0 ? n : 1);

	assert_non_null(bytes);
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(i * 31 + i / 251);
	return bytes;
}

/* The stack core halves it; nothing is lost in that. */
static void largest_receive_buffer_receives(void **state)
{
	struct rig *rig = *state;
	const struct rws_options options = {
		.receive_buffer = UINT32_MAX, .send_buffer = UINT32_MAX};
	struct rws_address address = rig_address(1, false, PORT);
	char byte;
	struct rws_datagram d = {.data = &byte, .length = 1, .capacity = 1, .address = address};
	rws_socket_t from = bind_at(rig, 0, false, PORT), to;

	assert_int_equal(rws_udp_bind(rig->sel[1], &address, &options, &to), 0);
	assert_int_equal(rws_send(from, &d), 0);
	assert_int_equal(rws_await(to, RWS_EV_READABLE, after(rig, SECOND)), RWS_EV_READABLE);
	assert_int_equal(rws_receive(to, &d), 0);
	dispose(rig, from, to);
}

/* It is never too small for a datagram. */
static void small_receive_buffer_receives(void **state)
{
	struct rig *rig = *state;
	struct rws_options options = {.receive_buffer = 1};
	struct rws_address address = rig_address(1, false, PORT);
	uint8_t *bytes = pattern(RWS_DATAGRAM_MAX);
	struct rws_datagram d = {.data = bytes,
		.length = RWS_DATAGRAM_MAX,
		.capacity = RWS_DATAGRAM_MAX,
		.address = address};
	rws_socket_t from = bind_at(rig, 0, false, PORT), to;

	assert_int_equal(rws_udp_bind(rig->sel[1], &address, &options, &to), 0);
	assert_int_equal(rws_get_options(to, &options), 0);
	assert_int_equal(options.receive_buffer, 2 * RWS_DATAGRAM_MAX);
	assert_int_equal(rws_send(from, &d), 0);
	assert_int_equal(rws_await(to, RWS_EV_READABLE, after(rig, SECOND)), RWS_EV_READABLE);
	assert_int_equal(rws_receive(to, &d), 0);
	assert_int_equal(d.length, RWS_DATAGRAM_MAX);
	free(bytes);
	dispose(rig, from, to);
}

/* ---- As byte channels ------------------------------------------------------------------- */

static void datagrams_cross(struct rig *rig, bool ipv6)
{
	static const size_t sizes[] = {1, 0, 1472, 1473, 0, 9000, RWS_DATAGRAM_MAX};
	struct pair p = connected(rig, ipv6);
	uint8_t *sent = pattern(RWS_DATAGRAM_MAX), *got = malloc(RWS_DATAGRAM_MAX + 1);

	assert_non_null(got);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(rws_write_available(p.out[0], sent, sizes[i]), sizes[i]);
		rws_flush(p.out[0]);
	}
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(rws_await_content(p.in[1], 1, after(rig, SECOND)), 1);
		ssize_t n = rws_read_available(p.in[1], got, RWS_DATAGRAM_MAX + 1);
		assert_int_equal(n, sizes[i] > 0 ? (ssize_t)sizes[i] : -ENOMSG);
		assert_memory_equal(sent, got, sizes[i]);
		assert_int_equal(rws_read_boundary(p.in[1]), 1);
	}
	assert_int_equal(rws_read_available(p.in[1], got, 1), -EAGAIN);
	free(sent);
	free(got);
	dispose(rig, p.s[0], p.s[1]);
}

static void b114_datagrams_keep_their_boundaries_over_ipv4(void **state)
{
	datagrams_cross(*state, false);
}

static void b114_datagrams_keep_their_boundaries_over_ipv6(void **state)
{
	datagrams_cross(*state, true);
}

/* Far more than all buffers hold, read in pieces; what is lost is whole datagrams, and counted. */
static void b114_a_slow_reader_loses_whole_datagrams_only(void **state)
{
	enum { COUNT = 4000, SIZE = 1000 };
	struct rig *rig = *state;
	struct pair p = connected(rig, false);
	uint8_t block[SIZE];
	uint32_t number, last = 0, received = 0;

	for (uint32_t i = 1; i <= COUNT; i++) {
		memset(block, (int)(i & 0xff), SIZE);
		memcpy(block, &i, sizeof(i));
		while (rws_write_available(p.out[0], block, SIZE) == -EAGAIN)
			assert_int_equal(
				rws_await_free_space(p.out[0], SIZE, after(rig, SECOND)), 1);
		rws_flush(p.out[0]);
		/* A device holds so many frames, too; and the first one finds the neighbour. */
		if (i % 100 == 1)
			rig_run(rig, SECOND / 1000);
	}
	rig_run(rig, SECOND);
	while (rws_await_content(p.in[1], 1, after(rig, SECOND / 10)) == 1) {
		assert_int_equal(rws_read_available(p.in[1], &number, 4), 4);
		assert_int_equal(rws_read_boundary(p.in[1]), 0);
		assert_int_equal(rws_read_available(p.in[1], block, SIZE), SIZE - 4);
		assert_int_equal(rws_read_boundary(p.in[1]), 1);
		assert_int_equal(block[SIZE - 5], (uint8_t)number);
		assert_true(number > last);
		last = number;
		received++;
	}
	assert_true(received > 0 && received < COUNT);
	assert_int_equal(received + rws_receive_dropped(p.s[1]), COUNT);
	dispose(rig, p.s[0], p.s[1]);
}

static void b114_close_sends_the_last_datagrams(void **state)
{
	struct rig *rig = *state;
	struct pair p = connected(rig, false);
	char buf[16];

	assert_int_equal(rws_write_available(p.out[0], "one", 3), 3);
	rws_flush(p.out[0]);
	assert_int_equal(rws_write_available(p.out[0], "last", 4), 4);
	rws_close(p.s[0]);
	assert_int_equal(rws_await_closed(p.s[0], after(rig, SECOND)), 0);
	rig_run(rig, SECOND / 10);
	assert_int_equal(rws_read_available(p.in[1], buf, sizeof(buf)), 3);
	assert_int_equal(rws_read_available(p.in[1], buf, sizeof(buf)), 4);
	assert_int_equal(rws_read_available(p.in[1], buf, sizeof(buf)), -EAGAIN);
	dispose(rig, p.s[0], p.s[1]);
}

/* ---- As datagrams ----------------------------------------------------------------------- */

static int send_to(rws_socket_t s, const void *bytes, size_t n, struct rws_address to)
{
	struct rws_datagram d = {.data = (void *)(uintptr_t)bytes, .length = n, .address = to};

	return rws_send(s, &d);
}

/* The next datagram, of which there are at most 64 bytes; its length. */
static size_t receive(struct rig *rig, rws_socket_t s, void *bytes, struct rws_address *from)
{
	struct rws_datagram d = {.data = bytes, .capacity = 64};

	assert_int_equal(rws_await(s, RWS_EV_READABLE, after(rig, SECOND)), RWS_EV_READABLE);
	assert_int_equal(rws_receive(s, &d), 0);
	if (from != NULL)
		*from = d.address;
	return d.length;
}

static void expect_nothing(struct rig *rig, rws_socket_t s)
{
	char byte;
	struct rws_datagram d = {.data = &byte, .capacity = 1};

	rig_run(rig, SECOND / 10);
	assert_int_equal(rws_receive(s, &d), -EAGAIN);
}

/* The next event of end 0 that tells of an error; 0: there is none. */
static int next_error(struct rig *rig, rws_socket_t s)
{
	struct rws_event event;

	while (rws_selector_select(rig->sel[0], &event, 1, after(rig, SECOND)) == 1) {
		if (event.handle == s && (event.bits & RWS_EV_ERROR))
			return event.result;
	}
	return 0;
}

static void b113_connected_sockets_know_both_ends(void **state)
{
	struct rig *rig = *state;
	struct rws_address remote = rig_address(1, true, PORT), address, from;
	rws_socket_t server = bind_at(rig, 1, true, PORT), client;
	char buf[64];

	assert_int_equal(rws_udp_connect(rig->sel[0], &remote, NULL, NULL, &client), 0);
	assert_int_equal(rws_remote_address(client, &address), 0);
	assert_true(rws_address_equal(&address, &remote));
	assert_int_equal(send_to(client, "ping", 4, (struct rws_address){0}), 0);
	assert_int_equal(receive(rig, server, buf, &from), 4);
	assert_int_equal(rws_local_address(client, &address), 0);
	assert_true(rws_address_equal(&address, &from));
	assert_int_equal(send_to(server, "pong", 4, from), 0);
	assert_int_equal(receive(rig, client, buf, &from), 4);
	assert_true(rws_address_equal(&from, &remote));
	dispose(rig, client, server);
}

static void b115_a_socket_receives_what_it_sends_to_itself(void **state)
{
	struct rig *rig = *state;
	rws_socket_t s = bind_at(rig, 0, false, PORT);
	struct rws_address own = rig_address(0, false, PORT), from;
	char buf[64];

	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(send_to(s, "myself", i % 7, own), 0);
		assert_int_equal(receive(rig, s, buf, &from), i % 7);
		assert_memory_equal(buf, "myself", i % 7);
		assert_true(rws_address_equal(&from, &own));
	}
	expect_nothing(rig, s);
	rws_dispose(s);
	rig_run(rig, SECOND);
}

/* RFC 1122 3.2.1.3: also of another stack core; ports take turns on them, if nothing else does. */
static void b115_what_a_host_sends_to_itself_finds_every_core(void **state)
{
	static const size_t sizes[] = {6, 0, 5000, 40000};
	struct rig *rig = *state;
	struct rws_address at[2] = {rig_address(1, false, PORT), rig_address(1, false, PORT + 1)};
	struct rws_selector *sel[2] = {rig->sel[1], rig->second};
	uint8_t *bytes = pattern(RWS_DATAGRAM_MAX), *got = malloc(RWS_DATAGRAM_MAX);
	rws_socket_t s[2];

	assert_non_null(got);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(rws_udp_bind(sel[i], &at[i], NULL, &s[i]), 0);
	for (unsigned i = 0; i < 8; i++) {
		unsigned to = i % 2;
		struct rws_datagram d = {.data = got, .capacity = RWS_DATAGRAM_MAX};
		assert_int_equal(send_to(s[1 - to], bytes, sizes[i / 2], at[to]), 0);
		rig_run(rig, SECOND / 10);
		assert_int_equal(rws_receive(s[to], &d), 0);
		assert_int_equal(d.length, sizes[i / 2]);
		assert_memory_equal(got, bytes, d.length);
		assert_true(rws_address_equal(&d.address, &at[1 - to]));
		assert_true(rws_address_equal(&d.local, &at[to]));
		assert_int_equal(rws_receive(s[to], &d), -EAGAIN);
	}
	free(bytes);
	free(got);
	dispose(rig, s[0], s[1]);
}

/* Of a connected socket what finds nobody is an error, as from elsewhere. */
static void b115_a_connected_socket_is_told_when_no_core_is_at_home(void **state)
{
	struct rig *rig = *state;
	struct rws_address at = rig_address(1, false, PORT + 1);
	rws_socket_t s, other;
	struct rws_datagram d = {.data = "?", .length = 1};
	struct rws_event event;

	assert_int_equal(rws_udp_connect(rig->sel[1], &at, NULL, NULL, &s), 0);
	assert_int_equal(rws_send(s, &d), 0);
	assert_int_equal(rws_selector_select(rig->sel[1], &event, 1, after(rig, SECOND)), 1);
	assert_int_equal(event.bits, RWS_EV_ERROR);
	assert_int_equal(event.result, -ECONNREFUSED);
	assert_int_equal(rws_udp_bind(rig->second, &at, NULL, &other), 0);
	assert_int_equal(rws_send(s, &d), 0);
	assert_int_equal(rws_await(other, RWS_EV_READABLE, after(rig, SECOND)), RWS_EV_READABLE);
	dispose(rig, s, other);
}

static void b116_datagrams_of_10000_bytes_arrive_whole(void **state)
{
	struct rig *rig = *state;
	rws_socket_t server = bind_at(rig, 1, false, PORT), client = bind_at(rig, 0, false, 0);
	uint8_t *sent = pattern(10000), *got = malloc(10000);

	assert_non_null(got);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(send_to(client, sent, 10000, rig_address(1, false, PORT)), 0);
	for (unsigned i = 0; i < 4; i++) {
		struct rws_datagram d = {.data = got, .capacity = 10000};
		assert_int_equal(
			rws_await(server, RWS_EV_READABLE, after(rig, SECOND)), RWS_EV_READABLE);
		assert_int_equal(rws_receive(server, &d), 0);
		assert_int_equal(d.length, 10000);
		assert_memory_equal(sent, got, 10000);
	}
	free(sent);
	free(got);
	dispose(rig, client, server);
}

/* A subnet's broadcast address only the stack knows: what is refused is an error event. */
static void b117_broadcast_needs_the_option(void **state)
{
	struct rig *rig = *state;
	struct rws_address subnet = {.family = RWS_IPV4, .port = PORT, .ip = {10, 0, 0, 255}};
	struct rws_address all = {.family = RWS_IPV4, .port = PORT, .ip = {255, 255, 255, 255}};
	struct rws_options options = {.broadcast = true};
	rws_socket_t server, client = bind_at(rig, 0, false, 0), allowed;
	char buf[64];

	assert_int_equal(
		rws_udp_bind(rig->sel[1], &(struct rws_address){.port = PORT}, NULL, &server), 0);
	assert_int_equal(send_to(client, "no", 2, all), -EACCES);
	assert_int_equal(send_to(client, "no", 2, subnet), 0);
	assert_int_equal(next_error(rig, client), -EACCES);
	expect_nothing(rig, server);
	assert_int_equal(rws_close(client), 0);
	assert_int_equal(rws_await_closed(client, RWS_NOW), 0);
	assert_int_equal(rws_udp_bind(rig->sel[0], NULL, &options, &allowed), 0);
	assert_int_equal(send_to(allowed, "subnet", 6, subnet), 0);
	assert_int_equal(receive(rig, server, buf, NULL), 6);
	assert_int_equal(send_to(allowed, "everybody", 9, all), 0);
	assert_int_equal(receive(rig, server, buf, NULL), 9);
	rws_dispose(client);
	dispose(rig, allowed, server);
}

static void b118_close_ends_receiving_and_sending(void **state)
{
	struct rig *rig = *state;
	rws_socket_t server = bind_at(rig, 1, false, PORT), client = bind_at(rig, 0, false, 0);
	struct rws_address to = rig_address(1, false, PORT);
	char buf[64];
	struct rws_datagram d = {.data = buf, .capacity = 64};

	assert_int_equal(send_to(client, "last", 4, to), 0);
	assert_int_equal(rws_close(client), 0);
	assert_true(rws_is_closed(client));
	assert_int_equal(send_to(client, "x", 1, to), -ESHUTDOWN);
	assert_int_equal(rws_receive(client, &d), -ECANCELED);
	assert_int_equal(rws_await(client, RWS_EV_READABLE, after(rig, SECOND)), -ECANCELED);
	assert_int_equal(rws_close(client), 0);
	assert_int_equal(receive(rig, server, buf, NULL), 4);
	dispose(rig, client, server);
}

struct ended {
	unsigned calls;
	int result;
};

static void on_end(void *user, rws_job_t job, int result)
{
	struct ended *ended = user;

	ended->calls++;
	ended->result = result;
}

static void b119_the_end_is_told_once_with_its_cause(void **state)
{
	struct rig *rig = *state;
	rws_socket_t early = bind_at(rig, 0, false, 0), late = bind_at(rig, 0, false, 0);
	struct ended told[2] = {{0}};

	assert_int_equal(rws_job_on_completion(rws_socket_context(early), on_end, &told[0]), 0);
	assert_int_equal(
		rws_job_on_completion(rws_socket_context(early), on_end, &told[1]), -EBUSY);
	rws_abort(early, -EIO);
	rws_close(late);
	assert_int_equal(told[0].calls, 0); /* from the loop, not from within the call */
	assert_int_equal(rws_job_on_completion(rws_socket_context(late), on_end, &told[1]), 0);
	assert_int_equal(rws_job_on_completion(rws_socket_context(late), on_end, &told[1]), -EBUSY);
	rig_run(rig, SECOND / 10);
	rws_close(early);
	rig_run(rig, SECOND / 10);
	assert_int_equal(told[0].calls, 1);
	assert_int_equal(told[0].result, -EIO);
	assert_int_equal(told[1].calls, 1);
	assert_int_equal(told[1].result, 0);
	dispose(rig, early, late);
}

static void b120_datagrams_without_bytes_cross_both_ways(void **state)
{
	struct rig *rig = *state;
	rws_socket_t server = bind_at(rig, 1, true, PORT), client = bind_at(rig, 0, true, 0);
	struct rws_address from;
	char buf[64];

	assert_int_equal(send_to(client, NULL, 0, rig_address(1, true, PORT)), 0);
	assert_int_equal(receive(rig, server, buf, &from), 0);
	assert_int_equal(send_to(server, NULL, 0, from), 0);
	assert_int_equal(receive(rig, client, buf, NULL), 0);
	expect_nothing(rig, client);
	dispose(rig, client, server);
}

static void b121_an_oversize_datagram_is_refused_and_the_socket_lives(void **state)
{
	struct rig *rig = *state;
	rws_socket_t server = bind_at(rig, 1, false, PORT), client = bind_at(rig, 0, false, 0);
	struct rws_address to = rig_address(1, false, PORT);
	uint8_t *bytes = pattern(RWS_DATAGRAM_MAX + 1);
	char buf[64];

	assert_int_equal(send_to(client, bytes, RWS_DATAGRAM_MAX + 1, to), -EMSGSIZE);
	assert_int_equal(send_to(client, bytes, 7, to), 0);
	assert_int_equal(receive(rig, server, buf, NULL), 7);
	free(bytes);
	dispose(rig, client, server);
}

static void b122_a_connected_socket_sends_to_nobody_else(void **state)
{
	struct rig *rig = *state;
	struct rws_address remote = rig_address(1, false, PORT);
	rws_socket_t other = bind_at(rig, 1, false, PORT + 1), client;

	assert_int_equal(rws_udp_connect(rig->sel[0], &remote, NULL, NULL, &client), 0);
	assert_int_equal(send_to(client, "x", 1, rig_address(1, false, PORT + 1)), -EISCONN);
	assert_int_equal(send_to(client, "x", 1, remote), 0);
	expect_nothing(rig, other);
	dispose(rig, client, other);
}

static void b123_a_connected_socket_hears_nobody_else(void **state)
{
	struct rig *rig = *state;
	struct pair p = connected(rig, false);
	rws_socket_t other = bind_at(rig, 0, false, PORT + 1);
	char buf[16];

	assert_int_equal(send_to(other, "stranger", 8, rig_address(1, false, PORT)), 0);
	rig_run(rig, SECOND / 10);
	assert_int_equal(rws_read_available(p.in[1], buf, sizeof(buf)), -EAGAIN);
	assert_int_equal(rws_write_available(p.out[0], "peer", 4), 4);
	rws_flush(p.out[0]);
	rig_run(rig, SECOND / 10);
	assert_int_equal(rws_read_available(p.in[1], buf, sizeof(buf)), 4);
	rws_dispose(other);
	dispose(rig, p.s[0], p.s[1]);
}

static void b124_an_unreachable_port_is_one_error_and_receiving_goes_on(void **state)
{
	struct rig *rig = *state;
	struct rws_address remote = rig_address(1, false, PORT), local;
	rws_socket_t client, server;
	char buf[64];

	assert_int_equal(rws_udp_connect(rig->sel[0], &remote, NULL, NULL, &client), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(send_to(client, "anybody?", 8, (struct rws_address){0}), 0);
		assert_int_equal(next_error(rig, client), -ECONNREFUSED);
		assert_int_equal(next_error(rig, client), 0);
	}
	assert_false(rws_is_closed(client));
	server = bind_at(rig, 1, false, PORT);
	assert_int_equal(rws_local_address(client, &local), 0);
	assert_int_equal(send_to(server, "here", 4, local), 0);
	assert_int_equal(receive(rig, client, buf, NULL), 4);
	dispose(rig, client, server);
}

/* All that is lost is lost for want of room at the receiver: the sum is exact. */
static void b125_overflow_keeps_the_oldest_and_counts_the_rest(void **state)
{
	enum { COUNT = 3000 };
	struct rig *rig = *state;
	rws_socket_t server = bind_at(rig, 1, false, PORT), client = bind_at(rig, 0, false, 0);
	struct rws_address to = rig_address(1, false, PORT);
	uint32_t number, received = 0;
	struct rws_datagram d = {.data = &number, .capacity = sizeof(number)};

	for (uint32_t i = 0; i < COUNT; i++) {
		while (send_to(client, &i, sizeof(i), to) == -EAGAIN)
			rig_run(rig, SECOND / 1000);
		if (i % 100 == 0) /* as above */
			rig_run(rig, SECOND / 1000);
	}
	rig_run(rig, SECOND / 10);
	uint64_t dropped = rws_receive_dropped(server);
	while (rws_receive(server, &d) == 0) {
		assert_int_equal(number, received);
		received++;
		rig_run(rig, SECOND / 100000);
	}
	assert_int_equal(received, 1024);
	assert_int_equal(dropped, COUNT - 1024);
	assert_int_equal(rws_receive_dropped(server), dropped);
	assert_int_equal(rig_counter(rig, 1, "drop.udp_queue_full"), dropped);
	dispose(rig, client, server);
}

static void b126_bursts_keep_senders_and_say_what_was_cut(void **state)
{
	struct rig *rig = *state;
	rws_socket_t server = bind_at(rig, 1, false, PORT), client[2];
	struct rws_address to = rig_address(1, false, PORT), local[2];
	struct rws_datagram d[64];
	char buf[64][8];

	for (unsigned i = 0; i < 2; i++) {
		client[i] = bind_at(rig, 0, false, 0);
		assert_int_equal(rws_local_address(client[i], &local[i]), 0);
	}
	for (unsigned i = 0; i < 64; i++) {
		assert_int_equal(send_to(client[i % 2], "0123456789", i % 11, to), 0);
		rig_run(rig, SECOND / 10000);
		d[i] = (struct rws_datagram){.data = buf[i], .capacity = 8};
	}
	rig_run(rig, SECOND / 10);
	assert_int_equal(rws_receive_burst(server, d, 64), 64);
	for (unsigned i = 0; i < 64; i++) {
		assert_true(rws_address_equal(&d[i].address, &local[i % 2]));
		assert_int_equal(d[i].truncated, i % 11 > 8);
		assert_int_equal(d[i].length, i % 11 > 8 ? 8 : i % 11);
		assert_memory_equal(buf[i], "0123456789", d[i].length);
	}
	rws_dispose(client[1]);
	dispose(rig, client[0], server);
}

/* ---- From the address asked ------------------------------------------------------------- */

/* RFC 1122 4.1.3.5: what was received goes back as it is, from where it was asked. */
static void answers_come_from_the_address_asked(void **state)
{
	struct rig *rig = *state;
	struct rws_address any = {.port = PORT}, from;
	rws_socket_t server;
	char buf[64];

	assert_int_equal(rws_udp_bind(rig->sel[1], &any, NULL, &server), 0);
	for (unsigned i = 0; i < 8; i++) {
		bool ipv6 = i / 4 != 0;
		struct rws_address asked =
			i % 2 == 0 ? rig_second_address(ipv6, PORT) : rig_address(1, ipv6, PORT);
		rws_socket_t client = bind_at(rig, 0, ipv6, 0);
		struct rws_datagram d = {.data = buf, .capacity = 64};
		assert_int_equal(send_to(client, "question", 8, asked), 0);
		assert_int_equal(
			rws_await(server, RWS_EV_READABLE, after(rig, SECOND)), RWS_EV_READABLE);
		assert_int_equal(rws_receive(server, &d), 0);
		assert_true(rws_address_equal(&d.local, &asked));
		assert_int_equal(rws_send(server, &d), 0);
		assert_int_equal(receive(rig, client, buf, &from), 8);
		assert_true(rws_address_equal(&from, &asked));
		rws_dispose(client);
	}
	rws_dispose(server);
	rig_run(rig, SECOND);
}

/* The stack core knows which addresses are ours; the datagram is not sent, the socket lives. */
static void a_source_that_is_not_ours_is_an_error(void **state)
{
	struct rig *rig = *state;
	rws_socket_t server = bind_at(rig, 1, false, PORT), any, bound = bind_at(rig, 0, false, 0);
	struct rws_address to = rig_address(1, false, PORT), from;
	struct rws_datagram d = {.data = "x", .length = 1, .address = to};
	char buf[64];

	assert_int_equal(rws_udp_bind(rig->sel[0], NULL, NULL, &any), 0);
	d.local = rig_address(1, false, 0);
	assert_int_equal(rws_send(any, &d), 0);
	assert_int_equal(next_error(rig, any), -EADDRNOTAVAIL);
	assert_int_equal(rws_send(bound, &d), 0);
	assert_int_equal(next_error(rig, bound), -EADDRNOTAVAIL);
	expect_nothing(rig, server);
	d.local = rig_address(0, false, 0);
	assert_int_equal(rws_send(any, &d), 0);
	assert_int_equal(receive(rig, server, buf, &from), 1);
	from.port = 0;
	assert_true(rws_address_equal(&from, &d.local));
	rws_dispose(bound);
	dispose(rig, any, server);
}

static void b127_a_port_is_free_as_soon_as_it_is_closed(void **state)
{
	struct rig *rig = *state;
	struct rws_address address = rig_address(1, false, PORT);
	rws_socket_t server = bind_at(rig, 1, false, PORT), second;
	rws_socket_t client = bind_at(rig, 0, false, 0);
	char buf[64];

	assert_int_equal(rws_udp_bind(rig->sel[1], &address, NULL, &second), -EADDRINUSE);
	for (unsigned i = 0; i < 10; i++) {
		rws_close(server);
		rws_dispose(server);
		server = bind_at(rig, 1, false, PORT);
	}
	assert_int_equal(send_to(client, "on", 2, address), 0);
	assert_int_equal(receive(rig, server, buf, NULL), 2);
	dispose(rig, client, server);
}

/* ---- Groups ----------------------------------------------------------------------------- */

/* Senders are no members; who left, or only has the port, hears nothing. */
static void groups_reach_their_members(struct rig *rig, const char *text, bool ipv6)
{
	rws_socket_t client = bind_at(rig, 0, ipv6, 0), member, other;
	struct rws_address any = {.port = PORT}, group;
	const struct rws_options shared = {.reuse_port = true};
	char buf[64];

	assert_int_equal(rws_address_parse(text, &group), 0);
	group.port = PORT;
	assert_int_equal(rws_udp_bind(rig->sel[1], &any, &shared, &member), 0);
	assert_int_equal(rws_udp_bind(rig->sel[1], &any, &shared, &other), 0);
	assert_int_equal(send_to(client, "nobody", 6, group), 0);
	expect_nothing(rig, member);
	assert_int_equal(rws_multicast_join(member, &group, 0), 0);
	assert_int_equal(rws_multicast_join(member, &group, 0), -EADDRINUSE);
	assert_int_equal(rws_multicast_join(member, &group, 1), -EINVAL);
	rig_run(rig, SECOND);
	assert_int_equal(send_to(client, "member", 6, group), 0);
	assert_int_equal(receive(rig, member, buf, NULL), 6);
	expect_nothing(rig, other);
	/* One that is on the sender's own host, which hears itself. */
	assert_int_equal(rws_multicast_join(other, &group, RWS_ALL_INTERFACES), 0);
	assert_int_equal(send_to(other, "home", 4, group), 0);
	assert_int_equal(receive(rig, member, buf, NULL), 4);
	assert_int_equal(receive(rig, other, buf, NULL), 4);
	assert_int_equal(rws_multicast_leave(member, &group, 0), 0);
	assert_int_equal(rws_multicast_leave(member, &group, 0), -EADDRNOTAVAIL);
	assert_int_equal(send_to(client, "other", 5, group), 0);
	assert_int_equal(receive(rig, other, buf, NULL), 5);
	expect_nothing(rig, member);
	rws_dispose(other);
	dispose(rig, client, member);
}

static void groups_of_ipv4_reach_their_members(void **state)
{
	groups_reach_their_members(*state, "239.1.2.3", false);
}

static void groups_of_ipv6_reach_their_members(void **state)
{
	groups_reach_their_members(*state, "ff15::1234", true);
}

/* ---- Groups with two stack cores -------------------------------------------------------- */

/* What end 1 tells of one group: reports that it joined, messages that it left. */
struct memberships {
	unsigned joined, left;
};

static bool ends_with_group(const uint8_t *at, bool ipv6)
{
	static const uint8_t v4[] = {239, 1, 2, 3}, v6[] = {0xff, 0x15, [14] = 0x12, 0x34};

	return ipv6 ? memcmp(at, v6, 16) == 0 : memcmp(at, v4, 4) == 0;
}

/* RFC 2236 2, RFC 2710 3: IGMPv2 behind IPv4 with or without options, MLDv1 behind a router alert. */
static void watch(void *user, unsigned from, uint64_t now_ns, const uint8_t *frame, unsigned length)
{
	struct memberships *m = user;
	const uint8_t *ip = frame + 14;

	if (from != 1 || length < 14 + 20)
		return;
	if (frame[12] == 0x08 && frame[13] == 0 && ip[9] == 2) {
		const uint8_t *igmp = ip + (size_t)(ip[0] & 15) * 4;
		m->joined += igmp[0] == 0x16 && ends_with_group(igmp + 4, false);
		m->left += igmp[0] == 0x17 && ends_with_group(igmp + 4, false);
	}
	if (frame[12] == 0x86 && ip[6] == 0 && ip[40] == 58 && length >= 14 + 40 + 8 + 24) {
		const uint8_t *mld = ip + 48;
		m->joined += mld[0] == 131 && ends_with_group(mld + 8, true);
		m->left += mld[0] == 132 && ends_with_group(mld + 8, true);
	}
}

/* A member on each core, on one port. */
struct members {
	struct rws_address group;
	rws_socket_t client, on[2];
};

static struct members make_members(struct rig *rig, bool ipv6)
{
	const struct rws_options shared = {.reuse_port = true};
	struct rws_selector *sel[2] = {rig->sel[1], rig->second};
	struct rws_address any = {.port = PORT};
	struct members m;

	assert_int_equal(rws_address_parse(ipv6 ? "ff15::1234" : "239.1.2.3", &m.group), 0);
	m.group.port = PORT;
	m.client = bind_at(rig, 0, ipv6, 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(rws_udp_bind(sel[i], &any, &shared, &m.on[i]), 0);
	return m;
}

static void dispose_members(struct rig *rig, const struct members *m)
{
	rws_dispose(m->on[1]);
	dispose(rig, m->client, m->on[0]);
}

/* It comes to each of the sockets once. */
static void expect_at(struct rig *rig, const struct members *m, bool first, bool second)
{
	uint8_t *got = malloc(RWS_DATAGRAM_MAX);
	bool expected[2] = {first, second};

	assert_non_null(got);
	rig_run(rig, SECOND / 10);
	for (unsigned i = 0; i < 2; i++) {
		struct rws_datagram d = {.data = got, .capacity = RWS_DATAGRAM_MAX};
		assert_int_equal(rws_receive(m->on[i], &d), expected[i] ? 0 : -EAGAIN);
		if (expected[i])
			assert_int_equal(rws_receive(m->on[i], &d), -EAGAIN);
	}
	free(got);
}

/* The network hears of the first that joins and the last that leaves, on whichever cores. */
static void groups_span_cores(struct rig *rig, bool ipv6)
{
	static const size_t sizes[] = {5, 0, 5000, 40000};
	struct memberships told = {0};
	struct members m = make_members(rig, ipv6);
	uint8_t *bytes = pattern(RWS_DATAGRAM_MAX);

	wire_tap(rig->wire, watch, &told);
	assert_int_equal(rws_multicast_join(m.on[1], &m.group, 0), 0);
	rig_run(rig, 20 * SECOND);
	assert_true(told.joined > 0);
	unsigned joined = told.joined;
	assert_int_equal(rws_multicast_join(m.on[0], &m.group, RWS_ALL_INTERFACES), 0);
	rig_run(rig, 20 * SECOND);
	assert_int_equal(told.joined, joined);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(send_to(m.client, bytes, sizes[i], m.group), 0);
		expect_at(rig, &m, true, true);
	}
	assert_int_equal(rws_multicast_leave(m.on[1], &m.group, 0), 0);
	assert_int_equal(send_to(m.client, bytes, 5, m.group), 0);
	assert_int_equal(send_to(m.client, bytes, 5000, m.group), 0);
	rig_run(rig, SECOND / 10);
	assert_int_equal(told.left, 0);
	assert_int_equal(rws_close(m.on[0]), 0);
	rig_run(rig, SECOND / 10);
	assert_int_equal(told.left, 1);
	wire_tap(rig->wire, NULL, NULL);
	free(bytes);
	dispose_members(rig, &m);
}

static void groups_of_ipv4_span_cores(void **state)
{
	groups_span_cores(*state, false);
}

static void groups_of_ipv6_span_cores(void **state)
{
	groups_span_cores(*state, true);
}

/* RFC 1112 6.1: what a member sends, the others on its host hear; of every size, whole. */
static void groups_hear_their_own_on_every_core(void **state)
{
	static const size_t sizes[] = {5, 0, 9000, RWS_DATAGRAM_MAX};
	struct rig *rig = *state;
	uint8_t *bytes = pattern(RWS_DATAGRAM_MAX), *got = malloc(RWS_DATAGRAM_MAX);

	assert_non_null(got);
	for (unsigned i = 0; i < 8; i++) {
		bool ipv6 = i >= 4;
		size_t size = ipv6 && i == 7 ? 65487 : sizes[i % 4];
		struct members m = make_members(rig, ipv6);
		assert_int_equal(rws_multicast_join(m.on[0], &m.group, 0), 0);
		assert_int_equal(rws_multicast_join(m.on[1], &m.group, 0), 0);
		assert_int_equal(send_to(m.on[i % 2], bytes, size, m.group), 0);
		rig_run(rig, SECOND / 10);
		for (unsigned j = 0; j < 2; j++) {
			struct rws_datagram d = {.data = got, .capacity = RWS_DATAGRAM_MAX};
			struct rws_address own = rig_address(1, ipv6, PORT);
			assert_int_equal(rws_receive(m.on[j], &d), 0);
			assert_int_equal(d.length, size);
			assert_memory_equal(bytes, got, size);
			assert_true(rws_address_equal(&d.address, &own));
			assert_true(rws_address_equal(&d.local, &m.group));
			assert_int_equal(rws_receive(m.on[j], &d), -EAGAIN);
		}
		/* A core whose socket has the port and did not join hears nothing. */
		assert_int_equal(rws_multicast_leave(m.on[1], &m.group, 0), 0);
		assert_int_equal(send_to(m.on[0], bytes, size, m.group), 0);
		expect_at(rig, &m, true, false);
		dispose_members(rig, &m);
	}
	free(bytes);
	free(got);
}

/* A socket's port says which core it lives on. */
static void groups_reach_members_on_either_core(void **state)
{
	struct rig *rig = *state;
	char buf[64];

	for (uint16_t i = 0; i < 4; i++) {
		bool ipv6 = i / 2 != 0;
		struct memberships told = {0};
		struct rws_address any = {.port = (uint16_t)(PORT + i % 2)}, group;
		rws_socket_t client = bind_at(rig, 0, ipv6, 0), member;
		assert_int_equal(rws_address_parse(ipv6 ? "ff15::1234" : "239.1.2.3", &group), 0);
		group.port = any.port;
		assert_int_equal(rws_udp_bind(rig->sel[1], &any, NULL, &member), 0);
		wire_tap(rig->wire, watch, &told);
		assert_int_equal(rws_multicast_join(member, &group, 0), 0);
		assert_int_equal(rws_multicast_join(member, &group, 0), -EADDRINUSE);
		rig_run(rig, 20 * SECOND);
		assert_true(told.joined > 0);
		assert_int_equal(send_to(client, "member", 6, group), 0);
		assert_int_equal(receive(rig, member, buf, NULL), 6);
		assert_int_equal(rws_multicast_leave(member, &group, 0), 0);
		rig_run(rig, SECOND / 10);
		assert_int_equal(told.left, 1);
		assert_int_equal(send_to(client, "nobody", 6, group), 0);
		expect_nothing(rig, member);
		wire_tap(rig->wire, NULL, NULL);
		dispose(rig, client, member);
	}
}

static void broadcasts_reach_every_core(void **state)
{
	struct rig *rig = *state;
	struct rws_address all = {.family = RWS_IPV4, .port = PORT, .ip = {255, 255, 255, 255}};
	struct rws_address subnet = {.family = RWS_IPV4, .port = PORT, .ip = {10, 0, 0, 255}};
	struct rws_options options = {.broadcast = true};
	struct members m = make_members(rig, false);
	uint8_t *bytes = pattern(5000);

	rws_dispose(m.client);
	assert_int_equal(rws_udp_bind(rig->sel[0], NULL, &options, &m.client), 0);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(
			send_to(m.client, bytes, i < 2 ? 5 : 5000, i % 2 ? all : subnet), 0);
		expect_at(rig, &m, true, true);
	}
	free(bytes);
	dispose_members(rig, &m);
}

/* A core that puts it together and has not got the port does not hand it on: the other did, too. */
static void fragments_to_many_come_once(void **state)
{
	static const char *const many[] = {"239.1.2.3", "ff15::1234", "10.0.0.255"};
	struct rig *rig = *state;
	struct rws_options options = {.broadcast = true};
	struct rws_address here = {.port = PORT}, elsewhere = {.port = PORT + 1}, to;
	uint8_t *bytes = pattern(5000);
	char byte;

	for (unsigned i = 0; i < 6; i++) {
		struct rws_selector *sel[2] = {rig->sel[1], rig->second};
		rws_socket_t client, member, other;
		assert_int_equal(rws_address_parse(many[i % 3], &to), 0);
		to.port = PORT;
		assert_int_equal(rws_udp_bind(rig->sel[0], NULL, &options, &client), 0);
		assert_int_equal(rws_udp_bind(sel[i / 3], &here, NULL, &member), 0);
		assert_int_equal(rws_udp_bind(sel[1 - i / 3], &elsewhere, NULL, &other), 0);
		if (i % 3 < 2) {
			assert_int_equal(rws_multicast_join(member, &to, 0), 0);
			assert_int_equal(rws_multicast_join(other, &to, 0), 0);
		}
		for (unsigned n = 0; n < 8; n++) /* each with fragments of another identification */
			assert_int_equal(send_to(client, bytes, 5000, to), 0);
		rig_run(rig, SECOND / 10);
		struct rws_datagram d = {.data = &byte, .capacity = 1};
		for (unsigned n = 0; n < 8; n++)
			assert_int_equal(rws_receive(member, &d), 0);
		assert_int_equal(rws_receive(member, &d), -EAGAIN);
		rws_dispose(other);
		dispose(rig, client, member);
	}
	free(bytes);
}

/* Its next stack is a member again of what the other cores' sockets joined. */
static void groups_outlive_the_first_core(void **state)
{
	struct rig *rig = *state;
	struct memberships told = {0};
	struct rws_address group, any = {.port = PORT};
	rws_socket_t member;

	assert_int_equal(rws_address_parse("239.1.2.3", &group), 0);
	assert_int_equal(rws_udp_bind(rig->second, &any, NULL, &member), 0);
	assert_int_equal(rws_multicast_join(member, &group, 0), 0);
	rig_run(rig, 20 * SECOND);
	assert_int_equal(rws_selector_close(rig->sel[1]), 0);
	rig->sel[1] = NULL;
	rig_run(rig, SECOND);
	wire_tap(rig->wire, watch, &told);
	assert_int_equal(rws_selector_create(rig->rws[1], 0, &rig->sel[1]), 0);
	rig_run(rig, 20 * SECOND);
	assert_true(told.joined > 0);
	wire_tap(rig->wire, NULL, NULL);
	rws_dispose(member);
	rig_run(rig, SECOND);
}

/* Those of core 1 that core 0 is told of are bounded; what is left makes room. */
static void groups_of_a_core_are_bounded(void **state)
{
	enum { SOCKETS = 9, EACH = 32, MOST = 256 };
	struct rig *rig = *state;
	struct rws_address group = {.family = RWS_IPV4, .ip = {239}};
	struct rws_address any = {0};
	rws_socket_t s[SOCKETS];

	for (unsigned i = 0; i < SOCKETS; i++) {
		assert_int_equal(rws_udp_bind(rig->second, &any, NULL, &s[i]), 0);
		for (unsigned g = 0; g < EACH; g++) {
			group.ip[2] = (uint8_t)i;
			group.ip[3] = (uint8_t)g;
			assert_int_equal(rws_multicast_join(s[i], &group, 0),
				i * EACH + g < MOST ? 0 : -ENOBUFS);
		}
	}
	rws_dispose(s[0]);
	rig_run(rig, SECOND / 10);
	assert_int_equal(rws_multicast_join(s[SOCKETS - 1], &group, 0), 0);
	for (unsigned i = 1; i < SOCKETS; i++)
		rws_dispose(s[i]);
	rig_run(rig, SECOND);
}

#define CASE(test)           BOTH_CASE(test, rig_setup, rig_teardown)
#define ADDRESSES_CASE(test) BOTH_CASE(test, rig_setup_addresses, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(b114_datagrams_keep_their_boundaries_over_ipv4),
		CASE(b114_datagrams_keep_their_boundaries_over_ipv6),
		CASE(b114_a_slow_reader_loses_whole_datagrams_only),
		CASE(b114_close_sends_the_last_datagrams),
		CASE(b113_connected_sockets_know_both_ends),
		CASE(b115_a_socket_receives_what_it_sends_to_itself),
		BOTH_CASE(b115_what_a_host_sends_to_itself_finds_every_core, rig_setup_two_cores,
			rig_teardown),
		BOTH_CASE(b115_a_connected_socket_is_told_when_no_core_is_at_home,
			rig_setup_two_cores, rig_teardown),
		CASE(b116_datagrams_of_10000_bytes_arrive_whole),
		CASE(b117_broadcast_needs_the_option),
		CASE(b118_close_ends_receiving_and_sending),
		CASE(b119_the_end_is_told_once_with_its_cause),
		CASE(b120_datagrams_without_bytes_cross_both_ways),
		CASE(b121_an_oversize_datagram_is_refused_and_the_socket_lives),
		CASE(b122_a_connected_socket_sends_to_nobody_else),
		CASE(b123_a_connected_socket_hears_nobody_else),
		CASE(b124_an_unreachable_port_is_one_error_and_receiving_goes_on),
		CASE(b125_overflow_keeps_the_oldest_and_counts_the_rest),
		CASE(b126_bursts_keep_senders_and_say_what_was_cut),
		CASE(b127_a_port_is_free_as_soon_as_it_is_closed),
		ADDRESSES_CASE(answers_come_from_the_address_asked),
		ADDRESSES_CASE(a_source_that_is_not_ours_is_an_error),
		CASE(groups_of_ipv4_reach_their_members),
		CASE(groups_of_ipv6_reach_their_members),
		INLINE_CASE(groups_of_ipv4_span_cores, rig_setup_two_cores, rig_teardown),
		INLINE_CASE(groups_of_ipv6_span_cores, rig_setup_two_cores, rig_teardown),
		INLINE_CASE(groups_hear_their_own_on_every_core, rig_setup_two_cores, rig_teardown),
		CHANNEL_CASE(
			groups_reach_members_on_either_core, rig_setup_two_cores, rig_teardown),
		INLINE_CASE(broadcasts_reach_every_core, rig_setup_two_cores, rig_teardown),
		INLINE_CASE(fragments_to_many_come_once, rig_setup_two_cores, rig_teardown),
		INLINE_CASE(groups_outlive_the_first_core, rig_setup_two_cores, rig_teardown),
		INLINE_CASE(groups_of_a_core_are_bounded, rig_setup_two_cores, rig_teardown),
		BOTH_CASE(largest_receive_buffer_receives, rig_setup, rig_teardown),
		BOTH_CASE(small_receive_buffer_receives, rig_setup, rig_teardown),
	};

	return cmocka_run_group_tests_name(
		"wire dgram", tests, rig_group_setup, rig_group_teardown);
}
