/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver/dpdk_tx_build.h"

#include <string.h>

#include <rte_mbuf.h>

#include "driver/frame.h"
#include "driver/offload.h"
#include "driver/pktbuf.h"

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

static bool chain_append_part(struct chain *c, const struct pbuf *q, unsigned skip, unsigned left)
{
	const uint8_t *bytes = (const uint8_t *)q->payload + skip;
	uint16_t n = (uint16_t)(q->len - skip);
	bool worthwhile = !c->copy_all && n >= TX_REFERENCE_MIN;
	struct rte_mbuf *m = pktbuf_mbuf(q);

	if (worthwhile && m != NULL)
		return chain_append_reference(c, m, bytes, n);
	if (m == NULL || (c->build->offloads & PORT_TX_MULTI_SEGS) == 0)
		c->copied += n;
	return chain_append_copy(c, bytes, n, left);
}

/* Everything behind the first `offset` bytes of the frame. */
static bool chain_append_payload(struct chain *c, const struct pbuf *p, unsigned offset)
{
	unsigned left = p->tot_len - offset;

	for (const struct pbuf *q = p; q != NULL && left > 0; q = q->next) {
		if (offset >= q->len) {
			offset -= q->len;
			continue;
		}
		if (!chain_append_part(c, q, offset, left))
			return false;
		left -= q->len - offset;
		offset = 0;
	}
	return true;
}

/* The pbufs of one frame: the lengths of the chain add up to tot_len of its head. */
static bool lengths_agree(const struct pbuf *p)
{
	unsigned sum = 0;

	for (const struct pbuf *q = p; q != NULL; q = q->next)
		sum += q->len;
	return sum == p->tot_len;
}

static unsigned copy_out(const struct pbuf *p, uint8_t *to, unsigned n)
{
	unsigned done = 0;

	for (const struct pbuf *q = p; q != NULL && done < n; q = q->next) {
		unsigned part = RTE_MIN((unsigned)q->len, n - done);
		memcpy(to + done, q->payload, part);
		done += part;
	}
	return done;
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

static bool odd_segment_inside(const struct rte_mbuf *m)
{
	for (; m->next != NULL; m = m->next)
		if (m->data_len % 2 != 0)
			return true;
	return false;
}

static bool build_chain(struct chain *c, const struct pbuf *p, struct frame_layout *layout)
{
	unsigned total = p->tot_len;
	struct rte_mbuf *head = fresh_buffer(c->build, c->copy_all ? total : 0);
	if (head == NULL)
		return false;

	chain_link(c, head, true);
	unsigned available = RTE_MIN(total, FRAME_HEADERS_MAX);
	uint8_t *headers = rte_pktmbuf_mtod(head, uint8_t *);
	copy_out(p, headers, available);
	frame_parse(headers, available, total, layout);
	unsigned header = header_length(layout, available);
	head->data_len = (uint16_t)header;
	if (!chain_append_payload(c, p, header))
		return false;
	head->pkt_len = total;
	head->nb_segs = (uint16_t)c->segments;
	return true;
}

/* A chain of copies, of as few segments as buffers allow, when references make too many. */
static bool build_within_limit(struct chain *c, const struct pbuf *p, struct frame_layout *layout)
{
	if (!build_chain(c, p, layout))
		return false;
	if (c->segments <= c->build->segments_max || c->copy_all)
		return true;
	rte_pktmbuf_free(c->head);
	*c = (struct chain){.build = c->build, .copy_all = true};
	return build_chain(c, p, layout);
}

static void request_checksums(
	const struct tx_build *build, struct rte_mbuf *m, const struct frame_layout *layout)
{
	if (build->even_segments && layout->l4_protocol != 0 && odd_segment_inside(m))
		offload_compute(m, layout, build->offloads);
	else
		offload_request(m, layout, build->offloads);
}

enum drop_reason tx_build_frame(
	const struct tx_build *build, const struct pbuf *p, struct rte_mbuf **out, uint64_t *copied)
{
	struct frame_layout layout;

	if (p->tot_len > build->frame_max)
		return DROP_TX_TOO_LONG;
	if (p->tot_len < FRAME_HEADER_MIN || !lengths_agree(p))
		return DROP_FRAME_SHORT;

	bool single = (build->offloads & PORT_TX_MULTI_SEGS) == 0;
	struct chain c = {
		.build = build,
		.copy_all = single || p->tot_len <= TX_REFERENCE_MIN,
	};
	if (!build_within_limit(&c, p, &layout)) {
		rte_pktmbuf_free(c.head);
		return DROP_TX_NO_MBUF;
	}
	if (c.segments > build->segments_max) {
		rte_pktmbuf_free(c.head);
		return DROP_TX_TOO_LONG;
	}
	request_checksums(build, c.head, &layout);
	*copied += c.copied;
	*out = c.head;
	return DROP_NONE;
}
