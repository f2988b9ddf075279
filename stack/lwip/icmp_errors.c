/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ICMP and ICMPv6 errors, which lwIP does not tell TCP and UDP of: a raw pcb sees them, and finds
 * the connection or socket by the header of ours that they quote. What it understood it takes:
 * lwIP would count it among the messages that it refuses.
 *
 * A packet that was too big is no error to a socket: its path has a new MTU (RFC 1191, RFC 8201).
 * TCP believes that of a segment in flight; else there must be a socket of that port.
 */
#include "lwip/prot/ip.h"
#include <errno.h>
#include <string.h>

#include "lwip/inet_chksum.h"
#include "lwip/ip.h"
#include "lwip/raw.h"
#include "lwip/stats.h"
#include "stack/base/bytes.h"
#include "stack/stack_internal.h"
#include "stack/tcp/tcp.h"

#define ICMP_HEADER  8u
#define QUOTED_PORTS 8u /* RFC 792: at least 8 bytes behind the quoted IP header */
#define IP4_HEADER   20u
#define IP4_MAX      60u
#define IP4_OFFSET   0x1fffu
#define IP6_HEADER   40u

#define FRAGMENT_HEADER 8u      /* RFC 8200 4.5 */
#define FRAGMENT_OFFSET 0xfff8u /* in its second pair of bytes */

enum { ICMP4_UNREACHABLE = 3, ICMP4_FRAGMENTATION_NEEDED = 4, ICMP6_PACKET_TOO_BIG = 2 };

/* One error, as far as it matters. */
struct icmp_error {
	int error; /* negative errno, 0: none for us */
	bool hard; /* RFC 5461 2 */
};

/* What a message says. */
struct icmp_news {
	struct icmp_error error; /* none with too_big */
	bool too_big;
	uint16_t
		mtu; /* of the next hop, with too_big; 0: a router of old did not say (RFC 1191 5) */
};

/* RFC 1122 3.2.2.1 */
static struct icmp_error unreachable4(uint8_t code)
{
	switch (code) {
	case 2: /* protocol */
	case 3: /* port */
		return (struct icmp_error){.error = -ECONNREFUSED, .hard = true};
	case 9: /* administratively prohibited */
	case 10:
	case 13:
		return (struct icmp_error){.error = -EHOSTUNREACH, .hard = true};
	case 0:
	case 5:
	case 6:
		return (struct icmp_error){.error = -ENETUNREACH};
	default:
		return (struct icmp_error){.error = -EHOSTUNREACH};
	}
}

/* RFC 792; RFC 1122 3.2.2: what is told to the transport layer */
static struct icmp_error error_of_icmp4(uint8_t type, uint8_t code)
{
	switch (type) {
	case 3: /* destination unreachable */
		return unreachable4(code);
	case 11: /* time exceeded */
		return (struct icmp_error){.error = -EHOSTUNREACH};
	case 12: /* parameter problem */
		return (struct icmp_error){.error = -EPROTO};
	default:
		return (struct icmp_error){0};
	}
}

/* RFC 4443 3.1 */
static struct icmp_error unreachable6(uint8_t code)
{
	switch (code) {
	case 4: /* port */
		return (struct icmp_error){.error = -ECONNREFUSED, .hard = true};
	case 1: /* administratively prohibited */
		return (struct icmp_error){.error = -EHOSTUNREACH, .hard = true};
	case 0:
		return (struct icmp_error){.error = -ENETUNREACH};
	default:
		return (struct icmp_error){.error = -EHOSTUNREACH};
	}
}

/* RFC 4443 3 */
static struct icmp_error error_of_icmp6(uint8_t type, uint8_t code)
{
	switch (type) {
	case 1: /* destination unreachable */
		return unreachable6(code);
	case 3: /* time exceeded */
		return (struct icmp_error){.error = -EHOSTUNREACH};
	case 4: /* parameter problem; 1, of the next header, is IPv4's protocol unreachable */
		return code == 1 ? (struct icmp_error){.error = -ECONNREFUSED, .hard = true}
				 : (struct icmp_error){.error = -EPROTO};
	default:
		return (struct icmp_error){0};
	}
}

/* RFC 1191 4: where other messages have nothing, in the second word. */
static struct icmp_news news_of_icmp4(const uint8_t bytes[ICMP_HEADER])
{
	if (bytes[0] == ICMP4_UNREACHABLE && bytes[1] == ICMP4_FRAGMENTATION_NEEDED)
		return (struct icmp_news){.too_big = true, .mtu = be16_get(bytes + 6)};
	return (struct icmp_news){.error = error_of_icmp4(bytes[0], bytes[1])};
}

/* RFC 8201 4: less than what every link of IPv6 takes is not believed. */
static struct icmp_news news_of_icmp6(const uint8_t bytes[ICMP_HEADER])
{
	if (bytes[0] != ICMP6_PACKET_TOO_BIG)
		return (struct icmp_news){.error = error_of_icmp6(bytes[0], bytes[1])};
	uint32_t mtu = be32_get(bytes + 4);
	if (mtu < DST_MTU_MIN6 || mtu > UINT16_MAX)
		return (struct icmp_news){.too_big = false};
	return (struct icmp_news){.too_big = true, .mtu = (uint16_t)mtu};
}

static bool is_for_us(const struct icmp_news *news)
{
	return news->error.error != 0 || news->too_big;
}

static void tell_mtu(
	struct stack *st, uint16_t mtu, uint8_t proto, const struct flow *flow, uint32_t seq)
{
	if (proto == IP_PROTO_TCP)
		tcp_icmp_mtu(st, flow, seq, mtu);
	else if (proto == IP_PROTO_UDP && mtu != 0 && port_in_use(st, proto, flow->local_port))
		dst_lower_mtu(st, &flow->local, &flow->remote, mtu);
}

/* ports: the first 8 bytes of the quoted transport header. */
static void tell(struct stack *st, struct icmp_news news, uint8_t proto, struct flow *flow,
	const uint8_t ports[QUOTED_PORTS])
{
	flow->local_port = be16_get(ports);
	flow->remote_port = be16_get(ports + 2);
	if (news.too_big)
		tell_mtu(st, news.mtu, proto, flow, be32_get(ports + 4));
	else if (proto == IP_PROTO_TCP)
		tcp_icmp_error(st, flow, be32_get(ports + 4), news.error.error, news.error.hard);
	else if (proto == IP_PROTO_UDP)
		dgram_icmp_error(st, flow, news.error.error);
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

/* The transport header that an ICMPv6 error quotes. */
struct quoted_l4 {
	const uint8_t *ports; /* QUOTED_PORTS bytes; NULL: not there, or of a later fragment */
	uint8_t proto;
};

/* quoted: from the IPv6 header on; at least IP6_HEADER + QUOTED_PORTS bytes. */
static struct quoted_l4 find_quoted6(const uint8_t *quoted, unsigned length)
{
	const uint8_t *behind = quoted + IP6_HEADER;
	if (quoted[6] != IP6_NEXTH_FRAGMENT)
		return (struct quoted_l4){behind, quoted[6]};
	bool first = (be16_get(behind + 2) & FRAGMENT_OFFSET) == 0;
	if (!first || length < IP6_HEADER + FRAGMENT_HEADER + QUOTED_PORTS)
		return (struct quoted_l4){NULL, 0};
	return (struct quoted_l4){behind + FRAGMENT_HEADER, behind[0]};
}

/* What a raw pcb's function answers for a packet that it keeps from lwIP. */
static u8_t take(struct pbuf *p)
{
	pbuf_free(p);
	return 1;
}

/* Called by lwIP for every ICMP packet, from its IP header on. */
static u8_t on_icmp4(void *arg, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *from)
{
	uint8_t bytes[ICMP_HEADER + IP4_MAX + QUOTED_PORTS];
	uint16_t header = ip_current_header_tot_len();
	uint16_t length = pbuf_copy_partial(p, bytes, sizeof(bytes), header);
	if (length < ICMP_HEADER + IP4_HEADER + QUOTED_PORTS)
		return 0;
	struct icmp_news news = news_of_icmp4(bytes);
	const uint8_t *quoted = bytes + ICMP_HEADER;
	uint16_t quoted_header = (uint16_t)((quoted[0] & 0x0f) * 4);
	bool later = (be16_get(quoted + 6) & IP4_OFFSET) != 0; /* a fragment without ports */
	if (!is_for_us(&news) || quoted[0] >> 4 != 4 || quoted_header < IP4_HEADER || later ||
		length < ICMP_HEADER + quoted_header + QUOTED_PORTS || !checksum_right(p, header))
		return 0;
	struct flow flow;
	address4(&flow.local, quoted + 12);
	address4(&flow.remote, quoted + 16);
	tell(arg, news, quoted[9], &flow, quoted + quoted_header);
	ICMP_STATS_INC(icmp.recv);
	return take(p);
}

static u8_t on_icmp6(void *arg, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *from)
{
	uint8_t bytes[ICMP_HEADER + IP6_HEADER + FRAGMENT_HEADER + QUOTED_PORTS];
	uint16_t header = ip_current_header_tot_len();
	uint16_t length = pbuf_copy_partial(p, bytes, sizeof(bytes), header);
	if (length < ICMP_HEADER + IP6_HEADER + QUOTED_PORTS)
		return 0;
	struct icmp_news news = news_of_icmp6(bytes);
	const uint8_t *quoted = bytes + ICMP_HEADER;
	struct quoted_l4 l4 = find_quoted6(quoted, length - ICMP_HEADER);
	if (!is_for_us(&news) || quoted[0] >> 4 != 6 || l4.ports == NULL ||
		!checksum_right(p, header))
		return 0;
	struct flow flow;
	address6(&flow.local, quoted + 8);
	address6(&flow.remote, quoted + 24);
	tell(arg, news, l4.proto, &flow, l4.ports);
	ICMP6_STATS_INC(icmp6.recv);
	return take(p);
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
