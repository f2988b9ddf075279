/* SPDX-License-Identifier: BSD-3-Clause */
#include "stack/gso.h"

#include <string.h>

#include "lwip/prot/ip.h"
#include "lwip/prot/ip6.h"
#include "stack/base/bytes.h"
#include "stack/base/checksum.h"

/* Offsets within the headers: RFC 791 3.1, RFC 8200 3, RFC 9293 3.1. */
enum { IP4_TOTAL_LENGTH = 2, IP4_ID = 4, IP4_CHECKSUM = 10, IP4_SOURCE = 12, IP4_DESTINATION = 16 };
enum { IP6_PAYLOAD_LENGTH = 4, IP6_SOURCE = 8, IP6_DESTINATION = 24 };
enum { TCP_SEQUENCE = 4, TCP_FLAGS = 13, TCP_CHECKSUM = 16 };
enum { FLAG_FIN = 0x01, FLAG_PSH = 0x08, FLAG_CWR = 0x80 };

static void put_checksum(uint8_t *at, uint16_t checksum)
{
	memcpy(at, &checksum, sizeof(checksum));
}

/* Lengths and the identification, which no two segments share (RFC 6864 4). */
static void write_ip4(struct gso *gso, uint8_t *ip, uint32_t l4)
{
	be16_put(ip + IP4_TOTAL_LENGTH, (uint16_t)(gso->whole->l3_length + l4));
	if (gso->index > 0)
		be16_put(ip + IP4_ID, (uint16_t)(be16_get(ip + IP4_ID) + 1));
	if (gso->offloads & NIF_TX_IP_CHECKSUM)
		return;
	put_checksum(ip + IP4_CHECKSUM, 0);
	put_checksum(ip + IP4_CHECKSUM, checksum_finish(checksum_ip4_header(ip)));
}

static void write_ip6(struct gso *gso, uint8_t *ip, uint32_t l4)
{
	be16_put(ip + IP6_PAYLOAD_LENGTH, (uint16_t)(gso->whole->l3_length - IP6_HLEN + l4));
}

static void write_tcp(struct gso *gso, uint8_t *tcp)
{
	bool last = gso->done + gso->segment.length == gso->whole->length;
	uint8_t flags = gso->flags;
	be32_put(tcp + TCP_SEQUENCE, gso->seq + gso->done);
	if (!last) /* FIN stands behind the last byte (RFC 9293 3.4), PSH too (3.9.1.2) */
		flags &= (uint8_t)~(FLAG_FIN | FLAG_PSH);
	if (gso->index > 0) /* RFC 3168 6.1.2: CWR is set on the first of the new data */
		flags &= (uint8_t)~FLAG_CWR;
	tcp[TCP_FLAGS] = flags;
}

static uint32_t pseudo_sum(const uint8_t *ip, uint32_t l4)
{
	if (ip[0] >> 4 == 6)
		return checksum_pseudo_v6(ip + IP6_SOURCE, ip + IP6_DESTINATION, IP_PROTO_TCP, l4);
	uint32_t source, destination;
	memcpy(&source, ip + IP4_SOURCE, sizeof(source));
	memcpy(&destination, ip + IP4_DESTINATION, sizeof(destination));
	return checksum_pseudo_v4(source, destination, IP_PROTO_TCP, (uint16_t)l4);
}

static void sum_tcp(struct gso *gso, const uint8_t *ip, uint8_t *tcp, uint32_t l4)
{
	put_checksum(tcp + TCP_CHECKSUM, 0);
	uint32_t sum = checksum_add(pseudo_sum(ip, l4), tcp, gso->whole->l4_length);
	sum = checksum_combine(
		sum, nif_frame_payload_sum(&gso->segment), gso->whole->l4_length & 1);
	put_checksum(tcp + TCP_CHECKSUM, checksum_finish(sum));
}

/* What differs from the segment before; checksum fields are zero where the device fills them. */
static void write_header(struct gso *gso)
{
	const struct nif_frame *whole = gso->whole;
	uint8_t *ip = gso->header + whole->l2_length, *tcp = ip + whole->l3_length;
	uint32_t l4 = whole->l4_length + gso->segment.length;
	if (ip[0] >> 4 == 6)
		write_ip6(gso, ip, l4);
	else
		write_ip4(gso, ip, l4);
	write_tcp(gso, tcp);
	if ((gso->offloads & NIF_TX_TCP_CHECKSUM) == 0)
		sum_tcp(gso, ip, tcp, l4);
}

void gso_start(struct gso *gso, const struct nif_frame *whole, uint16_t offloads)
{
	gso->whole = whole;
	gso->offloads = offloads;
	gso->done = 0;
	gso->index = 0;
	gso->segment = *whole;
	memcpy(gso->header, whole->header, whole->header_length);
	const uint8_t *tcp = whole->header + whole->l2_length + whole->l3_length;
	gso->seq = be32_get(tcp + TCP_SEQUENCE);
	gso->flags = tcp[TCP_FLAGS];
	gso->segment.header = gso->header;
	gso->segment.gso_size = 0;
	gso->segment.length = 0;
}

/* Past the payload of the segment before, so that no part of the chain is walked twice. */
static void advance(struct nif_frame *segment)
{
	segment->offset += segment->length;
	while (segment->payload != NULL && segment->offset >= segment->payload->len) {
		segment->offset -= segment->payload->len;
		segment->payload = segment->payload->next;
	}
}

bool gso_next(struct gso *gso)
{
	uint32_t left = gso->whole->length - gso->done;
	if (gso->index > 0 && left == 0)
		return false;
	advance(&gso->segment);
	uint16_t most = gso->whole->gso_size;
	gso->segment.length = most != 0 && left > most ? most : left;
	write_header(gso);
	gso->done += gso->segment.length;
	gso->index++;
	return true;
}
