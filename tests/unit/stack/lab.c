/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/stack/lab.h"

#include <stdlib.h>
#include <string.h>

#include "stack/gso.h"

#define HEADROOM 128u
#define START_NS 1000000000ULL

_Thread_local unsigned lab_live_pbufs;

struct buffer {
	struct pbuf_custom custom;
	uint8_t *memory;
};

static void buffer_free(struct pbuf *p)
{
	struct buffer *buffer = (struct buffer *)p;
	lab_live_pbufs--;
	free(buffer->memory);
	free(buffer);
}

struct pbuf *lab_pbuf(const void *bytes, size_t length)
{
	struct buffer *buffer = calloc(1, sizeof(*buffer));
	uint8_t *memory = malloc(HEADROOM + length);
	assert_non_null(buffer);
	assert_non_null(memory);
	buffer->memory = memory;
	buffer->custom.custom_free_function = buffer_free;
	struct pbuf *p = pbuf_alloced_custom(PBUF_RAW, (u16_t)length, PBUF_REF, &buffer->custom,
		memory + HEADROOM, (u16_t)length);
	assert_non_null(p);
	if (length > 0)
		memcpy(p->payload, bytes, length);
	lab_live_pbufs++;
	return p;
}

struct pbuf *lab_chain(const void *bytes, size_t length, size_t piece)
{
	struct pbuf *chain = NULL;
	for (size_t at = 0; at < length; at += piece) {
		size_t size = length - at < piece ? length - at : piece;
		struct pbuf *p = lab_pbuf((const uint8_t *)bytes + at, size);
		if (chain == NULL)
			chain = p;
		else
			pbuf_cat(chain, p);
	}
	return chain != NULL ? chain : lab_pbuf("", 0);
}

/* The device */

static void queue_frame(struct lab_node *node, const struct nif_frame *what)
{
	uint32_t length = what->header_length + what->length;
	assert_true(node->sent_count < LAB_QUEUE);
	struct lab_frame *frame = malloc(sizeof(*frame));
	assert_non_null(frame);
	assert_true(length <= sizeof(frame->bytes));
	frame->length = (uint16_t)length;
	assert_int_equal(nif_frame_copy(what, 0, frame->bytes, length), length);
	node->sent[node->sent_count++] = frame;
}

static enum drop_reason output(void *device, const struct nif_frame *frame)
{
	struct lab_node *node = device;
	node->outputs++;
	if (node->refuse != DROP_NONE) {
		node->refused++;
		return node->refuse;
	}
	if (frame->gso_size == 0) {
		queue_frame(node, frame);
		return DROP_NONE;
	}
	struct gso gso;
	gso_start(&gso, frame, node->tx_offloads);
	while (gso_next(&gso))
		queue_frame(node, &gso.segment);
	return DROP_NONE;
}

static void multicast(void *device, const uint8_t mac[6], bool join)
{
	struct lab_node *node = device;
	assert_true(mac[0] & 1);
	if (join)
		node->multicast_joins++;
	else
		node->multicast_leaves++;
}

static const struct nif_ops ops = {.output = output, .multicast = multicast};

struct lab_frame *lab_take(struct lab *lab, unsigned index)
{
	struct lab_node *node = &lab->node[index];
	if (node->sent_count == 0)
		return NULL;
	struct lab_frame *frame = node->sent[0];
	node->sent_count--;
	memmove(node->sent, node->sent + 1, node->sent_count * sizeof(frame));
	return frame;
}

void lab_discard(struct lab *lab, unsigned node)
{
	struct lab_frame *frame;
	while ((frame = lab_take(lab, node)) != NULL)
		free(frame);
}

void lab_inject(struct lab *lab, unsigned index, const void *bytes, size_t length)
{
	struct lab_node *node = &lab->node[index];
	struct pbuf *p = lab_pbuf(bytes, length);
	p->pkt_flags = node->rx_flags;
	stack_input(node->stack, node->nif, &p, 1);
}

/* Set-up */

ip_addr_t lab_ip4(unsigned node)
{
	ip_addr_t address = IPADDR4_INIT_BYTES(10, 0, 0, node + 1);
	return address;
}

ip_addr_t lab_ip6(unsigned node)
{
	ip_addr_t address = IPADDR6_INIT_HOST(0xfd000000, 0, 0, node + 1);
	return address;
}

static void add_addresses(struct lab_node *node, unsigned index)
{
	ip_addr_t ip4 = lab_ip4(index), ip6 = lab_ip6(index);
	assert_int_equal(nif_add_address(node->nif, &ip4, 24), 0);
	if (nif_add_address(node->nif, &ip6, 64) != 0)
		return; /* MTU below IPv6's */
}

static void open_node(struct lab *lab, unsigned index, const struct lab_config *lab_config)
{
	struct lab_node *node = &lab->node[index];
	size_t size = lab_config->arena_size ? lab_config->arena_size : (size_t)16 << 20;
	node->arena = malloc(size);
	assert_non_null(node->arena);
	struct stack_config config = {
		.arena = node->arena,
		.arena_size = size,
		.secret = {1, 2, 3, (uint8_t)index},
		.now_ns = lab->now_ns,
		.primary = !lab_config->secondary,
		.claim_port = lab_config->claim_port,
		.release_port = lab_config->release_port,
		.redirect = lab_config->redirect,
		.steering = lab_config->steering,
		.syn_cookies = lab_config->syn_cookies,
	};
	node->stack = stack_init(&config);
	assert_non_null(node->stack);
	struct nif_config nif_config = {
		.ops = &ops,
		.device = node,
		.mac = {2, 0, 0, 0, 0, (uint8_t)(index + 1)},
		.mtu = lab_config->mtu ? lab_config->mtu : 1500,
		.tx_offloads = lab_config->tx_offloads,
		.dhcp = lab_config->dhcp,
		.slaac = lab_config->slaac,
	};
	node->tx_offloads = lab_config->tx_offloads;
	node->nif = nif_add(node->stack, &nif_config);
	assert_non_null(node->nif);
	if (!lab_config->no_address)
		add_addresses(node, index);
	nif_set_link(node->nif, true);
}

/* What it uses when nothing is open, ARP and ND known. */
static void note_memory(struct lab_node *node)
{
	struct stack_memory memory;
	stack_memory(node->stack, &memory);
	node->used_at_start = memory.used;
}

void lab_open(struct lab *lab, unsigned nodes, const struct lab_config config[])
{
	static const struct lab_config plain;
	memset(lab, 0, sizeof(*lab));
	lab_live_pbufs = 0;
	lab->nodes = nodes;
	lab->now_ns = config != NULL && config->start_ns != 0 ? config->start_ns : START_NS;
	for (unsigned i = 0; i < nodes; i++)
		open_node(lab, i, config != NULL ? &config[i] : &plain);
	if (nodes == 2)
		lab_advance(lab, 4000); /* duplicate address detection */
	for (unsigned i = 0; i < nodes; i++)
		note_memory(&lab->node[i]);
}

void lab_close(struct lab *lab)
{
	for (unsigned i = 0; i < lab->nodes; i++) {
		struct lab_node *node = &lab->node[i];
		if (node->stack->failed_checks != 0)
			fail_msg("lwIP: %s", node->stack->last_failed_check);
		assert_int_equal(node->stack->arena.bad_frees, 0);
		stack_free(node->stack);
		lab_discard(lab, i);
		free(node->arena);
	}
	assert_int_equal(lab_live_pbufs, 0);
	assert_null(stack_current);
}

/* Running */

static bool carry(struct lab *lab, unsigned from)
{
	struct lab_frame *frame = lab_take(lab, from);
	if (frame == NULL)
		return false;
	if (lab->lose == NULL || !lab->lose(lab, from, frame)) {
		lab->passed++;
		lab_inject(lab, 1 - from, frame->bytes, frame->length);
	}
	free(frame);
	return true;
}

static void flush_all(struct lab *lab)
{
	for (unsigned i = 0; i < lab->nodes; i++)
		stack_flush_output(lab->node[i].stack);
}

void lab_pump(struct lab *lab)
{
	bool busy = true;
	flush_all(lab);
	for (unsigned turns = 0; busy; turns++) {
		assert_true(turns < 200000);
		busy = false;
		for (unsigned i = 0; lab->nodes == 2 && i < 2; i++)
			for (unsigned n = 0; n < 64 && carry(lab, i); n++)
				busy = true;
		flush_all(lab);
	}
}

void lab_advance(struct lab *lab, uint64_t ms)
{
	for (uint64_t passed = 0; passed < ms; passed += 10) {
		lab->now_ns += 10000000ULL;
		for (unsigned i = 0; i < lab->nodes; i++) {
			stack_set_now(lab->node[i].stack, lab->now_ns);
			stack_run_timers(lab->node[i].stack);
		}
		lab_pump(lab);
	}
}

/* TCP helpers */

struct conn *lab_listen(struct lab *lab, unsigned node, uint16_t port)
{
	struct conn_options options = {.backlog = 16, .no_delay = true};
	struct conn *listener = NULL;
	assert_int_equal(
		conn_listen(lab->node[node].stack, IP_ANY_TYPE, port, &options, &listener), 0);
	return listener;
}

void lab_connect(struct lab *lab, struct conn *listener, struct conn **client, struct conn **server)
{
	struct conn_options options = {.no_delay = true};
	ip_addr_t to = lab_ip4(1);
	assert_int_equal(conn_connect(lab->node[0].stack, IP_ANY_TYPE, 0, &to, listener->local_port,
				 &options, client),
		0);
	lab_pump(lab);
	assert_true((*client)->ready.events & CONN_EV_CONNECTED);
	*server = conn_accept(listener);
	assert_non_null(*server);
}

void lab_send(struct conn *conn, const void *bytes, size_t length)
{
	const uint8_t *from = bytes;
	for (size_t at = 0; at < length; at += 32000) {
		size_t part = length - at < 32000 ? length - at : 32000;
		conn_send(conn, lab_chain(from + at, part, 2048));
	}
}

size_t lab_receive(struct conn *conn, void *bytes, size_t room)
{
	size_t length = 0;
	for (struct pbuf *p = conn->rxq; p != NULL; p = p->next) {
		assert_true(length + p->len <= room);
		memcpy((uint8_t *)bytes + length, p->payload, p->len);
		length += p->len;
	}
	assert_int_equal(length, conn->rxq_len);
	if (conn->rxq != NULL)
		pbuf_free(conn->rxq);
	conn->rxq = conn->rxq_last = NULL;
	conn->rxq_len = 0;
	conn->ready.events &= (uint16_t)~CONN_EV_READABLE;
	conn_recved(conn, (uint32_t)length);
	return length;
}

void lab_pattern(uint8_t *bytes, size_t length, unsigned seed)
{
	for (size_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)((i * 2654435761u + seed) >> 13);
}
