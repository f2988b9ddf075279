/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TIME_WAIT, in 64 bytes a connection.
 *
 * Called from tcb.c, tcp_input.c, tcp_connect.c and tcp_timer.c; calls tcp_listen.c when a SYN opens
 * the next connection between the same ends.
 *
 * Theory of operation. An entry takes the tcb's place in the flow table, and its hold of the port.
 * All wait equally long, so the list by age is also that by deadline; one whose peer sends its FIN
 * again goes back to the end of the list. There is a bound on how many there are: beyond it, and
 * when memory is short, the oldest goes; timestamps keep old segments apart from the next
 * connection even so (RFC 7323 5.8).
 *
 * All memory of a stack is one arena, so links are offsets in it, in units of its alignment: 32
 * bits reach 64 GiB.
 */
#include "lwip/prot/ip.h"

#include "stack/tcp/tcp_flow_key.h"
#include "stack/tcp/tcp_handshake.h"
#include "stack/tcp/tcp_window.h"

#define TIME_WAIT_MS (2u * 30000u) /* 2 MSL; RFC 9293 3.4.1 has an MSL of 2 minutes, for 1981 */
#define PER_CHUNK    63u

/* One entry for so many bytes of the arena, within bounds. */
#define ARENA_PER_ENTRY 16384u
#define ENTRIES_MIN     1024u
#define ENTRIES_MAX     (1u << 20)

/* An active open waits until the peer's clock of timestamps has ticked for sure (RFC 7323 5.4). */
#define RECYCLE_AFTER_MS 1000u

#define NOTHING    0u /* link: the arena's first block is no entry */
#define WINDOW_MAX 0x3fffu

struct tcp_time_wait {
	struct tcp_flow_key key;
	uint16_t window : 14; /* as it goes into the header */
	uint16_t has_ts : 1;
	uint16_t refused_syn : 1;
	uint32_t rcv_nxt, snd_nxt;
	uint32_t ts_recent;
	uint32_t due_ms;
	uint32_t next, before; /* in order of due_ms */
};
_Static_assert(TIME_WAIT_MS >= TCP_QUEUE_WAIT_MIN_MS, "tcp_timer.c counts on it");
_Static_assert(sizeof(struct tcp_time_wait) <= 64, "TIME_WAIT costs at most 64 bytes");

struct tcp_time_waits {
	struct slab entries;
	uint8_t *arena; /* where links count from */
	uint32_t limit;
	uint32_t first, last;
};

/* The list */

static struct tcp_time_wait *entry_at(const struct tcp_time_waits *waits, uint32_t link)
{
	if (link == NOTHING)
		return NULL;
	return (struct tcp_time_wait *)(void *)(waits->arena + (size_t)link * ARENA_ALIGN);
}

static uint32_t link_to(const struct tcp_time_waits *waits, const struct tcp_time_wait *entry)
{
	return (uint32_t)((size_t)((const uint8_t *)entry - waits->arena) / ARENA_ALIGN);
}

static void append(struct tcp_time_waits *waits, struct tcp_time_wait *entry)
{
	uint32_t link = link_to(waits, entry);
	entry->next = NOTHING;
	entry->before = waits->last;
	if (waits->last != NOTHING)
		entry_at(waits, waits->last)->next = link;
	else
		waits->first = link;
	waits->last = link;
}

static void unlink_entry(struct tcp_time_waits *waits, const struct tcp_time_wait *entry)
{
	if (entry->before != NOTHING)
		entry_at(waits, entry->before)->next = entry->next;
	else
		waits->first = entry->next;
	if (entry->next != NOTHING)
		entry_at(waits, entry->next)->before = entry->before;
	else
		waits->last = entry->before;
}

/* Life */

bool tcp_time_wait_init(struct stack *st)
{
	struct tcp_time_waits *waits = arena_calloc(&st->arena, 1, sizeof(*waits));
	if (waits == NULL)
		return false;
	size_t limit = st->arena.size / ARENA_PER_ENTRY;
	limit = limit < ENTRIES_MIN ? ENTRIES_MIN : limit;
	waits->limit = limit < ENTRIES_MAX ? (uint32_t)limit : ENTRIES_MAX;
	waits->arena = st->arena.end - st->arena.size;
	slab_init(&waits->entries, &st->arena, sizeof(struct tcp_time_wait), PER_CHUNK);
	tcp_of(st)->time_waits = waits;
	return true;
}

static uint32_t hash_of(const struct stack *st, const struct tcp_time_wait *entry)
{
	ip_addr_t local, remote;
	tcp_flow_key_addresses(&entry->key, &local, &remote);
	return tcp_flow_hash(
		st->tcp, &local, entry->key.local_port, &remote, entry->key.remote_port);
}

static void end_wait(struct stack *st, struct tcp_time_wait *entry)
{
	struct tcp_time_waits *waits = tcp_of(st)->time_waits;
	flow_table_remove(
		&tcp_of(st)->flows, hash_of(st, entry), tcp_tagged(entry, TCP_FLOW_TIME_WAIT));
	unlink_entry(waits, entry);
	port_release(st, IP_PROTO_TCP, entry->key.local_port);
	st->counters.conns--;
	slab_free(&waits->entries, entry);
}

void tcp_time_wait_free(struct stack *st)
{
	struct tcp_time_waits *waits = tcp_of(st)->time_waits;
	if (waits == NULL)
		return;
	while (waits->first != NOTHING)
		end_wait(st, entry_at(waits, waits->first));
	slab_fini(&waits->entries);
	arena_free(&st->arena, waits);
	tcp_of(st)->time_waits = NULL;
}

static struct tcp_time_wait *make_entry(struct stack *st)
{
	struct tcp_time_waits *waits = tcp_of(st)->time_waits;
	struct tcp_time_wait *entry = NULL;
	if (waits->entries.used < waits->limit)
		entry = slab_alloc(&waits->entries);
	if (entry != NULL || waits->first == NOTHING)
		return entry;
	end_wait(st, entry_at(waits, waits->first));
	return slab_alloc(&waits->entries);
}

static void start_wait(struct stack *st, struct tcp_time_wait *entry)
{
	entry->due_ms = tcp_now_ms(st) + TIME_WAIT_MS;
	append(tcp_of(st)->time_waits, entry);
}

bool tcp_time_wait_enter(struct tcb *tcb)
{
	struct stack *st = tcb->conn.stack;
	const struct conn *conn = &tcb->conn;
	const uint32_t needed = TCB_HASHED | TCB_HOLDS_PORT;
	if ((tcb->flags & needed) != needed)
		return false;
	struct tcp_time_wait *entry = make_entry(st);
	if (entry == NULL)
		return false;
	uint32_t window = tcp_receive_window(tcb) >> tcb->rcv_scale;
	tcp_flow_key_set(
		&entry->key, &conn->local, conn->local_port, &conn->remote, conn->remote_port);
	entry->window = window < WINDOW_MAX ? window & WINDOW_MAX : WINDOW_MAX;
	entry->has_ts = (tcb->flags & TCB_TS) != 0;
	entry->refused_syn = false;
	entry->rcv_nxt = tcb->rcv_nxt;
	entry->snd_nxt = tcb->snd_nxt;
	entry->ts_recent = tcb->ts_recent;
	flow_table_replace(
		&tcp_of(st)->flows, tcb_hash_of(tcb), tcb, tcp_tagged(entry, TCP_FLOW_TIME_WAIT));
	tcb_mark_unhashed(tcb);
	tcb->flags &= ~(uint32_t)TCB_HOLDS_PORT;
	start_wait(st, entry);
	return true;
}

bool tcp_time_wait_matches(const void *found, const struct tcp_seg *seg)
{
	const struct tcp_time_wait *entry = found;
	return tcp_flow_key_matches(&entry->key, seg);
}

/* Segments: RFC 9293 3.10.7.4 for TIME_WAIT */

/* <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK> */
static void acknowledge(
	struct stack *st, const struct tcp_time_wait *entry, const struct tcp_seg *seg)
{
	struct tcp_header header = {
		.local_port = seg->local_port,
		.remote_port = seg->remote_port,
		.seq = entry->snd_nxt,
		.ack = entry->rcv_nxt,
		.wnd = entry->window,
		.flags = TH_ACK,
		.has_ts = entry->has_ts,
	};
	if (entry->has_ts) {
		header.ts_val = tcp_now_ms(st) + tcp_ts_offset(st, &seg->rx.local, &seg->rx.remote);
		header.ts_ecr = entry->ts_recent;
	}
	tcp_reply_send(st, NULL, &seg->rx.local, &seg->rx.remote, 0, TCP_TTL_DEFAULT, &header);
}

static void challenge(
	struct stack *st, const struct tcp_time_wait *entry, const struct tcp_seg *seg)
{
	if (tcp_challenge_allowed(st))
		acknowledge(st, entry, seg);
}

/* RFC 6191 2: a SYN that cannot be an old one opens the next connection. */
static bool opens_next(const struct tcp_time_wait *entry, const struct tcp_seg *seg)
{
	if (!seg->opt.has_ts)
		return seq_gt(seg->seq, entry->rcv_nxt);
	if (!entry->has_ts || seq_gt(seg->opt.ts_val, entry->ts_recent))
		return true;
	return seg->opt.ts_val == entry->ts_recent && seq_gt(seg->seq, entry->rcv_nxt);
}

/* 4th. RFC 6191 drops other SYNs silently; RFC 9293 answers them as RFC 5961 4.2 has it. */
static enum drop_reason process_syn(
	struct stack *st, struct tcp_time_wait *entry, struct tcp_seg *seg)
{
	struct tcp_listener *listener = tcp_listener_find(st, seg);
	if ((seg->flags & TH_ACK) || listener == NULL || !opens_next(entry, seg)) {
		entry->refused_syn |= (seg->flags & TH_ACK) == 0;
		challenge(st, entry, seg);
		return tcp_refuse(seg, DROP_TCP_CHALLENGED);
	}
	/* What is not taken does not end it. */
	if (!tcp_listener_has_room(listener))
		return tcp_refuse(seg, DROP_ACCEPT_QUEUE_FULL);
	if (stack_refuses_connections(st))
		return tcp_refuse(seg, DROP_SYN_NO_MEMORY);
	uint32_t after = entry->snd_nxt;
	end_wait(st, entry);
	return tcp_listener_syn(listener, seg, &after);
}

/*
 * 2nd. A RST ends no TIME_WAIT (RFC 1337 4 (F1), RFC 7323 5.3), unless it answers the challenge that
 * a SYN got: that is the peer, started again, or another one, behind NAT, and is not to wait.
 */
static enum drop_reason process_reset(
	struct stack *st, struct tcp_time_wait *entry, const struct tcp_seg *seg)
{
	if (!entry->refused_syn || seg->seq != entry->rcv_nxt)
		return DROP_TCP_STRAY_RESET;
	end_wait(st, entry);
	return DROP_NONE;
}

static bool is_last_fin(const struct tcp_time_wait *entry, const struct tcp_seg *seg)
{
	return (seg->flags & TH_FIN) && seg->seq + tcp_seg_len(seg) == entry->rcv_nxt;
}

/* 8th: the peer did not get our ACK of its FIN. */
static enum drop_reason process_fin(
	struct stack *st, struct tcp_time_wait *entry, const struct tcp_seg *seg)
{
	if (entry->has_ts && seg->opt.has_ts)
		entry->ts_recent = seg->opt.ts_val;
	acknowledge(st, entry, seg);
	unlink_entry(tcp_of(st)->time_waits, entry);
	start_wait(st, entry);
	return DROP_NONE;
}

static enum drop_reason process(
	struct stack *st, struct tcp_time_wait *entry, const struct tcp_seg *seg)
{
	if (entry->has_ts && tcp_is_from_the_past(seg, entry->ts_recent)) {
		challenge(st, entry, seg);
		return DROP_TCP_PAWS;
	}
	if ((seg->flags & TH_ACK) == 0) /* 5th */
		return DROP_TCP_NO_ACK;
	if (is_last_fin(entry, seg))
		return process_fin(st, entry, seg);
	/* 1st: nothing comes after a FIN, so all else but a bare ACK of it is not acceptable. */
	if (seg->seq == entry->rcv_nxt && tcp_seg_len(seg) == 0)
		return DROP_NONE;
	challenge(st, entry, seg);
	return DROP_TCP_WINDOW;
}

enum drop_reason tcp_time_wait_segment(struct stack *st, void *found, struct tcp_seg *seg)
{
	struct tcp_time_wait *entry = found;
	if (seg->flags & TH_RST)
		return tcp_refuse(seg, process_reset(st, entry, seg));
	if (seg->flags & TH_SYN)
		return process_syn(st, entry, seg);
	return tcp_refuse(seg, process(st, entry, seg));
}

/* Reuse and expiry */

/*
 * Our own SYN must not be taken for an old one: its sequence number lies beyond the last, and the
 * timestamps of both ends have moved on, so that PAWS tells the connections apart (RFC 7323 5.8).
 */
static bool may_recycle(const struct stack *st, const struct tcp_time_wait *entry, uint32_t iss)
{
	uint32_t began = entry->due_ms - TIME_WAIT_MS;
	return entry->has_ts && seq_gt(iss, entry->snd_nxt) &&
		tcp_now_ms(st) - began > RECYCLE_AFTER_MS;
}

bool tcp_time_wait_recycle(struct stack *st, void *found, uint32_t iss)
{
	struct tcp_time_wait *entry = found;
	if (!may_recycle(st, entry, iss))
		return false;
	end_wait(st, entry);
	return true;
}

void tcp_time_wait_run(struct stack *st)
{
	const struct tcp_time_waits *waits = tcp_of(st)->time_waits;
	struct tcp_time_wait *entry;
	while ((entry = entry_at(waits, waits->first)) != NULL &&
		ms_has_come(entry->due_ms, tcp_now_ms(st), TIME_WAIT_MS))
		end_wait(st, entry);
}

uint64_t tcp_time_wait_next(const struct stack *st)
{
	const struct tcp_time_waits *waits = st->tcp->time_waits;
	const struct tcp_time_wait *entry = entry_at(waits, waits->first);
	if (entry == NULL)
		return UINT64_MAX;
	int32_t left = seq_diff(entry->due_ms, tcp_now_ms(st));
	return st->now_ms + (uint64_t)(left > 0 ? left : 0);
}
