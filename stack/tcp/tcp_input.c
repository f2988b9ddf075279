/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A burst of received segments: parsed, gathered, and given to their connections.
 *
 * Called from stack/ip_input.c and stack/lwip/transport.c; calls tcp_segment.c, tcp_listen.c,
 * tcp_syn_cache.c and tcp_time_wait.c.
 *
 * tcp_input only parses, joins a segment that continues the one before it with that one (generic
 * receive offload), and of several asks for the cache lines of the flow table that will be needed.
 * tcp_input_flush then asks for the connections of all, and processes them in the order of arrival.
 * One that is alone in its burst is processed at once.
 */
#include "lwip/prot/ip.h"
#include <string.h>

#include "stack/base/apart.h"
#include "stack/base/bytes.h"
#include "stack/ip_checksum.h"
#include "stack/nif_internal.h"
#include "stack/tcp/tcp_internal.h"

#define GRO_MAX 0xffffu /* bytes of payload of a joined segment */

/* The upper half of struct tcp_seg.plain: the header's length, in words, and flags. */
#define FORM_BARE       (TCP_HEADER / 4 << 12 | TH_ACK)
#define FORM_TIMESTAMPS ((TCP_HEADER + TCPOLEN_TIMESTAMPS_PADDED) / 4 << 12 | TH_ACK)

/* Both ends; the two addresses of one connection are of one family. */
INLINE bool same_addresses(const ip_addr_t *local, const ip_addr_t *remote,
	const ip_addr_t *other_local, const ip_addr_t *other_remote)
{
	if ((IP_GET_TYPE(remote) | IP_GET_TYPE(other_remote)) != IPADDR_TYPE_V4)
		return IP_GET_TYPE(remote) == IP_GET_TYPE(other_remote) &&
			ip6_addr_eq(ip_2_ip6(remote), ip_2_ip6(other_remote)) &&
			ip6_addr_eq(ip_2_ip6(local), ip_2_ip6(other_local));
	return ip4_addr_eq(ip_2_ip4(remote), ip_2_ip4(other_remote)) &&
		ip4_addr_eq(ip_2_ip4(local), ip_2_ip4(other_local));
}

/* Lists of pbufs that stand alone, from chains and back */

/* Takes a chain apart; empty pbufs are given back. */
APART struct pbuf *flatten(struct pbuf *chain, struct pbuf **last)
{
	struct pbuf *first = NULL, *p;
	*last = NULL;
	while ((p = stack_take_pbuf(&chain)) != NULL) {
		if (first == NULL)
			first = p;
		else
			(*last)->next = p;
		*last = p;
	}
	return first;
}

/* Drops that many bytes from the front of a segment's payload. */
void tcp_seg_trim_front(struct tcp_seg *seg, uint32_t bytes)
{
	seg->seq += bytes;
	seg->len -= bytes;
	while (bytes > 0) {
		struct pbuf *p = seg->rx.p;
		if (bytes < p->len) {
			p->payload = (uint8_t *)p->payload + bytes;
			p->len = p->tot_len = (uint16_t)(p->len - bytes);
			return;
		}
		bytes -= p->len;
		seg->rx.p = p->next;
		p->next = NULL;
		pbuf_free(p);
	}
	if (seg->rx.p == NULL)
		seg->last = NULL;
}

/* Drops what is behind the first `length` bytes. */
void tcp_seg_trim_back(struct tcp_seg *seg, uint32_t length)
{
	struct pbuf **at = &seg->rx.p, *before = NULL;
	seg->len = length;
	while (length > 0 && (*at)->len <= length) {
		length -= (*at)->len;
		before = *at;
		at = &before->next;
	}
	if (*at != NULL && length > 0) {
		before = *at;
		before->len = before->tot_len = (uint16_t)length;
		at = &before->next;
	}
	struct pbuf *rest = *at;
	*at = NULL;
	seg->last = before;
	if (rest != NULL)
		pbuf_free(rest);
}

/* Parsing */

static uint32_t hash_of(const struct tcp_stack *tcp, const struct tcp_seg *seg)
{
	return tcp_flow_hash(
		tcp, &seg->rx.local, seg->local_port, &seg->rx.remote, seg->remote_port);
}

/* RFC 9293 3.1; 0: it cannot be. It lies in the first buffer: IP_INPUT_FLAT is the longest. */
static unsigned header_length(const struct ip_rx *rx)
{
	const uint8_t *header = rx->p->payload;
	if (rx->p->len < TCP_HEADER)
		return 0;
	unsigned length =
		header[TCP_AT_OFFSET] >> 2 & ~3u; /* of four bytes each, in the upper half */
	return length >= TCP_HEADER && length <= rx->p->len ? length : 0;
}

static inline void take_header_off(struct pbuf *p, unsigned length)
{
	p->payload = (uint8_t *)p->payload + length;
	p->len = (uint16_t)(p->len - length);
	p->tot_len = (uint16_t)(p->tot_len - length);
}

/* Generic receive offload */

/* Of a plain segment and one that is alike as far as struct tcp_seg.plain tells. */
static bool same_timestamps(const struct tcp_seg *a, const uint8_t *options)
{
	return !a->opt.has_ts ||
		(be32_get(options) == TCPOPT_TIMESTAMPS_ALONE &&
			be32_get(options + 4) == a->opt.ts_val &&
			be32_get(options + 8) == a->opt.ts_ecr);
}

INLINE bool same_flow(const struct tcp_seg *a, const struct ip_rx *rx, const uint8_t *header)
{
	return a->remote_port == be16_get(header + TCP_AT_SOURCE) &&
		a->local_port == be16_get(header + TCP_AT_DESTINATION) &&
		same_addresses(&a->rx.local, &a->rx.remote, &rx->local, &rx->remote);
}

/* A segment that was not parsed yet continues a, with data, and says nothing that a does not say. */
INLINE bool continues(
	const struct tcp_seg *a, const struct ip_rx *rx, const uint8_t *header, unsigned length)
{
	uint32_t bytes = rx->p->tot_len - length;
	return be32_get(header + TCP_AT_SEQ) == a->seq + a->len &&
		(be32_get(header + TCP_AT_OFFSET) & TCP_PLAIN) == a->plain &&
		be32_get(header + TCP_AT_ACK) == a->ack && rx->tos == a->rx.tos &&
		a->last != NULL && bytes > 0 && a->len + bytes <= GRO_MAX &&
		same_timestamps(a, header + TCP_HEADER) && same_flow(a, rx, header);
}

INLINE void join(struct tcp_seg *a, struct pbuf *p, const uint8_t *header, unsigned length)
{
	struct pbuf *before = a->last;
	a->len += p->tot_len - length;
	a->flags |= header[TCP_AT_FLAGS]; /* PSH; both have ACK */
	a->parts++;
	take_header_off(p, length);
	if (p->next == NULL)
		before->next = a->last = p;
	else
		before->next = flatten(p, &a->last);
}

/* The segment by itself */

/* A payload of several buffers. */
APART void take_chain(struct tcp_seg *seg, unsigned header)
{
	take_header_off(seg->rx.p, header);
	seg->rx.p = flatten(seg->rx.p, &seg->last);
}

static inline void take_payload(struct tcp_seg *seg, unsigned header)
{
	struct pbuf *p = seg->rx.p;
	if (p->next != NULL) {
		take_chain(seg, header);
		return;
	}
	p->payload = (uint8_t *)p->payload + header;
	p->len = p->tot_len = (uint16_t)seg->len;
	if (seg->len > 0)
		return;
	seg->rx.p = seg->last = NULL;
	stack_pbuf_free(p);
}

/* Flags or options that only some have. */
APART void parse_unusual(struct tcp_seg *seg, const uint8_t *options, unsigned length)
{
	seg->plain = TCP_NOT_PLAIN;
	/* RFC 9293 3.1, MUST-7: behind an illegal option nothing is read; what was before it holds. */
	tcp_options_parse(options, length, &seg->opt);
	if (seg->flags & TH_RST)
		seg->rx.nif->stack->counters.tcp_resets_received++;
	take_payload(seg, TCP_HEADER + length);
}

/*
 * What nearly every segment is: an ACK, with data or without, and with timestamps alone (RFC 7323
 * appendix A) or no option. Nothing in it must be seen by itself.
 */
static inline bool parse_usual(struct tcp_seg *seg, const uint8_t *options)
{
	static const struct tcp_options timestamps_alone = {.has_ts = true};
	uint32_t form = seg->plain >> 16;
	if (form == FORM_TIMESTAMPS && be32_get(options) == TCPOPT_TIMESTAMPS_ALONE) {
		seg->opt.present = timestamps_alone.present;
		tcp_options_take_timestamps(options + 4, &seg->opt);
		return true;
	}
	seg->opt.present = 0;
	return form == FORM_BARE;
}

/* Ends with the one call that some need. */
static inline void parse(struct tcp_seg *seg, const uint8_t *header, unsigned length)
{
	const uint8_t *options = header + TCP_HEADER;
	uint32_t from_offset = be32_get(header + TCP_AT_OFFSET);
	seg->seq = be32_get(header + TCP_AT_SEQ);
	seg->ack = be32_get(header + TCP_AT_ACK);
	seg->len = seg->rx.p->tot_len - length;
	seg->plain = from_offset & TCP_PLAIN;
	seg->flags = (uint8_t)(from_offset >> 16);
	seg->wnd = (uint16_t)from_offset;
	seg->parts = 1;
	seg->last = seg->rx.p;
	if (parse_usual(seg, options))
		take_payload(seg, length);
	else
		parse_unusual(seg, options, length - TCP_HEADER);
}

/* Ends as parse does. */
INLINE void fill(const struct tcp_stack *tcp, struct tcp_seg *seg, unsigned length)
{
	const uint8_t *header = seg->rx.p->payload;
	uint32_t ports = be32_get(header + TCP_AT_SOURCE);
	seg->remote_port = (uint16_t)(ports >> 16);
	seg->local_port = (uint16_t)ports;
	seg->hash = hash_of(tcp, seg);
	parse(seg, header, length);
}

/* One more of the burst. */
APART void add(struct stack *st, struct tcp_seg *seg, unsigned length)
{
	st->rx = &seg[1].rx;
	fill(tcp_of(st), seg, length);
}

/* Then the one before it will not be looked up at once. */
APART void begin_another(struct stack *st, struct tcp_seg *seg, unsigned length)
{
	struct tcp_stack *tcp = tcp_of(st);
	if (seg == tcp->burst + TCP_BURST) {
		tcp_input_flush(st);
		tcp->burst[0].rx = seg->rx;
		add(st, tcp->burst, length);
		return;
	}
	flow_table_prefetch(&tcp->flows, seg[-1].hash);
	add(st, seg, length);
}

/* What is usual ends here; a beginning needs registers saved for it, and joining does not. */
INLINE void gather(struct stack *st, struct tcp_seg *seg, unsigned length)
{
	const uint8_t *header = seg->rx.p->payload;
	if (seg == tcp_of(st)->burst)
		add(st, seg, length);
	else if (continues(seg - 1, &seg->rx, header, length))
		join(seg - 1, seg->rx.p, header, length);
	else
		begin_another(st, seg, length);
}

/* Lookup */

INLINE bool tcb_matches(const struct tcb *tcb, const struct tcp_seg *seg)
{
	const struct conn *conn = &tcb->conn;
	return conn->remote_port == seg->remote_port && conn->local_port == seg->local_port &&
		same_addresses(&conn->local, &conn->remote, &seg->rx.local, &seg->rx.remote);
}

static bool matches(void *tagged, const struct tcp_seg *seg)
{
	void *entry = tcp_untagged(tagged);
	switch (tcp_kind_of(tagged)) {
	case TCP_FLOW_TCB:
		return tcb_matches(entry, seg);
	case TCP_FLOW_SYN:
		return tcp_syn_cache_matches(entry, seg);
	case TCP_FLOW_TIME_WAIT:
		return tcp_time_wait_matches(entry, seg);
	}
	return false;
}

void *tcp_lookup(const struct tcp_stack *tcp, const struct tcp_seg *seg)
{
	struct flow_cursor cursor;
	void *tagged = flow_table_first(&tcp->flows, seg->hash, &cursor);
	while (tagged != NULL && !matches(tagged, seg))
		tagged = flow_table_next(&cursor);
	return tagged;
}

struct tcb *tcp_find(const struct stack *st, const ip_addr_t *local, uint16_t local_port,
	const ip_addr_t *remote, uint16_t remote_port)
{
	const struct tcp_stack *tcp = st->tcp;
	struct tcp_seg key = {.local_port = local_port, .remote_port = remote_port};
	key.rx.local = *local;
	key.rx.remote = *remote;
	key.hash = hash_of(tcp, &key);
	void *tagged = tcp_lookup(tcp, &key);
	return tagged != NULL && tcp_kind_of(tagged) == TCP_FLOW_TCB ? tagged : NULL;
}

/* Of the first with that hash: nearly always the one. */
static void prefetch_connection(const struct tcp_stack *tcp, const struct tcp_seg *seg)
{
	struct flow_cursor cursor;
	const uint8_t *tcb = tcp_untagged(flow_table_first(&tcp->flows, seg->hash, &cursor));
	if (tcb == NULL)
		return;
	__builtin_prefetch(tcb);
	__builtin_prefetch(tcb + 64);
	__builtin_prefetch(tcb + 128);
}

APART void prefetch_connections(const struct tcp_stack *tcp, const struct tcp_seg *end)
{
	flow_table_prefetch(&tcp->flows, end[-1].hash);
	for (const struct tcp_seg *seg = tcp->burst; seg != end; seg++)
		prefetch_connection(tcp, seg);
}

APART enum drop_reason dispatch_to_any(struct stack *st, struct tcp_seg *seg)
{
	void *tagged = tcp_lookup(tcp_of(st), seg);
	if (tagged == NULL)
		return tcp_listen_segment(st, seg);
	switch (tcp_kind_of(tagged)) {
	case TCP_FLOW_TCB:
		return tcp_segment_arrives(tagged, seg);
	case TCP_FLOW_SYN:
		return tcp_syn_cache_segment(st, tcp_untagged(tagged), seg);
	case TCP_FLOW_TIME_WAIT:
		return tcp_time_wait_segment(st, tcp_untagged(tagged), seg);
	}
	return DROP_TCP_REFUSED;
}

/* Nearly always it is the first entry with that hash, and a connection. */
INLINE enum drop_reason dispatch(struct stack *st, struct tcp_seg *seg)
{
	struct flow_cursor cursor;
	void *first = flow_table_first(&tcp_of(st)->flows, seg->hash, &cursor);
	if (first != NULL && tcp_kind_of(first) == TCP_FLOW_TCB && tcb_matches(first, seg))
		return tcp_segment_arrives(first, seg);
	return dispatch_to_any(st, seg);
}

INLINE void process(struct stack *st, struct tcp_seg *seg)
{
	enum drop_reason reason = dispatch(st, seg);
	if (reason != DROP_NONE)
		stack_count_drop(st, reason);
}

/* The segment of the burst that st->rx is part of. */
static inline struct tcp_seg *in_hand(const struct stack *st)
{
	return (struct tcp_seg *)st->rx;
}

void tcp_input_flush(struct stack *st)
{
	struct tcp_seg *seg = tcp_of(st)->burst, *end = in_hand(st);
	st->rx = &seg->rx;
	if (end > seg + 1)
		prefetch_connections(tcp_of(st), end);
	for (; seg != end; seg++)
		process(st, seg);
}

/* Segments one by one */

/* alone: in its burst, so that nothing is to be gathered. */
INLINE void take(struct stack *st, struct tcp_seg *seg, unsigned length, bool alone)
{
	if (alone) {
		fill(tcp_of(st), seg, length);
		process(st, seg);
	} else {
		gather(st, seg, length);
	}
}

/* Where the device did not sum. */
APART void sum_and_take(struct stack *st, struct tcp_seg *seg, unsigned length, bool alone)
{
	if (ip_rx_checksum_right(&seg->rx, IP_PROTO_TCP))
		take(st, seg, length, alone);
	else
		stack_drop(st, seg->rx.p, DROP_L4_CHECKSUM);
}

INLINE void input(struct stack *st, bool alone)
{
	struct tcp_seg *seg = in_hand(st);
	st->counters.tcp_rx_segments++;
	unsigned length = header_length(&seg->rx);
	if (length == 0)
		stack_drop(st, seg->rx.p, DROP_TCP_REFUSED);
	else if (seg->rx.p->pkt_flags & PKT_L4_CHECKSUM_GOOD)
		take(st, seg, length, alone);
	else
		sum_and_take(st, seg, length, alone);
}

void tcp_input(struct stack *st)
{
	input(st, false);
}

void tcp_input_alone(struct stack *st)
{
	input(st, true);
}
