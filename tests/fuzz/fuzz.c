/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack/dst.h"
#include "stack/gso.h"
#include "stack/stack_internal.h"
#include "stack/tcp/tcp_internal.h"

#define HEADROOM 128u
#define ARENA    STACK_ARENA_MIN

unsigned fuzz_live_pbufs;

void fuzz_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

/* Input */

uint8_t input_u8(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

uint16_t input_u16(struct input *in)
{
	uint16_t high = input_u8(in);
	return (uint16_t)(high << 8 | input_u8(in));
}

uint32_t input_u32(struct input *in)
{
	uint32_t high = input_u16(in);
	return high << 16 | input_u16(in);
}

size_t input_bytes(struct input *in, size_t n, const uint8_t **bytes)
{
	size_t left = (size_t)(in->end - in->at);
	if (n > left)
		n = left;
	*bytes = in->at;
	in->at += n;
	return n;
}

uint64_t input_pause(uint8_t choice)
{
	static const uint32_t ms[16] = {
		0, 0, 0, 1, 1, 5, 10, 25, 50, 100, 200, 500, 1000, 3000, 15000, 130000};
	return ms[choice % 16] * 1000000ULL;
}

/* Frames */

struct frame *frame_new(const uint8_t *bytes, uint32_t length)
{
	struct frame *frame = malloc(sizeof(*frame) + length);
	CHECK(frame != NULL);
	frame->next = NULL;
	frame->length = length;
	if (length > 0)
		memcpy(frame->bytes, bytes, length);
	return frame;
}

void frame_push(struct frame_queue *queue, struct frame *frame)
{
	frame->next = NULL;
	if (queue->first == NULL)
		queue->first = frame;
	else
		queue->last->next = frame;
	queue->last = frame;
	queue->count++;
}

struct frame *frame_take(struct frame_queue *queue, unsigned place)
{
	struct frame *before = NULL, *frame = queue->first;
	for (; frame != NULL && place > 0; place--) {
		before = frame;
		frame = frame->next;
	}
	if (frame == NULL)
		return NULL;
	if (before == NULL)
		queue->first = frame->next;
	else
		before->next = frame->next;
	if (queue->last == frame)
		queue->last = before;
	queue->count--;
	return frame;
}

void frame_clear(struct frame_queue *queue)
{
	struct frame *frame;
	while ((frame = frame_take(queue, 0)) != NULL)
		free(frame);
}

/* Packet buffers */

struct buffer {
	struct pbuf_custom custom;
	uint8_t *memory;
};

static void buffer_free(struct pbuf *p)
{
	struct buffer *buffer = (struct buffer *)p;
	fuzz_live_pbufs--;
	free(buffer->memory);
	free(buffer);
}

struct pbuf *fuzz_pbuf(const uint8_t *bytes, size_t length)
{
	struct buffer *buffer = calloc(1, sizeof(*buffer));
	CHECK(buffer != NULL);
	buffer->memory = malloc(HEADROOM + length);
	CHECK(buffer->memory != NULL);
	buffer->custom.custom_free_function = buffer_free;
	struct pbuf *p = pbuf_alloced_custom(PBUF_RAW, (u16_t)length, PBUF_REF, &buffer->custom,
		buffer->memory + HEADROOM, (u16_t)length);
	CHECK(p != NULL);
	if (length > 0)
		memcpy(p->payload, bytes, length);
	fuzz_live_pbufs++;
	return p;
}

/* The device */

static void queue_frame(struct host *host, const struct nif_frame *what)
{
	uint8_t bytes[FUZZ_FRAME_MAX];
	uint32_t length = what->header_length + what->length;
	CHECK(length <= sizeof(bytes));
	CHECK(nif_frame_copy(what, 0, bytes, length) == length);
	frame_push(&host->sent, frame_new(bytes, length));
}

static enum drop_reason output(void *device, const struct nif_frame *frame)
{
	struct gso gso;
	if (frame->gso_size == 0) {
		queue_frame(device, frame);
		return DROP_NONE;
	}
	gso_start(&gso, frame, 0);
	while (gso_next(&gso))
		queue_frame(device, &gso.segment);
	return DROP_NONE;
}

static const struct nif_ops ops = {.output = output};

/* Hosts */

ip_addr_t host_ip4(unsigned index)
{
	ip_addr_t address = IPADDR4_INIT_BYTES(10, 0, 0, index + 1);
	return address;
}

ip_addr_t host_ip6(unsigned index)
{
	ip_addr_t address = IPADDR6_INIT_HOST(0xfd000000, 0, 0, index + 1);
	return address;
}

void host_open(struct host *host, unsigned index, const struct host_config *given)
{
	static _Alignas(64) uint8_t arena[HOSTS_MAX][ARENA];
	memset(host, 0, sizeof(*host));
	host->index = index;
	struct stack_config config = {
		.arena = arena[index],
		.arena_size = sizeof(arena[index]),
		.secret = {1, 2, 3, (uint8_t)index},
		.now_ns = given->now_ns,
		.primary = true,
		.syn_cookies = given->syn_cookies,
	};
	host->stack = stack_init(&config);
	CHECK(host->stack != NULL);
	struct nif_config nif_config = {
		.ops = &ops,
		.device = host,
		.mac = {2, 0, 0, 0, 0, (uint8_t)(index + 1)},
		.mtu = given->mtu ? given->mtu : 1500,
		.tx_offloads = given->tx_offloads,
		.dhcp = given->dhcp,
		.slaac = given->slaac,
	};
	host->nif = nif_add(host->stack, &nif_config);
	CHECK(host->nif != NULL);
	ip_addr_t ip4 = host_ip4(index), ip6 = host_ip6(index);
	CHECK(nif_add_address(host->nif, &ip4, 24) == 0);
	if (nif_config.mtu >= 1280)
		CHECK(nif_add_address(host->nif, &ip6, 64) == 0);
	nif_set_link(host->nif, true);
}

void host_note_memory(struct host *host)
{
	struct stack_memory memory;
	ip_addr_t peer = host_ip4(1 - host->index), source;
	struct dst *dst;
	CHECK(dst_get(host->stack, IP_ANY_TYPE, &peer, &source, &dst) == 0);
	dst_put(host->stack, dst);
	stack_memory(host->stack, &memory);
	host->used_at_start = memory.used;
}

void host_check_idle(struct host *host)
{
	const struct tcp_stack *tcp = host->stack->tcp;
	struct stack_memory memory;
	tcp_fast_open_free(host->stack); /* cookies of peers are meant to stay */
	stack_memory(host->stack, &memory);
	CHECK(TAILQ_EMPTY(&tcp->apart));
	CHECK(TAILQ_EMPTY(&tcp->output) && tcp->output_count == 0);
	CHECK(tcp->tcbs.used == 0 && tcp->sends.used == 0 && tcp->txsegs.used == 0);
	CHECK(memory.used <= host->used_at_start);
}

void host_close(struct host *host)
{
	CHECK(host->stack->failed_checks == 0);
	CHECK(host->stack->arena.bad_frees == 0);
	stack_free(host->stack);
	frame_clear(&host->sent);
	CHECK(stack_current == NULL);
}

void host_turn(struct host *host, uint64_t now_ns)
{
	stack_set_now(host->stack, now_ns);
	stack_run_timers(host->stack);
	stack_flush_output(host->stack);
}

void host_receive(struct host *host, const uint8_t *bytes, size_t length)
{
	struct pbuf *p = fuzz_pbuf(bytes, length);
	stack_input(host->stack, host->nif, &p, 1);
	stack_flush_output(host->stack);
}
