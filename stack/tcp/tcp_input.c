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
 */
#include "lwip/prot/ip.h"
#include <string.h>

#include "stack/base/bytes.h"
#include "stack/ip_checksum.h"
#include "stack/tcp/tcp_internal.h"

#define GRO_MAX 0xffffu /* bytes of payload of a joined segment */

/* Both ends; the two addresses of one connection are of one family. */
static inline bool same_addresses(const ip_addr_t *local, const ip_addr_t *remote,
	const ip_addr_t *other_local, const ip_addr_t *other_remote)
{
	if (IP_GET_TYPE(remote) != IP_GET_TYPE(other_remote))
		return false;
	if (IP_IS_V6(remote))
		return ip6_addr_eq(ip_2_ip6(remote), ip_2_ip6(other_remote)) &&
			ip6_addr_eq(ip_2_ip6(local), ip_2_ip6(other_local));
	return ip4_addr_eq(ip_2_ip4(remote), ip_2_ip4(other_remote)) &&
		ip4_addr_eq(ip_2_ip4(local), ip_2_ip4(other_local));
}

/* Lists of pbufs that stand alone, from chains and back */

/* Takes a chain apart; empty pbufs are given back. */
static struct pbuf *flatten(struct pbuf *chain, struct pbuf **last)
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

static bool checksum_right(const struct ip_rx *rx)
{
	return rx->checksum_good || ip_rx_checksum_right(rx, IP_PROTO_TCP);
}

/* RFC 9293 3.1. The header lies in the first buffer: IP_INPUT_FLAT is the longest. */
static enum drop_reason check(const struct ip_rx *rx, unsigned *header_length)
{
	const uint8_t *header = rx->p->payload;
	if (rx->p->len < TCP_HEADER)
		return DROP_TCP_REFUSED;
	*header_length = (unsigned)(header[TCP_AT_OFFSET] >> 4) * 4;
	if (*header_length < TCP_HEADER || *header_length > rx->p->len)
		return DROP_TCP_REFUSED;
	return checksum_right(rx) ? DROP_NONE : DROP_L4_CHECKSUM;
}

static void parse(
	const struct ip_rx *rx, const uint8_t *header, unsigned length, struct tcp_seg *seg)
{
	seg->rx = *rx;
	seg->remote_port = be16_get(header + TCP_AT_SOURCE);
	seg->local_port = be16_get(header + TCP_AT_DESTINATION);
	seg->seq = be32_get(header + TCP_AT_SEQ);
	seg->ack = be32_get(header + TCP_AT_ACK);
	seg->flags = header[TCP_AT_FLAGS];
	seg->wnd = be16_get(header + TCP_AT_WINDOW);
	seg->parts = 1;
	/* RFC 9293 3.1, MUST-7: behind an illegal option nothing is read; what was before it holds. */
	tcp_options_parse(header + TCP_HEADER, length - TCP_HEADER, &seg->opt);
	seg->len = rx->p->tot_len - length;
}

/* Without its header; NULL when nothing is left, chains are taken apart. */
static inline struct pbuf *take_payload(struct pbuf *p, unsigned header_length, struct pbuf **last)
{
	p->payload = (uint8_t *)p->payload + header_length;
	p->len = (uint16_t)(p->len - header_length);
	p->tot_len = (uint16_t)(p->tot_len - header_length);
	if (p->next != NULL)
		return flatten(p, last);
	*last = p;
	if (p->len > 0)
		return p;
	stack_pbuf_free(p);
	return *last = NULL;
}

/* Generic receive offload */

/* An ACK with data, or without: nothing in it that must be seen by itself. */
static bool is_plain(uint8_t flags)
{
	return (flags & ~TH_PSH) == TH_ACK;
}

/* Timestamps and nothing else, or nothing. */
static bool same_options(const struct tcp_options *a, const uint8_t *options, unsigned length)
{
	if (a->sack_count > 0)
		return false;
	if (!a->has_ts)
		return length == 0;
	return length == TCPOLEN_TIMESTAMPS_PADDED &&
		be32_get(options) == TCPOPT_TIMESTAMPS_ALONE &&
		be32_get(options + 4) == a->ts_val && be32_get(options + 8) == a->ts_ecr;
}

static bool same_flow(const struct tcp_seg *a, const struct ip_rx *rx, const uint8_t *header)
{
	return a->remote_port == be16_get(header + TCP_AT_SOURCE) &&
		a->local_port == be16_get(header + TCP_AT_DESTINATION) &&
		same_addresses(&a->rx.local, &a->rx.remote, &rx->local, &rx->remote);
}

/* A segment that was not parsed yet continues a, with data, and says nothing that a does not say. */
static bool continues(
	const struct tcp_seg *a, const struct ip_rx *rx, const uint8_t *header, unsigned length)
{
	uint32_t bytes = rx->p->tot_len - length;
	return be32_get(header + TCP_AT_SEQ) == a->seq + a->len && is_plain(a->flags) &&
		is_plain(header[TCP_AT_FLAGS]) && a->len > 0 && bytes > 0 &&
		be32_get(header + TCP_AT_ACK) == a->ack &&
		be16_get(header + TCP_AT_WINDOW) == a->wnd && rx->tos == a->rx.tos &&
		a->len + bytes <= GRO_MAX &&
		same_options(&a->opt, header + TCP_HEADER, length - TCP_HEADER) &&
		same_flow(a, rx, header);
}

static void join(struct tcp_seg *a, struct pbuf *p, const uint8_t *header, unsigned length)
{
	struct pbuf *before = a->last;
	a->len += p->tot_len - length;
	a->flags |= header[TCP_AT_FLAGS]; /* PSH; both have ACK */
	a->parts++;
	before->next = take_payload(p, length, &a->last);
}

void tcp_input(struct stack *st, const struct ip_rx *rx)
{
	struct tcp_stack *tcp = tcp_of(st);
	const uint8_t *header = rx->p->payload;
	unsigned length;
	st->counters.tcp_rx_segments++;
	enum drop_reason reason = check(rx, &length);
	if (reason != DROP_NONE) {
		stack_drop(st, rx->p, reason);
		return;
	}
	struct tcp_seg *seg = &tcp->burst[tcp->burst_count];
	if (tcp->burst_count > 0 && continues(seg - 1, rx, header, length)) {
		join(seg - 1, rx->p, header, length);
		return;
	}
	if (tcp->burst_count == TCP_BURST) {
		tcp_input_flush(st);
		seg = tcp->burst;
	}
	parse(rx, header, length, seg);
	seg->rx.p = take_payload(rx->p, length, &seg->last);
	seg->hash = hash_of(tcp, seg);
	if (tcp->burst_count++ > 0) /* one that stays alone is looked up at once */
		flow_table_prefetch(&tcp->flows, seg[-1].hash);
}

/* Lookup */

static bool tcb_matches(const struct tcb *tcb, const struct tcp_seg *seg)
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

static inline void *find(const struct tcp_stack *tcp, const struct tcp_seg *seg)
{
	struct flow_cursor cursor;
	void *tagged = flow_table_first(&tcp->flows, seg->hash, &cursor);
	while (tagged != NULL && !matches(tagged, seg))
		tagged = flow_table_next(&cursor);
	return tagged;
}

void *tcp_lookup(const struct tcp_stack *tcp, const struct tcp_seg *seg)
{
	return find(tcp, seg);
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

static void prefetch_connections(const struct tcp_stack *tcp, unsigned count)
{
	flow_table_prefetch(&tcp->flows, tcp->burst[count - 1].hash);
	for (unsigned i = 0; i < count; i++)
		prefetch_connection(tcp, &tcp->burst[i]);
}

static enum drop_reason dispatch(struct stack *st, struct tcp_seg *seg)
{
	void *tagged = find(tcp_of(st), seg);
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

void tcp_input_flush(struct stack *st)
{
	struct tcp_stack *tcp = tcp_of(st);
	unsigned count = tcp->burst_count;
	tcp->burst_count = 0;
	if (count > 1)
		prefetch_connections(tcp, count);
	for (unsigned i = 0; i < count; i++) {
		struct tcp_seg *seg = &tcp->burst[i];
		if (seg->flags & TH_RST)
			st->counters.tcp_resets_received++;
		enum drop_reason reason = dispatch(st, seg);
		if (reason != DROP_NONE)
			stack_count_drop(st, reason);
	}
}
