/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a segment costs, in instructions, by the number of connections that are open.
 *
 * usage: cost CONNECTIONS
 *
 * Run under callgrind by scripts/check_cost, which counts what lies between the two calls of
 * toggle(). Linked once with the stack as it is, once with lwIP's TCP in its place
 * (tests/bench/lwip_tcp/): the source is the same.
 *
 * Theory of operation
 * -------------------
 * One stack, one interface whose device pretends to do all checksums and forgets what it is given.
 * The peers are played here: their segments have the options that a Linux peer's have. Time stands
 * still but where said. Each operation is done OPERATIONS times, every time on another connection,
 * spread over all that are open, so that a search that depends on their number shows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <valgrind/callgrind.h>

#include "stack/base/bytes.h"
#include "stack/conn.h"
#include "stack/gso.h"
#include "stack/nif.h"
#include "stack/tcp/tcp_wire.h"

#define OPERATIONS     200u
#define MS             1000000ULL
#define PORT           80u
#define PEERS_PER_HOST 50000u
#define FIRST_PORT     10000u
#define ETHERNET       14u
#define IP_HEADER      20u
#define TCP_BYTES      32u /* with timestamps */
#define DATA           1448u
#define REQUEST        64u
#define BURST          16u
#define HEADROOM       128u
#define BUFFERS        (OPERATIONS + 64u)
#define ARENA_EACH     1100u /* bytes of a connection, TIME_WAIT and tables included */

/* The peer's view of one connection. */
struct peer {
	struct conn *conn;
	uint32_t index;    /* says address and port */
	uint32_t seq, ack; /* its next byte, and what it has of ours */
	uint32_t echo;     /* the last timestamp of ours */
};

static struct stack *stack;
static struct nif *nif;
static struct conn *listener;
static struct peer *peers;
static uint64_t now_ns = MS * 1000;

static void fail(const char *what)
{
	fprintf(stderr, "cost: %s\n", what);
	exit(1);
}

/* Packet buffers: a few, used again and again. */

struct buffer {
	struct pbuf_custom custom;
	struct buffer *next;
	uint8_t memory[HEADROOM + 2048];
};

static struct buffer *free_buffers;

static void buffer_free(struct pbuf *p)
{
	struct buffer *buffer = (struct buffer *)p;
	buffer->next = free_buffers;
	free_buffers = buffer;
}

static void make_buffers(void)
{
	static struct buffer buffers[BUFFERS];
	for (unsigned i = 0; i < BUFFERS; i++) {
		buffers[i].custom.custom_free_function = buffer_free;
		buffer_free(&buffers[i].custom.pbuf);
	}
}

static struct pbuf *take_buffer(uint16_t length)
{
	struct buffer *buffer = free_buffers;
	if (buffer == NULL)
		fail("packet buffers are not given back");
	free_buffers = buffer->next;
	struct pbuf *p = pbuf_alloced_custom(
		PBUF_RAW, length, PBUF_REF, &buffer->custom, buffer->memory + HEADROOM, length);
	p->pkt_flags = PKT_IP_CHECKSUM_GOOD | PKT_L4_CHECKSUM_GOOD;
	return p;
}

/* What lies between two calls is counted, but for warming up. */

static bool counting;

static void toggle(void)
{
	if (counting)
		CALLGRIND_TOGGLE_COLLECT;
}

/* The device: it sums, and cuts super-segments as driver/dpdk_tx_build.c does where it must. */

#define OFFLOADS (NIF_TX_IP_CHECKSUM | NIF_TX_TCP_CHECKSUM | NIF_TX_UDP_CHECKSUM)

static bool listening; /* it keeps the header of what is sent */
static uint8_t last_header[NIF_HEADER_MAX];
static uint32_t last_length;
static unsigned frames_sent;

__attribute__((noinline)) static void cut(const struct nif_frame *frame)
{
	struct gso gso;
	gso_start(&gso, frame, OFFLOADS);
	while (gso_next(&gso))
		frames_sent++;
}

static enum drop_reason output(void *device, const struct nif_frame *frame)
{
	if (frame->gso_size != 0)
		cut(frame);
	else
		frames_sent++;
	if (!listening)
		return DROP_NONE;
	toggle();
	last_length = nif_frame_copy(frame, 0, last_header, sizeof(last_header));
	toggle();
	return DROP_NONE;
}

static const struct nif_ops ops = {.output = output};

/* Frames of the peers */

static void write_options(uint8_t *at, const struct peer *peer)
{
	static const uint8_t two_nops[] = {1, 1, 8, 10};
	memcpy(at, two_nops, sizeof(two_nops));
	be32_put(at + 4, (uint32_t)(now_ns / MS));
	be32_put(at + 8, peer->echo);
}

static void write_syn_options(uint8_t *at)
{
	static const uint8_t options[] = {
		2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 7};
	memcpy(at, options, sizeof(options));
	be32_put(at + 8, (uint32_t)(now_ns / MS));
}

static void write_ip(uint8_t *ip, const struct peer *peer, uint16_t length)
{
	uint32_t host = peer->index / PEERS_PER_HOST;
	memset(ip, 0, IP_HEADER);
	ip[0] = 0x45;
	be16_put(ip + 2, length);
	ip[6] = 0x40;
	ip[8] = 64;
	ip[9] = 6;
	be32_put(ip + 12, 0x0a010001 + host);
	be32_put(ip + 16, 0x0a000001);
}

/* A segment with `length` bytes of payload, its numbers those of the peer, which move on. */
static struct pbuf *segment(struct peer *peer, uint8_t flags, uint16_t length)
{
	static const uint8_t link[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0};
	unsigned header = TCP_HEADER + (flags & TH_SYN ? 20 : 12);
	uint16_t total = (uint16_t)(IP_HEADER + header + length);
	struct pbuf *p = take_buffer((uint16_t)(ETHERNET + total));
	uint8_t *frame = p->payload, *tcp = frame + ETHERNET + IP_HEADER;
	memcpy(frame, link, sizeof(link));
	write_ip(frame + ETHERNET, peer, total);
	memset(tcp, 0, TCP_HEADER);
	be16_put(tcp + TCP_AT_SOURCE, (uint16_t)(FIRST_PORT + peer->index % PEERS_PER_HOST));
	be16_put(tcp + TCP_AT_DESTINATION, PORT);
	be32_put(tcp + TCP_AT_SEQ, peer->seq);
	be32_put(tcp + TCP_AT_ACK, peer->ack);
	tcp[TCP_AT_OFFSET] = (uint8_t)(header / 4 << 4);
	tcp[TCP_AT_FLAGS] = flags;
	be16_put(tcp + TCP_AT_WINDOW, 0xffff);
	if (flags & TH_SYN)
		write_syn_options(tcp + TCP_HEADER);
	else
		write_options(tcp + TCP_HEADER, peer);
	peer->seq += length + ((flags & TH_SYN) != 0) + ((flags & TH_FIN) != 0);
	return p;
}

static void receive(struct pbuf *p)
{
	stack_input(stack, nif, &p, 1);
}

static void receive_and_flush(struct pbuf *p)
{
	receive(p);
	stack_flush_output(stack);
}

/* The application */

static void read_all(struct conn *conn)
{
	uint32_t length = conn->rxq_len;
	stack_free_pbufs(stack, conn->rxq);
	conn->rxq = conn->rxq_last = NULL;
	conn->rxq_len = 0;
	conn->ready.events = 0;
	conn->acked = 0;
	conn_recved(conn, length);
}

static void drain_ready(void)
{
	struct ready *ready;
	while ((ready = stack_next_ready(stack)) != NULL)
		ready->events = 0;
}

static void idle_turn(struct conn *conn)
{
	read_all(conn);
	drain_ready();
	stack_flush_output(stack);
}

/* Opening */

/* SYN, and what the SYN-ACK says. */
static void open_peer(struct peer *peer, uint32_t index)
{
	*peer = (struct peer){.index = index, .seq = 1000 + index};
	struct pbuf *syn = segment(peer, TH_SYN, 0);
	listening = true;
	last_length = 0;
	toggle();
	receive_and_flush(syn);
	toggle();
	listening = false;
	const uint8_t *tcp = last_header + ETHERNET + IP_HEADER;
	if (last_length < ETHERNET + IP_HEADER + TCP_HEADER + 20 ||
		tcp[TCP_AT_FLAGS] != (TH_SYN | TH_ACK))
		fail("a SYN was not answered");
	peer->ack = be32_get(tcp + TCP_AT_SEQ) + 1;
	for (const uint8_t *at = tcp + TCP_HEADER; at < last_header + last_length && *at != 0;
		at += *at == 1 ? 1 : at[1])
		if (*at == TCPOPT_TIMESTAMPS)
			peer->echo = be32_get(at + 2);
}

static void accept_peer(struct peer *peer)
{
	peer->conn = conn_accept(listener);
	if (peer->conn == NULL)
		fail("a connection was not accepted");
}

static void connect_peer(struct peer *peer, uint32_t index)
{
	open_peer(peer, index);
	receive(segment(peer, TH_ACK, 0));
	accept_peer(peer);
	idle_turn(peer->conn);
}

static void open_stack(size_t connections)
{
	static const uint8_t gateway_here[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 6, 0, 1, 8, 0,
		6, 4, 0, 2, 2, 0, 0, 0, 0, 2, 10, 0, 0, 2, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1};
	size_t size = ((size_t)16 << 20) + connections * ARENA_EACH;
	struct stack_config config = {
		.arena = malloc(size), .arena_size = size, .now_ns = now_ns, .primary = true};
	struct nif_config nif_config = {
		.ops = &ops,
		.mac = {2, 0, 0, 0, 0, 1},
		.mtu = 1500,
		.tx_offloads = OFFLOADS,
	};
	struct conn_options options = {.backlog = 1024, .no_delay = true};
	ip_addr_t address = IPADDR4_INIT_BYTES(10, 0, 0, 1);
	ip_addr_t gateway = IPADDR4_INIT_BYTES(10, 0, 0, 2);
	stack = stack_init(&config);
	if (stack == NULL)
		fail("no stack");
	nif = nif_add(stack, &nif_config);
	if (nif == NULL || nif_add_address(nif, &address, 24) != 0 ||
		nif_set_gateway(nif, &gateway) != 0)
		fail("no interface");
	nif_set_link(nif, true);
	if (conn_listen(stack, IP_ANY_TYPE, PORT, &options, &listener) != 0)
		fail("no listener");
	struct pbuf *p = take_buffer(sizeof(gateway_here));
	memcpy(p->payload, gateway_here, sizeof(gateway_here));
	receive(p);
}

/* What is counted */

/* The nth of the connections that operations are done on: all over the place. */
static struct peer *chosen(unsigned n, size_t connections)
{
	return &peers[(size_t)n * 7919 % connections];
}

static void nothing(struct peer *peer)
{
	(void)peer;
	toggle();
	toggle();
}

/* From the frame to the ready list. */
static void data_in(struct peer *peer)
{
	struct pbuf *p = segment(peer, TH_ACK, DATA);
	toggle();
	receive(p);
	toggle();
	if (peer->conn->rxq_len != DATA || !peer->conn->ready.listed)
		fail("data was not received");
	idle_turn(peer->conn);
}

/* The same of BURST segments that arrive together. */
static void data_in_burst(struct peer *peer)
{
	struct pbuf *burst[BURST];
	for (unsigned i = 0; i < BURST; i++)
		burst[i] = segment(peer, TH_ACK, DATA);
	toggle();
	stack_input(stack, nif, burst, BURST);
	toggle();
	if (peer->conn->rxq_len != BURST * DATA)
		fail("a burst was not received");
	idle_turn(peer->conn);
}

/* Full segments, a buffer each. */
static struct pbuf *data_of(unsigned segments)
{
	struct pbuf *first = take_buffer(DATA), *last = first;
	for (; segments > 1; segments--)
		last = last->next = take_buffer(DATA);
	return first;
}

/* From conn_send to the frames that the device has, the flush included. */
static void send(struct peer *peer, struct pbuf *data, bool count)
{
	if (count)
		toggle();
	conn_send(peer->conn, data);
	stack_flush_output(stack);
	if (count)
		toggle();
}

/* From the frame of an ACK without data to the event: buffers are free, nothing is sent. */
static void acknowledge(struct peer *peer, unsigned segments, bool count)
{
	peer->ack += segments * DATA;
	struct pbuf *p = segment(peer, TH_ACK, 0);
	if (count)
		toggle();
	receive(p);
	if (count)
		toggle();
}

/* That many segments of an idle connection, at once; then one ACK of all. */
static void out_and_ack(struct peer *peer, unsigned segments, bool count_out, bool count_ack)
{
	frames_sent = 0;
	send(peer, data_of(segments), count_out);
	if (frames_sent != segments)
		fail("data was not sent");
	acknowledge(peer, segments, count_ack);
	if (peer->conn->acked != segments * DATA)
		fail("data was not acknowledged");
	idle_turn(peer->conn);
}

static void segment_out(struct peer *peer)
{
	out_and_ack(peer, 1, true, false);
}

static void ack_in(struct peer *peer)
{
	out_and_ack(peer, 1, false, true);
}

/* Of BURST segments that are queued together and may leave together: one of them. */
static void segment_out_burst(struct peer *peer)
{
	out_and_ack(peer, BURST, true, false);
}

/* One ACK of BURST segments that left together. */
static void ack_in_burst(struct peer *peer)
{
	out_and_ack(peer, BURST, false, true);
}

/* Slow start, until the window has room for a burst. */
static void open_window(struct peer *peer)
{
	for (unsigned segments = 2; segments < BURST; segments += 2)
		out_and_ack(peer, segments, false, false);
}

static void answer(struct conn *conn, struct pbuf *response)
{
	drain_ready();
	read_all(conn);
	conn_send(conn, response);
	stack_flush_output(stack);
}

/* A request of 64 bytes, which acknowledges the answer before it, and an answer of 64. */
static void request_response(struct peer *peer)
{
	struct pbuf *request = segment(peer, TH_ACK | TH_PSH, REQUEST),
		    *response = take_buffer(REQUEST);
	toggle();
	receive(request);
	answer(peer->conn, response);
	toggle();
	peer->ack += REQUEST;
}

/* Handshake, request, answer, FIN of the peer, ours. */
static void connect_request_close(struct peer *unused)
{
	static uint32_t next = 1u << 21;
	struct peer peer;
	(void)unused;
	open_peer(&peer, next++);
	struct pbuf *ack = segment(&peer, TH_ACK, 0);
	struct pbuf *request = segment(&peer, TH_ACK | TH_PSH, REQUEST),
		    *response = take_buffer(REQUEST);
	toggle();
	receive(ack);
	accept_peer(&peer);
	receive(request);
	answer(peer.conn, response);
	toggle();
	peer.ack += REQUEST;
	struct pbuf *fin = segment(&peer, TH_FIN | TH_ACK, 0);
	toggle();
	receive(fin);
	drain_ready();
	conn_close(peer.conn);
	stack_flush_output(stack);
	toggle();
	peer.ack++;
	struct pbuf *last = segment(&peer, TH_ACK, 0);
	toggle();
	receive_and_flush(last);
	toggle();
}

/* A second in which nothing happens, in turns of 10 ms. */
static void idle_second(struct peer *unused)
{
	(void)unused;
	for (unsigned i = 0; i < 100; i++) {
		now_ns += 10 * MS;
		toggle();
		stack_set_now(stack, now_ns);
		stack_run_timers(stack);
		stack_flush_output(stack);
		toggle();
	}
}

/* Once to warm up: each connection has done the same before it counts. each: segments in one. */
static void measure(
	const char *name, void (*operation)(struct peer *), unsigned times, unsigned each, size_t n)
{
	for (unsigned i = 0; i < 2 * times; i++) {
		counting = i >= times;
		operation(chosen(i % times, n));
	}
	/* The name becomes that of the dump; the numbers go with it. */
	char text[64];
	snprintf(text, sizeof(text), "%s %u %u", name, times, each);
	CALLGRIND_DUMP_STATS_AT(text);
}

int main(int argc, char **argv)
{
	size_t connections = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
	if (connections == 0)
		fail("usage: cost CONNECTIONS");
	peers = calloc(connections, sizeof(*peers));
	if (peers == NULL)
		fail("no memory");
	make_buffers();
	open_stack(connections);
	for (size_t i = 0; i < connections; i++)
		connect_peer(&peers[i], (uint32_t)i);
	CALLGRIND_START_INSTRUMENTATION;
	measure("nothing", nothing, OPERATIONS, 1, connections);
	measure("idle_second", idle_second, 2, 1, connections);
	measure("data_in", data_in, OPERATIONS, 1, connections);
	measure("data_in_burst", data_in_burst, OPERATIONS, BURST, connections);
	measure("segment_out", segment_out, OPERATIONS, 1, connections);
	measure("ack_in", ack_in, OPERATIONS, 1, connections);
	for (unsigned i = 0; i < OPERATIONS; i++)
		open_window(chosen(i, connections));
	measure("segment_out_burst", segment_out_burst, OPERATIONS, BURST, connections);
	measure("ack_in_burst", ack_in_burst, OPERATIONS, 1, connections);
	measure("request_response", request_response, OPERATIONS, 1, connections);
	measure("connect_request_close", connect_request_close, OPERATIONS, 1, connections);
	return 0;
}
