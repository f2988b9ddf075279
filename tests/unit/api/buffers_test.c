/* SPDX-License-Identifier: BSD-3-Clause */
/* Who gets the selector's transmit buffers when they are short; see api/selector.h. */
#include "tests/unit/api/fake.h"

#define CASE(test) BOTH_CASE(test, start, fake_teardown)

#define ABSENT 1990u
#define BLOCK  65536u

static uint8_t block[BLOCK];

/* Nothing is acknowledged but by the test, and buffers stay until then. */
static int start(void **state)
{
	fake_start(placement_of(state), 1);
	fake.no_ack = fake.keep_sent = true;
	return 0;
}

static rws_channel_t open_out(struct fake_end **end)
{
	rws_socket_t s = fake_connect(sel, NULL, end);
	rws_channel_t out;

	assert_int_equal(rws_open_write_channel(s, true, &out), 0);
	return out;
}

/* All that it takes goes to a peer that does not acknowledge. */
static void fill(rws_channel_t out)
{
	while (rws_write_available(out, block, sizeof(block)) > 0)
		fake_turn(sel, 1);
}

static void fill_all(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct fake_end *end;
		fill(open_out(&end));
		fake_turn(sel, 1);
	}
}

static void forget_events(void)
{
	struct rws_event events[64];

	while (rws_selector_select(sel, events, 64, RWS_NOW) > 0)
		continue;
}

/* How many are told WRITABLE, by one turn or the next. */
static unsigned told(void)
{
	struct rws_event events[64];
	unsigned n = 0;
	int count = rws_selector_select(sel, events, 64, rws_now(sel) + MS);

	for (int i = 0; i < count; i++)
		n += (events[i].bits & RWS_EV_WRITABLE) != 0;
	return n;
}

/* A megabyte by a writer whose peer acknowledges all that comes. */
static void assert_goes_on(rws_channel_t out, struct fake_end *end)
{
	for (size_t done = 0; done < 1 << 20;) {
		ssize_t n = rws_write_available(out, block, sizeof(block));
		assert_true(n > 0);
		done += (size_t)n;
		fake_turn(sel, 1);
		fake_ack(end, (uint32_t)end->unacked);
		fake_turn(sel, 1);
	}
}

static void b061_two_thousand_that_are_not_read_leave_buffers(void **state)
{
	struct fake_end *end;

	fill_all(ABSENT);
	assert_in_range(fake.buffers_out, SELECTOR_BUFFERS / 2, SELECTOR_BUFFERS - 100);
	rws_channel_t out = open_out(&end);
	assert_goes_on(out, end);
}

/* What cannot be done in parts is not refused for good. */
static void b061_who_needs_many_at_once_gets_them(void **state)
{
	struct fake_end *end;
	struct iovec iov[64];

	fill_all(500);
	rws_channel_t out = open_out(&end);
	assert_true(rws_write_request(out, 1 << 18, iov, 64) == -EINVAL); /* too few vectors */
	assert_true(rws_write_request(out, BLOCK, iov, 64) >= (int)(BLOCK / 2048));
	assert_int_equal(rws_written(out, BLOCK), 0);
	fake_turn(sel, 1);
	assert_int_equal(rws_write_request(out, BLOCK, iov, 64), -EAGAIN);
	fake_ack(end, BLOCK);
	forget_events();
	assert_true(rws_write_request(out, BLOCK, iov, 64) > 0);
}

/* One alone may have as many as its send buffer says. */
static void one_socket_alone_has_all_that_it_asks_for(void **state)
{
	struct rws_options options = {.send_buffer = 5 << 20};
	struct fake_end *end;
	rws_channel_t out;
	size_t done = 0;
	ssize_t n;

	rws_socket_t s = fake_connect(sel, &options, &end);
	assert_int_equal(rws_open_write_channel(s, true, &out), 0);
	while ((n = rws_write_available(out, block, sizeof(block))) > 0) {
		done += (size_t)n;
		fake_turn(sel, 1);
	}
	assert_true(done >= 4 << 20);
}

/* A wait for room is one for the peer, and not a matter of the loop's. */
static void who_holds_its_share_waits_for_its_peer(void **state)
{
	struct fake_end *end;

	fill_all(500);
	rws_channel_t out = open_out(&end);
	fill(out);
	forget_events();
	assert_int_equal(rws_await_free_space(out, 1, rws_now(sel) + 50 * MS), -ETIMEDOUT);
	assert_int_equal(rws_await(out, RWS_EV_WRITABLE, rws_now(sel) + MS), -ETIMEDOUT);
	assert_int_equal(told(), 0);
	fake_ack(end, (uint32_t)end->unacked);
	assert_int_equal(told(), 1);
	assert_int_equal(rws_await_free_space(out, 1, rws_now(sel) + 50 * MS), 1);
	assert_true(rws_write_available(out, block, sizeof(block)) > 0);
}

/* What is copied because received buffers are short goes on the account of who sends it. */
static void copies_to_those_who_are_not_read_leave_buffers(void **state)
{
	struct fake_end *from, *to;
	rws_channel_t in, out;

	fake.short_packets = true;
	for (unsigned i = 0; i < 900; i++) {
		rws_socket_t s = fake_connect(sel, NULL, &from);
		assert_int_equal(rws_open_read_channel(s, &in), 0);
		out = open_out(&to);
		assert_int_equal(rws_copy_to(in, out, UINT64_MAX, 0, NULL), 0);
		fake_data(from, block, sizeof(block));
		fake_turn(sel, 2);
	}
	assert_in_range(fake.buffers_out, SELECTOR_BUFFERS / 2, SELECTOR_BUFFERS - 100);
	size_t before = to->sent_len;
	fake_ack(to, (uint32_t)to->unacked);
	fake_turn(sel, 3);
	assert_true(to->sent_len > before);
	out = open_out(&to);
	assert_goes_on(out, to);
}

static void who_found_no_buffer_is_told_in_turn(void **state)
{
	struct fake_end *end;
	rws_channel_t out[3];

	for (unsigned i = 0; i < 3; i++)
		out[i] = open_out(&end);
	fake.pool_limit = 0;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(rws_write_available(out[i], "x", 1), -EAGAIN);
	forget_events();
	for (unsigned i = 0; i < 3; i++) {
		fake.pool_limit++;
		assert_int_equal(told(), 1);
		assert_int_equal(rws_write_available(out[i], "x", 1), 1);
		fake_turn(sel, 1);
	}
}

/* Buffers are no use to who waits for a place in the ring. */
static void who_found_a_full_ring_is_told_when_it_has_room(void **state)
{
	struct rws_datagram d = {.data = block, .length = 1, .address = fake_peer};
	int result;
	rws_socket_t s;

	assert_int_equal(rws_udp_bind(sel, NULL, NULL, &s), 0);
	forget_events();
	fake.keep_sent = false; /* nobody acknowledges datagrams */
	fake.mute = true;
	while ((result = rws_send(s, &d)) == 0)
		continue;
	assert_int_equal(result, -EAGAIN);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(told(), 0);
	fake.mute = false;
	fake_turn(sel, 1);
	assert_int_equal(told(), 1);
	assert_int_equal(rws_send(s, &d), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(b061_two_thousand_that_are_not_read_leave_buffers),
		CASE(b061_who_needs_many_at_once_gets_them),
		CASE(one_socket_alone_has_all_that_it_asks_for),
		CASE(who_holds_its_share_waits_for_its_peer),
		CASE(copies_to_those_who_are_not_read_leave_buffers),
		CASE(who_found_no_buffer_is_told_in_turn),
		CASE(who_found_a_full_ring_is_told_when_it_has_room),
	};

	return cmocka_run_group_tests_name("buffers", tests, NULL, NULL);
}
