/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listeners: which one a SYN is for, whether it is taken, and the queue of connections until
 * somebody accepts them.
 *
 * Called from conn_listen, conn_accept and tcp_input.c; calls tcp_syn_cache.c and tcp_cookie.c.
 *
 * Theory of operation. Nothing but an entry of the SYN cache exists of a connection until its
 * handshake is complete. Then it becomes a tcb on the accept queue of its listener, `waiting`
 * counts those; conn_accept hands it to the socket above. A listener takes as many as its backlog,
 * half open ones included. When these fill it and the accept queue does not, SYN cookies go out: a
 * flood then costs nobody the second until the SYN is sent again. More handshakes may so complete
 * than the accept queue has room for. The peers of those take themselves for connected and may have
 * nothing to say, so each is half open again until there is room, and is sent its SYN-ACK.
 */
#include "lwip/prot/ip.h"
#include <errno.h>

#include "stack/tcp/tcp_handshake.h"

/* Lookup */

static struct tcp_listener **bucket_of(const struct stack *st, uint16_t port)
{
	return &st->tcp->listeners[port % TCP_LISTEN_BUCKETS];
}

/* How well an address fits what a listener is bound to: exactly, by family, at all; 0: not. */
static unsigned rank(const struct tcp_listener *listener, const ip_addr_t *local, uint16_t port)
{
	const ip_addr_t *bound = &listener->conn.local;
	if (listener->conn.local_port != port)
		return 0;
	if (IP_IS_ANY_TYPE_VAL(*bound))
		return 1;
	if (IP_GET_TYPE(bound) != IP_GET_TYPE(local))
		return 0;
	if (ip_addr_isany(bound))
		return 2;
	return ip_addr_eq(bound, local) ? 3 : 0;
}

/* Of several that fit equally (reuse_port), the hash of the connection chooses. */
struct tcp_listener *tcp_listener_find(const struct stack *st, const struct tcp_seg *seg)
{
	struct tcp_listener *first = *bucket_of(st, seg->local_port), *best = NULL;
	unsigned best_rank = 0, equals = 0;
	for (struct tcp_listener *l = first; l != NULL; l = l->next) {
		unsigned its = rank(l, &seg->rx.local, seg->local_port);
		if (its == 0 || its < best_rank)
			continue;
		equals = its == best_rank ? equals + 1 : 1;
		if (equals == 1 || seg->hash % equals == 0)
			best = l;
		best_rank = its;
	}
	return best;
}

bool tcp_port_is_listened(const struct stack *st, uint16_t port)
{
	const struct tcp_listener *l = *bucket_of(st, port);
	while (l != NULL && l->conn.local_port != port)
		l = l->next;
	return l != NULL;
}

/* The end of the handshake */

void tcp_handshake_fill(struct tcp_handshake *hs, const struct tcp_listener *listener,
	const struct tcp_embryo *embryo, const struct tcp_seg *seg)
{
	bool scaled = (embryo->flags & TCB_WSCALE) != 0;
	/* RFC 7323 4.3 (2): not that of text which overtook the bytes before it */
	bool is_next = seq_leq(seg->seq, embryo->irs + 1);
	*hs = (struct tcp_handshake){
		.local = seg->rx.local,
		.remote = seg->rx.remote,
		.local_port = seg->local_port,
		.remote_port = seg->remote_port,
		.hash = seg->hash,
		.iss = embryo->iss,
		.irs = embryo->irs,
		.ts_offset = tcp_ts_offset(listener->conn.stack, &seg->rx.local, &seg->rx.remote),
		.ts_recent = seg->opt.has_ts && is_next ? seg->opt.ts_val : embryo->ts_recent,
		.snd_wnd = (uint32_t)seg->wnd << embryo->snd_scale,
		.peer_mss = embryo->peer_mss,
		.snd_scale = embryo->snd_scale,
		.rcv_scale = scaled ? RCV_WSCALE : 0,
		.flags = (embryo->flags & TCP_NEGOTIATED) | TCB_PASSIVE,
		.rcv_wnd = tcp_syn_window(&listener->options),
	};
}

/* Whatever it took goes with the tcb. */
static struct tcb *abandon(struct tcb *tcb)
{
	tcb->flags |= TCB_RELEASED;
	tcb_close(tcb);
	return NULL;
}

static struct tcb *make_connection(
	struct tcp_listener *listener, const struct tcp_handshake *hs, void *in_place_of)
{
	struct stack *st = listener->conn.stack;
	struct tcb *tcb = tcb_new(st, &listener->options);
	if (tcb == NULL)
		return NULL;
	if (dst_get(st, &hs->local, &hs->remote, NULL, &tcb->dst) != 0)
		return abandon(tcb);
	if (listener->rcv_auto)
		tcb->flags |= TCB_RCV_AUTO;
	tcb->conn.local_port = hs->local_port;
	if (port_hold(st, IP_PROTO_TCP, hs->local_port, listener->options.reuse_port) != 0)
		return abandon(tcb);
	tcb->flags |= TCB_HOLDS_PORT;
	if (!tcb_establish(tcb, hs))
		return abandon(tcb);
	if (in_place_of == NULL)
		return tcb_hash(tcb) ? tcb : abandon(tcb);
	flow_table_replace(&tcp_of(st)->flows, tcb_hash_of(tcb), in_place_of, tcb);
	tcb_mark_hashed(tcb);
	st->counters.conns++;
	return tcb;
}

static void enqueue(struct tcp_listener *listener, struct tcb *tcb)
{
	struct stack *st = listener->conn.stack;
	tcb->flags |= TCB_UNACCEPTED;
	tcb->conn.ready.user = listener;
	TAILQ_INSERT_TAIL(&listener->acceptable, tcb, accept_entry);
	listener->waiting++;
	st->counters.tcp_accepted++;
	listener->conn.ready.events |= CONN_EV_ACCEPTABLE;
	stack_mark_ready(st, &listener->conn.ready);
}

enum drop_reason tcp_listener_complete(struct tcp_listener *listener,
	const struct tcp_handshake *hs, void *in_place_of, struct tcp_seg *seg, bool *made)
{
	struct tcb *tcb = make_connection(listener, hs, in_place_of);
	*made = tcb != NULL;
	if (tcb == NULL)
		return tcp_refuse(seg, DROP_NO_MEMORY);
	enqueue(listener, tcb);
	return tcp_segment_arrives(tcb, seg);
}

/* Segments */

bool tcp_listener_full(const struct tcp_listener *listener)
{
	return listener->waiting >= listener->options.backlog;
}

bool tcp_listener_has_room(const struct tcp_listener *listener)
{
	return listener->waiting + listener->embryos < listener->options.backlog &&
		tcp_syn_cache_has_room(listener->conn.stack);
}

/* RFC 3168 6.1.1: an ECN-setup SYN has both bits. */
static bool asks_for_ecn(const struct tcp_seg *seg)
{
	return (seg->flags & (TH_ECE | TH_CWR)) == (TH_ECE | TH_CWR);
}

uint8_t tcp_syn_offers(const struct tcp_seg *seg)
{
	uint8_t offers = 0;
	if (seg->opt.has_wscale)
		offers |= TCB_WSCALE;
	if (seg->opt.has_ts)
		offers |= TCB_TS;
	if (seg->opt.sack_permitted)
		offers |= TCB_SACK;
	if (asks_for_ecn(seg))
		offers |= TCB_ECN;
	return offers;
}

static void conceive(struct tcp_embryo *embryo, const struct tcp_seg *seg)
{
	const struct tcp_options *opt = &seg->opt;
	*embryo = (struct tcp_embryo){.irs = seg->seq, .flags = tcp_syn_offers(seg)};
	if (opt->has_mss)
		embryo->peer_mss = opt->mss != 0 ? opt->mss : 1;
	if (opt->has_wscale)
		embryo->snd_scale = opt->wscale;
	if (opt->has_ts)
		embryo->ts_recent = opt->ts_val;
}

/*
 * RFC 6528; and RFC 9293 3.6.1: where the last connection between these ends went further than
 * the clock has, the new one begins beyond it.
 */
static uint32_t choose_iss(struct stack *st, const struct tcp_seg *seg, const uint32_t *after)
{
	uint32_t iss =
		tcp_isn(st, &seg->rx.local, seg->local_port, &seg->rx.remote, seg->remote_port);
	return after != NULL && seq_leq(iss, *after) ? *after + 1 + 0xffff : iss;
}

/*
 * RFC 7413 4.2.2: the connection is there at once, with the data of the SYN, if there is memory for
 * it. False: the handshake is to take its usual course.
 */
static bool open_fast(struct tcp_listener *listener, struct tcp_seg *seg, struct tcp_embryo *embryo,
	const uint32_t *after)
{
	struct stack *st = listener->conn.stack;
	struct tcp_handshake hs;
	if (!tcp_fast_open_accepts(st, seg)) {
		embryo->flags |= EMBRYO_COOKIE;
		return false;
	}
	embryo->iss = choose_iss(st, seg, after);
	tcp_handshake_fill(&hs, listener, embryo, seg);
	hs.snd_wnd = seg->wnd; /* RFC 7323 2.2: the window of a SYN is not scaled */
	struct tcb *tcb = make_connection(listener, &hs, NULL);
	if (tcb == NULL)
		return false;
	tcp_fast_open_pend(tcb);
	enqueue(listener, tcb);
	seg->seq++;
	seg->flags &= (uint8_t)~(TH_SYN | TH_FIN | TH_ECE | TH_CWR);
	if (seg->len > 0) {
		tcp_process_text(tcb, seg);
		seg->rx.p = seg->last = NULL;
	}
	tcp_timer_set(tcb, TCP_TIMER_RTX, TCP_RTO_INITIAL_MS);
	tcp_syn_send(tcb);
	return true;
}

static enum drop_reason take_syn(
	struct tcp_listener *listener, struct tcp_seg *seg, const uint32_t *after)
{
	struct stack *st = listener->conn.stack;
	bool always = st->syn_cookies == STACK_SYN_COOKIES_ALWAYS;
	struct tcp_embryo embryo;
	if (tcp_listener_full(listener))
		return DROP_ACCEPT_QUEUE_FULL;
	if (stack_refuses_connections(st))
		return DROP_SYN_NO_MEMORY;
	conceive(&embryo, seg);
	if (listener->options.fast_open && seg->opt.has_fast_open &&
		open_fast(listener, seg, &embryo, after))
		return DROP_NONE;
	/* A cookie lies where it lies: not for sure beyond the last connection. */
	if (after != NULL || (!always && tcp_listener_has_room(listener))) {
		embryo.iss = choose_iss(st, seg, after);
		return tcp_syn_cache_add(listener, seg, &embryo);
	}
	if (st->syn_cookies == STACK_SYN_COOKIES_NEVER)
		return DROP_ACCEPT_QUEUE_FULL;
	return tcp_cookie_answer(listener, seg, &embryo);
}

/* RFC 9293 3.9.2.3 (MUST-57): a SYN to or from a group is not answered at all; nor one to itself. */
static bool makes_sense(const struct stack *st, const struct tcp_seg *seg)
{
	return !seg->rx.to_group && tcp_is_unicast(st, &seg->rx.remote) &&
		!ip_addr_eq(&seg->rx.local, &seg->rx.remote);
}

/*
 * Text and FIN that came with the SYN are not acknowledged, so the peer sends them again (RFC 9293
 * 3.10.7.2 would have them processed once the handshake is complete).
 */
enum drop_reason tcp_listener_syn(
	struct tcp_listener *listener, struct tcp_seg *seg, const uint32_t *after)
{
	if (!makes_sense(listener->conn.stack, seg))
		return tcp_refuse(seg, DROP_TCP_REFUSED);
	return tcp_refuse(seg, take_syn(listener, seg, after));
}

enum drop_reason tcp_listen_segment(struct stack *st, struct tcp_seg *seg)
{
	struct tcp_listener *listener = tcp_listener_find(st, seg);
	if (seg->flags & TH_RST) /* RFC 9293 3.10.7.1, 3.10.7.2 (1st) */
		return tcp_refuse(seg, DROP_TCP_STRAY_RESET);
	if (listener == NULL) { /* 3.10.7.1 */
		tcp_reply_reset(st, seg);
		return tcp_refuse(seg, DROP_TCP_REFUSED);
	}
	if (seg->flags & TH_ACK) { /* 3.10.7.2 (2nd) */
		if (tcp_cookie_expected(listener) && (seg->flags & TH_SYN) == 0)
			return tcp_cookie_ack(listener, seg);
		tcp_reply_reset(st, seg);
		return tcp_refuse(seg, DROP_TCP_REFUSED);
	}
	if (seg->flags & TH_SYN) /* 3rd */
		return tcp_listener_syn(listener, seg, NULL);
	return tcp_refuse(seg, DROP_TCP_REFUSED); /* 4th */
}

/* SYN-ACK */

enum drop_reason tcp_syn_ack_send(struct tcp_listener *listener, const struct tcp_seg *seg,
	const struct tcp_embryo *embryo, uint32_t ts_val)
{
	struct stack *st = listener->conn.stack;
	const struct conn_options *options = &listener->options;
	struct dst *dst;
	if (dst_get(st, &seg->rx.local, &seg->rx.remote, NULL, &dst) != 0)
		return DROP_NO_ROUTE;
	struct tcp_header header = {
		.local_port = seg->local_port,
		.remote_port = seg->remote_port,
		.seq = embryo->iss,
		.ack = embryo->irs + 1,
		.wnd = tcp_syn_window(options),
		.flags = TH_SYN | TH_ACK,
		.mss = tcp_announced_mss(dst, &seg->rx.remote),
		.sack_permitted = (embryo->flags & TCB_SACK) != 0,
		.has_ts = (embryo->flags & TCB_TS) != 0,
		.ts_val = ts_val,
		.ts_ecr = embryo->ts_recent,
		.has_wscale = (embryo->flags & TCB_WSCALE) != 0,
		.wscale = RCV_WSCALE,
	};
	uint8_t cookie[TCP_FAST_OPEN_COOKIE];
	if (embryo->flags & EMBRYO_COOKIE) {
		tcp_fast_open_cookie(st, &seg->rx.remote, cookie);
		header.has_fast_open = true;
		header.fast_open = cookie;
		header.fast_open_length = sizeof(cookie);
	}
	if (embryo->flags & TCB_ECN) /* RFC 3168 6.1.1: an ECN-setup SYN-ACK has ECE alone */
		header.flags |= TH_ECE;
	/* RFC 3168 6.1.1: not ECN-capable itself */
	enum drop_reason reason = tcp_reply_send(
		st, dst, &seg->rx.local, &seg->rx.remote, options->tos, options->ttl, &header);
	dst_put(st, dst);
	return reason;
}

/* The accept queue */

void tcp_listener_forget(struct tcb *tcb)
{
	struct tcp_listener *listener = tcb->conn.ready.user;
	TAILQ_REMOVE(&listener->acceptable, tcb, accept_entry);
	listener->waiting--;
	tcb->flags &= ~(uint32_t)TCB_UNACCEPTED;
	tcb->conn.ready.user = NULL;
	tcb->sndq = tcb->sndq_last = NULL;
}

struct conn *conn_accept(struct conn *conn)
{
	struct tcp_listener *listener = (struct tcp_listener *)conn;
	stack_enter(conn->stack);
	struct tcb *tcb = TAILQ_FIRST(&listener->acceptable);
	if (tcb == NULL)
		return NULL;
	tcp_listener_forget(tcb);
	if (tcb->conn.ready.events != 0)
		stack_mark_ready(conn->stack, &tcb->conn.ready);
	return &tcb->conn;
}

/* Listen and close */

static bool overlaps(const ip_addr_t *a, const ip_addr_t *b)
{
	if (IP_IS_ANY_TYPE_VAL(*a) || IP_IS_ANY_TYPE_VAL(*b))
		return true;
	if (IP_GET_TYPE(a) != IP_GET_TYPE(b))
		return false;
	return ip_addr_isany(a) || ip_addr_isany(b) || ip_addr_eq(a, b);
}

/*
 * Listeners share an address only if all of them said reuse_port. Connections that are left of an
 * earlier listener are in the way of one without reuse_address.
 */
static bool is_free(const struct stack *st, const ip_addr_t *local, uint16_t port,
	const struct conn_options *options)
{
	bool listened = false;
	for (const struct tcp_listener *l = *bucket_of(st, port); l != NULL; l = l->next) {
		if (l->conn.local_port != port)
			continue;
		listened = true;
		if (overlaps(&l->conn.local, local) &&
			!(options->reuse_port && l->options.reuse_port))
			return false;
	}
	return listened || options->reuse_address || options->reuse_port ||
		!port_in_use(st, IP_PROTO_TCP, port);
}

/* Holds the port for it, or returns a negative errno. */
static int take_port(struct tcp_listener *listener, uint16_t port)
{
	struct stack *st = listener->conn.stack;
	const struct conn_options *options = &listener->options;
	if (port == 0) {
		int chosen = port_choose(st, IP_PROTO_TCP, &listener->conn.local, NULL, 0);
		if (chosen < 0)
			return chosen;
		listener->conn.local_port = (uint16_t)chosen;
		return 0;
	}
	if (!is_free(st, &listener->conn.local, port, options))
		return -EADDRINUSE;
	listener->conn.local_port = port;
	return port_hold(st, IP_PROTO_TCP, port, options->reuse_port);
}

int conn_listen(struct stack *st, const ip_addr_t *local, uint16_t port,
	const struct conn_options *options, struct conn **conn)
{
	stack_enter(st);
	ip_addr_t zoned = *local;
	stack_zone(st, &zoned);
	if (!ip_addr_isany(&zoned) && !stack_has_address(st, &zoned))
		return -EADDRNOTAVAIL;
	struct tcp_listener *listener = arena_calloc(&st->arena, 1, sizeof(*listener));
	if (listener == NULL) {
		stack_count_drop(st, DROP_NO_MEMORY);
		return -ENOBUFS;
	}
	listener->conn.stack = st;
	listener->conn.ready.kind = READY_LISTENER;
	listener->conn.local = zoned;
	listener->options = *options;
	listener->rcv_auto = options->receive_window == 0;
	conn_options_fill(&listener->options);
	TAILQ_INIT(&listener->acceptable);
	int error = take_port(listener, port);
	if (error != 0) {
		arena_free(&st->arena, listener);
		return error;
	}
	struct tcp_listener **bucket = bucket_of(st, listener->conn.local_port);
	listener->next = *bucket;
	*bucket = listener;
	*conn = &listener->conn;
	return 0;
}

static void unlink_listener(struct tcp_listener *listener)
{
	struct tcp_listener **at = bucket_of(listener->conn.stack, listener->conn.local_port);
	while (*at != listener)
		at = &(*at)->next;
	*at = listener->next;
}

void tcp_listener_close(struct tcp_listener *listener)
{
	struct stack *st = listener->conn.stack;
	struct tcb *tcb;
	unlink_listener(listener);
	tcp_syn_cache_drop(listener);
	while ((tcb = TAILQ_FIRST(&listener->acceptable)) != NULL) {
		tcp_listener_forget(tcb);
		conn_abort(&tcb->conn);
	}
	stack_unmark_ready(st, &listener->conn.ready);
	port_release(st, IP_PROTO_TCP, listener->conn.local_port);
	arena_free(&st->arena, listener);
}
