/* SPDX-License-Identifier: BSD-3-Clause */
/* One stack and frames made by hand: link layer, addresses, checks on what comes in. */
#include "tests/unit/stack/lab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/inet_chksum.h"
#include "lwip/priv/tcp_priv.h"

#define ETH 14u
#define IP4 20u
#define IP6 40u

static uint64_t drops(const struct lab *lab, unsigned node, enum drop_reason reason)
{
	return stack_drops(lab->node[node].stack)->count[reason];
}

static uint16_t be16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static void put16(uint8_t *bytes, unsigned value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

static void put32(uint8_t *bytes, uint32_t value)
{
	put16(bytes, value >> 16);
	put16(bytes + 2, value & 0xffff);
}

/* RFC 1071 over a list of pieces of even length, but for the last. */
static uint16_t checksum(uint32_t sum, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		sum += (uint32_t)bytes[i] << (i % 2 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* From 10.0.0.9 (02:..:09) to node 0: Ethernet and IPv4; the payload is there already. */
static size_t finish_ip4(uint8_t *frame, uint8_t proto, unsigned fragment, size_t payload)
{
	static const uint8_t macs[14] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 0};
	static const uint8_t ips[8] = {10, 0, 0, 9, 10, 0, 0, 1};
	memcpy(frame, macs, sizeof(macs));
	uint8_t *ip = frame + ETH;
	memset(ip, 0, IP4);
	ip[0] = 0x45;
	put16(ip + 2, (unsigned)(IP4 + payload));
	put16(ip + 4, 77);
	put16(ip + 6, fragment);
	ip[8] = 64;
	ip[9] = proto;
	memcpy(ip + 12, ips, sizeof(ips));
	put16(ip + 10, checksum(0, ip, IP4));
	return ETH + IP4 + payload;
}

/* A pseudo header's sum: the addresses of both families are where the length says. */
static uint32_t pseudo(const uint8_t *addresses, size_t length, uint8_t proto, size_t payload)
{
	uint32_t sum = proto + (uint32_t)payload;
	for (size_t i = 0; i < length; i += 2)
		sum += be16(addresses + i);
	return sum;
}

static size_t udp4(uint8_t *frame, const char *text)
{
	size_t length = 8 + strlen(text);
	uint8_t *udp = frame + ETH + IP4;
	put16(udp, 7);
	put16(udp + 2, 53);
	put16(udp + 4, (unsigned)length);
	put16(udp + 6, 0);
	memcpy(udp + 8, text, strlen(text));
	size_t total = finish_ip4(frame, 17, 0, length);
	put16(udp + 6, checksum(pseudo(frame + ETH + 12, 8, 17, length), udp, length));
	return total;
}

static struct dgram *bind53(struct lab *lab)
{
	struct dgram_options options = {0};
	struct dgram *dgram = NULL;
	assert_int_equal(
		dgram_open(lab->node[0].stack, IP_ANY_TYPE, 53, NULL, 0, &options, &dgram), 0);
	return dgram;
}

static size_t arp_request(uint8_t *frame, uint8_t target)
{
	static const uint8_t request[42] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 8,
		6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 9, 10, 0, 0, 9, 0, 0, 0, 0, 0, 0, 10, 0,
		0};
	memcpy(frame, request, sizeof(request));
	frame[41] = target;
	return sizeof(request);
}

/* Receive checks */

static void frames_that_are_no_good_are_dropped_by_reason(void **state)
{
	struct lab lab;
	static uint8_t frame[2000], arp[42];
	lab_open(&lab, 1, NULL);
	struct dgram *server = bind53(&lab);
	size_t length = udp4(frame, "text");
	lab_inject(&lab, 0, frame, 14);
	lab_inject(&lab, 0, frame, 0);
	lab_inject(&lab, 0, frame, 33);
	lab_inject(&lab, 0, arp, arp_request(arp, 1) - 1);
	assert_int_equal(drops(&lab, 0, DROP_FRAME_SHORT), 4);
	lab_inject(&lab, 0, frame, 1519);
	assert_int_equal(drops(&lab, 0, DROP_FRAME_LONG), 1);
	frame[5] = 7;
	lab_inject(&lab, 0, frame, length);
	assert_int_equal(drops(&lab, 0, DROP_NOT_FOR_US), 1);
	frame[5] = 1;
	frame[12] = 0x88;
	lab_inject(&lab, 0, frame, length);
	assert_int_equal(drops(&lab, 0, DROP_ETHERTYPE), 1);
	frame[12] = 8;
	nif_set_link(lab.node[0].nif, false);
	lab_inject(&lab, 0, frame, length);
	assert_int_equal(drops(&lab, 0, DROP_LINK_DOWN), 1);
	assert_int_equal(server->rx_count, 0);
	nif_set_link(lab.node[0].nif, true);
	lab_inject(&lab, 0, frame, length);
	assert_int_equal(server->rx_count, 1);
	lab_close(&lab);
}

static void checksums_are_verified_unless_the_device_did(void **state)
{
	struct lab lab;
	uint8_t frame[100];
	lab_open(&lab, 1, NULL);
	struct dgram *server = bind53(&lab);
	size_t length = udp4(frame, "text");
	lab_inject(&lab, 0, frame, length);
	assert_int_equal(server->rx_count, 1);
	frame[length - 1] ^= 1; /* UDP's is wrong now */
	lab_inject(&lab, 0, frame, length);
	lab.node[0].rx_flags = PKT_IP_CHECKSUM_GOOD;
	lab_inject(&lab, 0, frame, length);
	assert_int_equal(server->rx_count, 1);
	lab.node[0].rx_flags = PKT_L4_CHECKSUM_GOOD;
	lab_inject(&lab, 0, frame, length);
	assert_int_equal(server->rx_count, 2);
	frame[ETH + 10] ^= 1; /* and IP's */
	lab_inject(&lab, 0, frame, length);
	assert_int_equal(server->rx_count, 2);
	lab.node[0].rx_flags = PKT_L4_CHECKSUM_GOOD | PKT_IP_CHECKSUM_GOOD;
	lab_inject(&lab, 0, frame, length);
	assert_int_equal(server->rx_count, 3);
	lab.node[0].rx_flags = 0; /* no verdict sticks to the interface */
	lab_inject(&lab, 0, frame, length);
	assert_int_equal(server->rx_count, 3);
	lab_close(&lab);
}

static void verdict_on_a_fragment_does_not_count_for_the_datagram(void **state)
{
	struct lab lab;
	uint8_t whole[100], frame[100];
	lab_open(&lab, 1, NULL);
	struct dgram *server = bind53(&lab);
	size_t length = udp4(whole, "sixteen bytes...") - ETH - IP4;
	lab.node[0].rx_flags = PKT_L4_CHECKSUM_GOOD | PKT_IP_CHECKSUM_GOOD;
	for (int spoilt = 0; spoilt < 2; spoilt++) {
		whole[ETH + IP4 + length - 1] ^= (uint8_t)spoilt;
		memcpy(frame + ETH + IP4, whole + ETH + IP4, 16);
		lab_inject(&lab, 0, frame, finish_ip4(frame, 17, 0x2000, 16));
		memcpy(frame + ETH + IP4, whole + ETH + IP4 + 16, length - 16);
		lab_inject(&lab, 0, frame, finish_ip4(frame, 17, 2, length - 16));
		assert_int_equal(server->rx_count, 1);
	}
	lab_close(&lab);
}

/* ARP */

static void arp_request_for_us_is_answered_and_for_others_not(void **state)
{
	struct lab lab;
	uint8_t frame[42];
	lab_open(&lab, 1, NULL);
	lab_discard(&lab, 0);
	lab_inject(&lab, 0, frame, arp_request(frame, 1));
	struct lab_frame *reply = lab_take(&lab, 0);
	assert_non_null(reply);
	assert_int_equal(be16(reply->bytes + 20), 2);
	assert_int_equal(reply->bytes[5], 9);
	assert_int_equal(reply->bytes[27], 1);
	free(reply);
	lab_inject(&lab, 0, frame, arp_request(frame, 2));
	assert_null(lab_take(&lab, 0));
	lab_close(&lab);
}

static void link_up_announces_the_address(void **state)
{
	struct lab lab;
	bool announced = false;
	struct lab_frame *frame;
	lab_open(&lab, 1, NULL);
	lab_discard(&lab, 0);
	nif_set_link(lab.node[0].nif, false);
	nif_set_link(lab.node[0].nif, true);
	while ((frame = lab_take(&lab, 0)) != NULL) {
		announced |= be16(frame->bytes + 12) == 0x0806 && frame->bytes[31] == 1 &&
			memcmp(frame->bytes + 28, frame->bytes + 38, 4) == 0;
		free(frame);
	}
	assert_true(announced);
	lab_close(&lab);
}

static void secondary_keeps_silent_and_learns(void **state)
{
	struct lab lab;
	uint8_t frame[100];
	struct lab_config config = {.secondary = true, .slaac = true};
	struct nif_address addresses[8];
	ip_addr_t peer = IPADDR4_INIT_BYTES(10, 0, 0, 9);
	lab_open(&lab, 1, &config);
	/* Announcements, router solicitations and MLD reports of the set-up: none left. */
	lab_advance(&lab, 20000);
	assert_null(lab_take(&lab, 0));
	uint64_t suppressed = drops(&lab, 0, DROP_TX_SUPPRESSED);
	assert_true(suppressed >= 3);
	assert_int_equal(nif_addresses(lab.node[0].nif, addresses, 8), 3);
	assert_true(addresses[1].preferred && addresses[2].preferred);
	/* The reply is the first stack's; the mapping is learnt from the question. */
	lab_inject(&lab, 0, frame, arp_request(frame, 1));
	assert_null(lab_take(&lab, 0));
	assert_int_equal(drops(&lab, 0, DROP_TX_SUPPRESSED), suppressed + 1);
	struct dgram *dgram = bind53(&lab);
	assert_int_equal(dgram_send(dgram, lab_pbuf("x", 1), &peer, 9), 0);
	struct lab_frame *sent = lab_take(&lab, 0);
	assert_non_null(sent);
	assert_int_equal(be16(sent->bytes + 12), 0x0800);
	assert_int_equal(sent->bytes[5], 9);
	free(sent);
	/* A question of its own it may ask. */
	ip_addr_t other = IPADDR4_INIT_BYTES(10, 0, 0, 8);
	assert_int_equal(dgram_send(dgram, lab_pbuf("x", 1), &other, 9), 0);
	sent = lab_take(&lab, 0);
	assert_non_null(sent);
	assert_int_equal(be16(sent->bytes + 12), 0x0806);
	free(sent);
	lab_close(&lab);
}

/* Ping */

static void ping(struct lab *lab, size_t size)
{
	static uint8_t echo[8008], frame[1600], got[8008];
	lab_pattern(echo, sizeof(echo), 1);
	put16(echo, 0x0800);
	put16(echo + 2, 0);
	put16(echo + 2, checksum(0, echo, 8 + size));
	lab_discard(lab, 0);
	for (size_t at = 0; at < 8 + size; at += 1480) {
		size_t part = 8 + size - at < 1480 ? 8 + size - at : 1480;
		bool more = at + part < 8 + size;
		memcpy(frame + ETH + IP4, echo + at, part);
		lab_inject(lab, 0, frame,
			finish_ip4(frame, 1, (more ? 0x2000u : 0) | (unsigned)(at / 8), part));
	}
	size_t length = 0;
	struct lab_frame *reply;
	while ((reply = lab_take(lab, 0)) != NULL) {
		const uint8_t *ip = reply->bytes + ETH;
		size_t at = (be16(ip + 6) & 0x1fffu) * 8u, part = be16(ip + 2) - IP4;
		assert_true(reply->length <= 1514 && at + part <= sizeof(got));
		assert_int_equal(ip[9], 1);
		assert_int_equal(checksum(0, ip, IP4), 0);
		memcpy(got + at, ip + IP4, part);
		length += part;
		free(reply);
	}
	assert_int_equal(length, 8 + size);
	assert_int_equal(got[0], 0);
	assert_int_equal(checksum(0, got, length), 0);
	assert_memory_equal(got + 4, echo + 4, length - 4);
}

static void pings_of_every_size_are_answered(void **state)
{
	struct lab lab;
	uint8_t frame[42];
	lab_open(&lab, 1, NULL);
	lab_inject(&lab, 0, frame, arp_request(frame, 1));
	ping(&lab, 0);
	ping(&lab, 56);
	ping(&lab, 1472);
	ping(&lab, 1473);
	ping(&lab, 8000);
	lab_close(&lab);
}

/* ICMPv6, from fe80::9 to an address of node 0's, hop limit 255. */
static size_t icmp6(uint8_t *frame, const uint8_t to[16], size_t length)
{
	static const uint8_t from[16] = {0xfe, 0x80, [15] = 9};
	static const uint8_t macs[14] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0x86, 0xdd};
	memcpy(frame, macs, sizeof(macs));
	if (to[0] == 0xff) {
		frame[0] = frame[1] = 0x33;
		memcpy(frame + 2, to + 12, 4);
	}
	uint8_t *ip = frame + ETH, *icmp = ip + IP6;
	memset(ip, 0, IP6);
	ip[0] = 0x60;
	put16(ip + 4, (unsigned)length);
	ip[6] = 58;
	ip[7] = 255;
	memcpy(ip + 8, from, 16);
	memcpy(ip + 24, to, 16);
	put16(icmp + 2, 0);
	put16(icmp + 2, checksum(pseudo(ip + 8, 32, 58, length), icmp, length));
	return ETH + IP6 + length;
}

static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1};
static const uint8_t own6[16] = {0xfd, [15] = 1};

static void neighbour_solicitation_and_ping6_are_answered(void **state)
{
	static const uint8_t solicited[16] = {0xff, 2, [11] = 1, 0xff, 0, 0, 1};
	struct lab lab;
	uint8_t frame[200];
	lab_open(&lab, 1, NULL);
	lab_advance(&lab, 4000);
	lab_discard(&lab, 0);
	uint8_t *icmp = frame + ETH + IP6;
	memset(icmp, 0, 32);
	icmp[0] = 135;
	memcpy(icmp + 8, own6, 16);
	icmp[24] = icmp[25] = 1;
	memcpy(icmp + 26, frame + 6, 6);
	const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};
	memcpy(icmp + 26, mac, 6);
	lab_inject(&lab, 0, frame, icmp6(frame, solicited, 32));
	struct lab_frame *reply = lab_take(&lab, 0);
	assert_non_null(reply);
	assert_int_equal(reply->bytes[ETH + IP6], 136);
	free(reply);
	memset(icmp, 0, 64);
	icmp[0] = 128;
	lab_inject(&lab, 0, frame, icmp6(frame, own6, 64));
	reply = lab_take(&lab, 0);
	assert_non_null(reply);
	assert_int_equal(reply->bytes[ETH + IP6], 129);
	assert_int_equal(reply->length, ETH + IP6 + 64);
	free(reply);
	lab_close(&lab);
}

/* A solicitation for our address from `mac`; RFC 4861 4.3. */
static void solicit(struct lab *lab, uint8_t *frame, const uint8_t mac[6])
{
	static const uint8_t solicited[16] = {0xff, 2, [11] = 1, 0xff, 0, 0, 1};
	uint8_t *icmp = frame + ETH + IP6;
	memset(icmp, 0, 32);
	icmp[0] = 135;
	memcpy(icmp + 8, own6, 16);
	icmp[24] = icmp[25] = 1;
	memcpy(icmp + 26, mac, 6);
	lab_inject(lab, 0, frame, icmp6(frame, solicited, 32));
	lab_discard(lab, 0);
}

static void neighbour_that_changed_its_station_is_answered_there(void **state)
{
	static const uint8_t macs[2][6] = {{2, 0, 0, 0, 0, 9}, {2, 0, 0, 0, 0, 10}};
	struct lab lab;
	uint8_t frame[200];
	lab_open(&lab, 1, NULL);
	lab_advance(&lab, 4000);
	lab_discard(&lab, 0);
	for (int i = 0; i < 2; i++) {
		solicit(&lab, frame, macs[i]);
		memset(frame + ETH + IP6, 0, 64);
		frame[ETH + IP6] = 128;
		lab_inject(&lab, 0, frame, icmp6(frame, own6, 64));
		struct lab_frame *reply = lab_take(&lab, 0);
		assert_non_null(reply);
		assert_memory_equal(reply->bytes, macs[i], 6);
		free(reply);
	}
	lab_close(&lab);
}

/* Addresses */

static void addresses_gateway_and_generation_are_told(void **state)
{
	struct lab lab;
	struct nif_address addresses[8];
	ip_addr_t gateway = IPADDR4_INIT_BYTES(10, 0, 0, 254), got,
		  far = IPADDR4_INIT_BYTES(9, 9, 9, 9);
	ip_addr_t other = IPADDR4_INIT_BYTES(10, 1, 0, 1), own = lab_ip6(0);
	ip_addr_t gateway6 = IPADDR6_INIT_HOST(0xfd000000, 0, 0, 0xfe),
		  group = IPADDR4_INIT_BYTES(224, 0, 0, 1);
	ip_addr_t far6 = IPADDR6_INIT_HOST(0x20010db8, 0, 0, 1);
	lab_open(&lab, 1, NULL);
	struct nif *nif = lab.node[0].nif;
	assert_int_equal(nif_addresses(nif, addresses, 8), 1); /* IPv6 is still tentative */
	lab_advance(&lab, 4000);
	assert_int_equal(nif_addresses(nif, addresses, 8), 3);
	assert_int_equal(nif_addresses(nif, addresses, 2), 2);
	assert_int_equal(addresses[0].prefix, 24);
	assert_int_equal(addresses[1].prefix, 64);
	uint32_t generation = nif_generation(nif);
	assert_int_equal(nif_generation(nif), generation);
	assert_int_equal(nif_set_gateway(nif, &gateway), 0);
	assert_int_not_equal(nif_generation(nif), generation);
	nif_gateway(nif, &got);
	assert_true(ip_addr_eq(&got, &gateway));
	generation = nif_generation(nif);
	assert_int_equal(nif_add_address(nif, &other, 16), 0);
	assert_int_not_equal(nif_generation(nif), generation);
	assert_int_equal(nif_addresses(nif, addresses, 8), 3); /* replaced */
	assert_int_equal(addresses[0].prefix, 16);
	assert_int_equal(nif_add_address(nif, &other, 33), -EINVAL);
	assert_int_equal(nif_add_address(nif, &group, 24), -EINVAL);
	assert_int_equal(nif_add_address(nif, &own, 0), -EINVAL);
	assert_int_equal(nif_add_address(nif, &own, 129), -EINVAL);
	assert_int_equal(nif_set_gateway(nif, &group), -EINVAL);
	for (unsigned i = 0; i < NIF_IPV6_MAX - 1; i++) {
		ip_addr_t more = lab_ip6(10 + i);
		assert_int_equal(nif_add_address(nif, &more, 64), 0);
	}
	ip_addr_t last = lab_ip6(20);
	assert_int_equal(nif_add_address(nif, &last, 64), -ENOSPC);
	/* Both gateways are asked for, not the far ends. */
	assert_int_equal(nif_add_address(nif, &(ip_addr_t)IPADDR4_INIT_BYTES(10, 0, 0, 1), 24), 0);
	assert_int_equal(nif_set_gateway(nif, &gateway6), 0);
	lab_advance(&lab, 4000);
	lab_discard(&lab, 0);
	struct dgram *dgram = bind53(&lab);
	assert_int_equal(dgram_send(dgram, lab_pbuf("x", 1), &far, 9), 0);
	struct lab_frame *frame = lab_take(&lab, 0);
	assert_non_null(frame);
	assert_int_equal(be16(frame->bytes + 12), 0x0806);
	assert_int_equal(frame->bytes[41], 254);
	free(frame);
	assert_int_equal(dgram_send(dgram, lab_pbuf("x", 1), &far6, 9), 0);
	frame = lab_take(&lab, 0);
	assert_non_null(frame);
	assert_int_equal(frame->bytes[ETH + IP6], 135);
	assert_int_equal(frame->bytes[ETH + IP6 + 23], 0xfe);
	free(frame);
	lab_close(&lab);
}

/* A router with the prefix 2001:db8::/64 tells of itself, for so many seconds. RFC 4861 4.2 */
static void advertise(struct lab *lab, unsigned seconds)
{
	uint8_t frame[200];
	uint8_t *icmp = frame + ETH + IP6, *prefix = icmp + 16;
	memset(icmp, 0, 48);
	icmp[0] = 134;
	icmp[4] = 64;
	put16(icmp + 6, seconds);
	prefix[0] = 3;
	prefix[1] = 4;
	prefix[2] = 64;
	prefix[3] = 0xc0;
	put32(prefix + 4, 86400);
	put32(prefix + 8, 14400);
	put32(prefix + 16, 0x20010db8);
	lab_inject(lab, 0, frame, icmp6(frame, all_nodes, 48));
}

static void router_advertisement_gives_an_address(void **state)
{
	struct lab lab;
	struct lab_config config = {.slaac = true, .no_address = true};
	struct nif_address addresses[8];
	lab_open(&lab, 1, &config);
	lab_advance(&lab, 4000);
	assert_int_equal(nif_addresses(lab.node[0].nif, addresses, 8), 1);
	uint32_t generation = nif_generation(lab.node[0].nif);
	advertise(&lab, 1800);
	lab_advance(&lab, 4000);
	assert_int_equal(nif_addresses(lab.node[0].nif, addresses, 8), 2);
	assert_int_equal(ip_2_ip6(&addresses[1].address)->addr[0], lwip_htonl(0x20010db8));
	assert_true(addresses[1].preferred);
	assert_int_not_equal(nif_generation(lab.node[0].nif), generation);
	lab_close(&lab);
}

/* RFC 4861 5.2, RFC 4943: without a router only what is on the link can be reached. */
static void off_link_ip6_is_reached_while_there_is_a_router(void **state)
{
	struct lab lab;
	struct lab_config config = {.slaac = true};
	ip_addr_t far = IPADDR6_INIT_HOST(0x20010db8, 0x90000, 0, 1);
	ip_addr_t announced = IPADDR6_INIT_HOST(0x20010db8, 0, 0, 0x77), peer = lab_ip6(8);
	ip_addr_t link_local = IPADDR6_INIT_HOST(0xfe800000, 0, 0, 0x77);
	ip_addr_t group = IPADDR6_INIT_HOST(0xff020000, 0, 0, 0x77);
	lab_open(&lab, 1, &config);
	lab_advance(&lab, 4000);
	struct dgram *dgram = bind53(&lab);
	assert_int_equal(dgram_send(dgram, lab_pbuf("x", 1), &far, 9), -ENETUNREACH);
	assert_int_equal(dgram_send(dgram, lab_pbuf("x", 1), &announced, 9), -ENETUNREACH);
	assert_int_equal(dgram_send(dgram, lab_pbuf("x", 1), &peer, 9), 0);
	assert_int_equal(dgram_send(dgram, lab_pbuf("x", 1), &link_local, 9), 0);
	assert_int_equal(dgram_send(dgram, lab_pbuf("x", 1), &group, 9), 0);
	advertise(&lab, 30);
	assert_int_equal(dgram_send(dgram, lab_pbuf("x", 1), &far, 9), 0);
	assert_int_equal(dgram_send(dgram, lab_pbuf("x", 1), &announced, 9), 0);
	lab_advance(&lab, 32000);
	assert_int_equal(dgram_send(dgram, lab_pbuf("x", 1), &far, 9), -ENETUNREACH);
	assert_int_equal(dgram_send(dgram, lab_pbuf("x", 1), &announced, 9), 0);
	lab_close(&lab);
}

static int count_claim(void *steering, uint8_t proto, uint16_t port, bool shared)
{
	int *claims = steering;
	*claims += proto == 17 && port == 68 && !shared;
	return 0;
}

static void count_release(void *steering, uint8_t proto, uint16_t port)
{
	int *claims = steering;
	*claims -= proto == 17 && port == 68;
}

/* RFC 2131 4.1: what comes to port 68 is for the client, on whichever core it arrives. */
static void dhcp_has_its_port_for_itself(void **state)
{
	struct lab lab;
	int claims = 0;
	struct lab_config config = {.dhcp = true,
		.claim_port = count_claim,
		.release_port = count_release,
		.steering = &claims};
	struct dgram_options options = {.reuse_address = true, .reuse_port = true};
	struct dgram *dgram;
	lab_open(&lab, 1, &config);
	struct stack *st = lab.node[0].stack;
	assert_int_equal(claims, 1);
	assert_int_equal(dgram_open(st, IP_ANY_TYPE, 68, NULL, 0, &options, &dgram), -EADDRINUSE);
	assert_int_equal(claims, 1);
	assert_int_equal(dgram_open(st, IP_ANY_TYPE, 67, NULL, 0, &options, &dgram), 0);
	dgram_close(dgram);
	lab_close(&lab);
	assert_int_equal(claims, 0);
}

/* The frame of a DHCP message that the stack sent last, or NULL. */
static struct lab_frame *take_dhcp(struct lab *lab)
{
	struct lab_frame *frame;
	while ((frame = lab_take(lab, 0)) != NULL) {
		if (be16(frame->bytes + 12) == 0x0800 && frame->bytes[ETH + 9] == 17 &&
			be16(frame->bytes + ETH + IP4 + 2) == 67)
			return frame;
		free(frame);
	}
	return NULL;
}

/* RFC 2131: an answer of that type to the message in `to`, offering 10.0.0.50/24. */
static void dhcp_answer(struct lab *lab, const struct lab_frame *to, uint8_t type)
{
	static const uint8_t options[] = {0x63, 0x82, 0x53, 0x63, 53, 1, 0, 54, 4, 10, 0, 0, 9, 51,
		4, 0, 0, 0x0e, 0x10, 1, 4, 255, 255, 255, 0, 3, 4, 10, 0, 0, 9, 6, 4, 10, 0, 0, 9,
		255};
	uint8_t frame[600] = {0};
	const uint8_t *question = to->bytes + ETH + IP4 + 8;
	uint8_t *udp = frame + ETH + IP4, *bootp = udp + 8;
	memcpy(bootp, question, 44);
	bootp[0] = 2;
	put32(bootp + 16, 0x0a000032);
	put32(bootp + 20, 0x0a000009);
	memcpy(bootp + 236, options, sizeof(options));
	bootp[242] = type;
	put16(udp, 67);
	put16(udp + 2, 68);
	put16(udp + 4, 8 + 300);
	size_t length = finish_ip4(frame, 17, 0, 8 + 300);
	memset(frame, 0xff, 6);
	memset(frame + ETH + 16, 0xff, 4);
	put16(frame + ETH + 10, 0);
	put16(frame + ETH + 10, checksum(0, frame + ETH, IP4));
	lab_inject(lab, 0, frame, length);
}

static void dhcp_leases_an_address(void **state)
{
	struct lab lab;
	struct lab_config config = {.dhcp = true, .no_address = true};
	struct nif_address addresses[8];
	ip_addr_t gateway, expected = IPADDR4_INIT_BYTES(10, 0, 0, 50);
	ip_addr_t router = IPADDR4_INIT_BYTES(10, 0, 0, 9);
	lab_open(&lab, 1, &config);
	uint32_t generation = nif_generation(lab.node[0].nif);
	lab_advance(&lab, 1000);
	struct lab_frame *message = take_dhcp(&lab);
	assert_non_null(message);
	dhcp_answer(&lab, message, 2);
	free(message);
	message = take_dhcp(&lab);
	assert_non_null(message);
	dhcp_answer(&lab, message, 5);
	free(message);
	lab_advance(&lab, 1000);
	assert_true(nif_addresses(lab.node[0].nif, addresses, 8) >= 1);
	assert_true(ip_addr_eq(&addresses[0].address, &expected));
	assert_int_equal(addresses[0].prefix, 24);
	nif_gateway(lab.node[0].nif, &gateway);
	assert_true(ip_addr_eq(&gateway, &router));
	assert_int_not_equal(nif_generation(lab.node[0].nif), generation);
	lab_close(&lab);
}

/* TCP segments made by hand */

static size_t tcp4(uint8_t *frame, uint8_t flags, const uint8_t *options, size_t length)
{
	uint8_t *tcp = frame + ETH + IP4;
	memset(tcp, 0, 20);
	put16(tcp, 1234);
	put16(tcp + 2, 80);
	put32(tcp + 4, 1000);
	tcp[12] = (uint8_t)((20 + length) / 4 << 4);
	tcp[13] = flags;
	put16(tcp + 14, 60000);
	if (length > 0)
		memcpy(tcp + 20, options, length);
	size_t total = finish_ip4(frame, 6, 0, 20 + length);
	put16(tcp + 16, checksum(pseudo(frame + ETH + 12, 8, 6, 20 + length), tcp, 20 + length));
	return total;
}

static void options_that_end_in_the_middle_are_not_read_beyond_the_frame(void **state)
{
	/* The kind of an option is the last byte of the frame, whose memory ends there. */
	static const uint8_t kinds[] = {2, 3, 4, 8, 5, 77};
	struct lab lab;
	uint8_t frame[100];
	lab_open(&lab, 1, NULL);
	lab_inject(&lab, 0, frame, arp_request(frame, 1));
	struct conn *listener = lab_listen(&lab, 0, 80);
	for (unsigned i = 0; i < sizeof(kinds); i++) {
		uint8_t options[4] = {1, 1, 1, kinds[i]};
		lab_discard(&lab, 0);
		lab_inject(&lab, 0, frame, tcp4(frame, 0x02, options, 4));
		struct lab_frame *reply = lab_take(&lab, 0);
		assert_non_null(reply);
		assert_int_equal(reply->bytes[ETH + IP4 + 13], 0x12);
		free(reply);
		conn_close(listener);
		listener = lab_listen(&lab, 0, 80);
	}
	lab_close(&lab);
}

static void extension_headers_cut_off_are_not_read_beyond_the_frame(void **state)
{
	/* RFC 8200 4.3, 4.4, 4.5, 4.6. The memory of the frame ends where the header breaks off. */
	static const uint8_t kinds[] = {0, 43, 44, 60};
	struct lab lab;
	uint8_t frame[100];
	lab_open(&lab, 1, NULL);
	lab_advance(&lab, 4000);
	for (unsigned i = 0; i < sizeof(kinds); i++) {
		for (size_t length = 0; length < 8; length++) {
			memset(frame, 0, sizeof(frame));
			size_t total = icmp6(frame, own6, length);
			frame[ETH + 6] = kinds[i];
			lab_inject(&lab, 0, frame, total);
		}
	}
	struct stack_counters counters;
	stack_get_counters(lab.node[0].stack, &counters);
	assert_int_equal(drops(&lab, 0, DROP_IP_REFUSED), 3 * 8);
	assert_int_equal(drops(&lab, 0, DROP_FRAGMENT_REFUSED), 8);
	lab_close(&lab);
}

/* The last fragments of a datagram for another host: lwIP looks for DHCP's port in all of UDP. */
static void ports_cut_off_are_not_read_beyond_the_frame(void **state)
{
	struct lab lab;
	uint8_t frame[100];
	lab_open(&lab, 1, NULL);
	struct stack_counters counters;
	for (size_t length = 0; length < 4; length++) {
		memset(frame, 0, sizeof(frame));
		size_t total = finish_ip4(frame, 17, 10, length);
		uint8_t *ip = frame + ETH;
		ip[19] = 99;
		put16(ip + 10, 0);
		put16(ip + 10, checksum(0, ip, IP4));
		lab_inject(&lab, 0, frame, total);
	}
	stack_get_counters(lab.node[0].stack, &counters);
	assert_int_equal(drops(&lab, 0, DROP_IP_REFUSED), 4);
	lab_close(&lab);
}

/* An ICMP error for a SYN of ours, quoting it with that sequence number. */
static void icmp_error(
	struct lab *lab, const struct lab_frame *syn, uint8_t type, uint8_t code, uint32_t add)
{
	uint8_t frame[100];
	uint8_t *icmp = frame + ETH + IP4;
	memset(icmp, 0, 8);
	icmp[0] = type;
	icmp[1] = code;
	memcpy(icmp + 8, syn->bytes + ETH, 28);
	put32(icmp + 32, ((uint32_t)be16(icmp + 32) << 16 | be16(icmp + 34)) + add);
	put16(icmp + 2, checksum(0, icmp, 36));
	lab_inject(lab, 0, frame, finish_ip4(frame, 1, 0, 36));
}

static void icmp_error_ends_a_handshake_only_with_its_sequence_number(void **state)
{
	struct lab lab;
	struct conn *conn;
	struct conn_options options = {0};
	uint8_t arp[42];
	ip_addr_t peer = IPADDR4_INIT_BYTES(10, 0, 0, 9);
	lab_open(&lab, 1, NULL);
	lab_inject(&lab, 0, arp, arp_request(arp, 1));
	lab_discard(&lab, 0);
	assert_int_equal(
		conn_connect(lab.node[0].stack, IP_ANY_TYPE, 0, &peer, 80, &options, &conn), 0);
	struct lab_frame *syn = lab_take(&lab, 0);
	assert_non_null(syn);
	icmp_error(&lab, syn, 3, 3, 100000);
	assert_int_equal(conn->ready.events, 0);
	icmp_error(&lab, syn, 3, 1, 0); /* host: soft, it goes on */
	assert_int_equal(conn->ready.events, 0);
	icmp_error(&lab, syn, 3, 3, 0);
	assert_int_equal(conn->ready.events, CONN_EV_ERROR);
	assert_int_equal(conn->ready.error, -ECONNREFUSED);
	conn_close(conn);
	assert_int_equal(
		conn_connect(lab.node[0].stack, IP_ANY_TYPE, 0, &peer, 80, &options, &conn), 0);
	free(syn);
	syn = lab_take(&lab, 0);
	icmp_error(&lab, syn, 3, 1, 0);
	icmp_error(&lab, syn, 12, 0, 0); /* parameter problem */
	icmp_error(&lab, syn, 11, 0, 0); /* time to live exceeded: the last one counts */
	lab_advance(&lab, 260000);       /* the soft error is the cause of the timeout */
	assert_int_equal(conn->ready.error, -EHOSTUNREACH);
	conn_close(conn);
	free(syn);
	struct stack_counters counters;
	stack_get_counters(lab.node[0].stack, &counters);
	assert_int_equal(counters.icmp_rx, 6);
	assert_int_equal(stack_drops(lab.node[0].stack)->count[DROP_ICMP_REFUSED], 0);
	lab_close(&lab);
}

/* Anything at all: valid frames with bytes changed. Only that nothing breaks is expected. */
static void spoilt_frames_break_nothing(void **state)
{
	struct lab lab;
	uint8_t frame[200], bad[200];
	static const uint8_t options[] = {
		2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7};
	uint32_t seed = 12345;
	lab_open(&lab, 1, NULL);
	bind53(&lab);
	lab_listen(&lab, 0, 80);
	for (unsigned i = 0; i < 60000; i++) {
		size_t length = 0;
		switch (i % 6) {
		case 0:
			length = udp4(frame, "payload");
			break;
		case 1:
			length = tcp4(frame, (uint8_t)(i / 6), options, sizeof(options));
			break;
		case 2:
			length = arp_request(frame, 1);
			break;
		case 3:
			memset(frame + ETH + IP4, 8, 64);
			length = finish_ip4(
				frame, (uint8_t)(i / 6 % 3 ? 1 : 2), i / 6 % 7 * 0x400, 64);
			break;
		default:
			memset(frame + ETH + IP6, 1, 64);
			frame[ETH + IP6] = (uint8_t)(128 + i / 6 % 20);
			length = icmp6(frame, i % 2 ? all_nodes : own6, 64);
			if (i % 5 == 0)
				frame[ETH + 6] = (uint8_t)(i / 6 % 2 ? 44 : 0);
			break;
		}
		memcpy(bad, frame, length);
		for (unsigned n = 0; n < i % 4; n++) {
			seed = seed * 1664525 + 1013904223;
			bad[12 + (seed >> 8) % (length - 12)] = (uint8_t)(seed >> 24);
		}
		seed = seed * 1664525 + 1013904223;
		if (seed >> 28 == 0)
			length -= (seed >> 8) % (length - 15);
		lab.node[0].rx_flags = seed >> 30;
		lab_inject(&lab, 0, bad, length);
		lab_discard(&lab, 0);
		if (i % 50 == 0)
			lab_advance(&lab, 100);
	}
	lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_that_are_no_good_are_dropped_by_reason),
		cmocka_unit_test(checksums_are_verified_unless_the_device_did),
		cmocka_unit_test(verdict_on_a_fragment_does_not_count_for_the_datagram),
		cmocka_unit_test(arp_request_for_us_is_answered_and_for_others_not),
		cmocka_unit_test(link_up_announces_the_address),
		cmocka_unit_test(secondary_keeps_silent_and_learns),
		cmocka_unit_test(pings_of_every_size_are_answered),
		cmocka_unit_test(neighbour_solicitation_and_ping6_are_answered),
		cmocka_unit_test(neighbour_that_changed_its_station_is_answered_there),
		cmocka_unit_test(addresses_gateway_and_generation_are_told),
		cmocka_unit_test(router_advertisement_gives_an_address),
		cmocka_unit_test(off_link_ip6_is_reached_while_there_is_a_router),
		cmocka_unit_test(dhcp_leases_an_address),
		cmocka_unit_test(dhcp_has_its_port_for_itself),
		cmocka_unit_test(options_that_end_in_the_middle_are_not_read_beyond_the_frame),
		cmocka_unit_test(extension_headers_cut_off_are_not_read_beyond_the_frame),
		cmocka_unit_test(ports_cut_off_are_not_read_beyond_the_frame),
		cmocka_unit_test(icmp_error_ends_a_handshake_only_with_its_sequence_number),
		cmocka_unit_test(spoilt_frames_break_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
