/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How packets to one remote address leave: interface, source address, the next hop's link header,
 * and the path MTU. Shared by all connections and sockets to that address, and counted.
 *
 * Called from stack/tcp/, stack/dgram.c and stack/ip_output.c; calls lwIP's routing, ARP and ND.
 */
#ifndef RWS_DST_H
#define RWS_DST_H

#include <stdbool.h>
#include <stdint.h>

#include "lwip/ip_addr.h"

struct dst;
struct nif;
struct stack;

/*
 * Finds or makes the entry for a remote address, and holds it for the caller. local may be any
 * (IP_ANY_TYPE too): the source is then chosen (RFC 1122 3.3.4.3, RFC 6724). IPv6 link-local
 * addresses carry their zone (stack_zone). remote may be a multicast or broadcast address.
 *
 * 0 with the source address in *source (may be NULL) and the entry in *dst, -ENETUNREACH (no
 * route, or no address to send from), or -ENOBUFS.
 */
int dst_get(struct stack *st, const ip_addr_t *local, const ip_addr_t *remote, ip_addr_t *source,
	struct dst **dst);

void dst_hold(struct dst *dst);

/* Gives one hold back; dst may be NULL. The entry stays for the next one who asks, for a while. */
void dst_put(struct stack *st, struct dst *dst);

struct nif *dst_nif(const struct dst *dst);

/* Path MTU: bytes of an IP packet, header included. At most that of the interface. */
uint16_t dst_mtu(const struct dst *dst);

/* Whether the next hop has answered ARP or ND. */
bool dst_is_resolved(const struct dst *dst);

/*
 * A new path MTU, from ICMP (RFC 1191, RFC 8201) or from probing (RFC 8899). Never below
 * DST_MTU_MIN4 or DST_MTU_MIN6, nor above the interface's. One that is lower than the interface's
 * is forgotten after DST_MTU_AGE_NS (RFC 1191 6.3, RFC 8201 4): dst_mtu then says the
 * interface's again.
 */
void dst_set_mtu(struct stack *st, struct dst *dst, uint16_t mtu);

#define DST_MTU_MIN4   552u  /* what most hosts agree on not to go below, see dst_set_mtu */
#define DST_MTU_MIN6   1280u /* RFC 8201 4 */
#define DST_MTU_AGE_NS (600ULL * 1000000000ULL)

/*
 * There was forward progress (RFC 4861 7.3.1): what was sent arrived. Cheap; at most once a second
 * it tells lwIP's neighbour cache, which then need not probe.
 */
void dst_confirm(struct stack *st, struct dst *dst);

#endif
