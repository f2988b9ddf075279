/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The SYN cache: connections of listeners in SYN_RCVD, RFC 9293 3.10.7.4 for that state.
 *
 * Called from tcp_listen.c, tcp_input.c and tcp_timer.c; calls tcp_listen.c when a handshake is
 * complete.
 *
 * Theory of operation. An entry stands in the flow table where its connection will stand. It is
 * also on one of the lists `waiting`, by how often its SYN-ACK was sent again. All on one list wait
 * equally long, so the one due first is the first: timers cost a look at the head of each list.
 * Five SYN-ACKs are sent again, 1, 2, 4, 8 and 16 s after the one before; 32 s later the entry goes.
 */
#include "stack/tcp/tcp_flow_key.h"
#include "stack/tcp/tcp_handshake.h"

#define RETRIES       5u
#define FIRST_WAIT_MS 1000u /* RFC 6298 2.1 */
#define PER_CHUNK     40u

/* One entry for so many bytes of the arena, within bounds. */
#define ARENA_PER_ENTRY 4096u
#define ENTRIES_MIN     1024u
#define ENTRIES_MAX     65536u

struct tcp_syn {
	struct tcp_flow_key key;
	uint8_t retries; /* list that it is on: SYN-ACKs sent again by the timer */
	bool repeated;   /* more than one SYN-ACK was sent: which was answered is not known */
	struct tcp_embryo embryo;
	uint32_t hash;
	uint32_t due_ms;  /* next SYN-ACK, or the end */
	uint32_t sent_us; /* the first SYN-ACK, clock modulo 2^32 */
	struct tcp_listener *listener;
	TAILQ_ENTRY(tcp_syn) entry; /* waiting[retries] */
};
_Static_assert(FIRST_WAIT_MS >= TCP_QUEUE_WAIT_MIN_MS, "tcp_timer.c counts on it");
_Static_assert(sizeof(struct tcp_syn) <= 96, "a half-open connection costs at most 96 bytes");

TAILQ_HEAD(tcp_syn_list, tcp_syn);

struct tcp_syn_cache {
	struct slab entries;
	uint32_t limit;
	struct tcp_syn_list waiting[RETRIES + 1];
};

/* Life */

bool tcp_syn_cache_init(struct stack *st)
{
	struct tcp_syn_cache *cache = arena_calloc(&st->arena, 1, sizeof(*cache));
	if (cache == NULL)
		return false;
	size_t limit = st->arena.size / ARENA_PER_ENTRY;
	limit = limit < ENTRIES_MIN ? ENTRIES_MIN : limit;
	cache->limit = limit < ENTRIES_MAX ? (uint32_t)limit : ENTRIES_MAX;
	slab_init(&cache->entries, &st->arena, sizeof(struct tcp_syn), PER_CHUNK);
	for (unsigned i = 0; i <= RETRIES; i++)
		TAILQ_INIT(&cache->waiting[i]);
	tcp_of(st)->syn_cache = cache;
	return true;
}

void tcp_syn_cache_free(struct stack *st)
{
	struct tcp_syn_cache *cache = tcp_of(st)->syn_cache;
	if (cache == NULL)
		return;
	slab_fini(&cache->entries);
	arena_free(&st->arena, cache);
	tcp_of(st)->syn_cache = NULL;
}

bool tcp_syn_cache_has_room(const struct stack *st)
{
	const struct tcp_syn_cache *cache = st->tcp->syn_cache;
	return cache->entries.used < cache->limit;
}

bool tcp_syn_cache_matches(const void *entry, const struct tcp_seg *seg)
{
	const struct tcp_syn *syn = entry;
	return tcp_flow_key_matches(&syn->key, seg);
}

static uint32_t now_us(const struct stack *st)
{
	return (uint32_t)(st->now_ns / 1000);
}

static void wait_for_answer(struct tcp_syn_cache *cache, struct tcp_syn *syn, uint32_t now_ms)
{
	syn->due_ms = now_ms + (FIRST_WAIT_MS << syn->retries);
	TAILQ_INSERT_TAIL(&cache->waiting[syn->retries], syn, entry);
}

/* Off the lists and out of the listener's count; the flow table is the caller's. */
static void forget(struct stack *st, struct tcp_syn *syn)
{
	struct tcp_syn_cache *cache = tcp_of(st)->syn_cache;
	TAILQ_REMOVE(&cache->waiting[syn->retries], syn, entry);
	syn->listener->embryos--;
	slab_free(&cache->entries, syn);
}

static void remove_entry(struct stack *st, struct tcp_syn *syn)
{
	flow_table_remove(&tcp_of(st)->flows, syn->hash, tcp_tagged(syn, TCP_FLOW_SYN));
	forget(st, syn);
}

/* Segments out */

/* The ends of an entry in the form that a received segment has. */
static void ends_of(const struct tcp_syn *syn, struct tcp_seg *ends)
{
	tcp_flow_key_addresses(&syn->key, &ends->rx.local, &ends->rx.remote);
	ends->local_port = syn->key.local_port;
	ends->remote_port = syn->key.remote_port;
}

static uint32_t ts_now(struct stack *st, const struct tcp_seg *ends)
{
	return tcp_now_ms(st) + tcp_ts_offset(st, &ends->rx.local, &ends->rx.remote);
}

static enum drop_reason send_syn_ack(
	struct tcp_listener *listener, const struct tcp_seg *ends, const struct tcp_embryo *embryo)
{
	return tcp_syn_ack_send(listener, ends, embryo, ts_now(listener->conn.stack, ends));
}

/* ACK or RST with <SEQ=SND.NXT><ACK=RCV.NXT>. */
static void send_control(struct stack *st, const struct tcp_syn *syn, uint8_t flags)
{
	const struct conn_options *options = &syn->listener->options;
	struct tcp_seg ends;
	ends_of(syn, &ends);
	struct tcp_header header = {
		.local_port = syn->key.local_port,
		.remote_port = syn->key.remote_port,
		.seq = syn->embryo.iss + 1,
		.ack = syn->embryo.irs + 1,
		.wnd = tcp_syn_window(options),
		.flags = flags,
	};
	if (syn->embryo.flags & TCB_WSCALE)
		header.wnd = (uint16_t)(header.wnd >> RCV_WSCALE);
	if (syn->embryo.flags & TCB_TS) {
		header.has_ts = true;
		header.ts_val = ts_now(st, &ends);
		header.ts_ecr = syn->embryo.ts_recent;
	}
	tcp_reply_send(
		st, NULL, &ends.rx.local, &ends.rx.remote, options->tos, options->ttl, &header);
}

static void challenge(struct stack *st, const struct tcp_syn *syn)
{
	if (tcp_challenge_allowed(st))
		send_control(st, syn, TH_ACK);
}

/* A SYN for a listener */

static struct tcp_syn *insert(
	struct tcp_listener *listener, const struct tcp_seg *seg, const struct tcp_embryo *embryo)
{
	struct stack *st = listener->conn.stack;
	struct tcp_syn_cache *cache = tcp_of(st)->syn_cache;
	struct tcp_syn *syn = slab_alloc(&cache->entries);
	if (syn == NULL)
		return NULL;
	*syn = (struct tcp_syn){
		.embryo = *embryo, .hash = seg->hash, .listener = listener, .sent_us = now_us(st)};
	tcp_flow_key_of(&syn->key, seg);
	if (!flow_table_insert(&tcp_of(st)->flows, syn->hash, tcp_tagged(syn, TCP_FLOW_SYN))) {
		slab_free(&cache->entries, syn);
		return NULL;
	}
	listener->embryos++;
	wait_for_answer(cache, syn, tcp_now_ms(st));
	return syn;
}

enum drop_reason tcp_syn_cache_add(
	struct tcp_listener *listener, const struct tcp_seg *seg, const struct tcp_embryo *embryo)
{
	if (insert(listener, seg, embryo) == NULL)
		return DROP_NO_MEMORY;
	send_syn_ack(listener, seg, embryo); /* the timer sends it again if it did not leave */
	return DROP_NONE;
}

enum drop_reason tcp_syn_cache_hold(
	struct tcp_listener *listener, const struct tcp_seg *seg, const struct tcp_embryo *embryo)
{
	if (listener->embryos < listener->options.backlog &&
		tcp_syn_cache_has_room(listener->conn.stack)) {
		struct tcp_syn *syn = insert(listener, seg, embryo);
		if (syn == NULL)
			return DROP_NO_MEMORY;
		syn->repeated = true;
	}
	return DROP_ACCEPT_QUEUE_FULL;
}

/* Segments in */

/* The SYN of this connection once more. Which options it has may differ. */
static bool is_same_syn(const struct tcp_syn *syn, const struct tcp_seg *seg)
{
	return (seg->flags & (TH_SYN | TH_ACK | TH_RST)) == TH_SYN && seg->seq == syn->embryo.irs;
}

/*
 * A sender that was not answered may leave ECN out (RFC 3168 6.1.1.1), as BSD after some time does
 * with window scale, timestamps and SACK; from then on it takes itself to have offered none.
 */
static void answer_again(struct tcp_syn *syn, const struct tcp_seg *seg)
{
	struct tcp_embryo *embryo = &syn->embryo;
	embryo->flags &= tcp_syn_offers(seg) | EMBRYO_COOKIE;
	if ((embryo->flags & TCB_WSCALE) == 0)
		embryo->snd_scale = 0;
	if (embryo->flags & TCB_TS)
		embryo->ts_recent = seg->opt.ts_val;
	syn->repeated = true;
	send_syn_ack(syn->listener, seg, embryo);
}

/* RFC 7323 5.3 R1, then 1st. DROP_NONE: go on. */
static enum drop_reason check_sequence(
	struct stack *st, const struct tcp_syn *syn, const struct tcp_seg *seg)
{
	/* as the SYN-ACK told it */
	uint32_t next = syn->embryo.irs + 1, window = tcp_syn_window(&syn->listener->options);
	enum drop_reason reason = DROP_NONE;
	if ((syn->embryo.flags & TCB_TS) && (seg->flags & TH_RST) == 0 &&
		tcp_is_from_the_past(seg, syn->embryo.ts_recent))
		reason = DROP_TCP_PAWS;
	if (reason == DROP_NONE && !tcp_is_acceptable(seg, next, window))
		reason = DROP_TCP_WINDOW;
	if (reason != DROP_NONE && (seg->flags & TH_RST) == 0)
		challenge(st, syn);
	return reason;
}

/* 2nd, by RFC 5961 3.2: only the exact number resets. Back to LISTEN. */
static enum drop_reason process_reset(
	struct stack *st, struct tcp_syn *syn, const struct tcp_seg *seg)
{
	if (seg->seq != syn->embryo.irs + 1) {
		challenge(st, syn);
		return DROP_TCP_CHALLENGED;
	}
	remove_entry(st, syn);
	return DROP_NONE;
}

/* 5th: SND.UNA < SEG.ACK =< SND.NXT, so it acknowledges our SYN. */
static enum drop_reason process_ack(struct stack *st, struct tcp_syn *syn, struct tcp_seg *seg)
{
	struct tcp_listener *listener = syn->listener;
	struct tcp_handshake hs;
	bool made;
	if (seg->ack != syn->embryo.iss + 1) {
		tcp_reply_reset(st, seg);
		return tcp_refuse(seg, DROP_TCP_REFUSED);
	}
	/* Our next SYN-ACK makes the peer say it again. */
	if (tcp_listener_full(listener))
		return tcp_refuse(seg, DROP_ACCEPT_QUEUE_FULL);
	tcp_handshake_fill(&hs, listener, &syn->embryo, seg);
	hs.syn_retransmitted = syn->retries > 0;
	if (!syn->repeated) /* RFC 6298 3: else nobody knows which one was answered */
		hs.rtt_us = now_us(st) - syn->sent_us;
	enum drop_reason reason =
		tcp_listener_complete(listener, &hs, tcp_tagged(syn, TCP_FLOW_SYN), seg, &made);
	if (made)
		forget(st, syn);
	return reason;
}

enum drop_reason tcp_syn_cache_segment(struct stack *st, void *entry, struct tcp_seg *seg)
{
	struct tcp_syn *syn = entry;
	if (is_same_syn(syn, seg)) {
		answer_again(syn, seg);
		return tcp_refuse(seg, DROP_NONE);
	}
	enum drop_reason reason = check_sequence(st, syn, seg);
	if (reason != DROP_NONE)
		return tcp_refuse(seg, reason);
	if (seg->flags & TH_RST)
		return tcp_refuse(seg, process_reset(st, syn, seg));
	if (seg->flags & TH_SYN) { /* 4th: a passive open goes back to LISTEN */
		remove_entry(st, syn);
		return tcp_refuse(seg, DROP_TCP_REFUSED);
	}
	if ((seg->flags & TH_ACK) == 0) /* 5th */
		return tcp_refuse(seg, DROP_TCP_NO_ACK);
	return process_ack(st, syn, seg);
}

void tcp_syn_cache_drop(struct tcp_listener *listener)
{
	struct stack *st = listener->conn.stack;
	struct tcp_syn_cache *cache = tcp_of(st)->syn_cache;
	for (unsigned i = 0; i <= RETRIES && listener->embryos > 0; i++) {
		struct tcp_syn *syn, *next;
		for (syn = TAILQ_FIRST(&cache->waiting[i]); syn != NULL; syn = next) {
			next = TAILQ_NEXT(syn, entry);
			if (syn->listener != listener)
				continue;
			send_control(st, syn, TH_RST | TH_ACK); /* RFC 9293 3.10.5 */
			remove_entry(st, syn);
		}
	}
}

/* Time */

static void time_out(struct stack *st, struct tcp_syn *syn)
{
	struct tcp_syn_cache *cache = tcp_of(st)->syn_cache;
	struct tcp_seg ends;
	if (syn->retries == RETRIES) {
		remove_entry(st, syn);
		return;
	}
	TAILQ_REMOVE(&cache->waiting[syn->retries], syn, entry);
	syn->retries++;
	syn->repeated = true;
	wait_for_answer(cache, syn, tcp_now_ms(st));
	ends_of(syn, &ends);
	if (send_syn_ack(syn->listener, &ends, &syn->embryo) == DROP_NONE)
		st->counters.tcp_retransmits++;
}

void tcp_syn_cache_run(struct stack *st)
{
	struct tcp_syn_cache *cache = tcp_of(st)->syn_cache;
	struct tcp_syn *syn;
	for (unsigned i = 0; i <= RETRIES; i++)
		while ((syn = TAILQ_FIRST(&cache->waiting[i])) != NULL &&
			ms_has_come(syn->due_ms, tcp_now_ms(st), FIRST_WAIT_MS << RETRIES))
			time_out(st, syn);
}

uint64_t tcp_syn_cache_next(const struct stack *st)
{
	const struct tcp_syn_cache *cache = st->tcp->syn_cache;
	int32_t first = INT32_MAX;
	for (unsigned i = 0; i <= RETRIES; i++) {
		const struct tcp_syn *syn = TAILQ_FIRST(&cache->waiting[i]);
		if (syn != NULL && seq_diff(syn->due_ms, tcp_now_ms(st)) < first)
			first = seq_diff(syn->due_ms, tcp_now_ms(st));
	}
	if (first == INT32_MAX)
		return UINT64_MAX;
	return st->now_ms + (uint64_t)(first > 0 ? first : 0);
}
