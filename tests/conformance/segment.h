/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP segments as frames, built and read by code that shares nothing with the stack under test.
 *
 * Called from world.c and verbs.c.
 */
#ifndef RWS_TEST_SEGMENT_H
#define RWS_TEST_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TCP_FLAG_FIN = 0x01,
	TCP_FLAG_SYN = 0x02,
	TCP_FLAG_RST = 0x04,
	TCP_FLAG_PSH = 0x08,
	TCP_FLAG_ACK = 0x10,
	TCP_FLAG_URG = 0x20,
	TCP_FLAG_ECE = 0x40,
	TCP_FLAG_CWR = 0x80,
};

enum {
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_MSS = 2,
	OPTION_WSCALE = 3,
	OPTION_SACK_OK = 4,
	OPTION_SACK = 5,
	OPTION_TIMESTAMPS = 8,
	OPTION_FAST_OPEN = 34,
};

enum { ECN_NONE = 0, ECN_ECT1 = 1, ECN_ECT0 = 2, ECN_CE = 3 };

#define SEGMENT_OPTIONS_MAX 40u
#define SEGMENT_SACK_MAX    4u
#define SEGMENT_FRAME_MAX   9100u

/* The two ends, as on every frame of a case: end 0 is the stack under test, end 1 the peer. */
struct ends {
	bool ipv6;
	uint8_t mac[2][6];
	uint8_t address[2][16]; /* IPv4: the first four */
};

/* All numbers as on the wire, in host order. */
struct segment {
	uint16_t port[2]; /* source, destination */
	uint32_t seq, ack;
	uint8_t flags;
	uint16_t window, urgent;
	uint8_t options[SEGMENT_OPTIONS_MAX];
	uint8_t options_length;
	uint8_t data_offset; /* 32-bit words; 0 when building: what fits the options */
	uint8_t reserved;    /* the four bits behind it */
	const uint8_t *payload;
	uint16_t payload_length;
	uint8_t ecn, ttl;
	uint8_t dscp;                              /* the six bits above ECN */
	uint8_t ip_options[40], ip_options_length; /* IPv4, building only; words */
	bool dont_fragment;                        /* IPv4 */
	bool bad_checksum;                         /* building only */

	/* What reading found in the options. */
	bool has_mss, has_wscale, has_sack_ok, has_timestamps, has_fast_open;
	uint16_t mss;
	uint8_t wscale;
	uint32_t ts_value, ts_echo;
	uint32_t sack[SEGMENT_SACK_MAX][2];
	unsigned sacks;
	uint8_t cookie[16];
	uint8_t cookie_length;
};

/* Writes the frame from end `from` to the other one; returns its length. */
size_t segment_build(
	const struct segment *segment, const struct ends *ends, unsigned from, uint8_t *frame);

/*
 * Reads a frame that end `from` sent, with every check that a strict peer makes. NULL, or what is
 * wrong with it. The payload points into the frame.
 */
const char *segment_read(struct segment *segment, const struct ends *ends, unsigned from,
	const uint8_t *frame, size_t length);

/* Appends one option. */
void segment_add_option(
	struct segment *segment, uint8_t kind, const void *value, size_t value_length);

/*
 * An ICMP or ICMPv6 error from the peer's link address about a packet of end 0; quoted is that
 * packet from its IP header on. value goes to the last four bytes of the ICMP header.
 */
size_t icmp_build(const struct ends *ends, uint8_t type, uint8_t code, uint32_t value,
	const uint8_t *quoted, size_t quoted_length, uint8_t *frame);

/* Answers a request for the peer's link address; 0 when the frame is none. */
size_t neighbour_answer(
	const struct ends *ends, const uint8_t *request, size_t length, uint8_t *frame);

/* Whether it is a TCP frame, whatever else is wrong with it. */
bool frame_is_tcp(const uint8_t *frame, size_t length);

/* The byte that a stream has at a relative sequence number, both ways. */
uint8_t stream_byte(uint32_t relative_seq);

#endif
