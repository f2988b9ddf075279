/* SPDX-License-Identifier: BSD-3-Clause */
/* The send side of a connection: bytes by reference into lwIP's TCP, and our FIN. */
#include "tests/bench/lwip_tcp/conn_tcp.h"

#include "lwip/priv/tcp_priv.h"

/* What lwIP has and did not send: enough for a burst, little enough to walk. */
#define UNSENT_MAX (128u * 1024u)

void conn_send_mark(struct conn_tcp *c)
{
	struct stack *st = c->conn.stack;
	if (c->in_output)
		return;
	c->in_output = true;
	st->tcp->output_count++;
	TAILQ_INSERT_TAIL(&st->tcp->output, c, output_entry);
}

void conn_send_unmark(struct conn_tcp *c)
{
	struct stack *st = c->conn.stack;
	if (!c->in_output)
		return;
	c->in_output = false;
	st->tcp->output_count--;
	TAILQ_REMOVE(&st->tcp->output, c, output_entry);
}

/* The queue: a list of single pbufs, linked by next. */

static void enqueue(struct conn_tcp *c, struct pbuf *chain)
{
	struct pbuf *p;
	while ((p = stack_take_pbuf(&chain)) != NULL) {
		if (c->tx_first == NULL)
			c->tx_first = p;
		else
			c->tx_last->next = p;
		c->tx_last = p;
		if (c->tx_next == NULL)
			c->tx_next = p;
	}
}

static struct pbuf *dequeue(struct conn_tcp *c)
{
	struct pbuf *p = c->tx_first;
	c->tx_first = p->next;
	if (c->tx_first == NULL)
		c->tx_last = NULL;
	p->next = NULL;
	return p;
}

void conn_send_free(struct conn_tcp *c)
{
	while (c->tx_first != NULL)
		pbuf_free(dequeue(c));
	c->tx_next = NULL;
	c->tx_next_offset = c->tx_first_acked = 0;
}

void conn_send(struct conn *conn, struct pbuf *chain)
{
	struct conn_tcp *c = conn_tcp_of(conn);
	stack_enter(conn->stack);
	if (c->pcb == NULL || c->shutdown) {
		pbuf_free(chain);
		return;
	}
	enqueue(c, chain);
	conn_send_mark(c);
}

void conn_send_acked(struct conn_tcp *c, uint32_t bytes)
{
	c->conn.acked += bytes;
	while (bytes > 0 && c->tx_first != NULL) {
		uint32_t left = c->tx_first->len - c->tx_first_acked;
		if (bytes < left) {
			c->tx_first_acked = (uint16_t)(c->tx_first_acked + bytes);
			break;
		}
		bytes -= left;
		c->tx_first_acked = 0;
		pbuf_free(dequeue(c));
	}
	conn_tcp_event(c, CONN_EV_SPACE);
}

/* Into lwIP */

static bool may_write(const struct tcp_pcb *pcb)
{
	return pcb->state == ESTABLISHED || pcb->state == CLOSE_WAIT;
}

/* How many bytes of tx_next lwIP gets now. */
static uint16_t write_size(const struct conn_tcp *c)
{
	uint32_t unsent = c->pcb->snd_lbb - c->pcb->snd_nxt;
	uint32_t size = (uint32_t)(c->tx_next->len - c->tx_next_offset);
	if (unsent >= UNSENT_MAX)
		return 0;
	return (uint16_t)(size < tcp_sndbuf(c->pcb) ? size : tcp_sndbuf(c->pcb));
}

/* One piece of the queue; false when lwIP takes no more now. */
static bool write_some(struct conn_tcp *c)
{
	struct pbuf *p = c->tx_next;
	uint16_t size = write_size(c);
	if (size == 0)
		return false;
	bool more = p->next != NULL || c->tx_next_offset + size < p->len;
	const uint8_t *bytes = (const uint8_t *)p->payload + c->tx_next_offset;
	if (tcp_write(c->pcb, bytes, size, more ? TCP_WRITE_FLAG_MORE : 0) != ERR_OK)
		return false;
	c->tx_next_offset = (uint16_t)(c->tx_next_offset + size);
	if (c->tx_next_offset == p->len) {
		c->tx_next = p->next;
		c->tx_next_offset = 0;
	}
	return true;
}

/* FIN behind all that is queued. lwIP tries again by itself when it finds no memory for it. */
static void write_fin(struct conn_tcp *c)
{
	if (c->shutdown && c->tx_next == NULL && !c->fin_queued)
		c->fin_queued = tcp_shutdown(c->pcb, 0, 1) == ERR_OK;
}

static bool fin_acked(const struct tcp_pcb *pcb)
{
	return pcb->state == FIN_WAIT_2 || pcb->state == TIME_WAIT;
}

void conn_send_check_fin(struct conn_tcp *c)
{
	if (!c->fin_queued)
		return;
	bool sent = c->pcb->unsent == NULL && (c->pcb->flags & TF_CLOSEPEND) == 0;
	if (sent && !c->fin_sent) {
		c->fin_sent = true;
		conn_tcp_event(c, CONN_EV_SENT);
	}
	if (fin_acked(c->pcb) && !c->fin_acked) {
		c->fin_acked = true;
		conn_tcp_event(c, CONN_EV_FIN_ACKED);
	}
}

static void flush(struct conn_tcp *c)
{
	if (may_write(c->pcb)) {
		while (c->tx_next != NULL && write_some(c))
			;
		write_fin(c);
	}
	tcp_output(c->pcb);
	conn_send_check_fin(c);
	/* The device had no room: next turn again. */
	if (c->pcb->flags & TF_NAGLEMEMERR)
		conn_send_mark(c);
}

void conn_tcp_flush(struct stack *st)
{
	for (unsigned n = st->tcp->output_count; n > 0 && !TAILQ_EMPTY(&st->tcp->output); n--) {
		struct conn_tcp *c = TAILQ_FIRST(&st->tcp->output);
		conn_send_unmark(c);
		flush(c);
	}
}
