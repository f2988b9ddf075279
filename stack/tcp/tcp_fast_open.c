/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP Fast Open (RFC 7413): data in the SYN, for a peer that proved its address before.
 *
 * Called from tcp_connect.c, tcp_listen.c, tcp_output.c and tcb.c.
 *
 * Theory of operation. Server: a cookie is a keyed hash of the peer's address, so nothing is kept
 * of those given out. A SYN that brings the right one makes the connection at once, in SYN_RCVD: its
 * data is delivered, and may be answered, before the handshake is complete. `pending` bounds how
 * many there are of these; beyond it, and without the right cookie, the handshake is the usual one.
 *
 * Client: a cache of cookies by the peer's address, of a fixed size; the least recently used of four
 * makes room. The SYN waits for the flush, so that what conn_send brings meanwhile goes with it. A
 * SYN with the option that is not answered is sent again without, and the peer is spared for a while.
 */
#include <string.h>

#include "stack/tcp/tcp_flow_key.h"
#include "stack/tcp/tcp_handshake.h"

#define SETS        64u
#define WAYS        4u
#define SPARE_MS    600000u
#define PENDING_MAX 256u /* RFC 7413 5.1: a limit of half-open connections with data */
#define SYN_OPTIONS 40u  /* what a SYN with a cookie may have of options */

struct peer {
	struct tcp_flow_key key; /* without ports and local address */
	bool used;
	uint8_t length; /* of the cookie; 0: none, it is spared only */
	uint8_t cookie[TCP_TFO_MAX];
	uint16_t mss;       /* as its last SYN-ACK told it */
	uint64_t used_ms;   /* when it was needed last */
	uint64_t spared_ms; /* no Fast Open before this time */
};

struct tcp_fast_open {
	struct peer peers[SETS][WAYS];
};

static uint64_t hash_of(const struct stack *st, const ip_addr_t *address, struct tcp_flow_key *key)
{
	ip_addr_t any = *address;
	ip_addr_set_any(IP_IS_V6(address), &any);
	tcp_flow_key_set(key, &any, 0, address, 0);
	return siphash_2_4(&st->tcp->fast_open_key, key, sizeof(*key));
}

/* Server: RFC 7413 4.1.2 */

void tcp_fast_open_cookie(
	const struct stack *st, const ip_addr_t *remote, uint8_t cookie[TCP_FAST_OPEN_COOKIE])
{
	struct tcp_flow_key key;
	uint64_t hash = hash_of(st, remote, &key);
	memcpy(cookie, &hash, TCP_FAST_OPEN_COOKIE);
}

bool tcp_fast_open_accepts(const struct stack *st, const struct tcp_seg *seg)
{
	uint8_t right[TCP_FAST_OPEN_COOKIE], wrong = 0;
	if (seg->opt.fast_open_length != sizeof(right) || st->tcp->fast_open_pending >= PENDING_MAX)
		return false;
	tcp_fast_open_cookie(st, &seg->rx.remote, right);
	for (unsigned i = 0; i < sizeof(right); i++) /* in a time that tells nothing */
		wrong |= right[i] ^ seg->opt.fast_open[i];
	return wrong == 0;
}

void tcp_fast_open_pend(struct tcb *tcb)
{
	tcb->state = TCP_SYN_RCVD;
	tcb->flags |= TCB_FAST_OPEN;
	tcp_of(tcb->conn.stack)->fast_open_pending++;
}

void tcp_fast_open_forget(struct tcb *tcb)
{
	if (tcp_is_fast_open_server(tcb))
		tcp_of(tcb->conn.stack)->fast_open_pending--;
}

/* Client: RFC 7413 4.1.3 */

static struct peer *find(const struct stack *st, const ip_addr_t *remote)
{
	struct tcp_flow_key key;
	uint64_t hash = hash_of(st, remote, &key);
	if (st->tcp->fast_open == NULL)
		return NULL;
	struct peer *set = st->tcp->fast_open->peers[hash % SETS];
	for (unsigned i = 0; i < WAYS; i++)
		if (set[i].used && memcmp(&set[i].key, &key, sizeof(key)) == 0)
			return &set[i];
	return NULL;
}

static struct peer *find_or_make(struct stack *st, const ip_addr_t *remote)
{
	struct tcp_stack *tcp = tcp_of(st);
	struct peer *peer = find(st, remote);
	if (peer != NULL)
		return peer;
	if (tcp->fast_open == NULL)
		tcp->fast_open = arena_calloc(&st->arena, 1, sizeof(*tcp->fast_open));
	if (tcp->fast_open == NULL)
		return NULL;
	struct tcp_flow_key key;
	struct peer *set = tcp->fast_open->peers[hash_of(st, remote, &key) % SETS];
	peer = &set[0];
	for (unsigned i = 1; i < WAYS; i++)
		if (set[i].used_ms < peer->used_ms)
			peer = &set[i];
	*peer = (struct peer){.key = key, .used = true};
	return peer;
}

bool tcp_fast_open_start(struct tcb *tcb)
{
	struct stack *st = tcb->conn.stack;
	if (!tcb->options->fast_open)
		return false;
	struct peer *peer = find(st, &tcb->conn.remote);
	if (peer != NULL && st->now_ms < peer->spared_ms)
		return false;
	tcb->flags |= TCB_FAST_OPEN;
	if (peer == NULL || peer->length == 0)
		return false;
	/* RFC 7413 4.2.1: no more data than the server's MSS allows beside the options. */
	peer->used_ms = st->now_ms;
	tcb->peer_mss = peer->mss;
	tcb_update_mss(tcb);
	uint32_t mss = tcb->snd_mss + TCPOLEN_TIMESTAMPS_PADDED;
	tcb->snd_mss = (uint16_t)(mss > SYN_OPTIONS ? mss - SYN_OPTIONS : 0);
	tcb_output_later(tcb);
	return true;
}

/* RFC 7413 4.1.1: only while in SYN_SENT; and not again, should the option be what lost the SYN. */
void tcp_syn_fast_open(struct tcb *tcb, struct tcp_header *header)
{
	if ((tcb->flags & TCB_FAST_OPEN) == 0 || tcb->state != TCP_SYN_SENT || tcb->backoff > 0)
		return;
	const struct peer *peer = find(tcb->conn.stack, &tcb->conn.remote);
	header->has_fast_open = true;
	if (peer == NULL)
		return;
	header->fast_open = peer->cookie;
	header->fast_open_length = peer->length;
}

void tcp_fast_open_learn(struct tcb *tcb, const struct tcp_seg *seg)
{
	struct stack *st = tcb->conn.stack;
	if ((tcb->flags & TCB_FAST_OPEN) == 0 || seg->opt.fast_open_length == 0)
		return;
	struct peer *peer = find_or_make(st, &tcb->conn.remote);
	if (peer == NULL)
		return;
	peer->length = seg->opt.fast_open_length;
	memcpy(peer->cookie, seg->opt.fast_open, peer->length);
	peer->mss = tcb->peer_mss != 0        ? tcb->peer_mss
		: IP_IS_V6(&tcb->conn.remote) ? TCP_MSS_DEFAULT6
					      : TCP_MSS_DEFAULT4;
	peer->used_ms = st->now_ms;
}

void tcp_fast_open_timeout(struct tcb *tcb)
{
	struct stack *st = tcb->conn.stack;
	if ((tcb->flags & TCB_FAST_OPEN) == 0 || tcb->state != TCP_SYN_SENT)
		return;
	struct peer *peer = find_or_make(st, &tcb->conn.remote);
	if (peer != NULL) {
		peer->spared_ms = st->now_ms + SPARE_MS;
		peer->used_ms = st->now_ms;
	}
}

/* Bytes off the front of the send queue; there is a tx, and nothing of it is in flight. */
static void drop_front(struct tcb *tcb, uint32_t bytes)
{
	struct pbuf *p;
	while ((p = tcb->sndq) != NULL && bytes >= p->len) {
		bytes -= p->len;
		tcb->sndq = p->next;
		tcb->conn.counted += p->pkt_flags / CONN_COUNTED;
		p->next = NULL;
		pbuf_free(p);
	}
	if (tcb->sndq == NULL)
		tcb->sndq_last = NULL;
	tcb->tx->first_acked = bytes;
	tcb->tx->next = tcb->sndq;
	tcb->tx->next_offset = bytes;
}

void tcp_fast_open_acked(struct tcb *tcb, uint32_t bytes)
{
	if (bytes == 0 || tcb_send_state(tcb) == NULL)
		return; /* without memory they are sent once more, which does no harm */
	tcb->snd_una = tcb->snd_nxt = tcb->snd_una + bytes;
	drop_front(tcb, bytes);
	tcb->conn.acked += bytes;
	tcb_event(tcb, CONN_EV_SPACE);
}

void tcp_fast_open_free(struct stack *st)
{
	arena_free(&st->arena, tcp_of(st)->fast_open);
	tcp_of(st)->fast_open = NULL;
}
