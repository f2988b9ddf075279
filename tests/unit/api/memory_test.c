/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an idle TCP connection costs: both ends ESTABLISHED, both channels open, nothing queued.
 * Connections are opened through the API over a wire, and what the memory of each side grew by is
 * divided by their number: the arena's use, the tables as far as they were ever touched, the heap.
 */
#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/core_internal.h"
#include "api/endpoint.h"
#include "api/socket.h"
#include "stack/base/poison.h"
#include "stack/tcp/tcp_internal.h"
#include "tests/unit/api/rig.h"

#define PORT        7000
#define SECOND      ((int64_t)1000000000)
#define CONNECTIONS 1000u
#define API_MOST    320.0 /* bytes */
#define ALL_MOST    768.0

static rws_socket_t sockets[2][CONNECTIONS];

/* ---- Connections ------------------------------------------------------------------------ */

static void open_connection(struct rig *rig, rws_socket_t server, bool ipv6, unsigned i)
{
	struct rws_address address = rig_address(1, ipv6, PORT);
	rws_channel_t in, out;

	assert_int_equal(rws_tcp_connect(rig->sel[0], &address, NULL, &sockets[0][i]), 0);
	assert_int_equal(
		rws_await(sockets[0][i], RWS_EV_CONNECTED, rig->now + SECOND), RWS_EV_CONNECTED);
	assert_int_equal(
		rws_await(server, RWS_EV_ACCEPTABLE, rig->now + SECOND), RWS_EV_ACCEPTABLE);
	assert_int_equal(rws_accept(server, &sockets[1][i]), 0);
	for (unsigned end = 0; end < 2; end++)
		assert_int_equal(rws_connection(sockets[end][i], &in, &out), 0);
}

static void assert_idle(const struct rws_selector *sel, rws_socket_t handle)
{
	const struct sock *s = (struct sock *)slot_find(&sel->socks, handle);

	assert_non_null(s);
	assert_true(s->connected && !s->dead);
	assert_int_equal(s->read_channel.role, CHANNEL_READ);
	assert_int_equal(s->write_channel.role, CHANNEL_WRITE);
	assert_null(s->extra); /* or the pools' blocks would have to be counted */
	assert_int_equal(s->grant, NO_GRANT);
	assert_int_equal(s->lent + s->inflight, 0);
}

/* ---- Measuring -------------------------------------------------------------------------- */

/* Bytes that one end uses now; those of the heap are the process's, both ends'. */
struct use {
	size_t socks, endpoints, arena, heap;
};

static struct use use_of(struct rig *rig, unsigned end)
{
	const struct rws_selector *sel = rig->sel[end];
	struct stack_memory memory;
	struct mallinfo2 heap = mallinfo2();

	stack_memory(sel->lanes[0].core->stack, &memory);
	return (struct use){
		.socks = sel->socks.touched * sel->socks.element,
		.endpoints = atomic_load(&sel->lanes[0].core->endpoints.touched) *
			sizeof(struct endpoint),
		.arena = memory.used,
		.heap = heap.uordblks + heap.hblkhd,
	};
}

static double each(size_t before, size_t after)
{
	return ((double)after - (double)before) / CONNECTIONS;
}

static void print_part(const char *part, double bytes, const char *of)
{
	printf("    %-34s %8.1f  %s\n", part, bytes, of);
}

static double print_api_side(const struct use *before, const struct use *after)
{
	double sock = each(before->socks, after->socks);
	double endpoint = each(before->endpoints, after->endpoints);
	double deadline = sizeof(struct deadline);
	double heap = each(before->heap, after->heap);
	const struct sock *s = NULL;
	double parts = (double)(sizeof(s->slot) + sizeof(s->read_channel) +
		sizeof(s->write_channel) + sizeof(s->local) + sizeof(s->remote) +
		sizeof(s->reader_job) + sizeof(s->writer_job) + sizeof(s->context));

	print_part("handle slot", sizeof(s->slot), "of the socket");
	print_part("channels", sizeof(s->read_channel) + sizeof(s->write_channel), "");
	print_part("jobs", sizeof(s->reader_job) + sizeof(s->writer_job) + sizeof(s->context), "");
	print_part("addresses", sizeof(s->local) + sizeof(s->remote), "");
	print_part("its other fields", sock - parts, "");
	print_part("socket in all", sock, "measured: table");
	print_part("endpoint, no header", endpoint, "measured: pool");
	print_part("place for a deadline", deadline, "touched while a close lingers");
	print_part("heap beside", heap, "measured, both ends");
	print_part("API's side", sock + endpoint + deadline + heap, "at most 320");
	return sock + endpoint + deadline + heap;
}

static void print_and_check(const char *what, const struct use *before, const struct use *after)
{
	double arena = each(before->arena, after->arena);

	printf("  %s, bytes a connection, of %u:\n", what, CONNECTIONS);
	double api = print_api_side(before, after);
	print_part("control block", sizeof(struct tcb), "");
	print_part("flow table, port, unused rest", arena - sizeof(struct tcb), "");
	print_part("stack's side", arena, "measured: arena");
	print_part("connection in all", api + arena, "at most 768");
	assert_true(api <= API_MOST);
	assert_true(api + arena <= ALL_MOST);
}

static void measure(struct rig *rig, bool ipv6)
{
	struct rws_address address = rig_address(1, ipv6, PORT);
	struct use before[2];
	rws_socket_t server;

	assert_int_equal(rws_tcp_bind(rig->sel[1], &address, NULL, &server), 0);
	/* One before all, so that neighbours know each other and pools have their first block. */
	open_connection(rig, server, ipv6, 0);
	rig_run(rig, SECOND);
	for (unsigned end = 0; end < 2; end++)
		before[end] = use_of(rig, end);
	for (unsigned i = 0; i < CONNECTIONS; i++)
		open_connection(rig, server, ipv6, i);
	rig_run(rig, 5 * SECOND);
	for (unsigned end = 0; end < 2; end++) {
		struct use after = use_of(rig, end);
		for (unsigned i = 0; i < CONNECTIONS; i++)
			assert_idle(rig->sel[end], sockets[end][i]);
		print_and_check(end == 0 ? "connected" : "accepted", &before[end], &after);
	}
}

static void established_over_ipv4_with_nothing_queued_is_small(void **state)
{
	measure(*state, false);
}

static void established_over_ipv6_with_nothing_queued_is_small(void **state)
{
	measure(*state, true);
}

/* ---- Many of them ----------------------------------------------------------------------- */

#define MANY 4000000u

static const char *const address[] = {"10.0.0.3/24"};

/* A runtime that nobody uses, on an end of the wire. */
static int create(struct rig *rig, unsigned many, struct rws **rws)
{
	struct rws_interface interface = {
		.device = "wire", .addresses = address, .address_count = 1};
	struct port *port = wire_port(rig->wire, 0);
	struct runtime_test test = {.ports = &port};
	struct rws_config config;
	struct rws_error error;

	rws_config_init(&config);
	config.interfaces = &interface;
	config.interface_count = 1;
	config.placement = RWS_INLINE;
	config.sockets = many;
	return runtime_create(&config, &test, rws, &error);
}

#ifdef POISON_WORKS
/* AddressSanitizer keeps a byte of its own for eight that are reserved. */
static size_t resident(void)
{
	return 0;
}
#else
static size_t resident(void)
{
	size_t total, pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%zu %zu", &total, &pages), 2);
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}
#endif

static void sockets_that_are_not_there_take_no_memory(void **state)
{
	struct rws_selector *few, *many;
	struct rws *rws;

	/* The first one pays for the pools of both: the id is the same. */
	assert_int_equal(create(*state, 0, &rws), 0);
	assert_int_equal(rws_selector_create(rws, 0, &few), 0);
	assert_int_equal(rws_selector_close(few), 0);
	assert_int_equal(rws_destroy(rws), 0);
	size_t before = resident();
	assert_int_equal(create(*state, MANY, &rws), 0);
	assert_int_equal(rws_selector_create(rws, 0, &many), 0);
	assert_int_equal(many->socks.capacity, MANY);
	assert_true(resident() < before + MANY * 16u);
	assert_int_equal(rws_selector_close(many), 0);
	assert_int_equal(rws_destroy(rws), 0);
}

static void sockets_that_no_handle_can_name_are_refused(void **state)
{
	struct rws *rws;

	assert_int_equal(create(*state, HANDLE_INDEX_MAX + 1, &rws), -EINVAL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(established_over_ipv4_with_nothing_queued_is_small),
		CASE(established_over_ipv6_with_nothing_queued_is_small),
		CASE(sockets_that_are_not_there_take_no_memory),
		CASE(sockets_that_no_handle_can_name_are_refused),
	};

	return cmocka_run_group_tests(tests, rig_group_setup, rig_group_teardown);
}
