/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/dst.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/priv/nd6_priv.h"
#include "stack/dst_internal.h"
#include "stack/ip_output.h"
#include "stack/nif_internal.h"
#include "tests/unit/stack/lab.h"
#include "tests/unit/stack/packets.h"

#define UDP     17u
#define MINUTES 60000u

static ip_addr_t address(const char *text)
{
	ip_addr_t a;
	assert_true(ipaddr_aton(text, &a));
	return a;
}

static struct dst *get(struct stack *st, const char *remote, ip_addr_t *source)
{
	ip_addr_t to = address(remote);
	struct dst *dst = NULL;
	assert_int_equal(dst_get(st, IP_ANY_TYPE, &to, source, &dst), 0);
	assert_non_null(dst);
	return dst;
}

/* Sends one small datagram by it. */
static enum drop_reason send_by(struct stack *st, struct dst *dst)
{
	uint8_t bytes[IP_OUTPUT_ROOM + 8] = {0};
	uint8_t *udp = bytes + IP_OUTPUT_ROOM;
	put16(udp, 1000);
	put16(udp + 2, 5000);
	put16(udp + 4, 8);
	struct ip_packet packet = {.dst = dst,
		.local = &dst->source,
		.remote = &dst->remote,
		.l4 = udp,
		.l4_length = 8,
		.proto = UDP,
		.ttl = 64};
	stack_enter(st);
	return ip_output(st, &packet);
}

/* The last byte of the station that the first frame sent by it goes to; -1: there was none. */
static int station_of_next(struct lab *lab)
{
	struct lab_frame *frame = lab_take(lab, 0);
	if (frame == NULL)
		return -1;
	int last = frame->bytes[5];
	free(frame);
	return last;
}

/* From 10.0.0.(host), which has that station's address. */
static void inject_arp(struct lab *lab, uint8_t host, uint8_t station)
{
	uint8_t arp[42] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, station, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2,
		2, 0, 0, 0, 0, station, 10, 0, 0, host, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1};
	lab_inject(lab, 0, arp, sizeof(arp));
	lab_discard(lab, 0);
}

static void open_one(struct lab *lab)
{
	lab_open(lab, 1, NULL);
	lab_advance(lab, 4000);
	lab_discard(lab, 0);
}

/* Finding */

/* RFC 1122 3.3.4.3: with no address given, that of the interface that leads there. */
static void entry_is_shared_by_all_who_ask(void **state)
{
	struct lab lab;
	ip_addr_t source, from;
	open_one(&lab);
	struct stack *st = lab.node[0].stack;
	for (unsigned ip6 = 0; ip6 < 2; ip6++) {
		const char *to = ip6 ? "fd00::9" : "10.0.0.9";
		ip_addr_t remote = address(to), own = ip6 ? lab_ip6(0) : lab_ip4(0);
		struct dst *first = get(st, to, &source), *second = get(st, to, NULL), *third;
		assert_true(ip_addr_eq(&source, &own));
		assert_ptr_equal(first, second);
		from = own;
		assert_int_equal(dst_get(st, &from, &remote, &source, &third), 0);
		assert_ptr_equal(first, third);
		assert_int_equal(first->refs, 3);
		assert_ptr_equal(dst_nif(first), lab.node[0].nif);
		assert_int_equal(dst_mtu(first), 1500);
		dst_put(st, first);
		dst_put(st, second);
		dst_put(st, third);
		struct dst *other = get(st, ip6 ? "fd00::8" : "10.0.0.8", NULL);
		assert_ptr_not_equal(other, first);
		dst_put(st, other);
	}
	lab_close(&lab);
}

/* The other way round: what was asked for with an address is found without. */
static void given_source_and_default_one_meet(void **state)
{
	struct lab lab;
	open_one(&lab);
	struct stack *st = lab.node[0].stack;
	ip_addr_t remote = address("10.0.0.9"), own = lab_ip4(0);
	struct dst *given, *chosen;
	assert_int_equal(dst_get(st, &own, &remote, NULL, &given), 0);
	assert_int_equal(dst_get(st, IP4_ADDR_ANY, &remote, NULL, &chosen), 0);
	assert_ptr_equal(given, chosen);
	dst_put(st, given);
	dst_put(st, chosen);
	lab_close(&lab);
}

/* RFC 1122 3.3.1.1: neither on the link nor behind a gateway. */
static void unreachable_addresses_have_no_entry(void **state)
{
	struct lab lab;
	open_one(&lab);
	struct stack *st = lab.node[0].stack;
	static const char *const nowhere[] = {"192.0.2.1", "2001:db8::1", "0.0.0.0", "::"};
	struct dst *dst = NULL;
	for (unsigned i = 0; i < 4; i++) {
		ip_addr_t remote = address(nowhere[i]);
		assert_int_equal(dst_get(st, IP_ANY_TYPE, &remote, NULL, &dst), -ENETUNREACH);
	}
	ip_addr_t own = lab_ip4(0), remote = address("fd00::9");
	assert_int_equal(dst_get(st, &own, &remote, NULL, &dst), -ENETUNREACH);
	assert_null(dst);
	assert_int_equal(st->dsts.table.count, 0);
	lab_close(&lab);
}

static void unused_entries_are_bounded_and_the_oldest_go(void **state)
{
	struct lab lab;
	open_one(&lab);
	struct stack *st = lab.node[0].stack;
	struct dst *held = get(st, "10.0.0.9", NULL);
	ip_addr_t gateway = address("10.0.0.254");
	nif_set_gateway(lab.node[0].nif, &gateway);
	for (unsigned i = 0; i < 3000; i++) {
		ip_addr_t remote = IPADDR4_INIT_BYTES(192, 0, i >> 8, i & 0xff);
		struct dst *dst;
		assert_int_equal(dst_get(st, IP_ANY_TYPE, &remote, NULL, &dst), 0);
		dst_put(st, dst);
	}
	assert_int_equal(st->dsts.unused_count, DST_UNUSED_MAX);
	assert_int_equal(st->dsts.table.count, DST_UNUSED_MAX + 1);
	assert_ptr_equal(get(st, "10.0.0.9", NULL), held);
	dst_put(st, held);
	dst_put(st, held);
	lab_close(&lab);
}

/* With all of its memory held, an entry that nobody holds makes room. */
static void no_memory_recycles_or_is_told(void **state)
{
	struct lab lab;
	open_one(&lab);
	struct stack *st = lab.node[0].stack;
	ip_addr_t gateway = address("10.0.0.254");
	nif_set_gateway(lab.node[0].nif, &gateway);
	st->dsts.slab.limit = 40;
	struct dst *held[40], *dst;
	unsigned count = 0;
	int error = 0;
	for (unsigned i = 0; i < 100 && error == 0; i++) {
		ip_addr_t remote = IPADDR4_INIT_BYTES(192, 0, 3, i);
		error = dst_get(st, IP_ANY_TYPE, &remote, NULL, &dst);
		assert_true(count < 40 || error != 0);
		if (error == 0)
			held[count++] = dst;
	}
	assert_int_equal(error, -ENOBUFS);
	ip_addr_t remote = address("192.0.4.1");
	dst_put(st, held[0]);
	assert_int_equal(dst_get(st, IP_ANY_TYPE, &remote, NULL, &held[0]), 0);
	for (unsigned i = 0; i < count; i++)
		dst_put(st, held[i]);
	lab_close(&lab);
}

/* The next hop */

/* RFC 894, RFC 1112 6.4, RFC 2464 7: groups have their stations without a question. */
static void groups_need_no_answer(void **state)
{
	static const struct {
		const char *to;
		uint8_t mac[6];
	} groups[] = {
		{"10.0.0.255", {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
		{"255.255.255.255", {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
		{"239.129.2.3", {0x01, 0x00, 0x5e, 0x01, 0x02, 0x03}},
		{"ff02::1:ff00:9", {0x33, 0x33, 0xff, 0x00, 0x00, 0x09}},
	};
	struct lab lab;
	open_one(&lab);
	struct stack *st = lab.node[0].stack;
	for (unsigned i = 0; i < 4; i++) {
		ip_addr_t remote = address(groups[i].to);
		struct dst *dst;
		stack_zone(st, &remote);
		assert_int_equal(dst_get(st, IP_ANY_TYPE, &remote, NULL, &dst), 0);
		assert_int_equal(send_by(st, dst), DROP_NONE);
		struct lab_frame *frame = lab_take(&lab, 0);
		assert_non_null(frame);
		assert_memory_equal(frame->bytes, groups[i].mac, 6);
		free(frame);
		dst_put(st, dst);
	}
	lab_close(&lab);
}

/* RFC 1122 2.3.2: a neighbour that has another station from now on gets the next packet there. */
static void neighbour_that_moves_is_followed_at_once(void **state)
{
	struct lab lab;
	open_one(&lab);
	struct stack *st = lab.node[0].stack;
	struct dst *dst = get(st, "10.0.0.9", NULL);
	inject_arp(&lab, 9, 9);
	assert_int_equal(send_by(st, dst), DROP_NONE);
	assert_int_equal(station_of_next(&lab), 9);
	inject_arp(&lab, 9, 7);
	assert_int_equal(send_by(st, dst), DROP_NONE);
	assert_int_equal(station_of_next(&lab), 7);
	dst_put(st, dst);
	lab_close(&lab);
}

/* RFC 1122 3.3.1.1: another gateway, another station, for the packets that come then. */
static void gateway_that_changes_is_followed_at_once(void **state)
{
	struct lab lab;
	open_one(&lab);
	struct stack *st = lab.node[0].stack;
	ip_addr_t gateways[] = {address("10.0.0.21"), address("10.0.0.22")};
	inject_arp(&lab, 21, 21);
	inject_arp(&lab, 22, 22);
	struct dst *dst = NULL;
	for (unsigned i = 0; i < 4; i++) {
		nif_set_gateway(lab.node[0].nif, &gateways[i & 1]);
		if (dst == NULL)
			dst = get(st, "192.0.2.1", NULL);
		assert_int_equal(send_by(st, dst), DROP_NONE);
		assert_int_equal(station_of_next(&lab), i & 1 ? 22 : 21);
	}
	dst_put(st, dst);
	lab_close(&lab);
}

static struct dgram *open_receiver(struct lab *lab)
{
	struct dgram_options options = {.receive_count = 10000};
	struct dgram *dgram;
	assert_int_equal(
		dgram_open(lab->node[1].stack, IP_ANY_TYPE, 5000, NULL, 0, &options, &dgram), 0);
	return dgram;
}

static unsigned arp_requests;

static bool count_arp_requests(struct lab *lab, unsigned from, const struct lab_frame *frame)
{
	arp_requests +=
		from == 0 && get16(frame->bytes + 12) == 0x0806 && get16(frame->bytes + 20) == 1;
	return false;
}

/*
 * RFC 1122 2.3.2.1: an entry in use is asked for again before it expires, so that no packet ever
 * waits; and it does not take more than a question now and then.
 */
static void entry_in_use_never_expires(void **state)
{
	struct lab lab;
	lab_open(&lab, 2, NULL);
	struct stack *st = lab.node[0].stack;
	struct dgram *receiver = open_receiver(&lab);
	struct dst *dst = get(st, "10.0.0.2", NULL);
	lab.lose = count_arp_requests;
	arp_requests = 0;
	for (unsigned i = 0; i < 15 * MINUTES / 500; i++) {
		unsigned before = lab.node[0].outputs;
		assert_int_equal(send_by(st, dst), DROP_NONE);
		if (i > 0)
			assert_true(lab.node[0].outputs > before);
		lab_advance(&lab, 500);
	}
	assert_int_equal(receiver->rx_count, 15 * MINUTES / 500);
	assert_in_range(arp_requests, 3, 10);
	dst_put(st, dst);
	dgram_close(receiver);
	lab_close(&lab);
}

/* RFC 4861 7.3.3: a neighbour in use is probed when it went stale; nothing waits for it. */
static void stale_neighbour_is_probed_while_packets_flow(void **state)
{
	struct lab lab;
	lab_open(&lab, 2, NULL);
	struct stack *st = lab.node[0].stack;
	struct dgram *receiver = open_receiver(&lab);
	struct dst *dst = get(st, "fd00::2", NULL);
	bool stale = false, reachable_again = false;
	for (unsigned i = 0; i < 3 * MINUTES / 500; i++) {
		assert_int_equal(send_by(st, dst), DROP_NONE);
		lab_advance(&lab, 500);
		stack_enter(st); /* whose ND cache this is then */
		for (unsigned j = 0; j < LWIP_ND6_NUM_NEIGHBORS; j++) {
			if (neighbor_cache[j].state == ND6_DELAY ||
				neighbor_cache[j].state == ND6_PROBE)
				stale = true;
			if (neighbor_cache[j].state == ND6_REACHABLE && stale)
				reachable_again = true;
		}
	}
	assert_true(stale && reachable_again);
	assert_int_equal(receiver->rx_count, 3 * MINUTES / 500);
	dst_put(st, dst);
	dgram_close(receiver);
	lab_close(&lab);
}

static unsigned solicitations;

static bool count_solicitations(struct lab *lab, unsigned from, const struct lab_frame *frame)
{
	solicitations += from == 0 && get16(frame->bytes + 12) == 0x86dd &&
		frame->bytes[20] == 58 && frame->bytes[54] == 135;
	return false;
}

/* RFC 4861 7.3.1: with progress above there is nothing to probe. */
static void confirmed_neighbour_is_not_probed(void **state)
{
	struct lab lab;
	lab_open(&lab, 2, NULL);
	struct stack *st = lab.node[0].stack;
	struct dgram *receiver = open_receiver(&lab);
	struct dst *dst = get(st, "fd00::2", NULL);
	assert_int_equal(send_by(st, dst), DROP_NONE);
	lab_advance(&lab, 500);
	lab.lose = count_solicitations;
	solicitations = 0;
	for (unsigned i = 0; i < 3 * MINUTES / 500; i++) {
		assert_int_equal(send_by(st, dst), DROP_NONE);
		dst_confirm(st, dst);
		dst_confirm(st, dst);
		lab_advance(&lab, 500);
	}
	assert_int_equal(solicitations, 0);
	dst_put(st, dst);
	dgram_close(receiver);
	lab_close(&lab);
}

/* What is asked for on the link before a datagram can leave, or NULL: there is no way. */
static const uint8_t *solicited_for(struct lab *lab, const ip_addr_t *remote)
{
	static uint8_t target[16];
	struct dgram_options options = {0};
	struct dgram *dgram;
	assert_int_equal(
		dgram_open(lab->node[0].stack, IP_ANY_TYPE, 0, NULL, 0, &options, &dgram), 0);
	lab_discard(lab, 0);
	int error = dgram_send(dgram, lab_pbuf("x", 1), remote, 9);
	dgram_close(dgram);
	if (error != 0) {
		assert_int_equal(error, -ENETUNREACH);
		return NULL;
	}
	struct lab_frame *frame = lab_take(lab, 0);
	assert_non_null(frame);
	assert_int_equal(frame->bytes[14 + 40], 135); /* RFC 4861 4.3 */
	memcpy(target, frame->bytes + 14 + 40 + 8, sizeof(target));
	free(frame);
	return target;
}

/* RFC 4291 2.3, RFC 5942 4, RFC 6164: as many bits as were said, for what is on the link. */
static void ip6_prefix_of_any_length_says_what_is_on_the_link(void **state)
{
	static const struct {
		const char *own;
		uint8_t prefix;
		const char *on_link, *off_link;
	} links[] = {
		{"2001:db8::2", 1, "7fff::1", "8000::1"},
		{"2001:db8::2", 32, "2001:db8:ffff::1", "2001:db9::1"},
		{"2001:db8::2", 33, "2001:db8:7fff::1", "2001:db8:8000::1"},
		{"2001:db8::2", 48, "2001:db8:0:ffff::1", "2001:db8:1::1"},
		{"2001:db8:0:100::2", 56, "2001:db8:0:1ff::1", "2001:db8:0:200::1"},
		{"2001:db8::2", 64, "2001:db8::ffff:0:0:1", "2001:db8:0:1::1"},
		{"2001:db8::2", 65, "2001:db8::7fff:0:0:1", "2001:db8::8000:0:0:1"},
		{"2001:db8::2", 127, "2001:db8::3", "2001:db8::1"},
		{"2001:db8::", 127, "2001:db8::1", "2001:db8::2"},
		{"2001:db8::2", 128, NULL, "2001:db8::3"},
	};
	struct lab_config config = {.no_address = true};
	ip_addr_t gateway = address("fe80::1");
	for (unsigned i = 0; i < 2 * sizeof(links) / sizeof(links[0]); i++) {
		struct lab lab;
		struct nif_address addresses[2];
		bool by_gateway = i % 2;
		ip_addr_t own = address(links[i / 2].own), far = address(links[i / 2].off_link);
		lab_open(&lab, 1, &config);
		assert_int_equal(nif_add_address(lab.node[0].nif, &own, links[i / 2].prefix), 0);
		if (by_gateway)
			assert_int_equal(nif_set_gateway(lab.node[0].nif, &gateway), 0);
		lab_advance(&lab, 4000);
		assert_int_equal(nif_addresses(lab.node[0].nif, addresses, 2), 2);
		assert_int_equal(addresses[1].prefix, links[i / 2].prefix);
		if (links[i / 2].on_link != NULL) {
			ip_addr_t near = address(links[i / 2].on_link);
			const uint8_t *target = solicited_for(&lab, &near);
			assert_non_null(target);
			assert_memory_equal(target, ip_2_ip6(&near)->addr, 16);
		}
		const uint8_t *target = solicited_for(&lab, &far);
		assert_int_equal(target != NULL, by_gateway);
		if (by_gateway)
			assert_memory_equal(target, ip_2_ip6(&gateway)->addr, 16);
		lab_discard(&lab, 0);
		lab_close(&lab);
	}
}

/* Of two interfaces that the prefix leads to, the one that says more of the address. */
static void longest_ip6_prefix_leads(void **state)
{
	struct lab lab;
	open_one(&lab);
	struct stack *st = lab.node[0].stack;
	struct nif_config config = lab.node[0].nif->config;
	config.mac[5] = 7;
	struct nif *second = nif_add(st, &config);
	assert_non_null(second);
	nif_set_link(second, true);
	ip_addr_t wide = address("2001:db8::2"), narrow = address("2001:db8:0:5::2");
	assert_int_equal(nif_add_address(lab.node[0].nif, &wide, 48), 0);
	assert_int_equal(nif_add_address(second, &narrow, 64), 0);
	lab_advance(&lab, 4000);
	for (unsigned i = 0; i < 2; i++) {
		struct dst *dst = get(st, i ? "2001:db8:0:5::9" : "2001:db8:0:6::9", NULL);
		assert_ptr_equal(dst_nif(dst), i ? second : lab.node[0].nif);
		dst_put(st, dst);
	}
	lab_discard(&lab, 0);
	lab_close(&lab);
}

/* An address that went with its interface's: the entry no longer serves those who leave it open. */
static void default_source_changes_with_the_address(void **state)
{
	struct lab lab;
	ip_addr_t source, later = address("10.0.0.77");
	open_one(&lab);
	struct stack *st = lab.node[0].stack;
	struct dst *before = get(st, "10.0.0.9", &source);
	assert_int_equal(nif_add_address(lab.node[0].nif, &later, 24), 0);
	struct dst *after = get(st, "10.0.0.9", &source);
	assert_true(ip_addr_eq(&source, &later));
	assert_ptr_not_equal(before, after);
	inject_arp(&lab, 9, 9);
	assert_int_equal(send_by(st, before), DROP_NO_ROUTE);
	assert_int_equal(send_by(st, after), DROP_NONE);
	struct dst *again = get(st, "10.0.0.9", NULL);
	assert_ptr_equal(again, after);
	lab_discard(&lab, 0);
	dst_put(st, before);
	dst_put(st, after);
	dst_put(st, again);
	lab_close(&lab);
}

/* Path MTU */

/* RFC 1191 6.3, RFC 8201 4: what is smaller than the link's is forgotten after ten minutes. */
static void path_mtu_is_forgotten_in_time(void **state)
{
	for (unsigned ip6 = 0; ip6 < 2; ip6++) {
		struct lab lab;
		open_one(&lab);
		struct stack *st = lab.node[0].stack;
		struct dst *dst = get(st, ip6 ? "fd00::9" : "10.0.0.9", NULL);
		dst_set_mtu(st, dst, 1400);
		assert_int_equal(dst_mtu(dst), 1400);
		dst_put(st, dst); /* who asks next learns of it */
		assert_ptr_equal(get(st, ip6 ? "fd00::9" : "10.0.0.9", NULL), dst);
		lab_advance(&lab, 9 * MINUTES);
		assert_int_equal(dst_mtu(dst), 1400);
		lab_advance(&lab, 2 * MINUTES);
		assert_int_equal(dst_mtu(dst), 1500);
		lab_discard(&lab, 0);
		dst_put(st, dst);
		lab_close(&lab);
	}
}

/* RFC 8201 4: not below 1280. RFC 1191: a forger cannot make it absurd. Nor above the link's. */
static void path_mtu_is_bounded(void **state)
{
	struct lab lab;
	open_one(&lab);
	struct stack *st = lab.node[0].stack;
	struct dst *ip4 = get(st, "10.0.0.9", NULL), *ip6 = get(st, "fd00::9", NULL);
	for (unsigned mtu = 1; mtu <= 65535; mtu += 107) {
		dst_set_mtu(st, ip4, (uint16_t)mtu);
		dst_set_mtu(st, ip6, (uint16_t)mtu);
		assert_in_range(dst_mtu(ip4), DST_MTU_MIN4, 1500);
		assert_in_range(dst_mtu(ip6), DST_MTU_MIN6, 1500);
		assert_int_equal(dst_may_split(ip4), mtu < DST_MTU_MIN4);
		assert_false(dst_may_split(ip6));
	}
	dst_put(st, ip4);
	dst_put(st, ip6);
	lab_close(&lab);
}

/* ICMP errors about a packet of ours, from a router (RFC 792, RFC 1191 4, RFC 4443 3.2) */

static void inject_icmp4(struct lab *lab, uint16_t mtu, const uint8_t *quoted, size_t length)
{
	uint8_t frame[200] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 0, 0x45};
	uint8_t *ip = frame + 14, *icmp = ip + 20;
	put16(ip + 2, (unsigned)(28 + length));
	ip[8] = 64;
	ip[9] = 1;
	memcpy(ip + 12, (const uint8_t[]){10, 0, 0, 254, 10, 0, 0, 1}, 8);
	put16(ip + 10, complement(sum_bytes(0, ip, 20)));
	icmp[0] = 3;
	icmp[1] = 4;
	put16(icmp + 6, mtu);
	memcpy(icmp + 8, quoted, length);
	put16(icmp + 2, complement(sum_bytes(0, icmp, 8 + length)));
	lab_inject(lab, 0, frame, 42 + length);
}

static void inject_icmp6(struct lab *lab, uint32_t mtu, const uint8_t *quoted, size_t length)
{
	uint8_t frame[200] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0x86, 0xdd, 0x60};
	uint8_t *ip = frame + 14, *icmp = ip + 40;
	put16(ip + 4, (unsigned)(8 + length));
	ip[6] = 58;
	ip[7] = 64;
	ip[8] = ip[24] = 0xfd;
	ip[23] = 0xfe;
	ip[39] = 1;
	icmp[0] = 2;
	put32(icmp + 4, mtu);
	memcpy(icmp + 8, quoted, length);
	uint64_t sum = sum_bytes(58 + 8 + length, ip + 8, 32);
	put16(icmp + 2, complement(sum_bytes(sum, icmp, 8 + length)));
	lab_inject(lab, 0, frame, 62 + length);
}

/* What was sent by send_by, as far as an error quotes it; behind a fragment header if so. */
static size_t quote(const struct dst *dst, bool fragment, uint8_t *out)
{
	struct packet_shape shape = {.source = dst->source,
		.destination = dst->remote,
		.proto = UDP,
		.ttl = 64,
		.source_port = 1000,
		.destination_port = 5000};
	uint8_t frame[100];
	size_t headers = dst->ip6 ? 40 : 20;
	packet_write(&shape, frame, frame, "", 0, frame);
	memcpy(out, frame + 14, headers);
	if (fragment) {
		memset(out + headers, 0, 8);
		out[headers] = UDP;
		out[6] = 44;
		headers += 8;
	}
	memcpy(out + headers, frame + 14 + (dst->ip6 ? 40 : 20), 8);
	return headers + 8;
}

/* RFC 1191 4, RFC 8201 4: what a router says of a datagram of ours holds for its path. */
static void router_tells_of_a_smaller_mtu(void **state)
{
	for (unsigned i = 0; i < 3; i++) { /* IPv4, IPv6, IPv6 in fragments */
		struct lab lab;
		uint8_t quoted[100];
		struct dgram_options options = {0};
		struct dgram *socket;
		open_one(&lab);
		struct stack *st = lab.node[0].stack;
		struct dst *dst = get(st, i > 0 ? "fd00::9" : "10.0.0.9", NULL);
		size_t length = quote(dst, i == 2, quoted);
		for (unsigned open = 0; open < 2; open++) {
			if (open) /* not before there is a socket that may have sent it */
				assert_int_equal(dgram_open(st, IP_ANY_TYPE, 1000, NULL, 0,
							 &options, &socket),
					0);
			if (i == 0)
				inject_icmp4(&lab, 1400, quoted, length);
			else
				inject_icmp6(&lab, 1400, quoted, length);
			assert_int_equal(dst_mtu(dst), open ? 1400 : 1500);
		}
		if (i == 0)
			inject_icmp4(&lab, 1450, quoted, length);
		else
			inject_icmp6(&lab, 1450, quoted, length);
		assert_int_equal(dst_mtu(dst), 1400); /* never raised */
		if (i > 0) {
			inject_icmp6(&lab, 1279, quoted, length);
			inject_icmp6(&lab, 70000, quoted, length);
			assert_int_equal(dst_mtu(dst), 1400);
		}
		assert_int_equal(stack_drops(st)->count[DROP_ICMP_REFUSED], 0);
		lab_discard(&lab, 0);
		dst_put(st, dst);
		dgram_close(socket);
		lab_close(&lab);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entry_is_shared_by_all_who_ask),
		cmocka_unit_test(given_source_and_default_one_meet),
		cmocka_unit_test(unreachable_addresses_have_no_entry),
		cmocka_unit_test(unused_entries_are_bounded_and_the_oldest_go),
		cmocka_unit_test(no_memory_recycles_or_is_told),
		cmocka_unit_test(groups_need_no_answer),
		cmocka_unit_test(neighbour_that_moves_is_followed_at_once),
		cmocka_unit_test(gateway_that_changes_is_followed_at_once),
		cmocka_unit_test(entry_in_use_never_expires),
		cmocka_unit_test(stale_neighbour_is_probed_while_packets_flow),
		cmocka_unit_test(confirmed_neighbour_is_not_probed),
		cmocka_unit_test(ip6_prefix_of_any_length_says_what_is_on_the_link),
		cmocka_unit_test(longest_ip6_prefix_leads),
		cmocka_unit_test(default_source_changes_with_the_address),
		cmocka_unit_test(path_mtu_is_forgotten_in_time),
		cmocka_unit_test(path_mtu_is_bounded),
		cmocka_unit_test(router_tells_of_a_smaller_mtu),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
