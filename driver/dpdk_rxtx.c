/* SPDX-License-Identifier: BSD-3-Clause */
/* The packet path of ports on ethdevs; called through struct port_ops. */
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include "driver/dpdk_impl.h"
#include "driver/frame.h"
#include "driver/offload.h"
#include "driver/pktbuf.h"

#define RX_BURST_MAX 64u

/* ---- receive ---- */

static struct pbuf *rx_drop(
	struct port_counters *counters, struct rte_mbuf *m, enum drop_reason reason)
{
	counters->drops.count[reason]++;
	rte_pktmbuf_free(m);
	return NULL;
}

/* The frame as a pbuf chain, or NULL when it was dropped. */
static struct pbuf *rx_take(
	const struct dpdk_port *d, struct port_counters *counters, struct rte_mbuf *m)
{
	struct offload_verdict verdict = offload_verdict(m->ol_flags);

	if (verdict.drop != DROP_NONE)
		return rx_drop(counters, m, verdict.drop);
	if (m->pkt_len > d->rx_frame_max)
		return rx_drop(counters, m, DROP_FRAME_LONG);
	if (m->pkt_len < FRAME_HEADER_MIN)
		return rx_drop(counters, m, DROP_FRAME_SHORT);

	uint32_t length = m->pkt_len;
	struct pbuf *p = pktbuf_from_mbuf(m);
	if (p == NULL) {
		counters->drops.count[DROP_FRAME_SHORT]++;
		return NULL;
	}
	p->pkt_flags = verdict.pkt_flags;
	counters->rx_frames++;
	counters->rx_bytes += length;
	return p;
}

unsigned dpdk_rx_burst(struct port *port, unsigned queue, struct pbuf **pkts, unsigned n)
{
	const struct dpdk_port *d = dpdk_port_of(port);
	struct port_counters *counters = port->counters[queue];
	struct rte_mbuf *m[RX_BURST_MAX];
	unsigned taken = 0;

	unsigned got =
		rte_eth_rx_burst(d->id, (uint16_t)queue, m, (uint16_t)RTE_MIN(n, RX_BURST_MAX));
	for (unsigned i = 0; i < got; i++) {
		if (i + 1 < got)
			rte_prefetch0(rte_pktmbuf_mtod(m[i + 1], void *));
		struct pbuf *p = rx_take(d, counters, m[i]);
		if (p != NULL)
			pkts[taken++] = p;
	}
	return taken;
}

/* ---- transmit ---- */

/* Takes n frames off the head of the stage; they belong to the device, or are freed. */
static void stage_advance(struct dpdk_queue *q, unsigned n)
{
	q->staged -= n;
	q->prepared -= RTE_MIN(q->prepared, n);
	for (unsigned i = 0; i < q->staged; i++)
		q->stage[i] = q->stage[i + n];
	q->refusals = 0;
}

static void stage_drop_head(struct port *port, unsigned queue, struct dpdk_queue *q)
{
	rte_pktmbuf_free(q->stage[0]);
	port_tx_drop(port, queue, DROP_TX_QUEUE_FULL);
	stage_advance(q, 1);
}

/* How many frames at the head of the stage go the same way: to the PMD, or past it. */
static unsigned run_length(const struct dpdk_port *d, const struct dpdk_queue *q, bool direct)
{
	unsigned n = 0;

	while (n < q->staged && (q->stage[n]->pkt_len > d->direct_above) == direct)
		n++;
	return n;
}

static unsigned send_direct(const struct dpdk_queue *q, unsigned n)
{
	unsigned sent = 0;

	while (sent < n && dpdk_tap_write(q->fd, q->stage[sent])) {
		rte_pktmbuf_free(q->stage[sent]);
		sent++;
	}
	return sent;
}

/* Sends what the device takes of the first n; a frame that it can never send is dropped. */
static unsigned send_to_device(struct port *port, unsigned queue, struct dpdk_queue *q, unsigned n)
{
	const struct dpdk_port *d = dpdk_port_of(port);

	/* Once for each: net_virtio adds to the checksum of a super-segment each time. */
	if (q->prepared < n)
		q->prepared += rte_eth_tx_prepare(d->id, (uint16_t)queue, q->stage + q->prepared,
			(uint16_t)(n - q->prepared));
	unsigned fit = RTE_MIN(q->prepared, n);
	if (fit == 0) {
		stage_drop_head(port, queue, q);
		return 0;
	}
	return rte_eth_tx_burst(d->id, (uint16_t)queue, q->stage, (uint16_t)fit);
}

static uint64_t staged_bytes(const struct dpdk_queue *q, unsigned from, unsigned to)
{
	uint64_t bytes = 0;

	for (unsigned i = from; i < to; i++)
		bytes += q->stage[i]->pkt_len;
	return bytes;
}

/* One attempt; false when there is nothing more to be had from the device now. */
static bool flush_once(struct port *port, unsigned queue, struct dpdk_queue *q)
{
	struct dpdk_port *d = dpdk_port_of(port);
	struct port_counters *counters = port->counters[queue];
	unsigned before = q->staged;
	bool direct = d->direct_above != 0 && q->stage[0]->pkt_len > d->direct_above;
	unsigned n = d->direct_above != 0 ? run_length(d, q, direct) : before;

	/* The device may have freed what it took by the time it returns: count what it leaves. */
	uint64_t offered = staged_bytes(q, 0, n);
	unsigned sent = direct ? send_direct(q, n) : send_to_device(port, queue, q, n);
	if (sent > 0) {
		counters->tx_frames += sent;
		counters->tx_bytes += offered - staged_bytes(q, sent, n);
		stage_advance(q, sent);
	}
	return q->staged < before;
}

unsigned dpdk_tx_flush(struct port *port, unsigned queue)
{
	struct dpdk_queue *q = &dpdk_port_of(port)->queues[queue];

	while (q->staged > 0) {
		if (flush_once(port, queue, q))
			continue;
		if (++q->refusals < TX_REFUSALS_MAX)
			break;
		stage_drop_head(port, queue, q);
	}
	return q->staged;
}

/* Whether n more frames may be staged, if need be after a flush. */
static bool stage_has_room(struct port *port, unsigned queue, struct dpdk_queue *q, unsigned n)
{
	if (q->staged + n > TX_STAGE_MAX)
		dpdk_tx_flush(port, queue);
	return q->staged + n <= TX_STAGE_MAX;
}

/* A super-segment as the frames that it becomes; all of them or none. */
static enum drop_reason stage_segments(
	struct port *port, unsigned queue, struct dpdk_queue *q, const struct nif_frame *frame)
{
	unsigned count = nif_frame_segments(frame);

	if (count > NIF_GSO_SEGMENTS_MAX)
		return DROP_TX_TOO_LONG;
	if (!stage_has_room(port, queue, q, count))
		return DROP_TX_QUEUE_FULL;
	enum drop_reason reason = tx_build_segments(&q->build, frame, q->stage + q->staged, &count,
		&port->counters[queue]->tx_copied_bytes);
	if (reason == DROP_NONE)
		q->staged += count;
	return reason;
}

/* One frame, or a super-segment that the device cuts. */
static enum drop_reason stage_frame(
	struct port *port, unsigned queue, struct dpdk_queue *q, const struct nif_frame *frame)
{
	struct rte_mbuf *m;

	if (!stage_has_room(port, queue, q, 1))
		return DROP_TX_QUEUE_FULL;
	enum drop_reason reason =
		tx_build_frame(&q->build, frame, &m, &port->counters[queue]->tx_copied_bytes);
	if (reason == DROP_NONE)
		q->stage[q->staged++] = m;
	return reason;
}

enum drop_reason dpdk_tx(struct port *port, unsigned queue, const struct nif_frame *frame)
{
	struct dpdk_queue *q = &dpdk_port_of(port)->queues[queue];
	bool device_cuts = (q->build.offloads & PORT_TX_TSO) != 0 && nif_frame_segments(frame) > 1;
	enum drop_reason reason;

	if (frame->gso_size == 0 || device_cuts) {
		reason = stage_frame(port, queue, q, frame);
		/* In too many pieces for one frame of the device: cut, each has few. */
		if (reason == DROP_TX_TOO_LONG && device_cuts)
			reason = stage_segments(port, queue, q, frame);
	} else {
		reason = stage_segments(port, queue, q, frame);
	}
	if (reason == DROP_NONE || drop_reason_is_busy(reason))
		return reason;
	return port_tx_drop(port, queue, reason);
}

void dpdk_tx_reclaim(struct port *port, unsigned queue)
{
	/* Without the operation, devices free what they sent at once, or (virtio) as rings fill. */
	(void)rte_eth_tx_done_cleanup(dpdk_port_of(port)->id, (uint16_t)queue, 0);
}
