/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/stack/packets.h"

#include <string.h>

uint64_t sum_bytes(uint64_t sum, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		sum += i % 2 == 0 ? (uint64_t)bytes[i] << 8 : bytes[i];
	return sum;
}

uint16_t complement(uint64_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static uint64_t l4_sum(const uint8_t *ip, const uint8_t *l4, size_t length, uint8_t proto)
{
	uint64_t sum = ip[0] >> 4 == 6 ? sum_bytes(0, ip + 8, 32) : sum_bytes(0, ip + 12, 8);
	return sum_bytes(sum + proto + length, l4, length);
}

bool packet_ip_sum_right(const uint8_t *ip)
{
	return complement(sum_bytes(0, ip, 20)) == 0;
}

bool packet_l4_sum_right(const uint8_t *ip, const uint8_t *l4, size_t length, uint8_t proto)
{
	return complement(l4_sum(ip, l4, length, proto)) == 0;
}

static size_t write_ip4(const struct packet_shape *shape, size_t l4, uint8_t *ip)
{
	memset(ip, 0, 20);
	ip[0] = 0x45;
	ip[1] = shape->tos;
	put16(ip + 2, (unsigned)(20 + l4));
	put16(ip + 4, shape->id);
	put16(ip + 6, shape->dont_fragment ? 0x4000 : 0);
	ip[8] = shape->ttl;
	ip[9] = shape->proto;
	memcpy(ip + 12, &ip_2_ip4(&shape->source)->addr, 4);
	memcpy(ip + 16, &ip_2_ip4(&shape->destination)->addr, 4);
	put16(ip + 10, complement(sum_bytes(0, ip, 20)));
	return 20;
}

static size_t write_ip6(const struct packet_shape *shape, size_t l4, uint8_t *ip)
{
	put32(ip, (uint32_t)6 << 28 | (uint32_t)shape->tos << 20 | shape->label);
	put16(ip + 4, (unsigned)l4);
	ip[6] = shape->proto;
	ip[7] = shape->ttl;
	memcpy(ip + 8, ip_2_ip6(&shape->source)->addr, 16);
	memcpy(ip + 24, ip_2_ip6(&shape->destination)->addr, 16);
	return 40;
}

static void write_l4(const struct packet_shape *shape, const uint8_t *ip, uint8_t *l4, size_t n)
{
	size_t checksum = shape->proto == 6 ? 16 : 6;
	put16(l4, shape->source_port);
	put16(l4 + 2, shape->destination_port);
	if (shape->proto == 6) {
		l4[12] = 0x50;
		l4[13] = 0x10;
	} else {
		put16(l4 + 4, (unsigned)n);
	}
	uint16_t sum = complement(l4_sum(ip, l4, n, shape->proto));
	put16(l4 + checksum, sum == 0 && shape->proto == 17 ? 0xffff : sum);
}

size_t packet_write(const struct packet_shape *shape, const uint8_t to[6], const uint8_t from[6],
	const void *payload, size_t length, uint8_t *out)
{
	bool ip6 = IP_IS_V6(&shape->source);
	size_t header = shape->proto == 6 ? 20 : 8;
	uint8_t *ip = out + 14;
	memcpy(out, to, 6);
	memcpy(out + 6, from, 6);
	put16(out + 12, ip6 ? 0x86dd : 0x0800);
	size_t l3 =
		ip6 ? write_ip6(shape, header + length, ip) : write_ip4(shape, header + length, ip);
	uint8_t *l4 = ip + l3;
	memset(l4, 0, header);
	if (length > 0)
		memcpy(l4 + header, payload, length);
	write_l4(shape, ip, l4, header + length);
	return 14 + l3 + header + length;
}
