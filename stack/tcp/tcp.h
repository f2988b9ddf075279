/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP (RFC 9293) as the rest of stack/ sees it. What a socket sees is stack/conn.h.
 *
 * Called from stack/stack.c, stack/ip_input.c, stack/lwip/. Calls ip_output and dst.
 *
 * Theory of operation
 * -------------------
 * A connection is a struct tcb, found by a keyed hash of its addresses and ports in one flow table
 * that also holds what is not yet one (the SYN cache) and what is no longer one (TIME_WAIT). The
 * segments of a burst are parsed first (tcp_input), so that the table's lines are on their way
 * before they are needed, and processed together (tcp_input_flush), in-order neighbours of one
 * connection as one. Nothing is sent from within: a connection with something to say goes on the
 * output list, which tcp_flush_output works off once a turn.
 *
 * Each connection has one entry in the timing wheel, for the earliest of its timers.
 */
#ifndef RWS_TCP_H
#define RWS_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flow;
struct ip_rx;
struct stack;

bool tcp_stack_init(struct stack *st);
/* Resets every connection and frees all that TCP has. */
void tcp_stack_free(struct stack *st);

/*
 * Takes the received segment that st->rx describes, from its TCP header on; owns st->rx->p.
 * Processed by tcp_input_flush. st->rx is where to describe the next one.
 */
void tcp_input(struct stack *st);
void tcp_input_flush(struct stack *st);
/* Both in one, of the only segment of a burst. */
void tcp_input_alone(struct stack *st);

void tcp_run_timers(struct stack *st);
/* Earliest time, ms, at which tcp_run_timers may have something to do; UINT64_MAX: never. */
uint64_t tcp_next_timer(const struct stack *st);

void tcp_flush_output(struct stack *st);

/* An ICMP error that quotes a segment of ours with that sequence number (RFC 5927, RFC 5461). */
void tcp_icmp_error(struct stack *st, const struct flow *flow, uint32_t seq, int error, bool hard);
/* Packet too big: mtu is what the next hop takes, bytes of IP packet (RFC 1191, RFC 8201). */
void tcp_icmp_mtu(struct stack *st, const struct flow *flow, uint32_t seq, uint16_t mtu);

#endif
