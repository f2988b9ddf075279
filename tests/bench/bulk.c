/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bulk transfer with our TCP on a device, for tests/bench/compare_linux: port 5001 sends without
 * end to whoever connects, port 5002 takes what comes and says at its end how much.
 *
 *   bulk DEVICE ADDRESS CONTROL   as in: bulk net_af_packet0,iface=veth1 10.77.0.2 cubic
 *
 * Calls stack/ and driver/ directly: the congestion control is an option of theirs. One thread that
 * naps when there is nothing to do. Runs until SIGTERM, then prints the stack's counters.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <time.h>

#include "driver/eal.h"
#include "driver/pktbuf.h"
#include "driver/port.h"
#include "stack/conn.h"
#include "stack/tcp/tcp_cc.h"

#define SOURCE_PORT    5001
#define SINK_PORT      5002
#define MEMORY_MB      128u
#define PACKETS        16384u
#define ARENA_BYTES    ((size_t)64 << 20)
#define SEND_QUEUE_MAX (8u << 20) /* bytes handed to conn_send and not acknowledged */
#define CHUNK          60000u
#define NAP_NS         50000L
#define NS_PER_S       1000000000ULL

/* A connection that was accepted. */
struct bulk {
	struct conn *conn;
	bool source;
	uint64_t queued, acked, received, since_ns;
};

struct program {
	struct pktpool *pool;
	struct port *port;
	struct stack *stack;
	struct nif *nif;
	struct conn *source, *sink; /* listeners */
	uint64_t now;
};

static uint8_t bytes[CHUNK];
static volatile sig_atomic_t ended;

static void die(const char *what)
{
	fprintf(stderr, "bulk: %s\n", what);
	exit(1);
}

static void end(int signal_number)
{
	ended = 1;
}

static uint64_t clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* ---- Connections ------------------------------------------------------------------------- */

static void chunk_free(struct pbuf *p)
{
	free(p); /* the bytes are everybody's */
}

static void send_more(struct bulk *b)
{
	while (b->queued - b->acked < SEND_QUEUE_MAX) {
		struct pbuf_custom *custom = calloc(1, sizeof(*custom));
		if (custom == NULL)
			die("no memory");
		custom->custom_free_function = chunk_free;
		conn_send(b->conn,
			pbuf_alloced_custom(PBUF_RAW, CHUNK, PBUF_REF, custom, bytes, CHUNK));
		b->queued += CHUNK;
	}
}

static void receive(struct bulk *b)
{
	struct conn *conn = b->conn;
	uint32_t length = conn->rxq_len;

	stack_free_pbufs(conn->stack, conn->rxq);
	conn->rxq = conn->rxq_last = NULL;
	conn->rxq_len = 0;
	b->received += length;
	conn_recved(conn, length);
}

static void finish(struct program *p, struct bulk *b)
{
	if (!b->source)
		printf("received %llu bytes in %llu ns\n", (unsigned long long)b->received,
			(unsigned long long)(p->now - b->since_ns));
	fflush(stdout);
	if (b->source)
		conn_abort(b->conn); /* what is queued is of no use any more */
	else
		conn_close(b->conn);
	free(b);
}

static void news(struct program *p, struct bulk *b, uint16_t events)
{
	receive(b);
	b->acked += b->conn->acked;
	b->conn->acked = 0;
	if (events & (CONN_EV_FIN | CONN_EV_ERROR))
		finish(p, b);
	else if (b->source)
		send_more(b);
}

static void accept_all(struct program *p, struct conn *listener)
{
	struct conn *conn;

	while ((conn = conn_accept(listener)) != NULL) {
		struct bulk *b = calloc(1, sizeof(*b));
		uint16_t events = conn->ready.events;
		if (b == NULL)
			die("no memory");
		*b = (struct bulk){
			.conn = conn, .source = listener == p->source, .since_ns = p->now};
		conn->ready.user = b;
		conn->ready.events = 0;
		news(p, b, events);
	}
}

/* ---- The loop ---------------------------------------------------------------------------- */

static void take_events(struct program *p)
{
	struct ready *ready;

	while ((ready = stack_next_ready(p->stack)) != NULL) {
		uint16_t events = ready->events;
		if (ready->kind == READY_LISTENER) {
			ready->events = 0;
			accept_all(p, (struct conn *)ready);
		} else if (ready->user != NULL) { /* else accept_all takes them */
			ready->events = 0;
			news(p, ready->user, events);
		}
	}
}

static void turn(struct program *p)
{
	struct pbuf *pkts[PORT_BURST];
	struct timespec nap = {.tv_nsec = NAP_NS};

	p->now = clock_now();
	stack_set_now(p->stack, p->now);
	unsigned n = port_rx_burst(p->port, 0, pkts, PORT_BURST);
	if (n > 0)
		stack_input(p->stack, p->nif, pkts, n);
	stack_run_timers(p->stack);
	stack_flush_output(p->stack);
	take_events(p);
	stack_flush_output(p->stack);
	if (port_tx_flush(p->port, 0) == 0 && n == 0)
		nanosleep(&nap, NULL);
}

static void print_counters(struct program *p)
{
	struct stack_counters c;

	stack_get_counters(p->stack, &c);
	printf("retransmits %llu rtos %llu tlps %llu undone %llu\n",
		(unsigned long long)c.tcp_retransmits, (unsigned long long)c.tcp_rtos,
		(unsigned long long)c.tcp_tlps, (unsigned long long)c.tcp_spurious_undone);
}

/* ---- Set-up ------------------------------------------------------------------------------ */

static void open_device(struct program *p, const char *device)
{
	struct fault fault = {.text = ""};
	struct eal_config eal = {.devices = &device, .device_count = 1, .memory_mb = MEMORY_MB};
	struct pktpool_config pool = {.name = "bulk", .count = PACKETS, .numa_node = -1};

	if (eal_start(&eal, &fault) != 0 || pktpool_create(&pool, &p->pool, &fault) != 0)
		die(fault.text);
	struct port_config port = {.device = device, .queues = 1, .pools = &p->pool};
	if (port_open(&port, &p->port, &fault) != 0)
		die(fault.text);
}

static enum drop_reason output(void *device, const struct nif_frame *frame)
{
	return port_tx(device, 0, frame);
}

static const struct nif_ops ops = {.output = output};

static void open_stack(struct program *p, const char *address)
{
	ip_addr_t ip = IPADDR4_INIT(inet_addr(address));
	struct stack_config config = {.arena = malloc(ARENA_BYTES),
		.arena_size = ARENA_BYTES,
		.now_ns = clock_now(),
		.primary = true};
	struct port_info info;

	if (config.arena == NULL ||
		getrandom(config.secret, sizeof(config.secret), 0) != sizeof(config.secret))
		die("no memory, or no randomness");
	p->stack = stack_init(&config);
	port_get_info(p->port, &info);
	struct nif_config nif = {.ops = &ops,
		.device = p->port,
		.mtu = info.mtu,
		.tx_offloads = port_nif_offloads(info.offloads)};
	memcpy(nif.mac, info.mac, sizeof(nif.mac));
	if (p->stack == NULL || (p->nif = nif_add(p->stack, &nif)) == NULL ||
		nif_add_address(p->nif, &ip, 24) != 0)
		die("no interface");
	nif_set_link(p->nif, true);
}

/* As the kernel's TCP, it does not wait for a CPU; nor keep one, as it naps. */
static void be_prompt(void)
{
	struct sched_param priority = {.sched_priority = 5};

	prctl(PR_SET_TIMERSLACK, 1UL);
	if (sched_setscheduler(0, SCHED_FIFO, &priority) != 0)
		fprintf(stderr, "bulk: no real-time priority: %s\n", strerror(errno));
}

static struct conn *listen_on(struct program *p, uint16_t port, enum tcp_cc_kind control)
{
	struct conn_options options = {.backlog = 16, .no_delay = true, .congestion = control};
	struct conn *listener = NULL;

	if (conn_listen(p->stack, IP_ANY_TYPE, port, &options, &listener) != 0)
		die("cannot listen");
	return listener;
}

int main(int argc, char **argv)
{
	struct program p = {0};
	enum tcp_cc_kind control = argc == 4 ? tcp_cc_by_name(argv[3]) : TCP_CC_COUNT;

	if (control == TCP_CC_COUNT) {
		fprintf(stderr, "usage: bulk DEVICE ADDRESS cubic|newreno|bbr\n");
		return 2;
	}
	signal(SIGTERM, end);
	open_device(&p, argv[1]);
	open_stack(&p, argv[2]);
	p.source = listen_on(&p, SOURCE_PORT, control);
	p.sink = listen_on(&p, SINK_PORT, control);
	be_prompt();
	puts("bulk: ready");
	fflush(stdout);
	while (!ended)
		turn(&p);
	print_counters(&p);
	stack_free(p.stack);
	port_close(p.port);
	eal_stop();
	return 0;
}
