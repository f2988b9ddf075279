/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One TCP/IP stack: the state of one stack core.
 *
 * Called from api/core.c; calls lwIP and the devices behind struct nif_ops.
 *
 * Theory of operation
 * -------------------
 * A struct stack is driven from outside. It has no thread, no device and no clock of its own:
 *
 *   stack_set_now(st, now)             time, once per turn of the loop
 *   stack_input(st, nif, pkts, n)      frames that a device received
 *   stack_run_timers(st)               whatever is due at that time
 *   conn_*(), dgram_*()                what the sockets above ask for
 *   stack_flush_output(st)             segments that became sendable in this turn
 *   stack_next_ready(st)               connections and UDP sockets with news, each once
 *
 * Frames leave through nif_ops.output, called from within any of these. Nothing here calls up.
 *
 * Several stacks may live in one process, also in one thread; no two threads may use the same
 * stack at the same time, and a stack stays on the thread that first entered it (lwIP's state is
 * thread-local, see stack/lwip/lwip_state.h).
 */
#ifndef RWS_STACK_H
#define RWS_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lwip/ip_addr.h"
#include "lwip/pbuf.h"
#include "stack/base/drop_reasons.h"

struct stack;
struct nif;
struct ready;
struct dgram_rx;

struct stack_config {
	void *arena; /* memory for all that the stack allocates; owner: caller, until stack_free */
	size_t arena_size; /* bytes; at least STACK_ARENA_MIN */
	uint8_t secret
		[16]; /* key of every SipHash of this stack (RFC 6528, RFC 6056); random per boot */
	uint64_t now_ns; /* monotonic time of the first turn */
	/*
	 * The first stack of a machine answers for it: ARP and ND replies, IGMP and MLD reports,
	 * DHCP. The others learn from the same frames and keep silent.
	 */
	bool primary;
	/*
	 * Claims a local port for this core so that frames to it are brought here, or gives it
	 * back. NULL where one stack is alone. proto is IPPROTO_TCP or IPPROTO_UDP, port in host
	 * order; shared claims may be held by several cores (listeners, SO_REUSEPORT).
	 * claim returns 0, or -EADDRINUSE when another core holds the port for itself.
	 */
	int (*claim_port)(void *steering, uint8_t proto, uint16_t port, bool shared);
	void (*release_port)(void *steering, uint8_t proto, uint16_t port);
	/*
	 * Asks the first stack to tell the network that this one is a member of a group on an
	 * interface (dgram_hold_group), or no longer; once for all of its sockets. NULL for the
	 * first stack itself. claim returns 0 or -ENOBUFS.
	 */
	int (*claim_group)(void *steering, struct nif *nif, const ip_addr_t *group);
	void (*release_group)(void *steering, struct nif *nif, const ip_addr_t *group);
	/*
	 * Copies a datagram that was sent here, to that port, for dgram_input_shared: one to a group
	 * for all stacks that may have members, another one for one that has the port. False: there
	 * is none. NULL where one stack is alone.
	 */
	bool (*share)(
		void *steering, struct nif *nif, const struct dgram_rx *datagram, uint16_t port);
	/*
	 * Takes a packet for a port that another core holds, from its IP header on, for
	 * stack_input_ip there, and nothing in between may rely on its tot_len; returns whether it
	 * did. Needed where one was put together from fragments, which had to be brought to some
	 * core before their ports were known. Not asked of what was sent to many, whose fragments
	 * come to every stack. NULL where one stack is alone.
	 */
	bool (*redirect)(
		void *steering, struct nif *nif, uint8_t proto, uint16_t port, struct pbuf *p);
	void *steering;
	uint8_t syn_cookies; /* enum stack_syn_cookies (RFC 4987 3.6) */
};

enum stack_syn_cookies {
	STACK_SYN_COOKIES_AUTO, /* once the SYN cache is full */
	STACK_SYN_COOKIES_ALWAYS,
	STACK_SYN_COOKIES_NEVER, /* a full SYN cache then drops */
};

#define STACK_ARENA_MIN ((size_t)4 << 20)

/*
 * Builds a stack inside config->arena. Returns NULL when the arena is too small. The calling
 * thread becomes the stack's thread.
 */
struct stack *stack_init(const struct stack_config *config);

/*
 * Aborts every connection (RST), removes every interface and gives back every packet buffer.
 * Afterwards the arena is the caller's again.
 */
void stack_free(struct stack *st);

/* Monotonic time in nanoseconds; may stand still, never goes back. Called once per turn. */
void stack_set_now(struct stack *st, uint64_t now_ns);
uint64_t stack_now(const struct stack *st);

/*
 * Takes n received frames (at most 64) in order of arrival; owns them from here on. Each is a
 * pbuf chain that starts with the Ethernet header, of type pbuf_custom as driver/pktbuf.h makes
 * them, with its checksum verdict in pbuf.pkt_flags (PKT_*).
 */
void stack_input(struct stack *st, struct nif *nif, struct pbuf *const *pkts, unsigned n);

/* Takes a whole IP packet that another stack received by the same interface and redirected. */
void stack_input_ip(struct stack *st, struct nif *nif, struct pbuf *p);

/* Runs the timers that are due. */
void stack_run_timers(struct stack *st);

/* Time of the next timer, ns, or UINT64_MAX; the loop may sleep until then. */
uint64_t stack_next_timer(struct stack *st);

/* Sends what became sendable since the last call. */
void stack_flush_output(struct stack *st);

/*
 * Takes the next connection or UDP socket off the ready list, or NULL. It returns to the list
 * with its next event. See stack/conn.h and stack/dgram.h for what `kind` leads to.
 */
struct ready *stack_next_ready(struct stack *st);

/* What a connection, a listener and a UDP socket have in common: news for the socket above. */
enum ready_kind { READY_CONN, READY_LISTENER, READY_DGRAM };

struct ready {
	struct ready *next; /* ready list; owner: stack */
	uint16_t events;    /* CONN_EV_* or DGRAM_EV_*; the consumer clears what it took */
	uint8_t kind;       /* enum ready_kind */
	bool listed;        /* on the ready list now */
	int32_t error;      /* cause of CONN_EV_ERROR, negative errno, 0 without */
	void *user;         /* owner: the consumer, NULL at first; the stack never reads it */
};

/* Puts it back on the ready list: the consumer had no room for all of the news. */
void stack_mark_ready(struct stack *st, struct ready *ready);

/* Frees a packet and counts why; the only place where the stack loses one. p may be NULL. */
void stack_drop(struct stack *st, struct pbuf *p, enum drop_reason reason);

/*
 * Gives a chain of pbufs that the stack handed out, or made, back to it. p may be NULL. Not a
 * drop: its bytes were used.
 */
void stack_free_pbufs(struct stack *st, struct pbuf *p);

const struct drop_counters *stack_drops(const struct stack *st);

/*
 * How many of the buffers that received packets lie in are in use, also by the device and the
 * application; told by their owner every now and then, a millisecond for a fast device. As they get
 * short, connections offer smaller windows, and then no new ones are taken (stack/memory.c).
 */
void stack_tell_packets(struct stack *st, unsigned in_use, unsigned size);

/* Bytes of the arena in use, and the most there ever were. */
struct stack_memory {
	size_t size, used, peak;
};
void stack_memory(const struct stack *st, struct stack_memory *memory);

/* Protocol counters since stack_init, RFC 4293 and RFC 4022 in spirit. */
struct stack_counters {
	uint64_t rx_frames, rx_bytes, tx_frames, tx_bytes;
	uint64_t tx_busy; /* times that a device had no room; what TCP has is sent later */
	uint64_t tcp_rx_segments, tcp_tx_segments, tcp_retransmits;
	uint64_t tcp_fast_recoveries, tcp_rtos, tcp_tlps; /* tcp_tlps: tail loss probes */
	uint64_t tcp_spurious_undone;                     /* reductions taken back */
	uint64_t tcp_dsacks, tcp_bad_sacks, tcp_pmtu_black_holes;
	uint64_t tcp_accepted, tcp_connected, tcp_resets_sent, tcp_resets_received;
	uint64_t tcp_challenge_acks;   /* RFC 5961 */
	uint64_t tcp_replies_withheld; /* challenge ACKs, RSTs and others, beyond their number */
	uint64_t tcp_syn_cookies_sent, tcp_syn_cookies_accepted; /* RFC 4987 3.6 */
	uint64_t udp_rx, udp_tx, icmp_rx, icmp_tx;
	uint64_t icmp_errors_withheld; /* beyond their number (RFC 4443 2.4 (f)) */
	uint64_t conns;                /* TCP connections alive now, TIME_WAIT included */
	uint64_t tcp_died_unaccepted;  /* connections skipped by conn_accept */
};
void stack_get_counters(const struct stack *st, struct stack_counters *counters);

#endif
