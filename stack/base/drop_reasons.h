/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every reason for which a packet or datagram may be dropped, one line each.
 *
 * DROP(name, text, reference): the X-macro behind enum drop_reason, the counter of each reason, the
 * text that `rws_counters()` and every dump prints, and docs/counters.md.
 */
#ifndef RWS_DROP_REASONS_H
#define RWS_DROP_REASONS_H

#include <stdbool.h>
#include <stdint.h>

/* clang-format off */
#define DROP_REASONS(DROP)                                                                         \
	DROP(NONE,              "kept",                                            "")             \
	DROP(FRAME_SHORT,       "frame shorter than its own headers",              "RFC 894")      \
	DROP(FRAME_LONG,        "frame longer than the interface takes",           "RFC 894")      \
	DROP(NOT_FOR_US,        "unicast frame for another station",               "RFC 1122 2.4") \
	DROP(ETHERTYPE,         "protocol above Ethernet that nobody reads",       "RFC 1122 2.4") \
	DROP(IP_CHECKSUM,       "bad IPv4 header checksum",                        "RFC 1122 3.2.1.2") \
	DROP(L4_CHECKSUM,       "bad TCP or UDP checksum",                         "RFC 9293 3.1") \
	DROP(LINK_REFUSED,      "ARP or link-layer frame that makes no sense here", "RFC 826")     \
	DROP(IP_REFUSED,        "IP packet refused for its header, options, addresses or protocol", "RFC 1122 3.2.1, RFC 8200 4") \
	DROP(FRAGMENT_REFUSED,  "fragment refused, or its datagram given up",      "RFC 815, RFC 8200 4.5") \
	DROP(ICMP_REFUSED,      "ICMP or ND message refused",                      "RFC 1122 3.2.2, RFC 4861") \
	DROP(TCP_REFUSED,       "segment refused for its header, or of no connection", "RFC 9293 3.10.7") \
	DROP(TCP_STRAY_RESET,   "RST of no connection, or of one that is gone",    "RFC 9293 3.10.7.1") \
	DROP(TCP_DUPLICATE,     "segment with nothing that was not received before", "RFC 9293 3.10.7.4") \
	DROP(TCP_WINDOW,        "segment outside of the receive window", "RFC 9293 3.10.7.4") \
	DROP(TCP_PAWS,          "segment with a timestamp from the past",          "RFC 7323 5")   \
	DROP(TCP_NO_ACK,        "segment of a connection without ACK",             "RFC 9293 3.10.7.4") \
	DROP(TCP_ACK_RANGE,     "segment that acknowledges what was not sent, or long ago", "RFC 5961 5.2") \
	DROP(TCP_CHALLENGED,    "RST or SYN that a challenge ACK answered",        "RFC 5961")     \
	DROP(TCP_REASS_FULL,    "text out of order beyond the bounds of a connection", "")         \
	DROP(TCP_NO_BUFFERS,    "text beyond what a connection may keep while buffers are short", "") \
	DROP(UDP_REFUSED,       "datagram refused for its header, or for no socket", "RFC 768")    \
	DROP(NO_PBUF,           "no buffer left for a received frame",             "")             \
	DROP(SYN_NO_MEMORY,     "SYN refused: what memory is left is for the connections that exist", "") \
	DROP(NO_MEMORY,         "the stack core's arena is exhausted",             "")             \
	DROP(FORWARD_FULL,      "ring to the owning stack core full",              "")             \
	DROP(TX_NO_MBUF,        "no buffer left for a frame to send",              "")             \
	DROP(TX_QUEUE_FULL,     "device did not take the frame in time",           "")             \
	DROP(TX_TOO_LONG,       "frame to send longer than the MTU",               "")             \
	DROP(TX_SUPPRESSED,     "reply left to the first stack core, which sends it", "")          \
	DROP(NO_ROUTE,          "nothing leads there from that address of ours",   "RFC 1122 3.3.1") \
	DROP(NO_NEIGHBOUR,      "waited for a next hop that did not answer, or behind too many", "RFC 1122 2.3.2.2, RFC 4861 7.2.2") \
	DROP(LINK_DOWN,         "link of the interface is down",                   "")             \
	DROP(UDP_QUEUE_FULL,    "receive queue of the UDP socket full",            "")             \
	DROP(ACCEPT_QUEUE_FULL, "backlog of the listener full",                    "RFC 9293 3.10.7.2") \
	DROP(CONN_CLOSED,       "data for a connection that the application closed", "")           \
	DROP(SHUTDOWN,          "discarded while the stack was taken down",        "")
/* clang-format on */

enum drop_reason {
#define DROP(name, text, reference) DROP_##name,
	DROP_REASONS(DROP)
#undef DROP
		DROP_REASON_COUNT
};

/* No room now: whoever has a frame to send may keep it, and then it is no drop. */
static inline bool drop_reason_is_busy(enum drop_reason reason)
{
	return reason == DROP_TX_QUEUE_FULL || reason == DROP_FORWARD_FULL;
}

/* Counts of one stack core, written by that core only; others may read torn-free 64-bit values. */
struct drop_counters {
	uint64_t count[DROP_REASON_COUNT];
};

/* Text of a reason; never NULL, "unknown" for a value out of range. */
const char *drop_reason_text(enum drop_reason reason);

/* Name of a reason as above, "NO_PBUF"; never NULL, "UNKNOWN" for a value out of range. */
const char *drop_reason_name(enum drop_reason reason);

#endif
