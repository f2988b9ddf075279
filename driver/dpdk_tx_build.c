/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver/dpdk_tx_build.h"

#include <string.h>

#include <rte_mbuf.h>

#include "driver/frame.h"
#include "driver/offload.h"
#include "driver/pktbuf.h"
#include "stack/gso.h"

_Static_assert(TX_SMALL_DATA >= FRAME_HEADERS_MAX, "all headers must fit into a small buffer");

/* The chain while it grows. */
struct chain {
	const struct tx_build *build;
	struct rte_mbuf *head, *tail;
	unsigned segments;
	bool tail_is_ours; /* the tail is a fresh buffer that may be written behind its data */
	bool copy_all;     /* no references: the device takes one segment, or not as many */
	uint64_t copied;
};

static void chain_link(struct chain *c, struct rte_mbuf *m, bool ours)
{
	if (c->tail == NULL)
		c->head = m;
	else
		c->tail->next = m;
	c->tail = m;
	c->tail_is_ours = ours;
	c->segments++;
}

static bool chain_append_reference(
	struct chain *c, struct rte_mbuf *m, const uint8_t *bytes, uint16_t n)
{
	struct rte_mbuf *reference = rte_pktmbuf_alloc(c->build->small);
	if (reference == NULL)
		return false;

	rte_pktmbuf_attach(reference, m);
	reference->data_off = (uint16_t)(bytes - (const uint8_t *)m->buf_addr);
	reference->data_len = n;
	reference->next = NULL;
	reference->nb_segs = 1;
	chain_link(c, reference, false);
	return true;
}

/* A buffer that holds n bytes, or as much as one holds. */
static struct rte_mbuf *fresh_buffer(const struct tx_build *build, unsigned n)
{
	return rte_pktmbuf_alloc(n <= TX_SMALL_DATA ? build->small : build->large);
}

/* left: bytes of the frame from here on, for the choice of a buffer. */
static bool chain_append_copy(struct chain *c, const uint8_t *bytes, unsigned n, unsigned left)
{
	while (n > 0) {
		unsigned room =
			c->tail != NULL && c->tail_is_ours ? rte_pktmbuf_tailroom(c->tail) : 0;
		if (room == 0) {
			struct rte_mbuf *m = fresh_buffer(c->build, c->copy_all ? left : n);
			if (m == NULL)
				return false;
			chain_link(c, m, true);
			continue;
		}
		unsigned part = RTE_MIN(n, room);
		memcpy(rte_pktmbuf_mtod_offset(c->tail, uint8_t *, c->tail->data_len), bytes, part);
		c->tail->data_len = (uint16_t)(c->tail->data_len + part);
		bytes += part;
		n -= part;
		left -= part;
	}
	return true;
}

/* The mbuf whose bytes the device can be told to send, or NULL. */
static struct rte_mbuf *mbuf_to_refer(const struct tx_build *build, const struct pbuf *q)
{
	struct rte_mbuf *m = pktbuf_mbuf(q);

	return m != NULL && RTE_MBUF_HAS_EXTBUF(m) && !build->any_memory ? NULL : m;
}

/* n bytes of one pbuf from `skip` on; left: of the frame from here on. */
static bool chain_append_part(
	struct chain *c, const struct pbuf *q, unsigned skip, unsigned n, unsigned left)
{
	const uint8_t *bytes = (const uint8_t *)q->payload + skip;
	bool worthwhile = !c->copy_all && n >= TX_REFERENCE_MIN;
	struct rte_mbuf *m = mbuf_to_refer(c->build, q);

	if (worthwhile && m != NULL)
		return chain_append_reference(c, m, bytes, (uint16_t)n);
	if (m == NULL || (c->build->offloads & PORT_TX_MULTI_SEGS) == 0)
		c->copied += n;
	return chain_append_copy(c, bytes, n, left);
}

/* Bytes [offset, offset + left) of the payload. */
static enum drop_reason chain_append_payload(
	struct chain *c, const struct pbuf *payload, uint32_t offset, uint32_t left)
{
	for (const struct pbuf *q = payload; q != NULL && left > 0; q = q->next) {
		if (offset >= q->len) {
			offset -= q->len;
			continue;
		}
		unsigned part = RTE_MIN(q->len - offset, left);
		if (!chain_append_part(c, q, offset, part, left))
			return DROP_TX_NO_MBUF;
		left -= part;
		offset = 0;
	}
	return left == 0 ? DROP_NONE : DROP_FRAME_SHORT;
}

/*
 * How much of the frame is headers that somebody may rewrite after port_tx returned. ICMP has its
 * checksum in the 8 bytes behind the IP header; what is not IP is short, and copied up to the
 * longest headers.
 */
static unsigned header_length(const struct frame_layout *layout, unsigned available)
{
	unsigned length = layout->l2_len + layout->l3_len;

	if (layout->network == FRAME_OTHER)
		return available;
	length += layout->l4_protocol != 0 ? layout->l4_len : 8u;
	return RTE_MIN(length, available);
}

/* What the stack says of its own frames. */
static void take_layout(const struct nif_frame *frame, struct frame_layout *layout)
{
	bool ipv6 = frame->header[frame->l2_length] >> 4 == 6;

	*layout = (struct frame_layout){
		.network = ipv6 ? FRAME_IPV6 : FRAME_IPV4,
		.l4_protocol = frame->l4_protocol,
		.l2_len = frame->l2_length,
		.l3_len = frame->l3_length,
		.l4_len = frame->l4_length,
		.ip_len = frame->header_length + frame->length - frame->l2_length,
	};
}

/* Copies the headers to the head of the chain; returns how many bytes. */
static unsigned put_headers(
	uint8_t *headers, const struct nif_frame *frame, struct frame_layout *layout)
{
	if (frame->header_length != 0) {
		memcpy(headers, frame->header, frame->header_length);
		take_layout(frame, layout);
		return frame->header_length;
	}
	unsigned available = nif_frame_copy(frame, 0, headers, FRAME_HEADERS_MAX);
	frame_parse(headers, available, frame->length, layout);
	return header_length(layout, available);
}

static enum drop_reason build_chain(
	struct chain *c, const struct nif_frame *frame, struct frame_layout *layout)
{
	unsigned total = frame->header_length + frame->length;
	struct rte_mbuf *head = fresh_buffer(c->build, c->copy_all ? total : 0);
	if (head == NULL)
		return DROP_TX_NO_MBUF;

	chain_link(c, head, true);
	unsigned header = put_headers(rte_pktmbuf_mtod(head, uint8_t *), frame, layout);
	head->data_len = (uint16_t)header;
	unsigned skip = frame->header_length == 0 ? header : 0; /* of lwIP's: done with it */
	enum drop_reason reason =
		chain_append_payload(c, frame->payload, frame->offset + skip, frame->length - skip);
	head->pkt_len = total;
	head->nb_segs = (uint16_t)c->segments;
	return reason;
}

/* A chain of copies, of as few segments as buffers allow, when references make too many. */
static enum drop_reason build_within_limit(
	struct chain *c, const struct nif_frame *frame, struct frame_layout *layout)
{
	bool cut = frame->gso_size != 0;
	unsigned most = cut ? c->build->gso_segments_max : c->build->segments_max;
	enum drop_reason reason = build_chain(c, frame, layout);
	if (reason != DROP_NONE || c->segments <= most)
		return reason;
	if (!c->copy_all && !cut) {
		rte_pktmbuf_free(c->head);
		*c = (struct chain){.build = c->build, .copy_all = true};
		reason = build_chain(c, frame, layout);
	}
	if (reason == DROP_NONE && c->segments > most)
		reason = DROP_TX_TOO_LONG;
	return reason;
}

static void request_checksums(
	const struct tx_build *build, struct rte_mbuf *m, const struct frame_layout *layout)
{
	if (build->sum_here && layout->l4_protocol != 0)
		offload_compute(m, layout, build->offloads);
	else
		offload_request(m, layout, build->offloads);
}

/* The longest frame that leaves when this one is sent. */
static uint32_t longest_frame(const struct nif_frame *frame)
{
	if (frame->gso_size != 0 && frame->length > frame->gso_size)
		return (uint32_t)frame->header_length + frame->gso_size;
	return frame->header_length + frame->length;
}

enum drop_reason tx_build_frame(const struct tx_build *build, const struct nif_frame *frame,
	struct rte_mbuf **out, uint64_t *copied)
{
	uint32_t total = frame->header_length + frame->length;
	struct frame_layout layout;

	if (longest_frame(frame) > build->frame_max || frame->header_length > NIF_HEADER_MAX)
		return DROP_TX_TOO_LONG;
	if (total < FRAME_HEADER_MIN)
		return DROP_FRAME_SHORT;

	bool single = (build->offloads & PORT_TX_MULTI_SEGS) == 0;
	struct chain c = {.build = build, .copy_all = single || total <= TX_REFERENCE_MIN};
	enum drop_reason reason = build_within_limit(&c, frame, &layout);
	if (reason != DROP_NONE) {
		rte_pktmbuf_free(c.head);
		return reason;
	}
	if (frame->gso_size != 0)
		offload_segment(c.head, &layout, frame->gso_size);
	else
		request_checksums(build, c.head, &layout);
	*copied += c.copied;
	*out = c.head;
	return DROP_NONE;
}

enum drop_reason tx_build_segments(const struct tx_build *build, const struct nif_frame *frame,
	struct rte_mbuf **out, unsigned *count, uint64_t *copied)
{
	struct gso gso;
	unsigned n = 0;

	if (frame->header_length > NIF_HEADER_MAX ||
		nif_frame_segments(frame) > NIF_GSO_SEGMENTS_MAX)
		return DROP_TX_TOO_LONG;
	gso_start(&gso, frame, port_nif_offloads(build->offloads));
	while (gso_next(&gso)) {
		enum drop_reason reason = tx_build_frame(build, &gso.segment, &out[n], copied);
		if (reason != DROP_NONE) {
			rte_pktmbuf_free_bulk(out, n);
			return reason;
		}
		n++;
	}
	*count = n;
	return DROP_NONE;
}
