/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fragments of both families into a stack with a UDP socket. The input says of each its family,
 * identification, place, length and whether more follow; the headers are sound otherwise, and time
 * may pass in between.
 *
 * The first eight bytes of every datagram are a UDP header without a checksum (IPv4) or with the
 * input's (IPv6); the rest is a pattern that tells each byte's place, so that a datagram put
 * together wrongly shows. An input may ask for other bytes: then only the bounds are checked.
 */
#include <string.h>

#include "stack/base/bytes.h"
#include "stack/base/checksum.h"
#include "stack/dgram.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/packet.h"

#define SECOND      1000000000ULL
#define PORT        7u
#define PROTO_UDP   17u
#define NH_FRAGMENT 44u
#define UDP_HEADER  8u

static uint8_t pattern(uint32_t at)
{
	return (uint8_t)((at * 2654435761u) >> 9);
}

/* What the stack hands over holds the pattern, unless a fragment with other bytes was sent. */
static void take_datagrams(struct host *host, struct dgram *socket, bool other_bytes)
{
	struct dgram_rx rx;
	while (dgram_next(socket, &rx)) {
		uint32_t at = UDP_HEADER;
		CHECK(other_bytes || rx.from_port == PORT);
		for (struct pbuf *p = rx.payload; p != NULL; p = p->next)
			for (unsigned i = 0; i < p->len; i++, at++)
				CHECK(other_bytes || ((uint8_t *)p->payload)[i] == pattern(at));
		CHECK(rx.payload == NULL || at - UDP_HEADER == rx.payload->tot_len);
		if (rx.payload != NULL)
			stack_free_pbufs(host->stack, rx.payload);
	}
	socket->ready.events = 0;
	while (stack_next_ready(host->stack) != NULL)
		;
}

/* The datagram of that length whose pieces are sent, from its UDP header on; the pattern goes on. */
static void fill_datagram(uint8_t *bytes, size_t room, uint32_t length, bool ip6)
{
	uint8_t ends[PACKET_ETHERNET + 40];
	for (uint32_t i = 0; i < room; i++)
		bytes[i] = pattern(i);
	if (length < UDP_HEADER)
		return;
	be16_put(bytes, PORT);
	be16_put(bytes + 2, PORT);
	be16_put(bytes + 4, (uint16_t)length);
	memset(bytes + 6, 0, 2);
	if (!ip6)
		return;
	packet_headers(ends, 1, true, PROTO_UDP, 0);
	const uint8_t *ip = ends + PACKET_ETHERNET;
	uint16_t checksum = checksum_finish(checksum_add(
		checksum_pseudo_v6(ip + 8, ip + 24, PROTO_UDP, length), bytes, length));
	if (checksum == 0)
		checksum = 0xffff;
	memcpy(bytes + 6, &checksum, 2);
}

struct piece {
	bool ip6, more, other_bytes;
	uint8_t id;
	uint32_t total, offset, length; /* offset in units of 8 */
};

static void send_piece(struct host *host, const struct piece *piece)
{
	static uint8_t datagram[70000], frame[PACKET_ETHERNET + 48 + 1500];
	size_t extra = piece->ip6 ? 8 : 0;
	size_t at = packet_headers(
		frame, 1, piece->ip6, piece->ip6 ? NH_FRAGMENT : PROTO_UDP, extra + piece->length);
	uint16_t place = (uint16_t)(piece->offset << (piece->ip6 ? 3 : 0));
	if (piece->ip6) {
		memset(frame + at, 0, extra);
		frame[at] = PROTO_UDP;
		be16_put(frame + at + 2, (uint16_t)(place | piece->more));
		frame[at + 7] = piece->id;
	} else {
		frame[PACKET_ETHERNET + 5] = piece->id;
		be16_put(frame + PACKET_ETHERNET + 6, (uint16_t)(place | piece->more << 13));
	}
	fill_datagram(datagram, sizeof(datagram), piece->total, piece->ip6);
	if (piece->other_bytes)
		datagram[piece->offset * 8] ^= 0x55;
	memcpy(frame + at + extra, datagram + piece->offset * 8, piece->length);
	packet_mend(frame, at + extra + piece->length);
	host_receive(host, frame, at + extra + piece->length);
	frame_clear(&host->sent);
}

static bool one_piece(struct host *host, struct input *in, uint64_t *now)
{
	uint8_t flags = input_u8(in);
	struct piece piece = {
		.ip6 = flags & 1,
		.more = flags >> 1 & 1,
		.other_bytes = flags >> 2 & 1,
		.id = flags >> 3 & 3,
	};
	if (flags >> 5 & 1) {
		*now += input_pause(input_u8(in));
		host_turn(host, *now);
	}
	piece.total = flags >> 6 & 1 ? input_u16(in) : input_u8(in);
	piece.offset = flags >> 7 & 1 ? input_u16(in) % 8192 : input_u8(in) % 64;
	piece.length = input_u16(in) % 1480;
	send_piece(host, &piece);
	return piece.other_bytes || piece.total < UDP_HEADER;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input in = {bytes, bytes + size};
	struct host host;
	struct dgram *socket;
	bool other_bytes = false;
	uint64_t now = SECOND;
	host_open(&host, 0, &(struct host_config){.now_ns = now});
	for (unsigned i = 0; i < 12; i++) /* duplicate address detection */
		host_turn(&host, now += SECOND / 2);
	CHECK(dgram_open(host.stack, IP_ANY_TYPE, PORT, NULL, 0, &(struct dgram_options){0},
		      &socket) == 0);
	frame_clear(&host.sent);
	host_note_memory(&host);
	while (!input_is_empty(&in)) {
		other_bytes |= one_piece(&host, &in, &now);
		take_datagrams(&host, socket, other_bytes);
	}
	for (unsigned i = 0; i < 80; i++)
		host_turn(&host, now += SECOND);
	CHECK(fuzz_live_pbufs == 0); /* what was not put together was given up */
	dgram_close(socket);
	host_check_idle(&host);
	host_close(&host);
	CHECK(fuzz_live_pbufs == 0);
	return 0;
}
