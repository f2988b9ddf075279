/* SPDX-License-Identifier: BSD-3-Clause */
/* UDP sockets on lwIP's UDP. */
#include "stack/dgram.h"

#include "lwip/prot/ip.h"
#include <errno.h>

#include "lwip/igmp.h"
#include "lwip/mld6.h"
#include "lwip/udp.h"
#include "stack/stack_internal.h"

#define RECEIVE_BYTES_DEFAULT (1u << 20)
#define RECEIVE_COUNT_DEFAULT 1024u
#define UDP_HEADER            8u
#define IP4_HEADER            20u
#define IP6_HEADER            40u

/* lwIP counts a packet with its IPv6 header in 16 bits: 20 bytes less than DGRAM_PAYLOAD_MAX. */
#define IP6_PAYLOAD_MAX (0xffffu - IP6_HEADER - UDP_HEADER)

/* One that waits. */
struct received {
	STAILQ_ENTRY(received) entry;
	struct dgram_rx rx;
};

struct dgram_udp {
	struct dgram dgram; /* first member */
	TAILQ_ENTRY(dgram_udp) entry;
	STAILQ_HEAD(, received) queue;
	struct udp_pcb *pcb;
	struct dgram_options options;
	bool connected, holds_port;
};

static struct dgram_udp *dgram_udp_of(struct dgram *dgram)
{
	return (struct dgram_udp *)dgram;
}

/* Receive */

static void event(struct dgram_udp *d, uint16_t events)
{
	d->dgram.ready.events |= events;
	stack_mark_ready(d->dgram.stack, &d->dgram.ready);
}

static bool has_room(const struct dgram_udp *d, uint32_t bytes)
{
	return d->dgram.rx_count < d->options.receive_count &&
		bytes <= d->options.receive_bytes - d->dgram.rx_bytes;
}

static void lose(struct dgram_udp *d, struct pbuf *p, enum drop_reason reason)
{
	d->dgram.rx_dropped++;
	stack_drop(d->dgram.stack, p, reason);
}

/* lwIP's udp_recv_fn; owns p, whose headers are removed. */
static void on_recv(
	void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from, u16_t from_port)
{
	struct dgram_udp *d = arg;
	if (!has_room(d, p->tot_len)) {
		lose(d, p, DROP_UDP_QUEUE_FULL);
		return;
	}
	struct received *received = arena_alloc(&d->dgram.stack->arena, sizeof(*received));
	if (received == NULL) {
		lose(d, p, DROP_NO_MEMORY);
		return;
	}
	received->rx = (struct dgram_rx){p, *from, from_port};
	STAILQ_INSERT_TAIL(&d->queue, received, entry);
	d->dgram.rx_count++;
	d->dgram.rx_bytes += p->tot_len;
	event(d, DGRAM_EV_READABLE);
}

bool dgram_next(struct dgram *dgram, struct dgram_rx *rx)
{
	struct dgram_udp *d = dgram_udp_of(dgram);
	struct received *first = STAILQ_FIRST(&d->queue);
	if (first == NULL)
		return false;
	STAILQ_REMOVE_HEAD(&d->queue, entry);
	*rx = first->rx;
	dgram->rx_count--;
	dgram->rx_bytes -= rx->payload->tot_len;
	arena_free(&dgram->stack->arena, first);
	return true;
}

/* Open */

static void fill_defaults(struct dgram_options *options)
{
	if (options->ttl == 0)
		options->ttl = UDP_TTL;
	if (options->receive_bytes == 0)
		options->receive_bytes = RECEIVE_BYTES_DEFAULT;
	if (options->receive_count == 0)
		options->receive_count = RECEIVE_COUNT_DEFAULT;
}

static void apply_options(struct dgram_udp *d)
{
	struct udp_pcb *pcb = d->pcb;
	pcb->tos = d->options.tos;
	pcb->ttl = d->options.ttl;
	if (d->options.broadcast)
		ip_set_option(pcb, SOF_BROADCAST);
	if (d->options.reuse_address || d->options.reuse_port)
		ip_set_option(pcb, SOF_REUSEADDR);
}

static int hold_port(struct dgram_udp *d, const ip_addr_t *remote, uint16_t port)
{
	struct stack *st = d->dgram.stack;
	int chosen;
	if (port == 0)
		chosen = port_choose(
			st, IP_PROTO_UDP, &d->dgram.local, remote, d->dgram.remote_port);
	else
		chosen = port_hold(st, IP_PROTO_UDP, port, d->options.reuse_port);
	if (chosen < 0)
		return chosen;
	d->holds_port = true;
	d->dgram.local_port = port == 0 ? (uint16_t)chosen : port;
	return 0;
}

/* RFC 1122 4.1.3.5: the local address of a connected socket is that of the route. */
static int check_ends(struct stack *st, ip_addr_t *local, const ip_addr_t *remote)
{
	if (!ip_addr_isany(local) && !ip_addr_ismulticast(local) && !stack_has_address(st, local))
		return -EADDRNOTAVAIL;
	if (remote == NULL)
		return 0;
	if (ip_addr_isany(remote) ||
		(IP_GET_TYPE(local) != IPADDR_TYPE_ANY &&
			IP_GET_TYPE(local) != IP_GET_TYPE(remote)))
		return -EINVAL;
	ip_addr_t wanted = *local;
	if (ip_addr_isany(local))
		wanted = IP_IS_V6(remote) ? *IP6_ADDR_ANY : *IP4_ADDR_ANY;
	return stack_route(&wanted, remote, local) != NULL ? 0 : -ENETUNREACH;
}

static int start(struct dgram_udp *d, const ip_addr_t *remote, uint16_t port)
{
	int error = hold_port(d, remote, port);
	if (error != 0)
		return error;
	d->pcb = udp_new_ip_type(IP_GET_TYPE(&d->dgram.local));
	if (d->pcb == NULL)
		return -ENOBUFS;
	apply_options(d);
	udp_recv(d->pcb, on_recv, d);
	error = stack_errno(udp_bind(d->pcb, &d->dgram.local, d->dgram.local_port));
	if (error == 0 && d->connected)
		error = stack_errno(udp_connect(d->pcb, remote, d->dgram.remote_port));
	return error;
}

static struct dgram_udp *new_socket(struct stack *st, const struct dgram_options *options)
{
	struct dgram_udp *d = arena_calloc(&st->arena, 1, sizeof(*d));
	if (d == NULL) {
		stack_count_drop(st, DROP_NO_MEMORY);
		return NULL;
	}
	d->dgram.ready.kind = READY_DGRAM;
	d->dgram.stack = st;
	d->options = *options;
	fill_defaults(&d->options);
	STAILQ_INIT(&d->queue);
	TAILQ_INSERT_TAIL(&st->dgrams, d, entry);
	return d;
}

int dgram_open(struct stack *st, const ip_addr_t *local, uint16_t local_port,
	const ip_addr_t *remote, uint16_t remote_port, const struct dgram_options *options,
	struct dgram **dgram)
{
	stack_enter(st);
	ip_addr_t from = *local, to = remote != NULL ? *remote : *IP_ANY_TYPE;
	stack_zone(st, &from);
	stack_zone(st, &to);
	int error = check_ends(st, &from, remote != NULL ? &to : NULL);
	if (error != 0)
		return error;
	struct dgram_udp *d = new_socket(st, options);
	if (d == NULL)
		return -ENOBUFS;
	d->connected = remote != NULL;
	d->dgram.local = from;
	d->dgram.remote = to;
	d->dgram.remote_port = remote != NULL ? remote_port : 0;
	error = start(d, d->connected ? &to : NULL, local_port);
	if (error != 0) {
		dgram_close(&d->dgram);
		return error;
	}
	*dgram = &d->dgram;
	return 0;
}

void dgram_close(struct dgram *dgram)
{
	struct dgram_udp *d = dgram_udp_of(dgram);
	struct stack *st = dgram->stack;
	struct dgram_rx rx;
	stack_enter(st);
	while (dgram_next(dgram, &rx))
		pbuf_free(rx.payload);
	if (d->pcb != NULL)
		udp_remove(d->pcb);
	if (d->holds_port)
		port_release(st, IP_PROTO_UDP, dgram->local_port);
	stack_unmark_ready(st, &dgram->ready);
	TAILQ_REMOVE(&st->dgrams, d, entry);
	arena_free(&st->arena, d);
}

void dgram_udp_free_all(struct stack *st)
{
	while (!TAILQ_EMPTY(&st->dgrams))
		dgram_close(&TAILQ_FIRST(&st->dgrams)->dgram);
}

/* Send */

static int check_destination(const struct dgram_udp *d, const struct pbuf *payload,
	const ip_addr_t *to, uint16_t to_port)
{
	if (payload->tot_len > DGRAM_PAYLOAD_MAX)
		return -EMSGSIZE;
	if (to == NULL)
		return d->connected ? 0 : -EDESTADDRREQ;
	if (d->connected && (!ip_addr_eq(to, &d->dgram.remote) || to_port != d->dgram.remote_port))
		return -EISCONN;
	if (IP_GET_TYPE(&d->dgram.local) != IPADDR_TYPE_ANY &&
		IP_GET_TYPE(&d->dgram.local) != IP_GET_TYPE(to))
		return -ENETUNREACH;
	if (to_port == 0 || ip_addr_isany(to))
		return -EDESTADDRREQ;
	return 0;
}

/* Whether it leaves in fragments: then the device cannot make the UDP checksum. */
static bool needs_fragments(const struct netif *netif, const struct pbuf *payload, bool ip6)
{
	uint32_t headers = UDP_HEADER + (ip6 ? IP6_HEADER : IP4_HEADER);
	return payload->tot_len + headers > (ip6 ? netif_mtu6(netif) : netif->mtu);
}

static int send_to(struct dgram_udp *d, struct pbuf *payload, const ip_addr_t *to, uint16_t to_port)
{
	struct stack *st = d->dgram.stack;
	ip_addr_t source, zoned = *to;
	if (IP_IS_V6(to) && payload->tot_len > IP6_PAYLOAD_MAX)
		return -EMSGSIZE;
	stack_zone(st, &zoned);
	if (stack_is_broadcast(st, &zoned) && !d->options.broadcast)
		return -EACCES;
	ip_addr_t local = d->dgram.local;
	if (ip_addr_isany(&local) || ip_addr_ismulticast(&local))
		local = IP_IS_V6(to) ? *IP6_ADDR_ANY : *IP4_ADDR_ANY;
	struct netif *netif = stack_route(&local, &zoned, &source);
	if (netif == NULL)
		return -ENETUNREACH;
	bool software = needs_fragments(netif, payload, IP_IS_V6(to));
	if (software)
		nif_software_udp_checksum(st, true);
	err_t err = udp_sendto_if_src(d->pcb, payload, &zoned, to_port, netif, &source);
	if (software)
		nif_software_udp_checksum(st, false);
	return stack_errno(err);
}

int dgram_send(struct dgram *dgram, struct pbuf *payload, const ip_addr_t *to, uint16_t to_port)
{
	struct dgram_udp *d = dgram_udp_of(dgram);
	stack_enter(dgram->stack);
	int error = check_destination(d, payload, to, to_port);
	if (error == 0 && to == NULL)
		error = send_to(d, payload, &dgram->remote, dgram->remote_port);
	else if (error == 0)
		error = send_to(d, payload, to, to_port);
	pbuf_free(payload);
	return error;
}

/* Multicast */

static err_t join4(const ip4_addr_t *group, bool join)
{
	return join ? igmp_joingroup(IP4_ADDR_ANY4, group) : igmp_leavegroup(IP4_ADDR_ANY4, group);
}

static err_t join6(const ip6_addr_t *group, bool join)
{
	return join ? mld6_joingroup(IP6_ADDR_ANY6, group) : mld6_leavegroup(IP6_ADDR_ANY6, group);
}

int dgram_membership(struct dgram *dgram, const ip_addr_t *group, bool join)
{
	stack_enter(dgram->stack);
	if (!ip_addr_ismulticast(group))
		return -EINVAL;
	err_t err = IP_IS_V6(group) ? join6(ip_2_ip6(group), join) : join4(ip_2_ip4(group), join);
	return err == ERR_OK ? 0 : -EINVAL;
}

/* RFC 1122 4.1.3.3: ICMP errors are for the socket that sent the datagram. */
void dgram_udp_icmp_error(struct stack *st, const struct flow *flow, int error)
{
	struct dgram_udp *d;
	TAILQ_FOREACH (d, &st->dgrams, entry) {
		if (!d->connected || d->dgram.local_port != flow->local_port ||
			d->dgram.remote_port != flow->remote_port ||
			!ip_addr_eq(&d->dgram.remote, &flow->remote))
			continue;
		d->dgram.ready.error = error;
		event(d, DGRAM_EV_ERROR);
		return;
	}
}
