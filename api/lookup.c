/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/lookup.h"

#include <errno.h>
#include <sys/random.h>

#include "api/address.h"
#include "api/socket.h"

#define FIRST_NS    ((int64_t)1000000000) /* a server has so long for its first chance */
#define SECOND_NS   ((int64_t)2000000000)
#define ASKED_TIMES 2u
#define OPEN_TRIES  8u /* ports that may be taken, one after the other */

/* RFC 6056 3.2: all but those that services have. */
#define PORT_MIN   1024u
#define PORT_COUNT (65536u - PORT_MIN)

#define ALL_EVENTS ((1u << SOCK_BITS) - 1)

static const uint8_t families[LOOKUP_FAMILIES] = {
	[LOOKUP_IPV6] = RWS_IPV6, [LOOKUP_IPV4] = RWS_IPV4};

static void ask_next(struct lookup *lookup, int why);

static struct dns_question question_of(const struct lookup *lookup, unsigned q)
{
	return (struct dns_question){
		.id = lookup->query[q].id, .family = families[q], .name = lookup->name};
}

static bool is_open(const struct lookup_query *query)
{
	return query->state == LOOKUP_ASKED || query->state == LOOKUP_REFUSED;
}

static bool any(const struct lookup *lookup, enum lookup_state state)
{
	return lookup->query[LOOKUP_IPV6].state == state ||
		lookup->query[LOOKUP_IPV4].state == state;
}

/* ---- Ending ------------------------------------------------------------------------------ */

static void close_socket(struct lookup *lookup)
{
	if (lookup->socket != RWS_NONE)
		rws_dispose(lookup->socket);
	lookup->socket = RWS_NONE;
}

void lookup_stop(struct lookup *lookup)
{
	close_socket(lookup);
	lookup->due = INT64_MAX;
	for (unsigned q = 0; q < LOOKUP_FAMILIES; q++)
		if (is_open(&lookup->query[q]))
			lookup->query[q].state = LOOKUP_UNASKED;
}

/* ---- Asking ------------------------------------------------------------------------------ */

/* What has no answer yet is asked. A datagram that finds no room is lost like any other. */
static void send_queries(struct lookup *lookup)
{
	uint8_t bytes[DNS_QUERY_MAX];

	for (unsigned q = 0; q < LOOKUP_FAMILIES; q++) {
		if (lookup->query[q].state != LOOKUP_ASKED)
			continue;
		struct dns_question question = question_of(lookup, q);
		struct rws_datagram datagram = {
			.data = bytes, .length = dns_query(&question, bytes)};
		rws_send(lookup->socket, &datagram);
	}
	lookup->sent++;
}

/* A message about one of the questions; others change nothing. */
static void take_answer(struct lookup *lookup, const uint8_t *message, size_t n)
{
	for (unsigned q = 0; q < LOOKUP_FAMILIES; q++) {
		struct lookup_query *query = &lookup->query[q];
		struct dns_question question = question_of(lookup, q);
		if (query->state != LOOKUP_ASKED)
			continue;
		int result = dns_answer(&question, message, n, &query->addresses);
		if (result == -EBADMSG)
			continue;
		query->error = result;
		query->state = result == -EREMOTEIO ? LOOKUP_REFUSED : LOOKUP_DONE;
		return;
	}
}

static void on_readable(struct lookup *lookup)
{
	uint8_t message[DNS_ANSWER_MAX];
	struct rws_datagram datagram = {.data = message, .capacity = sizeof(message)};

	while (rws_receive(lookup->socket, &datagram) == 0)
		if (!datagram.truncated)
			take_answer(lookup, message, datagram.length);
	if (!any(lookup, LOOKUP_ASKED)) {
		if (any(lookup, LOOKUP_REFUSED))
			ask_next(lookup, -EREMOTEIO);
		else
			lookup_stop(lookup);
	}
	lookup->changed(lookup->user);
}

/* ICMP, or the socket could not be opened: then by another port, if that was why. */
static void on_error(struct lookup *lookup, int error)
{
	if (error == -EADDRINUSE && lookup->opened < OPEN_TRIES) {
		close_socket(lookup);
		lookup->sent = 0;
		lookup->due = 0;
	} else {
		/* A port without a server refuses the question, not a connection of the caller's. */
		ask_next(lookup, error == -ECONNREFUSED ? -EREMOTEIO : error);
	}
	lookup->changed(lookup->user);
}

static void on_event(void *user, const struct rws_event *event)
{
	struct lookup *lookup = user;

	if (event->handle != lookup->socket)
		return;
	if (event->bits & RWS_EV_ERROR)
		on_error(lookup, event->result);
	else if (event->bits & RWS_EV_READABLE)
		on_readable(lookup);
}

/* New random numbers; without any there is no asking. */
static int randomise(struct lookup *lookup, uint16_t *port)
{
	uint32_t random[2];

	if (getrandom(random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		return -EIO;
	*port = (uint16_t)(PORT_MIN + random[0] % PORT_COUNT);
	lookup->query[LOOKUP_IPV6].id = (uint16_t)(random[1] >> 16);
	lookup->query[LOOKUP_IPV4].id = (uint16_t)random[1];
	return 0;
}

static int open_socket(struct lookup *lookup)
{
	struct rws_address local = {0};
	int result = randomise(lookup, &local.port);

	if (result == 0)
		result = dgram_connect_begin(
			lookup->sel, &lookup->servers[lookup->server], &local, &lookup->socket);
	if (result == 0)
		result = rws_on(lookup->socket, ALL_EVENTS, on_event, lookup);
	if (result != 0)
		close_socket(lookup);
	lookup->opened++;
	return result;
}

/* All servers were asked: what has no answer will have none. */
static void give_up(struct lookup *lookup, int why)
{
	for (unsigned q = 0; q < LOOKUP_FAMILIES; q++) {
		struct lookup_query *query = &lookup->query[q];
		if (!is_open(query))
			continue;
		query->error = query->state == LOOKUP_REFUSED ? -EREMOTEIO : why;
		query->state = LOOKUP_DONE;
	}
	lookup_stop(lookup);
}

/* This server will not do: the next one is due. */
static void ask_next(struct lookup *lookup, int why)
{
	close_socket(lookup);
	if (++lookup->server >= lookup->server_count) {
		give_up(lookup, why);
		return;
	}
	for (unsigned q = 0; q < LOOKUP_FAMILIES; q++)
		if (lookup->query[q].state == LOOKUP_REFUSED)
			lookup->query[q].state = LOOKUP_ASKED;
	lookup->sent = lookup->opened = 0;
	lookup->due = 0;
}

void lookup_run(struct lookup *lookup, int64_t now)
{
	while (lookup->due <= now) {
		int result = 0;
		if (lookup->sent == ASKED_TIMES) {
			ask_next(lookup, -ETIMEDOUT);
			continue;
		}
		if (lookup->socket == RWS_NONE)
			result = open_socket(lookup);
		if (result != 0) {
			ask_next(lookup, result);
			continue;
		}
		send_queries(lookup);
		lookup->due = now + (lookup->sent == 1 ? FIRST_NS : SECOND_NS);
	}
}

/* ---- Beginning --------------------------------------------------------------------------- */

int lookup_start(struct lookup *lookup, uint8_t family)
{
	lookup->server_count = runtime_name_servers(lookup->sel->rws, lookup->servers);
	lookup->due = INT64_MAX;
	if (lookup->server_count == 0)
		return -EDESTADDRREQ;
	for (unsigned q = 0; q < LOOKUP_FAMILIES; q++)
		if (family == 0 || family == families[q])
			lookup->query[q].state = LOOKUP_ASKED;
	lookup->due = 0;
	lookup_run(lookup, selector_clock(lookup->sel));
	return 0;
}
