/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 * -------------------
 * ip_judge tells in one pass over the headers what becomes of a frame. A whole TCP segment or UDP
 * datagram that is sent to us loses its headers and goes to its transport; what no host may take is
 * dropped with a reason; all the rest is lwIP's, which has ARP, ND, ICMP, IPv4 fragments, options,
 * extension headers and DHCP, and refuses what it does not want. In doubt a frame goes there:
 * this file must be right about what it takes, and need not know everything. IPv6 fragments of TCP
 * and UDP are put together by stack/ip6_frags.c.
 *
 * lwIP's netif is asked for our addresses as they stand, so that there is no copy to keep in step.
 */
#include "stack/ip_input.h"

#include <string.h>

#include "lwip/igmp.h"
#include "lwip/mld6.h"
#include "lwip/prot/ip.h"
#include "lwip/prot/ip6.h"
#include "stack/base/apart.h"
#include "stack/base/bytes.h"
#include "stack/base/checksum.h"
#include "stack/frame.h"
#include "stack/ip6_frags.h"
#include "stack/nif_internal.h"
#include "stack/stack_internal.h"
#include "stack/tcp/tcp.h"

#define IP4_HEADER 20u
#define IP6_HEADER 40u

enum { TYPE_IP4 = 0x0800, TYPE_ARP = 0x0806, TYPE_IP6 = 0x86dd };

/* Within an Ethernet header. */
enum { AT_TYPE = 12 };
/* RFC 791 3.1 */
enum { IP4_TOS = 1, IP4_LENGTH = 2, IP4_FRAGMENT = 6, IP4_TTL = 8, IP4_PROTO = 9 };
enum { IP4_SOURCE = 12, IP4_DESTINATION = 16 };
/* RFC 8200 3 */
enum { IP6_LENGTH = 4, IP6_NEXT = 6, IP6_HOPS = 7, IP6_SOURCE = 8, IP6_DESTINATION = 24 };
/* RFC 8200 4.5: within a fragment header; offset and M flag. */
enum { FRAGMENT_OFFSET = 2, FRAGMENT_PLACE = 0xfff9 };

#define IP4_VERSION_AND_LENGTH 0x45        /* no options */
#define IP4_KIND               0x3fff00ffu /* from IP4_FRAGMENT on: MF, offset, protocol */

/* Whom a destination address means. */
enum audience { FOR_OTHERS, FOR_US, FOR_GROUP };

static enum ip_fate refuse(struct ip_rx *rx, enum drop_reason reason)
{
	rx->reason = (uint8_t)reason;
	return IP_FATE_DROP;
}

static bool is_transport(uint8_t proto)
{
	return proto == IP_PROTO_TCP || proto == IP_PROTO_UDP;
}

static enum ip_fate fate_of(uint8_t proto)
{
	return proto == IP_PROTO_TCP ? IP_FATE_TCP : IP_FATE_UDP;
}

/*
 * A frame of several buffers loses what follows its `length` bytes behind the headers. lwIP's when
 * its transport header is not in one piece.
 */
APART enum ip_fate take_chain(struct ip_rx *rx, unsigned headers, unsigned length, uint8_t proto)
{
	struct pbuf *p = rx->p;
	unsigned flat = length < IP_INPUT_FLAT ? length : IP_INPUT_FLAT;
	if (p->len < headers + flat)
		return IP_FATE_LWIP;
	pbuf_realloc(p, (uint16_t)(headers + length));
	p->payload = (uint8_t *)p->payload + headers;
	p->len = (uint16_t)(p->len - headers);
	p->tot_len = (uint16_t)length;
	return fate_of(proto);
}

/*
 * The transport packet without the IP header and what follows it on the link. That the frame has
 * all of it was looked at before.
 */
INLINE enum ip_fate take(struct ip_rx *rx, unsigned headers, unsigned length, uint8_t proto)
{
	struct pbuf *p = rx->p;
	if (p->next != NULL)
		return take_chain(rx, headers, length, proto);
	p->payload = (uint8_t *)p->payload + headers;
	p->len = p->tot_len = (uint16_t)length;
	return fate_of(proto);
}

APART enum ip_fate take_fragment(struct ip_rx *rx, unsigned headers, unsigned length)
{
	unsigned all = headers + IP6_FRAGMENT_HEADER;
	enum ip_fate fate = take(rx, all, length - IP6_FRAGMENT_HEADER, IP_PROTO_UDP);
	/* Whatever the device summed, it was not the datagram. */
	rx->p->pkt_flags &= (u16_t)~PKT_L4_CHECKSUM_GOOD;
	return fate == IP_FATE_LWIP ? fate : IP_FATE_FRAGMENT;
}

/* IPv4 */

/* Returns it, in the order of the wire. */
static uint32_t put_ip4(ip_addr_t *out, const uint8_t *address)
{
	memcpy(&ip_2_ip4(out)->addr, address, sizeof(ip_2_ip4(out)->addr));
	IP_SET_TYPE_VAL(*out, IPADDR_TYPE_V4);
	return ip_2_ip4(out)->addr;
}

/* The directed broadcast address; our own where there is none (RFC 3021). */
APART uint32_t broadcast4(const struct netif *netif)
{
	uint32_t address = netif_ip4_addr(netif)->addr, host = ~netif_ip4_netmask(netif)->addr;
	return be32toh(host) > 1 ? address | host : address;
}

static bool is_address_elsewhere4(const struct nif *nif, uint32_t address)
{
	for (const struct nif *other = nif->stack->nifs; other != NULL; other = other->next) {
		if (netif_ip4_addr(&other->netif)->addr == address)
			return true;
	}
	return false;
}

/* RFC 1122 3.2.1.3, 3.3.4.2: an address of ours is ours by whatever interface it is reached. */
static enum audience audience4(struct nif *nif, uint32_t destination)
{
	const struct netif *netif = &nif->netif;
	if (destination == 0)
		return FOR_OTHERS;
	if (destination == netif_ip4_addr(netif)->addr)
		return FOR_US;
	if (destination == IPADDR_BROADCAST || destination == broadcast4(netif))
		return FOR_GROUP;
	const ip4_addr_t group = {destination};
	if (ip4_addr_ismulticast(&group))
		return igmp_lookfor_group(&nif->netif, &group) != NULL ? FOR_GROUP : FOR_OTHERS;
	return is_address_elsewhere4(nif, destination) ? FOR_US : FOR_OTHERS;
}

/* RFC 1122 3.2.1.3, RFC 1812 5.3.7: no multicast, reserved or loopback address is a source. */
static bool is_special_source4(uint32_t source)
{
	uint8_t first = (uint8_t)(be32toh(source) >> 24);
	return (uint8_t)(first - 1) >= 223 || first == 127; /* 0, and from 224 on */
}

/* Without an address of its own, a host asks for one (RFC 2131). */
APART enum ip_fate judge_special_source4(struct ip_rx *rx)
{
	bool none = (be32toh(ip_2_ip4(&rx->remote)->addr) >> 24) == 0;
	return none ? IP_FATE_LWIP : refuse(rx, DROP_IP_REFUSED);
}

/* Nor is the broadcast address, and nobody else sends from ours. */
static bool is_false_source4(const struct netif *netif, uint32_t source)
{
	bool all_ones = (source | netif_ip4_netmask(netif)->addr) == IPADDR_BROADCAST;
	return source == netif_ip4_addr(netif)->addr || (all_ones && source == broadcast4(netif));
}

/* No fragment, and of a protocol that is not lwIP's. */
static bool is_whole_transport4(const uint8_t *ip)
{
	uint32_t kind;
	memcpy(&kind, ip + IP4_FRAGMENT, sizeof(kind));
	kind &= htobe32(IP4_KIND);
	return kind == htobe32(IP_PROTO_TCP) || kind == htobe32(IP_PROTO_UDP);
}

/* Computed anew where it is needed: what is kept across a call takes a register to be saved. */
static inline const uint8_t *header_of(const struct ip_rx *rx)
{
	return (const uint8_t *)rx->p->payload + FRAME_HEADER;
}

/* Bytes behind the header; more than any frame has where the length does not reach behind it. */
static inline unsigned payload4(const uint8_t *ip)
{
	return be16_get(ip + IP4_LENGTH) - IP4_HEADER;
}

INLINE enum ip_fate enter4(struct ip_rx *rx)
{
	const uint8_t *ip = header_of(rx);
	return take(rx, FRAME_HEADER + IP4_HEADER, payload4(ip), ip[IP4_PROTO]);
}

/* Sent to another address than the interface's. */
APART enum ip_fate judge_audience4(struct ip_rx *rx)
{
	enum audience audience = audience4(rx->nif, ip_2_ip4(&rx->local)->addr);
	if (audience == FOR_OTHERS)
		return IP_FATE_LWIP;
	/* RFC 1122 3.3.6: what the link brought to many must have been meant for many. */
	if (audience == FOR_US && rx->to_group)
		return refuse(rx, DROP_IP_REFUSED);
	rx->to_group = audience == FOR_GROUP;
	return enter4(rx);
}

/* RFC 1812 5.2.2 (5), then RFC 1122 3.2.1.3: the addresses. */
INLINE enum ip_fate judge4_behind_sum(struct ip_rx *rx)
{
	const uint8_t *ip = header_of(rx);
	if (payload4(ip) > rx->p->tot_len - FRAME_HEADER - IP4_HEADER)
		return refuse(rx, DROP_IP_REFUSED);

	const struct netif *netif = &rx->nif->netif;
	uint32_t source = put_ip4(&rx->remote, ip + IP4_SOURCE);
	put_ip4(&rx->local, ip + IP4_DESTINATION);
	rx->tos = ip[IP4_TOS];
	rx->ttl = ip[IP4_TTL];
	if (!is_whole_transport4(ip))
		return IP_FATE_LWIP;
	if (is_special_source4(source))
		return judge_special_source4(rx);
	if (is_false_source4(netif, source))
		return refuse(rx, DROP_IP_REFUSED);
	if (ip_2_ip4(&rx->local)->addr != netif_ip4_addr(netif)->addr || rx->to_group)
		return judge_audience4(rx);
	return enter4(rx);
}

/* Where the device did not sum. */
APART enum ip_fate judge4_summing(struct ip_rx *rx)
{
	if (checksum_finish(checksum_ip4_header(header_of(rx))) != 0)
		return refuse(rx, DROP_IP_CHECKSUM);
	return judge4_behind_sum(rx);
}

/*
 * RFC 1812 5.2.2 in its order: (1) length, (2) checksum, (3) version, (4) header length, (5) total
 * length; but what has another version or options is lwIP's before its sum, over that header, is
 * looked at.
 */
INLINE enum ip_fate judge4(struct ip_rx *rx)
{
	if (header_of(rx)[0] != IP4_VERSION_AND_LENGTH)
		return IP_FATE_LWIP;
	if ((rx->p->pkt_flags & PKT_IP_CHECKSUM_GOOD) == 0)
		return judge4_summing(rx);
	return judge4_behind_sum(rx);
}

/* IPv6 */

static bool is_own6(const struct netif *netif, unsigned i, const uint8_t *address)
{
	return ip6_addr_isvalid(netif_ip6_addr_state(netif, i)) &&
		memcmp(netif_ip6_addr(netif, i)->addr, address, 16) == 0;
}

/* Which address of the interface this is, or -1. */
static int find_own6(struct nif *nif, const uint8_t *address)
{
	for (uint8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
		if (is_own6(&nif->netif, i, address)) {
			nif->ip6_last = i;
			return i;
		}
	}
	return -1;
}

/* RFC 4007 6: a link-local address is one of its own link only. */
static enum audience audience_elsewhere6(struct nif *nif, ip_addr_t *local)
{
	const uint8_t *address = (const uint8_t *)ip_2_ip6(local)->addr;
	if (ip6_addr_islinklocal(ip_2_ip6(local)))
		return FOR_OTHERS;
	for (struct nif *other = nif->stack->nifs; other != NULL; other = other->next) {
		if (other != nif && find_own6(other, address) >= 0)
			return FOR_US;
	}
	return FOR_OTHERS;
}

/* RFC 4291 2.7.1, 2.8: a group that was joined, or that of all nodes. */
static enum audience audience_group6(struct nif *nif, ip_addr_t *local)
{
	const ip6_addr_t *group = ip_2_ip6(local);
	ip6_addr_assign_zone(ip_2_ip6(local), IP6_UNKNOWN, &nif->netif);
	return ip6_addr_isallnodes_linklocal(group) ||
			mld6_lookfor_group(&nif->netif, group) != NULL
		? FOR_GROUP
		: FOR_OTHERS;
}

static void put_ip6(ip_addr_t *out, const uint8_t *address)
{
	memcpy(ip_2_ip6(out)->addr, address, 16);
	ip6_addr_clear_zone(ip_2_ip6(out));
	IP_SET_TYPE_VAL(*out, IPADDR_TYPE_V6);
}

/* Writes rx->local, too. */
static enum audience audience6(struct ip_rx *rx, const uint8_t *destination)
{
	int own = find_own6(rx->nif, destination);
	if (own >= 0) {
		rx->local = *netif_ip_addr6(&rx->nif->netif, own);
		return FOR_US;
	}
	put_ip6(&rx->local, destination);
	return destination[0] == 0xff ? audience_group6(rx->nif, &rx->local)
				      : audience_elsewhere6(rx->nif, &rx->local);
}

/*
 * RFC 4291 2.7, 2.5.2, 2.5.3, 2.5.5: no group, no unspecified, loopback or embedded IPv4 address is
 * a source on a link (::/96 and ::ffff:0:0/96), and nobody else sends from where it sends to.
 */
static bool is_false_source6(const uint8_t *source, const uint8_t *destination)
{
	if (source[0] == 0xff)
		return true;
	if (be32_get(source) == 0 && be32_get(source + 4) == 0) {
		uint32_t third = be32_get(source + 8);
		if (third == 0 || third == 0xffff)
			return true;
	}
	return memcmp(source, destination, 16) == 0;
}

static inline void put_zoned_ip6(struct nif *nif, ip_addr_t *out, const uint8_t *address)
{
	put_ip6(out, address);
	if (ip6_addr_islinklocal(ip_2_ip6(out)))
		ip6_addr_assign_zone(ip_2_ip6(out), IP6_UNICAST, &nif->netif);
}

/* A fragment whose header says that it is of TCP or UDP. */
static bool is_transport_fragment(const struct pbuf *p, const uint8_t *ip)
{
	return ip[IP6_NEXT] == IP6_NEXTH_FRAGMENT &&
		p->len >= FRAME_HEADER + IP6_HEADER + IP6_FRAGMENT_HEADER &&
		be16_get(ip + IP6_LENGTH) >= IP6_FRAGMENT_HEADER && is_transport(ip[IP6_HEADER]);
}

static inline enum ip_fate enter6(struct ip_rx *rx, const uint8_t *ip)
{
	unsigned length = be16_get(ip + IP6_LENGTH);
	if (ip[IP6_NEXT] == IP6_NEXTH_FRAGMENT)
		return take_fragment(rx, FRAME_HEADER + IP6_HEADER, length);
	return take(rx, FRAME_HEADER + IP6_HEADER, length, ip[IP6_NEXT]);
}

/* Sent to another address than the one that was found last. */
APART enum ip_fate judge_audience6(struct ip_rx *rx, const uint8_t *ip)
{
	enum audience audience = audience6(rx, ip + IP6_DESTINATION);
	if (audience == FOR_OTHERS)
		return IP_FATE_LWIP;
	/* RFC 1122 3.3.6 in spirit, as for IPv4. */
	if (audience == FOR_US && rx->to_group)
		return refuse(rx, DROP_IP_REFUSED);
	rx->to_group = audience == FOR_GROUP;
	return enter6(rx, ip);
}

/* RFC 8200 3, 4: the header; what has other ones behind it is lwIP's. */
APART enum ip_fate judge6(struct ip_rx *rx)
{
	struct pbuf *p = rx->p;
	const uint8_t *ip = (const uint8_t *)p->payload + FRAME_HEADER;
	if (p->len < FRAME_HEADER + IP6_HEADER)
		return refuse(rx, DROP_FRAME_SHORT);
	if (ip[0] >> 4 != 6 || (!is_transport(ip[IP6_NEXT]) && !is_transport_fragment(p, ip)))
		return IP_FATE_LWIP;
	if (IP6_HEADER + be16_get(ip + IP6_LENGTH) > p->tot_len - FRAME_HEADER)
		return refuse(rx, DROP_IP_REFUSED);

	if (is_false_source6(ip + IP6_SOURCE, ip + IP6_DESTINATION))
		return refuse(rx, DROP_IP_REFUSED);
	struct nif *nif = rx->nif;
	put_zoned_ip6(nif, &rx->remote, ip + IP6_SOURCE);
	rx->tos = (uint8_t)(be16_get(ip) >> 4);
	rx->ttl = ip[IP6_HOPS];
	if (!is_own6(&nif->netif, nif->ip6_last, ip + IP6_DESTINATION) || rx->to_group)
		return judge_audience6(rx, ip);
	rx->local = *netif_ip_addr6(&nif->netif, nif->ip6_last);
	return enter6(rx, ip);
}

/* The frame */

/* What is neither IPv4 nor IPv6. */
APART enum ip_fate judge_other(struct ip_rx *rx, uint16_t type)
{
	const struct pbuf *p = rx->p;
	if (type != htobe16(TYPE_ARP))
		return refuse(rx, DROP_ETHERTYPE);
	return p->len < frame_shortest(p) ? refuse(rx, DROP_FRAME_SHORT) : IP_FATE_LWIP;
}

/* RFC 1122 2.4, RFC 894: no frame that anybody here reads is shorter than an empty IPv4 packet. */
INLINE enum ip_fate judge(struct nif *nif, struct pbuf *p, struct ip_rx *rx)
{
	rx->p = p;
	rx->nif = nif;
	if (!netif_is_link_up(&nif->netif))
		return refuse(rx, DROP_LINK_DOWN);
	if (p->len < FRAME_HEADER + IP4_HEADER)
		return refuse(rx, DROP_FRAME_SHORT);
	if (p->tot_len > nif->frame_max)
		return refuse(rx, DROP_FRAME_LONG);
	const uint8_t *frame = p->payload;
	uint64_t first;
	memcpy(&first, frame, sizeof(first));
	rx->to_group = false;
	if (be64toh(first) >> 16 != nif->mac) {
		if ((frame[0] & 1) == 0)
			return refuse(rx, DROP_NOT_FOR_US);
		rx->to_group = true;
	}
	uint16_t type;
	memcpy(&type, frame + AT_TYPE, sizeof(type));
	if (type == htobe16(TYPE_IP4))
		return judge4(rx);
	if (type == htobe16(TYPE_IP6))
		return judge6(rx);
	return judge_other(rx, type);
}

enum ip_fate ip_judge(struct nif *nif, struct pbuf *p, struct ip_rx *rx)
{
	return judge(nif, p, rx);
}

/* Bytes before the payload are part of it from now on, or (negative) no longer. */
static void move_start(struct pbuf *p, int bytes)
{
	p->payload = (uint8_t *)p->payload - bytes;
	p->len = (uint16_t)(p->len + bytes);
	p->tot_len = (uint16_t)(p->tot_len + bytes);
}

/* As it came, for lwIP. What was behind the IP packet is gone. */
static void restore_headers(const struct ip_rx *rx)
{
	move_start(rx->p, FRAME_HEADER + (IP_IS_V6(&rx->remote) ? IP6_HEADER : IP4_HEADER));
}

/* What IPv6 fragments became */

/*
 * An IPv6 header before what was put together, where the first fragment's was: for another stack
 * core, or for lwIP. Of the longest datagrams tot_len is then what 16 bits make of it.
 */
static void put_header6(struct ip_rx *rx, uint8_t proto)
{
	struct pbuf *p = rx->p;
	uint16_t length = p->tot_len;
	move_start(p, IP6_HEADER);
	uint8_t *ip = p->payload;
	be32_put(ip, (uint32_t)6 << 28 | (uint32_t)rx->tos << 20);
	be16_put(ip + IP6_LENGTH, length);
	ip[IP6_NEXT] = proto;
	ip[IP6_HOPS] = rx->ttl;
	memcpy(ip + IP6_SOURCE, ip_2_ip6(&rx->remote)->addr, 16);
	memcpy(ip + IP6_DESTINATION, ip_2_ip6(&rx->local)->addr, 16);
}

/* Fragments came here before their ports were known (stack_config.redirect). */
static bool redirect6(struct stack *st, struct ip_rx *rx, uint8_t proto)
{
	const uint8_t *ports = rx->p->payload;
	if (st->redirect == NULL || rx->to_group || rx->p->len < 4)
		return false;
	put_header6(rx, proto);
	if (st->redirect(st->steering, rx->nif, proto, be16_get(ports + 2), rx->p))
		return true;
	move_start(rx->p, -(int)IP6_HEADER);
	return false;
}

/* Of UDP, what has no socket goes to lwIP, which says so where it can count its bytes. */
static void input_whole6(struct stack *st, struct ip_rx *rx, uint8_t proto)
{
	if (proto == IP_PROTO_TCP) {
		tcp_input(st);
		return;
	}
	if (dgram_input(st, rx))
		return;
	if (rx->p->tot_len > UINT16_MAX - IP6_HEADER) {
		stack_drop(st, rx->p, DROP_UDP_REFUSED);
		return;
	}
	put_header6(rx, proto);
	nif_input_ip(rx->nif, rx->p);
}

/* What redirect6 of another core made. lwIP does not see it: it could not count the longest. */
static void input_redirected6(struct nif *nif, struct pbuf *p)
{
	const uint8_t *ip = p->payload;
	uint8_t proto = ip[IP6_NEXT];
	struct ip_rx *rx = nif->stack->rx;
	*rx = (struct ip_rx){
		.p = p, .nif = nif, .tos = (uint8_t)(be16_get(ip) >> 4), .ttl = ip[IP6_HOPS]};
	put_zoned_ip6(nif, &rx->remote, ip + IP6_SOURCE);
	put_zoned_ip6(nif, &rx->local, ip + IP6_DESTINATION);
	rx->to_group = ip_addr_ismulticast(&rx->local);
	move_start(p, -(int)IP6_HEADER);
	input_whole6(nif->stack, rx, proto);
}

void ip_input_redirected(struct nif *nif, struct pbuf *p)
{
	const uint8_t *ip = p->payload;
	if (ip[0] >> 4 == 6 && is_transport(ip[IP6_NEXT]))
		input_redirected6(nif, p);
	else
		nif_input_ip(nif, p);
}

/*
 * RFC 8200 4.5: the upper-layer protocol is the one that the fragment header names. RFC 6946: one
 * that is the whole datagram does not wait, and nothing else meets it.
 */
static void input_fragment(struct stack *st, struct ip_rx *rx)
{
	uint8_t header[IP6_FRAGMENT_HEADER];
	memcpy(header, (const uint8_t *)rx->p->payload - sizeof(header), sizeof(header));
	bool whole = (be16_get(header + FRAGMENT_OFFSET) & FRAGMENT_PLACE) == 0;
	enum drop_reason reason = whole ? DROP_NONE : ip6_frags_input(st, rx, header);
	if (reason != DROP_NONE)
		stack_count_drop(st, reason);
	else if (rx->p != NULL && !redirect6(st, rx, header[0]))
		input_whole6(st, rx, header[0]);
}

/* The burst */

/* st->rx is not TCP's. */
APART void input_other(struct stack *st, enum ip_fate fate)
{
	struct ip_rx *rx = st->rx;
	switch (fate) {
	case IP_FATE_UDP:
		if (dgram_input(st, rx))
			break;
		/* DHCP's, or nobody's: port unreachable (RFC 1122 4.1.3.1). */
		restore_headers(rx);
		nif_input(rx->nif, rx->p);
		break;
	case IP_FATE_FRAGMENT:
		input_fragment(st, rx);
		break;
	case IP_FATE_LWIP:
		nif_input(rx->nif, rx->p);
		break;
	default:
		stack_drop(st, rx->p, (enum drop_reason)rx->reason);
		break;
	}
}

/* One of several: those of TCP wait for tcp_input_flush. */
static void input(struct stack *st, struct nif *nif, struct pbuf *p)
{
	st->counters.rx_bytes += p->tot_len;
	enum ip_fate fate = judge(nif, p, st->rx);
	if (fate == IP_FATE_TCP)
		tcp_input(st);
	else
		input_other(st, fate);
}

APART void input_alone(struct stack *st, struct nif *nif, struct pbuf *p)
{
	st->counters.rx_bytes += p->tot_len;
	enum ip_fate fate = judge(nif, p, st->rx);
	if (fate == IP_FATE_TCP) {
		tcp_input_alone(st);
	} else {
		input_other(st, fate);
		tcp_input_flush(st);
	}
}

APART void input_several(struct stack *st, struct nif *nif, struct pbuf *const *pkts, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (i + 1 < n) {
			/* The headers may end in the second line. */
			const uint8_t *next = pkts[i + 1]->payload;
			__builtin_prefetch(next);
			__builtin_prefetch(next + 64);
		}
		input(st, nif, pkts[i]);
	}
	tcp_input_flush(st);
}

void ip_input_burst(struct stack *st, struct nif *nif, struct pbuf *const *pkts, unsigned n)
{
	st->counters.rx_frames += n;
	if (n == 1)
		input_alone(st, nif, pkts[0]);
	else
		input_several(st, nif, pkts, n);
}
