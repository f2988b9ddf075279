/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/conformance/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READY_MS 4000u /* duplicate address detection */
#define STEP_NS  1000000ULL
/* RFC 9293 3.4.1: roughly 4 microseconds; the stack shifts its clock instead of dividing it. */
#define ISN_TICK_NS 4096ULL

void world_init(struct world *world, const struct script *script, const struct script_block *test,
	bool ipv6)
{
	memset(world, 0, sizeof(*world));
	world->script = script;
	world->test = test;
	world->line = &test->lines[0];
	world->ends.ipv6 = ipv6;
	world->constants.mtu = 1500;
	world->constants.header = ipv6 ? 60 : 40;
	world->wanted_iss = world->wanted_ts = -1;
	for (unsigned i = 0; i < 2; i++) {
		ip_addr_t address = ipv6 ? lab_ip6(i) : lab_ip4(i);
		const void *bytes = ipv6 ? (const void *)ip_2_ip6(&address)->addr
					 : (const void *)&ip_2_ip4(&address)->addr;
		memcpy(world->ends.address[i], bytes, ipv6 ? 16 : 4);
		memcpy(world->ends.mac[i], (uint8_t[6]){2, 0, 0, 0, 0, (uint8_t)(i + 1)}, 6);
	}
	world->peer = world_peer(world, PEER_PORT);
}

uint64_t world_now(const struct world *world)
{
	return world->lab.now_ns;
}

struct peer *world_find_peer(struct world *world, uint16_t port)
{
	for (unsigned i = 0; i < world->peer_count; i++)
		if (world->peers[i].port == port)
			return &world->peers[i];
	return NULL;
}

struct peer *world_peer(struct world *world, uint16_t port)
{
	struct peer *known = world_find_peer(world, port);
	if (known != NULL)
		return known;
	if (world->peer_count == WORLD_PEERS)
		world_fail(world, "more than %u peers", WORLD_PEERS);
	struct peer *peer = &world->peers[world->peer_count++];
	peer->port = port;
	peer->stack_port = STACK_PORT;
	peer->window = 65535;
	peer->send_at = peer->receive_at = 1;
	return peer;
}

/* Telling */

static double seconds(const struct world *world, uint64_t at_ns)
{
	return (double)(at_ns - world->start_ns) / 1e9;
}

static char *log_slot(struct world *world)
{
	return world->log[world->logged++ % WORLD_LOG_LINES];
}

void world_log(struct world *world, const char *format, ...)
{
	char *slot = log_slot(world);
	int length =
		snprintf(slot, sizeof(world->log[0]), "%10.6f  ", seconds(world, world_now(world)));
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(slot + length, sizeof(world->log[0]) - (size_t)length, format, arguments);
	va_end(arguments);
}

void world_fail(struct world *world, const char *format, ...)
{
	va_list arguments;
	printf("FAIL %s:%u: %s (%s): \"%s\": ", world->script->path, world->line->number,
		world->test->name, world->ends.ipv6 ? "ipv6" : "ipv4", world->line->text);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
	unsigned count = world->logged < WORLD_LOG_LINES ? world->logged : WORLD_LOG_LINES;
	for (unsigned i = world->logged - count; i < world->logged; i++)
		printf("    %s\n", world->log[i % WORLD_LOG_LINES]);
	fflush(stdout);
	_exit(1);
}

static const char *const FLAGS[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};

static size_t describe_options(const struct segment *segment, uint32_t blocks_base,
	const struct peer *peer, unsigned from, char *text, size_t room)
{
	size_t at = 0;
	text[0] = '\0';
#define SAY(...) at += (size_t)snprintf(text + at, at < room ? room - at : 0, __VA_ARGS__)
	if (segment->has_mss)
		SAY(" mss %u", segment->mss);
	if (segment->has_sack_ok)
		SAY(" sackok");
	if (segment->has_timestamps && from == 0)
		SAY(" ts %u ecr %u", peer->ts_known ? segment->ts_value - peer->ts_first : 0,
			segment->ts_echo);
	if (segment->has_timestamps && from == 1)
		SAY(" ts %u ecr %u", segment->ts_value, segment->ts_echo - peer->ts_first);
	if (segment->has_wscale)
		SAY(" ws %u", segment->wscale);
	for (unsigned i = 0; i < segment->sacks; i++)
		SAY("%s%u..%u", i == 0 ? " sack " : ",", segment->sack[i][0] - blocks_base,
			segment->sack[i][1] - blocks_base);
	if (segment->has_fast_open)
		SAY(" tfo(%u)", segment->cookie_length);
	return at;
#undef SAY
}

void world_describe(
	struct world *world, const struct segment *segment, unsigned from, char *text, size_t room)
{
	static const char *const ecn[] = {"", " ect1", " ect0", " ce"};
	static const struct peer stranger;
	const struct peer *peer = world_find_peer(world, segment->port[from == 0]);
	if (peer == NULL)
		peer = &stranger;
	uint32_t seq_base = from == 0 ? peer->iss : peer->irs;
	uint32_t ack_base = from == 0 ? peer->irs : peer->iss;
	bool first = from == 0 && !peer->iss_known && (segment->flags & TCP_FLAG_SYN);
	unsigned shift = segment->flags & TCP_FLAG_SYN ? 0 : peer_shift(peer, from);
	char options[160];
	int at = snprintf(text, room, "%s", from == 0 ? "out" : "in ");
	for (unsigned i = 0; i < 8; i++)
		if (segment->flags & 1u << i)
			at += snprintf(text + at, room - (size_t)at, " %s", FLAGS[i]);
	describe_options(segment, ack_base, peer, from, options, sizeof(options));
	at += snprintf(
		text + at, room - (size_t)at, " seq %u", first ? 0 : segment->seq - seq_base);
	if (segment->flags & TCP_FLAG_ACK)
		at += snprintf(text + at, room - (size_t)at, " ack %u", segment->ack - ack_base);
	snprintf(text + at, room - (size_t)at, " win %u len %u%s%s",
		(uint32_t)segment->window << shift, segment->payload_length, options,
		ecn[segment->ecn]);
}

static void log_segment(struct world *world, const struct segment *segment, unsigned from)
{
	char text[220];
	world_describe(world, segment, from, text, sizeof(text));
	world_log(world, "%s", text);
}

/* Frames of the stack's */

static void catch_frame(struct world *world, const struct lab_frame *frame)
{
	struct caught *caught = calloc(1, sizeof(*caught));
	assert_non_null(caught);
	caught->at_ns = world_now(world);
	memcpy(caught->frame, frame->bytes, frame->length);
	caught->wrong =
		segment_read(&caught->segment, &world->ends, 0, caught->frame, frame->length);
	if (caught->wrong == NULL && frame->length > world->constants.mtu + 14)
		caught->wrong = "longer than the MTU";
	if (world->last != NULL)
		world->last->next = caught;
	else
		world->first = caught;
	world->last = caught;
	log_segment(world, &caught->segment, 0);
}

/* TCP waits for the script, requests for the peer's link address are answered, the rest is lost. */
static bool pass_frame(struct world *world)
{
	struct lab_frame *frame = lab_take(&world->lab, 0);
	if (frame == NULL)
		return false;
	uint8_t answer[128];
	size_t length = neighbour_answer(&world->ends, frame->bytes, frame->length, answer);
	if (length > 0)
		lab_inject(&world->lab, 0, answer, length);
	else if (frame_is_tcp(frame->bytes, frame->length))
		catch_frame(world, frame);
	free(frame);
	return true;
}

void world_pump(struct world *world)
{
	struct lab_node *node = &world->lab.node[0];
	if (world->burst_count > 0)
		stack_input(node->stack, node->nif, world->burst, world->burst_count);
	world->burst_count = 0;
	do
		stack_flush_output(node->stack);
	while (pass_frame(world));
}

struct caught *world_take(struct world *world)
{
	struct caught *caught = world->first;
	if (caught == NULL)
		return NULL;
	world->first = caught->next;
	if (world->first == NULL)
		world->last = NULL;
	return caught;
}

/* Time */

void world_jump(struct world *world, uint64_t now_ns)
{
	struct stack *stack = world->lab.node[0].stack;
	world->lab.now_ns = now_ns;
	stack_set_now(stack, now_ns);
	stack_run_timers(stack);
	world_pump(world);
}

void world_advance(struct world *world, uint64_t until_ns, bool stop_at_frame)
{
	while (world_now(world) < until_ns && !(stop_at_frame && world->first != NULL)) {
		uint64_t next = stack_next_timer(world->lab.node[0].stack);
		if (next <= world_now(world))
			next = world_now(world) + STEP_NS;
		world_jump(world, next < until_ns ? next : until_ns);
	}
}

/* Life of a world */

static void open_lab(struct world *world)
{
	lab_open(&world->lab, 1, &world->config);
	world->start_ns = world_now(world);
	world_advance(world, world_now(world) + READY_MS * STEP_NS, false);
	world->start_ns = world_now(world);
}

void world_open(struct world *world)
{
	if (world->open)
		return;
	world->open = true;
	if (world->wanted_iss >= 0 || world->wanted_ts >= 0)
		world_shift_clock(world);
	open_lab(world);
}

/* The first segment of a connection between the usual ports, in a world of its own. */
static void first_segment(struct world *world, struct segment *segment)
{
	static struct world probe;
	world_init(&probe, world->script, world->test, world->ends.ipv6);
	probe.config = world->config;
	open_lab(&probe);
	struct conn_options options = {0};
	struct conn *conn = NULL;
	ip_addr_t to = world->ends.ipv6 ? lab_ip6(1) : lab_ip4(1);
	if (conn_connect(probe.lab.node[0].stack, IP_ANY_TYPE, STACK_PORT, &to, PEER_PORT, &options,
		    &conn) != 0)
		world_fail(world, "cannot learn the ISN");
	probe.peer->conn = conn;
	world_pump(&probe);
	struct caught *caught = world_take(&probe);
	if (caught == NULL || caught->wrong != NULL)
		world_fail(world, "cannot learn the ISN");
	*segment = caught->segment;
	free(caught);
	world_close(&probe);
}

void world_shift_clock(struct world *world)
{
	struct segment segment;
	first_segment(world, &segment);
	if (world->wanted_iss >= 0)
		world->config.start_ns =
			1000000000ULL + ISN_TICK_NS * ((uint32_t)world->wanted_iss - segment.seq);
	else /* one in a millisecond */
		world->config.start_ns =
			1000000000ULL + STEP_NS * ((uint32_t)world->wanted_ts - segment.ts_value);
}

static void abort_all(struct world *world)
{
	if (world->listener != NULL)
		conn_close(world->listener);
	world->listener = NULL;
	for (unsigned i = 0; i < world->peer_count; i++)
		if (world->peers[i].conn != NULL)
			conn_abort(world->peers[i].conn);
}

void world_close(struct world *world)
{
	struct caught *caught;
	world_open(world);
	abort_all(world);
	world_pump(world);
	world_advance(world, world_now(world) + 1000 * STEP_NS, false);
	while ((caught = world_take(world)) != NULL)
		free(caught);
	if (lab_live_pbufs != 0)
		world_fail(world, "%u packet buffers are left at the end", lab_live_pbufs);
	lab_close(&world->lab);
}

/* Segments of the peer's */

void world_inject_frame(struct world *world, const uint8_t *frame, size_t length)
{
	if (world->burst_count == WORLD_BURST)
		world_pump(world);
	world->burst[world->burst_count++] = lab_pbuf(frame, length);
}

void world_inject(struct world *world, const struct segment *segment, const struct ends *ends)
{
	uint8_t frame[SEGMENT_FRAME_MAX];
	log_segment(world, segment, 1);
	world_inject_frame(world, frame, segment_build(segment, ends, 1, frame));
}

unsigned peer_shift(const struct peer *peer, unsigned end)
{
	return peer->syn_wscale[0] && peer->syn_wscale[1] ? peer->wscale[end] : 0;
}

static void learn_syn(struct world *world, struct peer *peer, const struct segment *segment)
{
	if (!peer->iss_known) {
		peer->iss = segment->seq;
		peer->iss_known = true;
		peer->ack = 1;
		peer->send_at = 1;
	}
	if (world->wanted_iss >= 0 && segment->seq != (uint32_t)world->wanted_iss)
		world_fail(world, "the ISN is %u: it does not follow the clock", segment->seq);
	if (world->wanted_ts >= 0 && segment->ts_value != (uint32_t)world->wanted_ts)
		world_fail(world, "the timestamp is %u: it does not follow the clock",
			segment->ts_value);
	world->wanted_iss = world->wanted_ts = -1;
	peer->syn_wscale[0] = segment->has_wscale;
	peer->wscale[0] = segment->wscale;
	peer->syn_timestamps[0] = segment->has_timestamps;
}

void world_learn(struct world *world, struct peer *peer, const struct segment *segment)
{
	if (segment->flags & TCP_FLAG_RST)
		return;
	if (segment->flags & TCP_FLAG_SYN)
		learn_syn(world, peer, segment);
	if (segment->has_timestamps) {
		if (!peer->ts_known)
			peer->ts_first = segment->ts_value;
		peer->ts_known = true;
		peer->ts_last = segment->ts_value;
	}
	uint32_t end = segment->seq - peer->iss + segment->payload_length +
		((segment->flags & TCP_FLAG_SYN) != 0) + ((segment->flags & TCP_FLAG_FIN) != 0);
	uint32_t begin = segment->seq - peer->iss;
	if ((int32_t)(begin - peer->ack) <= 0 && (int32_t)(end - peer->ack) > 0)
		peer->ack = end;
	if (segment->flags & TCP_FLAG_ACK) {
		uint32_t acked = segment->ack - peer->irs;
		if ((int32_t)(acked - peer->seq) > 0 && acked - peer->seq < 1u << 30)
			peer->seq = acked;
	}
}
