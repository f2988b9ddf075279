/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection or listener on lwIP's TCP; the baseline of tests/bench/cost.c.
 *
 * Theory of operation
 * -------------------
 * A conn_tcp and lwIP's pcb point to each other (the pcb by its argument and by ext_args[0]) until
 * lwIP frees the pcb, whatever the reason: conn_tcp_pcb_gone, called from the pcb's destroy
 * callback, is the one place that parts them. Whoever comes last frees the conn_tcp: the socket above
 * (conn_close, conn_abort: `released`), or lwIP. So a connection in TIME_WAIT keeps its port and
 * its conn_tcp although nobody above knows of it any more.
 *
 * Accepted connections exist from the SYN on: as an embryo of their listener, then on its accept
 * queue, then, `listener` NULL, as the socket's.
 *
 * lwIP sends by reference to the bytes of tx_first... and gives a segment back when it is
 * acknowledged. tx_next is the first pbuf that lwIP does not have all of: it gets more as it
 * sends, so that its list of unsent segments, which it walks with every write, stays short.
 *
 * lwIP tells of no change of state, so every segment that arrives puts its connection on the
 * stack's output list; tcp_flush_output looks at those on it once a turn: gives lwIP what it
 * takes, sends, and sees whether our FIN went out or was acknowledged.
 */
#ifndef RWS_CONN_TCP_H
#define RWS_CONN_TCP_H

#include "lwip/tcp.h"
#include "stack/conn.h"
#include "stack/ip_input.h"
#include "stack/stack_internal.h"

struct conn_tcp;
TAILQ_HEAD(conn_list, conn_tcp);

/* What a stack has of it: st->tcp. */
struct tcp_stack {
	struct conn_list conns;   /* all, listeners too */
	struct conn_list output;  /* to look at in tcp_flush_output */
	unsigned output_count;    /* how many those are */
	struct conn_list orphans; /* closed above, not yet by the peer; by deadline */
	uint64_t trim_ms;         /* when TIME_WAIT is trimmed again */
	int abort_cause; /* of a connection that we make lwIP give up now, negative errno or 0 */
	struct ip_rx rx; /* stack.rx */
};

struct conn_tcp {
	struct conn conn;                   /* first member */
	TAILQ_ENTRY(conn_tcp) entry;        /* tcp->conns */
	TAILQ_ENTRY(conn_tcp) output_entry; /* tcp->output */
	TAILQ_ENTRY(conn_tcp) orphan_entry; /* tcp->orphans */
	TAILQ_ENTRY(conn_tcp) sibling;      /* listener->embryos or ->acceptable */
	struct tcp_pcb *pcb;                /* NULL: gone */
	struct conn_options options;        /* as given, defaults filled in */

	struct pbuf *tx_first, *tx_last; /* not acknowledged; each pbuf is owned by itself */
	struct pbuf *tx_next;            /* first that lwIP does not have all of */
	uint16_t tx_next_offset;         /* bytes of tx_next that it has */
	uint16_t tx_first_acked;         /* bytes of tx_first that the peer has */

	struct conn_tcp *listener; /* while not accepted */
	struct conn_list embryos, acceptable;
	unsigned children;        /* of a listener: those on both lists */
	uint64_t orphan_deadline; /* ns */
	int soft_error;           /* last ICMP error that did not end it (RFC 5461) */

	bool established; /* the handshake is complete */
	bool shutdown;    /* FIN after all that is queued */
	bool fin_queued;  /* lwIP has it */
	bool fin_sent, fin_acked;
	bool released; /* the socket above is done with it */
	bool in_output, is_orphan, holds_port;
};

/* conn_tcp.c: life and events */
struct conn_tcp *conn_tcp_new(
	struct stack *st, enum ready_kind kind, const struct conn_options *options);
void conn_tcp_attach(struct conn_tcp *c, struct tcp_pcb *pcb);
void conn_tcp_open(struct conn_tcp *c); /* the pcb's callbacks: it carries data now */
void conn_tcp_abandon(struct conn_tcp *c, bool reset); /* with all that it has; c is dead */
void conn_tcp_event(struct conn_tcp *c, uint16_t events);
void conn_tcp_free(struct conn_tcp *c);

/* conn_options.c */
void conn_options_fill(struct conn_options *options); /* defaults where nothing is given */
void conn_tcp_apply_options(struct conn_tcp *c);
void conn_tcp_apply_window(struct conn_tcp *c);

/* conn_listen.c */
void conn_listen_close(struct conn_tcp *listener);
void conn_listen_child_gone(struct conn_tcp *child);
err_t conn_listen_syn(u8_t id, struct tcp_pcb_listen *listener, struct tcp_pcb *pcb);

/* conn_send.c */
void conn_send_mark(struct conn_tcp *c); /* for stack_flush_output to look at */
void conn_send_unmark(struct conn_tcp *c);
void conn_send_acked(struct conn_tcp *c, uint32_t bytes);
void conn_send_check_fin(struct conn_tcp *c);
void conn_send_free(struct conn_tcp *c);

/* For tcp_on_lwip.c: once per turn; everything that is due; the end. */
void conn_tcp_flush(struct stack *st);
void conn_tcp_timers(struct stack *st);
uint64_t conn_tcp_next_timer(const struct stack *st);
void conn_tcp_free_all(struct stack *st);
void conn_tcp_icmp_error(
	struct stack *st, const struct flow *flow, uint32_t seq, int error, bool hard);

static inline struct conn_tcp *conn_tcp_of(struct conn *conn)
{
	return (struct conn_tcp *)conn;
}

#endif
