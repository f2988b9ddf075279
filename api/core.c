/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The loop of a stack core. core_run_once is its table of contents; the life of a core (threads,
 * set-up) is in core_thread.c, what it does with nothing to do in core_idle.c.
 */
#include "api/core.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include <rte_common.h>
#include <rte_ring.h>

#include "api/chan.h"
#include "api/core_internal.h"
#include "api/endpoint.h"
#include "driver/pktbuf.h"
#include "driver/port.h"
#include "stack/dgram.h"
#include "stack/gso.h"

int64_t core_clock(const struct core *core)
{
	struct timespec ts;

	if (core->rws->clock != NULL)
		return core->rws->clock(core->rws->clock_user);
	clock_gettime(CLOCK_MONOTONIC, &ts); /* in the vDSO, no system call */
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* ---- Frames in -------------------------------------------------------------------------- */

/* Marks in pkt_flags of what crosses the rings between cores and is no frame just received. */
#define PKT_TO_SEND     (1U << 15) /* to be sent by a core that has a queue */
#define PKT_REASSEMBLED (1U << 14) /* put together from fragments, from its IP header on */
#define PKT_SHARED      (1U << 13) /* payload of a datagram to this host, below it struct shared */

/* Of a datagram that another core sent to this host; lies below its payload. */
struct shared {
	ip_addr_t from, to;
	uint16_t from_port, port;
};

_Static_assert(sizeof(struct shared) <= PKTBUF_HEADROOM, "there is room for it");

static bool forward(struct core *core, unsigned to, struct pbuf *p)
{
	struct core *owner = core->rws->cores[to];

	if (rte_ring_sp_enqueue(owner->from[core->id], p) != 0) {
		stack_drop(core->stack, p, DROP_FORWARD_FULL);
		return false;
	}
	core->counters.forwarded++;
	return true;
}

/* A copy of a frame in buffers of this core, or NULL: two cores must not share a pbuf. */
static struct pbuf *copy_frame(struct core *core, const struct nif_frame *frame)
{
	struct pbuf *copy = NULL;
	unsigned length = frame->header_length + frame->length, done = 0;

	do { /* at least one: a datagram may be empty */
		struct pbuf *part = pktbuf_alloc(core->pool);
		if (part == NULL) {
			stack_drop(core->stack, copy, DROP_NO_PBUF);
			return NULL;
		}
		unsigned room = pktbuf_room(part);
		unsigned left = length - done;
		part->len = part->tot_len = (uint16_t)(left < room ? left : room);
		nif_frame_copy(frame, done, part->payload, part->len);
		done += part->len;
		if (copy == NULL)
			copy = part;
		else
			pbuf_cat(copy, part);
	} while (done < length);
	return copy;
}

/* A copy for each of these cores; the original stays. */
static void forward_copies(struct core *core, uint32_t cores, struct pbuf *p)
{
	struct nif_frame frame = nif_frame_of(p);

	for (unsigned to = 0; to < core->rws->core_count; to++) {
		if ((cores >> to & 1) == 0)
			continue;
		struct pbuf *copy = copy_frame(core, &frame);
		if (copy == NULL)
			continue;
		copy->pkt_flags = p->pkt_flags;
		copy->if_idx = p->if_idx;
		if (forward(core, to, copy))
			core_wake(core->rws->cores[to]);
	}
}

static void free_copies(struct core *core, struct pbuf *const *copies, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		stack_free_pbufs(core->stack, copies[i]);
}

/* Copies of its segments, or of the frame as it is; their number, 0 when there are no buffers. */
static unsigned copy_segments(
	struct core *core, const struct nif_frame *frame, uint16_t offloads, struct pbuf **copies)
{
	unsigned n = 0;
	struct gso gso;

	if (frame->gso_size == 0) {
		copies[0] = copy_frame(core, frame);
		return copies[0] != NULL;
	}
	for (gso_start(&gso, frame, offloads); gso_next(&gso); n++) {
		copies[n] = copy_frame(core, &gso.segment);
		if (copies[n] == NULL) {
			free_copies(core, copies, n);
			return 0;
		}
	}
	return n;
}

/*
 * A core without a queue of its own sends through one that has. A super-segment goes there in
 * segments, all or none of them: how to cut it does not fit into a pbuf.
 */
enum drop_reason core_output_elsewhere(struct core_port *cp, const struct nif_frame *frame)
{
	struct pbuf *copies[NIF_GSO_SEGMENTS_MAX];
	struct core *core = cp->core, *sender = core->rws->cores[cp->sender];
	struct port_info info;

	if (nif_frame_segments(frame) > NIF_GSO_SEGMENTS_MAX) {
		stack_drop(core->stack, NULL, DROP_TX_TOO_LONG);
		return DROP_TX_TOO_LONG;
	}
	port_get_info(cp->port, &info);
	unsigned n = copy_segments(core, frame, port_nif_offloads(info.offloads), copies);
	if (n == 0)
		return DROP_NO_PBUF; /* counted by copy_frame */
	if (rte_ring_free_count(sender->from[core->id]) < n) {
		free_copies(core, copies, n);
		return DROP_FORWARD_FULL;
	}
	for (unsigned i = 0; i < n; i++) { /* only this core takes of the room that there is */
		copies[i]->pkt_flags = PKT_TO_SEND;
		copies[i]->if_idx = (uint8_t)(cp - core->ports);
		forward(core, cp->sender, copies[i]);
	}
	core_wake(sender);
	return DROP_NONE;
}

uint8_t core_interface_of(const struct core *core, const struct nif *nif)
{
	unsigned i = 0;

	while (i + 1 < core->port_count && core->ports[i].nif != nif)
		i++;
	return (uint8_t)i;
}

/* stack_config.share: to the other cores that have a socket on the port. */
bool core_share(void *steering, struct nif *nif, const struct dgram_rx *datagram, uint16_t port)
{
	struct core *core = container_of(steering, struct core, steering);
	const struct shared shared = {datagram->from, datagram->to, datagram->from_port, port};
	uint32_t cores = steer_owners(core->rws->steer, IPPROTO_UDP, port) & ~(1u << core->id);
	struct nif_frame payload = nif_frame_of(datagram->payload);
	bool any = cores != 0;

	if (any && !ip_addr_ismulticast(&datagram->to))
		cores = 1u << __builtin_ctz(cores); /* one of them is enough */
	for (; cores != 0; cores &= cores - 1) {
		unsigned to = (unsigned)__builtin_ctz(cores);
		struct pbuf *copy = copy_frame(core, &payload);
		if (copy == NULL)
			continue;
		memcpy((uint8_t *)copy->payload - sizeof(shared), &shared, sizeof(shared));
		copy->pkt_flags = PKT_SHARED;
		copy->if_idx = core_interface_of(core, nif);
		if (forward(core, to, copy))
			core_wake(core->rws->cores[to]);
	}
	return any;
}

static void receive_shared(struct core *core, struct pbuf *p)
{
	struct shared shared;

	memcpy(&shared, (const uint8_t *)p->payload - sizeof(shared), sizeof(shared));
	const struct dgram_rx datagram = {p, shared.from, shared.to, shared.from_port};
	p->pkt_flags = 0;
	dgram_input_shared(core->stack, core->ports[p->if_idx].nif, &datagram, shared.port);
}

/* stack_config.redirect: a packet whose port another core holds goes there. */
bool core_redirect(void *steering, struct nif *nif, uint8_t proto, uint16_t port, struct pbuf *p)
{
	struct core *core = container_of(steering, struct core, steering);
	unsigned to = steer_port(core->rws->steer, core->id, proto, port);

	if (to == core->id)
		return false;
	p->if_idx = core_interface_of(core, nif);
	p->pkt_flags = PKT_REASSEMBLED;
	if (forward(core, to, p))
		core_wake(core->rws->cores[to]);
	return true;
}

static void send_forwarded(struct core *core, struct pbuf *p)
{
	struct core_port *cp = &core->ports[p->if_idx];

	p->pkt_flags = 0;
	cp->dirty = true;
	struct nif_frame frame = nif_frame_of(p);
	enum drop_reason reason = port_tx(cp->port, cp->queue, &frame);
	if (drop_reason_is_busy(reason))
		stack_drop(core->stack, NULL, reason);
	stack_free_pbufs(core->stack, p);
}

/* Keeps the frames that belong to this core, at the front; sends the others where they belong. */
static unsigned steer_burst(struct core *core, struct pbuf **pkts, unsigned n)
{
	uint32_t mine = 1u << core->id, woken = 0;
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++) {
		struct pbuf *p = pkts[i];
		uint32_t to = steer_frame(core->rws->steer, core->id, p->payload, p->len);
		/* The original stays here, or goes to the first of them. */
		uint32_t first = (to & mine) != 0 ? mine : to & -to;
		if (to != first)
			forward_copies(core, to & ~first, p);
		if (first == mine)
			pkts[kept++] = p;
		else if (forward(core, (unsigned)__builtin_ctz(first), p))
			woken |= first;
	}
	for (; woken != 0; woken &= woken - 1)
		core_wake(core->rws->cores[__builtin_ctz(woken)]);
	return kept;
}

static bool receive_port(struct core *core, unsigned index)
{
	struct core_port *cp = &core->ports[index];
	struct pbuf *pkts[PORT_BURST];

	unsigned n = port_rx_burst(cp->port, cp->queue, pkts, PORT_BURST);
	if (n == 0)
		return false;
	if (core->rws->core_count > 1) {
		for (unsigned i = 0; i < n; i++)
			pkts[i]->if_idx = (uint8_t)index;
		n = steer_burst(core, pkts, n);
	}
	stack_input(core->stack, cp->nif, pkts, n);
	return true;
}

/* Frames that core `from` received for this one; they say which interface they came in by. */
static bool receive_forwarded(struct core *core, unsigned from)
{
	struct pbuf *pkts[PORT_BURST];
	unsigned n = rte_ring_sc_dequeue_burst(core->from[from], (void **)pkts, PORT_BURST, NULL);

	for (unsigned i = 0; i < n; i++)
		if (pkts[i]->pkt_flags & PKT_TO_SEND)
			send_forwarded(core, pkts[i]);
		else if (pkts[i]->pkt_flags & PKT_REASSEMBLED)
			stack_input_ip(core->stack, core->ports[pkts[i]->if_idx].nif, pkts[i]);
		else if (pkts[i]->pkt_flags & PKT_SHARED)
			receive_shared(core, pkts[i]);
		else
			stack_input(core->stack, core->ports[pkts[i]->if_idx].nif, &pkts[i], 1);
	return n > 0;
}

static bool core_receive(struct core *core)
{
	bool work = false;

	for (unsigned i = 0; i < core->port_count; i++)
		if (core->ports[i].has_queue)
			work |= receive_port(core, i);
	for (unsigned from = 0; from < core->rws->core_count; from++)
		if (from != core->id)
			work |= receive_forwarded(core, from);
	return work;
}

/* ---- What core 0 finds out, and the others follow --------------------------------------- */

static void publish_links(struct core *core)
{
	if (core->now < core->next_link)
		return;
	core->next_link = core->now + CORE_LINK_NS;
	for (unsigned i = 0; i < core->port_count; i++)
		atomic_store_explicit(&core->rws->interfaces[i].link_up,
			port_link_up(core->ports[i].port), memory_order_relaxed);
}

/* What DHCP and SLAAC found becomes known to all. See struct runtime_interface. */
static void publish_known(struct core *core, unsigned index)
{
	struct core_port *cp = &core->ports[index];
	struct runtime_interface *interface = &core->rws->interfaces[index];
	uint32_t generation = nif_generation(cp->nif);

	if (generation == cp->known_sequence)
		return;
	cp->known_sequence = generation;
	sequence_write_begin(&interface->known_lock);
	interface->known_count = nif_addresses(cp->nif, interface->known, RUNTIME_ADDRESSES_MAX);
	nif_gateway(cp->nif, &interface->known_gateway);
	interface->known_dns_count =
		nif_dns_servers(cp->nif, interface->known_dns, RUNTIME_DNS_MAX);
	sequence_write_end(&interface->known_lock);
}

static void publish_interfaces(struct core *core)
{
	publish_links(core);
	for (unsigned i = 0; i < core->port_count; i++)
		publish_known(core, i);
}

static void follow_link(struct core *core, unsigned index)
{
	struct core_port *cp = &core->ports[index];
	bool up = atomic_load_explicit(&core->rws->interfaces[index].link_up, memory_order_relaxed);

	if (up == cp->link_up)
		return;
	cp->link_up = up;
	nif_set_link(cp->nif, up);
}

/*
 * Takes over the IPv4 lease, and that there is none any more. IPv6 a core learns from the same
 * advertisements as core 0.
 */
static void follow_lease(struct core *core, unsigned index)
{
	struct core_port *cp = &core->ports[index];
	struct runtime_interface *interface = &core->rws->interfaces[index];

	if (!interface->dhcp || sequence_is(&interface->known_lock, cp->known_sequence))
		return;
	struct nif_address known[RUNTIME_ADDRESSES_MAX];
	unsigned count;
	ip_addr_t gateway;
	cp->known_sequence = runtime_read_known(interface, known, &count, &gateway);
	for (unsigned i = 0; i < count; i++) {
		if (!IP_IS_V4_VAL(known[i].address))
			continue;
		nif_add_address(cp->nif, &known[i].address, known[i].prefix);
		nif_set_gateway(cp->nif, &gateway);
		return;
	}
	nif_remove_ip4(cp->nif);
}

static void follow_interfaces(struct core *core)
{
	for (unsigned i = 0; i < core->port_count; i++) {
		follow_link(core, i);
		if (core->id != 0)
			follow_lease(core, i);
	}
}

/* ---- Requests and events ---------------------------------------------------------------- */

/*
 * Who asks may have seen in rws_interface_info what core 0 found, and counts on it here: the
 * requests were fetched (acquire) after that, and so is what this core looks at before it acts.
 */
static bool core_fetch_requests(struct core *core)
{
	struct chan_message requests[CHAN_BATCH];
	bool work = false;

	for (unsigned c = 0; c < core->chan_count; c++) {
		unsigned n = chan_fetch(core->chans[c], requests, CHAN_BATCH);
		if (n > 0)
			follow_interfaces(core);
		for (unsigned i = 0; i < n; i++)
			endpoint_request(core, &requests[i]);
		work |= n > 0;
	}
	return work;
}

static bool core_run_calls(struct core *core)
{
	void *call;
	bool work = false;

	while (rte_ring_sc_dequeue(core->calls, &call) == 0) {
		struct core_call *c = call;
		c->fn(core, c);
		sem_post(&c->done);
		work = true;
	}
	return work;
}

void core_tell_waiters(struct core *core)
{
	for (unsigned c = 0; c < core->chan_count; c++) {
		if (!chan_flush(core->chans[c]))
			continue;
		/* Pairs with the fence of the selector that is about to sleep (struct selector_wake). */
		atomic_thread_fence(memory_order_seq_cst);
		if (atomic_load_explicit(&core->wakes[c]->sleeping, memory_order_relaxed))
			eventfd_write(core->wakes[c]->fd, 1);
	}
}

/* ---- Frames out ------------------------------------------------------------------------- */

static bool core_flush_tx(struct core *core)
{
	bool left = false;

	for (unsigned i = 0; i < core->port_count; i++) {
		struct core_port *cp = &core->ports[i];
		if (cp->dirty)
			left |= cp->dirty = port_tx_flush(cp->port, cp->queue) > 0;
	}
	return left;
}

/* ---- What is only due now and then ------------------------------------------------------ */

/* A copy that other threads read word by word: each word is right, the sum may be a moment old. */
static void publish_counters(struct core *core)
{
	struct core_counters *c = &core->counters;
	struct core_counters now = *c;
	const struct drop_counters *drops = stack_drops(core->stack);

	stack_get_counters(core->stack, &now.stack);
	stack_memory(core->stack, &now.memory);
	for (unsigned r = 0; r < DROP_REASON_COUNT; r++)
		now.drops.count[r] += drops->count[r];
	for (unsigned i = 0; i < core->port_count; i++) {
		if (!core->ports[i].has_queue)
			continue;
		const struct port_counters *pc =
			port_counters(core->ports[i].port, core->ports[i].queue);
		now.tx_copied_bytes += pc->tx_copied_bytes;
		for (unsigned r = 0; r < DROP_REASON_COUNT; r++)
			now.drops.count[r] += pc->drops.count[r];
	}
	const uint64_t *from = (const uint64_t *)&now;
	uint64_t *to = (uint64_t *)&core->published;
	for (unsigned w = 0; w < sizeof(now) / sizeof(*to); w++)
		__atomic_store_n(&to[w], from[w], __ATOMIC_RELAXED);
}

void core_counters(const struct core *core, struct core_counters *counters)
{
	const uint64_t *from = (const uint64_t *)&core->published;
	uint64_t *to = (uint64_t *)counters;

	for (unsigned w = 0; w < sizeof(*counters) / sizeof(*to); w++)
		to[w] = __atomic_load_n(&from[w], __ATOMIC_RELAXED);
}

static void weigh_packets(struct core *core)
{
	unsigned size = pktpool_size(core->pool), in_use = size - pktpool_left(core->pool);

	stack_tell_packets(core->stack, in_use, size);
	pktpool_set_spare(core->pool, in_use < size / 2);
}

static void core_housekeeping(struct core *core)
{
	if (core->id == 0)
		core_follow_groups(core);
	if (core->now < core->next_publish) {
		/* Once they are short, a millisecond's frames could take all (stack_may_keep). */
		if (!pktpool_is_spare(core->pool))
			weigh_packets(core);
		return;
	}
	core->next_publish = core->now + CORE_PUBLISH_NS;
	if (core->id == 0)
		publish_interfaces(core);
	follow_interfaces(core);
	weigh_packets(core);
	publish_counters(core);
}

/* ---- The loop --------------------------------------------------------------------------- */

bool core_run_once(struct core *core)
{
	core->now = core_clock(core);
	stack_set_now(core->stack, (uint64_t)core->now);

	bool work = core_receive(core);
	stack_run_timers(core->stack);
	work |= core_fetch_requests(core);
	work |= core_run_calls(core);
	stack_flush_output(core->stack);
	endpoint_flush_events(core);
	core_tell_waiters(core);
	work |= core_flush_tx(core);
	core_housekeeping(core);

	core->counters.turns++;
	core->idle_turns = work ? 0 : core->idle_turns + 1;
	return work;
}
