/* SPDX-License-Identifier: BSD-3-Clause */
/* struct stack, for the sources in stack/ and their tests; not for the folders above. */
#ifndef RWS_STACK_INTERNAL_H
#define RWS_STACK_INTERNAL_H

#include <sys/queue.h>

#include "lwip/netif.h"
#include "stack/base/arena.h"
#include "stack/base/siphash.h"
#include "stack/dst_internal.h"
#include "stack/lwip/lwip_timers.h"
#include "stack/nif.h"
#include "stack/ports.h"
#include "stack/reply_rate.h"
#include "stack/stack.h"

struct dgram_table;
struct ip6_frags;
struct ip_rx;
struct raw_pcb;
struct tcp_stack;

/* lwIP counts in 32 bits: the values seen last, to extend them to 64 (stack/counters.c). */
#define STACK_LWIP_COUNTERS 11

struct stack {
	struct arena arena;
	uint64_t now_ns;
	uint64_t now_ms;       /* the same, for lwIP */
	uint16_t pressure;     /* how short memory is in this turn: 0 not, STACK_PRESSURE_FULL */
	uint16_t packets_used; /* of 256, as stack_tell_packets said */
	bool primary;
	bool freeing; /* stack_free runs: what is discarded counts as DROP_SHUTDOWN */

	void *lwip_image;    /* lwIP's variables while another stack is the thread's current one */
	void *lwip_pristine; /* as they are before lwip_init */
	struct lwip_timers timers;
	netif_ext_callback_t address_callback;
	struct raw_pcb *icmp4, *icmp6;
	struct raw_pcb *raw_tcp, *raw_udp; /* of lwip/transport.c */
	uint64_t failed_checks;            /* of lwIP's assertions; a bug when not 0 */
	const char *last_failed_check;     /* its text */

	struct siphash_key isn_key, port_key;
	struct prng random;
	struct reply_rate icmp_errors; /* sent */
	struct port_table ports;

	struct nif *nifs; /* in the order of nif_add */
	struct dst_cache dsts;
	struct ip_rx *rx; /* the packet in hand: lies where TCP gathers a burst, who moves it on */
	struct ready *ready_first, **ready_end; /* end: where the next one is linked in */

	struct dgram_table *dgrams;
	struct ip6_frags *ip6_frags;
	struct tcp_stack *tcp; /* stack/tcp/ */
	uint8_t syn_cookies;   /* enum stack_syn_cookies */

	struct drop_counters drops;
	struct stack_counters counters;
	uint32_t lwip_seen[STACK_LWIP_COUNTERS];

	int (*claim_port)(void *steering, uint8_t proto, uint16_t port, bool shared);
	void (*release_port)(void *steering, uint8_t proto, uint16_t port);
	int (*claim_group)(void *steering, struct nif *nif, const ip_addr_t *group);
	void (*release_group)(void *steering, struct nif *nif, const ip_addr_t *group);
	bool (*share)(
		void *steering, struct nif *nif, const struct dgram_rx *datagram, uint16_t port);
	bool (*redirect)(
		void *steering, struct nif *nif, uint8_t proto, uint16_t port, struct pbuf *p);
	void *steering;
};

/* The stack whose variables lwIP's are in this thread now; NULL without. */
extern __thread struct stack *stack_current __attribute__((tls_model("initial-exec")));

void stack_switch(struct stack *st);

/* First thing in every public function: a compare where the thread has one stack. */
static inline void stack_enter(struct stack *st)
{
	if (__builtin_expect(stack_current != st, 0))
		stack_switch(st);
}

/* stack_mark_ready, for the sources in stack/. */
static inline void stack_list_ready(struct stack *st, struct ready *ready)
{
	if (ready->listed)
		return;
	ready->listed = true;
	ready->next = NULL;
	*st->ready_end = ready;
	st->ready_end = &ready->next;
}

/* Takes it off the ready list, wherever it stands. */
void stack_unmark_ready(struct stack *st, struct ready *ready);

/* Counts without freeing: the packet stays the caller's. */
static inline void stack_count_drop(struct stack *st, enum drop_reason reason)
{
	st->drops.count[reason]++;
}

/* Of a frame that is not kept until the device has room again (struct nif_ops). */
static inline void stack_count_unsent(struct stack *st, enum drop_reason reason)
{
	if (drop_reason_is_busy(reason))
		stack_count_drop(st, reason);
}

/* Memory: stack/memory.c. Sets st->pressure; for each turn in which there may be any, or was. */
void stack_weigh_memory(struct stack *st);
#define STACK_PRESSURE_FULL 256u
enum { STACK_ARENA_BEGIN = 224, STACK_PACKETS_BEGIN = 128 }; /* of 256: pressure begins behind */
static inline bool stack_may_be_short(const struct stack *st)
{
	return st->arena.used >= st->arena.size / 256 * STACK_ARENA_BEGIN ||
		st->packets_used > STACK_PACKETS_BEGIN || st->pressure != 0;
}

/* Whether memory gets short: what can wait for better times then does. */
bool stack_is_short(const struct stack *st);

/*
 * Whether a received packet may stay until its reader takes it. The last buffers are for those of
 * whom nothing waits yet, the very last for what ends here, such as ACK and RST: were there none,
 * nothing would be heard that could free any.
 */
enum { STACK_PACKETS_HELD = 252, STACK_PACKETS_LAST = 254 }; /* of 256 */
static inline bool stack_may_keep(const struct stack *st, bool others_wait)
{
	return st->packets_used < (others_wait ? STACK_PACKETS_HELD : STACK_PACKETS_LAST);
}

/* Whether what is left is for the connections that exist. */
bool stack_refuses_connections(const struct stack *st);

/* Negative errno for lwIP's. */
int stack_errno(err_t err);

/* Adds what lwIP counted since the last call; often enough that 32 bits do not wrap twice. */
void stack_fold_counters(struct stack *st);

/* Interface that leads to an address, or NULL; also the source address of what goes there. */
struct netif *stack_route(const ip_addr_t *local, const ip_addr_t *remote, ip_addr_t *source);

/* Whether an address is one of ours, usable as a local end. */
bool stack_has_address(const struct stack *st, const ip_addr_t *address);

/* The same, and as a source: not while RFC 4862 5.4 looks whether somebody else has it. */
bool stack_may_send_from(const struct stack *st, const ip_addr_t *address);

/* Whether an IPv4 address is a broadcast one on any interface. */
bool stack_is_broadcast(const struct stack *st, const ip_addr_t *address);

/* Gives a link-local or multicast IPv6 address without a zone that of the first interface. */
void stack_zone(const struct stack *st, ip_addr_t *address);

/* The interfaces compute UDP checksums in software while `on`: a device cannot for fragments. */
void nif_software_udp_checksum(struct stack *st, bool on);

/* Takes the first pbuf with bytes off a chain, alone; those without are given back. NULL: none. */
static inline struct pbuf *stack_take_pbuf(struct pbuf **chain)
{
	struct pbuf *p;
	while ((p = *chain) != NULL) {
		*chain = p->next;
		p->next = NULL;
		p->tot_len = p->len;
		if (p->len > 0)
			break;
		pbuf_free(p);
	}
	return p;
}

/* pbuf_free; at once as far as nobody else has what is given back, as nearly always. */
static inline void stack_pbuf_free(struct pbuf *p)
{
	while (p != NULL && p->ref == 1 && (p->flags & PBUF_FLAG_IS_CUSTOM) != 0) {
		struct pbuf *next = p->next;
		p->ref = 0;
		((struct pbuf_custom *)p)->custom_free_function(p);
		p = next;
	}
	if (p != NULL)
		pbuf_free(p);
}

/* One received frame that ip_judge found sound, into lwIP; owns p. */
void nif_input(struct nif *nif, struct pbuf *p);
void nif_input_ip(struct nif *nif, struct pbuf *p);

/* Takes the interface away, with all frames that wait in it. */
void nif_remove(struct nif *nif);

/* Something that nif_generation tells of changed. */
void nif_changed(struct netif *netif);

/* dgram.c */
bool dgram_stack_init(struct stack *st);
void dgram_stack_free(struct stack *st);
/* What datagrams are sent from may be ours no more, or another address be there. */
void dgram_addresses_changed(struct stack *st);

/* ICMP errors to connections and sockets (stack/lwip/icmp_errors.c). */
bool icmp_errors_init(struct stack *st);
void icmp_errors_fini(struct stack *st);

/* lwip/transport.c */
bool transport_init(struct stack *st);
void transport_fini(struct stack *st);

/* A flow as the header of our own packet in an ICMP error tells it; ports in host order. */
struct flow {
	ip_addr_t local, remote;
	uint16_t local_port, remote_port;
};

/*
 * Takes a received datagram, from its UDP header on, and owns rx->p then; false when there is no
 * socket of ours for it, and rx->p as it was (but for bytes behind the datagram).
 */
bool dgram_input(struct stack *st, const struct ip_rx *rx);
void dgram_icmp_error(struct stack *st, const struct flow *flow, int error);

#endif
