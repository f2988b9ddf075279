/* SPDX-License-Identifier: BSD-3-Clause */
/* A port on net_ring: what is sent waits in the device, and comes in again. */
#include "driver/port.h"

#include <errno.h>
#include <string.h>

#include "driver/pktbuf.h"
#include "tests/unit/driver/lab.h"

static struct pktpool *pool;
static struct port *port;

static int open_port(void **state)
{
	struct port_config config = {.device = LAB_DEVICE, .queues = 1, .pools = &pool};
	struct fault fault = {""};

	if (lab_start(state) != 0)
		return -1;
	pool = lab_pool(4096, 2048);
	int err = port_open(&config, &port, &fault);
	if (err != 0)
		print_error("%s\n", fault.text);
	return err;
}

static int close_port(void **state)
{
	port_close(port);
	lab_pool_free(pool);
	return lab_stop(state);
}

static void info_tells_what_was_opened(void **state)
{
	struct port_info info;

	(void)state;
	port_get_info(port, &info);
	assert_string_equal(info.name, "net_ring0");
	assert_string_equal(info.driver, "net_ring");
	assert_int_equal(info.mtu, 1500);
	assert_int_equal(info.queues, 1);
	assert_int_equal(info.offloads, PORT_TX_MULTI_SEGS);
	assert_true(port_link_up(port));
	assert_false(port_is_gone(port));
	assert_int_equal(port_rx_fd(port, 0), -ENOTSUP);
	assert_int_equal(port_rx_fd(port, 1), -ENOTSUP); /* there is no such queue */
	assert_false(info.rx_interrupt);
}

static void wrong_configurations_are_refused(void **state)
{
	static const struct {
		struct port_config config;
		int err;
		const char *says;
	} wrong[] = {
		{{.device = LAB_DEVICE, .queues = 0}, -EINVAL, "0 queues"},
		{{.device = LAB_DEVICE, .queues = 65}, -EINVAL, "65 queues"},
		{{.device = LAB_DEVICE, .queues = 1, .mtu = 575}, -EINVAL, "575"},
		{{.device = LAB_DEVICE, .queues = 1, .mtu = 9001}, -EINVAL, "9001"},
		{{.device = LAB_DEVICE, .queues = 1}, -EINVAL, "packet pool"},
		{{.device = "net_null7", .queues = 1}, -ENODEV, "net_null7"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct port *other;
		struct fault fault = {""};
		assert_int_equal(port_open(&wrong[i].config, &other, &fault), wrong[i].err);
		assert_non_null(strstr(fault.text, wrong[i].says));
		assert_null(other);
	}
}

static void sent_bytes_stay_until_the_device_gives_them_back(void **state)
{
	struct lab_frame what = {.tcp = true, .payload = 1400};
	uint8_t bytes[1600];
	unsigned ip, l4;
	unsigned length = lab_frame(&what, bytes, sizeof(bytes), &ip, &l4);
	struct pbuf *p = lab_packet(pool, bytes, length, 2048), *back[4];
	uint64_t sent = port_counters(port, 0)->tx_frames;

	(void)state;
	assert_int_equal(lab_tx(port, 0, p), DROP_NONE);
	assert_int_equal(port_counters(port, 0)->tx_frames, sent);
	assert_int_equal(port_tx_flush(port, 0), 0);
	assert_int_equal(port_counters(port, 0)->tx_frames, sent + 1);
	assert_int_equal(p->ref, 1);
	memset(p->payload, 0xff, l4 + 20);
	pbuf_free(p);
	assert_int_equal(pktpool_in_use(pool), 1);
	assert_int_equal(port_rx_burst(port, 0, back, 4), 1);
	assert_int_equal(back[0]->tot_len, length);
	uint8_t got[1600];
	assert_int_equal(pbuf_copy_partial(back[0], got, sizeof(got), 0), length);
	assert_memory_equal(got, bytes, length);
	pbuf_free(back[0]);
	assert_int_equal(pktpool_in_use(pool), 0);
}

static void frames_beyond_the_limits_are_dropped_and_counted(void **state)
{
	static uint8_t bytes[2000];
	const struct drop_counters *drops = &port_counters(port, 0)->drops;
	struct pbuf p;

	(void)state;
	lab_point(&p, bytes, 1519);
	assert_int_equal(lab_tx(port, 0, &p), DROP_TX_TOO_LONG);
	assert_int_equal(drops->count[DROP_TX_TOO_LONG], 1);
	lab_point(&p, bytes, 10);
	assert_int_equal(lab_tx(port, 0, &p), DROP_FRAME_SHORT);
	assert_int_equal(drops->count[DROP_FRAME_SHORT], 1);
}

/* net_ring holds 1,023 frames; behind that the stage fills, and then frames are refused. */
static void fill_and_empty(struct pbuf *p)
{
	unsigned taken = 0, received = 0;
	const struct port_counters *counters = port_counters(port, 0);
	struct pbuf *back[64];

	while (lab_tx(port, 0, p) == DROP_NONE)
		assert_true(++taken < 10000);
	assert_int_equal(counters->drops.count[DROP_TX_QUEUE_FULL], 0); /* the sender keeps it */
	assert_int_equal(counters->drops.count[DROP_TX_NO_MBUF], 0);
	assert_int_equal(port_tx_flush(port, 0), 256);
	assert_int_equal(taken, 1023 + 256);
	for (unsigned n; (n = port_rx_burst(port, 0, back, 64)) > 0; port_tx_flush(port, 0)) {
		for (unsigned i = 0; i < n; i++)
			pbuf_free(back[i]);
		received += n;
	}
	assert_int_equal(received, taken);
	assert_int_equal(port_tx_flush(port, 0), 0);
}

static void a_device_that_is_full_fills_the_stage_and_no_more(void **state)
{
	struct lab_frame what = {.payload = 20};
	uint8_t bytes[128];
	unsigned ip, l4;
	unsigned length = lab_frame(&what, bytes, sizeof(bytes), &ip, &l4);
	struct pbuf p;

	(void)state;
	lab_point(&p, bytes, length);
	fill_and_empty(&p);
	assert_int_equal(pktpool_in_use(pool), 0);
}

/* Seven a frame, and one descriptor: a header, five references and a copy. */
static void a_full_device_leaves_small_buffers(void **state)
{
	struct lab_frame what = {.payload = 1472};
	uint8_t bytes[1600];
	unsigned ip, l4;
	unsigned length = lab_frame(&what, bytes, sizeof(bytes), &ip, &l4);
	struct pbuf *p = lab_packet(pool, bytes, length, 298);

	(void)state;
	fill_and_empty(p);
	pbuf_free(p);
	assert_int_equal(pktpool_in_use(pool), 0);
}

static unsigned take_back(struct lab_super *super, unsigned *done)
{
	struct pbuf *back[64];
	unsigned received = 0;

	for (unsigned n; (n = port_rx_burst(port, 0, back, 64)) > 0; port_tx_flush(port, 0)) {
		for (unsigned i = 0; i < n; i++) {
			uint8_t bytes[1600];
			pbuf_copy_partial(back[i], bytes, sizeof(bytes), 0);
			if (super != NULL)
				lab_super_assert_next(super, bytes, back[i]->tot_len, done);
			pbuf_free(back[i]);
		}
		received += n;
	}
	return received;
}

static void a_super_segment_leaves_in_segments(void **state)
{
	struct lab_frame what = {.tcp = true, .payload = 60000};
	struct lab_super s;
	unsigned done = 0;

	(void)state;
	lab_super_open(&s, pool, &what, 1460, 2048);
	assert_int_equal(port_tx(port, 0, &s.frame), DROP_NONE);
	assert_int_equal(port_tx_flush(port, 0), 0);
	assert_int_equal(take_back(&s, &done), 42);
	assert_int_equal(done, 60000);
	lab_super_close(&s);
	assert_int_equal(pktpool_in_use(pool), 0);
}

/* With a device that takes nothing, all of it is staged or nothing. */
static void a_super_segment_without_room_is_refused_whole(void **state)
{
	struct lab_frame what = {.tcp = true, .payload = 60000}, small = {.payload = 20};
	const struct port_counters *counters = port_counters(port, 0);
	uint8_t bytes[128];
	unsigned ip, l4, whole = 0;
	unsigned length = lab_frame(&small, bytes, sizeof(bytes), &ip, &l4);
	struct lab_super s;
	struct pbuf p;

	(void)state;
	lab_point(&p, bytes, length);
	for (unsigned i = 0; i < 1023; i++) {
		assert_int_equal(lab_tx(port, 0, &p), DROP_NONE);
		port_tx_flush(port, 0);
	}
	lab_super_open(&s, pool, &what, 1460, 2048);
	while (port_tx(port, 0, &s.frame) == DROP_NONE)
		whole++;
	assert_int_equal(whole, 256 / 42);
	assert_int_equal(counters->drops.count[DROP_TX_QUEUE_FULL], 0); /* the sender keeps it */
	assert_int_equal(port_tx_flush(port, 0), whole * 42);
	assert_int_equal(take_back(NULL, NULL), 1023 + whole * 42);
	lab_super_close(&s);
	assert_int_equal(pktpool_in_use(pool), 0);
}

static void one_queue_is_every_flow_s_queue(void **state)
{
	ip_addr_t any = IPADDR4_INIT(0);

	(void)state;
	assert_int_equal(port_rss_queue(port, &any, 1, &any, 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(info_tells_what_was_opened),
		cmocka_unit_test(wrong_configurations_are_refused),
		cmocka_unit_test(sent_bytes_stay_until_the_device_gives_them_back),
		cmocka_unit_test(frames_beyond_the_limits_are_dropped_and_counted),
		cmocka_unit_test(a_device_that_is_full_fills_the_stage_and_no_more),
		cmocka_unit_test(a_full_device_leaves_small_buffers),
		cmocka_unit_test(a_super_segment_leaves_in_segments),
		cmocka_unit_test(a_super_segment_without_room_is_refused_whole),
		cmocka_unit_test(one_queue_is_every_flow_s_queue),
	};
	return cmocka_run_group_tests(tests, open_port, close_port);
}
