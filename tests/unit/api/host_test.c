/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connecting by name over the wire in virtual time: the name server is a few lines here, at end 1.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/selector.h"
#include "tests/unit/api/rig.h"

#define PORT   7000
#define NAME   "a.example:7000"
#define MS     ((int64_t)1000000)
#define SECOND (1000 * MS)

/* ---- A name server ----------------------------------------------------------------------- */

#define TYPE_A    1
#define TYPE_AAAA 28

/* What it says of one type of address. */
struct entry {
	const char *addresses[4]; /* texts with ports, as rws_address_parse takes them */
	uint8_t rcode;
	int64_t delay_ns;
	bool silent;
};

struct waiting {
	int64_t due;
	size_t n;
	uint8_t bytes[512];
	struct rws_address to;
};

struct server {
	struct rig *rig;
	rws_socket_t socket;
	struct entry a, aaaa;
	unsigned ignore;   /* so many queries get no answer */
	unsigned queries;  /* received */
	uint16_t ports[8]; /* that they came from */
	uint16_t ids[8];
	/* Sends something false before each answer. */
	void (*forge)(struct server *server, const struct waiting *answer);
	struct waiting waiting[256];
	unsigned waiting_count;
};

static struct server server;

static void send_to(struct server *from, const void *bytes, size_t n, const struct rws_address *to)
{
	struct rws_datagram datagram = {
		.data = (void *)(uintptr_t)bytes, .length = n, .address = *to};

	assert_int_equal(rws_send(from->socket, &datagram), 0);
}

static void put16(struct waiting *w, unsigned value)
{
	w->bytes[w->n++] = (uint8_t)(value >> 8);
	w->bytes[w->n++] = (uint8_t)value;
}

static void put_record(struct waiting *w, const char *text)
{
	struct rws_address address;

	assert_int_equal(rws_address_parse(text, &address), 0);
	unsigned length = address.family == RWS_IPV6 ? 16 : 4;
	put16(w, 0xc00c);
	put16(w, address.family == RWS_IPV6 ? TYPE_AAAA : TYPE_A);
	put16(w, 1);
	put16(w, 0);
	put16(w, 60);
	put16(w, length);
	memcpy(w->bytes + w->n, address.ip, length);
	w->n += length;
	w->bytes[7]++;
}

/* The query's header and question, then the entry's records. */
static void answer(struct server *s, const uint8_t *query, size_t n, const struct rws_address *to)
{
	size_t question_end = n - 11; /* OPT */
	const struct entry *entry = query[question_end - 3] == TYPE_AAAA ? &s->aaaa : &s->a;

	if (s->queries < 8) {
		s->ports[s->queries] = to->port;
		s->ids[s->queries] = (uint16_t)(query[0] << 8 | query[1]);
	}
	s->queries++;
	if (entry->silent || s->ignore > 0) {
		s->ignore -= s->ignore > 0;
		return;
	}
	assert_true(s->waiting_count < 256);
	struct waiting *w = &s->waiting[s->waiting_count++];
	*w = (struct waiting){.due = s->rig->now + entry->delay_ns, .n = question_end, .to = *to};
	memcpy(w->bytes, query, question_end);
	w->bytes[2] = 0x81;
	w->bytes[3] = 0x80 | entry->rcode;
	w->bytes[11] = 0; /* additional records */
	for (unsigned i = 0; i < 4 && entry->addresses[i] != NULL; i++)
		put_record(w, entry->addresses[i]);
}

static void on_query(void *user, const struct rws_event *event)
{
	uint8_t bytes[512];
	struct rws_datagram query = {.data = bytes, .capacity = sizeof(bytes)};

	while (rws_receive(server.socket, &query) == 0)
		answer(&server, bytes, query.length, &query.address);
}

static void send_due(struct server *s)
{
	for (unsigned i = 0; i < s->waiting_count; i++) {
		struct waiting *w = &s->waiting[i];
		if (w->n == 0 || w->due > s->rig->now)
			continue;
		if (s->forge != NULL)
			s->forge(s, w);
		send_to(s, w->bytes, w->n, &w->to);
		w->n = 0;
	}
}

static void listen_for_queries(struct rig *rig, const char *local)
{
	struct rws_address address;

	assert_int_equal(rws_address_parse(local, &address), 0);
	assert_int_equal(rws_udp_bind(rig->sel[1], &address, NULL, &server.socket), 0);
	assert_int_equal(rws_on(server.socket, RWS_EV_READABLE, on_query, NULL), 0);
	server.rig = rig;
}

/* ---- Cases -------------------------------------------------------------------------------- */

static rws_socket_t listener; /* at end 1, if the test has one */
static rws_socket_t s;        /* the test's connection by name */

static void listen_on(struct rig *rig, const char *local)
{
	struct rws_address address;

	assert_int_equal(rws_address_parse(local, &address), 0);
	assert_int_equal(rws_tcp_bind(rig->sel[1], &address, NULL, &listener), 0);
}

static int setup_without_server(void **state)
{
	memset(&server, 0, sizeof(server));
	listener = s = RWS_NONE;
	return rig_setup(state);
}

static int setup(void **state)
{
	int result = setup_without_server(state);

	listen_for_queries(*state, "*:53");
	return result;
}

static int setup_listening(void **state)
{
	int result = setup(state);

	listen_on(*state, "*:7000");
	return result;
}

/* Nothing of a connection by name is left, and nothing of its search. */
static int teardown(void **state)
{
	struct rig *rig = *state;

	rws_dispose(s);
	rws_dispose(listener);
	rws_dispose(server.socket);
	rig_run(rig, SECOND);
	assert_int_equal(rig->sel[0]->hosts.count, 0);
	assert_int_equal(rig->sel[0]->socks.live, 0);
	return rig_teardown(state);
}

/* Both ends run, and the name server, for that long. */
static void run(struct rig *rig, int64_t ns)
{
	int64_t until = rig->now + ns;

	while (rig->now < until) {
		send_due(&server);
		rig_run(rig, MS / 10);
	}
}

/* Until it connected: RWS_EV_CONNECTED; or ended: its result; or 0 when neither happened in time. */
static int outcome(struct rig *rig, int64_t ns)
{
	int64_t until = rig->now + ns;

	do {
		int result = rws_await(s, RWS_EV_CONNECTED, RWS_NOW);
		if (result > 0)
			return result;
		if (rws_is_closed(s))
			return rws_job_result(rws_socket_context(s));
		run(rig, MS / 10);
	} while (rig->now < until);
	return 0;
}

/* What the name server says of NAME from now on; NULL: what it said before. */
static void answer_with(const char *a, const char *aaaa)
{
	if (a != NULL)
		server.a.addresses[0] = a;
	if (aaaa != NULL)
		server.aaaa.addresses[0] = aaaa;
}

static void connect_name(struct rig *rig)
{
	assert_int_equal(rws_tcp_connect_host(rig->sel[0], NAME, NULL, &s), 0);
}

static void assert_connects(struct rig *rig, int64_t within_ns, const char *peer)
{
	struct rws_address address;
	char text[RWS_ADDRESS_TEXT];

	assert_int_equal(outcome(rig, within_ns), RWS_EV_CONNECTED);
	assert_int_equal(rws_remote_address(s, &address), 0);
	assert_string_equal(rws_address_format(&address, text), peer);
}

/* ---- Families ------------------------------------------------------------------------------ */

static void name_with_an_ipv4_address_connects(void **state)
{
	struct rig *rig = *state;

	answer_with("10.0.0.2", NULL);
	connect_name(rig);
	assert_connects(rig, SECOND, "10.0.0.2:7000");
	assert_int_equal(server.queries, 2);
	struct rws_address local;
	assert_int_equal(rws_local_address(s, &local), 0);
	assert_int_equal(local.family, RWS_IPV4);
}

static void name_with_an_ipv6_address_connects(void **state)
{
	struct rig *rig = *state;

	answer_with(NULL, "[fd00::2]");
	connect_name(rig);
	assert_connects(rig, SECOND, "[fd00::2]:7000");
}

static void ipv6_goes_first(void **state)
{
	struct rig *rig = *state;

	answer_with("10.0.0.2", "[fd00::2]");
	connect_name(rig);
	assert_connects(rig, SECOND, "[fd00::2]:7000");
}

/* RFC 6724 5, rule 5: from a local address to a global one is not what it is for. */
static void ipv4_goes_before_ipv6_of_another_kind(void **state)
{
	struct rig *rig = *state;

	server.a = (struct entry){.addresses = {"10.0.0.2"}, .delay_ns = 20 * MS};
	answer_with(NULL, "[2001:db8::1]");
	connect_name(rig);
	assert_connects(rig, 100 * MS, "10.0.0.2:7000");
}

/* RFC 8305 3: 50 ms. */
static void ipv6_address_that_comes_a_little_later_is_waited_for(void **state)
{
	struct rig *rig = *state;

	server.a = (struct entry){.addresses = {"10.0.0.2"}};
	server.aaaa = (struct entry){.addresses = {"[fd00::2]"}, .delay_ns = 40 * MS};
	connect_name(rig);
	assert_connects(rig, SECOND, "[fd00::2]:7000");
}

static void ipv6_address_that_comes_too_late_is_not_waited_for(void **state)
{
	struct rig *rig = *state;

	server.a = (struct entry){.addresses = {"10.0.0.2"}};
	server.aaaa = (struct entry){.addresses = {"[fd00::2]"}, .silent = true};
	connect_name(rig);
	assert_int_equal(outcome(rig, 49 * MS), 0);
	assert_connects(rig, 10 * MS, "10.0.0.2:7000");
	run(rig, SECOND); /* its search goes on no more */
	assert_int_equal(server.queries, 2);
}

/* A program that sleeps in an epoll of its own: 30 ms are virtual, the rest it sleeps. */
static void descriptor_tells_that_no_more_is_waited_for(void **state)
{
	struct rig *rig = *state;
	struct pollfd fd = {.fd = rws_selector_eventfd(rig->sel[0]), .events = POLLIN};

	server.a = (struct entry){.addresses = {"10.0.0.2"}};
	server.aaaa = (struct entry){.addresses = {"[fd00::2]"}, .silent = true};
	connect_name(rig);
	assert_int_equal(outcome(rig, 30 * MS), 0);
	assert_int_equal(poll(&fd, 1, 10000), 1);
	assert_int_equal(outcome(rig, 30 * MS), RWS_EV_CONNECTED);
}

static void no_ipv6_address_needs_no_waiting(void **state)
{
	struct rig *rig = *state;

	answer_with("10.0.0.2", NULL);
	connect_name(rig);
	assert_int_equal(outcome(rig, 10 * MS), RWS_EV_CONNECTED);
}

static void local_address_decides_on_the_family(void **state)
{
	struct rig *rig = *state;
	struct rws_options options = {.local = rig_address(0, false, 0)};

	answer_with("10.0.0.2", "[fd00::2]");
	assert_int_equal(rws_tcp_connect_host(rig->sel[0], NAME, &options, &s), 0);
	assert_connects(rig, SECOND, "10.0.0.2:7000");
	assert_int_equal(server.queries, 1);
}

/* ---- Attempts ------------------------------------------------------------------------------- */

/* RFC 8305 5: after 250 ms the next one, of the other family. */
static void silent_address_is_passed_after_the_attempt_delay(void **state)
{
	struct rig *rig = *state;

	server.a = (struct entry){.addresses = {"10.0.0.2"}};
	server.aaaa = (struct entry){.addresses = {"[fd00::99]", "[fd00::2]"}};
	connect_name(rig);
	assert_int_equal(outcome(rig, 249 * MS), 0);
	assert_connects(rig, 10 * MS, "10.0.0.2:7000");
	run(rig, 10 * MS);
	assert_int_equal(rig_counter(rig, 0, "tcp.connections"), 1); /* the first one is given up */
	assert_int_equal(rig->sel[0]->hosts.count, 0);
}

static void refused_attempt_is_followed_by_the_next_at_once(void **state)
{
	struct rig *rig = *state;
	listen_on(rig, "10.0.0.2:7000");

	answer_with("10.0.0.2", "[fd00::2]");
	connect_name(rig);
	assert_connects(rig, 10 * MS, "10.0.0.2:7000");
}

static void second_address_of_a_family_is_tried(void **state)
{
	struct rig *rig = *state;

	server.a = (struct entry){.addresses = {"10.0.0.77", "10.0.0.78", "10.0.0.2"}};
	connect_name(rig);
	assert_int_equal(outcome(rig, 499 * MS), 0);
	assert_connects(rig, 10 * MS, "10.0.0.2:7000");
}

static void socket_fails_with_the_last_cause(void **state)
{
	struct rig *rig = *state;
	struct rws_event event;

	answer_with("10.0.0.2", "[fd00::2]");
	connect_name(rig);
	assert_int_equal(outcome(rig, SECOND), -ECONNREFUSED);
	assert_int_equal(rws_selector_select(rig->sel[0], &event, 1, RWS_NOW), 1);
	assert_true(event.handle == s && (event.bits & RWS_EV_ERROR) != 0);
	assert_int_equal(event.result, -ECONNREFUSED);
	run(rig, 10 * MS);
	assert_int_equal(rig_counter(rig, 1, "tcp.resets_sent"), 2);
}

/* Of two attempts that are both answered the first is the connection, and the other is reset. */
static void second_answer_is_too_late(void **state)
{
	struct rig *rig = *state;
	struct wire_impairment far = {.delay_ns = 200 * MS};
	rws_socket_t accepted[2];

	answer_with("10.0.0.2", "[fd00::2]");
	wire_impair(rig->wire, 0, &far);
	wire_impair(rig->wire, 1, &far);
	connect_name(rig);
	/* The other one had to ask for its neighbour first. */
	assert_connects(rig, 5 * SECOND, "10.0.0.2:7000");
	run(rig, 2 * SECOND);
	assert_int_equal(rws_accept(listener, &accepted[0]), 0);
	assert_int_equal(rws_accept(listener, &accepted[1]), -EAGAIN);
	assert_int_equal(rig_counter(rig, 0, "tcp.connections"), 1);
	rws_dispose(accepted[0]);
	rws_dispose(s);
	run(rig, 2 * SECOND);
}

static void greet(void *user, const struct rws_event *event)
{
	rws_socket_t accepted;
	rws_channel_t out;

	if (rws_accept(event->handle, &accepted) != 0)
		return;
	assert_int_equal(rws_open_write_channel(accepted, true, &out), 0);
	assert_int_equal(rws_write_available(out, "hello", 5), 5);
	rws_dispose(accepted);
}

static void bytes_cross_both_ways(void **state)
{
	struct rig *rig = *state;
	rws_channel_t in, out;
	char bytes[8] = "";

	assert_int_equal(rws_on(listener, RWS_EV_ACCEPTABLE, greet, NULL), 0);
	answer_with("10.0.0.2", NULL);
	connect_name(rig);
	/* Opened and written before there is a connection. */
	assert_int_equal(rws_connection(s, &in, &out), 0);
	assert_int_equal(rws_write_available(out, "first", 5), 5);
	assert_int_equal(rws_flush(out), 0);
	run(rig, SECOND);
	assert_int_equal(rws_read_available(in, bytes, sizeof(bytes)), 5);
	assert_string_equal(bytes, "hello");
	assert_int_equal(rws_total_bytes_written(out), 5);
}

static void many_names_at_once_connect(void **state)
{
	enum { NAMES = 100 };
	struct rig *rig = *state;
	rws_socket_t many[NAMES];

	answer_with("10.0.0.2", NULL);
	for (unsigned i = 0; i < NAMES; i++) {
		connect_name(rig);
		many[i] = s;
	}
	run(rig, 3 * SECOND);
	for (unsigned i = 0; i < NAMES; i++) {
		s = many[i];
		assert_int_equal(outcome(rig, SECOND), RWS_EV_CONNECTED);
		rws_dispose(s);
	}
}

/* ---- Name servers ----------------------------------------------------------------------------- */

static void name_that_does_not_exist_fails(void **state)
{
	struct rig *rig = *state;

	server.a = server.aaaa = (struct entry){.rcode = 3};
	connect_name(rig);
	assert_int_equal(outcome(rig, 10 * MS), -ENXIO);
}

static void name_without_addresses_fails(void **state)
{
	struct rig *rig = *state;

	connect_name(rig);
	assert_int_equal(outcome(rig, 10 * MS), -ENXIO);
}

static void servers_that_fail_are_told(void **state)
{
	struct rig *rig = *state;

	server.a = server.aaaa = (struct entry){.rcode = 2};
	connect_name(rig);
	assert_int_equal(outcome(rig, 10 * MS), -EREMOTEIO);
	assert_int_equal(server.queries, 4); /* both servers were asked */
}

static void port_without_a_server_is_noticed_at_once(void **state)
{
	struct rig *rig = *state;
	connect_name(rig);

	assert_int_equal(outcome(rig, 100 * MS), -EREMOTEIO);
}

static void silent_servers_time_out(void **state)
{
	struct rig *rig = *state;

	server.a.silent = server.aaaa.silent = true;
	connect_name(rig);
	assert_int_equal(outcome(rig, 5900 * MS), 0);
	assert_int_equal(outcome(rig, 200 * MS), -ETIMEDOUT);
	assert_int_equal(server.queries, 8); /* two servers, twice, two questions */
}

static void lost_query_is_asked_again(void **state)
{
	struct rig *rig = *state;

	answer_with("10.0.0.2", NULL);
	server.ignore = 2;
	connect_name(rig);
	assert_int_equal(outcome(rig, 999 * MS), 0);
	assert_int_equal(outcome(rig, 20 * MS), RWS_EV_CONNECTED);
}

static void second_server_is_asked_when_the_first_is_silent(void **state)
{
	struct rig *rig = *state;

	answer_with("10.0.0.2", NULL);
	server.ignore = 4;
	connect_name(rig);
	assert_int_equal(outcome(rig, 2990 * MS), 0);
	assert_int_equal(outcome(rig, 30 * MS), RWS_EV_CONNECTED);
	assert_int_equal(server.queries, 6);
	/* RFC 5452 9.2: a port and ids of their own, which can be equal once in 65,536 times. */
	assert_true(server.ports[0] != server.ports[4]);
	assert_true(server.ids[0] != server.ids[4] || server.ids[1] != server.ids[5]);
	assert_int_equal(server.ids[0], server.ids[2]);
}

static void without_a_name_server_nothing_begins(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(rws_tcp_connect_host(rig->sel[1], NAME, NULL, &s), -EDESTADDRREQ);
}

static int parse_config(const char *const *dns, unsigned count, struct rws *rws)
{
	const char *const address = "10.0.0.1/24";
	struct rws_interface interface = {
		.device = "wire", .addresses = &address, .address_count = 1};
	struct rws_config config;
	struct rws_error error;
	int cpus[RUNTIME_CORES_MAX];

	rws_config_init(&config);
	config.interfaces = &interface;
	config.interface_count = 1;
	config.dns = dns;
	config.dns_count = count;
	return runtime_parse(&config, rws, cpus, &error);
}

static void name_servers_of_the_configuration_are_checked(void **state)
{
	static const char *const good[] = {"10.0.0.2", "[fd00::2]:5353", "fd00::3"};
	static const char *const bad[] = {"server", "224.0.0.1", "0.0.0.0", "*:53", ""};
	static const char *const many[] = {"10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"};
	struct rws *rws = calloc(1, sizeof(*rws));
	struct rws_address servers[RUNTIME_DNS_MAX];

	assert_non_null(rws);
	assert_int_equal(parse_config(good, 3, rws), 0);
	assert_int_equal(runtime_name_servers(rws, servers), 3);
	assert_int_equal(servers[0].port, 53);
	assert_int_equal(servers[1].port, 5353);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (parse_config(&bad[i], 1, rws) != -EINVAL)
			fail_msg("%s is taken", bad[i]);
	assert_int_equal(parse_config(many, 4, rws), -EINVAL);
	free(rws);
}

static void text_that_is_no_name_is_refused(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(rws_tcp_connect_host(rig->sel[0], "a_b.example:80", NULL, &s), -EINVAL);
	assert_int_equal(rws_tcp_connect_host(rig->sel[0], "a.example", NULL, &s), -EINVAL);
	assert_int_equal(rws_tcp_connect_host(rig->sel[0], NULL, NULL, &s), -EINVAL);
}

static void address_passes_without_a_question(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(rws_tcp_connect_host(rig->sel[0], "[fd00::2]:7000", NULL, &s), 0);
	assert_connects(rig, SECOND, "[fd00::2]:7000");
	assert_int_equal(server.queries, 0);
}

/* ---- Who is not trusted -------------------------------------------------------------------------- */

static rws_socket_t elsewhere;

/* Each of them leads to an address where nobody is. */
static void forge(struct server *from, const struct waiting *w)
{
	struct waiting false_one = *w;
	struct server other = {.socket = elsewhere};
	uint8_t *ip = false_one.bytes + false_one.n - 4;

	ip[3] = 77;
	send_to(&other, false_one.bytes, w->n, &w->to); /* from another port */
	false_one.bytes[0] ^= 1;
	send_to(from, false_one.bytes, w->n, &w->to); /* another id */
	false_one.bytes[0] ^= 1;
	false_one.bytes[13] = 'b';
	send_to(from, false_one.bytes, w->n, &w->to); /* another question */
	false_one.bytes[13] = 'a';
	false_one.bytes[2] |= 0x02;
	send_to(from, false_one.bytes, w->n, &w->to); /* cut short, it says */
	false_one.bytes[2] &= (uint8_t)~0x02;
	send_to(from, false_one.bytes, w->n - 1, &w->to); /* cut short, it is */
	send_to(from, false_one.bytes, 0, &w->to);
	false_one.bytes[2] = 0x01;
	send_to(from, false_one.bytes, w->n, &w->to); /* no response */
}

/* RFC 5452 9.1. */
static void false_answers_are_ignored(void **state)
{
	struct rig *rig = *state;
	struct rws_address address = rig_address(1, false, 5353);

	assert_int_equal(rws_udp_bind(rig->sel[1], &address, NULL, &elsewhere), 0);
	answer_with("10.0.0.2", NULL);
	server.forge = forge;
	connect_name(rig);
	assert_connects(rig, 10 * MS, "10.0.0.2:7000");
	rws_dispose(s);
	rws_dispose(elsewhere);
}

/* ---- Options --------------------------------------------------------------------------------- */

static void options_of_another_kind_are_refused(void **state)
{
	struct rig *rig = *state;
	const struct rws_options broadcast = {.broadcast = true}, past = {.keep_idle_ns = -1};

	assert_int_equal(rws_tcp_connect_host(rig->sel[0], NAME, &broadcast, &s), -ENOPROTOOPT);
	assert_int_equal(rws_tcp_connect_host(rig->sel[0], NAME, &past, &s), -EINVAL);
	run(rig, 10 * MS);
	assert_int_equal(server.queries, 0);
}

/* From the call on, whatever it waits for. */
static void connect_timeout_ends_the_search(void **state)
{
	struct rig *rig = *state;
	const struct rws_options options = {.connect_timeout_ns = 500 * MS};

	server.a.silent = server.aaaa.silent = true;
	assert_int_equal(rws_tcp_connect_host(rig->sel[0], NAME, &options, &s), 0);
	assert_int_equal(outcome(rig, 499 * MS), 0);
	assert_int_equal(outcome(rig, 2 * MS), -ETIMEDOUT);
}

static void connect_timeout_ends_the_attempts(void **state)
{
	struct rig *rig = *state;
	const struct rws_options options = {.connect_timeout_ns = 500 * MS};

	server.a = (struct entry){.addresses = {"10.0.0.77"}};
	answer_with(NULL, "[fd00::99]");
	assert_int_equal(rws_tcp_connect_host(rig->sel[0], NAME, &options, &s), 0);
	assert_int_equal(outcome(rig, 499 * MS), 0);
	assert_int_equal(outcome(rig, 2 * MS), -ETIMEDOUT);
	run(rig, 10 * MS);
	assert_int_equal(rig_counter(rig, 0, "tcp.connections"), 0);
	assert_int_equal(rig->sel[0]->hosts.count, 0);
}

/* Also while attempts that came too late are still to be ended. */
static void options_can_be_set_once_it_is_connected(void **state)
{
	struct rig *rig = *state;
	struct rws_options options;

	answer_with("10.0.0.2", "[fd00::99]");
	connect_name(rig);
	assert_connects(rig, SECOND, "10.0.0.2:7000");
	assert_int_equal(rig->sel[0]->hosts.count, 1);
	assert_int_equal(rws_get_options(s, &options), 0);
	options.keep_alive = true;
	assert_int_equal(rws_set_options(s, &options), 0);
	run(rig, 10 * MS);
	assert_int_equal(rig->sel[0]->hosts.count, 0);
	assert_int_equal(rws_get_options(s, &options), 0);
	assert_true(options.keep_alive);
}

/* ---- Ending early --------------------------------------------------------------------------------- */

static void closed_during_the_search_it_ends_at_once(void **state)
{
	struct rig *rig = *state;

	server.a.silent = server.aaaa.silent = true;
	connect_name(rig);
	run(rig, 10 * MS);
	assert_int_equal(rws_close(s), 0);
	assert_true(rws_is_closed(s));
	run(rig, 10 * MS);
	assert_int_equal(rig->sel[0]->hosts.count, 0);
	assert_int_equal(rig->sel[0]->socks.live, 1); /* its handle */
	run(rig, 2 * SECOND);
	assert_int_equal(server.queries, 2);
}

static void disposed_during_attempts_it_leaves_none(void **state)
{
	struct rig *rig = *state;

	server.a = (struct entry){.addresses = {"10.0.0.77", "10.0.0.78"}};
	answer_with(NULL, "[fd00::99]");
	connect_name(rig);
	run(rig, 600 * MS);
	assert_int_equal(rig_counter(rig, 0, "tcp.connections"), 3);
	rws_dispose(s);
	run(rig, 10 * MS);
	assert_int_equal(rig_counter(rig, 0, "tcp.connections"), 0);
	assert_int_equal(rig->sel[0]->socks.live, 0);
}

/* At every step of the way, 100 us apart. */
static void disposed_at_any_time_it_leaves_nothing(void **state)
{
	struct rig *rig = *state;
	listen_on(rig, "10.0.0.2:7000");

	answer_with("10.0.0.2", "[fd00::2]");
	for (unsigned steps = 0; steps < 20; steps++) {
		connect_name(rig);
		run(rig, steps * MS / 10);
		server.waiting_count = 0;
		rws_dispose(s);
		run(rig, 20 * MS);
		assert_int_equal(rig->sel[0]->hosts.count, 0);
		assert_int_equal(rig->sel[0]->socks.live, 0);
	}
}

static void options_wait_for_the_connection(void **state)
{
	struct rig *rig = *state;
	struct rws_options options;

	server.a.silent = server.aaaa.silent = true;
	connect_name(rig);
	run(rig, 10 * MS);
	assert_int_equal(rws_get_options(s, &options), 0);
	options.keep_alive = true;
	assert_int_equal(rws_set_options(s, &options), -ENOTCONN);
	assert_int_equal(rig->sel[0]->hosts.count, 1);
}

static void selector_that_closes_counts_the_applications_sockets_only(void **state)
{
	struct rig *rig = *state;
	struct rws_selector *sel = rig->sel[0];

	server.a.silent = server.aaaa.silent = true;
	connect_name(rig);
	run(rig, 10 * MS);
	assert_int_equal(sel->socks.live, 2);
	rig->sel[0] = NULL;
	assert_int_equal(rws_selector_close(sel), 1);
	assert_true(rws_is_closed(s));
	assert_int_equal(rws_selector_create(rig->rws[0], 0, &rig->sel[0]), 0);
}

#define CASE(test)           BOTH_CASE(test, setup, teardown)
#define LISTENING_CASE(test) BOTH_CASE(test, setup_listening, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LISTENING_CASE(name_with_an_ipv4_address_connects),
		CASE(options_wait_for_the_connection),
		LISTENING_CASE(name_with_an_ipv6_address_connects),
		LISTENING_CASE(ipv6_goes_first),
		LISTENING_CASE(ipv4_goes_before_ipv6_of_another_kind),
		LISTENING_CASE(ipv6_address_that_comes_a_little_later_is_waited_for),
		LISTENING_CASE(ipv6_address_that_comes_too_late_is_not_waited_for),
		CHANNEL_CASE(
			descriptor_tells_that_no_more_is_waited_for, setup_listening, teardown),
		LISTENING_CASE(no_ipv6_address_needs_no_waiting),
		LISTENING_CASE(local_address_decides_on_the_family),
		LISTENING_CASE(silent_address_is_passed_after_the_attempt_delay),
		CASE(refused_attempt_is_followed_by_the_next_at_once),
		LISTENING_CASE(second_address_of_a_family_is_tried),
		CASE(socket_fails_with_the_last_cause),
		LISTENING_CASE(second_answer_is_too_late),
		LISTENING_CASE(bytes_cross_both_ways),
		LISTENING_CASE(many_names_at_once_connect),
		CASE(name_that_does_not_exist_fails),
		CASE(name_without_addresses_fails),
		CASE(servers_that_fail_are_told),
		BOTH_CASE(port_without_a_server_is_noticed_at_once, setup_without_server, teardown),
		CASE(silent_servers_time_out),
		LISTENING_CASE(lost_query_is_asked_again),
		LISTENING_CASE(second_server_is_asked_when_the_first_is_silent),
		CASE(without_a_name_server_nothing_begins),
		cmocka_unit_test(name_servers_of_the_configuration_are_checked),
		CASE(text_that_is_no_name_is_refused),
		LISTENING_CASE(address_passes_without_a_question),
		LISTENING_CASE(false_answers_are_ignored),
		CASE(options_of_another_kind_are_refused),
		CASE(connect_timeout_ends_the_search),
		CASE(connect_timeout_ends_the_attempts),
		LISTENING_CASE(options_can_be_set_once_it_is_connected),
		CASE(closed_during_the_search_it_ends_at_once),
		CASE(disposed_during_attempts_it_leaves_none),
		CASE(disposed_at_any_time_it_leaves_nothing),
		CASE(selector_that_closes_counts_the_applications_sockets_only),
	};

	return cmocka_run_group_tests_name("host", tests, rig_group_setup, rig_group_teardown);
}
