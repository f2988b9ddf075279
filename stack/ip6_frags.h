/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IPv6 datagrams for TCP and UDP, put together from fragments (RFC 8200 4.5). lwIP does the same for
 * all other protocols; it counts the IPv6 header into 16 bits and so cannot take the longest.
 *
 * Called from stack/ip_input.c and stack/stack.c.
 */
#ifndef RWS_IP6_FRAGS_H
#define RWS_IP6_FRAGS_H

#include <stdbool.h>
#include <stdint.h>

#include "stack/base/drop_reasons.h"

struct ip_rx;
struct stack;

#define IP6_FRAGMENT_HEADER 8u

bool ip6_frags_init(struct stack *st);
void ip6_frags_free(struct stack *st);

/*
 * Takes one fragment: rx->p from behind its fragment header on, `header` is that. DROP_NONE: with
 * the last one that was missing, rx->p is the whole transport packet, before, NULL. Otherwise the fragment, and if it proves
 * the datagram wrong all of that, was freed.
 */
enum drop_reason ip6_frags_input(
	struct stack *st, struct ip_rx *rx, const uint8_t header[IP6_FRAGMENT_HEADER]);

/* Gives up what waited for too long; when that is due next, ms, UINT64_MAX: never. */
void ip6_frags_run(struct stack *st);
uint64_t ip6_frags_next(const struct stack *st);

#endif
