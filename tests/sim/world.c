/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/sim/world.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver/eal.h"
#include "driver/frame.h"
#include "driver/pktbuf.h"
#include "stack/base/bytes.h"
#include "stack/nif.h"
#include "stack/tcp/tcp_wire.h"

#define MEMORY_MB      192u
#define PACKETS        24576u
#define FRAMES         16384u /* in flight, both ways */
#define ARENA_BYTES    ((size_t)64 << 20)
#define LISTEN_PORT    5001u
#define START_NS       NS_PER_S
#define SEND_QUEUE_MAX (16u << 20) /* bytes handed to conn_send and not acknowledged */
#define CHUNK          60000u      /* bytes of one pbuf of a flow; the pattern repeats with it */
#define DELAY_STEP_NS  (100 * NS_PER_US)
#define DELAY_STEPS    20000u /* two seconds */

struct node {
	struct stack *stack;
	struct nif *nif;
	struct port *port;
	void *arena;
};

struct world {
	struct wire *wire;
	struct node nodes[2];
	struct conn *listener;
	struct transfer flows[WORLD_FLOWS_MAX];
	unsigned flow_count;
	uint64_t now;
	uint8_t congestion;
	bool ecn;
	struct wire_impairment forward;
	struct world_burst burst; /* after, lost, again: what is left of them */
	uint32_t first_seq;       /* sequence number of the flow's first byte, as its SYN told */
	/* Queueing delays: how many frames waited for so many steps. */
	uint64_t delays[DELAY_STEPS], delay_count, delay_sum_ns;
};

static struct pktpool *packets;
static uint8_t pattern[CHUNK];

static void die(const char *what)
{
	fprintf(stderr, "sim: %s\n", what);
	exit(1);
}

static void must(bool is_so, const char *what)
{
	if (!is_so)
		die(what);
}

/* ---- The process ------------------------------------------------------------------------- */

void world_start(void)
{
	struct eal_config eal = {.memory_mb = MEMORY_MB};
	struct pktpool_config pool = {.name = "sim", .count = PACKETS, .numa_node = -1};
	struct fault fault = {.text = ""};

	if (eal_start(&eal, &fault) != 0 || pktpool_create(&pool, &packets, &fault) != 0)
		die(fault.text);
	for (uint32_t i = 0; i < CHUNK; i++)
		pattern[i] = (uint8_t)(i * 2654435761u >> 21);
}

void world_stop(void)
{
	must(pktpool_free(packets) == 0, "packet buffers are missing");
	eal_stop();
}

/* ---- Sending ----------------------------------------------------------------------------- */

static void chunk_free(struct pbuf *p)
{
	free(p); /* the custom pbuf begins with it; the bytes are the pattern's */
}

/* A pbuf that refers to the pattern. */
static struct pbuf *chunk(uint32_t offset, uint16_t length)
{
	struct pbuf_custom *custom = calloc(1, sizeof(*custom));

	must(custom != NULL, "no memory");
	custom->custom_free_function = chunk_free;
	return pbuf_alloced_custom(PBUF_RAW, length, PBUF_REF, custom, pattern + offset, length);
}

/* What the application has to send by now, in all. */
static uint64_t written(const struct transfer *f)
{
	uint64_t ms = (f->world->now - f->start_ns) / NS_PER_MS + 1, most = f->bytes;

	if (f->bytes_per_ms != 0 && ms * f->bytes_per_ms < most)
		most = ms * f->bytes_per_ms;
	return most;
}

static void send_more(struct transfer *f)
{
	uint64_t end = written(f);

	while (f->queued < end && f->queued - f->acked < SEND_QUEUE_MAX) {
		uint64_t left = end - f->queued;
		uint32_t at = (uint32_t)(f->queued % CHUNK), room = CHUNK - at;
		uint16_t length = (uint16_t)(left < room ? left : room);
		conn_send(f->sender, chunk(at, length));
		f->queued += length;
		if (f->queued == f->bytes)
			conn_shutdown(f->sender);
	}
}

static void sender_ready(struct transfer *f, uint16_t events)
{
	must((events & CONN_EV_ERROR) == 0, "a sender's connection failed");
	f->acked += f->sender->acked;
	f->sender->acked = 0;
	send_more(f);
}

/* ---- Receiving --------------------------------------------------------------------------- */

static void check_bytes(struct transfer *f, const uint8_t *bytes, uint32_t length)
{
	for (uint32_t done = 0; done < length;) {
		uint32_t at = (uint32_t)(f->received % CHUNK), part = length - done;
		if (part > CHUNK - at)
			part = CHUNK - at;
		must(memcmp(bytes + done, pattern + at, part) == 0, "wrong bytes arrived");
		f->received += part;
		done += part;
	}
}

static void receive(struct transfer *f)
{
	struct conn *conn = f->receiver;
	uint32_t length = conn->rxq_len;

	for (struct pbuf *p = conn->rxq; p != NULL; p = p->next)
		check_bytes(f, p->payload, p->len);
	stack_free_pbufs(conn->stack, conn->rxq);
	conn->rxq = conn->rxq_last = NULL;
	conn->rxq_len = 0;
	conn_recved(conn, length);
}

static void receiver_ready(struct transfer *f, uint16_t events)
{
	struct world *w = f->world;
	struct world_burst *burst = &w->burst;

	must((events & CONN_EV_ERROR) == 0, "a receiver's connection failed");
	receive(f);
	if (burst->first_ns != 0 && burst->recovered_ns == 0 && f->received >= burst->end)
		burst->recovered_ns = w->now;
	if (events & CONN_EV_FIN) {
		must(f->received == f->bytes, "a FIN before the end");
		f->finished_ns = w->now;
	}
}

static struct transfer *flow_of_port(struct world *w, uint16_t sender_port)
{
	for (unsigned i = 0; i < w->flow_count; i++)
		if (w->flows[i].sender != NULL && w->flows[i].sender->local_port == sender_port)
			return &w->flows[i];
	die("a connection from nowhere");
	return NULL;
}

static void accept_all(struct world *w)
{
	struct conn *conn;

	while ((conn = conn_accept(w->listener)) != NULL) {
		struct transfer *f = flow_of_port(w, conn->remote_port);
		uint16_t news = conn->ready.events;
		f->receiver = conn;
		conn->ready.user = f;
		conn->ready.events = 0;
		receiver_ready(f, news);
	}
}

/* ---- One turn ---------------------------------------------------------------------------- */

static bool events(struct world *w, struct stack *st)
{
	struct ready *ready;
	bool any = false;

	for (; (ready = stack_next_ready(st)) != NULL; any = true) {
		struct transfer *f = ready->user;
		uint16_t news = ready->events;
		if (f != NULL || ready->kind == READY_LISTENER)
			ready->events = 0; /* else accept_all takes them */
		if (ready->kind == READY_LISTENER)
			accept_all(w);
		else if (f != NULL && ready == &f->sender->ready)
			sender_ready(f, news);
		else if (f != NULL)
			receiver_ready(f, news);
	}
	return any;
}

static bool turn(struct world *w, struct node *node)
{
	struct pbuf *pkts[PORT_BURST];

	stack_set_now(node->stack, w->now);
	unsigned n = port_rx_burst(node->port, 0, pkts, PORT_BURST);
	if (n > 0)
		stack_input(node->stack, node->nif, pkts, n);
	stack_run_timers(node->stack);
	stack_flush_output(node->stack);
	bool any = events(w, node->stack);
	stack_flush_output(node->stack);
	return n > 0 || any;
}

static void start_flow(struct world *w, struct transfer *f)
{
	struct conn_options options = {
		.no_delay = true, .congestion = w->congestion, .ecn = w->ecn};
	ip_addr_t to = IPADDR4_INIT_BYTES(10, 0, 0, 2);

	must(conn_connect(w->nodes[0].stack, IP_ANY_TYPE, 0, &to, LISTEN_PORT, &options,
		     &f->sender) == 0,
		"cannot connect");
	f->sender->ready.user = f;
	send_more(f);
}

static void run_applications(struct world *w)
{
	for (unsigned i = 0; i < w->flow_count; i++) {
		struct transfer *f = &w->flows[i];
		if (f->sender == NULL && f->start_ns <= w->now)
			start_flow(w, f);
		else if (f->sender != NULL && f->bytes_per_ms != 0)
			send_more(f);
	}
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t next_event(struct world *w, uint64_t end)
{
	uint64_t next = earlier(end, wire_next_due(w->wire));

	for (unsigned i = 0; i < 2; i++)
		next = earlier(next, stack_next_timer(w->nodes[i].stack));
	for (unsigned i = 0; i < w->flow_count; i++) {
		const struct transfer *f = &w->flows[i];
		if (f->sender == NULL)
			next = earlier(next, f->start_ns);
		else if (f->bytes_per_ms != 0 && f->queued < f->bytes)
			next = earlier(next, (w->now / NS_PER_MS + 1) * NS_PER_MS);
	}
	return next > w->now ? next : w->now + 1;
}

static bool all_finished(const struct world *w)
{
	for (unsigned i = 0; i < w->flow_count; i++)
		if (w->flows[i].finished_ns == 0)
			return false;
	return true;
}

static void run(struct world *w, uint64_t end, bool until_finished)
{
	while (w->now < end && !(until_finished && all_finished(w))) {
		run_applications(w);
		bool busy = turn(w, &w->nodes[0]);
		busy |= turn(w, &w->nodes[1]);
		if (busy)
			continue;
		w->now = next_event(w, end);
		wire_set_now(w->wire, w->now);
	}
}

void world_run(struct world *w, uint64_t ns)
{
	run(w, w->now + ns, false);
}

void world_run_until_finished(struct world *w, uint64_t ns)
{
	run(w, w->now + ns, true);
}

/* ---- What is seen on the wire ------------------------------------------------------------ */

static void note_delay(struct world *w)
{
	uint64_t delay = wire_backlog_ns(w->wire, 0), step = delay / DELAY_STEP_NS;

	w->delays[step < DELAY_STEPS ? step : DELAY_STEPS - 1]++;
	w->delay_sum_ns += delay;
	w->delay_count++;
}

static void lose(struct world *w, bool yes)
{
	struct wire_impairment impairment = w->forward;

	if (yes)
		impairment.loss_ppm = 1000000;
	wire_impair(w->wire, 0, &impairment);
}

/* Of a frame with payload up to `end`: is it one of the burst? */
static bool in_burst(struct world *w, uint64_t end)
{
	struct world_burst *burst = &w->burst;

	if (burst->after > 0) {
		burst->after--;
		return false;
	}
	if (burst->lost > 0) {
		if (burst->first_ns == 0)
			burst->first_ns = w->now;
		burst->end = end;
		burst->lost--;
		return true;
	}
	if (burst->again > 0 && end <= burst->end) {
		burst->again--;
		return true;
	}
	return false;
}

static void tap(void *user, unsigned from, uint64_t now, const uint8_t *frame, unsigned length)
{
	struct world *w = user;
	struct frame_layout layout;

	if (from != 0)
		return;
	frame_parse(frame, length, length, &layout);
	if (layout.l4_protocol != IPPROTO_TCP)
		return;
	const uint8_t *tcp = frame + layout.l2_len + layout.l3_len;
	uint32_t seq = be32_get(tcp + TCP_AT_SEQ);
	uint32_t payload = layout.ip_len - layout.l3_len - (tcp[TCP_AT_OFFSET] >> 4) * 4u;
	if (tcp[TCP_AT_FLAGS] & TH_SYN)
		w->first_seq = seq + 1;
	lose(w, payload > 0 && in_burst(w, (uint32_t)(seq + payload - w->first_seq)));
	if (payload > 0)
		note_delay(w);
}

void world_lose_burst(struct world *w, const struct world_burst *burst)
{
	w->burst = (struct world_burst){
		.after = burst->after, .lost = burst->lost, .again = burst->again};
}

const struct world_burst *world_burst(const struct world *w)
{
	return &w->burst;
}

void world_delay_reset(struct world *w)
{
	memset(w->delays, 0, sizeof(w->delays));
	w->delay_count = w->delay_sum_ns = 0;
}

struct world_delay world_delay(const struct world *w)
{
	struct world_delay delay = {0};
	uint64_t below = 0, step = 0;

	if (w->delay_count == 0)
		return delay;
	while (step < DELAY_STEPS && (below += w->delays[step]) * 100 < w->delay_count * 99)
		step++;
	delay.mean_ms = (double)w->delay_sum_ns / (double)w->delay_count / (double)NS_PER_MS;
	delay.p99_ms = (double)(step * DELAY_STEP_NS) / (double)NS_PER_MS;
	return delay;
}

struct stack_counters world_sender(const struct world *w)
{
	struct stack_counters counters;

	stack_get_counters(w->nodes[0].stack, &counters);
	return counters;
}

const struct wire_counters *world_wire(const struct world *w)
{
	return wire_counters(w->wire, 0);
}

/* ---- Opening and closing ----------------------------------------------------------------- */

static enum drop_reason output(void *device, const struct nif_frame *frame)
{
	return port_tx(device, 0, frame);
}

static const struct nif_ops ops = {.output = output};

static void open_node(struct world *w, unsigned index)
{
	struct node *node = &w->nodes[index];
	ip_addr_t address = IPADDR4_INIT_BYTES(10, 0, 0, index + 1);
	struct port_info info;

	node->port = wire_port(w->wire, index);
	port_get_info(node->port, &info);
	node->arena = malloc(ARENA_BYTES);
	must(node->arena != NULL, "no memory");
	struct stack_config config = {
		.arena = node->arena,
		.arena_size = ARENA_BYTES,
		.secret = {1, 2, 3, (uint8_t)index},
		.now_ns = w->now,
		.primary = true,
	};
	node->stack = stack_init(&config);
	must(node->stack != NULL, "the arena is too small");
	struct nif_config nif = {
		.ops = &ops,
		.device = node->port,
		.mtu = info.mtu,
		.tx_offloads = port_nif_offloads(info.offloads),
	};
	memcpy(nif.mac, info.mac, sizeof(nif.mac));
	node->nif = nif_add(node->stack, &nif);
	must(node->nif != NULL && nif_add_address(node->nif, &address, 24) == 0, "no interface");
	nif_set_link(node->nif, true);
}

/* One byte over an ideal cable, so that no flow begins with ARP. */
static void resolve(struct world *w)
{
	struct transfer *f = world_transfer(w, 0, 1);

	run(w, w->now + NS_PER_S, true);
	must(f->finished_ns != 0, "the ends do not find each other");
	conn_close(f->sender);
	conn_close(f->receiver);
	run(w, w->now + NS_PER_S, false);
	memset(f, 0, sizeof(*f));
	w->flow_count = 0;
}

struct world *world_open(const struct world_config *config)
{
	struct wire_config wire = {.seed = config->seed,
		.mtu = WORLD_MTU,
		.queues = 1,
		.pool = packets,
		.frames = FRAMES,
		.offloads = PORT_TX_IP_CHECKSUM | PORT_TX_TCP_CHECKSUM | PORT_TX_TSO |
			PORT_RX_IP_CHECKSUM | PORT_RX_L4_CHECKSUM};
	struct conn_options options = {.backlog = WORLD_FLOWS_MAX};
	struct world *w = calloc(1, sizeof(*w));
	struct fault fault = {.text = ""};

	must(w != NULL, "no memory");
	if (wire_create(&wire, &w->wire, &fault) != 0)
		die(fault.text);
	w->now = START_NS;
	wire_set_now(w->wire, w->now);
	for (unsigned i = 0; i < 2; i++)
		open_node(w, i);
	must(conn_listen(w->nodes[1].stack, IP_ANY_TYPE, LISTEN_PORT, &options, &w->listener) == 0,
		"cannot listen");
	resolve(w);
	w->congestion = config->congestion;
	w->ecn = config->ecn;
	w->forward = config->forward;
	wire_impair(w->wire, 0, &config->forward);
	wire_impair(w->wire, 1, &config->back);
	wire_tap(w->wire, tap, w);
	return w;
}

void world_close(struct world *w)
{
	for (unsigned i = 0; i < 2; i++) {
		stack_free(w->nodes[i].stack);
		free(w->nodes[i].arena);
	}
	wire_free(w->wire);
	free(w);
	must(pktpool_in_use(packets) == 0, "packet buffers are missing");
}

struct transfer *world_transfer(struct world *w, uint64_t delay_ns, uint64_t bytes)
{
	must(w->flow_count < WORLD_FLOWS_MAX, "too many flows");
	struct transfer *f = &w->flows[w->flow_count++];

	*f = (struct transfer){.world = w,
		.start_ns = w->now + delay_ns,
		.bytes = bytes != 0 ? bytes : UINT64_MAX};
	return f;
}
