/* SPDX-License-Identifier: BSD-3-Clause */
/* UDP sockets of two stacks joined by a cable, and raw frames. */
#include "tests/unit/stack/lab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stack/nif_internal.h"

static const struct dgram_options plain;

static struct dgram *bind_at(struct lab *lab, unsigned node, uint16_t port)
{
	struct dgram *dgram = NULL;
	assert_int_equal(
		dgram_open(lab->node[node].stack, IP_ANY_TYPE, port, NULL, 0, &plain, &dgram), 0);
	return dgram;
}

static struct dgram *connect_from(
	struct lab *lab, unsigned node, const ip_addr_t *to, uint16_t to_port)
{
	struct dgram *dgram = NULL;
	assert_int_equal(
		dgram_open(lab->node[node].stack, IP_ANY_TYPE, 0, to, to_port, &plain, &dgram), 0);
	return dgram;
}

static uint64_t drops(const struct lab *lab, unsigned node, enum drop_reason reason)
{
	return stack_drops(lab->node[node].stack)->count[reason];
}

static void expect_memory_back(struct lab *lab)
{
	for (unsigned i = 0; i < lab->nodes; i++) {
		struct stack_memory memory;
		stack_memory(lab->node[i].stack, &memory);
		assert_int_equal(memory.used, lab->node[i].used_at_start);
	}
	assert_int_equal(lab_live_pbufs, 0);
}

/* One datagram of that length to node 1's port 53 and back; the bytes and the ends must be right. */
static void echo(struct lab *lab, struct dgram *client, struct dgram *server, const ip_addr_t *to,
	size_t length)
{
	static uint8_t sent[DGRAM_PAYLOAD_MAX], got[DGRAM_PAYLOAD_MAX];
	struct dgram_rx rx;
	lab_pattern(sent, length, (unsigned)length);
	assert_int_equal(dgram_send(client, lab_chain(sent, length, 2048), to, 53), 0);
	lab_pump(lab);
	assert_true(dgram_next(server, &rx));
	assert_int_equal(rx.payload->tot_len, length);
	assert_int_equal(rx.from_port, client->local_port);
	assert_int_equal(dgram_send(server, rx.payload, &rx.from, rx.from_port), 0);
	lab_pump(lab);
	assert_true(dgram_next(client, &rx));
	assert_true(ip_addr_eq(&rx.from, to));
	assert_int_equal(rx.payload->tot_len, length);
	assert_int_equal(pbuf_copy_partial(rx.payload, got, (u16_t)length, 0), length);
	assert_memory_equal(sent, got, length);
	pbuf_free(rx.payload);
	assert_false(dgram_next(client, &rx));
}

static const size_t lengths[] = {0, 1, 2, 1472, 1473, 1452, 1453, 9000, 40000, 65499, 65507};

static void echo_all(const struct lab_config config[2], bool ip6)
{
	struct lab lab;
	lab_open(&lab, 2, config);
	struct dgram *server = bind_at(&lab, 1, 53), *client = bind_at(&lab, 0, 0);
	ip_addr_t to = ip6 ? lab_ip6(1) : lab_ip4(1);
	for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		echo(&lab, client, server, &to, ip6 && lengths[i] > 65487 ? 65487 : lengths[i]);
	dgram_close(client);
	dgram_close(server);
	expect_memory_back(&lab);
	lab_close(&lab);
}

static void datagrams_of_every_size_echo_over_ipv4(void **state)
{
	echo_all(NULL, false);
}

static void datagrams_of_every_size_echo_over_ipv6(void **state)
{
	echo_all(NULL, true);
}

static void datagrams_echo_at_mtu_9000_and_576(void **state)
{
	struct lab_config jumbo[2] = {{.mtu = 9000}, {.mtu = 9000}};
	struct lab_config small[2] = {{.mtu = 576}, {.mtu = 576}};
	struct lab_config least[2] = {{.mtu = 1280}, {.mtu = 1280}}; /* RFC 8200 5 */
	echo_all(jumbo, false);
	echo_all(jumbo, true);
	echo_all(small, false);
	echo_all(least, true);
}

/* The checksum of the UDP header of an IPv4 frame. */
static uint16_t udp_checksum(const struct lab_frame *frame)
{
	return (uint16_t)(frame->bytes[14 + 20 + 6] << 8 | frame->bytes[14 + 20 + 7]);
}

static void offloaded_checksum_is_computed_for_fragments_only(void **state)
{
	static uint8_t bytes[4000];
	struct lab lab;
	struct lab_config config[2] = {{.tx_offloads = NIF_TX_UDP_CHECKSUM}, {0}};
	ip_addr_t to = lab_ip4(1);
	lab_open(&lab, 2, config);
	struct dgram *client = bind_at(&lab, 0, 0), *server = bind_at(&lab, 1, 53);
	echo(&lab, client, server, &to, 4000); /* node 1 verifies, and ARP is known after it */
	assert_int_equal(dgram_send(client, lab_pbuf(bytes, 100), &to, 53), 0);
	struct lab_frame *frame = lab_take(&lab, 0);
	assert_int_equal(udp_checksum(frame), 0); /* left to the device */
	free(frame);
	assert_int_equal(dgram_send(client, lab_pbuf(bytes, 4000), &to, 53), 0);
	frame = lab_take(&lab, 0);
	assert_int_not_equal(udp_checksum(frame), 0);
	free(frame);
	lab_close(&lab);
}

static void connected_socket_hears_its_peer_only(void **state)
{
	struct lab lab;
	struct dgram_rx rx;
	ip_addr_t a = lab_ip4(0), b = lab_ip4(1);
	lab_open(&lab, 2, NULL);
	struct dgram *server = bind_at(&lab, 1, 53), *stranger = bind_at(&lab, 1, 54);
	struct dgram *client = connect_from(&lab, 0, &b, 53);
	assert_true(ip_addr_eq(&client->local, &a));
	assert_in_range(client->local_port, 49152, 65535);
	assert_int_equal(dgram_send(stranger, lab_pbuf("no", 2), &a, client->local_port), 0);
	assert_int_equal(dgram_send(server, lab_pbuf("yes", 3), &a, client->local_port), 0);
	lab_pump(&lab);
	assert_true(dgram_next(client, &rx));
	assert_int_equal(rx.payload->tot_len, 3);
	pbuf_free(rx.payload);
	assert_false(dgram_next(client, &rx));
	assert_int_equal(dgram_send(client, lab_pbuf("x", 1), &b, 54), -EISCONN);
	assert_int_equal(dgram_send(client, lab_pbuf("x", 1), NULL, 0), 0);
	assert_int_equal(dgram_send(server, lab_pbuf("x", 1), NULL, 0), -EDESTADDRREQ);
	lab_pump(&lab);
	assert_int_equal(server->rx_count, 1);
	lab_close(&lab);
}

static void impossible_sends_say_why_and_free_the_payload(void **state)
{
	static uint8_t bytes[65535];
	struct lab lab;
	struct dgram *dgram, *second;
	struct dgram_options options = {.broadcast = true};
	ip_addr_t far = IPADDR4_INIT_BYTES(192, 0, 2, 1),
		  broadcast = IPADDR4_INIT_BYTES(10, 0, 0, 255);
	ip_addr_t peer6 = lab_ip6(1), all = IPADDR4_INIT(IPADDR_BROADCAST), peer = lab_ip4(1),
		  other = lab_ip4(8);
	ip_addr_t far6 = IPADDR6_INIT_HOST(0x20010db8, 0, 0, 1);
	lab_open(&lab, 2, NULL);
	struct stack *st = lab.node[0].stack;
	dgram = bind_at(&lab, 0, 1000);
	assert_int_equal(dgram_send(dgram, lab_pbuf(bytes, 65508), &peer, 9), -EMSGSIZE);
	assert_int_equal(dgram_send(dgram, lab_pbuf(bytes, 65508), &peer6, 9), -EMSGSIZE);
	assert_int_equal(dgram_send(dgram, lab_pbuf(bytes, 9), &far, 9), -ENETUNREACH);
	assert_int_equal(dgram_send(dgram, lab_pbuf(bytes, 9), &far6, 9), -ENETUNREACH);
	assert_int_equal(dgram_send(dgram, lab_pbuf(bytes, 9), &broadcast, 9), -EACCES);
	assert_int_equal(dgram_send(dgram, lab_pbuf(bytes, 9), &all, 9), -EACCES);
	assert_int_equal(dgram_send(dgram, lab_pbuf(bytes, 9), &peer, 0), -EDESTADDRREQ);
	assert_int_equal(dgram_open(st, IP_ANY_TYPE, 1000, NULL, 0, &plain, &second), -EADDRINUSE);
	assert_int_equal(dgram_open(st, &other, 0, NULL, 0, &plain, &second), -EADDRNOTAVAIL);
	assert_int_equal(dgram_open(st, IP_ANY_TYPE, 0, &far, 9, &plain, &second), -ENETUNREACH);
	assert_int_equal(dgram_open(st, IP_ANY_TYPE, 0, &far6, 9, &plain, &second), -ENETUNREACH);
	assert_int_equal(dgram_open(st, IP_ANY_TYPE, 0, NULL, 0, &options, &second), 0);
	struct dgram *server = bind_at(&lab, 1, 9);
	assert_int_equal(dgram_send(second, lab_pbuf(bytes, 9), &broadcast, 9), 0);
	assert_int_equal(dgram_send(second, lab_pbuf(bytes, 9), &all, 9), 0);
	lab_pump(&lab);
	assert_int_equal(server->rx_count, 2);
	dgram_close(second);
	dgram_close(dgram);
	dgram_close(server);
	expect_memory_back(&lab);
	lab_close(&lab);
}

/* RFC 2131 4.1: the client's port is reserved while DHCP runs (stack/nif.c). */
static void port_of_the_dhcp_client_is_in_use(void **state)
{
	struct lab lab;
	struct lab_config config = {.dhcp = true, .no_address = true};
	struct dgram *dgram;
	lab_open(&lab, 1, &config);
	assert_int_equal(dgram_open(lab.node[0].stack, IP_ANY_TYPE, 68, NULL, 0, &plain, &dgram),
		-EADDRINUSE);
	lab_close(&lab);
}

static void device_without_room_is_told_to_the_sender(void **state)
{
	struct lab lab;
	ip_addr_t to = lab_ip4(1);
	lab_open(&lab, 2, NULL);
	struct dgram *client = bind_at(&lab, 0, 0), *server = bind_at(&lab, 1, 53);
	echo(&lab, client, server, &to, 5);
	lab.node[0].refuse = DROP_TX_QUEUE_FULL;
	assert_int_equal(dgram_send(client, lab_pbuf("x", 1), &to, 53), -ENOBUFS);
	assert_int_equal(lab.node[0].refused, 1);
	assert_int_equal(stack_drops(lab.node[0].stack)->count[DROP_TX_QUEUE_FULL], 1);
	lab_close(&lab);
}

static void full_queue_keeps_the_oldest_and_counts_the_rest(void **state)
{
	struct lab lab;
	struct dgram *server;
	struct dgram_rx rx;
	struct dgram_options options = {.receive_count = 5, .receive_bytes = 100};
	ip_addr_t to = lab_ip4(1);
	lab_open(&lab, 2, NULL);
	struct dgram *client = connect_from(&lab, 0, &to, 53);
	assert_int_equal(
		dgram_open(lab.node[1].stack, IP_ANY_TYPE, 53, NULL, 0, &options, &server), 0);
	for (uint8_t i = 0; i < 12; i++)
		assert_int_equal(dgram_send(client, lab_pbuf(&i, 1), NULL, 0), 0);
	lab_pump(&lab);
	assert_int_equal(server->rx_count, 5);
	assert_int_equal(server->rx_dropped, 7);
	assert_int_equal(drops(&lab, 1, DROP_UDP_QUEUE_FULL), 7);
	for (uint8_t i = 0; i < 5; i++) {
		assert_true(dgram_next(server, &rx));
		assert_int_equal(*(uint8_t *)rx.payload->payload, i);
		pbuf_free(rx.payload);
	}
	uint8_t large[101] = {0};
	assert_int_equal(dgram_send(client, lab_pbuf(large, 101), NULL, 0), 0);
	assert_int_equal(dgram_send(client, lab_pbuf(large, 100), NULL, 0), 0);
	lab_pump(&lab);
	assert_int_equal(server->rx_bytes, 100);
	assert_int_equal(server->rx_dropped, 8);
	dgram_close(client);
	dgram_close(server); /* with one that waits */
	expect_memory_back(&lab);
	lab_close(&lab);
}

/* What another core would get. */
struct redirected {
	struct pbuf *p;
	struct nif *nif;
	uint8_t proto;
	uint16_t port;
	bool on;
};

static bool redirect(void *steering, struct nif *nif, uint8_t proto, uint16_t port, struct pbuf *p)
{
	struct redirected *r = steering;
	if (!r->on)
		return false;
	assert_null(r->p);
	*r = (struct redirected){.p = p, .nif = nif, .proto = proto, .port = port};
	return true;
}

static void redirected_datagram_arrives_whole_where_it_is_put_in(void **state)
{
	static uint8_t sent[4000], got[4000];
	struct redirected r = {0};
	struct lab lab;
	struct dgram_rx rx;
	struct lab_config config[2] = {{0}, {.redirect = redirect, .steering = &r}};
	ip_addr_t to[2] = {lab_ip4(1), lab_ip6(1)};
	lab_pattern(sent, sizeof(sent), 3);
	lab_open(&lab, 2, config);
	struct dgram *client = bind_at(&lab, 0, 0), *server = bind_at(&lab, 1, 53);
	for (int i = 0; i < 2; i++) {
		r = (struct redirected){.on = true};
		assert_int_equal(dgram_send(client, lab_pbuf(sent, sizeof(sent)), &to[i], 53), 0);
		lab_pump(&lab);
		assert_non_null(r.p);
		assert_ptr_equal(r.nif, lab.node[1].nif);
		assert_int_equal(r.proto, 17);
		assert_int_equal(r.port, 53);
		assert_false(dgram_next(server, &rx));
		stack_input_ip(lab.node[1].stack, r.nif, r.p); /* r.on is false: it may stay */
		assert_true(dgram_next(server, &rx));
		assert_int_equal(rx.payload->tot_len, sizeof(sent));
		pbuf_copy_partial(rx.payload, got, sizeof(got), 0);
		assert_memory_equal(got, sent, sizeof(sent));
		pbuf_free(rx.payload);
	}
	dgram_close(client);
	dgram_close(server);
	expect_memory_back(&lab);
	lab_close(&lab);
}

static void port_unreachable_is_one_event_and_receiving_goes_on(void **state)
{
	struct lab lab;
	struct dgram_rx rx;
	ip_addr_t to[2] = {lab_ip4(1), lab_ip6(1)}, from[2] = {lab_ip4(0), lab_ip6(0)};
	lab_open(&lab, 2, NULL);
	for (int i = 0; i < 2; i++) {
		struct dgram *client = connect_from(&lab, 0, &to[i], 53);
		assert_int_equal(dgram_send(client, lab_pbuf("x", 1), NULL, 0), 0);
		lab_pump(&lab);
		assert_ptr_equal(stack_next_ready(lab.node[0].stack), &client->ready);
		assert_int_equal(client->ready.events, DGRAM_EV_ERROR);
		assert_int_equal(client->ready.error, -ECONNREFUSED);
		struct dgram *server = bind_at(&lab, 1, 53);
		assert_int_equal(
			dgram_send(server, lab_pbuf("y", 1), &from[i], client->local_port), 0);
		lab_pump(&lab);
		assert_true(dgram_next(client, &rx));
		pbuf_free(rx.payload);
		dgram_close(server);
		dgram_close(client);
	}
	struct stack_counters counters;
	stack_get_counters(lab.node[0].stack, &counters);
	assert_int_equal(stack_drops(lab.node[0].stack)->count[DROP_ICMP_REFUSED], 0);
	expect_memory_back(&lab);
	lab_close(&lab);
}

static void lost_fragment_loses_the_datagram_and_its_memory_comes_back(void **state)
{
	static uint8_t bytes[9000];
	struct lab lab;
	struct lab_frame *frame;
	ip_addr_t to[2] = {lab_ip4(1), lab_ip6(1)};
	lab_open(&lab, 2, NULL);
	struct dgram *client = bind_at(&lab, 0, 0), *server = bind_at(&lab, 1, 53);
	for (int i = 0; i < 2; i++) {
		echo(&lab, client, server, &to[i], 1);
		assert_int_equal(dgram_send(client, lab_pbuf(bytes, 9000), &to[i], 53), 0);
		frame = lab_take(&lab, 0);
		free(frame);
		lab_pump(&lab);
		assert_int_equal(server->rx_count, 0);
		assert_true(lab_live_pbufs > 0);
		lab_advance(&lab, 70000);
		assert_int_equal(lab_live_pbufs, 0);
	}
	assert_int_equal(dgram_send(client, lab_pbuf(bytes, 9000), &to[0], 53), 0);
	free(lab_take(&lab, 0));
	lab_pump(&lab);
	lab_close(&lab); /* stack_free finds them, too */
}

/* No device sends to itself: what is for us stays here. */
static void datagram_to_an_own_address_stays_here(void **state)
{
	struct lab lab;
	struct dgram_rx rx;
	lab_open(&lab, 2, NULL);
	const ip_addr_t own[] = {lab_ip4(0), lab_ip6(0)};
	struct dgram *sender = bind_at(&lab, 0, 0), *receiver = bind_at(&lab, 0, 53);
	for (unsigned i = 0; i < 2; i++) {
		struct dgram *self[] = {receiver, sender};
		for (unsigned to = 0; to < 2; to++) {
			assert_int_equal(dgram_send(sender, lab_pbuf("home", 4), &own[i],
						 self[to]->local_port),
				0);
			assert_true(dgram_next(self[to], &rx));
			assert_int_equal(rx.payload->tot_len, 4);
			assert_memory_equal(rx.payload->payload, "home", 4);
			assert_true(ip_addr_eq(&rx.from, &own[i]));
			assert_int_equal(rx.from_port, sender->local_port);
			pbuf_free(rx.payload);
		}
		assert_int_equal(dgram_send(sender, lab_pbuf("", 0), &own[i], 53), 0);
		assert_true(dgram_next(receiver, &rx));
		assert_int_equal(rx.payload->tot_len, 0);
		pbuf_free(rx.payload);
		assert_int_equal(dgram_send(sender, lab_pbuf("x", 1), &own[i], 54), 0);
	}
	assert_null(lab_take(&lab, 0));
	assert_int_equal(lab_live_pbufs, 0);
	lab_close(&lab);
}

static void connected_socket_hears_that_nobody_is_at_home(void **state)
{
	struct lab lab;
	struct dgram *sender;
	lab_open(&lab, 2, NULL);
	ip_addr_t own = lab_ip4(0);
	assert_int_equal(dgram_open(lab.node[0].stack, &own, 0, &own, 54,
				 &(struct dgram_options){0}, &sender),
		0);
	assert_int_equal(dgram_send(sender, lab_pbuf("x", 1), NULL, 0), -ECONNREFUSED);
	assert_int_equal(lab_live_pbufs, 0);
	lab_close(&lab);
}

/* ---- From the address asked ------------------------------------------------------------- */

static enum drop_reason discard(void *device, const struct nif_frame *frame)
{
	return DROP_NONE;
}

/* Node 1 has a second interface and a second IPv6 address; node 0 knows the way. */
static void open_with_second_addresses(struct lab *lab, ip_addr_t second[2])
{
	static const struct nif_ops ops = {.output = discard};
	const struct nif_config config = {.ops = &ops, .mac = {2, 0, 0, 0, 1, 0}, .mtu = 1500};
	ip_addr_t via = lab_ip4(1);
	lab_open(lab, 2, NULL);
	second[0] = (ip_addr_t)IPADDR4_INIT_BYTES(10, 9, 0, 1);
	second[1] = lab_ip6(0x77);
	struct nif *nif = nif_add(lab->node[1].stack, &config);
	assert_non_null(nif);
	nif_set_link(nif, true);
	assert_int_equal(nif_add_address(nif, &second[0], 24), 0);
	assert_int_equal(nif_add_address(lab->node[1].nif, &second[1], 64), 0);
	assert_int_equal(nif_set_gateway(lab->node[0].nif, &via), 0);
	lab_advance(lab, 4000); /* duplicate address detection */
	lab_discard(lab, 1);
}

/* RFC 1122 4.1.3.5, RFC 3542 6: in any order, also the one that routing would choose. */
static void answers_come_from_the_address_asked(void **state)
{
	struct lab lab;
	struct dgram_rx rx;
	ip_addr_t second[2], first[2] = {lab_ip4(1), lab_ip6(1)};
	open_with_second_addresses(&lab, second);
	struct dgram *client = bind_at(&lab, 0, 0), *server = bind_at(&lab, 1, 53);
	for (unsigned i = 0; i < 8; i++) {
		const ip_addr_t *asked = i % 2 == 0 ? &second[i / 4] : &first[i / 4];
		assert_int_equal(dgram_send(client, lab_pbuf("?", 1), asked, 53), 0);
		lab_pump(&lab);
		assert_true(dgram_next(server, &rx));
		assert_true(ip_addr_eq(&rx.to, asked));
		assert_int_equal(
			dgram_send_from(server, rx.payload, &rx.to, &rx.from, rx.from_port), 0);
		lab_pump(&lab);
		assert_true(dgram_next(client, &rx));
		assert_true(ip_addr_eq(&rx.from, asked));
		pbuf_free(rx.payload);
	}
	dgram_close(client);
	dgram_close(server);
	assert_int_equal(lab_live_pbufs, 0);
	lab_close(&lab);
}

static void assert_came_from(struct dgram *server, const ip_addr_t *from)
{
	struct dgram_rx rx;
	assert_true(dgram_next(server, &rx));
	assert_true(ip_addr_eq(&rx.from, from));
	pbuf_free(rx.payload);
}

/* RFC 2131 3.2, 4.4.5: what a lease gave may be gone, and another address be there. */
static void source_follows_a_new_address(void **state)
{
	struct lab lab;
	ip_addr_t server_address = lab_ip4(1), before = lab_ip4(0);
	ip_addr_t now = IPADDR4_INIT_BYTES(10, 0, 0, 77);
	lab_open(&lab, 2, NULL);
	struct dgram *client = bind_at(&lab, 0, 0), *server = bind_at(&lab, 1, 53);
	struct dgram *connected = connect_from(&lab, 0, &server_address, 53);
	assert_int_equal(dgram_send(client, lab_pbuf("1", 1), &server_address, 53), 0);
	lab_pump(&lab);
	assert_came_from(server, &before);
	assert_int_equal(nif_add_address(lab.node[0].nif, &now, 24), 0);
	assert_int_equal(dgram_send(client, lab_pbuf("2", 1), &server_address, 53), 0);
	lab_pump(&lab);
	assert_came_from(server, &now);
	/* What is connected has one address for life. */
	assert_int_equal(dgram_send(connected, lab_pbuf("3", 1), NULL, 0), -EADDRNOTAVAIL);
	assert_int_equal(nif_add_address(lab.node[0].nif, &before, 24), 0);
	assert_int_equal(dgram_send(connected, lab_pbuf("4", 1), NULL, 0), 0);
	lab_pump(&lab);
	assert_came_from(server, &before);
	dgram_close(connected);
	dgram_close(client);
	dgram_close(server);
	expect_memory_back(&lab);
	lab_close(&lab);
}

/* RFC 4862 5.4: while nobody knows whether it is somebody else's, an address is no source. */
static void nothing_leaves_from_a_tentative_address(void **state)
{
	struct lab lab;
	struct dgram *client = NULL;
	struct lab_frame *frame;
	ip_addr_t fresh = lab_ip6(0x77), to = lab_ip6(1);
	lab_open(&lab, 2, NULL);
	struct dgram *server = bind_at(&lab, 1, 53);
	assert_int_equal(nif_add_address(lab.node[0].nif, &fresh, 64), 0);
	assert_int_equal(dgram_open(lab.node[0].stack, &fresh, 0, NULL, 0, &plain, &client), 0);
	assert_int_equal(dgram_send(client, lab_pbuf("1", 1), &to, 53), -EADDRNOTAVAIL);
	while ((frame = lab_take(&lab, 0)) != NULL) {
		assert_memory_not_equal(frame->bytes + 14 + 8, ip_2_ip6(&fresh)->addr, 16);
		free(frame);
	}
	lab_advance(&lab, 4000); /* duplicate address detection */
	assert_int_equal(dgram_send(client, lab_pbuf("2", 1), &to, 53), 0);
	lab_pump(&lab);
	assert_came_from(server, &fresh);
	dgram_close(client);
	dgram_close(server);
	assert_int_equal(lab_live_pbufs, 0);
	lab_close(&lab);
}

/* RFC 1122 4.1.3.5: the source is one of the host's addresses. RFC 4007 9: of the right zone. */
static void source_that_is_not_ours_is_refused(void **state)
{
	struct lab lab;
	struct dgram *bound, *connected;
	ip_addr_t second[2], first = lab_ip4(1), client = lab_ip4(0), client6 = lab_ip6(0);
	ip_addr_t stranger = lab_ip4(9), stranger6 = lab_ip6(9), mine;
	ip_addr_t near = IPADDR6_INIT_HOST(0xfe800000, 0, 0, 0x77), elsewhere;
	open_with_second_addresses(&lab, second);
	struct stack *st = lab.node[1].stack;
	struct dgram *any = bind_at(&lab, 1, 53);
	assert_int_equal(dgram_open(st, &first, 54, NULL, 0, &plain, &bound), 0);
	assert_int_equal(dgram_open(st, &first, 55, &client, 9, &plain, &connected), 0);
	struct dgram *sender[] = {any, any, any, any, bound, connected};
	ip_addr_t *from[] = {&stranger, &stranger6, &second[1], &second[0], &second[0], &second[0]};
	ip_addr_t *to[] = {&client, &client6, &client, &client6, &client, &client};
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(dgram_send_from(sender[i], lab_pbuf("x", 1), from[i], to[i], 9),
			-EADDRNOTAVAIL);
	/* The link-local address of the second interface, for a neighbour on the first. */
	ip6_addr_set_zone(ip_2_ip6(&near), 1);
	elsewhere = *netif_ip_addr6(&lab.node[1].nif->next->netif, 0);
	mine = *netif_ip_addr6(&lab.node[1].nif->netif, 0);
	assert_int_equal(
		dgram_send_from(any, lab_pbuf("x", 1), &elsewhere, &near, 9), -EADDRNOTAVAIL);
	assert_int_equal(lab.node[1].sent_count, 0);
	assert_int_equal(dgram_send_from(any, lab_pbuf("x", 1), &mine, &near, 9), 0);
	assert_int_equal(dgram_send_from(bound, lab_pbuf("x", 1), &first, &client, 9), 0);
	assert_int_equal(dgram_send_from(connected, lab_pbuf("x", 1), &first, NULL, 0), 0);
	assert_true(lab.node[1].sent_count > 0); /* questions of ARP and ND */
	lab_close(&lab);
}

/* RFC 1122 3.2.1.3: what was sent to many is answered from an address of one. */
static void source_of_many_is_left_to_routing(void **state)
{
	struct lab lab;
	struct dgram_rx rx;
	ip_addr_t many[] = {IPADDR4_INIT_BYTES(10, 0, 0, 255), IPADDR4_INIT(IPADDR_BROADCAST),
		IPADDR4_INIT_BYTES(239, 1, 2, 3), IPADDR6_INIT_HOST(0xff150000, 0, 0, 0x1234)};
	struct dgram_options broadcast = {.broadcast = true};
	struct dgram *client;
	lab_open(&lab, 2, NULL);
	struct dgram *server = bind_at(&lab, 1, 53);
	assert_int_equal(
		dgram_open(lab.node[0].stack, IP_ANY_TYPE, 0, NULL, 0, &broadcast, &client), 0);
	for (unsigned i = 0; i < 4; i++) {
		ip_addr_t one = i < 3 ? lab_ip4(1) : lab_ip6(1);
		if (i >= 2)
			assert_int_equal(dgram_membership(server, &many[i], 0, true), 0);
		assert_int_equal(dgram_send(client, lab_pbuf("?", 1), &many[i], 53), 0);
		lab_pump(&lab);
		assert_true(dgram_next(server, &rx));
		assert_true(ip_addr_eq(&rx.to, &many[i]));
		assert_int_equal(
			dgram_send_from(server, rx.payload, &rx.to, &rx.from, rx.from_port), 0);
		lab_pump(&lab);
		assert_true(dgram_next(client, &rx));
		assert_true(ip_addr_eq(&rx.from, &one));
		pbuf_free(rx.payload);
	}
	lab_close(&lab);
}

static void chosen_source_holds_at_home(void **state)
{
	struct lab lab;
	struct dgram_rx rx;
	ip_addr_t second[2], first = lab_ip4(1);
	open_with_second_addresses(&lab, second);
	struct dgram *server = bind_at(&lab, 1, 53), *client = bind_at(&lab, 1, 0);
	assert_int_equal(dgram_send_from(client, lab_pbuf("x", 1), &second[0], &first, 53), 0);
	assert_true(dgram_next(server, &rx));
	assert_true(ip_addr_eq(&rx.from, &second[0]));
	assert_true(ip_addr_eq(&rx.to, &first));
	pbuf_free(rx.payload);
	lab_close(&lab);
}

/* ---- Groups ----------------------------------------------------------------------------- */

static void multicast_reaches_members_only(void **state)
{
	struct lab lab;
	struct dgram_rx rx;
	ip_addr_t group4 = IPADDR4_INIT_BYTES(239, 1, 2, 3);
	ip_addr_t group6 = IPADDR6_INIT_HOST(0xff150000, 0, 0, 0x1234), unicast = lab_ip4(0);
	lab_open(&lab, 2, NULL);
	struct dgram *client = bind_at(&lab, 0, 0), *server = bind_at(&lab, 1, 53);
	unsigned joins = lab.node[1].multicast_joins;
	assert_int_equal(dgram_membership(server, &unicast, 0, true), -EINVAL);
	for (int i = 0; i < 2; i++) {
		ip_addr_t *group = i == 0 ? &group4 : &group6;
		assert_int_equal(dgram_send(client, lab_pbuf("a", 1), group, 53), 0);
		lab_pump(&lab);
		assert_int_equal(server->rx_count, 0);
		assert_int_equal(dgram_membership(server, group, DGRAM_ALL_NIFS, true), 0);
		assert_int_equal(dgram_send(client, lab_pbuf("b", 1), group, 53), 0);
		lab_pump(&lab);
		assert_true(dgram_next(server, &rx));
		assert_int_equal(*(char *)rx.payload->payload, 'b');
		pbuf_free(rx.payload);
		assert_int_equal(dgram_membership(server, group, 0, false), 0);
		assert_int_equal(dgram_send(client, lab_pbuf("c", 1), group, 53), 0);
		lab_pump(&lab);
		assert_int_equal(server->rx_count, 0);
	}
	assert_int_equal(lab.node[1].multicast_joins, joins + 2);
	assert_int_equal(lab.node[1].multicast_leaves, 2);
	lab_close(&lab);
}

/* Two on one port: each gets what it joined, and only the last to leave tells the network. */
static void multicast_membership_is_the_sockets_own(void **state)
{
	struct lab lab;
	struct dgram_rx rx;
	struct dgram *member[2], *client;
	struct dgram_options shared = {.reuse_port = true};
	ip_addr_t group = IPADDR4_INIT_BYTES(239, 1, 2, 3),
		  other = IPADDR4_INIT_BYTES(239, 1, 2, 4);
	lab_open(&lab, 2, NULL);
	client = bind_at(&lab, 0, 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(dgram_open(lab.node[1].stack, IP_ANY_TYPE, 53, NULL, 0, &shared,
					 &member[i]),
			0);
	unsigned joins = lab.node[1].multicast_joins;
	assert_int_equal(dgram_membership(member[0], &group, 0, true), 0);
	assert_int_equal(dgram_membership(member[0], &group, 0, true), -EADDRINUSE);
	assert_int_equal(dgram_membership(member[0], &group, DGRAM_ALL_NIFS, true), -EADDRINUSE);
	assert_int_equal(dgram_membership(member[0], &group, 1, true), -EINVAL);
	assert_int_equal(dgram_membership(member[1], &group, 0, false), -EADDRNOTAVAIL);
	assert_int_equal(dgram_membership(member[1], &group, 0, true), 0);
	assert_int_equal(dgram_membership(member[1], &other, 0, true), 0);
	assert_int_equal(lab.node[1].multicast_joins, joins + 2);
	assert_int_equal(dgram_send(client, lab_pbuf("both", 4), &group, 53), 0);
	assert_int_equal(dgram_send(client, lab_pbuf("one", 3), &other, 53), 0);
	lab_pump(&lab);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(member[i]->rx_count, 1 + i);
		assert_true(dgram_next(member[i], &rx));
		assert_memory_equal(rx.payload->payload, "both", 4);
		pbuf_free(rx.payload);
	}
	assert_int_equal(lab.node[1].multicast_leaves, 0);
	dgram_close(member[0]);
	assert_int_equal(lab.node[1].multicast_leaves, 0);
	dgram_close(member[1]);
	assert_int_equal(lab.node[1].multicast_leaves, 2);
	lab_close(&lab);
}

/* lwIP counts no further than 255. */
static void multicast_group_may_have_many_members(void **state)
{
	enum { MEMBERS = 257 };
	static struct dgram *member[MEMBERS];
	struct lab lab;
	struct dgram_options shared = {.reuse_port = true};
	ip_addr_t groups[] = {
		IPADDR4_INIT_BYTES(239, 1, 2, 3), IPADDR6_INIT_HOST(0xff150000, 0, 0, 0x1234)};
	lab_open(&lab, 2, NULL);
	struct dgram *client = bind_at(&lab, 0, 0);
	for (unsigned g = 0; g < 2; g++) {
		for (unsigned i = 0; i < MEMBERS; i++) {
			assert_int_equal(dgram_open(lab.node[1].stack, IP_ANY_TYPE, 53, NULL, 0,
						 &shared, &member[i]),
				0);
			assert_int_equal(dgram_membership(member[i], &groups[g], 0, true), 0);
		}
		for (unsigned i = 1; i < MEMBERS; i++)
			dgram_close(member[i]);
		assert_int_equal(dgram_send(client, lab_pbuf("x", 1), &groups[g], 53), 0);
		lab_pump(&lab);
		assert_int_equal(member[0]->rx_count, 1);
		dgram_close(member[0]);
	}
	dgram_close(client);
	expect_memory_back(&lab);
	lab_close(&lab);
}

static void multicast_memberships_are_bounded(void **state)
{
	struct lab lab;
	lab_open(&lab, 1, NULL);
	struct dgram *member = bind_at(&lab, 0, 53);
	for (uint8_t i = 0; i < DGRAM_GROUPS_MAX; i++) {
		ip_addr_t group = IPADDR4_INIT_BYTES(239, 0, 1, i);
		assert_int_equal(dgram_membership(member, &group, 0, true), 0);
	}
	ip_addr_t more = IPADDR4_INIT_BYTES(239, 0, 2, 0);
	assert_int_equal(dgram_membership(member, &more, 0, true), -ENOBUFS);
	assert_int_equal(dgram_membership(member, &more, DGRAM_ALL_NIFS, true), -ENOBUFS);
	lab_close(&lab);
}

/* RFC 1112 6.1: a time to live of 1, and members at home hear it, unless otherwise wanted. */
static void multicast_stays_near_and_is_heard_at_home(void **state)
{
	const struct dgram_options options[] = {
		{.ttl = 9}, {.multicast_ttl = 7, .no_multicast_loop = true}};
	ip_addr_t groups[] = {
		IPADDR4_INIT_BYTES(239, 1, 2, 3), IPADDR6_INIT_HOST(0xff150000, 0, 0, 0x1234)};
	struct lab lab;
	struct dgram *sender;
	struct dgram_rx rx;
	lab_open(&lab, 2, NULL);
	struct dgram *member = bind_at(&lab, 0, 53);
	for (unsigned i = 0; i < 4; i++) {
		const ip_addr_t *group = &groups[i / 2];
		assert_int_equal(dgram_membership(member, group, 0, true), 0);
		lab_pump(&lab);
		assert_int_equal(dgram_open(lab.node[0].stack, IP_ANY_TYPE, 0, NULL, 0,
					 &options[i % 2], &sender),
			0);
		assert_int_equal(dgram_send(sender, lab_pbuf("x", 1), group, 53), 0);
		struct lab_frame *frame = lab_take(&lab, 0);
		assert_non_null(frame);
		assert_int_equal(frame->bytes[i < 2 ? 22 : 21], i % 2 == 0 ? 1 : 7);
		free(frame);
		assert_int_equal(member->rx_count, i % 2 == 0);
		if (dgram_next(member, &rx))
			pbuf_free(rx.payload);
		assert_int_equal(dgram_membership(member, group, 0, false), 0);
		dgram_close(sender);
	}
	lab_close(&lab);
}

/* A UDP frame to node 0's port 53 with room to spoil it; IPv4, no UDP checksum. */
static size_t udp_frame(uint8_t *frame, uint16_t udp_length, size_t payload)
{
	static const uint8_t header[] = {
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 0,                          /* Ethernet */
		0x45, 0, 0, 0, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 9, 10, 0, 0, 1, /* IPv4 */
		0, 7, 0, 53, 0, 0, 0, 0,                                           /* UDP */
	};
	memcpy(frame, header, sizeof(header));
	memset(frame + sizeof(header), 'p', payload);
	size_t total = 20 + 8 + payload;
	frame[16] = (uint8_t)(total >> 8);
	frame[17] = (uint8_t)total;
	frame[38] = (uint8_t)(udp_length >> 8);
	frame[39] = (uint8_t)udp_length;
	return 14 + total;
}

/* RFC 8200 8.1: with IPv6 there is a checksum; a device may find nothing wrong with none. */
static void udp6_without_checksum_is_dropped(void **state)
{
	struct lab lab;
	struct dgram_rx rx;
	uint8_t frame[] = {
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0x86, 0xdd,    /* Ethernet */
		0x60, 0, 0, 0, 0, 9, 17, 64,                       /* IPv6 */
		0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, /* from */
		0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, /* to */
		0, 7, 0, 53, 0, 9, 0, 0, 'p',                      /* UDP */
	};
	lab_open(&lab, 1, NULL);
	lab_advance(&lab, 4000); /* until the address is sure to be no duplicate */
	struct dgram *server = bind_at(&lab, 0, 53);
	lab.node[0].rx_flags = PKT_L4_CHECKSUM_GOOD;
	lab_inject(&lab, 0, frame, sizeof(frame));
	assert_false(dgram_next(server, &rx));
	assert_int_equal(stack_drops(lab.node[0].stack)->count[DROP_L4_CHECKSUM], 1);
	frame[61] = 1; /* any sum: what the device says of it counts */
	lab_inject(&lab, 0, frame, sizeof(frame));
	assert_true(dgram_next(server, &rx));
	pbuf_free(rx.payload);
	dgram_close(server);
	lab_discard(&lab, 0);
	lab_close(&lab);
}

static void udp_length_bounds_the_payload(void **state)
{
	struct lab lab;
	struct dgram_rx rx;
	uint8_t frame[200];
	lab_open(&lab, 1, NULL);
	struct dgram *server = bind_at(&lab, 0, 53);
	lab.node[0].rx_flags = PKT_IP_CHECKSUM_GOOD | PKT_L4_CHECKSUM_GOOD;
	lab_inject(&lab, 0, frame, udp_frame(frame, 8 + 3, 10));
	assert_true(dgram_next(server, &rx));
	assert_int_equal(rx.payload->tot_len, 3);
	pbuf_free(rx.payload);
	lab_inject(&lab, 0, frame, udp_frame(frame, 7, 10));
	lab_inject(&lab, 0, frame, udp_frame(frame, 8 + 11, 10));
	lab_inject(&lab, 0, frame, udp_frame(frame, 0, 10));
	assert_int_equal(server->rx_count, 0);
	lab_close(&lab);
}

static void exhausted_memory_drops_datagrams_and_recovers(void **state)
{
	struct lab lab;
	ip_addr_t to = lab_ip4(1);
	struct dgram *third;
	lab_open(&lab, 2, NULL);
	struct dgram *client = bind_at(&lab, 0, 0), *server = bind_at(&lab, 1, 53);
	echo(&lab, client, server, &to, 1);
	void *hogs[4096];
	unsigned count[2] = {0};
	for (unsigned i = 0; i < 2; i++)
		for (size_t size = 1 << 20; size > 0; size /= 2)
			while ((hogs[count[0] + count[1]] = arena_alloc(
					&lab.node[i].stack->arena, size)) != NULL)
				count[i]++;
	assert_int_equal(
		dgram_open(lab.node[0].stack, IP_ANY_TYPE, 0, NULL, 0, &plain, &third), -ENOBUFS);
	int sent = dgram_send(client, lab_pbuf("x", 1), &to, 53);
	assert_true(sent == 0 || sent == -ENOBUFS);
	lab_pump(&lab);
	assert_int_equal(server->rx_count, 0);
	assert_int_equal(lab_live_pbufs, 0);
	for (unsigned i = 0; i < count[0] + count[1]; i++)
		arena_free(&lab.node[i < count[0] ? 0 : 1].stack->arena, hogs[i]);
	echo(&lab, client, server, &to, 9000);
	dgram_close(client);
	dgram_close(server);
	expect_memory_back(&lab);
	lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(datagrams_of_every_size_echo_over_ipv4),
		cmocka_unit_test(datagrams_of_every_size_echo_over_ipv6),
		cmocka_unit_test(datagrams_echo_at_mtu_9000_and_576),
		cmocka_unit_test(offloaded_checksum_is_computed_for_fragments_only),
		cmocka_unit_test(connected_socket_hears_its_peer_only),
		cmocka_unit_test(impossible_sends_say_why_and_free_the_payload),
		cmocka_unit_test(port_of_the_dhcp_client_is_in_use),
		cmocka_unit_test(device_without_room_is_told_to_the_sender),
		cmocka_unit_test(full_queue_keeps_the_oldest_and_counts_the_rest),
		cmocka_unit_test(port_unreachable_is_one_event_and_receiving_goes_on),
		cmocka_unit_test(redirected_datagram_arrives_whole_where_it_is_put_in),
		cmocka_unit_test(lost_fragment_loses_the_datagram_and_its_memory_comes_back),
		cmocka_unit_test(datagram_to_an_own_address_stays_here),
		cmocka_unit_test(connected_socket_hears_that_nobody_is_at_home),
		cmocka_unit_test(answers_come_from_the_address_asked),
		cmocka_unit_test(source_follows_a_new_address),
		cmocka_unit_test(nothing_leaves_from_a_tentative_address),
		cmocka_unit_test(source_that_is_not_ours_is_refused),
		cmocka_unit_test(source_of_many_is_left_to_routing),
		cmocka_unit_test(chosen_source_holds_at_home),
		cmocka_unit_test(multicast_reaches_members_only),
		cmocka_unit_test(multicast_membership_is_the_sockets_own),
		cmocka_unit_test(multicast_group_may_have_many_members),
		cmocka_unit_test(multicast_memberships_are_bounded),
		cmocka_unit_test(multicast_stays_near_and_is_heard_at_home),
		cmocka_unit_test(udp6_without_checksum_is_dropped),
		cmocka_unit_test(udp_length_bounds_the_payload),
		cmocka_unit_test(exhausted_memory_drops_datagrams_and_recovers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
