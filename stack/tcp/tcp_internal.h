/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The transmission control block (RFC 9293 3.3.1) and what the files of stack/tcp/ say to each
 * other; for them and their tests alone.
 *
 * All of it belongs to the stack's thread. Sequence numbers are compared by stack/base/seq.h only.
 * Times called _ms are the stack's clock in milliseconds, modulo 2^32 where they are uint32_t.
 */
#ifndef RWS_TCP_INTERNAL_H
#define RWS_TCP_INTERNAL_H

#include <sys/queue.h>

#include "stack/base/bytes.h"
#include "stack/base/flow_hash.h"
#include "stack/base/flow_table.h"
#include "stack/base/seq.h"
#include "stack/base/slab.h"
#include "stack/base/wheel.h"
#include "stack/conn.h"
#include "stack/dst.h"
#include "stack/ip_input.h"
#include "stack/reply_rate.h"
#include "stack/stack_internal.h"
#include "stack/tcp/tcp.h"
#include "stack/tcp/tcp_cc.h"
#include "stack/tcp/tcp_wire.h"

struct tcb;
struct tcp_listener;

#define TCP_UNPACED_SEGMENTS 10u
#define TCP_RTO_INITIAL_MS   1000u  /* RFC 6298 2.1 */
#define TCP_RTO_AFTER_SYN_MS 3000u  /* RFC 6298 5.7: a SYN was sent again */
#define TCP_RTO_MAX_MS       60000u /* RFC 6298 (2.5): at least 60 seconds */
#define TCP_RCV_BUF_MAX      CONN_RECEIVE_WINDOW_MAX
#define RCV_WSCALE           8u /* tells of TCP_RCV_BUF_MAX in 16 bits */

/* ---- Segments received ------------------------------------------------------------------- */

struct tcp_sack_block {
	uint32_t start, end; /* [start, end) */
};

/* What the options of a header say (RFC 9293 3.2). */
struct tcp_options {
	union {
		struct {
			bool has_mss, has_wscale, has_ts, sack_permitted, has_fast_open;
			uint8_t wscale; /* at most TCP_WSCALE_MAX */
			uint8_t sack_count;
			uint8_t fast_open_length; /* of the cookie, 0: a cookie is asked for */
		};
		uint64_t present; /* all of that: 0 without options */
	};
	uint16_t mss;
	uint32_t ts_val, ts_ecr;
	struct tcp_sack_block sack[TCP_SACK_MAX];
	uint8_t fast_open[TCP_TFO_MAX];
};

/* A received segment, in host order. RFC 9293 3.3.1: SEG.SEQ and so on. */
struct tcp_seg {
	/*
	 * First member. rx.p: the payload, a list of pbufs each of which stands alone (tot_len is
	 * len), NULL without; owner: whoever processes the segment.
	 */
	struct ip_rx rx;
	struct pbuf *last; /* of that list */
	uint32_t hash;     /* of the connection */
	uint32_t seq, ack;
	uint32_t len; /* bytes of payload, without SYN and FIN */
	/*
	 * With no flag but ACK and PSH, and no option but timestamps: the four bytes of the header
	 * from TCP_AT_OFFSET on, by TCP_PLAIN. Else TCP_NOT_PLAIN.
	 */
	uint32_t plain;
	uint32_t parts; /* frames that it was put together from (GRO) */
	uint16_t local_port, remote_port;
	uint16_t wnd;  /* as it stands in the header */
	uint8_t flags; /* TH_* */
	struct tcp_options opt;
};

#define TCP_PLAIN     0xf0f7ffffu /* without PSH and what is reserved */
#define TCP_NOT_PLAIN 1u          /* no header has an offset of zero */

/*
 * RFC 7323 5.3 R1: the TSval of a connection with timestamps is from before TS.Recent. There are peers
 * whose SYN has zero, whatever their clock says: all is newer.
 */
static inline bool tcp_is_from_the_past(const struct tcp_seg *seg, uint32_t ts_recent)
{
	return seg->opt.has_ts && ts_recent != 0 && seq_lt(seg->opt.ts_val, ts_recent);
}

/* Payload, SYN and FIN in sequence space (RFC 9293 3.4). */
static inline uint32_t tcp_seg_len(const struct tcp_seg *seg)
{
	return seg->len + ((seg->flags & TH_SYN) != 0) + ((seg->flags & TH_FIN) != 0);
}

/* ---- Segments sent ----------------------------------------------------------------------- */

enum {
	TXSEG_SACKED = 1 << 0,       /* the peer says that it has it; it is not in the pipe */
	TXSEG_LOST = 1 << 1,         /* RACK or a timeout holds it for lost; not in the pipe */
	TXSEG_RETRANS = 1 << 2,      /* sent again, and that copy is in the pipe */
	TXSEG_EVER_RETRANS = 1 << 3, /* was sent more than once: no RTT sample (RFC 6298 3, Karn) */
	TXSEG_FIN = 1 << 4,
	TXSEG_APP_LIMITED = 1 << 5,
	TXSEG_PLACE = 1 << 6, /* it may be one of tcp_send.sack_places */
};

/* A range of sequence space that was sent and is not acknowledged. One may cover many segments. */
struct tcp_txseg {
	TAILQ_ENTRY(tcp_txseg) entry; /* tcp_send.inflight: by sequence number, without gaps */
	TAILQ_ENTRY(tcp_txseg)
	by_time;           /* tcp_send.sent or to_resend; SACKED: in none */
	struct pbuf *p;    /* where its first byte lies, in the send queue; NULL: FIN alone */
	uint32_t offset;   /* in p */
	uint32_t seq, len; /* bytes of payload; TXSEG_FIN takes one number more */
	uint8_t flags;
	uint8_t retransmissions;
	uint16_t sacked;  /* SACKED: how many were told of, that are one now */
	uint64_t sent_ns; /* last transmission */
	/* Delivery rate sampling: the connection's state when it was last sent. */
	uint64_t delivered, delivered_ns, first_sent_ns;
	uint64_t lost;
	uint32_t tx_in_flight;
};
TAILQ_HEAD(tcp_txseg_list, tcp_txseg);

static inline uint32_t tcp_txseg_end(const struct tcp_txseg *t)
{
	return t->seq + t->len + ((t->flags & TXSEG_FIN) != 0);
}

/* ---- The transmission control block ------------------------------------------------------ */

/* RFC 9293 3.3.2, but LISTEN (struct tcp_listener) and TIME_WAIT (struct tcp_time_wait). */
enum tcp_state {
	TCP_CLOSED, /* off the network; the socket above may still have it */
	TCP_SYN_SENT,
	TCP_SYN_RCVD, /* simultaneous open, or Fast Open; the passive open is the SYN cache's */
	TCP_ESTABLISHED,
	TCP_FIN_WAIT_1,
	TCP_FIN_WAIT_2,
	TCP_CLOSE_WAIT,
	TCP_CLOSING,
	TCP_LAST_ACK,
};

enum {
	/* Negotiated. */
	TCB_TS = 1 << 0,
	TCB_SACK = 1 << 1,
	TCB_WSCALE = 1 << 2,
	TCB_ECN = 1 << 3,
	/* To do. */
	TCB_ACK_NOW = 1 << 4,     /* an ACK leaves with the next flush */
	TCB_ACK_DELAYED = 1 << 5, /* one is owed (RFC 9293 3.8.6.3) */
	TCB_ECE = 1 << 6,         /* ECE on every segment until CWR comes (RFC 3168 6.1.3) */
	TCB_CWR = 1 << 7,         /* CWR on the next new data (RFC 3168 6.1.2) */
	/* Life. */
	TCB_PASSIVE = 1 << 9,
	TCB_FIN_QUEUED = 1 << 11, /* snd_end counts our FIN */
	TCB_FIN_SENT = 1 << 12,   /* CONN_EV_SENT was told */
	TCB_FIN_ACKED = 1 << 13,
	TCB_FIN_RECEIVED = 1 << 14,
	TCB_RELEASED = 1 << 15,  /* the socket above is done with it */
	TCB_IN_OUTPUT = 1 << 16, /* on tcp.output */
	TCB_HOLDS_PORT = 1 << 17,
	TCB_HASHED = 1 << 18, /* in the flow table */
	/* Options. */
	TCB_NO_DELAY = 1 << 19, /* no Nagle (RFC 9293 3.7.4) */
	TCB_NO_DELAYED_ACK = 1 << 20,
	TCB_KEEP_ALIVE = 1 << 21,
	TCB_NOT_ALONE = 1 << 10,       /* no lone segments: a user timeout, or rates are sampled */
	TCB_FAST_OPEN = 1 << 22,       /* the SYN asked for a cookie or carried data (RFC 7413) */
	TCB_PMTU_BLACK_HOLE = 1 << 23, /* RFC 8899: smaller segments are being tried */
	TCB_BLOCKED = 1 << 25,         /* the device or memory stopped the last output */
	/* On a listener's queue: ready.user is the listener, until the socket above takes it. */
	TCB_UNACCEPTED = 1 << 26,
	TCB_PMTU_REDUCED = 1 << 27, /* the path takes less than the interface, for a while */
	TCB_PMTU_TRIED = 1 << 8,    /* full segments failed again when they were tried early */
	TCB_RCV_AUTO = 1 << 24,     /* the receive window grows with what arrives */
};

enum tcp_timer {
	TCP_TIMER_RTX,  /* what rtx_kind says */
	TCP_TIMER_ACK,  /* delayed ACK */
	TCP_TIMER_KEEP, /* keepalive, FIN_WAIT_2, orphan: whichever state asks for */
	TCP_TIMER_USER, /* RFC 5482 */
	TCP_TIMER_PACE,
	TCP_TIMER_COUNT,
};

enum tcp_rtx_kind {
	TCP_RTX_RTO,     /* RFC 6298 */
	TCP_RTX_TLP,     /* RFC 8985 7: tail loss probe */
	TCP_RTX_REORDER, /* RFC 8985 6.2: reordering window */
	TCP_RTX_PERSIST, /* RFC 9293 3.8.6.1: zero-window probe */
	TCP_RTX_SYN,
};

/* Out-of-order data; allocated when there is some. */
struct tcp_reass;

TAILQ_HEAD(tcb_list, tcb);

/*
 * Hot fields first: a data segment touches the first three cache lines, the last of which ends
 * with the congestion window. What follows is for ACKs, loss and life.
 */
struct tcb {
	struct conn conn; /* first member */

	/* Receive sequence space (RFC 9293 3.3.1, figure 4). */
	uint32_t rcv_adv; /* right edge told to the peer: rcv_nxt + rcv_wnd; never moves left */
	uint32_t rcv_nxt;
	uint32_t rcv_acked; /* rcv_nxt as we told it last (RFC 7323: Last.ACK.sent) */
	uint32_t ts_recent;
	uint32_t rcv_held;  /* bytes on rxq or with the application, not yet conn_recved */
	uint32_t predicted; /* tcp_seg.plain of an expected segment, in ESTABLISHED; 0: none */

	/* Send sequence space (figure 3). */
	uint32_t snd_una, snd_nxt;
	uint32_t snd_wnd; /* bytes, scaled */
	uint32_t snd_wl1; /* SND.WL1; SND.WL2 is snd_una then */

	uint32_t flags;   /* TCB_* */
	uint16_t snd_mss; /* payload bytes of a full segment: Eff.snd.MSS of RFC 9293 3.7.1 */
	uint8_t state;    /* enum tcp_state */
	uint8_t snd_scale : 4, rcv_scale : 4;

	uint32_t timer_ms[TCP_TIMER_COUNT]; /* 0: off */
	uint32_t ts_offset;                 /* TSval = now_ms + ts_offset (RFC 7323 5.4) */

	/* ---- From here on: ACKs, loss, life ---- */
	struct tcp_cc cc; /* begins with cwnd and ssthresh */
	/* NULL while nothing is queued, nothing or a lone segment in flight, and no probe unjudged. */
	struct tcp_send *tx;
	union {
		/* Queued and not acknowledged; linked by next, each owned alone. */
		struct {
			struct pbuf *sndq, *sndq_last;
		};
		TAILQ_ENTRY(tcb) accept_entry; /* TCB_UNACCEPTED: nobody is there to send */
	};
	struct tcp_reass *reass; /* out-of-order data; NULL without */
	struct dst *dst;
	union {
		uint64_t delivered;    /* bytes that the peer has; cc.ops->rate_samples */
		uint64_t lone_sent_ns; /* tcp_is_lone: when it left */
	};
	uint32_t snd_end; /* behind all that is queued, FIN included */

	/* RFC 6298. */
	uint32_t srtt_us, rttvar_us;     /* srtt_us 0: no sample yet */
	uint32_t rto_ms;                 /* without backoff */
	uint32_t min_rtt_us, min_rtt_ms; /* windowed minimum (RFC 8985 6.1), and when it was seen */

	/* Receive buffer. */
	uint32_t rcv_buf; /* bytes that may be held for the application: bounds rcv_held */
	union {
		uint32_t answered_ms; /* when a bare segment was refused and answered, 0: never */
		uint32_t syn_sent_us; /* before ESTABLISHED: the first SYN, clock modulo 2^32 */
	};
	uint32_t rcv_space_seq, rcv_space_ms; /* auto-tuning */

	uint32_t black_hole_ms; /* when full segments failed, or were tried again; 0: never */
	uint32_t sent_ms;       /* when payload was sent last (RFC 5681 4.1) */
	uint32_t iss;
	uint32_t snd_wnd_max; /* MAX.SND.WND of RFC 9293 3.8.6.2.1 */
	int16_t soft_error;   /* last ICMP error that did not end it (RFC 5461); negative errno */
	uint8_t rtx_kind;     /* enum tcp_rtx_kind */
	uint8_t reo_wnd_persist; /* RFC 8985 6.2: RACK.reo_wnd_persist, recoveries */
	uint8_t backoff;         /* doublings of the RTO, probes or SYNs unanswered */
	uint8_t keep_probes;     /* keepalive probes unanswered */
	uint8_t reo_wnd_mult;    /* RFC 8985 6.2: RACK.reo_wnd_mult; 0: no reordering was seen */
	uint16_t rcv_mss;        /* payload of a full segment received, as it seems: RFC 5681 4.2 */
	uint16_t peer_mss;       /* of its MSS option, or the default */
	uint16_t black_hole_mss; /* bound of snd_mss that probing found (RFC 8899), 0: none */
	uint16_t rxq_pbufs;      /* on conn.rxq while that is not empty; UINT16_MAX: or more */

	/* When a segment came last, in full: ts_recent is void after 24 days of silence, or more. */
	uint64_t last_rcv_ms;

	const struct conn_options *options; /* in effect; shared, see tcp_shared_options.c */
	struct wheel_timer wheel;
	TAILQ_ENTRY(tcb) entry; /* TCB_IN_OUTPUT: tcp.output; else not TCB_HASHED: tcp.apart */
};
_Static_assert(offsetof(struct tcb, cc) + 8 <= 192, "hot fields lie in three cache lines");

/*
 * What only a connection has that has bytes to send. It is cleared whenever there are some again, so
 * that the order of fields, which leaves no holes, is by owner only as far as that goes.
 */
struct tcp_send {
	struct tcp_txseg_list inflight;  /* [snd_una, snd_nxt), by sequence number */
	struct tcp_txseg_list sent;      /* of them those in the pipe, least recently sent first */
	struct tcp_txseg_list to_resend; /* of them those LOST and not sent again, by number */
	struct pbuf *next;    /* where the byte snd_nxt lies; NULL: everything was sent */
	uint32_t next_offset; /* in next */
	uint32_t first_acked; /* bytes of tcb.sndq that are acknowledged */
	struct tcp_cc_undo cc_undo;
	uint32_t sacked_out, lost_out, retrans_out; /* sequence numbers SACKED, LOST, RETRANS */
	uint32_t
		unpaced; /* bytes that leave at once: an initial window after idleness (RFC 6928) */
	uint64_t pace_ns; /* not before this time (pacing); 0: at once */

	/* Scoreboard; owner: tcp_scoreboard.c, tcp_sack.c, tcp_dupack.c. */
	struct tcp_txseg *sack_places[TCP_SACK_MAX]; /* where the last blocks ended, or NULL */
	struct tcp_txseg *resend_hint; /* of to_resend: near the last not put at its end */
	uint32_t sacked_txsegs;
	uint32_t dup_acks; /* of a peer without SACK */

	/* Recovery; owner: tcp_recovery.c. */
	union {
		struct {
			uint8_t ca_state; /* enum tcp_ca_state */
			uint8_t frto;     /* enum tcp_frto */
			bool repairing;   /* resent_ts holds: not all that was LOST has arrived */
			bool tlp_out;     /* a tail loss probe is not yet judged (RFC 8985 7) */
			bool rack_in_dsack_round; /* rack_dsack_round holds */
			bool cwr_out; /* what carried our last CWR is not acknowledged: cwr_seq */
		};
		uint64_t unusual; /* 0: nothing of that */
	};
	bool recovered;          /* recovery_point is that of a recovery that ended */
	bool partial_acked;      /* a partial ACK came in this recovery (RFC 6582 3.2) */
	bool undo_possible;      /* the last reduction has not been undone, nor become too old */
	bool resent;             /* since then something was sent again */
	uint32_t recovery_point; /* RFC 6675: RecoveryPoint; also of F-RTO */
	uint32_t prr_delivered, prr_out, prr_recover_fs; /* RFC 9937 */
	uint32_t undo_una;                               /* snd_una when the episode began */
	uint32_t undo_resent; /* bytes sent again and not shown to be duplicates by DSACK */
	uint32_t all_resent,
		all_dsacked; /* bytes sent again, and told of by DSACK, without limit */
	uint32_t resent_ts;  /* TSval of the first that was sent again, RetransmitTS of RFC 3522 */
	uint32_t cwr_seq;    /* of the segment that carried our last CWR */

	/* RFC 8985; owner: tcp_rack.c. */
	uint32_t rack_dsack_round;
	uint64_t rack_sent_ns, rack_rtt_ns; /* RACK.xmit_ts, RACK.rtt */
	uint32_t rack_end_seq, rack_fack;
	uint32_t tlp_end_seq;

	/* Timer; owner: tcp_rtx.c. Times are of the stack's clock in ms, modulo 2^32. */
	uint32_t rto_base_ms; /* since when the RTO runs */
	uint32_t pto_base_ms; /* since when the time to a tail loss probe runs */
	uint32_t waiting_ms;  /* since when there was no progress */
	uint32_t reorder_ms;  /* when a reordering window ends, 0: none is open */
	uint32_t rtt_round_end, rtt_round_dev_us;

	uint32_t limited_end; /* cwnd_limited until this is acknowledged */

	/* Delivery rate (draft-ietf-ccwg-bbr-06 4.1.2); owner: tcp_rate.c. */
	uint64_t delivered_ns, first_sent_ns;
	uint64_t app_limited; /* tcb.delivered at which it ends, 0: is not */
	uint64_t lost;        /* bytes held for lost so far */

	bool undo_cwr;       /* an earlier reduction was still to be told when the last one came */
	bool tlp_is_retrans; /* the probe sent old bytes */
	uint8_t timeouts;    /* RTOs without progress, probes without answer */
	bool rtt_round_running; /* RFC 7323 4.2: rtt_round_end holds */
	bool cwnd_limited;      /* cwnd was full */
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct tcp_send) == 320, "five cache lines");

/* RFC 5681, 6675, 3168 in the states that Linux made customary. */
enum tcp_ca_state {
	TCP_CA_OPEN,
	TCP_CA_DISORDER, /* SACKs or duplicate ACKs came; limited transmit (RFC 3042) */
	TCP_CA_CWR,      /* window reduced for ECN */
	TCP_CA_RECOVERY, /* fast recovery (RFC 6675), PRR (RFC 6937) governs cwnd */
	TCP_CA_LOSS,     /* after a retransmission timeout */
};

/* RFC 5682 3.1: what is awaited. */
enum tcp_frto {
	TCP_FRTO_OFF,
	TCP_FRTO_WAIT, /* step 2: the acknowledgment of what was sent again */
	TCP_FRTO_NEW,  /* step 3: one after new data were sent; nothing is sent again meanwhile */
};

/* ---- Per stack --------------------------------------------------------------------------- */

/* Tags of pointers in the flow table. */
enum tcp_flow_kind { TCP_FLOW_TCB, TCP_FLOW_SYN, TCP_FLOW_TIME_WAIT };

#define TCP_BURST             64u
#define TCP_LISTEN_BUCKETS    256u
#define TCP_QUEUE_WAIT_MIN_MS 1000u /* shortest wait in the SYN cache or TIME_WAIT */

struct tcp_syn_cache;  /* tcp_syn_cache.c */
struct tcp_time_waits; /* tcp_time_wait.c */
struct tcp_fast_open;  /* tcp_fast_open.c */

/* The state of TCP in one stack: st->tcp. */
struct tcp_stack {
	struct flow_table flows;
	struct flow_hash_key flow_key;
	struct wheel wheel; /* of tcbs */
	struct slab tcbs, sends, txsegs;
	/*
	 * To look at in tcp_flush_output; and the tcbs that are neither there nor in flows, where they
	 * are found when all are to be freed. Who sends is on no other list, so that it touches no
	 * cache line of idle ones.
	 */
	struct tcb_list output, apart;
	unsigned output_count;
	struct tcp_shared_options *latest;                  /* tcp_shared_options.c */
	struct tcp_listener *listeners[TCP_LISTEN_BUCKETS]; /* by port */
	struct tcp_syn_cache *syn_cache;
	struct tcp_time_waits *time_waits;
	struct siphash_key cookie_key, ts_key, fast_open_key;
	struct tcp_fast_open *fast_open; /* cookies of peers; NULL while there are none */
	uint32_t fast_open_pending;      /* connections for which tcp_is_fast_open_server holds */
	struct reply_rate challenges, resets; /* tcp_reply.c */
	uint64_t trim_ms;   /* when memory that was kept for nothing is given back next */
	uint64_t queues_ms; /* when next to look at that, the SYN cache and TIME_WAIT */
	struct tcp_seg burst[TCP_BURST + 1]; /* the one behind those gathered is st->rx */
};

/* The connection's stack state. */
static inline struct tcp_stack *tcp_of(struct stack *st)
{
	return st->tcp;
}

static inline struct tcb *tcb_of(struct conn *conn)
{
	return (struct tcb *)conn;
}

static inline uint32_t tcp_now_ms(const struct stack *st)
{
	return (uint32_t)st->now_ms;
}

/*
 * What is in flight is one segment that was sent once, with nothing in flight before it, as most
 * requests and answers are. Of it is known when it left (lone_sent_ns), and no more: there is no
 * block for sending until there is other news than its acknowledgment.
 */
static inline bool tcp_is_lone(const struct tcb *tcb)
{
	return tcb->tx == NULL && tcb->snd_una != tcb->snd_nxt && tcb->state >= TCP_ESTABLISHED;
}

/* Bytes in the network: RFC 6675's pipe, with RACK's marks. */
static inline uint32_t tcp_in_flight(const struct tcb *tcb)
{
	const struct tcp_send *tx = tcb->tx;
	if (tx == NULL)
		return tcb->snd_nxt - tcb->snd_una;
	return tcb->snd_nxt - tcb->snd_una - tx->sacked_out - tx->lost_out + tx->retrans_out;
}

/* ---- tcb.c: life ------------------------------------------------------------------------- */

/* What a handshake settled; for both sides. */
struct tcp_handshake {
	ip_addr_t local, remote;
	uint16_t local_port, remote_port;
	uint32_t hash;
	uint32_t iss, irs;
	uint32_t ts_offset;
	uint32_t ts_recent;           /* TSval of the peer's SYN or ACK */
	uint32_t snd_wnd;             /* scaled, of the segment that completes it */
	uint16_t peer_mss;            /* 0: it sent no option */
	uint8_t snd_scale, rcv_scale; /* without TCB_WSCALE 0 */
	uint32_t flags;               /* of TCB_TS, SACK, WSCALE, ECN, PASSIVE */
	uint32_t rcv_wnd;             /* window told in our SYN or SYN-ACK, bytes */
	uint32_t rtt_us;        /* of SYN and ACK, 0: not known (it was sent again: RFC 6298 3) */
	bool syn_retransmitted; /* RFC 5681 3.1, RFC 6298 5.7: then cwnd starts at one segment */
};

/* A new one in TCP_CLOSED with options filled in; NULL without memory. */
struct tcb *tcb_new(struct stack *st, const struct conn_options *options);

/*
 * Takes the result of the handshake: sequence numbers, windows, congestion control, and enters
 * ESTABLISHED. dst is held by the tcb already. false: no memory for congestion control.
 */
bool tcb_establish(struct tcb *tcb, const struct tcp_handshake *hs);

/* Frees it with what it received; it is off the network and nobody above has it. */
void tcb_free(struct tcb *tcb);

/*
 * Options as given, with defaults where nothing is; conn_options_fill is for listeners. false: no
 * memory, and nothing changed.
 */
bool tcb_take_options(struct tcb *tcb, const struct conn_options *options);
void conn_options_fill(struct conn_options *options);

/* Its place in the flow table. */
uint32_t tcb_hash_of(const struct tcb *tcb);
/* Into the flow table and out of it. false: no memory. */
bool tcb_hash(struct tcb *tcb);
void tcb_unhash(struct tcb *tcb);
/* TCB_HASHED, where another entry left its place to the tcb, or got it. */
void tcb_mark_hashed(struct tcb *tcb);
void tcb_mark_unhashed(struct tcb *tcb);

/*
 * Off the network: timers, queues, port, dst, flow table entry are given up, state TCP_CLOSED;
 * received bytes on conn.rxq stay. The tcb is freed with it when nobody above has it.
 */
void tcb_close(struct tcb *tcb);

/* The connection failed: CONN_EV_ERROR with a negative errno, then tcb_close. */
void tcb_fail(struct tcb *tcb, int error);

/* RST to the peer (RFC 9293 3.10.5), then tcb_close. */
void tcb_reset(struct tcb *tcb);

/*
 * RST to the peer in any state, then tcb_close: nobody waits any longer. Also when only the peer's
 * ACK of our FIN is missing, for the peer may miss data before it, too.
 */
void tcb_abandon(struct tcb *tcb);

/* Both FINs are acknowledged: TIME_WAIT goes on without the tcb. */
void tcb_enter_time_wait(struct tcb *tcb);

/* An event for the socket above, which is there; told once it has been accepted. */
static inline void tcb_tell(struct tcb *tcb, uint16_t events)
{
	tcb->conn.ready.events |= events;
	if ((tcb->flags & TCB_UNACCEPTED) == 0)
		stack_list_ready(tcb->conn.stack, &tcb->conn.ready);
}

/* The same, if it is there. */
static inline void tcb_event(struct tcb *tcb, uint16_t events)
{
	if ((tcb->flags & TCB_RELEASED) == 0)
		tcb_tell(tcb, events);
}

/* To be looked at by tcp_flush_output, or no longer. enlist, enter: it is not yet; leave: it is. */
void tcb_output_enlist(struct tcb *tcb);
void tcb_output_forget(struct tcb *tcb);

static inline void tcb_output_enter(struct tcp_stack *tcp, struct tcb *tcb)
{
	tcp->output_count++;
	if ((tcb->flags & TCB_HASHED) == 0)
		TAILQ_REMOVE(&tcp->apart, tcb, entry);
	TAILQ_INSERT_TAIL(&tcp->output, tcb, entry);
	tcb->flags |= TCB_IN_OUTPUT;
}

static inline void tcb_output_leave(struct tcp_stack *tcp, struct tcb *tcb)
{
	tcp->output_count--;
	TAILQ_REMOVE(&tcp->output, tcb, entry);
	if ((tcb->flags & TCB_HASHED) == 0)
		TAILQ_INSERT_TAIL(&tcp->apart, tcb, entry);
	tcb->flags &= ~(uint32_t)TCB_IN_OUTPUT;
}

static inline void tcb_output_later(struct tcb *tcb)
{
	if ((tcb->flags & TCB_IN_OUTPUT) == 0)
		tcb_output_enlist(tcb);
}

/*
 * The block for sending, made when it is not there, with the lone segment in it if there is one;
 * NULL without memory, and all is as before.
 */
struct tcp_send *tcb_new_send_state(struct tcb *tcb);
static inline struct tcp_send *tcb_send_state(struct tcb *tcb)
{
	return tcb->tx != NULL ? tcb->tx : tcb_new_send_state(tcb);
}
void tcb_free_send_state(struct tcb *tcb);

/* Into the block for sending, which is new: the lone segment that left without. False: no memory. */
bool tcp_enlist_lone(struct tcb *tcb);

/* Effective send MSS from peer_mss, path MTU and options (RFC 6691, RFC 9293 3.7.1). */
void tcb_update_mss(struct tcb *tcb);

/* ---- tcp_input.c ------------------------------------------------------------------------- */

/* Addresses and ports as flow_hash takes them: in the order of the wire or not, but always alike. */
static inline uint32_t tcp_flow_hash(const struct tcp_stack *tcp, const ip_addr_t *local,
	uint16_t local_port, const ip_addr_t *remote, uint16_t remote_port)
{
	uint32_t ports = (uint32_t)remote_port << 16 | local_port;
	if (!IP_IS_V6(remote))
		return flow_hash_v4(
			&tcp->flow_key, ip_2_ip4(remote)->addr, ip_2_ip4(local)->addr, ports);
	return flow_hash_v6(&tcp->flow_key, (const uint8_t *)ip_2_ip6(remote)->addr,
		(const uint8_t *)ip_2_ip6(local)->addr, ip6_addr_zone(ip_2_ip6(remote)), ports);
}

/* The connection of these ends, or NULL; neither the SYN cache nor TIME_WAIT. */
struct tcb *tcp_find(const struct stack *st, const ip_addr_t *local, uint16_t local_port,
	const ip_addr_t *remote, uint16_t remote_port);

/* What the flow table has for a segment, tagged with its enum tcp_flow_kind, or NULL. */
void *tcp_lookup(const struct tcp_stack *tcp, const struct tcp_seg *seg);

static inline void *tcp_untagged(void *tagged)
{
	return (void *)((uintptr_t)tagged & ~(uintptr_t)3);
}

static inline enum tcp_flow_kind tcp_kind_of(const void *tagged)
{
	return (enum tcp_flow_kind)((uintptr_t)tagged & 3);
}

/* Cuts bytes off the front of the payload, or all behind its first `length` bytes. */
void tcp_seg_trim_front(struct tcp_seg *seg, uint32_t bytes);
void tcp_seg_trim_back(struct tcp_seg *seg, uint32_t length);

/* ---- tcp_shared_options.c ------------------------------------------------------------------ */

/* The same options, held for one more connection; NULL without memory. */
const struct conn_options *tcp_options_hold(struct stack *st, const struct conn_options *options);
void tcp_options_release(struct stack *st, const struct conn_options *options);

/* ---- tcp_options.c: headers --------------------------------------------------------------- */

static inline void tcp_options_take_timestamps(const uint8_t *value, struct tcp_options *options)
{
	options->has_ts = true;
	options->ts_val = be32_get(value);
	options->ts_ecr = be32_get(value + 4);
}

/*
 * Reads the options of a header. false: one has an impossible length, so that it and what follows
 * was not read (RFC 9293 3.1, MUST-7).
 */
bool tcp_options_parse(const uint8_t *bytes, unsigned length, struct tcp_options *options);

/* A header to write. Addresses and ports are as we send them. */
struct tcp_header {
	uint16_t local_port, remote_port;
	uint32_t seq, ack;
	uint16_t wnd; /* as it goes into the header */
	uint8_t flags;
	/* Options, in the order MSS, SACK-permitted, timestamps, NOP, window scale, Fast Open, SACK. */
	uint16_t mss; /* 0: none */
	bool sack_permitted, has_ts, has_wscale, has_fast_open;
	uint8_t wscale;
	uint32_t ts_val, ts_ecr;
	uint8_t fast_open_length;
	const uint8_t *fast_open;
	uint8_t sack_count; /* as many as fit are written */
	const struct tcp_sack_block *sack;
};

/* Writes it, checksum zero; returns its length, a multiple of 4, at most TCP_HEADER_MAX. */
unsigned tcp_header_write(uint8_t *to, const struct tcp_header *header);

/* ---- tcp_reply.c: segments of no tcb ------------------------------------------------------- */

/* Sends a segment without payload along a destination. */
enum drop_reason tcp_reply_send(struct stack *st, struct dst *dst, const ip_addr_t *local,
	const ip_addr_t *remote, uint8_t tos, uint8_t ttl, const struct tcp_header *header);

/* RFC 9293 3.10.7.1: RST in answer to a segment of no connection; none to a RST or a group. */
void tcp_reply_reset(struct stack *st, const struct tcp_seg *seg);

/* Whether a challenge ACK may be sent now (RFC 5961 7). Counts it. */
bool tcp_challenge_allowed(struct stack *st);

/* ---- tcp_segment.c, tcp_recv.c, tcp_reass.c: segments in ----------------------------------- */

/*
 * RFC 9293 3.10.7.4 (1st): the four cases of table 6; and what is bare at the right edge, or behind
 * the byte of a probe where the window is closed.
 */
bool tcp_is_acceptable(const struct tcp_seg *seg, uint32_t rcv_nxt, uint32_t window);

/* RFC 9293 3.10.7.3 and 3.10.7.4. Owns seg->rx.p. */
enum drop_reason tcp_segment_arrives(struct tcb *tcb, struct tcp_seg *seg);

/* RFC 9293 3.10.7.4 (7th, 8th): payload and FIN of an acceptable segment. Owns seg->rx.p. */
enum drop_reason tcp_process_text(struct tcb *tcb, struct tcp_seg *seg);

/*
 * The same in ESTABLISHED, whose socket is there, where the text is the next within the window, and
 * there is no FIN and no hole to fill.
 */
enum drop_reason tcp_process_expected(struct tcb *tcb, struct tcp_seg *seg);

/* TCP_TIMER_ACK is due. */
void tcp_delayed_ack_due(struct tcb *tcb);

/* In-order text alone: to conn.rxq, or nowhere. Owns seg->rx.p. */
enum drop_reason tcp_take_text(struct tcb *tcb, struct tcp_seg *seg);

/*
 * Text is bounded in bytes; so that tiny segments do not pin a buffer for each byte, it is in
 * buffers, too, while those are short: by twice what full segments take, and a few; and near their
 * end nothing more may wait. Of rxq and of what is out of order each. What is refused the peer
 * sends again.
 */
bool tcp_pins_too_many(const struct tcb *tcb, uint32_t pbufs);

/* Out-of-order data. insert owns seg->rx.p. */
enum drop_reason tcp_reass_insert(struct tcb *tcb, struct tcp_seg *seg);
/* What became in-order is appended to conn.rxq; true when the peer's FIN is next. */
bool tcp_reass_deliver(struct tcb *tcb);
void tcp_reass_free(struct tcb *tcb);
/* Blocks to tell, the latest first (RFC 2018 4), DSACK before all (RFC 2883 4). */
unsigned tcp_reass_sack_blocks(struct tcb *tcb, struct tcp_sack_block out[TCP_SACK_MAX]);
/* A duplicate to tell of in the next ACK (RFC 2883). */
void tcp_reass_note_duplicate(struct tcb *tcb, uint32_t start, uint32_t end);

/* ---- tcp_ack.c, tcp_sack.c, tcp_rack.c, tcp_recovery.c, tcp_rtt.c, tcp_rtx.c, tcp_rate.c --- */

/*
 * RFC 9293 3.10.7.4 (5th) in a synchronised state, of a segment with ACK: acknowledgment, SACK, send
 * window, RTT, loss, congestion. Frees what is acknowledged, adds to conn.acked and tells
 * CONN_EV_SPACE. DROP_NONE: go on with the segment. Whether our FIN is acknowledged shows in snd_una
 * afterwards.
 */
enum drop_reason tcp_process_ack(struct tcb *tcb, const struct tcp_seg *seg);

/* A fresh block for sending: tcb->tx, all zero. */
static inline void tcp_loss_init(struct tcb *tcb)
{
	struct tcp_send *tx = tcb->tx;
	TAILQ_INIT(&tx->inflight);
	TAILQ_INIT(&tx->sent);
	TAILQ_INIT(&tx->to_resend);
	tx->rack_fack = tx->rack_end_seq = tcb->snd_una;
}

/*
 * The next txseg to send again now, or NULL. It may be longer than a segment, and than what cwnd
 * leaves: split it then.
 */
static inline struct tcp_txseg *tcp_next_lost(const struct tcb *tcb)
{
	const struct tcp_send *tx = tcb->tx;
	if (tx == NULL || tx->frto == TCP_FRTO_NEW)
		return NULL;
	return TAILQ_FIRST(&tx->to_resend);
}

/* Nothing is left to send although cwnd would allow it: rate samples say so. */
void tcp_rate_app_limited(struct tcb *tcb);

/* The peer is told of the last reduction, by a CWR on this txseg. */
void tcp_recovery_told(struct tcb *tcb, const struct tcp_txseg *txseg);

/* Arms TCP_TIMER_RTX for what the connection waits for: RTO, TLP or persist; or tcp_rtx_off. */
void tcp_rtx_arm(struct tcb *tcb);

/* Nothing is queued or in flight. */
static inline void tcp_rtx_off(struct tcb *tcb)
{
	tcb->rtx_kind = TCP_RTX_RTO;
	tcb->timer_ms[TCP_TIMER_RTX] = tcb->timer_ms[TCP_TIMER_USER] = 0;
}

/* TCP_TIMER_RTX is due. */
void tcp_rtx_timeout(struct tcb *tcb);

/* A new RTT sample, us, not 0 (RFC 6298 2). */
void tcp_rtt_sample(struct tcb *tcb, uint32_t rtt_us);

/* RTO now, ms, with backoff (RFC 6298 (5.5)). */
static inline uint32_t tcp_rto_ms(const struct tcb *tcb)
{
	if (tcb->backoff == 0)
		return tcb->rto_ms;
	uint64_t ms = (uint64_t)tcb->rto_ms << (tcb->backoff < 16 ? tcb->backoff : 16);
	return ms < TCP_RTO_MAX_MS ? (uint32_t)ms : TCP_RTO_MAX_MS;
}

/*
 * TCP_TIMER_USER is due, which tcp_rtx_arm arms: for options.user_timeout_ms the peer acknowledged
 * nothing and answered no probe (RFC 5482).
 */
void tcp_user_timeout(struct tcb *tcb);

/* Splits a txseg in two; the second begins at seq. false: no memory. */
bool tcp_txseg_split(struct tcb *tcb, struct tcp_txseg *txseg, uint32_t seq);

/* ---- tcp_output.c --------------------------------------------------------------------------- */

/* Sends all that may be sent now, or an ACK that is owed. */
void tcp_output(struct tcb *tcb);

/* Sends a txseg that was sent before. */
enum drop_reason tcp_emit_again(struct tcb *tcb, struct tcp_txseg *txseg);

/*
 * Sends up to max bytes of what is queued and was never sent as one segment, or the FIN,
 * whatever cwnd, the window and Nagle say: a probe. False: there is nothing, or no memory.
 */
bool tcp_output_probe(struct tcb *tcb, uint32_t max);

/*
 * A segment without payload: ACK, RST, probes; a drop when the device has no room. seq: snd_nxt, or
 * below it for probes.
 */
void tcp_emit_control(struct tcb *tcb, uint8_t flags, uint32_t seq);

/* SYN of an active open, SYN-ACK in TCP_SYN_RCVD. *text: bytes that it carried (RFC 7413), if sent. */
enum drop_reason tcp_emit_syn(struct tcb *tcb, uint32_t *text);

/* MSS to announce by the interface, whatever the path takes (RFC 9293 3.7.1, RFC 6691 2). */
uint16_t tcp_announced_mss(const struct dst *dst, const ip_addr_t *remote);

/* What a SYN or SYN-ACK tells of the receive window: never scaled (RFC 7323 2.2). */
static inline uint16_t tcp_syn_window(const struct conn_options *options)
{
	return options->receive_window < 0xffff ? (uint16_t)options->receive_window : 0xffff;
}

/* ---- tcp_timer.c ---------------------------------------------------------------------------- */

/*
 * Arms a timer delay_ms from now, at least 1. A deadline that moves away leaves the entry of the
 * wheel where it is: see tcp_timer.c.
 */
static inline void tcp_timer_set(struct tcb *tcb, enum tcp_timer timer, uint32_t delay_ms)
{
	struct stack *st = tcb->conn.stack;
	uint32_t due = tcp_now_ms(st) + delay_ms;
	tcb->timer_ms[timer] = due != 0 ? due : 1; /* 0 means off */
	if (!wheel_armed(&tcb->wheel) || tcb->wheel.due_ms > st->now_ms + delay_ms)
		wheel_arm(&tcp_of(st)->wheel, &tcb->wheel, st->now_ms + delay_ms);
}

static inline void tcp_timer_clear(struct tcb *tcb, enum tcp_timer timer)
{
	tcb->timer_ms[timer] = 0;
}

/* Starts or stops keepalive as the options say. */
void tcp_keep_alive_start(struct tcb *tcb);

/* ---- tcp_connect.c: active open --------------------------------------------------------------- */

/* RFC 6528: initial sequence number of a connection; and its timestamp offset (RFC 7323 5.4). */
uint32_t tcp_isn(struct stack *st, const ip_addr_t *local, uint16_t local_port,
	const ip_addr_t *remote, uint16_t remote_port);
uint32_t tcp_ts_offset(struct stack *st, const ip_addr_t *local, const ip_addr_t *remote);

/* RFC 9293 3.10.7.3: SYN_SENT; and SYN_RCVD of a simultaneous open. Owns seg->rx.p. */
enum drop_reason tcp_syn_sent_segment(struct tcb *tcb, struct tcp_seg *seg);
enum drop_reason tcp_syn_rcvd_segment(struct tcb *tcb, struct tcp_seg *seg);
/* On the output list in those states: sends what is due (SYN, SYN-ACK, ACK). */
void tcp_syn_output(struct tcb *tcb);
/* TCP_TIMER_RTX in those states. */
void tcp_syn_timeout(struct tcb *tcb);
/* What ECN (RFC 3168 6.1.1) and Fast Open (RFC 7413 4.1) add to a SYN or SYN-ACK. */
void tcp_syn_ecn(const struct tcb *tcb, struct tcp_header *header);
void tcp_syn_fast_open(struct tcb *tcb, struct tcp_header *header);

/* ---- tcp_fast_open.c -------------------------------------------------------------------------- */

/* In SYN_RCVD by a Fast Open cookie: it receives and sends as an established one does. */
static inline bool tcp_is_fast_open_server(const struct tcb *tcb)
{
	return tcb->state == TCP_SYN_RCVD && (tcb->flags & TCB_PASSIVE) != 0;
}

/* It leaves that state, to whichever. */
void tcp_fast_open_forget(struct tcb *tcb);
void tcp_fast_open_free(struct stack *st);

/* ---- tcp_listen.c, tcp_syn_cache.c, tcp_cookie.c: passive open ------------------------------ */

struct tcp_listener {
	struct conn conn; /* first member */
	struct conn_options options;
	struct tcp_listener *next; /* in its bucket */
	struct tcb_list acceptable;
	uint32_t waiting; /* on acceptable */
	uint32_t embryos; /* in the SYN cache */
	bool rcv_auto;    /* no receive_window was given: see TCB_RCV_AUTO */
	bool cookies_sent;
	uint64_t cookie_ms; /* when a SYN cookie was sent last */
};

/* RFC 9293 3.10.7.1 and 3.10.7.2: a segment of no connection. Owns seg->rx.p. */
enum drop_reason tcp_listen_segment(struct stack *st, struct tcp_seg *seg);

/* A segment for an entry of the SYN cache. Owns seg->rx.p. */
enum drop_reason tcp_syn_cache_segment(struct stack *st, void *entry, struct tcp_seg *seg);
bool tcp_syn_cache_matches(const void *entry, const struct tcp_seg *seg);
bool tcp_syn_cache_init(struct stack *st);
void tcp_syn_cache_free(struct stack *st);
void tcp_syn_cache_run(struct stack *st);
uint64_t tcp_syn_cache_next(const struct stack *st);

/* Whether any listener has the port, whatever its address. */
bool tcp_port_is_listened(const struct stack *st, uint16_t port);

/* A tcb on an accept queue died or is taken. */
void tcp_listener_forget(struct tcb *tcb);
void tcp_listener_close(struct tcp_listener *listener);

/* ---- tcp_time_wait.c ------------------------------------------------------------------------- */

/* Takes over the tcb's place in the flow table and its port. false: no memory; it just ends then. */
bool tcp_time_wait_enter(struct tcb *tcb);
bool tcp_time_wait_matches(const void *entry, const struct tcp_seg *seg);
/* Owns seg->rx.p. */
enum drop_reason tcp_time_wait_segment(struct stack *st, void *entry, struct tcp_seg *seg);
/* RFC 6191: an active open may take the place of one, beginning at iss; true: it is gone. */
bool tcp_time_wait_recycle(struct stack *st, void *entry, uint32_t iss);
bool tcp_time_wait_init(struct stack *st);
void tcp_time_wait_free(struct stack *st);
void tcp_time_wait_run(struct stack *st);
uint64_t tcp_time_wait_next(const struct stack *st);

#endif
