/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/conformance/verbs.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/expect.h"

#define MS 1000000ULL

int64_t take_number(struct world *world, struct words *words)
{
	int64_t value = 0;
	const char *word = words_take(words);
	if (word == NULL || !number_parse(word, &world->constants, &value))
		world_fail(world, "\"%s\" is no number", word != NULL ? word : "");
	return value;
}

int64_t take_number_or(struct world *world, struct words *words, int64_t otherwise)
{
	return words_number_follows(words) ? take_number(world, words) : otherwise;
}

static uint64_t take_duration(struct world *world, struct words *words)
{
	uint64_t low = 0, high = 0;
	const char *word = words_take(words);
	if (word == NULL || !duration_parse(word, &low, &high))
		world_fail(world, "\"%s\" is no duration", word != NULL ? word : "");
	return high;
}

static void expect_end(struct world *world, const struct words *words)
{
	const char *word = words_peek(words);
	if (word != NULL)
		world_fail(world, "\"%s\" is not known here", word);
}

static struct conn *current(struct world *world)
{
	if (world->peer->conn == NULL)
		world_fail(world, "there is no connection");
	return world->peer->conn;
}

static ip_addr_t end_address(const struct world *world, unsigned end)
{
	return world->ends.ipv6 ? lab_ip6(end) : lab_ip4(end);
}

static struct stack *stack_of(struct world *world)
{
	return world->lab.node[0].stack;
}

/* Options of connections */

#define OPTION(name) \
	{#name, offsetof(struct conn_options, name), sizeof(((struct conn_options *)0)->name)}
static const struct {
	const char *name;
	size_t offset, size;
} conn_option_table[] = {
	OPTION(tos),
	OPTION(ttl),
	OPTION(no_delay),
	OPTION(keep_alive),
	OPTION(reuse_address),
	OPTION(backlog),
	OPTION(receive_window),
	OPTION(keep_idle_ms),
	OPTION(keep_interval_ms),
	OPTION(keep_count),
	OPTION(user_timeout_ms),
	OPTION(rto_min_ms),
	OPTION(syn_retries),
	OPTION(congestion),
	OPTION(no_delayed_ack),
	OPTION(ecn),
	OPTION(fast_open),
};
#undef OPTION

static void store(void *at, size_t size, uint64_t value)
{
	uint8_t narrow = (uint8_t)value;
	uint16_t half = (uint16_t)value;
	uint32_t word = (uint32_t)value;
	const void *from = size == 1 ? (const void *)&narrow
		: size == 2          ? (const void *)&half
				     : (const void *)&word;
	memcpy(at, from, size);
}

/* "no_delay backlog 3": each a name and perhaps a number, 1 without. */
static void take_options(struct world *world, struct words *words, struct conn_options *options)
{
	const size_t count = sizeof(conn_option_table) / sizeof(conn_option_table[0]);
	for (const char *word; (word = words_take(words)) != NULL;) {
		size_t i = 0;
		while (i < count && strcmp(conn_option_table[i].name, word) != 0)
			i++;
		if (i == count)
			world_fail(world, "\"%s\" is no option of a connection", word);
		store((uint8_t *)options + conn_option_table[i].offset, conn_option_table[i].size,
			(uint64_t)take_number_or(world, words, 1));
	}
}

/* Set-up */

static void verb_mtu(struct world *world, struct words *words)
{
	world->config.mtu = (uint16_t)take_number(world, words);
	world->constants.mtu = world->config.mtu;
}

/* "cookies always": RFC 4987 3.6. */
static void verb_cookies(struct world *world, struct words *words)
{
	static const char *const names[] = {
		[STACK_SYN_COOKIES_AUTO] = "auto",
		[STACK_SYN_COOKIES_ALWAYS] = "always",
		[STACK_SYN_COOKIES_NEVER] = "never",
	};
	for (uint8_t i = 0; i < 3; i++)
		if (words_take_if(words, names[i]))
			world->config.syn_cookies = i;
}

/* "memory N": KiB of the stack's arena. */
static void verb_memory(struct world *world, struct words *words)
{
	world->config.arena_size = (size_t)take_number(world, words) << 10;
}

/* "packets N": per cent of the buffers for received packets are in use from now on. */
static void verb_packets(struct world *world, struct words *words)
{
	stack_tell_packets(stack_of(world), (unsigned)take_number(world, words), 100);
	world_advance(world, world_now(world) + 1, false); /* for the next turn */
}

static void verb_our_isn(struct world *world, struct words *words)
{
	world->wanted_iss = (uint32_t)take_number(world, words);
}

static void verb_our_ts(struct world *world, struct words *words)
{
	world->wanted_ts = (uint32_t)take_number(world, words);
}

/* The peer starts afresh: its own ISN, and nothing known of the stack's. */
static void verb_isn(struct world *world, struct words *words)
{
	struct peer *peer = world->peer;
	peer->irs = (uint32_t)take_number(world, words);
	peer->iss_known = false;
	peer->seq = peer->ack = 0;
}

static void verb_peer(struct world *world, struct words *words)
{
	world->peer = world_peer(world, (uint16_t)take_number(world, words));
}

/* Calls of the socket above */

static void verb_listen(struct world *world, struct words *words)
{
	struct conn_options options = {.backlog = 16};
	take_options(world, words, &options);
	int result =
		conn_listen(stack_of(world), IP_ANY_TYPE, STACK_PORT, &options, &world->listener);
	if (result != 0)
		world_fail(world, "conn_listen says %d", result);
}

static void verb_unlisten(struct world *world, struct words *words)
{
	conn_close(world->listener);
	world->listener = NULL;
}

static void verb_connect(struct world *world, struct words *words)
{
	struct conn_options options = {0};
	ip_addr_t to = end_address(world, 1);
	take_options(world, words, &options);
	int result = conn_connect(stack_of(world), IP_ANY_TYPE, world->peer->stack_port, &to,
		world->peer->port, &options, &world->peer->conn);
	if (result != 0)
		world_fail(world, "conn_connect says %d", result);
}

static void verb_accept(struct world *world, struct words *words)
{
	struct conn *conn = conn_accept(world->listener);
	if (words_take_if(words, "none")) {
		if (conn != NULL)
			world_fail(world, "there is one, from port %u", conn->remote_port);
		return;
	}
	if (conn == NULL)
		world_fail(world, "there is none to accept");
	world->listener->ready.events &= (uint16_t)~CONN_EV_ACCEPTABLE;
	world_peer(world, conn->remote_port)->conn = conn;
}

static void verb_send(struct world *world, struct words *words)
{
	struct peer *peer = world->peer;
	int64_t length = take_number(world, words);
	uint8_t *bytes = malloc((size_t)length);
	assert_non_null(bytes);
	for (int64_t i = 0; i < length; i++)
		bytes[i] = stream_byte(peer->send_at + (uint32_t)i);
	lab_send(current(world), bytes, (size_t)length);
	peer->send_at += (uint32_t)length;
	free(bytes);
}

/* Takes what the stack received; it must be that many bytes of the peer's stream. */
static uint32_t take_received(struct world *world, struct words *words)
{
	struct conn *conn = current(world);
	int64_t length = take_number(world, words);
	if (conn->rxq_len != length)
		world_fail(world, "%u bytes were received", conn->rxq_len);
	for (const struct pbuf *p = conn->rxq; p != NULL; p = p->next)
		for (unsigned i = 0; i < p->len; i++)
			if (((const uint8_t *)p->payload)[i] !=
				stream_byte(world->peer->receive_at++))
				world_fail(world, "the byte at %u is not the peer's",
					world->peer->receive_at - 1);
	stack_free_pbufs(stack_of(world), conn->rxq);
	conn->rxq = conn->rxq_last = NULL;
	conn->rxq_len = 0;
	conn->ready.events &= (uint16_t)~CONN_EV_READABLE;
	return (uint32_t)length;
}

static void verb_take(struct world *world, struct words *words)
{
	take_received(world, words);
}

static void verb_recv(struct world *world, struct words *words)
{
	conn_recved(current(world), take_received(world, words));
}

static void verb_recved(struct world *world, struct words *words)
{
	conn_recved(current(world), (uint32_t)take_number(world, words));
}

static void verb_shutdown(struct world *world, struct words *words)
{
	conn_shutdown(current(world));
}

static void verb_close(struct world *world, struct words *words)
{
	conn_close(current(world));
	world->peer->conn = NULL;
}

static void verb_abort(struct world *world, struct words *words)
{
	conn_abort(current(world));
	world->peer->conn = NULL;
}

static void verb_option(struct world *world, struct words *words)
{
	struct conn_options options;
	conn_get_options(current(world), &options);
	take_options(world, words, &options);
	int result = conn_set_options(current(world), &options);
	if (result != 0)
		world_fail(world, "conn_set_options says %d", result);
}

/* What the socket above is told */

static const struct {
	const char *name;
	uint16_t bit;
} event_table[] = {
	{"connected", CONN_EV_CONNECTED},
	{"acceptable", CONN_EV_ACCEPTABLE},
	{"readable", CONN_EV_READABLE},
	{"fin", CONN_EV_FIN},
	{"space", CONN_EV_SPACE},
	{"sent", CONN_EV_SENT},
	{"fin_acked", CONN_EV_FIN_ACKED},
	{"error", CONN_EV_ERROR},
};

static const struct {
	const char *name;
	int value;
} error_table[] = {
	{"ECONNRESET", ECONNRESET},
	{"ECONNREFUSED", ECONNREFUSED},
	{"ECONNABORTED", ECONNABORTED},
	{"ETIMEDOUT", ETIMEDOUT},
	{"EHOSTUNREACH", EHOSTUNREACH},
	{"ENETUNREACH", ENETUNREACH},
	{"ENOPROTOOPT", ENOPROTOOPT},
	{"EACCES", EACCES},
	{"EMSGSIZE", EMSGSIZE},
	{"EPROTO", EPROTO},
};

static uint16_t take_event(struct world *world, struct words *words)
{
	const char *word = words_take(words);
	for (unsigned i = 0; word != NULL && i < sizeof(event_table) / sizeof(event_table[0]); i++)
		if (strcmp(event_table[i].name, word) == 0)
			return event_table[i].bit;
	world_fail(world, "\"%s\" is no event", word != NULL ? word : "");
}

static const char *error_name(int error)
{
	for (unsigned i = 0; i < sizeof(error_table) / sizeof(error_table[0]); i++)
		if (error_table[i].value == error)
			return error_table[i].name;
	return "another error";
}

static struct ready *ready_for(struct world *world, uint16_t event)
{
	if (event != CONN_EV_ACCEPTABLE)
		return &current(world)->ready;
	if (world->listener == NULL)
		world_fail(world, "there is no listener");
	return &world->listener->ready;
}

static void verb_event(struct world *world, struct words *words)
{
	uint16_t event = take_event(world, words);
	struct ready *ready = ready_for(world, event);
	if (!(ready->events & event))
		world_fail(world, "the event did not come; events are 0x%x", ready->events);
	ready->events &= (uint16_t)~event;
	if (event != CONN_EV_ERROR)
		return;
	const char *name = words_take(words);
	if (name != NULL && strcmp(error_name(-ready->error), name) != 0)
		world_fail(world, "the error is %s (%d)", error_name(-ready->error), ready->error);
}

static void verb_no(struct world *world, struct words *words)
{
	if (!words_take_if(words, "event"))
		world_fail(world, "only events can be missing");
	uint16_t event = take_event(world, words);
	if (ready_for(world, event)->events & event)
		world_fail(world, "the event came");
}

static void verb_readable(struct world *world, struct words *words)
{
	int64_t length = take_number(world, words);
	if (current(world)->rxq_len != length)
		world_fail(world, "%u bytes were received", current(world)->rxq_len);
}

/* Bytes acknowledged since the last such line. */
static void verb_acked(struct world *world, struct words *words)
{
	int64_t length = take_number(world, words);
	if (current(world)->acked != length)
		world_fail(world, "%u bytes were acknowledged", current(world)->acked);
	current(world)->acked = 0;
}

static void verb_conns(struct world *world, struct words *words)
{
	struct stack_counters counters;
	int64_t wanted = take_number(world, words);
	stack_get_counters(stack_of(world), &counters);
	if (counters.conns != (uint64_t)wanted)
		world_fail(world, "there are %lu", (unsigned long)counters.conns);
}

static bool drop_named(const char *name, enum drop_reason reason)
{
	const char *upper = drop_reason_name(reason);
	while (*name != '\0' && toupper((unsigned char)*name) == *upper) {
		name++;
		upper++;
	}
	return *name == '\0' && *upper == '\0';
}

/* "drops NAME N": since the last such line. */
static void verb_drops(struct world *world, struct words *words)
{
	const char *name = words_take(words);
	int64_t wanted = take_number(world, words);
	for (unsigned i = 0; name != NULL && i < DROP_REASON_COUNT; i++) {
		if (!drop_named(name, (enum drop_reason)i))
			continue;
		uint64_t *seen = &world->drops_seen.count[i];
		uint64_t count = stack_drops(stack_of(world))->count[i] - *seen;
		*seen += count;
		if (count != (uint64_t)wanted)
			world_fail(world, "it is %lu", (unsigned long)count);
		return;
	}
	world_fail(world, "\"%s\" is no reason of a drop", name != NULL ? name : "");
}

/* Time */

static void verb_wait(struct world *world, struct words *words)
{
	world_advance(world, world_now(world) + take_duration(world, words), false);
}

/* The clock jumps, as after a suspend: what was due meanwhile is late. */
static void verb_jump(struct world *world, struct words *words)
{
	world_jump(world, world_now(world) + take_duration(world, words));
}

static void verb_quiet(struct world *world, struct words *words)
{
	uint64_t ns = words_peek(words) != NULL ? take_duration(world, words) : 0;
	world_advance(world, world_now(world) + ns, true);
	if (world->first != NULL)
		world_fail(world, "a segment came");
}

/*
 * "drain [DURATION] [count RANGE]": takes all that is sent until then, unseen, for where it is not
 * the point, or only how many there are.
 */
static void verb_drain(struct world *world, struct words *words)
{
	struct caught *caught;
	struct range range = {.any = true};
	int64_t count = 0;
	if (words_number_follows(words))
		world_advance(world, world_now(world) + take_duration(world, words), false);
	if (words_take_if(words, "count")) {
		const char *word = words_take(words);
		if (word == NULL || !range_parse(word, &world->constants, &range))
			world_fail(world, "\"%s\" is no range", word != NULL ? word : "");
	}
	for (; (caught = world_take(world)) != NULL; count++) {
		if (caught->wrong != NULL)
			world_fail(world, "%s", caught->wrong);
		struct peer *peer = world_find_peer(world, caught->segment.port[1]);
		if (peer != NULL)
			world_learn(world, peer, &caught->segment);
		free(caught);
	}
	if (!range.any && (count < range.low || count > range.high))
		world_fail(world, "%ld segments came", (long)count);
}

/* Shorthands */

static void run_text(struct world *world, const char *format, const char *argument)
{
	char text[512];
	struct script_line line = {.number = world->line->number, .text = text};
	const struct script_line *outer = world->line;
	snprintf(text, sizeof(text), format, argument);
	verbs_run(world, &line);
	world->line = outer;
}

/* The words up to "with" go to the peer's SYN, those behind it to the call. */
static void split_with(struct words *words, char *syn, char *call, size_t room)
{
	char *to = syn;
	size_t at = 0;
	bool mss = false;
	syn[0] = call[0] = '\0';
	for (const char *word; (word = words_take(words)) != NULL;) {
		if (strcmp(word, "with") == 0) {
			to = call;
			at = 0;
			continue;
		}
		mss = mss || strcmp(word, "mss") == 0;
		at += (size_t)snprintf(to + at, at < room ? room - at : 0, " %s", word);
	}
	size_t length = strlen(syn);
	if (!mss)
		snprintf(syn + length, room - length, " mss MSS");
}

/* A connection that the peer opened, with a round trip of 1 ms. */
static void verb_established(struct world *world, struct words *words)
{
	char syn[256], call[256];
	split_with(words, syn, call, sizeof(syn));
	run_text(world, "listen%s", call);
	run_text(world, "in SYN%s", syn);
	run_text(world, "out SYN ACK ack 1%s", "");
	run_text(world, "wait 1ms%s", "");
	run_text(world, "in ACK%s", "");
	run_text(world, "accept%s", "");
}

/* A connection that the stack opened. */
static void verb_connected(struct world *world, struct words *words)
{
	char syn[256], call[256];
	split_with(words, syn, call, sizeof(syn));
	run_text(world, "connect%s", call);
	run_text(world, "out SYN%s", "");
	run_text(world, "wait 1ms%s", "");
	run_text(world, "in SYN ACK%s", syn);
	run_text(world, "out ACK ack 1%s", "");
	run_text(world, "event connected%s", "");
}

static void verb_do(struct world *world, struct words *words)
{
	const char *name = words_take(words);
	const struct script_block *steps = name != NULL ? script_steps(world->script, name) : NULL;
	if (steps == NULL)
		world_fail(world, "there are no such steps");
	for (size_t i = 0; i < steps->line_count; i++)
		verbs_run(world, &steps->lines[i]);
}

/* "flood N": as many SYNs from ports that are no peers; what answers them is not looked at. */
static void verb_flood(struct world *world, struct words *words)
{
	int64_t count = take_number(world, words);
	for (int64_t i = 0; i < count; i++) {
		struct caught *caught;
		struct segment segment = {.port = {(uint16_t)(10000 + i), STACK_PORT},
			.seq = (uint32_t)i * 1000,
			.flags = TCP_FLAG_SYN,
			.window = 65535};
		segment_add_option(&segment, OPTION_MSS, "\x04\x00", 2);
		world_inject(world, &segment, &world->ends);
		world_pump(world);
		while ((caught = world_take(world)) != NULL)
			free(caught);
	}
}

/* "repeat 5 LINE" */
static void verb_repeat(struct world *world, struct words *words)
{
	char text[512] = "";
	size_t at = 0;
	int64_t times = take_number(world, words);
	words->count = words->total; /* the semicolons are the line's */
	for (const char *word; (word = words_take(words)) != NULL;)
		at += (size_t)snprintf(
			text + at, at < sizeof(text) ? sizeof(text) - at : 0, "%s ", word);
	for (int64_t i = 0; i < times; i++)
		run_text(world, "%s", text);
}

static const struct {
	const char *name;
	void (*run)(struct world *world, struct words *words);
	bool set_up; /* stands before all else */
} verb_table[] = {
	{"mtu", verb_mtu, true},
	{"cookies", verb_cookies, true},
	{"memory", verb_memory, true},
	{"packets", verb_packets, false},
	{"our_isn", verb_our_isn, true},
	{"our_ts", verb_our_ts, true},
	{"isn", verb_isn, true},
	{"peer", verb_peer, true},
	{"do", verb_do, true},
	{"repeat", verb_repeat, true},
	{"flood", verb_flood, false},
	{"listen", verb_listen, false},
	{"unlisten", verb_unlisten, false},
	{"connect", verb_connect, false},
	{"accept", verb_accept, false},
	{"send", verb_send, false},
	{"take", verb_take, false},
	{"recv", verb_recv, false},
	{"recved", verb_recved, false},
	{"shutdown", verb_shutdown, false},
	{"close", verb_close, false},
	{"abort", verb_abort, false},
	{"option", verb_option, false},
	{"event", verb_event, false},
	{"no", verb_no, false},
	{"readable", verb_readable, false},
	{"acked", verb_acked, false},
	{"conns", verb_conns, false},
	{"drops", verb_drops, false},
	{"wait", verb_wait, false},
	{"jump", verb_jump, false},
	{"quiet", verb_quiet, false},
	{"drain", verb_drain, false},
	{"in", verb_in, false},
	{"out", verb_out, false},
	{"icmp", verb_icmp, false},
	{"established", verb_established, false},
	{"connected", verb_connected, false},
};

static void run_action(struct world *world, const struct script_line *line, struct words *words)
{
	const char *verb = words_take(words);
	size_t i = 0, count = sizeof(verb_table) / sizeof(verb_table[0]);
	while (verb != NULL && i < count && strcmp(verb_table[i].name, verb) != 0)
		i++;
	if (verb == NULL || i == count)
		world_fail(world, "\"%s\" is no action", verb != NULL ? verb : "");
	if (!verb_table[i].set_up)
		world_open(world);
	verb_table[i].run(world, words);
	world->line = line;
}

/* "ACTION ; ACTION ...": all in one turn of the stack's loop, segments in a burst. */
void verbs_run(struct world *world, const struct script_line *line)
{
	struct words words;
	world->line = line;
	if (!words_split(&words, line->text))
		world_fail(world, "too many words");
	do {
		run_action(world, line, &words);
		expect_end(world, &words);
	} while (words_next_action(&words));
	if (world->open)
		world_pump(world);
	words_free(&words);
}
