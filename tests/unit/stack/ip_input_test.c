/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/ip_input.h"

#include <stdlib.h>
#include <string.h>

#include "lwip/ip6_addr.h"
#include "stack/nif_internal.h"
#include "tests/unit/stack/lab.h"
#include "tests/unit/stack/packets.h"

#define TCP       6u
#define UDP       17u
#define FRAME_MAX 1600u

static const uint8_t ours[6] = {2, 0, 0, 0, 0, 1}, peer[6] = {2, 0, 0, 0, 0, 9};

/* One frame, and what ip_judge said of it. */
struct verdict {
	enum ip_fate fate;
	enum drop_reason reason;
	struct ip_rx rx;
	struct pbuf *p;
};

static struct packet_shape from_peer(bool ip6, uint8_t proto)
{
	struct packet_shape shape = {
		.proto = proto, .tos = 0x2e, .ttl = 63, .source_port = 77, .destination_port = 88};
	ip_addr_t ip4 = IPADDR4_INIT_BYTES(10, 0, 0, 9);
	ip_addr_t ip6_peer = IPADDR6_INIT_HOST(0xfd000000, 0, 0, 9);
	shape.source = ip6 ? ip6_peer : ip4;
	shape.destination = ip6 ? lab_ip6(0) : lab_ip4(0);
	return shape;
}

/* One node whose addresses are in use, tentative no longer. */
static void open_lab(struct lab *lab)
{
	lab_open(lab, 1, NULL);
	lab_advance(lab, 4000);
	lab_discard(lab, 0);
}

static struct verdict judge_pbuf(struct lab *lab, struct pbuf *p)
{
	struct verdict v = {.p = p};
	v.fate = ip_judge(lab->node[0].nif, p, &v.rx);
	v.reason = v.fate == IP_FATE_DROP ? v.rx.reason : DROP_NONE;
	return v;
}

static struct verdict judge(struct lab *lab, const uint8_t *frame, size_t length)
{
	return judge_pbuf(lab, lab_pbuf(frame, length));
}

static enum ip_fate fate_of(struct lab *lab, const uint8_t *frame, size_t length)
{
	struct verdict v = judge(lab, frame, length);
	if (v.fate == IP_FATE_DROP)
		assert_int_not_equal(v.reason, DROP_NONE);
	pbuf_free(v.p);
	return v.fate;
}

static enum ip_fate fate_of_shape(struct lab *lab, const struct packet_shape *shape)
{
	uint8_t frame[FRAME_MAX];
	return fate_of(lab, frame, packet_write(shape, ours, peer, "text", 4, frame));
}

static void assert_taken(const struct verdict *v, const struct packet_shape *shape,
	const uint8_t *payload, size_t length)
{
	size_t header = shape->proto == TCP ? 20 : 8;
	uint8_t got[FRAME_MAX];
	assert_int_equal(v->fate, shape->proto == TCP ? IP_FATE_TCP : IP_FATE_UDP);
	assert_ptr_equal(v->rx.p, v->p);
	assert_int_equal(v->p->tot_len, header + length);
	assert_int_equal(pbuf_copy_partial(v->p, got, sizeof(got), 0), header + length);
	assert_int_equal(get16(got), 77);
	assert_memory_equal(got + header, payload, length);
	assert_true(ip_addr_eq(&v->rx.local, &shape->destination));
	assert_true(ip_addr_eq(&v->rx.remote, &shape->source));
	assert_int_equal(v->rx.tos, shape->tos);
	assert_int_equal(v->rx.ttl, shape->ttl);
}

/* RFC 1122 3.2.1, RFC 8200 3: what is whole and for us loses its headers. */
static void sound_packet_goes_to_its_transport(void **state)
{
	struct lab lab;
	uint8_t frame[FRAME_MAX], payload[1400];
	lab_pattern(payload, sizeof(payload), 1);
	open_lab(&lab);
	for (unsigned i = 0; i < 4 * 3; i++) {
		struct packet_shape shape = from_peer(i & 1, i & 2 ? TCP : UDP);
		size_t n = (const size_t[]){0, 99, 1400}[i / 4];
		size_t length = packet_write(&shape, ours, peer, payload, n, frame);
		for (unsigned flags = 0; flags < 4; flags++) {
			struct pbuf *p = lab_pbuf(frame, length);
			p->pkt_flags = (uint16_t)flags;
			struct verdict v = judge_pbuf(&lab, p);
			assert_taken(&v, &shape, payload, n);
			assert_ptr_equal(v.rx.nif, lab.node[0].nif);
			assert_false(v.rx.to_group);
			assert_int_equal(v.rx.p->pkt_flags, flags);
			pbuf_free(p);
		}
	}
	lab_close(&lab);
}

/* RFC 894: short frames are padded; the length is IP's. */
static void padding_is_cut_off(void **state)
{
	struct lab lab;
	uint8_t frame[FRAME_MAX] = {0};
	open_lab(&lab);
	for (unsigned i = 0; i < 4; i++) {
		struct packet_shape shape = from_peer(i & 1, i & 2 ? TCP : UDP);
		size_t length = packet_write(&shape, ours, peer, "t", 1, frame);
		for (size_t piece = length; piece <= length + 20; piece += 20) {
			memset(frame + length, 0xee, 20);
			struct verdict v = judge_pbuf(&lab, lab_chain(frame, length + 20, piece));
			assert_taken(&v, &shape, (const uint8_t *)"t", 1);
			pbuf_free(v.p);
		}
	}
	lab_close(&lab);
}

/* The transport header lies in one piece, or lwIP gets the frame as it was. */
static void scattered_frames_keep_their_bytes(void **state)
{
	struct lab lab;
	uint8_t frame[FRAME_MAX], payload[700], got[FRAME_MAX];
	lab_pattern(payload, sizeof(payload), 1);
	open_lab(&lab);
	for (unsigned i = 0; i < 4; i++) {
		struct packet_shape shape = from_peer(i & 1, i & 2 ? TCP : UDP);
		size_t length = packet_write(&shape, ours, peer, payload, 700, frame);
		for (size_t piece = 1; piece < length; piece++) {
			struct verdict v = judge_pbuf(&lab, lab_chain(frame, length, piece));
			size_t headers = i & 1 ? 54 : 34;
			if (piece < 14 || piece < headers) {
				assert_int_equal(v.fate, IP_FATE_DROP);
				assert_int_equal(v.reason, DROP_FRAME_SHORT);
			} else if (piece < headers + IP_INPUT_FLAT) {
				assert_int_equal(v.fate, IP_FATE_LWIP);
				assert_int_equal(
					pbuf_copy_partial(v.p, got, sizeof(got), 0), length);
				assert_memory_equal(got, frame, length);
			} else {
				assert_taken(&v, &shape, payload, 700);
			}
			pbuf_free(v.p);
		}
	}
	lab_close(&lab);
}

/* RFC 1812 5.2.2 (1), (5); RFC 8200 3: no byte behind the end is believed in. */
static void cut_off_frames_are_dropped(void **state)
{
	struct lab lab;
	uint8_t frame[FRAME_MAX];
	open_lab(&lab);
	for (unsigned i = 0; i < 4; i++) {
		struct packet_shape shape = from_peer(i & 1, i & 2 ? TCP : UDP);
		size_t length = packet_write(&shape, ours, peer, "text", 4, frame);
		size_t headers = i & 1 ? 54 : 34;
		for (size_t cut = 0; cut < length; cut++) {
			struct verdict v = judge(&lab, frame, cut);
			assert_int_equal(v.fate, IP_FATE_DROP);
			assert_int_equal(
				v.reason, cut < headers ? DROP_FRAME_SHORT : DROP_IP_REFUSED);
			pbuf_free(v.p);
		}
	}
	lab_close(&lab);
}

/* What the fate of an IPv4 frame to us must be, written down once more and field by field. */
static enum ip_fate expected4(const uint8_t *frame, size_t length)
{
	const uint8_t *ip = frame + 14;
	bool group = frame[0] & 1;
	if (!group && memcmp(frame, ours, 6) != 0)
		return IP_FATE_DROP;
	unsigned type = get16(frame + 12);
	if (type == 0x86dd) /* 4 is no version of it */
		return ip[0] >> 4 == 6 ? IP_FATE_DROP : IP_FATE_LWIP;
	if (type == 0x0806)
		return IP_FATE_LWIP;
	if (type != 0x0800)
		return IP_FATE_DROP;
	if (ip[0] != 0x45)
		return IP_FATE_LWIP;
	if (!packet_ip_sum_right(ip))
		return IP_FATE_DROP;
	if (get16(ip + 2) < 20 || get16(ip + 2) > length - 14)
		return IP_FATE_DROP;
	if (get16(ip + 6) & 0x3fff)
		return IP_FATE_LWIP;
	if (ip[9] != TCP && ip[9] != UDP)
		return IP_FATE_LWIP;
	if (ip[12] == 0)
		return IP_FATE_LWIP;
	uint32_t source = get32(ip + 12), to = get32(ip + 16);
	if (ip[12] == 127 || ip[12] >= 224 || source == 0x0a000001 || source == 0x0a0000ff)
		return IP_FATE_DROP;
	if (to == 0x0a0000ff || to == 0xffffffff || to == 0xe0000001)
		return ip[9] == TCP ? IP_FATE_TCP : IP_FATE_UDP;
	if (to != 0x0a000001)
		return IP_FATE_LWIP;
	if (group)
		return IP_FATE_DROP;
	return ip[9] == TCP ? IP_FATE_TCP : IP_FATE_UDP;
}

/* RFC 1812 5.2.2, RFC 1122 3.2.1: each byte of the headers with each value, sum mended or not. */
static void every_byte_of_an_ip4_header_is_judged(void **state)
{
	struct lab lab;
	uint8_t good[FRAME_MAX], frame[FRAME_MAX];
	open_lab(&lab);
	struct packet_shape shape = from_peer(false, UDP);
	size_t length = packet_write(&shape, ours, peer, "some text", 9, good);
	for (unsigned mended = 0; mended < 2; mended++) {
		for (unsigned i = 0; i < 34 * 256; i++) {
			memcpy(frame, good, length);
			frame[i / 256] = (uint8_t)i;
			if (mended) {
				put16(frame + 24, 0);
				put16(frame + 24, complement(sum_bytes(0, frame + 14, 20)));
			}
			enum ip_fate wanted = expected4(frame, length);
			if (fate_of(&lab, frame, length) != wanted)
				fail_msg("byte %u is %u, mended %u: not %d", i / 256, i % 256,
					mended, wanted);
		}
	}
	lab_close(&lab);
}

static enum ip_fate expected6(const uint8_t *frame, size_t length)
{
	static const uint8_t us[16] = {0xfd, [15] = 1}, zeros[10];
	const uint8_t *ip = frame + 14;
	bool group = frame[0] & 1;
	if (!group && memcmp(frame, ours, 6) != 0)
		return IP_FATE_DROP;
	unsigned type = get16(frame + 12);
	if (type == 0x0806)
		return IP_FATE_LWIP;
	if (type == 0x0800)
		return ip[0] == 0x45 ? IP_FATE_DROP : IP_FATE_LWIP;
	if (type != 0x86dd)
		return IP_FATE_DROP;
	/* Behind a fragment header would stand TCP's source port: no transport's number. */
	if (ip[0] >> 4 != 6 || (ip[6] != TCP && ip[6] != UDP))
		return IP_FATE_LWIP;
	if (40u + get16(ip + 4) > length - 14)
		return IP_FATE_DROP;
	if (ip[8] == 0xff || memcmp(ip + 8, ip + 24, 16) == 0)
		return IP_FATE_DROP;
	if (memcmp(ip + 8, zeros, 10) == 0 && (get16(ip + 18) == 0 || get16(ip + 18) == 0xffff))
		return IP_FATE_DROP;
	if (memcmp(ip + 24, us, 16) != 0)
		return IP_FATE_LWIP;
	if (group)
		return IP_FATE_DROP;
	return ip[6] == TCP ? IP_FATE_TCP : IP_FATE_UDP;
}

/* RFC 8200 3: each byte of the headers with each value. */
static void every_byte_of_an_ip6_header_is_judged(void **state)
{
	struct lab lab;
	uint8_t good[FRAME_MAX], frame[FRAME_MAX];
	open_lab(&lab);
	struct packet_shape shape = from_peer(true, TCP);
	size_t length = packet_write(&shape, ours, peer, "some text", 9, good);
	for (unsigned i = 0; i < 54 * 256; i++) {
		memcpy(frame, good, length);
		frame[i / 256] = (uint8_t)i;
		enum ip_fate wanted = expected6(frame, length);
		if (fate_of(&lab, frame, length) != wanted)
			fail_msg("byte %u is %u: not %d", i / 256, i % 256, wanted);
	}
	lab_close(&lab);
}

/* IPv6 fragments */

/* Cuts an IPv6 frame into fragments of `piece` bytes and gives them to node 0 in that order. */
static void inject_fragments(
	struct lab *lab, const uint8_t *frame, size_t length, size_t piece, bool backwards)
{
	size_t total = length - 54, count = (total + piece - 1) / piece;
	for (size_t i = 0; i < count; i++) {
		size_t at = (backwards ? count - 1 - i : i) * piece;
		size_t n = total - at < piece ? total - at : piece;
		uint8_t out[FRAME_MAX];
		memcpy(out, frame, 54);
		put16(out + 18, (unsigned)(8 + n));
		out[20] = 44;
		out[54] = frame[20];
		out[55] = 0;
		put16(out + 56, (unsigned)(at | (at + n < total)));
		put32(out + 58, 1234);
		memcpy(out + 62, frame + 54 + at, n);
		lab_inject(lab, 0, out, 62 + n);
	}
}

static struct dgram *bind88(struct lab *lab)
{
	struct dgram_options options = {0};
	struct dgram *dgram;
	assert_int_equal(
		dgram_open(lab->node[0].stack, IP_ANY_TYPE, 88, NULL, 0, &options, &dgram), 0);
	return dgram;
}

/* RFC 8200 4.5: in whatever order; RFC 6946: also a lone one. */
static void fragments_are_put_together(void **state)
{
	struct lab lab;
	uint8_t frame[FRAME_MAX], payload[1200], got[1200];
	lab_pattern(payload, sizeof(payload), 9);
	open_lab(&lab);
	struct dgram *server = bind88(&lab);
	struct packet_shape shape = from_peer(true, UDP);
	for (unsigned i = 0; i < 8; i++) {
		size_t n = i & 1 ? 1200 : 333, piece = (const size_t[]){64, 512, 1208, 80}[i / 2];
		struct dgram_rx rx;
		size_t length = packet_write(&shape, ours, peer, payload, n, frame);
		inject_fragments(&lab, frame, length, piece, i & 1);
		assert_true(dgram_next(server, &rx));
		assert_int_equal(rx.payload->tot_len, n);
		pbuf_copy_partial(rx.payload, got, (u16_t)n, 0);
		assert_memory_equal(got, payload, n);
		stack_free_pbufs(lab.node[0].stack, rx.payload);
		assert_false(dgram_next(server, &rx));
	}
	dgram_close(server);
	lab_close(&lab);
}

/* RFC 8200 4: options of a hop and of the destination, before the transport header. */
static void packets_behind_options_reach_their_sockets(void **state)
{
	static const uint8_t padding[] = {UDP, 0, 1, 4, 0, 0, 0, 0};
	static const uint8_t kinds[] = {0, 60};
	struct packet_shape shape = from_peer(true, UDP);
	struct lab lab;
	struct dgram_rx rx;
	uint8_t plain[FRAME_MAX], frame[FRAME_MAX];
	open_lab(&lab);
	struct dgram *server = bind88(&lab);
	size_t length = packet_write(&shape, ours, peer, "hello", 5, plain), header = 14 + 40;
	for (unsigned i = 0; i < 2; i++) {
		memcpy(frame, plain, header);
		frame[14 + 6] = kinds[i];
		put16(frame + 14 + 4, (unsigned)(length - header + sizeof(padding)));
		memcpy(frame + header, padding, sizeof(padding));
		memcpy(frame + header + sizeof(padding), plain + header, length - header);
		lab_inject(&lab, 0, frame, length + sizeof(padding));
		assert_true(dgram_next(server, &rx));
		assert_int_equal(rx.payload->tot_len, 5);
		stack_free_pbufs(lab.node[0].stack, rx.payload);
	}
	dgram_close(server);
	lab_close(&lab);
}

/* What the device said of a fragment's sum says nothing of the datagram's. */
static void sum_of_a_datagram_in_fragments_is_verified(void **state)
{
	struct lab lab;
	uint8_t frame[FRAME_MAX], payload[300] = {0};
	open_lab(&lab);
	struct dgram *server = bind88(&lab);
	struct packet_shape shape = from_peer(true, UDP);
	size_t length = packet_write(&shape, ours, peer, payload, sizeof(payload), frame);
	frame[length - 1] ^= 1;
	lab.node[0].rx_flags = PKT_L4_CHECKSUM_GOOD;
	for (size_t piece = 64; piece <= 512; piece += 448)
		inject_fragments(&lab, frame, length, piece, false);
	assert_int_equal(server->rx_count, 0);
	assert_int_equal(stack_drops(lab.node[0].stack)->count[DROP_L4_CHECKSUM], 2);
	dgram_close(server);
	lab_close(&lab);
}

/* RFC 1122 4.1.3.1, RFC 4443 3.1: nobody listens there, and the sender is told. */
static void datagram_in_fragments_for_nobody_is_answered(void **state)
{
	struct lab lab;
	uint8_t frame[FRAME_MAX], payload[300] = {0};
	open_lab(&lab);
	struct packet_shape shape = from_peer(true, UDP);
	size_t length = packet_write(&shape, ours, peer, payload, sizeof(payload), frame);
	for (size_t piece = 64; piece <= 512; piece += 448)
		inject_fragments(&lab, frame, length, piece, false);
	struct stack_counters counters;
	stack_get_counters(lab.node[0].stack, &counters);
	assert_true(counters.icmp_tx >= 2);
	lab_discard(&lab, 0);
	lab_close(&lab);
}

/* RFC 8200 4.5: after 60 seconds, with the first fragment in hand, the sender is told. */
static void datagram_that_stays_in_fragments_is_given_up(void **state)
{
	struct lab lab;
	uint8_t frame[FRAME_MAX], payload[300] = {0};
	open_lab(&lab);
	struct stack *st = lab.node[0].stack;
	struct dgram *server = bind88(&lab);
	struct packet_shape shape = from_peer(true, UDP);
	size_t length = packet_write(&shape, ours, peer, payload, sizeof(payload), frame);
	for (unsigned first = 0; first < 2; first++) {
		struct stack_counters before, after;
		stack_get_counters(st, &before);
		uint64_t refused = stack_drops(st)->count[DROP_FRAGMENT_REFUSED];
		/* One of two: the frame cut off behind it is as good as a fragment lost. */
		uint8_t cut[FRAME_MAX];
		memcpy(cut, frame, length);
		memmove(cut + 62, cut + 54 + (first ? 0 : 160), 148);
		put16(cut + 18, 8 + (first ? 160 : 148));
		cut[20] = 44;
		memcpy(cut + 54, (const uint8_t[]){UDP, 0, 0, first ? 1 : 160, 0, 0, 0, 9}, 8);
		lab_inject(&lab, 0, cut, first ? 62 + 160 : 62 + 148);
		lab_advance(&lab, 59000);
		assert_int_equal(stack_drops(st)->count[DROP_FRAGMENT_REFUSED], refused);
		lab_advance(&lab, 2000);
		assert_int_equal(stack_drops(st)->count[DROP_FRAGMENT_REFUSED], refused + 1);
		stack_get_counters(st, &after);
		assert_int_equal(after.icmp_tx - before.icmp_tx, first);
	}
	assert_int_equal(server->rx_count, 0);
	lab_discard(&lab, 0);
	dgram_close(server);
	lab_close(&lab);
}

/* RFC 4861 7.2.3: a solicitation tells where the peer is; what is answered waits for nothing then. */
static void learn_peer(struct lab *lab)
{
	static const uint8_t group[] = {0xff, 2, [11] = 1, 0xff, 0, 0, 1};
	uint8_t frame[14 + 40 + 32] = {0x33, 0x33, 0xff, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0x86, 0xdd};
	uint8_t *ip = frame + 14, *icmp = ip + 40;
	ip_addr_t us = lab_ip6(0), source = from_peer(true, UDP).source;
	memcpy(ip, (const uint8_t[]){0x60, 0, 0, 0, 0, 32, 58, 255}, 8);
	memcpy(ip + 8, ip_2_ip6(&source)->addr, 16);
	memcpy(ip + 24, group, 16);
	icmp[0] = 135;
	memcpy(icmp + 8, ip_2_ip6(&us)->addr, 16);
	memcpy(icmp + 24, (const uint8_t[]){1, 1, 2, 0, 0, 0, 0, 9}, 8);
	put16(icmp + 2, complement(sum_bytes(sum_bytes(32 + 58, ip + 8, 32), icmp, 32)));
	lab_inject(lab, 0, frame, sizeof(frame));
	lab_discard(lab, 0);
}

/* A lone fragment of UDP to us: of `length` bytes behind its header, at `offset`. */
static void inject_fragment(
	struct lab *lab, const uint8_t destination[16], unsigned offset, bool more, size_t length)
{
	uint8_t frame[FRAME_MAX], payload[FRAME_MAX] = {0};
	struct packet_shape shape = from_peer(true, UDP);
	packet_write(&shape, ours, peer, payload, length, frame);
	memcpy(frame + 38, destination, 16);
	memmove(frame + 62, frame + 54, length);
	put16(frame + 18, (unsigned)(8 + length));
	frame[20] = 44;
	memcpy(frame + 54, (const uint8_t[]){UDP, 0}, 2);
	put16(frame + 56, offset | more);
	put32(frame + 58, 4711);
	lab_inject(lab, 0, frame, 62 + length);
}

/* The next frame is a Parameter Problem about that field, and quotes the fragment. */
static void expect_parameter_problem(struct lab *lab, unsigned field, size_t length)
{
	struct lab_frame *frame = lab_take(lab, 0);
	assert_non_null(frame);
	const uint8_t *icmp = frame->bytes + 54;
	assert_int_equal(frame->bytes[20], 58);
	assert_int_equal(icmp[0], 4);
	assert_int_equal(icmp[1], 0);
	assert_int_equal(get32(icmp + 4), field);
	assert_int_equal(icmp[8] >> 4, 6); /* from its IPv6 header on */
	assert_int_equal(get16(icmp + 8 + 4), 8 + length);
	assert_int_equal(icmp[8 + 6], 44);
	assert_int_equal(get32(icmp + 8 + 40 + 4), 4711);
	free(frame);
}

/* RFC 8200 4.5: the Payload Length of all but the last is a multiple of 8. */
static void fragment_with_a_part_of_8_bytes_is_told(void **state)
{
	struct lab lab;
	open_lab(&lab);
	learn_peer(&lab);
	ip_addr_t us = lab_ip6(0);
	inject_fragment(&lab, (const uint8_t *)ip_2_ip6(&us)->addr, 0, true, 148);
	expect_parameter_problem(&lab, 4, 148);
	inject_fragment(&lab, (const uint8_t *)ip_2_ip6(&us)->addr, 152, false, 148);
	assert_null(lab_take(&lab, 0)); /* the last may have any */
	assert_int_equal(stack_drops(lab.node[0].stack)->count[DROP_FRAGMENT_REFUSED], 1);
	lab_close(&lab);
}

/* RFC 8200 4.5: a datagram has 65,535 bytes at most; 40 and 2: the Fragment Offset. */
static void fragment_beyond_the_longest_datagram_is_told(void **state)
{
	struct lab lab;
	open_lab(&lab);
	learn_peer(&lab);
	ip_addr_t us = lab_ip6(0);
	inject_fragment(&lab, (const uint8_t *)ip_2_ip6(&us)->addr, 65528, false, 7);
	assert_null(lab_take(&lab, 0));
	inject_fragment(&lab, (const uint8_t *)ip_2_ip6(&us)->addr, 65528, false, 8);
	expect_parameter_problem(&lab, 42, 8);
	assert_int_equal(stack_drops(lab.node[0].stack)->count[DROP_FRAGMENT_REFUSED], 1);
	lab_close(&lab);
}

/* RFC 4443 2.4 (e.3): nothing is told of what went to a group. */
static void wrong_fragment_to_a_group_is_not_told(void **state)
{
	static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1};
	struct lab lab;
	open_lab(&lab);
	learn_peer(&lab);
	inject_fragment(&lab, all_nodes, 0, true, 148);
	assert_null(lab_take(&lab, 0));
	assert_int_equal(stack_drops(lab.node[0].stack)->count[DROP_FRAGMENT_REFUSED], 1);
	lab_close(&lab);
}

/* RFC 4443 2.4 (f): of all errors that strangers provoke there are so many in a second. */
static void icmp_errors_have_a_number(void **state)
{
	struct lab lab;
	struct stack_counters counters;
	uint8_t frame[FRAME_MAX], payload[20] = {0};
	open_lab(&lab);
	learn_peer(&lab);
	ip_addr_t us = lab_ip6(0);
	stack_get_counters(lab.node[0].stack, &counters);
	uint64_t sent = counters.icmp_tx;
	for (unsigned i = 0; i < 3000; i++) {
		struct packet_shape shape = from_peer(i & 1, UDP);
		if (i % 3 == 0)
			inject_fragment(&lab, (const uint8_t *)ip_2_ip6(&us)->addr, 0, true, 148);
		else
			lab_inject(&lab, 0, frame,
				packet_write(&shape, ours, peer, payload, sizeof(payload), frame));
		lab_discard(&lab, 0);
	}
	stack_get_counters(lab.node[0].stack, &counters);
	assert_in_range(counters.icmp_tx - sent, 500, 1500);
	assert_int_equal(counters.icmp_tx - sent + counters.icmp_errors_withheld, 3000);
	lab_advance(&lab, 1000);
	lab_discard(&lab, 0);
	inject_fragment(&lab, (const uint8_t *)ip_2_ip6(&us)->addr, 0, true, 148);
	expect_parameter_problem(&lab, 4, 148);
	lab_close(&lab);
}

/*
 * Floods of fragments of UDP, 8 bytes each, of datagrams whose first fragment never comes. IPv6 with
 * options before the fragment header is lwIP's.
 */

enum way { IP4, IP6, IP6_OPTIONS, WAYS };

/* What is between an IPv6 header and the part of a fragment of so many bytes; returns its length. */
static size_t put_fragment_header6(
	uint8_t *ip, enum way way, unsigned place, unsigned id, size_t length)
{
	size_t options = way == IP6_OPTIONS ? 8 : 0;
	uint8_t *header = ip + 40 + options;
	put16(ip + 4, (unsigned)(options + 8 + length));
	ip[6] = way == IP6_OPTIONS ? 60 : 44;
	memcpy(ip + 40, (const uint8_t[]){44, 0, 1, 4, 0, 0, 0, 0}, options);
	memcpy(header, (const uint8_t[]){UDP, 0}, 2);
	put16(header + 2, place);
	put32(header + 4, id);
	return options + 8;
}

static void forged_fragment(
	struct lab *lab, enum way way, unsigned source, unsigned id, unsigned at)
{
	bool ip6 = way != IP4;
	struct packet_shape shape = from_peer(ip6, UDP);
	uint8_t frame[FRAME_MAX] = {0};
	size_t ip_header = 20;
	packet_write(&shape, ours, peer, "", 0, frame);
	uint8_t *ip = frame + 14;
	if (ip6) {
		put16(ip + 22, source);
		ip_header = 40 + put_fragment_header6(ip, way, at | 1, id, 8);
	} else {
		put16(ip + 2, 20 + 8);
		put16(ip + 4, id);
		put16(ip + 6, 0x2000 | at / 8);
		ip[15] = (uint8_t)source;
		put16(ip + 10, 0);
		put16(ip + 10, complement(sum_bytes(0, ip, 20)));
	}
	lab_inject(lab, 0, frame, 14 + ip_header + 8);
}

/* A datagram of the peer's, in two fragments; first and last may be sent apart. */
static void honest_fragment(struct lab *lab, enum way way, unsigned id, bool last)
{
	bool ip6 = way != IP4;
	struct packet_shape shape = from_peer(ip6, UDP);
	uint8_t frame[FRAME_MAX], payload[120] = {7}, out[FRAME_MAX];
	size_t length = packet_write(&shape, ours, peer, payload, sizeof(payload), frame);
	size_t header = ip6 ? 54 : 34, half = (length - header) / 2, added = 0;
	memcpy(out, frame, header);
	uint8_t *ip = out + 14;
	if (ip6) {
		added = put_fragment_header6(ip, way, last ? (unsigned)half : 1, id, half);
	} else {
		put16(ip + 2, (unsigned)(20 + half));
		put16(ip + 4, id);
		put16(ip + 6, last ? (unsigned)half / 8 : 0x2000);
		put16(ip + 10, 0);
		put16(ip + 10, complement(sum_bytes(0, ip, 20)));
	}
	memcpy(out + header + added, frame + header + (last ? half : 0), half);
	lab_inject(lab, 0, out, header + added + half);
}

static void assert_received(struct lab *lab, struct dgram *server, unsigned count)
{
	struct dgram_rx rx;
	assert_int_equal(server->rx_count, count);
	while (dgram_next(server, &rx))
		stack_free_pbufs(lab->node[0].stack, rx.payload);
}

/* Nor do fragments that came before keep out what comes next, nor do those that come between. */
static void flood_of_fragments_of_one_datagram_stops_no_other(void **state)
{
	for (enum way way = 0; way < WAYS; way++) {
		struct lab lab;
		open_lab(&lab);
		struct dgram *server = bind88(&lab);
		honest_fragment(&lab, way, 1, false);
		for (unsigned i = 1; i < 4096; i++)
			forged_fragment(&lab, way, 66, 999, i * 8);
		honest_fragment(&lab, way, 1, true);
		honest_fragment(&lab, way, 2, false);
		honest_fragment(&lab, way, 2, true);
		assert_received(&lab, server, 2);
		struct stack_counters counters; /* with lwIP's */
		stack_get_counters(lab.node[0].stack, &counters);
		assert_true(stack_drops(lab.node[0].stack)->count[DROP_FRAGMENT_REFUSED] > 2048);
		lab_discard(&lab, 0);
		dgram_close(server);
		lab_close(&lab);
	}
}

/* Whatever is waiting is the oldest once so much came after it; what comes next is not kept out. */
static void flood_of_fragments_of_many_datagrams_does_not_last(void **state)
{
	for (enum way way = 0; way < WAYS; way++) {
		struct lab lab;
		open_lab(&lab);
		struct dgram *server = bind88(&lab);
		for (unsigned i = 0; i < 3000; i++)
			forged_fragment(&lab, way, 10 + i % 40, 0, (1 + i / 40) * 8);
		honest_fragment(&lab, way, 2, false);
		honest_fragment(&lab, way, 2, true);
		assert_received(&lab, server, 1);
		lab_discard(&lab, 0);
		dgram_close(server);
		lab_close(&lab);
	}
}

static uint64_t fragments_refused(struct lab *lab)
{
	struct stack_counters counters; /* with lwIP's */
	stack_get_counters(lab->node[0].stack, &counters);
	return stack_drops(lab->node[0].stack)->count[DROP_FRAGMENT_REFUSED];
}

/* One that sends many loses its own, the oldest first: so many stay of datagrams of so many. */
static void assert_one_source_keeps(enum way way, unsigned each, unsigned least, unsigned most)
{
	struct lab lab;
	open_lab(&lab);
	struct dgram *server = bind88(&lab);
	uint64_t refused = fragments_refused(&lab);
	honest_fragment(&lab, way, each, false);
	for (unsigned i = 0; i < 1000 * each; i++)
		forged_fragment(&lab, way, 66, i / each, (1 + i % each) * 8);
	honest_fragment(&lab, way, each, true);
	assert_received(&lab, server, 1);
	refused = fragments_refused(&lab) - refused;
	assert_in_range(1000 * each - refused, least, most);
	lab_discard(&lab, 0);
	dgram_close(server);
	lab_close(&lab);
}

static void flood_of_fragments_of_one_source_stops_no_other(void **state)
{
	assert_one_source_keeps(IP6, 1, 16, 16);
	assert_one_source_keeps(IP6, 100, 400, 512);
	assert_one_source_keeps(IP4, 1, 256, 256);
	assert_one_source_keeps(IP4, 100, 200, 256);
	assert_one_source_keeps(IP6_OPTIONS, 1, 256, 256);
	assert_one_source_keeps(IP6_OPTIONS, 100, 200, 256);
}

static unsigned redirected;

/* Another core's: from its IP header on, as it would have come in one piece. */
static bool take_redirected(
	void *steering, struct nif *nif, uint8_t proto, uint16_t port, struct pbuf *p)
{
	const uint8_t *wanted = steering;
	uint8_t got[FRAME_MAX];
	if (port != 88)
		return false;
	assert_int_equal(proto, UDP);
	size_t length = 40 + get16(wanted + 14 + 4);
	assert_int_equal(p->tot_len, length);
	pbuf_copy_partial(p, got, (u16_t)length, 0);
	put32(got, get32(got) & 0xfff00000u); /* the flow label does not matter */
	assert_memory_equal(got, wanted + 14, length);
	pbuf_free(p);
	redirected++;
	return true;
}

static void datagram_in_fragments_of_another_core_goes_there(void **state)
{
	static uint8_t frame[FRAME_MAX];
	uint8_t payload[300] = {7};
	struct lab lab;
	struct lab_config config = {.redirect = take_redirected, .steering = frame};
	struct dgram_options options = {0};
	struct dgram *other;
	redirected = 0;
	lab_open(&lab, 1, &config);
	lab_advance(&lab, 4000);
	struct packet_shape shape = from_peer(true, UDP);
	size_t length = packet_write(&shape, ours, peer, payload, sizeof(payload), frame);
	inject_fragments(&lab, frame, length, 104, true);
	inject_fragments(&lab, frame, length, 512, false);
	assert_int_equal(redirected, 2);
	/* One of ours is not. */
	assert_int_equal(
		dgram_open(lab.node[0].stack, IP_ANY_TYPE, 89, NULL, 0, &options, &other), 0);
	shape.destination_port = 89;
	length = packet_write(&shape, ours, peer, payload, sizeof(payload), frame);
	inject_fragments(&lab, frame, length, 104, true);
	assert_int_equal(other->rx_count, 1);
	dgram_close(other);
	lab_discard(&lab, 0);
	lab_close(&lab);
}

/* Addresses */

/* RFC 1122 3.2.1.3 (c) to (g), RFC 1812 5.3.7, RFC 4291 2.5.2, 2.5.3, 2.5.5, 2.7. */
static void impossible_sources_are_dropped(void **state)
{
	static const char *const false_sources[] = {"127.0.0.1", "127.255.0.9", "224.0.0.1",
		"239.1.2.3", "240.0.0.1", "255.255.255.255", "10.0.0.255", "10.0.0.1", "::1",
		"ff02::1", "::", "::a00:9", "::ffff:a00:9", "fd00::1"};
	struct lab lab;
	open_lab(&lab);
	for (unsigned i = 0; i < sizeof(false_sources) / sizeof(false_sources[0]); i++) {
		ip_addr_t source;
		assert_true(ipaddr_aton(false_sources[i], &source));
		struct packet_shape shape = from_peer(IP_IS_V6(&source), UDP);
		shape.source = source;
		if (fate_of_shape(&lab, &shape) != IP_FATE_DROP)
			fail_msg("from %s", false_sources[i]);
	}
	lab_close(&lab);
}

/* RFC 1122 3.2.1.3, RFC 919, RFC 922: broadcasts and groups are ours, but sent to many. */
static void groups_and_broadcasts_are_marked(void **state)
{
	static const char *const groups[] = {"255.255.255.255", "10.0.0.255", "224.0.0.1",
		"239.1.2.3", "ff02::1", "ff02::1:ff00:1", "ff05::1234"};
	struct lab lab;
	uint8_t frame[FRAME_MAX];
	struct dgram_options options = {0};
	struct dgram *member;
	open_lab(&lab);
	assert_int_equal(
		dgram_open(lab.node[0].stack, IP_ANY_TYPE, 9, NULL, 0, &options, &member), 0);
	for (unsigned i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		ip_addr_t group;
		assert_true(ipaddr_aton(groups[i], &group));
		bool joins = i == 3 || i == 6;
		struct packet_shape shape = from_peer(IP_IS_V6(&group), UDP);
		shape.destination = group;
		if (joins) { /* not before */
			assert_int_equal(fate_of_shape(&lab, &shape), IP_FATE_LWIP);
			assert_int_equal(dgram_membership(member, &group, DGRAM_ALL_NIFS, true), 0);
		}
		uint8_t to[6] = {0x33, 0x33, 1, 2, 3, 4};
		struct verdict v =
			judge(&lab, frame, packet_write(&shape, to, peer, "x", 1, frame));
		if (v.fate != IP_FATE_UDP)
			fail_msg("to %s", groups[i]);
		assert_true(v.rx.to_group);
		pbuf_free(v.p);
	}
	dgram_close(member);
	lab_close(&lab);
}

/* RFC 1122 3.3.6: a unicast packet in a link-layer broadcast is nobody's. */
static void unicast_to_many_stations_is_dropped(void **state)
{
	static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	struct lab lab;
	uint8_t frame[FRAME_MAX];
	open_lab(&lab);
	for (unsigned ip6 = 0; ip6 < 2; ip6++) {
		struct packet_shape shape = from_peer(ip6, UDP);
		struct verdict v =
			judge(&lab, frame, packet_write(&shape, all, peer, "x", 1, frame));
		assert_int_equal(v.fate, IP_FATE_DROP);
		assert_int_equal(v.reason, DROP_IP_REFUSED);
		pbuf_free(v.p);
	}
	lab_close(&lab);
}

/* RFC 1122 3.3.4.2 (weak end system); RFC 4007 6: but a link-local address is its own link's. */
static void addresses_of_another_interface_are_ours(void **state)
{
	struct lab lab;
	uint8_t frame[FRAME_MAX];
	ip_addr_t ip4 = IPADDR4_INIT_BYTES(192, 0, 2, 1), ip6, link_local;
	assert_true(ipaddr_aton("2001:db8::1", &ip6));
	open_lab(&lab);
	struct nif_config config = {
		.ops = &(struct nif_ops){.output = NULL}, .mac = {2, 0, 0, 0, 0, 7}, .mtu = 1500};
	struct nif *second = nif_add(lab.node[0].stack, &config);
	assert_non_null(second);
	for (unsigned i = 0; i < 2; i++) {
		struct packet_shape shape = from_peer(i, UDP);
		shape.destination = i ? ip6 : ip4;
		assert_int_equal(fate_of_shape(&lab, &shape), IP_FATE_LWIP);
		assert_int_equal(nif_add_address(second, &shape.destination, i ? 64 : 24), 0);
	}
	netif_ip6_addr_set_state(&second->netif, 0, IP6_ADDR_PREFERRED);
	netif_ip6_addr_set_state(&second->netif, 1, IP6_ADDR_PREFERRED);
	link_local = *netif_ip_addr6(&second->netif, 0);
	for (unsigned i = 0; i < 3; i++) {
		struct packet_shape shape = from_peer(i, UDP);
		shape.destination = i == 2 ? link_local : i ? ip6 : ip4;
		struct verdict v =
			judge(&lab, frame, packet_write(&shape, ours, peer, "x", 1, frame));
		assert_int_equal(v.fate, i == 2 ? IP_FATE_LWIP : IP_FATE_UDP);
		pbuf_free(v.p);
	}
	lab_close(&lab);
}

/* RFC 4007 6, RFC 4862 5.4: zones are the interface's; a tentative address is not ours yet. */
static void link_local_addresses_have_a_zone_and_wait_for_detection(void **state)
{
	struct lab lab;
	uint8_t frame[FRAME_MAX];
	struct packet_shape shape = from_peer(true, UDP);
	lab_open(&lab, 1, NULL);
	struct netif *netif = &lab.node[0].nif->netif;
	shape.destination = *netif_ip_addr6(netif, 0);
	assert_true(ipaddr_aton("fe80::9", &shape.source));
	assert_int_equal(fate_of_shape(&lab, &shape), IP_FATE_LWIP);
	lab_advance(&lab, 4000);
	struct verdict v = judge(&lab, frame, packet_write(&shape, ours, peer, "x", 1, frame));
	assert_int_equal(v.fate, IP_FATE_UDP);
	assert_true(ip6_addr_test_zone(ip_2_ip6(&v.rx.local), netif));
	assert_true(ip6_addr_has_zone(ip_2_ip6(&v.rx.remote)));
	assert_true(ip6_addr_test_zone(ip_2_ip6(&v.rx.remote), netif));
	pbuf_free(v.p);
	/* Whichever of ours was found last. */
	shape.destination = lab_ip6(0);
	assert_int_equal(fate_of_shape(&lab, &shape), IP_FATE_UDP);
	shape.destination = *netif_ip_addr6(netif, 0);
	assert_int_equal(fate_of_shape(&lab, &shape), IP_FATE_UDP);
	lab_close(&lab);
}

/* RFC 3021: a prefix of 31 bits has no broadcast address. */
static void prefix_of_31_bits_has_no_broadcast(void **state)
{
	struct lab lab;
	uint8_t frame[FRAME_MAX];
	open_lab(&lab);
	ip_addr_t low = IPADDR4_INIT_BYTES(10, 0, 0, 8), high = IPADDR4_INIT_BYTES(10, 0, 0, 9);
	assert_int_equal(nif_add_address(lab.node[0].nif, &low, 31), 0);
	struct packet_shape shape = from_peer(false, UDP);
	shape.destination = low;
	shape.source = high;
	struct verdict v = judge(&lab, frame, packet_write(&shape, ours, peer, "x", 1, frame));
	assert_int_equal(v.fate, IP_FATE_UDP);
	assert_false(v.rx.to_group);
	pbuf_free(v.p);
	lab_close(&lab);
}

/* Whatever comes, no byte outside of the frame is read, and nothing leaks. */
static void noise_breaks_nothing(void **state)
{
	struct lab lab;
	uint8_t frame[200];
	uint32_t seed = 1;
	open_lab(&lab);
	for (unsigned i = 0; i < 20000; i++) {
		struct packet_shape shape = from_peer(i & 1, i & 2 ? TCP : UDP);
		size_t length = packet_write(&shape, ours, peer, "text", 4, frame);
		for (unsigned j = 0; j < 1 + i % 5; j++) {
			seed = seed * 1664525u + 1013904223u;
			frame[(seed >> 8) % length] = (uint8_t)(seed >> 24);
		}
		fate_of(&lab, frame, length - i % 7);
		lab_inject(&lab, 0, frame, length - i % 7);
		lab_discard(&lab, 0);
	}
	lab_close(&lab);
}

static struct pbuf *handed_over;

static bool hand_over(void *steering, struct nif *nif, uint8_t proto, uint16_t port, struct pbuf *p)
{
	assert_null(handed_over);
	handed_over = p;
	return true;
}

/* RFC 8200 4.5: of up to 65,535 bytes, which the IPv6 header does not count with. */
static void longest_datagram_in_fragments_reaches_another_core(void **state)
{
	static uint8_t frame[66000], payload[65527], got[65527];
	static const size_t lengths[] = {300, 65487, 65488, 65527};
	struct lab lab;
	struct lab_config configs[2] = {{.redirect = hand_over}, {0}};
	struct dgram_options options = {0};
	struct dgram *socket;
	struct dgram_rx rx;
	lab_pattern(payload, sizeof(payload), 3);
	lab_open(&lab, 2, configs);
	lab_advance(&lab, 4000);
	struct stack *other = lab.node[1].stack;
	assert_int_equal(dgram_open(other, IP_ANY_TYPE, 88, NULL, 0, &options, &socket), 0);
	struct packet_shape shape = from_peer(true, UDP);
	for (unsigned i = 0; i < 4; i++) {
		size_t n = lengths[i];
		handed_over = NULL;
		inject_fragments(&lab, frame, packet_write(&shape, ours, peer, payload, n, frame),
			1440, false);
		assert_non_null(handed_over);
		stack_input_ip(other, lab.node[1].nif, handed_over);
		assert_true(dgram_next(socket, &rx));
		assert_int_equal(rx.payload->tot_len, n);
		pbuf_copy_partial(rx.payload, got, (u16_t)n, 0);
		assert_memory_equal(got, payload, n);
		stack_free_pbufs(other, rx.payload);
	}
	/* Where nobody listens, it is counted, and lwIP is not asked to. */
	dgram_close(socket);
	handed_over = NULL;
	inject_fragments(
		&lab, frame, packet_write(&shape, ours, peer, payload, 65527, frame), 1440, false);
	stack_input_ip(other, lab.node[1].nif, handed_over);
	assert_int_equal(stack_drops(other)->count[DROP_UDP_REFUSED], 1);
	lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sound_packet_goes_to_its_transport),
		cmocka_unit_test(padding_is_cut_off),
		cmocka_unit_test(scattered_frames_keep_their_bytes),
		cmocka_unit_test(cut_off_frames_are_dropped),
		cmocka_unit_test(every_byte_of_an_ip4_header_is_judged),
		cmocka_unit_test(every_byte_of_an_ip6_header_is_judged),
		cmocka_unit_test(packets_behind_options_reach_their_sockets),
		cmocka_unit_test(fragments_are_put_together),
		cmocka_unit_test(sum_of_a_datagram_in_fragments_is_verified),
		cmocka_unit_test(datagram_in_fragments_for_nobody_is_answered),
		cmocka_unit_test(datagram_that_stays_in_fragments_is_given_up),
		cmocka_unit_test(flood_of_fragments_of_one_datagram_stops_no_other),
		cmocka_unit_test(flood_of_fragments_of_many_datagrams_does_not_last),
		cmocka_unit_test(flood_of_fragments_of_one_source_stops_no_other),
		cmocka_unit_test(datagram_in_fragments_of_another_core_goes_there),
		cmocka_unit_test(longest_datagram_in_fragments_reaches_another_core),
		cmocka_unit_test(fragment_with_a_part_of_8_bytes_is_told),
		cmocka_unit_test(fragment_beyond_the_longest_datagram_is_told),
		cmocka_unit_test(wrong_fragment_to_a_group_is_not_told),
		cmocka_unit_test(icmp_errors_have_a_number),
		cmocka_unit_test(impossible_sources_are_dropped),
		cmocka_unit_test(groups_and_broadcasts_are_marked),
		cmocka_unit_test(unicast_to_many_stations_is_dropped),
		cmocka_unit_test(addresses_of_another_interface_are_ours),
		cmocka_unit_test(link_local_addresses_have_a_zone_and_wait_for_detection),
		cmocka_unit_test(prefix_of_31_bits_has_no_broadcast),
		cmocka_unit_test(noise_breaks_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
