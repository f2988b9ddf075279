/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/options.h"

#include <errno.h>
#include <stdlib.h>

#include "api/address.h"
#include "api/channel.h"
#include "stack/conn.h"

#define NS_PER_MS     1000000LL
#define NS_PER_SECOND 1000000000LL

#define BUFFER_DEFAULT        (1024u * 1024u)
#define UDP_RECEIVE_MIN       (2 * RWS_DATAGRAM_MAX) /* either half of it holds any datagram */
#define BACKLOG_DEFAULT       511u
#define LINGER_DEFAULT        (30 * NS_PER_SECOND)
#define TTL_DEFAULT           64u
#define MULTICAST_TTL_DEFAULT 1u
#define KEEP_IDLE_DEFAULT     (7200 * NS_PER_SECOND) /* RFC 9293 3.8.4: no less than two hours */
#define KEEP_INTERVAL_DEFAULT (75 * NS_PER_SECOND)
#define KEEP_COUNT_DEFAULT    9u
#define KEEP_COUNT_MAX        255u
#define TCP_TIME_MAX          (CONN_TIME_MAX_MS * NS_PER_MS)
#define ECN_BITS              3u /* RFC 3168 5 */

struct shared_options {
	struct rws_options options; /* first member */
	uint32_t users;
	bool send_buffer_grows, receive_buffer_grows;
};

/* ---- What a kind of socket can have ----------------------------------------------------- */

static bool has_negative_time(const struct rws_options *o)
{
	return o->linger_ns < 0 || o->keep_idle_ns < 0 || o->keep_interval_ns < 0 ||
		o->user_timeout_ns < 0 || o->socket_timeout_ns < 0 || o->connect_timeout_ns < 0;
}

static bool has_some_of_tcp(const struct rws_options *o)
{
	return o->delay || o->keep_alive || o->rst_drop || o->linger_zero || o->keep_idle_ns != 0 ||
		o->keep_interval_ns != 0 || o->keep_count != 0 || o->user_timeout_ns != 0 ||
		o->socket_timeout_ns != 0;
}

static bool has_some_of_udp(const struct rws_options *o)
{
	return o->broadcast || o->multicast_ttl != 0 || o->no_multicast_loop;
}

static bool has_some_of_connect(const struct rws_options *o)
{
	return o->connect_timeout_ns != 0 || o->local.family != 0 || o->local.port != 0 ||
		!address_is_any(&o->local);
}

int options_check(enum sock_kind kind, const struct rws_options *o)
{
	if (o == NULL)
		return 0;
	if (has_negative_time(o))
		return -EINVAL;
	if ((kind == SOCK_UDP && has_some_of_tcp(o)) || (kind != SOCK_UDP && has_some_of_udp(o)) ||
		(kind != SOCK_TCP && has_some_of_connect(o)) ||
		(kind != SOCK_LISTENER && o->backlog != 0))
		return -ENOPROTOOPT;
	return 0;
}

bool options_may_follow(const struct rws_options *old, const struct rws_options *wanted)
{
	return wanted->reuse_address == old->reuse_address &&
		wanted->reuse_port == old->reuse_port &&
		wanted->receive_buffer == old->receive_buffer &&
		wanted->connect_timeout_ns == old->connect_timeout_ns;
}

/* ---- As they take effect ---------------------------------------------------------------- */

/* A time of TCP's, in the milliseconds that it counts in. */
static int64_t tcp_time(int64_t ns, int64_t otherwise)
{
	if (ns == 0)
		return otherwise;
	if (ns >= TCP_TIME_MAX)
		return TCP_TIME_MAX;
	return (ns + NS_PER_MS - 1) / NS_PER_MS * NS_PER_MS;
}

static uint32_t within(uint32_t value, uint32_t low, uint32_t high)
{
	return value < low ? low : value > high ? high : value;
}

static void fill_tcp(struct rws_options *o)
{
	o->type_of_service &= (uint8_t)~ECN_BITS;
	o->receive_buffer =
		within(o->receive_buffer, CONN_RECEIVE_WINDOW_MIN, CONN_RECEIVE_WINDOW_MAX);
	o->keep_idle_ns = tcp_time(o->keep_idle_ns, KEEP_IDLE_DEFAULT);
	o->keep_interval_ns = tcp_time(o->keep_interval_ns, KEEP_INTERVAL_DEFAULT);
	o->keep_count =
		o->keep_count == 0 ? KEEP_COUNT_DEFAULT : within(o->keep_count, 1, KEEP_COUNT_MAX);
	o->user_timeout_ns = tcp_time(o->user_timeout_ns, 0);
}

static void fill_udp(struct rws_options *o)
{
	o->receive_buffer = within(o->receive_buffer, UDP_RECEIVE_MIN, UINT32_MAX);
	if (o->multicast_ttl == 0)
		o->multicast_ttl = MULTICAST_TTL_DEFAULT;
}

static struct rws_options as_in_effect(enum sock_kind kind, const struct rws_options *from)
{
	struct rws_options to = from != NULL ? *from : (struct rws_options){0};

	to.local = (struct rws_address){0};
	if (to.ttl == 0)
		to.ttl = TTL_DEFAULT;
	if (to.send_buffer == 0)
		to.send_buffer = BUFFER_DEFAULT;
	to.send_buffer = within(to.send_buffer, 1, CHANNEL_CAPACITY_MAX);
	if (to.receive_buffer == 0)
		to.receive_buffer = BUFFER_DEFAULT;
	if (to.linger_ns <= 0)
		to.linger_ns = LINGER_DEFAULT;
	if (kind == SOCK_LISTENER && to.backlog == 0)
		to.backlog = BACKLOG_DEFAULT;
	if (kind == SOCK_UDP)
		fill_udp(&to);
	else
		fill_tcp(&to);
	return to;
}

/* ---- Sharing ---------------------------------------------------------------------------- */

static bool are_equal(const struct shared_options *known, const struct shared_options *wanted)
{
	const struct rws_options *a = &known->options, *b = &wanted->options;

	return known->send_buffer_grows == wanted->send_buffer_grows &&
		known->receive_buffer_grows == wanted->receive_buffer_grows &&
		a->type_of_service == b->type_of_service && a->ttl == b->ttl &&
		a->reuse_address == b->reuse_address && a->reuse_port == b->reuse_port &&
		a->delay == b->delay && a->keep_alive == b->keep_alive &&
		a->broadcast == b->broadcast && a->rst_drop == b->rst_drop &&
		a->backlog == b->backlog && a->send_buffer == b->send_buffer &&
		a->receive_buffer == b->receive_buffer && a->linger_ns == b->linger_ns &&
		a->linger_zero == b->linger_zero && a->keep_idle_ns == b->keep_idle_ns &&
		a->keep_interval_ns == b->keep_interval_ns && a->keep_count == b->keep_count &&
		a->user_timeout_ns == b->user_timeout_ns &&
		a->socket_timeout_ns == b->socket_timeout_ns &&
		a->connect_timeout_ns == b->connect_timeout_ns &&
		a->multicast_ttl == b->multicast_ttl &&
		a->no_multicast_loop == b->no_multicast_loop;
}

static struct shared_options *shared_of(const struct rws_options *options)
{
	return (struct shared_options *)(uintptr_t)options;
}

bool options_send_buffer_grows(const struct rws_options *options)
{
	return shared_of(options)->send_buffer_grows;
}

bool options_receive_buffer_grows(const struct rws_options *options)
{
	return shared_of(options)->receive_buffer_grows;
}

const struct rws_options *options_share(const struct rws_options *options)
{
	shared_of(options)->users++;
	return options;
}

void options_drop(const struct rws_options *options)
{
	struct shared_options *shared = shared_of(options);

	if (--shared->users == 0)
		free(shared);
}

/* A new copy, known to `seen` in the place of the oldest one there. */
static const struct rws_options *add(struct options_seen *seen, const struct shared_options *wanted)
{
	struct shared_options *shared = malloc(sizeof(*shared));
	unsigned place = seen->next++ % OPTIONS_SEEN;

	if (shared == NULL)
		return NULL;
	*shared = *wanted;
	shared->users = 1;
	if (seen->options[place] != NULL)
		options_drop(seen->options[place]);
	seen->options[place] = &shared->options;
	return &shared->options;
}

const struct rws_options *options_take(
	struct options_seen *seen, enum sock_kind kind, const struct rws_options *options)
{
	const struct shared_options wanted = {
		.options = as_in_effect(kind, options),
		.send_buffer_grows = options == NULL || options->send_buffer == 0,
		.receive_buffer_grows = options == NULL || options->receive_buffer == 0,
	};

	for (unsigned i = 0; i < OPTIONS_SEEN; i++) {
		const struct rws_options *known = seen->options[i];
		if (known != NULL && are_equal(shared_of(known), &wanted))
			return options_share(known);
	}
	const struct rws_options *added = add(seen, &wanted);
	return added != NULL ? options_share(added) : NULL;
}

void options_forget(struct options_seen *seen)
{
	for (unsigned i = 0; i < OPTIONS_SEEN; i++) {
		if (seen->options[i] != NULL)
			options_drop(seen->options[i]);
		seen->options[i] = NULL;
	}
}
