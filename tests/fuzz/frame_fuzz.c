/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames of every kind into one stack that has whatever a frame may be for: a TCP listener, an
 * established connection, a UDP socket, a multicast group, DHCP and SLAAC. What it sends goes
 * nowhere.
 *
 * The input is a sequence of: kind (FRAME_*), pause (input_pause), length (two bytes), bytes. Seeds
 * of the corpus have a frame of each protocol (tests/fuzz/seeds.py).
 */
#include <stdlib.h>
#include <string.h>

#include "stack/base/bytes.h"
#include "stack/conn.h"
#include "stack/dgram.h"
#include "stack/stack_internal.h"
#include "stack/tcp/tcp_wire.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/packet.h"

#define SECOND    1000000000ULL
#define PORT      80u
#define PEER_PORT 4000u
#define PEER_ISS  0x10000u

enum {
	FRAME_MENDED = 1 << 0,   /* with checksums that hold */
	FRAME_TO_US = 1 << 1,    /* with our MAC address as its destination */
	FRAME_RELATIVE = 1 << 2, /* TCP numbers count from those of the connection */
	FRAME_TAKE = 1 << 3,     /* the application reads and answers afterwards */
	FRAME_BURST = 1 << 4,    /* arrives together with the one that follows */
};

struct world {
	struct host host;
	struct conn *listener, *conn;
	struct dgram *socket;
	uint32_t iss; /* of the connection, ours */
	uint64_t now_ns;
	struct pbuf *burst[16];
	unsigned burst_count;
};

static void receive_burst(struct world *w)
{
	stack_input(w->host.stack, w->host.nif, w->burst, w->burst_count);
	w->burst_count = 0;
	stack_flush_output(w->host.stack);
	frame_clear(&w->host.sent);
}

static void inject(struct world *w, const uint8_t *bytes, size_t length, bool more)
{
	w->burst[w->burst_count++] = fuzz_pbuf(bytes, length);
	if (!more || w->burst_count == sizeof(w->burst) / sizeof(w->burst[0]))
		receive_burst(w);
}

/* The connection: the peer's part is played here. */

static void send_segment(struct world *w, uint8_t flags, uint32_t seq, uint32_t ack)
{
	uint8_t frame[PACKET_ETHERNET + 40 + TCP_HEADER];
	size_t at = packet_headers(frame, 1, false, PACKET_TCP, TCP_HEADER);
	uint8_t *tcp = frame + at;
	memset(tcp, 0, TCP_HEADER);
	be16_put(tcp + TCP_AT_SOURCE, PEER_PORT);
	be16_put(tcp + TCP_AT_DESTINATION, PORT);
	be32_put(tcp + TCP_AT_SEQ, seq);
	be32_put(tcp + TCP_AT_ACK, ack);
	tcp[TCP_AT_OFFSET] = TCP_HEADER / 4 << 4;
	tcp[TCP_AT_FLAGS] = flags;
	be16_put(tcp + TCP_AT_WINDOW, 60000);
	packet_mend(frame, at + TCP_HEADER);
	host_receive(&w->host, frame, at + TCP_HEADER);
}

static void answer_arp(struct world *w)
{
	static const uint8_t reply[42] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 6, 0, 1, 8, 0, 6,
		4, 0, 2, 2, 0, 0, 0, 0, 2, 10, 0, 0, 2, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1};
	host_receive(&w->host, reply, sizeof(reply));
}

/* Our initial sequence number, from the SYN-ACK among what was sent. */
static void find_iss(struct world *w)
{
	struct frame *frame;
	while ((frame = frame_take(&w->host.sent, 0)) != NULL) {
		struct packet packet;
		packet_read(&packet, frame->bytes, frame->length);
		if (packet.protocol == PACKET_TCP)
			w->iss = be32_get(packet.transport + TCP_AT_SEQ);
		free(frame);
	}
}

static void establish(struct world *w)
{
	send_segment(w, TH_SYN, PEER_ISS, 0);
	answer_arp(w);
	find_iss(w);
	send_segment(w, TH_ACK, PEER_ISS + 1, w->iss + 1);
	w->conn = conn_accept(w->listener);
	CHECK(w->conn != NULL);
}

/* The application */

static void read_conn(struct world *w)
{
	struct conn *conn = w->conn;
	uint32_t length = conn->rxq_len;
	if (conn->rxq != NULL)
		stack_free_pbufs(w->host.stack, conn->rxq);
	conn->rxq = conn->rxq_last = NULL;
	conn->rxq_len = 0;
	conn->ready.events = 0;
	conn_recved(conn, length);
	if (conn->ready.error == 0)
		conn_send(conn, fuzz_pbuf((const uint8_t *)"answer", 6));
}

static void read_socket(struct world *w)
{
	struct dgram_rx rx;
	while (dgram_next(w->socket, &rx))
		if (dgram_send(w->socket, rx.payload != NULL ? rx.payload : fuzz_pbuf(NULL, 0),
			    &rx.from, rx.from_port) != 0)
			continue;
}

static void run_application(struct world *w)
{
	struct conn *conn;
	read_conn(w);
	read_socket(w);
	while ((conn = conn_accept(w->listener)) != NULL)
		conn_close(conn);
	while (stack_next_ready(w->host.stack) != NULL)
		;
	stack_flush_output(w->host.stack);
	frame_clear(&w->host.sent);
}

/* The input */

static void count_from_connection(const struct world *w, uint8_t *frame, size_t length)
{
	struct packet packet;
	packet_read(&packet, frame, length);
	if (packet.transport == NULL || packet.protocol != PACKET_TCP || packet.length < TCP_HEADER)
		return;
	uint8_t *tcp = packet.transport;
	be32_put(tcp + TCP_AT_SEQ, be32_get(tcp + TCP_AT_SEQ) + PEER_ISS);
	be32_put(tcp + TCP_AT_ACK, be32_get(tcp + TCP_AT_ACK) + w->iss);
}

static void step(struct world *w, struct input *in)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
	static uint8_t frame[FUZZ_FRAME_MAX];
	const uint8_t *bytes;
	uint8_t kind = input_u8(in), pause = input_u8(in);
	size_t length = input_bytes(in, input_u16(in) % FUZZ_FRAME_MAX, &bytes);
	if (pause != 0) {
		w->now_ns += input_pause(pause);
		host_turn(&w->host, w->now_ns);
	}
	memcpy(frame, bytes, length);
	if ((kind & FRAME_TO_US) && length >= sizeof(mac))
		memcpy(frame, mac, sizeof(mac));
	if (kind & FRAME_RELATIVE)
		count_from_connection(w, frame, length);
	if (kind & FRAME_MENDED)
		packet_mend(frame, length);
	inject(w, frame, length, kind & FRAME_BURST);
	if (kind & FRAME_TAKE)
		run_application(w);
}

static void open_world(struct world *w)
{
	ip_addr_t group = IPADDR4_INIT_BYTES(224, 1, 1, 1);
	struct conn_options options = {.backlog = 16, .keep_alive = true, .fast_open = true};
	memset(w, 0, sizeof(*w));
	w->now_ns = SECOND;
	host_open(&w->host, 0,
		&(struct host_config){.now_ns = w->now_ns, .dhcp = true, .slaac = true});
	for (unsigned i = 0; i < 6; i++) /* duplicate address detection */
		host_turn(&w->host, w->now_ns += SECOND / 2);
	CHECK(conn_listen(w->host.stack, IP_ANY_TYPE, PORT, &options, &w->listener) == 0);
	CHECK(dgram_open(w->host.stack, IP_ANY_TYPE, 53, NULL, 0, &(struct dgram_options){0},
		      &w->socket) == 0);
	CHECK(dgram_membership(w->socket, &group, DGRAM_ALL_NIFS, true) == 0);
	frame_clear(&w->host.sent);
	establish(w);
}

static void close_world(struct world *w)
{
	receive_burst(w);
	run_application(w);
	conn_close(w->conn);
	conn_close(w->listener);
	dgram_close(w->socket);
	for (unsigned i = 0; i < 40; i++) /* an orphan, TIME_WAIT, fragments */
		host_turn(&w->host, w->now_ns += 4 * SECOND);
	frame_clear(&w->host.sent);
	CHECK(w->host.stack->counters.conns == 0);
	host_close(&w->host);
	CHECK(fuzz_live_pbufs == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct world world;
	struct input in = {bytes, bytes + size};
	open_world(&world);
	while (!input_is_empty(&in))
		step(&world, &in);
	close_world(&world);
	return 0;
}
