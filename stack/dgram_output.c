/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Datagrams that a UDP socket sends.
 *
 * Called from the socket above by dgram_send; calls ip_output, which fragments where it must.
 *
 * A datagram's ends are a struct flow as its receiver sees it: `local` is whom it goes to.
 */
#include "lwip/prot/ip.h"
#include <errno.h>

#include "stack/base/bytes.h"
#include "stack/dgram_internal.h"
#include "stack/ip_output.h"
#include "stack/nif_internal.h"

static int check_destination(const struct dgram_socket *socket, const struct pbuf *payload,
	const ip_addr_t *to, uint16_t to_port)
{
	const struct dgram *dgram = &socket->dgram;
	if (payload->tot_len > DGRAM_PAYLOAD_MAX)
		return -EMSGSIZE;
	if (to == NULL)
		return socket->connected ? 0 : -EDESTADDRREQ;
	if (socket->connected && (!ip_addr_eq(to, &dgram->remote) || to_port != dgram->remote_port))
		return -EISCONN;
	if (IP_GET_TYPE(&dgram->local) != IPADDR_TYPE_ANY &&
		IP_GET_TYPE(&dgram->local) != IP_GET_TYPE(to))
		return -ENETUNREACH;
	if (to_port == 0 || ip_addr_isany(to))
		return -EDESTADDRREQ;
	return 0;
}

void dgram_forget_dst(struct dgram_socket *socket)
{
	dst_put(socket->dgram.stack, socket->dst);
	socket->dst = NULL;
}

/* RFC 4007 9: a link-local address is not sent from on another link. */
static bool is_in_zone_of(const ip_addr_t *source, const struct dst *dst)
{
	return !IP_IS_V6(source) || !ip6_addr_has_zone(ip_2_ip6(source)) ||
		ip6_addr_test_zone(ip_2_ip6(source), &dst_nif(dst)->netif);
}

/* Where to and from which address; as last time, mostly. */
static int resolve(struct dgram_socket *socket, const struct flow *flow)
{
	struct stack *st = socket->dgram.stack;
	const ip_addr_t *to = &flow->local, *asked = &flow->remote;
	if (socket->dst != NULL && ip_addr_eq(to, &socket->dst_remote) &&
		ip_addr_eq(asked, &socket->dst_asked))
		return 0;
	dgram_forget_dst(socket);
	if (!ip_addr_isany(asked) && !stack_may_send_from(st, asked)) /* no more, or not yet */
		return -EADDRNOTAVAIL;
	int error = dst_get(st, asked, to, &socket->dst_source, &socket->dst);
	if (error != 0) {
		socket->dst = NULL;
		return error;
	}
	socket->dst_remote = *to;
	socket->dst_asked = *asked;
	if (is_in_zone_of(&socket->dst_source, socket->dst))
		return 0;
	dgram_forget_dst(socket);
	return -EADDRNOTAVAIL;
}

/* The address that a socket always sends from; any when it has none. */
static ip_addr_t own_source(const struct dgram_socket *socket, const ip_addr_t *to)
{
	ip_addr_t local = socket->dgram.local;
	if (ip_addr_isany(&local) || ip_addr_ismulticast(&local))
		local = IP_IS_V6(to) ? *IP6_ADDR_ANY : *IP4_ADDR_ANY;
	return local;
}

/* RFC 1122 4.1.3.5: a wish for the source is heard if the address is ours. */
static int choose_source(
	const struct dgram_socket *socket, const ip_addr_t *wished, struct flow *flow)
{
	const struct stack *st = socket->dgram.stack;
	flow->remote = own_source(socket, &flow->local);
	if (wished == NULL || ip_addr_isany(wished))
		return 0;
	ip_addr_t source = *wished;
	stack_zone(st, &source);
	if (!stack_has_address(st, &source)) {
		bool to_many = ip_addr_ismulticast(&source) || stack_is_broadcast(st, &source);
		return to_many ? 0 : -EADDRNOTAVAIL;
	}
	if (IP_GET_TYPE(&source) != IP_GET_TYPE(&flow->local) ||
		(!ip_addr_isany(&flow->remote) && !ip_addr_eq(&source, &flow->remote)))
		return -EADDRNOTAVAIL;
	flow->remote = source;
	return 0;
}

static int errno_of(enum drop_reason reason)
{
	if (reason == DROP_NONE)
		return 0;
	return reason == DROP_TX_TOO_LONG ? -EMSGSIZE : -ENOBUFS;
}

static int send_datagram(struct dgram_socket *socket, struct pbuf *payload, uint16_t to_port)
{
	struct stack *st = socket->dgram.stack;
	uint8_t bytes[IP_OUTPUT_ROOM + UDP_HEADER] = {0};
	uint8_t *header = bytes + IP_OUTPUT_ROOM;
	be16_put(header, socket->dgram.local_port);
	be16_put(header + 2, to_port);
	be16_put(header + 4, (uint16_t)(UDP_HEADER + payload->tot_len));
	struct ip_packet packet = {
		.dst = socket->dst,
		.local = &socket->dst_source,
		.remote = &socket->dst_remote,
		.l4 = header,
		.l4_length = UDP_HEADER,
		.proto = IP_PROTO_UDP,
		.ttl = ip_addr_ismulticast(&socket->dst_remote) ? socket->options.multicast_ttl
								: socket->options.ttl,
		.tos = socket->options.tos,
		.payload = payload,
		.length = payload->tot_len,
	};
	enum drop_reason reason = ip_output(st, &packet);
	st->counters.udp_tx += reason == DROP_NONE;
	stack_count_unsent(st, reason);
	return errno_of(reason);
}

/* Whether a datagram is for this host, not as last time. */
static bool is_home(const struct dgram_socket *socket, const ip_addr_t *to)
{
	if (socket->dst != NULL && ip_addr_eq(to, &socket->dst_remote))
		return false;
	return stack_has_address(socket->dgram.stack, to);
}

/* Nobody of this stack is meant: one of another may be. */
static int send_to_other_stack(
	struct dgram_socket *socket, struct pbuf *payload, const struct flow *flow)
{
	struct stack *st = socket->dgram.stack;
	const struct dgram_rx datagram = {payload, flow->remote, flow->local, flow->remote_port};
	if (st->share == NULL || !st->share(st->steering, st->nifs, &datagram, flow->local_port))
		return socket->connected ? -ECONNREFUSED : 0;
	st->counters.udp_tx++;
	return 0;
}

/*
 * RFC 1122 3.2.1.3: no device would bring back what we send to ourselves. It reaches the sockets of
 * this host, in a buffer of its own: the payload goes back to its owner as if it had been sent.
 */
static int send_home(struct dgram_socket *socket, struct pbuf *payload, struct flow *flow)
{
	struct stack *st = socket->dgram.stack;
	if (ip_addr_isany(&flow->remote))
		flow->remote = flow->local;
	struct dgram_socket *receiver = dgram_find(st, flow);
	if (receiver == NULL)
		return send_to_other_stack(socket, payload, flow);
	if (!dgram_give_copy(receiver, payload, flow))
		return -ENOBUFS;
	st->counters.udp_tx++;
	st->counters.udp_rx++;
	return 0;
}

/* RFC 1112 6.1: the members here hear it, too, on whichever stack; no device brings it back. */
static void loop_back(struct dgram_socket *socket, struct pbuf *payload, struct flow *flow)
{
	struct stack *st = socket->dgram.stack;
	struct nif *nif = dst_nif(socket->dst);
	struct dgram_socket *member = NULL;
	flow->remote = socket->dst_source;
	while ((member = dgram_find_member(st, flow, nif, member)) != NULL)
		st->counters.udp_rx += dgram_give_copy(member, payload, flow);
	if (st->share == NULL)
		return;
	const struct dgram_rx datagram = {payload, flow->remote, flow->local, flow->remote_port};
	st->share(st->steering, nif, &datagram, flow->local_port);
}

static int send_to(struct dgram_socket *socket, struct pbuf *payload, const ip_addr_t *from,
	const ip_addr_t *to, uint16_t to_port)
{
	struct stack *st = socket->dgram.stack;
	struct flow flow = {
		.local = *to, .local_port = to_port, .remote_port = socket->dgram.local_port};
	stack_zone(st, &flow.local);
	if (!socket->options.broadcast && stack_is_broadcast(st, &flow.local))
		return -EACCES;
	int error = choose_source(socket, from, &flow);
	if (error == 0 && is_home(socket, &flow.local))
		return send_home(socket, payload, &flow);
	if (error == 0)
		error = resolve(socket, &flow);
	if (error == 0)
		error = send_datagram(socket, payload, to_port);
	if (error == 0 && ip_addr_ismulticast(&flow.local) && !socket->options.no_multicast_loop)
		loop_back(socket, payload, &flow);
	return error;
}

int dgram_send_from(struct dgram *dgram, struct pbuf *payload, const ip_addr_t *from,
	const ip_addr_t *to, uint16_t to_port)
{
	struct dgram_socket *socket = dgram_socket_of(dgram);
	stack_enter(dgram->stack);
	int error = check_destination(socket, payload, to, to_port);
	if (error == 0 && to == NULL)
		error = send_to(socket, payload, from, &dgram->remote, dgram->remote_port);
	else if (error == 0)
		error = send_to(socket, payload, from, to, to_port);
	pbuf_free(payload);
	return error;
}

int dgram_send(struct dgram *dgram, struct pbuf *payload, const ip_addr_t *to, uint16_t to_port)
{
	return dgram_send_from(dgram, payload, NULL, to, to_port);
}
