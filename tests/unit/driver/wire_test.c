/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver/wire.h"

#include <errno.h>
#include <string.h>

#include "driver/pktbuf.h"
#include "tests/unit/driver/lab.h"

static struct pktpool *pool;
static struct wire *wire;

static void make_wire(uint32_t offloads, unsigned queues, unsigned frames)
{
	struct fault fault = {""};

	pool = lab_pool(512, 2048);
	struct wire_config config = {
		.seed = 1, .queues = queues, .offloads = offloads, .pool = pool, .frames = frames};
	if (wire_create(&config, &wire, &fault) != 0)
		fail_msg("%s", fault.text);
}

static void free_wire(void)
{
	wire_free(wire);
	lab_pool_free(pool);
}

/* Sends a UDP frame with a number in its source port. */
static enum drop_reason send_number(unsigned from, unsigned number)
{
	struct lab_frame what = {.payload = 30, .source_port = (uint16_t)(1000 + number)};
	uint8_t bytes[128];
	unsigned ip, l4;
	unsigned length = lab_frame(&what, bytes, sizeof(bytes), &ip, &l4);
	struct pbuf p;

	lab_point(&p, bytes, length);
	return lab_tx(wire_port(wire, from), 0, &p);
}

/* The number of the next frame, -1 when there is none. */
static int receive_number(unsigned end, unsigned queue)
{
	struct pbuf *p;

	if (port_rx_burst(wire_port(wire, end), queue, &p, 1) == 0)
		return -1;
	const uint8_t *bytes = p->payload;
	int number = (bytes[34] << 8 | bytes[35]) - 1000;
	pbuf_free(p);
	return number;
}

static void frames_arrive_when_they_are_due_and_in_order(void **state)
{
	struct wire_impairment slow = {.delay_ns = 1000};

	(void)state;
	make_wire(0, 1, 0);
	wire_impair(wire, 0, &slow);
	assert_true(wire_next_due(wire) == UINT64_MAX);
	for (unsigned i = 0; i < 50; i++) {
		wire_set_now(wire, i);
		assert_int_equal(send_number(0, i), DROP_NONE);
	}
	assert_int_equal(receive_number(1, 0), -1);
	assert_int_equal(wire_next_due(wire), 1000);
	wire_set_now(wire, 1000);
	assert_int_equal(receive_number(1, 0), 0);
	assert_int_equal(receive_number(1, 0), -1);
	wire_set_now(wire, 2000);
	wire_set_now(wire, 1); /* time does not go back */
	for (int i = 1; i < 50; i++)
		assert_int_equal(receive_number(1, 0), i);
	assert_int_equal(receive_number(1, 0), -1);
	assert_int_equal(receive_number(0, 0), -1);
	assert_int_equal(wire_counters(wire, 0)->sent, 50);
	assert_int_equal(wire_counters(wire, 0)->delivered, 50);
	assert_int_equal(port_counters(wire_port(wire, 1), 0)->rx_frames, 50);
	free_wire();
}

static void equal_times_keep_the_order_of_sending(void **state)
{
	(void)state;
	make_wire(0, 1, 0);
	wire_impair(wire, 1, &(struct wire_impairment){.delay_ns = 5});
	for (unsigned i = 0; i < 200; i++)
		send_number(1, i);
	wire_set_now(wire, 5);
	for (int i = 0; i < 200; i++)
		assert_int_equal(receive_number(0, 0), i);
	free_wire();
}

static void losses_and_doubles_are_counted(void **state)
{
	unsigned received = 0;

	(void)state;
	make_wire(0, 1, 0);
	wire_impair(
		wire, 0, &(struct wire_impairment){.loss_ppm = 200000, .duplicate_ppm = 100000});
	for (unsigned i = 0; i < 1000; i++) {
		send_number(0, i);
		for (int n; (n = receive_number(1, 0)) >= 0; received++)
			assert_int_equal(n, i);
	}
	const struct wire_counters *c = wire_counters(wire, 0);
	assert_int_equal(c->sent, 1000);
	assert_in_range(c->lost, 150, 250);
	assert_in_range(c->duplicated, 50, 120);
	assert_int_equal(received, 1000 - c->lost + c->duplicated);
	assert_int_equal(c->delivered, received);
	free_wire();
}

static void frames_in_flight_are_bounded(void **state)
{
	(void)state;
	make_wire(0, 1, 10);
	wire_impair(wire, 0, &(struct wire_impairment){.delay_ns = 100});
	for (unsigned i = 0; i < 15; i++)
		assert_int_equal(send_number(0, i), DROP_NONE);
	assert_int_equal(wire_counters(wire, 0)->queue_full, 5);
	wire_set_now(wire, 100); /* arrived, not received: they still count */
	assert_int_equal(send_number(0, 99), DROP_NONE);
	assert_int_equal(wire_counters(wire, 0)->queue_full, 6);
	for (int i = 0; i < 10; i++)
		assert_int_equal(receive_number(1, 0), i);
	assert_int_equal(receive_number(1, 0), -1);
	free_wire();
}

static void a_pulled_cable_loses_what_is_in_it(void **state)
{
	(void)state;
	make_wire(0, 1, 0);
	wire_impair(wire, 0, &(struct wire_impairment){.delay_ns = 100});
	send_number(0, 1);
	wire_set_link(wire, false);
	assert_false(port_link_up(wire_port(wire, 0)));
	assert_false(port_link_up(wire_port(wire, 1)));
	assert_int_equal(send_number(0, 2), DROP_LINK_DOWN);
	assert_int_equal(port_counters(wire_port(wire, 0), 0)->drops.count[DROP_LINK_DOWN], 1);
	wire_set_link(wire, true);
	wire_set_now(wire, 1000);
	assert_int_equal(receive_number(1, 0), -1);
	assert_int_equal(wire_counters(wire, 0)->lost, 1);
	send_number(0, 3);
	wire_set_now(wire, 1100);
	assert_int_equal(receive_number(1, 0), 3);
	free_wire();
}

static void an_empty_pool_is_no_buffer_for_the_sender(void **state)
{
	struct pbuf *all[512];

	(void)state;
	make_wire(0, 1, 0);
	assert_int_equal(pktbuf_alloc_bulk(pool, all, 512), 512);
	assert_int_equal(send_number(0, 1), DROP_TX_NO_MBUF);
	for (unsigned i = 0; i < 512; i++)
		pbuf_free(all[i]);
	free_wire();
}

static void frames_longer_than_a_buffer_arrive_whole(void **state)
{
	struct lab_frame what = {.tcp = true, .payload = 8900};
	static uint8_t bytes[9100], got[9100];
	unsigned ip, l4;
	struct fault fault = {""};
	struct pbuf p, *back;

	(void)state;
	pool = lab_pool(64, 2048);
	struct wire_config config = {.mtu = 9000, .queues = 1, .pool = pool};
	assert_int_equal(wire_create(&config, &wire, &fault), 0);
	unsigned length = lab_frame(&what, bytes, sizeof(bytes), &ip, &l4);
	lab_point(&p, bytes, length);
	assert_int_equal(lab_tx(wire_port(wire, 0), 0, &p), DROP_NONE);
	assert_int_equal(port_rx_burst(wire_port(wire, 1), 0, &back, 1), 1);
	assert_int_equal(pbuf_copy_partial(back, got, sizeof(got), 0), length);
	assert_memory_equal(got, bytes, length);
	pbuf_free(back);
	lab_point(&p, bytes, 9019);
	assert_int_equal(lab_tx(wire_port(wire, 0), 0, &p), DROP_TX_TOO_LONG);
	free_wire();
}

static void pretended_devices_make_and_verify_checksums(void **state)
{
	uint32_t offloads = PORT_RX_IP_CHECKSUM | PORT_RX_L4_CHECKSUM | PORT_TX_IP_CHECKSUM |
		PORT_TX_TCP_CHECKSUM | PORT_TX_UDP_CHECKSUM;

	(void)state;
	make_wire(offloads, 1, 0);
	for (unsigned kind = 0; kind < 4; kind++) {
		struct lab_frame what = {.ipv6 = kind & 1, .tcp = kind & 2, .payload = 33};
		uint8_t bytes[256], good[256];
		unsigned ip, l4;
		unsigned length = lab_frame(&what, good, sizeof(good), &ip, &l4);
		struct pbuf p, *back;

		memcpy(bytes, good, length);
		memset(bytes + l4 + (what.tcp ? 16 : 6), 0, 2);
		if (!what.ipv6)
			memset(bytes + ip + 10, 0, 2);
		lab_point(&p, bytes, length);
		assert_int_equal(lab_tx(wire_port(wire, 0), 0, &p), DROP_NONE);
		assert_int_equal(port_rx_burst(wire_port(wire, 1), 0, &back, 1), 1);
		assert_memory_equal(back->payload, good, length);
		assert_int_equal(back->pkt_flags,
			PKT_L4_CHECKSUM_GOOD | (what.ipv6 ? 0 : PKT_IP_CHECKSUM_GOOD));
		pbuf_free(back);
	}
	free_wire();
}

/* A wire is a device: it cuts, whatever it pretends to do. */
static void super_segments_arrive_in_segments(void **state)
{
	static const uint32_t offloads[] = {0, PORT_TX_IP_CHECKSUM | PORT_TX_TCP_CHECKSUM,
		PORT_TX_IP_CHECKSUM | PORT_TX_TCP_CHECKSUM | PORT_TX_TSO};

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		struct lab_frame what = {.ipv6 = i & 1, .tcp = true, .payload = 20000};
		struct lab_super s;
		struct pbuf *back;
		unsigned done = 0, count = 0;

		make_wire(offloads[i / 2], 1, 0);
		lab_super_open(&s, pool, &what, 1400, 1111);
		assert_int_equal(port_tx(wire_port(wire, 0), 0, &s.frame), DROP_NONE);
		while (port_rx_burst(wire_port(wire, 1), 0, &back, 1) == 1) {
			lab_super_assert_next(&s, back->payload, back->len, &done);
			assert_true(lab_checksums_good(back->payload, 14, what.ipv6));
			pbuf_free(back);
			count++;
		}
		assert_int_equal(count, 15);
		assert_int_equal(done, 20000);
		assert_int_equal(port_counters(wire_port(wire, 0), 0)->tx_frames, 15);
		s.frame.gso_size = 1500;
		assert_int_equal(port_tx(wire_port(wire, 0), 0, &s.frame), DROP_TX_TOO_LONG);
		lab_super_close(&s);
		free_wire();
	}
}

/* One flipped bit never passes as good: it is found, or it lies where no checksum looks. */
static void corrupted_frames_are_found(void **state)
{
	unsigned found = 0;

	(void)state;
	make_wire(PORT_RX_IP_CHECKSUM | PORT_RX_L4_CHECKSUM, 1, 0);
	wire_impair(wire, 0, &(struct wire_impairment){.corrupt_ppm = 1000000});
	for (unsigned i = 0; i < 500; i++) {
		struct lab_frame what = {.tcp = true, .payload = 30};
		uint8_t bytes[128];
		unsigned ip, l4;
		unsigned length = lab_frame(&what, bytes, sizeof(bytes), &ip, &l4);
		struct pbuf p, *back;

		lab_point(&p, bytes, length);
		assert_int_equal(lab_tx(wire_port(wire, 0), 0, &p), DROP_NONE);
		if (port_rx_burst(wire_port(wire, 1), 0, &back, 1) == 0) {
			found++;
			continue;
		}
		assert_memory_not_equal(back->payload, bytes, length);
		if ((back->pkt_flags & PKT_L4_CHECKSUM_GOOD) != 0)
			assert_memory_equal((uint8_t *)back->payload + l4, bytes + l4, length - l4);
		pbuf_free(back);
	}
	const struct drop_counters *drops = &port_counters(wire_port(wire, 1), 0)->drops;
	assert_int_equal(drops->count[DROP_IP_CHECKSUM] + drops->count[DROP_L4_CHECKSUM], found);
	assert_true(found > 250);
	assert_int_equal(wire_counters(wire, 0)->corrupted, 500);
	free_wire();
}

static void flows_are_spread_as_predicted(void **state)
{
	ip_addr_t remote = IPADDR4_INIT_BYTES(10, 0, 0, 1), local = IPADDR4_INIT_BYTES(10, 0, 0, 2);
	unsigned used[4] = {0};

	(void)state;
	make_wire(PORT_RSS, 4, 0);
	for (unsigned i = 0; i < 200; i++) {
		int queue = port_rss_queue(
			wire_port(wire, 1), &remote, (uint16_t)(1000 + i), &local, 80);
		assert_in_range(queue, 0, 3);
		send_number(0, i);
		assert_int_equal(receive_number(1, (unsigned)queue), i);
		used[queue]++;
	}
	for (unsigned q = 0; q < 4; q++)
		assert_true(used[q] > 20);
	free_wire();
}

struct seen {
	unsigned count, from;
	uint64_t now;
};

static void see(void *user, unsigned from, uint64_t now, const uint8_t *frame, unsigned length)
{
	struct seen *seen = user;

	seen->count++;
	seen->from = from;
	seen->now = now;
	assert_int_equal(frame[12] << 8 | frame[13], 0x0800);
	assert_int_equal(length, 72);
}

static void the_tap_sees_frames_before_they_are_lost(void **state)
{
	struct seen seen = {0};

	(void)state;
	make_wire(0, 1, 0);
	wire_tap(wire, see, &seen);
	wire_impair(wire, 1, &(struct wire_impairment){.loss_ppm = 1000000});
	wire_set_now(wire, 77);
	send_number(1, 0);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.from, 1);
	assert_int_equal(seen.now, 77);
	wire_tap(wire, NULL, NULL);
	send_number(1, 0);
	assert_int_equal(seen.count, 1);
	free_wire();
}

static void wrong_wires_are_refused(void **state)
{
	struct fault fault = {""};
	struct wire *none;

	(void)state;
	pool = lab_pool(16, 512);
	struct wire_config wrong[] = {
		{.queues = 0, .pool = pool},
		{.queues = 9, .pool = pool},
		{.queues = 1, .mtu = 500, .pool = pool},
		{.queues = 1, .mtu = 9001, .pool = pool},
		{.queues = 1, .frames = 1u << 24, .pool = pool},
		{.queues = 1},
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(wire_create(&wrong[i], &none, &fault), -EINVAL);
	lab_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_arrive_when_they_are_due_and_in_order),
		cmocka_unit_test(equal_times_keep_the_order_of_sending),
		cmocka_unit_test(losses_and_doubles_are_counted),
		cmocka_unit_test(frames_in_flight_are_bounded),
		cmocka_unit_test(a_pulled_cable_loses_what_is_in_it),
		cmocka_unit_test(an_empty_pool_is_no_buffer_for_the_sender),
		cmocka_unit_test(frames_longer_than_a_buffer_arrive_whole),
		cmocka_unit_test(pretended_devices_make_and_verify_checksums),
		cmocka_unit_test(super_segments_arrive_in_segments),
		cmocka_unit_test(corrupted_frames_are_found),
		cmocka_unit_test(flows_are_spread_as_predicted),
		cmocka_unit_test(the_tap_sees_frames_before_they_are_lost),
		cmocka_unit_test(wrong_wires_are_refused),
	};
	return cmocka_run_group_tests(tests, lab_start, lab_stop);
}
