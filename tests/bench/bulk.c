/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bulk transfer with our TCP on a device, for tests/bench/compare_linux: port 5001 sends without
 * end to whoever connects, port 5002 takes what comes and says at its end how much.
 *
 *   bulk DEVICE ADDRESS CONTROL   as in: bulk net_af_packet0,iface=veth1 10.77.0.2 cubic
 *
 * The congestion control is an option of stack/ alone. Runs until SIGTERM, then prints counters.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack/tcp/tcp_cc.h"
#include "tests/bench/lone_stack.h"
#include "tests/bench/realtime.h"

#define SOURCE_PORT    5001
#define SINK_PORT      5002
#define SEND_QUEUE_MAX (8u << 20) /* bytes handed to conn_send and not acknowledged */
#define CHUNK          60000u

/* A connection that was accepted. */
struct bulk {
	struct conn *conn;
	bool source;
	uint64_t queued, acked, received, since_ns;
};

struct program {
	struct lone_stack lone;     /* first member */
	struct conn *source, *sink; /* listeners */
};

static uint8_t bytes[CHUNK];

/* ---- Connections ------------------------------------------------------------------------- */

static void send_more(struct program *p, struct bulk *b)
{
	while (b->queued - b->acked < SEND_QUEUE_MAX) {
		conn_send(b->conn, lone_stack_chunk(&p->lone, bytes, CHUNK));
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
			(unsigned long long)(p->lone.now - b->since_ns));
	fflush(stdout);
	if (b->source)
		conn_abort(b->conn); /* what is queued is of no use any more */
	else
		conn_close(b->conn);
	free(b);
}

static void news(struct lone_stack *lone, void *user, uint16_t events)
{
	struct program *p = (struct program *)lone;
	struct bulk *b = user;

	receive(b);
	b->acked += b->conn->acked;
	b->conn->acked = 0;
	if (events & (CONN_EV_FIN | CONN_EV_ERROR))
		finish(p, b);
	else if (b->source)
		send_more(p, b);
}

static void accept_one(struct lone_stack *lone, struct conn *listener, struct conn *conn)
{
	bool source = listener == ((struct program *)lone)->source;
	struct bulk *b = calloc(1, sizeof(*b));

	if (b == NULL)
		lone_stack_die(lone, "no memory");
	*b = (struct bulk){.conn = conn, .source = source, .since_ns = lone->now};
	conn->ready.user = b;
}

static void print_counters(struct program *p)
{
	struct stack_counters c;

	stack_get_counters(p->lone.stack, &c);
	printf("retransmits %llu rtos %llu tlps %llu undone %llu\n",
		(unsigned long long)c.tcp_retransmits, (unsigned long long)c.tcp_rtos,
		(unsigned long long)c.tcp_tlps, (unsigned long long)c.tcp_spurious_undone);
}

/* ---- Set-up ------------------------------------------------------------------------------ */

static struct conn *listen_on(struct program *p, uint16_t port, enum tcp_cc_kind control)
{
	struct conn_options options = {.backlog = 16, .no_delay = true, .congestion = control};
	struct conn *listener = NULL;

	if (conn_listen(p->lone.stack, IP_ANY_TYPE, port, &options, &listener) != 0)
		lone_stack_die(&p->lone, "cannot listen");
	return listener;
}

int main(int argc, char **argv)
{
	struct program p = {.lone = {.program = "bulk", .accept = accept_one, .news = news}};
	enum tcp_cc_kind control = argc == 4 ? tcp_cc_by_name(argv[3]) : TCP_CC_COUNT;

	if (control == TCP_CC_COUNT) {
		fprintf(stderr, "usage: bulk DEVICE ADDRESS cubic|newreno|bbr\n");
		return 2;
	}
	realtime_begin();
	lone_stack_open(&p.lone, argv[1], argv[2], STACK_SYN_COOKIES_AUTO);
	p.source = listen_on(&p, SOURCE_PORT, control);
	p.sink = listen_on(&p, SINK_PORT, control);
	realtime_be_prompt(5); /* as the kernel's TCP is; it naps, and so keeps no CPU */
	realtime_say_ready();
	while (!realtime_ended)
		lone_stack_turn(&p.lone);
	print_counters(&p);
	lone_stack_close(&p.lone);
	return 0;
}
