/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The world of one case: a stack, a virtual clock, and peers whose TCP the script plays.
 *
 * Called from tcp_script.c and verbs.c; calls the stack through tests/unit/stack/lab.h.
 */
#ifndef RWS_TEST_WORLD_H
#define RWS_TEST_WORLD_H

#include "tests/conformance/script.h"
#include "tests/conformance/segment.h"
#include "tests/unit/stack/lab.h"

#define WORLD_PEERS     64u
#define WORLD_BURST     64u
#define WORLD_LOG_LINES 14u
#define STACK_PORT      5000u
#define PEER_PORT       6000u

/*
 * One connection as the peer, and the script, sees it. Sequence numbers are relative: the peer's to
 * irs, the stack's to iss, so that the SYN is 0 and the first byte 1.
 */
struct peer {
	uint16_t port, stack_port;
	uint32_t irs, iss;
	bool iss_known;
	uint32_t seq, ack; /* what the peer sends when the script does not say */
	uint32_t window;   /* bytes */
	/* What the SYN of each end had, 0 the stack, 1 the peer. */
	bool syn_wscale[2], syn_timestamps[2];
	uint8_t wscale[2];
	uint32_t ts_base;           /* the peer's clock in ms ... */
	uint64_t ts_since_ns;       /* ... at that time */
	uint32_t ts_first, ts_last; /* of the stack's values */
	bool ts_known;
	struct conn *conn;
	uint32_t send_at, receive_at; /* relative number of the next byte of each stream */
};

/* A TCP frame that the stack sent. */
struct caught {
	struct caught *next;
	uint64_t at_ns;
	const char *wrong; /* NULL when it is well formed */
	struct segment segment;
	uint8_t frame[SEGMENT_FRAME_MAX];
};

struct world {
	const struct script *script;
	const struct script_block *test;
	const struct script_line *line; /* the one that runs */
	struct ends ends;
	struct constants constants;
	struct lab_config config;
	bool open;
	struct lab lab;
	uint64_t start_ns; /* of the case, when the interface was ready */
	struct conn *listener;
	struct peer peers[WORLD_PEERS];
	unsigned peer_count;
	struct peer *peer;               /* the current one */
	struct pbuf *burst[WORLD_BURST]; /* frames that arrive together */
	unsigned burst_count;
	struct caught *first, *last;
	struct drop_counters drops_seen;
	int64_t wanted_iss, wanted_ts; /* our_isn, our_ts; -1 without */
	char log[WORLD_LOG_LINES][256];
	unsigned logged;
	uint8_t cookie[16]; /* of the last Fast Open option that gave one */
	uint8_t cookie_length;
};

void world_init(struct world *world, const struct script *script, const struct script_block *test,
	bool ipv6);

/* Opens the stack at the first call. */
void world_open(struct world *world);

/* Ends everything and asserts that no packet buffer is left. */
void world_close(struct world *world);

/* Ends the process of the case with 1 and says where and why. */
void world_fail(struct world *world, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));

/* Lets frames pass until the stack sends none any more; the stack's turn ends with it. */
void world_pump(struct world *world);

/* Time passes up to that moment, or to the first TCP frame of the stack's if asked to. */
void world_advance(struct world *world, uint64_t until_ns, bool stop_at_frame);

/* It is that moment at once. */
void world_jump(struct world *world, uint64_t now_ns);

/* The first frame that the stack sent and nobody took, or NULL; the caller frees it. */
struct caught *world_take(struct world *world);

/* A segment of the peer's arrives, together with others up to the next world_pump. */
void world_inject(struct world *world, const struct segment *segment, const struct ends *ends);
void world_inject_frame(struct world *world, const uint8_t *frame, size_t length);

/* The peer that has this port; made when there is none, or NULL. */
struct peer *world_peer(struct world *world, uint16_t port);
struct peer *world_find_peer(struct world *world, uint16_t port);

/* How far the windows of that end are shifted in segments other than SYN (RFC 7323 2.3). */
unsigned peer_shift(const struct peer *peer, unsigned end);

/* What the peer learns from a segment of the stack's. */
void world_learn(struct world *world, struct peer *peer, const struct segment *segment);

/* Starts so much later that the first connection has this ISN, or this timestamp. */
void world_shift_clock(struct world *world);

/* A segment in the script's words; relative to that peer. from: 0 the stack, 1 the peer. */
void world_describe(
	struct world *world, const struct segment *segment, unsigned from, char *text, size_t room);
void world_log(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

uint64_t world_now(const struct world *world);

#endif
