/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/ip6_frags.h"

#include <string.h>

#include "lwip/icmp6.h"
#include "lwip/prot/ip6.h"
#include "stack/base/bytes.h"
#include "stack/ip_input.h"
#include "stack/lwip/lwip_hooks.h"
#include "stack/stack_internal.h"

/*
 * What waits at once. At a bound the oldest datagram goes, so that nobody keeps out what comes
 * next by what never becomes whole; beyond its share a source loses its own.
 */
#define DATAGRAMS_MAX          64u
#define FRAGMENTS_MAX          2048u
#define SOURCE_DATAGRAMS_MAX   (DATAGRAMS_MAX / 4)
#define SOURCE_FRAGMENTS_MAX   (FRAGMENTS_MAX / 4)
#define DATAGRAM_FRAGMENTS_MAX 128u   /* the longest, by the least MTU (RFC 8200 5), needs 54 */
#define LENGTH_MAX             65535u /* RFC 8200 4.5: of the fragmentable part */
#define TIMEOUT_MS             60000u /* RFC 8200 4.5 */
#define ECN_CE                 3u
_Static_assert(DATAGRAM_FRAGMENTS_MAX < SOURCE_FRAGMENTS_MAX, "of several, one is not the current");

#define AT_PAYLOAD_LENGTH 4u /* in an IPv6 header */

/* The fragment header: next header, reserved, offset with the M flag, identification. */
enum { AT_OFFSET = 2, AT_IDENTIFICATION = 4, MORE = 1, OFFSET_MASK = 0xfff8 };

struct fragment {
	TAILQ_ENTRY(fragment) entry;
	struct pbuf *p;
	uint32_t start, end; /* bytes of the fragmentable part */
};

struct datagram {
	TAILQ_ENTRY(datagram) entry;               /* by age */
	TAILQ_HEAD(fragments, fragment) fragments; /* by start, none overlaps */
	ip_addr_t local, remote;
	uint32_t identification;
	uint32_t length; /* 0: the last fragment is missing */
	uint32_t received;
	unsigned fragment_count;
	uint64_t deadline_ms;
	bool congestion; /* RFC 3168 5.3: one of them carried CE */
};

struct ip6_frags {
	TAILQ_HEAD(datagrams, datagram) datagrams;
};

bool ip6_frags_init(struct stack *st)
{
	st->ip6_frags = arena_calloc(&st->arena, 1, sizeof(*st->ip6_frags));
	if (st->ip6_frags == NULL)
		return false;
	TAILQ_INIT(&st->ip6_frags->datagrams);
	return true;
}

/* The end of a datagram */

static void free_fragment(struct stack *st, struct datagram *datagram, struct fragment *fragment)
{
	TAILQ_REMOVE(&datagram->fragments, fragment, entry);
	datagram->fragment_count--;
	arena_free(&st->arena, fragment);
}

static void free_datagram(struct stack *st, struct datagram *datagram)
{
	TAILQ_REMOVE(&st->ip6_frags->datagrams, datagram, entry);
	arena_free(&st->arena, datagram);
}

/* With all that it has, each fragment counted. */
static void give_up(struct stack *st, struct datagram *datagram)
{
	struct fragment *fragment;
	enum drop_reason reason = st->freeing ? DROP_SHUTDOWN : DROP_FRAGMENT_REFUSED;
	while ((fragment = TAILQ_FIRST(&datagram->fragments)) != NULL) {
		stack_drop(st, fragment->p, reason);
		free_fragment(st, datagram, fragment);
	}
	free_datagram(st, datagram);
}

void ip6_frags_free(struct stack *st)
{
	struct datagram *datagram;
	while ((datagram = TAILQ_FIRST(&st->ip6_frags->datagrams)) != NULL)
		give_up(st, datagram);
	arena_free(&st->arena, st->ip6_frags);
	st->ip6_frags = NULL;
}

/* A fragment as it came, for ICMP to quote: its headers still stand before what is kept of it. */
static struct pbuf as_it_came(const struct pbuf *p)
{
	struct pbuf whole = *p;
	uint16_t headers = IP6_HLEN + IP6_FRAGMENT_HEADER;
	whole.payload = (uint8_t *)whole.payload - headers;
	whole.len = (uint16_t)(whole.len + headers);
	whole.tot_len = (uint16_t)(whole.tot_len + headers);
	return whole;
}

/*
 * RFC 8200 4.5, RFC 4443 3.3: the sender is told, with the first fragment, if that is here. RFC 4443
 * 2.4 (e.3): not of a group.
 */
static void tell_of_timeout(const struct datagram *datagram)
{
	const struct fragment *first = TAILQ_FIRST(&datagram->fragments);
	if (first->start != 0 || ip_addr_ismulticast(&datagram->local))
		return;
	struct pbuf whole = as_it_came(first->p);
	icmp6_time_exceeded_with_addrs(
		&whole, ICMP6_TE_FRAG, ip_2_ip6(&datagram->remote), ip_2_ip6(&datagram->local));
}

void ip6_frags_run(struct stack *st)
{
	struct datagram *oldest;
	while ((oldest = TAILQ_FIRST(&st->ip6_frags->datagrams)) != NULL &&
		oldest->deadline_ms <= st->now_ms) {
		tell_of_timeout(oldest);
		give_up(st, oldest);
	}
}

uint64_t ip6_frags_next(const struct stack *st)
{
	const struct datagram *oldest = TAILQ_FIRST(&st->ip6_frags->datagrams);
	return oldest != NULL ? oldest->deadline_ms : UINT64_MAX;
}

/* Find */

static bool is_of(const struct datagram *datagram, const struct ip_rx *rx, uint32_t identification)
{
	return datagram->identification == identification &&
		ip_addr_eq(&datagram->remote, &rx->remote) &&
		ip_addr_eq(&datagram->local, &rx->local);
}

static struct datagram *find(struct stack *st, const struct ip_rx *rx, uint32_t identification)
{
	struct datagram *datagram;
	TAILQ_FOREACH_REVERSE(datagram, &st->ip6_frags->datagrams, datagrams, entry)
	{
		if (is_of(datagram, rx, identification))
			return datagram;
	}
	return NULL;
}

/* What waits of one source; or of all. */
struct share {
	unsigned datagrams, fragments;
	struct datagram *oldest; /* but for the current one */
};

static void count_in(struct share *share, struct datagram *datagram, const struct datagram *current)
{
	share->datagrams++;
	share->fragments += datagram->fragment_count;
	if (share->oldest == NULL && datagram != current)
		share->oldest = datagram;
}

/* For one fragment more of the current datagram; NULL: of a new one. */
static void make_room(struct stack *st, const struct ip_rx *rx, const struct datagram *current)
{
	struct share source = {0}, all = {0};
	unsigned more = current == NULL;
	struct datagram *datagram;
	TAILQ_FOREACH (datagram, &st->ip6_frags->datagrams, entry) {
		count_in(&all, datagram, current);
		if (ip_addr_eq(&datagram->remote, &rx->remote))
			count_in(&source, datagram, current);
	}
	if (source.fragments >= SOURCE_FRAGMENTS_MAX ||
		source.datagrams + more > SOURCE_DATAGRAMS_MAX)
		give_up(st, source.oldest);
	else if (all.fragments >= FRAGMENTS_MAX || all.datagrams + more > DATAGRAMS_MAX)
		give_up(st, all.oldest);
}

static struct datagram *start(struct stack *st, const struct ip_rx *rx, uint32_t identification)
{
	struct datagram *datagram = arena_calloc(&st->arena, 1, sizeof(*datagram));
	if (datagram == NULL)
		return NULL;
	TAILQ_INIT(&datagram->fragments);
	datagram->local = rx->local;
	datagram->remote = rx->remote;
	datagram->identification = identification;
	datagram->deadline_ms = st->now_ms + TIMEOUT_MS;
	TAILQ_INSERT_TAIL(&st->ip6_frags->datagrams, datagram, entry);
	return datagram;
}

/* Insert */

/* The last fragment that starts at or before an offset, or NULL. */
static struct fragment *fragment_before(struct datagram *datagram, uint32_t offset)
{
	struct fragment *fragment;
	TAILQ_FOREACH_REVERSE(fragment, &datagram->fragments, fragments, entry)
	{
		if (fragment->start <= offset)
			return fragment;
	}
	return NULL;
}

/* RFC 8200 4.5, RFC 5722: any overlap condemns the datagram; so do two ends, or bytes behind one. */
static bool contradicts(struct datagram *datagram, const struct fragment *before,
	const struct fragment *fragment, bool last)
{
	const struct fragment *behind =
		before != NULL ? TAILQ_NEXT(before, entry) : TAILQ_FIRST(&datagram->fragments);
	const struct fragment *final = TAILQ_LAST(&datagram->fragments, fragments);
	if (before != NULL && before->end > fragment->start)
		return true;
	if (behind != NULL && behind->start < fragment->end)
		return true;
	if (datagram->length != 0 && (last || fragment->end > datagram->length))
		return true;
	return last && final != NULL && final->end > fragment->end;
}

/* The same bytes once more are a duplicate, and no attack (RFC 8200 4.5). */
static bool is_duplicate(const struct fragment *before, const struct fragment *fragment)
{
	return before != NULL && before->start == fragment->start && before->end == fragment->end;
}

/* All fragments in one chain; the datagram is gone. */
static struct pbuf *join(struct stack *st, struct datagram *datagram)
{
	struct fragment *fragment;
	struct pbuf *whole = NULL;
	while ((fragment = TAILQ_FIRST(&datagram->fragments)) != NULL) {
		if (whole == NULL)
			whole = fragment->p;
		else
			pbuf_cat(whole, fragment->p);
		free_fragment(st, datagram, fragment);
	}
	free_datagram(st, datagram);
	return whole;
}

static enum drop_reason add(
	struct stack *st, struct datagram *datagram, struct fragment *fragment, bool last)
{
	struct fragment *before = fragment_before(datagram, fragment->start);
	if (is_duplicate(before, fragment))
		return DROP_FRAGMENT_REFUSED;
	if (datagram->fragment_count == DATAGRAM_FRAGMENTS_MAX ||
		contradicts(datagram, before, fragment, last)) {
		give_up(st, datagram);
		return DROP_FRAGMENT_REFUSED;
	}
	if (before != NULL)
		TAILQ_INSERT_AFTER(&datagram->fragments, before, fragment, entry);
	else
		TAILQ_INSERT_HEAD(&datagram->fragments, fragment, entry);
	datagram->fragment_count++;
	datagram->received += fragment->end - fragment->start;
	if (last)
		datagram->length = fragment->end;
	return DROP_NONE;
}

/*
 * RFC 8200 4.5: the field of a fragment that cannot be right, an offset from its IPv6 header on; 0:
 * none. A fragment goes alone for that, not the datagram.
 */
static uint32_t wrong_field(const struct fragment *fragment, bool last)
{
	if (!last && (fragment->end - fragment->start) % 8 != 0)
		return AT_PAYLOAD_LENGTH;
	return fragment->end > LENGTH_MAX ? IP6_HLEN + AT_OFFSET : 0;
}

/* RFC 4443 2.4 (e.3), (e.4): not of what went to many. */
static void tell_of_field(const struct ip_rx *rx, uint32_t field)
{
	struct pbuf whole = as_it_came(rx->p);
	if (!rx->to_group)
		icmp6_wrong_field(&whole, field, ip_2_ip6(&rx->remote), ip_2_ip6(&rx->local));
}

static enum drop_reason keep(struct stack *st, struct ip_rx *rx, struct fragment *fragment,
	const uint8_t header[IP6_FRAGMENT_HEADER])
{
	bool last = (be16_get(header + AT_OFFSET) & MORE) == 0;
	uint32_t identification = be32_get(header + AT_IDENTIFICATION);
	uint32_t field = wrong_field(fragment, last);
	if (field != 0)
		tell_of_field(rx, field);
	if (field != 0 || fragment->end == fragment->start)
		return DROP_FRAGMENT_REFUSED;
	struct datagram *datagram = find(st, rx, identification);
	make_room(st, rx, datagram);
	if (datagram == NULL)
		datagram = start(st, rx, identification);
	if (datagram == NULL)
		return DROP_NO_MEMORY;
	enum drop_reason reason = add(st, datagram, fragment, last);
	if (reason != DROP_NONE)
		return reason;
	datagram->congestion |= (rx->tos & ECN_CE) == ECN_CE;
	rx->p = NULL;
	if (datagram->length == 0 || datagram->received < datagram->length)
		return DROP_NONE;
	if (datagram->congestion)
		rx->tos |= ECN_CE;
	rx->p = join(st, datagram);
	return DROP_NONE;
}

enum drop_reason ip6_frags_input(
	struct stack *st, struct ip_rx *rx, const uint8_t header[IP6_FRAGMENT_HEADER])
{
	uint32_t offset = be16_get(header + AT_OFFSET) & OFFSET_MASK;
	struct fragment *fragment = arena_calloc(&st->arena, 1, sizeof(*fragment));
	enum drop_reason reason = DROP_NO_MEMORY;
	struct pbuf *p = rx->p;
	if (fragment != NULL) {
		fragment->p = p;
		fragment->start = offset;
		fragment->end = offset + p->tot_len;
		reason = keep(st, rx, fragment, header);
	}
	if (reason == DROP_NONE)
		return DROP_NONE;
	arena_free(&st->arena, fragment);
	pbuf_free(p);
	rx->p = NULL;
	return reason;
}
