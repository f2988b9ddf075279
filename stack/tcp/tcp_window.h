/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The receive window. Inline: every segment sent tells it.
 *
 * Called from tcp_output.c, tcp_time_wait.c and, when the application has read, tcp_recv.c.
 */
#ifndef RWS_TCP_WINDOW_H
#define RWS_TCP_WINDOW_H

#include "stack/tcp/tcp_internal.h"

/* Bytes that may be held while memory is short: tcp_recv.c. */
uint32_t tcp_short_buffer(const struct tcb *tcb);

/* Bytes that may come. */
static inline uint32_t tcp_receive_room(const struct tcb *tcb)
{
	uint32_t most = tcb->rcv_buf;
	if (__builtin_expect(tcb->conn.stack->pressure != 0, 0))
		most = tcp_short_buffer(tcb);
	return most > tcb->rcv_held ? most - tcb->rcv_held : 0;
}

/*
 * RFC 9293 3.8.6.2.2: the right edge moves by a full segment or half the buffer at least, so that
 * the peer is not asked for silly small segments; and never back (SHLD-14).
 */
static inline uint32_t tcp_receive_edge(const struct tcb *tcb)
{
	uint32_t edge = tcb->rcv_nxt + tcp_receive_room(tcb);
	uint32_t step = tcb->rcv_buf / 2 < tcb->rcv_mss ? tcb->rcv_buf / 2 : tcb->rcv_mss;
	return seq_diff(edge, tcb->rcv_adv) < (int32_t)step ? tcb->rcv_adv : edge;
}

static inline uint32_t tcp_window_up_to(const struct tcb *tcb, uint32_t edge)
{
	return seq_gt(edge, tcb->rcv_nxt) ? edge - tcb->rcv_nxt : 0;
}

/* Window that could be told, bytes: no further than the header can tell. */
static inline uint32_t tcp_receive_window(const struct tcb *tcb)
{
	uint32_t window = tcp_window_up_to(tcb, tcp_receive_edge(tcb));
	uint32_t most = (uint32_t)UINT16_MAX << tcb->rcv_scale;
	return window < most ? window : most;
}

/* The same as it goes into a header, which then moves rcv_adv. */
static inline uint16_t tcp_window_field(struct tcb *tcb)
{
	uint32_t told = tcb->rcv_adv, scale = tcb->rcv_scale;
	if (tcp_receive_edge(tcb) == told) /* as mostly; a header told it before */
		return (uint16_t)(tcp_window_up_to(tcb, told) >> scale);
	uint32_t field = tcp_receive_window(tcb) >> scale;
	tcb->rcv_adv = seq_max(told, tcb->rcv_nxt + (field << scale));
	return (uint16_t)field;
}

#endif
