/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/host.h"

#include <errno.h>

#include "api/address.h"
#include "api/lookup.h"
#include "api/socket.h"

/* RFC 8305 8. */
#define RESOLUTION_DELAY_NS ((int64_t)50000000)
#define ATTEMPT_DELAY_NS    ((int64_t)250000000)

#define ATTEMPTS_MAX (LOOKUP_FAMILIES * DNS_ADDRESSES_MAX)

enum attempt_state {
	ATTEMPT_WANTED,
	ATTEMPT_POSTED,
	ATTEMPT_LOST,     /* to be aborted */
	ATTEMPT_ABORTED,  /* or dead by itself: to be released */
	ATTEMPT_RELEASED, /* EV_RELEASED is still to come */
	ATTEMPT_GONE,
};

struct attempt {
	enum attempt_state state;
	struct endpoint *ep;
	struct endpoint_setup *setup; /* the stack core's from POSTED to EV_OPENED, then NULL */
	struct rws_address remote;
};

struct host {
	struct host *next, **at; /* of struct hosts: the next one, and what points to this one */
	struct sock *sock;
	struct host_target target;
	struct lookup lookup;
	int64_t patience;     /* resolution delay: the first attempt waits no longer than that */
	int64_t next_attempt; /* attempt delay: while one is under way */
	unsigned taken[LOOKUP_FAMILIES]; /* addresses that were attempted */
	unsigned last_family;            /* LOOKUP_FAMILIES: none yet */
	unsigned running;                /* attempts that may still succeed */
	unsigned attempt_count;
	int cause; /* why the last one failed */
	struct attempt attempts[ATTEMPTS_MAX];
};

static void arm(struct host *host);

/* ---- Which address, and when -------------------------------------------------------------- */

static bool is_left(const struct host *host, unsigned family)
{
	return host->taken[family] < host->lookup.query[family].addresses.count;
}

/* Known, one way or the other. */
static bool is_settled(const struct host *host, unsigned family)
{
	enum lookup_state state = host->lookup.query[family].state;

	return state == LOOKUP_DONE || state == LOOKUP_UNASKED;
}

/* The family of the first attempt, as far as can be said. */
static unsigned first_family(const struct host *host)
{
	const struct dns_addresses *ipv6 = &host->lookup.query[LOOKUP_IPV6].addresses;

	return ipv6->count > 0 && !runtime_prefers_ipv6(host->sock->sel->rws, &ipv6->address[0])
		? LOOKUP_IPV4
		: LOOKUP_IPV6;
}

static unsigned other(unsigned family)
{
	return family == LOOKUP_IPV6 ? LOOKUP_IPV4 : LOOKUP_IPV6;
}

/* RFC 8305 4: families take turns. LOOKUP_FAMILIES: no address is left. */
static unsigned next_family(const struct host *host)
{
	unsigned family = host->last_family == LOOKUP_FAMILIES ? first_family(host)
							       : other(host->last_family);

	if (is_left(host, family))
		return family;
	return is_left(host, other(family)) ? other(family) : LOOKUP_FAMILIES;
}

/* When the next attempt is due; INT64_MAX: there is none, or its address is not known yet. */
static int64_t attempt_due(const struct host *host)
{
	if (next_family(host) == LOOKUP_FAMILIES)
		return INT64_MAX;
	if (host->running > 0)
		return host->next_attempt;
	bool is_first = host->attempt_count == 0;
	return is_first && !is_settled(host, first_family(host)) ? host->patience : 0;
}

/* ---- Attempts ------------------------------------------------------------------------------ */

static void begin_attempt(struct host *host, int64_t now)
{
	unsigned family = next_family(host);
	struct attempt *attempt = &host->attempts[host->attempt_count++];

	attempt->state = ATTEMPT_WANTED;
	attempt->remote = host->lookup.query[family].addresses.address[host->taken[family]++];
	attempt->remote.port = host->target.port;
	host->last_family = family;
	host->next_attempt = now + ATTEMPT_DELAY_NS;
	host->running++;
	selector_dirty(host->sock);
}

static void drop_setup(struct host *host, struct attempt *attempt)
{
	if (attempt->setup != NULL)
		block_give(&host->sock->sel->setups, attempt->setup);
	attempt->setup = NULL;
}

static bool may_succeed(const struct attempt *attempt)
{
	return attempt->state == ATTEMPT_WANTED || attempt->state == ATTEMPT_POSTED;
}

/* What runs is not needed any more, and nothing is begun. */
static void give_up(struct host *host)
{
	lookup_stop(&host->lookup);
	for (unsigned i = 0; i < host->attempt_count; i++) {
		struct attempt *attempt = &host->attempts[i];
		if (may_succeed(attempt))
			attempt->state =
				attempt->state == ATTEMPT_WANTED ? ATTEMPT_GONE : ATTEMPT_LOST;
	}
	host->running = 0;
}

static int lookup_cause(const struct lookup *lookup)
{
	int ipv6 = lookup->query[LOOKUP_IPV6].error, ipv4 = lookup->query[LOOKUP_IPV4].error;

	/* That a name has no IPv6 address says little. */
	return ipv4 != 0 && (ipv4 != -ENXIO || ipv6 == 0) ? ipv4 : ipv6 != 0 ? ipv6 : -ENXIO;
}

static bool is_ended(const struct sock *s)
{
	return s->connected || s->dead;
}

/* Begins what is due, and says that it failed when nothing is left. */
static void step(struct host *host)
{
	struct sock *s = host->sock;
	int64_t now = selector_clock(s->sel);

	if (is_ended(s))
		return;
	lookup_run(&host->lookup, now);
	if (host->patience == INT64_MAX && next_family(host) != LOOKUP_FAMILIES)
		host->patience = now + RESOLUTION_DELAY_NS;
	while (attempt_due(host) <= now)
		begin_attempt(host, now);
	if (host->running == 0 && lookup_is_over(&host->lookup) && attempt_due(host) == INT64_MAX) {
		sock_died(s, host->cause != 0 ? host->cause : lookup_cause(&host->lookup));
		selector_dirty(s);
		return;
	}
	arm(host);
}

static void on_lookup(void *user)
{
	step(user);
}

static void failed(struct host *host, struct attempt *attempt, int error)
{
	if (!may_succeed(attempt))
		return;
	attempt->state = attempt->state == ATTEMPT_WANTED ? ATTEMPT_GONE : ATTEMPT_ABORTED;
	host->cause = error;
	host->running--;
	selector_dirty(host->sock);
	step(host);
}

/* ---- What the stack core is told ------------------------------------------------------------ */

static int make_setup(struct host *host, struct attempt *attempt)
{
	struct sock *s = host->sock;
	struct endpoint_setup *setup = block_take(&s->sel->setups);

	if (setup == NULL)
		return -ENOBUFS;
	attempt->setup = setup;
	sock_fill_setup(setup, s->options);
	int result = address_to_ip(&attempt->remote, &setup->remote, &setup->remote_port);
	if (result == 0)
		result = address_to_ip(&s->local, &setup->local, &setup->local_port);
	if (result == 0)
		attempt->ep = endpoint_alloc(sock_lane(s)->core, sock_lane(s)->chan);
	return result == 0 && attempt->ep == NULL ? -ENOBUFS : result;
}

static bool post(struct host *host, struct attempt *attempt, enum chan_request kind)
{
	struct chan_message message = {.kind = kind, .ep = attempt->ep, .sock = host->sock};

	if (kind == REQ_CONNECT)
		message.setup = attempt->setup;
	return chan_post(sock_lane(host->sock)->chan, &message);
}

/* Its endpoint is taken only when there is a place for the request: then it cannot be lost. */
static bool post_connect(struct host *host, struct attempt *attempt)
{
	if (chan_post_room(sock_lane(host->sock)->chan) == 0)
		return false;
	int result = make_setup(host, attempt);
	if (result != 0) {
		drop_setup(host, attempt);
		failed(host, attempt, result);
		return true;
	}
	attempt->state = ATTEMPT_POSTED;
	return post(host, attempt, REQ_CONNECT);
}

static bool post_attempt(struct host *host, struct attempt *attempt)
{
	if (attempt->state == ATTEMPT_WANTED)
		return post_connect(host, attempt);
	if (attempt->state == ATTEMPT_LOST) {
		if (!post(host, attempt, REQ_ABORT))
			return false;
		attempt->state = ATTEMPT_ABORTED;
	}
	if (attempt->state == ATTEMPT_ABORTED) {
		if (!post(host, attempt, REQ_RELEASE))
			return false;
		attempt->state = ATTEMPT_RELEASED;
	}
	return true;
}

static bool is_over(const struct host *host)
{
	for (unsigned i = 0; i < host->attempt_count; i++)
		if (host->attempts[i].state != ATTEMPT_GONE)
			return false;
	return is_ended(host->sock);
}

static void finish(struct host *host)
{
	struct sock *s = host->sock;
	struct hosts *hosts = &s->sel->hosts;

	*host->at = host->next;
	if (host->next != NULL)
		host->next->at = host->at;
	hosts->count--;
	s->released |= s->ep == NULL; /* it never had a connection, and nothing names it any more */
	s->extra->host = NULL;
	block_give(&hosts->pool, host);
}

bool host_post(struct sock *s)
{
	struct host *host = s->extra->host;

	if (is_ended(s))
		give_up(host);
	for (unsigned i = 0; i < host->attempt_count; i++)
		if (!post_attempt(host, &host->attempts[i]))
			return false;
	if (is_over(host))
		finish(host);
	return true;
}

/* ---- What the stack core tells --------------------------------------------------------------- */

static struct attempt *attempt_of(struct host *host, const struct endpoint *ep)
{
	for (unsigned i = 0; i < host->attempt_count; i++)
		if (host->attempts[i].ep == ep && host->attempts[i].state != ATTEMPT_GONE)
			return &host->attempts[i];
	return NULL;
}

/* Its endpoint becomes the socket's; the others are not needed any more. */
static void won(struct host *host, struct attempt *attempt)
{
	struct endpoint *ep = attempt->ep;

	if (!may_succeed(attempt) || is_ended(host->sock))
		return;
	attempt->state = ATTEMPT_GONE;
	attempt->ep = NULL;
	give_up(host);
	sock_take_connection(host->sock, ep, &attempt->remote);
}

bool host_event(struct sock *s, const struct chan_message *message)
{
	struct host *host = s->extra->host;
	struct attempt *attempt = attempt_of(host, message->ep);

	if (attempt == NULL)
		return false;
	switch (message->kind) {
	case EV_OPENED:
		drop_setup(host, attempt);
		if (message->error != 0)
			failed(host, attempt, message->error);
		break;
	case EV_CONNECTED:
		won(host, attempt);
		break;
	case EV_DATA: /* of a connection that came too late */
		sock_return(s, message->p);
		break;
	case EV_ERROR:
		failed(host, attempt, message->error);
		break;
	case EV_RELEASED:
		drop_setup(host, attempt);
		attempt->state = ATTEMPT_GONE;
		attempt->ep = NULL;
		selector_dirty(s);
		break;
	default:
		break;
	}
	return true;
}

/* ---- The selector's -------------------------------------------------------------------------- */

void hosts_init(struct hosts *hosts)
{
	hosts->due = INT64_MAX;
	block_pool_init(&hosts->pool, sizeof(struct host));
}

void hosts_fini(struct hosts *hosts)
{
	block_pool_fini(&hosts->pool);
}

static int64_t host_due(const struct host *host)
{
	int64_t attempt = attempt_due(host);

	if (is_ended(host->sock))
		return INT64_MAX;
	return attempt < host->lookup.due ? attempt : host->lookup.due;
}

static void arm(struct host *host)
{
	struct hosts *hosts = &host->sock->sel->hosts;
	int64_t due = host_due(host);

	if (due < hosts->due)
		hosts->due = due;
}

/* No struct host ends meanwhile: that is for host_post. */
bool hosts_run(struct rws_selector *sel)
{
	struct hosts *hosts = &sel->hosts;

	if (sel->now < hosts->due)
		return false;
	hosts->due = INT64_MAX;
	for (struct host *host = hosts->first; host != NULL; host = host->next) {
		if (host_due(host) <= sel->now)
			step(host);
		else
			arm(host);
	}
	return true;
}

void hosts_stop(struct rws_selector *sel)
{
	for (struct host *host = sel->hosts.first; host != NULL; host = host->next)
		lookup_stop(&host->lookup);
}

/* ---- Connecting ------------------------------------------------------------------------------ */

static struct host *make_host(struct sock *s, const struct host_target *target)
{
	struct hosts *hosts = &s->sel->hosts;
	struct sock_extra *extra = sock_make_extra(s);
	struct host *host =
		hosts->count < HOSTS_MAX && extra != NULL ? block_take(&hosts->pool) : NULL;

	if (host == NULL)
		return NULL;
	host->sock = s;
	host->target = *target;
	host->patience = INT64_MAX;
	host->last_family = LOOKUP_FAMILIES;
	host->lookup.sel = s->sel;
	host->lookup.name = host->target.name;
	host->lookup.changed = on_lookup;
	host->lookup.user = host;
	host->at = &hosts->first;
	host->next = hosts->first;
	if (host->next != NULL)
		host->next->at = &host->next;
	hosts->first = host;
	hosts->count++;
	extra->host = host;
	return host;
}

static int connect_name(struct rws_selector *sel, const struct host_target *target,
	const struct rws_options *options, rws_socket_t *out)
{
	struct sock *s = sock_create(sel, SOCK_TCP, options);

	if (s == NULL)
		return -ENOBUFS;
	s->lane = selector_next_lane(sel);
	struct host *host = make_host(s, target);
	if (host == NULL) {
		sock_free(s);
		return -ENOBUFS;
	}
	int result = lookup_start(&host->lookup, s->local.family);
	if (result != 0) {
		finish(host);
		sock_free(s);
		return result;
	}
	timeout_connecting(s);
	*out = sock_handle(s);
	step(host);
	return 0;
}

int rws_tcp_connect_host(struct rws_selector *sel, const char *text,
	const struct rws_options *options, rws_socket_t *s)
{
	struct host_target target;
	int result = selector_check(sel);

	if (result == 0)
		result = host_parse(text, &target);
	if (result != 0)
		return result;
	if (target.is_literal)
		return rws_tcp_connect(sel, &target.address, options, s);
	result = options_check(SOCK_TCP, options);
	return result == 0 ? connect_name(sel, &target, options, s) : result;
}
