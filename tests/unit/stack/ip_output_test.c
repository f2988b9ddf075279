/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/ip_output.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "stack/dst.h"
#include "tests/unit/stack/lab.h"
#include "tests/unit/stack/packets.h"

#define TCP 6u
#define UDP 17u

static const uint8_t mac[2][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};

/* A packet of the test's, with all that it points to. */
struct out {
	struct ip_packet packet;
	ip_addr_t local, remote;
	uint8_t bytes[IP_OUTPUT_ROOM + IP_OUTPUT_L4_MAX];
	uint8_t *payload;
	struct stack *stack;
};

/* From node 0 to another; the transport header has ports and flags, its checksum is left open. */
static void out_open_to(
	struct out *o, struct lab *lab, unsigned node, bool ip6, uint8_t proto, size_t length)
{
	memset(o, 0, sizeof(*o));
	o->stack = lab->node[0].stack;
	o->remote = ip6 ? lab_ip6(node) : lab_ip4(node);
	stack_zone(o->stack, &o->remote);
	struct dst *dst;
	assert_int_equal(dst_get(o->stack, IP_ANY_TYPE, &o->remote, &o->local, &dst), 0);
	o->payload = malloc(length + 1);
	assert_non_null(o->payload);
	lab_pattern(o->payload, length, 5);
	uint8_t *l4 = o->bytes + IP_OUTPUT_ROOM;
	put16(l4, 4000);
	put16(l4 + 2, 5000);
	if (proto == TCP) {
		l4[12] = 0x50;
		l4[13] = 0x10;
	} else {
		put16(l4 + 4, (unsigned)(8 + length));
	}
	o->packet = (struct ip_packet){.dst = dst,
		.local = &o->local,
		.remote = &o->remote,
		.l4 = l4,
		.l4_length = proto == TCP ? 20 : 8,
		.proto = proto,
		.ttl = 64,
		.tos = 0xb9,
		.dont_fragment = proto == TCP,
		.length = (uint32_t)length};
	if (length > 0)
		o->packet.payload = lab_chain(o->payload, length, 1000);
}

static void out_open(struct out *o, struct lab *lab, bool ip6, uint8_t proto, size_t length)
{
	out_open_to(o, lab, 1, ip6, proto, length);
}

static void out_close(struct out *o)
{
	dst_put(o->stack, o->packet.dst);
	if (o->packet.payload != NULL)
		pbuf_free(o->packet.payload);
	free(o->payload);
}

static uint64_t drops(const struct out *o, enum drop_reason reason)
{
	return stack_drops(o->stack)->count[reason];
}

/* Node 1's link-layer address is known to node 0. */
static void resolve(struct lab *lab, bool ip6)
{
	struct out o;
	out_open(&o, lab, ip6, UDP, 1);
	assert_int_equal(ip_output(o.stack, &o.packet), DROP_NONE);
	lab_pump(lab);
	lab_discard(lab, 0);
	out_close(&o);
}

static void open_resolved(struct lab *lab, const struct lab_config *config)
{
	struct lab_config both[2] = {*config, *config};
	both[0].arena_size = both[1].arena_size = STACK_ARENA_MIN;
	lab_open(lab, 2, both);
	resolve(lab, false);
	if (config->mtu == 0 || config->mtu >= 1280)
		resolve(lab, true);
}

/* The frame as it must be; what only the stack chooses is taken from what it sent. */
static size_t wanted_frame(const struct out *o, const uint8_t *sent, uint8_t *wanted)
{
	struct packet_shape shape = {.source = o->local,
		.destination = o->remote,
		.proto = o->packet.proto,
		.tos = o->packet.tos,
		.ttl = o->packet.ttl,
		.source_port = 4000,
		.destination_port = 5000,
		.dont_fragment = o->packet.dont_fragment,
		.id = (uint16_t)get16(sent + 18),
		.label = get32(sent + 14) & 0xfffff};
	return packet_write(&shape, mac[1], mac[0], o->payload, o->packet.length, wanted);
}

static void assert_written(
	struct lab *lab, bool ip6, uint8_t proto, size_t payload, uint16_t offloads)
{
	uint8_t wanted[1600];
	struct out o;
	out_open(&o, lab, ip6, proto, payload);
	assert_int_equal(ip_output(o.stack, &o.packet), DROP_NONE);
	struct lab_frame *frame = lab_take(lab, 0);
	assert_non_null(frame);
	size_t length = wanted_frame(&o, frame->bytes, wanted);
	if (!ip6 && offloads & NIF_TX_IP_CHECKSUM)
		put16(wanted + 24, 0);
	if (offloads & NIF_TX_UDP_CHECKSUM)
		put16(wanted + (ip6 ? 54 : 34) + (proto == TCP ? 16 : 6), 0);
	assert_int_equal(frame->length, length);
	assert_memory_equal(frame->bytes, wanted, length);
	free(frame);
	assert_null(lab_take(lab, 0));
	out_close(&o);
}

/* RFC 791 3.1, RFC 8200 3, RFC 768, RFC 9293 3.1: every byte, whoever makes the checksums. */
static void packet_is_written_byte_by_byte(void **state)
{
	static const uint16_t offloads[] = {0, NIF_TX_IP_CHECKSUM,
		NIF_TX_TCP_CHECKSUM | NIF_TX_UDP_CHECKSUM,
		NIF_TX_IP_CHECKSUM | NIF_TX_TCP_CHECKSUM | NIF_TX_UDP_CHECKSUM};
	static const size_t lengths[] = {0, 1, 7, 999, 1001, 1440};
	for (unsigned i = 0; i < 4; i++) {
		struct lab lab;
		open_resolved(&lab, &(struct lab_config){.tx_offloads = offloads[i]});
		for (unsigned j = 0; j < 6 * 4; j++)
			assert_written(&lab, j & 1, j & 2 ? TCP : UDP, lengths[j / 4], offloads[i]);
		lab_close(&lab);
	}
}

/* The payload may begin anywhere in its chain. */
static void payload_is_taken_from_its_offset(void **state)
{
	struct lab lab;
	struct out o;
	uint8_t wanted[1600];
	open_resolved(&lab, &(struct lab_config){0});
	out_open(&o, &lab, false, UDP, 3000);
	uint8_t *all = o.payload;
	for (uint32_t offset = 0; offset < 2900; offset += 331) {
		o.packet.offset = offset;
		o.packet.length = 100 + offset % 2;
		put16(o.packet.l4 + 4, 8 + o.packet.length);
		put16(o.packet.l4 + 6, 0);
		o.payload = all + offset;
		assert_int_equal(ip_output(o.stack, &o.packet), DROP_NONE);
		struct lab_frame *frame = lab_take(&lab, 0);
		size_t length = wanted_frame(&o, frame->bytes, wanted);
		assert_int_equal(frame->length, length);
		assert_memory_equal(frame->bytes, wanted, length);
		free(frame);
	}
	o.payload = all;
	out_close(&o);
	lab_close(&lab);
}

/* RFC 768: a checksum that comes out as zero is sent as all ones. */
static void udp_checksum_is_never_zero(void **state)
{
	struct lab lab;
	struct out o;
	unsigned ones = 0;
	open_resolved(&lab, &(struct lab_config){0});
	out_open(&o, &lab, false, UDP, 2);
	for (unsigned word = 0; word < 65536; word++) {
		put16(o.packet.payload->payload, word);
		put16(o.packet.l4 + 6, 0);
		assert_int_equal(ip_output(o.stack, &o.packet), DROP_NONE);
		struct lab_frame *frame = lab_take(&lab, 0);
		assert_int_not_equal(get16(frame->bytes + 40), 0);
		ones += get16(frame->bytes + 40) == 0xffff;
		free(frame);
	}
	assert_int_equal(ones, 1);
	out_close(&o);
	lab_close(&lab);
}

/* RFC 6864 4.2: identifications differ. RFC 6437 3: one label to a connection, and not all one. */
static void identifications_and_flow_labels(void **state)
{
	struct lab lab;
	struct out o;
	unsigned label[2][2];
	open_resolved(&lab, &(struct lab_config){0});
	out_open(&o, &lab, false, TCP, 0);
	unsigned before = 0;
	for (unsigned i = 0; i < 3; i++) {
		put16(o.packet.l4 + 16, 0);
		ip_output(o.stack, &o.packet);
		struct lab_frame *frame = lab_take(&lab, 0);
		if (i > 0)
			assert_int_equal(get16(frame->bytes + 18), (uint16_t)(before + 1));
		before = get16(frame->bytes + 18);
		free(frame);
	}
	out_close(&o);
	out_open(&o, &lab, true, TCP, 0);
	for (unsigned i = 0; i < 4; i++) {
		put16(o.packet.l4, 4000 + i / 2);
		put16(o.packet.l4 + 16, 0);
		ip_output(o.stack, &o.packet);
		struct lab_frame *frame = lab_take(&lab, 0);
		label[i / 2][i % 2] = get32(frame->bytes + 14) & 0xfffff;
		free(frame);
	}
	assert_int_equal(label[0][0], label[0][1]);
	assert_int_equal(label[1][0], label[1][1]);
	assert_int_not_equal(label[0][0], label[1][0]);
	out_close(&o);
	lab_close(&lab);
}

/* Fragments */

/* Where the payload of a fragment lies in the whole, by RFC 791 3.2 and RFC 8200 4.5. */
struct piece {
	unsigned offset, length, ident, header;
	bool more;
};

static struct piece read_piece(const struct lab_frame *frame, bool ip6)
{
	const uint8_t *ip = frame->bytes + 14;
	struct piece piece = {.header = 34,
		.ident = get16(ip + 4),
		.offset = (get16(ip + 6) & 0x1fff) * 8,
		.more = get16(ip + 6) & 0x2000,
		.length = get16(ip + 2) - 20};
	if (ip6) {
		assert_int_equal(ip[6], 44);
		assert_int_equal(ip[40], UDP);
		assert_int_equal(ip[41], 0);
		piece = (struct piece){.header = 62,
			.ident = get32(ip + 44),
			.offset = get16(ip + 42) & 0xfff8,
			.more = ip[43] & 1,
			.length = get16(ip + 4) - 8};
	} else {
		assert_true(packet_ip_sum_right(ip));
		assert_int_equal(ip[9], UDP);
		assert_int_equal(get16(ip + 6) & 0x4000, 0);
	}
	assert_int_equal(frame->length, piece.header + piece.length);
	return piece;
}

static void assert_fragments(struct lab *lab, const struct out *o, bool ip6, unsigned mtu)
{
	unsigned total = 8 + o->packet.length, done = 0, ident = 0;
	uint8_t *whole = calloc(1, total), address[40];
	struct lab_frame *frame;
	assert_non_null(whole);
	while ((frame = lab_take(lab, 0)) != NULL) {
		struct piece piece = read_piece(frame, ip6);
		assert_true(frame->length <= mtu + 14);
		assert_memory_equal(frame->bytes, mac[1], 6);
		if (done > 0)
			assert_int_equal(piece.ident, ident);
		ident = piece.ident;
		assert_int_equal(piece.offset, done);
		assert_int_equal(piece.more, done + piece.length < total);
		assert_true(!piece.more || piece.length % 8 == 0);
		assert_true(done + piece.length <= total);
		memcpy(whole + done, frame->bytes + piece.header, piece.length);
		memcpy(address, frame->bytes + 14, sizeof(address));
		done += piece.length;
		free(frame);
	}
	assert_int_equal(done, total);
	assert_memory_equal(whole + 8, o->payload, o->packet.length);
	assert_true(packet_l4_sum_right(address, whole, total, UDP));
	free(whole);
}

/* RFC 791 3.2, RFC 8200 4.5: whatever the length, up to what UDP can say (RFC 768). */
static void long_datagram_leaves_in_fragments(void **state)
{
	static const uint16_t mtus[] = {1500, 1280, 1499, 9000};
	for (unsigned i = 0; i < 8; i++) {
		bool ip6 = i & 1;
		unsigned mtu = mtus[i / 2], most = ip6 ? 65527 : 65507;
		struct lab_config config = {
			.mtu = (uint16_t)mtu, .tx_offloads = NIF_TX_UDP_CHECKSUM};
		unsigned fits = mtu - (ip6 ? 48 : 28);
		const unsigned lengths[] = {fits + 1, fits + 2, 2 * fits, 3 * fits + 5, most};
		struct lab lab;
		open_resolved(&lab, &config);
		for (unsigned j = 0; j < 5; j++) {
			struct out o;
			out_open(&o, &lab, ip6, UDP, lengths[j] < most ? lengths[j] : most);
			assert_int_equal(ip_output(o.stack, &o.packet), DROP_NONE);
			assert_fragments(&lab, &o, ip6, mtu);
			out_close(&o);
		}
		lab_close(&lab);
	}
}

/* The largest datagrams that there are arrive as they were. */
static void fragments_are_put_together_by_a_peer(void **state)
{
	struct lab lab;
	struct dgram *socket;
	struct dgram_options options = {0};
	open_resolved(&lab, &(struct lab_config){0});
	assert_int_equal(
		dgram_open(lab.node[1].stack, IP_ANY_TYPE, 5000, NULL, 0, &options, &socket), 0);
	for (unsigned ip6 = 0; ip6 < 2; ip6++) {
		struct out o;
		struct dgram_rx rx;
		uint8_t *got = malloc(65536);
		out_open(&o, &lab, ip6, UDP, ip6 ? 65527 : 65507);
		assert_int_equal(ip_output(o.stack, &o.packet), DROP_NONE);
		lab_pump(&lab);
		assert_true(dgram_next(socket, &rx));
		assert_int_equal(rx.payload->tot_len, o.packet.length);
		pbuf_copy_partial(rx.payload, got, rx.payload->tot_len, 0);
		assert_memory_equal(got, o.payload, o.packet.length);
		stack_free_pbufs(lab.node[1].stack, rx.payload);
		free(got);
		out_close(&o);
	}
	dgram_close(socket);
	lab_close(&lab);
}

/* RFC 1191 3, RFC 8200 5: what may not be cut is not sent when it is too long. */
static void what_may_not_be_cut_is_refused(void **state)
{
	struct lab lab;
	struct out o;
	open_resolved(&lab, &(struct lab_config){0});
	for (unsigned ip6 = 0; ip6 < 2; ip6++) {
		unsigned fits = 1500 - (ip6 ? 60 : 40);
		out_open(&o, &lab, ip6, TCP, fits);
		assert_int_equal(ip_output(o.stack, &o.packet), DROP_NONE);
		lab_discard(&lab, 0);
		out_close(&o);
		out_open(&o, &lab, ip6, TCP, fits + 1);
		assert_int_equal(ip_output(o.stack, &o.packet), DROP_TX_TOO_LONG);
		assert_int_equal(drops(&o, DROP_TX_TOO_LONG), ip6 + 1);
		assert_null(lab_take(&lab, 0));
		out_close(&o);
	}
	lab_close(&lab);
}

/* RFC 1191 3, RFC 8201 4: a smaller path MTU holds at once. */
static void path_mtu_is_kept_to(void **state)
{
	struct lab lab;
	struct out o;
	open_resolved(&lab, &(struct lab_config){0});
	for (unsigned ip6 = 0; ip6 < 2; ip6++) {
		out_open(&o, &lab, ip6, UDP, 5000);
		dst_set_mtu(o.stack, o.packet.dst, 1300);
		assert_int_equal(ip_output(o.stack, &o.packet), DROP_NONE);
		assert_fragments(&lab, &o, ip6, 1300);
		out_close(&o);
	}
	lab_close(&lab);
}

/* RFC 1191 3: below the least that is believed routers may cut, so that something arrives. */
static void absurd_path_mtu_lets_routers_fragment(void **state)
{
	struct lab lab;
	struct out o;
	open_resolved(&lab, &(struct lab_config){0});
	out_open(&o, &lab, false, TCP, 500);
	dst_set_mtu(o.stack, o.packet.dst, 300);
	assert_int_equal(dst_mtu(o.packet.dst), DST_MTU_MIN4);
	assert_int_equal(ip_output(o.stack, &o.packet), DROP_NONE);
	struct lab_frame *frame = lab_take(&lab, 0);
	assert_int_equal(get16(frame->bytes + 20), 0); /* no DF */
	free(frame);
	dst_set_mtu(o.stack, o.packet.dst, 1000);
	put16(o.packet.l4 + 16, 0);
	assert_int_equal(ip_output(o.stack, &o.packet), DROP_NONE);
	frame = lab_take(&lab, 0);
	assert_int_equal(get16(frame->bytes + 20), 0x4000);
	free(frame);
	out_close(&o);
	lab_close(&lab);
}

/* Super-segments */

static void super_segment_goes_to_the_device_as_one(void **state)
{
	struct lab lab;
	struct out o;
	struct lab_config config = {
		.tx_offloads = NIF_TX_TSO | NIF_TX_IP_CHECKSUM | NIF_TX_TCP_CHECKSUM};
	open_resolved(&lab, &config);
	for (unsigned ip6 = 0; ip6 < 2; ip6++) {
		struct stack_counters before, after;
		out_open(&o, &lab, ip6, TCP, 14000);
		o.packet.gso_size = 1400;
		unsigned outputs = lab.node[0].outputs;
		stack_get_counters(o.stack, &before);
		assert_int_equal(ip_output(o.stack, &o.packet), DROP_NONE);
		stack_get_counters(o.stack, &after);
		assert_int_equal(lab.node[0].outputs, outputs + 1);
		assert_int_equal(lab.node[0].sent_count, 10); /* the device cut it */
		assert_int_equal(after.tx_frames - before.tx_frames, 10);
		unsigned header = ip6 ? 74 : 54;
		assert_int_equal(after.tx_bytes - before.tx_bytes, 14000 + 10 * header);
		for (unsigned i = 0; i < 10; i++) {
			struct lab_frame *frame = lab_take(&lab, 0);
			assert_int_equal(frame->length, header + 1400);
			assert_memory_equal(frame->bytes + header, o.payload + i * 1400, 1400);
			free(frame);
		}
		out_close(&o);
	}
	lab_close(&lab);
}

static void super_segment_whose_segments_do_not_fit_is_refused(void **state)
{
	struct lab lab;
	struct out o;
	open_resolved(&lab, &(struct lab_config){0});
	out_open(&o, &lab, false, TCP, 14000);
	o.packet.gso_size = 1461;
	assert_int_equal(ip_output(o.stack, &o.packet), DROP_TX_TOO_LONG);
	o.packet.gso_size = 1460;
	assert_int_equal(ip_output(o.stack, &o.packet), DROP_NONE);
	out_close(&o);
	out_open(&o, &lab, false, TCP, 65496); /* with its headers, one byte too many */
	o.packet.gso_size = 1460;
	assert_int_equal(ip_output(o.stack, &o.packet), DROP_TX_TOO_LONG);
	out_close(&o);
	lab_close(&lab);
}

/* The next hop */

/* RFC 1122 2.3.2.2, RFC 4861 7.2.2: what waits for the answer is sent when it comes. */
static void packets_wait_for_an_unknown_neighbour(void **state)
{
	for (unsigned ip6 = 0; ip6 < 2; ip6++) {
		struct lab lab;
		struct out o;
		struct dgram *socket;
		struct dgram_options options = {0};
		struct dgram_rx rx;
		lab_open(&lab, 2, NULL);
		assert_int_equal(dgram_open(lab.node[1].stack, IP_ANY_TYPE, 5000, NULL, 0, &options,
					 &socket),
			0);
		out_open(&o, &lab, ip6, UDP, 700);
		for (unsigned i = 0; i < 5; i++) {
			put16(o.packet.l4 + 6, 0);
			assert_int_equal(ip_output(o.stack, &o.packet), DROP_NONE);
		}
		lab_pump(&lab);
		for (unsigned i = 0; i < 5; i++) {
			assert_true(dgram_next(socket, &rx));
			assert_int_equal(rx.payload->tot_len, 700);
			stack_free_pbufs(lab.node[1].stack, rx.payload);
		}
		assert_false(dgram_next(socket, &rx));
		dgram_close(socket);
		out_close(&o);
		lab_close(&lab);
	}
}

/* A super-segment, too; each of its segments is whole. */
static void super_segment_waits_for_an_unknown_neighbour(void **state)
{
	for (unsigned ip6 = 0; ip6 < 2; ip6++) {
		struct lab lab;
		struct out o;
		unsigned header = ip6 ? 74 : 54, seen = 0;
		lab_open(&lab, 2, NULL);
		out_open(&o, &lab, ip6, TCP, 10000);
		o.packet.gso_size = 1400;
		assert_int_equal(ip_output(o.stack, &o.packet), DROP_NONE);
		struct lab_frame *frame = lab_take(&lab, 0); /* the question */
		assert_non_null(frame);
		lab_inject(&lab, 1, frame->bytes, frame->length);
		free(frame);
		assert_null(lab_take(&lab, 0));
		frame = lab_take(&lab, 1);
		assert_non_null(frame);
		lab_inject(&lab, 0, frame->bytes, frame->length);
		free(frame);
		while ((frame = lab_take(&lab, 0)) != NULL) {
			unsigned n = frame->length - header;
			assert_memory_equal(frame->bytes + header, o.payload + seen, n);
			assert_true(packet_l4_sum_right(
				frame->bytes + 14, frame->bytes + header - 20, 20 + n, TCP));
			seen += n;
			free(frame);
		}
		assert_int_equal(seen, 10000);
		out_close(&o);
		lab_close(&lab);
	}
}

#define SMALL 64u /* what lwIP needs besides the packets: the question, places in its queue */

static struct pbuf *held_one(struct pbuf *next, unsigned length)
{
	struct pbuf *p = pbuf_alloc(PBUF_LINK, (uint16_t)length, PBUF_RAM);
	if (p != NULL)
		p->next = next;
	return p;
}

static void free_held(struct pbuf *held, unsigned most)
{
	while (held != NULL && most-- > 0) {
		struct pbuf *next = held->next;
		held->next = NULL;
		pbuf_free(held);
		held = next;
	}
}

/* Takes memory until there is room for so many packets of full size; lwIP queues copies. */
static struct pbuf *leave_memory_for(unsigned packets)
{
	struct pbuf *small = NULL, *held = NULL, *p;
	for (unsigned i = 0; i < SMALL; i++)
		small = held_one(small, 100);
	while ((p = held_one(held, 1440)) != NULL)
		held = p;
	free_held(small, SMALL);
	for (p = held; packets > 0; packets--) {
		held = p->next;
		free_held(p, 1);
		p = held;
	}
	return held;
}

/* Lets node 1 answer the question that node 0 asked for its link-layer address. */
static void answer_the_question(struct lab *lab)
{
	for (unsigned node = 0; node < 2; node++) {
		struct lab_frame *frame = lab_take(lab, node);
		assert_non_null(frame);
		lab_inject(lab, 1 - node, frame->bytes, frame->length);
		free(frame);
	}
}

/*
 * Nobody may learn of a failure when a part is on its way: it would be sent once more, and the peer
 * would acknowledge what was never sent. RFC 9293 3.10.7.4 (5th)
 */
static void super_segment_that_waits_in_part_is_taken(void **state)
{
	for (unsigned taken = 0; taken < 4; taken++) {
		struct lab lab;
		struct out o;
		struct lab_frame *frame;
		unsigned seen = 0;
		lab_open(&lab, 2, NULL);
		out_open(&o, &lab, false, TCP, 8 * 1400);
		o.packet.gso_size = 1400;
		struct pbuf *held = leave_memory_for(taken + 1);
		enum drop_reason reason = ip_output(o.stack, &o.packet);
		free_held(held, UINT_MAX);
		assert_int_equal(reason, taken == 0 ? DROP_NO_MEMORY : DROP_NONE);
		answer_the_question(&lab);
		for (; (frame = lab_take(&lab, 0)) != NULL; seen++) {
			assert_memory_equal(frame->bytes + 54, o.payload + seen * 1400, 1400);
			free(frame);
		}
		assert_int_equal(seen, taken);
		assert_int_equal(drops(&o, DROP_NO_MEMORY), taken == 0 ? 1 : 8 - taken);
		out_close(&o);
		lab_close(&lab);
	}
}

/* The longest one has more segments than most queues have places. */
static void longest_super_segment_waits_whole(void **state)
{
	enum { MSS = 500, SEGMENTS = NIF_GSO_SEGMENTS_MAX };
	for (unsigned ip6 = 0; ip6 < 2; ip6++) {
		struct lab lab;
		struct out o;
		struct lab_frame *frame;
		unsigned seen = 0;
		lab_open(&lab, 2, NULL);
		out_open(&o, &lab, ip6, TCP, SEGMENTS * MSS);
		o.packet.gso_size = MSS;
		assert_int_equal(ip_output(o.stack, &o.packet), DROP_NONE);
		answer_the_question(&lab);
		for (; (frame = lab_take(&lab, 0)) != NULL; seen++) {
			assert_memory_equal(
				frame->bytes + (ip6 ? 74 : 54), o.payload + seen * MSS, MSS);
			free(frame);
		}
		assert_int_equal(seen, SEGMENTS);
		assert_int_equal(drops(&o, DROP_NO_NEIGHBOUR), 0);
		out_close(&o);
		lab_close(&lab);
	}
}

/* RFC 1122 2.3.2.2, RFC 4861 7.2.2: the latest are kept; the others are counted. */
static void packets_beyond_the_queue_are_counted(void **state)
{
	enum { KEPT = 128, LOST = 7 };
	for (unsigned ip6 = 0; ip6 < 2; ip6++) {
		struct lab lab;
		struct out o;
		struct lab_frame *frame;
		unsigned seen = 0;
		lab_open(&lab, 2, NULL);
		out_open(&o, &lab, ip6, UDP, 100);
		for (unsigned i = 0; i < KEPT + LOST; i++) {
			put16(o.packet.l4 + 6, 0);
			put16(o.packet.l4, 1000 + i); /* the source port numbers them */
			assert_int_equal(ip_output(o.stack, &o.packet), DROP_NONE);
		}
		assert_int_equal(drops(&o, DROP_NO_NEIGHBOUR), LOST);
		answer_the_question(&lab);
		for (; (frame = lab_take(&lab, 0)) != NULL; seen++) {
			assert_int_equal(get16(frame->bytes + (ip6 ? 54 : 34)), 1000 + LOST + seen);
			free(frame);
		}
		assert_int_equal(seen, KEPT);
		out_close(&o);
		lab_close(&lab);
	}
}

/* RFC 4861 7.2.2: each neighbour has a queue of its own. */
static void packets_for_a_silent_neighbour_keep_no_others_out(void **state)
{
	enum { KEPT = 128, LOST = 72, OTHERS = 5 };
	for (unsigned ip6 = 0; ip6 < 2; ip6++) {
		struct lab lab;
		struct out silent, o;
		unsigned seen = 0;
		struct lab_frame *frame;
		lab_open(&lab, 2, NULL);
		out_open_to(&silent, &lab, 9, ip6, UDP, 100);
		for (unsigned i = 0; i < KEPT + LOST; i++) {
			put16(silent.packet.l4 + 6, 0);
			assert_int_equal(ip_output(silent.stack, &silent.packet), DROP_NONE);
		}
		lab_discard(&lab, 0);
		out_open(&o, &lab, ip6, UDP, 100);
		for (unsigned i = 0; i < OTHERS; i++) {
			put16(o.packet.l4 + 6, 0);
			assert_int_equal(ip_output(o.stack, &o.packet), DROP_NONE);
		}
		assert_int_equal(drops(&o, DROP_NO_NEIGHBOUR), LOST);
		answer_the_question(&lab);
		for (; (frame = lab_take(&lab, 0)) != NULL; seen++)
			free(frame);
		assert_int_equal(seen, OTHERS);
		out_close(&silent);
		out_close(&o);
		lab_close(&lab);
	}
}

static bool lose_all(struct lab *lab, unsigned from, const struct lab_frame *frame)
{
	return true;
}

static void packets_for_a_neighbour_that_never_answers_are_counted(void **state)
{
	for (unsigned ip6 = 0; ip6 < 2; ip6++) {
		struct lab lab;
		struct out o;
		lab_open(&lab, 2, NULL);
		out_open(&o, &lab, ip6, UDP, 100);
		for (unsigned i = 0; i < 5; i++) {
			put16(o.packet.l4 + 6, 0);
			assert_int_equal(ip_output(o.stack, &o.packet), DROP_NONE);
		}
		lab.lose = lose_all;
		lab_advance(&lab, 20000);
		assert_int_equal(drops(&o, DROP_NO_NEIGHBOUR), 5);
		out_close(&o);
		lab_close(&lab);
	}
}

static void nothing_is_sent_over_a_dead_link(void **state)
{
	struct lab lab;
	struct out o;
	open_resolved(&lab, &(struct lab_config){0});
	out_open(&o, &lab, false, UDP, 10);
	nif_set_link(lab.node[0].nif, false);
	uint64_t before = drops(&o, DROP_LINK_DOWN);
	assert_int_equal(ip_output(o.stack, &o.packet), DROP_LINK_DOWN);
	assert_int_equal(drops(&o, DROP_LINK_DOWN), before + 1);
	assert_null(lab_take(&lab, 0));
	out_close(&o);
	lab_close(&lab);
}

static void refusal_of_the_device_is_told(void **state)
{
	struct lab lab;
	struct out o;
	open_resolved(&lab, &(struct lab_config){0});
	out_open(&o, &lab, false, UDP, 10);
	lab.node[0].refuse = DROP_TX_QUEUE_FULL;
	assert_int_equal(ip_output(o.stack, &o.packet), DROP_TX_QUEUE_FULL);
	lab.node[0].refuse = DROP_NONE;
	put16(o.packet.l4 + 6, 0);
	assert_int_equal(ip_output(o.stack, &o.packet), DROP_NONE);
	out_close(&o);
	lab_close(&lab);
}

static void packet_longer_than_ip_is_refused(void **state)
{
	struct lab lab;
	struct out o;
	open_resolved(&lab, &(struct lab_config){0});
	out_open(&o, &lab, false, UDP, 65508);
	assert_int_equal(ip_output(o.stack, &o.packet), DROP_TX_TOO_LONG);
	out_close(&o);
	out_open(&o, &lab, true, UDP, 65528);
	assert_int_equal(ip_output(o.stack, &o.packet), DROP_TX_TOO_LONG);
	out_close(&o);
	lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packet_is_written_byte_by_byte),
		cmocka_unit_test(payload_is_taken_from_its_offset),
		cmocka_unit_test(udp_checksum_is_never_zero),
		cmocka_unit_test(identifications_and_flow_labels),
		cmocka_unit_test(long_datagram_leaves_in_fragments),
		cmocka_unit_test(fragments_are_put_together_by_a_peer),
		cmocka_unit_test(what_may_not_be_cut_is_refused),
		cmocka_unit_test(path_mtu_is_kept_to),
		cmocka_unit_test(absurd_path_mtu_lets_routers_fragment),
		cmocka_unit_test(super_segment_goes_to_the_device_as_one),
		cmocka_unit_test(super_segment_whose_segments_do_not_fit_is_refused),
		cmocka_unit_test(packets_wait_for_an_unknown_neighbour),
		cmocka_unit_test(super_segment_waits_for_an_unknown_neighbour),
		cmocka_unit_test(super_segment_that_waits_in_part_is_taken),
		cmocka_unit_test(longest_super_segment_waits_whole),
		cmocka_unit_test(packets_beyond_the_queue_are_counted),
		cmocka_unit_test(packets_for_a_silent_neighbour_keep_no_others_out),
		cmocka_unit_test(packets_for_a_neighbour_that_never_answers_are_counted),
		cmocka_unit_test(nothing_is_sent_over_a_dead_link),
		cmocka_unit_test(refusal_of_the_device_is_told),
		cmocka_unit_test(packet_longer_than_ip_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
