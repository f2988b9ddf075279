/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "stack/base/checksum.h"
#include "stack/base/siphash.h"

#define LENGTHS    300
#define ALIGNMENTS 8

static uint8_t bytes[65536 + ALIGNMENTS];

static void fill_randomly(uint64_t stream)
{
	const uint8_t secret[16] = {3};
	struct siphash_key key = siphash_key(secret);
	struct prng prng;
	prng_init(&prng, &key, stream);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)prng_next(&prng);
}

/* RFC 1071 1, word for word: big-endian words, one at a time. As it would lie in the packet. */
static uint16_t by_the_book(const uint8_t *p, size_t length)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < length; i++)
		sum += i % 2 == 0 ? p[i] * 256u : p[i];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* A finished checksum, read from the packet as RFC 1071 has it. */
static uint16_t in_packet(uint32_t sum)
{
	uint16_t stored = checksum_finish(sum);
	uint8_t wire[2];
	memcpy(wire, &stored, 2);
	return (uint16_t)(wire[0] << 8 | wire[1]);
}

/* RFC 1071 3: the example's bytes, whose sum is ddf2. */
static void example_of_the_rfc_gives_its_sum(void **state)
{
	const uint8_t example[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
	assert_int_equal(in_packet(checksum_add(0, example, sizeof(example))), 0xffff - 0xddf2);
}

/* RFC 1071 1 */
static void every_length_at_every_alignment_sums_as_by_the_book(void **state)
{
	fill_randomly(0);
	for (size_t at = 0; at < ALIGNMENTS; at++) {
		for (size_t length = 0; length <= LENGTHS; length++)
			assert_int_equal(in_packet(checksum_add(0, bytes + at, length)),
				by_the_book(bytes + at, length));
		assert_int_equal(in_packet(checksum_add(0, bytes + at, 65535)),
			by_the_book(bytes + at, 65535));
	}
}

/* All ones carry at each addition. */
static void carries_of_all_ones_are_not_lost(void **state)
{
	memset(bytes, 0xff, sizeof(bytes));
	for (size_t length = 1; length <= LENGTHS; length++)
		assert_int_equal(in_packet(checksum_add(0xffffffff, bytes, length)),
			by_the_book(bytes, length));
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(checksum_finish(checksum_add(0, bytes, sizeof(bytes))), 0xffff);
}

/* RFC 1071 2.A and 2.B: pieces may be summed apart, those at odd offsets with bytes swapped. */
static void pieces_combine_to_the_sum_of_the_whole(void **state)
{
	fill_randomly(1);
	for (size_t first = 0; first <= LENGTHS; first++) {
		for (size_t second = 0; second <= 70; second++) {
			size_t end = first + second;
			uint32_t sum = checksum_add(0, bytes, first);
			uint32_t piece = checksum_add(0, bytes + first, second);
			sum = checksum_combine(sum, piece, first % 2 == 1);
			piece = checksum_add(0, bytes + end, 33);
			sum = checksum_combine(sum, piece, end % 2 == 1);
			assert_int_equal(in_packet(sum), by_the_book(bytes, end + 33));
		}
	}
}

/* RFC 1071 2.A: an even piece continues the sum. */
static void even_piece_continues_the_sum(void **state)
{
	fill_randomly(2);
	for (size_t first = 0; first <= LENGTHS; first += 2) {
		uint32_t sum = checksum_add(checksum_add(0, bytes, first), bytes + first, 101);
		assert_int_equal(in_packet(sum), by_the_book(bytes, first + 101));
	}
}

/* RFC 9293 3.1: source, destination, zero, protocol, TCP length. */
static void pseudo_header_of_ipv4_is_summed_field_by_field(void **state)
{
	fill_randomly(3);
	for (size_t i = 0; i < 1000; i++) {
		uint8_t header[12];
		uint32_t source, destination;
		memcpy(header, bytes + 12 * i, sizeof(header));
		header[8] = 0;
		memcpy(&source, header, 4);
		memcpy(&destination, header + 4, 4);
		uint32_t sum = checksum_pseudo_v4(
			source, destination, header[9], (uint16_t)(header[10] << 8 | header[11]));
		assert_int_equal(in_packet(sum), by_the_book(header, sizeof(header)));
	}
	assert_int_equal(
		in_packet(checksum_pseudo_v4(0xffffffff, 0xffffffff, 255, 65535)), 0xffff - 255);
}

/* RFC 8200 8.1: source, destination, upper-layer length of 32 bits, zero, next header. */
static void pseudo_header_of_ipv6_is_summed_field_by_field(void **state)
{
	fill_randomly(4);
	for (size_t i = 0; i < 1000; i++) {
		uint8_t header[40];
		memcpy(header, bytes + 40 * i, sizeof(header));
		memset(header + 36, 0, 3);
		uint32_t length = (uint32_t)header[32] << 24 | (uint32_t)header[33] << 16 |
			(uint32_t)header[34] << 8 | header[35];
		uint32_t sum = checksum_pseudo_v6(header, header + 16, header[39], length);
		assert_int_equal(in_packet(sum), by_the_book(header, sizeof(header)));
	}
}

/* RFC 1071 1 (3): a packet with its checksum in place sums to all ones; a flipped bit shows. */
static void packet_with_its_checksum_is_whole(void **state)
{
	uint8_t packet[20];
	fill_randomly(5);
	memcpy(packet, bytes, sizeof(packet));
	memset(packet + 10, 0, 2);
	uint16_t checksum = checksum_finish(checksum_add(0, packet, sizeof(packet)));
	memcpy(packet + 10, &checksum, 2);
	assert_int_equal(checksum_finish(checksum_add(0, packet, sizeof(packet))), 0);
	for (unsigned bit = 0; bit < 8 * sizeof(packet); bit++) {
		packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(checksum_finish(checksum_add(0, packet, sizeof(packet))), 0);
		packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(example_of_the_rfc_gives_its_sum),
		cmocka_unit_test(every_length_at_every_alignment_sums_as_by_the_book),
		cmocka_unit_test(carries_of_all_ones_are_not_lost),
		cmocka_unit_test(pieces_combine_to_the_sum_of_the_whole),
		cmocka_unit_test(even_piece_continues_the_sum),
		cmocka_unit_test(pseudo_header_of_ipv4_is_summed_field_by_field),
		cmocka_unit_test(pseudo_header_of_ipv6_is_summed_field_by_field),
		cmocka_unit_test(packet_with_its_checksum_is_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
