/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver/offload.h"

#include <string.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "tests/unit/driver/lab.h"

#define ALL_WANTED                                                                               \
	(PORT_RX_IP_CHECKSUM | PORT_RX_L4_CHECKSUM | PORT_RX_SCATTER | PORT_TX_IP_CHECKSUM |     \
		PORT_TX_TCP_CHECKSUM | PORT_TX_UDP_CHECKSUM | PORT_TX_MULTI_SEGS | PORT_TX_TSO | \
		PORT_RSS)
#define RX_BOTH_L4 (RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM)
#define RSS_BOTH   (RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP)
#define TX_FOR_TSO                                                      \
	(RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM | \
		RTE_ETH_TX_OFFLOAD_MULTI_SEGS)

struct negotiation {
	const char *what;
	struct offload_offer offer;
	struct offload_need need;
	uint32_t port;
};

static const struct negotiation negotiations[] = {
	{"nothing offered", {0}, {ALL_WANTED, true, 4}, 0},
	{"nothing wanted", {UINT64_MAX, UINT64_MAX, UINT64_MAX, 40, 128}, {0, true, 4}, 0},
	{"ip only", {.rx = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM}, {ALL_WANTED, true, 1},
		PORT_RX_IP_CHECKSUM},
	{"half of l4 is none", {.rx = RTE_ETH_RX_OFFLOAD_TCP_CKSUM}, {ALL_WANTED, true, 1}, 0},
	{"both of l4", {.rx = RX_BOTH_L4}, {ALL_WANTED, true, 1}, PORT_RX_L4_CHECKSUM},
	{"scatter needed", {.rx = RTE_ETH_RX_OFFLOAD_SCATTER}, {ALL_WANTED, true, 1},
		PORT_RX_SCATTER},
	{"scatter not needed", {.rx = RTE_ETH_RX_OFFLOAD_SCATTER}, {ALL_WANTED, false, 1}, 0},
	{"udp without tcp", {.tx = RTE_ETH_TX_OFFLOAD_UDP_CKSUM}, {ALL_WANTED, false, 1},
		PORT_TX_UDP_CHECKSUM},
	{"tso alone is no tso", {.tx = RTE_ETH_TX_OFFLOAD_TCP_TSO}, {ALL_WANTED, false, 1}, 0},
	{"tso with what it needs", {.tx = RTE_ETH_TX_OFFLOAD_TCP_TSO | TX_FOR_TSO},
		{ALL_WANTED, false, 1},
		PORT_TX_TSO | PORT_TX_IP_CHECKSUM | PORT_TX_TCP_CHECKSUM | PORT_TX_MULTI_SEGS},
	{"tso not wanted", {.tx = RTE_ETH_TX_OFFLOAD_TCP_TSO | TX_FOR_TSO},
		{ALL_WANTED & ~PORT_TX_TSO, false, 1},
		PORT_TX_IP_CHECKSUM | PORT_TX_TCP_CHECKSUM | PORT_TX_MULTI_SEGS},
	{"rss of 40 bytes", {0, 0, RSS_BOTH, 40, 128}, {ALL_WANTED, false, 2}, PORT_RSS},
	{"rss of 52 bytes", {0, 0, RSS_BOTH, 52, 512}, {ALL_WANTED, false, 2}, PORT_RSS},
	{"rss of another key", {0, 0, RSS_BOTH, 16, 128}, {ALL_WANTED, false, 2}, 0},
	{"rss without a table", {0, 0, RSS_BOTH, 40, 0}, {ALL_WANTED, false, 2}, 0},
	{"rss by an odd table", {0, 0, RSS_BOTH, 40, 100}, {ALL_WANTED, false, 2}, 0},
	{"rss of addresses only", {0, 0, RTE_ETH_RSS_IPV4, 40, 128}, {ALL_WANTED, false, 2}, 0},
	{"rss for one queue", {0, 0, RSS_BOTH, 40, 128}, {ALL_WANTED, false, 1}, 0},
};

static void what_is_wanted_and_offered_is_taken(void **state)
{
	(void)state;
	for (size_t i = 0; i < RTE_DIM(negotiations); i++) {
		const struct negotiation *n = &negotiations[i];
		struct offload_choice choice;

		offload_negotiate(&n->offer, &n->need, &choice);
		if (choice.port != n->port)
			fail_msg("%s: %#x instead of %#x", n->what, choice.port, n->port);
		/* A device is never asked for more than it offers. */
		assert_int_equal(choice.rx & ~n->offer.rx, 0);
		assert_int_equal(choice.tx & ~n->offer.tx, 0);
		assert_int_equal(choice.rss_types & ~n->offer.rss_types, 0);
		assert_int_equal(choice.rss_types != 0, (choice.port & PORT_RSS) != 0);
	}
}

/* An mbuf around bytes, good enough for what reads headers. */
static void mbuf_around(struct rte_mbuf *m, uint8_t *bytes, unsigned length)
{
	memset(m, 0, sizeof(*m));
	m->buf_addr = bytes;
	m->buf_len = m->data_len = (uint16_t)length;
	m->pkt_len = length;
	m->nb_segs = 1;
}

static void wipe_checksums(uint8_t *bytes, const struct lab_frame *what, unsigned ip, unsigned l4)
{
	if (!what->ipv6)
		memset(bytes + ip + 10, 0xee, 2);
	memset(bytes + l4 + (what->tcp ? 16 : 6), 0xee, 2);
}

#define TX_ALL (PORT_TX_IP_CHECKSUM | PORT_TX_TCP_CHECKSUM | PORT_TX_UDP_CHECKSUM)

static void computed_checksums_are_those_of_the_reference(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 8; kind++) {
		for (unsigned payload = 0; payload < 70; payload++) {
			struct lab_frame what = {.ipv6 = kind & 1,
				.tcp = kind & 2,
				.vlan = kind & 4,
				.payload = payload,
				.source_port = (uint16_t)(1000 + payload * 977)};
			uint8_t bytes[256], good[256];
			unsigned ip, l4;
			unsigned length = lab_frame(&what, good, sizeof(good), &ip, &l4);
			struct frame_layout layout;
			struct rte_mbuf m;

			memcpy(bytes, good, length);
			wipe_checksums(bytes, &what, ip, l4);
			frame_parse(bytes, length, length, &layout);
			mbuf_around(&m, bytes, length);
			offload_compute(&m, &layout, TX_ALL);
			assert_memory_equal(bytes, good, length);
			assert_true(lab_checksums_good(bytes, ip, what.ipv6));
		}
	}
}

static void computing_over_odd_segments_gives_the_same(void **state)
{
	struct lab_frame what = {.tcp = true, .payload = 100};
	uint8_t good[256];
	unsigned ip, l4;
	unsigned length = lab_frame(&what, good, sizeof(good), &ip, &l4);

	(void)state;
	for (unsigned cut = l4 + 20; cut < length; cut++) {
		uint8_t first[256], second[256];
		struct frame_layout layout;
		struct rte_mbuf a, b;

		memcpy(first, good, cut);
		memcpy(second, good + cut, length - cut);
		memset(first + l4 + 16, 0xee, 2);
		frame_parse(first, cut, length, &layout);
		mbuf_around(&a, first, cut);
		mbuf_around(&b, second, length - cut);
		a.next = &b;
		a.nb_segs = 2;
		a.pkt_len = length;
		offload_compute(&a, &layout, TX_ALL);
		assert_memory_equal(first, good, cut);
	}
}

/* What is left for the device: to add up all from the L4 header on, and to complement. */
static void a_device_that_sums_up_arrives_at_the_reference(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		struct lab_frame what = {.ipv6 = kind & 1, .tcp = kind & 2, .payload = 33};
		uint8_t bytes[256], good[256];
		unsigned ip, l4;
		unsigned length = lab_frame(&what, good, sizeof(good), &ip, &l4);
		struct frame_layout layout;
		struct rte_mbuf m;

		memcpy(bytes, good, length);
		wipe_checksums(bytes, &what, ip, l4);
		frame_parse(bytes, length, length, &layout);
		mbuf_around(&m, bytes, length);
		offload_request(&m, &layout, TX_ALL);

		uint32_t sum = 0;
		for (unsigned i = l4; i < length; i++)
			sum += (i - l4) % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
		while (sum >> 16 != 0)
			sum = (sum & 0xffff) + (sum >> 16);
		unsigned field = l4 + (what.tcp ? 16 : 6);
		assert_int_equal((uint16_t)~sum, good[field] << 8 | good[field + 1]);
		if (!what.ipv6)
			assert_int_equal(bytes[ip + 10] | bytes[ip + 11], 0);
		assert_int_equal(m.l2_len, ip);
		assert_int_equal(m.l2_len + m.l3_len, l4);
		assert_int_equal(m.ol_flags & RTE_MBUF_F_TX_L4_MASK,
			what.tcp ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM);
		assert_int_equal((m.ol_flags & RTE_MBUF_F_TX_IP_CKSUM) != 0, !what.ipv6);
	}
}

static void nothing_is_requested_that_is_not_in_use(void **state)
{
	struct lab_frame what = {.tcp = true, .payload = 3};
	uint8_t bytes[128], before[128];
	unsigned ip, l4;
	unsigned length = lab_frame(&what, bytes, sizeof(bytes), &ip, &l4);
	struct frame_layout layout;
	struct rte_mbuf m;

	(void)state;
	memcpy(before, bytes, length);
	frame_parse(bytes, length, length, &layout);
	mbuf_around(&m, bytes, length);
	offload_request(&m, &layout, PORT_TX_UDP_CHECKSUM | PORT_TX_MULTI_SEGS);
	assert_int_equal(m.ol_flags, 0);
	assert_memory_equal(bytes, before, length);
}

static void a_fragment_gets_its_header_sum_only(void **state)
{
	struct lab_frame what = {.payload = 24};
	uint8_t bytes[128], before[128];
	unsigned ip, l4;
	unsigned length = lab_frame(&what, bytes, sizeof(bytes), &ip, &l4);
	struct frame_layout layout;
	struct rte_mbuf m;

	(void)state;
	bytes[ip + 6] |= 0x20;
	memcpy(before, bytes, length);
	frame_parse(bytes, length, length, &layout);
	mbuf_around(&m, bytes, length);
	offload_request(&m, &layout, TX_ALL);
	assert_int_equal(m.ol_flags, RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_IPV4);
	assert_memory_equal(bytes + l4, before + l4, length - l4);
}

static void verdicts_follow_the_flags(void **state)
{
	static const struct {
		uint64_t flags;
		uint16_t good;
		enum drop_reason drop;
	} cases[] = {
		{0, 0, DROP_NONE},
		{RTE_MBUF_F_RX_IP_CKSUM_GOOD, PKT_IP_CHECKSUM_GOOD, DROP_NONE},
		{RTE_MBUF_F_RX_L4_CKSUM_GOOD, PKT_L4_CHECKSUM_GOOD, DROP_NONE},
		/* rte_mbuf_core.h: wrong in the frame, "but the integrity ... is verified" */
		{RTE_MBUF_F_RX_IP_CKSUM_NONE, PKT_IP_CHECKSUM_GOOD, DROP_NONE},
		{RTE_MBUF_F_RX_L4_CKSUM_NONE, PKT_L4_CHECKSUM_GOOD, DROP_NONE},
		{RTE_MBUF_F_RX_IP_CKSUM_BAD, 0, DROP_IP_CHECKSUM},
		{RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_BAD, PKT_IP_CHECKSUM_GOOD,
			DROP_L4_CHECKSUM},
	};

	(void)state;
	for (size_t i = 0; i < RTE_DIM(cases); i++) {
		struct offload_verdict verdict = offload_verdict(cases[i].flags);
		assert_int_equal(verdict.pkt_flags, cases[i].good);
		assert_int_equal(verdict.drop, cases[i].drop);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wanted_and_offered_is_taken),
		cmocka_unit_test(computed_checksums_are_those_of_the_reference),
		cmocka_unit_test(computing_over_odd_segments_gives_the_same),
		cmocka_unit_test(a_device_that_sums_up_arrives_at_the_reference),
		cmocka_unit_test(nothing_is_requested_that_is_not_in_use),
		cmocka_unit_test(a_fragment_gets_its_header_sum_only),
		cmocka_unit_test(verdicts_follow_the_flags),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
