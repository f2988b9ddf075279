/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A sender alone: the files of stack/tcp/ that send, acknowledge and recover, linked with a control
 * block made by hand instead of connections, IP and timing wheel. A test queues bytes, sees what
 * leaves, answers with ACKs and moves the clock; timers run when they are due.
 */
#ifndef RWS_TESTS_LOSS_LAB_H
#define RWS_TESTS_LOSS_LAB_H

#include "stack/nif_internal.h"
#include "stack/tcp/tcp_loss.h"

#define LAB_MSS  1000u
#define LAB_SENT 8192u
#define LAB_SEQ  0xfffff000u /* the numbers wrap soon */

struct lab_sent {
	uint32_t seq, len; /* of one wire segment */
	uint64_t ns;
	uint8_t flags;
};

struct lab {
	struct stack st;
	struct tcp_stack tcp;
	struct nif nif;
	struct dst dst;
	struct tcb *tcb;
	struct conn_options options;    /* of tcb */
	struct lab_sent sent[LAB_SENT]; /* since lab_forget_sent */
	unsigned sent_count;
	uint32_t peer_wnd;
	uint32_t peer_ts_ecr; /* what the next ACK echoes */
	int failed;           /* errno that tcb_fail was called with */
	bool device_full;
	uint16_t mtu;
};

extern struct lab lab;

/*
 * flags: TCB_SACK and so on; no segment leaves alone. The window is 64 KiB, cwnd ten segments, the
 * RTT 100 ms.
 */
void lab_open(uint32_t flags);
void lab_close(void);
/* Before anything is sent; NewReno without pacing otherwise. */
void lab_use(enum tcp_cc_kind kind);
/* Before anything is sent: the clock, of which 32 bits wrap. */
void lab_begin_at(uint64_t ms);
/* Before anything is sent: the path takes segments of that many bytes. */
void lab_use_mss(uint16_t mss);

/* add: what the next output may send, in one buffer. */
void lab_add(uint32_t bytes);
void lab_send(uint32_t bytes);
void lab_fin(void);

/* An ACK, offset bytes behind the first; blocks are offsets as well. Then output. */
void lab_ack(uint32_t offset);
void lab_sack(uint32_t offset, unsigned n, const uint32_t blocks[][2]);
enum drop_reason lab_segment(struct tcp_seg *seg);
struct tcp_seg lab_ack_segment(uint32_t offset);

/* Moves the clock, a millisecond at a time, with the timers. */
void lab_wait(uint32_t ms);
void lab_output(void);
void lab_forget_sent(void);
/* Offset of the i-th segment sent. */
uint32_t lab_offset(unsigned i);
/* Whether lists and counts agree; asserts. */
void lab_check(void);

#endif
