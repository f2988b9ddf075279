/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/fuzz/packet.h"

#include <string.h>

#include "stack/base/bytes.h"
#include "stack/base/checksum.h"

static void read_ip4(struct packet *packet, uint8_t *ip, size_t length)
{
	packet->ip_header = (ip[0] & 15) * 4u;
	if (packet->ip_header < 20 || packet->ip_header > length)
		return;
	packet->ip = ip;
	size_t total = be16_get(ip + 2);
	if ((be16_get(ip + 6) & 0x3fff) != 0 || total < packet->ip_header)
		return;
	packet->transport = ip + packet->ip_header;
	packet->length = (total < length ? total : length) - packet->ip_header;
	packet->protocol = ip[9];
}

static void read_ip6(struct packet *packet, uint8_t *ip, size_t length)
{
	if (length < 40)
		return;
	size_t payload = be16_get(ip + 4);
	packet->ip = ip;
	packet->ip_header = 40;
	packet->transport = ip + 40;
	packet->length = payload < length - 40 ? payload : length - 40;
	packet->protocol = ip[6];
}

void packet_read(struct packet *packet, uint8_t *frame, size_t length)
{
	memset(packet, 0, sizeof(*packet));
	if (length < PACKET_ETHERNET + 20)
		return;
	uint16_t type = be16_get(frame + 12);
	if (type == 0x0800)
		read_ip4(packet, frame + PACKET_ETHERNET, length - PACKET_ETHERNET);
	else if (type == 0x86dd)
		read_ip6(packet, frame + PACKET_ETHERNET, length - PACKET_ETHERNET);
}

static uint32_t pseudo_header(const struct packet *packet)
{
	uint32_t from, to;
	if (packet->ip_header == 40 && packet->ip[0] >> 4 == 6)
		return checksum_pseudo_v6(packet->ip + 8, packet->ip + 24, packet->protocol,
			(uint32_t)packet->length);
	memcpy(&from, packet->ip + 12, 4);
	memcpy(&to, packet->ip + 16, 4);
	return checksum_pseudo_v4(from, to, packet->protocol, (uint16_t)packet->length);
}

static void write_checksum(uint8_t *at, uint32_t sum, const uint8_t *bytes, size_t length)
{
	memset(at, 0, 2);
	uint16_t checksum = checksum_finish(checksum_add(sum, bytes, length));
	memcpy(at, &checksum, 2);
}

void packet_mend(uint8_t *frame, size_t length)
{
	static const struct {
		uint8_t protocol, at, pseudo;
	} kinds[] = {
		{PACKET_ICMP, 2, 0}, {PACKET_TCP, 16, 1}, {PACKET_UDP, 6, 1}, {PACKET_ICMP6, 2, 1}};
	struct packet packet;
	packet_read(&packet, frame, length);
	if (packet.ip == NULL)
		return;
	if (be16_get(frame + 12) == 0x0800)
		write_checksum(packet.ip + 10, 0, packet.ip, packet.ip_header);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (packet.transport != NULL && packet.protocol == kinds[i].protocol &&
			packet.length >= kinds[i].at + 2u)
			write_checksum(packet.transport + kinds[i].at,
				kinds[i].pseudo ? pseudo_header(&packet) : 0, packet.transport,
				packet.length);
}

size_t packet_headers(uint8_t *frame, unsigned from, int ip6, uint8_t protocol, size_t length)
{
	uint8_t *ip = frame + PACKET_ETHERNET;
	size_t header = ip6 ? 40 : 20;
	memset(frame, 0, PACKET_ETHERNET + header);
	frame[0] = frame[6] = 2;
	frame[5] = (uint8_t)(2 - from);
	frame[11] = (uint8_t)(1 + from);
	be16_put(frame + 12, ip6 ? 0x86dd : 0x0800);
	if (ip6) {
		ip[0] = 0x60;
		be16_put(ip + 4, (uint16_t)length);
		ip[6] = protocol;
		ip[7] = 64;
		ip[8] = ip[24] = 0xfd;
		ip[23] = (uint8_t)(1 + from);
		ip[39] = (uint8_t)(2 - from);
	} else {
		ip[0] = 0x45;
		be16_put(ip + 2, (uint16_t)(header + length));
		ip[8] = 64;
		ip[9] = protocol;
		ip[12] = ip[16] = 10;
		ip[15] = (uint8_t)(1 + from);
		ip[19] = (uint8_t)(2 - from);
	}
	return PACKET_ETHERNET + header;
}
