/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/driver/lab.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "driver/eal.h"

int lab_start(void **state)
{
	static const char *const devices[] = {LAB_DEVICE};
	struct eal_config config = {
		.devices = devices, .device_count = 1, .memory_mb = 64, .main_cpu = sched_getcpu()};
	struct fault fault = {""};

	(void)state;
	int err = eal_start(&config, &fault);
	if (err != 0)
		print_error("%s\n", fault.text);
	return err;
}

int lab_stop(void **state)
{
	(void)state;
	eal_stop();
	return 0;
}

struct pktpool *lab_pool(unsigned count, unsigned data_size)
{
	static unsigned number;
	char name[16];
	struct pktpool_config config = {
		.name = name, .count = count, .data_size = data_size, .numa_node = -1};
	struct pktpool *pool = NULL;
	struct fault fault = {""};

	snprintf(name, sizeof(name), "lab%u", number++);
	if (pktpool_create(&config, &pool, &fault) != 0)
		fail_msg("%s", fault.text);
	return pool;
}

void lab_pool_free(struct pktpool *pool)
{
	assert_int_equal(pktpool_in_use(pool), 0);
	assert_int_equal(pktpool_free(pool), 0);
}

/* RFC 1071, one byte after the other. */
static uint32_t sum_bytes(uint32_t sum, const uint8_t *bytes, unsigned length)
{
	for (unsigned i = 0; i < length; i++)
		sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static unsigned get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static uint32_t sum_l4(const uint8_t *ip, bool ipv6, const uint8_t *l4, unsigned length)
{
	uint32_t sum = ipv6 ? sum_bytes(0, ip + 8, 32) : sum_bytes(0, ip + 12, 8);

	sum += length + (ipv6 ? ip[6] : ip[9]);
	return sum_bytes(sum, l4, length);
}

static void write_ipv4(uint8_t *ip, uint8_t protocol, unsigned total)
{
	static const uint8_t addresses[8] = {10, 0, 0, 1, 10, 0, 0, 2};

	memset(ip, 0, 20);
	ip[0] = 0x45;
	put16(ip + 2, total);
	ip[8] = 64;
	ip[9] = protocol;
	memcpy(ip + 12, addresses, sizeof(addresses));
	put16(ip + 10, (uint16_t)~fold(sum_bytes(0, ip, 20)));
}

static void write_ipv6(uint8_t *ip, uint8_t protocol, unsigned payload)
{
	memset(ip, 0, 40);
	ip[0] = 0x60;
	put16(ip + 4, payload);
	ip[6] = protocol;
	ip[7] = 64;
	ip[8] = ip[24] = 0xfd;
	ip[23] = 1;
	ip[39] = 2;
}

unsigned lab_frame(
	const struct lab_frame *what, uint8_t *out, unsigned size, unsigned *ip, unsigned *l4)
{
	unsigned l2 = what->vlan ? 18 : 14;
	unsigned l3 = what->ipv6 ? 40 : 20;
	unsigned header = what->tcp ? 20 : 8;
	uint8_t protocol = what->tcp ? 6 : 17;
	unsigned length = l2 + l3 + header + what->payload;

	assert_true(length <= size);
	memset(out, 0x02, 12);
	if (what->vlan)
		memcpy(out + 12, "\x81\x00\x00\x07", 4);
	put16(out + l2 - 2, what->ipv6 ? 0x86dd : 0x0800);
	if (what->ipv6)
		write_ipv6(out + l2, protocol, header + what->payload);
	else
		write_ipv4(out + l2, protocol, l3 + header + what->payload);
	uint8_t *h = out + l2 + l3;
	memset(h, 0, header);
	put16(h, what->source_port != 0 ? what->source_port : 5000);
	put16(h + 2, 80);
	if (what->tcp)
		h[12] = 5 << 4;
	else
		put16(h + 4, header + what->payload);
	for (unsigned i = 0; i < what->payload; i++)
		h[header + i] = (uint8_t)(i * 7);
	unsigned sum = (uint16_t)~fold(sum_l4(out + l2, what->ipv6, h, header + what->payload));
	put16(h + (what->tcp ? 16 : 6), sum == 0 && !what->tcp ? 0xffff : sum);
	*ip = l2;
	*l4 = l2 + l3;
	return length;
}

bool lab_checksums_good(const uint8_t *frame, unsigned ip, bool ipv6)
{
	const uint8_t *h = frame + ip;
	unsigned length = ipv6 ? get16(h + 4) : get16(h + 2) - 20;

	if (!ipv6 && fold(sum_bytes(0, h, 20)) != 0xffff)
		return false;
	return fold(sum_l4(h, ipv6, h + (ipv6 ? 40 : 20), length)) == 0xffff;
}

struct pbuf *lab_packet(struct pktpool *pool, const uint8_t *bytes, unsigned length, unsigned part)
{
	struct pbuf *head = NULL, **link = &head;

	for (unsigned at = 0; at < length;) {
		struct pbuf *p = pktbuf_alloc(pool);
		assert_non_null(p);
		unsigned n = length - at < part ? length - at : part;
		assert_true(n <= pktbuf_room(p));
		memcpy(p->payload, bytes + at, n);
		p->len = (uint16_t)n;
		p->tot_len = (uint16_t)(length - at);
		at += n;
		*link = p;
		link = &p->next;
	}
	return head;
}

void lab_point(struct pbuf *p, const void *bytes, unsigned length)
{
	memset(p, 0, sizeof(*p));
	p->payload = (void *)(uintptr_t)bytes;
	p->len = p->tot_len = (uint16_t)length;
	p->type_internal = PBUF_ROM;
	p->ref = 1;
}

void lab_super_open(struct lab_super *super, struct pktpool *pool, const struct lab_frame *what,
	unsigned size, unsigned part)
{
	static uint8_t bytes[NIF_HEADER_MAX + 65535];
	unsigned ip, l4;
	unsigned length = lab_frame(what, bytes, sizeof(bytes), &ip, &l4), header = l4 + 20;

	assert_true(what->tcp);
	memcpy(super->header, bytes, header);
	memset(super->header + l4 + 16, 0, 2);
	if (!what->ipv6)
		memset(super->header + ip + 10, 0, 2);
	super->frame = (struct nif_frame){
		.header = super->header,
		.header_length = (uint16_t)header,
		.gso_size = (uint16_t)size,
		.l2_length = (uint8_t)ip,
		.l3_length = (uint8_t)(l4 - ip),
		.l4_length = 20,
		.l4_protocol = 6,
		.payload = lab_packet(pool, bytes + header, length - header, part),
		.length = length - header,
	};
}

void lab_super_close(struct lab_super *super)
{
	pbuf_free(super->frame.payload);
}

void lab_super_assert_next(
	const struct lab_super *super, const uint8_t *frame, unsigned length, unsigned *done)
{
	const struct nif_frame *f = &super->frame;
	unsigned header = f->header_length, ip = f->l2_length, l4 = ip + f->l3_length;
	unsigned left = f->length - *done, n = left < f->gso_size ? left : f->gso_size;
	bool ipv6 = frame[ip] >> 4 == 6;

	assert_int_equal(length, header + n);
	assert_memory_equal(frame, f->header, ip);
	assert_int_equal(ipv6 ? get16(frame + ip + 4) + 40 : get16(frame + ip + 2), length - ip);
	assert_int_equal(get16(frame + l4 + 4) << 16 | get16(frame + l4 + 6), *done);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(frame[header + i], (uint8_t)((*done + i) * 7));
	*done += n;
}

enum drop_reason lab_tx(struct port *port, unsigned queue, struct pbuf *p)
{
	struct nif_frame frame = nif_frame_of(p);
	return port_tx(port, queue, &frame);
}
