/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver/dpdk_tx_build.h"

#include <string.h>

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "driver/pktbuf_impl.h"
#include "tests/unit/driver/lab.h"

#define TX_SUMS (PORT_TX_IP_CHECKSUM | PORT_TX_TCP_CHECKSUM | PORT_TX_UDP_CHECKSUM)

struct bench {
	struct pktpool *pool;
	struct tx_build build;
	uint64_t copied;
};

static void bench_open(struct bench *b, uint32_t offloads, unsigned small)
{
	struct pktpool_config config = {
		.name = "small", .count = small, .data_size = TX_SMALL_DATA, .numa_node = -1};

	memset(b, 0, sizeof(*b));
	b->pool = lab_pool(128, 2048);
	b->build = (struct tx_build){
		.small = pktbuf_mempool_create(&config, NULL),
		.large = pktpool_mempool(b->pool),
		.offloads = offloads,
		.segments_max = (offloads & PORT_TX_MULTI_SEGS) != 0 ? 40 : 1,
		.frame_max = 9018,
	};
	assert_non_null(b->build.small);
}

static void bench_close(struct bench *b)
{
	assert_int_equal(rte_mempool_in_use_count(b->build.small), 0);
	rte_mempool_free(b->build.small);
	lab_pool_free(b->pool);
}

/* The mbuf chain holds exactly these bytes, and its own account of itself is right. */
static void assert_holds(const struct rte_mbuf *m, const uint8_t *bytes, unsigned length)
{
	unsigned at = 0, segments = 0;

	assert_int_equal(m->pkt_len, length);
	for (const struct rte_mbuf *s = m; s != NULL; s = s->next) {
		assert_true(at + s->data_len <= length);
		assert_memory_equal(rte_pktmbuf_mtod(s, uint8_t *), bytes + at, s->data_len);
		at += s->data_len;
		segments++;
	}
	assert_int_equal(at, length);
	assert_int_equal(m->nb_segs, segments);
}

static void every_cut_of_a_frame_is_sent_whole(void **state)
{
	static const uint32_t ways[] = {0, PORT_TX_MULTI_SEGS};

	(void)state;
	for (unsigned way = 0; way < 2; way++) {
		for (unsigned part = 37; part <= 2048; part += 97) {
			struct lab_frame what = {.tcp = true, .payload = 1446};
			uint8_t bytes[1600];
			unsigned ip, l4;
			unsigned length = lab_frame(&what, bytes, sizeof(bytes), &ip, &l4);
			struct bench b;
			struct rte_mbuf *m;

			bench_open(&b, ways[way], 64);
			struct pbuf *p = lab_packet(b.pool, bytes, length, part);
			assert_int_equal(tx_build_frame(&b.build, p, &m, &b.copied), DROP_NONE);
			assert_holds(m, bytes, length);
			assert_int_equal(b.copied, way == 0 ? length - l4 - 20 : 0);
			rte_pktmbuf_free(m);
			pbuf_free(p);
			bench_close(&b);
		}
	}
}

static void referenced_bytes_outlive_the_packet(void **state)
{
	struct lab_frame what = {.tcp = true, .payload = 1400};
	uint8_t bytes[1600];
	unsigned ip, l4;
	unsigned length = lab_frame(&what, bytes, sizeof(bytes), &ip, &l4);
	struct bench b;
	struct rte_mbuf *m;

	(void)state;
	bench_open(&b, PORT_TX_MULTI_SEGS, 16);
	struct pbuf *p = lab_packet(b.pool, bytes, length, 2048);
	const uint8_t *payload = (const uint8_t *)p->payload + l4 + 20;
	assert_int_equal(tx_build_frame(&b.build, p, &m, &b.copied), DROP_NONE);
	/* A header rewritten for a retransmission is not seen by the device... */
	memset(p->payload, 0, l4 + 20);
	pbuf_free(p);
	/* ...the payload is the same memory, kept until the device is done. */
	assert_ptr_equal(rte_pktmbuf_mtod(m->next, uint8_t *), payload);
	assert_int_equal(pktpool_in_use(b.pool), 1);
	assert_holds(m, bytes, length);
	rte_pktmbuf_free(m);
	assert_int_equal(pktpool_in_use(b.pool), 0);
	bench_close(&b);
}

static void bytes_outside_of_buffers_are_copied_and_counted(void **state)
{
	struct lab_frame what = {.payload = 1400};
	uint8_t bytes[1600];
	unsigned ip, l4;
	unsigned length = lab_frame(&what, bytes, sizeof(bytes), &ip, &l4);
	struct bench b;
	struct pbuf header, body;
	struct rte_mbuf *m;

	(void)state;
	bench_open(&b, PORT_TX_MULTI_SEGS, 16);
	lab_point(&header, bytes, l4 + 8);
	lab_point(&body, bytes + l4 + 8, length - l4 - 8);
	header.next = &body;
	header.tot_len = (uint16_t)length;
	assert_int_equal(tx_build_frame(&b.build, &header, &m, &b.copied), DROP_NONE);
	assert_int_equal(b.copied, 1400);
	assert_holds(m, bytes, length);
	rte_pktmbuf_free(m);
	bench_close(&b);
}

static void a_small_frame_is_one_buffer(void **state)
{
	struct lab_frame what = {.tcp = true, .payload = 100};
	uint8_t bytes[256];
	unsigned ip, l4;
	unsigned length = lab_frame(&what, bytes, sizeof(bytes), &ip, &l4);
	struct bench b;
	struct rte_mbuf *m;

	(void)state;
	bench_open(&b, PORT_TX_MULTI_SEGS, 16);
	struct pbuf *p = lab_packet(b.pool, bytes, length, 60);
	assert_int_equal(tx_build_frame(&b.build, p, &m, &b.copied), DROP_NONE);
	assert_int_equal(m->nb_segs, 1);
	assert_int_equal(b.copied, 0); /* it lay in packet buffers */
	assert_holds(m, bytes, length);
	rte_pktmbuf_free(m);
	pbuf_free(p);
	bench_close(&b);
}

static void too_many_parts_are_joined(void **state)
{
	struct lab_frame what = {.tcp = true, .payload = 8900};
	uint8_t bytes[9100];
	unsigned ip, l4;
	unsigned length = lab_frame(&what, bytes, sizeof(bytes), &ip, &l4);
	struct bench b;
	struct rte_mbuf *m;

	(void)state;
	bench_open(&b, PORT_TX_MULTI_SEGS, 64);
	b.build.segments_max = 8;
	struct pbuf *p = lab_packet(b.pool, bytes, length, 300);
	assert_int_equal(tx_build_frame(&b.build, p, &m, &b.copied), DROP_NONE);
	assert_true(m->nb_segs <= 8);
	assert_holds(m, bytes, length);
	rte_pktmbuf_free(m);
	b.build.segments_max = 2; /* also joined it does not fit */
	assert_int_equal(tx_build_frame(&b.build, p, &m, &b.copied), DROP_TX_TOO_LONG);
	pbuf_free(p);
	bench_close(&b);
}

static void frames_that_cannot_be_sent_say_why(void **state)
{
	static uint8_t bytes[9100];
	struct bench b;
	struct pbuf p;
	struct rte_mbuf *m;

	(void)state;
	bench_open(&b, PORT_TX_MULTI_SEGS, 16);
	b.build.frame_max = 1518;
	lab_point(&p, bytes, 1519);
	assert_int_equal(tx_build_frame(&b.build, &p, &m, &b.copied), DROP_TX_TOO_LONG);
	lab_point(&p, bytes, 1518);
	assert_int_equal(tx_build_frame(&b.build, &p, &m, &b.copied), DROP_NONE);
	rte_pktmbuf_free(m);
	lab_point(&p, bytes, 13);
	assert_int_equal(tx_build_frame(&b.build, &p, &m, &b.copied), DROP_FRAME_SHORT);
	lab_point(&p, bytes, 100);
	p.tot_len = 101; /* a chain that claims more than it holds */
	assert_int_equal(tx_build_frame(&b.build, &p, &m, &b.copied), DROP_FRAME_SHORT);
	bench_close(&b);
}

static void no_buffer_left_leaves_nothing_behind(void **state)
{
	struct lab_frame what = {.tcp = true, .payload = 1400};
	uint8_t bytes[1600];
	unsigned ip, l4;
	unsigned length = lab_frame(&what, bytes, sizeof(bytes), &ip, &l4);
	struct bench b;
	struct rte_mbuf *m, *held[4];

	(void)state;
	bench_open(&b, PORT_TX_MULTI_SEGS, 4);
	struct pbuf *p = lab_packet(b.pool, bytes, length, 2048);
	for (unsigned left = 0; left < 2; left++) { /* none, then only one for the header */
		assert_int_equal(rte_pktmbuf_alloc_bulk(b.build.small, held, 4 - left), 0);
		assert_int_equal(tx_build_frame(&b.build, p, &m, &b.copied), DROP_TX_NO_MBUF);
		assert_int_equal(rte_mempool_in_use_count(b.build.small), 4 - left);
		rte_pktmbuf_free_bulk(held, 4 - left);
	}
	assert_int_equal(rte_mbuf_refcnt_read(pktbuf_mbuf(p)), 1);
	pbuf_free(p);
	bench_close(&b);
}

static void odd_segments_are_summed_here_where_the_device_cannot(void **state)
{
	struct lab_frame what = {.tcp = true, .payload = 1201};
	uint8_t bytes[1600], sent[1600];
	unsigned ip, l4;
	unsigned length = lab_frame(&what, bytes, sizeof(bytes), &ip, &l4);

	(void)state;
	for (unsigned part = 600; part < 602; part++) {
		struct bench b;
		struct rte_mbuf *m;
		bench_open(&b, PORT_TX_MULTI_SEGS | TX_SUMS, 16);
		b.build.even_segments = true;
		struct pbuf *p = lab_packet(b.pool, bytes, length, part);
		memset((uint8_t *)p->payload + l4 + 16, 0xee, 2);
		assert_int_equal(tx_build_frame(&b.build, p, &m, &b.copied), DROP_NONE);
		assert_int_equal(m->nb_segs, 4);
		/* Behind 54 bytes of headers: an odd part is 601 - 54 bytes long. */
		bool odd = part % 2 != 0;
		assert_int_equal((m->ol_flags & RTE_MBUF_F_TX_TCP_CKSUM) == 0, odd);
		if (odd) {
			assert_non_null(rte_pktmbuf_read(m, 0, length, sent));
			const void *flat = rte_pktmbuf_read(m, 0, length, sent);
			assert_memory_equal(flat, bytes, length);
		}
		rte_pktmbuf_free(m);
		pbuf_free(p);
		bench_close(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cut_of_a_frame_is_sent_whole),
		cmocka_unit_test(referenced_bytes_outlive_the_packet),
		cmocka_unit_test(bytes_outside_of_buffers_are_copied_and_counted),
		cmocka_unit_test(a_small_frame_is_one_buffer),
		cmocka_unit_test(too_many_parts_are_joined),
		cmocka_unit_test(frames_that_cannot_be_sent_say_why),
		cmocka_unit_test(no_buffer_left_leaves_nothing_behind),
		cmocka_unit_test(odd_segments_are_summed_here_where_the_device_cannot),
	};
	return cmocka_run_group_tests(tests, lab_start, lab_stop);
}
