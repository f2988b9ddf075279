/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of opening and ending a connection say to each other, and to nobody else. */
#ifndef RWS_TCP_HANDSHAKE_H
#define RWS_TCP_HANDSHAKE_H

#include "stack/tcp/tcp_internal.h"

#define TCP_TTL_DEFAULT 64u /* of what no socket set options for */

/* Negotiated by a SYN and its answer; the bits of tcb.flags that fit into a byte. */
#define TCP_NEGOTIATED (TCB_TS | TCB_SACK | TCB_WSCALE | TCB_ECN)

#define EMBRYO_COOKIE 0x80u /* the SYN-ACK brings a Fast Open cookie (RFC 7413 4.1.2) */

/* What a SYN said, and what we answer: all that is kept of a half-open connection. */
struct tcp_embryo {
	uint32_t irs, iss;
	uint32_t ts_recent; /* with TCB_TS: the latest TSval of the peer */
	uint16_t peer_mss;  /* 0: the SYN had no such option */
	uint8_t snd_scale;
	uint8_t flags; /* of TCP_NEGOTIATED; EMBRYO_COOKIE */
};

/* Gives the payload back; for returning the reason in one go. */
enum drop_reason tcp_refuse(struct tcp_seg *seg, enum drop_reason reason);

/* tcp_reply.c */
bool tcp_is_unicast(const struct stack *st, const ip_addr_t *address);

/* tcp_listen.c */
struct tcp_listener *tcp_listener_find(const struct stack *st, const struct tcp_seg *seg);
/*
 * RFC 9293 3.10.7.2 (3rd). after: NULL, or, while there is room, the sequence number that the last
 * connection between these ends reached, and that the new one must begin beyond. Owns seg->rx.p.
 */
enum drop_reason tcp_listener_syn(
	struct tcp_listener *listener, struct tcp_seg *seg, const uint32_t *after);
bool tcp_listener_full(const struct tcp_listener *listener);
/* What the options and flags of a SYN offer, of TCP_NEGOTIATED. */
uint8_t tcp_syn_offers(const struct tcp_seg *seg);
/* Whether it takes a SYN, and keeps what that said. */
bool tcp_listener_has_room(const struct tcp_listener *listener);
/* The handshake as a tcb takes it, from the embryo and the segment that completes it. */
void tcp_handshake_fill(struct tcp_handshake *hs, const struct tcp_listener *listener,
	const struct tcp_embryo *embryo, const struct tcp_seg *seg);
/*
 * The handshake is complete: makes the connection, in place of the given one in the flow table
 * if that is not NULL, and processes the segment. Owns seg->rx.p. *made: whether there is one now.
 */
enum drop_reason tcp_listener_complete(struct tcp_listener *listener,
	const struct tcp_handshake *hs, void *in_place_of, struct tcp_seg *seg, bool *made);
/* SYN-ACK of what is no tcb. */
enum drop_reason tcp_syn_ack_send(struct tcp_listener *listener, const struct tcp_seg *seg,
	const struct tcp_embryo *embryo, uint32_t ts_val);

/* tcp_syn_cache.c */
bool tcp_syn_cache_has_room(const struct stack *st);
enum drop_reason tcp_syn_cache_add(
	struct tcp_listener *listener, const struct tcp_seg *seg, const struct tcp_embryo *embryo);
/*
 * A cookie came back, and the accept queue is full: what it says is kept from now on, if there is
 * room, as if it had been all along. The next SYN-ACK makes the peer say it again. Why the segment
 * is dropped.
 */
enum drop_reason tcp_syn_cache_hold(
	struct tcp_listener *listener, const struct tcp_seg *seg, const struct tcp_embryo *embryo);
/* The listener closes: RST to all that wait for it. */
void tcp_syn_cache_drop(struct tcp_listener *listener);

/* tcp_connect.c: SYN or SYN-ACK of a tcb; with the next flush if it does not leave now. */
void tcp_syn_send(struct tcb *tcb);

/* tcp_fast_open.c: server */
#define TCP_FAST_OPEN_COOKIE 8u /* bytes of our cookies */
void tcp_fast_open_cookie(
	const struct stack *st, const ip_addr_t *remote, uint8_t cookie[TCP_FAST_OPEN_COOKIE]);
/* Whether a SYN brings the right cookie, and one more may be half open. */
bool tcp_fast_open_accepts(const struct stack *st, const struct tcp_seg *seg);
/* Back to SYN_RCVD: what was established on a cookie alone. */
void tcp_fast_open_pend(struct tcb *tcb);

/* tcp_fast_open.c: client */
/* Whether the SYN waits for what conn_send brings before the next flush. */
bool tcp_fast_open_start(struct tcb *tcb);
/* The cookie and the MSS of a SYN-ACK. */
void tcp_fast_open_learn(struct tcb *tcb, const struct tcp_seg *seg);
/* A SYN was not answered in time. */
void tcp_fast_open_timeout(struct tcb *tcb);
/* Just established: the SYN-ACK acknowledged so many bytes that the SYN carried. */
void tcp_fast_open_acked(struct tcb *tcb, uint32_t bytes);

/* tcp_cookie.c */
enum drop_reason tcp_cookie_answer(
	struct tcp_listener *listener, const struct tcp_seg *seg, struct tcp_embryo *embryo);
/* An ACK that may bring a cookie back. Owns seg->rx.p. */
enum drop_reason tcp_cookie_ack(struct tcp_listener *listener, struct tcp_seg *seg);
/* Whether cookies were sent for it so recently that one may come back. */
bool tcp_cookie_expected(const struct tcp_listener *listener);

static inline void *tcp_tagged(void *entry, enum tcp_flow_kind kind)
{
	return (uint8_t *)entry + kind;
}

#endif
