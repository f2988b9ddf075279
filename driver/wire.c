/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 * -------------------
 * port_tx copies the frame into a scratch buffer, makes the checksums that the pretended device
 * was asked for, and shows it to the tap. driver/wire_impair.c decides its fate; each copy goes
 * into packet buffers of its own and into the heap of frames in flight. wire_set_now moves what
 * became due to the list of the receiving queue, where port_rx_burst finds it. A pretended
 * device with receive checksums verifies, as a real one would.
 *
 * Ring of arrived frames: one per end and queue, each as large as the whole wire, so that it
 * cannot overflow.
 */
#include "driver/wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>
#include <rte_ip.h>
#include <rte_malloc.h>

#include "driver/frame.h"
#include "driver/offload.h"
#include "driver/pktbuf.h"
#include "driver/port_impl.h"
#include "driver/rss.h"
#include "driver/wire_impair.h"
#include "driver/wire_queue.h"
#include "stack/gso.h"

#define QUEUES_MAX     8u
#define FRAMES_DEFAULT 4096u
#define FRAMES_MAX     (1u << 20)
#define FRAME_BYTES    (9000u + FRAME_HEADER_MIN + FRAME_VLAN)

/* Frames that arrived at one queue and wait for port_rx_burst. */
struct arrivals {
	struct pbuf **ring;
	unsigned first, count;
};

struct end {
	struct port port; /* first */
	struct wire *wire;
	unsigned number; /* 0 or 1 */
	struct arrivals arrivals[QUEUES_MAX];
	struct port_counters counters[QUEUES_MAX];
};

struct wire {
	struct end ends[2];
	struct wire_direction directions[2]; /* by the end that sends */
	struct wire_counters counters[2];
	struct wire_queue flight;
	struct pktpool *pool;
	unsigned frames;  /* most, in flight and arrived */
	unsigned waiting; /* arrived and not received */
	uint64_t now;
	bool link_up;
	void (*tap)(void *, unsigned, uint64_t, const uint8_t *, unsigned);
	void *tap_user;
	uint8_t scratch[FRAME_BYTES];
};

static struct end *end_of(const struct port *port)
{
	return (struct end *)(uintptr_t)port;
}

static uint32_t frame_max(const struct wire *w)
{
	return w->ends[0].port.info.mtu + FRAME_HEADER_MIN + FRAME_VLAN;
}

/* ---- checksums, as the pretended device makes and verifies them ---- */

static void make_checksums(uint8_t *frame, const struct frame_layout *layout, uint32_t offloads)
{
	void *ip = frame + layout->l2_len;
	uint8_t *l4 = frame + layout->l2_len + layout->l3_len;
	bool tcp = layout->l4_protocol == IPPROTO_TCP;
	uint32_t wanted = tcp ? PORT_TX_TCP_CHECKSUM : PORT_TX_UDP_CHECKSUM;

	if (layout->network == FRAME_IPV4 && (offloads & PORT_TX_IP_CHECKSUM) != 0) {
		struct rte_ipv4_hdr *header = ip;
		header->hdr_checksum = 0;
		header->hdr_checksum = rte_ipv4_cksum(header);
	}
	if (layout->l4_protocol == 0 || (offloads & wanted) == 0)
		return;
	uint8_t *field = l4 + (tcp ? 16 : 6);
	memset(field, 0, 2);
	uint16_t sum = layout->network == FRAME_IPV4 ? rte_ipv4_udptcp_cksum(ip, l4)
						     : rte_ipv6_udptcp_cksum(ip, l4);
	memcpy(field, &sum, sizeof(sum));
}

static bool ip_checksum_is_good(const uint8_t *frame, const struct frame_layout *layout)
{
	return rte_raw_cksum(frame + layout->l2_len, layout->l3_len) == 0xffff;
}

/* Over everything, the checksum itself included, the sum of ones' complement is all ones. */
static bool l4_checksum_is_good(const uint8_t *frame, const struct frame_layout *layout)
{
	const void *ip = frame + layout->l2_len;
	const uint8_t *l4 = frame + layout->l2_len + layout->l3_len;
	uint32_t sum = layout->network == FRAME_IPV4 ? rte_ipv4_phdr_cksum(ip, 0)
						     : rte_ipv6_phdr_cksum(ip, 0);

	sum += rte_raw_cksum(l4, layout->ip_len - layout->l3_len);
	return (uint16_t)((sum & 0xffff) + (sum >> 16)) == 0xffff;
}

static bool has_l4_checksum(const uint8_t *frame, const struct frame_layout *layout)
{
	const uint8_t *l4 = frame + layout->l2_len + layout->l3_len;

	if (layout->l4_protocol == IPPROTO_UDP && layout->network == FRAME_IPV4)
		return (l4[6] | l4[7]) != 0; /* RFC 768: zero means none was made */
	return layout->l4_protocol != 0;
}

static struct offload_verdict verify(
	const uint8_t *frame, const struct frame_layout *layout, uint32_t offloads)
{
	struct offload_verdict verdict = {.drop = DROP_NONE};

	if (layout->network == FRAME_IPV4 && (offloads & PORT_RX_IP_CHECKSUM) != 0) {
		if (!ip_checksum_is_good(frame, layout))
			return (struct offload_verdict){.drop = DROP_IP_CHECKSUM};
		verdict.pkt_flags |= PKT_IP_CHECKSUM_GOOD;
	}
	if (has_l4_checksum(frame, layout) && (offloads & PORT_RX_L4_CHECKSUM) != 0) {
		if (!l4_checksum_is_good(frame, layout))
			return (struct offload_verdict){.drop = DROP_L4_CHECKSUM};
		verdict.pkt_flags |= PKT_L4_CHECKSUM_GOOD;
	}
	return verdict;
}

/* ---- sending ---- */

/* Copies a frame into packet buffers; NULL when there are not enough. */
static struct pbuf *packet_of(struct pktpool *pool, const uint8_t *frame, unsigned length)
{
	struct pbuf *head = NULL;
	struct pbuf **link = &head;

	for (unsigned left = length; left > 0;) {
		struct pbuf *p = pktbuf_alloc(pool);
		if (p == NULL) {
			if (head != NULL)
				pbuf_free(head);
			return NULL;
		}
		unsigned part = RTE_MIN(left, pktbuf_room(p));
		memcpy(p->payload, frame + length - left, part);
		p->len = (uint16_t)part;
		p->tot_len = (uint16_t)left;
		left -= part;
		*link = p;
		link = &p->next;
	}
	return head;
}

static unsigned queue_of(const struct end *to, const uint8_t *frame, unsigned length)
{
	struct frame_layout layout;
	struct frame_flow flow;

	frame_parse(frame, length, length, &layout);
	if (to->port.info.queues == 1 || !frame_flow(frame, &layout, &flow))
		return 0;
	return to->port.rss_queue[rss_hash(&flow) & to->port.rss_mask];
}

static void arrive(struct wire *w, const struct wire_frame *f)
{
	struct arrivals *a = &w->ends[f->to].arrivals[f->queue];

	a->ring[(a->first + a->count++) % w->frames] = f->packet;
	w->waiting++;
}

static void deliver_due(struct wire *w)
{
	struct wire_frame f;

	while (wire_queue_next_due(&w->flight) <= w->now && wire_queue_pop(&w->flight, &f))
		arrive(w, &f);
}

static enum drop_reason launch(struct wire *w, unsigned from, unsigned length, uint64_t due)
{
	unsigned to = 1 - from;
	struct wire_frame f = {.due = due,
		.to = (uint16_t)to,
		.queue = (uint16_t)queue_of(&w->ends[to], w->scratch, length)};

	if (w->flight.count + w->waiting >= w->frames) {
		w->counters[from].queue_full++;
		return DROP_NONE;
	}
	f.packet = packet_of(w->pool, w->scratch, length);
	if (f.packet == NULL)
		return DROP_TX_NO_MBUF;
	wire_queue_push(&w->flight, f);
	return DROP_NONE;
}

/* RFC 3168 5: ECT(0) and ECT(1) become CE; false: the sender does not understand it. */
static bool mark(uint8_t *frame, unsigned length)
{
	struct frame_layout layout;

	frame_parse(frame, length, length, &layout);
	uint8_t *ip = frame + layout.l2_len;
	if (layout.network == FRAME_IPV4 && (ip[1] & 3) != 0) {
		struct rte_ipv4_hdr *header = (struct rte_ipv4_hdr *)ip;
		ip[1] |= 3;
		header->hdr_checksum = 0;
		header->hdr_checksum = rte_ipv4_cksum(header);
		return true;
	}
	if (layout.network == FRAME_IPV6 && (ip[1] & 0x30) != 0) {
		ip[1] |= 0x30;
		return true;
	}
	return false;
}

static enum drop_reason send_scratch(struct wire *w, unsigned from, unsigned length)
{
	struct wire_counters *counters = &w->counters[from];
	struct wire_fate fate = wire_fate_of(&w->directions[from], w->now, length);

	counters->sent++;
	counters->queue_full += fate.queue_full;
	if (fate.copies == 0) {
		counters->lost += !fate.queue_full;
		return DROP_NONE;
	}
	counters->duplicated += fate.copies - 1;
	counters->reordered += fate.reordered;
	counters->corrupted += fate.corrupted;
	if (fate.congested)
		counters->marked += mark(w->scratch, length);
	if (fate.corrupted)
		w->scratch[fate.corrupt_bit / 8] ^= (uint8_t)(1u << fate.corrupt_bit % 8);
	enum drop_reason reason = DROP_NONE;
	for (unsigned i = 0; i < fate.copies && reason == DROP_NONE; i++)
		reason = launch(w, from, length, fate.due);
	deliver_due(w);
	return reason;
}

/* One frame, not longer than the MTU allows. */
static enum drop_reason send_frame(struct port *port, unsigned queue, const struct nif_frame *frame)
{
	struct end *e = end_of(port);
	struct wire *w = e->wire;
	struct frame_layout layout;
	unsigned length = frame->header_length + frame->length;

	if (length > frame_max(w))
		return port_tx_drop(port, queue, DROP_TX_TOO_LONG);
	if (length < FRAME_HEADER_MIN || nif_frame_copy(frame, 0, w->scratch, length) != length)
		return port_tx_drop(port, queue, DROP_FRAME_SHORT);

	frame_parse(w->scratch, length, length, &layout);
	make_checksums(w->scratch, &layout, port->info.offloads);
	if (w->tap != NULL)
		w->tap(w->tap_user, e->number, w->now, w->scratch, length);
	enum drop_reason reason = send_scratch(w, e->number, length);
	if (reason != DROP_NONE)
		return port_tx_drop(port, queue, reason);
	e->counters[queue].tx_frames++;
	e->counters[queue].tx_bytes += length;
	return DROP_NONE;
}

/*
 * Super-segments are cut here, whether the pretended device does it or software does: on a wire
 * there is no difference. When the first could leave, the others that cannot are lost on the way.
 */
static enum drop_reason wire_tx(struct port *port, unsigned queue, const struct nif_frame *frame)
{
	struct gso gso;

	if (!end_of(port)->wire->link_up)
		return port_tx_drop(port, queue, DROP_LINK_DOWN);
	if (frame->gso_size == 0)
		return send_frame(port, queue, frame);
	if (frame->header_length > NIF_HEADER_MAX ||
		nif_frame_segments(frame) > NIF_GSO_SEGMENTS_MAX)
		return port_tx_drop(port, queue, DROP_TX_TOO_LONG);
	gso_start(&gso, frame, port_nif_offloads(port->info.offloads));
	gso_next(&gso);
	enum drop_reason reason = send_frame(port, queue, &gso.segment);
	while (reason == DROP_NONE && gso_next(&gso))
		(void)send_frame(port, queue, &gso.segment);
	return reason;
}

/* ---- receiving ---- */

static struct pbuf *take_arrival(struct end *e, unsigned queue)
{
	struct arrivals *a = &e->arrivals[queue];

	if (a->count == 0)
		return NULL;
	struct pbuf *p = a->ring[a->first];
	a->first = (a->first + 1) % e->wire->frames;
	a->count--;
	e->wire->waiting--;
	return p;
}

/* Verdict and counters; false when the pretended device drops the frame. */
static bool receive(struct end *e, unsigned queue, struct pbuf *p)
{
	struct wire *w = e->wire;
	struct frame_layout layout;
	unsigned length = pbuf_copy_partial(p, w->scratch, p->tot_len, 0);

	frame_parse(w->scratch, length, length, &layout);
	struct offload_verdict verdict = verify(w->scratch, &layout, e->port.info.offloads);
	w->counters[1 - e->number].delivered++;
	if (verdict.drop != DROP_NONE) {
		e->counters[queue].drops.count[verdict.drop]++;
		return false;
	}
	p->pkt_flags = verdict.pkt_flags;
	e->counters[queue].rx_frames++;
	e->counters[queue].rx_bytes += length;
	return true;
}

static unsigned wire_rx_burst(struct port *port, unsigned queue, struct pbuf **pkts, unsigned n)
{
	struct end *e = end_of(port);
	unsigned taken = 0;

	for (struct pbuf *p; taken < n && (p = take_arrival(e, queue)) != NULL;) {
		if (receive(e, queue, p))
			pkts[taken++] = p;
		else
			pbuf_free(p);
	}
	return taken;
}

/* ---- the rest of struct port_ops ---- */

static void wire_close(struct port *port)
{
	(void)port; /* both ends go with wire_free */
}

static bool wire_link_up(struct port *port)
{
	return end_of(port)->wire->link_up;
}

static bool wire_is_gone(struct port *port)
{
	return false;
}

/* Frames enter the wire at once: nothing is staged, nothing kept. */
static unsigned wire_tx_flush(struct port *port, unsigned queue)
{
	(void)port;
	(void)queue;
	return 0;
}

static void wire_tx_reclaim(struct port *port, unsigned queue)
{
	(void)port;
	(void)queue;
}

static int wire_rx_fd(struct port *port, unsigned queue)
{
	(void)port;
	(void)queue;
	return -ENOTSUP;
}

static bool wire_rx_arm(struct port *port, unsigned queue, bool on)
{
	(void)port;
	(void)queue;
	(void)on;
	return false;
}

static void wire_device_counters(struct port *port, struct port_device_counters *counters)
{
	(void)port;
	(void)counters; /* a cable does not count */
}

static const struct port_ops wire_ops = {
	.close = wire_close,
	.link_up = wire_link_up,
	.is_gone = wire_is_gone,
	.rx_burst = wire_rx_burst,
	.tx = wire_tx,
	.tx_flush = wire_tx_flush,
	.tx_reclaim = wire_tx_reclaim,
	.rx_fd = wire_rx_fd,
	.rx_arm = wire_rx_arm,
	.device_counters = wire_device_counters,
};

/* ---- making and taking apart ---- */

static void end_init(struct wire *w, unsigned number, const struct wire_config *config)
{
	struct end *e = &w->ends[number];
	struct port_info *info = &e->port.info;

	e->wire = w;
	e->number = number;
	e->port.ops = &wire_ops;
	snprintf(info->name, sizeof(info->name), "wire%u", number);
	snprintf(info->driver, sizeof(info->driver), "wire");
	memcpy(info->mac, (const uint8_t[]){0x02, 'w', 'i', 'r', 'e', (uint8_t)number}, 6);
	info->mtu = config->mtu != 0 ? config->mtu : 1500;
	info->queues = (uint16_t)config->queues;
	info->offloads = config->offloads;
	info->numa_node = -1;
	for (unsigned q = 0; q < config->queues; q++)
		e->port.counters[q] = &e->counters[q];
	e->port.rss_mask = 127;
	for (unsigned i = 0; i <= e->port.rss_mask; i++)
		e->port.rss_queue[i] = (uint16_t)(i % config->queues);
}

static bool rings_init(struct wire *w, const struct wire_config *config)
{
	w->flight.size = w->frames;
	w->flight.frames = rte_calloc("wire", w->frames, sizeof(*w->flight.frames), 0);
	bool all = w->flight.frames != NULL;

	for (unsigned e = 0; e < 2; e++) {
		uint64_t *ring = rte_calloc("wire", w->frames, sizeof(*ring), 0);
		all = all && ring != NULL;
		/* Two sequences far apart, both from the one seed. */
		wire_direction_init(&w->directions[e], config->seed + e * 0x6a09e667f3bcc909ULL,
			ring, w->frames);
		for (unsigned q = 0; q < config->queues; q++) {
			struct arrivals *a = &w->ends[e].arrivals[q];
			a->ring = rte_calloc("wire", w->frames, sizeof(struct pbuf *), 0);
			all = all && a->ring != NULL;
		}
	}
	return all;
}

static int config_check(const struct wire_config *config, struct fault *fault)
{
	if (config->queues == 0 || config->queues > QUEUES_MAX)
		return fault_set(
			fault, -EINVAL, "wire: %u queues, not 1 to %u", config->queues, QUEUES_MAX);
	if (config->mtu != 0 && (config->mtu < 576 || config->mtu > 9000))
		return fault_set(
			fault, -EINVAL, "wire: an MTU of %u, not 576 to 9000", config->mtu);
	if (config->frames > FRAMES_MAX)
		return fault_set(fault, -EINVAL, "wire: %u frames in flight, at most %u",
			config->frames, FRAMES_MAX);
	if (config->pool == NULL)
		return fault_set(fault, -EINVAL, "wire: no packet pool");
	return 0;
}

int wire_create(const struct wire_config *config, struct wire **wire, struct fault *fault)
{
	int err = config_check(config, fault);
	if (err != 0)
		return err;

	struct wire *w = rte_zmalloc("wire", sizeof(*w), 64);
	if (w == NULL)
		return fault_set(fault, -ENOMEM, "wire: no memory");
	w->pool = config->pool;
	w->frames = config->frames != 0 ? config->frames : FRAMES_DEFAULT;
	w->link_up = true;
	end_init(w, 0, config);
	end_init(w, 1, config);
	if (!rings_init(w, config)) {
		wire_free(w);
		return fault_set(
			fault, -ENOMEM, "wire: no memory for %u frames in flight", w->frames);
	}
	*wire = w;
	return 0;
}

static void lose_flight(struct wire *w)
{
	struct wire_frame f;

	while (wire_queue_pop(&w->flight, &f)) {
		w->counters[1 - f.to].lost++;
		pbuf_free(f.packet);
	}
	wire_direction_clear(&w->directions[0]);
	wire_direction_clear(&w->directions[1]);
}

void wire_free(struct wire *wire)
{
	if (wire == NULL)
		return;

	lose_flight(wire);
	for (unsigned e = 0; e < 2; e++) {
		struct end *end = &wire->ends[e];
		for (unsigned q = 0; q < end->port.info.queues; q++) {
			for (struct pbuf *p; (p = take_arrival(end, q)) != NULL;)
				pbuf_free(p);
			rte_free(end->arrivals[q].ring);
		}
		rte_free(wire->directions[e].departures);
	}
	rte_free(wire->flight.frames);
	rte_free(wire);
}

struct port *wire_port(struct wire *wire, unsigned end)
{
	return &wire->ends[end & 1].port;
}

void wire_impair(struct wire *wire, unsigned from, const struct wire_impairment *impairment)
{
	wire->directions[from & 1].impairment = *impairment;
}

void wire_set_link(struct wire *wire, bool up)
{
	if (wire->link_up && !up)
		lose_flight(wire);
	wire->link_up = up;
}

void wire_set_now(struct wire *wire, uint64_t now_ns)
{
	if (now_ns > wire->now)
		wire->now = now_ns;
	deliver_due(wire);
}

uint64_t wire_next_due(const struct wire *wire)
{
	return wire->waiting > 0 ? wire->now : wire_queue_next_due(&wire->flight);
}

uint64_t wire_backlog_ns(const struct wire *wire, unsigned from)
{
	uint64_t free = wire->directions[from & 1].line_free;

	return free > wire->now ? free - wire->now : 0;
}

void wire_tap(struct wire *wire,
	void (*tap)(
		void *user, unsigned from, uint64_t now_ns, const uint8_t *frame, unsigned length),
	void *user)
{
	wire->tap = tap;
	wire->tap_user = user;
}

const struct wire_counters *wire_counters(const struct wire *wire, unsigned from)
{
	return &wire->counters[from & 1];
}
