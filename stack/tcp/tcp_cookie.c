/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SYN cookies (RFC 4987 3.6): a handshake of which we keep nothing.
 *
 * Called from tcp_listen.c.
 *
 * Theory of operation. All that must be known when the ACK comes goes into the SYN-ACK, and comes
 * back in the ACK: in our sequence number the MSS, as an index into `sizes`, added to a keyed hash
 * of the connection, the peer's sequence number and a counter that steps every 64 s; in the lowest
 * bits of the timestamp, if the peer has timestamps, its window scale and whether SACK and ECN were
 * agreed on. Without timestamps these are not offered.
 *
 * Only whoever received the SYN-ACK knows the number to acknowledge. A guess is right with a chance
 * of AGES * SIZES / 2^32, and only while a listener has sent cookies.
 */
#include "stack/tcp/tcp_flow_key.h"
#include "stack/tcp/tcp_handshake.h"

#define PERIOD_MS UINT64_C(64000)
#define AGES      3u /* this period's and the two before */
#define LIFE_MS   (AGES * PERIOD_MS)

#define SIZES 8u
/* What peers say, by how common: Ethernet, its tunnels, IPv6's least, and the defaults. */
static const uint16_t sizes[SIZES] = {64, 536, 1024, 1220, 1360, 1440, 1460, 8940};

/* Bits of the timestamp. */
#define TS_BITS    6u
#define TS_SCALE   0x0fu /* NO_SCALE: the peer does not scale */
#define TS_SACK    0x10u
#define TS_ECN     0x20u
#define NO_SCALE   0x0fu
#define TS_OPTIONS ((1u << TS_BITS) - 1)

/* Input of the hash. */
struct cookie_input {
	uint32_t irs, period;
	struct tcp_flow_key key;
	uint8_t zero[2];
};
_Static_assert(sizeof(struct cookie_input) == 48, "no padding");

static uint32_t cookie_hash(
	const struct stack *st, const struct tcp_seg *seg, uint32_t irs, uint32_t period)
{
	struct cookie_input input = {.irs = irs, .period = period};
	tcp_flow_key_of(&input.key, seg);
	return (uint32_t)siphash_2_4(&st->tcp->cookie_key, &input, sizeof(input));
}

static uint32_t period_of(const struct stack *st)
{
	return (uint32_t)(st->now_ms / PERIOD_MS);
}

static uint16_t default_mss(const struct tcp_seg *seg)
{
	return IP_IS_V6(&seg->rx.remote) ? TCP_MSS_DEFAULT6 : TCP_MSS_DEFAULT4;
}

/* The largest that the peer takes. */
static uint32_t size_index(const struct tcp_embryo *embryo, const struct tcp_seg *seg)
{
	uint16_t mss = embryo->peer_mss != 0 ? embryo->peer_mss : default_mss(seg);
	uint32_t index = SIZES - 1;
	while (index > 0 && sizes[index] > mss)
		index--;
	return index;
}

/* A time that is not ahead of the clock, whose lowest bits are the options. */
static uint32_t stamp(const struct stack *st, const struct tcp_embryo *embryo)
{
	uint32_t options = embryo->flags & TCB_WSCALE ? embryo->snd_scale : NO_SCALE;
	if (embryo->flags & TCB_SACK)
		options |= TS_SACK;
	if (embryo->flags & TCB_ECN)
		options |= TS_ECN;
	uint32_t now = tcp_now_ms(st);
	if ((now & TS_OPTIONS) < options)
		now -= 1u << TS_BITS;
	return (now & ~TS_OPTIONS) | options;
}

enum drop_reason tcp_cookie_answer(
	struct tcp_listener *listener, const struct tcp_seg *seg, struct tcp_embryo *embryo)
{
	struct stack *st = listener->conn.stack;
	uint32_t ts_val = 0;
	if (embryo->flags & TCB_TS)
		ts_val = stamp(st, embryo) + tcp_ts_offset(st, &seg->rx.local, &seg->rx.remote);
	else
		embryo->flags = 0;
	embryo->iss = cookie_hash(st, seg, embryo->irs, period_of(st)) + size_index(embryo, seg);
	enum drop_reason reason = tcp_syn_ack_send(listener, seg, embryo, ts_val);
	if (reason != DROP_NONE)
		return reason;
	st->counters.tcp_syn_cookies_sent++;
	listener->cookie_ms = st->now_ms;
	listener->cookies_sent = true;
	return DROP_NONE;
}

bool tcp_cookie_expected(const struct tcp_listener *listener)
{
	return listener->cookies_sent &&
		listener->conn.stack->now_ms - listener->cookie_ms < LIFE_MS;
}

/* The MSS that a cookie says, or 0: it is none of ours, or too old. */
static uint16_t cookie_mss(const struct stack *st, const struct tcp_seg *seg)
{
	uint32_t irs = seg->seq - 1, iss = seg->ack - 1;
	for (uint32_t age = 0; age < AGES; age++) {
		uint32_t index = iss - cookie_hash(st, seg, irs, period_of(st) - age);
		if (index < SIZES)
			return sizes[index];
	}
	return 0;
}

/* When the timestamp that comes back was sent. */
static uint32_t stamp_sent(struct stack *st, const struct tcp_seg *seg)
{
	return seg->opt.ts_ecr - tcp_ts_offset(st, &seg->rx.local, &seg->rx.remote);
}

/* Whether it may have been sent with a cookie. The offset is a secret of ours and the peer's. */
static bool stamp_is_ours(struct stack *st, const struct tcp_seg *seg)
{
	return seg->opt.has_ts && tcp_now_ms(st) - stamp_sent(st, seg) <= (uint32_t)LIFE_MS;
}

/* What the timestamp says. */
static void take_stamp(struct stack *st, const struct tcp_seg *seg, struct tcp_embryo *embryo)
{
	uint32_t sent = stamp_sent(st, seg);
	embryo->flags = TCB_TS;
	embryo->ts_recent = seg->opt.ts_val;
	if ((sent & TS_SCALE) != NO_SCALE) {
		embryo->flags |= TCB_WSCALE;
		embryo->snd_scale = sent & TS_SCALE;
	}
	if (sent & TS_SACK)
		embryo->flags |= TCB_SACK;
	if (sent & TS_ECN)
		embryo->flags |= TCB_ECN;
}

/*
 * Not the segment with the cookie. When that one was lost, those behind it come first, and are told
 * by their timestamps: they wait for it to be sent again. All others are reset (RFC 9293 3.10.7.2,
 * 2nd).
 */
static enum drop_reason refuse_ack(struct stack *st, struct tcp_seg *seg)
{
	if (!stamp_is_ours(st, seg))
		tcp_reply_reset(st, seg);
	return tcp_refuse(seg, DROP_TCP_REFUSED);
}

enum drop_reason tcp_cookie_ack(struct tcp_listener *listener, struct tcp_seg *seg)
{
	struct stack *st = listener->conn.stack;
	struct tcp_embryo embryo = {.irs = seg->seq - 1, .iss = seg->ack - 1};
	struct tcp_handshake hs;
	bool made;
	embryo.peer_mss = cookie_mss(st, seg);
	if (embryo.peer_mss == 0 || (seg->opt.has_ts && !stamp_is_ours(st, seg)))
		return refuse_ack(st, seg);
	if (seg->opt.has_ts)
		take_stamp(st, seg, &embryo);
	if (tcp_listener_full(listener))
		return tcp_refuse(seg, tcp_syn_cache_hold(listener, seg, &embryo));
	st->counters.tcp_syn_cookies_accepted++;
	tcp_handshake_fill(&hs, listener, &embryo, seg);
	return tcp_listener_complete(listener, &hs, NULL, seg, &made);
}
