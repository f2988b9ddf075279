/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP and UDP packets that took the way through lwIP: put together from fragments, or with options
 * before the transport header. lwIP gives them to raw sockets, as it does before its own UDP.
 *
 * Called by lwIP; calls stack_config.redirect for those of another stack core, tcp_input and
 * dgram_input for ours.
 */
#include "lwip/prot/ip.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/raw.h"

#include "stack/ip_input.h"
#include "stack/nif_internal.h"
#include "stack/stack_internal.h"
#include "stack/tcp/tcp.h"

#define PORTS_SIZE 4u /* source and destination stand first in both headers */

/* lwIP leaves a wrong payload length in the header of what it put together; nobody read it again. */
static void mend_length(struct pbuf *p)
{
	if (ip_current_is_v6())
		IP6H_PLEN_SET((struct ip6_hdr *)p->payload, p->tot_len - IP6_HLEN);
}

static bool is_to_group(const ip_addr_t *local, struct netif *netif)
{
	return ip_addr_ismulticast(local) || ip_addr_isbroadcast(local, netif);
}

static bool redirect(struct stack *st, uint8_t proto, struct pbuf *p)
{
	uint8_t ports[PORTS_SIZE];
	if (st->redirect == NULL || is_to_group(ip_current_dest_addr(), ip_current_input_netif()) ||
		pbuf_copy_partial(p, ports, PORTS_SIZE, ip_current_header_tot_len()) < PORTS_SIZE)
		return false;
	uint16_t local = (uint16_t)(ports[2] << 8 | ports[3]);
	mend_length(p);
	return st->redirect(st->steering, nif_of(ip_current_input_netif()), proto, local, p);
}

/* The interface's flags are those of the frame that lwIP has in hand (nif_input). */
static bool device_verified(uint8_t proto)
{
	uint16_t check =
		proto == IP_PROTO_TCP ? NETIF_CHECKSUM_CHECK_TCP : NETIF_CHECKSUM_CHECK_UDP;
	return (ip_current_input_netif()->chksum_flags & check) == 0;
}

/* What ip_input would say of it. p is still at its IP header. */
static void describe(struct ip_rx *rx, uint8_t proto, struct pbuf *p)
{
	const struct ip_hdr *ip4 = p->payload;
	const struct ip6_hdr *ip6 = p->payload;
	bool v6 = ip_current_is_v6();
	if (!device_verified(proto))
		p->pkt_flags &= (u16_t)~PKT_L4_CHECKSUM_GOOD;
	*rx = (struct ip_rx){
		.p = p,
		.nif = nif_of(ip_current_input_netif()),
		.local = *ip_current_dest_addr(),
		.remote = *ip_current_src_addr(),
		.tos = v6 ? (uint8_t)IP6H_TC(ip6) : IPH_TOS(ip4),
		.ttl = v6 ? IP6H_HOPLIM(ip6) : IPH_TTL(ip4),
		.to_group = is_to_group(ip_current_dest_addr(), ip_current_input_netif()),
	};
}

/* Eats all of TCP: lwIP has none. Of UDP what has a socket of ours. */
static u8_t on_packet(void *arg, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *from)
{
	struct stack *st = arg;
	struct ip_rx *rx = st->rx;
	uint16_t header = ip_current_header_tot_len();
	if (redirect(st, pcb->protocol, p))
		return 1;
	describe(rx, pcb->protocol, p);
	if (pbuf_remove_header(p, header) != 0)
		return 0;
	if (pcb->protocol == IP_PROTO_TCP) {
		tcp_input(st);
		return 1;
	}
	if (dgram_input(st, rx))
		return 1;
	pbuf_add_header_force(p, header);
	return 0;
}

static struct raw_pcb *watch(struct stack *st, uint8_t proto)
{
	struct raw_pcb *pcb = raw_new_ip_type(IPADDR_TYPE_ANY, proto);
	if (pcb != NULL)
		raw_recv(pcb, on_packet, st);
	return pcb;
}

bool transport_init(struct stack *st)
{
	st->raw_udp = watch(st, IP_PROTO_UDP);
	st->raw_tcp = watch(st, IP_PROTO_TCP);
	return st->raw_udp != NULL && st->raw_tcp != NULL;
}

void transport_fini(struct stack *st)
{
	raw_remove(st->raw_udp);
	raw_remove(st->raw_tcp);
}
