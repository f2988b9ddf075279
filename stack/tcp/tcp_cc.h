/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Congestion control: how much a connection may have in flight, and how fast it may send.
 *
 * An algorithm is a struct tcp_cc_ops. It knows nothing of the control block: the TCP core tells it
 * what happened (an ACK, a loss, a timeout, a segment sent) and reads back cwnd, ssthresh and the
 * pacing rate. Algorithms never send, never arm a timer, and read no clock: time is in each call.
 *
 * Who sets cwnd:
 *   - outside of recovery: the algorithm, in on_ack;
 *   - in fast recovery, or while reducing after ECN-Echo: the core's PRR (RFC 6937) between
 *     on_congestion and on_recovery_end, towards the ssthresh that on_congestion chose; an
 *     algorithm whose ops say own_recovery sets cwnd itself and the core runs no PRR for it;
 *   - after a timeout: the algorithm, by slow start from the one segment that on_rto left. It
 *     remembers on_rto itself, and stops at on_recovery_end or on_undo.
 *
 * Order of calls for one ACK: on_undo if it proves the last reduction spurious, or on_recovery_end
 * if it ends the recovery; on_lost for each segment newly marked lost; on_congestion if a recovery
 * begins; then on_ack. A timeout calls on_lost for what it marks, then on_rto.
 *
 * Units: bytes of payload; nanoseconds, but RTTs in microseconds; a rate is bytes per second.
 */
#ifndef RWS_TCP_CC_H
#define RWS_TCP_CC_H

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct tcp_cc;

/* 0 is the default. */
enum tcp_cc_kind { TCP_CC_CUBIC, TCP_CC_NEWRENO, TCP_CC_BBR, TCP_CC_COUNT };

/*
 * What one ACK told. The names in brackets are those of draft-ietf-ccwg-bbr-06, whose section 4.1.2
 * says how a delivery rate sample is taken.
 */
struct tcp_cc_ack {
	uint64_t now_ns;
	uint32_t acked;            /* newly delivered, cumulatively or by SACK [RS.newly_acked] */
	uint32_t cum_acked;        /* by which snd_una advanced */
	uint32_t lost;             /* newly marked lost [RS.newly_lost] */
	uint32_t rtt_us;           /* RTT sample of this ACK, 0: none [RS.rtt] */
	uint32_t min_rtt_us;       /* the connection's windowed minimum, 0: none yet */
	uint32_t srtt_us;          /* 0: none yet */
	uint32_t snd_una, snd_nxt; /* after the ACK: HyStart++ counts rounds by sequence numbers */

	/*
	 * The sender used all of cwnd since the last ACK. In slow start, half of it is enough: what is
	 * in flight lags behind a window that doubles (RFC 7661 4.3). Never with an ECN-Echo that
	 * asks for nothing new: it does not make the window grow (RFC 3168 6.1.2).
	 */
	bool cwnd_limited;
	bool in_recovery; /* fast recovery, ECN reduction or RTO recovery goes on, or ended by this */

	/*
	 * What follows is only for an algorithm whose ops say rate_samples. The delivery rate sample is
	 * taken at the newest packet that this ACK delivers, P; rs_interval_ns is 0 when there is none
	 * or it is not reliable (shorter than the minimum RTT).
	 */
	uint64_t delivered;       /* by the connection so far, this ACK included [C.delivered] */
	uint64_t prior_delivered; /* that count when P was sent [RS.prior_delivered] */
	uint32_t rs_delivered;    /* over the interval [RS.delivered] */
	uint32_t rs_lost;         /* marked lost since P was sent [RS.lost] */
	uint64_t rs_interval_ns;  /* [RS.interval] */
	uint32_t tx_in_flight;    /* pipe just after P was sent, P included [RS.tx_in_flight] */
	uint32_t in_flight;       /* pipe before this ACK was processed */
	uint32_t in_flight_now;   /* pipe after it [C.inflight] */
	bool rs_app_limited;      /* [RS.is_app_limited] */
};

/* One segment newly marked lost, told to on_lost. */
struct tcp_cc_loss {
	uint64_t now_ns;
	uint64_t delivered;    /* by the connection so far [C.delivered] */
	uint32_t seq, bytes;   /* of the segment [P.size] */
	uint32_t tx_in_flight; /* pipe just after it was sent, itself included [P.tx_in_flight] */
	uint32_t lost;    /* marked lost since it was sent, itself included [C.lost - P.lost] */
	bool app_limited; /* the connection was, when it was sent [P.is_app_limited] */
};

/* RFC 9406 4.2. RTTs in microseconds, UINT32_MAX: none. */
struct tcp_hystart {
	uint32_t window_end; /* sequence number: the round ends when it is acknowledged */
	uint32_t last_round_min_rtt, current_round_min_rtt;
	uint32_t css_baseline_min_rtt;
	uint8_t rtt_samples; /* of this round, up to N_RTT_SAMPLE */
	uint8_t css_rounds;
	bool started; /* window_end holds */
	bool in_css;  /* Conservative Slow Start */
};

struct tcp_newreno {
	struct tcp_hystart hystart;
	uint32_t bytes_acked; /* RFC 3465 2.1: towards the next segment of growth */
};

/* The curve that CUBIC follows in congestion avoidance (RFC 9438 4.1.2). */
struct tcp_cubic_epoch {
	uint64_t start_ns;   /* t_epoch; 0: the stage has not begun */
	uint32_t k;          /* ticks of 1024 ns from the start to W_max */
	uint32_t w_max;      /* bytes; 0: none yet */
	uint32_t w_est;      /* bytes that Reno would have */
	uint32_t cwnd_prior; /* cwnd when ssthresh was last set */
};

/* What a reduction replaced, in case it was for nothing. */
struct tcp_cc_undo {
	uint32_t cwnd, ssthresh;      /* cwnd 0: nothing to undo */
	struct tcp_cubic_epoch epoch; /* CUBIC's */
};

struct tcp_cubic {
	/* hystart in the initial slow start, while ssthresh is UINT32_MAX; epoch from then on. */
	union {
		struct tcp_hystart hystart;
		struct tcp_cubic_epoch epoch;
	};
	uint64_t limited_ns; /* since when cwnd has not been all used, 0: it is */
	uint32_t cwnd_rest;  /* what divisions by cwnd left over, for cwnd */
	uint32_t w_est_rest; /* and for w_est */
};

struct tcp_cc_ops;
struct tcp_bbr; /* tcp_cc_bbr.h: one block of the arena */

struct tcp_cc {
	/* First: what the send path reads. */
	uint32_t cwnd;         /* at least one MSS */
	uint32_t ssthresh;     /* UINT32_MAX: none yet */
	uint64_t pacing_rate;  /* payload bytes per second, 0: not paced */
	uint32_t send_quantum; /* largest burst to send at once, at least 2 MSS */
	uint32_t mss;          /* payload of a full segment: SMSS, options subtracted */
	const struct tcp_cc_ops *ops;

	/*
	 * Written by the core, after tcp_cc_init. pace: NewReno and CUBIC shall set pacing_rate; BBR
	 * cannot do without and does so in any case. no_sack: SACK was not negotiated.
	 */
	bool pace;
	bool no_sack;

	/*
	 * Set by the algorithm in on_ack, cleared by the core, which then marks the connection as
	 * application limited from here on: BBR sends less than it could in ProbeRTT.
	 */
	bool mark_app_limited;

	/* The algorithm's own; and the union at the end. */
	bool recovering;   /* between on_congestion or on_rto, and on_recovery_end or on_undo */
	bool rto_recovery; /* the same, and on_rto came */
	bool paced_start;  /* BBR: pacing_rate comes from a measured RTT */

	/*
	 * Where to keep what a reduction replaces: the core's, while something is in flight. NULL: no
	 * reduction is undone.
	 */
	struct tcp_cc_undo *undo;

	union {
		struct tcp_newreno newreno;
		struct tcp_cubic cubic;
		struct tcp_bbr *bbr;
	};
};

struct tcp_cc_ops {
	const char *name;  /* as the option that chooses it is spelled: "cubic" */
	bool own_recovery; /* sets cwnd in recovery too: the core runs no PRR */
	bool rate_samples; /* reads the delivery rate sample of tcp_cc_ack, tcp_cc_loss: else none */

	/* cwnd, ssthresh and mss are set. False: no memory. */
	bool (*init)(struct tcp_cc *cc, struct arena *arena, uint64_t now_ns);
	void (*fini)(struct tcp_cc *cc, struct arena *arena);

	/*
	 * Every ACK that delivered something or marked something lost; also the one that completes
	 * the handshake if it gives an RTT sample (acked is 0 then).
	 */
	void (*on_ack)(struct tcp_cc *cc, const struct tcp_cc_ack *ack);

	/* A segment was marked lost. NULL: of no interest. */
	void (*on_lost)(struct tcp_cc *cc, const struct tcp_cc_loss *loss);

	/*
	 * Fast recovery is entered, or (ecn) the first ECN-Echo of a window came. Sets ssthresh;
	 * in_flight is FlightSize as RFC 5681 (4) means it: what was sent and not acknowledged, but
	 * with ecn by the ACK before.
	 */
	void (*on_congestion)(struct tcp_cc *cc, uint64_t now_ns, uint32_t in_flight, bool ecn);

	/* The first retransmission timeout of an episode. in_flight as above. */
	void (*on_rto)(struct tcp_cc *cc, uint64_t now_ns, uint32_t in_flight);

	/* Recovery is over, by on_congestion or by on_rto. Sets cwnd; in_flight is the pipe. */
	void (*on_recovery_end)(struct tcp_cc *cc, uint64_t now_ns, uint32_t in_flight);

	/*
	 * What the last on_congestion or on_rto reacted to was no loss (F-RTO, DSACK, Eifel): takes
	 * the reduction back, and that of a fast recovery which on_rto ended with it. Recovery is
	 * over; on_recovery_end is not called as well.
	 */
	void (*on_undo)(struct tcp_cc *cc, uint64_t now_ns);

	/* Before a segment is sent: in_flight without it. NULL, as it is without rate_samples. */
	void (*on_sent)(struct tcp_cc *cc, uint64_t now_ns, uint32_t in_flight, bool app_limited);

	/*
	 * Before a segment that may leave with nothing in flight, idle_ns after the last one that was
	 * sent. Called again, with more, while none leaves.
	 */
	void (*on_idle)(struct tcp_cc *cc, uint64_t now_ns, uint64_t idle_ns, uint64_t rto_ns);

	/* The path's MTU, and with it the MSS, changed. cc->mss is still the old one. */
	void (*on_mss)(struct tcp_cc *cc, uint32_t mss);
};

extern const struct tcp_cc_ops tcp_newreno, tcp_cubic, tcp_bbr;

/*
 * Sets all of cc, with the initial window of RFC 6928. mss: 1 to 65535. False: no memory in the
 * arena, or kind is out of range; cc is then not to be used.
 */
bool tcp_cc_init(struct tcp_cc *cc, enum tcp_cc_kind kind, struct arena *arena, uint32_t mss,
	uint64_t now_ns);

/* What the ops of a kind that is within range say. */
bool tcp_cc_samples_rates(enum tcp_cc_kind kind);

/* Gives back what init took. Also fine for a cc of zeros. */
void tcp_cc_fini(struct tcp_cc *cc, struct arena *arena);

/* The algorithm of that name, or TCP_CC_COUNT. */
enum tcp_cc_kind tcp_cc_by_name(const char *name);

#endif
