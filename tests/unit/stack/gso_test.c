/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Segmentation, byte by byte against a segmenter of the test's own, which works on the flat packet
 * and sums one byte after the other.
 */
#include "stack/gso.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/stack/lab.h"
#include "tests/unit/stack/packets.h"

#define ALL_CHECKSUMS (NIF_TX_IP_CHECKSUM | NIF_TX_TCP_CHECKSUM)
#define FRAME_MAX     (NIF_HEADER_MAX + 65535u)

/* What the cases differ in. */
struct shape {
	bool ipv6;
	unsigned options; /* bytes of TCP options */
	uint32_t offset;  /* of the payload in its chain */
	uint32_t length;
	uint16_t size;
	uint16_t piece; /* bytes of each pbuf */
	uint16_t offloads;
	uint8_t flags;
	uint32_t sequence;
	uint16_t id;
};

struct super {
	struct nif_frame frame;
	uint8_t header[NIF_HEADER_MAX];
	uint8_t *payload; /* flat, what the chain holds from offset on */
	struct pbuf *chain;
};

static unsigned write_headers(uint8_t *frame, const struct shape *shape)
{
	unsigned l3 = shape->ipv6 ? 40 : 20, l4 = 20 + shape->options;
	uint8_t *ip = frame + 14, *tcp = ip + l3;
	lab_pattern(frame, 14 + l3 + l4, 7); /* addresses, ports, options: anything */
	put16(frame + 12, shape->ipv6 ? 0x86dd : 0x0800);
	if (shape->ipv6) {
		ip[0] = 0x60;
		put16(ip + 4, l4 + shape->length);
		ip[6] = 6;
	} else {
		ip[0] = 0x45;
		put16(ip + 2, l3 + l4 + shape->length);
		put16(ip + 4, shape->id);
		put16(ip + 6, 0x4000);
		ip[9] = 6;
		put16(ip + 10, 0);
	}
	put32(tcp + 4, shape->sequence);
	tcp[12] = (uint8_t)(l4 / 4 << 4);
	tcp[13] = shape->flags;
	put16(tcp + 16, 0);
	return 14 + l3 + l4;
}

static void open_super(struct super *s, const struct shape *shape)
{
	uint32_t held = shape->offset + shape->length;
	uint8_t *bytes = malloc(held + 1);
	assert_non_null(bytes);
	lab_pattern(bytes, held, 3);
	unsigned header = write_headers(s->header, shape);
	s->chain = lab_chain(bytes, held, shape->piece);
	s->payload = malloc(shape->length + 1);
	assert_non_null(s->payload);
	memcpy(s->payload, bytes + shape->offset, shape->length);
	free(bytes);
	s->frame = (struct nif_frame){.header = s->header,
		.header_length = (uint16_t)header,
		.gso_size = shape->size,
		.l2_length = 14,
		.l3_length = shape->ipv6 ? 40 : 20,
		.l4_length = (uint8_t)(20 + shape->options),
		.l4_protocol = 6,
		.payload = s->chain,
		.offset = shape->offset,
		.length = shape->length};
}

static void close_super(struct super *s)
{
	pbuf_free(s->chain);
	free(s->payload);
	assert_int_equal(lab_live_pbufs, 0);
}

/* Segment `index` as it must be; returns its length. */
static unsigned reference(
	const struct super *s, const struct shape *shape, unsigned index, uint8_t *out)
{
	uint32_t at = index * (uint32_t)shape->size;
	uint32_t n = shape->length - at < shape->size ? shape->length - at : shape->size;
	unsigned l3 = shape->ipv6 ? 40 : 20, l4 = 20 + shape->options, header = 14 + l3 + l4;
	uint8_t *ip = out + 14, *tcp = ip + l3;
	memcpy(out, s->header, header);
	memcpy(out + header, s->payload + at, n);
	put32(tcp + 4, shape->sequence + at);
	if (at + n < shape->length)
		tcp[13] &= 0xf6;
	if (index > 0)
		tcp[13] &= 0x7f;
	if (shape->ipv6) {
		put16(ip + 4, l4 + n);
	} else {
		put16(ip + 2, l3 + l4 + n);
		put16(ip + 4, (uint16_t)(shape->id + index));
	}
	if (!shape->ipv6 && (shape->offloads & NIF_TX_IP_CHECKSUM) == 0)
		put16(ip + 10, complement(sum_bytes(0, ip, 20)));
	if ((shape->offloads & NIF_TX_TCP_CHECKSUM) == 0) {
		uint64_t sum = shape->ipv6 ? sum_bytes(0, ip + 8, 32) : sum_bytes(0, ip + 12, 8);
		put16(tcp + 16, complement(sum_bytes(sum + 6 + l4 + n, tcp, l4 + n)));
	}
	return header + n;
}

static void assert_segments(const struct shape *shape)
{
	static uint8_t wanted[FRAME_MAX], got[FRAME_MAX];
	struct super s;
	struct gso gso;
	unsigned count = 0;
	open_super(&s, shape);
	gso_start(&gso, &s.frame, shape->offloads);
	while (gso_next(&gso)) {
		unsigned length = reference(&s, shape, count, wanted);
		assert_int_equal(gso.segment.header_length + gso.segment.length, length);
		assert_int_equal(gso.segment.gso_size, 0);
		assert_int_equal(nif_frame_copy(&gso.segment, 0, got, sizeof(got)), length);
		assert_memory_equal(got, wanted, length);
		count++;
	}
	assert_int_equal(count, nif_frame_segments(&s.frame));
	close_super(&s);
}

/* RFC 9293 3.7.1, RFC 1071: each segment has lengths, sequence number and checksums of its own. */
static void super_segments_become_what_an_independent_segmenter_makes(void **state)
{
	static const uint16_t pieces[] = {1, 999, 1448, 2048, 65535};
	static const uint16_t offloads[] = {
		0, ALL_CHECKSUMS, NIF_TX_IP_CHECKSUM, NIF_TX_TCP_CHECKSUM};
	for (unsigned i = 0; i < 5 * 4 * 2 * 2; i++) {
		struct shape shape = {.ipv6 = i & 1,
			.options = i & 2 ? 12 : 0,
			.piece = pieces[i / 4 % 5],
			.offloads = offloads[i / 20 % 4],
			.offset = i * 37 % 4001,
			.length = 9001 + i,
			.size = (uint16_t)(1448 - i % 2),
			.flags = 0x18,
			.sequence = 0xfffff000,
			.id = 0xfffe};
		assert_segments(&shape);
	}
}

static void the_longest_packet_is_cut(void **state)
{
	struct shape shape = {
		.options = 40, .length = 65535 - 80, .size = 536, .piece = 2048, .flags = 0x10};
	assert_segments(&shape);
	shape.ipv6 = true;
	assert_segments(&shape);
}

/* RFC 9293 3.4: FIN stands behind the last byte. RFC 3168 6.1.2: CWR goes with the first. */
static void flags_stand_where_they_belong(void **state)
{
	for (unsigned flags = 0; flags < 256; flags++) {
		struct shape shape = {
			.length = 2500, .size = 1000, .piece = 2048, .flags = (uint8_t)flags};
		assert_segments(&shape);
	}
}

/* RFC 6864 4.2: no two of them share an identification. */
static void identifications_go_up_and_wrap(void **state)
{
	struct shape shape = {.length = 5000, .size = 1000, .piece = 2048, .id = 0xfffd};
	struct super s;
	struct gso gso;
	open_super(&s, &shape);
	gso_start(&gso, &s.frame, ALL_CHECKSUMS);
	for (unsigned i = 0; gso_next(&gso); i++)
		assert_int_equal(gso.header[18] << 8 | gso.header[19], (0xfffd + i) & 0xffff);
	close_super(&s);
}

static void what_fits_is_one_segment(void **state)
{
	for (uint32_t length = 0; length <= 1000; length += 500) {
		struct shape shape = {.length = length, .size = 1000, .piece = 2048, .flags = 0x19};
		struct super s;
		assert_segments(&shape);
		open_super(&s, &shape);
		assert_int_equal(nif_frame_segments(&s.frame), 1);
		close_super(&s);
	}
}

static void sequence_numbers_wrap(void **state)
{
	struct shape shape = {.length = 3000, .size = 1000, .piece = 2048, .sequence = 0xfffffc18};
	struct super s;
	struct gso gso;
	open_super(&s, &shape);
	gso_start(&gso, &s.frame, ALL_CHECKSUMS);
	for (uint32_t i = 0; gso_next(&gso); i++)
		assert_int_equal(get32(gso.header + 34 + 4), (uint32_t)(0xfffffc18 + i * 1000));
	close_super(&s);
}

static void copying_is_bounded_by_the_frame_and_the_chain(void **state)
{
	struct shape shape = {.length = 100, .size = 0, .piece = 7, .offset = 5};
	struct super s;
	uint8_t out[200];
	open_super(&s, &shape);
	for (uint32_t offset = 0; offset < 160; offset++) {
		uint32_t left = offset < 154 ? 154 - offset : 0;
		assert_int_equal(nif_frame_copy(&s.frame, offset, out, 20), left < 20 ? left : 20);
		for (uint32_t i = 0; i < 20 && i < left; i++)
			assert_int_equal(out[i],
				offset + i < 54 ? s.header[offset + i]
						: s.payload[offset + i - 54]);
	}
	s.frame.length = 150; /* the chain holds 100 from there on */
	assert_int_equal(nif_frame_copy(&s.frame, 0, out, sizeof(out)), 154);
	close_super(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(super_segments_become_what_an_independent_segmenter_makes),
		cmocka_unit_test(the_longest_packet_is_cut),
		cmocka_unit_test(flags_stand_where_they_belong),
		cmocka_unit_test(identifications_go_up_and_wrap),
		cmocka_unit_test(what_fits_is_one_segment),
		cmocka_unit_test(sequence_numbers_wrap),
		cmocka_unit_test(copying_is_bounded_by_the_frame_and_the_chain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
