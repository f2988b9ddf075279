/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets that belong to another stack core although they were brought here: see
 * stack_config.redirect. Called by lwIP, as raw sockets are, before its UDP and TCP see a packet.
 */
#include "lwip/prot/ip.h"
#include "lwip/prot/ip6.h"
#include "lwip/raw.h"

#include "stack/stack_internal.h"

#define PORTS_SIZE 4u /* source and destination stand first in both headers */

/* lwIP leaves a wrong payload length in the header of what it put together; nobody read it again. */
static void mend_length(struct pbuf *p)
{
	if (ip_current_is_v6())
		IP6H_PLEN_SET((struct ip6_hdr *)p->payload, p->tot_len - IP6_HLEN);
}

static u8_t on_packet(void *arg, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *from)
{
	struct stack *st = arg;
	uint8_t ports[PORTS_SIZE];

	if (pbuf_copy_partial(p, ports, PORTS_SIZE, ip_current_header_tot_len()) < PORTS_SIZE)
		return 0;
	uint16_t local = (uint16_t)(ports[2] << 8 | ports[3]);
	struct nif *nif = nif_of(ip_current_input_netif());
	mend_length(p);
	return st->redirect(st->steering, nif, pcb->protocol, local, p);
}

static struct raw_pcb *watch(struct stack *st, uint8_t proto)
{
	struct raw_pcb *pcb = raw_new_ip_type(IPADDR_TYPE_ANY, proto);

	if (pcb != NULL)
		raw_recv(pcb, on_packet, st);
	return pcb;
}

bool redirect_init(struct stack *st)
{
	if (st->redirect == NULL)
		return true;
	st->redirect_udp = watch(st, IP_PROTO_UDP);
	st->redirect_tcp = watch(st, IP_PROTO_TCP);
	return st->redirect_udp != NULL && st->redirect_tcp != NULL;
}

void redirect_fini(struct stack *st)
{
	if (st->redirect == NULL)
		return;
	raw_remove(st->redirect_udp);
	raw_remove(st->redirect_tcp);
}
