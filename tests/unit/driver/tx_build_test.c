/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver/dpdk_tx_build.h"

#include <string.h>

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "driver/offload.h"
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
		.gso_segments_max = 40,
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

static enum drop_reason build_frame(struct bench *b, struct pbuf *p, struct rte_mbuf **m)
{
	struct nif_frame frame = nif_frame_of(p);
	return tx_build_frame(&b->build, &frame, m, &b->copied);
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
			assert_int_equal(build_frame(&b, p, &m), DROP_NONE);
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
	assert_int_equal(build_frame(&b, p, &m), DROP_NONE);
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
	assert_int_equal(build_frame(&b, &header, &m), DROP_NONE);
	assert_int_equal(b.copied, 1400);
	assert_holds(m, bytes, length);
	rte_pktmbuf_free(m);
	bench_close(&b);
}

static void loan_is_over(struct pktbuf_loan *loan)
{
	assert_non_null(loan);
}

static void lent_memory_is_referred_to_where_the_device_reaches_it(void **state)
{
	struct lab_frame what = {.tcp = true, .payload = 1400};
	uint8_t bytes[1600];
	unsigned ip, l4;
	unsigned length = lab_frame(&what, bytes, sizeof(bytes), &ip, &l4);
	struct pktbuf_loan loan;
	struct bench b;
	struct rte_mbuf *m;

	(void)state;
	for (unsigned any = 0; any < 2; any++) {
		bench_open(&b, PORT_TX_MULTI_SEGS, 16);
		b.build.any_memory = any != 0;
		struct pbuf *header = lab_packet(b.pool, bytes, l4 + 20, 2048);
		struct pbuf *body = pktbuf_alloc(b.pool);
		pktbuf_loan_begin(&loan, loan_is_over);
		pktbuf_lend(&loan, body, bytes + l4 + 20, 1400);
		header->next = body;
		header->tot_len = (uint16_t)length;
		assert_int_equal(build_frame(&b, header, &m), DROP_NONE);
		assert_holds(m, bytes, length);
		assert_int_equal(b.copied, any != 0 ? 0 : 1400);
		if (any != 0)
			assert_ptr_equal(rte_pktmbuf_mtod(m->next, uint8_t *), bytes + l4 + 20);
		pbuf_free(header);
		rte_pktmbuf_free(m);
		pktbuf_loan_end(&loan);
		bench_close(&b);
	}
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
	assert_int_equal(build_frame(&b, p, &m), DROP_NONE);
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
	assert_int_equal(build_frame(&b, p, &m), DROP_NONE);
	assert_true(m->nb_segs <= 8);
	assert_holds(m, bytes, length);
	rte_pktmbuf_free(m);
	b.build.segments_max = 2; /* also joined it does not fit */
	assert_int_equal(build_frame(&b, p, &m), DROP_TX_TOO_LONG);
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
	assert_int_equal(build_frame(&b, &p, &m), DROP_TX_TOO_LONG);
	lab_point(&p, bytes, 1518);
	assert_int_equal(build_frame(&b, &p, &m), DROP_NONE);
	rte_pktmbuf_free(m);
	lab_point(&p, bytes, 13);
	assert_int_equal(build_frame(&b, &p, &m), DROP_FRAME_SHORT);
	lab_point(&p, bytes, 100);
	p.tot_len = 101; /* a chain that claims more than it holds */
	assert_int_equal(build_frame(&b, &p, &m), DROP_FRAME_SHORT);
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
		assert_int_equal(build_frame(&b, p, &m), DROP_TX_NO_MBUF);
		assert_int_equal(rte_mempool_in_use_count(b.build.small), 4 - left);
		rte_pktmbuf_free_bulk(held, 4 - left);
	}
	assert_int_equal(rte_mbuf_refcnt_read(pktbuf_mbuf(p)), 1);
	pbuf_free(p);
	bench_close(&b);
}

/* A TCP checksum of zero stays that: 0xffff stands for it in UDP alone (RFC 768). */
static struct lab_frame frame_whose_sum_is_zero(uint8_t *bytes, size_t size)
{
	struct lab_frame what = {.tcp = true, .payload = 1201};
	unsigned ip, l4;

	for (unsigned port = 1; port < 65536; port++) {
		what.source_port = (uint16_t)port;
		lab_frame(&what, bytes, size, &ip, &l4);
		if (bytes[l4 + 16] == 0 && bytes[l4 + 17] == 0)
			return what;
	}
	fail();
	return what;
}

static void segments_are_summed_here_where_the_device_does_it_wrongly(void **state)
{
	uint8_t bytes[1600], sent[1600];
	struct lab_frame what = frame_whose_sum_is_zero(bytes, sizeof(bytes));
	unsigned ip, l4;
	unsigned length = lab_frame(&what, bytes, sizeof(bytes), &ip, &l4);

	(void)state;
	for (unsigned part = 600; part < 602; part++) {
		struct bench b;
		struct rte_mbuf *m;
		bench_open(&b, PORT_TX_MULTI_SEGS | TX_SUMS, 16);
		b.build.sum_here = true;
		struct pbuf *p = lab_packet(b.pool, bytes, length, part);
		memset((uint8_t *)p->payload + l4 + 16, 0xee, 2);
		assert_int_equal(build_frame(&b, p, &m), DROP_NONE);
		assert_int_equal(m->nb_segs, 4);
		assert_int_equal(m->ol_flags & RTE_MBUF_F_TX_L4_MASK, 0);
		const void *flat = rte_pktmbuf_read(m, 0, length, sent);
		assert_non_null(flat);
		assert_memory_equal(flat, bytes, length);
		rte_pktmbuf_free(m);
		pbuf_free(p);
		bench_close(&b);
	}
}

/* ---- frames in parts ---- */

/* The bytes of a chain in one piece. */
static const uint8_t *flat(const struct rte_mbuf *m, uint8_t *space)
{
	const uint8_t *bytes = rte_pktmbuf_read(m, 0, m->pkt_len, space);

	assert_non_null(bytes);
	return bytes;
}

static void a_header_and_payload_become_one_chain(void **state)
{
	(void)state;
	for (unsigned part = 300; part <= 2048; part += 437) {
		struct lab_frame what = {.tcp = true, .payload = 8000};
		uint8_t space[9100];
		struct lab_super s;
		struct bench b;
		struct rte_mbuf *m;

		bench_open(&b, PORT_TX_MULTI_SEGS, 64);
		lab_super_open(&s, b.pool, &what, 0, part);
		s.frame.offset = 1234;
		s.frame.length = 1400;
		assert_int_equal(tx_build_frame(&b.build, &s.frame, &m, &b.copied), DROP_NONE);
		assert_int_equal(m->pkt_len, 54 + 1400);
		assert_int_equal(b.copied, 0);
		const uint8_t *bytes = flat(m, space);
		assert_memory_equal(bytes, s.header, 54);
		for (unsigned i = 0; i < 1400; i++)
			assert_int_equal(bytes[54 + i], (uint8_t)((1234 + i) * 7));
		/* Referenced: the bytes are those of the packet. */
		((uint8_t *)s.frame.payload->payload)[part - 1] ^= 0xff;
		lab_super_close(&s);
		rte_pktmbuf_free(m);
		bench_close(&b);
	}
}

static void checksums_are_asked_for_without_a_look_at_the_headers(void **state)
{
	(void)state;
	for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
		struct lab_frame what = {.ipv6 = ipv6, .tcp = true, .payload = 1000};
		struct lab_super s;
		struct bench b;
		struct rte_mbuf *m;

		bench_open(&b, PORT_TX_MULTI_SEGS | TX_SUMS, 64);
		lab_super_open(&s, b.pool, &what, 0, 2048);
		assert_int_equal(tx_build_frame(&b.build, &s.frame, &m, &b.copied), DROP_NONE);
		assert_int_equal(m->ol_flags & RTE_MBUF_F_TX_L4_MASK, RTE_MBUF_F_TX_TCP_CKSUM);
		assert_int_equal((m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) != 0, !ipv6);
		assert_int_equal(m->l2_len, 14);
		assert_int_equal(m->l3_len, ipv6 ? 40 : 20);
		assert_int_equal(m->l4_len, 20);
		rte_pktmbuf_free(m);
		lab_super_close(&s);
		bench_close(&b);
	}
}

static void a_chain_shorter_than_its_frame_is_refused(void **state)
{
	struct lab_frame what = {.tcp = true, .payload = 1000};
	struct lab_super s;
	struct bench b;
	struct rte_mbuf *m;

	(void)state;
	bench_open(&b, PORT_TX_MULTI_SEGS, 64);
	lab_super_open(&s, b.pool, &what, 0, 2048);
	s.frame.offset = 1;
	assert_int_equal(tx_build_frame(&b.build, &s.frame, &m, &b.copied), DROP_FRAME_SHORT);
	lab_super_close(&s);
	bench_close(&b);
}

/* As rte_mbuf_core.h has it for RTE_MBUF_F_TX_TCP_SEG: the pseudo header goes without a length. */
static void a_device_is_asked_to_cut(void **state)
{
	(void)state;
	for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
		struct lab_frame what = {.ipv6 = ipv6, .tcp = true, .payload = 20000};
		struct lab_frame empty = {.ipv6 = ipv6, .tcp = true};
		static uint8_t space[20100];
		uint8_t other[128];
		unsigned ip, l4;
		struct lab_super s;
		struct bench b;
		struct rte_mbuf *m, again;

		bench_open(&b, PORT_TX_MULTI_SEGS | TX_SUMS | PORT_TX_TSO, 64);
		b.build.frame_max = 1518;
		lab_super_open(&s, b.pool, &what, 1400, 2000);
		assert_int_equal(tx_build_frame(&b.build, &s.frame, &m, &b.copied), DROP_NONE);
		assert_true((m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0);
		assert_int_equal((m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) != 0, !ipv6);
		assert_int_equal(m->tso_segsz, 1400);
		assert_int_equal(m->l2_len, 14);
		assert_int_equal(m->l3_len, ipv6 ? 40 : 20);
		assert_int_equal(m->l4_len, 20);
		const uint8_t *bytes = flat(m, space);
		for (unsigned i = 0; i < 20000; i++)
			assert_int_equal(bytes[s.frame.header_length + i], (uint8_t)(i * 7));
		/* Another length, the same sum. */
		lab_frame(&empty, other, sizeof(other), &ip, &l4);
		memset(&again, 0, sizeof(again));
		again.buf_addr = other;
		struct frame_layout layout = {.network = ipv6 ? FRAME_IPV6 : FRAME_IPV4,
			.l4_protocol = 6,
			.l2_len = 14,
			.l3_len = ipv6 ? 40 : 20,
			.l4_len = 20};
		offload_segment(&again, &layout, 1400);
		assert_memory_equal(bytes + l4 + 16, other + l4 + 16, 2);
		rte_pktmbuf_free(m);
		b.build.gso_segments_max = 11; /* as it has */
		assert_int_equal(tx_build_frame(&b.build, &s.frame, &m, &b.copied), DROP_NONE);
		rte_pktmbuf_free(m);
		b.build.gso_segments_max = 10;
		assert_int_equal(
			tx_build_frame(&b.build, &s.frame, &m, &b.copied), DROP_TX_TOO_LONG);
		b.build.gso_segments_max = 40;
		s.frame.gso_size = 1518 - 14 - 20;
		assert_int_equal(
			tx_build_frame(&b.build, &s.frame, &m, &b.copied), DROP_TX_TOO_LONG);
		lab_super_close(&s);
		bench_close(&b);
	}
}

static void software_cuts_where_the_device_does_not(void **state)
{
	static const uint32_t ways[] = {0, PORT_TX_MULTI_SEGS, PORT_TX_MULTI_SEGS | TX_SUMS};

	(void)state;
	for (unsigned i = 0; i < 3 * 2 * 2; i++) {
		struct lab_frame what = {.ipv6 = i & 1, .tcp = true, .payload = 30011};
		struct rte_mbuf *out[NIF_GSO_SEGMENTS_MAX];
		struct lab_super s;
		struct bench b;
		unsigned count = 0, done = 0;

		bench_open(&b, ways[i / 4], 128);
		b.build.frame_max = 1518;
		lab_super_open(&s, b.pool, &what, 1400, i & 2 ? 2048 : 777);
		assert_int_equal(
			tx_build_segments(&b.build, &s.frame, out, &count, &b.copied), DROP_NONE);
		assert_int_equal(count, 22);
		lab_super_close(&s); /* what is still needed is referenced */
		s.frame.payload = NULL;
		for (unsigned n = 0; n < count; n++) {
			uint8_t space[1600];
			const uint8_t *bytes = flat(out[n], space);
			lab_super_assert_next(&s, bytes, out[n]->pkt_len, &done);
			bool sums = (ways[i / 4] & TX_SUMS) != 0;
			assert_int_equal((out[n]->ol_flags & RTE_MBUF_F_TX_TCP_CKSUM) != 0, sums);
			if (!sums)
				assert_true(lab_checksums_good(bytes, 14, what.ipv6));
			rte_pktmbuf_free(out[n]);
		}
		assert_int_equal(done, 30011);
		bench_close(&b);
	}
}

static void all_segments_are_built_or_none(void **state)
{
	struct lab_frame what = {.tcp = true, .payload = 20000};

	(void)state;
	for (unsigned small = 1; small < 40; small += 3) {
		struct rte_mbuf *out[NIF_GSO_SEGMENTS_MAX];
		struct lab_super s;
		struct bench b;
		unsigned count = 0;

		bench_open(&b, PORT_TX_MULTI_SEGS, small);
		lab_super_open(&s, b.pool, &what, 1400, 2048);
		enum drop_reason reason =
			tx_build_segments(&b.build, &s.frame, out, &count, &b.copied);
		if (reason == DROP_NONE)
			rte_pktmbuf_free_bulk(out, count);
		else
			assert_int_equal(reason, DROP_TX_NO_MBUF);
		assert_int_equal(rte_mempool_in_use_count(b.build.small), 0);
		lab_super_close(&s);
		bench_close(&b);
	}
}

static void absurdly_many_segments_are_refused(void **state)
{
	struct lab_frame what = {.tcp = true, .payload = NIF_GSO_SEGMENTS_MAX * 100 + 1};
	struct rte_mbuf *out[NIF_GSO_SEGMENTS_MAX];
	struct lab_super s;
	struct bench b;
	unsigned count = 0;

	(void)state;
	bench_open(&b, PORT_TX_MULTI_SEGS, 1024);
	lab_super_open(&s, b.pool, &what, 100, 2048);
	assert_int_equal(
		tx_build_segments(&b.build, &s.frame, out, &count, &b.copied), DROP_TX_TOO_LONG);
	s.frame.length--;
	assert_int_equal(tx_build_segments(&b.build, &s.frame, out, &count, &b.copied), DROP_NONE);
	assert_int_equal(count, NIF_GSO_SEGMENTS_MAX);
	rte_pktmbuf_free_bulk(out, count);
	lab_super_close(&s);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cut_of_a_frame_is_sent_whole),
		cmocka_unit_test(referenced_bytes_outlive_the_packet),
		cmocka_unit_test(bytes_outside_of_buffers_are_copied_and_counted),
		cmocka_unit_test(lent_memory_is_referred_to_where_the_device_reaches_it),
		cmocka_unit_test(a_small_frame_is_one_buffer),
		cmocka_unit_test(too_many_parts_are_joined),
		cmocka_unit_test(frames_that_cannot_be_sent_say_why),
		cmocka_unit_test(no_buffer_left_leaves_nothing_behind),
		cmocka_unit_test(segments_are_summed_here_where_the_device_does_it_wrongly),
		cmocka_unit_test(a_header_and_payload_become_one_chain),
		cmocka_unit_test(checksums_are_asked_for_without_a_look_at_the_headers),
		cmocka_unit_test(a_chain_shorter_than_its_frame_is_refused),
		cmocka_unit_test(a_device_is_asked_to_cut),
		cmocka_unit_test(software_cuts_where_the_device_does_not),
		cmocka_unit_test(all_segments_are_built_or_none),
		cmocka_unit_test(absurdly_many_segments_are_refused),
	};
	return cmocka_run_group_tests(tests, lab_start, lab_stop);
}
