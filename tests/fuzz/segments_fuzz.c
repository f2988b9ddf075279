/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Segment sequences against a live connection: two stacks in virtual time with one connection
 * between them. The input says what the two applications ask for and what the cable does to each
 * frame: deliver, drop, duplicate, reorder, delay, corrupt, forge.
 *
 * Theory of operation
 * -------------------
 * What side s sends at position n of its stream is stream_byte(s, n), so that the other side knows
 * each byte that it may be told of. Checked, whatever the cable does:
 *
 *   - what is delivered is a prefix of what the other side sent, and CONN_EV_FIN comes behind all
 *     of it and only when the other side ended its stream;
 *   - a connection fails for no other reason than the other side's RST, or a long silence;
 *   - at the end the cable is mended: then everything arrives, unless somebody has given up for a
 *     long silence before;
 *   - closed, nothing is left: no connection, no packet buffer, no byte of the arena.
 *
 * A byte that the cable corrupts must be found by a checksum. Where the input forges what a
 * checksum cannot find, an attacker on the path, the checks that he can break are left out
 * (enum harm).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stack/base/bytes.h"
#include "stack/base/seq.h"
#include "stack/conn.h"
#include "stack/nif.h"
#include "stack/tcp/tcp_cc.h"
#include "stack/tcp/tcp_wire.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/packet.h"

#define PORT        80u
#define MS          1000000ULL
#define SECOND      (1000 * MS)
#define UNACKED_MAX 200000u
#define CABLE_MAX   400u /* frames on the cable, a direction: more are lost */
#define TURNS_MAX   20000u
#define SILENCE     (20 * SECOND) /* no connection gives up before */
#define ETHERNET    PACKET_ETHERNET

/* What forged segments may have done; a check that depends on their absence is left out. */
enum harm {
	HARM_PROGRESS = 1 << 0, /* it may fail, or wait for ever */
	HARM_FIN = 1 << 1,
	HARM_BYTES = 1 << 2,
};

/* One application and its end. */
struct side {
	struct host host;
	struct conn *conn;       /* NULL: not yet, or closed */
	struct frame_queue line; /* what it sent, on the cable */
	struct frame *last;      /* copy of the last segment that it sent */
	uint32_t iss;
	bool iss_known;
	bool iss_changed; /* a cookie of another time; either may be the connection's */
	uint32_t sent, acked, received;
	uint32_t owed; /* received and not yet told by conn_recved */
	uint64_t heard_ns, closed_ns;
	bool connected, ended, closed, aborted, fin, failed;
};

struct world {
	struct side side[2];
	struct conn *listener;
	struct conn_options options;
	uint64_t now_ns, connect_ns;
	uint64_t silence_ns; /* longest that a side heard nothing */
	bool ip6;
	unsigned harm;
};

static uint8_t stream_byte(unsigned side, uint32_t at)
{
	return (uint8_t)(((at + 77) * 2654435761u + side * 40503u) >> 11);
}

/* What the applications are told */

/* Takes all of rxq and compares it with the stream. */
static void take_received(struct world *w, unsigned s)
{
	struct side *side = &w->side[s];
	struct conn *conn = side->conn;
	uint32_t length = 0;
	for (struct pbuf *p = conn->rxq; p != NULL; p = p->next) {
		const uint8_t *bytes = p->payload;
		for (unsigned i = 0; i < p->len && !(w->harm & HARM_BYTES); i++)
			CHECK(bytes[i] == stream_byte(1 - s, side->received + length + i));
		length += p->len;
	}
	CHECK(length == conn->rxq_len);
	if (conn->rxq != NULL)
		stack_free_pbufs(side->host.stack, conn->rxq);
	conn->rxq = conn->rxq_last = NULL;
	conn->rxq_len = 0;
	side->received += length;
	side->owed += length;
	if (!(w->harm & HARM_PROGRESS))
		CHECK(side->received <= w->side[1 - s].sent);
}

static void fin_came(struct world *w, unsigned s)
{
	struct side *side = &w->side[s], *other = &w->side[1 - s];
	CHECK(!side->fin);
	side->fin = true;
	if (w->harm & HARM_FIN)
		return;
	CHECK(other->ended);
	CHECK(side->received + side->conn->rxq_len == other->sent);
}

static void it_failed(struct world *w, unsigned s, int error)
{
	struct side *side = &w->side[s], *other = &w->side[1 - s];
	CHECK(error < 0);
	side->failed = true;
	if (w->harm & HARM_PROGRESS)
		return;
	if (error == -ETIMEDOUT)
		CHECK(w->now_ns - w->connect_ns > SILENCE);
	else /* RFC 9293 3.5.2: the other side gave up, or never knew of it, or its TIME-WAIT ended */
		CHECK(error == -ECONNRESET &&
			(other->closed || other->failed || other->conn == NULL ||
				(other->fin && other->ended && w->silence_ns > SILENCE)));
}

static void take_events(struct world *w, unsigned s)
{
	struct side *side = &w->side[s];
	struct conn *conn = side->conn;
	unsigned events = conn->ready.events;
	conn->ready.events = 0;
	side->acked += conn->acked;
	conn->acked = 0;
	CHECK(side->acked <= side->sent || (w->harm & HARM_BYTES));
	if (events & CONN_EV_CONNECTED)
		side->connected = true;
	if (events & (CONN_EV_SENT | CONN_EV_FIN_ACKED))
		CHECK(side->ended);
	if ((events & CONN_EV_FIN_ACKED) && !(w->harm & HARM_PROGRESS))
		CHECK(side->acked == side->sent);
	if (events & CONN_EV_FIN)
		fin_came(w, s);
	if (events & CONN_EV_ERROR)
		it_failed(w, s, conn->ready.error);
}

static void accept_one(struct world *w)
{
	struct side *side = &w->side[1];
	struct conn *conn = conn_accept(w->listener);
	if (conn == NULL)
		return;
	if (side->conn != NULL || side->closed) { /* a forged one, or of a late SYN */
		conn_abort(conn);
		return;
	}
	side->conn = conn;
	side->connected = true;
	take_events(w, 1);
}

static void hear(struct world *w)
{
	for (unsigned s = 0; s < 2; s++) {
		struct ready *ready;
		while ((ready = stack_next_ready(w->side[s].host.stack)) != NULL) {
			if (ready->kind == READY_LISTENER) {
				ready->events = 0;
				accept_one(w);
			} else if ((struct conn *)ready == w->side[s].conn) {
				take_events(w, s);
			}
		}
	}
}

/* The cable */

static unsigned ip_header(const struct frame *frame)
{
	return frame->bytes[12] == 0x86 ? 40 : 20;
}

static bool is_tcp(struct frame *frame)
{
	struct packet packet;
	packet_read(&packet, frame->bytes, frame->length);
	return packet.transport != NULL && packet.protocol == PACKET_TCP;
}

static uint8_t *tcp_of_frame(struct frame *frame)
{
	return frame->bytes + ETHERNET + ip_header(frame);
}

static void carry(struct world *w, unsigned from, const struct frame *frame)
{
	host_receive(&w->side[1 - from].host, frame->bytes, frame->length);
	hear(w);
}

static void remember(struct side *side, struct frame *frame)
{
	const uint8_t *tcp = tcp_of_frame(frame);
	if (tcp[TCP_AT_FLAGS] & TH_SYN) {
		uint32_t iss = be32_get(tcp + TCP_AT_SEQ);
		side->iss_changed |= side->iss_known && iss != side->iss;
		side->iss = iss;
		side->iss_known = true;
	}
	free(side->last);
	side->last = frame_new(frame->bytes, frame->length);
}

/* What the hosts sent: TCP onto the cable, everything else to the other end at once. */
static void collect(struct world *w)
{
	for (unsigned turn = 0, s = 0; turn < 2; s = 1 - s, turn++) {
		struct frame *frame;
		while ((frame = frame_take(&w->side[s].host.sent, 0)) != NULL) {
			turn = 0;
			if (!is_tcp(frame)) {
				carry(w, s, frame);
				free(frame);
				continue;
			}
			remember(&w->side[s], frame);
			frame_push(&w->side[s].line, frame);
			if (w->side[s].line.count > CABLE_MAX)
				free(frame_take(&w->side[s].line, 0));
		}
	}
}

static void turn(struct world *w, uint64_t ns)
{
	w->now_ns += ns;
	for (unsigned s = 0; s < 2; s++) {
		uint64_t silence = w->now_ns - w->side[s].heard_ns;
		if (silence > w->silence_ns)
			w->silence_ns = silence;
		host_turn(&w->side[s].host, w->now_ns);
	}
	hear(w);
	collect(w);
}

static void deliver(struct world *w, unsigned from, unsigned place)
{
	struct frame_queue *line = &w->side[from].line;
	struct frame *frame = frame_take(line, line->count > 0 ? place % line->count : 0);
	if (frame == NULL)
		return;
	carry(w, from, frame);
	w->side[1 - from].heard_ns = w->now_ns;
	free(frame);
	collect(w);
}

static void deliver_all(struct world *w)
{
	for (unsigned n = 0; n < TURNS_MAX && w->side[0].line.count + w->side[1].line.count > 0;
		n++)
		deliver(w, w->side[n % 2].line.count > 0 ? n % 2 : 1 - n % 2, 0);
}

/* One byte of what a checksum covers, other than it was. */
static void corrupt(struct frame *frame, uint16_t place, uint8_t how)
{
	unsigned first = ip_header(frame) == 40 ? ETHERNET + 40 : ETHERNET;
	frame->bytes[first + place % (frame->length - first)] ^= how != 0 ? how : 1;
}

/* A byte of the TCP header, and nobody can tell. */
static void alter(struct world *w, struct frame *frame, uint16_t place, uint8_t how)
{
	uint8_t *tcp = tcp_of_frame(frame);
	unsigned header = (unsigned)(tcp[TCP_AT_OFFSET] >> 4) * 4;
	tcp[place % header] ^= how;
	packet_mend(frame->bytes, frame->length);
	w->harm |= HARM_PROGRESS | HARM_FIN | HARM_BYTES;
}

static void on_frame(struct world *w, unsigned from, unsigned op, struct input *in)
{
	struct frame_queue *line = &w->side[from].line;
	uint8_t place = input_u8(in);
	struct frame *frame = frame_take(line, line->count > 0 ? place % line->count : 0);
	if (frame == NULL)
		return;
	if (op == 4)
		frame_push(line, frame_new(frame->bytes, frame->length));
	if (op == 5)
		corrupt(frame, input_u16(in), input_u8(in));
	if (op == 6)
		alter(w, frame, input_u16(in), input_u8(in));
	if (op != 3)
		carry(w, from, frame);
	free(frame);
	collect(w);
}

/*
 * SACK blocks behind the timestamps, in place of what options there were else; each begins so far from
 * the acknowledgment. Returns the header's length then.
 */
static unsigned forge_sack(uint8_t *tcp, unsigned header, unsigned blocks, struct input *in)
{
	uint8_t *at = tcp + TCP_HEADER;
	if (header >= TCP_HEADER + TCPOLEN_TIMESTAMPS_PADDED &&
		be32_get(at) == TCPOPT_TIMESTAMPS_ALONE)
		at += TCPOLEN_TIMESTAMPS_PADDED;
	be32_put(at, 0x01010500 | (2 + blocks * TCPOLEN_SACK_BLOCK));
	at += 4;
	for (unsigned i = 0; i < blocks; i++, at += TCPOLEN_SACK_BLOCK) {
		uint32_t start = be32_get(tcp + TCP_AT_ACK) + (uint32_t)(int16_t)input_u16(in);
		be32_put(at, start);
		be32_put(at + 4, start + input_u16(in));
	}
	header = (unsigned)(at - tcp);
	tcp[TCP_AT_OFFSET] = (uint8_t)(header / 4 << 4);
	return header;
}

/* A segment like the last that `from` sent, with other numbers, flags, window, SACK and payload. */
static void forge(struct world *w, unsigned from, struct input *in)
{
	struct side *side = &w->side[from];
	uint8_t flags = input_u8(in), length = input_u8(in), shape = input_u8(in);
	int16_t seq_step = (int16_t)input_u16(in), ack_step = (int16_t)input_u16(in);
	if (side->last == NULL || !side->iss_known)
		return;
	unsigned ip_length = ip_header(side->last);
	uint8_t bytes[ETHERNET + 60 + 60 + 255], *ip = bytes + ETHERNET, *tcp = ip + ip_length;
	unsigned header = (unsigned)(tcp_of_frame(side->last)[TCP_AT_OFFSET] >> 4) * 4;
	memcpy(bytes, side->last->bytes, ETHERNET + ip_length + header);
	uint32_t seq = be32_get(tcp + TCP_AT_SEQ) + (uint32_t)seq_step;
	tcp[TCP_AT_FLAGS] = flags;
	be32_put(tcp + TCP_AT_SEQ, seq);
	be32_put(tcp + TCP_AT_ACK, be32_get(tcp + TCP_AT_ACK) + (uint32_t)ack_step);
	if (shape & 1)
		be16_put(tcp + TCP_AT_WINDOW, input_u16(in));
	if (shape & 6)
		header = forge_sack(tcp, header, shape >> 1 & 3, in);
	uint32_t first = seq + ((flags & TH_SYN) != 0) - side->iss - 1;
	for (unsigned i = 0; i < length; i++)
		tcp[header + i] = stream_byte(from, first + i);
	if (ip_length == 40) {
		be16_put(ip + 4, (uint16_t)(header + length));
	} else {
		be16_put(ip + 2, (uint16_t)(ip_length + header + length));
	}
	struct frame *frame = frame_new(bytes, ETHERNET + ip_length + header + length);
	packet_mend(frame->bytes, frame->length);
	w->harm |= HARM_PROGRESS | (flags & TH_FIN ? HARM_FIN : 0);
	if (length > 0 && seq_gt(first + length, side->sent))
		w->harm |= HARM_FIN; /* what is taken beyond the end moves the end */
	if (!w->side[0].connected || !w->side[1].connected)
		w->harm |= HARM_FIN | HARM_BYTES; /* it may choose the sequence numbers */
	if (side->iss_changed)
		w->harm |= HARM_BYTES;
	carry(w, from, frame);
	free(frame);
	collect(w);
}

/* What the applications do */

static void send_bytes(struct world *w, unsigned s, uint32_t length)
{
	struct side *side = &w->side[s];
	uint8_t bytes[2048];
	if (side->ended || side->failed)
		return;
	if (length > UNACKED_MAX - (side->sent - side->acked))
		length = UNACKED_MAX - (side->sent - side->acked);
	while (length > 0) {
		uint32_t part = length < sizeof(bytes) ? length : sizeof(bytes);
		for (uint32_t i = 0; i < part; i++)
			bytes[i] = stream_byte(s, side->sent + i);
		conn_send(side->conn, fuzz_pbuf(bytes, part));
		side->sent += part;
		length -= part;
	}
}

static void take_and_tell(struct world *w, unsigned s, bool tell)
{
	struct side *side = &w->side[s];
	take_received(w, s);
	if (tell && side->owed > 0)
		conn_recved(side->conn, side->owed);
	if (tell)
		side->owed = 0;
}

static void close_side(struct world *w, unsigned s, bool abort)
{
	struct side *side = &w->side[s];
	if (side->conn == NULL)
		return;
	take_received(w, s);
	if (abort)
		conn_abort(side->conn);
	else
		conn_close(side->conn);
	side->conn = NULL;
	side->closed_ns = w->now_ns;
	side->ended = side->closed = true;
	side->aborted |= abort;
}

static void change_options(struct world *w, unsigned s, uint8_t how)
{
	struct conn_options options;
	conn_get_options(w->side[s].conn, &options);
	options.no_delay = how & 1;
	options.no_delayed_ack = how & 2;
	options.keep_alive = how & 4;
	options.keep_idle_ms = 10000;
	options.tos = how & 0xfc;
	CHECK(conn_set_options(w->side[s].conn, &options) == 0);
}

static void on_application(struct world *w, unsigned s, unsigned op, struct input *in)
{
	uint16_t value = op == 8 ? input_u16(in) : input_u8(in);
	if (w->side[s].conn == NULL)
		return;
	if (op == 8)
		send_bytes(w, s, value);
	else if (op == 9)
		take_and_tell(w, s, value & 1);
	else if (op == 10) {
		conn_shutdown(w->side[s].conn);
		w->side[s].ended = true;
	} else if (op == 14)
		change_options(w, s, (uint8_t)value);
	else
		close_side(w, s, op == 15);
	turn(w, 0);
}

static void step(struct world *w, struct input *in)
{
	uint8_t what = input_u8(in);
	unsigned s = what >> 7, op = what & 15;
	if (op <= 1) {
		for (unsigned n = input_u8(in) % 16 + 1; n > 0; n--)
			deliver(w, s, 0);
	} else if (op == 2) {
		deliver(w, s, input_u8(in));
	} else if (op <= 6) {
		on_frame(w, s, op, in);
	} else if (op == 7) {
		forge(w, s, in);
	} else if (op == 12) {
		turn(w, input_pause(input_u8(in)));
	} else if (op == 13) {
		deliver_all(w);
	} else {
		on_application(w, s, op, in);
	}
}

/* Beginning and end */

static void open_hosts(struct world *w, struct input *in)
{
	static const uint16_t mtus[] = {1500, 1280, 9000, 600};
	uint8_t links = input_u8(in);
	w->now_ns = SECOND + ((uint64_t)input_u16(in) << 16) * 4000; /* one ISN is 4 microseconds */
	uint16_t mtu = mtus[links % 4];
	if (w->ip6 && mtu < 1280)
		mtu = 1280;
	for (unsigned s = 0; s < 2; s++) {
		struct host_config config = {
			.now_ns = w->now_ns,
			.mtu = mtu,
			.tx_offloads = links >> (2 + s) & 1 ? NIF_TX_TSO : 0,
			.syn_cookies = (links >> 4) % 3,
		};
		host_open(&w->side[s].host, s, &config);
	}
	for (unsigned i = 0; i < 12; i++) /* duplicate address detection */
		turn(w, 500 * MS);
	for (unsigned s = 0; s < 2; s++)
		host_note_memory(&w->side[s].host);
}

static void read_options(struct world *w, struct input *in)
{
	uint8_t flags = input_u8(in), more = input_u8(in);
	w->ip6 = flags & 1;
	w->options = (struct conn_options){
		.no_delay = flags >> 1 & 1,
		.ecn = flags >> 2 & 1,
		.fast_open = flags >> 3 & 1,
		.receive_window = flags >> 4 & 1 ? 12000 : 0,
		.no_delayed_ack = flags >> 5 & 1,
		.keep_alive = flags >> 6 & 1,
		.keep_idle_ms = 20000,
		.keep_interval_ms = 5000,
		.backlog = 4,
		.congestion = more % TCP_CC_COUNT,
		.rto_min_ms = more >> 4 & 1 ? 10 : 0,
	};
}

static void begin_connection(struct world *w)
{
	ip_addr_t to = w->ip6 ? host_ip6(1) : host_ip4(1);
	struct conn *conn;
	CHECK(conn_listen(w->side[1].host.stack, IP_ANY_TYPE, PORT, &w->options, &w->listener) ==
		0);
	w->silence_ns = 0;
	w->connect_ns = w->side[0].heard_ns = w->side[1].heard_ns = w->now_ns;
	CHECK(conn_connect(w->side[0].host.stack, IP_ANY_TYPE, 0, &to, PORT, &w->options, &conn) ==
		0);
	w->side[0].conn = conn;
	turn(w, 0);
}

/* Nothing is to come any more, as far as the applications know. */
static bool is_done(const struct world *w)
{
	for (unsigned s = 0; s < 2; s++) {
		const struct side *side = &w->side[s], *other = &w->side[1 - s];
		if (side->failed || side->aborted || other->aborted)
			return true;
		if (side->closed || (side->conn == NULL && other->closed && !other->connected))
			continue; /* nobody listens to it, or it never came to be */
		if (side->received != other->sent || side->fin != other->ended)
			return false;
	}
	return true;
}

/* A closed connection ends after CONN_ORPHAN_NS, whether its peer has got all or not. */
static bool may_have_given_up(const struct world *w)
{
	for (unsigned s = 0; s < 2; s++)
		if (w->side[s].closed &&
			(w->silence_ns > SILENCE ||
				w->now_ns - w->side[s].closed_ns > CONN_ORPHAN_NS / 2))
			return true;
	return false;
}

/* The cable is mended, and both read what they get. */
static void finish(struct world *w)
{
	bool excused = may_have_given_up(w) || (w->harm & HARM_PROGRESS);
	for (unsigned n = 0; n < TURNS_MAX && !is_done(w); n++) {
		deliver_all(w);
		for (unsigned s = 0; s < 2; s++)
			if (w->side[s].conn != NULL)
				take_and_tell(w, s, true);
		uint64_t next = stack_next_timer(w->side[0].host.stack);
		uint64_t other = stack_next_timer(w->side[1].host.stack);
		if (other < next)
			next = other;
		turn(w, next > w->now_ns + MS ? next - w->now_ns : MS);
	}
	CHECK(is_done(w) || excused);
}

static void close_all(struct world *w)
{
	for (unsigned s = 0; s < 2; s++)
		close_side(w, s, false);
	conn_close(w->listener);
	for (unsigned i = 0; i < 400;
		i++) { /* of orphans, TIME_WAIT, and what waits to be trimmed */
		turn(w, SECOND);
		deliver_all(w);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct world world;
	struct world *w = &world;
	struct input in = {bytes, bytes + size};
	memset(w, 0, sizeof(*w));
	read_options(w, &in);
	open_hosts(w, &in);
	begin_connection(w);
	if (input_u8(&in) & 1)
		deliver_all(w);
	while (!input_is_empty(&in))
		step(w, &in);
	finish(w);
	close_all(w);
	for (unsigned s = 0; s < 2; s++) {
		host_check_idle(&w->side[s].host);
		frame_clear(&w->side[s].line);
		free(w->side[s].last);
		host_close(&w->side[s].host);
	}
	CHECK(fuzz_live_pbufs == 0);
	return 0;
}
