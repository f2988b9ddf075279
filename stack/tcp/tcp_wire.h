/* SPDX-License-Identifier: BSD-3-Clause */
/* The TCP header on the wire (RFC 9293 3.1) and its options. */
#ifndef RWS_TCP_WIRE_H
#define RWS_TCP_WIRE_H

#define TCP_HEADER     20u
#define TCP_HEADER_MAX 60u

/* Offsets. */
enum {
	TCP_AT_SOURCE = 0,
	TCP_AT_DESTINATION = 2,
	TCP_AT_SEQ = 4,
	TCP_AT_ACK = 8,
	TCP_AT_OFFSET = 12, /* data offset, in 32-bit words, in the upper four bits */
	TCP_AT_FLAGS = 13,
	TCP_AT_WINDOW = 14,
	TCP_AT_CHECKSUM = 16,
	TCP_AT_URGENT = 18,
};

/* Control bits. */
enum {
	TH_FIN = 0x01,
	TH_SYN = 0x02,
	TH_RST = 0x04,
	TH_PSH = 0x08,
	TH_ACK = 0x10,
	TH_URG = 0x20,
	TH_ECE = 0x40, /* RFC 3168 */
	TH_CWR = 0x80,
};

/* Kinds of options and their lengths. */
enum {
	TCPOPT_END = 0,
	TCPOPT_NOP = 1,
	TCPOPT_MSS = 2,            /* RFC 9293 3.7.1 */
	TCPOPT_WSCALE = 3,         /* RFC 7323 2.2 */
	TCPOPT_SACK_PERMITTED = 4, /* RFC 2018 2 */
	TCPOPT_SACK = 5,           /* RFC 2018 3 */
	TCPOPT_TIMESTAMPS = 8,     /* RFC 7323 3.2 */
	TCPOPT_FAST_OPEN = 34,     /* RFC 7413 4.1.1 */
};
enum {
	TCPOLEN_MSS = 4,
	TCPOLEN_WSCALE = 3,
	TCPOLEN_SACK_PERMITTED = 2,
	TCPOLEN_SACK_BLOCK = 8,
	TCPOLEN_TIMESTAMPS = 10,
	TCPOLEN_TIMESTAMPS_PADDED = 12, /* with two NOPs: RFC 7323 appendix A */
};
#define TCPOPT_TIMESTAMPS_ALONE 0x0101080au /* NOP, NOP, kind and length of timestamps */

#define TCP_MSS_DEFAULT4 536u /* RFC 9293 3.7.1 */
#define TCP_MSS_DEFAULT6 1220u
#define TCP_WSCALE_MAX   14u /* RFC 7323 2.3 */
#define TCP_SACK_MAX     4u  /* blocks in one header; 3 beside timestamps */
#define TCP_TFO_MAX      16u /* bytes of a Fast Open cookie (RFC 7413 4.1.1) */

#endif
