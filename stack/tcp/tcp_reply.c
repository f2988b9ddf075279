/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Segments that no connection sends: answers to what belongs to none, SYN-ACKs of the SYN cache,
 * ACKs of TIME_WAIT; and how many of the answers that a stranger can provoke are given.
 *
 * Called from all of stack/tcp/; calls ip_output.
 */
#include "lwip/prot/ip.h"

#include "stack/ip_output.h"
#include "stack/tcp/tcp_handshake.h"

/* In each second, on average. */
#define CHALLENGES_PER_SECOND 1000u
#define RESETS_PER_SECOND     1000u

enum drop_reason tcp_refuse(struct tcp_seg *seg, enum drop_reason reason)
{
	if (seg->rx.p != NULL)
		pbuf_free(seg->rx.p);
	seg->rx.p = seg->last = NULL;
	return reason;
}

bool tcp_is_unicast(const struct stack *st, const ip_addr_t *address)
{
	return !ip_addr_isany(address) && !ip_addr_ismulticast(address) &&
		!stack_is_broadcast(st, address);
}

static enum drop_reason send_along(struct stack *st, struct dst *dst, const ip_addr_t *local,
	const ip_addr_t *remote, uint8_t tos, uint8_t ttl, const struct tcp_header *header)
{
	uint8_t room[IP_OUTPUT_ROOM + TCP_HEADER_MAX];
	struct ip_packet packet = {
		.dst = dst,
		.local = local,
		.remote = remote,
		.l4 = &room[IP_OUTPUT_ROOM],
		.proto = IP_PROTO_TCP,
		.ttl = ttl,
		.tos = tos,
		.dont_fragment = true,
	};
	packet.l4_length = (uint16_t)tcp_header_write(packet.l4, header);
	enum drop_reason reason = ip_output(st, &packet);
	if (reason == DROP_NONE) {
		st->counters.tcp_tx_segments++;
		if (header->flags & TH_RST)
			st->counters.tcp_resets_sent++;
	}
	stack_count_unsent(st, reason);
	return reason;
}

enum drop_reason tcp_reply_send(struct stack *st, struct dst *dst, const ip_addr_t *local,
	const ip_addr_t *remote, uint8_t tos, uint8_t ttl, const struct tcp_header *header)
{
	struct dst *own = NULL;
	if (dst == NULL && dst_get(st, local, remote, NULL, &own) != 0)
		return DROP_NO_ROUTE;
	enum drop_reason reason =
		send_along(st, dst != NULL ? dst : own, local, remote, tos, ttl, header);
	dst_put(st, own);
	return reason;
}

static bool is_allowed(struct stack *st, struct reply_rate *rate, uint32_t average)
{
	bool allowed = reply_rate_allows(st, rate, average);
	if (!allowed)
		st->counters.tcp_replies_withheld++;
	return allowed;
}

bool tcp_challenge_allowed(struct stack *st)
{
	if (!is_allowed(st, &tcp_of(st)->challenges, CHALLENGES_PER_SECOND))
		return false;
	st->counters.tcp_challenge_acks++;
	return true;
}

void tcp_reply_reset(struct stack *st, const struct tcp_seg *seg)
{
	/* RFC 9293 3.10.7.1: never in answer to a RST; RFC 1122 3.2.2: nor to a group, or to none */
	if ((seg->flags & TH_RST) || seg->rx.to_group || !tcp_is_unicast(st, &seg->rx.remote))
		return;
	if (!is_allowed(st, &tcp_of(st)->resets, RESETS_PER_SECOND))
		return;
	struct tcp_header header = {
		.local_port = seg->local_port,
		.remote_port = seg->remote_port,
		.flags = TH_RST,
	};
	if (seg->flags & TH_ACK) { /* <SEQ=SEG.ACK><CTL=RST> */
		header.seq = seg->ack;
	} else { /* <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK> */
		header.ack = seg->seq + tcp_seg_len(seg);
		header.flags |= TH_ACK;
	}
	tcp_reply_send(st, NULL, &seg->rx.local, &seg->rx.remote, 0, TCP_TTL_DEFAULT, &header);
}
