/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ICMP and ICMPv6 errors, which lwIP does not tell TCP and UDP of: a raw pcb sees them, and finds
 * the connection or socket by the header of ours that they quote.
 */
#include "lwip/prot/ip.h"
#include <errno.h>
#include <string.h>

#include "lwip/inet_chksum.h"
#include "lwip/ip.h"
#include "lwip/raw.h"
#include "stack/stack_internal.h"

#define ICMP_HEADER  8u
#define QUOTED_PORTS 8u /* RFC 792: at least 8 bytes behind the quoted IP header */
#define IP4_HEADER   20u
#define IP4_MAX      60u
#define IP6_HEADER   40u

/* One error, as far as it matters. */
struct icmp_error {
	int error; /* negative errno, 0: none for us */
	bool hard; /* RFC 5461 2 */
};

static uint16_t be16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static uint32_t be32(const uint8_t *bytes)
{
	return (uint32_t)be16(bytes) << 16 | be16(bytes + 2);
}

/* RFC 792 and RFC 1122 3.2.2.1 */
static struct icmp_error error_of_icmp4(uint8_t type, uint8_t code)
{
	if (type != 3)
		return (struct icmp_error){0, false};
	switch (code) {
	case 2: /* protocol */
	case 3: /* port */
		return (struct icmp_error){-ECONNREFUSED, true};
	case 4: /* fragmentation needed: we never forbid it */
		return (struct icmp_error){0, false};
	case 9: /* administratively prohibited */
	case 10:
	case 13:
		return (struct icmp_error){-EHOSTUNREACH, true};
	case 0:
	case 5:
	case 6:
		return (struct icmp_error){-ENETUNREACH, false};
	default:
		return (struct icmp_error){-EHOSTUNREACH, false};
	}
}

/* RFC 4443 3.1 */
static struct icmp_error error_of_icmp6(uint8_t type, uint8_t code)
{
	if (type != 1)
		return (struct icmp_error){0, false};
	switch (code) {
	case 4: /* port */
		return (struct icmp_error){-ECONNREFUSED, true};
	case 1: /* administratively prohibited */
		return (struct icmp_error){-EHOSTUNREACH, true};
	case 0:
		return (struct icmp_error){-ENETUNREACH, false};
	default:
		return (struct icmp_error){-EHOSTUNREACH, false};
	}
}

/* ports: the first 8 bytes of the quoted transport header. */
static void tell(struct stack *st, struct icmp_error error, uint8_t proto, struct flow *flow,
	const uint8_t ports[QUOTED_PORTS])
{
	flow->local_port = be16(ports);
	flow->remote_port = be16(ports + 2);
	if (proto == IP_PROTO_TCP)
		conn_tcp_icmp_error(st, flow, be32(ports + 4), error.error, error.hard);
	else if (proto == IP_PROTO_UDP)
		dgram_udp_icmp_error(st, flow, error.error);
}

static bool checksum_right(struct pbuf *p, uint16_t header)
{
	if (pbuf_remove_header(p, header) != 0)
		return false;
	bool right = IP_IS_V6(ip_current_dest_addr())
		? ip_chksum_pseudo(p, IP6_NEXTH_ICMP6, p->tot_len, ip_current_src_addr(),
			  ip_current_dest_addr()) == 0
		: inet_chksum_pbuf(p) == 0;
	pbuf_add_header_force(p, header);
	return right;
}

static void address4(ip_addr_t *out, const uint8_t *bytes)
{
	ip4_addr_t address;
	memcpy(&address.addr, bytes, 4);
	ip_addr_copy_from_ip4(*out, address);
}

static void address6(ip_addr_t *out, const uint8_t *bytes)
{
	ip6_addr_t address = {0};
	memcpy(address.addr, bytes, 16);
	ip6_addr_assign_zone(&address, IP6_UNKNOWN, ip_current_netif());
	ip_addr_copy_from_ip6(*out, address);
}

/* Called by lwIP for every ICMP packet, from its IP header on. Never eats it. */
static u8_t on_icmp4(void *arg, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *from)
{
	uint8_t bytes[ICMP_HEADER + IP4_MAX + QUOTED_PORTS];
	uint16_t header = ip_current_header_tot_len();
	uint16_t length = pbuf_copy_partial(p, bytes, sizeof(bytes), header);
	if (length < ICMP_HEADER + IP4_HEADER + QUOTED_PORTS)
		return 0;
	struct icmp_error error = error_of_icmp4(bytes[0], bytes[1]);
	const uint8_t *quoted = bytes + ICMP_HEADER;
	uint16_t quoted_header = (uint16_t)((quoted[0] & 0x0f) * 4);
	if (error.error == 0 || quoted[0] >> 4 != 4 || quoted_header < IP4_HEADER ||
		length < ICMP_HEADER + quoted_header + QUOTED_PORTS || !checksum_right(p, header))
		return 0;
	struct flow flow;
	address4(&flow.local, quoted + 12);
	address4(&flow.remote, quoted + 16);
	tell(arg, error, quoted[9], &flow, quoted + quoted_header);
	return 0;
}

static u8_t on_icmp6(void *arg, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *from)
{
	uint8_t bytes[ICMP_HEADER + IP6_HEADER + QUOTED_PORTS];
	uint16_t header = ip_current_header_tot_len();
	if (pbuf_copy_partial(p, bytes, sizeof(bytes), header) < sizeof(bytes))
		return 0;
	struct icmp_error error = error_of_icmp6(bytes[0], bytes[1]);
	const uint8_t *quoted = bytes + ICMP_HEADER;
	if (error.error == 0 || quoted[0] >> 4 != 6 || !checksum_right(p, header))
		return 0;
	struct flow flow;
	address6(&flow.local, quoted + 8);
	address6(&flow.remote, quoted + 24);
	tell(arg, error, quoted[6], &flow, quoted + IP6_HEADER);
	return 0;
}

bool icmp_errors_init(struct stack *st)
{
	st->icmp4 = raw_new_ip_type(IPADDR_TYPE_V4, IP_PROTO_ICMP);
	st->icmp6 = raw_new_ip_type(IPADDR_TYPE_V6, IP6_NEXTH_ICMP6);
	if (st->icmp4 == NULL || st->icmp6 == NULL)
		return false;
	raw_recv(st->icmp4, on_icmp4, st);
	raw_recv(st->icmp6, on_icmp6, st);
	return raw_bind(st->icmp4, IP4_ADDR_ANY) == ERR_OK &&
		raw_bind(st->icmp6, IP6_ADDR_ANY) == ERR_OK;
}

void icmp_errors_fini(struct stack *st)
{
	raw_remove(st->icmp4);
	raw_remove(st->icmp6);
}
