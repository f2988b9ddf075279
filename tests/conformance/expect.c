/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/conformance/expect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const flag_names[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
static const char *const ecn_names[] = {"not_ect", "ect1", "ect0", "ce"};

/* Which of the names the next word is, -1 for none; takes it. */
static int take_name(struct words *words, const char *const names[], unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (words_take_if(words, names[i]))
			return (int)i;
	return -1;
}

static uint8_t take_flags(struct words *words)
{
	uint8_t flags = 0;
	for (int i; (i = take_name(words, flag_names, 8)) >= 0;)
		flags |= (uint8_t)(1u << i);
	return flags;
}

static size_t take_hex(struct world *world, struct words *words, uint8_t *bytes, size_t room)
{
	const char *word = words_take(words);
	size_t length = word != NULL ? strlen(word) / 2 : 0;
	if (word == NULL || length > room || strlen(word) % 2 != 0)
		world_fail(world, "hexadecimal digits are missing");
	for (size_t i = 0; i < length; i++) {
		unsigned value;
		if (sscanf(word + 2 * i, "%2x", &value) != 1)
			world_fail(world, "\"%s\" is not hexadecimal", word);
		bytes[i] = (uint8_t)value;
	}
	return length;
}

/* "1001..2001,3001..4001"; returns how many. */
static unsigned take_blocks(
	struct world *world, struct words *words, uint32_t base, uint32_t blocks[][2])
{
	unsigned count = 0;
	char *rest = NULL, *word = words->next < words->count ? words->word[words->next++] : NULL;
	for (char *block = word != NULL ? strtok_r(word, ",", &rest) : NULL; block != NULL;
		block = strtok_r(NULL, ",", &rest)) {
		struct range range;
		if (count == SEGMENT_SACK_MAX || !range_parse(block, &world->constants, &range))
			world_fail(world, "\"%s\" is no block", block);
		blocks[count][0] = base + (uint32_t)range.low;
		blocks[count++][1] = base + (uint32_t)range.high;
	}
	if (count == 0)
		world_fail(world, "blocks are missing");
	return count;
}

/* in */

struct incoming {
	struct segment segment;
	struct ends ends;
	bool with_ts; /* the words had some, or want none */
	int64_t window, length;
};

static void add_number(struct segment *segment, uint8_t kind, uint32_t value, size_t size)
{
	uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
		(uint8_t)value};
	segment_add_option(segment, kind, bytes + 4 - size, size);
}

static void add_timestamps(struct segment *segment, uint32_t value, uint32_t echo)
{
	uint8_t bytes[8];
	for (unsigned i = 0; i < 4; i++) {
		bytes[i] = (uint8_t)(value >> (24 - 8 * i));
		bytes[4 + i] = (uint8_t)(echo >> (24 - 8 * i));
	}
	segment->has_timestamps = true;
	segment->ts_value = value;
	segment->ts_echo = echo;
	segment_add_option(segment, OPTION_TIMESTAMPS, bytes, sizeof(bytes));
}

static void add_sack(struct world *world, struct words *words, struct segment *segment)
{
	uint8_t bytes[SEGMENT_SACK_MAX * 8];
	segment->sacks = take_blocks(world, words, world->peer->iss, segment->sack);
	for (unsigned i = 0; i < 2 * segment->sacks; i++)
		for (unsigned j = 0; j < 4; j++)
			bytes[4 * i + j] = (uint8_t)(segment->sack[i / 2][i % 2] >> (24 - 8 * j));
	segment_add_option(segment, OPTION_NOP, NULL, 0);
	segment_add_option(segment, OPTION_NOP, NULL, 0);
	segment_add_option(segment, OPTION_SACK, bytes, 8u * segment->sacks);
}

/* "ts", "ts 100", "ts 100 ecr 5": without numbers the peer's clock and the last value it saw. */
static void add_words_of_timestamps(struct world *world, struct words *words, struct incoming *in)
{
	struct peer *peer = world->peer;
	uint32_t value =
		peer->ts_base + (uint32_t)((world_now(world) - peer->ts_since_ns) / 1000000);
	uint32_t echo = in->segment.flags & TCP_FLAG_ACK ? peer->ts_last : 0;
	value = (uint32_t)take_number_or(world, words, value);
	if (words_take_if(words, "ecr"))
		echo = peer->ts_first + (uint32_t)take_number(world, words);
	in->with_ts = true;
	if (!(in->segment.flags & TCP_FLAG_SYN)) {
		segment_add_option(&in->segment, OPTION_NOP, NULL, 0);
		segment_add_option(&in->segment, OPTION_NOP, NULL, 0);
	}
	add_timestamps(&in->segment, value, echo);
}

static bool take_option(struct world *world, struct words *words, struct incoming *in)
{
	struct segment *segment = &in->segment;
	uint8_t bytes[SEGMENT_OPTIONS_MAX];
	if (words_take_if(words, "mss")) {
		segment->has_mss = true;
		segment->mss = (uint16_t)take_number(world, words);
		add_number(segment, OPTION_MSS, segment->mss, 2);
	} else if (words_take_if(words, "ws")) {
		segment->has_wscale = true;
		segment->wscale = (uint8_t)take_number(world, words);
		add_number(segment, OPTION_WSCALE, segment->wscale, 1);
	} else if (words_take_if(words, "sackok")) {
		segment->has_sack_ok = true;
		segment_add_option(segment, OPTION_SACK_OK, NULL, 0);
	} else if (words_take_if(words, "sack")) {
		add_sack(world, words, segment);
	} else if (words_take_if(words, "ts")) {
		add_words_of_timestamps(world, words, in);
	} else if (words_take_if(words, "nop")) {
		segment_add_option(segment, OPTION_NOP, NULL, 0);
	} else if (words_take_if(words, "eol")) {
		segment_add_option(segment, OPTION_END, NULL, 0);
	} else if (words_take_if(words, "tfo")) {
		size_t length = 0;
		if (words_take_if(words, "saved"))
			memcpy(bytes, world->cookie, length = world->cookie_length);
		else if (!words_take_if(words, "request"))
			length = take_hex(world, words, bytes, sizeof(segment->cookie));
		segment->has_fast_open = true;
		segment->cookie_length = (uint8_t)length;
		segment_add_option(segment, OPTION_FAST_OPEN, bytes, length);
	} else if (words_take_if(words, "raw")) {
		size_t length = take_hex(world, words, bytes, sizeof(bytes));
		memcpy(segment->options + segment->options_length, bytes, length);
		segment->options_length = (uint8_t)(segment->options_length + length);
	} else {
		return false;
	}
	return true;
}

static bool take_field(struct world *world, struct words *words, struct incoming *in)
{
	struct segment *segment = &in->segment;
	struct peer *peer = world->peer;
	int ecn = take_name(words, ecn_names, 4);
	if (ecn >= 0)
		segment->ecn = (uint8_t)ecn;
	else if (words_take_if(words, "seq"))
		segment->seq = peer->irs + (uint32_t)take_number(world, words);
	else if (words_take_if(words, "ack"))
		segment->ack = peer->iss + (uint32_t)take_number(world, words);
	else if (words_take_if(words, "win"))
		in->window = take_number(world, words);
	else if (words_take_if(words, "len"))
		in->length = take_number(world, words);
	else if (words_take_if(words, "urg"))
		segment->urgent = (uint16_t)take_number(world, words);
	else if (words_take_if(words, "port"))
		segment->port[1] = (uint16_t)take_number(world, words);
	else if (words_take_if(words, "doff"))
		segment->data_offset = (uint8_t)take_number(world, words);
	else if (words_take_if(words, "reserved"))
		segment->reserved = (uint8_t)take_number(world, words);
	else if (words_take_if(words, "dscp"))
		segment->dscp = (uint8_t)take_number(world, words);
	else if (words_take_if(words, "ip_options"))
		segment->ip_options_length = (uint8_t)take_hex(
			world, words, segment->ip_options, sizeof(segment->ip_options));
	else if (words_take_if(words, "badsum"))
		segment->bad_checksum = true;
	else
		return false;
	return true;
}

/* Addresses that a segment must not come from or go to (RFC 9293 3.9.2.3). */
static const struct {
	const char *name;
	uint8_t ip4[4], ip6[16], mac[6];
} odd_addresses[] = {
	{"broadcast", {255, 255, 255, 255}, {0xff, 2, [15] = 1}, {255, 255, 255, 255, 255, 255}},
	{"subnet_broadcast", {10, 0, 0, 255}, {0xff, 2, [15] = 1}, {255, 255, 255, 255, 255, 255}},
	{"multicast", {224, 0, 0, 1}, {0xff, 2, [15] = 1}, {1, 0, 0x5e, 0, 0, 1}},
	{"loopback", {127, 0, 0, 1}, {[15] = 1}, {2, 0, 0, 0, 0, 1}},
	{"unspecified", {0}, {0}, {2, 0, 0, 0, 0, 1}},
	{"own", {10, 0, 0, 1}, {0xfd, [15] = 1}, {2, 0, 0, 0, 0, 1}},
};

/* "from NAME", "to NAME" */
static bool take_address(struct world *world, struct words *words, struct incoming *in)
{
	bool from = words_take_if(words, "from");
	if (!from && !words_take_if(words, "to"))
		return false;
	for (unsigned i = 0; i < sizeof(odd_addresses) / sizeof(odd_addresses[0]); i++) {
		if (!words_take_if(words, odd_addresses[i].name))
			continue;
		memcpy(in->ends.address[from],
			world->ends.ipv6 ? odd_addresses[i].ip6 : odd_addresses[i].ip4,
			world->ends.ipv6 ? 16 : 4);
		if (!from)
			memcpy(in->ends.mac[0], odd_addresses[i].mac, 6);
		return true;
	}
	world_fail(world, "there is no such address");
}

/* The peer's own state moves with what it sends in order. */
static void note_sent(struct world *world, const struct segment *segment)
{
	struct peer *peer = world->peer;
	uint32_t begin = segment->seq - peer->irs;
	uint32_t end = begin + segment->payload_length + ((segment->flags & TCP_FLAG_SYN) != 0) +
		((segment->flags & TCP_FLAG_FIN) != 0);
	if (segment->flags & TCP_FLAG_RST || segment->bad_checksum)
		return;
	if ((int32_t)(begin - peer->seq) <= 0 && (int32_t)(end - peer->seq) > 0)
		peer->seq = end;
	if (!(segment->flags & TCP_FLAG_SYN))
		return;
	peer->receive_at = begin + 1;
	peer->syn_wscale[1] = segment->has_wscale;
	peer->wscale[1] = segment->wscale > 14 ? 14 : segment->wscale;
	peer->syn_timestamps[1] = segment->has_timestamps;
	peer->ts_base = segment->ts_value;
	peer->ts_since_ns = world_now(world);
}

static uint16_t window_field(const struct peer *peer, uint32_t window, bool syn)
{
	uint32_t field = syn ? window : window >> peer_shift(peer, 1);
	return (uint16_t)(field > 65535 ? 65535 : field);
}

void verb_in(struct world *world, struct words *words)
{
	static uint8_t payload[SEGMENT_FRAME_MAX];
	struct peer *peer = world->peer;
	struct incoming in = {.ends = world->ends, .window = peer->window};
	struct segment *segment = &in.segment;
	segment->flags = take_flags(words);
	segment->port[0] = peer->port;
	segment->port[1] = peer->stack_port;
	segment->seq = peer->irs + peer->seq;
	segment->ack = segment->flags & TCP_FLAG_ACK ? peer->iss + peer->ack : 0;
	while (words_peek(words) != NULL) {
		if (words_take_if(words, "no")) {
			if (!words_take_if(words, "ts"))
				world_fail(world, "only ts can be left out");
			in.with_ts = true;
		} else if (!take_field(world, words, &in) && !take_option(world, words, &in) &&
			!take_address(world, words, &in)) {
			return;
		}
	}
	bool syn = segment->flags & TCP_FLAG_SYN;
	if (!in.with_ts && !syn && peer->syn_timestamps[0] && peer->syn_timestamps[1])
		add_words_of_timestamps(world, words, &in);
	if (in.length < 0 || in.length > (int64_t)sizeof(payload) - 200)
		world_fail(world, "the length is out of range");
	for (int64_t i = 0; i < in.length; i++)
		payload[i] = stream_byte(segment->seq - peer->irs + syn + (uint32_t)i);
	segment->payload = payload;
	segment->payload_length = (uint16_t)in.length;
	peer->window = (uint32_t)in.window;
	note_sent(world, segment);
	segment->window = window_field(peer, (uint32_t)in.window, syn);
	world_inject(world, segment, &in.ends);
}

/* out */

struct outgoing {
	const struct caught *caught;
	const struct segment *segment;
	bool length_checked;
};

static void __attribute__((format(printf, 3, 4), noreturn)) mismatch(
	struct world *world, const struct outgoing *out, const char *format, ...)
{
	char text[256], reason[128];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
	world_describe(world, out->segment, 0, text, sizeof(text));
	world_fail(world, "%s: got \"%s\"", reason, text);
}

static struct range take_range(struct world *world, struct words *words)
{
	struct range range = {0};
	const char *word = words_take(words);
	if (word == NULL || !range_parse(word, &world->constants, &range))
		world_fail(world, "\"%s\" is no number or range", word != NULL ? word : "");
	return range;
}

/* Both ends of a range may lie on either side of the wrap. */
static void expect_range(struct world *world, struct words *words, const struct outgoing *out,
	const char *what, uint32_t value)
{
	struct range range = take_range(world, words);
	if (!range.any && value - (uint32_t)range.low > (uint32_t)(range.high - range.low))
		mismatch(world, out, "%s is %u", what, value);
}

static void expect_true(
	struct world *world, const struct outgoing *out, bool holds, const char *what)
{
	if (!holds)
		mismatch(world, out, "%s", what);
}

/* "layout mss,sackok,ts,nop,ws": the options and nothing else, in this order. */
static void expect_layout(struct world *world, struct words *words, const struct outgoing *out)
{
	static const struct {
		const char *name;
		uint8_t kind;
	} kinds[] = {{"eol", OPTION_END}, {"nop", OPTION_NOP}, {"mss", OPTION_MSS},
		{"ws", OPTION_WSCALE}, {"sackok", OPTION_SACK_OK}, {"sack", OPTION_SACK},
		{"ts", OPTION_TIMESTAMPS}, {"tfo", OPTION_FAST_OPEN}};
	char found[128] = "";
	size_t length = 0;
	const struct segment *segment = out->segment;
	const char *wanted = words_take(words);
	for (unsigned at = 0; at < segment->options_length;) {
		uint8_t kind = segment->options[at];
		for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			if (kinds[i].kind == kind)
				length += (size_t)snprintf(found + length, sizeof(found) - length,
					"%s%s", length > 0 ? "," : "", kinds[i].name);
		at += kind <= OPTION_NOP ? 1 : segment->options[at + 1];
	}
	if (wanted == NULL || strcmp(wanted, length > 0 ? found : "none") != 0)
		mismatch(world, out, "the options are %s", length > 0 ? found : "none");
}

static void expect_sack(struct world *world, struct words *words, const struct outgoing *out)
{
	uint32_t blocks[SEGMENT_SACK_MAX][2];
	unsigned count = take_blocks(world, words, world->peer->irs, blocks);
	if (out->segment->sacks != count ||
		memcmp(blocks, out->segment->sack, count * sizeof(blocks[0])) != 0)
		mismatch(world, out, "the SACK blocks are others");
}

static void expect_cookie(struct world *world, struct words *words, const struct outgoing *out)
{
	uint8_t cookie[16];
	const struct segment *segment = out->segment;
	expect_true(world, out, segment->has_fast_open, "no Fast Open option");
	if (words_take_if(words, "request"))
		expect_true(world, out, segment->cookie_length == 0, "the cookie is not empty");
	else if (words_take_if(words, "cookie"))
		expect_true(world, out, segment->cookie_length >= 4, "no cookie");
	else if (words_take_if(words, "saved"))
		expect_true(world, out,
			segment->cookie_length == world->cookie_length &&
				memcmp(segment->cookie, world->cookie, world->cookie_length) == 0,
			"the cookie is another");
	else
		expect_true(world, out,
			take_hex(world, words, cookie, sizeof(cookie)) == segment->cookie_length &&
				memcmp(cookie, segment->cookie, segment->cookie_length) == 0,
			"the cookie is another");
}

/* "no sack": an option, or PSH, that must be missing. */
static void expect_missing(struct world *world, struct words *words, const struct outgoing *out)
{
	static const char *const names[] = {"mss", "ws", "sackok", "sack", "ts", "tfo", "PSH"};
	const struct segment *segment = out->segment;
	const bool there[] = {segment->has_mss, segment->has_wscale, segment->has_sack_ok,
		segment->sacks > 0, segment->has_timestamps, segment->has_fast_open,
		(segment->flags & TCP_FLAG_PSH) != 0};
	int i = take_name(words, names, 7);
	if (i < 0)
		world_fail(world, "\"no\" of what?");
	expect_true(world, out, !there[i], "what should be missing is there");
}

static bool expect_option(struct world *world, struct words *words, const struct outgoing *out)
{
	const struct segment *segment = out->segment;
	if (words_take_if(words, "mss")) {
		expect_true(world, out, segment->has_mss, "no MSS option");
		expect_range(world, words, out, "mss", segment->mss);
	} else if (words_take_if(words, "ws")) {
		expect_true(world, out, segment->has_wscale, "no window scale option");
		if (words_number_follows(words))
			expect_range(world, words, out, "ws", segment->wscale);
	} else if (words_take_if(words, "sackok")) {
		expect_true(world, out, segment->has_sack_ok, "no SACK-permitted option");
	} else if (words_take_if(words, "sack")) {
		expect_sack(world, words, out);
	} else if (words_take_if(words, "ts")) {
		expect_true(world, out, segment->has_timestamps, "no timestamps option");
		if (words_number_follows(words))
			expect_range(
				world, words, out, "ts", segment->ts_value - world->peer->ts_first);
	} else if (words_take_if(words, "ecr")) {
		expect_true(world, out, segment->has_timestamps, "no timestamps option");
		expect_range(world, words, out, "ecr", segment->ts_echo);
	} else if (words_take_if(words, "tfo")) {
		expect_cookie(world, words, out);
	} else if (words_take_if(words, "layout")) {
		expect_layout(world, words, out);
	} else if (words_take_if(words, "no")) {
		expect_missing(world, words, out);
	} else {
		return false;
	}
	return true;
}

static bool expect_field(struct world *world, struct words *words, struct outgoing *out)
{
	const struct segment *segment = out->segment;
	struct peer *peer = world->peer;
	bool syn = segment->flags & TCP_FLAG_SYN;
	int ecn = take_name(words, ecn_names, 4);
	if (ecn >= 0) {
		if (segment->ecn != ecn)
			mismatch(world, out, "the IP header has %s", ecn_names[segment->ecn]);
	} else if (words_take_if(words, "seq")) {
		expect_range(world, words, out, "seq", segment->seq - peer->iss);
	} else if (words_take_if(words, "ack")) {
		expect_range(world, words, out, "ack", segment->ack - peer->irs);
	} else if (words_take_if(words, "win")) {
		expect_range(world, words, out, "win",
			(uint32_t)segment->window << (syn ? 0 : peer_shift(peer, 0)));
	} else if (words_take_if(words, "len")) {
		expect_range(world, words, out, "len", segment->payload_length);
		out->length_checked = true;
	} else if (words_take_if(words, "urg")) {
		expect_range(world, words, out, "urg", segment->urgent);
	} else if (words_take_if(words, "dscp")) {
		expect_range(world, words, out, "dscp", segment->dscp);
	} else if (words_take_if(words, "ttl")) {
		expect_range(world, words, out, "ttl", segment->ttl);
	} else if (words_take_if(words, "port")) {
		expect_range(world, words, out, "port", segment->port[0]);
	} else if (words_take_if(words, "df")) {
		expect_true(world, out, segment->dont_fragment, "DF is not set");
	} else {
		return false;
	}
	return true;
}

/* "within T": by then. "after T1..T2": between these; "after T": 10 ms late at most. */
static void wait_for_segment(struct world *world, struct words *words)
{
	uint64_t low = 0, high = 0, begun = world_now(world);
	const char *word;
	bool within = words_take_if(words, "within");
	if (within || words_take_if(words, "after")) {
		word = words_take(words);
		if (word == NULL || !duration_parse(word, &low, &high))
			world_fail(world, "\"%s\" is no duration", word != NULL ? word : "");
	}
	if (low == high && !within && low > 0)
		high += 10000000;
	world_advance(world, begun + high, true);
	if (world->first == NULL)
		world_fail(world, "no segment came");
	if (!within && low > 0 && world->first->at_ns < begun + low)
		world_fail(world, "a segment came after %.3f ms",
			(double)(world->first->at_ns - begun) / 1e6);
}

static void check_flags(struct world *world, struct words *words, const struct outgoing *out)
{
	uint8_t wanted = take_flags(words), flags = out->segment->flags;
	if (!(wanted & TCP_FLAG_PSH))
		flags &= (uint8_t)~TCP_FLAG_PSH;
	if (flags != wanted)
		mismatch(world, out, "other flags");
}

/* Payload must be the stack's stream from there on. */
static void check_payload(struct world *world, const struct outgoing *out)
{
	const struct segment *segment = out->segment;
	uint32_t at = segment->seq - world->peer->iss + ((segment->flags & TCP_FLAG_SYN) != 0);
	for (unsigned i = 0; i < segment->payload_length; i++)
		if (segment->payload[i] != stream_byte(at + i))
			mismatch(world, out, "the byte at %u is not of the stream", at + i);
}

static bool fresh_follows(const struct words *words)
{
	for (size_t i = words->next; i < words->count; i++)
		if (strcmp(words->word[i], "fresh") == 0)
			return true;
	return false;
}

void verb_out(struct world *world, struct words *words)
{
	wait_for_segment(world, words);
	struct caught *caught = world_take(world);
	struct outgoing out = {.caught = caught, .segment = &caught->segment};
	struct peer *peer = world->peer;
	if (caught->wrong != NULL)
		mismatch(world, &out, "%s", caught->wrong);
	if (caught->segment.port[1] != peer->port)
		mismatch(world, &out, "it goes to port %u", caught->segment.port[1]);
	if (fresh_follows(words))
		peer->iss_known = peer->ts_known = false;
	world_learn(world, peer, out.segment);
	check_flags(world, words, &out);
	while (words_peek(words) != NULL)
		if (!words_take_if(words, "fresh") && !expect_field(world, words, &out) &&
			!expect_option(world, words, &out))
			break;
	if (!out.length_checked && out.segment->payload_length != 0)
		mismatch(world, &out, "len is %u", out.segment->payload_length);
	check_payload(world, &out);
	if (caught->segment.cookie_length > 0) {
		world->cookie_length = caught->segment.cookie_length;
		memcpy(world->cookie, caught->segment.cookie, world->cookie_length);
	}
	free(caught);
}

/* icmp */

/* RFC 792, RFC 1191, RFC 4443; 0 stands for what a family does not have. */
static const struct {
	const char *name;
	uint8_t type4, code4, type6, code6;
} icmp_table[] = {
	{"net_unreachable", 3, 0, 1, 0},
	{"host_unreachable", 3, 1, 1, 3},
	{"protocol_unreachable", 3, 2, 4, 1},
	{"port_unreachable", 3, 3, 1, 4},
	{"too_big", 3, 4, 2, 0},
	{"source_route_failed", 3, 5, 1, 5},
	{"prohibited", 3, 13, 1, 1},
	{"source_quench", 4, 0, 0, 0},
	{"time_exceeded", 11, 0, 3, 0},
	{"reassembly_time_exceeded", 11, 1, 3, 1},
	{"parameter_problem", 12, 0, 4, 0},
};

static unsigned take_icmp_name(struct world *world, struct words *words)
{
	for (unsigned i = 0; i < sizeof(icmp_table) / sizeof(icmp_table[0]); i++)
		if (words_take_if(words, icmp_table[i].name))
			return i;
	world_fail(world, "\"%s\" is no ICMP error", words_peek(words));
}

/* "icmp NAME [mtu N] [seq N] [len N] [port N]": quotes the stack's segment at seq. */
void verb_icmp(struct world *world, struct words *words)
{
	uint8_t quoted[SEGMENT_FRAME_MAX] = {0}, frame[SEGMENT_FRAME_MAX];
	unsigned i = take_icmp_name(world, words);
	struct peer *peer = world->peer;
	struct segment segment = {.port = {peer->stack_port, peer->port}, .seq = peer->iss};
	uint32_t mtu = 0;
	segment.flags = TCP_FLAG_ACK;
	while (words_peek(words) != NULL) {
		if (words_take_if(words, "mtu"))
			mtu = (uint32_t)take_number(world, words);
		else if (words_take_if(words, "seq"))
			segment.seq = peer->iss + (uint32_t)take_number(world, words);
		else if (words_take_if(words, "len"))
			segment.payload_length = (uint16_t)take_number(world, words);
		else if (words_take_if(words, "port"))
			segment.port[0] = (uint16_t)take_number(world, words);
		else
			return;
	}
	static uint8_t zeros[SEGMENT_FRAME_MAX];
	segment.payload = zeros;
	size_t length = segment_build(&segment, &world->ends, 0, quoted) - 14;
	bool ipv6 = world->ends.ipv6;
	size_t limit = ipv6 ? 1280 - 48 : 28; /* RFC 4443 2.4 (c); RFC 792 */
	length = icmp_build(&world->ends, ipv6 ? icmp_table[i].type6 : icmp_table[i].type4,
		ipv6 ? icmp_table[i].code6 : icmp_table[i].code4, mtu, quoted + 14,
		length < limit ? length : limit, frame);
	world_log(world, "in  ICMP %s seq %u mtu %u", icmp_table[i].name, segment.seq - peer->iss,
		mtu);
	world_inject_frame(world, frame, length);
}
