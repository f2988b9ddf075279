/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/api/rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/runtime.h"
#include "driver/eal.h"
#include "driver/pktbuf.h"

#define STAYS       16u     /* turns of one moment */
#define STEP_NS     5000000 /* time never jumps farther, so that the other end's timers run */
#define PATIENCE_NS 60000000000

/* How a rig differs from the plain one. */
struct rig_kind {
	const char *cores_of_end_1;
	bool second_addresses;
};

int rig_group_setup(void **state)
{
	struct eal_config eal = {.memory_mb = 512};
	struct fault fault = {.text = ""};

	if (eal_start(&eal, &fault) == 0)
		return 0;
	fprintf(stderr, "rig: %s\n", fault.text);
	return -1;
}

int rig_group_teardown(void **state)
{
	eal_stop();
	return 0;
}

static int64_t rig_clock(void *user)
{
	return ((struct rig *)user)->now;
}

static void advance(struct rig *rig, int64_t until)
{
	int64_t due = (int64_t)wire_next_due(rig->wire);
	int64_t next = rig->now + STEP_NS;

	if (until > rig->now && until < next)
		next = until;
	/* A frame of now is for the next turn; unless nobody takes it, as his loop cannot run. */
	rig->stays = due >= 0 && due <= rig->now ? rig->stays + 1 : 0;
	if (due >= 0 && due < next && rig->stays <= STAYS)
		next = due;
	if (next > rig->now)
		rig->now = next;
	wire_set_now(rig->wire, (uint64_t)rig->now);
	if (rig->stub != NULL)
		wire_set_now(rig->stub, (uint64_t)rig->now);
}

static void run_selectors(struct rig *rig)
{
	for (unsigned end = 0; end < 2; end++)
		if (rig->sel[end] != NULL)
			rws_selector_run_once(rig->sel[end]);
	if (rig->second != NULL)
		rws_selector_run_once(rig->second);
}

/* Those that selectors do not run themselves; whether there was anything to do. */
static bool run_cores(struct rig *rig)
{
	bool work = false;

	if (rig->placement == RWS_INLINE)
		return false;
	for (unsigned end = 0; end < 2; end++)
		for (unsigned c = 0; c < rws_core_count(rig->rws[end]); c++)
			work |= core_run_once(rig->rws[end]->cores[c]);
	return work;
}

/* One end has nothing to do: the others do what they have, then time goes on. */
static void rig_wait(void *user, int64_t until)
{
	struct rig *rig = user;

	if (!rig->waiting) {
		rig->waiting = true;
		do {
			run_selectors(rig);
		} while (run_cores(rig));
		rig->waiting = false;
	}
	advance(rig, until);
}

void rig_run(struct rig *rig, int64_t ns)
{
	int64_t until = rig->now + ns;

	while (rig->now < until)
		rig_wait(rig, until);
}

int64_t rig_after(const struct rig *rig, int64_t ns)
{
	return rig->now + ns;
}

static struct rws *make_end(struct rig *rig, unsigned end, const struct rig_kind *kind)
{
	static const char *const addresses[2][3] = {
		{"10.0.0.1/24", "fd00::1/64"}, {"10.0.0.2/24", "fd00::2/64", "fd00::22/64"}};
	static const char *const of_stub[] = {"10.9.0.2/24"}, *const gateways[] = {"10.0.0.2"};
	static const char *const dns[] = {"10.0.0.2", "fd00::2"};
	bool more = kind->second_addresses;
	struct rws_interface interfaces[] = {{.device = "wire",
						     .addresses = addresses[end],
						     .address_count = more && end == 1 ? 3 : 2,
						     .gateways = gateways,
						     .gateway_count = more && end == 0},
		{.device = "stub", .addresses = of_stub, .address_count = 1}};
	struct port *const ports[] = {
		wire_port(rig->wire, end), more ? wire_port(rig->stub, end) : NULL};
	struct runtime_test test = {
		.ports = ports, .clock = rig_clock, .wait = rig_wait, .user = rig};
	struct rws_config config;
	struct rws_error error;
	struct rws *rws;

	rws_config_init(&config);
	if (end == 0) {
		config.dns = dns;
		config.dns_count = 2;
	}
	config.interfaces = interfaces;
	config.interface_count = more && end == 1 ? 2 : 1;
	config.placement = rig->placement;
	config.cores = end == 1 ? kind->cores_of_end_1 : NULL;
	config.sockets = 1024;
	if (runtime_create(&config, &test, &rws, &error) != 0)
		fail_msg("runtime: %s", error.text);
	return rws;
}

static struct wire *make_wire(struct rig *rig)
{
	struct wire_config config = {.seed = 1, .queues = 1, .pool = rig->pool};
	struct fault fault = {.text = ""};
	struct wire *wire;

	if (wire_create(&config, &wire, &fault) != 0)
		fail_msg("wire: %s", fault.text);
	wire_set_now(wire, (uint64_t)rig->now);
	wire_set_link(wire, true);
	return wire;
}

static int set_up(void **state, struct rig_kind kind)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct fault fault = {.text = ""};

	assert_non_null(rig);
	rig->placement = placement_of(state);
	rig->now = 1000000000;
	struct pktpool_config pool = {.name = "rig", .count = 16384, .numa_node = -1};
	if (pktpool_create(&pool, &rig->pool, &fault) != 0)
		fail_msg("pool: %s", fault.text);
	struct wire_impairment cable = {.delay_ns = 50000};
	rig->wire = make_wire(rig);
	if (kind.second_addresses)
		rig->stub = make_wire(rig);
	for (unsigned end = 0; end < 2; end++) {
		wire_impair(rig->wire, end, &cable);
		rig->rws[end] = make_end(rig, end, &kind);
		assert_int_equal(rws_selector_create(rig->rws[end], 0, &rig->sel[end]), 0);
	}
	if (kind.cores_of_end_1 != NULL)
		assert_int_equal(rws_selector_create(rig->rws[1], 1, &rig->second), 0);
	rig_run(rig, 3000000000); /* link up, duplicate address detection (RFC 4862 5.4) */
	*state = rig;
	return 0;
}

int rig_setup(void **state)
{
	return set_up(state, (struct rig_kind){0});
}

int rig_setup_two_cores(void **state)
{
	return set_up(state, (struct rig_kind){.cores_of_end_1 = "0-1"});
}

int rig_setup_addresses(void **state)
{
	return set_up(state, (struct rig_kind){.second_addresses = true});
}

int rig_teardown(void **state)
{
	struct rig *rig = *state;
	struct rws_selector *second = rig->second;

	rig->second = NULL;
	if (second != NULL)
		assert_true(rws_selector_close(second) >= 0);
	for (unsigned end = 0; end < 2; end++) {
		struct rws_selector *sel = rig->sel[end];
		rig->sel[end] = NULL;
		if (sel != NULL) /* else the test closed it */
			assert_true(rws_selector_close(sel) >= 0);
	}
	for (unsigned end = 0; end < 2; end++)
		assert_int_equal(rws_destroy(rig->rws[end]), 0);
	wire_free(rig->wire);
	if (rig->stub != NULL)
		wire_free(rig->stub);
	assert_int_equal(pktpool_free(rig->pool), 0);
	free(rig);
	return 0;
}

void rig_write_all(struct rig *rig, rws_channel_t out, const void *bytes, size_t n)
{
	size_t done = 0;
	int result;

	while ((result = rws_write_fully(out, bytes, n, &done)) == -EAGAIN)
		assert_int_equal(rws_await_free_space(out, 1, rig_after(rig, PATIENCE_NS)), 1);
	assert_int_equal(result, 0);
	assert_int_equal(rws_flush(out), 0);
}

void rig_read_all(struct rig *rig, rws_channel_t in, void *bytes, size_t n)
{
	size_t got = 0;
	int result;

	while ((result = rws_read_fully(in, bytes, n, &got)) == -EAGAIN)
		assert_int_equal(rws_await_content(in, 1, rig_after(rig, PATIENCE_NS)), 1);
	assert_int_equal(result, 0);
}

static struct rws_address parse(const char *host, uint16_t port)
{
	struct rws_address address;

	assert_int_equal(rws_address_parse(host, &address), 0);
	address.port = port;
	return address;
}

struct rws_address rig_address(unsigned end, bool ipv6, uint16_t port)
{
	char host[32];

	snprintf(host, sizeof(host), ipv6 ? "fd00::%u" : "10.0.0.%u", end + 1);
	return parse(host, port);
}

struct rws_address rig_second_address(bool ipv6, uint16_t port)
{
	return parse(ipv6 ? "fd00::22" : "10.9.0.2", port);
}

void rig_use_packets(struct rig *rig, unsigned end, unsigned percent)
{
	struct pbuf *p;

	for (unsigned c = 0; c < rws_core_count(rig->rws[end]); c++) {
		struct pktpool *pool = rig->rws[end]->pools[c];
		while (pktpool_in_use(pool) * 100 < pktpool_size(pool) * percent &&
			(p = pktbuf_alloc(pool)) != NULL) {
			p->next = rig->held;
			rig->held = p;
		}
	}
	pktpool_set_spare(rig->pool, percent < 50); /* what the wire brings is of no core's pool */
	while (percent == 0 && (p = rig->held) != NULL) {
		rig->held = p->next;
		p->next = NULL;
		pbuf_free(p);
	}
}

struct wanted {
	const char *name;
	uint64_t value;
	bool found;
};

static void look(void *user, const char *name, const char *text, uint64_t value)
{
	struct wanted *wanted = user;

	if (strcmp(name, wanted->name) == 0) {
		wanted->value = value;
		wanted->found = true;
	}
}

uint64_t rig_counter(struct rig *rig, unsigned end, const char *name)
{
	struct wanted wanted = {.name = name};

	rws_counters(rig->rws[end], look, &wanted);
	assert_true(wanted.found);
	return wanted.value;
}
