/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A received UDP datagram, and what ICMP says of one that was sent.
 *
 * Called from stack/ip_input.c, stack/lwip/transport.c and stack/lwip/icmp_errors.c.
 */
#include "lwip/prot/ip.h"

#include "stack/base/bytes.h"
#include "stack/dgram_internal.h"
#include "stack/ip_checksum.h"

enum { AT_SOURCE = 0, AT_DESTINATION = 2, AT_LENGTH = 4, AT_CHECKSUM = 6 };

/*
 * RFC 768: a checksum of zero says that there is none; RFC 8200 8.1: not so with IPv6, whatever a
 * device says of it, to which it may be as good as right.
 */
static enum drop_reason check_checksum(const struct ip_rx *rx, const uint8_t *header)
{
	if (be16_get(header + AT_CHECKSUM) == 0)
		return IP_IS_V6(&rx->remote) ? DROP_L4_CHECKSUM : DROP_NONE;
	if (rx->p->pkt_flags & PKT_L4_CHECKSUM_GOOD)
		return DROP_NONE;
	return ip_rx_checksum_right(rx, IP_PROTO_UDP) ? DROP_NONE : DROP_L4_CHECKSUM;
}

/* RFC 768, RFC 1122 4.1: the datagram is as long as its header says, whatever IP brought. */
static enum drop_reason check(const struct ip_rx *rx)
{
	const uint8_t *header = rx->p->payload;
	if (rx->p->len < UDP_HEADER)
		return DROP_UDP_REFUSED;
	uint16_t length = be16_get(header + AT_LENGTH);
	if (length < UDP_HEADER || length > rx->p->tot_len)
		return DROP_UDP_REFUSED;
	if (length < rx->p->tot_len)
		pbuf_realloc(rx->p, length);
	return check_checksum(rx, header);
}

static void take_header(struct pbuf *p)
{
	p->payload = (uint8_t *)p->payload + UDP_HEADER;
	p->len = (uint16_t)(p->len - UDP_HEADER);
	p->tot_len = (uint16_t)(p->tot_len - UDP_HEADER);
}

/* Each gets a copy of its own but the last, since buffers have one owner. */
static void give_to_all(struct stack *st, struct pbuf *p, const struct flow *flow,
	const struct nif *nif, struct dgram_socket *first)
{
	struct dgram_socket *socket = first, *next;
	for (; (next = dgram_find_member(st, flow, nif, socket)) != NULL; socket = next)
		dgram_give_copy(socket, p, flow);
	dgram_receive(socket, p, flow);
}

void dgram_input_shared(
	struct stack *st, struct nif *nif, const struct dgram_rx *datagram, uint16_t port)
{
	struct flow flow = {.local = datagram->to,
		.remote = datagram->from,
		.local_port = port,
		.remote_port = datagram->from_port};
	stack_enter(st);
	bool to_group = ip_addr_ismulticast(&flow.local);
	struct dgram_socket *first =
		to_group ? dgram_find_member(st, &flow, nif, NULL) : dgram_find(st, &flow);
	if (first == NULL) {
		pbuf_free(datagram->payload); /* its port is here, whom it means is not */
		return;
	}
	st->counters.udp_rx++;
	if (to_group)
		give_to_all(st, datagram->payload, &flow, nif, first);
	else
		dgram_receive(first, datagram->payload, &flow);
}

static bool deliver_to_group(struct stack *st, const struct ip_rx *rx, const struct flow *flow)
{
	struct dgram_socket *first = dgram_find_member(st, flow, rx->nif, NULL);
	if (first == NULL)
		return false;
	take_header(rx->p);
	give_to_all(st, rx->p, flow, rx->nif, first);
	return true;
}

static bool deliver(struct stack *st, struct pbuf *p, const struct flow *flow)
{
	struct dgram_socket *socket = dgram_find(st, flow);
	if (socket == NULL)
		return false;
	take_header(p);
	dgram_receive(socket, p, flow);
	return true;
}

bool dgram_input(struct stack *st, const struct ip_rx *rx)
{
	enum drop_reason reason = check(rx);
	if (reason != DROP_NONE) {
		stack_drop(st, rx->p, reason);
		return true;
	}
	const uint8_t *header = rx->p->payload;
	struct flow flow = {.local = rx->local,
		.remote = rx->remote,
		.local_port = be16_get(header + AT_DESTINATION),
		.remote_port = be16_get(header + AT_SOURCE)};
	bool taken = rx->to_group ? deliver_to_group(st, rx, &flow) : deliver(st, rx->p, &flow);
	st->counters.udp_rx += taken; /* what is not, lwIP counts */
	return taken;
}

/* RFC 1122 4.1.3.3: ICMP errors are for the socket that sent the datagram. */
void dgram_icmp_error(struct stack *st, const struct flow *flow, int error)
{
	struct dgram_socket *socket = dgram_find_connected(st, flow);
	if (socket == NULL)
		return;
	socket->dgram.ready.error = error;
	dgram_event(socket, DGRAM_EV_ERROR);
}
