/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/bench/lone_stack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "driver/eal.h"
#include "driver/pktbuf.h"
#include "driver/port.h"
#include "tests/bench/realtime.h"

#define MEMORY_MB   128u
#define PACKETS     16384u
#define ARENA_BYTES ((size_t)64 << 20)
#define NAP_NS      50000L
#define PATIENCE_NS 10000000000ULL

void lone_stack_die(const struct lone_stack *lone, const char *what)
{
	fprintf(stderr, "%s: %s\n", lone->program, what);
	exit(1);
}

/* ---- Set-up ------------------------------------------------------------------------------ */

static void open_device(struct lone_stack *lone, const char *device)
{
	struct fault fault = {.text = ""};
	struct eal_config eal = {.devices = &device, .device_count = 1, .memory_mb = MEMORY_MB};
	struct pktpool_config pool = {.name = "lone", .count = PACKETS, .numa_node = -1};

	if (eal_start(&eal, &fault) != 0 || pktpool_create(&pool, &lone->pool, &fault) != 0)
		lone_stack_die(lone, fault.text);
	struct port_config port = {.device = device, .queues = 1, .pools = &lone->pool};
	if (port_open(&port, &lone->port, &fault) != 0)
		lone_stack_die(lone, fault.text);
}

static enum drop_reason output(void *device, const struct nif_frame *frame)
{
	return port_tx(device, 0, frame);
}

static const struct nif_ops ops = {.output = output};

static void open_stack(struct lone_stack *lone, const char *address, uint8_t cookies)
{
	struct stack_config config = {.arena = malloc(ARENA_BYTES),
		.arena_size = ARENA_BYTES,
		.now_ns = realtime_now(),
		.primary = true,
		.syn_cookies = cookies};
	struct port_info info;
	ip_addr_t ip;

	if (config.arena == NULL ||
		getrandom(config.secret, sizeof(config.secret), 0) != sizeof(config.secret))
		lone_stack_die(lone, "no memory, or no randomness");
	lone->stack = stack_init(&config);
	port_get_info(lone->port, &info);
	struct nif_config nif = {.ops = &ops,
		.device = lone->port,
		.mtu = info.mtu,
		.tx_offloads = port_nif_offloads(info.offloads)};
	memcpy(nif.mac, info.mac, sizeof(nif.mac));
	if (!ipaddr_aton(address, &ip))
		lone_stack_die(lone, "no such address");
	if (lone->stack == NULL || (lone->nif = nif_add(lone->stack, &nif)) == NULL ||
		nif_add_address(lone->nif, &ip, IP_IS_V6(&ip) ? 64 : 24) != 0)
		lone_stack_die(lone, "no interface");
	nif_set_link(lone->nif, true);
}

/* An IPv6 address besides the link-local one, or the IPv4 address: both in use. */
static bool has_address(const struct lone_stack *lone, const char *address)
{
	struct nif_address in_use[NIF_IPV6_MAX + 2];
	unsigned count = nif_addresses(lone->nif, in_use, NIF_IPV6_MAX + 2);
	ip_addr_t ip;

	for (unsigned i = 0; i < count; i++)
		if (ipaddr_aton(address, &ip) && ip_addr_zoneless_eq(&in_use[i].address, &ip))
			return true;
	return false;
}

void lone_stack_open(
	struct lone_stack *lone, const char *device, const char *address, uint8_t cookies)
{
	open_device(lone, device);
	open_stack(lone, address, cookies);
	uint64_t deadline = realtime_now() + PATIENCE_NS;
	while (!has_address(lone, address)) {
		if (realtime_now() > deadline)
			lone_stack_die(lone, "the address is not usable, it may be another's");
		lone_stack_turn(lone);
	}
}

void lone_stack_close(struct lone_stack *lone)
{
	stack_free(lone->stack);
	port_close(lone->port);
	eal_stop();
}

/* ---- The loop ---------------------------------------------------------------------------- */

static void tell(struct lone_stack *lone, struct ready *ready)
{
	uint16_t events = ready->events;

	ready->events = 0;
	lone->news(lone, ready->user, events);
}

static void accept_all(struct lone_stack *lone, struct conn *listener)
{
	struct conn *conn;

	listener->ready.events = 0;
	while ((conn = conn_accept(listener)) != NULL) {
		lone->accept(lone, listener, conn);
		tell(lone, &conn->ready);
	}
}

static void take_events(struct lone_stack *lone)
{
	struct ready *ready;

	while ((ready = stack_next_ready(lone->stack)) != NULL) {
		if (ready->kind == READY_LISTENER)
			accept_all(lone, (struct conn *)ready);
		else if (ready->user != NULL) /* else accept_all tells of it */
			tell(lone, ready);
	}
}

void lone_stack_turn(struct lone_stack *lone)
{
	struct pbuf *pkts[PORT_BURST];
	struct timespec nap = {.tv_nsec = NAP_NS};

	lone->now = realtime_now();
	stack_set_now(lone->stack, lone->now);
	unsigned n = port_rx_burst(lone->port, 0, pkts, PORT_BURST);
	if (n > 0)
		stack_input(lone->stack, lone->nif, pkts, n);
	stack_run_timers(lone->stack);
	stack_flush_output(lone->stack);
	take_events(lone);
	stack_flush_output(lone->stack);
	if (port_tx_flush(lone->port, 0) == 0 && n == 0)
		nanosleep(&nap, NULL);
}

static void chunk_free(struct pbuf *p)
{
	free(p);
}

struct pbuf *lone_stack_chunk(struct lone_stack *lone, const void *bytes, uint32_t length)
{
	struct pbuf_custom *custom = calloc(1, sizeof(*custom));

	if (custom == NULL)
		lone_stack_die(lone, "no memory");
	custom->custom_free_function = chunk_free;
	return pbuf_alloced_custom(
		PBUF_RAW, (u16_t)length, PBUF_REF, custom, (void *)(uintptr_t)bytes, (u16_t)length);
}
