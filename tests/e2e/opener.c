/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Our end of a handshake in ways that stack/ has options for and the API has not: SYN cookies, TCP
 * Fast Open, ECN. Called from tests/e2e/syn_cookies.sh and fast_open.sh; calls stack/ through
 * tests/bench/lone_stack.h.
 *
 * usage: opener DEVICE ADDRESS serve PORT [OPTION...]
 *            sends back what comes; until SIGTERM
 *        opener DEVICE ADDRESS fetch SERVER PORT BYTES COUNT [OPTION...]
 *            COUNT connections, one after the other: sends so many bytes of the pattern of
 *            tests/e2e/peers/pattern.py, ends its direction, and expects them back, then the end
 *
 * Options: cookies, each SYN is answered with a cookie; fast_open; ecn, to offer it.
 *
 * Of each connection it prints what was settled, as tests/e2e/peers/opens.py does of its end:
 * "opened: wscale SEND RECEIVE ts sack ecn syn_data"; the last for data that a SYN carried and that
 * arrived. At its end it prints counters.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack/tcp/tcp_internal.h"
#include "tests/bench/lone_stack.h"
#include "tests/bench/realtime.h"

#define PATTERN        65521u
#define CHUNK          60000u
#define SEND_QUEUE_MAX (1u << 20) /* bytes handed to conn_send and not acknowledged */

/* A connection. Of a server's, what was received is what is to be sent. */
struct end {
	struct conn *conn;
	uint64_t queued, acked, received;
	bool shut, told;
};

struct program {
	struct lone_stack lone; /* first member */
	struct conn_options options;
	struct conn *listener; /* NULL: fetches */
	ip_addr_t server;
	uint16_t port;
	uint64_t bytes;
	struct end *fetching; /* NULL: none */
};

static uint8_t pattern[PATTERN];
static uint32_t least(uint64_t a, uint64_t b)
{
	return (uint32_t)(a < b ? a : b);
}

/* ---- Connections ------------------------------------------------------------------------- */

static void tell(struct end *e, bool syn_data)
{
	const struct tcb *tcb = (const struct tcb *)e->conn;

	printf("opened: wscale %u %u%s%s%s%s\n", tcb->snd_scale, tcb->rcv_scale,
		tcb->flags & TCB_TS ? " ts" : "", tcb->flags & TCB_SACK ? " sack" : "",
		tcb->flags & TCB_ECN ? " ecn" : "", syn_data ? " syn_data" : "");
	fflush(stdout);
	e->told = true;
}

static void shut(struct end *e)
{
	if (!e->shut)
		conn_shutdown(e->conn);
	e->shut = true;
}

static void send_pattern(struct program *p, struct end *e)
{
	while (e->queued < p->bytes && e->queued - e->acked < SEND_QUEUE_MAX) {
		uint32_t at = (uint32_t)(e->queued % PATTERN);
		uint32_t length = least(p->bytes - e->queued, least(PATTERN - at, CHUNK));
		conn_send(e->conn, lone_stack_chunk(&p->lone, pattern + at, length));
		e->queued += length;
	}
	if (e->queued == p->bytes)
		shut(e);
}

static void compare(struct program *p, struct end *e, const struct pbuf *chain)
{
	for (; chain != NULL; chain = chain->next)
		for (uint32_t i = 0; i < chain->len; i++, e->received++)
			if (((const uint8_t *)chain->payload)[i] != pattern[e->received % PATTERN])
				lone_stack_die(&p->lone, "another byte came back");
}

static struct pbuf *take_received(struct conn *conn, uint32_t *length)
{
	struct pbuf *chain = conn->rxq;

	*length = conn->rxq_len;
	conn->rxq = conn->rxq_last = NULL;
	conn->rxq_len = 0;
	return chain;
}

/* The window opens as the bytes leave again. */
static void echo(struct end *e, uint32_t acked)
{
	uint32_t length;
	struct pbuf *chain = take_received(e->conn, &length);

	if (chain != NULL)
		conn_send(e->conn, chain);
	conn_recved(e->conn, acked);
}

static void fetch(struct program *p, struct end *e)
{
	uint32_t length;
	struct pbuf *chain = take_received(e->conn, &length);

	compare(p, e, chain);
	stack_free_pbufs(p->lone.stack, chain);
	conn_recved(e->conn, length);
	send_pattern(p, e);
}

static void close_end(struct program *p, struct end *e)
{
	conn_close(e->conn);
	if (p->fetching == e)
		p->fetching = NULL;
	free(e);
}

static void news(struct lone_stack *lone, void *user, uint16_t events)
{
	struct program *p = (struct program *)lone;
	struct end *e = user;
	struct conn *conn = e->conn;
	uint32_t acked = conn->acked;

	if (events & CONN_EV_ERROR)
		lone_stack_die(&p->lone, strerror(-conn->ready.error));
	if (events & CONN_EV_CONNECTED)
		tell(e, acked > 0);
	conn->acked = 0;
	e->acked += acked;
	if (p->listener != NULL)
		echo(e, acked);
	else
		fetch(p, e);
	if ((events & CONN_EV_FIN) == 0)
		return;
	if (p->listener == NULL && e->received != p->bytes)
		lone_stack_die(&p->lone, "not all came back");
	shut(e);
	close_end(p, e);
}

static struct end *new_end(struct program *p, struct conn *conn)
{
	struct end *e = calloc(1, sizeof(*e));

	if (e == NULL)
		lone_stack_die(&p->lone, "no memory");
	e->conn = conn;
	conn->ready.user = e;
	return e;
}

static void accept_one(struct lone_stack *lone, struct conn *listener, struct conn *conn)
{
	struct end *e = new_end((struct program *)lone, conn);

	tell(e, tcp_is_fast_open_server(tcb_of(conn)) && conn->rxq_len > 0);
}

/* ---- What is asked for ------------------------------------------------------------------- */

static void serve(struct program *p)
{
	if (conn_listen(p->lone.stack, IP_ANY_TYPE, p->port, &p->options, &p->listener) != 0)
		lone_stack_die(&p->lone, "cannot listen");
	puts("opener: ready");
	fflush(stdout);
	while (!realtime_ended)
		lone_stack_turn(&p->lone);
}

static void fetch_all(struct program *p, unsigned count)
{
	struct conn *conn;

	for (; count > 0 && !realtime_ended; count--) {
		if (conn_connect(p->lone.stack, IP_ANY_TYPE, 0, &p->server, p->port, &p->options,
			    &conn) != 0)
			lone_stack_die(&p->lone, "cannot connect");
		p->fetching = new_end(p, conn);
		send_pattern(p, p->fetching); /* what Fast Open takes along */
		while (p->fetching != NULL && !realtime_ended)
			lone_stack_turn(&p->lone);
	}
}

static void print_counters(struct program *p)
{
	const struct drop_counters *drops = stack_drops(p->lone.stack);
	struct stack_counters c;

	stack_get_counters(p->lone.stack, &c);
	printf("tcp.syn_cookies_sent %llu\n", (unsigned long long)c.tcp_syn_cookies_sent);
	printf("tcp.syn_cookies_accepted %llu\n", (unsigned long long)c.tcp_syn_cookies_accepted);
	printf("tcp.retransmits %llu\n", (unsigned long long)c.tcp_retransmits);
	for (unsigned i = 1; i < DROP_REASON_COUNT; i++) {
		printf("drop.");
		for (const char *at = drop_reason_name((enum drop_reason)i); *at != '\0'; at++)
			putchar(tolower(*at));
		printf(" %llu %s\n", (unsigned long long)drops->count[i],
			drop_reason_text((enum drop_reason)i));
	}
}

/* The arguments behind the fixed ones. Returns enum stack_syn_cookies. */
static uint8_t take_options(struct program *p, char **words)
{
	uint8_t cookies = STACK_SYN_COOKIES_AUTO;

	for (; *words != NULL; words++) {
		if (strcmp(*words, "cookies") == 0)
			cookies = STACK_SYN_COOKIES_ALWAYS;
		else if (strcmp(*words, "fast_open") == 0)
			p->options.fast_open = true;
		else if (strcmp(*words, "ecn") == 0)
			p->options.ecn = true;
		else
			lone_stack_die(&p->lone, "options are cookies, fast_open, ecn");
	}
	return cookies;
}

int main(int argc, char **argv)
{
	struct program p = {.lone = {.program = "opener", .accept = accept_one, .news = news},
		.options = {.backlog = 64, .no_delay = true}};
	bool serves = argc >= 5 && strcmp(argv[3], "serve") == 0;

	if (!serves && (argc < 8 || strcmp(argv[3], "fetch") != 0))
		lone_stack_die(
			&p.lone, "DEVICE ADDRESS serve PORT, or fetch SERVER PORT BYTES COUNT");
	for (uint32_t i = 0; i < PATTERN; i++)
		pattern[i] = (uint8_t)(i * 2654435761u >> 24);
	realtime_begin();
	lone_stack_open(&p.lone, argv[1], argv[2], take_options(&p, argv + (serves ? 5 : 8)));
	if (serves) {
		p.port = (uint16_t)strtoul(argv[4], NULL, 10);
		serve(&p);
	} else {
		if (!ipaddr_aton(argv[4], &p.server))
			lone_stack_die(&p.lone, "no such server address");
		p.port = (uint16_t)strtoul(argv[5], NULL, 10);
		p.bytes = strtoull(argv[6], NULL, 10);
		fetch_all(&p, (unsigned)strtoul(argv[7], NULL, 10));
	}
	print_counters(&p);
	lone_stack_close(&p.lone);
	return 0;
}
